//! Scores files in every format, good and bad.

use std::sync::Arc;

use arrow_array::{ArrayRef, BinaryArray, Float32Array, Float64Array, RecordBatch, StringArray};
use hetero2::audit::{DecoyHash, OriginalSource, ScoreLimits, ScoreTable, ScoresError};

fn json(text: &str) -> Result<ScoreTable, ScoresError> {
    ScoreTable::from_json(text.as_bytes(), &ScoreLimits::default())
}

/// Stands for chemistry: `bad…` is no molecule, case does not matter.
fn upper(smiles: &str) -> Option<String> {
    (!smiles.starts_with("bad")).then(|| smiles.to_uppercase())
}

fn csv(text: &str) -> Result<ScoreTable, ScoresError> {
    ScoreTable::from_csv(text.as_bytes(), &ScoreLimits::default(), &upper)
}

fn parquet(columns: Vec<(&str, ArrayRef)>) -> Result<ScoreTable, ScoresError> {
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let file = tempfile::tempfile().unwrap();
    let mut writer =
        parquet::arrow::ArrowWriter::try_new(file.try_clone().unwrap(), batch.schema(), None)
            .unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    ScoreTable::from_parquet(file, &ScoreLimits::default(), &upper)
}

fn pair(table: &ScoreTable, smiles: &str) -> Option<(f64, f64)> {
    table.decoy(&DecoyHash::of_smiles(smiles)).map(|s| (s.score, s.weight))
}

fn hash(smiles: &str) -> String {
    DecoyHash::of_smiles(smiles).to_string()
}

const HEAD: &str = r#""schema_version":"hetero_scores.v1""#;

#[test]
fn json_is_read_with_its_defaults() {
    let (c, n, o) = (hash("C"), hash("N").to_uppercase(), hash("O"));
    let text = format!(
        r#"{{"decoys":{{"{c}":{{"score":0.5,"weight":2,"note":[{{"x":1}}]}},"{n}":{{}},"{o}":{{"score":1}},
            "{o}":{{"score":3e-1}}}},"original":{{"weight":0.5}},"score_key":" vina ","extra":null,{HEAD}}}"#
    );
    let table = json(&text).unwrap();
    assert_eq!(pair(&table, "C"), Some((0.5, 2.0)));
    assert_eq!(pair(&table, "N"), Some((0.0, 1.0)));
    assert_eq!(pair(&table, "O"), Some((0.3, 1.0)), "the last one counts");
    assert_eq!((pair(&table, "F"), table.decoys()), (None, 3));
    let (original, source) = table.original("m1");
    assert_eq!((original.score, original.weight, source), (1.0, 0.5, OriginalSource::File));
    assert_eq!(table.score_key(), Some("vina"));

    let bare = json(&format!("\u{feff}{{{HEAD},\"decoys\":null,\"original\":null}}")).unwrap();
    assert_eq!(bare.original("m1").1, OriginalSource::Default);
    assert_eq!((bare.original("m1").0.score, bare.decoys()), (1.0, 0));
}

