//! Large string values that runs share: how they are called, where they stand in entries, and how entries are put
//! together again. Pure, no I/O.
//!
//! A value is the bytes between the quotes of a JSON string as they stand in the entry, so that an entry comes
//! back byte for byte.

use std::cmp::Ordering;
use std::collections::{BTreeSet, HashMap};
use std::ops::Range;

use hmac_sha256::Hash;
use uuid::Uuid;
use xxhash_rust::xxh3::xxh3_64;

use crate::engine::model::entries::Entries;
use crate::engine::model::row::Reader;
use crate::engine::model::run::Run;

/// The shortest value that is looked at (1 KiB). Shorter ones repeat often, but cost less where they stand.
pub(crate) const MIN_VALUE_BYTES: usize = 1 << 10;

/// What a value is called: the XXH3 of its bytes, by which it is looked up, and 24 bytes of their SHA-256, by
/// which it is told from any other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ValueName(pub(crate) [u8; Self::BYTES]);

impl ValueName {
    pub(crate) const BYTES: usize = 32;

    pub(crate) fn of(value: &[u8]) -> Self {
        Self::new(fingerprint(value), value)
    }

    /// That of a value with this fingerprint.
    pub(crate) fn new(fingerprint: u64, value: &[u8]) -> Self {
        let (short, long) = (fingerprint.to_le_bytes(), Hash::hash(value));
        let mut name = [0; Self::BYTES];
        for (to, from) in name.iter_mut().zip(short.iter().chain(&long)) {
            *to = *from;
        }
        Self(name)
    }

    /// The XXH3 in it.
    pub(crate) fn fingerprint(&self) -> u64 {
        let short = self.0.first_chunk();
        short.map_or(0, |short| u64::from_le_bytes(*short))
    }

    /// The name in two halves, as it stands in keys.
    pub(crate) fn halves(&self) -> (Uuid, Uuid) {
        let (halves, _) = self.0.as_chunks::<16>();
        let half = |at: usize| {
            halves
                .get(at)
                .map_or(Uuid::nil(), |half| Uuid::from_bytes(*half))
        };
        (half(0), half(1))
    }

    pub(crate) fn of_halves((first, second): (Uuid, Uuid)) -> Self {
        let mut name = [0; Self::BYTES];
        let halves = first.as_bytes().iter().chain(second.as_bytes());
        for (to, from) in name.iter_mut().zip(halves) {
            *to = *from;
        }
        Self(name)
    }

    /// The least and the greatest name with this fingerprint.
    pub(crate) fn with_fingerprint(fingerprint: u64) -> (Self, Self) {
        let filled = |with| {
            let mut name = [with; Self::BYTES];
            for (to, from) in name.iter_mut().zip(fingerprint.to_le_bytes()) {
                *to = from;
            }
            Self(name)
        };
        (filled(0), filled(u8::MAX))
    }
}

impl std::fmt::Display for ValueName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let short = self.0.iter().take(8);
        short
            .into_iter()
            .try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

pub(crate) fn fingerprint(value: &[u8]) -> u64 {
    xxh3_64(value)
}

/// Where strings of at least [`MIN_VALUE_BYTES`] stand in JSON lines, without their quotes.
pub(crate) fn large_values(lines: &[u8]) -> Vec<Range<usize>> {
    let (mut found, mut start) = (Vec::new(), None);
    for quote in memchr::memchr_iter(b'"', lines) {
        let Some(from) = start else {
            start = Some(quote + 1);
            continue;
        };
        let value = lines.get(from..quote).unwrap_or_default();
        let backslashes = value
            .iter()
            .rev()
            .take_while(|byte| **byte == b'\\')
            .count();
        if backslashes % 2 == 1 {
            continue;
        }
        // Where a line ends within it, this is no JSON, and stays as it is.
        if value.len() >= MIN_VALUE_BYTES && memchr::memchr(b'\n', value).is_none() {
            found.push(from..quote);
        }
        start = None;
    }
    found
}

/// Where in the entries of a run a value stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ValueRef {
    pub(crate) at: u32,
    pub(crate) len: u32,
    pub(crate) name: ValueName,
}

/// The bytes of one of these as they are stored.
const REF_BYTES: usize = 8 + ValueName::BYTES;

/// The entries of a run without the values that are stored elsewhere, and where these stand.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    pub(crate) left: Vec<u8>,
    pub(crate) refs: Vec<ValueRef>,
}

