//! Connections of OpenSSL's client and server, recorded between the two, are decrypted with the key log of the client.
//! What comes out is what was said, however the bytes are cut, and never anything else when some are missing.

mod missing;
pub mod sealing;
mod traces;

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};
use std::{fs, thread};

use super::keys::{Added, Keys};
use super::{Crypt, Decryption, Outlet};
use crate::pipeline::decode::{Direction, SeqNumber};
use crate::pipeline::exchange::Closed;
use crate::pipeline::flow::Cover;
use crate::pipeline::packet::{SECOND, Timestamp};
use crate::pipeline::reassembly::{Chunk, UNKNOWN_LENGTH};
use std::sync::Arc;

/// What was heard between a client and a server.
#[derive(Clone)]
pub struct Heard {
    /// Pieces of both directions, in the order in which they came.
    pub pieces: Vec<(Direction, Vec<u8>)>,
    pub keylog: Vec<String>,
    pub body: Vec<u8>,
}

/// Copies one direction of a connection, and tells each piece.
fn relay(mut from: TcpStream, mut to: TcpStream, direction: Direction, told: mpsc::Sender<(Direction, Vec<u8>)>) {
    thread::spawn(move || {
        let mut buffer = vec![0; 20_000];
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            told.send((direction, buffer[..count].to_vec())).unwrap();
            if to.write_all(&buffer[..count]).is_err() {
                break;
            }
        }
        let _ = to.shutdown(std::net::Shutdown::Write);
    });
}

/// A folder for the files of OpenSSL, which is removed in the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("netmon-tls-{}-{}", std::process::id(), name.replace(' ', "-")));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn openssl(&self, words: &str) -> Command {
        let mut command = Command::new("openssl");
        command.args(words.split_whitespace()).current_dir(&self.0);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A server of OpenSSL, which ends with the test.
struct Server(Child, u16);

impl Server {
    fn start(folder: &Folder, words: &[&str]) -> Self {
        let made = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key -out cert -subj /CN=a";
        assert!(folder.openssl(made).status().unwrap().success());
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = folder.openssl(&format!("s_server -accept 127.0.0.1:{port} -cert cert -key key -quiet"));
        let child = command.args(words).stdin(Stdio::piped()).spawn().unwrap();
        Self(child, port)
    }

