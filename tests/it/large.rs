//! Entries of many MiB: what goes in as a whole or from a reader comes out the same, as a whole or in pieces, whatever is
//! done with the archive, and nothing of it is left where it was refused.

use std::io::{Cursor, Read};
use std::path::Path;

use sessiondb::archive::Words;
use sessiondb::{
    Archive, Durability, Log, MAX_ENTRY_BYTES, RawJson, SegmentId, SessionId, StoreError,
};
use uuid::Uuid;

const SESSION: SessionId = Uuid::from_u128(3);
const SEGMENT: SegmentId = Uuid::from_u128(4);
const MIB: usize = 1 << 20;

/// The strings of an entry: how many, how long each, and of how many they are drawn.
#[derive(Clone, Copy, Debug)]
struct Shape {
    strings: usize,
    len: usize,
    of: u64,
}

/// One that does not compress, many short ones, some that are pieces by themselves, and pieces of a string.
const SHAPES: [Shape; 5] = [
    Shape {
        strings: 1,
        len: 9 * MIB,
        of: 1,
    },
    Shape {
        strings: 9_000,
        len: 700,
        of: 2_000,
    },
    Shape {
        strings: 9,
        len: 600 << 10,
        of: 4,
    },
    Shape {
        strings: 3,
        len: 4 * MIB,
        of: 2,
    },
    Shape {
        strings: 40,
        len: 300 << 10,
        of: 9,
    },
];

fn entry(shape: Shape, number: u64) -> String {
    let mut rng = fastrand::Rng::with_seed(number);
    let mut json = format!("{{\"kind\":\"large\",\"number\":{number},\"strings\":[");
    for string in 0..shape.strings {
        let mut text = fastrand::Rng::with_seed(rng.u64(..shape.of));
        json.push_str(if string == 0 { "\"" } else { ",\"" });
        let end = json.len() + shape.len;
        while json.len() < end {
            json.push_str(["\\n", "\\\"", " quokka\\\\n", "é ", "+/"][text.usize(..5)]);
            json.extend(std::iter::repeat_with(|| text.alphanumeric()).take(60));
        }
        json.push('"');
    }
    json.push_str("]}");
    json
}

fn open(path: &Path) -> Archive {
    let options = Archive::options().durability(Durability::Written);
    options.open(path).unwrap()
}

/// Fails unless the log holds just these entries, however it is read.
fn must_hold(log: &Log, entries: &[String]) {
    let read: Vec<String> = log
        .read(..)
        .unwrap()
        .map(|entry| entry.unwrap().as_str().to_owned())
        .collect();
    assert!(read == entries, "as a whole");
    for (index, entry) in (0..).zip(entries) {
        let mut reader = log.entry_reader(index).unwrap().unwrap();
        assert_eq!(reader.len_bytes(), entry.len() as u64);
        let mut json = String::new();
        reader.read_to_string(&mut json).unwrap();
        assert!(&json == entry, "in pieces");
    }
    assert!(log.entry_reader(entries.len() as u64).unwrap().is_none());
}

fn len_of(archive: &Archive) -> u64 {
    std::fs::metadata(archive.path()).unwrap().len()
}

fn must_be_sound(archive: &Archive) {
    let found = archive.check(None).unwrap();
    assert!(found.problems.is_empty(), "{:?}", found.problems);
}

#[test]
fn what_goes_in_comes_out_whatever_is_done_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.sessiondb");
    let mut archive = open(&path);
    let mut entries = Vec::new();
    for (number, shape) in (0..).zip(SHAPES) {
        let log = archive.log(SESSION, SEGMENT);
        let (one, other) = (entry(shape, number), entry(shape, number + 100));
        log.append(&RawJson::new(one.clone()).unwrap()).unwrap();
        let receipt = log.append_reader(Cursor::new(other.clone())).unwrap();
        log.append("small").unwrap();
        assert_eq!(
            (receipt.index, receipt.len),
            (number * 3 + 1, number * 3 + 2)
        );
        entries.extend([one, other, "\"small\"".to_owned()]);
    }
    must_hold(&archive.log(SESSION, SEGMENT), &entries);
    must_be_sound(&archive);
    let before = len_of(&archive);
    archive = archive.compact(None).unwrap().0;
    must_hold(&archive.log(SESSION, SEGMENT), &entries);
    must_be_sound(&archive);
    assert!(len_of(&archive) <= before);
    // A branch, and a log that is cut off and grows again.
    let branch = archive.log(SESSION, Uuid::from_u128(5));
    archive
        .log(SESSION, SEGMENT)
        .branch(8, branch.segment_id())
        .unwrap();
    archive.log(SESSION, SEGMENT).truncate(4).unwrap();
    let again = entry(SHAPES[1], 100);
    archive
        .log(SESSION, SEGMENT)
        .append_reader(Cursor::new(again.clone()))
        .unwrap();
    branch.append_reader(Cursor::new(again.clone())).unwrap();
    let mut cut: Vec<String> = entries[..4].to_vec();
    cut.push(again.clone());
    must_hold(&archive.log(SESSION, SEGMENT), &cut);
    let mut branched: Vec<String> = entries[..8].to_vec();
    branched.push(again);
    must_hold(&branch, &branched);
    must_be_sound(&archive);
    drop(branch);
    archive.close().unwrap();
    must_hold(&open(&path).log(SESSION, SEGMENT), &cut);
}

