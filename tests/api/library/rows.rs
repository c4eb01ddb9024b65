//! Formats, headers, ids: what becomes of good rows and of bad ones.

use std::fs;

use hetero2::library::{Format, InputDigest, LibraryError, ReadOptions, RowProblem, Source, demo};
use sha2::{Digest, Sha256};

use super::support::{canonical, fixture, open, open_error, pairs, read, read_bytes};

#[test]
fn every_format_gives_the_same_rows() {
    let expected = read(open("small.csv"));
    assert_eq!(expected.len(), 20);
    for (name, format) in [
        ("small.tsv", Format::Tsv),
        ("small.csv.gz", Format::Csv),
        ("small.csv.bz2", Format::Csv),
        ("small.csv.xz", Format::Csv),
        ("small.smi.zst", Format::Smiles),
        ("small.parquet", Format::Parquet),
        ("columns.smi", Format::Smiles),
        ("bom_crlf.csv", Format::Csv),
    ] {
        let source = open(name);
        assert_eq!(source.format(), format, "{name}");
        let records = read(source);
        assert_eq!(pairs(&records), pairs(&expected), "{name}");
        assert!(records.iter().enumerate().all(|(i, r)| r.row == i as u64), "{name}");
        assert!(records.iter().all(|r| r.problem.is_none()), "{name}");
    }
}

#[test]
fn molfiles_give_the_same_molecules() {
    let expected = read(open("small.csv"));
    let text = fs::read_to_string(fixture("small.sdf")).unwrap();
    assert!(text.contains("V2000") && text.contains("V3000"));
    let records = read(open("small.sdf"));
    assert_eq!(records.len(), expected.len());
    for (record, expected) in records.iter().zip(&expected) {
        assert_eq!(record.problem, None, "{}", record.id);
        assert_eq!(record.id, expected.id);
        let mut smiles = String::from_utf8(record.smiles.clone()).unwrap();
        if !expected.smiles.iter().any(|b| b"/\\".contains(b)) {
            // Coordinates cannot leave a double bond's configuration open.
            smiles.retain(|c| !matches!(c, '/' | '\\'));
        }
        assert_eq!(canonical(smiles.as_bytes()), canonical(&expected.smiles), "{}", record.id);
    }
}

#[test]
fn digests_are_those_of_the_stored_bytes() {
    for name in [
        "small.csv",
        "small.csv.gz",
        "small.csv.bz2",
        "small.csv.xz",
        "small.smi.zst",
        "small.sdf",
        "small.parquet",
    ] {
        let bytes = fs::read(fixture(name)).unwrap();
        let expected = InputDigest {
            name: name.into(),
            bytes: bytes.len() as u64,
            sha256: hex::encode(Sha256::digest(&bytes)),
        };
        let mut source = open(name);
        assert_eq!(source.by_ref().count(), 20, "{name}");
        assert_eq!(source.digest().unwrap(), expected, "{name}");
        // Also without having read the rows.
        assert_eq!(open(name).digest().unwrap(), expected, "{name}");
    }
}

#[test]
fn the_demo_library_is_sound() {
    let records = read(demo().unwrap());
    assert_eq!(records.len(), 1_000);
    let mut ids: Vec<&str> = records.iter().map(|r| r.id.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 1_000, "ids are unique");
    for record in records.iter().step_by(10) {
        canonical(&record.smiles);
    }
}

#[test]
fn quoted_fields_and_bad_quotes() {
    let small = read(open("small.csv"));
    let records = read(open("quoted.csv"));
    assert_eq!(records.len(), 21);
    for (index, record) in records.iter().take(20).enumerate() {
        let (id, smiles) = (&small[index].id, &small[index].smiles);
        match index % 4 {
            0 => assert_eq!((&record.id, &record.smiles), (&format!("{id}, first"), smiles)),
            1 => assert_eq!((&record.id, &record.smiles), (&format!("{id} \"x\""), smiles)),
            2 => assert_eq!(record.problem, Some(RowProblem::BadQuoting)),
            _ => assert_eq!((&record.id, &record.smiles), (id, smiles)),
        }
    }
    assert_eq!(records[20].problem, Some(RowProblem::BadQuoting), "the open quote at the end");
    // Lines are those of the file, line breaks in quotes counted.
    assert_eq!((records[0].line, records[1].line), (3, 5));
}

