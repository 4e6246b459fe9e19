//! Sections as Python sees them.

use std::sync::Arc;

use pyo3::prelude::*;

use super::class::counted;
use super::shown;
use crate::pipeline::snapshot::{self, Counts};

/// One section of a host: all its paths that begin with the same segments.
#[pyclass(frozen, module = "netmon._core")]
pub struct Section(pub (Arc<str>, Arc<snapshot::Section>));

impl Section {
    pub fn new(host: &snapshot::Host, at: usize) -> Self {
        Self((host.name.clone(), host.sections[at].clone()))
    }
    fn counts(&self) -> &Counts {
        &self.0.1.counts
    }
    fn parts(&self) -> &(Arc<str>, Arc<snapshot::Section>) {
        &self.0
    }
}

counted!(Section {
    /// ``/`` plus the first path segment(s), ``*`` for ``OPTIONS *``, or `OTHER`.
    ///
    /// ``~unknown`` for requests whose path the snapshot length cut off.
    #[getter]
    fn path(&self) -> &str {
        &self.0.1.path
    }
    /// The name of its host.
    #[getter]
    fn host(&self) -> &str {
        &self.0.0
    }
    fn __repr__(&self) -> String {
        shown::section(&self.0.0, &self.0.1)
    }
    fn _repr_html_(&self) -> String {
        shown::section_table(&self.0.0, &self.0.1)
    }
});
