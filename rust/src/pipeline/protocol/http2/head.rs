//! The fields of a header block that are read: pseudo-header fields (RFC 9113 §8.3), and the few that name the host, the
//! content and the client.
//!
//! A field that the decoder cannot resolve is unknown, and never has the value of another one.

use std::ops::Range;

use smallvec::SmallVec;

use super::hpack::Field;
use crate::pipeline::exchange::{GrpcStatus, Method};
use crate::pipeline::protocol::content::Kind;

/// Limit on the bytes of a block that are kept while it is read. As the limit on a head of HTTP/1.
const MAX_KEPT: usize = 64 * 1024;
/// Bytes that are kept on the stack: more than nearly all blocks need.
const FEW: usize = 512;

/// A field that may be missing, or unknown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Part {
    #[default]
    Missing,
    Unknown,
    Known(Range<usize>),
}

/// What a block says.
#[derive(Debug, Default)]
pub struct Head {
    text: SmallVec<[u8; FEW]>,
    /// Lines of the fields that name the client or its program.
    lines: SmallVec<[u8; FEW]>,
    method: Option<Method>,
    has_method: bool,
    has_scheme: bool,
    authority: Part,
    host: Part,
    path: Part,
    /// Status code of a response; `None` if it is missing or unknown.
    pub status: Option<u16>,
    /// True for the extended CONNECT of WebSocket (RFC 8441).
    pub is_websocket: bool,
    /// True for any extended CONNECT.
    is_extended: bool,
    /// What the content is, if it is a stream that is read.
    pub kind: Option<Kind>,
    /// True if the content has a content coding, such as gzip.
    pub is_coded: bool,
    /// The status of a gRPC call.
    pub grpc_status: Option<GrpcStatus>,
    /// True if there is a field whose name is not known.
    pub has_unknown: bool,
}

/// What a field means to a head. The values of all other fields are not read.
#[derive(Clone, Copy)]
enum Meaning {
    Method,
    Scheme,
    Path,
    Authority,
    Status,
    Protocol,
    Host,
    ContentType,
    ContentCoding,
    GrpcStatus,
    /// The field is kept as a line.
    Line,
}

impl Meaning {
    #[inline]
    fn of(name: &[u8]) -> Option<Self> {
        Some(match name {
            b":method" => Self::Method,
            b":scheme" => Self::Scheme,
            b":path" => Self::Path,
            b":authority" => Self::Authority,
            b":status" => Self::Status,
            b":protocol" => Self::Protocol,
            b"host" => Self::Host,
            b"content-type" => Self::ContentType,
            b"content-encoding" => Self::ContentCoding,
            b"grpc-status" => Self::GrpcStatus,
            b"user-agent" | b"x-forwarded-for" | b"forwarded" | b"x-real-ip" => Self::Line,
            _ => return None,
        })
    }
}

impl Head {
    /// What is known of a block that was not seen.
    pub fn lost() -> Self {
        Self { has_unknown: true, ..Self::default() }
    }

    /// Returns whether the value of the field with this name is read.
    #[inline]
    pub fn reads(name: &[u8]) -> bool {
        Meaning::of(name).is_some()
    }

    /// Takes a field. The value may be missing if it is not one that the head [`Self::reads`].
    #[inline]
    pub fn take(&mut self, Field { name, value }: &Field<'_>) {
        let Some(name) = *name else {
            self.has_unknown = true;
            return;
        };
        let value = *value;
        let Some(meaning) = Meaning::of(name) else { return };
        match meaning {
            Meaning::Method => {
                self.has_method = true;
                self.method = self.method.or(value.map(Method::from_bytes));
            }
            Meaning::Scheme => self.has_scheme = true,
            Meaning::Path if self.path == Part::Missing => self.path = self.keep(value),
            Meaning::Authority if self.authority == Part::Missing => self.authority = self.keep(value),
            Meaning::Status => self.status = self.status.or(value.and_then(status)),
            Meaning::Protocol => {
                self.is_extended = true;
                self.is_websocket = value == Some(b"websocket");
            }
            Meaning::Host if self.host == Part::Missing => self.host = self.keep(value),
            Meaning::ContentType => self.kind = value.and_then(Kind::of),
            Meaning::ContentCoding => self.is_coded = value != Some(b"identity"),
            Meaning::GrpcStatus => self.grpc_status = value.and_then(GrpcStatus::from_bytes),
            Meaning::Line => self.line(name, value),
            // The first of several counts.
            Meaning::Path | Meaning::Authority | Meaning::Host => {}
        }
    }

