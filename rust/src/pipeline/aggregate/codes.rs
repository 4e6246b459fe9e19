//! Codes with which streams end, and how they are counted in a row.

use crate::pipeline::exchange::{Code, Codes, GrpcStatus};
use crate::pipeline::snapshot::{Counts, Streams};

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
