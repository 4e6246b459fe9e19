//! Counts by host and section: rows that are found by name and bounded in number.
//!
//! Rows stay when their interval is closed, so a busy host costs no allocation. When a table is full, its lightest row
//! is folded (space-saving: Metwally, Agrawal, El Abbadi 2005): its counts go to `~other`, and its slot goes to a new
//! row. The new row may lack as many hits as the folded row had. So a flood of invented names cannot hide a busy host.
//!
//! When something is first counted in a row in an interval, the row is listed (`touched`). Closing the interval walks
//! only these lists, so rows of earlier intervals cost nothing until they are folded.

mod find;
mod fold;
mod lines;
mod ticket;

use std::hash::BuildHasher;
use std::net::Ipv6Addr;
use std::sync::Arc;

use hashbrown::HashTable;
use smallvec::SmallVec;

use super::lightest::{Hand, Lightest};
use crate::pipeline::filter::{Decided, Facts, Filter};
use crate::pipeline::histogram::Histogram;
use crate::pipeline::packet::InterfaceId;
use crate::pipeline::snapshot::{Capture, Counts, Host, Limits, MAX_ADDRESSES, OTHER, Section, Tcp};
use lines::Lines;
pub use ticket::{Slot, Ticket};

/// A host. What an exchange needs of it comes first, in one line of the processor's cache; its health is aligned to the
/// next.
#[derive(Debug)]
#[repr(C)]
struct HostRow {
    generation: u32,
    /// Interface on which its connections were first observed in this interval. Most hosts have no other interface.
    home: Option<InterfaceId>,
    /// Listed in [`HostTable::touched`].
    is_touched: bool,
    hits: u64,
    /// The most hits that the host may have had earlier in the interval, before it got this row.
    missed: u64,
    /// Most hosts have one.
    addresses: SmallVec<[Ipv6Addr; 1]>,
    /// Health of its connections as observed on `home`.
    health: Tcp,
    /// Health that the row of an interface has counted already: as observed on other interfaces than `home`, and before
    /// the first request told the host of a connection.
    elsewhere: Tcp,
    name: Arc<str>,
    sections: Vec<u32>,
    /// The section for sections that did not fit (`~other`), once it is needed.
    rest: Option<u32>,
    lightest: Lightest,
    /// Sections in which something was counted since the interval began.
    touched: Vec<u32>,
}

/// A section. Its counts and histograms fill lines of the processor's cache. What else an exchange needs of it follows, in
/// one line.
#[derive(Debug)]
#[repr(C)]
struct SectionRow {
    counts: Counts,
    host: u32,
    generation: u32,
    /// Listed in [`HostRow::touched`] of its host, and its host in [`HostTable::touched`].
    is_touched: bool,
    is_rest: bool,
    is_free: bool,
    missed: u64,
    path: Arc<str>,
    /// What the names decide of the filter.
    decided: Decided,
}

const _: () = assert!(size_of::<Counts>() == 4 * 64 && std::mem::offset_of!(HostRow, health) == 64);

/// Hosts and sections.
#[derive(Debug)]
pub struct HostTable {
    limits: Limits,
    hasher: foldhash::fast::RandomState,
    lines: Lines,
    host_index: HashTable<u32>,
    section_index: HashTable<u32>,
    hosts: Vec<HostRow>,
    sections: Vec<SectionRow>,
    free_hosts: Vec<u32>,
    free_sections: Vec<u32>,
    lightest_hosts: Lightest,
    lightest_sections: Lightest,
    /// Hosts in which something was counted since the interval began.
    touched: Vec<u32>,
    idle_hosts: Hand,
    idle_sections: Hand,
    hosts_folded: u64,
    sections_folded: u64,
    hits_error: u64,
    /// The filter of exchanges, of which each row decides a part.
    pub filter: Option<Arc<Filter>>,
    /// Health of hosts that were folded, by the number of their interface (`home`).
    folded: Vec<Tcp>,
}

