//! The pages say what the code does: an archive, its tables and its journal, is read by
//! `docs/format.md` alone, and the commands of the README are those that `.ci/run` executes.

mod journal;
mod layers;
mod readme;
mod reliability;
mod runs;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use redb::backends::InMemoryBackend;
use redb::{ReadableDatabase, StorageBackend, TableDefinition};
use serde_json::json;
use sessiondb::entry::{WorkerName, WorkerRecord};
use sessiondb::{Archive, new_segment_id};
use uuid::Uuid;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use crate::raw::{raw, raws};
use crate::scratch::Scratch;

const SESSION: Uuid = Uuid::from_u128(0x5e55);
const SEGMENT: Uuid = Uuid::from_u128(0x5e60);
const PARENT: Uuid = Uuid::from_u128(0x5e61);

#[test]
fn the_numbers_on_the_page_are_those_of_the_sources() {
    let page = text("docs/format.md");
    let mut stated = BTreeMap::new();
    for [name, value, _] in rows::<3>(&page, "## Numbers") {
        stated.insert(code(&name).to_owned(), value.parse::<u64>().unwrap());
    }
    let mut found = BTreeMap::new();
    for source in [
        "engine/file/superblock.rs",
        "engine/file/locks.rs",
        "engine/journal/mod.rs",
        "engine/model/page_fit.rs",
        "engine/model/run_row.rs",
        "engine/model/shared_value.rs",
        "engine/tables/values.rs",
        "engine/model/cut.rs",
        "engine/tables/packing.rs",
        "engine/model/compress.rs",
        "archive/record.rs",
        "archive/entry.rs",
        "archive/names.rs",
    ] {
        let source = text(&format!("src/{source}"));
        for (name, value) in constants(&source, &found) {
            found.insert(name, value);
        }
    }
    for (name, value) in &stated {
        assert_eq!(found.get(name), Some(value), "{name}: source, page");
    }
    for name in [
        "FORMAT_VERSION",
        "JOURNAL_OFFSET",
        "FRAME_HEADER_BYTES",
        "HEADER_BYTES",
        "MAX_ENTRY_BYTES",
    ] {
        assert!(stated.contains_key(name), "{name} is not on the page");
    }
}

#[test]
fn a_superblock_is_as_the_page_says() {
    let (file, archive) = sample();
    let page = text("docs/format.md");
    let layout = Layout::of(&page, "## Superblock");
    assert_eq!(layout.end, 4096);
    let superblock = &file[..layout.end];
    assert_eq!(
        layout.bytes(superblock, "magic"),
        hex_of(&page, "## Superblock", "magic")
    );
    assert_eq!(
        layout.number(superblock, "format_version"),
        u64::from(archive.format_version)
    );
    assert_eq!(
        layout.bytes(superblock, "archive_id"),
        archive.archive_id.as_bytes()
    );
    assert!(layout.number(superblock, "created_ms") > 0);
    let journal_bytes = layout.number(superblock, "journal_bytes");
    assert_eq!(journal_bytes, 2 << 20);
    assert_eq!(
        layout.number(superblock, "image_offset"),
        8192 + journal_bytes
    );
    let features = u64::from(cfg!(feature = "zstd")) | 1 << 1 | 1 << 16 | 1 << 17;
    assert_eq!(layout.number(superblock, "features"), features);
    let zero = layout.bytes(superblock, "zero");
    assert!(zero.iter().all(|byte| *byte == 0));
    let checksum = xxh3_64(&superblock[..4088]);
    assert_eq!(layout.number(superblock, "checksum"), checksum);

    let notes = Layout::of(&page, "## Shared page");
    let notes_page = &file[4096..8192];
    assert_eq!(notes.end, notes_page.len());
    let signed = if cfg!(target_os = "linux") {
        std::process::id()
    } else {
        0
    };
    assert_eq!(notes.number(notes_page, "writer_pid"), u64::from(signed));
    assert_eq!(notes.number(notes_page, "flags"), 0);
    // Closing folded the first epoch.
    let generation = notes.number(notes_page, "generation");
    assert!(
        generation > 0 && generation.is_multiple_of(2),
        "{generation}"
    );
    assert_eq!(notes.number(notes_page, "epoch"), 2);
    assert_ne!(notes.number(notes_page, "writer"), 0);
    let zero = notes.bytes(notes_page, "zero");
    assert!(zero.iter().all(|byte| *byte == 0));
}

