use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, params};
use serde_json::{Value, json};
use sessiondb::Archive;
use sessiondb::jsonl::PassedOverKind;
use sessiondb_logs::{Import, ImportReport};

use crate::folder::{import, summary};

const OPENCODE: &str = "
    CREATE TABLE project (id text PRIMARY KEY, worktree text NOT NULL);
    CREATE TABLE session (
        id text PRIMARY KEY, project_id text NOT NULL, parent_id text, slug text NOT NULL,
        directory text NOT NULL, title text NOT NULL, version text NOT NULL, share_url text,
        summary_additions integer, summary_deletions integer, summary_files integer,
        cost real NOT NULL DEFAULT 0, tokens_input integer NOT NULL DEFAULT 0,
        tokens_output integer NOT NULL DEFAULT 0, revert text,
        time_created integer NOT NULL, time_updated integer NOT NULL,
        time_compacting integer, time_archived integer);
    CREATE TABLE message (
        id text PRIMARY KEY, session_id text NOT NULL, time_created integer NOT NULL,
        time_updated integer NOT NULL, data text NOT NULL);
    CREATE TABLE part (
        id text PRIMARY KEY, message_id text NOT NULL, session_id text NOT NULL,
        time_created integer NOT NULL, time_updated integer NOT NULL, data text NOT NULL);";

const GOOSE: &str = "
    CREATE TABLE schema_version (version INTEGER PRIMARY KEY);
    CREATE TABLE sessions (
        id TEXT PRIMARY KEY, name TEXT NOT NULL DEFAULT '', description TEXT NOT NULL DEFAULT '',
        user_set_name BOOLEAN DEFAULT FALSE, session_type TEXT NOT NULL DEFAULT 'user',
        working_dir TEXT NOT NULL, created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
        updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP, extension_data TEXT DEFAULT '{}',
        total_tokens INTEGER, input_tokens INTEGER, output_tokens INTEGER,
        accumulated_total_tokens INTEGER, accumulated_input_tokens INTEGER,
        accumulated_output_tokens INTEGER, recipe_json TEXT);
    CREATE TABLE messages (
        id INTEGER PRIMARY KEY AUTOINCREMENT, session_id TEXT NOT NULL REFERENCES sessions(id),
        role TEXT NOT NULL, content_json TEXT NOT NULL, created_timestamp INTEGER NOT NULL,
        timestamp TIMESTAMP DEFAULT CURRENT_TIMESTAMP, tokens INTEGER, metadata_json TEXT);";

/// A time long ago.
const PAST_MS: i64 = 1_772_000_000_000;

struct Opencode {
    path: PathBuf,
    connection: Connection,
}

impl Opencode {
    fn new(path: PathBuf) -> Self {
        let connection = Connection::open(&path).unwrap();
        connection
            .pragma_update(None, "journal_mode", "wal")
            .unwrap();
        connection.execute_batch(OPENCODE).unwrap();
        Self { path, connection }
    }

    fn session(&self, id: &str, title: &str) {
        let sql = "INSERT INTO session (id, project_id, slug, directory, title, version, time_created, \
                   time_updated) VALUES (?1, 'p', 's', '/home/ann/lamp', ?2, '1.2.0', ?3, ?3)";
        self.connection
            .execute(sql, params![id, title, PAST_MS])
            .unwrap();
    }

    fn message(&self, session: &str, number: i64, at_ms: i64, data: &Value, text: &str) {
        let id = format!("msg_{session}_{number}");
        let sql = "INSERT INTO message VALUES (?1, ?2, ?3, ?4, ?5)";
        let created = PAST_MS + number;
        let data = data.to_string();
        self.connection
            .execute(sql, params![id, session, created, at_ms, data])
            .unwrap();
        let sql = "INSERT INTO part VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        let part = json!({"type": "text", "text": text}).to_string();
        let own = format!("prt_{session}_{number}");
        self.connection
            .execute(sql, params![own, id, session, created, at_ms, part])
            .unwrap();
    }

