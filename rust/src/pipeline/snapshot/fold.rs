//! The heaviest rows of a snapshot, the rest in `~other`. Sums stay what they were.

use super::{Host, Limits, OTHER, Row, Section, ServerName, Snapshot, top};

impl Snapshot {
    /// The heaviest rows within the limits, the rest in `~other`, which is not counted as a row.
    #[must_use]
    pub fn folded(&self, limits: &Limits) -> Self {
        let mut folded = self.clone();
        folded.fold(limits);
        folded
    }

    /// The same, in place.
    pub fn fold(&mut self, limits: &Limits) {
        let mut error = 0;
        let mut per_host = limits.sections_per_host;
        loop {
            error = error.max(self.fold_sections(per_host));
            if per_host <= 1 || self.hosts.iter().map(|host| host.sections.len()).sum::<usize>() <= limits.sections {
                break;
            }
            // Too many in all: every host gives up half.
            per_host /= 2;
        }
        let lost = fold_rows(&mut self.hosts, limits.hosts, Host::hits, |other: &mut Host, row| {
            let mut sections = std::mem::take(&mut other.sections);
            other.absorb(row);
            // Sections of folded hosts mean nothing apart from their hosts.
            other.sections.clear();
            let mut rest = sections.pop().unwrap_or_else(|| Section { path: OTHER.into(), ..Section::default() });
            rest.counts.merge(&row.counts);
            other.sections.push(rest);
        });
        self.capture.hosts_folded += lost.rows;
        self.capture.hits_error += error.max(lost.heaviest);
        fold_rows(
            &mut self.server_names,
            limits.hosts,
            |row| row.connections,
            |other: &mut ServerName, row| {
                other.absorb(row);
            },
        );
        let dropped = self.exchanges.len().saturating_sub(limits.exchanges);
        self.exchanges.truncate(limits.exchanges);
        self.capture.exchanges_dropped += dropped as u64;
    }

    /// Folds the sections of each host. Returns how heavy the heaviest was.
    fn fold_sections(&mut self, max: usize) -> u64 {
        let mut heaviest = 0;
        for host in &mut self.hosts {
            let lost = fold_rows(&mut host.sections, max, Section::hits, |other: &mut Section, row| other.absorb(row));
            self.capture.sections_folded += lost.rows;
            heaviest = heaviest.max(lost.heaviest);
        }
        heaviest
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
