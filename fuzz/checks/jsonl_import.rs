//! Any bytes as a JSONL file: importing twice is importing once, and what is kept comes back.

use std::fs;
use std::path::Path;

use serde_json::Value;
use sessiondb::jsonl::{BadLines, Export, Import};
use sessiondb::testing::{self, Opening};
use tempfile::TempDir;

const NAME: &str = "0198c1f2-0000-7000-8000-00000000000a";

pub(crate) fn check(data: &[u8]) {
    thread_local! {
        static FOLDER: TempDir = tempfile::tempdir().expect("a temporary folder");
    }
    FOLDER.with(|folder| check_in(folder.path(), data));
}

fn check_in(folder: &Path, data: &[u8]) {
    let file = folder.join(NAME).with_extension("jsonl");
    fs::write(&file, data).expect("the input is written");
    for bad_lines in [
        BadLines::Fail,
        BadLines::Skip,
        BadLines::Split,
        BadLines::DropNuls,
        BadLines::Keep,
    ] {
        let storage = testing::create_in_memory(16 << 10).expect("an archive in memory");
        let archive = testing::open(storage, Opening::default()).expect("it opens");
        let import = |path| {
            let report = Import::new(&archive)
                .bad_lines(bad_lines)
                .run(&[path], None);
            report.expect("the file can be read")
        };
        let failed = import(file.clone()).failed();
        assert_eq!(
            import(file.clone()).new_entries(),
            0,
            "{bad_lines:?}: imported twice"
        );
        assert!(archive.check(None).expect("a check").is_clean());
        let out = folder.join("out");
        Export::new(&archive)
            .force(true)
            .run(&out, None)
            .expect("an export");
        let exported = fs::read(out.join(NAME).join(NAME).with_extension("jsonl"));
        if bad_lines == BadLines::Keep {
            let kept = kept(data);
            if failed == 0 {
                assert_eq!(exported.expect("the exported file"), kept);
            } else {
                assert!(kept.is_empty(), "only what has no entry at all is no log");
            }
        }
        let _ = fs::remove_dir_all(out);
    }
}

/// The lines of a file that an import with `Keep` stores: all that are not blank, and the last,
/// if nothing ends it, only if it is whole.
fn kept(data: &[u8]) -> Vec<u8> {
    let data = data.strip_prefix(b"\xef\xbb\xbf").unwrap_or(data);
    let mut lines: Vec<&[u8]> = data.split(|byte| *byte == b'\n').collect();
    let last = lines.pop().unwrap_or_default();
    if serde_json::from_slice::<Value>(last).is_ok() {
        lines.push(last);
    }
    let blank = |line: &[u8]| line.iter().all(|byte| b" \t\r".contains(byte));
    lines.retain(|line| !blank(line));
    lines
        .into_iter()
        .flat_map(|line| [line, b"\n"].concat())
        .collect()
}
