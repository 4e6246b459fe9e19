//! Loss and damage: whatever is cut or lost, nothing is invented, and no host, section or status is wrong.

use super::*;

/// Marsaglia's xorshift: the same sequence everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}

/// A conversation with all that there is: several streams at a time, bodies of several frames, trailers, gRPC, resets.
fn busy_talk(random: &mut Random) -> Talk {
    let mut talk = Talk::begun();
    for round in 0..12 {
        let first = 8 * round + 1;
        for at in 0..4 {
            let (stream, path) = (first + 2 * at, format!("/s{}/{}", at, random.below(3)));
            match random.below(4) {
                0 => {
                    talk.post(stream, &path, &[("content-type", "application/grpc")]);
                    talk.up(data(stream, b"\0\0\0\0\x02hi", true));
                }
                1 => {
                    talk.post(stream, &path, &[("user-agent", "peer/1")]);
                    talk.up(data(stream, &vec![b'u'; random.below(3000)], true));
                }
                _ => talk.get(stream, &path),
            }
        }
        for at in [2, 0, 3, 1] {
            let (stream, status) = (first + 2 * at, ["200", "201", "404", "503"][random.below(4)]);
            match random.below(5) {
                0 => talk.answer(stream, status, b""),
                1 => talk.up(reset(stream, 8)),
                2 => {
                    let head = talk.headers(Direction::Down, stream, false, &[(":status", status)]);
                    talk.down(head);
                    talk.down(data(stream, &vec![b'd'; random.below(20_000)], false));
                    let trailers = talk.headers(Direction::Down, stream, true, &[("grpc-status", "13")]);
                    talk.down(trailers);
                }
                _ => talk.answer(stream, status, &vec![b'b'; random.below(5000)]),
            }
        }
    }
    talk
}

/// Cuts parts into pieces, at most `most` bytes each. Time stands still, so that the pieces of a part have one time.
fn cut(parts: &[Part], random: &mut Random, most: usize) -> Vec<Part> {
    let mut pieces = Vec::new();
    for part in parts {
        let mut rest = &part.bytes[..];
        while !rest.is_empty() {
            let (piece, behind) = rest.split_at(rest.len().min(1 + random.below(most)));
            pieces.push(Part { bytes: piece.to_vec(), ts: 0, ..part.clone() });
            rest = behind;
        }
    }
    pieces
}

/// Messages are told as they pass; their sum is that of the exchange.
fn without_messages(lines: &[String]) -> Vec<&String> {
    lines.iter().filter(|line| !line.contains("messages of")).collect()
}

#[test]
fn frames_are_read_alike_in_any_pieces() {
    for seed in 1..20 {
        let mut random = Random(seed);
        let mut whole = parts(&busy_talk(&mut random).said);
        whole.iter_mut().for_each(|part| part.ts = 0);
        let want = run(&whole, true);
        for most in [1, 7, 100, 3000] {
            let got = run(&cut(&whole, &mut random, most), true);
            assert_eq!(without_messages(&got.lines), without_messages(&want.lines), "seed {seed}, pieces of {most}");
            assert_eq!(got.exchanges, want.exchanges);
        }
    }
}

/// Fails if an exchange says anything else than the one with the same stream that `whole` has.
fn is_part_of(got: &Script, whole: &Script, what: &str) {
    assert!(got.requests.len() <= whole.requests.len(), "{what}");
    for (ticket, exchange) in &got.exchanges {
        let same = whole.exchanges.iter().find(|(_, known)| known.stream == exchange.stream);
        let Some((known_ticket, known)) = same else { panic!("{what}: invented {exchange:?}") };
        let [method, host, target] = &got.requests[ticket - 1];
        let [known_method, known_host, known_target] = &whole.requests[known_ticket - 1];
        assert!(method == known_method || method == "OTHER", "{what}: {method} for {known_method}");
        assert!(host == known_host || host == "~unknown", "{what}: {host} for {known_host}");
        assert!(target == known_target || target == "?", "{what}: {target} for {known_target}");
        assert!(exchange.status.is_none() || exchange.status == known.status, "{what}: {exchange:?} for {known:?}");
        assert!(exchange.grpc_status.is_none() || exchange.grpc_status == known.grpc_status, "{what}");
        assert!(exchange.request_messages <= known.request_messages, "{what}");
        assert!(exchange.response_messages <= known.response_messages, "{what}");
    }
}

