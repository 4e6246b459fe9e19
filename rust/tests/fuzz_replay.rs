//! Runs the fuzz targets as an ordinary test: on kept captures, on conversations made here, and on thousands of
//! mutations of both, which are always the same. An input found by a fuzzer has a test of its own below.

#[path = "../fuzz/laws.rs"]
mod laws;
#[path = "../fuzz/readers.rs"]
mod readers;
#[path = "../fuzz/script.rs"]
mod script;
#[path = "../fuzz/sealing.rs"]
mod sealing;
#[path = "../fuzz/secrets.rs"]
mod secrets;
mod wire;

use std::path::Path;

use laws::driver;

/// Marsaglia's xorshift: the same sequence everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }

    /// Changes, repeats, drops or inserts a few bytes.
    fn mutate(&mut self, seed: &[u8]) -> Vec<u8> {
        const TELLING: [u8; 12] = [0, 1, 2, 0x7f, 0x80, 0xff, b'\r', b'\n', b' ', b'0', b'9', 0x16];
        let mut bytes = seed.to_vec();
        for _ in 0..=self.below(6) {
            if bytes.is_empty() {
                break;
            }
            let at = self.below(bytes.len());
            let len = 1 + self.below(16.min(bytes.len() - at));
            match self.below(4) {
                0 => bytes[at] = TELLING[self.below(TELLING.len())],
                1 => bytes[at] ^= 1 << self.below(8),
                2 => drop(bytes.drain(at..at + len)),
                _ => {
                    let copy = bytes[at..at + len].to_vec();
                    bytes.splice(at..at, copy);
                }
            }
        }
        bytes
    }
}

fn captures() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/captures");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let captures: Vec<_> = files
        .filter(|path| path.extension().is_some_and(|extension| extension == "pcap" || extension == "pcapng"))
        .map(|path| std::fs::read(path).unwrap())
        .filter(|bytes| bytes.len() < 20_000)
        .collect();
    assert!(captures.len() >= 3);
    captures
}

/// The frames of a little-endian pcap, in the form that `laws::packets` reads.
fn frames(pcap: &[u8]) -> Vec<u8> {
    let word = |at: usize| u32::from_le_bytes(pcap[at..at + 4].try_into().unwrap()) as usize;
    let (mut at, mut frames) = (24, Vec::new());
    while at + 16 <= pcap.len() {
        let frame = &pcap[at + 16..at + 16 + word(at + 8)];
        let frame = &frame[..frame.len().min(510) & !1];
        frames.extend([word(20) as u8, (frame.len() / 2) as u8, 1]);
        frames.extend(frame);
        at += 16 + word(at + 8);
    }
    frames
}

fn conversations() -> Vec<Vec<u8>> {
    const SAID: [&[u8]; 10] = [
        b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        b"HTTP/1.1 101 X\r\nUpgrade: h2c\r\n\r\n",
        b"CONNECT a:1 HTTP/1.1\r\n\r\n",
        b"HTTP/1.1 100 C\r\n\r\nHTTP/1.0 304 N\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x00\x05hello",
        b"HEAD / HTTP/1.1\r\n\r\n",
        b"HTTP/1.1 2XX\r\nContent-Length: 1\r\nContent-Length: 9\r\n\r\n",
    ];
    let turn = |how: u8, said: &[u8]| [&[how, said.len() as u8], said].concat();
    let pairs = SAID.iter().flat_map(|a| SAID.iter().map(move |b| (*a, *b)));
    pairs.map(|(a, b)| [turn(0, a), turn(1, b), turn(0, b), turn(11, a)].concat()).collect()
}

