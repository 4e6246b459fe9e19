//! The header of a frame (RFC 9113 §4.1), and what RFC 9113 §6 allows in it.

/// Length of the header of a frame.
pub const HEADER: usize = 9;

/// What a client sends first (RFC 9113 §3.4).
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Flag of DATA and HEADERS: nothing follows on the stream in this direction.
pub const END_STREAM: u8 = 0x1;
/// Flag of SETTINGS and PING: an acknowledgement.
pub const ACK: u8 = 0x1;
/// Flag of HEADERS, `PUSH_PROMISE` and CONTINUATION: the header block ends here.
pub const END_HEADERS: u8 = 0x4;
/// Flag of DATA, HEADERS and `PUSH_PROMISE`: the payload begins with the length of its padding.
pub const PADDED: u8 = 0x8;
/// Flag of HEADERS: a priority comes before the header block.
pub const PRIORITY: u8 = 0x20;

/// The length of a frame that every receiver accepts (RFC 9113 §4.2). Frames other than DATA are hardly ever longer.
const USUAL_MAX: u32 = 1 << 14;

/// No sender is known whose frames of DATA are longer, although `SETTINGS_MAX_FRAME_SIZE` may allow 2^24 - 1: gRPC sends
/// 128 KiB, and Go's client 512 KiB.
pub const LONGEST_DATA: u32 = 1 << 20;

/// The longest extension frame that counts as likely.
const LONGEST_EXTENSION: u32 = 1024;

/// The highest type that is read: `PRIORITY_UPDATE`.
pub const LAST_TYPE: u8 = 0x10;

/// The type of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Data,
    Headers,
    Priority,
    Reset,
    Settings,
    PushPromise,
    Ping,
    GoAway,
    WindowUpdate,
    Continuation,
    /// ALTSVC (RFC 7838), ORIGIN (RFC 8336) or `PRIORITY_UPDATE` (RFC 9218).
    Extension,
    /// RFC 9113 §5.5: receivers ignore types that they do not know.
    Unknown,
}

/// The types in the order of their numbers.
const KINDS: [Kind; 10] = [
    Kind::Data,
    Kind::Headers,
    Kind::Priority,
    Kind::Reset,
    Kind::Settings,
    Kind::PushPromise,
    Kind::Ping,
    Kind::GoAway,
    Kind::WindowUpdate,
    Kind::Continuation,
];

/// The header of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    pub kind: Kind,
    pub flags: u8,
    pub stream: u32,
    /// Length of the payload.
    pub length: u32,
    /// The bit that has no meaning.
    is_reserved: bool,
}

impl Frame {
    /// Reads a header.
    #[inline]
    pub fn read(header: &[u8; HEADER]) -> Self {
        let [high, middle, low, kind, flags, stream @ ..] = *header;
        let stream = u32::from_be_bytes(stream);
        Self {
            kind: match kind {
                0x0a | 0x0c | LAST_TYPE => Kind::Extension,
                _ => KINDS.get(usize::from(kind)).copied().unwrap_or(Kind::Unknown),
            },
            flags,
            stream: stream & (u32::MAX >> 1),
            length: u32::from_be_bytes([0, high, middle, low]),
            is_reserved: stream >> 31 != 0,
        }
    }

    pub fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// Length of the frame with its header.
    pub fn size(&self) -> u64 {
        HEADER as u64 + u64::from(self.length)
    }

    /// True if a receiver goes on after this header: the frame belongs to a stream or to the connection, as its type
    /// wants, and has a length that its type may have.
    #[inline]
    pub fn is_allowed(&self) -> bool {
        let of_stream = self.stream != 0;
        match self.kind {
            // RFC 9113 §6.3: a priority of another length than 5 is an error of the stream alone.
            Kind::Data | Kind::Headers | Kind::Continuation | Kind::Priority => of_stream,
            Kind::PushPromise => of_stream && self.length >= 4,
            Kind::Reset => of_stream && self.length == 4,
            Kind::Settings => !of_stream && self.length.is_multiple_of(6) && (self.length == 0 || !self.has(ACK)),
            Kind::Ping => !of_stream && self.length == 8,
            Kind::GoAway => !of_stream && self.length >= 8,
            Kind::WindowUpdate => self.length == 4,
            Kind::Extension | Kind::Unknown => true,
        }
    }

