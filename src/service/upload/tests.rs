//! Uploads over SQLite and a directory.

use std::time::Duration;

use super::*;
use crate::object::fixture::{Desk, bytes, sha256};
use crate::object::{self, StorageError, Swept};
use crate::tenancy::{Action, Principal};
use crate::trail::Entry;

const PART: usize = PART_SIZE as usize;

#[tokio::test]
async fn parts_in_any_order_become_one_blob() {
    let desk = Desk::new().await;
    let plain = bytes(PART + 70_000);
    let upload = desk.begin(&plain).await;
    assert_eq!(upload.part_count(), 2);
    let (first, second) = plain.split_at(PART);
    desk.put(&upload, 2, second, &sha256(second)).await.unwrap();

    // What is there is known, so that the rest can be sent later.
    let mut tx = desk.door().read(Action::UploadRead).await.unwrap();
    let standing = status(&mut tx, &desk.project, &upload.id).await.unwrap();
    drop(tx);
    assert_eq!(standing.parts.len(), 1);
    assert_eq!((standing.parts[0].number, standing.parts[0].size), (2, 70_000));
    let early = desk.complete(&upload).await;
    assert!(matches!(early, Err(UploadError::Missing { count: 1, first: 1 })), "{early:?}");

    desk.put(&upload, 1, first, &sha256(first)).await.unwrap();
    // The same part again changes nothing.
    desk.put(&upload, 1, first, &sha256(first)).await.unwrap();
    assert_eq!(desk.names().await.len(), 2);
    let done = desk.complete(&upload).await.unwrap();
    assert_eq!(done.state, UploadState::Complete);
    // One object is left, and no part.
    assert_eq!(desk.names().await.len(), 1);
    let again = desk.complete(&upload).await.unwrap();
    assert_eq!(again, done);
    let late = desk.put(&upload, 1, first, &sha256(first)).await;
    assert!(matches!(late, Err(UploadError::Closed)));
}

#[tokio::test]
async fn an_empty_file_has_no_part() {
    let desk = Desk::new().await;
    let upload = desk.begin(b"").await;
    let put = desk.put(&upload, 1, b"", &sha256(b"")).await;
    assert!(matches!(put, Err(UploadError::PartNumber(0))), "{put:?}");
    assert_eq!(desk.complete(&upload).await.unwrap().state, UploadState::Complete);
}

#[tokio::test]
async fn wrong_parts_are_refused_and_nothing_is_kept() {
    let desk = Desk::new().await;
    let plain = bytes(100_000);
    let upload = desk.begin(&plain).await;
    let right = sha256(&plain);
    for (at, sent, declared) in [
        (1, &plain[..99_999], right.as_str()),
        (1, &bytes(100_001)[..], right.as_str()),
        (1, &bytes(20 << 20)[..], right.as_str()),
        (1, &plain[..], &"0".repeat(64)),
        (0, &plain[..], right.as_str()),
        (-1, &plain[..], right.as_str()),
        (2, &plain[..], right.as_str()),
        (i64::MAX, &plain[..], right.as_str()),
    ] {
        let refused = desk.put(&upload, at, sent, declared).await;
        assert!(
            matches!(
                refused,
                Err(UploadError::PartSize { .. }
                    | UploadError::Digest { .. }
                    | UploadError::PartNumber(1))
            ),
            "{at}: {refused:?}"
        );
        assert!(desk.names().await.is_empty());
    }
    let broken = futures_util::stream::iter([
        Ok(bytes::Bytes::from_static(b"abc")),
        Err(BodyError::Broken("the client is gone".into())),
    ]);
    let refused = put_part(desk.door(), &desk.depot, &upload.id, 1, &right, broken).await;
    assert!(matches!(refused, Err(UploadError::Body(_))));
    assert!(desk.names().await.is_empty());
}

#[tokio::test]
async fn a_whole_of_another_digest_is_refused_until_its_part_is_replaced() {
    let desk = Desk::new().await;
    let plain = bytes(1000);
    let upload = desk.begin(&plain).await;
    let wrong = vec![7; 1000];
    desk.put(&upload, 1, &wrong, &sha256(&wrong)).await.unwrap();
    assert!(matches!(desk.complete(&upload).await, Err(UploadError::Digest { .. })));
    assert_eq!(desk.names().await.len(), 1);
    desk.put(&upload, 1, &plain, &sha256(&plain)).await.unwrap();
    assert_eq!(desk.names().await.len(), 1);
    desk.complete(&upload).await.unwrap();
}