#[test]
fn heads_and_sessions_are_as_the_page_says() {
    let (file, _) = sample();
    let image = Image::of(&file);
    let page = text("docs/format.md");
    let segments: TableDefinition<'_, (Uuid, Uuid), &[u8]> = TableDefinition::new("heads");
    let key = [*SESSION.as_bytes(), *SEGMENT.as_bytes()].concat();
    let head = unseal(
        &page,
        "heads",
        &key,
        &image.get(segments, (SESSION, SEGMENT)),
    );
    let layout = Layout::of(&page, "### Head");
    let branch = archive_with_a_branch();
    let linked = unseal(&page, "heads", &branch.key, &branch.row);
    assert_eq!(layout.end, linked.len());
    assert_eq!(layout.bytes(&linked, "base_segment"), SEGMENT.as_bytes());
    assert_eq!(layout.number(&linked, "base_len"), 2);
    assert_eq!(layout.number(&linked, "branches"), 1);
    assert_eq!(layout.number(&linked, "log_entries"), 3);
    assert_eq!(layout.number(&linked, "log_bytes"), 1);
    // Without a base and branches the last three fields are left out.
    assert_eq!(head.len(), layout.end - 32);
    let log_bytes = first_entry().len() as u64 + 7;
    for (field, value) in [
        ("exists", 1),
        ("origin_kind", 1),
        ("created_ms", 1000),
        ("updated_ms", 2000),
        ("log_entries", 2),
        ("log_bytes", log_bytes),
        ("trace_entries", 1),
        ("trace_bytes", 7),
        ("origin_turn", 3),
    ] {
        assert_eq!(layout.number(&head, field), value, "{field}");
    }
    assert_eq!(layout.bytes(&head, "origin_segment"), PARENT.as_bytes());

    let sessions: TableDefinition<'_, Uuid, &[u8]> = TableDefinition::new("sessions");
    let row = unseal(
        &page,
        "sessions",
        SESSION.as_bytes(),
        &image.get(sessions, SESSION),
    );
    let layout = Layout::of(&page, "### Session");
    assert_eq!(layout.end, row.len());
    for (field, value) in [
        ("created_ms", 1000),
        ("updated_ms", 2000),
        ("heads", 1),
        ("segments", 1),
        ("entries", 2),
        ("entry_bytes", log_bytes),
        ("traces", 1),
        ("trace_bytes", 7),
    ] {
        assert_eq!(layout.number(&row, field), value, "{field}");
    }
}

struct HeadRow {
    key: Vec<u8>,
    row: Vec<u8>,
}

/// The head of a segment that shares two entries with another, has one of its own, and has a
/// branch itself.
fn archive_with_a_branch() -> HeadRow {
    let scratch = Scratch::new();
    let path = scratch.fresh();
    let archive = Archive::open(&path).unwrap();
    let log = archive.log(SESSION, SEGMENT);
    log.append_many(raws(["1", "2", "3"])).unwrap();
    let branch = new_segment_id();
    let shares = log.branch(2, branch).unwrap();
    shares.append(&raw(b"4")).unwrap();
    shares.branch(3, new_segment_id()).unwrap();
    drop((log, shares));
    archive.close().unwrap();
    let image = Image::of(&std::fs::read(&path).unwrap());
    let heads: TableDefinition<'_, (Uuid, Uuid), &[u8]> = TableDefinition::new("heads");
    HeadRow {
        key: [*SESSION.as_bytes(), *branch.as_bytes()].concat(),
        row: image.get(heads, (SESSION, branch)),
    }
}

