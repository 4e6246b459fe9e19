//! The traces of RFC 8448: what comes out of its records is what the RFC says was put in.

use std::iter;

use ring::{digest, hmac};

use super::super::cipher::{Ciphers, Protection};
use super::super::keys::Secret;
use super::super::record::{APPLICATION_DATA, HANDSHAKE};
use super::super::schedule::expand_label;
use super::super::suite::{self, Hash};
use super::*;

/// The part of the RFC that is needed.
const TRACES: &str = include_str!("rfc8448.txt");

/// The content type of alerts (RFC 8446 §B.1).
const ALERT: u8 = 21;

/// `TLS_AES_128_GCM_SHA256`, which all traces use.
const SUITE: u16 = 0x1301;

/// One section of the RFC.
struct Trace {
    name: &'static str,
    heard: Heard,
    /// Secrets by their labels.
    secrets: Vec<(&'static str, Vec<u8>)>,
    /// Application data by direction.
    said: [Vec<u8>; 2],
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut digits, byte| {
        write!(digits, "{byte:02x}").unwrap();
        digits
    })
}

/// Length of the Finished at the end of handshake messages; 0 if there is none.
fn finished_length(messages: &[u8]) -> usize {
    const LENGTH: usize = 36;
    let at = messages.len().saturating_sub(LENGTH);
    if messages[at..].starts_with(&[20, 0, 0, 32]) { LENGTH } else { 0 }
}

/// The lines of a section, the first of which has its number.
fn trace(lines: &'static str) -> Trace {
    let mut lines = lines.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let name = lines.next().unwrap();
    let heard = Heard { pieces: Vec::new(), keylog: Vec::new(), body: Vec::new() };
    let mut trace = Trace { name, heard, secrets: Vec::new(), said: Default::default() };
    for line in lines {
        let (name, hex) = line.split_once(' ').unwrap();
        match name {
            "client" => trace.heard.pieces.push((Direction::Up, bytes(hex))),
            "server" => trace.heard.pieces.push((Direction::Down, bytes(hex))),
            "client_says" => trace.said[0] = bytes(hex),
            "server_says" => trace.said[1] = bytes(hex),
            label => trace.secrets.push((label, bytes(hex))),
        }
    }
    // The random value of the client is behind the headers of its record and its message, and the version.
    let random = hex(&trace.heard.pieces[0].1[11..43]);
    let line = |(label, secret): &(&str, Vec<u8>)| format!("{label} {random} {}", hex(secret));
    trace.heard.keylog = trace.secrets.iter().map(line).collect();
    trace
}

fn traces() -> Vec<Trace> {
    TRACES.split("\nsection ").skip(1).map(trace).collect()
}

impl Trace {
    fn secret(&self, label: &str) -> &[u8] {
        let found = self.secrets.iter().find(|(known, _)| *known == label);
        found.map(|(_, secret)| &secret[..]).unwrap()
    }

    /// Opens all records, each with the secret that the RFC names for it. Returns direction, content type and content;
    /// the content of records that are not sealed is their payload.
    fn open(&self) -> Vec<(Direction, u8, Vec<u8>)> {
        let mut ciphers = Ciphers::default();
        let has_early = self.secrets.iter().any(|(label, _)| label.contains("EARLY"));
        let early: &[&str] = if has_early { &["CLIENT_EARLY_TRAFFIC_SECRET"] } else { &[] };
        let client = [early, &["CLIENT_HANDSHAKE_TRAFFIC_SECRET", "CLIENT_TRAFFIC_SECRET_0"]].concat();
        let mut labels =
            [client.into_iter(), vec!["SERVER_HANDSHAKE_TRAFFIC_SECRET", "SERVER_TRAFFIC_SECRET_0"].into_iter()];
        let mut next = |direction: Direction, ciphers: &mut Ciphers| {
            let label = labels[direction as usize].next().unwrap();
            let secret = Secret::new(self.secret(label)).unwrap();
            (Protection::tls13(suite::find(SUITE).unwrap(), &secret, ciphers), 0)
        };
        let mut sides = [Direction::Up, Direction::Down].map(|direction| next(direction, &mut ciphers));
        let mut found = Vec::new();
        for (direction, record) in &self.heard.pieces {
            let mut record = record.clone();
            if record[0] != APPLICATION_DATA {
                found.push((*direction, record[0], record[5..].to_vec()));
                continue;
            }
            let (protection, seq) = &mut sides[*direction as usize];
            let content = protection.open(*seq, &mut record, &mut ciphers).expect(self.name);
            *seq += 1;
            let (kind, content) = (content.kind, content.bytes.to_vec());
            // A Finished or an EndOfEarlyData is the last message under its keys.
            if kind == HANDSHAKE && (finished_length(&content) > 0 || content == [5, 0, 0, 0]) {
                sides[*direction as usize] = next(*direction, &mut ciphers);
            }
            found.push((*direction, kind, content));
        }
        found
    }
}

