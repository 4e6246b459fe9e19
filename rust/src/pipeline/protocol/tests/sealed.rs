//! HTTP/1 inside TLS with holes: a response is never given to the request of another one.

use proptest::prelude::*;

use super::super::tls::tests::sealing::{self, DATA, Sealer};
use super::*;

/// A segment, with what its sender had sent and received before.
#[derive(Clone, Debug)]
struct Sent {
    direction: Direction,
    seq: u32,
    ack: u32,
    bytes: Vec<u8>,
}

fn request(at: usize) -> Vec<u8> {
    format!("GET /{at} HTTP/1.1\r\nHost: a\r\n\r\n").into_bytes()
}

fn response(at: usize, size: usize) -> Vec<u8> {
    let head = format!("HTTP/1.1 {} OK\r\nContent-Length: {size}\r\n\r\n", 200 + at);
    [head.as_bytes(), &vec![b'x'; size]].concat()
}

/// One connection: its segments in the order in which they were sent.
#[derive(Debug, Default)]
struct Talk {
    sent: Vec<Sent>,
    reached: [u32; 2],
}

impl Talk {
    fn say(&mut self, direction: Direction, bytes: Vec<u8>) {
        let [seq, ack] = [direction, direction.reverse()].map(|side| self.reached[side as usize]);
        self.reached[direction as usize] += bytes.len() as u32;
        self.sent.push(Sent { direction, seq, ack, bytes });
    }

    /// Exchanges with statuses that tell their requests apart. `sizes` are the lengths of the bodies, and `pieces` the
    /// number of requests that are sent together.
    fn of(sizes: &[usize], together: usize) -> Self {
        let mut talk = Self::default();
        let [hello, answer, finished] = sealing::handshake();
        talk.say(Direction::Up, hello);
        talk.say(Direction::Down, answer);
        talk.say(Direction::Up, finished);
        let [mut client, mut server] = sealing::sealers();
        for group in (0..sizes.len()).collect::<Vec<_>>().chunks(together) {
            for at in group {
                talk.say(Direction::Up, client.seal(DATA, &request(*at)));
            }
            for &at in group {
                talk.answer(&mut server, &response(at, sizes[at]));
            }
        }
        talk
    }

    /// The same exchanges without TLS.
    fn plain(sizes: &[usize]) -> Self {
        let mut talk = Self::default();
        for (at, &size) in sizes.iter().enumerate() {
            talk.say(Direction::Up, request(at));
            response(at, size).chunks(400).for_each(|piece| talk.say(Direction::Down, piece.to_vec()));
        }
        talk
    }

    fn answer(&mut self, server: &mut Sealer, bytes: &[u8]) {
        for part in bytes.chunks(700) {
            let record = server.seal(DATA, part);
            for piece in record.chunks(400) {
                self.say(Direction::Down, piece.to_vec());
            }
        }
    }

    /// What the sink is told if these segments are lost. Those behind a hole come `late` segments later, while the other
    /// direction goes on.
    fn told(&self, lost: &[usize], late: usize) -> Vec<String> {
        let keys = Arc::new(Keys::default());
        sealing::keylog().iter().for_each(|line| assert_eq!(keys.add_line(line.as_bytes()), Added::Secret));
        let (flow, mut script, mut shared) = (flow(), Script::default(), Shared::with_keys(keys));
        let mut stage = Sessions { sink: &mut script, shared: &mut shared };
        let mut connection = Session::default();
        let (mut times, mut has_hole) = ([0; 2], [false; 2]);
        let mut order = Vec::new();
        for (at, sent) in self.sent.iter().enumerate() {
            let side = sent.direction as usize;
            if lost.contains(&at) {
                has_hole[side] = true;
                continue;
            }
            let delay = if std::mem::take(&mut has_hole[side]) { late } else { 0 };
            times[side] = times[side].max(at + delay);
            order.push((times[side], at));
        }
        order.sort_unstable();
        let mut next = [0; 2];
        for (time, at) in order {
            let Sent { direction, seq, ack, bytes } = &self.sent[at];
            let expected = std::mem::replace(&mut next[*direction as usize], seq + bytes.len() as u32);
            let (skipped, start) = (u64::from(seq - expected), *seq == 0);
            let (seq, ack) = (SeqNumber(*seq), Some(SeqNumber(*ack)));
            let chunk = Chunk { skipped, cut: false, bytes, seq, ack, start, ts: Timestamp(time as i64) };
            stage.chunk(&flow, &mut connection, *direction, chunk);
        }
        stage.ended(&flow, connection);
        assert_eq!((shared.held(), shared.opened), (0, 0), "all memory is given back");
        script.lines
    }

    /// Returns the number of responses that were paired, and fails if one of them is paired with a wrong request.
    fn paired(&self, lost: &[usize], late: usize) -> usize {
        let lines = self.told(lost, late);
        let targets: Vec<&str> =
            lines.iter().filter_map(|line| line.strip_prefix("GET /")?.split_once(' ').map(|(at, _)| at)).collect();
        let mut count = 0;
        for line in &lines {
            let Some((status, rest)) = line.split_once(" to ") else { continue };
            let ticket: usize = rest.split(' ').next().unwrap().parse().unwrap();
            if ticket > 0 {
                let asked: usize = targets[ticket - 1].parse().unwrap();
                assert_eq!(status.parse::<usize>().unwrap(), 200 + asked, "{lost:?} {late}: {lines:#?}");
                count += 1;
            }
        }
        count
    }
}

#[test]
fn what_a_hole_costs_is_the_same_with_and_without_tls() {
    let sealed = Talk::of(&[10; 5], 1);
    let plain = Talk::plain(&[10; 5]);
    assert_eq!(sealed.paired(&[], 0), 5);
    for lost in 0..plain.sent.len() {
        // The other direction goes on while this one waits behind its hole.
        for late in 0..8 {
            let [with, without] = [sealed.paired(&[lost + 3], late), plain.paired(&[lost], late)];
            assert_eq!(with, without, "{lost} is lost, {late} segments come before the next");
            assert!(lost % 2 == 0 || with == 4, "a response that is lost costs no other one");
        }
    }
}

proptest! {
    #[test]
    fn whatever_is_lost_no_response_meets_a_wrong_request(
        sizes in prop::collection::vec(prop_oneof![Just(0usize), 1usize..100, 500usize..3000], 2..14),
        lost in prop::collection::vec(any::<prop::sample::Index>(), 1..6),
        late in 0usize..20,
        is_sealed in any::<bool>(),
    ) {
        let talk = if is_sealed { Talk::of(&sizes, 1) } else { Talk::plain(&sizes) };
        // The handshake is not lost.
        let first = if is_sealed { 3 } else { 0 };
        let lost: Vec<usize> = lost.iter().map(|at| first + at.index(talk.sent.len() - first)).collect();
        talk.paired(&lost, late);
    }
}