    /// True if a sender might well send this header. Of arbitrary bytes, one in millions is such a header.
    pub fn is_likely(&self) -> bool {
        let known_flags = match self.kind {
            Kind::Data => END_STREAM | PADDED,
            Kind::Headers => END_STREAM | END_HEADERS | PADDED | PRIORITY,
            Kind::PushPromise => END_HEADERS | PADDED,
            Kind::Continuation => END_HEADERS,
            Kind::Settings | Kind::Ping => ACK,
            Kind::Priority | Kind::Reset | Kind::GoAway | Kind::WindowUpdate | Kind::Extension => 0,
            Kind::Unknown => return false,
        };
        let is_empty = self.kind == Kind::Data && self.length == 0 && !self.has(END_STREAM)
            || self.kind == Kind::Headers && self.length == 0;
        let is_short = match self.kind {
            Kind::Settings => self.length <= 6 * 32,
            Kind::GoAway => self.length <= 1024,
            Kind::Data => self.length <= LONGEST_DATA,
            Kind::Priority => self.length == 5,
            Kind::Extension => self.stream == 0 && self.length <= LONGEST_EXTENSION,
            _ => self.length <= USUAL_MAX,
        };
        self.is_allowed() && self.flags & !known_flags == 0 && is_short && !is_empty && !self.is_reserved
    }
}

/// The payload of a frame without its padding and priority: the length of what is before, and of what is behind.
/// `None` if the padding is longer than the payload.
pub fn wrapping(frame: &Frame, payload: &[u8]) -> Option<(usize, usize)> {
    let (mut before, mut behind) = (0, 0);
    if frame.has(PADDED) {
        behind = usize::from(*payload.first()?);
        before = 1;
    }
    if frame.kind == Kind::Headers && frame.has(PRIORITY) {
        before += 5;
    }
    (before + behind <= payload.len()).then_some((before, behind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_allowed_where_its_type_may_stand() {
        let table: [(&str, [u8; HEADER], bool, bool); 20] = [
            ("SETTINGS", [0, 0, 18, 4, 0, 0, 0, 0, 0], true, true),
            ("SETTINGS of a stream", [0, 0, 18, 4, 0, 0, 0, 0, 1], false, false),
            ("SETTINGS of a wrong length", [0, 0, 17, 4, 0, 0, 0, 0, 0], false, false),
            ("an acknowledgement with settings", [0, 0, 6, 4, 1, 0, 0, 0, 0], false, false),
            ("HEADERS", [0, 0, 7, 1, 5, 0, 0, 0, 1], true, true),
            ("HEADERS of no stream", [0, 0, 7, 1, 5, 0, 0, 0, 0], false, false),
            ("HEADERS with unknown flags", [0, 0, 7, 1, 0x45, 0, 0, 0, 1], true, false),
            ("DATA of the greatest length", [255, 255, 255, 0, 0, 0, 0, 0, 1], true, false),
            ("DATA of a megabyte", [16, 0, 0, 0, 0, 0, 0, 0, 1], true, true),
            ("HEADERS of a megabyte", [16, 0, 0, 1, 5, 0, 0, 0, 1], true, false),
            ("PRIORITY", [0, 0, 5, 2, 0, 0, 0, 0, 3], true, true),
            ("PRIORITY of a wrong length", [0, 0, 4, 2, 0, 0, 0, 0, 3], true, false),
            ("PRIORITY_UPDATE", [0, 0, 7, 16, 0, 0, 0, 0, 0], true, true),
            ("ALTSVC with unknown flags", [0, 0, 7, 10, 1, 0, 0, 0, 0], true, false),
            ("zeros", [0; HEADER], false, false),
            ("PING", [0, 0, 8, 6, 1, 0, 0, 0, 0], true, true),
            ("WINDOW_UPDATE with the reserved bit", [0, 0, 4, 8, 0, 0x80, 0, 0, 1], true, false),
            ("RST_STREAM", [0, 0, 4, 3, 0, 0, 0, 0, 9], true, true),
            ("an unknown type", [0, 1, 4, 0x42, 0, 0, 0, 0, 9], true, false),
            ("text", *b"HTTP/1.1 ", true, false),
        ];
        for (name, header, is_allowed, is_likely) in table {
            let frame = Frame::read(&header);
            assert_eq!((frame.is_allowed(), frame.is_likely()), (is_allowed, is_likely), "{name}: {frame:?}");
        }
    }

    #[test]
    fn padding_and_priority_are_no_part_of_the_payload() {
        let frame = |flags| Frame::read(&[0, 0, 8, 1, flags, 0, 0, 0, 1]);
        assert_eq!(wrapping(&frame(0), b"12345678"), Some((0, 0)));
        assert_eq!(wrapping(&frame(PADDED), b"\x02234567."), Some((1, 2)));
        assert_eq!(wrapping(&frame(PADDED | PRIORITY), b"\x02pprio..."), Some((6, 2)));
        assert_eq!(wrapping(&frame(PADDED), b"\x082345678"), None);
        assert_eq!(wrapping(&frame(PRIORITY), b"prio"), None);
    }
}
