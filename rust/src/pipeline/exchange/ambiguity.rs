//! Features of a message that two readers could understand differently.

/// A feature of a message that two readers could frame differently. Request smuggling makes use of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ambiguity {
    /// Both `Transfer-Encoding` and `Content-Length` (RFC 9112 §6.1).
    LengthAndEncoding,
    /// Several values of `Content-Length`, or one that is not a number, does not fit into 64 bits, or has leading
    /// zeros.
    Length,
    /// Several `Transfer-Encoding` fields, one whose last coding is not chunked, or one in a message of HTTP/1.0.
    Encoding,
    /// A field continued on the next line (RFC 9112 §5.2).
    Fold,
    /// A line of the head that ends in LF without CR.
    BareLf,
    /// White space before the colon of a field that the parser reads (RFC 9112 §5.1), or a NUL in the head.
    Field,
    /// A chunk size that is not a number, or chunk data without its line end.
    Chunk,
    /// A status code below 100, such as one with fewer than three digits.
    Status,
}

impl Ambiguity {
    /// All of them, in the order of their declaration.
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

    /// The name in snapshots.
    pub fn name(self) -> &'static str {
        ["length_and_encoding", "length", "encoding", "fold", "bare_lf", "field", "chunk", "status"][self as usize]
    }
}
