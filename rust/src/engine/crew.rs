//! Who works on the packets of files: one pipeline in the thread that reads, or several in threads of their own.
//!
//! With several, the reader does what needs to see every packet: the clock, fragments, tunnels. Then it knows the
//! connection, and each connection has one worker. So any number of workers counts the same.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{Scope, ScopedJoinHandle};

use super::batch::{Batch, Event};
use super::collector::Collector;
use super::{Shared, worker_of};
use crate::capture::file::Lease;
use crate::pipeline::clock::Clock;
use crate::pipeline::decode;
use crate::pipeline::intake::{Arrival, Intake};
use crate::pipeline::packet::{InterfaceId, Packet, Timestamp};
use crate::pipeline::snapshot::InterfaceState;
use crate::pipeline::{Pipeline, Settings};

/// What takes the packets of a source, interval after interval.
pub trait Workers {
    /// Says how an interface is called.
    fn set_interface(&mut self, id: InterfaceId, name: &str);
    /// Takes a packet, which begins there in the block that comes.
    fn push(&mut self, packet: &Packet<'_>, at: usize);
    /// Takes the block in which the packets are that were pushed since the last one.
    fn take_block(&mut self, block: Lease);
    /// Takes a packet whose link type nobody can decode.
    fn push_unknown(&mut self, interface: InterfaceId, wire_len: u32);
    /// Closes an interval.
    fn close(&mut self, start: Timestamp, end: Timestamp);
    /// The source is over; the open interval is closed after this.
    fn finish(&mut self);
    /// One of them cannot go on.
    fn is_broken(&self) -> bool;
}

/// One pipeline in the thread of its reader. While there are many connections it works block by block, as the others
/// do, so that it can look ahead.
pub struct Alone<'a> {
    clock: Clock,
    pipeline: Pipeline,
    /// What is put off until its block is whole.
    ahead: Batch,
    collector: &'a Collector,
    shared: &'a Shared,
}

impl<'a> Alone<'a> {
    pub fn new(pipeline: Pipeline, collector: &'a Collector, shared: &'a Shared) -> Self {
        Self { clock: Clock::default(), pipeline, ahead: Batch::default(), collector, shared }
    }

    fn tell(&mut self, event: Event) {
        if self.ahead.is_empty() {
            let (collector, queue) = (self.collector, &self.shared.queue);
            event.happen(&mut self.pipeline, |pipeline, start, end| {
                collector.deliver(0, pipeline.close(start, end), queue);
            });
        } else {
            self.ahead.note(event);
        }
    }
}

impl Workers for Alone<'_> {
    fn set_interface(&mut self, id: InterfaceId, name: &str) {
        self.tell(Event::Interface(id, name.to_owned(), InterfaceState::Up));
    }

    fn push(&mut self, packet: &Packet<'_>, at: usize) {
        if let Some(now) = self.clock.follow(packet.ts) {
            self.tell(Event::Tick(now));
        }
        if self.ahead.is_empty() && !self.pipeline.has_many() {
            self.pipeline.push_timeless(packet);
        } else {
            self.ahead.refer(packet, at);
        }
    }

    fn take_block(&mut self, block: Lease) {
        let (collector, queue) = (self.collector, &self.shared.queue);
        self.ahead.lies_in(Some(Arc::new(block)));
        self.ahead.play(&mut self.pipeline, |pipeline, start, end| {
            collector.deliver(0, pipeline.close(start, end), queue);
        });
    }

    fn push_unknown(&mut self, interface: InterfaceId, wire_len: u32) {
        let unknown = Arrival::unknown(Timestamp::default(), interface, wire_len);
        if self.ahead.is_empty() {
            self.pipeline.take(&unknown);
        } else {
            self.ahead.push(&unknown);
        }
    }

    fn close(&mut self, start: Timestamp, end: Timestamp) {
        self.tell(Event::Close(start, end));
    }

    fn finish(&mut self) {
        self.tell(Event::Finish);
    }

    fn is_broken(&self) -> bool {
        false
    }
}

/// The way to a worker and back. What waits on it is bounded by the blocks that there are.
struct Lane {
    filling: Batch,
    full: Sender<Batch>,
    empty: Receiver<Batch>,
}

impl Lane {
    /// Hands over what there is, and the block in which it lies; false when nobody takes it.
    fn send(&mut self, block: Option<&Arc<Lease>>) -> bool {
        if self.filling.is_empty() {
            return true;
        }
        self.filling.lies_in(block.cloned());
        let next = self.empty.try_recv().unwrap_or_default();
        self.full.send(std::mem::replace(&mut self.filling, next)).is_ok()
    }
}

