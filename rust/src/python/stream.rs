//! Open streams of connections as Python sees them.

use pyo3::prelude::*;

use super::class::attributes;
use super::shown;
use super::value::IntoPython;
use crate::pipeline::snapshot::{OpenStream, OpenStreams, stream_fields};

/// An open stream of an HTTP/2 connection, as it was at the end of the interval.
#[pyclass(frozen, module = "netmon._core")]
pub struct Stream(pub OpenStream);

impl IntoPython<Vec<Stream>> for &OpenStreams {
    fn into_python(self) -> Vec<Stream> {
        self.iter().cloned().map(Stream).collect()
    }
}

/// Makes the attributes from the table of fields.
macro_rules! stream {
    ($($(#[doc = $doc:tt])* $(#[serde($($serde:tt)*)])? $field:ident: $type:ty as $python:ty,)*) => {
        attributes!(Stream { $($(#[doc = $doc])* $field at $field as $python,)* } {
            fn __repr__(&self) -> String {
                shown::stream(&self.0)
            }
        });
    };
}

stream_fields!(stream);
