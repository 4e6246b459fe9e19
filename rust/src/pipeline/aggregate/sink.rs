//! Counts the events of connections, each in the row of its section and in the row of its client.

use std::net::Ipv6Addr;

use super::codes::of_one;
use super::health::count;
use super::settings::ClientFrom;
use super::{Aggregate, Ticket, clients, hosts};
use crate::pipeline::decode::{Direction, FlowKey};
use crate::pipeline::exchange::{
    CipherSuite, Closed, Code, Ending, Fields, Finished, GrpcStatus, Kept, Listed, ListedQuic, Method, NoFields, Note,
    Protocol, Request, Response, Secured, Sides, Sink, TlsVersion,
};
use crate::pipeline::flow::{FlowId, Observation, Observed, Opening, Signs, Told};
use crate::pipeline::histogram::Sample;
use crate::pipeline::name;
use crate::pipeline::snapshot::{self, Counts};

impl Aggregate {
    /// Host and section of a request as they are on the wire. `None` if they must be normalised first.
    pub(super) fn written<'a>(&self, request: &Request<'a>) -> Option<(&'a [u8], &'a [u8])> {
        let is_connect = request.opens_tunnel();
        name::as_written(request.target, request.host, self.settings.section_depth).filter(|_| !is_connect)
    }

    /// Finds the row of a request by the host and section as they are on the wire. `None` if no row has these names, or
    /// if the names must be normalised first. Nearly all requests find their row here.
    fn known(&mut self, request: &Request<'_>) -> Option<hosts::Ticket> {
        self.written(request).and_then(|(host, section)| self.hosts.find(host, section))
    }

    /// Returns the row of a request by its normalised names, and makes the row if there is none.
    fn named(&mut self, request: &Request<'_>) -> hosts::Ticket {
        self.write_names(request);
        self.hosts.ticket(&self.host, &self.path)
    }

    /// Writes the normalised names of a request to `self.host` and `self.path`.
    pub(super) fn write_names(&mut self, request: &Request<'_>) {
        let is_connect = request.opens_tunnel();
        let depth = self.settings.section_depth;
        // In an absolute target that was cut, what looks like the authority may be the beginning of userinfo.
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
    }

    /// Returns the client's address that a field of the request or a proxy named. `None` if there is none, or if the
    /// settings take the address from the connection.
    #[cold]
    fn told_client(&self, connection: &FlowKey, fields: &dyn Fields) -> Option<Ipv6Addr> {
        match self.settings.client_from {
            ClientFrom::Connection => None,
            ClientFrom::Field(field) => fields.client(field, self.settings.trusted_proxies),
            ClientFrom::Proxy => self.proxied.get(connection).copied().flatten(),
        }
    }

    /// Returns the row of the client that sent a request. `before` is the ticket of the previous request on the
    /// connection.
    #[inline]
    pub(super) fn client(&mut self, sides: &Sides<'_>, fields: &dyn Fields, before: Option<Ticket>) -> clients::Ticket {
        let address = self.client_address(sides, fields);
        self.clients.ticket(address, before.map(|ticket| ticket.client))
    }

    /// Returns the address of the client that sent a request.
    #[inline]
    pub(super) fn client_address(&self, sides: &Sides<'_>, fields: &dyn Fields) -> Ipv6Addr {
        let address = sides.client().address;
        if self.settings.client_from == ClientFrom::Connection {
            return address;
        }
        self.told_client(sides.connection, fields).unwrap_or(address)
    }

    /// Counts a request in its rows.
    #[inline]
    pub(super) fn count_request(&mut self, ticket: Ticket, protocol: Protocol, method: Method, bytes: u64) {
        let count = |counts: &mut Counts| {
            counts.requests += 1;
            counts.request_bytes += bytes;
            counts.methods.add(method, 1);
        };
        count(self.hosts.hit(ticket.row));
        count(self.clients.counts(ticket.client));
        // The requests of HTTP/1 are those that no other protocol has.
        if protocol != Protocol::Http1 {
            self.count_streams(ticket, |streams| streams.protocols.add(protocol, 1));
        }
        self.select();
    }

    /// Counts a response in its rows.
    #[inline]
    pub(super) fn count_response(&mut self, ticket: Ticket, Response { status, latency, bytes }: Response) {
        let sample = latency.map(Sample::new);
        let count = |counts: &mut Counts| {
            counts.responses += 1;
            counts.response_bytes += bytes;
            counts.statuses.add(status, 1);
            counts.errors += u64::from(status >= 500);
            sample.map_or(0, |sample| counts.latency.record(sample))
        };
        let grown = count(self.hosts.hit(ticket.row)) + count(self.clients.counts(ticket.client));
        self.grew(grown);
    }

    /// Counts bytes of a request or of a response in its rows.
    #[inline]
    pub(super) fn count_bytes(&mut self, ticket: Ticket, of_request: bool, count: u64) {
        for counts in [self.hosts.counts(ticket.row), self.clients.counts(ticket.client)] {
            *(if of_request { &mut counts.request_bytes } else { &mut counts.response_bytes }) += count;
        }
    }

    /// Counts the duration of an exchange. Durations are not counted by client: their histogram costs more than any
    /// other count and is seldom of use.
    #[inline]
    pub(super) fn count_duration(&mut self, ticket: Ticket, duration: Option<u64>) {
        if let Some(duration) = duration {
            let grown = self.hosts.counts(ticket.row).duration.record(Sample::new(duration));
            self.grew(grown);
        }
    }
}