impl Taken {
    /// Takes the values out of joined entries for which `name` gives a name; `None` if there are none.
    pub(crate) fn out_of(
        lines: &[u8],
        mut name: impl FnMut(&Range<usize>, &[u8]) -> Option<ValueName>,
    ) -> Option<Self> {
        let mut taken = Self::default();
        let mut done = 0;
        for range in large_values(lines) {
            let value = lines.get(range.clone()).unwrap_or_default();
            let (Ok(at), Ok(len)) = (u32::try_from(range.start), u32::try_from(value.len())) else {
                break;
            };
            if let Some(name) = name(&range, value) {
                taken.refs.push(ValueRef { at, len, name });
                taken
                    .left
                    .extend_from_slice(lines.get(done..range.start).unwrap_or_default());
                done = range.end;
            }
        }
        taken
            .left
            .extend_from_slice(lines.get(done..).unwrap_or_default());
        (!taken.refs.is_empty()).then_some(taken)
    }

    /// Adds what stays behind what is there.
    pub(crate) fn leave(&mut self, bytes: &[u8]) {
        self.left.extend_from_slice(bytes);
    }

    /// What stands before the entries in a row: the number of bytes that they have as a whole, and the values.
    pub(crate) fn encode(&self, whole_bytes: u32) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(8 + REF_BYTES * self.refs.len());
        bytes.extend_from_slice(&whole_bytes.to_le_bytes());
        let count = u32::try_from(self.refs.len()).unwrap_or(u32::MAX);
        bytes.extend_from_slice(&count.to_le_bytes());
        for value in &self.refs {
            bytes.extend_from_slice(&value.at.to_le_bytes());
            bytes.extend_from_slice(&value.len.to_le_bytes());
            bytes.extend_from_slice(&value.name.0);
        }
        bytes
    }
}

/// Reads what [`Taken::encode`] wrote: the bytes of all entries, the values, and what follows.
pub(crate) fn decode_refs(stored: &[u8]) -> Result<(usize, Vec<ValueRef>, &[u8]), String> {
    let mut fields = Reader::new(stored);
    let whole = usize::try_from(fields.u32()?).map_err(|err| err.to_string())?;
    let count = usize::try_from(fields.u32()?).map_err(|err| err.to_string())?;
    if count > stored.len() / REF_BYTES {
        return Err(format!(
            "it names {count} shared values, more than it has room for"
        ));
    }
    let mut refs = Vec::with_capacity(count);
    let mut behind = 0;
    for _ in 0..count {
        let (at, len, name) = (fields.u32()?, fields.u32()?, ValueName(fields.array()?));
        if u64::from(at) < behind || u64::from(at) + u64::from(len) > whole as u64 {
            return Err("its shared values lie over each other".to_owned());
        }
        behind = u64::from(at) + u64::from(len);
        refs.push(ValueRef { at, len, name });
    }
    Ok((whole, refs, fields.rest()))
}

/// Values by their names, each as it was read.
pub(crate) type Values = HashMap<ValueName, Result<Vec<u8>, String>>;

/// Entries of a run, of which some values may be stored elsewhere.
#[derive(Debug)]
pub(crate) struct Skeleton {
    first: u64,
    left: Entries,
    refs: Vec<ValueRef>,
}

impl Skeleton {
    /// `left` are the entries without their values; values behind them are left out.
    pub(crate) fn new(first: u64, left: Entries, mut refs: Vec<ValueRef>) -> Result<Self, String> {
        let mut out = 0;
        let mut fits = true;
        refs.retain(|value| {
            let at = (value.at as usize).checked_sub(out);
            out += value.len as usize;
            fits &= at.is_some();
            at.is_some_and(|at| at < left.payload().len())
        });
        fits.then_some(Self { first, left, refs })
            .ok_or_else(|| "its shared values lie over each other".to_owned())
    }

    /// The entries without the values.
    #[cfg(feature = "_testing")]
    pub(crate) fn left(&self) -> &Entries {
        &self.left
    }

    /// The values that it needs.
    pub(crate) fn names(&self) -> BTreeSet<ValueName> {
        self.refs.iter().map(|value| value.name).collect()
    }

    /// The number of its first entry.
    pub(crate) fn first(&self) -> u64 {
        self.first
    }

    /// What is left of its entries, and the values that belong in it, each with where it belongs there.
    pub(crate) fn into_pieces(self) -> (Vec<u8>, Vec<(usize, ValueRef)>) {
        let places = self.places();
        let places = places.map(|(at, _, value)| (at, *value)).collect();
        (self.left.into_payload(), places)
    }

