//! What changed, in the order of the frames, for those who follow. Nothing is kept while nobody does.

use std::collections::VecDeque;

use crate::change::{Change, ChangeKind};
use crate::engine::model::log_id::{LogId, LogKind};
use crate::engine::model::op::{NOTE_MARK, Op};
use crate::ids::{SegmentId, SessionId};

/// How many changes are kept for one who has not looked at them yet: about 2 MiB.
const MAX_KEPT: usize = 1 << 14;

/// The last changes.
#[derive(Debug)]
pub(crate) struct Feed {
    /// The number of the frame whose changes come next.
    next_frame: u64,
    compactions: u32,
    changes: VecDeque<Change>,
    /// How many changes there were before those.
    first: u64,
    /// Those of frames that are not in the journal yet.
    pending: Vec<Vec<Change>>,
}

impl Feed {
    pub(crate) fn new(next_frame: u64, compactions: u32) -> Self {
        Self {
            next_frame,
            compactions,
            changes: VecDeque::new(),
            first: 0,
            pending: Vec::new(),
        }
    }

    /// How many changes there have been.
    pub(crate) fn end(&self) -> u64 {
        self.first + self.changes.len() as u64
    }

    /// The changes after the first `place`, or a gap if not all of them were kept.
    pub(crate) fn after(&self, place: u64) -> Vec<Change> {
        let Some(known) = place.checked_sub(self.first) else {
            return vec![Change::new(ChangeKind::Gap, self.next_frame)];
        };
        let known = usize::try_from(known).unwrap_or(usize::MAX);
        self.changes.iter().skip(known).cloned().collect()
    }

    /// Takes the changes of a frame, unless it has them.
    pub(crate) fn take(&mut self, frame: u64, changes: impl IntoIterator<Item = Change>) {
        if frame < self.next_frame {
            return;
        }
        self.reach(frame);
        self.next_frame = frame + 1;
        for change in changes {
            let version = frame;
            self.push(Change { version, ..change });
        }
    }

    /// Says that there have been so many frames, of which some may have gone unseen.
    pub(crate) fn reach(&mut self, frames: u64) {
        if frames > self.next_frame {
            self.next_frame = frames;
            self.push(Change::new(ChangeKind::Gap, frames));
        }
    }

    /// Says how often the file was put in order.
    pub(crate) fn note_compactions(&mut self, compactions: u32) {
        if compactions != self.compactions {
            self.compactions = compactions;
            self.push(Change::new(ChangeKind::Compaction, self.next_frame));
        }
    }

    /// Keeps the changes of a frame until it is in the journal.
    pub(crate) fn expect(&mut self, changes: Vec<Change>) {
        self.pending.push(changes);
    }

    /// Says that what is expected is in the journal, from that frame on.
    pub(crate) fn confirm(&mut self, first: u64) {
        let pending = std::mem::take(&mut self.pending);
        for (frame, changes) in (first..).zip(pending) {
            self.take(frame, changes);
        }
    }

    /// Says that what is expected may not be in the journal. Whatever is will be found there.
    pub(crate) fn expect_nothing(&mut self) {
        self.pending.clear();
    }

    fn push(&mut self, change: Change) {
        if self.changes.len() == MAX_KEPT {
            self.changes.pop_front();
            self.first += 1;
        }
        self.changes.push_back(change);
    }
}

/// What an op changes, as far as can be told before it is applied; [`completed`] tells the rest.
pub(crate) fn outline(op: &Op) -> Option<Change> {
    let of = |kind| Change::new(kind, 0);
    let of_session = |kind, session: &SessionId| Change {
        session: Some(*session),
        ..of(kind)
    };
    let of_segment = |kind, session: &SessionId, segment: &SegmentId| Change {
        segment: Some(*segment),
        ..of_session(kind, session)
    };
    let of_log = |kind, log: &LogId, range| Change {
        trace: log.kind == LogKind::Traces,
        range,
        ..of_segment(kind, &log.session, &log.segment)
    };
    let of_name = |kind, name: &String| Change {
        name: Some(name.clone()),
        ..of(kind)
    };
    Some(match op {
        Op::Append { log, entries, .. } => of_log(ChangeKind::Append, log, 0..entries.len()),
        Op::AppendLarge { log, .. } => of_log(ChangeKind::Append, log, 0..1),
        Op::Replace { log, entries, .. } => of_log(ChangeKind::Replace, log, 0..entries.len()),
        Op::Branch {
            session, to, len, ..
        } => Change {
            range: 0..*len,
            ..of_segment(ChangeKind::Branch, session, to)
        },
        Op::Erase {
            log,
            first,
            entries,
            ..
        } => of_log(ChangeKind::Erase, log, *first..*first + entries.len()),
        Op::Truncate { log, len, .. } => of_log(ChangeKind::Truncate, log, *len..*len),
        Op::DeleteLog { log } => of_log(ChangeKind::DeleteLog, log, 0..0),
        Op::DeleteSession { session } => of_session(ChangeKind::DeleteSession, session),
        Op::SetMetadata { session, .. } => of_session(ChangeKind::Metadata, session),
        Op::SetName { name, .. } | Op::DeleteName { name } if name.starts_with(NOTE_MARK) => {
            return None;
        }
        Op::SetName { name, .. } => of_name(ChangeKind::Name, name),
        Op::DeleteName { name } => of_name(ChangeKind::DeleteName, name),
        Op::Expect(_) => return None,
    })
}

/// The change of an op that left `result`; `None` if it changed nothing.
pub(crate) fn completed(outline: Option<Change>, result: u64) -> Option<Change> {
    let mut change = outline?;
    match change.kind {
        ChangeKind::Append => {
            let first = result.saturating_sub(change.range.end);
            change.range = first..result;
            (!change.range.is_empty()).then_some(change)
        }
        ChangeKind::DeleteLog | ChangeKind::DeleteSession | ChangeKind::DeleteName => {
            (result > 0).then_some(change)
        }
        _ => Some(change),
    }
}

/// The changes of ops that left these results.
pub(crate) fn all_completed<'o>(
    outlines: &'o [Option<Change>],
    results: &'o [u64],
) -> impl Iterator<Item = Change> + 'o {
    let all = outlines.iter().zip(results);
    all.filter_map(|(outline, result)| completed(outline.clone(), *result))
}
