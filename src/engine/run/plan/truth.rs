//! Known outcomes of a run: copied and checked when it is planned. Shards do not
//! depend on them.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use hetero2_audit::{CostLift, CostLiftError, CostLiftSettings, Truth, TruthError};

use super::document::PlannedTruth;
use super::inputs::{copy_pinned, digest_input};
use crate::run::error::RunError;
use crate::run::layout::RunDir;
use crate::run::request::TruthInput;

impl PlannedTruth {
    /// What a plan of this input says; nothing is copied.
    pub(crate) fn digest(input: &TruthInput) -> Result<Self, RunError> {
        open(&input.path)?;
        let file = digest_input(&input.path)?;
        Ok(Self { file, budget: input.budget, active_if: input.active_if })
    }

    /// Copies the table into the run directory and reads it once, so that what
    /// is wrong with it is known before anything is computed.
    pub(crate) fn take(input: &TruthInput, dir: &RunDir) -> Result<Self, RunError> {
        open(&input.path)?;
        let file = copy_pinned(&input.path, input.sha256.as_deref(), dir)?;
        let planned = Self { file, budget: input.budget, active_if: input.active_if };
        let truth = planned.read(dir).map_err(|source| unusable(&input.path, source))?;
        let settings = CostLiftSettings { budget: input.budget, ..CostLiftSettings::default() };
        CostLift::new(&truth, settings).map_err(|source| planned.no_report(source))?;
        Ok(planned)
    }

    pub(crate) fn read(&self, dir: &RunDir) -> Result<Truth, TruthError> {
        let file = File::open(dir.input(&self.file.sha256.to_string()))?;
        Truth::from_table(BufReader::new(file), self.active_if.as_ref())
    }

    pub(crate) fn no_report(&self, source: CostLiftError) -> RunError {
        RunError::CostLift { truth: self.file.name.clone(), source }
    }
}

/// A table that is not there is an error of the command line, not of the disk.
fn open(path: &Path) -> Result<(), RunError> {
    File::open(path).map(drop).map_err(|e| unusable(path, e.into()))
}

pub(crate) fn unusable(path: &Path, source: TruthError) -> RunError {
    RunError::Truth { path: path.to_owned(), source }
}
