//! Folds what strangers choose into labels of which there are few: methods and status codes.

/// The methods of OpenTelemetry's conventions: those of RFC 9110, PATCH and QUERY.
const METHODS: [&str; 10] = ["GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "CONNECT", "TRACE", "QUERY"];

/// The label of any other method, as OpenTelemetry writes it.
pub const OTHER_METHOD: &str = "_OTHER";

/// Status codes with a label of their own: those that are registered, and those that well-known servers invented.
#[rustfmt::skip]
const STATUSES: [u16; 92] = [
    100, 101, 102, 103, 104,
    200, 201, 202, 203, 204, 205, 206, 207, 208, 226,
    300, 301, 302, 303, 304, 305, 307, 308,
    400, 401, 402, 403, 404, 405, 406, 407, 408, 409, 410, 411, 412, 413, 414, 415, 416, 417, 418, 419, 420,
    421, 422, 423, 424, 425, 426, 428, 429, 430, 431, 440, 444, 449, 451, 460, 463, 464, 494, 495, 496, 497, 498, 499,
    500, 501, 502, 503, 504, 505, 506, 507, 508, 509, 510, 511,
    520, 521, 522, 523, 524, 525, 526, 527, 529, 530, 561, 598, 599,
];

/// The label of a method; an empty one for none.
pub fn method(name: &str) -> &'static str {
    let known = METHODS.into_iter().find(|known| *known == name);
    known.unwrap_or(if name.is_empty() { "" } else { OTHER_METHOD })
}

/// The status code as which a status counts.
///
/// A code that is not known counts as the x00 of its class, as RFC 9110 §15 says clients are to treat it, and one from
/// 600 on as a server error. What is below 100 is no status, and counts as 0.
pub fn status(code: u16) -> u16 {
    match code {
        0..100 => 0,
        600.. => 500,
        _ if STATUSES.binary_search(&code).is_ok() => code,
        _ => code / 100 * 100,
    }
}

/// The text of a status code; empty for 0.
pub fn status_text(code: u16) -> String {
    if code == 0 { String::new() } else { code.to_string() }
}

/// What OpenTelemetry calls the error of a response: its status code if that is a server error, else nothing.
pub fn error_type(code: u16) -> String {
    if code >= 500 { code.to_string() } else { String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_and_statuses_fold_into_few_labels() {
        assert_eq!(["GET", "PURGE", "get", ""].map(method), ["GET", OTHER_METHOD, OTHER_METHOD, ""]);
        let table =
            [(200, 200), (299, 200), (477, 400), (499, 499), (599, 599), (600, 500), (u16::MAX, 500), (99, 0), (0, 0)];
        for (code, label) in table {
            assert_eq!(status(code), label, "{code}");
        }
        let labels: std::collections::BTreeSet<_> = (0..=u16::MAX).map(status).collect();
        assert_eq!(labels.len(), STATUSES.len() + 1);
        assert!(STATUSES.is_sorted());
        assert_eq!((error_type(499), error_type(503), status_text(0)), (String::new(), "503".into(), String::new()));
    }
}
