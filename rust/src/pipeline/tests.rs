//! Whole captures go through all stages. Most tests need no known result: a capture and a disturbed form of it must
//! count the same.

mod apart;
mod blind;
mod closed;
mod copies;
#[path = "../../tests/driver.rs"]
mod driver;
pub mod forge;
mod listed;
mod owned;
mod said;
mod secrets;
mod streams;

use super::clock::Clock;
use super::histogram::Histogram;
use super::snapshot::{Snapshot, Tcp};
use super::*;
use crate::pipeline::decode::Direction;
use crate::pipeline::exchange::Protocol;
use crate::pipeline::packet::SECOND;
use driver::Driver;
use forge::{Forge, Frame, Wire};
use proptest::prelude::*;

/// Everything counted in `frames`, as one snapshot.
fn count(frames: &[Frame]) -> Snapshot {
    count_with(frames, Settings::default())
}

/// Everything counted in `frames`. Checks that looking connections up ahead changes nothing.
fn count_with(frames: &[Frame], settings: Settings) -> Snapshot {
    let (mut ahead, mut pipeline) = (Pipeline::new(settings.share(1)), Driver::new(settings));
    frames.iter().for_each(|frame| pipeline.push(&frame.packet()));
    let (mut clock, mut run) = (Clock::default(), Vec::new());
    for frame in frames {
        if let Some(now) = clock.follow(Timestamp(frame.ts)) {
            ahead.look_ahead(run.drain(..));
            ahead.tick(now);
        }
        run.push(frame.packet());
    }
    ahead.look_ahead(run);
    let [told, told_ahead] = [&mut *pipeline, &mut ahead].map(|pipeline| {
        pipeline.finish();
        pipeline.close(Timestamp(0), Timestamp(1))
    });
    assert_eq!(told, told_ahead);
    told
}

/// The HTTP counts of a snapshot as text, without times and interfaces.
fn http(snapshot: &Snapshot) -> String {
    let hosts: Vec<String> = snapshot
        .hosts
        .iter()
        .map(|host| {
            let sections: Vec<String> = host
                .sections
                .iter()
                .map(|section| {
                    let counts = &section.counts;
                    let methods: Vec<_> =
                        counts.methods.by_count().iter().map(|(method, n)| format!("{}={n}", method.name())).collect();
                    format!(
                        "{} {methods:?} {:?} {}+{}",
                        section.path,
                        counts.statuses.by_count(),
                        counts.request_bytes,
                        counts.response_bytes
                    )
                })
                .collect();
            format!("{}: {}", host.name, sections.join("; "))
        })
        .collect();
    hosts.join("\n")
}

const TURNS: [&str; 6] = [
    "GET /shop/1?secret=1 HTTP/1.1\r\nHost: Shop.example\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 26\r\n\r\nabcdefghijklmnopqrstuvwxyz",
    "POST /api HTTP/1.1\r\nHost: api.example\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 503 Busy\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nbye\r\n0\r\nT: x\r\n\r\n",
    "HEAD /shop HTTP/1.1\r\nHost: shop.example:80\r\n\r\n",
    "HTTP/1.1 304 Not Modified\r\nContent-Length: 100\r\n\r\n",
];

const WANT: &str = r#"api.example: /api ["POST=1"] [(100, 1), (503, 1)] 84+93
shop.example: /shop ["GET=1", "HEAD=1"] [(200, 1), (304, 1)] 99+115"#;

#[test]
fn a_connection_is_counted_by_host_section_method_and_status() {
    let snapshot = count(&Forge::connection(Wire::default(), &TURNS));
    assert_eq!(http(&snapshot), WANT);
    assert_eq!((snapshot.counts.hits(), snapshot.counts.requests, snapshot.counts.errors), (7, 3, 1));
    assert_eq!((snapshot.tcp.opened, snapshot.tcp.closed, snapshot.tcp.retransmitted), (1, 1, 0));
    assert_eq!(snapshot.capture.protocols.by_count(), [(Protocol::Http1, 1)]);
    assert_eq!((snapshot.capture.gaps, snapshot.capture.unanswered, snapshot.capture.orphan_responses), (0, 0, 0));
    assert_eq!(snapshot.counts.latency.count(), 3);
    assert_eq!(snapshot.counts.duration.count(), 3);
}

