//! Finds, makes and unwraps the keys of an organisation and its projects. It
//! must not know what they encrypt.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant as Clock};

use super::{DataKey, KeyProvider, OrgKey};
use crate::directory::org;
use crate::id::Id;
use crate::object::KeyError;
use crate::store::{Columns, Store, StoreError, statements, values};
use crate::tenancy::{Action, Denied, Origin, Principal, TenantTx};
use crate::time::Instant;

statements! {
    /// Whoever makes or replaces keys of an organisation waits here for the
    /// others: a key wrapped by one that is being replaced would be lost.
    LOCK = "UPDATE org SET version = version WHERE id = $1";
    CURRENT_OF_ORG = "SELECT id, wrapped, wrapped_by FROM data_key \
        WHERE org_id = $1 AND project_id IS NULL AND retired_at IS NULL ORDER BY id DESC LIMIT 1";
    CURRENT_OF_PROJECT = "SELECT id, wrapped, wrapped_by FROM data_key \
        WHERE org_id = $1 AND project_id = $2 AND retired_at IS NULL ORDER BY id DESC LIMIT 1";
    BY_ID = "SELECT id, wrapped, wrapped_by FROM data_key WHERE org_id = $1 AND id = $2";
    INSERT = "INSERT INTO data_key (org_id, id, project_id, recipient, wrapped, wrapped_by, \
        created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)";
    OF_PROJECTS = "SELECT id, project_id, wrapped, wrapped_by, retired_at FROM data_key \
        WHERE org_id = $1 AND project_id IS NOT NULL ORDER BY id";
    OTHERS_OF_ORG = "SELECT id FROM data_key WHERE org_id = $1 AND project_id IS NULL \
        AND id <> $2 AND wrapped <> ''";
    REWRAP = "UPDATE data_key SET wrapped = $3, wrapped_by = $4 WHERE org_id = $1 AND id = $2";
    RETIRE = "UPDATE data_key SET retired_at = $3 WHERE org_id = $1 AND id = $2 \
        AND retired_at IS NULL";
    /// Destroys the private half; the row stays, to say that there was one.
    DESTROY = "UPDATE data_key SET wrapped = '', retired_at = COALESCE(retired_at, $3) \
        WHERE org_id = $1 AND id = $2";
    /// What the organisation's key itself encrypts: secrets of second factors.
    SECOND_FACTORS = "SELECT id, totp_secret, totp_pending FROM member \
        WHERE org_id = $1 AND (totp_secret IS NOT NULL OR totp_pending IS NOT NULL)";
    RESEAL = "UPDATE member SET totp_secret = $3, totp_pending = $4 \
        WHERE org_id = $1 AND id = $2";
}
pub(crate) use ALL as STATEMENTS;

/// How long an unwrapped key is kept: as long, a key manager that withdrew the
/// master key is not asked again.
const KEPT: Duration = Duration::from_secs(300);
/// Most unwrapped keys kept of each kind.
const MOST: usize = 1024;

/// Unwrapped keys, for a while.
struct Cache<K>(Mutex<HashMap<Id, (Clock, Arc<K>)>>);

impl<K> Cache<K> {
    fn new() -> Self {
        Self(Mutex::new(HashMap::new()))
    }

    fn get(&self, id: &Id) -> Option<Arc<K>> {
        let keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, key) = keys.get(id)?;
        (since.elapsed() < KEPT).then(|| key.clone())
    }

    fn put(&self, id: &Id, key: K) -> Arc<K> {
        let key = Arc::new(key);
        let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if keys.len() >= MOST {
            keys.clear();
        }
        keys.insert(id.clone(), (Clock::now(), key.clone()));
        key
    }

    fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// Keys of every organisation, unwrapped as they are needed.
pub struct Keyring {
    provider: Box<dyn KeyProvider>,
    orgs: Cache<OrgKey>,
    projects: Cache<DataKey>,
}

