//! R13: the golden archives of every format version open, verify and export the same bytes, and an
//! archive of a version that is not known is refused untouched.
//!
//! `tests/data/golden/v{version}` holds them: `{name}.sessiondb`, beside it the tree that it
//! exports as `{name}/` and what else it says as `{name}.json`.

/// Archives whose journals hold every op.
mod journal;
/// How the archives of the current version were made.
mod make;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use sessiondb::jsonl::Export;
use sessiondb::{Archive, StoreError};
use xxhash_rust::xxh3::xxh3_64;

use super::row::Row;
use crate::scratch::Scratch;

/// The oldest version that is read.
const OLDEST_VERSION: u32 = 2;

/// A tree of files: the bytes of each by its path.
type Tree = BTreeMap<String, Vec<u8>>;

#[test]
fn r13_golden() {
    let mut row = Row::new("R13");
    for version in OLDEST_VERSION..=current_version() {
        for golden in goldens(version) {
            for opened in [reading, writing, writing_twice] {
                let outcome = opened(&golden.copy());
                row.case(outcome.and_then(|found| golden.compare(&found)));
            }
            for other in [0, OLDEST_VERSION - 1, current_version() + 1, u32::MAX] {
                for read_only in [true, false] {
                    row.case(refused(&golden, other, read_only));
                }
            }
        }
    }
    row.finish(33 * u64::from(current_version() - OLDEST_VERSION + 1));
}

/// Each archive holds what it is there for, and a difference of one byte is seen.
#[test]
fn r13_can_fail() {
    let [closed, empty, left] = &goldens(OLDEST_VERSION)[..] else {
        panic!("three archives");
    };
    assert_eq!(empty.expected.tree.len(), 0);
    for golden in [closed, left] {
        assert!(golden.expected.tree.len() >= 2, "{}", golden.name);
        let mut found = golden.expected.clone();
        let mut files = found.tree.values_mut().filter(|file| !file.is_empty());
        files.next().unwrap()[0] ^= 1;
        assert!(golden.compare(&found).is_err());
    }

    // The journal of the archive that was left holds two epochs, each in its half, and what is in
    // either of them counts.
    let file = std::fs::read(&left.file).unwrap();
    let epoch = |at: usize| u64::from_le_bytes(file[at..at + 8].try_into().unwrap());
    let halves = [8192 + 8, 8192 + 8192 + 8];
    assert_eq!(epoch(halves[0]).abs_diff(epoch(halves[1])), 1);
    for at in halves {
        let copy = left.copy();
        let mut cut = file.clone();
        cut[at] ^= 1;
        std::fs::write(&copy.path, cut).unwrap();
        let found = writing(&copy).unwrap();
        assert!(left.compare(&found).is_err(), "the half at {at}");
    }
}

/// A build of before knows other locks, so that both may not write: the first writer of this one that
/// has an archive of before alone makes it one of this version.
#[test]
fn an_archive_of_version_2_is_taken_over_by_a_writer_that_has_it_alone() {
    let options = || {
        Archive::options()
            .create(false)
            .lock_timeout(Duration::ZERO)
    };
    let version = |archive: &Archive| archive.stats().unwrap().format_version;
    for golden in goldens(OLDEST_VERSION) {
        let copy = golden.copy();
        let before = std::fs::read(&copy.path).unwrap();
        let reader = options().read_only(true).open(&copy.path).unwrap();
        assert_eq!(version(&reader), OLDEST_VERSION);
        let busy = options().open(&copy.path).unwrap_err();
        assert!(matches!(busy, StoreError::Busy { .. }), "{busy}");
        drop(reader);
        assert_eq!(std::fs::read(&copy.path).unwrap(), before);

        let writer = options().open(&copy.path).unwrap();
        assert_eq!(version(&writer), current_version());
        let other = options().read_only(true).open(&copy.path).unwrap();
        assert_eq!(version(&other), current_version());
    }
}

