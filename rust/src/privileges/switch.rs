//! The user of the process.

use std::io;

/// Switches all threads of the process to a user and a group, with no other group. There is no way back.
///
/// The C library makes every thread switch, or none. An error if the process may not switch. Then the groups may be
/// given up already, so the process must end.
pub fn switch_user(user: u32, group: u32) -> io::Result<()> {
    // SAFETY: reads nothing, since the list has no entry (setgroups(2)).
    done(unsafe { libc::setgroups(0, std::ptr::null()) })?;
    switch(user, group)
}

#[cfg(not(any(target_vendor = "apple", target_os = "netbsd")))]
fn switch(user: u32, group: u32) -> io::Result<()> {
    // SAFETY: takes numbers only (setresgid(2)).
    done(unsafe { libc::setresgid(group, group, group) })?;
    // SAFETY: as above.
    done(unsafe { libc::setresuid(user, user, user) })
}

/// For root, `setgid` and `setuid` set the real, the effective and the saved number.
#[cfg(any(target_vendor = "apple", target_os = "netbsd"))]
fn switch(user: u32, group: u32) -> io::Result<()> {
    // SAFETY: takes a number only (setgid(2)).
    done(unsafe { libc::setgid(group) })?;
    // SAFETY: as above.
    done(unsafe { libc::setuid(user) })
}

fn done(result: libc::c_int) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
