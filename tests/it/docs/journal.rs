//! The journal as `docs/format.md` describes it: frames and ops are found by the page alone.

use std::fs;

use redb::TableDefinition;
use serde_json::json;
use sessiondb::Archive;
use uuid::Uuid;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::{
    Image, Layout, PARENT, SEGMENT, SESSION, code, first_entry, rows, text, unseal, write_name,
};
use crate::raw::{raw, raws};
use crate::scratch::Scratch;

#[test]
fn frames_and_ops_are_as_the_page_says() {
    let scratch = Scratch::new();
    let path = scratch.fresh();
    let archive = Archive::open(&path).unwrap();
    change_in_each_way(&archive);
    let mut found = ops(&fs::read(&path).unwrap());
    // The times of these two are those of the calls.
    let branch = found.pop().unwrap();
    let at_ms = found[4].3.remove(1);
    assert_eq!(at_ms.0, "at_ms");
    assert_eq!(found, expected_ops());
    let ids = [("session", SESSION), ("from", SEGMENT), ("to", PARENT)];
    let mut fields = ids
        .map(|(name, id)| (name, id.as_bytes().to_vec()))
        .to_vec();
    fields.push(("len", number(2)));
    assert_eq!((branch.0, branch.1, branch.2), (1, 8, 9));
    assert_eq!(branch.3[..4], fields);
    assert_eq!(branch.3[5], ("origin", none()));

    // The frames are in the tables now, and the next epoch's follow them.
    archive.checkpoint().unwrap();
    archive.delete_session(SESSION).unwrap();
    let folded = fs::read(&path).unwrap();
    assert_eq!(ops(&folded), [(2, 9, 5, vec![session()])]);
    archive.close().unwrap();
    assert_eq!(ops(&fs::read(&path).unwrap()), []);
}

