//! Finds the next record behind a hole: its boundary, and its sequence number, by trial. The tag of the record confirms
//! both, so nothing is guessed.
//!
//! The bytes of the hole bound the number of records in it, so they bound the sequence number. Where records of one
//! length are sent, as in a bulk transfer, the first trial fits. All trials of a connection are bounded by
//! [`Decryption::credit`], which opened records raise again.

use super::cipher::{HEADER, Protection};
use super::decryption::{Crypt, Decryption, Early, Stop};
use super::record::{self, APPLICATION_DATA, CHANGE_CIPHER_SPEC, MAX_PAYLOAD};
use super::side::Stage;
use crate::pipeline::decode::Direction;
use crate::pipeline::exchange::Closed;
use crate::pipeline::steps;

/// The longest payload of a record with an AEAD cipher (RFC 8446 §5.2).
const MAX_AEAD: usize = (1 << 14) + 256;

/// Limit on the updates of keys that are looked for in one hole. Programs update keys after gigabytes.
const MAX_UPDATES: u64 = 2;

impl Decryption {
    /// Notes that `skipped` bytes are missing.
    pub(super) fn hole(&mut self, direction: Direction, skipped: u64, crypt: &mut Crypt) -> Result<(), Stop> {
        if self.suite.is_none() {
            return Err(Stop::Closed(Closed::Lost));
        }
        let side = &mut self.sides[direction as usize];
        let gathered = side.records.partial.len() as u64;
        let whole = record::length(&side.records.partial).map(|length| length as u64);
        side.records.clear(&mut crypt.buffers);
        let left = std::mem::take(&mut side.records.left) as u64;
        let known = if side.lost.is_some() {
            // The hole before this one is part of the same search.
            side.lose_more(left.saturating_add(gathered).saturating_add(skipped));
            return Ok(());
        } else if left > 0 {
            // The hole lies in a record that is lost already.
            left
        } else if let Some(whole) = whole {
            side.lose(1, whole);
            whole - gathered
        } else {
            0
        };
        if skipped < known {
            side.records.left = (known - skipped) as usize;
        }
        let beyond = if whole.is_none() && left == 0 { gathered + skipped } else { skipped.saturating_sub(known) };
        if beyond > 0 || side.stage != Stage::Application {
            side.lost = Some(0);
            side.lose_more(beyond);
        }
        Ok(())
    }

    /// Looks for the next record in `rest`. Returns false if it needs more bytes.
    pub(super) fn search(&mut self, direction: Direction, rest: &mut &[u8], crypt: &mut Crypt) -> Result<bool, Stop> {
        let at = direction as usize;
        if self.sides[at].stage == Stage::Early && self.early == Early::Offered {
            return Err(Stop::Server);
        }
        if self.sides[at].stage != Stage::Plain {
            self.ensure(direction, crypt)?;
        }
        loop {
            steps::add(1);
            let side = &mut self.sides[at];
            let skipped = side.records.left.min(rest.len());
            side.records.left -= skipped;
            *rest = &rest[skipped..];
            if side.records.partial.is_empty() {
                let before = rest.iter().position(|&byte| is_kind(byte)).unwrap_or(rest.len());
                steps::add(before);
                *rest = &rest[before..];
                side.lose_more(before as u64);
                if rest.is_empty() {
                    return Ok(false);
                }
                side.records.partial = crypt.buffers.take();
            }
            side.records.fill(rest, HEADER);
            if side.records.partial.len() < HEADER {
                return Ok(false);
            }
            if let Some(length) = self.candidate(direction) {
                let records = &mut self.sides[at].records;
                records.fill(rest, length);
                if records.partial.len() < length {
                    return Ok(false);
                }
                if self.is_next(direction, length, crypt)? {
                    self.sides[at].lost = None;
                    return Ok(true);
                }
            }
            self.advance(direction, crypt)?;
        }
    }

    /// Length of the record that may begin with the bytes gathered.
    fn candidate(&self, direction: Direction) -> Option<usize> {
        let side = &self.sides[direction as usize];
        let bytes = &side.records.partial;
        let is_tls13 = self.suite.is_some_and(|suite| suite.is_tls13);
        let is_sealed = !is_tls13 || bytes[0] == APPLICATION_DATA;
        record::length(bytes).filter(|_| is_sealed && bytes[1..3] == [3, 3])
    }

    /// Drops the bytes gathered up to the next that may begin a record.
    fn advance(&mut self, direction: Direction, crypt: &mut Crypt) -> Result<(), Stop> {
        let side = &mut self.sides[direction as usize];
        let bytes = &mut side.records.partial;
        let next = bytes.iter().skip(1).position(|&byte| is_kind(byte)).map_or(bytes.len(), |at| at + 1);
        steps::add(bytes.len());
        let cost = bytes.len() as u32;
        bytes.drain(..next);
        side.lose_more(next as u64);
        if side.records.partial.is_empty() {
            side.records.clear(&mut crypt.buffers);
        }
        self.spend(cost)
    }

    /// Takes a trial from the credit.
    fn spend(&mut self, bytes: u32) -> Result<(), Stop> {
        steps::add(bytes as usize);
        self.credit = self.credit.checked_sub(bytes).ok_or(Stop::Closed(Closed::Lost))?;
        Ok(())
    }

