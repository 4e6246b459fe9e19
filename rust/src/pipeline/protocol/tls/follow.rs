//! Reads the records of a connection, one by one.

use super::cipher::{Content, HEADER};
use super::decryption::{Crypt, Decryption, Early, Outlet, Spot, Stop};
use super::record::{APPLICATION_DATA, CHANGE_CIPHER_SPEC, HANDSHAKE};
use super::side::Stage;
use crate::pipeline::decode::{Direction, SeqNumber};
use crate::pipeline::exchange::Closed;
use crate::pipeline::packet::Timestamp;

/// Limit on the records in a row that do not open, after which the connection is given up.
const MAX_FAILURES: u8 = 3;

/// How many bytes may be opened by trial for each byte that was opened for good, see [`Decryption::credit`].
const EARNED: u32 = 16;

impl Decryption {
    /// Reads a record. If it cannot be read yet, it stays as it is.
    pub(super) fn record(
        &mut self,
        direction: Direction,
        record: &mut [u8],
        spot: Spot,
        crypt: &mut Crypt,
        out: &mut impl Outlet,
    ) -> Result<(), Stop> {
        let length = record.len() as u16;
        let kind = record[0];
        let start = spot.end.plus(u32::from(length).wrapping_neg());
        self.sides[direction as usize].usual = length;
        let is_tls13 = self.suite.is_some_and(|suite| suite.is_tls13);
        let read = match self.sides[direction as usize].stage {
            Stage::Plain => self.plain_record(direction, kind, &record[HEADER..], spot.ts, crypt),
            // RFC 8446 §D.4: such records keep middleboxes content. Alerts come before there are keys.
            _ if is_tls13 && kind != APPLICATION_DATA => Ok(()),
            _ => return self.sealed_record(direction, record, start, spot, crypt, out),
        };
        if read.is_ok() {
            self.sides[direction as usize].places.record(start, spot.end, 0);
        }
        read
    }

    /// Reads a record that is not encrypted.
    fn plain_record(
        &mut self,
        direction: Direction,
        kind: u8,
        payload: &[u8],
        ts: Timestamp,
        crypt: &mut Crypt,
    ) -> Result<(), Stop> {
        match kind {
            HANDSHAKE => self.messages(direction, payload, ts, crypt),
            CHANGE_CIPHER_SPEC if self.suite.is_some_and(|suite| !suite.is_tls13) => {
                self.sides[direction as usize].enter(Stage::Application, None, &mut crypt.ciphers);
                Ok(())
            }
            APPLICATION_DATA if self.early == Early::Offered => Err(Stop::Server),
            APPLICATION_DATA if self.early == Early::Rejected => Ok(()),
            APPLICATION_DATA => Err(Stop::Closed(Closed::JoinedMidway)),
            _ => Ok(()),
        }
    }

    /// Opens a record.
    fn sealed_record(
        &mut self,
        direction: Direction,
        record: &mut [u8],
        start: SeqNumber,
        spot: Spot,
        crypt: &mut Crypt,
        out: &mut impl Outlet,
    ) -> Result<(), Stop> {
        let side = &mut self.sides[direction as usize];
        if side.stage == Stage::Early && self.early == Early::Offered {
            return Err(Stop::Server);
        }
        self.ensure(direction, crypt)?;
        let length = record.len() as u32;
        let side = &mut self.sides[direction as usize];
        let open = side.protection.as_ref().and_then(|by| by.open(side.seq, record, &mut crypt.ciphers));
        let Some(Content { kind, bytes, is_padded }) = open else { return self.failed(direction, length) };
        side.seq += 1;
        (side.failures, side.may_not_open, side.has_opened) = (0, false, true);
        side.is_padded |= is_padded;
        self.credit = self.credit.saturating_add(length.saturating_mul(EARNED)).min(super::decryption::CREDIT);
        let content = if kind == APPLICATION_DATA { bytes.len() as u32 } else { 0 };
        let seq = side.places.record(start, spot.end, content);
        match kind {
            APPLICATION_DATA => self.emit(direction, bytes, seq, spot, out),
            HANDSHAKE => self.messages(direction, bytes, spot.ts, crypt)?,
            // A renegotiation of TLS 1.2 changes the keys.
            CHANGE_CIPHER_SPEC => self.sides[direction as usize].protect(None, &mut crypt.ciphers),
            // Alerts, heartbeats and all others carry nothing that is read.
            _ => {}
        }
        Ok(())
    }

    /// Takes note of a record that is not authentic.
    fn failed(&mut self, direction: Direction, length: u32) -> Result<(), Stop> {
        let side = &mut self.sides[direction as usize];
        if side.may_not_open {
            return Ok(());
        }
        side.failures += 1;
        if side.failures >= MAX_FAILURES {
            return Err(Stop::Closed(Closed::Damaged));
        }
        if self.suite.is_some_and(|suite| suite.is_tls13) && side.stage == Stage::Application && side.has_hole() {
            // The record before this one is missing. It may have been the last one before other keys.
            side.lost = Some(length);
            return Ok(());
        }
        side.lose(1, u64::from(length));
        if side.stage != Stage::Application {
            // The record may have been the last one before other keys.
            side.lost = Some(0);
        }
        Ok(())
    }

    /// Reads handshake messages.
    fn messages(
        &mut self,
        direction: Direction,
        mut bytes: &[u8],
        ts: Timestamp,
        crypt: &mut Crypt,
    ) -> Result<(), Stop> {
        let at = direction as usize;
        let stage = self.sides[at].stage;
        while let Some(message) = self.sides[at].messages.get_or_insert_default().next(&mut bytes) {
            self.message(direction, &message, ts, crypt)?;
            if self.sides[at].stage != stage {
                break;
            }
        }
        self.sides[at].messages.take_if(|messages| messages.is_between());
        Ok(())
    }
}
