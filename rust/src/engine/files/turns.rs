//! Merges the inputs by time: tells which input has the next packet.

use super::filters::{Filters, Sieve};
use super::reading::{Reading, Workers};
use super::stream::{InputStatus, KnownInterface, Now, PacketStream};
use crate::capture::file::Given;
use crate::engine::intervals::Intervals;
use crate::pipeline::packet::{Packet, Timestamp};

/// An instant after every packet.
pub const NEVER: Timestamp = Timestamp(i64::MAX);

/// Packets handed over in one call while several inputs take turns.
const MOST: usize = 4096;

/// Which input has the next packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// The input of index `at`, with its packets before `limit`, and those at `limit` if `includes` is true.
    Of { at: usize, limit: Timestamp, includes: bool },
    /// Not known yet: a pipe without packets at hand may still bring one that is earlier than all at hand.
    Unclear,
    /// No input has packets at hand.
    Quiet,
}

/// Returns which input comes next: the one with the earliest packet at hand, unless a pipe may bring an earlier one. Of
/// two packets from one instant, that of the first input comes first. Inputs that are not in `inputs` have no packet
/// before `limit`.
pub fn turn(inputs: impl Iterator<Item = InputStatus>, limit: Timestamp) -> Turn {
    let mut first: Option<(Timestamp, usize, Option<Timestamp>)> = None;
    let (mut limit, mut includes, mut floor) = (limit, true, NEVER);
    for (at, InputStatus { head, floor: own_floor, settled }) in inputs.enumerate() {
        let Some(head) = head else {
            floor = floor.min(own_floor.unwrap_or(Timestamp(i64::MIN)));
            continue;
        };
        match first {
            Some((least, ..)) if head >= least => {
                if head < limit {
                    (limit, includes) = (head, true);
                }
            }
            _ => {
                if let Some((second, ..)) = first.replace((head, at, settled))
                    && second <= limit
                {
                    (limit, includes) = (second, false);
                }
            }
        }
    }
    let Some((head, at, settled)) = first else { return Turn::Quiet };
    // If this input is live, an earlier packet of another live pipe would have come by now.
    let floor = floor.max(settled.unwrap_or(floor));
    if head > floor {
        return Turn::Unclear;
    }
    if floor < limit {
        (limit, includes) = (floor, true);
    }
    Turn::Of { at, limit, includes }
}

impl Reading<'_> {
    /// Returns which of the open inputs comes next.
    pub fn turn(&self, now: Option<Now>) -> Turn {
        let next = self.unopened.front().filter(|_| !self.is_overdue);
        let limit = next.map_or(NEVER, |unopened| unopened.first);
        turn(self.open.iter().map(|stream| stream.status(now)), limit)
    }

    /// Hands over packets until an input has none left at hand, or [`MOST`] were handed over.
    pub fn give_turns(&mut self, mut turn: Turn, workers: &mut impl Workers, now: Option<Now>) {
        let mut left = MOST;
        while let Turn::Of { at, limit, includes } = turn {
            if limit == NEVER {
                return self.give(at, limit, includes, usize::MAX, workers);
            }
            let before = self.open[at].packets.left();
            self.give(at, limit, includes, left, workers);
            let given = before - self.open[at].packets.left();
            left = left.saturating_sub(given);
            // No packet is handed over if a file has to be opened first.
            if given == 0 || left == 0 || !self.open[at].packets.has_some() {
                return;
            }
            turn = self.turn(now);
        }
    }

    /// Hands over packets of one input, at most `most`.
    pub fn give(&mut self, at: usize, limit: Timestamp, includes: bool, most: usize, workers: &mut impl Workers) {
        let Self { open, intervals, filters, snaplen, .. } = self;
        let PacketStream { packets, known, unread, .. } = &mut open[at];
        let mut shut = 0;
        packets.give(limit, includes, most, |given| {
            let Some(known) = known.get(usize::from(given.interface)) else { return };
            if !push(&given, known, filters, *snaplen, intervals, workers) {
                shut += 1;
            }
        });
        *unread += shut;
        self.missing.unread += shut;
    }
}

/// Hands over a packet if it passes the filter. False if the filter cannot be used on its link type.
#[inline]
fn push(
    given: &Given<'_>,
    known: &KnownInterface,
    filters: &Filters,
    snaplen: usize,
    intervals: &mut Intervals,
    workers: &mut impl Workers,
) -> bool {
    let Given { ts, wire_len, data, block, at, .. } = *given;
    match known.sieve {
        Sieve::Open => {}
        Sieve::Filter(number) if filters.matches(number, data) => {}
        Sieve::Filter(_) => return true,
        Sieve::Shut => return false,
    }
    let ts = intervals.admit(ts);
    if intervals.is_over(ts)
        && let Some((start, end)) = intervals.take()
    {
        workers.close(start, end);
    }
    intervals.open_at(ts);
    let (interface, data) = (known.id, &data[..data.len().min(snaplen)]);
    match known.link_type {
        Some(link_type) => workers.push(&Packet { ts, wire_len, interface, link_type, data }, block, at),
        None => workers.push_unknown(interface, wire_len, known.number),
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Inputs as (head, floor, settled) in seconds; the limit; the expected turn as (input, limit, whether it includes
    /// it).
    type Case = (&'static [[Option<i64>; 3]], i64, Result<(usize, i64, bool), Turn>);

    const NOBODY: i64 = i64::MAX / 1_000_000_000;

    const fn file(head: i64) -> [Option<i64>; 3] {
        [Some(head), None, None]
    }

    #[test]
    fn the_earliest_packet_comes_next_unless_a_pipe_may_bring_an_earlier_one() {
        const CASES: &[Case] = &[
            (&[], NOBODY, Err(Turn::Quiet)),
            (&[file(5)], NOBODY, Ok((0, NOBODY, true))),
            (&[file(5)], 7, Ok((0, 7, true))),
            (&[file(5), file(3), file(4)], NOBODY, Ok((1, 4, true))),
            (&[file(4), file(3), file(4)], NOBODY, Ok((1, 4, false))),
            (&[file(3), file(3)], NOBODY, Ok((0, 3, true))),
            // A pipe has sent nothing yet, or nothing as late as the packet at hand.
            (&[file(5), [None, None, None]], NOBODY, Err(Turn::Unclear)),
            (&[file(5), [None, Some(4), None]], NOBODY, Err(Turn::Unclear)),
            (&[file(5), [None, Some(6), None]], 7, Ok((0, 6, true))),
            (&[file(5), [None, Some(9), None]], 7, Ok((0, 7, true))),
            // Of two live pipes one is silent: it has no packet from before the settled time.
            (&[[Some(5), Some(5), Some(4)], [None, None, None]], NOBODY, Err(Turn::Unclear)),
            (&[[Some(5), Some(5), Some(6)], [None, None, None]], NOBODY, Ok((0, 6, true))),
            (&[[None, Some(9), Some(9)], [None, None, None]], NOBODY, Err(Turn::Quiet)),
        ];
        for (inputs, limit, want) in CASES {
            let at = |seconds: i64| if seconds == NOBODY { NEVER } else { Timestamp::new(seconds, 0) };
            let statuses = inputs.iter().map(|input| {
                let [head, floor, settled] = input.map(|seconds| seconds.map(at));
                InputStatus { head, floor, settled }
            });
            let want = want
                .map_or_else(|turn| turn, |(who, limit, includes)| Turn::Of { at: who, limit: at(limit), includes });
            assert_eq!(turn(statuses, at(*limit)), want, "{inputs:?} until {limit}");
        }
    }
}
