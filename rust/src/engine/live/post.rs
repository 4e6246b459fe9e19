//! What the workers of a live capture tell each other. Seldom packets: only those the kernel gave to the wrong one.

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::super::batch::Batch;
use super::super::lock::lock;
use crate::capture::Error;
use crate::capture::live::Interface;
use crate::capture::wait::Bell;
use crate::pipeline::packet::{InterfaceId, Timestamp};
use crate::pipeline::snapshot::InterfaceState;

/// Batches of packets waiting for a worker: as many bytes as the kernel holds for it.
const MAX_WAITING: usize = 256;

/// A message to a worker.
pub enum Mail {
    /// Packets of its connections.
    Packets(Batch),
    /// Its handle on an interface, what that is, and since when it is watched, if not from the start.
    Add(Interface, InterfaceState, Option<Timestamp>),
    /// Another handle in place of that of this opening, from this time of the steady clock on.
    Replace(u32, Interface, i64),
    /// The interface of this name is not captured from any more since this time of the steady clock.
    Lose(InterfaceId, u32, String, i64),
    /// An interface is still down.
    Down(InterfaceId, String),
    /// To the scout: a handle of this opening failed, for this reason.
    Failed(u32, String),
    /// To the scout: a handle to be closed.
    Spent(Interface),
}

struct Letterbox {
    mail: Mutex<Vec<Mail>>,
    bell: Bell,
    /// Batches in it.
    waiting: AtomicUsize,
}

impl Letterbox {
    fn new() -> Result<Self, Error> {
        Ok(Self { mail: Mutex::default(), bell: Bell::new()?, waiting: AtomicUsize::new(0) })
    }

    fn put(&self, mail: Mail) {
        lock(&self.mail).push(mail);
        self.bell.ring();
    }

    fn take(&self) -> Vec<Mail> {
        self.bell.hush();
        std::mem::take(&mut *lock(&self.mail))
    }
}

/// The letter-boxes of all workers, and of the scout.
pub struct Post {
    boxes: Vec<Letterbox>,
    scout: Letterbox,
    spare: Mutex<Vec<Batch>>,
    /// Workers that send no more packets.
    done: AtomicUsize,
}

impl Post {
    /// Letter-boxes for so many.
    pub fn new(workers: usize) -> Result<Self, Error> {
        let boxes = (0..workers).map(|_| Letterbox::new()).collect::<Result<_, Error>>()?;
        Ok(Self { boxes, scout: Letterbox::new()?, spare: Mutex::default(), done: AtomicUsize::new(0) })
    }

    /// How many workers there are.
    pub fn workers(&self) -> usize {
        self.boxes.len()
    }

    /// Readable when there is mail for a worker.
    pub fn news(&self, worker: usize) -> BorrowedFd<'_> {
        self.boxes[worker].bell.as_fd()
    }

    /// Sends a message.
    pub fn send(&self, to: usize, mail: Mail) {
        self.boxes[to].put(mail);
    }

    /// Sends a message to every worker.
    pub fn send_all(&self, mail: impl Fn() -> Mail) {
        self.boxes.iter().for_each(|letterbox| letterbox.put(mail()));
    }

    /// Sends a message to the scout.
    pub fn send_scout(&self, mail: Mail) {
        self.scout.put(mail);
    }

    /// Readable when there is mail for the scout.
    pub fn news_of_scout(&self) -> BorrowedFd<'_> {
        self.scout.bell.as_fd()
    }

    /// Takes the mail of the scout.
    pub fn take_of_scout(&self) -> Vec<Mail> {
        self.scout.take()
    }

    /// Sends packets. Returns how many were dropped because too many wait.
    pub fn send_packets(&self, to: usize, batch: &mut Batch) -> u64 {
        if self.boxes[to].waiting.load(Ordering::Relaxed) >= MAX_WAITING {
            let dropped = batch.packets();
            *batch = Batch::default();
            return dropped;
        }
        self.boxes[to].waiting.fetch_add(1, Ordering::Relaxed);
        let next = lock(&self.spare).pop().unwrap_or_default();
        self.send(to, Mail::Packets(std::mem::replace(batch, next)));
        0
    }

    /// Takes the mail of a worker.
    pub fn take(&self, worker: usize) -> Vec<Mail> {
        let letterbox = &self.boxes[worker];
        let mail = letterbox.take();
        let batches = mail.iter().filter(|mail| matches!(mail, Mail::Packets(_))).count();
        letterbox.waiting.fetch_sub(batches, Ordering::Relaxed);
        mail
    }

    /// Gives an empty batch back.
    pub fn give_back(&self, batch: Batch) {
        lock(&self.spare).push(batch);
    }

    /// Tells that this worker sends no more packets, and waits for the others to say the same, so long at most.
    pub fn wait_for_all(&self, patience: Duration) {
        const STEP: Duration = Duration::from_millis(1);
        let deadline = Instant::now() + patience;
        self.done.fetch_add(1, Ordering::AcqRel);
        while self.done.load(Ordering::Acquire) < self.workers() && Instant::now() < deadline {
            std::thread::sleep(STEP);
        }
    }
}
