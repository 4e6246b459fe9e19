//! Which processes of this machine hold the ends of connections. An edge finds processes; this stage only says which
//! ends to look for, and keeps what was found. Nothing here waits.
//!
//! The server's end is known by the listening socket, so a connection to a known listener is never asked about. Every
//! other end on this machine is asked about once, when its connection begins. Until the answer comes the process is not
//! known, and it stays unknown if the socket was gone by then. An answer belongs to one connection: a later one with
//! the same addresses and ports has a number of its own.

use std::net::Ipv6Addr;
use std::sync::Arc;

use foldhash::fast::RandomState;
use hashbrown::{HashMap, HashSet};

use super::decode::{Endpoint, FlowKey};

/// Connections of one worker whose ends are asked about and remembered. Ends of further ones stay unknown. They take
/// some 10 MB at most.
pub const MAX_REMEMBERED: usize = 65_536;

/// Questions that wait to be taken. A worker takes them some times a second at least; more come only with a flood.
pub const MAX_ASKED: usize = 4_096;

/// A process that holds one end of a connection. Texts are empty where nothing is known.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Owner {
    /// Its name, at most 15 bytes on Linux.
    pub name: Arc<str>,
    /// Its process id.
    pub pid: u32,
    /// The id of its container.
    pub container: Arc<str>,
    /// The name of its pod.
    pub pod: Arc<str>,
    /// The Kubernetes namespace of its pod.
    pub namespace: Arc<str>,
}

/// What the kernel knows of one end of a connection (tcp(7), `TCP_INFO`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KernelView {
    /// Its smoothed round-trip time, in nanoseconds.
    pub rtt: u64,
    /// Its congestion window, in segments.
    pub cwnd: u32,
    /// Segments that it has retransmitted.
    pub retransmits: u32,
}

/// An address and port with an open socket, and what is at the other end.
pub type Socket = (Endpoint, Endpoint);

/// What is known of this machine at some moment. It never changes; a later one replaces it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Machine {
    /// Its addresses, without those of the loopback network.
    pub addresses: HashSet<Ipv6Addr>,
    /// Holders of listening sockets. An unspecified address, `::` or `::ffff:0.0.0.0`, stands for all of its family.
    /// `None` if the holder is not known for sure.
    pub listeners: HashMap<Endpoint, Option<Arc<Owner>>>,
    /// What the kernel knows of established connections, by their local and remote end. Empty unless connections are
    /// listed.
    pub views: HashMap<Socket, KernelView>,
}

impl Machine {
    /// True if the address is one of this machine.
    pub fn has(&self, address: Ipv6Addr) -> bool {
        let is_loopback =
            address.to_ipv4_mapped().map_or_else(|| address.is_loopback(), |address| address.is_loopback());
        is_loopback || self.addresses.contains(&address)
    }

    /// Returns the holder of the socket that accepts connections to this end: the listener of the address itself, or
    /// that of all addresses.
    pub fn listener(&self, end: Endpoint) -> Option<&Arc<Owner>> {
        let any = if end.address.to_ipv4_mapped().is_some() { ANY_V4 } else { Ipv6Addr::UNSPECIFIED };
        let found = self.listeners.get(&end).or_else(|| self.listeners.get(&Endpoint { address: any, ..end }));
        found.and_then(Option::as_ref)
    }
}

/// `0.0.0.0` as an IPv4-mapped address.
pub const ANY_V4: Ipv6Addr = std::net::Ipv4Addr::UNSPECIFIED.to_ipv6_mapped();

/// A question: who holds these ends of a connection?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ask {
    /// Tells apart connections with the same ends.
    pub number: u64,
    /// The lesser and the greater end of the connection.
    pub ends: [Endpoint; 2],
    /// For each end, true if it is on this machine and its holder is wanted.
    pub wanted: [bool; 2],
}

