//! Exchanges as Python sees them.

use pyo3::prelude::*;
use pyo3::types::PyDateTime;

use super::class::attributes;
use super::process::Process as ProcessView;
use super::shown;
use super::value::{ClientName, utc};
use crate::pipeline::exchange::exchange_fields;
use crate::pipeline::snapshot::{self, NamedExchange};

/// A request and its final response.
#[pyclass(frozen, module = "netmon._core")]
pub struct Exchange(pub NamedExchange);

/// Makes the attributes from the table of fields.
macro_rules! exchange {
    ($(
        measured { $($(#[doc = $doc:tt])* $(#[serde($($serde:tt)*)])? $field:ident: $type:ty as $python:ty,)* }
        named {
            $($(#[doc = $named_doc:tt])* $(#[serde($($named_serde:tt)*)])? $named:ident: $named_type:ty as $named_python:ty,)*
        }
    )*) => {
        attributes!(Exchange {
            $($($(#[doc = $doc])* $field at measured.$field as $python,)* $($(#[doc = $named_doc])* $named at $named as $named_python,)*)*
        } {
            /// `ts` as a time in UTC, exact to the microsecond.
            #[getter]
            fn time<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDateTime>> {
                utc(py, self.0.measured.ts)
            }
            /// The address in `client` without a port, written like `Client.address` of clients that are not grouped.
            #[getter]
            fn client_address(&self) -> String {
                snapshot::client_name(snapshot::portless(Some(self.0.measured.client.address)))
            }
            fn __repr__(&self) -> String {
                shown::exchange(&self.0)
            }
            fn _repr_html_(&self) -> String {
                shown::exchange_table(&self.0)
            }
        });
    };
}

exchange_fields!(exchange);
