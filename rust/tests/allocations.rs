//! In the steady state a packet allocates nothing. The allocator itself counts, and a failure tells the place of the
//! first allocation. This tests a number and not a duration, so it gives the same result on every machine.

mod driver;
mod wire;

use std::alloc::{GlobalAlloc, Layout, System};
use std::backtrace::Backtrace;
use std::cell::{Cell, RefCell};
use std::sync::Arc;

use _core::pipeline::Settings;
use _core::pipeline::filter::Filter;
use _core::pipeline::packet::{InterfaceId, Packet, Timestamp};
use _core::pipeline::record::{self, Carrier, Parcel};
use _core::pipeline::snapshot::InterfaceState;
use driver::Driver;
use wire::{ACK, CLIENT, Connection, SERVER, Wire, client_hello};

/// The system's allocator, which counts the allocations of those threads that ask for it.
struct Counting;

thread_local! {
    static IS_COUNTING: Cell<bool> = const { Cell::new(false) };
    static COUNT: Cell<u64> = const { Cell::new(0) };
    static FIRST: RefCell<Option<Backtrace>> = const { RefCell::new(None) };
}

fn count() {
    if IS_COUNTING.get() {
        COUNT.set(COUNT.get() + 1);
        if COUNT.get() == 1 {
            // The backtrace allocates as well.
            IS_COUNTING.set(false);
            FIRST.set(Some(Backtrace::force_capture()));
            IS_COUNTING.set(true);
        }
    }
}

// SAFETY: every call is passed on to the system's allocator unchanged; counting touches no memory that is handed out.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: the caller's promise.
        unsafe { System.realloc(at, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The number of allocations that `action` makes, and the place of the first one.
fn allocations(action: impl FnOnce()) -> (u64, String) {
    COUNT.set(0);
    FIRST.set(None);
    IS_COUNTING.set(true);
    action();
    IS_COUNTING.set(false);
    (COUNT.get(), FIRST.take().map(|backtrace| own_frames(&backtrace.to_string())).unwrap_or_default())
}

/// The calls of a backtrace that are in this project, innermost first: `function` at `file:line:column`.
fn own_frames(backtrace: &str) -> String {
    let lines: Vec<_> = backtrace.lines().map(str::trim).collect();
    let is_ours =
        |pair: &[&str]| pair[1].starts_with("at ./rust/") && !pair[0].contains("Alloc") && !pair[0].contains("__rust");
    let calls = lines.windows(2).filter(|pair| is_ours(pair));
    calls.map(|pair| format!("  {} {}\n", pair[0], pair[1])).take(8).collect()
}

const PACKETS: u64 = 100_000;
const CONNECTIONS: u32 = 50;

/// Open connections, and the pipeline that sees their packets.
struct Scene {
    pipeline: Driver,
    wire: Wire,
    connections: Vec<Connection>,
    pushed: u64,
}

impl Scene {
    fn new() -> Self {
        Self::of(CONNECTIONS)
    }

    fn of(connections: u32) -> Self {
        Self::with(connections, Settings::default())
    }

    fn with(connections: u32, settings: Settings) -> Self {
        let mut pipeline = Driver::new(settings);
        pipeline.set_interface(InterfaceId(0), "eth0", InterfaceState::Up);
        let connections = (0..connections).map(Connection::new).collect();
        let mut scene = Self { pipeline, wire: Wire::default(), connections, pushed: 0 };
        for at in 0..scene.connections.len() {
            let pipeline = &mut scene.pipeline;
            scene.wire.handshake(&mut scene.connections[at], |packet| pipeline.push(packet));
        }
        scene
    }

    fn say(&mut self, connection: usize, sender: usize, bytes: &[u8]) {
        let Self { pipeline, wire, connections, pushed } = self;
        wire.say(&mut connections[connection], sender, bytes, |packet: &Packet<'_>| {
            pipeline.push(packet);
            *pushed += 1;
        });
    }

    /// Repeats turns of `(request, response)` on one connection after the other. All laps but the first must allocate
    /// nothing.
    fn runs_without_allocation(self, turns: &[(Vec<u8>, Vec<u8>)]) {
        self.laps_without_allocation(|scene| {
            for connection in 0..scene.connections.len() {
                for (request, response) in turns {
                    scene.say(connection, CLIENT, request);
                    scene.say(connection, SERVER, response);
                }
            }
        });
    }

    /// Repeats a lap of any kind. All laps but the first must allocate nothing.
    fn laps_without_allocation(mut self, lap: impl Fn(&mut Self)) {
        lap(&mut self);
        self.pushed = 0;
        let (count, place) = allocations(|| {
            while self.pushed < PACKETS {
                lap(&mut self);
            }
        });
        assert_eq!(count, 0, "allocations in {} packets, the first one at\n{place}", self.pushed);
        self.is_all_seen();
    }

    /// Checks that the pipeline used all packets; otherwise the test would prove nothing.
    fn is_all_seen(&mut self) {
        let snapshot = self.pipeline.close(Timestamp(0), Timestamp(1));
        assert_eq!(snapshot.capture.flows.value, self.connections.len() as u64);
        assert_eq!(snapshot.capture.gaps + snapshot.capture.parse_errors + snapshot.capture.undecodable, 0);
    }
}

fn turn(request: impl Into<Vec<u8>>, response: impl Into<Vec<u8>>) -> (Vec<u8>, Vec<u8>) {
    (request.into(), response.into())
}

fn with_body(body: &[u8]) -> Vec<u8> {
    [format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()).as_bytes(), body].concat()
}

