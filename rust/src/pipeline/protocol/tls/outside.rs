//! What a TLS connection shows of itself from outside, without keys: the server that the client names, the version and the
//! cipher suite that the server chooses, and how long the handshake takes.
//!
//! The handshake is over with the first record of the client that is encrypted, which holds its Finished or, in TLS 1.3
//! with a certificate of the client, comes just before it. Such a record is one of application data, or in TLS 1.2 the
//! one behind the client's `ChangeCipherSpec`. The server's direction is read as far as its hello.

use super::hello::{ClientHello, Progress, ServerHello};
use crate::pipeline::decode::Direction;
use crate::pipeline::exchange::{CipherSuite, Closed, Protocol, Secured, Sides, Sink, TlsVersion};
use crate::pipeline::flow::FlowInfo;
use crate::pipeline::packet::Timestamp;
use crate::pipeline::reassembly::Chunk;
use crate::pipeline::steps;

/// Records between the hello and the end of the handshake. Nearly always there are one or two.
const MAX_RECORDS: u8 = 64;

/// Reads a connection.
#[derive(Debug)]
pub struct Tls {
    /// The direction that was found to speak TLS: nearly always that of the client.
    speaker: Direction,
    /// When its first byte came.
    began: Option<Timestamp>,
    /// Bytes of the chunks before the one in which the hello ends.
    before: u64,
    stage: Stage,
    /// The hello of the other side; `None` once nothing more is read of it.
    answer: Option<ServerHello>,
    /// True if the client's encrypted records come before the answer.
    has_early_data: bool,
}

#[derive(Debug)]
enum Stage {
    Hello(ClientHello),
    Handshake(Handshake),
    Over,
}

impl Tls {
    /// Reads the bytes of `speaker`, from the beginning of the connection or of what was seen of it.
    pub fn new(speaker: Direction) -> Self {
        let stage = Stage::Hello(ClientHello::default());
        Self { speaker, began: None, before: 0, stage, answer: Some(ServerHello::default()), has_early_data: false }
    }

    /// Returns whether `direction` is the one that is read.
    pub fn is_spoken(&self, direction: Direction) -> bool {
        self.speaker == direction
    }

    /// Bytes kept of the hellos.
    pub fn held(&self) -> usize {
        let asked = if let Stage::Hello(hello) = &self.stage { hello.held() } else { 0 };
        asked + self.answer.as_ref().map_or(0, ServerHello::held)
    }

    /// True as long as the hello of the other side is read.
    pub fn awaits_answer(&self) -> bool {
        self.answer.is_some()
    }

    /// Takes the next bytes of the other direction. Returns false once nothing more is read of the connection.
    pub fn answer(&mut self, flow: &FlowInfo, chunk: &Chunk<'_>, sink: &mut impl Sink) -> bool {
        if let Some(hello) = &mut self.answer {
            let read = if chunk.skipped == 0 { hello.push(chunk.bytes) } else { Some(None) };
            if let Some(choice) = read.flatten() {
                let suite = CipherSuite::from_number(choice.suite);
                sink.secured_with(&flow.key, TlsVersion::from_number(choice.version), suite);
            }
            if read.is_some() {
                self.answer = None;
            }
        }
        self.answer.is_some() || !matches!(self.stage, Stage::Over)
    }

    /// Takes the next bytes of the direction. `closed` says why the connection stays encrypted, if that is known. Returns
    /// false once nothing more is read of the connection.
    pub fn push(&mut self, flow: &FlowInfo, chunk: &Chunk<'_>, closed: Option<Closed>, sink: &mut impl Sink) -> bool {
        let began = *self.began.get_or_insert(chunk.ts);
        let is_whole = chunk.skipped == 0;
        let mut bytes = chunk.bytes;
        if let Stage::Hello(hello) = &mut self.stage {
            let (progress, rest) = if is_whole { hello.read(bytes) } else { (Progress::Done(None), bytes) };
            let Progress::Done(found) = progress else {
                self.before += bytes.len() as u64;
                return true;
            };
            bytes = rest;
            let asks = if found.is_some() || flow.is_client(None, self.speaker) {
                self.speaker
            } else {
                self.speaker.reverse()
            };
            sink.secured(&Secured {
                protocol: Protocol::Tls,
                sides: Sides { connection: &flow.key, asks, interface: flow.interface },
                name: found.as_ref().and_then(|hello| hello.name.as_deref()),
                has_ech: found.as_ref().is_some_and(|hello| hello.has_ech),
                closed,
            });
            sink.secured_bytes(&flow.key, true, self.before);
            sink.secured_times(&flow.key, flow.opening.rtt(asks.reverse()), None);
            self.has_early_data = found.as_ref().is_some_and(|hello| hello.has_early_data);
            self.stage = match (found, hello.left()) {
                (Some(hello), left) if !hello.has_early_data => {
                    Stage::Handshake(Handshake { left, ..Handshake::default() })
                }
                _ => Stage::Over,
            };
        }
        if let Stage::Handshake(handshake) = &mut self.stage {
            match handshake.push(bytes).filter(|_| is_whole) {
                Some(false) => return true,
                Some(true) => {
                    sink.secured_times(&flow.key, None, chunk.ts.0.checked_sub(began.0).map(|nanos| nanos as u64));
                }
                None => {}
            }
            self.stage = Stage::Over;
        }
        self.has_early_data && self.answer.is_some()
    }
}

