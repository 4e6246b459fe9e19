//! The rows of a snapshot as columns: what Arrow and CSV have in common. Rows in, named columns out. A column has the
//! name of the key in JSON; nested keys are joined with `_`.

mod tables;

use super::counts::{Counts, Tcp};
use super::tally::{Tally, TallyKey};
use super::values::to_seconds;
use crate::pipeline::histogram::Histogram;
use crate::pipeline::packet::{SECOND, Timestamp};

pub use tables::{Place, Table};

/// Rows of a batch at most. Offsets into a batch are 32 bits, and the keys of a tally are 16 bits.
pub const MAX_ROWS: usize = 1 << 14;

/// Entries of a column of a batch at most, and bytes of its texts: the greatest offset. What is beyond is left out, so
/// that offsets never lie. It takes a document of gigabytes to get there, since the pipeline bounds all names.
const MAX_OFFSET: usize = i32::MAX as usize;

/// Texts, one after the other. Text `n` ends at `ends[n]`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Texts {
    /// The bytes of all texts.
    pub bytes: Vec<u8>,
    /// Where each text ends.
    pub ends: Vec<i32>,
}

impl Texts {
    fn push(&mut self, text: &str) {
        if self.bytes.len() + text.len() <= MAX_OFFSET {
            self.bytes.extend_from_slice(text.as_bytes());
        }
        self.ends.push(self.bytes.len() as i32);
    }

    /// Returns text `n`; empty if there is none.
    pub fn get(&self, n: usize) -> &[u8] {
        let start = n.checked_sub(1).and_then(|before| self.ends.get(before)).map_or(0, |&start| start as usize);
        self.ends.get(n).and_then(|&end| self.bytes.get(start..end as usize)).unwrap_or_default()
    }
}

/// The values of a column. Lists and maps of row `n` end at entry `ends[n]`.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Text.
    Text(Texts),
    /// Lists of texts.
    Lists(Vec<i32>, Texts),
    /// Whole numbers from 0.
    Number(Vec<u64>),
    /// Whole numbers.
    Integer(Vec<i64>),
    /// Status codes; `None` without a response.
    Status(Vec<Option<u16>>),
    /// Seconds; `None` if nothing was measured.
    Seconds(Vec<Option<f64>>),
    /// Instants.
    Time(Vec<Timestamp>),
    /// Counts by text.
    ByText(Vec<i32>, Texts, Vec<u64>),
    /// Counts by status code.
    ByStatus(Vec<i32>, Vec<u16>, Vec<u64>),
    /// Lists of counts.
    Buckets(Vec<i32>, Vec<u64>),
}

/// One column.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// One value for each row.
    pub values: Values,
    /// True if the column is of use only to programs: parts of a histogram.
    pub is_detail: bool,
}

/// Some rows of a table, column by column.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// Number of rows, at most [`MAX_ROWS`].
    pub rows: usize,
    /// The columns. A table has the same ones in each batch.
    pub columns: Vec<Column>,
}

/// Adds columns, each from an iterator over its values.
impl Batch {
    fn add(&mut self, name: &str, values: Values) {
        self.columns.push(Column { name: name.into(), values, is_detail: false });
    }

    fn detail(&mut self, name: &str, values: Values) {
        self.columns.push(Column { name: name.into(), values, is_detail: true });
    }

    fn text(&mut self, name: &str, values: impl Iterator<Item = impl AsRef<str>>) {
        let mut texts = Texts::default();
        values.for_each(|value| texts.push(value.as_ref()));
        self.add(name, Values::Text(texts));
    }

    fn number(&mut self, name: &str, values: impl Iterator<Item = u64>) {
        self.add(name, Values::Number(values.collect()));
    }

    fn seconds(&mut self, name: &str, nanos: impl Iterator<Item = Option<u64>>) {
        self.add(name, Values::Seconds(nanos.map(|nanos| nanos.map(to_seconds)).collect()));
    }

    fn time(&mut self, name: &str, values: impl Iterator<Item = Timestamp>) {
        self.add(name, Values::Time(values.collect()));
    }

    fn counts(&mut self, rows: &[&Counts]) {
        let each = || rows.iter().copied();
        self.number("hits", each().map(Counts::hits));
        self.number("requests", each().map(|row| row.requests));
        self.number("responses", each().map(|row| row.responses));
        self.number("errors", each().map(|row| row.errors));
        self.tally("methods", each().map(|row| &row.methods));
        let (ends, keys, counts) = entries(each().map(|row| &row.statuses));
        self.add("statuses", Values::ByStatus(ends, keys, counts));
        for class in 1..=5 {
            let of_class = |row: &Counts| row.statuses.sum(|status| status / 100 == class);
            self.number(&format!("status_{class}xx"), each().map(of_class));
        }
        self.number("request_bytes", each().map(|row| row.request_bytes));
        self.number("response_bytes", each().map(|row| row.response_bytes));
        self.histogram("latency", &each().map(|row| &row.latency));
        self.histogram("duration", &each().map(|row| &row.duration));
    }

