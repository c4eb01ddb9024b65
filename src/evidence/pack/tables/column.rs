//! Columns of a table: name, type, how a row fills them and how they are read
//! back.

use std::fmt::{Display, Write};
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use arrow_array::builder::{
    ArrayBuilder, FixedSizeListBuilder, Float64Builder, Int32Builder, Int64Builder, ListBuilder,
    PrimitiveBuilder, StringBuilder, UInt8Builder, UInt32Builder, UInt64Builder,
};
use arrow_array::{
    Array, ArrayRef, ArrowPrimitiveType, FixedSizeListArray, Float64Array, Int32Array, Int64Array,
    ListArray, RecordBatch, StringArray, UInt8Array, UInt32Array, UInt64Array,
};
use arrow_schema::{DataType, Field, Schema};

use super::write::BATCH_BYTES;
use crate::pack::error::PackError;
use hetero2_contract::Warning;

/// How a row fills a column.
pub enum Get<R> {
    U64(fn(&R) -> Option<u64>),
    I64(fn(&R) -> Option<i64>),
    U32(fn(&R) -> Option<u32>),
    I32(fn(&R) -> Option<i32>),
    F64(fn(&R) -> Option<f64>),
    Text(for<'a> fn(&'a R) -> Option<&'a str>),
    /// A value that is published as text of its own.
    Shown(for<'a> fn(&'a R) -> Option<&'a dyn Display>),
    Warnings(for<'a> fn(&'a R) -> &'a [Warning]),
    F64s(for<'a> fn(&'a R) -> &'a [f64]),
    /// So many small integers; others are as none.
    Bytes(for<'a> fn(&'a R) -> Option<&'a [u8]>, usize),
}

/// Whether a cell may be undefined.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    Required,
    Optional,
}

/// How the values of a column are laid out in the file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// Few distinct values.
    Dictionary,
    /// Almost every value differs.
    Plain,
    /// Growing integers.
    Delta,
    /// Floating-point numbers: the bytes of equal rank together.
    Split,
}

/// One column of the table of `R`.
pub struct Column<R> {
    pub name: &'static str,
    pub presence: Presence,
    pub layout: Layout,
    pub get: Get<R>,
}

impl<R> Column<R> {
    /// A column that every row fills.
    pub fn required(name: &'static str, layout: Layout, get: Get<R>) -> Self {
        Self { name, presence: Presence::Required, layout, get }
    }

    /// A column that may be undefined.
    pub fn optional(name: &'static str, layout: Layout, get: Get<R>) -> Self {
        Self { name, presence: Presence::Optional, layout, get }
    }

    /// A number that may be undefined.
    pub fn number(name: &'static str, get: fn(&R) -> Option<f64>) -> Self {
        Self::optional(name, Layout::Dictionary, Get::F64(get))
    }

    /// A count that may be undefined.
    pub fn count(name: &'static str, get: fn(&R) -> Option<u32>) -> Self {
        Self::optional(name, Layout::Dictionary, Get::U32(get))
    }

