//! `admin`: what is done at the server's machine.

use std::path::PathBuf;
use std::process::ExitCode;

use hetero2::service::api::is_slug;
use hetero2::service::directory::member::is_login;
use hetero2::service::directory::org::{Founding, found};
use hetero2::service::serve::{ServeError, first_token};
use hetero2::service::store::{Store, StoreError, migrate};
use serde_json::json;

use super::admin_data::{self, DataCommand};
use super::admin_plan::{self, PlanCommand, QuotaCommand};
use super::admin_pool::{self, PoolCommand};
use super::admin_user::{self, UserCommand};
use super::arguments::GlobalArguments;
use super::failure::Failure;
use super::output::{print_json, print_text};
use super::serve::{DatabaseArguments, block_on};

/// Administer a server at its machine
///
/// Works on the database itself, with the rights of its owner; no server need run.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hetero2 admin migrate --database postgres://owner@db/hetero2
  hetero2 admin org create acme --name 'Acme Therapeutics' --owner ada@example.org
  hetero2 admin user create bob@example.org --with-password
  hetero2 admin quota set --plan team --org acme
  hetero2 admin backup /backups/2026-11-30 --previous /backups/2026-11-29
  hetero2 admin restore /backups/2026-11-30 --data /srv/hetero2

HETERO2_DATABASE keeps a password out of the list of processes.

Exit codes: 0 done; 2 wrong usage; 3 a backup or stored data is damaged; 1 anything else.")]
pub struct AdminArguments {
    /// Folder of what the server keeps
    #[arg(long, value_name = "DIR", default_value = "hetero2-data", global = true)]
    data: PathBuf,
    #[command(flatten)]
    database: DatabaseArguments,
    #[command(subcommand)]
    command: AdminCommand,
}

#[derive(Debug, clap::Subcommand)]
enum AdminCommand {
    /// Bring the database to the schema of this program
    ///
    /// Migrations only add, each in a transaction of its own: older servers go on working beside.
    Migrate,
    /// Organisations
    #[command(subcommand)]
    Org(OrgCommand),
    /// Accounts of an organisation
    #[command(subcommand)]
    User(UserCommand),
    /// Pools of workers
    #[command(subcommand)]
    Pool(PoolCommand),
    /// Plans: what organisations may use, and at which price
    #[command(subcommand)]
    Plan(PlanCommand),
    /// Which plan an organisation has
    #[command(subcommand)]
    Quota(QuotaCommand),
    #[command(flatten)]
    Data(DataCommand),
}

#[derive(Debug, clap::Subcommand)]
enum OrgCommand {
    /// Make an organisation with its first owner, and print the owner's token once
    Create {
        /// Its name at login: 1 to 40 characters of a-z, 0-9 and -
        slug: String,
        /// Its name
        #[arg(long)]
        name: Option<String>,
        /// Login of its first owner
        #[arg(long, value_name = "LOGIN", default_value = "admin")]
        owner: String,
    },
}

/// Runs `admin`.
pub fn admin(arguments: &AdminArguments, global: &GlobalArguments) -> Result<ExitCode, Failure> {
    if let AdminCommand::Data(DataCommand::VerifyBackup { dir }) = &arguments.command {
        return admin_data::verify_backup(dir, global);
    }
    let address = arguments.database.address(&arguments.data)?;
    block_on(async {
        let store = Store::open_as_owner(&address).await.map_err(Failure::other)?;
        let done = match &arguments.command {
            AdminCommand::Migrate => migrate_database(&store, global).await,
            AdminCommand::Data(command) => {
                admin_data::run(command, &store, &arguments.data, global).await
            }
            AdminCommand::Plan(command) => admin_plan::plan(command, &store, global).await,
            AdminCommand::Quota(command) => admin_plan::quota(command, &store, global).await,
            AdminCommand::User(command) => admin_user::run(command, &store, global).await,
            AdminCommand::Pool(command) => admin_pool::run(command, &store, global).await,
            AdminCommand::Org(OrgCommand::Create { slug, name, owner }) => {
                let name = name.as_deref().unwrap_or(slug);
                create_org(&store, &Founding { slug, name, owner }, global).await
            }
        };
        store.close().await;
        done.map(|()| ExitCode::SUCCESS)
    })
}

async fn migrate_database(store: &Store, global: &GlobalArguments) -> Result<(), Failure> {
    let count = migrate::migrate(store).await.map_err(Failure::other)?;
    let schema = migrate::known();
    match global.json {
        true => print_json(&json!({"migrations": count, "schema": schema})),
        false => print_text(&format!("migrations  {count}\nschema      {schema}\n")),
    }
}

async fn create_org(
    store: &Store,
    founding: &Founding<'_>,
    global: &GlobalArguments,
) -> Result<(), Failure> {
    if !is_slug(founding.slug) {
        let message = "an organisation's name at login has 1 to 40 characters of a-z, 0-9 and -";
        return Err(Failure::usage(anyhow::Error::msg(message)));
    }
    if !is_login(founding.owner) {
        let message = "a login has 1 to 100 characters of a-z, 0-9 and . _ @ + -";
        return Err(Failure::usage(anyhow::Error::msg(message)));
    }
    let (org, owner) = found(store, founding).await.map_err(Failure::usage)?;
    let token = first_token(store, &org, &owner).await.map_err(Failure::from_serve)?;
    if global.json {
        return print_json(&json!({
            "organisation": org.as_str(), "owner": owner.as_str(), "token": token.as_str(),
        }));
    }
    print_text(&format!(
        "organisation  {org}\nowner         {owner}\nowner's token {}\n\
         The token is shown this once; it ends in 30 days. Make others with it.\n",
        token.as_str()
    ))
}

impl Failure {
    /// A server that cannot start as asked, or failed.
    pub fn from_serve(error: ServeError) -> Self {
        match error {
            ServeError::Plain(_) => Self::usage(error)
                .with_cure("give --tls-certificate and --tls-key, or listen on 127.0.0.1"),
            ServeError::Lock(_) => Self::usage(error).with_cure("stop it, or give another --data"),
            ServeError::Store(error @ StoreError::OldSchema { .. }) => Self::usage(error)
                .with_cure("run hetero2 admin migrate with the login of the database's owner"),
            ServeError::Certificate { .. }
            | ServeError::Store(StoreError::Privileged(_) | StoreError::NewSchema { .. }) => {
                Self::usage(error)
            }
            error => Self::other(error),
        }
    }
}
