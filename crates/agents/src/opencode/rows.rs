//! Sessions that the agent keeps in its database `opencode.db`: each row as the file that it was
//! before there was a database.

use crate::json::{ObjectText, Raw, members, quoted};
use crate::rows::{Cell, Row, cell, object, text};

/// Columns of a session that are members of their own, with the names that they have there.
const PLAIN: [(&str, &str); 9] = [
    ("id", "id"),
    ("slug", "slug"),
    ("version", "version"),
    ("project_id", "projectID"),
    ("workspace_id", "workspaceID"),
    ("directory", "directory"),
    ("path", "path"),
    ("parent_id", "parentID"),
    ("title", "title"),
];

/// Columns that hold JSON.
const JSON: [&str; 5] = ["revert", "permission", "model", "goal", "metadata"];

/// Columns that are a member of a member.
const NESTED: [(&str, &str, &str); 11] = [
    ("share", "url", "share_url"),
    ("summary", "additions", "summary_additions"),
    ("summary", "deletions", "summary_deletions"),
    ("summary", "files", "summary_files"),
    ("summary", "diffs", "summary_diffs"),
    ("tokens", "input", "tokens_input"),
    ("tokens", "output", "tokens_output"),
    ("tokens", "reasoning", "tokens_reasoning"),
    ("time", "created", "time_created"),
    ("time", "updated", "time_updated"),
    ("time", "compacting", "time_compacting"),
];

/// The session's JSON of a row of the table `session`.
///
/// ```
/// use sessiondb_agents::{Cell, opencode};
///
/// let row = [
///     ("id", Cell::from("ses_1")),
///     ("directory", Cell::from("/home/user/lamp")),
///     ("cost", Cell::from(0.25)),
///     ("time_created", Cell::from(1_772_000_000_000)),
/// ];
/// assert_eq!(
///     opencode::session_row(&row),
///     r#"{"id":"ses_1","directory":"/home/user/lamp","cost":0.25,"time":{"created":1772000000000}}"#
/// );
/// ```
pub fn session_row(row: &Row<'_>) -> String {
    let mut session = ObjectText::default();
    for (column, name) in PLAIN {
        add(&mut session, name, cell(row, column).json());
    }
    for column in JSON {
        add(&mut session, column, cell(row, column).embedded());
    }
    for (column, cell) in row {
        if !is_known(column) {
            add(&mut session, column, cell.json());
        }
    }
    for name in ["share", "summary"] {
        add(
            &mut session,
            name,
            nested(row, name).map(ObjectText::finish),
        );
    }
    add(&mut session, "tokens", tokens(row));
    let mut time = nested(row, "time").unwrap_or_default();
    add(&mut time, "archived", cell(row, "time_archived").json());
    if !time.is_empty() {
        session.add("time", &time.finish());
    }
    session.finish()
}

fn is_known(column: &str) -> bool {
    let apart = ["tokens_cache_read", "tokens_cache_write", "time_archived"];
    PLAIN.iter().any(|(name, _)| *name == column)
        || NESTED.iter().any(|(_, _, name)| *name == column)
        || JSON.contains(&column)
        || apart.contains(&column)
}

fn add(object: &mut ObjectText, key: &str, json: Option<String>) {
    if let Some(json) = json {
        object.add(key, &json);
    }
}

fn nested(row: &Row<'_>, name: &str) -> Option<ObjectText> {
    let mut object = ObjectText::default();
    for (_, member, column) in NESTED.iter().filter(|(outer, _, _)| *outer == name) {
        add(&mut object, member, cell(row, column).embedded());
    }
    (!object.is_empty()).then_some(object)
}

fn tokens(row: &Row<'_>) -> Option<String> {
    let mut tokens = nested(row, "tokens").unwrap_or_default();
    let mut cache = ObjectText::default();
    add(&mut cache, "read", cell(row, "tokens_cache_read").json());
    add(&mut cache, "write", cell(row, "tokens_cache_write").json());
    if !cache.is_empty() {
        tokens.add("cache", &cache.finish());
    }
    (!tokens.is_empty()).then(|| tokens.finish())
}

/// The message's JSON of a row of the table `message`; `None` without an object in its `data`.
///
/// ```
/// use sessiondb_agents::{Cell, opencode};
///
/// let row = [
///     ("id", Cell::from("msg_1")),
///     ("session_id", Cell::from("ses_1")),
///     ("data", Cell::from(r#"{"role":"user"}"#)),
/// ];
/// assert_eq!(
///     opencode::message_row(&row).unwrap(),
///     r#"{"id":"msg_1","sessionID":"ses_1","role":"user"}"#
/// );
/// ```
pub fn message_row(row: &Row<'_>) -> Option<String> {
    completed(row, &[("id", "id"), ("session_id", "sessionID")])
}

/// The part's JSON of a row of the table `part`; `None` without an object in its `data`.
pub fn part_row(row: &Row<'_>) -> Option<String> {
    let ids = [
        ("id", "id"),
        ("session_id", "sessionID"),
        ("message_id", "messageID"),
    ];
    completed(row, &ids)
}

/// The object in `data`, with the ids that stand in columns of their own.
fn completed(row: &Row<'_>, ids: &[(&str, &str)]) -> Option<String> {
    let data: Raw<'_> = object(row, "data")?;
    let mut whole = ObjectText::default();
    for (column, name) in ids {
        if let Some(id) = text(row, column)
            && data.get(name).is_missing()
        {
            whole.add(name, &quoted(id));
        }
    }
    for member in members(data) {
        whole.add_written(
            member.key.as_str(),
            &crate::json::compact(member.value.as_str()),
        );
    }
    Some(whole.finish())
}

/// The order of a session's messages and of a message's parts: by time, then by id.
pub fn order(row: &Row<'_>) -> (i64, String) {
    let time = match cell(row, "time_created") {
        Cell::Integer(ms) => ms,
        _ => 0,
    };
    (time, text(row, "id").unwrap_or_default().to_owned())
}
