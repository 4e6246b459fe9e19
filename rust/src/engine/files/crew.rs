//! Several workers for the packets of files, each in a thread of its own.
//!
//! Whoever runs short of work reads a block and deals its packets to all. The dealer does what needs to see every packet:
//! the clock, fragments, tunnels. Then it knows the connection, and each connection has one worker. So any number of
//! workers counts the same, and none waits while there is something to do.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use super::super::batch::{Batch, Event, worker_of};
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
use crate::pipeline::snapshot::{InterfaceState, Snapshot};
use crate::pipeline::{Pipeline, Settings};

/// A worker with fewer batches than this reads the next block, if nobody else does: while it reads, the others still have
/// something to do.
const FEW: usize = 2;

/// What waits for a worker; bounded by the blocks that there are.
#[derive(Debug, Default)]
struct Lane {
    waiting: VecDeque<Batch>,
    /// Batches that were worked off, to be filled again.
    empty: Vec<Batch>,
}

/// What all workers look at.
struct Hall<'a> {
    lanes: Vec<Lane>,
    /// Where one of them at a time reads; nobody has it there now.
    desk: Option<Box<Desk<'a>>>,
    /// Nobody reads any more.
    is_over: bool,
    failure: Option<Error>,
    /// The interval that was open when the desk was given back last.
    interval: Option<(Timestamp, Timestamp)>,
    sleepers: usize,
}

/// A reader of blocks.
struct Desk<'a> {
    reading: Reading<'a>,
    dealer: Dealer,
    patience: Patience,
}

impl Desk<'_> {
    /// Reads on. A packet that makes the dealer panic is passed over, once.
    fn read(&mut self, may_wait: bool) -> Result<bool, Error> {
        let Self { reading, dealer, patience } = self;
        catch_unwind(AssertUnwindSafe(|| reading.read_some(dealer, may_wait))).unwrap_or_else(|panic| {
            dealer.intake.restart();
            dealer.hands[0].note(Event::Missing(Missing { unread: 1, ..Missing::default() }));
            patience.bear(&panic).map(|()| true)
        })
    }
}

impl<'a> Hall<'a> {
    /// The desk, when it is free and a worker with so many batches waiting had better read.
    fn take_desk(&mut self, waiting: usize) -> Option<Box<Desk<'a>>> {
        self.desk.take_if(|desk| waiting == 0 || waiting < FEW && desk.reading.is_ready())
    }

    /// Takes the desk back, and what was read there.
    fn give_back(&mut self, mut desk: Box<Desk<'a>>, goes_on: Result<bool, Error>) {
        for (hand, lane) in desk.dealer.hands.iter_mut().zip(&mut self.lanes).filter(|(hand, _)| !hand.is_empty()) {
            let next = lane.empty.pop().unwrap_or_default();
            lane.waiting.push_back(std::mem::replace(hand, next));
        }
        self.interval = desk.reading.intervals.open();
        match goes_on {
            Ok(true) if !self.is_over => self.desk = Some(desk),
            Ok(_) => self.is_over = true,
            Err(error) => (self.is_over, self.failure) = (true, Some(error)),
        }
    }
}

/// Several pipelines, and what they read.
pub struct Crew<'a> {
    shared: &'a Arc<Shared>,
    settings: &'a Settings,
    count: usize,
    hall: Mutex<Hall<'a>>,
    news: Condvar,
}

impl<'a> Crew<'a> {
    /// A crew of `count`.
    pub fn new(reading: Reading<'a>, settings: &'a Settings, count: usize, shared: &'a Arc<Shared>) -> Self {
        let (dealer, patience) = (Dealer::new(settings, count), Patience::new(shared));
        let desk = Some(Box::new(Desk { reading, dealer, patience }));
        let lanes = (0..count).map(|_| Lane::default()).collect();
        let hall = Mutex::new(Hall { lanes, desk, is_over: false, failure: None, interval: None, sleepers: 0 });
        Self { shared, settings, count, hall, news: Condvar::new() }
    }

