//! One worker of a live capture: it polls its handle on every interface, and counts the connections that are its own.

use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::super::batch::{Batch, Event};
use super::super::collector::Collector;
use super::super::intervals::Intervals;
use super::super::{Job, worker_of};
use super::Coordinator;
use super::clocks::Clocks;
use super::post::{Mail, Post};
use super::timeline::Timeline;
use crate::capture::Error;
use crate::capture::live::{BLOCK_TIMEOUT_MS, Interface};
use crate::capture::wait::wait;
use crate::pipeline::Pipeline;
use crate::pipeline::clock::Clock;
use crate::pipeline::packet::{InterfaceId, Packet, Timestamp};
use crate::pipeline::snapshot::InterfaceState;

/// Packets taken from one interface before the next has its turn.
const BATCH: usize = 4096;
/// How long after its end an interval is closed when no packet does: blocks of the kernel's buffer arrive that late.
const GRACE: i64 = 4 * BLOCK_TIMEOUT_MS as i64 * 1_000_000;
/// At most so many empty intervals are made up for a time in which nothing ran: the machine slept, or the process was stopped.
const MAX_CATCH_UP: u32 = 300;
/// How long the end of a capture may take for what the kernel still holds, and then for what other workers send.
const DRAINING: Duration = Duration::from_millis(80);

/// A worker.
pub struct Member {
    number: usize,
    job: Arc<Job>,
    collector: Arc<Collector>,
    post: Arc<Post>,
    clocks: Arc<Clocks>,
    /// As of the last look at the clocks.
    time: Timeline,
    clock: Clock,
    pub pipeline: Pipeline,
    pub intervals: Intervals,
    pub open: Vec<Interface>,
    /// Packets for other workers.
    outgoing: Vec<Batch>,
    /// Packets of its own, put off while there are many connections: libpcap lends each only while it is handled.
    ahead: Batch,
    /// Handles that failed, and why.
    pub failed: Vec<(InterfaceId, u32, String)>,
    /// End of the interval in which drops were read last.
    drops_read: Option<Timestamp>,
}

impl Member {
    pub fn new(
        number: usize,
        job: &Arc<Job>,
        collector: &Arc<Collector>,
        post: &Arc<Post>,
        clocks: &Arc<Clocks>,
    ) -> Self {
        Self {
            number,
            job: job.clone(),
            collector: collector.clone(),
            post: post.clone(),
            clocks: clocks.clone(),
            time: clocks.look(&job.shared),
            clock: Clock::default(),
            pipeline: Pipeline::new(job.pipeline.share(post.workers())),
            intervals: Intervals::new(job.interval),
            open: Vec::new(),
            outgoing: (0..post.workers()).map(|_| Batch::default()).collect(),
            ahead: Batch::default(),
            failed: Vec::new(),
            drops_read: None,
        }
    }

    /// The time in snapshots.
    pub fn now(&mut self) -> Timestamp {
        self.look();
        self.time.label(self.time.now)
    }

    /// Opens the first interval, which begins at the same time for all workers: now.
    pub fn begin(&mut self, start: Timestamp) {
        self.look();
        self.intervals.begin_at(start);
    }

    /// Captures until the end. When this worker ends, for whatever reason, all do.
    pub fn run(mut self, mut coordinator: Option<Coordinator>) -> Result<(), Error> {
        let _leaving = Leaving { number: self.number, job: self.job.clone(), collector: self.collector.clone() };
        loop {
            self.read_mail();
            let is_busy = self.take_packets();
            self.keep_time();
            let next_scan = coordinator.as_mut().map(|coordinator| coordinator.look_after(&mut self));
            if next_scan.is_none() {
                self.report_failures();
            }
            let pause = if is_busy { Duration::ZERO } else { self.pause(next_scan) };
            let handles = self.open.iter().map(AsFd::as_fd);
            let sources: Vec<_> = handles.chain([self.post.news(self.number)]).collect();
            if wait(&sources, &self.job.shared.bell, pause)? || self.job.is_over() {
                break;
            }
        }
        self.finish();
        Ok(())
    }

    fn read_mail(&mut self) {
        for mail in self.post.take(self.number) {
            match mail {
                Mail::Packets(mut batch) => {
                    batch.play(&mut self.pipeline, |_, _, _| {});
                    self.post.give_back(batch);
                }
                Mail::Add(interface) => {
                    self.pipeline.set_interface(interface.id, &interface.name, InterfaceState::Up);
                    self.open.push(interface);
                }
                Mail::Lose(id, name) => {
                    // The handle may have failed here before, and be gone.
                    self.open.retain(|interface| interface.id != id);
                    self.pipeline.set_interface(id, &name, InterfaceState::Down);
                }
                Mail::Failed(id, opening, reason) => self.failed.push((id, opening, reason)),
            }
        }
    }

    /// Takes a batch from every interface. Returns whether one of them has more.
    fn take_packets(&mut self) -> bool {
        self.take_packets_that(|_| true)
    }