#[test]
fn json_that_cannot_be_used_says_why_and_where() {
    let c = hash("C");
    let decoy = |value: &str| format!("{{{HEAD},\n\"decoys\":{{\"{c}\":{value}}}}}");
    let cases = [
        (String::new(), "EOF"),
        ("[]".to_owned(), "invalid type: sequence"),
        ("{}".to_owned(), "schema_version none; write"),
        (
            r#"{"schema_version":"hetero_scores.v2"}"#.to_owned(),
            "schema_version \"hetero_scores.v2\"",
        ),
        (r#"{"schema_version":1}"#.to_owned(), "schema_version 1;"),
        (decoy(r#"{"score":"0.5"}"#), "invalid type: string \"0.5\", expected f64 at line 2"),
        (decoy(r#"{"score":NaN}"#), "expected value at line 2"),
        (decoy(r#"{"score":1e999}"#), "number out of range at line 2"),
        (decoy(r#"{"score":null}"#), "invalid type: null, expected f64"),
        (decoy(r#"{"weight":-1}"#), "the weight of b3"),
        (decoy("0.5"), "expected struct Decoy"),
        (format!(r#"{{{HEAD},"decoys":{{"CCO":{{"score":1}}}}}}"#), "\"CCO\" is not a SHA-256"),
        (format!(r#"{{{HEAD},"decoys":{{}},"decoys":{{}}}}"#), "stands twice"),
        (format!(r#"{{{HEAD}}} trailing"#), "trailing characters"),
        (format!(r#"{{{HEAD},"x":{}"#, "[".repeat(100_000)), "at line 1"),
        (format!(r#"{{{HEAD},"x":"{}"#, "a".repeat(17 << 20)), "longer than 16 MiB"),
        (format!(r#"{{{HEAD},"x":{}"#, "1".repeat(17 << 20)), "longer than 16 MiB"),
    ];
    for (text, expected) in cases {
        let error = json(&text).unwrap_err().to_string();
        let expected = expected.replace("b3", &c[..2]);
        assert!(error.contains(&expected), "{}… gave {error}", &text[..text.len().min(90)]);
    }
}

#[test]
fn files_larger_than_the_limit_are_refused() {
    let limits = ScoreLimits { max_entries: 2 };
    let rows: String = ["C", "N", "O"].iter().map(|s| format!("{s},1\n")).collect();
    let text = format!("decoy_smiles,score\n{rows}");
    let error = ScoreTable::from_csv(text.as_bytes(), &limits, &upper).unwrap_err();
    assert!(matches!(error, ScoresError::TooMany { limit: 2 }), "{error}");
    let decoys: Vec<String> =
        ["C", "N", "O"].iter().map(|s| format!(r#""{}":{{}}"#, hash(s))).collect();
    let text = format!("{{{HEAD},\"decoys\":{{{}}}}}", decoys.join(","));
    let error = ScoreTable::from_json(text.as_bytes(), &limits).unwrap_err();
    assert!(matches!(error, ScoresError::TooMany { limit: 2 }), "{error}");
}

#[test]
fn csv_is_read_by_column_names() {
    let n = hash("N");
    let text = format!(
        "\u{feff}weight,decoy_smiles, decoy_hash ,score,role,molecule_id,note\r\n\
         2,c,,0.5,,,x\r\n,,{n},-1e-3,decoy,m9,\"a,\nb\"\r\n,O,,,decoy,,failed\r\n\
         3,,,0.75,original,m1,\r\n,,,0.25,original,,\r\n2,C,,0.5,,,again\r\n"
    );
    let table = csv(&text).unwrap();
    assert_eq!(pair(&table, "C"), Some((0.5, 2.0)));
    assert_eq!(pair(&table, "N"), Some((-0.001, 1.0)));
    assert_eq!((pair(&table, "O"), table.unscored_rows()), (None, 1));
    let (m1, source) = table.original("m1");
    assert_eq!((m1.score, m1.weight, source), (0.75, 3.0, OriginalSource::Molecule));
    let (m2, source) = table.original("m2");
    assert_eq!((m2.score, m2.weight, source), (0.25, 1.0, OriginalSource::File));
    assert_eq!((table.decoys(), table.originals()), (2, 1));
}

#[test]
fn tables_are_read_however_they_are_separated() {
    let expected = pair(&csv("decoy_smiles,score\ncco,0.5\n").unwrap(), "CCO");
    assert_eq!(expected, Some((0.5, 1.0)));
    for text in [
        "decoy_smiles;score\ncco;0.5\n",
        "decoy_smiles\tscore\ncco\t0.5\n",
        "decoy_smiles|score\ncco|0.5\n",
        "sep=;\r\nDecoy SMILES; Score \r\ncco;0.5\r\n",
        "SEP=\t\nDECOY-SMILES\tSCORE\tWeight\ncco\t0.5\tNA\n",
        "\n\ndecoy_smiles,score\ncco,0.5",
        "\u{feff}decoy_smiles;score\ncco;0.5\n",
    ] {
        assert_eq!(pair(&csv(text).unwrap(), "CCO"), expected, "{text:?}");
    }
    let absent = csv("decoy_smiles,score\ncco,NA\ncc,None\nc,null\nccc,\n").unwrap();
    assert_eq!((absent.decoys(), absent.unscored_rows()), (0, 4));
    let error = csv("sep=;\ndecoy_smiles;score\ncco;high\n").unwrap_err();
    assert_eq!(error.to_string(), "scores table, line 3, column score: \"high\" is not a number");
}

#[test]
fn numbers_of_json_that_are_none_are_named_by_their_decoy() {
    for score in ["NaN", "null", "\"0.5\""] {
        let text = format!(
            "{{\"schema_version\":\"hetero_scores.v1\",\n\"decoys\":{{\"{}\":{{\"score\":{score}}}}}}}",
            hash("CCO")
        );
        let error = json(&text).unwrap_err().to_string();
        assert!(error.contains(&hash("CCO")) && error.contains("line 2"), "{error}");
        assert!(error.contains("leave out a decoy that has none"), "{error}");
    }
}

#[test]
fn csv_that_cannot_be_used_says_why_and_where() {
    let cases = [
        ("", "no column score"),
        ("id,score\nx,1\n", "no column decoy_hash or decoy_smiles; it has: id, score"),
        ("decoy_smiles,score\nC,1\nC,2\n", "two different scores"),
        ("decoy_smiles,score,weight\nC,1,2\nC,1,3\n", "two different scores"),
        ("decoy_smiles,score\nC,x1\n", "line 2, column score: \"x1\" is not a number"),
        ("decoy_smiles,score\nC,1\nN,inf\n", "line 3, column score: \"inf\" is not a finite"),
        ("decoy_smiles,score,weight\nC,1,-2\n", "line 2, column weight: \"-2\" is not a weight"),
        ("decoy_smiles,score\nbadC,1\n", "line 2, column decoy_smiles: \"badC\" is not a valid"),
        ("decoy_hash,score\n0123456789abcdef0123456789abcdef,1\n", "64 digits"),
        ("decoy_hash,score\n,1\n", "names no decoy"),
        ("decoy_smiles,score,role\nC,1,ligand\n", "column role: \"ligand\" is not a role"),
        ("decoy_smiles,score\nC,1,2\n", "line 2, column score: \"3\" cells do not fit"),
        ("score,decoy_smiles,role\n1,,original\n2,,original\n", "the original two different"),
    ];
    for (text, expected) in cases {
        let error = csv(text).unwrap_err().to_string();
        assert!(error.contains(expected), "{text:?} gave {error}");
    }
    let latin = ScoreTable::from_csv(
        &b"decoy_smiles,score\nC\xe9,1\n"[..],
        &ScoreLimits::default(),
        &upper,
    );
    assert!(latin.unwrap_err().to_string().contains("is not UTF-8"));
    let open_quote = format!("decoy_smiles,score\n\"{}", "C\n".repeat(9 << 20));
    assert!(csv(&open_quote).unwrap_err().to_string().contains("longer than 16 MiB"));
}

#[test]
fn parquet_says_the_same_as_csv() {
    let raw: Vec<Vec<u8>> =
        ["C", "N"].iter().map(|s| DecoyHash::of_smiles(s).as_bytes().to_vec()).collect();
    let hashes: Vec<Option<&[u8]>> = vec![Some(&raw[0]), Some(&raw[1]), None];
    let table = parquet(vec![
        ("decoy_hash", Arc::new(BinaryArray::from(hashes)) as ArrayRef),
        ("score", Arc::new(Float32Array::from(vec![Some(0.5), None, Some(0.25)]))),
        ("weight", Arc::new(Float64Array::from(vec![Some(2.0), None, None]))),
        ("role", Arc::new(StringArray::from(vec![None, Some("decoy"), Some("original")]))),
        ("molecule_id", Arc::new(StringArray::from(vec![None, None, Some("m1")]))),
        ("other", Arc::new(StringArray::from(vec!["a", "b", "c"]))),
    ])
    .unwrap();
    assert_eq!((pair(&table, "C"), pair(&table, "N")), (Some((0.5, 2.0)), None));
    assert_eq!(table.unscored_rows(), 1);
    assert_eq!(table.original("m1").0.score, 0.25);

    let smiles: ArrayRef = Arc::new(StringArray::from(vec!["c", "n"]));
    let scores: ArrayRef = Arc::new(Float64Array::from(vec![1.0, f64::NAN]));
    let error = parquet(vec![("decoy_smiles", smiles.clone()), ("score", scores)]).unwrap_err();
    let expected = "row 2, column score: \"NaN\" is not a finite number";
    assert!(error.to_string().contains(expected), "{error}");

    let error = parquet(vec![("decoy_smiles", smiles.clone()), ("score", smiles.clone())]);
    let error = error.unwrap_err().to_string();
    assert!(error.contains("column score of the scores table has the type Utf8"), "{error}");
    let error = parquet(vec![("score", smiles)]).unwrap_err();
    assert!(matches!(error, ScoresError::MissingColumn { .. }), "{error}");

    let mut file = tempfile::tempfile().unwrap();
    std::io::Write::write_all(&mut file, b"PAR1 this is no Parquet PAR1").unwrap();
    let error = ScoreTable::from_parquet(file, &ScoreLimits::default(), &upper).unwrap_err();
    assert!(matches!(error, ScoresError::Parquet(_)), "{error}");
}
