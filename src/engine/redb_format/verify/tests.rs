//! What is called damaged, and what only looks like it.

use std::io::{self, Seek, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use redb::StorageBackend;
use uuid::Uuid;

use super::*;
use crate::engine::file::superblock::{MIN_JOURNAL_BYTES, Superblock};
use crate::engine::model::entries::Entries;
use crate::engine::model::log_id::{LogId, LogKind};
use crate::engine::model::op::Op;
use crate::engine::open::create::Creation;
use crate::engine::open::handle::{Engine, EngineOptions};
use crate::engine::redb_format::page;
use crate::engine::redb_format::page::{TableRow, Widths};
use crate::engine::redb_format::verify::tree::roots_of;
use crate::error::StoreError;

#[derive(Debug, Clone)]
struct Memory(Arc<Mutex<Vec<u8>>>);

impl StorageBackend for Memory {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.lock().unwrap().len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let start = usize::try_from(offset).unwrap();
        let bytes = self.0.lock().unwrap();
        let part = bytes.get(start..start + out.len());
        out.copy_from_slice(part.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let len = usize::try_from(len).unwrap();
        self.0.lock().unwrap().resize(len, 0);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let start = usize::try_from(offset).unwrap();
        self.0.lock().unwrap()[start..start + data.len()].copy_from_slice(data);
        Ok(())
    }
}

const OPTIONS: EngineOptions = EngineOptions {
    read_only: false,
    shared: false,
    cache_bytes: 1 << 20,
    lock_timeout: Duration::ZERO,
    sync_interval: Duration::from_secs(60),
    background: false,
};

const LOG: LogId = LogId {
    session: Uuid::from_u128(1),
    segment: Uuid::from_u128(2),
    kind: LogKind::Entries,
};

fn append(engine: &Engine, text: &str) -> Result<(), StoreError> {
    append_to(engine, LOG, text)
}

fn open(bytes: &[u8], read_only: bool) -> (Memory, Result<Engine, StoreError>) {
    let storage = Memory(Arc::new(Mutex::new(bytes.to_vec())));
    let options = EngineOptions {
        read_only,
        ..OPTIONS
    };
    let engine = Engine::over(Arc::new(storage.clone()), Path::new("a.sessiondb"), options);
    (storage, engine)
}

fn entries(engine: Engine) -> Result<u64, StoreError> {
    let extent = Arc::new(engine)
        .view()?
        .read(|layers| layers.extent(&LOG))?;
    Ok(extent.map_or(0, |extent| extent.entries))
}

/// The bytes of an archive that was closed after each of two appends, and where its image begins.
fn closed_twice() -> (Vec<u8>, usize) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.sessiondb");
    crate::engine::open::create::create(&path, &Superblock::new(MIN_JOURNAL_BYTES)).unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    for text in ["one", "two"] {
        let (storage, engine) = open(&bytes, false);
        let engine = engine.unwrap();
        append(&engine, text).unwrap();
        engine.close().unwrap();
        bytes = storage.0.lock().unwrap().clone();
    }
    let image = usize::try_from(Superblock::new(MIN_JOURNAL_BYTES).image_offset()).unwrap();
    (bytes, image)
}

const FLAGS: usize = 9;
const SECOND_IS_PRIMARY: u8 = 1;
const RECOVERY_REQUIRED: u8 = 2;
const PRIMARY_UNFLUSHED: u8 = 8;

/// A commit by a redb that lays its pages out in another way: none of them is judged, and nothing is
/// written.
#[test]
fn pages_of_another_format_of_redb_are_refused_untouched() {
    const SLOTS: [usize; 2] = [64, 192];
    let (mut bytes, image) = closed_twice();
    for slot in SLOTS {
        let slot = bytes.get_mut(image + slot..image + slot + 128).unwrap();
        slot[0] = page::FORMAT + 1;
        let checksum = xxhash_rust::xxh3::xxh3_128(&slot[..112]);
        slot[112..].copy_from_slice(&checksum.to_le_bytes());
    }
    for read_only in [false, true] {
        let (storage, engine) = open(&bytes, read_only);
        let err = engine.map(drop).unwrap_err().to_string();
        let named = format!("redb's format {}", page::FORMAT + 1);
        assert!(err.contains(&named) && err.contains("a.sessiondb"), "{err}");
        assert!(*storage.0.lock().unwrap() == bytes, "it was written to");
    }
}

