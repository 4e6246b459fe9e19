//! Pages: blocks that were looked through, with the places of their packets. A large file is read ahead by a thread of
//! its own. Either that thread looks through a block or the one that works on the packets, whichever has time.

mod ahead;
mod scanner;

use std::sync::Arc;
use std::time::Instant;

use super::blocks::Pace;
use super::capture_file::CaptureFile;
use ahead::{ReadAhead, SharedScanner};
use scanner::Scanner;
pub use scanner::{IndexEntry, Page};

/// The pages of a file, in order.
pub struct Pages {
    shared: Arc<SharedScanner>,
    /// Who reads it ahead.
    ahead: Option<ReadAhead>,
}

impl Pages {
    pub fn new(file: CaptureFile) -> Self {
        Self { shared: Arc::new(SharedScanner::new(Scanner::new(file))), ahead: None }
    }

    /// The next page, made of entries that nobody uses any more. A file of one block is never worth a thread.
    pub fn next(&mut self, hurry: bool, entries: Vec<IndexEntry>) -> Page {
        if self.ahead.is_none() {
            let mut scanner = self.shared.scanner();
            let Some(reader) = scanner.file.take_reader() else { return scanner.next(hurry, entries) };
            let pool = scanner.file.pool();
            drop(scanner);
            match ReadAhead::start(self.shared.clone(), pool, reader) {
                Ok(ahead) => self.ahead = Some(ahead),
                Err(error) => return Page::ended(Some(error.into())),
            }
        }
        self.ahead.as_mut().map_or_else(|| Page::ended(None), |ahead| ahead.next(entries))
    }

    /// True if the next page comes without waiting, neither for the file nor for users of earlier blocks.
    pub fn is_ready(&self) -> bool {
        self.ahead.as_ref().map_or_else(|| self.shared.scanner().file.is_ready(), ReadAhead::is_ready)
    }

    /// Changes how the rest of a file is read, if no thread reads it ahead yet.
    pub fn set_pace(&self, pace: Pace) {
        self.shared.scanner().file.set_pace(pace);
    }

    /// True if the file is compressed.
    pub fn is_packed(&self) -> bool {
        self.shared.scanner().file.is_packed()
    }

    /// See [`CaptureFile::part_since`].
    pub fn part_since(&self) -> Option<Instant> {
        if self.ahead.is_some() { None } else { self.shared.scanner().file.part_since() }
    }
}
