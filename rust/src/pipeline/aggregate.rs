//! Events of one worker counted into the open interval, and handed over as a [`Snapshot`] when it is closed.
//!
//! Each event is counted in two places, the row of its section and that of its client; hosts and totals are sums, made when
//! the interval is closed. So conservation holds by construction, and a request costs one hash of its host and one of its
//! section. The client of a connection is looked up once.

mod clients;
mod lightest;
mod rows;
mod words;

use std::net::Ipv6Addr;
use std::sync::Arc;

use hashbrown::HashMap;

use super::decode::{Direction, Endpoint, FlowKey, Undecoded};
use super::exchange::{
    ClientField, Exchange, Fields, Kept, Listed, Method, NoFields, Note, Protocol, Request, Response, Sides, Sink,
};
use super::flow::{Losses, Observation, Observed, Opening, Signs, Told};
use super::histogram::{Histogram, Sample, Sizes};
use super::name;
use super::packet::{InterfaceId, Timestamp};
pub use super::snapshot::Limits;
use super::snapshot::{self, Capture, Counts, Gauge, Interface, InterfaceState, ServerName, Snapshot, Tcp, Traffic};
use clients::{Clients, Group};
use rows::Rows;
use words::{Hoard, Words};

/// Interfaces that are listed in each interval though nothing passed. Of more than that, silent ones cost too much.
const ROLL_CALL: usize = 128;

/// Connections gathered before some are chosen for the list: all that one interval hears of and looks at.
const CONNECTIONS: usize = 4096;

/// What to aggregate.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Path segments that make a section.
    pub section_depth: usize,
    /// List exchanges.
    pub exchanges: bool,
    /// List connections.
    pub connections: bool,
    /// Exchanges tell what their user agent is called.
    pub user_agents: bool,
    /// Exchanges tell neither path nor user agent.
    pub redacts: bool,
    /// Who asks.
    pub client_from: ClientFrom,
    /// Proxies before the server whose word on their own client is believed.
    pub trusted_proxies: usize,
    /// Bits of an IPv6 address that make a client.
    pub client_ipv6_prefix: u8,
    /// Bounds.
    pub limits: Limits,
}

/// What tells who asks. Where that tells nothing, it is the address of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientFrom {
    /// The address of the connection.
    Connection,
    /// A field of the request.
    Field(ClientField),
    /// The PROXY protocol, before the first request of a connection.
    Proxy,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            section_depth: 1,
            exchanges: false,
            connections: false,
            user_agents: false,
            redacts: false,
            client_from: ClientFrom::Connection,
            trusted_proxies: 1,
            client_ipv6_prefix: 128,
            limits: Limits::default(),
        }
    }
}

/// Names the rows of a request: that of its section and that of its client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    row: rows::Ticket,
    client: clients::Place,
}

/// How many connections there are.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tracked {
    /// Tracked.
    pub all: usize,
    /// Of these, those in use.
    pub open: usize,
}

/// What an edge knows of an interface.
#[derive(Clone, Debug)]
struct Port {
    name: Arc<str>,
    state: InterfaceState,
    since: Option<Timestamp>,
    /// The state was set in this interval.
    is_news: bool,
    traffic: Traffic,
    /// Bytes by what their connection speaks, see [`Traffic::protocols`].
    by_protocol: [u64; Protocol::ALL.len()],
    /// Health of connections that belong to no host yet; what belongs to one is counted with it.
    tcp: Tcp,
}

impl Port {
    fn new() -> Self {
        Self {
            name: "".into(),
            state: InterfaceState::Up,
            since: None,
            is_news: false,
            traffic: Traffic::default(),
            by_protocol: Default::default(),
            tcp: Tcp::default(),
        }
    }

    fn has_counted(&self) -> bool {
        self.traffic.packets > 0 || self.tcp != Tcp::default()
    }

