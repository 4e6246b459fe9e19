//! Asks the kernel for its interfaces, and listens to its reports that one came up, went down, got another name or was
//! removed. The format of the messages is that of netlink(7) and rtnetlink(7), in the byte order of the machine.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, bind, recv, send, socket_with};

use super::link::Link;

/// `RTMGRP_LINK`.
const LINK_GROUP: u32 = 1;
/// `RTM_NEWLINK` and `RTM_GETLINK`.
const NEW_LINK: u16 = 16;
const GET_LINK: u16 = 18;
/// `NLMSG_ERROR` and `NLMSG_DONE`.
const ERROR: u16 = 2;
const DONE: u16 = 3;
/// `NLM_F_REQUEST | NLM_F_DUMP`.
const DUMP: u16 = 0x301;
/// `NLM_F_DUMP_INTR`: the interfaces changed while the kernel listed them.
const CHANGED: u16 = 0x10;
/// Sizes of `struct nlmsghdr`, `struct ifinfomsg` and `struct rtattr`.
const HEADER: usize = 16;
const LINK_HEADER: usize = 16;
const ATTRIBUTE: usize = 4;
/// `IFLA_IFNAME` and `IFLA_STATS64`.
const NAME: u16 = 3;
const STATISTICS: u16 = 23;
/// `IFF_UP`.
const UP: u32 = 1;

/// Bytes of an answer at most: the kernel sends no more than 32 KiB at once.
const ANSWER: usize = 64 << 10;
/// How long the kernel may take for an answer.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often the kernel is asked again because interfaces changed meanwhile. After that, the list may lack one; news of
/// it are on their way.
const ATTEMPTS: usize = 3;

/// A pair of sockets, one to listen and one to ask. They belong to the network namespace of the thread that made them.
#[derive(Debug)]
pub struct Netlink {
    reports: OwnedFd,
    answers: OwnedFd,
}

impl Netlink {
    pub fn open() -> io::Result<Self> {
        let open = |flags, groups| {
            let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC | flags, None)?;
            bind(&socket, &SocketAddrNetlink::new(0, groups))?;
            Ok::<_, rustix::io::Errno>(socket)
        };
        let (reports, answers) = (open(SocketFlags::NONBLOCK, LINK_GROUP)?, open(SocketFlags::empty(), 0)?);
        set_socket_timeout(&answers, Timeout::Recv, Some(PATIENCE))?;
        Ok(Self { reports, answers })
    }

    pub fn news(&self) -> BorrowedFd<'_> {
        self.reports.as_fd()
    }

    /// Reads and discards the reports. True if there were any, or if some were lost because there were too many.
    pub fn hush(&self) -> bool {
        let mut message = [0u8; 1 << 12];
        let mut is_news = false;
        loop {
            match recv(&self.reports, message.as_mut_slice(), RecvFlags::TRUNC) {
                Ok(_) | Err(rustix::io::Errno::NOBUFS | rustix::io::Errno::INTR) => is_news = true,
                Err(_) => return is_news,
            }
        }
    }

    pub fn list(&self) -> io::Result<Vec<Link>> {
        let mut answer = vec![0; ANSWER];
        for _ in 1..ATTEMPTS {
            let (links, has_changed) = self.ask(&mut answer)?;
            if !has_changed {
                return Ok(links);
            }
        }
        self.ask(&mut answer).map(|(links, _)| links)
    }

    /// Returns the interfaces, and whether they changed while they were listed.
    fn ask(&self, answer: &mut [u8]) -> io::Result<(Vec<Link>, bool)> {
        let mut request = [0; HEADER + LINK_HEADER];
        request[..4].copy_from_slice(&((HEADER + LINK_HEADER) as u32).to_ne_bytes());
        request[4..6].copy_from_slice(&GET_LINK.to_ne_bytes());
        request[6..8].copy_from_slice(&DUMP.to_ne_bytes());
        // What is left of an earlier answer, which came too late, is no answer to this question.
        while recv(&self.answers, &mut *answer, RecvFlags::DONTWAIT | RecvFlags::TRUNC).is_ok() {}
        send(&self.answers, &request, SendFlags::empty())?;
        let mut links = Vec::new();
        let mut has_changed = false;
        loop {
            let (_, length) = match recv(&self.answers, &mut *answer, RecvFlags::TRUNC) {
                Err(rustix::io::Errno::INTR) => continue,
                got => got?,
            };
            let whole = answer.get(..length).ok_or(io::ErrorKind::InvalidData)?;
            match read(whole, &mut links, &mut has_changed) {
                Step::More => {}
                Step::Done => return Ok((links, has_changed)),
                Step::Refused => return Err(io::ErrorKind::Unsupported.into()),
            }
        }
    }
}

/// What follows a part of an answer.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    More,
    Done,
    Refused,
}

