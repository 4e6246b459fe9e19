//! Counts the connections that speak TLS or QUIC, by the server that their clients named.

use std::collections::hash_map::Entry;
use std::sync::Arc;

use hashbrown::HashMap;

use crate::pipeline::decode::{Endpoint, FlowKey};
use crate::pipeline::exchange::{Protocol, Secured};
use crate::pipeline::histogram::{Histogram, Sample};
use crate::pipeline::name;
use crate::pipeline::snapshot::{OTHER, Server};

/// The servers, and the row of each connection that is tracked.
#[derive(Debug, Default)]
pub struct Servers {
    rows: Vec<ServerRow>,
    /// Rows that are not in use.
    free: Vec<u32>,
    by_name: std::collections::HashMap<Arc<str>, u32>,
    connections: HashMap<FlowKey, Place>,
}

/// The row of a connection.
#[derive(Clone, Copy, Debug)]
struct Place {
    row: u32,
    is_decrypted: bool,
}

#[derive(Debug)]
struct ServerRow {
    server: Server,
    /// Tracked connections that count here.
    users: u32,
}

impl Servers {
    /// Counts a connection. Returns its name if the client gave one, `None` if not or if the connection is known.
    /// `most` limits the number of rows.
    pub fn begin(&mut self, secured: &Secured<'_>, most: usize) -> Option<Arc<str>> {
        if self.connections.contains_key(secured.sides.connection) {
            return None;
        }
        let name = name_of(secured.name.filter(|name| !name.is_empty()), secured.sides.server());
        let row = self.row(&name, most);
        self.connections.insert(*secured.sides.connection, Place { row, is_decrypted: false });
        let ServerRow { server, users } = &mut self.rows[row as usize];
        *users += 1;
        server.connections += 1;
        server.named += u64::from(secured.name.is_some());
        server.quic += u64::from(secured.protocol == Protocol::Quic);
        server.ech += u64::from(secured.has_ech);
        secured.name.map(|_| server.name.clone())
    }

    /// Counts bytes of a connection.
    pub fn bytes(&mut self, connection: &FlowKey, to_server: bool, bytes: u64) {
        if let Some(Place { row, is_decrypted: false }) = self.connections.get(connection) {
            let server = &mut self.rows[*row as usize].server;
            *(if to_server { &mut server.bytes_to_server } else { &mut server.bytes_to_client }) += bytes;
        }
    }

    /// Counts durations of a connection. Returns the number of new buckets.
    pub fn times(&mut self, connection: &FlowKey, round_trip: Option<u64>, handshake: Option<u64>) -> usize {
        let Some(place) = self.connections.get(connection) else { return 0 };
        let Server { round_trip: round_trips, handshake: handshakes, .. } = &mut self.rows[place.row as usize].server;
        let count = |histogram: &mut Histogram, nanos: Option<u64>| {
            nanos.map_or(0, |nanos| histogram.record(Sample::new(nanos)))
        };
        count(round_trips, round_trip) + count(handshakes, handshake)
    }

    /// From now on, the connection is decrypted.
    pub fn decrypt(&mut self, connection: &FlowKey) {
        if let Some(place) = self.connections.get_mut(connection)
            && !std::mem::replace(&mut place.is_decrypted, true)
        {
            self.rows[place.row as usize].server.decrypted += 1;
        }
    }

    /// Forgets a connection.
    #[inline]
    pub fn end(&mut self, connection: &FlowKey) {
        if !self.connections.is_empty()
            && let Some(place) = self.connections.remove(connection)
        {
            let users = &mut self.rows[place.row as usize].users;
            *users = users.saturating_sub(1);
        }
    }

    /// Forgets all connections.
    pub fn forget(&mut self) {
        self.connections.clear();
        self.rows.iter_mut().for_each(|row| row.users = 0);
    }

    /// Returns the rows of the interval, sorted by name. Rows that no connection uses any more are given up.
    pub fn take(&mut self) -> Vec<Server> {
        let mut taken = Vec::new();
        for (at, ServerRow { server, users }) in (0..).zip(&mut self.rows) {
            if server.weight() > 0 {
                let empty = Server { name: server.name.clone(), ..Server::default() };
                taken.push(std::mem::replace(server, empty));
            }
            if *users == 0
                && let Entry::Occupied(entry) = self.by_name.entry(server.name.clone())
                && *entry.get() == at
            {
                entry.remove();
                self.free.push(at);
            }
        }
        taken.sort_by(|a, b| a.name.cmp(&b.name));
        taken
    }

