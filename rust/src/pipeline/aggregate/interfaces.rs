//! Counts by interface: traffic, and the health of connections that belong to no host. Names and states of interfaces
//! come from the edge that captures packets.

use std::sync::Arc;

use crate::pipeline::exchange::Protocol;
use crate::pipeline::histogram::Histogram;
use crate::pipeline::name;
use crate::pipeline::packet::{InterfaceId, Timestamp};
use crate::pipeline::snapshot::{Interface, InterfaceState, OTHER, Tcp, Traffic, sort_rows};

/// With at most this many interfaces up, each interval lists silent interfaces too. With more, they would cost too much.
const ROLL_CALL: usize = 128;

/// Packets and bytes of connections that speak one protocol.
#[derive(Clone, Copy, Debug, Default)]
struct Passed {
    packets: u64,
    bytes: u64,
}

/// An interface in the open interval.
#[derive(Clone, Debug)]
pub struct InterfaceRow {
    name: Arc<str>,
    state: InterfaceState,
    since: Option<Timestamp>,
    /// Why nothing is captured from it, although something should be.
    problem: Option<Arc<str>>,
    removed: bool,
    /// True if the name or the state was set in this interval.
    is_news: bool,
    packets: u64,
    bytes: u64,
    /// Packets and bytes of connections whose protocol is known, in the order of [`Protocol::ALL`].
    by_protocol: [Passed; Protocol::ALL.len()],
    /// Health of connections without a host, and of hosts whose home is another interface. Closing the interval adds
    /// the health of hosts whose home is this interface, see [`Interfaces::add_health`].
    pub tcp: Tcp,
}

impl InterfaceRow {
    fn new() -> Self {
        Self {
            name: "".into(),
            state: InterfaceState::Up,
            since: None,
            problem: None,
            removed: false,
            is_news: false,
            packets: 0,
            bytes: 0,
            by_protocol: Default::default(),
            tcp: Tcp::default(),
        }
    }

    /// Counts a packet. `protocol` is the protocol of its connection, if known.
    #[inline]
    pub fn packet(&mut self, bytes: u64, protocol: Option<Protocol>) {
        self.packets += 1;
        self.bytes += bytes;
        if let Some(protocol) = protocol {
            let passed = &mut self.by_protocol[protocol as usize];
            passed.packets += 1;
            passed.bytes += bytes;
        }
    }

    /// Adds the counts of another row.
    fn absorb(&mut self, other: &Self) {
        self.packets += other.packets;
        self.bytes += other.bytes;
        for (mine, theirs) in self.by_protocol.iter_mut().zip(other.by_protocol) {
            mine.packets += theirs.packets;
            mine.bytes += theirs.bytes;
        }
        self.tcp.merge(&other.tcp);
    }

    fn has_counted(&self) -> bool {
        self.packets > 0 || self.tcp != Tcp::default()
    }

    fn take_traffic(&mut self) -> Traffic {
        let (packets, bytes) = (std::mem::take(&mut self.packets), std::mem::take(&mut self.bytes));
        let mut traffic = Traffic { packets, bytes, ..Traffic::default() };
        for (protocol, passed) in Protocol::ALL.into_iter().zip(std::mem::take(&mut self.by_protocol)) {
            traffic.add(protocol, passed.packets, passed.bytes);
        }
        traffic
    }
}

/// All interfaces, by number.
#[derive(Debug, Default)]
pub struct Interfaces {
    rows: Vec<InterfaceRow>,
    /// Counts of this interval under names that interfaces no longer have.
    renamed: Vec<InterfaceRow>,
}

impl Interfaces {
    /// Sets the name and the state of an interface. Interfaces may be set in any order. An interface that gets another
    /// name counts in a new row.
    pub fn set(&mut self, id: InterfaceId, name: &str, state: InterfaceState) {
        let at = usize::from(id.min(InterfaceId::OTHER).0);
        while self.rows.len() <= at {
            self.rows.push(InterfaceRow::new());
        }
        let row = &mut self.rows[at];
        let name: Arc<str> =
            if id < InterfaceId::OTHER { name::clean(name, name::MAX_PATH) } else { OTHER.into() }.into();
        if row.name != name && row.has_counted() {
            let mut before = std::mem::replace(row, InterfaceRow::new());
            if self.renamed.len() >= InterfaceId::MOST {
                before.name = OTHER.into();
            }
            self.rename_row(before);
        }
        let row = &mut self.rows[at];
        (row.name, row.state, row.is_news) = (name, state, true);
        (row.problem, row.removed) = (None, false);
    }

