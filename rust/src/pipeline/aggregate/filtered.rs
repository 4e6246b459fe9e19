//! Counts only the exchanges that a filter admits.
//!
//! A request is judged when its head is seen, if that is enough; then it is counted, or not, as without a filter. If the
//! filter needs the response, the request gets a row but is not counted yet. Its exchange is judged and counted as a
//! whole when it has ended: with its final response, or as one without a response when it is given up. Interim responses
//! of such an exchange are not counted. A response without a request is judged by its head.
//!
//! Packets, interfaces, connections and their health are counted whole; health counts for hosts that have rows.

use super::ended::{facts_of_ended, facts_of_orphan, party};
use super::settings::Settings;
use super::words::Words;
use super::{Aggregate, Ticket};
use crate::pipeline::exchange::{Exchange, Finished, Kept, NoFields, Request, Response, Sides};
use crate::pipeline::filter::{Facts, Needs, Party};

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
        let address = self.client_address(sides, &NoFields);
        filter.admits(&facts_of_orphan(&self.host, &self.interfaces, sides, address, response)) == Some(true)
    }

    /// Keeps what the filter will look at of a request that is judged later, and what its exchange will list.
    pub(super) fn keep_for_later(&mut self, ticket: Ticket, request: &Request<'_>) -> Kept {
        if !ticket.row.is_somewhere() {
            return Kept::NOTHING;
        }
        let needs = self.settings.filter.as_ref().map(|filter| filter.needs()).unwrap_or_default();
        self.keep_words(request, needs.or(self.subsets.needs()))
    }

    /// Keeps what filters will look at of a request, and what its exchange will list.
    pub(super) fn keep_words(&mut self, request: &Request<'_>, needs: Needs) -> Kept {
        let Settings { exchanges, user_agents, redacts, .. } = self.settings;
        if exchanges && !redacts || needs.path || needs.user_agent {
            return self.hoard.keep(request, user_agents || needs.user_agent);
        }
        Kept::NOTHING
    }

    /// Counts and lists an exchange that is judged now that it has ended, if the filter admits it.
    pub(super) fn exchange_if_admitted(&mut self, ticket: Ticket, finished: Finished) {
        let words = self.hoard.take(finished.kept);
        let ticket = Ticket { row: ticket.row.now(), ..ticket };
        if self.admits_ended(ticket, &finished, words.as_ref()) {
            self.count_ended(ticket, &finished.exchange);
            self.count_duration(ticket, finished.exchange.duration);
            self.finish(ticket, finished, words);
        }
    }

    /// Lists an exchange that was counted as it came, and counts that it has no response.
    pub(super) fn finish_exchange(&mut self, ticket: Ticket, finished: Finished) {
        let words = self.hoard.take(finished.kept);
        self.finish(ticket, finished, words);
    }

    fn admits_ended(&self, ticket: Ticket, finished: &Finished, words: Option<&Words>) -> bool {
        let Some(filter) = self.settings.filter.as_deref() else { return true };
        let client = self.listed_client(ticket, finished.exchange.client);
        let facts = facts_of_ended(&self.hosts, &self.interfaces, ticket, finished, client, words);
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
}
