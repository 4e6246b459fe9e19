//! The argument `matching` of methods that select rows: a part of a name, or a `Matching`.

use pyo3::prelude::*;

use crate::pipeline::snapshot;

/// Which rows somebody wants to see: terms parted by blanks, all of which hold.
///
/// A term is a text, which any shown field contains in any case, or ``field:text`` of ``host section path method status
/// client interface``, which that field contains; a status begins with it, and ``x`` is any digit of one (``5xx``).
/// ``!`` before a term inverts it. A host or section matches by one of its sections, methods or statuses, and by a
/// client or an interface where one of `exchanges` is that matches.
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
