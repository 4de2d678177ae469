//! What cannot be done: the exit code and the message, and the file as it was.

use std::fs;
use std::io::Write;

use serde_json::json;
use sessiondb::{Archive, Sharing};

use crate::place::{Place, Run, feed, new_ids, sessiondb};

/// Every command but those that create an archive, with arguments that would do.
const ON_AN_ARCHIVE: [(&str, &[&str]); 18] = [
    ("ls", &[]),
    ("show", &["abc"]),
    ("show", &[]),
    ("follow", &[]),
    ("graph", &["abc"]),
    ("graph", &[]),
    ("export", &["out"]),
    ("branch", &["abc"]),
    ("truncate", &["--yes", "abc", "0"]),
    ("erase", &["--yes", "abc", "0"]),
    ("rm", &["--now", "--yes", "abc"]),
    ("trash", &[]),
    ("trash", &["empty"]),
    ("restore", &["abc"]),
    ("hide", &["abc"]),
    ("unhide", &["abc"]),
    ("stats", &[]),
    ("check", &[]),
];

fn append(place: &Place) -> Run {
    place.append(new_ids(), "{}\n")
}

#[test]
fn usage() {
    feed(sessiondb(), b"").code(2);
    for wrong in [
        &["frobnicate"][..],
        &["ls"],
        &["-a", "a.sessiondb"],
        &["-a", "a.sessiondb", "ls", ""],
        &["-a", "a.sessiondb", "show", "b", "--last", "x"],
    ] {
        let mut command = sessiondb();
        command.args(wrong);
        feed(command, b"").code(2);
    }
    let place = Place::new();
    place.run("ls", &["--lock-timeout", "soon"]).code(2);
    place
        .run("append", &["--session", "abc", "--segment", "abc"])
        .code(2)
        .err("--session");
}

#[test]
fn help_documents_the_exit_codes() {
    let mut command = sessiondb();
    command.arg("--help");
    let help = feed(command, b"").code(0);
    for line in [
        "2  wrong usage",
        "3  archive",
        "5  the archive is damaged",
        "6  not an",
        "7  busy",
        "8  done in part",
        "9  done, but",
    ] {
        assert!(help.stdout.contains(line), "{line}: {help:#?}");
    }
    let mut command = sessiondb();
    command.arg("--version");
    feed(command, b"").code(0).out(env!("CARGO_PKG_VERSION"));
}

#[test]
fn no_archive() {
    let place = Place::new();
    for (command, args) in ON_AN_ARCHIVE {
        place
            .run(command, args)
            .code(3)
            .err("sessiondb: ")
            .err("test.sessiondb: no such archive");
    }
    assert_eq!(fs::read_dir(place.folder.path()).unwrap().count(), 0);
}

#[test]
fn no_such_folder() {
    let place = Place::new();
    let mut command = sessiondb();
    command
        .args([
            "append",
            "--session",
            "aaaa0000-0000-7000-8000-000000000001",
        ])
        .args(["--segment", "aaaa0000-0000-7000-8000-000000000002"])
        .arg("-a")
        .arg(place.path("no/such/folder.sessiondb"));
    feed(command, b"{}\n").code(3).err("folder.sessiondb");
}

#[test]
fn a_directory() {
    let place = Place::new();
    fs::create_dir(place.archive()).unwrap();
    for (command, args) in ON_AN_ARCHIVE {
        place.run(command, args).code(6).err("test.sessiondb");
    }
    append(&place).code(6).err("test.sessiondb");
    assert_eq!(fs::read_dir(place.archive()).unwrap().count(), 0);
}

#[test]
fn not_an_archive() {
    let zeros = vec![0; 20_000];
    for bytes in [&b""[..], b"{\"kind\":\"invoke\"}\n", &zeros] {
        let place = Place::new();
        fs::write(place.archive(), bytes).unwrap();
        for (command, args) in ON_AN_ARCHIVE {
            place
                .run(command, args)
                .code(6)
                .err("not a sessiondb archive");
        }
        append(&place).code(6).err("not a sessiondb archive");
        assert_eq!(fs::read(place.archive()).unwrap(), bytes);
    }
}

#[cfg(unix)]
#[test]
fn no_permission() {
    let place = Place::new();
    append(&place).code(0);
    let mut forbidden = fs::metadata(place.archive()).unwrap().permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut forbidden, 0);
    fs::set_permissions(place.archive(), forbidden).unwrap();
    if fs::File::open(place.archive()).is_ok() {
        eprintln!("SKIPPED: this user may read everything");
        return;
    }
    for (command, args) in ON_AN_ARCHIVE {
        place.run(command, args).code(1).err("test.sessiondb");
    }
}

