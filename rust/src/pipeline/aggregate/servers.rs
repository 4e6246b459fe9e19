//! Counts the connections that speak TLS or QUIC, by the server that their clients named.

use std::collections::hash_map::Entry;
use std::hash::BuildHasher;
use std::sync::Arc;

use hashbrown::HashMap;

use crate::pipeline::decode::{Endpoint, FlowKey};
use crate::pipeline::exchange::{CipherSuite, Closed, Protocol, Secured, Sides, TlsVersion};
use crate::pipeline::histogram::{Histogram, Sample};
use crate::pipeline::name;
use crate::pipeline::packet::Timestamp;
use crate::pipeline::snapshot::{Before, OTHER, Server};

/// The servers, and the row of each connection that is tracked.
#[derive(Debug, Default)]
pub struct Servers {
    rows: Vec<ServerRow>,
    /// Rows that are not in use.
    free: Vec<u32>,
    by_name: std::collections::HashMap<Arc<str>, u32>,
    /// By the hash of their key, which takes a fifth of the key's memory.
    connections: HashMap<u64, Place>,
    /// Senders choose the keys, so the hash has a random seed.
    hasher: foldhash::fast::RandomState,
}

/// The row of a connection.
#[derive(Clone, Copy, Debug)]
struct Place {
    row: u32,
    state: State,
}

/// Whether a connection stays encrypted.
#[derive(Clone, Copy, Debug)]
enum State {
    /// It is not decided yet. Holds the bytes to the server and to the client, which count once it is.
    Undecided([u32; 2]),
    /// It stays encrypted, or the rest of it does.
    Closed,
    /// It is decrypted.
    Decrypted,
}

#[derive(Debug)]
struct ServerRow {
    server: Server,
    /// Tracked connections that count here.
    users: u32,
    /// Of these, those that were not decrypted.
    open: u32,
    /// The value of `open` when the interval began.
    before: u32,
}

impl ServerRow {
    /// Counts bytes that stay encrypted.
    fn count(&mut self, [to_server, to_client]: [u64; 2]) {
        let Server { bytes_to_server, bytes_to_client, .. } = &mut self.server;
        *bytes_to_server = bytes_to_server.saturating_add(to_server);
        *bytes_to_client = bytes_to_client.saturating_add(to_client);
    }
}

impl Servers {
    /// Counts a connection. Returns its name if the client gave one, `None` if not or if the connection is known.
    /// `most` limits the number of rows.
    pub fn begin(&mut self, secured: &Secured<'_>, most: usize) -> Option<Arc<str>> {
        let hash = self.hash(secured.sides.connection);
        if self.connections.contains_key(&hash) {
            return None;
        }
        let name = name_of(secured.name.filter(|name| !name.is_empty()), secured.sides.server());
        let row = self.row(&name, most);
        let is_closed = secured.protocol == Protocol::Quic || secured.closed.is_some();
        let state = if is_closed { State::Closed } else { State::Undecided([0; 2]) };
        self.connections.insert(hash, Place { row, state });
        let ServerRow { server, users, open, .. } = &mut self.rows[row as usize];
        *users += 1;
        *open += 1;
        server.connections += 1;
        server.named += u64::from(secured.name.is_some());
        server.quic += u64::from(secured.protocol == Protocol::Quic);
        server.ech += u64::from(secured.has_ech);
        secured.closed.into_iter().for_each(|why| server.undecrypted.add(why, 1));
        secured.name.map(|_| server.name.clone())
    }

    /// The name that the client of a connection gave.
    pub fn name(&self, secured: &Sides<'_>) -> Option<Arc<str>> {
        let name = &self.rows[self.connections.get(&self.hash(secured.connection))?.row as usize].server.name;
        (**name != secured.server().to_string()).then(|| name.clone())
    }

    fn hash(&self, connection: &FlowKey) -> u64 {
        self.hasher.hash_one(connection)
    }

