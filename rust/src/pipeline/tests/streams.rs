//! The open streams of connections in the list of an interval.

use super::*;
use crate::pipeline::aggregate::Listing;
use crate::pipeline::exchange::MAX_LISTED_STREAMS;
use crate::pipeline::filter::Filter;
use crate::pipeline::protocol::http2::tests::peer::{Talk, data};
use crate::pipeline::snapshot::{Connection, OpenStream};

/// A pipeline that lists connections and exchanges.
fn settings() -> Settings {
    let mut settings = Settings::default();
    (settings.aggregate.connections, settings.aggregate.exchanges) = (true, Listing::All);
    settings
}

/// The frames of a connection on which both sides say this, one segment each.
fn frames(talk: &Talk) -> Vec<Frame> {
    let mut forge = Forge::new(Wire::default());
    forge.handshake();
    talk.said.iter().for_each(|(direction, bytes)| forge.say(*direction as usize, bytes));
    forge.frames
}

/// The connection as it is listed when an interval closes, one second after its first segment.
fn listed(frames: &[Frame], settings: Settings) -> Connection {
    let mut pipeline = Driver::new(settings);
    frames.iter().for_each(|frame| pipeline.push(&frame.packet()));
    let start = Timestamp(frames[0].ts);
    let mut snapshot = pipeline.close(start, start.plus(SECOND));
    assert_eq!(snapshot.connections.len(), 1);
    snapshot.connections.remove(0)
}

/// A stream as a line: what it is of, what it carries, its status and its messages.
fn line(stream: &OpenStream) -> String {
    let OpenStream { id, method, host, section, path, protocol, status, .. } = stream;
    let (asked, answered) = (stream.request_messages, stream.response_messages);
    let status = status.map_or("-".into(), |status| status.to_string());
    format!("{id} {} {host}{section} {path} {} {status} {asked}+{answered}", method.name(), protocol.name())
}

/// Five streams, of which the second ends.
fn five() -> Talk {
    let mut talk = Talk::begun();
    talk.get(1, "/slow/one?a=b");
    talk.get(3, "/fast");
    talk.post(5, "/pkg.Service/Call", &[("content-type", "application/grpc"), ("te", "trailers")]);
    talk.up(data(5, b"\0\0\0\0\x02hi\0\0\0\0\0", false));
    talk.answer(3, "200", b"body");
    talk.get(7, "/events");
    let head = talk.headers(Direction::Down, 7, false, &[(":status", "200"), ("content-type", "text/event-stream")]);
    talk.down(head);
    talk.down(data(7, b"data: 1\n\ndata: 2\n\n", false));
    let fields = [
        (":method", "CONNECT"),
        (":protocol", "websocket"),
        (":scheme", "http"),
        (":authority", "a.example"),
        (":path", "/chat"),
    ];
    let head = talk.headers(Direction::Up, 9, false, &fields);
    talk.up(head);
    let head = talk.headers(Direction::Down, 9, false, &[(":status", "200")]);
    talk.down(head);
    talk.up(data(9, b"\x81\x82\0\0\0\0hi", false));
    talk
}

#[test]
fn a_connection_lists_its_open_streams() {
    let one = listed(&frames(&five()), settings());
    assert_eq!((one.streams, one.open_streams), (5, 4));
    assert_eq!(
        one.oldest_streams.iter().map(line).collect::<Vec<_>>(),
        [
            "1 GET a.example/slow /slow/one http2 - 0+0",
            "5 POST a.example/pkg.Service /pkg.Service/Call grpc - 2+0",
            "7 GET a.example/events /events sse 200 0+2",
            "9 CONNECT a.example/chat /chat websocket 200 1+0",
        ]
    );
    let [slow, call, events, _] = &one.oldest_streams[..] else { panic!() };
    assert!(one.oldest_streams.is_sorted_by(|a, b| a.age > b.age) && one.age > slow.age);
    let of_frame = |payload: usize| 9 + payload as u64;
    assert!(call.request_bytes > of_frame(12) && call.response_bytes == 0);
    assert!(events.response_bytes > of_frame(18) && slow.request_bytes > 9);
    let later = one.still_open(SECOND).unwrap();
    assert_eq!((later.age, later.oldest_streams[0].age), (one.age + SECOND as u64, slow.age + SECOND as u64));
}

#[test]
fn settings_decide_what_is_told_of_a_stream() {
    let redacted = {
        let mut settings = settings();
        settings.aggregate.redacts = true;
        settings
    };
    let unlisted = {
        let mut settings = settings();
        settings.aggregate.exchanges = Listing::Nothing;
        settings
    };
    let filtered = |filter| {
        let mut settings = settings();
        settings.aggregate.filter = Some(Filter::parse(filter).unwrap().into());
        settings
    };
    for (name, settings, want) in [
        ("paths are redacted", redacted, "1 GET a.example/slow  http2 - 0+0"),
        ("no exchanges are listed", unlisted, "1 GET a.example/slow  http2 - 0+0"),
        ("the filter leaves it out", filtered("method:POST"), "1 GET   http2 - 0+0"),
        ("the filter is not decided", filtered("status:500"), "1 GET a.example/slow /slow/one http2 - 0+0"),
    ] {
        let one = listed(&frames(&five()), settings);
        assert_eq!(one.oldest_streams.first().map(line).as_deref(), Some(want), "{name}");
        assert_eq!(one.open_streams, 4, "{name}");
    }
}

#[test]
fn of_many_streams_the_oldest_are_listed() {
    let mut talk = Talk::begun();
    (0..40).for_each(|at| talk.get(2 * at + 1, "/a"));
    talk.answer(3, "200", b"body");
    let one = listed(&frames(&talk), settings());
    assert_eq!((one.streams, one.open_streams), (40, 39));
    let ids: Vec<_> = one.oldest_streams.iter().map(|stream| stream.id).collect();
    assert_eq!((ids.len(), &ids[..3]), (MAX_LISTED_STREAMS, &[1, 5, 7][..]));
}

#[test]
fn a_connection_joined_midway_counts_the_streams_that_were_seen() {
    let mut talk = Talk::begun();
    (0..50).for_each(|at| {
        talk.get(2 * at + 1, "/a");
        talk.answer(2 * at + 1, "200", b"body");
    });
    talk.get(2001, "/slow");
    talk.get(2003, "/b");
    talk.answer(2003, "200", b"body");
    let all = frames(&talk);
    // Each thing said is a frame, and its acknowledgement another.
    let missing = all.len() - 14;
    for (name, frames, want) in [
        ("from the beginning", &all[..], (52, 1)),
        // Of the frames that are left, the first are an answer and a whole exchange.
        ("joined midway", &all[missing..], (4, 1)),
    ] {
        let one = listed(frames, settings());
        assert_eq!((one.streams, one.open_streams), want, "{name}");
    }
}

#[test]
fn other_connections_list_no_streams() {
    let mut forge = Forge::new(Wire::default());
    forge.handshake();
    forge.say(0, TURNS[0].as_bytes());
    let one = listed(&forge.frames, settings());
    assert_eq!((one.streams, one.oldest_streams), (0, Vec::new()));
}
