//! The interfaces of a pcapng file. Each section describes its interfaces, and each interface gets one of few numbers
//! within the file.
//!
//! An interface of a later section is the same as one of an earlier section if name and link type are the same. If
//! there are too many interfaces, further ones of a link type share a number. So what is kept does not grow with the
//! number of sections.

use std::collections::HashMap;

use super::record::FileInterface;
use crate::pipeline::name;
use crate::pipeline::packet::{InterfaceId, LinkType, SECOND, Timestamp};

/// Maximum number of interfaces that a section may describe, 10 MB of them. Packets of further ones are unread.
const MAX_DESCRIBED: usize = 1 << 18;

/// The clock of an interface.
#[derive(Clone, Copy, Debug)]
pub struct InterfaceClock {
    /// Units per second.
    pub units: u64,
    /// Seconds to add.
    pub offset: i64,
}

impl Default for InterfaceClock {
    fn default() -> Self {
        Self { units: 1_000_000, offset: 0 }
    }
}

impl InterfaceClock {
    /// The time at so many units, of which `high` has the upper half.
    pub fn read(self, high: u32, low: u32) -> Timestamp {
        let ticks = u64::from(high) << 32 | u64::from(low);
        let seconds = i64::try_from(ticks / self.units).unwrap_or(i64::MAX);
        let nanos = u128::from(ticks % self.units) * SECOND as u128 / u128::from(self.units);
        Timestamp::new(seconds.saturating_add(self.offset), nanos as i64)
    }
}

/// What the section says of an interface.
#[derive(Debug)]
pub struct Described {
    pub clock: InterfaceClock,
    pub snaplen: u32,
    /// Its number within the file.
    pub number: u16,
    /// Packets that the capturing kernel and the interface dropped, as far as the file has told.
    pub kernel_dropped: u64,
    pub interface_dropped: u64,
}

/// What makes interfaces alike: link type and name or, if there is no name, the place in the section.
type Likeness = (u32, Option<String>, u32);

/// Numbers of interfaces that are alike. Each section has them in the same order.
#[derive(Debug, Default)]
struct Alike {
    numbers: Vec<u16>,
    /// How many of them were described in `section`.
    described: usize,
    section: u64,
}

/// All interfaces of a file.
#[derive(Debug, Default)]
pub struct Interfaces {
    section: u64,
    /// Interfaces of the current section, by their number in it.
    described: Vec<Described>,
    alike: HashMap<Likeness, Alike>,
    /// Numbers that further interfaces share, by link type; one for all link types that cannot be decoded.
    rest: HashMap<Option<u32>, u16>,
}

impl Interfaces {
    /// Begins a section. Its interfaces are numbered anew.
    pub fn begin_section(&mut self) {
        self.section += 1;
        self.described = Vec::new();
    }

    pub fn get(&self, place: u32) -> Option<&Described> {
        self.described.get(place as usize)
    }

    pub fn get_mut(&mut self, place: u32) -> Option<&mut Described> {
        self.described.get_mut(place as usize)
    }

    /// Adds the next interface of the section. If the file has not had it yet, it is added to `told`.
    pub fn describe(
        &mut self,
        link_type: u32,
        name: Option<&[u8]>,
        clock: InterfaceClock,
        snaplen: u32,
        told: &mut Vec<FileInterface>,
    ) {
        if self.described.len() < MAX_DESCRIBED {
            let number = self.number(link_type, name, told);
            self.described.push(Described { clock, snaplen, number, kernel_dropped: 0, interface_dropped: 0 });
        }
    }

    /// The number of the next interface: that of one that is alike in an earlier section, or a new one.
    fn number(&mut self, link_type: u32, name: Option<&[u8]>, told: &mut Vec<FileInterface>) -> u16 {
        let is_full = told.len() >= InterfaceId::MOST;
        let name = name.map(|name| name::clean(&String::from_utf8_lossy(name), name::MAX_HOST));
        let place = if name.is_some() { 0 } else { self.described.len() as u32 };
        let likeness = (link_type, name, place);
        if let Some(alike) = self.alike.get_mut(&likeness) {
            if alike.section != self.section {
                (alike.section, alike.described) = (self.section, 0);
            }
            if let Some(&number) = alike.numbers.get(alike.described) {
                alike.described += 1;
                return number;
            }
        }
        if is_full {
            return self.rest(link_type, told);
        }
        let number = told.len() as u16;
        told.push(FileInterface {
            name: likeness.1.clone(),
            link_type: LinkType::from_number(link_type),
            number: link_type,
            place,
            is_rest: false,
        });
        let alike = self.alike.entry(likeness).or_default();
        alike.numbers.push(number);
        (alike.section, alike.described) = (self.section, alike.numbers.len());
        number
    }

    /// The number that further interfaces of a link type share.
    fn rest(&mut self, number: u32, told: &mut Vec<FileInterface>) -> u16 {
        let link_type = LinkType::from_number(number);
        *self.rest.entry(link_type.map(|_| number)).or_insert_with(|| {
            told.push(FileInterface { name: None, link_type, number, place: 0, is_rest: true });
            (told.len() - 1) as u16
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ETHERNET: u32 = 1;
    const RAW: u32 = 101;

    /// The numbers of interfaces, section by section.
    fn numbers(sections: &[&[(u32, Option<&str>)]]) -> Vec<Vec<u16>> {
        let (mut interfaces, mut told) = (Interfaces::default(), Vec::new());
        let mut found = Vec::new();
        for section in sections {
            interfaces.begin_section();
            for &(link_type, name) in *section {
                interfaces.describe(link_type, name.map(str::as_bytes), InterfaceClock::default(), 0, &mut told);
            }
            found.push(interfaces.described.iter().map(|described| described.number).collect());
        }
        found
    }

    #[test]
    fn interfaces_of_one_name_and_link_type_are_one_in_each_section() {
        let (a, b, unnamed) = ((ETHERNET, Some("a")), (ETHERNET, Some("b")), (ETHERNET, None));
        assert_eq!(numbers(&[&[a, b], &[b, a]]), [[0, 1], [1, 0]]);
        assert_eq!(numbers(&[&[a, a], &[a, a]]), [[0, 1], [0, 1]], "two of one section are two");
        assert_eq!(numbers(&[&[unnamed, unnamed], &[unnamed, (RAW, None)]]), [vec![0, 1], vec![0, 2]]);
    }

    #[test]
    fn what_is_kept_grows_neither_with_sections_nor_with_interfaces() {
        let (mut interfaces, mut told) = (Interfaces::default(), Vec::new());
        for _ in 0..10_000 {
            interfaces.begin_section();
            interfaces.describe(ETHERNET, None, InterfaceClock::default(), 0, &mut told);
        }
        assert_eq!(told.len(), 1);
        for link_type in 0..70_000 {
            let name = "x".repeat(70_000);
            interfaces.describe(
                link_type % 300,
                Some(&name.as_bytes()[link_type as usize..]),
                InterfaceClock::default(),
                0,
                &mut told,
            );
        }
        assert!(told.len() < InterfaceId::MOST + 30, "{}", told.len());
        assert!(told.iter().all(|interface| interface.name.as_ref().is_none_or(|name| name.len() <= name::MAX_HOST)));
        let last = interfaces.described.last().map(|described| &told[usize::from(described.number)]);
        assert!(last.is_some_and(|interface| interface.is_rest));
    }
}
