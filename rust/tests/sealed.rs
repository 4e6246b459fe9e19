//! Connections of TLS that a test seals itself, with secrets of its own. All have the same secrets, so what one of them
//! says can be said on any number of them.

#![allow(dead_code, reason = "each test that shares it uses a part")]

use std::iter::zip;

use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::hmac;

use crate::wire::{CLIENT, SERVER};

/// Content types of records (RFC 8446 §B.1).
const CHANGE_CIPHER_SPEC: u8 = 20;
const HANDSHAKE: u8 = 22;
const DATA: u8 = 23;

/// Random values of the hellos.
const RANDOMS: [[u8; 32]; 2] = [[7; 32], [9; 32]];

/// What both sides say, one after the other, and the lines of the key log.
pub struct Conversation {
    pub said: Vec<(usize, Vec<u8>)>,
    pub keylog: Vec<String>,
    seals: [Seal; 2],
}

impl Conversation {
    /// A handshake of TLS 1.3 with `TLS_AES_128_GCM_SHA256`.
    pub fn tls13() -> Self {
        let [client, server] = hellos([0x13, 1], &[0, 6, 0, 43, 0, 2, 3, 4]);
        let labels =
            ["CLIENT_HANDSHAKE", "SERVER_HANDSHAKE", "CLIENT", "SERVER"].map(|side| format!("{side}_TRAFFIC_SECRET"));
        let line = |(at, label): (usize, String)| {
            let label = if at < 2 { label } else { label + "_0" };
            format!("{label} {} {}", hex(&RANDOMS[CLIENT]), hex(&[at as u8; 32]))
        };
        let [mut of_client, mut of_server, client_data, server_data] = [0, 1, 2, 3].map(|at| Seal::tls13(&[at; 32]));
        let finished = message(20, &[1; 32]);
        let told = of_server.seal(HANDSHAKE, &[message(8, &[0, 0]), finished.clone()].concat());
        let said =
            vec![(CLIENT, client), (SERVER, [server, told].concat()), (CLIENT, of_client.seal(HANDSHAKE, &finished))];
        let keylog = labels.into_iter().enumerate().map(line).collect();
        Self { said, keylog, seals: [client_data, server_data] }
    }

    /// A handshake of TLS 1.2 with `TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256`.
    pub fn tls12() -> Self {
        let [client, server] = hellos([0xc0, 0x2f], &[0, 0]);
        let master = [5; 48];
        let mut seals = Seal::tls12(&master);
        let change = record(CHANGE_CIPHER_SPEC, [3, 3], &[1]);
        let finish = |seal: &mut Seal| [change.clone(), seal.seal(HANDSHAKE, &message(20, &[1; 12]))].concat();
        let finished = seals.each_mut().map(finish);
        let exchanged = record(HANDSHAKE, [3, 3], &message(16, &[4; 33]));
        let said = vec![
            (CLIENT, client),
            (SERVER, [server, record(HANDSHAKE, [3, 3], &message(14, b""))].concat()),
            (CLIENT, [exchanged, finished[CLIENT].clone()].concat()),
            (SERVER, finished[SERVER].clone()),
        ];
        let keylog = vec![format!("CLIENT_RANDOM {} {}", hex(&RANDOMS[CLIENT]), hex(&master))];
        Self { said, keylog, seals }
    }

    /// Seals data, and lets a side say it next.
    pub fn says(mut self, sender: usize, content: &[u8]) -> Self {
        let sealed = self.seals[sender].seal(DATA, content);
        self.said.push((sender, sealed));
        self
    }
}

/// Seals the records of one direction.
struct Seal {
    key: LessSafeKey,
    iv: Vec<u8>,
    seq: u64,
    is_tls13: bool,
}

impl Seal {
    fn new(key: &[u8], iv: &[u8], is_tls13: bool) -> Self {
        Self { key: LessSafeKey::new(UnboundKey::new(&AES_128_GCM, key).unwrap()), iv: iv.to_vec(), seq: 0, is_tls13 }
    }

    /// RFC 8446 §7.3.
    fn tls13(secret: &[u8]) -> Self {
        let expand = |label: &str, length: u8| {
            let label = format!("tls13 {label}");
            let info = [&[0, length, label.len() as u8], label.as_bytes(), &[0, 1]].concat();
            sign(secret, &info)[..usize::from(length)].to_vec()
        };
        Self::new(&expand("key", 16), &expand("iv", 12), true)
    }

    /// RFC 5246 §6.3: those of client and server.
    fn tls12(master: &[u8]) -> [Self; 2] {
        let seed = [b"key expansion", &RANDOMS[SERVER][..], &RANDOMS[CLIENT]].concat();
        let (mut a, mut block) = (sign(master, &seed), Vec::new());
        while block.len() < 40 {
            block.extend(sign(master, &[&a, &seed[..]].concat()));
            a = sign(master, &a);
        }
        [0, 1].map(|side| Self::new(&block[16 * side..][..16], &block[32 + 4 * side..][..4], false))
    }

    fn seal(&mut self, kind: u8, content: &[u8]) -> Vec<u8> {
        let seq = self.seq.to_be_bytes();
        self.seq += 1;
        if self.is_tls13 {
            let mut sealed = [content, &[kind]].concat();
            let mut nonce: [u8; 12] = self.iv[..].try_into().unwrap();
            zip(&mut nonce[4..], seq).for_each(|(byte, with)| *byte ^= with);
            let header = [&[DATA, 3, 3][..], &(sealed.len() as u16 + 16).to_be_bytes()].concat();
            let nonce = Nonce::assume_unique_for_key(nonce);
            self.key.seal_in_place_append_tag(nonce, Aad::from(&header), &mut sealed).unwrap();
            return [header, sealed].concat();
        }
        let mut sealed = content.to_vec();
        let nonce = Nonce::assume_unique_for_key([&self.iv[..], &seq].concat().try_into().unwrap());
        let covered = [&seq[..], &[kind, 3, 3], &(content.len() as u16).to_be_bytes()].concat();
        self.key.seal_in_place_append_tag(nonce, Aad::from(&covered), &mut sealed).unwrap();
        record(kind, [3, 3], &[&seq[..], &sealed].concat())
    }
}

fn sign(secret: &[u8], bytes: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), bytes).as_ref().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |digits, byte| digits + &format!("{byte:02x}"))
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind, 0, 0, body.len() as u8][..], body].concat()
}

fn record(kind: u8, [major, minor]: [u8; 2], payload: &[u8]) -> Vec<u8> {
    [&[kind, major, minor][..], &(payload.len() as u16).to_be_bytes(), payload].concat()
}

/// The hellos of client and server, which agree on a suite.
fn hellos([high, low]: [u8; 2], extensions: &[u8]) -> [Vec<u8>; 2] {
    let client = [&[3, 3][..], &RANDOMS[CLIENT], &[0, 0, 2, high, low, 1, 0, 0, 0]].concat();
    let server = [&[3, 3][..], &RANDOMS[SERVER], &[0, high, low, 0], extensions].concat();
    [record(HANDSHAKE, [3, 1], &message(1, &client)), record(HANDSHAKE, [3, 3], &message(2, &server))]
}
