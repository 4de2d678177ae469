use std::fs;
use std::io::Write;
use std::path::Path;

use sessiondb::jsonl::BadLines;
use sessiondb_logs::{Free, FreeOutcome, Import, Kept};

use crate::rooms::{Room, SESSION, claude, shared};

fn outcomes(room: &Room) -> Vec<FreeOutcome> {
    let report = Free::new(&room.archive).find(None).unwrap();
    report.files.into_iter().map(|file| file.outcome).collect()
}

fn outcome(room: &Room) -> FreeOutcome {
    let mut outcomes = outcomes(room);
    assert_eq!(outcomes.len(), 1, "{outcomes:?}");
    outcomes.remove(0)
}

#[test]
fn what_is_in_the_archive_as_a_whole_is_freed() {
    let room = Room::new();
    let [a, b] = ["a", "b"].map(claude);
    let whole = room.write("whole.jsonl", format!("\u{feff}{a}\r\n{b}"));
    room.import(&whole);
    assert_eq!(outcomes(&room), [FreeOutcome::Safe]);
    assert!(whole.exists());
    let len = fs::metadata(&whole).unwrap().len();
    let report = Free::new(&room.archive).run(None).unwrap();
    assert_eq!(
        (report.bytes, &report.files[0].outcome),
        (len, &FreeOutcome::Freed)
    );
    assert!(!whole.exists());
    // And it comes out as it was.
    room.export();
    assert_eq!(room.out()[0].1, format!("\u{feff}{a}\r\n{b}").into_bytes());
    assert_eq!(outcomes(&room), []);
}

#[test]
fn the_beginning_of_what_is_stored_is_freed_too() {
    let room = Room::new();
    let [a, b, c] = ["a", "b", "c"].map(claude);
    let short = room.write("a-short.jsonl", format!("{a}\n"));
    let long = room.write("b-long.jsonl", format!("{a}\n{b}\n"));
    let other = room.write("c-other.jsonl", format!("{a}\n{c}\n"));
    for log in [&short, &long, &other] {
        room.import(log);
    }
    assert_eq!(outcomes(&room), vec![FreeOutcome::Safe; 3]);
    let report = Free::new(&room.archive).run(None).unwrap();
    assert_eq!(report.causes().count(), 0);
    assert!(![short, long, other].iter().any(|path| path.exists()));
}

#[test]
fn what_was_mended_left_out_or_erased_stays() {
    let [a, b] = ["a", "b"].map(claude);
    for content in [
        format!("{a}{b}\n"),
        format!("{a}\n\0\0\0{b}\n"),
        format!("{a}\n\n{b}\n"),
        format!("{a}\n{{\"torn\":"),
    ] {
        let room = Room::new();
        let log = room.write("log.jsonl", &content);
        room.import(&log);
        assert!(
            matches!(outcome(&room), FreeOutcome::Kept(Kept::Differs { .. })),
            "{content}"
        );
        Free::new(&room.archive).run(None).unwrap();
        assert_eq!(fs::read_to_string(log).unwrap(), content);
    }
    let room = Room::new();
    let log = room.write("log.jsonl", format!("{a}\nbad\n"));
    let import = Import::new(&room.archive).bad_lines(BadLines::Keep);
    import.run(&[log], None).unwrap();
    assert_eq!(
        outcome(&room),
        FreeOutcome::Safe,
        "a line that was kept comes back"
    );
    let session = SESSION.parse().unwrap();
    room.archive.log(session, session).erase(0..1).unwrap();
    assert_eq!(
        outcome(&room),
        FreeOutcome::Kept(Kept::Differs { byte_offset: 2 })
    );
}

