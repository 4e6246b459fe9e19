//! Key logs: files and named pipes to which programs write the secrets of their TLS connections. Each line is handed
//! over once, whole, in the order of the file.
//!
//! A file may not exist yet, may grow, be truncated, or be replaced by another. A named pipe is opened without waiting
//! for its writer, and stays open when the writer closes it. Nothing is kept of a line that was handed over.

mod lines;
mod sink;
#[cfg(test)]
mod tests;

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::OFlags;
use zeroize::Zeroizing;

pub use lines::Lines;

pub use sink::LineSink;

use super::Error;
use super::named::name_of;
use super::wait::{Bell, Woken, wait_for};

/// How often a key log is looked at. Keys that come this much later than the packets are still in time.
pub const POLL: Duration = Duration::from_millis(10);

/// Limit on the bytes of a file that are read at the start: more than the key store has room for. Of a larger file only
/// the end is read, which has the newest keys.
const MAX_START: u64 = 256 << 20;

/// Limit on the bytes that are read at one look, so that a writer that never pauses does not occupy a CPU.
const MAX_LOOK: usize = 4 << 20;

/// How long a named pipe may be silent before the capture of a file begins without the rest of it.
const PATIENCE: Duration = Duration::from_millis(500);

/// A last line without an end is handed over once it has not grown for this long.
const UNFINISHED: Duration = Duration::from_secs(1);

/// Something that the user is told about a key log. No text has anything of its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Nothing is wrong.
    Info(String),
    /// Some keys are missing, or others can read them.
    Warning(String),
}

/// The file that is open.
struct Source {
    file: File,
    /// Device and inode.
    id: (u64, u64),
    /// Where the next byte is read from.
    at: u64,
    is_pipe: bool,
}

/// One key log.
pub struct KeyLog {
    path: PathBuf,
    /// The path as text.
    name: String,
    source: Option<Source>,
    lines: Lines,
    /// When the last bytes came.
    heard: Instant,
    buffer: Zeroizing<Vec<u8>>,
    /// The reason why the file cannot be opened, if the user was told.
    trouble: Option<ErrorKind>,
    notices: Vec<Notice>,
}

impl KeyLog {
    /// Opens a key log. With `may_wait`, it need not exist yet. An error if it cannot be read, or is neither a file nor
    /// a named pipe.
    pub fn open(path: &Path, may_wait: bool) -> Result<Self, Error> {
        let mut log = Self {
            path: path.to_owned(),
            name: name_of(path),
            source: None,
            lines: Lines::default(),
            heard: Instant::now(),
            buffer: Zeroizing::new(vec![0; 64 * 1024]),
            trouble: None,
            notices: Vec::new(),
        };
        match log.open_file() {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::NotFound && may_wait => {
                log.trouble = Some(ErrorKind::NotFound);
                log.notices
                    .push(Notice::Info(format!("key log {}: there is no such file yet; waiting for it", log.name)));
            }
            Err(error) => return Err(Error::File { path: log.name.clone(), reason: log.words(&error) }),
        }
        Ok(log)
    }

