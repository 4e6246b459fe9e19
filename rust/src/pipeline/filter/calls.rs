//! Texts that mean statuses of gRPC: `UNAVAILABLE`, `14`, `failed`, `none`.

use super::text::Text;
use crate::pipeline::exchange::GrpcStatus;

/// Means every status but OK.
const FAILED: &str = "failed";
/// Means that there is no status: no gRPC call, or one whose end was not seen.
const NONE: &str = "none";

/// A set of statuses of gRPC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Calls {
    /// A bit for each status.
    statuses: u32,
    none: bool,
}

impl Calls {
    /// The statuses that a text means: a number, `failed`, `none`, or a part of names; the whole name if `is_whole`.
    /// `None` if it means none.
    pub fn meant(text: &str, is_whole: bool) -> Option<Self> {
        let all = (0..GrpcStatus::COUNT as u8).filter_map(GrpcStatus::from_number);
        let set = |is_meant: &dyn Fn(GrpcStatus) -> bool| {
            let bits = all.clone().filter(|status| is_meant(*status));
            bits.fold(0, |set, status| set | 1 << status.number())
        };
        if text.eq_ignore_ascii_case(NONE) {
            return Some(Self { statuses: 0, none: true });
        }
        let statuses = if text.eq_ignore_ascii_case(FAILED) {
            set(&|status| status != GrpcStatus::OK)
        } else if let Ok(number) = text.parse::<u8>() {
            set(&|status| status.number() == number)
        } else {
            let wanted = if is_whole { Text::whole(text) } else { Text::part(text) };
            set(&|status| wanted.is_in(status.name().as_bytes()))
        };
        (statuses != 0).then_some(Self { statuses, none: false })
    }

    /// True if the status is in the set.
    #[inline]
    pub fn has(self, status: Option<GrpcStatus>) -> bool {
        status.map_or(self.none, |status| self.statuses >> status.number() & 1 == 1)
    }
}
