//! A duration in two bytes, since there are millions of them.

/// Twelve significant bits, from a microsecond to two minutes; by default it is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Brief(u16);

impl Brief {
    const BITS: u32 = 12;
    /// Nothing, shifted: no time at all, which is not the default.
    const NOTHING: Self = Self(1 << Self::BITS);

    /// Rounded up to a microsecond, then down to what can be told.
    pub fn new(nanos: u64) -> Self {
        if nanos == 0 {
            return Self::NOTHING;
        }
        let micros = nanos.div_ceil(1000).min((1 << (Self::BITS + 15)) - 1);
        let shift = (u64::BITS - micros.leading_zeros()).saturating_sub(Self::BITS);
        Self((shift << Self::BITS) as u16 | (micros >> shift) as u16)
    }

    /// In nanoseconds, when it is known.
    pub fn nanos(self) -> Option<u64> {
        let significant = u64::from(self.0) & ((1 << Self::BITS) - 1);
        (self != Self::default()).then_some((significant << (self.0 >> Self::BITS)) * 1000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::packet::SECOND;

    #[test]
    fn brief_durations_keep_three_digits() {
        for (nanos, wanted) in [(0, 0), (1, 1000), (1000, 1000), (4_095_000, 4_095_000), (5_001_000, 5_000_000)] {
            assert_eq!(Brief::new(nanos).nanos(), Some(wanted), "{nanos}");
        }
        for power in 12..37 {
            let nanos = (1u64 << power) + 12_345;
            let told = Brief::new(nanos).nanos().unwrap();
            assert!(told.abs_diff(nanos) <= nanos / 2048 + 1000, "{told} for {nanos}");
        }
        assert!(Brief::new(u64::MAX).nanos() > Some(100 * SECOND as u64));
        assert_eq!(Brief::default().nanos(), None);
    }
}