    /// The path as text.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Takes what the user is to be told.
    pub fn take_notices(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.notices)
    }

    /// Hands over all lines that are there. With `is_final`, the capture of a file begins next: the last line counts
    /// although its end is missing, and a named pipe is waited for while its writer writes. A ring of `bell` ends the
    /// wait.
    pub fn read_all(&mut self, sink: &LineSink, is_final: bool, bell: &Bell) -> io::Result<()> {
        let Some(source) = &mut self.source else { return Ok(()) };
        if !source.is_pipe {
            let length = source.file.metadata()?.len();
            if let Some(start) = length.checked_sub(MAX_START).filter(|&start| start > 0) {
                source.at = source.file.seek(SeekFrom::Start(start))?;
                self.lines.skip_line();
                let words = format!("key log {}: only its last {} MiB are read", self.name, MAX_START >> 20);
                self.notices.push(Notice::Warning(words));
            }
        }
        let mut left = MAX_START + MAX_LOOK as u64;
        while left > 0 {
            match self.read_some(sink)? {
                Got::Bytes(count) => left = left.saturating_sub(count as u64),
                Got::End => break,
                Got::Silence => {
                    let Some(source) = self.source.as_ref().filter(|_| is_final) else { break };
                    if wait_for(source.file.as_fd(), bell, PATIENCE)? != Woken::Readable {
                        break;
                    }
                }
            }
        }
        if is_final {
            self.lines.show(sink);
        }
        Ok(())
    }

    /// Looks whether the key log has changed, and hands over the lines that came since.
    pub fn follow(&mut self, sink: &LineSink, now: Instant) {
        self.check_path(sink);
        if let Err(error) = self.check_length().and_then(|()| self.read_new(sink, now)) {
            let words = format!("key log {}: {}; it is opened again", self.name, self.words(&error));
            self.notices.push(Notice::Warning(words));
            self.leave();
        }
    }

    /// Opens the file that the path leads to now, if that is another one. The rest of the one before is read first.
    fn check_path(&mut self, sink: &LineSink) {
        let found = std::fs::metadata(&self.path);
        let is_same = match (&found, &self.source) {
            (Ok(found), Some(source)) => id_of(found) == source.id,
            // The file was removed or renamed. Its writer may still have it open.
            (Err(_), Some(_)) => true,
            (_, None) => false,
        };
        if is_same {
            return;
        }
        if self.source.is_some() {
            let _ = self.read_new(sink, Instant::now());
            self.lines.show(sink);
            self.leave();
            self.notices
                .push(Notice::Info(format!("key log {}: is another file now, read from its beginning", self.name)));
        }
        match self.open_file() {
            Ok(()) => {
                if self.trouble.take().is_some() {
                    self.notices.push(Notice::Info(format!("key log {}: is there now", self.name)));
                }
            }
            Err(error) if self.trouble == Some(error.kind()) => {}
            Err(error) => {
                self.trouble = Some(error.kind());
                let words = format!("key log {}: {}; keys from now on are missing", self.name, self.words(&error));
                self.notices.push(Notice::Warning(words));
            }
        }
    }

    /// Begins anew with a file that was truncated.
    fn check_length(&mut self) -> io::Result<()> {
        let Some(source) = self.source.as_mut().filter(|source| !source.is_pipe) else { return Ok(()) };
        if source.file.metadata()?.len() < source.at {
            source.at = source.file.seek(SeekFrom::Start(0))?;
            self.lines = Lines::default();
            self.notices.push(Notice::Info(format!("key log {}: was truncated, read from its beginning", self.name)));
        }
        Ok(())
    }

    fn read_new(&mut self, sink: &LineSink, now: Instant) -> io::Result<()> {
        let mut left = MAX_LOOK;
        while left > 0 {
            match self.read_some(sink)? {
                Got::Bytes(count) => {
                    self.heard = now;
                    left = left.saturating_sub(count);
                }
                Got::End | Got::Silence => break,
            }
        }
        if now.saturating_duration_since(self.heard) >= UNFINISHED {
            self.lines.show(sink);
        }
        Ok(())
    }

    fn read_some(&mut self, sink: &LineSink) -> io::Result<Got> {
        let Some(source) = &mut self.source else { return Ok(Got::End) };
        loop {
            return match source.file.read(&mut self.buffer) {
                Ok(0) => Ok(Got::End),
                Ok(count) => {
                    source.at += count as u64;
                    self.lines.push(&self.buffer[..count], sink);
                    Ok(Got::Bytes(count))
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(Got::Silence),
                Err(error) => Err(error),
            };
        }
    }

    fn open_file(&mut self) -> io::Result<()> {
        // A named pipe is opened without waiting for its writer. Files do not care.
        let flags = OFlags::NONBLOCK.bits() as i32;
        let file = OpenOptions::new().read(true).custom_flags(flags).open(&self.path)?;
        let found = file.metadata()?;
        let kind = found.file_type();
        if kind.is_dir() {
            return Err(ErrorKind::IsADirectory.into());
        }
        if !kind.is_file() && !kind.is_fifo() {
            return Err(io::Error::other("is neither a file nor a named pipe"));
        }
        if found.mode() & 0o077 != 0 && kind.is_file() {
            let words = format!(
                "key log {}: others than its owner may open it, and who has it can decrypt the traffic; type: chmod 600 {}",
                self.name,
                quoted(&self.name)
            );
            self.notices.push(Notice::Warning(words));
        }
        self.source = Some(Source { file, id: id_of(&found), at: 0, is_pipe: kind.is_fifo() });
        self.lines = Lines::default();
        Ok(())
    }

    fn leave(&mut self) {
        self.source = None;
        self.lines = Lines::default();
    }

    /// The message of an error, with what to type.
    fn words(&self, error: &io::Error) -> String {
        match error.kind() {
            ErrorKind::NotFound => "there is no such key log".into(),
            ErrorKind::IsADirectory => "is a folder and no key log".into(),
            ErrorKind::PermissionDenied => format!(
                "not permitted to read the key log; its owner can type: setfacl -m u:$USER:r {}",
                quoted(&self.name)
            ),
            _ => error.to_string(),
        }
    }
}

/// What one call of the system gave.
enum Got {
    Bytes(usize),
    /// The end of a file, or of what the writers of a pipe wrote.
    End,
    /// The writer of a pipe has nothing to say now.
    Silence,
}

fn id_of(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

/// A name as one word of a shell.
fn quoted(name: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@%=:,".contains(c);
    if name.chars().all(is_plain) { name.to_owned() } else { format!("'{}'", name.replace('\'', "'\\''")) }
}
