//! Divides the budget for kernel buffers among all interfaces, by their traffic. Pure.

use crate::capture::{BUFFER_BUDGET, LARGEST_BUFFER};

/// The smallest buffer of a handle: two of the blocks of 256 KiB in which the kernel hands over packets.
pub const LEAST_BUFFER: u64 = 512 << 10;

/// A part of the budget that is kept free for replacing buffers: the old and the new buffer of an interface exist at
/// the same time.
pub const SPARE: u64 = LARGEST_BUFFER;

/// How much of the weight from the last look remains at the next one, in eighths. So an interface that was busy keeps
/// its buffer for a while.
const KEPT: u64 = 6;

/// Returns the share of each interface in bytes. One half of the budget is divided evenly, the other half by traffic.
/// What one interface cannot use goes to the others. No share is smaller than `least`.
pub fn share_out(traffic: &[u64], least: u64) -> Vec<u64> {
    let count = traffic.len() as u64;
    if count == 0 {
        return Vec::new();
    }
    let budget = BUFFER_BUDGET - SPARE;
    let most = LARGEST_BUFFER.max(least);
    let even = (budget / 2 / count).clamp(least, most);
    let mut shares = vec![even; traffic.len()];
    let mut left = budget.saturating_sub(even.saturating_mul(count));
    // What is left is given out by traffic, and what then remains evenly. In each round an interface reaches the
    // largest share, or all is given out but for rounding.
    let weights = [traffic.to_vec(), vec![1; traffic.len()]];
    for weights in weights {
        loop {
            let hungry = |(share, weight): (&u64, &u64)| if *share < most { u128::from(*weight) } else { 0 };
            let total: u128 = shares.iter().zip(&weights).map(hungry).sum();
            if total == 0 || left < count {
                break;
            }
            let round = u128::from(left);
            let mut given = 0;
            for (share, weight) in shares.iter_mut().zip(&weights) {
                let part = (round * hungry((share, weight)) / total) as u64;
                let part = part.min(most - *share);
                *share += part;
                given += part;
            }
            left -= given;
            if given == 0 {
                break;
            }
        }
    }
    shares.into_iter().map(|share| whole(share, least)).collect()
}

/// Rounds a size down to whole blocks, but not below `least`. libpcap would round it up, and all buffers together would
/// exceed the budget.
pub fn whole(bytes: u64, least: u64) -> u64 {
    let blocks = (least / 2).max(1);
    (bytes / blocks * blocks).max(least)
}

/// Returns the weight of an interface: its traffic since the last look, or what remains of its weight before, if that
/// is more.
pub fn weigh(before: u64, passed: u64) -> u64 {
    passed.max(before / 8 * KEPT)
}

/// True if it pays to replace a buffer by a larger one: the share is at least twice the buffer, and the traffic between
/// two looks fills at least half of the buffer.
pub fn is_small(buffer: u64, share: u64, weight: u64) -> bool {
    share / 2 >= buffer && weight >= buffer / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn few_interfaces_get_the_largest_buffer_whatever_their_traffic() {
        for traffic in [&[0][..], &[5, 0, 0], &[1, 2, 3, 4, 5, 6, 7]] {
            assert_eq!(share_out(traffic, LEAST_BUFFER), vec![LARGEST_BUFFER; traffic.len()]);
        }
    }

    #[test]
    fn all_buffers_together_stay_within_the_budget_while_each_gets_the_least() {
        for count in [1, 8, 61, 122, 300, 447] {
            for busy in [0, 1, count / 2, count] {
                let traffic: Vec<u64> =
                    (0..count).map(|at| if at < busy { 1_000_000 / (at + 1) as u64 } else { 0 }).collect();
                let shares = share_out(&traffic, LEAST_BUFFER);
                let sum: u64 = shares.iter().sum();
                assert!(sum <= BUFFER_BUDGET - SPARE, "{count} {busy}: {} MiB", sum / MIB);
                assert!(shares.iter().all(|share| (LEAST_BUFFER..=LARGEST_BUFFER).contains(share)));
                assert!(shares.iter().all(|share| share % (LEAST_BUFFER / 2) == 0));
                // The whole budget is given out, except for what rounding down takes from each share.
                let given = sum + LEAST_BUFFER / 2 * count as u64;
                assert!(given >= (BUFFER_BUDGET - SPARE).min(LARGEST_BUFFER * count as u64) * 9 / 10);
            }
        }
    }

    #[test]
    fn a_busy_interface_among_many_gets_the_largest_buffer() {
        let mut traffic = vec![1000; 122];
        traffic[7] = u64::MAX / 2;
        let shares = share_out(&traffic, LEAST_BUFFER);
        assert!(shares[7] == LARGEST_BUFFER && shares[8] < 3 * MIB, "{shares:?}");
    }

    #[test]
    fn traffic_is_remembered_for_some_looks() {
        let mut weight = weigh(0, 8000);
        assert_eq!(weight, 8000);
        for _ in 0..3 {
            weight = weigh(weight, 0);
        }
        assert!((3000..4000).contains(&weight));
        assert_eq!(weigh(weight, 9000), 9000);
    }

    #[test]
    fn a_buffer_is_left_as_it_is_while_its_share_is_near_or_it_has_little_to_hold() {
        for (share, weight, small) in
            [(4, 100, false), (31, 100, false), (32, 100, true), (32, 8, true), (32, 7, false)]
        {
            assert_eq!(is_small(16, share, weight), small, "{share} {weight}");
        }
    }
}
