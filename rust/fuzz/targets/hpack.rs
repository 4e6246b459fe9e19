//! Header blocks of HTTP/2, seen from the beginning and joined midway.
#![no_main]

#[path = "../readers.rs"]
#[allow(dead_code, reason = "each target runs one of the laws")]
mod readers;

libfuzzer_sys::fuzz_target!(|data: &[u8]| readers::hpack(data));
