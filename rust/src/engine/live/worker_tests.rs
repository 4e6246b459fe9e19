//! Tests workers without interfaces on clocks that the test moves: intervals, connections and exchanges when the wall
//! clock is set.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use super::super::super::gate::Gate;
use super::super::super::job::{Level, Shared};
use super::super::super::lock::lock;
use super::super::super::queue::{Next, Overflow, Queue};
use super::*;
use crate::capture::clocks::ClockReading;
use crate::capture::wait::Bell;
use crate::pipeline::packet::{InterfaceId, SECOND};
use crate::pipeline::snapshot::Snapshot;
use crate::pipeline::tests::forge::{Forge, Wire};
use crate::pipeline::{FAULT, aggregate};

const START: i64 = 1_700_000_000 * SECOND;
const STEP: i64 = SECOND / 20;
const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

/// Two clocks, and workers that use them.
struct Machine {
    passed: Arc<AtomicI64>,
    set_by: Arc<AtomicI64>,
    job: Arc<Job>,
    workers: Vec<Worker>,
    /// Connections by number, each with the number of its frames that were handed out.
    talks: Vec<(Forge, usize)>,
    got: Vec<Snapshot>,
}

impl Machine {
    fn new(workers: usize) -> Self {
        Self::new_at(workers, START)
    }

    fn new_at(workers: usize, start: i64) -> Self {
        let (passed, set_by) = (Arc::new(AtomicI64::new(0)), Arc::new(AtomicI64::new(start)));
        let (passes, is_set) = (passed.clone(), set_by.clone());
        let clocks = Arc::new(Clocks::new(move || {
            let steady = passes.load(Ordering::Relaxed);
            ClockReading { steady: 77 * SECOND + steady, wall: Timestamp(is_set.load(Ordering::Relaxed) + steady) }
        }));
        let (queue, log, names) = (Queue::default(), Mutex::default(), Mutex::default());
        let shared = Arc::new(Shared { queue, bell: Bell::new().unwrap(), log, names, gate: Gate::default() });
        let aggregate = aggregate::Settings { exchanges: aggregate::Listing::All, ..Default::default() };
        let pipeline = crate::pipeline::Settings { aggregate, ..Default::default() };
        let job = Arc::new(Job {
            shared,
            pipeline,
            interval: SECOND,
            workers,
            chooses_workers: false,
            keylogs: Vec::new(),
            timeout: None,
            began: OnceLock::new(),
        });
        let collector = Arc::new(Collector::new(workers, &job.pipeline, Overflow::Merge));
        let mailboxes = Arc::new(Mailboxes::new(workers).unwrap());
        let mut workers: Vec<_> =
            (0..workers).map(|number| Worker::new(number, &job, &collector, &mailboxes, &clocks)).collect();
        let start = workers[0].now();
        workers.iter_mut().for_each(|worker| worker.begin(start));
        let talk = |number: u16| (Forge::new(Wire { client_port: 40_000 + number, ..Wire::default() }), 0);
        Self { passed, set_by, job, workers, talks: (0..8).map(talk).collect(), got: Vec::new() }
    }

    /// Sets the wall clock forward by `by` nanoseconds, or back if negative.
    fn set(&self, by: i64) {
        self.set_by.fetch_add(by, Ordering::Relaxed);
    }

    fn passed(&self) -> i64 {
        self.passed.load(Ordering::Relaxed)
    }

    /// Lets time pass. The workers do what they do when no packet comes.
    fn pass(&mut self, nanos: i64) {
        self.passed.fetch_add(nanos, Ordering::Relaxed);
        for worker in &mut self.workers {
            worker.take_packets();
            worker.read_messages();
            worker.keep_time();
        }
        self.collect();
    }

    fn collect(&mut self) {
        while let Next::Snapshot(snapshot) = self.job.shared.queue.pop(Duration::ZERO) {
            self.got.push(*snapshot);
        }
    }

    /// Ends the capture.
    fn finish(&mut self) {
        for worker in &mut self.workers {
            let end = worker.now();
            worker.finish_at(end);
        }
        self.collect();
    }

