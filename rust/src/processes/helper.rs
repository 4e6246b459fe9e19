//! A child process that looks for processes with rights that netmon itself gives up. It is started before netmon drops
//! its privileges, and keeps two capabilities: to look at the open files of other users' processes, and to read files of
//! container runtimes. It never sees a byte off the wire: it reads inodes of sockets, and answers with names.
//!
//! Messages have a fixed size. The child ends when its socket does. Whoever waits for an answer can stop waiting at any
//! time; then the child is given up, since a later answer would be taken for another one.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

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
/// How often whoever waits for an answer looks whether it is to stop waiting.
const TICK: Duration = Duration::from_millis(100);

/// The child that no capture uses at the moment.
static IDLE: Mutex<Option<Child>> = Mutex::new(None);

/// A child that was started.
#[derive(Debug)]
pub struct Child {
    socket: UnixStream,
    /// The number of its process. `None` in tests, where it is a thread.
    pid: Option<i32>,
}

impl Child {
    /// Fills `answer`. An error if the child is gone, if it takes too long, or once `is_over` says so.
    fn read(&mut self, answer: &mut [u8], is_over: &dyn Fn() -> bool) -> io::Result<()> {
        let (began, mut filled) = (Instant::now(), 0);
        while filled < answer.len() {
            match self.socket.read(&mut answer[filled..]) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(more) => filled += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if is_over() || began.elapsed() >= PATIENCE {
                        return Err(io::ErrorKind::TimedOut.into());
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Starts the child that looks for processes. To be called once, by a process that is about to give up privileges, before
/// it starts a thread: a child of one thread of several must not allocate. Captures that start later use the child.
///
/// True if it was started. It is not if this process has none of the rights that it would keep. Without it, captures
/// look for processes with the rights that they have.
pub fn fork() -> bool {
    let Ok((ours, theirs)) = UnixStream::pair() else { return false };
    if !imp::is_alone() || prepare(&ours).is_err() {
        return false;
    }
    let pid = imp::fork(theirs);
    if pid.is_some() {
        *IDLE.lock().unwrap_or_else(PoisonError::into_inner) = Some(Child { socket: ours, pid });
    }
    pid.is_some()
}

/// Bounds how long a call may wait. A question fits into the buffer of the socket unless the child hangs.
fn prepare(socket: &UnixStream) -> io::Result<()> {
    socket.set_read_timeout(Some(TICK))?;
    socket.set_write_timeout(Some(TICK))
}

/// Looks for processes.
#[derive(Debug)]
pub struct Finder {
    by: By,
    trouble: Option<String>,
}

#[derive(Debug)]
enum By {
    /// This thread, with its rights.
    Here(Holders),
    /// The child.
    Child(Child),
}

impl Finder {
    /// Uses the child if there is one and nobody else uses it, else this thread.
    pub fn new() -> Self {
        let idle = IDLE.lock().unwrap_or_else(PoisonError::into_inner).take();
        Self { by: idle.map_or_else(here, By::Child), trouble: None }
    }

    /// As [`Holders::resolve`]. If the child is gone, this thread takes over. Once `is_over` is true, the child is not
    /// waited for: then nothing is found.
    pub fn resolve(&mut self, inodes: &[u32], kind: Kind, is_over: &dyn Fn() -> bool) -> Vec<Option<Holder>> {
        if let By::Child(child) = &mut self.by {
            let answers = inodes.chunks(MAX_INODES).map(|part| ask(child, part, kind, is_over));
            match answers.collect::<io::Result<Vec<_>>>() {
                Ok(parts) => return parts.concat(),
                Err(error) => self.take_over(&error, is_over()),
            }
        }
        match &mut self.by {
            By::Here(holders) if !is_over() => holders.resolve(inodes, kind),
            _ => vec![None; inodes.len()],
        }
    }

    /// Gives up the child. That it failed is told, unless nobody waits for it any more.
    fn take_over(&mut self, error: &io::Error, is_over: bool) {
        let By::Child(child) = std::mem::replace(&mut self.by, here()) else { return };
        let reason = if error.kind() == io::ErrorKind::TimedOut { "does not answer" } else { "has ended" };
        if let Some(pid) = child.pid {
            imp::end(pid);
        }
        self.trouble = (!is_over).then(|| {
            format!("the child process that looks for processes {reason}; processes of other users may stay unknown")
        });
    }

    /// What went wrong since the last call, if anything did.
    pub fn take_trouble(&mut self) -> Option<String> {
        self.trouble.take()
    }
}

fn here() -> By {
    By::Here(Holders::new(Proc::new("/proc"), Runtime::new("/")))
}

impl Drop for Finder {
    fn drop(&mut self) {
        if let By::Child(child) = &self.by
            && let Ok(socket) = child.socket.try_clone()
        {
            *IDLE.lock().unwrap_or_else(PoisonError::into_inner) = Some(Child { socket, pid: child.pid });
        }
    }
}

fn ask(child: &mut Child, inodes: &[u32], kind: Kind, is_over: &dyn Fn() -> bool) -> io::Result<Vec<Option<Holder>>> {
    let mut question = [0; QUESTION];
    question[0] = kind as u8;
    question[2..4].copy_from_slice(&(inodes.len() as u16).to_ne_bytes());
    for (place, inode) in question[4..].chunks_exact_mut(4).zip(inodes) {
        place.copy_from_slice(&inode.to_ne_bytes());
    }
    child.socket.write_all(&question)?;
    let mut answer = [0; ANSWER];
    let mut read = |_: &u32| {
        child.read(&mut answer, is_over)?;
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

    /// Starts the child, which answers on `socket`, and returns the number of its process. `None` if this process has
    /// no right that the child would keep.
    pub fn fork(socket: UnixStream) -> Option<i32> {
        if !held().is_ok_and(|held| held.0 & KEPT.0 != 0) {
            return None;
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
            pid => (pid > 0).then_some(pid),
        }
    }

    /// Ends a child that hangs, and reaps it if it has ended. Whoever may not end it leaves that to the socket: the
    /// child ends once it wants to read from it.
    pub fn end(pid: i32) {
        // SAFETY: the calls take numbers and no pointer. The number is that of a child that was not reaped yet.
        unsafe {
            libc::kill(pid, libc::SIGKILL);
            libc::waitpid(pid, std::ptr::null_mut(), libc::WNOHANG);
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

    pub fn fork(_socket: UnixStream) -> Option<i32> {
        None
    }

    pub fn end(_pid: i32) {}
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
        let (mut finder, theirs) = finder_of_a_child();
        let server = std::thread::spawn(|| serve(theirs));
        let mut inodes = vec![u32::MAX; 300];
        inodes[299] = inode;
        let found = finder.resolve(&inodes, Kind::Listening, &|| false);
        assert_eq!(found.len(), 300);
        assert_eq!(found[299].as_ref().unwrap().owner.pid, std::process::id());
        assert!(found[..299].iter().all(Option::is_none));
        let By::Child(child) = &finder.by else { panic!("the child is used") };
        child.socket.shutdown(std::net::Shutdown::Both).unwrap();
        server.join().unwrap();
        assert_eq!(finder.take_trouble(), None);
        assert_eq!(finder.resolve(&[inode], Kind::Listening, &|| false).len(), 1);
        assert!(matches!(finder.by, By::Here(_)), "this thread takes over");
        assert!(finder.take_trouble().unwrap().contains("has ended"));
        assert_eq!(finder.take_trouble(), None, "it is told once");
    }

    fn finder_of_a_child() -> (Finder, UnixStream) {
        let (socket, theirs) = UnixStream::pair().unwrap();
        prepare(&socket).unwrap();
        (Finder { by: By::Child(Child { socket, pid: None }), trouble: None }, theirs)
    }

    #[test]
    fn a_child_that_does_not_answer_is_given_up_as_soon_as_the_capture_ends() {
        let (mut finder, mut silent) = finder_of_a_child();
        silent.write_all(&[1; ANSWER / 2]).unwrap(); // half an answer, and then nothing
        let began = Instant::now();
        let looks = std::cell::Cell::new(0);
        let is_over = || looks.replace(looks.get() + 1) > 0;
        assert_eq!(finder.resolve(&[1, 2], Kind::Connected, &is_over), [None, None]);
        assert!(looks.get() > 1 && began.elapsed() < PATIENCE / 4);
        assert!(matches!(finder.by, By::Here(_)), "what it might still say would be taken for another answer");
        assert_eq!(finder.take_trouble(), None, "nobody waits for it any more");
    }
}
