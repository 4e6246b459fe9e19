//! Compares texts with what a filter wants: a part, the whole, or a glob. Case does not matter.

use crate::pipeline::name;

/// How much of a text must be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Extent {
    Part,
    Whole,
    Glob,
}

/// A wanted text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// In lower case.
    wanted: Box<[u8]>,
    extent: Extent,
}

impl Text {
    /// Wants a part of a text, or if `wanted` is a glob, a text that the glob matches.
    pub fn part(wanted: &str) -> Self {
        Self::new(wanted, if wanted.contains(['*', '?']) { Extent::Glob } else { Extent::Part })
    }

    /// Wants this part of a text, in which `*` and `?` are themselves.
    pub fn literal(wanted: &str) -> Self {
        Self::new(wanted, Extent::Part)
    }

    /// Wants the whole text.
    pub fn whole(wanted: &str) -> Self {
        Self::new(wanted, Extent::Whole)
    }

    fn new(wanted: &str, extent: Extent) -> Self {
        // Names in rows were cleaned so that they are printable, so the text is cleaned in the same way.
        let wanted = name::clean(wanted, name::MAX_PATH).to_ascii_lowercase();
        Self { wanted: wanted.into_bytes().into(), extent }
    }

    /// What is wanted, in lower case.
    pub fn wanted(&self) -> &[u8] {
        &self.wanted
    }

    /// True if a part is wanted.
    pub fn is_part(&self) -> bool {
        self.extent == Extent::Part
    }

    /// True if `text` is what is wanted.
    #[inline]
    pub fn is_in(&self, text: &[u8]) -> bool {
        match self.extent {
            Extent::Part => contains(text, &self.wanted),
            Extent::Whole => text.eq_ignore_ascii_case(&self.wanted),
            Extent::Glob => matches(text, &self.wanted),
        }
    }
}

/// True if `text` has the part `wanted`, which is in lower case.
fn contains(text: &[u8], wanted: &[u8]) -> bool {
    let Some(&first) = wanted.first() else { return true };
    let Some(last) = text.len().checked_sub(wanted.len()) else { return false };
    let starts = memchr::memchr2_iter(first, first.to_ascii_uppercase(), &text[..=last]);
    starts.into_iter().any(|at| text[at..at + wanted.len()].eq_ignore_ascii_case(wanted))
}

/// True if the glob, which is in lower case, matches the whole text. A star takes as little as it can, and one more
/// byte whenever the rest does not match.
fn matches(text: &[u8], glob: &[u8]) -> bool {
    let (mut at, mut place) = (0, 0);
    let mut star = None;
    while at < text.len() {
        match glob.get(place) {
            Some(b'*') => {
                star = Some((place, at));
                place += 1;
            }
            Some(&wanted) if wanted == b'?' || wanted == text[at].to_ascii_lowercase() => {
                at += 1;
                place += 1;
            }
            _ => {
                let Some((star_place, taken)) = star else { return false };
                star = Some((star_place, taken + 1));
                (at, place) = (taken + 1, star_place + 1);
            }
        }
    }
    glob[place..].iter().all(|&rest| rest == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_a_part_in_any_case_and_a_glob_matches_the_whole() {
        let table = [
            ("shop", "www.SHOP.example", true),
            ("SHOP", "www.shop.example", true),
            ("shop", "sho", false),
            ("shops", "shop", false),
            ("oop", "ooop", true),
            ("api.*", "api.example", true),
            ("api.*", "API.example", true),
            ("api.*", "www.api.example", false),
            ("*.example", "a.example.example", true),
            ("*.example", "example", false),
            ("a*b*c", "axxbyybc", true),
            ("a*b*c", "axxbyyb", false),
            ("?pi", "api", true),
            ("?pi", "pi", false),
            ("*", "", true),
            ("caf\u{e9}", "caf\\xc3\\xa9", true),
        ];
        for (wanted, text, holds) in table {
            assert_eq!(Text::part(wanted).is_in(text.as_bytes()), holds, "{wanted} in {text}");
        }
        assert!(Text::literal("a*").is_in(b"xa*y") && !Text::literal("a*").is_in(b"ab"));
        assert!(Text::whole("API").is_in(b"api") && !Text::whole("api").is_in(b"api.example"));
    }

    #[test]
    fn a_glob_of_many_stars_ends_soon() {
        let glob = "*a".repeat(500) + "b";
        assert!(!Text::part(&glob).is_in("a".repeat(1000).as_bytes()));
    }
}
