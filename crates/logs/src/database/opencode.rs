//! opencode's database: the tables `session`, `message` and `part`.

use std::collections::HashMap;
use std::io;

use sessiondb_agents::{Cell, Document, opencode};

use super::tables::{Tables, number};
use super::{Listed, Sessions};

pub(super) struct Opencode(pub(super) Tables);

impl Opencode {
    pub(super) fn is_in(tables: &Tables) -> io::Result<bool> {
        Ok(tables.has("session", &["id", "directory"])?
            && tables.has("message", &["id", "session_id", "data"])?
            && tables.has("part", &["id", "message_id", "session_id", "data"])?)
    }

    /// For each session that has rows in the table: how many, the time of the last, and their bytes.
    fn rows_of(&self, table: &str) -> io::Result<HashMap<String, [u64; 3]>> {
        let time = self.updated(table)?;
        let sql = format!(
            "SELECT session_id, count(*), max({time}), sum(octet_length(data)) \
             FROM {table} GROUP BY session_id"
        );
        let mut rows = HashMap::new();
        self.0.each(&sql, &[], |row| {
            if let [(_, Cell::Text(id)), (_, count), (_, time), (_, bytes)] = row {
                rows.insert(
                    (*id).to_owned(),
                    [number(count), number(time), number(bytes)],
                );
            }
        })?;
        Ok(rows)
    }

    /// The column with the time of a row's last change, or what stands for it.
    fn updated(&self, table: &str) -> io::Result<&'static str> {
        Ok(if self.0.has(table, &["time_updated"])? {
            "time_updated"
        } else {
            "0"
        })
    }
}

impl Sessions for Opencode {
    fn agent(&self) -> &'static str {
        "opencode"
    }

    fn list(&self) -> io::Result<Vec<Listed>> {
        self.0.at_once(|| {
            let (messages, parts) = (self.rows_of("message")?, self.rows_of("part")?);
            let sql = format!(
                "SELECT id, {} FROM session ORDER BY id",
                self.updated("session")?
            );
            let mut sessions = Vec::new();
            self.0.each(&sql, &[], |row| {
                let [(_, Cell::Text(id)), (_, updated)] = row else {
                    return;
                };
                let updated = number(updated);
                let messages = messages.get(*id).copied().unwrap_or_default();
                let parts = parts.get(*id).copied().unwrap_or_default();
                sessions.push(Listed {
                    id: (*id).to_owned(),
                    updated_ms: updated.max(messages[1]).max(parts[1]),
                    len_bytes: messages[2].saturating_add(parts[2]),
                    signature: format!("{updated}, {messages:?}, {parts:?}"),
                });
            })?;
            Ok(sessions)
        })
    }

    fn read(&self, id: &str) -> io::Result<Document> {
        self.0.at_once(|| {
            let mut session = String::new();
            let sql = "SELECT * FROM session WHERE id = ?1";
            self.0
                .each(sql, &[&id], |row| session = opencode::session_row(row))?;

            let mut parts: HashMap<String, Vec<_>> = HashMap::new();
            let sql = "SELECT * FROM part WHERE session_id = ?1";
            self.0.each(sql, &[&id], |row| {
                let of = row.iter().find(|(column, _)| *column == "message_id");
                if let (Some((_, Cell::Text(message))), Some(part)) = (of, opencode::part_row(row))
                {
                    let parts = parts.entry((*message).to_owned()).or_default();
                    parts.push((opencode::order(row), part));
                }
            })?;

            let mut messages = Vec::new();
            let sql = "SELECT * FROM message WHERE session_id = ?1";
            self.0.each(sql, &[&id], |row| {
                if let Some(message) = opencode::message_row(row) {
                    let order = opencode::order(row);
                    let mut own = parts.remove(&order.1).unwrap_or_default();
                    own.sort();
                    let own = own.into_iter().map(|(_, part)| part).collect();
                    messages.push((order, (message, own)));
                }
            })?;
            messages.sort();
            let messages: Vec<_> = messages.into_iter().map(|(_, message)| message).collect();
            Ok(opencode::assemble(&session, &messages))
        })
    }
}
