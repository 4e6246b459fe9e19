//! The frames of one side of a WebSocket, in pieces.
#![no_main]

#[path = "../readers.rs"]
#[allow(dead_code, reason = "each target runs one of the laws")]
mod readers;

libfuzzer_sys::fuzz_target!(|data: &[u8]| readers::websocket(data));
