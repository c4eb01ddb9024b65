//! Where the decoys of a run come from: swaps of the molecule's bonds, a file
//! that lists them, or a pool of molecules to match.
//!
//! A file is read once, when the run is planned, and written into the run
//! directory in the form that shards read.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use hetero2_chemistry::decoy::{
    self, DecoyOutcome, DecoyPool, DecoyRequest, DecoySet, PoolMolecule, of_given,
};
use hetero2_chemistry::molecule::{Molecule, ParseLimits};
use hetero2_common::errors::with_causes;
use hetero2_common::files::AtomicFile;
use hetero2_library::{BLOCK_ROWS, Library, Numbering, ReadOptions, Record, RowProblem};

use super::config::{ConfigError, RunConfig};
use super::error::RunError;
use super::layout::RunDir;
use super::plan::{InputFile, Plan, input_file};

/// Most decoys of a file of them. Memory: 16 bytes each, and id and SMILES.
const MAX_GIVEN: usize = 10_000_000;

/// Most bytes of their ids and SMILES.
const MAX_TEXT: usize = 2 << 30;

/// Most molecules of a pool.
const MAX_POOL: usize = 2_000_000;

/// Columns of a file of decoys.
const ID_COLUMN: &str = "molecule_id";
const SMILES_COLUMN: &str = "decoy_smiles";

/// Where the decoys of a run come from.
#[derive(Debug, Default)]
pub enum DecoySource {
    /// Swaps of the molecule's own bonds.
    #[default]
    Swaps,
    /// A file that lists them.
    Given(GivenDecoys),
    /// Molecules to match.
    Matched(DecoyPool),
}

/// Decoys by the id of their molecule, in the order of their file.
#[derive(Debug, Default)]
pub struct GivenDecoys {
    /// Id and SMILES of each, back to back.
    text: String,
    /// By id, then by row.
    rows: Vec<Listed>,
}

/// Where a decoy's id and SMILES stand.
#[derive(Debug, Clone, Copy)]
struct Listed {
    start: u64,
    id: u32,
    smiles: u32,
}

/// A line of the form that shards read.
#[derive(Serialize, Deserialize)]
struct GivenLine<'a>(#[serde(borrow)] std::borrow::Cow<'a, str>, std::borrow::Cow<'a, str>);

impl GivenDecoys {
    fn push(&mut self, id: &str, smiles: &str) {
        let length = |text: &str| u32::try_from(text.len()).unwrap_or(u32::MAX);
        let start = self.text.len() as u64;
        self.text.push_str(id);
        self.text.push_str(smiles);
        self.rows.push(Listed { start, id: length(id), smiles: length(smiles) });
    }

    fn id(&self, row: &Listed) -> &str {
        &self.text[row.start as usize..][..row.id as usize]
    }

    fn smiles(&self, row: &Listed) -> &str {
        &self.text[row.start as usize + row.id as usize..][..row.smiles as usize]
    }

    fn sort(&mut self) {
        let mut rows = std::mem::take(&mut self.rows);
        rows.sort_by(|a, b| self.id(a).cmp(self.id(b)));
        self.rows = rows;
    }

    /// The decoys of a molecule.
    fn of<'a>(&'a self, id: &'a str) -> impl Iterator<Item = &'a str> {
        let start = self.rows.partition_point(|row| self.id(row) < id);
        let rows = self.rows[start..].iter().take_while(move |row| self.id(row) == id);
        rows.map(|row| self.smiles(row))
    }
}

impl DecoySource {
    /// Decoys of a molecule.
    pub(crate) fn decoys(
        &self,
        molecule: &Molecule,
        id: &str,
        request: &DecoyRequest,
    ) -> DecoyOutcome {
        match self {
            Self::Swaps => decoy::generate(molecule, request),
            Self::Given(given) => of_given(molecule, given.of(id), request),
            Self::Matched(pool) => pool.decoys(molecule, request),
        }
    }

    /// Whether a configuration and a file go together: the sets `given` and
    /// `matched` need one, the others take none.
    pub(crate) fn check(config: &RunConfig, file: Option<&Path>) -> Result<(), ConfigError> {
        let (value, allowed) = match (config.decoy_set, file) {
            (DecoySet::Given, None) => ("given", "v1 or v2 without a file of decoys"),
            (DecoySet::Matched, None) => ("matched", "v1 or v2 without a pool of molecules"),
            (DecoySet::V1, Some(_)) => ("v1", "given or matched with a file of decoys"),
            (DecoySet::V2, Some(_)) => ("v2", "given or matched with a file of decoys"),
            _ => return Ok(()),
        };
        Err(ConfigError { setting: "decoy_set", value: value.to_owned(), allowed })
    }

