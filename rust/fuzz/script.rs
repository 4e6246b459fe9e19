//! A script of two peers that speak TLS, and of what the wire does to them, made from any bytes.
//!
//! The first byte is the size of the pieces. The second one has the options, and then come pairs of an action and its
//! amount: see [`Script::act`].

use std::collections::VecDeque;

use crate::sealing::{self, ALERT, CHANGE_CIPHER_SPEC, CLIENT_RANDOM, DATA, HANDSHAKE, SUITES, Sealer, Suite};

/// Limit on the bytes of a script, so that an input takes milliseconds.
const MAX_BYTES: usize = 200_000;

/// Limit on the pieces that may wait for late keys: more of them, with what each costs, may be more than is kept.
const MAX_WAITING: usize = 10_000;

/// What the records of data hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// The number of the record in its direction, and as many bytes as the amount says.
    Numbered,
    /// A request or response of HTTP/1.
    Http,
}

/// What happens, in this order.
#[derive(Debug)]
pub enum Event {
    /// A line of the key log comes.
    Line(Vec<u8>),
    /// A side sends bytes.
    Sent(usize, Vec<u8>),
    /// Bytes of a side are lost.
    Lost(usize, usize),
    /// Nanoseconds pass.
    Passed(i64),
}

/// A record of data that was sealed.
#[derive(Debug)]
pub struct Said {
    pub content: Vec<u8>,
    /// False for early data that the server does not take.
    pub is_readable: bool,
}

/// The next part of the handshake.
#[derive(Clone, Copy, Debug)]
enum Flight {
    Hello,
    Early,
    Retry,
    Answer,
    End,
    Last,
}

/// What happens, and what has to come of it.
#[derive(Debug)]
pub struct Script {
    pub events: Vec<Event>,
    /// Records of data by side.
    pub sealed: [Vec<Said>; 2],
    /// True if nothing happened to the records, and all keys came in time.
    pub is_tidy: bool,
    /// True if every byte in the streams belongs to a record that was sealed once, and its header is as it was sent.
    pub has_whole_records: bool,
    /// True if there are bytes that no peer would send.
    pub is_foreign: bool,
    suite: Suite,
    content: Content,
    piece: usize,
    accepts_early: bool,
    flights: VecDeque<Flight>,
    /// Secrets by their labels, which have not come yet.
    lines: Vec<Vec<u8>>,
    sealers: [Option<Sealer>; 2],
    /// Bytes of a side that are to be lost.
    losing: [usize; 2],
    /// Where the next record of a side is damaged.
    damages: [Option<usize>; 2],
    /// The newest record of a side.
    newest: [Vec<u8>; 2],
    /// A record that is to come behind the next one.
    held: [Option<Vec<u8>>; 2],
    swaps: [bool; 2],
    made: usize,
}

impl Script {
    /// Makes the script that the bytes describe.
    pub fn play(data: &[u8], content: Content) -> Self {
        let (&[size, options], mut rest) = data.split_first_chunk().unwrap_or((&[0, 0], b""));
        let suite = SUITES[usize::from(options & 7)];
        let (offers, retries) = (suite.is_tls13 && options & 8 != 0, suite.is_tls13 && options & 16 != 0);
        let flights = [
            Some(Flight::Hello),
            offers.then_some(Flight::Early),
            retries.then_some(Flight::Retry),
            Some(Flight::Answer),
            Some(Flight::End),
            (!suite.is_tls13).then_some(Flight::Last),
        ];
        let mut script = Self {
            events: Vec::new(),
            sealed: Default::default(),
            is_tidy: true,
            has_whole_records: true,
            is_foreign: false,
            suite,
            content,
            piece: usize::from(size).max(1) * if options & 128 == 0 { 1 } else { 64 },
            accepts_early: offers && !retries && options & 32 != 0,
            flights: flights.into_iter().flatten().collect(),
            lines: Vec::new(),
            sealers: [None, None],
            losing: [0; 2],
            damages: [None; 2],
            newest: Default::default(),
            held: Default::default(),
            swaps: [false; 2],
            made: 0,
        };
        script.lines = script.key_lines();
        let is_late = options & 64 != 0;
        if !is_late {
            script.tell_keys();
        }
        while let [action, amount, behind @ ..] = rest
            && script.made < MAX_BYTES
        {
            rest = script.act(*action, *amount, behind);
        }
        for side in 0..2 {
            if let Some(record) = script.held[side].take() {
                script.put(side, record);
            }
        }
        script.tell_keys();
        script
    }

