//! Numbers with units: durations in nanoseconds, and bytes.

use super::field::Kind;

/// Units of durations, in nanoseconds.
const TIMES: [(&str, u64); 7] = [
    ("ns", 1),
    ("us", 1_000),
    ("\u{b5}s", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// Units of bytes. A number alone is in bytes.
const SIZES: [(&str, u64); 10] = [
    ("", 1),
    ("b", 1),
    ("kb", 1_000),
    ("mb", 1_000_000),
    ("gb", 1_000_000_000),
    ("tb", 1_000_000_000_000),
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
    ("tib", 1 << 40),
];

/// Digits behind the point that are looked at.
const DIGITS: usize = 9;

/// Reads a number of this kind. The error says what such a number looks like.
pub fn read(kind: Kind, text: &str) -> Result<u64, String> {
    let (units, like): (&[_], _) = match kind {
        Kind::Time => (&TIMES, "a duration such as 200ms; units are ns, us, ms, s, m and h"),
        Kind::Size => (&SIZES, "a number of bytes such as 512, 10kB or 1MiB"),
        _ => (&SIZES[..1], "a status such as 500"),
    };
    let wrong = || format!("{text} is not {like}");
    let end = text.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let scale = units.iter().find(|(known, _)| known.eq_ignore_ascii_case(unit)).ok_or_else(wrong)?.1;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let fraction = &fraction[..fraction.len().min(DIGITS)];
    let (Ok(whole), Ok(part)) = (whole.parse::<u64>(), fraction.parse::<u64>()) else { return Err(wrong()) };
    let part = u128::from(part) * u128::from(scale) / 10_u128.pow(fraction.len() as u32);
    let value = u128::from(whole) * u128::from(scale) + part;
    value.try_into().map_err(|_| format!("{text} is too large"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_units() {
        let table = [
            (Kind::Time, "200ms", Some(200_000_000)),
            (Kind::Time, "1.5s", Some(1_500_000_000)),
            (Kind::Time, "3us", Some(3_000)),
            (Kind::Time, "3\u{b5}s", Some(3_000)),
            (Kind::Time, "2m", Some(120_000_000_000)),
            (Kind::Time, "200", None),
            (Kind::Time, "ms", None),
            (Kind::Time, "1.2.3s", None),
            (Kind::Time, "-1s", None),
            (Kind::Time, "1d", None),
            (Kind::Size, "512", Some(512)),
            (Kind::Size, "10kB", Some(10_000)),
            (Kind::Size, "1MiB", Some(1 << 20)),
            (Kind::Size, "1.5KiB", Some(1536)),
            (Kind::Size, "1ms", None),
            (Kind::Size, "99999999999999999999", None),
            (Kind::Size, "18446744073709551615TiB", None),
            (Kind::Size, "1.", None),
            (Kind::Status, "500", Some(500)),
            (Kind::Status, "5xx", None),
        ];
        for (kind, text, value) in table {
            assert_eq!(read(kind, text).ok(), value, "{text}");
        }
    }
}
