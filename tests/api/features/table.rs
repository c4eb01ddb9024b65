//! Reads the golden table of molecules.

use std::fs::File;
use std::path::{Path, PathBuf};

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type, Int64Type};
use arrow_array::{Array, RecordBatch};
use arrow_schema::DataType;
use hetero2::molecule::{HeavyBond, HeavyGraph};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

/// The golden directory, or nothing, said loudly.
pub fn golden_dir() -> Option<PathBuf> {
    let dir = std::env::var_os("HETERO2_GOLDEN").map(PathBuf::from);
    if dir.is_none() {
        eprintln!("SKIPPED: set HETERO2_GOLDEN to the directory of golden results");
    }
    dir
}

/// One row of a batch.
#[derive(Clone, Copy)]
pub struct Row<'a>(&'a RecordBatch, usize);

/// Calls `check` for every row whose operators the golden table has.
pub fn for_each_operator_row(dir: &Path, mut check: impl FnMut(Row<'_>)) {
    let file = File::open(dir.join("molecules.parquet")).expect("molecules.parquet");
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
    for batch in reader {
        let batch = batch.unwrap();
        for index in 0..batch.num_rows() {
            let row = Row(&batch, index);
            if row.text("op_status").as_deref() == Some("ok") {
                check(row);
            }
        }
    }
}

impl<'a> Row<'a> {
    fn column(self, name: &str) -> Option<&'a dyn Array> {
        let column = self.0.column_by_name(name).unwrap_or_else(|| panic!("no column {name}"));
        (!column.is_null(self.1)).then_some(column.as_ref())
    }

    pub fn text(self, name: &str) -> Option<String> {
        let column = self.column(name)?;
        Some(match column.data_type() {
            DataType::LargeUtf8 => column.as_string::<i64>().value(self.1).to_owned(),
            _ => column.as_string::<i32>().value(self.1).to_owned(),
        })
    }

    /// A number or a truth value; nothing for null and NaN.
    pub fn number(self, name: &str) -> Option<f64> {
        let column = self.column(name)?;
        let value = match column.data_type() {
            DataType::Boolean => f64::from(u8::from(column.as_boolean().value(self.1))),
            _ => numbers(column)[self.1],
        };
        (!value.is_nan()).then_some(value)
    }

    pub fn list(self, name: &str) -> Vec<f64> {
        let Some(column) = self.column(name) else { return Vec::new() };
        numbers(column.as_list::<i32>().value(self.1).as_ref())
    }

    pub fn graph(self) -> HeavyGraph {
        let (i, j, order) = (self.list("edge_i"), self.list("edge_j"), self.list("edge_order"));
        let bond = |k: usize| HeavyBond {
            i: i[k] as u32,
            j: j[k] as u32,
            doubled_order: (2.0 * order[k]) as u8,
        };
        HeavyGraph {
            atomic_numbers: self.list("z").into_iter().map(|z| z as u8).collect(),
            bonds: (0..i.len()).map(bond).collect(),
        }
    }
}

fn numbers(array: &dyn Array) -> Vec<f64> {
    match array.data_type() {
        DataType::Float64 => array.as_primitive::<Float64Type>().values().to_vec(),
        DataType::Int64 => {
            array.as_primitive::<Int64Type>().values().iter().map(|&v| v as f64).collect()
        }
        DataType::Int32 => {
            array.as_primitive::<Int32Type>().values().iter().map(|&v| f64::from(v)).collect()
        }
        other => panic!("unexpected type {other}"),
    }
}
