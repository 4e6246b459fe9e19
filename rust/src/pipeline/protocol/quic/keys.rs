//! The keys of `Initial` packets (RFC 9001 §5.2, RFC 9369 §3.3), which follow from a connection id, and the packets that
//! they open.

use ring::aead::quic::{AES_128, HeaderProtectionKey};
use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};

use super::packet::{QuicPacket, V2};
use crate::pipeline::steps;

const SALT_V1: [u8; 20] = [
    0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17, 0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad, 0xcc, 0xbb, 0x7f,
    0x0a,
];
const SALT_V2: [u8; 20] = [
    0x0d, 0xed, 0xe3, 0xde, 0xf7, 0x00, 0xa6, 0xdb, 0x81, 0x93, 0x81, 0xbe, 0x6e, 0x26, 0x9d, 0xcb, 0xf9, 0xbd, 0x2e,
    0xd9,
];

/// The labels of key, initialisation vector and header protection.
const LABELS_V1: [&str; 3] = ["quic key", "quic iv", "quic hp"];
const LABELS_V2: [&str; 3] = ["quicv2 key", "quicv2 iv", "quicv2 hp"];

#[cfg(test)]
const TAG: usize = 16;
const SAMPLE: usize = 16;
const MAX_NUMBER: usize = 4;

/// The keys of one side.
pub struct SideKeys {
    key: LessSafeKey,
    iv: [u8; 12],
    mask: HeaderProtectionKey,
    /// The largest packet number so far, plus one.
    next: u64,
}

impl std::fmt::Debug for SideKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SideKeys")
    }
}

/// A length of output.
#[derive(Clone, Copy)]
struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

/// RFC 8446 §7.1.
fn expand<const N: usize>(secret: &Prk, label: &str) -> Option<[u8; N]> {
    let (length, label_length) = ((N as u16).to_be_bytes(), [6 + label.len() as u8]);
    let info = [&length[..], &label_length, b"tls13 ", label.as_bytes(), &[0]];
    let mut out = [0; N];
    secret.expand(&info, Length(N)).and_then(|okm| okm.fill(&mut out)).ok()?;
    Some(out)
}

impl SideKeys {
    /// The keys of the client's or the server's `Initial` packets in a version. `id` is the first connection id that the
    /// client has sent to.
    pub fn new(version: u32, id: &[u8], of_client: bool) -> Option<Self> {
        steps::add(1);
        let (salt, [key, iv, mask]) = if version == V2 { (SALT_V2, LABELS_V2) } else { (SALT_V1, LABELS_V1) };
        let initial = Salt::new(HKDF_SHA256, &salt).extract(id);
        let secret: [u8; 32] = expand(&initial, if of_client { "client in" } else { "server in" })?;
        let secret = Prk::new_less_safe(HKDF_SHA256, &secret);
        let (key, mask): ([u8; 16], [u8; 16]) = (expand(&secret, key)?, expand(&secret, mask)?);
        Some(Self {
            key: LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key).ok()?),
            iv: expand(&secret, iv)?,
            mask: HeaderProtectionKey::new(&AES_128, &mask).ok()?,
            next: 0,
        })
    }

    /// Decrypts an `Initial` packet. Returns its frames, or `None` if the packet is not protected with these keys.
    pub fn open(&mut self, packet: &QuicPacket<'_>) -> Option<Vec<u8>> {
        steps::add(packet.bytes.len());
        let (bytes, at) = (packet.bytes, packet.number_at);
        let mask = self.mask.new_mask(bytes.get(at + MAX_NUMBER..at + MAX_NUMBER + SAMPLE)?).ok()?;
        let mut head = bytes.get(..at + MAX_NUMBER)?.to_vec();
        head[0] ^= mask[0] & 0x0f;
        let length = usize::from(head[0] & 3) + 1;
        head.truncate(at + length);
        head[at..].iter_mut().zip(&mask[1..]).for_each(|(byte, mask)| *byte ^= mask);
        let number = head[at..].iter().fold(0, |number, &byte| number << 8 | u64::from(byte));
        let number = self.whole(number, 8 * length as u32);
        let nonce = Nonce::assume_unique_for_key(self.nonce(number));
        let mut frames = bytes[at + length..].to_vec();
        let plain = self.key.open_in_place(nonce, Aad::from(&head), &mut frames).ok()?.len();
        frames.truncate(plain);
        self.next = self.next.max(number + 1);
        Some(frames)
    }

    /// The packet number that ends in these bits and is the closest to the next one (RFC 9000 appendix A.3).
    fn whole(&self, number: u64, bits: u32) -> u64 {
        let (window, expected) = (1 << bits, self.next);
        let candidate = expected & !(window - 1) | number;
        if candidate + window / 2 <= expected {
            candidate + window
        } else if candidate > expected + window / 2 && candidate >= window {
            candidate - window
        } else {
            candidate
        }
    }

    fn nonce(&self, number: u64) -> [u8; 12] {
        let mut nonce = self.iv;
        nonce[4..].iter_mut().zip(number.to_be_bytes()).for_each(|(byte, number)| *byte ^= number);
        nonce
    }

    /// Protects frames: makes an `Initial` packet of the header `head`, which ends in a packet number of four bytes.
    #[cfg(test)]
    pub fn seal(&self, head: &[u8], number: u32, frames: &[u8]) -> Vec<u8> {
        let at = head.len() - MAX_NUMBER;
        let nonce = Nonce::assume_unique_for_key(self.nonce(number.into()));
        let mut sealed = frames.to_vec();
        self.key.seal_in_place_append_tag(nonce, Aad::from(head), &mut sealed).unwrap();
        let mut packet = [head, &sealed].concat();
        let mask = self.mask.new_mask(&packet[at + MAX_NUMBER..][..SAMPLE]).unwrap();
        packet[0] ^= mask[0] & 0x0f;
        packet[at..at + MAX_NUMBER].iter_mut().zip(&mask[1..]).for_each(|(byte, mask)| *byte ^= mask);
        packet
    }
}

/// Bytes that protection adds to the frames of a packet: the number, as tests write it, and the tag.
#[cfg(test)]
pub const OVERHEAD: usize = MAX_NUMBER + TAG;
