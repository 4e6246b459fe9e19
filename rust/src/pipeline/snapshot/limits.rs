//! Bounds of a snapshot, and the names of the rows for what does not fit.

/// The row for what did not fit under the caps on hosts, sections and clients.
pub const OTHER: &str = "~other";
/// The section of requests whose path the snapshot length cut off.
pub const UNKNOWN: &str = "~unknown";
/// Addresses remembered per host: enough for a round-robin name, no more than a line shows.
pub const MAX_ADDRESSES: usize = 8;
/// Kinds of packets that are not decoded, counted apart in an interval: more than a network has, few enough to look through.
pub const MAX_KINDS: usize = 32;

/// Bounds of a snapshot, as it is counted and as it is kept. What overflows is folded into `~other`, the lightest rows first, and counted.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Hosts: more than anybody reads, few enough to merge in a few milliseconds.
    pub hosts: usize,
    /// Sections of one host.
    pub sections_per_host: usize,
    /// Sections of all hosts.
    pub sections: usize,
    /// Clients: more than anybody reads; each interval has a row for each that it saw.
    pub clients: usize,
    /// Exchanges listed, when they are asked for.
    pub exchanges: usize,
    /// Connections listed, when they are asked for: more than anybody looks through.
    pub connections: usize,
    /// Buckets of all histograms: 16 MB of counts, and 20 for each histogram of as many sections as there can be.
    /// Beyond, the scale of histograms is halved.
    pub buckets: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            hosts: 10_000,
            sections_per_host: 200,
            sections: 100_000,
            clients: 5_000,
            exchanges: 10_000,
            connections: 1000,
            buckets: 1 << 22,
        }
    }
}
