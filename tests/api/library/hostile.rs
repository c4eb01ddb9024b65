//! Damage, sizes beyond reason, random bytes.

use std::fs;
use std::io::Write;
use std::path::Path;

use hetero2::library::{
    Compression, FileRead, Format, LibraryError, ReadOptions, Record, RowProblem, Source, demo,
};
use hetero2::molecule::smiles_from_molfile;

use super::support::{Random, fixture, pairs, read, read_bytes};

#[test]
fn over_long_lines_are_rows() {
    let mut text = b"id,smiles\na,CCO\nb,".to_vec();
    text.resize(text.len() + 10_000_000, b'C');
    text.extend_from_slice(b"\r\nc,CCN\n");
    let records = read_bytes(&text, "x.csv");
    assert_eq!(records[1].problem, Some(RowProblem::TooLong { limit: 1 << 20 }));
    assert_eq!(records[1].id, "mol_1");
    assert_eq!((records[2].id.as_str(), records[2].line), ("c", 4));
    let mut text = b"CCO a\nCCC b\n".to_vec();
    text.resize(text.len() + 10_000_000, b'C');
    text.extend_from_slice(b"\nCCN c\n");
    let records = read_bytes(&text, "x.smi");
    assert_eq!(records.len(), 4);
    assert_eq!(records[2].problem, Some(RowProblem::TooLong { limit: 1 << 20 }));
    // Exactly at the limit is not over it, with either end of line.
    for end in ["\n", "\r\n", "\r", ""] {
        for (length, good) in [(64, true), (65, false)] {
            let text = format!("{}{end}", "C".repeat(length));
            let options = ReadOptions { max_line_bytes: 64, ..ReadOptions::default() };
            let source = Source::from_reader(std::io::Cursor::new(text), "x.smi", options).unwrap();
            let records = read(source);
            assert_eq!(records.len(), 1);
            assert_eq!(records[0].problem.is_none(), good, "{length} {end:?}");
        }
    }
}

#[test]
fn sdf_oddities() {
    let text = fs::read_to_string(fixture("small.sdf")).unwrap();
    let (first, _) = text.split_once("$$$$").unwrap();
    let body = first.split_once('\n').unwrap().1;
    let sdf = format!(
        "{first}$$$$\r\n\n{body}$$$$\n$$$$\nbroken\n\n\n  9  9  0  0  0  0  0  0  0  0999 V2000\nM  END\n$$$$\n\
         {first}$$$$\ncut\n  off\n"
    );
    let records = read_bytes(sdf.as_bytes(), "x.sdf");
    let good: Vec<bool> = records.iter().map(|r| r.problem.is_none()).collect();
    assert_eq!(good, [true, true, false, false, true, false]);
    assert_eq!(records[1].id, "chembl_demo_0001", "from the data item, the title being empty");
    assert_eq!(records[2].id, "mol_2");
    assert!(matches!(records[3].problem, Some(RowProblem::UnreadableMolfile(_))));
    assert_eq!(records[5].problem, Some(RowProblem::CutOff));
    let options = ReadOptions { max_record_bytes: 100, ..ReadOptions::default() };
    let source = Source::from_reader(std::io::Cursor::new(text.clone()), "x.sdf", options).unwrap();
    let records = read(source);
    assert_eq!(records.len(), 20);
    assert!(records.iter().all(|r| matches!(r.problem, Some(RowProblem::TooLong { .. }))));
    let options = ReadOptions { id_column: Some("compound_ID".into()), ..Default::default() };
    let source = Source::from_reader(std::io::Cursor::new(text), "x.sdf", options).unwrap();
    assert_eq!(read(source)[0].id, "chembl_demo_0001");
}

#[test]
fn truncated_archives_give_their_rows_and_then_an_error() {
    let mut text = String::from("id,smiles\n");
    let mut random = Random(7);
    for i in 0..20_000 {
        text.push_str(&format!("m{i}_{},C{}\n", random.below(1 << 40), "C".repeat(i % 30)));
    }
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(text.as_bytes()).unwrap();
    let zstd = zstd::encode_all(text.as_bytes(), 1).unwrap();
    let rows: Vec<Record> = read_bytes(text.as_bytes(), "x.csv");
    let whole = [(gzip.finish().unwrap(), Compression::Gzip), (zstd, Compression::Zstd)];
    for (bytes, compression) in whole {
        assert_eq!(read_bytes(&bytes, "x.csv"), rows);
        let cut = bytes[..bytes.len() * 3 / 4].to_vec();
        let mut source =
            Source::from_reader(std::io::Cursor::new(cut.clone()), "x.csv", ReadOptions::default())
                .unwrap();
        let mut good = Vec::new();
        let error = loop {
            match source.next().expect("the damage is reported") {
                Ok(record) => good.push(record),
                Err(error) => break error,
            }
        };
        assert!(source.next().is_none());
        assert!(good.len() > 8_000, "{compression}: {} rows", good.len());
        assert_eq!(good, rows[..good.len()]);
        let LibraryError::Damaged { compression: stated, rows, .. } = error else {
            panic!("{error}")
        };
        assert_eq!((stated, rows), (compression, good.len() as u64));
        assert_eq!(source.digest().unwrap().bytes, cut.len() as u64);
        // The reading thread hands over the same rows before the error.
        let source =
            Source::from_reader(std::io::Cursor::new(cut), "x.csv", ReadOptions::default());
        let batches = source.unwrap().batches(1_000).unwrap();
        let (ok, failed): (Vec<_>, Vec<_>) = batches.partition(|batch| batch.is_ok());
        assert_eq!(ok.into_iter().flatten().map(|batch| batch.len()).sum::<usize>(), good.len());
        assert_eq!(failed.len(), 1);
    }
}

