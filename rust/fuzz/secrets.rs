//! Laws of what reads TLS: whatever is decrypted is what was sealed, and all of it is if nothing was done to it.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use _core::capture::keylog::{LineSink, Lines};
use _core::pipeline::Settings;
use _core::pipeline::decode::{Direction, SeqNumber};
use _core::pipeline::exchange::Closed;
use _core::pipeline::flow::Cover;
use _core::pipeline::packet::{SECOND, Timestamp};
use _core::pipeline::protocol::tls::hello::{self, Progress};
use _core::pipeline::protocol::tls::keys::{Added, Keys};
use _core::pipeline::protocol::tls::{Crypt, Decryption, Outlet};
use _core::pipeline::reassembly::{Chunk, UNKNOWN_LENGTH};

use crate::driver::Driver;
use crate::script::{Content, Event, Script};
use crate::wire;

/// Bytes in four roles: the text of a key log, a hello, and a script of what two peers and the wire between them do,
/// which is read once by the decryption alone and once by everything.
pub fn tls(data: &[u8]) {
    let Some((&size, rest)) = data.split_first() else { return };
    keylog(rest, usize::from(size).max(1));
    hellos(rest, usize::from(size).max(1));
    decryption(&Script::play(data, Content::Numbered));
    pipeline(&Script::play(data, Content::Http), size);
}

/// The lines of a text that comes in pieces of `size` bytes.
fn lines(text: &[u8], size: usize) -> Vec<Vec<u8>> {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let told = heard.clone();
    let sink = LineSink::new(move |line| told.lock().expect("one thread").push(line.to_vec()));
    let mut lines = Lines::default();
    text.chunks(size).for_each(|piece| lines.push(piece, &sink));
    lines.show(&sink);
    lines.show(&sink);
    let mut heard = heard.lock().expect("one thread").clone();
    heard.retain(|line: &Vec<u8>| !line.is_empty());
    heard
}

/// The pieces of a key log do not matter, its lines are those of the text, and the key store stays within its limit.
fn keylog(text: &[u8], size: usize) {
    const MOST: usize = 2;
    let found = lines(text, text.len().max(1));
    assert_eq!(lines(text, size), found);
    let longest = found.iter().map(Vec::len).max().unwrap_or(0);
    let whole: Vec<_> = text.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()).collect();
    assert!(whole.iter().filter(|line| line.len() <= longest).eq(found.iter()));
    let keys = Keys::new(MOST);
    let mut secrets = 0;
    for line in &found {
        let before = keys.generation();
        let is_new = keys.add_line(line) == Added::Secret;
        assert_eq!(keys.generation() > before, is_new);
        secrets += u64::from(is_new);
    }
    assert!(keys.len() <= MOST && keys.counts().secrets == secrets);
}

/// A hello is the same in any records and pieces.
fn hellos(body: &[u8], size: usize) {
    let _ = hello::of_server(body);
    let told = hello::of_client(body);
    let length = (body.len() as u32).to_be_bytes();
    let message = [&[1], &length[1..], body].concat();
    let record = |part: &[u8]| [&[22, 3, 1], &(part.len() as u16).to_be_bytes()[..], part].concat();
    let stream: Vec<u8> = message.chunks(size).flat_map(record).collect();
    for piece in [1, size, stream.len()] {
        let mut reading = hello::ClientHello::default();
        let done = stream.chunks(piece).map(|piece| reading.push(piece)).find(|told| *told != Progress::More);
        assert_eq!(done, Some(Progress::Done(told.clone())));
    }
}

/// What came out of the decryption.
#[derive(Default)]
struct Heard {
    /// Numbers of the records by direction.
    numbers: [Vec<u32>; 2],
    has_hole: [bool; 2],
    ended: [bool; 2],
    closed: Vec<Closed>,
    /// The direction that is read on, once the other one is given up.
    alone: Option<Direction>,
}