#[test]
fn a_renamed_interface_counts_anew_and_keeps_its_connections() {
    let frames = Forge::connection(Wire::default(), &TURNS);
    let mut pipeline = Driver::new(Settings::default());
    for (at, frame) in frames.iter().enumerate() {
        if at % 5 == 0 {
            pipeline.set_interface(InterfaceId(0), ["a", "b"][at / 5 % 2], InterfaceState::Up);
        }
        pipeline.push(&frame.packet());
    }
    pipeline.finish();
    let told = pipeline.close(Timestamp(0), Timestamp(1));
    let packets: Vec<_> = told.interfaces.iter().map(|one| (&*one.name, one.traffic.packets)).collect();
    let of_a = (0..frames.len()).filter(|at| at / 5 % 2 == 0).count();
    assert_eq!(packets, [("a", of_a as u64), ("b", (frames.len() - of_a) as u64)]);
    assert_eq!(told.tcp, count(&frames).tcp);
}

#[test]
fn a_host_counts_the_openings_of_its_connections_and_what_follows_its_first_request() {
    let mut frames = Forge::connection(Wire::default(), &TURNS);
    frames.insert(2, Frame { ts: frames[1].ts + 500_000, ..frames[0].clone() });
    let snapshot = count(&frames);
    let told = |tcp: &Tcp| {
        let handshakes = [&tcp.client_handshake_rtt, &tcp.server_handshake_rtt].map(Histogram::count);
        (tcp.opened, tcp.closed, tcp.retransmitted, handshakes)
    };
    assert_eq!(told(&snapshot.tcp), (1, 1, 1, [1, 1]));
    let hosts: Vec<_> = snapshot.hosts.iter().map(|host| (&*host.name, told(&host.tcp))).collect();
    assert_eq!(hosts, [("api.example", (0, 0, 0, [0, 0])), ("shop.example", (1, 1, 1, [1, 1]))]);
    let segments: u64 = snapshot.hosts.iter().map(|host| host.tcp.segments).sum();
    assert_eq!((segments, snapshot.tcp.segments), (frames.len() as u64, frames.len() as u64));
    assert_eq!(snapshot.interfaces[0].tcp, snapshot.tcp);
    let [seen, told] = [&snapshot.tcp, &snapshot.hosts[1].tcp].map(|tcp| tcp.client_handshake_rtt.sum());
    assert!(seen == 1_000_000 && told.abs_diff(seen) <= seen / 1000, "{told} for {seen}");
}

#[test]
fn an_opening_counts_for_its_host_when_the_host_is_known() {
    let frames = Forge::connection(Wire::default(), &TURNS[..2]);
    let (opening, rest) = frames.split_at(3);
    let mut pipeline = Driver::new(Settings::default());
    let mut interval = |frames: &[Frame]| {
        frames.iter().for_each(|frame| pipeline.push(&frame.packet()));
        let snapshot = pipeline.close(Timestamp(0), Timestamp(1));
        let hosts: Vec<_> = snapshot.hosts.iter().map(|host| (host.tcp.opened, host.tcp.segments)).collect();
        (hosts, snapshot.tcp.opened, snapshot.tcp.segments)
    };
    assert_eq!(interval(opening), (vec![], 1, 3));
    assert_eq!(interval(rest), (vec![(1, frames.len() as u64)], 0, rest.len() as u64));
}

#[test]
fn a_request_on_the_syn_counts_its_opening_once() {
    let mut frames = Forge::connection(Wire::default(), &TURNS[..2]);
    let mut forge = Forge::new(Wire::default());
    forge.request_on_the_syn(TURNS[0].as_bytes());
    frames.splice(..4, forge.frames);
    let snapshot = count(&frames);
    assert_eq!((snapshot.counts.requests, snapshot.tcp.opened, snapshot.hosts[0].tcp.opened), (1, 1, 1));
    assert_eq!(snapshot.hosts[0].tcp.segments, frames.len() as u64);
}

