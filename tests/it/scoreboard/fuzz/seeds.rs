//! Rows of runs and journals made by hand from `docs/format.md`: whole ones, and for each rule
//! one that breaks it alone.

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

type Inputs = Vec<(&'static str, Vec<u8>)>;

/// What to put at an offset of something whole.
type Change<'c> = (usize, &'c [u8]);

/// Rows of runs.
pub(super) fn rows() -> Inputs {
    let three = || row(1, 7, 3, b"{\"n\":1}\n{\"n\":2}\n{\"n\":3}");
    let with = |change: Change<'_>| sealed(changed(three(), change));
    let cut = |len: usize| three()[..len].to_vec();
    let entry_of_4000 = [b"\"", &[b'x'; 3998][..], b"\""].concat();
    vec![
        ("whole", three()),
        ("whole-one", row(1, 0, 1, b"{}")),
        ("whole-traces", row(2, 0, 2, b"1\n2")),
        ("whole-empty-entry", row(1, 0, 1, b"")),
        ("whole-empty-entries", row(1, 0, 3, b"\n\n")),
        ("whole-not-utf8", row(1, 0, 2, b"\xff\n\xc3\x28")),
        ("whole-last-index", row(1, u64::MAX, 1, b"null")),
        (
            "whole-unicode",
            row(1, 1, 1, "\"\u{e4}\u{2028}\u{1f980}\"".as_bytes()),
        ),
        ("whole-large", row(1, 9, 1, &entry_of_4000)),
        ("zstd", packed(2, b"{\"n\":1}\n{\"n\":2}", |_| ())),
        ("zstd-large", packed(1, &entry_of_4000, |_| ())),
        ("zstd-cut", packed(1, b"[]", |frame| frame.truncate(8))),
        ("zstd-behind", packed(1, b"[]", |frame| frame.push(0))),
        (
            "zstd-flipped",
            packed(1, &entry_of_4000, |frame| frame[6] ^= 4),
        ),
        (
            "zstd-longer",
            packed(1, b"[]", |_| ())
                .iter()
                .copied()
                .chain([0])
                .collect(),
        ),
        ("checksum", changed(three(), (0, &[0; 8]))),
        ("payload-flipped", changed(three(), (70, b"Z"))),
        ("magic", with((8, b"sRum"))),
        ("kind-0", with((12, &[0]))),
        ("kind-3", with((12, &[3]))),
        ("encoding-1", with((13, &[1]))),
        ("reserved-1", with((14, &[1, 0]))),
        ("count-0", with((56, &0_u32.to_le_bytes()))),
        ("count-2", with((56, &2_u32.to_le_bytes()))),
        ("count-4", with((56, &4_u32.to_le_bytes()))),
        ("count-max", with((56, &u32::MAX.to_le_bytes()))),
        ("payload-0", with((60, &0_u64.to_le_bytes()))),
        ("payload-too-short", with((60, &22_u64.to_le_bytes()))),
        ("payload-too-long", with((60, &24_u64.to_le_bytes()))),
        ("payload-max", with((60, &u64::MAX.to_le_bytes()))),
        ("nothing", cut(0)),
        ("cut-at-7", cut(7)),
        ("cut-at-8", sealed(cut(8))),
        ("cut-at-12", sealed(cut(12))),
        ("cut-at-67", sealed(cut(67))),
        ("cut-at-68", sealed(cut(68))),
        ("cut-in-payload", sealed(cut(80))),
    ]
}

/// A row whose entries are one zstd frame, which `change` changes.
fn packed(count: u32, entries: &[u8], change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut frame = zstd::bulk::compress(entries, 3).unwrap();
    change(&mut frame);
    let len = u32::try_from(entries.len()).unwrap();
    let mut row = row(1, 7, count, &[&len.to_le_bytes()[..], &frame].concat());
    row[13] = 1;
    sealed(row)
}