    /// A turn that has ended.
    fn turn(&self, session: &str, number: i64, prompt: &str) {
        self.message(session, number, PAST_MS, &json!({"role": "user"}), prompt);
        self.message(session, number + 1, PAST_MS, &answer(true), "Done");
    }
}

fn answer(has_ended: bool) -> Value {
    if has_ended {
        json!({"role": "assistant", "modelID": "m1", "time": {"completed": PAST_MS}, "finish": "stop"})
    } else {
        json!({"role": "assistant", "modelID": "m1", "time": {}})
    }
}

fn skipped(report: &ImportReport) -> usize {
    report.files.iter().filter(|file| file.was_skipped).count()
}

/// Gives the files one time, old enough to tell that nothing changed since.
fn age(path: &Path) {
    let before = UNIX_EPOCH + std::time::Duration::from_secs(1_772_000_000);
    let wal = PathBuf::from(format!("{}-wal", path.display()));
    for path in [path, &wal] {
        if let Ok(file) = fs::File::options().write(true).open(path) {
            file.set_modified(before).unwrap();
        }
    }
}

#[test]
fn opencode_s_sessions_come_in_while_it_has_its_database_open() {
    let folder = tempfile::tempdir().unwrap();
    let database = Opencode::new(folder.path().join("opencode.db"));
    database.session("ses_1", "Lamp");
    database.session("ses_2", "Mill");
    database.turn("ses_1", 1, "Mend the lamp");
    database.turn("ses_2", 1, "Mend the mill");
    let archive = Archive::in_memory().unwrap();
    let report = import(&archive, folder.path());
    assert_eq!((report.files.len(), report.new_entries()), (2, 4));
    assert_eq!(report.passed_over, []);
    let file = &report.files[0];
    assert_eq!(file.agent, Some("opencode"));
    let known = summary(&archive, file.report.session);
    assert_eq!(known["title"], "Lamp");
    assert_eq!(known["first_prompt"], "Mend the lamp");
    assert_eq!(
        (&known["turns"], &known["models"]),
        (&json!(1), &json!(["m1"]))
    );
    let log = archive.log(file.report.session, file.report.segment);
    let first = log.read(..).unwrap().next().unwrap().unwrap();
    let first: Value = serde_json::from_str(first.as_str()).unwrap();
    assert_eq!(first["info"]["sessionID"], "ses_1");
    assert_eq!(first["parts"][0]["text"], "Mend the lamp");

    // Only the session that has changed is read again.
    database.turn("ses_2", 3, "And the door");
    let report = import(&archive, folder.path());
    assert_eq!((skipped(&report), report.new_entries()), (1, 2));
}

#[test]
fn a_database_that_is_as_it_was_is_not_opened() {
    let folder = tempfile::tempdir().unwrap();
    let database = Opencode::new(folder.path().join("opencode.db"));
    for number in 0..3 {
        let id = format!("ses_{number}");
        database.session(&id, "Lamp");
        database.turn(&id, 1, "Mend it");
    }
    let path = database.path.clone();
    age(&path);
    let archive = Archive::in_memory().unwrap();
    import(&archive, &path);
    // Locked for all others, but not changed.
    drop(database);
    age(&path);
    import(&archive, &path);
    age(&path);
    import(&archive, &path);
    let owner = Connection::open(&path).unwrap();
    owner
        .pragma_update(None, "locking_mode", "exclusive")
        .unwrap();
    owner.execute_batch("BEGIN EXCLUSIVE").unwrap();
    age(&path);
    let report = import(&archive, &path);
    assert_eq!((report.files.len(), skipped(&report)), (3, 3));
}

