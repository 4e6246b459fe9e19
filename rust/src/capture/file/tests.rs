//! The same packets give the same records in every format. Damage is reported, and nothing is invented.

use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::*;
use crate::capture::keylog::LineSink;
use crate::pipeline::packet::LinkType;
use proptest::prelude::*;

const PACKETS: [(u64, &[u8], u32); 3] = [
    (1_700_000_000_123_456_000, b"first", 5),
    (1_700_000_001_000_001_000, b"second packet", 100),
    (1_700_000_002_999_999_000, b"", 60),
];

fn put(out: &mut Vec<u8>, swapped: bool, value: u32) {
    out.extend(if swapped { value.to_be_bytes() } else { value.to_le_bytes() });
}

fn pcap(swapped: bool, nanos: bool) -> Vec<u8> {
    let mut out = Vec::new();
    put(&mut out, swapped, if nanos { 0xa1b2_3c4d } else { 0xa1b2_c3d4 });
    put(&mut out, swapped, if swapped { 0x0002_0004 } else { 0x0004_0002 });
    for word in [0, 0, 65_535, 1] {
        put(&mut out, swapped, word);
    }
    for (ts, data, wire_len) in PACKETS {
        let fraction = (ts % 1_000_000_000) / if nanos { 1 } else { 1000 };
        for word in [(ts / 1_000_000_000) as u32, fraction as u32, data.len() as u32, wire_len] {
            put(&mut out, swapped, word);
        }
        out.extend(data);
    }
    out
}

pub fn block(out: &mut Vec<u8>, swapped: bool, kind: u32, body: &[u8]) {
    let padded = body.len().next_multiple_of(4);
    put(out, swapped, kind);
    put(out, swapped, padded as u32 + 12);
    out.extend(body);
    out.resize(out.len() + padded - body.len(), 0);
    put(out, swapped, padded as u32 + 12);
}

/// One section; the clock of the interface ticks `10^-resolution` seconds.
fn pcapng(swapped: bool, resolution: u8) -> Vec<u8> {
    let mut out = Vec::new();
    let mut body = Vec::new();
    for word in [0x1a2b_3c4d, if swapped { 0x0001_0000 } else { 1 }, u32::MAX, u32::MAX] {
        put(&mut body, swapped, word);
    }
    block(&mut out, swapped, 0x0a0d_0d0a, &body);
    body.clear();
    let half = |value: u16| if swapped { value.to_be_bytes() } else { value.to_le_bytes() };
    body.extend([half(1), half(0)].concat());
    put(&mut body, swapped, 0);
    body.extend([half(2), half(4)].concat());
    body.extend(b"eth7");
    body.extend([half(9), half(1)].concat());
    body.extend([resolution, 0, 0, 0]);
    body.extend([half(0), half(0)].concat());
    block(&mut out, swapped, 1, &body);
    block(&mut out, swapped, 0xbad, b"unknown blocks are passed over");
    for (ts, data, wire_len) in PACKETS {
        let ticks = ts / 10u64.pow(9 - u32::from(resolution));
        body.clear();
        for word in [0, (ticks >> 32) as u32, ticks as u32, data.len() as u32, wire_len] {
            put(&mut body, swapped, word);
        }
        body.extend(data);
        block(&mut out, swapped, 6, &body);
    }
    out
}

/// A source that gives at most `size` bytes at a time.
struct Slow(io::Cursor<Vec<u8>>, usize);

impl Read for Slow {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let size = into.len().min(self.1);
        self.0.read(&mut into[..size])
    }
}

type Packets = Vec<(i64, Vec<u8>, u32)>;

fn read(bytes: Vec<u8>, size: usize) -> (Packets, Option<String>) {
    let mut file = match CaptureFile::from_reader(Box::new(Slow(io::Cursor::new(bytes), size))) {
        Ok(file) => file,
        Err(problem) => return (Vec::new(), Some(problem.to_string())),
    };
    let mut packets = Vec::new();
    loop {
        match file.next_record() {
            Ok(Some(record)) => packets.push((record.ts.0, record.data.to_vec(), record.wire_len)),
            Ok(None) => return (packets, None),
            Err(problem) => return (packets, Some(problem.to_string())),
        }
    }
}

fn want() -> Packets {
    PACKETS.iter().map(|&(ts, data, wire_len)| (ts as i64, data.to_vec(), wire_len)).collect()
}

fn files() -> Vec<Vec<u8>> {
    let mut files = Vec::new();
    for swapped in [false, true] {
        files.extend([pcap(swapped, false), pcap(swapped, true), pcapng(swapped, 6), pcapng(swapped, 9)]);
    }
    files
}

#[test]
fn every_format_and_byte_order_gives_the_same_packets() {
    for file in files() {
        for size in [1, 7, usize::MAX] {
            assert_eq!(read(file.clone(), size), (want(), None), "{:02x?} by {size}", &file[..4]);
        }
    }
}

