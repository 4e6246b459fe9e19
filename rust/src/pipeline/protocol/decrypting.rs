//! Connections that are decrypted: their ciphertext comes in, and their plaintext goes to the session inside of them.

use super::Sessions;
use super::reader::{Input, Reader};
use super::secured::Secured;
use super::session::{Rest, Session};
use super::tls::{Crypt, Decryption, Outlet};
use crate::pipeline::decode::Direction;
use crate::pipeline::exchange::{Closed, Sink};
use crate::pipeline::flow::{Consumer, Cover, FlowInfo};
use crate::pipeline::packet::Timestamp;
use crate::pipeline::reassembly::Chunk;

/// A connection that speaks TLS.
type Layer<K> = Secured<K, Session<K>>;

impl<S: Sink> Sessions<'_, S> {
    /// Takes a chunk of a connection that is decrypted.
    #[inline(never)]
    pub(super) fn decrypt(
        &mut self,
        flow: &FlowInfo,
        state: &mut Session<S::Ticket>,
        direction: Direction,
        chunk: Chunk<'_>,
    ) -> u64 {
        let Session::Tls(secured) = state else { return 0 };
        if secured.is_refused(direction, chunk.bytes)
            && let Some(plain) = secured.plain.take()
        {
            // The server answers in another protocol, for example with an error of HTTP/1.
            self.shared.account(secured.held(), 0);
            *state = Session::Http1(plain);
            return self.chunk(flow, state, direction, chunk);
        }
        let before = secured.held();
        secured.take(flow, Input::Chunk(direction, chunk), self.sink);
        self.shared.account(before, secured.held());
        let unwanted = self.with_crypt(flow, secured, |tls, crypt, out| tls.chunk(direction, chunk, crypt, out));
        let Some(tls) = &secured.decryption else { return 0 };
        let (is_unanswered, is_waiting) = (tls.is_unanswered(), tls.is_waiting());
        if !is_unanswered
            && let Some(plain) = secured.plain.take_if(|plain| plain.known().ticket.is_none() && !plain.is_waiting())
        {
            self.shared.put_back(plain);
        }
        if is_waiting && !std::mem::replace(&mut secured.is_listed, true) {
            self.shared.has_stalled = true;
        }
        if self.shared.is_full() {
            self.with_crypt(flow, secured, |tls, crypt, out| tls.shed(crypt, out));
        }
        if secured.is_over() {
            let before = secured.held();
            state.go_on();
            self.shared.account(before, state.held());
        }
        unwanted.unwrap_or(u64::MAX)
    }

    /// Lets a connection decrypt, if it does, and accounts for its memory. The plaintext goes to its inner session.
    pub(super) fn with_crypt<R>(
        &mut self,
        flow: &FlowInfo,
        secured: &mut Layer<S::Ticket>,
        action: impl FnOnce(&mut Decryption, &mut Crypt, &mut Inside<'_, '_, S>) -> R,
    ) -> Option<R> {
        let Secured { decryption, inner, closed, .. } = secured;
        let tls = decryption.as_mut()?;
        let mut crypt = self.shared.crypt.take()?;
        let before = tls.held();
        let stage = Sessions { sink: self.sink, shared: self.shared };
        let result = action(tls, &mut crypt, &mut Inside { stage, flow, inner, closed });
        self.shared.account(before, tls.held());
        self.shared.crypt = Some(crypt);
        Some(result)
    }

    /// Ends the decryption of a connection, and the session inside of it.
    pub(super) fn end_decryption(&mut self, flow: &FlowInfo, secured: &mut Layer<S::Ticket>) {
        self.with_crypt(flow, secured, |tls, crypt, out| tls.end(crypt, out));
        if let Some(tls) = &secured.decryption {
            let cover = tls.cover();
            self.wind_up(&FlowInfo { cover, ..*flow }, std::mem::take(&mut secured.inner));
        }
    }
}

/// Takes the plaintext of a connection that is decrypted.
pub(super) struct Inside<'i, 'a, S: Sink> {
    stage: Sessions<'a, S>,
    flow: &'i FlowInfo,
    inner: &'i mut Session<S::Ticket>,
    closed: &'i mut Option<Closed>,
}

impl<S: Sink> Outlet for Inside<'_, '_, S> {
    fn plaintext(&mut self, direction: Direction, chunk: Chunk<'_>, cover: Cover) {
        if let Session::AtRest(Rest::Silent) = self.inner {
            self.stage.sink.unsecured(&self.flow.key);
        }
        self.stage.chunk(&FlowInfo { cover, ..*self.flow }, self.inner, direction, chunk);
    }

    fn finished(&mut self, direction: Direction, ts: Timestamp, cover: Cover) {
        self.stage.finished(&FlowInfo { cover, ..*self.flow }, self.inner, direction, ts);
    }

    fn closed(&mut self, reason: Closed) {
        *self.closed = Some(reason);
        self.stage.sink.closed(&self.flow.key, reason);
    }
}
