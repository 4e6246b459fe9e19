//! Sources that somebody else opens, the lender: who asks over a socket gets the descriptor of a pipe, from which the
//! source is read from its beginning. So a source that has no path can be opened again, like a file, and a wait for it
//! can be ended.

use std::fs::File;
use std::io::{self, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendFlags, recvmsg, send};

use crate::capture::wait::{Bell, Woken, wait_for};

/// How long to sleep if the lender does not answer and the bell is not rung.
const LONG: Duration = Duration::from_secs(3600);

/// A lender that is gone is an error and no signal, and what it gives is closed in programs that netmon starts. Other
/// systems than Linux lack these flags: Python ignores the signal there, and [`Lent::open`] sets the other one.
#[cfg(target_os = "linux")]
const FLAGS: (SendFlags, RecvFlags) = (SendFlags::NOSIGNAL, RecvFlags::CMSG_CLOEXEC);
#[cfg(not(target_os = "linux"))]
const FLAGS: (SendFlags, RecvFlags) = (SendFlags::empty(), RecvFlags::empty());

/// One source of a lender.
#[derive(Clone, Debug)]
pub struct Lent {
    /// The socket of the lender. It keeps the boundaries of messages.
    lender: Arc<OwnedFd>,
    number: u32,
}

impl Lent {
    /// The source with this number.
    pub fn new(lender: Arc<OwnedFd>, number: u32) -> Self {
        Self { lender, number }
    }

    /// Asks for the source, from its beginning. With `is_look`, little of it will be read. Fails when the bell rings.
    pub fn open(&self, bell: &Bell, is_look: bool) -> io::Result<File> {
        let [a, b, c, d] = self.number.to_le_bytes();
        send(&self.lender, &[a, b, c, d, u8::from(is_look)], FLAGS.0)?;
        while match wait_for(self.lender.as_fd(), bell, LONG)? {
            Woken::Rung => return Err(io::ErrorKind::Interrupted.into()),
            woken => woken == Woken::Nothing,
        } {}
        self.answer()
    }

    fn answer(&self) -> io::Result<File> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut came = RecvAncillaryBuffer::new(&mut space);
        let mut byte = [0];
        recvmsg(&self.lender, &mut [IoSliceMut::new(&mut byte)], &mut came, FLAGS.1)?;
        let found = came.drain().find_map(|message| match message {
            RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
            _ => None,
        });
        let found = found.ok_or_else(|| io::Error::other("is closed"))?;
        #[cfg(not(target_os = "linux"))]
        rustix::io::fcntl_setfd(&found, rustix::io::FdFlags::CLOEXEC)?;
        Ok(File::from(found))
    }
}

#[cfg(test)]
mod tests {
    use std::io::{IoSlice, Read, Write, pipe};

    use rustix::net::{
        AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SocketFlags, SocketType, recv, sendmsg, socketpair,
    };

    use super::*;

    fn pair() -> (Arc<OwnedFd>, OwnedFd) {
        let (ours, theirs) =
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).unwrap();
        (Arc::new(ours), theirs)
    }

    /// Answers each request with a pipe that holds the request.
    fn lend(theirs: &OwnedFd) {
        let mut asked = [0; 8];
        loop {
            let (count, _) = recv(theirs, &mut asked[..], RecvFlags::empty()).unwrap();
            if count == 0 {
                return;
            }
            let (end, mut writer) = pipe().unwrap();
            writer.write_all(&asked[..count]).unwrap();
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
            let mut given = SendAncillaryBuffer::new(&mut space);
            let descriptors = [end.as_fd()];
            assert!(given.push(SendAncillaryMessage::ScmRights(&descriptors)));
            sendmsg(theirs, &[IoSlice::new(b".")], &mut given, SendFlags::empty()).unwrap();
        }
    }

    #[test]
    fn a_source_can_be_opened_more_than_once_and_the_lender_is_told_which_and_what_for() {
        let (ours, theirs) = pair();
        let lender = std::thread::spawn(move || lend(&theirs));
        let bell = Bell::new().unwrap();
        for (number, is_look) in [(7, true), (7, false), (300, false)] {
            let mut told = Vec::new();
            Lent::new(ours.clone(), number).open(&bell, is_look).unwrap().read_to_end(&mut told).unwrap();
            let [low, high, ..] = number.to_le_bytes();
            assert_eq!(told, [low, high, 0, 0, u8::from(is_look)]);
        }
        drop(ours);
        lender.join().unwrap();
    }

    #[test]
    fn a_lender_that_is_gone_or_gives_nothing_is_an_error() {
        let (ours, theirs) = pair();
        let bell = Bell::new().unwrap();
        send(&theirs, b".", SendFlags::empty()).unwrap();
        assert_eq!(Lent::new(ours.clone(), 0).open(&bell, false).unwrap_err().to_string(), "is closed");
        drop(theirs);
        assert!(Lent::new(ours, 0).open(&bell, false).is_err());
    }

    #[test]
    fn the_bell_ends_a_wait_for_the_lender() {
        let (ours, _theirs) = pair();
        let bell = Bell::new().unwrap();
        bell.ring();
        assert_eq!(Lent::new(ours, 0).open(&bell, false).unwrap_err().kind(), io::ErrorKind::Interrupted);
    }
}
