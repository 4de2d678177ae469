//! R12: the checks of the fuzz targets hold on the committed corpora. The deep form also fuzzes
//! each target for a minute.

#[path = "../../../fuzz/checks/agent_documents.rs"]
mod agent_documents;
#[path = "../../../fuzz/checks/agent_lines.rs"]
mod agent_lines;
#[path = "../../../fuzz/checks/entry_round_trip.rs"]
mod entry_round_trip;
#[path = "../../../fuzz/checks/journal_scan.rs"]
mod journal_scan;
#[path = "../../../fuzz/checks/jsonl_import.rs"]
mod jsonl_import;
#[path = "../../../fuzz/checks/open_archive.rs"]
mod open_archive;
#[path = "../../../fuzz/checks/ops.rs"]
mod ops;
#[path = "../../../fuzz/checks/redact.rs"]
mod redact;
#[path = "../../../fuzz/checks/run_codec.rs"]
mod run_codec;
/// Inputs for the codecs, made by hand.
mod seeds;
#[path = "../../../fuzz/checks/shared_histories.rs"]
mod shared_histories;
#[path = "../../../fuzz/checks/shared_values.rs"]
mod shared_values;
#[path = "../../../fuzz/checks/word_filter.rs"]
mod word_filter;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use super::row::{Dice, Row, deep, seed};

type Check = fn(&[u8]);

const TARGETS: [(&str, Check); 12] = [
    ("agent_documents", agent_documents::check),
    ("agent_lines", agent_lines::check),
    ("entry_round_trip", entry_round_trip::check),
    ("journal_scan", journal_scan::check),
    ("jsonl_import", jsonl_import::check),
    ("open_archive", open_archive::check),
    ("ops", ops::check),
    ("redact", redact::check),
    ("run_codec", run_codec::check),
    ("shared_histories", shared_histories::check),
    ("shared_values", shared_values::check),
    ("word_filter", word_filter::check),
];

const SECONDS_EACH: u64 = 60;

#[test]
fn r12_fuzz() {
    let mut row = Row::new("R12");
    for (target, check) in TARGETS {
        for (name, input) in corpus(target) {
            let held = hold(check, &input);
            row.case(held.map_err(|panic| format!("fuzz/corpus/{target}/{name}: {panic}")));
        }
    }
    if deep() {
        fuzz(&mut row);
    }
    row.finish(280);
}

/// No target is left out above, and both codecs have inputs that they take and that they refuse.
#[test]
fn r12_can_fail() {
    let sources = files(&folder("fuzz_targets"));
    let targets = TARGETS.map(|(target, _)| format!("{target}.rs"));
    assert_eq!(sources, targets);

    let rows = corpus("run_codec");
    let taken = |row: &[u8]| sessiondb::testing::decode_run(&[row]).is_ok();
    assert!(rows.iter().filter(|(_, row)| taken(row)).count() >= 5);
    assert!(rows.iter().filter(|(_, row)| !taken(row)).count() >= 5);

    let journals = corpus("journal_scan");
    let frames = |journal: &[u8]| journal_scan::naive_frames(journal).len();
    assert!(
        journals
            .iter()
            .filter(|(_, bytes)| frames(bytes) > 1)
            .count()
            >= 5
    );
    let refused = |journal: &[u8]| sessiondb::testing::scan_journal(journal).is_err();
    assert!(journals.iter().filter(|(_, bytes)| refused(bytes)).count() >= 5);

    assert_eq!(hold(|_| (), b""), Ok(()));
    assert!(hold(|_| panic!("seen"), b"").is_err_and(|panic| panic == "seen"));
}

/// Writes the corpora of the codecs: `cargo test --test it write_codec_corpora -- --ignored`.
#[test]
#[ignore = "a generator"]
fn write_codec_corpora() {
    for (target, inputs) in [
        ("run_codec", seeds::rows()),
        ("journal_scan", seeds::journals()),
    ] {
        let folder = folder("corpus").join(target);
        std::fs::create_dir_all(&folder).unwrap();
        for (name, input) in inputs {
            std::fs::write(folder.join(name), input).unwrap();
        }
    }
}

fn hold(check: Check, input: &[u8]) -> Result<(), String> {
    catch_unwind(AssertUnwindSafe(|| check(input))).map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        text.unwrap_or("a panic without words").to_owned()
    })
}

/// Fuzzes with libFuzzer where there is a nightly toolchain, else by chance alone.
fn fuzz(row: &mut Row) {
    let nightly = Command::new("cargo")
        .args(["+nightly", "--version"])
        .output();
    if nightly.is_ok_and(|version| version.status.success()) {
        fuzz_by_coverage(row);
    } else {
        println!("R12: no nightly toolchain, so the inputs are the corpora changed at random");
        fuzz_by_chance(row);
    }
}

fn fuzz_by_coverage(row: &mut Row) {
    let run = Command::new(folder("replay"))
        .arg(SECONDS_EACH.to_string())
        .env_remove("CARGO_TARGET_DIR")
        .output()
        .expect("fuzz/replay runs");
    let said = String::from_utf8_lossy(&run.stdout) + String::from_utf8_lossy(&run.stderr);
    let units = said
        .lines()
        .filter_map(|line| line.strip_prefix("stat::number_of_executed_units:"));
    let counts: Vec<u64> = units.map(|units| units.trim().parse().unwrap()).collect();
    println!("R12: inputs tried by libFuzzer, {SECONDS_EACH} s for each target: {counts:?}");
    (0..counts.iter().sum()).for_each(|_| row.case(Ok(())));
    if !run.status.success() || counts.len() != TARGETS.len() {
        let said = said.replace('\n', "\n  ");
        row.case(Err(format!(
            "fuzz/replay found something, or could not run:\n  {said}"
        )));
    }
}

fn fuzz_by_chance(row: &mut Row) {
    let mut dice = Dice::new(seed());
    for (target, check) in TARGETS {
        let corpus = corpus(target);
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(SECONDS_EACH) {
            let (name, input) = &corpus[dice.index(corpus.len())];
            let input = changed(input, &mut dice);
            let held = hold(check, &input);
            row.case(held.map_err(|panic| format!("{target}, {name} as {input:02x?}: {panic}")));
        }
    }
}

/// The input with one to eight changes.
fn changed(input: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut input = input.to_vec();
    for _ in 0..=dice.below(8) {
        let at = dice.index(input.len() + 1);
        let value = dice.next().to_le_bytes();
        match dice.below(4) {
            0 => input.truncate(at),
            1 => input.insert(at, value[0]),
            2 => drop(input.splice(at..(at + 6).min(input.len()), value)),
            _ => input
                .iter_mut()
                .skip(at)
                .take(1)
                .for_each(|byte| *byte ^= value[0]),
        }
    }
    input
}

/// The committed inputs of a target, by name.
fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = folder("corpus").join(target);
    let names = files(&folder);
    assert!(names.len() >= 15, "{target}: {} inputs", names.len());
    let read = |name: String| {
        let input = std::fs::read(folder.join(&name)).unwrap();
        (name, input)
    };
    names.into_iter().map(read).collect()
}

/// The names of what lies in a folder, sorted.
fn files(folder: &Path) -> Vec<String> {
    let entries =
        std::fs::read_dir(folder).unwrap_or_else(|err| panic!("{}: {err}", folder.display()));
    let name = |entry: std::fs::DirEntry| entry.file_name().into_string().unwrap();
    let mut names: Vec<String> = entries.map(|entry| name(entry.unwrap())).collect();
    names.sort();
    names
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz")
        .join(name)
}
