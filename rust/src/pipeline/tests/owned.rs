//! Processes at the ends of connections, from the questions of the pipeline to the names in its snapshots.

use std::sync::Arc;

use super::*;
use crate::pipeline::aggregate::{WantedSubset, WantedSubsets};
use crate::pipeline::decode::Endpoint;
use crate::pipeline::filter::Filter;
use crate::pipeline::owners::{Answer, KernelView, Local, Owner};
use crate::pipeline::snapshot::{Per, find_subset};

fn owner(name: &str, pid: u32) -> Arc<Owner> {
    Arc::new(Owner { name: name.into(), pid, container: "c0".into(), pod: "cart-1".into(), namespace: "shop".into() })
}

/// The ends of the connection: client and server.
fn ends(frames: &[Frame]) -> [Endpoint; 2] {
    let mut settings = Settings::default();
    settings.aggregate.exchanges = aggregate::Listing::All;
    let told = count_with(frames, settings);
    [told.exchanges[0].measured.client, told.exchanges[0].measured.server]
}

/// Subsets that count nothing unless somebody asks for them.
fn subsets(wanted: &[(&str, Per)]) -> WantedSubsets {
    let subsets = WantedSubsets::default();
    let one = |&(text, per): &(&str, Per)| WantedSubset::new(text, Filter::parse(text).unwrap(), per);
    subsets.set(wanted.iter().map(one).collect());
    subsets
}

/// A pipeline on a machine with these of the ends. `listens` says that the server's process is known already.
fn pipeline(filter: Option<&str>, wanted: &[(&str, Per)], local: &[Endpoint], listens: Option<Endpoint>) -> Driver {
    let mut settings = Settings::default();
    settings.aggregate.processes = true;
    settings.aggregate.connections = true;
    settings.aggregate.exchanges = aggregate::Listing::All;
    settings.aggregate.filter = filter.map(|text| Arc::new(Filter::parse(text).unwrap()));
    settings.aggregate.subsets = subsets(wanted);
    let mut pipeline = Driver::new(settings);
    let machine = Machine {
        addresses: local.iter().map(|end| end.address).collect(),
        listeners: listens.into_iter().map(|end| (end, Some(owner("nginx", 7)))).collect(),
        ..Machine::default()
    };
    pipeline.set_machine(Arc::new(machine));
    pipeline
}

fn push(pipeline: &mut Driver, frames: &[Frame]) {
    frames.iter().for_each(|frame| pipeline.push(&frame.packet()));
}

fn close(pipeline: &mut Driver) -> Snapshot {
    pipeline.close(Timestamp(0), Timestamp(1))
}

/// Answers all questions with `curl`.
fn answer(pipeline: &mut Driver) -> usize {
    let (asks, _) = pipeline.take_asks();
    let count = asks.len();
    for ask in asks {
        pipeline.answer(Answer { ask, owners: ask.wanted.map(|is_wanted| is_wanted.then(|| owner("curl", 9))) });
    }
    count
}

/// Names of the processes of all exchanges.
fn names(snapshot: &Snapshot) -> Vec<(String, &'static str)> {
    let listed = snapshot.exchanges.iter();
    listed.filter_map(|one| one.process.as_ref()).map(|one| (one.owner.name.to_string(), one.side())).collect()
}

#[test]
fn an_exchange_and_its_connection_name_the_server_on_this_machine_at_once() {
    let frames = Forge::connection(Wire::default(), &TURNS);
    let [client, server] = ends(&frames);
    let mut pipeline = pipeline(None, &[], &[server], Some(server));
    push(&mut pipeline, &frames);
    assert_eq!(answer(&mut pipeline), 0, "nobody has to be asked");
    let told = close(&mut pipeline);
    assert_eq!(names(&told), vec![("nginx".to_owned(), "server"); 3]);
    let one = &told.connections[0];
    assert_eq!((one.client, one.local), (client, Local::Server));
    assert_eq!(one.process.as_ref().map(|process| process.owner.pid), Some(7));
    assert_eq!(one.client_process, None);
}

#[test]
fn an_answer_that_comes_after_the_exchange_names_it_before_the_interval_is_closed() {
    let frames = Forge::connection(Wire::default(), &TURNS);
    let [client, _] = ends(&frames);
    let mut pipeline = pipeline(None, &[("", Per::Process), ("process:curl", Per::All)], &[client], None);
    push(&mut pipeline, &frames);
    assert_eq!(answer(&mut pipeline), 1);
    let told = close(&mut pipeline);
    assert_eq!(names(&told), vec![("curl".to_owned(), "client"); 3]);
    let rows = |text, per| {
        let subset = find_subset(&told.subsets, text, per).unwrap();
        subset.rows.iter().map(|row| (row.name.to_string(), row.counts.requests)).collect::<Vec<_>>()
    };
    assert_eq!(rows("", Per::Process), [("curl".to_owned(), 3)]);
    assert_eq!(rows("process:curl", Per::All), [(String::new(), 3)]);
}

