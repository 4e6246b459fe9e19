//! The network namespaces to capture from, and the interfaces in each of them.

use std::os::fd::BorrowedFd;

use crate::capture::Error;
use crate::capture::interfaces::{self, Selection};
use crate::capture::links::{Link, Links};

/// A network namespace.
#[derive(Debug)]
struct Place {
    links: Links,
    /// Pseudo devices, which the kernel does not list. They are looked for once, if one is asked for.
    pseudo: Vec<Link>,
}

/// All network namespaces to capture from.
#[derive(Debug, Default)]
pub struct Places(Vec<Place>);

impl Places {
    /// Begins to listen for news of interfaces. This happens before they are listed, so that none is missed that comes
    /// up meanwhile.
    pub fn open(selection: &Selection) -> Result<Self, Error> {
        let links = Links::listen();
        let pseudo = if selection.wants_pseudo() { interfaces::pseudo()? } else { Vec::new() };
        Ok(Self(vec![Place { links, pseudo }]))
    }

    /// Descriptors that are readable if interfaces have changed.
    pub fn news(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.0.iter().filter_map(|place| place.links.news())
    }

    /// Discards the news. True if there were any.
    pub fn hush(&self) -> bool {
        self.0.iter().fold(false, |is_news, place| place.links.hush() || is_news)
    }

    /// Returns all interfaces.
    pub fn look(&self) -> Result<Vec<Link>, Error> {
        let mut there = Vec::new();
        for place in &self.0 {
            there.extend(place.links.list()?.into_iter().chain(place.pseudo.iter().cloned()));
        }
        Ok(there)
    }
}
