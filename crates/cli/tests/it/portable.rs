//! `backup`, `extract`, `merge`, `prune`, and paths that are rebased.

use std::fs;
use std::process::Command;

use serde_json::Value;
use sessiondb::{Archive, StoreError};

use crate::place::{Place, Run, feed, new_ids, samples, sessiondb, tree};
use crate::raw::raw;

/// Runs a command on another file than the archive of the place.
fn run(archive: &str, command: &str, args: &[&str]) -> Run {
    let mut sessiondb: Command = sessiondb();
    sessiondb.args(["-a", archive, command]).args(args);
    feed(sessiondb, b"")
}

fn exported(place: &Place, archive: &str, dir: &str) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let dir = place.path(dir);
    run(archive, "export", &[dir.to_str().unwrap()]).code(0);
    tree(&dir)
}

fn text(place: &Place, name: &str) -> String {
    place.path(name).to_str().unwrap().to_owned()
}

fn ids_of(place: &Place) -> Vec<String> {
    let listed = place.run("ls", &["--json"]).code(0).json_lines();
    let ids = listed.as_array().unwrap().iter();
    ids.map(|session| session["id"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_backup_exports_the_same_and_is_not_written_over() {
    let place = Place::with_samples();
    let out = text(&place, "copy.sessiondb");
    place.run("backup", &[&out]).code(0).err("7 sessions");
    assert_eq!(exported(&place, &out, "back"), tree(&samples()));
    run(&out, "check", &[]).code(0);
    place
        .run("backup", &[&out])
        .code(1)
        .err("there is a file already");
    let other = text(&place, "other.sessiondb");
    let report = place.run("backup", &[&other, "--json"]).code(0).json();
    assert_eq!(report["sessions"], 7);
    let len = fs::metadata(&other).unwrap().len();
    assert_eq!(report["file_bytes"].as_u64(), Some(len));
}

#[test]
#[cfg(unix)]
fn a_backup_that_is_killed_leaves_nothing_or_all_at_its_path() {
    let place = Place::new();
    let archive = Archive::open(place.archive()).unwrap();
    let entry = format!("\"{}\"", "x".repeat(1 << 20));
    for _ in 0..60 {
        let (session, segment) = new_ids();
        archive
            .log(session, segment)
            .append(&raw(entry.as_bytes()))
            .unwrap();
    }
    archive.close().unwrap();
    let begun = |name: &str| name.starts_with('.');
    let mut killed = 0;
    for round in 0..4 {
        let name = format!("{round}.copy");
        let mut child = place
            .command("backup", &[&text(&place, &name)])
            .spawn()
            .unwrap();
        while !names(&place).iter().any(|name| begun(name)) && child.try_wait().unwrap().is_none() {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        child.kill().unwrap();
        let ended_by_itself = child.wait().unwrap().success();
        if place.path(&name).exists() {
            run(&text(&place, &name), "check", &[])
                .code(0)
                .err("60 sessions");
        } else {
            assert!(!ended_by_itself);
        }
        killed += u32::from(!ended_by_itself);
        for name in names(&place).iter().filter(|name| begun(name)) {
            fs::remove_file(place.path(name)).unwrap();
        }
    }
    assert!(
        killed > 0,
        "each backup had ended before it could be killed"
    );
    place
        .run("backup", &[&text(&place, "last.copy")])
        .code(0)
        .err("60 sessions");
}

/// The names in the folder of the place.
fn names(place: &Place) -> Vec<String> {
    let entries = fs::read_dir(place.folder.path()).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

#[test]
fn extracted_sessions_merge_into_what_they_came_from() {
    let place = Place::with_samples();
    let ids = ids_of(&place);
    let (one, rest) = (
        text(&place, "one.sessiondb"),
        text(&place, "rest.sessiondb"),
    );
    place
        .run("extract", &[&one, &ids[0]])
        .code(0)
        .err("1 session");
    let others: Vec<&str> = ids[1..].iter().map(String::as_str).collect();
    place
        .run("extract", &[&[rest.as_str()], &others[..]].concat())
        .code(0);
    place
        .run("extract", &[&text(&place, "none"), "ffff"])
        .code(3)
        .err("ffff");
    assert!(!place.path("none").exists());

    let all = text(&place, "all.sessiondb");
    let merged = run(&all, "merge", &[&one, &rest]).code(0).out(&ids[0]);
    assert_eq!(merged.stdout.matches("added").count(), 7);
    assert_eq!(exported(&place, &all, "back"), tree(&samples()));
    run(&all, "merge", &[&one, &rest])
        .code(0)
        .err("nothing new");
    run(&all, "merge", &[&all]).code(1).err("with itself");
    run(&all, "merge", &[&text(&place, "none")])
        .code(3)
        .err("no such archive");
}

#[test]
fn a_conflict_is_listed_and_the_others_are_merged() {
    let place = Place::new();
    let (one, two) = (new_ids(), new_ids());
    place.append(one, "1\n2\n").code(0);
    place.append(two, "1\n").code(0);
    let there = text(&place, "there.sessiondb");
    place.run("backup", &[&there]).code(0);
    let append = |archive: &str, (session, segment): (uuid::Uuid, uuid::Uuid), line: &str| {
        let archive = Archive::open(archive).unwrap();
        archive
            .log(session, segment)
            .append(&raw(line.as_bytes()))
            .unwrap();
    };
    append(&there, one, "3");
    append(&there, two, "2");
    place.append(one, "4\n").code(0);

    let dry = place
        .run("merge", &["--on-conflict=skip", "--dry-run", &there])
        .code(8)
        .out("would extend");
    assert!(dry.stderr.contains("would be left"), "{dry:?}");
    assert_eq!(place.raw(two.1), "1\n");
    let place_of_it = format!("session {}, segment {}: entry 2 differs", one.0, one.1);
    let merged = place
        .run("merge", &["--on-conflict", "skip", &there])
        .code(8)
        .out("conflict")
        .err(&place_of_it);
    assert!(merged.stdout.contains("extended"), "{merged:?}");
    assert_eq!(place.raw(one.1), "1\n2\n4\n");
    assert_eq!(place.raw(two.1), "1\n2\n");
    let report = place
        .run("merge", &["--on-conflict=skip", "--json", &there])
        .code(8)
        .json();
    assert_eq!(
        (&report["conflicts"], &report["new_entries"]),
        (&1.into(), &0.into())
    );
    let sessions = report["others"][0]["sessions"].as_array().unwrap();
    let conflict = sessions
        .iter()
        .find_map(|session| session["outcome"].get("conflict"));
    assert_eq!(conflict.unwrap()[0]["entry"], 2);
    place
        .run("merge", &["--on-conflict=ask", &there])
        .code(2)
        .err("branch, skip");

    // Otherwise it becomes a branch, and all is well.
    let dry = place.run("merge", &["--dry-run", &there]).code(0);
    assert!(dry.stdout.contains("1 of them for what differs"), "{dry:?}");
    place
        .run("merge", &[&there])
        .code(0)
        .out("1 new segment, 1 of them for what differs");
    assert_eq!(place.raw(one.1), "1\n2\n4\n");
    let listed = place.run("ls", &[&one.0.to_string(), "--json"]).code(0);
    assert_eq!(listed.json_lines().as_array().unwrap().len(), 2);
    place.run("merge", &[&there]).code(0).err("nothing new");
    // A dry run into nothing makes nothing.
    let new = text(&place, "new.sessiondb");
    run(&new, "merge", &["--dry-run", &there]).code(3);
    assert!(!place.path("new.sessiondb").exists());
}

#[test]
fn what_was_taken_away_comes_back_only_when_told() {
    let place = Place::new();
    let [removed, cut, pruned] = [(); 3].map(|()| new_ids());
    for ids in [pruned, removed, cut] {
        place.append(ids, "1\n2\n3\n").code(0);
    }
    let there = text(&place, "there.sessiondb");
    place.run("backup", &[&there]).code(0);
    place
        .run("prune", &["--keep-last=2", "--now", "--yes"])
        .code(0)
        .out(&pruned.0.to_string());
    place
        .run("rm", &["--now", "--yes", &removed.0.to_string()])
        .code(0);
    place
        .run("truncate", &["--yes", &cut.1.to_string(), "1"])
        .code(0);
    place
        .run("merge", &[&there])
        .code(0)
        .err("2 sessions, 2 entries left out")
        .err("--again")
        .err("nothing new");
    assert_eq!(ids_of(&place).len(), 1);
    assert_eq!(place.raw(cut.1), "1\n");
    let report = place.run("merge", &["--json", &there]).code(0).json();
    assert_eq!(report["left_out"]["sessions"], 2);
    assert_eq!(report["left_out"]["entries"], 2);
    let outcomes = report["others"][0]["sessions"].as_array().unwrap();
    let forgotten = outcomes.iter().filter(|one| one["outcome"] == "forgotten");
    assert_eq!(forgotten.count(), 2);

    let back = place.run("merge", &["--again", &there]).code(0);
    assert!(!back.stderr.contains("left out"), "{back:?}");
    assert_eq!(ids_of(&place).len(), 3);
    assert_eq!(place.raw(cut.1), "1\n2\n3\n");
    let archive = place.archive();
    assert_eq!(
        exported(&place, &there, "one"),
        exported(&place, archive.to_str().unwrap(), "two")
    );
    place.run("merge", &[&there]).code(0).err("nothing new");
}

#[test]
fn paths_are_rebased_by_export_import_and_merge() {
    let place = Place::new();
    let ids = new_ids();
    place.append(ids, "1\n").code(0);
    let set = |cwd: &str| {
        let archive = Archive::open(place.archive()).unwrap();
        let cwd = [("cwd".to_owned(), cwd.into())].into_iter().collect();
        archive.set_metadata(ids.0, &cwd).unwrap();
        archive.close().unwrap();
    };
    let cwd = |archive: &str| -> Value {
        let listed = run(archive, "ls", &["--json"]).code(0).json_lines();
        listed[0]["metadata"]["cwd"].clone()
    };
    set("/home/ann/a");
    let dir = text(&place, "dir");
    place
        .run("export", &[&dir, "--relocate", "/home/ann=/b"])
        .code(0)
        .out("session.json");
    let (one, two) = (text(&place, "one"), text(&place, "two"));
    run(
        &one,
        "import",
        &[&dir, "--relocate", "/b=/c", "--relocate", "/b/a=/d"],
    )
    .code(0);
    assert_eq!(cwd(&one), "/d");
    run(&one, "import", &[&dir])
        .code(0)
        .err("metadata of session")
        .err("nothing new");
    let archive = place.archive();
    run(
        &two,
        "merge",
        &[archive.to_str().unwrap(), "--relocate=/home/ann=/e"],
    )
    .code(0);
    assert_eq!(cwd(&two), "/e/a");
    run(&two, "merge", &[&one, "--relocate", "/home"])
        .code(2)
        .err("OLD=NEW");
}

#[test]
fn prune_shows_first_and_removes_when_told() {
    let place = Place::with_samples();
    let ids = ids_of(&place);
    place.run("prune", &[]).code(2).err("--keep-last");
    for wrong in [
        "--older-than=30",
        "--older-than=d",
        "--older-than=-1d",
        "--max-size=2X",
    ] {
        place
            .run("prune", &[wrong])
            .code(2)
            .err("give a whole number");
    }
    let shown = place
        .run("prune", &["--keep-last", "3"])
        .code(0)
        .err("would put into the trash 4 sessions");
    assert_eq!(shown.stdout.lines().count(), 5, "{shown:?}");
    assert_eq!(ids_of(&place), ids);
    let plan = place
        .run("prune", &["--keep-last", "3", "--json"])
        .code(0)
        .json();
    assert_eq!(plan["sessions"].as_array().unwrap().len(), 4);
    assert_eq!(plan["pruned"], Value::Null);
    place
        .run("prune", &["--max-size", "1G", "--older-than", "5000w"])
        .code(0)
        .err("nothing to remove");

    let done = place
        .run("prune", &["--keep-last", "3", "--now", "--yes", "--json"])
        .code(0)
        .json();
    assert_eq!(done["pruned"]["removed"].as_array().unwrap().len(), 4);
    assert_eq!(ids_of(&place), ids[..3]);
    place
        .run("prune", &["--max-size=0", "--now", "--yes"])
        .code(0)
        .err("removed 3 sessions");
    assert!(ids_of(&place).is_empty());
}

#[test]
fn archives_that_cannot_be_merged_are_named_and_the_others_are_merged() {
    let place = Place::with_samples();
    let [garbage, missing, merged] =
        ["garbage", "missing", "merged.sessiondb"].map(|name| text(&place, name));
    fs::write(&garbage, "no archive").unwrap();
    let samples = place.archive();
    let samples = samples.to_str().unwrap();

    run(&merged, "merge", &[&garbage, &missing])
        .code(6)
        .err("garbage: not a sessiondb archive")
        .err("missing: no such archive");
    assert!(!std::path::Path::new(&merged).exists());

    let report = run(&merged, "merge", &["--json", &garbage, samples, &missing])
        .code(8)
        .err("2 of 3 archives failed")
        .err("garbage: not a sessiondb archive")
        .err("missing: no such archive")
        .json();
    assert_eq!(report["failed"][0]["path"], *garbage);
    assert_eq!(report["others"][0]["path"], *samples);
    assert_eq!(exported(&place, &merged, "back"), tree(&self::samples()));
}

#[test]
fn sessions_of_which_the_archive_is_damaged_are_named_and_the_others_are_exported() {
    const MARK: &[u8] = b"a title that stands nowhere else";
    let place = Place::new();
    let archive = Archive::open(place.archive()).unwrap();
    let (damaged, whole) = (new_ids(), new_ids());
    for (session, segment) in [damaged, whole] {
        archive.log(session, segment).append(&raw(b"1")).unwrap();
        archive
            .update_metadata(session, |metadata| {
                let title = if session == damaged.0 { MARK } else { b"whole" };
                let title = String::from_utf8(title.to_vec()).unwrap();
                metadata.insert("title".to_owned(), title.into());
                Ok::<_, StoreError>(())
            })
            .unwrap();
    }
    archive.close().unwrap();
    let mut bytes = fs::read(place.archive()).unwrap();
    let marks: Vec<usize> = (0..bytes.len() - MARK.len())
        .filter(|&at| bytes[at..].starts_with(MARK))
        .collect();
    assert!(!marks.is_empty());
    for at in marks {
        bytes[at] ^= 1;
    }
    fs::write(place.archive(), bytes).unwrap();

    let out = text(&place, "out");
    let report = place
        .run("export", &["--json", &out])
        .code(8)
        .err(&damaged.0.to_string())
        .json();
    assert_eq!(
        report["unreadable"].as_array().unwrap().len(),
        1,
        "{report}"
    );
    let log = place.path(&format!("out/{}/{}.jsonl", damaged.0, damaged.1));
    assert_eq!(fs::read(log).unwrap(), b"1\n");
    let beside = place.path(&format!("out/{}/session.json", whole.0));
    assert!(fs::read_to_string(beside).unwrap().contains("whole"));
}
