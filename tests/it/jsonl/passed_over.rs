//! What is no log, or cannot be read: named, and no reason to leave the rest out.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::slice;

use sessiondb::Archive;
use sessiondb::jsonl::{
    BadLines, Import, ImportReport, LastLine, Outcome, PassedOverKind, nothing_to_import,
};

use super::{A, B, Folder, failure, import, import_one};

fn names(folder: &Folder, report: &ImportReport) -> BTreeMap<PathBuf, PassedOverKind> {
    let passed_over = report.passed_over.iter();
    passed_over
        .map(|item| {
            let path = item.path.strip_prefix(folder.path()).unwrap();
            (path.to_owned(), item.kind)
        })
        .collect()
}

#[test]
fn a_folder_with_more_than_logs_is_imported_and_the_rest_is_named() {
    let folder = Folder::new();
    for log in ["a.jsonl", "b.JSONL", "c.ndjson", "deep/d.NdJson", ".jsonl"] {
        folder.write(log, format!("{log:?}\n"));
    }
    let others = [
        ("deep/old.jsonl.gz", PassedOverKind::Compressed),
        ("old.jsonl.ZST", PassedOverKind::Compressed),
        ("config.json", PassedOverKind::Json),
        (&format!("{A}/session.json"), PassedOverKind::Json),
        ("notes.txt", PassedOverKind::Other),
        ("README", PassedOverKind::Other),
    ];
    for (name, _) in others {
        folder.write(name, "{}");
    }
    let archive = Archive::in_memory().unwrap();
    let report = import(&archive, folder.path());
    assert_eq!((report.failed(), report.new_entries()), (0, 5));
    let expected = others.map(|(name, kind)| (PathBuf::from(name), kind));
    assert_eq!(names(&folder, &report), BTreeMap::from(expected));
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["passed_over"].as_array().unwrap().len(), others.len());
    assert_eq!(json["unreadable"], serde_json::json!([]));
    assert!(json["passed_over"][0]["path"].is_string());
    assert!(json["passed_over"][0]["kind"].is_string());
}

#[test]
fn what_holds_no_entry_is_no_log_whatever_its_name_and_however_bad_lines_are_taken() {
    let folder = Folder::new();
    let archive = Archive::in_memory().unwrap();
    for (name, content, said) in [
        ("a.jsonl.gz", &b"\x1f\x8b\x08\0\0\0\0\0"[..], "gunzip"),
        ("gz.jsonl", b"\x1f\x8b\x08\n\0\n\0\0\n\0", "gunzip"),
        ("a.jsonl.zst", b"\x28\xb5\x2f\xfd\x24\x00\n", "zstd -d"),
        ("a.zip", b"PK\x03\x04....", "unzip"),
        ("a.db", b"SQLite format 3\0\x10", "SQLite"),
        (
            "a.sessiondb",
            b"sessiondb\0\r\n\x1a\n\0\xff",
            "sessiondb merge",
        ),
        ("binary", b"\x7fELF\x02\x01\x01", "no log"),
        ("text.txt", b"Just a text", "no log"),
        ("text.jsonl", b"Just a text", "no log"),
        ("latin1.jsonl", b"\xe4\xf6\xfc", "no log"),
        ("utf16.jsonl", b"\xff\xfe{\0}\0", "no log"),
    ] {
        let path = folder.write(name, content);
        for bad_lines in [BadLines::Fail, BadLines::Skip, BadLines::Split] {
            let import = Import::new(&archive).bad_lines(bad_lines);
            let report = import_one(&import, &path);
            let message = failure(&report);
            let named = message.contains(name) && message.contains(said);
            assert!(named, "{bad_lines:?}: {message}");
            assert!(
                nothing_to_import(slice::from_ref(&path), bad_lines, LastLine::ByLayout).is_some()
            );
        }
    }
    let text = folder.write("lines.txt", "Just\na\ntext\n");
    let skip = Import::new(&archive).bad_lines(BadLines::Skip);
    assert!(failure(&import_one(&skip, &text)).contains("no log"));
    assert_eq!(archive.sessions().unwrap().count(), 0);
}

#[test]
fn an_empty_file_or_the_beginning_of_a_first_entry_is_an_empty_log() {
    let folder = Folder::new();
    let zeros_behind = "{\"kind\":\"a\0\0\0{\"b";
    let beginnings = ["{\"kind\":", "[1,", "\"\u{e4}", "\u{feff}{", zeros_behind];
    for content in ["", "\n \n"].into_iter().chain(beginnings) {
        let archive = Archive::in_memory().unwrap();
        let path = folder.write(&format!("{A}/{B}.jsonl"), content);
        let report = import_one(&Import::new(&archive), &path);
        let empty = Outcome::Imported { new: 0, total: 0 };
        assert_eq!(report.outcome, empty, "{content:?}");
        let info = archive.segment(A, B).unwrap();
        assert!(info.is_some_and(|info| info.exists));
        assert_eq!(
            nothing_to_import(&[path], BadLines::Fail, LastLine::ByLayout),
            None
        );
    }
    // A character may be cut as well as a value.
    let cut = folder.write("cut.jsonl", b"\"\xc3");
    let archive = Archive::in_memory().unwrap();
    assert_eq!(import(&archive, &cut).failed(), 0);
}