/// Passes the client's records after its hello.
#[derive(Debug, Default)]
struct Handshake {
    header: [u8; 5],
    header_seen: usize,
    /// Bytes of the current record that are still to come.
    left: usize,
    has_changed: bool,
    records: u8,
}

impl Handshake {
    /// Takes the next bytes. Returns whether an encrypted record has begun, `None` if that is not to be seen any more.
    fn push(&mut self, mut bytes: &[u8]) -> Option<bool> {
        const CHANGE_CIPHER_SPEC: u8 = 20;
        const HANDSHAKE: u8 = 22;
        const APPLICATION_DATA: u8 = 23;
        /// A Finished with its protection is shorter; a second `ClientHello`, behind a `ChangeCipherSpec`, is longer.
        const MAX_FINISHED: usize = 128;
        while !bytes.is_empty() {
            steps::add(1);
            if self.left > 0 {
                let passed = bytes.len().min(self.left);
                self.left -= passed;
                bytes = &bytes[passed..];
                continue;
            }
            let (taken, rest) = bytes.split_at(bytes.len().min(self.header.len() - self.header_seen));
            self.header[self.header_seen..][..taken.len()].copy_from_slice(taken);
            self.header_seen += taken.len();
            bytes = rest;
            if self.header_seen < self.header.len() {
                break;
            }
            let [kind, version, _, high, low] = self.header;
            self.header_seen = 0;
            self.left = usize::from(u16::from_be_bytes([high, low]));
            self.records += 1;
            match kind {
                _ if version != 3 || self.records > MAX_RECORDS => return None,
                APPLICATION_DATA => return Some(true),
                HANDSHAKE if self.has_changed && self.left < MAX_FINISHED => return Some(true),
                HANDSHAKE => {}
                CHANGE_CIPHER_SPEC => self.has_changed = true,
                _ => return None,
            }
        }
        Some(false)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use proptest::prelude::*;

    use super::*;
    use crate::pipeline::decode::{Endpoint, FlowKey, SeqNumber};
    use crate::pipeline::packet::InterfaceId;
    use crate::pipeline::protocol::quic::tests::Script;
    use crate::pipeline::protocol::tls::hello::tests::hello;

    const MILLI: i64 = 1_000_000;

    fn record(kind: u8, length: usize) -> Vec<u8> {
        [&[kind, 3, 3][..], &(length as u16).to_be_bytes(), &vec![7; length]].concat()
    }

    /// Lets chunks of the client come, one each 10 ms. Returns what the sink was told.
    fn read<'a>(chunks: impl IntoIterator<Item = &'a [u8]>, skipped: u64) -> Vec<String> {
        let end = |last, port| Endpoint { address: Ipv4Addr::new(192, 0, 2, last).to_ipv6_mapped(), port };
        let key = FlowKey { low: end(1, 40_000), high: end(2, 443), lane: 0 };
        let flow = FlowInfo::new(key, InterfaceId(0), None);
        let (mut tls, mut script) = (Tls::new(Direction::Up), Script::default());
        for (at, bytes) in (0..).zip(chunks) {
            let skipped = if at == 0 { 0 } else { skipped };
            let (seq, ts) = (SeqNumber(0), Timestamp(10 * MILLI * at));
            let chunk = Chunk { skipped, cut: false, bytes, seq, ack: None, start: false, ts };
            if !tls.push(&flow, &chunk, None, &mut script) {
                break;
            }
        }
        script.lines
    }

    /// A record with a `ServerHello` of TLS 1.2 or, with the extension, of TLS 1.3.
    fn answer(suite: u16, is_13: bool) -> Vec<u8> {
        let extension: &[u8] = if is_13 { &[0, 6, 0, 43, 0, 2, 3, 4] } else { &[] };
        let body = [&[3, 3][..], &[7; 32], &[0], &suite.to_be_bytes(), &[0], extension].concat();
        let record = |payload: &[u8]| [&[22, 3, 3][..], &(payload.len() as u16).to_be_bytes(), payload].concat();
        record(&[&[2, 0, 0, body.len() as u8][..], &body, &[11, 0, 0, 9]].concat())
    }

