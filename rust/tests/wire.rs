//! Makes packets by the million: Ethernet, IPv4 and TCP written into one buffer, for less than it costs to read them
//! again. Shared by the tests of allocations and memory and by the benches. Checksums stay zero, as offload leaves
//! them.
#![allow(dead_code, reason = "each program that shares it uses a part")]

use _core::pipeline::packet::{InterfaceId, LinkType, Packet, Timestamp};

pub const FIN: u8 = 0x01;
pub const SYN: u8 = 0x02;
pub const PSH: u8 = 0x08;
pub const ACK: u8 = 0x10;

/// The sides of a connection: the one that asks, and the one that answers.
pub const CLIENT: usize = 0;
pub const SERVER: usize = 1;

/// Payload bytes of a full segment on Ethernet.
pub const SEGMENT: usize = 1460;

/// Length of the headers of Ethernet, IPv4 and TCP without options.
const HEADERS: usize = 54;
/// 2023-11-14 22:13:20 UTC; any time will do.
const BEGIN: i64 = 1_700_000_000_000_000_000;

/// A connection, with what is needed for its next segment.
#[derive(Clone, Copy, Debug)]
pub struct Connection {
    addresses: [[u8; 4]; 2],
    ports: [u16; 2],
    pub next: [u32; 2],
}

impl Connection {
    /// The connection number `n`; all 2^32 are different. It is between a client in 10.0.0.0/8 and port 80 of one of
    /// 251 servers.
    pub fn new(n: u32) -> Self {
        let [_, a, b, c] = (n / 50_000).to_be_bytes();
        let client_port = 1024 + (n % 50_000) as u16;
        let addresses = [[10, a, b, c], [192, 0, 2, (n % 251) as u8]];
        Self { addresses, ports: [client_port, 80], next: [n.wrapping_mul(2_654_435_761), n.wrapping_mul(40_503)] }
    }

    /// The same connection, to another port of the server.
    pub fn to_port(self, port: u16) -> Self {
        Self { ports: [self.ports[CLIENT], port], ..self }
    }
}

/// Makes packets, one at a time.
pub struct Wire {
    frame: Vec<u8>,
    /// Time of the next packet in nanoseconds since the epoch.
    pub now: i64,
    /// Nanoseconds from one packet to the next.
    pub step: i64,
}

impl Default for Wire {
    fn default() -> Self {
        Self { frame: vec![0; HEADERS], now: BEGIN, step: 10_000 }
    }
}

impl Wire {
    /// The next segment of a connection.
    pub fn segment(&mut self, of: &mut Connection, sender: usize, flags: u8, payload: &[u8]) -> Packet<'_> {
        let packet_seq = of.next[sender];
        let taken = payload.len() as u32 + u32::from(flags & SYN != 0) + u32::from(flags & FIN != 0);
        of.next[sender] = packet_seq.wrapping_add(taken);
        self.segment_at(of, sender, packet_seq, flags, payload)
    }

    /// A segment anywhere in the stream of a connection.
    pub fn segment_at(&mut self, of: &Connection, sender: usize, seq: u32, flags: u8, payload: &[u8]) -> Packet<'_> {
        let ack = if flags & ACK == 0 { 0 } else { of.next[1 - sender] };
        let mut tcp = [0; 20];
        tcp[0..2].copy_from_slice(&of.ports[sender].to_be_bytes());
        tcp[2..4].copy_from_slice(&of.ports[1 - sender].to_be_bytes());
        tcp[4..8].copy_from_slice(&seq.to_be_bytes());
        tcp[8..12].copy_from_slice(&ack.to_be_bytes());
        (tcp[12], tcp[13]) = (5 << 4, flags);
        tcp[14..16].copy_from_slice(&60_000_u16.to_be_bytes());
        self.datagram(of.addresses[sender], of.addresses[1 - sender], (0, 0x4000), &[&tcp, payload])
    }

    /// An IPv4 datagram of protocol TCP, with its identification, its flags and fragment offset, and the pieces of its
    /// payload.
    pub fn datagram(
        &mut self,
        from: [u8; 4],
        to: [u8; 4],
        (id, fragment): (u16, u16),
        payload: &[&[u8]],
    ) -> Packet<'_> {
        let length = 20 + payload.iter().map(|piece| piece.len()).sum::<usize>();
        self.frame.clear();
        self.frame.extend_from_slice(&[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0]);
        self.frame.extend_from_slice(&(length as u16).to_be_bytes());
        self.frame.extend_from_slice(&id.to_be_bytes());
        self.frame.extend_from_slice(&fragment.to_be_bytes());
        self.frame.extend_from_slice(&[64, 6, 0, 0]);
        self.frame.extend_from_slice(&from);
        self.frame.extend_from_slice(&to);
        payload.iter().for_each(|piece| self.frame.extend_from_slice(piece));
        let ts = Timestamp(self.now);
        self.now += self.step;
        let (wire_len, interface) = (self.frame.len() as u32, InterfaceId(0));
        Packet { ts, wire_len, interface, link_type: LinkType::Ethernet, data: &self.frame }
    }

    /// SYN, SYN with ACK, ACK.
    pub fn handshake(&mut self, of: &mut Connection, mut take: impl FnMut(&Packet<'_>)) {
        take(&self.segment(of, CLIENT, SYN, b""));
        take(&self.segment(of, SERVER, SYN | ACK, b""));
        take(&self.segment(of, CLIENT, ACK, b""));
    }

    /// Sends bytes in full segments. Every second one is acknowledged, as receivers do.
    pub fn say(&mut self, of: &mut Connection, sender: usize, bytes: &[u8], mut take: impl FnMut(&Packet<'_>)) {
        let mut unacknowledged = 0;
        for piece in bytes.chunks(SEGMENT) {
            take(&self.segment(of, sender, ACK, piece));
            unacknowledged += 1;
            if unacknowledged == 2 {
                take(&self.segment(of, 1 - sender, ACK, b""));
                unacknowledged = 0;
            }
        }
        if unacknowledged > 0 {
            take(&self.segment(of, 1 - sender, ACK, b""));
        }
    }

    /// FIN from both sides.
    pub fn close(&mut self, of: &mut Connection, mut take: impl FnMut(&Packet<'_>)) {
        take(&self.segment(of, CLIENT, FIN | ACK, b""));
        take(&self.segment(of, SERVER, FIN | ACK, b""));
        take(&self.segment(of, CLIENT, ACK, b""));
    }
}

/// A TLS `ClientHello` that names a server, in one record.
pub fn client_hello(server: &str) -> Vec<u8> {
    let sized = |bytes: &[u8]| [&(bytes.len() as u16).to_be_bytes(), bytes].concat();
    let name = sized(&[&[0], &sized(server.as_bytes())[..]].concat());
    let extensions = sized(&[&[0, 0], &sized(&name)[..]].concat());
    let body = [&[3, 3], &[7; 32][..], &[0, 0, 2, 0x13, 1, 1, 0], &extensions].concat();
    let handshake = [&[1, 0], &sized(&body)[..]].concat();
    [&[0x16, 3, 1], &sized(&handshake)[..]].concat()
}

/// Marsaglia's xorshift: the same sequence everywhere.
pub struct Random(pub u64);

impl Random {
    pub fn number(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}