/// One of version 3 has the locks of today: it is written to as it is, until it is compacted.
#[test]
fn an_archive_of_version_3_is_taken_over_by_a_compaction() {
    let version = |archive: &Archive| archive.stats().unwrap().format_version;
    for golden in goldens(3) {
        let copy = golden.copy();
        golden.compare(&writing_twice(&copy).unwrap()).unwrap();
        let archive = Archive::open(&copy.path).unwrap();
        assert_eq!(version(&archive), 3);
        let (archive, _) = archive.compact(None).unwrap();
        assert_eq!(version(&archive), current_version());
        drop(archive);
        golden.compare(&writing(&copy).unwrap()).unwrap();
    }
}

/// Makes the archives of the current version and what is expected of them anew:
/// `cargo test --test it make_golden_archives -- --ignored`. What is committed of a version that
/// was released is never made again.
#[test]
#[ignore = "a generator"]
fn make_golden_archives() {
    let folder = folder(current_version());
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    make::closed(&folder.join("closed.sessiondb"));
    make::empty(&folder.join("empty.sessiondb"));
    make::left(&folder.join("left.sessiondb"));
    for golden in ["closed", "empty", "left"] {
        let copy = Copy::of(&folder.join(golden).with_extension("sessiondb"));
        let expected = writing(&copy).unwrap();
        let listing = serde_json::to_string_pretty(&expected.listing).unwrap() + "\n";
        std::fs::write(folder.join(golden).with_extension("json"), listing).unwrap();
        for (name, file) in expected.tree {
            let path = folder.join(golden).join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, file).unwrap();
        }
    }
}

/// An archive of the repository, and what it must show.
struct Golden {
    name: String,
    file: PathBuf,
    expected: Shown,
}

/// All that an archive shows.
#[derive(Debug, Clone, PartialEq)]
struct Shown {
    tree: Tree,
    listing: Value,
}

/// The archives of a version; there are some of each.
fn goldens(version: u32) -> Vec<Golden> {
    let folder = folder(version);
    let names = std::fs::read_dir(&folder)
        .unwrap_or_else(|err| panic!("no golden archives of version {version}: {err}"))
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "sessiondb"));
    let mut goldens: Vec<Golden> = names.map(|file| Golden::read(&file)).collect();
    goldens.sort_by(|a, b| a.name.cmp(&b.name));
    assert!(
        goldens.len() >= 3,
        "{}: {} archives",
        folder.display(),
        goldens.len()
    );
    goldens
}

fn folder(version: u32) -> PathBuf {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/golden");
    golden.join(format!("v{version}"))
}

fn current_version() -> u32 {
    let archive = Archive::in_memory().unwrap();
    archive.stats().unwrap().format_version
}

impl Golden {
    fn read(file: &Path) -> Self {
        let listing = std::fs::read_to_string(file.with_extension("json")).unwrap();
        Self {
            name: file.file_stem().unwrap().to_string_lossy().into_owned(),
            file: file.to_owned(),
            expected: Shown {
                tree: tree(&file.with_extension("")),
                listing: serde_json::from_str(&listing).unwrap(),
            },
        }
    }

    fn copy(&self) -> Copy {
        Copy::of(&self.file)
    }

    fn compare(&self, found: &Shown) -> Result<(), String> {
        let name = &self.name;
        if found.listing != self.expected.listing {
            return Err(format!("{name} lists {}", found.listing));
        }
        let names = |tree: &Tree| tree.keys().cloned().collect::<Vec<_>>();
        if names(&found.tree) != names(&self.expected.tree) {
            return Err(format!("{name} exports {:?}", names(&found.tree)));
        }
        let differs = found
            .tree
            .iter()
            .find(|(path, file)| self.expected.tree[*path] != **file);
        differs.map_or(Ok(()), |(path, _)| {
            Err(format!("{name} exports another {path}"))
        })
    }
}