    /// Counts bytes of a connection.
    #[inline]
    pub fn bytes(&mut self, connection: &FlowKey, to_server: bool, bytes: u64) {
        if self.connections.is_empty() {
            return;
        }
        let hash = self.hash(connection);
        let Some(Place { row, state }) = self.connections.get_mut(&hash) else { return };
        let side = usize::from(!to_server);
        let mut counted = [0; 2];
        counted[side] = bytes;
        match state {
            State::Undecided(waiting) => {
                let sum = u32::try_from(bytes).ok().and_then(|bytes| waiting[side].checked_add(bytes));
                match sum {
                    Some(sum) => waiting[side] = sum,
                    None => self.rows[*row as usize].count(counted),
                }
            }
            State::Closed => self.rows[*row as usize].count(counted),
            State::Decrypted => {}
        }
    }

    /// Counts durations of a connection. Returns the number of new buckets.
    pub fn times(&mut self, connection: &FlowKey, round_trip: Option<u64>, handshake: Option<u64>) -> usize {
        let Some(place) = self.connections.get(&self.hash(connection)) else { return 0 };
        let Server { round_trip: round_trips, handshake: handshakes, .. } = &mut self.rows[place.row as usize].server;
        let count = |histogram: &mut Histogram, nanos: Option<u64>| {
            nanos.map_or(0, |nanos| histogram.record(Sample::new(nanos)))
        };
        count(round_trips, round_trip) + count(handshakes, handshake)
    }

    /// From now on, the connection is decrypted.
    pub fn decrypt(&mut self, connection: &FlowKey) {
        let hash = self.hash(connection);
        let Some(place) = self.connections.get_mut(&hash) else { return };
        let ServerRow { server, open, .. } = &mut self.rows[place.row as usize];
        match std::mem::replace(&mut place.state, State::Decrypted) {
            State::Undecided(waiting) => {
                let sum = waiting.iter().map(|&bytes| u64::from(bytes)).sum();
                server.handshake_bytes = server.handshake_bytes.saturating_add(sum);
            }
            State::Closed => {}
            State::Decrypted => return,
        }
        server.decrypted += 1;
        *open = open.saturating_sub(1);
    }

    /// The connection, or the rest of it, stays encrypted.
    pub fn close(&mut self, connection: &FlowKey, why: Closed) {
        let hash = self.hash(connection);
        let Some(Place { row, state }) = self.connections.get_mut(&hash) else { return };
        let row = &mut self.rows[*row as usize];
        row.server.undecrypted.add(why, 1);
        match std::mem::replace(state, State::Closed) {
            State::Undecided(waiting) => row.count(waiting.map(u64::from)),
            State::Decrypted => row.open += 1,
            State::Closed => {}
        }
    }

    /// The server of a connection has chosen a version and a suite.
    pub fn choose(&mut self, connection: &FlowKey, version: TlsVersion, suite: CipherSuite) {
        if let Some(place) = self.connections.get(&self.hash(connection)) {
            self.rows[place.row as usize].server.choose(version, suite);
        }
    }

    /// Forgets a connection.
    #[inline]
    pub fn end(&mut self, connection: &FlowKey) {
        if !self.connections.is_empty()
            && let Some(Place { row, state }) = self.connections.remove(&self.hash(connection))
        {
            let row = &mut self.rows[row as usize];
            if let State::Undecided(waiting) = state {
                row.count(waiting.map(u64::from));
            }
            row.users = row.users.saturating_sub(1);
            if !matches!(state, State::Decrypted) {
                row.open = row.open.saturating_sub(1);
            }
        }
    }

    /// Forgets all connections.
    pub fn forget(&mut self) {
        for (_, Place { row, state }) in self.connections.drain() {
            if let State::Undecided(waiting) = state {
                self.rows[row as usize].count(waiting.map(u64::from));
            }
        }
        self.rows.iter_mut().for_each(|row| (row.users, row.open) = (0, 0));
    }

