//! Looks for the processes at the ends of connections, in a thread of its own. Workers send questions, and get answers
//! and news of this machine in their mailboxes. Nobody waits for anybody.
//!
//! The thread rests after each look, in proportion to what the look took, so that it uses a bounded share of a core
//! however many connections begin.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant};

use super::super::job::{Job, Level};
use super::mailboxes::{Mailboxes, Message};
use crate::capture::wait::wait;
use crate::pipeline::owners::{Ask, Machine};
use crate::processes::Lookup;

/// How often the listening sockets of this machine are looked at.
const REFRESH: Duration = Duration::from_millis(500);
/// How long questions are collected, at least. They are answered together.
const LEAST_REST: Duration = Duration::from_millis(10);
/// The thread rests this many times as long as a look took. So it uses a tenth of a core at most.
const REST: u32 = 9;
/// Batches of questions that may wait. Further ones are dropped.
const MAX_WAITING: usize = 64;
/// Questions that are answered together, at most.
const MAX_TOGETHER: usize = 16_384;

/// Questions of a worker, with its number.
type Questions = (usize, Vec<Ask>);

/// Where a worker asks.
#[derive(Clone, Debug)]
pub struct Asker {
    sender: SyncSender<Questions>,
    worker: usize,
}

impl Asker {
    /// Asks. False if too many questions wait already; the processes then stay unknown.
    pub fn ask(&self, asks: Vec<Ask>) -> bool {
        asks.is_empty() || !matches!(self.sender.try_send((self.worker, asks)), Err(TrySendError::Full(_)))
    }

    /// The same for another worker.
    #[must_use]
    pub fn of(&self, worker: usize) -> Self {
        Self { sender: self.sender.clone(), worker }
    }
}

/// The thread that looks for processes.
pub struct Finding {
    lookup: Lookup,
    questions: Receiver<Questions>,
    machine: Arc<Machine>,
    refreshed: Instant,
}

impl Finding {
    /// Looks at this machine for the first time. `None` if the settings do not ask for processes, or if the kernel does
    /// not tell of sockets; then a message says so.
    pub fn begin(job: &Job) -> Option<(Self, Asker)> {
        if !job.pipeline.aggregate.processes {
            return None;
        }
        let refreshed = Instant::now();
        let begun = Lookup::new(job.pipeline.aggregate.connections).and_then(|mut lookup| {
            let machine = lookup.machine(refreshed, &|| job.shared.bell.is_rung())?;
            Ok((lookup, Arc::new(machine)))
        });
        match begun {
            Ok((lookup, machine)) => {
                let (sender, questions) = sync_channel(MAX_WAITING);
                Some((Self { lookup, questions, machine, refreshed }, Asker { sender, worker: 0 }))
            }
            Err(error) => {
                job.shared.log(Level::Info, format!("processes are not shown: {error}"));
                None
            }
        }
    }

    /// What is known of this machine.
    pub fn machine(&self) -> Arc<Machine> {
        self.machine.clone()
    }

    /// Answers until the capture ends.
    pub fn run(mut self, job: &Job, mailboxes: &Mailboxes) {
        let mut rest = LEAST_REST;
        // A bell that cannot be waited for is as good as rung.
        while !wait(&[], &job.shared.bell, rest).unwrap_or(true)
            && let Some(asked) = self.collect()
        {
            let began = Instant::now();
            if !asked.is_empty() {
                self.answer(&asked, job, mailboxes);
            }
            if began.saturating_duration_since(self.refreshed) >= REFRESH {
                self.refresh(began, job, mailboxes);
            }
            if let Some(trouble) = self.lookup.take_trouble() {
                job.shared.log(Level::Warning, trouble);
            }
            rest = LEAST_REST.max(began.elapsed() * REST);
        }
    }

    /// Returns what is asked. If nothing is, waits until something is, or until it is time to look at the machine. `None`
    /// once no worker is left.
    fn collect(&self) -> Option<Vec<Questions>> {
        let mut asked: Vec<Questions> = Vec::new();
        let mut count = 0;
        let mut next = match self.questions.recv_timeout(REFRESH.saturating_sub(self.refreshed.elapsed())) {
            Ok(questions) => Some(questions),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => return None,
        };
        while let Some(questions) = next {
            count += questions.1.len();
            asked.push(questions);
            next = if count < MAX_TOGETHER { self.questions.try_recv().ok() } else { None };
        }
        Some(asked)
    }

    fn answer(&mut self, asked: &[Questions], job: &Job, mailboxes: &Mailboxes) {
        let all: Vec<Ask> = asked.iter().flat_map(|(_, asks)| asks).copied().collect();
        let mut answers = self.lookup.answer(&all, &|| job.shared.bell.is_rung()).into_iter();
        for (worker, asks) in asked {
            mailboxes.send(*worker, Message::Owners(answers.by_ref().take(asks.len()).collect()));
        }
    }

    /// Looks at this machine again, and tells the workers if something has changed. What cannot be looked at stays.
    fn refresh(&mut self, now: Instant, job: &Job, mailboxes: &Mailboxes) {
        self.refreshed = now;
        if let Ok(machine) = self.lookup.machine(now, &|| job.shared.bell.is_rung())
            && machine != *self.machine
        {
            self.machine = Arc::new(machine);
            mailboxes.send_all(|| Message::Machine(self.machine.clone()));
        }
    }
}
