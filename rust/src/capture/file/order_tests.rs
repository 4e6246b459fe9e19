//! Packets that were written late are given in order of time. Where the clock changed, the order of the file is kept.

use std::io;

use super::blocks::pool::BLOCK_SIZE;
use super::tests::block;
use super::*;
use crate::pipeline::packet::{SECOND, Timestamp};
use proptest::prelude::*;

/// A capture of packets of `length` bytes each, captured at these milliseconds. The data tells the place in the file.
fn pcap(times: &[u64], length: usize) -> Vec<u8> {
    let mut out: Vec<u8> =
        [0xa1b2_c3d4, 0x0004_0002, 0, 0, 262_144, 1].iter().flat_map(|word: &u32| word.to_le_bytes()).collect();
    for (at, &millis) in times.iter().enumerate() {
        let words = [(millis / 1000) as u32, (millis % 1000 * 1000) as u32, length as u32, length as u32];
        out.extend(words.iter().flat_map(|word| word.to_le_bytes()));
        out.extend((at as u32).to_le_bytes());
        out.resize(out.len() + length - 4, 0);
    }
    out
}

fn open(bytes: Vec<u8>) -> InOrder {
    let mut file = CaptureFile::new(Box::new(io::Cursor::new(bytes)), Pace::Eager);
    file.begin(false).unwrap();
    InOrder::new(file)
}

/// Places in the file of all packets, in the order in which they are given.
fn places(bytes: Vec<u8>) -> Vec<u32> {
    let mut file = open(bytes);
    let mut found = Vec::new();
    while file.refill(false, true).unwrap() == Reach::Here {
        file.give(Timestamp(i64::MAX), true, usize::MAX, |given| {
            found.push(u32::from_le_bytes(given.data[..4].try_into().unwrap()));
        });
    }
    found
}

#[test]
fn late_packets_move_to_their_place_and_packets_of_another_clock_stay() {
    const HOUR: u64 = 3_600_000;
    // (times, places as they are given)
    let cases: &[(&[u64], &[u32])] = &[
        (&[1, 2, 3], &[0, 1, 2]),
        (&[1, 3, 2, 2], &[0, 2, 3, 1]),
        (&[3000, 1, 2, 4000], &[1, 2, 0, 3]),
        // These go back by more than any packet is late: a clock that was set back, a broken one, one of 1970.
        (&[5000, 1500, 1600, 5600], &[0, 1, 2, 3]),
        (&[HOUR, HOUR + 2, HOUR + 1, 5, 7, 6, 8], &[0, 2, 1, 3, 5, 4, 6]),
        (&[HOUR + 1, 0, HOUR + 3, HOUR + 2], &[0, 1, 3, 2]),
        (&[1, 4_000_000_000, 3, 2, 4], &[0, 1, 3, 2, 4]),
    ];
    for (times, want) in cases {
        assert_eq!(places(pcap(times, 60)), *want, "{times:?}");
    }
}

#[test]
fn packets_of_one_instant_keep_their_order() {
    let times = [vec![7; 50], vec![6; 50]].concat();
    let want: Vec<u32> = (50..100).chain(0..50).collect();
    assert_eq!(places(pcap(&times, 1000)), want);
}

#[test]
fn a_packet_that_is_late_by_a_block_is_given_in_order() {
    let length = 1000;
    let count = 4 * BLOCK_SIZE / length;
    let late = BLOCK_SIZE / (length + 16) - 1;
    for from in [0, 1, late / 2, late, 2 * late + 7] {
        let mut times: Vec<u64> = (0..count as u64).map(|at| 1_700_000_000_000 + at).collect();
        let moved = times.remove(from);
        times.insert(from + late, moved);
        let mut want: Vec<u32> = (0..count as u32).collect();
        let place = want.remove(from + late);
        want.insert(from, place);
        assert_eq!(places(pcap(&times, length)), want, "from {from}");
    }
}

