//! Processes as a snapshot names them, at the ends of exchanges and connections.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::values;
use crate::pipeline::owners::{Local, Owner, Parties};

/// A process of the machine that captured, and the end of the connection that it holds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "Flat", into = "Flat")]
pub struct Process {
    /// The process.
    pub owner: Arc<Owner>,
    /// True if it holds the server's end.
    pub is_server: bool,
}

impl Process {
    /// The end that it holds: `server` or `client`.
    pub fn side(&self) -> &'static str {
        if self.is_server { "server" } else { "client" }
    }
}

/// A process as it is in JSON.
#[derive(Serialize, Deserialize)]
#[serde(rename = "Process")]
struct Flat {
    #[serde(deserialize_with = "values::name")]
    name: Arc<str>,
    pid: u32,
    #[serde(with = "side")]
    side: bool,
    #[serde(default, skip_serializing_if = "str::is_empty", deserialize_with = "values::name")]
    container: Arc<str>,
    #[serde(default, skip_serializing_if = "str::is_empty", deserialize_with = "values::name")]
    pod: Arc<str>,
    #[serde(default, skip_serializing_if = "str::is_empty", deserialize_with = "values::name")]
    namespace: Arc<str>,
}

impl From<Flat> for Process {
    fn from(flat: Flat) -> Self {
        let Flat { name, pid, side, container, pod, namespace } = flat;
        Self { owner: Arc::new(Owner { name, pid, container, pod, namespace }), is_server: side }
    }
}

impl From<Process> for Flat {
    fn from(process: Process) -> Self {
        let Owner { name, pid, container, pod, namespace } = process.owner.as_ref().clone();
        Self { name, pid, side: process.is_server, container, pod, namespace }
    }
}

/// Ends of a connection, by name.
mod side {
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serializer};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
    pub fn serialize<S: Serializer>(is_server: &bool, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(if *is_server { "server" } else { "client" })
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
        match &*String::deserialize(deserializer)? {
            "server" => Ok(true),
            "client" => Ok(false),
            other => Err(D::Error::custom(format!("unknown side {other:?}"))),
        }
    }
}

/// Returns the process that a connection belongs to, and that of the client if it is another one.
pub fn processes(parties: &Parties) -> (Option<Process>, Option<Process>) {
    let of = |owner: &Option<Arc<Owner>>, is_server| owner.clone().map(|owner| Process { owner, is_server });
    match parties.local {
        Local::Client => (of(&parties.client, false), None),
        _ => (of(&parties.server, true), of(&parties.client, false)),
    }
}
