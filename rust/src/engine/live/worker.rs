//! One worker of a live capture. It polls its handle on every interface, and counts the connections that belong to it.

use std::os::fd::AsFd;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::super::batch::{Batch, BatchEvent, worker_of};
use super::super::collector::Collector;
use super::super::intervals::Intervals;
use super::super::job::{Job, Level};
use super::super::sturdy::Sturdy;
use super::clocks::Clocks;
use super::mailboxes::{Mailboxes, Message};
use super::nap::Naps;
use super::owners::Asker;
use super::timeline::Timeline;
use crate::capture::Error;
use crate::capture::live::{self, BLOCK_TIMEOUT_MS, InterfaceHandle};
use crate::capture::wait::wait;
use crate::pipeline::Pipeline;
use crate::pipeline::clock::Clock;
use crate::pipeline::owners::Machine;
use crate::pipeline::packet::{InterfaceId, Packet, Timestamp};
use crate::pipeline::snapshot::{Connection, InterfaceState};

/// Packets taken from one interface before the next one is read.
const BATCH: usize = 4096;
/// How long after its end an interval is closed if no later packet closes it. The kernel hands over blocks late, and a
/// worker naps before it takes them.
const GRACE: i64 = 4 * BLOCK_TIMEOUT_MS as i64 * 1_000_000;
/// The most empty intervals that are made up for a time in which the machine slept or the process was stopped.
const MAX_CATCH_UP: u32 = 300;
/// On a silent link, intervals shorter than this are closed several at once, since waking up costs more than closing
/// them.
const IDLE: i64 = 100_000_000;
/// How long, at the end of a capture, a worker reads what the kernel still holds, and how long it then waits for what
/// other workers send.
const DRAINING: Duration = Duration::from_millis(80);
/// A little more than one block time-out, after which the kernel has handed over everything captured until now.
const SETTLING: Duration = Duration::from_millis(BLOCK_TIMEOUT_MS as u64 + 10);

/// A handle that is about to be given up. It is still read until the kernel has handed over what it captured.
struct Parting {
    interface: InterfaceHandle,
    until: Instant,
    /// True if the handle has failed. It is read, but not polled.
    has_failed: bool,
}

/// A worker: its handles, its pipeline, and its open interval.
pub struct Worker {
    number: usize,
    job: Arc<Job>,
    collector: Arc<Collector>,
    mailboxes: Arc<Mailboxes>,
    clocks: Arc<Clocks>,
    /// The timeline as of the last look at the clocks.
    time: Timeline,
    clock: Clock,
    pub pipeline: Sturdy,
    pub intervals: Intervals,
    naps: Naps,
    open: Vec<InterfaceHandle>,
    parting: Vec<Parting>,
    /// Packets for other workers.
    outgoing: Vec<Batch>,
    /// Copies of the worker's own packets that are put off while there are many connections. They are copied because
    /// libpcap lends a packet only while it is handled.
    ahead: Batch,
    /// Openings whose handle failed, and the reasons.
    failed: Vec<(u32, String)>,
    /// End of the interval in which drops were read last.
    drops_read: Option<Timestamp>,
    /// Set if processes are looked for.
    asker: Option<Asker>,
    /// True once some processes were not looked for.
    was_hasty: bool,
}

impl Worker {
    pub fn new(
        number: usize,
        job: &Arc<Job>,
        collector: &Arc<Collector>,
        mailboxes: &Arc<Mailboxes>,
        clocks: &Arc<Clocks>,
    ) -> Self {
        Self {
            number,
            job: job.clone(),
            collector: collector.clone(),
            mailboxes: mailboxes.clone(),
            clocks: clocks.clone(),
            time: clocks.look(&job.shared),
            clock: Clock::default(),
            pipeline: Sturdy::new(Pipeline::new(job.pipeline.share(mailboxes.workers())), &job.shared),
            intervals: Intervals::new(job.interval),
            naps: Naps::new(number, mailboxes.workers()),
            open: Vec::new(),
            parting: Vec::new(),
            outgoing: (0..mailboxes.workers()).map(|_| Batch::default()).collect(),
            ahead: Batch::default(),
            failed: Vec::new(),
            drops_read: None,
            asker: None,
            was_hasty: false,
        }
    }

