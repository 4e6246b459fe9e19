//! SYNs of somebody who knows addresses and ports, and guesses the rest: a request in progress loses nothing by them.

use super::*;

/// A SYN, or an answer to one, with numbers of its own.
fn syn(isn: u32, is_answer: bool, ts: i64) -> Frame {
    let mut forge = Forge::new(Wire { isn: [isn, isn], start: ts, ..Wire::default() });
    forge.handshake();
    Frame { ts, ..forge.frames[usize::from(is_answer)].clone() }
}

/// The talk in small segments, most acknowledged late, so that the numbers of acknowledgements trail behind.
fn talk(isn: [u32; 2]) -> Vec<Frame> {
    Forge::connection(Wire { segment: 9, isn, ..Wire::default() }, &TURNS)
}

#[test]
fn no_number_of_blind_syns_takes_the_place_of_a_request_in_progress() {
    let frames = talk([1000, 5000]);
    // As many as fill all lanes, before the connection and within it, over all the sequence space and close by.
    for place in 0..frames.len() {
        for stride in [1, 100, 1 << 20, 1 << 28] {
            let mut mixed = frames.clone();
            let ts = frames[place].ts;
            let blind = (0..20u32).map(|number| syn(1000 + number.wrapping_mul(stride), false, ts));
            mixed.splice(place..place, blind.filter(|frame| frame.bytes[38..42] != 1000u32.to_be_bytes()));
            assert_eq!(http(&count(&mixed)), WANT, "before {place} by {stride}");
        }
    }
}

#[test]
fn a_connection_in_the_last_lane_is_not_given_up_for_a_blind_syn() {
    let before = talk([90_000_000, 70_000_000]);
    let frames = talk([1000, 5000]);
    let ts = frames[0].ts;
    let blind = |from: u32| (from..from + 12).map(move |number| syn(0x7000_0000 + number * 0x0100_0000, false, ts));
    for at in 3..frames.len() {
        let (begun, rest) = frames.split_at(at);
        let mixed: Vec<Frame> = before[..4]
            .iter()
            .cloned()
            .chain(blind(0))
            .chain(begun.to_vec())
            .chain(blind(12))
            .chain(rest.to_vec())
            .collect();
        assert_eq!(http(&count(&mixed)), WANT, "at {at}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn a_conversation_counts_the_same_with_blind_syns_anywhere(
        isn in (any::<u32>(), any::<u32>()),
        blind in prop::collection::vec((any::<prop::sample::Index>(), prop_oneof![any::<u32>(), 0u32..2000, Just(u32::MAX - 300)]), 1..40),
    ) {
        let mut frames = talk([isn.0, isn.1]);
        for (at, number) in blind {
            let at = at.index(frames.len());
            let guess = isn.0.wrapping_add(number);
            if guess != isn.0 {
                let ts = frames[at].ts;
                frames.insert(at, syn(guess, false, ts));
            }
        }
        prop_assert_eq!(http(&count(&frames)), WANT);
    }
}
