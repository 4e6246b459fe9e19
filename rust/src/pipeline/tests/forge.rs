//! Forged connections: what both sides say becomes Ethernet frames, which a test may cut, reorder and lose.

use etherparse::PacketBuilder;

use crate::pipeline::packet::{InterfaceId, LinkType, Packet, Timestamp};

/// A frame, with the time and the interface of its capture.
#[derive(Clone, Debug)]
pub struct Frame {
    pub ts: i64,
    pub bytes: Vec<u8>,
    pub interface: u16,
}

impl Frame {
    pub fn packet(&self) -> Packet<'_> {
        Packet {
            ts: Timestamp(self.ts),
            wire_len: self.bytes.len() as u32,
            interface: InterfaceId(self.interface),
            link_type: LinkType::Ethernet,
            data: &self.bytes,
        }
    }
}

/// How the frames of a connection look.
#[derive(Clone, Copy, Debug)]
pub struct Wire {
    pub ipv6: bool,
    pub vlan: Option<u16>,
    pub swapped: bool,
    pub isn: [u32; 2],
    pub client_port: u16,
    pub start: i64,
    /// Maximum payload bytes of a segment.
    pub segment: usize,
    pub interface: u16,
}

impl Default for Wire {
    fn default() -> Self {
        Self {
            ipv6: false,
            vlan: None,
            swapped: false,
            isn: [1000, 5000],
            client_port: 40_000,
            start: 1_700_000_000_000_000_000,
            segment: 1460,
            interface: 0,
        }
    }
}

const FIN: u8 = 1;
const SYN: u8 = 2;
const ACK: u8 = 16;

/// A connection being forged.
pub struct Forge {
    wire: Wire,
    next: [u32; 2],
    pub frames: Vec<Frame>,
}

impl Forge {
    /// A connection without any frames.
    pub fn new(wire: Wire) -> Self {
        Self { wire, next: wire.isn, frames: Vec::new() }
    }

    /// A whole connection: handshake, what both sides say in turn (the client first), and the end.
    pub fn connection(wire: Wire, turns: &[&str]) -> Vec<Frame> {
        let mut forge = Self::new(wire);
        forge.handshake();
        for (at, text) in turns.iter().enumerate() {
            forge.say(at % 2, text.as_bytes());
        }
        forge.finish();
        forge.frames
    }

    /// Lets `nanos` nanoseconds pass before the next frame.
    pub fn wait(&mut self, nanos: i64) {
        self.wire.start += nanos;
    }

    pub fn handshake(&mut self) {
        self.send(0, SYN, b"");
        self.send(1, SYN | ACK, b"");
        self.send(0, ACK, b"");
    }

    /// A handshake whose SYN carries data, which is acknowledged with the SYN (RFC 7413).
    pub fn request_on_the_syn(&mut self, bytes: &[u8]) {
        self.send(0, SYN, bytes);
        self.send(1, SYN | ACK, b"");
        self.send(0, ACK, b"");
    }

    pub fn say(&mut self, side: usize, bytes: &[u8]) {
        for piece in bytes.chunks(self.wire.segment) {
            self.send(side, ACK, piece);
        }
        self.send(1 - side, ACK, b"");
    }

    pub fn finish(&mut self) {
        self.send(0, FIN | ACK, b"");
        self.send(1, FIN | ACK, b"");
        self.send(0, ACK, b"");
    }

    /// A FIN whose sequence number lies `back` before the next one of its side.
    pub fn old_fin(&mut self, side: usize, back: u32) {
        let next = self.next[side];
        self.next[side] = next.wrapping_sub(back);
        self.send(side, FIN | ACK, b"");
        self.next[side] = next;
    }

    fn send(&mut self, side: usize, flags: u8, payload: &[u8]) {
        let ports = [self.wire.client_port, 80];
        let (from, to) = (ports[side], ports[1 - side]);
        let host = |side: usize| if (side == 0) == self.wire.swapped { 9 } else { 1 };
        let builder = PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]);
        let v6 = |last: u8| [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last];
        let v4 = |last: u8| [192, 0, 2, last];
        let (a, b) = (host(side), host(1 - side));
        let builder = match (self.wire.vlan, self.wire.ipv6) {
            (None, false) => builder.ipv4(v4(a), v4(b), 64),
            (None, true) => builder.ipv6(v6(a), v6(b), 64),
            (Some(id), false) => builder.single_vlan(id.try_into().unwrap()).ipv4(v4(a), v4(b), 64),
            (Some(id), true) => builder.single_vlan(id.try_into().unwrap()).ipv6(v6(a), v6(b), 64),
        };
        let mut builder = builder.tcp(from, to, self.next[side], 64_000);
        if flags & ACK != 0 {
            builder = builder.ack(self.next[1 - side]);
        }
        if flags & SYN != 0 {
            builder = builder.syn();
        }
        if flags & FIN != 0 {
            builder = builder.fin();
        }
        let mut bytes = Vec::new();
        builder.write(&mut bytes, payload).unwrap();
        let taken = payload.len() as u32 + u32::from(flags & SYN != 0) + u32::from(flags & FIN != 0);
        self.next[side] = self.next[side].wrapping_add(taken);
        let ts = self.wire.start + self.frames.len() as i64 * 1_000_000;
        self.frames.push(Frame { ts, bytes, interface: self.wire.interface });
    }
}
