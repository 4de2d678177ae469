//! The trash and hidden sessions: what lists them, what brings them back, what removes them, and the backup before.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};
use sessiondb::{Archive, SegmentId, SessionId};

use crate::place::{Place, new_ids};

type Ids = (SessionId, SegmentId);

/// A place with two sessions, in which "first" and "second" are said.
fn place() -> (Place, Ids, Ids) {
    let place = Place::new();
    let (first, second) = (new_ids(), new_ids());
    place.append(first, &entry("first")).code(0);
    place.append(second, &entry("second")).code(0);
    (place, first, second)
}

fn entry(text: &str) -> String {
    json!({"kind": "user_input", "ts": 1, "segments": [{"kind": "text", "content": text}]})
        .to_string()
        + "\n"
}

/// The sessions that a command lists, sorted.
fn listed(place: &Place, command: &str, args: &[&str]) -> Vec<String> {
    let lines = place.run(command, &[args, &["--json"]].concat()).code(0);
    let lines = lines.json_lines();
    let ids = lines.as_array().unwrap().iter();
    let mut ids: Vec<String> = ids
        .map(|line| line["id"].as_str().unwrap().to_owned())
        .collect();
    ids.sort();
    ids
}

fn text(id: SessionId) -> String {
    id.to_string()
}

#[test]
fn what_is_removed_is_in_the_trash_until_it_is_restored() {
    let (place, first, second) = place();
    let id = text(first.0);
    place
        .run("rm", &[&id])
        .code(0)
        .err("in the trash now: session")
        .err("restore");
    assert_eq!(listed(&place, "ls", &["--all"]), [text(second.0)]);
    assert_eq!(listed(&place, "ls", &["--trash"]), [&*id]);
    assert_eq!(listed(&place, "trash", &[]), [&*id]);
    let shown = place.run("trash", &["--full"]).code(0).out(&id);
    assert!(
        shown.stderr.contains("1 session in the trash with "),
        "{shown:?}"
    );
    let line = &place.run("trash", &["--json"]).code(0).json_lines()[0];
    assert!(line["trashed_ms"].is_u64(), "{line}");

    place.run("search", &["first"]).code(3);
    place.run("search", &["first", &id]).code(0);
    place.run("show", &[&id]).code(0).err("is in the trash");
    assert_eq!(place.raw(first.1), entry("first"));
    place.run("stats", &[]).code(0).out("1 session (");
    let stats = place.run("stats", &["--json"]).code(0).json();
    assert_eq!(
        (&stats["sessions"], &stats["trashed_sessions"]),
        (&json!(2), &json!(1))
    );
    let sums = place.run("stats", &["--by", "agent", "--json"]).code(0);
    assert_eq!(sums.json_lines()[0]["sessions"], 1);

    place.run("rm", &[&id]).code(0).err("in the trash already");
    let done = place.run("restore", &["--json", &id[..30]]).code(0);
    assert_eq!(
        done.json_lines()[0],
        json!({"session": id, "trashed": false, "hidden": false, "changed": true})
    );
    assert_eq!(listed(&place, "ls", &[]).len(), 2);
    place.run("trash", &[]).code(0).err("nothing of that");
}

#[test]
fn what_is_not_in_the_trash_is_not_restored_and_what_is_there_is_named() {
    let (place, first, second) = place();
    let [id, other] = [first.0, second.0].map(text);
    place
        .run("restore", &[&id])
        .code(3)
        .err("the trash is empty");
    place.run("rm", &[&id]).code(0);
    place
        .run("restore", &[&id, &other])
        .code(3)
        .err(&format!("session {id}  first"));
    assert_eq!(listed(&place, "trash", &[]), [&*id], "nothing was done");
    place.run("hide", &[&other, "abc"]).code(3);
    assert!(listed(&place, "ls", &[]).contains(&other));
}

#[test]
fn hidden_sessions_are_listed_and_searched_with_all() {
    let (place, first, second) = place();
    let id = text(first.0);
    place.run("hide", &[&id]).code(0).err("hidden: session");
    place.run("hide", &[&id]).code(0).err("is hidden already");
    assert_eq!(listed(&place, "ls", &[]), [text(second.0)]);
    assert_eq!(listed(&place, "ls", &["--all"]).len(), 2);
    place.run("ls", &["--all"]).code(0).out("(hidden) first");
    place.run("search", &["first"]).code(3);
    place.run("search", &["first", "--title", "first"]).code(3);
    place
        .run("search", &["first", "--all"])
        .code(0)
        .out("first");
    place.run("search", &["first", &id]).code(0);
    let page = |name: &str, args: &[&str]| {
        let out = place.path(name);
        let args = [&[out.to_str().unwrap(), "--json"], args].concat();
        place.run("html", &args).code(0).json()["sessions"].clone()
    };
    assert_eq!(page("one", &[]), 1);
    assert_eq!(page("all", &["--all"]), 2);
    assert_eq!(page("named", &[&id]), 1);
    place.run("unhide", &[&id]).code(0).err("listed again");
    assert_eq!(listed(&place, "ls", &[]).len(), 2);
}

