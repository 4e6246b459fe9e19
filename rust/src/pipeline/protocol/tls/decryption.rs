//! A connection that is decrypted: chunks of ciphertext come in, chunks of plaintext go out.
//!
//! Follows the handshake far enough to know which keys protect which record (RFC 8446 §2, RFC 5246 §7.3). Where a secret
//! is missing, both directions wait, so that nothing is lost or reordered if it comes in time. If it does not, the other
//! direction is read alone.

use std::sync::Arc;

use super::cipher::{Ciphers, Protection, Randoms};
use super::handshake::{self, ClientHello, EncryptedExtensions, Message, ServerHello};
use super::keys::{ClientRandom, Keys, Secret, Secrets};
use super::record::{Buffers, Next};
use super::side::{Side, Stage};
use super::suite::{self, Suite};
use super::waiting::{Kept, Piece, Waiting};
use crate::pipeline::decode::{Direction, SeqNumber};
use crate::pipeline::exchange::Closed;
use crate::pipeline::flow::Cover;
use crate::pipeline::packet::Timestamp;
use crate::pipeline::reassembly::Chunk;

/// Limit on the bytes that a connection opens by trial behind holes, beyond what its records pay for.
pub(super) const CREDIT: u32 = 8 << 20;

/// What the connections of a worker decrypt with.
#[derive(Debug, Default)]
pub struct Crypt {
    /// Secrets of connections.
    pub keys: Arc<Keys>,
    pub(super) ciphers: Ciphers,
    pub(super) buffers: Buffers,
    /// Memory of everything that waits.
    pub(super) waiting: usize,
}

impl Crypt {
    /// Decrypts with the secrets of a store.
    pub fn new(keys: Arc<Keys>) -> Self {
        Self { keys, ..Self::default() }
    }
}

/// Takes what a connection says.
pub trait Outlet {
    /// Takes the next plaintext of a direction.
    fn plaintext(&mut self, direction: Direction, chunk: Chunk<'_>, cover: Cover);
    /// No more plaintext comes in a direction.
    fn finished(&mut self, direction: Direction, ts: Timestamp, cover: Cover);
    /// The connection, the rest of it, or one direction of it stays encrypted. Told once.
    fn closed(&mut self, reason: Closed);
}

/// Where and when a record came.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spot {
    /// Sequence number behind its last byte.
    pub end: SeqNumber,
    /// As in [`Chunk`].
    pub ack: Option<SeqNumber>,
    pub ts: Timestamp,
}

/// Why a record is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// Its secret is missing.
    Key,
    /// The server has to say first whether it takes early data.
    Server,
    /// It is the turn of the client, whose early data has waited.
    Client,
    /// It never will be.
    Closed(Closed),
}

/// Whether data comes before the handshake has ended (RFC 8446 §4.2.10).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Early {
    /// The client sends none.
    Absent,
    /// The server has not answered yet.
    Offered,
    /// The server takes it.
    Accepted,
    /// The server does not read it; the client sends it again later.
    Rejected,
}

/// The state of a connection.
#[derive(Debug)]
pub struct Decryption {
    pub(super) client: Direction,
    pub(super) is_closed: bool,
    pub(super) early: Early,
    /// True if client data waited when the server decided about it.
    is_turn_of_client: bool,
    pub(super) suite: Option<Suite>,
    /// What the hellos have told; `None` before them, and once all keys are made of it.
    pub(super) hellos: Option<Box<Hellos>>,
    pub(super) sides: [Side; 2],
    pub(super) waiting: Option<Box<Waiting>>,
    /// Bytes of records that may be opened by trial; see `search`.
    pub(super) credit: u32,
    handshake: Handshake,
}

/// How far the first handshake has come.
#[derive(Clone, Copy, Debug)]
enum Handshake {
    Unseen,
    /// The client has said hello.
    Began(Timestamp),
    /// It has taken this many nanoseconds.
    Over(u64),
}

/// Random values of client and server, and the encrypt-then-MAC extension of TLS 1.2.
#[derive(Debug, Default)]
pub(super) struct Hellos {
    pub(super) client: ClientRandom,
    server: [u8; 32],
    encrypts_first: bool,
    /// In which directions the keys of application data are made.
    is_used: [bool; 2],
}

impl Decryption {
    /// A connection whose client sends in the direction `client`.
    pub fn new(client: Direction) -> Self {
        Self {
            client,
            is_closed: false,
            early: Early::Absent,
            is_turn_of_client: false,
            suite: None,
            hellos: None,
            sides: Default::default(),
            waiting: None,
            credit: CREDIT,
            handshake: Handshake::Unseen,
        }
    }

