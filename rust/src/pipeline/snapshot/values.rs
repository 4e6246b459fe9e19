//! Writes single values as JSON and reads them: instants, durations, names, addresses.

use std::fmt::Display;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::tally::TallyKey;
use crate::pipeline::name;
use crate::pipeline::packet::{SECOND, Timestamp};

/// Nanoseconds as seconds.
pub fn to_seconds(nanos: u64) -> f64 {
    nanos as f64 / SECOND as f64
}

/// Seconds as nanoseconds.
pub fn from_seconds(seconds: f64) -> u64 {
    (seconds * SECOND as f64).round() as u64
}

/// Reads a name. Cleans it like a name from the wire, since anybody may have written the JSON.
pub fn name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<str>, D::Error> {
    Ok(name::clean(&String::deserialize(deserializer)?, name::MAX_PATH).into())
}

/// Reads an optional text. Cleans it as [`name`] does.
pub fn problem<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Arc<str>>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    Ok(text.map(|text| name::clean(&text, name::MAX_PATH).into()))
}

/// An instant as RFC 3339 UTC, always with nine digits of a second.
pub fn rfc3339(ts: Timestamp) -> impl Display {
    /// The last second of the year 9999, the last one that RFC 3339 can write.
    const LAST: i64 = 253_402_300_799;
    let seconds = ts.0.div_euclid(SECOND).clamp(0, LAST);
    let instant = SystemTime::UNIX_EPOCH + Duration::new(seconds as u64, ts.0.rem_euclid(SECOND) as u32);
    humantime::format_rfc3339_nanos(instant)
}

/// Instants as RFC 3339 UTC.
pub mod time {
    use super::{Deserialize, Deserializer, Serializer, SystemTime, Timestamp, rfc3339};
    use serde::de::Error as _;

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
    pub fn serialize<S: Serializer>(ts: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&rfc3339(*ts))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        let text = String::deserialize(deserializer)?;
        let instant = humantime::parse_rfc3339(&text).map_err(D::Error::custom)?;
        let since = instant.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Ok(Timestamp::new(since.as_secs() as i64, i64::from(since.subsec_nanos())))
    }
}

/// Optional instants.
pub mod maybe_time {
    use super::{Deserialize, Deserializer, Serializer, Timestamp, time};

