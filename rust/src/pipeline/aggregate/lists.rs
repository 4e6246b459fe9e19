//! Lists single exchanges and connections, if the settings ask for them.

use super::settings::{ClientFrom, Listing};
use super::words::Words;
use super::{Aggregate, Ticket};
use crate::pipeline::decode::Endpoint;
use crate::pipeline::exchange::{Exchange, Finished, Listed, ListedQuic, ListedStream, Protocol};
use crate::pipeline::flow::Stage;
use crate::pipeline::name;
use crate::pipeline::owners::Local;
use crate::pipeline::packet::Timestamp;
use crate::pipeline::snapshot::{self, NamedExchange, OpenStream};

/// Within an interval, the list of connections is cut to its limit only when it holds twice the limit and at least
/// twice this number.
const CONNECTIONS: usize = 4096;

impl Aggregate {
    /// Lists an exchange with the words of its request, `None` if they are not known.
    pub(super) fn list_exchange(&mut self, ticket: Ticket, finished: Finished, words: Option<Words>) {
        let Finished { exchange, interface, .. } = finished;
        self.make_room_for_exchanges(2);
        let (host, section) = self.hosts.names(ticket.row);
        let Words { path, user_agent } = self.listed_words(words, &section);
        let parties = self.parties(exchange.client, exchange.server);
        let (process, client_process) = parties.as_ref().map(snapshot::processes).unwrap_or_default();
        self.exchanges.push(NamedExchange {
            measured: Exchange { client: self.listed_client(ticket, exchange.client), ..exchange },
            interface: self.interfaces.name(interface),
            host,
            section,
            path,
            user_agent,
            process,
            client_process,
        });
    }

    /// Whether an exchange with this latency is to be listed.
    #[inline]
    pub(super) fn lists(&self, latency: Option<u64>) -> bool {
        match self.settings.exchanges {
            Listing::Nothing => false,
            Listing::Slowest(_) => latency.is_some() && latency >= self.slow_enough,
            Listing::All => true,
        }
    }

    /// Cuts the list of exchanges to its limit if it holds `times` as many. That is seldom, since choosing looks at all
    /// of them.
    pub(super) fn make_room_for_exchanges(&mut self, times: usize) {
        match self.settings.exchanges {
            Listing::Slowest(most) if self.exchanges.len() > times * most => {
                snapshot::keep_slowest(&mut self.exchanges, most);
                self.slow_enough = self.exchanges.iter().map(|one| one.measured.latency).min().unwrap_or(None);
            }
            Listing::All if self.exchanges.len() >= times * self.settings.limits.exchanges => {
                let most = self.settings.limits.exchanges;
                self.capture.exchanges_dropped += snapshot::keep(&mut self.exchanges, most);
            }
            _ => {}
        }
    }

    /// Returns the client of an exchange as it is listed. A client named by a field or by a proxy has no port. If the
    /// row of the client was folded, its address is not known any more.
    pub(super) fn listed_client(&self, ticket: Ticket, connection: Endpoint) -> Endpoint {
        if self.settings.client_from == ClientFrom::Connection {
            return connection;
        }
        let address = self.clients.address(ticket.client);
        let is_of_connection = address == Some(self.clients.group(connection.address));
        if is_of_connection { connection } else { snapshot::portless(address) }
    }

    /// Returns the words of a request as they are listed. Without words the path is the section with the mark of a path
    /// that was cut.
    fn listed_words(&self, words: Option<Words>, section: &str) -> Words {
        if self.settings.redacts {
            return Words::default();
        }
        words.unwrap_or_else(|| {
            let path = format!("{section}{}", name::as_text(name::CUT)).into();
            Words { path, ..Words::default() }
        })
    }

    fn make_room_for_connections(&mut self) {
        let most = self.settings.limits.connections;
        if self.connections.len() >= 2 * most.max(CONNECTIONS) {
            // Seldom, since choosing looks at all of them.
            snapshot::keep(&mut self.connections, most);
        }
    }

    /// Lists a connection of QUIC.
    pub(super) fn list_quic(&mut self, listed: &ListedQuic<'_>) {
        if !self.settings.connections {
            return;
        }
        self.make_room_for_connections();
        let [first_seen, last_seen] = listed.seen;
        self.connections.push(snapshot::Connection {
            first_seen,
            client: listed.sides.client(),
            server: listed.sides.server(),
            interface: self.interfaces.name(listed.sides.interface),
            last_seen,
            segments: listed.datagrams.into(),
            age: listed.age,
            opened: listed.is_opened.then_some(first_seen),
            state: if listed.is_answered { Stage::Open } else { Stage::Opening },
            protocol: Some(Protocol::Quic),
            host: self.servers.name(&listed.sides).unwrap_or_else(|| "".into()),
            bytes_to_server: listed.bytes[0],
            bytes_to_client: listed.bytes[1],
            retransmitted: 0,
            requests: 0,
            rtt: listed.round_trip,
            local: Local::default(),
            process: None,
            client_process: None,
            kernel_rtt: None,
            kernel_cwnd: None,
            kernel_retransmits: None,
            tls: false,
            streams: 0,
            open_streams: 0,
            undecrypted: None,
            oldest_streams: Vec::new(),
        });
    }

    /// Lists a connection with its state at the end of the interval.
    pub(super) fn list_connection(&mut self, listed: &Listed<'_, Ticket>) {
        self.make_room_for_connections();
        let &Listed { interface, ends: [client, server], client: side, protocol, ticket, inside, streams, watched } =
            listed;
        let record = watched.record;
        let until = Timestamp(record.first_seen.0.saturating_add_unsigned(watched.age));
        let host = ticket.and_then(|ticket| self.hosts.host_name(ticket.row));
        let parties = self.parties(client, server).unwrap_or_default();
        let (process, client_process) = snapshot::processes(&parties);
        self.connections.push(snapshot::Connection {
            first_seen: record.first_seen,
            client,
            server,
            interface: self.interfaces.name(interface),
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
            local: parties.local,
            process,
            client_process,
            kernel_rtt: parties.view.map(|view| view.rtt),
            kernel_cwnd: parties.view.map(|view| view.cwnd.into()),
            kernel_retransmits: parties.view.map(|view| view.retransmits.into()),
            tls: inside.is_tls,
            streams: inside.streams,
            open_streams: inside.open_streams,
            undecrypted: inside.closed,
            oldest_streams: streams.iter().map(|stream| self.listed_stream(stream, until)).collect(),
        });
    }

    /// An open stream as it is at `until`.
    fn listed_stream(&self, stream: &ListedStream<Ticket>, until: Timestamp) -> OpenStream {
        let row = stream.ticket.row.now();
        let (host, section) = if row.is_somewhere() { self.hosts.listed_names(row) } else { ("".into(), "".into()) };
        let words = self.hoard.get(stream.kept).filter(|_| !self.settings.redacts);
        OpenStream {
            id: stream.id,
            method: stream.method,
            host,
            section,
            path: words.map_or_else(|| "".into(), |words| words.path.clone()),
            age: until.since(stream.since),
            request_bytes: stream.bytes[0],
            response_bytes: stream.bytes[1],
            request_messages: stream.messages[0].into(),
            response_messages: stream.messages[1].into(),
            protocol: stream.protocol,
            status: stream.status,
        }
    }
}
