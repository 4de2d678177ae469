//! Random histories of entries with values that repeat: an archive that shares them gives the entries that a plain
//! list gives, through appends, cuts, erasures, deletions, checkpoints, closing and compaction.
//!
//! Each 3 bytes of the input are one call: what, on which of 2 sessions of 2 segments, a number.

use std::collections::BTreeMap;
use std::sync::Arc;

use sessiondb::testing::{self, Opening, StorageBackend};
use sessiondb::{Archive, RawJson};
use uuid::Uuid;

type Ids = (Uuid, Uuid);
type Model = BTreeMap<Ids, Vec<String>>;

pub(crate) fn check(data: &[u8]) {
    // The shortest journal, so that it is full now and then.
    let mut storage = testing::create_in_memory(16 << 10).expect("an archive in memory");
    let mut archive = open(&storage);
    let mut model = Model::new();
    for call in data.as_chunks::<3>().0.iter().take(60) {
        let [what, place, number] = *call;
        let ids = ids(place);
        match what % 10 {
            0..4 => append(&archive, &mut model, ids, what, number),
            4 => truncate(&archive, &mut model, ids, number),
            5 => erase(&archive, &mut model, ids, number),
            6 => {
                archive.delete_segment(ids.0, ids.1).expect("it goes");
                model.remove(&ids);
            }
            7 => archive.checkpoint().expect("a checkpoint"),
            8 => {
                archive.close().expect("it closes");
                archive = open(&storage);
            }
            _ => {
                storage = testing::compact_in_memory(&archive).expect("a copy");
                drop(archive);
                archive = open(&storage);
            }
        }
        same(&archive, &model, *call);
    }
    let report = archive.check(None).expect("a check");
    assert!(report.is_clean(), "{report:?}");
    archive.close().expect("it closes");
    same(&open(&storage), &model, [0; 3]);
}

fn open(storage: &Arc<dyn StorageBackend>) -> Archive {
    testing::open(Arc::clone(storage), Opening::default()).expect("it opens")
}

fn append(archive: &Archive, model: &mut Model, ids: Ids, what: u8, number: u8) {
    let log = archive.log(ids.0, ids.1);
    let entries: Vec<String> = (0..=u64::from(what % 10))
        .map(|n| entry(n, number))
        .collect();
    let raw = entries.iter();
    let raw = raw.map(|entry| RawJson::new(entry.as_str()).expect("JSON"));
    log.append_many(raw).expect("an append");
    model.entry(ids).or_default().extend(entries);
}

fn truncate(archive: &Archive, model: &mut Model, ids: Ids, number: u8) {
    if let Some(entries) = model.get_mut(&ids) {
        let len = usize::from(number) % (entries.len() + 1);
        let log = archive.log(ids.0, ids.1);
        log.truncate(len as u64).expect("a cut");
        entries.truncate(len);
    }
}

fn erase(archive: &Archive, model: &mut Model, ids: Ids, number: u8) {
    if let Some(entries) = model.get_mut(&ids).filter(|entries| !entries.is_empty()) {
        let at = usize::from(number) % entries.len();
        let log = archive.log(ids.0, ids.1);
        log.erase(at as u64..=at as u64).expect("an erasure");
        r#"{"kind":"erased"}"#.clone_into(&mut entries[at]);
    }
}

/// An entry with one or two of a few values, of which each comes again and again, and what no other has.
fn entry(n: u64, number: u8) -> String {
    let value = |which: u8| {
        // Of 1,023 bytes, which is too short, to 80 KiB, some of which compress and some do not.
        let len = [1023, 1024, 3000, 20_000, 80_000][usize::from(which % 5)];
        let mut seed = u64::from(which) + 1;
        let letter = |_| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            char::from(b'a' + (seed >> 60) as u8)
        };
        let text: String = (0..len).map(letter).collect();
        if which.is_multiple_of(2) {
            text
        } else {
            text.replace(['b', 'c', 'd', 'e'], "\\n")
        }
    };
    let (first, second) = (value(number & 7), value(number >> 3 & 7));
    match number >> 6 {
        0 => format!(r#"{{"n":{n},"a":"{first}"}}"#),
        1 => format!(r#"{{"n":{n},"a":"{first}","b":"{second}"}}"#),
        2 => format!(r#"["{first}","{first}",{n}]"#),
        _ => format!(r#"{{"n":{n}}}"#),
    }
}

fn same(archive: &Archive, model: &Model, call: [u8; 3]) {
    for ids in (0..4).map(ids) {
        let log = archive.log(ids.0, ids.1);
        let read = log.read(..).expect("it is read");
        let read: Vec<_> = read
            .map(|entry| entry.expect("whole").as_str().to_owned())
            .collect();
        let known = model.get(&ids).map_or(&[][..], Vec::as_slice);
        assert!(read == known, "after {call:?} {ids:?} differs");
        if let Some(last) = known.last() {
            let single = log.last(1).expect("it is read").next();
            let single = single.expect("there is one").expect("whole");
            assert!(
                single.as_str() == last,
                "after {call:?} the last of {ids:?} differs"
            );
        }
    }
}

fn ids(place: u8) -> Ids {
    let id = |bit: u8| Uuid::from_u128(u128::from(place >> bit & 1) + 1);
    (id(0), id(1))
}
