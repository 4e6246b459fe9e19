//! Plants a secret in every part of a request and of its response, well formed or not, and looks for it in the output.

use super::*;

const SECRET: &str = "s3cr3t";

/// Start lines. The secret is in a part of the target that is neither shown as a name nor as a path.
const LINES: [&str; 41] = [
    "GET /a?{} HTTP/1.1",
    "GET /a#{} HTTP/1.1",
    "GET /a;{} HTTP/1.1",
    "GET /login;jsessionid={} HTTP/1.1",
    "GET /a;j={}/b HTTP/1.1",
    "GET /a%3b{} HTTP/1.1",
    "GET /a%3F{} HTTP/1.1",
    "GET /a/b;{} HTTP/1.1",
    "GET /a/b;{}/c HTTP/1.1",
    "GET /a/b%3b{}/c HTTP/1.1",
    "GET /a/b%253f{} HTTP/1.1",
    "GET /a/b%2523{}/c HTTP/1.1",
    "GET /r/u:{}@h HTTP/1.1",
    "GET /r/u:{}/x@h HTTP/1.1",
    "GET /r/u%3a{}%40h/p HTTP/1.1",
    "GET /r/http://u:{}@h/p HTTP/1.1",
    "GET /?{} HTTP/1.1",
    "GET ?{} HTTP/1.1",
    "GET u:{}@h/p HTTP/1.1",
    "GET //u:{}@h/p HTTP/1.1",
    "GET http://u:{}@h/p HTTP/1.1",
    "GET http://u:{}/x@h/p HTTP/1.1",
    "GET http://u:{}?x@h/p HTTP/1.1",
    "GET http://h/a?{} HTTP/1.1",
    "GET http://h?{} HTTP/1.1",
    "CONNECT u:{}@h:443 HTTP/1.1",
    "POST /a?{} HTTP/1.0",
    "OPTIONS *?{} HTTP/1.1",
    "get /a?{} http/1.1",
    "GET /a?{}",
    "GET /a?{} HTTP/1.1 x",
    "GET\t/a?{}\tHTTP/1.1",
    "GET /a? {} HTTP/1.1",
    "GET /a {} HTTP/1.1",
    "{} /a HTTP/1.1",
    "GET /a HTTP/1.1 {}",
    "GET /a HTTP/1.{}",
    "GET http:///{}@h/a HTTP/1.1",
    "GET https:/u:{}@h/a HTTP/1.1",
    "GET /a HTTP/1.1",
    "PRI * HTTP/2.0 {}",
];

/// Start lines with the secret in a whole path. Names of sections at a depth of one do not show it.
const DEEP_LINES: [&str; 2] = ["GET /a/{} HTTP/1.1", "GET /a/{}/b HTTP/1.1"];

/// Field lines of a request head.
const FIELDS: [&str; 27] = [
    "Host: h",
    "Host: h?{}",
    "Host: h/{}",
    "Host: u:{}@h",
    "Host: u:{}/x@h",
    "Host: u:x?{}@h",
    "Host: h;{}",
    "Host: h&{}",
    "Host : u:{}@h",
    "Host: http://u:{}@h/{}",
    "Host: h\r\n {}",
    "Cookie: {}",
    "Authorization: Basic {}",
    "Upgrade: {}",
    "Content-Length: {}",
    "Content-Length: 8, {}",
    "Transfer-Encoding: {}",
    "Transfer-Encoding: chunked",
    "Expect: {}",
    "User-Agent: curl/{}",
    "User-Agent: curl {}",
    "User-Agent: u:{}@h",
    "User-Agent : Mozilla/5.0 ({}) Firefox/{}",
    "User-Agent: Mozilla/5.0 (compatible; x/{})",
    "{}: x",
    "{}",
    " {}",
];

const BODIES: [&str; 6] =
    ["", "{}", "8;{}\r\nabcdefgh\r\n0\r\n{}: {}\r\n\r\n", "{}\r\n\r\n", "GET /b?{} HTTP/1.1\r\n\r\n", "\0{}"];

const RESPONSES: [&str; 7] = [
    "HTTP/1.1 200 {}\r\nSet-Cookie: {}\r\nContent-Length: 6\r\n\r\n{}",
    "HTTP/1.1 101 x\r\nUpgrade: {}\r\n\r\n{}",
    "HTTP/1.1 302 x\r\nLocation: http://u:{}@h/{}\r\nContent-Length: 0\r\n\r\n",
    "{}",
    "HTTP/1.1 2{} x\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6;{}\r\n{}\r\n0\r\n\r\n",
    "ICY 200 {}\r\n\r\n",
];

/// Fields whose secret is a word of its own, which is shown as the name of the user agent unless it is redacted.
const AGENTS: [&str; 2] = ["User-Agent: {}", "User-Agent: Mozilla/5.0 (compatible; {})"];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_output_has_a_secret_wherever_it_is_planted(
        line in prop::sample::select([&LINES[..], &DEEP_LINES].concat()),
        fields in prop::collection::vec(prop::sample::select([&FIELDS[..], &AGENTS].concat()), 0..4),
        body in prop::sample::select(BODIES.to_vec()),
        response in prop::sample::select(RESPONSES.to_vec()),
        end in prop::sample::select(vec!["\r\n", "\n"]),
        // There is no `@`, since a host follows one.
        around in ("[a-z0-9:._~!$&'()*+,;=-]{0,3}", "[a-z0-9:._~!$&'()*+,;=-]{0,3}"),
        lost in prop::option::of(any::<prop::sample::Index>()),
        cut in prop::option::of(54usize..200),
        segment in prop_oneof![Just(1460usize), 1usize..60],
    ) {
        let redacts = DEEP_LINES.contains(&line) || fields.iter().any(|field| AGENTS.contains(field));
        let secret = format!("{}{SECRET}{}", around.0, around.1);
        let fields: String = fields.iter().flat_map(|field| [*field, end]).collect();
        let request = format!("{line}{end}{fields}{end}{body}").replace("{}", &secret);
        let mut frames = Forge::connection(Wire { segment, ..Wire::default() }, &[&request, &response.replace("{}", &secret)]);
        if let Some(lost) = lost {
            frames.remove(lost.index(frames.len()));
        }
        let mut settings = Settings::default();
        settings.aggregate.exchanges = aggregate::Listing::All;
        (settings.aggregate.user_agents, settings.aggregate.redacts) = (true, redacts);
        let mut pipeline = Driver::new(settings);
        for frame in &frames {
            let packet = frame.packet();
            let kept = packet.data.len().min(cut.unwrap_or(usize::MAX));
            pipeline.push(&Packet { data: &packet.data[..kept], ..packet });
        }
        pipeline.finish();
        let json = pipeline.close(Timestamp(0), Timestamp(1)).to_json().unwrap();
        let json = String::from_utf8(json).unwrap();
        prop_assert!(!json.contains(SECRET), "{:?} then {:?}: {}", request, response, json);
    }
}