#[test]
fn a_file_that_changed_stays() {
    type Change = fn(&Path);
    let changes: [Change; 3] = [
        |path| {
            let mut file = fs::File::options().append(true).open(path).unwrap();
            file.write_all(b"{}\n").unwrap();
        },
        |path| {
            let content = fs::read_to_string(path).unwrap().replace('a', "b");
            fs::write(path, content).unwrap();
        },
        |path| {
            let file = fs::File::options().write(true).open(path).unwrap();
            file.set_modified(std::time::SystemTime::now()).unwrap();
        },
    ];
    for change in changes {
        let room = Room::new();
        let log = room.write("log.jsonl", format!("{}\n", claude("a")));
        room.import(&log);
        change(&log);
        assert_eq!(outcome(&room), FreeOutcome::Kept(Kept::Changed));
        Free::new(&room.archive).run(None).unwrap();
        assert!(log.exists());
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_that_somebody_has_open_stays() {
    let room = Room::new();
    let log = room.write("log.jsonl", format!("{}\n", claude("a")));
    room.import(&log);
    let open = fs::File::options().append(true).open(&log).unwrap();
    let process = std::process::id();
    let in_use = FreeOutcome::Kept(Kept::InUse { process });
    assert_eq!(outcome(&room), in_use);
    let report = Free::new(&room.archive).run(None).unwrap();
    assert_eq!((report.bytes, &report.files[0].outcome), (0, &in_use));
    drop(open);
    assert_eq!(outcome(&room), FreeOutcome::Safe);
}

#[cfg(unix)]
#[test]
fn a_link_stays() {
    let room = Room::new();
    let log = room.write("log.jsonl", format!("{}\n", claude("a")));
    let link = room.path("link.jsonl");
    std::os::unix::fs::symlink(&log, &link).unwrap();
    room.import(&link);
    assert_eq!(outcome(&room), FreeOutcome::Kept(Kept::NoFile));
}

#[cfg(unix)]
#[test]
fn a_file_that_cannot_be_deleted_is_named() {
    use std::os::unix::fs::PermissionsExt;

    let room = Room::new();
    let log = room.write("sealed/log.jsonl", format!("{}\n", claude("a")));
    room.import(&log);
    let set = |mode| fs::set_permissions(room.path("sealed"), fs::Permissions::from_mode(mode));
    set(0o500).unwrap();
    let probe = fs::write(room.path("sealed/probe"), "");
    let report = Free::new(&room.archive).run(None).unwrap();
    set(0o700).unwrap();
    if probe.is_ok() {
        eprintln!("SKIPPED: nothing is forbidden to this user");
        return;
    }
    let causes: Vec<&str> = report.causes().collect();
    assert!(causes[0].contains("log.jsonl"), "{causes:?}");
    assert!(log.exists());
}

#[test]
fn compressed_logs_are_compared_as_what_they_hold() {
    let room = Room::new();
    let text = format!("{}\n", claude("a"));
    let packed = zstd::encode_all(text.as_bytes(), 3).unwrap();
    let log = room.write("log.jsonl.zst", &packed);
    room.import(&log);
    let report = Free::new(&room.archive).run(None).unwrap();
    assert_eq!(report.files[0].outcome, FreeOutcome::Freed);
    assert_eq!(report.bytes, packed.len() as u64);
    room.export();
    assert_eq!(room.out()[0].1, text.as_bytes());
}

#[test]
fn documents_go_if_they_are_equal() {
    let Some(original) = shared("real/gemini/session-1.json") else {
        return;
    };
    let room = Room::new();
    let text = fs::read_to_string(original).unwrap();
    let log = room.write("chat.json", &text);
    room.import(&log);
    assert_eq!(outcome(&room), FreeOutcome::Safe);
    let session = room.archive.sessions().unwrap().next().unwrap().unwrap().id;
    let segment = room
        .archive
        .segments(session)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .id;
    room.archive.log(session, segment).append("more").unwrap();
    assert_eq!(outcome(&room), FreeOutcome::Kept(Kept::OtherDocument));
}

#[test]
fn sessions_of_many_files_stay() {
    let Some(storage) = shared("agents/opencode/storage_v2") else {
        return;
    };
    let room = Room::new();
    room.import(&storage);
    let outcomes = outcomes(&room);
    assert_eq!(outcomes, vec![FreeOutcome::Kept(Kept::ManyFiles); 2]);
}
