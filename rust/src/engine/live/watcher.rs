//! Looks for interfaces and opens them for all workers, in a thread of its own. The kernel takes long to open and to
//! close handles, and no worker has to wait for it.

mod buffers;
mod problems;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::super::job::{Job, Level};
use super::super::lock::lock;
use super::mailboxes::{Mailboxes, Message};
use super::numbers::Numbers;
use super::places::Places;
use super::roster::Roster;
use crate::capture::interfaces::Selection;
use crate::capture::links::{Key, Link};
use crate::capture::live::{self, CaptureSettings, InterfaceHandle, Wanted};
use crate::capture::wait::wait;
use crate::capture::{BUFFER_BUDGET, Error, clocks};
use crate::pipeline::packet::InterfaceId;
use crate::pipeline::snapshot::InterfaceState;

/// How often the watcher looks for interfaces that came up or went away, even if the kernel reports none.
const RESCAN: Duration = Duration::from_secs(2);
/// The shortest time between news from the kernel and a look, since interfaces may come and go by the thousand. An
/// interface that is being removed goes down first, and this is long enough for the rest.
const LEAST_PAUSE: Duration = Duration::from_millis(100);
/// Interfaces opened at the same time. Opening one takes 20 ms, most of which is waiting in the kernel, so several can
/// be opened at once.
const OPENERS: usize = 8;
/// Time until the next look after buffers were replaced. The old buffers are closed by then.
const TURN: Duration = Duration::from_millis(300);
/// A handle that fails this soon after it was opened is not replaced at once.
const SOON: Duration = Duration::from_secs(2);

/// An interface being captured from.
struct Watched {
    key: Key,
    name: String,
    /// Its name in its network namespace.
    device: String,
    id: InterfaceId,
    opening: u32,
    opened: Instant,
    /// Bytes of all its handles that are not closed yet.
    buffer: u64,
    /// Its traffic, by which the budget is divided.
    weight: u64,
    /// Why a handle failed, if one has.
    failed: Option<String>,
}

/// Keeps track of the interfaces, and opens and gives up handles on them.
pub struct Watcher {
    job: Arc<Job>,
    mailboxes: Arc<Mailboxes>,
    selection: Selection,
    settings: CaptureSettings,
    places: Places,
    numbers: Numbers,
    roster: Roster,
    /// Interfaces opened so far.
    openings: u32,
    open: Vec<Watched>,
    /// The problems that are shown, with the number of the interface's row.
    problems: BTreeMap<String, (InterfaceId, String)>,
    /// Bytes of buffers whose handles are given up but not closed yet.
    spent: u64,
    /// Byte counter of each interface at the last look.
    passed: HashMap<Key, u64>,
    next_scan: Instant,
}

impl Watcher {
    pub fn new(job: Arc<Job>, mailboxes: Arc<Mailboxes>, selection: Selection, settings: CaptureSettings) -> Self {
        Self {
            job,
            mailboxes,
            selection,
            settings,
            places: Places::default(),
            numbers: Numbers::default(),
            roster: Roster::default(),
            openings: 0,
            open: Vec::new(),
            problems: BTreeMap::new(),
            spent: 0,
            passed: HashMap::new(),
            next_scan: Instant::now() + RESCAN,
        }
    }

    /// Opens the selected interfaces.
    pub fn open(&mut self) -> Result<(), Error> {
        self.places = Places::open(&self.selection)?;
        let there = self.places.look()?;
        let found: Vec<Link> = self.selection.find(&there).map_err(Error::NoInterface)?.into_iter().cloned().collect();
        self.count_traffic(&there);
        let meant = self.fit(found, Level::Warning);
        let (wanted, crowded) = self.plan(meant);
        let mut refusal = None;
        for (seen, result) in self.add(wanted, InterfaceState::Up) {
            let Err(error) = result else { continue };
            // One of several interfaces may be unfit, and is only logged. An error is fatal for an interface that was
            // asked for by name, and if it would happen to every interface.
            if self.selection.names(&seen) || matches!(error, Error::NotPermitted { .. } | Error::Filter { .. }) {
                return Err(error);
            }
            self.refuse(&seen, &error, Level::Warning);
            refusal.get_or_insert_with(|| format!("{}: {error}", seen.name));
        }
        self.crowd_out(&crowded);
        if self.open.is_empty() && !self.job.shared.bell.is_rung() {
            let no_room = || crowded.first().map(|seen| format!("{}: {}", seen.name, crowd()));
            let reason = refusal.or_else(no_room).unwrap_or_else(|| "no interface has a name in UTF-8".into());
            return Err(Error::NoInterface(format!("no interface to capture from ({reason})")));
        }
        if self.selection.excludes_from_any(&there) {
            let told = "any has the packets of all interfaces, so --exclude-interface leaves none of them out";
            self.log(Level::Warning, told.into());
        }
        self.show_problems(&there);
        self.publish_names();
        Ok(self.places.hold_at(&self.job.shared)?)
    }

