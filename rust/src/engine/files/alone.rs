//! One worker for the packets of files, in the thread that reads them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::super::batch::{Batch, BatchEvent};
use super::super::collector::Collector;
use super::super::job::Shared;
use super::super::sturdy::Sturdy;
use super::reading::{Reading, Workers};
use crate::capture::Error;
use crate::capture::file::{Lease, Missing};
use crate::pipeline::Pipeline;
use crate::pipeline::clock::Clock;
use crate::pipeline::intake::Arrival;
use crate::pipeline::packet::{InterfaceId, Packet, Timestamp};
use crate::pipeline::snapshot::InterfaceState;

/// The only worker. While it has many connections it puts packets off, to look up the connections of several at once.
pub struct Alone<'a> {
    clock: Clock,
    pipeline: Sturdy,
    /// Packets and events that are put off.
    ahead: Batch,
    collector: &'a Collector,
    shared: &'a Shared,
}

impl<'a> Alone<'a> {
    pub fn new(pipeline: Pipeline, collector: &'a Collector, shared: &'a Arc<Shared>) -> Self {
        let pipeline = Sturdy::new(pipeline, shared);
        Self { clock: Clock::default(), pipeline, ahead: Batch::default(), collector, shared }
    }

    /// Reads to the end. The first packet that makes a stage panic is passed over. The second one ends the reading with
    /// an error.
    pub fn read(&mut self, reading: &mut Reading<'_>) -> Result<(), Error> {
        loop {
            let panic = match catch_unwind(AssertUnwindSafe(|| reading.read_all(self))) {
                Ok(result) => return result,
                Err(panic) => panic,
            };
            let goes_on = self.pipeline.mend(&panic);
            self.pipeline.add_unread(1);
            if goes_on.is_err() {
                if let Some((start, end)) = reading.intervals.take() {
                    self.collector.deliver(0, self.pipeline.close(start, end), &self.shared.queue);
                }
                return goes_on;
            }
        }
    }

    fn tell(&mut self, event: BatchEvent) {
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
        self.tell(BatchEvent::Interface(id, name.to_owned(), InterfaceState::Up));
    }

    fn push(&mut self, packet: &Packet<'_>, block: &Arc<Lease>, at: usize) {
        if let Some(now) = self.clock.follow(packet.ts) {
            self.tell(BatchEvent::Tick(now));
        }
        if self.ahead.is_empty() && !self.pipeline.has_many() {
            self.pipeline.push_if(packet, |_| true);
        } else {
            self.ahead.refer(packet, block, at);
        }
    }

    fn push_unknown(&mut self, interface: InterfaceId, wire_len: u32, link_type: u32) {
        let unknown = Arrival::unknown(Timestamp::default(), interface, wire_len, link_type);
        if self.ahead.is_empty() {
            self.pipeline.push_read([unknown]);
        } else {
            self.ahead.push(&unknown, &[]);
        }
    }

    fn lose(&mut self, missing: Missing) {
        self.tell(BatchEvent::Missing(missing));
    }

    fn tick(&mut self, now: Timestamp) {
        self.clock.set(now);
        self.tell(BatchEvent::Tick(now));
    }

    fn close(&mut self, start: Timestamp, end: Timestamp) {
        self.tell(BatchEvent::Close(start, end));
    }

    fn work(&mut self) {
        let (collector, queue) = (self.collector, &self.shared.queue);
        self.ahead.play(&mut self.pipeline, |pipeline, start, end| {
            collector.deliver(0, pipeline.close(start, end), queue);
        });
    }

    fn finish(&mut self, interval: Option<(Timestamp, Timestamp)>) {
        self.tell(BatchEvent::Finish);
        if let Some((start, end)) = interval {
            self.tell(BatchEvent::Close(start, end));
        }
    }
}