#[test]
fn only_what_has_been_there_for_long_is_removed_for_good() {
    let (place, first, second) = place();
    let [id, other] = [first.0, second.0].map(text);
    for id in [&id, &other] {
        place.run("rm", &[id]).code(0);
    }
    // One of them went there 40 days ago, and nothing was written to it since.
    let archive = Archive::open(place.archive()).unwrap();
    let days_ago = sessiondb::now_ms() - 40 * 24 * 3_600_000;
    archive.delete_session(first.0).unwrap();
    let log = archive.log(first.0, first.1).with_timestamp(days_ago);
    log.append(&1).unwrap();
    let key = format!("session/{id}/sessiondb/trash");
    archive
        .write_note(&key, &json!({"trashed_ms": days_ago}))
        .unwrap();
    archive.close().unwrap();

    let told = place
        .run("trash", &["empty"])
        .code(0)
        .out(&id)
        .err("this would remove 1 session");
    assert!(!told.stdout.contains(&other), "{told:?}");
    assert_eq!(listed(&place, "trash", &[]).len(), 2);
    let plan = place
        .run("trash", &["empty", "--json", "--dry-run"])
        .code(0)
        .json();
    assert_eq!(
        (&plan["sessions"][0]["id"], &plan["pruned"]),
        (&json!(id), &Value::Null)
    );
    place
        .run("trash", &["empty", "--older-than", "41d", "--yes"])
        .code(0)
        .err("removed 0 sessions");
    place
        .run("trash", &["empty", "--yes"])
        .code(0)
        .err("removed 1 session");
    assert_eq!(listed(&place, "trash", &[]), [&*other]);
    place.run("show", &[&id]).code(3);
    place
        .run("trash", &["empty", "--all", "--yes", "--json"])
        .code(0)
        .out(&other);
    assert!(listed(&place, "trash", &[]).is_empty());
}

#[test]
fn a_segment_has_no_trash() {
    let (place, first, _) = place();
    let segment = text(first.1);
    place
        .run("rm", &[&segment])
        .code(2)
        .err("no trash for single segments")
        .err("--now");
    assert_eq!(place.raw(first.1), entry("first"));
    place.run("rm", &[&segment, "--now", "--yes"]).code(0);
    place.run("show", &[&segment]).code(3);
}

#[test]
fn pruned_sessions_can_be_restored() {
    let (place, ..) = place();
    let done = place
        .run("prune", &["--keep-last=1", "--yes", "--json"])
        .code(0);
    let pruned = done.json()["pruned"]["removed"][0].clone();
    assert_eq!(listed(&place, "trash", &[]), [pruned.as_str().unwrap()]);
    // What is there already is pruned no more.
    place
        .run("prune", &["--keep-last=1"])
        .code(0)
        .err("nothing to remove of 1 session");
    place.run("restore", &[pruned.as_str().unwrap()]).code(0);
    assert_eq!(listed(&place, "ls", &[]).len(), 2);
}

const SESSION: &str = "0a1b2c3d-4e5f-4061-8071-2a3b4c5d6e7f";

/// The log of a session of Claude Code, as far as it has come.
fn log(place: &Place, prompts: &[&str]) -> PathBuf {
    let folder = place.path("home/.claude/projects/-src");
    fs::create_dir_all(&folder).unwrap();
    let line = |text: &&str| {
        json!({"type": "user", "sessionId": SESSION, "isSidechain": false,
               "message": {"role": "user", "content": text}})
        .to_string()
            + "\n"
    };
    let path = folder.join(format!("{SESSION}.jsonl"));
    fs::write(&path, prompts.iter().map(line).collect::<String>()).unwrap();
    path
}

