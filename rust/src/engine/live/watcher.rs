//! Looks for interfaces and opens them for all workers, in a thread of its own. The kernel takes long to open and to
//! close handles, and no worker has to wait for it.

use std::collections::HashMap;
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::super::job::{Job, Level};
use super::super::lock::lock;
use super::mailboxes::{Mailboxes, Message};
use super::numbers::Numbers;
use super::rings::{LEAST_BUFFER, is_small, share_out, weigh, whole};
use crate::capture::interfaces::{self, Info, Selection};
use crate::capture::links::Links;
use crate::capture::live::{self, CaptureSettings, InterfaceHandle};
use crate::capture::wait::wait;
use crate::capture::{BUFFER_BUDGET, Error, clocks, traffic};
use crate::pipeline::packet::InterfaceId;
use crate::pipeline::snapshot::InterfaceState;

/// How often the watcher looks for interfaces that came up or went away, even if the kernel reports none.
const RESCAN: Duration = Duration::from_secs(2);
/// The shortest time between news from the kernel and a look, since interfaces may come and go by the thousand.
const LEAST_PAUSE: Duration = Duration::from_millis(100);
/// Interfaces opened at the same time. Opening one takes 20 ms, most of which is waiting in the kernel, so several can
/// be opened at once.
const OPENERS: usize = 8;
/// Names for which a failure to open is logged. Failures of further names are not.
const MAX_REFUSED: usize = 1000;
/// Buffers replaced at one look, at most.
const MAX_TURNS: usize = 8;
/// Time until the next look after buffers were replaced. The old buffers are closed by then.
const TURN: Duration = Duration::from_millis(300);

/// An interface being captured from.
struct Watched {
    name: String,
    id: InterfaceId,
    opening: u32,
    /// Bytes of all its handles.
    buffer: u64,
    /// Its traffic, by which the budget is divided.
    weight: u64,
}

/// An interface to open.
struct Wanted {
    name: String,
    id: InterfaceId,
    opening: u32,
    buffer: u64,
}

/// Keeps track of the interfaces, and opens and gives up handles on them.
pub struct Watcher {
    job: Arc<Job>,
    mailboxes: Arc<Mailboxes>,
    selection: Selection,
    settings: CaptureSettings,
    numbers: Numbers,
    /// Names that could not be opened, each of which was logged once.
    refused: Vec<String>,
    /// Interfaces opened so far.
    openings: u32,
    open: Vec<Watched>,
    /// Bytes of buffers whose handles are given up but not closed yet.
    spent: u64,
    /// Byte counter of each interface at the last look.
    passed: HashMap<String, u64>,
    next_scan: Instant,
    /// The kernel's reports of interfaces that come up and go down. `None` if they cannot be had.
    links: Option<Links>,
}

impl Watcher {
    pub fn new(job: Arc<Job>, mailboxes: Arc<Mailboxes>, selection: Selection, settings: CaptureSettings) -> Self {
        Self {
            job,
            mailboxes,
            selection,
            settings,
            numbers: Numbers::default(),
            refused: Vec::new(),
            openings: 0,
            open: Vec::new(),
            spent: 0,
            passed: traffic::read(),
            next_scan: Instant::now() + RESCAN,
            links: None,
        }
    }

    /// Opens the selected interfaces.
    pub fn open(&mut self) -> Result<(), Error> {
        // Listening begins before interfaces are listed, so that none is missed that comes up meanwhile. Without the
        // kernel's reports, only the regular looks find changes.
        self.links = Links::listen().ok();
        self.open_all()
    }

    /// Keeps the open interfaces up to date until the end of the capture.
    pub fn run(mut self) -> Result<(), Error> {
        loop {
            let pause = self.next_scan.saturating_duration_since(Instant::now()) + Duration::from_millis(1);
            let news = self.links.iter().map(AsFd::as_fd);
            let sources: Vec<_> = news.chain([self.mailboxes.news_of_watcher()]).collect();
            if wait(&sources, &self.job.shared.bell, pause)? {
                return Ok(());
            }
            if self.links.as_ref().is_some_and(Links::hush) {
                self.next_scan = self.next_scan.min(Instant::now() + LEAST_PAUSE);
            }
            self.read_messages();
            if Instant::now() >= self.next_scan {
                let is_busy = self.rescan();
                self.next_scan = Instant::now() + if is_busy { TURN } else { RESCAN };
            }
        }
    }