#[test]
fn a_decompression_bomb_is_one_row() {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    let zeros = vec![b'C'; 1 << 20];
    for _ in 0..128 {
        gzip.write_all(&zeros).unwrap();
    }
    let records = read_bytes(&gzip.finish().unwrap(), "x.smi");
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].problem, Some(RowProblem::TooLong { limit: 1 << 20 }));
}

#[test]
fn batches_are_the_rows_in_order() {
    let mut batches = demo().unwrap().batches(300).unwrap();
    let sizes: Vec<usize> = batches.by_ref().map(|batch| batch.unwrap().len()).collect();
    assert_eq!(sizes, [300, 300, 300, 100]);
    let read = batches.finish().unwrap();
    let digest = demo().unwrap().digest().unwrap();
    assert_eq!(read, [FileRead { digest, rows: 1_000, origin: None }]);
    // Leaving early does not hang, and there is no digest of what was not read.
    let mut batches = demo().unwrap().batches(1).unwrap();
    assert_eq!(batches.next().unwrap().unwrap()[0].row, 0);
    assert!(batches.finish().is_err());
}

#[test]
fn random_tables_survive_a_csv_writer() {
    let mut random = Random(1);
    let alphabet: Vec<char> = "aZ09\"\"\",\n\r;\t #é".chars().collect();
    for _ in 0..300 {
        let mut writer = csv::WriterBuilder::new().from_writer(Vec::new());
        writer.write_record(["id", "note", "smiles"]).unwrap();
        let mut expected = Vec::new();
        for row in 0..random.below(20) {
            let note: String =
                (0..random.below(12)).map(|_| alphabet[random.below(alphabet.len())]).collect();
            let (id, smiles) = (format!("x{row}"), "C".repeat(1 + random.below(5)));
            writer.write_record([&id, &note, &smiles]).unwrap();
            expected.push((id, smiles));
        }
        let text = writer.into_inner().unwrap();
        let records = read_bytes(&text, "x.csv");
        let expected: Vec<(&str, &str)> =
            expected.iter().map(|(id, smiles)| (id.as_str(), smiles.as_str())).collect();
        assert_eq!(pairs(&records), expected, "{}", String::from_utf8_lossy(&text));
    }
}

#[test]
fn random_bytes_never_panic_and_rows_stay_consecutive() {
    let pieces: [&[u8]; 16] = [
        b"id",
        b"smiles",
        b",",
        b"\t",
        b"\n",
        b"\r",
        b"\"",
        b"\"\"",
        b"#",
        b" ",
        b"$$$$\n",
        b"M  END\n",
        b"\xff",
        b"CCO",
        b"\0",
        b"|",
    ];
    let mut random = Random(2);
    for case in 0..4_000 {
        let mut text = match case % 3 {
            0 => b"id,smiles\n".to_vec(),
            1 => b"C\n".to_vec(),
            _ => Vec::new(),
        };
        for _ in 0..random.below(60) {
            text.extend_from_slice(pieces[random.below(pieces.len())]);
        }
        for format in [Format::Csv, Format::Tsv, Format::Smiles, Format::Sdf] {
            let options = ReadOptions {
                format: Some(format),
                max_line_bytes: 8 + random.below(40),
                max_record_bytes: 64,
                ..ReadOptions::default()
            };
            let reader = std::io::Cursor::new(text.clone());
            let Ok(source) = Source::from_reader(reader, "x", options) else { continue };
            let mut line = 0;
            for (row, record) in source.enumerate() {
                let record = record.unwrap();
                assert_eq!(record.row, row as u64);
                assert!(record.line > line, "lines go forward");
                line = record.line;
                assert!(record.problem.is_none() || record.smiles.is_empty());
            }
        }
    }
}

