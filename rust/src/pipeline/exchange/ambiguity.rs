//! What in a message two readers could understand differently.

/// Something in a message that two readers could frame differently: the raw material of request smuggling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ambiguity {
    /// Both `Transfer-Encoding` and `Content-Length` (RFC 9112 §6.1).
    LengthAndEncoding,
    /// Several `Content-Length`, or one that is no number, or one with leading zeros.
    Length,
    /// `Transfer-Encoding` whose last coding is not chunked, or in a message of HTTP/1.0.
    Encoding,
    /// A field continued on the next line (RFC 9112 §5.2).
    Fold,
    /// A line that ends in LF alone.
    BareLf,
    /// White space before the colon of a field that matters here (RFC 9112 §5.1), or a NUL.
    Field,
    /// A chunk size that is none, or chunk data without its line end.
    Chunk,
    /// A status that is not three digits.
    Status,
}

impl Ambiguity {
    /// All of them, as they are listed.
    pub const ALL: [Self; 8] = [
        Self::LengthAndEncoding,
        Self::Length,
        Self::Encoding,
        Self::Fold,
        Self::BareLf,
        Self::Field,
        Self::Chunk,
        Self::Status,
    ];

    /// As in a snapshot.
    pub fn name(self) -> &'static str {
        ["length_and_encoding", "length", "encoding", "fold", "bare_lf", "field", "chunk", "status"][self as usize]
    }
}
