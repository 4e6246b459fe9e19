//! TLS: reads from outside which server the client wants and how long the handshake takes, and decrypts what follows if
//! the secrets are known.

mod cipher;
mod decryption;
mod follow;
mod handshake;
pub mod hello;
pub mod keys;
mod outside;
mod record;
mod schedule;
mod search;
mod side;
mod suite;
#[cfg(test)]
mod tests;
mod waiting;

pub use decryption::{Crypt, Decryption, Outlet};
pub use outside::Tls;
