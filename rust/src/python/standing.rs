//! The class `Standing`, and what a caller asks a ranking for.

use std::sync::{Arc, LazyLock};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::pattern::Pattern;
use crate::pipeline::snapshot::{self, Kind, Ranking, RowName, SortKey, Weighing};

/// The path in the name of a row that is not a section.
pub static NOWHERE: LazyLock<Arc<str>> = LazyLock::new(Arc::default);

/// Steady weights of rows: a ranking that gets them keeps rows in their places while figures jitter. ``Standing()``
/// has no rows.
///
/// The steady weight of a row changes only when the average of the last seconds differs from it by more than mere
/// jitter.
#[pyclass(frozen, module = "netmon._core")]
#[derive(Default)]
pub struct Standing(pub Arc<snapshot::Standing>);

#[pymethods]
impl Standing {
    #[new]
    fn new() -> Self {
        Self::default()
    }

    /// The standing `seconds` later; `rows` are names and present weights. For tables that are not made by a
    /// ranking.
    ///
    /// With `covered`, a weight is the number of events in that many seconds, which jitters by its square root.
    #[pyo3(signature = (rows, seconds, covered = None))]
    fn then(&self, rows: Vec<(String, f64)>, seconds: f64, covered: Option<f64>) -> Self {
        let kind = if covered.is_some() { Kind::Count } else { Kind::Level };
        let weighing = Weighing { kind, passed: seconds, covered: covered.unwrap_or(1.0) };
        let mut rows: Vec<(RowName, f64)> =
            rows.into_iter().map(|(name, weight)| ((name.into(), NOWHERE.clone()), weight)).collect();
        rows.sort_by(|a, b| a.0.cmp(&b.0));
        rows.dedup_by(|a, b| a.0 == b.0);
        Self(Arc::new(self.0.then(rows.into_iter(), weighing)))
    }

    /// The steady weight of each row, by name. Sections of several hosts are left out.
    #[getter]
    fn weights(&self) -> std::collections::HashMap<String, f64> {
        let named = self.0.rows().filter(|((_, path), _)| path.is_empty());
        named.map(|((name, _), weight)| (name.to_string(), weight)).collect()
    }
}

/// What a caller asks a ranking for: the order of rows, and which rows match.
pub struct Wanted {
    pub by: SortKey,
    pub is_reversed: bool,
    pub matching: snapshot::Matching,
    before: Arc<snapshot::Standing>,
    /// Seconds since `before`, and seconds of the window. `None` if rows are ranked by what they weigh now.
    seconds: Option<(f64, f64)>,
}

impl Wanted {
    pub fn new(by: &str, is_reversed: bool, matching: Pattern<'_>) -> PyResult<Self> {
        let key = SortKey::from_name(by).ok_or_else(|| {
            let known = SortKey::ALL.map(|(name, _)| name).join(", ");
            PyValueError::new_err(format!("rows can be ranked by {known}, not by {by:?}"))
        })?;
        Ok(Self { by: key, is_reversed, matching: matching.into(), before: Arc::default(), seconds: None })
    }

    /// Ranks rows by how they stood `before`, if that is given. `seconds` are those since then, and those of the
    /// window.
    pub fn after(self, before: Option<&Standing>, seconds: (f64, f64)) -> Self {
        match before {
            Some(before) => Self { before: before.0.clone(), seconds: Some(seconds), ..self },
            None => self,
        }
    }

    /// Returns how the rows of a ranking stand. Empty if rows are ranked by what they weigh now.
    pub fn standing<P: Copy + Ord>(
        &self,
        ranking: &mut Ranking<P>,
        place: impl Fn(P) -> RowName,
    ) -> Arc<snapshot::Standing> {
        match self.seconds {
            Some(seconds) => Arc::new(ranking.stand(&self.before, self.by, seconds, place)),
            None => Arc::default(),
        }
    }
}
