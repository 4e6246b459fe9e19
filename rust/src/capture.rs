//! The edge where packets come in: the only code that knows libpcap and capture files.
//!
//! [`live`] opens interfaces, [`file`] reads captures, [`filter`] picks packets out of them, [`interfaces`] says which
//! there are, [`clocks`] reads the clocks, [`wait`] sleeps until something happens. All of them hand over
//! [`Packet`](crate::pipeline::packet::Packet)s and know nothing of what they carry.

pub mod clocks;
pub mod fanout;
pub mod file;
pub mod filter;
pub mod interfaces;
pub mod live;
pub mod prefetch;
pub mod wait;

use std::io;

/// With or without VLAN tags: TCP over IPv4 and IPv6, and what may hide it behind IPv6 extension
/// headers. Later fragments of TCP are TCP to libpcap; `vlan` moves all offsets behind it, so it comes last.
pub const DEFAULT_FILTER: &str = "tcp or ip6 proto 0 or ip6 proto 43 or ip6 proto 44 or ip6 proto 60 \
     or (vlan and (tcp or ip6 proto 44 or (vlan and tcp)))";
/// The same for links that have no VLAN tags.
pub const UNTAGGED_FILTER: &str = "tcp or ip6 proto 0 or ip6 proto 43 or ip6 proto 44 or ip6 proto 60";

/// What goes before either when tunnels are looked into: IP-in-IP, GRE, VXLAN, GENEVE, Teredo.
pub const TUNNELS_FILTER: &str =
    "ip proto 4 or proto 41 or proto 47 or udp dst port 4789 or udp dst port 6081 or udp port 3544 or ";

/// libpcap's `MAXIMUM_SNAPLEN`: offloads hand over frames far beyond any MTU.
pub const DEFAULT_SNAPLEN: u32 = 262_144;
/// Kernel buffer per interface: 32 MiB hold a fifth of a second of 1.3 Gbit/s while the interpreter is busy elsewhere;
/// libpcap's own 2 MiB hold a hundredth.
pub const DEFAULT_BUFFER_SIZE: u32 = 32 * 1024 * 1024;

/// Why a capture cannot begin or go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The process lacks `CAP_NET_RAW`.
    #[error("not permitted to capture on {interface} (needs CAP_NET_RAW)")]
    NotPermitted {
        /// Which interface.
        interface: String,
    },
    /// There is none of that name, or none at all.
    #[error("{0}")]
    NoInterface(String),
    /// A file that is not there, not readable, or no capture.
    #[error("{path}: {reason}")]
    File {
        /// Which file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Frames that cannot be decoded.
    #[error("{name}: link type {number} is not supported ({known})")]
    LinkType {
        /// Interface or file.
        name: String,
        /// `LINKTYPE_` number.
        number: u32,
        /// What is.
        known: &'static str,
    },
    /// The BPF expression does not compile.
    #[error("{0}")]
    Filter(String),
    /// Reading failed midway.
    #[error("{name}: {reason}")]
    Failed {
        /// Interface or file.
        name: String,
        /// libpcap's or the system's words.
        reason: String,
    },
    /// The system refused something basic.
    #[error(transparent)]
    System(#[from] io::Error),
}

/// Link types that are decoded, for messages.
pub const KNOWN_LINK_TYPES: &str =
    "supported: Ethernet, Linux cooked, loopback, raw IP, PPP, Cisco HDLC, 802.11, radiotap, NFLOG, PKTAP";

/// Version of libpcap as it says of itself.
pub fn libpcap_version() -> String {
    unsafe extern "C" {
        fn pcap_lib_version() -> *const std::ffi::c_char;
    }
    // SAFETY: takes nothing, and returns a static string (pcap_lib_version(3PCAP)).
    let version = unsafe { std::ffi::CStr::from_ptr(pcap_lib_version()) };
    version.to_string_lossy().into_owned()
}
