//! Parquet files of a few kilobytes that decode to gigabytes.

use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use super::forging::path;
use super::hostile::within;
use crate::support::{fixture, scratch};

/// What a run may take that reads one of these, MiB: its own part is about 300.
const BUDGET: u64 = 1_024;

/// Whether the texts of a table are entries of a dictionary.
enum Texts {
    InDictionary,
    InPages,
}

/// Writes a table of `rows` equal texts of `length` characters in `column`, and
/// numbers beside them.
fn write_table(file: &Path, column: &str, length: usize, rows: usize, texts: Texts) {
    let text = "C".repeat(length);
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(3).unwrap()))
        .set_dictionary_enabled(matches!(texts, Texts::InDictionary))
        .set_dictionary_page_size_limit(1 << 30)
        .set_statistics_enabled(parquet::file::properties::EnabledStatistics::None)
        .build();
    let batch = |rows: usize| {
        let texts = StringArray::from_iter_values(std::iter::repeat_n(&text, rows));
        let numbers = Float64Array::from(vec![0.5; rows]);
        let columns = [(column, Arc::new(texts) as ArrayRef), ("score", Arc::new(numbers) as _)];
        RecordBatch::try_from_iter(columns).unwrap()
    };
    let out = std::fs::File::create(file).unwrap();
    let mut writer = ArrowWriter::try_new(out, batch(1).schema(), Some(properties)).unwrap();
    (0..rows).for_each(|_| writer.write(&batch(1)).unwrap());
    writer.close().unwrap();
    assert!(file.metadata().unwrap().len() < 200_000, "{}", file.metadata().unwrap().len());
}

#[test]
fn libraries_stay_within_the_budget() {
    let scratch = scratch();
    let library = scratch.path().join("library.parquet");
    let out = scratch.path().join("run");
    let run = || within(BUDGET, &["run", path(&library), "--out", path(&out), "--decoys", "1"]);
    // 300 rows of 16 MB: 4.8 GB decoded.
    write_table(&library, "smiles", 16_000_000, 300, Texts::InDictionary);
    let refused = run().expect_code(2);
    for said in ["none of its 300 rows holds a molecule", "row longer than"] {
        assert!(refused.stderr.contains(said), "{}", refused.stderr);
    }
    assert!(!out.join("pack").exists());
    // One cell of half a gigabyte.
    for texts in [Texts::InDictionary, Texts::InPages] {
        write_table(&library, "smiles", 512 << 20, 1, texts);
        let refused = run().expect_code(2);
        assert!(refused.stderr.contains("a page of"), "{}", refused.stderr);
        assert!(!out.join("pack").exists());
    }
}

#[test]
fn scores_stay_within_the_budget() {
    let scratch = scratch();
    let (library, scores) = (fixture("libraries/small.csv"), scratch.path().join("s.parquet"));
    let out = scratch.path().join("run");
    let cases = [(16_000_000, 300, Texts::InDictionary), (512 << 20, 1, Texts::InPages)];
    for (length, rows, texts) in cases {
        write_table(&scores, "decoy_smiles", length, rows, texts);
        let arguments = ["run", path(&library), "--out", path(&out), "--scores", path(&scores)];
        let refused = within(BUDGET, &arguments).expect_code(2);
        assert!(refused.stderr.contains("scores"), "{}", refused.stderr);
    }
}