#[test]
fn what_is_gone_leaves_no_value_and_what_repeats_is_stored_once() {
    let folder = tempfile::tempdir().unwrap();
    let archive = open(&folder.path().join("a.sessiondb"));
    let shape = SHAPES[0];
    let one = entry(shape, 1);
    let log = archive.log(SESSION, SEGMENT);
    log.append_reader(Cursor::new(one.clone())).unwrap();
    archive.checkpoint().unwrap();
    let first_len = len_of(&archive);
    for number in 5..9 {
        let other = archive.log(Uuid::from_u128(number), SEGMENT);
        other.append_reader(Cursor::new(one.clone())).unwrap();
    }
    archive.checkpoint().unwrap();
    let more = len_of(&archive) - first_len;
    assert!(more < 9 * MIB as u64 / 2, "{more} bytes more");
    for number in 5..9 {
        assert!(archive.delete_session(Uuid::from_u128(number)).unwrap());
    }
    must_hold(&log, &[one]);
    must_be_sound(&archive);
    assert!(log.delete().unwrap());
    drop(log);
    let (archive, _) = archive.compact(None).unwrap();
    must_be_sound(&archive);
    let left = len_of(&archive);
    assert!(left < 3 * MIB as u64, "{left} bytes are left");
}

#[test]
fn a_word_is_found_wherever_the_entry_was_cut() {
    let archive = Archive::in_memory().unwrap();
    let log = archive.log(SESSION, SEGMENT);
    for (number, shape) in (0..).zip(SHAPES) {
        let json = entry(shape, number);
        let json = json.replacen("]}", &format!("],\"word\":\"wombat{number}x\"}}"), 1);
        log.append_reader(Cursor::new(json)).unwrap();
    }
    archive.checkpoint().unwrap();
    for number in 0..SHAPES.len() as u64 {
        let words = Words::of(&format!("wombat{number}x"));
        let chunks = log.snapshot().unwrap().with_words(&words).unwrap();
        assert!(
            chunks.iter().any(|range| range.contains(&number)),
            "{number}"
        );
    }
}

/// A reader that fails, or that gives something else when it is read again.
struct Bad {
    json: Cursor<Vec<u8>>,
    reads: usize,
    fails: bool,
}

impl Read for Bad {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.json.read(buffer)?;
        self.reads += 1;
        if self.reads > 60 {
            if self.fails {
                return Err(std::io::Error::other("the disk is gone"));
            }
            buffer[..read].make_ascii_uppercase();
        }
        Ok(read)
    }
}

impl std::io::Seek for Bad {
    fn seek(&mut self, to: std::io::SeekFrom) -> std::io::Result<u64> {
        self.json.seek(to)
    }
}

#[test]
fn what_is_no_entry_or_changes_while_it_is_read_is_refused_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let archive = open(&folder.path().join("a.sessiondb"));
    let log = archive.log(SESSION, SEGMENT);
    log.append("first").unwrap();
    let large = entry(SHAPES[0], 1).into_bytes();
    let mut cases: Vec<(Vec<u8>, &str)> = vec![
        (b"".to_vec(), "EOF"),
        (b"{}{}".to_vec(), "trailing"),
        (b"[1,\n2]".to_vec(), "line break"),
        (b"\"\xff\"".to_vec(), "UTF-8"),
        (b"\"\xc3".to_vec(), "UTF-8"),
    ];
    cases.push((large[..large.len() - 1].to_vec(), "EOF"));
    for (json, wrong) in cases {
        let refused = log.append_reader(Cursor::new(json)).unwrap_err();
        assert!(
            matches!(refused, StoreError::InvalidEntry { .. }),
            "{refused:?}"
        );
        assert!(refused.to_string().contains(wrong), "{refused}");
    }
    for fails in [false, true] {
        let json = Cursor::new(large.clone());
        let refused = log
            .append_reader(Bad {
                json,
                reads: 0,
                fails,
            })
            .unwrap_err();
        assert!(
            matches!(refused, StoreError::InvalidEntry { .. }),
            "{refused:?}"
        );
    }
    let too_long = [b"\"".to_vec(), vec![b'x'; MAX_ENTRY_BYTES], b"\"".to_vec()].concat();
    let refused = log.append_reader(Cursor::new(too_long)).unwrap_err();
    assert!(
        matches!(refused, StoreError::TooLarge { .. }),
        "{refused:?}"
    );
    // The handle goes on.
    log.append("second").unwrap();
    must_hold(&log, &["\"first\"".to_owned(), "\"second\"".to_owned()]);
    must_be_sound(&archive);
}

#[test]
fn where_it_came_from_is_known_of_a_first_entry_that_is_read_in_parts() {
    let archive = Archive::in_memory().unwrap();
    let from = Uuid::from_u128(77);
    let history = "x".repeat(5 * MIB);
    let start = format!(
        "{{\"kind\":\"segment_start\",\"history\":\"{history}\",\"forked_from\":{{\"segment_id\":\"{from}\",\"at_turn_index\":3}}}}"
    );
    archive
        .log(SESSION, SEGMENT)
        .append_reader(Cursor::new(start))
        .unwrap();
    let info = archive.segment(SESSION, SEGMENT).unwrap().unwrap();
    assert_eq!(info.origin.map(|origin| origin.segment), Some(from));
}