#[test]
fn an_exchange_tells_where_its_time_went() {
    let response = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nall of it";
    let turns = ["GET / HTTP/1.1\r\nHost: a\r\n\r\n", response, "GET /2 HTTP/1.1\r\nHost: a\r\n\r\n", response];
    let mut frames = Forge::connection(Wire { segment: 20, ..Wire::default() }, &turns);
    // Frames are a millisecond apart: handshake 0 to 2, request 3 and 4, response 6 to 8. The request comes once more.
    let again = Frame { ts: frames[7].ts + 500_000, ..frames[3].clone() };
    frames.insert(8, again);
    let mut settings = Settings::default();
    settings.aggregate.exchanges = aggregate::Listing::All;
    let exchanges = count_with(&frames, settings).exchanges;
    let measured = exchanges.iter().map(|exchange| exchange.measured);
    let millis = |nanos: Option<u64>| nanos.map(|nanos| (nanos + 1000) / 1_000_000);
    let told: Vec<_> = measured
        .map(|e| ([e.connect, e.request_time, e.latency, e.transfer, e.duration].map(millis), e.retransmitted))
        .collect();
    assert_eq!(
        told,
        [([Some(2), Some(1), Some(2), Some(2), Some(5)], 1), ([None, Some(1), Some(2), Some(2), Some(5)], 0)]
    );
}

fn wires() -> impl Strategy<Value = Wire> {
    let isn = prop_oneof![any::<u32>(), (u32::MAX - 400)..=u32::MAX, Just(i32::MAX as u32)];
    (any::<bool>(), prop::option::of(1u16..4000), any::<bool>(), isn.clone(), isn, 1usize..80).prop_map(
        |(ipv6, vlan, swapped, a, b, segment)| Wire { ipv6, vlan, swapped, isn: [a, b], segment, ..Wire::default() },
    )
}

/// Moves frames about, none further than `window` places, and duplicates some. The handshake stays in front, since a
/// capture that begins with data was begun midway. Frames of one side overtake only frames of the same side.
fn disturb(frames: &[Frame], window: usize, seed: u64) -> Vec<Frame> {
    let mut random = seed | 1;
    let mut next = move || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random as usize
    };
    let mut disturbed = frames.to_vec();
    for at in 3..disturbed.len() {
        let to = (at + next() % window).min(disturbed.len() - 1);
        let side = |frame: &Frame| {
            frame.bytes[..frame.bytes.len().min(60)].windows(2).position(|port| port == 40_000u16.to_be_bytes())
        };
        let run = &disturbed[at..=to];
        if run.iter().all(|frame| side(frame) == side(&disturbed[at])) {
            disturbed.swap(at, to);
        }
    }
    for at in (3..disturbed.len()).rev() {
        if next() % 3 == 0 {
            let copy = disturbed[at].clone();
            disturbed.insert(at + 1, copy);
        }
    }
    disturbed
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn segmentation_order_and_duplicates_change_no_count(wire in wires(), window in 1usize..6, seed in any::<u64>()) {
        let frames = disturb(&Forge::connection(wire, &TURNS), window, seed);
        prop_assert_eq!(http(&count(&frames)), WANT);
    }

    #[test]
    fn a_message_that_was_not_there_is_never_counted(wire in wires(), lost in prop::collection::vec(any::<prop::sample::Index>(), 1..6)) {
        let mut frames = Forge::connection(wire, &TURNS);
        for index in lost {
            frames.remove(index.index(frames.len()));
        }
        let whole = count(&Forge::connection(wire, &TURNS));
        let snapshot = count(&frames);
        prop_assert!(snapshot.counts.requests <= 3 && snapshot.counts.responses <= 4, "{}", http(&snapshot));
        for (status, n) in snapshot.counts.statuses.by_count() {
            prop_assert!(n <= whole.counts.statuses.get(status));
        }
        for (method, n) in snapshot.counts.methods.by_count() {
            prop_assert!(n <= whole.counts.methods.get(method));
        }
    }

    #[test]
    fn the_slowest_of_an_interval_are_the_slowest_of_all_its_exchanges(
        delays in prop::collection::vec(0i64..40, 1..120), most in 1usize..20,
    ) {
        let mut forge = Forge::new(Wire::default());
        forge.handshake();
        let mut late = 0;
        for (number, delay) in delays.iter().enumerate() {
            for (side, text, delay) in [(0, format!("GET /{number} HTTP/1.1\r\nHost: h\r\n\r\n"), 0), (1, TURNS[1].to_owned(), *delay)] {
                let from = forge.frames.len();
                forge.say(side, text.as_bytes());
                late += delay * 1_000_000;
                forge.frames[from..].iter_mut().for_each(|frame| frame.ts += late);
            }
        }
        let listed = |listing| {
            let aggregate = aggregate::Settings { exchanges: listing, ..Default::default() };
            let snapshot = count_with(&forge.frames, Settings { aggregate, ..Settings::default() });
            assert_eq!(snapshot.capture.exchanges_dropped, 0);
            snapshot
        };
        let (all, slowest) = (listed(aggregate::Listing::All), listed(aggregate::Listing::Slowest(most)));
        prop_assert_eq!(slowest.exchanges.len(), most.min(delays.len()));
        prop_assert_eq!(snapshot::slowest(&slowest.exchanges, most, 0), snapshot::slowest(&all.exchanges, most, 0));
    }

    #[test]
    fn sums_over_hosts_and_sections_are_the_totals_with_any_caps(
        hosts in prop::collection::vec((0u8..20, 0u8..6), 1..120), max_hosts in 1usize..8, per_host in 1usize..4, sections in 1usize..12,
    ) {
        let mut forge = Forge::new(Wire::default());
        forge.handshake();
        for (host, path) in &hosts {
            forge.say(0, format!("GET /{path} HTTP/1.1\r\nHost: h{host}\r\n\r\n").as_bytes());
            forge.say(1, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        }
        let limits = aggregate::Limits { hosts: max_hosts, sections_per_host: per_host, sections, exchanges: 1, ..aggregate::Limits::default() };
        let settings = Settings { aggregate: aggregate::Settings { limits, exchanges: aggregate::Listing::All, ..Default::default() }, ..Settings::default() };
        let snapshot = count_with(&forge.frames, settings);
        prop_assert_eq!(snapshot.counts.requests, hosts.len() as u64);
        prop_assert_eq!(snapshot.counts.responses, hosts.len() as u64);
        let mut sum = snapshot::Counts::default();
        for host in &snapshot.hosts {
            let mut of_host = snapshot::Counts::default();
            host.sections.iter().for_each(|section| of_host.merge(&section.counts));
            prop_assert_eq!(&of_host, &host.counts);
            sum.merge(&host.counts);
        }
        prop_assert_eq!(&sum, &snapshot.counts);
        prop_assert!(snapshot.hosts.len() <= max_hosts + 1);
        prop_assert_eq!(snapshot.capture.exchanges_dropped, hosts.len() as u64 - 1);
        // No listed host may be too low by more than `hits_error` says.
        for host in snapshot.hosts.iter().filter(|host| &*host.name != snapshot::OTHER) {
            let truth = 2 * hosts.iter().filter(|(number, _)| format!("h{number}") == *host.name).count() as u64;
            prop_assert!(host.counts.hits() <= truth && truth <= host.counts.hits() + snapshot.capture.hits_error);
        }
    }
}

