//! What is typed to find rows, as Python sees it.

use std::collections::HashMap;

use pyo3::prelude::*;

use super::rows::{Exchange, Host};
use crate::pipeline::snapshot;

/// Which rows somebody wants to see: terms parted by blanks, all of which hold.
///
/// A term is a text, which any shown field contains in any case, or ``field:text`` of ``host section path method status
/// client interface``, which that field contains; a status begins with it, and ``x`` is any digit of one (``5xx``).
/// ``!`` before a term inverts it. A host or section matches by one of its sections, methods or statuses, and by a
/// client or an interface where one of `exchanges` is that matches.
#[pyclass(frozen, module = "netmon._core")]
pub struct Matching(snapshot::Matching);

#[pymethods]
impl Matching {
    #[new]
    #[pyo3(signature = (pattern, exchanges = vec![]))]
    #[expect(clippy::needless_pass_by_value, reason = "what Python gives")]
    fn new(pattern: &str, exchanges: Vec<PyRef<'_, Exchange>>) -> Self {
        let exchanges: Vec<_> = exchanges.iter().map(|exchange| &exchange.0).collect();
        Self(snapshot::Matching::new(pattern, &exchanges))
    }

    /// Those of `exchanges` that match; `within` a host or section, its name is only looked at by ``host:``.
    #[pyo3(signature = (exchanges, *, within = false))]
    fn exchanges<'py>(&self, exchanges: Vec<Bound<'py, Exchange>>, within: bool) -> Vec<Bound<'py, Exchange>> {
        exchanges.into_iter().filter(|exchange| self.0.admits_exchange(&exchange.get().0, within)).collect()
    }

    /// Those of `hosts` that match.
    fn hosts<'py>(&self, hosts: Vec<Bound<'py, Host>>) -> Vec<Bound<'py, Host>> {
        hosts.into_iter().filter(|host| self.0.admits_host(&host.get().0)).collect()
    }

    /// Whether another row matches, by its fields; terms without a field look at all of them.
    #[expect(clippy::needless_pass_by_value, reason = "what Python gives")]
    fn admits(&self, fields: HashMap<String, String>) -> bool {
        let fields: Vec<_> = fields.iter().map(|(field, text)| (field.as_str(), text.as_str())).collect();
        self.0.admits_fields(&fields)
    }
}

/// A part of a name as text, or what is typed.
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