#[test]
fn what_comes_in_stays_in_the_trash_until_it_is_asked_for_again() {
    let place = Place::new();
    let path = log(&place, &["One"]);
    let home = place.path("home");
    let sync = |args: &[&str]| {
        let home = home.to_str().unwrap();
        place
            .run("sync", &[&["--home", home], args].concat())
            .code(0)
    };
    let import = |args: &[&str]| {
        let path = path.to_str().unwrap();
        place.run("import", &[&[path], args].concat()).code(0)
    };
    let kept = "1 session is in the trash and stays there; `--again` restores it";
    sync(&[]);
    place.run("rm", &[SESSION]).code(0);
    place.run("hide", &[SESSION]).code(0);
    sync(&[])
        .out("1 unchanged, 1 session in the trash")
        .err(kept);
    import(&[]).err(kept);

    log(&place, &["One", "Two"]);
    let report = sync(&["--json"]).json();
    let agent = &report["agents"][0];
    assert_eq!(
        (&agent["new_entries"], &agent["in_trash"]),
        (&json!(1), &json!(1))
    );
    log(&place, &["One", "Two", "Three"]);
    import(&[]).err("1 new entry").err(kept);
    assert_eq!(listed(&place, "trash", &[]), [SESSION]);
    assert!(listed(&place, "ls", &["--all"]).is_empty());
    let listed_after = import(&["--list", "--json"]).json();
    assert_eq!(listed_after["sessions"], json!([]));
    // Its log is not freed as long as all of it may go.
    let free = place.run("free", &["--json"]).code(0).json();
    assert_eq!(free["files"][0]["outcome"], json!({"kept": "in_trash"}));

    let again = import(&["--again"]);
    assert!(!again.stderr.contains("trash"), "{again:?}");
    assert!(listed(&place, "trash", &[]).is_empty());
    let session = &place.run("ls", &["--all", "--json"]).code(0).json_lines()[0];
    assert_eq!(
        (&session["entries"], &session["hidden"]),
        (&json!(3), &json!(true))
    );
}

#[test]
fn what_was_emptied_stays_away() {
    let place = Place::new();
    let path = log(&place, &["One"]);
    let import = |args: &[&str]| {
        let path = path.to_str().unwrap();
        place.run("import", &[&[path], args].concat()).code(0)
    };
    import(&[]);
    place.run("rm", &[SESSION]).code(0);
    place.run("trash", &["empty", "--all", "--yes"]).code(0);
    import(&[]).err("1 entry of 1 file left out");
    assert!(listed(&place, "ls", &["--all"]).is_empty());
    import(&["--again"]);
    assert_eq!(listed(&place, "ls", &[]), [SESSION]);
}

#[test]
fn merged_sessions_stay_where_they_are() {
    let (place, first, second) = place();
    let [id, other] = [first.0, second.0].map(text);
    let there = place.path("there.sessiondb");
    let there = there.to_str().unwrap();
    place.run("backup", &[there]).code(0);
    place.append(first, &entry("more")).code(0);
    let grown = place.path("grown.sessiondb");
    place.run("backup", &[grown.to_str().unwrap()]).code(0);
    place.run("rm", &[&id]).code(0);
    let copy = place.path("copy.sessiondb");
    place.run("backup", &[copy.to_str().unwrap()]).code(0);

    let of = |archive: &str, command: &str, args: &[&str]| {
        let mut run = crate::place::sessiondb();
        run.args(["-a", archive, command]).args(args);
        crate::place::feed(run, b"").code(0)
    };
    // Here in the trash: what the other has behind comes in there.
    of(there, "rm", &[&id]);
    of(there, "merge", &[grown.to_str().unwrap()])
        .out("1 entry")
        .err("1 session is in the trash and stays there");
    let trash = of(there, "trash", &["--json"]).json_lines();
    assert_eq!(
        (&trash[0]["id"], &trash[0]["entries"]),
        (&json!(id), &json!(2))
    );
    // In the trash there, and not here; and in use here.
    let new = place.path("new.sessiondb");
    let report = of(
        new.to_str().unwrap(),
        "merge",
        &[copy.to_str().unwrap(), "--json"],
    )
    .json();
    assert_eq!(report["in_trash"], 1);
    let in_use = of(new.to_str().unwrap(), "ls", &["--json"]).json_lines();
    assert_eq!(
        (in_use.as_array().unwrap().len(), &in_use[0]["id"]),
        (1, &json!(other))
    );
    of(grown.to_str().unwrap(), "merge", &[copy.to_str().unwrap()]).err("nothing new");
    assert_eq!(
        of(grown.to_str().unwrap(), "trash", &["--json"]).json_lines(),
        json!([])
    );
    of(there, "merge", &[grown.to_str().unwrap(), "--again"]);
    assert_eq!(of(there, "trash", &["--json"]).json_lines(), json!([]));
}

