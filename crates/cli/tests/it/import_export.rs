//! `import` and `export`.

#[path = "../../../../examples/make_samples/scenes.rs"]
mod scenes;
#[path = "../../../../examples/make_samples/script.rs"]
mod script;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use sessiondb::LogEntry;

use crate::place::{Place, feed, samples, sessiondb, tree};

#[test]
fn the_samples_come_back_byte_for_byte() {
    let place = Place::with_samples();
    let back = place.path("back");
    place.run("export", &[back.to_str().unwrap()]).code(0);
    assert!(tree(&samples()).len() >= 9);
    assert_eq!(tree(&back), tree(&samples()));
}

#[test]
fn the_samples_are_what_their_example_writes() {
    let mut written: Vec<_> = scenes::all()
        .iter()
        .flat_map(|segment| {
            let name = format!("{}/{}", segment.session, segment.id);
            [
                (
                    format!("{name}.jsonl").into(),
                    segment.entries.join("\n") + "\n",
                ),
                (
                    format!("{name}.trace.jsonl").into(),
                    segment.traces.join("\n") + "\n",
                ),
            ]
        })
        .map(|(path, lines): (PathBuf, String)| (path, lines.into_bytes()))
        .filter(|(_, lines)| lines != b"\n")
        .collect();
    written.sort();
    assert!(
        written == tree(&samples()),
        "run `cargo run --example make_samples`"
    );
}

#[test]
fn every_sample_is_of_a_known_kind() {
    for (path, bytes) in tree(&samples()) {
        if path.to_string_lossy().ends_with(".trace.jsonl") {
            continue;
        }
        for line in std::str::from_utf8(&bytes).unwrap().lines() {
            let entry: LogEntry = serde_json::from_str(line).unwrap();
            assert!(!matches!(entry, LogEntry::Unknown(_)), "{line}");
            assert_eq!(serde_json::to_string(&entry).unwrap(), line);
        }
    }
}

#[test]
fn a_second_import_reports_nothing_new() {
    let place = Place::with_samples();
    let samples = samples();
    let again = place
        .run("import", &[samples.to_str().unwrap()])
        .code(0)
        .err("nothing new");
    assert!(!again.stdout.contains("imported"), "{again:#?}");
    let report = place
        .run("import", &["--json", samples.to_str().unwrap()])
        .code(0)
        .json();
    assert_eq!(report["new_entries"], 0);
    assert_eq!(
        report["files"].as_array().unwrap().len(),
        tree(&samples).len()
    );
}

