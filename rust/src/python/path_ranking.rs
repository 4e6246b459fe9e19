//! The class `PathRanking`: the sections of one host in some order.

use std::sync::Arc;

use pyo3::prelude::*;

use super::section::Section;
use super::standing::{NOWHERE, Standing, Wanted};
use crate::pipeline::snapshot::{self, Ranking};

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
