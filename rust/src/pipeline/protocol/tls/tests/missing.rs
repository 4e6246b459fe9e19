//! Secrets that are missing or wrong, and records that carry no data: what can be read is read, and the reason is told.

use super::*;

#[test]
fn a_direction_whose_secrets_are_known_is_read_without_those_of_the_other() {
    let heard = fetch("half", 40_000, KINDS[0].1, KINDS[0].1);
    let both = whole(&heard).said();
    let [asked, answered] = [Direction::Up, Direction::Down].map(|direction| both.text(direction));
    // Which secrets the key log lacks, and the directions that are read.
    let table: [(&[&str], [bool; 2]); 8] = [
        (&["EXPORTER_SECRET"], [true, true]),
        (&["CLIENT_TRAFFIC_SECRET_0"], [false, true]),
        (&["CLIENT_HANDSHAKE_TRAFFIC_SECRET"], [false, true]),
        (&["CLIENT_HANDSHAKE_TRAFFIC_SECRET", "CLIENT_TRAFFIC_SECRET_0"], [false, true]),
        (&["SERVER_TRAFFIC_SECRET_0"], [true, false]),
        (&["SERVER_HANDSHAKE_TRAFFIC_SECRET"], [true, false]),
        (&["CLIENT_TRAFFIC_SECRET_0", "SERVER_TRAFFIC_SECRET_0"], [false, false]),
        (&["CLIENT_HANDSHAKE_TRAFFIC_SECRET", "SERVER_HANDSHAKE_TRAFFIC_SECRET"], [false, false]),
    ];
    for (lacks, [reads_client, reads_server]) in table {
        let has = |line: &&String| !lacks.contains(&line.split(' ').next().unwrap());
        let half = Heard { keylog: heard.keylog.iter().filter(has).cloned().collect(), ..heard.clone() };
        for size in [usize::MAX, 1460, 7] {
            for keys_after in [None, Some(3), Some(usize::MAX)] {
                let (said, tls, crypt) = Reading { size, keys_after, ..whole(&half) }.read();
                let case = format!("without {lacks:?} by {size}, keys after {keys_after:?}");
                // A direction that is not read while the other one is ends with a hole.
                let unread: &[u8] = if reads_client || reads_server { b"?" } else { b"" };
                assert_eq!(said.text(Direction::Up), if reads_client { &asked } else { unread }, "{case}");
                assert_eq!(said.text(Direction::Down), if reads_server { &answered } else { unread }, "{case}");
                let told: &[Closed] = if reads_client && reads_server { &[] } else { &[Closed::NoKey] };
                assert_eq!(said.closed, told, "{case}");
                assert_eq!((tls.held(), crypt.waiting), (0, 0), "{case}");
            }
        }
    }
}

#[test]
fn a_direction_is_read_alone_if_more_waits_for_the_other_than_may() {
    let heard = fetch("overflow", 6_000_000, KINDS[0].1, KINDS[0].1);
    let asked = whole(&heard).said().text(Direction::Up);
    for (lacks, reads_client) in [("SERVER_", true), ("SERVER_TRAFFIC", true), ("CLIENT_", false)] {
        let keylog = heard.keylog.iter().filter(|line| !line.starts_with(lacks)).cloned().collect();
        let half = Heard { keylog, ..heard.clone() };
        let (said, tls, crypt) = Reading { size: 1460, ..whole(&half) }.read();
        assert_eq!(said.closed, [Closed::NoKey], "without {lacks}");
        let [up, down] = [Direction::Up, Direction::Down].map(|direction| said.text(direction));
        assert_eq!((up == asked, down.ends_with(&heard.body)), (reads_client, !reads_client), "without {lacks}");
        assert_eq!((tls.held(), crypt.waiting), (0, 0));
    }
}

#[test]
fn secrets_that_do_not_fit_are_told() {
    for (name, words) in [KINDS[0], KINDS[3]] {
        let heard = fetch(&format!("wrong-{}", name.replace(' ', "-")), 3000, words, words);
        let wrong = |line: &String| {
            let (start, secret) = line.rsplit_once(' ').unwrap();
            format!("{start} {}", secret.chars().map(|digit| if digit == '0' { '1' } else { '0' }).collect::<String>())
        };
        let heard = Heard { keylog: heard.keylog.iter().map(wrong).collect(), ..heard };
        for size in [usize::MAX, 7] {
            let said = Reading { size, ..whole(&heard) }.said();
            assert_eq!(said.closed, [Closed::Damaged], "{name} by {size}");
            assert!(said.plain.iter().flatten().all(Option::is_none), "{name} by {size}");
        }
    }
}

/// Reads records that a test has sealed, behind a handshake.
fn read_sealed(records: &[(Direction, Vec<u8>)]) -> Said {
    let [hello, answer, finished] = sealing::handshake();
    let begun = [(Direction::Up, hello), (Direction::Down, answer), (Direction::Up, finished)];
    let pieces = [&begun[..], records].concat();
    whole(&Heard { pieces, keylog: sealing::keylog(), body: Vec::new() }).said()
}

#[test]
fn records_of_other_kinds_are_passed() {
    const HEARTBEAT: u8 = 24;
    for kind in [sealing::ALERT, HEARTBEAT, 99] {
        let [mut client, mut server] = sealing::sealers();
        let said = read_sealed(&[
            (Direction::Up, client.seal(sealing::DATA, b"asked ")),
            (Direction::Up, client.seal(kind, b"\x01\x00")),
            (Direction::Down, server.seal(kind, b"\x01\x00")),
            (Direction::Up, [&[HEARTBEAT, 3, 3, 0, 3][..], b"abc"].concat()),
            (Direction::Down, server.seal(sealing::DATA, b"answered")),
            (Direction::Up, client.seal(sealing::DATA, b"again")),
        ]);
        assert_eq!(said.closed, [], "{kind}");
        assert_eq!((said.text(Direction::Up), said.text(Direction::Down)), (b"asked again".into(), b"answered".into()));
    }
}
