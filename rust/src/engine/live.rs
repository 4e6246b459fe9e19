//! Captures from interfaces, with one worker or several. Interfaces may come and go; when one goes, capturing from the
//! others goes on.
//!
//! Each worker has a handle of its own on every interface, and the kernel divides the packets among the handles by
//! connection. A watcher looks for interfaces and opens them for all workers, so no worker waits for the kernel.

mod clocks;
mod mailboxes;
mod nap;
mod numbers;
mod owners;
mod places;
mod rings;
mod roster;
mod timeline;
mod watcher;
mod worker;

use std::panic::resume_unwind;
use std::sync::Arc;

use super::collector::Collector;
use super::job::{Job, Opened};
use super::keylogs::{KeyLogs, Keying};
use super::queue::Overflow;
use crate::capture::interfaces::Selection;
use crate::capture::live::CaptureSettings;
use crate::capture::namespace::OWN;
use crate::capture::{Error, clocks as machine};
use crate::privileges::Rights;
use clocks::Clocks;
use mailboxes::Mailboxes;
use owners::Finding;
use watcher::Watcher;
use worker::Worker;

/// Captures from interfaces until the end. `opened` is told when the interfaces that are up at the start are open.
pub fn run(job: Job, selection: Selection, settings: CaptureSettings, opened: &Opened) -> Result<(), Error> {
    // Key logs are opened with all rights, as interfaces are.
    let keylogs = match KeyLogs::open(&job, Keying::Gated) {
        Ok(keylogs) => keylogs,
        Err(error) => {
            opened.tell(Err(error));
            return Ok(());
        }
    };
    let job = Arc::new(job);
    let mailboxes = Arc::new(Mailboxes::new(job.workers)?);
    let collector = Arc::new(Collector::new(job.workers, &job.pipeline, Overflow::Merge));
    let clocks = Arc::new(Clocks::new(machine::read));
    let worker = |number| Worker::new(number, &job, &collector, &mailboxes, &clocks);
    let mut workers: Vec<_> = (0..job.workers).map(worker).collect();
    // Sockets of other network namespaces are not looked at, and those of this one have nothing to do with their packets.
    let is_here = selection.namespaces.iter().all(|name| name == OWN);
    let finding = is_here.then(|| Finding::begin(&job)).flatten().map(|(finding, asker)| {
        for (number, worker) in workers.iter_mut().enumerate() {
            worker.find_processes(asker.of(number), finding.machine());
        }
        finding
    });
    let mut watcher = Watcher::new(job.clone(), mailboxes.clone(), selection, settings);
    let gate = &job.shared.gate;
    // The thread of the watcher inherits the capabilities that this thread keeps.
    if let Err(error) = watcher.open().and_then(|()| Ok(gate.keep_rights()?)) {
        opened.tell(Err(error));
        return Ok(());
    }
    std::thread::scope(|scope| {
        // If a thread cannot be started, the threads that were started are ended.
        let start = |name: String| std::thread::Builder::new().name(name);
        let stop = |error: std::io::Error| {
            job.shared.bell.ring();
            Error::from(error)
        };
        let watch = move || if gate.pass(Rights::NET_RAW) { watcher.run() } else { Ok(()) };
        (0..2).for_each(|_| gate.expect());
        let watching = start("netmon-watcher".into()).spawn_scoped(scope, watch).map_err(stop)?;
        let _following = keylogs.follow(&job.shared).map_err(stop)?;
        opened.tell(Ok(()));
        if !gate.pass(Rights::NONE) {
            return Ok(());
        }
        // The time-out starts here, since neither opening the interfaces nor giving up rights counts.
        job.begin();
        let begin = workers[0].now();
        workers.iter_mut().for_each(|worker| worker.begin(begin));
        let first = workers.remove(0);
        let mut threads = vec![watching];
        if let Some(finding) = finding {
            let (job, mailboxes) = (job.clone(), mailboxes.clone());
            let run = move || {
                finding.run(&job, &mailboxes);
                Ok(())
            };
            threads.push(start("netmon-processes".into()).spawn_scoped(scope, run).map_err(stop)?);
        }
        for (at, worker) in (1..).zip(workers) {
            let thread = start(format!("netmon-worker-{at}")).spawn_scoped(scope, move || worker.run());
            threads.push(thread.map_err(stop)?);
        }
        let mut result = first.run();
        for thread in threads {
            result = result.and(thread.join().unwrap_or_else(|panic| resume_unwind(panic)));
        }
        result
    })
}
