//! `admin backup`, `restore`, `verify-backup`, `verify-data` and `rotate-keys`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use hetero2::service::backup::{self, BackupError, Manifest, Plan};
use hetero2::service::config::MasterKey;
use hetero2::service::directory::org;
use hetero2::service::id::Id;
use hetero2::service::object::{self, Objects};
use hetero2::service::serve::open_depot;
use hetero2::service::store::Store;
use hetero2::service::tenancy::{Action, Origin, Principal, TenantTx};
use serde_json::json;

use super::arguments::GlobalArguments;
use super::failure::{Failure, VERIFICATION};
use super::output::{print_json, print_text};
use super::serve::StorageArguments;

/// What is done to a server's data.
#[derive(Debug, clap::Subcommand)]
pub enum DataCommand {
    /// Back the database and its objects up into a new folder
    ///
    /// A server may go on working meanwhile: the backup is of one moment, and appears whole or not
    /// at all. The master key is not in it: whoever has both has the data.
    Backup {
        /// The folder, which must not exist
        dir: PathBuf,
        /// A former backup on the same file system, whose objects are linked, not copied
        #[arg(long, value_name = "DIR")]
        previous: Option<PathBuf>,
        /// Put the file of the master key into the backup too
        #[arg(long)]
        with_master_key: bool,
        #[command(flatten)]
        storage: StorageArguments,
    },
    /// Check a backup: neither database nor keys are needed
    VerifyBackup {
        /// The backup
        dir: PathBuf,
    },
    /// Restore a backup into an empty database, of either kind
    ///
    /// Killed at any point it leaves the database empty; the same command again ends the work. The
    /// master key is put in its place by hand.
    Restore {
        /// The backup
        dir: PathBuf,
        #[command(flatten)]
        storage: StorageArguments,
    },
    /// Read every stored upload, and name those that are not what was stored
    VerifyData {
        #[command(flatten)]
        storage: StorageArguments,
    },
    /// Replace the keys of organisations, and wrap their projects' keys with the new ones
    RotateKeys {
        /// Of one organisation alone, by its id
        #[arg(long, value_name = "ID")]
        org: Option<String>,
        #[command(flatten)]
        storage: StorageArguments,
    },
}

/// Runs what needs the database, open as its owner.
pub async fn run(
    command: &DataCommand,
    store: &Store,
    data: &Path,
    global: &GlobalArguments,
) -> Result<(), Failure> {
    match command {
        DataCommand::Backup { dir, previous, with_master_key, storage } => {
            let storage = storage.storage(data);
            let objects = Objects::open(&storage.objects).map_err(Failure::usage)?;
            let master_key = match (&storage.master_key, with_master_key) {
                (MasterKey::File(path), true) => Some(path.as_path()),
                (MasterKey::Vault { .. }, true) => {
                    let message = "the master key is in the Vault, and does not leave it";
                    return Err(Failure::usage(anyhow::Error::msg(message)));
                }
                (_, false) => None,
            };
            let plan = Plan { previous: previous.as_deref(), master_key };
            let made = backup::backup(store, &objects, dir, plan).await.map_err(failure)?;
            show_backup(&made, dir, global)
        }
        DataCommand::VerifyBackup { dir } => verify_backup(dir, global).map(drop),
        DataCommand::Restore { dir, storage } => {
            let objects = Objects::open(&storage.storage(data).objects).map_err(Failure::usage)?;
            let done = backup::restore(dir, store, &objects).await.map_err(failure)?;
            match global.json {
                true => print_json(&json!({
                    "rows": done.rows, "objects": done.objects, "bytes": done.bytes,
                })),
                false => print_text(&format!(
                    "rows     {}\nobjects  {}\nbytes    {}\n",
                    done.rows, done.objects, done.bytes
                )),
            }
        }
        DataCommand::VerifyData { storage } => verify_data(store, data, storage, global).await,
        DataCommand::RotateKeys { org, storage } => {
            rotate_keys(store, data, org.as_deref(), storage, global).await
        }
    }
}

/// Damage is a verification that failed; a folder that exists, wrong usage.
fn failure(error: BackupError) -> Failure {
    match &error {
        BackupError::Damaged { .. } | BackupError::Manifest { .. } | BackupError::Row { .. } => {
            Failure::coded(VERIFICATION, error)
        }
        BackupError::Object(cause) if cause.is_tampering() => Failure::coded(VERIFICATION, error),
        BackupError::Exists(_) | BackupError::NotEmpty | BackupError::Newer { .. } => {
            Failure::usage(error)
        }
        _ => Failure::other(error),
    }
}

