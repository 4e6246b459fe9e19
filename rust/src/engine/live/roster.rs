//! What the watcher remembers of interfaces from one look to the next: those that it has captured from, whatever they
//! are called now, and those that it could not open. Pure: the time is an argument.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::{Duration, Instant};

use crate::capture::links::{Key, Link};

/// Interfaces that could not be opened and are remembered. Further ones are tried at each look, and not told.
const MAX_REFUSED: usize = 1000;
/// Problems shown at most. Each has a row in every interval.
const MAX_PROBLEMS: usize = 100;
/// How long after a failure an interface is tried again. Each further failure doubles the time, up to the longest.
const FIRST_RETRY: Duration = Duration::from_millis(500);
const LONGEST_RETRY: Duration = Duration::from_secs(32);

/// An interface that was captured from and still exists.
#[derive(Debug)]
struct Captured {
    name: String,
    /// The name by which it was asked for, if it was.
    asked: Option<String>,
}

/// An interface that exists and could not be opened.
#[derive(Debug)]
struct Refusal {
    name: String,
    reason: String,
    pause: Duration,
    next: Instant,
    /// True if it can never be captured from, which is not a problem.
    is_unfit: bool,
}

/// The interfaces that are remembered.
#[derive(Debug, Default)]
pub struct Roster {
    captured: HashMap<Key, Captured>,
    refused: HashMap<Key, Refusal>,
    /// The name of the interface that was given up last.
    last: Option<String>,
}

impl Roster {
    /// Takes note that an interface is captured from. `is_asked` if it was asked for by its name.
    pub fn capture(&mut self, seen: &Link, is_asked: bool) {
        self.refused.remove(&seen.key);
        let captured = self.captured.entry(seen.key);
        captured.or_insert_with(|| Captured { name: seen.name.clone(), asked: is_asked.then(|| seen.device.clone()) });
    }

    /// Takes note that an interface of this name is not captured from any more.
    pub fn lose(&mut self, name: &str) {
        self.last = Some(name.to_owned());
    }

    /// Takes note that an interface could not be opened. True if the user is to be told: at first, and when the reason
    /// changes.
    pub fn refuse(&mut self, seen: &Link, reason: &str, is_unfit: bool, now: Instant) -> bool {
        if self.refused.len() >= MAX_REFUSED && !self.refused.contains_key(&seen.key) {
            return false;
        }
        let refusal = self.refused.entry(seen.key).or_insert_with(|| Refusal {
            name: seen.name.clone(),
            reason: String::new(),
            pause: FIRST_RETRY / 2,
            next: now,
            is_unfit,
        });
        refusal.pause = (refusal.pause * 2).min(LONGEST_RETRY);
        refusal.next = now + refusal.pause;
        refusal.is_unfit = is_unfit;
        if refusal.reason == reason {
            return false;
        }
        reason.clone_into(&mut refusal.reason);
        true
    }

    /// Takes note that there is no room for an interface. It is tried again at every look.
    pub fn crowd_out(&mut self, seen: &Link, reason: &str, now: Instant) -> bool {
        let is_told = self.refuse(seen, reason, false, now);
        if let Some(refusal) = self.refused.get_mut(&seen.key) {
            (refusal.pause, refusal.next) = (FIRST_RETRY / 2, now);
        }
        is_told
    }

    /// True if this interface was captured from before. It is captured from again whatever it is called now.
    pub fn has_captured(&self, key: Key) -> bool {
        self.captured.contains_key(&key)
    }

    /// True if it is time to open this interface.
    pub fn may_try(&self, key: Key, now: Instant) -> bool {
        self.refused.get(&key).is_none_or(|refusal| now >= refusal.next)
    }

    /// When an interface is to be tried again, if one is.
    pub fn next_try(&self, now: Instant) -> Option<Instant> {
        self.refused.values().map(|refusal| refusal.next).filter(|next| *next > now).min()
    }

    /// True if this interface was asked for by its name, which it may have no longer.
    pub fn is_asked(&self, key: Key) -> bool {
        self.captured.get(&key).is_some_and(|captured| captured.asked.is_some())
    }

