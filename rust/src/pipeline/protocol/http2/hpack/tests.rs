//! The examples of RFC 7541 appendix C, and random connections, compared with another decoder.

mod writer;

use loona_hpack as oracle;
use proptest::prelude::*;

use super::*;
use crate::pipeline::steps::tests::are_in_proportion;
use writer::{Block, Writer, Written};

/// Returns whether the value of the field with this name is read.
type IsRead = fn(name: &[u8]) -> bool;

/// A decoded field; `None` is unknown.
type Told = (Option<Vec<u8>>, Option<Vec<u8>>);

fn decode(decoder: &mut Decoder, block: &[u8]) -> Result<Vec<Told>, Broken> {
    decode_read(decoder, block, |_| true)
}

fn decode_read(decoder: &mut Decoder, block: &[u8], is_read: IsRead) -> Result<Vec<Told>, Broken> {
    let mut told = Vec::new();
    let owned = |text: Option<&[u8]>| text.map(<[u8]>::to_vec);
    decoder.block(block, is_read, &mut |field| told.push((owned(field.name), owned(field.value))))?;
    Ok(told)
}

/// Fields as lines: `name: value`, with `?` for what is unknown.
fn lines(decoder: &mut Decoder, block: &[u8]) -> Vec<String> {
    let text = |part: Option<Vec<u8>>| part.map_or("?".to_owned(), |part| part.escape_ascii().to_string());
    match decode(decoder, block) {
        Ok(told) => told.into_iter().map(|(name, value)| format!("{}: {}", text(name), text(value))).collect(),
        Err(Broken) => vec!["broken".to_owned()],
    }
}

fn table(decoder: &Decoder) -> (Vec<String>, u64) {
    let (fields, size) = decoder.table.listed();
    let text = |part: Option<&[u8]>| part.map_or("?".to_owned(), |part| part.escape_ascii().to_string());
    (fields.iter().map(|field| format!("{}: {}", text(field.name), text(field.value))).collect(), size)
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

/// A block, its fields, and the dynamic table behind it with its size.
type Example<'a> = (&'a str, &'a [&'a str], &'a [&'a str], u64);

