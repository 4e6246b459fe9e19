//! Turns a snapshot into flat records, one for each section of each host, as data frames and CSV writers take them.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDateTime, PyDict, PyList};

use super::value::{seconds, unix, utc};
use crate::pipeline::snapshot::{Counts, Snapshot};

/// Returns all records. Each has the same keys in the same order.
pub fn of<'py>(py: Python<'py>, snapshot: &Snapshot) -> PyResult<Bound<'py, PyList>> {
    let span = snapshot.span.unwrap_or_default();
    let times =
        Times { start: unix(span.0), end: unix(span.1), start_time: utc(py, span.0)?, end_time: utc(py, span.1)? };
    let records = PyList::empty(py);
    for host in py.detach(|| snapshot.top_hosts(usize::MAX)) {
        let host = &snapshot.hosts[host];
        for at in host.top_sections(usize::MAX) {
            let section = &host.sections[at];
            records.append(record(py, &times, &host.name, Some(&section.path), &section.counts)?)?;
        }
        if host.sections.is_empty() {
            records.append(record(py, &times, &host.name, None, &host.counts)?)?;
        }
    }
    Ok(records)
}

struct Times<'py> {
    start: f64,
    end: f64,
    start_time: Bound<'py, PyDateTime>,
    end_time: Bound<'py, PyDateTime>,
}

fn record<'py>(
    py: Python<'py>,
    times: &Times<'py>,
    host: &str,
    section: Option<&str>,
    counts: &Counts,
) -> PyResult<Bound<'py, PyDict>> {
    let class = |first: u16| counts.statuses.sum(|status| status / 100 == first);
    let quantile = |q| counts.latency.quantile(q).map(seconds);
    let record = PyDict::new(py);
    macro_rules! set {
        ($($key:literal: $value:expr,)+) => { $(record.set_item(intern!(py, $key), $value)?;)+ };
    }
    set! {
        "start": times.start,
        "end": times.end,
        "start_time": &times.start_time,
        "end_time": &times.end_time,
        "host": host,
        "section": section,
        "hits": counts.hits(),
        "requests": counts.requests,
        "responses": counts.responses,
        "errors": counts.errors,
        "status_1xx": class(1),
        "status_2xx": class(2),
        "status_3xx": class(3),
        "status_4xx": class(4),
        "status_5xx": class(5),
        "request_bytes": counts.request_bytes,
        "response_bytes": counts.response_bytes,
        "latency_p50": quantile(0.5),
        "latency_p95": quantile(0.95),
        "latency_p99": quantile(0.99),
    }
    Ok(record)
}