/// The slot of the host for hosts that did not fit (`~other`).
const REST: u32 = 0;

impl HostTable {
    pub fn new(limits: Limits) -> Self {
        let mut rows = Self {
            limits,
            // Strangers choose the names, so the hash has a random seed.
            hasher: foldhash::fast::RandomState::default(),
            lines: Lines::default(),
            host_index: HashTable::new(),
            section_index: HashTable::new(),
            hosts: Vec::new(),
            sections: Vec::new(),
            free_hosts: Vec::new(),
            free_sections: Vec::new(),
            lightest_hosts: Lightest::default(),
            lightest_sections: Lightest::default(),
            touched: Vec::new(),
            idle_hosts: Hand::default(),
            idle_sections: Hand::default(),
            hosts_folded: 0,
            sections_folded: 0,
            hits_error: 0,
            filter: None,
            folded: Vec::new(),
        };
        let rest = rows.add_host(OTHER, 0);
        debug_assert_eq!(rest, REST);
        rows
    }

    /// Returns the row of a section, and makes it if there is none.
    pub fn ticket(&mut self, host: &[u8], path: &[u8]) -> Ticket {
        let host = self.host(host);
        let section = self.section(host, path);
        Ticket { host: self.host_place(host), section: self.section_place(section) }
    }

    /// Returns the row of a section, `None` if there is none.
    #[inline]
    pub fn find(&mut self, host: &[u8], path: &[u8]) -> Option<Ticket> {
        let hash = self.hasher.hash_one((host, path));
        if let Some(ticket) = self.lines.find(hash, host, path)
            && self.sections.get(ticket.section.slot as usize).map(|row| row.generation)
                == Some(ticket.section.generation)
        {
            // A host is folded with all its sections, so its slot has the same generation too.
            return Some(ticket);
        }
        let ticket = self.find_by_both(host, path)?;
        self.lines.keep(hash, (host, path), ticket, self.section_index.len());
        Some(ticket)
    }

    /// Finds a row by its host, and then by its section.
    #[inline(never)]
    fn find_by_both(&self, host: &[u8], path: &[u8]) -> Option<Ticket> {
        let host = self.find_host(self.hasher.hash_one(host), host).filter(|&host| host != REST)?;
        let section = self.find_section(self.hasher.hash_one((host, path)), host, path)?;
        Some(Ticket { host: self.host_place(host), section: self.section_place(section) })
    }

    /// Returns the counts of a row, for the caller to count one hit. The hit is counted for the host here.
    pub fn hit(&mut self, ticket: Ticket) -> &mut Counts {
        let section = self.resolve(ticket);
        self.hosts[self.sections[section as usize].host as usize].hits += 1;
        self.touched_counts(section)
    }

    /// Returns the counts of a row, for everything but hits.
    pub fn counts(&mut self, ticket: Ticket) -> &mut Counts {
        let section = self.resolve(ticket);
        self.touched_counts(section)
    }

    /// Returns the connection health of the row's host, to count what is observed on an interface. The second value is
    /// false if the caller must count it for the interface too.
    pub fn tcp(&mut self, ticket: Ticket, interface: InterfaceId) -> (&mut Tcp, bool) {
        let host = self.resolve_host(ticket);
        let row = self.touched_host(host);
        let is_at_home = *row.home.get_or_insert(interface) == interface;
        (if is_at_home { &mut row.health } else { &mut row.elsewhere }, is_at_home)
    }

    /// Returns the health of the host's connections, to count what was observed before their first request told the
    /// host.
    pub fn openings(&mut self, ticket: Ticket) -> &mut Tcp {
        let host = self.resolve_host(ticket);
        &mut self.touched_host(host).elsewhere
    }

