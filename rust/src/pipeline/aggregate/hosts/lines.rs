//! Leads from the names of a request to its row: with one line of the processor's cache, if the names are short.
//!
//! Looking up a host and then its section reads eight lines: two of each index, two of each row, and those of both
//! names. Here a line has both names and the ticket of the row. A line may be out of date, so its ticket must be
//! compared with the row. Names may stand in one of two lines, the newer ones first. Names whose lines are taken by others,
//! and long names, are looked up the other way.

use super::ticket::Ticket;

/// Bytes of both names that a line has room for.
const ROOM: usize = 64 - size_of::<Ticket>() - 2;

/// Lines for each row, so that two lines are seldom wanted by three rows.
const LINES_OF_A_ROW: usize = 4;

/// Fewest and most lines: 4 and 256 KiB.
const FEWEST: usize = 64;
const MOST: usize = 4096;

/// The names of a row and its ticket.
#[derive(Clone, Debug)]
#[repr(C, align(64))]
struct Line {
    ticket: Ticket,
    /// Lengths of host and section, which stand one behind the other.
    host: u8,
    path: u8,
    names: [u8; ROOM],
}

const _: () = assert!(size_of::<Line>() == 64);

impl Line {
    const EMPTY: Self = Self { ticket: Ticket::NOWHERE, host: 0, path: 0, names: [0; ROOM] };

    /// Returns the ticket if the line has these names.
    #[inline]
    fn of(&self, host: &[u8], path: &[u8]) -> Option<Ticket> {
        if usize::from(self.host) != host.len() || usize::from(self.path) != path.len() {
            return None;
        }
        let (of_host, rest) = self.names.split_at_checked(host.len())?;
        (of_host == host && rest.get(..path.len()) == Some(path)).then_some(self.ticket)
    }
}

/// Lines by the hash of both names. The number of lines is a power of two, or zero at first.
#[derive(Debug, Default)]
pub struct Lines(Vec<Line>);

impl Lines {
    /// Returns the ticket that was kept for these names, which may be out of date. `hash` is that of both names.
    #[inline]
    pub fn find(&self, hash: u64, host: &[u8], path: &[u8]) -> Option<Ticket> {
        let at = hash as usize & self.0.len().wrapping_sub(1);
        self.0.get(at)?.of(host, path).or_else(|| self.0.get(at ^ 1)?.of(host, path))
    }

    /// Keeps the ticket of these names, unless they are too long. `rows` is the number of rows, of which the number of
    /// lines depends.
    pub fn keep(&mut self, hash: u64, (host, path): (&[u8], &[u8]), ticket: Ticket, rows: usize) {
        if host.len() + path.len() > ROOM {
            return;
        }
        let wanted = (LINES_OF_A_ROW * rows).next_power_of_two().clamp(FEWEST, MOST);
        if self.0.len() < wanted {
            // What was kept is found again the other way.
            self.0 = vec![Line::EMPTY; wanted];
        }
        let at = hash as usize & (self.0.len() - 1);
        let mut names = [0; ROOM];
        names[..host.len()].copy_from_slice(host);
        names[host.len()..][..path.len()].copy_from_slice(path);
        if self.0[at].ticket.is_somewhere() {
            self.0.swap(at, at ^ 1);
        }
        self.0[at] = Line { ticket, host: host.len() as u8, path: path.len() as u8, names };
    }

    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.0.len()
    }
}
