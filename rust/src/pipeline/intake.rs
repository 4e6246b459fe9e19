//! Turns a captured frame into the segment that it contains: decodes it, puts fragments together, enters tunnels, and
//! undoes the translation of addresses on this machine.
//!
//! This half of the pipeline keeps no state of connections. One intake can read all packets of a source and tell the
//! connection of each, and another thread can go on from there.

use super::decode::{self, Datagram, FlowKey, Folded, FragmentPart, NotTcp, Segment, Udp, Undecoded};
use super::defragment::{self, Defragmenter};
use super::nat::Nat;
use super::packet::{InterfaceId, Packet, Timestamp};
use super::steps;

/// What a packet contains.
#[derive(Clone, Copy, Debug)]
pub enum Content<'a> {
    /// A segment, of this packet or of the datagram that this packet completed.
    Segment(Segment<'a>),
    /// A datagram of UDP that is no tunnel, of this packet or put together.
    Udp(Udp<'a>),
    /// A fragment of a datagram that is not complete yet.
    Fragment,
    /// A protocol other than TCP and UDP.
    Foreign,
    /// A packet that may contain a segment, but cannot be decoded.
    Undecoded(Undecoded),
}

impl Content<'_> {
    fn without(problem: NotTcp) -> Self {
        match problem {
            NotTcp::Foreign => Self::Foreign,
            NotTcp::Short => Self::Undecoded(Undecoded::Cut),
            NotTcp::Malformed => Self::Undecoded(Undecoded::Malformed),
            NotTcp::Undecoded(kind) => Self::Undecoded(kind),
        }
    }
}

/// A packet that was read.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'a> {
    /// When it was captured.
    pub ts: Timestamp,
    /// The interface on which it was captured.
    pub interface: InterfaceId,
    /// Length on the wire.
    pub wire_len: u32,
    /// True if the packet was cut by the snapshot length.
    pub is_truncated: bool,
    /// True if its content or its connection could only be told with the help of other packets: it belongs to a
    /// fragmented datagram, or its addresses were translated.
    pub is_assembled: bool,
    /// What it contains.
    pub content: Content<'a>,
}

impl Arrival<'_> {
    /// The connection that the packet belongs to, if it contains a segment.
    pub fn key(&self) -> Option<&FlowKey> {
        match &self.content {
            Content::Segment(segment) => Some(&segment.key),
            _ => None,
        }
    }

    /// What decides which worker takes the packet; `None` if any may. Of UDP, only the addresses count, since the kernel
    /// divides such packets by these.
    pub fn folded(&self) -> Option<Folded> {
        match &self.content {
            Content::Segment(segment) => Some(segment.key.folded()),
            Content::Udp(udp) => Some(Folded { ports: 0, ..udp.key.folded() }),
            _ => None,
        }
    }

    /// Makes the arrival of a packet whose link type cannot be decoded.
    pub fn unknown(ts: Timestamp, interface: InterfaceId, wire_len: u32, link_type: u32) -> Self {
        let content = Content::Undecoded(Undecoded::LinkType(link_type));
        Self { ts, interface, wire_len, is_truncated: false, is_assembled: false, content }
    }
}

/// Reads packets, and keeps the fragments that wait for others.
#[derive(Debug)]
pub struct Intake {
    /// One defragmenter for the outermost datagrams, and one for datagrams within a tunnel. A packet may pass through
    /// both.
    fragments: [Defragmenter; 2],
    tunnels: bool,
    nat: Option<Nat>,
    /// True if there are several interfaces and `nat` is set, so a packet may be seen again with translated addresses.
    has_several: bool,
}

impl Intake {
    /// Makes an intake. `tunnels` says whether tunnels are looked into. Without `nat`, a connection whose addresses are
    /// translated counts as two.
    pub fn new(fragments: defragment::Limits, tunnels: bool, nat: Option<Nat>) -> Self {
        Self {
            fragments: [Defragmenter::new(fragments), Defragmenter::new(fragments)],
            tunnels,
            nat,
            has_several: false,
        }
    }