    /// Reads the file that a decoy set chooses from; its name, size and SHA-256.
    ///
    /// # Errors
    /// [`RunError::Decoys`] where it cannot be read, or holds nothing of use.
    pub(crate) fn read(set: DecoySet, path: &Path) -> Result<(Self, InputFile), RunError> {
        let given = set == DecoySet::Given;
        let column = |name: &str| given.then(|| name.to_owned());
        let options = ReadOptions {
            smiles_column: column(SMILES_COLUMN),
            id_column: column(ID_COLUMN),
            ..ReadOptions::default()
        };
        let failed = |why: String| RunError::Decoys { path: path.to_owned(), why };
        let unreadable = |error: hetero2_library::LibraryError| {
            let columns = format!("; columns {ID_COLUMN} and {SMILES_COLUMN} are asked for");
            failed(format!("{}{}", with_causes(&error), if given { &columns } else { "" }))
        };
        // As a part, so that an id that is left blank stays blank.
        let table = Library::open_part(&[path.to_owned()], &options);
        let mut batches = table.and_then(|table| table.batches(BLOCK_ROWS)).map_err(unreadable)?;
        let mut reading = Reading::of(set);
        let mut numbering = Numbering::default();
        for batch in &mut batches {
            let mut batch = batch.map_err(unreadable)?;
            let ends = |record: &&Record| record.problem.as_ref().is_some_and(RowProblem::ends_row);
            if let Some(bad) = batch.iter().find(ends) {
                let problem = bad.problem.as_ref().map(ToString::to_string).unwrap_or_default();
                return Err(failed(format!("line {}: {problem}", bad.line)));
            }
            if let Some(blank) = batch.iter().find(|record| given && record.id.is_empty()) {
                return Err(failed(format!(
                    "line {}: column {ID_COLUMN} is blank: name the molecule that the decoy is of, \
                     or leave the row out",
                    blank.line
                )));
            }
            batch.iter_mut().for_each(|record| numbering.number(record));
            reading.add(&batch).map_err(failed)?;
        }
        numbering.check(&hetero2_library::name_of(path)).map_err(unreadable)?;
        let read = batches.finish().map_err(unreadable)?.into_iter().next();
        let file = read.ok_or_else(|| failed("nothing was read".into()))?;
        let source = reading.finish().map_err(failed)?;
        Ok((source, input_file(file.digest)?))
    }

    /// Writes it in the form that shards read, into the run directory.
    pub(crate) fn save(&self, dir: &RunDir) -> Result<InputFile, RunError> {
        let path = dir.input("incoming");
        let io = |e: std::io::Error| RunError::io("write", &path, e);
        let mut file = AtomicFile::create(&path)?;
        let mut line = |text: serde_json::Result<String>| {
            let text = text.map_err(|e| io(e.into()))?;
            file.write_all(text.as_bytes()).and_then(|()| file.write_all(b"\n")).map_err(io)
        };
        match self {
            Self::Swaps => {}
            Self::Given(given) => given.rows.iter().try_for_each(|row| {
                let (id, smiles) = (given.id(row).into(), given.smiles(row).into());
                line(serde_json::to_string(&GivenLine(id, smiles)))
            })?,
            Self::Matched(pool) => pool
                .molecules()
                .iter()
                .try_for_each(|molecule| line(serde_json::to_string(molecule)))?,
        }
        let digest = file.finish_as(|digest| dir.input(&digest.sha256.to_string()))?;
        let name = "decoys.jsonl".to_owned();
        Ok(InputFile { name, bytes: digest.bytes, sha256: digest.sha256 })
    }

    /// The source that a plan names.
    ///
    /// # Errors
    /// [`RunError`] where the run directory has it no more.
    pub fn load(dir: &RunDir, plan: &Plan) -> Result<Self, RunError> {
        let Some(prepared) = &plan.decoys_prepared else { return Ok(Self::Swaps) };
        let path = dir.input(&prepared.sha256.to_string());
        let io = |e: std::io::Error| RunError::io("read", &path, e);
        let lines = BufReader::new(File::open(&path).map_err(io)?).lines();
        if plan.config.decoy_set == DecoySet::Given {
            let mut given = GivenDecoys::default();
            for line in lines {
                let line = line.map_err(io)?;
                let GivenLine(id, smiles) =
                    serde_json::from_str(&line).map_err(|e| io(e.into()))?;
                given.push(&id, &smiles);
            }
            return Ok(Self::Given(given));
        }
        let molecules = lines.map(|line| {
            let line = line.map_err(io)?;
            serde_json::from_str(&line).map_err(|e| io(e.into()))
        });
        Ok(Self::Matched(DecoyPool::new(molecules.collect::<Result<_, _>>()?)))
    }
}

/// What was read of a file so far.
enum Reading {
    Given(GivenDecoys),
    Pool(Vec<PoolMolecule>),
}

impl Reading {
    fn of(set: DecoySet) -> Self {
        match set {
            DecoySet::Given => Self::Given(GivenDecoys::default()),
            _ => Self::Pool(Vec::new()),
        }
    }

    fn add(&mut self, batch: &[Record]) -> Result<(), String> {
        match self {
            Self::Given(given) => {
                for record in batch {
                    if given.rows.len() == MAX_GIVEN {
                        return Err(format!("more than {MAX_GIVEN} decoys"));
                    }
                    if given.text.len() > MAX_TEXT {
                        return Err(format!("more than {MAX_TEXT} bytes of ids and SMILES"));
                    }
                    given.push(&record.id, &String::from_utf8_lossy(&record.smiles));
                }
            }
            Self::Pool(pool) => {
                // What cannot be read or described is no molecule to choose.
                let entry = |record: &Record| {
                    let read = Molecule::from_smiles(&record.smiles, &ParseLimits::default());
                    PoolMolecule::of(&read.ok()?).ok().flatten()
                };
                pool.par_extend(batch.par_iter().filter_map(entry));
                if pool.len() > MAX_POOL {
                    return Err(format!("more than {MAX_POOL} molecules"));
                }
            }
        }
        Ok(())
    }

    fn finish(self) -> Result<DecoySource, String> {
        match self {
            Self::Given(given) if given.rows.is_empty() => Err("it lists no decoy".into()),
            Self::Given(mut given) => {
                given.sort();
                Ok(DecoySource::Given(given))
            }
            Self::Pool(pool) if pool.is_empty() => {
                Err("it holds no connected molecule that can be read".into())
            }
            Self::Pool(pool) => Ok(DecoySource::Matched(DecoyPool::new(pool))),
        }
    }
}