    /// Forgets the interfaces that are gone. Returns those that have another name now, each with the name before.
    pub fn look<'a>(&mut self, there: &'a [Link]) -> Vec<(&'a Link, String)> {
        let keys: HashSet<Key> = there.iter().map(|seen| seen.key).collect();
        self.captured.retain(|key, _| keys.contains(key));
        self.refused.retain(|key, _| keys.contains(key));
        let mut renamed = Vec::new();
        for seen in there {
            if let Some(refusal) = self.refused.get_mut(&seen.key) {
                refusal.name.clone_from(&seen.name);
            }
            if let Some(captured) = self.captured.get_mut(&seen.key).filter(|captured| captured.name != seen.name) {
                renamed.push((seen, std::mem::replace(&mut captured.name, seen.name.clone())));
            }
        }
        renamed
    }

    /// Returns the names of interfaces from which something should be captured and nothing is, each with the reason.
    /// `open` tells which are captured from, `exact` are the names that were asked for.
    pub fn problems<'a>(
        &self,
        there: &[Link],
        open: impl Fn(Key) -> bool,
        exact: impl Iterator<Item = &'a String>,
    ) -> BTreeMap<String, String> {
        const DOWN: &str = "it is down";
        const REMOVED: &str = "it was removed";
        let mut problems: BTreeMap<String, String> = BTreeMap::new();
        let is_down = |seen: &&Link| !seen.up && !open(seen.key);
        let down = there.iter().filter(is_down).filter(|seen| self.has_captured(seen.key));
        problems.extend(down.map(|seen| (seen.name.clone(), DOWN.to_owned())));
        let refused = self.refused.iter().filter(|(key, refusal)| !refusal.is_unfit && !open(**key));
        let refused = refused.filter(|(_, refusal)| !problems.contains_key(&refusal.name)).collect::<Vec<_>>();
        problems.extend(refused.into_iter().map(|(_, refusal)| (refusal.name.clone(), refusal.reason.clone())));
        for name in exact {
            let is_followed = self.captured.values().any(|captured| captured.asked.as_ref() == Some(name));
            let mut found = there.iter().filter(|seen| seen.device == *name || seen.name == *name).peekable();
            if found.peek().is_none() && !is_followed {
                problems.insert(name.clone(), REMOVED.to_owned());
            }
            problems.extend(found.filter(is_down).map(|seen| (seen.name.clone(), DOWN.to_owned())));
        }
        if problems.is_empty() && !there.iter().any(|seen| open(seen.key)) {
            problems.extend(self.last.iter().map(|last| (last.clone(), format!("{REMOVED}, as were all others"))));
        }
        while problems.len() > MAX_PROBLEMS {
            problems.pop_last();
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(index: u32, name: &str, up: bool) -> Link {
        Link::new(index, name.into(), true, up, 0)
    }

    fn problems(roster: &Roster, there: &[Link], open: &[u32], exact: &[&str]) -> Vec<(String, String)> {
        let exact: Vec<String> = exact.iter().map(|&name| name.to_owned()).collect();
        roster.problems(there, |key| open.contains(&key.index), exact.iter()).into_iter().collect()
    }

    fn told(name: &str, reason: &str) -> (String, String) {
        (name.to_owned(), reason.to_owned())
    }

    #[test]
    fn an_interface_is_known_by_its_number_whatever_it_is_called() {
        let mut roster = Roster::default();
        roster.capture(&seen(2, "eth0", true), true);
        let there = [seen(2, "wan0", false), seen(3, "eth0", true)];
        let renamed = roster.look(&there);
        assert_eq!(renamed.iter().map(|(now, before)| (&*now.name, &**before)).collect::<Vec<_>>(), [("wan0", "eth0")]);
        assert!(roster.look(&there).is_empty(), "a new name is told once");
        assert!(roster.has_captured(there[0].key) && !roster.has_captured(there[1].key));
        assert_eq!(problems(&roster, &there, &[3], &["eth0"]), [told("wan0", "it is down")]);
        assert!(roster.look(&[seen(4, "wan0", true)]).is_empty());
        assert!(!roster.has_captured(there[0].key), "another interface of the same name is another one");
    }

    #[test]
    fn a_removed_interface_is_a_problem_only_if_it_was_asked_for_or_none_is_left() {
        let mut roster = Roster::default();
        let there = [seen(1, "lo", true), seen(2, "veth7", true)];
        there.iter().for_each(|seen| roster.capture(seen, false));
        roster.look(&there[..1]);
        roster.lose("veth7");
        assert_eq!(problems(&roster, &there[..1], &[1], &[]), []);
        assert_eq!(problems(&roster, &there[..1], &[1], &["veth7"]), [told("veth7", "it was removed")]);
        roster.look(&[]);
        roster.lose("lo");
        assert_eq!(problems(&roster, &[], &[], &[]), [told("lo", "it was removed, as were all others")]);
    }

    #[test]
    fn an_interface_that_cannot_be_opened_is_tried_less_and_less_often_and_told_once() {
        let (mut roster, mut now) = (Roster::default(), Instant::now());
        let eth0 = seen(2, "eth0", true);
        let mut pauses = Vec::new();
        for _ in 0..8 {
            assert_eq!(roster.refuse(&eth0, "no buffer", false, now), pauses.is_empty());
            let next = roster.next_try(now).unwrap();
            assert!(!roster.may_try(eth0.key, now) && roster.may_try(eth0.key, next));
            pauses.push((next - now).as_millis());
            now = next;
        }
        assert_eq!(pauses, [500, 1000, 2000, 4000, 8000, 16_000, 32_000, 32_000]);
        assert_eq!(problems(&roster, std::slice::from_ref(&eth0), &[], &[]), [told("eth0", "no buffer")]);
        assert!(roster.refuse(&eth0, "not permitted", false, now), "another reason is told");
        roster.capture(&eth0, false);
        assert_eq!(problems(&roster, &[eth0], &[2], &[]), []);
    }

    #[test]
    fn what_is_remembered_is_bounded_by_what_exists() {
        let (mut roster, now) = (Roster::default(), Instant::now());
        for index in 1..5000 {
            let one = [seen(index, &format!("veth{index}"), true)];
            roster.look(&one);
            roster.refuse(&one[0], "no buffer", false, now);
            roster.capture(&one[0], false);
            roster.refuse(&one[0], "no buffer", false, now);
        }
        assert!(roster.captured.len() == 1 && roster.refused.len() == 1);
        let many: Vec<_> = (1..3000).map(|index| seen(index, &format!("veth{index}"), true)).collect();
        for one in &many {
            roster.refuse(one, "no buffer", false, now);
        }
        assert_eq!(roster.refused.len(), MAX_REFUSED);
        assert_eq!(problems(&roster, &many, &[], &[]).len(), MAX_PROBLEMS);
    }
}
