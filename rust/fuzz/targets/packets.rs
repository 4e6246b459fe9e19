//! Frames of any link type, one after the other, through all stages with tight limits.
#![no_main]

use _core::fuzz;

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::packets(data));
