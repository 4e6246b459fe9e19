//! Selects rows by a filter that a user types (see [`crate::pipeline::filter`]), as much of it as is understood.
//!
//! A host has many sections, methods, statuses and protocols: one that matches is enough for a term. The rows of hosts and sections
//! have neither clients nor interfaces nor times of single exchanges. For terms about these, exchanges are searched once,
//! when the filter is parsed.

use std::collections::HashSet;
use std::sync::Arc;

use super::clients::Client;
use super::counts::Counts;
use super::exchanges::NamedExchange;
use super::hosts::{Host, Section};
use super::tables::RowName;
use crate::pipeline::filter::{Facts, Field, Filter, Mistake, Party, Term, Text};

/// A parsed filter, ready to be compared with rows.
#[derive(Clone, Debug, Default)]
pub struct Matching {
    /// A part of the name of a row: of a host, the host name; of a section, the name of its host, or its path in a table
    /// of one host's sections. True if names must not have it.
    name: Option<(Text, bool)>,
    filter: Filter,
    mistake: Option<Mistake>,
    /// For each term, the rows of the exchanges that match it, if only exchanges have its field.
    seen: Vec<Seen>,
}

/// Rows of exchanges.
#[derive(Clone, Debug, Default)]
struct Seen {
    rows: HashSet<RowName>,
    hosts: HashSet<Arc<str>>,
}

/// True if a row of a host or section has the field, so that no exchange must be searched for it.
fn is_of_rows(term: &Term) -> bool {
    use Field::{Grpc, Host, Method, Protocol, Section, Status};
    matches!(term.field(), None | Some(Host | Section | Method | Status | Protocol | Grpc))
}

impl Matching {
    /// Matches rows whose name contains `pattern` in any case, or does not contain it if `!` precedes it.
    pub fn named(pattern: &str) -> Self {
        let (is_negated, text) = pattern.strip_prefix('!').map_or((false, pattern), |text| (true, text));
        let name = (!text.is_empty()).then(|| (Text::literal(text), is_negated));
        Self { name, ..Self::default() }
    }

    /// Matches rows that the filter admits, as much of it as is understood. `exchanges` are searched for terms about
    /// what only exchanges have.
    pub fn new(pattern: &str, exchanges: &[&NamedExchange]) -> Self {
        let (filter, mistake) = Filter::understand(pattern);
        let seen = filter.terms().iter().map(|term| Seen::of(term, exchanges)).collect();
        Self { name: None, filter, mistake, seen }
    }

    /// What is wrong with the filter, if something is. What could not be understood excludes nothing.
    pub fn mistake(&self) -> Option<&Mistake> {
        self.mistake.as_ref()
    }

    fn all(&self, name: &[u8], mut holds: impl FnMut(&Term, &Seen) -> bool) -> bool {
        self.name.as_ref().is_none_or(|(text, is_negated)| text.is_in(name) != *is_negated)
            && self.filter.decide(|at, term| Some(holds(term, &self.seen[at]))) == Some(true)
    }

    /// True if the filter matches the host.
    pub fn admits_host(&self, host: &Host) -> bool {
        self.all(host.name.as_bytes(), |term, seen| is_in_host(term, host) || seen.hosts.contains(&host.name))
    }

    /// True if the filter matches the section. In a table of one host's sections (`is_within`), a term without a field
    /// does not look at the host's name.
    pub fn admits_section(&self, host: &Host, section: &Section, is_within: bool) -> bool {
        let name = if is_within { &section.path } else { &host.name };
        self.all(name.as_bytes(), |term, seen| {
            is_in_section(term, host, section, is_within)
                || !seen.rows.is_empty() && seen.rows.contains(&(host.name.clone(), section.path.clone()))
        })
    }

    /// True if the filter matches the client by its address, methods and statuses. Its row has no other field.
    pub fn admits_client(&self, client: &Client) -> bool {
        self.all(client.address.as_bytes(), |term, _| {
            is_about(term, Field::Client) && term.is_party(Party::Named(&client.address))
                || is_in_counts(term, &client.counts)
        })
    }

    /// True if the filter matches the exchange; `is_within` as in [`Self::admits_section`].
    pub fn admits_exchange(&self, exchange: &NamedExchange, is_within: bool) -> bool {
        let facts = Facts { is_within, ..facts_of(exchange) };
        self.filter.admits(&facts) == Some(true)
    }

    /// True if the filter matches a row with these fields, each a name and a text. Only terms without a field look at
    /// a field whose name is empty.
    pub fn admits_fields(&self, fields: &[(&str, &str)]) -> bool {
        self.all(b"", |term, _| fields.iter().any(|(name, text)| is_in_field(term, name, text)))
    }
}

impl Seen {
    fn of(term: &Term, exchanges: &[&NamedExchange]) -> Self {
        if is_of_rows(term) {
            return Self::default();
        }
        let meant = exchanges.iter().filter(|exchange| term.holds(&mut &facts_of(exchange)) == Some(true));
        let rows: HashSet<RowName> = meant.map(|each| (each.host.clone(), each.section.clone())).collect();
        Self { hosts: rows.iter().map(|(host, _)| host.clone()).collect(), rows }
    }
}