    /// Keeps the open interfaces up to date until the end of the capture.
    pub fn run(mut self) -> Result<(), Error> {
        loop {
            let pause = self.next_scan.saturating_duration_since(Instant::now()) + Duration::from_millis(1);
            let sources: Vec<_> = self.places.news().chain([self.mailboxes.news_of_watcher()]).collect();
            if wait(&sources, &self.job.shared.bell, pause)? {
                return Ok(());
            }
            if self.places.hush() | self.read_messages() {
                self.next_scan = self.next_scan.min(Instant::now() + LEAST_PAUSE);
            }
            if Instant::now() >= self.next_scan {
                // The workers end when the bell rings.
                let is_busy = self.rescan().inspect_err(|_| self.job.shared.bell.ring())?;
                let now = Instant::now();
                let next = now + if is_busy { TURN } else { self.places.pause().unwrap_or(RESCAN) };
                self.next_scan = self.roster.next_try(now).map_or(next, |retry| next.min(retry));
            }
        }
    }

    /// Leaves out interfaces whose names are not UTF-8. They are logged once.
    fn fit(&mut self, meant: Vec<Link>, level: Level) -> Vec<Link> {
        let (fit, odd): (Vec<_>, Vec<_>) = meant.into_iter().partition(|seen| seen.is_utf8);
        for seen in odd {
            let unfit = Error::Failed { name: seen.name.clone(), reason: "its name is not UTF-8".into() };
            self.refuse_as(&seen, &unfit, level, true);
        }
        fit
    }

    /// Opens interfaces and sends the handles to the workers. Returns the result for each.
    fn add(&mut self, wanted: Vec<(Link, Wanted)>, state: InterfaceState) -> Vec<(Link, Result<(), Error>)> {
        let mut told = Vec::with_capacity(wanted.len());
        for (seen, Wanted { name, id, opening, buffer, .. }, result) in self.open_together(wanted) {
            let result = result.map(|handles| {
                // `since` is set only for an interface that came up later: at the start nothing was missed.
                let since = (state == InterfaceState::New).then(|| clocks::read().wall);
                for (to, handle) in handles.into_iter().enumerate() {
                    let state = if to == 0 { state } else { InterfaceState::Up };
                    self.mailboxes.send(to, Message::Add(handle, state, since));
                }
                self.roster.capture(&seen, self.selection.names(&seen));
                let (key, device, weight) = (seen.key, seen.device.clone(), seen.bytes);
                let opened = Instant::now();
                self.open.push(Watched { key, name, device, id, opening, opened, buffer, weight, failed: None });
            });
            told.push((seen, result));
        }
        told
    }

    /// Returns the number for a name. `taken` are numbers of interfaces that are about to be opened.
    fn number(&mut self, name: &str, taken: impl Iterator<Item = InterfaceId>) -> InterfaceId {
        let open = self.open.iter().map(|open| open.id);
        let shown = self.problems.values().map(|(id, _)| *id);
        self.numbers.give(name, open.chain(shown).chain(taken))
    }