#[test]
fn a_closed_archive_that_shows_another_commit_than_its_last_is_damaged() {
    let (bytes, image) = closed_twice();
    for flag in [SECOND_IS_PRIMARY, PRIMARY_UNFLUSHED] {
        for read_only in [true, false] {
            let mut damaged = bytes.clone();
            damaged[image + FLAGS] ^= flag;
            let err = open(&damaged, read_only).1.unwrap_err();
            assert!(
                matches!(&err, StoreError::Damaged { place, .. } if place.starts_with("header")),
                "{err:?}"
            );
            assert!(err.to_string().contains("last commit"), "{err}");
        }
    }
}

/// Power fails between the two writes of a commit, and what it had written is given up: from then
/// on the earlier commit counts, also once the archive has been closed without another commit.
#[test]
fn a_commit_that_was_given_up_is_no_damage() {
    let (mut bytes, image) = closed_twice();
    let header = Header::parse(&bytes[image..]).unwrap();
    assert!(header.unpublished().transaction < header.published().transaction);
    bytes[image + FLAGS] ^= SECOND_IS_PRIMARY | RECOVERY_REQUIRED;
    // The journal of the last epoch is gone as well, or it would be folded anew.
    bytes[8192..image].fill(0);
    assert!(
        Header::parse(&bytes[image..])
            .unwrap()
            .unpublished_is_newer()
    );
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.sessiondb");
    for shared in [false, true] {
        std::fs::write(&path, &bytes).unwrap();
        let open = |read_only| {
            let options = EngineOptions {
                read_only,
                shared,
                ..OPTIONS
            };
            Engine::open(&path, options).unwrap()
        };
        let before = entries(open(true)).unwrap();
        open(false).close().unwrap();
        let closed = std::fs::read(&path).unwrap();
        let header = Header::parse(&closed[image..]).unwrap();
        assert!(!header.recovery_required && !header.unpublished_is_newer());
        assert_eq!(entries(open(true)).unwrap(), before);
        let engine = open(false);
        append(&engine, "two again").unwrap();
        engine.close().unwrap();
        assert_eq!(entries(open(true)).unwrap(), before + 1);
    }
}

/// The same where redb makes no commit of its own: closing makes a later commit that does not
/// count look like none.
#[test]
fn closing_makes_a_commit_that_was_given_up_unsound() {
    let (mut bytes, image) = closed_twice();
    bytes[image + FLAGS] ^= SECOND_IS_PRIMARY;
    let written = Mutex::new(Vec::new());
    let write = |header: &[u8]| {
        *written.lock().unwrap() = header.to_vec();
        Ok(())
    };
    let header = &mut bytes[image..image + HEADER_LEN];
    Watch::new(0).write(HEADER, header, write).unwrap();
    let closed = Header::parse(&written.lock().unwrap()).unwrap();
    assert!(closed.published().sound && !closed.unpublished().sound);
    assert_eq!(sound(&closed), Ok(()));

    // While a commit is under way, it stays as it is.
    header[FLAGS] |= RECOVERY_REQUIRED;
    Watch::new(0).write(HEADER, header, write).unwrap();
    assert_eq!(*written.lock().unwrap(), *header);
}

