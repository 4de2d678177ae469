//! Large strings that runs share: entries come back byte for byte from the rows of their values, or not at all if
//! those are damaged, and any bytes as such rows give a message or what they say, never a panic.
//!
//! The first byte of the input says how: 0, the rest as rows, of which the second byte says how many bytes are the
//! head of a group; else as lines, of which every string is made long, in a group that is compressed or not, and
//! then changed by the 4 bytes behind: which row, which byte (2 bytes), and a value.

use sessiondb::testing::{read_values, share_values};

pub(crate) fn check(data: &[u8]) {
    match data {
        [0, at, rest @ ..] => rows(rest, usize::from(*at)),
        [how, row, a, b, value, rest @ ..] => {
            let at = usize::from(u16::from_le_bytes([*a, *b]));
            lines(rest, how & 1 == 1, (usize::from(*row), at, *value));
        }
        _ => {}
    }
}

fn rows(bytes: &[u8], at: usize) {
    let (head, stored) = bytes.split_at(at.min(bytes.len()));
    if let [Ok(group), _] = read_values(head, stored) {
        let len = head.first_chunk().expect("a head has a length");
        assert_eq!(group.len() as u64, u64::from_le_bytes(*len));
    }
    if let [_, Ok(run)] = read_values(bytes, &[]) {
        let len = bytes.first_chunk().expect("a run has a length");
        assert_eq!(run.len() as u64, u64::from(u32::from_le_bytes(*len)));
    }
}

fn lines(bytes: &[u8], compressed: bool, (row, at, value): (usize, usize, u8)) {
    // What stands between two `#` is repeated, so that short inputs have long strings.
    let mut lines = Vec::new();
    for (number, part) in bytes.split(|byte| *byte == b'#').enumerate() {
        let times = if number % 2 == 1 {
            1500 / part.len().max(1)
        } else {
            1
        };
        lines.extend(part.repeat(times));
    }
    let level = compressed.then_some(1);
    let whole = share_values(&lines, level, |_| ()).expect("nothing is damaged");
    assert_eq!(whole, lines);
    let damaged = share_values(&lines, level, |rows| {
        let row = row % (rows.len() + 1);
        match rows.get_mut(row) {
            Some((_, bytes)) if value > 0 => {
                let at = at % bytes.len();
                bytes[at] ^= value;
            }
            Some(_) => drop(rows.remove(row)),
            None => rows.reverse(),
        }
    });
    assert!(damaged.is_err() || damaged == Ok(lines), "another value");
}
