//! Recovering: what is whole comes back whole, and what is refused.

use sessiondb::doctor::{RecoverBasis, recover};
use sessiondb::{Archive, StoreError};

use super::{Content, closed_sample, judge, sample};
use crate::raw::{raw, raws};
use crate::scratch::Scratch;

#[test]
fn an_undamaged_archive_comes_back_as_it_was() {
    let scratch = Scratch::new();
    let (broken, new) = (scratch.fresh(), scratch.fresh());
    let (bytes, was) = closed_sample(&broken);
    let mut last = None;
    let report = recover(
        &broken,
        &new,
        Some(&mut |progress| last = Some((progress.done, progress.total))),
    )
    .unwrap();
    assert_eq!(report.problems, []);
    assert_eq!(report.notes, [""; 0]);
    assert!(report.complete && report.basis == RecoverBasis::Newest);
    assert_eq!(Content::of(&new), was);
    assert_eq!(report.entries + report.traces, was.entries());
    assert_eq!(report.sessions, 4);
    assert!(last.is_some_and(|(done, total)| done == total && total > 0));
    assert!(
        std::fs::read(&broken).unwrap() == bytes,
        "the file was changed"
    );
    assert!(Archive::open(&new).unwrap().check(None).unwrap().is_clean());
    assert_eq!(scratch.names().len(), 2);
}

#[test]
fn so_does_one_whose_writers_died() {
    let scratch = Scratch::new();
    let (open, broken) = (scratch.fresh(), scratch.fresh());
    let archive = sample(&open);
    let mut frames = 0;
    for number in 0..40 {
        let session = archive.sessions().unwrap().next().unwrap().unwrap().id;
        let segment = archive
            .segments(session)
            .unwrap()
            .next()
            .unwrap()
            .unwrap()
            .id;
        let log = archive.log(session, segment);
        match number % 8 {
            6 => log.truncate(log.len().unwrap() / 2).unwrap(),
            7 => log.replace(raws(["1", "2"])).unwrap(),
            _ => {
                let entry = format!("\"{}\"", "y".repeat(number * 60));
                log.append(&raw(entry.as_bytes())).unwrap();
            }
        }
        std::fs::copy(&open, &broken).unwrap();
        let new = scratch.fresh();
        let report = recover(&broken, &new, None).unwrap();
        assert_eq!(report.problems, [], "after change {number}");
        assert!(report.complete, "after change {number}");
        assert_eq!(
            Content::of(&new),
            Content::read(&archive),
            "after change {number}"
        );
        frames += 1;
    }
    assert_eq!(frames, 40);
}

#[test]
fn what_is_no_archive_is_refused_and_nothing_is_made() {
    let scratch = Scratch::new();
    let (broken, new) = (scratch.fresh(), scratch.fresh());
    let noise: Vec<u8> = (0..300_000_u32)
        .map(|at| (at.wrapping_mul(2_654_435_761) >> 13).to_le_bytes()[0])
        .collect();
    let zeros = vec![0; 100_000];
    for bytes in [&noise[..], &[], &zeros, b"{\"kind\":\"invoke\"}\n"] {
        std::fs::write(&broken, bytes).unwrap();
        let refused = recover(&broken, &new, None).unwrap_err();
        assert!(
            matches!(refused, StoreError::NotAnArchive { .. }),
            "{refused}"
        );
    }
    let missing = recover(scratch.fresh(), &new, None).unwrap_err();
    assert!(matches!(&missing, StoreError::Io(err) if err.kind() == std::io::ErrorKind::NotFound));
    assert_eq!(scratch.names().len(), 1);
}

#[test]
fn what_is_there_already_is_left_alone() {
    let scratch = Scratch::new();
    let (broken, new) = (scratch.fresh(), scratch.fresh());
    closed_sample(&broken);
    std::fs::write(&new, "mine").unwrap();
    let refused = recover(&broken, &new, None).unwrap_err();
    assert!(
        matches!(&refused, StoreError::Io(err) if err.kind() == std::io::ErrorKind::AlreadyExists)
    );
    assert!(refused.to_string().contains(new.to_str().unwrap()));
    assert_eq!(std::fs::read(&new).unwrap(), b"mine");
}

#[test]
fn a_newer_format_is_refused_as_everywhere() {
    let scratch = Scratch::new();
    let (broken, new) = (scratch.fresh(), scratch.fresh());
    let (mut bytes, _) = closed_sample(&broken);
    bytes[16..20].copy_from_slice(&9_u32.to_le_bytes());
    let checksum = xxhash_rust::xxh3::xxh3_64(&bytes[..4088]);
    bytes[4088..4096].copy_from_slice(&checksum.to_le_bytes());
    std::fs::write(&broken, bytes).unwrap();
    let refused = recover(&broken, &new, None).unwrap_err();
    assert!(
        matches!(refused, StoreError::UnsupportedVersion { found: 9, .. }),
        "{refused}"
    );
}

/// Without any root, what is found is taken only where it is not contradicted, and the report
/// says on what it rests.
#[test]
fn without_a_root_runs_are_looked_for_everywhere() {
    let scratch = Scratch::new();
    let (broken, new) = (scratch.fresh(), scratch.fresh());
    let (mut bytes, was) = closed_sample(&broken);
    let image = 8192 + (16 << 10);
    bytes[image + 64..image + 320].fill(0);
    for page in bytes[image..].chunks_exact_mut(4096) {
        if page[0] == 1 && page.windows(8).any(|window| window == b"absorbed") {
            page.fill(0);
        }
    }
    bytes[8192..image].fill(0);
    std::fs::write(&broken, bytes).unwrap();
    let report = recover(&broken, &new, None).unwrap();
    assert_eq!(report.basis, RecoverBasis::Scan);
    assert!(!report.complete);
    let is = Content::of(&new);
    let mut whole = 0;
    for (id, entries) in was.logs.iter().filter(|(_, log)| !log.is_empty()) {
        let found = is.logs.get(id).map_or(&[][..], |log| &log[..]);
        let (agreed, len) = (found.iter().zip(entries), found.len().min(entries.len()));
        assert_eq!(
            agreed.filter(|(found, entry)| found == entry).count(),
            len,
            "{id:?}"
        );
        whole += u32::from(len == entries.len());
    }
    assert!(whole > 10, "{whole}");
    assert!(
        judge(&was, &is, &report).is_err(),
        "nothing that was removed was found"
    );
}