/// What was learned of a page is out of date when another process has used the page again.
#[test]
fn a_page_that_another_process_has_used_again_is_no_damage() {
    let watch = Watch::new(0);
    let (bytes, image) = closed_twice();
    let read = |offset: u64, out: &mut [u8]| {
        let start = image + usize::try_from(offset).unwrap();
        out.copy_from_slice(&bytes[start..start + out.len()]);
        Ok(())
    };
    watch.read(HEADER, &mut [0; HEADER_LEN], &read).unwrap();
    let header = Header::parse(&bytes[image..]).unwrap();
    let (offset, claim) = roots_of(header.published())[0];
    let mut page = vec![0; usize::try_from(claim.len).unwrap()];
    watch.read(offset, &mut page, &read).unwrap();
    // The claim is an older one, so no page above says any more what it says.
    let older = Claim {
        checksum: claim.checksum ^ 1,
        ..claim
    };
    watch.pages().learn([(offset, older)]);
    watch.read(offset, &mut page, &read).unwrap();
    assert_eq!(watch.first(), None);
    let known = watch.pages().get(offset, page.len());
    assert_eq!(known, Some(Known::Claimed(claim)));

    // With the page itself changed under a claim that the header confirms, it is.
    watch.read(HEADER, &mut [0; HEADER_LEN], &read).unwrap();
    let damaged = |at: u64, out: &mut [u8]| {
        read(at, out).inspect(|()| {
            if at == offset {
                out[2] ^= 1;
            }
        })
    };
    let err = watch.read(offset, &mut page, &damaged).unwrap_err();
    assert_eq!(err.kind(), io::ErrorKind::InvalidData);
    assert!(
        err.to_string().contains(&format!("page at byte {offset}")),
        "{err}"
    );
    assert!(watch.first().is_some());
}

/// Where in the file the root of a table is, which is a leaf here.
fn root_of(bytes: &[u8], image: usize, table: &str) -> std::ops::Range<usize> {
    let range = |root: page::Root| {
        let range = Geometry::OF_NEW_IMAGES.range(root.link.page).unwrap();
        let within = |offset: u64| image + usize::try_from(offset).unwrap();
        within(range.start)..within(range.end)
    };
    let header = Header::parse(&bytes[image..]).unwrap();
    let tables = &bytes[range(header.published().tables.unwrap())];
    let Ok(Node::Leaf(leaf)) = Node::parse(tables, Widths::OF_TABLES) else {
        panic!("the tree of tables has a branch")
    };
    let mut rows = leaf.rows();
    let (_, row) = rows.find(|(name, _)| *name == table.as_bytes()).unwrap();
    range(TableRow::parse(row).unwrap().root.unwrap())
}

/// A handle that met a page that redb could not use names that page ever after, and takes no
/// writes.
#[test]
#[cfg_attr(debug_assertions, ignore = "redb then visits every page when it opens")]
fn later_errors_name_the_first_damage() {
    let (mut bytes, image) = closed_twice();
    let page = root_of(&bytes, image, "heads");
    bytes[page.start] = 7;
    let engine = Arc::new(open(&bytes, false).1.unwrap());
    let place = format!("heads, page at byte {}", page.start);
    for _ in 0..2 {
        let view = engine.view().unwrap();
        let err = view.read(|layers| layers.extent(&LOG)).unwrap_err();
        assert!(
            matches!(&err, StoreError::Damaged { place: named, .. } if *named == place),
            "{err:?}"
        );
    }
    let err = append(&engine, "three").unwrap_err();
    assert!(matches!(err, StoreError::Poisoned { .. }), "{err:?}");
    assert!(err.to_string().contains(&place), "{err}");
}

