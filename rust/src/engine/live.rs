//! Interfaces, polled by one thread. Interfaces may come and go; when one goes, the others are captured on.

use std::os::fd::AsFd;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::{Level, Worker, lock};
use crate::capture::interfaces::{self, Selection};
use crate::capture::live::{BLOCK_TIMEOUT_MS, Interface, Settings};
use crate::capture::wait::wait;
use crate::capture::{Error, KNOWN_LINK_TYPES};
use crate::pipeline::packet::{InterfaceId, Packet, SECOND, Timestamp};
use crate::pipeline::snapshot::InterfaceState;

/// Packets taken from one interface before the next has its turn.
const BATCH: usize = 4096;
/// How long after its end an interval is closed by the wall clock: blocks of the kernel's buffer arrive that late.
const GRACE: i64 = 4 * BLOCK_TIMEOUT_MS as i64 * 1_000_000;
/// How often interfaces are looked for that came up or went away.
const RESCAN: Duration = Duration::from_secs(2);
/// A packet stamped later than this from now has a broken clock.
const MAX_AHEAD: i64 = 5 * SECOND;
/// At most so many empty intervals are made up for a clock that was set forward.
const MAX_CATCH_UP: u32 = 300;

/// Interfaces being captured from.
pub struct Live {
    worker: Worker,
    selection: Selection,
    settings: Settings,
    open: Vec<Interface>,
    /// Every name seen so far, at the place of its number; a name that comes back keeps its number.
    names: Vec<String>,
    /// Names that could not be opened: said once.
    refused: Vec<String>,
    next_scan: Instant,
    /// End of the interval in which drops were read last.
    drops_read: Option<Timestamp>,
}

impl Live {
    pub fn open(worker: Worker, selection: Selection, settings: Settings) -> Result<Self, Error> {
        let mut live = Self {
            worker,
            selection,
            settings,
            open: Vec::new(),
            names: Vec::new(),
            refused: Vec::new(),
            next_scan: Instant::now() + RESCAN,
            drops_read: None,
        };
        let there = interfaces::list()?;
        for name in live.selection.exact() {
            if !there.iter().any(|info| info.name == *name) {
                let names: Vec<&str> = there.iter().map(|info| info.name.as_str()).collect();
                return Err(Error::NoInterface(format!("no interface {name} (there are: {})", names.join(" "))));
            }
        }
        for name in live.selection.select(&there) {
            if let Err(error) = live.add(&name, InterfaceState::Up) {
                // One of many may be unfit; what was asked for by name may not, and a missing right is everybody's.
                let is_named = live.selection.exact().any(|exact| *exact == name);
                if is_named || matches!(error, Error::NotPermitted { .. } | Error::Filter(_)) {
                    return Err(error);
                }
                live.refuse(&name, &error);
            }
        }
        if live.open.is_empty() {
            return Err(Error::NoInterface(format!("no interface to capture from ({KNOWN_LINK_TYPES})")));
        }
        live.publish_names();
        Ok(live)
    }

    pub fn run(mut self) -> Result<(), Error> {
        self.worker.intervals.open_at(now());
        loop {
            let is_busy = self.take_packets();
            self.keep_time(now());
            if Instant::now() >= self.next_scan {
                self.rescan();
            }
            let pause = if is_busy { Duration::ZERO } else { self.pause() };
            let sources: Vec<_> = self.open.iter().map(AsFd::as_fd).collect();
            if wait(&sources, &self.worker.shared.bell, pause)? || self.worker.is_over() {
                break;
            }
        }
        self.drain();
        self.worker.finish();
        Ok(())
    }

    fn add(&mut self, name: &str, state: InterfaceState) -> Result<(), Error> {
        let number = self.names.iter().position(|known| known == name).unwrap_or(self.names.len());
        let id = InterfaceId(number as u16);
        self.open.push(Interface::open(name, id, &self.settings)?);
        if number == self.names.len() {
            self.names.push(name.to_owned());
        }
        self.worker.pipeline.set_interface(id, name, state);
        Ok(())
    }

    fn refuse(&mut self, name: &str, error: &Error) {
        if !self.refused.iter().any(|refused| refused == name) {
            self.refused.push(name.to_owned());
            self.worker.shared.log(Level::Warning, format!("not capturing on {name}: {error}"));
        }
    }

    fn publish_names(&self) {
        *lock(&self.worker.shared.names) = self.open.iter().map(|interface| interface.name.clone()).collect();
    }

