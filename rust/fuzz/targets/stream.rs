//! A connection whose bytes, cuts, holes and directions the fuzzer chooses, through reassembly, HTTP and pairing.
#![no_main]

use _core::fuzz;

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::stream(data));
