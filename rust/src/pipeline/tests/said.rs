//! The path and the user agent of a request in the list of exchanges, unless they are redacted.

use super::*;

fn exchanges(frames: &[Frame], user_agents: bool, redacts: bool) -> Vec<(String, String)> {
    let mut settings = Settings::default();
    settings.aggregate.exchanges = aggregate::Listing::All;
    (settings.aggregate.user_agents, settings.aggregate.redacts) = (user_agents, redacts);
    let told = count_with(frames, settings);
    let json = String::from_utf8(told.to_json().unwrap()).unwrap();
    assert_eq!(Snapshot::from_json(json.as_bytes()).unwrap(), told);
    told.exchanges.iter().map(|exchange| (exchange.path.to_string(), exchange.user_agent.to_string())).collect()
}

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

fn asked(start: &str, fields: &str) -> Vec<Frame> {
    Forge::connection(Wire::default(), &[&format!("{start}\r\n{fields}\r\n"), OK])
}

#[test]
fn an_exchange_shows_the_path_of_a_target_of_any_form() {
    let table = [
        ("GET /a/b/c?X HTTP/1.1", "/a/b/c"),
        ("GET /a/b;X/c HTTP/1.1", "/a/b/c"),
        ("OPTIONS * HTTP/1.1", "*"),
        ("CONNECT h:443 HTTP/1.1", "*"),
        ("GET http://h/a/b HTTP/1.1", "/a/b"),
        ("GET /a/b", "/a/b"),
        ("GET /a b HTTP/1.1", "/a"),
        ("GET HTTP/1.1", "/"),
    ];
    for (line, want) in table {
        let told = exchanges(&asked(line, ""), false, false);
        let paths: Vec<_> = told.iter().map(|(path, _)| &**path).collect();
        assert_eq!(paths, [want], "{line}");
    }
}

#[test]
fn a_user_agent_is_shown_if_it_is_asked_for() {
    let table = [
        ("User-Agent: curl/8\r\n", "curl"),
        ("Host: h\r\nuser-agent:Mozilla/5.0 Firefox/122\r\nX: y\r\n", "Firefox"),
        ("Host: h\n User-Agent: curl\r\n", ""),
        ("X-User-Agent: curl\r\nUser-Agents: curl\r\n", ""),
        ("User-Agent:\r\n", ""),
        ("", ""),
    ];
    for (fields, want) in table {
        let frames = asked("GET /a HTTP/1.1", fields);
        assert_eq!(exchanges(&frames, true, false), [("/a".into(), want.into())], "{fields}");
        assert_eq!(exchanges(&frames, false, false), [("/a".into(), String::new())], "{fields}");
    }
}

#[test]
fn redacted_exchanges_show_neither_path_nor_user_agent() {
    let frames = asked("GET /a/b HTTP/1.1", "User-Agent: curl/8\r\n");
    assert_eq!(exchanges(&frames, true, true), [(String::new(), String::new())]);
}

#[test]
fn each_of_many_waiting_requests_keeps_its_path_and_user_agent() {
    let ask = |at| format!("GET /a/{at} HTTP/1.1\r\nUser-Agent: agent{at}/1\r\n\r\n");
    let asked = (0..9).map(ask).collect::<Vec<_>>().concat();
    let frames = Forge::connection(Wire { segment: 50, ..Wire::default() }, &[&asked, &OK.repeat(7)]);
    let mut told = exchanges(&frames, true, false);
    told.sort();
    let want: Vec<_> = (0..9).map(|at| (format!("/a/{at}"), format!("agent{at}"))).collect();
    assert_eq!(told, want);
}

#[test]
fn a_head_that_the_snapshot_length_cut_shows_its_whole_path_segments() {
    let mut frames = asked("GET /a/b/cccccccccccccccccccc HTTP/1.1", "");
    let end = frames[3].bytes.iter().rposition(|&byte| byte == b'c').unwrap();
    let mut settings = Settings::default();
    settings.aggregate.exchanges = aggregate::Listing::All;
    let mut pipeline = Driver::new(settings);
    for frame in &mut frames {
        let packet = frame.packet();
        pipeline.push(&Packet { data: &packet.data[..packet.data.len().min(end)], ..packet });
    }
    pipeline.finish();
    let told = pipeline.close(Timestamp(0), Timestamp(1));
    assert_eq!(told.exchanges.iter().map(|exchange| &*exchange.path).collect::<Vec<_>>(), ["/a/b/.."]);
}

#[test]
fn after_a_restart_nothing_of_waiting_requests_is_kept() {
    let mut settings = Settings::default();
    settings.aggregate.exchanges = aggregate::Listing::All;
    let mut pipeline = Driver::new(settings);
    let frames = asked("GET /old HTTP/1.1", "");
    frames[..4].iter().for_each(|frame| pipeline.push(&frame.packet()));
    pipeline.restart();
    let later = Wire { client_port: 40_001, start: frames[3].ts + 1, ..Wire::default() };
    let later = Forge::connection(later, &["GET /new HTTP/1.1\r\n\r\n", OK]);
    later.iter().for_each(|frame| pipeline.push(&frame.packet()));
    pipeline.finish();
    let told = pipeline.close(Timestamp(0), Timestamp(1));
    assert_eq!(told.exchanges.iter().map(|exchange| &*exchange.path).collect::<Vec<_>>(), ["/new"]);
}
