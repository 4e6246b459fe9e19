//! The class `Matching`: which exchanges and hosts match what the user typed.

use std::collections::HashMap;

use pyo3::prelude::*;

use super::exchange::Exchange;
use super::host::Host;
use super::legible::legible;
use super::pattern::Matching;
use crate::pipeline::snapshot;

#[pymethods]
impl Matching {
    #[new]
    #[pyo3(signature = (pattern, exchanges = vec![]))]
    #[expect(clippy::needless_pass_by_value, reason = "PyO3 passes it by value")]
    fn new(pattern: &str, exchanges: Vec<PyRef<'_, Exchange>>) -> Self {
        let exchanges: Vec<_> = exchanges.iter().map(|exchange| &exchange.0).collect();
        Self(snapshot::Matching::new(pattern, &exchanges))
    }

    /// What is wrong with the pattern, and the number of characters before it; None if nothing is.
    ///
    /// A pattern that is not finished matches as much as is understood.
    #[getter]
    fn mistake(&self) -> Option<(usize, String)> {
        self.0.mistake().map(|mistake| (mistake.position, legible(&mistake.message)))
    }

    /// The `exchanges` that match. With `within`, for a list of one host or section, only ``host:`` looks at the
    /// host.
    #[pyo3(signature = (exchanges, *, within = false))]
    fn exchanges<'py>(&self, exchanges: Vec<Bound<'py, Exchange>>, within: bool) -> Vec<Bound<'py, Exchange>> {
        exchanges.into_iter().filter(|exchange| self.0.admits_exchange(&exchange.get().0, within)).collect()
    }

    /// The `hosts` that match.
    fn hosts<'py>(&self, hosts: Vec<Bound<'py, Host>>) -> Vec<Bound<'py, Host>> {
        hosts.into_iter().filter(|host| self.0.admits_host(&host.get().0)).collect()
    }

    /// Whether a row with these fields matches. Terms without a field look at all of them.
    #[expect(clippy::needless_pass_by_value, reason = "PyO3 passes it by value")]
    fn admits(&self, fields: HashMap<String, String>) -> bool {
        let fields: Vec<_> = fields.iter().map(|(field, text)| (field.as_str(), text.as_str())).collect();
        self.0.admits_fields(&fields)
    }
}
