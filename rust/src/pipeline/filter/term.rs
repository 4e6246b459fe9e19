//! A term: one condition on one field, or a text in any shown field.

use super::calls::Calls;
use super::facts::{Known, Outcome, Party};
use super::field::{Field, Kind};
use super::network::Network;
use super::quantity;
use super::statuses::{self, Statuses, UNANSWERED};
use super::text::Text;
use crate::pipeline::exchange::GrpcStatus;

/// The fields in which a term without a field looks for its text. Those that cost most to read come last.
const SHOWN: [Field; 7] =
    [Field::Host, Field::Section, Field::Method, Field::Interface, Field::Status, Field::Path, Field::Client];

/// How a value is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// `:`, which is a part of a text, the beginning of a status, or a network.
    Has,
    /// `=`
    Is,
    /// `<`
    Below,
    /// `<=`
    AtMost,
    /// `>`
    Above,
    /// `>=`
    AtLeast,
}

impl Relation {
    /// All relations with their signs, longer signs before their beginnings.
    pub const ALL: [(&str, Self); 6] = [
        (":", Self::Has),
        ("<=", Self::AtMost),
        (">=", Self::AtLeast),
        ("<", Self::Below),
        (">", Self::Above),
        ("=", Self::Is),
    ];

    fn holds(self, value: u64, wanted: u64) -> bool {
        match self {
            Self::Has | Self::Is => value == wanted,
            Self::Below => value < wanted,
            Self::AtMost => value <= wanted,
            Self::Above => value > wanted,
            Self::AtLeast => value >= wanted,
        }
    }
}

/// What a term wants of its field.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Test {
    Text(Text),
    Status(Statuses),
    Grpc(Calls),
    Flag(bool),
    Network(Network),
    Number(Relation, u64),
}

/// One condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    field: Option<Field>,
    test: Test,
}

/// A value as it is written.
#[derive(Clone, Copy, Debug)]
pub struct Value<'a> {
    pub text: &'a str,
    pub is_quoted: bool,
}

impl Value<'_> {
    fn part(self) -> Text {
        if self.is_quoted { Text::literal(self.text) } else { Text::part(self.text) }
    }
}

impl Term {
    /// A text in any shown field.
    pub fn anywhere(value: Value<'_>) -> Self {
        Self { field: None, test: Test::Text(value.part()) }
    }

    /// A condition on a field. The error says what is wrong with the value or the relation.
    pub fn about(field: Field, kind: Kind, relation: Relation, value: Value<'_>) -> Result<Self, String> {
        let test = match (kind, relation) {
            (Kind::Status, Relation::Has | Relation::Is) => Self::status(value.text)?,
            (Kind::Grpc, Relation::Has | Relation::Is) => {
                let calls = Calls::meant(value.text, relation == Relation::Is || value.is_quoted);
                let is_none =
                    || format!("{} is not a status of gRPC such as UNAVAILABLE, 14, failed or none", value.text);
                Test::Grpc(calls.ok_or_else(is_none)?)
            }
            (Kind::Flag, Relation::Has | Relation::Is) => Test::Flag(yes_or_no(field, value.text)?),
            (Kind::Grpc | Kind::Flag, _) => {
                let name = field.name();
                return Err(format!("{name} is no number: write {name}:{}", value.text));
            }
            (Kind::Time | Kind::Size, Relation::Has) => {
                let name = field.name();
                return Err(format!("{name} is a number: compare it, as in {name}>{}", value.text));
            }
            (Kind::Status | Kind::Time | Kind::Size, _) => Test::Number(relation, quantity::read(kind, value.text)?),
            (Kind::Address, Relation::Has) => match Network::parse(value.text) {
                Some(network) => Test::Network(network?),
                None => Test::Text(value.part()),
            },
            (Kind::Address, Relation::Is) => {
                Network::of_one(value.text).map_or_else(|| Test::Text(Text::whole(value.text)), Test::Network)
            }
            (Kind::Text, Relation::Has) => Test::Text(value.part()),
            (Kind::Text, Relation::Is) => Test::Text(Text::whole(value.text)),
            (Kind::Text | Kind::Address, _) => {
                let name = field.name();
                return Err(format!("{name} is a text: write {name}:text, or {name}=text for the whole"));
            }
        };
        Ok(Self { field: Some(field), test })
    }

    /// A text for a status, which no status has if it does not look like one.
    pub fn status_like(value: Value<'_>) -> Self {
        Self { field: Some(Field::Status), test: Test::Status(Statuses::beginning(&Text::literal(value.text))) }
    }

    fn status(text: &str) -> Result<Test, String> {
        let wanted = text.strip_suffix('*').unwrap_or(text).to_ascii_lowercase();
        let is_digits = wanted.len() <= 3 && wanted.bytes().all(|byte| byte.is_ascii_digit() || byte == b'x');
        if is_digits || UNANSWERED.starts_with(wanted.as_bytes()) {
            Ok(Test::Status(Statuses::beginning(&Text::literal(&wanted))))
        } else {
            Err(format!("{text} is not a status such as 503, 5xx or none"))
        }
    }

    /// The field, `None` for any shown field.
    pub fn field(&self) -> Option<Field> {
        self.field
    }

    /// The bits of a client's IPv6 address that the term compares, 0 if none. `None` for a text that may be that of the
    /// port.
    pub fn ipv6_bits(&self) -> Option<u32> {
        match &self.test {
            Test::Network(network) => Some(network.ipv6_bits()),
            Test::Text(text) if text.is_of_ipv4() => Some(0),
            _ => None,
        }
    }

