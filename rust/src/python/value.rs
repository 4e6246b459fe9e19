//! Converts single values of the core to Python and back. Durations are nanoseconds in the core and seconds in Python.

use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::Arc;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{IntoPyDict, PyDateTime, PyTzInfo};

use crate::pipeline::decode::Endpoint;
use crate::pipeline::exchange::{Closed, GrpcStatus, Method, Protocol, Spoken};
use crate::pipeline::flow::Stage;
use crate::pipeline::owners::Local;
use crate::pipeline::packet::{SECOND, Timestamp};
use crate::pipeline::snapshot::{Per, client_name};

/// Returns another descriptor of an open file. `OSError` if none is open with this number.
pub fn duplicate(descriptor: i32) -> PyResult<OwnedFd> {
    if descriptor < 0 {
        return Err(PyValueError::new_err(format!("{descriptor} is no descriptor")));
    }
    // SAFETY: the descriptor is only duplicated, which fails if it is not open.
    Ok(unsafe { BorrowedFd::borrow_raw(descriptor) }.try_clone_to_owned()?)
}

pub fn seconds(nanos: u64) -> f64 {
    nanos as f64 / SECOND as f64
}

pub fn unix(ts: Timestamp) -> f64 {
    ts.0 as f64 / SECOND as f64
}

/// Converts a time to a `datetime` in UTC, exact to the microsecond.
pub fn utc(py: Python<'_>, ts: Timestamp) -> PyResult<Bound<'_, PyDateTime>> {
    let micros = ts.0.rem_euclid(SECOND) / 1_000;
    let whole = PyDateTime::from_timestamp(py, ts.0.div_euclid(SECOND) as f64, Some(&*PyTzInfo::utc(py)?))?;
    let fields = [("microsecond", micros)].into_py_dict(py)?;
    Ok(whole.call_method("replace", (), Some(&fields))?.cast_into()?)
}

/// Converts seconds to nanoseconds; `None` if they are infinite. ValueError unless they are above 0.
pub fn nanos(seconds: f64) -> PyResult<Option<i64>> {
    if seconds.is_nan() || seconds <= 0.0 {
        return Err(PyValueError::new_err(format!("the length must be above 0 seconds, not {seconds}")));
    }
    Ok(seconds.is_finite().then_some((seconds * SECOND as f64).round() as i64))
}

/// Converts a value to the Python type `P`. The table of fields of a class names both types.
pub trait IntoPython<P> {
    fn into_python(self) -> P;
}

/// A client: `address:port` of a connection, or the address that a proxy passed on.
#[derive(IntoPyObject)]
#[pyo3(transparent)]
pub struct ClientName(String);

/// Implements conversions, from rows of `core type => Python type: conversion`.
macro_rules! conversions {
    ($($from:ty => $to:ty: $convert:expr;)*) => {
        $(impl<'a> IntoPython<$to> for &'a $from {
            fn into_python(self) -> $to {
                let convert: fn(&'a $from) -> $to = $convert;
                convert(self)
            }
        })*
    };
}

conversions! {
    u16 => u16: |number| *number;
    u32 => u32: |number| *number;
    u64 => u64: |number| *number;
    Option<u16> => Option<u16>: |number| *number;
    Option<u64> => Option<u64>: |number| *number;
    u64 => f64: |nanos| seconds(*nanos);
    Option<u64> => Option<f64>: |nanos| nanos.map(seconds);
    Timestamp => f64: |ts| unix(*ts);
    Option<Timestamp> => Option<f64>: |ts| ts.map(unix);
    Arc<str> => &'a str: |text| text;
    Method => &'a str: |method| method.name();
    bool => bool: |value| *value;
    Option<u32> => Option<u32>: |number| *number;
    Protocol => &'a str: |protocol| protocol.name();
    Option<GrpcStatus> => Option<&'a str>: |status| status.map(GrpcStatus::name);
    Option<Closed> => &'a str: |closed| closed.map_or("", Closed::name);
    Option<Protocol> => &'a str: |protocol| protocol.map_or("", Protocol::name);
    Spoken => &'a str: |spoken| spoken.name();
    Stage => &'a str: |stage| stage.name();
    Local => &'a str: |local| local.name();
    Endpoint => String: |endpoint| endpoint.to_string();
    Endpoint => ClientName: |endpoint| ClientName(client_name(*endpoint));
}

/// The kind of rows with this name; ValueError if there is none.
pub fn per_of(name: &str) -> PyResult<Per> {
    Per::from_name(name).ok_or_else(|| PyValueError::new_err(format!("there are no rows per {name}")))
}
