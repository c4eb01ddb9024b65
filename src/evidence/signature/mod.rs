//! Who stands for a pack? Signs packs and checks signatures: an in-toto
//! Statement v1 in a DSSE envelope (Ed25519), one a line, in a file beside the
//! pack (`docs/contracts/signatures.md`).
//!
//! Knows packs by their files' digests. Must not know how a pack is made, or
//! the command line.

mod bundle;
mod dsse;
mod error;
mod key;
mod statement;
mod verify;

pub use bundle::{bundle_path, sign};
pub use dsse::Envelope;
pub use error::SignatureError;
pub use key::{KeyId, PrivateKey, PublicKey, create_key};
pub use statement::{
    Approval, PREDICATE_TYPE, Predicate, Role, SIGNATURE_SCHEMA, STATEMENT_TYPE, Signed, Statement,
    Subject,
};
pub use verify::{CheckedSignature, SignatureReport, SignatureState, verify_signatures};
