//! The fields that a term can name.

/// What a term looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// Name of the host.
    Host,
    /// Path of the section.
    Section,
    /// Path of the request, or that of its section.
    Path,
    /// Request method.
    Method,
    /// Status of the response.
    Status,
    /// Address of the client.
    Client,
    /// Address of the server.
    Server,
    /// Name of the interface.
    Interface,
    /// Name of the user agent.
    UserAgent,
    /// Name of the process at an end of the connection.
    Process,
    /// Id of its container.
    Container,
    /// Name of its pod.
    Pod,
    /// Kubernetes namespace of its pod.
    Namespace,
    /// Time from the request's last byte to the response's first.
    Latency,
    /// Time from the request's first byte to the response's last.
    Duration,
    /// Bytes of request and response.
    Bytes,
    /// Bytes of the request.
    RequestBytes,
    /// Bytes of the response.
    ResponseBytes,
    /// Protocol of the exchange or the connection.
    Protocol,
    /// Status of a gRPC call.
    Grpc,
    /// Whether the exchange was inside TLS.
    Tls,
}

/// What the values of a field are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Text,
    Status,
    /// A status of gRPC.
    Grpc,
    /// Yes or no.
    Flag,
    /// An address, with or without a port.
    Address,
    /// A duration.
    Time,
    /// A number of bytes.
    Size,
}

impl Kind {
    /// True if values have an order.
    pub fn is_ordered(self) -> bool {
        matches!(self, Self::Status | Self::Time | Self::Size)
    }
}

impl Field {
    /// True if the field is about processes, which are found only while a capture runs.
    pub fn is_of_process(self) -> bool {
        matches!(self, Self::Process | Self::Container | Self::Pod | Self::Namespace)
    }

    /// All fields with their names and the kind of their values.
    pub const ALL: [(&str, Self, Kind); 21] = [
        ("host", Self::Host, Kind::Text),
        ("section", Self::Section, Kind::Text),
        ("path", Self::Path, Kind::Text),
        ("method", Self::Method, Kind::Text),
        ("status", Self::Status, Kind::Status),
        ("client", Self::Client, Kind::Address),
        ("server", Self::Server, Kind::Address),
        ("interface", Self::Interface, Kind::Text),
        ("user_agent", Self::UserAgent, Kind::Text),
        ("process", Self::Process, Kind::Text),
        ("container", Self::Container, Kind::Text),
        ("pod", Self::Pod, Kind::Text),
        ("namespace", Self::Namespace, Kind::Text),
        ("latency", Self::Latency, Kind::Time),
        ("duration", Self::Duration, Kind::Time),
        ("bytes", Self::Bytes, Kind::Size),
        ("request_bytes", Self::RequestBytes, Kind::Size),
        ("response_bytes", Self::ResponseBytes, Kind::Size),
        ("protocol", Self::Protocol, Kind::Text),
        ("grpc", Self::Grpc, Kind::Grpc),
        ("tls", Self::Tls, Kind::Flag),
    ];

    /// Returns the field with this name in any case, `None` if there is none.
    pub fn from_name(name: &str) -> Option<(Self, Kind)> {
        let found = Self::ALL.iter().find(|(known, ..)| known.eq_ignore_ascii_case(name));
        found.map(|&(_, field, kind)| (field, kind))
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        Self::ALL[self as usize].0
    }
}

/// Says that no field has this name, and which one may be meant.
pub fn unknown(name: &str) -> String {
    let near = Field::ALL.iter().map(|(known, ..)| (distance(&name.to_ascii_lowercase(), known), *known)).min();
    match near {
        Some((distance, known)) if distance <= 2 => format!("no field is called {name}; did you mean {known}?"),
        _ => {
            let all: Vec<_> = Field::ALL.iter().map(|(known, ..)| *known).collect();
            format!("no field is called {name}; fields are {}; put a text in quotes", all.join(", "))
        }
    }
}

/// Number of letters to insert, delete or replace to turn one word into the other (Levenshtein 1966). Two letters that
/// changed places count as two.
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (at, letter) in one.bytes().take(64).enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], at + 1);
        for (place, known) in other.bytes().enumerate() {
            let least = (diagonal + usize::from(letter != known)).min(row[place] + 1).min(row[place + 1] + 1);
            diagonal = std::mem::replace(&mut row[place + 1], least);
        }
    }
    row[other.len()]
}
