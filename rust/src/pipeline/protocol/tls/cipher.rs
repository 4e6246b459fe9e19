//! Opens records: the key of one direction, and the ciphertext of a record, give its content type and plaintext.
//!
//! A direction keeps only what its cipher is made from. The cipher itself, which is five times as large, is kept for
//! the directions that were active last, and is made again for the others.

use aes::cipher::block_padding::NoPadding;
use aes::cipher::{BlockDecryptMut, KeyIvInit};
use ring::aead::{self, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::hmac;
use zeroize::{Zeroize, Zeroizing};

use super::keys::Secret;
use super::schedule::{expand_label, prf};
use super::suite::{Bulk, Mac, Suite};

/// Length of a record header: type, version and length.
pub const HEADER: usize = 5;
/// Length of the tag of all AEAD ciphers here.
const TAG: usize = 16;
/// Length of the nonce of all AEAD ciphers here.
const NONCE: usize = 12;
/// Length of the part of the nonce that records with AES-GCM carry in TLS 1.2 (RFC 5288 §3).
const EXPLICIT: usize = 8;
/// Block of AES.
const BLOCK: usize = 16;

/// Room for what a cipher is made from: a secret of TLS 1.3; or a key and, behind it, an initialisation vector.
const MATERIAL: usize = 48;

/// Longest key of a message authentication code.
const MAX_MAC: usize = 48;

/// What the cipher of one direction is made from. It is wiped when it is dropped.
pub struct Protection {
    suite: Suite,
    /// Names the cipher in [`Ciphers`].
    id: u64,
    /// True if the authentication code covers the ciphertext (RFC 7366).
    encrypts_first: bool,
    /// Length of the secret in TLS 1.3.
    length: u8,
    material: [u8; MATERIAL],
    /// The key of the message authentication code; only CBC has one.
    mac: Option<Box<Zeroizing<[u8; MAX_MAC]>>>,
}

impl std::fmt::Debug for Protection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Protection by {:?}", self.suite.bulk)
    }
}

impl Drop for Protection {
    fn drop(&mut self) {
        self.material.zeroize();
    }
}

/// The random values of client and server, which go into the keys of TLS 1.2.
pub struct Randoms<'a> {
    /// That of the client.
    pub client: &'a [u8; 32],
    /// That of the server.
    pub server: &'a [u8; 32],
}

impl Protection {
    /// The protection of TLS 1.3 from a traffic secret.
    pub fn tls13(suite: Suite, secret: &Secret, ciphers: &mut Ciphers) -> Self {
        let mut this = Self::empty(suite, ciphers);
        this.length = secret.bytes().len() as u8;
        this.material[..secret.bytes().len()].copy_from_slice(secret.bytes());
        this
    }

    /// The protection of TLS 1.2 from the master secret (RFC 5246 §6.3). The extended master secret of RFC 7627 makes no
    /// difference here: key logs hold the secret that results.
    pub fn tls12(
        suite: Suite,
        master: &Secret,
        randoms: &Randoms<'_>,
        is_client: bool,
        encrypts_first: bool,
        ciphers: &mut Ciphers,
    ) -> Self {
        let (key, mac) = (suite.bulk.key(), suite.bulk.mac().map_or(0, Mac::length));
        let iv = match suite.bulk {
            Bulk::Aes128Gcm | Bulk::Aes256Gcm => NONCE - EXPLICIT,
            Bulk::ChaCha20 => NONCE,
            // Each record carries its own.
            Bulk::Aes128Cbc(_) | Bulk::Aes256Cbc(_) => 0,
        };
        let mut block = Zeroizing::new([0; 2 * (32 + MAX_MAC + NONCE)]);
        let block = &mut block[..2 * (mac + key + iv)];
        prf(suite.hash, master.bytes(), "key expansion", [randoms.server, randoms.client], block);
        let own = |before: usize, length: usize| {
            let at = 2 * before + if is_client { 0 } else { length };
            at..at + length
        };
        let mut this = Self::empty(suite, ciphers);
        this.encrypts_first = encrypts_first;
        this.material[..key].copy_from_slice(&block[own(mac, key)]);
        this.material[32..][..iv].copy_from_slice(&block[own(mac + key, iv)]);
        if mac > 0 {
            let mut code = Box::new(Zeroizing::new([0; MAX_MAC]));
            code[..mac].copy_from_slice(&block[own(0, mac)]);
            this.mac = Some(code);
        }
        block.zeroize();
        this
    }

    fn empty(suite: Suite, ciphers: &mut Ciphers) -> Self {
        ciphers.newest += 1;
        Self { suite, id: ciphers.newest, encrypts_first: false, length: 0, material: [0; MATERIAL], mac: None }
    }

