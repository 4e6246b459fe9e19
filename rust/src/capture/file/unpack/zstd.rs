//! A frame of zstd (RFC 8878).
//!
//! The decoder keeps the bytes that later blocks may refer to, up to 128 MiB. A frame with a larger window is refused.

use std::error::Error;
use std::io::{self, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};

use ruzstd::decoding::errors::FrameDecoderError;
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use super::fault::{Gave, Stop, Wrong};
use super::packed::Packed;

/// RFC 8878, section 3.1.1.2: the header of a last block that is raw and empty, and room for a checksum.
const LAST_BLOCK: [u8; 7] = [1, 0, 0, 0, 0, 0, 0];

/// The frame being read.
#[derive(Default)]
pub struct Zstd {
    decoder: FrameDecoder,
    /// Bytes of the frame that were unpacked.
    count: u64,
    /// A fault that is reported after the bytes before it.
    wrong: Option<Wrong>,
}

impl Zstd {
    /// Reads the header.
    pub fn begin(&mut self, packed: &mut Packed) -> Result<(), Stop> {
        (self.count, self.wrong) = (0, None);
        self.decoder.reset(packed).map_err(|error| stop(&error))
    }

    pub fn read(&mut self, packed: &mut Packed, into: &mut [u8]) -> Result<Gave, Stop> {
        while self.decoder.can_collect() == 0 {
            if !self.decoder.is_finished() {
                self.decode(packed)?;
            } else if let Some(wrong) = self.wrong.take() {
                return Err(Stop::Wrong(wrong));
            } else {
                return Ok(Gave::End(self.is_right()));
            }
        }
        let count = self.decoder.read(into)?;
        self.count += count as u64;
        Ok(Gave::Bytes(count))
    }

    /// Decodes a block.
    fn decode(&mut self, packed: &mut Packed) -> Result<(), Stop> {
        let decoder = &mut self.decoder;
        let decode = || decoder.decode_blocks(packed, BlockDecodingStrategy::UptoBlocks(1));
        // The decoder panics on some malformed input.
        let Ok(result) = catch_unwind(AssertUnwindSafe(decode)) else {
            self.decoder = FrameDecoder::default();
            return Err(Stop::Wrong(Wrong::Damaged("the zstd decoder failed".into())));
        };
        let Err(error) = result else { return Ok(()) };
        let Stop::Wrong(wrong) = stop(&error) else { return Err(stop(&error)) };
        // Once it has seen a last block, the decoder gives out all the bytes that it keeps.
        self.wrong = Some(wrong);
        let ended = self.decoder.decode_blocks(&LAST_BLOCK[..], BlockDecodingStrategy::All);
        ended.map(drop).map_err(|error| stop(&error))
    }

    /// True if checksum and length are right, as far as the frame has them.
    fn is_right(&self) -> bool {
        let told = self.decoder.get_checksum_from_data();
        let length = self.decoder.content_size();
        (told.is_none() || told == self.decoder.get_calculated_checksum()) && (length == 0 || length == self.count)
    }
}

/// Skips a skippable frame (RFC 8878, section 3.1.2).
pub fn skip(packed: &mut Packed) -> io::Result<()> {
    let [_, _, _, _, length @ ..] = packed.take::<8>()?;
    packed.skip(u64::from(u32::from_le_bytes(length)))
}

/// Why the decoder stopped: an error of the source, or else its own.
fn stop(error: &FrameDecoderError) -> Stop {
    let mut next: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = next {
        if let Some(source) = error.downcast_ref::<io::Error>() {
            let number = source.raw_os_error().map(io::Error::from_raw_os_error);
            return number.unwrap_or_else(|| io::Error::new(source.kind(), source.to_string())).into();
        }
        next = error.source();
    }
    // Some errors of the decoder do not name their source.
    let words = error.to_string();
    let is_cut = words.contains("UnexpectedEof") || words.contains("failed to fill whole buffer");
    Stop::Wrong(if is_cut { Wrong::Cut } else { Wrong::Damaged(words) })
}
