//! `redact`: what is found, what is rewritten, and that it stays so; and the same of what passes.

use std::fs;
use std::io::Read;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::read::DeflateDecoder;
use memchr::memmem;
use serde_json::{Value, json};
use sessiondb::{Archive, SegmentId, SessionId};

use crate::place::{Place, Run, new_ids, tree};

/// Drawn once; as random as any.
const TOKEN: &str = "ghp_R2hK8x2Lq9ZpW4vT7nR3akcR8QWm0sTzLq5d";
const PASSWORD: &str = "q7!Vb2#rT9xZ";
const SESSION: &str = "0a1b2c3d-4e5f-4061-8071-2a3b4c5d6e7f";

fn line(text: &str) -> String {
    json!({"kind": "note", "text": text}).to_string() + "\n"
}

/// A log of Claude Code whose title holds the token.
fn claude_log(lines: usize) -> String {
    let mut log = String::new();
    for number in 0..lines {
        let text = match number {
            0 => format!("Use {TOKEN} to push"),
            1 => format!("DB_PASSWORD={PASSWORD}\nhost=db"),
            number => format!("line {number}"),
        };
        log += &json!({
            "type": "user", "isSidechain": false, "sessionId": SESSION, "uuid": number.to_string(),
            "cwd": "/src/shop", "timestamp": "2026-05-01T10:00:00.000Z",
            "message": {"role": "user", "content": text},
        })
        .to_string();
        log += "\n";
    }
    log
}

fn holds(bytes: &[u8]) -> bool {
    [TOKEN, PASSWORD]
        .iter()
        .any(|secret| memmem::find(bytes, secret.as_bytes()).is_some())
}

fn is_told(run: &Run) -> bool {
    holds(run.stdout.as_bytes()) || holds(run.stderr.as_bytes())
}

/// Whether a secret comes out of the archive in any form.
fn comes_out(place: &Place) -> bool {
    let mut found = false;
    for (number, layout) in ["segments", "native", "markdown"].iter().enumerate() {
        let folder = place.path(&format!("out-{number}"));
        let _ = fs::remove_dir_all(&folder);
        place
            .run("export", &[folder.to_str().unwrap(), "--layout", layout])
            .code(0);
        found |= tree(&folder).iter().any(|(_, bytes)| holds(bytes));
    }
    found | is_told(&place.run("ls", &["--json"]).code(0)) | holds_notes(&place.archive())
}

fn holds_notes(archive: &Path) -> bool {
    let archive = Archive::options().read_only(true).open(archive).unwrap();
    let now = archive.snapshot().unwrap();
    let notes = now.notes("").unwrap().into_iter();
    let mut notes = notes.map(|key| now.read_note::<Value>(&key).unwrap().unwrap().to_string());
    notes.any(|note| holds(note.as_bytes()))
}

/// Two segments, a branch of the first, traces, metadata, a name and a note, all with secrets; some in the tables and
/// some in the journal.
fn planted(place: &Place) -> (SessionId, [SegmentId; 3]) {
    let (session, first) = new_ids();
    let (other, branch) = new_ids();
    let archive = Archive::open(place.archive()).unwrap();
    let log = archive.log(session, first);
    let entry = |text: &str| json!({"kind": "note", "text": text});
    log.append_many([entry("a"), entry(&format!("x {TOKEN}")), entry("b")])
        .unwrap();
    archive.checkpoint().unwrap();
    log.branch(2, branch)
        .unwrap()
        .append(&entry(&format!("PASSWORD={PASSWORD}")))
        .unwrap();
    archive
        .log(session, other)
        .append(&entry(&format!("\"{TOKEN}\"")))
        .unwrap();
    archive.trace(session, first).append(&entry(TOKEN)).unwrap();
    let metadata = json!({"title": format!("About {TOKEN}")});
    archive
        .set_metadata(session, metadata.as_object().unwrap())
        .unwrap();
    archive
        .write_note("app/login", &json!({"password": PASSWORD}))
        .unwrap();
    let record = json!({"pod_name": "ann", "text": TOKEN, "active": {"session_id": session}});
    archive.write_name("ann", &record).unwrap();
    archive.close().unwrap();
    (session, [first, other, branch])
}

#[test]
fn what_is_found_is_listed_and_only_redacted_if_asked_for() {
    let place = Place::new();
    let (session, [first, ..]) = planted(&place);
    let before = fs::read(place.archive()).unwrap();
    let listed = place
        .run("redact", &[])
        .code(0)
        .out("github-token")
        .out("ghp_...");
    assert!(!is_told(&listed), "{listed:?}");
    let found = place.run("redact", &["--json"]).code(0);
    assert!(!is_told(&found));
    let lines = found.json_lines();
    let wanted = json!({
        "kind": "github-token", "session": session, "segment": first, "entry": 1, "chars": 40, "hint": "ghp_",
    });
    assert!(lines.as_array().unwrap().contains(&wanted), "{lines}");
    // The entry that the branch shares is listed once, where it is.
    assert_eq!(lines.as_array().unwrap().len(), 7, "{lines}");
    let one = place
        .run("redact", &["--kind", "password", "--json"])
        .code(0)
        .json_lines();
    assert_eq!(one.as_array().unwrap().len(), 2);
    let rest = place
        .run("redact", &["--without", "password", "--json"])
        .code(0)
        .json_lines();
    assert_eq!(rest.as_array().unwrap().len(), 5);
    place.run("redact", &["--kind", "no-such"]).code(2);
    place
        .run("redact", &["--pattern", "x=("])
        .code(2)
        .err("no regular expression");
    assert!(
        fs::read(place.archive()).unwrap() == before,
        "nothing was changed"
    );
}

