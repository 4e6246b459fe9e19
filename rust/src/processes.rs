//! Finds the processes of this machine that hold the ends of connections. An edge: it asks the kernel for sockets
//! (`sock_diag(7)`) and reads `/proc` and files of container runtimes (proc(5), cgroups(7)).
//!
//! ```text
//! connection -> diag: socket, by addresses and ports -> inode -> holders: which processes have it open -> Owner
//! ```
//!
//! A name that is not sure is left out. Nothing here is on the way of a packet: [`Lookup`] runs in a thread of its own.
//! Bytes of the kernel and of files are parsed by pure functions, within bounds.

mod cgroup;
mod diag;
mod helper;
mod holders;
mod lookup;
mod proc;
mod runtime;
mod socket;

pub use helper::fork as fork_helper;
pub use lookup::Lookup;
