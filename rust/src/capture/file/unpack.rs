//! Reads through gzip and zstd, when a source starts like one of them.
//!
//! A decoder's complaint is an error of kind `InvalidData`, or `UnexpectedEof` where the source ends too early; an error
//! of the source stays what it is.

use std::error::Error;
use std::io::{self, Chain, Cursor, ErrorKind, Read};

use flate2::read::MultiGzDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

const GZIP: [u8; 2] = [0x1f, 0x8b];
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Bytes that tell how a source is packed.
pub const MAGIC: usize = 4;

/// True if a source that begins with `start` is packed.
pub fn is_packed(start: &[u8]) -> bool {
    start.starts_with(&GZIP) || start.starts_with(&ZSTD)
}

type Source = Box<dyn Read + Send>;
/// The source from its first byte on.
type Whole = Chain<Cursor<Vec<u8>>, Source>;

/// The bytes of a source, unpacked.
pub enum Unpacked {
    /// Nothing was read yet.
    Unread(Source),
    /// Not packed.
    Plain(Whole),
    /// One or several members of gzip.
    Gzip(MultiGzDecoder<Whole>),
    /// Frames of zstd.
    Zstd(Box<Zstd>),
}

impl Unpacked {
    /// Looks at the source when it is first read.
    pub fn new(source: Source) -> Self {
        Self::Unread(source)
    }

    /// Reads the first bytes, which tell how to go on.
    fn begin(&mut self) -> io::Result<()> {
        if let Self::Unread(source) = self {
            let mut source = std::mem::replace(source, Box::new(io::empty()));
            let mut start = Vec::with_capacity(MAGIC);
            source.by_ref().take(MAGIC as u64).read_to_end(&mut start)?;
            let (is_gzip, is_zstd) = (start.starts_with(&GZIP), start.starts_with(&ZSTD));
            let whole = Cursor::new(start).chain(source);
            *self = match (is_gzip, is_zstd) {
                (true, _) => Self::Gzip(MultiGzDecoder::new(whole)),
                (_, true) => Self::Zstd(Box::new(Zstd { decoder: FrameDecoder::new(), source: whole })),
                _ => Self::Plain(whole),
            };
        }
        Ok(())
    }
}

impl Read for Unpacked {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.begin()?;
        match self {
            Self::Unread(_) => Ok(0),
            Self::Plain(whole) => whole.read(into),
            Self::Gzip(decoder) => decoder.read(into).map_err(|error| match error.kind() {
                ErrorKind::InvalidInput => io::Error::new(ErrorKind::InvalidData, error),
                _ => error,
            }),
            Self::Zstd(decoder) => decoder.read(into),
        }
    }
}

/// Decodes frame after frame, also those that hold nothing.
pub struct Zstd {
    decoder: FrameDecoder,
    source: Whole,
}

impl Zstd {
    /// Begins the next frame; false at the end of the source.
    fn begin_frame(&mut self) -> Result<bool, FrameDecoderError> {
        let mut first = [0];
        while self.source.read(&mut first).map_err(FrameDecoderError::FailedToDrainDecodebuffer)? > 0 {
            match self.decoder.init((&first[..]).chain(&mut self.source)) {
                // RFC 8878, section 3.1.2: what it holds is for others.
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame { length, .. })) => {
                    let mut skipped = self.source.by_ref().take(u64::from(length));
                    io::copy(&mut skipped, &mut io::sink()).map_err(FrameDecoderError::FailedToDrainDecodebuffer)?;
                }
                other => return other.map(|()| true),
            }
        }
        Ok(false)
    }
}

impl Read for Zstd {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.decoder.can_collect() == 0 {
            if !self.decoder.is_finished() {
                let one = BlockDecodingStrategy::UptoBlocks(1);
                self.decoder.decode_blocks(&mut self.source, one).map_err(|error| cause(&error))?;
            } else if !self.begin_frame().map_err(|error| cause(&error))? {
                return Ok(0);
            }
        }
        self.decoder.read(into)
    }
}

/// The error of the source that stopped the decoder, or else the decoder's own.
fn cause(error: &FrameDecoderError) -> io::Error {
    let mut next: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = next {
        if let Some(source) = error.downcast_ref::<io::Error>() {
            let number = source.raw_os_error().map(io::Error::from_raw_os_error);
            return number.unwrap_or_else(|| io::Error::new(source.kind(), source.to_string()));
        }
        next = error.source();
    }
    // Some of its errors do not tell of their source.
    let words = error.to_string();
    let is_cut = words.contains("UnexpectedEof") || words.contains("failed to fill whole buffer");
    io::Error::new(if is_cut { ErrorKind::UnexpectedEof } else { ErrorKind::InvalidData }, words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        io::Write::write_all(&mut encoder, bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        compress_to_vec(bytes, CompressionLevel::Fastest)
    }

    fn unpack(bytes: Vec<u8>) -> (Vec<u8>, Option<ErrorKind>) {
        let mut got = Vec::new();
        let result = Unpacked::new(Box::new(Cursor::new(bytes))).read_to_end(&mut got);
        (got, result.err().map(|error| error.kind()))
    }

    #[test]
    fn several_members_and_frames_one_behind_the_other_are_one_source() {
        let (first, second) = (vec![7; 300_000], b"second".to_vec());
        let whole = [&first[..], &second].concat();
        let skipped = [&0x184d_2a53_u32.to_le_bytes()[..], &3_u32.to_le_bytes(), b"abc"].concat();
        let packed = [
            whole.clone(),
            [gzip(&first), gzip(&second)].concat(),
            [zstd(&first), zstd(&second)].concat(),
            [zstd(&first), skipped, zstd(b""), zstd(&second)].concat(),
        ];
        for bytes in packed {
            assert_eq!(unpack(bytes), (whole.clone(), None));
        }
        assert_eq!(unpack(b"ab".to_vec()), (b"ab".to_vec(), None));
    }

    #[test]
    fn what_is_cut_or_damaged_is_told_apart_from_an_error_of_the_source() {
        let bytes: Vec<u8> = (0..100_000_u32).flat_map(|n| (n.wrapping_mul(2_654_435_761)).to_le_bytes()).collect();
        for packed in [gzip(&bytes), zstd(&bytes)] {
            for cut in [6, packed.len() / 2, packed.len() - 1] {
                assert_eq!(unpack(packed[..cut].to_vec()).1, Some(ErrorKind::UnexpectedEof), "{cut}");
            }
            let mut damaged = packed.clone();
            damaged.extend(b"something else");
            assert_eq!(unpack(damaged), (bytes.clone(), Some(ErrorKind::InvalidData)));
        }
    }
}
