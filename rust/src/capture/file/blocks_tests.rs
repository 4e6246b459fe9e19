//! Files of many blocks, read ahead or not, give what files of one block give.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::blocks::pool::BLOCK_SIZE;
use super::blocks::{BLOCKS, Blocks, HEADROOM, Patient, PipeSource};
use super::unpack::Unpacked;
use super::*;
use crate::capture::wait::Bell;
use crate::pipeline::packet::{SECOND, Timestamp};

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

/// The same packets as pcapng, each in a block of its own, behind a section header and an interface.
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

/// The bytes as a gzip file that is hardly compressed, so it is about as long.
fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}

fn open(source: Box<dyn Read + Send>, pace: Pace) -> Result<CaptureFile, Problem> {
    let mut file = CaptureFile::new(source, pace);
    file.begin(false).map(|_| file)
}

/// Checks every packet. Returns how many there were, and why there were no more.
fn check(file: CaptureFile) -> (usize, Option<String>) {
    check_rest(InOrder::new(file))
}

fn check_rest(mut file: InOrder) -> (usize, Option<String>) {
    let (lengths, mut packets) = (lengths(), 0);
    loop {
        match file.refill(false, true) {
            Ok(Reach::Here) => file.give(Timestamp(i64::MAX), true, usize::MAX, |given| {
                assert_eq!((given.ts.0 / SECOND, given.data.len()), (packets as i64, lengths[packets]));
                assert!(given.data.iter().all(|&got| got == byte(packets)), "packet {packets}");
                packets += 1;
            }),
            Ok(_) => return (packets, None),
            Err(problem) => return (packets, Some(problem.to_string())),
        }
    }
}

/// A source that gives at most `size` bytes at a time, counts them, and calls `end` at its end.
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
                let file = open(source, pace).unwrap();
                assert_eq!(check(file), (lengths().len(), None), "{pace:?} by {size}");
            }
        }
    }
}

#[test]
fn the_pace_may_change_behind_the_first_block() {
    for (before, after) in [(Pace::Ahead, Pace::Eager), (Pace::Eager, Pace::Ahead), (Pace::Sparing, Pace::Ahead)] {
        for (bytes, is_packed) in [(pcap(), false), (packed(&pcap()), true)] {
            let (source, _) = Source::new(bytes, usize::MAX, || Ok(0));
            let mut file = InOrder::new(open(source, before).unwrap());
            file.begin(false);
            let first = file.first_block();
            assert_eq!((first.bytes, first.packets, first.is_packed), (60 + 1514, 3, is_packed));
            file.set_pace(after);
            assert_eq!(check_rest(file), (lengths().len(), None), "{before:?}, then {after:?}");
        }
    }
}

/// Holds on to blocks and looks at their packets later, as other threads do.
#[test]
fn blocks_that_are_given_away_keep_their_packets() {
    let (source, _) = Source::new(pcap(), usize::MAX, || Ok(0));
    let mut file = InOrder::new(CaptureFile::new(source, Pace::Eager));
    let (mut held, mut packets) = (VecDeque::new(), 0);
    while file.refill(false, true).unwrap() == Reach::Here {
        let mut blocks: Vec<(Arc<Lease>, Vec<_>)> = Vec::new();
        file.give(Timestamp(i64::MAX), true, usize::MAX, |given| {
            if blocks.last().is_none_or(|(last, _)| !Arc::ptr_eq(last, given.block)) {
                blocks.push((given.block.clone(), Vec::new()));
            }
            blocks.last_mut().unwrap().1.push((given.at, given.data.len(), packets));
            packets += 1;
        });
        // Nothing is read while a record larger than a block is held, so all blocks are given back for one.
        let is_large = blocks.iter().any(|(block, _)| block.is_large());
        held.extend(blocks);
        while held.len() > 8 || is_large && !held.is_empty() {
            let (block, places) = held.pop_front().unwrap();
            let of_packet =
                |&(at, len, packet): &(usize, usize, usize)| block[at..at + len].iter().all(|&got| got == byte(packet));
            assert!(places.iter().all(of_packet));
        }
    }
    assert_eq!(packets, lengths().len());
}

#[test]
fn large_compressed_files_give_the_same_packets() {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&pcap()).unwrap();
    let zstd = ruzstd::encoding::compress_to_vec(&pcapng()[..], ruzstd::encoding::CompressionLevel::Fastest);
    for bytes in [gzip.finish().unwrap(), zstd] {
        let (source, _) = Source::new(bytes, 1000, || Ok(0));
        assert_eq!(check(open(source, Pace::Eager).unwrap()), (lengths().len(), None));
    }
}