    fn take_traffic(&mut self) -> Traffic {
        let mut traffic = std::mem::take(&mut self.traffic);
        for (protocol, bytes) in Protocol::ALL.into_iter().zip(std::mem::take(&mut self.by_protocol)) {
            if bytes > 0 {
                traffic.protocols.add(protocol, bytes);
            }
        }
        traffic
    }
}

/// The open interval.
#[derive(Debug)]
pub struct Aggregate {
    settings: Settings,
    rows: Rows,
    clients: Clients,
    /// On whose behalf connections were opened, of those that are tracked.
    proxied: HashMap<FlowKey, Option<Ipv6Addr>>,
    /// Buckets of all histograms, at the most: those of folded rows count until all are counted anew.
    buckets: usize,
    ports: Vec<Port>,
    /// What was counted in this interval on interfaces that are called something else since.
    renamed: Vec<Port>,
    capture: Capture,
    exchanges: Vec<snapshot::Exchange>,
    connections: Vec<snapshot::Connection>,
    /// What was learnt of the connection at hand, where connections are listed.
    told: Told,
    hoard: Hoard,
    server_names: HashMap<String, u64>,
    /// The name being looked up; kept for its memory.
    host: Vec<u8>,
    path: Vec<u8>,
}

impl Aggregate {
    /// An empty interval.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            rows: Rows::new(settings.limits),
            clients: Clients::new(settings.limits.clients, Group::new(settings.client_ipv6_prefix)),
            proxied: HashMap::new(),
            buckets: 0,
            ports: Vec::new(),
            renamed: Vec::new(),
            capture: Capture::default(),
            exchanges: Vec::new(),
            connections: Vec::new(),
            told: Told::default(),
            hoard: Hoard::default(),
            server_names: HashMap::new(),
            host: Vec::new(),
            path: Vec::new(),
        }
    }

    /// Says how an interface is called and how it is. Numbers may be given in any order. Under another name it counts anew.
    pub fn set_interface(&mut self, id: InterfaceId, name: &str, state: InterfaceState) {
        let at = usize::from(id.min(InterfaceId::OTHER).0);
        while self.ports.len() <= at {
            self.ports.push(Port::new());
        }
        let port = &mut self.ports[at];
        let name: Arc<str> =
            if id < InterfaceId::OTHER { name::clean(name, name::MAX_PATH) } else { snapshot::OTHER.into() }.into();
        if port.name != name && (port.traffic != Traffic::default() || port.tcp != Tcp::default()) {
            let mut before = std::mem::replace(port, Port::new());
            if self.renamed.len() >= InterfaceId::MOST {
                before.name = snapshot::OTHER.into();
            }
            self.rename(before);
        }
        let port = &mut self.ports[at];
        (port.name, port.state, port.is_news) = (name, state, true);
    }

    /// Keeps what was counted under a name that is given up. Names that are too many are one.
    fn rename(&mut self, mut before: Port) {
        let is_full = self.renamed.len() > InterfaceId::MOST;
        match self.renamed.last_mut().filter(|_| is_full) {
            Some(other) => {
                other.traffic.merge(&before.take_traffic());
                other.tcp.merge(&before.tcp);
            }
            None => self.renamed.push(before),
        }
    }

    /// Says since when an interface is watched that was not there at the start.
    pub fn set_watched_since(&mut self, id: InterfaceId, since: Option<Timestamp>) {
        self.port(id).since = since;
    }

    /// Counts a packet, with what its connection speaks.
    #[inline]
    pub fn packet(&mut self, interface: InterfaceId, wire_len: u32, is_truncated: bool, protocol: Option<Protocol>) {
        let bytes = u64::from(wire_len);
        self.capture.received += 1;
        self.capture.truncated += u64::from(is_truncated);
        let Port { traffic, by_protocol, .. } = self.port(interface);
        traffic.packets += 1;
        traffic.bytes += bytes;
        if let Some(protocol) = protocol {
            by_protocol[protocol as usize] += bytes;
        }
        if protocol == Some(Protocol::Http1) {
            traffic.http_packets += 1;
            traffic.http_bytes += bytes;
        }
    }

    fn port(&mut self, interface: InterfaceId) -> &mut Port {
        let at = usize::from(interface.0);
        if at < self.ports.len() {
            return &mut self.ports[at];
        }
        self.set_unnamed_interface(interface.min(InterfaceId::OTHER));
        &mut self.ports[at.min(InterfaceId::MOST)]
    }

    #[cold]
    fn set_unnamed_interface(&mut self, id: InterfaceId) {
        self.set_interface(id, &format!("#{}", id.0), InterfaceState::Up);
    }

    /// Counts packets that are not decoded, by what they are.
    #[cold]
    pub fn undecoded(&mut self, kind: Undecoded, packets: u64) {
        let counter = match kind {
            _ if packets == 0 => return,
            Undecoded::Tunnel(_) => Some(&mut self.capture.encapsulated),
            Undecoded::Encrypted(_) => None,
            _ => Some(&mut self.capture.undecodable),
        };
        if let Some(counter) = counter {
            *counter += packets;
        }
        self.capture.undecoded.add_within(snapshot::MAX_KINDS, kind, Undecoded::Other, packets);
    }

    /// Losses and protocol counts of the open interval, to add to.
    pub fn capture(&mut self) -> &mut Capture {
        &mut self.capture
    }

    /// Packets counted in the open interval.
    pub fn received(&self) -> u64 {
        self.capture.received
    }

    /// Closes the interval `[start, end)`: everything counted since the last call.
    pub fn close(&mut self, start: Timestamp, end: Timestamp, flows: Tracked, losses: Losses) -> Snapshot {
        self.capture.exchanges_dropped += snapshot::keep(&mut self.exchanges, self.settings.limits.exchanges);
        let mut capture = std::mem::take(&mut self.capture);
        self.buckets = 0;
        capture.gaps += losses.gaps;
        capture.gap_bytes += losses.gap_bytes;
        capture.flows_evicted += losses.flows_evicted;
        capture.flows = Gauge { at: end, value: flows.all as u64 };
        capture.open_connections = Gauge { at: end, value: flows.open as u64 };
        let ports = &mut self.ports;
        let hosts = self.rows.take(&mut capture, |interface, tcp| {
            // One is made for every interface that a packet came from.
            if let Some(port) = ports.get_mut(usize::from(interface.0).min(InterfaceId::MOST)) {
                port.tcp.merge(tcp);
            }
        });
        let clients = self.clients.take(&mut capture);
        let mut snapshot = Snapshot {
            span: Some((start, end)),
            clients: clients.into_iter().map(Arc::new).collect(),
            interfaces: self.take_interfaces(end),
            capture,
            server_names: self.take_server_names(),
            exchanges: std::mem::take(&mut self.exchanges),
            connections: self.take_connections(),
            ..Snapshot::default()
        };
        hosts.iter().for_each(|host| snapshot.counts.merge(&host.counts));
        // Each segment was counted at one interface.
        snapshot.interfaces.iter().for_each(|interface| snapshot.tcp.merge(&interface.tcp));
        snapshot.hosts = hosts.into_iter().map(Arc::new).collect();
        snapshot.exchanges.sort();
        // Sums have buckets as well.
        snapshot.coarsen(self.settings.limits.buckets);
        snapshot
    }

    /// Histograms have so many buckets more. Beyond the budget for all of them their scale is halved.
    fn grew(&mut self, buckets: usize) {
        self.buckets += buckets;
        if self.buckets > self.settings.limits.buckets {
            self.coarsen();
        }
    }

    /// Leaves half the budget, so that it is seldom done.
    #[cold]
    fn coarsen(&mut self) {
        let mut sizes = Sizes::default();
        self.each_histogram(|histogram| sizes.add(histogram));
        let halvings = sizes.halvings_within(self.settings.limits.buckets / 2);
        self.buckets = sizes.at(halvings);
        if halvings > 0 {
            self.each_histogram(|histogram| histogram.coarsen(halvings));
            self.capture.histogram_halvings.merge(&snapshot::Halvings(halvings));
        }
    }

    fn each_histogram(&mut self, mut look: impl FnMut(&mut Histogram)) {
        self.rows.each_histogram(&mut look);
        self.clients.each_histogram(&mut look);
        let ports = self.ports.iter_mut().chain(&mut self.renamed);
        ports.flat_map(|port| port.tcp.histograms_mut()).for_each(look);
    }

    fn take_connections(&mut self) -> Vec<snapshot::Connection> {
        let mut connections = std::mem::take(&mut self.connections);
        snapshot::keep(&mut connections, self.settings.limits.connections);
        snapshot::sort_connections(&mut connections);
        connections
    }

    fn take_server_names(&mut self) -> Vec<ServerName> {
        if self.server_names.is_empty() {
            // Draining clears the table, which stays as large as it ever was.
            return Vec::new();
        }
        let names = self.server_names.drain();
        let mut names: Vec<_> =
            names.map(|(name, connections)| ServerName { name: name.into(), connections }).collect();
        names.sort_by(|a, b| a.name.cmp(&b.name));
        names
    }

    fn take_interfaces(&mut self, end: Timestamp) -> Vec<Interface> {
        let is_listed = self.ports.len() <= ROLL_CALL;
        let mut interfaces: Vec<Interface> = self
            .renamed
            .iter_mut()
            .chain(&mut self.ports)
            .filter(|port| port.is_news || port.state != InterfaceState::Down && is_listed || port.has_counted())
            .map(|port| Interface {
                name: port.name.clone(),
                traffic: port.take_traffic(),
                tcp: std::mem::take(&mut port.tcp),
                state: port.state,
                since: port.since,
                at: end,
            })
            .collect();
        self.renamed.clear();
        // Several files, or several interfaces of one, may be called the same.
        snapshot::sort_rows(&mut interfaces);
        for port in &mut self.ports {
            port.is_news = false;
            if port.state == InterfaceState::New {
                port.state = InterfaceState::Up;
            }
        }
        interfaces
    }
}