/// One flipped bit of a head: the rows beside it are still believed, and nothing is taken for
/// absent, nor is the page written again with a checksum that matches.
#[test]
fn in_a_damaged_table_nothing_is_absent_and_nothing_is_folded_into_it() {
    let (mut bytes, image) = closed_twice();
    let page = root_of(&bytes, image, "heads");
    let Ok(Node::Leaf(leaf)) = Node::parse(
        &bytes[page.clone()],
        Widths {
            key: Some(32),
            value: None,
        },
    ) else {
        panic!("the table of heads has a branch")
    };
    let head = leaf.rows().next().unwrap().1.to_vec();
    let at = bytes
        .windows(head.len())
        .rposition(|part| part == head)
        .unwrap();
    assert!(page.contains(&at));
    bytes[at + 20] ^= 4;
    let (storage, engine) = open(&bytes, false);
    let engine = Arc::new(engine.unwrap());
    let view = engine.view().unwrap();
    let place = |log: LogId| {
        let err = view.read(|layers| layers.extent(&log)).unwrap_err();
        let StoreError::Damaged { place, .. } = err else {
            panic!("{err:?}")
        };
        place
    };
    assert!(place(LOG).contains("head"), "{}", place(LOG));
    let absent = LogId {
        segment: Uuid::from_u128(9),
        ..LOG
    };
    let named = format!("heads, page at byte {}", page.start);
    assert_eq!(place(absent), named);
    let err = view.read(|layers| layers.heads(LOG.session)).unwrap_err();
    assert!(matches!(err, StoreError::Damaged { .. }), "{err:?}");
    let listed = view.read(crate::engine::Layers::names).unwrap();
    assert_eq!(listed, [""; 0]);

    drop(view);
    let err = append(&engine, "three").unwrap_err();
    assert!(matches!(err, StoreError::Damaged { .. }), "{err:?}");
    let engine = Arc::into_inner(engine).unwrap();
    let name = Op::SetName {
        name: "worker".to_owned(),
        json: b"{}".to_vec(),
    };
    engine.write(true, [name]).unwrap();
    engine.checkpoint().unwrap();
    drop(engine);
    let kept = storage.0.lock().unwrap();
    assert_eq!(kept[page.clone()], bytes[page]);
}

/// The bytes of a closed archive whose tables have branches, and where its image begins.
fn with_branches(logs: u128) -> (Vec<u8>, usize) {
    let (bytes, image) = closed_twice();
    let (storage, engine) = open(&bytes, false);
    let engine = engine.unwrap();
    for number in 0..logs {
        append_to(&engine, log_numbered(number), "first").unwrap();
    }
    engine.close().unwrap();
    let bytes = storage.0.lock().unwrap().clone();
    (bytes, image)
}

fn log_numbered(number: u128) -> LogId {
    LogId {
        segment: Uuid::from_u128(1_000 + number),
        ..LOG
    }
}

fn append_to(engine: &Engine, log: LogId, text: &str) -> Result<(), StoreError> {
    let mut entries = Entries::default();
    entries.push(format!("\"{text}\"").as_bytes());
    let append = Op::Append {
        log,
        expected: None,
        entries,
        origin: None,
        at_ms: 1,
    };
    engine.write(true, [append]).map(drop)
}

/// Where in the file the live leaf of a table is that has the key, and where in it the key.
fn leaf_with(bytes: &[u8], image: usize, table: &str, key: &[u8]) -> (usize, usize) {
    let widths = Widths {
        key: Some(key.len()),
        value: None,
    };
    let mut pages = vec![root_of(bytes, image, table)];
    while let Some(page) = pages.pop() {
        match Node::parse(&bytes[page.clone()], widths).unwrap() {
            Node::Branch(branch) => pages.extend(branch.links().map(|link| {
                let range = Geometry::OF_NEW_IMAGES.range(link.page).unwrap();
                image + usize::try_from(range.start).unwrap()
                    ..image + usize::try_from(range.end).unwrap()
            })),
            Node::Leaf(leaf) if leaf.rows().any(|(found, _)| found == key) => {
                let within = bytes[page.clone()]
                    .windows(key.len())
                    .position(|part| part == key);
                return (page.start, page.start + within.unwrap());
            }
            Node::Leaf(_) => {}
        }
    }
    panic!("no leaf of {table} has the key")
}

