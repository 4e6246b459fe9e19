//! Counts what segments show ([`Signs`]) as the health of connections ([`Tcp`]).

use crate::pipeline::flow::Signs;
use crate::pipeline::histogram::Sample;
use crate::pipeline::snapshot::Tcp;

type Counter = fn(&mut Tcp) -> &mut u64;

/// The counter of each sign.
const COUNTED_AS: [(Signs, Counter); 9] = [
    (Signs::OPENED, |tcp| &mut tcp.opened),
    (Signs::CLOSED, |tcp| &mut tcp.closed),
    (Signs::RESET, |tcp| &mut tcp.reset),
    (Signs::REFUSED, |tcp| &mut tcp.refused),
    (Signs::DUPLICATE, |tcp| &mut tcp.duplicates),
    (Signs::RETRANSMITTED, |tcp| &mut tcp.retransmitted),
    (Signs::OUT_OF_ORDER, |tcp| &mut tcp.out_of_order),
    (Signs::DUPLICATE_ACK, |tcp| &mut tcp.duplicate_acks),
    (Signs::ZERO_WINDOW, |tcp| &mut tcp.zero_window),
];

/// Counts a segment with these signs. Returns how many buckets its histogram has gained.
pub fn count(tcp: &mut Tcp, signs: Signs, rtt: Option<Sample>, from_client: bool) -> usize {
    tcp.segments += u64::from(signs.has(Signs::COUNTED));
    if signs != Signs::COUNTED {
        // Few segments have any other sign.
        for (sign, counter) in COUNTED_AS {
            *counter(tcp) += u64::from(signs.has(sign));
        }
    }
    rtt.map_or(0, |rtt| {
        let histogram = match (from_client, signs.has(Signs::HANDSHAKE)) {
            (true, true) => &mut tcp.client_handshake_rtt,
            (true, false) => &mut tcp.client_rtt,
            (false, true) => &mut tcp.server_handshake_rtt,
            (false, false) => &mut tcp.server_rtt,
        };
        histogram.record(rtt)
    })
}