impl Heard {
    /// The newest number of a direction.
    fn newest(&self, direction: Direction) -> Option<u32> {
        self.numbers[direction as usize].last().copied()
    }
}

/// Compares plaintext with what was sealed, as it comes.
struct Comparison<'a> {
    script: &'a Script,
    heard: Heard,
}

impl Outlet for Comparison<'_> {
    fn plaintext(&mut self, direction: Direction, chunk: Chunk<'_>, cover: Cover) {
        assert!(cover.is_tls() && !self.heard.ended[direction as usize]);
        self.heard.has_hole[direction as usize] |= chunk.skipped > 0;
        let Some(number) = chunk.bytes.first_chunk() else { return };
        if !self.heard.closed.is_empty() {
            assert_eq!(*self.heard.alone.get_or_insert(direction), direction, "one direction lacks its secret");
        }
        let number = u32::from_be_bytes(*number);
        let newest = self.heard.newest(direction);
        assert!(newest.is_none_or(|newest| newest < number), "a record comes twice, or too late");
        let sealed = &self.script.sealed[direction as usize];
        let said = sealed.get(number as usize).expect("what was never sealed");
        assert!(said.is_readable && said.content == chunk.bytes, "other bytes than were sealed");
        let first = newest.map_or(0, |newest| newest + 1);
        let missing = &sealed[first as usize..number as usize];
        let missing: usize = missing.iter().filter(|said| said.is_readable).map(|said| said.content.len()).sum();
        // Alerts and padding in a hole count as bytes of it, so it is at least as long as what is missing.
        if self.script.has_whole_records && chunk.skipped != UNKNOWN_LENGTH {
            assert!(chunk.skipped >= missing as u64, "{} bytes are missing, not {missing}", chunk.skipped);
        }
        self.heard.numbers[direction as usize].push(number);
    }

    fn finished(&mut self, direction: Direction, _: Timestamp, _: Cover) {
        assert!(!std::mem::replace(&mut self.heard.ended[direction as usize], true));
    }

    fn closed(&mut self, reason: Closed) {
        self.heard.closed.push(reason);
        assert_eq!(self.heard.closed.len(), 1);
    }
}

/// Each record that is opened is one that was sealed, in their order; and if nothing happened to them, all are.
fn decryption(script: &Script) {
    /// What may wait for secrets, the records and messages that have begun, and what their buffers have to spare.
    const MOST: usize = (4 << 20) + 8 * (64 << 10);
    let keys = Arc::new(Keys::default());
    keys.expect();
    let mut crypt = Crypt::new(keys.clone());
    let mut out = Comparison { script, heard: Heard::default() };
    let mut tls = Decryption::new(Direction::Up);
    let (mut reached, mut skipped) = ([1u32, u32::MAX - 3000], [0; 2]);
    let mut now = Timestamp(0);
    for event in &script.events {
        match event {
            Event::Line(line) => _ = keys.add_line(line),
            Event::Passed(nanos) => now = now.plus(*nanos),
            Event::Lost(side, count) => {
                skipped[*side] += *count as u64;
                reached[*side] = reached[*side].wrapping_add(*count as u32);
            }
            Event::Sent(side, bytes) => {
                let direction = if *side == 0 { Direction::Up } else { Direction::Down };
                let (seq, ack) = (SeqNumber(reached[*side]), Some(SeqNumber(reached[1 - side])));
                reached[*side] = reached[*side].wrapping_add(bytes.len() as u32);
                let skipped = std::mem::take(&mut skipped[*side]);
                let chunk = Chunk { skipped, cut: false, bytes, seq, ack, start: false, ts: now };
                tls.chunk(direction, chunk, &mut crypt, &mut out);
                now = now.plus(1000);
            }
        }
        assert!(tls.held() <= MOST, "{} bytes are kept", tls.held());
    }
    for direction in [Direction::Up, Direction::Down] {
        tls.finish(direction, now, &mut crypt, &mut out);
    }
    tls.end(&mut crypt, &mut out);
    assert_eq!(tls.held(), 0);
    assert!(format!("{crypt:?}").contains("waiting: 0"), "memory of what waited is given back");
    if script.is_tidy {
        assert_eq!(out.heard.closed, []);
        for side in 0..2 {
            let readable = script.sealed[side].iter().zip(0..).filter(|(said, _)| said.is_readable);
            assert!(readable.map(|(_, number)| number).eq(out.heard.numbers[side].iter().copied()), "all are opened");
            assert!(!out.heard.has_hole[side] && out.heard.ended[side]);
        }
    }
}

