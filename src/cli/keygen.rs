//! `keygen`: a key pair to sign packs with.

use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::json;

use super::arguments::GlobalArguments;
use super::failure::Failure;
use super::output::{print_json, print_text};

/// Make a key pair to sign packs with
///
/// Ed25519. KEY gets the private key (PKCS#8 PEM, readable by you alone), KEY.pub the public one.
/// Existing files are never overwritten. Keep KEY secret, and give KEY.pub to whoever verifies.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hetero2 keygen --out lab.key
  openssl pkey -in lab.key -text                 any other tool reads it

Exit codes: 0 done; 2 a file exists; 1 the disk refuses.")]
pub struct KeygenArguments {
    /// File of the private key; the public key lies beside it, with .pub appended
    #[arg(short, long, value_name = "KEY")]
    out: PathBuf,
}

/// Runs `keygen`.
pub fn keygen(arguments: &KeygenArguments, global: &GlobalArguments) -> Result<ExitCode, Failure> {
    let (key, public_path) = hetero2::signature::create_key(&arguments.out)?;
    if global.json {
        print_json(&json!({
            "private_key": arguments.out,
            "public_key": public_path,
            "keyid": key.id(),
        }))?;
    } else {
        print_text(&format!(
            "private key  {}\npublic key   {}\nkeyid        {}\n",
            arguments.out.display(),
            public_path.display(),
            key.id()
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}
