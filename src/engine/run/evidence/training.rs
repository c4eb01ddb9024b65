//! The molecules that a model was trained on, and scores that know them.

use std::collections::HashSet;
use std::path::Path;

use hetero2_audit::ActiveIf;
use hetero2_audit::evidence::Outcome;
use hetero2_audit::evidence::models::{TrainedControls, TrainingMolecule};
use hetero2_chemistry::molecule::{Fingerprint, Molecule, ParseLimits};
use hetero2_contract::controls::InTraining;
use hetero2_contract::evidence::ControlName;
use hetero2_library::{Format, ReadOptions, Source};

use crate::run::error::RunError;

/// Names of columns with labels or values, in the order in which they are taken.
const LABELS: [&str; 4] = ["active", "label", "value", "y"];
/// Names of columns with SMILES.
const SMILES: [&str; 3] = ["smiles", "canonical_smiles", "structure"];
/// Most molecules of a training file: neighbours are searched one by one.
const MAX_MOLECULES: usize = 200_000;

/// The training molecules of a model.
pub(crate) struct TrainingSet {
    prints: Vec<Fingerprint>,
    /// Label or value of each, where the file has one.
    labels: Vec<Option<f64>>,
    smiles: HashSet<String>,
    without_stereo: HashSet<String>,
    scaffolds: HashSet<String>,
    controls: TrainedControls,
}

impl TrainingSet {
    /// Reads a training file, which `name` tells the format of: a table with a
    /// column `smiles` and optionally `active`, `label`, `value` or `y`, or any
    /// file that is read as a library.
    ///
    /// # Errors
    /// [`RunError::Training`] where it cannot be read, or holds no molecule.
    pub(crate) fn read(path: &Path, name: &str) -> Result<Self, RunError> {
        let failed = |why: String| RunError::Training { name: name.to_owned(), why };
        let rows = match table(path).map_err(|e| failed(e.to_string()))? {
            Some(rows) => rows,
            None => library(path, name)?,
        };
        let mut set = Self {
            prints: Vec::new(),
            labels: Vec::new(),
            smiles: HashSet::new(),
            without_stereo: HashSet::new(),
            scaffolds: HashSet::new(),
            controls: TrainedControls::fit(&[]),
        };
        for (smiles, label) in rows {
            let read = Molecule::from_smiles(&smiles, &ParseLimits::default());
            let Ok(molecule) = read else { continue };
            let Ok(print) = molecule.fingerprint() else { continue };
            if set.prints.len() == MAX_MOLECULES {
                return Err(failed(format!("more than {MAX_MOLECULES} molecules")));
            }
            set.smiles.insert(molecule.canonical_smiles().to_owned());
            set.without_stereo.extend(molecule.smiles_without_stereo().ok());
            set.scaffolds.extend(molecule.scaffold().ok().flatten());
            set.prints.push(print);
            set.labels.push(label);
        }
        if set.prints.is_empty() {
            return Err(failed("it holds no molecule".into()));
        }
        let molecules: Vec<TrainingMolecule> = set
            .prints
            .iter()
            .zip(&set.labels)
            .map(|(print, value)| TrainingMolecule {
                fingerprint: print.words().to_vec(),
                value: *value,
            })
            .collect();
        set.controls = TrainedControls::fit(&molecules);
        Ok(set)
    }

    /// Molecules.
    pub(super) fn len(&self) -> usize {
        self.prints.len()
    }

    /// Fingerprints and labels.
    pub(super) fn labelled(&self) -> impl Iterator<Item = (&Fingerprint, Option<f64>)> {
        self.prints.iter().zip(self.labels.iter().copied())
    }

    /// The class of each molecule, where the file tells: labels of 0 and 1, or
    /// values and the rule for hits.
    pub(super) fn classes(&self, rule: Option<&ActiveIf>) -> Option<Vec<Option<Outcome>>> {
        let known = || self.labels.iter().flatten();
        let are_labels = known().all(|label| *label == 0.0 || *label == 1.0);
        if known().next().is_none() || !are_labels && rule.is_none() {
            return None;
        }
        let active = |label: f64| match rule {
            Some(rule) if !are_labels => rule.holds(label),
            _ => label == 1.0,
        };
        let class = |label: f64| match active(label) {
            true => Outcome::Active,
            false => Outcome::Inactive,
        };
        Some(self.labels.iter().map(|label| label.map(class)).collect())
    }

