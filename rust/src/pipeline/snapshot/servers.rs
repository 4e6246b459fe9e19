//! The table of servers that clients reach through TLS or QUIC.

use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::tables::Row;
use super::tally::Tally;
use super::values;
use crate::pipeline::exchange::{CipherSuite, Closed, TlsVersion};
use crate::pipeline::histogram::Histogram;
use crate::pipeline::packet::Timestamp;

/// Most cipher suites that a server has one by one. It chooses one for each kind of client, and few kinds reach it.
pub const MAX_CIPHER_SUITES: usize = 16;

/// A server that clients reach through TLS or QUIC, by the name that they give.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Server {
    /// The name in the Server Name Indication (SNI), cleaned and in lower case; `address:port` if the clients give none.
    #[serde(deserialize_with = "values::name")]
    pub name: Arc<str>,
    /// Connections that began. Those that are not of QUIC are of TLS over TCP.
    pub connections: u64,
    /// Connections that were open when the interval began, and not decrypted.
    pub open_before: Before,
    /// Of these, connections whose client has named the server.
    pub named: u64,
    /// Of these, connections over QUIC.
    pub quic: u64,
    /// Of these, connections whose client has sent an encrypted hello (ECH), or pretended to.
    pub ech: u64,
    /// Connections that were decrypted.
    pub decrypted: u64,
    /// Bytes to the server in TCP or UDP of connections that stay encrypted.
    pub bytes_to_server: u64,
    /// Bytes from the server of such connections.
    pub bytes_to_client: u64,
    /// Bytes in both directions of connections that were decrypted, before their first plaintext.
    pub handshake_bytes: u64,
    /// Connections of TLS that stay encrypted, or the rest of which does, by reason.
    pub undecrypted: Tally<Closed>,
    /// Connections whose server has answered, by the version of TLS that it has chosen.
    pub tls_versions: Tally<TlsVersion>,
    /// The same by cipher suite.
    pub cipher_suites: Tally<CipherSuite>,
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

    /// Number of everything that was counted; 0 if nothing was. A worker passes on such a row as well if it has open
    /// connections, because another worker may have counted something.
    pub fn weight(&self) -> u64 {
        let times = self.round_trip.count().saturating_add(self.handshake.count());
        let told = self.undecrypted.total().saturating_add(self.tls_versions.total());
        [self.bytes(), self.handshake_bytes, self.connections, self.decrypted, times, told]
            .into_iter()
            .fold(0, u64::saturating_add)
    }

    /// Counts a connection whose server has chosen this version and suite.
    pub fn choose(&mut self, version: TlsVersion, suite: CipherSuite) {
        self.tls_versions.add(version, 1);
        self.cipher_suites.add_within(MAX_CIPHER_SUITES, suite, CipherSuite::OTHER, 1);
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
            (&mut self.handshake_bytes, other.handshake_bytes),
        ];
        for (mine, theirs) in counts {
            *mine = mine.saturating_add(theirs);
        }
        self.open_before.merge(&other.open_before);
        self.undecrypted.merge(&other.undecrypted);
        self.tls_versions.merge(&other.tls_versions);
        self.cipher_suites.merge(&other.cipher_suites);
        self.round_trip.merge(&other.round_trip);
        self.handshake.merge(&other.handshake);
    }
}

/// The number of connections that were open at an instant. Merging keeps the earlier value and adds values of the same
/// instant, so that connections of an interval are those that were open before it and those that have begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Before {
    /// The instant.
    pub at: Timestamp,
    /// Connections that were open then.
    pub value: u64,
}

impl Default for Before {
    /// Later than everything.
    fn default() -> Self {
        Self { at: Timestamp(i64::MAX), value: 0 }
    }
}

impl Before {
    /// Keeps the earlier value, or the sum of both values if they are of the same instant.
    pub fn merge(&mut self, other: &Self) {
        match self.at.cmp(&other.at) {
            std::cmp::Ordering::Greater => *self = *other,
            std::cmp::Ordering::Equal => self.value = self.value.saturating_add(other.value),
            std::cmp::Ordering::Less => {}
        }
    }
}

impl Serialize for Before {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Before {
    /// Reads the number. Its instant is the beginning of the snapshot.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self { value: u64::deserialize(deserializer)?, ..Self::default() })
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
