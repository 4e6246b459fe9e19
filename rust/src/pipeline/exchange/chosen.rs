//! What a server chooses for a connection of TLS or QUIC: the version of TLS, and the cipher suite.
//!
//! Both are one of those that have a name; all others are one. So counts by them are bounded, whatever servers send.

use super::suites::SUITES;

/// The name of all versions and suites without a name.
const OTHER: &str = "OTHER";

/// A version of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TlsVersion(u16);

/// The versions by their numbers. That of TLS 1.3 is in an extension of the hello (RFC 8446 §4.2.1).
const VERSIONS: [(u16, &str); 5] =
    [(0x0300, "SSL 3.0"), (0x0301, "TLS 1.0"), (0x0302, "TLS 1.1"), (0x0303, "TLS 1.2"), (0x0304, "TLS 1.3")];

/// A cipher suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CipherSuite(u16);

/// Stands for all numbers without a name. It is higher than all others.
const UNNAMED: u16 = u16::MAX;

impl TlsVersion {
    /// Returns the version that a hello holds.
    pub fn from_number(number: u16) -> Self {
        Self(if VERSIONS.iter().any(|known| known.0 == number) { number } else { UNNAMED })
    }

    /// Returns the version with this name, `None` if there is none.
    pub fn from_name(name: &str) -> Option<Self> {
        if name == OTHER {
            return Some(Self(UNNAMED));
        }
        VERSIONS.iter().find(|known| known.1 == name).map(|known| Self(known.0))
    }

    /// The name in snapshots.
    pub fn name(self) -> &'static str {
        VERSIONS.iter().find(|known| known.0 == self.0).map_or(OTHER, |known| known.1)
    }
}

impl CipherSuite {
    /// All suites without a name.
    pub const OTHER: Self = Self(UNNAMED);

    /// Returns the suite that a hello holds.
    pub fn from_number(number: u16) -> Self {
        Self(if SUITES.binary_search_by_key(&number, |known| known.0).is_ok() { number } else { UNNAMED })
    }

    /// Returns the suite with this name, `None` if there is none.
    pub fn from_name(name: &str) -> Option<Self> {
        if name == OTHER {
            return Some(Self::OTHER);
        }
        SUITES.iter().find(|known| known.1 == name).map(|known| Self(known.0))
    }

    /// The name in snapshots.
    pub fn name(self) -> &'static str {
        SUITES.binary_search_by_key(&self.0, |known| known.0).map_or(OTHER, |at| SUITES[at].1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_chooses_has_the_name_of_the_registry() {
        let versions = [0x0304, 0x0303, 0x0301, 0x7f1c, 0xffff].map(|number| TlsVersion::from_number(number).name());
        assert_eq!(versions, ["TLS 1.3", "TLS 1.2", "TLS 1.0", "OTHER", "OTHER"]);
        let suites = [0x1301, 0xc02f, 0x000a, 0x0a0a, 0xffff].map(|number| CipherSuite::from_number(number).name());
        assert_eq!(
            suites,
            [
                "TLS_AES_128_GCM_SHA256",
                "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
                "TLS_RSA_WITH_3DES_EDE_CBC_SHA",
                "OTHER",
                "OTHER"
            ]
        );
    }

    #[test]
    fn each_name_leads_back_to_its_number() {
        assert!(SUITES.is_sorted_by(|a, b| a.0 < b.0));
        for &(number, name) in SUITES {
            assert_eq!(CipherSuite::from_name(name), Some(CipherSuite::from_number(number)), "{name}");
        }
        for name in ["SSL 3.0", "TLS 1.3", "OTHER"] {
            assert_eq!(TlsVersion::from_name(name).map(TlsVersion::name), Some(name));
        }
        assert_eq!((TlsVersion::from_name("TLS 2"), CipherSuite::from_name("TLS_")), (None, None));
    }
}
