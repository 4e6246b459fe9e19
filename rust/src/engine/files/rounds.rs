//! Reads files in rounds. Each round refills the inputs that have no packets at hand, then hands over the packets that
//! come next. If there are none, it closes an interval of a silent live pipe, or waits for more bytes.

use super::reading::{Reading, Workers};
use super::turns::Turn;
use crate::capture::Error;

impl Reading<'_> {
    /// Reads to the end.
    pub fn read_all(&mut self, workers: &mut impl Workers) -> Result<(), Error> {
        while self.read_some(workers, true)? {}
        Ok(())
    }

    /// Hands over the next packets, and waits for them if `may_wait`. False at the end, which `workers` is told as
    /// well.
    pub fn read_some(&mut self, workers: &mut impl Workers, may_wait: bool) -> Result<bool, Error> {
        loop {
            let now = self.now();
            if self.job.is_over() || self.job.shared.bell.is_rung() {
                self.empty_pipes(workers, now)?;
                return Ok(self.finish(workers));
            }
            self.refill(workers, now, may_wait, false)?;
            self.tell_missing(workers);
            if self.open_next()? {
                continue;
            }
            if self.open.is_empty() && self.unopened.is_empty() {
                return Ok(self.finish(workers));
            }
            let turn = self.turn(now);
            let is_done = match turn {
                Turn::Of { .. } => {
                    self.give_turns(turn, workers, now);
                    true
                }
                Turn::Unclear => false,
                Turn::Quiet => self.close_quiet(workers, now),
            };
            if is_done || !may_wait {
                workers.work();
                return Ok(true);
            }
            self.wait(turn, now)?;
        }
    }
}
