use super::*;
use crate::pipeline::decode::Endpoint;
use crate::pipeline::exchange::GrpcStatus;
use proptest::prelude::*;
use std::net::{IpAddr, SocketAddr};

fn end(text: &str) -> Endpoint {
    let end: SocketAddr = text.parse().unwrap();
    let address = match end.ip() {
        IpAddr::V4(v4) => v4.to_ipv6_mapped(),
        IpAddr::V6(v6) => v6,
    };
    Endpoint { address, port: end.port() }
}

/// A request for a page of a shop, when its head was seen.
fn head() -> Facts<'static> {
    Facts {
        host: Some(b"api.shop.example"),
        section: Some(b"/cart"),
        path: Some(b"/cart/items/7"),
        method: Some(b"POST"),
        protocol: Some(b"grpc"),
        interface: Some(b"eth0"),
        user_agent: Some(b"Samsung Internet"),
        client: Some(Party::End(end("10.0.0.7:50025"))),
        server: Some(Party::End(end("[2001:db8::1]:80"))),
        ..Facts::default()
    }
}

/// The same with its response.
fn answered() -> Facts<'static> {
    let outcome = Outcome {
        status: Some(503),
        latency: Some(250_000_000),
        duration: Some(1_000_000_000),
        request_bytes: 300,
        response_bytes: 2_000_000,
        grpc: GrpcStatus::from_name("UNAVAILABLE"),
        is_tls: true,
    };
    Facts { outcome: Some(outcome), ..head() }
}

fn unanswered() -> Facts<'static> {
    Facts { outcome: Some(Outcome { request_bytes: 300, ..Outcome::default() }), ..head() }
}

#[test]
fn a_filter_holds_for_the_exchanges_that_it_describes() {
    let table = [
        ("", true),
        ("  ", true),
        ("protocol:grpc", true),
        ("protocol:http2", false),
        ("protocol:!http1", true),
        ("protocol=GRPC", true),
        ("grpc:unavailable", true),
        ("grpc:UN*", true),
        ("grpc:un", true),
        ("grpc=ABORTED", false),
        ("grpc:14", true),
        ("grpc:4", false),
        ("grpc:failed", true),
        ("grpc:ok", false),
        ("grpc:!OK", true),
        ("grpc:none", false),
        ("tls:yes", true),
        ("tls:no", false),
        ("tls:!no", true),
        ("host:api.*", true),
        ("host:api", true),
        ("host:API", true),
        ("host:*.api", false),
        ("host:shop.*", false),
        ("host=api.shop.example", true),
        ("host=api.shop", false),
        ("host!=api.shop", true),
        ("host:!shop", false),
        ("section:/cart", true),
        ("section=/car", false),
        ("path:/cart/*/7", true),
        ("path:items", true),
        ("section:items", false),
        ("method:POST", true),
        ("method:!GET", true),
        ("!method:GET", true),
        ("!method:!GET", false),
        ("not method:!POST", true),
        ("status:5xx", true),
        ("status:503", true),
        ("status:50", true),
        ("status:5*", true),
        ("status:4xx", false),
        ("status:!5xx", false),
        ("status:none", false),
        ("status=503", true),
        ("status>=500", true),
        ("status<500", false),
        ("latency>200ms", true),
        ("latency > 200ms", true),
        ("latency<200ms", false),
        ("latency>=250ms", true),
        ("latency<=250ms", true),
        ("latency=0.25s", true),
        ("latency!=0.25s", false),
        ("duration>999ms", true),
        ("bytes>2MB", true),
        ("bytes>2MiB", false),
        ("request_bytes<301", true),
        ("response_bytes>=2000000", true),
        ("interface:eth0", true),
        ("interface:eth?", true),
        ("interface:eth", true),
        ("interface=eth", false),
        ("client:10.0.0.0/8", true),
        ("client:!10.0.0.0/8", false),
        ("client:192.168.0.0/16", false),
        ("client:10.0.0.7", true),
        ("client:10.0.0", true),
        ("client=10.0.0.7", true),
        ("client=10.0.0.7:50025", true),
        ("client=10.0.0", false),
        ("client:*:50025", true),
        ("server:2001:db8::/32", true),
        ("server:[2001:db8::1]:80", true),
        ("server=2001:db8::1", true),
        ("server:10.0.0.0/8", false),
        ("user_agent:\"samsung internet\"", true),
        ("user_agent:'Internet'", true),
        ("user_agent:curl", false),
        ("shop", true),
        ("zebra", false),
        ("!zebra", true),
        ("503", true),
        ("5xx", true),
        ("eth0", true),
        ("50025", true),
        ("api.*", true),
        ("\"api.*\"", false),
        ("10.0.0.7:50025", true),
        (
            "host:api.* section:/cart method:!GET status:5xx latency>200ms bytes>1MiB interface:eth0 client:10.0.0.0/8",
            true,
        ),
        (
            "host:api.* section:/cart method:!GET status:5xx latency>200ms bytes>1MiB interface:eth1 client:10.0.0.0/8",
            false,
        ),
    ];
    for (text, holds) in table {
        let filter = Filter::parse(text).unwrap_or_else(|mistake| panic!("{text}: {mistake}"));
        assert_eq!(filter.admits(&answered()), Some(holds), "{text}");
    }
}

