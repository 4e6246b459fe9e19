//! map
pub mod capture;
pub mod engine;
pub mod pipeline;
#[cfg(feature = "python")]
mod python;