/// Several pipelines, each in a thread of its own.
pub struct Crew<'scope> {
    clock: Clock,
    intake: Intake,
    lanes: Vec<Lane>,
    threads: Vec<ScopedJoinHandle<'scope, ()>>,
    is_broken: bool,
}

impl<'scope> Crew<'scope> {
    /// Starts `count` workers.
    pub fn start<'env>(
        scope: &'scope Scope<'scope, 'env>,
        settings: &Settings,
        count: usize,
        collector: &'env Collector,
        shared: &'env Shared,
    ) -> std::io::Result<Self> {
        let (mut lanes, mut threads) = (Vec::new(), Vec::new());
        for number in 0..count {
            let (full, to_do) = channel();
            let (done, empty) = channel();
            let pipeline = Pipeline::new(settings.share(count));
            let builder = std::thread::Builder::new().name(format!("netmon-worker-{number}"));
            threads.push(builder.spawn_scoped(scope, move || {
                work(pipeline, &to_do, &done, |part| collector.deliver(number, part, &shared.queue));
            })?);
            lanes.push(Lane { filling: Batch::default(), full, empty });
        }
        let intake = Intake::new(settings.defragment, settings.tunnels);
        Ok(Self { clock: Clock::default(), intake, lanes, threads, is_broken: false })
    }

    /// Waits until all is worked off. A panic of a worker goes on here.
    pub fn join(mut self) {
        self.send(None);
        drop(self.lanes);
        for thread in self.threads {
            thread.join().unwrap_or_else(|panic| resume_unwind(panic));
        }
    }

    /// Fragments are put together here, and tunnels looked into, to know whose connection it is.
    #[cold]
    fn push_other(&mut self, packet: &Packet<'_>, at: usize) {
        let is_fragment = decode::datagram(packet).is_ok_and(|datagram| datagram.fragment.is_some());
        let arrival = self.intake.read(packet);
        let worker = arrival.key().map_or(0, |key| worker_of(key, self.lanes.len()));
        let lane = &mut self.lanes[worker];
        if is_fragment {
            lane.filling.push(&arrival);
        } else {
            lane.filling.refer(packet, at);
        }
    }

    fn tell_all(&mut self, event: impl Fn() -> Event) {
        self.lanes.iter_mut().for_each(|lane| lane.filling.note(event()));
    }

    fn send(&mut self, block: Option<&Arc<Lease>>) {
        for lane in &mut self.lanes {
            self.is_broken |= !lane.send(block);
        }
    }
}

fn work(
    mut pipeline: Pipeline,
    to_do: &Receiver<Batch>,
    done: &Sender<Batch>,
    deliver: impl Fn(crate::pipeline::snapshot::Snapshot),
) {
    for mut batch in to_do {
        batch.play(&mut pipeline, |pipeline, start, end| deliver(pipeline.close(start, end)));
        // At the end nobody wants it back.
        let _ = done.send(batch);
    }
}

impl Workers for Crew<'_> {
    fn set_interface(&mut self, id: InterfaceId, name: &str) {
        self.tell_all(|| Event::Interface(id, name.to_owned(), InterfaceState::Up));
    }

    fn push(&mut self, packet: &Packet<'_>, at: usize) {
        if let Some(now) = self.clock.follow(packet.ts) {
            self.tell_all(|| Event::Tick(now));
        }
        match Intake::plain(packet) {
            Some(segment) => {
                let worker = worker_of(&segment.key, self.lanes.len());
                self.lanes[worker].filling.refer(packet, at);
            }
            None => self.push_other(packet, at),
        }
    }

    fn take_block(&mut self, block: Lease) {
        self.send(Some(&Arc::new(block)));
    }

    fn push_unknown(&mut self, interface: InterfaceId, wire_len: u32) {
        self.lanes[0].filling.push(&Arrival::unknown(Timestamp::default(), interface, wire_len));
    }

    fn close(&mut self, start: Timestamp, end: Timestamp) {
        let lost = self.intake.take_dropped();
        self.lanes[0].filling.note(Event::Undecodable(lost));
        self.tell_all(|| Event::Close(start, end));
    }

    fn finish(&mut self) {
        self.tell_all(|| Event::Finish);
    }

    fn is_broken(&self) -> bool {
        self.is_broken
    }
}
