//! goose's database: the tables `sessions` and `messages`.

use std::collections::HashMap;
use std::io;

use sessiondb_agents::{Cell, Document, goose};

use super::tables::{Tables, number};
use super::{Listed, Sessions};

pub(super) struct Goose(pub(super) Tables);

impl Goose {
    pub(super) fn is_in(tables: &Tables) -> io::Result<bool> {
        Ok(tables.has("sessions", &["id", "working_dir"])?
            && tables.has("messages", &["id", "session_id", "role", "content_json"])?)
    }

    /// For each session that has messages: how many, the last, its time, and their bytes.
    fn messages(&self) -> io::Result<HashMap<String, [u64; 4]>> {
        let has = |column| self.0.has("messages", &[column]);
        let time = if has("created_timestamp")? {
            "created_timestamp"
        } else {
            "0"
        };
        let metadata = if has("metadata_json")? {
            "octet_length(metadata_json)"
        } else {
            "0"
        };
        let sql = format!(
            "SELECT session_id, count(*), max(id), max({time}), \
             sum(octet_length(content_json) + coalesce({metadata}, 0)) \
             FROM messages GROUP BY session_id"
        );
        let mut messages = HashMap::new();
        self.0.each(&sql, &[], |row| {
            if let [
                (_, Cell::Text(id)),
                (_, count),
                (_, last),
                (_, time),
                (_, bytes),
            ] = row
            {
                let facts = [number(count), number(last), number(time), number(bytes)];
                messages.insert((*id).to_owned(), facts);
            }
        })?;
        Ok(messages)
    }
}

impl Sessions for Goose {
    fn agent(&self) -> &'static str {
        "goose"
    }

    fn list(&self) -> io::Result<Vec<Listed>> {
        self.0.at_once(|| {
            let messages = self.messages()?;
            let mut sessions = Vec::new();
            self.0
                .each("SELECT * FROM sessions ORDER BY id", &[], |row| {
                    let own = row.iter().find(|(column, _)| *column == "id");
                    let Some((_, Cell::Text(id))) = own else {
                        return;
                    };
                    let facts = messages.get(*id).copied().unwrap_or_default();
                    // Seconds, in newer versions milliseconds.
                    let updated_ms = if facts[2] < 100_000_000_000 {
                        facts[2].saturating_mul(1000)
                    } else {
                        facts[2]
                    };
                    let session = goose::session_row(row);
                    let hash = uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, session.as_bytes());
                    sessions.push(Listed {
                        id: (*id).to_owned(),
                        updated_ms,
                        len_bytes: facts[3],
                        signature: format!("{hash}, {facts:?}"),
                    });
                })?;
            Ok(sessions)
        })
    }

    fn read(&self, id: &str) -> io::Result<Document> {
        self.0.at_once(|| {
            let mut document = Document::default();
            let sql = "SELECT * FROM sessions WHERE id = ?1";
            let header = &mut document.header;
            self.0
                .each(sql, &[&id], |row| *header = goose::session_row(row))?;
            let sql = "SELECT * FROM messages WHERE session_id = ?1 ORDER BY id";
            let entries = &mut document.entries;
            self.0
                .each(sql, &[&id], |row| entries.push(goose::message_row(row)))?;
            Ok(document)
        })
    }
}
