//! Reads the inputs: each is opened when the merge comes to its first packet, refilled while it has more, and closed at
//! its end.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;

use super::filters::{Filters, Sieve};
use super::inputs::Inputs;
use super::points::Points;
use super::stream::{KnownInterface, Now, PacketStream};
use crate::capture::Error;
use crate::capture::file::{FileInterface, Lease, Missing, Pace, Problem, Reach};
use crate::capture::wait::Bell;
use crate::engine::intervals::Intervals;
use crate::engine::job::{Job, Level};
use crate::pipeline::packet::{InterfaceId, Packet, Timestamp};
use crate::pipeline::snapshot::OTHER;

/// Files open at the same time. More files than this overlap in time only by mistake. Those beyond are read late, and a
/// warning says so.
const MAX_OPEN: usize = 64;

/// Takes the packets of files, interval after interval: one worker, or the distributor of several.
pub trait Workers {
    /// Tells the name of an interface.
    fn set_interface(&mut self, id: InterfaceId, name: &str);
    /// Takes a packet that begins at offset `at` of `block`.
    fn push(&mut self, packet: &Packet<'_>, block: &Arc<Lease>, at: usize);
    /// Takes a packet whose link type cannot be decoded.
    fn push_unknown(&mut self, interface: InterfaceId, wire_len: u32, link_type: u32);
    /// Counts packets that were lost before they could be handed over.
    fn lose(&mut self, missing: Missing);
    /// Lets packet time pass until `now` though no packet came.
    fn tick(&mut self, now: Timestamp);
    /// Closes an interval.
    fn close(&mut self, start: Timestamp, end: Timestamp);
    /// Works on packets that were handed over and are put off.
    fn work(&mut self);
    /// Ends the source. `interval` is the interval that is still open.
    fn finish(&mut self, interval: Option<(Timestamp, Timestamp)>);
}

/// A file that was looked at and waits for its turn.
pub struct Unopened {
    pub path: PathBuf,
    /// When its first packet was captured.
    pub first: Timestamp,
}

/// All inputs, being read.
pub struct Reading<'a> {
    pub job: &'a Job,
    pub unopened: VecDeque<Unopened>,
    pub open: Vec<PacketStream>,
    pub points: Points,
    pub intervals: Intervals,
    pub filters: Filters,
    pub snaplen: usize,
    /// Rung when a pipe has new bytes.
    pub news: Bell,
    pub inputs: Inputs,
    /// Lost packets that are not counted yet because no interval is open.
    pub missing: Missing,
    /// True if the next file should be opened, but too many files are open.
    pub is_overdue: bool,
    /// True if a warning about too many open files was logged.
    pub is_crowded: bool,
}