#[test]
fn a_real_session_imports_lists_shows_and_exports() {
    let real = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/data/real/pi-large-session.jsonl");
    if !real.is_file() {
        eprintln!("SKIPPED: {} is not there", real.display());
        return;
    }
    let place = Place::new();
    place
        .run("import", &[real.to_str().unwrap()])
        .code(0)
        .err("1019 new entries");
    place
        .run("import", &[real.to_str().unwrap()])
        .code(0)
        .err("nothing new");
    let listed = place.run("ls", &["--json"]).code(0).json_lines();
    let session = listed[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(listed[0]["entries"], 1019);
    let lines = place.run("show", &["--entries", &session]).code(0).stdout;
    assert_eq!(lines.lines().count(), 1019);
    let back = place.path("back");
    place.run("export", &[back.to_str().unwrap()]).code(0);
    let bytes = |folder: &Path| -> Vec<_> { tree(folder).into_iter().map(|(_, b)| b).collect() };
    assert_eq!(bytes(&back), [fs::read(&real).unwrap()]);
}

#[test]
fn a_list_follows_the_import() {
    let place = Place::new();
    let samples = samples();
    let listed = place
        .run("import", &["--list", samples.to_str().unwrap()])
        .code(0)
        .out("SESSION");
    assert_eq!(
        listed.stdout.matches("imported").count(),
        tree(&samples).len()
    );
    let json = place
        .run("import", &["--list", "--json", samples.to_str().unwrap()])
        .code(0)
        .json();
    assert_eq!(json["sessions"].as_array().unwrap().len(), 7);
}

#[test]
fn one_bad_file_fails_alone() {
    let place = Place::new();
    let logs = place.path("logs");
    fs::create_dir(&logs).unwrap();
    fs::write(logs.join("good.jsonl"), "{\"n\":1}\n").unwrap();
    fs::write(
        logs.join("bad.jsonl"),
        "{\"n\":1}\n{\"n\":2}{\"n\":3}\n{\"n\":4}\n",
    )
    .unwrap();
    let logs = logs.to_str().unwrap();

    let run = place
        .run("import", &["--bad-lines=fail", logs])
        .code(8)
        .err("bad.jsonl")
        .err("1 of 2 files");
    assert!(run.stdout.contains("failed"), "{run:#?}");
    assert_eq!(entries(&place), 1);

    for (option, count) in [("skip", 2), ("split", 4), ("mend", 4), ("keep", 3)] {
        let place = Place::new();
        place
            .run("import", &["--bad-lines", option, logs])
            .code(0)
            .err("bad.jsonl:2");
        assert_eq!(entries(&place), count + 1, "{option}");
    }
}

/// The id of the only segment.
fn only_segment(place: &Place) -> String {
    let sessions = place.run("ls", &["--json"]).code(0).json_lines();
    let session = sessions[0]["id"].as_str().unwrap();
    let segments = place.run("ls", &["--json", session]).code(0).json_lines();
    segments[0]["id"].as_str().unwrap().to_owned()
}

/// A crash has left a hole of zero bytes: in the middle of a line, instead of lines, and at the end.
#[test]
fn holes_are_dropped_unless_told_otherwise_and_what_is_whole_beside_them_is_kept() {
    let place = Place::new();
    let log = place.path("log.jsonl");
    let path = log.to_str().unwrap().to_owned();
    fs::write(
        &log,
        b"{\"n\":0}\n{\"n\":\0\0\0\0{\"n\":2}\n\0\0\0\n{\"n\":3}\n\0\0",
    )
    .unwrap();
    place
        .run("import", &["--bad-lines=fail", &path])
        .code(8)
        .err("log.jsonl:2")
        .err("--bad-lines=drop-nuls");
    assert!(!place.archive().exists());
    place.run("import", &[&path]).code(0).err("log.jsonl:2");
    let segment = only_segment(&place);
    let shown = place.run("show", &["--raw", &segment]).code(0);
    assert_eq!(shown.stdout, "{\"n\":0}\n{\"n\":2}\n{\"n\":3}\n");
}

/// What fits no type, or no number that a program calculates with, is shown as it was written.
#[test]
fn what_was_written_is_what_is_shown_and_exported() {
    const LINES: [&str; 5] = [
        r#"{"kind":"user_input","ts":1,"n":12345678901234567890123456789.10e+400}"#,
        r#"{"kind":"user_input","kind":"invoke","ts":1}"#,
        r#"{"kind":"later","text":"\ud800 and \u0000"}"#,
        r#"{ "kind" : "assistant_items", "ts": "never" }"#,
        "[[[[1.0,1.00,-0]]]]",
    ];
    let place = Place::new();
    let log = place.path("log.jsonl");
    fs::write(&log, LINES.join("\n") + "\n").unwrap();
    place.run("import", &[log.to_str().unwrap()]).code(0);
    let segment = only_segment(&place);
    let raw = place.run("show", &["--raw", &segment]).code(0);
    assert_eq!(raw.stdout.lines().collect::<Vec<_>>(), LINES);
    let shown = place.run("show", &["--entries", &segment]).code(0);
    let json = place
        .run("show", &["--entries", "--json", &segment])
        .code(0);
    for (shown, text) in [
        (&shown, "12345678901234567890123456789.10e+400"),
        (&shown, r"\ud800 and \u0000"),
        (&shown, "[[[[1.0,1.00,-0]]]]"),
        (&json, "12345678901234567890123456789.10e+400"),
        (&json, r"\ud800 and \u0000"),
        (&json, "[[[[1.0,1.00,-0]]]]"),
    ] {
        assert!(shown.stdout.contains(text), "{text}: {shown:#?}");
    }
    let out = place.path("out");
    place.run("export", &[out.to_str().unwrap()]).code(0);
    let exported = tree(&out);
    assert_eq!(exported.len(), 1, "{exported:?}");
    assert_eq!(exported[0].1, fs::read(&log).unwrap());
}

#[test]
fn a_file_that_diverged_becomes_a_branch_unless_told_otherwise() {
    let place = Place::new();
    let log = place.path("log.jsonl");
    let path = log.to_str().unwrap().to_owned();
    fs::write(&log, "{\"n\":1}\n{\"n\":2}\n").unwrap();
    place.run("import", &[&path]).code(0);
    fs::write(&log, "{\"n\":1}\n{\"n\":3}\n").unwrap();
    place
        .run("import", &["--on-conflict=fail", &path])
        .code(8)
        .err("--on-conflict=branch");
    assert_eq!(entries(&place), 2);
    place.run("import", &[&path]).code(0);
    place.run("import", &[&path]).code(0).err("nothing new");
    // The branch shares the first entry.
    assert_eq!(entries(&place), 4);
}

#[test]
fn export_of_one_session_and_over_a_file_that_differs() {
    let place = Place::with_samples();
    let (file, bytes) = tree(&samples()).remove(0);
    let session = file.parent().unwrap().to_str().unwrap();
    let back = place.path("back");
    let dir = back.to_str().unwrap();
    place.run("export", &[dir, session]).code(0);
    assert_eq!(tree(&back).len(), 2);

    fs::write(back.join(&file), "{\"mine\":true}\n").unwrap();
    let run = place.run("export", &[dir, session]).code(8).err("--force");
    assert!(
        run.stderr
            .contains(file.file_name().unwrap().to_str().unwrap()),
        "{run:#?}"
    );
    assert_eq!(fs::read(back.join(&file)).unwrap(), b"{\"mine\":true}\n");
    let report = place
        .run("export", &[dir, session, "--force", "--json"])
        .code(0)
        .json();
    assert!(report["files"].is_array(), "{report}");
    assert_eq!(fs::read(back.join(&file)).unwrap(), bytes);
}

#[test]
fn a_path_that_does_not_exist_is_named_and_makes_no_archive() {
    let place = Place::new();
    place
        .run("import", &["/does/not/exist"])
        .code(3)
        .err("/does/not/exist");
    assert!(!place.archive().exists());
    feed(sessiondb(), b"").code(2).err("Usage");
}

#[test]
fn no_archive_is_made_where_nothing_comes_in_and_one_where_something_does() {
    let place = Place::new();
    let file = |name: &str, content: &[u8]| {
        let path = place.path(name);
        fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let packed = file("a.jsonl.gz", b"\x1f\x8b\x08\0\0");
    let fused = file("fused.jsonl", b"1 2\n");
    let empty = file("empty.jsonl", b"");
    let missing = place.path("missing").to_str().unwrap().to_owned();

    place
        .run("import", &[&packed])
        .code(8)
        .err("a.jsonl.gz: it cannot be unpacked as gzip: ");
    // A shell may take a backslash for something else.
    let quote = if cfg!(windows) { "'" } else { "" };
    place
        .run("import", &["--bad-lines=fail", &fused, &missing])
        .code(8)
        .err("2 of 2 files failed")
        .err(&format!(
            "sessiondb -a {quote}{}{quote} import --bad-lines=split ",
            place.archive().display()
        ));
    let report = place.run("import", &["--json", &missing]).code(3).json();
    assert_eq!(report["unreadable"][0]["path"], *missing);
    assert!(!place.archive().exists());

    place
        .run("import", &[&missing, &packed, &empty])
        .code(8)
        .out("empty  ");
    assert!(place.archive().exists());
}

#[test]
fn what_was_passed_over_is_named_with_what_helps() {
    let place = Place::new();
    let logs = place.path("logs");
    fs::create_dir(&logs).unwrap();
    for n in 0..9 {
        fs::write(logs.join(format!("{n}.jsonl.xz")), "").unwrap();
    }
    fs::write(logs.join("a.jsonl"), "1\n").unwrap();
    fs::write(logs.join("b.json"), "{}").unwrap();
    let logs = logs.to_str().unwrap();
    place
        .run("import", &[logs])
        .code(0)
        .err("9 passed over (compressed; unpack it")
        .err("0.jsonl.xz")
        .err("and 4 more")
        .err("b.json");
    let report = place.run("import", &["--json", logs]).code(0).json();
    assert_eq!(report["passed_over"].as_array().unwrap().len(), 10);
    assert_eq!(report["passed_over"][9]["kind"], "json");
}

#[test]
fn quiet_means_that_nothing_is_said_of_what_went_well() {
    let place = Place::new();
    let (samples, back) = (samples(), place.path("back"));
    let (samples, back) = (samples.to_str().unwrap(), back.to_str().unwrap());
    let other = place.path("other.sessiondb");
    for (command, path) in [("import", samples), ("export", back)] {
        let run = place.run(command, &["-q", path]).code(0);
        assert_eq!((&*run.stdout, &*run.stderr), ("", ""), "{command}");
    }
    let mut merge = sessiondb();
    merge.arg("-a").arg(other).args(["merge", "-q"]);
    merge.arg(place.archive());
    let run = feed(merge, b"").code(0);
    assert_eq!((&*run.stdout, &*run.stderr), ("", ""));
}

#[test]
fn two_processes_import_the_same_folder_at_once() {
    let place = Place::new();
    let logs = place.path("logs");
    fs::create_dir(&logs).unwrap();
    for n in 0..20_usize {
        let lines = (0..n * 100).map(|line| format!("{{\"n\":{line}}}\n"));
        let lines = lines.collect::<Vec<_>>().concat();
        fs::write(logs.join(format!("{n}.jsonl")), lines).unwrap();
    }
    for _ in 0..3 {
        let started = [(); 2].map(|()| {
            let mut import = place.command("import", &[logs.to_str().unwrap(), "--json"]);
            import.stdout(std::process::Stdio::piped()).spawn().unwrap()
        });
        let reports = started.map(|child| {
            let output = child.wait_with_output().unwrap();
            assert_eq!(output.status.code(), Some(0), "{output:?}");
            serde_json::from_slice::<Value>(&output.stdout).unwrap()
        });
        let new = reports.map(|report| report["new_entries"].as_u64().unwrap());
        assert_eq!(new[0] + new[1], 19_000);
        assert_eq!(entries(&place), 19_000);
        fs::remove_file(place.archive()).unwrap();
    }
}

fn entries(place: &Place) -> u64 {
    let stats: Value = place.run("stats", &["--json"]).code(0).json();
    stats["entries"].as_u64().unwrap()
}
