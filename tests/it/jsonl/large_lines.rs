//! Lines of many MiB, which are read in parts: the same comes in as if each was read as a whole.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use sessiondb::Archive;
use sessiondb::archive::Redactor;
use sessiondb::jsonl::{BadLines, FileReport, Import, LastLine};

use super::{A, B, Folder, entries, import_one};

const MIB: usize = 1 << 20;

/// A line of about so many MiB that is one entry.
fn large(mib: usize, seed: u64) -> String {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut line = format!("{{\"seed\":{seed},\"texts\":[\"");
    while line.len() < mib * MIB {
        line.extend(std::iter::repeat_with(|| rng.alphanumeric()).take(900));
        line.push_str(if rng.u8(..) == 0 { "\",\"é" } else { "\\n" });
    }
    line.push_str("\"]}");
    line
}

/// Files with such lines among others, sound and bad ones.
fn files() -> Vec<Vec<u8>> {
    let (one, other) = (large(5, 1), large(6, 2));
    let marker = format!(
        "{{\"kind\":\"sessiondb_bad_line\",\"text\":\"{}\"}}",
        "x".repeat(5 * MIB)
    );
    let mut small = String::new();
    for number in 0..4_800 {
        writeln!(
            small,
            "{{\"number\":{number},\"text\":\"{}\"}}",
            "y".repeat(900)
        )
        .unwrap();
    }
    let blank = " ".repeat(5 * MIB);
    vec![
        format!("{one}\n").into_bytes(),
        one.clone().into_bytes(),
        format!("1\n{one}\n2\n{other}\n{one}\n3\n").into_bytes(),
        format!("{small}{one}\n{small}{other}").into_bytes(),
        format!("\u{feff}{one}\n{blank}\n{marker}\n{other}\n").into_bytes(),
        format!("{one}{other}\n{one}\r\n").into_bytes(),
        format!("1\n{}\n{other}\n", &one[..one.len() - 1]).into_bytes(),
        format!("1\n{one}\n{}", &other[..other.len() - 1]).into_bytes(),
        [one.as_bytes(), b"\0\0\n", other.as_bytes(), b"\n"].concat(),
        [
            &one.as_bytes()[..one.len() - 3],
            b"\xff\"]}\n",
            other.as_bytes(),
            b"\n",
        ]
        .concat(),
    ]
}

fn new_in(import: &Import<'_>, file: &Path) -> u64 {
    super::run(import, file).new_entries()
}

/// What an import makes of a file. With a redactor, which changes nothing, each line is read as a whole.
fn imported(
    file: &Path,
    bad_lines: BadLines,
    in_parts: bool,
    last_line: LastLine,
) -> (FileReport, Vec<String>) {
    let archive = Archive::in_memory().unwrap();
    let mut import = Import::new(&archive)
        .bad_lines(bad_lines)
        .last_line(last_line);
    if !in_parts {
        import = import.redact(Redactor::new(|_| None));
    }
    let report = import_one(&import, file);
    let log = archive.log(A, B);
    let stored = log.exists().unwrap().then(|| entries(&log));
    // What came in is known again.
    if let Some(stored) = &stored {
        assert_eq!(new_in(&import, file), 0);
        assert!(&entries(&log) == stored);
    }
    (report, stored.unwrap_or_default())
}

#[test]
fn lines_that_are_read_in_parts_come_in_as_all_others() {
    let folder = Folder::new();
    for (number, content) in files().into_iter().enumerate() {
        let file = folder.write(&format!("{A}/{B}.jsonl"), &content);
        let all = [
            BadLines::Fail,
            BadLines::Skip,
            BadLines::Split,
            BadLines::Keep,
            BadLines::DropNuls,
        ];
        let with_all = all.map(|bad_lines| (bad_lines, LastLine::Take));
        for (bad_lines, last_line) in with_all
            .into_iter()
            .chain([(BadLines::Fail, LastLine::Drop)])
        {
            let [parts, whole] =
                [true, false].map(|in_parts| imported(&file, bad_lines, in_parts, last_line));
            assert_eq!(parts.0, whole.0, "file {number}, {bad_lines:?}");
            assert!(parts.1 == whole.1, "file {number}, {bad_lines:?}");
        }
    }
}

#[test]
fn a_file_that_grows_by_such_lines_goes_on() {
    let folder = Folder::new();
    let (one, other) = (large(5, 1), large(6, 2));
    let archive = Archive::in_memory().unwrap();
    let mut content = String::new();
    for line in ["1", &one, &other, "2", &other] {
        content.push_str(line);
        content.push('\n');
        let file = folder.write(&format!("{A}/{B}.jsonl"), &content);
        assert_eq!(new_in(&Import::new(&archive), &file), 1);
        assert!(fs::read_to_string(&file).unwrap() == content);
    }
    let stored = entries(&archive.log(A, B)).join("\n") + "\n";
    assert!(stored == content);
    let (exported, _) = super::export(&archive);
    assert!(exported.files() == folder.files());
}