#[test]
fn a_busy_host_survives_a_flood_of_invented_names() {
    let mut forge = Forge::new(Wire::default());
    forge.handshake();
    for at in 0..500 {
        let host = if at % 5 == 0 { "busy.example".to_owned() } else { format!("invented{at}.example") };
        forge.say(0, format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes());
    }
    let limits = aggregate::Limits { hosts: 10, ..Default::default() };
    let settings = Settings { aggregate: aggregate::Settings { limits, ..Default::default() }, ..Settings::default() };
    let snapshot = count_with(&forge.frames, settings);
    let busy = snapshot.host("busy.example").expect("the busy host");
    assert!(busy.counts.requests + snapshot.capture.hits_error >= 100);
    assert_eq!(snapshot.hosts[snapshot.top_hosts(2)[1]].name.as_ref(), "busy.example", "after ~other");
    assert!(snapshot.capture.hosts_folded > 300);
}

/// An interval of 20 sections, each with 20 responses that took between a microsecond and minutes.
fn slow_and_fast(limits: aggregate::Limits) -> snapshot::Snapshot {
    let mut forge = Forge::new(Wire::default());
    forge.handshake();
    for at in 0..400_i64 {
        forge.say(0, format!("GET /{} HTTP/1.1\r\nHost: h{}\r\n\r\n", at % 20, at % 5).as_bytes());
        forge.wait(1_000 << (at % 30));
        forge.say(1, b"HTTP/1.1 204 No Content\r\n\r\n");
    }
    count_with(
        &forge.frames,
        Settings { aggregate: aggregate::Settings { limits, ..Default::default() }, ..Settings::default() },
    )
}

