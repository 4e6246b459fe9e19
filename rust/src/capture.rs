//! The edge where packets come in: the only code that knows libpcap and capture files.
//!
//! [`live`] captures from interfaces, [`file`] reads capture files. Both hand over
//! [`Packet`](crate::pipeline::packet::Packet)s and do not look into them. [`fanout`] divides the packets of an
//! interface among workers, and [`filter`] selects packets of files. [`interfaces`] lists the interfaces, [`links`]
//! tells which there are and when they change, [`traffic`] how busy they are without rtnetlink, and [`namespace`] enters
//! network namespaces. [`keylog`] reads the secrets of TLS connections. [`clocks`] reads the clocks, and [`wait`]
//! sleeps until something happens.

pub mod clocks;
pub mod fanout;
pub mod file;
pub mod filter;
pub mod interfaces;
pub mod keylog;
pub mod links;
pub mod live;
mod named;
pub mod namespace;
pub mod traffic;
pub mod wait;

use std::io;

use crate::pipeline::packet::LinkType;

/// TCP over IPv4 and IPv6, QUIC on its usual port, and packets whose extension headers may hide TCP. libpcap's `tcp`
/// also matches later fragments.
macro_rules! plain {
    () => {
        "tcp or udp port 443 or ah or ip6 proto 0 or ip6 proto 43 or ip6 proto 44 or ip6 proto 60"
    };
}
/// Ethernet types of headers that may be between Ethernet and IP, other than the VLAN tags that libpcap knows: VN-Tag,
/// E-tag, Cisco metadata, `TTag`, older numbers of VLAN tags, MPLS, `PPPoE`.
macro_rules! tags {
    () => {
        " or ether proto 0x8926 or ether proto 0x893f or ether proto 0x8909 or ether proto 0x8988 \
         or ether proto 0x9200 or ether proto 0x8200 or ether proto 0x9300 \
         or ether proto 0x8847 or ether proto 0x8848 or ether proto 0x8864"
    };
}
/// Tunnels that [`decode`](crate::pipeline::decode) knows: by protocol, by port, Teredo of relays by its addresses, and
/// the later fragments of UDP, which have no port.
macro_rules! tunnels {
    () => {
        "proto 4 or proto 41 or proto 47 or proto 97 or proto 115 or proto 137 \
         or udp dst port 4789 or udp dst port 8472 or udp dst port 4790 or udp dst port 6081 \
         or udp dst port 6635 or udp dst port 4341 or udp dst portrange 37008-37009 \
         or udp port 4754 or udp port 2152 or udp port 5072 or udp port 3544 or udp port 1701 \
         or (udp[8] & 0xf0 = 0x60 and (udp[16:4] = 0x20010000 or udp[32:4] = 0x20010000)) \
         or (udp[8:2] = 0 and udp[16] & 0xf0 = 0x60 and (udp[24:4] = 0x20010000 or udp[40:4] = 0x20010000)) \
         or (ip proto 17 and ip[6:2] & 0x1fff != 0) or "
    };
}
/// For links on which libpcap does not look for VLAN tags: every packet with a tag passes.
macro_rules! without_tags {
    ($what:expr) => {
        concat!($what, tags!(), " or ether proto 0x8100 or ether proto 0x88a8 or ether proto 0x9100")
    };
}
/// Packets that match `$what`, without a VLAN tag or behind one or two. libpcap's `vlan` shifts the offsets of
/// everything after it in the expression, so it comes last.
macro_rules! with_tags {
    ($what:expr) => {
        concat!($what, tags!(), " or (vlan and (", $what, tags!(), " or (vlan and (", $what, tags!(), " or vlan))))")
    };
}

/// The filter if none is given.
pub const DEFAULT_FILTER: &str = with_tags!(plain!());
/// [`DEFAULT_FILTER`] for links on which libpcap does not look for VLAN tags.
pub const UNTAGGED_FILTER: &str = without_tags!(plain!());
/// The filter if none is given and tunnels are looked into.
pub const TUNNELS_FILTER: &str = with_tags!(concat!(tunnels!(), plain!()));
/// [`TUNNELS_FILTER`] for links on which libpcap does not look for VLAN tags.
pub const UNTAGGED_TUNNELS_FILTER: &str = without_tags!(concat!(tunnels!(), plain!()));

/// The snapshot length if none is given: libpcap's `MAXIMUM_SNAPLEN`. With offloads, frames may be much larger than the
/// MTU.
pub const DEFAULT_SNAPLEN: u32 = 262_144;
/// Bytes of the kernel buffers of all interfaces together, unless the user gives a size for each: eight of the largest.
pub const BUFFER_BUDGET: u64 = 256 << 20;
/// Bytes of the largest kernel buffer that an interface gets from the budget. It holds 0.2 s of 1.3 Gbit/s, for when
/// the worker cannot run. libpcap's default of 2 MiB holds 0.01 s.
pub const LARGEST_BUFFER: u64 = 32 << 20;

/// Why a capture cannot begin or go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The process lacks `CAP_NET_RAW`.
    #[error("not permitted to capture on {interface} (needs CAP_NET_RAW)")]
    NotPermitted {
        /// Which interface.
        interface: String,
    },
    /// The process may not enter a network namespace.
    #[error("not permitted to enter the network namespace {namespace} (needs CAP_SYS_ADMIN)")]
    Closed {
        /// Which one.
        namespace: String,
    },
    /// There is no interface of that name, or none at all.
    #[error("{0}")]
    NoInterface(String),
    /// An interface went down, and the capture is to end for that.
    #[error("{0}")]
    Gone(String),
    /// A file does not exist, cannot be read, or is not a capture.
    #[error("{path}: {reason}")]
    File {
        /// Which file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The link type of an interface or file cannot be decoded.
    #[error("{name}: link type {number} is not supported (supported: {})", LinkType::names())]
    LinkType {
        /// Interface or file.
        name: String,
        /// `LINKTYPE_` number.
        number: u32,
    },
    /// The BPF expression does not compile.
    #[error("{reason}")]
    Filter {
        /// The expression.
        expression: String,
        /// libpcap's words.
        reason: String,
        /// Number of characters before the mistake, if that is known.
        position: Option<usize>,
    },
    /// Reading failed midway.
    #[error("{name}: {reason}")]
    Failed {
        /// Interface or file.
        name: String,
        /// libpcap's or the system's words.
        reason: String,
    },
    /// A stage panicked for the second time.
    #[error("second internal error: {0}; this is a bug in netmon, please report it; the counts until then are shown")]
    Internal(String),
    /// A system call failed that a capture cannot do without.
    #[error(transparent)]
    System(#[from] io::Error),
}

/// The version string of libpcap.
pub fn libpcap_version() -> String {
    unsafe extern "C" {
        fn pcap_lib_version() -> *const std::ffi::c_char;
    }
    // SAFETY: takes nothing, and returns a static string (pcap_lib_version(3PCAP)).
    let version = unsafe { std::ffi::CStr::from_ptr(pcap_lib_version()) };
    version.to_string_lossy().into_owned()
}
