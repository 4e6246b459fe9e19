//! The requests of a connection that wait for their responses, and the choice of the request that a response answers.
//!
//! Responses come in the order of the requests (RFC 9112 §9.3.2), so a response answers the request that waits first.
//! If bytes were lost, acknowledgement numbers narrow the choice: a server has received the request that it answers,
//! and a client has received what its request acknowledges. If the choice stays open, the response is paired with no
//! request.

use std::collections::VecDeque;

use super::message::Mark;
use crate::pipeline::decode::SeqNumber;
use crate::pipeline::exchange::{Kept, Method, Protocol};
use crate::pipeline::packet::Timestamp;

/// A request that waits for its response.
#[derive(Clone, Copy, Debug)]
pub struct Waiting<K> {
    /// Its ticket.
    pub ticket: K,
    /// Its method.
    pub method: Method,
    /// When its first byte was seen.
    pub since: Timestamp,
    /// When its last byte was seen.
    pub ended: Option<Timestamp>,
    /// Its length in bytes so far.
    pub bytes: u64,
    /// Sequence number of its first byte.
    pub start: SeqNumber,
    /// Sequence number behind its last byte, once that was seen.
    pub end: SeqNumber,
    /// Acknowledgement number of its first segment: how much of the other direction the client had received.
    pub ack: Option<SeqNumber>,
    /// True for the first request of its connection.
    pub is_first: bool,
    /// True for HTTP/0.9: the response has no head.
    pub is_simple: bool,
    /// True while the client waits for an interim response before it sends the body (RFC 9110 §10.1.1).
    pub expects_continue: bool,
    /// The protocol that the request asks for: HTTP/1, gRPC-Web or WebSocket.
    pub protocol: Protocol,
    /// Messages of gRPC-Web in its content.
    pub messages: u32,
    /// Retransmitted segments of the connection before this request.
    pub retransmitted: u16,
    /// What the sink keeps of the request.
    pub kept: Kept,
}

impl<K> Waiting<K> {
    /// Returns whether the server had received the first byte of the request when it sent `response`.
    fn was_seen(&self, response: Mark) -> bool {
        response.ack.is_none_or(|ack| ack.is_after(self.start))
    }

    /// Returns whether the client sent the request before it had received the first byte of `response`.
    fn came_before(&self, response: Mark) -> bool {
        !self.ack.is_some_and(|ack| ack.is_after(response.seq))
    }
}

/// What a response means for the requests that wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Number of requests, from the first one on, that will not be answered any more.
    pub unanswered: usize,
    /// True if the response answers the next request behind those; otherwise it answers no known request.
    pub answers: bool,
}

/// The newest final response, or a hole in which one may have been.
#[derive(Clone, Copy, Debug)]
struct Answered {
    /// Acknowledgement number: how much of the requests the server had received. `None` for a hole.
    ack: Option<SeqNumber>,
    /// Sequence number of the first byte of the response, or of the last byte of the hole.
    seq: SeqNumber,
}

/// The requests that wait, in the order in which they were sent.
#[derive(Debug)]
pub struct Line<K> {
    waiting: VecDeque<Waiting<K>>,
    /// True if a response may have been lost, so that the order of responses is not enough to pair them.
    has_gap: bool,
    answered: Option<Answered>,
    /// True if the newest final response answers no request that was seen: its request was lost, or is captured late.
    is_overtaken: bool,
    /// Bytes before this sequence number answer none of the waiting requests.
    done: Option<SeqNumber>,
    /// Acknowledgement number of the newest request: how much the client had received when it sent it. Without a
    /// request, that of the first bytes that [`Self::may_ask`] has rejected.
    asked: Option<SeqNumber>,
    /// True if the client has sent two requests without receiving anything between them.
    pipelines: bool,
}

impl<K> Default for Line<K> {
    fn default() -> Self {
        Self {
            waiting: VecDeque::new(),
            has_gap: false,
            answered: None,
            is_overtaken: false,
            done: None,
            asked: None,
            pipelines: false,
        }
    }
}

/// Capacity for waiting requests that does not count as memory held: the one that a [`VecDeque`] starts with.
const FEW: usize = 4;

impl<K> Line<K> {
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// The request that waits first: its response comes next, or is being sent.
    pub fn first(&self) -> Option<&Waiting<K>> {
        self.waiting.front()
    }

    /// The request that was sent last.
    pub fn newest(&mut self) -> Option<&mut Waiting<K>> {
        self.waiting.back_mut()
    }

