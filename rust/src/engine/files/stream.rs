//! One input: a file or a pipe whose packets are being read, and what is known of its interfaces.

use std::time::{Duration, Instant};

use super::filters::Sieve;
use super::points::{CapturePoint, Points};
use crate::capture::file::{FileInterface, InOrder, Missing, Problem, Reach};
use crate::pipeline::packet::{InterfaceId, LinkType, SECOND, Timestamp};

/// How long a pipe may take to fill a block before a part of it is read, and how long packets are held back for the
/// next block. A writer that passes on a file fills a block sooner.
pub const PATIENCE: Duration = Duration::from_millis(250);

/// How long after its capture a live packet may arrive and still count in its interval: [`PATIENCE`] and the way
/// through the pipe.
pub const GRACE: i64 = SECOND / 2;

/// A pipe that describes an interface and then sends no packet for this long counts as live.
const SILENCE: Duration = Duration::from_secs(1);

/// Packets are live if their time is this near to our wall clock. The clock of a sender may be an hour off, because of
/// its time zone.
const ABOUT_NOW: i64 = 90 * 60 * SECOND;

/// One reading of both clocks.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// The steady clock, for measuring how long something takes.
    pub instant: Instant,
    /// The wall clock, for telling whether packets are live.
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
    /// When packets last came from the pipe, or when it was opened.
    heard: Instant,
    /// The writer's clock at `heard`, if its packets are live. From then on it is taken to run as fast as ours.
    clock: Option<Timestamp>,
    /// The number of packets that had come by then.
    packets: u64,
}

impl Pipe {
    /// A pipe that was opened at `now`.
    pub fn new(now: Instant) -> Self {
        Self { heard: now, clock: None, packets: 0 }
    }

    /// Takes note that packets have come, the latest captured at `front`.
    fn hear(&mut self, front: Option<Timestamp>, now: Now) {
        self.heard = now.instant;
        self.clock = front.filter(|&front| now.is_near(front));
    }

    /// The time by the writer's clock; `None` if its packets are not live.
    pub fn time(&self, now: Instant) -> Option<Timestamp> {
        let since = now.saturating_duration_since(self.heard).as_nanos();
        self.clock.map(|clock| clock.plus(i64::try_from(since).unwrap_or(i64::MAX)))
    }
}

/// An interface that the input has described, and how its packets are treated.
#[derive(Clone, Copy, Debug)]
pub struct KnownInterface {
    pub id: InterfaceId,
    pub link_type: Option<LinkType>,
    /// `LINKTYPE_` number.
    pub number: u32,
    pub sieve: Sieve,
}

/// What the merge needs to know of an input.
#[derive(Clone, Copy, Debug, Default)]
pub struct InputStatus {
    /// The time of its next packet, if one is at hand.
    pub head: Option<Timestamp>,
    /// If no packet is at hand, the next one is expected to be no earlier than this.
    pub floor: Option<Timestamp>,
    /// For a live pipe: all its packets from before this time have come.
    pub settled: Option<Timestamp>,
}

/// One input.
pub struct PacketStream {
    pub path: String,
    pub packets: InOrder,
    /// Its interfaces, in the order in which it describes them.
    pub known: Vec<KnownInterface>,
    /// The capture point of each interface.
    points: Vec<CapturePoint>,
    /// Set if the input is a pipe.
    pub pipe: Option<Pipe>,
    /// Packets that could not be read.
    pub unread: u64,
}

impl PacketStream {
    pub fn new(path: String, packets: InOrder, pipe: Option<Pipe>) -> Self {
        Self { path, packets, known: Vec::new(), points: Vec::new(), pipe, unread: 0 }
    }

    /// Reads on if no packet is at hand. With `hurry`, everything that a pipe has sent is taken, even less than a
    /// block.
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

    /// The next instant at which the pipe must be looked at again even if no bytes come.
    pub fn look_again(&self, now: Instant) -> Option<Instant> {
        let pipe = self.pipe?;
        let part = self.packets.part_since().map(|since| since + PATIENCE);
        let held = self.packets.holds_back().then(|| pipe.heard + PATIENCE);
        let silent = self.packets.front().is_none().then(|| pipe.heard + SILENCE);
        [part, held, silent].into_iter().flatten().filter(|&at| at > now).min()
    }

    /// Returns the time before which all packets of a live pipe have come.
    pub fn settled(&self, now: Option<Now>) -> Option<Timestamp> {
        self.pipe?.time(now?.instant).map(|time| time.plus(-GRACE))
    }

    /// Returns what is known of its next packet.
    pub fn status(&self, now: Option<Now>) -> InputStatus {
        let settled = self.settled(now);
        let floor = self.pipe.and_then(|_| self.packets.front().max(settled));
        InputStatus { head: self.packets.head(), floor, settled }
    }

    /// Returns the interfaces that were described since the last call, each with the number of its capture point.
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

    /// Frees the capture points, so that another file can take them over.
    pub fn leave(&mut self, points: &mut Points) {
        self.points.drain(..).for_each(|point| points.give_back(point));
    }

    /// Returns the packets lost since the last call.
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
    use crate::capture::keylog::LineSink;
    use crate::capture::wait::{Bell, wait};

    const NOON: i64 = 1_795_348_800;

    /// A capture of one packet of four bytes, captured at this second.
    fn pcap(second: i64) -> Vec<u8> {
        let header = [0xa1b2_c3d4, 0x0004_0002, 0, 0, 65_535, 1];
        let packet = [second as u32, 0, 4, 4, 0];
        header.iter().chain(&packet).flat_map(|word: &u32| word.to_le_bytes()).collect()
    }

    /// Opens a pipe into which `bytes` were written. Returns the instant of opening too.
    fn say(bytes: &[u8]) -> (PacketStream, PipeWriter, Instant) {
        let (end, mut writer) = pipe().unwrap();
        let news = Bell::new().unwrap();
        let file = CaptureFile::open(
            Path::new(&format!("/proc/self/fd/{}", end.as_raw_fd())),
            Pace::Eager,
            &news,
            &LineSink::new(|_| {}),
        )
        .unwrap();
        // The reader passes on the first bytes by themselves, since they tell how the file is compressed.
        for part in [&bytes[..4], &bytes[4..]] {
            writer.write_all(part).unwrap();
            assert!(wait(&[], &news, Duration::from_secs(60)).unwrap());
            news.hush();
        }
        let opened = Instant::now();
        (PacketStream::new("-".into(), InOrder::new(file), Some(Pipe::new(opened))), writer, opened)
    }

    /// Refills the stream `millis` after it was opened, with the wall clock at `second` plus `millis`.
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
        // (seconds by which the sender's clock is behind ours; what the sender's clock shows two seconds later)
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
