//! The network namespaces to capture from, and the interfaces in each of them. A namespace that ends is left, so that
//! the kernel can remove it, and entered again when one of its name is there.

use std::io;
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::time::Duration;

use super::super::job::{Level, Shared};
use crate::capture::Error;
use crate::capture::interfaces::{self, Selection};
use crate::capture::links::{Link, Links};
use crate::capture::namespace::{Identity, Namespace, OWN, Room};
use crate::capture::wait::is_readable;
use crate::privileges::Rights;

/// How often netmon looks whether namespaces that have a name are still the same.
const LOOK: Duration = Duration::from_millis(500);

/// A network namespace.
#[derive(Debug)]
struct Place {
    /// `None` for netmon's own.
    namespace: Option<Namespace>,
    /// Which namespace it was when it was entered.
    identity: Option<Identity>,
    /// What netmon has in it; `None` if it has ended.
    inside: Option<Inside>,
    /// True if its process has ended, so that it cannot come again.
    is_over: bool,
    /// Why it could not be entered again.
    refused: Option<String>,
    /// True if it was told that netmon may not look whether the namespace is still there.
    is_hidden: bool,
}

#[derive(Debug)]
struct Inside {
    links: Links,
    /// A thread in the namespace; `None` for netmon's own.
    room: Option<Room>,
    /// Pseudo devices, which the kernel does not list. They are looked for once, if one is asked for.
    pseudo: Vec<Link>,
}

/// All network namespaces to capture from.
#[derive(Debug, Default)]
pub struct Places(Vec<Place>);

impl Places {
    /// Enters the namespaces that are asked for, and begins to listen for news of their interfaces. This happens before
    /// interfaces are listed, so that none is missed that comes up meanwhile.
    pub fn open(selection: &Selection) -> Result<Self, Error> {
        let own = [OWN.to_owned()];
        let asked = if selection.namespaces.is_empty() { &own[..] } else { &selection.namespaces };
        let mut places: Vec<Place> = Vec::new();
        for name in asked {
            let identity = Identity::own();
            let mut place =
                Place { namespace: None, identity, inside: None, is_over: false, refused: None, is_hidden: false };
            if name != OWN {
                let namespace = Namespace::find(name)?;
                place.identity = namespace.identity().unwrap_or_default();
                place.namespace = Some(namespace);
            }
            // A namespace counts once, whatever it is called.
            if place.identity.is_some() && places.iter().any(|one| one.identity == place.identity) {
                continue;
            }
            if places.iter().any(|one| one.label() == place.label()) {
                let label = place.label().unwrap_or(OWN);
                return Err(Error::NoInterface(format!("two network namespaces would be called {label}")));
            }
            place.inside = Some(Inside::open(place.namespace.as_ref(), selection)?);
            places.push(place);
        }
        Ok(Self(places))
    }

    /// True if each namespace was asked for by the number of a process that has ended, so that nothing can come any more.
    pub fn are_over(&self) -> bool {
        !self.0.is_empty() && self.0.iter().all(|place| place.is_over)
    }

    /// How long the interfaces need no look if there are no news; `None` if for any time.
    pub fn pause(&self) -> Option<Duration> {
        self.0.iter().any(|place| place.namespace.is_some() && !place.is_over).then_some(LOOK)
    }

    /// Descriptors that are readable if interfaces have changed, or the process of a namespace has ended.
    pub fn news(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let links = self.0.iter().filter_map(|place| place.inside.as_ref()?.links.news());
        let living = self.0.iter().filter(|place| !place.is_over);
        links.chain(living.filter_map(|place| place.namespace.as_ref()?.process()))
    }

    /// Discards the news. True if there were any.
    pub fn hush(&mut self) -> bool {
        let mut is_news = false;
        for place in &mut self.0 {
            is_news |= place.inside.as_ref().is_some_and(|inside| inside.links.hush());
            let process = place.namespace.as_ref().filter(|_| !place.is_over).and_then(Namespace::process);
            if process.is_some_and(is_readable) {
                (place.is_over, is_news) = (true, true);
            }
        }
        is_news
    }

    /// Leaves the namespaces that have ended, and enters those that are there again. Returns what to tell.
    pub fn follow(&mut self, selection: &Selection) -> Vec<(Level, String)> {
        self.0.iter_mut().filter_map(|place| place.follow(selection)).collect()
    }

