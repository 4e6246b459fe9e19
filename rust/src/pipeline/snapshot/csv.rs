//! Writes rows as CSV (RFC 4180, with line feeds). Text that a spreadsheet would read as a formula gets an apostrophe in
//! front. Times are RFC 3339 in UTC, durations are in seconds, maps are JSON objects.

use std::borrow::Cow;
use std::io::Write;

use super::columns::{Batch, Column, MAX_ROWS, Table, Texts, Values};
use super::merge::Snapshot;
use super::values::rfc3339;

impl Snapshot {
    /// Returns the first line of a file: the names of the columns.
    pub fn csv_head(table: Table) -> Vec<u8> {
        let batch = table.batch(&Self::default(), &[], has_span(table));
        let names: Vec<_> = shown(&batch).map(|column| column.name.as_str()).collect();
        format!("{}\n", names.join(",")).into_bytes()
    }

    /// Returns a line for each row of a table.
    pub fn csv_lines(&self, table: Table) -> Vec<u8> {
        let mut out = Vec::new();
        for places in table.places(self).chunks(MAX_ROWS) {
            let batch = table.batch(self, places, has_span(table));
            let columns: Vec<_> = shown(&batch).collect();
            for row in 0..batch.rows {
                for (at, column) in columns.iter().enumerate() {
                    if at > 0 {
                        out.push(b',');
                    }
                    write_value(&mut out, &column.values, row);
                }
                out.push(b'\n');
            }
        }
        out
    }
}

/// An exchange has a time of its own; other rows have the start and the end of their interval.
fn has_span(table: Table) -> bool {
    table != Table::Exchanges
}

fn shown(batch: &Batch) -> impl Iterator<Item = &Column> {
    batch.columns.iter().filter(|column| !column.is_detail)
}

fn write_value(out: &mut Vec<u8>, values: &Values, row: usize) {
    match values {
        Values::Text(texts) => write_text(out, texts.get(row)),
        Values::Lists(ends, texts) => {
            let items: Vec<_> = range(ends, row).map(|at| texts.get(at)).collect();
            write_text(out, &items.join(&b' '));
        }
        Values::Number(numbers) => write_number(out, numbers[row]),
        Values::Integer(numbers) => write_number(out, numbers[row]),
        Values::Status(statuses) => statuses[row].into_iter().for_each(|status| write_number(out, status)),
        Values::Seconds(seconds) => seconds[row].into_iter().for_each(|seconds| write_number(out, seconds)),
        Values::Time(times) => write_number(out, rfc3339(times[row])),
        Values::ByText(ends, keys, counts) => write_map(out, range(ends, row), counts, |at| text(keys, at)),
        Values::ByStatus(ends, keys, counts) => {
            write_map(out, range(ends, row), counts, |at| keys[at].to_string().into());
        }
        Values::Buckets(ends, counts) => {
            let counts: Vec<_> = range(ends, row).map(|at| counts[at].to_string()).collect();
            write_text(out, counts.join(" ").as_bytes());
        }
    }
}

fn range(ends: &[i32], row: usize) -> std::ops::Range<usize> {
    let start = row.checked_sub(1).map_or(0, |before| ends[before]);
    start as usize..ends[row] as usize
}

fn text(texts: &Texts, at: usize) -> Cow<'_, str> {
    String::from_utf8_lossy(texts.get(at))
}

fn write_number(out: &mut Vec<u8>, number: impl std::fmt::Display) {
    write!(out, "{number}").ok();
}

/// Writes counts as a JSON object; an empty one as nothing.
fn write_map<'a>(
    out: &mut Vec<u8>,
    entries: std::ops::Range<usize>,
    counts: &[u64],
    key: impl Fn(usize) -> Cow<'a, str>,
) {
    let members: Vec<_> = entries.map(|at| format!("\"{}\":{}", key(at), counts[at])).collect();
    if !members.is_empty() {
        write_text(out, format!("{{{}}}", members.join(",")).as_bytes());
    }
}

/// Writes text: harmless, and in quotes if it has a comma, a quote or a line end.
fn write_text(out: &mut Vec<u8>, text: &[u8]) {
    let is_quoted = text.iter().any(|byte| matches!(byte, b',' | b'"' | b'\n' | b'\r'));
    if is_quoted {
        out.push(b'"');
    }
    if is_formula(text) {
        out.push(b'\'');
    }
    for &byte in text {
        if byte == b'"' {
            out.push(b'"');
        }
        out.push(byte);
    }
    if is_quoted {
        out.push(b'"');
    }
}

/// Returns whether a spreadsheet would read the text as a formula.
pub fn is_formula(text: &[u8]) -> bool {
    matches!(text.first(), Some(b'=' | b'+' | b'-' | b'@' | b'\t' | b'\r'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> String {
        let mut out = Vec::new();
        write_text(&mut out, text.as_bytes());
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn text_that_begins_like_a_formula_gets_an_apostrophe_and_other_text_stays() {
        for (text, want) in [
            ("=1+1", "'=1+1"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "'\t=1"),
            ("\r=1", "\"'\r=1\""),
            ("=HYPERLINK(\"x\",1)", "\"'=HYPERLINK(\"\"x\"\",1)\""),
            ("/a=1", "/a=1"),
            ("a,b", "\"a,b\""),
            ("", ""),
        ] {
            assert_eq!(written(text), want);
        }
    }

    #[test]
    fn each_line_has_as_many_cells_as_the_head() {
        let json = br#"{"start":"2026-01-01T00:00:00Z","end":"2026-01-01T00:00:01Z","hosts":[{"name":"=a","requests":2,
            "sections":[{"path":"/x","requests":2,"methods":{"GET":2},"statuses":{"200":1,"404":1}}]}]}"#;
        let snapshot = Snapshot::from_json(json).unwrap();
        let head = String::from_utf8(Snapshot::csv_head(Table::Sections)).unwrap();
        let lines = String::from_utf8(snapshot.csv_lines(Table::Sections)).unwrap();
        assert!(head.starts_with("start,end,host,path,hits,requests,responses,errors,methods,statuses,status_1xx,"));
        assert!(!head.contains("buckets"));
        let want = "2026-01-01T00:00:00.000000000Z,2026-01-01T00:00:01.000000000Z,'=a,/x,2,2,0,0,\"{\"\"GET\"\":2}\",\
                    \"{\"\"200\"\":1,\"\"404\"\":1}\",0,1,0,1,0,0,0,0,0,,,,,,,0,0,,,,,,,\"{\"\"http1\"\":2}\",,0,0,,,,\n";
        assert_eq!(lines, want);
        let cells = lines.matches(',').count() - "{\"\"200\"\":1,".matches(',').count();
        assert_eq!(cells, head.matches(',').count());
    }
}
