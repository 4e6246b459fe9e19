//! Which interfaces there are, and which of them are meant.

mod list;

use wildmatch::WildMatch;

use super::Error;

/// An interface that can be captured from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Info {
    /// As the system calls it; bytes that are not UTF-8 are written as `\xff`.
    pub name: String,
    /// The name is UTF-8; libpcap's binding can open no other.
    pub is_utf8: bool,
    /// libpcap's description.
    pub description: Option<String>,
    /// Its addresses as text.
    pub addresses: Vec<String>,
    /// It is up.
    pub up: bool,
    /// It is a loopback.
    pub loopback: bool,
}

/// Every interface that can be captured from, in libpcap's order.
pub fn list() -> Result<Vec<Info>, Error> {
    list::list().map_err(Error::NoInterface)
}

/// Which interfaces to capture from.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Names or globs; empty for every network interface that is up.
    pub wanted: Vec<String>,
    /// Globs of those that are not meant.
    pub excluded: Vec<String>,
}

/// What libpcap lists beside network interfaces. Captured from when named, never by default.
const PSEUDO: [&str; 6] = ["any", "nflog", "nfqueue", "dbus-*", "bluetooth*", "usbmon*"];

impl Selection {
    /// The names meant, out of those there are.
    pub fn select(&self, there: &[Info]) -> Vec<String> {
        there.iter().filter(|info| self.means(info)).map(|info| info.name.clone()).collect()
    }

    /// Given by name, without wildcards: these have to be there.
    pub fn exact(&self) -> impl Iterator<Item = &String> {
        self.wanted.iter().filter(|name| !name.contains(['*', '?']))
    }

    fn means(&self, info: &Info) -> bool {
        let matches = |patterns: &[String]| patterns.iter().any(|glob| WildMatch::new(glob).matches(&info.name));
        if matches(&self.excluded) {
            return false;
        }
        if self.exact().any(|name| *name == info.name) {
            return true;
        }
        let is_pseudo = PSEUDO.iter().any(|glob| WildMatch::new(glob).matches(&info.name));
        info.up && !is_pseudo && (self.wanted.is_empty() || matches(&self.wanted))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn there() -> Vec<Info> {
        [("eth0", true), ("eth1", false), ("lo", true), ("any", true), ("dbus-system", true), ("docker0", true)]
            .into_iter()
            .map(|(name, up)| Info {
                name: name.into(),
                is_utf8: true,
                description: None,
                addresses: vec![],
                up,
                loopback: name == "lo",
            })
            .collect()
    }

    #[test]
    fn selection_is_what_is_up_or_what_is_named() {
        let table: &[(&[&str], &[&str], &[&str])] = &[
            (&[], &[], &["eth0", "lo", "docker0"]),
            (&[], &["docker*", "lo"], &["eth0"]),
            (&["eth*"], &[], &["eth0"]),
            (&["eth1"], &[], &["eth1"]),
            (&["any"], &[], &["any"]),
            (&["*"], &["eth?"], &["lo", "docker0"]),
            (&["wlan0"], &[], &[]),
        ];
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        for (wanted, excluded, want) in table {
            let selection = Selection { wanted: owned(wanted), excluded: owned(excluded) };
            assert_eq!(selection.select(&there()), owned(want), "{wanted:?} without {excluded:?}");
        }
    }
}