    #[test]
    fn the_server_tells_the_version_and_the_cipher_suite() {
        let hello = hello(Some("a.example"), 16_000);
        let new = answer(0x1302, true);
        let table: [(&str, &[u8], u64, &[&str]); 6] = [
            ("TLS 1.3", &new, 0, &["TLS 1.3 with TLS_AES_256_GCM_SHA384"]),
            ("TLS 1.2", &answer(0xc02f, false), 0, &["TLS 1.2 with TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"]),
            ("without a name", &answer(0x0a0a, true), 0, &["TLS 1.3 with OTHER"]),
            ("an alert", &record(21, 2), 0, &[]),
            ("no TLS", b"HTTP/1.1 400 Bad Request", 0, &[]),
            ("bytes are missing", &new, 3, &[]),
        ];
        for (name, bytes, skipped, want) in table {
            for size in [1, 7, usize::MAX] {
                let end = |last, port| Endpoint { address: Ipv4Addr::new(192, 0, 2, last).to_ipv6_mapped(), port };
                let key = FlowKey { low: end(1, 40_000), high: end(2, 443), lane: 0 };
                let flow = FlowInfo::new(key, InterfaceId(0), None);
                let (mut tls, mut script) = (Tls::new(Direction::Up), Script::default());
                let chunk = |skipped, bytes| Chunk {
                    skipped,
                    cut: false,
                    bytes,
                    seq: SeqNumber(0),
                    ack: None,
                    start: false,
                    ts: Timestamp(0),
                };
                assert!(tls.push(&flow, &chunk(0, &hello), None, &mut script));
                for (at, piece) in bytes.chunks(size.min(bytes.len())).enumerate() {
                    tls.answer(&flow, &chunk(if at == 0 { skipped } else { 0 }, piece), &mut script);
                }
                assert_eq!(script.lines[1..], *want, "{name} by {size}");
                assert!(!tls.awaits_answer(), "{name} by {size}");
                assert!(!tls.push(&flow, &chunk(0, &record(23, 53)), None, &mut script), "the handshake is over");
            }
        }
    }

    #[test]
    fn the_handshake_ends_with_the_first_encrypted_record_of_the_client() {
        type Row<'a> = (&'a str, &'a [&'a [u8]], &'a [&'a str]);
        let hello = hello(Some("a.example"), 16_000);
        let (change, again) = (record(20, 1), record(22, 600));
        let (finished, data, alert) = (record(22, 40), record(23, 53), record(21, 2));
        let table: [Row<'_>; 8] = [
            ("TLS 1.3", &[&hello, &change, &data], &["handshake 20"]),
            ("TLS 1.3 without ChangeCipherSpec", &[&hello, &data], &["handshake 10"]),
            ("TLS 1.3 with a second hello", &[&hello, &change, &again, &data], &["handshake 30"]),
            ("TLS 1.2", &[&hello, &record(22, 300), &change, &finished], &["handshake 30"]),
            ("one chunk", &[&[&hello[..], &change, &data].concat()], &["handshake 0"]),
            ("an alert", &[&hello, &alert, &data], &[]),
            ("another protocol", &[&hello, b"hello, world"], &[]),
            ("no end", &[&hello], &[]),
        ];
        for (name, chunks, want) in table {
            let want = [&["a.example at 192.0.2.2:443"], want].concat();
            assert_eq!(read(chunks.iter().copied(), 0), want, "{name}");
        }
        assert_eq!(read([&hello[..], &change, &data], 5), ["a.example at 192.0.2.2:443"], "bytes are missing");
        assert_eq!(read([&data[..], &data], 0), ["- at 192.0.2.2:443"], "the hello was not seen");
    }

    #[test]
    fn an_encrypted_hello_and_early_data_are_told_by_their_extensions() {
        let with = |extension: [u8; 2]| {
            let message = hello(Some("a.example"), 60_000);
            // The first extension of this hello is one of those that mean nothing.
            let at = message.windows(2).position(|two| two == [0x7a, 0x7a]).unwrap();
            [&message[..at], &extension, &message[at + 2..]].concat()
        };
        let data = record(23, 53);
        let told = read([&with([0xfe, 0x0d])[..], &data], 0);
        assert_eq!(told, ["a.example with ECH at 192.0.2.2:443", "handshake 10"]);
        let told = read([&with([0, 42])[..], &data], 0);
        assert_eq!(told, ["a.example at 192.0.2.2:443"], "the data may come before the end of the handshake");
    }

    proptest! {
        #[test]
        fn the_cuts_between_chunks_do_not_matter(size in 1usize..400, per_record in 1usize..3000) {
            let stream = [hello(Some("a.example"), per_record), record(20, 1), record(23, 53)].concat();
            let told = read(stream.chunks(size), 0);
            prop_assert_eq!(told.len(), 2);
            prop_assert!(told[0] == "a.example at 192.0.2.2:443" && told[1].starts_with("handshake"));
        }

        #[test]
        fn damage_never_panics(at in any::<prop::sample::Index>(), with in any::<u8>(), size in 1usize..2000) {
            let mut stream = [hello(Some("a.example"), 500), record(20, 1), record(22, 40)].concat();
            let at = at.index(stream.len());
            stream[at] = with;
            read(stream.chunks(size), 0);
        }
    }
}