#[tokio::test]
async fn many_at_once_leave_one_blob() {
    let desk = Desk::new().await;
    let plain = bytes(1000);
    let upload = desk.begin(&plain).await;
    let digest = sha256(&plain);
    let puts = (0..8).map(|_| desk.put(&upload, 1, &plain, &digest));
    for put in futures_util::future::join_all(puts).await {
        put.unwrap();
    }
    let done = futures_util::future::join_all((0..8).map(|_| desk.complete(&upload))).await;
    let (done, refused): (Vec<_>, Vec<_>) = done.into_iter().partition(Result::is_ok);
    assert!(refused.iter().all(|refused| matches!(refused, Err(UploadError::Joining))));
    let again = desk.complete(&upload).await.unwrap();
    assert!(!done.is_empty());
    assert!(done.into_iter().all(|done| done.unwrap().blob == again.blob));
    assert_eq!(desk.names().await.len(), 1);
}

#[tokio::test]
async fn an_aborted_upload_leaves_nothing_and_takes_nothing() {
    let desk = Desk::new().await;
    let plain = bytes(1000);
    let upload = desk.begin(&plain).await;
    desk.put(&upload, 1, &plain, &sha256(&plain)).await.unwrap();
    let mut tx = desk.write(Action::UploadWrite).await;
    let stale = abort(&mut tx, &desk.project, &upload.id, 1).await;
    assert!(matches!(stale, Err(UploadError::Changed)));
    drop(tx);
    let mut tx = desk.write(Action::UploadWrite).await;
    let leftovers = abort(&mut tx, &desk.project, &upload.id, 2).await.unwrap();
    tx.commit(Entry::on(&upload.id)).await.unwrap();
    leftovers.remove(&desk.depot).await;
    assert!(desk.names().await.is_empty());
    assert!(matches!(desk.complete(&upload).await, Err(UploadError::Closed)));
    let mut tx = desk.write(Action::UploadWrite).await;
    let again = abort(&mut tx, &desk.project, &upload.id, 3).await;
    assert!(matches!(again, Err(UploadError::Closed)));
}

async fn sweep(desk: &Desk, grace: Duration) -> Result<Swept, StorageError> {
    let system = Principal::system(desk.fixture.org.clone());
    object::sweep(&desk.fixture.store, &desk.depot.objects, &system, grace).await
}

#[tokio::test]
async fn sweeps_remove_what_expired_and_what_no_row_names() {
    let desk = Desk::new().await;
    let system = Principal::system(desk.fixture.org.clone());
    let open = desk.begin(&bytes(1000)).await;
    desk.put(&open, 1, &bytes(1000), &sha256(&bytes(1000))).await.unwrap();
    let complete = desk.uploaded(&bytes(2000)).await;
    assert_eq!(desk.names().await.len(), 2);

    // As a kill between an object and its row leaves it.
    let orphan = format!("{}/{}/orphan", desk.fixture.org, desk.project);
    std::fs::write(desk.path(&orphan), b"orphan").unwrap();
    assert_eq!(sweep(&desk, Duration::from_secs(3600)).await.unwrap(), Swept::default());
    let swept = sweep(&desk, Duration::ZERO).await.unwrap();
    assert_eq!((swept.objects, swept.unfinished), (1, 0));
    assert_eq!(desk.names().await.len(), 2);

    let store = &desk.fixture.store;
    let swept = sweep_expired(store, &desk.depot, &system, Instant::now()).await.unwrap();
    assert_eq!(swept, 0);
    let later = complete.expires_at.plus(Duration::from_secs(1));
    assert_eq!(sweep_expired(store, &desk.depot, &system, later).await.unwrap(), 2);
    assert!(desk.names().await.is_empty());
    assert_eq!(desk.fixture.number("SELECT count(*) AS n FROM blob").await, 0);
}

#[tokio::test]
async fn keys_are_replaced_while_an_upload_is_under_way() {
    let desk = Desk::new().await;
    let plain = bytes(PART + 10);
    let upload = desk.begin(&plain).await;
    let (first, second) = plain.split_at(PART);
    desk.put(&upload, 1, first, &sha256(first)).await.unwrap();
    let rotated = desk.rotate().await.unwrap();
    assert_eq!((rotated.rewrapped, rotated.projects), (1, 1));
    desk.put(&upload, 2, second, &sha256(second)).await.unwrap();
    desk.complete(&upload).await.unwrap();
    assert_eq!(desk.rotate().await.unwrap().rewrapped, 2);
    let held = "SELECT count(*) AS n FROM data_key WHERE project_id IS NULL AND wrapped <> ''";
    assert_eq!(desk.fixture.number(held).await, 1);
}
