//! Writes what a shell and a notebook show of an object: one line for `repr`, one table for `_repr_html_`. Both are
//! short even for large objects, and names are escaped.

use std::fmt::Write;
use std::time::{Duration, SystemTime};

use crate::pipeline::histogram::Histogram;
use crate::pipeline::packet::{SECOND, Timestamp};
use crate::pipeline::snapshot::{
    Client, Connection, Counts, Host, NamedExchange, OpenStream, Section, Snapshot, client_name,
};

/// The most rows of a table, so that it fits a screen. For the others only their number is shown.
const ROWS: usize = 20;

/// Columns of a table of counts, after the name.
const COUNTS: [&str; 10] = ["requests", "responses", "2xx", "3xx", "4xx", "5xx", "p50", "p95", "p99", "bytes"];

pub fn snapshot(snapshot: &Snapshot) -> String {
    format!("<Snapshot {}>", about(snapshot))
}

fn about(snapshot: &Snapshot) -> String {
    let Snapshot { counts, hosts, .. } = snapshot;
    let (hits, errors) = (plural(counts.hits(), "hit"), plural(counts.errors, "error"));
    format!("{}: {hits}, {errors}, {}", span(snapshot.span), plural(hosts.len() as u64, "host"))
}

pub fn snapshot_table(snapshot: &Snapshot) -> String {
    let rows = snapshot.top_hosts(ROWS).into_iter().map(|at| &snapshot.hosts[at]);
    let rows = rows.map(|host| row(&host.name, &host.counts)).collect();
    table(&format!("Snapshot {}", about(snapshot)), &headings("host"), rows, snapshot.hosts.len())
}

pub fn host(host: &Host) -> String {
    format!("<Host {}: {}, {}>", host.name, brief(&host.counts), plural(host.sections.len() as u64, "section"))
}

pub fn host_table(host: &Host) -> String {
    let rows = host.top_sections(ROWS).into_iter().map(|at| &host.sections[at]);
    let rows = rows.map(|section| row(&section.path, &section.counts)).collect();
    let caption = format!("Host {}: {}", host.name, brief(&host.counts));
    table(&caption, &headings("section"), rows, host.sections.len())
}

pub fn client(client: &Client) -> String {
    format!("<Client {}: {}>", client.address, brief(&client.counts))
}

pub fn client_table(client: &Client) -> String {
    let caption = format!("Client {}: {}", client.address, brief(&client.counts));
    table(&caption, &headings("client"), vec![row(&client.address, &client.counts)], 1)
}

pub fn section(host: &str, section: &Section) -> String {
    format!("<Section {host}{}: {}>", section.path, brief(&section.counts))
}

pub fn section_table(host: &str, section: &Section) -> String {
    let methods =
        section.counts.methods.by_count().into_iter().map(|(method, count)| format!("{}: {count}", method.name()));
    let caption = format!("Section of {host}: {}", methods.collect::<Vec<_>>().join(", "));
    table(&caption, &headings("section"), vec![row(&section.path, &section.counts)], 1)
}

pub fn histogram(histogram: &Histogram) -> String {
    let Some((least, most)) = histogram.extremes() else { return "<Histogram empty>".into() };
    let [p50, p95] = [0.5, 0.95].map(|q| quantile(histogram, q));
    let (values, least, most) = (plural(histogram.count(), "value"), duration(least), duration(most));
    format!("<Histogram {values}: min {least}, p50 {p50}, p95 {p95}, max {most}>")
}

pub fn histogram_table(histogram: &Histogram) -> String {
    let extreme = |nanos: Option<u64>| nanos.map_or_else(|| "-".into(), duration);
    let extremes = histogram.extremes();
    let mut row = vec![grouped(histogram.count()), extreme(extremes.map(|(least, _)| least))];
    row.extend([0.5, 0.9, 0.95, 0.99].map(|q| quantile(histogram, q)));
    row.push(extreme(extremes.map(|(_, most)| most)));
    table("Histogram", &["values", "min", "p50", "p90", "p95", "p99", "max"], vec![row], 1)
}

