//! What is decided of an interval as a whole, once the parts of all workers are merged.
//!
//! The exchanges of a host and its connections may belong to different workers, and so may the connections to a server. So
//! no worker knows alone which hosts, servers and slowest exchanges are shown.

use std::collections::HashSet;
use std::sync::Arc;

use crate::pipeline::Settings;
use crate::pipeline::aggregate::Listing;
use crate::pipeline::snapshot::{Limits, Snapshot, keep_slowest};

/// Selects what is wanted of merged intervals.
#[derive(Debug)]
pub struct Whole {
    /// The number of slowest exchanges that are listed, if only these are.
    slowest: Option<usize>,
    /// Hosts of which the filter has admitted an exchange; `None` if others are not left out.
    ///
    /// A filter that needs the response does not tell of a connection whether its host is wanted. So workers count the
    /// health of all connections, and hosts without an admitted exchange are left out here.
    admitted: Option<HashSet<Arc<str>>>,
}

impl Whole {
    pub fn new(settings: &Settings) -> Self {
        let settings = &settings.aggregate;
        Self {
            slowest: if let Listing::Slowest(most) = settings.exchanges { Some(most) } else { None },
            admitted: settings.filter.as_ref().filter(|filter| filter.needs().response).map(|_| HashSet::new()),
        }
    }

    /// Removes from a merged interval what is not wanted.
    pub fn select(&mut self, interval: &mut Snapshot) {
        if let Some(most) = self.slowest {
            keep_slowest(&mut interval.exchanges, most);
            interval.exchanges.sort();
        }
        if let Some(admitted) = &mut self.admitted {
            leave_out_others(admitted, interval);
        }
        interval.servers.retain(|server| server.weight() > 0);
    }
}

/// Removes hosts of which no exchange was admitted, in this interval or before. If the names are more than an interval
/// may have hosts, those of earlier intervals are forgotten.
fn leave_out_others(admitted: &mut HashSet<Arc<str>>, interval: &mut Snapshot) {
    if admitted.len() > Limits::default().hosts {
        admitted.clear();
    }
    admitted.extend(interval.hosts.iter().filter(|host| !host.sections.is_empty()).map(|host| host.name.clone()));
    interval.hosts.retain(|host| admitted.contains(&host.name));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::snapshot::{Host, Section};

    fn interval(hosts: &[(&str, bool)]) -> Snapshot {
        let host = |&(name, is_counted): &(&str, bool)| {
            let sections = if is_counted { vec![Arc::new(Section::default())] } else { Vec::new() };
            Arc::new(Host { name: name.into(), sections, ..Host::default() })
        };
        Snapshot { hosts: hosts.iter().map(host).collect(), ..Snapshot::default() }
    }

    #[test]
    fn a_host_is_left_out_until_one_of_its_exchanges_is_admitted() {
        let mut admitted = HashSet::new();
        for (given, want) in [
            (vec![("a", false), ("b", false)], vec![]),
            (vec![("a", true), ("b", false)], vec!["a"]),
            (vec![("a", false), ("b", false)], vec!["a"]),
            (vec![("a", false), ("b", true)], vec!["a", "b"]),
        ] {
            let mut interval = interval(&given);
            leave_out_others(&mut admitted, &mut interval);
            assert_eq!(interval.hosts.iter().map(|host| &*host.name).collect::<Vec<_>>(), want, "{given:?}");
        }
    }

    #[test]
    fn no_more_names_are_remembered_than_two_intervals_have_hosts() {
        let mut admitted = HashSet::new();
        let most = Limits::default().hosts;
        for round in 0..5 {
            let names: Vec<String> = (0..most).map(|number| format!("{round}-{number}")).collect();
            leave_out_others(
                &mut admitted,
                &mut interval(&names.iter().map(|name| (&**name, true)).collect::<Vec<_>>()),
            );
            assert!((most..=2 * most).contains(&admitted.len()));
        }
    }
}