impl Sink for Aggregate {
    type Ticket = Ticket;

    fn proxied(&mut self, connection: &FlowKey, client: Option<Ipv6Addr>) {
        if self.settings.client_from == ClientFrom::Proxy {
            self.proxied.entry(*connection).or_insert(client);
        }
    }

    #[inline]
    fn began(&mut self, connection: &FlowKey) {
        if let Some(owners) = &mut self.owners {
            owners.begin(connection);
        }
    }

    fn ended(&mut self, connection: &FlowKey) {
        if let Some(owners) = &mut self.owners {
            owners.end(connection);
        }
        if !self.proxied.is_empty() {
            self.proxied.remove(connection);
        }
        self.servers.end(connection);
    }

    fn request(&mut self, request: &Request<'_>, before: Option<Ticket>) -> Ticket {
        self.told.requests = self.told.requests.wrapping_add(1);
        if self.settings.filter.is_some() {
            return self.request_if_admitted(request, before);
        }
        let row = self.known(request).unwrap_or_else(|| self.named(request));
        self.hosts.add_address(row, request.sides.server().address);
        let ticket = Ticket { row, client: self.client(&request.sides, request.fields, before) };
        self.count_request(ticket, request.protocol, request.method, request.bytes);
        ticket
    }

    fn keep(&mut self, ticket: Ticket, request: &Request<'_>) -> Kept {
        if !ticket.row.counts() {
            return self.keep_for_later(ticket, request);
        }
        self.keep_words(request, self.subsets.needs())
    }