#[test]
fn not_binds_before_and_and_and_before_or() {
    // t is true, f is false.
    let (t, f) = ("host:api", "host:zebra");
    let table = [
        (format!("{t} or {t} {f}"), true),
        (format!("({t} or {t}) {f}"), false),
        (format!("{f} {t} or {t}"), true),
        (format!("{t} or {f} and {f}"), true),
        (format!("{t} and {f} or {f}"), false),
        (format!("not {f} {f}"), false),
        (format!("not ({f} {t})"), true),
        (format!("not {t} or {t}"), true),
        (format!("not({t})"), false),
        (format!("!({t} or {f})"), false),
        (format!("!!{t}"), true),
        (format!("not not {t}"), true),
        (format!("{t} and not {f}"), true),
        (format!("{t} or not {f}"), true),
        (format!("{t} AND {t} Or {f}"), true),
        (format!("(({t})or({f}))and(not {f})"), true),
        (format!("( {t} ) ( {t} )"), true),
    ];
    for (text, holds) in table {
        let filter = Filter::parse(&text).unwrap_or_else(|mistake| panic!("{text}: {mistake}"));
        assert_eq!(filter.admits(&head()), Some(holds), "{text}");
    }
}

#[test]
fn a_filter_is_decided_at_the_head_if_the_head_is_enough() {
    let table = [
        ("host:api client:10.0.0.0/8 method:POST user_agent:samsung path:7", false, Some(true)),
        ("protocol:grpc", false, Some(true)),
        ("protocol:http1 or host:zebra", false, Some(false)),
        ("grpc:failed", true, None),
        ("tls:yes", true, None),
        ("protocol:http1 grpc:failed", true, Some(false)),
        ("status:5xx", true, None),
        ("host:zebra status:5xx", true, Some(false)),
        ("host:api status:5xx", true, None),
        ("host:api or status:5xx", true, Some(true)),
        ("host:zebra or latency>1s", true, None),
        ("not (host:api or status:5xx)", true, Some(false)),
        ("shop", false, Some(true)),
        ("zebra", false, Some(false)),
        ("503", true, None),
        ("xxx", false, Some(false)),
        ("no", true, None),
        ("none shop", true, None),
        ("z*", true, None),
    ];
    for (text, needs_response, at_head) in table {
        let filter = Filter::parse(text).unwrap();
        assert_eq!((filter.needs().response, filter.admits(&head())), (needs_response, at_head), "{text}");
        assert!(filter.admits(&answered()).is_some(), "{text}");
    }
}

#[test]
fn what_is_not_known_compares_as_false() {
    for text in ["latency>0s", "latency<1h", "duration<1h", "status>=0", "status<600", "status:5xx"] {
        assert_eq!(Filter::parse(text).unwrap().admits(&unanswered()), Some(false), "{text}");
    }
    for text in ["status:none", "none", "not latency<1h", "status:!5xx", "response_bytes=0"] {
        assert_eq!(Filter::parse(text).unwrap().admits(&unanswered()), Some(true), "{text}");
    }
    let named = Facts { client: Some(Party::Named("2001:db8:1:2::/64")), ..Facts::default() };
    assert_eq!(Filter::parse("client:2001:db8::/32").unwrap().admits(&named), Some(true));
    let other = Facts { client: Some(Party::Named("~other")), ..Facts::default() };
    assert_eq!(Filter::parse("client:0.0.0.0/0").unwrap().admits(&other), Some(false));
}

