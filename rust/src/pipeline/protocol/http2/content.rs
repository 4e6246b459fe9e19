//! The content of a stream as it passes: which reader it has, and what is told of what that reader has seen.

use super::head::Head;
use super::message::Data;
use super::streams::{REQUEST, RESPONSE, Stream};
use crate::pipeline::exchange::{Code, GrpcStatus, Protocol, Sink};
use crate::pipeline::protocol::content::{Content, Kind};
use crate::pipeline::protocol::watch::Seen;

/// The content of the request with this head, and that of its response as far as the request tells.
pub fn of_request(head: &Head) -> [Content; 2] {
    match head.kind {
        _ if head.is_websocket => [Content::of_websocket(true), Content::Opaque],
        // A call of gRPC is answered by messages, even if the type in the response is not known.
        Some(Kind::Grpc) => [Content::of(Kind::Grpc), Content::of(Kind::Grpc)],
        Some(kind) if kind.is_grpc() => [Content::of(kind), Content::Opaque],
        _ => Default::default(),
    }
}

/// The content of a response with this head; `None` if it is as the request has told.
pub fn of_response(head: &Head) -> Option<Content> {
    let kind = head.kind.filter(|kind| kind.is_grpc() || head.status == Some(200) && !head.is_coded)?;
    Some(Content::of(kind))
}

/// Chooses the reader for the content of a final response with this head. `holes` is the number of holes in its direction
/// so far.
pub fn answer<K>(stream: &mut Stream<K>, head: &Head, holes: u16) {
    let accepts = head.status.is_some_and(|status| (200..300).contains(&status));
    let content = match stream.protocol {
        // RFC 8441 §5: a response with a status of 2xx accepts the WebSocket.
        Protocol::WebSocket if accepts => Some(Content::of_websocket(false)),
        Protocol::WebSocket => {
            stream.contents = Default::default();
            None
        }
        _ => of_response(head),
    };
    if head.is_grpc() && stream.protocol != Protocol::WebSocket {
        stream.protocol = Protocol::Grpc;
    }
    if let (Some(content), true) = (content, stream.contents[RESPONSE].is_opaque()) {
        (stream.contents[RESPONSE], stream.holes[RESPONSE]) = (content, holes);
    }
}

/// Lets the reader of a content take a part of it. Returns what that has shown, and whether the rest was given up now.
/// `holes` is the number of holes in the direction so far.
pub fn read<K>(stream: &mut Stream<K>, side: usize, data: &Data<'_>, holes: u16) -> (Seen, bool) {
    let content = &mut stream.contents[side];
    let was_lost = content.is_lost();
    if stream.holes[side] != holes {
        stream.holes[side] = holes;
        content.skip(None);
    }
    if data.skipped > 0 || data.is_vague {
        content.skip(Some(data.skipped).filter(|_| !data.is_vague));
    }
    let seen = content.take(data.bytes);
    (seen, !was_lost && content.is_lost())
}

/// Reports what a content has shown.
pub fn tell<S: Sink>(stream: &mut Stream<S::Ticket>, is_client: bool, seen: Seen, sink: &mut S) {
    let side = if is_client { REQUEST } else { RESPONSE };
    if seen.messages > 0 {
        stream.messages[side] = stream.messages[side].saturating_add(seen.messages.min(u64::from(u32::MAX)) as u32);
        sink.messages(stream.ticket, is_client, seen.messages);
    }
    if let Some(code) = seen.closed {
        stream.codes[usize::from(is_client)] = Some(Code::Close(code));
        sink.ends_with(stream.ticket, is_client, Code::Close(code));
    }
    if let Some(status) = seen.grpc {
        tell_grpc(stream, status, sink);
    }
}

/// Takes what a header block of a response tells of the status of a gRPC call. `is_first` says that the response begins
/// with it. A response that is no call of gRPC may begin with such a field as well: transcoders to JSON send it.
pub fn grpc_of_block<S: Sink>(
    stream: &mut Stream<S::Ticket>,
    head: &Head,
    is_first: bool,
    ends_stream: bool,
    sink: &mut S,
) {
    let is_call = stream.protocol == Protocol::Grpc;
    match head.grpc_status {
        Some(_) if is_first && !is_call && !head.has_unknown => {}
        Some(grpc) if is_first && !ends_stream => stream.announced = Some(grpc),
        Some(grpc) => tell_grpc(stream, grpc, sink),
        None if head.has_unknown => stream.announced = None,
        None if is_call => {
            // Without a status of its own, the call has the one that its client takes.
            let status = head.status.filter(|&status| is_first && status != 200);
            let assumed = status.map(GrpcStatus::of_http).or(ends_stream.then_some(GrpcStatus::UNKNOWN));
            stream.announced = stream.announced.or(assumed);
        }
        None => {}
    }
}

/// The response of a stream has ended. Trailers would have told another status of gRPC than the one it began with.
pub fn end_grpc<S: Sink>(stream: &mut Stream<S::Ticket>, sink: &mut S) {
    if let Some(grpc) = stream.announced {
        tell_grpc(stream, grpc, sink);
    }
}

/// Reports the status of a gRPC call, once.
fn tell_grpc<S: Sink>(stream: &mut Stream<S::Ticket>, grpc: GrpcStatus, sink: &mut S) {
    if stream.grpc_status.is_none() {
        stream.grpc_status = Some(grpc);
        stream.protocol = Protocol::Grpc;
        sink.grpc_status(stream.ticket, grpc, stream.answer.and_then(|answer| answer.status));
    }
}
