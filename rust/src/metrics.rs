//! Series for monitoring systems: snapshots in, Prometheus' formats and OpenTelemetry's protocol out.
//!
//! A [`Store`] adds up snapshots for as long as netmon runs. Its number of series has a bound: a host that has series
//! keeps them, and hosts that come after the limit count in `~other`. Nothing ever moves from a host to `~other`, and no
//! counter decreases. [`family`] is the table of all metrics, and `docs/metrics.md` is the contract with users.
//!
//! An encoder takes one [`Family`] after the other, with its points. It sends nothing and knows no clock.

mod durations;
pub mod family;
mod fold;
mod openmetrics;
mod otlp;
mod points;
mod prometheus;
mod protobuf;
mod store;

pub use durations::{BOUNDS, Durations};
pub use family::{Family, Kind};
pub use openmetrics::Text;
pub use otlp::{Form, Otlp, Temporality};
pub use points::{Encode, Point, Value};
pub use prometheus::families;
pub use store::{MAX_HOSTS, Rule, Store};

#[cfg(test)]
mod tests;
