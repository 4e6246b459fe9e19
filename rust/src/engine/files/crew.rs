//! Several workers for the packets of files, each in a thread of its own.
//!
//! A worker that runs short of work reads a block and distributes its packets to all workers. The distributor does the
//! work that needs every packet: it follows packet time, puts fragments together and enters tunnels. After that the
//! connection of a packet is known, and each connection belongs to one worker. So any number of workers counts the
//! same, and no worker waits while there is work.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use super::super::batch::{Batch, BatchEvent, worker_of};
use super::super::collector::Collector;
use super::super::job::Shared;
use super::super::lock::lock;
use super::super::sturdy::{Patience, Sturdy};
use super::reading::{Reading, Workers};
use crate::capture::Error;
use crate::capture::file::{Lease, Missing};
use crate::pipeline::clock::Clock;
use crate::pipeline::decode;
use crate::pipeline::intake::{Arrival, Intake};
use crate::pipeline::packet::{InterfaceId, Packet, Timestamp};
use crate::pipeline::record::Fragments;
use crate::pipeline::snapshot::{InterfaceState, Snapshot};
use crate::pipeline::{Pipeline, Settings};

/// A worker with fewer batches than this reads the next block, if no other worker is reading. It starts before all
/// batches are worked off, so that the other workers do not run out of work meanwhile.
const FEW: usize = 2;

/// The batches that wait for a worker. Their number is bounded by the number of blocks.
#[derive(Debug, Default)]
struct WorkQueue {
    waiting: VecDeque<Batch>,
    /// Batches that the worker has emptied, to be filled again.
    empty: Vec<Batch>,
}

/// What the workers share, behind a lock.
struct CrewState<'a> {
    /// One queue for each worker.
    queues: Vec<WorkQueue>,
    /// The producer; `None` while a worker is reading with it.
    producer: Option<Box<Producer<'a>>>,
    /// True if nothing more is read.
    is_over: bool,
    failure: Option<Error>,
    /// The interval that was open when the producer was last given back.
    interval: Option<(Timestamp, Timestamp)>,
    /// The number of workers that wait for work.
    sleepers: usize,
}

/// Reads blocks and fills batches with their packets. One worker at a time has it.
struct Producer<'a> {
    reading: Reading<'a>,
    distributor: Distributor,
    patience: Patience,
}

impl Producer<'_> {
    /// Reads the next packets into batches. False at the end. The first packet that makes the distributor panic is
    /// passed over.
    fn read(&mut self, may_wait: bool) -> Result<bool, Error> {
        let Self { reading, distributor, patience } = self;
        catch_unwind(AssertUnwindSafe(|| reading.read_some(distributor, may_wait))).unwrap_or_else(|panic| {
            distributor.intake.restart();
            distributor.batches[0].note(BatchEvent::Missing(Missing { unread: 1, ..Missing::default() }));
            patience.bear(&panic).map(|()| true)
        })
    }
}

impl<'a> CrewState<'a> {
    /// Takes the producer, if no other worker has it and a worker with `waiting` batches is to read.
    fn take_producer(&mut self, waiting: usize) -> Option<Box<Producer<'a>>> {
        self.producer.take_if(|producer| waiting == 0 || waiting < FEW && producer.reading.is_ready())
    }

    /// Takes the producer back, and passes on the batches that it filled.
    fn give_back(&mut self, mut producer: Box<Producer<'a>>, goes_on: Result<bool, Error>) {
        for (batch, queue) in
            producer.distributor.batches.iter_mut().zip(&mut self.queues).filter(|(batch, _)| !batch.is_empty())
        {
            let next = queue.empty.pop().unwrap_or_default();
            queue.waiting.push_back(std::mem::replace(batch, next));
        }
        self.interval = producer.reading.intervals.open();
        match goes_on {
            Ok(true) if !self.is_over => self.producer = Some(producer),
            Ok(_) => self.is_over = true,
            Err(error) => (self.is_over, self.failure) = (true, Some(error)),
        }
    }
}

/// Several workers, each with a pipeline, and the reading that they share.
pub struct Crew<'a> {
    shared: &'a Arc<Shared>,
    settings: &'a Settings,
    count: usize,
    state: Mutex<CrewState<'a>>,
    news: Condvar,
}