    /// Takes a batch from every interface. Returns whether one of them has more.
    fn take_packets(&mut self) -> bool {
        let Self { worker, open, .. } = self;
        let latest = now().plus(MAX_AHEAD);
        let mut is_busy = false;
        let mut failed = Vec::new();
        for (at, interface) in open.iter_mut().enumerate() {
            let taken = interface.dispatch(BATCH, |packet| {
                let packet = Packet { ts: packet.ts.min(latest), ..*packet };
                if worker.intervals.is_over(packet.ts) {
                    close_through(worker, packet.ts);
                }
                worker.pipeline.push(&packet);
            });
            match taken {
                Ok(taken) => is_busy |= taken == BATCH,
                Err(error) => failed.push((at, error)),
            }
        }
        for (at, error) in failed.into_iter().rev() {
            self.lose(at, &error.to_string());
        }
        is_busy
    }

    /// On a silent link the wall clock closes intervals and lets connections time out.
    fn keep_time(&mut self, now: Timestamp) {
        let settled = now.plus(-GRACE);
        self.worker.pipeline.tick(settled);
        if self.worker.intervals.is_over(settled) {
            self.read_drops();
            close_through(&mut self.worker, settled);
        }
        if self.drops_read != self.worker.intervals.end() {
            self.drops_read = self.worker.intervals.end();
            self.read_drops();
        }
    }

    fn read_drops(&mut self) {
        for interface in &mut self.open {
            let (kernel, device) = interface.take_drops();
            self.worker.pipeline.add_drops(kernel, device);
        }
    }

    /// How long nothing needs to be done if no packet comes.
    fn pause(&self) -> Duration {
        let until_scan = self.next_scan.saturating_duration_since(Instant::now());
        let end = self.worker.intervals.end().map_or(now(), |end| end.plus(GRACE));
        let until_end = Duration::from_nanos(end.since(now()));
        let until_deadline = self.worker.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        until_scan.min(until_end).min(until_deadline.unwrap_or(Duration::MAX)) + Duration::from_millis(1)
    }

    /// What the kernel still holds was captured before the end, and counts.
    fn drain(&mut self) {
        // One block time-out: after it, everything captured until now has been handed over.
        std::thread::sleep(Duration::from_millis(BLOCK_TIMEOUT_MS as u64 + 10));
        let deadline = Instant::now() + Duration::from_millis(100);
        while self.take_packets() && Instant::now() < deadline {}
        self.read_drops();
    }

    fn rescan(&mut self) {
        self.next_scan = Instant::now() + RESCAN;
        let Ok(there) = interfaces::list() else { return };
        let meant = self.selection.select(&there);
        for at in (0..self.open.len()).rev() {
            if !there.iter().any(|info| info.name == self.open[at].name && info.up) {
                self.lose(at, "went down");
            }
        }
        for name in meant {
            let is_up = there.iter().any(|info| info.name == name && info.up);
            if is_up && !self.open.iter().any(|interface| interface.name == name) {
                match self.add(&name, InterfaceState::New) {
                    Ok(()) => self.worker.shared.log(Level::Info, format!("capturing on {name}")),
                    Err(error) => self.refuse(&name, &error),
                }
            }
        }
        // Who asked for an interface by name is told again and again that it is down.
        for name in self.selection.exact().filter(|name| !self.open.iter().any(|open| open.name == **name)) {
            if let Some(number) = self.names.iter().position(|known| known == name) {
                self.worker.pipeline.set_interface(InterfaceId(number as u16), name, InterfaceState::Down);
            }
        }
        self.publish_names();
    }

    fn lose(&mut self, at: usize, reason: &str) {
        let interface = self.open.remove(at);
        self.worker.shared.log(Level::Warning, format!("{}: {reason}", interface.name));
        if let Some(number) = self.names.iter().position(|name| *name == interface.name) {
            self.worker.pipeline.set_interface(InterfaceId(number as u16), &interface.name, InterfaceState::Down);
        }
        self.publish_names();
    }
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::new(since.as_secs() as i64, i64::from(since.subsec_nanos()))
}

/// Closes intervals, empty ones too, until `ts` is in the open one.
fn close_through(worker: &mut Worker, ts: Timestamp) {
    for _ in 0..MAX_CATCH_UP {
        if !worker.intervals.is_over(ts) {
            return;
        }
        let next = worker.intervals.end().unwrap_or(ts);
        worker.close_interval();
        worker.intervals.open_at(next);
    }
    worker.close_interval();
    worker.intervals.open_at(ts);
}