    /// Does what an action says: its lowest bit is the side, and three more say what it does. The highest bits make the
    /// amount mean more. Returns the bytes behind those that it took.
    fn act<'a>(&mut self, action: u8, amount: u8, rest: &'a [u8]) -> &'a [u8] {
        let (side, large, number) = (usize::from(action & 1), action & 64 != 0, usize::from(amount));
        match action >> 1 & 7 {
            0 => match self.flights.pop_front() {
                Some(flight) => self.fly(flight, number),
                None => self.say(side, number * if large { 64 } else { 1 }, usize::from(action >> 4 & 3)),
            },
            1 if self.flights.is_empty() => self.change(side, number),
            2 => {
                self.losing[side] += number * if large { 64 } else { 1 };
                self.is_tidy &= number == 0;
            }
            3 => {
                self.damages[side] = Some(number);
                (self.is_tidy, self.has_whole_records) = (false, false);
            }
            4 if large => {
                self.swaps[side] = true;
                (self.is_tidy, self.has_whole_records) = (false, false);
            }
            4 => {
                let again = self.newest[side].clone();
                (self.is_tidy, self.has_whole_records) = (false, false);
                self.put(side, again);
            }
            5 => {
                let (bytes, rest) = rest.split_at(rest.len().min(number));
                (self.is_tidy, self.has_whole_records, self.is_foreign) = (false, false, true);
                self.put(side, bytes.to_vec());
                return rest;
            }
            6 if large => {
                let (line, rest) = rest.split_at(rest.len().min(number));
                // It may be another secret of this connection.
                self.is_tidy = false;
                self.events.push(Event::Line(line.to_vec()));
                return rest;
            }
            6 if !self.lines.is_empty() => {
                let line = self.lines.swap_remove(number % self.lines.len());
                self.events.push(Event::Line(line));
            }
            7 => {
                self.is_tidy &= self.lines.is_empty() && self.flights.is_empty();
                self.events.push(Event::Passed(i64::from(amount) * 20_000_000));
            }
            _ => {}
        }
        rest
    }

    /// Adds the part of the handshake that is next.
    fn fly(&mut self, flight: Flight, number: usize) {
        let is_new = self.suite.is_tls13;
        let plain = |message: Vec<u8>| sealing::record(HANDSHAKE, &message);
        match flight {
            Flight::Hello => {
                let offers = self.flights.iter().any(|flight| matches!(flight, Flight::Early));
                self.put(0, plain(sealing::client_hello(offers)));
            }
            Flight::Early => {
                self.sealers[0] = Some(self.sealer(EARLY, true));
                self.say(0, number, 0);
                // Unless the server says that it takes them.
                self.sealed[0].iter_mut().for_each(|said| said.is_readable = false);
            }
            Flight::Retry => {
                self.put(1, plain(sealing::server_hello(&self.suite, true)));
                self.put(1, sealing::record(CHANGE_CIPHER_SPEC, &[1]));
                self.put(0, plain(sealing::client_hello(false)));
            }
            Flight::Answer if is_new => {
                self.sealed[0].iter_mut().for_each(|said| said.is_readable = self.accepts_early);
                self.put(1, plain(sealing::server_hello(&self.suite, false)));
                let told = [sealing::encrypted_extensions(self.accepts_early), sealing::finished()].concat();
                self.sealers[1] = Some(self.sealer(SERVER_HANDSHAKE, false));
                self.seal(1, HANDSHAKE, &told, number & 1);
                self.sealers[1] = Some(self.sealer(SERVER_TRAFFIC, false));
            }
            Flight::End if is_new => {
                if self.accepts_early {
                    self.seal(0, HANDSHAKE, &sealing::message(5, b""), 0);
                }
                self.sealers[0] = Some(self.sealer(CLIENT_HANDSHAKE, true));
                self.seal(0, HANDSHAKE, &sealing::finished(), 0);
                self.sealers[0] = Some(self.sealer(CLIENT_TRAFFIC, true));
            }
            Flight::Answer => {
                let told = [sealing::server_hello(&self.suite, false), sealing::message(14, b"")].concat();
                self.put(1, plain(told));
            }
            Flight::End | Flight::Last => {
                let side = usize::from(matches!(flight, Flight::Last));
                if side == 0 {
                    self.put(0, plain(sealing::message(16, &[5; 33])));
                }
                self.put(side, sealing::record(CHANGE_CIPHER_SPEC, &[1]));
                self.sealers[side] = Some(self.sealer(MASTER, side == 0));
                self.seal(side, HANDSHAKE, &sealing::finished(), 0);
            }
        }
    }

    /// Lets a side say something.
    fn say(&mut self, side: usize, amount: usize, padding: usize) {
        let number = self.sealed[side].len();
        let content = match self.content {
            Content::Numbered => [&(number as u32).to_be_bytes()[..], &vec![amount as u8; amount.min(16_000)]].concat(),
            Content::Http if side == 0 => {
                format!("GET /{} HTTP/1.1\r\nHost: h{}\r\n\r\n", amount % 32, amount & 1).into_bytes()
            }
            Content::Http => {
                let head = format!("HTTP/1.1 {} OK\r\nContent-Length: {amount}\r\n\r\n", 200 + amount % 3);
                [head.as_bytes(), &vec![b'x'; amount.min(16_000)]].concat()
            }
        };
        self.seal(side, DATA, &content, padding);
        self.sealed[side].push(Said { content, is_readable: true });
    }

    /// Lets a side send a record without data.
    fn change(&mut self, side: usize, amount: usize) {
        if !self.suite.is_tls13 {
            return self.seal(side, ALERT, &[1, amount as u8], 0);
        }
        match amount % 3 {
            0 => {
                self.seal(side, HANDSHAKE, &sealing::message(24, &[0]), 0);
                self.sealers[side].iter_mut().for_each(Sealer::update);
            }
            1 => self.seal(side, HANDSHAKE, &sealing::message(4, &vec![4; amount]), 0),
            _ => self.seal(side, ALERT, &[1, amount as u8], 0),
        }
    }

    fn seal(&mut self, side: usize, kind: u8, content: &[u8], padding: usize) {
        if let Some(sealer) = &mut self.sealers[side] {
            let record = sealer.seal(kind, content, padding);
            self.put(side, record);
        }
    }

    /// Puts a record on the wire, with everything that is to happen to it.
    fn put(&mut self, side: usize, mut record: Vec<u8>) {
        if let Some(at) = self.damages[side].take().filter(|_| !record.is_empty()) {
            let at = at % record.len();
            record[at] ^= 0x55;
            self.is_foreign |= at < 5;
        }
        if std::mem::take(&mut self.swaps[side]) && self.held[side].is_none() {
            self.held[side] = Some(record);
            return;
        }
        self.newest[side].clone_from(&record);
        self.made += record.len();
        record.extend(self.held[side].take().unwrap_or_default());
        let lost = self.losing[side].min(record.len());
        self.losing[side] -= lost;
        if lost > 0 {
            self.events.push(Event::Lost(side, lost));
        }
        let pieces = record[lost..].chunks(self.piece).map(<[u8]>::to_vec);
        self.events.extend(pieces.map(|piece| Event::Sent(side, piece)));
        self.is_tidy &= self.lines.is_empty() || self.events.len() <= MAX_WAITING;
    }

    fn secret(&self, number: u8) -> Vec<u8> {
        vec![number; self.suite.secret_length()]
    }

    fn sealer(&self, number: u8, is_client: bool) -> Sealer {
        Sealer::new(self.suite, self.secret(number), is_client)
    }

    /// The lines of the key log.
    fn key_lines(&self) -> Vec<Vec<u8>> {
        let is_wanted = |(number, _): &(u8, &str)| (*number == MASTER) != self.suite.is_tls13;
        let line = |(number, label): (u8, &str)| {
            format!("{label} {} {}", hex(&CLIENT_RANDOM), hex(&self.secret(number))).into_bytes()
        };
        LABELS.into_iter().filter(is_wanted).map(line).collect()
    }

    /// Tells all secrets that have not come yet.
    fn tell_keys(&mut self) {
        self.events.extend(self.lines.drain(..).map(Event::Line));
    }
}

const MASTER: u8 = 1;
const EARLY: u8 = 2;
const CLIENT_HANDSHAKE: u8 = 3;
const SERVER_HANDSHAKE: u8 = 4;
const CLIENT_TRAFFIC: u8 = 5;
const SERVER_TRAFFIC: u8 = 6;

/// Labels of secrets in the NSS format.
const LABELS: [(u8, &str); 6] = [
    (MASTER, "CLIENT_RANDOM"),
    (EARLY, "CLIENT_EARLY_TRAFFIC_SECRET"),
    (CLIENT_HANDSHAKE, "CLIENT_HANDSHAKE_TRAFFIC_SECRET"),
    (SERVER_HANDSHAKE, "SERVER_HANDSHAKE_TRAFFIC_SECRET"),
    (CLIENT_TRAFFIC, "CLIENT_TRAFFIC_SECRET_0"),
    (SERVER_TRAFFIC, "SERVER_TRAFFIC_SECRET_0"),
];

/// Hexadecimal digits.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |digits, byte| digits + &format!("{byte:02x}"))
}
