//! A project in a temporary organisation, and a directory of objects, for unit
//! tests.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{TryStreamExt as _, stream};
use sha2::{Digest as _, Sha256};

use super::{Depot, FileProvider, KeyError, Keyring, Objects, Plain, Rotated};
use crate::auth::fixture::Fixture;
use crate::directory::project::{self, NewProject};
use crate::id::Id;
use crate::tenancy::{Action, Door, OrgRole, Origin, Principal, TenantTx};
use crate::trail::Entry;
use crate::upload::{self, NewUpload, Part, Upload, UploadError};

/// The project, its maker, and where its bytes are.
pub(crate) struct Desk {
    pub fixture: Fixture,
    pub depot: Arc<Depot>,
    pub project: Id,
    pub owner: Principal,
    pub origin: Origin,
    pub directory: tempfile::TempDir,
}

/// SHA-256 as hex.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// Bytes that look like no others.
pub(crate) fn bytes(size: usize) -> Vec<u8> {
    (0..size).map(|at| (at * 31 % 253) as u8).collect()
}

/// All that a stream gives.
pub(crate) async fn all(plain: Plain) -> Result<Vec<u8>, super::ObjectError> {
    plain
        .try_fold(Vec::new(), |mut all, piece| async move {
            all.extend_from_slice(&piece);
            Ok(all)
        })
        .await
}

impl Desk {
    pub async fn new() -> Self {
        let fixture = Fixture::new().await;
        let directory = tempfile::tempdir().unwrap();
        let provider = FileProvider::open_or_create(&directory.path().join("master.key")).unwrap();
        let objects = Objects::directory(&directory.path().join("objects")).unwrap();
        let keys = Keyring::new(Box::new(provider));
        let depot = Arc::new(Depot::new(objects, keys, 1 << 30));
        let mut tx = fixture.write(Action::ProjectCreate).await;
        let new = NewProject { slug: "one".into(), name: "One".into(), description: String::new() };
        let project = project::create(&mut tx, &new).await.unwrap().id;
        tx.commit(Entry::on(&project)).await.unwrap();
        let owner = fixture.principal(&fixture.owner, OrgRole::Owner);
        Self { fixture, depot, project, owner, origin: Origin::local(), directory }
    }

    pub fn door(&self) -> Door<'_> {
        Door {
            store: &self.fixture.store,
            principal: &self.owner,
            origin: &self.origin,
            project: &self.project,
        }
    }

    pub async fn write(&self, action: Action) -> TenantTx {
        self.door().write(action).await.unwrap()
    }

    pub async fn begin(&self, plain: &[u8]) -> Upload {
        let mut tx = self.write(Action::UploadWrite).await;
        let new =
            NewUpload { name: "a.smi".into(), size: plain.len() as u64, sha256: sha256(plain) };
        let upload = upload::create(&mut tx, &self.depot, &self.project, &new).await.unwrap();
        tx.commit(Entry::on(&upload.id)).await.unwrap();
        upload
    }

    /// Puts `bytes` in pieces as part `at`, declared as `declared`.
    pub async fn put(
        &self,
        upload: &Upload,
        at: i64,
        bytes: &[u8],
        declared: &str,
    ) -> Result<Part, UploadError> {
        let pieces = bytes.chunks(60_000).map(|piece| Ok(Bytes::copy_from_slice(piece)));
        let body = stream::iter(pieces);
        upload::put_part(self.door(), &self.depot, &upload.id, at, declared, body).await
    }

    pub async fn complete(&self, upload: &Upload) -> Result<Upload, UploadError> {
        upload::complete(self.door(), &self.depot, &upload.id).await
    }

    /// A complete upload of `plain`.
    pub async fn uploaded(&self, plain: &[u8]) -> Upload {
        let upload = self.begin(plain).await;
        for (at, part) in (1..).zip(plain.chunks(upload.part_size as usize)) {
            self.put(&upload, at, part, &sha256(part)).await.unwrap();
        }
        self.complete(&upload).await.unwrap()
    }

    pub async fn rotate(&self) -> Result<Rotated, KeyError> {
        let tx = self.fixture.write(Action::KeyRotate).await;
        super::rotate(&self.depot.keys, tx).await
    }

    /// Names of all stored objects.
    pub async fn names(&self) -> Vec<String> {
        let names = self.depot.objects.list(self.fixture.org.as_str());
        names.map_ok(|(name, _)| name).try_collect().await.unwrap()
    }

    /// Where an object lies.
    pub fn path(&self, name: &str) -> std::path::PathBuf {
        self.directory.path().join("objects").join(name)
    }
}