/// A row of `data_key`.
pub(super) struct Wrapped {
    pub(super) id: Id,
    pub(super) text: String,
    pub(super) by: String,
}

impl Wrapped {
    pub(super) fn of(row: &Columns) -> Result<Self, StoreError> {
        Ok(Self { id: row.id("id")?, text: row.text("wrapped")?, by: row.text("wrapped_by")? })
    }
}

impl Keyring {
    /// Keys wrapped by `provider`.
    #[must_use]
    pub fn new(provider: Box<dyn KeyProvider>) -> Self {
        Self { provider, orgs: Cache::new(), projects: Cache::new() }
    }

    /// What wraps the organisations' keys.
    #[must_use]
    pub fn provider(&self) -> &dyn KeyProvider {
        &*self.provider
    }

    /// The key that new objects of `project` are encrypted for, made where
    /// there is none: `tx` must be one that writes.
    ///
    /// # Errors
    ///
    /// Where it cannot be had.
    pub async fn current(&self, tx: &mut TenantTx, project: &Id) -> Result<Arc<DataKey>, KeyError> {
        if let Some(key) = self.found(tx, project).await? {
            return Ok(key);
        }
        let org = tx.org();
        tx.execute(LOCK, values![&org]).await?;
        // Another may have made it while this waited.
        if let Some(key) = self.found(tx, project).await? {
            return Ok(key);
        }
        let parent = self.org_or_fresh(tx).await?;
        let key = DataKey::fresh();
        insert_project_key(tx, &parent, project, &key).await?;
        Ok(Arc::new(key))
    }

    async fn found(
        &self,
        tx: &mut TenantTx,
        project: &Id,
    ) -> Result<Option<Arc<DataKey>>, KeyError> {
        let org = tx.org();
        match tx.row(CURRENT_OF_PROJECT, values![&org, project]).await? {
            Some(row) => self.unwrap(tx, Wrapped::of(&row)?).await.map(Some),
            None => Ok(None),
        }
    }

    /// The key `id` of a project.
    ///
    /// # Errors
    ///
    /// Where there is none, or it does not unwrap.
    pub async fn by_id(&self, tx: &mut TenantTx, id: &Id) -> Result<Arc<DataKey>, KeyError> {
        let wrapped = self.wrapped(tx, id).await?;
        self.unwrap(tx, wrapped).await
    }

    /// The organisation's key; none where nothing was ever stored for it.
    ///
    /// # Errors
    ///
    /// Where it does not unwrap.
    pub async fn org(&self, tx: &mut TenantTx) -> Result<Option<Arc<OrgKey>>, KeyError> {
        let org = tx.org();
        match tx.row(CURRENT_OF_ORG, values![&org]).await? {
            Some(row) => self.unwrap_org(Wrapped::of(&row)?).await.map(Some),
            None => Ok(None),
        }
    }

    /// The organisation's key, made where there is none: `tx` must be one that
    /// writes.
    ///
    /// # Errors
    ///
    /// Where it cannot be had.
    pub(crate) async fn org_for_writing(&self, tx: &mut TenantTx) -> Result<Arc<OrgKey>, KeyError> {
        let org = tx.org();
        // A rotation that is under way ends first, or waits for this.
        tx.execute(LOCK, values![&org]).await?;
        self.org_or_fresh(tx).await
    }

