//! `publish`: put a pack into a registry.

use std::path::PathBuf;
use std::process::ExitCode;

use hetero2::files::Sha256Digest;
use hetero2::pack::locate;
use hetero2::registry::PublishRequest;

use super::arguments::GlobalArguments;
use super::failure::Failure;
use super::output::{print_json, print_text};
use super::sign::timestamp;

/// Publish a pack in a registry, under its content digest
///
/// Verifies the pack, copies it and appends an entry to the registry's log: digest, how it
/// was made, outcome, parents. Entries are never changed: each names the one before it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hetero2 publish screen/pack --registry /data/registry
  hetero2 publish rescored/pack --registry /data/registry --parent DIGEST
  hetero2 registry list --registry /data/registry

Exit codes: 0 published, or there already; 3 the pack or the registry fails verification;
2 there is no pack, or a parent is not in the registry.")]
pub struct PublishArguments {
    /// Directory or zip of the pack, or its run directory
    pack: PathBuf,
    /// Directory of the registry; it is made where there is none
    #[arg(short, long, value_name = "DIR")]
    registry: PathBuf,
    /// Content digest of a published pack that this one builds on; may be given several times
    #[arg(short, long, value_name = "DIGEST")]
    parent: Vec<Sha256Digest>,
    /// Time of the entry, RFC 3339; now without it
    #[arg(long, value_name = "TIME", value_parser = timestamp)]
    timestamp: Option<String>,
}

/// Runs `publish`.
pub fn publish(
    arguments: &PublishArguments,
    global: &GlobalArguments,
) -> Result<ExitCode, Failure> {
    let request = PublishRequest {
        pack: locate(&arguments.pack).map_err(Failure::from_pack)?,
        registry: arguments.registry.clone(),
        parents: arguments.parent.clone(),
        timestamp: arguments.timestamp.clone(),
    };
    let published = hetero2::registry::publish(&request)?;
    if global.json {
        print_json(&published)?;
    } else {
        let entry = &published.logged.entry;
        let done = if published.already_published { "was published" } else { "published" };
        print_text(&format!(
            "{done:<15} {} as entry {}\ncontent digest  {}\npack            {}\nentry digest    {}\n",
            entry.published_at,
            entry.sequence,
            entry.content_digest,
            published.pack.display(),
            published.logged.entry_digest,
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}