#[test]
fn a_file_gives_no_packet_beyond_the_limit() {
    let mut file = open(pcap(&[10, 20, 20, 30], 60));
    assert_eq!(file.refill(false, true).unwrap(), Reach::Here);
    let mut give = |limit: i64, includes, most| {
        let mut count = 0;
        file.give(Timestamp::new(0, limit * 1_000_000), includes, most, |_| count += 1);
        (count, file.head().map(|head| head.0 / 1_000_000))
    };
    assert_eq!(give(10, false, 9), (0, Some(10)));
    assert_eq!(give(20, false, 9), (1, Some(20)));
    assert_eq!(give(20, true, 1), (1, Some(20)));
    assert_eq!(give(20, true, 9), (1, Some(30)));
    assert_eq!(give(31, false, 9), (1, None));
}

#[test]
fn one_packet_far_ahead_holds_up_none_of_those_behind_it() {
    let mut file = open(pcap(&[10, 4_000_000_000, 11, 12], 60));
    file.refill(false, true).unwrap();
    let mut given = Vec::new();
    file.give(Timestamp::new(0, 11_500_000), false, 9, |given_one| given.push(given_one.ts.0 / 1_000_000));
    assert_eq!(given, [10, 4_000_000_000, 11]);
}

fn section(out: &mut Vec<u8>) {
    let words = [0x1a2b_3c4d, 1, u32::MAX, u32::MAX].map(u32::to_le_bytes);
    block(out, false, 0x0a0d_0d0a, words.as_flattened());
}

fn interface(out: &mut Vec<u8>) {
    block(out, false, 1, &[1, 0, 0, 0, 0, 0, 0, 0]);
}

/// An enhanced packet block with four bytes of data, said to be `length`, and options.
fn packet(out: &mut Vec<u8>, interface: u32, seconds: u64, length: u32, options: &[u8]) {
    let micros = seconds * 1_000_000;
    let words = [interface, (micros >> 32) as u32, micros as u32, length, length].map(u32::to_le_bytes);
    block(out, false, 6, &[words.as_flattened(), &[0; 4], options].concat());
}

fn option(code: u16, value: u64) -> Vec<u8> {
    [&code.to_le_bytes()[..], &8_u16.to_le_bytes(), &value.to_le_bytes()].concat()
}

/// Times of the packets in seconds, what is missing, and the problem.
fn read(bytes: Vec<u8>) -> (Vec<i64>, Missing, Option<String>) {
    let mut file = open(bytes);
    let (mut times, mut missing) = (Vec::new(), Missing::default());
    let problem = loop {
        let reached = file.refill(false, true);
        missing.add(file.take_missing());
        match reached {
            Ok(Reach::Here) => {
                file.give(Timestamp(i64::MAX), true, usize::MAX, |given| times.push(given.ts.0 / SECOND));
            }
            Ok(_) => break None,
            Err(problem) => break Some(problem.to_string()),
        }
    };
    (times, missing, problem)
}

#[test]
fn packets_that_cannot_be_read_are_counted_and_those_behind_them_read() {
    let mut out = Vec::new();
    section(&mut out);
    packet(&mut out, 0, 1, 4, &[]); // before its interface
    block(&mut out, false, 3, &[4, 0, 0, 0, 1, 2, 3, 4]); // a simple one as well
    interface(&mut out);
    packet(&mut out, 0, 2, 4, &[]);
    packet(&mut out, 1, 3, 4, &[]); // of another interface
    packet(&mut out, 0, 4, 400, &[]); // longer than its block
    packet(&mut out, 0, 5, 4, &[]);
    section(&mut out);
    packet(&mut out, 0, 6, 4, &[]); // of the section before
    interface(&mut out);
    packet(&mut out, 0, 7, 4, &[]);
    let at = Timestamp::new(6, 0);
    assert_eq!(read(out), (vec![2, 5, 7], Missing { unread: 5, at, ..Missing::default() }, None));
}