/// The answer to an [`Ask`].
#[derive(Clone, Debug)]
pub struct Answer {
    /// The question.
    pub ask: Ask,
    /// For each end its holder, `None` if it is not known.
    pub owners: [Option<Arc<Owner>>; 2],
}

/// Which ends of a connection are on this machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Local {
    /// None, or that is not known.
    #[default]
    Neither,
    /// The client's.
    Client,
    /// The server's.
    Server,
    /// Both.
    Both,
}

impl Local {
    /// All values, in their order.
    pub const ALL: [Self; 4] = [Self::Neither, Self::Client, Self::Server, Self::Both];

    /// True if no end is on this machine.
    pub fn is_neither(&self) -> bool {
        *self == Self::Neither
    }

    /// Returns the text of the value in a snapshot.
    pub fn name(self) -> &'static str {
        ["", "client", "server", "both"][self as usize]
    }
}

/// The processes at the ends of one connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parties {
    /// Which ends are on this machine.
    pub local: Local,
    /// Holder of the server's end.
    pub server: Option<Arc<Owner>>,
    /// Holder of the client's end.
    pub client: Option<Arc<Owner>>,
    /// What the kernel knows of the server's end or, if only the client's is on this machine, of that.
    pub view: Option<KernelView>,
    /// True if an answer is still to come.
    pub is_awaited: bool,
}

impl Parties {
    /// The process that the connection belongs to: that of the server if the server is on this machine, else that of
    /// the client.
    pub fn main(&self) -> Option<&Arc<Owner>> {
        if self.local == Local::Client { self.client.as_ref() } else { self.server.as_ref() }
    }

    /// The name of that process; empty if it is not known.
    pub fn name(&self) -> &str {
        self.main().map_or("", |owner| &owner.name)
    }
}

/// What is remembered of a connection that was asked about.
#[derive(Debug)]
struct Entry {
    number: u64,
    is_answered: bool,
    owners: [Option<Arc<Owner>>; 2],
}

/// The processes of all connections of one worker.
#[derive(Debug, Default)]
pub struct Owners {
    machine: Arc<Machine>,
    /// By the lesser and the greater end. Strangers choose the ends, so the hash has a random seed.
    entries: HashMap<Socket, Entry, RandomState>,
    asks: Vec<Ask>,
    /// Connections that have ended since the last call of [`Self::turn`].
    over: Vec<(Socket, u64)>,
    asked: u64,
    /// What `asked` was at the last two calls of [`Self::turn`].
    turns: [u64; 2],
    dropped: u64,
}

impl Owners {
    /// Sets what is known of this machine from now on. Who listens may have changed some time ago: connections that began
    /// since the interval before this one belong to either, so nobody is named for them.
    pub fn set_machine(&mut self, machine: Arc<Machine>) {
        let before = std::mem::replace(&mut self.machine, machine);
        if before.listeners == self.machine.listeners {
            return;
        }
        let [since, _] = self.turns;
        for (ends, entry) in self.entries.iter_mut().filter(|(_, entry)| entry.number > since) {
            for (end, owner) in [ends.0, ends.1].into_iter().zip(&mut entry.owners) {
                let listener = before.listener(end);
                if listener.is_some() && *owner == listener.cloned() && self.machine.listener(end) != listener {
                    *owner = None;
                }
            }
        }
    }

    /// A connection has begun. Remembers the listeners at its ends, since others may listen there later, and asks about
    /// the other ends on this machine.
    pub fn begin(&mut self, key: &FlowKey) {
        let ends = [key.low, key.high];
        if !self.entries.is_empty() {
            self.entries.remove(&(key.low, key.high));
        }
        let is_here = ends.map(|end| self.machine.has(end.address));
        if is_here == [false; 2] {
            return;
        }
        let owners = [0, 1].map(|at| self.machine.listener(ends[at]).filter(|_| is_here[at]).cloned());
        let wanted = [0, 1].map(|at| is_here[at] && owners[at].is_none());
        let is_asked = wanted != [false; 2];
        if self.entries.len() >= MAX_REMEMBERED || self.asks.len() >= MAX_ASKED {
            self.dropped += u64::from(is_asked);
            return;
        }
        self.asked += 1;
        let number = self.asked;
        if is_asked {
            self.asks.push(Ask { number, ends, wanted });
        }
        self.entries.insert((key.low, key.high), Entry { number, is_answered: !is_asked, owners });
    }

