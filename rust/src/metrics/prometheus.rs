//! Prometheus' protobuf format: a stream of `MetricFamily`, each with its length in front. Histograms have native and
//! classic buckets together, so that a server takes those that it is set to take.
//!
//! <https://github.com/prometheus/client_model/blob/master/io/prometheus/client/metrics.proto>

use super::durations::{BOUNDS, Durations};
use super::family::{Family, Kind};
use super::points::{Encode, Point, Value};
use super::protobuf::Message;
use super::store::Store;
use crate::pipeline::packet::{SECOND, Timestamp};

/// The scales that Prometheus has as the schema of a native histogram.
const SCHEMAS: std::ops::RangeInclusive<i32> = -4..=8;

/// Empty buckets between two others that cost less than a span of their own.
const GAP: usize = 2;

/// Returns all families of a store as delimited messages.
pub fn families(store: &Store) -> Vec<u8> {
    let mut families = Families::default();
    store.encode(&mut families);
    families.0.into_bytes()
}

#[derive(Default)]
struct Families(Message);

impl Encode for Families {
    fn family(&mut self, family: &'static Family, points: &[Point<'_>]) {
        let name = family.prometheus();
        let (name, kind) = match family.kind {
            Kind::Counter => (name + "_total", 0),
            Kind::Gauge => (name, 1),
            Kind::Histogram(_) => (name, 4),
        };
        self.0.delimited(|message| {
            message.text(1, &name);
            message.text(2, family.help);
            message.varint(3, kind);
            for point in points {
                message.message(4, |metric| write_metric(metric, family, point));
            }
            if let Some(unit) = family.unit_word() {
                message.text(5, unit);
            }
        });
    }
}

fn write_metric(metric: &mut Message, family: &Family, point: &Point<'_>) {
    for (name, value) in family.attributes.iter().zip(&point.labels) {
        if !value.is_empty() {
            metric.message(1, |label| {
                label.text(1, &name.replace('.', "_"));
                label.text(2, value);
            });
        }
    }
    let number = match point.value {
        Value::Count(count) => count as f64,
        Value::Level(level) => level,
        Value::Durations(durations) => {
            if let Kind::Histogram(bounds) = family.kind {
                metric.message(7, |histogram| write_histogram(histogram, durations, bounds, point.since));
            }
            return;
        }
    };
    match family.kind {
        Kind::Counter => metric.message(3, |counter| {
            counter.double(1, number);
            counter.message(3, |time| write_time(time, point.since));
        }),
        _ => metric.message(2, |gauge| gauge.double(1, number)),
    }
}

fn write_histogram(message: &mut Message, durations: &Durations, bounds: &[f64; BOUNDS], since: Timestamp) {
    message.varint(1, durations.count());
    message.double(2, durations.sum());
    let all = bounds.iter().zip(durations.up_to()).map(|(&bound, count)| (bound, count));
    for (bound, count) in all.chain([(f64::INFINITY, durations.count())]) {
        message.message(3, |bucket| {
            bucket.varint(1, count);
            bucket.double(2, bound);
        });
    }
    message.message(15, |time| write_time(time, since));
    let exponential = durations.exponential();
    if !SCHEMAS.contains(&exponential.scale()) {
        return;
    }
    message.signed(5, exponential.scale().into());
    message.double(6, 0.0);
    message.varint(7, exponential.zero_count());
    let buckets = exponential.buckets();
    let counts: Vec<u64> = buckets.iter().collect();
    let spans = spans(&counts);
    if spans.is_empty() {
        // A span of no buckets tells that the histogram is a native one.
        message.message(12, |span| write_span(span, 0, 0));
        return;
    }
    let mut end = 0;
    for span in &spans {
        // Prometheus numbers a bucket by its upper edge, and OpenTelemetry by its lower one.
        let start = i64::from(buckets.offset()) + span.start as i64 + 1;
        message.message(12, |message| write_span(message, start - end, span.len()));
        end = start + span.len() as i64;
    }
    let mut before = 0;
    let deltas = spans.into_iter().flatten().map(|at| {
        let count = i64::try_from(counts[at]).unwrap_or(i64::MAX);
        count - std::mem::replace(&mut before, count)
    });
    message.packed_signed(13, deltas);
}

fn write_span(message: &mut Message, offset: i64, length: usize) {
    message.signed(1, offset);
    message.varint(2, length as u64);
}

/// The ranges of buckets that are written. Long gaps of empty buckets are left out.
fn spans(counts: &[u64]) -> Vec<std::ops::Range<usize>> {
    let mut spans: Vec<std::ops::Range<usize>> = Vec::new();
    for at in (0..counts.len()).filter(|&at| counts[at] > 0) {
        match spans.last_mut() {
            Some(span) if at - span.end <= GAP => span.end = at + 1,
            _ => spans.push(at..at + 1),
        }
    }
    spans
}

fn write_time(message: &mut Message, at: Timestamp) {
    message.varint(1, at.0.div_euclid(SECOND) as u64);
    message.varint(2, at.0.rem_euclid(SECOND) as u64);
}

#[cfg(test)]
mod tests {
    use super::spans;

    #[test]
    fn a_long_gap_of_empty_buckets_divides_spans() {
        assert_eq!(spans(&[1, 0, 0, 2, 0, 0, 0, 3]), [0..4, 7..8]);
        assert!(spans(&[]).is_empty());
        assert!(spans(&[0, 0]).is_empty());
    }
}