    /// Whether a molecule stands in the file.
    pub(super) fn contains(&self, molecule: &Molecule) -> InTraining {
        if self.smiles.contains(molecule.canonical_smiles()) {
            return InTraining::Exactly;
        }
        let flat = molecule.smiles_without_stereo();
        match flat.is_ok_and(|flat| self.without_stereo.contains(&flat)) {
            true => InTraining::WithoutStereo,
            false => InTraining::No,
        }
    }

    /// Whether a scaffold stands in the file.
    pub(super) fn has_scaffold(&self, scaffold: &str) -> bool {
        self.scaffolds.contains(scaffold)
    }

    /// Similarity to the nearest training molecule, 0 to 1.
    pub(super) fn nearest(&self, print: &Fingerprint) -> Option<f64> {
        self.prints.iter().map(|known| known.tanimoto(print)).reduce(f64::max)
    }

    /// Scores of a molecule by the controls that know the file.
    pub(super) fn scores(&self, print: &Fingerprint) -> Vec<(ControlName, f64)> {
        let scores = self.controls.scores(print.words()).unwrap_or_default();
        self.controls.names().into_iter().zip(scores).collect()
    }

    /// Those controls.
    pub(super) fn names(&self) -> Vec<ControlName> {
        self.controls.names()
    }
}

/// SMILES and label of each row.
type Rows = Vec<(Vec<u8>, Option<f64>)>;

/// Rows of a separated table whose header names a column of SMILES; none where
/// the file is no such table.
fn table(path: &Path) -> Result<Option<Rows>, csv::Error> {
    for separator in [b',', b'\t', b';'] {
        let mut csv =
            csv::ReaderBuilder::new().flexible(true).delimiter(separator).from_path(path)?;
        let Ok(names) = csv.headers() else { continue };
        let names: Vec<String> = names
            .iter()
            .map(|name| name.trim_start_matches('\u{feff}').trim().to_ascii_lowercase())
            .collect();
        let place =
            |wanted: &[&str]| wanted.iter().find_map(|name| names.iter().position(|n| n == name));
        let Some(smiles) = place(&SMILES) else { continue };
        let label = place(&LABELS);
        let mut rows = Rows::new();
        for record in csv.records() {
            let record = record?;
            let cell = |at: usize| record.get(at).unwrap_or("").trim();
            rows.push((cell(smiles).as_bytes().to_vec(), label.and_then(|at| number(cell(at)))));
        }
        return Ok(Some(rows));
    }
    Ok(None)
}

/// A label or a value as a number.
fn number(text: &str) -> Option<f64> {
    let is = |words: &[&str]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    if is(&["true", "pass", "active"]) {
        return Some(1.0);
    }
    if is(&["false", "fail", "inactive"]) {
        return Some(0.0);
    }
    text.parse().ok().filter(|value: &f64| value.is_finite())
}

fn library(path: &Path, name: &str) -> Result<Rows, RunError> {
    let failed = |why: String| RunError::Training { name: name.to_owned(), why };
    // The copy in the run directory has no extension that tells its format.
    let options = ReadOptions { format: Some(format(name)), ..ReadOptions::default() };
    let source = Source::open(path, &options).map_err(|e| failed(e.to_string()))?;
    let mut rows = Rows::new();
    for record in source {
        let record = record.map_err(|e| failed(e.to_string()))?;
        rows.push((record.smiles.clone(), None));
    }
    Ok(rows)
}

/// The format that a file's name tells; SMILES otherwise.
fn format(name: &str) -> Format {
    let name = name.to_ascii_lowercase();
    let plain = name.trim_end_matches(".gz").trim_end_matches(".zst");
    match plain.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "csv" => Format::Csv,
        "tsv" => Format::Tsv,
        "sdf" | "sd" | "mol" => Format::Sdf,
        "parquet" => Format::Parquet,
        _ => Format::Smiles,
    }
}