    /// The protection after a `KeyUpdate` (RFC 8446 §7.2).
    pub fn next(&self, ciphers: &mut Ciphers) -> Self {
        let length = usize::from(self.length);
        let mut next = Self::empty(self.suite, ciphers);
        next.length = self.length;
        expand_label(self.suite.hash, &self.material[..length], "traffic upd", &mut next.material[..length]);
        next
    }

    /// True if records carry nothing of unknown length beside their content: all but CBC.
    pub fn is_exact(&self) -> bool {
        self.suite.bulk.mac().is_none()
    }

    /// Bytes of a record beside its content, header included; the least number for CBC.
    pub fn overhead(&self) -> usize {
        HEADER
            + match self.suite.bulk {
                // The tag and the content type.
                _ if self.suite.is_tls13 => TAG + 1,
                Bulk::ChaCha20 => TAG,
                Bulk::Aes128Gcm | Bulk::Aes256Gcm => EXPLICIT + TAG,
                Bulk::Aes128Cbc(mac) | Bulk::Aes256Cbc(mac) => BLOCK + mac.length() + 1,
            }
    }

    /// Opens the record with the sequence number `seq`, in place. Returns its content type, and its content. If it is
    /// not authentic, returns `None`, and the record is not usable any more.
    pub fn open<'r>(&self, seq: u64, record: &'r mut [u8], ciphers: &mut Ciphers) -> Option<Content<'r>> {
        let (header, payload) = record.split_first_chunk_mut::<HEADER>()?;
        if let Some(mac) = self.suite.bulk.mac() {
            return self.open_cbc(mac, seq, *header, payload);
        }
        let Cipher { key, iv, .. } = ciphers.cipher(self)?;
        let mut nonce = *iv;
        if self.suite.is_tls13 {
            mix(&mut nonce, seq);
            let open = key.open_in_place(Nonce::assume_unique_for_key(nonce), Aad::from(*header), payload).ok()?;
            // RFC 8446 §5.4: the content type is the last byte that is not zero.
            let end = open.iter().rposition(|&byte| byte != 0)?;
            let (bytes, rest) = open.split_at(end);
            return Some(Content { kind: rest[0], bytes, is_padded: rest.len() > 1 });
        }
        let explicit = if self.suite.bulk == Bulk::ChaCha20 { 0 } else { EXPLICIT };
        let (sent, sealed) = payload.split_at_mut_checked(explicit)?;
        if explicit > 0 {
            nonce[NONCE - EXPLICIT..].copy_from_slice(sent);
        } else {
            mix(&mut nonce, seq);
        }
        let length = sealed.len().checked_sub(TAG)?;
        let aad = Aad::from(implicit(seq, *header, length));
        let bytes = key.open_in_place(Nonce::assume_unique_for_key(nonce), aad, sealed).ok()?;
        Some(Content { kind: header[0], bytes, is_padded: false })
    }

    /// Opens a record with CBC (RFC 5246 §6.2.3.2). There is nobody who could measure the time that this takes.
    fn open_cbc<'r>(&self, mac: Mac, seq: u64, header: [u8; HEADER], payload: &'r mut [u8]) -> Option<Content<'r>> {
        let length = mac.length();
        let algorithm = match mac {
            Mac::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            Mac::Sha256 => hmac::HMAC_SHA256,
            Mac::Sha384 => hmac::HMAC_SHA384,
        };
        let key = hmac::Key::new(algorithm, &self.mac.as_ref()?[..length]);
        let is_authentic = |prefix: [u8; 13], bytes: &[u8], code: &[u8]| {
            let mut context = hmac::Context::with_key(&key);
            context.update(&prefix);
            context.update(bytes);
            context.sign().as_ref() == code
        };
        let sealed = if self.encrypts_first {
            let (sealed, code) = payload.split_at_mut_checked(payload.len().checked_sub(length)?)?;
            if !is_authentic(implicit(seq, header, sealed.len()), sealed, code) {
                return None;
            }
            sealed
        } else {
            payload
        };
        let (iv, sealed) = sealed.split_first_chunk_mut::<BLOCK>()?;
        let open: &[u8] = match self.suite.bulk {
            Bulk::Aes128Cbc(_) => cbc::Decryptor::<aes::Aes128>::new_from_slices(&self.material[..16], iv)
                .ok()?
                .decrypt_padded_mut::<NoPadding>(sealed)
                .ok()?,
            _ => cbc::Decryptor::<aes::Aes256>::new_from_slices(&self.material[..32], iv)
                .ok()?
                .decrypt_padded_mut::<NoPadding>(sealed)
                .ok()?,
        };
        let (&padding, rest) = open.split_last()?;
        let end = rest.len().checked_sub(usize::from(padding))?;
        let (rest, padded) = rest.split_at(end);
        if padded.iter().any(|&byte| byte != padding) {
            return None;
        }
        if self.encrypts_first {
            return Some(Content { kind: header[0], bytes: rest, is_padded: true });
        }
        let (bytes, code) = rest.split_at_checked(rest.len().checked_sub(length)?)?;
        let is_whole = is_authentic(implicit(seq, header, bytes.len()), bytes, code);
        is_whole.then_some(Content { kind: header[0], bytes, is_padded: true })
    }
}