fn check_examples(before: &str, examples: &[Example<'_>]) {
    let mut decoder = Decoder::new();
    assert_eq!(lines(&mut decoder, &bytes(before)), [""; 0]);
    for (block, fields, entries, size) in examples {
        assert_eq!(lines(&mut decoder, &bytes(block)), *fields, "{block}");
        let (listed, counted) = table(&decoder);
        assert_eq!((&listed[..], counted), (&entries.iter().map(ToString::to_string).collect::<Vec<_>>()[..], *size));
    }
}

#[test]
fn the_kinds_of_fields_are_those_of_appendix_c_2() {
    let table: [Example<'_>; 4] = [
        (
            "400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572",
            &["custom-key: custom-header"],
            &["custom-key: custom-header"],
            55,
        ),
        ("040c 2f73 616d 706c 652f 7061 7468", &[":path: /sample/path"], &[], 0),
        ("1008 7061 7373 776f 7264 0673 6563 7265 74", &["password: secret"], &[], 0),
        ("82", &[":method: GET"], &[], 0),
    ];
    table.iter().for_each(|example| check_examples("", &[*example]));
}

const FIRST: &[&str] = &[":method: GET", ":scheme: http", ":path: /", ":authority: www.example.com"];
const SECOND: &[&str] =
    &[":method: GET", ":scheme: http", ":path: /", ":authority: www.example.com", "cache-control: no-cache"];
const THIRD: &[&str] = &[
    ":method: GET",
    ":scheme: https",
    ":path: /index.html",
    ":authority: www.example.com",
    "custom-key: custom-value",
];
const ENTRIES: &[&str] = &["custom-key: custom-value", "cache-control: no-cache", ":authority: www.example.com"];

#[test]
fn requests_are_decoded_as_in_appendix_c_3_and_c_4() {
    let plain = [
        "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
        "8286 84be 5808 6e6f 2d63 6163 6865",
        "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
    ];
    let coded = [
        "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff",
        "8286 84be 5886 a8eb 1064 9cbf",
        "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
    ];
    for [first, second, third] in [plain, coded] {
        let examples =
            [(first, FIRST, &ENTRIES[2..], 57), (second, SECOND, &ENTRIES[1..], 110), (third, THIRD, ENTRIES, 164)];
        check_examples("", &examples);
    }
}

#[test]
fn responses_are_decoded_as_in_appendix_c_5_and_c_6() {
    const DATE: &str = "date: Mon, 21 Oct 2013 20:13:21 GMT";
    const LATER: &str = "date: Mon, 21 Oct 2013 20:13:22 GMT";
    const PLACE: &str = "location: https://www.example.com";
    const COOKIE: &str = "set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1";
    const PRIVATE: &str = "cache-control: private";
    let plain = [
        "4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3120 474d \
         546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
        "4803 3330 37c1 c0bf",
        "88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970 7738 666f \
         6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 3630 303b \
         2076 6572 7369 6f6e 3d31",
    ];
    let coded = [
        "4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7 \
         8f0b 97c8 e9ae 82ae 43d3",
        "4883 640e ffc1 c0bf",
        "88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7 b335 \
         dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07",
    ];
    for [first, second, third] in [plain, coded] {
        let examples: [Example<'_>; 3] = [
            (first, &[":status: 302", PRIVATE, DATE, PLACE], &[PLACE, DATE, PRIVATE, ":status: 302"], 222),
            (second, &[":status: 307", PRIVATE, DATE, PLACE], &[":status: 307", PLACE, DATE, PRIVATE], 222),
            (
                third,
                &[":status: 200", PRIVATE, LATER, PLACE, "content-encoding: gzip", COOKIE],
                &[COOKIE, "content-encoding: gzip", LATER],
                215,
            ),
        ];
        // The examples have a table of 256 bytes.
        check_examples("3fe1 01", &examples);
    }
}

#[test]
fn a_malformed_block_breaks_the_table_and_nothing_else() {
    let table: [(&str, &[u8]); 10] = [
        ("index 0", b"\x80"),
        ("an index behind the table", b"\xbf"),
        ("a name behind the table", b"\x7f\x00\x01a"),
        ("no value", b"\x41"),
        ("a value that ends too early", b"\x41\x03ab"),
        ("a name that ends too early", b"\x40\x05ab"),
        ("a wrong padding", b"\x41\x81\x00"),
        ("the end symbol", b"\x41\x84\xff\xff\xff\xff"),
        ("a huge index", b"\xff\xff\xff\xff\xff\x7f"),
        ("a size behind a field", b"\x82\x20"),
    ];
    for (what, block) in table {
        let mut decoder = Decoder::new();
        assert_eq!(lines(&mut decoder, b"\x41\x01a"), [":authority: a"]);
        assert_eq!(lines(&mut decoder, b"\xbe"), [":authority: a"]);
        assert_eq!(lines(&mut decoder, block), ["broken"], "{what}");
        // Whatever the block has inserted before it broke, nothing known is where it was.
        assert_eq!(lines(&mut decoder, b"\xbe"), ["?: ?"], "{what}");
        assert_eq!(lines(&mut decoder, b"\x41\x01b\xbe\xbf"), [":authority: b", ":authority: b", "?: ?"], "{what}");
    }
}

#[test]
fn who_joined_midway_knows_what_was_inserted_since() {
    let mut decoder = Decoder::joined();
    assert_eq!(lines(&mut decoder, b"\x82\xbe\xc5"), [":method: GET", "?: ?", "?: ?"]);
    // A new entry with a known name, then one whose name is that of an unknown entry.
    assert_eq!(lines(&mut decoder, b"\x44\x02/a"), [":path: /a"]);
    assert_eq!(lines(&mut decoder, b"\x7f\x10\x03xyz"), ["?: xyz"]);
    assert_eq!(lines(&mut decoder, b"\xbe\xbf\xc0"), ["?: xyz", ":path: /a", "?: ?"]);
    // The name of a placeholder gives a placeholder.
    assert_eq!(lines(&mut decoder, b"\x7e\x01v\xbe\xc0"), ["?: v", "?: v", ":path: /a"]);
    // A new size keeps the newest entries that fit.
    assert_eq!(lines(&mut decoder, b"\x3f\x21\xbe"), ["?: v", "?: v"][..1]);
    // An empty table is a known one.
    assert_eq!(lines(&mut decoder, b"\x20\x3f\xe1\x1f\x44\x02/b\xbe"), [":path: /b", ":path: /b"]);
    assert_eq!(lines(&mut decoder, b"\xbf"), ["broken"]);
}

#[test]
fn what_no_table_can_hold_is_no_reference() {
    // A table of 4,096 bytes has at most 128 entries: the last has index 189.
    let mut decoder = Decoder::new();
    decoder.lost();
    assert_eq!(lines(&mut decoder, b"\xff\x3e"), ["?: ?"]);
    assert_eq!(lines(&mut decoder, b"\xff\x3f"), ["broken"]);
    decoder.set_limit(8192);
    assert_eq!(lines(&mut decoder, b"\xff\x3f"), ["?: ?"]);
    // For who joined midway, the limit may be a large one.
    assert_eq!(lines(&mut Decoder::joined(), b"\xff\x80\x20"), ["?: ?"]);
    assert_eq!(lines(&mut Decoder::joined(), b"\xff\x80\x80\x04"), ["broken"]);
}

#[test]
fn an_entry_too_large_for_the_table_empties_it() {
    let mut decoder = Decoder::new();
    assert_eq!(lines(&mut decoder, b"\x3f\x09\x44\x01a\xbe"), [":path: a", ":path: a"]);
    assert_eq!(lines(&mut decoder, b"\x44\x04long"), [":path: long"]);
    assert_eq!(table(&decoder), (vec![], 0));
}

#[test]
fn long_names_and_values_are_told_as_unknown_and_keep_their_place() {
    let long = vec![b'v'; MAX_VALUE + 1];
    let name = vec![b'n'; MAX_NAME + 1];
    for is_coded in [false, true] {
        let mut decoder = Decoder::new();
        let mut block = bytes("3fe1ff3f");
        for (name, value) in [(&b"a"[..], &b"1"[..]), (b"b", &long), (&name, b"3"), (b"d", b"4")] {
            block.extend(writer::literal(0x40, name, value, is_coded));
        }
        assert_eq!(lines(&mut decoder, &block), ["a: 1", "b: ?", "?: 3", "d: 4"]);
        assert_eq!(lines(&mut decoder, b"\xbe\xbf\xc0\xc1"), ["d: 4", "?: 3", "b: ?", "a: 1"]);
        assert!(decoder.held() < 2 * MAX_VALUE, "{}", decoder.held());
    }
}

#[test]
fn a_value_that_nobody_reads_is_neither_kept_nor_checked() {
    let mut decoder = Decoder::new();
    let is_read: IsRead = |name| name == b":path";
    let mut told = |block: &[u8]| {
        decode_read(&mut decoder, block, is_read).unwrap();
        decoder.held()
    };
    let path = writer::literal(0x40, b":path", b"/a", true);
    let with_path = told(&path);
    // A coded value of the right length with a wrong padding.
    assert_eq!(told(b"\x60\x81\x00"), with_path);
    assert_eq!(told(&writer::literal(0, b"cookie", &[b'c'; 2000], true)), with_path);
    assert_eq!(lines(&mut decoder, b"\xbe\xbf"), ["cookie: ?", ":path: /a"]);
}

#[test]
fn a_list_that_is_too_long_is_told_as_unknown() {
    let mut decoder = Decoder::new();
    let path = vec![b'p'; 4000];
    let mut block = writer::literal(0x40, b":path", &path, false);
    block.extend([0xbe; 100]);
    let told = decode(&mut decoder, &block).unwrap();
    let known = told.iter().filter(|(_, value)| value.is_some()).count();
    assert_eq!((told.len(), known), (101, (MAX_LIST / (4000 + 5 + 32)) as usize));
}

#[test]
fn a_table_bomb_stays_small() {
    // A sender that allows itself any table fills it, with empty entries and with long ones.
    for value in [&b""[..], &[b'v'; 10_000]] {
        let mut decoder = Decoder::new();
        decoder.set_limit(u32::MAX);
        lines(&mut decoder, b"\x3f\xe0\xff\xff\xff\x0f");
        let entry = writer::literal(0x40, b"n", value, false);
        for _ in 0..200 {
            assert!(decoder.block(&entry.repeat(100), |_| true, &mut |_| {}).is_ok());
        }
        assert!(decoder.held() <= 5 * MAX_KEPT, "{}", decoder.held());
        // What is kept are the newest entries; the others may exist.
        assert_eq!(decode(&mut decoder, b"\xbe\xbf").unwrap(), vec![(Some(b"n".to_vec()), Some(value.to_vec())); 2]);
        assert_eq!(lines(&mut decoder, b"\xff\xff\xff\x03"), ["?: ?"]);
        decoder.lost();
        assert_eq!(decoder.held(), 0);
    }
}

#[test]
fn work_is_in_proportion_to_the_bytes() {
    let name = [b'n'; MAX_NAME];
    let first = writer::literal(0x40, &name, b"", false);
    let long = writer::literal(0x40, b"a", &[b'\n'; 100], true);
    // Two bytes insert a copy of a long name, and evict an entry. The longest codes; short ones; indexed fields.
    let table: [(&str, &[u8], usize); 4] = [
        ("names", b"\x7e\x00", 140),
        ("long codes", &long, 2),
        ("literals", b"\x44\x83abc", 6),
        ("indexed", b"\x82", 2),
    ];
    for (what, piece, each) in table {
        are_in_proportion(what, 200_000, each, |size| {
            let mut decoder = Decoder::new();
            decoder.block(&first, |_| true, &mut |_| {}).unwrap();
            let _ = decoder.block(&piece.repeat(size / piece.len()), |_| true, &mut |_| {});
        });
    }
}

fn oracle() -> oracle::Decoder<'static> {
    let mut oracle = oracle::Decoder::new();
    oracle.set_max_allowed_table_size(usize::MAX >> 1);
    oracle
}

