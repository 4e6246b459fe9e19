//! All stages together: packets per second on captures of each kind, and how open connections slow down an exchange.

#[path = "../tests/driver.rs"]
mod driver;
#[path = "../tests/wire.rs"]
mod wire;

mod traffic;

use std::hint::black_box;

use _core::pipeline::Settings;
use _core::pipeline::packet::{InterfaceId, Packet, SECOND, Timestamp};
use _core::pipeline::snapshot::InterfaceState;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use driver::Driver;
use wire::{ACK, CLIENT, Connection, SERVER, Wire};

fn pipeline() -> Driver {
    let mut pipeline = Driver::new(Settings::default());
    pipeline.set_interface(InterfaceId(0), "eth0", InterfaceState::Up);
    pipeline
}

/// From an empty pipeline to a snapshot.
fn captures(criterion: &mut Criterion) {
    let api = [("api", traffic::api(50_000)), ("streams", traffic::streams(50_000))];
    let captures = [("bulk", traffic::bulk(16)), ("churn", traffic::churn(10_000))];
    let captures = api.into_iter().chain(captures);
    let mut group = criterion.benchmark_group("pipeline");
    group.sample_size(20);
    for (name, capture) in captures {
        group.throughput(Throughput::Elements(capture.len()));
        group.bench_function(name, |bencher| {
            bencher.iter_batched_ref(
                pipeline,
                |pipeline| {
                    capture.packets().for_each(|packet| pipeline.push(&packet));
                    black_box(pipeline.close(Timestamp(0), Timestamp(SECOND)))
                },
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

/// Exchanges on one connection after the other, among `count` open ones: what is not in the processor's caches has to
/// be fetched. Packets of a file come block by block, live packets come one by one.
fn tables(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("pipeline with open connections");
    let exchanges = 1000;
    group.throughput(Throughput::Elements(2 * exchanges)).sample_size(20);
    for count in [1_000_u32, 100_000, 1_000_000] {
        for (name, all) in [("one by one", false), ("block by block", true)] {
            group.bench_function(format!("{count}, {name}"), |bencher| {
                let (mut pipeline, mut wire) = (pipeline(), Wire::default());
                wire.step = 100;
                let mut connections: Vec<_> = (0..count).map(Connection::new).collect();
                let mut exchange = |at: usize, take: &mut dyn FnMut(&Packet<'_>)| {
                    take(&wire.segment(&mut connections[at], CLIENT, ACK, b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n"));
                    take(&wire.segment(&mut connections[at], SERVER, ACK, b"HTTP/1.1 204 No Content\r\n\r\n"));
                };
                (0..count as usize).for_each(|at| exchange(at, &mut |packet| pipeline.push(packet)));
                // A stride that has no common divisor with the count visits all connections, in an order that no cache
                // foresees.
                let mut at = 0;
                let block = || {
                    let mut block = traffic::Capture::default();
                    for _ in 0..exchanges {
                        at = (at + 611_953) % count as usize;
                        exchange(at, &mut |packet| block.record(packet));
                    }
                    block
                };
                let take = |block: &mut traffic::Capture| {
                    if all {
                        pipeline.push_all(block.packets());
                    } else {
                        block.packets().for_each(|packet| pipeline.push(&packet));
                    }
                };
                bencher.iter_batched_ref(block, take, BatchSize::PerIteration);
            });
        }
    }
    group.finish();
}

criterion_group!(benches, captures, tables);
criterion_main!(benches);
