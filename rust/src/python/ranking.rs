//! Tables in some order as Python sees them: how many rows, a page of them, where one is.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::held::Held;
use super::rows::{Client, Host, Section};
use crate::pipeline::snapshot::{Key, Matching, Ranking};

/// What somebody wants to see.
pub struct Wanted {
    pub by: Key,
    pub is_reversed: bool,
    pub matching: Matching,
}

impl Wanted {
    pub fn new(by: &str, is_reversed: bool, matching: &str) -> PyResult<Self> {
        let key = Key::from_name(by).ok_or_else(|| {
            let known = Key::ALL.map(|(name, _)| name).join(", ");
            PyValueError::new_err(format!("rows are ranked by one of {known}, not {by:?}"))
        })?;
        Ok(Self { by: key, is_reversed, matching: Matching::new(matching) })
    }
}

/// The hosts of a snapshot in some order. Ranks are computed once, pages are selected: no call sorts all rows.
#[pyclass(frozen, module = "netmon._core")]
pub struct HostRanking {
    snapshot: Held,
    ranking: Ranking<usize>,
}

impl HostRanking {
    pub fn new(py: Python<'_>, snapshot: Held, wanted: &Wanted) -> Self {
        let ranking = py.detach(|| snapshot.ranked(wanted.by, wanted.is_reversed, &wanted.matching));
        Self { snapshot, ranking }
    }
}

#[pymethods]
impl HostRanking {
    /// How many hosts match.
    fn __len__(&self) -> usize {
        self.ranking.len()
    }

    /// At most `n` hosts after the first `offset`.
    pub fn page(&self, py: Python<'_>, offset: usize, n: usize) -> Vec<Host> {
        let page = py.detach(|| self.ranking.page(offset, n));
        page.into_iter().map(|at| Host(self.snapshot.hosts[at].clone())).collect()
    }

    /// Hits of all that match.
    #[getter]
    fn hits(&self) -> u64 {
        self.ranking.positions().map(|at| self.snapshot.hosts[at].counts.hits()).fold(0, u64::saturating_add)
    }

    /// How many hosts come before the one of this name; None when it is not among them.
    fn position(&self, name: &str) -> Option<usize> {
        self.snapshot.position(name).and_then(|at| self.ranking.rank(at))
    }
}

/// The clients of a snapshot in some order, as `HostRanking`.
#[pyclass(frozen, module = "netmon._core")]
pub struct ClientRanking {
    snapshot: Held,
    ranking: Ranking<usize>,
}

impl ClientRanking {
    pub fn new(py: Python<'_>, snapshot: Held, wanted: &Wanted) -> Self {
        let ranking = py.detach(|| snapshot.ranked_clients(wanted.by, wanted.is_reversed, &wanted.matching));
        Self { snapshot, ranking }
    }
}

#[pymethods]
impl ClientRanking {
    /// How many clients match.
    fn __len__(&self) -> usize {
        self.ranking.len()
    }

    /// At most `n` clients after the first `offset`.
    pub fn page(&self, py: Python<'_>, offset: usize, n: usize) -> Vec<Client> {
        let page = py.detach(|| self.ranking.page(offset, n));
        page.into_iter().map(|at| Client(self.snapshot.clients[at].clone())).collect()
    }

    /// Hits of all that match.
    #[getter]
    fn hits(&self) -> u64 {
        self.ranking.positions().map(|at| self.snapshot.clients[at].counts.hits()).fold(0, u64::saturating_add)
    }

    /// How many clients come before the one of this address; None when it is not among them.
    fn position(&self, address: &str) -> Option<usize> {
        self.snapshot.client_position(address).and_then(|at| self.ranking.rank(at))
    }
}

/// The sections of all hosts of a snapshot in some order, as `HostRanking`; `Section.host` says whose it is.
#[pyclass(frozen, module = "netmon._core")]
pub struct SectionRanking {
    snapshot: Held,
    ranking: Ranking<(usize, usize)>,
}

impl SectionRanking {
    pub fn new(py: Python<'_>, snapshot: Held, wanted: &Wanted) -> Self {
        let ranking = py.detach(|| snapshot.ranked_sections(wanted.by, wanted.is_reversed, &wanted.matching));
        Self { snapshot, ranking }
    }
}

#[pymethods]
impl SectionRanking {
    /// How many sections match.
    fn __len__(&self) -> usize {
        self.ranking.len()
    }

    /// At most `n` sections after the first `offset`.
    pub fn page(&self, py: Python<'_>, offset: usize, n: usize) -> Vec<Section> {
        let page = py.detach(|| self.ranking.page(offset, n));
        page.into_iter().map(|(host, at)| Section::new(&self.snapshot.hosts[host], at)).collect()
    }

    /// How many sections come before this one; None when it is not among them.
    fn position(&self, host: &str, path: &str) -> Option<usize> {
        let at = self.snapshot.position(host)?;
        let section = self.snapshot.hosts[at].position(path)?;
        self.ranking.rank((at, section))
    }
}

/// The sections of one host in some order, as `HostRanking`.
#[pyclass(frozen, module = "netmon._core")]
pub struct PathRanking {
    host: std::sync::Arc<crate::pipeline::snapshot::Host>,
    ranking: Ranking<usize>,
}

impl PathRanking {
    pub fn new(host: std::sync::Arc<crate::pipeline::snapshot::Host>, wanted: &Wanted) -> Self {
        let ranking = host.ranked_sections(wanted.by, wanted.is_reversed, &wanted.matching);
        Self { host, ranking }
    }
}

#[pymethods]
impl PathRanking {
    /// How many sections match.
    fn __len__(&self) -> usize {
        self.ranking.len()
    }

    /// At most `n` sections after the first `offset`.
    pub fn page(&self, offset: usize, n: usize) -> Vec<Section> {
        self.ranking.page(offset, n).into_iter().map(|at| Section::new(&self.host, at)).collect()
    }

    /// How many sections come before the one of this path; None when it is not among them.
    fn position(&self, path: &str) -> Option<usize> {
        self.host.position(path).and_then(|at| self.ranking.rank(at))
    }
}