#[test]
fn drops_are_counted_once_whether_packets_or_statistics_report_them() {
    let mut out = Vec::new();
    section(&mut out);
    interface(&mut out);
    packet(&mut out, 0, 1, 4, &option(4, 3));
    let statistics = |of_interface: u64, of_kernel: u64| {
        [vec![0; 12], option(4, 1000), option(5, of_interface), option(7, of_kernel)].concat()
    };
    block(&mut out, false, 5, &statistics(2, 3));
    block(&mut out, false, 5, &statistics(2, 5));
    block(&mut out, false, 5, &statistics(u64::MAX, u64::MAX));
    // The older form of a packet: interface and drops, time, lengths.
    let words = [7 << 16, 0, 2_000_000, 4, 4].map(u32::to_le_bytes);
    block(&mut out, false, 2, &[words.as_flattened(), &[0; 4]].concat());
    let words = [0xffff << 16, 0, 3_000_000, 4, 4].map(u32::to_le_bytes);
    block(&mut out, false, 2, &[words.as_flattened(), &[0; 4]].concat());
    let missing = Missing { kernel_dropped: 12, interface_dropped: 2, ..Missing::default() };
    assert_eq!(read(out), (vec![1, 2, 3], missing, None));
}

#[test]
fn damage_to_the_rest_of_a_file_counts_as_one_packet_and_is_reported() {
    let whole = pcap(&[1000, 2000, 3000], 60);
    let damage = |at: usize, with: &[u8]| {
        let mut bytes = whole.clone();
        bytes[at..at + with.len()].copy_from_slice(with);
        bytes
    };
    let second = 24 + 76;
    let mut pcapng = Vec::new();
    section(&mut pcapng);
    interface(&mut pcapng);
    packet(&mut pcapng, 0, 1, 4, &[]);
    packet(&mut pcapng, 0, 2, 4, &[]);
    let long = pcapng.len() - 36 + 4;
    let mut two_lengths = pcapng.clone();
    two_lengths[long] += 4;
    two_lengths.extend([0; 40]);
    let cases = [
        (whole[..whole.len() - 1].to_vec(), vec![1, 2], "ends in the middle"),
        (whole[..second + 3].to_vec(), vec![1], "ends in the middle"),
        (damage(second + 8, &[255; 4]), vec![1], "damaged from there on"),
        (damage(second + 4, &[255; 8]), vec![1], "damaged from there on"),
        ([&whole[..], &[0; 100]].concat(), vec![1, 2, 3], "zeros"),
        (two_lengths, vec![1], "damaged from there on"),
        ([&pcapng[..], &[0; 100]].concat(), vec![1, 2], "damaged from there on"),
    ];
    for (bytes, times, words) in cases {
        let (found, missing, problem) = read(bytes);
        assert_eq!((found, missing.unread), (times, 1), "{problem:?}");
        assert!(problem.as_ref().is_some_and(|problem| problem.contains(words)), "{problem:?}");
    }
}

#[test]
fn packets_of_more_interfaces_than_are_told_apart_are_read() {
    let mut out = Vec::new();
    section(&mut out);
    (0..70_000).for_each(|_| interface(&mut out));
    packet(&mut out, 65_535, 1, 4, &[]);
    packet(&mut out, 65_536, 2, 4, &[]);
    packet(&mut out, 70_000, 3, 4, &[]);
    let (times, missing, _) = read(out);
    assert_eq!((times, missing.unread), (vec![1, 2], 1), "only the third was not described");
}

proptest! {
    /// Sizes and delays are any, within a block and the time by which a packet may be late.
    #[test]
    fn any_packets_late_by_less_than_a_block_are_given_in_order(
        delays in prop::collection::vec(0usize..40, 1..2000),
        length in 4usize..1500,
    ) {
        let mut order: Vec<usize> = (0..delays.len()).collect();
        order.sort_by_key(|&at| at + delays[at]);
        let times: Vec<u64> = order.iter().map(|&at| 1_000_000 + 10 * at as u64).collect();
        let given = places(pcap(&times, length));
        let want: Vec<u32> = {
            let mut places: Vec<u32> = (0..times.len() as u32).collect();
            places.sort_by_key(|&place| times[place as usize]);
            places
        };
        prop_assert_eq!(given, want);
    }
}