    /// Returns the present time as snapshots show it.
    pub fn now(&mut self) -> Timestamp {
        self.look();
        self.time.label(self.time.now)
    }

    /// Looks for the processes at the ends of connections, by asking there. `machine` is what is known already.
    pub fn find_processes(&mut self, asker: Asker, machine: Arc<Machine>) {
        self.pipeline.set_machine(machine);
        self.asker = Some(asker);
    }

    /// Opens the first interval. All workers are given the same `start`.
    pub fn begin(&mut self, start: Timestamp) {
        self.look();
        self.intervals.begin_at(start);
    }

    /// Captures until the end. When this worker ends, for whatever reason, all workers do.
    pub fn run(mut self) -> Result<(), Error> {
        let _guard = ExitGuard { number: self.number, job: self.job.clone(), collector: self.collector.clone() };
        let result = self.going_on(Self::capture);
        let (end, until) = self.end();
        let result = result.and_then(|result| {
            result?;
            self.going_on(|worker| worker.drain(until))?;
            self.going_on(|worker| worker.finish_at(end))
        });
        // After a failure the last interval is still open.
        self.close_last(end);
        self.parting.drain(..).for_each(|parting| self.open.push(parting.interface));
        live::close(std::mem::take(&mut self.open));
        result
    }

    /// Calls `work`. After the first panic it is called again, to go on where it left off. The second panic is an
    /// error.
    fn going_on<R>(&mut self, mut work: impl FnMut(&mut Self) -> R) -> Result<R, Error> {
        loop {
            match catch_unwind(AssertUnwindSafe(|| work(self))) {
                Ok(result) => return Ok(result),
                Err(panic) => self.pipeline.mend(&panic)?,
            }
            self.pipeline.add_unread(1);
        }
    }

    /// Captures until the bell rings or the time-out has passed.
    fn capture(&mut self) -> Result<(), Error> {
        loop {
            self.read_messages();
            let is_busy = self.take_packets();
            self.keep_time();
            self.report_failures();
            let nap = if is_busy { Duration::ZERO } else { self.nap() };
            // Packets do not end a nap. Messages and the bell do.
            if !nap.is_zero() && wait(&[self.mailboxes.news(self.number)], &self.job.shared.bell, nap)? {
                return Ok(());
            }
            let pause = if is_busy { Duration::ZERO } else { self.pause() };
            let began = Instant::now();
            let parting = self.parting.iter().filter(|parting| !parting.has_failed).map(|parting| &parting.interface);
            let handles = self.open.iter().chain(parting).map(AsFd::as_fd);
            let sources: Vec<_> = handles.chain([self.mailboxes.news(self.number)]).collect();
            if wait(&sources, &self.job.shared.bell, pause)? || self.job.is_over() {
                return Ok(());
            }
            self.naps.note_silence(began.elapsed());
        }
    }

    fn read_messages(&mut self) {
        for message in self.mailboxes.take(self.number) {
            match message {
                Message::Packets(mut batch) => {
                    batch.play(&mut self.pipeline, |_, _, _| {});
                    self.mailboxes.give_back(batch);
                }
                Message::Add(interface, state, since) => {
                    let since = since.map(|since| {
                        let since = self.place(since);
                        self.time.label(since)
                    });
                    self.pipeline.set_interface(interface.id, &interface.name, state);
                    self.pipeline.set_watched_since(interface.id, since);
                    self.open.push(interface);
                }
                Message::Replace(opening, interface, turn) => {
                    self.part(opening, turn);
                    self.open.push(interface);
                }
                Message::Lose(id, opening, name, until, is_removed) => {
                    self.part(opening, until);
                    if is_removed && id != InterfaceId::OTHER {
                        self.pipeline.remove_interface(id, &name);
                    } else if id != InterfaceId::OTHER {
                        self.pipeline.set_interface(id, &name, InterfaceState::Down);
                    }
                }
                Message::Rename(id, opening, name) => {
                    self.pipeline.rename_interface(id, &name);
                    self.open
                        .iter_mut()
                        .filter(|one| one.opening == opening)
                        .for_each(|one| one.name.clone_from(&name));
                }
                Message::Problem(id, name, problem) => self.pipeline.set_problem(id, &name, problem.as_deref()),
                Message::Owners(answers) => answers.into_iter().for_each(|answer| self.pipeline.answer(answer)),
                Message::Machine(machine) => self.pipeline.set_machine(machine),
                // These messages are for the watcher only.
                Message::Failed(..) | Message::Spent(_) => {}
            }
        }
    }