#[test]
fn buckets_of_an_interval_share_a_budget_while_they_are_counted() {
    let whole = slow_and_fast(aggregate::Limits::default());
    assert!(whole.buckets() > 5_000 && whole.capture.histogram_halvings.0 == 0, "{}", whole.buckets());
    let coarse = slow_and_fast(aggregate::Limits { buckets: 2_000, ..Default::default() });
    assert!(coarse.buckets() <= 2_000, "{}", coarse.buckets());
    assert!(coarse.capture.histogram_halvings.0 > 0);
    let counted = |snapshot: &snapshot::Snapshot| {
        let latency = &snapshot.counts.latency;
        (latency.count(), latency.sum(), latency.extremes(), snapshot.counts.responses)
    };
    assert_eq!(counted(&coarse), counted(&whole));
}

#[test]
fn two_vlans_are_two_connections() {
    let one = Forge::connection(Wire { vlan: Some(1), ..Wire::default() }, &TURNS);
    let two = Forge::connection(Wire { vlan: Some(2), isn: [7, 9], ..Wire::default() }, &TURNS);
    let mixed: Vec<Frame> = one.into_iter().zip(two).flat_map(|(a, b)| [a, b]).collect();
    let snapshot = count(&mixed);
    assert_eq!((snapshot.counts.requests, snapshot.counts.responses, snapshot.tcp.opened), (6, 8, 2));
}

#[test]
fn a_connection_seen_on_two_interfaces_counts_once_and_on_each_in_its_traffic() {
    let frames = Forge::connection(Wire::default(), &TURNS);
    let twice: Vec<Frame> = frames
        .iter()
        .flat_map(|frame| [frame.clone(), Frame { interface: 1, ts: frame.ts + 1000, ..frame.clone() }])
        .collect();
    let snapshot = count(&twice);
    assert_eq!(http(&snapshot), WANT);
    assert_eq!(snapshot.tcp, count(&frames).tcp);
    let packets: Vec<u64> = snapshot.interfaces.iter().map(|interface| interface.traffic.packets).collect();
    assert_eq!(packets, [frames.len() as u64; 2]);
}

#[test]
fn bodies_cut_by_the_snapshot_length_cost_nothing() {
    let body = "x".repeat(5000);
    let turns = [TURNS[0], &format!("HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n{body}"), TURNS[4], TURNS[5]];
    let frames = Forge::connection(Wire::default(), &turns);
    let whole = count(&frames);
    let mut pipeline = Driver::new(Settings::default());
    for frame in &frames {
        let packet = frame.packet();
        pipeline.push(&Packet { data: &packet.data[..packet.data.len().min(200)], ..packet });
    }
    pipeline.finish();
    let cut = pipeline.close(Timestamp(0), Timestamp(1));
    assert_eq!(http(&cut), http(&whole));
    assert_eq!((cut.capture.truncated, cut.capture.gaps), (4, 0));
}

#[test]
fn a_syn_flood_makes_no_connections_beyond_its_limit() {
    let flows = flow::Limits { flows: 100, half_open: 10, ..Default::default() };
    let mut pipeline = Driver::new(Settings { flows, ..Settings::default() });
    for port in 1..5000 {
        let mut forge = Forge::new(Wire { client_port: port, ..Wire::default() });
        forge.handshake();
        pipeline.push(&forge.frames[0].packet());
        assert!(pipeline.stages.flows.len() <= 10);
    }
    assert_eq!(pipeline.close(Timestamp(0), Timestamp(1)).capture.flows_evicted, 4999 - 10);
}

#[test]
fn every_limit_at_one_still_counts_and_never_panics() {
    let settings = Settings {
        flows: flow::Limits { flows: 1, half_open: 1, ..Default::default() },
        reassembly: Budget::new(1, 1, 1),
        aggregate: aggregate::Settings {
            limits: aggregate::Limits {
                hosts: 1,
                sections_per_host: 1,
                sections: 1,
                exchanges: 1,
                ..aggregate::Limits::default()
            },
            ..Default::default()
        },
        defragment: defragment::Limits { datagrams: 1, bytes: 1, patience: 1 },
        tunnels: true,
        nat: Some(nat::Nat::default()),
        record: None,
        keys: Arc::default(),
    };
    let frames: Vec<Frame> = (1..50)
        .flat_map(|port| {
            disturb(
                &Forge::connection(Wire { client_port: port, segment: 7, ..Wire::default() }, &TURNS),
                3,
                u64::from(port),
            )
        })
        .collect();
    let snapshot = count_with(&frames, settings);
    assert!(snapshot.counts.requests > 0);
}

