//! Connections that have ended, remembered a while after they left the table: copies of their packets, which a merge of
//! captures or a slow path may bring late, begin no new connection.

use std::collections::VecDeque;

use hashbrown::HashMap;

use crate::pipeline::decode::{Flags, Segment, SeqNumber};
use crate::pipeline::packet::{SECOND, Timestamp};
use crate::pipeline::reassembly::Stream;

/// How many are remembered at the most: some 5 MB, several seconds of a busy server.
const CAPACITY: usize = 65_536;

/// Nanoseconds for which one is remembered, as long as a closed connection keeps its ports from being used again.
const REMEMBERED: i64 = 60 * SECOND;

/// Where the directions of a connection began and ended.
type Extent = [(Option<SeqNumber>, Option<SeqNumber>); 2];

/// Ended connections by the hash of their key.
#[derive(Debug, Default)]
pub struct Ended {
    extents: HashMap<u64, Extent>,
    /// By when they ended, the oldest first.
    order: VecDeque<(u64, Timestamp)>,
}

impl Ended {
    /// A connection has ended at that time.
    pub fn remember(&mut self, hash: u64, streams: &[Stream; 2], now: Timestamp) {
        let extent = [0, 1].map(|at: usize| (streams[at].isn(), streams[at].next()));
        if extent.iter().all(|(_, next)| next.is_none()) {
            return;
        }
        if self.extents.insert(hash, extent).is_none() {
            self.order.push_back((hash, now));
        }
        if self.order.len() > CAPACITY {
            self.forget_oldest();
        }
    }

    /// Forgets the connections that ended long ago.
    pub fn tick(&mut self, now: Timestamp) {
        while self.order.front().is_some_and(|&(_, ended)| ended.plus(REMEMBERED) < now) {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        if let Some((hash, _)) = self.order.pop_front() {
            self.extents.remove(&hash);
        }
    }

    /// This segment belongs to the connection of that hash which has ended.
    pub fn has(&self, hash: u64, segment: &Segment<'_>) -> bool {
        let Some(extent) = self.extents.get(&hash) else { return false };
        let (isn, next) = extent[segment.direction as usize];
        if segment.flags.has(Flags::SYN) {
            return isn == Some(segment.seq);
        }
        let end = segment.seq.plus(segment.payload_wire_len);
        next.is_some_and(|next| !end.is_after(next))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_000 * SECOND);

    /// What is remembered of connections that ended so many nanoseconds from now, when it is now.
    fn remembered(ages: impl IntoIterator<Item = i64>) -> (usize, usize) {
        let mut ended = Ended::default();
        let mut streams = [Stream::default(), Stream::default()];
        streams[0].open(SeqNumber(1));
        for (hash, age) in ages.into_iter().enumerate() {
            ended.remember(hash as u64, &streams, NOW.plus(-age));
        }
        ended.tick(NOW);
        (ended.extents.len(), ended.order.len())
    }

    #[test]
    fn a_minute_is_remembered_and_no_more_than_fit() {
        assert_eq!(remembered([REMEMBERED + 1, REMEMBERED, 0]), (2, 2));
        assert_eq!(remembered((0..CAPACITY + 3).map(|_| 0)), (CAPACITY, CAPACITY));
    }
}
