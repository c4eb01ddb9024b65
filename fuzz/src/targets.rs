//! What is read, and what whole inputs of it look like.

use std::fs;
use std::io::{self, Cursor, Write as _};
use std::path::{Path, PathBuf};

use hetero2::audit::{ScoreLimits, ScoreTable};
use hetero2::library::{Format, ReadOptions, Source};
use hetero2::molecule::{Molecule, ParseLimits};
use hetero2::pack::verify;
use hetero2::run::{Plan, RunDir};
use hetero2::signature::{PublicKey, verify_signatures};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::root;

/// One reader.
pub struct Target {
    /// Its name on the command line.
    pub name: &'static str,
    /// Whole inputs.
    pub corpus: fn() -> io::Result<Vec<Vec<u8>>>,
    /// Words of its format, inserted anywhere.
    pub words: &'static [&'static str],
    /// Reads an input; the path is that of a file for readers that need one.
    pub read: fn(&[u8], &Path),
}

const SMILES_WORDS: &[&str] = &[
    "C", "c1", "1", "%10", "%(100)", "(", ")", "[nH]", "[C@@H]", "[C@H]", "=", "#", "$", "/", "\\",
    ".", "[13C", "+]", "[Fe+2]", "*", "[se]", ":1]", "[H]", "~", "->",
];
const JSON_WORDS: &[&str] = &["{", "}", "[", "]", ":", "null", "1e308", "-0", "\"\\ud800\""];
const TABLE_WORDS: &[&str] = &[",", "\t", "\"", "\n", "smiles", "id", "score", "weight", "role"];
const SDF_WORDS: &[&str] =
    &["M  END\n", "$$$$\n", "> <smiles>\n", "V3000", "999", "M  V30 BEGIN CTAB\n", "M  CHG"];

/// Every reader.
pub const TARGETS: &[Target] = &[
    Target { name: "smiles", corpus: smiles, words: SMILES_WORDS, read: read_smiles },
    Target {
        name: "library-csv",
        corpus: || named(&["libraries/small.csv", "libraries/quoted.csv", "libraries/ragged.csv"]),
        words: TABLE_WORDS,
        read: |bytes, _| read_library(bytes, "library.csv", Format::Csv),
    },
    Target {
        name: "library-tsv",
        corpus: || named(&["libraries/small.tsv", "libraries/bom_crlf.csv"]),
        words: TABLE_WORDS,
        read: |bytes, _| read_library(bytes, "library.tsv", Format::Tsv),
    },
    Target {
        name: "library-smiles",
        corpus: || named(&["libraries/columns.smi", "libraries/non_utf8.smi"]),
        words: SMILES_WORDS,
        read: |bytes, _| read_library(bytes, "library.smi", Format::Smiles),
    },
    Target {
        name: "library-sdf",
        corpus: || named(&["libraries/small.sdf"]),
        words: SDF_WORDS,
        read: |bytes, _| read_library(bytes, "library.sdf", Format::Sdf),
    },
    Target {
        name: "library-packed",
        corpus: || named(&["libraries/small.csv.gz", "libraries/small.smi.zst"]),
        words: &[],
        read: |bytes, _| read_stream(bytes, "library", ReadOptions::default()),
    },
    Target {
        name: "library-parquet",
        corpus: || named(&["libraries/small.parquet"]),
        words: &[],
        read: read_parquet,
    },
    Target {
        name: "scores-json",
        corpus: || named(&["cli/ring/ring.json", "compat/v1/pack/scores.json"]),
        words: JSON_WORDS,
        read: |bytes, _| {
            let _ = ScoreTable::from_json(bytes, &ScoreLimits::default());
        },
    },
    Target {
        name: "scores-csv",
        corpus: || named(&["cli/ring/missing_decoy_scores.csv"]),
        words: TABLE_WORDS,
        read: |bytes, _| {
            let canonical = |smiles: &str| canonical(smiles.as_bytes());
            let _ = ScoreTable::from_csv(bytes, &ScoreLimits::default(), &canonical);
        },
    },
    Target {
        name: "plan",
        corpus: || named(&["compat/v1/plan.json"]),
        words: JSON_WORDS,
        read: read_plan,
    },
    Target { name: "pack-zip", corpus: packs, words: &[], read: read_pack },
    Target {
        name: "signatures",
        corpus: || named(&["compat/v1/pack.intoto.jsonl"]),
        words: JSON_WORDS,
        read: read_signatures,
    },
];