impl Aggregate {
    /// The row of a request, where one is called as the request has it. Nearly always one is.
    fn known(&self, request: &Request<'_>) -> Option<rows::Ticket> {
        let is_connect = request.method == Method::CONNECT;
        let written = name::as_written(request.target, request.host, self.settings.section_depth);
        written.filter(|_| !is_connect).and_then(|(host, section)| self.rows.find(host, section))
    }

    /// The row of a request, by names that are made plain.
    fn named(&mut self, request: &Request<'_>) -> rows::Ticket {
        let is_connect = request.method == Method::CONNECT;
        let depth = self.settings.section_depth;
        // Of an absolute target that is cut, an authority may be a userinfo whose end is missing.
        let has_path = request.target.starts_with(b"/") || request.host.is_some() || !request.is_cut;
        let target = if has_path { request.target } else { b"" };
        self.host.clear();
        name::host_into(&mut self.host, target, is_connect, request.host, request.sides.server());
        self.path.clear();
        if request.is_cut && !name::has_whole_section(target, depth) {
            self.path.extend_from_slice(snapshot::UNKNOWN.as_bytes());
        } else {
            name::section_into(&mut self.path, target, is_connect, request.host, depth);
        }
        self.rows.ticket(&self.host, &self.path)
    }

    /// The address of whoever asks, where the connection does not tell.
    #[cold]
    fn told_client(&self, connection: &FlowKey, fields: &dyn Fields) -> Option<Ipv6Addr> {
        match self.settings.client_from {
            ClientFrom::Connection => None,
            ClientFrom::Field(field) => fields.client(field, self.settings.trusted_proxies),
            ClientFrom::Proxy => self.proxied.get(connection).copied().flatten(),
        }
    }

