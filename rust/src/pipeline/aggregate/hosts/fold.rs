//! Makes room for a row in a full table: the lightest row is removed, and its counts are added to the row for the rest.

use std::hash::BuildHasher;

use super::{HostTable, REST, SectionRow, Ticket};
use crate::pipeline::packet::InterfaceId;
use crate::pipeline::snapshot::{Counts, Tcp};

impl HostTable {
    /// Folds the lightest host. Returns its weight, 0 if no host may be folded.
    pub(super) fn fold_host(&mut self) -> u64 {
        let hosts = &self.hosts;
        let idle = self.idle_hosts.next(hosts.len(), |slot| slot != REST && !hosts[slot as usize].is_touched);
        let rows = self.host_index.iter().copied();
        let weight = |slot: u32| (slot != REST).then(|| hosts[slot as usize].hits + hosts[slot as usize].missed);
        let Some(slot) = idle.or_else(|| self.lightest_hosts.take(rows, weight)) else { return 0 };
        let rest = self.rest_of(REST);
        let mut sections = std::mem::take(&mut self.hosts[slot as usize].sections);
        sections.extend(self.hosts[slot as usize].rest.take());
        for section in sections {
            let counts = self.remove_section(section);
            self.touched_counts(rest).merge(&counts);
        }
        let row = &mut self.hosts[slot as usize];
        row.touched.clear();
        row.generation = row.generation.wrapping_add(1);
        let (hits, weight) = (row.hits, row.hits + row.missed);
        let (health, elsewhere) = (std::mem::take(&mut row.health), std::mem::take(&mut row.elsewhere));
        if let Some(home) = row.home.take() {
            let at = usize::from(home.min(InterfaceId::OTHER).0);
            self.folded.resize_with(self.folded.len().max(at + 1), Tcp::default);
            self.folded[at].merge(&health);
        }
        let row = &mut self.hosts[slot as usize];
        let addresses = std::mem::take(&mut row.addresses);
        let hash = self.hasher.hash_one(self.hosts[slot as usize].name.as_bytes());
        if let Ok(entry) = self.host_index.find_entry(hash, |&other| other == slot) {
            entry.remove();
        }
        self.free_hosts.push(slot);
        let other = self.touched_host(REST);
        other.hits += hits;
        other.elsewhere.merge(&health);
        other.elsewhere.merge(&elsewhere);
        let ticket = Ticket { host: self.host_place(REST), section: self.section_place(rest) };
        addresses.into_iter().for_each(|address| self.add_address(ticket, address));
        self.hosts_folded += u64::from(hits > 0);
        self.hits_error = self.hits_error.max(weight);
        weight
    }

    pub(super) fn fold_section_of(&mut self, host: u32) -> u64 {
        let sections = &self.sections;
        let row = &mut self.hosts[host as usize];
        let mine = row.sections.iter().copied();
        let taken = row.lightest.take(mine, |slot| weight_of(&sections[slot as usize], Some(host)));
        taken.map_or(0, |slot| self.fold_section(slot))
    }

    pub(super) fn fold_any_section(&mut self) -> u64 {
        let sections = &self.sections;
        let is_idle = |slot: u32| !sections[slot as usize].is_touched && may_go(&sections[slot as usize]);
        let idle = self.idle_sections.next(sections.len(), is_idle);
        let all = self.section_index.iter().copied();
        let weight = |slot: u32| weight_of(&sections[slot as usize], None);
        let taken = idle.or_else(|| self.lightest_sections.take(all, weight));
        taken.map_or(0, |slot| self.fold_section(slot))
    }

    /// Folds a section into the rest of its host. Returns its weight.
    pub(super) fn fold_section(&mut self, slot: u32) -> u64 {
        let row = &self.sections[slot as usize];
        let (host, hits, weight) = (row.host, row.counts.hits(), row.counts.hits() + row.missed);
        let lists = &mut self.hosts[host as usize];
        lists.sections.retain(|&other| other != slot);
        lists.touched.retain(|&other| other != slot);
        let counts = self.remove_section(slot);
        let rest = self.rest_of(host);
        self.touched_counts(rest).merge(&counts);
        self.sections_folded += u64::from(hits > 0);
        self.hits_error = self.hits_error.max(weight);
        weight
    }

    /// Frees the slot of a section and returns its counts.
    pub(super) fn remove_section(&mut self, slot: u32) -> Counts {
        let row = &self.sections[slot as usize];
        let hash = self.hasher.hash_one((row.host, row.path.as_bytes()));
        if let Ok(entry) = self.section_index.find_entry(hash, |&other| other == slot) {
            entry.remove();
        }
        let row = &mut self.sections[slot as usize];
        row.generation = row.generation.wrapping_add(1);
        row.is_free = true;
        self.free_sections.push(slot);
        std::mem::take(&mut row.counts)
    }
}

/// True if the section may be folded.
fn may_go(row: &SectionRow) -> bool {
    !row.is_free && !row.is_rest
}

/// Returns the weight of a section, `None` if it may not be folded. With a `host`, only sections of that host may be.
fn weight_of(row: &SectionRow, host: Option<u32>) -> Option<u64> {
    let is_meant = may_go(row) && host.is_none_or(|host| host == row.host);
    is_meant.then(|| row.counts.hits() + row.missed)
}
