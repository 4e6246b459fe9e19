//! A peer that sends frames: forges what both sides of a connection say.

use crate::pipeline::decode::Direction;
use crate::pipeline::protocol::http2::frame::{self, PREFACE};

/// The static table as far as the tests use it (RFC 7541 appendix A).
const STATIC: [(&str, &str, u8); 12] = [
    (":authority", "", 1),
    (":method", "GET", 2),
    (":method", "POST", 3),
    (":path", "/", 4),
    (":scheme", "http", 6),
    (":scheme", "https", 7),
    (":status", "200", 8),
    (":status", "204", 9),
    (":status", "404", 13),
    (":status", "500", 14),
    ("content-type", "", 31),
    ("host", "", 38),
];

/// Encodes header blocks: what was sent once is sent as an index from then on.
#[derive(Default)]
pub struct Encoder {
    /// Newest first.
    table: Vec<(String, String)>,
}

fn integer(value: usize, bits: u32, kind: u8) -> Vec<u8> {
    let most = (1 << bits) - 1;
    if value < most {
        return vec![kind | value as u8];
    }
    let (mut bytes, mut rest) = (vec![kind | most as u8], value - most);
    while rest >= 128 {
        bytes.push(rest as u8 | 128);
        rest >>= 7;
    }
    bytes.push(rest as u8);
    bytes
}

fn string(text: &str) -> Vec<u8> {
    [integer(text.len(), 7, 0), text.as_bytes().to_vec()].concat()
}

impl Encoder {
    pub fn block(&mut self, fields: &[(&str, &str)]) -> Vec<u8> {
        fields.iter().flat_map(|&(name, value)| self.field(name, value)).collect()
    }

    fn field(&mut self, name: &str, value: &str) -> Vec<u8> {
        if let Some((.., at)) = STATIC.iter().find(|known| (known.0, known.1) == (name, value)) {
            return integer(usize::from(*at), 7, 0x80);
        }
        if let Some(at) = self.table.iter().position(|known| (&*known.0, &*known.1) == (name, value)) {
            return integer(62 + at, 7, 0x80);
        }
        self.table.insert(0, (name.into(), value.into()));
        match STATIC.iter().find(|known| known.0 == name) {
            Some((.., at)) => [integer(usize::from(*at), 6, 0x40), string(value)].concat(),
            None => [vec![0x40], string(name), string(value)].concat(),
        }
    }
}

/// A frame.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

pub fn data(stream: u32, payload: &[u8], ends: bool) -> Vec<u8> {
    frame(0, u8::from(ends), stream, payload)
}

pub fn settings(values: &[(u16, u32)]) -> Vec<u8> {
    let payload: Vec<u8> =
        values.iter().flat_map(|(id, value)| [&id.to_be_bytes()[..], &value.to_be_bytes()].concat()).collect();
    frame(4, 0, 0, &payload)
}

pub fn reset(stream: u32, code: u32) -> Vec<u8> {
    frame(3, 0, stream, &code.to_be_bytes())
}

pub fn go_away(last: u32, code: u32) -> Vec<u8> {
    frame(7, 0, 0, &[last.to_be_bytes(), code.to_be_bytes()].concat())
}

/// Something said, and by whom.
pub type Said = (Direction, Vec<u8>);

/// What both sides say, in order. The client sends in `Up`.
#[derive(Default)]
pub struct Talk {
    encoders: [Encoder; 2],
    pub said: Vec<Said>,
}

impl Talk {
    /// A connection from its beginning.
    pub fn begun() -> Self {
        let mut talk = Self::default();
        talk.up([PREFACE, &settings(&[(3, 100)])].concat());
        talk.down([settings(&[(3, 128)]), frame(4, frame::ACK, 0, &[])].concat());
        talk.up(frame(4, frame::ACK, 0, &[]));
        talk
    }

    pub fn up(&mut self, bytes: Vec<u8>) {
        self.said.push((Direction::Up, bytes));
    }

    pub fn down(&mut self, bytes: Vec<u8>) {
        self.said.push((Direction::Down, bytes));
    }

    /// The header block of one side as a frame.
    pub fn headers(&mut self, from: Direction, stream: u32, ends: bool, fields: &[(&str, &str)]) -> Vec<u8> {
        let block = self.encoders[from as usize].block(fields);
        frame(1, frame::END_HEADERS | u8::from(ends), stream, &block)
    }

    pub fn block(&mut self, from: Direction, fields: &[(&str, &str)]) -> Vec<u8> {
        self.encoders[from as usize].block(fields)
    }

    /// A request for a path, without a body.
    pub fn get(&mut self, stream: u32, path: &str) {
        let fields = [(":method", "GET"), (":scheme", "http"), (":authority", "a.example"), (":path", path)];
        let bytes = self.headers(Direction::Up, stream, true, &fields);
        self.up(bytes);
    }

    /// A request with fields of its own behind the usual ones.
    pub fn post(&mut self, stream: u32, path: &str, more: &[(&str, &str)]) {
        let fields = [(":method", "POST"), (":scheme", "http"), (":authority", "a.example"), (":path", path)];
        let bytes = self.headers(Direction::Up, stream, false, &[&fields[..], more].concat());
        self.up(bytes);
    }

    /// A response with a body.
    pub fn answer(&mut self, stream: u32, status: &str, body: &[u8]) {
        let fields = [(":status", status), ("server", "peer")];
        let head = self.headers(Direction::Down, stream, body.is_empty(), &fields);
        let body = if body.is_empty() { Vec::new() } else { data(stream, body, true) };
        self.down([head, body].concat());
    }
}
