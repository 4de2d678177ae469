//! What whole logs take on disk.

use std::path::Path;

use super::{Lab, STORES, Subject, for_reads};
use crate::Result;
use crate::figures::{Rounds, Row, Section, Unit, count, times};
use crate::logs::{LogFile, Logs, files};
use crate::systems::Engine;

/// Entries that one turn of an agent appends.
const TURN: usize = 7;
/// Sessions that are written to in turn.
const AT_ONCE: usize = 4;
/// How often each session is taken up: between two sittings the store is closed.
const SITTINGS: usize = 3;

pub(super) fn size(lab: &Lab<'_>, name: &'static str) -> Result<Section> {
    let logs = lab.logs()?;
    let note = format!(
        "How often the files of a store fit into the {:.0} MB of JSONL that went in, heads, indexes \
         and logs of changes included. As agents write: entry by entry, {AT_ONCE} sessions in turn, \
         each in {SITTINGS} sittings. By length: as a copy would be. By blocks: what the file \
         system gave; files may have holes.",
        count(logs.bytes()) / 1e6,
    );
    let mut section = Section::new(name, "Size", note);
    let folder = lab.folder(name)?;
    let packed = folder.join("packed");
    files::pack(&logs, &packed)?;
    let zstd = factor(&logs, files::size(&packed)?.0);
    let (mut written, mut blocks, mut reclaimed) = (Vec::new(), Vec::new(), Vec::new());
    for engine in STORES {
        lab.tell(engine);
        let dir = folder.join(engine.name());
        write_in_sittings(&logs, engine, &dir)?;
        let (len, on_disk) = files::size(&dir)?;
        written.push((engine, factor(&logs, len)));
        blocks.push((engine, factor(&logs, on_disk)));
        engine.reclaim(&dir)?;
        reclaimed.push((engine, factor(&logs, files::size(&dir)?.0)));
        let out = folder.join("out");
        let system = engine.open(&dir, for_reads(engine))?;
        system.export(&logs, &out)?;
        system.close()?;
        logs.compare(&out)?;
        lab.clear("size/out")?;
    }
    let row = |metric: &str, cells| {
        Row::new(metric, Unit::Factor, cells).with_floor("zstd -3, each file", zstd.clone())
    };
    section.rows = vec![
        row("as agents write, by length", written),
        row("as agents write, by blocks", blocks),
        row("space given back, by length", reclaimed),
    ];
    // Of 30 MB the journal, which is 2 MiB whatever the archive, would be a large part.
    if !lab.quick {
        promises(&mut section);
    }
    Ok(section)
}

fn promises(section: &mut Section) {
    let ours = |row: Option<&Row>| {
        row.and_then(|row| row.of(Engine::Sessiondb))
            .map_or(f64::NAN, Rounds::median)
    };
    let written = ours(section.rows.first());
    let compacted = ours(section.rows.last());
    section.at_least("JSONL / archive as agents write it", written, 5.0, times);
    section.at_least("JSONL / archive after compact", compacted, 7.0, times);
}

fn factor(logs: &Logs, bytes: u64) -> Rounds {
    Rounds::once(count(logs.bytes()) / count(bytes))
}

/// Appends all logs entry by entry: some sessions at once, a turn of each after the other.
fn write_in_sittings(logs: &Logs, engine: Engine, dir: &Path) -> Result<()> {
    for some in logs.files.chunks(AT_ONCE) {
        let entries: Vec<_> = some
            .iter()
            .map(|file| logs.entries(file))
            .collect::<Result<_>>()?;
        for sitting in 0..SITTINGS {
            let mut store = Subject::open(engine, for_reads(engine), dir.to_owned())?;
            sit(&store, some, &entries, sitting)?;
            store.close()?;
        }
    }
    Ok(())
}

/// Appends the part of a sitting to each of some logs.
fn sit(store: &Subject, files: &[LogFile], logs: &[Vec<Vec<u8>>], sitting: usize) -> Result<()> {
    let mut writers = Vec::new();
    for (file, entries) in files.iter().zip(logs) {
        let appender = store.system()?.appender(file.log())?;
        writers.push((appender, entries, part(entries.len(), sitting)));
    }
    while writers.iter().any(|(_, _, part)| !part.is_empty()) {
        for (appender, entries, part) in &mut writers {
            for index in part.by_ref().take(TURN) {
                appender.append(entries.get(index).ok_or("no such entry")?)?;
            }
        }
    }
    Ok(())
}

/// The entries of a sitting, of a session of `len`.
fn part(len: usize, sitting: usize) -> std::ops::Range<usize> {
    let end = |sittings| len * sittings / SITTINGS;
    end(sitting)..end(sitting + 1)
}
