//! One QUIC connection: its hello while that is read, and what it has shown so far.

use super::crypto::CryptoStream;
use super::keys::SideKeys;
use super::packet::{Kind, Packets, QuicPacket};
use crate::pipeline::decode::{Direction, FlowKey, Udp};
use crate::pipeline::exchange::{CipherSuite, ListedQuic, Protocol, Secured, Sides, Sink, TlsVersion};
use crate::pipeline::packet::{InterfaceId, Timestamp};
use crate::pipeline::protocol::tls::hello::{self, Choice, Hello};

/// `Initial` packets of a client that are looked at. A hello of 64 KiB needs some 55.
const MAX_INITIALS: u8 = 100;

/// The longest connection id (RFC 9000 §17.2).
const MAX_ID: usize = 20;

/// A connection.
#[derive(Debug)]
pub struct Flow {
    client: Direction,
    interface: InterfaceId,
    /// The interfaces on which the packets of client and server are counted. What others show of them are copies.
    seen_on: [Option<InterfaceId>; 2],
    /// When its first packet came.
    first: Timestamp,
    /// When its last packet came.
    pub last: Timestamp,
    /// True if a datagram came in this interval, as far as the list of connections goes.
    pub is_heard: bool,
    datagrams: u32,
    /// When the first packet of the client came, if that began the connection.
    began: Option<Timestamp>,
    is_answered: bool,
    /// True if the server has sent packets of the handshake.
    shakes_hands: bool,
    /// True if nothing more is read of its packets.
    is_over: bool,
    /// True if the sink knows the connection.
    is_told: bool,
    /// What the client's hello is read with; `None` once it is read or given up.
    opening: Option<Box<Opening>>,
    /// What the server's hello is read with, from its first packet on.
    answer: Option<Box<Opening>>,
    /// From what the keys of the server follow; `None` once its hello is read or given up.
    began_with: Option<FirstId>,
    /// Bytes to the server and to the client.
    bytes: [u64; 2],
    /// Time from the client's first packet to the server's.
    round_trip: Option<u64>,
}

/// A hello while it is read.
#[derive(Debug)]
struct Opening {
    keys: SideKeys,
    stream: CryptoStream,
    /// Packets looked at.
    seen: u8,
}

/// The version and the connection id with which a client has begun.
#[derive(Clone, Copy, Debug)]
struct FirstId {
    version: u32,
    id: [u8; MAX_ID],
    length: usize,
}

impl FirstId {
    /// Takes it from a packet of the client. `None` if the id is longer than RFC 9000 §17.2 allows.
    fn of(packet: &QuicPacket<'_>) -> Option<Self> {
        let length = packet.destination.len();
        let mut id = [0; MAX_ID];
        id.get_mut(..length)?.copy_from_slice(packet.destination);
        Some(Self { version: packet.version, id, length })
    }

    /// The keys of the server's packets.
    fn keys(&self) -> Option<SideKeys> {
        SideKeys::new(self.version, &self.id[..self.length], false)
    }
}

impl Flow {
    /// Begins with the first packet of a client. `None` if the packet is not one, or cannot be decrypted.
    pub fn of_client(udp: &Udp<'_>, first: &QuicPacket<'_>) -> Option<Self> {
        if first.kind != Kind::Initial {
            return None;
        }
        let mut keys = SideKeys::new(first.version, first.destination, true)?;
        keys.open(first)?;
        let (opening, began_with) = (Opening::new(keys), FirstId::of(first));
        let flow = Self::joined(udp, udp.direction);
        Some(Self { began: Some(udp.ts), is_over: false, opening: Some(Box::new(opening)), began_with, ..flow })
    }

    /// Begins in the midst of a connection.
    pub fn joined(udp: &Udp<'_>, client: Direction) -> Self {
        Self {
            client,
            interface: udp.interface,
            seen_on: [None; 2],
            first: udp.ts,
            last: udp.ts,
            is_heard: false,
            datagrams: 0,
            began: None,
            is_answered: false,
            shakes_hands: false,
            is_over: true,
            is_told: false,
            opening: None,
            answer: None,
            began_with: None,
            bytes: [0; 2],
            round_trip: None,
        }
    }

