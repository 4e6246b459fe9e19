//! Counts server-sent events as they pass (WHATWG HTML §9.2.6): the bytes of a body come in, the number of events goes
//! out.
//!
//! A line ends with CR, LF or CRLF. An empty line dispatches the event whose lines came before it, if one of them is a
//! `data` field; a comment is no event. An event that the body ends within is not dispatched. A body with a content
//! coding cannot be counted.

use super::watch::{Seen, Watch};

const DATA: &[u8] = b"data";
const MARK: &[u8] = b"\xef\xbb\xbf";

/// What the current line is so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    /// The first bytes of a byte order mark, which the body may begin with.
    Mark(u8),
    /// The first bytes of the name `data`; none at the start of the line.
    Name(u8),
    /// Any other line, or one whose name was read.
    Rest,
}

/// The position in a body of type `text/event-stream`.
#[derive(Debug)]
pub struct Events {
    line: Line,
    /// True if a `data` field came since the last empty line.
    has_data: bool,
    /// True if the previous byte was the CR that ended a line.
    is_behind_cr: bool,
}

impl Default for Events {
    fn default() -> Self {
        Self { line: Line::Mark(0), has_data: false, is_behind_cr: false }
    }
}

impl Events {
    /// Ends a line. Returns whether that dispatches an event.
    fn end_line(&mut self) -> bool {
        let line = std::mem::replace(&mut self.line, Line::Name(0));
        match line {
            Line::Mark(0 | 3) | Line::Name(0) => return std::mem::take(&mut self.has_data),
            Line::Name(read) => self.has_data |= usize::from(read) == DATA.len(),
            Line::Mark(_) | Line::Rest => {}
        }
        false
    }

    /// Takes a byte of the beginning of a line.
    fn begin(&mut self, byte: u8) {
        let next = |known: &[u8], read: u8| known.get(usize::from(read)) == Some(&byte);
        self.line = match self.line {
            Line::Mark(read) if next(MARK, read) => Line::Mark(read + 1),
            Line::Mark(0 | 3) if byte == DATA[0] => Line::Name(1),
            Line::Name(read) if next(DATA, read) => Line::Name(read + 1),
            Line::Name(read) => {
                self.has_data |= usize::from(read) == DATA.len() && byte == b':';
                Line::Rest
            }
            Line::Mark(_) | Line::Rest => Line::Rest,
        };
    }
}

impl Watch for Events {
    fn step(&mut self, bytes: &[u8], seen: &mut Seen) -> usize {
        let is_behind_cr = std::mem::take(&mut self.is_behind_cr);
        match bytes[0] {
            b'\n' if is_behind_cr => {}
            byte @ (b'\r' | b'\n') => {
                self.is_behind_cr = byte == b'\r';
                seen.messages += u64::from(self.end_line());
            }
            _ if self.line == Line::Rest => return memchr::memchr2(b'\r', b'\n', bytes).unwrap_or(bytes.len()),
            byte => self.begin(byte),
        }
        1
    }

    /// The line that the hole ends in counts as no field, and not as empty. A `data` field before it still makes an
    /// event.
    fn skip(&mut self, _count: Option<u64>) {
        (self.line, self.is_behind_cr) = (Line::Rest, false);
    }

    fn unwanted(&self) -> u64 {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::protocol::watch::tests::in_pieces;

    #[test]
    fn events_are_counted_as_browsers_dispatch_them() {
        let table: [(&str, u64); 16] = [
            ("", 0),
            ("data: a\n\n", 1),
            ("data: a\r\n\r\ndata: b\r\n\r\n", 2),
            ("data: a\r\rdata: b\r\r", 2),
            ("data: a\r\n\rdata: b\n\r\n", 2),
            ("data: a\ndata: b\nid: 3\n\n", 1),
            (": a comment\n\n", 0),
            ("event: ping\nid: 1\n\n", 0),
            ("data\n\ndata:\n\n", 2),
            ("data: a\n", 0),
            ("\n\n\ndata: a\n\n\n\n", 1),
            ("database: a\n\ndat: b\n\n data: c\n\n", 0),
            ("\u{feff}data: a\n\n", 1),
            ("\u{feff}\u{feff}data: a\n\n", 0),
            ("retry: 1\ndata: a\n\n: b\n\nevent: c\ndata: d\n\n", 2),
            ("d\ndata: a\n\n", 1),
        ];
        for (body, want) in table {
            assert_eq!(in_pieces(body.as_bytes(), Events::default).messages, want, "{body:?}");
        }
    }

    #[test]
    fn a_hole_invents_no_event() {
        let table =
            [("data: a\n", "\n", 0), ("data: a\n", "x\n\n", 1), ("", "data: a\n\n", 0), ("", "x\ndata: a\n\n", 1)];
        for (before, behind, want) in table {
            let mut events = Events::default();
            let first = events.take(before.as_bytes()).messages;
            events.skip(None);
            assert_eq!(first + events.take(behind.as_bytes()).messages, want, "{before:?}, {behind:?}");
        }
    }
}
