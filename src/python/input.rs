//! Text columns as they come from Python: Arrow arrays and streams (pyarrow,
//! polars, pandas) without a copy, or any sequence of `str` and `None`.

#![allow(unsafe_code, reason = "the C data interface hands over pointers")]

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::ffi::{FFI_ArrowArray, FFI_ArrowSchema, from_ffi};
use arrow_array::ffi_stream::{ArrayStreamReader, FFI_ArrowArrayStream};
use arrow_array::{Array, ArrayRef, StringArray, make_array};
use arrow_schema::{ArrowError, DataType};
use hetero2_library::Record;
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyCapsuleMethods, PyString};

use crate::errors::{other, refused};

/// A column of text: the arrays that it came in.
pub struct Texts(Vec<ArrayRef>);

impl Texts {
    /// Reads what was given for `what`.
    pub fn read(given: &Bound<'_, PyAny>, what: &str) -> PyResult<Self> {
        if given.is_instance_of::<PyString>() {
            return Err(refused(format!("{what} is one str: give a list of them")));
        }
        let arrays = if given.hasattr("__arrow_c_stream__")? {
            stream(given)?
        } else if given.hasattr("__arrow_c_array__")? {
            vec![array(given)?]
        } else {
            vec![sequence(given, what)?]
        };
        for array in &arrays {
            if !matches!(
                array.data_type(),
                DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View
            ) {
                let found = array.data_type();
                return Err(refused(format!(
                    "{what} is an Arrow column of {found}, not of text: give one column, cast to string"
                )));
            }
        }
        Ok(Self(arrays))
    }

    /// Texts in the column.
    pub fn len(&self) -> usize {
        self.0.iter().map(|array| array.len()).sum()
    }

    /// Every text, `None` where it is missing.
    pub fn iter(&self) -> impl Iterator<Item = Option<&str>> + Send {
        self.0.iter().flat_map(|array| (0..array.len()).map(move |place| text(array, place)))
    }
}

/// The text at a place of an array whose type was checked.
fn text(array: &ArrayRef, place: usize) -> Option<&str> {
    if array.is_null(place) {
        return None;
    }
    Some(match array.data_type() {
        DataType::LargeUtf8 => array.as_string::<i64>().value(place),
        DataType::Utf8View => array.as_string_view().value(place),
        _ => array.as_string::<i32>().value(place),
    })
}

/// SMILES and their ids, as functions over molecules are given them.
pub struct Given {
    smiles: Texts,
    ids: Option<Texts>,
}

impl Given {
    /// Reads both; there is an id for each SMILES, where there are any.
    pub fn read(smiles: &Bound<'_, PyAny>, ids: Option<&Bound<'_, PyAny>>) -> PyResult<Self> {
        let smiles = Texts::read(smiles, "smiles")?;
        let ids = ids.map(|ids| Texts::read(ids, "ids")).transpose()?;
        match &ids {
            Some(ids) if ids.len() != smiles.len() => {
                Err(refused(format!("{} ids of {} SMILES", ids.len(), smiles.len())))
            }
            _ => Ok(Self { smiles, ids }),
        }
    }

    /// The records of these SMILES, as a library of them has them; a missing one is
    /// an empty one.
    pub fn records(&self) -> impl Iterator<Item = Record> + Send + '_ {
        let mut ids = self.ids.as_ref().map(Texts::iter);
        self.smiles.iter().enumerate().map(move |(row, smiles)| {
            let id = ids.as_mut().and_then(Iterator::next).flatten().unwrap_or_default().trim();
            let smiles = smiles.unwrap_or_default().split_whitespace().next().unwrap_or_default();
            Record {
                row: row as u64,
                id: if id.is_empty() { format!("mol_{row}") } else { id.to_owned() },
                smiles: smiles.as_bytes().to_vec(),
                scores_input: None,
                problem: None,
                line: row as u64 + 1,
            }
        })
    }
}

/// A list of `str` and `None` from whatever holds text.
#[pyfunction]
pub fn texts(given: &Bound<'_, PyAny>, what: &str) -> PyResult<Vec<Option<String>>> {
    Ok(Texts::read(given, what)?.iter().map(|text| text.map(str::to_owned)).collect())
}

fn sequence(given: &Bound<'_, PyAny>, what: &str) -> PyResult<ArrayRef> {
    let mut found: Vec<Option<String>> = Vec::with_capacity(given.len().unwrap_or(0));
    let items = given.try_iter().map_err(|_| {
        let kind = given.get_type();
        refused(format!("{what} is a {kind}: give a list, a Series or an Arrow column of SMILES"))
    })?;
    for (row, item) in items.enumerate() {
        let item = item?;
        // pandas writes a missing text as NaN.
        let missing = item.is_none() || item.extract::<f64>().is_ok_and(f64::is_nan);
        let text = (!missing).then(|| item.extract::<String>()).transpose();
        let text = text.map_err(|_| {
            let kind = item.get_type();
            refused(format!("{what}, row {row}: a {kind}, not a str"))
        })?;
        found.push(text);
    }
    Ok(Arc::new(StringArray::from(found)))
}

fn failed(error: &ArrowError) -> PyErr {
    other(error)
}

fn stream(given: &Bound<'_, PyAny>) -> PyResult<Vec<ArrayRef>> {
    let capsule = given.call_method0("__arrow_c_stream__")?;
    let capsule = capsule.cast::<PyCapsule>()?;
    let pointer = capsule.pointer_checked(Some(c"arrow_array_stream"))?;
    // SAFETY: a capsule of this name holds an ArrowArrayStream; it is moved out, which leaves the capsule
    // a released one.
    let stream = unsafe { FFI_ArrowArrayStream::from_raw(pointer.cast().as_ptr()) };
    let reader = ArrayStreamReader::try_new(stream).map_err(|error| failed(&error))?;
    reader.collect::<Result<_, _>>().map_err(|error| failed(&error))
}

fn array(given: &Bound<'_, PyAny>) -> PyResult<ArrayRef> {
    let (schema, array): (Bound<'_, PyAny>, Bound<'_, PyAny>) =
        given.call_method0("__arrow_c_array__")?.extract()?;
    let (schema, array) = (schema.cast::<PyCapsule>()?, array.cast::<PyCapsule>()?);
    let schema = schema.pointer_checked(Some(c"arrow_schema"))?.cast::<FFI_ArrowSchema>();
    let array = array.pointer_checked(Some(c"arrow_array"))?.cast::<FFI_ArrowArray>();
    // SAFETY: capsules of these names hold these structures, and live until the end of this function. The
    // array is moved out, the schema only read.
    let data = unsafe { from_ffi(FFI_ArrowArray::from_raw(array.as_ptr()), schema.as_ref()) };
    Ok(make_array(data.map_err(|error| failed(&error))?))
}
