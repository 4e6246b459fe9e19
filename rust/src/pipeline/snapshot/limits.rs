//! Limits of a snapshot, and the names of the rows for everything beyond them.

/// Name of the row for everything beyond the limits on hosts, sections and clients.
pub const OTHER: &str = "~other";
/// Section of requests whose path was cut off by the snapshot length.
pub const UNKNOWN: &str = "~unknown";
/// Most addresses of a host: enough for a name with several servers, and no more than a line of the screen shows.
pub const MAX_ADDRESSES: usize = 8;
/// Most kinds of undecoded packets that an interval counts separately: more than a network has, and few enough to
/// search one by one.
pub const MAX_KINDS: usize = 32;

/// Limits of a snapshot, while it is counted and while it is kept. Rows beyond a limit are folded into `~other`, the
/// lightest first, and their number is counted.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most hosts: more than a person reads, and few enough to merge in a few milliseconds.
    pub hosts: usize,
    /// Most sections of one host.
    pub sections_per_host: usize,
    /// Most sections of all hosts together.
    pub sections: usize,
    /// Most clients: more than a person reads. Each interval has a row for each client that it counted.
    pub clients: usize,
    /// Most exchanges in a list, if the settings ask for the list.
    pub exchanges: usize,
    /// Most connections in a list, if the settings ask for the list: more than a person reads.
    pub connections: usize,
    /// Most buckets of all histograms together: 16 MB of counts, or 20 buckets for each histogram of the greatest
    /// number of sections. Beyond this number, the scale of histograms is halved.
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
