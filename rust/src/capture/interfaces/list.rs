//! Lists the interfaces with libpcap's own functions. The list of the Rust binding fails as a whole if one name or
//! description is not UTF-8, and whoever may create an interface can give it such a name.

use std::ffi::{CStr, CString, c_char, c_int, c_uint};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ptr::{self, null_mut};

/// `PCAP_ERRBUF_SIZE`.
const ERRBUF_SIZE: usize = 256;
/// `PCAP_IF_LOOPBACK` and `PCAP_IF_UP`.
const LOOPBACK: c_uint = 1;
const UP: c_uint = 2;

/// An interface that can be captured from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Info {
    /// Its name; bytes that are not UTF-8 are written like `\xff`.
    pub name: String,
    /// True if the name is UTF-8. The Rust binding of libpcap cannot open other interfaces.
    pub is_utf8: bool,
    /// libpcap's description.
    pub description: Option<String>,
    /// Its addresses as text.
    pub addresses: Vec<String>,
    /// True if the interface is up.
    pub up: bool,
    /// True if it is a loopback interface.
    pub loopback: bool,
}

/// `pcap_addr_t`.
#[repr(C)]
struct PcapAddress {
    next: *const PcapAddress,
    addr: *const libc::sockaddr,
    netmask: *const libc::sockaddr,
    broadaddr: *const libc::sockaddr,
    dstaddr: *const libc::sockaddr,
}

/// `pcap_if_t`.
#[repr(C)]
struct PcapInterface {
    next: *const PcapInterface,
    name: *const c_char,
    description: *const c_char,
    addresses: *const PcapAddress,
    flags: c_uint,
}

unsafe extern "C" {
    fn pcap_findalldevs(list: *mut *mut PcapInterface, errbuf: *mut c_char) -> c_int;
    fn pcap_freealldevs(list: *mut PcapInterface);
}

/// Returns every interface that can be captured from, in libpcap's order. An error is libpcap's message.
pub fn list() -> Result<Vec<Info>, String> {
    let mut errbuf = [0 as c_char; ERRBUF_SIZE];
    let mut first: *mut PcapInterface = null_mut();
    // SAFETY: both point to memory of the size that pcap_findalldevs(3PCAP) asks for.
    if unsafe { pcap_findalldevs(&raw mut first, errbuf.as_mut_ptr()) } != 0 {
        // SAFETY: libpcap ends its message with a zero, and the last byte of the buffer is zero in any case.
        return Err(unsafe { CStr::from_ptr(errbuf.as_ptr()) }.to_string_lossy().into_owned());
    }
    let mut infos = Vec::new();
    let mut at: *const PcapInterface = first;
    // SAFETY: a pointer of the list is null or points to an entry, which lives until the list is freed.
    while let Some(interface) = unsafe { at.as_ref() } {
        // SAFETY: what an entry points to lives as long as the entry.
        infos.push(unsafe { info(interface) });
        at = interface.next;
    }
    // SAFETY: it came from pcap_findalldevs and is freed once.
    unsafe { pcap_freealldevs(first) };
    Ok(infos)
}

/// Returns the number of an interface in the kernel, 0 if there is none of this name.
pub fn index(name: &str) -> u32 {
    // SAFETY: if_nametoindex(3) reads a string that ends with a zero.
    CString::new(name).map_or(0, |name| unsafe { libc::if_nametoindex(name.as_ptr()) })
}

/// # Safety
/// The strings and addresses of the entry are those that libpcap made.
unsafe fn info(interface: &PcapInterface) -> Info {
    // SAFETY: every interface has a name; a description may be null.
    let (name, description) = unsafe { (text(interface.name), text(interface.description)) };
    let (name, is_utf8) = name.unwrap_or_default();
    let mut addresses = Vec::new();
    let mut at = interface.addresses;
    // SAFETY: a pointer of the list is null or points to an address.
    while let Some(address) = unsafe { at.as_ref() } {
        // SAFETY: the address is null or of the length that its family has.
        addresses.extend(unsafe { ip(address.addr) }.map(|ip| ip.to_string()));
        at = address.next;
    }
    Info {
        name,
        is_utf8,
        description: description.map(|(text, _)| text),
        addresses,
        up: interface.flags & UP != 0,
        loopback: interface.flags & LOOPBACK != 0,
    }
}

/// Returns a string, and whether it is UTF-8. If it is not, bytes other than printable ASCII are written like `\xff`.
///
/// # Safety
/// `string` is null or ends with a zero.
unsafe fn text(string: *const c_char) -> Option<(String, bool)> {
    if string.is_null() {
        return None;
    }
    // SAFETY: the caller promises it.
    let bytes = unsafe { CStr::from_ptr(string) }.to_bytes();
    Some(match std::str::from_utf8(bytes) {
        Ok(text) => (text.to_owned(), true),
        Err(_) => (bytes.escape_ascii().to_string(), false),
    })
}

/// # Safety
/// `address` is null or as long as its family says.
unsafe fn ip(address: *const libc::sockaddr) -> Option<IpAddr> {
    if address.is_null() {
        return None;
    }
    // SAFETY: every address begins with its family. Unaligned reads ask nothing of the pointer.
    let family = i32::from(unsafe { ptr::addr_of!((*address).sa_family).read_unaligned() });
    match family {
        libc::AF_INET => {
            // SAFETY: the family says so.
            let address = unsafe { address.cast::<libc::sockaddr_in>().read_unaligned() };
            Some(Ipv4Addr::from_bits(u32::from_be(address.sin_addr.s_addr)).into())
        }
        libc::AF_INET6 => {
            // SAFETY: the family says so.
            let address = unsafe { address.cast::<libc::sockaddr_in6>().read_unaligned() };
            Some(Ipv6Addr::from(address.sin6_addr.s6_addr).into())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_not_utf8_is_told_by_its_bytes() {
        // SAFETY: the strings end with a zero.
        let told = [c"eth0", c"\xffth\n", c"\xc3\xa4"].map(|name| unsafe { text(name.as_ptr()) });
        let want = [("eth0", true), ("\\xffth\\n", false), ("\u{e4}", true)];
        assert_eq!(told, want.map(|(name, is_utf8)| Some((name.to_owned(), is_utf8))));
    }

    #[test]
    fn loopback_is_there_with_its_address() {
        let all = list().unwrap();
        let loopback = all.iter().find(|info| info.loopback);
        assert!(loopback.is_none_or(|info| info.is_utf8 && (!info.up || !info.addresses.is_empty())), "{all:?}");
    }
}
