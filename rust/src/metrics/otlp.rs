//! OpenTelemetry's protocol: an `ExportMetricsServiceRequest` with one resource and one scope. Exponential histograms go
//! out as they were counted.
//!
//! <https://github.com/open-telemetry/opentelemetry-proto/blob/main/opentelemetry/proto/metrics/v1/metrics.proto>

use super::durations::{BOUNDS, Durations};
use super::family::{Family, Kind, NUMBERS};
use super::points::{Encode, Point, Value};
use super::protobuf::Message;
use super::store::Store;
use crate::pipeline::packet::{SECOND, Timestamp};

/// Since when sums count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Temporality {
    /// Since the last export.
    Delta = 1,
    /// Since the start.
    Cumulative = 2,
}

/// How histograms are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// With the buckets in which durations were counted.
    Exponential,
    /// With the bounds that the table of metrics gives.
    Explicit,
}

/// A request that is being written.
pub struct Otlp {
    metrics: Message,
    temporality: Temporality,
    form: Form,
    /// Start and end of what the store has counted.
    span: (Timestamp, Timestamp),
}

impl Otlp {
    /// Returns a store as a request, with the attributes of its resource. Without a snapshot, it has no metrics.
    pub fn request(store: &Store, resource: &[(String, String)], temporality: Temporality, form: Form) -> Vec<u8> {
        let mut writer = Self { metrics: Message::default(), temporality, form, span: store.span.unwrap_or_default() };
        if store.span.is_some() {
            store.encode(&mut writer);
        }
        let metrics = writer.metrics;
        let mut request = Message::default();
        request.message(1, |of_resource| {
            of_resource.message(1, |message| {
                resource.iter().for_each(|(key, value)| write_attribute(message, 1, key, value));
            });
            of_resource.message(2, |of_scope| {
                of_scope.message(1, |scope| {
                    scope.text(1, "netmon");
                    scope.text(2, env!("CARGO_PKG_VERSION"));
                });
                of_scope.append(metrics);
            });
        });
        request.into_bytes()
    }

    fn times(&self, message: &mut Message, point: &Point<'_>) {
        let is_delta = self.temporality == Temporality::Delta;
        message.fixed(2, if is_delta { self.span.0 } else { point.since }.0 as u64);
        message.fixed(3, self.span.1.0 as u64);
    }

    fn number(&self, message: &mut Message, family: &Family, point: &Point<'_>) {
        write_attributes(message, 7, family, point);
        self.times(message, point);
        match point.value {
            Value::Count(count) => message.fixed(6, count.min(i64::MAX as u64)),
            Value::Level(level) => message.double(4, level),
            Value::Durations(_) => {}
        }
    }

    fn exponential(&self, message: &mut Message, family: &Family, point: &Point<'_>, durations: &Durations) {
        let histogram = durations.exponential();
        write_attributes(message, 1, family, point);
        self.times(message, point);
        message.fixed(4, durations.count());
        message.double(5, durations.sum());
        message.signed(6, histogram.scale().into());
        message.fixed(7, histogram.zero_count());
        message.message(8, |positive| {
            positive.signed(1, histogram.buckets().offset().into());
            positive.packed(2, histogram.buckets().iter());
        });
        write_extremes(message, durations, 12);
    }

    fn explicit(
        &self,
        message: &mut Message,
        family: &Family,
        point: &Point<'_>,
        durations: &Durations,
        bounds: &[f64; BOUNDS],
    ) {
        self.times(message, point);
        message.fixed(4, durations.count());
        message.double(5, durations.sum());
        message.packed_fixed(6, durations.between().into_iter());
        message.packed_fixed(7, bounds.iter().map(|bound| bound.to_bits()));
        write_attributes(message, 9, family, point);
        write_extremes(message, durations, 11);
    }

    fn histogram(&self, metric: &mut Message, family: &Family, points: &[&Point<'_>], bounds: &[f64; BOUNDS]) {
        let field = if self.form == Form::Exponential { 10 } else { 9 };
        metric.message(field, |histogram| {
            for point in points {
                if let Value::Durations(durations) = point.value {
                    histogram.message(1, |message| match self.form {
                        Form::Exponential => self.exponential(message, family, point, durations),
                        Form::Explicit => self.explicit(message, family, point, durations, bounds),
                    });
                }
            }
            histogram.varint(2, self.temporality as u64);
        });
    }
}

impl Encode for Otlp {
    fn family(&mut self, family: &'static Family, points: &[Point<'_>]) {
        let is_delta = self.temporality == Temporality::Delta;
        let has_news = |point: &&Point<'_>| match point.value {
            Value::Count(count) => count > 0 || family.kind == Kind::Gauge,
            Value::Level(_) => true,
            Value::Durations(durations) => durations.count() > 0,
        };
        let points: Vec<_> = points.iter().filter(|point| !is_delta || has_news(point)).collect();
        if points.is_empty() {
            return;
        }
        let mut metrics = std::mem::take(&mut self.metrics);
        metrics.message(2, |metric| {
            metric.text(1, family.name);
            metric.text(2, family.help);
            metric.text(3, family.unit);
            let write = |message: &mut Message| {
                points.iter().for_each(|point| message.message(1, |message| self.number(message, family, point)));
            };
            match family.kind {
                Kind::Gauge => metric.message(5, write),
                Kind::Counter => metric.message(7, |sum| {
                    write(sum);
                    sum.varint(2, self.temporality as u64);
                    sum.varint(3, 1);
                }),
                Kind::Histogram(bounds) => self.histogram(metric, family, &points, bounds),
            }
        });
        self.metrics = metrics;
    }
}

/// Least and greatest duration, in the fields `first` and the next.
fn write_extremes(message: &mut Message, durations: &Durations, first: u64) {
    if let Some((min, max)) = durations.exponential().extremes() {
        message.double(first, min as f64 / SECOND as f64);
        message.double(first + 1, max as f64 / SECOND as f64);
    }
}

fn write_attributes(message: &mut Message, field: u64, family: &Family, point: &Point<'_>) {
    for (name, value) in family.attributes.iter().zip(&point.labels).filter(|(_, value)| !value.is_empty()) {
        write_attribute(message, field, name, value);
    }
}

fn write_attribute(message: &mut Message, field: u64, name: &str, value: &str) {
    let number = if NUMBERS.contains(&name) { value.parse::<u64>().ok() } else { None };
    message.message(field, |pair| {
        pair.text(1, name);
        pair.message(2, |any| match number {
            Some(number) => any.varint(3, number),
            None => any.text(1, value),
        });
    });
}
