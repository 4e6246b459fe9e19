//! Counts only the exchanges that a filter admits.
//!
//! A request is judged when its head is seen, if that is enough; then it is counted, or not, as without a filter. If the
//! filter needs the response, the request gets a row but is not counted yet. Its exchange is judged and counted as a
//! whole when it has ended: with its final response, or as one without a response when it is given up. Interim responses
//! of such an exchange are not counted. A response without a request is judged by its head.
//!
//! Packets, interfaces, connections and their health are counted whole; health counts for hosts that have rows.

use std::net::Ipv6Addr;

use super::settings::Settings;
use super::words::Words;
use super::{Aggregate, Ticket};
use crate::pipeline::decode::Endpoint;
use crate::pipeline::exchange::{Exchange, Finished, Kept, NoFields, Request, Response, Sides};
use crate::pipeline::filter::{Facts, Outcome, Party};
use crate::pipeline::snapshot;

impl Aggregate {
    /// Counts a request if the filter admits it. Returns its ticket: [`Ticket::NOWHERE`] if it is not admitted, one for
    /// later if that is not decided.
    pub(super) fn request_if_admitted(&mut self, request: &Request<'_>, before: Option<Ticket>) -> Ticket {
        let written = self.written(request);
        let known = written.and_then(|(host, section)| self.hosts.find(host, section));
        if known.is_none() {
            self.write_names(request);
        }
        let names = written.filter(|_| known.is_some());
        let verdict = self.judge(request, names);
        if verdict == Some(false) {
            return Ticket::NOWHERE;
        }
        let row = known.unwrap_or_else(|| self.hosts.ticket(&self.host, &self.path));
        let client = self.client(&request.sides, request.fields, before);
        if verdict.is_none() {
            return Ticket { row: row.later(), client };
        }
        let ticket = Ticket { row, client };
        self.hosts.add_address(row, request.sides.server().address);
        self.count_request(ticket, request.method, request.bytes);
        ticket
    }

    /// Evaluates the filter for a request. `names` are the host and the section, or `None` for those in `self.host` and
    /// `self.path`.
    fn judge(&mut self, request: &Request<'_>, names: Option<(&[u8], &[u8])>) -> Option<bool> {
        let filter = self.settings.filter.as_deref()?;
        self.scratch.read(filter, request);
        let (host, section) = names.unwrap_or((&self.host, &self.path));
        let client = party(&request.sides, self.client_address(&request.sides, request.fields));
        filter.admits(&Facts {
            host: Some(host),
            section: Some(section),
            path: Some(&self.scratch.path),
            method: Some(request.method.name().as_bytes()),
            interface: Some(self.interfaces.text(request.sides.interface)),
            user_agent: Some(&self.scratch.user_agent),
            client: Some(client),
            server: Some(Party::End(request.sides.server())),
            ..Facts::default()
        })
    }

    /// Judges a response without a request. `self.host` has the name of its host.
    pub(super) fn admits_orphan(&self, sides: &Sides<'_>, response: &Response) -> bool {
        let Some(filter) = self.settings.filter.as_deref() else { return true };
        let client = party(sides, self.client_address(sides, &NoFields));
        let &Response { status, latency, bytes } = response;
        let outcome =
            Outcome { status: Some(status), latency, duration: None, request_bytes: 0, response_bytes: bytes };
        let facts = Facts {
            host: Some(&self.host),
            section: Some(snapshot::OTHER.as_bytes()),
            path: Some(b""),
            method: Some(b""),
            interface: Some(self.interfaces.text(sides.interface)),
            user_agent: Some(b""),
            client: Some(client),
            server: Some(Party::End(sides.server())),
            outcome: Some(outcome),
            is_within: false,
        };
        filter.admits(&facts) == Some(true)
    }

    /// Keeps what the filter will look at of a request that is judged later, and what its exchange will list.
    pub(super) fn keep_for_later(&mut self, ticket: Ticket, request: &Request<'_>) -> Kept {
        let Settings { exchanges, user_agents, redacts, ref filter, .. } = self.settings;
        let needs = filter.as_ref().map(|filter| filter.needs()).unwrap_or_default();
        let is_wanted = exchanges && !redacts || needs.path || needs.user_agent;
        if !(is_wanted && ticket.row.is_somewhere()) {
            return Kept::NOTHING;
        }
        self.hoard.keep(request, user_agents || needs.user_agent)
    }

    /// Counts and lists an exchange that is judged now that it has ended, if the filter admits it.
    pub(super) fn exchange_if_admitted(&mut self, ticket: Ticket, finished: Finished) {
        let words = self.hoard.take(finished.kept);
        let ticket = Ticket { row: ticket.row.now(), ..ticket };
        if self.admits_ended(ticket, &finished, words.as_ref()) {
            self.count_ended(ticket, &finished.exchange);
            self.count_duration(ticket, finished.exchange.duration);
            self.finish(ticket, finished, words.map(|words| self.asked_for(words)));
        }
    }

    /// Lists an exchange that was counted as it came, and counts that it has no response.
    pub(super) fn finish_exchange(&mut self, ticket: Ticket, finished: Finished) {
        let words = self.hoard.take(finished.kept);
        self.finish(ticket, finished, words);
    }

    fn finish(&mut self, ticket: Ticket, finished: Finished, words: Option<Words>) {
        let Exchange { status, latency, .. } = finished.exchange;
        if self.settings.filter.is_some() {
            // A response of HTTP/0.9 has no status.
            self.capture.unanswered += u64::from(status.is_none() && latency.is_none());
        }
        if self.settings.exchanges {
            self.list_exchange(ticket, finished, words);
        }
    }

    fn admits_ended(&self, ticket: Ticket, finished: &Finished, words: Option<&Words>) -> bool {
        let Some(filter) = self.settings.filter.as_deref() else { return true };
        let &Finished { exchange, interface, .. } = finished;
        let (host, section) = self.hosts.texts(ticket.row);
        let facts = Facts {
            host: Some(host),
            section: Some(section),
            path: words.map(|words| words.path.as_bytes()),
            method: Some(exchange.method.name().as_bytes()),
            interface: Some(self.interfaces.text(interface)),
            user_agent: words.map(|words| words.user_agent.as_bytes()),
            client: Some(Party::End(self.listed_client(ticket, exchange.client))),
            server: Some(Party::End(exchange.server)),
            outcome: Some(Outcome {
                status: exchange.status,
                latency: exchange.latency,
                duration: exchange.duration,
                request_bytes: exchange.request_bytes,
                response_bytes: exchange.response_bytes,
            }),
            is_within: false,
        };
        filter.admits(&facts) == Some(true)
    }

    /// Counts a whole exchange.
    fn count_ended(&mut self, ticket: Ticket, exchange: &Exchange) {
        let &Exchange { server, method, status, request_bytes, response_bytes, latency, .. } = exchange;
        self.hosts.add_address(ticket.row, server.address);
        self.count_request(ticket, method, request_bytes);
        match status {
            Some(status) => self.count_response(ticket, Response { status, latency, bytes: response_bytes }),
            None => self.count_bytes(ticket, false, response_bytes),
        }
    }

    /// Without what was kept for the filter alone.
    fn asked_for(&self, words: Words) -> Words {
        if self.settings.user_agents { words } else { Words { user_agent: "".into(), ..words } }
    }
}

/// The client as an exchange would list it.
fn party(sides: &Sides<'_>, address: Ipv6Addr) -> Party<'static> {
    let connection = sides.client();
    let is_of_connection = connection.address == address;
    Party::End(if is_of_connection { connection } else { Endpoint { address, port: 0 } })
}
