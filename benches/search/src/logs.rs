//! The logs that are searched: generated sessions as a folder of JSONL files, with words planted that are counted.

#[path = "../../corpus/mod.rs"]
#[allow(dead_code, unreachable_pub, reason = "not every bench wants forks")]
mod generator;

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use uuid::Uuid;

use self::generator::{Corpus, Session};
use crate::Result;

/// Bytes of one seed: each has words, projects and files of its own, as the machines of several people do.
const BYTES_A_SEED: usize = 100_000_000;
const FIRST_SEED: u64 = 67;
/// Every so many sessions have the word that some have.
const SOME: usize = 100;

/// In one entry of the session that was used least recently. No generated word begins like it.
pub(crate) const RARE: &str = "qzorvaltrix";
/// In one entry of every 100th session.
pub(crate) const IN_SOME: &str = "qzambeldun";
pub(crate) const NOWHERE: &str = "qzophilurg";
/// Not at the edge of a word, so no filter of words helps.
pub(crate) const PART: &str = "zorvaltri";
pub(crate) const REGEX: &str = r"zorval[a-z]+ix \d{4}";

/// A folder of JSONL files, each a session.
pub(crate) struct Logs {
    pub(crate) folder: PathBuf,
    pub(crate) files: Vec<PathBuf>,
    pub(crate) len_bytes: u64,
    /// How many sessions have [`IN_SOME`].
    pub(crate) some: u64,
}

impl Logs {
    /// Writes generated sessions of together `bytes` into `folder`.
    pub(crate) fn generate(folder: &Path, bytes: usize) -> Result<Self> {
        fs::create_dir(folder)?;
        let mut logs = Self {
            folder: folder.to_owned(),
            files: Vec::new(),
            len_bytes: 0,
            some: 0,
        };
        // When the session ended that ended first, and which it is.
        let mut oldest: Option<(String, Uuid)> = None;
        let mut left = bytes;
        for seed in FIRST_SEED.. {
            if left == 0 {
                break;
            }
            let here = left.min(BYTES_A_SEED);
            left -= here;
            for session in Corpus::new(seed, here) {
                let ended = logs.write(&session)?;
                if oldest.as_ref().is_none_or(|(first, _)| ended < *first) {
                    oldest = Some((ended, session.id));
                }
            }
        }
        let (ended, session) = oldest.ok_or("no session was generated")?;
        logs.plant(session, &format!("Where did {RARE} 4711 go?"), &ended)?;
        for path in &logs.files {
            logs.len_bytes += path.metadata()?.len();
        }
        Ok(logs)
    }

    /// Writes a session. Returns when it ended, as the log says it.
    fn write(&mut self, session: &Session) -> Result<String> {
        let lines = session.segments.iter().flat_map(|segment| &segment.lines);
        let mut text = Vec::new();
        for line in lines.clone() {
            text.extend_from_slice(line);
            text.push(b'\n');
        }
        let ended = lines.rev().find_map(|line| time_of(line));
        let ended = ended.ok_or("a session without a time")?;
        let path = self.path(session.id);
        fs::write(&path, text)?;
        if self.files.len().is_multiple_of(SOME) {
            self.plant(session.id, &format!("And what of {IN_SOME} then?"), &ended)?;
            self.some += 1;
        }
        self.files.push(path);
        Ok(ended)
    }

    /// Lets the person say something at the end of a session.
    fn plant(&self, session: Uuid, text: &str, at: &str) -> Result<()> {
        let entry = json!({
            "parentUuid": null, "isSidechain": false, "userType": "external", "cwd": "/src/planted",
            "sessionId": session, "version": "1.0.0", "type": "user",
            "message": {"role": "user", "content": text},
            "uuid": Uuid::new_v5(&session, text.as_bytes()), "timestamp": at,
        });
        let mut file = OpenOptions::new().append(true).open(self.path(session))?;
        Ok(writeln!(file, "{entry}")?)
    }

    fn path(&self, session: Uuid) -> PathBuf {
        self.folder.join(format!("{session}.jsonl"))
    }
}

fn time_of(line: &[u8]) -> Option<String> {
    let entry: Value = serde_json::from_slice(line).ok()?;
    entry.get("timestamp")?.as_str().map(str::to_owned)
}
