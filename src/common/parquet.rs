//! How much memory a Parquet file can take before it is decoded: the headers of
//! its pages are read, and pages, values and rows at a time are bounded by them.
//! Knows nothing of what the columns mean.
//!
//! A few kilobytes can decode to gigabytes: pages are compressed, and a long
//! entry of a dictionary may stand in every row. What the footer says of sizes
//! is the writer's word only, so the pages themselves are asked.

mod cell;
mod page;

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use parquet::basic::{Encoding, Type};
use parquet::column::page::{Page, PageReader as _};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};
use parquet::file::reader::{ChunkReader, Length};
use parquet::file::serialized_reader::SerializedPageReader;

pub use cell::{Inexact, exact_text, has_exact_text};
use page::{Header, Kind};

/// Largest page that is decoded, uncompressed. Writers make pages of about
/// 1 MiB; some make one of a row group.
pub const PAGE_BYTES: u64 = 64 << 20;
/// Bytes of the values that are decoded at a time, of all columns.
pub const BATCH_BYTES: u64 = 64 << 20;
/// Bytes that the lists of one column chunk may decode to: a single row may
/// hold all of them.
const LIST_BYTES: u64 = 256 << 20;

/// What can be read of a file at a time, within the bounds above.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Rows, at least 1.
    pub rows_at_once: usize,
}

/// An input that is read twice: for its bounds, then for its rows.
#[derive(Debug)]
pub struct Shared<T>(Arc<T>);

impl<T> Shared<T> {
    /// Shares `input`.
    pub fn new(input: T) -> Self {
        Self(Arc::new(input))
    }
}

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: Length> Length for Shared<T> {
    fn len(&self) -> u64 {
        self.0.len()
    }
}

impl<T: ChunkReader> ChunkReader for Shared<T> {
    type T = T::T;

    fn get_read(&self, start: u64) -> parquet::errors::Result<Self::T> {
        self.0.get_read(start)
    }

    fn get_bytes(&self, start: u64, length: usize) -> parquet::errors::Result<Bytes> {
        self.0.get_bytes(start, length)
    }
}

/// The bounds of the columns that `wanted` picks by their number among the
/// leaves; at most `most` rows at a time.
///
/// Reads the header of every page, and decodes dictionaries and pages whose
/// encoding says by itself how many values it has. Memory: two pages.
///
/// # Errors
/// A page is larger than [`PAGE_BYTES`], a list is too long, a page is not what
/// its header says, or it uses an encoding without a bound.
pub fn bounds<T: ChunkReader + 'static>(
    input: &Shared<T>,
    metadata: &ParquetMetaData,
    wanted: impl Fn(usize) -> bool,
    most: usize,
) -> Result<Bounds, ParquetError> {
    let columns = metadata.file_metadata().schema_descr().num_columns();
    let mut heaviest = 1_u64;
    for group in metadata.row_groups() {
        let mut row = 0_u64;
        for index in (0..columns).filter(|index| wanted(*index)) {
            let column = group.columns().get(index).ok_or_else(|| wrong("a column is missing"))?;
            let rows = usize::try_from(group.num_rows()).map_err(|_| wrong("negative rows"))?;
            row = row.saturating_add(weigh(input, column, rows)?);
        }
        heaviest = heaviest.max(row);
    }
    let rows = (BATCH_BYTES / heaviest).clamp(1, most.max(1) as u64);
    Ok(Bounds { rows_at_once: usize::try_from(rows).unwrap_or(most).max(1) })
}

/// Bytes that a value of the column takes at most, on average over the pages
/// that a batch reads; those of both its ends come on top.
fn weigh<T: ChunkReader + 'static>(
    input: &Shared<T>,
    column: &ColumnChunkMetaData,
    rows: usize,
) -> Result<u64, ParquetError> {
    let is_text = column.column_type() == Type::BYTE_ARRAY;
    let mut weight = width(column);
    let mut values = 0_u64;
    let mut found = Inspected::default();
    each_page(input, column, |header| {
        match header.kind {
            Kind::Dictionary => found.has_dictionary |= is_text,
            Kind::Data { encoding } if is_text => match encoding {
                DELTA_LENGTH => found.has_counts = true,
                PLAIN | PLAIN_DICTIONARY | RLE_DICTIONARY => {}
                _ => {
                    return Err(wrong(
                        "a text column has an encoding that is not read; write it with plain or \
                         dictionary encoding",
                    ));
                }
            },
            Kind::Data { .. } | Kind::Other => {}
        }
        if let Kind::Data { .. } = header.kind {
            values = values.saturating_add(header.values);
            if is_text {
                weight = weight.max(header.bytes.div_ceil(header.values.max(1)));
            }
        }
        Ok(())
    })?;
    if found != Inspected::default() {
        weight = weight.max(longest_entry(input, column, rows, found)?);
    }
    if column.column_descr().max_rep_level() > 0 && values.saturating_mul(weight) > LIST_BYTES {
        return Err(wrong("its lists are too long to be read"));
    }
    Ok(weight)
}