    fn open_all(&mut self) -> Result<(), Error> {
        let there = interfaces::list()?;
        self.selection.find(&there).map_err(Error::NoInterface)?;
        let names = self.meant(&there);
        let (wanted, crowded) = self.plan(names);
        let mut refusal = None;
        for (name, result) in self.add(wanted, InterfaceState::Up) {
            let Err(error) = result else { continue };
            // One of several interfaces may be unfit, and is only logged. An error is fatal for an interface that was
            // asked for by name, and if it would happen to every interface.
            let is_named = self.selection.exact().any(|exact| *exact == name);
            if is_named || matches!(error, Error::NotPermitted { .. } | Error::Filter { .. }) {
                return Err(error);
            }
            self.refuse(&name, &error.to_string());
            refusal.get_or_insert_with(|| format!("{name}: {error}"));
        }
        crowded.iter().for_each(|name| self.refuse(name, &crowd()));
        if self.open.is_empty() && !self.job.shared.bell.is_rung() {
            let crowd = || crowded.first().map(|name| format!("{name}: {}", crowd()));
            let reason = refusal.or_else(crowd).unwrap_or_else(|| "no interface has a name in UTF-8".into());
            return Err(Error::NoInterface(format!("no interface to capture from ({reason})")));
        }
        self.publish_names();
        Ok(())
    }

    /// Returns the selected names. Names that are not UTF-8 are left out and logged once.
    fn meant(&mut self, there: &[Info]) -> Vec<String> {
        let mut names = self.selection.select(there);
        for info in there.iter().filter(|info| !info.is_utf8) {
            if names.contains(&info.name) {
                names.retain(|name| *name != info.name);
                self.refuse(&info.name, "its name is not UTF-8");
            }
        }
        names
    }

    /// Opens interfaces and sends the handles to the workers. Returns the result for each name.
    fn add(&mut self, wanted: Vec<Wanted>, state: InterfaceState) -> Vec<(String, Result<(), Error>)> {
        let mut told = Vec::with_capacity(wanted.len());
        for (Wanted { name, id, opening, buffer }, result) in self.open_together(wanted) {
            let result = result.map(|handles| {
                // `since` is set only for an interface that came up later: at the start nothing was missed.
                let since = (state == InterfaceState::New).then(|| clocks::read().wall);
                for (to, handle) in handles.into_iter().enumerate() {
                    let state = if to == 0 { state } else { InterfaceState::Up };
                    self.mailboxes.send(to, Message::Add(handle, state, since));
                }
                let weight = self.passed.get(&name).copied().unwrap_or_default();
                self.open.push(Watched { name: name.clone(), id, opening, buffer, weight });
            });
            told.push((name, result));
        }
        told
    }

    /// Decides how large the buffer of each interface is to be. Also returns the names for which no buffer is left.
    fn plan(&mut self, names: Vec<String>) -> (Vec<Wanted>, Vec<String>) {
        let mut weights: Vec<u64> = self.open.iter().map(|open| open.weight).collect();
        weights.extend(names.iter().map(|name| self.passed.get(name).copied().unwrap_or_default()));
        let shares = share_out(&weights, self.least());
        let (mut wanted, mut crowded, mut used) = (Vec::new(), Vec::new(), self.used());
        let is_first = self.open.is_empty();
        for (name, share) in names.into_iter().zip(shares.into_iter().skip(self.open.len())) {
            let free = BUFFER_BUDGET.saturating_sub(used);
            let buffer = match self.settings.buffer_size {
                Some(size) => u64::from(size),
                None if is_first => share,
                // At most half of what is left: more interfaces may come, and replacing a buffer by a smaller one needs
                // room.
                None => whole(share.min(free / 2), self.least()),
            };
            let has_room = self.settings.buffer_size.is_some() || buffer <= free;
            if !has_room {
                crowded.push(name);
                continue;
            }
            let id = self.number(&name, &wanted);
            used += buffer;
            self.openings += 1;
            wanted.push(Wanted { name, id, opening: self.openings, buffer });
        }
        (wanted, crowded)
    }

