//! `admin pool`: pools of workers and their tokens.

use std::io::Write as _;
use std::path::PathBuf;

use hetero2::files::write_private;
use hetero2::service::api::is_slug;
use hetero2::service::directory::org::by_slug;
use hetero2::service::job::pool::{self, Listed, PoolError};
use hetero2::service::store::Store;
use serde_json::json;

use super::arguments::GlobalArguments;
use super::failure::Failure;
use super::output::{print_json, print_text};

#[derive(Debug, clap::Subcommand)]
pub enum PoolCommand {
    /// Make a pool, and print the token of its workers once
    ///
    /// With --token-file the token goes into that file, which only its owner reads, and is not
    /// printed. A pool with --org computes the jobs of that organisation alone, at its site.
    Create {
        /// Its name, which jobs give: 1 to 40 characters of a-z, 0-9 and -
        name: String,
        /// The one organisation whose jobs it computes, by its name at login
        #[arg(long, value_name = "SLUG")]
        org: Option<String>,
        /// File for the token
        #[arg(long, value_name = "FILE")]
        token_file: Option<PathBuf>,
    },
    /// List pools
    List,
    /// End a pool: its token is refused from now on
    ///
    /// Leases of its workers run out; its queued jobs stay, and are computed by nobody.
    Retire {
        /// Its name
        name: String,
    },
}

/// Runs `admin pool`.
pub async fn run(
    command: &PoolCommand,
    store: &Store,
    global: &GlobalArguments,
) -> Result<(), Failure> {
    match command {
        PoolCommand::Create { name, org, token_file } => {
            create(store, name, org.as_deref(), token_file.as_ref(), global).await
        }
        PoolCommand::List => show(&pool::list(store).await.map_err(Failure::other)?, global),
        PoolCommand::Retire { name } => pool::retire(store, name).await.map_err(failure),
    }
}

async fn create(
    store: &Store,
    name: &str,
    org: Option<&str>,
    token_file: Option<&PathBuf>,
    global: &GlobalArguments,
) -> Result<(), Failure> {
    if !is_slug(name) {
        let message = "a pool's name has 1 to 40 characters of a-z, 0-9 and -";
        return Err(Failure::usage(anyhow::Error::msg(message)));
    }
    if let Some(path) = token_file.filter(|path| path.exists()) {
        return Err(Failure::usage(anyhow::anyhow!("{} is there already", path.display())));
    }
    let only_org = match org {
        None => None,
        Some(slug) => {
            let found = by_slug(store, slug).await.map_err(Failure::other)?;
            let absent = || Failure::missing(anyhow::anyhow!("there is no organisation {slug:?}"));
            Some(found.ok_or_else(absent)?)
        }
    };
    let token = pool::create(store, name, only_org.as_ref()).await.map_err(failure)?;
    if let Some(path) = token_file {
        write_private(path, |file| writeln!(file, "{}", token.as_str())).map_err(Failure::other)?;
    }
    let shown = token_file.is_none().then(|| token.as_str());
    if global.json {
        return print_json(&json!({"pool": name, "token": shown, "token_file": token_file}));
    }
    match (shown, token_file) {
        (Some(token), _) => {
            print_text(&format!("pool   {name}\ntoken  {token}\nThe token is shown this once.\n"))
        }
        (None, Some(path)) => print_text(&format!("pool   {name}\ntoken  in {}\n", path.display())),
        (None, None) => Ok(()),
    }
}

fn show(pools: &[Listed], global: &GlobalArguments) -> Result<(), Failure> {
    if global.json {
        return print_json(&json!({ "pools": pools }));
    }
    let line = |pool: &Listed| {
        let org = pool.only_org.as_ref().map_or("every organisation", |org| org.as_str());
        let ended =
            pool.retired_at.map_or_else(String::new, |at| format!("  ended {}", at.rfc3339()));
        format!("{}  {}  {org}{ended}\n", pool.id, pool.name)
    };
    print_text(&pools.iter().map(line).collect::<String>())
}

fn failure(error: PoolError) -> Failure {
    match error {
        PoolError::Taken(_) => Failure::usage(error),
        PoolError::Absent(_) => Failure::missing(error),
        error => Failure::other(error),
    }
}
