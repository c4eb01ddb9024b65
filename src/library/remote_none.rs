//! What stands for the reading of addresses in a build without it.

use std::path::PathBuf;

use super::address::Address;
use super::error::LibraryError;
use super::input::Opened;

const CURE: &str = "this build reads files only: build with the feature `remote`, copy it to this \
                    machine, or pipe its text to `-`";

/// Refuses.
pub(super) fn open(
    address: &Address,
    _is_spooled: impl FnOnce(&[u8]) -> bool,
) -> Result<Opened, LibraryError> {
    Err(address.unread(CURE))
}

/// Refuses.
pub(super) fn find(address: &Address, _most: usize) -> Result<Vec<PathBuf>, LibraryError> {
    Err(address.unread(CURE))
}