#[test]
fn a_reused_port_is_another_connection() {
    let first = Forge::connection(Wire::default(), &TURNS);
    let second =
        Forge::connection(Wire { isn: [1200, 5100], start: 1_700_000_001_000_000_000, ..Wire::default() }, &TURNS);
    let snapshot = count(&[first, second].concat());
    assert_eq!((snapshot.counts.requests, snapshot.counts.responses, snapshot.tcp.opened), (6, 8, 2));
}

/// Fragments that another worker puts together come that late.
#[test]
fn data_may_come_before_the_syn_of_its_connection() {
    let frames = Forge::connection(Wire::default(), &TURNS);
    let expected = count(&frames);
    for (syns, answer_first) in [(1, false), (2, false), (2, true)] {
        for until in syns..frames.len() {
            let mut late = frames.clone();
            late[..=until].rotate_left(syns);
            late[until + 1 - syns..=until].rotate_left(usize::from(answer_first));
            let told = count(&late);
            assert_eq!(http(&told), http(&expected), "{syns} behind {until}");
            assert_eq!(told.capture, expected.capture, "{syns} behind {until}");
            let handshakes = [&told, &expected].map(|snapshot| (snapshot.tcp.opened, snapshot.tcp.closed));
            assert_eq!(handshakes, [(1, 1); 2], "{syns} behind {until}");
        }
    }
}

#[test]
fn a_port_reused_behind_a_download_joined_midway_is_one_connection_more() {
    let mut download = Forge::new(Wire::default());
    download.say(1, b"the rest of a body");
    let next = Wire { isn: [70_000, 90_000], start: 1_700_000_001_000_000_000, ..Wire::default() };
    let snapshot = count(&[download.frames, Forge::connection(next, &TURNS)].concat());
    assert_eq!((snapshot.counts.requests, snapshot.tcp.opened, snapshot.tcp.closed), (3, 1, 1));
}

#[test]
fn a_request_is_given_up_after_its_timeout_although_idle_connections_are_kept_longer() {
    // The seconds of silence are counted after a request alone, and after its response.
    for (turns, packets, kept, forgotten, unanswered) in [(1, 5, 19, 21, 1), (2, 7, 299, 301, 0)] {
        let frames = Forge::connection(Wire::default(), &TURNS[..turns]);
        let flows = flow::Limits { waiting_idle: 20 * SECOND, ..flow::Limits::default() };
        let mut pipeline = Driver::new(Settings { flows, ..Settings::default() });
        frames[..packets].iter().for_each(|frame| pipeline.push(&frame.packet()));
        let since = frames[packets - 1].ts;
        for seconds in (0..kept).step_by(5).chain([kept]) {
            pipeline.tick(Timestamp(since + seconds * SECOND));
            assert_eq!(pipeline.stages.flows.len(), 1, "{turns} after {seconds} s");
        }
        pipeline.tick(Timestamp(since + forgotten * SECOND));
        assert_eq!(pipeline.stages.flows.len(), 0, "{turns}");
        assert_eq!(pipeline.close(Timestamp(0), Timestamp(1)).capture.unanswered, unanswered);
    }
}

#[test]
fn idle_connections_are_forgotten_in_packet_time() {
    // The seconds of silence are counted after a request alone, and after its response.
    for (turns, packets, kept, forgotten, unanswered) in [(1, 5, 3599, 3601, 1), (2, 7, 299, 301, 0)] {
        let frames = Forge::connection(Wire::default(), &TURNS[..turns]);
        let mut pipeline = Driver::new(Settings::default());
        frames[..packets].iter().for_each(|frame| pipeline.push(&frame.packet()));
        let since = frames[packets - 1].ts;
        for seconds in (0..kept).step_by(60).chain([kept]) {
            pipeline.tick(Timestamp(since + seconds * SECOND));
            assert_eq!(pipeline.stages.flows.len(), 1, "{turns} after {seconds} s");
        }
        pipeline.tick(Timestamp(since + forgotten * SECOND));
        assert_eq!(pipeline.stages.flows.len(), 0, "{turns}");
        assert_eq!(pipeline.close(Timestamp(0), Timestamp(1)).capture.unanswered, unanswered);
    }
}