    /// A word that may be undefined.
    pub fn word(name: &'static str, get: for<'a> fn(&'a R) -> Option<&'a str>) -> Self {
        Self::optional(name, Layout::Dictionary, Get::Text(get))
    }

    /// A value with a text of its own that may be undefined.
    pub fn shown(name: &'static str, get: for<'a> fn(&'a R) -> Option<&'a dyn Display>) -> Self {
        Self::optional(name, Layout::Dictionary, Get::Shown(get))
    }

    fn field(&self) -> Field {
        let list = |inner| DataType::List(Arc::new(Field::new(LIST_ITEM, inner, false)));
        let data_type = match self.get {
            Get::U64(_) => DataType::UInt64,
            Get::I64(_) => DataType::Int64,
            Get::U32(_) => DataType::UInt32,
            Get::I32(_) => DataType::Int32,
            Get::F64(_) => DataType::Float64,
            Get::Text(_) | Get::Shown(_) => DataType::Utf8,
            Get::Warnings(_) => list(DataType::Utf8),
            Get::F64s(_) => list(DataType::Float64),
            Get::Bytes(_, length) => DataType::FixedSizeList(
                Arc::new(Field::new(LIST_ITEM, DataType::UInt8, false)),
                length as i32,
            ),
        };
        Field::new(self.name, data_type, self.presence == Presence::Optional)
    }

    /// Path of the column's values in the Parquet schema.
    pub fn leaf(&self) -> Vec<String> {
        match self.get {
            Get::Warnings(_) | Get::F64s(_) | Get::Bytes(..) => {
                vec![self.name.into(), "list".into(), LIST_ITEM.into()]
            }
            _ => vec![self.name.into()],
        }
    }

    /// An empty builder of the column.
    pub fn builder(&self) -> Builder {
        let item = |inner| Arc::new(Field::new(LIST_ITEM, inner, false));
        match self.get {
            Get::U64(_) => Builder::U64(UInt64Builder::new()),
            Get::I64(_) => Builder::I64(Int64Builder::new()),
            Get::U32(_) => Builder::U32(UInt32Builder::new()),
            Get::I32(_) => Builder::I32(Int32Builder::new()),
            Get::F64(_) => Builder::F64(Float64Builder::new()),
            Get::Text(_) | Get::Shown(_) => Builder::Text(StringBuilder::new()),
            Get::Warnings(_) => Builder::Texts(
                ListBuilder::new(StringBuilder::new()).with_field(item(DataType::Utf8)),
            ),
            Get::F64s(_) => Builder::F64s(
                ListBuilder::new(Float64Builder::new()).with_field(item(DataType::Float64)),
            ),
            Get::Bytes(_, length) => Builder::Bytes(
                FixedSizeListBuilder::new(UInt8Builder::new(), length as i32)
                    .with_field(item(DataType::UInt8)),
            ),
        }
    }

    /// Appends the column's cells of `rows`. The builder is this column's own.
    pub fn append(&self, rows: &[&R], builder: &mut Builder) {
        match (&self.get, builder) {
            (Get::U64(get), Builder::U64(b)) => rows.iter().for_each(|r| b.append_option(get(r))),
            (Get::I64(get), Builder::I64(b)) => rows.iter().for_each(|r| b.append_option(get(r))),
            (Get::U32(get), Builder::U32(b)) => rows.iter().for_each(|r| b.append_option(get(r))),
            (Get::I32(get), Builder::I32(b)) => rows.iter().for_each(|r| b.append_option(get(r))),
            (Get::F64(get), Builder::F64(b)) => rows.iter().for_each(|r| b.append_option(get(r))),
            (Get::Text(get), Builder::Text(b)) => rows.iter().for_each(|r| b.append_option(get(r))),
            (Get::Shown(get), Builder::Text(b)) => rows.iter().for_each(|r| match get(r) {
                Some(value) => append_shown(b, value),
                None => b.append_null(),
            }),
            (Get::Warnings(get), Builder::Texts(b)) => rows.iter().for_each(|row| {
                get(row).iter().for_each(|warning| append_shown(b.values(), warning));
                b.append(true);
            }),
            (Get::F64s(get), Builder::F64s(b)) => rows.iter().for_each(|row| {
                b.values().append_slice(get(row));
                b.append(true);
            }),
            (&Get::Bytes(get, length), Builder::Bytes(b)) => rows.iter().for_each(|row| {
                let bytes = get(row).filter(|bytes| bytes.len() == length);
                match bytes {
                    Some(bytes) => b.values().append_slice(bytes),
                    None => b.values().append_value_n(0, length),
                }
                b.append(bytes.is_some());
            }),
            _ => unreachable!("a column is only given the builder that it made"),
        }
    }
}

/// Appends what `value` shows, without a copy in between.
fn append_shown(builder: &mut StringBuilder, value: &dyn Display) {
    // Writing to a builder cannot fail.
    let _ = write!(builder, "{value}");
    builder.append_value("");
}

const LIST_ITEM: &str = "element";

/// Cells of a column that gather until a batch is full.
pub enum Builder {
    U64(UInt64Builder),
    I64(Int64Builder),
    U32(UInt32Builder),
    I32(Int32Builder),
    F64(Float64Builder),
    Text(StringBuilder),
    Texts(ListBuilder<StringBuilder>),
    F64s(ListBuilder<Float64Builder>),
    Bytes(FixedSizeListBuilder<UInt8Builder>),
}

impl Builder {
    /// The gathered cells; the builder is empty afterwards, with room for as many.
    pub fn finish(&mut self) -> ArrayRef {
        match self {
            Self::U64(b) => finish_numbers(b),
            Self::I64(b) => finish_numbers(b),
            Self::U32(b) => finish_numbers(b),
            Self::I32(b) => finish_numbers(b),
            Self::F64(b) => finish_numbers(b),
            Self::Text(b) => {
                let (cells, bytes) = (b.len(), b.values_slice().len());
                let array = ArrayBuilder::finish(b);
                *b = StringBuilder::with_capacity(cells, bytes.min(BATCH_BYTES));
                array
            }
            Self::Texts(b) => ArrayBuilder::finish(b),
            Self::Bytes(b) => ArrayBuilder::finish(b),
            Self::F64s(b) => {
                let values = b.values().len();
                let array = ArrayBuilder::finish(b);
                let room = values.min(BATCH_BYTES / size_of::<f64>());
                *b.values() = Float64Builder::with_capacity(room);
                array
            }
        }
    }
}

fn finish_numbers<T: ArrowPrimitiveType>(builder: &mut PrimitiveBuilder<T>) -> ArrayRef {
    let cells = builder.len();
    let array = ArrayBuilder::finish(builder);
    *builder = PrimitiveBuilder::with_capacity(cells);
    array
}

/// The Arrow schema of `columns`.
pub fn schema<R>(columns: &[Column<R>]) -> Schema {
    Schema::new(columns.iter().map(Column::field).collect::<Vec<_>>())
}

/// Cells of one batch, by column name.
pub struct Cells<'a> {
    pub batch: &'a RecordBatch,
    pub path: &'a Path,
    /// Row of the file that the batch begins with.
    pub first_row: u64,
}

macro_rules! primitive {
    ($name:ident, $array:ty, $value:ty) => {
        /// Cells of a column of this type; undefined ones are `None`.
        pub fn $name(
            &self,
            name: &str,
        ) -> Result<impl Fn(usize) -> Option<$value> + use<'a>, PackError> {
            let array = self.array::<$array>(name)?;
            Ok(move |i: usize| (!array.is_null(i)).then(|| array.value(i)))
        }
    };
}

