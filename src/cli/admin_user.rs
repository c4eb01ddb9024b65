//! `admin user`: accounts, at the server's machine.

use std::io::{BufRead as _, IsTerminal as _, Write as _};

use hetero2::service::auth::credential;
use hetero2::service::auth::password::{Password, Passwords};
use hetero2::service::directory::member::{self, Member, MemberKind, NewMember, is_login};
use hetero2::service::directory::org;
use hetero2::service::id::Id;
use hetero2::service::store::Store;
use hetero2::service::tenancy::{Action, OrgRole, Origin, Principal, TenantTx};
use hetero2::service::trail::Entry;
use serde_json::json;

use super::arguments::GlobalArguments;
use super::failure::Failure;
use super::output::{print_json, print_text};

/// What is done to accounts.
#[derive(Debug, clap::Subcommand)]
pub enum UserCommand {
    /// Make an account of a person
    ///
    /// Without a password the person logs in by the organisation's identity provider, or once an
    /// administrator gives one.
    Create {
        /// Its name at login: 1 to 100 characters of a-z, 0-9 and . _ @ + -
        login: String,
        /// Its name; the login where not given
        #[arg(long)]
        name: Option<String>,
        /// What it may do in the organisation
        #[arg(long, value_enum, default_value_t = Role::Member)]
        role: Role,
        /// Read a password, from the terminal or the first line of standard input
        #[arg(long)]
        with_password: bool,
        #[command(flatten)]
        org: OrgArguments,
    },
    /// Give an account a password, unlock it and end its logins
    ///
    /// The password is read from the terminal, or the first line of standard input.
    ResetPassword {
        /// Its name at login
        login: String,
        #[command(flatten)]
        org: OrgArguments,
    },
    /// Remove the second factor of an account whose authenticator is lost, and end its logins
    ResetTotp {
        /// Its name at login
        login: String,
        #[command(flatten)]
        org: OrgArguments,
    },
    /// List the accounts of an organisation, newest first
    List {
        #[command(flatten)]
        org: OrgArguments,
    },
}

/// Whose accounts.
#[derive(Debug, clap::Args)]
pub struct OrgArguments {
    /// The organisation's name at login; the only one where not given
    #[arg(long, value_name = "SLUG")]
    org: Option<String>,
}

/// What an account may do in its organisation.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub enum Role {
    /// Everything, and naming other owners
    Owner,
    /// Accounts, groups, projects' metadata; data only with a project's role
    Admin,
    /// Reads metadata and the audit trail
    Auditor,
    /// Makes projects, and works in those it is a member of
    Member,
}

impl From<Role> for OrgRole {
    fn from(role: Role) -> Self {
        match role {
            Role::Owner => Self::Owner,
            Role::Admin => Self::Admin,
            Role::Auditor => Self::Auditor,
            Role::Member => Self::Member,
        }
    }
}

/// Runs `admin user`.
pub async fn run(
    command: &UserCommand,
    store: &Store,
    global: &GlobalArguments,
) -> Result<(), Failure> {
    match command {
        UserCommand::Create { login, name, role, with_password, org } => {
            let new = NewMember {
                kind: MemberKind::Person,
                login: login.clone(),
                name: name.clone().unwrap_or_else(|| login.clone()),
                role: (*role).into(),
            };
            let password = with_password.then(read_password).transpose()?;
            create(store, &find_org(store, org).await?, &new, password, global).await
        }
        UserCommand::ResetPassword { login, org } => {
            let org = find_org(store, org).await?;
            let (mut tx, found) = account(store, &org, login).await?;
            let password = read_password()?;
            credential::check_reset(&mut tx, &found.id, &password).await.map_err(Failure::usage)?;
            drop(tx);
            let hash = Passwords::default().hash(password).await.map_err(Failure::other)?;
            let mut tx = begin(store, &org, Action::MemberUpdate).await?;
            let done = credential::reset_password(&mut tx, &found.id, &hash).await;
            done.map_err(Failure::usage)?;
            tx.commit(Entry::on(&found.id)).await.map_err(Failure::other)?;
            show(&found, global)
        }
        UserCommand::ResetTotp { login, org } => {
            let org = find_org(store, org).await?;
            let (mut tx, found) = account(store, &org, login).await?;
            credential::reset_totp(&mut tx, &found.id).await.map_err(Failure::usage)?;
            tx.commit(Entry::on(&found.id)).await.map_err(Failure::other)?;
            show(&found, global)
        }
        UserCommand::List { org } => {
            let members = all(store, &find_org(store, org).await?).await?;
            if global.json {
                return print_json(&json!({ "accounts": members }));
            }
            let line = |member: &Member| {
                let state = if member.disabled_at.is_some() { "disabled" } else { "active" };
                let (role, kind) = (member.role.word(), member.kind.word());
                format!("{}  {role:8}  {kind:7}  {state:8}  {}\n", member.id, member.login)
            };
            print_text(&members.iter().map(line).collect::<String>())
        }
    }
}

