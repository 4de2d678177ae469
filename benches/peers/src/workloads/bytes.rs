//! What a process writes for each append, by the counters that the kernel keeps of it.

use super::{Lab, Subject, for_reads};
use crate::Result;
use crate::entries::{Limit, Made, Writer};
use crate::figures::{Rounds, Row, Section, Unit, bytes as show, count};
use crate::systems::{Engine, Promise};

pub(super) fn bytes(lab: &Lab<'_>, name: &'static str) -> Result<Section> {
    let note = "Entries of 1 KiB, checkpoints, compactions and the close included. In calls: what \
                the process handed to write calls (wchar in /proc/self/io), which for a store that \
                writes through a map is less than what it writes. To the disk: whole pages that it \
                made dirty (write_bytes), anew for each that is synced in between.";
    let mut section = Section::new(name, "Bytes written for each append", note);
    for promise in Promise::ALL {
        let engines = Engine::ALL.into_iter();
        let (mut calls, mut pages) = (Vec::new(), Vec::new());
        for engine in engines.filter(|engine| engine.promises(promise)) {
            lab.tell(engine);
            let (in_calls, in_pages) = written_by(lab, name, engine, promise)?;
            calls.push((engine, Rounds::once(in_calls)));
            pages.push((engine, Rounds::once(in_pages)));
        }
        let row = |what: &str, cells| {
            let floor = Rounds::once(count(Made::segment(0).entry_bytes));
            let metric = format!("{}, {what}", promise.name());
            Row::new(metric, Unit::Bytes, cells).with_floor("the entry", floor)
        };
        let calls = row("in calls", calls);
        if let (Promise::Written, Some(ours)) = (promise, calls.of(Engine::Sessiondb)) {
            section.at_most("bytes written per append", ours.median(), 3000.0, show);
        }
        section.rows.extend([calls, row("to the disk", pages)]);
    }
    Ok(section)
}

/// How many bytes an append makes the process write: through calls, and in pages.
fn written_by(lab: &Lab<'_>, name: &str, engine: Engine, promise: Promise) -> Result<(f64, f64)> {
    let appends = match promise {
        Promise::Written => lab.pick(10_000, 50_000),
        Promise::Synced => lab.pick(500, 5_000),
    };
    let limit = Limit {
        times: appends,
        time: std::time::Duration::from_secs(20),
    };
    let dir = lab.folder(name)?.join(promise.name()).join(engine.name());
    let mut subject = Subject::open(engine, promise, dir)?;
    // The files are there, and as large as the first appends make them.
    Made::segment(0).fill(subject.system()?, 0, 2000)?;
    subject.settle()?;
    let mut writer = Writer::new(subject.system()?, Made::segment(1))?;
    let (calls, pages) = io_counters()?;
    let appends = writer.run(limit)?.len();
    let written = writer.written();
    drop(writer);
    subject.close()?;
    let (calls_after, pages_after) = io_counters()?;
    subject.promise = for_reads(engine);
    subject.reopen()?;
    Made::segment(1).verify(subject.system()?, written)?;
    subject.close()?;
    let each = |before: u64, after: u64| count(after.saturating_sub(before)) / count(appends);
    Ok((each(calls, calls_after), each(pages, pages_after)))
}

/// `wchar` and `write_bytes` of this process.
fn io_counters() -> Result<(u64, u64)> {
    let counters = std::fs::read_to_string("/proc/self/io")?;
    let counter = |name: &str| -> Result<u64> {
        let value = counters.lines().find_map(|line| line.strip_prefix(name));
        let value = value.ok_or_else(|| format!("/proc/self/io has no {name}"))?;
        Ok(value.trim().parse()?)
    };
    Ok((counter("wchar:")?, counter("write_bytes:")?))
}
