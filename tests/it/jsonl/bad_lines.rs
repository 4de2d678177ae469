//! Bad lines of every kind under every option, against a naive oracle.

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};
use serde_json::{Value, json};
use sessiondb::Archive;
use sessiondb::jsonl::{BadLines, FileReport, Import, Outcome};

use super::{Folder, entries, export, failure, import_one};

pub(super) const OPTIONS: [BadLines; 6] = [
    BadLines::Fail,
    BadLines::Skip,
    BadLines::Split,
    BadLines::DropNuls,
    BadLines::Mend,
    BadLines::Keep,
];

/// What a file is to come to.
#[derive(Debug, Clone, PartialEq)]
struct Expected {
    /// The entries; a kept line stands as its marker.
    entries: Vec<Value>,
    /// The lines that export is to write.
    lines: Vec<Vec<u8>>,
    /// The lines that there is a warning about.
    warned: Vec<u64>,
}

/// Reads a file in the simplest way there is. The error is the line that fails it.
fn oracle(file: &[u8], bad_lines: BadLines) -> Result<Expected, u64> {
    let mut expected = Expected {
        entries: vec![],
        lines: vec![],
        warned: vec![],
    };
    let lines: Vec<&[u8]> = file.split(|byte| *byte == b'\n').collect();
    for (index, line) in lines.iter().enumerate() {
        let number = index as u64 + 1;
        let is_tail = number == lines.len() as u64;
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        if let Ok(value) = serde_json::from_slice(line) {
            expected.entries.push(value);
            expected.lines.push(line.to_vec());
            continue;
        }
        let splits = matches!(bad_lines, BadLines::Split | BadLines::Mend);
        let drops_nuls = matches!(bad_lines, BadLines::DropNuls | BadLines::Mend);
        if let (true, Some(parts)) = (splits, taken_apart(line)) {
            for part in parts {
                expected.entries.push(serde_json::from_slice(part).unwrap());
                expected.lines.push(part.to_vec());
            }
        } else if drops_nuls && line.contains(&0) {
            for part in beside_nuls(line) {
                expected
                    .entries
                    .push(serde_json::from_slice(&part).unwrap());
                expected.lines.push(part);
            }
        } else if !is_tail {
            match bad_lines {
                BadLines::Fail | BadLines::Split | BadLines::DropNuls | BadLines::Mend => {
                    return Err(number);
                }
                BadLines::Skip => {}
                BadLines::Keep => {
                    expected.entries.push(marker(line));
                    expected.lines.push(line.to_vec());
                }
            }
        }
        expected.warned.push(number);
    }
    Ok(expected)
}

/// What is whole beside the NULs of a line, or what the line is without them.
fn beside_nuls(line: &[u8]) -> Vec<Vec<u8>> {
    let parts: Vec<_> = line.split(|byte| *byte == 0).map(taken_apart).collect();
    let joined: Vec<u8> = line.iter().copied().filter(|byte| *byte != 0).collect();
    if parts.contains(&None) && serde_json::from_slice::<Value>(&joined).is_ok() {
        return vec![joined];
    }
    let whole = parts.into_iter().flatten().flatten();
    whole.map(<[u8]>::to_vec).collect()
}

/// The values of a line, found by trying all lengths. Numbers would need more care.
fn taken_apart(mut line: &[u8]) -> Option<Vec<&[u8]>> {
    let mut parts = Vec::new();
    loop {
        line = line.trim_ascii();
        if line.is_empty() {
            return Some(parts);
        }
        let len =
            (1..=line.len()).find(|len| serde_json::from_slice::<Value>(&line[..*len]).is_ok())?;
        parts.push(&line[..len]);
        line = &line[len..];
    }
}

fn marker(line: &[u8]) -> Value {
    match std::str::from_utf8(line) {
        Ok(text) => json!({"kind": "sessiondb_bad_line", "text": text}),
        Err(_) => json!({"kind": "sessiondb_bad_line", "hex": hex(line)}),
    }
}

fn hex(bytes: &[u8]) -> String {
    let digits: Vec<_> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    digits.concat()
}

