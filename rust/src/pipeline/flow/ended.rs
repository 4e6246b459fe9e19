//! Connections that have ended, remembered a while after they left the table: copies of their packets, which a merge of
//! captures or a slow path may bring late, begin no new connection.

use std::collections::VecDeque;

use hashbrown::HashMap;

use crate::pipeline::decode::{Flags, Segment, SeqNumber};
use crate::pipeline::reassembly::Stream;

/// How many are remembered: some 4 MB, several seconds of a busy server.
const CAPACITY: usize = 65_536;

/// Where the directions of a connection began and ended.
type Extent = [(Option<SeqNumber>, Option<SeqNumber>); 2];

/// Ended connections by the hash of their key, the oldest first.
#[derive(Debug, Default)]
pub struct Ended {
    extents: HashMap<u64, Extent>,
    order: VecDeque<u64>,
}

impl Ended {
    /// A connection has ended.
    pub fn remember(&mut self, hash: u64, streams: &[Stream; 2]) {
        let extent = [0, 1].map(|at: usize| (streams[at].isn(), streams[at].next()));
        if extent.iter().all(|(_, next)| next.is_none()) {
            return;
        }
        if self.extents.insert(hash, extent).is_none() {
            self.order.push_back(hash);
        }
        if self.order.len() > CAPACITY
            && let Some(oldest) = self.order.pop_front()
        {
            self.extents.remove(&oldest);
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
