//! What an archive tells those who watch: the events of the feature `tracing`, and its counters.

use std::fmt::{Debug, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sessiondb::{Archive, Durability, new_segment_id, new_session_id};
use tracing::field::{Field, Visit};
use tracing::{Event, Metadata, Subscriber, span};

use crate::scratch::Scratch;

/// Writes down each event: its level, message and fields.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<String>>>);

impl Written {
    /// Those with this message about archives in a folder.
    fn of(&self, message: &str, folder: &str) -> Vec<String> {
        let all = self.0.lock().unwrap();
        let has = |line: &&String| line.contains(message) && line.contains(folder);
        all.iter().filter(has).cloned().collect()
    }
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, " {}={value:?}", field.name()).unwrap();
    }
}

impl Subscriber for Written {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("sessiondb")
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(event.metadata().level().to_string());
        event.record(&mut line);
        if !line.0.contains("Dropbox") {
            return;
        }
        self.0.lock().unwrap().push(line.0);
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

#[test]
fn opening_recovery_checkpoints_and_compaction_are_told() {
    let scratch = Scratch::new();
    let path = scratch.path().join("Dropbox");
    std::fs::create_dir(&path).unwrap();
    let mark = path.display().to_string();
    let path = path.join("a.sessiondb");
    // For all threads: which events are asked for at all is the same for the whole process.
    let written = Written::default();
    tracing::subscriber::set_global_default(written.clone()).unwrap();
    let archive = Archive::open(&path).unwrap();
    let log = archive.log(new_session_id(), new_segment_id());
    for number in 0..5 {
        log.append(&number).unwrap();
    }
    // As a process leaves it that dies.
    let copy = path.with_file_name("copy.sessiondb");
    std::fs::copy(&path, &copy).unwrap();
    drop(Archive::open(&copy).unwrap());
    archive.checkpoint().unwrap();
    drop(log);
    drop(archive.compact(None).unwrap());
    let opened = written.of("opened", &mark);
    assert!(
        opened.len() >= 2 && opened[0].contains("a.sessiondb"),
        "{opened:?}"
    );
    let recovered = written.of("recovered", &mark);
    assert!(
        recovered.len() == 1 && recovered[0].contains("changes=5"),
        "{recovered:?}"
    );
    let checkpointed = written.of("checkpointed", &mark);
    assert!(
        checkpointed
            .iter()
            .any(|line| line.contains("entries=5 bytes=5")),
        "{checkpointed:?}"
    );
    let compacted = written.of("compacted", &mark);
    assert!(
        compacted.len() == 1 && compacted[0].contains("in_place=false"),
        "{compacted:?}"
    );
    let place = written.of("may harm it", &mark);
    assert!(
        place[0].starts_with("WARN") && place[0].contains("Dropbox"),
        "{place:?}"
    );
}

#[test]
fn counters_add_up() {
    let scratch = Scratch::new();
    let archive = Archive::options()
        .sync_interval(Duration::from_secs(3600))
        .open(scratch.fresh())
        .unwrap();
    let log = archive.log(new_session_id(), new_segment_id());
    let before = archive.counters();
    log.clone()
        .with_durability(Durability::Written)
        .append(&1)
        .unwrap();
    assert_eq!(archive.counters().syncs, before.syncs);
    log.append(&2).unwrap();
    let after = archive.counters();
    assert_eq!(after.syncs, before.syncs + 1);
    assert!(after.sync_time > before.sync_time);
    archive.checkpoint().unwrap();
    let folded = archive.counters();
    assert_eq!(folded.checkpoints, 1);
    assert_eq!(
        (folded.checkpointed_entries, folded.checkpointed_bytes),
        (2, 2)
    );
    assert_eq!(folded.waits, 0);
}
