//! A peer that seals records of TLS, written from RFC 8446 and RFC 5246 alone, so that it shares no mistake with the
//! code that opens them.

use cbc::cipher::block_padding::NoPadding;
use cbc::cipher::{BlockEncryptMut, KeyIvInit};
use ring::aead::{self, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::{hkdf, hmac};

pub const CHANGE_CIPHER_SPEC: u8 = 20;
pub const ALERT: u8 = 21;
pub const HANDSHAKE: u8 = 22;
pub const DATA: u8 = 23;

/// How records are sealed.
#[derive(Clone, Copy, Debug)]
enum Bulk {
    Aead(&'static aead::Algorithm),
    /// AES-128-CBC with HMAC-SHA-1; the flag tells whether the code covers the ciphertext.
    Cbc(bool),
}

/// A cipher suite.
#[derive(Clone, Copy, Debug)]
pub struct Suite {
    number: u16,
    pub is_tls13: bool,
    hash: Hash,
    bulk: Bulk,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hash {
    Sha256,
    Sha384,
}

const fn suite(number: u16, is_tls13: bool, hash: Hash, bulk: Bulk) -> Suite {
    Suite { number, is_tls13, hash, bulk }
}

/// One suite for each way to seal.
pub static SUITES: [Suite; 8] = [
    suite(0x1301, true, Hash::Sha256, Bulk::Aead(&aead::AES_128_GCM)),
    suite(0x1302, true, Hash::Sha384, Bulk::Aead(&aead::AES_256_GCM)),
    suite(0x1303, true, Hash::Sha256, Bulk::Aead(&aead::CHACHA20_POLY1305)),
    suite(0xc02f, false, Hash::Sha256, Bulk::Aead(&aead::AES_128_GCM)),
    suite(0xc030, false, Hash::Sha384, Bulk::Aead(&aead::AES_256_GCM)),
    suite(0xcca8, false, Hash::Sha256, Bulk::Aead(&aead::CHACHA20_POLY1305)),
    suite(0xc013, false, Hash::Sha256, Bulk::Cbc(false)),
    suite(0xc013, false, Hash::Sha256, Bulk::Cbc(true)),
];

impl Suite {
    /// Length of the secrets of TLS 1.3, or of the master secret of TLS 1.2.
    pub fn secret_length(&self) -> usize {
        if self.is_tls13 && self.hash == Hash::Sha256 { 32 } else { 48 }
    }

    pub fn encrypts_first(&self) -> bool {
        matches!(self.bulk, Bulk::Cbc(true))
    }

    /// HKDF-Expand-Label(secret, label, "", length) of RFC 8446 §7.1.
    fn expand(&self, secret: &[u8], label: &str, length: usize) -> Vec<u8> {
        struct Length(usize);
        impl hkdf::KeyType for Length {
            fn len(&self) -> usize {
                self.0
            }
        }
        let algorithm = if self.hash == Hash::Sha256 { hkdf::HKDF_SHA256 } else { hkdf::HKDF_SHA384 };
        let label = format!("tls13 {label}");
        let info = [&(length as u16).to_be_bytes()[..], &[label.len() as u8], label.as_bytes(), &[0]];
        let mut output = vec![0; length];
        let made = hkdf::Prk::new_less_safe(algorithm, secret);
        made.expand(&info, Length(length)).and_then(|made| made.fill(&mut output)).expect("a short output");
        output
    }

    /// The key block of RFC 5246 §6.3.
    fn key_block(&self, master: &[u8], length: usize) -> Vec<u8> {
        let algorithm = if self.hash == Hash::Sha256 { hmac::HMAC_SHA256 } else { hmac::HMAC_SHA384 };
        let key = hmac::Key::new(algorithm, master);
        let seed = [&b"key expansion"[..], &SERVER_RANDOM, &CLIENT_RANDOM].concat();
        let (mut block, mut a) = (Vec::new(), seed.clone());
        while block.len() < length {
            a = hmac::sign(&key, &a).as_ref().to_vec();
            block.extend_from_slice(hmac::sign(&key, &[&a[..], &seed].concat()).as_ref());
        }
        block.truncate(length);
        block
    }
}

pub const CLIENT_RANDOM: [u8; 32] = [7; 32];
const SERVER_RANDOM: [u8; 32] = [9; 32];

/// Seals the records of one direction.
#[derive(Clone, Debug)]
pub struct Sealer {
    suite: Suite,
    secret: Vec<u8>,
    key: Vec<u8>,
    iv: Vec<u8>,
    mac: Vec<u8>,
    seq: u64,
}

impl Sealer {
    /// The sealer with a secret of TLS 1.3, or with the master secret of TLS 1.2.
    pub fn new(suite: Suite, secret: Vec<u8>, is_client: bool) -> Self {
        let (key, mac) = match suite.bulk {
            Bulk::Aead(algorithm) => (algorithm.key_len(), 0),
            Bulk::Cbc(_) => (16, 20),
        };
        if suite.is_tls13 {
            let [key, iv] = [("key", key), ("iv", 12)].map(|(label, length)| suite.expand(&secret, label, length));
            return Self { suite, secret, key, iv, mac: Vec::new(), seq: 0 };
        }
        let iv = match suite.bulk {
            Bulk::Cbc(_) => 0,
            Bulk::Aead(_) if suite.number == 0xcca8 => 12,
            Bulk::Aead(_) => 4,
        };
        let block = suite.key_block(&secret, 2 * (mac + key + iv));
        let mut at = 0;
        let mut next = |length: usize| {
            let both = &block[at..at + 2 * length];
            at += 2 * length;
            if is_client { both[..length].to_vec() } else { both[length..].to_vec() }
        };
        let [mac, key, iv] = [mac, key, iv].map(&mut next);
        Self { suite, secret, key, iv, mac, seq: 0 }
    }

    /// Goes on with the next keys of TLS 1.3.
    pub fn update(&mut self) {
        let secret = self.suite.expand(&self.secret, "traffic upd", self.secret.len());
        *self = Self::new(self.suite, secret, false);
    }

    /// Seals a record with `padding` units of padding: zeros in TLS 1.3, blocks with CBC.
    pub fn seal(&mut self, kind: u8, content: &[u8], padding: usize) -> Vec<u8> {
        let seq = self.seq.to_be_bytes();
        self.seq += 1;
        let mixed = || {
            let mut nonce: [u8; 12] = self.iv[..].try_into().expect("twelve bytes");
            nonce[4..].iter_mut().zip(seq).for_each(|(byte, with)| *byte ^= with);
            nonce
        };
        let implicit = |length: usize| [&seq[..], &header(kind, length)].concat();
        let algorithm = match self.suite.bulk {
            Bulk::Aead(algorithm) => algorithm,
            Bulk::Cbc(encrypts_first) => return self.seal_cbc(kind, content, padding, encrypts_first, implicit),
        };
        let key = LessSafeKey::new(UnboundKey::new(algorithm, &self.key).expect("a key"));
        let seal = |nonce, aad: &[u8], mut bytes: Vec<u8>| {
            let nonce = Nonce::assume_unique_for_key(nonce);
            key.seal_in_place_append_tag(nonce, Aad::from(aad), &mut bytes).expect("a short record");
            bytes
        };
        if self.suite.is_tls13 {
            let inner = [content, &[kind], &vec![0; padding]].concat();
            let outer = header(DATA, inner.len() + 16);
            return [&outer[..], &seal(mixed(), &outer, inner)].concat();
        }
        let (nonce, sent) = if self.iv.len() == 12 {
            (mixed(), &b""[..])
        } else {
            ([&self.iv[..], &seq].concat().try_into().expect("twelve bytes"), &seq[..])
        };
        let sealed = seal(nonce, &implicit(content.len()), content.to_vec());
        record(kind, &[sent, &sealed].concat())
    }

    fn seal_cbc(
        &self,
        kind: u8,
        content: &[u8],
        padding: usize,
        encrypts_first: bool,
        implicit: impl Fn(usize) -> Vec<u8>,
    ) -> Vec<u8> {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &self.mac);
        let code = |bytes: &[u8]| hmac::sign(&key, &[&implicit(bytes.len())[..], bytes].concat()).as_ref().to_vec();
        let mut bytes = content.to_vec();
        if !encrypts_first {
            bytes.extend(code(content));
        }
        let padding = 15 - bytes.len() % 16 + 16 * padding.min(15);
        bytes.resize(bytes.len() + padding + 1, padding as u8);
        let iv = [self.seq as u8; 16];
        let length = bytes.len();
        let cipher = cbc::Encryptor::<aes::Aes128>::new_from_slices(&self.key, &iv).expect("a key");
        cipher.encrypt_padded_mut::<NoPadding>(&mut bytes, length).expect("whole blocks");
        let mut sealed = [&iv[..], &bytes].concat();
        if encrypts_first {
            sealed.extend(code(&sealed));
        }
        record(kind, &sealed)
    }
}

fn header(kind: u8, length: usize) -> [u8; 5] {
    let [high, low] = (length as u16).to_be_bytes();
    [kind, 3, 3, high, low]
}

/// A record that is not sealed.
pub fn record(kind: u8, payload: &[u8]) -> Vec<u8> {
    [&header(kind, payload.len()), payload].concat()
}

/// A handshake message.
pub fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind], &(body.len() as u32).to_be_bytes()[1..], body].concat()
}