fn good_line() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\{\"[a-c]\":[1-9]{1,2}\\}",
        "\\[(\"é?[x-z]{0,3}\"(,null)?)?\\]",
        "\"[ -!#-\\[\\]-~é\u{2028}]{0,5}\"",
        "[ \t]{0,2}\\{\"a\":\\[\\{\\}\\]\\}[ \t\r]{0,2}",
    ]
}

fn line() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        5 => good_line().prop_map(String::into_bytes),
        1 => "[ \t\r]{0,3}".prop_map(String::into_bytes),
        // Fused.
        1 => prop::collection::vec(good_line(), 2..4).prop_map(|parts| parts.concat().into_bytes()),
        // A hole between two, or within one.
        1 => (good_line(), 0..9_usize, 1..4_usize, good_line()).prop_map(|(one, cut, nuls, two)| {
            let cut = cut.min(one.len());
            [&one.as_bytes()[..cut], &vec![0; nuls], two.as_bytes()].concat()
        }),
        1 => (good_line(), 0..9_usize, 1..4_usize).prop_map(|(one, cut, nuls)| {
            let (one, two) = one.as_bytes().split_at(cut.min(one.len()));
            [one, &vec![0; nuls], two].concat()
        }),
        // Torn, and fused with what came after.
        1 => (good_line(), good_line(), any::<prop::sample::Index>()).prop_map(|(torn, next, at)| {
            let torn = torn.into_bytes();
            [&torn[..at.index(torn.len())], next.as_bytes()].concat()
        }),
        // Not JSON.
        1 => "[{}\\[\\]:,x\0\"]{1,4}".prop_map(String::into_bytes),
        // Not UTF-8.
        1 => (good_line(), any::<prop::sample::Index>(), 0x80..=0xff_u8).prop_map(|(good, at, byte)| {
            let mut line = good.into_bytes();
            line.insert(at.index(line.len()), byte);
            line
        }),
    ]
}

pub(super) fn file() -> impl Strategy<Value = Vec<u8>> {
    (prop::collection::vec(line(), 0..7), any::<bool>()).prop_map(|(lines, terminated)| {
        let mut file = lines.join(&b'\n');
        if terminated {
            file.push(b'\n');
        }
        file
    })
}

/// Imports a file as the first of its log, and compares all that can be seen of it.
fn check_import(archive: &Archive, file: &[u8], bad_lines: BadLines) {
    let folder = Folder::new();
    let path = folder.write("log.jsonl", file);
    let import = Import::new(archive).bad_lines(bad_lines);
    let report = import_one(&import, &path);
    let expected = match oracle(file, bad_lines) {
        Ok(expected) => expected,
        Err(line) => {
            let message = failure(&report);
            let place = format!("log.jsonl:{line} (byte offset {})", offset_of(file, line));
            assert!(message.contains(&place), "{place}: {message}");
            assert!(message.contains("--bad-lines="), "{message}");
            assert_eq!(archive.sessions().unwrap().count(), 0);
            return;
        }
    };
    let count = expected.entries.len() as u64;
    if count == 0 && matches!(report.outcome, Outcome::Failed(_)) {
        // What was left out was all that there is, and not the beginning of an entry.
        assert!(failure(&report).contains("no log"), "{report:?}");
        assert!(!expected.warned.is_empty());
        assert_eq!(archive.sessions().unwrap().count(), 0);
        return;
    }
    assert_eq!(
        report.outcome,
        Outcome::Imported {
            new: count,
            total: count
        }
    );
    check_warnings(&report, file, &expected.warned);
    assert_eq!(values(archive, &report), expected.entries);

    let exported = export(archive).0.files().into_values().collect::<Vec<_>>();
    let lines: Vec<u8> = expected
        .lines
        .iter()
        .flat_map(|line| [line, &b"\n"[..]].concat())
        .collect();
    assert_eq!(exported, [lines]);

    let again = import_one(&import, &path);
    assert_eq!(again.outcome, Outcome::Unchanged { total: count });
    check_warnings(&again, file, &expected.warned);
}