    /// The row of whoever asks.
    #[inline]
    fn client(&mut self, sides: &Sides<'_>, fields: &dyn Fields, before: Option<Ticket>) -> clients::Place {
        let mut address = sides.client().address;
        if self.settings.client_from != ClientFrom::Connection {
            address = self.told_client(sides.connection, fields).unwrap_or(address);
        }
        self.clients.place(address, before.map(|ticket| ticket.client))
    }

    /// The connections that were tracked are forgotten.
    pub fn forget_connections(&mut self) {
        self.proxied.clear();
        self.hoard.clear();
    }

    /// The client of an exchange as it is listed: an address that was told has no port. A row that made room is nobody's.
    fn listed_client(&self, ticket: Ticket, connection: Endpoint) -> Endpoint {
        if self.settings.client_from == ClientFrom::Connection {
            return connection;
        }
        let address = self.clients.address(ticket.client);
        let is_of_connection = address == Some(self.clients.group(connection.address));
        if is_of_connection { connection } else { snapshot::portless(address) }
    }

    /// Lists an exchange.
    fn list(&mut self, ticket: Ticket, exchange: &Exchange) {
        let most = self.settings.limits.exchanges;
        if self.exchanges.len() >= 2 * most {
            // Now and then, since it looks at all of them.
            self.capture.exchanges_dropped += snapshot::keep(&mut self.exchanges, most);
        }
        let (host, section) = self.rows.names(ticket.row);
        let client = self.listed_client(ticket, exchange.client);
        let Words { path, user_agent } = self.words(exchange.kept, &section);
        let interface = self.ports.get(usize::from(exchange.interface.0).min(InterfaceId::MOST));
        self.exchanges.push(snapshot::Exchange {
            ts: exchange.ts,
            client,
            server: exchange.server,
            interface: interface.map_or_else(|| "".into(), |port| port.name.clone()),
            host,
            section,
            path,
            method: exchange.method,
            status: exchange.status,
            request_bytes: exchange.request_bytes,
            response_bytes: exchange.response_bytes,
            latency: exchange.latency,
            duration: exchange.duration,
            connect: exchange.connect,
            request_time: exchange.request_time,
            transfer: exchange.transfer,
            retransmitted: exchange.retransmitted,
            user_agent,
        });
    }

