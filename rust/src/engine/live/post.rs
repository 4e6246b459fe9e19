//! What the workers of a live capture tell each other. Seldom packets: only those the kernel gave to the wrong one.

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::super::batch::Batch;
use super::super::lock;
use crate::capture::Error;
use crate::capture::live::Interface;
use crate::capture::wait::Bell;
use crate::pipeline::packet::InterfaceId;

/// Batches of packets waiting for a worker: as many bytes as the kernel holds for it.
const MAX_WAITING: usize = 256;

/// A message to a worker.
pub enum Mail {
    /// Packets of its connections.
    Packets(Batch),
    /// Its handle on an interface.
    Add(Interface),
    /// The interface of this name is not captured from any more.
    Lose(InterfaceId, String),
    /// To the first worker: somebody's handle failed, for this reason.
    Failed(InterfaceId, u32, String),
}

struct Letterbox {
    mail: Mutex<Vec<Mail>>,
    bell: Bell,
    /// Batches in it.
    waiting: AtomicUsize,
}

/// The letter-boxes of all workers.
pub struct Post {
    boxes: Vec<Letterbox>,
    spare: Mutex<Vec<Batch>>,
    /// Workers that send no more packets.
    done: AtomicUsize,
}

impl Post {
    /// Letter-boxes for so many.
    pub fn new(workers: usize) -> Result<Self, Error> {
        let one = |_| Ok(Letterbox { mail: Mutex::default(), bell: Bell::new()?, waiting: AtomicUsize::new(0) });
        let boxes = (0..workers).map(one).collect::<Result<_, Error>>()?;
        Ok(Self { boxes, spare: Mutex::default(), done: AtomicUsize::new(0) })
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
        lock(&self.boxes[to].mail).push(mail);
        self.boxes[to].bell.ring();
    }

    /// Sends a message to everyone but the first.
    pub fn send_others(&self, mail: impl Fn() -> Mail) {
        (1..self.workers()).for_each(|to| self.send(to, mail()));
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
        letterbox.bell.hush();
        let mail = std::mem::take(&mut *lock(&letterbox.mail));
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
