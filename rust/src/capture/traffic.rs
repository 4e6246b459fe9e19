//! Reads the kernel's byte counters of all interfaces (`/proc/net/dev`, proc(5)), in this thread's network namespace.

use std::collections::HashMap;

const COUNTERS: &str = "/proc/thread-self/net/dev";

/// Returns the bytes received and sent by each interface since it was created. Empty if the counters cannot be read.
pub fn read() -> HashMap<String, u64> {
    std::fs::read(COUNTERS).map(|bytes| parse(&bytes)).unwrap_or_default()
}

fn parse(bytes: &[u8]) -> HashMap<String, u64> {
    let lines = bytes.split(|&byte| byte == b'\n').skip(2);
    lines.filter_map(|line| count(std::str::from_utf8(line).ok()?)).collect()
}

/// Parses a line: the name, eight counters of received data and eight of sent data. The first of each eight is the
/// bytes.
fn count(line: &str) -> Option<(String, u64)> {
    let (name, figures) = line.rsplit_once(':')?;
    let mut figures = figures.split_ascii_whitespace();
    let received: u64 = figures.next()?.parse().ok()?;
    let sent: u64 = figures.nth(7)?.parse().ok()?;
    Some((name.trim_start().to_owned(), received.saturating_add(sent)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_directions_count_and_odd_lines_do_not() {
        let text = b"Inter-|   Receive\n face |bytes\n    lo:  10 1 0 0 0 0 0 0  20 1 0 0 0 0 0 0\n\
            e\xff: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\neth0.7: 5 0 0 0 0 0 0 0 6 0 0 0 0 0 0 0\nbad: 1\n";
        let want = [("lo", 30), ("eth0.7", 11)].map(|(name, bytes)| (name.to_owned(), bytes));
        assert_eq!(parse(text), HashMap::from(want));
    }
}