    /// What a request said. Of one that had no place for it the section is known.
    fn words(&mut self, kept: Kept, section: &str) -> Words {
        if self.settings.redacts {
            return Words::default();
        }
        self.hoard.take(kept).unwrap_or_else(|| {
            let path = format!("{section}{}", name::as_text(name::CUT)).into();
            Words { path, ..Words::default() }
        })
    }
}

type Counter = fn(&mut Tcp) -> &mut u64;

/// What an observation's signs are counted as.
const COUNTED_AS: [(Signs, Counter); 9] = [
    (Signs::OPENED, |tcp| &mut tcp.opened),
    (Signs::CLOSED, |tcp| &mut tcp.closed),
    (Signs::RESET, |tcp| &mut tcp.reset),
    (Signs::REFUSED, |tcp| &mut tcp.refused),
    (Signs::DUPLICATE, |tcp| &mut tcp.duplicates),
    (Signs::RETRANSMITTED, |tcp| &mut tcp.retransmitted),
    (Signs::OUT_OF_ORDER, |tcp| &mut tcp.out_of_order),
    (Signs::DUPLICATE_ACK, |tcp| &mut tcp.duplicate_acks),
    (Signs::ZERO_WINDOW, |tcp| &mut tcp.zero_window),
];

/// Returns how many buckets that makes more.
fn count(tcp: &mut Tcp, signs: Signs, rtt: Option<Sample>, from_client: bool) -> usize {
    tcp.segments += u64::from(signs.has(Signs::COUNTED));
    if signs != Signs::COUNTED {
        // Hardly ever any.
        for (sign, counter) in COUNTED_AS {
            *counter(tcp) += u64::from(signs.has(sign));
        }
    }
    rtt.map_or(0, |rtt| {
        let histogram = match (from_client, signs.has(Signs::HANDSHAKE)) {
            (true, true) => &mut tcp.client_handshake_rtt,
            (true, false) => &mut tcp.client_rtt,
            (false, true) => &mut tcp.server_handshake_rtt,
            (false, false) => &mut tcp.server_rtt,
        };
        histogram.record(rtt)
    })
}

