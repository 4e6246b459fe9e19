//! The way of recorded packets from workers to whoever writes them.

use std::sync::Arc;

use super::sorter::WINDOW;
use super::*;
use crate::pipeline::packet::{Packet, Timestamp};
use crate::pipeline::record::Entry;

const NO_LIMITS: Limits = Limits { room: usize::MAX, since: None, age: None };

fn parcel(packets: &[(i64, u16)]) -> Parcel {
    let mut parcel = Parcel::default();
    for &(ts, interface) in packets {
        let (ts, interface, link_type) = (Timestamp(ts), InterfaceId(interface), LinkType::Ethernet);
        let packet = Packet { ts, wire_len: 100, interface, link_type, data: &[7; 60] };
        let len = blocks::packet(&mut parcel.blocks, &packet);
        parcel.packets.push(Entry { ts, len, interface, link_type });
    }
    parcel
}

/// The kind of each block, with its time if it is a packet, and its interface.
fn read(mut bytes: &[u8]) -> Vec<(u32, i64, u32)> {
    let mut all = Vec::new();
    while !bytes.is_empty() {
        let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
        let kind = word(0);
        let stamp = i64::from(word(12)) << 32 | i64::from(word(16));
        all.push(if kind == 6 { (kind, stamp, word(8)) } else { (kind, 0, 0) });
        bytes = &bytes[word(4) as usize..];
    }
    all
}

fn carry(recording: &Recording, packets: &[(i64, u16)]) {
    recording.carry(&mut parcel(packets));
}

fn take(recording: &Recording, limits: Limits, described: usize) -> Taken {
    recording.take(Duration::ZERO, limits, described).unwrap()
}

#[test]
fn packets_of_several_workers_come_in_the_order_of_time_and_interfaces_are_described_first() {
    let recording = Recording::new(true, 0, 0);
    carry(&recording, &[(30, 5), (10, 4)]);
    carry(&recording, &[(20, 5), (40, 4)]);
    recording.end();
    let taken = take(&recording, NO_LIMITS, 0);
    assert_eq!(read(&taken.blocks), [(1, 0, 0), (1, 0, 0), (6, 10, 1), (6, 20, 0), (6, 30, 0), (6, 40, 1)]);
    assert_eq!((taken.packets, taken.first, taken.described), (4, Some(Timestamp(10)), 2));
    assert!(recording.take(Duration::ZERO, NO_LIMITS, 2).is_none());
    let tail = read(&recording.tail());
    assert_eq!(tail.iter().map(|block| block.0).collect::<Vec<_>>(), [5, 5]);
}

#[test]
fn a_packet_waits_for_workers_that_have_not_begun() {
    let recording = Recording::new(true, 0, 0);
    recording.expect(2);
    let first = recording.enroll();
    carry(&recording, &[(WINDOW, 0)]);
    recording.reach(first, Timestamp(i64::MAX));
    assert_eq!(take(&recording, NO_LIMITS, 1).packets, 0);
    let second = recording.enroll();
    carry(&recording, &[(0, 0)]);
    recording.reach(second, Timestamp(i64::MAX));
    assert_eq!(take(&recording, NO_LIMITS, 1).packets, 2);
}

#[test]
fn a_packet_waits_until_all_workers_are_a_moment_further() {
    let recording = Recording::new(true, 0, 0);
    let workers = [recording.enroll(), recording.enroll()];
    let reach = |worker: usize, ts| recording.reach(workers[worker], Timestamp(ts));
    let times = || {
        let blocks = read(&take(&recording, NO_LIMITS, 1).blocks);
        blocks.into_iter().filter(|block| block.0 == 6).map(|block| block.1).collect::<Vec<_>>()
    };
    carry(&recording, &[(0, 0), (WINDOW / 2, 0)]);
    reach(0, 5 * WINDOW);
    assert_eq!(times(), [0_i64; 0]);
    carry(&recording, &[(WINDOW / 4, 0), (3 * WINDOW, 0)]);
    reach(1, 2 * WINDOW);
    assert_eq!(times(), [0, WINDOW / 4, WINDOW / 2]);
    reach(1, i64::MAX);
    assert_eq!(times(), [3 * WINDOW]);
}

