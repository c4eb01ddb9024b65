//! Backups of SQLite and a directory.

use std::collections::BTreeMap;

use super::*;
use crate::object::Objects;
use crate::object::fixture::{Desk, bytes, sha256};
use crate::store::{Address, Store};

struct Rig {
    desk: Desk,
    folder: tempfile::TempDir,
}

/// A database with a blob, an open upload with a part, and the trail of both.
async fn rig() -> Rig {
    let desk = Desk::new().await;
    desk.uploaded(&bytes(200_000)).await;
    let open = desk.begin(&bytes(1000)).await;
    desk.put(&open, 1, &bytes(1000), &sha256(&bytes(1000))).await.unwrap();
    Rig { desk, folder: tempfile::tempdir().unwrap() }
}

impl Rig {
    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    async fn backup(&self, name: &str, plan: Plan<'_>) -> Result<Manifest, BackupError> {
        let (store, objects) = (&self.desk.fixture.store, &self.desk.depot.objects);
        backup(store, objects, &self.at(name), plan).await
    }

    /// A new place to restore to.
    async fn other(&self, name: &str) -> (Store, Objects) {
        let folder = self.at(name);
        let objects = Objects::directory(&folder.join("objects")).unwrap();
        let store = Store::open_as_owner(&Address::sqlite(&folder.join("t.db"))).await.unwrap();
        (store, objects)
    }
}

/// Every file but the manifest, which has the time.
fn contents(folder: &Path) -> BTreeMap<String, FileEntry> {
    verify(folder).unwrap().files
}

#[tokio::test]
async fn a_restored_backup_is_equal() {
    let rig = rig().await;
    let made = rig.backup("one", Plan::default()).await.unwrap();
    assert_eq!(made.objects(), 2);
    assert_eq!(made.rows["blob"], 1);
    assert_eq!(made.rows["upload_part"], 1);
    assert!(made.rows["audit_event"] > 3);

    let (store, objects) = rig.other("restored").await;
    let restored = restore(&rig.at("one"), &store, &objects).await.unwrap();
    assert_eq!(restored.objects, 2);
    assert_eq!(restored.rows, made.rows.values().sum::<u64>());
    backup(&store, &objects, &rig.at("two"), Plan::default()).await.unwrap();
    assert_eq!(contents(&rig.at("one")), contents(&rig.at("two")));

    let again = restore(&rig.at("one"), &store, &objects).await;
    assert!(matches!(again, Err(BackupError::NotEmpty)));
    let again = rig.backup("one", Plan::default()).await;
    assert!(matches!(again, Err(BackupError::Exists(_))));
}

#[tokio::test]
async fn a_later_backup_links_what_it_has_in_common() {
    let rig = rig().await;
    rig.backup("one", Plan::default()).await.unwrap();
    let one = rig.at("one");
    // Linked objects do not depend on the store.
    for name in rig.desk.names().await {
        std::fs::remove_file(rig.desk.path(&name)).unwrap();
    }
    let plan = Plan { previous: Some(&one), ..Plan::default() };
    let master = rig.desk.directory.path().join("master.key");
    let plan = Plan { master_key: Some(&master), ..plan };
    let second = rig.backup("two", plan).await.unwrap();
    assert_eq!(second.objects(), 2);
    assert!(contents(&rig.at("two")).contains_key("master.key"));
    // What a row names and is nowhere is damage.
    let lost = rig.backup("three", Plan::default()).await;
    assert!(matches!(lost, Err(BackupError::Object(ObjectError::Missing(_)))));
    assert!(!rig.at("three").exists());
    let left = std::fs::read_dir(rig.folder.path()).unwrap().count();
    assert_eq!(left, 2, "nothing is left of a backup that failed");
}

#[tokio::test]
async fn every_change_of_a_backup_is_found() {
    let rig = rig().await;
    let made = rig.backup("one", Plan::default()).await.unwrap();
    let one = rig.at("one");
    for name in made.files.keys() {
        let path = one.join(name);
        let kept = std::fs::read(&path).unwrap();
        for changed in [
            [&kept[..], b"\n"].concat(),
            kept.iter().map(|byte| byte ^ u8::from(kept.len() > 1)).collect(),
        ] {
            std::fs::write(&path, &changed).unwrap();
            assert_eq!(verify(&one).is_err(), changed != kept, "{name}");
        }
        std::fs::remove_file(&path).unwrap();
        assert!(verify(&one).is_err(), "{name}");
        std::fs::write(&path, &kept).unwrap();
    }
    verify(&one).unwrap();
    std::fs::write(one.join("more"), b"").unwrap();
    assert!(matches!(verify(&one), Err(BackupError::Damaged { .. })));
    std::fs::remove_file(one.join("more")).unwrap();

    // A manifest that was made to fit leads nowhere outside.
    let text = std::fs::read_to_string(one.join(MANIFEST)).unwrap();
    let outside = text.replacen("objects/", "../objects/", 1);
    std::fs::write(one.join(MANIFEST), outside).unwrap();
    assert!(matches!(verify(&one), Err(BackupError::Manifest { .. })));
    let newer = text.replacen("\"schema\": ", "\"schema\": 9", 1);
    std::fs::write(one.join(MANIFEST), newer).unwrap();
    assert!(matches!(verify(&one), Err(BackupError::Newer { .. })));
}

#[tokio::test]
async fn parts_that_go_while_a_backup_is_written_are_left_out() {
    let rig = rig().await;
    let folder = rig.at("x");
    rig.backup("x", Plan::default()).await.unwrap();
    let mut manifest = verify(&folder).unwrap();
    let parts = super::rows::lines(&folder.join("tables/upload_part.jsonl")).unwrap();
    let part = parts.map(Result::unwrap).next().unwrap().1["object_name"].clone();
    let gone = [part.as_str().unwrap().to_owned()].into();
    super::write::forget(&folder, &mut manifest, &gone).unwrap();
    assert_eq!(manifest.rows["upload_part"], 0);
    assert_eq!(manifest.rows["blob"], 1);
    assert_eq!(manifest.rows["upload"], 2);
}
