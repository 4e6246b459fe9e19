//! Every part is read, and a fault is reported after all bytes that can be read.

use std::io::{Cursor, ErrorKind};

use ruzstd::encoding::{CompressionLevel, compress_to_vec};

use super::*;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    io::Write::write_all(&mut encoder, bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    compress_to_vec(bytes, CompressionLevel::Fastest)
}

fn skipped() -> Vec<u8> {
    [&0x184d_2a53_u32.to_le_bytes()[..], &3_u32.to_le_bytes(), b"abc"].concat()
}

/// Bytes that hardly compress, so that they take many blocks.
fn noise() -> Vec<u8> {
    (0..100_000_u32).flat_map(|n| (n.wrapping_mul(2_654_435_761)).to_le_bytes()).collect()
}

fn flip(mut bytes: Vec<u8>, from_end: usize) -> Vec<u8> {
    let at = bytes.len() - from_end;
    bytes[at] ^= 0xff;
    bytes
}

/// A source that gives at most so many bytes at a time.
struct Slow(Cursor<Vec<u8>>, usize);

impl Read for Slow {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let size = into.len().min(self.1);
        self.0.read(&mut into[..size])
    }
}

/// The bytes that can be read, and the fault that is reported then. Checks that a slow source gives the same.
fn unpack(bytes: &[u8]) -> (Vec<u8>, Option<(ErrorKind, String)>) {
    let [whole, slow] = [usize::MAX, 3].map(|size| {
        let mut got = Vec::new();
        let result = Unpacked::new(Box::new(Slow(Cursor::new(bytes.to_vec()), size))).read_to_end(&mut got);
        (got, result.err().map(|error| (error.kind(), error.to_string())))
    });
    assert!(whole == slow, "bytes that come slowly give the same");
    whole
}

#[test]
fn parts_of_any_kind_one_behind_the_other_are_one_source() {
    let (first, second) = (vec![7; 300_000], b"second".to_vec());
    let whole = [&first[..], &second].concat();
    let zeros = vec![0; 100_000];
    let packed = [
        whole.clone(),
        [gzip(&first), gzip(&second)].concat(),
        [zstd(&first), zstd(&second)].concat(),
        [zstd(&first), skipped(), zstd(b""), zstd(&second)].concat(),
        [skipped(), zstd(&first), zstd(&second), skipped()].concat(),
        [gzip(&first), zeros.clone(), gzip(&second), zeros.clone()].concat(),
        [gzip(&first), zstd(&second), vec![0]].concat(),
    ];
    for bytes in packed {
        assert_eq!(unpack(&bytes), (whole.clone(), None));
    }
    for bytes in [&b"ab"[..], b"", b"\0\0\0\0\0"] {
        assert_eq!(unpack(bytes), (bytes.to_vec(), None));
    }
}

#[test]
fn a_header_of_gzip_may_have_a_name_a_comment_and_more() {
    let mut made = flate2::GzBuilder::new()
        .filename("a")
        .comment("b")
        .extra([1; 500])
        .read(&b"text"[..], flate2::Compression::fast());
    let mut packed = Vec::new();
    made.read_to_end(&mut packed).unwrap();
    assert_eq!(unpack(&packed), (b"text".to_vec(), None));
    let mut with_checksum = packed[..10].to_vec();
    with_checksum[3] = HAS_CHECKSUM_OF_HEADER;
    with_checksum.extend([0, 0]);
    with_checksum.extend(&gzip(b"text")[10..]);
    assert_eq!(unpack(&with_checksum), (b"text".to_vec(), None));
}

const HAS_CHECKSUM_OF_HEADER: u8 = 2;

#[test]
fn a_part_that_is_cut_is_read_up_to_the_cut() {
    let bytes = noise();
    for packed in [gzip(&bytes), zstd(&bytes)] {
        for cut in [6, packed.len() / 2, packed.len() - 1] {
            let (got, told) = unpack(&packed[..cut]);
            let (kind, words) = told.unwrap();
            assert_eq!(kind, ErrorKind::UnexpectedEof, "{cut}");
            assert!(words.contains(&format!("the first {} decompressed bytes", got.len())), "{words}");
            assert!(bytes.starts_with(&got), "{cut}");
            // A block of zstd has 128 KiB and is read whole or not at all.
            assert!(got.len() + (128 << 10) >= bytes.len() * cut / packed.len(), "{cut} gives {}", got.len());
        }
    }
    for half in [&GZIP[..1], &ZSTD[..3]] {
        let (got, told) = unpack(&[&gzip(b"first"), half].concat());
        assert_eq!((&got[..], told.unwrap().0), (&b"first"[..], ErrorKind::UnexpectedEof));
    }
    assert_eq!(unpack(&[&gzip(b"first")[..], &skipped()[..9]].concat()).1.unwrap().0, ErrorKind::UnexpectedEof);
}

#[test]
fn a_wrong_checksum_is_reported_after_all_bytes() {
    let (bytes, rest) = (noise(), b"rest".to_vec());
    let whole = [&bytes[..], &rest].concat();
    let wrong = [flip(gzip(&bytes), 5), flip(gzip(&bytes), 1), flip(zstd(&bytes), 1)];
    for part in wrong {
        for next in [gzip(&rest), zstd(&rest)] {
            let (got, told) = unpack(&[&part[..], &next].concat());
            let (kind, words) = told.unwrap();
            assert!(got == whole && kind == ErrorKind::InvalidData);
            assert!(words.contains("wrong checksum") && words.contains("bytes 0 to 400000"), "{words}");
        }
    }
    let (_, told) = unpack(&[flip(gzip(b"a"), 5), flip(gzip(b"b"), 5), flip(gzip(b"c"), 5)].concat());
    assert!(told.unwrap().1.contains("2 checksums before"));
}

#[test]
fn uncompressed_bytes_behind_a_part_are_reported_with_their_place() {
    for packed in [gzip(b"text"), zstd(b"text")] {
        let (got, told) = unpack(&[&packed[..], b"\0\0something else"].concat());
        let (kind, words) = told.unwrap();
        assert_eq!((&got[..], kind), (&b"text"[..], ErrorKind::InvalidData));
        assert!(words.contains(&format!("from byte {} on", packed.len() + 2)), "{words}");
    }
}

#[test]
fn no_flipped_byte_does_harm_and_none_goes_unnoticed() {
    let text: Vec<u8> = (0..3000_u32).flat_map(|n| format!("{n} ").into_bytes()).collect();
    for packed in [gzip(&text), zstd(&text)] {
        for at in (0..packed.len()).step_by(7) {
            let (got, told) = unpack(&flip(packed.clone(), packed.len() - at));
            // Flags, time and system of a header of gzip are no data.
            assert!(told.is_some() || got == text || at < MAGIC, "byte {at}");
        }
    }
}

/// A source that counts how often it is read.
struct Counted(Cursor<Vec<u8>>, std::sync::Arc<std::sync::atomic::AtomicU64>);

impl Read for Counted {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.read(into)
    }
}

#[test]
fn twice_as_many_empty_parts_take_twice_as_many_reads() {
    let reads = |count: usize| {
        let parts = [gzip(b""), skipped(), vec![0]].concat().repeat(count);
        let counter = Arc::default();
        let source = Counted(Cursor::new(parts), Arc::clone(&counter));
        assert_eq!(Unpacked::new(Box::new(source)).read_to_end(&mut Vec::new()).unwrap(), 0);
        counter.load(Ordering::Relaxed)
    };
    let (few, many) = (reads(20_000), reads(40_000));
    assert!(many <= 2 * few, "{few} {many}");
}