fn head_key(log: &LogId) -> Vec<u8> {
    [*log.session.as_bytes(), *log.segment.as_bytes()].concat()
}

/// After a commit the pages above a damaged one are in redb's cache, and the header leads to them
/// by other links than those that were read when the archive was opened.
#[test]
#[cfg_attr(debug_assertions, ignore = "redb then visits every page when it opens")]
fn a_damaged_page_is_damaged_after_later_commits_too() {
    let (bytes, image) = with_branches(120);
    let damaged = log_numbered(3);
    let (page, key) = leaf_with(&bytes, image, "heads", &head_key(&damaged));
    // In the key of the damaged segment, and in the first one of the page, by which it is sought.
    for (byte, commits, forgotten) in [(key, 1, false), (key, 3, true), (page + 5, 2, true)] {
        let mut bytes = bytes.clone();
        bytes[byte + 31] ^= 1;
        let (_, engine) = open(&bytes, false);
        let engine = Arc::new(engine.unwrap());
        for _ in 0..commits {
            // Its head is in another leaf.
            append_to(&engine, log_numbered(119), "else").unwrap();
            engine.checkpoint().unwrap();
        }
        if forgotten {
            engine.core.sources.file.watch().pages().forget();
        }
        let view = engine.view().unwrap();
        let place = match view.read(|layers| layers.extent(&damaged)) {
            Err(StoreError::Damaged { place, .. }) => place,
            // The key of another row of its page changed.
            Ok(Some(_)) if byte != key => format!("heads, page at byte {page}"),
            found => panic!("after {commits} commits: {found:?}"),
        };
        assert_eq!(place, format!("heads, page at byte {page}"));
        let suspects = engine.core.sources.file.watch().suspects().clone();
        assert_eq!(suspects.len(), 1, "{suspects:?}");
        drop(view);
        if byte == key {
            let err = append_to(&engine, damaged, "anew").unwrap_err();
            assert!(matches!(err, StoreError::Damaged { .. }), "{err:?}");
        }
    }
}

/// A page that nobody says anything of is looked for, and not believed if it is not found.
#[test]
fn of_a_forgotten_page_the_header_still_says_what_it_must_be() {
    let (bytes, image) = with_branches(120);
    let read = |offset: u64, out: &mut [u8]| {
        let start = image + usize::try_from(offset).unwrap();
        out.copy_from_slice(&bytes[start..start + out.len()]);
        Ok(())
    };
    let watch = Watch::new(0);
    watch.read(HEADER, &mut [0; HEADER_LEN], &read).unwrap();
    for table in ["heads", "runs", "segment_index", "sessions", "meta"] {
        let page = root_of(&bytes, image, table);
        let mut out = vec![0; page.len()];
        watch.pages().forget();
        let offset = (page.start - image) as u64;
        watch.read(offset, &mut out, &read).unwrap();
        assert_eq!(out, bytes[page]);
    }
    assert_eq!(watch.first(), None);
    let (free, _) = leaf_with(&bytes, image, "heads", &head_key(&log_numbered(3)));
    let free = (free - image) as u64;
    let mut out = vec![0; 4096];
    watch.read(free, &mut out, &read).unwrap();
    // There is no page of this length, and none there after the last one.
    assert!(watch.read(free, &mut vec![0; 8192], &read).is_err());
    let pages = (1..(bytes.len() - image) / 4096).rev();
    let mut free = pages.map(|page| watch.read(page as u64 * 4096, &mut [0; 4096], &read));
    let err = free.find_map(Result::err).unwrap();
    assert!(err.to_string().contains("no page above it"), "{err}");
}

