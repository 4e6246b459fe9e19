//! A member of gzip (RFC 1952): a header, deflated data, its checksum and its length.

use std::io::BufRead;

use flate2::{Crc, Decompress, FlushDecompress, Status};

use super::fault::{Gave, Stop, Wrong};
use super::packed::Packed;

/// RFC 1952, section 2.3.1: the only compression method, and the bits of FLG.
const DEFLATE: u8 = 8;
const HAS_CHECKSUM: u8 = 1 << 1;
const HAS_EXTRA: u8 = 1 << 2;
const HAS_NAME: u8 = 1 << 3;
const HAS_COMMENT: u8 = 1 << 4;

/// The member being read.
pub struct Gzip {
    inflate: Decompress,
    checksum: Crc,
    /// True at the end of the deflated data.
    is_over: bool,
    /// True if the data cannot be inflated any further. This is reported after the bytes before.
    is_damaged: bool,
}

impl Default for Gzip {
    fn default() -> Self {
        Self { inflate: Decompress::new(false), checksum: Crc::new(), is_over: false, is_damaged: false }
    }
}

impl Gzip {
    /// Reads the header.
    pub fn begin(&mut self, packed: &mut Packed) -> Result<(), Stop> {
        self.inflate.reset(false);
        self.checksum.reset();
        (self.is_over, self.is_damaged) = (false, false);
        let [_, _, method, flags, ..] = packed.take::<10>()?;
        if method != DEFLATE {
            return Err(Stop::Wrong(Wrong::Damaged(format!("compression method {method} of gzip is not known"))));
        }
        if flags & HAS_EXTRA != 0 {
            let length = u16::from_le_bytes(packed.take()?);
            packed.skip(u64::from(length))?;
        }
        for text in [HAS_NAME, HAS_COMMENT] {
            if flags & text != 0 {
                packed.skip_text()?;
            }
        }
        if flags & HAS_CHECKSUM != 0 {
            packed.skip(2)?;
        }
        Ok(())
    }

    pub fn read(&mut self, packed: &mut Packed, into: &mut [u8]) -> Result<Gave, Stop> {
        loop {
            if self.is_damaged {
                return Err(Stop::Wrong(Wrong::Damaged("deflated data are invalid".into())));
            }
            if self.is_over {
                let [checksum, length] = [(); 2].map(|()| packed.take().map(u32::from_le_bytes));
                return Ok(Gave::End(checksum? == self.checksum.sum() && length? == self.checksum.amount()));
            }
            let count = self.inflate(packed, into)?;
            if count > 0 {
                return Ok(Gave::Bytes(count));
            }
        }
    }

    /// Inflates some data. Returns how many bytes came out.
    fn inflate(&mut self, packed: &mut Packed, into: &mut [u8]) -> Result<usize, Stop> {
        let input = packed.fill_buf()?;
        let is_all = input.is_empty();
        let (read, made) = (self.inflate.total_in(), self.inflate.total_out());
        let status = self.inflate.decompress(input, into, FlushDecompress::None);
        let (read, made) = (self.inflate.total_in() - read, (self.inflate.total_out() - made) as usize);
        packed.consume(read as usize);
        self.checksum.update(&into[..made]);
        self.is_over = matches!(status, Ok(Status::StreamEnd));
        self.is_damaged = status.is_err();
        let is_cut = is_all && made == 0 && !self.is_over && !self.is_damaged;
        if is_cut { Err(Stop::Wrong(Wrong::Cut)) } else { Ok(made) }
    }
}