impl Sink for Aggregate {
    type Ticket = Ticket;

    fn proxied(&mut self, connection: &FlowKey, client: Option<Ipv6Addr>) {
        if self.settings.client_from == ClientFrom::Proxy {
            self.proxied.entry(*connection).or_insert(client);
        }
    }

    fn ended(&mut self, connection: &FlowKey) {
        if !self.proxied.is_empty() {
            self.proxied.remove(connection);
        }
    }

    fn request(&mut self, request: &Request<'_>, before: Option<Ticket>) -> Ticket {
        let row = self.known(request).unwrap_or_else(|| self.named(request));
        self.rows.add_address(row, request.sides.server().address);
        let client = self.client(&request.sides, request.fields, before);
        let count = |counts: &mut Counts| {
            counts.requests += 1;
            counts.request_bytes += request.bytes;
            counts.methods.add(request.method, 1);
        };
        count(self.rows.hit(row));
        count(self.clients.counts(client));
        self.told.requests = self.told.requests.wrapping_add(1);
        Ticket { row, client }
    }

    fn keep(&mut self, request: &Request<'_>) -> Kept {
        let Settings { exchanges, user_agents, redacts, .. } = self.settings;
        if exchanges && !redacts { self.hoard.keep(request, user_agents) } else { Kept::NOTHING }
    }

    fn opening(&mut self, ticket: Ticket, opening: &Opening, client: Direction) {
        if *opening == Opening::default() {
            return;
        }
        let tcp = self.rows.openings(ticket.row);
        tcp.opened += u64::from(opening.opened);
        tcp.segments += u64::from(opening.segments);
        tcp.retransmitted += u64::from(opening.retransmitted);
        let mut grown = 0;
        let halves = [(client, &mut tcp.client_handshake_rtt), (client.reverse(), &mut tcp.server_handshake_rtt)];
        for (sender, histogram) in halves {
            if let Some(rtt) = opening.rtt(sender) {
                grown += histogram.record(Sample::new(rtt));
            }
        }
        self.grew(grown);
    }

    fn unasked(&mut self, sides: &Sides<'_>) -> Ticket {
        self.host.clear();
        name::host_into(&mut self.host, b"", false, None, sides.server());
        let row = self.rows.ticket(&self.host, snapshot::OTHER.as_bytes());
        self.rows.add_address(row, sides.server().address);
        Ticket { row, client: self.client(sides, &NoFields, None) }
    }

    fn response(&mut self, ticket: Ticket, Response { status, latency, bytes }: Response) {
        let sample = latency.map(Sample::new);
        let count = |counts: &mut Counts| {
            counts.responses += 1;
            counts.response_bytes += bytes;
            counts.statuses.add(status, 1);
            counts.errors += u64::from(status >= 500);
            sample.map_or(0, |sample| counts.latency.record(sample))
        };
        let grown = count(self.rows.hit(ticket.row)) + count(self.clients.counts(ticket.client));
        self.grew(grown);
    }

    fn bytes(&mut self, ticket: Ticket, of_request: bool, count: u64) {
        for counts in [self.rows.counts(ticket.row), self.clients.counts(ticket.client)] {
            *(if of_request { &mut counts.request_bytes } else { &mut counts.response_bytes }) += count;
        }
    }

