//! Rows as an Arrow batch in memory, with the columns that the table has in files.

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::ArrowError;

use super::TableRow;
use super::column::{self, Builder, Column};

/// The rows as one batch: the columns of the table, in its order.
///
/// ```
/// use hetero2_evidence::pack::rows::SpectrumRow;
/// use hetero2_evidence::pack::tables::record_batch;
///
/// let row = SpectrumRow { row: 7, id: "ethane".into(), ..Default::default() };
/// let batch = record_batch(&[&row]).unwrap();
/// assert_eq!((batch.num_rows(), batch.schema().field(1).name().as_str()), (1, "id"));
/// ```
///
/// # Errors
/// A column that is beyond what Arrow can hold (2 GiB of text).
pub fn record_batch<R: TableRow>(rows: &[&R]) -> Result<RecordBatch, ArrowError> {
    let columns = R::columns();
    let schema = Arc::new(column::schema(&columns));
    let fill = |column: &Column<R>| {
        let mut builder: Builder = column.builder();
        column.append(rows, &mut builder);
        builder.finish()
    };
    let arrays: Vec<ArrayRef> = columns.iter().map(fill).collect();
    RecordBatch::try_new(schema, arrays)
}
