//! How Arrow stores a column: its format, its buffers and its children. A batch in, a tree of arrays out.

use crate::pipeline::snapshot::{Batch, Texts, Values};

/// A buffer of an array.
#[derive(Debug, PartialEq)]
pub enum Buffer {
    /// No buffer: no value is missing.
    None,
    /// Bytes, or a bitmap.
    Bytes(Vec<u8>),
    /// Numbers of 16 bits.
    Small(Vec<u16>),
    /// Offsets.
    Offsets(Vec<i32>),
    /// Whole numbers from 0.
    Numbers(Vec<u64>),
    /// Whole numbers, or instants in nanoseconds.
    Integers(Vec<i64>),
    /// Numbers.
    Floats(Vec<f64>),
}

/// An array with its field.
#[derive(Debug, PartialEq)]
pub struct Array {
    /// Name of the field.
    pub name: String,
    /// Its type, in the letters of the C data interface.
    pub format: &'static str,
    /// Whether values may be missing.
    pub is_nullable: bool,
    /// Number of values.
    pub length: usize,
    /// Number of missing values.
    pub nulls: usize,
    /// The buffers that its type has.
    pub buffers: Vec<Buffer>,
    /// The arrays that its type consists of.
    pub children: Vec<Array>,
}

/// Returns a batch as one array of structs, which is how Arrow passes tables.
pub fn of_batch(batch: Batch) -> Array {
    let children = batch.columns.into_iter().map(|column| of_values(column.name, column.values)).collect();
    structs(String::new(), batch.rows, children)
}

fn of_values(name: String, values: Values) -> Array {
    match values {
        Values::Text(texts) => text(name, texts),
        Values::Number(numbers) => numbers_of(name, numbers),
        Values::Integer(numbers) => plain(name, "l", numbers.len(), Buffer::Integers(numbers)),
        Values::Time(times) => {
            plain(name, "tsn:UTC", times.len(), Buffer::Integers(times.into_iter().map(|ts| ts.0).collect()))
        }
        Values::Status(statuses) => {
            let numbers = Buffer::Small(statuses.iter().map(|status| status.unwrap_or_default()).collect());
            maybe(name, "S", statuses.iter().map(Option::is_some), numbers)
        }
        Values::Seconds(seconds) => {
            let numbers = Buffer::Floats(seconds.iter().map(|seconds| seconds.unwrap_or_default()).collect());
            maybe(name, "g", seconds.iter().map(Option::is_some), numbers)
        }
        Values::Lists(ends, texts) => lists(name, "+l", &ends, text("item".into(), texts)),
        Values::Buckets(ends, counts) => lists(name, "+l", &ends, numbers_of("item".into(), counts)),
        Values::ByText(ends, keys, counts) => map(name, &ends, text("key".into(), keys), counts),
        Values::ByStatus(ends, keys, counts) => {
            map(name, &ends, plain("key".into(), "S", keys.len(), Buffer::Small(keys)), counts)
        }
    }
}

fn array(name: String, format: &'static str, length: usize, buffers: Vec<Buffer>, children: Vec<Array>) -> Array {
    Array { name, format, is_nullable: false, length, nulls: 0, buffers, children }
}

fn plain(name: String, format: &'static str, length: usize, values: Buffer) -> Array {
    array(name, format, length, vec![Buffer::None, values], Vec::new())
}

fn numbers_of(name: String, numbers: Vec<u64>) -> Array {
    plain(name, "L", numbers.len(), Buffer::Numbers(numbers))
}

fn text(name: String, texts: Texts) -> Array {
    let length = texts.ends.len();
    array(name, "u", length, vec![Buffer::None, offsets(&texts.ends), Buffer::Bytes(texts.bytes)], Vec::new())
}

fn structs(name: String, length: usize, children: Vec<Array>) -> Array {
    array(name, "+s", length, vec![Buffer::None], children)
}

fn lists(name: String, format: &'static str, ends: &[i32], items: Array) -> Array {
    array(name, format, ends.len(), vec![Buffer::None, offsets(ends)], vec![items])
}

fn map(name: String, ends: &[i32], keys: Array, counts: Vec<u64>) -> Array {
    let entries = structs("entries".into(), counts.len(), vec![keys, numbers_of("value".into(), counts)]);
    lists(name, "+m", ends, entries)
}

/// Offsets begin with 0; there is one more than there are values.
fn offsets(ends: &[i32]) -> Buffer {
    Buffer::Offsets([&[0], ends].concat())
}

/// An array of values of which some are missing. A bitmap has the bit of the first value lowest.
fn maybe(name: String, format: &'static str, are_there: impl ExactSizeIterator<Item = bool>, values: Buffer) -> Array {
    let length = are_there.len();
    let (mut bitmap, mut nulls) = (vec![0_u8; length.div_ceil(8)], 0);
    for (at, is_there) in are_there.enumerate() {
        bitmap[at / 8] |= u8::from(is_there) << (at % 8);
        nulls += usize::from(!is_there);
    }
    let validity = if nulls > 0 { Buffer::Bytes(bitmap) } else { Buffer::None };
    Array { is_nullable: true, nulls, ..array(name, format, length, vec![validity, values], Vec::new()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_values_are_the_bits_that_are_not_set() {
        let seconds = (0..10).map(|at| (at % 3 != 0).then_some(f64::from(at))).collect();
        let array = of_values("x".into(), Values::Seconds(seconds));
        assert_eq!((array.nulls, array.length, array.is_nullable), (4, 10, true));
        assert_eq!(array.buffers[0], Buffer::Bytes(vec![0b1011_0110, 0b01]));
    }

    #[test]
    fn a_map_is_a_list_of_keys_and_values() {
        let array = of_values("x".into(), Values::ByStatus(vec![1, 1, 3], vec![200, 404, 500], vec![7, 8, 9]));
        assert_eq!((array.format, array.length), ("+m", 3));
        assert_eq!(array.buffers[1], Buffer::Offsets(vec![0, 1, 1, 3]));
        let entries = &array.children[0];
        assert_eq!((entries.format, entries.length), ("+s", 3));
        assert_eq!(entries.children[0].buffers[1], Buffer::Small(vec![200, 404, 500]));
        assert_eq!(entries.children[1].buffers[1], Buffer::Numbers(vec![7, 8, 9]));
    }
}