    /// Works until all is read, the first worker in this thread.
    pub fn run(self, collector: &Collector) -> Result<(), Error> {
        let queue = &self.shared.queue;
        std::thread::scope(|scope| {
            let worker = |number| {
                let (crew, leaving) = (&self, Leaving { crew: &self, number });
                move || {
                    let _leaving = leaving;
                    crew.work(number, |part| collector.deliver(number, part, queue));
                }
            };
            // All are made before one is started: if that fails, those that were wait for nobody.
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
        self.hall.into_inner().unwrap_or_else(PoisonError::into_inner).failure.map_or(Ok(()), Err)
    }

    fn work(&self, number: usize, deliver: impl Fn(Snapshot)) {
        // The dealer has done that for all.
        let pipeline = Pipeline::new(Settings { nat: None, ..self.settings.share(self.count) });
        let mut pipeline = Sturdy::new(pipeline, self.shared);
        while let Some(mut batch) = self.next(number) {
            let close = |pipeline: &mut Pipeline, start, end| deliver(pipeline.close(start, end));
            let played = catch_unwind(AssertUnwindSafe(|| batch.play(&mut pipeline, close)));
            if let Err(error) = played.or_else(|panic| pipeline.mend(&panic)) {
                // The loop goes on: the batches that wait for this worker are counted as unread, interval by interval.
                self.fail(error);
            }
            lock(&self.hall).lanes[number].empty.push(batch);
        }
        self.leave_open(&mut pipeline, deliver);
    }

    /// Nobody reads any more, for this reason.
    fn fail(&self, error: Error) {
        let mut hall = lock(&self.hall);
        (hall.is_over, hall.desk) = (true, None);
        hall.failure.get_or_insert(error);
        self.wake(&hall);
    }

    /// After a failure the interval that is open ends where it is: what it has counted is told.
    fn leave_open(&self, pipeline: &mut Pipeline, deliver: impl Fn(Snapshot)) {
        let hall = lock(&self.hall);
        let interval = hall.interval.filter(|_| hall.failure.is_some());
        drop(hall);
        if let Some((start, end)) = interval {
            deliver(pipeline.close(start, end));
        }
    }

    /// What a worker does next; it may have to read it. `None` at the end.
    fn next(&self, number: usize) -> Option<Batch> {
        let mut hall = lock(&self.hall);
        loop {
            let waiting = hall.lanes[number].waiting.len();
            if let Some(mut desk) = hall.take_desk(waiting) {
                drop(hall);
                let goes_on = desk.read(waiting == 0);
                hall = lock(&self.hall);
                hall.give_back(desk, goes_on);
                self.wake(&hall);
            } else if let Some(batch) = hall.lanes[number].waiting.pop_front() {
                return Some(batch);
            } else if hall.is_over {
                return None;
            } else {
                hall.sleepers += 1;
                hall = self.news.wait(hall).unwrap_or_else(PoisonError::into_inner);
                hall.sleepers -= 1;
            }
        }
    }

    fn wake(&self, hall: &Hall<'_>) {
        if hall.sleepers > 0 {
            self.news.notify_all();
        }
    }
}

/// A worker is gone, even by a panic: nobody reads for it any more, and what waits for it gives back its blocks.
struct Leaving<'c, 'a> {
    crew: &'c Crew<'a>,
    number: usize,
}

impl Drop for Leaving<'_, '_> {
    fn drop(&mut self) {
        let mut hall = lock(&self.crew.hall);
        hall.is_over = true;
        hall.desk = None;
        hall.lanes[self.number] = Lane::default();
        self.crew.wake(&hall);
    }
}

/// Deals packets to the workers.
struct Dealer {
    clock: Clock,
    intake: Intake,
    /// What each worker gets of what is read.
    hands: Vec<Batch>,
}

impl Dealer {
    fn new(settings: &Settings, count: usize) -> Self {
        let intake = Intake::new(settings.defragment, settings.tunnels, settings.nat.clone());
        let hands = (0..count).map(|_| Batch::default()).collect();
        Self { clock: Clock::default(), intake, hands }
    }

    /// Fragments are put together here, tunnels looked into and translations undone, to know whose connection it is.
    #[cold]
    fn push_other(&mut self, packet: &Packet<'_>, block: &Arc<Lease>, at: usize) {
        let arrival = self.intake.read(packet);
        let worker = arrival.key().map_or(0, |key| worker_of(key.folded(), self.hands.len()));
        if arrival.is_assembled {
            self.hands[worker].push(&arrival);
        } else {
            self.hands[worker].refer(packet, block, at);
        }
    }

    fn tell_all(&mut self, event: impl Fn() -> Event) {
        self.hands.iter_mut().for_each(|hand| hand.note(event()));
    }
}

impl Workers for Dealer {
    fn set_interface(&mut self, id: InterfaceId, name: &str) {
        self.intake.add_interface(id);
        self.tell_all(|| Event::Interface(id, name.to_owned(), InterfaceState::Up));
    }

    fn push(&mut self, packet: &Packet<'_>, block: &Arc<Lease>, at: usize) {
        if let Some(now) = self.clock.follow(packet.ts) {
            self.tell_all(|| Event::Tick(now));
        }
        match decode::folded(packet) {
            Some(ends) if self.intake.is_simple() => {
                let worker = worker_of(ends, self.hands.len());
                self.hands[worker].refer(packet, block, at);
            }
            _ => self.push_other(packet, block, at),
        }
    }

    fn push_unknown(&mut self, interface: InterfaceId, wire_len: u32, link_type: u32) {
        self.hands[0].push(&Arrival::unknown(Timestamp::default(), interface, wire_len, link_type));
    }

    fn lose(&mut self, missing: Missing) {
        self.hands[0].note(Event::Missing(missing));
    }

    fn tick(&mut self, now: Timestamp) {
        self.clock.set(now);
        self.tell_all(|| Event::Tick(now));
    }

    fn close(&mut self, start: Timestamp, end: Timestamp) {
        let lost = self.intake.take_dropped();
        self.hands[0].note(Event::Incomplete(lost));
        self.tell_all(|| Event::Close(start, end));
    }

    /// The hands are given to the workers when the desk is given back.
    fn work(&mut self) {}

    fn finish(&mut self, interval: Option<(Timestamp, Timestamp)>) {
        self.tell_all(|| Event::Finish);
        if let Some((start, end)) = interval {
            self.close(start, end);
        }
    }
}
