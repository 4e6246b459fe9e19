//! The numbers of live interfaces. An interface that comes back gets its number again. There are few numbers, however
//! many interfaces come and go.

use std::collections::HashMap;

use crate::pipeline::packet::InterfaceId;

/// Maps names of interfaces to numbers.
#[derive(Debug, Default)]
pub struct Numbers {
    names: Vec<String>,
    known: HashMap<String, InterfaceId>,
}

impl Numbers {
    /// Returns the number of a name, if it has one.
    pub fn find(&self, name: &str) -> Option<InterfaceId> {
        self.known.get(name).copied()
    }

    /// Returns the number of an interface: the one that its name has, or else a new one. When all numbers are given
    /// out, one that is not `open` is taken from its name and given to this one. If all are open, the result is
    /// [`InterfaceId::OTHER`], which any number of interfaces share.
    pub fn give(&mut self, name: &str, open: impl Iterator<Item = InterfaceId>) -> InterfaceId {
        if let Some(id) = self.find(name) {
            return id;
        }
        let at = if self.names.len() < InterfaceId::MOST {
            self.names.push(name.to_owned());
            self.names.len() - 1
        } else {
            let mut is_open = vec![false; InterfaceId::MOST + 1];
            open.for_each(|id| is_open[usize::from(id.min(InterfaceId::OTHER).0)] = true);
            let Some(at) = is_open[..InterfaceId::MOST].iter().position(|is_open| !is_open) else {
                return InterfaceId::OTHER;
            };
            let before = std::mem::replace(&mut self.names[at], name.to_owned());
            self.known.remove(&before);
            at
        };
        let id = InterfaceId(at as u16);
        self.known.insert(name.to_owned(), id);
        id
    }

    /// Gives the number of a name to another name. If that has a number already, the two change places.
    pub fn rename(&mut self, before: &str, name: &str) {
        let Some(id) = self.known.remove(before) else { return };
        if let Some(other) = self.known.insert(name.to_owned(), id) {
            self.known.insert(before.to_owned(), other);
            before.clone_into(&mut self.names[usize::from(other.0)]);
        }
        name.clone_into(&mut self.names[usize::from(id.0)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_come_and_go_take_turns_with_the_numbers_and_those_beyond_share_one() {
        let mut numbers = Numbers::default();
        let all: Vec<_> = (0..2000).map(|at| numbers.give(&format!("veth{at}"), std::iter::empty())).collect();
        assert!(all.iter().all(|id| *id < InterfaceId::OTHER));
        assert_eq!(numbers.give("veth1999", std::iter::empty()), all[1999], "a name keeps its number");
        let open = || (0..InterfaceId::MOST as u16).map(InterfaceId);
        assert_eq!(numbers.give("one more", open()), InterfaceId::OTHER);
        let but_one = open().filter(|id| id.0 != 7);
        assert_eq!(numbers.give("another", but_one), InterfaceId(7));
        assert_eq!((numbers.names.len(), numbers.known.len()), (InterfaceId::MOST, InterfaceId::MOST));
    }

    #[test]
    fn a_new_name_takes_the_number_along() {
        let mut numbers = Numbers::default();
        let [eth0, wan0] = ["eth0", "wan0"].map(|name| numbers.give(name, std::iter::empty()));
        numbers.rename("eth0", "lan0");
        assert_eq!((numbers.find("lan0"), numbers.find("eth0")), (Some(eth0), None));
        numbers.rename("lan0", "wan0");
        assert_eq!((numbers.find("wan0"), numbers.find("lan0")), (Some(eth0), Some(wan0)));
        numbers.rename("nosuch", "x");
        assert_eq!(numbers.known.len(), 2);
    }
}