    /// The direction of the client.
    pub fn client(&self) -> Direction {
        self.client
    }

    /// True if the server has not sent any record.
    pub fn is_unanswered(&self) -> bool {
        self.side(self.client.reverse()).is_new() && !self.is_closed
    }

    /// True if nothing is read any more.
    pub fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// True if records wait for secrets.
    pub fn is_waiting(&self) -> bool {
        self.waiting.is_some()
    }

    /// Bytes of buffers that the connection keeps outside its own struct.
    pub fn held(&self) -> usize {
        self.sides.iter().map(Side::held).sum::<usize>() + self.waiting.as_ref().map_or(0, |waiting| waiting.cost)
    }

    pub(super) fn side(&self, direction: Direction) -> &Side {
        &self.sides[direction as usize]
    }

    /// What encloses the plaintext.
    pub fn cover(&self) -> Cover {
        Cover::tls(if let Handshake::Over(took) = self.handshake { Some(took) } else { None })
    }

    /// Takes a chunk. Returns how many of the following bytes need not be seen.
    pub fn chunk(&mut self, direction: Direction, chunk: Chunk<'_>, crypt: &mut Crypt, out: &mut impl Outlet) -> u64 {
        let Chunk { skipped, bytes, seq, ack, ts, .. } = chunk;
        self.sides[direction as usize].places.begin(seq);
        self.take(&Piece { direction, skipped, bytes, seq, ack, ts, is_end: false }, crypt, out);
        let is_unwanted = self.is_closed
            || self.side(direction).stage == Stage::Unread
            || self.waiting.as_ref().is_some_and(|waiting| waiting.is_full);
        if is_unwanted { u64::MAX } else { 0 }
    }

    /// Ends one direction.
    pub fn finish(&mut self, direction: Direction, ts: Timestamp, crypt: &mut Crypt, out: &mut impl Outlet) {
        let (seq, ack) = (SeqNumber::default(), None);
        self.take(&Piece { direction, skipped: 0, bytes: b"", seq, ack, ts, is_end: true }, crypt, out);
    }

    /// Ends the connection. What waits is read if its secrets are there now.
    pub fn end(&mut self, crypt: &mut Crypt, out: &mut impl Outlet) {
        self.retry(Timestamp(i64::MAX), crypt, out);
        if self.sides.iter().any(|side| side.failures > 0) && self.sides.iter().all(|side| !side.has_opened) {
            self.close(Closed::Damaged, crypt, out);
        }
        self.drop_waiting(crypt);
        for side in &mut self.sides {
            side.clear(&mut crypt.ciphers, &mut crypt.buffers);
        }
    }

    /// Drops all buffers, to save memory.
    pub fn shed(&mut self, crypt: &mut Crypt, out: &mut impl Outlet) {
        if self.held() > 0 {
            self.close(if self.waiting.is_some() { self.missing(crypt) } else { Closed::Lost }, crypt, out);
        }
    }

    /// Reads a piece, or lets it wait.
    fn take(&mut self, piece: &Piece<'_>, crypt: &mut Crypt, out: &mut impl Outlet) {
        self.retry(piece.ts, crypt, out);
        if self.must_wait(piece.direction) {
            return self.keep(Kept::new(piece, piece.bytes), crypt, out);
        }
        if let Err((stop, rest)) = self.read(piece, crypt, out) {
            let rest = Kept::new(&Piece { skipped: 0, ..*piece }, rest);
            self.stop(stop, piece.direction, rest, crypt, out);
        }
    }

    /// The secrets of the connection, as far as they are known.
    pub(super) fn secrets(&self, crypt: &Crypt) -> Option<Secrets> {
        crypt.keys.find(&self.hellos.as_ref()?.client)
    }

