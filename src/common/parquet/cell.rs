//! What a cell of a column of numbers or truth values says as text, where text
//! says it exactly. Knows nothing of what the column means.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type, Float16Type, Float32Type,
    Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type,
    UInt64Type,
};
use arrow_array::{Array, ArrowPrimitiveType, PrimitiveArray};
use arrow_schema::DataType;

/// A number that may be another than the one that was meant: integers beyond
/// what its type can tell apart, or infinity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Inexact(pub String);

/// Whether [`exact_text`] reads columns of this type.
#[must_use]
pub fn has_exact_text(kind: &DataType) -> bool {
    kind.is_integer()
        || kind.is_decimal()
        || matches!(
            kind,
            DataType::Float16 | DataType::Float32 | DataType::Float64 | DataType::Boolean
        )
}

/// The cell as text: `12` of the integer 12, the number 12.0 and the decimal
/// 12.00; `1.5`; `true`. `None` where the cell is empty or not a number (as
/// pandas writes what is missing), or the column has another type.
///
/// # Errors
/// [`Inexact`] for an integral number too large for its type to tell from its
/// neighbours, and for infinity.
pub fn exact_text(column: &dyn Array, row: usize) -> Result<Option<String>, Inexact> {
    if column.is_null(row) {
        return Ok(None);
    }
    macro_rules! whole {
        ($kind:ty) => {
            Ok(Some(column.as_primitive::<$kind>().value(row).to_string()))
        };
    }
    match column.data_type() {
        DataType::Int8 => whole!(Int8Type),
        DataType::Int16 => whole!(Int16Type),
        DataType::Int32 => whole!(Int32Type),
        DataType::Int64 => whole!(Int64Type),
        DataType::UInt8 => whole!(UInt8Type),
        DataType::UInt16 => whole!(UInt16Type),
        DataType::UInt32 => whole!(UInt32Type),
        DataType::UInt64 => whole!(UInt64Type),
        DataType::Boolean => Ok(Some(column.as_boolean().value(row).to_string())),
        DataType::Float16 => {
            let value = column.as_primitive::<Float16Type>().value(row);
            number(value.to_f64(), value.to_string(), 11)
        }
        DataType::Float32 => {
            let value = column.as_primitive::<Float32Type>().value(row);
            number(f64::from(value), value.to_string(), 24)
        }
        DataType::Float64 => {
            let value = column.as_primitive::<Float64Type>().value(row);
            number(value, value.to_string(), 53)
        }
        DataType::Decimal32(..) => Ok(decimal(column.as_primitive::<Decimal32Type>(), row)),
        DataType::Decimal64(..) => Ok(decimal(column.as_primitive::<Decimal64Type>(), row)),
        DataType::Decimal128(..) => Ok(decimal(column.as_primitive::<Decimal128Type>(), row)),
        DataType::Decimal256(..) => Ok(decimal(column.as_primitive::<Decimal256Type>(), row)),
        _ => Ok(None),
    }
}

/// A binary number with so many bits of mantissa; `shortest` are its shortest
/// digits.
fn number(value: f64, shortest: String, bits: i32) -> Result<Option<String>, Inexact> {
    if value.is_nan() {
        return Ok(None);
    }
    if value.is_infinite() || (value.fract() == 0.0 && value.abs() > 2_f64.powi(bits)) {
        return Err(Inexact(shortest));
    }
    // Zero has a sign that no id means.
    let is_zero = value == 0.0;
    Ok(Some(if is_zero { "0".into() } else { shortest }))
}

fn decimal<T>(column: &PrimitiveArray<T>, row: usize) -> Option<String>
where
    T: ArrowPrimitiveType + arrow_array::types::DecimalType,
{
    let text = column.value_as_string(row);
    match text.split_once('.') {
        Some((whole, fraction)) => {
            let fraction = fraction.trim_end_matches('0');
            let point = if fraction.is_empty() { "" } else { "." };
            Some(format!("{whole}{point}{fraction}"))
        }
        None => Some(text),
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::{BooleanArray, Decimal128Array, Float32Array, Float64Array, Int64Array};

    use super::*;

    fn texts(column: &dyn Array) -> Vec<Option<String>> {
        (0..column.len()).map(|row| exact_text(column, row).unwrap()).collect()
    }

    #[test]
    fn what_is_exact_is_text() {
        let some = |texts: &[&str]| -> Vec<_> { texts.iter().map(|t| Some((*t).into())).collect() };
        assert_eq!(texts(&Int64Array::from(vec![i64::MAX])), some(&["9223372036854775807"]));
        assert_eq!(texts(&BooleanArray::from(vec![true, false])), some(&["true", "false"]));
        let floats = Float64Array::from(vec![12.0, 1.5, -0.0, 9_007_199_254_740_992.0]);
        assert_eq!(texts(&floats), some(&["12", "1.5", "0", "9007199254740992"]));
        let decimals =
            Decimal128Array::from(vec![1_200, 1_250, 7]).with_precision_and_scale(10, 2).unwrap();
        assert_eq!(texts(&decimals), some(&["12", "12.5", "0.07"]));
        assert_eq!(texts(&Float64Array::from(vec![None, Some(f64::NAN)])), [None, None]);
    }

    #[test]
    fn what_may_be_another_number_is_an_error() {
        let floats = Float64Array::from(vec![9_007_199_254_740_994.0, f64::INFINITY]);
        assert!(exact_text(&floats, 0).is_err() && exact_text(&floats, 1).is_err());
        assert!(exact_text(&Float32Array::from(vec![16_777_218.0]), 0).is_err());
    }
}