/// Runs `verify-backup`.
pub fn verify_backup(dir: &Path, global: &GlobalArguments) -> Result<ExitCode, Failure> {
    let found = backup::verify(dir).map_err(failure)?;
    show_backup(&found, dir, global)?;
    Ok(ExitCode::SUCCESS)
}

fn show_backup(backup: &Manifest, dir: &Path, global: &GlobalArguments) -> Result<(), Failure> {
    let rows = backup.rows.values().sum::<u64>();
    if global.json {
        return print_json(&json!({
            "backup": dir, "made_at": backup.made_at, "schema": backup.schema, "rows": rows,
            "objects": backup.objects(), "bytes": backup.size(),
        }));
    }
    print_text(&format!(
        "backup   {}\nmade at  {}\nrows     {rows}\nobjects  {}\nbytes    {}\n",
        dir.display(),
        backup.made_at,
        backup.objects(),
        backup.size()
    ))
}

/// The organisations that are asked for.
async fn orgs(store: &Store, only: Option<&str>) -> Result<Vec<Id>, Failure> {
    let mut orgs = org::ids(store).await.map_err(Failure::other)?;
    if let Some(only) = only {
        orgs.retain(|org| org.as_str() == only);
        if orgs.is_empty() {
            let error = anyhow::anyhow!("there is no organisation {only}");
            return Err(Failure::usage(error));
        }
    }
    Ok(orgs)
}

async fn verify_data(
    store: &Store,
    data: &Path,
    storage: &StorageArguments,
    global: &GlobalArguments,
) -> Result<(), Failure> {
    let depot = open_depot(&storage.storage(data)).map_err(Failure::from_serve)?;
    let (mut blobs, mut bytes, mut damaged) = (0, 0, Vec::new());
    for org in orgs(store, None).await? {
        let system = Principal::system(org);
        let found = object::verify(store, &depot, &system).await.map_err(Failure::other)?;
        (blobs, bytes) = (blobs + found.blobs, bytes + found.bytes);
        damaged.extend(found.damaged);
    }
    if global.json {
        let damaged: Vec<_> = damaged
            .iter()
            .map(|damage| json!({"blob": damage.blob.as_str(), "reason": damage.reason}))
            .collect();
        print_json(&json!({"blobs": blobs, "bytes": bytes, "damaged": damaged}))?;
    } else {
        let mut text = format!("blobs    {blobs}\nbytes    {bytes}\n");
        for damage in &damaged {
            text += &format!("damaged  {}: {}\n", damage.blob, damage.reason);
        }
        print_text(&text)?;
    }
    match damaged.len() {
        0 => Ok(()),
        count => {
            let error = anyhow::anyhow!("{count} of {blobs} blobs are not what was stored");
            Err(Failure::coded(VERIFICATION, error))
        }
    }
}

async fn rotate_keys(
    store: &Store,
    data: &Path,
    only: Option<&str>,
    storage: &StorageArguments,
    global: &GlobalArguments,
) -> Result<(), Failure> {
    let depot = open_depot(&storage.storage(data)).map_err(Failure::from_serve)?;
    let mut rotated = Vec::new();
    for org in orgs(store, only).await? {
        let system = Principal::system(org.clone());
        let origin = Origin::local();
        let tx = TenantTx::write(store, &system, &origin, Action::KeyRotate, None);
        let tx = tx.await.map_err(Failure::other)?;
        let done = object::rotate(&depot.keys, tx).await.map_err(Failure::other)?;
        rotated.push((org, done));
    }
    if global.json {
        let rotated: Vec<_> = rotated
            .iter()
            .map(|(org, done)| {
                json!({
                    "organisation": org.as_str(), "key": done.key.as_str(),
                    "rewrapped": done.rewrapped, "projects": done.projects,
                })
            })
            .collect();
        return print_json(&json!({ "rotated": rotated }));
    }
    let line = |(org, done): &(Id, object::Rotated)| {
        format!(
            "{org}  key {}, {} keys of {} projects wrapped\n",
            done.key, done.rewrapped, done.projects
        )
    };
    print_text(&rotated.iter().map(line).collect::<String>())
}
