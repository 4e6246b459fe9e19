//! Writes snapshots as JSON, one per line, and reads them. The keys are the names of the fields. Times are RFC 3339 in
//! UTC, durations are in seconds. [`SCHEMA`] is the version of the schema.

use std::fmt;
use std::sync::Arc;

use serde::de::{Error as _, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::capture::{Capture, Gauge};
use super::clients::Client;
use super::connections::{Connection, sort_connections};
use super::counts::{Counts, Tcp};
use super::exchanges::NamedExchange;
use super::hosts::Host;
use super::interfaces::Interface;
use super::merge::Snapshot;
use super::servers::{Server, ServerName, names_of, servers_of};
use super::subsets::{Subset, sort_subsets};
use super::tables::sort_rows;
use super::tally::{Tally, TallyKey};
use super::values::{from_seconds, time, to_seconds};
use crate::pipeline::histogram::{Buckets, Histogram, SCALE};
use crate::pipeline::packet::{SECOND, Timestamp};

/// Version of the schema. Raised when a key changes its meaning or is removed.
pub const SCHEMA: u32 = 1;

/// Quantiles that are written beside the buckets, so that readers need not compute them.
pub(super) const QUANTILES: [(&str, f64); 4] = [("p50", 0.5), ("p90", 0.9), ("p95", 0.95), ("p99", 0.99)];

#[derive(Serialize)]
struct Written<'a> {
    schema: u32,
    #[serde(with = "time")]
    start: Timestamp,
    #[serde(with = "time")]
    end: Timestamp,
    #[serde(flatten)]
    counts: &'a Counts,
    hosts: &'a [Arc<Host>],
    clients: &'a [Arc<Client>],
    interfaces: &'a [Interface],
    tcp: &'a Tcp,
    capture: &'a Capture,
    server_names: Vec<ServerName>,
    servers: &'a [Server],
    exchanges: &'a [NamedExchange],
    connections: &'a [Connection],
    #[serde(skip_serializing_if = "<[Subset]>::is_empty")]
    subsets: &'a [Subset],
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Read {
    schema: Option<u32>,
    #[serde(with = "time")]
    start: Timestamp,
    #[serde(with = "time")]
    end: Timestamp,
    #[serde(flatten)]
    counts: Counts,
    hosts: Vec<Arc<Host>>,
    clients: Vec<Arc<Client>>,
    interfaces: Vec<Interface>,
    tcp: Tcp,
    capture: Capture,
    server_names: Vec<ServerName>,
    servers: Vec<Server>,
    exchanges: Vec<NamedExchange>,
    connections: Vec<Connection>,
    subsets: Vec<Subset>,
}

impl Snapshot {
    /// Returns the snapshot as one line of ASCII, without a line end.
    pub fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        let (start, end) = self.span.unwrap_or_default();
        serde_json::to_vec(&Written {
            schema: SCHEMA,
            start,
            end,
            counts: &self.counts,
            hosts: &self.hosts,
            clients: &self.clients,
            interfaces: &self.interfaces,
            tcp: &self.tcp,
            capture: &self.capture,
            server_names: names_of(&self.servers),
            servers: &self.servers,
            exchanges: &self.exchanges,
            connections: &self.connections,
            subsets: &self.subsets,
        })
    }

    /// Returns a line of JSON for each exchange, each with a line end. Times are written to the microsecond.
    pub fn exchanges_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        /// Where the nanoseconds of a time stand, whose text is always of the same length: `{"ts":"` and 26 characters
        /// come before.
        const NANOS: std::ops::Range<usize> = 33..36;
        let mut out = Vec::new();
        for exchange in &self.exchanges {
            let start = out.len();
            serde_json::to_writer(&mut out, exchange)?;
            out.drain(start + NANOS.start..start + NANOS.end);
            out.push(b'\n');
        }
        Ok(out)
    }

    /// Reads what [`Snapshot::to_json`] wrote. Fields whose keys are missing are zero or empty.
    pub fn from_json(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        let read: Read = serde_json::from_slice(bytes)?;
        if let Some(schema) = read.schema.filter(|&schema| schema != SCHEMA) {
            let message = format!("it has schema {schema}, and this version of netmon reads schema {SCHEMA}");
            return Err(serde_json::Error::custom(message));
        }
        let mut snapshot = Self {
            span: (read.start != read.end).then_some((read.start, read.end)),
            counts: read.counts,
            hosts: read.hosts,
            clients: read.clients,
            interfaces: read.interfaces,
            tcp: read.tcp,
            capture: read.capture,
            servers: if read.servers.is_empty() { servers_of(read.server_names) } else { read.servers },
            exchanges: read.exchanges,
            connections: read.connections,
            subsets: if read.start == read.end { Vec::new() } else { read.subsets },
        };
        (snapshot.capture.flows.at, snapshot.capture.open_connections.at) = (read.end, read.end);
        snapshot.interfaces.iter_mut().for_each(|interface| interface.at = read.end);
        snapshot.servers.iter_mut().for_each(|server| server.open_before.at = read.start);
        snapshot.sort();
        Ok(snapshot)
    }

    /// Sorts all tables, since another writer may have used another order. Merges rows with the same name.
    fn sort(&mut self) {
        for host in &mut self.hosts {
            sort_rows(&mut Arc::make_mut(host).sections);
        }
        sort_rows(&mut self.hosts);
        sort_rows(&mut self.clients);
        sort_rows(&mut self.interfaces);
        sort_rows(&mut self.servers);
        self.exchanges.sort();
        sort_connections(&mut self.connections);
        sort_subsets(&mut self.subsets);
    }
}

