//! Connections of TLS 1.3 that a test seals itself, with keys of its own.

use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

use super::super::schedule::expand_label;
use super::super::suite::Hash;

/// Content types.
pub const ALERT: u8 = 21;
pub const HANDSHAKE: u8 = 22;
pub const DATA: u8 = 23;

/// A message that asks for new keys (RFC 8446 §4.6.3).
pub const KEY_UPDATE: &[u8] = &[24, 0, 0, 1, 0];

/// Seals the records of one direction with `TLS_AES_128_GCM_SHA256`.
#[derive(Clone, Debug)]
pub struct Sealer {
    secret: [u8; 32],
    seq: u64,
}

impl Sealer {
    pub fn new(number: u8) -> Self {
        Self { secret: [number; 32], seq: 0 }
    }

    pub fn seal(&mut self, kind: u8, content: &[u8]) -> Vec<u8> {
        let (mut key, mut iv) = ([0; 16], [0; 12]);
        expand_label(Hash::Sha256, &self.secret, "key", &mut key);
        expand_label(Hash::Sha256, &self.secret, "iv", &mut iv);
        iv[4..].iter_mut().zip(self.seq.to_be_bytes()).for_each(|(byte, with)| *byte ^= with);
        self.seq += 1;
        let mut sealed = [content, &[kind]].concat();
        let header = [&[DATA, 3, 3][..], &(sealed.len() as u16 + 16).to_be_bytes()].concat();
        let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key).unwrap());
        key.seal_in_place_append_tag(Nonce::assume_unique_for_key(iv), Aad::from(&header), &mut sealed).unwrap();
        [header, sealed].concat()
    }

    /// Goes on with the next keys.
    pub fn update(&mut self) {
        let mut next = [0; 32];
        expand_label(Hash::Sha256, &self.secret, "traffic upd", &mut next);
        *self = Self { secret: next, seq: 0 };
    }
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind, 0, 0, body.len() as u8][..], body].concat()
}

fn plain(message: &[u8]) -> Vec<u8> {
    [&[HANDSHAKE, 3, 3][..], &(message.len() as u16).to_be_bytes(), message].concat()
}

/// What client, server and client send before any data, with one end of the handshake in each.
pub fn handshake() -> [Vec<u8>; 3] {
    let client = [&[3, 3][..], &[7; 32], &[0, 0, 2, 0x13, 1, 1, 0, 0, 0]].concat();
    let server = [&[3, 3][..], &[9; 32], &[0, 0x13, 1, 0, 0, 6, 0, 43, 0, 2, 3, 4]].concat();
    let finished = message(20, &[1; 32]);
    let told = [message(8, &[0, 0]), finished.clone()].concat();
    let answer = [plain(&message(2, &server)), Sealer::new(2).seal(HANDSHAKE, &told)].concat();
    [plain(&message(1, &client)), answer, Sealer::new(1).seal(HANDSHAKE, &finished)]
}

/// The sealers of client and server behind the handshake.
pub fn sealers() -> [Sealer; 2] {
    [Sealer::new(3), Sealer::new(4)]
}

/// The lines of the key log.
pub fn keylog() -> Vec<String> {
    let labels = [
        "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
        "SERVER_HANDSHAKE_TRAFFIC_SECRET",
        "CLIENT_TRAFFIC_SECRET_0",
        "SERVER_TRAFFIC_SECRET_0",
    ];
    let line =
        |(number, label): (u8, &str)| format!("{label} {} {}", "07".repeat(32), format!("{number:02x}").repeat(32));
    (1..).zip(labels).map(line).collect()
}
