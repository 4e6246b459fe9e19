//! Looks for the processes at the ends of connections: the holders of listening sockets, again and again, and those of
//! connections that are asked about. Each look costs a walk of `/proc` at the most, however many sockets it is about.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hashbrown::{HashMap, HashSet};

use super::diag::{CONNECTED, LISTENING, Socket};
use super::helper::Finder;
use super::holders::{Holder, Kind};
use super::socket::Diag;
use crate::pipeline::decode::Endpoint;
use crate::pipeline::owners::{ANY_V4, Answer, Ask, Machine, Owner};

/// Connections asked about one by one. Of more, all sockets are read at once.
const FEW: usize = 64;
/// How long it is believed who holds a listening socket. Whether the process lives is looked at each time.
const BELIEVED: Duration = Duration::from_secs(30);
/// Processes that listen only so that nobody else does, while the kernel translates addresses to those of a container.
const PLACEHOLDERS: [&str; 2] = ["docker-proxy", "kube-proxy"];

/// A listening socket whose holder was looked for.
#[derive(Debug)]
struct Kept {
    holder: Option<Holder>,
    since: Instant,
}

/// Finds processes. It blocks, so it belongs in a thread of its own.
#[derive(Debug)]
pub struct Lookup {
    diag: Diag,
    finder: Finder,
    listeners: HashMap<u32, Kept>,
    has_views: bool,
}

impl Lookup {
    /// Looks at the sockets of this thread's network namespace. With `has_views`, machines come with the kernel's views
    /// of connections. An error if the kernel does not tell of sockets.
    pub fn new(has_views: bool) -> io::Result<Self> {
        Ok(Self { diag: Diag::open()?, finder: Finder::new(), listeners: HashMap::new(), has_views })
    }

    /// Returns what is known of this machine now. Once `is_over` is true, nobody is waited for.
    pub fn machine(&mut self, now: Instant, is_over: &dyn Fn() -> bool) -> io::Result<Machine> {
        let listening = self.diag.dump(LISTENING, false)?;
        let inodes: HashSet<u32> = listening.iter().map(|socket| socket.inode).collect();
        let pids: Vec<u32> = self.listeners.values().filter_map(|kept| Some(kept.holder.as_ref()?.owner.pid)).collect();
        let alive = self.finder.resolve(&pids, Kind::Process, is_over).into_iter().flatten();
        let alive: HashMap<u32, Holder> = alive.map(|one| (one.owner.pid, one)).collect();
        self.listeners.retain(|inode, kept| {
            let lives = |holder: &Holder| {
                let now = alive.get(&holder.owner.pid);
                now.is_some_and(|it| it.start == holder.start && it.owner.name == holder.owner.name)
            };
            let is_fresh = now.saturating_duration_since(kept.since) < BELIEVED;
            inodes.contains(inode) && is_fresh && kept.holder.as_ref().is_none_or(lives)
        });
        let unknown: Vec<u32> = inodes.into_iter().filter(|inode| !self.listeners.contains_key(inode)).collect();
        if !unknown.is_empty() {
            let holders = self.finder.resolve(&unknown, Kind::Listening, is_over);
            let kept = holders.into_iter().map(|holder| Kept { holder, since: now });
            self.listeners.extend(unknown.into_iter().zip(kept));
        }
        let views = if self.has_views { self.diag.dump(CONNECTED, true)? } else { Vec::new() };
        Ok(Machine {
            addresses: addresses(),
            listeners: by_end(&listening, |inode| self.listeners.get(&inode)?.holder.clone()),
            views: views.iter().filter_map(|one| Some(((one.local, one.remote), one.view?))).collect(),
        })
    }

    /// What went wrong since the last call, if anything did.
    pub fn take_trouble(&mut self) -> Option<String> {
        self.finder.take_trouble()
    }

    /// Answers questions: who holds these ends now? Once `is_over` is true, nobody is waited for.
    pub fn answer(&mut self, asks: &[Ask], is_over: &dyn Fn() -> bool) -> Vec<Answer> {
        let wanted: HashSet<_> = asks.iter().flat_map(sockets).map(|(_, ends)| ends).collect();
        let inodes = self.inodes(&wanted);
        let sockets_of: Vec<u32> = inodes.values().copied().collect();
        let holders =
            if sockets_of.is_empty() { Vec::new() } else { self.finder.resolve(&sockets_of, Kind::Connected, is_over) };
        let found: HashMap<u32, Arc<Owner>> =
            sockets_of.iter().zip(holders).filter_map(|(inode, holder)| Some((*inode, holder?.owner))).collect();
        let one = |ask: &Ask| {
            let mut answer = Answer { ask: *ask, owners: [None, None] };
            for (at, ends) in sockets(ask) {
                answer.owners[at] = inodes.get(&ends).and_then(|inode| found.get(inode)).cloned();
            }
            answer
        };
        asks.iter().map(one).collect()
    }

