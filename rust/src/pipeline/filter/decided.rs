//! What is decided once for many exchanges: those of one host and section.

use super::facts::Known;
use super::mistake::MAX_TERMS;
use super::term::Term;

/// Terms in one word.
const IN_WORD: usize = u64::BITS as usize / 2;

/// The terms of a filter that some facts decide, and whether each of these holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Decided {
    /// Two bits for each term: the upper one is set if the term is decided, the lower one if it holds.
    terms: [u64; MAX_TERMS / IN_WORD],
    at_head: AtHead,
}

/// What the filter says at the head of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum AtHead {
    /// That depends on the rest of the head.
    #[default]
    Open,
    /// The same for each request. `None`: the filter waits for the response.
    Same(Option<bool>),
}

impl Decided {
    /// What `known` decides. `verdict` is what the filter says if only these terms are decided.
    pub fn of(terms: &[Term], mut known: impl Known, verdict: impl FnOnce(&Self) -> Option<bool>) -> Self {
        let mut decided = Self::default();
        let mut is_open = false;
        for (at, term) in terms.iter().enumerate() {
            match term.holds(&mut known) {
                Some(holds) => {
                    decided.terms[at / IN_WORD] |= (2 + u64::from(holds)) << (at % IN_WORD * 2);
                }
                None => is_open |= !term.is_of_response(),
            }
        }
        let verdict = verdict(&decided);
        if verdict.is_some() || !is_open {
            decided.at_head = AtHead::Same(verdict);
        }
        decided
    }

    /// What the filter says at the head of each request with these facts, `None` if the head must be looked at.
    #[inline]
    pub fn verdict_at_head(self) -> Option<Option<bool>> {
        match self.at_head {
            AtHead::Open => None,
            AtHead::Same(verdict) => Some(verdict),
        }
    }

    /// Whether a term holds, `None` if it is not decided.
    #[inline]
    pub fn get(self, at: usize) -> Option<bool> {
        let bits = self.terms.get(at / IN_WORD)? >> (at % IN_WORD * 2);
        (bits & 2 != 0).then_some(bits & 1 != 0)
    }

    /// Whether a term holds, evaluated if that is not decided.
    #[inline]
    pub fn holds(self, at: usize, term: &Term, known: &mut impl Known) -> Option<bool> {
        self.get(at).or_else(|| term.holds(known))
    }
}
