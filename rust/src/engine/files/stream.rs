//! One input: a file or a pipe whose packets are being read, and what is known of its interfaces.

use std::time::{Duration, Instant};

use super::filters::Sieve;
use super::points::{CapturePoint, Points};
use crate::capture::file::{FileInterface, InOrder, Missing, Problem, Reach};
use crate::pipeline::packet::{InterfaceId, LinkType, SECOND, Timestamp};

/// How long a pipe may take to complete a block, and packets are held back for what it says next. A writer that passes a file
/// on is quicker.
pub const PATIENCE: Duration = Duration::from_millis(250);

/// How much later than captured a live packet may come and still be in its interval: the patience above, and the way here.
pub const GRACE: i64 = SECOND / 2;

/// A pipe that begins like a capture and then says nothing for so long is taken for live.
const SILENCE: Duration = Duration::from_secs(1);

/// Packets are live when their time is as near to ours: a sender's clock that is an hour wrong is one of another zone.
const ABOUT_NOW: i64 = 90 * 60 * SECOND;

/// The time of both clocks.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// For measuring how long something takes.
    pub instant: Instant,
    /// For telling whether packets are of about now.
    pub wall: Timestamp,
}

impl Now {
    /// True if a packet of that time is live.
    pub fn is_near(self, ts: Timestamp) -> bool {
        self.wall.0.abs_diff(ts.0) < ABOUT_NOW as u64
    }
}

/// What is known of the writer of a pipe.
#[derive(Clone, Copy, Debug)]
pub struct Pipe {
    /// When it said something last, or was opened.
    heard: Instant,
    /// Its clock then, when its packets are live: from there on it goes as fast as ours.
    clock: Option<Timestamp>,
    /// Packets that it had said by then.
    packets: u64,
}

impl Pipe {
    /// One that was opened now.
    pub fn new(now: Instant) -> Self {
        Self { heard: now, clock: None, packets: 0 }
    }

    /// Its packets have come to this time.
    fn hear(&mut self, front: Option<Timestamp>, now: Now) {
        self.heard = now.instant;
        self.clock = front.filter(|&front| now.is_near(front));
    }

    /// The time of a live sender.
    pub fn time(&self, now: Instant) -> Option<Timestamp> {
        let since = now.saturating_duration_since(self.heard).as_nanos();
        self.clock.map(|clock| clock.plus(i64::try_from(since).unwrap_or(i64::MAX)))
    }
}

/// An interface of the file.
#[derive(Clone, Copy, Debug)]
pub struct KnownInterface {
    pub id: InterfaceId,
    pub link_type: Option<LinkType>,
    /// `LINKTYPE_` number.
    pub number: u32,
    pub sieve: Sieve,
}

/// What is known of an input.
#[derive(Clone, Copy, Debug, Default)]
pub struct InputStatus {
    /// When its next packet was captured, when that is at hand.
    pub head: Option<Timestamp>,
    /// No packet comes from before, where none is at hand.
    pub floor: Option<Timestamp>,
    /// Live packets from before have all come.
    pub settled: Option<Timestamp>,
}

/// One input.
pub struct PacketStream {
    pub path: String,
    pub packets: InOrder,
    /// The interfaces of its packets.
    pub known: Vec<KnownInterface>,
    /// Where they were captured.
    points: Vec<CapturePoint>,
    /// Set for what can be read once only.
    pub pipe: Option<Pipe>,
    /// Packets that could not be read.
    pub unread: u64,
}

impl PacketStream {
    pub fn new(path: String, packets: InOrder, pipe: Option<Pipe>) -> Self {
        Self { path, packets, known: Vec::new(), points: Vec::new(), pipe, unread: 0 }
    }

    /// Reads on when there is nothing to give. Who is in a hurry takes all that a pipe has said.
    pub fn refill(&mut self, now: Option<Now>, may_wait: bool, hurry: bool) -> Result<Reach, Problem> {
        let (Some(now), Some(pipe)) = (now, &mut self.pipe) else { return self.packets.refill(false, may_wait) };
        let has_waited_since = |since: Instant| now.instant.saturating_duration_since(since) >= PATIENCE;
        let hurry = hurry || self.packets.part_since().is_some_and(has_waited_since);
        let reach = self.packets.refill(hurry, true)?;
        if self.packets.seen() > pipe.packets {
            pipe.packets = self.packets.seen();
            pipe.hear(self.packets.front(), now);
        } else if pipe.clock.is_none()
            && self.packets.front().is_none()
            && !self.packets.interfaces().is_empty()
            && now.instant.saturating_duration_since(pipe.heard) >= SILENCE
        {
            pipe.hear(Some(now.wall), now);
        }
        let is_enough = self.packets.holds_back() && has_waited_since(pipe.heard);
        Ok(if reach == Reach::Pending && is_enough && self.packets.release() { Reach::Here } else { reach })
    }

    /// When there is something to look at again, though nothing may come.
    pub fn look_again(&self, now: Instant) -> Option<Instant> {
        let pipe = self.pipe?;
        let part = self.packets.part_since().map(|since| since + PATIENCE);
        let held = self.packets.holds_back().then(|| pipe.heard + PATIENCE);
        let silent = self.packets.front().is_none().then(|| pipe.heard + SILENCE);
        [part, held, silent].into_iter().flatten().filter(|&at| at > now).min()
    }