/// A copy of an archive, alone in a folder.
struct Copy {
    scratch: Scratch,
    path: PathBuf,
}

impl Copy {
    fn of(file: &Path) -> Self {
        let scratch = Scratch::new();
        let path = scratch.fresh();
        std::fs::copy(file, &path).unwrap();
        Self { scratch, path }
    }
}

fn reading(copy: &Copy) -> Result<Shown, String> {
    show(&copy.path, true)
}

fn writing(copy: &Copy) -> Result<Shown, String> {
    show(&copy.path, false)
}

/// Closing folds what the journal holds; the second time all of it comes from the tables.
fn writing_twice(copy: &Copy) -> Result<Shown, String> {
    show(&copy.path, false)?;
    show(&copy.path, false)
}

fn show(path: &Path, read_only: bool) -> Result<Shown, String> {
    let options = Archive::options().create(false).read_only(read_only);
    let shown = options.open(path).and_then(|archive| {
        let report = archive.check(None)?;
        let shown = (report.problems, tree_of(&archive)?, listing_of(&archive)?);
        archive.close()?;
        Ok(shown)
    });
    let (problems, tree, listing) = shown.map_err(|err| err.to_string())?;
    if problems.is_empty() {
        return Ok(Shown { tree, listing });
    }
    Err(format!("{}: {problems:?}", path.display()))
}

fn tree_of(archive: &Archive) -> Result<Tree, StoreError> {
    let out = Scratch::new();
    let report = Export::new(archive).run(out.path(), None)?;
    assert_eq!(report.failed(), 0);
    // Metadata and names are in the listing.
    for file in report.session_files {
        std::fs::remove_file(file.path)?;
    }
    Ok(tree(out.path()))
}

fn listing_of(archive: &Archive) -> Result<Value, StoreError> {
    let mut sessions = Vec::new();
    for session in archive.sessions()? {
        let session = session?;
        sessions.push(json!({
            "session": session,
            "segments": archive.segments(session.id)?.collect::<Result<Vec<_>, _>>()?,
            "metadata": archive.metadata(session.id)?,
        }));
    }
    let mut names = Vec::new();
    for name in archive.names()? {
        names.push(archive.read_name_as::<serde_json::Value>(&name)?);
    }
    Ok(json!({"sessions": sessions, "names": names}))
}

/// The files below a folder; none if it is not there.
fn tree(folder: &Path) -> Tree {
    let mut found = Tree::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.strip_prefix(folder).unwrap().to_string_lossy();
            found.insert(name.replace('\\', "/"), std::fs::read(&path).unwrap());
        }
    }
    found
}

/// The same file with another version in its superblock is refused, and left as it was.
fn refused(golden: &Golden, version: u32, read_only: bool) -> Result<(), String> {
    let copy = golden.copy();
    let mut file = std::fs::read(&copy.path).unwrap();
    file[16..20].copy_from_slice(&version.to_le_bytes());
    let checksum = xxh3_64(&file[..4088]);
    file[4088..4096].copy_from_slice(&checksum.to_le_bytes());
    std::fs::write(&copy.path, &file).unwrap();

    let place = format!(
        "{} as version {version}, read only: {read_only}",
        golden.name
    );
    let Err(error) = Archive::options().read_only(read_only).open(&copy.path) else {
        return Err(format!("{place}: opened"));
    };
    let expected = matches!(&error, StoreError::UnsupportedVersion { found, supported, .. }
        if (*found, *supported) == (version, current_version()));
    let message = error.to_string();
    let both = [version, current_version()].map(|number| format!("version {number}"));
    if !expected || both.iter().any(|number| !message.contains(number)) {
        return Err(format!("{place}: {message}"));
    }
    let alone = copy.scratch.names().len() == 1;
    if alone && std::fs::read(&copy.path).unwrap() == file {
        return Ok(());
    }
    Err(format!(
        "{place}: the file is not as it was, or something lies beside it"
    ))
}
