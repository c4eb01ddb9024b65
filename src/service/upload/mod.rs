//! Uploads: bytes that arrive in parts, may be resumed, and become one sealed
//! blob once their digest is right. It must not know HTTP, nor what the bytes
//! are for.
//!
//! A kill at any point leaves either the parts as they were or the blob: an
//! object is written before the row that names it, and removed after it.

mod complete;
mod part;
mod sweep;
#[cfg(test)]
mod tests;

pub use complete::complete;
pub use part::put_part;
pub use sweep::sweep_expired;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::id::{Id, Kind};
use crate::object::{Depot, KeyError, ObjectError};
use crate::store::{Columns, StoreError, statements, values};
use crate::tenancy::{Denied, TenantTx};
use crate::time::Instant;

statements! {
    INSERT = "INSERT INTO upload (org_id, id, project_id, member_id, name, size, sha256, \
        part_size, state, created_at, expires_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'open', $9, $10)";
    GET = "SELECT id, name, size, sha256, part_size, state, blob_id, version, created_at, \
        expires_at FROM upload WHERE org_id = $1 AND project_id = $2 AND id = $3";
    LIST = "SELECT id, name, size, sha256, part_size, state, blob_id, version, created_at, \
        expires_at FROM upload WHERE org_id = $1 AND project_id = $2 AND id < $3 \
        AND run_id IS NULL ORDER BY id DESC LIMIT $4";
    /// Of a member's, not of an attempt.
    IS_OF_RUN = "SELECT run_id FROM upload WHERE org_id = $1 AND id = $2 AND run_id IS NOT NULL";
    SET_RUN = "UPDATE upload SET run_id = $3 WHERE org_id = $1 AND id = $2";
    OF_RUN = "SELECT id, name, size, sha256, part_size, state, blob_id, version, created_at, \
        expires_at FROM upload WHERE org_id = $1 AND project_id = $2 AND run_id = $3 \
        AND name = $4 AND size = $5 AND sha256 = $6 AND state <> 'aborted' AND expires_at > $7 \
        ORDER BY id DESC LIMIT 1";
    PARTS = "SELECT number, size, sha256, object_name, stored_size, head_size, head_sha256, \
        data_key_id FROM upload_part WHERE org_id = $1 AND upload_id = $2 ORDER BY number";
    PART = "SELECT size, sha256, object_name, stored_size, head_size, head_sha256, data_key_id \
        FROM upload_part WHERE org_id = $1 AND upload_id = $2 AND number = $3";
    /// Whoever changes an open upload waits here for the others.
    LOCK_OPEN = "UPDATE upload SET version = version + 1 \
        WHERE org_id = $1 AND id = $2 AND state = 'open' AND expires_at > $3";
    ABORT = "UPDATE upload SET state = 'aborted' WHERE org_id = $1 AND id = $2";
    DROP_PARTS = "DELETE FROM upload_part WHERE org_id = $1 AND upload_id = $2";
    DROP_PART = "DELETE FROM upload_part WHERE org_id = $1 AND upload_id = $2 AND number = $3";
    PUT_PART = "INSERT INTO upload_part (org_id, upload_id, number, size, sha256, object_name, \
        stored_size, head_size, head_sha256, data_key_id, created_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
    INSERT_BLOB = "INSERT INTO blob (org_id, id, project_id, object_name, size, sha256, \
        stored_size, head_size, head_sha256, data_key_id, created_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
    COMPLETE = "UPDATE upload SET state = 'complete', blob_id = $3 WHERE org_id = $1 AND id = $2";
    EXPIRED = "SELECT id, blob_id FROM upload WHERE org_id = $1 AND expires_at <= $2 \
        ORDER BY expires_at LIMIT 100";
    DROP_UPLOAD = "DELETE FROM upload WHERE org_id = $1 AND id = $2 AND expires_at <= $3";
    /// A blob that nothing uses.
    DROP_BLOB = "DELETE FROM blob WHERE org_id = $1 AND id = $2 \
        AND NOT EXISTS (SELECT 1 FROM dataset WHERE dataset.org_id = $1 AND dataset.blob_id = $2) \
        AND NOT EXISTS (SELECT 1 FROM upload WHERE upload.org_id = $1 AND upload.blob_id = $2) \
        AND NOT EXISTS (SELECT 1 FROM artifact WHERE artifact.org_id = $1 \
            AND artifact.blob_id = $2) \
        AND NOT EXISTS (SELECT 1 FROM job_input WHERE job_input.org_id = $1 \
            AND job_input.blob_id = $2)";
    BLOB_NAME = "SELECT object_name FROM blob WHERE org_id = $1 AND id = $2";
}
pub(crate) use ALL as STATEMENTS;

/// Bytes of every part but the last.
pub const PART_SIZE: u64 = 16 << 20;

/// How long an upload may take, and how long a complete one waits to be used.
pub const LIFETIME: Duration = Duration::from_secs(7 * 24 * 3600);

