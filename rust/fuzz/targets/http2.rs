//! A connection of HTTP/2 whose frames, cuts, holes and directions the fuzzer chooses, from its beginning and joined
//! midway.
#![no_main]

#[allow(dead_code, reason = "each target runs one of the laws")]
#[path = "../laws.rs"]
mod laws;

libfuzzer_sys::fuzz_target!(|data: &[u8]| laws::http2(data));
