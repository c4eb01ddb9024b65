//! Compiled pipelines, kept between runs in the user's cache directory.
//!
//! A convenience: without a directory, or with a damaged file, kernels are
//! compiled anew. Many drivers keep such a cache of their own.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;

use sha2::{Digest, Sha256};

use hetero2_common::files::{disk, write_atomically};

/// Largest file that is read.
const LARGEST_BYTES: u64 = 64 << 20;
/// Bytes of the digest before the driver's data.
const DIGEST_BYTES: usize = 32;

/// The cache of one kind of adapter.
pub(super) struct CacheFile {
    path: PathBuf,
    cache: wgpu::PipelineCache,
}

impl CacheFile {
    /// The cache of an adapter; nothing where adapter or system have none.
    pub fn open(device: &wgpu::Device, info: &wgpu::AdapterInfo) -> Option<Self> {
        if !device.features().contains(wgpu::Features::PIPELINE_CACHE) {
            return None;
        }
        let path = directory()?.join(wgpu::util::pipeline_cache_key(info)?);
        let kept = read(&path);
        let descriptor =
            wgpu::PipelineCacheDescriptor { label: None, data: kept.as_deref(), fallback: true };
        // SAFETY: the data came from `PipelineCache::get_data`, as its digest
        // shows: `save` is the only writer of such files in the user's own
        // cache directory. Drivers check device and version themselves.
        #[allow(unsafe_code)]
        let cache = unsafe { device.create_pipeline_cache(&descriptor) };
        Some(Self { path, cache })
    }

    /// What pipelines are made with.
    pub fn cache(&self) -> &wgpu::PipelineCache {
        &self.cache
    }

    /// Writes what was compiled, where it changed.
    pub fn save(&self) {
        let Some(data) = self.cache.get_data() else { return };
        if read(&self.path).as_ref() == Some(&data) {
            return;
        }
        // Where the folder cannot be made, the file cannot either.
        let _ = self.path.parent().map(disk::create_dir_all);
        let written = write_atomically(&self.path, |out| {
            out.write_all(&Sha256::digest(&data))?;
            out.write_all(&data)
        });
        if let Err(error) = written {
            tracing::debug!(path = %self.path.display(), "pipeline cache not kept: {error}");
        }
    }
}

/// The driver's data of a cache file, if it is whole.
fn read(path: &PathBuf) -> Option<Vec<u8>> {
    if fs::metadata(path).ok()?.len() > LARGEST_BYTES {
        return None;
    }
    let bytes = fs::read(path).ok()?;
    let (digest, data) = bytes.split_at_checked(DIGEST_BYTES)?;
    (Sha256::digest(data).as_slice() == digest).then(|| data.to_vec())
}

/// `$XDG_CACHE_HOME/hetero2`, or the like.
fn directory() -> Option<PathBuf> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let base = set("XDG_CACHE_HOME")
        .or_else(|| set("LOCALAPPDATA"))
        .or_else(|| Some(set("HOME")?.join(".cache")))?;
    base.is_absolute().then(|| base.join("hetero2"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_file_is_no_cache() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipelines");
        assert_eq!(read(&path), None);
        let mut bytes = Sha256::digest(b"data").to_vec();
        bytes.extend(b"data");
        fs::write(&path, &bytes).unwrap();
        assert_eq!(read(&path).as_deref(), Some(&b"data"[..]));
        bytes[40 - 5] ^= 1;
        fs::write(&path, &bytes).unwrap();
        assert_eq!(read(&path), None);
        fs::write(&path, b"short").unwrap();
        assert_eq!(read(&path), None);
    }
}
