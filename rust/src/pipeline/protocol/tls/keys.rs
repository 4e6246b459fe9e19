//! The key store: the secrets of TLS connections, as key logs in the NSS format tell them, by the random value of the
//! client. Lines come in, secrets go out.
//!
//! One store serves all workers. The number of connections is bounded: the one whose first secret is the oldest is
//! dropped. Secrets are wiped from memory when they are dropped, and no text shows them.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use zeroize::{Zeroize, Zeroizing};

/// Limit on the connections whose secrets are kept: those of some minutes on a busy server, about 40 MB.
pub const MAX_CONNECTIONS: usize = 100_000;

/// The random value of a `ClientHello`, by which key logs name a connection.
pub type ClientRandom = [u8; 32];

/// The longest secret: the output of SHA-384, or the master secret of TLS 1.2.
pub const MAX_SECRET: usize = 48;

/// A secret. It is wiped when it is dropped, and `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    length: u8,
    bytes: [u8; MAX_SECRET],
}

impl Secret {
    /// Copies a secret; `None` if it is longer than [`MAX_SECRET`].
    pub fn new(bytes: &[u8]) -> Option<Self> {
        let mut secret = Self { length: bytes.len() as u8, bytes: [0; MAX_SECRET] };
        secret.bytes.get_mut(..bytes.len())?.copy_from_slice(bytes);
        Some(secret)
    }

    /// The bytes of the secret.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.bytes.zeroize();
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// Which secret of a connection a line holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Label {
    /// The master secret of TLS 1.2.
    Master,
    /// The secret of early data in TLS 1.3.
    Early,
    /// The secret of the client's handshake messages in TLS 1.3.
    ClientHandshake,
    /// The secret of the server's handshake messages in TLS 1.3.
    ServerHandshake,
    /// The secret of the client's first application data in TLS 1.3.
    ClientTraffic,
    /// The secret of the server's first application data in TLS 1.3.
    ServerTraffic,
}

/// The labels of the NSS key log format.
const LABELS: [(&[u8], Label); 6] = [
    (b"CLIENT_RANDOM", Label::Master),
    (b"CLIENT_EARLY_TRAFFIC_SECRET", Label::Early),
    (b"CLIENT_HANDSHAKE_TRAFFIC_SECRET", Label::ClientHandshake),
    (b"SERVER_HANDSHAKE_TRAFFIC_SECRET", Label::ServerHandshake),
    (b"CLIENT_TRAFFIC_SECRET_0", Label::ClientTraffic),
    (b"SERVER_TRAFFIC_SECRET_0", Label::ServerTraffic),
];

/// The secrets of a connection.
#[derive(Clone, Debug, Default)]
pub struct Secrets([Option<Secret>; LABELS.len()]);

impl Secrets {
    /// Returns a secret, if a line has told it.
    pub fn get(&self, label: Label) -> Option<&Secret> {
        self.0[label as usize].as_ref()
    }
}

/// What a line of a key log has told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Added {
    /// A secret that was not known.
    Secret,
    /// A secret that was known already.
    Known,
    /// Nothing that is read: an empty line, a comment, or another label, such as that of exporters.
    Nothing,
    /// The line does not have the format of a key log.
    Malformed,
}

/// Counts of a key store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Secrets that were added.
    pub secrets: u64,
    /// Secrets that were told again.
    pub known: u64,
    /// Lines that do not have the format of a key log.
    pub malformed: u64,
    /// Connections that were dropped because there were too many.
    pub dropped: u64,
}

/// The secrets of all connections.
pub struct Keys {
    /// Raised by each new secret, so that a reader knows without a lock that nothing has changed.
    generation: AtomicU64,
    table: Mutex<Table>,
    most: usize,
}

#[derive(Default)]
struct Table {
    secrets: HashMap<ClientRandom, Box<Secrets>>,
    /// The same connections, in the order of their first secrets.
    order: VecDeque<ClientRandom>,
    counts: Counts,
}

impl Default for Keys {
    fn default() -> Self {
        Self::new(MAX_CONNECTIONS)
    }
}