    /// The columns that came later stand behind all others.
    fn streams(&mut self, rows: &[&Counts]) {
        let each = || rows.iter().map(|row| row.streams.get());
        let protocols: Vec<_> = rows.iter().map(|row| row.protocols()).collect();
        self.tally("protocols", protocols.iter());
        self.tally("grpc_statuses", each().map(|row| &row.grpc_statuses));
        self.number("request_messages", each().map(|row| row.request_messages));
        self.number("response_messages", each().map(|row| row.response_messages));
        let (ends, keys, counts) = entries(each().map(|row| &row.client_close_codes));
        self.add("client_close_codes", Values::ByStatus(ends, keys, counts));
        let (ends, keys, counts) = entries(each().map(|row| &row.server_close_codes));
        self.add("server_close_codes", Values::ByStatus(ends, keys, counts));
        self.tally("client_resets", each().map(|row| &row.client_resets));
        self.tally("server_resets", each().map(|row| &row.server_resets));
    }

    fn tally<'a, K: TallyKey + 'a>(&mut self, name: &str, rows: impl Iterator<Item = &'a Tally<K>>) {
        let (ends, keys, counts) = entries(rows);
        let mut texts = Texts::default();
        keys.into_iter().for_each(|key| texts.push(&key.label()));
        self.add(name, Values::ByText(ends, texts, counts));
    }

    fn histogram<'a>(&mut self, name: &str, rows: &(impl Iterator<Item = &'a Histogram> + Clone)) {
        let each = || rows.clone();
        let key = |key: &str| format!("{name}_{key}");
        self.number(&key("count"), each().map(Histogram::count));
        let sum = each().map(|row| Some(row.sum() as f64 / SECOND as f64));
        self.add(&key("sum"), Values::Seconds(sum.collect()));
        self.seconds(&key("min"), each().map(|row| row.extremes().map(|(min, _)| min)));
        self.seconds(&key("max"), each().map(|row| row.extremes().map(|(_, max)| max)));
        for (quantile, q) in super::json::QUANTILES {
            self.seconds(&key(quantile), each().map(|row| row.quantile(q)));
        }
        self.detail(&key("zero_count"), Values::Number(each().map(Histogram::zero_count).collect()));
        self.detail(&key("scale"), Values::Integer(each().map(|row| row.scale().into()).collect()));
        self.detail(&key("offset"), Values::Integer(each().map(|row| row.buckets().offset().into()).collect()));
        let (mut ends, mut buckets) = (Vec::new(), Vec::new());
        for row in each() {
            if buckets.len() + row.buckets().len() <= MAX_OFFSET {
                buckets.extend(row.buckets().iter());
            }
            ends.push(buckets.len() as i32);
        }
        self.detail(&key("buckets"), Values::Buckets(ends, buckets));
    }

    fn tcp(&mut self, rows: &[&Tcp]) {
        let each = || rows.iter().copied();
        macro_rules! numbers {
            ($($field:ident)+) => { $(self.number(concat!("tcp_", stringify!($field)), each().map(|row| row.$field));)+ };
        }
        numbers!(opened closed reset refused segments retransmitted duplicates out_of_order duplicate_acks zero_window);
        self.histogram("tcp_client_handshake_rtt", &each().map(|row| &row.client_handshake_rtt));
        self.histogram("tcp_server_handshake_rtt", &each().map(|row| &row.server_handshake_rtt));
        self.histogram("tcp_client_rtt", &each().map(|row| &row.client_rtt));
        self.histogram("tcp_server_rtt", &each().map(|row| &row.server_rtt));
    }
}

/// The entries of tallies: where those of each row end, their keys and their counts, most frequent first.
fn entries<'a, K: TallyKey + 'a>(rows: impl Iterator<Item = &'a Tally<K>>) -> (Vec<i32>, Vec<K>, Vec<u64>) {
    let (mut ends, mut keys, mut counts) = (Vec::new(), Vec::new(), Vec::new());
    for row in rows {
        for (key, count) in row.by_count() {
            keys.push(key);
            counts.push(count);
        }
        ends.push(keys.len() as i32);
    }
    (ends, keys, counts)
}

#[cfg(test)]
mod tests;
