//! Shard files: what is written is read back, and damage is an error.

use std::fs;
use std::path::Path;

use hetero2::files::FileDigest;
use hetero2::library::{
    BLOCK_ROWS, LibraryError, Record, RowProblem, ShardReader, ShardWriter, pack_records,
    unpack_records,
};

/// A small generator, so that a failing case can be repeated.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % n as u64) as usize
    }
}

fn sample(count: usize, first: u64) -> Vec<Record> {
    (first..first + count as u64)
        .map(|row| Record {
            row,
            id: format!("id \u{1f9ea} {row}"),
            smiles: if row % 7 == 0 { b"C\xff".to_vec() } else { b"CCO".to_vec() },
            scores_input: (row % 3 == 0).then(|| "scores.json".to_owned()),
            problem: match row % 11 {
                1 => Some(RowProblem::ShortRow { found: 1, expected: 2 }),
                2 => Some(RowProblem::BadQuoting),
                3 => Some(RowProblem::UnreadableMolfile("line 4, \"x\"".into())),
                _ => None,
            },
            line: row * 2 + 5,
        })
        .collect()
}

fn write_shard(path: &Path, records: Vec<Record>) -> FileDigest {
    let mut writer = ShardWriter::create(path).unwrap();
    writer.write(records).unwrap();
    writer.finish().unwrap()
}

#[test]
fn packing_keeps_every_field() {
    let records = sample(200, 10);
    assert_eq!(unpack_records(&pack_records(&records).unwrap()).unwrap(), records);
    assert!(pack_records(&sample(BLOCK_ROWS + 1, 0)).is_err());
}

#[test]
fn shards_keep_rows_and_bytes() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("00000.arrow");
    let records = sample(10_000, 4_096);
    let summary = write_shard(&path, records.clone());
    let bytes = fs::read(&path).unwrap();
    assert_eq!(summary, FileDigest::of(&bytes));
    let batches: Vec<Vec<Record>> =
        ShardReader::open(&path).unwrap().collect::<Result<_, _>>().unwrap();
    let sizes: Vec<usize> = batches.iter().map(Vec::len).collect();
    assert_eq!(sizes, [4_096, 4_096, 1_808]);
    assert_eq!(batches.concat(), records);
    // The same records, handed over in other pieces, give the same bytes.
    let again = directory.path().join("again.arrow");
    let mut writer = ShardWriter::create(&again).unwrap();
    for piece in records.chunks(777) {
        writer.write(piece.to_vec()).unwrap();
    }
    assert_eq!(writer.finish().unwrap(), summary);
    // An abandoned shard leaves nothing, and an empty one is a shard.
    drop(ShardWriter::create(&directory.path().join("gone.arrow")).unwrap());
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2);
    write_shard(&again, Vec::new());
    assert_eq!(ShardReader::open(&again).unwrap().count(), 0);
    let nowhere = directory.path().join("no/where.arrow");
    assert!(matches!(ShardWriter::create(&nowhere), Err(LibraryError::File(_))));
}

#[test]
fn damaged_shards_are_errors() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("00000.arrow");
    write_shard(&path, sample(50, 0));
    let bytes = fs::read(&path).unwrap();
    let read = |bytes: &[u8]| -> Result<Vec<Vec<Record>>, LibraryError> {
        fs::write(&path, bytes).unwrap();
        ShardReader::open(&path)?.collect()
    };
    for length in (0..bytes.len()).step_by(7) {
        assert!(read(&bytes[..length]).is_err(), "cut to {length}");
    }
    let mut random = Random(4);
    for _ in 0..1_500 {
        let mut damaged = bytes.clone();
        for _ in 0..1 + random.below(3) {
            let at = random.below(damaged.len());
            damaged[at] = [0, 0xff, 0x7f, damaged[at] ^ (1 << random.below(8))][random.below(4)];
        }
        // Some damage lies in padding or in text; none may panic or abort.
        let _ = read(&damaged);
    }
    // Rows that do not follow one another.
    let mut records = sample(50, 0);
    records.swap(10, 20);
    write_shard(&path, records);
    let error = ShardReader::open(&path).unwrap().next().unwrap().unwrap_err();
    assert!(error.to_string().contains("row 20 where row 10 should be"), "{error}");
}
