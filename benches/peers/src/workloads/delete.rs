//! Deletions, and getting their space back.

use std::fs;
use std::path::Path;
use std::time::Instant;

use sessiondb::{Archive, SessionId};

use super::Lab;
use crate::Result;
use crate::logs::{Logs, archive, files, sqlite};
use crate::report::{Rounds, Section, count, per_cent, time};

/// A store of logs whose sessions can go.
struct Remover {
    name: &'static str,
    fill: fn(&Logs, &Path) -> Result<()>,
    delete: fn(&Path, &[SessionId]) -> Result<()>,
    /// Gives the space back.
    reclaim: fn(&Path) -> Result<()>,
    /// Exports what is left of the logs.
    export: fn(&Logs, &Path, &Path) -> Result<()>,
}

const REMOVERS: [Remover; 3] = [
    Remover {
        name: "sessiondb, delete_session and compact",
        fill: archive::import,
        delete: |dir, sessions| {
            let archive = Archive::open(archive::path_in(dir))?;
            for &session in sessions {
                archive.delete_session(session)?;
            }
            Ok(archive.close()?)
        },
        reclaim: archive::compact,
        export: |_, dir, out| archive::export(dir, out),
    },
    Remover {
        name: "SQLite WAL FULL, DELETE and VACUUM",
        fill: sqlite::import,
        delete: |dir, sessions| {
            let database = sqlite::open(dir, "FULL")?;
            sqlite::delete(&database, sessions)?;
            sqlite::close(database)
        },
        reclaim: sqlite::vacuum,
        export: sqlite::export,
    },
    Remover {
        name: "JSONL, unlink",
        fill: files::copy,
        delete: |dir, sessions| {
            for session in sessions {
                fs::remove_dir_all(dir.join(session.to_string()))?;
            }
            Ok(fs::File::open(dir)?.sync_all()?)
        },
        reclaim: |_| Ok(()),
        export: |logs, dir, out| {
            let there = Logs {
                folder: dir.to_owned(),
                files: logs.files.clone(),
            };
            files::copy(&there, out)
        },
    },
];

#[derive(Default)]
struct Taken {
    deletes: Rounds,
    reclaims: Rounds,
    bytes: [u64; 3],
}

pub(super) fn delete(lab: &Lab) -> Result<Section> {
    let mut logs = lab.logs()?;
    let rounds = lab.pick(1, 5, 5);
    let before = logs.bytes();
    let mut sessions: Vec<_> = logs.files.iter().map(|file| file.session).collect();
    sessions.dedup();
    let gone: Vec<_> = sessions.into_iter().skip(1).step_by(2).collect();
    if gone.is_empty() {
        return Ok(Section::new("delete: there is only one session", &[]));
    }
    let mut all_taken: [Taken; REMOVERS.len()] = Default::default();
    let stores = lab.folder("delete")?;
    for (number, remover) in REMOVERS.iter().enumerate() {
        (remover.fill)(&logs, &stores.join(number.to_string()))?;
    }
    logs.files.retain(|file| !gone.contains(&file.session));
    for _ in 0..rounds {
        for (number, (remover, taken)) in REMOVERS.iter().zip(&mut all_taken).enumerate() {
            let full = stores.join(number.to_string());
            remove(lab, remover, (&full, &gone), &logs, taken)?;
        }
    }
    let title = format!(
        "delete: {} of {} MB of JSONL in {} sessions ({rounds} rounds)",
        (before - logs.bytes()) / 1_000_000,
        before / 1_000_000,
        gone.len()
    );
    let columns = [
        "deletes",
        "reclaim",
        "bytes",
        "after deletes",
        "after reclaim",
        "left",
    ];
    let mut section = Section::new(title, &columns);
    section.note(
        "Opening and closing the store included; compact and VACUUM write all that is left anew.",
    );
    for (remover, taken) in REMOVERS.iter().zip(&all_taken) {
        let [full, deleted, reclaimed] = taken.bytes;
        let cells = [
            time(taken.deletes.median()),
            time(taken.reclaims.median()),
            full.to_string(),
            deleted.to_string(),
            reclaimed.to_string(),
            per_cent(count(reclaimed) / count(full)),
        ];
        section.row(remover.name, cells);
    }
    Ok(section)
}

/// Deletes the sessions from a copy of the full store, and compares what is left.
fn remove(
    lab: &Lab,
    remover: &Remover,
    (full, gone): (&Path, &[SessionId]),
    left: &Logs,
    taken: &mut Taken,
) -> Result<()> {
    let folder = lab.folder("delete/round")?;
    let (dir, out) = (folder.join("store"), folder.join("out"));
    for file in files::below(full)? {
        let copy = dir.join(file.strip_prefix(full)?);
        fs::create_dir_all(copy.parent().unwrap_or(&dir))?;
        fs::copy(file, copy)?;
    }
    files::settle(&dir)?;
    let before = files::size(&dir)?.0;
    let start = Instant::now();
    (remover.delete)(&dir, gone)?;
    taken.deletes.push(&[start.elapsed()]);
    let deleted = files::size(&dir)?.0;
    let start = Instant::now();
    (remover.reclaim)(&dir)?;
    taken.reclaims.push(&[start.elapsed()]);
    taken.bytes = [before, deleted, files::size(&dir)?.0];
    (remover.export)(left, &dir, &out)?;
    left.compare(&out)?;
    lab.clear("delete/round")
}