pub fn exchange(exchange: &NamedExchange) -> String {
    let measured = &exchange.measured;
    let answer = match (measured.status, measured.latency) {
        (Some(status), Some(nanos)) => format!("{status} after {}", duration(nanos)),
        (Some(status), None) => status.to_string(),
        (None, _) => "unanswered".into(),
    };
    format!("<Exchange {} {} {} {answer}>", time(measured.ts), measured.method.name(), target(exchange))
}

/// Returns the host and the path of an exchange, or the section if its path is not known.
fn target(exchange: &NamedExchange) -> String {
    let path = if exchange.path.is_empty() { &exchange.section } else { &exchange.path };
    format!("{}{path}", exchange.host)
}

pub fn exchange_table(exchange: &NamedExchange) -> String {
    let measured = &exchange.measured;
    let some = |nanos: Option<u64>| nanos.map_or_else(|| "-".into(), duration);
    let row = vec![
        time(measured.ts),
        client_name(measured.client),
        measured.method.name().to_owned(),
        target(exchange),
        measured.status.map_or_else(|| "-".into(), |status| status.to_string()),
        some(measured.latency),
        some(measured.duration),
        grouped(measured.request_bytes),
        grouped(measured.response_bytes),
    ];
    let headings = ["time", "client", "method", "path", "status", "latency", "duration", "request", "response"];
    table("Exchange", &headings, vec![row], 1)
}

pub fn connection(connection: &Connection) -> String {
    let Connection { client, server, age, host, .. } = connection;
    let named = if host.is_empty() { String::new() } else { format!(" ({host})") };
    let spoken = connection.protocol.map_or_else(String::new, |protocol| format!("{}, ", protocol.name()));
    let (state, bytes) = (connection.state.name(), plural(connection.bytes(), "byte"));
    format!("<Connection {client} to {server}{named}: {state}, {spoken}{} old, {bytes}>", duration(*age))
}

pub fn stream(stream: &OpenStream) -> String {
    let OpenStream { id, method, host, section, age, .. } = stream;
    let status = stream.status.map_or_else(|| "no status yet".into(), |status| status.to_string());
    let spoken = stream.protocol.name();
    format!("<Stream {id}: {} {host}{section}, {spoken}, {status}, {} old>", method.name(), duration(*age))
}

pub fn connection_table(connection: &Connection) -> String {
    let row = vec![
        connection.client.to_string(),
        connection.server.to_string(),
        connection.host.to_string(),
        connection.protocol.map_or("-", crate::pipeline::exchange::Protocol::name).to_owned(),
        connection.state.name().to_owned(),
        duration(connection.age),
        grouped(connection.bytes_to_server),
        grouped(connection.bytes_to_client),
        connection.rtt.map_or_else(|| "-".into(), duration),
        grouped(connection.segments),
        grouped(connection.retransmitted),
        grouped(connection.requests),
    ];
    let headings = [
        "client",
        "server",
        "host",
        "protocol",
        "state",
        "age",
        "to server",
        "to client",
        "RTT",
        "segments",
        "retransmitted",
        "requests",
    ];
    table("Connection", &headings, vec![row], 1)
}

/// The line for a class of counters. Counters that are zero are left out.
pub fn counters(class: &str, counted: &[(&str, u64)]) -> String {
    let some: Vec<_> = counted.iter().filter(|(_, count)| *count > 0).collect();
    let words: Vec<_> = some.iter().map(|(name, count)| format!("{name}={count}")).collect();
    if words.is_empty() { format!("<{class} all 0>") } else { format!("<{class} {}>", words.join(" ")) }
}

/// Formats a span like `2026-11-22T12:00:00Z, 1 s`.
pub fn span(span: Option<(Timestamp, Timestamp)>) -> String {
    let Some((start, end)) = span else { return "empty".into() };
    format!("{}, {} s", time(start), end.since(start) as f64 / SECOND as f64)
}

