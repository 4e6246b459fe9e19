//! Mailboxes in which workers and the watcher of a live capture send each other messages. Workers seldom send packets:
//! only those that the kernel gave to the wrong worker.

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::super::batch::Batch;
use super::super::lock::lock;
use crate::capture::Error;
use crate::capture::live::InterfaceHandle;
use crate::capture::wait::Bell;
use crate::pipeline::owners::{Answer, Machine};
use crate::pipeline::packet::{InterfaceId, Timestamp};
use crate::pipeline::snapshot::InterfaceState;

/// Batches of packets that may wait for a worker: as many bytes as the largest kernel buffer of an interface.
const MAX_WAITING: usize = 256;

/// A message to a worker or to the watcher.
pub enum Message {
    /// Packets of the worker's connections that another worker received.
    Packets(Batch),
    /// The worker's handle on an interface, the state of the interface, and since when it is watched if it came up
    /// after the start.
    Add(InterfaceHandle, InterfaceState, Option<Timestamp>),
    /// A new handle that replaces the handle of this opening, from this time of the steady clock on.
    Replace(u32, InterfaceHandle, i64),
    /// The interface of this number, opening and name is not captured from any more since this time of the steady
    /// clock. True if it was removed and nobody asked for it by name.
    Lose(InterfaceId, u32, String, i64, bool),
    /// The interface of this number and opening has another name now.
    Rename(InterfaceId, u32, String),
    /// Why nothing is captured from the interface of this number and name, or `None` if that is over.
    Problem(InterfaceId, String, Option<String>),
    /// The processes at the ends of connections of this worker.
    Owners(Vec<Answer>),
    /// What is known of this machine from now on.
    Machine(Arc<Machine>),
    /// To the watcher: a handle of this opening failed, for this reason.
    Failed(u32, String),
    /// To the watcher: a handle to be closed.
    Spent(InterfaceHandle),
}

struct Mailbox {
    messages: Mutex<Vec<Message>>,
    bell: Bell,
    /// The number of batches among the messages.
    waiting: AtomicUsize,
}

impl Mailbox {
    fn new() -> Result<Self, Error> {
        Ok(Self { messages: Mutex::default(), bell: Bell::new()?, waiting: AtomicUsize::new(0) })
    }

    fn put(&self, message: Message) {
        lock(&self.messages).push(message);
        self.bell.ring();
    }

    fn take(&self) -> Vec<Message> {
        self.bell.hush();
        std::mem::take(&mut *lock(&self.messages))
    }
}

/// The mailboxes of all workers, and of the watcher.
pub struct Mailboxes {
    boxes: Vec<Mailbox>,
    watcher: Mailbox,
    spare: Mutex<Vec<Batch>>,
    /// The number of workers that send no more packets.
    done: AtomicUsize,
}

impl Mailboxes {
    /// Makes mailboxes for `workers` workers and the watcher.
    pub fn new(workers: usize) -> Result<Self, Error> {
        let boxes = (0..workers).map(|_| Mailbox::new()).collect::<Result<_, Error>>()?;
        Ok(Self { boxes, watcher: Mailbox::new()?, spare: Mutex::default(), done: AtomicUsize::new(0) })
    }

    /// The number of workers.
    pub fn workers(&self) -> usize {
        self.boxes.len()
    }

    /// A descriptor that is readable when there are messages for the worker.
    pub fn news(&self, worker: usize) -> BorrowedFd<'_> {
        self.boxes[worker].bell.as_fd()
    }

    /// Sends a message to one worker.
    pub fn send(&self, to: usize, message: Message) {
        self.boxes[to].put(message);
    }

    /// Sends a message to every worker.
    pub fn send_all(&self, message: impl Fn() -> Message) {
        self.boxes.iter().for_each(|mailbox| mailbox.put(message()));
    }

    /// Sends a message to the watcher.
    pub fn send_watcher(&self, message: Message) {
        self.watcher.put(message);
    }

    /// A descriptor that is readable when there are messages for the watcher.
    pub fn news_of_watcher(&self) -> BorrowedFd<'_> {
        self.watcher.bell.as_fd()
    }

    /// Removes and returns the messages for the watcher.
    pub fn take_of_watcher(&self) -> Vec<Message> {
        self.watcher.take()
    }

    /// Sends the packets of `batch` and empties it. If too many batches wait already, the packets are dropped. Returns
    /// how many were.
    pub fn send_packets(&self, to: usize, batch: &mut Batch) -> u64 {
        if self.boxes[to].waiting.load(Ordering::Relaxed) >= MAX_WAITING {
            let dropped = batch.packets();
            *batch = Batch::default();
            return dropped;
        }
        self.boxes[to].waiting.fetch_add(1, Ordering::Relaxed);
        let next = lock(&self.spare).pop().unwrap_or_default();
        self.send(to, Message::Packets(std::mem::replace(batch, next)));
        0
    }

    /// Removes and returns the messages for a worker.
    pub fn take(&self, worker: usize) -> Vec<Message> {
        let mailbox = &self.boxes[worker];
        let messages = mailbox.take();
        let batches = messages.iter().filter(|message| matches!(message, Message::Packets(_))).count();
        mailbox.waiting.fetch_sub(batches, Ordering::Relaxed);
        messages
    }

    /// Gives back an empty batch, to be filled again.
    pub fn give_back(&self, batch: Batch) {
        lock(&self.spare).push(batch);
    }

    /// Takes note that this worker sends no more packets. Then waits until this holds for all workers, at most
    /// `patience`.
    pub fn wait_for_all(&self, patience: Duration) {
        const STEP: Duration = Duration::from_millis(1);
        let deadline = Instant::now() + patience;
        self.done.fetch_add(1, Ordering::AcqRel);
        while self.done.load(Ordering::Acquire) < self.workers() && Instant::now() < deadline {
            std::thread::sleep(STEP);
        }
    }
}
