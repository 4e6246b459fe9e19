//! The table of servers that clients reach through TLS or QUIC.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::tables::Row;
use super::values;
use crate::pipeline::histogram::Histogram;

/// A server that clients reach through TLS or QUIC, by the name that they give.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Server {
    /// The name in the Server Name Indication (SNI), cleaned and in lower case; `address:port` if the clients give none.
    #[serde(deserialize_with = "values::name")]
    pub name: Arc<str>,
    /// Connections. Those that are not of QUIC are of TLS over TCP.
    pub connections: u64,
    /// Of these, connections whose client has named the server.
    pub named: u64,
    /// Of these, connections over QUIC.
    pub quic: u64,
    /// Of these, connections whose client has sent an encrypted hello (ECH), or pretended to.
    pub ech: u64,
    /// Of these, connections that were decrypted.
    pub decrypted: u64,
    /// Bytes to the server in TCP or UDP, as long as they were not decrypted.
    pub bytes_to_server: u64,
    /// Bytes from the server.
    pub bytes_to_client: u64,
    /// Time from here to the server and back: from SYN to SYN with ACK, or from the first packet of QUIC to its answer.
    pub round_trip: Histogram,
    /// Time from the client's hello to its Finished.
    pub handshake: Histogram,
}

impl Server {
    /// A row of which nothing is counted yet.
    pub fn of_name(name: &str) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// Bytes in both directions.
    pub fn bytes(&self) -> u64 {
        self.bytes_to_server.saturating_add(self.bytes_to_client)
    }

    /// Number of everything that was counted; 0 if nothing was.
    pub fn weight(&self) -> u64 {
        let times = self.round_trip.count().saturating_add(self.handshake.count());
        self.bytes().saturating_add(self.connections).saturating_add(self.decrypted).saturating_add(times)
    }

    /// All histograms.
    pub fn histograms(&self) -> [&Histogram; 2] {
        [&self.round_trip, &self.handshake]
    }

    /// All histograms, to change them.
    pub fn histograms_mut(&mut self) -> [&mut Histogram; 2] {
        [&mut self.round_trip, &mut self.handshake]
    }
}

impl Row for Server {
    fn key(&self) -> &Arc<str> {
        &self.name
    }
    fn absorb(&mut self, other: &Self) {
        let counts = [
            (&mut self.connections, other.connections),
            (&mut self.named, other.named),
            (&mut self.quic, other.quic),
            (&mut self.ech, other.ech),
            (&mut self.decrypted, other.decrypted),
            (&mut self.bytes_to_server, other.bytes_to_server),
            (&mut self.bytes_to_client, other.bytes_to_client),
        ];
        for (mine, theirs) in counts {
            *mine = mine.saturating_add(theirs);
        }
        self.round_trip.merge(&other.round_trip);
        self.handshake.merge(&other.handshake);
    }
}

/// A name that clients gave, and the number of connections: a shorter list of the same rows in JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ServerName {
    /// As [`Server::name`].
    #[serde(deserialize_with = "values::name")]
    pub name: Arc<str>,
    /// As [`Server::named`].
    pub connections: u64,
}

/// The names that clients gave.
pub fn names_of(servers: &[Server]) -> Vec<ServerName> {
    let named = servers.iter().filter(|server| server.named > 0);
    named.map(|server| ServerName { name: server.name.clone(), connections: server.named }).collect()
}

/// The rows of a document of earlier versions, which has names only.
pub fn servers_of(names: Vec<ServerName>) -> Vec<Server> {
    let row = |ServerName { name, connections }| Server { name, connections, named: connections, ..Server::default() };
    names.into_iter().map(row).collect()
}
