use std::collections::BTreeSet;

use super::*;
use crate::pipeline::snapshot::Snapshot;

fn snapshot() -> Snapshot {
    let json = br#"{"start":"2026-01-01T00:00:00Z","end":"2026-01-01T00:00:01Z","hosts":[
        {"name":"a","requests":3,"grpc_statuses":{"OK":2},"sections":[{"path":"/x","requests":1},
        {"path":"/y","requests":2,"grpc_statuses":{"OK":2}}]},
        {"name":"b","requests":5,"request_messages":1,"protocols":{"http2":4},"addresses":["10.0.0.1","10.0.0.2"],"sections":[{"path":"/z","requests":5}]}],
        "clients":[{"address":"10.0.0.9","requests":8,"methods":{"GET":7,"PUT":1},"client_resets":{"CANCEL":2}}],
        "exchanges":[{"ts":"2026-01-01T00:00:00Z","client":"10.0.0.1:9","server":"10.0.0.2:80","interface":"lo",
        "host":"b","section":"/z","method":"GET","status":null,"request_bytes":1,"response_bytes":0,
        "latency":null,"duration":null}]}"#;
    Snapshot::from_json(json).unwrap()
}

fn batch(table: Table) -> Batch {
    let snapshot = snapshot();
    table.batch(&snapshot, &table.places(&snapshot), false)
}

fn column<'a>(batch: &'a Batch, name: &str) -> &'a Values {
    &batch.columns.iter().find(|column| column.name == name).unwrap().values
}

/// Keys whose values are counts by name.
const MAPS: [&str; 8] = [
    "methods",
    "statuses",
    "protocols",
    "grpc_statuses",
    "client_close_codes",
    "server_close_codes",
    "client_resets",
    "server_resets",
];

/// The keys of a row in JSON, those of nested objects joined with `_`.
fn keys(row: &serde_json::Value, prefix: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (key, value) in row.as_object().unwrap() {
        let name = format!("{prefix}{key}");
        if value.is_object() && !MAPS.contains(&key.as_str()) {
            found.extend(keys(value, &format!("{name}_")));
        } else if key != "sections" {
            found.insert(name);
        }
    }
    found
}

#[test]
fn columns_have_the_names_of_json_and_classes_of_statuses() {
    let document: serde_json::Value = serde_json::from_slice(&snapshot().to_json().unwrap()).unwrap();
    let host = &document["hosts"][0];
    let rows = [host, &host["sections"][1], &document["clients"][0], &document["exchanges"][0]];
    for ((_, table), row) in Table::ALL.into_iter().zip(rows) {
        let mut names: BTreeSet<String> = batch(table).columns.into_iter().map(|column| column.name).collect();
        for class in 1..=5 {
            assert_eq!(names.remove(&format!("status_{class}xx")), table != Table::Exchanges);
        }
        assert_eq!(names.remove("host"), matches!(table, Table::Sections | Table::Exchanges));
        let mut want = keys(row, "");
        want.remove("host");
        if table == Table::Exchanges {
            // JSON has these only where a process is known, in an object of its own.
            let of_process = ["process", "pid", "container", "pod", "namespace", "client_process"];
            want.extend(of_process.map(str::to_owned));
        }
        assert_eq!(names, want, "{table:?}");
    }
}

#[test]
fn rows_with_the_most_hits_come_first_and_sections_follow_their_hosts() {
    let sections = batch(Table::Sections);
    let Values::Text(paths) = column(&sections, "path") else { panic!() };
    assert_eq!((paths.bytes.as_slice(), &*paths.ends), (&b"/z/y/x"[..], &[2, 4, 6][..]));
    assert_eq!(column(&sections, "requests"), &Values::Number(vec![5, 2, 1]));
    let hosts = batch(Table::Hosts);
    let Values::Lists(ends, addresses) = column(&hosts, "addresses") else { panic!() };
    assert_eq!((&**ends, addresses.get(1)), (&[2, 2][..], &b"10.0.0.2"[..]));
}

#[test]
fn a_table_without_rows_has_the_same_columns() {
    for (_, table) in Table::ALL {
        let named = |batch: Batch| batch.columns.into_iter().map(|column| column.name).collect::<Vec<_>>();
        assert_eq!(named(table.batch(&Snapshot::default(), &[], false)), named(batch(table)));
        let spanned = named(table.batch(&Snapshot::default(), &[], true));
        assert_eq!(spanned[..2], ["start", "end"]);
    }
}
