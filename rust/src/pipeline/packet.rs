//! One captured frame, with the time and the interface of its capture. Capture sources hand it to the pipeline. Its
//! bytes are borrowed, and nothing is checked here.

/// Nanoseconds since the Unix epoch, as the capture stamped them. The only clock below the engine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

/// Nanoseconds in a second.
pub const SECOND: i64 = 1_000_000_000;

impl Timestamp {
    /// The timestamp `seconds` and `nanos` after the epoch; saturates instead of wrapping on absurd input.
    pub fn new(seconds: i64, nanos: i64) -> Self {
        Self(seconds.saturating_mul(SECOND).saturating_add(nanos))
    }

    /// Nanoseconds from `earlier` to this time; 0 if time went backwards.
    pub fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0).max(0) as u64
    }

    /// The time `nanos` nanoseconds later.
    #[must_use]
    pub fn plus(self, nanos: i64) -> Self {
        Self(self.0.saturating_add(nanos))
    }
}

/// Number of an interface within one capture, in the order in which they were opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InterfaceId(pub u16);

impl InterfaceId {
    /// Maximum number of interfaces that are told apart: more than a busy host with containers has, few enough to be
    /// listed and merged quickly.
    pub const MOST: usize = 1024;
    /// The number that all further interfaces share.
    pub const OTHER: Self = Self(Self::MOST as u16);
}

/// Link types that netmon decodes, from <https://www.tcpdump.org/linktypes.html>.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkType {
    /// Ethernet II and 802.3, with any tags.
    Ethernet,
    /// Linux cooked capture, version 1.
    LinuxSll,
    /// Linux cooked capture, version 2.
    LinuxSll2,
    /// BSD loopback: a 4-byte address family in either byte order (NULL and LOOP).
    Loopback,
    /// IP without a link header; the first nibble has the version.
    Ip,
    /// PPP, with or without HDLC address and control.
    Ppp,
    /// Cisco HDLC.
    CiscoHdlc,
    /// Linux netfilter log.
    NfLog,
    /// IEEE 802.11 frames.
    Wifi,
    /// IEEE 802.11 frames behind a radiotap header.
    Radiotap,
    /// Darwin's packet metadata header, which names the link type of the frame behind it.
    Pktap,
}

/// Every link type, what it is called in messages, and its `LINKTYPE_` and `DLT_` numbers.
const LINK_TYPES: [(LinkType, &str, &[u32]); 11] = [
    (LinkType::Ethernet, "Ethernet", &[1]),
    (LinkType::LinuxSll, "Linux cooked", &[113]),
    (LinkType::LinuxSll2, "Linux cooked", &[276]),
    (LinkType::Loopback, "loopback", &[0, 108]),
    // LINKTYPE_RAW, its BSD and OpenBSD DLT numbers, IPV4 and IPV6.
    (LinkType::Ip, "raw IP", &[101, 12, 14, 228, 229]),
    (LinkType::Ppp, "PPP", &[9, 50]),
    (LinkType::CiscoHdlc, "Cisco HDLC", &[104]),
    (LinkType::Wifi, "802.11", &[105]),
    (LinkType::Radiotap, "radiotap", &[127]),
    (LinkType::NfLog, "NFLOG", &[239]),
    // LINKTYPE_PKTAP, and the user number that older Darwin wrote it under.
    (LinkType::Pktap, "PKTAP", &[258, 149]),
];

impl LinkType {
    /// The link type of a `LINKTYPE_` or `DLT_` number; `None` for one that cannot be decoded.
    pub fn from_number(number: u32) -> Option<Self> {
        LINK_TYPES.iter().find(|(_, _, numbers)| numbers.contains(&number)).map(|&(link_type, ..)| link_type)
    }

    /// Its `LINKTYPE_` number, the first of several.
    pub fn number(self) -> u32 {
        let numbers = LINK_TYPES.iter().find(|(link_type, ..)| *link_type == self).map(|(.., numbers)| *numbers);
        numbers.and_then(|numbers| numbers.first().copied()).unwrap_or_default()
    }

    /// The names of all link types, for messages.
    pub fn names() -> String {
        let mut names = LINK_TYPES.map(|(_, name, _)| name).to_vec();
        names.dedup();
        names.join(", ")
    }
}

/// One captured frame.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    /// When it was captured.
    pub ts: Timestamp,
    /// Its length on the wire; more than `data` holds when the snapshot length cut it.
    pub wire_len: u32,
    /// Where it was seen.
    pub interface: InterfaceId,
    /// How `data` starts.
    pub link_type: LinkType,
    /// The bytes that were captured.
    pub data: &'a [u8],
}

impl Packet<'_> {
    /// True if the snapshot length cut the frame.
    pub fn is_truncated(&self) -> bool {
        (self.data.len() as u64) < u64::from(self.wire_len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_is_that_of_one_link_type_and_each_name_is_told_once() {
        for (link_type, name, numbers) in LINK_TYPES {
            assert!(numbers.iter().all(|&number| LinkType::from_number(number) == Some(link_type)), "{link_type:?}");
            assert_eq!(LinkType::names().split(", ").filter(|told| *told == name).count(), 1, "{name}");
        }
        assert_eq!(LinkType::from_number(147), None);
    }

    #[test]
    fn time_never_runs_negative_and_never_wraps() {
        assert_eq!(Timestamp::new(1, 5).since(Timestamp::new(1, 2)), 3);
        assert_eq!(Timestamp::new(1, 2).since(Timestamp::new(1, 5)), 0);
        assert_eq!(Timestamp(i64::MIN).since(Timestamp(i64::MAX)), 0);
        assert_eq!(Timestamp::new(i64::MAX, 1), Timestamp(i64::MAX));
    }
}
