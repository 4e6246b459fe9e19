//! What a column adds up: a count of events or a histogram of durations, of one row.

use std::borrow::Cow;
use std::fmt;

use super::super::capture::Capture;
use super::super::counts::{Counts, Tcp, Traffic};
use super::super::streams::Streams;
use crate::pipeline::exchange::GrpcStatus;
use crate::pipeline::histogram::Histogram;

/// The parts of a row. A row has the parts that its table counts.
#[derive(Clone, Debug, Default)]
pub struct Parts<'a> {
    /// Requests and responses.
    pub counts: Option<&'a Counts>,
    /// Health of connections.
    pub tcp: Option<&'a Tcp>,
    /// Traffic: of the whole snapshot, that of all interfaces.
    pub traffic: Option<Cow<'a, Traffic>>,
    /// True if the row is there even if nothing is counted: an interface that is captured from.
    pub is_present: bool,
    /// What the capture delivered and lost.
    pub capture: Option<&'a Capture>,
}

/// The amount of a column. It is shown as its name.
#[derive(Clone, Copy, Debug)]
pub enum Amount {
    /// A count of events, and its name.
    Count(&'static str, fn(&Parts<'_>) -> Option<u64>),
    /// Responses with this status.
    Status(u16),
    /// Responses whose status begins with this digit.
    Class(u16),
    /// Calls of gRPC with this status.
    Grpc(GrpcStatus),
    /// Durations, and their name.
    Times(&'static str, fn(&Counts) -> &Histogram),
}

macro_rules! counted {
    ($($part:ident: $($name:ident)+;)+) => {
        /// Amounts that are fields of a part of a row, by name.
        const FIELDS: &[(&str, fn(&Parts<'_>) -> Option<u64>)] =
            &[$($((stringify!($name), |parts| parts.$part.as_ref().map(|part| part.$name)),)+)+];
    };
}

counted! {
    counts: requests responses errors request_bytes response_bytes;
    tcp: opened closed reset refused segments retransmitted duplicates out_of_order duplicate_acks zero_window;
    traffic: packets bytes http_packets http_bytes;
    capture: received kernel_dropped interface_dropped unread unanswered;
}

/// Makes a function of a row from one of its counts.
macro_rules! streams {
    ($($name:ident => $count:expr;)+) => {
        /// Amounts of what HTTP/1 does not have, and of the capture, by name.
        const STREAMS: &[(&str, fn(&Parts<'_>) -> Option<u64>)] = &[$((stringify!($name), |parts| {
            let count: fn(&Streams) -> u64 = $count;
            parts.counts.map(|counts| count(counts.streams.get()))
        }),)+];
    };
}

streams! {
    grpc_calls => |streams| streams.grpc_statuses.total();
    grpc_errors => Streams::grpc_errors;
    request_messages => |streams| streams.request_messages;
    response_messages => |streams| streams.response_messages;
    client_resets => |streams| streams.client_resets.total();
    server_resets => |streams| streams.server_resets.total();
}

/// Reads an amount of the capture.
type Captured = fn(&Parts<'_>) -> Option<u64>;

/// Amounts of the capture that are sums.
const CAPTURED: &[(&str, Captured)] = &[
    ("undecrypted", |parts| parts.capture.map(|capture| capture.undecrypted.total())),
    ("goaways", |parts| parts.capture.map(|capture| capture.goaways.total())),
];

impl Amount {
    /// Returns the amount with this name: `hits`, `latency`, `duration`, `status.503`, `status.5xx`, `grpc_status.ABORTED`, or a field that a
    /// snapshot counts.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "hits" => return Some(Self::Count("hits", |parts| parts.counts.map(Counts::hits))),
            "latency" => return Some(Self::Times("latency", |counts| &counts.latency)),
            "duration" => return Some(Self::Times("duration", |counts| &counts.duration)),
            _ => {}
        }
        if let Some(status) = name.strip_prefix("status.") {
            let class = status.strip_suffix("xx").filter(|digit| digit.len() == 1);
            return match class {
                Some(digit) => digit.parse().ok().map(Self::Class),
                None => status.parse().ok().map(Self::Status),
            };
        }
        if let Some(status) = name.strip_prefix("grpc_status.") {
            return GrpcStatus::from_name(status).map(Self::Grpc);
        }
        let mut all = FIELDS.iter().chain(STREAMS).chain(CAPTURED);
        all.find(|(known, _)| *known == name).map(|&(name, count)| Self::Count(name, count))
    }

    /// Returns the count of a row; `None` if the row has no such count or this is no count.
    pub fn count(self, parts: &Parts<'_>) -> Option<u64> {
        match self {
            Self::Count(_, count) => count(parts),
            Self::Status(status) => parts.counts.map(|counts| counts.statuses.get(status)),
            Self::Class(first) => parts.counts.map(|counts| counts.statuses.sum(|status| status / 100 == first)),
            Self::Grpc(status) => parts.counts.map(|counts| counts.streams.get().grpc_statuses.get(status)),
            Self::Times(..) => None,
        }
    }

    /// Returns the histogram of a row; `None` if it is empty or this is no histogram.
    pub fn times<'a>(self, parts: &Parts<'a>) -> Option<&'a Histogram> {
        let Self::Times(_, times) = self else { return None };
        parts.counts.map(times).filter(|times| times.count() > 0)
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(name, _) | Self::Times(name, _) => out.write_str(name),
            Self::Status(status) => write!(out, "status.{status}"),
            Self::Class(first) => write!(out, "status.{first}xx"),
            Self::Grpc(status) => write!(out, "grpc_status.{}", status.name()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_known_by_the_name_of_its_field() {
        let mut counts = Counts { requests: 2, responses: 3, errors: 1, ..Counts::default() };
        counts.statuses.add(503, 1);
        counts.statuses.add(504, 1);
        counts.statuses.add(200, 5);
        let streams = counts.streams.add();
        (streams.request_messages, streams.response_messages) = (3, 4);
        streams.grpc_statuses.add(GrpcStatus::from_name("ABORTED").unwrap(), 2);
        streams.grpc_statuses.add(GrpcStatus::OK, 6);
        streams.reset(false, crate::pipeline::exchange::ErrorCode::NO_ERROR);
        let (tcp, capture) = (Tcp { reset: 7, ..Tcp::default() }, Capture { unread: 9, ..Capture::default() });
        let parts = Parts { counts: Some(&counts), tcp: Some(&tcp), capture: Some(&capture), ..Parts::default() };
        let table = [
            ("hits", Some(5)),
            ("errors", Some(1)),
            ("status.503", Some(1)),
            ("status.5xx", Some(2)),
            ("reset", Some(7)),
            ("unread", Some(9)),
            ("grpc_status.ABORTED", Some(2)),
            ("grpc_status.DATA_LOSS", Some(0)),
            ("grpc_calls", Some(8)),
            ("grpc_errors", Some(2)),
            ("response_messages", Some(4)),
            ("client_resets", Some(0)),
            ("server_resets", Some(1)),
            ("undecrypted", Some(0)),
            ("packets", None),
            ("latency", None),
        ];
        for (name, count) in table {
            let amount = Amount::from_name(name).unwrap();
            assert_eq!((amount.count(&parts), amount.to_string()), (count, name.to_owned()));
        }
        for unknown in
            ["", "hit", "status.", "status.x", "status.55xx", "latency.p95", "grpc_status.", "grpc_status.14"]
        {
            assert!(Amount::from_name(unknown).is_none(), "{unknown}");
        }
    }
}