    /// Whether what wraps keys here wrapped those of `store`: of the first
    /// organisation that has one. A key manager that does not answer may do so
    /// later, and is no error.
    ///
    /// # Errors
    ///
    /// Where it did not, or the database fails.
    pub async fn check(&self, store: &Store) -> Result<(), KeyError> {
        for org in org::ids(store).await? {
            let (system, origin) = (Principal::system(org), Origin::local());
            let tx = TenantTx::read(store, &system, &origin, Action::OrgRead, None).await;
            let mut tx = match tx {
                Ok(tx) => tx,
                Err(Denied::Store(error)) => return Err(error.into()),
                // Deleted meanwhile.
                Err(_) => continue,
            };
            match self.org(&mut tx).await {
                Ok(None) => {}
                Ok(Some(_)) => return Ok(()),
                Err(error @ (KeyError::Unreachable { .. } | KeyError::Refused { .. })) => {
                    tracing::warn!(%error, "stored bytes cannot be read for now");
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Forgets every unwrapped key.
    pub fn forget(&self) {
        self.orgs.clear();
        self.projects.clear();
    }

    async fn org_or_fresh(&self, tx: &mut TenantTx) -> Result<Arc<OrgKey>, KeyError> {
        match self.org(tx).await? {
            Some(key) => Ok(key),
            None => Ok(Arc::new(self.insert_org_key(tx).await?)),
        }
    }

    /// Makes a key of the organisation.
    pub(super) async fn insert_org_key(&self, tx: &mut TenantTx) -> Result<OrgKey, KeyError> {
        let (org, key) = (tx.org(), OrgKey::fresh());
        let wrapped = self.provider.wrap(&key.secret()).await?;
        let (recipient, by) = (key.recipient().to_string(), self.provider.label());
        let project: Option<&Id> = None;
        let values = values![&org, key.id(), project, &recipient, &wrapped, &by, Instant::now()];
        tx.execute(INSERT, values).await?;
        Ok(key)
    }

    async fn wrapped(&self, tx: &mut TenantTx, id: &Id) -> Result<Wrapped, KeyError> {
        let org = tx.org();
        let row = tx.row(BY_ID, values![&org, id]).await?;
        let wrapped = row.map(|row| Wrapped::of(&row)).transpose()?;
        wrapped
            .filter(|wrapped| !wrapped.text.is_empty())
            .ok_or_else(|| KeyError::Absent(id.clone()))
    }

    /// Unwraps the key of a project.
    pub(super) async fn unwrap(
        &self,
        tx: &mut TenantTx,
        wrapped: Wrapped,
    ) -> Result<Arc<DataKey>, KeyError> {
        if let Some(key) = self.projects.get(&wrapped.id) {
            return Ok(key);
        }
        let (wrapped, parent) = match self.wrapped(tx, &Id::stored(wrapped.by.clone())).await {
            // Wrapped by another since it was read: a rotation came between.
            Err(KeyError::Absent(_)) => {
                let wrapped = self.wrapped(tx, &wrapped.id).await?;
                let parent = self.wrapped(tx, &Id::stored(wrapped.by.clone())).await?;
                (wrapped, parent)
            }
            parent => (wrapped, parent?),
        };
        let parent = self.unwrap_org(parent).await?;
        let key = parent.unwrap(&wrapped.id, &wrapped.text)?;
        Ok(self.projects.put(&wrapped.id, key))
    }

    async fn unwrap_org(&self, wrapped: Wrapped) -> Result<Arc<OrgKey>, KeyError> {
        if let Some(key) = self.orgs.get(&wrapped.id) {
            return Ok(key);
        }
        let secret = self.provider.unwrap(&wrapped.id, &wrapped.text, &wrapped.by).await?;
        let key = OrgKey::read(wrapped.id.clone(), secret.reveal())?;
        Ok(self.orgs.put(&wrapped.id, key))
    }
}

/// Keeps `key` of `project`, wrapped by `parent`.
pub(super) async fn insert_project_key(
    tx: &mut TenantTx,
    parent: &OrgKey,
    project: &Id,
    key: &DataKey,
) -> Result<(), KeyError> {
    let (org, recipient) = (tx.org(), key.recipient().to_string());
    let wrapped = parent.wrap(key)?;
    let values =
        values![&org, key.id(), project, &recipient, &wrapped, parent.id(), Instant::now()];
    tx.execute(INSERT, values).await?;
    Ok(())
}
