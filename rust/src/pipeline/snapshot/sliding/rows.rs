//! The rows of a snapshot that a [`super::Sliding`] reads.

use std::borrow::Cow;
use std::sync::Arc;

use super::super::counts::{Counts, Traffic};
use super::super::interfaces::InterfaceState;
use super::super::limits::OTHER;
use super::super::merge::Snapshot;
use super::super::per::Per;
use super::super::subsets::{self, Subset};
use super::super::tables::RowName;
use super::amount::Parts;
use crate::pipeline::filter::{Facts, Field, Filter, Party};

impl Per {
    /// Calls `each` for the rows of a snapshot, without those for the rest. With a filter, only rows that it admits for
    /// sure are read: sections or whole hosts, clients, or interfaces, whatever it is about. A row of several of them
    /// is called several times.
    pub fn rows(
        self,
        snapshot: &Snapshot,
        filter: Option<&Filter>,
        none: &Arc<str>,
        mut each: impl FnMut(RowName, Parts<'_>),
    ) {
        let is_about =
            |field| filter.is_some_and(|filter| filter.terms().iter().any(|term| term.field() == Some(field)));
        let table = match self {
            Self::All if filter.is_none() => return each((none.clone(), none.clone()), whole(snapshot)),
            Self::All | Self::Host if is_about(Field::Section) => Self::Section,
            Self::All if is_about(Field::Client) => Self::Client,
            Self::All if is_about(Field::Interface) => Self::Interface,
            Self::All => Self::Host,
            other => other,
        };
        table.each(snapshot, filter, none, |(name, path), parts| match self {
            Self::All => each((none.clone(), none.clone()), parts),
            Self::Host => each((name, none.clone()), parts),
            _ => each((name, path), parts),
        });
    }

    /// Calls `each` for the rows of a subset, if the snapshot has the subset with these rows.
    pub fn rows_of_subset(self, snapshot: &Snapshot, text: &str, mut each: impl FnMut(RowName, Parts<'_>)) {
        for row in subsets::find(&snapshot.subsets, text, self).into_iter().flat_map(Subset::named) {
            each(self.row_name(&row.name), counted(&row.counts));
        }
    }

    /// Calls `each` for the rows of one table that the filter admits.
    fn each(
        self,
        snapshot: &Snapshot,
        filter: Option<&Filter>,
        none: &Arc<str>,
        mut each: impl FnMut(RowName, Parts<'_>),
    ) {
        let admits = |facts: &Facts<'_>| filter.is_none_or(|filter| filter.admits(facts) == Some(true));
        let is_named = |name: &Arc<str>| &**name != OTHER;
        match self {
            Self::All | Self::Outcome | Self::Process => {}
            Self::Host => {
                for host in snapshot.hosts.iter().filter(|host| is_named(&host.name)) {
                    if admits(&Facts { host: Some(host.name.as_bytes()), ..Facts::default() }) {
                        let parts = Parts { tcp: Some(&host.tcp), ..counted(&host.counts) };
                        each((host.name.clone(), none.clone()), parts);
                    }
                }
            }
            Self::Section => {
                for host in snapshot.hosts.iter().filter(|host| is_named(&host.name)) {
                    for section in host.sections.iter().filter(|section| is_named(&section.path)) {
                        let (name, path) = (Some(host.name.as_bytes()), Some(section.path.as_bytes()));
                        if admits(&Facts { host: name, section: path, ..Facts::default() }) {
                            each((host.name.clone(), section.path.clone()), counted(&section.counts));
                        }
                    }
                }
            }
            Self::Client => {
                for client in snapshot.clients.iter().filter(|client| is_named(&client.address)) {
                    if admits(&Facts { client: Some(Party::Named(&client.address)), ..Facts::default() }) {
                        each((client.address.clone(), none.clone()), counted(&client.counts));
                    }
                }
            }
            Self::Interface => {
                for interface in snapshot.interfaces.iter().filter(|interface| is_named(&interface.name)) {
                    if admits(&Facts { interface: Some(interface.name.as_bytes()), ..Facts::default() }) {
                        let (tcp, traffic) = (Some(&interface.tcp), Some(Cow::Borrowed(&interface.traffic)));
                        let is_present = interface.state != InterfaceState::Down;
                        let parts = Parts { tcp, traffic, is_present, ..Parts::default() };
                        each((interface.name.clone(), none.clone()), parts);
                    }
                }
            }
        }
    }
}

fn counted(counts: &Counts) -> Parts<'_> {
    Parts { counts: Some(counts), ..Parts::default() }
}

fn whole(snapshot: &Snapshot) -> Parts<'_> {
    let mut traffic = Traffic::default();
    snapshot.interfaces.iter().for_each(|interface| traffic.merge(&interface.traffic));
    let (tcp, capture) = (Some(&snapshot.tcp), Some(&snapshot.capture));
    Parts { tcp, capture, traffic: Some(Cow::Owned(traffic)), ..counted(&snapshot.counts) }
}