    /// Bytes that are kept of the hellos.
    pub fn held(&self) -> usize {
        let held = |one: &Option<Box<Opening>>| one.as_ref().map_or(0, |one| one.stream.held() + size_of::<Opening>());
        held(&self.opening) + held(&self.answer)
    }

    /// True if the server has answered, or the beginning was not seen.
    pub fn is_answered(&self) -> bool {
        self.is_answered || self.began.is_none()
    }

    /// Takes a datagram of the connection.
    pub fn push(&mut self, udp: &Udp<'_>, sink: &mut impl Sink) {
        self.last = self.last.max(udp.ts);
        let from_client = udp.direction == self.client;
        if *self.seen_on[usize::from(!from_client)].get_or_insert(udp.interface) != udp.interface {
            return;
        }
        self.datagrams = self.datagrams.saturating_add(1);
        let bytes = &mut self.bytes[usize::from(!from_client)];
        *bytes = bytes.saturating_add(udp.wire_len.into());
        if self.is_told {
            sink.secured_bytes(&udp.key, from_client, udp.wire_len.into());
        }
        if !self.is_over {
            for packet in Packets::new(udp.payload) {
                if from_client {
                    self.read_client(udp, &packet, sink);
                } else {
                    self.read_server(udp, &packet, sink);
                }
            }
        }
        if self.opening.is_none() {
            self.tell(&udp.key, None, sink);
        }
    }

    /// Gives up the hellos.
    pub fn give_up(&mut self, udp: &Udp<'_>, sink: &mut impl Sink) {
        (self.opening, self.answer, self.began_with) = (None, None, None);
        self.tell(&udp.key, None, sink);
    }

    /// What a list shows of the connection.
    pub fn listed<'a>(&self, key: &'a FlowKey, now: Timestamp) -> ListedQuic<'a> {
        let &Self { client, interface, first, last, began, datagrams, bytes, round_trip, .. } = self;
        ListedQuic {
            sides: Sides { connection: key, asks: client, interface },
            seen: [first, last],
            age: last.max(now).since(first),
            is_opened: began.is_some(),
            is_answered: self.is_answered(),
            datagrams,
            bytes,
            round_trip,
        }
    }

    /// Ends the connection.
    pub fn end(&mut self, key: &FlowKey, sink: &mut impl Sink) {
        (self.opening, self.answer, self.began_with) = (None, None, None);
        self.tell(key, None, sink);
        sink.ended(key);
    }

    fn read_client(&mut self, udp: &Udp<'_>, packet: &QuicPacket<'_>, sink: &mut impl Sink) {
        match packet.kind {
            Kind::Initial => {
                let Some(opening) = &mut self.opening else { return };
                let mut is_anew = false;
                let read = opening.read(packet, &mut is_anew);
                if is_anew {
                    (self.answer, self.began_with) = (None, FirstId::of(packet));
                }
                if let Some(hello) = read {
                    self.opening = None;
                    self.tell(&udp.key, hello.as_ref(), sink);
                }
            }
            // The client's last packet of the handshake comes before or with its first short header. A hello of which
            // something is missing by then stays incomplete.
            Kind::Short if self.shakes_hands => {
                (self.is_over, self.opening, self.answer, self.began_with) = (true, None, None, None);
                let handshake = self.since_begin(udp.ts);
                self.tell(&udp.key, None, sink);
                sink.secured_times(&udp.key, None, handshake);
            }
            _ => {}
        }
    }

    fn read_server(&mut self, udp: &Udp<'_>, packet: &QuicPacket<'_>, sink: &mut impl Sink) {
        self.shakes_hands |= packet.kind == Kind::Handshake;
        self.read_answer(udp, packet, sink);
        let is_answer = matches!(packet.kind, Kind::Initial | Kind::Retry | Kind::VersionNegotiation);
        if is_answer && !std::mem::replace(&mut self.is_answered, true) {
            self.round_trip = self.since_begin(udp.ts);
            if self.is_told {
                sink.secured_times(&udp.key, self.round_trip, None);
            }
        }
    }

    /// Reads an `Initial` packet of the server, for its hello.
    fn read_answer(&mut self, udp: &Udp<'_>, packet: &QuicPacket<'_>, sink: &mut impl Sink) {
        let Some(first) = self.began_with.filter(|_| packet.kind == Kind::Initial && self.is_told) else { return };
        if self.answer.is_none() {
            self.answer = first.keys().map(|keys| Box::new(Opening::new(keys)));
        }
        let read = self.answer.as_mut().map_or(Some(None), |answer| answer.read_answer(packet));
        if let Some(choice) = read {
            (self.answer, self.began_with) = (None, None);
            if let Some(choice) = choice {
                let suite = CipherSuite::from_number(choice.suite);
                sink.secured_with(&udp.key, TlsVersion::from_number(choice.version), suite);
            }
        }
    }

    fn since_begin(&self, ts: Timestamp) -> Option<u64> {
        u64::try_from(ts.0.checked_sub(self.began?.0)?).ok()
    }

    /// Tells the sink of the connection, once.
    fn tell(&mut self, key: &FlowKey, hello: Option<&Hello>, sink: &mut impl Sink) {
        if std::mem::replace(&mut self.is_told, true) {
            return;
        }
        let [to_server, to_client] = self.bytes;
        sink.secured(&Secured {
            protocol: Protocol::Quic,
            sides: Sides { connection: key, asks: self.client, interface: self.interface },
            name: hello.and_then(|hello| hello.name.as_deref()),
            has_ech: hello.is_some_and(|hello| hello.has_ech),
            closed: None,
        });
        sink.secured_bytes(key, true, to_server);
        sink.secured_bytes(key, false, to_client);
        sink.secured_times(key, self.round_trip, None);
    }
}