    /// Opens interfaces, those of each network namespace on a thread that is in it.
    fn open_together(&self, wanted: Vec<(Link, Wanted)>) -> Vec<Outcome> {
        let mut by_place: BTreeMap<usize, Vec<(Link, Wanted)>> = BTreeMap::new();
        for (link, wanted) in wanted {
            by_place.entry(link.key.place).or_default().push((link, wanted));
        }
        let mut done = Vec::new();
        for (place, wanted) in by_place {
            let (job, settings) = (self.job.clone(), self.settings.clone());
            done.extend(self.places.run(place, move || open_several(wanted, &job, &settings)).unwrap_or_default());
        }
        done.sort_by_key(|(_, wanted, _)| wanted.opening);
        done
    }

    fn log(&self, level: Level, message: String) {
        self.job.shared.log(level, message);
    }

    fn is_asked(&self, seen: &Link) -> bool {
        self.selection.names(seen) || self.roster.is_asked(seen.key)
    }

    fn publish_names(&self) {
        *lock(&self.job.shared.names) = self.open.iter().map(|open| open.name.clone()).collect();
    }

    /// True if a handle has failed.
    fn read_messages(&mut self) -> bool {
        let (mut spent, mut has_failed) = (Vec::new(), false);
        for message in self.mailboxes.take_of_watcher() {
            match message {
                Message::Failed(opening, reason) => {
                    // Several workers may report the same failure. By then the opening may have been given up. Whether
                    // the interface went down or was removed is known at the next look.
                    let open = self.open.iter_mut().find(|open| open.opening == opening);
                    open.into_iter().for_each(|open| open.failed = Some(reason.clone()));
                    has_failed = true;
                }
                Message::Spent(handle) => spent.push(handle),
                _ => {}
            }
        }
        for handle in &spent {
            let open = self.open.iter_mut().find(|open| open.opening == handle.opening);
            let buffer = open.map_or(&mut self.spent, |open| &mut open.buffer);
            *buffer = buffer.saturating_sub(u64::from(handle.buffer_size));
        }
        live::close(spent);
        has_failed
    }

    /// Opens interfaces that came up, gives up those that went down, and follows those that were renamed. True if the
    /// next look must come soon. An error if the capture is to end because an interface went down.
    fn rescan(&mut self) -> Result<bool, Error> {
        for (level, message) in self.places.follow(&self.selection) {
            self.log(level, message);
        }
        let Ok(there) = self.places.look() else { return Ok(false) };
        let now = Instant::now();
        self.follow(&there);
        let mut is_early = self.give_up(&there, now);
        // Opening others takes time. The reason is told in the interval in which an interface is lost.
        self.show_problems(&there);
        self.count_traffic(&there);
        let is_open = |key: Key| self.open.iter().any(|open| open.key == key);
        let is_meant = |seen: &&Link| self.selection.means(seen) || self.roster.has_captured(seen.key);
        let news = there.iter().filter(|seen| seen.up && !is_open(seen.key));
        let meant = news.filter(is_meant).filter(|seen| self.roster.may_try(seen.key, now)).cloned().collect();
        let meant = self.fit(meant, Level::Info);
        let (wanted, crowded) = self.plan(meant);
        let mut failed = Vec::new();
        for (seen, result) in self.add(wanted, InterfaceState::New) {
            match result {
                Ok(()) => self.log(Level::Info, format!("capturing on {}", seen.name)),
                Err(error) => failed.push((seen, error)),
            }
        }
        // An interface that was removed or renamed meanwhile is no problem.
        let there = if failed.is_empty() { there } else { self.places.look().unwrap_or(there) };
        for (seen, error) in failed {
            let is_there = |one: &Link| one.key == seen.key && one.name == seen.name && one.up;
            if there.iter().any(is_there) {
                let level = if self.is_asked(&seen) || !matches!(error, Error::LinkType { .. }) {
                    Level::Warning
                } else {
                    Level::Info
                };
                self.refuse(&seen, &error, level);
            } else {
                is_early = true;
            }
        }
        self.publish_names();
        let takes_turns = self.settings.buffer_size.is_none() && self.take_turns(crowded.len());
        if !takes_turns {
            self.crowd_out(&crowded);
        }
        self.show_problems(&there);
        self.check()?;
        if self.places.are_over() {
            return Err(Error::Gone("each process that --netns names has ended".into()));
        }
        Ok(takes_turns || is_early)
    }