    /// Gives an interface another name. What was counted under the name before is told once more, as that of an
    /// interface that is down.
    pub fn rename(&mut self, id: InterfaceId, name: &str) {
        let row = self.at(id);
        let since = row.since;
        let before = std::mem::replace(row, InterfaceRow::new());
        self.rename_row(InterfaceRow {
            state: InterfaceState::Down,
            removed: true,
            is_news: true,
            problem: None,
            ..before
        });
        self.set(id, name, InterfaceState::Up);
        self.at(id).since = since;
    }

    /// Tells why nothing is captured from an interface, which is down. Until the state is set again, each interval
    /// lists it.
    pub fn set_problem(&mut self, id: InterfaceId, label: &str, problem: &str) {
        self.set(id, label, InterfaceState::Down);
        self.at(id).problem = Some(name::clean(problem, name::MAX_PATH).into());
    }

    /// Tells that an interface was removed.
    pub fn remove(&mut self, id: InterfaceId, name: &str) {
        self.set(id, name, InterfaceState::Down);
        self.at(id).removed = true;
    }

    /// Lists an interface no longer for its problem.
    pub fn forget_problem(&mut self, id: InterfaceId) {
        self.at(id).problem = None;
    }

    /// Keeps the counts of a name that an interface no longer has. Beyond [`InterfaceId::MOST`] names, all further
    /// counts go to one row, [`OTHER`].
    fn rename_row(&mut self, before: InterfaceRow) {
        let is_full = self.renamed.len() > InterfaceId::MOST;
        match self.renamed.last_mut().filter(|_| is_full) {
            Some(other) => other.absorb(&before),
            None => self.renamed.push(before),
        }
    }

    /// Sets since when an interface is watched, for an interface that came up after the capture began.
    pub fn set_watched_since(&mut self, id: InterfaceId, since: Option<Timestamp>) {
        self.at(id).since = since;
    }

    /// Returns the row of an interface. An interface without a name is named after its number, such as `#3`.
    #[inline]
    pub fn at(&mut self, id: InterfaceId) -> &mut InterfaceRow {
        let at = usize::from(id.0);
        if at < self.rows.len() {
            return &mut self.rows[at];
        }
        self.set_unnamed(id.min(InterfaceId::OTHER));
        &mut self.rows[at.min(InterfaceId::MOST)]
    }

    #[cold]
    fn set_unnamed(&mut self, id: InterfaceId) {
        self.set(id, &format!("#{}", id.0), InterfaceState::Up);
    }

    /// Returns the row of an interface, `None` if it was neither named nor had a packet.
    fn known(&mut self, id: InterfaceId) -> Option<&mut InterfaceRow> {
        self.rows.get_mut(usize::from(id.0).min(InterfaceId::MOST))
    }

    /// The name of an interface as text, empty if it has no row.
    pub fn text(&self, id: InterfaceId) -> &[u8] {
        self.rows.get(usize::from(id.0).min(InterfaceId::MOST)).map_or(b"", |row| row.name.as_bytes())
    }

    /// Returns the name of an interface, empty if it has no row.
    pub fn name(&mut self, id: InterfaceId) -> Arc<str> {
        self.known(id).map_or_else(|| "".into(), |row| row.name.clone())
    }

    /// Adds the health of a host's connections that were observed on this interface.
    pub fn add_health(&mut self, id: InterfaceId, tcp: &Tcp) {
        if let Some(row) = self.known(id) {
            row.tcp.merge(tcp);
        }
    }

    /// Calls `look` with every histogram of the interval.
    pub fn each_histogram(&mut self, look: &mut impl FnMut(&mut Histogram)) {
        let rows = self.rows.iter_mut().chain(&mut self.renamed);
        rows.flat_map(|row| row.tcp.histograms_mut()).for_each(look);
    }