/// Pages of a text column that are looked into.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Inspected {
    /// A dictionary, whose entries have any length.
    has_dictionary: bool,
    /// Pages that say once more how many values they have.
    has_counts: bool,
}

/// Bytes of a value of fixed width; of a text, what stands beside it.
fn width(column: &ColumnChunkMetaData) -> u64 {
    match column.column_type() {
        Type::FIXED_LEN_BYTE_ARRAY => {
            u64::try_from(column.column_descr().type_length()).unwrap_or_default().max(1)
        }
        Type::INT96 => 12,
        _ => 8,
    }
}

const PLAIN: i64 = 0;
const PLAIN_DICTIONARY: i64 = 2;
const DELTA_LENGTH: i64 = 6;
const RLE_DICTIONARY: i64 = 8;

/// Reads the header of every page of the chunk.
fn each_page<T: ChunkReader>(
    input: &Shared<T>,
    column: &ColumnChunkMetaData,
    mut visit: impl FnMut(&Header) -> Result<(), ParquetError>,
) -> Result<(), ParquetError> {
    let start = column.dictionary_page_offset().unwrap_or_else(|| column.data_page_offset());
    let start = u64::try_from(start).map_err(|_| wrong("a negative offset"))?;
    let length = u64::try_from(column.compressed_size()).map_err(|_| wrong("a negative size"))?;
    let end = start.checked_add(length).filter(|end| *end <= input.len());
    let end = end.ok_or_else(|| wrong("a column lies beyond the end"))?;
    let mut at = start;
    while at < end {
        let header = page::read(input.get_read(at)?).map_err(unreadable)?;
        if header.bytes > PAGE_BYTES {
            return Err(ParquetError::General(format!(
                "a page of {} bytes, more than the {PAGE_BYTES} that are read; write smaller pages \
                 (row groups of fewer rows), and no text of that length",
                header.bytes
            )));
        }
        visit(&header)?;
        at = at.saturating_add(header.length).saturating_add(header.stored);
    }
    Ok(())
}

/// The longest entry of the dictionary; checks pages that count their values
/// themselves. Every page was found to be of a size that can be decoded.
fn longest_entry<T: ChunkReader + 'static>(
    input: &Shared<T>,
    column: &ColumnChunkMetaData,
    rows: usize,
    found: Inspected,
) -> Result<u64, ParquetError> {
    let mut pages = SerializedPageReader::new(Arc::new(input.clone()), column, rows, None)?;
    let levels = (column.column_descr().max_rep_level(), column.column_descr().max_def_level());
    let mut longest = 1;
    while let Some(page) = pages.get_next_page()? {
        let counts_itself = page.encoding() == Encoding::DELTA_LENGTH_BYTE_ARRAY;
        match &page {
            Page::DictionaryPage { buf, .. } => longest = longest.max(longest_text(buf)?),
            Page::DataPage { buf, num_values, .. } if counts_itself => {
                check_count(after_levels(buf, levels)?, u64::from(*num_values))?;
            }
            Page::DataPageV2 {
                buf, num_values, def_levels_byte_len, rep_levels_byte_len, ..
            } if counts_itself => {
                let values = from(buf, u64::from(*def_levels_byte_len))?;
                let values = from(values, u64::from(*rep_levels_byte_len))?;
                check_count(values, u64::from(*num_values))?;
            }
            Page::DataPage { .. } | Page::DataPageV2 { .. } => {}
        }
        // The dictionary comes first.
        if !found.has_counts {
            break;
        }
    }
    Ok(longest)
}

/// The longest of texts that each stand behind their length.
fn longest_text(mut bytes: &[u8]) -> Result<u64, ParquetError> {
    let mut longest = 0;
    while let Some((length, rest)) = bytes.split_first_chunk() {
        let length = u64::from(u32::from_le_bytes(*length));
        longest = longest.max(length);
        bytes = from(rest, length)?;
    }
    Ok(longest)
}

/// The values of a page of version 1, which stand behind its levels.
fn after_levels(mut bytes: &[u8], levels: (i16, i16)) -> Result<&[u8], ParquetError> {
    for _ in [levels.0, levels.1].into_iter().filter(|level| *level > 0) {
        let (length, rest) = bytes.split_first_chunk().ok_or_else(|| wrong("a page is cut"))?;
        bytes = from(rest, u64::from(u32::from_le_bytes(*length)))?;
    }
    Ok(bytes)
}

/// Refuses lengths of more values than the page has: the decoder makes room for
/// as many as they say.
fn check_count(values: &[u8], due: u64) -> Result<(), ParquetError> {
    // Values of a block, parts of it, and then values in total.
    let mut rest = values;
    let mut last = 0;
    for _ in 0..3 {
        last = varint(&mut rest)?;
    }
    if last > due {
        return Err(wrong("a page claims more values than it has"));
    }
    Ok(())
}

