//! Selects rows by a pattern that a user types: terms separated by blanks, all of which must match.
//!
//! A term is either a text, which any shown field must contain, or `field:text`, whose text that field must contain.
//! Case does not matter. `!` before a term negates it. A host has many sections, methods and statuses: one that matches
//! is enough. The rows of hosts and sections have no client and no interface. For terms about these, the exchanges are
//! searched once, when the pattern is parsed.

use std::collections::HashSet;
use std::sync::Arc;

use super::clients::Client;
use super::counts::Counts;
use super::exchanges::NamedExchange;
use super::hosts::{Host, Section};
use super::tables::RowName;
use crate::pipeline::name;

/// The field that a term looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    /// Only the name of a row: of a host, the host name; of a section, the name of its host, or its path in a table of
    /// one host's sections.
    Name,
    /// Any field that is shown.
    Any,
    Host,
    Section,
    Path,
    Method,
    Status,
    Client,
    Interface,
}

/// The fields that a term can name.
const FIELDS: [(&str, Field); 7] = [
    ("host", Field::Host),
    ("section", Field::Section),
    ("path", Field::Path),
    ("method", Field::Method),
    ("status", Field::Status),
    ("client", Field::Client),
    ("interface", Field::Interface),
];

/// The text shown as the status of an exchange without a response.
const UNANSWERED: &str = "none";

/// A parsed pattern, ready to be compared with rows.
#[derive(Clone, Debug, Default)]
pub struct Matching {
    terms: Vec<Term>,
}

#[derive(Clone, Debug)]
struct Term {
    field: Field,
    text: String,
    is_negated: bool,
    /// Host and section of the exchanges that match, for fields that only exchanges have.
    seen: HashSet<RowName>,
    seen_hosts: HashSet<Arc<str>>,
}

impl Matching {
    /// Matches rows whose name contains `pattern` in any case, or does not contain it if `!` precedes it.
    pub fn named(pattern: &str) -> Self {
        Self { terms: Term::new(pattern, |text| (Field::Name, text)).into_iter().collect() }
    }

    /// Matches rows that all terms of `pattern` admit. `exchanges` are searched for terms about a client, an interface
    /// or a path.
    pub fn new(pattern: &str, exchanges: &[&NamedExchange]) -> Self {
        let mut terms: Vec<Term> = pattern.split_whitespace().filter_map(|word| Term::new(word, about)).collect();
        for term in terms.iter_mut().filter(|term| term.needs_exchanges()) {
            let meant = exchanges.iter().filter(|exchange| term.is_in_exchange(exchange, false));
            let seen: HashSet<RowName> = meant.map(|each| (each.host.clone(), each.section.clone())).collect();
            term.seen_hosts = seen.iter().map(|(host, _)| host.clone()).collect();
            term.seen = seen;
        }
        Self { terms }
    }

    fn all(&self, is_in: impl Fn(&Term) -> bool) -> bool {
        self.terms.iter().all(|term| is_in(term) != term.is_negated)
    }

    /// True if the pattern matches the host.
    pub fn admits_host(&self, host: &Host) -> bool {
        self.all(|term| term.is_in_host(host))
    }

    /// True if the pattern matches the section. In a table of one host's sections (`is_within`), a term without a field
    /// does not look at the host's name.
    pub fn admits_section(&self, host: &Host, section: &Section, is_within: bool) -> bool {
        self.all(|term| term.is_in_section(host, section, is_within))
    }

    /// True if the pattern matches the client by its address, methods and statuses. Its row has no other field.
    pub fn admits_client(&self, client: &Client) -> bool {
        self.all(|term| term.is_in_client(client))
    }

    /// True if the pattern matches the exchange; `is_within` as in [`Self::admits_section`].
    pub fn admits_exchange(&self, exchange: &NamedExchange, is_within: bool) -> bool {
        self.all(|term| term.is_in_exchange(exchange, is_within))
    }

    /// True if the pattern matches a row with these fields, each a name and a text. Only terms without a field look at
    /// a field whose name is empty.
    pub fn admits_fields(&self, fields: &[(&str, &str)]) -> bool {
        self.all(|term| fields.iter().any(|(field, text)| term.is_in_field(field, text)))
    }
}

/// Splits `field:text` if the field is known. Any other word, such as an address with a port, is a text for any field.
fn about(word: &str) -> (Field, &str) {
    word.split_once(':')
        .and_then(|(field, text)| {
            let known = FIELDS.iter().find(|(name, _)| name.eq_ignore_ascii_case(field))?;
            Some((known.1, text))
        })
        .unwrap_or((Field::Any, word))
}

