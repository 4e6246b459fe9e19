//! Reads `/proc` (proc(5)): which processes have a socket open, and what they are called.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hashbrown::HashSet;

use crate::pipeline::name;

/// Processes, and open files of all of them, that one walk looks at. A machine with more has some processes unknown.
const MAX_PROCESSES: usize = 65_536;
const MAX_FILES: usize = 1 << 20;
/// Bytes of `stat` and of `cgroup` that are read. Both are shorter.
const MAX_STAT: u64 = 4096;
const MAX_CGROUP: u64 = 64 << 10;

/// A process at some moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    pub pid: u32,
    /// When it started, in ticks since the machine did. A later process with the same id has another one.
    pub start: u64,
    /// Its name, safe to show.
    pub name: Arc<str>,
}

/// The processes of this machine.
#[derive(Debug)]
pub struct Proc {
    root: PathBuf,
}

impl Proc {
    /// Reads the processes below `root`, which is `/proc` but in tests.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Calls `each` with the inode of each of these sockets and a process that has it open, for all that may be looked
    /// into.
    pub fn walk(&self, sockets: &HashSet<u32>, mut each: impl FnMut(u32, Process)) {
        let mut left = MAX_FILES;
        let names = fs::read_dir(&self.root).into_iter().flatten().flatten();
        let pids = names.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        for pid in pids.take(MAX_PROCESSES) {
            left = self.walk_one(pid, sockets, left, &mut each);
            if left == 0 {
                return;
            }
        }
    }

    /// As [`Self::walk`] for one process, at most `left` of its open files. Returns how many are left.
    pub fn walk_one(
        &self,
        pid: u32,
        sockets: &HashSet<u32>,
        mut left: usize,
        mut each: impl FnMut(u32, Process),
    ) -> usize {
        let files = fs::read_dir(self.path(pid, "fd")).into_iter().flatten().flatten();
        let mut found = None;
        for file in files.take(left) {
            left -= 1;
            let Some(inode) = socket_at(&file.path()).filter(|inode| sockets.contains(inode)) else { continue };
            let process = found.get_or_insert_with(|| self.look(pid));
            // If the process still has the file open, its id was not given to another one meanwhile.
            if let Some(process) = process
                && socket_at(&file.path()) == Some(inode)
            {
                each(inode, process.clone());
            }
        }
        left
    }

    /// Returns the process with this id, `None` if there is none.
    pub fn look(&self, pid: u32) -> Option<Process> {
        let (start, name) = stat(&beginning(&self.path(pid, "stat"), MAX_STAT)?)?;
        Some(Process { pid, start, name })
    }

    /// Returns the cgroups of a process, as the kernel writes them.
    pub fn cgroups(&self, pid: u32) -> Option<String> {
        String::from_utf8(beginning(&self.path(pid, "cgroup"), MAX_CGROUP)?).ok()
    }

    fn path(&self, pid: u32, file: &str) -> PathBuf {
        self.root.join(pid.to_string()).join(file)
    }
}

/// Returns the first bytes of a file, at most `most`.
pub fn beginning(path: &Path, most: u64) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(most).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// Returns the inode of the socket to which a link of `/proc/PID/fd` points, `None` if it points to something else.
fn socket_at(link: &Path) -> Option<u32> {
    let target = fs::read_link(link).ok()?;
    target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
}

/// Reads `/proc/PID/stat`: the start time and the name. The name stands in parentheses and may contain any character.
fn stat(bytes: &[u8]) -> Option<(u64, Arc<str>)> {
    let begin = bytes.iter().position(|byte| *byte == b'(')?;
    let end = bytes.iter().rposition(|byte| *byte == b')')?;
    let mut name = Vec::new();
    name::clean_into(&mut name, bytes.get(begin + 1..end)?, name::MAX_HOST);
    // The third field stands behind the name, and the start time is the 22nd one.
    let start = bytes.get(end + 1..)?.split(u8::is_ascii_whitespace).filter(|field| !field.is_empty()).nth(19)?;
    Some((str::from_utf8(start).ok()?.parse().ok()?, name::as_text(&name).into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_process_may_contain_anything_and_is_made_safe() {
        let stat_of = |name: &str| {
            let rest = "S 1 7 7 0 -1 4194560 1 0 0 0 1 2 3 4 20 0 1 0 98765 1000 200";
            stat(format!("42 ({name}) {rest}\n").as_bytes()).map(|(start, name)| (start, name.to_string()))
        };
        assert_eq!(stat_of("nginx"), Some((98765, "nginx".into())));
        assert_eq!(stat_of("a) R 1 (b"), Some((98765, "a) R 1 (b".into())));
        assert_eq!(stat_of("\u{1b}[31m").unwrap().1.find('\u{1b}'), None);
        for broken in ["", "42 (nginx", "42 (nginx) S", "42 nginx) S 1", ")("] {
            assert_eq!(stat(broken.as_bytes()), None, "{broken}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_has_its_own_socket_open() {
        use std::os::fd::AsRawFd;
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let inode = socket_at(Path::new(&format!("/proc/self/fd/{}", listener.as_raw_fd()))).unwrap();
        let proc = Proc::new("/proc");
        let mut found = Vec::new();
        proc.walk(&[inode].into(), |inode, process| found.push((inode, process)));
        let me = proc.look(std::process::id()).unwrap();
        assert_eq!(found, [(inode, me.clone())]);
        assert!(proc.cgroups(me.pid).unwrap().contains(':'));
        let left = proc.walk_one(me.pid, &[inode].into(), 1, |_, _| {});
        assert_eq!(left, 0, "as many files as are allowed");
    }
}