#[test]
fn the_allocator_counts() {
    let (count, place) = allocations(|| drop(std::hint::black_box(Box::new([7_u8; 100]))));
    assert_eq!(count, 1);
    assert!(place.contains("allocations.rs"), "{place}");
}

/// Takes recorded packets and forgets them.
#[derive(Debug)]
struct Nobody;

impl Carrier for Nobody {
    fn enroll(&self) -> u32 {
        0
    }

    fn name(&self, _: InterfaceId, _: &str) {}

    fn drops(&self, _: InterfaceId, _: u64, _: u64) {}

    fn reach(&self, _: u32, _: Timestamp) {}

    fn carry(&self, parcel: &mut Parcel) {
        assert!(!parcel.packets.is_empty());
        parcel.clear();
    }

    fn lose(&self, _: u64) {}

    fn keep(&self, _: u32, _: &[u8]) {}
}

#[test]
fn recorded_packets_allocate_nothing() {
    let request = b"GET /a HTTP/1.1\r\nHost: a.example.test\r\n\r\n";
    for filter in ["", "status:404"] {
        let record = record::Settings { carrier: Arc::new(Nobody), writes: true, held: 1 << 20, evidence: Some(false) };
        let mut settings = Settings { record: Some(record), ..Settings::default() };
        settings.aggregate.filter = Some(Arc::new(Filter::parse(filter).unwrap())).filter(|_| !filter.is_empty());
        let scene = Scene::with(CONNECTIONS, settings);
        // A lap fills parcels and chunks, which then have their size.
        scene.runs_without_allocation(&vec![turn(request, with_body(&[b'x'; 2000])); 40]);
    }
}

#[test]
fn keep_alive_exchanges_allocate_nothing() {
    let methods = ["GET", "POST", "PUT", "HEAD", "DELETE", "OPTIONS"];
    let statuses = ["200 OK", "301 Moved", "304 Not Modified", "404 Not Found", "500 Internal Server Error"];
    let turns: Vec<_> = (0..60)
        .map(|n| {
            let (method, status) = (methods[n % methods.len()], statuses[n % statuses.len()]);
            let request =
                format!("{method} /s{}/x?q=1 HTTP/1.1\r\nHost: h{}.example.test\r\nAccept: */*\r\n\r\n", n % 7, n % 20);
            turn(request, format!("HTTP/1.1 {status}\r\nServer: x\r\nContent-Length: 0\r\n\r\n"))
        })
        .collect();
    Scene::new().runs_without_allocation(&turns);
}