/// What redb has written and no commit leads to yet is what it was when it was written.
#[test]
fn a_page_that_redb_wrote_is_verified_before_a_commit_leads_to_it() {
    let watch = Watch::new(0);
    let page = Mutex::new(vec![0; 4096]);
    let write = |bytes: &[u8]| {
        page.lock().unwrap().copy_from_slice(bytes);
        Ok(())
    };
    let read = |_: u64, out: &mut [u8]| {
        out.copy_from_slice(&page.lock().unwrap());
        Ok(())
    };
    watch.write(8192, &[7; 4096], write).unwrap();
    watch.pages().forget();
    watch.read(8192, &mut [0; 4096], &read).unwrap();
    page.lock().unwrap()[100] = 8;
    watch.read(8192, &mut [0; 4096], &read).unwrap_err();
    assert!(watch.first().is_some());
}

/// A header that goes back to an earlier commit while the archive is open.
#[test]
fn a_header_that_shows_an_earlier_commit_than_before_is_damaged() {
    let (bytes, image) = closed_twice();
    let mut header = bytes[image..image + HEADER_LEN].to_vec();
    header[FLAGS] |= RECOVERY_REQUIRED;
    let watch = Watch::new(0);
    let read = |header: &[u8]| {
        let read = |_: u64, out: &mut [u8]| {
            out.copy_from_slice(header);
            Ok(())
        };
        watch.read(HEADER, &mut [0; HEADER_LEN], &read)
    };
    read(&header).unwrap();
    header[FLAGS] ^= SECOND_IS_PRIMARY;
    let err = read(&header).unwrap_err();
    assert!(err.to_string().contains("earlier commit"), "{err}");
}

/// A reader of an older commit, whose pages the header no longer leads to.
#[test]
fn a_reader_of_an_older_commit_sees_no_damage() {
    let (bytes, _) = with_branches(120);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shared.sessiondb");
    std::fs::write(&path, &bytes).unwrap();
    let options = EngineOptions {
        shared: true,
        cache_bytes: 16 << 10,
        lock_timeout: Duration::from_secs(20),
        ..OPTIONS
    };
    let [reader, writer] = [0, 1].map(|_| Arc::new(Engine::open(&path, options).unwrap()));
    for here in [&reader, &writer] {
        let before = here.view().unwrap();
        let heads = |view: &crate::engine::open::view::View| {
            here.core.sources.file.watch().pages().forget();
            let heads = view.read(|layers| layers.heads(LOG.session)).unwrap();
            heads.iter().map(|(_, head)| head.log.entries).sum::<u64>()
        };
        let entries = heads(&before);
        for round in 1..6 {
            for number in 0..120 {
                append_to(&writer, log_numbered(number), "more").unwrap();
            }
            writer.checkpoint().unwrap();
            assert_eq!(heads(&before), entries);
            // Others come and go meanwhile.
            assert_eq!(heads(&here.view().unwrap()), entries + 120 * round);
        }
        assert_eq!(here.core.sources.file.watch().first(), None);
        assert!(here.core.sources.file.watch().suspects().is_empty());
    }
}

