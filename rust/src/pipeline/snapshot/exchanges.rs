//! Exchanges as a snapshot lists them: their measured fields, and the names of the rows in which they were counted.

use std::cmp::{Ordering, Reverse};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::processes::Process;
use super::remarkable::{Class, Remarkable};
use super::values;
use crate::pipeline::decode::Endpoint;
use crate::pipeline::exchange::{Exchange, GrpcStatus, Method, Protocol, exchange_fields};
use crate::pipeline::packet::Timestamp;

/// Makes the struct, its order and its JSON from the table of fields.
macro_rules! named_exchange {
    ($(
        measured { $($(#[doc = $doc:tt])* $(#[serde($($serde:tt)*)])? $field:ident: $type:ty as $python:ty,)* }
        named {
            $($(#[doc = $named_doc:tt])* $(#[serde($($named_serde:tt)*)])? $named:ident: $named_type:ty as $named_python:ty,)*
        }
    )*) => {
        /// A request and its final response. Exchanges are sorted by their fields, in the order of the table.
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(from = "Flat", into = "Flat")]
        pub struct NamedExchange {
            /// The measured fields. A client that a field or a proxy named has no port, see
            /// [`portless`](super::portless).
            pub measured: Exchange,
            $($($(#[doc = $named_doc])* pub $named: $named_type,)*)*
        }

        impl Ord for NamedExchange {
            fn cmp(&self, other: &Self) -> Ordering {
                Ordering::Equal$(
                    $(.then_with(|| self.measured.$field.cmp(&other.measured.$field)))*
                    $(.then_with(|| self.$named.cmp(&other.$named)))*
                )*
            }
        }

        /// All fields side by side, as they are in JSON.
        #[derive(Serialize, Deserialize)]
        #[serde(rename = "Exchange")]
        struct Flat {
            $($($(#[serde($($serde)*)])? $field: $type,)* $($(#[serde($($named_serde)*)])? $named: $named_type,)*)*
        }

        impl From<Flat> for NamedExchange {
            fn from(flat: Flat) -> Self {
                Self { measured: Exchange { $($($field: flat.$field,)*)* }, $($($named: flat.$named,)*)* }
            }
        }

        impl From<NamedExchange> for Flat {
            fn from(exchange: NamedExchange) -> Self {
                Self { $($($field: exchange.measured.$field,)* $($named: exchange.$named,)*)* }
            }
        }
    };
}

exchange_fields!(named_exchange);

impl PartialOrd for NamedExchange {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Remarkable for NamedExchange {
    /// Statuses from 500 and failed calls of gRPC, statuses from 400 to 499, requests without a response, and the slowest.
    const CLASSES: &'static [Class<Self>] = &[
        Class { weight: |exchange| exchange.measured.is_error().then_some(exchange.measured.ts.0), share: 4 },
        Class {
            weight: |exchange| {
                exchange.measured.status.filter(|status| matches!(status, 400..=499)).map(|_| exchange.measured.ts.0)
            },
            share: 8,
        },
        Class { weight: |exchange| exchange.measured.status.is_none().then_some(exchange.measured.ts.0), share: 8 },
        Class { weight: |exchange| exchange.measured.latency.map(|latency| latency as i64), share: 4 },
    ];

    fn group(&self) -> (&str, &str) {
        (&self.host, &self.section)
    }

    /// Prefers the newest.
    fn rest(&self) -> i64 {
        self.measured.ts.0
    }
}

/// Returns the exchanges with the greatest latency, at most `most`, all above `above` nanoseconds. The slowest comes
/// first, and of equal ones the oldest.
pub fn slowest(exchanges: &[NamedExchange], most: usize, above: u64) -> Vec<&NamedExchange> {
    let mut slow: Vec<_> = exchanges.iter().filter(|one| one.measured.latency > Some(above)).collect();
    slow.sort_by_key(|one| slowness(one));
    slow.truncate(most);
    slow
}

/// Keeps the exchanges with the greatest latency, at most `most`, in any order. Which ones does not depend on the order
/// in which they are given.
pub fn keep_slowest(exchanges: &mut Vec<NamedExchange>, most: usize) {
    if exchanges.len() > most {
        exchanges.select_nth_unstable_by(most, |a, b| slowness(a).cmp(&slowness(b)).then_with(|| a.cmp(b)));
        exchanges.truncate(most);
    }
}

/// Sorts the slowest first, and of equal ones the oldest.
fn slowness(one: &NamedExchange) -> (Reverse<Option<u64>>, Timestamp) {
    (Reverse(one.measured.latency), one.measured.ts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::snapshot::{Connection, pack, unpack};
    use std::net::Ipv6Addr;

    fn exchange(section: &str, method: &[u8]) -> NamedExchange {
        let end = |port| Endpoint { address: Ipv6Addr::LOCALHOST, port };
        let measured = Exchange {
            ts: Timestamp(1),
            client: end(7),
            server: end(8),
            method: Method::from_bytes(method),
            status: Some(200),
            request_bytes: 5,
            response_bytes: 6,
            latency: Some(10),
            duration: None,
            connect: None,
            request_time: Some(9),
            transfer: None,
            retransmitted: 4,
            protocol: Protocol::Http1,
            tls: false,
            stream: None,
            tls_handshake: None,
            queued: None,
            grpc_status: None,
            request_messages: 0,
            response_messages: 0,
        };
        NamedExchange {
            measured,
            interface: "lo".into(),
            host: "h".into(),
            section: section.into(),
            path: "/s/p".into(),
            user_agent: "curl".into(),
            process: None,
            client_process: None,
        }
    }

    /// Names of the members of a JSON object, in their order.
    fn keys(json: &str) -> Vec<&str> {
        let members = json.trim_matches(['{', '}']).split(",\"");
        members.map(|member| member.trim_matches('"').split('"').next().unwrap()).collect()
    }

    #[test]
    fn the_slowest_exchanges_are_those_above_a_latency_the_oldest_of_equal_ones_first() {
        let row = |(at, latency): (usize, Option<u64>)| {
            let mut one = exchange("/s", b"GET");
            one.measured = Exchange { ts: Timestamp(at as i64), latency, ..one.measured };
            one
        };
        let exchanges: Vec<_> =
            [Some(5), None, Some(9), Some(5), Some(1), Some(0)].into_iter().enumerate().map(row).collect();
        let found = |most, above| -> Vec<i64> {
            slowest(&exchanges, most, above).iter().map(|one| one.measured.ts.0).collect()
        };
        assert_eq!(found(10, 0), [2, 0, 3, 4]);
        assert_eq!(found(2, 0), [2, 0]);
        assert_eq!(found(10, 5), [2]);
        assert!(found(0, 0).is_empty() && found(10, 9).is_empty());
    }

    #[test]
    fn json_has_the_fields_of_both_structs_side_by_side_in_the_order_of_the_table() {
        let json = serde_json::to_string(&exchange("/s", b"GET")).unwrap();
        let want = "ts client server interface host section path method status request_bytes response_bytes latency \
                    duration connect request_time transfer retransmitted protocol tls stream tls_handshake queued \
                    grpc_status request_messages response_messages user_agent";
        assert_eq!(keys(&json).join(" "), want);
        assert_eq!(serde_json::from_str::<NamedExchange>(&json).unwrap(), exchange("/s", b"GET"));
        let first = r#"{"first_seen":"2026-01-01T00:00:00Z","client":"10.0.0.1:9","server":"10.0.0.2:80","interface":"lo",
            "last_seen":"2026-01-01T00:00:00Z","segments":1,"age":0.5,"opened":null,"state":"open","protocol":"",
            "host":"","bytes_to_server":0,"bytes_to_client":0,"retransmitted":0,"requests":0,"rtt":null}"#;
        let connection: Connection = serde_json::from_str(first).unwrap();
        let want = "first_seen client server interface last_seen segments age opened state protocol host bytes_to_server \
                    bytes_to_client retransmitted requests rtt tls streams open_streams undecrypted";
        assert_eq!(keys(&serde_json::to_string(&connection).unwrap()).join(" "), want);
    }

    #[test]
    fn bytes_have_the_fields_of_both_structs_in_the_order_of_the_table() {
        let mut want = b"netmon\x08\x02".to_vec();
        for port in [7, 8] {
            want.extend(Ipv6Addr::LOCALHOST.octets());
            want.push(port);
        }
        for text in ["lo", "h", "/s", "/s/p", "GET"] {
            want.push(text.len() as u8);
            want.extend(text.bytes());
        }
        want.extend([1, 0xc8, 1, 5, 6, 1, 10, 0, 0, 1, 9, 0, 4, 5]);
        want.extend(b"http1");
        want.extend([0; 7]);
        want.push(4);
        want.extend(b"curl");
        want.extend([0, 0]);
        let bytes = pack(&exchange("/s", b"GET"));
        assert_eq!(bytes, want);
        assert_eq!(unpack(&bytes), Ok(exchange("/s", b"GET")));
    }

    #[test]
    fn requests_of_one_packet_are_sorted_by_section_before_method() {
        let (get, post) = (exchange("/b", b"GET"), exchange("/a", b"POST"));
        assert!(get.measured.method < post.measured.method);
        assert!(post < get);
        assert_eq!(get.partial_cmp(&get.clone()), Some(Ordering::Equal));
    }
}