#[test]
fn streams_allocate_nothing() {
    let frame = |kind: u8, flags: u8, stream: u32, payload: &[u8]| {
        [&(payload.len() as u32).to_be_bytes()[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
    };
    let mut scene = Scene::new();
    let connections = scene.connections.len();
    for at in 0..connections {
        let preface = [&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], &frame(4, 0, 0, &[])].concat();
        scene.say(at, CLIENT, &preface);
        scene.say(at, SERVER, &frame(4, 0, 0, &[]));
    }
    let turns: Vec<_> = (0..1000_u32)
        .map(|at| {
            let ask = |stream| frame(1, 5, stream, b"\x82\x86\x41\x09a.example\x44\x02/a\x40\x05x-seq\x0512345");
            let answer = |stream| {
                let head = frame(1, 4, stream, b"\x88\x5c\x0242\x40\x04x-is\x05whole");
                [head, frame(0, 1, stream, b"body")].concat()
            };
            let (one, other) = (4 * at + 1, 4 * at + 3);
            ([ask(one), ask(other)].concat(), [answer(other), answer(one)].concat())
        })
        .collect();
    let next = Cell::new(0);
    let lap = |scene: &mut Scene| {
        let (request, response) = &turns[next.replace(next.get() + 1)];
        for at in 0..connections {
            scene.say(at, CLIENT, request);
            scene.say(at, SERVER, response);
        }
    };
    // Until the tables of both directions are full.
    (0..100).for_each(|_| lap(&mut scene));
    scene.laps_without_allocation(lap);
}

#[test]
fn many_connections_that_wait_at_once_allocate_nothing() {
    Scene::of(5000).laps_without_allocation(|scene| {
        (0..5000).for_each(|each| scene.say(each, CLIENT, b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n"));
        (0..5000).for_each(|each| scene.say(each, SERVER, b"HTTP/1.1 204 No Content\r\n\r\n"));
    });
}

#[test]
fn bodies_allocate_nothing() {
    let body = vec![b'x'; 200_000];
    let chunk = [b"4000\r\n", &body[..0x4000], b"\r\n"].concat();
    let chunked =
        [&b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"[..], &chunk.repeat(12), b"0\r\n\r\n"].concat();
    let upload =
        [format!("PUT /up HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", body.len()).as_bytes(), &body].concat();
    Scene::new().runs_without_allocation(&[
        turn("GET /large HTTP/1.1\r\nHost: a\r\n\r\n", with_body(&body)),
        turn("GET /chunked HTTP/1.1\r\nHost: a\r\n\r\n", chunked),
        turn(upload, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"),
    ]);
}

/// Memory for waiting requests is given back when they are answered, so that idle connections have none. In a burst it
/// is doubled a few times, however many packets and requests there are. A head that is cut by the end of a segment is
/// copied.
#[test]
fn pipelined_requests_allocate_per_burst_not_per_request() {
    const DOUBLINGS: u64 = 5;
    const CUT_HEADS: u64 = 2;
    let mut scene = Scene::new();
    let requests = "GET /a/b HTTP/1.1\r\nHost: a.example\r\n\r\n".repeat(64);
    let responses = with_body(b"short").repeat(64);
    let mut burst = |connection: usize| {
        scene.say(connection, CLIENT, requests.as_bytes());
        scene.say(connection, SERVER, &responses);
    };
    (0..CONNECTIONS as usize).for_each(&mut burst);
    let (count, place) = allocations(|| (0..CONNECTIONS as usize).for_each(&mut burst));
    assert!(count <= (DOUBLINGS + CUT_HEADS) * u64::from(CONNECTIONS), "{count}, the first one at\n{place}");
    scene.is_all_seen();
}

#[test]
fn encrypted_connections_allocate_nothing() {
    let mut scene = Scene::new();
    for connection in 0..scene.connections.len() {
        scene.say(connection, CLIENT, &client_hello(&format!("h{connection}.example.test")));
    }
    let record = |length: u16| [&[0x17, 3, 3], &length.to_be_bytes()[..], &vec![9; usize::from(length)]].concat();
    scene.runs_without_allocation(&[turn(record(300), record(16_000)), turn(record(40), record(900))]);
}

#[test]
fn other_protocols_allocate_nothing() {
    let mut scene = Scene::new();
    for connection in 0..scene.connections.len() {
        scene.say(connection, SERVER, b"SSH-2.0-OpenSSH_9.2\r\n");
        scene.say(connection, CLIENT, b"SSH-2.0-OpenSSH_9.2\r\n");
    }
    scene.runs_without_allocation(&[turn([0_u8; 64], [0_u8; 3000])]);
}

#[test]
fn stray_acknowledgements_and_other_packets_allocate_nothing() {
    let mut pipeline = Driver::new(Settings::default());
    let mut wire = Wire::default();
    pipeline.push(&wire.segment(&mut Connection::new(0), CLIENT, ACK, b""));
    let (count, place) = allocations(|| {
        for n in 0..PACKETS as u32 {
            pipeline.push(&wire.segment(&mut Connection::new(n), CLIENT, ACK, b""));
        }
    });
    assert_eq!(count, 0, "the first one at\n{place}");
}

/// The cost of closing an interval depends on its rows, not on its packets.
#[test]
fn closing_an_interval_allocates_the_same_after_any_number_of_packets() {
    let mut scene = Scene::new();
    let mut interval = |exchanges: usize| {
        for n in 0..exchanges {
            let connection = n % CONNECTIONS as usize;
            scene.say(connection, CLIENT, b"GET /a/b HTTP/1.1\r\nHost: a.example\r\n\r\n");
            scene.say(connection, SERVER, b"HTTP/1.1 204 No Content\r\n\r\n");
        }
        allocations(|| drop(scene.pipeline.close(Timestamp(0), Timestamp(1)))).0
    };
    interval(1000);
    let few = interval(1000);
    assert!(few > 0);
    assert_eq!(interval(10_000), few);
}
