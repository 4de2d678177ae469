//! How much memory a process that appends takes.

use super::Lab;
use crate::Result;
use crate::child::{Child, Job, MEMORY_SEGMENTS, Store};
use crate::entries::Made;
use crate::figures::{Rounds, Row, Section, Unit, bytes, count};
use crate::systems::{Engine, Promise};

pub(super) fn memory(lab: &Lab<'_>, name: &'static str) -> Result<Section> {
    let (appends, millis) = lab.pick((20_000, 2000), (200_000, 60_000));
    let note = format!(
        "The most that a process had resident (VmHWM) that appends up to {appends} entries of 1 KiB \
         to {MEMORY_SEGMENTS} segments in turn, then closes the store. Pages of files that it has \
         mapped count. The floor is the same program, which makes the entries, when it appends none."
    );
    let mut section = Section::new(name, "Peak memory", note);
    let mut cells = Vec::new();
    for engine in Engine::ALL {
        if !engine.promises(Promise::Written) {
            continue;
        }
        lab.tell(engine);
        let dir = lab.folder(name)?.join(engine.name());
        let store = Store {
            engine,
            promise: Promise::Written,
            dir: &dir,
        };
        let (written, peak_kib) = Child::start(Job::Memory { appends, millis }, store)?.result()?;
        let system = engine.open(&dir, Promise::Written)?;
        for segment in 0..MEMORY_SEGMENTS {
            Made::segment(segment).verify(&*system, written / MEMORY_SEGMENTS)?;
        }
        system.close()?;
        cells.push((engine, Rounds::once(count(peak_kib) * 1024.0)));
    }
    let alone = {
        let (engine, promise) = (Engine::Jsonl, Promise::Written);
        let dir = &lab.folder(name)?.join("nothing");
        let store = Store {
            engine,
            promise,
            dir,
        };
        let nothing = Job::Memory {
            appends: 0,
            millis: 0,
        };
        Child::start(nothing, store)?.result()?.1
    };
    let alone = Rounds::once(count(alone) * 1024.0);
    let row = Row::new("appending", Unit::Bytes, cells).with_floor("the program alone", alone);
    if let Some(ours) = row.of(Engine::Sessiondb) {
        let limit = 64.0 * 1024.0 * 1024.0;
        section.at_most("peak memory of appending", ours.median(), limit, bytes);
    }
    section.rows = vec![row];
    Ok(section)
}
