//! The capture filter, compiled once for each link type of the inputs.

use crate::capture::Error;
use crate::capture::filter::Filter;

/// Which packets of an interface pass the filter.
#[derive(Clone, Copy, Debug)]
pub enum Sieve {
    /// All packets pass.
    Open,
    /// Those that match the filter of this number.
    Filter(usize),
    /// The filter does not compile for this link type, so no packet passes, and each counts as unread.
    Shut,
}

/// A filter expression, if there is one, and its compiled forms.
pub struct Filters {
    expression: Option<String>,
    /// By `LINKTYPE_` number; `None` if the expression does not compile for it.
    compiled: Vec<(u32, Option<Filter>)>,
}

impl Filters {
    pub fn new(expression: Option<String>) -> Self {
        Self { expression, compiled: Vec::new() }
    }

    /// Returns the filter for a `LINKTYPE_` number. An error if the expression does not compile for this number and has
    /// compiled for no other one before.
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

    /// True if a packet matches the compiled filter of this number.
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
