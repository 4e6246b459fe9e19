//! Captures from one interface through libpcap, without ever blocking.

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Mutex, PoisonError};

use pcap::{Active, Capture, Linktype, Precision};

use super::fanout::{FanoutGroup, shut};
use super::interfaces::ANY;
use super::links::PSEUDO;
use super::{DEFAULT_FILTER, Error, TUNNELS_FILTER, UNTAGGED_FILTER, UNTAGGED_TUNNELS_FILTER, clocks, filter};
use crate::pipeline::packet::{InterfaceId, LinkType, Packet, SECOND, Timestamp};

/// How to open interfaces.
#[derive(Clone, Debug)]
pub struct CaptureSettings {
    /// BPF expression; `None` for the default.
    pub filter: Option<String>,
    /// True if the default filter lets tunnels through as well.
    pub tunnels: bool,
    /// Bytes kept of each packet.
    pub snaplen: u32,
    /// Bytes of the kernel buffer of each interface; `None` for a share of [`BUFFER_BUDGET`](super::BUFFER_BUDGET).
    pub buffer_size: Option<u32>,
    /// True if the interface is asked for packets that are not addressed to it as well.
    pub promiscuous: bool,
}

/// After this long the kernel hands over a block that is not full. So packets are late by this much at most. It is no
/// read time-out.
pub const BLOCK_TIMEOUT_MS: i32 = 50;

/// How far packets captured on different processors may be out of the order of their time stamps.
const DISORDER: i64 = SECOND / 5;

/// Bytes before each packet in the kernel's buffer: its header and the address of the link, with what aligns them.
const HEADER: u64 = 96;

/// Handles closed at the same time. Closing one takes 30 ms, most of which is waiting in the kernel, so several can be
/// closed at once.
const CLOSERS: usize = 32;

/// The times of the steady clock between which a handle hands over packets. Packets outside are handed over by another
/// handle on the same interface, or by none.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    since: i64,
    until: Option<i64>,
}

impl Bounds {
    /// True if the packet is within the bounds. `is_before` tells whether it came before a time of the steady clock.
    fn has(self, is_before: impl Fn(i64) -> bool) -> bool {
        !is_before(self.since) && self.until.is_none_or(is_before)
    }

    /// True if the bounds are no longer needed: there is no upper one, and every further packet is beyond the lower
    /// one.
    fn are_over(self, is_before: impl Fn(i64) -> bool) -> bool {
        self.until.is_none() && !is_before(self.since.saturating_add(DISORDER))
    }
}

/// An interface to open, and how.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// What people know the interface as.
    pub name: String,
    /// Its name in its network namespace.
    pub device: String,
    /// The kernel's number of it.
    pub index: u32,
    /// Its number in the capture.
    pub id: InterfaceId,
    /// Number of the opening.
    pub opening: u32,
    /// Bytes of all its kernel buffers.
    pub buffer: u64,
}

/// A handle on an interface being captured from.
pub struct InterfaceHandle {
    /// Name of the interface.
    pub name: String,
    /// Number of the interface.
    pub id: InterfaceId,
    /// Number of the opening that this handle belongs to. Each opening of an interface gives every worker a handle.
    pub opening: u32,
    /// Bytes of its kernel buffer.
    pub buffer_size: u32,
    /// Bytes that were read since the last call of [`Self::take_fill`], as they lie in the kernel's buffer.
    read: u64,
    bounds: Option<Bounds>,
    capture: Capture<Active>,
    link_type: LinkType,
    /// True if the interface is in another network namespace than netmon.
    is_foreign: bool,
    /// Counters of drops in the kernel and in the interface, as last read. They wrap around.
    dropped: (u32, u32),
}

impl InterfaceHandle {
    /// Opens an interface `count` times, and divides its buffer among the handles. Each packet is handed over by one
    /// handle: the one whose index [`share`](super::fanout::share) returns for the packet's connection.
    pub fn open(wanted: &Wanted, count: usize, settings: &CaptureSettings) -> Result<Vec<Self>, Error> {
        let mut handles: Vec<Self> =
            (0..count).map(|_| Self::open_one(wanted, count, settings)).collect::<Result<_, _>>()?;
        if count > 1 {
            let joined = join(&handles).map_err(|error| Error::Failed {
                name: wanted.name.clone(),
                reason: format!("cannot be shared by {count} workers: {error}"),
            })?;
            handles.iter_mut().for_each(|handle| handle.begin_at(joined));
        }
        for handle in &mut handles {
            handle.set_filter(settings)?;
            if count > 1 {
                handle.take_drops();
            }
        }
        Ok(handles)
    }

