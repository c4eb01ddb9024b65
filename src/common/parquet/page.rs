//! The header of a Parquet page, as far as sizes are concerned: a structure of
//! Thrift's compact protocol.

use std::io::{self, BufReader, Read};

/// Longest header that is read; statistics of a page may hold two texts.
const HEADER_BYTES: u64 = 1 << 20;
/// Deepest structure that is passed over.
const DEPTH: u32 = 8;

/// A page as its header describes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub kind: Kind,
    /// Values of a data page, nulls included; entries of a dictionary.
    pub values: u64,
    /// Bytes uncompressed.
    pub bytes: u64,
    /// Bytes as they are stored behind the header.
    pub stored: u64,
    /// Bytes of the header.
    pub length: u64,
}

/// What a page holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Values, in the encoding of this number.
    Data { encoding: i64 },
    /// The entries that data pages refer to.
    Dictionary,
    /// Neither.
    Other,
}

/// Reads the header that `input` begins with.
pub(super) fn read(input: impl Read) -> io::Result<Header> {
    let limited = BufReader::with_capacity(512, input).take(HEADER_BYTES);
    let mut thrift = Compact { input: limited, read: 0 };
    let mut sizes = [None, None];
    let mut kind = Kind::Other;
    let mut values = 0;
    let mut last = 0;
    while let Some((id, wire)) = thrift.field(&mut last)? {
        match (id, wire) {
            (2 | 3, I32) => sizes[id as usize - 2] = Some(thrift.size()?),
            (5 | 8, STRUCT) => {
                // The encoding stands at another place in pages of version 2.
                let at = if id == 5 { 2 } else { 4 };
                let (found, encoding) = thrift.page(at)?;
                (values, kind) = (found, Kind::Data { encoding });
            }
            (7, STRUCT) => {
                let (found, _) = thrift.page(2)?;
                (values, kind) = (found, Kind::Dictionary);
            }
            _ => thrift.skip(wire, DEPTH)?,
        }
    }
    let [Some(bytes), Some(stored)] = sizes else { return Err(wrong()) };
    Ok(Header { kind, values, bytes, stored, length: thrift.read })
}

const TRUE: u8 = 1;
const FALSE: u8 = 2;
const I8: u8 = 3;
const I16: u8 = 4;
const I32: u8 = 5;
const I64: u8 = 6;
const DOUBLE: u8 = 7;
const BINARY: u8 = 8;
const LIST: u8 = 9;
const SET: u8 = 10;
const STRUCT: u8 = 12;

/// Thrift's compact protocol.
struct Compact<R> {
    input: R,
    read: u64,
}

impl<R: Read> Compact<R> {
    fn byte(&mut self) -> io::Result<u8> {
        let mut byte = [0];
        self.input.read_exact(&mut byte)?;
        self.read += 1;
        Ok(byte[0])
    }

    fn varint(&mut self) -> io::Result<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(wrong())
    }

    fn integer(&mut self) -> io::Result<i64> {
        let value = self.varint()?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    /// A number of bytes or values.
    fn size(&mut self) -> io::Result<u64> {
        u64::try_from(self.integer()?).map_err(|_| wrong())
    }

    /// Number and type of the next field; none at the end of the structure.
    fn field(&mut self, last: &mut i64) -> io::Result<Option<(i64, u8)>> {
        let head = self.byte()?;
        if head == 0 {
            return Ok(None);
        }
        *last = match head >> 4 {
            0 => self.integer()?,
            step => last.saturating_add(i64::from(step)),
        };
        Ok(Some((*last, head & 0x0f)))
    }

    /// Number of values, which comes first, and the encoding, field `at`.
    fn page(&mut self, at: i64) -> io::Result<(u64, i64)> {
        let (mut values, mut encoding) = (None, None);
        let mut last = 0;
        while let Some((id, wire)) = self.field(&mut last)? {
            match (id, wire) {
                (1, I32) => values = Some(self.size()?),
                (id, I32) if id == at => encoding = Some(self.integer()?),
                _ => self.skip(wire, DEPTH)?,
            }
        }
        Ok((values.ok_or_else(wrong)?, encoding.ok_or_else(wrong)?))
    }

    fn skip(&mut self, wire: u8, depth: u32) -> io::Result<()> {
        let inner = depth.checked_sub(1).ok_or_else(wrong)?;
        match wire {
            TRUE | FALSE => {}
            I8 => drop(self.byte()?),
            I16 | I32 | I64 => drop(self.varint()?),
            DOUBLE => self.pass(8)?,
            BINARY => {
                let length = self.varint()?;
                self.pass(length)?;
            }
            LIST | SET => {
                let head = self.byte()?;
                let count = match head >> 4 {
                    15 => self.varint()?,
                    count => u64::from(count),
                };
                for _ in 0..count {
                    match head & 0x0f {
                        // In a list they have a byte.
                        TRUE | FALSE => drop(self.byte()?),
                        wire => self.skip(wire, inner)?,
                    }
                }
            }
            STRUCT => {
                let mut last = 0;
                while let Some((_, wire)) = self.field(&mut last)? {
                    self.skip(wire, inner)?;
                }
            }
            // Page headers have no maps.
            _ => return Err(wrong()),
        }
        Ok(())
    }

    fn pass(&mut self, bytes: u64) -> io::Result<()> {
        let passed = io::copy(&mut self.input.by_ref().take(bytes), &mut io::sink())?;
        self.read += passed;
        if passed == bytes { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }
}

fn wrong() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "a page has no usable header")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_both_versions_are_read() {
        // type 0, 100 bytes, 40 stored, {5 values, encoding 8, levels 3 and 3}.
        let first =
            [0x15, 0, 0x15, 0xc8, 1, 0x15, 0x50, 0x2c, 0x15, 10, 0x15, 16, 0x15, 6, 0x15, 6, 0, 0];
        let header = read(&first[..]).unwrap();
        let kind = Kind::Data { encoding: 8 };
        assert_eq!(header, Header { kind, values: 5, bytes: 100, stored: 40, length: 18 });
        // type 3, and {7 values, 1 null, 7 rows, encoding 0, 2, 0, compressed}.
        let second = [
            0x15, 6, 0x15, 20, 0x15, 20, 0x5c, 0x15, 14, 0x15, 2, 0x15, 14, 0x15, 0, 0x15, 4, 0x15,
            0, 0x11, 0, 0,
        ];
        let header = read(&second[..]).unwrap();
        assert_eq!((header.kind, header.values), (Kind::Data { encoding: 0 }, 7));
    }

    #[test]
    fn anything_else_ends_in_an_error() {
        let negative = [0x15, 0, 0x15, 1, 0x15, 2, 0];
        for bytes in [&b""[..], &[0], &[0x15, 0], &negative, &[0xff; 40], &[0x1c; 40], &[0x19; 40]]
        {
            assert!(read(bytes).is_err(), "{bytes:?}");
        }
        // A list of a million structures that have no end.
        let mut long = vec![0x19, 0xfc, 0xff, 0xff, 0x3f];
        long.extend(vec![0x1c; 4_000_000]);
        assert!(read(&long[..]).is_err());
    }
}
