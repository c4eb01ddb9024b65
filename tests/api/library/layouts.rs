//! Layouts without a known header, encodings, and types of Parquet.

use std::fs::File;
use std::sync::Arc;

use arrow_array::{
    ArrayRef, BooleanArray, Decimal128Array, Float64Array, RecordBatch, StringArray,
};
use hetero2::library::{Library, LibraryError, ReadOptions, Source};
use parquet::arrow::ArrowWriter;
use parquet::basic::{BrotliLevel, Compression, GzipLevel};
use parquet::file::properties::WriterProperties;

use super::support::{open_error, pairs, read, read_bytes};

/// What of its rows is read, by the name and the text of a library.
fn rows(name: &str, text: &str) -> Vec<(String, String)> {
    let records = read_bytes(text.as_bytes(), name);
    assert!(records.iter().all(|record| record.problem.is_none()), "{text:?}: {records:?}");
    pairs(&records).into_iter().map(|(id, smiles)| (id.into(), smiles.into())).collect()
}

#[test]
fn texts_without_a_known_header_are_read_by_the_column_that_parses() {
    let expected = [("e1", "CCO"), ("a2", "CC(C)N")].map(|(a, b)| (a.to_owned(), b.to_owned()));
    for (name, text) in [
        ("pubchem.txt", "e1\tCCO\na2\tCC(C)N\n"),
        ("comma.txt", "CCO,e1\nCC(C)N,a2\n"),
        ("comma.smi", "CCO,e1,x\nCC(C)N,a2,x\n"),
        ("pipe.txt", "CCO|e1\nCC(C)N|a2\n"),
        ("headless.csv", "e1,CCO\na2,CC(C)N\n"),
        ("id_first.smi", "e1 CCO\na2 CC(C)N\n"),
        ("tdc.csv", "Drug_ID,Drug,Y\ne1,CCO,0\na2,CC(C)N,1\n"),
        ("bindingdb.tsv", "BindingDB MonomerID\tLigand SMILES\tKi\ne1\tCCO\t1\na2\tCC(C)N\t2\n"),
        ("mol.txt", "mol;id\nCCO;e1\nCC(C)N;a2\n"),
        ("moleculenet.csv", "\"name\",\"rdkit_smiles\"\n\"e1\",\"CCO\"\n\"a2\",\"CC(C)N\"\n"),
    ] {
        assert_eq!(rows(name, text), expected, "{name}");
    }
    let dude = rows("actives_final.ism", "CCO 252834 CHEMBL168\nCC(C)N 252835 CHEMBL169\n");
    assert_eq!(dude[0], ("CHEMBL168".to_owned(), "CCO".to_owned()));
    // What reads as SMILES stays so, whatever the name.
    assert_eq!(rows("plain.smi", "CCO C1 x\nCCN N\n")[0].0, "C1 x");
}

#[test]
fn a_header_that_comes_again_is_no_row() {
    for (name, text) in [
        ("zinc.smi", "smiles zinc_id\nCCO a\nsmiles zinc_id\nCCN b\n"),
        ("zinc.csv", "smiles,zinc_id\nCCO,a\nsmiles,zinc_id\r\nCCN,b\n"),
    ] {
        let expected = [("a", "CCO"), ("b", "CCN")].map(|(a, b)| (a.to_owned(), b.to_owned()));
        assert_eq!(rows(name, text), expected, "{name}");
    }
}

#[test]
fn molecules_are_not_guessed_where_columns_disagree() {
    let several = open_error(b"a,b\nCCO,CCN\nCCC,CCS\n", "x.csv");
    assert_eq!(
        several.to_string(),
        "library x.csv, line 1: columns a, b hold different molecules, and none has a known name"
    );
    // Formulas and symbols of elements read as SMILES.
    for text in ["id,formula\na,CCC\n", "id,element\na,C\n", "id,flag\na,N\nb,N\n"] {
        let error = open_error(text.as_bytes(), "x.csv");
        assert!(matches!(error, LibraryError::MissingColumn { .. }), "{text:?}: {error}");
    }
}