#[test]
fn a_turn_that_has_not_ended_is_held_back() {
    let folder = tempfile::tempdir().unwrap();
    let database = Opencode::new(folder.path().join("opencode.db"));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let now = i64::try_from(now.as_millis()).unwrap();
    database.session("ses_1", "Lamp");
    database.turn("ses_1", 1, "Mend the lamp");
    database.message("ses_1", 3, now, &json!({"role": "user"}), "And the door");
    database.message("ses_1", 4, now, &answer(false), "I am");
    let archive = Archive::in_memory().unwrap();
    assert_eq!(import(&archive, &database.path).new_entries(), 2);
    let sql = "UPDATE message SET data = ?1, time_updated = ?2 WHERE id = 'msg_ses_1_4'";
    let ended = answer(true).to_string();
    database
        .connection
        .execute(sql, params![ended, now - 10_000])
        .unwrap();
    let sql = "UPDATE message SET time_updated = ?1 WHERE id = 'msg_ses_1_3'";
    database
        .connection
        .execute(sql, params![now - 10_000])
        .unwrap();
    let sql = "UPDATE part SET time_updated = ?1";
    database
        .connection
        .execute(sql, params![now - 10_000])
        .unwrap();
    let report = import(&archive, &database.path);
    assert_eq!(report.new_entries(), 2);
    assert_eq!(report.files[0].report.branch_of, None);
}

#[test]
fn goose_s_sessions_keep_their_segment_as_they_grow() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sessions.db");
    let connection = Connection::open(&path).unwrap();
    connection.execute_batch(GOOSE).unwrap();
    let begin = "INSERT INTO sessions (id, name, working_dir) VALUES ('20260302_1', 'Mill', '/home/ann/mill')";
    connection.execute(begin, []).unwrap();
    let say = |role: &str, text: &str| {
        let content = json!([{"type": "text", "text": text}]).to_string();
        let sql = "INSERT INTO messages (session_id, role, content_json, created_timestamp) \
                   VALUES ('20260302_1', ?1, ?2, 1772000000)";
        connection.execute(sql, params![role, content]).unwrap();
    };
    say("user", "Mend the mill");
    say("assistant", "Done");
    let archive = Archive::in_memory().unwrap();
    let report = import(&archive, &path);
    assert_eq!(report.new_entries(), 2);
    let (session, segment) = (
        report.files[0].report.session,
        report.files[0].report.segment,
    );
    let known = summary(&archive, session);
    assert_eq!(
        (&known["agent"], &known["title"]),
        (&json!("goose"), &json!("Mill"))
    );
    assert_eq!(
        (&known["cwd"], &known["native_id"]),
        (&json!("/home/ann/mill"), &json!("20260302_1"))
    );

    say("user", "And the door");
    let sql = "UPDATE sessions SET accumulated_input_tokens = 9, accumulated_output_tokens = 3, name = 'Door'";
    connection.execute(sql, []).unwrap();
    let report = import(&archive, &path);
    assert_eq!(report.new_entries(), 1);
    assert_eq!(report.files[0].report.segment, segment);
    let known = summary(&archive, session);
    assert_eq!(
        (&known["title"], &known["tokens"]["input"]),
        (&json!("Door"), &json!(9))
    );
}

#[test]
fn what_is_no_database_of_an_agent_is_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other.sqlite3");
    let other = Connection::open(&path).unwrap();
    other
        .execute_batch("CREATE TABLE session (id text)")
        .unwrap();
    drop(other);
    fs::write(folder.path().join("text.db"), "no database").unwrap();
    let mut damaged = b"SQLite format 3\0".to_vec();
    damaged.resize(4096, 7);
    fs::write(folder.path().join("damaged.db"), damaged).unwrap();
    let archive = Archive::in_memory().unwrap();
    let paths = [folder.path().to_owned()];
    let report = Import::new(&archive).run(&paths, None).unwrap();
    assert_eq!(report.files, []);
    let kinds: Vec<_> = report.passed_over.iter().map(|one| one.kind).collect();
    assert_eq!(kinds, [PassedOverKind::Database, PassedOverKind::Other]);
    let damaged = |message: &str| message.contains("damaged.db") && message.contains("database");
    assert!(
        report.unreadable.iter().any(|one| damaged(&one.message)),
        "{report:?}"
    );
}
