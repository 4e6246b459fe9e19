//! The class `Filter`: the filter language for Python, for callers that want mistakes to be errors.

use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::WhereError;
use super::exchange::Exchange;
use super::legible::legible;
use crate::pipeline::filter::{self, Facts, Mistake, Party};
use crate::pipeline::snapshot;

/// A parsed filter: which exchanges are counted, or which rows are meant.
///
/// Terms side by side must all hold; ``and``, ``or``, ``not``, ``!`` and parentheses combine them. ``host:text`` means
/// that the field contains the text, or if the text has ``*`` or ``?``, that the whole field matches it; ``host=text``
/// means the whole field. ``status:5xx``, ``status:none``, ``client:10.0.0.0/8``, ``latency>200ms``, ``bytes>=1MiB``
/// and ``status<500`` are terms too; so is a text alone, for any field. Case does not matter.
///
/// Raises WhereError for a text that is no filter.
#[pyclass(frozen, module = "netmon._core")]
pub struct Filter {
    text: String,
    filter: filter::Filter,
}

/// The exception for a mistake in a filter.
pub fn where_error(py: Python<'_>, mistake: &Mistake) -> PyErr {
    let error = WhereError::new_err(legible(&mistake.to_string()));
    match error.value(py).setattr("position", mistake.position) {
        Ok(()) => error,
        Err(other) => other,
    }
}

impl Filter {
    /// The filter itself.
    pub fn parsed(&self) -> &filter::Filter {
        &self.filter
    }
}

#[pymethods]
impl Filter {
    #[new]
    fn new(py: Python<'_>, text: &str) -> PyResult<Self> {
        let filter = filter::Filter::parse(text).map_err(|mistake| where_error(py, &mistake))?;
        Ok(Self { text: text.to_owned(), filter })
    }

    /// The filter as it was written.
    #[getter]
    fn text(&self) -> &str {
        &self.text
    }

    /// Whether a term is about something that is known only when the response has ended: status, latency, duration
    /// or bytes, a text that may be a status, or processes, which may be found late.
    #[getter]
    fn needs_response(&self) -> bool {
        self.filter.needs().response
    }

    /// The names of the fields that terms look at, each once, in the order of the text. ``text`` stands for terms
    /// without a field.
    #[getter]
    fn fields<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let mut names: Vec<&str> = Vec::new();
        for term in self.filter.terms() {
            let name = term.field().map_or("text", filter::Field::name);
            if !names.contains(&name) {
                names.push(name);
            }
        }
        PyTuple::new(py, names)
    }

    /// Bits of IPv6 addresses that terms about the client compare, 0 if none. None if a term looks at a text that
    /// may be that of the port: an exchange has one, and a row has none.
    #[getter]
    fn client_bits(&self) -> Option<u32> {
        let about_client = self.filter.terms().iter().filter(|term| term.field() == Some(filter::Field::Client));
        about_client.map(filter::Term::ipv6_bits).try_fold(0, |most, bits| Some(most.max(bits?)))
    }

    /// Whether the exchange matches.
    fn admits_exchange(&self, exchange: &Exchange) -> bool {
        self.filter.admits(&snapshot::facts_of(&exchange.0)) == Some(true)
    }

    /// Whether something with these fields matches; None if that depends on a field that is not given.
    ///
    /// So ``admits(host=section.host, section=section.path)`` evaluates the filter for a row.
    #[pyo3(signature = (
        *, host = None, section = None, path = None, method = None, client = None, server = None, interface = None,
        user_agent = None, process = None, container = None, pod = None, namespace = None, protocol = None,
    ))]
    #[expect(clippy::too_many_arguments, reason = "they are keywords in Python")]
    fn admits(
        &self,
        host: Option<&str>,
        section: Option<&str>,
        path: Option<&str>,
        method: Option<&str>,
        client: Option<&str>,
        server: Option<&str>,
        interface: Option<&str>,
        user_agent: Option<&str>,
        process: Option<&str>,
        container: Option<&str>,
        pod: Option<&str>,
        namespace: Option<&str>,
        protocol: Option<&str>,
    ) -> Option<bool> {
        self.filter.admits(&Facts {
            host: host.map(str::as_bytes),
            section: section.map(str::as_bytes),
            path: path.map(str::as_bytes),
            method: method.map(str::as_bytes),
            interface: interface.map(str::as_bytes),
            user_agent: user_agent.map(str::as_bytes),
            process: process.map(str::as_bytes),
            container: container.map(str::as_bytes),
            pod: pod.map(str::as_bytes),
            namespace: namespace.map(str::as_bytes),
            protocol: protocol.map(str::as_bytes),
            client: client.map(Party::Named),
            server: server.map(Party::Named),
            ..Facts::default()
        })
    }

    fn __repr__(&self) -> String {
        format!("<Filter {}>", legible(&self.text))
    }

    fn __eq__(&self, other: &Self) -> bool {
        self.text == other.text
    }

    fn __hash__(&self) -> u64 {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let mut hasher = DefaultHasher::new();
        self.text.hash(&mut hasher);
        hasher.finish()
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> (Bound<'py, PyAny>, (String,)) {
        (py.get_type::<Self>().into_any(), (self.text.clone(),))
    }
}
