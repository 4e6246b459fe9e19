//! How many processor cores are free for this process.
//!
//! The process may use as many as its affinity and the quota of its control group allow. Of those of the whole machine,
//! some run other threads at this moment. The count of these is that of one instant: the load averages would still count
//! what ended a minute ago.

use std::thread::available_parallelism;

/// Returns how many cores this process may use now, the one that runs this thread included. Where the system does not
/// tell what runs, all that the process may use count as free.
pub fn free() -> usize {
    let allowed = available_parallelism().map_or(1, usize::from);
    let told = |path| std::fs::read_to_string(path).ok();
    let load = told("/proc/loadavg").as_deref().and_then(running);
    let machine = told("/sys/devices/system/cpu/online").as_deref().and_then(online);
    match (load, machine) {
        // This thread is one of those that run.
        (Some(running), Some(online)) => allowed.min((online + 1).saturating_sub(running)),
        _ => allowed,
    }
}

/// The number of threads that run or wait for a core: the fourth field of `/proc/loadavg`, `2/345` (see proc(5)).
fn running(loadavg: &str) -> Option<usize> {
    loadavg.split_ascii_whitespace().nth(3)?.split_once('/')?.0.parse().ok()
}

/// The number of cores in a list such as `0-3,8`.
fn online(list: &str) -> Option<usize> {
    list.trim().split(',').try_fold(0_usize, |count, part| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
        count.checked_add(last.checked_sub(first)?.checked_add(1)?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_tells_is_read_and_anything_else_is_not_known() {
        for (text, want) in [
            ("0.20 0.18 0.12 1/80 11206\n", Some(1)),
            ("8.20 5.61 3.32 12/170 1538\n", Some(12)),
            ("0.20 0.18 0.12 80 11206", None),
            ("0.20 0.18", None),
            ("", None),
        ] {
            assert_eq!(running(text), want, "{text:?}");
        }
        for (text, want) in [
            ("0\n", Some(1)),
            ("0-1\n", Some(2)),
            ("0-3,8,10-11\n", Some(7)),
            ("3-1", None),
            ("0-18446744073709551615", None),
            ("", None),
            ("all", None),
        ] {
            assert_eq!(online(text), want, "{text:?}");
        }
    }

    #[test]
    fn no_more_cores_are_free_than_this_process_may_use() {
        assert!(free() <= available_parallelism().map_or(1, usize::from));
    }
}