fn fixture(name: &str) -> PathBuf {
    root().join("fixtures").join(name)
}

fn named(names: &[&str]) -> io::Result<Vec<Vec<u8>>> {
    names.iter().map(|name| fs::read(fixture(name))).collect()
}

/// Molecules, one each.
fn smiles() -> io::Result<Vec<Vec<u8>>> {
    let tricky = fs::read_to_string(root().join("fuzz/corpus/smiles/tricky.smi"))?;
    let decoys = fs::read_to_string(fixture("decoys/molecules.smi"))?;
    Ok(tricky.lines().chain(decoys.lines()).map(|line| line.as_bytes().to_vec()).collect())
}

/// The stored pack as a zip, its files deflated and not.
fn packs() -> io::Result<Vec<Vec<u8>>> {
    let mut names: Vec<PathBuf> = fs::read_dir(fixture("compat/v1/pack"))?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<io::Result<_>>()?;
    names.sort();
    let methods = [zip::CompressionMethod::Stored, zip::CompressionMethod::Deflated];
    methods
        .into_iter()
        .map(|method| {
            let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
            for path in &names {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                let options = SimpleFileOptions::default().compression_method(method);
                zip.start_file(name, options)?;
                zip.write_all(&fs::read(path)?)?;
            }
            Ok(zip.finish()?.into_inner())
        })
        .collect()
}

fn canonical(smiles: &[u8]) -> Option<String> {
    let molecule = Molecule::from_smiles(smiles, &ParseLimits::default()).ok()?;
    Some(molecule.canonical_smiles().to_owned())
}

/// A canonical SMILES is a SMILES.
fn read_smiles(bytes: &[u8], _: &Path) {
    if let Some(text) = canonical(bytes) {
        assert!(canonical(text.as_bytes()).is_some(), "{text} is not read again");
    }
}

fn read_library(bytes: &[u8], name: &str, format: Format) {
    read_stream(bytes, name, ReadOptions { format: Some(format), ..ReadOptions::default() });
}

fn read_stream(bytes: &[u8], name: &str, options: ReadOptions) {
    // Where an error is not the last of a source, its records still are bounded.
    if let Ok(source) = Source::from_reader(Cursor::new(bytes.to_vec()), name, options) {
        source.take_while(Result::is_ok).for_each(drop);
    }
}

fn read_parquet(bytes: &[u8], path: &Path) {
    write(path, bytes);
    let options = ReadOptions { format: Some(Format::Parquet), ..ReadOptions::default() };
    if let Ok(source) = Source::open(path, &options) {
        source.take_while(Result::is_ok).for_each(drop);
    }
}

fn read_plan(bytes: &[u8], path: &Path) {
    let run = path.with_extension("run");
    fs::create_dir_all(&run).expect("target/ can be written");
    write(&run.join("plan.json"), bytes);
    let _ = Plan::load(&RunDir::new(run));
}

fn read_pack(bytes: &[u8], path: &Path) {
    let path = path.with_extension("zip");
    write(&path, bytes);
    let _ = verify(&path);
}

fn read_signatures(bytes: &[u8], path: &Path) {
    write(path, bytes);
    let keys = PublicKey::read(&fixture("compat/v1/key.pub")).into_iter().collect::<Vec<_>>();
    let Ok(pack) = verify(&fixture("compat/v1/pack")) else { return };
    let _ = verify_signatures(&pack, path, &keys);
}

fn write(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).expect("target/ can be written");
}