    /// A connection has ended. What is known of it stays until [`Self::turn`].
    pub fn end(&mut self, key: &FlowKey) {
        if self.entries.is_empty() {
            return;
        }
        let ends = (key.low, key.high);
        if let Some(entry) = self.entries.get(&ends) {
            self.over.push((ends, entry.number));
        }
    }

    /// Begins the next interval: forgets the connections that have ended.
    pub fn turn(&mut self) {
        self.turns = [self.turns[1], self.asked];
        for (ends, number) in self.over.drain(..) {
            if self.entries.get(&ends).is_some_and(|entry| entry.number == number) {
                self.entries.remove(&ends);
            }
        }
    }

    /// Forgets all connections.
    pub fn clear(&mut self) {
        self.entries.clear();
        self.over.clear();
        self.asks.clear();
    }

    /// Takes the questions that were asked since the last call.
    pub fn take_asks(&mut self) -> Vec<Ask> {
        std::mem::take(&mut self.asks)
    }

    /// Takes the number of connections that were not asked about since the last call, because there were too many.
    pub fn take_dropped(&mut self) -> u64 {
        std::mem::take(&mut self.dropped)
    }

    /// Takes an answer. One about a connection that is over and forgotten is ignored.
    pub fn answer(&mut self, answer: Answer) {
        let Answer { ask, owners } = answer;
        let ends: Socket = ask.ends.into();
        if let Some(entry) = self.entries.get_mut(&ends).filter(|entry| entry.number == ask.number) {
            entry.is_answered = true;
            for (known, found) in entry.owners.iter_mut().zip(owners) {
                *known = known.take().or(found);
            }
        }
    }

