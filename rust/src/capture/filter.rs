//! BPF expressions for packets of files; those of interfaces are the kernel's work.

use pcap::{BpfProgram, Capture, Linktype};

use super::Error;

/// A compiled expression for one link type.
pub struct Filter(BpfProgram);

impl Filter {
    /// Compiles an expression for a `LINKTYPE_` number.
    pub fn compile(expression: &str, link_type: u32) -> Result<Self, Error> {
        let failed = |error: pcap::Error| match error {
            pcap::Error::PcapError(words) => Error::Filter(words),
            other => Error::Filter(other.to_string()),
        };
        let handle = Capture::dead(Linktype(link_type as i32)).map_err(failed)?;
        handle.compile(expression, true).map(Self).map_err(failed)
    }

    /// The packet is one that is meant.
    pub fn matches(&self, packet: &[u8]) -> bool {
        self.0.filter(packet)
    }
}