    /// Takes up to [`BATCH`] packets from every handle. True if one of them may have more.
    fn take_packets(&mut self) -> bool {
        self.take_packets_that(|_| true)
    }

    fn take_packets_that(&mut self, is_meant: impl Fn(&Packet<'_>) -> bool) -> bool {
        self.look();
        let (mut open, mut parting) = (std::mem::take(&mut self.open), std::mem::take(&mut self.parting));
        let taken = catch_unwind(AssertUnwindSafe(|| {
            (self.take_from(&mut open, &is_meant), self.take_last(&mut parting, &is_meant))
        }));
        // The handles are put back even after a panic.
        (self.open, self.parting) = (open, parting);
        let (is_busy, is_parting_busy) = taken.unwrap_or_else(|panic| resume_unwind(panic));
        if !is_parting_busy {
            self.let_go();
        }
        self.catch_up();
        self.pipeline.flush_packets();
        self.ask();
        (0..self.outgoing.len()).for_each(|to| self.hand_over(to));
        is_busy || is_parting_busy
    }

    fn take_from(&mut self, open: &mut [InterfaceHandle], is_meant: &impl Fn(&Packet<'_>) -> bool) -> bool {
        let (mut is_busy, time) = (false, self.time);
        for interface in open {
            let is_before = |stamp, steady| time.is_before(stamp, steady);
            match interface.dispatch(BATCH, is_before, |packet| self.push_if(packet, is_meant)) {
                Ok(taken) => is_busy |= taken == BATCH,
                Err(error) => self.failed.push((interface.opening, error.to_string())),
            }
        }
        is_busy
    }

    /// Takes packets that handles about to be given up still hold. Errors are ignored: a handle that has failed returns
    /// an error once, and then hands over the rest.
    fn take_last(&mut self, parting: &mut [Parting], is_meant: &impl Fn(&Packet<'_>) -> bool) -> bool {
        let (mut is_busy, time) = (false, self.time);
        for Parting { interface, .. } in parting {
            let is_before = |stamp, steady| time.is_before(stamp, steady);
            let taken = interface.dispatch(BATCH, is_before, |packet| self.push_if(packet, is_meant));
            is_busy |= taken.unwrap_or_default() == BATCH;
        }
        is_busy
    }

    /// Gives up handles that have nothing more: the watcher gets them, and closes them.
    fn let_go(&mut self) {
        let now = Instant::now();
        let (over, parting): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.parting).into_iter().partition(|parting| now >= parting.until);
        self.parting = parting;
        for Parting { mut interface, .. } in over {
            self.add_drops(&mut interface);
            self.mailboxes.send_watcher(Message::Spent(interface));
        }
    }

    /// Begins to give up the handle of this opening. It still hands over what was captured before `until`.
    fn part(&mut self, opening: u32, until: i64) {
        // A handle that failed on this worker is gone already.
        if let Some(at) = self.open.iter().position(|interface| interface.opening == opening) {
            let mut interface = self.open.remove(at);
            interface.end_at(until);
            self.parting.push(Parting { interface, until: Instant::now() + SETTLING, has_failed: false });
        }
    }

    fn push_if(&mut self, packet: &Packet<'_>, is_meant: &impl Fn(&Packet<'_>) -> bool) {
        if is_meant(packet) {
            self.push(packet);
        }
    }

    /// Takes a packet whose time stamp is by the wall clock. It is counted here, or put off, or sent to another worker.
    fn push(&mut self, stamped: &Packet<'_>) {
        let packet = &Packet { ts: self.place(stamped.ts), ..*stamped };
        let label = self.time.label(packet.ts);
        if self.intervals.is_over(label) {
            self.catch_up();
            self.close_through(label);
        }
        let Self { clock, pipeline, outgoing, ahead, number, .. } = self;
        let looks_ahead = !ahead.is_empty() || pipeline.has_many();
        if let Some(now) = clock.follow(packet.ts) {
            if looks_ahead {
                ahead.note(BatchEvent::Tick(now));
            } else {
                pipeline.tick(now);
            }
        }
        let mut full = None;
        pipeline.push_with(packet, |arrival, frames| {
            let count = outgoing.len();
            let to = arrival.folded().filter(|_| count > 1).map_or(*number, |folded| worker_of(folded, count));
            if to != *number {
                outgoing[to].push(arrival, frames);
                full = outgoing[to].is_full().then_some(to);
            } else if looks_ahead {
                ahead.push(arrival, frames);
            }
            to == *number && !looks_ahead
        });
        if let Some(to) = full {
            self.hand_over(to);
        }
        if self.ahead.is_full() {
            self.catch_up();
        }
    }

    /// Counts the packets that were put off.
    fn catch_up(&mut self) {
        self.ahead.play(&mut self.pipeline, |_, _, _| {});
    }

    /// Asks for the processes of connections that have begun.
    fn ask(&mut self) {
        let Some(asker) = &self.asker else { return };
        let (asks, dropped) = self.pipeline.take_asks();
        if (!asker.ask(asks) || dropped > 0) && !std::mem::replace(&mut self.was_hasty, true) {
            let words = "more connections begin than processes can be looked for; those of some are not shown";
            self.job.shared.log(Level::Info, words.to_owned());
        }
    }

    fn hand_over(&mut self, to: usize) {
        if !self.outgoing[to].is_empty() {
            let dropped = self.mailboxes.send_packets(to, &mut self.outgoing[to]);
            self.pipeline.add_drops(dropped, 0);
        }
    }

    /// Reports failed handles to the watcher, which decides what becomes of their interface. Until then the kernel
    /// divides its packets among the other handles.
    fn report_failures(&mut self) {
        for (opening, reason) in std::mem::take(&mut self.failed) {
            if let Some(at) = self.open.iter().position(|interface| interface.opening == opening) {
                let interface = self.open.remove(at);
                self.parting.push(Parting { interface, until: Instant::now() + SETTLING, has_failed: true });
            }
            self.mailboxes.send_watcher(Message::Failed(opening, reason));
        }
    }

    /// Looks at the clocks. If the times of snapshots leap forward because the wall clock was set, the open interval is
    /// closed, and no empty intervals are made up: the time between did not pass.
    fn look(&mut self) {
        let time = self.clocks.look(&self.job.shared);
        let label = time.label(time.now);
        if time.lead > self.time.lead && self.intervals.is_over(label) {
            self.catch_up();
            self.close_interval();
            self.intervals.open_at(label);
        }
        let before = std::mem::replace(&mut self.time, time);
        if time.lead != before.lead {
            self.pipeline.shift_records(time.lead);
        }
        if self.number == 0 {
            self.pipeline.add_clock_steps(time.steps - before.steps);
        }
    }

    /// Returns the time of a packet with this time stamp.
    fn place(&mut self, stamp: Timestamp) -> Timestamp {
        self.time.place(stamp).unwrap_or_else(|| {
            self.look();
            self.time.place_anyhow(stamp)
        })
    }

    /// Closes intervals and lets connections expire as time passes. On a silent link there are no packets that do so.
    fn keep_time(&mut self) {
        self.look();
        let settled = self.time.now.plus(-GRACE);
        self.clock.set(settled);
        self.pipeline.tick(settled);
        let label = self.time.label(settled);
        if self.intervals.is_over(label) {
            self.read_drops();
            self.close_through(label);
        }
        if self.drops_read != self.intervals.end() {
            self.drops_read = self.intervals.end();
            self.read_drops();
        }
    }

    fn read_drops(&mut self) {
        let mut open = std::mem::take(&mut self.open);
        open.iter_mut().for_each(|interface| self.add_drops(interface));
        self.open = open;
    }

    fn add_drops(&mut self, interface: &mut InterfaceHandle) {
        let (kernel, device) = interface.take_drops();
        // Each handle counts its own drops in the kernel. Drops of the interface are in the counters of every handle,
        // so only the first worker adds them.
        let device = if self.number == 0 { device } else { 0 };
        self.pipeline.add_drops(kernel, device);
        self.pipeline.note_drops(interface.id, kernel, device);
    }

    /// How long the worker may sleep although packets come, now that it has taken all there were.
    fn nap(&mut self) -> Duration {
        let fills = self.open.iter_mut().map(InterfaceHandle::take_fill);
        let fullest = fills.fold(0.0, f64::max);
        self.naps.note(fullest);
        self.look();
        let now = self.time.label(self.time.now);
        let until_end = Duration::from_nanos(self.intervals.end().map_or(0, |end| end.since(now)));
        let until_due = until_end.min(self.until_deadline());
        self.naps.next(until_due)
    }

    /// The time until a handle is to be given up, or the capture ends.
    fn until_deadline(&self) -> Duration {
        let deadlines = self.parting.iter().map(|parting| parting.until).chain(self.job.deadline());
        deadlines.map(|deadline| deadline.saturating_duration_since(Instant::now())).min().unwrap_or(Duration::MAX)
    }

    /// How long the worker may sleep if no packet comes.
    fn pause(&mut self) -> Duration {
        self.look();
        let now = self.time.label(self.time.now);
        let end = self.intervals.end().map_or(now, |end| end.plus(GRACE + until_several_end(self.job.interval)));
        let until_end = Duration::from_nanos(end.since(now));
        until_end.min(self.until_deadline()) + Duration::from_millis(1)
    }

    /// Returns the end of the capture, as snapshots show it and by the wall clock. It is now, or the instant at which
    /// the time-out passed.
    fn end(&mut self) -> (Timestamp, Timestamp) {
        let overtime = -i64::try_from(self.job.overtime().as_nanos()).unwrap_or(i64::MAX);
        let end = self.now().plus(overtime);
        (end, self.time.wall.plus(overtime))
    }

    /// Closes the intervals up to `end`. Before the last of them is closed, all connections end.
    fn finish_at(&mut self, end: Timestamp) {
        self.close_through(end);
        self.pipeline.finish();
        self.close_last(end);
    }

    fn close_last(&mut self, end: Timestamp) {
        self.intervals.end_at(end);
        self.close_interval();
    }

    /// Takes the packets that the kernel and other workers still hold and that were stamped no later than `until`.
    fn drain(&mut self, until: Timestamp) {
        std::thread::sleep(SETTLING);
        let deadline = Instant::now() + DRAINING;
        while self.take_packets_that(|packet| packet.ts <= until) && Instant::now() < deadline {}
        self.mailboxes.wait_for_all(DRAINING);
        self.read_messages();
        self.read_drops();
        let mut parting = std::mem::take(&mut self.parting);
        parting.iter_mut().for_each(|parting| self.add_drops(&mut parting.interface));
        self.parting = parting;
    }

    fn close_interval(&mut self) {
        if let Some((start, end)) = self.intervals.take() {
            let mut part = self.pipeline.close(start, end);
            part.exchanges.iter_mut().for_each(|exchange| exchange.measured.ts = self.time.label(exchange.measured.ts));
            part.connections.iter_mut().flat_map(Connection::times_mut).for_each(|ts| *ts = self.time.label(*ts));
            self.collector.deliver(self.number, part, &self.job.shared.queue);
        }
    }

    /// Closes intervals, empty ones too, until the open one contains `ts`, a time as snapshots show it.
    fn close_through(&mut self, ts: Timestamp) {
        for _ in 0..MAX_CATCH_UP {
            if !self.intervals.is_over(ts) {
                return;
            }
            let next = self.intervals.end().unwrap_or(ts);
            self.close_interval();
            self.intervals.open_at(next);
        }
        self.close_interval();
        self.intervals.open_at(ts);
    }
}

/// Nanoseconds from the end of an interval until enough intervals have ended to be closed at once. 0 unless intervals
/// are short.
fn until_several_end(interval: i64) -> i64 {
    (IDLE / interval.max(1) - 1).max(0).saturating_mul(interval)
}

/// Ends all workers when one ends, even by a panic. The collector no longer waits for parts of that worker.
struct ExitGuard {
    number: usize,
    job: Arc<Job>,
    collector: Arc<Collector>,
}

impl Drop for ExitGuard {
    fn drop(&mut self) {
        self.collector.finish(self.number, &self.job.shared.queue);
        self.job.shared.bell.ring();
    }
}

#[cfg(test)]
#[path = "worker_tests.rs"]
mod tests;
