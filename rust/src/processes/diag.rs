//! Messages of the kernel's socket diagnosis (`sock_diag(7)`, `linux/inet_diag.h`): requests as bytes, and sockets from
//! the bytes of answers. Pure. Numbers are in the byte order of the machine, ports in that of the network.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::pipeline::decode::Endpoint;
use crate::pipeline::owners::KernelView;

/// `SOCK_DIAG_BY_FAMILY`, `NLMSG_ERROR` and `NLMSG_DONE`.
const BY_FAMILY: u16 = 20;
const ERROR: u16 = 2;
const DONE: u16 = 3;
/// `NLM_F_REQUEST`, and `NLM_F_ROOT | NLM_F_MATCH`.
const REQUEST: u16 = 1;
const DUMP: u16 = 0x300;
/// `IPPROTO_TCP`.
const TCP: u8 = 6;
/// `INET_DIAG_INFO` and `INET_DIAG_SKV6ONLY`.
const INFO: u16 = 2;
const V6ONLY: u16 = 11;
/// Length of `struct nlmsghdr`, of `struct inet_diag_req_v2` and of `struct inet_diag_msg`.
const HEADER: usize = 16;
const REQUEST_BODY: usize = 56;
const MESSAGE: usize = 72;
/// Where `struct tcp_info` has `tcpi_rtt` in microseconds, `tcpi_snd_cwnd` and `tcpi_total_retrans`.
const RTT: usize = 68;
const CWND: usize = 80;
const RETRANSMITS: usize = 100;

/// Address families, as the kernel numbers them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    V4 = 2,
    V6 = 10,
}

/// States of sockets, as bits.
pub const LISTENING: u32 = 1 << 10;
/// Established, FIN-WAIT-1, FIN-WAIT-2, CLOSE-WAIT, LAST-ACK and CLOSING: a process may hold such a socket.
pub const CONNECTED: u32 = 1 << 1 | 1 << 4 | 1 << 5 | 1 << 8 | 1 << 9 | 1 << 11;

/// A socket of this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Socket {
    /// True if it is a listening one.
    pub is_listening: bool,
    pub local: Endpoint,
    pub remote: Endpoint,
    /// True if a listening socket takes IPv6 alone.
    pub is_v6_only: bool,
    /// The inode by which processes have it open; 0 if none has.
    pub inode: u32,
    pub view: Option<KernelView>,
}

/// Returns a request for all sockets of a family in these states. With `with_view`, sockets come with the kernel's view.
pub fn dump(family: Family, states: u32, with_view: bool) -> Vec<u8> {
    request(family, DUMP, states, with_view, None)
}

/// Returns a request for the socket of a connection, by its end on this machine and the other one.
pub fn exact(local: Endpoint, remote: Endpoint) -> Vec<u8> {
    let is_v4 = local.address.to_ipv4_mapped().is_some();
    request(if is_v4 { Family::V4 } else { Family::V6 }, 0, u32::MAX, false, Some((local, remote)))
}

fn request(family: Family, flags: u16, states: u32, with_view: bool, ends: Option<(Endpoint, Endpoint)>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER + REQUEST_BODY);
    bytes.extend(((HEADER + REQUEST_BODY) as u32).to_ne_bytes());
    bytes.extend(BY_FAMILY.to_ne_bytes());
    bytes.extend((REQUEST | flags).to_ne_bytes());
    bytes.extend([0; 8]);
    bytes.extend([family as u8, TCP, u8::from(with_view) << (INFO - 1), 0]);
    bytes.extend(states.to_ne_bytes());
    match ends {
        Some((local, remote)) => {
            bytes.extend(local.port.to_be_bytes());
            bytes.extend(remote.port.to_be_bytes());
            put_address(&mut bytes, local.address);
            put_address(&mut bytes, remote.address);
        }
        None => bytes.extend([0; 36]),
    }
    // Any interface, and no cookie.
    bytes.extend(0u32.to_ne_bytes());
    bytes.extend([0xff; 8]);
    bytes
}

