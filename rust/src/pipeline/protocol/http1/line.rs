//! The requests of a connection that wait for their responses, and which of them a response answers.
//!
//! Responses come in the order of requests (RFC 9112 §9.3.2), so it is the first one that waits. Where something was lost,
//! acknowledgement numbers tell more: a server has received what it answers, and a client that asks has received what it
//! acknowledges. What still cannot be told apart is paired with nothing.

use std::collections::VecDeque;

use super::message::Mark;
use crate::pipeline::decode::SeqNumber;
use crate::pipeline::exchange::{Kept, Method};
use crate::pipeline::packet::Timestamp;

/// A request that waits for its response.
#[derive(Clone, Copy, Debug)]
pub struct Waiting<K> {
    pub ticket: K,
    pub method: Method,
    pub since: Timestamp,
    /// When its last byte was seen.
    pub ended: Option<Timestamp>,
    pub bytes: u64,
    /// Of its first byte.
    pub start: SeqNumber,
    /// Behind its last byte, once that was seen.
    pub end: SeqNumber,
    /// How much of the other direction the client had received when it asked.
    pub ack: Option<SeqNumber>,
    /// The first of its connection.
    pub is_first: bool,
    /// It is of HTTP/0.9: its response has no head.
    pub is_simple: bool,
    /// Its body waits for an interim response (RFC 9110 §10.1.1).
    pub expects_continue: bool,
    /// What the connection had sent again before it.
    pub retransmitted: u16,
    /// What the sink keeps of it.
    pub kept: Kept,
}

impl<K> Waiting<K> {
    /// The server that sent `response` had received the first byte of the request.
    fn was_seen(&self, response: Mark) -> bool {
        response.ack.is_none_or(|ack| ack.is_after(self.start))
    }

    /// The client asked before it had received the first byte of `response`.
    fn came_before(&self, response: Mark) -> bool {
        !self.ack.is_some_and(|ack| ack.is_after(response.seq))
    }
}

/// What a response means for those who wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// So many of them, from the first one on, are not answered any more.
    pub unanswered: usize,
    /// The response answers the one behind those; else it answers nobody known.
    pub answers: bool,
}

/// The newest final response, or a hole in which one may have been.
#[derive(Clone, Copy, Debug)]
struct Answered {
    /// How much of the requests the server had received; not known of a hole.
    ack: Option<SeqNumber>,
    /// Of its first byte.
    seq: SeqNumber,
}

/// Those who wait, in the order in which they asked.
#[derive(Debug)]
pub struct Line<K> {
    waiting: VecDeque<Waiting<K>>,
    /// Responses may have been lost since the newest one.
    has_gap: bool,
    answered: Option<Answered>,
    /// Up to here all was received that anybody who waits does not wait for.
    done: Option<SeqNumber>,
    /// What the client had received when it last asked.
    asked: Option<SeqNumber>,
    /// The client asks again before it is answered.
    pipelines: bool,
}

impl<K> Default for Line<K> {
    fn default() -> Self {
        Self { waiting: VecDeque::new(), has_gap: false, answered: None, done: None, asked: None, pipelines: false }
    }
}

/// Requests that may wait without counting as memory beside the connection: as many as a [`VecDeque`] starts with.
const FEW: usize = 4;

impl<K> Line<K> {
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// The one whose response is next, or being sent.
    pub fn first(&self) -> Option<&Waiting<K>> {
        self.waiting.front()
    }

    /// The one that was asked last.
    pub fn newest(&mut self) -> Option<&mut Waiting<K>> {
        self.waiting.back_mut()
    }

    /// The first one waits to be asked for its body, and a response of this status does without: gives when it was asked.
    pub fn is_refused_by(&mut self, status: u16) -> Option<Timestamp> {
        let is_only = self.waiting.len() == 1;
        let first = self.waiting.front_mut().filter(|first| first.expects_continue)?;
        // RFC 9110 §15.2.1: now it sends the body, whatever the body looks like.
        first.expects_continue = status != 100;
        (status >= 200 && is_only && first.ended.is_none()).then_some(first.since)
    }

    /// No response was lost.
    pub fn is_whole(&self) -> bool {
        !self.has_gap
    }

    /// The server had received the request at `mark` when it sent its newest response: that request comes late, and its
    /// response has passed.
    pub fn has_passed(&self, mark: Mark) -> bool {
        self.answered.and_then(|answered| answered.ack).is_some_and(|ack| ack.is_after(mark.seq))
    }