#[test]
fn an_export_of_all_leaves_the_trash_out() {
    let (place, first, _) = place();
    let id = text(first.0);
    place.run("rm", &[&id]).code(0);
    for layout in ["segments", "native", "markdown"] {
        let export = |name: &str, args: &[&str]| {
            let dir = place.path(&format!("{layout}-{name}"));
            let args = [&[dir.to_str().unwrap(), "--layout", layout, "--json"], args].concat();
            let done = place.run("export", &args).code(0);
            (done.json()["files"].as_array().unwrap().len(), done.stderr)
        };
        let (files, told) = export("in-use", &[]);
        assert_eq!(files, 1, "{layout}");
        assert!(
            told.contains("1 session left out, in the trash"),
            "{layout}: {told}"
        );
        let (files, told) = export("all", &["--trash"]);
        assert_eq!(files, 2, "{layout}");
        assert!(!told.contains("left out"), "{layout}: {told}");
        let (files, told) = export("named", &[&id]);
        assert_eq!(files, 1, "{layout}");
        assert!(told.contains("is in the trash"), "{layout}: {told}");
    }
}

/// The backups beside the archive.
fn backups(place: &Place) -> Vec<PathBuf> {
    let files = fs::read_dir(place.folder.path()).unwrap();
    let files = files.map(|file| file.unwrap().path());
    let is_backup = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.starts_with("test-") && path.extension().is_some_and(|end| end == "sessiondb")
    };
    files.filter(is_backup).collect()
}

#[test]
fn a_backup_is_written_before_anything_is_taken_away() {
    let (place, first, second) = place();
    let [id, other] = [first.0, second.0].map(text);
    let run = |command: &str, args: &[&str]| {
        let done = place.run(command, &[args, &["--json"]].concat()).code(0);
        let named = PathBuf::from(done.json()["backup"].as_str().unwrap());
        assert!(done.stderr.contains(named.to_str().unwrap()), "{done:?}");
        named
    };
    let sessions = |path: &PathBuf| {
        let stats = Archive::open(path).unwrap().stats().unwrap();
        (stats.sessions, stats.entries)
    };
    let named = run("erase", &[&id, "0", "--yes", "--backup"]);
    assert_eq!(backups(&place), std::slice::from_ref(&named));
    let erased = Archive::open(&named).unwrap();
    let log = erased.log(first.0, first.1);
    let kept = log.read(..).unwrap().next().unwrap().unwrap();
    assert_eq!(kept.as_str(), entry("first").trim_end());
    let to = |name: &str| format!("--backup={}", place.path(name).display());
    let file = run("truncate", &[&id, "0", "--yes", &to("truncate")]);
    assert_eq!(sessions(&file), (2, 2));
    let file = run("rm", &[&id, "--now", "--yes", &to("rm")]);
    assert_eq!(sessions(&file), (2, 1));
    let file = run("compact", &[&to("compact")]);
    assert_eq!(sessions(&file), (1, 1));
    place.run("rm", &[&other]).code(0);
    let file = run("trash", &["empty", "--all", "--yes", &to("empty")]);
    assert_eq!(sessions(&file), (1, 1));
    place.append(new_ids(), "1\n").code(0);
    let file = run("prune", &["--max-size=0", "--now", "--yes", &to("prune")]);
    assert_eq!(sessions(&file), (1, 1));
    assert!(listed(&place, "ls", &[]).is_empty());
}

#[test]
fn without_its_backup_nothing_is_done() {
    let (place, first, _) = place();
    let id = text(first.0);
    place.run("rm", &[&text(new_id(&place))]).code(0);
    let taken = place.path("taken");
    fs::write(&taken, "mine").unwrap();
    let to = format!("--backup={}", taken.display());
    let before = place.run("stats", &["--json"]).code(0).json()["entries"].clone();
    for (command, args) in [
        ("rm", &[&*id, "--now", "--yes"][..]),
        ("truncate", &[&id, "0", "--yes"]),
        ("erase", &[&id, "0", "--yes"]),
        ("prune", &["--max-size=0", "--now", "--yes"]),
        ("compact", &[]),
        ("trash", &["empty", "--all", "--yes"]),
    ] {
        place
            .run(command, &[args, &[&to]].concat())
            .code(1)
            .err("there is a file already")
            .err("nothing was done");
        let stats = place.run("stats", &["--json"]).code(0).json();
        assert_eq!(stats["entries"], before, "{command}");
        assert_eq!(place.raw(first.1), entry("first"), "{command}");
    }
    assert_eq!(fs::read_to_string(&taken).unwrap(), "mine");
    // What takes nothing away needs none.
    place.run("rm", &[&id, "--backup"]).code(2).err("--now");
    place
        .run("prune", &["--keep-last=0", "--backup"])
        .code(2)
        .err("--now");
    assert!(listed(&place, "ls", &[]).contains(&id));
}

/// Another session.
fn new_id(place: &Place) -> SessionId {
    let ids = new_ids();
    place.append(ids, "1\n").code(0);
    ids.0
}