#[test]
fn a_mistake_says_what_is_wrong_and_where() {
    let table = [
        ("hots:shop", 0, "no field is called hots; did you mean host?"),
        ("shop latencu>3s", 5, "did you mean latency?"),
        ("zebra:shop", 0, "fields are host, section"),
        ("host:", 5, "host: needs a value"),
        ("host: section:/a", 5, "host: needs a value"),
        ("method:!", 8, "method:! needs a value"),
        ("latency>", 8, "latency> needs a value"),
        ("status>=", 8, "status>= needs a value"),
        ("latency>200", 8, "200 is not a duration"),
        ("latency>fast", 8, "fast is not a duration"),
        ("latency:200ms", 8, "compare it, as in latency>200ms"),
        ("bytes>1ms", 6, "1ms is not a number of bytes"),
        ("status:teapot", 7, "teapot is not a status"),
        ("status:5xxx", 7, "5xxx is not a status"),
        ("status>5xx", 7, "5xx is not a status"),
        ("host>3", 5, "host is a text"),
        ("grpc:TEAPOT", 5, "TEAPOT is not a status of gRPC"),
        ("grpc:17", 5, "17 is not a status of gRPC"),
        ("grpc>3", 5, "grpc is no number: write grpc:3"),
        ("tls:maybe", 4, "tls is yes or no, not maybe"),
        ("protocl:grpc", 0, "did you mean protocol?"),
        ("client:10.0.0.0/33", 7, "0 to 32 bits"),
        ("client:2001:db8::/129", 7, "0 to 128 bits"),
        ("(host:a", 0, "not closed"),
        ("host:a (host:b or (host:c)", 7, "not closed"),
        ("host:a)", 6, "no parenthesis is open"),
        ("()", 1, "a term is missing"),
        ("(", 1, "a term is missing"),
        ("host:(a", 5, "put in quotes"),
        ("or host:a", 0, "or needs a term before it"),
        ("host:a or", 7, "or needs a term behind it"),
        ("host:a or or host:b", 10, "or needs a term before it"),
        ("and host:a", 0, "and needs a term before it"),
        ("host:a and", 7, "and needs a term behind it"),
        ("host:a and or host:b", 7, "and needs a term behind it"),
        ("host:a not", 7, "not needs a term behind it"),
        ("!", 0, "! needs a term behind it"),
        ("! host:a", 0, "! needs a term behind it"),
        ("host:\"a b", 5, "the quote is not closed"),
        ("\"\"", 0, "a text is missing"),
        ("\u{e9}\u{e9} hots:b", 3, "no field is called hots"),
    ];
    for (text, position, message) in table {
        let mistake = Filter::parse(text).expect_err(text);
        assert_eq!(mistake.position, position, "{text}: {mistake}");
        assert!(mistake.message.contains(message), "{text}: {mistake}");
    }
    assert_eq!(Filter::parse("host:").unwrap_err().to_string(), "host: needs a value behind it (at character 6)");
}

#[test]
fn words_that_are_no_terms_of_a_field_are_texts() {
    for text in [
        "localhost:8080",
        "10.0.0.1:80",
        "::1",
        "fe80::1",
        "dead::beef",
        "and",
        "or",
        "not",
        "it's",
        "a(b)",
        "=",
        "\"and\"",
    ] {
        let filter = Filter::parse(text).unwrap_or_else(|mistake| panic!("{text}: {mistake}"));
        let wanted = text.trim_matches('"');
        assert_eq!(filter.admits(&Facts { host: Some(wanted.as_bytes()), ..answered() }), Some(true), "{text}");
    }
}

#[test]
fn an_unfinished_filter_matches_as_much_as_is_understood() {
    let table = [
        ("(host:", true),
        ("(host:api", true),
        ("(host:zebra", false),
        ("host:zebra or", false),
        ("host:zebra or ", false),
        ("host:api and not", true),
        ("host:api latency>2", true),
        ("host:zebra latency>2", false),
        ("host:api)", true),
        ("not", false),
        ("host:\"api", true),
        ("! host:zebra", false),
        ("!(host:api", false),
        ("status:teapot", false),
        ("status:!teapot", true),
        ("host>3", false),
        ("client:10.0.0.0/33", true),
    ];
    for (text, holds) in table {
        let (filter, mistake) = Filter::understand(text);
        assert!(mistake.is_some() || text == "not", "{text}");
        assert_eq!(filter.admits(&answered()), Some(holds), "{text}");
    }
}

