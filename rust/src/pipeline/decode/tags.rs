//! Headers between the link header and IP: tags of VLANs, switches and ports, MPLS labels, PPP and LLC, in any order,
//! and Ethernet frames nested in them.

use super::header::{NotTcp, after, u8_at, u16_at, u32_at};
use super::undecoded::{Cipher, Undecoded, is_ordinary_ethertype, is_ordinary_ppp};
use crate::pipeline::steps;

/// Maximum number of tags, labels and nested frames before one IP header. 802.1ad behind a port tag, then a stack of
/// MPLS labels with a frame inside, makes a dozen; more is a loop or an attack.
pub const MAX_TAGS: usize = 16;

/// Ethernet types.
pub const IPV4: u16 = 0x0800;
pub const IPV6: u16 = 0x86dd;
pub const MPLS: u16 = 0x8847;
pub const PPP: u16 = 0x880b;
/// Transparent Ethernet bridging: a whole frame follows (RFC 1701).
pub const BRIDGED: u16 = 0x6558;
const NSH: u16 = 0x894f;

/// Smallest Ethernet type. A smaller value in its field is an 802.3 length, and an LLC header follows.
const MIN_ETHERTYPE: u16 = 0x0600;

/// A tag (see [`super::link::Frame::tag`]) and the packet behind it, from its IP header on.
pub type Tagged<'a> = (u32, &'a [u8]);

/// Folds one more number into a tag: a VLAN id, an MPLS label, the key or identifier of a tunnel. The number 0 leaves
/// the tag unchanged, since it names no network (IEEE 802.1Q: a tag with id 0 only carries a priority).
#[inline]
pub fn fold(tag: u32, number: u32) -> u32 {
    /// Derived from the golden ratio. It is odd, so the multiplication never maps two tags to the same number.
    const MIX: u32 = 0x9e37_79b1;
    if number == 0 { tag } else { tag.rotate_left(5).wrapping_mul(MIX).wrapping_add(number) }
}

/// Finds the IP header in an Ethernet frame.
#[inline]
pub fn ethernet(tag: u32, data: &[u8]) -> Result<Tagged<'_>, NotTcp> {
    let kind = u16_at(data, 12)?;
    from_ethertype(tag, kind, after(data, 14)?)
}

/// Finds the IP header behind this Ethernet type, which is nearly always that of IP itself.
#[inline]
pub fn from_ethertype(tag: u32, kind: u16, rest: &[u8]) -> Result<Tagged<'_>, NotTcp> {
    if matches!(kind, IPV4 | IPV6) { Ok((tag, rest)) } else { walk(tag, kind, rest) }
}

fn walk(tag: u32, kind: u16, rest: &[u8]) -> Result<Tagged<'_>, NotTcp> {
    Walk { tag, left: MAX_TAGS }.run(Next::Type(kind, rest))
}

/// Finds the IP header in a PPP frame.
pub fn ppp(data: &[u8]) -> Result<Tagged<'_>, NotTcp> {
    Walk { tag: 0, left: MAX_TAGS }.run(Next::Ppp(data))
}