    fn take_packets_that(&mut self, is_meant: impl Fn(&Packet<'_>) -> bool) -> bool {
        self.look();
        let mut open = std::mem::take(&mut self.open);
        let mut is_busy = false;
        for interface in &mut open {
            match interface.dispatch(BATCH, |packet| {
                if is_meant(packet) {
                    self.push(packet);
                }
            }) {
                Ok(taken) => is_busy |= taken == BATCH,
                Err(error) => self.failed.push((interface.id, interface.opening, error.to_string())),
            }
        }
        self.open = open;
        self.catch_up();
        (0..self.outgoing.len()).for_each(|to| self.hand_over(to));
        is_busy
    }

    /// Takes a packet that the kernel stamped by the wall clock.
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
                ahead.note(Event::Tick(now));
            } else {
                pipeline.tick(now);
            }
        }
        let mut full = None;
        pipeline.push_if(packet, |arrival| {
            let count = outgoing.len();
            let to = arrival.key().filter(|_| count > 1).map_or(*number, |key| worker_of(key.folded(), count));
            if to != *number {
                outgoing[to].push(arrival);
                full = outgoing[to].is_full().then_some(to);
            } else if looks_ahead {
                ahead.push(arrival);
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

    /// Takes what was put off to be looked up ahead.
    fn catch_up(&mut self) {
        self.ahead.play(&mut self.pipeline, |_, _, _| {});
    }

    fn hand_over(&mut self, to: usize) {
        if !self.outgoing[to].is_empty() {
            let dropped = self.post.send_packets(to, &mut self.outgoing[to]);
            self.pipeline.add_drops(dropped, 0);
        }
    }

    /// The first worker decides what becomes of an interface; until then the kernel shares it among the other handles.
    fn report_failures(&mut self) {
        for (id, opening, reason) in std::mem::take(&mut self.failed) {
            self.open.retain(|interface| interface.opening != opening);
            self.post.send(0, Mail::Failed(id, opening, reason));
        }
    }

    /// Looks at the clocks. Where the times of snapshots leap, no intervals are made up: that time did not pass.
    fn look(&mut self) {
        let time = self.clocks.look(&self.job.shared);
        let label = time.label(time.now);
        if time.lead > self.time.lead && self.intervals.is_over(label) {
            self.catch_up();
            self.close_interval();
            self.intervals.open_at(label);
        }
        let before = std::mem::replace(&mut self.time, time);
        if self.number == 0 {
            self.pipeline.add_clock_steps(time.steps - before.steps);
        }
    }

    /// The time of a packet by its stamp.
    fn place(&mut self, stamp: Timestamp) -> Timestamp {
        self.time.place(stamp).unwrap_or_else(|| {
            self.look();
            self.time.place_anyhow(stamp)
        })
    }

    /// On a silent link time closes intervals and ends connections as well.
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
        for interface in &mut self.open {
            let (kernel, device) = interface.take_drops();
            // Each handle has drops of its own; what the interface dropped all of them tell.
            self.pipeline.add_drops(kernel, if self.number == 0 { device } else { 0 });
        }
    }

    /// How long nothing needs to be done if no packet comes.
    fn pause(&mut self, next_scan: Option<Instant>) -> Duration {
        self.look();
        let deadlines = [next_scan, self.job.deadline()].into_iter().flatten();
        let until_deadline = deadlines.map(|deadline| deadline.saturating_duration_since(Instant::now())).min();
        let now = self.time.label(self.time.now);
        let end = self.intervals.end().map_or(now, |end| end.plus(GRACE));
        let until_end = Duration::from_nanos(end.since(now));
        until_end.min(until_deadline.unwrap_or(Duration::MAX)) + Duration::from_millis(1)
    }

    /// The capture ends now, or ended when its time was up: what was captured until then counts, and the last interval
    /// ends there.
    fn finish(&mut self) {
        let overtime = -i64::try_from(self.job.overtime().as_nanos()).unwrap_or(i64::MAX);
        let end = self.now().plus(overtime);
        self.drain(self.time.wall.plus(overtime));
        self.finish_at(end);
    }

    fn finish_at(&mut self, end: Timestamp) {
        self.close_through(end);
        self.pipeline.finish();
        self.intervals.end_at(end);
        self.close_interval();
    }

    /// Takes what the kernel still holds and was stamped until then.
    fn drain(&mut self, until: Timestamp) {
        // One block time-out: after it, everything captured until now has been handed over.
        std::thread::sleep(Duration::from_millis(BLOCK_TIMEOUT_MS as u64 + 10));
        let deadline = Instant::now() + DRAINING;
        while self.take_packets_that(|packet| packet.ts <= until) && Instant::now() < deadline {}
        self.post.wait_for_all(DRAINING);
        self.read_mail();
        self.read_drops();
    }

    fn close_interval(&mut self) {
        if let Some((start, end)) = self.intervals.take() {
            let mut part = self.pipeline.close(start, end);
            part.exchanges.iter_mut().for_each(|exchange| exchange.ts = self.time.label(exchange.ts));
            self.collector.deliver(self.number, part, &self.job.shared.queue);
        }
    }

    /// Closes intervals, empty ones too, until `ts`, a time of snapshots, is in the open one.
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

/// A worker ends, even by a panic: nobody waits for its part any more, and the others end too.
struct Leaving {
    number: usize,
    job: Arc<Job>,
    collector: Arc<Collector>,
}

impl Drop for Leaving {
    fn drop(&mut self) {
        self.collector.finish(self.number, &self.job.shared.queue);
        self.job.shared.bell.ring();
    }
}

#[cfg(test)]
#[path = "member_tests.rs"]
mod tests;
