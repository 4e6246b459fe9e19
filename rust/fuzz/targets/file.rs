//! A capture file in any format, through all stages.
#![no_main]

use _core::fuzz;

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::file(data));
