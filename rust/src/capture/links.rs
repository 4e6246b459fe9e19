//! The interfaces of a network namespace as they are now, and news when they change. Both come from the kernel over
//! rtnetlink(7). Where there is none, interfaces are only looked at from time to time, with libpcap.

mod link;
#[cfg(target_os = "linux")]
mod netlink;

use std::os::fd::BorrowedFd;

use super::{Error, interfaces, traffic};
pub use link::{Key, Link, PSEUDO};
#[cfg(target_os = "linux")]
use netlink::Netlink;

/// Knows the interfaces of the network namespace of the thread that made it. Any thread may ask it.
#[derive(Debug, Default)]
pub struct Links {
    #[cfg(target_os = "linux")]
    netlink: Option<Netlink>,
}

impl Links {
    /// Starts to listen for news.
    #[cfg(target_os = "linux")]
    pub fn listen() -> Self {
        Self { netlink: Netlink::open().ok() }
    }

    /// Without rtnetlink there are no news.
    #[cfg(not(target_os = "linux"))]
    pub fn listen() -> Self {
        Self {}
    }

    /// A descriptor that is readable if interfaces have changed since the last call of [`Links::hush`]. `None` if
    /// nobody tells.
    pub fn news(&self) -> Option<BorrowedFd<'_>> {
        #[cfg(target_os = "linux")]
        return self.netlink.as_ref().map(Netlink::news);
        #[cfg(not(target_os = "linux"))]
        None
    }

    /// Discards the news. True if there were any.
    pub fn hush(&self) -> bool {
        #[cfg(target_os = "linux")]
        return self.netlink.as_ref().is_some_and(Netlink::hush);
        #[cfg(not(target_os = "linux"))]
        false
    }

    /// Returns all network interfaces, but no pseudo devices such as `any`.
    pub fn list(&self) -> Result<Vec<Link>, Error> {
        #[cfg(target_os = "linux")]
        if let Some(links) = self.netlink.as_ref().and_then(|netlink| netlink.list().ok()) {
            return Ok(links);
        }
        polled()
    }
}

/// Returns the interfaces of the network namespace of this thread that libpcap can capture from.
fn polled() -> Result<Vec<Link>, Error> {
    let traffic = traffic::read();
    let link = |info: interfaces::Info| {
        let bytes = traffic.get(&info.name).copied().unwrap_or_default();
        Link::new(interfaces::index(&info.name), info.name, info.is_utf8, info.up, bytes)
    };
    Ok(interfaces::list()?.into_iter().map(link).filter(|link| link.key.index != 0).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_and_libpcap_know_the_same_interfaces() {
        let known = |links: Vec<Link>| {
            let mut known: Vec<_> = links.into_iter().map(|link| (link.key, link.name, link.up)).collect();
            known.sort();
            known
        };
        assert_eq!(known(Links::listen().list().unwrap()), known(polled().unwrap()));
    }
}
