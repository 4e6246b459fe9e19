//! Texts that mean statuses: `503`, `5xx`, `none`.

use super::text::Text;

/// The text shown as the status of an exchange without a response.
pub const UNANSWERED: &[u8] = b"none";

/// Number of statuses of three digits.
const MOST: u16 = 1000;

/// A set of statuses. Which statuses a text means is found out once, so that each exchange costs one look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statuses {
    /// A bit for each status of three digits.
    answered: Box<[u64; (MOST as usize).div_ceil(64)]>,
    unanswered: bool,
}

impl Statuses {
    /// The statuses that begin so; `x` is any digit. `none`, or a part of it, is no status.
    pub fn beginning(wanted: &Text) -> Self {
        let mut answered = Box::new([0; _]);
        for status in (0..MOST).filter(|&status| begins(wanted.wanted(), digits(status))) {
            answered[usize::from(status / 64)] |= 1 << (status % 64);
        }
        Self { answered, unanswered: wanted.is_in(UNANSWERED) }
    }

    /// True if the status is in the set; `None` is that of an exchange without a response. Of a number with more
    /// digits, the last three count.
    #[inline]
    pub fn has(&self, status: Option<u16>) -> bool {
        status.map_or(self.unanswered, |status| {
            let status = status % MOST;
            self.answered[usize::from(status / 64)] >> (status % 64) & 1 == 1
        })
    }
}

/// True if the status contains the text, which may also be three characters such as `5xx`.
pub fn is_text(wanted: &Text, status: Option<u16>) -> bool {
    let Some(status) = status else { return wanted.is_in(UNANSWERED) };
    let (text, digits) = (wanted.wanted(), digits(status));
    if text.len() == digits.len() && text[0].is_ascii_digit() && wanted.is_part() {
        return begins(text, digits);
    }
    wanted.is_in(&digits)
}

/// The last three digits of a status.
fn digits(mut status: u16) -> [u8; 3] {
    let mut digits = [b'0'; 3];
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (status % 10) as u8;
        status /= 10;
    }
    digits
}

fn begins(text: &[u8], digits: [u8; 3]) -> bool {
    let mut pairs = text.iter().zip(digits);
    text.len() <= digits.len() && pairs.all(|(&wanted, digit)| wanted == digit || wanted == b'x')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_set_has_the_statuses_that_begin_as_the_text_says(text in "[0-9x]{0,4}|n|no|none|one", status: u16) {
            let set = Statuses::beginning(&Text::literal(&text));
            let shown = format!("{:03}", status % 1000);
            let is_meant = text.len() <= 3 && text.bytes().zip(shown.bytes()).all(|(a, b)| a == b || a == b'x');
            prop_assert_eq!(set.has(Some(status)), is_meant);
            prop_assert_eq!(set.has(None), "none".contains(&text));
        }
    }
}