/// What an exchange of a snapshot tells.
pub fn facts_of(exchange: &NamedExchange) -> Facts<'_> {
    let measured = &exchange.measured;
    let owner = exchange.process.as_ref().map(|process| &process.owner);
    Facts {
        host: Some(exchange.host.as_bytes()),
        section: Some(exchange.section.as_bytes()),
        path: Some(exchange.path.as_bytes()),
        method: Some(measured.method.name().as_bytes()),
        protocol: Some(measured.protocol.name().as_bytes()),
        interface: Some(exchange.interface.as_bytes()),
        user_agent: Some(exchange.user_agent.as_bytes()),
        process: Some(owner.map_or("", |owner| &owner.name).as_bytes()),
        client_process: exchange.client_process.as_ref().map(|process| process.owner.name.as_bytes()),
        container: Some(owner.map_or("", |owner| &owner.container).as_bytes()),
        pod: Some(owner.map_or("", |owner| &owner.pod).as_bytes()),
        namespace: Some(owner.map_or("", |owner| &owner.namespace).as_bytes()),
        client: Some(Party::End(measured.client)),
        server: Some(Party::End(measured.server)),
        outcome: Some(measured.outcome()),
        is_within: false,
    }
}

fn is_about(term: &Term, field: Field) -> bool {
    term.field().is_none_or(|about| about == field)
}

fn is_in_counts(term: &Term, counts: &Counts) -> bool {
    match term.field() {
        Some(Field::Protocol) => {
            return counts.protocols().iter().any(|(protocol, _)| term.is_text(protocol.name().as_bytes()));
        }
        Some(Field::Grpc) => {
            let streams = counts.streams.get();
            return streams.grpc_statuses.iter().any(|(status, _)| term.is_grpc(Some(status)));
        }
        _ => {}
    }
    is_about(term, Field::Method) && counts.methods.iter().any(|(method, _)| term.is_text(method.name().as_bytes()))
        || is_about(term, Field::Status) && counts.statuses.iter().any(|(status, _)| term.is_status(Some(status)))
}

fn is_in_path(term: &Term, section: &Section) -> bool {
    matches!(term.field(), None | Some(Field::Section | Field::Path)) && term.is_text(section.path.as_bytes())
}

fn is_in_host(term: &Term, host: &Host) -> bool {
    is_about(term, Field::Host) && term.is_text(host.name.as_bytes())
        || is_in_counts(term, &host.counts)
        || host.sections.iter().any(|section| is_in_path(term, section))
}

fn is_in_section(term: &Term, host: &Host, section: &Section, is_within: bool) -> bool {
    let looks_at_host = term.field() == Some(Field::Host) || term.field().is_none() && !is_within;
    looks_at_host && term.is_text(host.name.as_bytes())
        || is_in_path(term, section)
        || is_in_counts(term, &section.counts)
}