    /// Returns the frames in which one side of a connection sends `text`, stamped by the wall clock now. Nobody
    /// receives them until [`Self::take`] is called.
    fn say(&mut self, number: usize, side: usize, text: &[u8]) -> Vec<(Timestamp, Vec<u8>)> {
        let stamp = Timestamp(self.set_by.load(Ordering::Relaxed) + self.passed());
        let (forge, sent) = &mut self.talks[number];
        forge.say(side, text);
        let frames = forge.frames[*sent..].iter().map(|frame| (stamp, frame.bytes.clone())).collect();
        *sent = forge.frames.len();
        frames
    }

    /// Gives packets to the first worker, which sends on those of other workers.
    fn take(&mut self, frames: &[(Timestamp, Vec<u8>)]) {
        for (ts, data) in frames {
            let (interface, link_type) = (InterfaceId(0), crate::pipeline::packet::LinkType::Ethernet);
            let wire_len = data.len() as u32;
            self.workers[0].push(&Packet { ts: *ts, wire_len, interface, link_type, data });
        }
    }

    fn tell(&mut self, number: usize, side: usize, text: &[u8]) {
        let frames = self.say(number, side, text);
        self.take(&frames);
    }

    /// Sends a request and its response. The wall clock is set after the request was stamped and before it is read.
    fn exchange(&mut self, number: usize, set_by: i64) {
        let request = self.say(number, 0, REQUEST);
        self.set(set_by);
        self.take(&request);
        self.pass(STEP);
        self.tell(number, 1, RESPONSE);
        self.pass(STEP);
    }

    fn log(&self) -> Vec<String> {
        let kept = lock(&self.job.shared.log).kept().to_vec();
        kept.into_iter().map(|(level, text)| format!("{level:?} {text}")).collect()
    }
}

#[test]
fn intervals_end_on_time_and_exchanges_are_what_they_were_however_the_wall_clock_is_set() {
    let steps =
        [-1, 1].map(|way| [SECOND / 5, 3 * SECOND, 3600 * SECOND, 10_000 * 24 * 3600 * SECOND].map(|by| way * by));
    for (by, workers) in steps.concat().into_iter().flat_map(|by| [(by, 1), (by, 2)]) {
        let mut machine = Machine::new(workers);
        for number in 0..40 {
            machine.exchange(number % 8, if number == 20 { by } else { 0 });
            machine.pass(STEP * 3);
            // An interval is closed a fifth of a second after its end, on the step after that.
            let due = (machine.passed() - GRACE - STEP).max(0) / SECOND;
            assert!(machine.got.len() as i64 >= due, "{} by {by} after {}", machine.got.len(), machine.passed());
        }
        machine.pass(2 * SECOND);
        let total = Snapshot::merge_all(&machine.got);
        assert_eq!((total.counts.requests, total.counts.responses, total.capture.unanswered), (40, 40, 0), "by {by}");
        assert_eq!((total.capture.clock_steps, machine.log().len()), (1, 1), "by {by}");
        assert!(total.exchanges.iter().all(|exchange| exchange.measured.latency == Some(STEP as u64)), "by {by}");
        let spans: Vec<_> = machine.got.iter().filter_map(|snapshot| snapshot.span).collect();
        assert!(spans.iter().all(|(start, end)| start.0 % SECOND == 0 && end.since(*start) == SECOND as u64));
        let gaps: Vec<_> = spans.windows(2).map(|pair| pair[1].0.0 - pair[0].1.0).filter(|gap| *gap != 0).collect();
        assert!(if by > SECOND { matches!(gaps[..], [gap] if (gap - by).abs() <= SECOND) } else { gaps.is_empty() });
        for (exchange, (start, end)) in machine.got.iter().flat_map(|one| one.exchanges.iter().zip(one.span)) {
            assert!(start.plus(-STEP) <= exchange.measured.ts && exchange.measured.ts < end, "by {by}");
        }
    }
}

#[test]
fn a_connection_is_as_old_as_it_is_when_the_clock_was_set() {
    for by in [-7200 * SECOND, 7200 * SECOND] {
        let mut machine = Machine::new(1);
        machine.tell(0, 0, REQUEST);
        machine.set(by);
        (0..100).for_each(|_| machine.pass(SECOND));
        let tracked = |machine: &Machine| machine.got.last().map(|snapshot| snapshot.capture.flows.value);
        assert_eq!(tracked(&machine), Some(1), "it does not age by a step");
        machine.tell(0, 1, RESPONSE);
        machine.pass(SECOND);
        machine.pass(SECOND);
        assert_eq!(Snapshot::merge_all(&machine.got).exchanges[0].measured.latency, Some(100 * SECOND as u64));
        (0..310).for_each(|_| machine.pass(SECOND));
        assert_eq!(tracked(&machine), Some(0), "it ends all the same");
    }
}