/// What is to be uploaded.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewUpload {
    /// The file's name.
    #[schema(example = "library.smi", min_length = 1, max_length = 200)]
    pub name: String,
    /// Its bytes.
    #[schema(example = 52_428_800, minimum = 0)]
    pub size: u64,
    /// Its SHA-256 as hex.
    #[schema(
        example = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        pattern = "^[0-9a-f]{64}$"
    )]
    pub sha256: String,
}

/// How an upload stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum UploadState {
    /// Parts are taken.
    Open,
    /// Its bytes are stored, and can be made a dataset.
    Complete,
    /// It was given up.
    Aborted,
}

impl UploadState {
    fn of(word: &str) -> Self {
        match word {
            "open" => Self::Open,
            "complete" => Self::Complete,
            _ => Self::Aborted,
        }
    }
}

/// An upload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Upload {
    /// Its id.
    #[schema(value_type = String, example = "upl_01jdq0v8w3e8tav4k1m2n3p4q5")]
    pub id: Id,
    /// The file's name.
    #[schema(example = "library.smi")]
    pub name: String,
    /// Bytes.
    #[schema(example = 52_428_800)]
    pub size: u64,
    /// SHA-256 as hex.
    pub sha256: String,
    /// Bytes of every part but the last; parts are counted from 1.
    #[schema(example = 16_777_216)]
    pub part_size: u64,
    /// How it stands.
    pub state: UploadState,
    /// Its version.
    pub version: i64,
    /// When it was begun.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Instant,
    /// When it is removed, unless a dataset was made of it.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Instant,
    /// Its bytes, once complete.
    #[serde(skip)]
    pub(crate) blob: Option<Id>,
}

/// A part that is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Part {
    /// Which, from 1.
    #[schema(example = 1)]
    pub number: i64,
    /// Its bytes.
    #[schema(example = 16_777_216)]
    pub size: u64,
    /// Its SHA-256 as hex.
    pub sha256: String,
}

/// An upload and the parts of it that are there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct UploadStatus {
    /// The upload.
    #[serde(flatten)]
    pub upload: Upload,
    /// Its parts, while it is open.
    pub parts: Vec<Part>,
}

/// Why an upload is not as asked.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// There is none.
    #[error("there is no such upload")]
    Absent,
    /// It is complete, aborted or expired.
    #[error("the upload takes no more parts: it is complete, aborted or expired")]
    Closed,
    /// It has another version than the one that was read.
    #[error("it changed since it was read")]
    Changed,
    /// It is larger than the server takes.
    #[error("an upload may have at most {0} bytes")]
    TooLarge(u64),
    /// It has no such part.
    #[error("parts of this upload are 1 to {0}")]
    PartNumber(u64),
    /// A part is longer or shorter than it must be.
    #[error("part {number} must have {expected} bytes")]
    PartSize {
        /// Which.
        number: i64,
        /// Bytes that it must have.
        expected: u64,
    },
    /// The bytes of a part, or of the whole, are not those that were declared.
    #[error("the bytes have SHA-256 {found}, not {expected}")]
    Digest {
        /// Declared.
        expected: String,
        /// Found.
        found: String,
    },
    /// Parts are missing.
    #[error("{count} parts are missing, the first is {first}")]
    Missing {
        /// How many.
        count: u64,
        /// The first.
        first: u64,
    },
    /// Its parts are being joined.
    #[error("the upload's parts are being joined: its state says when that is done")]
    Joining,
    /// The client's bytes did not arrive.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// The system gave no random bytes.
    #[error("the system gives no random bytes")]
    Randomness(#[from] getrandom::Error),
    /// The principal may not.
    #[error(transparent)]
    Denied(#[from] Denied),
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

/// Why a client's bytes did not arrive.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// They came too slowly.
    #[error("the bytes come too slowly")]
    Slow,
    /// They ended early.
    #[error("the bytes ended early: {0}")]
    Broken(String),
}

fn read(row: &Columns) -> Result<Upload, StoreError> {
    Ok(Upload {
        id: row.id("id")?,
        name: row.text("name")?,
        size: row.natural("size")?,
        sha256: row.text("sha256")?,
        part_size: row.natural("part_size")?,
        state: UploadState::of(&row.text("state")?),
        version: row.number("version")?,
        created_at: Instant(row.number("created_at")?),
        expires_at: Instant(row.number("expires_at")?),
        blob: row.optional_id("blob_id")?,
    })
}

/// A size as the database holds it.
pub(crate) fn number(size: u64) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}

impl Upload {
    /// How many parts it has.
    #[must_use]
    pub fn part_count(&self) -> u64 {
        self.size.div_ceil(self.part_size.max(1))
    }

    /// Bytes of part `number`; none where it has no such part.
    #[must_use]
    pub fn size_of_part(&self, number: i64) -> Option<u64> {
        let number = u64::try_from(number).ok()?;
        let before = number.checked_sub(1)?.checked_mul(self.part_size)?;
        let left = self.size.checked_sub(before)?;
        (left > 0).then(|| left.min(self.part_size))
    }
}

