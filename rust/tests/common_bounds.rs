//! What is limited for each connection is also limited for all of them together, since a stranger may open a million.

mod driver;
mod siege;
mod wire;

use siege::{MIB, Siege, is_inside, size};
use wire::{CLIENT, Connection};

/// Heads that never end, on more and more connections.
#[test]
fn heads_that_never_end_share_a_bounded_memory() {
    if !is_inside("heads_that_never_end_share_a_bounded_memory", 700 * MIB) {
        return;
    }
    // Up to 64 KiB of each head are read. Without a common limit these would need 1.2 GiB, and at full size 6.1 GiB.
    let n = size(20_000, 100_000);
    let mut siege = Siege::new(1_000);
    let line = format!("X: {}\r\n", "y".repeat(1400));
    siege.grows_by_connections_only(n, |siege, at| {
        let mut connection = Connection::new(at);
        siege.handshake(&mut connection);
        siege.say(&mut connection, CLIENT, b"GET /a HTTP/1.1\r\nHost: a\r\n");
        (0..45).for_each(|_| siege.say(&mut connection, CLIENT, line.as_bytes()));
    });
    siege.pipeline.finish();
    let snapshot = siege.close();
    assert_eq!(snapshot.counts.requests, u64::from(n), "their first lines were whole");
}

#[test]
fn hellos_that_never_end_share_a_bounded_memory() {
    if !is_inside("hellos_that_never_end_share_a_bounded_memory", 700 * MIB) {
        return;
    }
    let n = size(60_000, 200_000);
    let mut siege = Siege::new(1_000);
    // The beginning of a hello of nearly 16 KiB whose last bytes never come.
    let start = [&[0x16, 3, 1, 0x3f, 0xf0, 1, 0, 0x3f, 0xec, 3, 3][..], &[7; 1400]].concat();
    siege.grows_by_connections_only(n, |siege, at| {
        let mut connection = Connection::new(at).to_port(443);
        siege.handshake(&mut connection);
        siege.say(&mut connection, CLIENT, &start);
        (0..10).for_each(|_| siege.say(&mut connection, CLIENT, &[8; 1400]));
    });
    assert_eq!(siege.close().capture.protocols.total(), u64::from(n));
}

#[test]
fn requests_that_are_never_answered_share_a_bounded_memory() {
    if !is_inside("requests_that_are_never_answered_share_a_bounded_memory", 700 * MIB) {
        return;
    }
    // A hundred requests may wait on each connection. Without a common limit each would need 64 bytes: 1.2 GiB, and at
    // full size 3 GiB.
    let n = size(200_000, 500_000);
    let mut siege = Siege::new(1_000);
    let burst = "GET / HTTP/1.1\r\n\r\n".repeat(100);
    siege.grows_by_connections_only(n, |siege, at| {
        let mut connection = Connection::new(at);
        siege.handshake(&mut connection);
        burst.as_bytes().chunks(1440).for_each(|piece| siege.say(&mut connection, CLIENT, piece));
    });
    siege.pipeline.finish();
    let snapshot = siege.close();
    assert_eq!(snapshot.counts.requests, u64::from(n) * 100);
    assert_eq!(snapshot.capture.unanswered, u64::from(n) * 100);
}

/// Bytes behind a hole in segments of one byte, with holes between them, so that nothing can be joined.
#[test]
fn one_byte_segments_behind_holes_share_a_bounded_memory() {
    if !is_inside("one_byte_segments_behind_holes_share_a_bounded_memory", 300 * MIB) {
        return;
    }
    // A thousand segments may be held for each stream, and each costs a hundred times its size: 400 MiB, and at full
    // size 10 GiB.
    let n = size(4_000, 100_000);
    let mut siege = Siege::new(10);
    siege.grows_by_connections_only(n, |siege, at| {
        let mut connection = Connection::new(at);
        siege.handshake(&mut connection);
        for _ in 0..1_000 {
            connection.next[CLIENT] = connection.next[CLIENT].wrapping_add(1);
            siege.say(&mut connection, CLIENT, b"x");
        }
    });
    siege.pipeline.finish();
    let snapshot = siege.close();
    assert_eq!(snapshot.capture.gaps, u64::from(n) * 1_000);
    assert_eq!(snapshot.capture.gap_bytes, u64::from(n) * 1_000);
}