    /// Returns the inodes of sockets, by their local and remote end. One that is gone, or that no process holds, is left
    /// out.
    fn inodes(&mut self, wanted: &HashSet<(Endpoint, Endpoint)>) -> HashMap<(Endpoint, Endpoint), u32> {
        let held = |socket: Socket| (socket.inode > 0).then_some(((socket.local, socket.remote), socket.inode));
        if wanted.len() <= FEW {
            let ask = |&(local, remote): &_| self.diag.exact(local, remote).ok().flatten().and_then(held);
            return wanted.iter().filter_map(ask).collect();
        }
        let all = self.diag.dump(CONNECTED, false).unwrap_or_default();
        all.into_iter().filter_map(held).filter(|(ends, _)| wanted.contains(ends)).collect()
    }
}

/// The sockets that a question is about: which end it is, and its local and remote end.
fn sockets(ask: &Ask) -> impl Iterator<Item = (usize, (Endpoint, Endpoint))> {
    let [low, high] = ask.ends;
    let wanted = ask.wanted;
    [(low, high), (high, low)].into_iter().enumerate().filter(move |(at, _)| wanted[*at])
}

/// Returns the holders of listening sockets by address and port. Of several sockets with the same one, all holders must
/// have one name, and the oldest is named.
fn by_end(listening: &[Socket], holder: impl Fn(u32) -> Option<Holder>) -> HashMap<Endpoint, Option<Arc<Owner>>> {
    let mut found: HashMap<Endpoint, Option<Holder>> = HashMap::new();
    for socket in listening {
        let one = holder(socket.inode).filter(|one| !PLACEHOLDERS.contains(&&*one.owner.name));
        found
            .entry(socket.local)
            .and_modify(|known| {
                *known = match (known.take(), one.clone()) {
                    (Some(known), Some(one)) if known.owner.name == one.owner.name => {
                        let is_older = (one.start, one.owner.pid) < (known.start, known.owner.pid);
                        Some(if is_older { one } else { known })
                    }
                    _ => None,
                }
            })
            .or_insert(one);
    }
    // A socket that listens on all IPv6 addresses takes IPv4 too, unless another one does or it is told not to.
    for socket in listening.iter().filter(|socket| socket.local.address.is_unspecified() && !socket.is_v6_only) {
        let of_v4 = Endpoint { address: ANY_V4, ..socket.local };
        if let Some(one) = found.get(&socket.local).cloned() {
            found.entry(of_v4).or_insert(one);
        }
    }
    found.into_iter().map(|(end, holder)| (end, holder.map(|holder| holder.owner))).collect()
}