#[test]
fn an_unclosed_quote_costs_one_row() {
    let mut text = String::from("id,smiles,note\na,\"CC,x\n");
    for i in 0..50_000 {
        text.push_str(&format!("m{i},CCO,some text that is of no interest\n"));
    }
    let records = read_bytes(text.as_bytes(), "x.csv");
    assert_eq!(records.len(), 50_001);
    assert_eq!(records[0].problem, Some(RowProblem::BadQuoting));
    assert!(records[1..].iter().all(|r| r.problem.is_none()));
    assert_eq!((records[1].id.as_str(), records[1].line), ("m0", 3));
}

#[test]
fn short_and_long_rows_are_rows() {
    let records = read(open("ragged.csv"));
    assert_eq!(records.len(), 20);
    for (index, record) in records.iter().enumerate() {
        match index % 4 {
            0 => assert_eq!(record.problem, Some(RowProblem::ShortRow { found: 2, expected: 3 })),
            1 => assert_eq!(record.problem, Some(RowProblem::LongRow { found: 4, expected: 3 })),
            2 => assert_eq!(record.id, format!("mol_{index}")),
            _ => assert!(record.smiles.is_empty() && record.problem.is_none()),
        }
    }
    // Trailing empty cells are no data.
    assert_eq!(pairs(&read_bytes(b"id,smiles\na,CCO,,\n", "x.csv")), [("a", "CCO")]);
}

#[test]
fn bytes_that_are_not_utf8_stay_in_the_smiles() {
    let records = read(open("non_utf8.smi"));
    assert_eq!(records.len(), 20);
    assert!(records[0].smiles.ends_with(b"\xe9"));
    assert!(records[1].id.starts_with("caf\u{fffd} "), "{}", records[1].id);
}

#[test]
fn duplicate_and_odd_ids_are_kept() {
    let records = read(open("duplicate_ids.csv"));
    assert_eq!(
        pairs(&records),
        [("../x", "CCO"), ("../x", "CCN"), ("mol_2", "CCC"), ("a\tb", "CCF")]
    );
}

#[test]
fn smiles_lines() {
    let text = b"\n# a comment\nCCO ethanol\r\nCCN\tamine with blanks\t7\rCCF\n  \n \
        CCCl |c:1| named \nCC|bar\n[#6]CC\nC";
    assert_eq!(
        pairs(&read_bytes(text, "x.smi")),
        [
            ("ethanol", "CCO"),
            ("amine with blanks", "CCN"),
            ("mol_2", "CCF"),
            ("named", "CCCl"),
            ("mol_4", "CC|bar"),
            ("mol_5", "[#6]CC"),
            ("mol_6", "C"),
        ]
    );
    let header = b"smiles id\nCCO a\n# no row\nCCN b\n";
    assert_eq!(pairs(&read_bytes(header, "x.smi")), [("a", "CCO"), ("b", "CCN")]);
    let short = read_bytes(b"id\tsmiles\na\nb\tCC\n", "x.smi");
    assert_eq!(short[0].problem, Some(RowProblem::ShortRow { found: 1, expected: 2 }));
    assert_eq!(pairs(&short[1..]), [("b", "CC")]);
}

#[test]
fn headers_in_many_guises() {
    for text in [
        "ID;Canonical SMILES\na;CCO\n",
        "sep=;\nid;smiles\na;CCO\n",
        "\nSEP=;\r\nid;smiles\r\na;CCO\r\n",
        "Sep=\t\nid\tsmiles\na\tCCO\n",
        "sep=;\nName;Ligand\na;CCO\n",
        "# made by hand\n\nid,smiles\na,CCO\n",
        "#id,smiles\na,CCO\n",
        "\"smiles\",\"Name\"\nCCO,a\n",
        "id\tsmiles\na\tCCO\n",
        "name,x,STRUCTURE\na,,CCO and more\n",
        "\u{feff}id,smiles\ra,CCO\r",
    ] {
        assert_eq!(pairs(&read_bytes(text.as_bytes(), "x.csv")), [("a", "CCO")], "{text}");
    }
    assert_eq!(pairs(&read_bytes(b"SEP=;\nid;smiles\na;CCO\n", "x.txt")), [("a", "CCO")]);
    let text = b"id,smiles,scores_input\na,CCO,scores.json\nb,CC,\n";
    let records = read_bytes(text, "x.csv");
    assert_eq!(records[0].scores_input.as_deref(), Some("scores.json"));
    assert_eq!(records[1].scores_input, None);
    // Columns by name, whatever other columns there are.
    let options = ReadOptions {
        smiles_column: Some("product".into()),
        id_column: Some("Key".into()),
        ..ReadOptions::default()
    };
    let text = &b"id,smiles,key,product\na,C,b,CCO\n"[..];
    assert_eq!(pairs(&read(Source::from_reader(text, "x.csv", options).unwrap())), [("b", "CCO")]);
}

