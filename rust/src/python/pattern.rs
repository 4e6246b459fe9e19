//! The argument `matching` of methods that select rows: a part of a name, or a `Matching`.

use pyo3::prelude::*;

use crate::pipeline::snapshot;

/// Selects rows by a filter: terms side by side must all hold; ``and or not ( )`` combine them, as in `Filter`.
///
/// A term is a text that occurs in any shown field, ``field:text``, a text that occurs in that field, or a comparison
/// such as ``latency>200ms``; case does not matter. ``!`` before a term negates it. A host or section matches a term if
/// one of its sections, methods or statuses does. Terms about what only exchanges have, such as a client or a latency,
/// are compared with those of its exchanges that are among `exchanges`. A pattern that is still being typed matches as
/// much as is understood, see `mistake`.
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