#[test]
fn a_file_takes_no_packet_beyond_its_room_or_its_age_but_always_a_first_one() {
    let recording = Recording::new(true, 0, 0);
    carry(&recording, &[(0, 0), (10, 0), (20, 0), (30, 0)]);
    recording.end();
    let tight = Limits { room: 1, ..NO_LIMITS };
    let taken = take(&recording, tight, 0);
    assert_eq!((taken.packets, taken.is_full), (1, true));
    let young = Limits { age: Some(15), ..NO_LIMITS };
    let taken = take(&recording, young, 0);
    assert_eq!((taken.packets, taken.first, taken.is_full), (2, Some(Timestamp(10)), true));
    let taken = take(&recording, Limits { since: Some(Timestamp(10)), ..young }, 1);
    assert_eq!((taken.packets, taken.is_full), (0, true));
    assert_eq!(take(&recording, young, 0).packets, 1);
}

#[test]
fn a_live_capture_loses_what_has_no_room_and_does_not_wait() {
    let recording = Recording::new(false, 0, 0);
    let large: Vec<_> = (0..10_000).map(|at| (at, 0)).collect();
    (0..50).for_each(|_| carry(&recording, &large));
    let lost = recording.lost().not_written;
    assert!((100_000..300_000).contains(&lost), "{lost}");
    recording.end();
    let mut written = 0;
    let mut described = 0;
    while let Some(taken) = recording.take(Duration::ZERO, NO_LIMITS, described) {
        (written, described) = (written + taken.packets, taken.described);
    }
    assert_eq!(written + lost, 500_000);
}

#[test]
fn reading_files_waits_for_room_unless_nothing_can_be_written() {
    let recording = Arc::new(Recording::new(true, 0, 0));
    recording.set_stuck(true);
    let large: Vec<_> = (0..10_000).map(|at| (at, 0)).collect();
    (0..50).for_each(|_| carry(&recording, &large));
    assert!(recording.lost().not_written > 0);
    let before = recording.lost();
    recording.set_stuck(false);
    let other = recording.clone();
    let thread = std::thread::spawn(move || carry(&other, &large));
    assert!(recording.take(Duration::from_secs(60), NO_LIMITS, 0).is_some());
    thread.join().unwrap();
    assert_eq!(recording.lost(), before);
}

#[test]
fn what_waits_when_writing_is_given_up_is_counted_as_not_written() {
    let recording = Recording::new(true, 0, 0);
    carry(&recording, &[(0, 0), (1, 0)]);
    recording.give_up();
    carry(&recording, &[(2, 0)]);
    recording.lose(4);
    Carrier::lose(&recording, 5);
    assert_eq!(recording.lost(), Lost { not_written: 7, not_held: 5 });
}

#[test]
fn drops_are_told_once_by_the_file_at_whose_end_they_are_known() {
    let recording = Recording::new(true, 0, 0);
    recording.drops(InterfaceId(9), 3, 1);
    carry(&recording, &[(0, 4)]);
    recording.end();
    take(&recording, NO_LIMITS, 0);
    let told = |tail: &[u8]| tail.windows(12).any(|part| part == [7, 0, 8, 0, 3, 0, 0, 0, 0, 0, 0, 0]);
    assert!(told(&recording.tail()));
    assert!(!told(&recording.tail()));
}

#[test]
fn the_ring_is_bounded_in_bytes_whatever_the_size_of_its_chunks() {
    for size in [1, 100, 5000] {
        let recording = Recording::new(true, 10_000, 0);
        (0..1000).for_each(|number| recording.keep(number, &vec![0; size]));
        let chunks = recording.ring.chunks();
        let bytes: usize = chunks.iter().map(|(_, chunk)| chunk.len() + 64).sum();
        assert!(bytes <= 10_000 && chunks.last().is_some_and(|(number, _)| *number == 999), "{size}");
    }
    let recording = Recording::new(true, 100, 0);
    recording.keep(0, &[0; 101]);
    assert!(recording.ring.chunks().is_empty());
}
