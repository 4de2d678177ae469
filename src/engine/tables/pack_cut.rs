//! Storing an entry that is cut: piece after piece as shared values, so that none of it but one piece is in memory, and
//! then its run, which has what is left.

use crate::engine::fault::{Fault, Outcome};
use crate::engine::model::cut::{CUT_BYTES, Cutter, PieceSizes};
use crate::engine::model::log_id::LogId;
use crate::engine::model::run_row::Packed;
use crate::engine::model::shared_value::{MIN_VALUE_BYTES, Taken, ValueRef, fingerprint};
use crate::engine::model::word_filter::Builder;
use crate::engine::model::word_pieces::WordPieces;
use crate::engine::tables::packing::{PackedRun, Packing, RunSink, RunValues, checksum_of};
use crate::engine::tables::repeats::{Repeats, TakenValue};

/// Gives an entry, one part after the other.
pub(super) type ReadEntry<'e> = dyn Fn(&mut dyn FnMut(&[u8]) -> Outcome<()>) -> Outcome<()> + 'e;

/// Whether an entry of so many bytes is cut: where values can be stored beside runs.
pub(super) fn is_cut(len: u64, repeats: &Repeats<'_>) -> bool {
    len > CUT_BYTES as u64 && !repeats.are_none()
}

/// Stores the entry with that number.
pub(super) fn put_cut(
    packing: Packing,
    repeats: &Repeats<'_>,
    (log, number): (&LogId, u64),
    read: &ReadEntry<'_>,
    builder: &mut Builder,
    sink: &mut impl RunSink,
) -> Outcome<()> {
    let filters = packing.filters_of(log);
    let mut words = WordPieces::default();
    builder.begin();
    let mut pieces = Pieces {
        repeats,
        place: (log, number),
        sink: &mut *sink,
        whole: 0,
        taken: Taken::default(),
        values: RunValues::default(),
    };
    let mut cutter = Cutter::new(PieceSizes::STORED);
    // The last byte is never in a value: what is behind all that is left belongs to no entry.
    let mut last = Vec::new();
    read(&mut |part| {
        let Some((end, part)) = part.split_last() else {
            return Ok(());
        };
        for part in [&std::mem::replace(&mut last, vec![*end]), part] {
            if filters {
                words.push(part, builder);
            }
            cutter.push(part, &mut |piece| pieces.put(piece))?;
        }
        Ok(())
    })?;
    cutter.finish(&mut |piece| pieces.put(piece))?;
    pieces.leave(&last);
    words.push(&last, builder);
    words.finish(builder);
    let Pieces {
        whole,
        taken,
        values,
        ..
    } = pieces;
    let whole = u32::try_from(whole).map_err(|_| too_long(log, number))?;
    let packed = if taken.refs.is_empty() {
        Packed::new(&taken.left, packing.level())
    } else {
        Packed::without(&taken, whole, packing.level())
    };
    let rows = vec![(number, packed.into_row(log, number, 1))];
    let checksum = checksum_of(&rows).filter(|_| filters);
    sink.run(PackedRun {
        filter: checksum.map(|checksum| builder.finish(checksum, 1)),
        rows,
        values,
    })
}

/// The pieces of one entry on their way into the tables.
struct Pieces<'p, S> {
    repeats: &'p Repeats<'p>,
    place: (&'p LogId, u64),
    sink: &'p mut S,
    /// How many bytes have come.
    whole: u64,
    taken: Taken,
    values: RunValues,
}

impl<S: RunSink> Pieces<'_, S> {
    /// Leaves bytes in the run.
    fn leave(&mut self, bytes: &[u8]) {
        self.whole += bytes.len() as u64;
        self.taken.leave(bytes);
    }

    fn put(&mut self, piece: &[u8]) -> Outcome<()> {
        let (log, number) = self.place;
        let taken = if piece.len() < MIN_VALUE_BYTES {
            None
        } else {
            self.repeats.take(self.place, fingerprint(piece), piece)
        };
        let Some(TakenValue { name, is_new }) = taken else {
            self.leave(piece);
            return Ok(());
        };
        let at = self.whole;
        self.whole += piece.len() as u64;
        let in_range = |bytes| u32::try_from(bytes).map_err(|_| too_long(log, number));
        self.taken.refs.push(ValueRef {
            at: in_range(at)?,
            len: in_range(piece.len() as u64)?,
            name,
        });
        self.values.names.insert(name);
        if is_new {
            self.sink.value(name, piece.to_vec())?;
        }
        Ok(())
    }
}

fn too_long(log: &LogId, number: u64) -> Fault {
    Fault::damaged(
        format!("{log}, entry {number}"),
        "it is longer than an entry can be",
    )
}
