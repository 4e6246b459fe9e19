//! Names the processes at the ends of exchanges and connections. They may not be known yet when an exchange ends: the
//! process of a client is asked for when its connection begins, and the answer takes some milliseconds. So what is
//! listed gets the names when the interval is closed, and what is judged by processes waits until then.

use super::Aggregate;
use super::awaiting::Awaiting;
use super::settings::ClientFrom;
use crate::pipeline::decode::Endpoint;
use crate::pipeline::exchange::Finished;
use crate::pipeline::filter::Facts;
use crate::pipeline::owners::{Owners, Parties};
use crate::pipeline::snapshot;

/// Exchanges that may wait for the names of their processes. Further ones are judged without.
const MAX_AWAITING: usize = 16_384;

/// What a filter knows of the processes at the ends of a connection.
pub fn of_processes(parties: &Parties) -> Facts<'_> {
    let main = parties.main();
    Facts {
        process: Some(parties.name().as_bytes()),
        client_process: parties.client.as_ref().map(|owner| owner.name.as_bytes()),
        container: Some(main.map_or("", |owner| &owner.container).as_bytes()),
        pod: Some(main.map_or("", |owner| &owner.pod).as_bytes()),
        namespace: Some(main.map_or("", |owner| &owner.namespace).as_bytes()),
        ..Facts::default()
    }
}

impl Aggregate {
    /// What is known of processes; `None` unless the settings ask for them.
    pub fn owners(&mut self) -> Option<&mut Owners> {
        self.owners.as_deref_mut()
    }

    /// Returns the processes at the ends of a connection.
    pub(super) fn parties(&self, client: Endpoint, server: Endpoint) -> Option<Parties> {
        self.owners.as_ref().map(|owners| owners.of(client, server))
    }

    /// Returns the processes at the ends of the connection of an exchange.
    pub(super) fn parties_of(&self, finished: &Finished) -> Option<Parties> {
        self.parties(finished.exchange.client, finished.exchange.server)
    }

    /// True if the exchange has to wait for the names of its processes. Recording does not wait: it has to know at once
    /// what becomes of a connection.
    pub(super) fn has_to_wait(&self, parties: Option<&Parties>) -> bool {
        parties.is_some_and(|parties| parties.is_awaited) && self.noted.is_none() && self.awaiting.len() < MAX_AWAITING
    }

    /// Judges the exchanges that waited, by what is known now.
    pub(super) fn judge_awaiting(&mut self) {
        for Awaiting { ticket, ending, finished, words } in std::mem::take(&mut self.awaiting) {
            let parties = self.parties_of(&finished);
            match ending {
                Some(ending) => self.admit(ticket, ending, finished, words, parties.as_ref()),
                None => self.count_in_subsets(ticket, &finished, words.as_ref(), parties.as_ref()),
            }
        }
    }

    /// Gives names to the processes of what is listed, as far as they were not known when it was, and forgets those of
    /// connections that have ended.
    pub(super) fn name_processes(&mut self) {
        let Some(owners) = &mut self.owners else { return };
        // The address of a client that a proxy named is not that of its connection.
        if self.settings.client_from == ClientFrom::Connection {
            for one in self.exchanges.iter_mut().filter(|one| one.process.is_none() || one.client_process.is_none()) {
                let parties = owners.of(one.measured.client, one.measured.server);
                (one.process, one.client_process) = snapshot::processes(&parties);
            }
        }
        for one in &mut self.connections {
            let parties = owners.of(one.client, one.server);
            one.local = parties.local;
            let (process, client) = snapshot::processes(&parties);
            (one.process, one.client_process) = (process.or(one.process.take()), client.or(one.client_process.take()));
            if let Some(view) = parties.view {
                one.kernel_rtt = Some(view.rtt);
                one.kernel_cwnd = Some(view.cwnd.into());
                one.kernel_retransmits = Some(view.retransmits.into());
            }
        }
        owners.turn();
    }
}
