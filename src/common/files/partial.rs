//! Names of what is under construction: they say which process made it, so
//! that the next one can tell litter from work, and ours from a user's.

use std::ffi::OsStr;
use std::fs;
use std::hash::{BuildHasher as _, RandomState};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use sha2::{Digest as _, Sha256};

use super::{FileError, disk, gate, parent_of};

const SUFFIX: &str = ".partial";
/// Longest part of the final name that is kept, in bytes.
const LONGEST: usize = 120;
/// After this long without a change, work of a process that cannot be asked is
/// litter.
const ABANDONED: Duration = Duration::from_secs(24 * 60 * 60);

/// A new hidden path beside `place` for what will lie there:
/// `.<name>.<system>-<process>-<random>-<check>.partial`.
pub(super) fn fresh(place: &Path) -> PathBuf {
    let name = place.file_name().unwrap_or_default();
    let mut kept = name.to_string_lossy().into_owned();
    while kept.len() > LONGEST {
        kept.pop();
    }
    let random = RandomState::new().hash_one(SystemTime::now()) as u32;
    let maker = format!("{}-{}-{random:08x}", system(), gate::process(place));
    let check = check(&kept, &maker);
    parent_of(place).join(format!(".{kept}.{maker}-{check}{SUFFIX}"))
}

/// Who made what has this name; `None` where this program did not.
struct Maker<'a> {
    name: &'a str,
    system: &'a str,
    process: u32,
}

fn maker(name: &str) -> Option<Maker<'_>> {
    let (kept, made) = name.strip_prefix('.')?.strip_suffix(SUFFIX)?.rsplit_once('.')?;
    let (maker, found) = made.rsplit_once('-')?;
    let mut parts = maker.split('-');
    let (system, process) = (parts.next()?, parts.next()?.parse().ok()?);
    (check(kept, maker) == found).then_some(Maker { name: kept, system, process })
}

/// Eight digits that no other program would write there.
fn check(name: &str, maker: &str) -> String {
    let digest = Sha256::digest(format!("hetero2 partial\n{name}\n{maker}").as_bytes());
    hex::encode(&digest[..4])
}

/// Names the running system and the space of its process ids: ids of another
/// machine, boot or container cannot be asked for.
pub(super) fn system() -> &'static str {
    static SYSTEM: OnceLock<String> = OnceLock::new();
    SYSTEM.get_or_init(|| {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        let space = fs::read_link("/proc/self/ns/pid").unwrap_or_default();
        let host = read("/proc/sys/kernel/hostname");
        let boot = read("/proc/sys/kernel/random/boot_id");
        let digest = Sha256::digest(format!("{host}{boot}{}", space.display()).as_bytes());
        hex::encode(&digest[..4])
    })
}

/// Whether a process has ended; `None` where it cannot be asked.
pub(super) fn has_ended(of: &str, process: u32) -> Option<bool> {
    #[cfg(target_os = "linux")]
    if of == system() {
        let process = rustix::process::Pid::from_raw(i32::try_from(process).ok()?)?;
        let asked = rustix::process::test_kill_process(process);
        return Some(asked == Err(rustix::io::Errno::SRCH));
    }
    let _ = (of, process);
    None
}

/// What [`sweep`] may take for litter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// What processes left that have ended, or that changed nothing for a day
    /// where they cannot be asked.
    ByTheDead,
    /// All but what this process makes: the caller holds a lock of the system
    /// under which alone anything is made here.
    ByOthers,
}

/// Removes from a folder what processes of this program left there that did not
/// end well: files and directories under construction. With `of`, only what was
/// to become that name. Nothing that this program did not make is touched.
///
/// # Errors
/// The folder cannot be read, or the disk refuses.
pub fn sweep(folder: &Path, of: Option<&OsStr>, left: Left) -> Result<(), FileError> {
    let entries = match fs::read_dir(folder) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(FileError::io("read", folder))?,
    };
    for entry in entries {
        let entry = entry.map_err(FileError::io("read", folder))?;
        let (path, name) = (entry.path(), entry.file_name());
        let Some(maker) = name.to_str().and_then(maker) else { continue };
        if of.is_some_and(|of| of != maker.name) || !is_litter(&maker, &path, left) {
            continue;
        }
        tracing::info!("removing {}, left by a process that has ended", path.display());
        let removed = match entry.file_type() {
            Ok(kind) if kind.is_dir() => disk::remove_dir_all(&path),
            Ok(_) => disk::remove_file(&path),
            Err(e) => Err(e),
        };
        disk::gone(removed).map_err(FileError::io("remove", &path))?;
    }
    Ok(())
}

fn is_litter(maker: &Maker<'_>, path: &Path, left: Left) -> bool {
    if maker.system == system() && maker.process == gate::process(path) {
        return false;
    }
    match (left, has_ended(maker.system, maker.process)) {
        (Left::ByOthers, _) => true,
        (Left::ByTheDead, Some(ended)) => ended,
        (Left::ByTheDead, None) => unchanged(path).is_some_and(|age| age > ABANDONED),
    }
}

/// How long ago anything in a file or directory changed.
fn unchanged(path: &Path) -> Option<Duration> {
    let found = fs::symlink_metadata(path).ok()?;
    let mut age = found.modified().ok()?.elapsed().unwrap_or_default();
    if found.is_dir() {
        for entry in fs::read_dir(path).ok()? {
            age = age.min(unchanged(&entry.ok()?.path())?);
        }
    }
    Some(age)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_who_made_them_and_no_others_do() {
        let name = fresh("plan.json".as_ref()).display().to_string();
        let name = name.strip_prefix("./").unwrap().to_owned();
        let made = maker(&name).unwrap();
        assert_eq!((made.name, made.process), ("plan.json", std::process::id()));
        assert_eq!(has_ended(made.system, made.process), Some(false));
        for foreign in [".plan.json.partial", ".a.0-1-2-3.partial", &name.replace("plan", "plum")] {
            assert!(maker(foreign).is_none(), "{foreign}");
        }
        let long = fresh("ä".repeat(200).as_ref());
        let long = long.file_name().unwrap().to_str().unwrap();
        assert!(long.len() < 200 && maker(long).is_some());
    }

    #[test]
    fn litter_of_the_dead_goes_and_everything_else_stays() {
        let folder = tempfile::tempdir().unwrap();
        let mut dead = std::process::Command::new("true").spawn().unwrap();
        dead.wait().unwrap();
        let named = |process: u32, system: &str| {
            let maker = format!("{system}-{process}-00000000");
            format!(".x.{maker}-{}{SUFFIX}", check("x", &maker))
        };
        let litter = folder.path().join(named(dead.id(), system()));
        let elsewhere = folder.path().join(named(dead.id(), "00000000"));
        let own = fresh(&folder.path().join("x"));
        let user = folder.path().join(".x.partial");
        for path in [&litter, &elsewhere, &own] {
            fs::create_dir(path).unwrap();
            fs::write(path.join("part"), "half").unwrap();
        }
        fs::write(&user, "a user's").unwrap();
        sweep(folder.path(), Some("y".as_ref()), Left::ByOthers).unwrap();
        assert!(litter.exists());
        sweep(folder.path(), Some("x".as_ref()), Left::ByTheDead).unwrap();
        assert!(!litter.exists() && elsewhere.exists() && own.exists() && user.exists());
        sweep(folder.path(), None, Left::ByOthers).unwrap();
        assert!(!elsewhere.exists() && own.exists() && user.exists());
    }
}
