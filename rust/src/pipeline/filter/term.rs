//! A term: one condition on one field, or a text in any shown field.

use super::facts::{Facts, Outcome, Party};
use super::field::{Field, Kind};
use super::network::Network;
use super::quantity;
use super::text::Text;

/// The text shown as the status of an exchange without a response.
const UNANSWERED: &[u8] = b"none";

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
    /// A status that begins so.
    Status(Text),
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
        Self { field: Some(Field::Status), test: Test::Status(Text::literal(value.text)) }
    }

    fn status(text: &str) -> Result<Test, String> {
        let wanted = text.strip_suffix('*').unwrap_or(text).to_ascii_lowercase();
        let is_digits = wanted.len() <= 3 && wanted.bytes().all(|byte| byte.is_ascii_digit() || byte == b'x');
        if is_digits || UNANSWERED.starts_with(wanted.as_bytes()) {
            Ok(Test::Status(Text::literal(&wanted)))
        } else {
            Err(format!("{text} is not a status such as 503, 5xx or none"))
        }
    }

    /// The field, `None` for any shown field.
    pub fn field(&self) -> Option<Field> {
        self.field
    }

    /// True if the term cannot always be decided before the response has ended.
    pub fn needs_response(&self) -> bool {
        match (self.field, &self.test) {
            (None, Test::Text(text)) => may_be_status(text),
            (None, _) => true,
            (Some(field), _) => matches!(
                field,
                Field::Status
                    | Field::Latency
                    | Field::Duration
                    | Field::Bytes
                    | Field::RequestBytes
                    | Field::ResponseBytes
            ),
        }
    }

    /// Evaluates the term; `None` if that depends on what is not known.
    #[inline]
    pub fn holds(&self, facts: &Facts<'_>) -> Option<bool> {
        let text = |known: Option<&[u8]>| known.map(|known| self.is_text(known));
        match self.field {
            None => self.is_anywhere(facts),
            Some(Field::Host) => text(facts.host),
            Some(Field::Section) => text(facts.section),
            Some(Field::Path) => either(text(facts.path), text(facts.section)),
            Some(Field::Method) => text(facts.method),
            Some(Field::Interface) => text(facts.interface),
            Some(Field::UserAgent) => text(facts.user_agent),
            Some(Field::Client) => facts.client.map(|party| self.is_party(party)),
            Some(Field::Server) => facts.server.map(|party| self.is_party(party)),
            Some(Field::Status) => facts.outcome.map(|outcome| self.is_status(outcome.status)),
            Some(measured) => facts.outcome.map(|outcome| self.is_number(measured, outcome)),
        }
    }

    fn is_anywhere(&self, facts: &Facts<'_>) -> Option<bool> {
        let host = if facts.is_within { Some(false) } else { facts.host.map(|host| self.is_text(host)) };
        let status = match facts.outcome {
            Some(outcome) => Some(self.is_status(outcome.status)),
            None => (!self.needs_response()).then_some(false),
        };
        let texts = [facts.section, facts.path, facts.method, facts.interface];
        let texts = texts.into_iter().map(|known| known.map(|known| self.is_text(known)));
        let parts = texts.chain([host, status, facts.client.map(|party| self.is_party(party))]);
        parts.fold(Some(false), either)
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
        let (wanted, is_field) = match &self.test {
            &Test::Number(relation, wanted) => {
                return status.is_some_and(|status| relation.holds(status.into(), wanted));
            }
            Test::Status(wanted) => (wanted, true),
            Test::Text(wanted) => (wanted, false),
            Test::Network(_) => return false,
        };
        let Some(mut rest) = status else { return wanted.is_in(UNANSWERED) };
        let mut digits = [b'0'; 3];
        for digit in digits.iter_mut().rev() {
            *digit = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        let text = wanted.wanted();
        let begins = || {
            let pairs = text.iter().zip(digits);
            text.len() <= digits.len() && pairs.into_iter().all(|(&wanted, digit)| wanted == digit || wanted == b'x')
        };
        if is_field || text.len() == digits.len() && text[0].is_ascii_digit() && wanted.is_part() {
            return begins();
        }
        wanted.is_in(&digits)
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

/// True if a text for any field may be that of a status.
fn may_be_status(text: &Text) -> bool {
    let wanted = text.wanted();
    let is_digits = wanted.iter().all(u8::is_ascii_digit);
    let is_class = wanted.len() == 3
        && wanted[0].is_ascii_digit()
        && wanted[1..].iter().all(|byte| *byte == b'x' || byte.is_ascii_digit());
    !text.is_part() || is_digits && wanted.len() <= 3 || is_class || text.is_in(UNANSWERED)
}

/// True if one of both is; `None` if that depends on what is not known.
fn either(one: Option<bool>, other: Option<bool>) -> Option<bool> {
    match (one, other) {
        (Some(true), _) | (_, Some(true)) => Some(true),
        (Some(false), Some(false)) => Some(false),
        _ => None,
    }
}
