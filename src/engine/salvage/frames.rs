//! What the frames of the journal that count make of the state that was found in the tables.

use redb::StorageBackend;

use super::found::Found;
use crate::engine::journal::{Frame, Journal, Position, codec};
use crate::engine::tables::Checkpointed;

/// How far a state reaches: two that reach the same hold the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reach {
    pub(super) changes: u64,
    /// The checksum of the last frame, which depends on all before it.
    pub(super) chain: u64,
}

/// Applies the frames that follow on `checkpointed`, and returns how far the state reaches then.
pub(super) fn replay(
    file: &dyn StorageBackend,
    journal_bytes: u64,
    checkpointed: Checkpointed,
    found: &mut Found,
) -> Reach {
    let journal = Journal::new(journal_bytes, 0);
    let mut at = Position::start_of(
        checkpointed.epoch + 1,
        checkpointed.frames,
        checkpointed.chain,
    );
    loop {
        let next = match next_frame(journal, file, &at, found) {
            Some(next) => Some(next),
            // The frames of two epochs at most are not in the tables.
            None if at.epoch == checkpointed.epoch + 1 => {
                let next_epoch = at.next_epoch();
                next_frame(journal, file, &next_epoch, found)
            }
            None => None,
        };
        let Some((frame, behind)) = next else {
            tell_of_damage(journal, file, &at, found);
            return reach(&at);
        };
        match codec::decode_all(frame.payload()) {
            Ok(ops) => ops.into_iter().for_each(|op| found.apply(op)),
            Err(message) => {
                let remark = format!("journal, epoch {}, frame {}: {message}", at.epoch, at.frame);
                found.remarks.push(remark);
                return reach(&at);
            }
        }
        at = behind;
    }
}

fn reach(at: &Position) -> Reach {
    Reach {
        changes: at.frame,
        chain: at.chain,
    }
}

fn next_frame(
    journal: Journal,
    file: &dyn StorageBackend,
    at: &Position,
    found: &mut Found,
) -> Option<(Frame, Position)> {
    if let Ok(Some(next)) = journal.read(file, at) {
        return Some(next);
    }
    let mended = journal.read_mended(file, at).ok().flatten()?;
    found.remarks.push(format!(
        "journal, epoch {}, frame {}: one bit of it was put right",
        at.epoch, at.frame
    ));
    Some(mended)
}

fn tell_of_damage(journal: Journal, file: &dyn StorageBackend, at: &Position, found: &mut Found) {
    if let Ok(Some(cut)) = journal.cut_off_at(file, at) {
        found.remarks.push(format!(
            "journal, epoch {}, frame {}: it was torn by power loss, or damaged since; it and \
             the {} whole ones behind it do not count",
            cut.epoch, cut.frame, cut.frames_behind
        ));
    }
}
