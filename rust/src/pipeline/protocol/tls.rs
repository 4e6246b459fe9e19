//! TLS: reads the hello of the client, and the end of its handshake. The records that follow are not decrypted.

pub mod hello;
pub mod keys;
pub mod outside;

pub use outside::Tls;
