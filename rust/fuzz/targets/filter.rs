//! Texts as filters, evaluated for what is made of the same bytes.
#![no_main]

#[allow(dead_code, reason = "each target runs one of the laws")]
#[path = "../laws.rs"]
mod laws;

libfuzzer_sys::fuzz_target!(|data: &[u8]| laws::filter(data));