    fn opening(&mut self, ticket: Ticket, opening: &Opening, client: Direction) {
        if *opening == Opening::default() || !ticket.row.is_somewhere() {
            return;
        }
        let tcp = self.hosts.openings(ticket.row);
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

    fn unasked(&mut self, sides: &Sides<'_>, response: &Response) -> Ticket {
        self.host.clear();
        name::host_into(&mut self.host, b"", false, None, sides.server());
        if self.settings.filter.is_some() && !self.admits_orphan(sides, response) {
            return Ticket::NOWHERE;
        }
        let row = self.hosts.ticket(&self.host, snapshot::OTHER.as_bytes());
        self.hosts.add_address(row, sides.server().address);
        let ticket = Ticket { row, client: self.client(sides, &NoFields, None) };
        self.count_orphan_in_subsets(ticket, sides, response);
        self.select();
        if self.marks() {
            self.mark_orphan(ticket, sides, response);
        }
        ticket
    }

    fn response(&mut self, ticket: Ticket, response: Response) {
        if ticket.row.counts() {
            self.count_response(ticket, response);
        }
    }

    fn bytes(&mut self, ticket: Ticket, of_request: bool, count: u64) {
        if ticket.row.counts() {
            self.count_bytes(ticket, of_request, count);
        }
    }

    fn exchange(&mut self, ticket: Ticket, ending: Ending, tell: impl FnOnce() -> Finished) {
        if !ticket.row.counts() {
            if ticket.row.is_somewhere() {
                self.exchange_if_admitted(ticket, ending, tell());
            }
            return;
        }
        self.count_duration(ticket, ending.duration);
        self.count_outcome(ticket, &ending);
        // With a filter, an exchange without a response is counted here, see `note`.
        let is_counted = self.settings.filter.is_some() && ending.duration.is_none() || !self.subsets.is_empty();
        if is_counted || self.lists(ending.latency) || self.marks() {
            let words = self.hoard.take(ending.kept);
            self.finish(ticket, tell(), words);
        } else {
            self.hoard.free(ending.kept);
        }
    }

    fn messages(&mut self, ticket: Ticket, of_request: bool, count: u64) {
        if ticket.row.counts() {
            self.count_messages(ticket, of_request, count);
        }
    }

    fn grpc_status(&mut self, ticket: Ticket, grpc: GrpcStatus, status: Option<u16>) {
        if ticket.row.counts() {
            self.count_grpc(ticket, grpc, status);
        }
    }

    fn ends_with(&mut self, ticket: Ticket, by_client: bool, code: Code) {
        if ticket.row.counts() {
            self.count_codes(ticket, of_one(by_client, code));
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
        if let Some(ticket) = ticket.filter(|ticket| ticket.row.is_somewhere()) {
            let (tcp, is_at_home) = self.hosts.tcp(ticket.row, segment.interface);
            grown += count(tcp, signs, rtt.map(Sample::new), from_client);
            is_counted = is_at_home;
        }
        if !is_counted {
            grown += count(&mut self.interfaces.at(segment.interface).tcp, signs, rtt.map(Sample::new), from_client);
        }
        if grown > 0 {
            self.grew(grown);
        }
    }

    fn secured(&mut self, secured: &Secured<'_>) {
        let name = self.servers.begin(secured, self.settings.limits.hosts);
        if self.settings.connections && name.is_some() {
            self.told.server_name = name;
        }
    }

    #[inline]
    fn secured_bytes(&mut self, connection: &FlowKey, to_server: bool, bytes: u64) {
        self.servers.bytes(connection, to_server, bytes);
    }

    fn secured_times(&mut self, connection: &FlowKey, round_trip: Option<u64>, handshake: Option<u64>) {
        let grown = self.servers.times(connection, round_trip, handshake);
        self.grew(grown);
    }

    fn unsecured(&mut self, connection: &FlowKey) {
        self.servers.decrypt(connection);
    }

    fn secured_with(&mut self, connection: &FlowKey, version: TlsVersion, suite: CipherSuite) {
        self.servers.choose(connection, version, suite);
    }

    fn closed(&mut self, connection: &FlowKey, why: Closed) {
        self.capture.undecrypted.add(why, 1);
        self.servers.close(connection, why);
    }

    fn note(&mut self, note: Note) {
        let capture = &mut self.capture;
        match note {
            Note::Protocol(protocol) => capture.protocols.add(protocol, 1),
            Note::Orphan => capture.orphan_responses += 1,
            // With a filter, the exchange is counted once it is known whether it is admitted.
            Note::Unanswered => capture.unanswered += u64::from(self.settings.filter.is_none()),
            Note::UnknownStatus => capture.unknown_statuses += 1,
            Note::ParseError => capture.parse_errors += 1,
            Note::Resync => capture.resyncs += 1,
            Note::TruncatedHead => capture.truncated_heads += 1,
            Note::Ambiguous(ambiguity) => capture.ambiguous_framing.add(ambiguity, 1),
            Note::GoAway(code) => capture.goaways.add(code, 1),
        }
    }

    fn told(&mut self) -> Told {
        std::mem::take(&mut self.told)
    }

    fn settled(&mut self, id: FlowId, is_over: bool) {
        self.settle(id, is_over);
    }

    fn connection(&mut self, listed: &Listed<'_, Ticket>) {
        self.list_connection(listed);
    }

    fn quic_connection(&mut self, listed: &ListedQuic<'_>) {
        self.list_quic(listed);
    }
}
