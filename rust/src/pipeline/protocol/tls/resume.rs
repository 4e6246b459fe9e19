//! What becomes of records that wait, for a secret or for what the server says: they are read once that has come, or
//! given up after a time or a number of bytes.

use std::collections::VecDeque;

use super::decryption::{Crypt, Decryption, Early, Outlet, Stop};
use super::side::Stage;
use super::waiting::{Kept, MAX_WAITING, MAX_WAITING_TOTAL, Waiting};
use crate::pipeline::decode::Direction;
use crate::pipeline::exchange::Closed;
use crate::pipeline::packet::Timestamp;

impl Decryption {
    /// Reads what waits if its secrets have come, and gives up what has waited for too long.
    pub fn retry(&mut self, now: Timestamp, crypt: &mut Crypt, out: &mut impl Outlet) {
        let Some(waiting) = &self.waiting else { return };
        let is_over = waiting.is_over(now);
        if waiting.generation != crypt.keys.generation() && !waiting.is_full {
            self.resume(crypt, out);
        }
        if is_over && self.waiting.is_some() {
            self.give_up_waiting(crypt, out);
        }
    }

    /// True if a direction waits.
    pub(super) fn must_wait(&self, direction: Direction) -> bool {
        self.waiting.as_ref().is_some_and(|waiting| {
            waiting.for_key.is_some() || waiting.is_full || waiting.for_server && direction == self.client
        })
    }

    /// Takes note that a direction cannot go on, and lets the rest of its piece wait.
    pub(super) fn stop(
        &mut self,
        stop: Stop,
        direction: Direction,
        rest: Kept,
        crypt: &mut Crypt,
        out: &mut impl Outlet,
    ) {
        if let Stop::Closed(reason) = stop {
            return self.close(reason, crypt, out);
        }
        let waiting = self.waiting.get_or_insert_with(|| Box::new(Waiting::new(rest.ts)));
        waiting.generation = crypt.keys.generation();
        match stop {
            Stop::Key => waiting.for_key = Some(direction),
            Stop::Server => waiting.for_server = true,
            Stop::Client | Stop::Closed(_) => {}
        }
        self.keep(rest, crypt, out);
        if stop == Stop::Client {
            self.resume(crypt, out);
        }
    }

    /// Lets a piece wait, behind all others. If too much waits, goes on without what lacks its secret, or drops everything.
    pub(super) fn keep(&mut self, kept: Kept, crypt: &mut Crypt, out: &mut impl Outlet) {
        let Some(waiting) = &mut self.waiting else { return };
        if waiting.is_full {
            return;
        }
        waiting.cost += kept.cost();
        crypt.waiting += kept.cost();
        waiting.queue.push_back(kept);
        if (waiting.cost > MAX_WAITING || crypt.waiting > MAX_WAITING_TOTAL)
            && !self.go_on_without(crypt, out)
            && let Some(waiting) = &mut self.waiting
        {
            crypt.waiting -= waiting.cost;
            (waiting.cost, waiting.queue) = (0, VecDeque::new());
            waiting.is_full = true;
        }
    }

    /// Reads what waits, until something has to wait on.
    fn resume(&mut self, crypt: &mut Crypt, out: &mut impl Outlet) {
        let Some(mut before) = self.waiting.take() else { return };
        crypt.waiting -= before.cost;
        let mut queue = std::mem::take(&mut before.queue);
        while let Some(mut kept) = queue.pop_front() {
            if self.is_closed {
                return;
            }
            if self.must_wait(kept.direction) {
                self.keep(kept, crypt, out);
                continue;
            }
            let Err((stop, rest)) = self.read(&kept.piece(), crypt, out) else { continue };
            let rest = rest.len();
            kept.shorten(rest);
            let direction = kept.direction;
            match stop {
                Stop::Closed(reason) => self.close(reason, crypt, out),
                Stop::Client => {
                    // What the client has sent earlier comes first.
                    queue.push_front(kept);
                    if let Some(mut waiting) = self.waiting.take() {
                        crypt.waiting -= waiting.cost;
                        while let Some(earlier) = waiting.queue.pop_back() {
                            queue.push_front(earlier);
                        }
                    }
                }
                Stop::Key | Stop::Server => {
                    self.stop(stop, direction, kept, crypt, out);
                    if let Some(waiting) = &mut self.waiting {
                        waiting.since = before.since;
                    }
                }
            }
        }
    }

    /// Gives up what has waited for too long.
    fn give_up_waiting(&mut self, crypt: &mut Crypt, out: &mut impl Outlet) {
        while self.waiting.is_some() {
            if !self.go_on_without(crypt, out) {
                self.close(self.missing(crypt), crypt, out);
            }
        }
    }

    /// Reads on without early data, or without a direction, if that is what lacks its secret. Returns false if nothing can
    /// be read then.
    fn go_on_without(&mut self, crypt: &mut Crypt, out: &mut impl Outlet) -> bool {
        let is_early = self.early == Early::Offered || self.side(self.client).stage == Stage::Early;
        let Some(waiting) = self.waiting.as_ref().filter(|waiting| !waiting.is_full) else { return false };
        if is_early && (waiting.for_server || waiting.for_key == Some(self.client)) {
            // The rest of the connection can be read without its early data.
            self.skip_early(crypt);
        } else if let Some(direction) = self.unreadable(crypt) {
            out.closed(self.missing(crypt));
            self.sides[direction as usize].give_up(&mut crypt.ciphers, &mut crypt.buffers);
            if direction != self.client && self.early != Early::Absent {
                // It stays unknown whether the server takes the early data, which was given up.
                self.sides[self.client as usize].lose_unknown();
            }
        } else {
            return false;
        }
        self.resume(crypt, out);
        true
    }

    /// The direction whose secret is missing, if the other direction can perhaps be read without it. In TLS 1.2, both
    /// have the same secret.
    fn unreadable(&self, crypt: &Crypt) -> Option<Direction> {
        let direction = self.waiting.as_ref()?.for_key?;
        let is_tls13 = self.suite.is_some_and(|suite| suite.is_tls13);
        let has_any = self.secrets(crypt).is_some();
        (is_tls13 && has_any && self.side(direction.reverse()).stage != Stage::Unread).then_some(direction)
    }

    /// Goes on without the early data of the client.
    pub(super) fn skip_early(&mut self, crypt: &mut Crypt) {
        let was_taken = self.early == Early::Accepted;
        self.early = Early::Rejected;
        let side = &mut self.sides[self.client as usize];
        if side.stage == Stage::Early {
            side.enter(Stage::Handshake, None, &mut crypt.ciphers);
            side.may_not_open = true;
            if was_taken {
                side.lose_unknown();
            }
        }
    }

    /// Why the secrets of the connection are missing.
    pub(super) fn missing(&self, crypt: &Crypt) -> Closed {
        let awaited = self.waiting.as_ref().and_then(|waiting| waiting.for_key);
        let has_come = self
            .secrets(crypt)
            .is_some_and(|secrets| awaited.is_none_or(|of| self.secret(of, self.side(of).stage, &secrets).is_some()));
        if has_come { Closed::LateKey } else { Closed::NoKey }
    }

    pub(super) fn drop_waiting(&mut self, crypt: &mut Crypt) {
        if let Some(waiting) = self.waiting.take() {
            crypt.waiting -= waiting.cost;
        }
    }
}