impl<'a> Cells<'a> {
    primitive!(u64, UInt64Array, u64);
    primitive!(i64, Int64Array, i64);
    primitive!(u32, UInt32Array, u32);
    primitive!(i32, Int32Array, i32);
    primitive!(f64, Float64Array, f64);
    primitive!(text, StringArray, &'a str);

    /// Lists of words.
    pub fn words<'b, T: FromStr>(
        &'b self,
        name: &'static str,
    ) -> Result<impl Fn(usize) -> Result<Vec<T>, PackError> + use<'a, 'b, T>, PackError> {
        let (list, values) = self.list::<StringArray>(name)?;
        Ok(move |i: usize| {
            list_range(list, i).map(|j| self.parse(Some(values.value(j)), i, name)).collect()
        })
    }

    /// Lists of numbers.
    pub fn f64s(&self, name: &str) -> Result<impl Fn(usize) -> Vec<f64> + use<'a>, PackError> {
        let (list, values) = self.list::<Float64Array>(name)?;
        Ok(move |i: usize| values.values()[list_range(list, i)].to_vec())
    }

    /// Lists of so many small integers, some of which are not there.
    pub fn bytes(
        &self,
        name: &str,
        length: usize,
    ) -> Result<impl Fn(usize) -> Option<Vec<u8>> + use<'a>, PackError> {
        let list = self.array::<FixedSizeListArray>(name)?;
        let is_fit =
            list.value_length() as usize == length && list.values().as_any().is::<UInt8Array>();
        if !is_fit {
            return Err(self.missing(name));
        }
        Ok(move |i: usize| {
            let cell = (!list.is_null(i)).then(|| list.value(i))?;
            Some(cell.as_any().downcast_ref::<UInt8Array>()?.values().to_vec())
        })
    }

    fn list<A: 'static>(&self, name: &str) -> Result<(&'a ListArray, &'a A), PackError> {
        let list = self.array::<ListArray>(name)?;
        let values = list.values().as_any().downcast_ref().ok_or_else(|| self.missing(name))?;
        Ok((list, values))
    }

    fn array<A: 'static>(&self, name: &str) -> Result<&'a A, PackError> {
        self.batch
            .column_by_name(name)
            .and_then(|array| array.as_any().downcast_ref())
            .ok_or_else(|| self.missing(name))
    }

    fn missing(&self, name: &str) -> PackError {
        PackError::Schema {
            path: self.path.to_owned(),
            detail: format!("column `{name}` is missing or has another type"),
        }
    }

    /// The value of a cell that must be defined.
    pub fn need<T>(&self, value: Option<T>, row: usize, column: &str) -> Result<T, PackError> {
        value.ok_or_else(|| self.bad(row, column, "undefined or not an allowed value".into()))
    }

    /// An error at `row` of the batch.
    pub fn bad(&self, row: usize, column: &str, detail: String) -> PackError {
        PackError::Value {
            path: self.path.to_owned(),
            row: self.first_row + row as u64,
            column: column.to_owned(),
            detail,
        }
    }

    /// Reads a word that may be undefined.
    pub fn parse_any<T: FromStr>(
        &self,
        text: Option<&str>,
        row: usize,
        column: &str,
    ) -> Result<Option<T>, PackError> {
        text.map(|text| self.parse(Some(text), row, column)).transpose()
    }

    /// Reads a required word.
    pub fn parse<T: FromStr>(
        &self,
        text: Option<&str>,
        row: usize,
        column: &str,
    ) -> Result<T, PackError> {
        self.need(text.and_then(|text| text.parse().ok()), row, column)
    }
}

fn list_range(list: &ListArray, i: usize) -> std::ops::Range<usize> {
    if list.is_null(i) {
        return 0..0;
    }
    let offsets = list.value_offsets();
    // Arrow checks that offsets are non-negative and ascending.
    offsets[i] as usize..offsets[i + 1] as usize
}