#[test]
fn the_format_is_told_from_the_content() {
    for (name, format) in [
        ("small.csv", Format::Csv),
        ("small.tsv", Format::Tsv),
        ("small.smi.zst", Format::Smiles),
        ("small.sdf", Format::Sdf),
    ] {
        let bytes = fs::read(fixture(name)).unwrap();
        let source =
            Source::from_reader(std::io::Cursor::new(bytes), "stdin", ReadOptions::default());
        let source = source.unwrap();
        assert_eq!(source.format(), format, "{name}");
        assert_eq!(source.count(), 20, "{name}");
    }
    // A wrong extension of the compression does not matter.
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("plain.csv.gz");
    fs::copy(fixture("small.csv"), &path).unwrap();
    assert_eq!(Source::open(&path, &ReadOptions::default()).unwrap().count(), 20);
    let path = directory.path().join("table.bin");
    fs::copy(fixture("small.parquet"), &path).unwrap();
    assert_eq!(Source::open(&path, &ReadOptions::default()).unwrap().format(), Format::Parquet);
    // The user's word counts.
    let options = ReadOptions { format: Some("SMILES".parse().unwrap()), ..Default::default() };
    assert_eq!(read(Source::from_reader(&b"CCO a\n"[..], "x.csv", options).unwrap()).len(), 1);
}

#[test]
fn nothing_or_nothing_usable() {
    assert!(matches!(open_error(b"", "x.csv"), LibraryError::Empty { .. }));
    assert!(matches!(open_error(b"\xef\xbb\xbf", "x.smi"), LibraryError::Empty { .. }));
    assert!(matches!(open_error(b"\n \n# only\n", "x.csv"), LibraryError::Empty { .. }));
    assert!(read_bytes(b"id,smiles\n", "x.csv").is_empty());
    assert!(read_bytes(b"id,smiles", "x.csv").is_empty());
    assert!(read_bytes(b"# only a comment\n", "x.smi").is_empty());
    let text = open_error(b"\x7fELF\x02\x01\x01\0\0", "ls");
    assert_eq!(
        text.to_string(),
        "library ls is no text and of no known format: byte 8 is zero (is it a program, an image \
         or an archive?)"
    );
    let lz4 = open_error(b"\x04\x22\x4d\x18", "x.csv.lz4");
    assert_eq!(
        lz4.to_string(),
        "library x.csv.lz4 is an lz4 file, which is not read; unpack it first, or use gzip, zstd, \
         bzip2 or xz"
    );
    let missing = open_error(b"# v2\nid,formula\na,C\n", "x.csv");
    assert_eq!(
        missing.to_string(),
        "library x.csv, line 2: no smiles column (such as `smiles`, `canonical_smiles`, \
         `isomeric_smiles`, `smi`); columns found: `id`, `formula`; name the column with \
         --smiles-column (the first line must hold the column names)"
    );
    let parquet = fs::read(fixture("small.parquet")).unwrap();
    assert!(matches!(open_error(&parquet, "stdin"), LibraryError::ParquetNotSeekable { .. }));
}

#[test]
fn paths_that_cannot_be_read() {
    let options = ReadOptions::default();
    let directory = tempfile::tempdir().unwrap();
    let error = Source::open(directory.path(), &options).unwrap_err();
    assert!(matches!(error, LibraryError::IsDirectory { .. }));
    let error = Source::open(&directory.path().join("none.csv"), &options).unwrap_err();
    assert!(error.to_string().contains("none.csv (check the path"), "{error}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let locked = directory.path().join("locked.csv");
        fs::write(&locked, "id,smiles\na,C\n").unwrap();
        fs::set_permissions(&locked, fs::Permissions::from_mode(0o000)).unwrap();
        match Source::open(&locked, &options) {
            Ok(_) => eprintln!("SKIPPED: this user may read every file"),
            Err(error) => assert!(error.to_string().contains("permission"), "{error}"),
        }
    }
    let empty = directory.path().join("empty.parquet");
    fs::write(&empty, b"").unwrap();
    assert!(matches!(Source::open(&empty, &options).unwrap_err(), LibraryError::Empty { .. }));
    fs::write(&empty, b"PAR1 and no more PAR1").unwrap();
    assert!(matches!(Source::open(&empty, &options).unwrap_err(), LibraryError::Parquet { .. }));
}