    fn connect(&self) -> TcpStream {
        let until = Instant::now() + Duration::from_secs(20);
        loop {
            match TcpStream::connect(("127.0.0.1", self.1)) {
                Ok(stream) => return stream,
                Err(error) => assert!(Instant::now() < until, "{error}"),
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Lets a client of OpenSSL say something, one part after the other, and listens until `is_over` is true for the number
/// of bytes from the server, or the client ends.
fn listen(folder: &Folder, server: &Server, words: &[&str], says: &[&str], least: usize) -> Heard {
    let upstream = server.connect();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mut command = folder.openssl(&format!("s_client -connect {address} -keylogfile keylog"));
    let mut client = command.args(words).stdin(Stdio::piped()).spawn().unwrap();
    let mut says = says.iter();
    let mut input = client.stdin.take();
    let (downstream, _) = listener.accept().unwrap();
    let (tell, told) = mpsc::channel();
    relay(downstream.try_clone().unwrap(), upstream.try_clone().unwrap(), Direction::Up, tell.clone());
    relay(upstream, downstream, Direction::Down, tell);
    let mut pieces: Vec<(Direction, Vec<u8>)> = Vec::new();
    let until = Instant::now() + Duration::from_secs(30);
    while Instant::now() < until {
        let silence = match told.recv_timeout(Duration::from_millis(300)) {
            Ok(piece) => {
                pieces.push(piece);
                continue;
            }
            Err(silence) => silence,
        };
        if silence == mpsc::RecvTimeoutError::Disconnected {
            break;
        }
        if let Some(part) = says.next() {
            input.as_mut().unwrap().write_all(part.as_bytes()).unwrap();
            continue;
        }
        let down = pieces.iter().filter(|(side, _)| *side == Direction::Down).map(|(_, bytes)| bytes.len());
        if down.sum::<usize>() > least && input.take().is_none() {
            // The client was told to end, and the connection is silent.
            break;
        }
    }
    let _ = client.kill();
    let _ = client.wait();
    let keylog = fs::read_to_string(folder.0.join("keylog")).unwrap().lines().map(str::to_owned).collect();
    Heard { pieces, keylog, body: Vec::new() }
}

/// Lets the client of OpenSSL fetch a file of `size` bytes from its server.
pub fn fetch(name: &str, size: usize, server: &[&str], client: &[&str]) -> Heard {
    fetch_saying(name, size, server, &[client, &["-quiet"]].concat(), &["GET /file HTTP/1.0\r\n\r\n"])
}

fn fetch_saying(name: &str, size: usize, server: &[&str], client: &[&str], says: &[&str]) -> Heard {
    let folder = Folder::new(name);
    let body: Vec<u8> = (0..size as u32).map(|at| b'a' + (at.wrapping_mul(2_654_435_761) >> 27) as u8 % 26).collect();
    fs::write(folder.0.join("file"), &body).unwrap();
    let server = Server::start(&folder, &[server, &["-WWW"]].concat());
    Heard { body, ..listen(&folder, &server, client, says, size) }
}

/// What came out.
#[derive(Debug, Default, PartialEq, Eq)]
struct Said {
    /// Plaintext by direction; a hole is a `None`.
    plain: [Vec<Option<u8>>; 2],
    closed: Vec<Closed>,
    order: String,
    handshake: bool,
}

impl Outlet for Said {
    fn plaintext(&mut self, direction: Direction, chunk: Chunk<'_>, cover: Cover) {
        let plain = &mut self.plain[direction as usize];
        if chunk.skipped > 0 {
            plain.push(None);
            if chunk.skipped != UNKNOWN_LENGTH {
                plain.extend((1..chunk.skipped).map(|_| None));
            }
        }
        assert!(cover.is_tls());
        self.handshake |= cover.handshake().is_some();
        plain.extend(chunk.bytes.iter().map(|&byte| Some(byte)));
        if !self.order.ends_with(&format!("{direction:?} ")) {
            write!(self.order, "{direction:?} ").unwrap();
        }
    }
    fn finished(&mut self, direction: Direction, _: Timestamp, _: Cover) {
        write!(self.order, "{direction:?} ends ").unwrap();
    }
    fn closed(&mut self, reason: Closed) {
        self.closed.push(reason);
    }
}

impl Said {
    fn text(&self, direction: Direction) -> Vec<u8> {
        self.plain[direction as usize].iter().map(|byte| byte.unwrap_or(b'?')).collect()
    }
}

/// A way to read what was heard.
struct Reading<'a> {
    heard: &'a Heard,
    /// Length of the chunks.
    size: usize,
    /// Numbers of the chunks from the server that are lost.
    lost: &'a [usize],
    /// The chunk after which the key log is read; `None` for before all.
    keys_after: Option<usize>,
}

impl Reading<'_> {
    fn read(&self) -> (Said, Decryption, Crypt) {
        let keys = Arc::new(Keys::default());
        keys.expect();
        let log = |keys: &Keys| {
            for line in &self.heard.keylog {
                assert!(keys.add_line(line.as_bytes()) != Added::Malformed, "{line}");
            }
        };
        if self.keys_after.is_none() {
            log(&keys);
        }
        let mut crypt = Crypt::new(keys.clone());
        let mut said = Said::default();
        let mut tls = Decryption::new(Direction::Up);
        let (mut number, mut at, mut skipped) = (0, 0, [0; 2]);
        for (direction, bytes) in &self.heard.pieces {
            for bytes in bytes.chunks(self.size) {
                at += 1;
                if self.keys_after == Some(at) {
                    log(&keys);
                }
                if *direction == Direction::Down {
                    number += 1;
                    if self.lost.contains(&number) {
                        skipped[1] += bytes.len() as u64;
                        continue;
                    }
                }
                let skipped = std::mem::take(&mut skipped[*direction as usize]);
                let ts = Timestamp(at as i64 * 1000);
                let chunk = Chunk { skipped, cut: false, bytes, seq: SeqNumber(0), ack: None, start: false, ts };
                tls.chunk(*direction, chunk, &mut crypt, &mut said);
            }
        }
        if self.keys_after == Some(usize::MAX) {
            log(&keys);
        }
        for direction in [Direction::Up, Direction::Down] {
            tls.finish(direction, Timestamp(at as i64 * 1000 + 1), &mut crypt, &mut said);
        }
        tls.end(&mut crypt, &mut said);
        (said, tls, crypt)
    }

    fn said(&self) -> Said {
        self.read().0
    }
}

fn whole(heard: &Heard) -> Reading<'_> {
    Reading { heard, size: usize::MAX, lost: &[], keys_after: None }
}

/// Suites and versions, with the words that make OpenSSL use them.
const KINDS: [(&str, &[&str]); 9] = [
    ("1.3 aes-128-gcm", &["-tls1_3", "-ciphersuites", "TLS_AES_128_GCM_SHA256"]),
    ("1.3 aes-256-gcm", &["-tls1_3", "-ciphersuites", "TLS_AES_256_GCM_SHA384"]),
    ("1.3 chacha20", &["-tls1_3", "-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256"]),
    ("1.2 aes-128-gcm", &["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"]),
    ("1.2 aes-256-gcm", &["-tls1_2", "-cipher", "ECDHE-ECDSA-AES256-GCM-SHA384"]),
    ("1.2 chacha20", &["-tls1_2", "-cipher", "ECDHE-ECDSA-CHACHA20-POLY1305"]),
    ("1.2 cbc sha1", &["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA"]),
    ("1.2 cbc sha256", &["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA256"]),
    ("1.2 cbc sha384", &["-tls1_2", "-cipher", "ECDHE-ECDSA-AES256-SHA384"]),
];

#[test]
fn every_suite_gives_the_plaintext_however_it_is_cut() {
    for (name, words) in KINDS {
        let etm: &[&[&str]] = if name.contains("cbc") { &[&[], &["-no_etm"]] } else { &[&[]] };
        for more in etm {
            let words = [words, more].concat();
            let heard = fetch(&name.replace(' ', "-"), 40_000, &words, &words);
            for size in [usize::MAX, 1460, 7, 1] {
                let (said, tls, _) = Reading { size, ..whole(&heard) }.read();
                assert_eq!(said.closed, [], "{name} by {size}");
                assert_eq!(said.text(Direction::Up), b"GET /file HTTP/1.0\r\n\r\n", "{name} by {size}");
                let answer = said.text(Direction::Down);
                assert!(answer.starts_with(b"HTTP/1.0 200 ok\r\n"), "{name}: {}", answer.escape_ascii());
                assert!(answer.ends_with(&heard.body), "{name} by {size}");
                assert!(said.handshake && said.order.starts_with("Up Down "), "{name}: {}", said.order);
                assert_eq!(tls.held(), 0);
            }
        }
    }
}

const ASKED: &[u8] = b"GET /file HTTP/1.0\r\n\r\n";

#[test]
fn a_second_hello_and_new_keys_change_nothing() {
    let retry = fetch("retry", 3000, &["-groups", "P-384"], &["-groups", "X25519:P-384"]);
    let has = |(_, bytes): &(_, Vec<u8>)| bytes.windows(4).any(|window| window == [0xcf, 0x21, 0xad, 0x74]);
    assert!(retry.pieces.iter().any(has), "the server asks for another hello");
    let says = ["K\n", "K\n", "GET /file HTTP/1.0\r\n\r\n"];
    let updated = fetch_saying("update", 60_000, &["-tls1_3"], &["-tls1_3"], &says);
    let renegotiated = fetch_saying(
        "renegotiate",
        3000,
        &["-tls1_2", "-client_renegotiation"],
        &["-tls1_2"],
        &["R\n", "GET /file HTTP/1.0\r\n\r\n"],
    );
    for (name, heard) in [("retry", retry), ("updated", updated), ("renegotiated", renegotiated)] {
        for size in [usize::MAX, 100] {
            let said = Reading { size, ..whole(&heard) }.said();
            assert_eq!(said.closed, [], "{name}");
            assert!(said.text(Direction::Up).starts_with(b"GET /file HTTP/1.0"), "{name}");
            assert!(said.text(Direction::Down).ends_with(&heard.body), "{name}");
        }
    }
}

#[test]
fn early_data_counts_once_whether_the_server_takes_it_or_not() {
    // OpenSSL reads early data once for each session, so the third connection is refused what the second one was not. A
    // server that asks for another hello reads no early data either.
    const RETRY: &[&str] = &["-groups", "P-384"];
    let table: [(&str, &[&str], bool); 4] =
        [("-tls1_3", &[], true), ("-tls1_3", &[], false), ("-tls1_3", RETRY, false), ("-tls1_2", &[], false)];
    for (version, groups, takes) in table {
        let folder = Folder::new(&format!("early {version} {takes} {}", groups.len()));
        fs::write(folder.0.join("early"), ASKED).unwrap();
        let of_server: &[&str] = if version == "-tls1_3" { &["-early_data"] } else { &[] };
        let server = Server::start(&folder, &[&[version], of_server, groups].concat());
        let of_client: &[&str] = if groups.is_empty() { &[] } else { &["-groups", "X25519:P-384"] };
        let words = |more: &[&'static str]| [&[version], of_client, more].concat();
        listen(&folder, &server, &words(&["-sess_out", "session"]), &["first\n"], 200);
        let early: &[&str] = if version == "-tls1_3" { &["-early_data", "early"] } else { &[] };
        let again = words(&[&["-sess_in", "session"], early].concat());
        let mut heard = listen(&folder, &server, &again, &["again\n"], 100);
        if version == "-tls1_3" && groups.is_empty() && !takes {
            heard = listen(&folder, &server, &again, &["again\n"], 100);
        }
        let has_retry = heard.pieces.iter().any(|(_, bytes)| bytes.windows(4).any(|at| at == [0xcf, 0x21, 0xad, 0x74]));
        assert_eq!(has_retry, !groups.is_empty());
        for size in [usize::MAX, 20] {
            for keys_after in [None, Some(3), Some(usize::MAX)] {
                let said = Reading { size, keys_after, ..whole(&heard) }.said();
                let want = if takes { [ASKED, b"again\n"].concat() } else { b"again\n".to_vec() };
                assert_eq!(said.closed, [], "{version} {groups:?} {takes} {size} {keys_after:?}");
                let text = said.text(Direction::Up);
                assert_eq!(text, want, "{version} {groups:?} {takes}: {}", text.escape_ascii());
            }
        }
    }
}

#[test]
fn keys_that_come_late_lose_nothing() {
    for (name, words) in [KINDS[0], KINDS[3]] {
        let heard = fetch(&format!("late-{}", name.replace(' ', "-")), 40_000, words, words);
        let want = whole(&heard).said();
        let chunks: usize = heard.pieces.iter().map(|(_, bytes)| bytes.len().div_ceil(500)).sum();
        for after in [2, 3, 4, 5, 8, 20, chunks, usize::MAX] {
            let (said, _, crypt) = Reading { size: 500, keys_after: Some(after), ..whole(&heard) }.read();
            assert_eq!(said.plain, want.plain, "{name} after {after}");
            assert_eq!(said.closed, [], "{name} after {after}");
            assert_eq!(said.order, want.order, "{name} after {after}");
            assert_eq!(format!("{crypt:?}").matches("waiting: 0").count(), 1);
        }
    }
}

#[test]
fn without_keys_the_connection_is_closed_once() {
    let heard = fetch("none", 6_000_000, KINDS[0].1, KINDS[0].1);
    let none = Heard { keylog: Vec::new(), ..heard.clone() };
    assert_eq!(Reading { size: 1460, ..whole(&none) }.said().closed, [Closed::NoKey]);
    let late = Reading { size: 1460, keys_after: Some(usize::MAX), ..whole(&heard) };
    assert_eq!(late.said().closed, [Closed::LateKey], "more has waited than may");
    let mut midway = heard;
    midway.pieces.drain(..2);
    assert_eq!(whole(&midway).said().closed, [Closed::JoinedMidway]);
}

#[test]
fn a_hole_costs_the_records_in_it_and_nothing_else() {
    for (name, words) in KINDS {
        let heard = fetch(&format!("hole-{}", name.replace(' ', "-")), 200_000, words, words);
        let want = whole(&heard).said().text(Direction::Down);
        let total: usize = heard
            .pieces
            .iter()
            .filter(|(side, _)| *side == Direction::Down)
            .map(|(_, bytes)| bytes.len().div_ceil(1460))
            .sum();
        for lost in [vec![10], vec![40, 41], (30..60).collect(), vec![20, 50, 90], vec![total / 2], vec![2], vec![3]] {
            let said = Reading { size: 1460, lost: &lost, ..whole(&heard) }.said();
            let plain = &said.plain[1];
            let got = plain.iter().filter(|byte| byte.is_some()).count();
            if lost[0] >= 10 {
                assert_eq!(said.closed, [], "{name} without {lost:?}");
                let most = (lost.len() * 2 * 16_500).max(lost.len() * 1460 + 40_000);
                assert!(got + most >= want.len(), "{name} without {lost:?}: {got} of {}", want.len());
            }
            // What comes behind a hole is the end of what was said, unless it is a part between two holes.
            let parts: Vec<Vec<u8>> =
                plain.split(Option::is_none).map(|part| part.iter().flatten().copied().collect()).collect();
            for part in parts.iter().filter(|part| !part.is_empty()) {
                let found = want.windows(part.len().min(64)).any(|window| window == &part[..part.len().min(64)]);
                assert!(found, "{name} without {lost:?}: wrong bytes");
            }
            if said.closed.is_empty() {
                assert!(want.ends_with(parts.last().unwrap()), "{name} without {lost:?}");
            }
            if !name.contains("cbc") && lost[0] >= 10 {
                assert_eq!(plain.len(), want.len(), "{name} without {lost:?}: the length of the hole is known");
            }
        }
    }
}

#[test]
fn damage_is_never_taken_for_plaintext() {
    for (name, words) in [KINDS[0], KINDS[4], KINDS[6]] {
        let heard = fetch(&format!("damage-{}", name.replace(' ', "-")), 30_000, words, words);
        let want = whole(&heard).said();
        for at in (0..400).chain((400..30_000).step_by(997)) {
            let mut damaged = heard.clone();
            let down = damaged.pieces.iter_mut().filter(|(side, _)| *side == Direction::Down);
            let Some(byte) = down.flat_map(|(_, bytes)| bytes).nth(at) else { continue };
            *byte ^= 0x55;
            let said = Reading { size: 1460, ..whole(&damaged) }.said();
            for direction in [Direction::Up, Direction::Down] {
                let known = want.text(direction);
                for part in said.plain[direction as usize].split(Option::is_none) {
                    let part: Vec<u8> = part.iter().flatten().copied().collect();
                    let is_known = part.is_empty() || known.windows(part.len()).any(|window| window == part);
                    assert!(is_known, "{name}: byte {at} is damaged");
                }
            }
        }
    }
}

#[test]
fn a_key_update_in_a_hole_is_found() {
    for updates in [1, 2] {
        for lost in 1..=3 {
            let [hello, answer, finished] = sealing::handshake();
            let [_, mut server] = sealing::sealers();
            let mut records = vec![server.seal(sealing::DATA, b"before ")];
            for _ in 0..updates {
                records.push(server.seal(sealing::HANDSHAKE, sealing::KEY_UPDATE));
                server.update();
                records.push(server.seal(sealing::DATA, b"between "));
            }
            records.extend([b"one ", b"two "].map(|text| server.seal(sealing::DATA, text)));
            // The first updates and what follows them are lost, each record as a whole or all but its header.
            let missing = if updates == 2 { 3 } else { lost.min(2) };
            let lost: Vec<usize> = (1..=missing).collect();
            for header in [0, 5] {
                let mut pieces = vec![
                    (Direction::Up, hello.clone()),
                    (Direction::Down, answer.clone()),
                    (Direction::Up, finished.clone()),
                ];
                let keys = Arc::new(Keys::default());
                sealing::keylog().iter().for_each(|line| assert_eq!(keys.add_line(line.as_bytes()), Added::Secret));
                let (mut crypt, mut said) = (Crypt::new(keys), Said::default());
                let mut tls = Decryption::new(Direction::Up);
                let mut skipped = 0;
                pieces.extend(records.iter().map(|record| (Direction::Down, record.clone())));
                for (at, (direction, bytes)) in pieces.iter().enumerate() {
                    let (bytes, behind) = if at >= 3 && lost.contains(&(at - 3)) {
                        bytes.split_at(if at == 4 { header } else { 0 })
                    } else {
                        (&bytes[..], &b""[..])
                    };
                    if !bytes.is_empty() {
                        let (seq, ts) = (SeqNumber(0), Timestamp(at as i64));
                        let before = if *direction == Direction::Down { std::mem::take(&mut skipped) } else { 0 };
                        let chunk = Chunk { skipped: before, cut: false, bytes, seq, ack: None, start: false, ts };
                        tls.chunk(*direction, chunk, &mut crypt, &mut said);
                    }
                    skipped += behind.len() as u64;
                }
                let text = said.text(Direction::Down);
                let text = text.escape_ascii().to_string();
                assert!(text.starts_with("before ") && text.ends_with("two "), "{updates} {lost:?} {header}: {text}");
                assert_eq!(said.closed, [], "{updates} {lost:?} {header}");
            }
        }
    }
}

#[test]
fn an_idle_connection_is_small() {
    assert!(size_of::<Decryption>() <= 640, "{}", size_of::<Decryption>());
    assert_eq!(SECOND, 1_000_000_000);
}