#[test]
fn busy() {
    let place = Place::new();
    append(&place).code(0);
    let held = Archive::options()
        .sharing(Sharing::Exclusive)
        .open(place.archive())
        .unwrap();
    place
        .run("stats", &["--lock-timeout", "0.1"])
        .code(7)
        .err("busy");
    let mut args = crate::place::ids(new_ids().0, new_ids().1);
    args.extend(["--lock-timeout", "0.1"]);
    place.run_with("append", &args, b"{}\n").code(7).err("busy");
    held.close().unwrap();
    place.run("stats", &[]).code(0);
}

#[test]
fn damaged() {
    const MARK: &[u8] = b"a text that stands nowhere else";
    let place = Place::new();
    let (session, segment) = new_ids();
    let entry = [b"{\"text\":\"", MARK, b"\"}\n"].concat();
    place
        .append((session, segment), std::str::from_utf8(&entry).unwrap())
        .code(0);
    let mut bytes = fs::read(place.archive()).unwrap();
    let marks: Vec<usize> = bytes
        .windows(MARK.len())
        .enumerate()
        .filter_map(|(at, window)| (window == MARK).then_some(at))
        .collect();
    assert!(!marks.is_empty());
    for at in marks {
        bytes[at] ^= 3;
    }
    fs::OpenOptions::new()
        .write(true)
        .open(place.archive())
        .unwrap()
        .write_all(&bytes)
        .unwrap();
    let id = segment.to_string();
    place.run("show", &["--raw", &id]).code(5).err(&id);
    place.run("check", &[]).code(5).out(&id).err("1 problem");
    let report = place.run("check", &["--json"]).code(5).json();
    assert_eq!(report["problems"].as_array().unwrap().len(), 1);
    assert_eq!(
        report["problems"][0]["entries"],
        json!({"from": 0, "to": 1})
    );
    recovered_in_part(&place, &id);
}

fn recovered_in_part(place: &Place, segment: &str) {
    let new = place.path("new.sessiondb");
    place
        .run("recover", &[new.to_str().unwrap()])
        .code(5)
        .out(segment)
        .out("entry 0: missing")
        .out("0 of 1 entries recovered")
        .err("1 entry is known to be missing");
    let mut check = sessiondb();
    check.arg("-a").arg(&new).arg("check");
    feed(check, b"").code(0);
    // It is not written over.
    place
        .run("recover", &[new.to_str().unwrap()])
        .code(1)
        .err("new.sessiondb: there is a file already");
}

#[test]
fn recovering_what_is_whole() {
    let place = Place::with_samples();
    let new = place.path("new.sessiondb");
    let before = fs::read(place.archive()).unwrap();
    let report = place
        .run("recover", &[new.to_str().unwrap(), "--json"])
        .code(0)
        .err("recovered everything")
        .json();
    assert_eq!(
        (&report["complete"], &report["basis"]),
        (&json!(true), &json!("newest"))
    );
    assert!(fs::read(place.archive()).unwrap() == before);
    let export = |archive: &std::path::Path, folder: &str| {
        let mut export = sessiondb();
        export.arg("-a").arg(archive).arg("export");
        export.arg(place.path(folder));
        feed(export, b"").code(0);
        crate::place::tree(&place.path(folder))
    };
    let (old, new) = (export(&place.archive(), "old"), export(&new, "new"));
    assert!(!old.is_empty() && old == new);
}

#[test]
fn recovering_what_is_no_archive() {
    let place = Place::new();
    fs::write(place.archive(), "{}").unwrap();
    let new = place.path("new.sessiondb");
    place
        .run("recover", &[new.to_str().unwrap()])
        .code(6)
        .err("not a sessiondb archive");
    assert!(!new.exists());
    fs::remove_file(place.archive()).unwrap();
    place.run("recover", &[new.to_str().unwrap()]).code(3);
}

#[test]
fn a_newer_format_version() {
    const VERSION_AT: usize = 16;
    const CHECKSUM_AT: usize = 4088;
    let place = Place::new();
    append(&place).code(0);
    let mut bytes = fs::read(place.archive()).unwrap();
    bytes[VERSION_AT..][..4].copy_from_slice(&77_u32.to_le_bytes());
    let checksum = xxhash_rust::xxh3::xxh3_64(&bytes[..CHECKSUM_AT]);
    bytes[CHECKSUM_AT..][..8].copy_from_slice(&checksum.to_le_bytes());
    fs::write(place.archive(), &bytes).unwrap();
    for (command, args) in ON_AN_ARCHIVE {
        place
            .run(command, args)
            .code(6)
            .err("format version 77, and this sessiondb supports");
    }
    append(&place).code(6).err("77");
    assert!(
        fs::read(place.archive()).unwrap() == bytes,
        "the file was changed"
    );
}

#[test]
fn messages_say_who_speaks() {
    let run = Place::new().run("ls", &[]).code(3);
    assert!(run.stderr.starts_with("sessiondb: "), "{run:#?}");
    assert_eq!(run.stdout, "");
}