    /// Returns the names of the row: host and path.
    pub fn names(&mut self, ticket: Ticket) -> (Arc<str>, Arc<str>) {
        let section = self.resolve(ticket);
        let section = &self.sections[section as usize];
        (self.hosts[section.host as usize].name.clone(), section.path.clone())
    }

    /// The names of the row as text: host and path. [`OTHER`] stands for what was folded.
    pub fn texts(&self, ticket: Ticket) -> (&[u8], &[u8]) {
        let host = self.resolve_host(ticket);
        let is_there = self.section_place(ticket.section.slot) == ticket.section;
        let path = if is_there { &self.sections[ticket.section.slot as usize].path } else { OTHER };
        (self.hosts[host as usize].name.as_bytes(), path.as_bytes())
    }

    /// Returns the names of the row, host and path, without making one for what was folded.
    pub fn listed_names(&self, ticket: Ticket) -> (Arc<str>, Arc<str>) {
        let is_there = self.section_place(ticket.section.slot) == ticket.section;
        let path = is_there.then(|| self.sections[ticket.section.slot as usize].path.clone());
        let folded = || OTHER.into();
        (self.host_name(ticket).unwrap_or_else(folded), path.unwrap_or_else(folded))
    }

    /// Returns what the names of the row decide of the filter: nothing if the section was folded.
    #[inline]
    pub fn decided(&self, ticket: Ticket) -> Decided {
        let row = &self.sections[ticket.section.slot as usize];
        if row.generation == ticket.section.generation { row.decided } else { Decided::default() }
    }

    /// What the names of a row decide of the filter.
    fn decide(&self, host: u32, path: &str) -> Decided {
        let name = &self.hosts[host as usize].name;
        let facts = Facts { host: Some(name.as_bytes()), section: Some(path.as_bytes()), ..Facts::default() };
        self.filter.as_deref().map_or_else(Decided::default, |filter| filter.decided_by(&facts))
    }

    /// Returns the slot of the row's host, or of [`OTHER`] if the host was folded.
    #[inline]
    pub fn host_slot(&self, ticket: Ticket) -> Slot {
        self.host_place(self.resolve_host(ticket))
    }

    /// Returns the name of the host that has a slot now.
    pub fn name_of(&self, host: Slot) -> Arc<str> {
        self.hosts[host.slot as usize].name.clone()
    }

    /// Returns the name of the row's host, `None` if the host was folded.
    pub fn host_name(&self, ticket: Ticket) -> Option<Arc<str>> {
        let Slot { slot, generation } = ticket.host;
        let row = self.hosts.get(slot as usize).filter(|row| row.generation == generation)?;
        Some(row.name.clone())
    }

    /// Adds the address of a server to the row's host. Only the [`MAX_ADDRESSES`] lowest addresses are kept.
    pub fn add_address(&mut self, ticket: Ticket, address: Ipv6Addr) {
        let host = self.resolve_host(ticket);
        if self.hosts[host as usize].addresses.contains(&address) {
            return;
        }
        let addresses = &mut self.touched_host(host).addresses;
        if let Err(at) = addresses.binary_search(&address)
            && at < MAX_ADDRESSES
        {
            addresses.insert(at, address);
            addresses.truncate(MAX_ADDRESSES);
        }
    }

    /// Calls `look` with every histogram of the interval.
    pub fn each_histogram(&mut self, look: &mut impl FnMut(&mut Histogram)) {
        for &slot in &self.touched {
            let HostRow { elsewhere, health, touched, .. } = &mut self.hosts[slot as usize];
            let observed = [health, elsewhere].into_iter();
            observed.flat_map(Tcp::histograms_mut).for_each(&mut *look);
            for &section in &*touched {
                self.sections[section as usize].counts.histograms_mut().into_iter().for_each(&mut *look);
            }
        }
    }

