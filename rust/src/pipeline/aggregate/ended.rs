//! What is known of an exchange that has ended, and what is done with it: it is listed, and counted in subsets.

use std::net::Ipv6Addr;

use super::awaiting::Awaiting;
use super::codes::{count_codes, count_grpc};
use super::hosts::HostTable;
use super::interfaces::Interfaces;
use super::outcomes::Key;
use super::processes::of_processes;
use super::scratch::party;
use super::subsets::Rows;
use super::words::Words;
use super::{Aggregate, Ticket};
use crate::pipeline::decode::Endpoint;
use crate::pipeline::exchange::{Codes, Ending, Exchange, Finished, NoFields, Protocol, Response, Sides};
use crate::pipeline::filter::{Facts, Field, Known, Outcome, Party};
use crate::pipeline::histogram::Sample;
use crate::pipeline::owners::Parties;
use crate::pipeline::snapshot::{self, Counts};

impl Aggregate {
    /// Lists an exchange that was counted, counts it in subsets, and with a filter counts that it has no response.
    pub(super) fn finish(&mut self, ticket: Ticket, finished: Finished, words: Option<Words>) {
        let Exchange { status, latency, .. } = finished.exchange;
        if self.settings.filter.is_some() {
            // A response of HTTP/0.9 has no status.
            self.capture.unanswered += u64::from(status.is_none() && latency.is_none());
        }
        let parties = self.subsets.needs().process.then(|| self.parties_of(&finished)).flatten();
        if self.has_to_wait(parties.as_ref()) {
            self.awaiting.push(Awaiting { ticket, ending: None, finished, words: words.clone() });
        } else {
            self.count_in_subsets(ticket, &finished, words.as_ref(), parties.as_ref());
        }
        if self.marks() {
            self.mark(ticket, &finished, words.as_ref());
        }
        if self.lists(latency) {
            let words = words.map(|words| self.asked_for(words));
            self.list_exchange(ticket, finished, words);
        }
    }

    /// Without what was kept for the filter alone.
    fn asked_for(&self, words: Words) -> Words {
        let is_asked_for = self.settings.user_agents || words.user_agent.is_empty();
        if is_asked_for { words } else { Words { user_agent: "".into(), ..words } }
    }

    /// Counts the duration of an exchange by method, status and host, if that is asked for.
    #[inline]
    pub(super) fn count_outcome(&mut self, ticket: Ticket, ending: &Ending) {
        let Some((outcomes, duration)) = self.subsets.outcomes.as_mut().zip(ending.duration) else { return };
        let host = self.hosts.host_slot(ticket.row);
        let key = Key { host, method: ending.method, status: ending.status };
        let grown = outcomes.count(key, duration, self.settings.limits.hosts, || self.hosts.name_of(host));
        self.grew(grown);
    }

    /// Counts an exchange that has ended in the subsets to which it belongs.
    pub(super) fn count_in_subsets(
        &mut self,
        ticket: Ticket,
        finished: &Finished,
        words: Option<&Words>,
        parties: Option<&Parties>,
    ) {
        if self.subsets.is_empty() {
            return;
        }
        let name = self.subsets.has_clients.then(|| self.clients.name(ticket.client));
        let client = self.listed_client(ticket, finished.exchange.client);
        let ended =
            Ended { hosts: &self.hosts, interfaces: &self.interfaces, client, ticket, finished, words, parties };
        let Exchange { method, status, request_bytes, response_bytes, latency, duration, .. } = finished.exchange;
        let most = self.settings.limits.hosts;
        let rows = Rows { client: name.as_deref().unwrap_or_default(), process: parties.map_or("", Parties::name) };
        let grown = self.subsets.count(ended, rows, most, |counts| {
            counts.requests += 1;
            counts.request_bytes += request_bytes;
            counts.methods.add(method, 1);
            counts.response_bytes += response_bytes;
            if let Some(status) = status {
                count_status(counts, status);
            }
            count_rare(counts, &finished.exchange, finished.codes);
            let grown = latency.map_or(0, |nanos| counts.latency.record(Sample::new(nanos)));
            grown + duration.map_or(0, |nanos| counts.duration.record(Sample::new(nanos)))
        });
        self.grew(grown);
    }