#[test]
fn records_and_the_index_are_as_the_page_says() {
    let image = Image::of(&sample().0);
    let page = text("docs/format.md");
    let index: TableDefinition<'_, (Uuid, Uuid), &[u8]> = TableDefinition::new("segment_index");
    let key = [*SEGMENT.as_bytes(), *SESSION.as_bytes()].concat();
    let row = unseal(
        &page,
        "segment_index",
        &key,
        &image.get(index, (SEGMENT, SESSION)),
    );
    assert!(row.is_empty());

    let by_use: TableDefinition<'_, (u64, Uuid), &[u8]> = TableDefinition::new("sessions_by_use");
    let key = [&2000_u64.to_le_bytes()[..], SESSION.as_bytes()].concat();
    let row = image.get(by_use, (2000, SESSION));
    assert!(unseal(&page, "sessions_by_use", &key, &row).is_empty());

    let metadata: TableDefinition<'_, Uuid, &[u8]> = TableDefinition::new("metadata");
    let row = unseal(
        &page,
        "metadata",
        SESSION.as_bytes(),
        &image.get(metadata, SESSION),
    );
    assert_eq!(row, br#"{"title":"sample"}"#);

    let names: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("names");
    let row = unseal(&page, "names", b"builder", &image.get(names, "builder"));
    assert_eq!(row, br#"{"worker_name":"builder"}"#);

    let meta: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
    let row = unseal(&page, "meta", b"absorbed", &image.get(meta, "absorbed"));
    let layout = Layout::of(&page, "### Absorbed");
    assert_eq!(layout.end, row.len());
    assert_eq!(layout.number(&row, "epoch"), 1);
    assert_eq!(layout.number(&row, "frames"), 5);

    let tables: Vec<String> = rows::<4>(&page, "## Image")
        .map(|[name, ..]| code(&name).to_owned())
        .collect();
    assert_eq!(image.tables(), {
        let mut sorted = tables;
        sorted.sort();
        sorted
    });
}

fn text(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|err| panic!("{}: {err}", path.display()))
}

fn first_entry() -> String {
    let start = json!({
        "kind": "segment_start",
        "forked_from": {"segment_id": PARENT, "at_turn_index": 3},
    });
    start.to_string()
}

/// The bytes of an archive that has a row in each table, and what it says of itself.
fn sample() -> (Vec<u8>, sessiondb::archive::ArchiveStats) {
    let scratch = Scratch::new();
    let path = scratch.fresh();
    let archive = Archive::open(&path).unwrap();
    let log = archive.log(SESSION, SEGMENT).with_timestamp(1000);
    log.append(&raw(first_entry().as_bytes())).unwrap();
    log.append(&raw(br#"{"n":2}"#)).unwrap();
    let traces = archive.trace(SESSION, SEGMENT).with_timestamp(2000);
    traces.append(&raw(br#"{"t":1}"#)).unwrap();
    let metadata = json!({"title": "sample"});
    archive
        .set_metadata(SESSION, metadata.as_object().unwrap())
        .unwrap();
    write_name(&archive);
    let stats = archive.stats().unwrap();
    // The last handle to go closes the file.
    drop((log, traces));
    archive.close().unwrap();
    (fs::read(&path).unwrap(), stats)
}

fn write_name(archive: &Archive) {
    let name = WorkerRecord::new(WorkerName::new("builder").unwrap());
    archive.write_name("builder", &name).unwrap();
}

/// The database in an archive, opened without any of the crate's own code.
struct Image(redb::Database);

impl Image {
    fn of(file: &[u8]) -> Self {
        let superblock = Layout::of(&text("docs/format.md"), "## Superblock");
        let offset = superblock.number(file, "image_offset");
        let image = &file[usize::try_from(offset).unwrap()..];
        let backend = InMemoryBackend::new();
        backend.set_len(image.len() as u64).unwrap();
        backend.write(0, image).unwrap();
        let builder = redb::Builder::new();
        Self(builder.create_with_backend(backend).unwrap())
    }

    fn get<K: redb::Key>(
        &self,
        table: TableDefinition<'_, K, &'static [u8]>,
        key: K::SelfType<'_>,
    ) -> Vec<u8> {
        let txn = self.0.begin_read().unwrap();
        let row = txn.open_table(table).unwrap().get(key).unwrap();
        row.expect("the row is there").value().to_vec()
    }

    fn tables(&self) -> Vec<String> {
        use redb::TableHandle;
        let txn = self.0.begin_read().unwrap();
        let mut names: Vec<String> = txn
            .list_tables()
            .unwrap()
            .map(|table| table.name().to_owned())
            .collect();
        names.sort();
        names
    }
}

/// The content of a row behind its checksum, whose seed is made from the tag on the page.
fn unseal(page: &str, table: &str, key: &[u8], row: &[u8]) -> Vec<u8> {
    let tag = rows::<4>(page, "## Image")
        .find(|[name, ..]| code(name) == table)
        .map(|[_, tag, ..]| tag.parse().unwrap())
        .expect("the table is on the page");
    let (checksum, content) = row.split_first_chunk::<8>().unwrap();
    let seed = xxh3_64_with_seed(key, tag);
    assert_eq!(
        u64::from_le_bytes(*checksum),
        xxh3_64_with_seed(content, seed),
        "{table}"
    );
    content.to_vec()
}

/// A byte map of the page: where each field lies.
struct Layout {
    fields: BTreeMap<String, std::ops::Range<usize>>,
    end: usize,
}

impl Layout {
    fn of(page: &str, heading: &str) -> Self {
        let (mut fields, mut end) = (BTreeMap::new(), 0);
        for [offset, bytes, name, _] in rows::<4>(page, heading) {
            let offset: usize = offset.parse().unwrap();
            assert_eq!(
                offset, end,
                "{heading}: {name} does not follow the field before"
            );
            end += bytes.parse::<usize>().unwrap();
            fields.insert(code(&name).to_owned(), offset..end);
        }
        assert!(end > 0, "no byte map under {heading}");
        Self { fields, end }
    }

    fn bytes<'r>(&self, row: &'r [u8], field: &str) -> &'r [u8] {
        let range = self.fields.get(field).expect("the field is on the page");
        &row[range.clone()]
    }

    fn number(&self, row: &[u8], field: &str) -> u64 {
        let mut number = [0; 8];
        let bytes = self.bytes(row, field);
        number[..bytes.len()].copy_from_slice(bytes);
        u64::from_le_bytes(number)
    }
}

/// The cells of the first table under a line, without its first two lines.
fn rows<'p, const N: usize>(
    page: &'p str,
    heading: &str,
) -> impl Iterator<Item = [String; N]> + use<'p, N> {
    let start = page
        .find(&format!("{heading}\n"))
        .expect("the heading is on the page");
    page[start..]
        .lines()
        .skip_while(|line| !line.starts_with('|'))
        .take_while(|line| line.starts_with('|'))
        .skip(2)
        .map(|line| {
            let cells = line.trim_matches('|').splitn(N, '|');
            let cells: Vec<String> = cells.map(|cell| cell.trim().to_owned()).collect();
            cells.try_into().expect("a row with all its cells")
        })
}

/// What stands between the first pair of backticks.
fn code(cell: &str) -> &str {
    cell.split('`').nth(1).expect("a cell with code in it")
}

fn hex_of(page: &str, heading: &str, field: &str) -> Vec<u8> {
    let row = rows::<4>(page, heading).find(|[_, _, name, _]| code(name) == field);
    let [.., content] = row.expect("the field is on the page");
    code(&content)
        .split(' ')
        .map(|byte| u8::from_str_radix(byte, 16).unwrap())
        .collect()
}

/// The numeric constants of a source file: literals, shifts, and sums with constants before.
fn constants(source: &str, known: &BTreeMap<String, u64>) -> Vec<(String, u64)> {
    let mut found = known.clone();
    let mut constants = Vec::new();
    for line in source.lines() {
        let Some((_, rest)) = line.split_once("const ") else {
            continue;
        };
        let (Some((name, _)), Some((_, value))) = (rest.split_once(':'), rest.split_once(" = "))
        else {
            continue;
        };
        if let Some(value) = evaluate(value.trim_end_matches(';'), &found) {
            found.insert(name.to_owned(), value);
            constants.push((name.to_owned(), value));
        }
    }
    constants
}

fn evaluate(expression: &str, known: &BTreeMap<String, u64>) -> Option<u64> {
    if let Some((left, right)) = expression.split_once(" + ") {
        return Some(evaluate(left, known)? + evaluate(right, known)?);
    }
    if let Some((left, right)) = expression.split_once(" - ") {
        return Some(evaluate(left, known)? - evaluate(right, known)?);
    }
    if let Some((left, right)) = expression.split_once(" << ") {
        return Some(evaluate(left, known)? << evaluate(right, known)?);
    }
    let literal = expression.replace('_', "").parse().ok();
    literal.or_else(|| known.get(expression).copied())
}