#[test]
fn damaged_molfiles_never_panic() {
    let text = fs::read_to_string(fixture("small.sdf")).unwrap();
    let blocks: Vec<&str> = text.split("$$$$\n").filter(|block| !block.is_empty()).collect();
    let mut random = Random(3);
    let mut failed = 0;
    for _ in 0..600 {
        let mut block = blocks[random.below(blocks.len())].as_bytes().to_vec();
        for _ in 0..1 + random.below(4) {
            let at = random.below(block.len());
            match random.below(3) {
                0 => block[at] = b"0139 -VM\nC\xc3"[random.below(11)],
                1 => block.truncate(at.max(1)),
                _ => {
                    block.remove(at);
                }
            }
            block.push(b' ');
        }
        failed += usize::from(smiles_from_molfile(&String::from_utf8_lossy(&block)).is_err());
    }
    assert!(failed > 100, "{failed}");
}

#[test]
fn the_golden_input_is_read_whole() {
    let Ok(golden) = std::env::var("HETERO2_GOLDEN") else {
        eprintln!("SKIPPED: set HETERO2_GOLDEN to the directory of golden results");
        return;
    };
    let path = Path::new(&golden).join("input.csv");
    let records = read(Source::open(&path, &ReadOptions::default()).unwrap());
    assert_eq!(records.len(), 3_245);
    assert!(records.iter().all(|r| r.problem.is_none()));
    let by_id = |id: &str| &records.iter().find(|r| r.id == id).unwrap().smiles;
    assert_eq!(by_id("hard_comma"), b"C,C");
    assert_eq!(by_id("hard_quote"), b"\"CCO\"");
    assert_eq!(by_id("hard_name"), b"CCO");
    assert_eq!(by_id("hard_ws"), b"CCO");
}

/// A V3000 molfile of `atoms` carbon atoms in a chain.
fn chain(atoms: usize) -> String {
    use std::fmt::Write;
    let mut text = "chain\n\n\n  0  0  0  0  0  0            999 V3000\n".to_owned();
    let bonds = atoms - 1;
    writeln!(text, "M  V30 BEGIN CTAB\nM  V30 COUNTS {atoms} {bonds} 0 0 0\nM  V30 BEGIN ATOM")
        .unwrap();
    for i in 1..=atoms {
        writeln!(text, "M  V30 {i} C {} 0 0 0", i).unwrap();
    }
    writeln!(text, "M  V30 END ATOM\nM  V30 BEGIN BOND").unwrap();
    for i in 1..atoms {
        writeln!(text, "M  V30 {i} 1 {i} {}", i + 1).unwrap();
    }
    text.push_str("M  V30 END BOND\nM  V30 END CTAB\nM  END\n");
    text
}

#[test]
fn a_huge_molfile_is_read_in_bounded_time() {
    for atoms in [1, 1_000, 99_000] {
        assert_eq!(smiles_from_molfile(&chain(atoms)).unwrap(), "C".repeat(atoms));
    }
}

#[test]
fn parquet_with_integer_ids_and_nulls() {
    use arrow_array::{ArrayRef, BinaryArray, Float64Array, Int64Array, RecordBatch};
    use std::sync::Arc;

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("table.parquet");
    let write = |smiles: ArrayRef| {
        let score: ArrayRef = Arc::new(Float64Array::from(vec![0.5, 1.5, 2.5]));
        let cid: ArrayRef = Arc::new(Int64Array::from(vec![Some(7), None, Some(-1)]));
        let columns = [("score", score, false), ("CID", cid, true), ("SMILES", smiles, true)];
        let batch = RecordBatch::try_from_iter_with_nullable(columns).unwrap();
        let file = fs::File::create(&path).unwrap();
        let mut writer = parquet::arrow::ArrowWriter::try_new(file, batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        Source::open(&path, &ReadOptions::default())
    };
    let smiles: Vec<Option<&[u8]>> = vec![Some(b" CCO |x|"), Some(b"CCN"), None];
    let records = read(write(Arc::new(BinaryArray::from(smiles))).unwrap());
    assert_eq!(pairs(&records), [("7", "CCO"), ("mol_1", "CCN"), ("-1", "")]);
    let error = write(Arc::new(Int64Array::from(vec![1, 2, 3]))).unwrap_err();
    assert_eq!(
        error.to_string(),
        "library table.parquet: column `SMILES` has type Int64; it must hold text"
    );
    // A file cut anywhere, or with flipped bytes, is an error and no panic.
    write(Arc::new(BinaryArray::from(vec![&b"CCO"[..], b"CCN", b"C"]))).unwrap();
    let bytes = fs::read(&path).unwrap();
    let mut random = Random(5);
    for _ in 0..300 {
        let mut damaged = bytes.clone();
        let at = 4 + random.below(damaged.len() - 4);
        match random.below(2) {
            0 => damaged.truncate(at),
            _ => damaged[at] ^= 1 << random.below(8),
        }
        fs::write(&path, &damaged).unwrap();
        if let Ok(source) = Source::open(&path, &ReadOptions::default()) {
            assert!(source.filter(Result::is_ok).count() <= 3);
        }
    }
}
