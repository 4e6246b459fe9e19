//! Files of many blocks, read ahead or not, give what files of one block give.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::blocks::depot::BLOCK_SIZE;
use super::blocks::{BLOCKS, HEADROOM, Pace, Patient};
use super::*;
use crate::pipeline::packet::SECOND;

/// Captured lengths of packets around the sizes of blocks, headroom and pages, between ordinary ones.
fn lengths() -> Vec<usize> {
    let large = [BLOCK_SIZE, HEADROOM - 1, HEADROOM, HEADROOM + 17, 2 * BLOCK_SIZE - 40, 65_549, 4096, 0];
    large
        .iter()
        .flat_map(|&length| [60, 0, 1514, length, 1514, length])
        .chain((0..4000).map(|n| n * 7 % 1515))
        .collect()
}

fn byte(packet: usize) -> u8 {
    (packet * 37) as u8
}

fn pcap() -> Vec<u8> {
    let mut out: Vec<u8> =
        [0xa1b2_c3d4, 0x0004_0002, 0, 0, 262_144, 1].iter().flat_map(|word: &u32| word.to_le_bytes()).collect();
    for (at, length) in lengths().into_iter().enumerate() {
        out.extend([at as u32, 0, length as u32, length as u32].iter().flat_map(|word| word.to_le_bytes()));
        out.resize(out.len() + length, byte(at));
    }
    out
}

/// The same, each packet in a block of its own, behind a section header and an interface.
fn pcapng() -> Vec<u8> {
    let mut out = Vec::new();
    let mut block = |kind: u32, body: &[u8]| {
        let length = (body.len().next_multiple_of(4) + 12) as u32;
        out.extend([kind, length].iter().flat_map(|word| word.to_le_bytes()));
        out.extend(body);
        out.resize(out.len().next_multiple_of(4), 0);
        out.extend(length.to_le_bytes());
    };
    block(0x0a0d_0d0a, &[0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255]);
    block(1, &[1, 0, 0, 0, 0, 0, 0, 0]);
    for (at, length) in lengths().into_iter().enumerate() {
        let micros = at as u64 * 1_000_000;
        let words = [0, (micros >> 32) as u32, micros as u32, length as u32, length as u32];
        let mut body: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        body.resize(20 + length, byte(at));
        block(6, &body);
    }
    out
}

/// In a gzip file that is hardly compressed, so it is about as long.
fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}

/// Checks every packet. Returns how many there were, and why there were no more.
fn check(file: &mut CaptureFile) -> (usize, Option<String>) {
    let lengths = lengths();
    let mut packets = 0;
    loop {
        match file.next_record() {
            Ok(Some(record)) => {
                assert_eq!((record.ts.0 / SECOND, record.data.len()), (packets as i64, lengths[packets]));
                assert!(record.data.iter().all(|&got| got == byte(packets)), "packet {packets}");
                packets += 1;
            }
            Ok(None) => return (packets, None),
            Err(problem) => return (packets, Some(problem.to_string())),
        }
    }
}

/// Gives at most so many bytes at a time, counts them, and at its end does what it is told.
struct Source {
    bytes: io::Cursor<Vec<u8>>,
    size: usize,
    given: Arc<AtomicUsize>,
    end: fn() -> io::Result<usize>,
}

impl Source {
    fn new(bytes: Vec<u8>, size: usize, end: fn() -> io::Result<usize>) -> (Box<Self>, Arc<AtomicUsize>) {
        let given = Arc::new(AtomicUsize::new(0));
        (Box::new(Self { bytes: io::Cursor::new(bytes), size, given: given.clone(), end }), given)
    }
}

impl Read for Source {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let size = into.len().min(self.size);
        let read = self.bytes.read(&mut into[..size])?;
        self.given.fetch_add(read, Ordering::Relaxed);
        if read == 0 { (self.end)() } else { Ok(read) }
    }
}

#[test]
fn records_cut_by_blocks_are_whole_whatever_a_read_gives() {
    for bytes in [pcap(), pcapng(), packed(&pcap())] {
        for pace in [Pace::Ahead, Pace::Eager, Pace::AsItComes] {
            for size in [97, 1000, BLOCK_SIZE - 1, BLOCK_SIZE, usize::MAX] {
                let (source, _) = Source::new(bytes.clone(), size, || Ok(0));
                let mut file = CaptureFile::read(source, pace).unwrap();
                assert_eq!(check(&mut file), (lengths().len(), None), "{pace:?} by {size}");
            }
        }
    }
}