    /// Takes all counts of the interval that ends at `end`. Names and states stay; [`InterfaceState::New`] becomes
    /// `Up`.
    pub fn take(&mut self, end: Timestamp) -> Vec<Interface> {
        // Rows of interfaces that are gone stay, so that their numbers can be given out again.
        let is_listed = self.rows.iter().filter(|row| row.state != InterfaceState::Down).count() <= ROLL_CALL;
        let mut interfaces: Vec<Interface> = self
            .renamed
            .iter_mut()
            .chain(&mut self.rows)
            .filter(|row| {
                let is_up = row.state != InterfaceState::Down;
                row.is_news || row.problem.is_some() || is_up && is_listed || row.has_counted()
            })
            .map(|row| Interface {
                name: row.name.clone(),
                traffic: row.take_traffic(),
                tcp: std::mem::take(&mut row.tcp),
                state: row.state,
                since: row.since,
                problem: row.problem.clone(),
                removed: row.removed,
                at: end,
            })
            .collect();
        self.renamed.clear();
        // Several files, or several interfaces of one file, may have the same name.
        sort_rows(&mut interfaces);
        for row in &mut self.rows {
            row.is_news = false;
            if row.state == InterfaceState::New {
                row.state = InterfaceState::Up;
            }
        }
        interfaces
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_listed_until_it_is_over_and_a_removed_interface_once() {
        let mut interfaces = Interfaces::default();
        let mut told = |change: &dyn Fn(&mut Interfaces)| {
            change(&mut interfaces);
            let taken = interfaces.take(Timestamp(1));
            taken.into_iter().map(|one| (one.state, one.problem.as_deref().map(str::to_owned))).collect::<Vec<_>>()
        };
        let id = InterfaceId(0);
        assert_eq!(told(&|all| all.set(id, "eth0", InterfaceState::Up)), [(InterfaceState::Up, None)]);
        let down = [(InterfaceState::Down, Some("it is down".to_owned()))];
        assert_eq!(told(&|all| all.set_problem(id, "eth0", "it is down")), down);
        assert_eq!(told(&|_| {}), down);
        assert_eq!(told(&|all| all.set(id, "eth0", InterfaceState::New)), [(InterfaceState::New, None)]);
        assert_eq!(told(&|all| all.set(id, "eth0", InterfaceState::Down)), [(InterfaceState::Down, None)]);
        assert_eq!(told(&|_| {}), []);
        assert_eq!(told(&|all| all.set_problem(id, "eth0", "it is down")), down);
        assert_eq!(told(&|all| all.forget_problem(id)), []);
    }

    #[test]
    fn a_renamed_interface_counts_on_under_its_new_name() {
        let mut interfaces = Interfaces::default();
        let id = InterfaceId(0);
        interfaces.set(id, "eth0", InterfaceState::Up);
        interfaces.set_watched_since(id, Some(Timestamp(5)));
        interfaces.at(id).packet(100, None);
        interfaces.rename(id, "wan0");
        interfaces.at(id).packet(7, None);
        let told = interfaces.take(Timestamp(9));
        let told: Vec<_> = told.iter().map(|one| (&*one.name, one.state, one.traffic.bytes, one.since)).collect();
        let since = Some(Timestamp(5));
        assert_eq!(told, [("eth0", InterfaceState::Down, 100, since), ("wan0", InterfaceState::Up, 7, since)]);
        assert_eq!(interfaces.take(Timestamp(10)).len(), 1);
    }

    #[test]
    fn http_traffic_is_that_of_the_protocols_that_are_http_under_every_name_of_an_interface() {
        let mut interfaces = Interfaces::default();
        let names = InterfaceId::MOST + 3;
        for name in 0..names {
            interfaces.set(InterfaceId(0), &format!("eth{name}"), InterfaceState::Up);
            interfaces.at(InterfaceId(0)).packet(1 << 20, None);
            for (at, protocol) in Protocol::ALL.into_iter().enumerate() {
                (0..=at).for_each(|_| interfaces.at(InterfaceId(0)).packet(100 + at as u64, Some(protocol)));
            }
        }
        let taken = interfaces.take(Timestamp(1));
        let sum = |of: fn(&Traffic) -> u64| taken.iter().map(|interface| of(&interface.traffic)).sum::<u64>();
        let names = names as u64;
        assert_eq!(sum(|traffic| traffic.packets), names * 46);
        assert_eq!(sum(|traffic| traffic.http_packets), names * 10);
        assert_eq!(sum(|traffic| traffic.http_bytes), names * 1020);
        for Interface { traffic, .. } in &taken {
            assert_eq!(traffic.http_bytes, traffic.protocols.sum(Protocol::is_http));
            assert_eq!(traffic.protocols.iter().len(), Protocol::ALL.len());
        }
        assert_eq!(interfaces.take(Timestamp(2))[0].traffic, Traffic::default());
    }
}
