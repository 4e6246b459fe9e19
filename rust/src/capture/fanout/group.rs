//! The fanout group of Linux, and the program that divides packets as [`share`](super::share) does.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use libc::{sock_filter, sock_fprog};

use super::MIX;

/// From `linux/if_packet.h`.
const PACKET_FANOUT: i32 = 18;
const PACKET_FANOUT_DATA: i32 = 22;
const PACKET_FANOUT_CBPF: u32 = 6;
/// The kernel chooses a number for the group that is not in use.
const PACKET_FANOUT_FLAG_UNIQUEID: u32 = 0x2000;

/// A group of sockets that share the packets of one interface.
#[derive(Debug, Default)]
pub struct FanoutGroup {
    id: Option<u32>,
}

impl FanoutGroup {
    /// Adds a bound socket to the group. The first socket creates the group. Worker 0 joins first, then worker 1, and
    /// so on.
    pub fn join(&mut self, socket: BorrowedFd<'_>) -> io::Result<()> {
        let asked = self.id.unwrap_or(PACKET_FANOUT_FLAG_UNIQUEID << 16) | PACKET_FANOUT_CBPF << 16;
        set(socket, libc::SOL_PACKET, PACKET_FANOUT, &asked)?;
        if self.id.is_none() {
            self.id = Some(get(socket, libc::SOL_PACKET, PACKET_FANOUT)? & 0xffff);
            attach(socket, libc::SOL_PACKET, PACKET_FANOUT_DATA, &program())?;
        }
        Ok(())
    }
}

/// Sets a filter that lets no packet into the socket.
pub fn shut(socket: BorrowedFd<'_>) -> io::Result<()> {
    attach(socket, libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, &[sock_filter { code: RETURN, jt: 0, jf: 0, k: 0 }])
}

/// Operations of classic BPF, from `linux/bpf_common.h`.
const LOAD_WORD: u16 = 0x20;
const LOAD_HALF: u16 = 0x28;
const LOAD_BYTE: u16 = 0x30;
const LOAD_HALF_BEHIND_X: u16 = 0x48;
const LOAD_NUMBER: u16 = 0x00;
const LOAD_STORED: u16 = 0x60;
const LOAD_STORED_TO_X: u16 = 0x61;
const STORE: u16 = 0x02;
const XOR_X: u16 = 0xac;
const MULTIPLY: u16 = 0x24;
const SHIFT_LEFT: u16 = 0x64;
const SHIFT_RIGHT: u16 = 0x74;
const AND: u16 = 0x54;
const COPY_TO_X: u16 = 0x07;
const IF_EQUAL: u16 = 0x15;
const IF_ANY_BIT: u16 = 0x45;
const RETURN: u16 = 0x06;
const RETURN_A: u16 = 0x16;
/// `SKF_NET_OFF`: offsets added to this count from the IP header, whatever the length of the link header.
const IP: u32 = 0xfff0_0000;
/// Cells of the program's memory: the exclusive or of the addresses, and one port.
const ADDRESSES: u32 = 0;
const PORT: u32 = 1;