    /// Checks whether a response with this status refuses the body of the first request: the response is final, and the
    /// client, which has no other request waiting, still waits for an interim one. Returns the time at which the
    /// request began if so.
    pub fn is_refused_by(&mut self, status: u16) -> Option<Timestamp> {
        let is_only = self.waiting.len() == 1;
        let first = self.waiting.front_mut().filter(|first| first.expects_continue)?;
        // RFC 9110 §15.2.1: after 100 the client sends the body, even if the body looks like a request.
        first.expects_continue = status != 100;
        (status >= 200 && is_only && first.ended.is_none()).then_some(first.since)
    }

    /// True if neither a response was lost nor the request of the newest response. Otherwise the order of messages is
    /// not enough to pair those that follow.
    pub fn is_whole(&self) -> bool {
        !self.has_gap && !self.is_overtaken
    }

    /// Notes that the newest final response answers no request that was seen.
    pub fn overtake(&mut self) {
        self.is_overtaken = true;
    }

    /// Returns whether the server had received the request at `mark` before it sent its newest response. Then the
    /// request was captured late, and its response has already been seen.
    pub fn has_passed(&self, mark: Mark) -> bool {
        self.answered.and_then(|answered| answered.ack).is_some_and(|ack| ack.is_after(mark.seq))
    }

    pub fn push(&mut self, request: Waiting<K>) {
        self.pipelines |= request.ack.is_some() && self.waiting.back().is_some_and(|last| last.ack == request.ack);
        if self.waiting.is_empty() {
            // No request waits for anything that the client has received so far.
            self.done = request.ack;
            // Makes the queue begin at its first slot again, which is in the CPU cache.
            self.waiting.clear();
        }
        self.asked = request.ack;
        self.is_overtaken = false;
        self.waiting.push_back(request);
    }

    /// Removes the request at this position.
    pub fn remove(&mut self, at: usize) -> Option<Waiting<K>> {
        if at == 0 { self.waiting.pop_front() } else { self.waiting.remove(at) }
    }

    /// Notes that bytes were lost before `mark` in the direction of the responses.
    pub fn lose(&mut self, mark: Mark) {
        self.has_gap = true;
        self.answered = Some(Answered { ack: None, seq: mark.seq.plus(u32::MAX) });
    }

    /// Notes that a response has ended before `mark`.
    pub fn finish(&mut self, mark: Mark) {
        self.done = Some(mark.seq);
    }

    /// Returns whether the client had received bytes between the previous response and this one when it sent the second
    /// waiting request. Those bytes were the response to the first waiting request, and were not recognised.
    fn has_missed(&self, response: Mark) -> bool {
        let next = self.waiting.get(1).and_then(|next| next.ack);
        next.zip(self.done).is_some_and(|(ack, done)| ack.is_after(done) && !ack.is_after(response.seq))
    }

    /// Decides which request a response answers.
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
        // The server has received bytes behind the newest of these requests: a request that was lost.
        let is_passed = newest.ended.is_some() && response.ack.is_some_and(|ack| ack.is_after(newest.end));
        if is_passed {
            self.has_gap = !is_final;
            return Verdict { unanswered: asked, answers: false };
        }
        // Number of requests sent together, before the client received anything more. The response may answer any of
        // them, unless it begins exactly where the client had received up to.
        let together = self.waiting.iter().take(asked).rev().take_while(|request| request.ack == newest.ack).count();
        let is_clear = newest.ack.is_none_or(|ack| ack == response.seq);
        let answers = together == 1 || is_clear;
        self.has_gap = !(answers && is_final);
        Verdict { unanswered: asked - together, answers }
    }

    /// Returns whether bytes at `mark`, behind a hole, may be a request; they look like one. They are one if the server
    /// has answered what was lost and the client has received that answer. Otherwise they belong to a lost request,
    /// unless the client pipelines. `is_known` says that the connection was followed up to the hole.
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

    /// Resets the line, and keeps memory for a few requests.
    pub fn clear(&mut self) {
        self.waiting.clear();
        if self.waiting.capacity() > FEW {
            self.waiting.shrink_to(FEW);
        }
        (self.has_gap, self.is_overtaken, self.pipelines) = (false, false, false);
        (self.answered, self.done, self.asked) = (None, None, None);
    }

    /// Frees memory that is not used.
    pub fn shrink(&mut self) {
        self.waiting.shrink_to_fit();
    }

    /// Bytes of memory for more than a few waiting requests.
    pub fn held(&self) -> usize {
        self.waiting.capacity().saturating_sub(FEW) * size_of::<Waiting<K>>()
    }
}