#[test]
fn a_path_that_holds_nothing_is_named_and_the_others_are_imported() {
    let folder = Folder::new();
    folder.write("empty/notes.txt", "");
    let good = folder.write("good.jsonl", "1\n");
    for (name, expected) in [("missing", "missing: "), ("empty", "no log")] {
        let archive = Archive::in_memory().unwrap();
        let paths = [folder.path().join(name), good.clone()];
        let report = Import::new(&archive).run(&paths, None).unwrap();
        assert_eq!((report.failed(), report.new_entries()), (1, 1));
        let unreadable = &report.unreadable[0];
        assert_eq!(unreadable.path, paths[0]);
        assert_eq!(unreadable.kind, std::io::ErrorKind::NotFound);
        assert!(unreadable.message.contains(expected), "{unreadable:?}");
        assert!(nothing_to_import(&paths[..1], BadLines::Fail, LastLine::ByLayout).is_some());
    }
}

#[cfg(unix)]
mod unix {
    use std::ffi::OsStr;
    use std::fs::{self, File};
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::os::unix::net::UnixListener;
    use std::process::Command;

    use super::*;

    #[test]
    fn links_sockets_pipes_and_names_that_are_no_text_stop_nothing() {
        let folder = Folder::new();
        let at = |name: &str| folder.path().join(name);
        folder.write("a.jsonl", "1\n");
        folder.write("z/z.jsonl", "1\n");
        let odd = folder.path().join(OsStr::from_bytes(b"odd\xff.jsonl"));
        fs::write(&odd, "1\n").unwrap();
        symlink("nowhere", at("broken")).unwrap();
        symlink("nowhere", at("broken.jsonl")).unwrap();
        symlink("loop.jsonl", at("loop.jsonl")).unwrap();
        symlink("..", at("z/up")).unwrap();
        symlink("../a.jsonl", at("z/linked.jsonl")).unwrap();
        let _socket = UnixListener::bind(at("socket")).unwrap();
        let made = Command::new("mkfifo").arg(at("pipe.jsonl")).status();
        assert!(made.unwrap().success());

        let archive = Archive::in_memory().unwrap();
        let report = import(&archive, folder.path());
        assert_eq!(report.new_entries(), 4, "{report:#?}");
        let unreadable = report.unreadable.iter();
        let unreadable: Vec<_> = unreadable.map(|item| item.path.clone()).collect();
        let expected = ["broken", "broken.jsonl", "loop.jsonl", "pipe.jsonl"].map(at);
        assert_eq!(unreadable, expected);
        assert_eq!(report.failed(), 4);
        let expected = [
            ("socket".into(), PassedOverKind::Special),
            ("z/up".into(), PassedOverKind::FolderLink),
        ];
        assert_eq!(names(&folder, &report), expected.into());
        serde_json::to_string(&report).unwrap();
    }

    #[test]
    fn a_folder_that_cannot_be_read_stops_nothing() {
        // With a path longer than the system takes, which also root cannot read.
        let folder = Folder::new();
        folder.write("a.jsonl", "1\n");
        folder.write("z.jsonl", "1\n");
        let name = "n".repeat(250);
        let deep = "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18; do mkdir \"$1\"; cd -P \"$1\"; done; echo 1 > b.jsonl";
        let status = Command::new("sh")
            .args(["-c", deep, "sh", &name])
            .current_dir(folder.path())
            .status();
        assert!(status.unwrap().success());
        let archive = Archive::in_memory().unwrap();
        let report = import(&archive, folder.path());
        assert_eq!(
            (report.failed(), report.new_entries()),
            (1, 2),
            "{report:?}"
        );
        let unreadable = &report.unreadable[0];
        assert!(unreadable.message.contains("too long"), "{unreadable:?}");
    }

    #[test]
    fn a_folder_or_a_file_without_permission_stops_nothing() {
        let folder = Folder::new();
        let closed = folder.write("closed/b.jsonl", "1\n");
        let closed = closed.parent().unwrap();
        let unreadable = folder.write("c.jsonl", "1\n");
        folder.write("a.jsonl", "1\n");
        for path in [closed, &unreadable] {
            fs::set_permissions(path, PermissionsExt::from_mode(0o000)).unwrap();
        }
        if File::open(&unreadable).is_ok() {
            eprintln!("SKIPPED: this user may read everything");
            return;
        }
        let archive = Archive::in_memory().unwrap();
        let report = import(&archive, folder.path());
        assert_eq!((report.failed(), report.new_entries()), (2, 1));
        assert_eq!(report.unreadable[0].path, closed);
        fs::set_permissions(closed, PermissionsExt::from_mode(0o700)).unwrap();
    }
}
