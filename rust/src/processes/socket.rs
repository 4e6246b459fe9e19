//! The netlink socket over which the kernel is asked for sockets.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::net::netlink::{SOCK_DIAG, SocketAddrNetlink};
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, connect, recv, send, socket_with};

use super::diag::{self, Family, Socket, Then};
use crate::pipeline::decode::Endpoint;

/// How long an answer of the kernel may take. It answers while the request is sent, so it never takes long.
const PATIENCE: Duration = Duration::from_millis(500);

/// Bytes of a datagram of answers. The kernel fills at most 32 KiB.
const DATAGRAM: usize = 1 << 15;

/// Sockets that are read of one dump. A machine with more has most of its connections unknown.
const MAX_SOCKETS: usize = 65_536;

/// A socket for questions about the sockets of one network namespace.
#[derive(Debug)]
pub struct Diag {
    socket: OwnedFd,
    datagram: Vec<u8>,
}

impl Diag {
    /// Opens it in the network namespace of this thread, about whose sockets it asks from then on, whichever thread
    /// uses it.
    pub fn open() -> io::Result<Self> {
        let socket = socket_with(AddressFamily::NETLINK, SocketType::DGRAM, SocketFlags::CLOEXEC, Some(SOCK_DIAG))?;
        connect(&socket, &SocketAddrNetlink::new(0, 0))?;
        set_socket_timeout(&socket, Timeout::Recv, Some(PATIENCE))?;
        Ok(Self { socket, datagram: vec![0; DATAGRAM] })
    }

    /// Returns all sockets in these states, of both families. An error unless all were read.
    pub fn dump(&mut self, states: u32, with_view: bool) -> io::Result<Vec<Socket>> {
        let mut found = Vec::new();
        for family in [Family::V4, Family::V6] {
            self.ask(&diag::dump(family, states, with_view), true, &mut found)?;
        }
        Ok(found)
    }

    /// Returns the socket of a connection, by its end on this machine and the other one; `None` if there is none.
    pub fn exact(&mut self, local: Endpoint, remote: Endpoint) -> io::Result<Option<Socket>> {
        let mut found = Vec::new();
        self.ask(&diag::exact(local, remote), false, &mut found)?;
        // The kernel answers with the listening socket if there is no other.
        let is_meant = |one: &Socket| !one.is_listening && (one.local, one.remote) == (local, remote);
        Ok(found.into_iter().find(is_meant))
    }

    fn ask(&mut self, request: &[u8], is_dump: bool, found: &mut Vec<Socket>) -> io::Result<()> {
        // What a question before this one left unread.
        while recv(&self.socket, self.datagram.as_mut_slice(), RecvFlags::DONTWAIT).is_ok() {}
        send(&self.socket, request, SendFlags::empty())?;
        loop {
            let (read, _) = recv(&self.socket, self.datagram.as_mut_slice(), RecvFlags::empty())?;
            let then = diag::read(&self.datagram[..read.min(DATAGRAM)], |socket| {
                if found.len() < MAX_SOCKETS {
                    found.push(socket);
                }
            });
            match then {
                Then::More if is_dump => {}
                Then::Failed(number) if is_dump => return Err(io::Error::from_raw_os_error(number)),
                Then::More | Then::End | Then::Failed(_) => return Ok(()),
            }
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::net::{SocketAddr, TcpListener, TcpStream};

    use super::*;
    use crate::processes::diag::{CONNECTED, LISTENING};

    fn end(address: SocketAddr) -> Endpoint {
        let ip = match address.ip() {
            std::net::IpAddr::V4(v4) => v4.to_ipv6_mapped(),
            std::net::IpAddr::V6(v6) => v6,
        };
        Endpoint { address: ip, port: address.port() }
    }

    #[test]
    fn the_kernel_knows_both_ends_of_a_connection_and_its_listener() {
        let mut diag = Diag::open().unwrap();
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let listener = TcpListener::bind(address).unwrap();
            let server = listener.local_addr().unwrap();
            let client = TcpStream::connect(server).unwrap();
            let ends = (end(client.local_addr().unwrap()), end(server));
            let found = diag.exact(ends.0, ends.1).unwrap().unwrap();
            assert_eq!((found.local, found.remote, found.is_listening), (ends.0, ends.1, false));
            assert!(found.inode > 0);
            assert_eq!(diag.exact(ends.1, Endpoint { port: 1, ..ends.0 }).unwrap(), None, "no such connection");
            let listening = diag.dump(LISTENING, false).unwrap();
            assert!(listening.iter().any(|socket| socket.local == ends.1 && socket.is_listening));
            let connected = diag.dump(CONNECTED, true).unwrap();
            let mine: Vec<_> = connected.iter().filter(|socket| socket.local == ends.0).collect();
            assert!(mine.iter().any(|socket| socket.inode == found.inode && socket.view.is_some()), "{mine:?}");
        }
    }
}
