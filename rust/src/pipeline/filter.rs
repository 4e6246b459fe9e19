//! The filter language: which exchanges are counted, and which rows are shown. A filter is parsed once.
//!
//! A filter is made of terms. Terms side by side must all hold; `and`, `or`, `not`, `!` and parentheses combine them;
//! `not` binds closest, then `and`, then `or`. A term is one of:
//!
//! - `field:text`: the field contains the text. With `*` (any characters) or `?` (any one character), the text is a
//!   glob that the whole field must match. Case does not matter. `field:!text` negates.
//! - `field=text`, `field!=text`: the whole field is the text.
//! - `status:5xx`: the status begins so; `x` is any digit. `status:none` is a request without a response.
//! - `grpc:UNAVAILABLE`, `grpc:14`: the status of a gRPC call. `grpc:failed` is any but OK, `grpc:none` is none.
//! - `tls:yes`, `tls:no`: whether the exchange was inside TLS.
//! - `client:10.0.0.0/8`, `server:2001:db8::/32`: the address is in the network.
//! - `latency>200ms`, `bytes>=1MiB`, `status<500`: a number. A comparison with a number that is not known is false.
//! - `text`: any shown field contains the text: host, section, path, method, status, client or interface.
//!
//! A text with blanks or parentheses is put in quotes; in quotes, `*` and `?` are themselves.
//!
//! This module knows neither requests nor rows. Who evaluates a filter says what is known, as [`Facts`]; the answer is
//! `None` if it depends on what is not known.

mod calls;
mod decided;
mod facts;
mod field;
mod mistake;
mod network;
mod parse;
mod quantity;
mod statuses;
mod term;
mod text;

pub use decided::Decided;
pub use facts::{Facts, Known, Outcome, Party};
pub use field::Field;
pub use mistake::{MAX_DEPTH, MAX_LENGTH, MAX_TERMS, Mistake};
use parse::{Node, Parser};
pub use term::Term;
pub use text::Text;

/// A parsed filter.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    terms: Vec<Term>,
    root: Option<Node>,
    needs: Needs,
}

/// What must be known to evaluate a filter, apart from what is always at hand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// The path of the request.
    pub path: bool,
    /// The name of the user agent.
    pub user_agent: bool,
    /// Something that is not known before the response has ended.
    pub response: bool,
    /// The processes at the ends of the connection.
    pub process: bool,
}

impl Needs {
    /// What one or the other filter needs.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            path: self.path || other.path,
            user_agent: self.user_agent || other.user_agent,
            response: self.response || other.response,
            process: self.process || other.process,
        }
    }

    fn of(terms: &[Term]) -> Self {
        Self {
            path: terms.iter().any(|term| matches!(term.field(), None | Some(Field::Path))),
            user_agent: terms.iter().any(|term| term.field() == Some(Field::UserAgent)),
            response: terms.iter().any(Term::needs_response),
            process: terms.iter().any(|term| term.field().is_some_and(Field::is_of_process)),
        }
    }
}

impl Filter {
    /// Parses a filter. Blanks alone are a filter that everything matches.
    pub fn parse(text: &str) -> Result<Self, Mistake> {
        match Self::understand(text) {
            (filter, None) => Ok(filter),
            (_, Some(mistake)) => Err(mistake),
        }
    }

    /// Parses as much of a filter as can be understood, for a filter that is still being typed. The first mistake comes
    /// with it. A term that cannot be understood is left out, so that it excludes nothing.
    pub fn understand(text: &str) -> (Self, Option<Mistake>) {
        let (terms, root, mistake) = Parser::new(text).run();
        let needs = Needs::of(&terms);
        (Self { terms, root, needs }, mistake)
    }

    /// True if everything matches.
    pub fn is_empty(&self) -> bool {
        self.root.is_none()
    }

    /// All terms, in the order of the text.
    pub fn terms(&self) -> &[Term] {
        &self.terms
    }

    /// What must be known to evaluate the filter.
    pub fn needs(&self) -> Needs {
        self.needs
    }

    /// Evaluates the filter. `None` if the answer depends on what is not known.
    pub fn admits(&self, mut known: impl Known) -> Option<bool> {
        self.decide(|_, term| term.holds(&mut known))
    }

    /// What `known` decides, for facts that many exchanges share.
    pub fn decided_by(&self, known: impl Known) -> Decided {
        Decided::of(&self.terms, known, |decided| self.decide(|at, _| decided.get(at)))
    }

    /// Evaluates the filter for facts of which a part decided some terms before.
    pub fn admits_rest(&self, decided: Decided, mut known: impl Known) -> Option<bool> {
        self.decide(|at, term| decided.holds(at, term, &mut known))
    }

    /// Evaluates the filter; `holds` evaluates a term, whose number comes first. Terms that do not matter are not
    /// evaluated.
    pub fn decide(&self, mut holds: impl FnMut(usize, &Term) -> Option<bool>) -> Option<bool> {
        self.root.as_ref().map_or(Some(true), |root| root.decide(&mut |at| holds(at, &self.terms[at])))
    }
}

#[cfg(test)]
mod tests;
