//! Listens to the kernel's reports of interfaces that come up, go down or go away (rtnetlink(7)).

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType, bind, recv, socket_with};

/// `RTMGRP_LINK`.
const LINK_GROUP: u32 = 1;

/// A socket that is readable if the kernel has reported a change since the last call of [`Links::hush`].
#[derive(Debug)]
pub struct Links(OwnedFd);

impl Links {
    /// Starts to listen, in the network namespace of this thread.
    pub fn listen() -> io::Result<Self> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, None)?;
        bind(&socket, &SocketAddrNetlink::new(0, LINK_GROUP))?;
        Ok(Self(socket))
    }

    /// Reads and discards the reports. True if there were any, or if some were lost because there were too many.
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
