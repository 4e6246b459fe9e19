//! Counts by client: a row for each address, bounded in number like hosts (`hosts.rs`).
//!
//! Rows stay when their interval is closed. A full table makes room by space-saving: the lightest row is folded, that
//! is, its counts go to `~other` and its slot goes to the new client. A connection keeps the ticket of its client's
//! row, so that an address is looked up once per connection instead of once per request.

use std::hash::BuildHasher;
use std::net::Ipv6Addr;
use std::sync::Arc;

use hashbrown::HashTable;

use super::lightest::{Hand, Lightest};
use crate::pipeline::histogram::Histogram;
use crate::pipeline::snapshot::{Capture, Client, Counts, OTHER};

/// Groups addresses into clients: all IPv6 addresses with the same first bits (`prefix`) are one client.
#[derive(Clone, Copy, Debug)]
pub struct Group {
    mask: u128,
    prefix: u8,
}

impl Group {
    pub fn new(prefix: u8) -> Self {
        let prefix = prefix.clamp(1, 128);
        Self { mask: u128::MAX << (128 - prefix), prefix }
    }

    /// Returns the first address of the group of `address`. An IPv4 address is a group of its own.
    #[inline]
    fn of(self, address: Ipv6Addr) -> Ipv6Addr {
        if self.prefix == 128 || address.to_ipv4_mapped().is_some() {
            return address;
        }
        Ipv6Addr::from_bits(address.to_bits() & self.mask)
    }

    /// Returns the name of the group whose first address is `first`: `192.0.2.1`, `2001:db8::1` or `2001:db8:1:2::/64`.
    fn name(self, first: Ipv6Addr) -> String {
        let address = first.to_canonical();
        if self.prefix == 128 || address.is_ipv4() { address.to_string() } else { format!("{address}/{}", self.prefix) }
    }
}

/// Returns the address as an integer in native byte order. No conversion is faster, and two addresses are compared for
/// each request.
#[inline]
fn bits(address: Ipv6Addr) -> u128 {
    u128::from_ne_bytes(address.octets())
}

/// Identifies the row of a client. The ticket is valid as long as the slot has the same generation, that is, the same
/// client.
///
/// Each connection keeps a ticket, so it is small. The generations of a slot repeat after 65,536 clients. No request of
/// the first of these clients waits that long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    slot: u16,
    generation: u16,
}

/// The slot of the row for clients that did not fit (`~other`).
const REST: u16 = 0;
pub const REST_TICKET: Ticket = Ticket { slot: REST, generation: 0 };

#[derive(Debug)]
struct Row {
    address: Ipv6Addr,
    /// Made when the row is first part of a snapshot.
    name: Option<Arc<str>>,
    generation: u16,
    /// Equal to `generation` while the row is listed in [`Clients::touched`]. So one comparison with a ticket tells
    /// both that the row still belongs to the ticket's client and that it is listed.
    listed: Option<u16>,
    /// The most hits that the client may have had earlier in the interval, before it got this row.
    missed: u64,
    counts: Counts,
}

impl Row {
    fn new(address: Ipv6Addr) -> Self {
        Self { address, name: None, generation: 0, listed: None, missed: 0, counts: Counts::default() }
    }

    fn weight(&self) -> u64 {
        self.counts.hits() + self.missed
    }

    fn name(&mut self, group: Group) -> Arc<str> {
        self.name.get_or_insert_with(|| group.name(self.address).into()).clone()
    }
}

/// All clients.
#[derive(Debug)]
pub struct Clients {
    most: usize,
    group: Group,
    hasher: foldhash::fast::RandomState,
    index: HashTable<u16>,
    rows: Vec<Row>,
    /// Rows in which something was counted since the interval began.
    touched: Vec<u16>,
    idle: Hand,
    lightest: Lightest,
    folded: u64,
    hits_error: u64,
}

impl Clients {
    pub fn new(most: usize, group: Group) -> Self {
        let mut rest = Row::new(Ipv6Addr::UNSPECIFIED);
        rest.name = Some(OTHER.into());
        Self {
            // The row for the rest is not included.
            most: most.clamp(1, usize::from(u16::MAX) - 1),
            group,
            // Strangers choose the addresses, so the hash has a random seed.
            hasher: foldhash::fast::RandomState::default(),
            index: HashTable::new(),
            rows: vec![rest],
            touched: Vec::new(),
            idle: Hand::default(),
            lightest: Lightest::default(),
            folded: 0,
            hits_error: 0,
        }
    }

    /// Returns the row of an address, and makes it if there is none. `before` is the ticket of the previous request on
    /// the same connection.
    #[inline]
    pub fn ticket(&mut self, address: Ipv6Addr, before: Option<Ticket>) -> Ticket {
        let address = self.group.of(address);
        if let Some(ticket) = before {
            let row = &self.rows[usize::from(ticket.slot)];
            // The row for the rest belongs to no address.
            if row.generation == ticket.generation && bits(row.address) == bits(address) && ticket.slot != REST {
                return ticket;
            }
        }
        self.find(address)
    }

