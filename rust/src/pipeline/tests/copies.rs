//! Packets captured more than once, and segments that do not belong to the connection of their addresses and ports.

use super::*;

fn counted(frames: &[Frame], nat: Option<nat::Nat>) -> Snapshot {
    let mut pipeline = Driver::new(Settings { nat, ..Settings::default() });
    for interface in 0..2 {
        pipeline.set_interface(InterfaceId(interface), &format!("if{interface}"), InterfaceState::Up);
    }
    frames.iter().for_each(|frame| pipeline.push(&frame.packet()));
    pipeline.finish();
    pipeline.close(Timestamp(0), Timestamp(1))
}

/// The frames of two wires alternately, those of the second `later` nanoseconds later.
fn both(first: Wire, second: Wire, later: i64) -> Vec<Frame> {
    let pairs = Forge::connection(first, &TURNS).into_iter().zip(Forge::connection(second, &TURNS));
    pairs.flat_map(|(a, b)| [Frame { ts: a.ts, ..a }, Frame { ts: b.ts + later, ..b }]).collect()
}

/// The frame with the client's address rewritten, as a translation does it.
fn translated(frame: Frame) -> Frame {
    let mut bytes = frame.bytes;
    for at in [26, 30] {
        if bytes[at..at + 4] == [192, 0, 2, 1] {
            bytes[at + 3] = 77;
        }
    }
    Frame { bytes, ..frame }
}

/// The frames of two wires alternately, with the client's address of the second rewritten.
fn both_sides(first: Wire, second: Wire, later: i64) -> Vec<Frame> {
    let frames = both(first, second, later).into_iter().enumerate();
    frames.map(|(at, frame)| if at % 2 == 0 { frame } else { translated(frame) }).collect()
}

/// The numbers of requests, responses, connections opened and copies.
fn figures(snapshot: &Snapshot) -> (u64, u64, u64, u64) {
    let Snapshot { counts, tcp, capture, .. } = snapshot;
    (counts.requests, counts.responses, tcp.opened, capture.copies)
}

#[test]
fn a_packet_under_another_tag_is_a_copy() {
    let frames = both(Wire::default(), Wire { vlan: Some(7), ..Wire::default() }, 1000);
    assert_eq!(figures(&counted(&frames, None)), (3, 4, 1, frames.len() as u64 / 2));
    assert_eq!(http(&counted(&frames, None)), WANT);
}

/// On a bridge the first packet of a handshake may be read at one interface first, and the next ones at another.
#[test]
fn a_handshake_is_timed_whichever_interface_is_read_first() {
    let mut frames = both(Wire::default(), Wire { interface: 1, ..Wire::default() }, 1000);
    for at in [2, 4] {
        frames.swap(at, at + 1);
    }
    let tcp = counted(&frames, None).tcp;
    assert_eq!((tcp.client_handshake_rtt.count(), tcp.server_handshake_rtt.count()), (1, 1));
}

#[test]
fn tags_of_one_direction_split_no_connection() {
    let (plain, tagged) = (Wire::default(), Wire { vlan: Some(7), ..Wire::default() });
    let frames: Vec<Frame> = Forge::connection(plain, &TURNS)
        .into_iter()
        .zip(Forge::connection(tagged, &TURNS))
        .map(|(a, b)| if a.bytes[34..36] == 80_u16.to_be_bytes() { a } else { b })
        .collect();
    assert_eq!(figures(&counted(&frames, None)), (3, 4, 1, 0));
}

#[test]
fn a_connection_behind_a_translation_is_a_copy_unless_that_is_switched_off() {
    let behind = Wire { client_port: 50_000, interface: 1, ..Wire::default() };
    let frames = both_sides(Wire::default(), behind, 8_000);
    let once = counted(&frames, Some(nat::Nat::default()));
    assert_eq!(figures(&once), (3, 4, 1, frames.len() as u64 / 2));
    assert_eq!(http(&once), WANT);
    let packets: Vec<u64> = once.interfaces.iter().map(|interface| interface.traffic.packets).collect();
    assert_eq!(packets, [frames.len() as u64 / 2; 2]);
    assert_eq!(figures(&counted(&frames, None)), (6, 8, 2, 0));
}

