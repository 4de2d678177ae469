//! Word filters: no entry with a word is left out, whatever was done to the archive since, and most others are.

use proptest::prelude::*;
use sessiondb::archive::Words;
use sessiondb::{
    Archive, Durability, SegmentId, SessionId, Snapshot, new_segment_id, new_session_id,
};

/// Words of which an entry has some.
const WORDS: [&str; 12] = [
    "alpha",
    "Beta",
    "gamma_ray",
    "δέλτα",
    "Ёлка",
    "naïve",
    "x1",
    "404",
    "don",
    "path",
    "E0502",
    "zeta",
];

#[derive(Debug, Clone)]
enum Step {
    Append(Vec<usize>),
    /// As many entries as make several runs.
    Fill(u64),
    Branch(u64),
    Truncate(u64),
    Erase(u64),
    Reopen,
    Compact,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => prop::collection::vec(0..WORDS.len(), 0..5).prop_map(Step::Append),
        1 => (1_u64..40).prop_map(Step::Fill),
        1 => (0_u64..100).prop_map(Step::Branch),
        1 => (0_u64..100).prop_map(Step::Truncate),
        1 => (0_u64..100).prop_map(Step::Erase),
        1 => Just(Step::Reopen),
        1 => Just(Step::Compact),
    ];
    prop::collection::vec(step, 1..40)
}

fn entry(words: &[usize], escapes: bool) -> serde_json::Value {
    let text: Vec<&str> = words.iter().map(|word| WORDS[*word]).collect();
    let text = text.join("\n\"");
    let inner = serde_json::json!({ "cmd": text }).to_string();
    serde_json::json!({ "text": text, "arguments": if escapes { inner } else { String::new() } })
}

/// Every entry is in a range of each word that it has, and the ranges are those of own entries.
fn must_be_found(now: &Snapshot) {
    for session in now.sessions() {
        for segment in now.segments(session.unwrap().id) {
            let segment = segment.unwrap();
            let log = now.log(segment.session, segment.id);
            let own = segment.parent.as_ref().map_or(0, |parent| parent.len);
            for word in WORDS {
                let ranges = log.with_words(&Words::of(word)).unwrap();
                for entry in log.read(own..).unwrap() {
                    let entry = entry.unwrap();
                    let value: serde_json::Value = serde_json::from_str(entry.as_str()).unwrap();
                    let text = value["text"].as_str().unwrap_or_default();
                    let has = text.split(['\n', '"']).any(|other| other == word);
                    let found = ranges.iter().any(|range| range.contains(&entry.index()));
                    assert!(
                        found || !has,
                        "{word} in entry {} of {}",
                        entry.index(),
                        segment.id
                    );
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn no_entry_with_a_word_is_left_out(steps in steps()) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("archive.sessiondb");
        let open = || Archive::options().durability(Durability::Written).open(&path).unwrap();
        let mut archive = open();
        let session = new_session_id();
        let mut segments: Vec<SegmentId> = vec![new_segment_id()];
        for step in steps {
            let segment = *segments.last().unwrap();
            let log = archive.log(session, segment);
            let len = log.len().unwrap();
            match step {
                Step::Append(words) => drop(log.append(&entry(&words, words.len() % 2 == 0)).unwrap()),
                Step::Fill(count) => {
                    let filler = "some words that fill a run ".repeat(2_000);
                    for number in 0..count {
                        log.append(&serde_json::json!({ "text": format!("{number} {filler}") })).unwrap();
                    }
                }
                Step::Branch(at) if len > 0 => {
                    let new = new_segment_id();
                    log.branch(at % len + 1, new).unwrap();
                    segments.push(new);
                }
                Step::Truncate(at) if len > 0 => log.truncate(at % len).unwrap(),
                Step::Erase(at) if len > 0 => drop(log.erase(at % len..=at % len).unwrap()),
                Step::Branch(_) | Step::Truncate(_) | Step::Erase(_) => {}
                Step::Reopen => {
                    drop(log);
                    drop(archive);
                    archive = open();
                }
                Step::Compact => {
                    drop(log);
                    archive = archive.compact(None).unwrap().0;
                }
            }
        }
        must_be_found(&archive.snapshot().unwrap());
        let (archive, _) = archive.compact(None).unwrap();
        must_be_found(&archive.snapshot().unwrap());
        prop_assert_eq!(archive.check(None).unwrap().problems, vec![]);
    }
}

/// An archive with one log of so many entries of 1 KiB, each with a word of its own.
fn many(
    options: sessiondb::archive::ArchiveOptions,
    count: u64,
) -> (tempfile::TempDir, Archive, SessionId, SegmentId) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("archive.sessiondb");
    let archive = options.open(&path).unwrap();
    let (session, segment) = (new_session_id(), new_segment_id());
    let filler = "filler ".repeat(140);
    let entries = (0..count).map(|number| {
        let letters: String = number
            .to_string()
            .bytes()
            .map(|digit| char::from(digit - b'0' + b'a'))
            .collect();
        serde_json::json!({ "text": format!("only_{letters}_here {filler}") })
    });
    archive.log(session, segment).append_many(entries).unwrap();
    let (archive, _) = archive.compact(None).unwrap();
    (dir, archive, session, segment)
}

#[test]
fn runs_without_the_word_are_left_out() {
    let (_dir, archive, session, segment) = many(Archive::options(), 10_000);
    let now = archive.snapshot().unwrap();
    let log = now.log(session, segment);
    let all = log.with_words(&Words::default()).unwrap();
    assert!(all.len() >= 6, "{all:?}");
    let found = log.with_words(&Words::of("only_fcde_here")).unwrap();
    assert!(
        found.len() <= 2 && found.iter().any(|range| range.contains(&5234)),
        "{found:?}"
    );
    let nowhere = log.with_words(&Words::of("only_zzz_here nowhere")).unwrap();
    assert!(nowhere.is_empty(), "{nowhere:?}");
    let chunk = log.chunk(5234).unwrap();
    let at = std::str::from_utf8(chunk.lines())
        .unwrap()
        .find("only_fcde_here")
        .unwrap();
    let (number, range) = chunk.entry_at(at).unwrap();
    assert_eq!(number, 5234);
    assert_eq!(
        &chunk.lines()[range],
        chunk.entry(5234).unwrap().as_str().as_bytes()
    );
}

#[test]
fn an_archive_can_be_without_filters() {
    let (_dir, archive, session, segment) = many(Archive::options().word_filters(false), 3_000);
    let without = archive.stats().unwrap().file_bytes;
    let log = archive.snapshot().unwrap().log(session, segment);
    let found = log.with_words(&Words::of("nowhere")).unwrap();
    assert_eq!((found.len(), found.first()), (1, Some(&(0..3_000))));
    assert_eq!(archive.check(None).unwrap().problems, vec![]);
    let (_dir, archive, ..) = many(Archive::options(), 3_000);
    let with = archive.stats().unwrap().file_bytes;
    assert!(with > without, "{with} with, {without} without");
}
