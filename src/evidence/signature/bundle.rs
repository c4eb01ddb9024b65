//! The file of signatures beside a pack: in-toto's attestation bundle, one
//! envelope a line. Lines are only ever added, and with all lines or not at all.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use super::dsse::{Envelope, PAYLOAD_TYPE};
use super::error::SignatureError;
use super::key::PrivateKey;
use super::statement::{Signed, Statement};
use crate::pack::manifest::MANIFEST;
use crate::pack::{VerifyReport, verify};
use hetero2_common::files::{
    FileError, Left, Lock, Sha256Digest, disk, parent_of, sweep, write_atomically,
};

/// Largest file of signatures that is read; one signature has about 3 kB.
const MAX_BUNDLE: u64 = 16 << 20;

/// Where the signatures of the pack at `pack` lie: beside it, under its name
/// with `.intoto.jsonl`. The zip in a pack's directory shares those of the
/// directory, because it holds the same files.
///
/// # Errors
/// There is nothing at `pack`.
pub fn bundle_path(pack: &Path) -> Result<PathBuf, SignatureError> {
    // `.` and links have the name of what they stand for.
    let whole = fs::canonicalize(pack).map_err(FileError::io("open", pack))?;
    let named = match whole.parent() {
        Some(parent) if whole.is_file() && parent.join(MANIFEST).is_file() => parent,
        _ => &whole,
    };
    let mut name = named.file_name().unwrap_or(OsStr::new("pack")).to_owned();
    name.push(".intoto.jsonl");
    Ok(named.with_file_name(name))
}

/// One line of a file of signatures.
#[derive(Debug)]
pub(super) struct Line {
    pub envelope: Envelope,
    pub payload: Vec<u8>,
    pub statement: Statement,
    /// SHA-256 of the lines before; `None` for the first.
    pub earlier: Option<Sha256Digest>,
}

/// What a file of signatures holds.
#[derive(Debug)]
pub(super) struct Parsed {
    pub lines: Vec<Line>,
    /// Bytes after the last whole line: a signer was interrupted.
    pub torn: usize,
}

/// Reads every whole line of the file at `path`.
///
/// # Errors
/// [`SignatureError::Bundle`] for the first line that is no envelope of a
/// statement over a pack; [`SignatureError::File`] where the file cannot be read.
pub(super) fn read_bundle(path: &Path) -> Result<Parsed, SignatureError> {
    let file = File::open(path).map_err(FileError::io("read", path))?;
    parse_bundle(&read_bounded(file, path)?, path)
}

fn read_bounded(file: File, path: &Path) -> Result<Vec<u8>, SignatureError> {
    let mut bytes = Vec::new();
    file.take(MAX_BUNDLE + 1).read_to_end(&mut bytes).map_err(FileError::io("read", path))?;
    if bytes.len() as u64 > MAX_BUNDLE {
        let detail = format!("the file has more than {MAX_BUNDLE} bytes");
        return Err(SignatureError::Bundle { path: path.to_owned(), line: 1, detail });
    }
    Ok(bytes)
}

fn parse_bundle(bytes: &[u8], path: &Path) -> Result<Parsed, SignatureError> {
    let mut lines = Vec::new();
    let mut start = 0;
    for text in bytes.split_inclusive(|byte| *byte == b'\n') {
        let fail = |detail: String| SignatureError::Bundle {
            path: path.to_owned(),
            line: lines.len() + 1,
            detail,
        };
        let Some(body) = text.strip_suffix(b"\n") else { break };
        let envelope: Envelope =
            serde_json::from_slice(body).map_err(|e| fail(format!("no DSSE envelope ({e})")))?;
        if envelope.payload_type != PAYLOAD_TYPE {
            return Err(fail(format!("its payload is {:?}", envelope.payload_type)));
        }
        let payload = envelope.payload_bytes().map_err(fail)?;
        let statement = Statement::parse(&payload).map_err(fail)?;
        let earlier = (start > 0).then(|| Sha256Digest::of(&bytes[..start]));
        lines.push(Line { envelope, payload, statement, earlier });
        start += text.len();
    }
    Ok(Parsed { lines, torn: bytes.len() - start })
}