/// One change of each kind, so that each op is in the journal.
fn change_in_each_way(archive: &Archive) {
    let log = archive.log(SESSION, SEGMENT).with_timestamp(1000);
    log.append(&raw(first_entry().as_bytes())).unwrap();
    log.append_many(raws([r#"{"n":2}"#, r#"{"n":3}"#])).unwrap();
    log.truncate(2).unwrap();
    let traces = archive.trace(SESSION, PARENT).with_timestamp(2000);
    traces.replace(raws([""; 0])).unwrap();
    let metadata = json!({"title": "sample"});
    archive
        .set_metadata(SESSION, metadata.as_object().unwrap())
        .unwrap();
    write_name(archive);
    archive.delete_name("builder").unwrap();
    archive.delete_segment(SESSION, PARENT).unwrap();
    archive.log(SESSION, SEGMENT).branch(2, PARENT).unwrap();
}

/// An op in the journal: epoch and number of its frame, its tag and its fields.
type FoundOp = (u64, u64, u64, Fields);

/// The ops of these changes but for the last, the branch.
fn expected_ops() -> [FoundOp; 9] {
    let write = |log, at_ms, origin, count, entries: &str| -> Fields {
        vec![
            ("log", log),
            ("at_ms", number(at_ms)),
            ("origin", origin),
            ("count", number(count)),
            ("entries", entries.as_bytes().to_vec()),
        ]
    };
    let (first, name) = (log_id(1, SEGMENT), || ("name", b"builder".to_vec()));
    let origin = [&[1][..], PARENT.as_bytes(), &number(3)].concat();
    let (title, record) = (br#"{"title":"sample"}"#, br#"{"worker_name":"builder"}"#);
    let lines = "{\"n\":2}\n{\"n\":3}";
    let cut = vec![
        ("log", first.clone()),
        ("len", number(2)),
        ("at_ms", number(1000)),
    ];
    [
        (
            1,
            0,
            1,
            write(first.clone(), 1000, origin, 1, &first_entry()),
        ),
        (1, 1, 1, write(first, 1000, none(), 2, lines)),
        (1, 2, 3, cut),
        (1, 3, 2, write(log_id(2, PARENT), 2000, none(), 0, "")),
        (1, 4, 11, vec![session(), ("json", title.to_vec())]),
        (1, 5, 7, vec![name(), ("json", record.to_vec())]),
        (1, 6, 8, vec![name()]),
        (1, 7, 4, vec![("log", log_id(1, PARENT))]),
        (1, 7, 4, vec![("log", log_id(2, PARENT))]),
    ]
}

fn log_id(kind: u8, segment: Uuid) -> Vec<u8> {
    let ids = [*SESSION.as_bytes(), *segment.as_bytes()].concat();
    [&[kind][..], &ids].concat()
}

fn number(number: u64) -> Vec<u8> {
    number.to_le_bytes().to_vec()
}

fn none() -> Vec<u8> {
    vec![0]
}

fn session() -> (&'static str, Vec<u8>) {
    ("session", SESSION.as_bytes().to_vec())
}

/// What the page says of damage: a bit that flips in the journal ends it there.
#[test]
fn a_flipped_bit_cuts_the_journal_of_an_archive_that_was_not_closed() {
    let scratch = Scratch::new();
    let path = scratch.fresh();
    let archive = Archive::open(&path).unwrap();
    let log = archive.log(SESSION, SEGMENT);
    for entry in ["1", "2", "3"] {
        log.append(&raw(entry.as_bytes())).unwrap();
    }
    let mut copy = fs::read(&path).unwrap();
    let frames = frames(&copy);
    copy[frames[1].0 + 40] ^= 1;
    let damaged = scratch.fresh();
    fs::write(&damaged, copy).unwrap();
    let found = Archive::open(&damaged).unwrap().log(SESSION, SEGMENT);
    assert_eq!((found.len().unwrap(), log.len().unwrap()), (1, 3));
}

/// The fields of an op, by the names that the page has for them.
type Fields = Vec<(&'static str, Vec<u8>)>;

/// The ops in the journal of an archive.
fn ops(file: &[u8]) -> Vec<FoundOp> {
    let page = text("docs/format.md");
    let layout = Layout::of(&page, "### Frame");
    let mut ops = Vec::new();
    for (start, end) in frames(file) {
        let (header, mut rest) = file[start..end].split_at(layout.end);
        let number = |field| layout.number(header, field);
        while !rest.is_empty() {
            let (tag, fields) = op(&page, &mut rest);
            ops.push((number("epoch"), number("number"), tag, fields));
        }
    }
    ops
}

/// Where the frames that count begin and end.
fn frames(file: &[u8]) -> Vec<(usize, usize)> {
    let page = text("docs/format.md");
    let superblock = Layout::of(&page, "## Superblock");
    let meta: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
    let row = Image::of(file).get(meta, "absorbed");
    let row = unseal(&page, "meta", b"absorbed", &row);
    let absorbed = Layout::of(&page, "### Absorbed");
    let mut number = absorbed.number(&row, "frames");
    let mut chain = absorbed.number(&row, "chain");
    if number == 0 {
        let archive_id = superblock.bytes(file, "archive_id");
        assert_eq!(chain, xxh3_64(archive_id));
    }

    let half = usize::try_from(superblock.number(file, "journal_bytes") / 2).unwrap();
    let layout = Layout::of(&page, "### Frame");
    let mut found = Vec::new();
    for epoch in [1, 2].map(|next| absorbed.number(&row, "epoch") + next) {
        let mut start = 8192 + half * usize::from(epoch % 2 == 1);
        let end = start + half;
        while start + layout.end <= end {
            let header = &file[start..start + layout.end];
            let len = layout.number(header, "len");
            let fits = len <= (end - start - layout.end) as u64;
            let follows = layout.number(header, "epoch") == epoch
                && layout.number(header, "number") == number;
            if !fits || !follows {
                break;
            }
            let behind = start + layout.end + usize::try_from(len).unwrap();
            let checksum = xxh3_64_with_seed(&file[start + 8..behind], chain);
            if layout.number(header, "checksum") != checksum {
                break;
            }
            found.push((start, behind));
            (start, chain, number) = (behind, checksum, number + 1);
        }
    }
    found
}

/// Takes an op off the front.
fn op(page: &str, rest: &mut &[u8]) -> (u64, Fields) {
    let tag = take(rest, 1)[0].to_string();
    let [.., fields] = rows::<3>(page, "### Ops")
        .find(|[found, ..]| *found == tag)
        .expect("the tag is on the page");
    let names = fields.split('`').skip(1).step_by(2);
    let fields = names.map(|name| {
        // The second table under the heading.
        let section = &page[page.find("An op is its tag").unwrap()..];
        let [field, bytes, _] = rows::<3>(section, "then its fields:")
            .find(|[field, ..]| code(field) == name)
            .expect("the field is on the page");
        let len = match bytes.as_str() {
            "1 or 25" => 1 + 24 * usize::from(rest[0] != 0),
            "8 + n" => {
                let n = take(rest, 8).try_into().map(u64::from_le_bytes);
                usize::try_from(n.unwrap()).unwrap()
            }
            bytes => bytes.parse().unwrap(),
        };
        let name: &'static str = code(&field).to_owned().leak();
        (name, take(rest, len).to_vec())
    });
    let fields = fields.collect();
    (tag.parse().unwrap(), fields)
}

fn take<'r>(rest: &mut &'r [u8], len: usize) -> &'r [u8] {
    let (field, behind) = rest.split_at(len);
    *rest = behind;
    field
}