fn is_in_field(term: &Term, name: &str, text: &str) -> bool {
    let is_meant =
        term.field().is_none_or(|field| field.name() == name || field == Field::Process && name == "client_process");
    let is_address = matches!(term.field(), Some(Field::Client | Field::Server));
    is_meant && if is_address { term.is_party(Party::Named(text)) } else { term.is_text(text.as_bytes()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::exchange::{GrpcStatus, Method, Protocol};

    #[test]
    fn a_row_matches_by_its_protocols_and_statuses_of_grpc() {
        let mut counts = Counts { requests: 3, ..Counts::default() };
        counts.streams.add().protocols.add(Protocol::Grpc, 2);
        counts.streams.add().grpc_statuses.add(GrpcStatus::from_name("ABORTED").unwrap(), 1);
        let host = Host { name: "a".into(), counts, ..Host::default() };
        for (text, admitted) in [
            ("protocol:grpc", true),
            ("protocol:http1", true),
            ("protocol:http2", false),
            ("grpc:failed", true),
            ("grpc:aborted", true),
            ("grpc:ok", false),
            ("grpc", false),
        ] {
            assert_eq!(Matching::new(text, &[]).admits_host(&host), admitted, "{text}");
        }
        assert!(Matching::new("protocol:tls", &[]).admits_fields(&[("protocol", "tls")]));
    }

    fn section(path: &str, method: &str, status: u16) -> Arc<Section> {
        let mut counts = Counts::default();
        counts.methods.add(Method::from_bytes(method.as_bytes()), 1);
        counts.statuses.add(status, 1);
        Arc::new(Section { path: path.into(), counts })
    }

    fn host(name: &str, sections: Vec<Arc<Section>>) -> Host {
        let mut counts = Counts::default();
        sections.iter().for_each(|section| counts.merge(&section.counts));
        Host { name: name.into(), counts, sections, ..Host::default() }
    }

    fn exchange(host: &str, section: &str, status: Option<u16>, interface: &str) -> NamedExchange {
        let json = serde_json::json!({
            "ts": "2026-01-01T00:00:00Z", "client": "10.0.0.7:50025", "server": "10.1.0.2:80", "interface": interface,
            "host": host, "section": section, "method": "GET", "status": status, "request_bytes": 1,
            "response_bytes": 2, "latency": null, "duration": null,
        });
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn a_name_is_matched_by_a_part_of_it_in_any_case_and_an_exclamation_mark_negates() {
        let table = [
            ("", "any", true),
            ("!", "any", true),
            ("SHOP", "www.shop.example", true),
            ("shop", "WWW.SHOP.EXAMPLE", true),
            ("!shop", "www.shop.example", false),
            ("!shop", "api.example", true),
            ("longer than the name", "short", false),
            ("é", "caf\\xc3\\xa9", true),
        ];
        for (pattern, name, admitted) in table {
            assert_eq!(Matching::named(pattern).admits_host(&host(name, vec![])), admitted, "{pattern:?} of {name:?}");
        }
        let shop = host("shop.example", vec![section("/cart", "GET", 200)]);
        assert!(!Matching::named("cart").admits_host(&shop), "a name is a name");
    }

    #[test]
    fn a_host_matches_by_its_name_or_one_of_its_sections_methods_and_statuses() {
        let shop = host("shop.example", vec![section("/cart", "GET", 200), section("/pay", "POST", 503)]);
        let seen = [exchange("shop.example", "/cart", Some(200), "eth0")];
        let table = [
            ("cart", true),
            ("post", true),
            ("503", true),
            ("50", true),
            ("5xx", true),
            ("4xx", false),
            ("!5xx", false),
            ("shop 5xx", true),
            ("shop 4xx", false),
            ("shop !4xx", true),
            ("status:5", true),
            ("status:5XX", true),
            ("status:03", false),
            ("03", true),
            ("status:none", false),
            ("host:cart", false),
            ("section:cart", true),
            ("path:/pay", true),
            ("METHOD:post", true),
            ("method:post status:4xx", false),
            ("interface:eth0", true),
            ("interface:eth1", false),
            ("!interface:eth0", false),
            ("eth0", false),
            ("client:10.0.0.8", false),
            ("client:10.0.0.7", true),
            ("host:", true),
            ("!host:", true),
            ("other:shop", false),
            ("  ", true),
        ];
        for (pattern, admitted) in table {
            assert_eq!(Matching::new(pattern, &seen.each_ref()).admits_host(&shop), admitted, "{pattern:?}");
        }
    }

    #[test]
    fn a_section_matches_by_what_is_its_own_and_within_a_host_not_by_the_name_of_the_host() {
        let shop = host("shop.example", vec![section("/cart", "GET", 200), section("/pay", "POST", 503)]);
        let seen = [exchange("shop.example", "/pay", Some(503), "eth0")];
        let table = [
            ("shop", [true, true], [false, false]),
            ("host:shop", [true, true], [true, true]),
            ("pay", [false, true], [false, true]),
            ("status:5xx", [false, true], [false, true]),
            ("!get", [false, true], [false, true]),
            ("interface:eth0", [false, true], [false, true]),
        ];
        for (pattern, of_all, within) in table {
            let matching = Matching::new(pattern, &seen.each_ref());
            for (at, section) in shop.sections.iter().enumerate() {
                assert_eq!(matching.admits_section(&shop, section, false), of_all[at], "{pattern:?}");
                assert_eq!(matching.admits_section(&shop, section, true), within[at], "{pattern:?} within");
            }
        }
    }

    #[test]
    fn an_exchange_matches_by_any_field_that_is_shown() {
        let answered = exchange("shop.example", "/pay", Some(503), "eth0");
        let unanswered = exchange("shop.example", "/pay", None, "eth0");
        for pattern in ["shop", "/pay", "503", "5xx", "eth0", "10.0.0.7:50025", "client:10.0.0", "status:503 path:pay"]
        {
            assert!(Matching::new(pattern, &[]).admits_exchange(&answered, false), "{pattern:?}");
        }
        for pattern in ["zebra", "504", "4xx", "!eth0", "status:none"] {
            assert!(!Matching::new(pattern, &[]).admits_exchange(&answered, false), "{pattern:?}");
        }
        let with_path = NamedExchange { path: "/pay/by/card".into(), ..exchange("shop.example", "/pay", None, "eth0") };
        for (pattern, wanted) in [("path:by/card", true), ("card", true), ("section:card", false), ("path:/pay", true)]
        {
            assert_eq!(Matching::new(pattern, &[]).admits_exchange(&with_path, false), wanted, "{pattern:?}");
        }
        assert!(!Matching::new("shop", &[]).admits_exchange(&answered, true));
        assert!(Matching::new("status:none", &[]).admits_exchange(&unanswered, false));
    }

    #[test]
    fn other_rows_match_by_their_fields() {
        let fields = [("interface", "eth0"), ("", "up tls")];
        let table = [
            ("eth", true),
            ("interface:eth0", true),
            ("TLS", true),
            ("host:eth0", false),
            ("!host:a", true),
            ("!up", false),
        ];
        for (pattern, admitted) in table {
            assert_eq!(Matching::new(pattern, &[]).admits_fields(&fields), admitted, "{pattern:?}");
        }
    }
}
