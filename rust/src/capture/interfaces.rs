//! Lists the interfaces, and selects those to capture from.

mod list;

use wildmatch::WildMatch;

use super::Error;
pub use list::Info;

/// Returns every interface that can be captured from, in libpcap's order.
pub fn list() -> Result<Vec<Info>, Error> {
    list::list().map_err(Error::NoInterface)
}

/// Which interfaces to capture from.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Names or globs of the interfaces; empty for every network interface that is up.
    pub wanted: Vec<String>,
    /// Globs of interfaces that are left out, even if they are in `wanted`.
    pub excluded: Vec<String>,
}

/// Devices that libpcap lists although they are no network interfaces. They are captured from only if named.
const PSEUDO: [&str; 6] = ["any", "nflog", "nfqueue", "dbus-*", "bluetooth*", "usbmon*"];

impl Selection {
    /// Returns the names of the selected interfaces among `there`.
    pub fn select(&self, there: &[Info]) -> Vec<String> {
        there.iter().filter(|info| self.means(info)).map(|info| info.name.clone()).collect()
    }

    /// Returns the names selected at the start, at least one. An error if a named interface is missing or down, or none
    /// is selected. Its text tells the user what to do.
    pub fn find(&self, there: &[Info]) -> Result<Vec<String>, String> {
        for name in self.exact() {
            match there.iter().find(|info| info.name == *name) {
                None => return Err(format!("no interface {name} ({})", listed(there))),
                Some(info) if !info.up && !is_pseudo(info) => {
                    return Err(format!("interface {name} is down: bring it up with 'ip link set {name} up'"));
                }
                Some(_) => {}
            }
        }
        let meant = self.select(there);
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

    fn means(&self, info: &Info) -> bool {
        let matches = |patterns: &[String]| patterns.iter().any(|glob| WildMatch::new(glob).matches(&info.name));
        if matches(&self.excluded) {
            return false;
        }
        if self.exact().any(|name| *name == info.name) {
            return true;
        }
        info.up && !is_pseudo(info) && (self.wanted.is_empty() || matches(&self.wanted))
    }
}

fn is_pseudo(info: &Info) -> bool {
    PSEUDO.iter().any(|glob| WildMatch::new(glob).matches(&info.name))
}

/// Describes the existing network interfaces, as part of a sentence.
fn listed(there: &[Info]) -> String {
    let network = there.iter().filter(|info| !is_pseudo(info));
    let names: Vec<_> =
        network.map(|Info { name, up, .. }| format!("{name}{}", if *up { "" } else { " (down)" })).collect();
    if names.is_empty() { "there is none".into() } else { format!("there are: {}", names.join(", ")) }
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
            let selection = Selection { wanted: owned(wanted), excluded: owned(excluded) };
            assert_eq!(selection.find(&there()).unwrap_err(), *want);
        }
        let found = Selection { wanted: owned(&["any", "nosuch*"]), excluded: vec![] }.find(&there());
        assert_eq!(found, Ok(vec!["any".to_owned()]));
    }
}
