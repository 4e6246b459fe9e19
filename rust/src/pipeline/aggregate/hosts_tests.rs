use proptest::prelude::*;

use super::*;

fn rows(hosts: usize, sections: usize) -> HostTable {
    HostTable::new(Limits { hosts, sections, ..Limits::default() })
}

fn count(rows: &mut HostTable, host: &str, path: &str) {
    let ticket = rows.ticket(host.as_bytes(), path.as_bytes());
    rows.hit(ticket).requests += 1;
}

/// Numbers of hosts and sections that closing the interval would walk.
fn walked(rows: &HostTable) -> (usize, usize) {
    let sections = rows.touched.iter().map(|&slot| rows.hosts[slot as usize].touched.len()).sum();
    (rows.touched.len(), sections)
}

fn take(rows: &mut HostTable) -> (Capture, Vec<(String, String, u64)>) {
    let mut capture = Capture::default();
    let hosts = rows.take(&mut capture, |_, _| {});
    let told = hosts.iter().flat_map(|host| {
        host.sections.iter().map(|section| (host.name.to_string(), section.path.to_string(), section.counts.requests))
    });
    (capture, told.collect())
}

#[test]
fn closing_an_interval_walks_what_was_counted_in_it_however_much_was_seen_before() {
    for hosts in [100, 200] {
        let mut rows = rows(1_000, 10_000);
        for host in 0..hosts {
            (0..10).for_each(|path| count(&mut rows, &format!("h{host}"), &format!("/{path}")));
        }
        assert_eq!(walked(&rows), (hosts + 1, hosts * 10), "the row for the rest is new too");
        assert_eq!(take(&mut rows).1.len(), hosts * 10);
        assert_eq!(walked(&rows), (0, 0));
        count(&mut rows, "h7", "/3");
        count(&mut rows, "h7", "/3");
        assert_eq!(walked(&rows), (1, 1));
        assert_eq!(take(&mut rows).1, [("h7".into(), "/3".into(), 2)]);
        assert!(take(&mut rows).1.is_empty());
    }
}

#[test]
fn a_full_table_of_old_rows_makes_room_without_looking_at_all_of_them() {
    let mut rows = rows(1_000, 1_000);
    (0..1_000).for_each(|host| count(&mut rows, &format!("old{host}"), "/"));
    take(&mut rows);
    (0..100).for_each(|host| count(&mut rows, &format!("new{host}"), "/"));
    let is_built =
        |rows: &HostTable| format!("{:?} {:?}", rows.lightest_hosts, rows.lightest_sections).contains("true");
    assert!(!is_built(&rows), "no heap of all rows");
    assert!(walked(&rows).0 <= 102);
    let (capture, told) = take(&mut rows);
    assert_eq!((told.len(), capture.hosts_folded, capture.hits_error), (100, 0, 0));
    assert_eq!((rows.host_index.len(), rows.section_index.len()), (1_001, 1_000));
}

#[test]
fn what_is_counted_is_told_whichever_rows_make_room() {
    let mut rows = rows(10, 20);
    let mut told = 0;
    for at in 0..5_000_u32 {
        let name = at.wrapping_mul(2_654_435_761) >> 24;
        count(&mut rows, &format!("h{}", name % 40), &format!("/{}", name % 7));
        if at % 13 == 0 || at % 101 == 0 {
            told += take(&mut rows).1.iter().map(|(_, _, requests)| requests).sum::<u64>();
        }
    }
    told += take(&mut rows).1.iter().map(|(_, _, requests)| requests).sum::<u64>();
    assert_eq!(told, 5_000);
}

#[test]
fn a_ticket_of_a_row_that_is_gone_counts_where_the_row_went() {
    let mut rows = rows(1, 10);
    let old = rows.ticket(b"old", b"/");
    take(&mut rows);
    count(&mut rows, "new", "/");
    rows.hit(old).requests += 1;
    rows.openings(old).opened += 1;
    let mut capture = Capture::default();
    let hosts = rows.take(&mut capture, |_, _| {});
    let told: Vec<_> = hosts.iter().map(|host| (&*host.name, host.counts.requests, host.tcp.opened)).collect();
    assert_eq!(told, [("new", 1, 0), (OTHER, 1, 1)]);
}

#[test]
fn lines_are_bounded_however_many_names_there_are() {
    let mut rows = rows(100_000, 100_000);
    for at in 0..20_000 {
        let (host, path) = (format!("h{at}"), format!("/{at}"));
        let ticket = rows.ticket(host.as_bytes(), path.as_bytes());
        assert_eq!(rows.find(host.as_bytes(), path.as_bytes()), Some(ticket));
        assert!(rows.lines.len() <= 4096);
    }
    assert_eq!(rows.lines.len(), 4096);
}

#[test]
fn names_of_any_length_are_told_apart_wherever_one_ends_and_the_other_begins() {
    let mut rows = rows(1_000, 1_000);
    for length in 0..70 {
        let text = "/".repeat(length);
        for at in 0..=length {
            let (host, path) = text.split_at(at);
            let ticket = rows.ticket(host.as_bytes(), path.as_bytes());
            for _ in 0..2 {
                assert_eq!(rows.find(host.as_bytes(), path.as_bytes()), Some(ticket), "{host} {path}");
                assert_eq!(rows.texts(ticket), (host.as_bytes(), path.as_bytes()));
            }
        }
        rows = self::rows(1_000, 1_000);
    }
}

proptest! {
    /// Names come and go in a table that is too small for them. What a line leads to is what both indices lead to.
    #[test]
    fn a_line_leads_to_the_row_of_its_names_or_nowhere(
        names in prop::collection::vec((0u8..9, 0u8..5, 0u8..40), 1..400), (hosts, sections) in (1usize..6, 1usize..9),
    ) {
        let mut rows = rows(hosts, sections);
        for (host, path, what) in names {
            let (host, path) = (format!("h{host}"), format!("/{path}"));
            let (host, path) = (host.as_bytes(), path.as_bytes());
            let found = rows.find(host, path);
            prop_assert_eq!(found, rows.find_by_both(host, path));
            prop_assert_eq!(rows.find(host, path), found);
            if let Some(ticket) = found {
                prop_assert_eq!(rows.texts(ticket), (host, path));
            }
            let ticket = rows.ticket(host, path);
            rows.hit(ticket).requests += 1;
            if what == 0 {
                take(&mut rows);
            }
        }
    }
}