impl Opening {
    fn new(keys: SideKeys) -> Self {
        Self { keys, stream: CryptoStream::default(), seen: 0 }
    }

    /// Reads an `Initial` packet of the client. Returns the hello once it is complete, and `Some(None)` if there is
    /// nothing to be read. Sets `is_anew` if the client has begun anew with another connection id.
    #[expect(clippy::option_option, reason = "not yet, none, and a hello")]
    fn read(&mut self, packet: &QuicPacket<'_>, is_anew: &mut bool) -> Option<Option<Hello>> {
        if self.has_seen_enough() {
            return Some(None);
        }
        let frames = self.keys.open(packet).or_else(|| {
            *is_anew = true;
            self.begin_anew(packet)
        });
        *is_anew &= frames.is_some();
        self.push(&frames?, hello::of_message)
    }

    /// Reads an `Initial` packet of the server in the same way.
    #[expect(clippy::option_option, reason = "not yet, none, and a hello")]
    fn read_answer(&mut self, packet: &QuicPacket<'_>) -> Option<Option<Choice>> {
        if self.has_seen_enough() {
            return Some(None);
        }
        let frames = self.keys.open(packet)?;
        self.push(&frames, hello::of_server_message)
    }

    fn has_seen_enough(&mut self) -> bool {
        self.seen += 1;
        self.seen > MAX_INITIALS
    }

    #[expect(clippy::option_option, reason = "not yet, none, and a hello")]
    fn push<T>(&mut self, frames: &[u8], read: fn(&[u8]) -> Option<Option<T>>) -> Option<Option<T>> {
        if self.stream.push(frames).is_err() {
            return Some(None);
        }
        read(self.stream.front())
    }

    /// Takes the keys of another connection id: after a Retry and after version negotiation the client begins anew
    /// (RFC 9001 §5.2).
    fn begin_anew(&mut self, packet: &QuicPacket<'_>) -> Option<Vec<u8>> {
        let mut keys = SideKeys::new(packet.version, packet.destination, true)?;
        let frames = keys.open(packet)?;
        self.keys = keys;
        Some(frames)
    }
}