#[test]
fn a_library_without_a_molecule_is_an_error_with_its_first_row() {
    let text = "what ever\nis this\n";
    let options = ReadOptions::default();
    let source = Source::from_reader(text.as_bytes(), "x.smi", options).unwrap();
    let results: Vec<_> = Library::from(source).batches(10).unwrap().collect();
    let [Ok(rows), Err(error)] = results.as_slice() else { panic!("{results:?}") };
    assert_eq!(rows.len(), 2);
    assert_eq!(
        error.to_string(),
        "library x.smi: none of its 2 rows holds a molecule; of the first, on line 1, `what` was \
         taken for the SMILES and `ever` for the id"
    );
}

#[test]
fn utf16_is_text() {
    let text = "\u{feff}id;smiles\r\nß 1;CCO\r\nb;CCN\r\n";
    for bytes in [
        text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>(),
        text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        text.encode_utf16().skip(1).flat_map(u16::to_le_bytes).collect(),
    ] {
        let source = Source::from_reader(
            std::io::Cursor::new(bytes.clone()),
            "x.csv",
            ReadOptions::default(),
        );
        let mut source = source.unwrap();
        let records: Vec<_> = source.by_ref().map(Result::unwrap).collect();
        assert_eq!(pairs(&records), [("ß 1", "CCO"), ("b", "CCN")]);
        assert_eq!(source.digest().unwrap().bytes, bytes.len() as u64);
    }
}

fn table(ids: ArrayRef, compression: Compression) -> Result<Vec<String>, LibraryError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("table.parquet");
    let smiles: ArrayRef =
        Arc::new(StringArray::from_iter_values((0..ids.len()).map(|i| "C".repeat(i + 1))));
    let batch =
        RecordBatch::try_from_iter_with_nullable([("smiles", smiles, false), ("id", ids, true)])
            .unwrap();
    let properties = WriterProperties::builder().set_compression(compression).build();
    let mut writer =
        ArrowWriter::try_new(File::create(&path).unwrap(), batch.schema(), Some(properties))
            .unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    Source::open(&path, &ReadOptions::default())?.map(|record| record.map(|r| r.id)).collect()
}

#[test]
fn parquet_of_every_common_compression_is_read() {
    let ids: ArrayRef = Arc::new(StringArray::from_iter_values((0..500).map(|i| format!("id{i}"))));
    let expected = table(ids.clone(), Compression::UNCOMPRESSED).unwrap();
    assert_eq!(expected.len(), 500);
    for compression in [
        Compression::GZIP(GzipLevel::default()),
        Compression::BROTLI(BrotliLevel::default()),
        Compression::LZ4,
        Compression::LZ4_RAW,
        Compression::SNAPPY,
    ] {
        assert_eq!(table(ids.clone(), compression).unwrap(), expected, "{compression:?}");
    }
}

#[test]
fn ids_of_other_types_are_text_where_that_is_exact() {
    let of = |ids: ArrayRef| table(ids, Compression::UNCOMPRESSED);
    let floats = Float64Array::from(vec![Some(7.0), None, Some(1.5), Some(f64::NAN)]);
    assert_eq!(of(Arc::new(floats)).unwrap(), ["7", "mol_1", "1.5", "mol_3"]);
    assert_eq!(of(Arc::new(BooleanArray::from(vec![true, false]))).unwrap(), ["true", "false"]);
    let decimals = Decimal128Array::from(vec![1_200, 1_250]).with_precision_and_scale(12, 2);
    assert_eq!(of(Arc::new(decimals.unwrap())).unwrap(), ["12", "12.5"]);
    let error = of(Arc::new(Float64Array::from(vec![1.0, 1e17]))).unwrap_err();
    assert_eq!(
        error.to_string(),
        "library table.parquet, row 2, column `id`: 100000000000000000 may not be the id that was \
         meant, since its type cannot tell it from its neighbours; store ids as text or integers"
    );
}

#[test]
fn quoted_and_repeated_cells_are_read_as_tables() {
    let records = read(
        Source::from_reader(
            &b"n,what\n\"a,b\",\"CCO\"\nc,CCN\n"[..],
            "x.csv",
            ReadOptions::default(),
        )
        .unwrap(),
    );
    assert_eq!(pairs(&records), [("mol_0", "CCO"), ("mol_1", "CCN")]);
}