#[test]
fn compressed_files_give_the_same_packets() {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    io::Write::write_all(&mut gzip, &pcap(false, false)).unwrap();
    assert_eq!(read(gzip.finish().unwrap(), usize::MAX), (want(), None));
    let zstd = ruzstd::encoding::compress_to_vec(&pcapng(true, 9)[..], ruzstd::encoding::CompressionLevel::Fastest);
    assert_eq!(read(zstd, usize::MAX), (want(), None));
}

#[test]
fn a_file_cut_anywhere_gives_what_is_before_the_cut() {
    for file in files() {
        for length in 0..file.len() {
            let (packets, problem) = read(file[..length].to_vec(), usize::MAX);
            assert!(want().starts_with(&packets));
            assert!(problem.is_some() || packets.len() < 3);
        }
    }
}

#[test]
fn interfaces_of_pcapng_have_their_names() {
    let file = CaptureFile::from_reader(Box::new(io::Cursor::new(pcapng(false, 6)))).unwrap();
    let name = Some("eth7".into());
    let want = FileInterface { name, link_type: Some(LinkType::Ethernet), number: 1, place: 0, is_rest: false };
    assert_eq!(file.interfaces(), [want]);
}

#[test]
fn an_interface_described_again_by_the_next_section_is_the_same_with_another_clock() {
    let twice = [pcapng(false, 6), pcapng(true, 9)].concat();
    let mut file = CaptureFile::from_reader(Box::new(io::Cursor::new(twice))).unwrap();
    let mut seen = Vec::new();
    while let Some(record) = file.next_record().unwrap() {
        seen.push((record.interface, record.ts.0));
    }
    let want: Vec<_> = [0, 0].into_iter().flat_map(|at| PACKETS.map(|(ts, ..)| (at, ts as i64))).collect();
    assert_eq!(seen, want);
}

#[test]
fn a_file_that_is_no_capture_is_refused() {
    for bytes in [
        &b""[..],
        b"x",
        b"\x7fELF\x02\x01\x01\x00",
        b"not a capture at all, but long enough to be one",
        &[0x1f, 0x8b, 1, 2],
    ] {
        let (packets, problem) = read(bytes.to_vec(), usize::MAX);
        assert!(packets.is_empty() && problem.is_some(), "{bytes:?}");
    }
}

#[test]
fn bytes_of_a_file_name_that_are_no_text_are_escaped() {
    use std::ffi::OsStr;
    for (path, name) in
        [(&b"caf\xc3\xa9.pcap"[..], "caf\u{e9}.pcap"), (b"caf\xe9.pcap", "caf\\xe9.pcap"), (b"\xff\xc3", "\\xff\\xc3")]
    {
        assert_eq!(name_of(Path::new(OsStr::from_bytes(path))), name);
    }
}

proptest! {
    #[test]
    fn damage_never_panics_and_never_grows(at in any::<prop::sample::Index>(), which in 0usize..8, with in any::<u32>()) {
        let mut file = files().swap_remove(which);
        let at = at.index(file.len() - 4);
        file[at..at + 4].copy_from_slice(&with.to_le_bytes());
        let (packets, _) = read(file, usize::MAX);
        prop_assert!(packets.len() <= 3);
    }
}

#[test]
fn key_logs_in_a_file_are_handed_over_before_the_packets_behind_them() {
    const TLS: u32 = 0x544c_534b;
    const SSH: u32 = 0x5353_484b;
    for swapped in [false, true] {
        let whole = pcapng(swapped, 9);
        // The secrets come behind the section header, before the interface is described.
        let (section, rest) = whole.split_at(28);
        let mut file = section.to_vec();
        for (kind, text, length) in [(SSH, "no\n", 3), (TLS, "one\ntwo", 7), (TLS, "three\n", u32::MAX), (TLS, "", 0)] {
            let mut body = Vec::new();
            put(&mut body, swapped, kind);
            put(&mut body, swapped, length);
            body.extend(text.as_bytes());
            block(&mut file, swapped, 10, &body);
        }
        file.extend(rest);
        let heard = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        let taken = heard.clone();
        let sink = LineSink::new(move |line| taken.lock().unwrap().push(String::from_utf8_lossy(line).into_owned()));
        let mut file = CaptureFile::whole(Box::new(io::Cursor::new(file)), Pace::AsItComes, &sink).unwrap();
        assert!(file.next_record().unwrap().is_some());
        let mut heard = heard.lock().unwrap();
        // Padding to four bytes belongs to the text if its length is damaged.
        heard.iter_mut().for_each(|line| line.retain(|c| c != '\0'));
        heard.retain(|line| !line.is_empty());
        assert_eq!(*heard, ["one", "two", "three"]);
    }
}