    #[inline(never)]
    fn find(&mut self, address: Ipv6Addr) -> Ticket {
        let hash = self.hasher.hash_one(bits(address));
        let found = self.index.find(hash, |&slot| bits(self.rows[usize::from(slot)].address) == bits(address)).copied();
        let slot = found.unwrap_or_else(|| self.add(hash, address));
        Ticket { slot, generation: self.rows[usize::from(slot)].generation }
    }

    /// Returns the first address of the group of `address`.
    pub fn group(&self, address: Ipv6Addr) -> Ipv6Addr {
        self.group.of(address)
    }

    /// Returns the address of a row, `None` if the row was folded.
    pub fn address(&self, ticket: Ticket) -> Option<Ipv6Addr> {
        let row = &self.rows[usize::from(ticket.slot)];
        (row.generation == ticket.generation && ticket.slot != REST).then_some(row.address)
    }

    /// Returns the name of a row, or that of the rest if the row was folded.
    pub fn name(&mut self, ticket: Ticket) -> Arc<str> {
        let is_there = self.rows[usize::from(ticket.slot)].generation == ticket.generation;
        let row = &mut self.rows[usize::from(if is_there { ticket.slot } else { REST })];
        row.name(self.group)
    }

    /// Returns the counts of a row, or those of the rest if the row was folded.
    #[inline]
    pub fn counts(&mut self, ticket: Ticket) -> &mut Counts {
        let mut slot = ticket.slot;
        if self.rows[usize::from(slot)].listed != Some(ticket.generation) {
            slot = self.list(ticket);
        }
        &mut self.rows[usize::from(slot)].counts
    }

    /// Calls `look` with every histogram of the interval.
    pub fn each_histogram(&mut self, look: &mut impl FnMut(&mut Histogram)) {
        for &slot in &self.touched {
            self.rows[usize::from(slot)].counts.histograms_mut().into_iter().for_each(&mut *look);
        }
    }

    /// Takes the counts of all rows. The rows stay, with zero counts.
    pub fn take(&mut self, capture: &mut Capture) -> Vec<Client> {
        self.idle.reset();
        self.lightest.reset();
        capture.clients_folded += std::mem::take(&mut self.folded);
        capture.client_hits_error += std::mem::take(&mut self.hits_error);
        let (rows, group) = (&mut self.rows, self.group);
        let mut clients: Vec<Client> = Vec::with_capacity(self.touched.len());
        for slot in self.touched.drain(..) {
            let row = &mut rows[usize::from(slot)];
            (row.missed, row.listed) = (0, None);
            if row.counts != Counts::default() {
                clients.push(Client { address: row.name(group), counts: std::mem::take(&mut row.counts) });
            }
        }
        clients.sort_unstable_by(|a, b| a.address.cmp(&b.address));
        clients
    }

    /// Lists a row, or that of the rest if the row was folded, for the end of the interval. Returns the slot of the
    /// row.
    #[cold]
    fn list(&mut self, ticket: Ticket) -> u16 {
        let is_there = self.rows[usize::from(ticket.slot)].generation == ticket.generation;
        let slot = if is_there { ticket.slot } else { REST };
        let row = &mut self.rows[usize::from(slot)];
        if row.listed.replace(row.generation).is_none() {
            self.touched.push(slot);
        }
        slot
    }

    #[cold]
    fn add(&mut self, hash: u64, address: Ipv6Addr) -> u16 {
        let slot = if self.rows.len() > self.most {
            let Some(slot) = self.fold(address) else { return REST };
            slot
        } else {
            self.rows.push(Row::new(address));
            (self.rows.len() - 1) as u16
        };
        let (rows, hasher) = (&self.rows, &self.hasher);
        self.index.insert_unique(hash, slot, |&slot| hasher.hash_one(bits(rows[usize::from(slot)].address)));
        self.lightest.push(u32::from(slot), self.rows[usize::from(slot)].missed);
        slot
    }

    /// Folds the lightest row and gives its slot to another client. Returns the slot, `None` if no row may be folded.
    fn fold(&mut self, address: Ipv6Addr) -> Option<u16> {
        let rows = &self.rows;
        let is_idle = |slot: u32| slot != u32::from(REST) && rows[slot as usize].listed.is_none();
        let weight = |slot: u32| (slot != u32::from(REST)).then(|| rows[slot as usize].weight());
        let idle = self.idle.next(rows.len(), is_idle);
        let slot = idle.or_else(|| self.lightest.take(0..rows.len() as u32, weight))? as u16;
        let row = &mut self.rows[usize::from(slot)];
        let (hash, hits, weight) = (self.hasher.hash_one(bits(row.address)), row.counts.hits(), row.weight());
        let counts = std::mem::take(&mut row.counts);
        // A slot is listed once, even if several clients use it in one interval.
        let generation = row.generation.wrapping_add(1);
        let listed = row.listed.map(|_| generation);
        *row = Row { generation, listed, missed: weight, ..Row::new(address) };
        if let Ok(entry) = self.index.find_entry(hash, |&other| other == slot) {
            entry.remove();
        }
        if counts != Counts::default() {
            self.counts(REST_TICKET).merge(&counts);
        }
        self.folded += u64::from(hits > 0);
        self.hits_error = self.hits_error.max(weight);
        Some(slot)
    }
}

#[cfg(test)]
#[path = "clients_tests.rs"]
mod tests;