    /// True if the term cannot always be decided before the response has ended.
    pub fn needs_response(&self) -> bool {
        match (self.field, &self.test) {
            (None, Test::Text(text)) => may_be_status(text),
            (None, _) => true,
            (Some(_), _) => self.is_of_response(),
        }
    }

    /// True if the term is never decided before the response has ended: it is about what became of the request, or about
    /// processes, which may be found late.
    pub fn is_of_response(&self) -> bool {
        use Field::{Bytes, Duration, Grpc, Latency, RequestBytes, ResponseBytes, Status, Tls};
        let is_measured =
            matches!(self.field, Some(Status | Latency | Duration | Bytes | RequestBytes | ResponseBytes | Grpc | Tls));
        is_measured || self.field.is_some_and(Field::is_of_process)
    }

    /// Evaluates the term; `None` if that depends on what is not known.
    #[inline]
    pub fn holds(&self, known: &mut impl Known) -> Option<bool> {
        let Some(field) = self.field else { return self.any_holds(&SHOWN, known) };
        if field == Field::Path {
            self.any_holds(&[Field::Section, Field::Path], known)
        } else {
            self.has(field, known)
        }
    }

    /// Evaluates the term for each of several fields until one has what is wanted.
    fn any_holds(&self, fields: &[Field], known: &mut impl Known) -> Option<bool> {
        let mut all = Some(false);
        for &field in fields {
            match self.has(field, known) {
                Some(true) => return Some(true),
                Some(false) => {}
                None => all = None,
            }
        }
        all
    }

    #[inline]
    fn has(&self, field: Field, known: &mut impl Known) -> Option<bool> {
        match field {
            Field::Host if self.field.is_none() && known.is_within() => Some(false),
            Field::Host | Field::Section | Field::Path | Field::Method | Field::Interface | Field::UserAgent => {
                known.text(field, |text| self.is_text(text))
            }
            Field::Process | Field::Container | Field::Pod | Field::Namespace | Field::Protocol => {
                known.text(field, |text| self.is_text(text))
            }
            Field::Client => known.client().map(|party| self.is_party(party)),
            Field::Server => known.server().map(|party| self.is_party(party)),
            Field::Status => match known.outcome() {
                Some(outcome) => Some(self.is_status(outcome.status)),
                None => (!self.needs_response()).then_some(false),
            },
            Field::Grpc => known.outcome().map(|outcome| self.is_grpc(outcome.grpc)),
            Field::Tls => known.outcome().map(|outcome| self.test == Test::Flag(outcome.is_tls)),
            measured => known.outcome().map(|outcome| self.is_number(measured, outcome)),
        }
    }

    /// True if the text is what the term wants. False if the term wants a number or a network.
    #[inline]
    pub fn is_text(&self, text: &[u8]) -> bool {
        matches!(&self.test, Test::Text(wanted) if wanted.is_in(text))
    }

    /// True if the address, or its text with the port, is what the term wants.
    #[inline]
    pub fn is_party(&self, party: Party<'_>) -> bool {
        match &self.test {
            Test::Network(network) => party.address().is_some_and(|address| network.has(address)),
            Test::Text(wanted) => party.with_text(|text| wanted.is_in(text)),
            _ => false,
        }
    }

    /// True if the status is what the term wants. A text for any field may be any digits of the status, or three
    /// characters such as `5xx`.
    pub fn is_status(&self, status: Option<u16>) -> bool {
        match &self.test {
            Test::Status(wanted) => wanted.has(status),
            Test::Number(relation, wanted) => status.is_some_and(|status| relation.holds(status.into(), *wanted)),
            Test::Text(wanted) => statuses::is_text(wanted, status),
            Test::Network(_) | Test::Grpc(_) | Test::Flag(_) => false,
        }
    }

    /// True if the status of a gRPC call is what the term wants.
    #[inline]
    pub fn is_grpc(&self, status: Option<GrpcStatus>) -> bool {
        matches!(self.test, Test::Grpc(wanted) if wanted.has(status))
    }

    fn is_number(&self, field: Field, outcome: Outcome) -> bool {
        let Test::Number(relation, wanted) = self.test else { return false };
        let value = match field {
            Field::Latency => outcome.latency,
            Field::Duration => outcome.duration,
            Field::RequestBytes => Some(outcome.request_bytes),
            Field::ResponseBytes => Some(outcome.response_bytes),
            _ => Some(outcome.request_bytes.saturating_add(outcome.response_bytes)),
        };
        value.is_some_and(|value| relation.holds(value, wanted))
    }
}

/// Reads what a field that is yes or no is to be.
fn yes_or_no(field: Field, text: &str) -> Result<bool, String> {
    let is = |words: [&str; 2]| words.iter().any(|word| word.eq_ignore_ascii_case(text));
    if is(["yes", "true"]) {
        Ok(true)
    } else if is(["no", "false"]) {
        Ok(false)
    } else {
        Err(format!("{} is yes or no, not {text}", field.name()))
    }
}

/// True if a text for any field may be that of a status.
fn may_be_status(text: &Text) -> bool {
    let wanted = text.wanted();
    let is_digits = wanted.iter().all(u8::is_ascii_digit);
    let is_class = wanted.len() == 3
        && wanted[0].is_ascii_digit()
        && wanted[1..].iter().all(|byte| *byte == b'x' || byte.is_ascii_digit());
    !text.is_part() || is_digits && wanted.len() <= 3 || is_class || text.is_in(UNANSWERED)
}
