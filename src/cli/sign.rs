//! `sign`: stand for a pack.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::SystemTime;

use serde_json::json;

use hetero2::pack::locate;
use hetero2::signature::{Approval, PrivateKey, Role, Signed, bundle_path};
use hetero2::time::{normalized_timestamp, utc_timestamp};

use super::arguments::GlobalArguments;
use super::failure::Failure;
use super::output::{print_json, print_text};

/// Sign a pack, or approve it in a role
///
/// Verifies the pack, then appends an in-toto statement over all of its files, in a DSSE envelope,
/// to a file beside it (PACK.intoto.jsonl). The pack itself does not change. Each signature covers
/// those before it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hetero2 sign screen/pack --key lab.key
  hetero2 sign screen/pack --key qa.key --role approver --name 'Q. Reader' \\
      --meaning 'released for synthesis'
  hetero2 verify screen/pack --key lab.key.pub --key qa.key.pub

Exit codes: 0 signed; 3 the pack fails verification, or the signatures beside it are of another;
2 wrong usage or key.")]
pub struct SignArguments {
    /// Directory or zip of the pack, or its run directory
    pack: PathBuf,
    /// Private key, as `keygen` makes it
    #[arg(short, long, value_name = "KEY")]
    key: PathBuf,
    /// Sign in this role
    #[arg(long, requires_all = ["name", "meaning"])]
    role: Option<Role>,
    /// Who signs
    #[arg(long, value_name = "TEXT", requires = "role")]
    name: Option<String>,
    /// What the signature means
    #[arg(long, value_name = "TEXT", requires = "role")]
    meaning: Option<String>,
    /// Time of signing, RFC 3339; now without it
    #[arg(long, value_name = "TIME", value_parser = timestamp)]
    timestamp: Option<String>,
    /// File of signatures; beside the pack without it
    #[arg(long, value_name = "FILE")]
    signatures: Option<PathBuf>,
}

/// A time as text, for clap.
pub fn timestamp(text: &str) -> Result<String, String> {
    normalized_timestamp(text)
        .ok_or_else(|| "not an RFC 3339 time, such as 2026-01-31T23:59:59Z".to_owned())
}

/// Runs `sign`.
pub fn sign(arguments: &SignArguments, global: &GlobalArguments) -> Result<ExitCode, Failure> {
    let approval = match (arguments.role, &arguments.name, &arguments.meaning) {
        (Some(role), Some(name), Some(meaning)) => Some(Approval::new(role, name, meaning)?),
        _ => None,
    };
    let signed_at = arguments.timestamp.clone().unwrap_or_else(|| utc_timestamp(SystemTime::now()));
    let key = PrivateKey::read(&arguments.key)?;
    let pack = locate(&arguments.pack).map_err(Failure::from_pack)?;
    let file = match &arguments.signatures {
        Some(file) => file.clone(),
        None => bundle_path(&pack)?,
    };
    let signed = Signed { approval, signed_at };
    let statement = hetero2::signature::sign(&pack, &file, &key, signed)?;
    let id = key.public()?.id().clone();
    if global.json {
        let document = json!({ "signatures": file, "keyid": id, "statement": statement });
        print_json(&document)?;
    } else {
        print_text(&format!(
            "signed          {} files\ncontent digest  {}\nkeyid           {id}\nsignatures      {}\n",
            statement.subject.len(),
            statement.predicate.content_digest,
            file.display()
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}