/// The header that a walk has come to, with the bytes from there on.
enum Next<'a> {
    /// The header that this Ethernet type announces.
    Type(u16, &'a [u8]),
    /// An Ethernet header.
    Frame(&'a [u8]),
    /// A PPP header.
    Ppp(&'a [u8]),
    /// An IP header.
    Ip(&'a [u8]),
}

/// A walk over the headers between link and IP, which collects their tag.
struct Walk {
    tag: u32,
    /// How many more headers are accepted.
    left: usize,
}

impl Walk {
    fn run<'a>(&mut self, mut next: Next<'a>) -> Result<Tagged<'a>, NotTcp> {
        loop {
            steps::add(1);
            next = match next {
                Next::Ip(rest) | Next::Type(IPV4 | IPV6, rest) => return Ok((self.tag, rest)),
                Next::Type(kind, rest) => self.step(kind, rest)?,
                Next::Frame(rest) => Next::Type(u16_at(rest, 12)?, after(rest, 14)?),
                Next::Ppp(rest) => from_ppp(rest)?,
            };
        }
    }

    /// Steps over one header.
    fn step<'a>(&mut self, kind: u16, rest: &'a [u8]) -> Result<Next<'a>, NotTcp> {
        self.left = self.left.checked_sub(1).ok_or(NotTcp::Undecoded(Undecoded::Tags))?;
        // A header of `length` bytes whose last two are the next Ethernet type.
        let typed = |length: usize| Ok(Next::Type(u16_at(rest, length - 2)?, after(rest, length)?));
        match kind {
            // 802.1Q and 802.1ad. The others are sent by switches that are older than 802.1ad, or are configured that
            // way.
            0x8100 | 0x88a8 | 0x8200 | 0x9100 | 0x9200 | 0x9300 => {
                self.tag = fold(self.tag, u32::from(u16_at(rest, 0)? & 0x0fff));
                typed(4)
            }
            // Cisco's VN-Tag; HSR (IEC 62439-3); R-TAG (802.1CB).
            0x8926 | 0x892f | 0xf1c1 => typed(6),
            // E-tag (802.1BR); Cisco's TTag of mirrored frames.
            0x893f | 0x8988 => typed(8),
            // Cisco metadata, which carries TrustSec's group tag: version, length in words, options.
            0x8909 => typed(2 + 4 * usize::from(u8_at(rest, 1)?) + 2),
            MPLS | 0x8848 => self.mpls(rest),
            // PPPoE (RFC 2516 §4): version, code, session, length.
            0x8864 => {
                self.tag = fold(self.tag, u32::from(u16_at(rest, 2)?));
                Ok(Next::Ppp(after(rest, 6)?))
            }
            PPP => Ok(Next::Ppp(rest)),
            BRIDGED => Ok(Next::Frame(rest)),
            // 802.1ah: flags and a service identifier of three bytes before the customer's frame.
            0x88e7 => {
                self.tag = fold(self.tag, u32_at(rest, 0)? & 0x00ff_ffff);
                Ok(Next::Frame(after(rest, 4)?))
            }
            // Cisco FabricPath.
            0x8903 => Ok(Next::Frame(after(rest, 2)?)),
            // TRILL (RFC 6325 §3): options in words behind six bytes.
            0x22f3 => Ok(Next::Frame(after(rest, 6 + usize::from(u16_at(rest, 0)? >> 6 & 0x1f) * 4)?)),
            0x88e5 => macsec(rest),
            NSH => nsh(rest),
            _ if kind < MIN_ETHERTYPE => llc(rest),
            _ if is_ordinary_ethertype(kind) => Err(NotTcp::Foreign),
            _ => Err(NotTcp::Undecoded(Undecoded::EtherType(kind))),
        }
    }

    /// RFC 3032: labels of four bytes, the last of which is marked. The first nibble behind them tells IP from an
    /// Ethernet pseudowire with or without control word (RFC 4448 §4.6), and from the control channel of a pseudowire
    /// (RFC 5586).
    fn mpls<'a>(&mut self, mut rest: &'a [u8]) -> Result<Next<'a>, NotTcp> {
        loop {
            steps::add(1);
            let entry = u32_at(rest, 0)?;
            self.tag = fold(self.tag, entry >> 12);
            rest = after(rest, 4)?;
            if entry & 0x100 != 0 {
                break;
            }
            self.left = self.left.checked_sub(1).ok_or(NotTcp::Undecoded(Undecoded::Tags))?;
        }
        match u8_at(rest, 0)? >> 4 {
            4 | 6 => Ok(Next::Ip(rest)),
            1 => Err(NotTcp::Foreign),
            0 if looks_like_frame(&rest[4.min(rest.len())..]) => Ok(Next::Frame(&rest[4..])),
            _ if looks_like_frame(rest) => Ok(Next::Frame(rest)),
            _ => Err(NotTcp::Undecoded(Undecoded::Mpls)),
        }
    }
}

