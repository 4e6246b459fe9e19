//! One QUIC connection: its hello while that is read, and what it has shown so far.

use super::crypto::CryptoStream;
use super::keys::SideKeys;
use super::packet::{Kind, Packets, QuicPacket};
use crate::pipeline::decode::{Direction, FlowKey, Udp};
use crate::pipeline::exchange::{Protocol, Secured, Sides, Sink};
use crate::pipeline::packet::{InterfaceId, Timestamp};
use crate::pipeline::protocol::tls::hello::{self, Hello};

/// `Initial` packets of a client that are looked at. A hello of 64 KiB needs some 55.
const MAX_INITIALS: u8 = 100;

/// A connection.
#[derive(Debug)]
pub struct Flow {
    client: Direction,
    interface: InterfaceId,
    /// The interfaces on which the packets of client and server are counted. What others show of them are copies.
    seen_on: [Option<InterfaceId>; 2],
    /// When its last packet came.
    pub last: Timestamp,
    /// When the first packet of the client came, if that began the connection.
    began: Option<Timestamp>,
    is_answered: bool,
    /// True if the server has sent packets of the handshake.
    shakes_hands: bool,
    /// True if nothing more is read of its packets.
    is_over: bool,
    /// True if the sink knows the connection.
    is_told: bool,
    /// What the hello is read with; `None` once it is read or given up.
    opening: Option<Box<Opening>>,
    /// Bytes to the server and to the client before the sink knew the connection.
    before: [u64; 2],
    /// Time from the client's first packet to the server's, if the server has answered before the sink knew.
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

impl Flow {
    /// Begins with the first packet of a client. `None` if the packet is not one, or cannot be decrypted.
    pub fn of_client(udp: &Udp<'_>, first: &QuicPacket<'_>) -> Option<Self> {
        if first.kind != Kind::Initial {
            return None;
        }
        let mut keys = SideKeys::new(first.version, first.destination, true)?;
        keys.open(first)?;
        let opening = Opening { keys, stream: CryptoStream::default(), seen: 0 };
        let flow = Self::joined(udp, udp.direction);
        Some(Self { began: Some(udp.ts), is_over: false, opening: Some(Box::new(opening)), ..flow })
    }

    /// Begins in the midst of a connection.
    pub fn joined(udp: &Udp<'_>, client: Direction) -> Self {
        Self {
            client,
            interface: udp.interface,
            seen_on: [None; 2],
            last: udp.ts,
            began: None,
            is_answered: false,
            shakes_hands: false,
            is_over: true,
            is_told: false,
            opening: None,
            before: [0; 2],
            round_trip: None,
        }
    }

    /// Bytes that are kept of the hello.
    pub fn held(&self) -> usize {
        self.opening.as_ref().map_or(0, |opening| opening.stream.held() + size_of::<Opening>())
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
        if self.is_told {
            sink.secured_bytes(&udp.key, from_client, udp.wire_len.into());
        } else {
            self.before[usize::from(!from_client)] += u64::from(udp.wire_len);
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

    /// Gives up the hello.
    pub fn give_up(&mut self, udp: &Udp<'_>, sink: &mut impl Sink) {
        self.opening = None;
        self.tell(&udp.key, None, sink);
    }

    /// Ends the connection.
    pub fn end(&mut self, key: &FlowKey, sink: &mut impl Sink) {
        self.opening = None;
        self.tell(key, None, sink);
        sink.ended(key);
    }

    fn read_client(&mut self, udp: &Udp<'_>, packet: &QuicPacket<'_>, sink: &mut impl Sink) {
        match packet.kind {
            Kind::Initial => {
                let read = self.opening.as_mut().and_then(|opening| opening.read(packet));
                if let Some(hello) = read {
                    self.opening = None;
                    self.tell(&udp.key, hello.as_ref(), sink);
                }
            }
            // The client's last packet of the handshake comes before or with its first short header.
            Kind::Short if self.shakes_hands => {
                self.is_over = true;
                let handshake = self.since_begin(udp.ts);
                self.tell(&udp.key, None, sink);
                sink.secured_times(&udp.key, None, handshake);
            }
            _ => {}
        }
    }

    fn read_server(&mut self, udp: &Udp<'_>, packet: &QuicPacket<'_>, sink: &mut impl Sink) {
        self.shakes_hands |= packet.kind == Kind::Handshake;
        let is_answer = matches!(packet.kind, Kind::Initial | Kind::Retry | Kind::VersionNegotiation);
        if is_answer && !std::mem::replace(&mut self.is_answered, true) {
            let round_trip = self.since_begin(udp.ts);
            if self.is_told {
                sink.secured_times(&udp.key, round_trip, None);
            } else {
                self.round_trip = round_trip;
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
        let [to_server, to_client] = self.before;
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
    /// Reads an `Initial` packet of the client. Returns the hello once it is complete, and `Some(None)` if there is
    /// nothing to be read.
    #[expect(clippy::option_option, reason = "not yet, none, and a hello")]
    fn read(&mut self, packet: &QuicPacket<'_>) -> Option<Option<Hello>> {
        self.seen += 1;
        if self.seen > MAX_INITIALS {
            return Some(None);
        }
        let frames = self.keys.open(packet).or_else(|| self.begin_anew(packet))?;
        if self.stream.push(&frames).is_err() {
            return Some(None);
        }
        hello::of_message(self.stream.front())
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
