//! Steps of work, counted in tests: a stage takes so many for its input that twice the input takes twice as many.
//!
//! Every loop over something that a sender chooses (bytes, lines, records, parts, segments, tags) adds its steps here.
//! Outside tests nothing is counted, and [`add`] is nothing.

/// So many bytes or entries are looked at.
#[inline(always)]
#[allow(clippy::inline_always, reason = "it is nothing but in tests")]
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

    /// The steps that something takes.
    pub fn taken(work: impl FnOnce()) -> usize {
        TAKEN.set(0);
        work();
        TAKEN.get()
    }

    /// Twice the input takes twice the steps at most, and for each unit of it no more than `each`.
    pub fn are_in_proportion(what: &str, size: usize, each: usize, mut work: impl FnMut(usize)) {
        let (once, twice) = (taken(|| work(size)), taken(|| work(2 * size)));
        assert!(once > 0, "{what}: no step is counted");
        assert!(twice <= once * 22 / 10, "{what}: {once} steps for {size}, {twice} for twice as much");
        assert!(twice <= each * 2 * size, "{what}: {twice} steps for {}", 2 * size);
    }
}