fn time(ts: Timestamp) -> String {
    let nanos = u64::try_from(ts.0).unwrap_or(0);
    let instant = SystemTime::UNIX_EPOCH + Duration::from_nanos(nanos);
    if nanos % SECOND as u64 == 0 {
        humantime::format_rfc3339_seconds(instant).to_string()
    } else {
        humantime::format_rfc3339_micros(instant).to_string()
    }
}

/// Formats a duration with three digits, in ns, us, ms or s. From 1000 s on it has as many digits as it needs.
fn duration(nanos: u64) -> String {
    let (value, unit) = match nanos {
        0..1_000 => return format!("{nanos} ns"),
        1_000..1_000_000 => (nanos as f64 / 1e3, "us"),
        1_000_000..1_000_000_000 => (nanos as f64 / 1e6, "ms"),
        _ => (nanos as f64 / 1e9, "s"),
    };
    let digits = usize::from(value < 99.95) + usize::from(value < 9.995);
    format!("{value:.digits$} {unit}")
}

fn quantile(histogram: &Histogram, q: f64) -> String {
    histogram.quantile(q).map_or_else(|| "-".into(), duration)
}

pub fn plural(count: u64, thing: &str) -> String {
    format!("{count} {thing}{}", if count == 1 { "" } else { "s" })
}

fn brief(counts: &Counts) -> String {
    let statuses = counts.statuses.by_count().into_iter().take(4).map(|(status, count)| format!("{status}: {count}"));
    let statuses: Vec<_> = statuses.collect();
    let answers = if statuses.is_empty() { "no response".into() } else { statuses.join(", ") };
    format!("{}, {answers}, p95 {}", plural(counts.requests, "request"), quantile(&counts.latency, 0.95))
}

/// Formats a number with its digits in groups of three, like `48 210`.
fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

fn headings(name: &'static str) -> Vec<&'static str> {
    [name].into_iter().chain(COUNTS).collect()
}

fn row(name: &str, counts: &Counts) -> Vec<String> {
    let class = |first: u16| grouped(counts.statuses.sum(|status| status / 100 == first));
    let mut cells = vec![name.to_owned(), grouped(counts.requests), grouped(counts.responses)];
    cells.extend([2, 3, 4, 5].map(class));
    cells.extend([0.5, 0.95, 0.99].map(|q| quantile(&counts.latency, q)));
    cells.push(grouped(counts.request_bytes.saturating_add(counts.response_bytes)));
    cells
}

/// Columns of text, which are aligned to the left. Numbers are aligned to the right.
const WORDS: [&str; 10] =
    ["host", "section", "client", "server", "time", "method", "path", "agent", "protocol", "state"];

/// Returns an HTML table of the first of `count` rows.
fn table(caption: &str, headings: &[&str], rows: Vec<Vec<String>>, count: usize) -> String {
    const CELL: &str = "style=\"text-align: right; white-space: nowrap\"";
    const NAME: &str = "style=\"text-align: left; white-space: nowrap\"";
    let style = |at: usize| if headings.get(at).is_some_and(|heading| WORDS.contains(heading)) { NAME } else { CELL };
    let mut html = String::from("<table><caption style=\"text-align: left; white-space: nowrap\">");
    escape(&mut html, caption);
    html.push_str("</caption><thead><tr>");
    for (at, heading) in headings.iter().enumerate() {
        let _ = write!(html, "<th {}>{heading}</th>", style(at));
    }
    html.push_str("</tr></thead><tbody>");
    let more = count - rows.len().min(count);
    for row in rows {
        html.push_str("<tr>");
        for (at, cell) in row.iter().enumerate() {
            let _ = write!(html, "<td {}>", style(at));
            escape(&mut html, cell);
            html.push_str("</td>");
        }
        html.push_str("</tr>");
    }
    if more > 0 {
        let _ = write!(html, "<tr><td {NAME} colspan=\"{}\">and {more} more</td></tr>", headings.len());
    }
    html.push_str("</tbody></table>");
    html
}

fn escape(html: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            // A notebook shows text between two dollar signs as a formula.
            '$' => html.push_str("&#36;"),
            _ => html.push(character),
        }
    }
}