    /// The secret of a direction in a stage, if it is known.
    pub(super) fn secret<'s>(&self, direction: Direction, stage: Stage, secrets: &'s Secrets) -> Option<&'s Secret> {
        secrets.get(stage.label(self.suite?, direction == self.client)?)
    }

    /// Stops reading, and frees all buffers.
    pub(super) fn close(&mut self, reason: Closed, crypt: &mut Crypt, out: &mut impl Outlet) {
        self.drop_waiting(crypt);
        for side in &mut self.sides {
            side.clear(&mut crypt.ciphers, &mut crypt.buffers);
        }
        self.hellos = None;
        let is_told = std::mem::replace(&mut self.is_closed, true);
        if !is_told && self.sides.iter().all(|side| side.stage != Stage::Unread) {
            out.closed(reason);
        }
    }

    /// Reads a piece. If a record cannot be read yet, returns why, and the bytes behind that record.
    pub(super) fn read<'p>(
        &mut self,
        piece: &Piece<'p>,
        crypt: &mut Crypt,
        out: &mut impl Outlet,
    ) -> Result<(), (Stop, &'p [u8])> {
        let Piece { direction, skipped, bytes: mut rest, seq, ack, ts, is_end } = *piece;
        let behind = seq.plus(rest.len() as u32);
        if self.is_closed {
            return Ok(());
        }
        if self.side(direction).stage == Stage::Unread {
            rest = b"";
        } else if skipped > 0 {
            self.hole(direction, skipped, crypt).map_err(|stop| (stop, rest))?;
        }
        loop {
            if self.side(direction).lost.is_some() {
                match self.search(direction, &mut rest, crypt) {
                    Ok(true) => {}
                    Ok(false) => break,
                    Err(stop) => return Err((stop, rest)),
                }
            }
            match self.sides[direction as usize].records.next(&mut rest, &mut crypt.buffers) {
                Next::More => break,
                Next::Broken => return Err((Stop::Closed(self.broken()), rest)),
                Next::Record(mut record) => {
                    let left = rest.len() + self.side(direction).records.partial.len();
                    let spot = Spot { end: behind.plus((left as u32).wrapping_neg()), ack, ts };
                    if let Err(stop) = self.record(direction, &mut record, spot, crypt, out) {
                        self.sides[direction as usize].records.put_back(record);
                        return Err((stop, rest));
                    }
                    crypt.buffers.put(record);
                }
            }
            if std::mem::take(&mut self.is_turn_of_client) {
                return Err((Stop::Client, rest));
            }
        }
        if is_end {
            let side = &mut self.sides[direction as usize];
            if side.lost.is_some() {
                side.lose_unknown();
            }
            let seq = side.places.newest();
            self.emit(direction, b"", seq, Spot { end: seq, ack: None, ts }, out);
            out.finished(direction, ts, self.cover());
        }
        Ok(())
    }

    /// Why bytes that are no record end the connection.
    fn broken(&self) -> Closed {
        if self.suite.is_some() { Closed::Damaged } else { Closed::JoinedMidway }
    }

    /// Hands plaintext on, which begins at `seq`.
    pub(super) fn emit(
        &mut self,
        direction: Direction,
        bytes: &[u8],
        seq: SeqNumber,
        spot: Spot,
        out: &mut impl Outlet,
    ) {
        let cover = self.cover();
        let ack = spot.ack.map(|ack| self.sides[direction.reverse() as usize].places.of(ack));
        if let Some(chunk) = self.sides[direction as usize].chunk(bytes, seq, ack, spot.ts) {
            out.plaintext(direction, chunk, cover);
        }
    }

    /// Makes the keys of a direction in a stage. `None` if its secret is not known.
    pub(super) fn derive(&self, direction: Direction, stage: Stage, crypt: &mut Crypt) -> Option<Protection> {
        let suite = self.suite?;
        let secrets = self.secrets(crypt)?;
        let secret = self.secret(direction, stage, &secrets)?;
        if suite.is_tls13 {
            return Some(Protection::tls13(suite, secret, &mut crypt.ciphers));
        }
        let (hellos, is_client) = (self.hellos.as_ref()?, direction == self.client);
        let randoms = Randoms { client: &hellos.client, server: &hellos.server };
        Some(Protection::tls12(suite, secret, &randoms, is_client, hellos.encrypts_first, &mut crypt.ciphers))
    }

    /// Makes sure that the keys of the current stage are there.
    pub(super) fn ensure(&mut self, direction: Direction, crypt: &mut Crypt) -> Result<(), Stop> {
        let Side { stage, protection, .. } = self.side(direction);
        if protection.is_some() {
            return Ok(());
        }
        let (stage, found) = (*stage, self.derive(direction, *stage, crypt));
        self.sides[direction as usize].protection = Some(found.ok_or(Stop::Key)?);
        if stage == Stage::Application {
            self.hellos.take_if(|hellos| {
                hellos.is_used[direction as usize] = true;
                hellos.is_used == [true; 2]
            });
        }
        Ok(())
    }

    /// Takes note of a handshake message.
    pub(super) fn message(
        &mut self,
        direction: Direction,
        message: &Message,
        ts: Timestamp,
        crypt: &mut Crypt,
    ) -> Result<(), Stop> {
        let is_client = direction == self.client;
        let stage = self.side(direction).stage;
        match message.kind {
            handshake::CLIENT_HELLO if is_client => {
                let hello = ClientHello::read(&message.body).ok_or(Stop::Closed(Closed::Damaged))?;
                self.hellos = Some(Box::new(Hellos { client: hello.random, ..Hellos::default() }));
                if self.early == Early::Absent && hello.offers_early {
                    self.early = Early::Offered;
                }
                if let Handshake::Unseen = self.handshake {
                    self.handshake = Handshake::Began(ts);
                }
            }
            handshake::CLIENT_HELLO => return Err(Stop::Closed(Closed::JoinedMidway)),
            handshake::SERVER_HELLO if is_client => return Err(Stop::Closed(Closed::JoinedMidway)),
            handshake::SERVER_HELLO => return self.server_hello(&message.body, crypt),
            handshake::ENCRYPTED_EXTENSIONS if !is_client && stage == Stage::Handshake => {
                let told = EncryptedExtensions::read(&message.body);
                if self.early == Early::Offered {
                    if told.accepts_early {
                        self.early = Early::Accepted;
                    } else {
                        self.skip_early(crypt);
                    }
                    self.let_client_go_on();
                } else if self.early == Early::Rejected && told.accepts_early {
                    // The early data was given up before the server answered.
                    self.sides[self.client as usize].lose_unknown();
                }
            }
            handshake::END_OF_EARLY_DATA if is_client && stage == Stage::Early => {
                self.sides[direction as usize].enter(Stage::Handshake, None, &mut crypt.ciphers);
            }
            handshake::FINISHED => self.finished(direction, ts, crypt),
            handshake::KEY_UPDATE if self.suite.is_some_and(|suite| suite.is_tls13) && stage == Stage::Application => {
                let side = &mut self.sides[direction as usize];
                let next = side.protection.as_ref().map(|protection| protection.next(&mut crypt.ciphers));
                side.protect(next, &mut crypt.ciphers);
            }
            // Tickets, certificates and all others change no key.
            _ => {}
        }
        Ok(())
    }

    fn server_hello(&mut self, body: &[u8], crypt: &mut Crypt) -> Result<(), Stop> {
        let hello = ServerHello::read(body).ok_or(Stop::Closed(Closed::Damaged))?;
        let Some(hellos) = &mut self.hellos else { return Err(Stop::Closed(Closed::JoinedMidway)) };
        if hello.is_retry() {
            // RFC 8446 §4.2.10: a server that asks for another hello does not read early data.
            self.reject_early();
            return Ok(());
        }
        let found =
            suite::find(hello.suite).filter(|suite| hello.version == if suite.is_tls13 { 0x304 } else { 0x303 });
        let suite = found.ok_or(Stop::Closed(Closed::UnknownSuite))?;
        (self.suite, hellos.server, hellos.encrypts_first) = (Some(suite), hello.random, hello.encrypts_first);
        if suite.is_tls13 {
            let of_client = if self.early == Early::Offered { Stage::Early } else { Stage::Handshake };
            self.sides[self.client.reverse() as usize].enter(Stage::Handshake, None, &mut crypt.ciphers);
            let side = &mut self.sides[self.client as usize];
            side.enter(of_client, None, &mut crypt.ciphers);
            side.may_not_open = self.early == Early::Rejected;
        } else {
            self.reject_early();
        }
        Ok(())
    }

    /// Takes note, before there are keys, that the server does not read early data.
    fn reject_early(&mut self) {
        if self.early == Early::Offered {
            self.early = Early::Rejected;
            self.let_client_go_on();
        }
    }

    /// Ends the wait of the client for what the server says about early data.
    fn let_client_go_on(&mut self) {
        if let Some(waiting) = &mut self.waiting {
            self.is_turn_of_client = std::mem::take(&mut waiting.for_server);
        }
    }

    fn finished(&mut self, direction: Direction, ts: Timestamp, crypt: &mut Crypt) {
        let is_tls13 = self.suite.is_some_and(|suite| suite.is_tls13);
        if is_tls13 && self.side(direction).stage == Stage::Handshake {
            self.sides[direction as usize].enter(Stage::Application, None, &mut crypt.ciphers);
        }
        if let Handshake::Began(began) = self.handshake
            && self.sides.iter().all(|side| side.stage == Stage::Application)
        {
            self.handshake = Handshake::Over(ts.since(began));
            // A side may have nothing to say for long. If its secret is known, the hellos are not needed any more.
            for direction in [Direction::Up, Direction::Down] {
                let _ = self.ensure(direction, crypt);
            }
        }
    }
}
