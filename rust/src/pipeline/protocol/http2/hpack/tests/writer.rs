//! Writes header blocks for the tests, in every way that the RFC allows.

use std::collections::VecDeque;

use proptest::prelude::*;

use super::super::huffman::tests::encode;
use super::super::static_table::STATIC;
use super::super::table::OVERHEAD;

/// One step of a sender.
#[derive(Clone, Debug)]
pub enum Step {
    /// Sends a field: which name, which value, in which way, and whether strings are coded.
    Field { name: usize, value: usize, how: u8, is_coded: bool },
    /// Sends an entry of the dynamic table again.
    Again(usize),
    /// Changes the size of the table, if a block begins.
    Size(u32),
}

/// The steps of several blocks, with tables of up to `most` bytes.
pub fn blocks(most: u32) -> impl Strategy<Value = Vec<Vec<Step>>> {
    let names = if most > 4096 { NAMES.len() } else { NAMES.len() - 1 };
    let values = if most > 4096 { 9_usize } else { 7 };
    let sizes = prop_oneof![Just(0), 0..200_u32, Just(256), Just(4096), 0..most];
    let step = prop_oneof![
        6 => (0..names, 0..values, any::<u8>(), any::<bool>())
            .prop_map(|(name, value, how, is_coded)| Step::Field { name, value, how, is_coded }),
        4 => any::<usize>().prop_map(Step::Again),
        1 => sizes.prop_map(move |size| Step::Size(size.min(most))),
    ];
    proptest::collection::vec(proptest::collection::vec(step, 0..12), 1..24)
}

const LONG_NAME: &[u8] = &[b'l'; 200];
const NAMES: [&[u8]; 8] = [b":path", b":status", b"cookie", b"x-a", b"x-b", b"x-request-id", b"", LONG_NAME];

fn value(number: usize) -> Vec<u8> {
    match number {
        0 => Vec::new(),
        1 => b"/".to_vec(),
        2 => b"200".to_vec(),
        3 => b"a value of some length, with \x00\xff\n odd bytes".to_vec(),
        4 => vec![b'x'; 100],
        5 => vec![b'y'; 900],
        6 => b"b".to_vec(),
        7 => vec![b'z'; 12_000],
        _ => vec![b'w'; 20_000],
    }
}

/// How a field was written.
#[derive(Clone, Copy, Debug)]
pub struct Written {
    /// The age of the entry of the dynamic table that was sent again.
    pub age: Option<usize>,
    pub is_inserted: bool,
}

/// A block, and how its fields were written.
pub struct Block {
    pub bytes: Vec<u8>,
    pub fields: Vec<Written>,
}

/// A sender with its table.
pub struct Writer {
    entries: VecDeque<(Vec<u8>, Vec<u8>)>,
    limit: usize,
}

impl Writer {
    pub fn new() -> Self {
        Self { entries: VecDeque::new(), limit: 4096 }
    }

    fn insert(&mut self, name: &[u8], value: &[u8]) {
        self.entries.push_front((name.to_vec(), value.to_vec()));
        self.evict();
    }

    fn evict(&mut self) {
        let size = |entry: &(Vec<u8>, Vec<u8>)| entry.0.len() + entry.1.len() + OVERHEAD as usize;
        while self.entries.iter().map(size).sum::<usize>() > self.limit {
            self.entries.pop_back();
        }
    }

    pub fn write(&mut self, blocks: &[Vec<Step>]) -> Vec<Block> {
        blocks.iter().map(|steps| self.block(steps)).collect()
    }

    fn block(&mut self, steps: &[Step]) -> Block {
        let mut block = Block { bytes: Vec::new(), fields: Vec::new() };
        for step in steps {
            match *step {
                Step::Size(size) if block.fields.is_empty() => {
                    integer(&mut block.bytes, 0x20, 5, size as usize);
                    self.limit = size as usize;
                    self.evict();
                }
                Step::Size(_) => {}
                Step::Again(_) if self.entries.is_empty() => {}
                Step::Again(age) => {
                    let age = age % self.entries.len();
                    integer(&mut block.bytes, 0x80, 7, STATIC.len() + 1 + age);
                    block.fields.push(Written { age: Some(age), is_inserted: false });
                }
                Step::Field { name, value: number, how, is_coded } => {
                    let written = self.field(&mut block.bytes, NAMES[name], &value(number), how, is_coded);
                    block.fields.push(written);
                }
            }
        }
        if block.fields.is_empty() {
            // The oracle takes no block that ends behind a new size.
            block.bytes.push(0x82);
            block.fields.push(Written { age: None, is_inserted: false });
        }
        block
    }

    fn field(&mut self, out: &mut Vec<u8>, name: &[u8], value: &[u8], how: u8, is_coded: bool) -> Written {
        let (bits, prefix) = [(0x40, 6), (0x40, 6), (0, 4), (0x10, 4)][usize::from(how % 4)];
        let is_inserted = bits == 0x40;
        let in_static = STATIC.iter().position(|entry| entry.0 == name).filter(|_| how & 4 == 0);
        let in_dynamic = self.entries.iter().position(|entry| entry.0 == name).filter(|_| how & 8 == 0);
        match (in_static, in_dynamic) {
            (Some(place), _) => integer(out, bits, prefix, place + 1),
            (None, Some(age)) => integer(out, bits, prefix, STATIC.len() + 1 + age),
            (None, None) => {
                out.push(bits);
                string(out, name, is_coded);
            }
        }
        string(out, value, is_coded);
        if is_inserted {
            self.insert(name, value);
        }
        Written { age: None, is_inserted }
    }
}

/// A literal field with a literal name, of the kind that `bits` say.
pub fn literal(bits: u8, name: &[u8], value: &[u8], is_coded: bool) -> Vec<u8> {
    let mut out = vec![bits];
    string(&mut out, name, is_coded);
    string(&mut out, value, is_coded);
    out
}

fn integer(out: &mut Vec<u8>, bits: u8, prefix: u32, number: usize) {
    let most = (1 << prefix) - 1;
    if number < most {
        return out.push(bits | number as u8);
    }
    out.push(bits | most as u8);
    let mut rest = number - most;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

fn string(out: &mut Vec<u8>, text: &[u8], is_coded: bool) {
    let code = if is_coded { encode(text) } else { text.to_vec() };
    integer(out, if is_coded { 0x80 } else { 0 }, 7, code.len());
    out.extend(code);
}