    /// Opens a handle that has no filter yet.
    fn open_one(wanted: &Wanted, count: usize, settings: &CaptureSettings) -> Result<Self, Error> {
        let Wanted { name, device, index, id, opening, buffer } = wanted;
        let buffer_size = u32::try_from(*buffer).unwrap_or(u32::MAX) / count as u32;
        let capture = activate(wanted, buffer_size, settings)?;
        let mut capture = capture.setnonblock().map_err(|error| failed(name, &error))?;
        if *index < PSEUDO && bound_to(capture.as_fd()).is_some_and(|bound| bound != *index) {
            let reason = "another interface has this name now".into();
            return Err(Error::Failed { name: name.clone(), reason });
        }
        if device == ANY {
            // The newer cooked header names the interface. If libpcap has only the older one, that is used.
            let _ = capture.set_datalink(Linktype::LINUX_SLL2);
        }
        let number = capture.get_datalink().0 as u32;
        let link_type =
            LinkType::from_number(number).ok_or_else(|| Error::LinkType { name: name.to_owned(), number })?;
        let (name, id, opening, is_foreign) = (name.clone(), *id, *opening, name != device);
        Ok(Self {
            is_foreign,
            name,
            id,
            opening,
            buffer_size,
            read: 0,
            bounds: None,
            capture,
            link_type,
            dropped: (0, 0),
        })
    }

    /// Hands over only packets that come at or after `since`, a time of the steady clock. Earlier ones are handed over
    /// by another handle, or came before the handles of the interface divided its packets.
    pub fn begin_at(&mut self, since: i64) {
        self.bounds = Some(Bounds { since, until: None });
    }

    /// Hands over only packets that come before `until`, a time of the steady clock. Later ones are handed over by
    /// another handle, or by none.
    pub fn end_at(&mut self, until: i64) {
        let since = self.bounds.map_or(i64::MIN, |bounds| bounds.since);
        self.bounds = Some(Bounds { since, until: Some(until) });
    }

    fn set_filter(&mut self, settings: &CaptureSettings) -> Result<(), Error> {
        let (default, untagged) = if settings.tunnels {
            (TUNNELS_FILTER, UNTAGGED_TUNNELS_FILTER)
        } else {
            (DEFAULT_FILTER, UNTAGGED_FILTER)
        };
        let wanted = settings.filter.as_deref().unwrap_or(default);
        let set = match self.capture.filter(wanted, true) {
            // libpcap cannot filter by VLAN tags on every link type.
            Err(_) if settings.filter.is_none() => self.capture.filter(untagged, true),
            set => set,
        };
        let link_type = self.capture.get_datalink().0 as u32;
        set.map_err(|error| filter::failure(wanted, link_type, &error))
    }

    /// Hands over the packets that have arrived, `max` at most, and returns how many were read. `is_before` tells
    /// whether a packet with this time stamp came before a time of the steady clock.
    pub fn dispatch(
        &mut self,
        max: usize,
        is_before: impl Fn(Timestamp, i64) -> bool,
        mut take: impl FnMut(&Packet<'_>),
    ) -> Result<usize, Error> {
        let Self { id, link_type, ref mut bounds, ref mut read, .. } = *self;
        let handler = |packet: pcap::Packet<'_>| {
            let header = packet.header;
            *read += packet.data.len() as u64 + HEADER;
            // Opened with nanosecond precision, where the field called tv_usec holds nanoseconds.
            #[allow(clippy::useless_conversion)] // the field has 32 bits on macOS
            let ts = Timestamp::new(header.ts.tv_sec, header.ts.tv_usec.into());
            if let Some(limits) = *bounds {
                let is_before = |steady| is_before(ts, steady);
                if !limits.has(is_before) {
                    return;
                }
                *bounds = (!limits.are_over(is_before)).then_some(limits);
            }
            take(&Packet { ts, wire_len: header.len, interface: id, link_type, data: packet.data });
        };
        self.capture.dispatch(Some(max), handler).map_err(|error| failed(&self.name, &error))
    }

    /// Returns how much of the kernel's buffer was read since the last call; 1 is all of it.
    pub fn take_fill(&mut self) -> f64 {
        std::mem::take(&mut self.read) as f64 / f64::from(self.buffer_size.max(1))
    }

    /// Returns how many packets were dropped since the last call: by the kernel, whose buffer was full, and by the
    /// interface or its driver.
    pub fn take_drops(&mut self) -> (u64, u64) {
        let Ok(stat) = self.capture.stats() else { return (0, 0) };
        let before = std::mem::replace(&mut self.dropped, (stat.dropped, stat.if_dropped));
        let kernel = stat.dropped.wrapping_sub(before.0);
        let interface = stat.if_dropped.wrapping_sub(before.1);
        // libpcap reads drops of the device below /sys, by its name. What is there is about netmon's own namespace.
        (u64::from(kernel), if self.is_foreign { 0 } else { u64::from(interface) })
    }
}

