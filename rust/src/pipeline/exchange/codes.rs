//! Codes with which streams end: statuses of gRPC, error codes of HTTP/2, codes of WebSocket.

use std::borrow::Cow;

/// A code with which one side has ended a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// The stream was reset (RFC 9113 §6.4).
    Reset(ErrorCode),
    /// The WebSocket was closed (RFC 6455 §7.4); 1005 if the close frame has no code.
    Close(u16),
}

/// The code of the server and that of the client, if they gave one.
pub type Codes = [Option<Code>; 2];

/// The status of a gRPC call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GrpcStatus(u8);

/// The names of the statuses, by number.
const STATUSES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

impl GrpcStatus {
    /// The call succeeded.
    pub const OK: Self = Self(0);
    /// The status that clients assume for a number that has no name.
    pub const UNKNOWN: Self = Self(2);
    /// Number of statuses.
    pub const COUNT: usize = STATUSES.len();

    /// Reads the value of `grpc-status`: a decimal number. Numbers without a name mean [`Self::UNKNOWN`], as for clients
    /// of gRPC. `None` if the value is no number.
    pub fn from_bytes(value: &[u8]) -> Option<Self> {
        let number: u32 = str::from_utf8(value.trim_ascii()).ok()?.parse().ok()?;
        Some(u8::try_from(number).ok().and_then(Self::from_number).unwrap_or(Self::UNKNOWN))
    }

    /// The status that clients of gRPC take for a call that has none, by the status of its HTTP response.
    /// <https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md>
    pub fn of_http(status: u16) -> Self {
        Self(match status {
            400 => 13,
            401 => 16,
            403 => 7,
            404 => 12,
            429 | 502..=504 => 14,
            _ => 2,
        })
    }

    /// Returns the status with this number, `None` if there is none.
    pub fn from_number(number: u8) -> Option<Self> {
        (usize::from(number) < STATUSES.len()).then_some(Self(number))
    }

    /// The names of all of them, by number.
    pub fn names() -> [&'static str; Self::COUNT] {
        STATUSES
    }

    /// Returns the status with this name, `None` if there is none.
    pub fn from_name(name: &str) -> Option<Self> {
        STATUSES.iter().position(|known| *known == name).map(|at| Self(at as u8))
    }

    /// The name in snapshots.
    pub fn name(self) -> &'static str {
        STATUSES[usize::from(self.0)]
    }

    /// The number on the wire.
    pub fn number(self) -> u8 {
        self.0
    }
}

/// An error code of HTTP/2 (RFC 9113 §7). Codes without a name are one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ErrorCode(u8);

/// The names of the codes, by number; the last stands for all numbers beyond.
const CODES: [&str; 15] = [
    "NO_ERROR",
    "PROTOCOL_ERROR",
    "INTERNAL_ERROR",
    "FLOW_CONTROL_ERROR",
    "SETTINGS_TIMEOUT",
    "STREAM_CLOSED",
    "FRAME_SIZE_ERROR",
    "REFUSED_STREAM",
    "CANCEL",
    "COMPRESSION_ERROR",
    "CONNECT_ERROR",
    "ENHANCE_YOUR_CALM",
    "INADEQUATE_SECURITY",
    "HTTP_1_1_REQUIRED",
    "OTHER",
];

impl ErrorCode {
    /// The code of a graceful end.
    pub const NO_ERROR: Self = Self(0);

    /// Returns the code that a frame holds.
    pub fn from_number(number: u32) -> Self {
        Self(number.min(CODES.len() as u32 - 1) as u8)
    }

    /// Returns the code with this name, `None` if there is none.
    pub fn from_name(name: &str) -> Option<Self> {
        CODES.iter().position(|known| *known == name).map(|at| Self(at as u8))
    }

    /// The name in snapshots.
    pub fn name(self) -> Cow<'static, str> {
        CODES[usize::from(self.0)].into()
    }
}

/// Why a connection that speaks TLS or QUIC was not decrypted, although its records were seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Closed {
    /// No key log had the secrets of the connection, or of one direction of it, when its records were given up.
    NoKey,
    /// The secrets are there, but more had waited for them than may.
    LateKey,
    /// The beginning of the connection was not seen.
    JoinedMidway,
    /// The cipher suite, or the version of the protocol, is not known.
    UnknownSuite,
    /// A hole in the stream was too large to find the next record behind it.
    Lost,
    /// Records do not fit the secrets, or are not what RFC 8446 or RFC 5246 allow.
    Damaged,
}

impl Closed {
    /// All of them, in the order of their declaration.
    pub const ALL: [Self; 6] =
        [Self::NoKey, Self::LateKey, Self::JoinedMidway, Self::UnknownSuite, Self::Lost, Self::Damaged];

    /// The name in snapshots.
    pub fn name(self) -> &'static str {
        ["no_key", "late_key", "joined_midway", "unknown_cipher_suite", "lost", "damaged"][self as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_read_as_clients_of_grpc_read_them() {
        let table: [(&[u8], Option<&str>); 7] = [
            (b"0", Some("OK")),
            (b" 14 ", Some("UNAVAILABLE")),
            (b"16", Some("UNAUTHENTICATED")),
            (b"17", Some("UNKNOWN")),
            (b"4294967295", Some("UNKNOWN")),
            (b"-1", None),
            (b"", None),
        ];
        for (value, want) in table {
            assert_eq!(GrpcStatus::from_bytes(value).map(GrpcStatus::name), want, "{}", value.escape_ascii());
        }
    }

    #[test]
    fn codes_without_a_name_are_one() {
        let names = [0, 8, 13, 14, u32::MAX].map(|number| ErrorCode::from_number(number).name());
        assert_eq!(names, ["NO_ERROR", "CANCEL", "HTTP_1_1_REQUIRED", "OTHER", "OTHER"]);
        assert_eq!(ErrorCode::from_name("CANCEL"), Some(ErrorCode::from_number(8)));
        assert_eq!(GrpcStatus::from_name("ABORTED").map(GrpcStatus::number), Some(10));
    }
}