#[test]
fn without_any_one_segment_nothing_is_invented() {
    let mut found = 0;
    for seed in 1..6 {
        let mut random = Random(seed);
        let whole = parts(&busy_talk(&mut random).said);
        let want = run(&whole, true);
        let mut pieces = cut(&whole, &mut random, 1460);
        for at in 0..pieces.len() {
            pieces[at].is_lost = true;
            let got = run(&pieces, true);
            is_part_of(&got, &want, &format!("seed {seed} without {at}"));
            found += got.exchanges.len();
            pieces[at].is_lost = false;
        }
        let most = want.exchanges.len() * pieces.len();
        assert!(found * 10 >= most * 8, "{found} of {most} exchanges are found");
        found = 0;
    }
}

#[test]
fn with_many_holes_nothing_is_invented() {
    for seed in 1..200 {
        let mut random = Random(seed);
        let whole = parts(&busy_talk(&mut random).said);
        let want = run(&whole, true);
        let mut pieces = cut(&whole, &mut random, 1460);
        for piece in &mut pieces {
            piece.is_lost = random.below(20) == 0;
        }
        is_part_of(&run(&pieces, true), &want, &format!("seed {seed}"));
        let from = random.below(pieces.len());
        is_part_of(&run(&pieces[from..], false), &want, &format!("seed {seed}, joined at {from}"));
    }
}

#[test]
fn any_damage_is_survived() {
    for seed in 1..300 {
        let mut random = Random(seed);
        let talk = busy_talk(&mut random);
        let mut pieces = cut(&parts(&talk.said), &mut random, 1460);
        for _ in 0..=random.below(30) {
            let at = random.below(pieces.len());
            let bytes = &mut pieces[at].bytes;
            let place = random.below(bytes.len());
            bytes[place] ^= 1 << random.below(8);
        }
        run(&pieces, true);
    }
}

#[test]
fn a_hole_inside_a_body_costs_only_its_bytes() {
    let mut talk = Talk::begun();
    talk.get(1, "/1");
    let head = talk.headers(Direction::Down, 1, false, &[(":status", "200")]);
    talk.down([head, data(1, &[b'x'; 5000], true)].concat());
    talk.get(3, "/3");
    talk.answer(3, "404", b"");
    let want = run(&parts(&talk.said), true);
    let mut pieces: Vec<Part> = Vec::new();
    for part in parts(&talk.said) {
        pieces.extend(part.bytes.chunks(1000).map(|bytes| Part { bytes: bytes.to_vec(), ..part.clone() }));
    }
    let at = pieces.iter().position(|piece| piece.bytes == [b'x'; 1000]).unwrap();
    pieces[at].is_lost = true;
    let got = run(&pieces, true);
    assert_eq!(got.lines, want.lines);
}

#[test]
fn behind_a_hole_frames_are_found_and_unknown_names_are_not_guessed() {
    let mut talk = Talk::begun();
    (0..10).for_each(|at| talk.get(2 * at + 1, "/a"));
    (0..10).for_each(|at| talk.answer(2 * at + 1, "204", b""));
    let mut parts = parts(&talk.said);
    parts[3].is_lost = true;
    let script = run(&parts, true);
    assert!(script.lines.contains(&"Resync".to_owned()), "{:?}", script.lines);
    // The first request had the only copy of the host and the path.
    assert_eq!(script.requests.len(), 9);
    assert!(script.requests.iter().all(|request| *request == ["GET", "~unknown", "?"].map(String::from)));
    let orphans = script.lines.iter().filter(|line| *line == "Orphan").count();
    assert_eq!((orphans, script.exchanges.iter().filter(|(_, e)| e.status == Some(204)).count()), (1, 9));
}

