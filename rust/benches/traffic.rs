//! Captures made in memory. Each kind costs most in a different place. Shared by the benches.
#![allow(dead_code, reason = "each bench uses a part")]

use _core::pipeline::packet::{InterfaceId, LinkType, Packet, Timestamp};

use crate::wire::{ACK, CLIENT, Connection, SERVER, Wire};

/// Frames, one after the other in one buffer, as in a file.
#[derive(Default)]
pub struct Capture {
    bytes: Vec<u8>,
    /// Time of each frame, and where it ends in `bytes`.
    frames: Vec<(Timestamp, usize)>,
}

impl Capture {
    pub fn record(&mut self, packet: &Packet<'_>) {
        self.bytes.extend_from_slice(packet.data);
        self.frames.push((packet.ts, self.bytes.len()));
    }

    pub fn len(&self) -> u64 {
        self.frames.len() as u64
    }

    pub fn packets(&self) -> impl Iterator<Item = Packet<'_>> {
        let mut start = 0;
        self.frames.iter().map(move |&(ts, end)| {
            let data = &self.bytes[std::mem::replace(&mut start, end)..end];
            let (wire_len, interface) = (data.len() as u32, InterfaceId(0));
            Packet { ts, wire_len, interface, link_type: LinkType::Ethernet, data }
        })
    }

    /// The capture as a pcap file: little-endian, nanoseconds.
    pub fn pcap(&self) -> Vec<u8> {
        let mut file = vec![0x4d, 0x3c, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0];
        for packet in self.packets() {
            let (seconds, nanos) = (packet.ts.0 / 1_000_000_000, packet.ts.0 % 1_000_000_000);
            for word in [seconds as u32, nanos as u32, packet.wire_len, packet.wire_len] {
                file.extend_from_slice(&word.to_le_bytes());
            }
            file.extend_from_slice(packet.data);
        }
        file
    }
}

pub fn request(n: usize) -> Vec<u8> {
    let method = ["GET", "GET", "GET", "POST", "DELETE"][n % 5];
    let (host, path) = (n * 7 % 200, ["api/users", "api/orders", "old/page", "nope/x", "fail/y"][n % 7 % 5]);
    let head = format!(
        "{method} /{path}/{n}?q={n} HTTP/1.1\r\nHost: host{host:03}.example.test\r\nUser-Agent: bench/1.0 (X11; Linux)\r\n\
         Accept: application/json, text/plain, */*\r\nAccept-Encoding: gzip, deflate\r\nX-Seq: {n}\r\n"
    );
    if method == "POST" { format!("{head}Content-Length: 16\r\n\r\n{{\"name\":\"bench\"}}") } else { head + "\r\n" }
        .into()
}

pub fn response(n: usize) -> Vec<u8> {
    let status = ["200 OK", "200 OK", "301 Moved Permanently", "404 Not Found", "500 Internal Server Error"][n % 7 % 5];
    let body = "x".repeat(120);
    format!(
        "HTTP/1.1 {status}\r\nServer: nginx/1.22.1\r\nDate: Sun, 22 Nov 2026 12:00:00 GMT\r\nContent-Type: text/plain\r\n\
         Content-Length: {}\r\nConnection: keep-alive\r\n\r\n{body}",
        body.len()
    )
    .into()
}

/// Keep-alive exchanges on 64 connections for 200 hosts: nearly every packet carries a head, and acknowledges the one
/// before.
pub fn api(exchanges: usize) -> Capture {
    let (mut wire, mut capture) = (Wire::default(), Capture::default());
    let mut connections: Vec<_> = (0..64).map(Connection::new).collect();
    connections.iter_mut().for_each(|connection| wire.handshake(connection, |packet| capture.record(packet)));
    for n in 0..exchanges {
        let connection = &mut connections[n * 13 % 64];
        capture.record(&wire.segment(connection, CLIENT, ACK, &request(n)));
        capture.record(&wire.segment(connection, SERVER, ACK, &response(n)));
    }
    capture
}

/// Bodies of 100 KB to 10 MB on 8 connections: nearly every packet is full, or acknowledges two full ones.
pub fn bulk(bodies: usize) -> Capture {
    let (mut wire, mut capture) = (Wire::default(), Capture::default());
    let mut connections: Vec<_> = (0..8).map(Connection::new).collect();
    connections.iter_mut().for_each(|connection| wire.handshake(connection, |packet| capture.record(packet)));
    for n in 0..bodies {
        let connection = &mut connections[n % 8];
        wire.say(connection, CLIENT, &request(0), |packet| capture.record(packet));
        let length = [100_000, 500_000, 1_000_000, 10_000_000][n % 4];
        let mut bytes = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n").into_bytes();
        bytes.resize(bytes.len() + length, b'x');
        wire.say(connection, SERVER, &bytes, |packet| capture.record(packet));
    }
    capture
}

