//! Interfaces: their traffic and their state.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::counts::{Tcp, Traffic};
use super::tables::Row;
use super::values;
use crate::pipeline::packet::Timestamp;

/// What an interface is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum InterfaceState {
    /// Being captured.
    #[default]
    Up,
    /// Came up in this interval.
    New,
    /// Gone or down.
    Down,
}

/// One interface.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Interface {
    /// As the system calls it; of a file, its path.
    #[serde(deserialize_with = "values::name")]
    pub name: Arc<str>,
    /// Its traffic.
    #[serde(flatten)]
    pub traffic: Traffic,
    /// Health of the connections first seen there.
    pub tcp: Tcp,
    /// As of `at`.
    pub state: InterfaceState,
    /// Since when it is watched, if it came up after the capture began. As of `at`.
    #[serde(with = "values::maybe_time", skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// When the state was looked at; of two, the later one holds.
    #[serde(skip)]
    pub at: Timestamp,
}

impl Row for Interface {
    fn key(&self) -> &Arc<str> {
        &self.name
    }
    fn absorb(&mut self, other: &Self) {
        self.traffic.merge(&other.traffic);
        self.tcp.merge(&other.tcp);
        let latest = (self.at, self.state, self.since).max((other.at, other.state, other.since));
        (self.at, self.state, self.since) = latest;
    }
}
