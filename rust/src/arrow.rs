//! The edge where rows go out as Arrow: batches of columns in, an Arrow C stream out. The layout of each type is in
//! [`layout`]; the structs of the C data interface are in [`ffi`], the only part with `unsafe`.
//!
//! Nothing is read from Arrow, and nothing that a consumer passes is trusted or used.

mod ffi;
mod layout;

pub use ffi::ArrowArrayStream;