    /// Returns the rows of the interval that began at `start`, sorted by name, with those that have open connections and
    /// nothing to show. Rows that no connection uses any more are given up.
    pub fn take(&mut self, start: Timestamp) -> Vec<Server> {
        let mut taken = Vec::new();
        for (at, ServerRow { server, users, open, before }) in (0..).zip(&mut self.rows) {
            let open_before = Before { at: start, value: u64::from(std::mem::replace(before, *open)) };
            if server.weight() > 0 || open_before.value > 0 {
                server.open_before = open_before;
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
        let row = ServerRow { server: Server::of_name(name), users: 0, open: 0, before: 0 };
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
    use crate::pipeline::snapshot::Snapshot;

    fn key(client: u16) -> FlowKey {
        let end = |last, port| Endpoint { address: Ipv4Addr::new(192, 0, 2, last).to_ipv6_mapped(), port };
        FlowKey { low: end(1, client), high: end(2, 443), lane: 0 }
    }

    fn begin(servers: &mut Servers, client: u16, name: Option<&str>) -> Option<Arc<str>> {
        let connection = &key(client);
        let sides = Sides { connection, asks: Direction::Up, interface: InterfaceId(0) };
        let name = name.map(str::as_bytes);
        let closed = None;
        servers.begin(&Secured { protocol: Protocol::Tls, sides, name, has_ech: client == 3, closed }, 2)
    }

    #[test]
    fn a_connection_counts_once_under_its_name_or_its_address() {
        let mut servers = Servers::default();
        assert_eq!(begin(&mut servers, 1, Some("A.Example")).as_deref(), Some("a.example"));
        assert_eq!(begin(&mut servers, 1, Some("b.example")), None);
        assert_eq!(begin(&mut servers, 2, None), None);
        begin(&mut servers, 3, Some("c.example"));
        let rows = servers.take(Timestamp(0));
        let told: Vec<_> = rows.iter().map(|row| (&*row.name, row.connections, row.named, row.ech, row.quic)).collect();
        assert_eq!(told, [("192.0.2.2:443", 1, 0, 0, 0), ("a.example", 1, 1, 0, 0), ("~other", 1, 1, 1, 0)]);
    }

    /// What happens to a connection.
    #[derive(Clone, Copy, Debug)]
    enum Event {
        /// Bytes to the server, or to the client.
        Bytes(bool, u64),
        Decrypt,
        Close,
        End,
        /// The interval closes.
        Take,
    }

    #[test]
    fn bytes_count_once_it_is_known_whether_they_stay_encrypted() {
        use Event::{Bytes, Close, Decrypt, End, Take};
        let all = [Bytes(true, 10), Bytes(false, 20)];
        let huge = Bytes(false, u64::from(u32::MAX));
        // Bytes to the server, bytes to the client, bytes of the handshake, decrypted connections.
        let table: [(&str, Vec<Event>, [u64; 4]); 7] = [
            ("undecided", all.to_vec(), [0, 0, 0, 0]),
            ("closed", [&all[..], &[Close], &all].concat(), [20, 40, 0, 0]),
            ("decrypted", [&all[..], &[Decrypt], &all].concat(), [0, 0, 30, 1]),
            ("decrypted twice", [&all[..], &[Decrypt, Decrypt]].concat(), [0, 0, 30, 1]),
            ("decrypted, then the rest is not", [&all[..], &[Decrypt], &all, &[Close], &all].concat(), [10, 20, 30, 1]),
            ("it ends before it is decided", [&all[..], &[End]].concat(), [10, 20, 0, 0]),
            (
                "decided in a later interval",
                [&all[..], &[Take, Close, huge, huge]].concat(),
                [10, 20 + 2 * u64::from(u32::MAX), 0, 0],
            ),
        ];
        for (name, events, want) in table {
            let mut servers = Servers::default();
            begin(&mut servers, 1, Some("a.example"));
            let mut rows = Vec::new();
            for event in events.into_iter().chain([Take]) {
                match event {
                    Bytes(to_server, count) => servers.bytes(&key(1), to_server, count),
                    Decrypt => servers.decrypt(&key(1)),
                    Close => servers.close(&key(1), Closed::NoKey),
                    End => servers.end(&key(1)),
                    Take => rows.extend(servers.take(Timestamp(0))),
                }
            }
            let sum = |count: fn(&Server) -> u64| rows.iter().map(count).sum::<u64>();
            let told = [
                sum(|row| row.bytes_to_server),
                sum(|row| row.bytes_to_client),
                sum(|row| row.handshake_bytes),
                sum(|row| row.decrypted),
            ];
            assert_eq!(told, want, "{name}");
        }
    }

    #[test]
    fn connections_of_a_window_are_those_open_before_it_and_those_that_began() {
        let mut servers = Servers::default();
        let mut rows = Vec::new();
        for (at, clients) in (0..).zip([1..4, 4..4, 4..6]) {
            clients.for_each(|client| {
                begin(&mut servers, client, Some("a.example"));
            });
            servers.bytes(&key(1), true, 5);
            servers.close(&key(1), Closed::NoKey);
            rows.extend(servers.take(Timestamp(at)));
            servers.end(&key(3));
        }
        let told = |row: &Server| (row.connections, row.open_before.value);
        assert_eq!(rows.iter().map(told).collect::<Vec<_>>(), [(3, 0), (0, 3), (2, 2)]);
        let merged = |rows: &[Server]| {
            let parts = rows.iter().map(|row| Snapshot { servers: vec![row.clone()], ..Snapshot::default() });
            told(&Snapshot::merge_all(&parts.collect::<Vec<_>>()).servers[0])
        };
        rows.push(rows[1].clone());
        let [first, second, third, again] = &rows[..] else { panic!() };
        for (name, parts, want) in [
            ("a window", vec![second, third], (2, 3)),
            ("in any order", vec![third, second], (2, 3)),
            ("the whole capture", vec![first, second, third], (5, 0)),
            ("two workers, or two machines", vec![second, again], (0, 6)),
        ] {
            assert_eq!(merged(&parts.into_iter().cloned().collect::<Vec<_>>()), want, "{name}");
        }
    }

    #[test]
    fn a_connection_that_was_decrypted_is_not_open_until_the_rest_of_it_stays_encrypted() {
        let mut servers = Servers::default();
        begin(&mut servers, 1, Some("a.example"));
        servers.decrypt(&key(1));
        servers.take(Timestamp(0));
        servers.bytes(&key(1), false, 1000);
        assert!(servers.take(Timestamp(1)).is_empty(), "its requests are counted elsewhere");
        servers.close(&key(1), Closed::Lost);
        let row = &servers.take(Timestamp(2))[0];
        assert_eq!((&*row.name, row.undecrypted.total(), row.connections), ("a.example", 1, 0));
        assert_eq!(servers.take(Timestamp(3))[0].open_before.value, 1);
        servers.end(&key(1));
        servers.take(Timestamp(4));
        assert!(servers.take(Timestamp(5)).is_empty());
    }

    #[test]
    fn a_row_lives_as_long_as_a_connection_uses_it() {
        let mut servers = Servers::default();
        begin(&mut servers, 1, Some("a.example"));
        servers.take(Timestamp(0));
        assert_eq!(servers.take(Timestamp(1))[0].weight(), 0, "nothing was counted");
        servers.close(&key(1), Closed::NoKey);
        servers.bytes(&key(1), true, 5);
        assert_eq!(servers.take(Timestamp(2))[0].connections, 0, "the connection began in an earlier interval");
        servers.end(&key(1));
        servers.take(Timestamp(3));
        assert!(servers.take(Timestamp(3)).is_empty(), "no connection uses it");
        begin(&mut servers, 2, Some("b.example"));
        begin(&mut servers, 3, Some("c.example"));
        let rows = servers.take(Timestamp(4));
        assert_eq!(rows.iter().map(|row| &*row.name).collect::<Vec<_>>(), ["b.example", "c.example"]);
        assert!(servers.rows.len() <= 2, "memory of rows is used again");
    }
}