    /// Takes the counts of all rows. The rows stay, with zero counts. Calls `observed` with the health of each host and
    /// the interface on which it was observed.
    pub fn take(&mut self, capture: &mut Capture, mut observed: impl FnMut(InterfaceId, &Tcp)) -> Vec<Host> {
        self.lightest_hosts.reset();
        self.lightest_sections.reset();
        self.idle_hosts.reset();
        self.idle_sections.reset();
        capture.hosts_folded += std::mem::take(&mut self.hosts_folded);
        capture.sections_folded += std::mem::take(&mut self.sections_folded);
        capture.hits_error += std::mem::take(&mut self.hits_error);
        for (number, tcp) in self.folded.drain(..).enumerate() {
            observed(InterfaceId(number as u16), &tcp);
        }
        let mut hosts: Vec<Host> = Vec::new();
        for slot in self.touched.drain(..) {
            let row = &mut self.hosts[slot as usize];
            let sections = take_sections(row, &mut self.sections);
            (row.hits, row.missed, row.is_touched) = (0, 0, false);
            row.lightest.reset();
            let mut tcp = std::mem::take(&mut row.elsewhere);
            if let Some(home) = row.home.take() {
                let part = std::mem::take(&mut row.health);
                observed(home, &part);
                tcp.merge(&part);
            }
            let addresses = std::mem::take(&mut row.addresses).into_vec();
            if sections.is_empty() && tcp == Tcp::default() {
                continue;
            }
            let mut counts = Counts::default();
            sections.iter().for_each(|section| counts.merge(&section.counts));
            hosts.push(Host { name: row.name.clone(), addresses, counts, sections, tcp });
        }
        hosts.sort_by(|a, b| a.name.cmp(&b.name));
        hosts
    }

    /// Lists a section for the end of the interval and returns its counts.
    #[inline]
    fn touched_counts(&mut self, slot: u32) -> &mut Counts {
        if !self.sections[slot as usize].is_touched {
            self.list_section(slot);
        }
        &mut self.sections[slot as usize].counts
    }

    /// Lists a host for the end of the interval and returns its row.
    #[inline]
    fn touched_host(&mut self, slot: u32) -> &mut HostRow {
        if !self.hosts[slot as usize].is_touched {
            self.list_host(slot);
        }
        &mut self.hosts[slot as usize]
    }

    #[cold]
    fn list_section(&mut self, slot: u32) {
        let row = &mut self.sections[slot as usize];
        row.is_touched = true;
        let host = row.host;
        self.touched_host(host).touched.push(slot);
    }

    #[cold]
    fn list_host(&mut self, slot: u32) {
        self.hosts[slot as usize].is_touched = true;
        self.touched.push(slot);
    }

    fn resolve(&mut self, ticket: Ticket) -> u32 {
        if self.section_place(ticket.section.slot) == ticket.section {
            return ticket.section.slot;
        }
        let host = self.resolve_host(ticket);
        self.rest_of(host)
    }

    fn resolve_host(&self, ticket: Ticket) -> u32 {
        if self.host_place(ticket.host.slot) == ticket.host { ticket.host.slot } else { REST }
    }

    fn host_place(&self, slot: u32) -> Slot {
        Slot { slot, generation: self.hosts[slot as usize].generation }
    }

    fn section_place(&self, slot: u32) -> Slot {
        Slot { slot, generation: self.sections[slot as usize].generation }
    }
}

fn take_sections(host: &mut HostRow, rows: &mut [SectionRow]) -> Vec<Arc<Section>> {
    let mut sections: Vec<Arc<Section>> = Vec::new();
    for slot in host.touched.drain(..) {
        let row = &mut rows[slot as usize];
        (row.missed, row.is_touched) = (0, false);
        if row.counts != Counts::default() {
            let counts = std::mem::take(&mut row.counts);
            sections.push(Arc::new(Section { path: row.path.clone(), counts }));
        }
    }
    sections.sort_by(|a, b| a.path.cmp(&b.path));
    sections
}

#[cfg(test)]
#[path = "hosts_tests.rs"]
mod tests;