/// A leaf of the heads, replaced by an earlier version of itself, as a write that never reached
/// the disk leaves it, while somebody reads an earlier commit and nothing is remembered.
#[test]
#[cfg_attr(debug_assertions, ignore = "redb then visits every page when it opens")]
fn a_page_replaced_by_an_earlier_version_of_itself_is_damaged() {
    const ROUNDS: usize = 8;
    let (bytes, image) = with_branches(120);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shared.sessiondb");
    let options = EngineOptions {
        shared: true,
        cache_bytes: 0,
        lock_timeout: Duration::from_secs(20),
        ..OPTIONS
    };
    let mut refused = 0;
    for trial in 0..5 * ROUNDS * 2 {
        let (leaf, round, who) = (trial / ROUNDS / 2, trial / 2 % ROUNDS, trial % 2);
        std::fs::write(&path, &bytes).unwrap();
        let engines = [0, 1].map(|_| Arc::new(Engine::open(&path, options).unwrap()));
        let mut versions = Vec::new();
        let mut kept = None;
        for round in 0..ROUNDS {
            for number in 0..60 {
                let log = log_numbered(((round * 37 + number) % 120) as u128);
                append_to(&engines[0], log, "more").unwrap();
            }
            engines[0].checkpoint().unwrap();
            if round == ROUNDS / 2 {
                kept = Some(engines[who].view().unwrap());
            }
            versions.push(std::fs::read(&path).unwrap());
        }
        let newest = &versions[ROUNDS - 1];
        let leaves: std::collections::BTreeSet<usize> = (0..120)
            .map(|number| leaf_with(newest, image, "heads", &head_key(&log_numbered(number))).0)
            .collect();
        let Some(leaf) = leaves.into_iter().nth(leaf) else {
            continue;
        };
        let Some(earlier) = versions[round].get(leaf..leaf + 4096) else {
            continue;
        };
        let is_newest = *earlier == newest[leaf..leaf + 4096];
        let mut file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
        file.seek(io::SeekFrom::Start(leaf as u64)).unwrap();
        file.write_all(earlier).unwrap();
        let engine = &engines[who];
        engine.core.sources.file.watch().pages().forget();
        let heads = engine
            .view()
            .and_then(|view| view.read(|layers| layers.heads(LOG.session)));
        match heads {
            Ok(heads) => {
                let entries = heads.iter().map(|(_, head)| head.log.entries);
                let entries = entries.sum::<u64>();
                assert_eq!(
                    entries,
                    122 + 60 * ROUNDS as u64,
                    "round {round}, byte {leaf}"
                );
            }
            Err(err) => {
                let is_damage = matches!(err, StoreError::Damaged { .. });
                assert!(!is_newest && is_damage, "{err}");
                refused += 1;
            }
        }
        drop(kept);
    }
    assert!(refused >= 20, "{refused} reads met an earlier version");
}

/// Several engines on one file, each with a small cache, so that pages are used again by others
/// all the time: nothing is called damaged.
#[test]
fn engines_that_use_each_other_s_pages_again_see_no_damage() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shared.sessiondb");
    crate::engine::open::create::create(&path, &Superblock::new(MIN_JOURNAL_BYTES)).unwrap();
    let options = EngineOptions {
        shared: true,
        cache_bytes: 64 << 10,
        lock_timeout: Duration::from_secs(20),
        ..OPTIONS
    };
    std::thread::scope(|scope| {
        // One of them remembers few pages.
        for (writer, limit) in [(0_u128, 1 << 18), (1, 1 << 18), (2, 20)] {
            let path = &path;
            scope.spawn(move || {
                // Not by the registry, which would give all of them the same one.
                let engine = Arc::new(Engine::open(path, options).unwrap());
                engine.core.sources.file.watch().pages().set_limit(limit);
                for round in 0_u64..150 {
                    let mut entries = Entries::default();
                    entries.push(format!("\"{}\"", "x".repeat(3_000)).as_bytes());
                    let log = LogId {
                        segment: Uuid::from_u128(writer * 1000 + u128::from(round % 40)),
                        ..LOG
                    };
                    let change = if round % 5 == 4 {
                        Op::DeleteLog { log }
                    } else {
                        Op::Append {
                            log,
                            expected: None,
                            entries,
                            origin: None,
                            at_ms: 1,
                        }
                    };
                    engine.write(false, [change]).unwrap();
                    let view = engine.view().unwrap();
                    for (_, head) in view.read(|layers| layers.heads(LOG.session)).unwrap() {
                        assert!(head.log.bytes > 0);
                    }
                    if let Some(extent) = view.read(|layers| layers.extent(&log)).unwrap() {
                        let last = extent.entries - 1;
                        view.read(|layers| layers.part_holding(&log, last, &(0..last + 1)))
                            .unwrap();
                    }
                }
                assert_eq!(engine.core.sources.file.watch().first(), None);
                assert!(engine.core.sources.file.watch().suspects().is_empty());
            });
        }
    });
    assert!(crate::engine::open(&path, Creation::Never, options).is_ok());
}