/// Frames of HTTP/2 in both directions: requests, responses, and everything else that there is.
fn streams() -> Vec<Vec<u8>> {
    const REQUEST: &[u8] = b"\0\0\x0d\x01\x05\0\0\0\x01\x82\x86\x84\x41\x01a\x44\x02/a\x5f\x80";
    const RESPONSE: &[u8] = b"\0\0\x01\x01\x04\0\0\0\x01\x88\0\0\x02\0\x01\0\0\0\x01hi";
    const SAID: [&[u8]; 8] = [
        REQUEST,
        b"\0\0\x19\x01\x04\0\0\0\x03\x83\x86\x84\x5f\x10application/grpc\x41\x02hi\0\0\x06\0\x01\0\0\0\x03\0\0\0\0\x01x",
        b"\0\0\x04\x01\0\0\0\0\x05\x82\x86\x84\xbe\0\0\0\x09\x04\0\0\0\x05",
        b"\0\0\x04\x03\0\0\0\0\x01\0\0\0\x08\0\0\x04\x08\0\0\0\0\0\0\0\0\x10",
        b"\0\0\x06\x04\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\x04\x01\0\0\0\0",
        b"\0\0\x07\x05\x04\0\0\0\x01\0\0\0\x02\x82\x86\x84\0\0\x01\x01\x05\0\0\0\x02\x88",
        b"\0\0\x08\x07\0\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\x08\x06\0\0\0\0\0pingping",
        b"\0\0\x09\x01\x2d\0\0\0\x07\x02\0\0\0\0\x10\x82..\0\0\x05\0\x09\0\0\0\x07\x02hi..",
    ];
    let turn = |how: u8, said: &[u8]| [&[how, said.len() as u8], said].concat();
    let pairs = SAID.iter().flat_map(|a| SAID.iter().map(move |b| (*a, *b)));
    pairs
        .map(|(a, b)| [turn(0x10, REQUEST), turn(0x10, a), turn(0x11, RESPONSE), turn(0x11, b), turn(0x0a, a)].concat())
        .collect()
}

/// An input, which is shown if a law panics.
struct Input(Vec<u8>);

impl Drop for Input {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("input: b\"{}\"", self.0.escape_ascii());
        }
    }
}

fn replay(seeds: &[Vec<u8>], mutations: usize, run: fn(&[u8])) {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for seed in seeds {
        let mutated = (0..mutations).map(|_| random.mutate(seed));
        std::iter::once(seed.clone()).chain(mutated).map(Input).for_each(|input| run(&input.0));
    }
}

#[test]
fn damaged_capture_files_break_no_law() {
    replay(&captures(), 1500, laws::file);
}

#[test]
fn damaged_frames_break_no_law() {
    let seeds: Vec<_> = captures().iter().filter(|bytes| bytes[0] == 0xd4).map(|bytes| frames(bytes)).collect();
    replay(&seeds, 500, laws::packets);
}

#[test]
fn damaged_conversations_break_no_law() {
    replay(&conversations(), 200, laws::stream);
}

#[test]
fn damaged_streams_break_no_law() {
    replay(&streams(), 300, laws::http2);
}

#[test]
fn damaged_filters_break_no_law() {
    let seeds = [
        "host:api.* section:/cart method:!GET status:5xx latency>200ms bytes>1MiB interface:eth0 client:10.0.0.0/8",
        "not (host=a or !path:\"b c\") and (user_agent:curl or server:[2001:db8::1]:80)",
        "status>=400 duration<=1.5s request_bytes!=7kB status:none or 5xx 10.0.0.7:80",
    ];
    replay(&seeds.map(|seed| seed.as_bytes().to_vec()), 5000, laws::filter);
}

#[test]
fn damaged_header_blocks_give_no_wrong_field() {
    // Blocks behind their lengths: two of RFC 7541 appendix C.4, and one that inserts a name of the table twice.
    let coded = b"\x82\x86\x84\x41\x8c\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff".as_slice();
    let second = b"\x82\x86\x84\xbe\x58\x86\xa8\xeb\x10\x64\x9c\xbf".as_slice();
    let third = b"\x20\x3f\xe1\x1f\x40\x03abc\x01d\x7e\x02ef\xbe\xbf\x10\x01a\x01b".as_slice();
    let joined = |missed: u8| {
        let blocks = [coded, second, second, third, third, second].map(|block| [&[block.len() as u8], block].concat());
        [&[missed][..], &blocks.concat()].concat()
    };
    replay(&[0, 1, 2, 4, 0b10_0101].map(joined), 3000, readers::hpack);
}

