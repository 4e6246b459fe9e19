//! Divides the memory for kernel buffers among the interfaces, and replaces buffers when their traffic changes.

use std::collections::HashMap;

use super::super::mailboxes::Message;
use super::super::rings::{LEAST_BUFFER, SPARE, is_small, share_out, weigh, whole};
use super::{Watched, Watcher};
use crate::capture::links::{Key, Link};
use crate::capture::live::{InterfaceHandle, Wanted};
use crate::capture::{BUFFER_BUDGET, clocks};

/// Buffers replaced at one look, at most.
const MAX_TURNS: usize = 8;

impl Watcher {
    /// Decides how large the buffer of each interface is to be. Also returns those for which no buffer is left.
    pub(super) fn plan(&mut self, meant: Vec<Link>) -> (Vec<(Link, Wanted)>, Vec<Link>) {
        let mut weights: Vec<u64> = self.open.iter().map(|open| open.weight).collect();
        weights.extend(meant.iter().map(|seen| seen.bytes));
        let shares = share_out(&weights, self.least());
        let (mut wanted, mut crowded, mut used) = (Vec::new(), Vec::new(), self.used());
        let is_first = self.open.is_empty();
        for (seen, share) in meant.into_iter().zip(shares.into_iter().skip(self.open.len())) {
            // What is spare lets buffers be replaced by smaller ones when there is no room for another interface.
            let free = (BUFFER_BUDGET - SPARE).saturating_sub(used);
            let buffer = match self.settings.buffer_size {
                Some(size) => u64::from(size),
                None if is_first => share,
                // At most half of what is left: more interfaces may come, and replacing a buffer by a smaller one needs
                // room.
                None => whole(share.min(free / 2), self.least()),
            };
            let has_room = self.settings.buffer_size.is_some() || buffer <= free;
            if !has_room {
                crowded.push(seen);
                continue;
            }
            let id = self.number(&seen.name, wanted.iter().map(|(_, wanted): &(Link, Wanted)| wanted.id));
            used += buffer;
            self.openings += 1;
            let (name, device, index) = (seen.name.clone(), seen.device.clone(), seen.key.index);
            let opening = self.openings;
            wanted.push((seen, Wanted { name, device, index, id, opening, buffer }));
        }
        (wanted, crowded)
    }

    /// The fewest bytes that the handles of one interface need together.
    pub(super) fn least(&self) -> u64 {
        LEAST_BUFFER * self.job.workers as u64
    }

    /// Bytes of all buffers that exist now.
    fn used(&self) -> u64 {
        self.spent + self.open.iter().map(|open| open.buffer).sum::<u64>()
    }

    /// Updates the weights by the traffic since the last look.
    pub(super) fn count_traffic(&mut self, there: &[Link]) {
        let now: HashMap<Key, u64> = there.iter().map(|seen| (seen.key, seen.bytes)).collect();
        for open in &mut self.open {
            let bytes = |counts: &HashMap<Key, u64>| counts.get(&open.key).copied().unwrap_or_default();
            open.weight = weigh(open.weight, bytes(&now).saturating_sub(bytes(&self.passed)));
        }
        self.passed = now;
    }

    /// Gives busy interfaces with small buffers larger ones. If there is no room for these, or for interfaces that have
    /// none and are `crowded` out, makes other buffers smaller first. True if a buffer was replaced.
    pub(super) fn take_turns(&mut self, crowded: usize) -> bool {
        let mut weights: Vec<u64> = self.open.iter().map(|open| open.weight).collect();
        weights.resize(self.open.len() + crowded, 0);
        let shares: Vec<_> = share_out(&weights, self.least()).into_iter().take(self.open.len()).enumerate().collect();
        let is_small = |&(at, share): &(usize, u64)| is_small(self.open[at].buffer, share, self.open[at].weight);
        let mut turns: Vec<_> = shares.iter().copied().filter(is_small).collect();
        let room = BUFFER_BUDGET.saturating_sub(self.used());
        if crowded > 0 || turns.iter().any(|&(_, share)| share > room) {
            turns = shares.into_iter().filter(|&(at, share)| share < self.open[at].buffer).collect();
            turns.sort_by_key(|&(at, share)| (share, at));
        }
        turns.into_iter().take(MAX_TURNS).fold(false, |changed, (at, buffer)| self.take_turn(at, buffer) || changed)
    }

    /// Opens an interface again with a buffer of another size. From then on the new handles hand over its packets. True
    /// if it was opened.
    fn take_turn(&mut self, at: usize, buffer: u64) -> bool {
        if self.used() + buffer > BUFFER_BUDGET {
            return false;
        }
        self.openings += 1;
        let &Watched { key, ref name, ref device, id, .. } = &self.open[at];
        let (name, device, index) = (name.clone(), device.clone(), key.index);
        let wanted = Wanted { name, device, index, id, opening: self.openings, buffer };
        // If the interface went away meanwhile, its old handles report that.
        let (workers, settings) = (self.job.workers, self.settings.clone());
        let opened = self.places.run(key.place, move || InterfaceHandle::open(&wanted, workers, &settings));
        let Some(Ok(handles)) = opened else { return false };
        let turn = clocks::read().steady;
        let open = &mut self.open[at];
        self.spent += open.buffer;
        open.buffer = buffer;
        let before = std::mem::replace(&mut open.opening, self.openings);
        for (to, mut handle) in handles.into_iter().enumerate() {
            handle.begin_at(turn);
            self.mailboxes.send(to, Message::Replace(before, handle, turn));
        }
        true
    }
}
