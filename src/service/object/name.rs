//! How objects are called: by codes that only the project's key gives. It must
//! not know what objects hold.
//!
//! A name tells neither what is stored nor that two objects are alike, and it
//! lies under its organisation and project: none crosses either. Every object
//! has a name of its own, so that no two rows share one, and none is ever
//! overwritten.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::keys::DataKey;
use crate::id::Id;

/// HMAC-SHA-256 of length-prefixed `parts`, so that no two lists are one text.
pub(crate) fn mac(secret: &[u8], purpose: &str, parts: &[&[u8]]) -> [u8; 32] {
    // HMAC takes a key of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) else { return [0; 32] };
    for part in [purpose.as_bytes()].iter().chain(parts) {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// What a stored blob is called.
pub(crate) fn blob_name(key: &DataKey, org: &Id, project: &Id, blob: &Id, sha256: &str) -> String {
    let code = key.mac("hetero2 blob name v1", &[blob.as_str().as_bytes(), sha256.as_bytes()]);
    format!("{org}/{project}/{}", hex::encode(code))
}

/// What one writing of a part of an upload is called; `attempt` is fresh for
/// each.
pub(crate) fn part_name(
    key: &DataKey,
    org: &Id,
    project: &Id,
    upload: &Id,
    number: i64,
    attempt: &[u8; 16],
) -> String {
    let number = number.to_be_bytes();
    let code =
        key.mac("hetero2 part name v1", &[upload.as_str().as_bytes(), &number, attempt.as_slice()]);
    format!("{org}/{project}/{}", hex::encode(code))
}