/// Exchanges with a connection of their own for each.
pub fn churn(connections: u32) -> Capture {
    let (mut wire, mut capture) = (Wire::default(), Capture::default());
    for n in 0..connections {
        let mut connection = Connection::new(n);
        wire.handshake(&mut connection, |packet| capture.record(packet));
        wire.say(&mut connection, CLIENT, &request(n as usize), |packet| capture.record(packet));
        wire.say(&mut connection, SERVER, &response(n as usize), |packet| capture.record(packet));
        wire.close(&mut connection, |packet| capture.record(packet));
    }
    capture
}

/// A header block: fields as indices and literals, each with the length of its text before it.
#[derive(Default)]
struct Block(Vec<u8>);

impl Block {
    /// A field of a table.
    fn index(mut self, at: u8) -> Self {
        self.0.push(0x80 | at);
        self
    }

    /// A field whose name is in the static table. It is added to the dynamic table, or not.
    fn literal(mut self, kind: u8, at: u8, value: &str) -> Self {
        match kind {
            0x40 => self.0.push(0x40 | at),
            _ if at < 15 => self.0.push(at),
            _ => self.0.extend([15, at - 15]),
        }
        self.0.push(value.len() as u8);
        self.0.extend_from_slice(value.as_bytes());
        self
    }

    fn frame(&self, kind: u8, flags: u8, stream: u32) -> Vec<u8> {
        [&(self.0.len() as u32).to_be_bytes()[1..], &[kind, flags], &stream.to_be_bytes(), &self.0].concat()
    }
}

/// The exchanges of [`api`] in HTTP/2: what is the same in each of them is sent once on each connection.
pub fn streams(exchanges: usize) -> Capture {
    const HUNDREDS: [(u8, &str); 5] = [(8, ""), (8, ""), (0, "301"), (13, ""), (14, "")];
    let (mut wire, mut capture) = (Wire::default(), Capture::default());
    let mut connections: Vec<_> = (0..64).map(Connection::new).collect();
    connections.iter_mut().for_each(|connection| {
        wire.handshake(connection, |packet| capture.record(packet));
        let settings = Block::default().frame(4, 0, 0);
        let preface = [&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], &settings].concat();
        capture.record(&wire.segment(connection, CLIENT, ACK, &preface));
        capture.record(&wire.segment(connection, SERVER, ACK, &settings));
    });
    let mut opened = [0_u32; 64];
    for n in 0..exchanges {
        let at = n * 13 % 64;
        let (stream, is_first) = (2 * opened[at] + 1, opened[at] == 0);
        opened[at] += 1;
        let is_post = n % 5 == 3;
        let (host, path) = (n * 7 % 200, ["api/users", "api/orders", "old/page", "nope/x", "fail/y"][n % 7 % 5]);
        let head = Block::default().index(if is_post { 3 } else { 2 }).index(6);
        let head =
            head.literal(0, 1, &format!("host{host:03}.example.test")).literal(0, 4, &format!("/{path}/{n}?q={n}"));
        let head = if is_first {
            head.literal(0x40, 58, "bench/1.0 (X11; Linux)").literal(0x40, 19, "application/json, text/plain, */*")
        } else {
            head.index(63).index(62)
        };
        let body = Block(b"{\"name\":\"bench\"}".to_vec());
        let mut bytes = head.index(16).frame(1, if is_post { 4 } else { 5 }, stream);
        if is_post {
            bytes.extend(body.frame(0, 1, stream));
        }
        capture.record(&wire.segment(&mut connections[at], CLIENT, ACK, &bytes));
        let head = match HUNDREDS[n % 7 % 5] {
            (0, status) => Block::default().literal(0, 8, status),
            (at, _) => Block::default().index(at),
        };
        let head = if is_first {
            let head = head.literal(0x40, 54, "nginx/1.22.1").literal(0x40, 33, "Sun, 22 Nov 2026 12:00:00 GMT");
            head.literal(0x40, 31, "text/plain").literal(0x40, 28, "120")
        } else {
            head.index(65).index(64).index(63).index(62)
        };
        let bytes = [head.frame(1, 4, stream), Block(vec![b'x'; 120]).frame(0, 1, stream)].concat();
        capture.record(&wire.segment(&mut connections[at], SERVER, ACK, &bytes));
    }
    capture
}