fn put_address(bytes: &mut Vec<u8>, address: Ipv6Addr) {
    match address.to_ipv4_mapped() {
        Some(v4) => {
            bytes.extend(v4.octets());
            bytes.extend([0; 12]);
        }
        None => bytes.extend(address.octets()),
    }
}

/// What a datagram of answers is followed by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// More answers.
    More,
    /// Nothing: all sockets were told.
    End,
    /// Nothing: the request failed, with this error number, as for a socket that does not exist.
    Failed(i32),
}

/// Calls `each` with the sockets in a datagram of answers.
pub fn read(mut bytes: &[u8], mut each: impl FnMut(Socket)) -> Then {
    while let Some((header, rest)) = bytes.split_first_chunk::<HEADER>() {
        let length = (u32_at(header, 0).unwrap_or(0) as usize).saturating_sub(HEADER);
        let body = &rest[..length.min(rest.len())];
        match u16::from_ne_bytes([header[4], header[5]]) {
            DONE => return Then::End,
            ERROR => return Then::Failed(u32_at(body, 0).map_or(0, u32::cast_signed).wrapping_neg()),
            BY_FAMILY => socket(body).into_iter().for_each(&mut each),
            _ => {}
        }
        bytes = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Then::More
}

/// Reads a `struct inet_diag_msg` and its attributes.
fn socket(body: &[u8]) -> Option<Socket> {
    let (message, mut attributes) = body.split_first_chunk::<MESSAGE>()?;
    let is_v4 = message[0] == Family::V4 as u8;
    let end = |port: usize, address: usize| Endpoint {
        address: address_at(message, address, is_v4),
        port: u16::from_be_bytes([message[port], message[port + 1]]),
    };
    let mut socket = Socket {
        is_listening: 1u32.checked_shl(message[1].into()) == Some(LISTENING),
        local: end(4, 8),
        remote: end(6, 24),
        is_v6_only: false,
        inode: u32_at(message, 68)?,
        view: None,
    };
    while let Some((header, _)) = attributes.split_first_chunk::<4>() {
        let length = usize::from(u16::from_ne_bytes([header[0], header[1]]));
        let value = attributes.get(4..length).unwrap_or_default();
        match u16::from_ne_bytes([header[2], header[3]]) {
            V6ONLY => socket.is_v6_only = value.first().is_some_and(|only| *only != 0),
            INFO => socket.view = view(value),
            _ => {}
        }
        attributes = attributes.get(length.max(4).next_multiple_of(4)..).unwrap_or_default();
    }
    Some(socket)
}

/// Reads the beginning of a `struct tcp_info`. A round trip of 0 was not measured.
fn view(info: &[u8]) -> Option<KernelView> {
    let (rtt, cwnd, retransmits) = (u32_at(info, RTT)?, u32_at(info, CWND)?, u32_at(info, RETRANSMITS)?);
    (rtt > 0).then(|| KernelView { rtt: u64::from(rtt) * 1_000, cwnd, retransmits })
}

fn address_at(bytes: &[u8; MESSAGE], at: usize, is_v4: bool) -> Ipv6Addr {
    let octets: [u8; 16] = std::array::from_fn(|n| bytes[at + n]);
    if is_v4 { Ipv4Addr::new(octets[0], octets[1], octets[2], octets[3]).to_ipv6_mapped() } else { octets.into() }
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|bytes| u32::from_ne_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A message of a socket with attributes of `(kind, value)`.
    fn message(family: Family, state: u8, ends: [(&str, u16); 2], inode: u32, attributes: &[(u16, &[u8])]) -> Vec<u8> {
        let mut body = vec![family as u8, state, 0, 0];
        ends.iter().for_each(|(_, port)| body.extend(port.to_be_bytes()));
        for (address, _) in ends {
            match address.parse().unwrap() {
                std::net::IpAddr::V4(v4) => body.extend([&v4.octets()[..], &[0; 12]].concat()),
                std::net::IpAddr::V6(v6) => body.extend(v6.octets()),
            }
        }
        body.extend([0; 28]);
        body.extend(inode.to_ne_bytes());
        for (kind, value) in attributes {
            body.extend((value.len() as u16 + 4).to_ne_bytes());
            body.extend(kind.to_ne_bytes());
            body.extend(*value);
            body.resize(body.len().next_multiple_of(4), 0);
        }
        header(BY_FAMILY, &body)
    }

    fn header(kind: u16, body: &[u8]) -> Vec<u8> {
        let mut bytes = ((HEADER + body.len()) as u32).to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.extend([0; 10]);
        bytes.extend(body);
        bytes
    }

    fn sockets(bytes: &[u8]) -> (Vec<Socket>, Then) {
        let mut found = Vec::new();
        let then = read(bytes, |socket| found.push(socket));
        (found, then)
    }

    fn end(text: &str) -> Endpoint {
        let socket: std::net::SocketAddr = text.parse().unwrap();
        let address = match socket.ip() {
            std::net::IpAddr::V4(v4) => v4.to_ipv6_mapped(),
            std::net::IpAddr::V6(v6) => v6,
        };
        Endpoint { address, port: socket.port() }
    }

    #[test]
    fn sockets_of_both_families_are_read_with_their_attributes() {
        let mut info = [0; 232];
        info[RTT..RTT + 4].copy_from_slice(&12_000u32.to_ne_bytes());
        info[CWND..CWND + 4].copy_from_slice(&10u32.to_ne_bytes());
        info[RETRANSMITS..RETRANSMITS + 4].copy_from_slice(&3u32.to_ne_bytes());
        let bytes = [
            message(
                Family::V4,
                1,
                [("10.0.0.1", 5000), ("10.0.0.2", 80)],
                77,
                &[(INFO, &info), (21, &9u64.to_ne_bytes())],
            ),
            message(Family::V6, 10, [("::", 443), ("::", 0)], 78, &[(8, &[0]), (V6ONLY, &[1])]),
            message(Family::V6, 1, [("::ffff:10.0.0.1", 1), ("::1", 2)], 0, &[]),
            header(DONE, &[0; 4]),
        ];
        let (found, then) = sockets(&bytes.concat());
        assert_eq!(then, Then::End);
        let [one, two, three] = found.try_into().unwrap();
        assert_eq!((one.local, one.remote, one.inode), (end("10.0.0.1:5000"), end("10.0.0.2:80"), 77));
        assert!(!one.is_listening);
        assert_eq!(one.view, Some(KernelView { rtt: 12_000_000, cwnd: 10, retransmits: 3 }));
        assert_eq!((two.is_listening, two.local, two.is_v6_only, two.view), (true, end("[::]:443"), true, None));
        assert_eq!((three.local, three.inode), (end("10.0.0.1:1"), 0));
    }

    #[test]
    fn an_error_ends_the_answers() {
        let error = header(ERROR, &(-2i32).to_ne_bytes());
        assert_eq!(sockets(&error), (vec![], Then::Failed(2)));
        assert_eq!(sockets(&[]), (vec![], Then::More));
    }

    #[test]
    fn a_request_names_the_socket_by_its_own_end_first() {
        let bytes = exact(end("10.0.0.1:5000"), end("10.0.0.2:80"));
        assert_eq!(bytes.len(), 72);
        assert_eq!((bytes[16], bytes[17]), (2, 6));
        assert_eq!(bytes[24..32], [0x13, 0x88, 0, 80, 10, 0, 0, 1]);
        assert_eq!(bytes[44..48], [10, 0, 0, 2]);
        assert_eq!(exact(end("[::1]:1"), end("[::1]:2"))[16], 10);
        assert_eq!(dump(Family::V4, LISTENING, true)[18], 2);
    }

    proptest! {
        #[test]
        fn no_answer_makes_reading_panic(noise: Vec<u8>, kind: u16, length: u32) {
            let mut bytes = header(BY_FAMILY, &noise);
            sockets(&bytes);
            bytes[..4].copy_from_slice(&length.to_ne_bytes());
            bytes[4..6].copy_from_slice(&kind.to_ne_bytes());
            sockets(&bytes);
            sockets(&noise);
        }
    }
}
