//! A duration in two bytes, since there are millions of them.

/// A duration with eleven significant bits, from a nanosecond to an hour. The default is an unknown duration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Brief(u16);

impl Brief {
    const BITS: u32 = 11;
    /// A duration of zero. Its shift is 1, so that it differs from the default.
    const NOTHING: Self = Self(1 << Self::BITS);

    /// Rounds down to a duration that can be represented.
    pub fn new(nanos: u64) -> Self {
        if nanos == 0 {
            return Self::NOTHING;
        }
        let nanos = nanos.min((1 << (Self::BITS + 31)) - 1);
        let shift = (u64::BITS - nanos.leading_zeros()).saturating_sub(Self::BITS);
        Self((shift << Self::BITS) as u16 | (nanos >> shift) as u16)
    }

    /// Nanoseconds; `None` if unknown.
    pub fn nanos(self) -> Option<u64> {
        let significant = u64::from(self.0) & ((1 << Self::BITS) - 1);
        (self != Self::default()).then_some(significant << (self.0 >> Self::BITS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::packet::SECOND;

    #[test]
    fn brief_durations_keep_three_digits() {
        for (nanos, wanted) in [(0, 0), (1, 1), (1000, 1000), (2047, 2047), (2049, 2048), (1 << 40, 1 << 40)] {
            assert_eq!(Brief::new(nanos).nanos(), Some(wanted), "{nanos}");
        }
        for power in 0..42 {
            let nanos = (1u64 << power) + (1 << power) / 3;
            let told = Brief::new(nanos).nanos().unwrap();
            assert!(told.abs_diff(nanos) <= nanos / 1024, "{told} for {nanos}");
        }
        assert!(Brief::new(u64::MAX).nanos() > Some(3600 * SECOND as u64));
        assert_eq!(Brief::default().nanos(), None);
    }
}
