//! A segment takes the same work, however many connections there are and whatever else happens.

use std::net::Ipv6Addr;

use super::*;
use crate::pipeline::decode::{Endpoint, SeqNumber};
use crate::pipeline::packet::InterfaceId;
use crate::pipeline::reassembly::Chunk;
use crate::pipeline::steps::tests::are_in_proportion;

/// A consumer that ignores everything.
struct Deaf;

impl Consumer for Deaf {
    type State = ();
    type Verdict = ();

    fn chunk(&mut self, _: &FlowInfo, (): &mut (), _: Direction, _: Chunk<'_>) -> u64 {
        0
    }
    fn finished(&mut self, _: &FlowInfo, (): &mut (), _: Direction, _: Timestamp) {}
    fn is_waiting(&self, (): &()) -> bool {
        false
    }
    fn observed(&mut self, _: &FlowInfo, (): &(), _: &Observed) {}
    fn ended(&mut self, _: &FlowInfo, (): ()) {}
}

/// A segment of the connection with this number.
fn segment(connection: usize, seq: u32, flags: Flags, payload: &[u8], ts: Timestamp) -> Segment<'_> {
    let end = |bits, port| Endpoint { address: Ipv6Addr::from_bits(bits), port };
    let key = FlowKey { low: end(connection as u128, 1000), high: end(1 << 100, 80), lane: 0 };
    Segment {
        key,
        tag: 0,
        direction: Direction::Up,
        seq: SeqNumber(seq),
        ack: SeqNumber(0),
        flags,
        window: 1000,
        ip_id: 0,
        payload,
        payload_wire_len: payload.len() as u32,
        ts,
        interface: InterfaceId(0),
    }
}

/// A segment to push: its connection, sequence number, flags and payload.
type Said = (usize, u32, Flags, &'static [u8]);

/// Pushes segments, `pace` nanoseconds apart; time passes with each.
fn push(flows: &mut Flows<()>, segments: impl Iterator<Item = Said>, pace: i64) {
    let mut now = Timestamp::new(1_700_000_000, 0);
    for (connection, seq, flags, payload) in segments {
        now = now.plus(pace);
        flows.tick(now, &mut Deaf);
        let segment = segment(connection, seq, flags, payload, now);
        let place = flows.find(&segment.key);
        flows.push(&segment, place, &mut Deaf);
    }
}

const MILLISECOND: i64 = SECOND / 1000;

fn flows(limits: Limits) -> Flows<()> {
    Flows::new(limits, Budget::default())
}

#[test]
fn a_look_up_takes_the_same_work_however_many_connections_there_are() {
    are_in_proportion("connections", 2000, 20, |size| {
        let said = (0..4).flat_map(|at| (0..size).map(move |each| (each, at, Flags::ACK, &b"x"[..])));
        push(&mut flows(Limits::default()), said, MILLISECOND);
    });
}

#[test]
fn evicting_takes_the_same_work_whatever_is_evicted() {
    type Kind = (&'static str, fn(usize) -> Vec<Said>);
    let few = Limits { flows: 64, half_open: 64, ..Limits::default() };
    let kinds: [Kind; 3] = [
        ("a flood of SYNs", |each| vec![(each, 0, Flags::SYN, b"")]),
        ("connections heard of once", |each| vec![(each, 0, Flags::ACK, b"x")]),
        ("connections that are busy", |each| {
            let before =
                (each.saturating_sub(60)..=each).map(|busy| (busy, (each - busy) as u32, Flags::ACK, &b"x"[..]));
            before.collect()
        }),
    ];
    for (what, kind) in kinds {
        are_in_proportion(what, 1000, 1500, |size| {
            push(&mut flows(few), (0..size).flat_map(kind), MILLISECOND);
        });
    }
}

#[test]
fn time_outs_take_work_in_proportion_to_the_connections() {
    for (what, flags, payload) in [("half-open", Flags::SYN, &b""[..]), ("open", Flags::ACK, b"x")] {
        // At these paces no connection has timed out, nearly all have, and all have.
        for pace in [1000, 3 * SECOND, 1000 * SECOND] {
            are_in_proportion(what, 5000, 20, |size| {
                let said = (0..size).map(|each| (each, 0, flags, payload));
                push(&mut flows(Limits::default()), said, pace);
            });
        }
    }
}

#[test]
fn a_hole_is_looked_at_a_bounded_number_of_times() {
    // It is looked at five times a second, for as long as nobody acknowledges what is behind it.
    are_in_proportion("holes", 1000, 200, |size| {
        let said = (0..size).flat_map(|each| [(each, 0, Flags::SYN, &b""[..]), (each, 100, Flags::ACK, b"x")]);
        push(&mut flows(Limits::default()), said, SECOND / 10);
    });
}

#[test]
fn connections_of_the_same_addresses_take_the_same_work_however_many_begin() {
    let lone = |at: u32| (0, at.wrapping_mul(0x9e37_79b1), Flags::SYN, &b""[..]);
    are_in_proportion("forged SYNs", 500, 100, |size| {
        let begun = [(0, 0, Flags::ACK, &b"x"[..])];
        push(&mut flows(Limits::default()), begun.into_iter().chain((1..size as u32).map(lone)), MILLISECOND);
    });
}