    /// Takes note of an interface of this number.
    pub fn add_interface(&mut self, id: InterfaceId) {
        self.has_several |= id != InterfaceId::default() && self.nat.is_some();
    }

    /// True if addresses need not be translated, so the connection of an unfragmented packet is told by the packet
    /// alone.
    pub fn is_simple(&self) -> bool {
        !self.has_several
    }

    /// Reads a packet and returns what it contains.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "a packet that is returned through memory costs as much as reading it")]
    pub fn read<'a>(&'a mut self, packet: &Packet<'a>) -> Arrival<'a> {
        if self.has_several { self.read_translated(packet) } else { self.read_as_it_is(packet) }
    }

    /// Reads a packet, and replaces its addresses by those under which its connection was seen first.
    #[cold]
    fn read_translated<'a>(&'a mut self, packet: &Packet<'a>) -> Arrival<'a> {
        let nat = self.nat.clone();
        let mut arrival = self.read_as_it_is(packet);
        if let (Some(nat), Content::Segment(segment)) = (nat, &mut arrival.content) {
            arrival.is_assembled |= nat.translate(segment);
        }
        arrival
    }

    #[inline(always)]
    #[allow(clippy::inline_always, reason = "as above")]
    fn read_as_it_is<'a>(&'a mut self, packet: &Packet<'a>) -> Arrival<'a> {
        let arrival = |content| Arrival {
            ts: packet.ts,
            interface: packet.interface,
            wire_len: packet.wire_len,
            is_truncated: packet.is_truncated(),
            is_assembled: false,
            content,
        };
        match decode::datagram(packet) {
            Ok(datagram) if datagram.fragment.is_none() && datagram.protocol == decode::TCP => {
                match decode::segment(&datagram, packet.ts, packet.interface) {
                    Ok(segment) => arrival(Content::Segment(segment)),
                    Err(problem) => arrival(Content::without(problem)),
                }
            }
            Ok(datagram) => {
                let (content, is_assembled) = unwrap(&mut self.fragments, self.tunnels, datagram, packet);
                Arrival { is_assembled, ..arrival(content.unwrap_or_else(Content::without)) }
            }
            Err(problem) => arrival(Content::without(problem)),
        }
    }

    /// Returns the segment of a packet that is neither a fragment nor in a tunnel, as nearly all packets are.
    #[inline]
    pub fn plain<'a>(packet: &Packet<'a>) -> Option<Segment<'a>> {
        let datagram = decode::datagram(packet).ok()?;
        if datagram.fragment.is_some() || datagram.protocol != decode::TCP {
            return None;
        }
        decode::segment(&datagram, packet.ts, packet.interface).ok()
    }

    /// Returns the fragment that a packet holds, in a tunnel if `tunnels` are looked into; `None` if it holds none.
    #[cold]
    pub fn fragment<'a>(packet: &Packet<'a>, tunnels: bool) -> Option<Datagram<'a>> {
        let mut datagram = decode::datagram(packet).ok()?;
        for _ in 0..decode::MAX_TUNNELS {
            if datagram.fragment.is_some() {
                return Some(datagram);
            }
            let Ok(Inner::Entered(within)) = inner(datagram, tunnels) else { return None };
            datagram = within;
        }
        None
    }

    /// Returns how many bytes of a frame are headers: all up to the end of the TCP header, in a tunnel as well. Of a
    /// fragment that is not the first, these are the headers up to IP. Of what cannot be decoded, nothing is.
    pub fn headers(packet: &Packet<'_>) -> usize {
        let Ok(mut datagram) = decode::datagram(packet) else { return 0 };
        for _ in 0..=decode::MAX_TUNNELS {
            let is_first = datagram.fragment.is_none_or(|part| part.offset == 0);
            if datagram.protocol == decode::TCP && is_first {
                let tcp = datagram.payload.get(12).map_or(0, |byte| usize::from(byte >> 4) * 4);
                return place(packet, datagram.payload) + tcp.min(datagram.payload.len());
            }
            match inner(datagram, true) {
                Ok(Inner::Entered(within)) if datagram.fragment.is_none() => datagram = within,
                _ => break,
            }
        }
        place(packet, datagram.payload)
    }

    /// Drops the fragments that wait for others.
    pub fn restart(&mut self) {
        self.fragments.iter_mut().for_each(Defragmenter::restart);
    }

    /// Returns how many datagrams were given up since the last call because fragments were missing.
    pub fn take_dropped(&mut self) -> u64 {
        self.fragments.iter_mut().map(Defragmenter::take_dropped).sum()
    }
}

