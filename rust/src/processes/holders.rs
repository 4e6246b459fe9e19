//! From sockets, by inode, to the processes that have them open.

use std::collections::VecDeque;
use std::sync::Arc;

use hashbrown::{HashMap, HashSet};

use super::cgroup::{Container, container};
use super::proc::{Proc, Process};
use super::runtime::Runtime;
use crate::pipeline::owners::Owner;

/// Processes that are looked at first, since they had sockets that were asked for before.
const RECENT: usize = 32;
/// Containers whose pod is remembered.
const MAX_CONTAINERS: usize = 4096;
/// Containers without a known pod are forgotten after this many questions, since files may come later than processes.
const PATIENCE: u32 = 16;

/// The process that holds a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    pub owner: Arc<Owner>,
    /// As [`Process::start`].
    pub start: u64,
}

impl Holder {
    /// A process of which the container is not looked for.
    fn of(process: Process) -> Self {
        let Process { pid, start, name } = process;
        Self { owner: Arc::new(Owner { name, pid, ..Owner::default() }), start }
    }
}

/// Which sockets are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Listening ones, which several processes may share. All of them are looked for.
    Listening,
    /// Those of connections. A process that has one open is enough.
    Connected,
    /// None: the numbers are ids of processes that are looked at again. Only their names and start times are told.
    Process,
}

/// Looks for processes with the rights of this process.
#[derive(Debug)]
pub struct Holders {
    proc: Proc,
    runtime: Runtime,
    recent: VecDeque<u32>,
    /// Names of pod and namespace, and how often none was found, by container.
    pods: HashMap<String, (Option<(String, String)>, u32)>,
}

impl Holders {
    /// Reads what is below these roots, which are `/proc` and `/` but in tests.
    pub fn new(proc: Proc, runtime: Runtime) -> Self {
        Self { proc, runtime, recent: VecDeque::new(), pods: HashMap::new() }
    }

    /// Returns the holder of each socket, `None` if there is none, or none that may be looked into, or several of
    /// different names. Of several with one name it is the oldest: the one that started the others.
    pub fn resolve(&mut self, inodes: &[u32], kind: Kind) -> Vec<Option<Holder>> {
        if kind == Kind::Process {
            return inodes.iter().map(|&pid| self.proc.look(pid).map(Holder::of)).collect();
        }
        let mut left: HashSet<u32> = inodes.iter().copied().filter(|inode| *inode != 0).collect();
        let mut found: HashMap<u32, Vec<Process>> = HashMap::new();
        if kind == Kind::Connected {
            for &pid in &self.recent {
                if !left.is_empty() {
                    self.proc.walk_one(pid, &left, usize::MAX, |inode, process| {
                        found.entry(inode).or_default().push(process);
                    });
                    left.retain(|inode| !found.contains_key(inode));
                }
            }
        }
        if !left.is_empty() {
            self.proc.walk(&left, |inode, process| found.entry(inode).or_default().push(process));
        }
        let mut known: HashMap<u32, Holder> = HashMap::new();
        let mut one = |inode: &u32| {
            let process = chosen(found.get(inode)?)?;
            let holder = known.entry(process.pid).or_insert_with(|| self.holder(process));
            Some(holder.clone())
        };
        let holders: Vec<_> = inodes.iter().map(&mut one).collect();
        if kind == Kind::Connected {
            known.keys().for_each(|&pid| self.remember(pid));
        }
        holders
    }

    fn remember(&mut self, pid: u32) {
        if !self.recent.contains(&pid) {
            self.recent.push_front(pid);
            self.recent.truncate(RECENT);
        }
    }

    fn holder(&mut self, process: &Process) -> Holder {
        let Process { pid, start, ref name } = *process;
        let container = self.proc.cgroups(pid).and_then(|text| container(&text));
        let (pod, namespace) = container.as_ref().and_then(|one| self.pod(one)).unwrap_or_default();
        let container = container.map(|container| container.id).unwrap_or_default().into();
        let owner = Owner { name: name.clone(), pid, container, pod: pod.into(), namespace: namespace.into() };
        Holder { owner: Arc::new(owner), start }
    }

    fn pod(&mut self, container: &Container) -> Option<(String, String)> {
        let known = self.pods.get_mut(&container.id);
        if let Some((names, misses)) = known
            && (names.is_some() || *misses < PATIENCE)
        {
            *misses += 1;
            return names.clone();
        }
        if self.pods.len() >= MAX_CONTAINERS {
            self.pods.clear();
        }
        let names = self.runtime.pod(container);
        self.pods.insert(container.id.clone(), (names.clone(), 0));
        names
    }
}

/// The oldest of processes with one name. `None` if their names differ.
fn chosen(processes: &[Process]) -> Option<&Process> {
    let oldest = processes.iter().min_by_key(|process| (process.start, process.pid))?;
    processes.iter().all(|process| process.name == oldest.name).then_some(oldest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_processes_that_share_a_socket_the_oldest_is_chosen_if_all_have_one_name() {
        let process = |pid, start, name: &str| Process { pid, start, name: name.into() };
        let nginx = [process(9, 70, "nginx"), process(7, 50, "nginx"), process(8, 70, "nginx")];
        assert_eq!(chosen(&nginx), Some(&nginx[1]));
        assert_eq!(chosen(&[process(1, 1, "systemd"), process(7, 50, "sshd")]), None);
        assert_eq!(chosen(&[]), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn sockets_of_this_process_are_its_own_and_others_are_nobodys() {
        use crate::processes::diag::LISTENING;
        use crate::processes::socket::Diag;
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let sockets = Diag::open().unwrap().dump(LISTENING, false).unwrap();
        let inode = sockets.iter().find(|socket| socket.local.port == port).unwrap().inode;
        let mut holders = Holders::new(Proc::new("/proc"), Runtime::new("/"));
        for kind in [Kind::Listening, Kind::Connected, Kind::Connected] {
            let [mine, none, nobody] = holders.resolve(&[inode, 0, u32::MAX], kind).try_into().unwrap();
            assert_eq!(mine.unwrap().owner.pid, std::process::id());
            assert_eq!((none, nobody), (None, None));
        }
        assert_eq!(holders.recent, [std::process::id()]);
        let me = std::process::id();
        let [alive, gone] = holders.resolve(&[me, u32::MAX], Kind::Process).try_into().unwrap();
        assert_eq!((alive.unwrap().owner.pid, gone), (me, None));
        drop(listener);
        assert_eq!(holders.resolve(&[inode], Kind::Connected), [None]);
    }
}
