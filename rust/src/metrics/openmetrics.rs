//! Prometheus' text format and `OpenMetrics` 1.0. Both are lines of a name, labels and a number; histograms have classic
//! buckets.
//!
//! Times at which series began are not written: a server would store each as a series of its own.
//!
//! <https://prometheus.io/docs/instrumenting/exposition_formats/>,
//! <https://prometheus.io/docs/specs/om/open_metrics_spec/>

use std::fmt::Write;

use super::durations::{BOUNDS, Durations};
use super::family::{Family, Kind};
use super::points::{Encode, Point, Value};
use super::store::Store;

/// A document that is being written.
#[derive(Debug)]
pub struct Text {
    out: String,
    is_openmetrics: bool,
}

impl Text {
    /// Returns a store in Prometheus' text format 0.0.4.
    pub fn prometheus(store: &Store) -> String {
        Self::written(store, false)
    }

    /// Returns a store as `OpenMetrics` 1.0.
    pub fn openmetrics(store: &Store) -> String {
        let mut out = Self::written(store, true);
        out.push_str("# EOF\n");
        out
    }

    fn written(store: &Store, is_openmetrics: bool) -> String {
        let mut text = Self { out: String::new(), is_openmetrics };
        store.encode(&mut text);
        text.out
    }

    fn describe(&mut self, family: &Family, name: &str) {
        let kind = match family.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram(_) => "histogram",
        };
        // In `OpenMetrics`, the name of the family of a counter has no suffix.
        let suffix = if family.kind == Kind::Counter && !self.is_openmetrics { "_total" } else { "" };
        self.out.push_str("# HELP ");
        self.out.push_str(name);
        self.out.push_str(suffix);
        self.out.push(' ');
        escape(&mut self.out, family.help, self.is_openmetrics);
        write!(self.out, "\n# TYPE {name}{suffix} {kind}\n").ok();
        if let Some(unit) = family.unit_word().filter(|_| self.is_openmetrics) {
            writeln!(self.out, "# UNIT {name} {unit}").ok();
        }
    }

    /// Writes a line up to the number.
    fn sample(&mut self, name: &str, suffix: &str, family: &Family, point: &Point<'_>, bound: Option<f64>) {
        self.out.push_str(name);
        self.out.push_str(suffix);
        let mut opening = '{';
        for (name, value) in family.attributes.iter().zip(&point.labels).filter(|(_, value)| !value.is_empty()) {
            self.out.push(std::mem::replace(&mut opening, ','));
            self.out.extend(name.chars().map(|char| if char == '.' { '_' } else { char }));
            self.out.push_str("=\"");
            escape(&mut self.out, value, true);
            self.out.push('"');
        }
        if let Some(bound) = bound {
            self.out.push(std::mem::replace(&mut opening, ','));
            self.out.push_str("le=\"");
            self.bound(bound);
            self.out.push('"');
        }
        self.out.push_str(if opening == ',' { "} " } else { " " });
    }

    /// `OpenMetrics` writes every bound as a fraction, so that the same bound always has the same text.
    fn bound(&mut self, bound: f64) {
        if bound.is_infinite() {
            self.out.push_str("+Inf");
        } else if self.is_openmetrics {
            write!(self.out, "{bound:?}").ok();
        } else {
            write!(self.out, "{bound}").ok();
        }
    }

    fn histogram(
        &mut self,
        name: &str,
        family: &Family,
        point: &Point<'_>,
        durations: &Durations,
        bounds: &[f64; BOUNDS],
    ) {
        let ends = bounds.iter().copied().chain([f64::INFINITY]);
        for (bound, count) in ends.zip(durations.up_to().into_iter().chain([durations.count()])) {
            self.sample(name, "_bucket", family, point, Some(bound));
            writeln!(self.out, "{count}").ok();
        }
        self.sample(name, "_sum", family, point, None);
        writeln!(self.out, "{}", durations.sum()).ok();
        self.sample(name, "_count", family, point, None);
        writeln!(self.out, "{}", durations.count()).ok();
    }
}

impl Encode for Text {
    fn family(&mut self, family: &'static Family, points: &[Point<'_>]) {
        let name = family.prometheus();
        self.describe(family, &name);
        let suffix = if family.kind == Kind::Counter { "_total" } else { "" };
        for point in points {
            match (point.value, family.kind) {
                (Value::Count(count), _) => {
                    self.sample(&name, suffix, family, point, None);
                    writeln!(self.out, "{count}").ok();
                }
                (Value::Level(level), _) => {
                    self.sample(&name, suffix, family, point, None);
                    writeln!(self.out, "{level}").ok();
                }
                (Value::Durations(durations), Kind::Histogram(bounds)) => {
                    self.histogram(&name, family, point, durations, bounds);
                }
                (Value::Durations(_), _) => {}
            }
        }
    }
}

/// Writes text with backslashes and line ends escaped and, `with_quotes`, quotes.
fn escape(out: &mut String, text: &str, with_quotes: bool) {
    for char in text.chars() {
        match char {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '"' if with_quotes => out.push_str("\\\""),
            _ => out.push(char),
        }
    }
}