impl<'a> Crew<'a> {
    /// Makes a crew of `count` workers.
    pub fn new(reading: Reading<'a>, settings: &'a Settings, count: usize, shared: &'a Arc<Shared>) -> Self {
        if let Some(record) = &settings.record {
            record.carrier.expect(count);
        }
        let (distributor, patience) = (Distributor::new(settings, count), Patience::new(shared));
        let producer = Some(Box::new(Producer { reading, distributor, patience }));
        let queues = (0..count).map(|_| WorkQueue::default()).collect();
        let state =
            Mutex::new(CrewState { queues, producer, is_over: false, failure: None, interval: None, sleepers: 0 });
        Self { shared, settings, count, state, news: Condvar::new() }
    }

    /// Runs the workers until everything is read. The first one runs in this thread.
    pub fn run(self, collector: &Collector) -> Result<(), Error> {
        let queue = &self.shared.queue;
        std::thread::scope(|scope| {
            let worker = |number| {
                let (crew, guard) = (&self, ExitGuard { crew: &self, number });
                move || {
                    let _guard = guard;
                    crew.work(number, |part| collector.deliver(number, part, queue));
                }
            };
            // All closures are made before a thread is started. If starting one fails, the guards of the workers that
            // were not started are dropped, so the workers that run do not wait for them.
            let mut workers: VecDeque<_> = (0..self.count).map(worker).collect();
            let first = workers.pop_front();
            let mut threads = Vec::new();
            for (number, worker) in (1..).zip(workers) {
                let builder = std::thread::Builder::new().name(format!("netmon-worker-{number}"));
                threads.push(builder.spawn_scoped(scope, worker)?);
            }
            first.into_iter().for_each(|work| work());
            threads.into_iter().for_each(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic)));
            Ok::<(), Error>(())
        })?;
        self.state.into_inner().unwrap_or_else(PoisonError::into_inner).failure.map_or(Ok(()), Err)
    }

    fn work(&self, number: usize, deliver: impl Fn(Snapshot)) {
        // The distributor undoes address translation for all workers.
        let pipeline = Pipeline::new(Settings { nat: None, ..self.settings.share(self.count) });
        let mut pipeline = Sturdy::new(pipeline, self.shared);
        while let Some(mut batch) = self.next(number) {
            let close = |pipeline: &mut Pipeline, start, end| deliver(pipeline.close(start, end));
            let played = catch_unwind(AssertUnwindSafe(|| batch.play(&mut pipeline, close)));
            if let Err(error) = played.or_else(|panic| pipeline.mend(&panic)) {
                // The loop goes on: the batches that wait for this worker are counted as unread, interval by interval.
                self.fail(error);
            }
            lock(&self.state).queues[number].empty.push(batch);
        }
        self.leave_open(&mut pipeline, deliver);
    }

    /// Ends reading with this error.
    fn fail(&self, error: Error) {
        let mut state = lock(&self.state);
        (state.is_over, state.producer) = (true, None);
        state.failure.get_or_insert(error);
        self.wake(&state);
    }

    /// After a failure, delivers what the open interval has counted until now.
    fn leave_open(&self, pipeline: &mut Pipeline, deliver: impl Fn(Snapshot)) {
        let state = lock(&self.state);
        let interval = state.interval.filter(|_| state.failure.is_some());
        drop(state);
        if let Some((start, end)) = interval {
            deliver(pipeline.close(start, end));
        }
    }

    /// Returns the next batch of a worker. The worker may read blocks to get it, or wait for another worker that does.
    /// `None` at the end.
    fn next(&self, number: usize) -> Option<Batch> {
        let mut state = lock(&self.state);
        loop {
            let waiting = state.queues[number].waiting.len();
            if let Some(mut producer) = state.take_producer(waiting) {
                drop(state);
                let goes_on = producer.read(waiting == 0);
                state = lock(&self.state);
                state.give_back(producer, goes_on);
                self.wake(&state);
            } else if let Some(batch) = state.queues[number].waiting.pop_front() {
                return Some(batch);
            } else if state.is_over {
                return None;
            } else {
                state.sleepers += 1;
                state = self.news.wait(state).unwrap_or_else(PoisonError::into_inner);
                state.sleepers -= 1;
            }
        }
    }

    fn wake(&self, state: &CrewState<'_>) {
        if state.sleepers > 0 {
            self.news.notify_all();
        }
    }
}

