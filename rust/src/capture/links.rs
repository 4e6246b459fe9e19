//! News of interfaces: the kernel tells when one comes up, goes down or goes away (rtnetlink(7)).

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType, bind, recv, socket_with};

/// `RTMGRP_LINK`.
const LINK_GROUP: u32 = 1;

/// Readable when something was told since it was last hushed.
#[derive(Debug)]
pub struct Links(OwnedFd);

impl Links {
    /// Listens from now on, in the network namespace of this thread.
    pub fn listen() -> io::Result<Self> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, None)?;
        bind(&socket, &SocketAddrNetlink::new(0, LINK_GROUP))?;
        Ok(Self(socket))
    }

    /// Takes note of what was told. True if something was, or if so much was that some of it was lost.
    pub fn hush(&self) -> bool {
        let mut message = [0u8; 1 << 12];
        let mut is_news = false;
        loop {
            match recv(&self.0, message.as_mut_slice(), RecvFlags::TRUNC) {
                Ok(_) | Err(rustix::io::Errno::NOBUFS | rustix::io::Errno::INTR) => is_news = true,
                Err(_) => return is_news,
            }
        }
    }
}

impl AsFd for Links {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