/// What other threads do: they hold on to blocks, and look at the packets later.
#[test]
fn blocks_that_are_given_away_keep_their_packets() {
    let (source, _) = Source::new(pcap(), usize::MAX, || Ok(0));
    let mut file = CaptureFile::read(source, Pace::Eager).unwrap();
    let (mut held, mut places, mut packets) = (VecDeque::new(), Vec::new(), 0);
    loop {
        while let Some(record) = file.next_in_block().unwrap() {
            places.push((record.at, record.data.len(), packets));
            packets += 1;
        }
        let block = file.release();
        // A record without a block of its own is waited for.
        let is_large = block.len() != HEADROOM + BLOCK_SIZE;
        held.push_back((block, std::mem::take(&mut places)));
        while held.len() > 8 || is_large && !held.is_empty() {
            let (block, places): (Lease, Vec<_>) = held.pop_front().unwrap();
            let of_packet = |&(at, len, packet)| block[at..at + len].iter().all(|&got| got == byte(packet));
            assert!(places.iter().all(of_packet));
        }
        if !file.next_block().unwrap() {
            break;
        }
    }
    assert_eq!(packets, lengths().len());
}

#[test]
fn large_compressed_files_are_read_as_they_are() {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&pcap()).unwrap();
    let zstd = ruzstd::encoding::compress_to_vec(&pcapng()[..], ruzstd::encoding::CompressionLevel::Fastest);
    for bytes in [gzip.finish().unwrap(), zstd] {
        let (source, _) = Source::new(bytes, 1000, || Ok(0));
        assert_eq!(check(&mut CaptureFile::read(source, Pace::Eager).unwrap()), (lengths().len(), None));
    }
}

#[test]
fn an_error_comes_after_the_packets_before_it() {
    for bytes in [pcap(), packed(&pcap())] {
        for pace in [Pace::Ahead, Pace::Eager, Pace::AsItComes] {
            let (source, _) = Source::new(bytes.clone(), 1000, || Err(io::Error::other("the disk is gone")));
            let got = check(&mut CaptureFile::read(source, pace).unwrap());
            assert_eq!(got, (lengths().len(), Some("the disk is gone".into())));
        }
    }
}

#[test]
fn a_file_cut_in_its_last_block_gives_what_is_before_the_cut() {
    let whole = pcap();
    let cut = &whole[..whole.len() - 1];
    for (bytes, pace) in [(cut.to_vec(), Pace::Ahead), (cut.to_vec(), Pace::Eager), (packed(cut), Pace::Eager)] {
        let (source, _) = Source::new(bytes, usize::MAX, || Ok(0));
        let (packets, problem) = check(&mut CaptureFile::read(source, pace).unwrap());
        assert_eq!((packets, problem), (lengths().len() - 1, Some(Problem::Truncated.to_string())));
    }
}

#[test]
#[should_panic(expected = "a bug of a decoder")]
fn a_panic_of_the_thread_that_reads_ahead_is_no_end_of_file() {
    let (source, _) = Source::new(packed(&pcap()), usize::MAX, || panic!("a bug of a decoder"));
    check(&mut CaptureFile::read(source, Pace::Eager).unwrap());
}

#[test]
fn what_is_read_ahead_is_bounded_and_ends_with_the_file() {
    for (bytes, pace) in [(pcap(), Pace::Ahead), (packed(&pcap()), Pace::Eager)] {
        let (source, given) = Source::new(bytes, usize::MAX, || Ok(0));
        let mut file = CaptureFile::read(source, pace).unwrap();
        let mut used = 0;
        while used < 2 * BLOCK_SIZE {
            used += 16 + file.next_record().unwrap().unwrap().data.len();
            assert!(given.load(Ordering::Relaxed) <= used + (BLOCKS + 2) * BLOCK_SIZE);
        }
        drop(file);
        assert_eq!(Arc::strong_count(&given), 1, "the source is closed");
    }
}

#[test]
fn what_a_pipe_gives_is_read_at_once_and_a_bell_ends_the_wait_for_more() {
    let (end, mut writer) = io::pipe().unwrap();
    let bell = Bell::new().unwrap();
    let header = 24;
    writer.write_all(&pcap()[..header + 16 + 60]).unwrap();
    let source = Patient { file: File::from(std::os::fd::OwnedFd::from(end)), bell: bell.clone() };
    let mut file = CaptureFile::read(Box::new(source), Pace::AsItComes).unwrap();
    assert_eq!(file.next_record().unwrap().unwrap().data.len(), 60);
    writer.write_all(&pcap()[header + 16 + 60..][..16 + 16 + 1514]).unwrap();
    assert_eq!(file.next_record().unwrap().unwrap().data.len(), 0);
    assert_eq!(file.next_record().unwrap().unwrap().data.len(), 1514);
    let began = Instant::now();
    let ringer = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(20));
        bell.ring();
    });
    assert!(file.next_record().unwrap().is_none());
    assert!(began.elapsed() < Duration::from_secs(30));
    ringer.join().unwrap();
}
