//! Datasets: named bytes of a project. It must not know HTTP, nor what the
//! bytes mean.

pub mod link;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::id::{Id, Kind};
use crate::object::{DataKey, Depot, KeyError, ObjectError, Plain, Sealed, open};
use crate::store::{Columns, StoreError, statements, values};
use crate::tenancy::{Denied, TenantTx};
use crate::time::Instant;
use crate::upload::{self, UploadError, UploadState};

statements! {
    INSERT = "INSERT INTO dataset (org_id, id, project_id, name, description, blob_id, member_id, \
        created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    GET = "SELECT dataset.id, name, description, size, sha256, version, dataset.created_at \
        FROM dataset JOIN blob ON blob.org_id = dataset.org_id AND blob.id = dataset.blob_id \
        WHERE dataset.org_id = $1 AND dataset.project_id = $2 AND dataset.id = $3 \
        AND deleted_at IS NULL";
    LIST = "SELECT dataset.id, name, description, size, sha256, version, dataset.created_at \
        FROM dataset JOIN blob ON blob.org_id = dataset.org_id AND blob.id = dataset.blob_id \
        WHERE dataset.org_id = $1 AND dataset.project_id = $2 AND dataset.id < $3 \
        AND deleted_at IS NULL ORDER BY dataset.id DESC LIMIT $4";
    BLOB = "SELECT object_name, size, sha256, stored_size, head_size, head_sha256, data_key_id \
        FROM blob JOIN dataset ON dataset.org_id = blob.org_id AND dataset.blob_id = blob.id \
        WHERE dataset.org_id = $1 AND dataset.project_id = $2 AND dataset.id = $3 \
        AND deleted_at IS NULL";
    BYTES = "SELECT object_name, size, sha256, stored_size, head_size, head_sha256, data_key_id, \
        created_at FROM blob WHERE org_id = $1 AND id = $2";
    UPDATE = "UPDATE dataset SET name = $4, description = $5, version = version + 1 \
        WHERE org_id = $1 AND project_id = $2 AND id = $3 AND version = $6 AND deleted_at IS NULL";
    DELETE = "UPDATE dataset SET deleted_at = $4, version = version + 1 \
        WHERE org_id = $1 AND project_id = $2 AND id = $3 AND version = $5 AND deleted_at IS NULL";
    /// Holds the sweep of uploads off.
    HOLD_UPLOAD = "UPDATE upload SET version = version + 1 WHERE org_id = $1 AND id = $2 \
        AND state = 'complete' AND expires_at > $3";
}
pub(crate) use ALL as STATEMENTS;

/// A dataset to be made of a complete upload.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewDataset {
    /// The upload.
    #[schema(example = "upl_01jdq0v8w3e8tav4k1m2n3p4q5")]
    pub upload: String,
    /// Its name; the file's unless given.
    #[schema(example = "Screening library 2026", min_length = 1, max_length = 200)]
    pub name: Option<String>,
    /// What it is; at most 4,000 characters.
    #[serde(default)]
    #[schema(max_length = 4000)]
    pub description: String,
}

/// A change of a dataset; what is not given stays.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DatasetChange {
    /// Its name.
    #[schema(min_length = 1, max_length = 200)]
    pub name: Option<String>,
    /// What it is.
    #[schema(max_length = 4000)]
    pub description: Option<String>,
}

/// A dataset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Dataset {
    /// Its id.
    #[schema(value_type = String, example = "dat_01jdq0v8w3e8tav4k1m2n3p4q5")]
    pub id: Id,
    /// Its name.
    #[schema(example = "Screening library 2026")]
    pub name: String,
    /// What it is.
    pub description: String,
    /// Bytes.
    #[schema(example = 52_428_800)]
    pub size: u64,
    /// SHA-256 of its bytes as hex.
    pub sha256: String,
    /// Its version, which the ETag says too.
    pub version: i64,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Instant,
}

