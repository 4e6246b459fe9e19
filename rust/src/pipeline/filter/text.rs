//! Compares texts with what a filter wants: a part, the whole, or a glob. Case does not matter.

use crate::pipeline::name;

/// How much of a text must be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Extent {
    Part,
    Whole,
    /// A glob with one star, at this position, and no other wildcard: a beginning and an end.
    Ends(usize),
    /// A glob that is a part between two stars.
    Inside,
    /// Any other glob.
    Glob,
}

impl Extent {
    /// The extent of a glob. Most globs need no search for what their stars stand for.
    fn of_glob(glob: &[u8]) -> Self {
        let mut wildcards = glob.iter().enumerate().filter(|(_, byte)| matches!(byte, b'*' | b'?'));
        match (wildcards.next(), wildcards.next(), wildcards.next()) {
            (Some((at, b'*')), None, _) => Self::Ends(at),
            (Some((0, b'*')), Some((last, b'*')), None) if last == glob.len() - 1 => Self::Inside,
            _ => Self::Glob,
        }
    }
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
        let wanted = name::clean(wanted, name::MAX_PATH).to_ascii_lowercase().into_bytes();
        let extent = if extent == Extent::Glob { Extent::of_glob(&wanted) } else { extent };
        Self { wanted: wanted.into(), extent }
    }

    /// What is wanted, in lower case.
    pub fn wanted(&self) -> &[u8] {
        &self.wanted
    }

    /// True if a part is wanted.
    pub fn is_part(&self) -> bool {
        self.extent == Extent::Part
    }

    /// True if an IPv4 address has what is wanted if and only if the address with a port has it.
    pub fn is_of_ipv4(&self) -> bool {
        let wanted = match self.extent {
            Extent::Part => &self.wanted[..],
            Extent::Ends(star) if star + 1 == self.wanted.len() => &self.wanted[..star],
            _ => return false,
        };
        wanted.contains(&b'.') && wanted.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.')
    }

    /// True if `text` is what is wanted.
    #[inline]
    pub fn is_in(&self, text: &[u8]) -> bool {
        match self.extent {
            Extent::Part => contains(text, &self.wanted),
            Extent::Whole => text.eq_ignore_ascii_case(&self.wanted),
            Extent::Ends(star) => has_ends(text, &self.wanted[..star], &self.wanted[star + 1..]),
            Extent::Inside => contains(text, &self.wanted[1..self.wanted.len() - 1]),
            Extent::Glob => matches(text, &self.wanted),
        }
    }
}

/// True if `text` has the part `wanted`, which is in lower case.
fn contains(text: &[u8], wanted: &[u8]) -> bool {
    let Some(&first) = wanted.first() else { return true };
    let Some(last) = text.len().checked_sub(wanted.len()) else { return false };
    if last == 0 {
        return text.eq_ignore_ascii_case(wanted);
    }
    let starts = memchr::memchr2_iter(first, first.to_ascii_uppercase(), &text[..=last]);
    starts.into_iter().any(|at| text[at..at + wanted.len()].eq_ignore_ascii_case(wanted))
}

/// True if `text` begins and ends so, in lower case, and both do not overlap.
fn has_ends(text: &[u8], begin: &[u8], end: &[u8]) -> bool {
    text.len() >= begin.len() + end.len()
        && text[..begin.len()].eq_ignore_ascii_case(begin)
        && text[text.len() - end.len()..].eq_ignore_ascii_case(end)
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
    use proptest::prelude::*;

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
    fn a_text_is_of_an_address_if_a_port_changes_nothing() {
        for (wanted, is_of_ipv4) in [
            ("10.0.1.5", true),
            ("10.0.1.*", true),
            ("0.1.", true),
            ("10.0.1.?", false),
            ("*.5", false),
            ("10.0.1.5:", false),
            ("10.0.1.5:*", false),
            ("1024", false),
            ("2001:db8::1", false),
        ] {
            let text = Text::part(wanted);
            assert_eq!(text.is_of_ipv4(), is_of_ipv4, "{wanted}");
            let both = text.is_in(b"10.0.1.5") == text.is_in(b"10.0.1.5:1024");
            assert!(both || !is_of_ipv4, "{wanted}");
        }
        assert!(!Text::literal("10.0.*").is_of_ipv4() && !Text::whole("10.0.1.5").is_of_ipv4());
    }

    #[test]
    fn a_glob_of_many_stars_ends_soon() {
        let glob = "*a".repeat(500) + "b";
        assert!(!Text::part(&glob).is_in("a".repeat(1000).as_bytes()));
    }

    #[test]
    fn a_glob_with_one_star_or_a_part_between_two_needs_no_search() {
        let table = [
            ("api.*", Extent::Ends(4)),
            ("*", Extent::Ends(0)),
            ("*.example", Extent::Ends(0)),
            ("a*b", Extent::Ends(1)),
            ("*shop*", Extent::Inside),
            ("**", Extent::Inside),
            ("*shop*x", Extent::Glob),
            ("x*shop*", Extent::Glob),
            ("*a*b*", Extent::Glob),
            ("a?", Extent::Glob),
            ("*a?", Extent::Glob),
            ("?a*", Extent::Glob),
        ];
        for (glob, extent) in table {
            assert_eq!(Text::part(glob).extent, extent, "{glob}");
        }
    }

    proptest! {
        #[test]
        fn every_glob_matches_what_the_search_for_any_glob_matches(glob in "[abA*?]{1,6}", text in "[abAB]{0,8}") {
            let wanted = Text { extent: Extent::Glob, ..Text::part(&(glob.clone() + "*")) };
            prop_assert_eq!(Text::part(&(glob + "*")).is_in(text.as_bytes()), wanted.is_in(text.as_bytes()));
        }

        #[test]
        fn a_glob_with_few_stars_matches_what_the_search_for_any_glob_matches(
            glob in "[abA]{0,3}[*][abA]{0,3}|[*][abA]{0,3}[*]",
            text in "[abAB]{0,8}",
        ) {
            let searched = matches(text.as_bytes(), glob.to_ascii_lowercase().as_bytes());
            prop_assert_eq!(Text::part(&glob).is_in(text.as_bytes()), searched);
        }

        #[test]
        fn a_part_is_found_wherever_it_is(part in "[abA]{0,4}", text in "[abAB]{0,8}") {
            let found = text.to_ascii_lowercase().contains(&part.to_ascii_lowercase());
            prop_assert_eq!(Text::part(&part).is_in(text.as_bytes()), found);
        }
    }
}