#[test]
fn what_was_redacted_is_nowhere_any_more() {
    let place = Place::new();
    let (session, [first, other, branch]) = planted(&place);
    let old = place.path("old.sessiondb");
    fs::copy(place.archive(), &old).unwrap();
    let done = place
        .run("redact", &["--yes"])
        .code(0)
        .err("redacted 4 entries and 3 records");
    assert!(!is_told(&done));
    let text = |text: &str| line(text);
    let redacted = text("x [redacted:github-token]");
    assert_eq!(place.raw(first), text("a") + &redacted + &text("b"));
    assert_eq!(
        place.raw(branch),
        text("a") + &redacted + &text("PASSWORD=[redacted:password]")
    );
    assert_eq!(place.raw(other), text("\"[redacted:github-token]\""));
    place.run("check", &[]).code(0);
    assert!(!comes_out(&place));
    let archive = Archive::open(place.archive()).unwrap();
    let metadata = archive.metadata(session).unwrap().unwrap();
    assert_eq!(metadata["title"], "About [redacted:github-token]");
    drop(archive);
    place.run("compact", &[]).code(0);
    assert!(!holds(&fs::read(place.archive()).unwrap()));
    place.run("redact", &[]).code(0).err("nothing was found");

    // An old copy brings nothing back, and takes nothing on.
    let merged = place
        .run("merge", &[old.to_str().unwrap(), "--json"])
        .code(0)
        .json();
    assert_eq!(
        merged["others"][0]["sessions"][0]["outcome"], "unchanged",
        "{merged}"
    );
    assert!(!comes_out(&place));
    place.run("check", &[]).code(0);
    // With a branch that was made there since, and entries that came.
    let older = Archive::open(&old).unwrap();
    let late = older
        .log(session, first)
        .branch(3, sessiondb::new_segment_id())
        .unwrap();
    late.append(&json!({"kind": "note", "text": "late"}))
        .unwrap();
    older.log(session, other).append(&json!(7)).unwrap();
    older.close().unwrap();
    place.run("merge", &[old.to_str().unwrap()]).code(0);
    assert!(!comes_out(&place));
    assert_eq!(
        place.raw(late.segment_id()),
        text("a") + &redacted + &text("b") + &text("late")
    );
    assert_eq!(
        place.raw(other),
        text("\"[redacted:github-token]\"") + "7\n"
    );
    // Asked for, it comes back, as a branch.
    place
        .run("merge", &["--again", old.to_str().unwrap()])
        .code(0);
    assert!(comes_out(&place));
}

#[test]
fn backups_and_extracts_and_merges_keep_what_was_redacted() {
    let place = Place::new();
    let (session, [first, ..]) = planted(&place);
    let old = place.path("old.sessiondb");
    fs::copy(place.archive(), &old).unwrap();
    place.run("redact", &["--yes"]).code(0);
    for (name, command, args) in [
        ("backup.sessiondb", "backup", vec![]),
        ("extract.sessiondb", "extract", vec![session.to_string()]),
        ("merge.sessiondb", "merge", vec![]),
    ] {
        let copy = Place::new();
        if command == "merge" {
            copy.run("merge", &[place.archive().to_str().unwrap()])
                .code(0);
        } else {
            let out = place.path(name);
            let args: Vec<_> = std::iter::once(out.to_str().unwrap())
                .chain(args.iter().map(String::as_str))
                .collect();
            place.run(command, &args).code(0);
            fs::copy(out, copy.archive()).unwrap();
        }
        let merged = copy
            .run("merge", &[old.to_str().unwrap(), "--json"])
            .code(0)
            .json();
        let outcome = &merged["others"][0]["sessions"][0]["outcome"];
        assert_eq!(outcome, "unchanged", "{command}: {merged}");
        assert!(!holds(copy.raw(first).as_bytes()));
    }
}

fn import(place: &Place, log: &Path, args: &[&str]) -> Run {
    let log = log.to_str().unwrap();
    place.run("import", &[args, &[log]].concat()).code(0)
}

