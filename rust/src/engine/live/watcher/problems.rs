//! Tells why nothing is captured from an interface: once in the log, and in the row of the interface until that is over.

use std::time::Instant;

use super::super::super::job::Level;
use super::super::mailboxes::Message;
use super::{Watcher, crowd, named};
use crate::capture::Error;
use crate::capture::links::{Key, Link};
use crate::pipeline::packet::InterfaceId;

impl Watcher {
    pub(super) fn refuse(&mut self, seen: &Link, error: &Error, level: Level) {
        // An interface that was not asked for may be of a kind without HTTP.
        let is_unfit = matches!(error, Error::LinkType { .. }) && !self.is_asked(seen);
        self.refuse_as(seen, error, level, is_unfit);
    }

    pub(super) fn refuse_as(&mut self, seen: &Link, error: &Error, level: Level, is_unfit: bool) {
        let reason = named(&seen.name, &error.to_string());
        let short = reason.strip_prefix(&seen.name).map_or(&*reason, |rest| rest.trim_start_matches(": "));
        if self.roster.refuse(seen, short, is_unfit, Instant::now()) {
            self.log(level, format!("not capturing on {reason}"));
        }
    }

    pub(super) fn crowd_out(&mut self, crowded: &[Link]) {
        let reason = crowd();
        for seen in crowded {
            if self.roster.crowd_out(seen, &reason, Instant::now()) {
                self.log(Level::Warning, format!("not capturing on {}: {reason}", seen.name));
            }
        }
    }

    /// Shows why nothing is captured from an interface, until that is over.
    pub(super) fn show_problems(&mut self, there: &[Link]) {
        let is_open = |key: Key| self.open.iter().any(|open| open.key == key);
        let mut now = self.roster.problems(there, is_open, self.selection.exact());
        now.extend(self.places.problems());
        now.retain(|name, _| !self.open.iter().any(|open| open.name == *name));
        let mut before = std::mem::take(&mut self.problems);
        for (name, reason) in now {
            let known = before.remove(&name);
            let is_told = known.as_ref().is_some_and(|(_, told)| *told == reason);
            let id = if let Some((id, _)) = known {
                id
            } else {
                let shown: Vec<_> = before.values().map(|(id, _)| *id).collect();
                self.number(&name, shown.into_iter())
            };
            if id == InterfaceId::OTHER {
                continue;
            }
            if !is_told {
                self.mailboxes.send(0, Message::Problem(id, name.clone(), Some(reason.clone())));
            }
            self.problems.insert(name, (id, reason));
        }
        // The row of an interface that is captured from again says so already.
        for (name, (id, _)) in before {
            if !self.open.iter().any(|open| open.id == id) {
                self.mailboxes.send(0, Message::Problem(id, name, None));
            }
        }
    }

    /// An error if the capture is to end as soon as an interface goes down: one that was asked for by name, or the last
    /// one.
    pub(super) fn check(&self) -> Result<(), Error> {
        let asked = |name: &&String| {
            let exact = self.selection.exact().any(|exact| *exact == **name);
            exact || self.open.is_empty()
        };
        match self.problems.iter().find(|(name, _)| asked(name)) {
            Some((name, (_, reason))) if self.selection.exit_on_down => Err(Error::Gone(format!("{name}: {reason}"))),
            _ => Ok(()),
        }
    }
}
