//! Reads the hellos of TLS: which server the client wants to reach (RFC 8446 §4.1.2, RFC 6066 §3), whether it encrypts
//! that (RFC 9849), and what the server has chosen (RFC 8446 §4.1.3). A hello may arrive in any pieces and be split over
//! any number of records. Each byte is looked at once, and only the bytes of the hello are kept.

use crate::pipeline::steps;

/// The longest hello that is read. Post-quantum key shares make a hello 2 KiB long; with several of them, and tickets,
/// it can be longer than a record.
pub const MAX_HELLO: usize = 64 * 1024;

/// What a `ClientHello` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hello {
    /// The name of the server, if the client gives one.
    pub name: Option<Vec<u8>>,
    /// True if the client sends an encrypted hello as well, or pretends to. Then the name may be one that several
    /// servers share.
    pub has_ech: bool,
    /// True if the client sends early data, so that encrypted records come before the end of the handshake.
    pub has_early_data: bool,
}

/// What a `ServerHello` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The version: 0x0304 is TLS 1.3, 0x0303 is TLS 1.2.
    pub version: u16,
    /// The cipher suite.
    pub suite: u16,
    /// True if the server asks for another `ClientHello` (RFC 8446 §4.1.4).
    pub is_retry: bool,
}

/// The result of reading some bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The hello is not complete yet.
    More,
    /// Nothing more is read. Holds what the hello says, or `None` if the bytes are no hello.
    Done(Option<Hello>),
}

/// Length of a record header: type, version and length.
const RECORD_HEADER: usize = 5;
/// Length of a handshake header: type and length.
const MESSAGE_HEADER: usize = 4;
/// Type of a `ClientHello` among handshake messages.
const CLIENT_HELLO: u8 = 1;

/// Type of a `ServerHello`.
const SERVER_HELLO: u8 = 2;

/// A `ClientHello` while it is read.
#[derive(Debug)]
pub struct ClientHello(Reading);

impl Default for ClientHello {
    fn default() -> Self {
        Self(Reading::new(CLIENT_HELLO))
    }
}

impl ClientHello {
    /// Bytes kept of the hello.
    pub fn held(&self) -> usize {
        self.0.message.capacity()
    }

    /// Bytes of the current record that are still to come.
    pub fn left(&self) -> usize {
        self.0.left
    }

    /// Takes the next bytes of the stream.
    pub fn push(&mut self, bytes: &[u8]) -> Progress {
        self.read(bytes).0
    }

    /// Takes the next bytes of the stream. Returns those behind the hello as well.
    pub fn read<'a>(&mut self, bytes: &'a [u8]) -> (Progress, &'a [u8]) {
        let (found, rest) = self.0.read(bytes);
        (found.map_or(Progress::More, |body| Progress::Done(body.and_then(of_client))), rest)
    }
}

/// A `ServerHello` while it is read.
#[derive(Debug)]
pub struct ServerHello(Reading);

impl Default for ServerHello {
    fn default() -> Self {
        Self(Reading::new(SERVER_HELLO))
    }
}

impl ServerHello {
    /// Bytes kept of the hello.
    pub fn held(&self) -> usize {
        self.0.message.capacity()
    }

    /// Takes the next bytes of the stream. Returns `None` until the hello is complete, and `Some(None)` if the bytes are
    /// no hello.
    pub fn push(&mut self, bytes: &[u8]) -> Option<Option<Choice>> {
        self.0.read(bytes).0.map(|body| body.and_then(of_server))
    }
}

/// A hello of either side while it is read.
#[derive(Debug)]
struct Reading {
    /// The type of the message.
    kind: u8,
    /// The header of the current record, as far as it was seen.
    header: [u8; RECORD_HEADER],
    header_seen: usize,
    /// Bytes of the current record that are still to come.
    left: usize,
    /// The message so far, without the headers of its records.
    message: Vec<u8>,
}

impl Reading {
    fn new(kind: u8) -> Self {
        Self { kind, header: [0; RECORD_HEADER], header_seen: 0, left: 0, message: Vec::new() }
    }