#[test]
fn a_log_that_comes_again_brings_nothing_back() {
    let place = Place::new();
    let log = place.path("log.jsonl");
    fs::write(&log, claude_log(3)).unwrap();
    let import = |args: &[&str]| import(&place, &log, args);
    import(&[]);
    assert!(comes_out(&place));
    place
        .run("redact", &["--yes", SESSION])
        .code(0)
        .err("redacted 2 entries");
    place
        .run("ls", &[])
        .code(0)
        .out("Use [redacted:github-token] to push");
    assert!(!comes_out(&place));
    import(&[]).err("nothing new");
    assert!(!comes_out(&place));
    fs::write(&log, claude_log(5)).unwrap();
    import(&[]).err("2 new entries");
    assert!(!comes_out(&place));
    place
        .run("ls", &[])
        .code(0)
        .out("Use [redacted:github-token] to push");
    place.run("redact", &[]).code(0).err("nothing was found");
    // Cut off, it stays away as well.
    place.run("truncate", &[SESSION, "1", "--yes"]).code(0);
    import(&[]).err("nothing new");
    assert!(!comes_out(&place));
    place.run("check", &[]).code(0);
    place.run("compact", &[]).code(0);
    assert!(!holds(&fs::read(place.archive()).unwrap()));
    import(&["--again"]);
    assert!(comes_out(&place));
}

#[test]
fn what_is_redacted_on_its_way_in_is_known_again() {
    let place = Place::new();
    let log = place.path("log.jsonl");
    fs::write(&log, claude_log(3)).unwrap();
    let import = |args: &[&str]| import(&place, &log, args);
    import(&["--redact"]).err("3 new entries");
    assert!(!comes_out(&place));
    assert!(!holds(&fs::read(place.archive()).unwrap()));
    place
        .run("ls", &[])
        .code(0)
        .out("Use [redacted:github-token] to push");
    for (lines, again) in [(3, "nothing new"), (5, "2 new entries")] {
        fs::write(&log, claude_log(lines)).unwrap();
        for args in [&["--redact"][..], &[][..]] {
            let is_first = args.len() == 1;
            import(args).err(if is_first { again } else { "nothing new" });
            assert!(!comes_out(&place), "{lines} {args:?}");
        }
    }
    let summary = place.run("ls", &["--json"]).code(0).json_lines();
    assert_eq!(summary[0]["entries"], 5);
    assert_eq!(summary[0]["segments"], 1, "nothing diverged");
    place.run("check", &[]).code(0);
    place.run("free", &["--yes"]).code(0);
    assert!(log.exists(), "the file holds more than the archive");
    place
        .run("import", &["--emails", log.to_str().unwrap()])
        .code(2);
}

#[test]
fn what_goes_out_can_be_redacted_while_the_archive_stays() {
    let place = Place::new();
    let log = place.path("log.jsonl");
    fs::write(&log, claude_log(3)).unwrap();
    place.run("import", &[log.to_str().unwrap()]).code(0);
    let before = fs::read(place.archive()).unwrap();
    for args in [vec![], vec![SESSION]] {
        for layout in ["segments", "native", "markdown"] {
            let folder = place.path(&format!("{layout}-{}", args.len()));
            let given = [folder.to_str().unwrap(), "--redact", "--layout", layout];
            let given: Vec<_> = given.into_iter().chain(args.iter().copied()).collect();
            place.run("export", &given).code(0);
            let files = tree(&folder);
            assert!(!files.is_empty() && !files.iter().any(|(_, bytes)| holds(bytes)));
            let mark =
                |(_, bytes): &(_, Vec<u8>)| memmem::find(bytes, b"redacted:github-token").is_some();
            assert!(files.iter().any(mark), "{layout}");
        }
        let page = place.path(&format!("page-{}.html", args.len()));
        let given = [page.to_str().unwrap(), "--redact"];
        let given: Vec<_> = given.into_iter().chain(args.iter().copied()).collect();
        place.run("html", &given).code(0);
        let page = unpacked(&fs::read_to_string(&page).unwrap());
        assert!(!holds(&page) && memmem::find(&page, b"redacted:github-token").is_some());
    }
    assert!(fs::read(place.archive()).unwrap() == before);
}

/// A page, with what is packed in it.
fn unpacked(page: &str) -> Vec<u8> {
    let mut all = page.as_bytes().to_vec();
    for block in page.split(['<', '>']).filter(|block| block.len() > 20) {
        if let Ok(packed) = STANDARD.decode(block.trim()) {
            let _ = DeflateDecoder::new(&packed[..]).read_to_end(&mut all);
        }
    }
    all
}

#[test]
fn own_patterns_emails_and_paths_are_asked_for() {
    let place = Place::new();
    let (session, segment) = new_ids();
    place
        .append(
            (session, segment),
            &line("ann@firm.io in /home/ann/x about SEC-123"),
        )
        .code(0);
    place.run("redact", &[]).code(0).err("nothing was found");
    let args = [
        "--emails",
        "--paths",
        "--pattern",
        "ticket=SEC-([0-9]+)",
        "--yes",
    ];
    place.run("redact", &args).code(0);
    let expected = "[redacted:email] in /home/[redacted:path]/x about SEC-[redacted:ticket]";
    assert_eq!(place.raw(segment), line(expected));
}