fn varint(bytes: &mut &[u8]) -> Result<u64, ParquetError> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first().ok_or_else(|| wrong("a page is cut"))?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if *byte < 0x80 {
            return Ok(value);
        }
    }
    Err(wrong("a page has a number that is too long"))
}

fn from(bytes: &[u8], start: u64) -> Result<&[u8], ParquetError> {
    let start = usize::try_from(start).ok();
    start.and_then(|start| bytes.get(start..)).ok_or_else(|| wrong("a page is cut"))
}

fn wrong(what: &str) -> ParquetError {
    ParquetError::General(what.to_owned())
}

fn unreadable(error: io::Error) -> ParquetError {
    ParquetError::External(Box::new(error))
}

#[cfg(test)]
mod tests {
    use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
    use parquet::arrow::ArrowWriter;
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
    use parquet::basic::{Compression, ZstdLevel};
    use parquet::file::properties::{WriterProperties, WriterPropertiesBuilder};

    use super::*;

    fn written(texts: &[String], properties: WriterPropertiesBuilder) -> Bytes {
        let numbers = Int64Array::from_iter_values(0..texts.len() as i64);
        let texts = StringArray::from_iter_values(texts);
        let columns = [("text", Arc::new(texts) as ArrayRef), ("number", Arc::new(numbers) as _)];
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let properties =
            properties.set_compression(Compression::ZSTD(ZstdLevel::try_new(3).unwrap())).build();
        let mut bytes = Vec::new();
        let mut writer =
            ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties)).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        Bytes::from(bytes)
    }

    fn bounded(bytes: &Bytes) -> Result<usize, ParquetError> {
        let builder = ParquetRecordBatchReaderBuilder::try_new(bytes.clone()).unwrap();
        let bounds = bounds(&Shared::new(bytes.clone()), builder.metadata(), |_| true, 4_096)?;
        Ok(bounds.rows_at_once)
    }

    #[test]
    fn ordinary_tables_are_read_in_full_batches() {
        let texts: Vec<String> = (0..20_000).map(|i| format!("C{}", "C".repeat(i % 60))).collect();
        for encoding in [None, Some(Encoding::PLAIN), Some(Encoding::DELTA_LENGTH_BYTE_ARRAY)] {
            let mut properties = WriterProperties::builder().set_data_page_size_limit(10_000);
            if let Some(encoding) = encoding {
                properties = properties.set_dictionary_enabled(false).set_encoding(encoding);
                properties = properties.set_column_encoding("number".into(), Encoding::PLAIN);
            }
            for version in [
                parquet::file::properties::WriterVersion::PARQUET_1_0,
                parquet::file::properties::WriterVersion::PARQUET_2_0,
            ] {
                let bytes = written(&texts, properties.clone().set_writer_version(version));
                assert_eq!(bounded(&bytes).unwrap(), 4_096, "{encoding:?} {version:?}");
            }
        }
    }

    #[test]
    fn a_long_entry_of_a_dictionary_makes_batches_short() {
        let texts = vec!["C".repeat(1_000_000); 100];
        let properties = WriterProperties::builder().set_dictionary_page_size_limit(8 << 20);
        let bytes = written(&texts, properties);
        assert!(bytes.len() < 20_000, "{}", bytes.len());
        assert_eq!(bounded(&bytes).unwrap() as u64, BATCH_BYTES / 1_000_008);
    }

    #[test]
    fn a_huge_page_and_an_unbounded_encoding_are_refused() {
        let properties = WriterProperties::builder().set_dictionary_enabled(false);
        let bytes = written(&["C".repeat(65 << 20)], properties.clone());
        assert!(bytes.len() < 20_000, "{}", bytes.len());
        assert!(bounded(&bytes).unwrap_err().to_string().contains("a page of"));
        let prefixed = properties.set_column_encoding("text".into(), Encoding::DELTA_BYTE_ARRAY);
        let bytes = written(&vec!["C".repeat(100); 10], prefixed);
        assert!(bounded(&bytes).unwrap_err().to_string().contains("encoding"));
    }

    #[test]
    fn counts_beyond_the_page_are_refused() {
        assert!(check_count(&[0x80, 1, 4, 5], 5).is_ok());
        assert!(check_count(&[0x80, 1, 4, 6], 5).is_err());
        assert!(check_count(&[0x80, 1, 4, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f], 5).is_err());
        assert!(check_count(&[0x80], 5).is_err());
        assert_eq!(longest_text(b"\x01\0\0\0C\x03\0\0\0CCC").unwrap(), 3);
        assert!(longest_text(b"\x09\0\0\0C").is_err());
    }
}