impl Reading<'_> {
    /// True if every open input can give packets without waiting.
    pub fn is_ready(&self) -> bool {
        self.open.iter().all(|stream| stream.packets.has_some() || stream.packets.is_ready())
    }

    /// Reads on in every input that has no packets at hand, and closes the inputs that have ended.
    pub fn refill(
        &mut self,
        workers: &mut impl Workers,
        now: Option<Now>,
        may_wait: bool,
        hurry: bool,
    ) -> Result<(), Error> {
        let mut at = 0;
        while let Some(stream) = self.open.get_mut(at) {
            if stream.packets.has_some() {
                at += 1;
                continue;
            }
            let reached = stream.refill(now, may_wait, hurry);
            let missing = stream.take_missing();
            self.missing.add(missing);
            self.learn(at, workers)?;
            match reached {
                Ok(Reach::Here | Reach::Pending) => at += 1,
                Ok(Reach::End) => self.close(at, None)?,
                Err(problem) => {
                    self.tell_missing(workers); // before an error of the system ends the reading
                    self.close(at, Some(problem))?;
                }
            }
        }
        Ok(())
    }

    fn close(&mut self, at: usize, problem: Option<Problem>) -> Result<(), Error> {
        let mut stream = self.open.remove(at);
        stream.leave(&mut self.points);
        let PacketStream { path, unread, .. } = stream;
        let is_damaged = problem.is_some();
        let shared = &self.job.shared;
        match problem {
            Some(Problem::Io(error)) => return Err(Error::Failed { name: path, reason: error.to_string() }),
            // The capture is being closed, so the pipe was cut off on purpose.
            Some(_) if self.job.is_ending() => {}
            Some(problem @ Problem::Packed(_)) => shared.log(Level::Error, format!("{path}: {problem}")),
            Some(problem) => shared.log(Level::Warning, format!("{path}: {problem}")),
            None => {}
        }
        if unread > u64::from(is_damaged) {
            shared.log(Level::Warning, format!("{path}: {unread} packets could not be read"));
        }
        Ok(())
    }

    /// Opens the next file, if its first packet comes before all packets at hand. True if a file was opened.
    pub fn open_next(&mut self) -> Result<bool, Error> {
        let Some(&Unopened { first, .. }) = self.unopened.front() else { return Ok(false) };
        let head = self.open.iter().filter_map(|stream| stream.packets.head()).min();
        let lacks_some = self.open.iter().any(|stream| stream.pipe.is_none() && !stream.packets.has_some());
        let is_due = !lacks_some && head.is_none_or(|head| head > first);
        self.is_overdue = is_due && self.open.iter().filter(|stream| stream.pipe.is_none()).count() >= MAX_OPEN;
        if self.is_overdue && !std::mem::replace(&mut self.is_crowded, true) {
            let message = format!("more than {MAX_OPEN} files overlap in time: some packets are read late");
            self.job.shared.log(Level::Warning, message);
        }
        if !is_due || self.is_overdue {
            return Ok(false);
        }
        let Some(Unopened { path, .. }) = self.unopened.pop_front() else { return Ok(false) };
        let points = &mut self.points;
        // Files that are about to end give back their capture points, so a file that overlaps by a packet or two can
        // take them over.
        self.open.iter_mut().filter(|stream| stream.packets.is_ending()).for_each(|stream| stream.leave(points));
        let pace = pace(self.open.is_empty(), self.job.workers);
        self.open.push(self.inputs.open(&path, pace, &self.news, self.job, false)?);
        Ok(true)
    }

    /// Takes note of interfaces that an input has described since the last call.
    fn learn(&mut self, at: usize, workers: &mut impl Workers) -> Result<(), Error> {
        let Some(stream) = self.open.get_mut(at) else { return Ok(()) };
        for (FileInterface { name, link_type, number, .. }, id) in stream.learn(&mut self.points) {
            let path = &stream.path;
            let name = if id == InterfaceId::OTHER { OTHER } else { name.as_deref().unwrap_or(path) };
            workers.set_interface(id, name);
            let sieve = if link_type.is_some() { self.filters.find(number)? } else { Sieve::Open };
            let trouble = match (link_type, sieve) {
                (None, _) => Some(format!("{path}: link type {number} of {name} is not supported")),
                (_, Sieve::Shut) => Some(format!("{path}: the filter does not compile for {name}, link type {number}")),
                _ => None,
            };
            if let Some(message) = trouble {
                self.job.shared.log(Level::Warning, message);
            }
            stream.known.push(KnownInterface { id, link_type, number, sieve });
        }
        Ok(())
    }

    /// Tells `workers` that the source has ended. Returns false: nothing more comes.
    pub fn finish(&mut self, workers: &mut impl Workers) -> bool {
        if self.missing.is_any() && self.intervals.end().is_none() {
            // No packet could be read. An interval is opened so that the loss is reported.
            self.intervals.open_at(self.missing.at);
        }
        self.tell_missing(workers);
        workers.finish(self.intervals.take());
        workers.work();
        false
    }

    pub fn tell_missing(&mut self, workers: &mut impl Workers) {
        if self.missing.is_any() && self.intervals.end().is_some() {
            workers.lose(std::mem::take(&mut self.missing));
        }
    }
}

/// Returns how a file is read. If it is the only one open, a thread reads ahead of a single worker, and several workers
/// get more blocks.
pub fn pace(is_only: bool, workers: usize) -> Pace {
    match (is_only, workers) {
        (true, 1) => Pace::Ahead,
        (true, _) => Pace::Eager,
        _ => Pace::Sparing,
    }
}