    /// Returns the number for a name. `taken` are interfaces that are about to be opened, whose numbers are in use too.
    fn number(&mut self, name: &str, taken: &[Wanted]) -> InterfaceId {
        let open = self.open.iter().map(|open| open.id);
        self.numbers.give(name, open.chain(taken.iter().map(|wanted| wanted.id)))
    }

    /// The fewest bytes that the handles of one interface need together.
    fn least(&self) -> u64 {
        LEAST_BUFFER * self.job.workers as u64
    }

    /// Bytes of all buffers that exist now.
    fn used(&self) -> u64 {
        self.spent + self.open.iter().map(|open| open.buffer).sum::<u64>()
    }

    /// Opens interfaces, several at once. If the capture is closed meanwhile, the remaining ones are not opened.
    fn open_together(&self, wanted: Vec<Wanted>) -> Vec<(Wanted, Result<Vec<InterfaceHandle>, Error>)> {
        let count = wanted.len();
        let (todo, done) = (Mutex::new(wanted.into_iter()), Mutex::new(Vec::with_capacity(count)));
        let work = || {
            while let Some(next) = { lock(&todo).next() }.filter(|_| !self.job.shared.bell.is_rung()) {
                let Wanted { name, id, opening, buffer } = &next;
                let size = u32::try_from(*buffer).unwrap_or(u32::MAX);
                let result = InterfaceHandle::open(name, *id, *opening, self.job.workers, size, &self.settings);
                lock(&done).push((next, result));
            }
        };
        std::thread::scope(|scope| {
            for _ in 1..count.min(OPENERS) {
                // If no thread can be started, the threads that exist do the work.
                let _ = std::thread::Builder::new().spawn_scoped(scope, work);
            }
            work();
        });
        let mut done = std::mem::take(&mut *lock(&done));
        done.sort_by_key(|(wanted, _)| wanted.opening);
        done
    }

    fn refuse(&mut self, name: &str, reason: &str) {
        if self.refused.len() < MAX_REFUSED && !self.refused.iter().any(|refused| refused == name) {
            self.refused.push(name.to_owned());
            self.job.shared.log(Level::Warning, format!("not capturing on {}", named(name, reason)));
        }
    }

    fn publish_names(&self) {
        *lock(&self.job.shared.names) = self.open.iter().map(|open| open.name.clone()).collect();
    }

    fn read_messages(&mut self) {
        let mut spent = Vec::new();
        for message in self.mailboxes.take_of_watcher() {
            match message {
                Message::Failed(opening, reason) => {
                    // Several workers may report the same failure. By then the opening may have been given up.
                    if let Some(at) = self.open.iter().position(|open| open.opening == opening) {
                        self.lose(at, &reason);
                    }
                }
                Message::Spent(handle) => spent.push(handle),
                _ => {}
            }
        }
        self.spent = spent.iter().fold(self.spent, |all, handle| all.saturating_sub(u64::from(handle.buffer_size)));
        live::close(spent);
    }

    /// Opens interfaces that came up, and gives up those that went down. True if the next look must come soon.
    fn rescan(&mut self) -> bool {
        let Ok(there) = interfaces::list() else { return false };
        let is_up = |name: &str| there.iter().any(|info| info.name == name && info.up);
        while let Some(at) = self.open.iter().position(|open| !is_up(&open.name)) {
            self.lose(at, "went down");
        }
        self.count_traffic();
        let mut names = self.meant(&there);
        names.retain(|name| is_up(name) && !self.open.iter().any(|open| open.name == *name));
        let (wanted, crowded) = self.plan(names);
        for (name, result) in self.add(wanted, InterfaceState::New) {
            match result {
                Ok(()) => self.job.shared.log(Level::Info, format!("capturing on {name}")),
                Err(error) => self.refuse(&name, &error.to_string()),
            }
        }
        // An interface that was asked for by name is reported as down for as long as it is down.
        for name in self.selection.exact().filter(|name| !self.open.iter().any(|open| open.name == **name)) {
            if let Some(id) = self.numbers.find(name) {
                self.mailboxes.send(0, Message::Down(id, name.clone()));
            }
        }
        self.publish_names();
        let takes_turns = self.settings.buffer_size.is_none() && self.take_turns(!crowded.is_empty());
        if !takes_turns {
            crowded.iter().for_each(|name| self.refuse(name, &crowd()));
        }
        takes_turns
    }

