//! Counts of exchanges by method, status and host. Metrics count every exchange this way, so a row is found without
//! writing its name.

use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use crate::pipeline::filter::{Field, Known};
use crate::pipeline::name;
use crate::pipeline::snapshot::{Counts, OTHER, SubsetRow};

/// The rows of an interval.
#[derive(Debug, Default)]
pub struct Outcomes {
    rows: Vec<Row>,
    places: HashTable<u32>,
    /// What had no room in the rows.
    rest: Option<Counts>,
    // Strangers choose the names of hosts, so the hash has a random seed.
    hasher: RandomState,
}

#[derive(Debug)]
struct Row {
    method: Box<[u8]>,
    status: u16,
    host: Box<[u8]>,
    counts: Counts,
}

impl Outcomes {
    /// The counts of the row of an exchange, or those for the rest if there are `most` rows already.
    pub fn counts<K: Known + Copy>(&mut self, known: K, most: usize) -> &mut Counts {
        let (mut of_method, mut of_host) = (known, known);
        let status = known.outcome().and_then(|outcome| outcome.status).unwrap_or_default();
        let mut place = None;
        of_method.text(Field::Method, |method| {
            let found = of_host.text(Field::Host, |host| {
                place = self.place(method, status, host, most);
                true
            });
            found.is_some()
        });
        match place {
            Some(place) => &mut self.rows[place].counts,
            None => self.rest.get_or_insert_default(),
        }
    }

    fn place(&mut self, method: &[u8], status: u16, host: &[u8], most: usize) -> Option<usize> {
        let Self { rows, places, hasher, .. } = self;
        let hash = |method: &[u8], status: u16, host: &[u8]| hasher.hash_one((method, status, host));
        let is_it = |row: &Row| row.status == status && *row.host == *host && *row.method == *method;
        let wanted = hash(method, status, host);
        if let Some(place) = places.find(wanted, |place| is_it(&rows[*place as usize])) {
            return Some(*place as usize);
        }
        let place = rows.len();
        if place >= most {
            return None;
        }
        rows.push(Row { method: method.into(), status, host: host.into(), counts: Counts::default() });
        places.insert_unique(wanted, place as u32, |place| {
            let row = &rows[*place as usize];
            hash(&row.method, row.status, &row.host)
        });
        Some(place)
    }

    /// Takes all rows, each with its name: method, status and host.
    pub fn take(&mut self) -> Vec<Arc<SubsetRow>> {
        self.places.clear();
        let rest = self.rest.take().map(|counts| SubsetRow { name: OTHER.into(), counts });
        let rows = self.rows.drain(..).map(|Row { method, status, host, counts }| {
            let name = format!("{} {status} {}", name::as_text(&method), name::as_text(&host)).into();
            SubsetRow { name, counts }
        });
        rows.chain(rest).map(Arc::new).collect()
    }

    /// The counts of all rows.
    pub fn all(&mut self) -> impl Iterator<Item = &mut Counts> {
        self.rows.iter_mut().map(|row| &mut row.counts).chain(&mut self.rest)
    }
}
