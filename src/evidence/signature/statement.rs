//! What a signature says: an in-toto Statement v1 over the files of a pack.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::error::SignatureError;
use crate::pack::VerifyReport;
use crate::pack::manifest::ZIP;
use hetero2_common::files::{FileDigest, Sha256Digest};

/// `_type` of the statement.
pub const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";
/// `predicateType` of the statement.
pub const PREDICATE_TYPE: &str = "urn:hetero2:pack-signature:v1";
/// Version of the predicate's layout.
pub const SIGNATURE_SCHEMA: &str = "hetero2_signature.v1";

/// Longest name and meaning, in bytes.
const MAX_TEXT: usize = 500;

/// An in-toto Statement v1 whose subject is every file of a pack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Statement {
    /// Always [`STATEMENT_TYPE`].
    #[schemars(extend("const" = STATEMENT_TYPE))]
    #[serde(rename = "_type")]
    pub statement_type: String,
    /// Every file but the zip, which is another form of them, by name.
    pub subject: Vec<Subject>,
    /// Always [`PREDICATE_TYPE`].
    #[schemars(extend("const" = PREDICATE_TYPE))]
    #[serde(rename = "predicateType")]
    pub predicate_type: String,
    /// What is said of them.
    pub predicate: Predicate,
}

/// A file and its digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Subject {
    /// Name in the pack.
    pub name: String,
    /// Its digest.
    pub digest: SubjectDigest,
}

/// Digests by algorithm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SubjectDigest {
    /// SHA-256 of the file's bytes.
    pub sha256: Sha256Digest,
}

/// What the signer says of the pack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Predicate {
    /// Version of the predicate's layout.
    #[schemars(extend("const" = SIGNATURE_SCHEMA))]
    pub schema_version: String,
    /// Content digest of the pack.
    pub content_digest: Sha256Digest,
    /// Digest of its manifest; signatures of earlier versions have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest_digest: Option<Sha256Digest>,
    /// When it was signed, by the signer's clock: UTC, `2026-01-31T23:59:59Z`.
    pub signed_at: String,
    /// Version of the program that signed.
    pub tool_version: String,
    /// In which role, and what the signature means; `null` for a plain one.
    pub approval: Option<Approval>,
    /// SHA-256 of the lines before this one in the file of signatures, so that
    /// none of them can be changed or removed; `null` for the first.
    pub earlier_signatures_sha256: Option<Sha256Digest>,
}

/// A signature as a person's act.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Approval {
    /// In which role.
    pub role: Role,
    /// Who signs, in the signer's own words: the key proves no name.
    pub name: String,
    /// What the signature means.
    pub meaning: String,
}

impl Approval {
    /// An approval; name and meaning must say something.
    ///
    /// # Errors
    /// [`SignatureError::Field`] where a text is empty, longer than 500 bytes
    /// or has control characters.
    pub fn new(role: Role, name: &str, meaning: &str) -> Result<Self, SignatureError> {
        let text = |field, text: &str| {
            let text = text.trim();
            if text.is_empty() || text.len() > MAX_TEXT || text.chars().any(char::is_control) {
                let detail = format!("must be one line of 1 to {MAX_TEXT} bytes");
                return Err(SignatureError::Field { field, detail });
            }
            Ok(text.to_owned())
        };
        Ok(Self { role, name: text("--name", name)?, meaning: text("--meaning", meaning)? })
    }
}

/// The role in which a person signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Made the pack.
    Author,
    /// Looked at it.
    Reviewer,
    /// Lets it be used.
    Approver,
}

// By hand, since the names say all: derived, help would explain each.
#[cfg(feature = "clap")]
impl clap::ValueEnum for Role {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Author, Self::Reviewer, Self::Approver]
    }

    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        Some(self.as_str().into())
    }
}

impl Role {
    /// As it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Author => "author",
            Self::Reviewer => "reviewer",
            Self::Approver => "approver",
        }
    }
}

/// What a signer decides.
#[derive(Debug, Clone)]
pub struct Signed {
    /// Role and meaning; `None` for a plain signature.
    pub approval: Option<Approval>,
    /// When, in UTC.
    pub signed_at: String,
}

impl Statement {
    /// The statement over a pack as [`verify`](crate::pack::verify()) saw it.
    pub(super) fn new(
        pack: &VerifyReport,
        content_digest: Sha256Digest,
        signed: Signed,
        earlier: Option<Sha256Digest>,
    ) -> Self {
        let subject = |(name, digest): (&String, &FileDigest)| Subject {
            name: name.clone(),
            digest: SubjectDigest { sha256: digest.sha256 },
        };
        Self {
            statement_type: STATEMENT_TYPE.to_owned(),
            subject: pack.digests.iter().filter(|(name, _)| *name != ZIP).map(subject).collect(),
            predicate_type: PREDICATE_TYPE.to_owned(),
            predicate: Predicate {
                schema_version: SIGNATURE_SCHEMA.to_owned(),
                content_digest,
                manifest_digest: pack.manifest_digest,
                signed_at: signed.signed_at,
                tool_version: hetero2_contract::version::VERSION.to_owned(),
                approval: signed.approval,
                earlier_signatures_sha256: earlier,
            },
        }
    }

    /// Reads a payload.
    pub(super) fn parse(payload: &[u8]) -> Result<Self, String> {
        let statement: Self = serde_json::from_slice(payload)
            .map_err(|e| format!("not a statement over a pack ({e})"))?;
        let known = [
            (&statement.statement_type, STATEMENT_TYPE),
            (&statement.predicate_type, PREDICATE_TYPE),
            (&statement.predicate.schema_version, SIGNATURE_SCHEMA),
        ];
        if let Some((found, expected)) = known.into_iter().find(|(found, due)| *found != due) {
            return Err(format!("{found:?} where {expected:?} is known"));
        }
        if let Some(a) = &statement.predicate.approval {
            Approval::new(a.role, &a.name, &a.meaning).map_err(|e| e.to_string())?;
        }
        Ok(statement)
    }

    /// How the pack differs from the one that was signed.
    pub(super) fn differences(&self, pack: &VerifyReport) -> Vec<String> {
        let mut differences = Vec::new();
        if Some(self.predicate.content_digest) != pack.content_digest {
            differences.push(format!("the content digest was {}", self.predicate.content_digest));
        }
        if let Some(manifest) = self.predicate.manifest_digest
            && Some(manifest) != pack.manifest_digest
        {
            differences.push(format!("the manifest digest was {manifest}"));
        }
        let mut signed = BTreeMap::new();
        for subject in &self.subject {
            if signed.insert(subject.name.as_str(), subject.digest.sha256).is_some() {
                differences.push(format!("{:?} is signed twice", subject.name));
            }
        }
        let found: BTreeMap<&str, Sha256Digest> = pack
            .digests
            .iter()
            .filter(|(name, _)| *name != ZIP)
            .map(|(name, digest)| (name.as_str(), digest.sha256))
            .collect();
        for (name, digest) in &signed {
            match found.get(name) {
                None => differences.push(format!("{name:?} is missing")),
                Some(now) if now != digest => differences.push(format!("{name} was changed")),
                Some(_) => {}
            }
        }
        let added = found.keys().filter(|name| !signed.contains_key(*name));
        differences.extend(added.map(|name| format!("{name} was added")));
        differences
    }
}