/// Why a dataset is not as asked.
#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    /// There is none.
    #[error("there is no such dataset")]
    Absent,
    /// It has another version than the one that was read.
    #[error("it changed since it was read")]
    Changed,
    /// The upload is not complete, or expired.
    #[error("the upload is not complete: only bytes whose digest is right become a dataset")]
    Incomplete,
    /// A link is asked for longer than one lives.
    #[error("a link lives 1 to {0} seconds")]
    Lifetime(u64),
    /// A link has expired.
    #[error("the link has expired: ask for another")]
    Expired,
    /// The principal may not.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The upload is not there, or failed.
    #[error(transparent)]
    Upload(#[from] UploadError),
    /// A key is not had.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The store of objects failed.
    #[error(transparent)]
    Object(#[from] ObjectError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn read(row: &Columns) -> Result<Dataset, StoreError> {
    Ok(Dataset {
        id: row.id("id")?,
        name: row.text("name")?,
        description: row.text("description")?,
        size: row.natural("size")?,
        sha256: row.text("sha256")?,
        version: row.number("version")?,
        created_at: Instant(row.number("created_at")?),
    })
}

/// Makes a dataset of upload `from` in `project`, for which `tx` writes.
///
/// # Errors
///
/// Where there is no such upload, or it is not complete.
pub async fn create(
    tx: &mut TenantTx,
    project: &Id,
    from: &Id,
    new: &NewDataset,
) -> Result<Dataset, DatasetError> {
    let upload = upload::get(tx, project, from).await?;
    let org = tx.org();
    let held = tx.execute(HOLD_UPLOAD, values![&org, from, Instant::now()]).await?;
    let blob = upload.blob.filter(|_| upload.state == UploadState::Complete && held == 1);
    let blob = blob.ok_or(DatasetError::Incomplete)?;
    let id = Id::fresh(Kind::Dataset);
    let member = tx.principal().maker();
    let name = new.name.as_ref().unwrap_or(&upload.name);
    let values =
        values![&org, &id, project, name, &new.description, &blob, &member, Instant::now()];
    tx.execute(INSERT, values).await?;
    get(tx, project, &id).await
}

/// One dataset of `project`.
///
/// # Errors
///
/// Where there is none.
pub async fn get(tx: &mut TenantTx, project: &Id, id: &Id) -> Result<Dataset, DatasetError> {
    let org = tx.org();
    let row = tx.row(GET, values![&org, project, id]).await?.ok_or(DatasetError::Absent)?;
    Ok(read(&row)?)
}

/// Datasets of `project` with ids less than `before`, newest first.
///
/// # Errors
///
/// Where the database fails.
pub async fn list(
    tx: &mut TenantTx,
    project: &Id,
    before: &str,
    limit: i64,
) -> Result<Vec<Dataset>, DatasetError> {
    let org = tx.org();
    let rows = tx.rows(LIST, values![&org, project, before, limit]).await?;
    Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
}

/// Changes a dataset that has `version` from what it was `before`.
///
/// # Errors
///
/// Where there is none, or it changed since.
pub async fn update(
    tx: &mut TenantTx,
    project: &Id,
    before: &Dataset,
    change: &DatasetChange,
    version: i64,
) -> Result<Dataset, DatasetError> {
    let id = &before.id;
    let name = change.name.as_deref().unwrap_or(&before.name);
    let description = change.description.as_deref().unwrap_or(&before.description);
    let org = tx.org();
    let values = values![&org, project, id, name, description, version];
    match tx.execute(UPDATE, values).await? {
        0 => Err(DatasetError::Changed),
        _ => get(tx, project, id).await,
    }
}

/// Puts a dataset that has `version` in the trash: it is not seen again, its
/// bytes stay until retention removes them.
///
/// # Errors
///
/// Where there is none, or it changed since.
pub async fn delete(
    tx: &mut TenantTx,
    project: &Id,
    id: &Id,
    version: i64,
) -> Result<(), DatasetError> {
    let org = tx.org();
    match tx.execute(DELETE, values![&org, project, id, Instant::now(), version]).await? {
        0 => Err(DatasetError::Changed),
        _ => Ok(()),
    }
}

/// The bytes of a dataset, not yet read.
pub struct Content {
    /// The dataset.
    pub dataset: Dataset,
    sealed: Sealed,
    key: Arc<DataKey>,
}

/// Finds the bytes of a dataset of `project`. Reading them is an act of
/// [`DataRead`](crate::tenancy::Action::DataRead): commit `tx` with its entry
/// first.
///
/// # Errors
///
/// Where there is no such dataset, or its key is not had.
pub async fn content(
    tx: &mut TenantTx,
    depot: &Depot,
    project: &Id,
    id: &Id,
) -> Result<Content, DatasetError> {
    let dataset = get(tx, project, id).await?;
    let org = tx.org();
    let row = tx.row(BLOB, values![&org, project, id]).await?.ok_or(DatasetError::Absent)?;
    let sealed = Sealed::of(&row)?;
    let key = depot.keys.by_id(tx, &sealed.data_key).await?;
    Ok(Content { dataset, sealed, key })
}

/// Finds bytes of the organisation that are none of a dataset's any more, or never
/// were: what a job reads, what it made. Whoever calls it says whether `tx` may.
///
/// # Errors
///
/// Where there are no such bytes, or their key is not had.
pub(crate) async fn content_of_blob(
    tx: &mut TenantTx,
    depot: &Depot,
    (id, name): (&Id, &str),
    blob: &Id,
) -> Result<Content, DatasetError> {
    let org = tx.org();
    let row = tx.row(BYTES, values![&org, blob]).await?.ok_or(DatasetError::Absent)?;
    let sealed = Sealed::of(&row)?;
    let key = depot.keys.by_id(tx, &sealed.data_key).await?;
    let dataset = Dataset {
        id: id.clone(),
        name: name.to_owned(),
        description: String::new(),
        size: sealed.size,
        sha256: sealed.sha256.clone(),
        version: 1,
        created_at: Instant(row.number("created_at")?),
    };
    Ok(Content { dataset, sealed, key })
}

impl Content {
    /// Plain bytes `start..end`, which lie within the dataset.
    ///
    /// # Errors
    ///
    /// Where what is stored is not what was stored; see [`open`].
    pub async fn read(&self, depot: &Depot, start: u64, end: u64) -> Result<Plain, DatasetError> {
        Ok(open(&depot.objects, &self.sealed, &self.key, start, end).await?)
    }
}
