//! Counts steps of work in tests, which check that twice the input takes no more than twice the steps.
//!
//! Every loop over something that a sender chooses (bytes, lines, records, parts, segments, tags) adds its steps here.
//! Outside tests [`add`] does nothing.

/// Counts `count` steps: bytes or entries that are looked at.
#[inline(always)]
#[allow(clippy::inline_always, reason = "it does nothing outside tests")]
pub fn add(count: usize) {
    #[cfg(test)]
    tests::TAKEN.with(|taken| taken.set(taken.get() + count));
    #[cfg(not(test))]
    let _ = count;
}

#[cfg(test)]
pub mod tests {
    use std::cell::Cell;

    thread_local! {
        pub static TAKEN: Cell<usize> = const { Cell::new(0) };
    }

    /// Returns the number of steps that `work` takes.
    pub fn taken(work: impl FnOnce()) -> usize {
        TAKEN.set(0);
        work();
        TAKEN.get()
    }

    /// Checks that twice the input takes at most twice the steps, with 10 % to spare, and at most `each` steps for each
    /// unit of input.
    pub fn are_in_proportion(what: &str, size: usize, each: usize, mut work: impl FnMut(usize)) {
        let (once, twice) = (taken(|| work(size)), taken(|| work(2 * size)));
        assert!(once > 0, "{what}: no step is counted");
        assert!(twice <= once * 22 / 10, "{what}: {once} steps for {size}, {twice} for twice as much");
        assert!(twice <= each * 2 * size, "{what}: {twice} steps for {}", 2 * size);
    }
}