    /// Where in what is left a value stands, and which entry that is in.
    fn places(&self) -> impl Iterator<Item = (usize, usize, &ValueRef)> {
        let mut out = 0;
        self.refs.iter().map(move |value| {
            let at = (value.at as usize).saturating_sub(out);
            out += value.len as usize;
            (at, self.left.ends().partition_point(|end| *end < at), value)
        })
    }

    /// Only the entries with these indexes of the log, so that the values of others need not be read.
    pub(crate) fn limited(mut self, range: &Range<u64>) -> Self {
        if self.refs.is_empty() {
            return self;
        }
        let at =
            |index: u64| usize::try_from(index.saturating_sub(self.first)).unwrap_or(usize::MAX);
        let (start, end) = (at(range.start), at(range.end));
        let kept: Vec<bool> = self
            .places()
            .map(|(_, entry, _)| (start..end).contains(&entry))
            .collect();
        let before = self.places().filter(|(_, entry, _)| *entry < start);
        let out: u32 = before.map(|(_, _, value)| value.len).sum();
        let start_byte = self.left.range_of(start).map_or(0, |entry| entry.start);
        let mut kept = kept.into_iter();
        self.refs.retain(|_| kept.next().unwrap_or(false));
        let moved = u32::try_from(start_byte)
            .unwrap_or(u32::MAX)
            .saturating_add(out);
        for value in &mut self.refs {
            value.at = value.at.saturating_sub(moved);
        }
        self.left.truncate(end);
        self.left.drop_front(start);
        self.first = self.first.saturating_add(start as u64);
        self
    }

    /// The run with all its values.
    pub(crate) fn with(self, values: &Values) -> Result<Run, String> {
        if self.refs.is_empty() {
            return Ok(Run::new(self.first, self.left));
        }
        self.stretch(0..self.left.len(), values)
    }

    /// The entries around the one with this index of the log whose values are all there.
    pub(crate) fn around(self, index: u64, values: &Values) -> Result<Run, String> {
        let (mut start, mut end) = (0, self.left.len());
        for (damaged, message) in self.damaged(values) {
            let position = damaged - self.first;
            match damaged.cmp(&index) {
                Ordering::Less => start = position + 1,
                Ordering::Equal => return Err(message),
                Ordering::Greater => end = end.min(position),
            }
        }
        self.stretch(start..end, values)
    }

    /// The entries whose values are all there, in as many runs as those between them leave.
    pub(crate) fn stretches(&self, values: &Values) -> Result<Vec<Run>, String> {
        let damaged = self.damaged(values).into_iter();
        let ends = damaged.map(|(index, _)| index - self.first);
        let (mut runs, mut start) = (Vec::new(), 0);
        for end in ends.chain([self.left.len()]) {
            if start < end {
                runs.push(self.stretch(start..end, values)?);
            }
            start = end + 1;
        }
        Ok(runs)
    }

    /// The indexes of the log of the entries that have a value which is not there, each with what is wrong.
    pub(crate) fn damaged(&self, values: &Values) -> Vec<(u64, String)> {
        let places = self.places();
        let damaged = places.filter_map(|(_, entry, value)| {
            let message = value_of(values, value).err()?;
            Some((self.first + entry as u64, message))
        });
        let mut damaged: Vec<_> = damaged.collect();
        damaged.dedup_by_key(|(index, _)| *index);
        damaged
    }

    /// The entries at these positions, with their values.
    fn stretch(&self, positions: Range<u64>, values: &Values) -> Result<Run, String> {
        let at = |position: u64| usize::try_from(position).unwrap_or(usize::MAX);
        let entries = at(positions.start)..at(positions.end);
        let start = self.left.range_of(entries.start);
        let mut done = start.map_or(0, |entry| entry.start);
        let last = self.left.range_of(entries.end.saturating_sub(1));
        let end = last.map_or(done, |entry| entry.end);
        let mut lines = Vec::new();
        for (at, entry, value) in self.places() {
            if entries.contains(&entry) {
                lines.extend_from_slice(self.left.payload().get(done..at).unwrap_or_default());
                lines.extend_from_slice(value_of(values, value)?);
                done = at;
            }
        }
        lines.extend_from_slice(self.left.payload().get(done..end).unwrap_or_default());
        let run = Entries::from_lines(lines);
        if run.len() != positions.end - positions.start {
            return Err("a shared value of it is no value of one entry".to_owned());
        }
        Ok(Run::new(self.first + positions.start, run))
    }
}

