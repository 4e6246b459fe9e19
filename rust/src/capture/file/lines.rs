//! Lines of a file of text, decompressed if it begins like gzip or zstd.

use std::io::{self, BufRead, BufReader, Read};

use super::unpack::Unpacked;

/// Bytes that are decompressed at once.
const BUFFER: usize = 1 << 18;

/// What comes next.
#[derive(Debug, PartialEq, Eq)]
pub enum Line {
    /// A line, without its end.
    Whole(Vec<u8>),
    /// A line that is longer than asked for. It was passed over.
    TooLong,
    /// The end of the file.
    End,
}

/// The lines of a source.
pub struct Lines(BufReader<Unpacked>);

impl Lines {
    /// Wraps a source, which is looked at when it is first read.
    pub fn new(source: Box<dyn Read + Send>) -> Self {
        Self(BufReader::with_capacity(BUFFER, Unpacked::new(source)))
    }

    /// Reads the next line, which may have `most` bytes with its end.
    pub fn next(&mut self, most: usize) -> io::Result<Line> {
        let mut line = Vec::new();
        (&mut self.0).take(most as u64).read_until(b'\n', &mut line)?;
        if line.is_empty() {
            return Ok(Line::End);
        }
        if line.ends_with(b"\n") {
            line.pop();
        } else if line.len() == most {
            self.0.skip_until(b'\n')?;
            return Ok(Line::TooLong);
        }
        Ok(Line::Whole(line))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_given_without_its_end_and_one_that_is_too_long_is_passed_over() {
        let whole = |text: &str| Line::Whole(text.into());
        let mut lines = Lines::new(Box::new(b"abc\n\nabcd\nabcdef\nab".as_slice()));
        let found: Vec<_> = (0..6).map(|_| lines.next(5).unwrap()).collect();
        assert_eq!(found, [whole("abc"), whole(""), whole("abcd"), Line::TooLong, whole("ab"), Line::End]);
    }

    #[test]
    fn what_cannot_be_decompressed_is_an_error_behind_the_lines_before_it() {
        // A member of gzip that holds "one\ntwo\n" without compression, and whose end is missing.
        let packed = [&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 1, 8, 0, 0xf7, 0xff], b"one\ntwo\n".as_slice()].concat();
        let mut lines = Lines::new(Box::new(io::Cursor::new(packed)));
        assert_eq!(lines.next(100).unwrap(), Line::Whole("one".into()));
        assert_eq!(lines.next(100).unwrap(), Line::Whole("two".into()));
        assert_eq!(lines.next(100).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }
}
