//! Kinds of rows, for sums and subsets.

use super::tables::RowName;

/// Which table of a snapshot is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Per {
    /// The whole snapshot is one row.
    #[default]
    All,
    /// A row per host.
    Host,
    /// A row per section.
    Section,
    /// A row per client.
    Client,
    /// A row per interface.
    Interface,
    /// A row per process, by name. Only subsets have such rows.
    Process,
    /// A row per method, status and host, for monitoring systems. Only the subset of all exchanges has such rows, and
    /// they have durations alone. The name of a row is method, status and host with spaces between; a status that is
    /// not known is 0.
    Outcome,
}

impl Per {
    /// The names of all tables.
    pub const ALL: [(&str, Self); 7] = [
        ("", Self::All),
        ("host", Self::Host),
        ("section", Self::Section),
        ("client", Self::Client),
        ("interface", Self::Interface),
        ("process", Self::Process),
        ("outcome", Self::Outcome),
    ];

    /// Returns the table with this name, `None` if there is none.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(known, _)| *known == name).map(|(_, per)| per)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        Self::ALL[self as usize].0
    }

    /// The name of a row as text: a section has that of its host before its path.
    pub fn text(self, name: &RowName) -> String {
        format!("{}{}", name.0, name.1)
    }

    /// Returns the name of the row whose text this is.
    pub fn row_name(self, text: &str) -> RowName {
        let at = if self == Self::Section { text.find('/').unwrap_or(text.len()) } else { text.len() };
        (text[..at].into(), text[at..].into())
    }
}
