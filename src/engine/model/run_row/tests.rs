//! Rows of runs against their entries, and against damage.

use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::engine::model::run::Run;
use crate::engine::model::shared_value::Values;

fn log() -> LogId {
    LogId {
        session: Uuid::from_u128(1),
        segment: Uuid::from_u128(2),
        kind: LogKind::Entries,
    }
}

fn joined<T: AsRef<[u8]>>(entries: impl IntoIterator<Item = T>) -> Entries {
    let mut joined = Entries::default();
    for entry in entries {
        joined.push(entry.as_ref());
    }
    joined
}

fn rows(entries: &Entries, first: u64, level: Option<i32>) -> Vec<Vec<u8>> {
    let packed = Packed::new(entries.payload(), level);
    let rows = packed.into_rows(&log(), first, entries.len());
    let numbers: Vec<_> = rows.iter().map(|(number, _)| *number).collect();
    let expected: Vec<_> = (first..).take(rows.len()).collect();
    assert_eq!(numbers, expected);
    rows.into_iter().map(|(_, row)| row).collect()
}

fn read(rows: &[Vec<u8>]) -> Result<Run, String> {
    let (first, chunks) = rows.split_first().ok_or("no rows")?;
    let skeleton = RunRow::parse(first)?.unpack(chunks.iter().map(Vec::as_slice))?;
    skeleton.with(&Values::new())
}

fn read_front(rows: &[Vec<u8>], count: u64) -> Result<Run, String> {
    let (first, chunks) = rows.split_first().ok_or("no rows")?;
    let skeleton = RunRow::parse(first)?.unpack_front(chunks.iter().map(Vec::as_slice), count)?;
    skeleton.with(&Values::new())
}

/// Text that does not compress much.
fn noise(len: usize) -> String {
    let mut rng = fastrand::Rng::with_seed(7);
    (0..len).map(|_| rng.alphanumeric()).collect()
}

proptest! {
    #[test]
    fn a_run_reads_back_and_any_flipped_bit_is_noticed(
        first in 0..u64::MAX / 2,
        entries in prop::collection::vec("[^\n]{0,40}", 1..20),
        repeated in 1..9_usize,
        noisy in prop::option::of(0..90_000_usize),
        level in prop::option::of(1..6),
        flip in any::<prop::sample::Index>(),
        cut in any::<prop::sample::Index>(),
    ) {
        let noisy = noisy.map(noise);
        let entries = entries.iter().cycle().take(entries.len() * repeated).chain(&noisy);
        let entries = joined(entries);
        let mut rows = rows(&entries, first, level);
        let back = read(&rows).expect("intact rows read back");
        prop_assert_eq!(back.first(), first);
        prop_assert_eq!(back.entries(), &entries);
        let count = cut.index(entries.ends().len()) as u64 + 1;
        let front = read_front(&rows, count).expect("and so does its front");
        prop_assert_eq!(front.first(), first);
        prop_assert!((count..=entries.len()).contains(&front.entries().len()));
        prop_assert_eq!(front.entries(), &entries.slice(0..front.entries().len()));

        let bits = rows.iter().map(|row| row.len() * 8).sum();
        let mut bit = flip.index(bits);
        for row in &mut rows {
            if bit < row.len() * 8 {
                row[bit / 8] ^= 1 << (bit % 8);
                break;
            }
            bit -= row.len() * 8;
        }
        prop_assert!(read(&rows).is_err());
        prop_assert!(read_front(&rows, count).is_err());
    }
}

#[test]
fn chunks_of_another_run_are_not_taken() {
    let text = noise(130_000);
    let long: Vec<_> = text.as_bytes().chunks(3000).collect();
    let one = rows(&joined(&long), 5, Some(3));
    let other = rows(&joined(long.iter().rev()), 5, Some(3));
    assert!(one.len() > 1 && other.len() == one.len());
    for at in 0..one.len() {
        let mut mixed = one.clone();
        mixed[at].clone_from(&other[at]);
        assert!(read(&mixed).is_err(), "{at}");
        let mut less = one.clone();
        less.remove(at);
        assert!(read(&less).is_err(), "{at}");
        let mut more = one.clone();
        more.insert(at, one[at].clone());
        assert!(read(&more).is_err(), "{at}");
    }
    assert!(read(&one[1..]).is_err());
}

fn with(row: &[u8], at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut row = row.to_vec();
    row[at..at + bytes.len()].copy_from_slice(bytes);
    let checksum = xxh3_64(&row[8..]);
    row[..8].copy_from_slice(&checksum.to_le_bytes());
    row
}

#[test]
fn a_row_that_says_what_is_not_known_is_refused() {
    let row = rows(&joined(["{}"]), 7, None).remove(0);
    let is_taken = |at: usize, value: u8| read(&[with(&row, at, &[value])]).is_ok();
    assert!(is_taken(12, 2));
    for (at, value) in [
        (8, b'S'),
        (12, 3),
        (13, 1),
        (13, 2),
        (13, 3),
        (14, 1),
        (15, 1),
    ] {
        assert!(!is_taken(at, value), "byte {at}");
    }
}

#[cfg(feature = "zstd")]
#[test]
fn a_frame_that_unpacks_to_another_length_is_refused() {
    let row = rows(&joined(["{}".repeat(50)]), 7, Some(3)).remove(0);
    assert_eq!(row[13], ZSTD);
    assert!(read(std::slice::from_ref(&row)).is_ok());
    for len in [0, 1, 99, 101, 1 << 26, u32::MAX] {
        let row = with(&row, HEADER_BYTES, &len.to_le_bytes());
        assert!(read(&[row]).is_err(), "{len}");
    }
}

#[cfg(feature = "zstd")]
#[test]
fn the_front_of_a_run_is_unpacked_without_the_rest() {
    let text = noise(900_000);
    let rows = rows(&joined(text.as_bytes().chunks(900)), 7, Some(3));
    let front = read_front(&rows, 30).unwrap();
    assert!((30..400).contains(&front.entries().len()));
    assert_eq!(read_front(&rows, 1000).unwrap().entries().len(), 1000);

    let row = self::rows(&joined(vec![noise(400); 1000]), 7, Some(3)).remove(0);
    for len in [0_u32, 1, 400, 100_000] {
        let row = with(&row, HEADER_BYTES, &len.to_le_bytes());
        assert!(read_front(&[row], 999).is_err(), "{len}");
    }
}

#[test]
fn a_row_in_another_place_is_damage() {
    let row = rows(&joined(["{}"]), 7, None).remove(0);
    let row = RunRow::parse(&row).unwrap();
    let traces = LogId {
        kind: LogKind::Traces,
        ..log()
    };
    assert!(row.must_be(&log(), 7).is_ok());
    assert!(row.must_be(&traces, 7).is_err());
    assert!(row.must_be(&log(), 8).is_err());
}
