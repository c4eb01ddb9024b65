//! Differences of two JSON documents, by path.

use serde_json::Value;

use super::{JsonDiff, LISTED, PathDiff};
use crate::pack::error::PackError;
use crate::pack::source::PackSource;

/// Longest value that is shown, in characters.
const SHOWN: usize = 200;

/// Differences that are looked at for those to be listed.
const KEPT: usize = 10 * LISTED;

pub fn diff(a: &mut PackSource, b: &mut PackSource, name: &str) -> Result<JsonDiff, PackError> {
    let (a, b): (Value, Value) = (a.json(name)?, b.json(name)?);
    let mut diff = JsonDiff::default();
    // The parser bounds the depth of documents, and with it this recursion.
    compare(Some(&a), Some(&b), &mut String::new(), &mut diff);
    // What was asked for explains what came.
    diff.paths.sort_by_key(|path| !is_asked_for(&path.path));
    diff.paths.truncate(LISTED);
    Ok(diff)
}

/// Whether a path is of the configuration or the inputs.
fn is_asked_for(path: &str) -> bool {
    ["/config", "/inputs"].iter().any(|part| path.starts_with(part))
}

fn compare(a: Option<&Value>, b: Option<&Value>, path: &mut String, diff: &mut JsonDiff) {
    match (a, b) {
        (Some(Value::Object(x)), Some(Value::Object(y))) => {
            for (key, value) in x {
                at(path, key, |path| compare(Some(value), y.get(key), path, diff));
            }
            for (key, value) in y.iter().filter(|(key, _)| !x.contains_key(*key)) {
                at(path, key, |path| compare(None, Some(value), path, diff));
            }
        }
        (Some(Value::Array(x)), Some(Value::Array(y))) => {
            for i in 0..x.len().max(y.len()) {
                at(path, &i.to_string(), |path| compare(x.get(i), y.get(i), path, diff));
            }
        }
        (x, y) if x == y => {}
        (x, y) => {
            diff.total += 1;
            if diff.paths.len() < KEPT {
                let (a, b) = (x.map(shown), y.map(shown));
                diff.paths.push(PathDiff { path: path.clone(), a, b });
            }
        }
    }
}

/// Runs `work` with `key` appended to the JSON pointer.
fn at(path: &mut String, key: &str, work: impl FnOnce(&mut String)) {
    let length = path.len();
    path.push('/');
    path.push_str(&key.replace('~', "~0").replace('/', "~1"));
    work(path);
    path.truncate(length);
}

fn shown(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