/// A line of the program. A test continues at its first mark if it is true, else at its second; an empty mark is the
/// next line.
enum Line {
    Do(u16, u32),
    Test(u16, u32, &'static str, &'static str),
    Mark(&'static str),
}

/// The program: [`share`](super::share) without the remainder, which the kernel computes. Ports are used only if the packet certainly
/// has TCP ports. For fragments and tunnels only the addresses are used, so that one worker gets all fragments of a
/// datagram.
fn program() -> Vec<sock_filter> {
    use Line::{Do, Mark, Test};
    let mut lines = vec![
        Do(LOAD_BYTE, IP),
        Do(SHIFT_RIGHT, 4),
        Test(IF_EQUAL, 4, "", "not IPv4"),
        Do(LOAD_WORD, IP + 12),
        Do(COPY_TO_X, 0),
        Do(LOAD_WORD, IP + 16),
        Do(XOR_X, 0),
        Do(STORE, ADDRESSES),
        Do(LOAD_BYTE, IP + 9),
        Test(IF_EQUAL, 6, "", "no ports"),
        Do(LOAD_HALF, IP + 6),
        // True for a fragment: more fragments follow, or its offset is not 0.
        Test(IF_ANY_BIT, 0x3fff, "no ports", ""),
        Do(LOAD_BYTE, IP),
        Do(AND, 0x0f),
        Do(SHIFT_LEFT, 2),
        Do(COPY_TO_X, 0),
        Do(LOAD_HALF_BEHIND_X, IP),
        Do(STORE, PORT),
        Do(LOAD_HALF_BEHIND_X, IP + 2),
        Do(LOAD_STORED_TO_X, PORT),
        Do(XOR_X, 0),
        Test(IF_EQUAL, 0, "mix", "mix"),
        Mark("not IPv4"),
        Test(IF_EQUAL, 6, "", "foreign"),
        Do(LOAD_WORD, IP + 8),
    ];
    for word in 1..8 {
        lines.extend([Do(COPY_TO_X, 0), Do(LOAD_WORD, IP + 8 + 4 * word), Do(XOR_X, 0)]);
    }
    lines.extend([
        Do(STORE, ADDRESSES),
        Do(LOAD_BYTE, IP + 6),
        Test(IF_EQUAL, 6, "", "no ports"),
        Do(LOAD_HALF, IP + 40),
        Do(COPY_TO_X, 0),
        Do(LOAD_HALF, IP + 42),
        Do(XOR_X, 0),
        Test(IF_EQUAL, 0, "mix", "mix"),
        Mark("no ports"),
        Do(LOAD_NUMBER, 0),
        Mark("mix"),
        Do(MULTIPLY, MIX[0]),
        Do(COPY_TO_X, 0),
        Do(LOAD_STORED, ADDRESSES),
        Do(XOR_X, 0),
        Do(MULTIPLY, MIX[1]),
        Do(COPY_TO_X, 0),
        Do(SHIFT_RIGHT, 15),
        Do(XOR_X, 0),
        Do(MULTIPLY, MIX[2]),
        Do(SHIFT_RIGHT, 16),
        Do(RETURN_A, 0),
        Mark("foreign"),
        Do(RETURN, 0),
    ]);
    assemble(&lines)
}

fn assemble(lines: &[Line]) -> Vec<sock_filter> {
    let is_mark = |line: &&Line| matches!(line, Line::Mark(_));
    let place = |mark: &str| {
        let at = lines.iter().position(|line| matches!(line, Line::Mark(name) if *name == mark));
        at.map(|at| at - lines[..at].iter().filter(is_mark).count())
    };
    let mut program: Vec<sock_filter> = Vec::new();
    for line in lines {
        let next = program.len() + 1;
        let distance = |mark: &str| place(mark).map_or(0, |at| (at - next) as u8);
        match *line {
            Line::Do(code, k) => program.push(sock_filter { code, jt: 0, jf: 0, k }),
            Line::Test(code, k, yes, no) => {
                program.push(sock_filter { code, jt: distance(yes), jf: distance(no), k });
            }
            Line::Mark(_) => {}
        }
    }
    program
}

fn set<T>(socket: BorrowedFd<'_>, level: i32, name: i32, value: &T) -> io::Result<()> {
    let size = size_of::<T>() as libc::socklen_t;
    // SAFETY: the pointer and the size are those of `value`, which outlives the call; the kernel only reads.
    let done = unsafe { libc::setsockopt(socket.as_raw_fd(), level, name, std::ptr::from_ref(value).cast(), size) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn attach(socket: BorrowedFd<'_>, level: i32, name: i32, program: &[sock_filter]) -> io::Result<()> {
    // The kernel copies the program and does not write to it, though the field is a mutable pointer.
    set(socket, level, name, &sock_fprog { len: program.len() as u16, filter: program.as_ptr().cast_mut() })
}

fn get(socket: BorrowedFd<'_>, level: i32, name: i32) -> io::Result<u32> {
    let mut value = 0u32;
    let mut size = size_of::<u32>() as libc::socklen_t;
    // SAFETY: the kernel writes at most `size` bytes, the size of `value`.
    let done = unsafe { libc::getsockopt(socket.as_raw_fd(), level, name, (&raw mut value).cast(), &raw mut size) };
    if done == 0 { Ok(value) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::super::share;
    use super::*;

    /// Runs the program as the kernel does, on a packet that begins with its IP header.
    fn run(packet: &[u8]) -> u32 {
        let program = program();
        let load = |at: u32, size: usize| {
            let at = at.wrapping_sub(IP) as usize;
            packet.get(at..at + size).map(|bytes| bytes.iter().fold(0, |value, &byte| value << 8 | u32::from(byte)))
        };
        let (mut a, mut x, mut stored, mut at) = (0u32, 0u32, [0; 2], 0);
        loop {
            let sock_filter { code, jt, jf, k } = program[at];
            at += 1;
            let loaded = match code {
                LOAD_WORD => load(k, 4),
                LOAD_HALF => load(k, 2),
                LOAD_BYTE => load(k, 1),
                LOAD_HALF_BEHIND_X => load(k.wrapping_add(x), 2),
                LOAD_NUMBER => Some(k),
                LOAD_STORED => Some(stored[k as usize]),
                XOR_X => Some(a ^ x),
                MULTIPLY => Some(a.wrapping_mul(k)),
                SHIFT_LEFT => Some(a << k),
                SHIFT_RIGHT => Some(a >> k),
                AND => Some(a & k),
                _ => Some(a),
            };
            // A load beyond the end of the packet ends the program with 0.
            let Some(loaded) = loaded else { return 0 };
            a = loaded;
            match code {
                STORE => stored[k as usize] = a,
                COPY_TO_X => x = a,
                LOAD_STORED_TO_X => x = stored[k as usize],
                IF_EQUAL => at += usize::from(if a == k { jt } else { jf }),
                IF_ANY_BIT => at += usize::from(if a & k != 0 { jt } else { jf }),
                RETURN => return k,
                RETURN_A => return a,
                _ => {}
            }
        }
    }

    fn v4(source: [u8; 4], destination: [u8; 4], protocol: u8, fragment: u16, ports: [u16; 2]) -> Vec<u8> {
        let mut packet = vec![0; 24];
        packet[0] = 0x46;
        packet[6..8].copy_from_slice(&fragment.to_be_bytes());
        packet[9] = protocol;
        packet[12..16].copy_from_slice(&source);
        packet[16..20].copy_from_slice(&destination);
        packet.extend(ports.map(u16::to_be_bytes).as_flattened());
        packet
    }

    fn v6(source: [u8; 16], destination: [u8; 16], protocol: u8, ports: [u16; 2]) -> Vec<u8> {
        let mut packet = vec![0; 8];
        (packet[0], packet[6]) = (0x60, protocol);
        packet.extend([source, destination].as_flattened());
        packet.extend(ports.map(u16::to_be_bytes).as_flattened());
        packet
    }

    const HTTP: u16 = 0x50;
    const HTTPS: u16 = 0x1bb;
    const HERE: [u8; 4] = [10, 0, 0, 1];
    const THERE: [u8; 4] = [192, 168, 7, 9];

    fn xor(addresses: [[u8; 4]; 2]) -> u32 {
        u32::from_be_bytes(addresses[0]) ^ u32::from_be_bytes(addresses[1])
    }

    #[test]
    fn the_kernel_and_the_workers_agree_on_who_gets_a_packet() {
        for (port, count) in (1000..1100).zip((2..7).cycle()) {
            let want = share(xor([HERE, THERE]), port ^ HTTP, count);
            assert_eq!(run(&v4(HERE, THERE, 6, 0x4000, [port, HTTP])) as usize % count, want);
            assert_eq!(run(&v4(THERE, HERE, 6, 0, [HTTP, port])) as usize % count, want);
            let (mut one, mut other) = ([0; 16], [0xfe; 16]);
            (one[3], one[15], other[9]) = (7, port as u8, 3);
            let words = one.iter().zip(other).map(|(a, b)| a ^ b).collect::<Vec<u8>>();
            let addresses = words.chunks(4).fold(0, |all, word| all ^ u32::from_be_bytes(word.try_into().unwrap()));
            let want = share(addresses, port ^ HTTPS, count);
            assert_eq!(run(&v6(one, other, 6, [port, HTTPS])) as usize % count, want);
            assert_eq!(run(&v6(other, one, 6, [HTTPS, port])) as usize % count, want);
        }
    }

    #[test]
    fn fragments_and_tunnels_go_by_their_addresses() {
        let want = share(xor([HERE, THERE]), 0, 3);
        for (protocol, fragment) in [(6, 0x2000), (6, 0x00b9), (17, 0), (47, 0)] {
            assert_eq!(run(&v4(HERE, THERE, protocol, fragment, [4711, 80])) as usize % 3, want);
            assert_eq!(run(&v4(THERE, HERE, protocol, fragment, [80, 999])) as usize % 3, want);
        }
        assert_eq!(run(&v6([1; 16], [2; 16], 44, [1, 2])), run(&v6([2; 16], [1; 16], 44, [3, 4])));
        assert_eq!(run(b"\x12ARP"), 0);
        assert_eq!(run(&[0x45, 0, 0]), 0);
    }

    #[test]
    fn connections_are_spread_evenly() {
        for count in 2..9 {
            let mut taken = vec![0; count];
            // Linux gives clients every second port.
            (0..8000).for_each(|at| taken[share(xor([HERE, THERE]), (32_768 + 2 * at) ^ HTTP, count)] += 1);
            assert!(taken.iter().all(|&got| got > 7000 / count), "{taken:?}");
        }
    }
}
