//! Finds rows by name, and makes those that do not exist.

use std::hash::BuildHasher;

use smallvec::SmallVec;

use super::{HostRow, HostTable, REST, SectionRow};
use crate::pipeline::aggregate::lightest::Lightest;
use crate::pipeline::name::as_text;
use crate::pipeline::snapshot::{Counts, OTHER, Tcp};

impl HostTable {
    pub(super) fn host(&mut self, name: &[u8]) -> u32 {
        if let Some(slot) = self.find_host(self.hasher.hash_one(name), name) {
            return slot;
        }
        // The limit does not include the row for the rest.
        let missed = if self.host_index.len() > self.limits.hosts { self.fold_host() } else { 0 };
        self.add_host(&as_text(name), missed)
    }

    pub(super) fn find_host(&self, hash: u64, name: &[u8]) -> Option<u32> {
        self.host_index.find(hash, |&slot| self.hosts[slot as usize].name.as_bytes() == name).copied()
    }

    pub(super) fn find_section(&self, hash: u64, host: u32, path: &[u8]) -> Option<u32> {
        let is_it = |&slot: &u32| {
            let row = &self.sections[slot as usize];
            row.host == host && row.path.as_bytes() == path
        };
        self.section_index.find(hash, is_it).copied()
    }

    pub(super) fn add_host(&mut self, name: &str, missed: u64) -> u32 {
        let row = HostRow {
            name: name.into(),
            generation: 0,
            hits: 0,
            missed,
            addresses: SmallVec::new(),
            home: None,
            health: Tcp::default(),
            elsewhere: Tcp::default(),
            sections: Vec::new(),
            rest: None,
            lightest: Lightest::default(),
            is_touched: false,
            touched: Vec::new(),
        };
        let slot = if let Some(slot) = self.free_hosts.pop() {
            // A slot is listed once, even if several rows use it in one interval.
            let HostRow { generation, is_touched, .. } = self.hosts[slot as usize];
            self.hosts[slot as usize] = HostRow { generation, is_touched, ..row };
            slot
        } else {
            self.hosts.push(row);
            (self.hosts.len() - 1) as u32
        };
        let (hosts, hasher) = (&self.hosts, &self.hasher);
        let hash = hasher.hash_one(name.as_bytes());
        self.host_index.insert_unique(hash, slot, |&slot| hasher.hash_one(hosts[slot as usize].name.as_bytes()));
        self.lightest_hosts.push(slot, missed);
        self.touched_host(slot);
        slot
    }

    pub(super) fn section(&mut self, host: u32, path: &[u8]) -> u32 {
        if host == REST || path == OTHER.as_bytes() {
            return self.rest_of(host);
        }
        let hash = self.hasher.hash_one((host, path));
        if let Some(slot) = self.find_section(hash, host, path) {
            return slot;
        }
        let missed = if self.hosts[host as usize].sections.len() >= self.limits.sections_per_host {
            self.fold_section_of(host)
        } else if self.section_index.len() >= self.limits.sections {
            self.fold_any_section()
        } else {
            0
        };
        let slot = self.add_section(host, &as_text(path), missed, false);
        let (sections, hasher) = (&self.sections, &self.hasher);
        self.section_index.insert_unique(hash, slot, |&slot| {
            let row = &sections[slot as usize];
            hasher.hash_one((row.host, row.path.as_bytes()))
        });
        self.hosts[host as usize].sections.push(slot);
        self.hosts[host as usize].lightest.push(slot, missed);
        self.lightest_sections.push(slot, missed);
        slot
    }

    /// Returns the section of `host` for sections that did not fit, and makes it if there is none.
    pub(super) fn rest_of(&mut self, host: u32) -> u32 {
        if let Some(slot) = self.hosts[host as usize].rest {
            return slot;
        }
        let slot = self.add_section(host, OTHER, 0, true);
        self.hosts[host as usize].rest = Some(slot);
        slot
    }

    pub(super) fn add_section(&mut self, host: u32, path: &str, missed: u64, is_rest: bool) -> u32 {
        let row = SectionRow {
            host,
            path: path.into(),
            generation: 0,
            missed,
            is_rest,
            is_free: false,
            is_touched: false,
            counts: Counts::default(),
            decided: self.decide(host, path),
        };
        let slot = if let Some(slot) = self.free_sections.pop() {
            let generation = self.sections[slot as usize].generation;
            self.sections[slot as usize] = SectionRow { generation, ..row };
            slot
        } else {
            self.sections.push(row);
            (self.sections.len() - 1) as u32
        };
        self.list_section(slot);
        slot
    }
}