fn row(kind: u8, first: u64, count: u32, payload: &[u8]) -> Vec<u8> {
    let mut row = [&[0; 8][..], b"sRun", &[kind, 0, 0, 0]].concat();
    row.extend([0x55; 16]);
    row.extend([0x66; 16]);
    row.extend(first.to_le_bytes());
    row.extend(count.to_le_bytes());
    row.extend((payload.len() as u64).to_le_bytes());
    row.extend(payload);
    sealed(row)
}

fn sealed(mut row: Vec<u8>) -> Vec<u8> {
    let checksum = xxh3_64(&row[8..]);
    row[..8].copy_from_slice(&checksum.to_le_bytes());
    row
}

fn changed(mut bytes: Vec<u8>, (at, change): Change<'_>) -> Vec<u8> {
    bytes[at..at + change.len()].copy_from_slice(change);
    bytes
}

/// The bytes of half a journal.
const HALF: usize = 512;

/// Journals, and in them payloads.
pub(super) fn journals() -> Inputs {
    let mut journals = of_frames();
    let payloads = whole_ops().into_iter().chain(broken_ops());
    journals.extend(payloads.map(|(name, payload)| (name, Journal::of(&[&payload]).bytes)));
    journals
}

fn of_frames() -> Inputs {
    let (first, second) = (append(1, b"1"), append(2, b"2\n3"));
    let two = || Journal::of(&[&first, &second]);
    let behind_first = HALF + 32 + first.len();
    // Changed after the checksums were made, and changed with them.
    let torn = |change| changed(two().bytes, change);
    let full = Journal::of(&[&metadata(HALF - 32 - 25)]);
    let mut both = two();
    both.next_epoch();
    both.push(&first);
    both.push(&second);
    let mut second_alone = Journal::of(&[]);
    second_alone.next_epoch();
    second_alone.push(&first);
    let mut third_epoch = both.clone();
    third_epoch.epoch = 3;
    third_epoch.push(&first);
    let mut skipped = Journal::of(&[&first]);
    skipped.number += 1;
    skipped.push(&second);
    let mut salted = Journal::of(&[]);
    salted.salt = u32::MAX;
    salted.push(&first);
    vec![
        ("nothing", Vec::new()),
        ("one-byte", vec![1]),
        ("zeros", vec![0; 2 * HALF]),
        ("ones", vec![0xff; 2 * HALF]),
        ("two-frames", two().bytes),
        ("two-epochs", both.bytes.clone()),
        ("second-epoch-alone", second_alone.bytes),
        ("third-epoch", third_epoch.bytes),
        ("number-skipped", skipped.bytes),
        ("salted", salted.bytes),
        ("empty-frames", Journal::of(&[b"", b"", b""]).bytes),
        ("full-half", full.bytes),
        ("odd-length", [&two().bytes[..], &[0]].concat()),
        ("torn-first", torn((HALF + 40, &[0; 8]))),
        ("torn-second", torn((behind_first + 40, &[0; 8]))),
        ("checksum", torn((behind_first, &[0; 8]))),
        (
            "epoch-of-frame",
            torn((behind_first + 8, &3_u64.to_le_bytes())),
        ),
        (
            "number-of-frame",
            torn((behind_first + 16, &9_u64.to_le_bytes())),
        ),
        (
            "len-to-the-end",
            torn((behind_first + 24, &399_u32.to_le_bytes())),
        ),
        (
            "len-behind-the-end",
            torn((behind_first + 24, &400_u32.to_le_bytes())),
        ),
        ("len-max", torn((behind_first + 24, &[0xff; 4]))),
        ("cut", both.bytes[..HALF + 100].to_vec()),
    ]
}

fn whole_ops() -> Inputs {
    let id = [0x77; 16];
    let origin = |kind: u8| [&[kind][..], &id, &3_u64.to_le_bytes()].concat();
    let cut = [&log(3, 1)[..], &5_u64.to_le_bytes(), &9_u64.to_le_bytes()].concat();
    let name = [&[7][..], &counted("n\u{e4}me".as_bytes()), &counted(b"{}")].concat();
    let all = [
        append(1, b"{}"),
        write(2, &origin(2), 0, b""),
        cut.clone(),
        log(4, 2),
        [&[5][..], &id].concat(),
        metadata(2),
        name.clone(),
        [&[8][..], &counted(b"")].concat(),
    ];
    vec![
        ("op-append", append(1, b"{\"n\":1}")),
        ("op-append-none", write(1, &[0], 0, b"")),
        ("op-append-forked", write(1, &origin(1), 1, b"{}")),
        ("op-replace-compacted", write(2, &origin(2), 3, b"1\n2\n3")),
        ("op-truncate", cut),
        ("op-delete-traces", log(4, 2)),
        ("op-set-name", name),
        ("ops-of-all-kinds", all.concat()),
    ]
}

