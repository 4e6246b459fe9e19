//! TLS: reads the hello of the client and the end of its handshake, and decrypts the records if their secrets are known.

mod cipher;
mod decryption;
mod follow;
mod handshake;
pub mod hello;
pub mod keys;
pub mod outside;
mod places;
mod record;
mod resume;
mod schedule;
mod search;
mod side;
mod suite;
#[cfg(test)]
pub(super) mod tests;
mod waiting;

pub use decryption::{Crypt, Decryption, Outlet};

pub use outside::Tls;