#[test]
fn damaged_frames_of_a_websocket_count_the_same_in_any_pieces() {
    let frames =
        b"\x81\x02hi\x01\x01a\x89\x00\x80\x7e\x00\x03abc\x82\x7f\0\0\0\0\0\0\0\x01a\x88\x02\x03\xe8".as_slice();
    let masked = b"\x81\x82abcdhi\x01\x80abcd\x80\xfe\x00\x02abcdhi\x88\x82abcd\x62\x8a".as_slice();
    let seeds = [(0, 1, frames), (0, 3, frames), (1, 2, masked), (1, 5, masked)];
    replay(&seeds.map(|(side, size, bytes)| [&[side, size], bytes].concat()), 3000, readers::websocket);
}

/// Scripts of every suite and handshake: with early data, another hello and late keys, and data in both directions.
fn scripts() -> Vec<Vec<u8>> {
    // Ten times the next part of the handshake, or data; a ticket or alert, new keys, and data again.
    let talk: Vec<u8> =
        (0..10).flat_map(|at| [at & 1 | 0x20, 40 + at]).chain([3, 1, 2, 0, 0, 90, 1, 91, 0x41, 99]).collect();
    let harm: [&[u8]; 6] = [
        &[],
        &[4, 30, 0, 1, 0, 2, 5, 200, 1, 3, 1, 4],
        &[6, 9, 0, 1, 0, 2, 8, 0, 0x48, 0, 0, 3, 0, 4],
        &[10, 20, b'G', b'E', b'T', b' ', b'/', b' ', b'H', b'T', b'T', b'P', 0x0c, 1, 0x4c, 4, b'C', b'L', b'I', b'E'],
        &[0x44, 20, 3, 0, 1, 50, 1, 51, 1, 52],
        &[14, 255, 12, 0, 12, 0, 14, 255, 14, 255, 1, 9],
    ];
    let options = (0..8).chain((0..3).flat_map(|suite| [8, 16, 24, 40, 56].map(|option| suite | option)));
    let with = |option: u8| {
        let talk = &talk;
        harm.into_iter().flat_map(move |harm| {
            [(200, 0x80), (9, 0x40)].map(|(size, more)| [&[size, option | more], &talk[..], harm, &talk[6..]].concat())
        })
    };
    options.flat_map(with).collect()
}

#[test]
fn damaged_connections_of_tls_give_what_was_sealed_or_nothing() {
    replay(&scripts(), 20, secrets::tls);
}

#[test]
fn six_pushed_zeros_of_a_nonce_are_no_padding_of_a_frame() {
    // TLS 1.2 with AES-GCM in pieces of six bytes: the handshake, and then requests.
    secrets::tls(&[&[6, 3][..], &[0x20; 14]].concat());
}

#[test]
fn early_data_is_missing_if_the_server_is_never_read() {
    // Early data is given up, since the server says nothing for long. Then the secrets of the client come, and those of
    // the server do not.
    let (began, ended) = (
        [9, 105, 33, 45, 3, 9, 2, 0, 0, 255],
        [
            32, 44, 33, 45, 32, 46, 44, 33, 45, 255, 255, 255, 255, 255, 255, 255, 255, 0, 0, 255, 134, 109, 0, 12, 12,
            65, 12, 12, 12, 12, 12, 12, 12, 12, 12, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255, 255, 255, 33, 0, 255, 128,
        ],
    );
    secrets::tls(&[&began[..], &[255; 131], &ended].concat());
}

#[test]
fn a_reset_half_the_sequence_space_away_is_ignored() {
    // 20 bytes of IPv4 and 20 of TCP, raw: a SYN, then a reset 2^31 further on.
    let segment = |seq: u32, flags: u8| {
        let mut packet = vec![101, 20, 0, 0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2];
        packet.extend([0x9c, 0x40, 0, 80]);
        packet.extend(seq.to_be_bytes());
        packet.extend([0, 0, 0, 0, 0x50, flags, 1, 0, 0, 0, 0, 0]);
        packet
    };
    laws::packets(&[segment(999, 2), segment(1000 + (1 << 31), 4)].concat());
}
