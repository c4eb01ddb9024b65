//! Links that read one dataset for a few minutes without a credential. It must
//! not know HTTP.
//!
//! A link names its maker, and works as long as the maker could read the
//! dataset: a role that is taken, an account that is disabled, or a rotation of
//! the organisation's key, ends it early.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use subtle::ConstantTimeEq as _;
use utoipa::ToSchema;

use super::{Content, DatasetError, content, get};
use crate::id::{Id, Kind};
use crate::object::{Depot, OrgKey};
use crate::store::{Store, statements, values};
use crate::tenancy::{Action, Denied, Door, OrgRole, Origin, Principal, TenantTx, Via};
use crate::time::Instant;
use crate::trail::Entry;

statements! {
    MAKER = "SELECT role FROM member WHERE org_id = $1 AND id = $2 AND disabled_at IS NULL";
    PLACE = "SELECT project_id FROM dataset WHERE org_id = $1 AND id = $2 AND deleted_at IS NULL";
}
pub(crate) use ALL as STATEMENTS;

/// The longest that a link lives.
pub const LONGEST: Duration = Duration::from_secs(15 * 60);

/// What links begin with.
const PREFIX: &str = "h2l_";
/// Characters of an id after its prefix.
const ID: usize = 26;
/// Characters of the expiry: milliseconds in hexadecimal.
const EXPIRY: usize = 12;

/// A link to a dataset's bytes.
#[derive(Debug, Serialize, ToSchema)]
pub struct Link {
    /// Its id in the audit trail.
    #[schema(value_type = String, example = "lnk_01jdq0v8w3e8tav4k1m2n3p4q5")]
    pub id: Id,
    /// Where the bytes are read: whoever has it can, until it expires.
    #[schema(example = "/v1/signed/h2l_…")]
    pub path: String,
    /// When it expires.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Instant,
}

/// What a link says; true only once its code was checked.
struct Claim {
    org: Id,
    link: Id,
    maker: Id,
    dataset: Id,
    expires_at: Instant,
}

impl Claim {
    fn code(&self, key: &OrgKey) -> [u8; 32] {
        let ids = [&self.org, &self.link, &self.maker, &self.dataset];
        let [org, link, maker, dataset] = ids.map(|id| id.as_str().as_bytes());
        let expiry = self.expires_at.0.to_be_bytes();
        key.mac("hetero2 link v1", &[org, link, maker, dataset, &expiry])
    }

    fn text(&self, key: &OrgKey) -> String {
        let ids = [&self.org, &self.link, &self.maker, &self.dataset];
        let ids: String = ids.into_iter().map(bare).collect();
        let code = URL_SAFE_NO_PAD.encode(self.code(key));
        format!("{PREFIX}{ids}{:0EXPIRY$x}_{code}", self.expires_at.0)
    }

    fn parse(text: &str) -> Option<(Self, Vec<u8>)> {
        let (claim, code) = text.strip_prefix(PREFIX)?.split_once('_')?;
        if claim.len() != 4 * ID + EXPIRY || !claim.is_ascii() {
            return None;
        }
        let id = |kind: Kind, at: usize| {
            Id::parse(kind, &format!("{}_{}", kind.prefix(), &claim[at * ID..(at + 1) * ID]))
        };
        let expires_at = i64::from_str_radix(&claim[4 * ID..], 16).ok().map(Instant)?;
        let claim = Self {
            org: id(Kind::Org, 0)?,
            link: id(Kind::Link, 1)?,
            maker: id(Kind::Member, 2)?,
            dataset: id(Kind::Dataset, 3)?,
            expires_at,
        };
        Some((claim, URL_SAFE_NO_PAD.decode(code).ok()?))
    }
}

/// The characters of an id after its prefix.
fn bare(id: &Id) -> &str {
    id.as_str().split_once('_').map_or("", |(_, rest)| rest)
}

/// Makes a link to a dataset of `project` that lives for `lifetime`, in a
/// transaction for [`Action::LinkCreate`].
///
/// # Errors
///
/// Where there is no such dataset, or the lifetime is not 1 second to
/// [`LONGEST`].
pub async fn create(
    tx: &mut TenantTx,
    depot: &Depot,
    project: &Id,
    id: &Id,
    lifetime: Duration,
) -> Result<Link, DatasetError> {
    if lifetime.is_zero() || lifetime > LONGEST {
        return Err(DatasetError::Lifetime(LONGEST.as_secs()));
    }
    let dataset = get(tx, project, id).await?;
    let maker = tx.principal().member.clone().ok_or(DatasetError::Absent)?;
    // Whoever has stored a dataset has a key.
    let key = depot.keys.org(tx).await?.ok_or(DatasetError::Absent)?;
    let claim = Claim {
        org: tx.org(),
        link: Id::fresh(Kind::Link),
        maker,
        dataset: dataset.id,
        expires_at: Instant::now().plus(lifetime),
    };
    let path = format!("/v1/signed/{}", claim.text(&key));
    Ok(Link { id: claim.link, path, expires_at: claim.expires_at })
}

/// The bytes that a link is for. Its use is in the audit trail once this
/// returns.
///
/// # Errors
///
/// Where the link is not one of this server's, has expired, or its maker could
/// not read the dataset any more.
pub async fn follow(
    store: &Store,
    depot: &Depot,
    origin: &Origin,
    text: &str,
) -> Result<Content, DatasetError> {
    let (claim, code) = Claim::parse(text).ok_or(DatasetError::Absent)?;
    let system = Principal::system(claim.org.clone());
    let mut tx = TenantTx::read(store, &system, origin, Action::OrgRead, None).await?;
    let key = depot.keys.org(&mut tx).await?.ok_or(DatasetError::Absent)?;
    if !bool::from(claim.code(&key).as_slice().ct_eq(&code)) {
        return Err(DatasetError::Absent);
    }
    if claim.expires_at <= Instant::now() {
        return Err(DatasetError::Expired);
    }
    let role = tx.row(MAKER, values![&claim.org, &claim.maker]).await?;
    let role = role.map(|row| row.text("role")).transpose()?;
    let role = role.and_then(|word| OrgRole::from_word(&word)).ok_or(DatasetError::Absent)?;
    let place = tx.row(PLACE, values![&claim.org, &claim.dataset]).await?;
    let project = place.ok_or(DatasetError::Absent)?.id("project_id")?;
    drop(tx);

    let via = Via::Link { id: claim.link };
    let principal = Principal { org: claim.org, member: Some(claim.maker), role, via };
    let door = Door { store, principal: &principal, origin, project: &project };
    let mut tx = match door.write(Action::DataRead).await {
        Ok(tx) => tx,
        Err(Denied::Store(error)) => return Err(error.into()),
        Err(_) => return Err(DatasetError::Absent),
    };
    let content = content(&mut tx, depot, &project, &claim.dataset).await?;
    tx.commit(Entry::on(&claim.dataset)).await?;
    Ok(content)
}
