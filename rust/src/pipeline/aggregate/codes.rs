//! Codes with which streams end, and how they are counted in a row.

use crate::pipeline::exchange::{ErrorCode, GrpcStatus};
use crate::pipeline::snapshot::{Counts, Streams};

/// A code with which one side has ended a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// The stream was reset.
    Reset(ErrorCode),
    /// The WebSocket was closed.
    Close(u16),
}

/// A code of an exchange that has not ended. The ticket is one for now.
#[derive(Clone, Copy, Debug)]
pub struct Waiting<T> {
    /// Its ticket.
    pub ticket: T,
    /// True if the client ended it.
    pub by_client: bool,
    /// The code.
    pub code: Code,
}

/// The code of the server and that of the client, if they gave one.
pub type Codes = [Option<Code>; 2];

/// The code of one side.
pub fn of_one(by_client: bool, code: Code) -> Codes {
    let mut codes = Codes::default();
    codes[usize::from(by_client)] = Some(code);
    codes
}

/// Counts codes with which a stream was ended.
pub fn count_codes(streams: &mut Streams, codes: Codes) {
    for (by_client, code) in [false, true].into_iter().zip(codes) {
        match code {
            Some(Code::Reset(code)) => streams.reset(by_client, code),
            Some(Code::Close(code)) => streams.close(by_client, code),
            None => {}
        }
    }
}

/// Counts the status of a gRPC call, and that it failed. A response with a status of 500 or above counts as an error
/// already.
pub fn count_grpc(counts: &mut Counts, grpc: GrpcStatus, status: Option<u16>) {
    counts.streams.add().grpc_statuses.add(grpc, 1);
    let is_new = grpc != GrpcStatus::OK && status.is_none_or(|status| status < 500);
    counts.errors += u64::from(is_new);
}
