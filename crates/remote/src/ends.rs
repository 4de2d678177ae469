//! The ends of logs that grow: small parts are written again with what is new, so that there are few.

use crate::block::BLOCK_BYTES;
use crate::hash::Sum;
use crate::plan::{Piece, PlannedLog, PlannedSession, joined};

/// Writes the last parts of each log again with what is new behind them, as long as they are not larger than that.
pub(crate) fn join(sessions: &mut [PlannedSession]) {
    for session in sessions {
        for log in &mut session.logs {
            let mut segments = session.record.segments.iter_mut();
            if let Some(segment) = segments.find(|one| one.id == log.key.segment) {
                let bytes = if log.key.traces {
                    segment.trace_bytes
                } else {
                    segment.entry_bytes
                };
                join_end(log, bytes, &mut segment.stale);
            }
        }
    }
}

fn join_end(log: &mut PlannedLog, bytes: u64, stale: &mut Vec<Sum>) {
    let Some(Piece::New(mut range)) = log.pieces.last().cloned() else {
        return;
    };
    let kept = log.pieces.iter().map(|piece| match piece {
        Piece::Kept(part) => part.bytes,
        Piece::New(_) => 0,
    });
    // What else is new counts as if it were at the end: it only lets more be joined.
    let mut new = bytes.saturating_sub(kept.sum());
    log.pieces.pop();
    while let Some(Piece::Kept(part)) = log.pieces.last() {
        if part.bytes > new || part.bytes + new > BLOCK_BYTES {
            break;
        }
        new += part.bytes;
        range.start = part.first;
        if !stale.contains(&part.pack) {
            stale.push(part.pack);
        }
        log.pieces.pop();
    }
    log.pieces.push(Piece::New(range));
    log.pieces = joined(std::mem::take(&mut log.pieces));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pack::LogKey;
    use crate::record::Part;
    use sessiondb::SessionId;

    fn part(first: u64, end: u64, bytes: u64) -> Part {
        let sum = Sum::of(b"");
        Part {
            pack: sum,
            at: first,
            len: bytes,
            first,
            end,
            bytes,
            sum,
        }
    }

    #[test]
    fn small_parts_at_the_end_are_written_again_with_what_is_new() {
        let key = LogKey {
            session: SessionId::from_u128(1),
            segment: SessionId::from_u128(2),
            traces: false,
        };
        let pieces = vec![
            Piece::Kept(part(0, 5, 1000)),
            Piece::Kept(part(5, 6, 20)),
            Piece::Kept(part(6, 7, 10)),
            Piece::New(7..8),
        ];
        let (mut log, mut stale) = (PlannedLog { key, pieces }, Vec::new());
        join_end(&mut log, 1040, &mut stale);
        assert_eq!(
            log.pieces,
            [Piece::Kept(part(0, 5, 1000)), Piece::New(5..8)]
        );
        assert_eq!(stale.len(), 1);
    }

    #[test]
    fn a_log_that_grows_by_a_turn_at_a_time_has_few_parts() {
        let key = LogKey {
            session: SessionId::from_u128(1),
            segment: SessionId::from_u128(2),
            traces: false,
        };
        let (mut log, mut stale) = (
            PlannedLog {
                key,
                pieces: Vec::new(),
            },
            Vec::new(),
        );
        let mut written = 0;
        for turn in 0..1000 {
            log.pieces.push(Piece::New(turn..turn + 1));
            join_end(&mut log, (turn + 1) * 100, &mut stale);
            for piece in &mut log.pieces {
                if let Piece::New(range) = piece.clone() {
                    let bytes = (range.end - range.start) * 100;
                    written += bytes;
                    *piece = Piece::Kept(part(range.start, range.end, bytes));
                }
            }
            assert!(log.pieces.len() <= 11, "{} parts", log.pieces.len());
        }
        assert!(
            written < 12 * 100_000,
            "{written} bytes written for 100,000"
        );
    }
}