impl Keys {
    /// An empty store for the secrets of at most `most` connections.
    pub fn new(most: usize) -> Self {
        Self { generation: AtomicU64::new(0), table: Mutex::default(), most: most.max(1) }
    }

    /// Adds the secret of a line, with or without the end of the line.
    pub fn add_line(&self, line: &[u8]) -> Added {
        let told = read(line);
        let mut table = self.table();
        let added = match told {
            Read::Nothing => return Added::Nothing,
            Read::Malformed => Added::Malformed,
            Read::Secret(random, label, secret) => table.add(&random, label, secret, self.most),
        };
        table.counts.malformed += u64::from(added == Added::Malformed);
        table.counts.secrets += u64::from(added == Added::Secret);
        table.counts.known += u64::from(added == Added::Known);
        if added == Added::Secret {
            self.generation.fetch_add(1, Ordering::Release);
        }
        added
    }

    /// Tells that there is a key log, even if it is empty so far: TLS records are kept for a while, because their secrets
    /// may come.
    pub fn expect(&self) {
        self.generation.fetch_add(1, Ordering::Release);
    }

    /// True if secrets are known, or may come.
    #[inline]
    pub fn is_expected(&self) -> bool {
        self.generation() > 0
    }

    /// A number that changes whenever a secret is added.
    #[inline]
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Returns the secrets of the connection with this random value, as far as they are known.
    pub fn find(&self, random: &ClientRandom) -> Option<Secrets> {
        self.table().secrets.get(random).map(|secrets| Secrets::clone(secrets))
    }

    /// Number of connections whose secrets are known.
    pub fn len(&self) -> usize {
        self.table().secrets.len()
    }

    /// True if no secret is known.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What was counted since the store was made.
    pub fn counts(&self) -> Counts {
        self.table().counts
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keys of {} connections", self.len())
    }
}

impl Table {
    fn add(&mut self, random: &ClientRandom, label: Label, secret: Secret, most: usize) -> Added {
        if !self.secrets.contains_key(random) {
            while self.secrets.len() >= most
                && let Some(oldest) = self.order.pop_front()
            {
                self.secrets.remove(&oldest);
                self.counts.dropped += 1;
            }
            self.order.push_back(*random);
        }
        let known = &mut self.secrets.entry(*random).or_default().0[label as usize];
        if known.as_ref() == Some(&secret) {
            return Added::Known;
        }
        *known = Some(secret);
        Added::Secret
    }
}

/// A line of a key log.
enum Read {
    Secret(ClientRandom, Label, Secret),
    Nothing,
    Malformed,
}

/// Reads a line: a label, the random value of the client and a secret, with spaces between them.
fn read(line: &[u8]) -> Read {
    let line = line.trim_ascii();
    if line.is_empty() || line.starts_with(b"#") {
        return Read::Nothing;
    }
    let mut words = line.split(|&byte| byte == b' ');
    let [label, random, secret] = [(); 3].map(|()| words.next().unwrap_or_default());
    if words.next().is_some() || label.is_empty() || random.is_empty() || secret.is_empty() {
        return Read::Malformed;
    }
    let Some(&(_, label)) = LABELS.iter().find(|(name, _)| *name == label) else {
        // NSS also knows `RSA`, whose second word is shorter, and exporters have secrets of their own.
        let is_name = label.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_');
        return if is_name { Read::Nothing } else { Read::Malformed };
    };
    let mut id = [0; 32];
    let mut bytes = Zeroizing::new([0; MAX_SECRET]);
    match (hex(random, &mut id), hex(secret, &mut *bytes)) {
        // The secrets of TLS 1.3 have the length of the hash: SHA-256 or SHA-384.
        (Some(32), Some(length)) if length == MAX_SECRET || length == 32 && label != Label::Master => {
            Secret::new(&bytes[..length]).map_or(Read::Malformed, |secret| Read::Secret(id, label, secret))
        }
        _ => Read::Malformed,
    }
}

