//! Blind SYNs: their sender knows addresses and ports, and guesses the rest. A request in progress loses nothing by
//! them.

use super::*;

/// A SYN, or an answer to one, with sequence numbers of its own.
fn syn(isn: u32, is_answer: bool, ts: i64) -> Frame {
    let mut forge = Forge::new(Wire { isn: [isn, isn], start: ts, ..Wire::default() });
    forge.handshake();
    Frame { ts, ..forge.frames[usize::from(is_answer)].clone() }
}

/// The conversation in small segments, most of which are acknowledged late, so that acknowledgement numbers trail
/// behind.
fn talk(isn: [u32; 2]) -> Vec<Frame> {
    Forge::connection(Wire { segment: 9, isn, ..Wire::default() }, &TURNS)
}

#[test]
fn no_number_of_blind_syns_displaces_a_request_in_progress() {
    let frames = talk([1000, 5000]);
    // Enough SYNs to fill all lanes, before the connection and within it, over all the sequence space and close by.
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

/// The blind SYNs take all lanes, so the sender's own SYN finds none. Its data is nearest to a blind SYN whose number
/// is a few bytes too high.
#[test]
fn blind_syns_that_are_nearly_right_cost_no_byte() {
    let frames = talk([1000, 5000]);
    let cases = (0..8).flat_map(|place| (1..10).flat_map(move |last| (5..12).map(move |most| (place, last, most))));
    for (place, last, most) in cases {
        let mut mixed = frames.clone();
        mixed.insert(place, syn(1000 + last, false, frames[place].ts));
        let before = (1..most).filter(|&number| number != last);
        before.for_each(|number| mixed.insert(0, syn(1000 + number, false, frames[0].ts)));
        assert_eq!(http(&count(&mixed)), WANT, "{last} before {place}, {most} in all");
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

/// The head of an upload was lost, and segments of its body look like requests.
#[test]
fn a_body_whose_head_was_lost_is_not_read_as_requests() {
    let fake = format!("GET /fake HTTP/1.1\r\nHost: fake.example\r\n\r\n{}", "{\"a\":1}".repeat(6));
    for opened in [true, false] {
        for asked_before in [false, true] {
            // If nothing else was seen of the connection, the first segment may be a request.
            let most = u64::from(!opened && !asked_before);
            let mut forge = Forge::new(Wire::default());
            if opened {
                forge.handshake();
            }
            if asked_before {
                forge.say(0, TURNS[0].as_bytes());
                forge.say(1, TURNS[1].as_bytes());
            }
            let lost = forge.frames.len();
            forge.say(0, b"POST /up HTTP/1.1\r\nHost: real\r\nContent-Length: 450\r\n\r\n");
            forge.frames.truncate(lost);
            (0..5).for_each(|_| forge.say(0, fake.as_bytes()));
            forge.say(1, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
            let before = u64::from(asked_before);
            // What follows the response is a request again.
            forge.say(0, TURNS[4].as_bytes());
            forge.finish();
            let told = count(&forge.frames);
            let fakes = told.host("fake.example").map_or(0, |host| host.counts.requests);
            assert!(fakes <= most, "{opened} {asked_before}: {fakes}");
            assert_eq!(told.counts.requests, before + fakes + 1, "{opened} {asked_before}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

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

#[test]
fn a_fin_of_an_earlier_connection_ends_nothing() {
    for (side, back) in [(0, 2), (1, 2), (0, 70_000), (1, 70_000), (0, 1 << 30), (1, 1 << 30)] {
        for outstanding in [true, false] {
            let mut forge = Forge::new(Wire::default());
            forge.handshake();
            let ask = |forge: &mut Forge| forge.say(0, b"GET /a HTTP/1.1\r\nHost: a.example\r\n\r\n");
            let answer = |forge: &mut Forge| forge.say(1, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
            ask(&mut forge);
            answer(&mut forge);
            if outstanding {
                ask(&mut forge);
                forge.old_fin(side, back);
            } else {
                forge.old_fin(side, back);
                ask(&mut forge);
            }
            answer(&mut forge);
            ask(&mut forge);
            answer(&mut forge);
            forge.finish();
            let snapshot = count(&forge.frames);
            let counts = (snapshot.counts.requests, snapshot.counts.responses, snapshot.counts.statuses.total());
            assert_eq!(counts, (3, 3, 3), "a FIN of side {side}, {back} back, while asked: {outstanding}");
            assert_eq!(snapshot.tcp.closed, 1);
        }
    }
}
