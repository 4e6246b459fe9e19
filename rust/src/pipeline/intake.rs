//! From a captured frame to what it holds for us: decoding, putting fragments together, entering tunnels, and undoing the
//! translation of addresses on this machine.
//!
//! The half of the pipeline that knows no connections. One intake sees all packets of a source and says of each which
//! connection it belongs to, so that another thread may take it from here.

use super::decode::{self, Datagram, FlowKey, NotTcp, Segment};
use super::defragment::{self, Defragmenter};
use super::nat::Nat;
use super::packet::{InterfaceId, Packet, Timestamp};

/// What a packet holds.
#[derive(Clone, Copy, Debug)]
pub enum Content<'a> {
    /// A segment, of this packet or of the datagram it completed.
    Segment(Segment<'a>),
    /// A fragment that waits for others.
    Fragment,
    /// A tunnel that is not entered.
    Tunnel,
    /// Another protocol.
    Foreign,
    /// Headers that are cut or contradict themselves.
    Broken,
}

impl Content<'_> {
    fn without(problem: NotTcp) -> Self {
        match problem {
            NotTcp::Foreign => Self::Foreign,
            NotTcp::Short | NotTcp::Malformed => Self::Broken,
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
    /// Its addresses are those of a connection seen before, not its own.
    pub is_translated: bool,
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

    /// A packet whose link type nobody can decode.
    pub fn unknown(ts: Timestamp, interface: InterfaceId, wire_len: u32) -> Self {
        Self { ts, interface, wire_len, is_truncated: false, is_translated: false, content: Content::Broken }
    }
}

/// Reads packets.
#[derive(Debug)]
pub struct Intake {
    fragments: Defragmenter,
    tunnels: bool,
    nat: Option<Nat>,
    /// Packets may come from several interfaces, so one may be seen again behind a translation.
    has_several: bool,
}

impl Intake {
    /// `tunnels` are looked into or left alone; without `nat` each translated connection is one of its own.
    pub fn new(fragments: defragment::Limits, tunnels: bool, nat: Option<Nat>) -> Self {
        Self { fragments: Defragmenter::new(fragments), tunnels, nat, has_several: false }
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
        let Self { fragments, tunnels, nat, has_several } = self;
        let arrival = |content| Arrival {
            ts: packet.ts,
            interface: packet.interface,
            wire_len: packet.wire_len,
            is_truncated: packet.is_truncated(),
            is_translated: false,
            content,
        };
        match decode::datagram(packet) {
            Ok(datagram) if datagram.fragment.is_none() && datagram.protocol == decode::TCP => {
                match decode::segment(&datagram, packet.ts, packet.interface) {
                    Ok(segment) if *has_several => translated(nat.as_ref(), arrival(Content::Segment(segment))),
                    Ok(segment) => arrival(Content::Segment(segment)),
                    Err(problem) => arrival(Content::without(problem)),
                }
            }
            Ok(datagram) => {
                let content = unwrap(fragments, *tunnels, datagram, packet).unwrap_or_else(Content::without);
                translated(nat.as_ref().filter(|_| *has_several), arrival(content))
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

    /// Takes the number of datagrams lost since the last call because their fragments do not make a whole.
    pub fn take_dropped(&mut self) -> u64 {
        self.fragments.take_dropped()
    }
}

/// A packet with the addresses under which its connection was seen first.
#[cold]
fn translated<'a>(nat: Option<&Nat>, mut arrival: Arrival<'a>) -> Arrival<'a> {
    if let (Some(nat), Content::Segment(segment)) = (nat, &mut arrival.content) {
        arrival.is_translated = nat.translate(segment);
    }
    arrival
}

/// What a fragment or a tunnel holds.
#[cold]
fn unwrap<'a>(
    fragments: &'a mut Defragmenter,
    tunnels: bool,
    outer: Datagram<'a>,
    packet: &Packet<'a>,
) -> Result<Content<'a>, NotTcp> {
    let whole = match outer.fragment {
        None => outer,
        Some(part) if !tunnels && !outer.may_hold_tcp(part) => return Err(NotTcp::Foreign),
        Some(part) => match fragments.push(&outer, part, packet.ts) {
            Some(whole) => whole,
            None => return Ok(Content::Fragment),
        },
    };
    match innermost(whole, tunnels)? {
        Some(datagram) => decode::segment(&datagram, packet.ts, packet.interface).map(Content::Segment),
        None => Ok(Content::Tunnel),
    }
}

/// The datagram within all tunnels, when they are to be entered; `None` for a tunnel that is not. Fragments within a
/// tunnel stay what they are.
fn innermost(mut datagram: Datagram<'_>, tunnels: bool) -> Result<Option<Datagram<'_>>, NotTcp> {
    for _ in 0..decode::MAX_TUNNELS {
        if datagram.protocol == decode::TCP {
            break;
        }
        let Some(inner) = decode::inner(&datagram) else { break };
        if !tunnels {
            return Ok(None);
        }
        datagram = inner?;
    }
    Ok(Some(datagram))
}
