//! Which contents are streams whose messages are counted, and the reader of each.

use super::events::Events;
use super::grpc::Messages;
use super::grpc_web::{GrpcWeb, GrpcWebText};
use super::watch::{Seen, Watch};
use super::websocket::frames::Frames;

/// A content that is a stream, as its type tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Messages of gRPC.
    Grpc,
    /// Messages of gRPC-Web, and trailers.
    GrpcWeb,
    /// The same in base64.
    GrpcWebText,
    /// Server-sent events.
    Events,
}

/// The types, the longest name first where one begins like another. RFC 9110 §8.3.1: they are case-insensitive.
const TYPES: [(&[u8], Kind); 4] = [
    (b"application/grpc-web-text", Kind::GrpcWebText),
    (b"application/grpc-web", Kind::GrpcWeb),
    (b"application/grpc", Kind::Grpc),
    (b"text/event-stream", Kind::Events),
];

impl Kind {
    /// The kind of a content with this `content-type`, if it is one of those that are read.
    pub fn of(content_type: &[u8]) -> Option<Self> {
        let is = |name: &[u8]| {
            content_type.split_at_checked(name.len()).is_some_and(|(start, rest)| {
                start.eq_ignore_ascii_case(name) && matches!(rest.first(), None | Some(b'+' | b';' | b' ' | b'\t'))
            })
        };
        TYPES.iter().find(|(name, _)| is(name)).map(|&(_, kind)| kind)
    }

    /// True if it is the content of a gRPC call.
    pub fn is_grpc(self) -> bool {
        self != Self::Events
    }
}

/// The content of a stream in one direction.
#[derive(Debug, Default)]
pub enum Content {
    /// Only the length counts.
    #[default]
    Opaque,
    /// Messages of gRPC.
    Grpc(Messages),
    /// Anything else that is read.
    Watched(Box<dyn Watch>),
}

impl Content {
    /// Content of this kind, from its first byte on.
    pub fn of(kind: Kind) -> Self {
        match kind {
            Kind::Grpc => Self::Grpc(Messages::default()),
            Kind::GrpcWeb => Self::Watched(Box::new(GrpcWeb::default())),
            Kind::GrpcWebText => Self::Watched(Box::new(GrpcWebText::default())),
            Kind::Events => Self::Watched(Box::new(Events::default())),
        }
    }

    /// What one side of a WebSocket sends.
    pub fn of_websocket(is_client: bool) -> Self {
        Self::Watched(Box::new(Frames::new(is_client)))
    }

    /// True if only the length counts.
    #[inline]
    pub fn is_opaque(&self) -> bool {
        matches!(self, Self::Opaque)
    }

    /// Takes the next bytes.
    #[inline]
    pub fn take(&mut self, bytes: &[u8]) -> Seen {
        match self {
            Self::Opaque => Seen::default(),
            Self::Grpc(messages) => messages.take(bytes),
            Self::Watched(watch) => watch.take(bytes),
        }
    }

    /// The next `count` bytes cannot be seen; `None` if their number is not known.
    pub fn skip(&mut self, count: Option<u64>) {
        match self {
            Self::Opaque => {}
            Self::Grpc(messages) => messages.skip(count),
            Self::Watched(watch) => watch.skip(count),
        }
    }

    /// Returns how many of the following bytes need not be seen.
    #[inline]
    pub fn unwanted(&self) -> u64 {
        match self {
            Self::Opaque => u64::MAX,
            Self::Grpc(messages) => messages.unwanted(),
            Self::Watched(watch) => watch.unwanted(),
        }
    }

    /// True if the rest was given up, see [`Watch::is_lost`]; of messages of gRPC this is not told.
    pub fn is_lost(&self) -> bool {
        matches!(self, Self::Watched(watch) if watch.is_lost())
    }
}

/// Bytes of memory that the reader of a content may have beside it.
pub const READER: usize = size_of::<GrpcWebText>();

const _: () = assert!(size_of::<Frames>() <= READER && size_of::<GrpcWeb>() <= READER && READER <= 64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_type_tells_the_kind_of_a_content() {
        let table: [(&[u8], Option<Kind>); 12] = [
            (b"application/grpc", Some(Kind::Grpc)),
            (b"application/grpc+proto", Some(Kind::Grpc)),
            (b"application/grpc; charset=utf-8", Some(Kind::Grpc)),
            (b"application/grpc-web+proto", Some(Kind::GrpcWeb)),
            (b"Application/gRPC-Web", Some(Kind::GrpcWeb)),
            (b"application/grpc-web-text", Some(Kind::GrpcWebText)),
            (b"application/grpc-web-text+proto", Some(Kind::GrpcWebText)),
            (b"application/grpcx", None),
            (b"application/grpc-webs", None),
            (b"application/json", None),
            (b"text/event-stream;charset=utf-8", Some(Kind::Events)),
            (b"text/event-streams", None),
        ];
        for (value, want) in table {
            assert_eq!(Kind::of(value), want, "{}", value.escape_ascii());
        }
    }
}