    /// Takes the next bytes of the stream. Returns the body of the hello once it is complete, `Some(None)` if the bytes
    /// are no hello; and the bytes behind it.
    #[expect(clippy::option_option, reason = "not yet, none, and a hello")]
    fn read<'a>(&mut self, mut bytes: &'a [u8]) -> (Option<Option<&[u8]>>, &'a [u8]) {
        while !bytes.is_empty() {
            steps::add(1);
            if self.left > 0 {
                let (taken, rest) = bytes.split_at(bytes.len().min(self.left).min(self.wanted()));
                steps::add(taken.len());
                self.message.extend_from_slice(taken);
                self.left -= taken.len();
                bytes = rest;
            } else {
                let (taken, rest) = bytes.split_at(bytes.len().min(RECORD_HEADER - self.header_seen));
                self.header[self.header_seen..][..taken.len()].copy_from_slice(taken);
                self.header_seen += taken.len();
                bytes = rest;
                if !self.begin_record() {
                    return (Some(None), bytes);
                }
            }
            match self.length() {
                Some(Ok(length)) if self.message.len() >= length => {
                    return (Some(Some(&self.message[MESSAGE_HEADER..length])), bytes);
                }
                Some(Err(NotHello)) => return (Some(None), bytes),
                Some(Ok(_)) | None => {}
            }
        }
        (None, bytes)
    }

    /// Reads the header of a record, once it is complete. Returns false if it cannot be a record of a hello. RFC 8446
    /// §5.1 forbids empty records.
    fn begin_record(&mut self) -> bool {
        const HANDSHAKE: u8 = 22;
        if self.header_seen < RECORD_HEADER {
            return true;
        }
        let [kind, version, _, high, low] = self.header;
        self.header_seen = 0;
        self.left = usize::from(u16::from_be_bytes([high, low]));
        kind == HANDSHAKE && version == 3 && self.left > 0
    }

    /// Length of the message including its header; `None` until the header is complete.
    fn length(&self) -> Option<Result<usize, NotHello>> {
        message_length(&self.message, self.kind)
    }

    /// Bytes to keep next: those missing from the message, or from its header while its length is unknown. Bytes behind
    /// the message are not kept.
    fn wanted(&self) -> usize {
        let known = self.length().and_then(Result::ok).unwrap_or(MESSAGE_HEADER);
        known.saturating_sub(self.message.len())
    }
}

/// The message is not the hello that is read, or is longer than [`MAX_HELLO`].
struct NotHello;

/// Reads a `ClientHello` with its header from the beginning of a stream of handshake messages. `None` if it is not
/// complete yet; `Some(None)` if it is none, or is longer than [`MAX_HELLO`].
pub fn of_message(stream: &[u8]) -> Option<Option<Hello>> {
    match message_length(stream, CLIENT_HELLO)? {
        Ok(length) => stream.get(MESSAGE_HEADER..length).map(of_client),
        Err(NotHello) => Some(None),
    }
}

/// Reads a `ServerHello` in the same way.
pub fn of_server_message(stream: &[u8]) -> Option<Option<Choice>> {
    match message_length(stream, SERVER_HELLO)? {
        Ok(length) => stream.get(MESSAGE_HEADER..length).map(of_server),
        Err(NotHello) => Some(None),
    }
}

/// Length of a message including its header; `None` until the header is complete.
fn message_length(stream: &[u8], wanted: u8) -> Option<Result<usize, NotHello>> {
    let [kind, a, b, c] = *stream.first_chunk()?;
    let length = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
    let is_hello = kind == wanted && length <= MAX_HELLO;
    Some(if is_hello { Ok(MESSAGE_HEADER + length) } else { Err(NotHello) })
}

/// Reads the body of a `ClientHello`. What follows the first extension whose lengths contradict each other is not read;
/// `None` if the fixed part is not that of a hello.
pub fn of_client(body: &[u8]) -> Option<Hello> {
    const SERVER_NAME: [u8; 2] = [0, 0];
    const EARLY_DATA: [u8; 2] = [0, 42];
    const ENCRYPTED_CLIENT_HELLO: [u8; 2] = [0xfe, 0x0d];
    // The version and the random value come first.
    let rest = body.get(34..)?;
    let (_session, rest) = vector(rest, 1)?;
    let (_ciphers, rest) = vector(rest, 2)?;
    let (_compressions, rest) = vector(rest, 1)?;
    let mut hello = Hello::default();
    each_extension(rest, |kind, extension| match kind {
        SERVER_NAME if hello.name.is_none() => hello.name = host_name(extension),
        EARLY_DATA => hello.has_early_data = true,
        ENCRYPTED_CLIENT_HELLO => hello.has_ech = true,
        _ => {}
    });
    Some(hello)
}

/// Reads the body of a `ServerHello`; `None` if it is none.
pub fn of_server(body: &[u8]) -> Option<Choice> {
    const SUPPORTED_VERSIONS: [u8; 2] = [0, 43];
    /// RFC 8446 §4.1.3: the random value that makes a `ServerHello` a `HelloRetryRequest`.
    const RETRY: [u8; 32] = [
        0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2,
        0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
    ];
    let (fixed, rest) = body.split_at_checked(34)?;
    let (_session, rest) = vector(rest, 1)?;
    let (&[high, low, _compression], rest) = rest.split_first_chunk()?;
    let mut choice = Choice {
        version: u16::from_be_bytes([fixed[0], fixed[1]]),
        suite: u16::from_be_bytes([high, low]),
        is_retry: fixed[2..] == RETRY,
    };
    each_extension(rest, |kind, extension| {
        if let (SUPPORTED_VERSIONS, &[high, low]) = (kind, extension) {
            choice.version = u16::from_be_bytes([high, low]);
        }
    });
    Some(choice)
}

/// Calls `take` with the type and the body of each extension.
fn each_extension<'a>(extensions: &'a [u8], mut take: impl FnMut([u8; 2], &'a [u8])) {
    let Some((mut extensions, _)) = vector(extensions, 2) else { return };
    while let Some((&kind, rest)) = extensions.split_first_chunk() {
        steps::add(1);
        let Some((body, next)) = vector(rest, 2) else { return };
        take(kind, body);
        extensions = next;
    }
}