/// Imports a file that holds `file` but had been imported when it was `len` bytes long.
fn check_growth(archive: &Archive, file: &[u8], len: usize, bad_lines: BadLines) {
    let folder = Folder::new();
    let import = Import::new(archive)
        .bad_lines(bad_lines)
        .branch_diverged(false);
    let path = folder.write("log.jsonl", &file[..len]);
    let first = import_one(&import, &path);
    let Ok(before) = oracle(&file[..len], bad_lines) else {
        return;
    };
    folder.write("log.jsonl", file);
    let report = import_one(&import, &path);
    match oracle(file, bad_lines) {
        Ok(after) if after.lines.starts_with(&before.lines) => {
            assert_eq!(values(archive, &report), after.entries);
        }
        // What it has grown to is no log any more.
        Ok(after) if after.entries.is_empty() && matches!(report.outcome, Outcome::Failed(_)) => {
            assert!(failure(&report).contains("no log"), "{report:?}");
            assert_eq!(values(archive, &first), before.entries);
        }
        Ok(after) if before.lines.starts_with(&after.lines) => {
            let total = before.entries.len() as u64;
            assert_eq!(report.outcome, Outcome::Unchanged { total });
        }
        // The last line was whole when it was read, and is part of a longer one now.
        _ => {
            failure(&report);
            assert_eq!(values(archive, &first), before.entries);
        }
    }
}

fn values(archive: &Archive, report: &FileReport) -> Vec<Value> {
    entries(&archive.log(report.session, report.segment))
        .iter()
        .map(|entry| serde_json::from_str(entry).unwrap())
        .collect()
}

fn check_warnings(report: &FileReport, file: &[u8], lines: &[u64]) {
    let warned: Vec<_> = report.warnings.iter().map(|warning| warning.line).collect();
    assert_eq!(warned, lines);
    for warning in &report.warnings {
        assert_eq!(warning.byte_offset, offset_of(file, warning.line));
    }
}

fn offset_of(file: &[u8], line: u64) -> u64 {
    let lines = file.split_inclusive(|byte| *byte == b'\n').zip(1..line);
    lines.map(|(line, _)| line.len() as u64).sum()
}

pub(super) fn config() -> Config {
    let given = std::env::var("PROPTEST_RNG_SEED").ok();
    let seed = given.map_or(2, |seed| {
        seed.parse().expect("PROPTEST_RNG_SEED is a number")
    });
    Config {
        cases: 200,
        rng_seed: RngSeed::Fixed(seed),
        failure_persistence: None,
        ..Config::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn every_file_comes_to_what_the_oracle_says(file in file(), cut in any::<prop::sample::Index>()) {
        for bad_lines in OPTIONS {
            check_import(&Archive::in_memory().unwrap(), &file, bad_lines);
            let len = cut.index(file.len() + 1);
            check_growth(&Archive::in_memory().unwrap(), &file, len, bad_lines);
        }
    }
}

#[test]
fn each_kind_of_bad_line_under_each_option() {
    for bad in [&b"{}{}"[..], b"{} {", b"nope", b"\"\xff\"", b"\0\0"] {
        let file = [b"{\"a\":1}\n", bad, b"\n{\"b\":2}\n"].concat();
        let tail = [b"{\"a\":1}\n", bad].concat();
        for bad_lines in OPTIONS {
            check_import(&Archive::in_memory().unwrap(), &file, bad_lines);
            check_import(&Archive::in_memory().unwrap(), &tail, bad_lines);
        }
    }
}

#[test]
fn a_file_of_bad_lines_gives_a_report_of_bounded_length() {
    let folder = Folder::new();
    let path = folder.write("log.jsonl", "{\n".repeat(1000));
    let archive = Archive::in_memory().unwrap();
    let report = import_one(&Import::new(&archive).bad_lines(BadLines::Skip), &path);
    assert_eq!(report.warnings.len(), 101);
    let last = report.warnings.last().unwrap();
    assert_eq!((last.line, last.byte_offset), (101, 200));
    assert!(last.message.starts_with("900 more"), "{}", last.message);
}