#[test]
fn length_depth_and_number_of_terms_are_bounded() {
    let deep = "(".repeat(MAX_DEPTH + 1) + "a";
    let mistake = Filter::parse(&deep).unwrap_err();
    assert_eq!(mistake.position, MAX_DEPTH);
    assert!(Filter::parse(&("!".repeat(MAX_DEPTH - 1) + "a")).is_ok());
    assert!(Filter::parse(&("!".repeat(MAX_LENGTH - 1) + "a")).is_err());
    let many = "a ".repeat(MAX_TERMS + 1);
    assert_eq!(Filter::parse(&many).unwrap_err().position, 2 * MAX_TERMS);
    assert!(Filter::parse(&"a".repeat(MAX_LENGTH)).is_ok());
    assert!(Filter::parse(&"a".repeat(MAX_LENGTH + 1)).is_err());
}

/// The row of a section.
fn row() -> Facts<'static> {
    Facts { host: Some(b"api.example"), section: Some(b"/cart"), ..Facts::default() }
}

#[test]
fn a_row_decides_what_depends_on_its_names_and_what_waits_for_the_response() {
    let table = [
        ("host:api.*", Some(Some(true))),
        ("host:www.*", Some(Some(false))),
        ("path:/cart", Some(Some(true))),
        ("path:/cart/7", None),
        ("host:api.* method:GET", None),
        ("host:www.* method:GET", Some(Some(false))),
        ("host:api.* or method:GET", Some(Some(true))),
        ("status:5xx", Some(None)),
        ("status<500 latency>1s host:api", Some(None)),
        ("status<500 host:www", Some(Some(false))),
        ("status<500 client:10.0.0.0/8", None),
        ("example", Some(Some(true))),
        ("503", None),
    ];
    for (text, verdict) in table {
        let filter = Filter::parse(text).unwrap();
        assert_eq!(filter.decided_by(&row()).verdict_at_head(), verdict, "{text}");
    }
}

#[test]
fn each_of_the_most_terms_has_a_bit_of_its_own() {
    let terms: Vec<_> = (0..MAX_TERMS).map(|at| if at % 3 == 0 { "host:api" } else { "host:zebra" }).collect();
    let filter = Filter::parse(&terms.join(" or ")).unwrap();
    let decided = filter.decided_by(&row());
    assert!((0..MAX_TERMS).all(|at| decided.get(at) == Some(at % 3 == 0)));
    let filter = Filter::parse(&"method:GET ".repeat(MAX_TERMS)).unwrap();
    assert!((0..MAX_TERMS).all(|at| filter.decided_by(&row()).get(at).is_none()));
}

proptest! {
    #[test]
    fn any_text_is_parsed_within_bounds(text in "(\\PC|[ ()!:<>='\"]|and |or |not |host:|latency>|client:){0,120}") {
        let (filter, mistake) = Filter::understand(&text);
        prop_assert!(filter.terms().len() <= MAX_TERMS);
        prop_assert!(filter.admits(&answered()).is_some());
        if let Some(mistake) = mistake {
            prop_assert!(mistake.position <= text.chars().count());
            prop_assert!(!mistake.message.is_empty());
        }
    }

    #[test]
    fn what_a_row_decides_changes_no_answer(text in "((host|section|path|method|client|server|status|user_agent|interface):(!|)(api|zebra|cart|5xx|GET|10\\.0\\.0\\.0/8|\\*e\\*|none) |cart |503 |zebra |status>[4-6]00 |latency<(1s|1ms) |or |not |\\(|\\) ){0,12}") {
        let (filter, _) = Filter::understand(&text);
        let row = Facts { host: head().host, section: head().section, ..Facts::default() };
        let decided = filter.decided_by(&row);
        for facts in [head(), answered(), unanswered()] {
            prop_assert_eq!(filter.admits_rest(decided, &facts), filter.admits(&facts));
        }
        if let Some(verdict) = decided.verdict_at_head() {
            prop_assert_eq!(verdict, filter.admits(&head()));
        }
    }

    #[test]
    fn what_the_head_decides_the_response_does_not_change(text in "((host|section|method|client|status):(api|zebra|5xx|GET|10\\.0\\.0\\.0/8|none) |status>[4-6]00 |latency<(1s|1ms) |or |not |\\(|\\) ){0,12}") {
        let (filter, _) = Filter::understand(&text);
        let at_head = filter.admits(&head());
        for end in [answered(), unanswered()] {
            prop_assert!(at_head.is_none() || at_head == filter.admits(&end));
        }
        if !filter.needs().response {
            prop_assert!(at_head.is_some());
        }
    }
}