/// True if this is probably an Ethernet frame: its Ethernet type is known, or it has a SNAP header.
pub fn looks_like_frame(data: &[u8]) -> bool {
    let (Ok(kind), rest) = (u16_at(data, 12), data.get(14..).unwrap_or_default()) else { return false };
    match kind {
        IPV4 => rest.first().is_none_or(|first| first >> 4 == 4),
        IPV6 => rest.first().is_none_or(|first| first >> 4 == 6),
        _ if kind < MIN_ETHERTYPE => matches!(llc(rest), Ok(Next::Type(..))),
        _ => !matches!(Walk { tag: 0, left: 1 }.step(kind, &[]), Err(NotTcp::Undecoded(Undecoded::EtherType(_)))),
    }
}

/// RFC 1661 with optional HDLC framing (RFC 1662) and protocol field compression.
fn from_ppp(data: &[u8]) -> Result<Next<'_>, NotTcp> {
    let data = data.strip_prefix(&[0xff, 0x03]).unwrap_or(data);
    let (protocol, rest) = match *data {
        // A protocol number is odd (RFC 1661 §2), and the first of two bytes is even. So an odd first byte is the whole
        // number.
        [only, ref rest @ ..] if only & 1 == 1 => (u16::from(only), rest),
        [first, second, ref rest @ ..] => (u16::from_be_bytes([first, second]), rest),
        _ => return Err(NotTcp::Short),
    };
    match protocol {
        0x0021 | 0x0057 => Ok(Next::Ip(rest)),
        0x0281 | 0x0283 => Ok(Next::Type(MPLS, rest)),
        _ if is_ordinary_ppp(protocol) => Err(NotTcp::Foreign),
        _ => Err(NotTcp::Undecoded(Undecoded::Ppp(protocol))),
    }
}

/// 802.2: SNAP with an Ethernet type (RFC 1042), also as bridges write it (802.1H), or IP without an Ethernet type (RFC
/// 948). Everything else is control traffic or another network protocol.
fn llc(rest: &[u8]) -> Result<Next<'_>, NotTcp> {
    match *rest {
        [0xaa, 0xaa, 0x03, 0, 0, 0 | 0xf8, high, low, ref rest @ ..] => {
            let kind = u16::from_be_bytes([high, low]);
            if kind < MIN_ETHERTYPE { Err(NotTcp::Foreign) } else { Ok(Next::Type(kind, rest)) }
        }
        [0x06, 0x06, 0x03, ref rest @ ..] => Ok(Next::Ip(rest)),
        _ => Err(NotTcp::Foreign),
    }
}

/// IEEE 802.1AE §9: a frame that is authenticated but not encrypted can be read.
fn macsec(rest: &[u8]) -> Result<Next<'_>, NotTcp> {
    const HAS_CHANNEL: u8 = 0x20;
    const CHANGES_TEXT: u8 = 0x0c;
    let flags = u8_at(rest, 0)?;
    if flags & CHANGES_TEXT != 0 {
        return Err(NotTcp::Undecoded(Undecoded::Encrypted(Cipher::Macsec)));
    }
    let length = 6 + 8 * usize::from(flags & HAS_CHANNEL != 0);
    Ok(Next::Type(u16_at(rest, length)?, after(rest, length + 2)?))
}

/// RFC 8300 §2: a service header, with its length in words in the second byte and the protocol behind it in the fourth.
fn nsh(rest: &[u8]) -> Result<Next<'_>, NotTcp> {
    let (length, next) = (usize::from(u8_at(rest, 1)? & 0x3f) * 4, u8_at(rest, 3)?);
    let kind = by_nsh_number(next).filter(|_| length >= 8).ok_or(NotTcp::Malformed)?;
    Ok(Next::Type(kind, after(rest, length)?))
}

/// The Ethernet type for a "next protocol" of NSH, which VXLAN shares (RFC 8300 §11.2.5).
pub fn by_nsh_number(next: u8) -> Option<u16> {
    match next {
        1 => Some(IPV4),
        2 => Some(IPV6),
        3 => Some(BRIDGED),
        4 => Some(NSH),
        5 => Some(MPLS),
        _ => None,
    }
}
