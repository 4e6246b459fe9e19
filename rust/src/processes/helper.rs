//! A child process that looks for processes with rights that netmon itself gives up. It is started before netmon drops
//! its privileges, and keeps two capabilities: to look at the open files of other users' processes, and to read files of
//! container runtimes. It never sees a byte off the wire: it reads inodes of sockets, and answers with names.
//!
//! Messages have a fixed size. The child ends when its socket does.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::holders::{Holder, Holders, Kind};
use super::proc::Proc;
use super::runtime::Runtime;
use crate::pipeline::owners::Owner;

/// Inodes in a question.
const MAX_INODES: usize = 256;
/// Bytes of a question: the kind, the number of inodes, and the inodes.
const QUESTION: usize = 4 + 4 * MAX_INODES;
/// Bytes of the answer for one inode.
const ANSWER: usize = 512;
/// Bytes of the texts of an answer: name, container, pod and namespace.
const TEXTS: [usize; 4] = [64, 64, 253, 63];
/// How long an answer may take. A walk of all processes takes a second on a machine with many.
const PATIENCE: Duration = Duration::from_secs(10);

/// The socket of a child that no capture uses at the moment.
static IDLE: Mutex<Option<UnixStream>> = Mutex::new(None);

/// Starts the child that looks for processes. To be called once, by a process that is about to give up privileges, before
/// it starts a thread: a child of one thread of several must not allocate. Captures that start later use the child.
///
/// True if it was started. It is not if this process has none of the rights that it would keep. Without it, captures
/// look for processes with the rights that they have.
pub fn fork() -> bool {
    let Ok((ours, theirs)) = UnixStream::pair() else { return false };
    if !imp::is_alone() || ours.set_read_timeout(Some(PATIENCE)).is_err() {
        return false;
    }
    let is_started = imp::fork(theirs);
    if is_started {
        *IDLE.lock().unwrap_or_else(PoisonError::into_inner) = Some(ours);
    }
    is_started
}

/// Who looks for processes.
#[derive(Debug)]
pub enum Finder {
    /// This thread, with its rights.
    Here(Holders),
    /// The child.
    Child(UnixStream),
}

impl Finder {
    /// The child if there is one and nobody uses it, else this thread.
    pub fn new() -> Self {
        let idle = IDLE.lock().unwrap_or_else(PoisonError::into_inner).take();
        idle.map_or_else(Self::here, Self::Child)
    }

    fn here() -> Self {
        Self::Here(Holders::new(Proc::new("/proc"), Runtime::new("/")))
    }

    /// As [`Holders::resolve`]. If the child is gone, this thread takes over.
    pub fn resolve(&mut self, inodes: &[u32], kind: Kind) -> Vec<Option<Holder>> {
        if let Self::Child(child) = self {
            match inodes.chunks(MAX_INODES).map(|part| ask(child, part, kind)).collect::<io::Result<Vec<_>>>() {
                Ok(parts) => return parts.concat(),
                Err(_) => *self = Self::here(),
            }
        }
        match self {
            Self::Here(holders) => holders.resolve(inodes, kind),
            Self::Child(_) => vec![None; inodes.len()],
        }
    }
}

impl Drop for Finder {
    fn drop(&mut self) {
        if let Self::Child(child) = self
            && let Ok(child) = child.try_clone()
        {
            *IDLE.lock().unwrap_or_else(PoisonError::into_inner) = Some(child);
        }
    }
}

fn ask(child: &mut UnixStream, inodes: &[u32], kind: Kind) -> io::Result<Vec<Option<Holder>>> {
    let mut question = [0; QUESTION];
    question[0] = kind as u8;
    question[2..4].copy_from_slice(&(inodes.len() as u16).to_ne_bytes());
    for (place, inode) in question[4..].chunks_exact_mut(4).zip(inodes) {
        place.copy_from_slice(&inode.to_ne_bytes());
    }
    child.write_all(&question)?;
    let mut answer = [0; ANSWER];
    let mut read = |_: &u32| {
        child.read_exact(&mut answer)?;
        Ok(unpack(&answer))
    };
    inodes.iter().map(&mut read).collect()
}

/// Answers questions until the other side is closed.
fn serve(mut socket: UnixStream) {
    let mut holders = Holders::new(Proc::new("/proc"), Runtime::new("/"));
    let mut question = [0; QUESTION];
    while socket.read_exact(&mut question).is_ok() {
        let kind = match question[0] {
            0 => Kind::Listening,
            1 => Kind::Connected,
            _ => Kind::Process,
        };
        let count = usize::from(u16::from_ne_bytes([question[2], question[3]]));
        let inodes = question[4..].chunks_exact(4).take(count);
        let inodes: Vec<u32> =
            inodes.map(|inode| u32::from_ne_bytes([inode[0], inode[1], inode[2], inode[3]])).collect();
        let answers = holders.resolve(&inodes, kind);
        if answers.iter().any(|holder| socket.write_all(&pack(holder.as_ref())).is_err()) {
            return;
        }
    }
}

/// A holder as bytes. A text that is too long is left out.
fn pack(holder: Option<&Holder>) -> [u8; ANSWER] {
    let mut bytes = [0; ANSWER];
    let Some(Holder { owner, start }) = holder else { return bytes };
    bytes[0] = 1;
    bytes[4..8].copy_from_slice(&owner.pid.to_ne_bytes());
    bytes[8..16].copy_from_slice(&start.to_ne_bytes());
    let mut at = 16;
    for (text, room) in [&owner.name, &owner.container, &owner.pod, &owner.namespace].into_iter().zip(TEXTS) {
        if text.len() <= room {
            bytes[at] = text.len() as u8;
            bytes[at + 1..at + 1 + text.len()].copy_from_slice(text.as_bytes());
        }
        at += 1 + room;
    }
    bytes
}

