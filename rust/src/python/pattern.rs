//! The argument `matching` of methods that select rows: a part of a name, or a `Matching`.

use pyo3::prelude::*;

use crate::pipeline::snapshot;

/// Selects rows by a pattern: terms separated by blanks, all of which must match.
///
/// A term is a text that occurs in any shown field, or ``field:text``, a text that occurs in that field; case does
/// not matter. Fields are ``host section path method status client interface``. A status must begin with the text,
/// in which ``x`` stands for any digit (``5xx``). ``!`` before a term negates it. A host or section matches if one
/// of its sections, methods or statuses does. Terms about a client or an interface are compared with its exchanges
/// among `exchanges`.
#[pyclass(frozen, module = "netmon._core")]
pub struct Matching(pub snapshot::Matching);

/// A part of a name as text, or a parsed query.
#[derive(FromPyObject)]
pub enum Pattern<'py> {
    Name(String),
    Typed(PyRef<'py, Matching>),
}

impl Default for Pattern<'_> {
    fn default() -> Self {
        Self::Name(String::new())
    }
}

impl From<&str> for Pattern<'_> {
    fn from(name: &str) -> Self {
        Self::Name(name.to_owned())
    }
}

impl From<Pattern<'_>> for snapshot::Matching {
    fn from(pattern: Pattern<'_>) -> Self {
        match pattern {
            Pattern::Name(name) => Self::named(&name),
            Pattern::Typed(matching) => matching.0.clone(),
        }
    }
}
