//! A real PostgreSQL in a temporary folder, reached through its socket: a login
//! of the owner, who migrates, and one of the server.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use hetero2_service::store::{Address, Store, migrate};

use super::process::{Kept, hand_over, unprivileged};
use super::skip;

/// A cluster of databases.
pub struct Cluster {
    folder: PathBuf,
    server: Kept,
}

/// Whether the server's role is there before the first migration.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum AppRole {
    /// As where an administrator made it.
    Ready,
    /// The first migration makes it.
    Missing,
}

/// The cluster that the tests share; none, said loudly, where none starts.
pub fn shared() -> Option<&'static Cluster> {
    static SHARED: OnceLock<Option<Cluster>> = OnceLock::new();
    SHARED.get_or_init(|| Cluster::start(AppRole::Ready)).as_ref()
}

/// Where Debian keeps PostgreSQL's programs, newest first; else the path.
fn program(name: &str) -> PathBuf {
    let mut found: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path().join("bin").join(name))
        .filter(|path| path.exists())
        .collect();
    found.sort();
    found.pop().unwrap_or_else(|| PathBuf::from(name))
}

/// The server of the cluster in `folder`.
fn postgres(folder: &Path) -> Command {
    let mut server = unprivileged(&program("postgres"));
    server.arg("-D").arg(folder.join("data")).arg("-k").arg(folder).current_dir("/tmp");
    for setting in [
        "listen_addresses=",
        "max_connections=400",
        "fsync=off",
        "full_page_writes=off",
        "synchronous_commit=off",
        "shared_buffers=32MB",
        "log_statement=none",
    ] {
        server.arg("-c").arg(setting);
    }
    server
}

impl Cluster {
    /// Starts one of its own; none, said loudly, where none starts.
    pub fn start(role: AppRole) -> Option<Self> {
        match Self::try_start(role) {
            Ok(cluster) => Some(cluster),
            Err(why) => {
                skip("PostgreSQL", &why);
                None
            }
        }
    }

    fn try_start(role: AppRole) -> Result<Self, String> {
        // Names of sockets are short, so the folder's has to be.
        let folder = tempfile::Builder::new().prefix("h2-pg-").tempdir_in("/tmp").unwrap();
        hand_over(folder.path());
        let data = folder.path().join("data");
        let mut init = unprivileged(&program("initdb"));
        init.args(["--no-sync", "--auth=trust", "--username=postgres", "--encoding=UTF8"])
            .args(["--locale=C.UTF-8", "--pgdata"])
            .arg(&data)
            .current_dir("/tmp");
        succeeded(&init.output().map_err(|error| format!("initdb: {error}"))?)?;
        let log = folder.path().join("log");
        let folder = folder.keep();
        let server = Kept::start(&postgres(&folder), &log, Some(&folder));
        let cluster = Self { server, folder };
        cluster.wait(&log)?;
        let mut roles =
            "CREATE ROLE h2_owner LOGIN CREATEROLE; CREATE ROLE h2_app LOGIN;".to_owned();
        if role == AppRole::Ready {
            roles += "CREATE ROLE hetero2_app NOLOGIN; GRANT hetero2_app TO h2_app; \
                      GRANT hetero2_app TO h2_owner WITH ADMIN OPTION;";
        }
        cluster.psql("postgres", "postgres", &roles)?;
        Ok(cluster)
    }

    /// Ends the server as a failing machine does, and starts it again.
    pub fn crash(&mut self) {
        let file = self.folder.join("data/postmaster.pid");
        let pid = std::fs::read_to_string(&file).unwrap();
        super::worker::signal("KILL", pid.lines().next().unwrap().parse().unwrap());
        let start = Instant::now();
        // Until the processes of the one that was killed have ended, too.
        loop {
            std::thread::sleep(Duration::from_millis(200));
            let log = self.folder.join("log");
            let server = Kept::start(&postgres(&self.folder), &log, None);
            // The keeper of the first removes the folder when the tests end.
            let before = std::mem::replace(&mut self.server, server);
            before.forget();
            std::thread::sleep(Duration::from_millis(300));
            if self.psql("postgres", "postgres", "SELECT 1").is_ok() {
                return;
            }
            assert!(start.elapsed() < Duration::from_secs(60), "PostgreSQL does not start again");
        }
    }

    fn wait(&self, log: &Path) -> Result<(), String> {
        let start = Instant::now();
        while let Err(error) = self.psql("postgres", "postgres", "SELECT 1") {
            if start.elapsed() > Duration::from_secs(30) {
                let said = std::fs::read_to_string(log.with_extension("err")).unwrap_or_default();
                return Err(format!("{error}\n{said}"));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// What `psql` prints of `sql`, run by `user`: rows by line, columns parted
    /// by `|`.
    pub fn psql(&self, database: &str, user: &str, sql: &str) -> Result<String, String> {
        let output = Command::new(program("psql"))
            .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"])
            .arg("-h")
            .arg(&self.folder)
            .args(["-U", user, "-d", database, "-c", sql])
            .output()
            .map_err(|error| format!("psql: {error}"))?;
        succeeded(&output)?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// A fresh database without tables.
    pub fn empty(&self) -> Database<'_> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("t{}", COUNT.fetch_add(1, Ordering::Relaxed));
        self.psql("postgres", "postgres", &format!("CREATE DATABASE {name} OWNER h2_owner"))
            .unwrap();
        Database { cluster: self, name }
    }

    /// A fresh database with the schema of this program.
    pub async fn migrated(&self) -> Database<'_> {
        let database = self.empty();
        let store = Store::open_as_owner(&database.owner()).await.unwrap();
        migrate::migrate(&store).await.unwrap();
        store.close().await;
        database
    }
}

fn succeeded(output: &Output) -> Result<(), String> {
    match output.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
    }
}

/// A database of a cluster.
pub struct Database<'a> {
    cluster: &'a Cluster,
    name: String,
}

impl Database<'_> {
    /// The address as the server's login.
    pub fn app_url(&self) -> String {
        self.url("h2_app")
    }

    /// The address as the owner's login.
    pub fn owner_url(&self) -> String {
        self.url("h2_owner")
    }

    fn url(&self, user: &str) -> String {
        let folder = self.cluster.folder.display();
        format!("postgres://{user}@localhost/{}?host={folder}", self.name)
    }

    /// [`Self::app_url`], read.
    pub fn app(&self) -> Address {
        Address::parse(&self.app_url()).unwrap()
    }

    /// [`Self::owner_url`], read.
    pub fn owner(&self) -> Address {
        Address::parse(&self.owner_url()).unwrap()
    }

    /// The server's view, open.
    pub async fn store(&self) -> Store {
        Store::open(&self.app()).await.unwrap()
    }

    /// Runs `sql` as the server's role without an organisation set.
    pub fn as_app(&self, sql: &str) -> Result<String, String> {
        self.cluster.psql(&self.name, "h2_app", &format!("SET ROLE hetero2_app; {sql}"))
    }

    /// Runs `sql` as the server's role for the organisation `org`.
    pub fn as_org(&self, org: &str, sql: &str) -> Result<String, String> {
        self.as_app(&format!("SET app.org = '{org}'; {sql}"))
    }

    /// Runs `sql` as the owner.
    pub fn as_owner(&self, sql: &str) -> Result<String, String> {
        self.cluster.psql(&self.name, "h2_owner", sql)
    }
}