/// Signs the pack at `pack` with `key` and appends the envelope to `bundle`.
/// Returns the statement that was signed.
///
/// The pack is verified first. Signers take their turns by a lock on the file.
///
/// # Errors
/// [`SignatureError::DamagedPack`] where the pack fails verification,
/// [`SignatureError::OtherPack`] where the file has signatures of another, and
/// what the disk refuses.
pub fn sign(
    pack: &Path,
    bundle: &Path,
    key: &PrivateKey,
    signed: Signed,
) -> Result<Statement, SignatureError> {
    let at = |path: &Path| fs::canonicalize(path).map_err(FileError::io("open", path));
    if at(parent_of(bundle))? == at(pack)? {
        let detail = "lies in the pack, where a further file would fail verification".to_owned();
        return Err(SignatureError::Field { field: "--signatures", detail });
    }
    let report = verify(pack)?;
    let damaged = |why| SignatureError::DamagedPack { path: pack.to_owned(), why };
    if let Some(check) = report.failures().next() {
        return Err(damaged(format!("{}: {}", check.name, check.detail)));
    }
    let content = report.content_digest;
    let content = content.ok_or_else(|| damaged("its files have no digest".to_owned()))?;
    let _lock = Lock::wait(bundle)?;
    sweep(parent_of(bundle), bundle.file_name(), Left::ByTheDead)?;
    let signed = append(bundle, &report, content, key, signed);
    if signed.is_err() && fs::metadata(bundle).is_ok_and(|found| found.len() == 0) {
        // Made by the lock.
        let _ = disk::remove_file(bundle);
    }
    signed
}

/// Writes the file again with one line more: it has all of them or the new one
/// not, and half a line that was left there once is gone.
fn append(
    bundle: &Path,
    report: &VerifyReport,
    content: Sha256Digest,
    key: &PrivateKey,
    signed: Signed,
) -> Result<Statement, SignatureError> {
    let file = File::open(bundle).map_err(FileError::io("read", bundle))?;
    let bytes = read_bounded(file, bundle)?;
    let parsed = parse_bundle(&bytes, bundle)?;
    if parsed.torn > 0 {
        tracing::warn!("half a signature, left by an interrupted signer, is cut off");
    }
    let whole = &bytes[..bytes.len() - parsed.torn];
    refuse_other_pack(&parsed.lines, report, bundle)?;
    let earlier = (!whole.is_empty()).then(|| Sha256Digest::of(whole));
    let statement = Statement::new(report, content, signed, earlier);
    let line = envelope_line(&statement, key)?;
    write_atomically(bundle, |file| file.write_all(whole).and_then(|()| file.write_all(&line)))?;
    Ok(statement)
}

fn refuse_other_pack(
    lines: &[Line],
    report: &VerifyReport,
    bundle: &Path,
) -> Result<(), SignatureError> {
    let mut differences = lines.iter().flat_map(|line| line.statement.differences(report));
    match differences.next() {
        Some(detail) => Err(SignatureError::OtherPack { path: bundle.to_owned(), detail }),
        None => Ok(()),
    }
}

fn envelope_line(statement: &Statement, key: &PrivateKey) -> Result<Vec<u8>, SignatureError> {
    let encoding = |e: serde_json::Error| SignatureError::Encoding { why: e.to_string() };
    let payload = serde_json::to_vec(statement).map_err(encoding)?;
    let mut line = serde_json::to_vec(&Envelope::sign(&payload, key)?).map_err(encoding)?;
    line.push(b'\n');
    Ok(line)
}

/// Whether there is a file of signatures at `path`.
pub(super) fn exists(path: &Path) -> Result<bool, SignatureError> {
    match fs::metadata(path) {
        Ok(metadata) => Ok(metadata.len() > 0),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(e) => Err(FileError::io("read", path)(e).into()),
    }
}
