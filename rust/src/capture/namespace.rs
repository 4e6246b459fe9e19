//! Network namespaces other than netmon's own (`network_namespaces(7)`): which there are, whether one has ended, and a
//! thread that works in one. Sockets belong to the namespace of the thread that makes them, whoever uses them.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Sender, channel};

use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::Error;

/// Where ip-netns(8) keeps the namespaces that have a name.
const NAMED: [&str; 2] = ["/run/netns", "/var/run/netns"];
/// What netmon's own namespace is called.
pub const OWN: &str = "self";
/// Namespaces that an error names at most.
const MOST_NAMED: usize = 20;

/// A network namespace that was asked for.
#[derive(Debug)]
pub struct Namespace {
    /// What stands before the names of its interfaces: its name, the number of its process, or the last part of its
    /// path.
    pub label: String,
    path: PathBuf,
    /// Readable once the process has ended by whose number the namespace was asked for.
    process: Option<OwnedFd>,
}

/// Which namespace it is: the number of its device and its inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity(u64, u64);

impl Identity {
    /// That of the network namespace of this thread, if it can be told.
    pub fn own() -> Option<Self> {
        identity(Path::new("/proc/thread-self/ns/net")).ok().flatten()
    }
}

fn identity(path: &Path) -> io::Result<Option<Identity>> {
    use std::os::unix::fs::MetadataExt;

    match std::fs::metadata(path) {
        Ok(found) => Ok(Some(Identity(found.dev(), found.ino()))),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(error),
    }
}

impl Namespace {
    /// Finds a namespace by its name, by the number of a process, or by its path, which has a slash. An error says
    /// which there are.
    pub fn find(asked: &str) -> Result<Self, Error> {
        if asked.contains('/') {
            if let Some(pid) = process_of(asked) {
                return Self::of_process(pid);
            }
            let label = asked.rsplit('/').find(|part| !part.is_empty()).unwrap_or(asked).to_owned();
            return Self { label, path: asked.into(), process: None }.checked(asked);
        }
        let mut paths = NAMED.iter().map(|folder| Path::new(folder).join(asked));
        if let Some(path) = paths.find(|path| !asked.is_empty() && path.exists()) {
            return Self { label: asked.to_owned(), path, process: None }.checked(asked);
        }
        match asked.parse() {
            Ok(pid) => Self::of_process(pid),
            Err(_) => Err(Error::NoInterface(format!("no network namespace {asked} ({})", listed(&names())))),
        }
    }

    fn of_process(pid: i32) -> Result<Self, Error> {
        let missing = || Error::NoInterface(format!("no process {pid}, and no network namespace of that name"));
        let process = (pid > 0).then(|| Pid::from_raw(pid)).flatten().ok_or_else(missing)?;
        let process = pidfd_open(process, PidfdFlags::empty()).map_err(|_| missing())?;
        Ok(Self { label: pid.to_string(), path: format!("/proc/{pid}/ns/net").into(), process: Some(process) })
    }

    fn checked(self, asked: &str) -> Result<Self, Error> {
        match std::fs::metadata(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(Error::NoInterface(format!("no network namespace {asked} ({})", listed(&names()))))
            }
            _ => Ok(self),
        }
    }

    /// Which namespace there is at this moment. `None` if there is none; an error if that cannot be told.
    pub fn identity(&self) -> io::Result<Option<Identity>> {
        identity(&self.path)
    }

    /// Where it is found.
    pub fn path(&self) -> std::path::Display<'_> {
        self.path.display()
    }

    /// A descriptor that is readable once the process of the namespace has ended. `None` for a namespace with a name,
    /// which may come again.
    pub fn process(&self) -> Option<BorrowedFd<'_>> {
        self.process.as_ref().map(AsFd::as_fd)
    }

    /// Starts a thread in the namespace.
    pub fn enter(&self) -> Result<Room, Error> {
        let entered = File::open(&self.path).and_then(|file| Room::open(&self.label, file));
        entered.map_err(|error| match error.kind() {
            io::ErrorKind::PermissionDenied => Error::Closed { namespace: self.label.clone() },
            io::ErrorKind::NotFound => Error::NoInterface(format!("the network namespace {} is gone", self.label)),
            io::ErrorKind::InvalidInput => {
                Error::NoInterface(format!("{} is no network namespace", self.path.display()))
            }
            _ => Error::NoInterface(format!("the network namespace {} cannot be entered: {error}", self.label)),
        })
    }
}