    /// Returns the processes at the ends of a connection, as far as they are known now.
    pub fn of(&self, client: Endpoint, server: Endpoint) -> Parties {
        let local = match (self.machine.has(client.address), self.machine.has(server.address)) {
            (false, false) => return Parties::default(),
            (true, false) => Local::Client,
            (false, true) => Local::Server,
            (true, true) => Local::Both,
        };
        let is_ordered = client <= server;
        let entry = self.entries.get(&if is_ordered { (client, server) } else { (server, client) });
        let known = |at: usize| entry.and_then(|entry| entry.owners[at].clone());
        // Who listens now may have begun after the connection, so that is a guess until the answer is there.
        let is_sure = entry.is_some_and(|entry| entry.is_answered);
        let listener = || self.machine.listener(server).filter(|_| !is_sure).cloned();
        let [at_client, at_server] = if is_ordered { [0, 1] } else { [1, 0] };
        let is_local = local != Local::Client;
        let view = if is_local { (server, client) } else { (client, server) };
        Parties {
            local,
            server: is_local.then(|| known(at_server).or_else(listener)).flatten(),
            client: known(at_client),
            view: self.machine.views.get(&view).copied(),
            is_awaited: entry.is_some_and(|entry| !entry.is_answered),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(text: &str) -> Endpoint {
        let (address, port) = text.rsplit_once(':').unwrap();
        let address = match address.parse().unwrap() {
            std::net::IpAddr::V4(v4) => v4.to_ipv6_mapped(),
            std::net::IpAddr::V6(v6) => v6,
        };
        Endpoint { address, port: port.parse().unwrap() }
    }

    fn key(client: &str, server: &str) -> FlowKey {
        let (client, server) = (end(client), end(server));
        FlowKey { low: client.min(server), high: client.max(server), lane: 0 }
    }

    fn owner(name: &str, pid: u32) -> Arc<Owner> {
        Arc::new(Owner { name: name.into(), pid, ..Owner::default() })
    }

    /// A machine with the address 10.0.0.2 and a server on port 80.
    fn owners() -> Owners {
        let mut owners = Owners::default();
        owners.set_machine(Arc::new(Machine {
            addresses: [end("10.0.0.2:0").address].into(),
            listeners: [(end("0.0.0.0:80"), Some(owner("nginx", 7))), (end("10.0.0.2:81"), None)].into(),
            views: HashMap::new(),
        }));
        owners
    }

    fn names(parties: &Parties) -> (Local, &str, &str) {
        let name =
            |owner: &Option<Arc<Owner>>| owner.as_ref().map_or("", |owner| Box::leak(owner.name.as_ref().into()));
        (parties.local, name(&parties.client), name(&parties.server))
    }

    #[test]
    fn a_connection_to_a_known_listener_is_known_at_once_and_not_asked_about() {
        let mut owners = owners();
        owners.begin(&key("192.0.2.1:5000", "10.0.0.2:80"));
        assert!(owners.take_asks().is_empty());
        let parties = owners.of(end("192.0.2.1:5000"), end("10.0.0.2:80"));
        assert_eq!(names(&parties), (Local::Server, "", "nginx"));
        assert!(!parties.is_awaited);
    }

    #[test]
    fn a_connection_keeps_the_server_that_listened_when_it_began() {
        let mut owners = owners();
        let (client, late, server) = ("192.0.2.1:5000", "192.0.2.1:5001", "10.0.0.2:80");
        owners.begin(&key(client, server));
        owners.turn();
        owners.turn();
        owners.begin(&key(late, server));
        let machine = |name| Machine {
            addresses: [end("10.0.0.2:0").address].into(),
            listeners: [(end("0.0.0.0:80"), Some(owner(name, 8)))].into(),
            views: HashMap::new(),
        };
        owners.set_machine(Arc::new(machine("another")));
        assert_eq!(names(&owners.of(end(client), end(server))).2, "nginx");
        assert_eq!(names(&owners.of(end(late), end(server))).2, "", "it may belong to either");
        owners.end(&key(client, server));
        owners.begin(&key(client, server));
        assert_eq!(names(&owners.of(end(client), end(server))).2, "another");
    }

    #[test]
    fn who_listens_later_does_not_have_the_connections_of_a_server_that_was_not_found() {
        let mut owners = owners();
        let (client, server) = ("192.0.2.1:5000", "10.0.0.2:82");
        owners.begin(&key(client, server));
        let [ask] = owners.take_asks().try_into().unwrap();
        owners.answer(Answer { ask, owners: [None, None] });
        let mut machine = (*owners.machine).clone();
        machine.listeners.insert(end("0.0.0.0:82"), Some(owner("late", 9)));
        owners.set_machine(Arc::new(machine));
        assert_eq!(names(&owners.of(end(client), end(server))).2, "");
    }

    #[test]
    fn a_connection_of_other_machines_is_neither_asked_about_nor_known() {
        let mut owners = owners();
        owners.begin(&key("192.0.2.1:5000", "192.0.2.2:80"));
        assert!(owners.take_asks().is_empty());
        assert_eq!(owners.of(end("192.0.2.1:5000"), end("192.0.2.2:80")), Parties::default());
    }

    #[test]
    fn a_listener_of_whom_nobody_is_sure_names_nobody_and_is_asked_about() {
        let mut owners = owners();
        owners.begin(&key("192.0.2.1:5000", "10.0.0.2:81"));
        assert_eq!(owners.take_asks().len(), 1);
        let parties = owners.of(end("192.0.2.1:5000"), end("10.0.0.2:81"));
        assert_eq!((names(&parties), parties.is_awaited), ((Local::Server, "", ""), true));
    }

    #[test]
    fn both_ends_are_known_where_both_are_on_this_machine() {
        let mut owners = owners();
        owners.begin(&key("127.0.0.1:5000", "127.0.0.1:80"));
        let [ask] = owners.take_asks().try_into().unwrap();
        let client = ask.ends.map(|end| end.port == 5000);
        assert_eq!(ask.wanted, client, "the server is known");
        owners.answer(Answer { ask, owners: client.map(|is_client| is_client.then(|| owner("curl", 9))) });
        let parties = owners.of(end("127.0.0.1:5000"), end("127.0.0.1:80"));
        assert_eq!(names(&parties), (Local::Both, "curl", "nginx"));
        assert_eq!(parties.main().unwrap().pid, 7);
    }

    #[test]
    fn an_answer_names_nobody_for_a_later_connection_with_the_same_ends() {
        let mut owners = owners();
        let (client, server) = ("10.0.0.2:5000", "192.0.2.9:443");
        owners.begin(&key(client, server));
        let [first] = owners.take_asks().try_into().unwrap();
        let found = |ask| Answer { ask, owners: first.wanted.map(|is_wanted| is_wanted.then(|| owner("curl", 9))) };
        owners.answer(found(first));
        assert_eq!(names(&owners.of(end(client), end(server))), (Local::Client, "curl", ""));
        owners.end(&key(client, server));
        owners.begin(&key(client, server));
        assert_eq!(names(&owners.of(end(client), end(server))), (Local::Client, "", ""));
        owners.answer(found(first));
        assert_eq!(names(&owners.of(end(client), end(server))), (Local::Client, "", ""), "a late answer");
        owners.turn();
        assert_eq!(owners.take_asks().len(), 1);
        assert!(owners.of(end(client), end(server)).is_awaited, "the second one has not ended");
    }

    #[test]
    fn what_is_known_of_a_connection_that_ended_stays_until_the_interval_is_closed() {
        let mut owners = owners();
        let (client, server) = ("10.0.0.2:5000", "192.0.2.9:443");
        owners.begin(&key(client, server));
        let [ask] = owners.take_asks().try_into().unwrap();
        owners.end(&key(client, server));
        owners.answer(Answer { ask, owners: ask.wanted.map(|is_wanted| is_wanted.then(|| owner("curl", 9))) });
        assert_eq!(names(&owners.of(end(client), end(server))).1, "curl");
        owners.turn();
        assert_eq!(names(&owners.of(end(client), end(server))).1, "");
        assert!(owners.entries.is_empty());
    }

    #[test]
    fn a_flood_of_connections_is_asked_about_within_bounds_and_the_rest_is_counted() {
        let mut owners = owners();
        let begin = |owners: &mut Owners, from: u32, count: u32| {
            for at in from..from + count {
                owners.begin(&key("10.0.0.2:5000", &format!("100.{}.{}.{}:80", at >> 16, at >> 8 & 255, at & 255)));
            }
        };
        begin(&mut owners, 0, 5_000);
        assert_eq!(owners.asks.len(), MAX_ASKED);
        assert_eq!(owners.take_dropped(), 5_000 - MAX_ASKED as u64);
        for round in 0..40 {
            owners.take_asks();
            begin(&mut owners, 10_000 + round * 4_000, 4_000);
        }
        assert_eq!(owners.entries.len(), MAX_REMEMBERED);
        assert!(owners.take_dropped() > 0);
    }

    #[test]
    fn an_ipv4_address_has_no_listener_of_ipv6_alone() {
        let mut machine = Machine::default();
        machine.listeners.insert(end(":::80".trim_start_matches(' ')), Some(owner("six", 1)));
        assert!(machine.listener(end("::1:80")).is_some());
        assert!(machine.listener(end("127.0.0.1:80")).is_none());
    }
}