/// The name in a server name extension.
fn host_name(extension: &[u8]) -> Option<Vec<u8>> {
    const HOST_NAME: u8 = 0;
    let (names, _) = vector(extension, 2)?;
    let (&kind, name) = names.split_first()?;
    let (name, _) = vector(name, 2).filter(|_| kind == HOST_NAME)?;
    Some(name.to_vec())
}

/// Reads a vector whose length is in the first `width` bytes. Returns the vector and the bytes behind it.
fn vector(bytes: &[u8], width: usize) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_at_checked(width)?;
    let length = length.iter().fold(0, |length, &byte| length << 8 | usize::from(byte));
    rest.split_at_checked(length)
}

#[cfg(test)]
#[expect(missing_docs, reason = "tests")]
pub mod tests {
    use super::*;
    use crate::pipeline::steps::tests::are_in_proportion;
    use proptest::prelude::*;

    /// Makes a hello for `name`, split into records of at most `record` bytes.
    pub fn hello(name: Option<&str>, record: usize) -> Vec<u8> {
        let mut extensions = vec![0x7a, 0x7a, 0, 1, 0, 0, 51, 4, 0xc0];
        extensions.resize(extensions.len() + 0x4c0, 7);
        if let Some(name) = name {
            let length = name.len() as u16;
            extensions.extend([0, 0]);
            for more in [5, 3] {
                extensions.extend((length + more).to_be_bytes());
            }
            extensions.push(0);
            extensions.extend(length.to_be_bytes());
            extensions.extend(name.as_bytes());
        }
        let mut body = vec![3, 3];
        body.extend([9; 32]);
        body.extend([2, 1, 2, 0, 2, 0x13, 1, 1, 0]);
        body.extend((extensions.len() as u16).to_be_bytes());
        body.extend(extensions);
        let mut message = vec![1];
        message.extend(&(body.len() as u32).to_be_bytes()[1..]);
        message.extend(body);
        message
            .chunks(record)
            .flat_map(|part| [&[22, 3, 1][..], &(part.len() as u16).to_be_bytes(), part].concat())
            .collect()
    }

    #[test]
    fn a_name_is_found_however_the_hello_is_cut() {
        for record in [16_000, 1000, 1, 5] {
            let stream = hello(Some("example.org"), record);
            for size in [1, 3, 100, 1460, usize::MAX] {
                let mut reading = ClientHello::default();
                let found = stream.chunks(size).map(|piece| reading.push(piece)).find(|told| *told != Progress::More);
                let name = Some(b"example.org".to_vec());
                let want = Hello { name, ..Hello::default() };
                assert_eq!(found, Some(Progress::Done(Some(want))), "{record} by {size}");
            }
        }
    }

    #[test]
    fn no_name_is_found_in_a_hello_without_one_or_in_other_bytes() {
        assert_eq!(ClientHello::default().push(&hello(None, 16_000)), Progress::Done(Some(Hello::default())));
        assert_eq!(ClientHello::default().push(b"\x17\x03\x03\x00\x05hello"), Progress::Done(None));
        let mut endless = ClientHello::default();
        let record = [&[22, 3, 1, 0x40, 0, 1, 1, 0, 1][..], &[0; 0x3ffc]].concat();
        assert_eq!(endless.push(&record), Progress::Done(None), "it is longer than any hello");
    }

    #[test]
    fn a_hello_has_no_empty_records() {
        assert_eq!(ClientHello::default().push(b"\x16\x03\x01\x00\x00"), Progress::Done(None));
        let mut late = hello(Some("example.org"), 100);
        late.splice(105..105, *b"\x16\x03\x01\x00\x00");
        assert_eq!(ClientHello::default().push(&late), Progress::Done(None));
    }

    #[test]
    fn each_byte_is_visited_a_constant_number_of_times() {
        for (record, piece) in [(1, 1), (1, 6), (1, usize::MAX), (2, 7), (5000, 1)] {
            are_in_proportion(&format!("records of {record} in pieces of {piece}"), 4000, 8, |size| {
                let message = [&[1, 0, 0xff, 0xff][..], &vec![0; size]].concat();
                let of = |part: &[u8]| [&[22, 3, 1][..], &(part.len() as u16).to_be_bytes(), part].concat();
                let stream: Vec<u8> = message.chunks(record).flat_map(of).collect();
                let mut reading = ClientHello::default();
                for piece in stream.chunks(piece) {
                    assert_eq!(reading.push(piece), Progress::More);
                    assert!(reading.held() <= 2 * MAX_HELLO);
                }
            });
        }
    }

    proptest! {
        #[test]
        fn damage_never_panics(at in any::<prop::sample::Index>(), with in any::<u8>(), size in 1usize..2000) {
            let mut stream = hello(Some("example.org"), 500);
            let at = at.index(stream.len());
            stream[at] = with;
            let mut reading = ClientHello::default();
            for piece in stream.chunks(size) {
                reading.push(piece);
            }
        }
    }
}
