//! The list of connections of an interval, and what listing costs.

use super::*;
use crate::pipeline::flow::Stage;
use crate::pipeline::snapshot::Connection;
use crate::pipeline::steps::tests::taken;

/// A pipeline that lists at most `most` connections.
fn pipeline(most: usize) -> Driver {
    let mut settings = Settings::default();
    settings.aggregate.connections = true;
    settings.aggregate.limits.connections = most;
    Driver::new(settings)
}

fn wire(port: u16) -> Wire {
    Wire { client_port: port, start: i64::from(port) * 1000 + 1_700_000_000 * SECOND, ..Wire::default() }
}

/// The frames of open connections, one for each port: the handshake and, if `talks` is set, one exchange.
fn open(ports: std::ops::Range<u16>, talks: bool) -> Vec<Frame> {
    let mut frames = Vec::new();
    for port in ports {
        let mut forge = Forge::new(wire(port));
        forge.handshake();
        if talks {
            forge.say(0, TURNS[0].as_bytes());
            forge.say(1, TURNS[1].as_bytes());
        }
        frames.extend(forge.frames);
    }
    frames
}

fn push(pipeline: &mut Driver, frames: &[Frame]) {
    frames.iter().for_each(|frame| pipeline.push(&frame.packet()));
}

/// Closes the interval that ends `second` seconds after the first packet.
fn close(pipeline: &mut Pipeline, second: i64) -> Snapshot {
    let at = |second| Timestamp::new(1_700_000_000 + second, 0);
    pipeline.close(at(second - 1), at(second))
}

fn only(snapshot: &Snapshot) -> &Connection {
    assert_eq!(snapshot.connections.len(), 1);
    &snapshot.connections[0]
}

#[test]
fn a_connection_is_listed_as_it_was_at_the_end_of_each_interval() {
    let frames = Forge::connection(wire(40_000), &TURNS);
    let (opening, rest) = frames.split_at(1);
    let (talking, end) = rest.split_at(rest.len() - 3);
    let mut pipeline = pipeline(10);
    push(&mut pipeline, opening);
    let told = close(&mut pipeline, 1);
    assert_eq!(
        (only(&told).state, only(&told).protocol, told.capture.open_connections.value),
        (Stage::Opening, None, 0)
    );
    push(&mut pipeline, talking);
    let told = close(&mut pipeline, 2);
    let one = only(&told).clone();
    assert_eq!(
        (one.state, one.protocol, &*one.host, one.requests),
        (Stage::Open, Some(Protocol::Http1), "shop.example", 3)
    );
    assert_eq!((one.client.port, one.server.port, one.opened), (40_000, 80, Some(one.first_seen)));
    let sent = |side: usize| TURNS.iter().skip(side).step_by(2).map(|turn| turn.len() as u64).sum::<u64>();
    assert_eq!((one.bytes_to_server, one.bytes_to_client), (sent(0), sent(1)));
    assert_eq!((one.segments, one.retransmitted, one.rtt), ((frames.len() - 3) as u64, 0, Some(2_000_000)));
    assert_eq!(told.capture.open_connections.value, 1);
    // The connection is silent and still listed; only its age grows.
    let told = close(&mut pipeline, 3);
    assert_eq!(only(&told), &Connection { age: one.age + SECOND as u64, ..one.clone() });
    assert_eq!(only(&told.silence(SECOND)).age, one.age + 2 * SECOND as u64);
    push(&mut pipeline, end);
    let told = close(&mut pipeline, 4);
    let last = Timestamp(frames.last().unwrap().ts);
    assert_eq!(
        (only(&told).state, only(&told).last_seen, only(&told).age),
        (Stage::Closed, last, last.since(one.first_seen))
    );
    assert_eq!((told.capture.open_connections.value, told.silence(SECOND).connections), (0, Vec::new()));
    // The connection is over, and was listed once as closed.
    assert_eq!(close(&mut pipeline, 5).connections, []);
}

#[test]
fn connections_open_at_the_end_of_the_capture_are_listed_as_open() {
    let mut pipeline = pipeline(10);
    push(&mut pipeline, &open(2000..2003, true));
    pipeline.finish();
    let told = close(&mut pipeline, 1);
    assert_eq!(told.connections.iter().map(|one| one.state).collect::<Vec<_>>(), [Stage::Open; 3]);
    assert_eq!((told.capture.open_connections.value, told.capture.flows.value), (3, 0));
    let told = close(&mut pipeline, 2);
    assert_eq!((told.connections, told.capture.open_connections.value), (Vec::new(), 0));
}

