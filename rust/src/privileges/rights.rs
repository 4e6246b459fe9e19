//! Capabilities of the calling thread, as in capabilities(7). Elsewhere than on Linux there are none, and each function
//! does nothing.

use std::io;

/// A set of capabilities. Bit n stands for the capability of number n in `linux/capability.h`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rights(pub u64);

impl Rights {
    /// No capability.
    pub const NONE: Self = Self(0);
    /// Reaching files whatever their permissions.
    pub const DAC_OVERRIDE: Self = Self(1 << 1);
    /// Reading files whatever their permissions.
    pub const DAC_READ_SEARCH: Self = Self(1 << 2);
    /// Capturing packets.
    pub const NET_RAW: Self = Self(1 << 13);
    /// Looking into processes of other users.
    pub const SYS_PTRACE: Self = Self(1 << 19);

    /// The capabilities of either set.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

#[cfg(target_os = "linux")]
mod system {
    use std::io;

    use rustix::io::Errno;
    use rustix::thread::{self, CapabilitySet, CapabilitySets};

    use crate::privileges::rights::Rights;

    pub fn no_new_rights() -> io::Result<()> {
        Ok(thread::set_no_new_privs(true)?)
    }

    pub fn limit(rights: Rights) -> io::Result<()> {
        for bit in (0..u64::BITS).map(|number| 1 << number) {
            let capability = CapabilitySet::from_bits_retain(bit);
            match thread::capability_is_in_bounding_set(capability) {
                Ok(true) if rights.0 & bit == 0 => thread::remove_capability_from_bounding_set(capability)?,
                Ok(_) => {}
                // This kernel knows fewer capabilities.
                Err(Errno::INVAL) => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    pub fn held() -> io::Result<Rights> {
        Ok(Rights(thread::capabilities(None)?.permitted.bits()))
    }

    pub fn keep() -> io::Result<()> {
        Ok(thread::set_keep_capabilities(true)?)
    }

    pub fn retain(rights: Rights) -> io::Result<()> {
        match thread::clear_ambient_capability_set() {
            // Kernels before 4.3 have no such set.
            Ok(()) | Err(Errno::INVAL) => {}
            Err(error) => return Err(error.into()),
        }
        let has = thread::capabilities(None)?.permitted;
        let left = has & CapabilitySet::from_bits_retain(rights.0);
        let sets = CapabilitySets { effective: left, permitted: left, inheritable: CapabilitySet::empty() };
        thread::set_capabilities(None, sets)?;
        // The flag cannot be cleared where it is locked. It does no harm, since it keeps what is left.
        let _ = thread::set_keep_capabilities(false);
        Ok(())
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use std::io;

    use crate::privileges::rights::Rights;

    pub fn no_new_rights() -> io::Result<()> {
        Ok(())
    }

    pub fn limit(_rights: Rights) -> io::Result<()> {
        Ok(())
    }

    pub fn held() -> io::Result<Rights> {
        Ok(Rights::NONE)
    }

    pub fn keep() -> io::Result<()> {
        Ok(())
    }

    pub fn retain(_rights: Rights) -> io::Result<()> {
        Ok(())
    }
}

/// Sets `no_new_privs` of the calling thread: no program that it runs gains rights. Threads that it starts later
/// inherit this.
pub fn no_new_rights() -> io::Result<()> {
    system::no_new_rights()
}

/// Removes all capabilities but `rights` from those that programs can ever gain which this thread, or one that it
/// starts later, runs. An error without `CAP_SETPCAP`.
pub fn limit(rights: Rights) -> io::Result<()> {
    system::limit(rights)
}

/// The capabilities of the calling thread.
pub fn held() -> io::Result<Rights> {
    system::held()
}

/// Lets the calling thread, and threads that it starts later, keep their capabilities when the process switches from
/// root to another user. The kernel makes them ineffective; [`retain`] makes some effective again.
///
/// Each thread that opens interfaces calls this before the switch, and [`retain`] after it.
pub fn keep() -> io::Result<()> {
    system::keep()
}

/// Gives up all capabilities of the calling thread but `rights`. Of these the thread retains those that it has, and
/// they are effective. No program that it runs inherits one. Threads that it starts later have the same.
///
/// A process with a single thread, such as a child after fork, retains capabilities in the same way.
pub fn retain(rights: Rights) -> io::Result<()> {
    system::retain(rights)
}

#[cfg(target_os = "linux")]
#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a line of the status of the calling thread, as a hexadecimal number.
    fn status(name: &str) -> u64 {
        let text = std::fs::read_to_string("/proc/thread-self/status").unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        u64::from_str_radix(line.trim_start_matches(':').trim(), 16).unwrap()
    }

    #[test]
    fn a_thread_retains_what_it_has_of_what_is_named_and_other_threads_are_left_alone() {
        let before = status("CapPrm");
        let work = || {
            retain(Rights::NET_RAW.and(Rights::SYS_PTRACE)).unwrap();
            let some = ["CapPrm", "CapEff", "CapInh", "CapAmb"].map(status);
            retain(Rights::NET_RAW).unwrap();
            retain(Rights::NET_RAW.and(Rights::SYS_PTRACE)).unwrap();
            let fewer = status("CapEff");
            retain(Rights::NONE).unwrap();
            (some, fewer, status("CapPrm"))
        };
        let (some, fewer, none) = std::thread::spawn(work).join().unwrap();
        let both = before & (Rights::NET_RAW.0 | Rights::SYS_PTRACE.0);
        assert_eq!(some, [both, both, 0, 0]);
        assert_eq!(fewer, before & Rights::NET_RAW.0, "what was given up does not come back");
        assert_eq!((none, status("CapPrm")), (0, before));
    }

    #[test]
    fn no_new_rights_and_the_limit_hold_for_threads_that_are_started_later() {
        let work = || {
            no_new_rights().unwrap();
            let may_limit = status("CapEff") >> 8 & 1 == 1;
            assert_eq!(limit(Rights::NET_RAW).is_ok(), may_limit);
            let bound = if may_limit { Rights::NET_RAW.0 & status("CapBnd") } else { status("CapBnd") };
            std::thread::spawn(move || (status("NoNewPrivs"), status("CapBnd") == bound)).join().unwrap()
        };
        assert_eq!(std::thread::spawn(work).join().unwrap(), (1, true));
    }
}