/// The number of the process of a path like `/proc/4711/ns/net`.
fn process_of(path: &str) -> Option<i32> {
    path.strip_prefix("/proc/")?.strip_suffix("/ns/net")?.parse().ok()
}

/// The namespaces that have a name, sorted.
fn names() -> Vec<String> {
    let entries = NAMED.iter().find_map(|folder| std::fs::read_dir(folder).ok());
    let names = entries.into_iter().flatten().filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}

/// Describes the namespaces that have a name, as part of a sentence.
fn listed(names: &[String]) -> String {
    let more = names.len().saturating_sub(MOST_NAMED);
    let shown = names[..names.len() - more].join(", ");
    match (names.is_empty(), more) {
        (true, _) => "none has a name; give the number of a process in it".to_owned(),
        (_, 0) => format!("there are: {shown}"),
        _ => format!("there are: {shown} and {more} more"),
    }
}

type Job = Box<dyn FnOnce() + Send>;

/// A thread that has entered a namespace, and does there what it is asked for. The threads that it starts are in the
/// same namespace and have the same rights. It ends when the room is dropped.
#[derive(Debug)]
pub struct Room(Sender<Job>);

impl Room {
    fn open(label: &str, namespace: File) -> io::Result<Self> {
        let (jobs, todo) = channel::<Job>();
        let (entered, is_in) = channel();
        let work = move || {
            let result = enter(namespace.as_fd());
            drop(namespace);
            let is_done = result.is_err();
            let _ = entered.send(result);
            if !is_done {
                todo.into_iter().for_each(|job| job());
            }
        };
        // The kernel cuts names of threads after 15 characters. `privileges.py` knows threads that open interfaces by
        // how their names begin.
        std::thread::Builder::new().name(format!("netmon-in-{label}")).spawn(work)?;
        is_in.recv().map_err(io::Error::other)??;
        Ok(Self(jobs))
    }

    /// Lets the thread do something later, after what it was asked for before.
    pub fn begin(&self, job: impl FnOnce() + Send + 'static) {
        // Sending fails if the thread has ended, which is as good as done.
        let _ = self.0.send(Box::new(job));
    }

    /// Lets the thread do something and waits for the result. `None` if the job panicked.
    pub fn run<R: Send + 'static>(&self, job: impl FnOnce() -> R + Send + 'static) -> Option<R> {
        let (done, result) = channel();
        // A job that panics ends the thread. Then there is no result.
        let answer = move || {
            // Whoever asked waits for the result.
            let _ = done.send(job());
        };
        self.0.send(Box::new(answer)).ok()?;
        result.recv().ok()
    }
}

/// Moves this thread into a network namespace (setns(2)).
fn enter(namespace: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: the call takes two numbers. It changes which sockets this thread makes from now on, and nothing else.
    let done = unsafe { libc::setns(namespace.as_raw_fd(), libc::CLONE_NEWNET) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_a_process_is_that_process() {
        assert_eq!(process_of("/proc/4711/ns/net"), Some(4711));
        assert_eq!(process_of("/proc/self/ns/net"), None);
        assert_eq!(process_of("/run/netns/4711"), None);
        let own = Namespace::find(&format!("/proc/{}/ns/net", std::process::id())).unwrap();
        assert_eq!(own.label, std::process::id().to_string());
        assert!(own.process().is_some() && own.identity().unwrap().is_some());
    }

    #[test]
    fn a_namespace_that_is_missing_is_named_with_those_there_are() {
        let refused = |asked: &str| Namespace::find(asked).unwrap_err().to_string();
        assert!(refused("nosuchspace").starts_with("no network namespace nosuchspace ("));
        assert!(refused("").starts_with("no network namespace  ("));
        assert!(refused("/nosuch/space").starts_with("no network namespace /nosuch/space ("));
        assert_eq!(refused("-1"), "no process -1, and no network namespace of that name");
        assert_eq!(refused("2147483647"), "no process 2147483647, and no network namespace of that name");
        let many: Vec<_> = (0..25).map(|number| format!("n{number:02}")).collect();
        assert!(listed(&many).ends_with("n18, n19 and 5 more"));
        assert_eq!(listed(&many[..2]), "there are: n00, n01");
    }
}
