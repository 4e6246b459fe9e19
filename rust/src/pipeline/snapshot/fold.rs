//! The heaviest rows of a snapshot, the rest in `~other`. Sums stay what they were.

use super::{Host, OTHER, Row, Section, ServerName, Snapshot, top};

impl Snapshot {
    /// At most `max_hosts` hosts with at most `max_sections` sections each, not counting the rows for the rest.
    #[must_use]
    pub fn folded(&self, max_hosts: usize, max_sections: usize) -> Self {
        let mut folded = self.clone();
        folded.fold(max_hosts, max_sections);
        folded
    }

    /// The same, in place.
    pub fn fold(&mut self, max_hosts: usize, max_sections: usize) {
        let mut error = 0;
        for host in &mut self.hosts {
            let lost = fold_rows(&mut host.sections, max_sections, Section::hits, |other: &mut Section, row| {
                other.absorb(row);
            });
            self.capture.sections_folded += lost.rows;
            error = error.max(lost.heaviest);
        }
        let lost = fold_rows(&mut self.hosts, max_hosts, Host::hits, |other: &mut Host, row| {
            let mut sections = std::mem::take(&mut other.sections);
            other.absorb(row);
            // Sections of folded hosts mean nothing apart from their hosts.
            other.sections.clear();
            let mut rest = sections.pop().unwrap_or_else(|| Section { path: OTHER.into(), ..Section::default() });
            rest.counts.merge(&row.counts);
            other.sections.push(rest);
        });
        fold_rows(
            &mut self.server_names,
            max_hosts,
            |row| row.connections,
            |other: &mut ServerName, row| other.absorb(row),
        );
        self.capture.hosts_folded += lost.rows;
        self.capture.hits_error += error.max(lost.heaviest);
    }
}

trait Weighed: Row<Key = str> + Default {
    fn hits(&self) -> u64;
    fn named(name: &str) -> Self;
}

impl Weighed for Host {
    fn hits(&self) -> u64 {
        self.counts.hits()
    }
    fn named(name: &str) -> Self {
        Self { name: name.into(), ..Self::default() }
    }
}

impl Weighed for Section {
    fn hits(&self) -> u64 {
        self.counts.hits()
    }
    fn named(name: &str) -> Self {
        Self { path: name.into(), ..Self::default() }
    }
}

impl Weighed for ServerName {
    fn hits(&self) -> u64 {
        self.connections
    }
    fn named(name: &str) -> Self {
        Self { name: name.into(), ..Self::default() }
    }
}

/// What folding cost.
#[derive(Default)]
struct Lost {
    rows: u64,
    heaviest: u64,
}

fn fold_rows<R: Weighed>(rows: &mut Vec<R>, max: usize, hits: impl Fn(&R) -> u64, absorb: impl Fn(&mut R, &R)) -> Lost {
    if rows.iter().filter(|row| row.key() != OTHER).count() <= max {
        return Lost::default();
    }
    // The row for the rest stays whatever it weighs.
    let weight = |at: usize| if rows[at].key() == OTHER { u64::MAX } else { hits(&rows[at]) };
    let has_other = rows.iter().any(|row| row.key() == OTHER);
    let mut keep = vec![false; rows.len()];
    for at in top(rows.len(), max + usize::from(has_other), weight) {
        keep[at] = true;
    }
    let mut lost = Lost::default();
    let mut other = R::named(OTHER);
    let mut kept = Vec::with_capacity(max + 1);
    for (row, keep) in rows.drain(..).zip(keep) {
        if row.key() == OTHER {
            let mut row = row;
            absorb(&mut row, &other);
            other = row;
        } else if keep {
            kept.push(row);
        } else {
            lost.rows += 1;
            lost.heaviest = lost.heaviest.max(hits(&row));
            absorb(&mut other, &row);
        }
    }
    let at = kept.partition_point(|row| row.key() < OTHER);
    kept.insert(at, other);
    *rows = kept;
    lost
}