impl Serialize for Counts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("hits", &self.hits())?;
        map.serialize_entry("requests", &self.requests)?;
        map.serialize_entry("responses", &self.responses)?;
        map.serialize_entry("errors", &self.errors)?;
        map.serialize_entry("methods", &self.methods)?;
        map.serialize_entry("statuses", &self.statuses)?;
        map.serialize_entry("request_bytes", &self.request_bytes)?;
        map.serialize_entry("response_bytes", &self.response_bytes)?;
        map.serialize_entry("latency", &self.latency)?;
        map.serialize_entry("duration", &self.duration)?;
        map.serialize_entry("protocols", &self.protocols())?;
        if !self.streams.is_empty() {
            let streams = self.streams.get();
            map.serialize_entry("grpc_statuses", &streams.grpc_statuses)?;
            map.serialize_entry("request_messages", &streams.request_messages)?;
            map.serialize_entry("response_messages", &streams.response_messages)?;
            map.serialize_entry("client_close_codes", &streams.client_close_codes)?;
            map.serialize_entry("server_close_codes", &streams.server_close_codes)?;
            map.serialize_entry("client_resets", &streams.client_resets)?;
            map.serialize_entry("server_resets", &streams.server_resets)?;
        }
        map.end()
    }
}

impl<K: TallyKey> Serialize for Tally<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.by_count().into_iter().map(|(key, count)| (key.label(), count)))
    }
}

impl<'de, K: TallyKey> Deserialize<'de> for Tally<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries<K>(std::marker::PhantomData<K>);
        impl<'de, K: TallyKey> Visitor<'de> for Entries<K> {
            type Value = Tally<K>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of counts")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tally<K>, A::Error> {
                let mut tally = Tally::default();
                while let Some((label, count)) = map.next_entry::<String, u64>()? {
                    let key =
                        K::from_label(&label).ok_or_else(|| A::Error::custom(format!("unknown key {label:?}")))?;
                    tally.add(key, count);
                }
                Ok(tally)
            }
        }
        deserializer.deserialize_map(Entries(std::marker::PhantomData))
    }
}

impl Serialize for Gauge {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.value)
    }
}

impl<'de> Deserialize<'de> for Gauge {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self { at: Timestamp::default(), value: u64::deserialize(deserializer)? })
    }
}

impl Serialize for Histogram {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let extremes = self.extremes();
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("count", &self.count())?;
        map.serialize_entry("sum", &(self.sum() as f64 / SECOND as f64))?;
        map.serialize_entry("min", &extremes.map(|(min, _)| to_seconds(min)))?;
        map.serialize_entry("max", &extremes.map(|(_, max)| to_seconds(max)))?;
        for (name, q) in QUANTILES {
            map.serialize_entry(name, &self.quantile(q).map(to_seconds))?;
        }
        map.serialize_entry("zero_count", &self.zero_count())?;
        map.serialize_entry("scale", &self.scale())?;
        map.serialize_entry("offset", &self.buckets().offset())?;
        map.serialize_entry("buckets", self.buckets())?;
        map.end()
    }
}

impl Serialize for Buckets {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for Histogram {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(default)]
        struct Parts {
            sum: f64,
            min: Option<f64>,
            max: Option<f64>,
            zero_count: u64,
            scale: i32,
            offset: i32,
            buckets: Vec<u64>,
        }
        impl Default for Parts {
            fn default() -> Self {
                Self { sum: 0.0, min: None, max: None, zero_count: 0, scale: SCALE, offset: 0, buckets: Vec::new() }
            }
        }
        let parts = Parts::deserialize(deserializer)?;
        let extremes = parts.min.zip(parts.max).map(|(min, max)| (from_seconds(min), from_seconds(max)));
        let sum = (parts.sum * SECOND as f64).round() as u128;
        Self::from_parts(sum, extremes, parts.zero_count, parts.scale, parts.offset, &parts.buckets)
            .ok_or_else(|| D::Error::custom("the parts of a histogram contradict each other"))
    }
}
