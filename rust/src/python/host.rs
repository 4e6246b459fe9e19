//! Hosts as Python sees them.

use std::sync::Arc;

use pyo3::prelude::*;

use super::class::counted;
use super::path_ranking::PathRanking;
use super::pattern::Pattern;
use super::section::Section;
use super::shown;
use super::standing::{Standing, Wanted};
use super::tcp::Tcp;
use crate::pipeline::snapshot::{self, Counts};

/// One host, as clients name it in their requests, whatever address serves it.
#[pyclass(frozen, module = "netmon._core")]
pub struct Host(pub Arc<snapshot::Host>);

impl Host {
    fn counts(&self) -> &Counts {
        &self.0.counts
    }
    fn parts(&self) -> &Arc<snapshot::Host> {
        &self.0
    }
}

counted!(Host {
    /// The authority of its requests, in lower case and without the default port; ``address:port`` of the server if
    /// requests have none; or `OTHER`.
    #[getter]
    fn name(&self) -> &str {
        &self.0.name
    }
    /// Addresses of its servers; if there are more than 8, the lowest 8.
    #[getter]
    fn addresses(&self) -> Vec<String> {
        self.0.addresses.iter().map(|address| address.to_canonical().to_string()).collect()
    }
    /// All sections, most hits first.
    #[getter]
    fn sections(&self) -> Vec<Section> {
        self.0.top_sections(usize::MAX).into_iter().map(|at| Section::new(&self.0, at)).collect()
    }
    /// Number of its sections.
    #[getter]
    fn section_count(&self) -> usize {
        self.0.sections.len()
    }
    /// The section with this path; None if there is none.
    fn section(&self, path: &str) -> Option<Section> {
        self.0.position(path).map(|at| Section::new(&self.0, at))
    }
    /// A page of `ranked_sections`: by default, the `n` sections with the most hits.
    #[pyo3(signature = (n, by = "hits", *, reverse = false, offset = 0, matching = ""))]
    fn top_sections(&self, n: usize, by: &str, reverse: bool, offset: usize, matching: &str) -> PyResult<Vec<Section>> {
        Ok(PathRanking::new(self.0.clone(), &Wanted::new(by, reverse, matching.into())?).page(offset, n))
    }
    /// The sections whose path matches, ranked by one of `SORT_KEYS`; arguments as for `Snapshot.ranked`.
    #[pyo3(
        signature = (by = "hits", *, reverse = false, matching = Pattern::default(), after = None, seconds = (0.0, 1.0)),
        text_signature = "($self, by='hits', *, reverse=False, matching='', after=None, seconds=(0.0, 1.0))"
    )]
    fn ranked_sections(
        &self,
        by: &str,
        reverse: bool,
        matching: Pattern<'_>,
        after: Option<&Standing>,
        seconds: (f64, f64),
    ) -> PyResult<PathRanking> {
        Ok(PathRanking::new(self.0.clone(), &Wanted::new(by, reverse, matching)?.after(after, seconds)))
    }
    /// Health of its connections. A connection counts for the host of its latest request. How it was opened counts
    /// for the host of its first request, together with that request.
    #[getter]
    fn tcp(&self) -> Tcp {
        Tcp(self.0.tcp.clone())
    }
    fn __repr__(&self) -> String {
        shown::host(&self.0)
    }
    fn _repr_html_(&self) -> String {
        shown::host_table(&self.0)
    }
});
