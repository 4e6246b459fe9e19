//! Connections of TLS that two peers seal and the wire damages, hellos, and the text of key logs.
#![no_main]

#[allow(dead_code, reason = "each target runs some of the laws")]
#[path = "../laws.rs"]
mod laws;
#[path = "../script.rs"]
mod script;
#[path = "../sealing.rs"]
mod sealing;
#[path = "../secrets.rs"]
mod secrets;
#[path = "../../tests/wire.rs"]
mod wire;

use laws::driver;

libfuzzer_sys::fuzz_target!(|data: &[u8]| secrets::tls(data));