    /// Tries to open the record at the front of the gathered bytes with each key and sequence number that it may have.
    /// If one fits, sets the direction to it.
    fn is_next(&mut self, direction: Direction, length: usize, crypt: &mut Crypt) -> Result<bool, Stop> {
        let at = direction as usize;
        let Some(suite) = self.suite else { return Ok(false) };
        let side = &self.sides[at];
        let (stage, lost, usual) = (side.stage, u64::from(side.lost.unwrap_or(0)), u64::from(side.usual));
        if stage == Stage::Plain && side.records.partial[..length] == [CHANGE_CIPHER_SPEC, 3, 3, 0, 1, 1] {
            return Ok(true);
        }
        for next in Stage::PROTECTED.into_iter().filter(|&next| next >= stage) {
            let is_current = next == stage;
            let made = if is_current { None } else { self.derive(direction, next, crypt) };
            let side = &self.sides[at];
            let Some(by) = made.as_ref().or(side.protection.as_ref().filter(|_| is_current)) else { continue };
            let longest = HEADER + if by.is_exact() { MAX_AEAD } else { MAX_PAYLOAD };
            let most = lost / by.overhead() as u64;
            // Records under earlier keys may be in the hole as well.
            let least = if is_current { lost.div_ceil(longest as u64) } else { 0 };
            let base = if is_current { side.seq } else { 0 };
            let likely = if is_current { lost.checked_div(usual).unwrap_or(0) } else { 0 };
            let found = self.try_all(at, length, made.as_ref(), base, Range { least, most, likely }, crypt)?;
            let Some(records) = found else {
                made.iter().for_each(|made| crypt.ciphers.forget(made));
                if is_current && next == Stage::Application && suite.is_tls13 {
                    return self.is_updated(at, length, most, crypt);
                }
                continue;
            };
            let side = &mut self.sides[at];
            if is_current {
                side.lose(records, lost);
                if lost == u64::from(u32::MAX) {
                    // More may be missing than was counted.
                    side.lose_unknown();
                }
            } else {
                side.enter(next, made, &mut crypt.ciphers);
                side.seq = records;
                if records > 0 && next == Stage::Application {
                    side.lose_unknown();
                }
                if direction != self.client() && self.early == Early::Offered {
                    // Whether the server takes the early data was lost. Without it, no request counts twice.
                    debug_assert!(suite.is_tls13);
                    self.skip_early(crypt);
                }
            }
            return Ok(true);
        }
        Ok(false)
    }

    /// Tries to open the record at the front with keys that follow the current ones: the `KeyUpdate` of the sender is in
    /// the hole. At most `most` records are.
    fn is_updated(&mut self, at: usize, length: usize, most: u64, crypt: &mut Crypt) -> Result<bool, Stop> {
        for update in 1..=MAX_UPDATES.min(most) {
            let Some(mut made) = self.sides[at].protection.as_ref().map(|by| by.next(&mut crypt.ciphers)) else {
                break;
            };
            for _ in 1..update {
                made = made.next(&mut crypt.ciphers);
            }
            let range = Range { least: 0, most, likely: 0 };
            if let Some(records) = self.try_all(at, length, Some(&made), 0, range, crypt)? {
                let side = &mut self.sides[at];
                side.protect(Some(made), &mut crypt.ciphers);
                side.seq = records;
                side.lose_unknown();
                return Ok(true);
            }
            crypt.ciphers.forget(&made);
        }
        Ok(false)
    }

    /// Tries the numbers of a range, the likely ones first. Returns the number of records that are lost.
    fn try_all(
        &mut self,
        at: usize,
        length: usize,
        made: Option<&Protection>,
        base: u64,
        range: Range,
        crypt: &mut Crypt,
    ) -> Result<Option<u64>, Stop> {
        let mut copy = crypt.buffers.take();
        let mut found = Ok(None);
        for records in range.numbers() {
            if let Err(stop) = self.spend(length as u32) {
                found = Err(stop);
                break;
            }
            let side = &self.sides[at];
            let Some(by) = made.or(side.protection.as_ref()) else { break };
            copy.clear();
            copy.extend_from_slice(&side.records.partial[..length]);
            if by.open(base + records, &mut copy, &mut crypt.ciphers).is_some() {
                found = Ok(Some(records));
                break;
            }
        }
        crypt.buffers.put(copy);
        found
    }
}

/// Content types of records.
fn is_kind(byte: u8) -> bool {
    (CHANGE_CIPHER_SPEC..=APPLICATION_DATA).contains(&byte)
}

/// How many records may be in a hole.
#[derive(Clone, Copy, Debug)]
struct Range {
    least: u64,
    most: u64,
    likely: u64,
}

impl Range {
    /// All numbers of the range: from the likely one outwards.
    fn numbers(self) -> impl Iterator<Item = u64> {
        let Self { least, most, likely } = self;
        let likely = likely.clamp(least, most.max(least));
        let count = most.max(least) - least;
        (0..=count).flat_map(move |distance| {
            let above = Some(likely + distance).filter(|&number| number <= most);
            let below = likely.checked_sub(distance).filter(|&number| distance > 0 && number >= least);
            above.into_iter().chain(below)
        })
    }
}
