//! The PROXY header, versions 1 and 2, with which a load balancer names its client at the start of a connection
//! (<https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt>). The header may come in any number of segments. The
//! address of the client is read, and the rest is skipped.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::pipeline::protocol::forwarded::to_ipv6;

/// The beginning of version 1. The family follows: `TCP4`, `TCP6` or `UNKNOWN`.
const LINE: &[u8] = b"PROXY ";
/// The beginning of version 2.
const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// The longest line of version 1, including its line end (section 2.1).
const MAX_LINE: u32 = 107;
/// Bytes of version 2 before the addresses: signature, command, family and length (section 2.2).
const FIXED: u32 = 16;
/// Bytes of version 2 that are needed to know the client: up to the end of the first IPv6 address.
const NEEDED: u32 = FIXED + 16;
/// The command of version 2 for a connection on behalf of a client (section 2.2); `0x20` is for the proxy's own
/// connections.
const PROXY: u8 = 0x21;
/// Families of version 2 for TCP over IPv4 and over IPv6.
const TCP4: u8 = 0x11;
const TCP6: u8 = 0x21;

/// A position in a PROXY header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProxyHeader {
    /// True for version 1.
    is_line: bool,
    /// Bytes read so far.
    seen: u32,
    /// The length field of version 2, as far as it is read: number of bytes behind [`FIXED`].
    length: u16,
    /// True if bytes of the address were not seen.
    has_hole: bool,
}

/// The result of reading some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// All bytes belong to the header, and it has not ended.
    More,
    /// The header ended after this many of the bytes.
    Done(usize),
    /// The stream has no header: it differs after this many of the bytes. The bytes before belong to something else.
    Other(usize),
}

impl ProxyHeader {
    /// The start of a header, if one may begin with `bytes`.
    pub fn at(bytes: &[u8]) -> Option<Self> {
        let begins = |known: &[u8]| bytes.iter().zip(known).all(|(byte, wanted)| byte == wanted);
        let is_line = begins(LINE);
        (is_line || begins(SIGNATURE)).then_some(Self { is_line, seen: 0, length: 0, has_hole: false })
    }

    /// Returns how many of the following bytes need not be seen.
    pub fn unwanted(self) -> u32 {
        if self.seen < NEEDED { 0 } else { self.left() }
    }

    /// Returns how many of the following bytes may belong to the address of the client.
    pub fn wanted(self) -> usize {
        (if self.is_line { MAX_LINE } else { NEEDED }).saturating_sub(self.seen) as usize
    }

    /// Version 2: bytes of the header that follow, or 0 while their number is not known.
    fn left(self) -> u32 {
        if self.is_line || self.seen < FIXED { 0 } else { FIXED + u32::from(self.length) - self.seen }
    }

    /// Skips `count` bytes that cannot be seen. Returns false if the position behind them is unknown.
    pub fn skip(&mut self, count: u64) -> bool {
        let is_within = count <= u64::from(self.left());
        if is_within {
            self.has_hole |= self.seen < NEEDED;
            self.seen += count as u32;
        }
        is_within
    }

    /// Version 2: true if the last byte was read or skipped.
    pub fn is_done(self) -> bool {
        !self.is_line && self.seen >= FIXED && self.left() == 0
    }

    /// Returns the address of the client. `header` are the bytes of the header that [`Self::wanted`] asked for.
    pub fn source(self, header: &[u8]) -> Option<Ipv6Addr> {
        if self.has_hole {
            return None;
        }
        let source = if self.is_line { source_of_line(header) } else { source_of_block(header, self.length) };
        source.map(to_ipv6)
    }