fn broken_ops() -> Inputs {
    let origin_3 = [&[3][..], &[0x77; 24]].concat();
    let number = u64::MAX.to_le_bytes();
    vec![
        ("op-tag-0", vec![0]),
        ("op-tag-9", vec![9]),
        ("op-of-log-0", log(4, 0)),
        ("op-of-log-3", log(4, 3)),
        ("op-origin-3", write(1, &origin_3, 1, b"{}")),
        ("op-count-too-large", write(1, &[0], 2, b"{}")),
        ("op-count-too-small", write(1, &[0], 1, b"1\n2")),
        ("op-count-0-with-entries", write(1, &[0], 0, b"1")),
        ("op-count-max", write(1, &[0], u64::MAX, b"1")),
        ("op-name-not-utf8", [&[8][..], &counted(b"\xff")].concat()),
        ("op-json-max", [&[6][..], &[0x55; 16], &number].concat()),
        ("op-name-max", [&[8][..], &number].concat()),
        ("op-cut", append(1, b"{}")[..60].to_vec()),
        ("op-then-garbage", [append(1, b"{}"), vec![0xff]].concat()),
        ("op-delete-session-cut", vec![5, 1, 2, 3]),
    ]
}

/// A journal that is written from epoch 1, number 0 and chain 0 on.
#[derive(Clone)]
struct Journal {
    bytes: Vec<u8>,
    at: usize,
    epoch: u64,
    number: u64,
    chain: u64,
    salt: u32,
}

impl Journal {
    fn of(payloads: &[&[u8]]) -> Self {
        let mut journal = Self {
            bytes: vec![0; 2 * HALF],
            at: HALF,
            epoch: 1,
            number: 0,
            chain: 0,
            salt: 0,
        };
        for payload in payloads {
            journal.push(payload);
        }
        journal
    }

    fn next_epoch(&mut self) {
        self.epoch += 1;
        self.at = HALF * usize::from(self.epoch % 2 == 1);
    }

    fn push(&mut self, payload: &[u8]) {
        let mut frame = self.epoch.to_le_bytes().to_vec();
        frame.extend(self.number.to_le_bytes());
        frame.extend(u32::try_from(payload.len()).unwrap().to_le_bytes());
        frame.extend(self.salt.to_le_bytes());
        frame.extend(payload);
        self.chain = xxh3_64_with_seed(&frame, self.chain);
        frame.splice(..0, self.chain.to_le_bytes());
        self.bytes[self.at..self.at + frame.len()].copy_from_slice(&frame);
        self.at += frame.len();
        self.number += 1;
    }
}

fn append(count: u64, entries: &[u8]) -> Vec<u8> {
    write(1, &[0], count, entries)
}

fn write(tag: u8, origin: &[u8], count: u64, entries: &[u8]) -> Vec<u8> {
    let at_ms = 1_700_000_000_000_u64;
    let fields = [&at_ms.to_le_bytes()[..], origin, &count.to_le_bytes()].concat();
    [log(tag, 1), fields, counted(entries)].concat()
}

fn log(tag: u8, kind: u8) -> Vec<u8> {
    [&[tag, kind][..], &[0x55; 16], &[0x66; 16]].concat()
}

/// The op that sets metadata of that many bytes.
fn metadata(bytes: usize) -> Vec<u8> {
    [&[6][..], &[0x55; 16], &counted(&vec![b' '; bytes])].concat()
}

fn counted(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u64).to_le_bytes()[..], bytes].concat()
}
