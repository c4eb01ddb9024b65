//! Datasets over SQLite and a directory.

use std::time::Duration;

use super::*;
use crate::object::fixture::{Desk, all, bytes, sha256};
use crate::tenancy::{Action, OrgRole, TenantTx};
use crate::trail::Entry;

fn new(upload: &Id) -> NewDataset {
    NewDataset { upload: upload.to_string(), name: None, description: "all".into() }
}

async fn made(desk: &Desk, plain: &[u8]) -> Dataset {
    let upload = desk.uploaded(plain).await;
    let mut tx = desk.write(Action::DatasetCreate).await;
    let dataset = create(&mut tx, &desk.project, &upload.id, &new(&upload.id)).await.unwrap();
    tx.commit(Entry::on(&dataset.id)).await.unwrap();
    dataset
}

async fn reading(desk: &Desk) -> TenantTx {
    desk.write(Action::DataRead).await
}

#[tokio::test]
async fn a_dataset_is_made_read_changed_and_trashed() {
    let desk = Desk::new().await;
    let plain = bytes(200_000);
    let dataset = made(&desk, &plain).await;
    assert_eq!((dataset.name.as_str(), dataset.size), ("a.smi", 200_000));
    assert_eq!(dataset.sha256, sha256(&plain));

    let mut tx = reading(&desk).await;
    let found = content(&mut tx, &desk.depot, &desk.project, &dataset.id).await.unwrap();
    drop(tx);
    let whole = found.read(&desk.depot, 0, 200_000).await.unwrap();
    assert_eq!(all(whole).await.unwrap(), plain);
    let part = found.read(&desk.depot, 100_000, 150_000).await.unwrap();
    assert_eq!(all(part).await.unwrap(), plain[100_000..150_000]);

    let mut tx = desk.write(Action::DatasetUpdate).await;
    let change = DatasetChange { name: Some("Another".into()), description: None };
    let before = get(&mut tx, &desk.project, &dataset.id).await.unwrap();
    let after = update(&mut tx, &desk.project, &before, &change, dataset.version).await.unwrap();
    assert_eq!((before.version, after.version), (1, 2));
    assert_eq!((after.name.as_str(), after.description.as_str()), ("Another", "all"));
    let stale = update(&mut tx, &desk.project, &before, &change, dataset.version).await;
    assert!(matches!(stale, Err(DatasetError::Changed)));
    delete(&mut tx, &desk.project, &dataset.id, 2).await.unwrap();
    let gone = get(&mut tx, &desk.project, &dataset.id).await;
    assert!(matches!(gone, Err(DatasetError::Absent)));
    assert!(list(&mut tx, &desk.project, "dat_z", 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn only_complete_uploads_become_datasets() {
    let desk = Desk::new().await;
    let open = desk.begin(b"abc").await;
    let mut tx = desk.write(Action::DatasetCreate).await;
    let refused = create(&mut tx, &desk.project, &open.id, &new(&open.id)).await;
    assert!(matches!(refused, Err(DatasetError::Incomplete)));
    let absent = Id::fresh(Kind::Upload);
    let refused = create(&mut tx, &desk.project, &absent, &new(&absent)).await;
    assert!(matches!(refused, Err(DatasetError::Upload(UploadError::Absent))));
}

#[tokio::test]
async fn datasets_outlive_their_uploads_and_rotations() {
    let desk = Desk::new().await;
    let plain = bytes(1000);
    let dataset = made(&desk, &plain).await;
    desk.rotate().await.unwrap();
    let system = crate::tenancy::Principal::system(desk.fixture.org.clone());
    let later = Instant::now().plus(2 * upload::LIFETIME);
    let store = &desk.fixture.store;
    assert_eq!(upload::sweep_expired(store, &desk.depot, &system, later).await.unwrap(), 1);
    let mut tx = reading(&desk).await;
    let found = content(&mut tx, &desk.depot, &desk.project, &dataset.id).await.unwrap();
    let whole = found.read(&desk.depot, 0, 1000).await.unwrap();
    assert_eq!(all(whole).await.unwrap(), plain);
}

#[tokio::test]
async fn pages_of_a_list_meet() {
    let desk = Desk::new().await;
    let mut ids = Vec::new();
    for size in 1..=5 {
        ids.insert(0, made(&desk, &bytes(size)).await.id);
    }
    let mut tx = desk.write(Action::DatasetRead).await;
    let first = list(&mut tx, &desk.project, "dat_z", 3).await.unwrap();
    let rest = list(&mut tx, &desk.project, first[2].id.as_str(), 3).await.unwrap();
    let seen: Vec<_> = first.iter().chain(&rest).map(|dataset| dataset.id.clone()).collect();
    assert_eq!(seen, ids);
}

async fn linked(desk: &Desk, dataset: &Dataset, lifetime: Duration) -> String {
    let mut tx = desk.write(Action::LinkCreate).await;
    let link =
        link::create(&mut tx, &desk.depot, &desk.project, &dataset.id, lifetime).await.unwrap();
    tx.commit(Entry::on(&dataset.id)).await.unwrap();
    link.path.strip_prefix("/v1/signed/").unwrap().to_owned()
}

async fn follow(desk: &Desk, text: &str) -> Result<Content, DatasetError> {
    link::follow(&desk.fixture.store, &desk.depot, &desk.origin, text).await
}

#[tokio::test]
async fn a_link_reads_one_dataset_until_it_expires_or_is_changed() {
    let desk = Desk::new().await;
    let plain = bytes(1000);
    let dataset = made(&desk, &plain).await;
    let text = linked(&desk, &dataset, Duration::from_secs(60)).await;
    let found = follow(&desk, &text).await.unwrap();
    let whole = found.read(&desk.depot, 0, 1000).await.unwrap();
    assert_eq!(all(whole).await.unwrap(), plain);
    let used = "SELECT count(*) AS n FROM audit_event WHERE action = 'data.read' \
        AND actor_via LIKE 'lnk_%' AND actor_id LIKE 'mem_%'";
    assert_eq!(desk.fixture.number(used).await, 1);

    // Any changed character, at any place, makes it nothing.
    for at in 0..text.len() {
        let mut changed = text.clone().into_bytes();
        changed[at] = if changed[at] == b'0' { b'1' } else { b'0' };
        let changed = String::from_utf8(changed).unwrap();
        let refused = follow(&desk, &changed).await;
        assert!(matches!(refused, Err(DatasetError::Absent)), "{at}");
    }
    let short = linked(&desk, &dataset, Duration::from_millis(1)).await;
    tokio::time::sleep(Duration::from_millis(3)).await;
    assert!(matches!(follow(&desk, &short).await, Err(DatasetError::Expired)));
    let mut tx = desk.write(Action::LinkCreate).await;
    for lifetime in [Duration::ZERO, link::LONGEST + Duration::from_secs(1)] {
        let made = link::create(&mut tx, &desk.depot, &desk.project, &dataset.id, lifetime).await;
        assert!(matches!(made, Err(DatasetError::Lifetime(900))));
    }
}

#[tokio::test]
async fn a_link_ends_with_its_makers_role_or_the_key() {
    let mut desk = Desk::new().await;
    let dataset = made(&desk, &bytes(10)).await;
    let text = linked(&desk, &dataset, Duration::from_secs(60)).await;
    desk.rotate().await.unwrap();
    assert!(matches!(follow(&desk, &text).await, Err(DatasetError::Absent)));

    desk.owner = desk.fixture.principal(&desk.fixture.owner, OrgRole::Owner);
    let text = linked(&desk, &dataset, Duration::from_secs(60)).await;
    follow(&desk, &text).await.unwrap();
    desk.fixture.run("DELETE FROM project_member").await;
    assert!(matches!(follow(&desk, &text).await, Err(DatasetError::Absent)));
    desk.fixture.run("UPDATE member SET disabled_at = 1").await;
    assert!(matches!(follow(&desk, &text).await, Err(DatasetError::Absent)));
}

#[tokio::test]
async fn a_check_finds_what_is_damaged_and_names_it() {
    let desk = Desk::new().await;
    made(&desk, &bytes(1000)).await;
    let kept = desk.names().await;
    made(&desk, &bytes(2000)).await;
    let system = crate::tenancy::Principal::system(desk.fixture.org.clone());
    let check = || crate::object::verify(&desk.fixture.store, &desk.depot, &system);
    let right = check().await.unwrap();
    assert_eq!((right.blobs, right.bytes, right.damaged.len()), (2, 3000, 0));
    let name = desk.names().await.into_iter().find(|name| !kept.contains(name)).unwrap();
    let mut stored = std::fs::read(desk.path(&name)).unwrap();
    *stored.last_mut().unwrap() ^= 1;
    std::fs::write(desk.path(&name), stored).unwrap();
    let found = check().await.unwrap();
    assert_eq!((found.blobs, found.bytes, found.damaged.len()), (2, 1000, 1));
    assert!(found.damaged[0].reason.contains(&name), "{}", found.damaged[0].reason);
}
