//! Open streams of HTTP/2, as a listed connection shows them.

use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize};

use super::values;
use crate::pipeline::exchange::{MAX_LISTED_STREAMS, Method, Spoken};

/// Passes the fields of an open stream to a macro.
macro_rules! stream_fields {
    ($macro:ident) => {
        $macro! {
            /// Its number on the connection.
            id: u32 as u32,
            /// Request method; ``OTHER`` if it is not registered, or if the request was not seen.
            #[serde(with = "values::method")]
            method: Method as &str,
            /// Its host, as `Host.name`; empty if the filter of what is counted leaves the request out.
            #[serde(deserialize_with = "values::name")]
            host: Arc<str> as &str,
            /// Its section, as `Section.path`; empty if the filter leaves the request out.
            #[serde(deserialize_with = "values::name")]
            section: Arc<str> as &str,
            /// Its path, as `Exchange.path`; empty if no exchanges are listed.
            #[serde(deserialize_with = "values::name")]
            path: Arc<str> as &str,
            /// Seconds from its first byte to the end of the interval or, if the connection has ended, to its last
            /// segment.
            #[serde(with = "values::length")]
            age: u64 as f64,
            /// Bytes of the request so far, head and content.
            request_bytes: u64 as u64,
            /// Bytes of the response so far, head and content.
            response_bytes: u64 as u64,
            /// Messages of the client so far: of gRPC or WebSocket.
            request_messages: u64 as u64,
            /// Messages of the server so far: of gRPC or WebSocket, or server-sent events.
            response_messages: u64 as u64,
            /// What it carries: ``"http2"``, ``"grpc"``, ``"websocket"`` or ``"sse"`` (server-sent events).
            #[serde(with = "values::stream")]
            protocol: Spoken as &str,
            /// Status code of its response; None as long as there is none.
            status: Option<u16> as Option<u16>,
        }
    };
}

pub(crate) use stream_fields;

/// Makes the struct from the table of fields.
macro_rules! open_stream {
    ($($(#[doc = $doc:tt])* $(#[serde($($serde:tt)*)])? $field:ident: $type:ty as $python:ty,)*) => {
        /// A stream that was open when its interval was closed. Durations are in nanoseconds.
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        pub struct OpenStream {
            $($(#[doc = $doc])* $(#[serde($($serde)*)])? pub $field: $type,)*
        }
    };
}

stream_fields!(open_stream);

/// The streams of a connection, the oldest first: at most [`MAX_LISTED_STREAMS`].
pub type OpenStreams = Vec<OpenStream>;

/// Reads the list of a connection, as far as it may be long.
pub fn few<'de, D: Deserializer<'de>>(deserializer: D) -> Result<OpenStreams, D::Error> {
    let mut streams = OpenStreams::deserialize(deserializer)?;
    streams.truncate(MAX_LISTED_STREAMS);
    Ok(streams)
}