/// Reads one part of an answer, which is some messages.
fn read(mut part: &[u8], links: &mut Vec<Link>, has_changed: &mut bool) -> Step {
    while let (Some(length), Some(kind), Some(flags)) = (u32_at(part, 0), u16_at(part, 4), u16_at(part, 6)) {
        let Some(body) = part.get(HEADER..length as usize) else { return Step::Refused };
        *has_changed |= flags & CHANGED != 0;
        match kind {
            NEW_LINK => links.extend(link(body)),
            DONE => return Step::Done,
            ERROR => return Step::Refused,
            _ => {}
        }
        part = part.get(aligned(length as usize)..).unwrap_or_default();
    }
    Step::More
}

/// Reads the description of one interface. `None` if it has no name.
fn link(body: &[u8]) -> Option<Link> {
    let (index, flags) = (u32_at(body, 4)?, u32_at(body, 8)?);
    let (mut name, mut bytes) = (None, 0);
    let mut rest = body.get(LINK_HEADER..)?;
    while let (Some(length), Some(kind)) = (u16_at(rest, 0), u16_at(rest, 2)) {
        let Some(value) = rest.get(ATTRIBUTE..usize::from(length)) else { break };
        match kind {
            NAME => name = value.split(|&byte| byte == 0).next(),
            // The fields before these are packets received and sent.
            STATISTICS => bytes = u64_at(value, 16)?.saturating_add(u64_at(value, 24)?),
            _ => {}
        }
        rest = rest.get(aligned(usize::from(length))..).unwrap_or_default();
    }
    let name = name?;
    let text = std::str::from_utf8(name);
    let device = text.map_or_else(|_| name.escape_ascii().to_string(), str::to_owned);
    Some(Link::new(index, device, text.is_ok(), flags & UP != 0, bytes))
}

/// Messages and attributes begin at multiples of four bytes.
fn aligned(length: usize) -> usize {
    length.next_multiple_of(4)
}

fn array_at<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at + N)?.try_into().ok()
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    array_at(bytes, at).map(u16::from_ne_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    array_at(bytes, at).map(u32::from_ne_bytes)
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    array_at(bytes, at).map(u64::from_ne_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
        let mut bytes = [((ATTRIBUTE + value.len()) as u16).to_ne_bytes(), kind.to_ne_bytes()].concat();
        bytes.extend(value);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    fn message(kind: u16, flags: u16, body: &[u8]) -> Vec<u8> {
        let mut bytes = ((HEADER + body.len()) as u32).to_ne_bytes().to_vec();
        bytes.extend([kind.to_ne_bytes(), flags.to_ne_bytes()].concat());
        bytes.extend([0; 8]);
        bytes.extend(body);
        bytes
    }

    fn described(index: u32, flags: u32, attributes: &[Vec<u8>]) -> Vec<u8> {
        let mut body = vec![0; 4];
        body.extend([index.to_ne_bytes(), flags.to_ne_bytes(), [0; 4]].concat());
        body.extend(attributes.concat());
        message(NEW_LINK, 2, &body)
    }

    #[test]
    fn names_states_and_traffic_are_read_whatever_stands_between_them() {
        let counters: Vec<u8> = [1u64, 2, 300, 4000, 5].iter().flat_map(|n| n.to_ne_bytes()).collect();
        let part = [
            described(1, 0x49, &[attribute(NAME, b"lo\0"), attribute(STATISTICS, &counters)]),
            described(7, 0x1002, &[attribute(13, &[1, 2, 3]), attribute(NAME, b"e\xff\0")]),
            described(8, 1, &[attribute(13, &[])]),
        ];
        let mut links = Vec::new();
        let mut has_changed = false;
        assert_eq!(read(&part.concat(), &mut links, &mut has_changed), Step::More);
        let want = [Link::new(1, "lo".into(), true, true, 4300), Link::new(7, "e\\xff".into(), false, false, 0)];
        assert_eq!(links, want);
        assert!(!has_changed);
        let end = [described(9, 1, &[attribute(NAME, b"x\0")]), message(DONE, CHANGED, &[0; 4])].concat();
        assert_eq!(read(&end, &mut links, &mut has_changed), Step::Done);
        assert!(links.len() == 3 && has_changed);
    }

    #[test]
    fn a_part_that_is_cut_anywhere_is_read_without_harm() {
        let whole =
            [described(1, 1, &[attribute(NAME, b"eth0\0"), attribute(STATISTICS, &[7; 40])]), message(DONE, 2, &[])];
        let whole = whole.concat();
        for length in 0..whole.len() {
            let mut links = Vec::new();
            let step = read(&whole[..length], &mut links, &mut false);
            assert!(step != Step::Done && links.len() <= 1, "{length}");
        }
        for length in [0u32, 1, 15, u32::MAX] {
            let mut odd = whole.clone();
            odd[..4].copy_from_slice(&length.to_ne_bytes());
            assert_eq!(read(&odd, &mut Vec::new(), &mut false), Step::Refused);
        }
    }

    #[test]
    fn the_kernel_lists_loopback() {
        let links = Netlink::open().unwrap().list().unwrap();
        assert!(links.iter().any(|link| link.name == "lo" && link.key.index == 1), "{links:?}");
    }
}