/// What a record holds.
#[derive(Debug, PartialEq, Eq)]
pub struct Content<'a> {
    /// Its content type.
    pub kind: u8,
    /// Its plaintext.
    pub bytes: &'a [u8],
    /// True if the length of the ciphertext does not tell that of the plaintext.
    pub is_padded: bool,
}

/// RFC 8446 §5.3 and RFC 7905 §2: the sequence number is added to the end of the vector.
fn mix(nonce: &mut [u8; NONCE], seq: u64) {
    for (byte, with) in nonce[NONCE - 8..].iter_mut().zip(seq.to_be_bytes()) {
        *byte ^= with;
    }
}

/// What is authenticated beside the content in TLS 1.2: sequence number, type, version and length.
fn implicit(seq: u64, [kind, major, minor, ..]: [u8; HEADER], length: usize) -> [u8; 13] {
    let mut bytes = [0; 13];
    bytes[..8].copy_from_slice(&seq.to_be_bytes());
    bytes[8..11].copy_from_slice(&[kind, major, minor]);
    bytes[11..].copy_from_slice(&(length as u16).to_be_bytes());
    bytes
}

/// The number of ciphers that are kept ready: some 150 KB.
const SLOTS: u64 = 256;

/// A cipher that is ready, with its initialisation vector.
struct Cipher {
    /// The [`Protection`] from which it was made; 0 for none.
    id: u64,
    iv: [u8; NONCE],
    key: LessSafeKey,
}

/// The ciphers of a worker that were used last. One that is not needed any more is overwritten.
#[derive(Default)]
pub struct Ciphers {
    newest: u64,
    slots: Vec<Cipher>,
}

impl std::fmt::Debug for Ciphers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ciphers", self.slots.len())
    }
}

impl Ciphers {
    /// The cipher of a protection, which may have to be made.
    fn cipher(&mut self, of: &Protection) -> Option<&Cipher> {
        if self.slots.is_empty() {
            let blank = || Some(Cipher { id: 0, iv: [0; NONCE], key: blank()? });
            self.slots = (0..SLOTS).map_while(|_| blank()).collect();
        }
        let slot = self.slots.get_mut((of.id % SLOTS) as usize)?;
        if slot.id != of.id {
            let mut key = Zeroizing::new([0; 32]);
            let key = &mut key[..of.suite.bulk.key()];
            if of.suite.is_tls13 {
                let secret = &of.material[..usize::from(of.length)];
                expand_label(of.suite.hash, secret, "key", key);
                expand_label(of.suite.hash, secret, "iv", &mut slot.iv);
            } else {
                key.copy_from_slice(&of.material[..key.len()]);
                slot.iv.copy_from_slice(&of.material[32..][..NONCE]);
            }
            let algorithm = match of.suite.bulk {
                Bulk::Aes128Gcm => &aead::AES_128_GCM,
                Bulk::Aes256Gcm => &aead::AES_256_GCM,
                _ => &aead::CHACHA20_POLY1305,
            };
            slot.key = LessSafeKey::new(UnboundKey::new(algorithm, key).ok()?);
            slot.id = of.id;
            key.zeroize();
        }
        Some(slot)
    }

    /// Overwrites the cipher of a protection that is not needed any more.
    pub fn forget(&mut self, of: &Protection) {
        if let Some(slot) = self.slots.get_mut((of.id % SLOTS) as usize)
            && slot.id == of.id
            && let Some(key) = blank()
        {
            *slot = Cipher { id: 0, iv: [0; NONCE], key };
        }
    }
}

impl Drop for Ciphers {
    fn drop(&mut self) {
        for slot in &mut self.slots {
            slot.iv.zeroize();
            if let Some(key) = blank() {
                slot.key = key;
            }
        }
    }
}

/// A key that protects nothing, to overwrite others with.
fn blank() -> Option<LessSafeKey> {
    UnboundKey::new(&aead::AES_256_GCM, &[0; 32]).ok().map(LessSafeKey::new)
}