/// A conversation of `count` requests, of which one segment is lost. Each says `before` first, and has this content.
fn lost_once(count: u32, before: &[u8], content: usize, of_frame: usize, segment: usize) -> Script {
    let mut talk = Talk::begun();
    for at in 0..count {
        let stream = 2 * at + 1;
        let fields = [(":method", "POST"), (":scheme", "http"), (":authority", "a.example"), (":path", "/a")];
        let mut bytes = [before, &talk.headers(Direction::Up, stream, content == 0, &fields)].concat();
        for (at, part) in vec![b'x'; content].chunks(of_frame).enumerate() {
            bytes.extend(data(stream, part, (at + 1) * of_frame >= content));
        }
        bytes.chunks(segment).for_each(|segment| talk.up(segment.to_vec()));
        talk.answer(stream, "200", b"body");
    }
    let mut parts = parts(&talk.said);
    let lost = parts.iter().enumerate().filter(|(_, part)| part.direction == Direction::Up).nth(5).map(|(at, _)| at);
    parts[lost.unwrap()].is_lost = true;
    run(&parts, true)
}

#[test]
fn frames_are_found_again_behind_a_hole_whatever_they_are() {
    let update = peer::frame(0x10, 0, 0, b"\0\0\0\x01u=1");
    let table: [(&str, &[u8], usize, usize, usize); 5] = [
        ("requests alone", b"", 0, 1, 1448),
        ("behind an extension frame", &update, 0, 1, 1448),
        ("usual frames", b"", 40_000, 16_384, 1448),
        ("long frames", b"", 140_000, 131_060, 1448),
        ("long frames in large segments", b"", 140_000, 131_060, 64_000),
    ];
    for (name, before, content, of_frame, segment) in table {
        let script = lost_once(20, before, content, of_frame, segment);
        assert!(script.requests.len() >= 18, "{name}: {} of 20", script.requests.len());
        assert_eq!(
            script.exchanges.iter().filter(|(_, one)| one.status.is_some_and(|status| status != 200)).count(),
            0
        );
    }
}

#[test]
fn a_hole_of_many_requests_is_left_behind() {
    for (missing, answers_are_lost) in [(3_000, false), (3_000, true), (100_000, false), (100_000, true)] {
        let mut talk = Talk::begun();
        for at in 0..missing + 10 {
            talk.get(2 * at + 1, "/a");
            talk.answer(2 * at + 1, "200", b"");
        }
        let mut parts = parts(&talk.said);
        let is_within = |at: usize| (3 + 4..3 + 2 * missing as usize).contains(&at);
        parts.iter_mut().enumerate().for_each(|(at, part)| {
            part.is_lost = is_within(at) && (answers_are_lost || part.direction == Direction::Up);
        });
        let script = run(&parts, true);
        let told = script.requests.len();
        assert!((11..=12).contains(&told), "{missing} lost: {told}");
    }
}

#[test]
fn the_first_request_counts_if_a_part_of_its_block_is_lost() {
    let mut talk = Talk::begun();
    let fields = [(":method", "GET"), (":scheme", "http"), (":authority", "a.example"), (":path", "/a")];
    let bytes = talk.headers(Direction::Up, 1, true, &fields);
    let (start, end) = bytes.split_at(bytes.len() - 3);
    talk.up(start.to_vec());
    talk.up(end.to_vec());
    talk.get(3, "/b");
    talk.answer(1, "200", b"");
    let mut parts = parts(&talk.said);
    parts[4].is_lost = true;
    let script = run(&parts, true);
    assert_eq!(
        script.requests,
        [["OTHER", "~unknown", "?"], ["GET", "~unknown", "/b"]].map(|one| one.map(String::from))
    );
    assert_eq!(script.exchanges[0].1.status, Some(200), "{:?}", script.lines);
}

#[test]
fn a_response_whose_status_was_inserted_in_a_hole_is_told_as_unknown() {
    let mut talk = Talk::begun();
    for at in 0..4 {
        talk.get(2 * at + 1, "/a");
        // A status that is not in the static table is inserted once, and referred to from then on.
        talk.answer(2 * at + 1, "418", b"body");
    }
    let mut parts = parts(&talk.said);
    parts[4].is_lost = true;
    let script = run(&parts, true);
    let told = |what: &str| script.lines.iter().filter(|line| line.starts_with(what)).count();
    assert_eq!((script.requests.len(), told("418 to"), told("UnknownStatus"), told("Unanswered")), (4, 0, 3, 1));
    let timed = script.exchanges.iter().filter(|(_, exchange)| exchange.latency.is_some()).count();
    assert_eq!(timed, 3, "{:?}", script.lines);
}
