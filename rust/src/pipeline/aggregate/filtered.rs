//! Counts only the exchanges that a filter admits.
//!
//! A request is judged when its head is seen, if that is enough; then it is counted, or not, as without a filter. If the
//! filter needs the response, the request gets a row but is not counted yet. Its exchange is judged and counted as a
//! whole when it has ended: with its final response, or as one without a response when it is given up. Interim responses
//! of such an exchange are not counted. A response without a request is judged by its head. So a streaming call under
//! such a filter is not seen while it runs: its bytes and messages are counted when it ends.
//!
//! Packets, interfaces, connections and their health are counted whole; health counts for hosts that have rows.

use std::net::Ipv6Addr;

use super::awaiting::Awaiting;
use super::ended::{Ended, facts_of_orphan};
use super::scratch::Head;
use super::settings::{Listing, Settings};
use super::words::Words;
use super::{Aggregate, Ticket, hosts};
use crate::pipeline::exchange::{Ending, Exchange, Finished, Kept, NoFields, Request, Response, Sides};
use crate::pipeline::filter::{Decided, Needs};
use crate::pipeline::name;
use crate::pipeline::owners::Parties;

impl Aggregate {
    /// Counts a request if the filter admits it. Returns its ticket: [`Ticket::NOWHERE`] if it is not admitted, one for
    /// later if that is not decided.
    pub(super) fn request_if_admitted(&mut self, request: &Request<'_>, before: Option<Ticket>) -> Ticket {
        let written = self.written(request);
        let known = written.and_then(|(host, section)| self.hosts.find(host, section));
        // A request that is not admitted needs no names, so they are not written if the filter can do without them.
        let is_plain = |&(host, section): &(&[u8], &[u8])| !request.is_cut && name::are_plain(host, section);
        let names = written.filter(|names| known.is_some() || is_plain(names));
        if names.is_none() {
            self.write_names(request);
        }
        let address = self.client_address(&request.sides, request.fields);
        let verdict = self.judge(request, address, known, names);
        if verdict == Some(false) {
            return Ticket::NOWHERE;
        }
        if known.is_none() && names.is_some() {
            self.write_names(request);
        }
        let row = known.unwrap_or_else(|| self.hosts.ticket(&self.host, &self.path));
        let client = self.clients.ticket(address, before.map(|ticket| ticket.client));
        if verdict.is_none() {
            return Ticket { row: row.later(), client };
        }
        let ticket = Ticket { row, client };
        self.hosts.add_address(row, request.sides.server().address);
        self.count_request(ticket, request.protocol, request.method, request.bytes);
        ticket
    }

    /// Evaluates the filter for a request of the client with this address. `row` is the row of the request, if there is
    /// one. `names` are the host and the section, or `None` for those in `self.host` and `self.path`.
    fn judge(
        &mut self,
        request: &Request<'_>,
        client: Ipv6Addr,
        row: Option<hosts::Ticket>,
        names: Option<(&[u8], &[u8])>,
    ) -> Option<bool> {
        let filter = self.settings.filter.as_deref()?;
        let decided = row.map_or_else(Decided::default, |row| self.hosts.decided(row));
        if let Some(verdict) = decided.verdict_at_head() {
            return verdict;
        }
        let names = names.unwrap_or((&self.host, &self.path));
        let interface = self.interfaces.text(request.sides.interface);
        filter.admits_rest(decided, Head::new(request, names, interface, client, &mut self.scratch))
    }

    /// Judges a response without a request. `self.host` has the name of its host.
    pub(super) fn admits_orphan(&self, sides: &Sides<'_>, response: &Response) -> bool {
        let Some(filter) = self.settings.filter.as_deref() else { return true };
        let address = self.client_address(sides, &NoFields);
        let parties = self.parties(sides.client(), sides.server()).unwrap_or_default();
        let facts = facts_of_orphan(&self.host, &self.interfaces, sides, address, response, &parties);
        filter.admits(&facts) == Some(true)
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
        if exchanges != Listing::Nothing && !redacts || needs.path || needs.user_agent {
            return self.hoard.keep(request, user_agents || needs.user_agent);
        }
        Kept::NOTHING
    }

    /// Counts and lists an exchange that is judged now that it has ended, if the filter admits it.
    pub(super) fn exchange_if_admitted(&mut self, ticket: Ticket, ending: Ending, finished: Finished) {
        let words = self.hoard.take(ending.kept);
        let ticket = Ticket { row: ticket.row.now(), ..ticket };
        let needs = self.settings.filter.as_ref().map(|filter| filter.needs()).unwrap_or_default();
        let parties = needs.process.then(|| self.parties_of(&finished)).flatten();
        if self.has_to_wait(parties.as_ref()) {
            self.awaiting.push(Awaiting { ticket, ending: Some(ending), finished, words });
        } else {
            self.admit(ticket, ending, finished, words, parties.as_ref());
        }
    }

    /// Counts and lists an exchange that has ended, if the filter admits it.
    pub(super) fn admit(
        &mut self,
        ticket: Ticket,
        ending: Ending,
        finished: Finished,
        words: Option<Words>,
        parties: Option<&Parties>,
    ) {
        if self.admits_ended(ticket, &finished, words.as_ref(), parties) {
            self.count_ended(ticket, &finished.exchange);
            self.count_duration(ticket, ending.duration);
            self.count_outcome(ticket, &ending);
            self.count_codes(ticket, finished.codes);
            self.finish(ticket, finished, words);
        }
    }

    fn admits_ended(
        &self,
        ticket: Ticket,
        finished: &Finished,
        words: Option<&Words>,
        parties: Option<&Parties>,
    ) -> bool {
        let Some(filter) = self.settings.filter.as_deref() else { return true };
        let client = self.listed_client(ticket, finished.exchange.client);
        let ended =
            Ended { hosts: &self.hosts, interfaces: &self.interfaces, client, ticket, finished, words, parties };
        filter.admits_rest(self.hosts.decided(ticket.row), ended) == Some(true)
    }

    /// Counts a whole exchange.
    fn count_ended(&mut self, ticket: Ticket, exchange: &Exchange) {
        let &Exchange { server, protocol, method, status, request_bytes, response_bytes, latency, .. } = exchange;
        self.hosts.add_address(ticket.row, server.address);
        self.count_request(ticket, protocol, method, request_bytes);
        match status {
            Some(status) => self.count_response(ticket, Response { status, latency, bytes: response_bytes }),
            None => self.count_bytes(ticket, false, response_bytes),
        }
        self.count_messages(ticket, true, exchange.request_messages);
        self.count_messages(ticket, false, exchange.response_messages);
        if let Some(grpc) = exchange.grpc_status {
            self.count_grpc(ticket, grpc, status);
        }
    }
}