/// Returns the addresses of all interfaces in this thread's network namespace.
fn addresses() -> HashSet<Ipv6Addr> {
    let mut found = HashSet::new();
    let mut first: *mut libc::ifaddrs = std::ptr::null_mut();
    // SAFETY: getifaddrs(3) sets the pointer to a list that is read until freeifaddrs is called.
    unsafe {
        if libc::getifaddrs(&raw mut first) != 0 {
            return found;
        }
        let mut next = first;
        while let Some(one) = next.as_ref() {
            if let Some(address) = one.ifa_addr.as_ref() {
                match libc::c_int::from(address.sa_family) {
                    libc::AF_INET => {
                        let v4 = one.ifa_addr.cast::<libc::sockaddr_in>().read_unaligned().sin_addr.s_addr;
                        found.insert(Ipv4Addr::from(u32::from_be(v4)).to_ipv6_mapped());
                    }
                    libc::AF_INET6 => {
                        let v6 = one.ifa_addr.cast::<libc::sockaddr_in6>().read_unaligned().sin6_addr.s6_addr;
                        found.insert(Ipv6Addr::from(v6));
                    }
                    _ => {}
                }
            }
            next = one.ifa_next;
        }
        libc::freeifaddrs(first);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn socket(address: &str, port: u16, inode: u32, is_v6_only: bool) -> Socket {
        let address: Ipv6Addr = address.parse().unwrap();
        let end = |port| Endpoint { address, port };
        Socket { is_listening: true, local: end(port), remote: end(0), is_v6_only, inode, view: None }
    }

    fn holder(name: &str, pid: u32) -> Holder {
        Holder { owner: Arc::new(Owner { name: name.into(), pid, ..Owner::default() }), start: pid.into() }
    }

    fn found(sockets: &[Socket], end: (&str, u16)) -> Option<(String, u32)> {
        let holders = [(1, "nginx"), (2, "nginx"), (3, "sshd"), (4, "docker-proxy")];
        let of = |inode| holders.iter().find(|(own, _)| *own == inode).map(|&(pid, name)| holder(name, pid));
        let machine = Machine { listeners: by_end(sockets, of), ..Machine::default() };
        let owner = machine.listener(Endpoint { address: end.0.parse().unwrap(), port: end.1 })?;
        Some((owner.name.to_string(), owner.pid))
    }

    #[test]
    fn a_listener_of_an_address_comes_before_one_of_all_addresses() {
        let sockets = [socket("::ffff:0.0.0.0", 80, 1, false), socket("::ffff:10.0.0.1", 80, 3, false)];
        assert_eq!(found(&sockets, ("::ffff:10.0.0.1", 80)).unwrap().0, "sshd");
        assert_eq!(found(&sockets, ("::ffff:10.0.0.2", 80)).unwrap().0, "nginx");
        assert_eq!(found(&sockets, ("::1", 80)), None);
        assert_eq!(found(&sockets, ("::ffff:10.0.0.2", 81)), None);
    }

    #[test]
    fn a_listener_of_all_ipv6_addresses_takes_ipv4_unless_it_is_told_not_to() {
        assert_eq!(found(&[socket("::", 80, 1, false)], ("::ffff:10.0.0.2", 80)), Some(("nginx".into(), 1)));
        assert_eq!(found(&[socket("::", 80, 1, true)], ("::ffff:10.0.0.2", 80)), None);
        let both = [socket("::", 80, 1, false), socket("::ffff:0.0.0.0", 80, 3, false)];
        assert_eq!(found(&both, ("::ffff:10.0.0.2", 80)).unwrap().0, "sshd");
        assert_eq!(found(&both, ("::1", 80)).unwrap().0, "nginx");
    }

    #[test]
    fn sockets_that_share_a_port_name_the_oldest_holder_if_all_have_one_name() {
        let shared = |inodes: &[u32]| {
            let sockets: Vec<_> = inodes.iter().map(|&inode| socket("::ffff:0.0.0.0", 80, inode, false)).collect();
            found(&sockets, ("::ffff:10.0.0.2", 80))
        };
        assert_eq!(shared(&[2, 1]), Some(("nginx".into(), 1)));
        assert_eq!(shared(&[1, 3]), None);
        assert_eq!(shared(&[1, 9]), None, "one is not known");
        assert_eq!(shared(&[4]), None, "it holds the port for somebody else");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn both_ends_of_a_connection_of_this_process_are_found_while_they_are_open() {
        use std::net::{SocketAddr, TcpListener, TcpStream};
        let end = |address: SocketAddr| match address {
            SocketAddr::V4(v4) => Endpoint { address: v4.ip().to_ipv6_mapped(), port: v4.port() },
            SocketAddr::V6(v6) => Endpoint { address: *v6.ip(), port: v6.port() },
        };
        let mut lookup = Lookup::new(true).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = listener.local_addr().unwrap();
        let streams: Vec<_> = (0..=FEW).map(|_| TcpStream::connect(server).unwrap()).collect();
        let now = Instant::now();
        let machine = lookup.machine(now, &|| false).unwrap();
        let me = std::process::id();
        assert_eq!(machine.listener(end(server)).unwrap().pid, me);
        assert!(machine.views.len() >= streams.len());
        let ask = |stream: &TcpStream| {
            let ends = [end(stream.local_addr().unwrap()), end(server)];
            Ask { number: 1, ends: if ends[0] < ends[1] { ends } else { [ends[1], ends[0]] }, wanted: [true; 2] }
        };
        let asks: Vec<_> = streams.iter().map(ask).collect();
        for count in [1, asks.len()] {
            for answer in lookup.answer(&asks[..count], &|| false) {
                let client = answer.ask.ends[0] != end(server);
                // Nobody has accepted the connection, so nobody holds the server's end.
                let owner = answer.owners[usize::from(!client)].as_ref();
                assert_eq!(owner.map(|owner| owner.pid), Some(me), "{answer:?}");
            }
        }
        drop(streams);
        assert_eq!(lookup.answer(&asks[..1], &|| false)[0].owners, [None, None]);
        drop(listener);
        let machine = lookup.machine(now, &|| false).unwrap();
        assert!(machine.listener(end(server)).is_none());
    }

    #[test]
    fn the_addresses_of_this_machine_are_its_own() {
        let machine = Machine { addresses: addresses(), ..Machine::default() };
        assert!(machine.has(Ipv6Addr::LOCALHOST) && machine.has("::ffff:127.9.9.9".parse().unwrap()));
        assert!(!machine.has("2001:db8::1".parse().unwrap()));
    }
}
