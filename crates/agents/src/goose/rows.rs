//! Sessions that the agent keeps in its database `sessions.db`: each row as the line that it was
//! before there was a database.

use crate::json::ObjectText;
use crate::rows::{Cell, Row, cell};

/// The first line of a session, of a row of the table `sessions`: every column under its name,
/// those that hold JSON as what they hold.
///
/// ```
/// use sessiondb_agents::{Cell, goose};
///
/// let row = [
///     ("id", Cell::from("20260115_3")),
///     ("working_dir", Cell::from("/home/user/mill")),
///     ("model_config_json", Cell::from(r#"{"model_name":"gpt-5"}"#)),
/// ];
/// assert_eq!(
///     goose::session_row(&row),
///     r#"{"id":"20260115_3","working_dir":"/home/user/mill","model_config_json":{"model_name":"gpt-5"}}"#
/// );
/// ```
pub fn session_row(row: &Row<'_>) -> String {
    let mut line = ObjectText::default();
    for (column, cell) in row {
        let holds_json = column.ends_with("_json") || *column == "extension_data";
        if let Some(json) = cell.embedded_if(holds_json) {
            line.add(column, &json);
        }
    }
    line.finish()
}

/// The line of a row of the table `messages`.
///
/// ```
/// use sessiondb_agents::{Cell, goose};
///
/// let row = [
///     ("id", Cell::from(7)),
///     ("message_id", Cell::from("msg_a")),
///     ("role", Cell::from("user")),
///     ("created_timestamp", Cell::from(1_768_470_000)),
///     ("content_json", Cell::from(r#"[{"type":"text","text":"Hello"}]"#)),
/// ];
/// assert_eq!(
///     goose::message_row(&row),
///     r#"{"id":"msg_a","role":"user","created":1768470000,"content":[{"type":"text","text":"Hello"}]}"#
/// );
/// ```
pub fn message_row(row: &Row<'_>) -> String {
    let mut line = ObjectText::default();
    let columns = [
        ("id", "message_id"),
        ("role", "role"),
        ("created", "created_timestamp"),
        ("content", "content_json"),
        ("metadata", "metadata_json"),
        ("tokens", "tokens"),
    ];
    for (member, column) in columns {
        if let Some(json) = cell(row, column).embedded_if(column.ends_with("_json")) {
            line.add(member, &json);
        }
    }
    line.finish()
}

impl Cell<'_> {
    fn embedded_if(self, holds_json: bool) -> Option<String> {
        if holds_json {
            self.embedded()
        } else {
            self.json()
        }
    }
}
