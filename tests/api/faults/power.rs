//! The power fails: what was not made durable is gone. Nothing finished is.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use hetero2::files::gate::{Answer, Gate, Operation, stand};

use super::disk::Faulty;
use super::world::{STEPS, Step, World, places, walk};

const SOME: usize = 5;

type Inode = (u64, u64);

/// What a disk keeps that forgets whatever was not made durable.
#[derive(Default)]
struct Durable {
    files: BTreeMap<Inode, Vec<u8>>,
    folders: BTreeMap<Inode, BTreeMap<OsString, (Inode, bool)>>,
    /// Open, so that no inode gets the number of another.
    open: Vec<File>,
}

/// What is lost besides the content of files that was not made durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Names {
    /// Names that were given or taken since their folder was made durable.
    Lost,
    /// None: the disk wrote them early.
    Kept,
}

fn inode(path: &Path) -> Option<Inode> {
    let found = fs::symlink_metadata(path).ok()?;
    Some((found.dev(), found.ino()))
}

impl Durable {
    fn of(root: &Path) -> Self {
        let mut durable = Self::default();
        durable.keep_folder(root);
        walk(root, &mut |path| match path.is_dir() {
            true => durable.keep_folder(path),
            false => durable.keep_file(path),
        });
        durable
    }

    fn keep_file(&mut self, path: &Path) {
        let (Some(inode), Ok(bytes)) = (inode(path), fs::read(path)) else { return };
        self.open.extend(File::open(path));
        self.files.insert(inode, bytes);
    }

    fn keep_folder(&mut self, path: &Path) {
        let Some(of) = inode(path) else { return };
        self.open.extend(File::open(path));
        let mut names = BTreeMap::new();
        for entry in fs::read_dir(path).unwrap() {
            let entry = entry.unwrap();
            let Some(inode) = inode(&entry.path()) else { continue };
            self.open.extend(File::open(entry.path()));
            names.insert(entry.file_name(), (inode, entry.path().is_dir()));
        }
        self.folders.insert(of, names);
    }

    /// Writes what is left after a power loss.
    fn write(&self, root: &Path, to: &Path, names: Names) {
        match names {
            Names::Lost => self.write_folder(inode(root).unwrap(), to),
            Names::Kept => {
                let mut found = Vec::new();
                walk(root, &mut |path| found.push(path.to_owned()));
                for path in found {
                    let to = to.join(path.strip_prefix(root).unwrap());
                    match path.is_dir() {
                        true => fs::create_dir(to).unwrap(),
                        false => self.write_file(inode(&path).unwrap(), &to),
                    }
                }
            }
        }
    }

    fn write_folder(&self, of: Inode, to: &Path) {
        for (name, (inode, is_dir)) in self.folders.get(&of).into_iter().flatten() {
            let to = to.join(name);
            if *is_dir {
                fs::create_dir(&to).unwrap();
                self.write_folder(*inode, &to);
            } else {
                self.write_file(*inode, &to);
            }
        }
    }

    fn write_file(&self, of: Inode, to: &Path) {
        fs::write(to, self.files.get(&of).map_or(&[][..], Vec::as_slice)).unwrap();
    }
}

/// A disk whose power fails before an operation.
struct Failing {
    root: PathBuf,
    place: usize,
    images: [PathBuf; 2],
    state: Mutex<(usize, bool, Durable)>,
}

impl Gate for Failing {
    fn process(&self) -> u32 {
        super::disk::ENDED
    }

    fn before(&self, operation: &Operation<'_>) -> Answer {
        if matches!(operation, Operation::Lock(_)) {
            return Answer::Proceed;
        }
        let mut state = self.state.lock().unwrap();
        let (count, has_failed, durable) = &mut *state;
        if *count == self.place && !*has_failed {
            *has_failed = true;
            durable.write(&self.root, &self.images[0], Names::Lost);
            durable.write(&self.root, &self.images[1], Names::Kept);
        }
        *count += 1;
        if *has_failed { Answer::Refuse(io::Error::other("no power")) } else { Answer::Proceed }
    }

    fn after(&self, operation: &Operation<'_>) {
        let mut state = self.state.lock().unwrap();
        match operation {
            Operation::SyncFile(path) => state.2.keep_file(path),
            Operation::SyncDirectory(path) => state.2.keep_folder(path),
            _ => {}
        }
    }
}

fn try_power(step: Step) {
    let undisturbed = World::before(step);
    let gate = Arc::new(Faulty::default());
    let standing = stand(undisturbed.root(), gate.clone());
    undisturbed.take(step).unwrap();
    drop(standing);
    let (count, expected) = (gate.count(), undisturbed.outcome(step));
    // Also after the last: what was reported as done is done.
    for place in places(count + 1, SOME) {
        let world = World::before(step);
        let images = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let gate = Arc::new(Failing {
            root: world.root().to_owned(),
            place,
            images: images.each_ref().map(|image| image.path().to_owned()),
            state: Mutex::new((0, false, Durable::of(world.root()))),
        });
        let standing = stand(world.root(), gate.clone());
        let taken = world.take(step);
        drop(standing);
        let mut state = gate.state.lock().unwrap();
        if !state.1 {
            taken.as_ref().unwrap();
            state.1 = true;
            state.2.write(&gate.root, &gate.images[0], Names::Lost);
            state.2.write(&gate.root, &gate.images[1], Names::Kept);
        }
        for (image, names) in images.iter().zip([Names::Lost, Names::Kept]) {
            let at = format!("{step:?}, names {names:?}, no power at {place} of {count}");
            let image = World::copy_of(image.path());
            image.expect_nothing_lost(step);
            if place > state.0 || (place == count && taken.is_ok()) {
                assert_eq!(image.outcome(step), expected, "{at}: it was done");
            }
            image.take(step).unwrap_or_else(|error| panic!("{at}: then {error}"));
            assert_eq!(image.outcome(step), expected, "{at}");
            assert_eq!(image.litter(), [] as [PathBuf; 0], "{at}");
        }
    }
    println!("{step:?}: power lost at {SOME} or all of {count} places, nothing finished lost");
}

#[test]
fn nothing_finished_goes_with_the_power() {
    std::thread::scope(|scope| {
        for step in STEPS {
            scope.spawn(move || try_power(step));
        }
    });
}
