//! Recognises the protocol of a connection by its first bytes, on any port. HTTP/1 has no such sure sign: `http1` has
//! to read the first line.

use crate::pipeline::exchange::Protocol;

/// Returns the protocol of a stream that starts with `bytes`, or `None` if they are not a sure sign of any.
pub fn sure_sign(bytes: &[u8]) -> Option<Protocol> {
    match bytes {
        // RFC 8446 §5.1: content type, version 3.x, a length of at most 2^14 + 2048.
        [0x14..=0x17, 0x03, 0x00..=0x04, length, ..] if *length <= 0x48 => Some(Protocol::Tls),
        _ if is_h2_preface(bytes) => Some(Protocol::Http2),
        // RFC 4253 §4.2.
        _ if bytes.starts_with(b"SSH-2.0-") || bytes.starts_with(b"SSH-1.") => Some(Protocol::Ssh),
        _ => None,
    }
}

/// RFC 9113 §3.4: the connection preface of an HTTP/2 client. Its first line looks like a request line of HTTP/1.
pub fn is_h2_preface(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PRI * HTTP/2.0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sure_signs_are_recognised_and_similar_bytes_are_not() {
        let table: [(&[u8], Option<Protocol>); 12] = [
            (b"\x16\x03\x01\x02\x00\x01", Some(Protocol::Tls)),
            (b"\x17\x03\x03\x00\x05hello", Some(Protocol::Tls)),
            (b"\x16\x03\x01\x48", Some(Protocol::Tls)),
            (b"\x16\x03\x01\x49", None),
            (b"\x16\x03\x05\x00", None),
            (b"\x16\x03\x01", None),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Some(Protocol::Http2)),
            (b"PRI * HTTP/1.1\r\n", None),
            (b"SSH-2.0-OpenSSH_9.2\r\n", Some(Protocol::Ssh)),
            (b"SSH-3.0", None),
            (b"GET / HTTP/1.1\r\n", None),
            (b"", None),
        ];
        for (bytes, want) in table {
            assert_eq!(sure_sign(bytes), want, "{}", bytes.escape_ascii());
        }
    }
}
