//! Sealed files in a directory: every range comes back, every change is found.

use futures_util::TryStreamExt as _;

use super::keys::DataKey;
use super::{ObjectError, Objects, Sealed, Sealing, open};

/// Lengths around the 64 KiB of a chunk.
const SIZES: [usize; 7] = [0, 1, 65_535, 65_536, 65_537, 131_072, 300_000];

struct Rig {
    directory: tempfile::TempDir,
    objects: Objects,
    key: DataKey,
}

fn rig() -> Rig {
    let directory = tempfile::tempdir().unwrap();
    let objects = Objects::directory(directory.path()).unwrap();
    Rig { directory, objects, key: DataKey::fresh() }
}

fn bytes(size: usize) -> Vec<u8> {
    (0..size).map(|at| (at * 31 % 253) as u8).collect()
}

impl Rig {
    async fn put(&self, name: &str, plain: &[u8]) -> Sealed {
        let mut sealing = Sealing::begin(&self.objects, name, &self.key).await.unwrap();
        for piece in plain.chunks(10_007) {
            sealing.write(piece).await.unwrap();
        }
        sealing.finish().await.unwrap()
    }

    async fn get(&self, sealed: &Sealed, start: u64, end: u64) -> Result<Vec<u8>, ObjectError> {
        let plain = open(&self.objects, sealed, &self.key, start, end).await?;
        plain
            .try_fold(Vec::new(), |mut all, piece| async move {
                all.extend_from_slice(&piece);
                Ok(all)
            })
            .await
    }

    async fn whole(&self, sealed: &Sealed) -> Result<Vec<u8>, ObjectError> {
        self.get(sealed, 0, sealed.size).await
    }

    fn stored(&self, sealed: &Sealed) -> Vec<u8> {
        std::fs::read(self.directory.path().join(&sealed.object_name)).unwrap()
    }

    fn store(&self, sealed: &Sealed, bytes: &[u8]) {
        std::fs::write(self.directory.path().join(&sealed.object_name), bytes).unwrap();
    }
}

#[tokio::test]
async fn every_range_comes_back() {
    let rig = rig();
    for size in SIZES {
        let plain = bytes(size);
        let sealed = rig.put(&format!("o/p/{size}"), &plain).await;
        assert_eq!(sealed.size, size as u64);
        assert_eq!(rig.whole(&sealed).await.unwrap(), plain, "{size}");
        let marks = [0, 1, 65_535, 65_536, 65_537, 131_071, 131_072, 200_000, size];
        for start in marks.into_iter().filter(|start| *start <= size) {
            for end in marks.into_iter().filter(|end| start <= *end && *end <= size) {
                let got = rig.get(&sealed, start as u64, end as u64).await.unwrap();
                assert_eq!(got, plain[start..end], "{size}: {start}..{end}");
            }
        }
    }
}

#[tokio::test]
async fn large_objects_are_written_in_parts() {
    let rig = rig();
    let plain = bytes(20 << 20);
    let sealed = rig.put("o/p/large", &plain).await;
    assert_eq!(rig.stored(&sealed).len() as u64, sealed.stored_size);
    assert_eq!(rig.whole(&sealed).await.unwrap(), plain);
}

#[tokio::test]
async fn every_flipped_byte_is_found() {
    let rig = rig();
    let plain = bytes(70_000);
    let sealed = rig.put("o/p/flipped", &plain).await;
    let stored = rig.stored(&sealed);
    let chunk = sealed.head_size as usize;
    let head = 0..chunk;
    for at in head.step_by(7).chain([chunk, chunk + 65_551, chunk + 65_552, stored.len() - 1]) {
        let mut changed = stored.clone();
        changed[at] ^= 1;
        rig.store(&sealed, &changed);
        let error = rig.whole(&sealed).await.unwrap_err();
        let expected = if at < chunk { "header differs" } else { "is damaged" };
        assert!(error.is_tampering() && error.to_string().contains(expected), "{at}: {error}");
    }
    // A range that reads the changed chunk finds it too.
    let mut changed = stored.clone();
    changed[chunk + 65_552] ^= 1;
    rig.store(&sealed, &changed);
    assert!(matches!(rig.get(&sealed, 65_536, 65_537).await, Err(ObjectError::Damaged { .. })));
    assert_eq!(rig.get(&sealed, 0, 10).await.unwrap(), plain[..10]);
}

#[tokio::test]
async fn a_swapped_truncated_or_missing_file_is_refused_before_its_first_byte() {
    let rig = rig();
    let sealed = rig.put("o/p/one", &bytes(200_000)).await;
    let other = rig.put("o/p/other", &bytes(200_000)).await;
    let stored = rig.stored(&sealed);

    // Another file for the same key, of the same length, even of the same bytes.
    let others = rig.stored(&other);
    rig.store(&sealed, &others);
    for (start, end) in [(0, 200_000), (70_000, 70_001)] {
        let read = open(&rig.objects, &sealed, &rig.key, start, end).await.map(drop);
        assert!(matches!(read, Err(ObjectError::Swapped(_))), "{read:?}");
    }
    // The right header before another's chunks.
    let head = sealed.head_size as usize;
    let grafted = [&stored[..head], &others[other.head_size as usize..]].concat();
    rig.store(&sealed, &grafted);
    assert!(matches!(rig.whole(&sealed).await, Err(ObjectError::Damaged { .. })));
    // Chunks in another order.
    let (first, second) = (head..head + 65_552, head + 65_552..head + 131_104);
    let mixed = [&stored[..head], &stored[second.clone()], &stored[first], &stored[second.end..]];
    rig.store(&sealed, &mixed.concat());
    assert!(matches!(rig.whole(&sealed).await, Err(ObjectError::Damaged { .. })));

    for length in [0, 1, head, head + 65_552, stored.len() - 1] {
        rig.store(&sealed, &stored[..length]);
        let read = open(&rig.objects, &sealed, &rig.key, 0, 1).await.map(drop);
        assert!(matches!(read, Err(ObjectError::Size { .. })), "{length}: {read:?}");
    }
    rig.objects.remove(&sealed.object_name).await.unwrap();
    rig.objects.remove(&sealed.object_name).await.unwrap();
    assert!(matches!(rig.whole(&sealed).await, Err(ObjectError::Missing(_))));
}

#[tokio::test]
async fn a_wrong_key_and_a_wrong_row_are_refused() {
    let mut rig = rig();
    let mut sealed = rig.put("o/p/one", &bytes(100)).await;
    sealed.sha256 = "0".repeat(64);
    assert!(matches!(rig.whole(&sealed).await, Err(ObjectError::Digest { .. })));
    sealed.size = 99;
    assert!(matches!(rig.whole(&sealed).await, Err(ObjectError::Damaged { .. })));
    rig.key = DataKey::fresh();
    assert!(matches!(rig.whole(&sealed).await, Err(ObjectError::WrongKey { .. })));
}

#[tokio::test]
async fn an_unfinished_object_is_not_there() {
    let rig = rig();
    let mut sealing = Sealing::begin(&rig.objects, "o/p/unfinished", &rig.key).await.unwrap();
    sealing.write(&bytes(20 << 20)).await.unwrap();
    drop(sealing);
    let names: Vec<_> = rig.objects.list("o").try_collect().await.unwrap();
    assert!(names.is_empty(), "{names:?}");
    for _ in 0..100 {
        if rig.objects.sweep_unfinished(std::time::Duration::ZERO).await.unwrap() == 0 {
            return;
        }
    }
    panic!("files stay behind");
}
