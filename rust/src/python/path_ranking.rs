//! The class `PathRanking`: the sections of one host in some order.

use std::sync::Arc;

use pyo3::prelude::*;

use super::section::Section;
use super::standing::{NOWHERE, Standing, Wanted};
use crate::pipeline::snapshot::{self, Ranking};

/// The sections of one host in some order, like `HostRanking`.
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
    pub fn page(&self, offset: usize, n: usize) -> Vec<Section> {
        self.ranking.page(offset, n).into_iter().map(|at| Section::new(&self.host, at)).collect()
    }

    /// Number of sections before the one with this path; None if the ranking does not have it.
    fn position(&self, path: &str) -> Option<usize> {
        self.host.position(path).and_then(|at| self.ranking.rank(at))
    }
}
