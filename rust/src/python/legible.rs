//! Makes messages safe to show. They contain names of files and interfaces, which strangers may have chosen.

use std::fmt::Write;

/// Returns `text` with characters that move a cursor, break a line, or reorder or hide text written as escapes, as
/// `netmon.format.sanitize` does.
pub fn legible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        let code = u32::from(character);
        // Writing to a string never fails.
        let _ = match code {
            _ if !is_hidden(character) => out.write_char(character),
            0..=0xff => write!(out, "\\x{code:02x}"),
            0x100..=0xffff => write!(out, "\\u{code:04x}"),
            _ => write!(out, "\\U{code:08x}"),
        };
    }
    out
}

/// True for control characters, line separators, and format characters such as direction marks (Unicode categories Cc,
/// Zl, Zp, Cf, Co).
fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}'
                | '\u{600}'..='\u{605}'
                | '\u{61c}'
                | '\u{6dd}'
                | '\u{70f}'
                | '\u{890}'..='\u{891}'
                | '\u{8e2}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{e000}'..='\u{f8ff}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{110bd}'
                | '\u{110cd}'
                | '\u{13430}'..='\u{1343f}'
                | '\u{1bca0}'..='\u{1bca3}'
                | '\u{1d173}'..='\u{1d17a}'
                | '\u{e0001}'
                | '\u{e0020}'..='\u{e007f}'
                | '\u{f0000}'..
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_written_as_an_escape_and_all_else_stays() {
        let cases = [
            ("eth0: went down", "eth0: went down"),
            ("мой файл.pcap 你好", "мой файл.pcap 你好"),
            ("a\x1b]0;b\x07\r\n\x7f", "a\\x1b]0;b\\x07\\x0d\\x0a\\x7f"),
            ("\u{9b}31m\u{202e}\u{2028}\u{feff}", "\\x9b31m\\u202e\\u2028\\ufeff"),
            ("\u{e0041}\u{f0000}", "\\U000e0041\\U000f0000"),
        ];
        for (given, want) in cases {
            assert_eq!(legible(given), want);
            assert_eq!(legible(want), want, "once is enough");
        }
    }
}