    /// Returns all interfaces.
    pub fn look(&self) -> Result<Vec<Link>, Error> {
        let mut there = Vec::new();
        for (number, place) in self.0.iter().enumerate() {
            let Some(inside) = &place.inside else { continue };
            for mut link in inside.links.list()?.into_iter().chain(inside.pseudo.iter().cloned()) {
                link.key.place = number;
                if let Some(label) = place.label() {
                    link.name = format!("{label}:{}", link.device);
                }
                there.push(link);
            }
        }
        Ok(there)
    }

    /// Names of the namespaces in which nothing can be captured, and why.
    pub fn problems(&self) -> impl Iterator<Item = (String, String)> {
        self.0.iter().filter(|place| place.inside.is_none()).map(|place| {
            let ended = if place.is_over { "the process has ended" } else { "the network namespace has ended" };
            let reason = place.refused.as_deref().unwrap_or(ended);
            (format!("{}:*", place.label().unwrap_or(OWN)), reason.to_owned())
        })
    }

    /// Does something in the namespace of this number, which is where sockets then belong. `None` if it has ended.
    pub fn run<R: Send + 'static>(&self, number: usize, job: impl FnOnce() -> R + Send + 'static) -> Option<R> {
        let inside = self.0.get(number)?.inside.as_ref()?;
        match &inside.room {
            Some(room) => room.run(job),
            None => Some(job()),
        }
    }

    /// Lets the thread of each namespace that netmon has entered keep its rights, and give them up later but for the
    /// one that opens interfaces.
    pub fn hold_at(&self, shared: &Arc<Shared>) -> io::Result<()> {
        for room in self.0.iter().filter_map(|place| place.inside.as_ref()?.room.as_ref()) {
            let (keeping, passing) = (shared.clone(), shared.clone());
            room.run(move || keeping.gate.keep_rights()).unwrap_or(Ok(()))?;
            shared.gate.expect();
            room.begin(move || {
                passing.gate.pass(Rights::NET_RAW);
            });
        }
        Ok(())
    }
}

impl Place {
    fn label(&self) -> Option<&str> {
        self.namespace.as_ref().map(|namespace| namespace.label.as_str())
    }

    fn follow(&mut self, selection: &Selection) -> Option<(Level, String)> {
        let namespace = self.namespace.as_ref()?;
        let label = &namespace.label;
        let now = match namespace.identity() {
            _ if self.is_over => None,
            Ok(now) => now,
            // After netmon has given up rights, it may not be told which namespace there is. Then it is the same as before.
            Err(_) if self.is_hidden => self.identity,
            Err(error) => {
                self.is_hidden = true;
                let path = namespace.path();
                let told = format!(
                    "the network namespace {label}: its end will not be seen, for {path} cannot be looked at now: {error}"
                );
                return Some((Level::Warning, told));
            }
        };
        if self.inside.is_some() {
            if now == self.identity && now.is_some() {
                return None;
            }
            self.inside = None;
            return Some(if self.is_over {
                let told = "nothing is captured in its network namespace any more, even if that is still there";
                (Level::Warning, format!("the process {label} has ended: {told}"))
            } else {
                (Level::Info, format!("the network namespace {label} has ended"))
            });
        }
        if now.is_none() || now == self.identity && self.refused.is_some() {
            return None;
        }
        self.identity = now;
        match Inside::open(Some(namespace), selection) {
            Ok(inside) => {
                (self.inside, self.refused) = (Some(inside), None);
                Some((Level::Info, format!("the network namespace {label} is there again")))
            }
            Err(Error::Closed { .. }) => {
                let told = "it is there again, but netmon gave up the right to enter it: start netmon again";
                self.refused = Some(told.to_owned());
                Some((Level::Warning, format!("the network namespace {label}: {told}")))
            }
            Err(error) => {
                self.refused = Some(error.to_string());
                Some((Level::Warning, error.to_string()))
            }
        }
    }
}

impl Inside {
    fn open(namespace: Option<&Namespace>, selection: &Selection) -> Result<Self, Error> {
        let wants_pseudo = selection.wants_pseudo();
        let look = move || (Links::listen(), if wants_pseudo { interfaces::pseudo() } else { Ok(Vec::new()) });
        let room = namespace.map(Namespace::enter).transpose()?;
        let (links, pseudo) = match &room {
            Some(room) => room.run(look).unwrap_or_else(|| (Links::default(), Ok(Vec::new()))),
            None => look(),
        };
        Ok(Self { links, room, pseudo: pseudo? })
    }
}
