//! Tables in some order as Python sees them: how many rows, a page of them, where one is.

use std::sync::{Arc, LazyLock};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::held::Held;
use super::matching::Pattern;
use super::rows::{Client, Host, Section};
use crate::pipeline::snapshot::{self, Key, Kind, Place, Ranking, Weighing};

/// The path of what is no section.
static NOWHERE: LazyLock<Arc<str>> = LazyLock::new(Arc::default);

/// How rows stand on average, so that a table holds still while figures jitter: what the next ranking goes by.
/// ``Standing()`` knows no row.
///
/// A row keeps its weight until the average of the last seconds has left it by more than figures jitter.
#[pyclass(frozen, module = "netmon._core")]
#[derive(Default)]
pub struct Standing(Arc<snapshot::Standing>);

#[pymethods]
impl Standing {
    #[new]
    fn new() -> Self {
        Self::default()
    }

    /// The standing `seconds` later, of rows with what they weigh then: for tables that no ranking puts in order.
    ///
    /// With `covered`, weights say how often something happened in so many seconds, which jitters by its root.
    #[pyo3(signature = (rows, seconds, covered = None))]
    fn then(&self, rows: Vec<(String, f64)>, seconds: f64, covered: Option<f64>) -> Self {
        let kind = if covered.is_some() { Kind::Count } else { Kind::Level };
        let weighing = Weighing { kind, passed: seconds, covered: covered.unwrap_or(1.0) };
        let mut rows: Vec<(Place, f64)> =
            rows.into_iter().map(|(name, weight)| ((name.into(), NOWHERE.clone()), weight)).collect();
        rows.sort_by(|a, b| a.0.cmp(&b.0));
        rows.dedup_by(|a, b| a.0 == b.0);
        Self(Arc::new(self.0.then(rows.into_iter(), weighing)))
    }

    /// What each row stands by, by name; sections of several hosts are left out.
    #[getter]
    fn weights(&self) -> std::collections::HashMap<String, f64> {
        let named = self.0.rows().filter(|((_, path), _)| path.is_empty());
        named.map(|((name, _), weight)| (name.to_string(), weight)).collect()
    }
}

/// What somebody wants to see.
pub struct Wanted {
    by: Key,
    is_reversed: bool,
    matching: snapshot::Matching,
    before: Arc<snapshot::Standing>,
    /// Since then, and those of the window; None where rows are ranked by what they weigh now.
    seconds: Option<(f64, f64)>,
}

impl Wanted {
    pub fn new(by: &str, is_reversed: bool, matching: Pattern<'_>) -> PyResult<Self> {
        let key = Key::from_name(by).ok_or_else(|| {
            let known = Key::ALL.map(|(name, _)| name).join(", ");
            PyValueError::new_err(format!("rows are ranked by one of {known}, not {by:?}"))
        })?;
        Ok(Self { by: key, is_reversed, matching: matching.into(), before: Arc::default(), seconds: None })
    }

    /// Goes by how rows stood so many seconds before, where that is known.
    pub fn after(self, before: Option<&Standing>, seconds: (f64, f64)) -> Self {
        match before {
            Some(before) => Self { before: before.0.clone(), seconds: Some(seconds), ..self },
            None => self,
        }
    }

    fn standing<P: Copy + Ord>(&self, ranking: &mut Ranking<P>, place: impl Fn(P) -> Place) -> Arc<snapshot::Standing> {
        match self.seconds {
            Some(seconds) => Arc::new(ranking.stand(&self.before, self.by, seconds, place)),
            None => Arc::default(),
        }
    }
}

/// The hosts of a snapshot in some order. Ranks are computed once, pages are selected: no call sorts all rows.
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
    /// How many hosts match.
    fn __len__(&self) -> usize {
        self.ranking.len()
    }

    /// How its rows stand; knows no row where it was ranked without `after`.
    #[getter]
    fn standing(&self) -> Standing {
        Standing(self.standing.clone())
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
    /// How many clients match.
    fn __len__(&self) -> usize {
        self.ranking.len()
    }

    /// How its rows stand; knows no row where it was ranked without `after`.
    #[getter]
    fn standing(&self) -> Standing {
        Standing(self.standing.clone())
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
    /// How many sections match.
    fn __len__(&self) -> usize {
        self.ranking.len()
    }

    /// How its rows stand; knows no row where it was ranked without `after`.
    #[getter]
    fn standing(&self) -> Standing {
        Standing(self.standing.clone())
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
    host: Arc<snapshot::Host>,
    ranking: Ranking<usize>,
    standing: Arc<snapshot::Standing>,
}

impl PathRanking {
    pub fn new(host: Arc<snapshot::Host>, wanted: &Wanted) -> Self {
        let mut ranking = host.ranked_sections(wanted.by, wanted.is_reversed, &wanted.matching);
        let standing = wanted.standing(&mut ranking, |at| (host.sections[at].path.clone(), NOWHERE.clone()));
        Self { host, ranking, standing }
    }
}

#[pymethods]
impl PathRanking {
    /// How many sections match.
    fn __len__(&self) -> usize {
        self.ranking.len()
    }

    /// How its rows stand; knows no row where it was ranked without `after`.
    #[getter]
    fn standing(&self) -> Standing {
        Standing(self.standing.clone())
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