    #[expect(clippy::ref_option, reason = "the signature is serde's")]
    pub fn serialize<S: Serializer>(ts: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
        match ts {
            Some(ts) => time::serialize(ts, serializer),
            None => serializer.serialize_none(),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
        #[derive(Deserialize)]
        struct Told(#[serde(with = "time")] Timestamp);
        Ok(Option::<Told>::deserialize(deserializer)?.map(|Told(ts)| ts))
    }
}

/// Optional durations, in seconds.
pub mod seconds {
    use super::{Deserialize, Deserializer, Serialize, Serializer, from_seconds, to_seconds};

    #[expect(clippy::ref_option, reason = "the signature is serde's")]
    pub fn serialize<S: Serializer>(nanos: &Option<u64>, serializer: S) -> Result<S::Ok, S::Error> {
        nanos.map(to_seconds).serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
        Ok(Option::<f64>::deserialize(deserializer)?.map(from_seconds))
    }
}

/// Durations, in seconds.
pub mod length {
    use super::{Deserialize, Deserializer, Serialize, Serializer, from_seconds, to_seconds};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
    pub fn serialize<S: Serializer>(nanos: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        to_seconds(*nanos).serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        f64::deserialize(deserializer).map(from_seconds)
    }
}

/// Addresses as text. Mapped IPv4 addresses are written as IPv4.
pub mod addresses {
    use super::{Deserialize, Deserializer, IpAddr, Ipv6Addr, Serializer};
    use crate::pipeline::snapshot::endpoints::to_v6;

    pub fn serialize<S: Serializer>(addresses: &[Ipv6Addr], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(addresses.iter().map(Ipv6Addr::to_canonical))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Ipv6Addr>, D::Error> {
        Ok(Vec::<IpAddr>::deserialize(deserializer)?.into_iter().map(to_v6).collect())
    }
}

/// Endpoints as `address:port`.
pub mod endpoint {
    use super::{Deserialize, Deserializer, Serializer};
    use crate::pipeline::decode::Endpoint;
    use crate::pipeline::snapshot::endpoints::to_v6;
    use serde::de::Error as _;
    use std::net::SocketAddr;

    pub fn serialize<S: Serializer>(endpoint: &Endpoint, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(endpoint)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Endpoint, D::Error> {
        let socket: SocketAddr = String::deserialize(deserializer)?.parse().map_err(D::Error::custom)?;
        Ok(Endpoint { address: to_v6(socket.ip()), port: socket.port() })
    }
}

/// Clients of exchanges: `address:port`, an address without a port, or `~other`.
pub mod client {
    use super::{Deserialize, Deserializer, Serializer};
    use crate::pipeline::decode::Endpoint;
    use crate::pipeline::snapshot::endpoints::{client_name, portless, to_v6};
    use crate::pipeline::snapshot::limits::OTHER;
    use serde::de::Error as _;
    use std::net::{IpAddr, SocketAddr};

    pub fn serialize<S: Serializer>(client: &Endpoint, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&client_name(*client))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Endpoint, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text == OTHER {
            return Ok(portless(None));
        }
        match text.parse::<SocketAddr>() {
            Ok(socket) => Ok(Endpoint { address: to_v6(socket.ip()), port: socket.port() }),
            Err(error) => match text.parse::<IpAddr>() {
                Ok(address) => Ok(portless(Some(to_v6(address)))),
                Err(_) => Err(D::Error::custom(error)),
            },
        }
    }
}

/// Methods by name.
pub mod method {
    use super::{Deserialize, Deserializer, Serializer};
    use crate::pipeline::exchange::Method;

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
    pub fn serialize<S: Serializer>(method: &Method, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(method.name())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Method, D::Error> {
        Ok(Method::from_bytes(String::deserialize(deserializer)?.as_bytes()))
    }
}

/// Protocols of connections, by name. An unknown protocol is the empty string.
pub mod protocol {
    use super::{Deserialize, Deserializer, Serializer, TallyKey};
    use crate::pipeline::exchange::Protocol;
    use serde::de::Error as _;

    #[expect(clippy::ref_option, clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
    pub fn serialize<S: Serializer>(protocol: &Option<Protocol>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(protocol.map_or("", Protocol::name))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Protocol>, D::Error> {
        let name = String::deserialize(deserializer)?;
        match (Protocol::from_label(&name), name.is_empty()) {
            (None, false) => Err(D::Error::custom(format!("unknown protocol {name:?}"))),
            (protocol, _) => Ok(protocol),
        }
    }
}

/// Protocols of exchanges, by name.
pub mod spoken {
    use super::{Deserialize, Deserializer, Serializer, TallyKey};
    use crate::pipeline::exchange::Protocol;
    use serde::de::Error as _;

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
    pub fn serialize<S: Serializer>(protocol: &Protocol, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(protocol.name())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Protocol, D::Error> {
        let name = String::deserialize(deserializer)?;
        Protocol::from_label(&name).ok_or_else(|| D::Error::custom(format!("unknown protocol {name:?}")))
    }
}

/// Statuses of gRPC, by name.
pub mod grpc {
    use super::{Deserialize, Deserializer, Serialize, Serializer};
    use crate::pipeline::exchange::GrpcStatus;
    use serde::de::Error as _;

    #[expect(clippy::ref_option, clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
    pub fn serialize<S: Serializer>(status: &Option<GrpcStatus>, serializer: S) -> Result<S::Ok, S::Error> {
        status.map(GrpcStatus::name).serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<GrpcStatus>, D::Error> {
        let name = Option::<String>::deserialize(deserializer)?;
        let status = |name: String| {
            GrpcStatus::from_name(&name).ok_or_else(|| D::Error::custom(format!("unknown status {name:?}")))
        };
        name.map(status).transpose()
    }
}

/// Reasons why connections stay encrypted, by name. No reason is the empty string.
pub mod undecrypted {
    use super::{Deserialize, Deserializer, Serializer, TallyKey};
    use crate::pipeline::exchange::Closed;
    use serde::de::Error as _;

    #[expect(clippy::ref_option, clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
    pub fn serialize<S: Serializer>(closed: &Option<Closed>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(closed.map_or("", Closed::name))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Closed>, D::Error> {
        let name = String::deserialize(deserializer)?;
        match (Closed::from_label(&name), name.is_empty()) {
            (None, false) => Err(D::Error::custom(format!("unknown reason {name:?}"))),
            (closed, _) => Ok(closed),
        }
    }
}

/// What streams carry, by name.
pub mod stream {
    use super::{Deserialize, Deserializer, Serializer};
    use crate::pipeline::exchange::Spoken;
    use serde::de::Error as _;

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
    pub fn serialize<S: Serializer>(spoken: &Spoken, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(spoken.name())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Spoken, D::Error> {
        let name = String::deserialize(deserializer)?;
        let found = Spoken::ALL.into_iter().find(|spoken| spoken.name() == name);
        found.ok_or_else(|| D::Error::custom(format!("a stream carries {name:?}")))
    }
}

/// States of connections, by name.
pub mod stage {
    use super::{Deserialize, Deserializer, Serializer};
    use crate::pipeline::flow::Stage;
    use serde::de::Error as _;

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
    pub fn serialize<S: Serializer>(stage: &Stage, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(stage.name())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Stage, D::Error> {
        let name = String::deserialize(deserializer)?;
        let found = Stage::ALL.into_iter().find(|stage| stage.name() == name);
        found.ok_or_else(|| D::Error::custom(format!("unknown state {name:?}")))
    }
}

/// Ends of connections on this machine, by name.
pub mod local {
    use super::{Deserialize, Deserializer, Serializer};
    use crate::pipeline::owners::Local;
    use serde::de::Error as _;

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
    pub fn serialize<S: Serializer>(local: &Local, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(local.name())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Local, D::Error> {
        let name = String::deserialize(deserializer)?;
        let found = Local::ALL.into_iter().find(|local| local.name() == name);
        found.ok_or_else(|| D::Error::custom(format!("unknown ends {name:?}")))
    }
}