#[test]
fn a_connection_of_quic_is_listed_as_long_as_it_speaks() {
    use super::closed::quic;
    let mut pipeline = pipeline(10);
    let start = 1_700_000_000 * SECOND;
    let frames = |port, name| -> Vec<Frame> {
        quic(port, name).into_iter().map(|frame| Frame { ts: start + frame.ts, ..frame }).collect()
    };
    let (named, unnamed) = (frames(40_000, Some("a.example")), frames(40_001, None));
    push(&mut pipeline, &named[..1]);
    push(&mut pipeline, &unnamed);
    let told = close(&mut pipeline, 1);
    let line = |one: &Connection| (one.state, one.protocol, one.host.to_string(), one.segments, one.rtt, one.requests);
    let of = |state, host: &str, segments, rtt| (state, Some(Protocol::Quic), host.to_owned(), segments, rtt, 0);
    assert_eq!(
        told.connections.iter().map(line).collect::<Vec<_>>(),
        [of(Stage::Opening, "a.example", 1, None), of(Stage::Open, "", 4, Some(5_000_000))]
    );
    push(&mut pipeline, &named[1..]);
    let told = close(&mut pipeline, 2);
    let one = only(&told);
    assert_eq!(line(one), of(Stage::Open, "a.example", 4, Some(5_000_000)));
    let sent = |from: usize| named.iter().skip(from).step_by(2).map(|frame| frame.bytes.len() as u64 - 42).sum::<u64>();
    assert_eq!((one.bytes_to_server, one.bytes_to_client, one.age), (sent(0), sent(1), 2 * SECOND as u64));
    assert_eq!((one.client.port, one.server.port, one.opened), (40_000, 443, Some(one.first_seen)));
    assert_eq!(close(&mut pipeline, 3).connections, [], "it was silent");
}

#[test]
fn connections_of_quic_that_are_noted_are_bounded() {
    let mut pipeline = pipeline(50);
    let frames: Vec<_> = (0..6000).map(|port| super::closed::quic(10_000 + port, None).remove(0)).collect();
    push(&mut pipeline, &frames);
    let heard = taken(|| assert_eq!(close(&mut pipeline, 1).connections.len(), 50));
    assert!(heard <= 3 * 4096, "{heard}");
}

#[test]
fn nothing_is_listed_unless_it_is_asked_for() {
    let told = count(&open(2000..2003, true));
    assert_eq!((told.connections, told.counts.requests), (Vec::new(), 3));
}

#[test]
fn after_a_panic_connections_are_listed_again() {
    let mut pipeline = pipeline(10);
    push(&mut pipeline, &open(2000..2003, true));
    pipeline.restart();
    push(&mut pipeline, &open(2000..2001, true));
    assert_eq!(close(&mut pipeline, 1).connections.len(), 1);
}

#[test]
fn a_list_is_bounded_and_comes_with_the_number_of_open_connections() {
    let mut pipeline = pipeline(50);
    push(&mut pipeline, &open(2000..3000, true));
    for second in [1, 2] {
        let told = close(&mut pipeline, second);
        assert_eq!((told.connections.len(), told.capture.open_connections.value), (50, 1000));
    }
}

#[test]
fn a_connection_that_loses_packets_is_listed_among_thousands_of_others() {
    let ill = wire(9_999);
    let mut forge = Forge::new(ill);
    forge.handshake();
    forge.say(0, TURNS[0].as_bytes());
    // The request is sent again a while later, in a packet with another identification.
    let mut again = forge.frames[3].clone();
    again.ts += SECOND / 2;
    let mut pipeline = pipeline(100);
    push(&mut pipeline, &forge.frames);
    push(&mut pipeline, &open(20_000..26_000, true));
    push(&mut pipeline, &[again]);
    push(&mut pipeline, &open(26_000..32_000, true));
    let told = close(&mut pipeline, 1);
    assert_eq!(told.connections.len(), 100);
    let found = told.connections.iter().find(|one| one.client.port == ill.client_port).unwrap();
    assert_eq!((found.retransmitted, found.segments, found.bytes_to_server), (1, 6, TURNS[0].len() as u64));
}

#[test]
fn listing_costs_no_more_however_many_connections_there_are() {
    for talks in [true, false] {
        let steps = |count: u16| {
            let mut pipeline = pipeline(100);
            push(&mut pipeline, &open(2000..2000 + count, talks));
            let heard = taken(|| drop(close(&mut pipeline, 1)));
            let silent = taken(|| drop(close(&mut pipeline, 2)));
            (heard, silent)
        };
        let (few, many) = (steps(10_000), steps(20_000));
        assert!(few.0 > 0 && few.1 > 0, "steps are counted");
        // Both are within the bound, however many connections the last thinning left.
        assert!(many.0 <= 3 * 2048 && few.0 <= 3 * 2048, "{few:?} {many:?}");
        assert_eq!(few.1, many.1);
    }
}

#[test]
fn a_slot_that_is_used_again_lists_both_of_its_connections() {
    let mut pipeline = pipeline(10);
    let mut frames = Forge::connection(wire(2000), &TURNS[..2]);
    let later = Wire { start: wire(2000).start + SECOND / 10, isn: [900_000, 700_000], ..wire(2000) };
    frames.extend(Forge::connection(later, &TURNS[..2]));
    push(&mut pipeline, &frames);
    let told = close(&mut pipeline, 1);
    let listed: Vec<_> = told.connections.iter().map(|one| (one.state, one.requests, one.segments)).collect();
    assert_eq!(listed, [(Stage::Closed, 1, 10), (Stage::Closed, 1, 10)]);
}
