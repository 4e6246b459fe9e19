//! Networks of addresses, in CIDR notation (RFC 4632 §3.1, RFC 4291 §2.3).

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// All addresses that begin with the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// IPv4 addresses are mapped ones.
    first: u128,
    mask: u128,
    is_v4: bool,
}

impl Network {
    /// Parses `10.0.0.0/8` or `2001:db8::/32`. `None` if the text is no address with a slash behind it.
    pub fn parse(text: &str) -> Option<Result<Self, String>> {
        let (address, bits) = text.split_once('/')?;
        let address: IpAddr = address.trim_matches(['[', ']']).parse().ok()?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.parse().ok().filter(|bits| *bits <= most);
        Some(bits.map(|bits| Self::new(address, bits)).ok_or_else(|| {
            let family = if most == 32 { 4 } else { 6 };
            format!("the prefix of an IPv{family} network has 0 to {most} bits")
        }))
    }

    /// The network of one address. `None` if the text is no address.
    pub fn of_one(text: &str) -> Option<Self> {
        let address: IpAddr = text.trim_matches(['[', ']']).parse().ok()?;
        Some(Self::new(address, 128))
    }

    fn new(address: IpAddr, bits: u32) -> Self {
        let (mapped, bits) = match address {
            IpAddr::V4(v4) => (v4.to_ipv6_mapped(), bits.min(32) + 96),
            IpAddr::V6(v6) => (v6, bits),
        };
        let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
        Self { first: mapped.to_bits() & mask, mask, is_v4: address.is_ipv4() }
    }

    /// The bits of an IPv6 address that the network compares; 0 for IPv4.
    pub fn ipv6_bits(&self) -> u32 {
        if self.is_v4 { 0 } else { self.mask.leading_ones() }
    }

    /// True if the address is in the network.
    #[inline]
    pub fn has(&self, address: Ipv6Addr) -> bool {
        address.to_bits() & self.mask == self.first && address.to_ipv4_mapped().is_some() == self.is_v4
    }
}

/// Returns the address in a text: `192.0.2.1`, `192.0.2.1:80`, `[2001:db8::1]:80`, `2001:db8::/64`. `None` if there is
/// none.
pub fn address_in(text: &str) -> Option<Ipv6Addr> {
    let bare = || text.split('/').next()?.parse().ok();
    let address = text.parse().map(|end: SocketAddr| end.ip()).ok().or_else(bare)?;
    Some(match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped(),
        IpAddr::V6(v6) => v6,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_has_the_addresses_that_begin_with_its_bits() {
        let table = [
            ("10.0.0.0/8", "10.255.0.1:80", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("10.9.9.9/8", "10.0.0.1", true),
            ("192.0.2.1/32", "192.0.2.1", true),
            ("192.0.2.1/32", "192.0.2.2", false),
            ("0.0.0.0/0", "203.0.113.9", true),
            ("0.0.0.0/0", "[2001:db8::1]:80", false),
            ("::/0", "2001:db8::1", true),
            ("::/0", "10.0.0.1", false),
            ("2001:db8::/32", "2001:db8:1:2::/64", true),
            ("2001:db8::/33", "2001:db8:8000::1", false),
        ];
        for (network, address, holds) in table {
            let network = Network::parse(network).unwrap().unwrap();
            assert_eq!(network.has(address_in(address).unwrap()), holds, "{network:?} {address}");
        }
        assert!(Network::parse("10.0.0.0/33").unwrap().is_err());
        assert!(Network::parse("::/x").unwrap().is_err());
        assert!(Network::parse("cart/1").is_none() && Network::parse("10.0.0.1").is_none());
        assert!(Network::of_one("10.0.0.7").unwrap().has(address_in("10.0.0.7").unwrap()));
        assert_eq!(address_in("~other"), None);
    }
}
