//! Interfaces, polled by one worker or several. Interfaces may come and go; when one goes, the others are captured on.
//!
//! Each worker has a handle of its own on every interface, and the kernel divides the packets among them by their
//! connection. A scout looks for interfaces and opens them for all, so no worker waits for the kernel.

mod clocks;
mod member;
mod numbers;
mod post;
mod rings;
mod scout;
mod timeline;

use std::panic::resume_unwind;
use std::sync::Arc;

use super::collector::Collector;
use super::job::{Job, Opened};
use super::queue::Overflow;
use crate::capture::interfaces::Selection;
use crate::capture::live::Settings;
use crate::capture::{Error, clocks as machine};
use clocks::Clocks;
use member::Member;
use post::Post;
use scout::Scout;

/// Captures from interfaces until the end; `opened` is told when those that are there are open.
pub fn run(job: Job, selection: Selection, settings: Settings, opened: &Opened) -> Result<(), Error> {
    let job = Arc::new(job);
    let post = Arc::new(Post::new(job.workers)?);
    let collector = Arc::new(Collector::new(job.workers, Overflow::Merge));
    let clocks = Arc::new(Clocks::new(machine::read));
    let member = |number| Member::new(number, &job, &collector, &post, &clocks);
    let mut members: Vec<_> = (0..job.workers).map(member).collect();
    let mut scout = Scout::new(job.clone(), post, selection, settings);
    if !scout.open(opened) {
        return Ok(());
    }
    // The capture begins now: until here the sources were opened.
    job.begin();
    let start = members[0].now();
    members.iter_mut().for_each(|member| member.begin(start));
    let first = members.remove(0);
    std::thread::scope(|scope| {
        // When one cannot be started, those that were end as well.
        let start = |name: String| std::thread::Builder::new().name(name);
        let stop = |error: std::io::Error| {
            job.shared.bell.ring();
            Error::from(error)
        };
        let scouting = start("netmon-scout".into()).spawn_scoped(scope, move || scout.run()).map_err(stop)?;
        let mut threads = vec![scouting];
        for (at, member) in (1..).zip(members) {
            let worker = start(format!("netmon-worker-{at}")).spawn_scoped(scope, move || member.run());
            threads.push(worker.map_err(stop)?);
        }
        let mut result = first.run();
        for thread in threads {
            result = result.and(thread.join().unwrap_or_else(|panic| resume_unwind(panic)));
        }
        result
    })
}
