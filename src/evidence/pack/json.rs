//! JSON as packs hold it: sorted keys, two spaces, a final newline, no NaN.

use std::path::Path;

use serde::Serialize;
use serde_json::{Map, Value};

use super::error::PackError;

/// The bytes of `value` in a pack. Numbers that are not finite become `null`.
///
/// # Errors
/// The value has map keys that are not text.
pub fn to_bytes<T: Serialize>(value: &T, name: &str) -> Result<Vec<u8>, PackError> {
    let fail = |e| PackError::json(Path::new(name))(e);
    let value = serde_json::to_value(value).map_err(fail)?;
    let mut bytes = serde_json::to_vec_pretty(&sorted(value)).map_err(fail)?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// The value with the keys of every object in ascending order, whatever the map
/// type that `serde_json` was built with.
pub(super) fn sorted(value: Value) -> Value {
    match value {
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        Value::Object(map) => {
            let mut pairs: Vec<_> = map.into_iter().collect();
            pairs.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(pairs.into_iter().map(|(k, v)| (k, sorted(v))).collect::<Map<_, _>>())
        }
        other => other,
    }
}