    /// Calls `look` with all histograms.
    pub fn each_histogram(&mut self, look: &mut impl FnMut(&mut Histogram)) {
        self.rows.iter_mut().for_each(|row| row.server.histograms_mut().into_iter().for_each(&mut *look));
    }

    fn row(&mut self, name: &str, most: usize) -> u32 {
        if let Some(&row) = self.by_name.get(name) {
            return row;
        }
        if name != OTHER && self.by_name.len() >= most {
            return self.row(OTHER, most);
        }
        let row = ServerRow { server: Server::of_name(name), users: 0 };
        let key = row.server.name.clone();
        let at = if let Some(at) = self.free.pop() {
            self.rows[at as usize] = row;
            at
        } else {
            self.rows.push(row);
            self.rows.len() as u32 - 1
        };
        self.by_name.insert(key, at);
        at
    }
}

/// The name of a row: what the client said, made safe and in lower case, or the address of the server.
fn name_of(given: Option<&[u8]>, server: Endpoint) -> String {
    let Some(given) = given else { return server.to_string() };
    let mut name = Vec::new();
    name::clean_into(&mut name, given, name::MAX_HOST);
    name.make_ascii_lowercase();
    name::as_text(&name).into_owned()
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::pipeline::decode::Direction;
    use crate::pipeline::exchange::Sides;
    use crate::pipeline::packet::InterfaceId;

    fn key(client: u16) -> FlowKey {
        let end = |last, port| Endpoint { address: Ipv4Addr::new(192, 0, 2, last).to_ipv6_mapped(), port };
        FlowKey { low: end(1, client), high: end(2, 443), lane: 0 }
    }

    fn begin(servers: &mut Servers, client: u16, name: Option<&str>) -> Option<Arc<str>> {
        let connection = &key(client);
        let sides = Sides { connection, asks: Direction::Up, interface: InterfaceId(0) };
        let name = name.map(str::as_bytes);
        servers.begin(&Secured { protocol: Protocol::Quic, sides, name, has_ech: client == 3 }, 2)
    }

    #[test]
    fn a_connection_counts_once_under_its_name_or_its_address() {
        let mut servers = Servers::default();
        assert_eq!(begin(&mut servers, 1, Some("A.Example")).as_deref(), Some("a.example"));
        assert_eq!(begin(&mut servers, 1, Some("b.example")), None);
        assert_eq!(begin(&mut servers, 2, None), None);
        begin(&mut servers, 3, Some("c.example"));
        for (client, to_server) in [(1, true), (1, false), (2, false), (9, true)] {
            servers.bytes(&key(client), to_server, 10);
        }
        servers.decrypt(&key(1));
        servers.decrypt(&key(1));
        servers.bytes(&key(1), true, 10);
        let rows = servers.take();
        let told: Vec<_> = rows
            .iter()
            .map(|row| {
                (
                    &*row.name,
                    row.connections,
                    row.named,
                    row.ech,
                    row.decrypted,
                    row.bytes_to_server,
                    row.bytes_to_client,
                )
            })
            .collect();
        assert_eq!(
            told,
            [("192.0.2.2:443", 1, 0, 0, 0, 0, 10), ("a.example", 1, 1, 0, 1, 10, 10), ("~other", 1, 1, 1, 0, 0, 0)]
        );
    }

    #[test]
    fn a_row_lives_as_long_as_a_connection_uses_it() {
        let mut servers = Servers::default();
        begin(&mut servers, 1, Some("a.example"));
        servers.take();
        assert!(servers.take().is_empty(), "nothing was counted");
        servers.bytes(&key(1), true, 5);
        assert_eq!(servers.take()[0].connections, 0, "the connection began in an earlier interval");
        servers.end(&key(1));
        servers.take();
        begin(&mut servers, 2, Some("b.example"));
        begin(&mut servers, 3, Some("c.example"));
        assert_eq!(servers.take().iter().map(|row| &*row.name).collect::<Vec<_>>(), ["b.example", "c.example"]);
        assert!(servers.rows.len() <= 2, "memory of rows is used again");
    }
}
