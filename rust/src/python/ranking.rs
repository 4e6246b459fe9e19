//! The classes of rankings: rows in some order, page by page, and the place of a row.

use std::sync::Arc;

use pyo3::prelude::*;

use super::client::Client;
use super::held::Held;
use super::host::Host;
use super::section::Section;
use super::standing::{NOWHERE, Standing, Wanted};
use crate::pipeline::snapshot::{self, Ranking};

/// The hosts of a snapshot in some order. Ranks are computed once; a page is selected without sorting all rows.
#[pyclass(frozen, module = "netmon._core")]
pub struct HostRanking {
    snapshot: Held,
    ranking: Ranking<usize>,
    standing: Arc<snapshot::Standing>,
}

impl HostRanking {
    pub fn new(py: Python<'_>, snapshot: Held, wanted: &Wanted) -> Self {
        let (ranking, standing) = py.detach(|| {
            let mut ranking = snapshot.ranked(wanted.by, wanted.is_reversed, &wanted.matching);
            let place = |at: usize| (snapshot.hosts[at].name.clone(), NOWHERE.clone());
            let standing = wanted.standing(&mut ranking, place);
            (ranking, standing)
        });
        Self { snapshot, ranking, standing }
    }
}

#[pymethods]
impl HostRanking {
    /// Number of hosts that match.
    fn __len__(&self) -> usize {
        self.ranking.len()
    }

    /// The steady weights of its rows; has no rows if it was ranked without `after`.
    #[getter]
    fn standing(&self) -> Standing {
        Standing(self.standing.clone())
    }

    /// At most `n` hosts after the first `offset`.
    pub fn page(&self, py: Python<'_>, offset: usize, n: usize) -> Vec<Host> {
        let page = py.detach(|| self.ranking.page(offset, n));
        page.into_iter().map(|at| Host(self.snapshot.hosts[at].clone())).collect()
    }

    /// Hits of all rows that match.
    #[getter]
    fn hits(&self) -> u64 {
        self.ranking.positions().map(|at| self.snapshot.hosts[at].counts.hits()).fold(0, u64::saturating_add)
    }

    /// Number of hosts before the one with this name; None if the ranking does not have it.
    fn position(&self, name: &str) -> Option<usize> {
        self.snapshot.position(name).and_then(|at| self.ranking.rank(at))
    }
}

/// The clients of a snapshot in some order, like `HostRanking`.
#[pyclass(frozen, module = "netmon._core")]
pub struct ClientRanking {
    snapshot: Held,
    ranking: Ranking<usize>,
    standing: Arc<snapshot::Standing>,
}

impl ClientRanking {
    pub fn new(py: Python<'_>, snapshot: Held, wanted: &Wanted) -> Self {
        let (ranking, standing) = py.detach(|| {
            let mut ranking = snapshot.ranked_clients(wanted.by, wanted.is_reversed, &wanted.matching);
            let place = |at: usize| (snapshot.clients[at].address.as_ref().into(), NOWHERE.clone());
            let standing = wanted.standing(&mut ranking, place);
            (ranking, standing)
        });
        Self { snapshot, ranking, standing }
    }
}

#[pymethods]
impl ClientRanking {
    /// Number of clients that match.
    fn __len__(&self) -> usize {
        self.ranking.len()
    }

    /// The steady weights of its rows; has no rows if it was ranked without `after`.
    #[getter]
    fn standing(&self) -> Standing {
        Standing(self.standing.clone())
    }

    /// At most `n` clients after the first `offset`.
    pub fn page(&self, py: Python<'_>, offset: usize, n: usize) -> Vec<Client> {
        let page = py.detach(|| self.ranking.page(offset, n));
        page.into_iter().map(|at| Client(self.snapshot.clients[at].clone())).collect()
    }

    /// Hits of all rows that match.
    #[getter]
    fn hits(&self) -> u64 {
        self.ranking.positions().map(|at| self.snapshot.clients[at].counts.hits()).fold(0, u64::saturating_add)
    }

    /// Number of clients before the one with this address; None if the ranking does not have it.
    fn position(&self, address: &str) -> Option<usize> {
        self.snapshot.client_position(address).and_then(|at| self.ranking.rank(at))
    }
}

/// The sections of all hosts of a snapshot in some order, like `HostRanking`. `Section.host` names the host.
#[pyclass(frozen, module = "netmon._core")]
pub struct SectionRanking {
    snapshot: Held,
    ranking: Ranking<(usize, usize)>,
    standing: Arc<snapshot::Standing>,
}

impl SectionRanking {
    pub fn new(py: Python<'_>, snapshot: Held, wanted: &Wanted) -> Self {
        let (ranking, standing) = py.detach(|| {
            let mut ranking = snapshot.ranked_sections(wanted.by, wanted.is_reversed, &wanted.matching);
            let place = |(at, section): (usize, usize)| {
                let host = &snapshot.hosts[at];
                (host.name.clone(), host.sections[section].path.clone())
            };
            let standing = wanted.standing(&mut ranking, place);
            (ranking, standing)
        });
        Self { snapshot, ranking, standing }
    }
}

#[pymethods]
impl SectionRanking {
    /// Number of sections that match.
    fn __len__(&self) -> usize {
        self.ranking.len()
    }

    /// The steady weights of its rows; has no rows if it was ranked without `after`.
    #[getter]
    fn standing(&self) -> Standing {
        Standing(self.standing.clone())
    }

    /// At most `n` sections after the first `offset`.
    pub fn page(&self, py: Python<'_>, offset: usize, n: usize) -> Vec<Section> {
        let page = py.detach(|| self.ranking.page(offset, n));
        page.into_iter().map(|(host, at)| Section::new(&self.snapshot.hosts[host], at)).collect()
    }

    /// Number of sections before this one; None if the ranking does not have it.
    fn position(&self, host: &str, path: &str) -> Option<usize> {
        let at = self.snapshot.position(host)?;
        let section = self.snapshot.hosts[at].position(path)?;
        self.ranking.rank((at, section))
    }
}
