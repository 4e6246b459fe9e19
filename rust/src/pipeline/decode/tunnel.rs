//! IP packets inside IP packets: IP-in-IP (RFC 2003, 4213), GRE (RFC 2784, 2890), VXLAN (RFC 7348), GENEVE (RFC 8926),
//! Teredo (RFC 4380). Entered when asked for, else only named.

use super::ip::Datagram;
use super::link::{self, Frame, Tagged};
use super::{NotTcp, after, u8_at, u16_at};

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
    Some(found.map(|(vlan, ip)| {
        let stripped = payload.len() - ip.len();
        let vlan = if vlan == 0 { datagram.vlan } else { vlan };
        Frame { vlan, ip, wire_len: datagram.wire_len.saturating_sub(stripped) }
    }))
}

fn gre(payload: &[u8]) -> Result<Tagged<'_>, NotTcp> {
    let flags = u16_at(payload, 0)?;
    let version = flags & 7;
    let bit = |mask: u16| 4 * usize::from(flags & mask != 0);
    // Checksum, key, sequence number; version 1 (PPTP, RFC 2637) has an acknowledgement number as well.
    let header = 4 + bit(0x8000) + bit(0x2000) + bit(0x1000) + if version == 1 { bit(0x0080) } else { 0 };
    from_type(u16_at(payload, 2)?, after(payload, header)?)
}

fn udp(payload: &[u8]) -> Option<Result<Tagged<'_>, NotTcp>> {
    let (source, destination) = (u16_at(payload, 0).ok()?, u16_at(payload, 2).ok()?);
    let data = payload.get(8..)?;
    Some(match (source, destination) {
        (_, VXLAN) => after(data, 8).and_then(link::ethernet),
        (_, GENEVE) => geneve(data),
        (TEREDO, _) | (_, TEREDO) => teredo(data),
        _ => return None,
    })
}

fn geneve(data: &[u8]) -> Result<Tagged<'_>, NotTcp> {
    let options = usize::from(u8_at(data, 0)? & 0x3f) * 4;
    from_type(u16_at(data, 2)?, after(data, 8 + options)?)
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