    /// Takes note of new names. Nothing else changes: a handle belongs to an interface, not to a name.
    fn follow(&mut self, there: &[Link]) {
        for (seen, before) in self.roster.look(there) {
            let level = if self.roster.is_asked(seen.key) { Level::Warning } else { Level::Info };
            self.job.shared.log(level, format!("{before} is called {} now, and is followed", seen.name));
            if let Some(open) = self.open.iter_mut().find(|open| open.key == seen.key) {
                (open.name, open.device) = (seen.name.clone(), seen.device.clone());
                self.numbers.rename(&before, &open.name);
                self.mailboxes.send_all(|| Message::Rename(open.id, open.opening, open.name.clone()));
            }
        }
    }

    /// Gives up interfaces that were removed or went down, or whose handles failed. True if the next look must come
    /// soon.
    fn give_up(&mut self, there: &[Link], now: Instant) -> bool {
        let (mut at, mut is_early, had_some) = (0, false, !self.open.is_empty());
        while let Some(open) = self.open.get(at) {
            let seen = there.iter().find(|seen| seen.key == open.key);
            let is_asked = self.roster.is_asked(open.key) || self.selection.exact().any(|name| *name == open.device);
            let (name, failed) = (open.name.clone(), open.failed.clone());
            match (seen, failed) {
                (Some(seen), None) if seen.up => at += 1,
                (Some(seen), Some(reason)) if seen.up => {
                    let is_soon = now < open.opened + SOON;
                    self.log(Level::Warning, named(&name, &reason));
                    self.lose(at, false);
                    if is_soon {
                        self.roster.refuse(seen, &reason, false, now);
                    }
                    is_early = true;
                }
                (Some(_), _) => {
                    self.log(Level::Warning, format!("{name}: went down"));
                    self.lose(at, false);
                }
                (None, _) => {
                    let level = if is_asked { Level::Warning } else { Level::Info };
                    self.log(level, format!("{name}: was removed"));
                    self.lose(at, !is_asked);
                }
            }
        }
        if had_some && self.open.is_empty() {
            self.log(Level::Warning, "no interface is left to capture from; waiting for one".into());
        }
        is_early
    }

    /// `is_removed` if it was removed and nobody asked for it by name.
    fn lose(&mut self, at: usize, is_removed: bool) {
        let Watched { name, id, opening, buffer, .. } = self.open.remove(at);
        self.spent += buffer;
        self.roster.lose(&name);
        let until = clocks::read().steady;
        self.mailboxes.send_all(|| Message::Lose(id, opening, name.clone(), until, is_removed));
        self.publish_names();
    }
}

/// An interface that was to be opened, and the result.
type Outcome = (Link, Wanted, Result<Vec<InterfaceHandle>, Error>);

/// Opens interfaces of the network namespace of this thread, several at once. If the capture is closed meanwhile, the
/// remaining ones are not opened.
fn open_several(wanted: Vec<(Link, Wanted)>, job: &Job, settings: &CaptureSettings) -> Vec<Outcome> {
    let count = wanted.len();
    let (todo, done) = (Mutex::new(wanted.into_iter()), Mutex::new(Vec::with_capacity(count)));
    let work = || {
        while let Some((link, wanted)) = { lock(&todo).next() }.filter(|_| !job.shared.bell.is_rung()) {
            let result = InterfaceHandle::open(&wanted, job.workers, settings);
            lock(&done).push((link, wanted, result));
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..count.min(OPENERS) {
            // If no thread can be started, the threads that exist do the work.
            let _ = std::thread::Builder::new().spawn_scoped(scope, work);
        }
        work();
    });
    std::mem::take(&mut *lock(&done))
}

/// The reason why there is no buffer left for another interface.
fn crowd() -> String {
    let budget = BUFFER_BUDGET >> 20;
    format!("the capture buffers of the other interfaces use all {budget} MiB; -B sets the size of each buffer")
}

/// The name of an interface and a reason, which may begin with the name already.
fn named(name: &str, reason: &str) -> String {
    let is_named = reason.strip_prefix(name).is_some_and(|rest| rest.starts_with(": "));
    if is_named { reason.to_owned() } else { format!("{name}: {reason}") }
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