fn unpack(bytes: &[u8; ANSWER]) -> Option<Holder> {
    let pid = u32::from_ne_bytes(*bytes[4..].first_chunk()?);
    let start = u64::from_ne_bytes(*bytes[8..].first_chunk()?);
    let mut at = 16;
    let [name, container, pod, namespace] = TEXTS.map(|room| {
        let length = usize::from(bytes[at]).min(room);
        let text = str::from_utf8(&bytes[at + 1..at + 1 + length]).unwrap_or_default();
        at += 1 + room;
        Arc::from(text)
    });
    (bytes[0] == 1).then(|| Holder { owner: Arc::new(Owner { name, pid, container, pod, namespace }), start })
}

#[cfg(target_os = "linux")]
mod imp {
    use std::io;
    use std::os::fd::AsRawFd;
    use std::os::unix::net::UnixStream;

    use crate::privileges::{Rights, deny_system_calls, held, keep, limit, no_new_rights, retain, switch_user};

    /// What the child keeps: to see the files of others' processes, and to read files of container runtimes.
    const KEPT: Rights = Rights::DAC_READ_SEARCH.and(Rights::SYS_PTRACE);
    /// The user and group `nobody`, by number: the child reads no database.
    const NOBODY: u32 = 65_534;

    /// True if this process has one thread.
    pub fn is_alone() -> bool {
        std::fs::read_dir("/proc/self/task").is_ok_and(|threads| threads.count() == 1)
    }

    /// Starts the child, which answers on `socket`. False if this process has no right that the child would keep.
    pub fn fork(socket: UnixStream) -> bool {
        if !held().is_ok_and(|held| held.0 & KEPT.0 != 0) {
            return false;
        }
        // SAFETY: this process has one thread, so the child may do whatever the parent may. It never returns.
        match unsafe { libc::fork() } {
            0 => {
                if detach(&socket).and_then(|()| confine()).is_ok() {
                    super::serve(socket);
                }
                // SAFETY: it ends the process without running anything of the parent's.
                unsafe { libc::_exit(0) }
            }
            pid => pid > 0,
        }
    }

    /// Leaves the terminal and all files of the parent but the socket. The child ends with its socket, so that Ctrl+C
    /// does not end it before the capture.
    fn detach(socket: &UnixStream) -> io::Result<()> {
        let file = socket.as_raw_fd().cast_unsigned();
        let close = |first: u32, last: u32| {
            // SAFETY: the call takes numbers (close_range(2)). The C library of 2018 has no function for it. No file is
            // used again but the socket.
            if unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) } == 0 {
                return Ok(());
            }
            Err(io::Error::last_os_error())
        };
        // SAFETY: the calls take numbers and a text that ends with a zero.
        unsafe {
            libc::signal(libc::SIGINT, libc::SIG_IGN);
            libc::signal(libc::SIGTERM, libc::SIG_DFL);
            libc::signal(libc::SIGPIPE, libc::SIG_IGN);
            libc::setsid();
            libc::prctl(libc::PR_SET_NAME, c"netmon-lookup".as_ptr());
        }
        if file > 0 {
            close(0, file - 1)?;
        }
        close(file + 1, u32::MAX)
    }

    /// Gives up the user, all capabilities but two, and dangerous system calls.
    fn confine() -> io::Result<()> {
        no_new_rights()?;
        // Without CAP_SETPCAP the bounds stay, which no_new_privs makes harmless.
        let _ = limit(KEPT);
        keep()?;
        // Whoever may not switch has a user without rights already.
        let _ = switch_user(NOBODY, NOBODY);
        retain(KEPT)?;
        deny_system_calls().map(|_| ())
    }
}

#[cfg(not(target_os = "linux"))]
mod imp {
    use std::os::unix::net::UnixStream;

    pub fn is_alone() -> bool {
        false
    }

    pub fn fork(_socket: UnixStream) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holder(name: &str) -> Holder {
        let owner =
            Owner { name: name.into(), pid: 7, container: "ab".into(), pod: "cart".into(), namespace: "shop".into() };
        Holder { owner: Arc::new(owner), start: 99 }
    }

    #[test]
    fn a_holder_is_read_as_it_was_written_and_a_text_that_is_too_long_is_left_out() {
        assert_eq!(unpack(&pack(Some(&holder("nginx")))), Some(holder("nginx")));
        assert_eq!(unpack(&pack(None)), None);
        assert_eq!(unpack(&pack(Some(&holder(&"x".repeat(65))))), Some(holder("")));
        assert!(unpack(&[0xff; ANSWER]).is_none());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_server_of_questions_answers_like_a_look_with_its_own_rights_and_ends_with_its_socket() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let link = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&listener));
        let link = std::fs::read_link(link).unwrap();
        let inode: u32 = link.to_str().unwrap().trim_matches(|c: char| !c.is_ascii_digit()).parse().unwrap();
        let (ours, theirs) = UnixStream::pair().unwrap();
        let server = std::thread::spawn(|| serve(theirs));
        let mut finder = Finder::Child(ours);
        let mut inodes = vec![u32::MAX; 300];
        inodes[299] = inode;
        let found = finder.resolve(&inodes, Kind::Listening);
        assert_eq!(found.len(), 300);
        assert_eq!(found[299].as_ref().unwrap().owner.pid, std::process::id());
        assert!(found[..299].iter().all(Option::is_none));
        let Finder::Child(ours) = &finder else { panic!("the child is used") };
        ours.shutdown(std::net::Shutdown::Both).unwrap();
        server.join().unwrap();
        assert_eq!(finder.resolve(&[inode], Kind::Listening).len(), 1);
        assert!(matches!(finder, Finder::Here(_)), "this thread takes over");
    }
}