/// What is told is what was sent; unknown parts are allowed.
fn assert_true(told: &[Told], sent: &[(Vec<u8>, Vec<u8>)]) {
    assert_eq!(told.len(), sent.len());
    for ((name, value), (true_name, true_value)) in told.iter().zip(sent) {
        assert!(name.as_ref().is_none_or(|name| name == true_name), "{name:?}, not {true_name:?}");
        assert!(value.as_ref().is_none_or(|value| value == true_value), "a wrong value of {true_name:?}");
    }
}

/// Decodes the blocks from `joined` on, without those that are lost. With `knows_all`, the fields of the entries that
/// were inserted since must be known.
fn decode_parts(blocks: &[Vec<writer::Step>], joined: usize, lost: u64, knows_all: bool) {
    let (mut decoder, mut oracle) = (Decoder::joined(), oracle());
    // The number of insertions since the reader joined, or missed a block.
    let mut since = 0;
    for (at, Block { bytes, fields }) in Writer::new().write(blocks).into_iter().enumerate() {
        let sent = oracle.decode(&bytes).expect("the writer follows the RFC");
        if at < joined {
            continue;
        }
        if (lost >> (at % 62)).trailing_zeros() >= 3 {
            decoder.lost();
            since = 0;
            continue;
        }
        let told = decode(&mut decoder, &bytes).unwrap();
        assert_true(&told, &sent);
        for ((_, value), Written { age, is_inserted }) in told.iter().zip(fields) {
            let is_known = age.is_none_or(|age| age < since);
            assert!(!knows_all || !is_known || value.is_some(), "age {age:?} of {since}");
            since += usize::from(is_inserted);
        }
    }
}

