//! Captures with packets that make a stage panic. The first such packet is passed over, the second one ends the
//! capture, and nothing that was counted is lost.

use std::path::PathBuf;
use std::time::Duration;

use super::super::{Engine, EngineSettings, Inputs, Next, Source};
use crate::capture::live;
use crate::pipeline::FAULT;
use crate::pipeline::packet::SECOND;
use crate::pipeline::snapshot::Snapshot;
use crate::pipeline::tests::forge::{Forge, Frame, Wire};

const REQUEST: &str = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n";
const RESPONSE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
const START: i64 = 1_700_000_000 * SECOND;

/// One connection every tenth of a second, each with a request and its response.
fn talks(numbers: std::ops::Range<u16>) -> Vec<Frame> {
    let talk = |number: u16| {
        let start = START + i64::from(number) * SECOND / 10;
        Forge::connection(Wire { client_port: 20_000 + number, start, ..Wire::default() }, &[REQUEST, RESPONSE])
    };
    numbers.flat_map(talk).collect()
}

/// A segment that makes a stage panic, sent just before talk `number` begins.
fn fault(number: u16) -> Frame {
    let start = START + i64::from(number) * SECOND / 10 - SECOND / 20;
    let mut forge = Forge::new(Wire { start, ..Wire::default() });
    forge.say(0, FAULT);
    forge.frames.remove(0)
}

/// A fragment of UDP that makes the stage panic that puts fragments together.
fn fault_in_a_fragment(number: u16) -> Frame {
    let mut frame = fault(number);
    frame.bytes.truncate(34);
    frame.bytes[20..22].copy_from_slice(&[0x20, 0]);
    frame.bytes[23] = 17;
    frame.bytes.extend_from_slice(FAULT);
    frame
}

fn write(name: &str, frames: &[Frame]) -> PathBuf {
    let path = std::env::temp_dir().join(format!("netmon-{}-{name}.pcap", std::process::id()));
    let mut bytes = Vec::new();
    for word in [0xa1b2_c3d4u32, 0x0004_0002, 0, 0, 262_144, 1] {
        bytes.extend(word.to_le_bytes());
    }
    for Frame { ts, bytes: frame, .. } in frames {
        let length = frame.len() as u32;
        for word in [(ts / SECOND) as u32, (ts % SECOND / 1000) as u32, length, length] {
            bytes.extend(word.to_le_bytes());
        }
        bytes.extend(frame);
    }
    std::fs::write(&path, bytes).unwrap();
    path
}

/// Captures the frames. Returns everything counted, the messages logged, and the reason if the capture failed.
fn run(name: &str, frames: &[Frame], workers: usize) -> (Snapshot, Vec<String>, Option<String>) {
    let path = write(&format!("{name}-{workers}"), frames);
    let settings = EngineSettings {
        source: Source::Files(Inputs { paths: vec![path.clone()], ..Inputs::default() }),
        capture: live::CaptureSettings {
            filter: None,
            tunnels: true,
            snaplen: 262_144,
            buffer_size: None,
            promiscuous: false,
        },
        interval: Duration::from_secs(1),
        timeout: None,
        workers: Some(workers),
        keylogs: Vec::new(),
        pipeline: crate::pipeline::Settings { tunnels: true, ..Default::default() },
        recording: None,
    };
    let engine = Engine::start(settings, false).unwrap();
    let (mut got, mut failure) = (Vec::new(), None);
    loop {
        match engine.next(Duration::from_secs(60)) {
            Next::Snapshot(snapshot) => got.push(*snapshot),
            Next::Failed(why) => failure = Some(why.reason),
            Next::End => break,
            Next::Nothing => panic!("nothing came"),
        }
    }
    std::fs::remove_file(path).unwrap();
    let log = engine.take_log().into_iter().map(|(_, message)| message).collect();
    (Snapshot::merge_all(&got), log, failure)
}

#[test]
fn after_a_panic_nothing_counted_is_lost_and_the_capture_goes_on() {
    for (name, fault) in [("segment", fault(20)), ("fragment", fault_in_a_fragment(20))] {
        for workers in 1..=3 {
            let frames = [talks(0..20), vec![fault.clone()], talks(20..40)].concat();
            let (told, log, failure) = run(name, &frames, workers);
            assert_eq!((told.counts.requests, told.counts.responses, failure), (40, 40, None), "{name}, {workers}");
            assert_eq!((told.capture.unread, told.capture.received), (1, frames.len() as u64 - 1), "{name}, {workers}");
            assert_eq!(log.len(), 1, "{log:?}");
            assert!(log[0].starts_with("internal error: a fault injected by a test"), "{log:?}");
        }
    }
}

#[test]
fn a_second_panic_ends_the_capture_with_all_that_was_counted_and_the_reason() {
    for (name, fault) in [("segments", fault as fn(u16) -> Frame), ("fragments", fault_in_a_fragment)] {
        for workers in 1..=3 {
            let frames = [talks(0..20), vec![fault(20)], talks(20..43), vec![fault(43)], talks(43..60)].concat();
            let (told, _, failure) = run(name, &frames, workers);
            let failure = failure.unwrap_or_default();
            assert!(failure.starts_with("second internal error: a fault injected by a test"), "{failure}");
            let counted = told.counts.responses;
            assert!((43..=60).contains(&counted), "{name}, {workers}: {counted}");
            // With several workers, all packets are read before a worker panics for the second time. With one worker,
            // or if the panic is in putting fragments together, reading stops there.
            if workers > 1 && name == "segments" {
                assert_eq!(told.capture.received + told.capture.unread, frames.len() as u64, "{workers}");
            }
        }
    }
}

#[test]
fn the_words_of_a_panic_have_no_text_that_it_is_about() {
    let text = String::from("\u{e9} s3cr3t");
    for at in [1, 100] {
        let panic = std::panic::catch_unwind(|| text[at..].len()).unwrap_err();
        let words = super::panic_words(&*panic);
        assert!(words.starts_with("start byte index ") || words.starts_with("byte index "), "{words}");
        assert!(!words.contains("s3cr3t"), "{words}");
    }
}
