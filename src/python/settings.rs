//! The settings of a run from Python: a JSON object of those that differ from the
//! program's defaults.

use hetero2_engine::run::{RunConfig, ScoreMode};
use hetero2_spectra::{AdapterChoice, BackendChoice, BackendKind};
use pyo3::prelude::*;
use serde_json::{Map, Value};

use crate::errors::{other, refused};

/// The configuration that `settings` ask for, by the names of its fields.
pub fn config(settings: &str, score_mode: ScoreMode) -> PyResult<RunConfig> {
    let given: Map<String, Value> =
        serde_json::from_str(settings).map_err(|error| refused(error.to_string()))?;
    let default = RunConfig::for_evidence(score_mode);
    let Ok(Value::Object(mut whole)) = serde_json::to_value(&default) else {
        return Err(refused("the settings cannot be written"));
    };
    for (name, value) in given {
        let mut one = whole.clone();
        one.insert(name.clone(), value.clone());
        // One at a time, so that an error names its setting.
        serde_json::from_value::<RunConfig>(Value::Object(one))
            .map_err(|error| refused(format!("{name}={value}: {error}")))?;
        whole.insert(name, value);
    }
    serde_json::from_value(Value::Object(whole)).map_err(|error| other(&error))
}

/// The device of that name.
pub fn backend(name: &str, adapter: Option<&str>) -> PyResult<BackendChoice> {
    let kind = match name {
        "auto" => BackendKind::Auto,
        "cpu" => BackendKind::Cpu,
        "gpu" => BackendKind::Gpu,
        _ => return Err(refused(format!("backend is {name:?}: it must be auto, cpu or gpu"))),
    };
    // Reading a name or a number cannot fail.
    let adapter = adapter.map(|text| text.parse::<AdapterChoice>()).transpose();
    let adapter = adapter.map_err(|error| other(&error))?;
    Ok(BackendChoice { kind, adapter, ..BackendChoice::default() })
}