    /// Returns the bytes read before the stream differed from a header. Empty lines are left out.
    pub fn read_before(self) -> &'static [u8] {
        if self.is_line { &LINE[..LINE.len().min(self.seen as usize)] } else { b"" }
    }

    /// Reads bytes.
    pub fn push(&mut self, bytes: &[u8]) -> Step {
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            let left = self.left() as usize;
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

    /// Returns whether `byte` may be the next byte of the header, and takes it into the length field if it belongs
    /// there.
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

/// Reads the address in a line such as `PROXY TCP4 192.0.2.1 192.0.2.2 50000 80` (section 2.1). A line with `UNKNOWN`
/// has none.
fn source_of_line(line: &[u8]) -> Option<IpAddr> {
    let line = std::str::from_utf8(line.strip_suffix(b"\r\n")?).ok()?;
    let mut words = line.split(' ').skip(1);
    let (family, source, destination) = (words.next()?, words.next()?, words.next()?);
    let (from, to): (IpAddr, IpAddr) = (source.parse().ok()?, destination.parse().ok()?);
    let _ports: (u16, u16) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    let is_v4 = family == "TCP4";
    let is_meant = (is_v4 || family == "TCP6") && from.is_ipv4() == is_v4 && to.is_ipv4() == is_v4;
    (is_meant && words.next().is_none()).then_some(from)
}

/// Reads the address in a header of version 2: both addresses and ports follow the fixed part (section 2.2).
fn source_of_block(header: &[u8], length: u16) -> Option<IpAddr> {
    let (fixed, addresses) = header.split_first_chunk::<{ FIXED as usize }>()?;
    match (fixed[12], fixed[13], length) {
        (PROXY, TCP4, 12..) => addresses.first_chunk::<4>().map(|octets| Ipv4Addr::from(*octets).into()),
        (PROXY, TCP6, 36..) => addresses.first_chunk::<16>().map(|octets| Ipv6Addr::from(*octets).into()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the length of the header at the start of a stream that comes in pieces of `size`.
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

    /// Returns the client of a header that comes in pieces of `size`.
    fn client(stream: &[u8], size: usize) -> Option<String> {
        let mut header = ProxyHeader::at(stream)?;
        let mut kept = Vec::new();
        for piece in stream.chunks(size) {
            kept.extend_from_slice(&piece[..header.wanted().min(piece.len())]);
            if let Step::Done(_) = header.push(piece) {
                return header.source(&kept).map(|source| source.to_canonical().to_string());
            }
        }
        None
    }

    #[test]
    fn the_client_is_told_by_the_header_in_any_pieces() {
        let block = |family: u8, command: u8, addresses: &[u8]| {
            [SIGNATURE, &[command, family], &(addresses.len() as u16).to_be_bytes(), addresses].concat()
        };
        let v4 = [203, 0, 113, 7, 192, 0, 2, 1, 0x30, 0x39, 0, 80];
        let mut v6 = [0; 36];
        (v6[0], v6[1], v6[15]) = (0x20, 1, 7);
        let with_more = [&v4[..], &[3, 0, 1, 0]].concat();
        let table: &[(&[u8], Option<&str>)] = &[
            (b"PROXY TCP4 203.0.113.7 192.0.2.1 12345 80\r\n", Some("203.0.113.7")),
            (b"PROXY TCP6 2001:db8::7 2001:db8::1 12345 80\r\n", Some("2001:db8::7")),
            (b"PROXY TCP6 ::ffff:203.0.113.7 ::1 12345 80\r\n", Some("203.0.113.7")),
            (b"PROXY UNKNOWN\r\n", None),
            (b"PROXY UNKNOWN 203.0.113.7 192.0.2.1 1 2\r\n", None),
            (b"PROXY TCP4 2001:db8::7 192.0.2.1 1 2\r\n", None),
            (b"PROXY TCP4 203.0.113.7 192.0.2.1 1 65536\r\n", None),
            (b"PROXY TCP4 203.0.113.7 192.0.2.1 1\r\n", None),
            (b"PROXY TCP4 203.0.113.7 192.0.2.1 1 2 3\r\n", None),
            (b"PROXY TCP4  203.0.113.7 192.0.2.1 1 2\r\n", None),
            (&block(TCP4, PROXY, &v4), Some("203.0.113.7")),
            (&block(TCP4, PROXY, &with_more), Some("203.0.113.7")),
            (&block(TCP6, PROXY, &v6), Some("2001::7")),
            (&block(TCP4, 0x20, &v4), None),
            (&block(0x12, PROXY, &v4), None),
            (&block(TCP4, PROXY, &v4[..11]), None),
            (&block(TCP6, PROXY, &v6[..35]), None),
            (&block(0, 0x20, &[]), None),
        ];
        for (header, wanted) in table {
            for size in [1, 3, 17, usize::MAX] {
                assert_eq!(client(header, size).as_deref(), *wanted, "{} in pieces of {size}", header.escape_ascii());
            }
        }
    }

    #[test]
    fn an_address_with_a_hole_is_not_read() {
        let mut header = ProxyHeader::at(SIGNATURE).unwrap();
        let bytes = [SIGNATURE, b"\x21\x11\0\x0c"].concat();
        assert_eq!(header.push(&bytes), Step::More);
        assert!(header.skip(12) && header.is_done());
        assert_eq!(header.source(&bytes), None);
    }

    #[test]
    fn a_stream_without_a_header_gives_back_what_was_read() {
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
    fn a_hole_within_the_addresses_is_subtracted_from_the_length() {
        let mut header = ProxyHeader::at(b"\r").unwrap();
        assert!(!header.skip(1));
        assert_eq!(header.push(&version_2(100)[..20]), Step::More);
        assert!(header.skip(90) && !header.skip(7) && !header.is_done());
        assert_eq!(header.push(b"123456GET /"), Step::Done(6));
        assert!(header.is_done());
    }
}
