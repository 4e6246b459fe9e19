//! Handles silent pipes. While all inputs are silent live pipes, the steady clock lets time pass and closes intervals.

use std::os::fd::AsFd;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::reading::{Reading, Workers};
use super::stream::{Now, PATIENCE};
use super::turns::{NEVER, Turn};
use crate::capture::Error;
use crate::capture::wait::wait;
use crate::pipeline::packet::Timestamp;

/// The most empty intervals that are made up for a time in which the machine slept.
const MAX_CATCH_UP: usize = 300;

/// How long to sleep if nothing is due.
const LONG: Duration = Duration::from_secs(3600);

impl Reading<'_> {
    /// The time of both clocks, if one of the inputs is a pipe. Files do not depend on it.
    pub fn now(&self) -> Option<Now> {
        self.open.iter().any(|stream| stream.pipe.is_some()).then(|| {
            let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            let wall = Timestamp::new(since.as_secs() as i64, i64::from(since.subsec_nanos()));
            Now { instant: Instant::now(), wall }
        })
    }

    /// Closes intervals by the clock, if all inputs are live pipes without packets at hand. True if an interval was
    /// closed.
    pub fn close_quiet(&mut self, workers: &mut impl Workers, now: Option<Now>) -> bool {
        // Packets that a pipe holds back are from before the settled time, and are handed over first.
        let is_quiet = self.unopened.is_empty()
            && self.open.iter().all(|stream| stream.settled(now).is_some() && stream.packets.left() == 0);
        let Some(settled) = self.settled(now).filter(|_| is_quiet) else { return false };
        self.intervals.open_at(settled);
        let mut closed = 0;
        while self.intervals.is_over(settled)
            && let Some((start, end)) = self.intervals.take()
        {
            self.tell_missing(workers);
            workers.tick(end);
            workers.close(start, end);
            closed += 1;
            self.intervals.open_at(if closed < MAX_CATCH_UP { end } else { settled });
        }
        closed > 0
    }

    /// Returns the time before which all packets of live pipes have come, by the pipe whose clock is furthest.
    fn settled(&self, now: Option<Now>) -> Option<Timestamp> {
        self.open.iter().filter_map(|stream| stream.settled(now)).max()
    }

    /// Sleeps until a pipe has new bytes, or there is something to do because time has passed.
    pub fn wait(&self, turn: Turn, now: Option<Now>) -> Result<(), Error> {
        let Some(now) = now else { return Ok(()) };
        let settled = self.settled(Some(now));
        let until_end = settled.zip(self.intervals.end()).map(|(settled, end)| end.since(settled));
        let due = match turn {
            Turn::Unclear => Some(now.instant + PATIENCE / 8),
            Turn::Of { .. } | Turn::Quiet => until_end.map(|nanos| now.instant + Duration::from_nanos(nanos)),
        };
        let again = self.open.iter().filter_map(|stream| stream.look_again(now.instant));
        let until = again.chain(due).chain(self.job.deadline()).min();
        let pause = until.map_or(LONG, |until| until.saturating_duration_since(now.instant));
        wait(&[self.news.as_fd()], &self.job.shared.bell, pause + Duration::from_millis(1))?;
        self.news.hush();
        Ok(())
    }

    /// Hands over everything that pipes have sent until now, when the capture ends.
    pub fn empty_pipes(&mut self, workers: &mut impl Workers, now: Option<Now>) -> Result<(), Error> {
        if now.is_none() {
            return Ok(());
        }
        self.open.retain(|stream| stream.pipe.is_some());
        self.unopened.clear();
        self.refill(workers, now, true, true)?;
        for stream in &mut self.open {
            stream.packets.release();
        }
        while let Some((_, at)) =
            self.open.iter().enumerate().filter_map(|(at, stream)| Some((stream.packets.head()?, at))).min()
        {
            self.give(at, NEVER, true, 1, workers);
        }
        Ok(())
    }
}
