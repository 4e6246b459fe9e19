//! What a load balancer says of its client before the first byte of a connection: the PROXY protocol, versions 1 and 2
//! (<https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt>). It may come in any number of segments; it is passed
//! over, never kept.

/// How version 1 begins: the family follows, `TCP4`, `TCP6` or `UNKNOWN`.
const LINE: &[u8] = b"PROXY ";
/// How version 2 begins.
const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// The longest line of version 1, its line end included (section 2.1).
const MAX_LINE: u32 = 107;
/// Of version 2 what stands before the addresses: signature, command, family, length (section 2.2).
const FIXED: u32 = 16;

/// Where in such a header we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProxyHeader {
    is_line: bool,
    /// Bytes read so far.
    seen: u32,
    /// What version 2 says of the bytes behind [`FIXED`], as far as it is read.
    length: u16,
}

/// What came of some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// All of them belong to the header, and it goes on.
    More,
    /// The header ended after so many of them.
    Done(usize),
    /// It is none, as the byte behind so many of them tells. What was read before is the beginning of something else.
    Other(usize),
}

impl ProxyHeader {
    /// One that may begin with these bytes.
    pub fn at(bytes: &[u8]) -> Option<Self> {
        let begins = |known: &[u8]| bytes.iter().zip(known).all(|(byte, wanted)| byte == wanted);
        let is_line = begins(LINE);
        (is_line || begins(SIGNATURE)).then_some(Self { is_line, seen: 0, length: 0 })
    }

    /// Bytes that follow and need not be seen.
    pub fn unwanted(self) -> u32 {
        if self.is_line || self.seen < FIXED { 0 } else { FIXED + u32::from(self.length) - self.seen }
    }

    /// Takes bytes that cannot be seen. Returns false when it is not known any more where we are.
    pub fn skip(&mut self, count: u64) -> bool {
        let is_within = count <= u64::from(self.unwanted());
        if is_within {
            self.seen += count as u32;
        }
        is_within
    }

    /// Version 2: the last byte was seen, or skipped.
    pub fn is_done(self) -> bool {
        !self.is_line && self.seen >= FIXED && self.unwanted() == 0
    }

    /// What was read, if it turned out to be none; empty lines are left out.
    pub fn read_before(self) -> &'static [u8] {
        if self.is_line { &LINE[..LINE.len().min(self.seen as usize)] } else { b"" }
    }

    /// Takes bytes.
    pub fn push(&mut self, bytes: &[u8]) -> Step {
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            let left = self.unwanted() as usize;
            if left > 0 {
                let taken = left.min(bytes.len() - at);
                self.seen += taken as u32;
                at += taken;
            } else if self.takes(byte) {
                self.seen += 1;
                at += 1;
            } else {
                return Step::Other(at);
            }
            if self.is_done() || (self.is_line && bytes[at - 1] == b'\n') {
                return Step::Done(at);
            }
        }
        Step::More
    }

    /// The next byte may be this one.
    fn takes(&mut self, byte: u8) -> bool {
        let known = if self.is_line { LINE } else { SIGNATURE };
        if let Some(&wanted) = known.get(self.seen as usize) {
            return byte == wanted;
        }
        if self.is_line {
            return self.seen < MAX_LINE && (self.seen as usize > LINE.len() || matches!(byte, b'T' | b'U'));
        }
        if self.seen >= FIXED - 2 {
            self.length = self.length << 8 | u16::from(byte);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What becomes of a stream in pieces of a size: how many bytes are the header's.
    fn header(stream: &[u8], size: usize) -> Option<usize> {
        let mut header = ProxyHeader::at(stream)?;
        let mut before = 0;
        for piece in stream.chunks(size) {
            match header.push(piece) {
                Step::More => before += piece.len(),
                Step::Done(taken) => return Some(before + taken),
                Step::Other(_) => return None,
            }
        }
        None
    }

    fn version_2(length: u16) -> Vec<u8> {
        let mut header = [SIGNATURE, b"\x21\x11", &length.to_be_bytes()].concat();
        header.resize(header.len() + usize::from(length), b'\n');
        header
    }

    #[test]
    fn a_header_is_as_long_in_pieces_as_in_one() {
        let longest = format!("PROXY UNKNOWN {}\r\n", "f".repeat(91));
        let headers = [
            b"PROXY TCP4 192.0.2.1 192.0.2.2 1 80\r\n".to_vec(),
            longest.into(),
            version_2(0),
            version_2(12),
            version_2(65_535),
        ];
        for header_bytes in headers {
            let stream = [&header_bytes, &b"GET /"[..]].concat();
            for size in [1, 2, 7, 1448, usize::MAX] {
                assert_eq!(header(&stream, size), Some(header_bytes.len()), "in pieces of {size}");
            }
        }
    }

    #[test]
    fn what_is_no_header_is_told_with_what_was_read_of_it() {
        let too_long = format!("PROXY TCP4 {}\r\n", "1".repeat(107));
        for (stream, read) in
            [("PRI * HTTP/2.0", "PR"), ("PROXY /x", "PROXY "), ("\r\n\r\nGET /", ""), (&too_long, "PROXY ")]
        {
            let mut header = ProxyHeader::at(&stream.as_bytes()[..1]).unwrap();
            assert!(matches!(header.push(stream.as_bytes()), Step::Other(_)), "{stream}");
            assert_eq!(header.read_before(), read.as_bytes(), "{stream}");
        }
        assert_eq!(ProxyHeader::at(b"GET /"), None);
        assert_eq!(ProxyHeader::at(b"PROPFIND /"), None);
    }

    #[test]
    fn a_hole_within_the_addresses_is_arithmetic() {
        let mut header = ProxyHeader::at(b"\r").unwrap();
        assert!(!header.skip(1));
        assert_eq!(header.push(&version_2(100)[..20]), Step::More);
        assert!(header.skip(90) && !header.skip(7) && !header.is_done());
        assert_eq!(header.push(b"123456GET /"), Step::Done(6));
        assert!(header.is_done());
    }
}