#[test]
fn a_clock_that_is_set_to_and_fro_is_told_each_time() {
    let mut machine = Machine::new(2);
    for (number, by) in [-3600, 7200, -3600, 1].into_iter().enumerate() {
        machine.exchange(number, by * SECOND);
        machine.pass(12 * SECOND);
    }
    let total = Snapshot::merge_all(&machine.got);
    assert_eq!((total.capture.clock_steps, total.counts.responses), (4, 4));
    let told = [
        "back by 1h: intervals go on, and their times stay 1h ahead of it",
        "forward by 2h: intervals go on, and their times follow it",
        "back by 1h: intervals go on, and their times stay 1h ahead of it",
        "forward by 1s: intervals go on, and their times stay 59m 59s ahead of it",
    ];
    assert_eq!(machine.log(), told.map(|words| format!("{:?} the clock was set {words}", Level::Warning)));
}

#[test]
fn after_sleep_of_the_machine_some_empty_intervals_are_made_up_and_no_step_is_told() {
    let mut machine = Machine::new(1);
    machine.exchange(0, 0);
    machine.pass(8 * 3600 * SECOND);
    machine.exchange(1, 0);
    machine.pass(2 * SECOND);
    let total = Snapshot::merge_all(&machine.got);
    assert_eq!((total.counts.responses, total.capture.clock_steps, machine.log().len()), (2, 0, 0));
    let spans = machine.got.iter().filter_map(|snapshot| snapshot.span);
    let covered: u64 = spans.map(|(start, end)| end.since(start) / SECOND as u64).sum();
    assert!((u64::from(MAX_CATCH_UP)..).contains(&covered) && covered < 310, "{covered} s");
}

#[test]
fn the_first_and_the_last_interval_cover_what_was_captured_and_no_more() {
    for workers in [1, 3] {
        let mut machine = Machine::new_at(workers, START + 2 * SECOND / 5);
        (0..66).for_each(|_| machine.pass(STEP));
        machine.tell(0, 0, REQUEST);
        machine.finish();
        let spans: Vec<_> = machine.got.iter().filter_map(|snapshot| snapshot.span).collect();
        let lengths: Vec<_> = spans.iter().map(|(start, end)| end.since(*start) / 1_000_000).collect();
        assert_eq!(lengths, [600, 1000, 1000, 700]);
        assert!(spans.windows(2).all(|pair| pair[0].1 == pair[1].0));
        assert_eq!(machine.got.last().map(|snapshot| snapshot.counts.requests), Some(1));
    }
}

#[test]
fn a_worker_goes_on_after_one_panic_with_all_it_had_counted_and_ends_after_the_second() {
    let mut machine = Machine::new(1);
    let meets = |machine: &mut Machine, number: usize| {
        let fault = machine.say(number, 0, FAULT);
        let mut frames = fault.into_iter();
        machine.workers[0].going_on(|worker| {
            for (ts, data) in frames.by_ref() {
                let (interface, link_type) = (InterfaceId(0), crate::pipeline::packet::LinkType::Ethernet);
                worker.push(&Packet { ts, wire_len: data.len() as u32, interface, link_type, data: &data });
            }
        })
    };
    machine.exchange(0, 0);
    assert!(meets(&mut machine, 1).is_ok());
    machine.exchange(2, 0);
    let second = meets(&mut machine, 3).unwrap_err().to_string();
    assert!(second.starts_with("second internal error: a fault injected by a test"), "{second}");
    machine.finish();
    let total = Snapshot::merge_all(&machine.got);
    assert_eq!((total.counts.requests, total.counts.responses, total.capture.unread), (2, 2, 1));
    assert!(machine.log()[0].starts_with("Warning internal error: a fault injected by a test"), "{:?}", machine.log());
}

#[test]
fn on_a_silent_link_only_intervals_below_a_tenth_of_a_second_wait_for_others() {
    const MS: i64 = 1_000_000;
    for (interval, wait) in
        [(10 * MS, 90 * MS), (30 * MS, 60 * MS), (50 * MS, 50 * MS), (100 * MS, 0), (1000 * MS, 0), (i64::MAX, 0)]
    {
        assert_eq!(until_several_end(interval), wait, "{interval}");
    }
}
