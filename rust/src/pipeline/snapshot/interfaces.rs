//! The table of interfaces: their traffic and their state.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::counts::{Tcp, Traffic};
use super::tables::Row;
use super::values;
use crate::pipeline::packet::Timestamp;

/// State of an interface.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum InterfaceState {
    /// Packets are captured on it.
    #[default]
    Up,
    /// It came up in this interval.
    New,
    /// It is down, or it was removed.
    Down,
}

/// One interface.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Interface {
    /// Its name on the system, or the path of a capture file.
    #[serde(deserialize_with = "values::name")]
    pub name: Arc<str>,
    /// Its traffic.
    #[serde(flatten)]
    pub traffic: Traffic,
    /// Health of the connections that were first seen on it.
    pub tcp: Tcp,
    /// State at the instant `at`.
    pub state: InterfaceState,
    /// Since when it is watched, if it came up after the capture began. Like the state, it is that of the instant `at`.
    #[serde(with = "values::maybe_time", skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Why nothing is captured from it, although something should be. `None` if all is well, or if it was removed and
    /// nobody asked for it by name. Like the state, it is that of the instant `at`.
    #[serde(deserialize_with = "values::problem", skip_serializing_if = "Option::is_none")]
    pub problem: Option<Arc<str>>,
    /// True if it was removed and nobody asked for it by name. Like the state, it is that of the instant `at`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub removed: bool,
    /// When the state was determined. Merging keeps the later state.
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
        let theirs = (other.at, other.state, other.since, &other.problem, other.removed);
        if (self.at, self.state, self.since, &self.problem, self.removed) < theirs {
            self.problem.clone_from(&other.problem);
            (self.at, self.state, self.since, self.removed) = (other.at, other.state, other.since, other.removed);
        }
    }
}
