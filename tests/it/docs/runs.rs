//! Runs as `docs/format.md` describes them: each is put together from its rows by the page alone.

use redb::TableDefinition;
use uuid::Uuid;
use xxhash_rust::xxh3::xxh3_64;

use super::{Image, Layout, SEGMENT, SESSION, first_entry, hex_of, sample, text};
use crate::raw::raws;

#[test]
fn runs_are_as_the_page_says() {
    let image = Image::of(&sample().0);
    let page = text("docs/format.md");
    let layout = Layout::of(&page, "### Run");
    assert_eq!(layout.end, 68);
    for (table, kind, payload) in [
        ("runs", 1, format!("{}\n{{\"n\":2}}", first_entry())),
        ("traces", 2, "{\"t\":1}".to_owned()),
    ] {
        let table: TableDefinition<'_, (Uuid, Uuid, u64), &[u8]> = TableDefinition::new(table);
        let row = image.get(table, (SESSION, SEGMENT, 0));
        assert_eq!(layout.number(&row, "checksum"), xxh3_64(&row[8..]));
        assert_eq!(
            layout.bytes(&row, "magic"),
            hex_of(&page, "### Run", "magic")
        );
        assert_eq!(layout.number(&row, "kind"), kind);
        assert_eq!(layout.number(&row, "more"), 0);
        assert_eq!(layout.bytes(&row, "session"), SESSION.as_bytes());
        assert_eq!(layout.bytes(&row, "segment"), SEGMENT.as_bytes());
        assert_eq!(layout.number(&row, "first"), 0);
        assert_eq!(layout.number(&row, "count"), payload.lines().count() as u64);
        let rest = &row[layout.end..];
        assert_eq!(layout.number(&row, "payload_bytes"), rest.len() as u64);
        let is_compressed = layout.number(&row, "encoding") == 1;
        // The traces are too short to be worth it.
        assert_eq!(is_compressed, cfg!(feature = "zstd") && kind == 1);
        let unpacked = if is_compressed {
            unpack(rest)
        } else {
            rest.to_vec()
        };
        assert_eq!(String::from_utf8(unpacked).unwrap(), payload);
    }
}

/// A run that fills more than one page, put together from its rows.
#[test]
#[cfg(feature = "zstd")]
fn chunks_of_runs_are_as_the_page_says() {
    use std::fs;

    use sessiondb::Archive;

    use crate::scratch::{Scratch, noise};

    let scratch = Scratch::new();
    let path = scratch.fresh();
    let archive = Archive::open(&path).unwrap();
    let entries: Vec<String> = (0..60).map(|n| format!("\"{}\"", noise(n, 3000))).collect();
    archive
        .log(SESSION, SEGMENT)
        .append_many(raws(&entries))
        .unwrap();
    archive.close().unwrap();
    let image = Image::of(&fs::read(&path).unwrap());
    let page = text("docs/format.md");
    let layout = Layout::of(&page, "### Run");
    let table: TableDefinition<'_, (Uuid, Uuid, u64), &[u8]> = TableDefinition::new("runs");
    let row = |number| {
        let row = image.get(table, (SESSION, SEGMENT, number));
        assert_eq!(layout.number(&row, "checksum"), xxh3_64(&row[8..]));
        assert_eq!(layout.number(&row, "first"), number);
        assert_eq!(
            layout.number(&row, "payload_bytes"),
            (row.len() - layout.end) as u64
        );
        row
    };
    let first = row(0);
    let more = layout.number(&first, "more");
    assert!(more > 1 && layout.number(&first, "encoding") == 1);
    assert_eq!(layout.number(&first, "count"), 60);
    let (len, rest) = first[layout.end..].split_first_chunk().unwrap();
    let (checksum, rest) = rest.split_first_chunk().unwrap();
    let mut stored = rest.to_vec();
    for number in 1..=more {
        let chunk = row(number);
        assert_eq!(
            (
                layout.number(&chunk, "encoding"),
                layout.number(&chunk, "count")
            ),
            (2, 0)
        );
        stored.extend_from_slice(&chunk[layout.end..]);
    }
    assert_eq!(stored.len(), u32::from_le_bytes(*len) as usize);
    assert_eq!(xxh3_64(&stored), u64::from_le_bytes(*checksum));
    assert_eq!(
        String::from_utf8(unpack(&stored)).unwrap(),
        entries.join("\n")
    );
}

/// Four bytes with the length, and a zstd frame.
fn unpack(payload: &[u8]) -> Vec<u8> {
    let (len, frame) = payload.split_first_chunk().unwrap();
    let len = u32::from_le_bytes(*len) as usize;
    let unpacked = zstd::bulk::decompress(frame, len).unwrap();
    assert_eq!(unpacked.len(), len);
    unpacked
}