/// Returns where in a frame a part of it begins; 0 if it is no part of it.
fn place(packet: &Packet<'_>, part: &[u8]) -> usize {
    let at = part.as_ptr().addr().wrapping_sub(packet.data.as_ptr().addr());
    if at <= packet.data.len() { at } else { 0 }
}

/// Returns what a fragment or a tunnel contains, and whether a fragmented datagram was involved.
#[cold]
fn unwrap<'a>(
    fragments: &'a mut [Defragmenter; 2],
    tunnels: bool,
    mut datagram: Datagram<'a>,
    packet: &Packet<'a>,
) -> (Result<Content<'a>, NotTcp>, bool) {
    #[cfg(test)]
    assert!(!datagram.payload.starts_with(super::FAULT), "a fault injected by a test");
    let [outermost, within] = fragments;
    let (mut outermost, mut within) = (Some(outermost), Some(within));
    let mut is_assembled = false;
    for entered in 0..=decode::MAX_TUNNELS {
        steps::add(1);
        if let Some(part) = datagram.fragment {
            if !tunnels && !datagram.may_hold_tcp(part) {
                return (Err(outside(&datagram, part)), is_assembled);
            }
            is_assembled = true;
            let fragments = if entered == 0 { outermost.take() } else { within.take() };
            let Some(fragments) = fragments else { return (Err(NESTED), is_assembled) };
            let Some(whole) = fragments.push(&datagram, part, packet.ts) else {
                return (Ok(Content::Fragment), is_assembled);
            };
            datagram = whole;
        }
        match inner(datagram, tunnels) {
            Ok(Inner::Entered(inner)) => datagram = inner,
            Ok(Inner::Last(last)) => {
                if let Some(udp) = decode::udp(&last, packet.ts, packet.interface) {
                    return (Ok(Content::Udp(udp)), is_assembled);
                }
                let segment = decode::segment(&last, packet.ts, packet.interface);
                return (segment.map(Content::Segment), is_assembled);
            }
            Err(problem) => return (Err(problem), is_assembled),
        }
    }
    (Err(NotTcp::Undecoded(Undecoded::Tunnels)), is_assembled)
}

/// The problem of a datagram that is fragmented in more than one tunnel.
const NESTED: NotTcp = NotTcp::Undecoded(Undecoded::Fragments);

/// A datagram that came out of a tunnel, or one that is no tunnel.
enum Inner<'a> {
    Entered(Datagram<'a>),
    Last(Datagram<'a>),
}

/// Returns the datagram within a tunnel, if tunnels are looked into. A datagram that is no tunnel is returned as it is.
fn inner(mut datagram: Datagram<'_>, tunnels: bool) -> Result<Inner<'_>, NotTcp> {
    if datagram.protocol == decode::AUTHENTICATION {
        decode::extensions(&mut datagram)?;
    }
    match decode::outer(&datagram).transpose()? {
        None => Ok(Inner::Last(datagram)),
        Some(outer) if tunnels => decode::inner(outer, &datagram).map(Inner::Entered),
        Some(outer) => Err(NotTcp::Undecoded(Undecoded::Tunnel(outer.tunnel))),
    }
}

/// Says what a fragment is that is not put together. If it is the first of its datagram, it can tell a tunnel.
fn outside(datagram: &Datagram<'_>, part: FragmentPart) -> NotTcp {
    let first = (part.offset == 0).then(|| decode::outer(datagram)).flatten();
    match first {
        Some(Ok(outer)) => NotTcp::Undecoded(Undecoded::Tunnel(outer.tunnel)),
        _ => NotTcp::Foreign,
    }
}