/// Ends reading when a worker ends, even by a panic. The batches that wait for the worker are dropped, which gives back
/// their blocks.
struct ExitGuard<'c, 'a> {
    crew: &'c Crew<'a>,
    number: usize,
}

impl Drop for ExitGuard<'_, '_> {
    fn drop(&mut self) {
        let mut state = lock(&self.crew.state);
        state.is_over = true;
        state.producer = None;
        state.queues[self.number] = WorkQueue::default();
        self.crew.wake(&state);
    }
}

/// Distributes packets to the workers.
struct Distributor {
    clock: Clock,
    intake: Intake,
    /// Set if packets are recorded.
    fragments: Option<Fragments>,
    tunnels: bool,
    /// The batch of each worker, being filled.
    batches: Vec<Batch>,
}

impl Distributor {
    fn new(settings: &Settings, count: usize) -> Self {
        let intake = Intake::new(settings.defragment, settings.tunnels, settings.nat.clone());
        let batches = (0..count).map(|_| Batch::default()).collect();
        let fragments = settings.record.as_ref().map(|_| Fragments::default());
        Self { clock: Clock::default(), intake, fragments, tunnels: settings.tunnels, batches }
    }

    /// Distributes a packet whose connection its own headers do not tell: puts fragments together, enters tunnels and
    /// undoes address translation.
    #[cold]
    fn push_other(&mut self, packet: &Packet<'_>, block: &Arc<Lease>, at: usize) {
        let arrival = self.intake.read(packet);
        let worker = arrival.folded().map_or(0, |folded| worker_of(folded, self.batches.len()));
        if arrival.is_assembled {
            let frames = self.fragments.as_mut().map(|fragments| fragments.gather(packet, &arrival, self.tunnels));
            self.batches[worker].push(&arrival, &frames.unwrap_or_default());
        } else {
            self.batches[worker].refer(packet, block, at);
        }
    }

    fn tell_all(&mut self, event: impl Fn() -> BatchEvent) {
        self.batches.iter_mut().for_each(|batch| batch.note(event()));
    }
}

impl Workers for Distributor {
    fn set_interface(&mut self, id: InterfaceId, name: &str) {
        self.intake.add_interface(id);
        self.tell_all(|| BatchEvent::Interface(id, name.to_owned(), InterfaceState::Up));
    }

    fn push(&mut self, packet: &Packet<'_>, block: &Arc<Lease>, at: usize) {
        if let Some(now) = self.clock.follow(packet.ts) {
            self.tell_all(|| BatchEvent::Tick(now));
        }
        match decode::folded(packet) {
            Some(ends) if self.intake.is_simple() => {
                let worker = worker_of(ends, self.batches.len());
                self.batches[worker].refer(packet, block, at);
            }
            _ => self.push_other(packet, block, at),
        }
    }

    fn push_unknown(&mut self, interface: InterfaceId, wire_len: u32, link_type: u32) {
        self.batches[0].push(&Arrival::unknown(Timestamp::default(), interface, wire_len, link_type), &[]);
    }

    fn lose(&mut self, missing: Missing) {
        self.batches[0].note(BatchEvent::Missing(missing));
    }

    fn tick(&mut self, now: Timestamp) {
        self.clock.set(now);
        self.tell_all(|| BatchEvent::Tick(now));
    }

    fn close(&mut self, start: Timestamp, end: Timestamp) {
        let lost = self.intake.take_dropped();
        self.batches[0].note(BatchEvent::Incomplete(lost));
        self.tell_all(|| BatchEvent::Close(start, end));
    }

    /// Does nothing: the workers get their batches when the producer is given back.
    fn work(&mut self) {}

    fn finish(&mut self, interval: Option<(Timestamp, Timestamp)>) {
        self.tell_all(|| BatchEvent::Finish);
        if let Some((start, end)) = interval {
            self.close(start, end);
        }
    }
}
