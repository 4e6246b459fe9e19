//! Sleeps until a descriptor is readable, a time-out has passed, or a bell is rung.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// A bell that ends a sleep. Once rung it stays rung until it is hushed. The bell that ends a capture is never hushed.
#[derive(Clone, Debug)]
pub struct Bell {
    /// Readable while the bell is rung.
    heard: Arc<OwnedFd>,
    rung: Arc<OwnedFd>,
}

impl Bell {
    /// Makes a bell that is not rung.
    #[cfg(target_os = "linux")]
    pub fn new() -> io::Result<Self> {
        use rustix::event::{EventfdFlags, eventfd};
        let both = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
        Ok(Self { heard: both.clone(), rung: both })
    }

    /// Makes a bell that is not rung.
    #[cfg(not(target_os = "linux"))]
    pub fn new() -> io::Result<Self> {
        let (heard, rung) = rustix::pipe::pipe()?;
        for end in [&heard, &rung] {
            rustix::io::fcntl_setfd(end, rustix::io::FdFlags::CLOEXEC)?;
            rustix::io::ioctl_fionbio(end, true)?;
        }
        Ok(Self { heard: Arc::new(heard), rung: Arc::new(rung) })
    }

    /// Rings the bell: ends every sleep that listens to it, now and until it is hushed.
    pub fn ring(&self) {
        // Adding ones overflows no counter. A pipe that is full is rung. Nothing can be done about any other failure.
        let _ = rustix::io::write(&*self.rung, &1u64.to_ne_bytes());
    }

    /// Silences the bell, so that it can be rung again.
    pub fn hush(&self) {
        // Reading fails if the bell is not rung, which is no error. A counter is read at once, a pipe ring by ring.
        while rustix::io::read(&*self.heard, &mut [0u8; 8])
            .is_ok_and(|count| count > 0 && cfg!(not(target_os = "linux")))
        {}
    }

    /// True if the bell is rung.
    pub fn is_rung(&self) -> bool {
        wait(&[], self, Duration::ZERO).unwrap_or(true)
    }
}

impl AsFd for Bell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.heard.as_fd()
    }
}

/// Sleeps until one of `sources` is readable, `timeout` has passed, or the bell is rung. True if the bell is rung.
pub fn wait(sources: &[BorrowedFd<'_>], bell: &Bell, timeout: Duration) -> io::Result<bool> {
    let mut polled = Vec::with_capacity(sources.len() + 1);
    let bell_fd = bell.heard.as_fd();
    polled.push(PollFd::from_borrowed_fd(bell_fd, PollFlags::IN));
    polled.extend(sources.iter().map(|&source| PollFd::from_borrowed_fd(source, PollFlags::IN)));
    let timeout = Timespec::try_from(timeout).map_err(io::Error::other)?;
    match poll(&mut polled, Some(&timeout)) {
        // The interpreter's thread handles signals. Here a signal only ends the sleep early.
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(!polled[0].revents().is_empty()),
        Err(error) => Err(error.into()),
    }
}

/// True if `source` is readable at this moment.
pub fn is_readable(source: BorrowedFd<'_>) -> bool {
    let mut polled = [PollFd::from_borrowed_fd(source, PollFlags::IN)];
    poll(&mut polled, Some(&Timespec::default())).is_ok_and(|count| count > 0)
}

/// The reason why a sleep ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Woken {
    /// The bell is rung.
    Rung,
    /// The source is readable, or at its end.
    Readable,
    /// Neither: time is up, or a signal came.
    Nothing,
}

/// Sleeps until `source` is readable, `timeout` has passed, or the bell is rung. If the bell is rung and `source` is
/// readable, the result is [`Woken::Rung`].
pub fn wait_for(source: BorrowedFd<'_>, bell: &Bell, timeout: Duration) -> io::Result<Woken> {
    let timeout = Timespec::try_from(timeout).map_err(io::Error::other)?;
    let mut polled = [bell.heard.as_fd(), source].map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN));
    match poll(&mut polled, Some(&timeout)) {
        Ok(_) if !polled[0].revents().is_empty() => Ok(Woken::Rung),
        Ok(_) if !polled[1].revents().is_empty() => Ok(Woken::Readable),
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(Woken::Nothing),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    #[test]
    fn a_bell_ends_a_sleep_and_stays_rung() {
        let bell = Bell::new().unwrap();
        assert!(!bell.is_rung());
        let ringer = bell.clone();
        let began = Instant::now();
        let thread = std::thread::spawn(move || ringer.ring());
        assert!(wait(&[], &bell, Duration::from_secs(60)).unwrap());
        assert!(began.elapsed() < Duration::from_secs(30));
        thread.join().unwrap();
        assert!(bell.is_rung() && bell.is_rung());
        bell.hush();
        assert!(!bell.is_rung());
    }
}