    pub fn push(&mut self, request: Waiting<K>) {
        self.pipelines |= request.ack.is_some() && self.waiting.back().is_some_and(|last| last.ack == request.ack);
        if self.waiting.is_empty() {
            // Whatever the client has received, nobody waits for it.
            self.done = request.ack;
            // The place of the one before is used again, which is in a cache.
            self.waiting.clear();
        }
        self.asked = request.ack;
        self.waiting.push_back(request);
    }

    /// Takes the one at this place.
    pub fn remove(&mut self, at: usize) -> Option<Waiting<K>> {
        if at == 0 { self.waiting.pop_front() } else { self.waiting.remove(at) }
    }

    /// Something was lost before `mark` where responses are.
    pub fn lose(&mut self, mark: Mark) {
        self.has_gap = true;
        self.answered = Some(Answered { ack: None, seq: mark.seq.plus(u32::MAX) });
    }

    /// A response is over before `mark`.
    pub fn finish(&mut self, mark: Mark) {
        self.done = Some(mark.seq);
    }

    /// The client has received something between the newest response and this one, and then asked again: the response to
    /// the first one was there, and was not recognised.
    fn has_missed(&self, response: Mark) -> bool {
        let next = self.waiting.get(1).and_then(|next| next.ack);
        next.zip(self.done).is_some_and(|(ack, done)| ack.is_after(done) && !ack.is_after(response.seq))
    }

    /// Whom a response answers.
    pub fn judge(&mut self, response: Mark, is_final: bool) -> Verdict {
        if is_final {
            self.answered = Some(Answered { ack: response.ack, seq: response.seq });
        }
        self.has_gap |= self.waiting.len() > 1 && self.has_missed(response);
        if !self.has_gap {
            return Verdict { unanswered: 0, answers: self.first().is_some_and(|first| first.was_seen(response)) };
        }
        let meant = |request: &&Waiting<K>| request.was_seen(response) && request.came_before(response);
        let asked = self.waiting.iter().take_while(meant).count();
        let Some(newest) = asked.checked_sub(1).and_then(|at| self.waiting.get(at)) else {
            return Verdict { unanswered: 0, answers: false };
        };
        // The server has received something behind it: a request that was lost.
        let is_passed = newest.ended.is_some() && response.ack.is_some_and(|ack| ack.is_after(newest.end));
        if is_passed {
            self.has_gap = !is_final;
            return Verdict { unanswered: asked, answers: false };
        }
        // Requests that were asked together, before the client received anything more: several may be meant, unless the
        // response is the first of theirs.
        let together = self.waiting.iter().take(asked).rev().take_while(|request| request.ack == newest.ack).count();
        let is_clear = newest.ack.is_none_or(|ack| ack == response.seq);
        let answers = together == 1 || is_clear;
        self.has_gap = !(answers && is_final);
        Verdict { unanswered: asked - together, answers }
    }

    /// Behind a hole among requests something at `mark` looks like one. It is one if the server has answered what was
    /// lost, and the client has received that; else it belongs to what was lost, or is asked by a client that does not
    /// wait. `is_known` tells that the connection was followed up to the hole.
    pub fn may_ask(&mut self, mark: Mark, is_known: bool) -> bool {
        let has_received = |seq: SeqNumber| mark.ack.is_none_or(|ack| ack.is_after(seq));
        let may = match (self.answered, self.asked) {
            (Some(Answered { ack, seq }), _) => ack.is_none_or(|ack| !mark.seq.is_after(ack)) && has_received(seq),
            (None, Some(asked)) => has_received(asked),
            (None, None) => !is_known,
        };
        if !may {
            self.asked = self.asked.or(mark.ack);
        }
        may || self.pipelines
    }

    /// Forgets everything but the memory of a few who waited.
    pub fn clear(&mut self) {
        self.waiting.clear();
        if self.waiting.capacity() > FEW {
            self.waiting.shrink_to(FEW);
        }
        (self.has_gap, self.pipelines) = (false, false);
        (self.answered, self.done, self.asked) = (None, None, None);
    }

    /// Gives back memory that is not used.
    pub fn shrink(&mut self) {
        self.waiting.shrink_to_fit();
    }

    /// Bytes kept beside the connection itself.
    pub fn held(&self) -> usize {
        self.waiting.capacity().saturating_sub(FEW) * size_of::<Waiting<K>>()
    }
}
