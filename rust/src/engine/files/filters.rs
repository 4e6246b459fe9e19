//! The filter, compiled once for each link type that comes.

use crate::capture::Error;
use crate::capture::filter::Filter;

/// What becomes of the packets of an interface.
#[derive(Clone, Copy, Debug)]
pub enum Sieve {
    /// All are meant.
    Open,
    /// Those that match the filter of this number.
    Filter(usize),
    /// The filter means nothing on such a link: they cannot be read.
    Shut,
}

/// One expression, or none, for packets of any link.
pub struct Filters {
    expression: Option<String>,
    /// `None` for a link on which the expression means nothing.
    compiled: Vec<(u32, Option<Filter>)>,
}

impl Filters {
    pub fn new(expression: Option<String>) -> Self {
        Self { expression, compiled: Vec::new() }
    }

    /// What is to be done with packets of a `LINKTYPE_` number. An expression that never meant anything is an error.
    pub fn find(&mut self, link_type: u32) -> Result<Sieve, Error> {
        let Some(expression) = &self.expression else { return Ok(Sieve::Open) };
        let known = self.compiled.iter().position(|&(number, _)| number == link_type);
        let at = known.unwrap_or(self.compiled.len());
        if known.is_none() {
            let filter = Filter::compile(expression, link_type);
            if self.compiled.iter().all(|(_, filter)| filter.is_none())
                && let Err(error) = filter
            {
                return Err(error);
            }
            self.compiled.push((link_type, filter.ok()));
        }
        Ok(if self.compiled[at].1.is_some() { Sieve::Filter(at) } else { Sieve::Shut })
    }

    /// The packet is one that is meant.
    pub fn matches(&self, number: usize, packet: &[u8]) -> bool {
        self.compiled.get(number).and_then(|(_, filter)| filter.as_ref()).is_some_and(|filter| filter.matches(packet))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ETHERNET: u32 = 1;
    const RAW: u32 = 101;

    #[test]
    fn a_filter_that_means_nothing_on_one_of_several_links_shuts_that_one_out() {
        let mut filters = Filters::new(Some("vlan 7".into()));
        assert!(matches!(filters.find(ETHERNET), Ok(Sieve::Filter(0))));
        assert!(matches!(filters.find(RAW), Ok(Sieve::Shut)));
        assert!(matches!(filters.find(ETHERNET), Ok(Sieve::Filter(0))));
    }

    #[test]
    fn a_filter_that_never_means_anything_is_an_error() {
        assert!(Filters::new(Some("tcp prot 80".into())).find(ETHERNET).is_err());
        assert!(matches!(Filters::new(None).find(RAW), Ok(Sieve::Open)));
    }
}