impl Term {
    /// Parses one term. `None` if it has no text yet (`!`, `host:`), so that it does not exclude any row.
    fn new<'a>(word: &'a str, about: impl Fn(&'a str) -> (Field, &'a str)) -> Option<Self> {
        let (is_negated, rest) = word.strip_prefix('!').map_or((false, word), |rest| (true, rest));
        let (field, text) = about(rest);
        // Names in rows were cleaned so that they are printable, so the text is cleaned in the same way.
        let text = name::clean(text, name::MAX_PATH);
        let term = Self { field, text, is_negated, seen: HashSet::new(), seen_hosts: HashSet::new() };
        (!term.text.is_empty()).then_some(term)
    }

    fn needs_exchanges(&self) -> bool {
        matches!(self.field, Field::Client | Field::Interface | Field::Path)
    }

    fn is_about(&self, field: Field) -> bool {
        self.field == field || self.field == Field::Any
    }

    fn is_part(&self, of: &str) -> bool {
        let (whole, text) = (of.as_bytes(), self.text.as_bytes());
        whole.windows(text.len()).any(|part| part.eq_ignore_ascii_case(text))
    }

    /// True if the term matches the status. `status:` takes the beginning of a status, in which `x` stands for any
    /// digit (`503`, `50`, `5xx`). A term without a field may be any digits of the status, or three characters such as
    /// `5xx`.
    fn is_status(&self, status: Option<u16>) -> bool {
        let Some(status) = status else { return self.is_part(UNANSWERED) };
        let mut digits = [b'0'; 3];
        let mut rest = status;
        for digit in digits.iter_mut().rev() {
            *digit = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        let text = self.text.as_bytes();
        let begins = text.len() <= digits.len()
            && text.iter().zip(digits).all(|(&wanted, digit)| wanted == digit || wanted.eq_ignore_ascii_case(&b'x'));
        match self.field {
            Field::Status => begins,
            _ if text.len() == digits.len() && text[0].is_ascii_digit() => begins,
            _ => digits.windows(text.len()).any(|part| part == text),
        }
    }

    fn is_in_counts(&self, counts: &Counts) -> bool {
        self.is_about(Field::Method) && counts.methods.iter().any(|(method, _)| self.is_part(method.name()))
            || self.is_about(Field::Status) && counts.statuses.iter().any(|(status, _)| self.is_status(Some(status)))
    }

    fn is_in_path(&self, section: &Section) -> bool {
        (self.is_about(Field::Section) || self.is_about(Field::Path)) && self.is_part(&section.path)
    }

    fn is_in_host(&self, host: &Host) -> bool {
        (self.is_about(Field::Host) || self.field == Field::Name) && self.is_part(&host.name)
            || self.is_in_counts(&host.counts)
            || host.sections.iter().any(|section| self.is_in_path(section))
            || self.seen_hosts.contains(&host.name)
    }

    fn is_in_section(&self, host: &Host, section: &Section, is_within: bool) -> bool {
        let named = match self.field {
            Field::Name if is_within => self.is_part(&section.path),
            Field::Host | Field::Name => self.is_part(&host.name),
            Field::Any => !is_within && self.is_part(&host.name),
            _ => false,
        };
        named
            || self.is_in_path(section)
            || self.is_in_counts(&section.counts)
            || !self.seen.is_empty() && self.seen.contains(&(host.name.clone(), section.path.clone()))
    }

    fn is_in_client(&self, client: &Client) -> bool {
        (self.is_about(Field::Client) || self.field == Field::Name) && self.is_part(&client.address)
            || self.is_in_counts(&client.counts)
    }

    fn is_in_exchange(&self, exchange: &NamedExchange, is_within: bool) -> bool {
        // A new field of exchanges needs one more line here.
        let is_host = match self.field {
            Field::Host => true,
            Field::Any => !is_within,
            _ => false,
        };
        is_host && self.is_part(&exchange.host)
            || self.is_about(Field::Section) && self.is_part(&exchange.section)
            || self.is_about(Field::Path) && (self.is_part(&exchange.path) || self.is_part(&exchange.section))
            || self.is_about(Field::Method) && self.is_part(exchange.measured.method.name())
            || self.is_about(Field::Status) && self.is_status(exchange.measured.status)
            || self.is_about(Field::Interface) && self.is_part(&exchange.interface)
            || self.is_about(Field::Client) && self.is_part(&exchange.measured.client.to_string())
    }

    fn is_in_field(&self, field: &str, text: &str) -> bool {
        let is_this = FIELDS.iter().any(|&(name, known)| name == field && known == self.field);
        (is_this || self.field == Field::Any) && self.is_part(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::exchange::Method;

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
