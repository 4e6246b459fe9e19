use super::super::remarkable::{keep, remarkable};
use super::*;
use crate::pipeline::packet::SECOND;

/// An open connection that was opened at this second.
fn opened(second: i64) -> Connection {
    let side = |port| Endpoint { address: std::net::Ipv6Addr::LOCALHOST, port };
    let first_seen = Timestamp::new(second, 0);
    Connection {
        first_seen,
        client: side(1024 + second as u16),
        server: side(80),
        interface: "lo".into(),
        last_seen: first_seen.plus(SECOND),
        segments: 9,
        age: SECOND as u64,
        opened: Some(first_seen),
        state: Stage::Open,
        protocol: Some(Protocol::Http1),
        host: "h".into(),
        bytes_to_server: 100,
        bytes_to_client: 900,
        retransmitted: 0,
        requests: 1,
        rtt: Some(1_000_000),
        local: Local::Neither,
        process: None,
        client_process: None,
        kernel_rtt: None,
        kernel_cwnd: None,
        kernel_retransmits: None,
        tls: false,
        streams: 0,
        open_streams: 0,
        undecrypted: None,
        oldest_streams: Vec::new(),
    }
}

fn kept(connections: &[Connection], most: usize) -> Vec<usize> {
    remarkable(&connections.iter().collect::<Vec<_>>(), most)
}

#[test]
fn the_ill_the_slow_the_ended_the_newest_and_the_heaviest_have_a_place_each() {
    let mut many: Vec<_> = (0..100).map(opened).collect();
    many[10].retransmitted = 3;
    many[20].rtt = Some(900_000_000);
    many[30].state = Stage::Reset;
    many[40].state = Stage::Refused;
    many[50].bytes_to_client = 1 << 30;
    let chosen = kept(&many, 16);
    assert_eq!(chosen.len(), 16);
    for at in [10, 20, 30, 40, 50, 98, 99] {
        assert!(chosen.contains(&at), "{at} of {chosen:?}");
    }
}

#[test]
fn a_busy_host_leaves_places_for_the_ill_connections_of_a_quiet_one() {
    let mut many: Vec<_> = (0..100).map(opened).map(|one| Connection { retransmitted: 50, ..one }).collect();
    (many[3].host, many[3].retransmitted) = ("quiet".into(), 1);
    assert!(kept(&many, 8).contains(&3));
}

#[test]
fn the_sample_of_the_others_is_of_open_ones_and_stays_the_same() {
    // The connections differ only in age and state.
    let plain = |one| Connection { rtt: None, bytes_to_server: 0, bytes_to_client: 0, ..one };
    let mut many: Vec<_> = (0..100).map(opened).map(plain).collect();
    many.iter_mut().step_by(2).for_each(|one| one.state = Stage::Closed);
    let chosen =
        |many: &[Connection]| -> Vec<_> { kept(many, 24).into_iter().map(|at| many[at].client.port).collect() };
    let before = chosen(&many);
    let newest = 24 / 8;
    assert!(before[..24 - newest].iter().all(|port| (port - 1024) % 2 == 1), "{before:?}");
    // The choice stays the same when the connections have more segments and when closed ones are gone.
    many.iter_mut().for_each(|one| one.segments += 5);
    many.retain(|one| one.state == Stage::Open || one.client.port % 4 == 0 || one.client.port > 1024 + 90);
    assert_eq!(chosen(&many), before);
}

#[test]
fn of_two_sights_of_a_connection_the_later_one_stays() {
    let early = opened(1);
    let silent = Connection { age: 5 * SECOND as u64, ..early.clone() };
    let over =
        Connection { segments: 12, last_seen: early.last_seen.plus(SECOND), state: Stage::Closed, ..early.clone() };
    for (one, other, latest) in [(&early, &silent, &silent), (&silent, &over, &over), (&early, &early, &early)] {
        for order in [[one, other], [other, one]] {
            let mut merged = vec![order[0].clone()];
            merge_connections(&mut merged, &[order[1].clone(), opened(2)]);
            assert_eq!(merged, [latest.clone(), opened(2)]);
        }
    }
    // The same addresses and ports at another time or on another interface are another connection.
    let again = Connection { first_seen: Timestamp::new(9, 0), ..early.clone() };
    let elsewhere = Connection { interface: "wlan0".into(), ..early.clone() };
    let mut merged = vec![again.clone(), early.clone()];
    merge_connections(&mut merged, std::slice::from_ref(&elsewhere));
    assert_eq!(merged, [early, elsewhere, again]);
}

#[test]
fn a_list_stays_bounded_however_much_is_merged() {
    let mut all = Vec::new();
    for second in 0..500 {
        merge_connections(&mut all, &[opened(second)]);
        keep(&mut all, 20);
        assert!(all.len() <= 20);
    }
    assert!(all.contains(&opened(499)));
}