    /// Counts a response without a request in the subsets to which it belongs. `self.host` has the name of its host.
    pub(super) fn count_orphan_in_subsets(&mut self, ticket: Ticket, sides: &Sides<'_>, response: &Response) {
        if self.subsets.is_empty() {
            return;
        }
        let name = self.subsets.has_clients.then(|| self.clients.name(ticket.client));
        let address = self.client_address(sides, &NoFields);
        let parties = self.parties(sides.client(), sides.server()).unwrap_or_default();
        let facts = facts_of_orphan(&self.host, &self.interfaces, sides, address, response, &parties);
        let &Response { status, bytes, .. } = response;
        let most = self.settings.limits.hosts;
        let rows = Rows { client: name.as_deref().unwrap_or_default(), process: parties.name() };
        self.subsets.count(&facts, rows, most, |counts| {
            counts.response_bytes += bytes;
            count_status(counts, status);
            0
        });
    }
}

/// Counts of an exchange what HTTP/1 does not have.
fn count_rare(counts: &mut Counts, exchange: &Exchange, codes: Codes) {
    if codes != Codes::default() {
        count_codes(counts.streams.add(), codes);
    }
    if exchange.protocol != Protocol::Http1 {
        counts.streams.add().protocols.add(exchange.protocol, 1);
    }
    if let Some(grpc) = exchange.grpc_status {
        count_grpc(counts, grpc, exchange.status);
    }
    if exchange.request_messages > 0 || exchange.response_messages > 0 {
        let streams = counts.streams.add();
        streams.request_messages = streams.request_messages.saturating_add(exchange.request_messages);
        streams.response_messages = streams.response_messages.saturating_add(exchange.response_messages);
    }
}

fn count_status(counts: &mut Counts, status: u16) {
    counts.responses += 1;
    counts.statuses.add(status, 1);
    counts.errors += u64::from(status >= 500);
}

/// An exchange that has ended, with the words that were kept of its request.
#[derive(Clone, Copy, Debug)]
pub struct Ended<'a> {
    pub hosts: &'a HostTable,
    pub interfaces: &'a Interfaces,
    /// Its client as it is listed.
    pub client: Endpoint,
    pub ticket: Ticket,
    pub finished: &'a Finished,
    pub words: Option<&'a Words>,
    /// The processes at the ends of its connection, if they were looked for.
    pub parties: Option<&'a Parties>,
}

impl Known for Ended<'_> {
    #[inline]
    fn text(&mut self, field: Field, mut look: impl FnMut(&[u8]) -> bool) -> Option<bool> {
        let text = match field {
            Field::Host => self.hosts.texts(self.ticket.row).0,
            Field::Section => self.hosts.texts(self.ticket.row).1,
            Field::Method => self.finished.exchange.method.name().as_bytes(),
            Field::Protocol => self.finished.exchange.protocol.name().as_bytes(),
            Field::Interface => self.interfaces.text(self.finished.interface),
            Field::Path => self.words?.path.as_bytes(),
            Field::UserAgent => self.words?.user_agent.as_bytes(),
            field if field.is_of_process() => match self.parties {
                Some(parties) => return (&of_processes(parties)).text(field, look),
                None => b"",
            },
            _ => return None,
        };
        Some(look(text))
    }

    #[inline]
    fn client(&mut self) -> Option<Party<'_>> {
        Some(Party::End(self.client))
    }

    #[inline]
    fn server(&mut self) -> Option<Party<'_>> {
        Some(Party::End(self.finished.exchange.server))
    }

    #[inline]
    fn outcome(&self) -> Option<Outcome> {
        Some(self.finished.exchange.outcome())
    }
}

/// What is known of a response without a request, whose host has the name `host`.
pub(super) fn facts_of_orphan<'a>(
    host: &'a [u8],
    interfaces: &'a Interfaces,
    sides: &Sides<'_>,
    client: Ipv6Addr,
    response: &Response,
    parties: &'a Parties,
) -> Facts<'a> {
    let &Response { status, latency, bytes } = response;
    Facts {
        host: Some(host),
        section: Some(snapshot::OTHER.as_bytes()),
        path: Some(b""),
        method: Some(b""),
        protocol: Some(b""),
        interface: Some(interfaces.text(sides.interface)),
        user_agent: Some(b""),
        client: Some(party(sides, client)),
        server: Some(Party::End(sides.server())),
        outcome: Some(Outcome { status: Some(status), latency, response_bytes: bytes, ..Outcome::default() }),
        ..of_processes(parties)
    }
}
