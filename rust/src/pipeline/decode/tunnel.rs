//! IP packets inside IP packets: IP-in-IP (RFC 2003, 4213), GRE (RFC 2784, 2890), VXLAN (RFC 7348), GENEVE (RFC 8926),
//! Teredo (RFC 4380). Entered when asked for, else only named.

use super::ip::Datagram;
use super::link::{self, Frame, Tagged};
use super::{NotTcp, after, u8_at, u16_at, u32_at};

/// UDP ports by which tunnels are known (IANA); the destination's for VXLAN and GENEVE, either for Teredo.
const VXLAN: u16 = 4789;
const GENEVE: u16 = 6081;
const TEREDO: u16 = 3544;

/// Ethernet type of a whole frame within GRE or GENEVE.
const BRIDGED: u16 = 0x6558;

/// The packet within, when this datagram is a tunnel's. What is inside and broken is told as such.
pub fn inner<'a>(datagram: &Datagram<'a>) -> Option<Result<Frame<'a>, NotTcp>> {
    let payload = datagram.payload;
    let found = match datagram.protocol {
        4 | 41 => Ok((0, payload)),
        47 => gre(payload),
        17 => udp(payload)?,
        _ => return None,
    };
    Some(found.map(|(tag, ip)| {
        let stripped = payload.len() - ip.len();
        Frame { tag: link::fold(datagram.tag, tag), ip, wire_len: datagram.wire_len.saturating_sub(stripped) }
    }))
}

fn gre(payload: &[u8]) -> Result<Tagged<'_>, NotTcp> {
    let flags = u16_at(payload, 0)?;
    let version = flags & 7;
    let bit = |mask: u16| 4 * usize::from(flags & mask != 0);
    // Checksum, key, sequence number; version 1 (PPTP, RFC 2637) has an acknowledgement number as well.
    let header = 4 + bit(0x8000) + bit(0x2000) + bit(0x1000) + if version == 1 { bit(0x0080) } else { 0 };
    let key_at = 4 + bit(0x8000);
    // RFC 2637 §4.1: in version 1 the upper half of the key is a length, the lower half the number of the call.
    let key = match (flags & 0x2000 != 0, version) {
        (false, _) => 0,
        (true, 1) => u32::from(u16_at(payload, key_at + 2)?),
        (true, _) => u32_at(payload, key_at)?,
    };
    under(key, from_type(u16_at(payload, 2)?, after(payload, header)?))
}

/// What a tunnel of this number holds.
fn under(number: u32, inner: Result<Tagged<'_>, NotTcp>) -> Result<Tagged<'_>, NotTcp> {
    inner.map(|(tag, rest)| (link::fold(link::fold(0, number), tag), rest))
}

/// A network identifier of three bytes (VXLAN, GENEVE), and what follows the byte after it.
fn network(data: &[u8]) -> Result<u32, NotTcp> {
    Ok(u32_at(data, 4)? >> 8)
}

fn udp(payload: &[u8]) -> Option<Result<Tagged<'_>, NotTcp>> {
    let (source, destination) = (u16_at(payload, 0).ok()?, u16_at(payload, 2).ok()?);
    let data = payload.get(8..)?;
    Some(match (source, destination) {
        (_, VXLAN) => vxlan(data),
        (_, GENEVE) => geneve(data),
        (TEREDO, _) | (_, TEREDO) => teredo(data),
        _ => return None,
    })
}

fn vxlan(data: &[u8]) -> Result<Tagged<'_>, NotTcp> {
    under(network(data)?, link::ethernet(after(data, 8)?))
}

fn geneve(data: &[u8]) -> Result<Tagged<'_>, NotTcp> {
    let options = usize::from(u8_at(data, 0)? & 0x3f) * 4;
    under(network(data)?, from_type(u16_at(data, 2)?, after(data, 8 + options)?))
}

fn teredo(mut data: &[u8]) -> Result<Tagged<'_>, NotTcp> {
    if data.starts_with(&[0, 1]) {
        // Authentication: client identifier, value, nonce of eight bytes, confirmation.
        data = after(data, 13 + usize::from(u8_at(data, 2)?) + usize::from(u8_at(data, 3)?))?;
    }
    if data.starts_with(&[0, 0]) {
        data = after(data, 8)?;
    }
    if u8_at(data, 0)? >> 4 == 6 { Ok((0, data)) } else { Err(NotTcp::Foreign) }
}

fn from_type(kind: u16, rest: &[u8]) -> Result<Tagged<'_>, NotTcp> {
    match kind {
        BRIDGED => link::ethernet(rest),
        // PPP, in PPTP.
        0x880b => link::ppp(rest).map(|ip| (0, ip)),
        _ => link::from_ethertype(kind, rest),
    }
}