#[test]
fn the_plaintext_is_that_of_the_rfc_however_the_records_are_cut() {
    let traces = traces();
    assert_eq!(traces.iter().map(|trace| trace.name).collect::<Vec<_>>(), ["3", "4", "5"]);
    for trace in &traces {
        for size in [usize::MAX, 1460, 7, 1] {
            for keys_after in iter::once(None).chain([2, 3, 4, usize::MAX].map(Some)) {
                let (said, tls, _) = Reading { size, keys_after, ..whole(&trace.heard) }.read();
                let context = format!("section {} by {size}, keys after {keys_after:?}", trace.name);
                assert_eq!(said.closed, [], "{context}");
                assert_eq!([Direction::Up, Direction::Down].map(|side| said.text(side)), trace.said, "{context}");
                assert!(tls.cover().handshake().is_some(), "{context}: both sides have finished the handshake");
            }
        }
    }
}

#[test]
fn early_data_without_an_answer_is_given_up_and_not_called_a_matter_of_keys() {
    let trace = &traces()[1];
    let (early, data) = trace.said[0].split_at(6);
    // A hole stands for what was given up and taken by the server.
    let behind_hole = [b"?", data].concat();
    for (answers_after, want) in [(None, &b""[..]), (Some(5), &trace.said[0]), (Some(11), &behind_hole)] {
        let keys = Arc::new(Keys::default());
        trace.heard.keylog.iter().for_each(|line| assert_eq!(keys.add_line(line.as_bytes()), Added::Secret));
        let (mut crypt, mut said, mut tls) = (Crypt::new(keys), Said::default(), Decryption::new(Direction::Up));
        for (at, (direction, bytes)) in trace.heard.pieces.iter().enumerate() {
            // The hello and the early data come at once.
            let Some(ts) = (if at < 2 { Some(0) } else { answers_after }) else { break };
            let (seq, ts) = (SeqNumber(0), Timestamp(ts * SECOND));
            let chunk = Chunk { skipped: 0, cut: false, bytes, seq, ack: None, start: false, ts };
            tls.chunk(*direction, chunk, &mut crypt, &mut said);
        }
        tls.end(&mut crypt, &mut said);
        assert_eq!((said.text(Direction::Up), said.closed), (want.to_vec(), vec![]), "{answers_after:?}");
    }
    assert_eq!(early, b"ABCDEF");
}

#[test]
fn every_record_of_the_rfc_opens_and_the_handshake_is_authentic() {
    for trace in traces() {
        let found = trace.open();
        let data = |direction| {
            let of = found.iter().filter(|(side, kind, _)| *side == direction && *kind == APPLICATION_DATA);
            of.flat_map(|(_, _, content)| content.clone()).collect::<Vec<_>>()
        };
        assert_eq!([data(Direction::Up), data(Direction::Down)], trace.said, "section {}", trace.name);
        // Both sides end with close_notify, at the level of a warning.
        let ends: Vec<_> = found.iter().filter(|(_, kind, _)| *kind == ALERT).collect();
        assert_eq!(ends, [&(Direction::Up, ALERT, vec![1, 0]), &(Direction::Down, ALERT, vec![1, 0])]);
        // RFC 8446 §4.4.4: Finished authenticates all messages before it, so each of their bytes came out right.
        let mut transcript = Vec::new();
        let mut checked = 0;
        for (direction, _, content) in found.iter().filter(|(_, kind, _)| *kind == HANDSHAKE) {
            let is_retry = content[0] == 2 && content[6..8] == [0xcf, 0x21];
            if is_retry {
                // RFC 8446 §4.4.1: a message that holds the hash stands for the first hello.
                let hash = digest::digest(&digest::SHA256, &transcript);
                transcript = [&[254, 0, 0, 32], hash.as_ref()].concat();
            }
            let (before, finished) = content.split_at(content.len() - finished_length(content));
            transcript.extend_from_slice(before);
            if let Some(code) = finished.get(4..) {
                let side = if *direction == Direction::Up { "CLIENT" } else { "SERVER" };
                let secret = trace.secret(&format!("{side}_HANDSHAKE_TRAFFIC_SECRET"));
                let mut key = [0; 32];
                expand_label(Hash::Sha256, secret, "finished", &mut key);
                let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
                let hash = digest::digest(&digest::SHA256, &transcript);
                let is_authentic = hmac::verify(&key, hash.as_ref(), code).is_ok();
                assert!(is_authentic, "section {}: Finished of {direction:?}", trace.name);
                transcript.extend_from_slice(finished);
                checked += 1;
            }
        }
        assert_eq!(checked, 2, "section {}", trace.name);
    }
}
