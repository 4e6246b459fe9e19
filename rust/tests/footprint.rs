//! Memory that an idle connection takes, its share of the table included.

mod driver;
mod sealed;
mod siege;
mod wire;

use sealed::Conversation;
use siege::{MIB, Siege, is_inside, size};
use wire::{CLIENT, Connection, SERVER, client_hello};

/// The table grows by doubling. The share of a connection is measured when the table is nearly full: at 15/16 of a
/// power of two.
fn idle_connections() -> u32 {
    size(61_440, 983_040)
}

/// Bytes per connection that the documentation of the limit on connections promises.
const BYTES_PER_CONNECTION: usize = 310;

/// Bytes more that a TLS connection may take until its handshake is over.
const BYTES_OF_TLS: usize = 300;

/// Bytes more that a TLS connection may take while it is decrypted.
const BYTES_OF_DECRYPTION: usize = 600;

/// Bytes more that a connection with HTTP/2 may take, beside the tables of its header compression.
const BYTES_OF_HTTP2: usize = 1024;

/// What is said on a connection that then idles.
const REQUEST: &[u8] = b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n";
const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

fn is_within_promise(siege: &mut Siege, what: &str, most: usize) {
    let each = siege.grown() / idle_connections() as usize;
    println!("measured: {each} bytes per connection {what}");
    let snapshot = siege.close();
    assert_eq!(snapshot.capture.flows.value, u64::from(idle_connections()));
    let expected = if what.contains("with ") || what.contains("exchange") { idle_connections() } else { 0 };
    assert_eq!(snapshot.counts.responses, u64::from(expected), "what was said was read");
    assert!(each <= most, "{each} bytes per connection {what}");
}

#[test]
fn a_connection_that_idles_after_an_exchange_is_small() {
    if !is_inside("a_connection_that_idles_after_an_exchange_is_small", 1600 * MIB) {
        return;
    }
    let mut siege = Siege::new(1_000);
    for n in 0..idle_connections() {
        let mut connection = Connection::new(n);
        siege.handshake(&mut connection);
        siege.say(&mut connection, CLIENT, REQUEST);
        siege.say(&mut connection, SERVER, RESPONSE);
    }
    is_within_promise(&mut siege, "after an HTTP exchange", BYTES_PER_CONNECTION);
}

#[test]
fn an_encrypted_connection_is_small() {
    if !is_inside("an_encrypted_connection_is_small", 1600 * MIB) {
        return;
    }
    let mut siege = Siege::new(1_000);
    let hello = client_hello("a.example.test");
    for n in 0..idle_connections() {
        let mut connection = Connection::new(n).to_port(443);
        siege.handshake(&mut connection);
        siege.say(&mut connection, CLIENT, &hello);
        siege.say(&mut connection, SERVER, &[0x16, 3, 3, 0, 2, 2, 0]);
    }
    is_within_promise(&mut siege, "after a TLS hello", BYTES_PER_CONNECTION + BYTES_OF_TLS);
}

#[test]
fn a_connection_without_data_is_small() {
    if !is_inside("a_connection_without_data_is_small", 1600 * MIB) {
        return;
    }
    let mut siege = Siege::new(1_000);
    (0..idle_connections()).for_each(|n| siege.handshake(&mut Connection::new(n)));
    is_within_promise(&mut siege, "after the handshake", BYTES_PER_CONNECTION);
}

/// Lets as many connections as idle say the same. Each is an exchange that was read.
fn all_say(siege: &mut Siege, said: &[(usize, Vec<u8>)]) {
    for n in 0..idle_connections() {
        let mut connection = Connection::new(n).to_port(443);
        siege.handshake(&mut connection);
        said.iter().for_each(|(sender, bytes)| siege.say(&mut connection, *sender, bytes));
    }
}

#[test]
fn a_decrypted_connection_of_tls_1_3_is_small() {
    if !is_inside("a_decrypted_connection_of_tls_1_3_is_small", 1600 * MIB) {
        return;
    }
    let Conversation { said, keylog, .. } = Conversation::tls13().says(CLIENT, REQUEST).says(SERVER, RESPONSE);
    let mut siege = Siege::with_keys(1_000, &keylog);
    all_say(&mut siege, &said);
    is_within_promise(&mut siege, "with TLS 1.3, decrypted", BYTES_PER_CONNECTION + BYTES_OF_DECRYPTION);
}

#[test]
fn a_decrypted_connection_of_tls_1_2_is_small() {
    if !is_inside("a_decrypted_connection_of_tls_1_2_is_small", 1600 * MIB) {
        return;
    }
    let Conversation { said, keylog, .. } = Conversation::tls12().says(CLIENT, REQUEST).says(SERVER, RESPONSE);
    let mut siege = Siege::with_keys(1_000, &keylog);
    all_say(&mut siege, &said);
    is_within_promise(&mut siege, "with TLS 1.2, decrypted", BYTES_PER_CONNECTION + BYTES_OF_DECRYPTION);
}

/// A frame of HTTP/2 (RFC 9113 §4.1).
fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    [&[0, 0, payload.len() as u8, kind, flags, 0, 0, 0, stream], payload].concat()
}

#[test]
fn a_connection_that_idles_after_streams_is_small() {
    if !is_inside("a_connection_that_idles_after_streams_is_small", 1600 * MIB) {
        return;
    }
    // Fields of the static table, and literals that enter no table (RFC 7541 §6.2.2).
    let head = frame(1, 5, 1, b"\x82\x86\x04\x02/a\x01\x01a");
    let begin = [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &frame(4, 0, 0, b"")[..], &head].concat();
    let answer = [frame(4, 0, 0, b""), frame(1, 4, 1, b"\x88"), frame(0, 1, 1, b"ok")].concat();
    let mut siege = Siege::new(1_000);
    all_say(&mut siege, &[(CLIENT, begin), (SERVER, answer)]);
    is_within_promise(&mut siege, "with HTTP/2, beside its tables", BYTES_PER_CONNECTION + BYTES_OF_HTTP2);
}