/// Who reads some fields only.
const READERS: [IsRead; 4] =
    [|name| name == b":path", |name| name != b":path", |name| name.starts_with(b"x-"), |_| false];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn whole_connections_are_decoded_as_by_another_decoder(blocks in writer::blocks(2048)) {
        let (mut decoder, mut oracle) = (Decoder::new(), oracle());
        for Block { bytes, .. } in Writer::new().write(&blocks) {
            let sent = oracle.decode(&bytes).expect("the writer follows the RFC");
            let told: Vec<_> = sent.into_iter().map(|(name, value)| (Some(name), Some(value))).collect();
            prop_assert_eq!(decode(&mut decoder, &bytes).unwrap(), told);
        }
    }

    #[test]
    fn who_reads_some_fields_is_told_the_same_of_them(blocks in writer::blocks(2048), reader in 0..READERS.len()) {
        let (mut decoder, mut oracle) = (Decoder::new(), oracle());
        let is_read = READERS[reader];
        for Block { bytes, .. } in Writer::new().write(&blocks) {
            let sent = oracle.decode(&bytes).expect("the writer follows the RFC");
            let told = decode_read(&mut decoder, &bytes, is_read).unwrap();
            assert_true(&told, &sent);
            for ((name, value), (true_name, true_value)) in told.iter().zip(&sent) {
                prop_assert_eq!(name.as_ref(), Some(true_name));
                prop_assert!(value.is_some() || !is_read(true_name), "{:?} is {:?}", true_name, true_value);
            }
        }
    }

    #[test]
    fn large_tables_and_long_strings_never_give_a_wrong_value(blocks in writer::blocks(1 << 20)) {
        let (mut decoder, mut oracle) = (Decoder::new(), oracle());
        for Block { bytes, .. } in Writer::new().write(&blocks) {
            let sent = oracle.decode(&bytes).expect("the writer follows the RFC");
            assert_true(&decode(&mut decoder, &bytes).unwrap(), &sent);
        }
    }

    #[test]
    fn who_joins_midway_or_loses_blocks_never_tells_a_wrong_value(
        blocks in writer::blocks(1 << 20),
        joined in 0..8_usize,
        lost in any::<u64>(),
    ) {
        decode_parts(&blocks, joined, lost, false);
    }

    #[test]
    fn who_joins_midway_or_loses_blocks_knows_what_came_since(
        blocks in writer::blocks(2048),
        joined in 0..8_usize,
        lost in any::<u64>(),
    ) {
        decode_parts(&blocks, joined, lost, true);
    }

    #[test]
    fn damage_never_panics(blocks in writer::blocks(4096), damage in proptest::collection::vec(any::<(usize, u8)>(), 1..6)) {
        let mut decoder = Decoder::new();
        for Block { mut bytes, .. } in Writer::new().write(&blocks) {
            for (at, byte) in &damage {
                if !bytes.is_empty() {
                    let at = at % bytes.len();
                    bytes[at] = *byte;
                }
            }
            let _ = decode(&mut decoder, &bytes);
        }
    }

    #[test]
    fn every_string_is_decoded_as_it_was_coded(text in proptest::collection::vec(any::<u8>(), 0..300)) {
        let block = writer::literal(0, b"n", &text, true);
        prop_assert_eq!(&oracle().decode(&block).unwrap()[0].1, &text);
        prop_assert_eq!(decode(&mut Decoder::new(), &block).unwrap(), vec![(Some(b"n".to_vec()), Some(text))]);
    }
}
