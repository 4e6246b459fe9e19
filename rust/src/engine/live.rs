//! Interfaces, polled by one worker or several. Interfaces may come and go; when one goes, the others are captured on.
//!
//! Each worker has a handle of its own on every interface, and the kernel divides the packets among them by their
//! connection. The first worker is the coordinator as well: it looks for interfaces and opens them for all.

mod clocks;
mod member;
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
use crate::capture::{Error, clocks as machine};
use crate::pipeline::packet::InterfaceId;
use crate::pipeline::snapshot::InterfaceState;
use clocks::Clocks;
use member::Member;
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
            names: Vec::new(),
            refused: Vec::new(),
            openings: 0,
            next_scan: Instant::now() + RESCAN,
        };
        coordinator.open_all(&mut members[0])?;
        Ok(Self { job, coordinator, members })
    }

    pub fn run(self) -> Result<(), Error> {
        let Self { job, coordinator, mut members } = self;
        job.begin();
        let start = members[0].now();
        members.iter_mut().for_each(|member| member.begin(start));
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
    /// Every name seen so far, at the place of its number; a name that comes back keeps its number.
    names: Vec<String>,
    /// Names that could not be opened: said once.
    refused: Vec<String>,
    /// Interfaces opened so far.
    openings: u32,
    next_scan: Instant,
}

impl Coordinator {
    fn open_all(&mut self, first: &mut Member) -> Result<(), Error> {
        let there = interfaces::list()?;
        let meant = self.selection.find(&there).map_err(Error::NoInterface)?;
        let mut refusal = None;
        for name in meant {
            if let Err(error) = self.add(first, &name, InterfaceState::Up) {
                // One of many may be unfit; what was asked for by name may not, and a missing right is everybody's.
                let is_named = self.selection.exact().any(|exact| *exact == name);
                if is_named || matches!(error, Error::NotPermitted { .. } | Error::Filter(_)) {
                    return Err(error);
                }
                self.refuse(&name, &error);
                refusal.get_or_insert_with(|| format!("{name}: {error}"));
            }
        }
        if let Some(refusal) = refusal.filter(|_| first.open.is_empty()) {
            return Err(Error::NoInterface(format!("no interface to capture from ({refusal})")));
        }
        self.publish_names(first);
        Ok(())
    }

    /// Deals with interfaces that failed, and looks for others when it is time. Returns when that is next.
    fn look_after(&mut self, first: &mut Member) -> Instant {
        for (id, opening, reason) in std::mem::take(&mut first.failed) {
            // Another worker may tell of one that is given up, or open again, already.
            if first.open.iter().any(|interface| interface.opening == opening) {
                self.lose(first, id, &reason);
            }
        }
        if Instant::now() >= self.next_scan {
            self.rescan(first);
        }
        self.next_scan
    }

    fn add(&mut self, first: &mut Member, name: &str, state: InterfaceState) -> Result<(), Error> {
        let number = self.names.iter().position(|known| known == name).unwrap_or(self.names.len());
        let id = InterfaceId(number as u16);
        self.openings += 1;
        let handles = Interface::open(name, id, self.openings, self.job.workers, &self.settings)?;
        if number == self.names.len() {
            self.names.push(name.to_owned());
        }
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
        let gone = first.open.iter().filter(|interface| !is_up(&interface.name)).map(|interface| interface.id);
        for id in gone.collect::<Vec<_>>() {
            self.lose(first, id, "went down");
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
            if let Some(number) = self.names.iter().position(|known| known == name) {
                first.pipeline.set_interface(InterfaceId(number as u16), name, InterfaceState::Down);
            }
        }
        self.publish_names(first);
    }

    fn lose(&mut self, first: &mut Member, id: InterfaceId, reason: &str) {
        let name = &self.names[usize::from(id.0)];
        first.open.retain(|interface| interface.id != id);
        first.pipeline.set_interface(id, name, InterfaceState::Down);
        self.post.send_others(|| Mail::Lose(id, name.clone()));
        self.job.shared.log(Level::Warning, format!("{name}: {reason}"));
        self.publish_names(first);
    }
}
