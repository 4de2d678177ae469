//! Deletions, and getting their space back.

use std::fs;
use std::path::Path;
use std::time::Instant;

use sessiondb::SessionId;

use super::{Lab, STORES};
use crate::Result;
use crate::figures::{Rounds, Row, Section, Unit, count};
use crate::logs::{Logs, files};
use crate::systems::{Engine, Promise};

/// What the deletions of a system took.
#[derive(Default, Clone)]
struct Taken {
    deletes: Rounds,
    reclaims: Rounds,
    full: Rounds,
    left: Rounds,
}

pub(super) fn delete(lab: &Lab<'_>, name: &'static str) -> Result<Section> {
    let mut logs = lab.logs()?;
    let before = logs.bytes();
    let mut sessions: Vec<_> = logs.files.iter().map(|file| file.session).collect();
    sessions.dedup();
    let gone: Vec<_> = sessions.into_iter().skip(1).step_by(2).collect();
    if gone.is_empty() {
        return Ok(Section::new(
            name,
            "Deletions",
            "There is only one session.",
        ));
    }
    let stores = lab.folder(name)?;
    for engine in STORES {
        lab.tell(engine);
        let system = engine.open(&stores.join(engine.name()), Promise::Synced)?;
        system.import(&logs)?;
        system.close()?;
    }
    logs.files.retain(|file| !gone.contains(&file.session));
    let note = format!(
        "Half of the sessions, {:.0} of {:.0} MB of JSONL, are deleted, each so that it survives the \
         loss of power; then the space is given back, which leaves no byte of what was deleted \
         in an archive.",
        count(before - logs.bytes()) / 1e6,
        count(before) / 1e6
    );
    let mut all_taken = vec![Taken::default(); STORES.len()];
    for _ in 0..lab.pick(1, 5) {
        for (engine, taken) in STORES.into_iter().zip(&mut all_taken) {
            lab.tell(engine);
            let copy = lab.folder("delete/copy")?;
            copy_all(&stores.join(engine.name()), &copy)?;
            remove(engine, &copy, (&gone, &logs), taken)?;
            fs::remove_dir_all(copy)?;
        }
    }
    let row = |metric, unit, of: fn(&Taken) -> &Rounds| {
        let cells = STORES.into_iter().zip(&all_taken);
        Row::new(
            metric,
            unit,
            cells.map(|(engine, taken)| (engine, of(taken).clone())),
        )
    };
    let mut section = Section::new(name, "Deletions", note);
    let mut reclaims = row("giving space back", Unit::Time, |taken| &taken.reclaims);
    // What is unlinked is given back at once.
    reclaims
        .cells
        .retain(|(engine, _)| *engine != Engine::Jsonl);
    section.rows = vec![
        row("one session", Unit::Time, |taken| &taken.deletes),
        reclaims,
        row("bytes before", Unit::Bytes, |taken| &taken.full),
        row("bytes after", Unit::Bytes, |taken| &taken.left),
    ];
    Ok(section)
}

/// Deletes the sessions from a copy of the full store, and compares what is left.
fn remove(
    engine: Engine,
    dir: &Path,
    (gone, left): (&[SessionId], &Logs),
    taken: &mut Taken,
) -> Result<()> {
    taken.full.push_figure(count(files::size(dir)?.0));
    let system = engine.open(dir, Promise::Synced)?;
    let mut times = Vec::new();
    for session in gone {
        let start = Instant::now();
        system.delete_session(*session)?;
        times.push(start.elapsed());
    }
    taken.deletes.push(&times);
    system.close()?;
    let start = Instant::now();
    engine.reclaim(dir)?;
    taken.reclaims.push(&[start.elapsed()]);
    taken.left.push_figure(count(files::size(dir)?.0));
    let out = dir.join("out");
    let system = engine.open(dir, Promise::Synced)?;
    system.export(left, &out)?;
    system.close()?;
    left.compare(&out)
}

fn copy_all(from: &Path, to: &Path) -> Result<()> {
    for file in files::below(from)? {
        let copy = to.join(file.strip_prefix(from)?);
        fs::create_dir_all(copy.parent().unwrap_or(to))?;
        fs::copy(file, copy)?;
    }
    files::settle(to)
}