/// The segments of the script, some of them twice or out of order, are read by everything that reads packets. No request
/// is counted that was not sealed; and if nothing happened to them but that, all are.
fn pipeline(script: &Script, how: u8) {
    /// Flags of a segment with data. Six zeros that are not pushed count as padding of an Ethernet frame.
    const DATA: u8 = wire::ACK | wire::PSH;
    let keys = Arc::new(Keys::default());
    keys.expect();
    let mut pipeline = Driver::new(Settings { keys: keys.clone(), ..Settings::default() });
    let mut wire = wire::Wire::default();
    let mut connection = wire::Connection::new(u32::from(how)).to_port(443);
    pipeline.push(&wire.segment(&mut connection, wire::CLIENT, wire::SYN, b""));
    pipeline.push(&wire.segment(&mut connection, wire::SERVER, wire::SYN | wire::ACK, b""));
    let mut random = wire::Random(u64::from(how) + 1);
    // A segment that comes late acknowledges what it did when it was sent.
    let mut late: Option<(wire::Connection, usize, u32, &[u8])> = None;
    for event in &script.events {
        match event {
            Event::Line(line) => _ = keys.add_line(line),
            Event::Passed(nanos) => {
                // What comes later than this is taken for lost.
                if let Some((then, side, seq, bytes)) = late.take() {
                    pipeline.push(&wire.segment_at(&then, side, seq, DATA, bytes));
                }
                wire.now += nanos;
            }
            Event::Lost(side, count) => connection.next[*side] = connection.next[*side].wrapping_add(*count as u32),
            Event::Sent(side, bytes) => {
                let seq = connection.next[*side];
                connection.next[*side] = seq.wrapping_add(bytes.len() as u32);
                let luck = if how < 128 { 0 } else { random.number() % 8 };
                if luck == 1 && late.is_none() {
                    late = Some((connection, *side, seq, bytes));
                    continue;
                }
                for _ in 0..=usize::from(luck == 2) {
                    pipeline.push(&wire.segment_at(&connection, *side, seq, DATA, bytes));
                }
                if let Some((then, side, seq, bytes)) = late.take_if(|_| luck > 4) {
                    pipeline.push(&wire.segment_at(&then, side, seq, DATA, bytes));
                }
            }
        }
    }
    if let Some((then, side, seq, bytes)) = late {
        pipeline.push(&wire.segment_at(&then, side, seq, DATA, bytes));
    }
    for side in [wire::CLIENT, wire::SERVER] {
        pipeline.push(&wire.segment(&mut connection, side, wire::FIN | wire::ACK, b""));
    }
    pipeline.finish();
    let snapshot = pipeline.close(Timestamp(0), Timestamp(SECOND));
    crate::laws::check(&snapshot);
    let asked = script.sealed[0].iter().filter(|said| said.is_readable).count() as u64;
    if !script.is_foreign {
        assert!(snapshot.counts.requests <= asked, "{} requests of {asked}", snapshot.counts.requests);
        let server = Ipv4Addr::new(192, 0, 2, (u32::from(how) % 251) as u8).to_string();
        let is_known = |host: &str| ["h0", "h1"].contains(&host) || host.starts_with(&server) || host.starts_with('~');
        assert!(snapshot.hosts.iter().all(|host| is_known(&host.name)), "{:?}", snapshot.hosts);
    }
    if script.is_tidy {
        assert_eq!(snapshot.counts.requests, asked);
    }
}