/// Begins an upload in `project`, for which `tx` writes.
///
/// # Errors
///
/// Where it is too large.
pub async fn create(
    tx: &mut TenantTx,
    depot: &Depot,
    project: &Id,
    new: &NewUpload,
) -> Result<Upload, UploadError> {
    if new.size > depot.largest_upload {
        return Err(UploadError::TooLarge(depot.largest_upload));
    }
    // So that parts find one.
    depot.keys.current(tx, project).await?;
    let (org, id, now) = (tx.org(), Id::fresh(Kind::Upload), Instant::now());
    let member = tx.principal().maker();
    let values = values![
        &org,
        &id,
        project,
        &member,
        &new.name,
        number(new.size),
        &new.sha256,
        number(PART_SIZE),
        now,
        now.plus(LIFETIME),
    ];
    tx.execute(INSERT, values).await?;
    get(tx, project, &id).await
}

/// One upload of `project`.
///
/// # Errors
///
/// Where there is none.
pub async fn get(tx: &mut TenantTx, project: &Id, id: &Id) -> Result<Upload, UploadError> {
    let org = tx.org();
    let row = tx.row(GET, values![&org, project, id]).await?.ok_or(UploadError::Absent)?;
    Ok(read(&row)?)
}

/// The upload of a file that run `run` made: the one that it began before with the same
/// bytes, else a new one.
///
/// # Errors
///
/// Where it is too large.
pub async fn of_run(
    tx: &mut TenantTx,
    depot: &Depot,
    project: &Id,
    run: &Id,
    new: &NewUpload,
) -> Result<Upload, UploadError> {
    let (org, size) = (tx.org(), number(new.size));
    let values = values![&org, project, run, &new.name, size, &new.sha256, Instant::now()];
    if let Some(row) = tx.row(OF_RUN, values).await? {
        return Ok(read(&row)?);
    }
    let made = create(tx, depot, project, new).await?;
    tx.execute(SET_RUN, values![&org, &made.id, run]).await?;
    Ok(made)
}

/// The run whose upload it is; none where it is a member's.
///
/// # Errors
///
/// Where the database fails.
pub async fn run_of(tx: &mut TenantTx, id: &Id) -> Result<Option<Id>, StoreError> {
    let org = tx.org();
    tx.row(IS_OF_RUN, values![&org, id]).await?.map(|row| row.id("run_id")).transpose()
}

/// One upload of `project` and the parts of it that are there.
///
/// # Errors
///
/// Where there is none.
pub async fn status(tx: &mut TenantTx, project: &Id, id: &Id) -> Result<UploadStatus, UploadError> {
    let upload = get(tx, project, id).await?;
    let org = tx.org();
    let rows = tx.rows(PARTS, values![&org, id]).await?;
    let part = |row: &Columns| {
        let (number, size) = (row.number("number")?, row.natural("size")?);
        Ok(Part { number, size, sha256: row.text("sha256")? })
    };
    let parts = rows.iter().map(part).collect::<Result<_, StoreError>>()?;
    Ok(UploadStatus { upload, parts })
}

/// Uploads of `project` with ids less than `before`, newest first.
///
/// # Errors
///
/// Where the database fails.
pub async fn list(
    tx: &mut TenantTx,
    project: &Id,
    before: &str,
    limit: i64,
) -> Result<Vec<Upload>, UploadError> {
    let org = tx.org();
    let rows = tx.rows(LIST, values![&org, project, before, limit]).await?;
    Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
}

/// Names of objects that a committed transaction no longer needs.
#[derive(Debug, Default)]
#[must_use = "objects stay until the sweep unless they are removed"]
pub struct Leftovers(Vec<String>);

impl Leftovers {
    /// Removes them. What cannot be removed is left to the sweep.
    pub async fn remove(self, depot: &Depot) {
        for name in self.0 {
            if let Err(error) = depot.objects.remove(&name).await {
                tracing::warn!(%error, "an object is left to the sweep");
            }
        }
    }
}

/// Gives up an open upload of `project` that has `version`; once `tx` is
/// committed, what it left is to be removed.
///
/// # Errors
///
/// Where there is none, it is not open, or it changed since.
pub async fn abort(
    tx: &mut TenantTx,
    project: &Id,
    id: &Id,
    version: i64,
) -> Result<Leftovers, UploadError> {
    get(tx, project, id).await?;
    lock_open(tx, id).await?;
    if get(tx, project, id).await?.version != version + 1 {
        return Err(UploadError::Changed);
    }
    let leftovers = drop_parts(tx, id).await?;
    let org = tx.org();
    tx.execute(ABORT, values![&org, id]).await?;
    Ok(leftovers)
}

/// Holds other writers of an open upload off until `tx` ends.
async fn lock_open(tx: &mut TenantTx, id: &Id) -> Result<(), UploadError> {
    let org = tx.org();
    match tx.execute(LOCK_OPEN, values![&org, id, Instant::now()]).await? {
        0 => Err(UploadError::Closed),
        _ => Ok(()),
    }
}

async fn drop_parts(tx: &mut TenantTx, id: &Id) -> Result<Leftovers, StoreError> {
    let org = tx.org();
    let rows = tx.rows(PARTS, values![&org, id]).await?;
    tx.execute(DROP_PARTS, values![&org, id]).await?;
    Ok(Leftovers(rows.iter().map(|row| row.text("object_name")).collect::<Result<_, _>>()?))
}