    /// Live packets captured until then have come.
    pub fn settled(&self, now: Option<Now>) -> Option<Timestamp> {
        self.pipe?.time(now?.instant).map(|time| time.plus(-GRACE))
    }

    /// What is known of its next packet.
    pub fn status(&self, now: Option<Now>) -> InputStatus {
        let settled = self.settled(now);
        let floor = self.pipe.and_then(|_| self.packets.front().max(settled));
        InputStatus { head: self.packets.head(), floor, settled }
    }

    /// The interfaces told of since the last call, with the point of each.
    pub fn learn(&mut self, points: &mut Points) -> Vec<(FileInterface, InterfaceId)> {
        let new = self.packets.interfaces().get(self.known.len()..).unwrap_or_default().to_vec();
        let mut learnt = Vec::with_capacity(new.len());
        for interface in new {
            let point = points.take(&interface, &self.path);
            learnt.push((interface, point.id));
            self.points.push(point);
        }
        learnt
    }

    /// Another file may continue from here.
    pub fn leave(&mut self, points: &mut Points) {
        self.points.drain(..).for_each(|point| points.give_back(point));
    }

    /// Takes what is missing since the last call.
    pub fn take_missing(&mut self) -> Missing {
        let missing = self.packets.take_missing();
        self.unread += missing.unread;
        missing
    }
}

#[cfg(test)]
mod tests {
    use std::io::{PipeWriter, Write, pipe};
    use std::os::fd::AsRawFd;
    use std::path::Path;

    use super::*;
    use crate::capture::file::{CaptureFile, Pace};
    use crate::capture::wait::{Bell, wait};

    const NOON: i64 = 1_795_348_800;

    /// A capture of one packet of four bytes, captured at this second.
    fn pcap(second: i64) -> Vec<u8> {
        let header = [0xa1b2_c3d4, 0x0004_0002, 0, 0, 65_535, 1];
        let packet = [second as u32, 0, 4, 4, 0];
        header.iter().chain(&packet).flat_map(|word: &u32| word.to_le_bytes()).collect()
    }

    /// A pipe that was opened at an instant and has said this.
    fn say(bytes: &[u8]) -> (PacketStream, PipeWriter, Instant) {
        let (end, mut writer) = pipe().unwrap();
        let news = Bell::new().unwrap();
        let file =
            CaptureFile::open(Path::new(&format!("/proc/self/fd/{}", end.as_raw_fd())), Pace::Eager, &news).unwrap();
        // The first bytes, which tell of packing, are passed on by themselves.
        for part in [&bytes[..4], &bytes[4..]] {
            writer.write_all(part).unwrap();
            assert!(wait(&[], &news, Duration::from_secs(60)).unwrap());
            news.hush();
        }
        let opened = Instant::now();
        (PacketStream::new("-".into(), InOrder::new(file), Some(Pipe::new(opened))), writer, opened)
    }

    /// Looks at it so many milliseconds later, when our clock says so.
    fn look(stream: &mut PacketStream, opened: Instant, millis: u64, second: i64) -> (Reach, Option<Now>) {
        let wall = Timestamp::new(second, millis as i64 * 1_000_000);
        let now = Some(Now { instant: opened + Duration::from_millis(millis), wall });
        (stream.refill(now, true, false).unwrap(), now)
    }

    fn seconds(ts: Option<Timestamp>) -> Option<i64> {
        ts.map(|ts| ts.plus(GRACE).0 / SECOND)
    }

    #[test]
    fn what_a_pipe_said_is_looked_at_after_some_patience_and_held_back_as_long() {
        let (mut stream, writer, opened) = say(&pcap(NOON));
        assert_eq!(look(&mut stream, opened, 0, NOON).0, Reach::Pending);
        assert!(stream.look_again(opened).is_some());
        assert_eq!(look(&mut stream, opened, 300, NOON).0, Reach::Pending);
        assert!(stream.packets.holds_back());
        assert_eq!(look(&mut stream, opened, 600, NOON).0, Reach::Here);
        drop(writer);
    }

    #[test]
    fn the_clock_of_a_live_sender_goes_on_and_that_of_an_old_file_stands_still() {
        // (seconds by which the sender's clock is behind ours, where it is two seconds later)
        for (behind, want) in [(0, Some(NOON + 2)), (3600, Some(NOON + 2)), (-3600, Some(NOON + 2)), (86_400, None)] {
            let (mut stream, writer, opened) = say(&pcap(NOON));
            look(&mut stream, opened, 300, NOON + behind);
            let (_, now) = look(&mut stream, opened, 2300, NOON + behind);
            assert_eq!(seconds(stream.settled(now)), want, "{behind}");
            drop(writer);
        }
    }

    #[test]
    fn a_pipe_that_begins_like_a_capture_and_is_silent_for_a_second_is_live() {
        for (bytes, want) in [(&pcap(NOON)[..24], Some(NOON + 5)), (&pcap(NOON)[..10], None)] {
            let (mut stream, writer, opened) = say(bytes);
            let (_, now) = look(&mut stream, opened, 900, NOON);
            assert_eq!(stream.settled(now), None);
            look(&mut stream, opened, 1000, NOON);
            let (_, now) = look(&mut stream, opened, 5000, NOON);
            assert_eq!(seconds(stream.settled(now)), want);
            drop(writer);
        }
    }
}