    /// Updates the weights by the traffic since the last look.
    fn count_traffic(&mut self) {
        let now = traffic::read();
        for open in &mut self.open {
            let bytes = |counts: &HashMap<String, u64>| counts.get(&open.name).copied().unwrap_or_default();
            open.weight = weigh(open.weight, bytes(&now).saturating_sub(bytes(&self.passed)));
        }
        self.passed = now;
    }

    /// Gives busy interfaces with small buffers larger ones. If there is no room for these, makes other buffers smaller
    /// first. True if a buffer was replaced.
    fn take_turns(&mut self, is_crowded: bool) -> bool {
        let weights: Vec<u64> = self.open.iter().map(|open| open.weight).collect();
        let shares: Vec<_> = share_out(&weights, self.least()).into_iter().enumerate().collect();
        let is_small = |&(at, share): &(usize, u64)| is_small(self.open[at].buffer, share, self.open[at].weight);
        let mut turns: Vec<_> = shares.iter().copied().filter(is_small).collect();
        let room = BUFFER_BUDGET.saturating_sub(self.used());
        if is_crowded || turns.iter().any(|&(_, share)| share > room) {
            turns = shares.into_iter().filter(|&(at, share)| share < self.open[at].buffer).collect();
            turns.sort_by_key(|&(at, share)| (share, at));
        }
        turns.into_iter().take(MAX_TURNS).fold(false, |changed, (at, buffer)| self.take_turn(at, buffer) || changed)
    }

    /// Opens an interface again with a buffer of another size. From then on the new handles hand over its packets. True
    /// if it was opened.
    fn take_turn(&mut self, at: usize, buffer: u64) -> bool {
        if self.used() + buffer > BUFFER_BUDGET {
            return false;
        }
        self.openings += 1;
        let Watched { name, id, .. } = &self.open[at];
        let size = u32::try_from(buffer).unwrap_or(u32::MAX);
        // If the interface went away meanwhile, its old handles report that.
        let opened = InterfaceHandle::open(name, *id, self.openings, self.job.workers, size, &self.settings);
        let Ok(handles) = opened else { return false };
        let turn = clocks::read().steady;
        let open = &mut self.open[at];
        self.spent += open.buffer;
        open.buffer = buffer;
        let before = std::mem::replace(&mut open.opening, self.openings);
        for (to, mut handle) in handles.into_iter().enumerate() {
            handle.begin_at(turn);
            self.mailboxes.send(to, Message::Replace(before, handle, turn));
        }
        true
    }

    fn lose(&mut self, at: usize, reason: &str) {
        let Watched { name, id, opening, buffer, .. } = self.open.remove(at);
        self.spent += buffer;
        let until = clocks::read().steady;
        self.mailboxes.send_all(|| Message::Lose(id, opening, name.clone(), until));
        self.job.shared.log(Level::Warning, named(&name, reason));
        self.publish_names();
    }
}

/// The name of an interface and a reason, which may begin with the name already.
fn named(name: &str, reason: &str) -> String {
    let is_named = reason.strip_prefix(name).is_some_and(|rest| rest.starts_with(": "));
    if is_named { reason.to_owned() } else { format!("{name}: {reason}") }
}

/// The reason why there is no buffer left for another interface.
fn crowd() -> String {
    let budget = BUFFER_BUDGET >> 20;
    format!("the capture buffers of the other interfaces use all {budget} MiB; -B sets the size of each buffer")
}

#[cfg(test)]
mod tests {
    use super::named;

    #[test]
    fn a_message_names_its_interface_once() {
        assert_eq!(named("vb", "went down"), "vb: went down");
        assert_eq!(named("vb", "vb: The interface disappeared"), "vb: The interface disappeared");
        assert_eq!(named("vb", "vb0: no such device"), "vb: vb0: no such device");
    }
}