/// A kernel hands over the packets of an interface in blocks. A block of one interface may be read before or after the
/// block of another.
#[test]
fn copies_are_counted_whichever_interface_is_read_first() {
    let behind = Wire { client_port: 50_000, interface: 1, ..Wire::default() };
    let frames = both_sides(Wire::default(), behind, 8_000);
    for size in 1..8 {
        let mut read = Vec::new();
        for (number, block) in frames.chunks(2 * size).enumerate() {
            let from = |interface: usize| block.iter().skip(interface).step_by(2).cloned();
            read.extend(from(number % 2).chain(from(1 - number % 2)));
        }
        let counted = counted(&read, Some(nat::Nat::default()));
        assert_eq!(figures(&counted), (3, 4, 1, frames.len() as u64 / 2), "blocks of {size}");
        assert_eq!(http(&counted), WANT);
    }
}

#[test]
fn a_translation_is_found_though_a_download_was_read_in_between() {
    let behind = Wire { client_port: 50_000, interface: 1, ..Wire::default() };
    let frames = both_sides(Wire::default(), behind, 8_000);
    let [outside, inside] = [0, 1].map(|side| frames.iter().skip(side).step_by(2).cloned().collect::<Vec<_>>());
    let mut download = Forge::new(Wire { client_port: 50_001, isn: [7, 7], segment: 10, ..Wire::default() });
    download.handshake();
    download.say(1, &vec![b'x'; 1_000_000]);
    let meanwhile = download.frames.into_iter().map(|frame| Frame { ts: outside[0].ts, ..frame }).collect();
    let (requests, responses, opened, _) =
        figures(&counted(&[outside, meanwhile, inside].concat(), Some(nat::Nat::default())));
    assert_eq!((requests, responses, opened), (3, 4, 2));
}

#[test]
fn segments_that_differ_in_numbers_time_or_interface_are_no_translation() {
    let other = Wire { client_port: 50_000, interface: 1, ..Wire::default() };
    let table = [
        ("numbers of its own", Wire { isn: [70_000, 90_000], ..other }, 8_000),
        ("a second later", other, SECOND),
        ("the same interface", Wire { interface: 0, ..other }, 8_000),
    ];
    for (what, second, later) in table {
        let snapshot = counted(&both_sides(Wire::default(), second, later), Some(nat::Nat::default()));
        assert_eq!(figures(&snapshot), (6, 8, 2, 0), "{what}");
    }
    let another_port = counted(&both(Wire::default(), other, 8_000), Some(nat::Nat::default()));
    assert_eq!(figures(&another_port), (6, 8, 2, 0));
}

#[test]
fn a_stray_syn_or_its_answer_changes_nothing() {
    let frames = Forge::connection(Wire::default(), &TURNS);
    let stray = Forge::connection(Wire { isn: [3_000_000_000, 2_000_000_000], ..Wire::default() }, &TURNS);
    for number in [0, 1] {
        for at in 3..frames.len() - 3 {
            let mut disturbed = frames.clone();
            disturbed.insert(at, Frame { ts: frames[at].ts - 1000, ..stray[number].clone() });
            let snapshot = counted(&disturbed, None);
            assert_eq!(http(&snapshot), WANT, "frame {number} at {at}");
            assert_eq!((snapshot.tcp.opened, snapshot.capture.gaps), (1, 0), "frame {number} at {at}");
        }
    }
}

#[test]
fn a_syn_that_the_other_side_acknowledges_begins_another_connection() {
    let first = Forge::connection(Wire::default(), &TURNS[..4]);
    let next = Wire { isn: [3_000_000_000, 2_000_000_000], start: first[first.len() - 4].ts + 1, ..Wire::default() };
    // The first connection ends without a FIN.
    let frames = [&first[..first.len() - 3], &Forge::connection(next, &TURNS)].concat();
    assert_eq!(figures(&counted(&frames, None)), (5, 7, 2, 0));
}

#[test]
fn endless_stray_syns_are_bounded() {
    let mut frames = Forge::connection(Wire::default(), &TURNS[..2]);
    frames.truncate(6);
    let mut pipeline = Driver::new(Settings::default());
    frames.iter().for_each(|frame| pipeline.push(&frame.packet()));
    for number in 1..1000_u32 {
        let isn = [number.wrapping_mul(0x9e37_79b1), 0];
        let stray = Forge::connection(Wire { isn, start: frames[5].ts, ..Wire::default() }, &[]);
        pipeline.push(&stray[0].packet());
        assert!(pipeline.stages.flows.len() <= 8, "{number}");
    }
}
