//! What is limited for each connection is also limited for all of them together, since a stranger may open a million.

mod driver;
mod sealed;
mod siege;
mod wire;

use sealed::Conversation;
use siege::{MIB, Siege, is_inside, size};
use wire::{CLIENT, Connection, SERVER};

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

/// Connections that are decrypted, idle, and each in the middle of a record.
#[test]
fn decrypted_connections_share_a_bounded_memory() {
    if !is_inside("decrypted_connections_share_a_bounded_memory", 700 * MIB) {
        return;
    }
    // The beginning of a record needs up to 16 KiB: without a common limit 400 MiB here, and at full size 2 GiB.
    let n = size(100_000, 500_000);
    let request = b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n";
    let response = b"HTTP/1.1 204 No Content\r\n\r\n";
    let talk = Conversation::tls13().says(CLIENT, request).says(SERVER, response).says(SERVER, &[b'x'; 4096]);
    let mut siege = Siege::with_keys(1_000, &talk.keylog);
    let (body, said) = talk.said.split_last().unwrap();
    siege.grows_by_connections_only(n, |siege, at| {
        let mut connection = Connection::new(at).to_port(443);
        siege.handshake(&mut connection);
        said.iter().for_each(|(sender, bytes)| siege.say(&mut connection, *sender, bytes));
        body.1[..4000].chunks(1440).for_each(|piece| siege.say(&mut connection, SERVER, piece));
    });
    assert_eq!(siege.close().counts.responses, u64::from(n));
}

#[test]
fn tables_of_header_compression_share_a_bounded_memory() {
    if !is_inside("tables_of_header_compression_share_a_bounded_memory", 700 * MIB) {
        return;
    }
    // Each connection fills its table of 4 KiB: 195 MiB here, and at full size 1.9 GiB.
    let n = size(50_000, 500_000);
    // RFC 7541 §6.2.1: a literal field that enters the table, with the name of index 58, `user-agent`.
    let field = |at: u8| [&[0x7a, 0x7f, 0xe9, 0x06][..], &[b'a' + at; 1000]].concat();
    let block = [b"\x82\x86\x84\x01\x01a".to_vec(), field(0), field(1), field(2)].concat();
    let length = (block.len() as u16).to_be_bytes();
    let head = [&[0, length[0], length[1], 1, 5, 0, 0, 0, 1], &block[..]].concat();
    let begin = [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0", &head[..]].concat();
    let mut siege = Siege::new(1_000);
    siege.grows_by(1_400, n, |siege, at| {
        let mut connection = Connection::new(at);
        siege.handshake(&mut connection);
        begin.chunks(1440).for_each(|piece| siege.say(&mut connection, CLIENT, piece));
        siege.say(&mut connection, SERVER, b"\0\0\0\x04\0\0\0\0\0\0\0\x01\x01\x05\0\0\0\x01\x88");
    });
    assert_eq!(siege.close().counts.responses, u64::from(n));
}
