//! The server's name out of a TLS `ClientHello` (RFC 8446 §4.1.2, RFC 6066 §3): the one thing an encrypted connection
//! says of where it goes. Bytes in, a name out; the hello may be cut anywhere, over any number of records.

/// Bytes of a hello that are waited for: post-quantum key shares make them 2 KiB, a record holds 16.
const MAX_HELLO: usize = 16 * 1024;

/// What came of some bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The hello goes on.
    More,
    /// It is whole, and named a server or none; or it is no hello.
    Done(Option<Vec<u8>>),
}

/// A hello being read.
#[derive(Debug, Default)]
pub struct ClientHello {
    records: Vec<u8>,
    parsed_at: usize,
}

impl ClientHello {
    /// Bytes kept.
    pub fn held(&self) -> usize {
        self.records.capacity()
    }

    /// Takes the next bytes of the stream.
    pub fn push(&mut self, bytes: &[u8]) -> Progress {
        let room = MAX_HELLO - self.records.len();
        self.records.extend_from_slice(&bytes[..bytes.len().min(room)]);
        // Looked at again only when there is a good deal more, so that crumbs cost no more than a loaf.
        let is_full = self.records.len() == MAX_HELLO;
        if self.records.len() < self.parsed_at && !is_full {
            return Progress::More;
        }
        match server_name(&self.records) {
            Err(Cut { needed }) if !is_full => {
                self.parsed_at = needed;
                Progress::More
            }
            Err(_) => Progress::Done(None),
            Ok(name) => Progress::Done(name),
        }
    }
}

/// The hello goes on behind what is there; it will not be whole before so many bytes of the stream.
struct Cut {
    needed: usize,
}

/// The name in a stream that starts with a hello.
fn server_name(stream: &[u8]) -> Result<Option<Vec<u8>>, Cut> {
    const HANDSHAKE: u8 = 22;
    const CLIENT_HELLO: u8 = 1;
    let mut message = Vec::new();
    let mut rest = stream;
    let mut used = 0;
    loop {
        let [kind, 3, _, high, low, body @ ..] = rest else {
            return if rest.len() < 5 { Err(Cut { needed: used + 5 }) } else { Ok(None) };
        };
        if *kind != HANDSHAKE {
            return Ok(None);
        }
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        used += 5 + length;
        let Some((fragment, next)) = body.split_at_checked(length) else { return Err(Cut { needed: used }) };
        message.extend_from_slice(fragment);
        rest = next;
        let [kind, a, b, c, hello @ ..] = &message[..] else { continue };
        if *kind != CLIENT_HELLO {
            return Ok(None);
        }
        let length = usize::from(*a) << 16 | usize::from(*b) << 8 | usize::from(*c);
        if let Some(hello) = hello.get(..length) {
            return Ok(name_in(hello));
        }
    }
}

/// The name in the body of a hello; `None` also when its lengths contradict each other.
fn name_in(hello: &[u8]) -> Option<Vec<u8>> {
    const SERVER_NAME: [u8; 2] = [0, 0];
    const HOST_NAME: u8 = 0;
    // Version and random.
    let rest = hello.get(34..)?;
    let (_session, rest) = vector(rest, 1)?;
    let (_ciphers, rest) = vector(rest, 2)?;
    let (_compressions, rest) = vector(rest, 1)?;
    let (mut extensions, _) = vector(rest, 2)?;
    while let Some((kind, rest)) = extensions.split_at_checked(2) {
        let (body, next) = vector(rest, 2)?;
        if kind == SERVER_NAME {
            let (names, _) = vector(body, 2)?;
            let (&kind, name) = names.split_first()?;
            return (kind == HOST_NAME).then(|| vector(name, 2).map(|(name, _)| name.to_vec())).flatten();
        }
        extensions = next;
    }
    None
}

/// A vector behind its length of `width` bytes, and what follows it.
fn vector(bytes: &[u8], width: usize) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_at_checked(width)?;
    let length = length.iter().fold(0, |length, &byte| length << 8 | usize::from(byte));
    rest.split_at_checked(length)
}

#[cfg(test)]
#[expect(missing_docs, reason = "tests")]
pub mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A hello for `name`, its handshake message in records of at most `record` bytes.
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
                assert_eq!(found, Some(Progress::Done(Some(b"example.org".to_vec()))), "{record} by {size}");
            }
        }
    }

    #[test]
    fn a_hello_without_a_name_and_what_is_no_hello_have_none() {
        assert_eq!(ClientHello::default().push(&hello(None, 16_000)), Progress::Done(None));
        assert_eq!(ClientHello::default().push(b"\x17\x03\x03\x00\x05hello"), Progress::Done(None));
        let mut endless = ClientHello::default();
        let record = [&[22, 3, 1, 0x40, 0, 1, 0xff, 0xff, 0xff][..], &[0; 0x3ffc]].concat();
        while endless.push(&record) == Progress::More {}
        assert!(endless.records.capacity() <= 2 * MAX_HELLO);
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