/// Reads hexadecimal digits. Returns the number of bytes, `None` if they do not fit or are no digits.
fn hex(digits: &[u8], into: &mut [u8]) -> Option<usize> {
    let value = |digit: u8| char::from(digit).to_digit(16);
    let count = digits.len() / 2;
    if digits.len() % 2 == 1 || count > into.len() {
        return None;
    }
    for (byte, pair) in into.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = (value(pair[0])? << 4 | value(pair[1])?) as u8;
    }
    Some(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn random(number: u8) -> String {
        format!("{number:02x}").repeat(32)
    }

    fn line(label: &str, number: u8, secret: u8, length: usize) -> String {
        format!("{label} {} {}", random(number), format!("{secret:02x}").repeat(length))
    }

    #[test]
    fn a_line_is_a_secret_or_nothing_or_malformed() {
        let table = [
            (line("CLIENT_RANDOM", 1, 2, 48), Added::Secret),
            (line("CLIENT_RANDOM", 1, 2, 48) + "\r\n", Added::Known),
            (line("CLIENT_RANDOM", 1, 3, 48).to_uppercase(), Added::Secret),
            (line("SERVER_TRAFFIC_SECRET_0", 1, 2, 32), Added::Secret),
            (line("CLIENT_TRAFFIC_SECRET_0", 1, 2, 48), Added::Secret),
            (line("EXPORTER_SECRET", 1, 2, 32), Added::Nothing),
            ("RSA 0102030405060708 0102".to_owned(), Added::Nothing),
            ("# SSL/TLS secrets log file".to_owned(), Added::Nothing),
            (" \n".to_owned(), Added::Nothing),
            (line("CLIENT_RANDOM", 1, 2, 47), Added::Malformed),
            (line("CLIENT_RANDOM", 1, 2, 32), Added::Malformed),
            (line("CLIENT_RANDOM", 1, 2, 49), Added::Malformed),
            (line("CLIENT_RANDOM", 1, 2, 48) + " 00", Added::Malformed),
            (line("CLIENT_RANDOM", 1, 2, 48).replace("01", "0g"), Added::Malformed),
            ("CLIENT_RANDOM 01".to_owned(), Added::Malformed),
            ("\u{7f}ELF \u{1} \u{2}".to_owned(), Added::Malformed),
        ];
        let keys = Keys::default();
        for (line, want) in &table {
            let before = keys.generation();
            assert_eq!(keys.add_line(line.as_bytes()), *want, "{line}");
            assert_eq!(keys.generation() > before, *want == Added::Secret, "{line}");
        }
        let malformed = table.iter().filter(|(_, want)| *want == Added::Malformed).count() as u64;
        assert_eq!(keys.counts(), Counts { secrets: 4, known: 1, malformed, dropped: 0 });
        let secrets = keys.find(&[1; 32]).unwrap();
        assert_eq!(secrets.get(Label::Master).unwrap().bytes(), [3; 48]);
        assert_eq!(secrets.get(Label::ServerTraffic).unwrap().bytes(), [2; 32]);
        assert!(secrets.get(Label::Early).is_none() && keys.find(&[2; 32]).is_none());
    }

    #[test]
    fn the_oldest_connection_is_dropped_when_there_are_too_many() {
        let keys = Keys::new(3);
        for number in [1, 2, 1, 3, 4] {
            keys.add_line(line("CLIENT_RANDOM", number, number, 48).as_bytes());
        }
        let known = [1, 2, 3, 4].map(|number| keys.find(&[number; 32]).is_some());
        assert_eq!((known, keys.len(), keys.counts().dropped), ([false, true, true, true], 3, 1));
    }

    #[test]
    fn secrets_are_expected_once_there_is_a_key_log() {
        let keys = Keys::default();
        assert!(!keys.is_expected());
        keys.expect();
        assert!(keys.is_expected() && keys.is_empty());
    }

    #[test]
    fn no_text_shows_a_secret() {
        let keys = Keys::default();
        keys.add_line(line("CLIENT_RANDOM", 1, 0xab, 48).as_bytes());
        let text = format!("{keys:?} {:?}", keys.find(&[1; 32]));
        assert!(!text.contains("ab") && !text.contains("171"), "{text}");
    }
}
