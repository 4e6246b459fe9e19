//! Frames of any link type, one after the other, through all stages with tight limits.
#![no_main]

#[allow(dead_code, reason = "each target runs one of the laws")]
#[path = "../laws.rs"]
mod laws;

libfuzzer_sys::fuzz_target!(|data: &[u8]| laws::packets(data));