    fn exchange(&mut self, ticket: Ticket, duration: Option<u64>, tell: impl FnOnce() -> Exchange) {
        if let Some(duration) = duration {
            // Not for the client as well: of all that is counted it costs the most, and nobody asks a client for it.
            let grown = self.rows.counts(ticket.row).duration.record(Sample::new(duration));
            self.grew(grown);
        }
        if self.settings.exchanges {
            self.list(ticket, &tell());
        }
    }

    fn observe(&mut self, ticket: Option<Ticket>, segment: &Observed, from_client: bool) {
        let Observation { signs, rtt } = segment.observation;
        self.capture.copies += u64::from(signs.has(Signs::COPY));
        if signs == Signs::default() {
            return;
        }
        let mut grown = 0;
        let mut is_counted = false;
        if let Some(ticket) = ticket {
            let (tcp, is_at_home) = self.rows.tcp(ticket.row, segment.interface);
            grown += count(tcp, signs, rtt.map(Sample::new), from_client);
            is_counted = is_at_home;
        }
        if !is_counted {
            grown += count(&mut self.port(segment.interface).tcp, signs, rtt.map(Sample::new), from_client);
        }
        if grown > 0 {
            self.grew(grown);
        }
    }

    fn server_name(&mut self, name: &[u8]) {
        self.host.clear();
        name::clean_into(&mut self.host, name, name::MAX_HOST);
        self.host.make_ascii_lowercase();
        let name = name::as_text(&self.host);
        let is_full = self.server_names.len() >= self.settings.limits.hosts;
        let key = if is_full && !self.server_names.contains_key(&*name) { snapshot::OTHER } else { &name };
        *self.server_names.entry_ref(key).or_default() += 1;
        if self.settings.connections {
            self.told.server_name = Some((&*name).into());
        }
    }

    fn note(&mut self, note: Note) {
        let capture = &mut self.capture;
        match note {
            Note::Protocol(protocol) => capture.protocols.add(protocol, 1),
            Note::Orphan => capture.orphan_responses += 1,
            Note::Unanswered => capture.unanswered += 1,
            Note::ParseError => capture.parse_errors += 1,
            Note::Resync => capture.resyncs += 1,
            Note::TruncatedHead => capture.truncated_heads += 1,
            Note::Ambiguous(ambiguity) => capture.ambiguous_framing.add(ambiguity, 1),
        }
    }

    fn told(&mut self) -> Told {
        std::mem::take(&mut self.told)
    }

    fn connection(&mut self, listed: &Listed<'_, Ticket>) {
        let most = self.settings.limits.connections;
        if self.connections.len() >= 2 * most.max(CONNECTIONS) {
            // Now and then, since it looks at all of them.
            snapshot::keep(&mut self.connections, most);
        }
        let &Listed { interface, ends: [client, server], client: side, protocol, ticket, watched } = listed;
        let record = watched.record;
        let interface = self.ports.get(usize::from(interface.0).min(InterfaceId::MOST));
        let host = ticket.and_then(|ticket| self.rows.host_name(ticket.row));
        self.connections.push(snapshot::Connection {
            first_seen: record.first_seen,
            client,
            server,
            interface: interface.map_or_else(|| "".into(), |port| port.name.clone()),
            last_seen: watched.last_seen,
            segments: record.segments.into(),
            age: watched.age,
            opened: record.is_opened.then_some(record.first_seen),
            state: watched.stage,
            protocol,
            host: host.or_else(|| watched.server_name.cloned()).unwrap_or_else(|| "".into()),
            bytes_to_server: record.bytes[side as usize],
            bytes_to_client: record.bytes[side.reverse() as usize],
            retransmitted: record.retransmitted.into(),
            requests: record.requests.into(),
            rtt: record.rtt(),
        });
    }
}