#[test]
fn a_process_that_is_never_found_is_absent_and_counts_in_no_row() {
    let frames = Forge::connection(Wire::default(), &TURNS);
    let [client, _] = ends(&frames);
    let mut pipeline = pipeline(None, &[("", Per::Process), ("!process:curl", Per::All)], &[client], None);
    push(&mut pipeline, &frames);
    let told = close(&mut pipeline);
    assert_eq!((told.exchanges.len(), names(&told)), (3, vec![]));
    assert_eq!(told.connections[0].local, Local::Client);
    assert!(find_subset(&told.subsets, "", Per::Process).unwrap().rows.is_empty());
    assert_eq!(find_subset(&told.subsets, "!process:curl", Per::All).unwrap().rows[0].counts.requests, 3);
}

#[test]
fn a_filter_counts_what_either_process_of_a_connection_takes_part_in() {
    let frames = Forge::connection(Wire::default(), &TURNS);
    let [client, server] = ends(&frames);
    let table = [
        ("process:nginx", 3),
        ("process:curl", 3),
        ("process=curl", 3),
        ("process:cur?", 3),
        ("process:ngin", 3),
        ("process=ngin", 0),
        ("process:ssh", 0),
        ("!process:curl", 0),
        ("process:!ssh", 3),
        ("container:c0", 3),
        ("pod:cart", 3),
        ("namespace=shop", 3),
        ("namespace:kube-system", 0),
        ("process:nginx status:200", 1),
    ];
    for (filter, count) in table {
        let mut pipeline = pipeline(Some(filter), &[], &[client, server], Some(server));
        push(&mut pipeline, &frames);
        answer(&mut pipeline);
        let told = close(&mut pipeline);
        assert_eq!((told.counts.requests, told.exchanges.len()), (count, count as usize), "{filter}");
    }
}

#[test]
fn in_a_file_no_process_is_known() {
    let frames = Forge::connection(Wire::default(), &TURNS);
    for (filter, count) in [("process:nginx", 0), ("!process:nginx", 3)] {
        let mut settings = Settings::default();
        settings.aggregate.filter = Some(Arc::new(Filter::parse(filter).unwrap()));
        assert_eq!(count_with(&frames, settings).counts.requests, count, "{filter}");
    }
}

#[test]
fn a_later_connection_of_the_same_ends_is_not_named_after_the_process_of_the_earlier_one() {
    let first = Forge::connection(Wire::default(), &TURNS);
    let later = Wire { start: Wire::default().start + 120 * SECOND, isn: [900_000, 800_000], ..Wire::default() };
    let second = Forge::connection(later, &TURNS);
    let [client, _] = ends(&first);
    let mut pipeline = pipeline(None, &[], &[client], None);
    push(&mut pipeline, &first);
    assert_eq!(answer(&mut pipeline), 1);
    assert_eq!(names(&close(&mut pipeline)).len(), 3);
    push(&mut pipeline, &second);
    let told = close(&mut pipeline);
    assert_eq!((told.exchanges.len(), names(&told)), (3, vec![]));
}

#[test]
fn the_kernels_view_of_a_connection_is_that_of_the_end_on_this_machine() {
    let frames = Forge::connection(Wire::default(), &TURNS);
    let [client, server] = ends(&frames);
    let view = |rtt| KernelView { rtt, cwnd: 10, retransmits: 2 };
    for (local, wanted) in [(vec![client], 1), (vec![server], 2), (vec![client, server], 2)] {
        let mut pipeline = pipeline(None, &[], &local, None);
        let addresses = local.iter().map(|end| end.address).collect();
        let views = [((client, server), view(1)), ((server, client), view(2))].into();
        pipeline.set_machine(Arc::new(Machine { addresses, views, ..Machine::default() }));
        push(&mut pipeline, &frames);
        let told = close(&mut pipeline);
        let one = &told.connections[0];
        assert_eq!((one.kernel_rtt, one.kernel_cwnd, one.kernel_retransmits), (Some(wanted), Some(10), Some(2)));
        assert_eq!(Snapshot::from_json(&told.to_json().unwrap()).unwrap(), told);
    }
}

#[test]
fn names_go_out_as_json_and_come_back() {
    let frames = Forge::connection(Wire::default(), &TURNS);
    let [client, server] = ends(&frames);
    let mut pipeline = pipeline(None, &[], &[client, server], Some(server));
    push(&mut pipeline, &frames);
    answer(&mut pipeline);
    let told = close(&mut pipeline);
    let json = String::from_utf8(told.to_json().unwrap()).unwrap();
    let process =
        r#""process":{"name":"nginx","pid":7,"side":"server","container":"c0","pod":"cart-1","namespace":"shop"}"#;
    assert!(json.contains(process), "{json}");
    assert!(json.contains(r#""client_process":{"name":"curl","pid":9,"side":"client""#), "{json}");
    assert!(json.contains(r#""local":"both""#), "{json}");
    assert_eq!(Snapshot::from_json(json.as_bytes()).unwrap(), told);
}
