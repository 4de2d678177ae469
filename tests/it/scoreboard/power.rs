//! Power loss: what can be on the disk after a moment at which some writes were not synced.

use std::fmt;

use super::disk::{Event, Pages};
use super::row::Dice;

/// A sector: a write that power loss meets is there up to a multiple of it.
const SECTOR: usize = 512;
/// Of more writes than these not all subsets are tried.
const ALL_SUBSETS_UP_TO: usize = 4;

/// A moment at which power is lost, and what of the writes that were not synced is on the disk.
#[derive(Debug, Clone)]
pub(super) struct Crash {
    /// How many events there were before.
    pub(super) after: usize,
    kept: Vec<bool>,
    /// The last write is there up to this many bytes.
    torn: Option<usize>,
}

impl Crash {
    /// Whether everything that was written is there, as after the death of a process.
    pub(super) fn keeps_all(&self) -> bool {
        self.torn.is_none() && self.kept.iter().all(|kept| *kept)
    }
}

impl fmt::Display for Crash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kept: String = self
            .kept
            .iter()
            .map(|kept| if *kept { '1' } else { '0' })
            .collect();
        write!(f, "crash after event {}, mask {kept}", self.after)?;
        match self.torn {
            Some(bytes) => write!(f, ", the last write torn at {bytes}"),
            None => Ok(()),
        }
    }
}

/// Calls `each` with every crash of the events, from number `from` on, on a disk that held `start`,
/// until it says stop. At most `most` images for each moment, drawn if there are more.
pub(super) fn crashes(
    start: &Pages,
    (events, from): (&[Event], usize),
    dice: &mut Dice,
    most: usize,
    mut each: impl FnMut(&Crash, Pages) -> bool,
) {
    let (mut synced, mut pending): (Pages, Vec<&Event>) = (start.clone(), Vec::new());
    let nothing = Crash {
        after: 0,
        kept: Vec::new(),
        torn: None,
    };
    if from == 0 && !each(&nothing, synced.clone()) {
        return;
    }
    for (event, after) in events.iter().zip(1..) {
        if let Event::Sync = event {
            pending.drain(..).for_each(|event| synced.apply(event));
            let crash = Crash {
                after,
                ..nothing.clone()
            };
            if after >= from && !each(&crash, synced.clone()) {
                return;
            }
            continue;
        }
        pending.push(event);
        if after < from {
            continue;
        }
        let mut masks = masks(pending.len(), event, dice);
        while masks.len() > most {
            // The first one keeps everything, as the death of a process does.
            masks.swap_remove(1 + dice.index(masks.len() - 1));
        }
        for (kept, torn) in masks {
            let image = image(&synced, &pending, &kept, torn);
            if !each(&Crash { after, kept, torn }, image) {
                return;
            }
        }
    }
}

/// What can be there of `len` writes, the last of which is `last`. It is there in each, since
/// without it the moment before is met.
fn masks(len: usize, last: &Event, dice: &mut Dice) -> Vec<(Vec<bool>, Option<usize>)> {
    let all = vec![true; len];
    let mut kept = vec![all.clone()];
    if len <= ALL_SUBSETS_UP_TO {
        let before = len - 1;
        kept.extend((0..(1_usize << before) - 1).map(|subset| {
            let bits = (0..before).map(|bit| subset >> bit & 1 == 1);
            bits.chain([true]).collect()
        }));
    } else {
        let with = |keep: &dyn Fn(usize) -> bool| -> Vec<bool> {
            (0..len)
                .map(|write| write == len - 1 || keep(write))
                .collect()
        };
        kept.extend((0..len - 1).map(|end| with(&|write| write < end)));
        kept.extend((0..len - 1).map(|one| with(&|write| write == one)));
        kept.extend((0..len - 1).map(|one| with(&|write| write != one)));
        kept.extend((0..8).map(|_| {
            let bits = dice.next();
            with(&|write| bits >> (write % 64) & 1 == 1)
        }));
    }
    let mut masks: Vec<_> = kept.into_iter().map(|kept| (kept, None)).collect();
    if let Event::Write { at, bytes } = last {
        // Of a sector that two writes share nothing is torn: disks write sectors whole.
        let first = SECTOR - at % SECTOR;
        let cuts: Vec<usize> = (first..bytes.len()).step_by(SECTOR).collect();
        let alone: Vec<bool> = (0..len).map(|write| write == len - 1).collect();
        for cut in cuts.iter().take(4).chain(cuts.last()) {
            masks.push((all.clone(), Some(*cut)));
            masks.push((alone.clone(), Some(*cut)));
        }
    }
    masks
}

fn image(synced: &Pages, pending: &[&Event], kept: &[bool], torn: Option<usize>) -> Pages {
    let mut image = synced.clone();
    let last = pending.len() - 1;
    for (write, event) in pending.iter().enumerate() {
        match (event, torn) {
            _ if !kept[write] => {}
            (Event::Write { at, bytes }, Some(cut)) if write == last => {
                image.write(*at, &bytes[..cut]);
            }
            _ => image.apply(event),
        }
    }
    image
}
