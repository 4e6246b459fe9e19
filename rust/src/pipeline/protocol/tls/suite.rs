//! The cipher suites that are read, and what each is made of.

/// Hash function of the key schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hash {
    /// SHA-256, also where RFC 5246 leaves the choice to the protocol.
    Sha256,
    /// SHA-384.
    Sha384,
}

/// Code that authenticates the records of a suite with CBC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mac {
    /// HMAC with SHA-1.
    Sha1,
    /// HMAC with SHA-256.
    Sha256,
    /// HMAC with SHA-384.
    Sha384,
}

impl Mac {
    /// Length of the code, which is the length of its key as well.
    pub fn length(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
        }
    }
}

/// What encrypts the records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bulk {
    /// AES in Galois/counter mode with a key of 128 bits.
    Aes128Gcm,
    /// The same with a key of 256 bits.
    Aes256Gcm,
    /// `ChaCha20` with Poly1305.
    ChaCha20,
    /// AES in CBC mode with a key of 128 bits.
    Aes128Cbc(Mac),
    /// The same with a key of 256 bits.
    Aes256Cbc(Mac),
}

impl Bulk {
    /// Length of the key.
    pub fn key(self) -> usize {
        match self {
            Self::Aes128Gcm | Self::Aes128Cbc(_) => 16,
            Self::Aes256Gcm | Self::ChaCha20 | Self::Aes256Cbc(_) => 32,
        }
    }

    /// The code of a suite with CBC.
    pub fn mac(self) -> Option<Mac> {
        match self {
            Self::Aes128Cbc(mac) | Self::Aes256Cbc(mac) => Some(mac),
            Self::Aes128Gcm | Self::Aes256Gcm | Self::ChaCha20 => None,
        }
    }
}

/// A cipher suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Suite {
    /// What encrypts the records.
    pub bulk: Bulk,
    /// The hash function of the key schedule.
    pub hash: Hash,
    /// True for the suites of TLS 1.3.
    pub is_tls13: bool,
}

const fn old(bulk: Bulk, hash: Hash) -> Suite {
    Suite { bulk, hash, is_tls13: false }
}

const fn new(bulk: Bulk, hash: Hash) -> Suite {
    Suite { bulk, hash, is_tls13: true }
}

/// The suites by their numbers (IANA's registry of TLS cipher suites). How keys are exchanged makes no difference here.
static SUITES: [(&[u16], Suite); 13] = [
    (&[0x1301], new(Bulk::Aes128Gcm, Hash::Sha256)),
    (&[0x1302], new(Bulk::Aes256Gcm, Hash::Sha384)),
    (&[0x1303], new(Bulk::ChaCha20, Hash::Sha256)),
    (
        &[
            0xc02f, 0xc02b, 0x009c, 0x009e, 0x00a0, 0x00a2, 0x00a4, 0x00a6, 0x00a8, 0x00aa, 0x00ac, 0xc02d, 0xc031,
            0xd001,
        ],
        old(Bulk::Aes128Gcm, Hash::Sha256),
    ),
    (
        &[
            0xc030, 0xc02c, 0x009d, 0x009f, 0x00a1, 0x00a3, 0x00a5, 0x00a7, 0x00a9, 0x00ab, 0x00ad, 0xc02e, 0xc032,
            0xd002,
        ],
        old(Bulk::Aes256Gcm, Hash::Sha384),
    ),
    (&[0xcca8, 0xcca9, 0xccaa, 0xccab, 0xccac, 0xccad, 0xccae], old(Bulk::ChaCha20, Hash::Sha256)),
    (
        &[
            0xc013, 0xc009, 0x002f, 0x0030, 0x0031, 0x0032, 0x0033, 0x0034, 0x008c, 0x0090, 0x0094, 0xc004, 0xc00e,
            0xc018, 0xc035,
        ],
        old(Bulk::Aes128Cbc(Mac::Sha1), Hash::Sha256),
    ),
    (
        &[
            0xc014, 0xc00a, 0x0035, 0x0036, 0x0037, 0x0038, 0x0039, 0x003a, 0x008d, 0x0091, 0x0095, 0xc005, 0xc00f,
            0xc019, 0xc036,
        ],
        old(Bulk::Aes256Cbc(Mac::Sha1), Hash::Sha256),
    ),
    (
        &[0xc027, 0xc023, 0x003c, 0x003e, 0x003f, 0x0040, 0x0067, 0x006c, 0xc025, 0xc029],
        old(Bulk::Aes128Cbc(Mac::Sha256), Hash::Sha256),
    ),
    (&[0x003d, 0x0068, 0x0069, 0x006a, 0x006b, 0x006d], old(Bulk::Aes256Cbc(Mac::Sha256), Hash::Sha256)),
    (&[0xc028, 0xc024, 0xc026, 0xc02a], old(Bulk::Aes256Cbc(Mac::Sha384), Hash::Sha384)),
    (&[0x00ae, 0x00b2, 0x00b6, 0xc037], old(Bulk::Aes128Cbc(Mac::Sha256), Hash::Sha256)),
    (&[0x00af, 0x00b3, 0x00b7, 0xc038], old(Bulk::Aes256Cbc(Mac::Sha384), Hash::Sha384)),
];

/// Finds a suite by its number; `None` if it is not read.
pub fn find(number: u16) -> Option<Suite> {
    SUITES.iter().find(|(numbers, _)| numbers.contains(&number)).map(|&(_, suite)| suite)
}
