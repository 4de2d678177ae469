//! Opening a store until it answers: after a clean close, and after SIGKILL.

use std::time::{Duration, Instant};

use super::{Lab, STORES, Subject, expect, for_reads};
use crate::Result;
use crate::child::{Child, Job, Store};
use crate::entries::{Made, log, scramble};
use crate::figures::{Rounds, Row, Section, Unit, time};
use crate::logs::files;
use crate::systems::Engine;

/// Entries of the bulk of the store that is opened.
const BULK_ENTRY_BYTES: usize = 64 << 10;
const MB: u64 = 1_000_000;

/// A store that is opened again and again.
struct Victim {
    subject: Subject,
    /// How many entries segment 1 has, which a child appends to.
    written: u64,
    after_close: Rounds,
    after_kill: Rounds,
}

pub(super) fn open(lab: &Lab<'_>, name: &'static str) -> Result<Section> {
    let sizes: &[(u64, &str)] = if lab.quick {
        &[(100, "0.1 GB")]
    } else {
        &[(100, "0.1 GB"), (1000, "1 GB"), (4000, "4 GB")]
    };
    let note = "A store of that many bytes is opened and asked for the number of entries of a small \
                segment. SIGKILL hits a process that appends to that segment; nothing that was \
                acknowledged may be missing then, and at most one entry more be there.";
    let mut section = Section::new(name, "Opening", note);
    let mut victims = Vec::new();
    for engine in STORES {
        let dir = lab.folder(name)?.join(engine.name());
        victims.push(Victim {
            subject: Subject::open(engine, for_reads(engine), dir)?,
            written: 0,
            after_close: Rounds::default(),
            after_kill: Rounds::default(),
        });
    }
    let mut filled = 0;
    for (megabytes, size) in sizes {
        let entries = megabytes * MB / BULK_ENTRY_BYTES as u64;
        for victim in &mut victims {
            lab.tell(victim.subject.engine);
            bulk().fill(victim.subject.system()?, filled, entries)?;
            victim.subject.settle()?;
        }
        filled = entries;
        rounds(lab, &mut victims, &mut section, size)?;
    }
    for mut victim in victims {
        lab.tell(victim.subject.engine);
        let system = victim.subject.system()?;
        bulk().verify(system, filled)?;
        Made::segment(1).verify(system, victim.written)?;
        victim.subject.close()?;
    }
    Ok(section)
}

/// The large segment.
fn bulk() -> Made {
    Made {
        log: log(0),
        number: 0,
        entry_bytes: BULK_ENTRY_BYTES,
    }
}

fn rounds(lab: &Lab<'_>, victims: &mut [Victim], section: &mut Section, size: &str) -> Result<()> {
    for round in 0..lab.pick(3, 9) {
        for victim in &mut *victims {
            lab.tell(victim.subject.engine);
            let after_kill = Duration::from_millis(50 + scramble(round, 150));
            victim.subject.close()?;
            let written = append_until_killed(&victim.subject, after_kill)?;
            let took = victim.open(written..=written + 1)?;
            victim.after_kill.push(&[took]);
            Made::segment(1).verify(victim.subject.system()?, victim.written)?;
            victim.subject.close()?;
            files::settle(&victim.subject.dir)?;
            let took = victim.open(victim.written..=victim.written)?;
            victim.after_close.push(&[took]);
        }
    }
    let take = |victims: &mut [Victim], of: fn(&mut Victim) -> &mut Rounds| -> Vec<_> {
        let cells = victims.iter_mut();
        cells
            .map(|victim| (victim.subject.engine, std::mem::take(of(victim))))
            .collect()
    };
    let closed = take(victims, |victim| &mut victim.after_close);
    let killed = take(victims, |victim| &mut victim.after_kill);
    let killed = Row::new(format!("after SIGKILL, {size}"), Unit::Time, killed);
    if let Some(ours) = killed.of(Engine::Sessiondb) {
        let what = format!("open and count after SIGKILL, {size}");
        section.at_most(what, ours.median(), 20e-3, time);
    }
    let closed = Row::new(format!("after close, {size}"), Unit::Time, closed);
    section.rows.extend([closed, killed]);
    Ok(())
}

impl Victim {
    /// Opens the store and counts: how long that took.
    fn open(&mut self, allowed: std::ops::RangeInclusive<u64>) -> Result<Duration> {
        let start = Instant::now();
        self.subject.reopen()?;
        let found = self.subject.system()?.count(log(1))?;
        let took = start.elapsed();
        let message = format!("{found} entries are there, not {allowed:?}");
        expect(allowed.contains(&found), &message)?;
        self.written = found;
        Ok(took)
    }
}

/// Kills a child that appends to segment 1 after `delay`, and returns the last count that it gave.
fn append_until_killed(subject: &Subject, delay: Duration) -> Result<u64> {
    let store = Store {
        engine: subject.engine,
        promise: subject.promise,
        dir: &subject.dir,
    };
    let mut child = Child::start(Job::UntilKilled { segment: 1 }, store)?;
    let mut last = child.line()?.ok_or("the child could not append")?;
    let start = Instant::now();
    while start.elapsed() < delay {
        last = child.line()?.ok_or("the child ended by itself")?;
    }
    child.kill()?;
    while let Some(line) = child.line()? {
        last = line;
    }
    Ok(last.parse()?)
}