/// The value that is wanted, of those that were read.
pub(crate) fn value_of<'v>(values: &'v Values, wanted: &ValueRef) -> Result<&'v [u8], String> {
    let named = |message: &str| format!("its shared value {}: {message}", wanted.name);
    match values.get(&wanted.name) {
        Some(Ok(value)) if value.len() == wanted.len as usize => Ok(value),
        Some(Ok(_)) => Err(named("it has another length")),
        Some(Err(message)) => Err(named(message)),
        None => Err(named("it is missing")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entry() -> impl Strategy<Value = String> {
        let part = prop_oneof![
            "[a-z\\\\\"\u{e9}]{0,20}",
            (1000..1100_usize, "[\\\\\"x]").prop_map(|(len, text)| text.repeat(len)),
        ];
        prop::collection::vec(part, 0..4).prop_map(|parts| serde_json::to_string(&parts).unwrap())
    }

    proptest! {
        #[test]
        fn entries_come_back_byte_for_byte(entries in prop::collection::vec(entry(), 1..8), lost in 0..4_usize) {
            let lines = entries.join("\n").into_bytes();
            let mut values = Values::new();
            let mut number = 0;
            let taken = Taken::out_of(&lines, |_, value| {
                number += 1;
                (number % 3 > 0).then(|| {
                    let name = ValueName::of(value);
                    values.insert(name, Ok(value.to_vec()));
                    name
                })
            });
            let large = entries.iter().flat_map(|entry| serde_json::from_str::<Vec<String>>(entry).unwrap());
            let large = large.filter(|value| serde_json::to_string(value).unwrap().len() >= MIN_VALUE_BYTES + 2);
            prop_assert_eq!(number, large.count());
            let Some(taken) = taken else {
                return Ok(());
            };
            let bytes = taken.encode(u32::try_from(lines.len()).unwrap());
            let (whole, refs, _) = decode_refs(&bytes).unwrap();
            prop_assert_eq!((whole, &refs), (lines.len(), &taken.refs));
            let skeleton = || Skeleton::new(7, Entries::from_lines(taken.left.clone()), refs.clone()).unwrap();
            let run = skeleton().with(&values).unwrap();
            prop_assert_eq!(run.entries().payload(), &lines[..]);
            // A value that is lost takes just those entries with it that have it.
            let name = refs[lost % refs.len()].name;
            values.insert(name, Err("lost".to_owned()));
            let value = std::str::from_utf8(&lines[refs[lost % refs.len()].at as usize..][..refs[lost % refs.len()].len as usize]).unwrap();
            let hurt: Vec<bool> = entries.iter().map(|entry| entry.contains(&format!("\"{value}\""))).collect();
            let damaged: BTreeSet<u64> = skeleton().damaged(&values).into_iter().map(|(entry, _)| entry).collect();
            let start = 7 + lost as u64 % entries.len() as u64;
            let range = start..start + 2;
            let some = skeleton().limited(&range);
            let needed: BTreeSet<_> = some.names();
            let whole: Values = refs.iter().map(|value| (value.name, Ok(lines[value.at as usize..][..value.len as usize].to_vec()))).collect();
            let some = some.with(&whole).unwrap();
            let range = range.start..range.end.min(7 + entries.len() as u64);
            prop_assert!(some.numbers() == range);
            for index in range {
                let at = some.range_of(index).unwrap();
                prop_assert_eq!(&some.entries().payload()[at], entries[usize::try_from(index - 7).unwrap()].as_bytes());
            }
            prop_assert!(needed.len() <= refs.len());
            let there: usize = skeleton().stretches(&values).unwrap().iter().map(|run| run.entries().ends().len()).sum();
            prop_assert_eq!(there + damaged.len(), entries.len());
            for (index, (entry, hurt)) in (7..).zip(entries.iter().zip(&hurt)) {
                prop_assert!(*hurt || !damaged.contains(&index));
                match skeleton().around(index, &values) {
                    Ok(run) => {
                        let at = run.range_of(index).unwrap();
                        prop_assert_eq!(&run.entries().payload()[at], entry.as_bytes());
                        prop_assert!(!damaged.contains(&index));
                    }
                    Err(_) => prop_assert!(damaged.contains(&index)),
                }
            }
        }

        #[test]
        fn no_bytes_make_it_panic(lines in prop::collection::vec(any::<u8>(), 0..3000)) {
            let _ = large_values(&lines);
            let _ = decode_refs(&lines);
        }
    }
}