/// The `early_data` extension.
const EARLY_DATA: [u8; 4] = [0, 42, 0, 0];

pub fn client_hello(offers_early: bool) -> Vec<u8> {
    let extensions = if offers_early { &EARLY_DATA[..] } else { b"" };
    let length = [0, extensions.len() as u8];
    message(1, &[&[3, 3][..], &CLIENT_RANDOM, &[0, 0, 2, 0x13, 1, 1, 0], &length, extensions].concat())
}

/// The answer of the server, or its request for another hello.
pub fn server_hello(suite: &Suite, is_retry: bool) -> Vec<u8> {
    /// RFC 8446 §4.1.3.
    const RETRY: [u8; 32] = *b"\xcf\x21\xad\x74\xe5\x9a\x61\x11\xbe\x1d\x8c\x02\x1e\x65\xb8\x91\
        \xc2\xa2\x11\x16\x7a\xbb\x8c\x5e\x07\x9e\x09\xe2\xc8\xa8\x33\x9c";
    let mut extensions = Vec::new();
    if suite.is_tls13 {
        extensions.extend([0, 43, 0, 2, 3, 4]);
    }
    if suite.encrypts_first() {
        extensions.extend([0, 22, 0, 0]);
    }
    let random = if is_retry { RETRY } else { SERVER_RANDOM };
    let (number, length) = (suite.number.to_be_bytes(), [0, extensions.len() as u8]);
    message(2, &[&[3, 3][..], &random, &[0], &number, &[0], &length, &extensions].concat())
}

pub fn encrypted_extensions(accepts_early: bool) -> Vec<u8> {
    let extensions = if accepts_early { &EARLY_DATA[..] } else { b"" };
    message(8, &[&[0, extensions.len() as u8], extensions].concat())
}

pub fn finished() -> Vec<u8> {
    message(20, &[1; 32])
}
