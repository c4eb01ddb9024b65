//! `registry`: what was published, and whether it is as it was.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;
use serde_json::json;

use hetero2::audit::Decision;
use hetero2::files::Sha256Digest;
use hetero2::registry::{Logged, RegistryReport, read_log, verify_registry};

use super::arguments::GlobalArguments;
use super::failure::{Failure, VERIFICATION};
use super::output::{print_json, print_text};

/// List, show and verify what was published
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hetero2 registry list --registry /data/registry
  hetero2 registry show 3f2a --registry /data/registry
  hetero2 registry verify --registry /data/registry --head DIGEST

Exit codes: 0 done; 3 a check fails; 2 there is no registry, or no such entry.")]
pub struct RegistryArguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List the entries, oldest first
    List(Where),
    /// Show an entry with its parents and children
    Show {
        /// Content digest of a pack, or digest of an entry; its first digits will do
        digest: String,
        #[command(flatten)]
        at: Where,
    },
    /// Check the log, its end, and every pack that it lists
    Verify {
        #[command(flatten)]
        at: Where,
        /// Entry digest noted before: that entry must still be there
        #[arg(long, value_name = "DIGEST")]
        head: Option<Sha256Digest>,
    },
}

#[derive(Debug, clap::Args)]
struct Where {
    /// Directory of the registry
    #[arg(short, long, value_name = "DIR")]
    registry: PathBuf,
}

/// Runs `registry`.
pub fn registry(
    arguments: &RegistryArguments,
    global: &GlobalArguments,
) -> Result<ExitCode, Failure> {
    match &arguments.action {
        Action::List(at) => list(&read_log(&at.registry)?, global),
        Action::Show { digest, at } => show(&read_log(&at.registry)?, digest),
        Action::Verify { at, head } => verify(&verify_registry(&at.registry, *head)?, global),
    }
}

// Writing to a String cannot fail, hence the discarded results below.

fn list(entries: &[Logged], global: &GlobalArguments) -> Result<ExitCode, Failure> {
    if global.json {
        print_json(&entries)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut text = String::new();
    for Logged { entry, .. } in entries {
        let decision = match entry.outcome.decision {
            Decision::Go => "GO",
            Decision::Stop => "STOP",
        };
        let library = entry.command.inputs.first().map_or("", |input| input.name.as_str());
        let _ = writeln!(
            text,
            "{:>5}  {}  {}  {:<5} {decision:<4} {:>10} rows  {}",
            entry.sequence,
            entry.published_at.escape_debug(),
            entry.content_digest,
            entry.command.name.escape_debug(),
            entry.outcome.rows,
            library.escape_debug(),
        );
    }
    print_text(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn show(entries: &[Logged], wanted: &str) -> Result<ExitCode, Failure> {
    let shown = find(entries, &wanted.to_ascii_lowercase())?;
    let digest = shown.entry.content_digest;
    let builds_on = |logged: &&Logged| {
        logged.entry.parents.contains(&digest) || logged.entry.audited_pack == Some(digest)
    };
    let children: Vec<Sha256Digest> =
        entries.iter().filter(builds_on).map(|logged| logged.entry.content_digest).collect();
    // The same with and without --json: an entry has too many parts for a line each.
    print_json(&json!({ "entry": shown, "children": children }))?;
    Ok(ExitCode::SUCCESS)
}

fn find<'e>(entries: &'e [Logged], wanted: &str) -> Result<&'e Logged, Failure> {
    let of = |logged: &&Logged| {
        let (entry, content) = (logged.entry_digest, logged.entry.content_digest);
        [entry, content].iter().any(|digest| digest.to_string().starts_with(wanted))
    };
    let mut found = entries.iter().filter(of);
    match (found.next(), found.next()) {
        (Some(logged), None) => Ok(logged),
        (None, _) => Err(Failure::usage(anyhow::anyhow!("no entry begins with {wanted}"))),
        (Some(_), Some(_)) => {
            Err(Failure::usage(anyhow::anyhow!("several entries begin with {wanted}: give more")))
        }
    }
}

fn verify(report: &RegistryReport, global: &GlobalArguments) -> Result<ExitCode, Failure> {
    if global.json {
        print_json(report)?;
    } else {
        let mut text = String::new();
        for check in &report.checks {
            let _ = writeln!(text, "{:<7} {:<28} {}", check.outcome, check.name, check.detail);
        }
        let verdict = if report.passed() { "the registry is whole" } else { "the registry FAILS" };
        let _ = writeln!(text, "{verdict}: {} entries", report.entries);
        let _ = writeln!(text, "head {}", report.head);
        print_text(&text)?;
    }
    Ok(if report.passed() { ExitCode::SUCCESS } else { ExitCode::from(VERIFICATION) })
}
