//! The tables of a snapshot that have columns: which rows they have, in which order, and which columns.

use super::{Batch, Texts, Values};
use crate::pipeline::exchange::GrpcStatus;
use crate::pipeline::snapshot::endpoints::client_name;
use crate::pipeline::snapshot::{Counts, Snapshot};

/// Where a row is in its snapshot: a host, client or exchange, and the section of a host.
pub type Place = (usize, usize);

/// A table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    /// A row per host.
    Hosts,
    /// A row per section of each host.
    Sections,
    /// A row per client.
    Clients,
    /// A row per exchange.
    Exchanges,
}

impl Table {
    /// The names of all tables, which are those of the attributes of a snapshot.
    pub const ALL: [(&str, Self); 4] = [
        ("hosts", Self::Hosts),
        ("sections", Self::Sections),
        ("clients", Self::Clients),
        ("exchanges", Self::Exchanges),
    ];

    /// Returns the table with this name, `None` if there is none.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(known, _)| *known == name).map(|(_, table)| table)
    }

    /// Returns the places of all rows: exchanges by time, the others by hits, most hits first.
    pub fn places(self, snapshot: &Snapshot) -> Vec<Place> {
        let whole = |at: usize| (at, 0);
        match self {
            Self::Hosts => snapshot.top_hosts(usize::MAX).into_iter().map(whole).collect(),
            Self::Clients => snapshot.top_clients(usize::MAX).into_iter().map(whole).collect(),
            Self::Exchanges => (0..snapshot.exchanges.len()).map(whole).collect(),
            Self::Sections => {
                let hosts = snapshot.top_hosts(usize::MAX).into_iter();
                let sections = |host: usize| snapshot.hosts[host].top_sections(usize::MAX).into_iter();
                hosts.flat_map(|host| sections(host).map(move |at| (host, at))).collect()
            }
        }
    }

    /// Returns the rows at `places`. With `has_span`, the first columns are the start and the end of the snapshot.
    pub fn batch(self, snapshot: &Snapshot, places: &[Place], has_span: bool) -> Batch {
        let mut batch = Batch { rows: places.len(), columns: Vec::new() };
        if has_span {
            let (start, end) = snapshot.span.unwrap_or_default();
            batch.time("start", places.iter().map(|_| start));
            batch.time("end", places.iter().map(|_| end));
        }
        match self {
            Self::Hosts => hosts(&mut batch, snapshot, places),
            Self::Sections => sections(&mut batch, snapshot, places),
            Self::Clients => clients(&mut batch, snapshot, places),
            Self::Exchanges => exchanges(&mut batch, snapshot, places),
        }
        batch
    }
}

fn hosts(batch: &mut Batch, snapshot: &Snapshot, places: &[Place]) {
    let rows: Vec<_> = places.iter().map(|&(at, _)| &*snapshot.hosts[at]).collect();
    batch.text("name", rows.iter().map(|row| &row.name));
    let (mut ends, mut addresses) = (Vec::new(), Texts::default());
    for row in &rows {
        row.addresses.iter().for_each(|address| addresses.push(&address.to_canonical().to_string()));
        ends.push(addresses.ends.len() as i32);
    }
    batch.add("addresses", Values::Lists(ends, addresses));
    let counts: Vec<&Counts> = rows.iter().map(|row| &row.counts).collect();
    batch.counts(&counts);
    batch.tcp(&rows.iter().map(|row| &row.tcp).collect::<Vec<_>>());
    batch.streams(&counts);
}

fn sections(batch: &mut Batch, snapshot: &Snapshot, places: &[Place]) {
    batch.text("host", places.iter().map(|&(host, _)| &snapshot.hosts[host].name));
    let rows: Vec<_> = places.iter().map(|&(host, at)| &*snapshot.hosts[host].sections[at]).collect();
    batch.text("path", rows.iter().map(|row| &row.path));
    let counts: Vec<&Counts> = rows.iter().map(|row| &row.counts).collect();
    batch.counts(&counts);
    batch.streams(&counts);
}

fn clients(batch: &mut Batch, snapshot: &Snapshot, places: &[Place]) {
    let rows: Vec<_> = places.iter().map(|&(at, _)| &*snapshot.clients[at]).collect();
    batch.text("address", rows.iter().map(|row| &row.address));
    let counts: Vec<&Counts> = rows.iter().map(|row| &row.counts).collect();
    batch.counts(&counts);
    batch.streams(&counts);
}

fn exchanges(batch: &mut Batch, snapshot: &Snapshot, places: &[Place]) {
    let rows: Vec<_> = places.iter().map(|&(at, _)| &snapshot.exchanges[at]).collect();
    let each = || rows.iter().map(|row| &row.measured);
    batch.time("ts", each().map(|row| row.ts));
    batch.text("client", each().map(|row| client_name(row.client)));
    batch.text("server", each().map(|row| row.server.to_string()));
    batch.text("interface", rows.iter().map(|row| &row.interface));
    batch.text("host", rows.iter().map(|row| &row.host));
    batch.text("section", rows.iter().map(|row| &row.section));
    batch.text("path", rows.iter().map(|row| &row.path));
    batch.text("method", each().map(|row| row.method.name()));
    batch.add("status", Values::Status(each().map(|row| row.status).collect()));
    batch.number("request_bytes", each().map(|row| row.request_bytes));
    batch.number("response_bytes", each().map(|row| row.response_bytes));
    batch.seconds("latency", each().map(|row| row.latency));
    batch.seconds("duration", each().map(|row| row.duration));
    batch.seconds("connect", each().map(|row| row.connect));
    batch.seconds("request_time", each().map(|row| row.request_time));
    batch.seconds("transfer", each().map(|row| row.transfer));
    batch.number("retransmitted", each().map(|row| row.retransmitted.into()));
    batch.text("user_agent", rows.iter().map(|row| &row.user_agent));
    let owners: Vec<_> = rows.iter().map(|row| row.process.as_ref().map(|process| &*process.owner)).collect();
    batch.text("process", owners.iter().map(|owner| owner.map_or("", |owner| &owner.name)));
    batch.number("pid", owners.iter().map(|owner| owner.map_or(0, |owner| owner.pid.into())));
    batch.text("container", owners.iter().map(|owner| owner.map_or("", |owner| &owner.container)));
    batch.text("pod", owners.iter().map(|owner| owner.map_or("", |owner| &owner.pod)));
    batch.text("namespace", owners.iter().map(|owner| owner.map_or("", |owner| &owner.namespace)));
    let clients = rows.iter().map(|row| row.client_process.as_ref());
    batch.text("client_process", clients.map(|process| process.map_or("", |process| &process.owner.name)));
    batch.text("protocol", each().map(|row| row.protocol.name()));
    batch.number("tls", each().map(|row| row.tls.into()));
    batch.number("stream", each().map(|row| row.stream.unwrap_or_default().into()));
    batch.seconds("tls_handshake", each().map(|row| row.tls_handshake));
    batch.seconds("queued", each().map(|row| row.queued));
    batch.text("grpc_status", each().map(|row| row.grpc_status.map_or("", GrpcStatus::name)));
    batch.number("request_messages", each().map(|row| row.request_messages));
    batch.number("response_messages", each().map(|row| row.response_messages));
}
