//! Connections as Python sees them.

use pyo3::prelude::*;

use super::class::attributes;
use super::process::Process as ProcessView;
use super::shown;
use super::stream::Stream as StreamView;
use crate::pipeline::snapshot::{self, connection_fields};

/// A connection as it was at the end of its interval.
#[pyclass(frozen, module = "netmon._core")]
pub struct Connection(pub snapshot::Connection);

/// Makes the attributes from the table of fields.
macro_rules! connection {
    ($($(#[doc = $doc:tt])* $(#[serde($($serde:tt)*)])? $field:ident: $type:ty as $python:ty,)*) => {
        attributes!(Connection { $($(#[doc = $doc])* $field at $field as $python,)* } {
            /// `retransmitted` divided by `segments`; 0.0 if there are no segments.
            #[getter]
            fn retransmitted_share(&self) -> f64 {
                self.0.retransmitted as f64 / self.0.segments.max(1) as f64
            }
            fn __repr__(&self) -> String {
                shown::connection(&self.0)
            }
            fn _repr_html_(&self) -> String {
                shown::connection_table(&self.0)
            }
        });
    };
}

connection_fields!(connection);