    fn keep(&mut self, value: Option<&[u8]>) -> Part {
        let Some(value) = value.filter(|value| self.text.len() + value.len() <= MAX_KEPT) else {
            return Part::Unknown;
        };
        let start = self.text.len();
        self.text.extend_from_slice(value);
        Part::Known(start..self.text.len())
    }

    fn line(&mut self, name: &[u8], value: Option<&[u8]>) {
        let is_line = |value: &&[u8]| memchr::memchr2(b'\n', b'\r', value).is_none();
        let fits = |value: &&[u8]| self.lines.len() + name.len() + value.len() + 2 <= MAX_KEPT;
        let Some(value) = value.filter(is_line).filter(fits) else {
            self.has_unknown = true;
            return;
        };
        self.lines.extend_from_slice(name);
        self.lines.push(b':');
        self.lines.extend_from_slice(value);
        self.lines.push(b'\n');
    }

    /// True if the block is that of a request, rather than trailers.
    pub fn is_request(&self) -> bool {
        self.has_method || self.has_scheme || self.path != Part::Missing || self.authority != Part::Missing
    }

    /// True if the block is that of a request for sure: it has a method or a scheme, and the rest may be there. Of a
    /// connection that was joined midway, only GET and POST are known methods.
    pub fn is_whole_request(&self) -> bool {
        (self.has_method || self.has_scheme)
            && self.status.is_none()
            && (self.path != Part::Missing || self.is_connect() || self.has_unknown)
    }

    /// True if the content is that of a gRPC call.
    pub fn is_grpc(&self) -> bool {
        self.kind.is_some_and(Kind::is_grpc)
    }

    /// Request method; a method that is not known is none of the list.
    pub fn method(&self) -> Method {
        self.method.unwrap_or(Method::OTHER)
    }

    /// True for a request that opens a tunnel to an authority (RFC 9113 §8.5).
    fn is_connect(&self) -> bool {
        self.method == Some(Method::CONNECT) && !self.is_extended
    }

    /// Returns the request target, and whether it is not known.
    pub fn target(&self) -> (&[u8], bool) {
        let part = if self.is_connect() { &self.authority } else { &self.path };
        match part {
            Part::Known(range) => (&self.text[range.clone()], false),
            Part::Unknown | Part::Missing => (b"", true),
        }
    }

    /// Returns the host, `unknown` if it is not known, and `None` if the request has none. RFC 9113 §8.3.1: `host` tells
    /// it where `:authority` does not.
    pub fn host<'a>(&'a self, unknown: &'a [u8]) -> Option<&'a [u8]> {
        match (&self.authority, &self.host) {
            // An empty authority names nobody.
            (Part::Known(none), Part::Known(range)) if none.is_empty() => Some(&self.text[range.clone()]),
            (Part::Known(range), _) => (!self.is_connect()).then_some(&self.text[range.clone()]),
            (Part::Missing, Part::Known(range)) if !self.has_unknown => Some(&self.text[range.clone()]),
            (Part::Missing, Part::Missing) if !self.has_unknown => None,
            _ => Some(unknown),
        }
    }

    /// Lines of the fields that name the client or its program; empty if some may be missing.
    pub fn lines(&self) -> &[u8] {
        if self.has_unknown { b"" } else { &self.lines }
    }
}

/// RFC 9110 §15: a status code has three digits.
fn status(value: &[u8]) -> Option<u16> {
    match value {
        [a @ b'1'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9'] => {
            Some([a, b, c].iter().fold(0, |status, &&digit| status * 10 + u16::from(digit - b'0')))
        }
        _ => None,
    }
}
