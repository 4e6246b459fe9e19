//! Interfaces, polled by one worker or several. Interfaces may come and go; when one goes, the others are captured on.
//!
//! Each worker has a handle of its own on every interface, and the kernel divides the packets among them by their
//! connection. The first worker is the coordinator as well: it looks for interfaces and opens them for all.

mod clocks;
mod member;
mod numbers;
mod post;
mod timeline;

use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::collector::Collector;
use super::queue::Overflow;
use super::{Job, Level, lock};
use crate::capture::interfaces::{self, Selection};
use crate::capture::live::{Interface, Settings};
use crate::capture::{Error, KNOWN_LINK_TYPES, clocks as machine};
use crate::pipeline::packet::InterfaceId;
use crate::pipeline::snapshot::InterfaceState;
use clocks::Clocks;
use member::Member;
use numbers::Numbers;
use post::{Mail, Post};

/// How often interfaces are looked for that came up or went away.
const RESCAN: Duration = Duration::from_secs(2);

/// Interfaces being captured from.
pub struct Live {
    job: Arc<Job>,
    coordinator: Coordinator,
    members: Vec<Member>,
}

impl Live {
    pub fn open(job: Job, selection: Selection, settings: Settings) -> Result<Self, Error> {
        let job = Arc::new(job);
        let post = Arc::new(Post::new(job.workers)?);
        let collector = Arc::new(Collector::new(job.workers, Overflow::Merge));
        let clocks = Arc::new(Clocks::new(machine::read));
        let member = |number| Member::new(number, &job, &collector, &post, &clocks);
        let mut members: Vec<_> = (0..job.workers).map(member).collect();
        let mut coordinator = Coordinator {
            job: job.clone(),
            post,
            selection,
            settings,
            numbers: Numbers::default(),
            refused: Vec::new(),
            openings: 0,
            next_scan: Instant::now() + RESCAN,
        };
        coordinator.open_all(&mut members[0])?;
        Ok(Self { job, coordinator, members })
    }

    pub fn run(self) -> Result<(), Error> {
        let Self { job, coordinator, mut members } = self;
        members.iter_mut().for_each(Member::begin);
        let first = members.remove(0);
        std::thread::scope(|scope| {
            let mut threads = Vec::new();
            for (at, member) in members.into_iter().enumerate() {
                let builder = std::thread::Builder::new().name(format!("netmon-worker-{}", at + 1));
                match builder.spawn_scoped(scope, move || member.run(None)) {
                    Ok(thread) => threads.push(thread),
                    Err(error) => {
                        job.shared.bell.ring();
                        return Err(error.into());
                    }
                }
            }
            let mut result = first.run(Some(coordinator));
            for thread in threads {
                result = result.and(thread.join().unwrap_or_else(|panic| resume_unwind(panic)));
            }
            result
        })
    }
}

/// Knows which interfaces there are, and opens them for all workers.
pub struct Coordinator {
    job: Arc<Job>,
    post: Arc<Post>,
    selection: Selection,
    settings: Settings,
    numbers: Numbers,
    /// Names that could not be opened: said once.
    refused: Vec<String>,
    /// Interfaces opened so far.
    openings: u32,
    next_scan: Instant,
}

impl Coordinator {
    fn open_all(&mut self, first: &mut Member) -> Result<(), Error> {
        let there = interfaces::list()?;
        for name in self.selection.exact() {
            if !there.iter().any(|info| info.name == *name) {
                let names: Vec<&str> = there.iter().map(|info| info.name.as_str()).collect();
                return Err(Error::NoInterface(format!("no interface {name} (there are: {})", names.join(" "))));
            }
        }
        for name in self.selection.select(&there) {
            if let Err(error) = self.add(first, &name, InterfaceState::Up) {
                // One of many may be unfit; what was asked for by name may not, and a missing right is everybody's.
                let is_named = self.selection.exact().any(|exact| *exact == name);
                if is_named || matches!(error, Error::NotPermitted { .. } | Error::Filter(_)) {
                    return Err(error);
                }
                self.refuse(&name, &error);
            }
        }
        if first.open.is_empty() {
            return Err(Error::NoInterface(format!("no interface to capture from ({KNOWN_LINK_TYPES})")));
        }
        self.publish_names(first);
        Ok(())
    }

    /// Deals with interfaces that failed, and looks for others when it is time. Returns when that is next.
    fn look_after(&mut self, first: &mut Member) -> Instant {
        for (id, opening, reason) in std::mem::take(&mut first.failed) {
            // Another worker may tell of one that is given up, or open again, already.
            if first.open.iter().any(|interface| interface.opening == opening) {
                self.lose(first, id, opening, &reason);
            }
        }
        if Instant::now() >= self.next_scan {
            self.rescan(first);
        }
        self.next_scan
    }

    fn add(&mut self, first: &mut Member, name: &str, state: InterfaceState) -> Result<(), Error> {
        let id = self.numbers.give(name, first.open.iter().map(|interface| interface.id));
        self.openings += 1;
        let handles = Interface::open(name, id, self.openings, self.job.workers, &self.settings)?;
        for (to, handle) in handles.into_iter().enumerate() {
            if to == 0 {
                first.open.push(handle);
            } else {
                self.post.send(to, Mail::Add(handle));
            }
        }
        first.pipeline.set_interface(id, name, state);
        Ok(())
    }

    fn refuse(&mut self, name: &str, error: &Error) {
        if self.refused.len() >= InterfaceId::MOST {
            self.refused.clear();
        }
        if !self.refused.iter().any(|refused| refused == name) {
            self.refused.push(name.to_owned());
            self.job.shared.log(Level::Warning, format!("not capturing on {name}: {error}"));
        }
    }

    fn publish_names(&self, first: &Member) {
        *lock(&self.job.shared.names) = first.open.iter().map(|interface| interface.name.clone()).collect();
    }

    fn rescan(&mut self, first: &mut Member) {
        self.next_scan = Instant::now() + RESCAN;
        let Ok(there) = interfaces::list() else { return };
        let is_up = |name: &str| there.iter().any(|info| info.name == name && info.up);
        let gone = first.open.iter().filter(|interface| !is_up(&interface.name));
        for (id, opening) in gone.map(|interface| (interface.id, interface.opening)).collect::<Vec<_>>() {
            self.lose(first, id, opening, "went down");
        }
        for name in self.selection.select(&there) {
            if is_up(&name) && !first.open.iter().any(|interface| interface.name == name) {
                match self.add(first, &name, InterfaceState::New) {
                    Ok(()) => self.job.shared.log(Level::Info, format!("capturing on {name}")),
                    Err(error) => self.refuse(&name, &error),
                }
            }
        }
        // Who asked for an interface by name is told again and again that it is down.
        for name in self.selection.exact().filter(|name| !first.open.iter().any(|open| open.name == **name)) {
            if let Some(id) = self.numbers.find(name) {
                first.pipeline.set_interface(id, name, InterfaceState::Down);
            }
        }
        self.publish_names(first);
    }

    fn lose(&mut self, first: &mut Member, id: InterfaceId, opening: u32, reason: &str) {
        let Some(at) = first.open.iter().position(|interface| interface.opening == opening) else { return };
        let name = first.open.remove(at).name;
        if id != InterfaceId::OTHER {
            first.pipeline.set_interface(id, &name, InterfaceState::Down);
        }
        self.post.send_others(|| Mail::Lose(id, name.clone()));
        self.job.shared.log(Level::Warning, format!("{name}: {reason}"));
        self.publish_names(first);
    }
}