/// The organisation that is meant.
pub async fn find_org(store: &Store, arguments: &OrgArguments) -> Result<Id, Failure> {
    if let Some(slug) = &arguments.org {
        let found = org::by_slug(store, slug).await.map_err(Failure::other)?;
        return found.ok_or_else(|| usage(&format!("there is no organisation {slug:?}")));
    }
    match org::ids(store).await.map_err(Failure::other)?.as_slice() {
        [only] => Ok(only.clone()),
        [] => Err(usage("there is no organisation")),
        _ => Err(usage("there are several organisations: name one by --org")),
    }
}

fn usage(message: &str) -> Failure {
    Failure::usage(anyhow::Error::msg(message.to_owned()))
}

async fn begin(store: &Store, org: &Id, action: Action) -> Result<TenantTx, Failure> {
    let system = Principal::system(org.clone());
    let tx = TenantTx::write(store, &system, &Origin::local(), action, None).await;
    tx.map_err(Failure::other)
}

async fn create(
    store: &Store,
    org: &Id,
    new: &NewMember,
    password: Option<Password>,
    global: &GlobalArguments,
) -> Result<(), Failure> {
    if !is_login(&new.login) {
        return Err(usage("a login has 1 to 100 characters of a-z, 0-9 and . _ @ + -"));
    }
    let hash = match password {
        Some(password) => {
            password.check(&new.login).map_err(|problem| usage(&format!("password: {problem}")))?;
            Some(Passwords::default().hash(password).await.map_err(Failure::other)?)
        }
        None => None,
    };
    let mut tx = begin(store, org, Action::MemberCreate).await?;
    let made = member::create(&mut tx, new).await.map_err(Failure::usage)?;
    if let Some(hash) = hash {
        let done = credential::reset_password(&mut tx, &made.id, &hash).await;
        done.map_err(Failure::usage)?;
    }
    tx.commit(Entry::on(&made.id)).await.map_err(Failure::other)?;
    show(&made, global)
}

/// The account called `login`, and a transaction that changes it.
async fn account(store: &Store, org: &Id, login: &str) -> Result<(TenantTx, Member), Failure> {
    let mut tx = begin(store, org, Action::MemberUpdate).await?;
    let found = member::by_login(&mut tx, login).await.map_err(Failure::usage)?;
    Ok((tx, found))
}

async fn all(store: &Store, org: &Id) -> Result<Vec<Member>, Failure> {
    let mut tx = begin(store, org, Action::MemberRead).await?;
    let mut members: Vec<Member> = Vec::new();
    loop {
        let before = members.last().map_or("n", |member| member.id.as_str()).to_owned();
        let page = member::list(&mut tx, &before, 200).await.map_err(Failure::other)?;
        if page.is_empty() {
            return Ok(members);
        }
        members.extend(page);
    }
}

fn show(member: &Member, global: &GlobalArguments) -> Result<(), Failure> {
    match global.json {
        true => print_json(&json!({ "account": member })),
        false => print_text(&format!("account  {}\nlogin    {}\n", member.id, member.login)),
    }
}

/// A password that is in no list of processes: typed unseen, or piped.
fn read_password() -> Result<Password, Failure> {
    let stdin = std::io::stdin();
    let is_typed = stdin.is_terminal();
    if is_typed {
        let _ = write!(std::io::stderr(), "Password: ");
        echo("-echo");
    }
    let mut line = String::new();
    let read = stdin.lock().read_line(&mut line);
    if is_typed {
        echo("echo");
        let _ = writeln!(std::io::stderr());
    }
    read.map_err(Failure::other)?;
    let length = line.trim_end_matches(['\r', '\n']).len();
    line.truncate(length);
    Ok(Password::new(line))
}

/// Whether the terminal shows what is typed; where it cannot be said, it does.
fn echo(how: &str) {
    let _ = std::process::Command::new("stty").arg(how).status();
}
