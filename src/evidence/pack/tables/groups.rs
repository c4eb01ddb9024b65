//! A table whose row groups are read apart, by several threads at once. Only
//! tables that pass through a run say which rows their groups hold.

use std::marker::PhantomData;
use std::ops::{Range, RangeInclusive};
use std::path::{Path, PathBuf};

use parquet::arrow::arrow_reader::ArrowReaderMetadata;
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::statistics::Statistics;

use super::read::{BatchReader, load_metadata};
use super::{FileSlice, ROW, TableReader, TableRow};
use crate::pack::error::PackError;

/// The row groups of a table that [`super::TableWriter::create_passing`] began.
pub struct TableGroups<R> {
    path: PathBuf,
    metadata: ArrowReaderMetadata,
    rows: Vec<RangeInclusive<u64>>,
    row_type: PhantomData<fn() -> R>,
}

impl<R: TableRow> TableGroups<R> {
    /// Opens the table at `path`.
    ///
    /// # Errors
    /// The file is missing or damaged, or its groups do not say which rows they
    /// hold.
    pub fn open(path: &Path) -> Result<Self, PackError> {
        let metadata = load_metadata(&FileSlice::whole(path)?, path)?;
        let groups = metadata.metadata().row_groups();
        let rows = groups.iter().map(row_range).collect::<Option<_>>();
        let rows = rows.ok_or_else(|| PackError::Schema {
            path: path.to_owned(),
            detail: "row groups that do not say which rows they hold; make the file with this \
                     version"
                .to_owned(),
        })?;
        Ok(Self { path: path.to_owned(), metadata, rows, row_type: PhantomData })
    }

    /// First and last row of the input in each group.
    pub fn rows(&self) -> &[RangeInclusive<u64>] {
        &self.rows
    }

    /// Reads some groups.
    ///
    /// # Errors
    /// As of [`TableReader::open`].
    pub fn read(&self, groups: Range<usize>) -> Result<TableReader<R>, PackError> {
        let input = FileSlice::whole(&self.path)?;
        let batches = BatchReader::of_groups(input, &self.metadata, groups, &self.path)?;
        TableReader::from_batches(batches)
    }
}

fn row_range(group: &RowGroupMetaData) -> Option<RangeInclusive<u64>> {
    let column = group.columns().first().filter(|c| c.column_path().string() == ROW)?;
    let Statistics::Int64(found) = column.statistics()? else { return None };
    let row = |value: Option<&i64>| u64::try_from(*value?).ok();
    Some(row(found.min_opt())?..=row(found.max_opt())?)
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::sync::Arc;

    use arrow_array::RecordBatch;
    use parquet::arrow::ArrowWriter;

    use super::*;
    use crate::pack::rows::SpectrumRow;
    use crate::pack::tables::sealed::Row;
    use crate::pack::tables::{TableWriter, column};

    fn rows(range: Range<u64>) -> Vec<SpectrumRow> {
        let spectrum =
            |row| SpectrumRow { row, id: row.to_string(), l: vec![0.5; 3], ..Default::default() };
        range.filter(|row| row % 5 != 0).map(spectrum).collect()
    }

    #[test]
    fn groups_say_which_rows_they_hold_and_are_read_apart() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("t.parquet");
        let mut writer = TableWriter::create_passing(&path).unwrap();
        for range in [0..700, 700..701, 701..10_000, 10_000..40_000] {
            writer.write_each(&rows(range)).unwrap();
            writer.end_group().unwrap();
            writer.end_group().unwrap();
        }
        writer.finish().unwrap();
        let groups = TableGroups::<SpectrumRow>::open(&path).unwrap();
        // A group has 16,384 rows at most: 20,480 less every fifth.
        let held = [1..=699, 701..=9_999, 10_001..=30_479, 30_481..=39_999];
        assert_eq!(groups.rows(), held);
        let read = |groups: TableReader<SpectrumRow>| groups.flat_map(|r| r.unwrap());
        for (group, range) in held.iter().enumerate() {
            let table = groups.read(group..group + 1).unwrap();
            let expected = rows(*range.start()..range.end() + 1);
            assert_eq!(table.rows(), expected.len() as u64);
            assert!(read(table).eq(expected), "group {group}");
        }
        assert!(read(groups.read(1..3).unwrap()).eq(rows(701..30_480)));
        assert!(read(TableReader::open(&path).unwrap()).eq(rows(0..40_000)));
    }

    #[test]
    fn groups_that_do_not_say_which_rows_they_hold_are_refused() {
        use parquet::file::properties::{EnabledStatistics, WriterProperties};

        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("t.parquet");
        let columns = SpectrumRow::columns();
        let schema = Arc::new(column::schema(&columns));
        let some = rows(1..4);
        let arrays = columns.iter().map(|column| {
            let mut builder = column.builder();
            column.append(&some.iter().collect::<Vec<_>>(), &mut builder);
            builder.finish()
        });
        let batch = RecordBatch::try_new(Arc::clone(&schema), arrays.collect()).unwrap();
        let none = WriterProperties::builder().set_statistics_enabled(EnabledStatistics::None);
        let file = File::create(&path).unwrap();
        let mut writer = ArrowWriter::try_new(file, schema, Some(none.build())).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        let told = TableGroups::<SpectrumRow>::open(&path).err().unwrap().to_string();
        assert!(told.contains("do not say which rows they hold"), "{told}");
    }

    #[test]
    fn an_empty_table_has_no_group() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("t.parquet");
        TableWriter::<SpectrumRow>::create_passing(&path).unwrap().finish().unwrap();
        assert!(TableGroups::<SpectrumRow>::open(&path).unwrap().rows().is_empty());
    }

    #[test]
    fn another_table_is_refused_when_it_is_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("t.parquet");
        let mut writer = TableWriter::create_passing(&path).unwrap();
        writer.write(&rows(1..2)).unwrap();
        writer.finish().unwrap();
        let groups = TableGroups::<crate::pack::rows::DecoyRow>::open(&path).unwrap();
        assert!(matches!(groups.read(0..1), Err(PackError::Schema { .. })));
    }
}
