//! Lists the interfaces, and selects those to capture from.

mod list;

use wildmatch::WildMatch;

use super::Error;
use super::links::{Link, PSEUDO};
pub use list::{Info, index};

/// Returns every interface that can be captured from, in libpcap's order.
pub fn list() -> Result<Vec<Info>, Error> {
    list::list().map_err(Error::NoInterface)
}

/// Returns the pseudo devices that libpcap can capture from, such as `any`. Their numbers are made up.
pub fn pseudo() -> Result<Vec<Link>, Error> {
    let infos = list()?.into_iter().filter(|info| is_pseudo(&info.name));
    let link = |(info, index): (Info, u32)| Link::new(index, info.name, info.is_utf8, true, 0);
    Ok(infos.zip(PSEUDO..).map(link).collect())
}

/// Which interfaces to capture from.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Names or globs of the interfaces; empty for every network interface that is up.
    pub wanted: Vec<String>,
    /// Globs of interfaces that are left out, even if they are in `wanted`.
    pub excluded: Vec<String>,
    /// Names, process numbers or paths of network namespaces; empty for netmon's own.
    pub namespaces: Vec<String>,
    /// True if the capture ends when an interface in `wanted` without wildcards, or the last interface, goes down.
    pub exit_on_down: bool,
}

/// The pseudo device that has the packets of all interfaces.
pub const ANY: &str = "any";

/// Devices that libpcap lists although they are no network interfaces. They are captured from only if named.
const PSEUDO_DEVICES: [&str; 6] = [ANY, "nflog", "nfqueue", "dbus-*", "bluetooth*", "usbmon*"];

impl Selection {
    /// True if a link that is up is selected.
    pub fn means(&self, link: &Link) -> bool {
        let is_like = |glob: &String| {
            let glob = WildMatch::new(glob);
            glob.matches(&link.device) || glob.matches(&link.name)
        };
        let matches = |patterns: &[String]| patterns.iter().any(is_like);
        if matches(&self.excluded) {
            return false;
        }
        self.names(link) || !is_pseudo(&link.device) && (self.wanted.is_empty() || matches(&self.wanted))
    }

    /// True if the link was asked for by its name, without wildcards.
    pub fn names(&self, link: &Link) -> bool {
        self.exact().any(|name| is_called(link, name))
    }

    /// True if interfaces are excluded whose packets come in by `any`.
    pub fn excludes_from_any(&self, there: &[Link]) -> bool {
        !self.excluded.is_empty() && there.iter().any(|link| link.device == ANY && self.means(link))
    }

    /// True if a pseudo device is asked for.
    pub fn wants_pseudo(&self) -> bool {
        self.exact().any(|name| is_pseudo(name))
    }

    /// Returns the links selected at the start, at least one. An error if a named interface is missing or down, or none
    /// is selected. Its text tells the user what to do.
    pub fn find<'a>(&self, there: &'a [Link]) -> Result<Vec<&'a Link>, String> {
        for name in self.exact() {
            let mut found = there.iter().filter(|link| is_called(link, name)).peekable();
            if found.peek().is_none() {
                return Err(format!("no interface {name} ({})", listed(there)));
            }
            if let Some(first) = found.peek().filter(|_| !there.iter().any(|link| link.up && is_called(link, name))) {
                return Err(format!("interface {} is down: bring it up with '{}'", first.name, bring_up(first)));
            }
        }
        let meant: Vec<_> = there.iter().filter(|link| link.up && self.means(link)).collect();
        if !meant.is_empty() {
            return Ok(meant);
        }
        let globs = self.wanted.join(" or ");
        let which = if globs.is_empty() { String::new() } else { format!(" like {globs}") };
        let but = if self.excluded.is_empty() {
            String::new()
        } else {
            format!(" other than {}", self.excluded.join(" and "))
        };
        Err(format!("no interface{which}{but} is up ({})", listed(there)))
    }

    /// The names that were given without wildcards. These interfaces must exist.
    pub fn exact(&self) -> impl Iterator<Item = &String> {
        self.wanted.iter().filter(|name| !name.contains(['*', '?']))
    }
}

/// True if this is the link's name, or its name in its network namespace.
fn is_called(link: &Link, name: &str) -> bool {
    link.device == name || link.name == name
}

/// The command that brings a link up.
fn bring_up(link: &Link) -> String {
    let Link { name, device, .. } = link;
    let set = format!("link set {device} up");
    match name.strip_suffix(device.as_str()).and_then(|label| label.strip_suffix(':')) {
        None => format!("ip {set}"),
        Some(process) if process.bytes().all(|byte| byte.is_ascii_digit()) => {
            format!("nsenter -t {process} -n ip {set}")
        }
        Some(namespace) => format!("ip -n {namespace} {set}"),
    }
}

fn is_pseudo(name: &str) -> bool {
    PSEUDO_DEVICES.iter().any(|glob| WildMatch::new(glob).matches(name))
}

/// Describes the existing network interfaces, as part of a sentence.
fn listed(there: &[Link]) -> String {
    let network = there.iter().filter(|link| !is_pseudo(&link.device));
    let names: Vec<_> =
        network.map(|Link { name, up, .. }| format!("{name}{}", if *up { "" } else { " (down)" })).collect();
    if names.is_empty() { "there is none".into() } else { format!("there are: {}", names.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn there() -> Vec<Link> {
        [("eth0", true), ("eth1", false), ("lo", true), ("any", true), ("dbus-system", true), ("docker0", true)]
            .into_iter()
            .zip(1..)
            .map(|((name, up), index)| Link::new(index, name.into(), true, up, 0))
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
            let selection = Selection { wanted: owned(wanted), excluded: owned(excluded), ..Selection::default() };
            let there = there();
            let meant = there.iter().filter(|link| selection.means(link) && (link.up || selection.names(link)));
            let meant: Vec<_> = meant.map(|link| link.name.clone()).collect();
            assert_eq!(meant, owned(want), "{wanted:?} without {excluded:?}");
        }
    }

    #[test]
    fn a_selection_of_nothing_says_what_there_is() {
        let listed = "(there are: eth0, eth1 (down), lo, docker0)";
        let table: &[(&[&str], &[&str], String)] = &[
            (&["wlan0"], &[], format!("no interface wlan0 {listed}")),
            (&["nosuch*"], &[], format!("no interface like nosuch* is up {listed}")),
            (&["eth1*", "x?"], &[], format!("no interface like eth1* or x? is up {listed}")),
            (&[], &["*"], format!("no interface other than * is up {listed}")),
            (&["lo", "eth1"], &[], "interface eth1 is down: bring it up with 'ip link set eth1 up'".into()),
        ];
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        for (wanted, excluded, want) in table {
            let selection = Selection { wanted: owned(wanted), excluded: owned(excluded), ..Selection::default() };
            assert_eq!(selection.find(&there()).unwrap_err(), *want);
        }
        let there = there();
        let found = Selection { wanted: owned(&["any", "nosuch*"]), ..Selection::default() };
        let found = found.find(&there).unwrap();
        assert_eq!(found.iter().map(|link| link.name.as_str()).collect::<Vec<_>>(), ["any"]);
    }
}
