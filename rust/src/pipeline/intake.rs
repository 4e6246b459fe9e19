//! From a captured frame to what it holds for us: decoding, putting fragments together, entering tunnels, and undoing the
//! translation of addresses on this machine.
//!
//! The half of the pipeline that knows no connections. One intake sees all packets of a source and says of each which
//! connection it belongs to, so that another thread may take it from here.

use super::decode::{self, Datagram, FlowKey, FragmentPart, NotTcp, Segment, Undecoded};
use super::defragment::{self, Defragmenter};
use super::nat::Nat;
use super::packet::{InterfaceId, Packet, Timestamp};
use super::steps;

/// What a packet holds.
#[derive(Clone, Copy, Debug)]
pub enum Content<'a> {
    /// A segment, of this packet or of the datagram it completed.
    Segment(Segment<'a>),
    /// A fragment that waits for others.
    Fragment,
    /// Another protocol.
    Foreign,
    /// What may hold a segment, but is not decoded.
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

/// A packet, read.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'a> {
    /// When it was captured.
    pub ts: Timestamp,
    /// Where.
    pub interface: InterfaceId,
    /// Its length on the wire.
    pub wire_len: u32,
    /// It was cut by the snapshot length.
    pub is_truncated: bool,
    /// Other packets had a part in what it holds, or in whose it is.
    pub is_assembled: bool,
    /// What it holds.
    pub content: Content<'a>,
}

impl Arrival<'_> {
    /// The connection it belongs to.
    pub fn key(&self) -> Option<&FlowKey> {
        match &self.content {
            Content::Segment(segment) => Some(&segment.key),
            _ => None,
        }
    }

    /// A packet of a link type that cannot be decoded.
    pub fn unknown(ts: Timestamp, interface: InterfaceId, wire_len: u32, link_type: u32) -> Self {
        let content = Content::Undecoded(Undecoded::LinkType(link_type));
        Self { ts, interface, wire_len, is_truncated: false, is_assembled: false, content }
    }
}

/// Reads packets.
#[derive(Debug)]
pub struct Intake {
    /// One for the outermost fragments, one for those within a tunnel: a packet may be in both.
    fragments: [Defragmenter; 2],
    tunnels: bool,
    nat: Option<Nat>,
    /// Packets may come from several interfaces, so one may be seen again behind a translation.
    has_several: bool,
}

impl Intake {
    /// `tunnels` are looked into or left alone; without `nat` each translated connection is one of its own.
    pub fn new(fragments: defragment::Limits, tunnels: bool, nat: Option<Nat>) -> Self {
        Self {
            fragments: [Defragmenter::new(fragments), Defragmenter::new(fragments)],
            tunnels,
            nat,
            has_several: false,
        }
    }

    /// There is an interface of this number.
    pub fn add_interface(&mut self, id: InterfaceId) {
        self.has_several |= id != InterfaceId::default() && self.nat.is_some();
    }

    /// What a packet belongs to can be told from itself alone.
    pub fn is_simple(&self) -> bool {
        !self.has_several
    }

    /// Reads a packet.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "a packet that is returned through memory costs as much as reading it")]
    pub fn read<'a>(&'a mut self, packet: &Packet<'a>) -> Arrival<'a> {
        if self.has_several { self.read_translated(packet) } else { self.read_as_it_is(packet) }
    }

    /// Reads a packet, and gives it the addresses under which its connection was seen first.
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

    /// The segment that is a packet's own, which nearly every packet has.
    #[inline]
    pub fn plain<'a>(packet: &Packet<'a>) -> Option<Segment<'a>> {
        let datagram = decode::datagram(packet).ok()?;
        if datagram.fragment.is_some() || datagram.protocol != decode::TCP {
            return None;
        }
        decode::segment(&datagram, packet.ts, packet.interface).ok()
    }

    /// Forgets the fragments that wait for others.
    pub fn restart(&mut self) {
        self.fragments.iter_mut().for_each(Defragmenter::restart);
    }

    /// Takes the number of datagrams lost since the last call because their fragments do not make a whole.
    pub fn take_dropped(&mut self) -> u64 {
        self.fragments.iter_mut().map(Defragmenter::take_dropped).sum()
    }
}

/// What a fragment or a tunnel holds, and whether other packets had a part in it.
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
                let segment = decode::segment(&last, packet.ts, packet.interface);
                return (segment.map(Content::Segment), is_assembled);
            }
            Err(problem) => return (Err(problem), is_assembled),
        }
    }
    (Err(NotTcp::Undecoded(Undecoded::Tunnels)), is_assembled)
}

/// Fragments within fragments within fragments.
const NESTED: NotTcp = NotTcp::Undecoded(Undecoded::Fragments);

/// A datagram, and whether it came out of another.
enum Inner<'a> {
    Entered(Datagram<'a>),
    Last(Datagram<'a>),
}

/// The datagram within a tunnel, when tunnels are entered; one that is no tunnel's as it is.
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

/// What a fragment is that nobody wants put together. The first one tells a tunnel, if that is what it is.
fn outside(datagram: &Datagram<'_>, part: FragmentPart) -> NotTcp {
    let first = (part.offset == 0).then(|| decode::outer(datagram)).flatten();
    match first {
        Some(Ok(outer)) => NotTcp::Undecoded(Undecoded::Tunnel(outer.tunnel)),
        _ => NotTcp::Foreign,
    }
}