impl AsFd for InterfaceHandle {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.capture.as_fd()
    }
}

/// Closes handles, several at once.
pub fn close(handles: Vec<InterfaceHandle>) {
    let handles = Mutex::new(handles);
    let next = || handles.lock().unwrap_or_else(PoisonError::into_inner).pop();
    let count = handles.lock().unwrap_or_else(PoisonError::into_inner).len();
    std::thread::scope(|scope| {
        for _ in 1..count.min(CLOSERS) {
            // If no thread can be started, the threads that exist do the work.
            let _ = std::thread::Builder::new().spawn_scoped(scope, || while next().is_some() {});
        }
        while next().is_some() {}
    });
}

/// Puts the handles into a fanout group, and returns the time of the steady clock after that. Until then no packet is
/// let in, since several handles, or none, would get it.
fn join(handles: &[InterfaceHandle]) -> std::io::Result<i64> {
    for handle in handles {
        shut(handle.as_fd())?;
    }
    let mut group = FanoutGroup::default();
    for handle in handles {
        group.join(handle.as_fd())?;
    }
    Ok(clocks::read().steady)
}

/// Opens a handle with time stamps in nanoseconds. If opening in promiscuous mode fails, it is tried without: the Rust
/// binding turns libpcap's warnings into errors, and one of them says that the interface has no such mode.
fn activate(wanted: &Wanted, buffer_size: u32, settings: &CaptureSettings) -> Result<Capture<Active>, Error> {
    let Wanted { name, device, .. } = wanted;
    let promiscuous = settings.promiscuous && device != ANY;
    let attempt = |promiscuous: bool| {
        Capture::from_device(device.as_str())?
            .snaplen(settings.snaplen as i32)
            .buffer_size(buffer_size as i32)
            .timeout(BLOCK_TIMEOUT_MS)
            .precision(Precision::Nano)
            .promisc(promiscuous)
            .open()
    };
    let opened = match attempt(promiscuous) {
        Err(_) if promiscuous => attempt(false),
        opened => opened,
    };
    opened.map_err(|error| {
        if may_capture() { failed(name, &error) } else { Error::NotPermitted { interface: name.to_owned() } }
    })
}

/// Returns the kernel's number of the interface that a packet socket (packet(7)) is bound to. libpcap opens interfaces
/// by name, and a name may have been given to another interface meanwhile. `None` if it cannot be told.
#[cfg(target_os = "linux")]
fn bound_to(socket: BorrowedFd<'_>) -> Option<u32> {
    use std::os::fd::AsRawFd;

    // SAFETY: all its fields are integers, for which zero is a value.
    let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
    let mut size = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
    // SAFETY: the kernel writes at most `size` bytes, the size of `address`.
    let done = unsafe { libc::getsockname(socket.as_raw_fd(), (&raw mut address).cast(), &raw mut size) };
    let is_packet_socket = done == 0 && i32::from(address.sll_family) == libc::AF_PACKET;
    is_packet_socket.then(|| u32::try_from(address.sll_ifindex).unwrap_or_default())
}

#[cfg(not(target_os = "linux"))]
fn bound_to(_: BorrowedFd<'_>) -> Option<u32> {
    None
}

/// True if this thread has `CAP_NET_RAW`, or that cannot be told. libpcap does not say whether opening failed for lack
/// of it.
fn may_capture() -> bool {
    const CAP_NET_RAW: u32 = 13;
    let status = std::fs::read_to_string("/proc/thread-self/status").unwrap_or_default();
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    effective
        .and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok())
        .is_none_or(|capabilities| capabilities >> CAP_NET_RAW & 1 == 1)
}

fn failed(name: &str, error: &pcap::Error) -> Error {
    Error::Failed { name: name.to_owned(), reason: words(error) }
}

/// Returns libpcap's error message, without the text that the Rust binding adds.
fn words(error: &pcap::Error) -> String {
    match error {
        pcap::Error::PcapError(words) => words.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_handles_in_turn_each_packet_is_handed_over_by_one() {
        let at = |millis: i64| millis * 1_000_000;
        let before = |millis: i64| move |steady: i64| at(millis) < steady;
        let first = Bounds { since: i64::MIN, until: Some(at(500)) };
        let second = Bounds { since: at(500), until: None };
        for (millis, whose) in [(0, [true, false]), (499, [true, false]), (500, [false, true]), (700, [false, true])] {
            assert_eq!([first, second].map(|bounds| bounds.has(before(millis))), whose, "{millis}");
        }
        assert!(!second.are_over(before(600)) && second.are_over(before(701)) && !first.are_over(before(900)));
    }
}
