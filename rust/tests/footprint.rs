//! Memory that an idle connection takes, its share of the table included.

mod driver;
mod siege;
mod wire;

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

fn is_within_promise(siege: &mut Siege, what: &str, most: usize) {
    let each = siege.grown() / idle_connections() as usize;
    println!("measured: {each} bytes per connection {what}");
    let capture = siege.close().capture;
    assert_eq!(capture.flows.value, u64::from(idle_connections()));
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
        siege.say(&mut connection, CLIENT, b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
        siege.say(&mut connection, SERVER, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
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