#[test]
fn an_error_comes_after_the_packets_before_it() {
    for bytes in [pcap(), packed(&pcap())] {
        for pace in [Pace::Ahead, Pace::Eager, Pace::AsItComes] {
            let (source, _) = Source::new(bytes.clone(), 1000, || Err(io::Error::other("the disk is gone")));
            let got = check(open(source, pace).unwrap());
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
        let (packets, problem) = check(open(source, pace).unwrap());
        assert_eq!((packets, problem), (lengths().len() - 1, Some(Problem::Truncated.to_string())));
    }
}

#[test]
#[should_panic(expected = "a bug of a decoder")]
fn a_panic_of_the_thread_that_reads_ahead_is_no_end_of_file() {
    let (source, _) = Source::new(packed(&pcap()), usize::MAX, || panic!("a bug of a decoder"));
    check(open(source, Pace::Ahead).unwrap());
}

#[test]
fn what_is_read_ahead_is_bounded_and_ends_with_the_file() {
    for bytes in [pcap(), packed(&pcap())] {
        let (source, given) = Source::new(bytes, usize::MAX, || Ok(0));
        let mut file = InOrder::new(open(source, Pace::Ahead).unwrap());
        let mut used = 0;
        while used < 2 * BLOCK_SIZE {
            assert_eq!(file.refill(false, true).unwrap(), Reach::Here);
            file.give(Timestamp(i64::MAX), true, 10, |given| used += 16 + given.data.len());
            assert!(given.load(Ordering::Relaxed) <= used + (BLOCKS + 2) * BLOCK_SIZE);
        }
        drop(file);
        assert_eq!(Arc::strong_count(&given), 1, "the source is closed");
    }
}

/// The packets of a pipe, its writing end, and the bell that is rung for what it brings.
fn pipe() -> (InOrder, io::PipeWriter, Bell) {
    let (end, writer) = io::pipe().unwrap();
    let (stop, news) = (Bell::new().unwrap(), Bell::new().unwrap());
    let patient = Patient { file: File::from(std::os::fd::OwnedFd::from(end)), bell: stop.clone(), until: None };
    let blocks = Blocks::of_pipe(PipeSource { source: Box::new(Unpacked::new(Box::new(patient))), stop }, news.clone());
    (InOrder::new(CaptureFile::of(blocks.unwrap(), Arc::default())), writer, news)
}

/// Waits until the pipe has brought something.
fn listen(news: &Bell) {
    assert!(crate::capture::wait::wait(&[], news, Duration::from_secs(60)).unwrap());
    news.hush();
}

fn take(file: &mut InOrder) -> Vec<usize> {
    let mut lengths = Vec::new();
    file.give(Timestamp(i64::MAX), true, usize::MAX, |given| lengths.push(given.data.len()));
    lengths
}

#[test]
fn a_pipe_gives_whole_blocks_or_in_a_hurry_what_it_has() {
    let (mut file, mut writer, news) = pipe();
    // The first bytes, which tell whether the source is packed, are passed on by themselves.
    for part in [0..4, 4..24 + 16 + 60 + 16] {
        writer.write_all(&pcap()[part]).unwrap();
        listen(&news);
    }
    assert_eq!(file.refill(false, true).unwrap(), Reach::Pending);
    assert_eq!((file.refill(true, true).unwrap(), file.holds_back()), (Reach::Pending, true));
    assert!(file.release());
    assert_eq!(take(&mut file), [60, 0]);
    drop(writer);
    while file.refill(false, true).unwrap() == Reach::Pending {
        listen(&news);
    }
}

#[test]
fn a_pipe_has_the_blocks_of_the_file_whatever_a_write_brings() {
    let (source, _) = Source::new(pcap(), usize::MAX, || Ok(0));
    let mut whole = InOrder::new(CaptureFile::new(source, Pace::Eager));
    let (mut piped, mut writer, news) = pipe();
    let thread = std::thread::spawn(move || pcap().chunks(4097).for_each(|part| writer.write_all(part).unwrap()));
    loop {
        let reach = whole.refill(false, true).unwrap();
        while piped.refill(false, true).unwrap() == Reach::Pending {
            listen(&news);
        }
        assert_eq!(take(&mut piped), take(&mut whole));
        if reach == Reach::End {
            break;
        }
    }
    thread.join().unwrap();
}

#[test]
fn dropping_a_silent_pipe_does_not_wait_for_it() {
    let (file, writer, _) = pipe();
    let began = Instant::now();
    drop(file);
    assert!(began.elapsed() < Duration::from_secs(30));
    drop(writer);
}
