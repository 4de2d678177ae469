//! Values as a serializer of LangGraph gives them, and how they are kept: as JSON that can be read where that
//! gives the same bytes again, and of a list only what the list before did not have.

use std::collections::HashMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::msgpack;

/// What a serializer gave: `dumps_typed` of LangGraph.
///
/// ```
/// use sessiondb_sdk::Typed;
///
/// let value = Typed { kind: "json".into(), bytes: b"[1]".to_vec() };
/// assert_eq!(value.kind, "json");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Typed {
    /// What the serializer calls it, such as `msgpack` or `json`.
    pub kind: String,
    /// The value.
    pub bytes: Vec<u8>,
}

/// Lists of smaller values than this on average are kept as a whole.
const LEAST_ITEM_BYTES: usize = 16;
const RAW: &str = "{\"$raw\":\""; // of MessagePack that is not written as usual

/// A value as it stands in an entry. One of `items`, `value`, `text` and `base64` is there.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Stored {
    kind: String,
    /// The version of the channel whose list has what this one does not repeat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) base: Option<Box<RawValue>>,
    /// What the list is made of: so many values from that number of the other list on, or, from -1, the next of
    /// `items`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    parts: Vec<(i64, usize)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    items: Option<Vec<Box<RawValue>>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    value: Option<Box<RawValue>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
}

/// A value of a list, as the serializer wrote it.
pub(super) type Item = Arc<[u8]>;

/// A value in memory.
#[derive(Debug)]
pub(super) enum Held {
    Whole {
        kind: Form,
        bytes: Box<[u8]>,
    },
    List {
        kind: Form,
        /// The number of the list that it shares with.
        base: Option<usize>,
        parts: Vec<(i64, usize)>,
        items: Vec<Item>,
    },
    /// It rests on what was erased.
    Lost,
}

/// How bytes of a kind are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Form {
    MessagePack,
    Json,
    Other(Box<str>),
}

impl Form {
    pub(super) fn of(kind: &str) -> Self {
        match kind {
            "msgpack" => Self::MessagePack,
            "json" => Self::Json,
            other => Self::Other(other.into()),
        }
    }

    pub(super) fn kind(&self) -> &str {
        match self {
            Self::MessagePack => "msgpack",
            Self::Json => "json",
            Self::Other(kind) => kind,
        }
    }

    fn stored(&self) -> Stored {
        Stored {
            kind: self.kind().to_owned(),
            ..Stored::default()
        }
    }

    fn item_to_json(&self, item: &[u8]) -> Option<Box<RawValue>> {
        let json = match self {
            Self::MessagePack => msgpack::to_json(item)
                .unwrap_or_else(|| format!("{RAW}{}\"}}", BASE64.encode(item))),
            Self::Json => std::str::from_utf8(item).ok()?.to_owned(),
            Self::Other(_) => return None,
        };
        RawValue::from_string(json).ok()
    }

    fn item_of_json(&self, json: &RawValue) -> Option<Item> {
        let raw = json.get().strip_prefix(RAW);
        match self {
            Self::MessagePack => match raw.and_then(|raw| raw.strip_suffix("\"}")) {
                Some(raw) => Some(BASE64.decode(raw).ok()?.into()),
                None => Some(msgpack::to_bytes(json.get())?.into()),
            },
            Self::Json => Some(json.get().as_bytes().into()),
            Self::Other(_) => None,
        }
    }

    /// The list as the serializer wrote it.
    pub(super) fn join(&self, items: &[Item]) -> Vec<u8> {
        let (head, between, end) = match self {
            Self::MessagePack => (msgpack::array_head(items.len()), "", ""),
            Self::Json | Self::Other(_) => (b"[".to_vec(), ",", "]"),
        };
        let mut bytes = head;
        for (number, item) in items.iter().enumerate() {
            if number > 0 {
                bytes.extend_from_slice(between.as_bytes());
            }
            bytes.extend_from_slice(item);
        }
        bytes.extend_from_slice(end.as_bytes());
        bytes
    }

    /// How many values a list has in common with the beginning of another one, and the values behind these.
    fn split<'b>(&self, bytes: &'b [u8], base: &[Item]) -> Option<(usize, Vec<&'b [u8]>)> {
        match self {
            Self::MessagePack => {
                let (count, mut rest) = msgpack::array(bytes)?;
                let mut kept = 0;
                // A value ends where it says itself, so equal bytes are an equal value.
                for item in base.iter().take(count) {
                    let Some(behind) = rest.strip_prefix(&**item) else {
                        break;
                    };
                    rest = behind;
                    kept += 1;
                }
                Some((kept, msgpack::split(rest, count - kept)?))
            }
            Self::Json => split_json(bytes, base),
            Self::Other(_) => None,
        }
    }
}

fn split_json<'b>(bytes: &'b [u8], base: &[Item]) -> Option<(usize, Vec<&'b [u8]>)> {
    let text = std::str::from_utf8(bytes).ok()?;
    let mut rest = text.strip_prefix('[')?.strip_suffix(']')?;
    let mut kept = 0;
    for item in base {
        let item = std::str::from_utf8(item).ok()?;
        match rest.strip_prefix(item) {
            Some("") => return Some((kept + 1, Vec::new())),
            Some(behind) if behind.starts_with(',') => rest = behind.get(1..)?,
            _ => break,
        }
        kept += 1;
    }
    let mut items = Vec::new();
    let mut at = 0;
    while at < rest.len() {
        let mut values =
            serde_json::Deserializer::from_str(rest.get(at..)?).into_iter::<&RawValue>();
        let item = values.next()?.ok()?.get();
        let end = at + item.len();
        // As a program writes it: nothing around the values, and a comma between them.
        let is_tight = rest.get(at..end)? == item && !item.contains('\n');
        let behind = rest.get(end..)?;
        if !is_tight || !(behind.is_empty() || behind.starts_with(',') && behind.len() > 1) {
            return None;
        }
        items.push(item.as_bytes());
        at = end + 1;
    }
    Some((kept, items))
}

/// A list before, of which a new one may repeat a part.
pub(super) struct Base<'a> {
    /// Its version, as JSON.
    pub(super) version: &'a str,
    pub(super) items: &'a [Item],
}

/// A value as it is to be stored.
pub(super) fn stored(value: &Typed, base: Option<&Base<'_>>) -> Stored {
    let form = Form::of(&value.kind);
    let list = stored_list(&form, &value.bytes, base);
    list.unwrap_or_else(|| stored_whole(&form, &value.bytes))
}

fn stored_list(form: &Form, bytes: &[u8], base: Option<&Base<'_>>) -> Option<Stored> {
    let before = base.map_or(&[][..], |base| base.items);
    let (kept, rest) = form.split(bytes, before)?;
    if bytes.len() < LEAST_ITEM_BYTES * (kept + rest.len()) {
        return None;
    }
    let (parts, new) = parts_of(before, kept, &rest);
    let items = new.into_iter().map(|item| form.item_to_json(item));
    let mut stored = form.stored();
    stored.items = Some(items.collect::<Option<_>>()?);
    let base = base.filter(|_| parts.iter().any(|(from, _)| *from >= 0));
    if let Some(base) = base {
        stored.base = Some(RawValue::from_string(base.version.to_owned()).ok()?);
        stored.parts = parts;
    }
    Some(stored)
}

/// What a list is made of, and what of it is new.
fn parts_of<'r>(
    before: &[Item],
    kept: usize,
    rest: &[&'r [u8]],
) -> (Vec<(i64, usize)>, Vec<&'r [u8]>) {
    let mut parts: Vec<(i64, usize)> = Vec::new();
    if kept > 0 {
        parts.push((0, kept));
    }
    let mut elsewhere = HashMap::new();
    // Where a list only grows, there is nothing to be looked up.
    if kept < before.len() {
        let items = before.iter().enumerate().rev();
        elsewhere.extend(items.map(|(number, item)| (&**item, number)));
    }
    let mut new = Vec::new();
    for item in rest {
        let next = match parts.last() {
            Some((from, count)) => usize::try_from(*from).ok().map(|from| from + count),
            None => None,
        };
        let goes_on = next.filter(|next| before.get(*next).is_some_and(|known| **known == **item));
        let from = goes_on.or_else(|| elsewhere.get(*item).copied());
        let from = from.and_then(|from| i64::try_from(from).ok()).unwrap_or(-1);
        if from == -1 {
            new.push(*item);
        }
        match parts.last_mut() {
            Some((last, count)) if goes_on.is_some() || (*last == -1 && from == -1) => *count += 1,
            _ => parts.push((from, 1)),
        }
    }
    (parts, new)
}

fn stored_whole(form: &Form, bytes: &[u8]) -> Stored {
    let mut stored = form.stored();
    let value = match form {
        Form::MessagePack => msgpack::to_json(bytes),
        Form::Json => std::str::from_utf8(bytes).ok().map(ToOwned::to_owned),
        Form::Other(_) => None,
    };
    let value = value.and_then(|value| {
        let raw = serde_json::from_str::<Box<RawValue>>(&value).ok()?;
        (raw.get() == value && !value.contains('\n')).then_some(raw)
    });
    if value.is_some() {
        stored.value = value;
    } else if let Ok(text) = std::str::from_utf8(bytes) {
        stored.text = Some(text.to_owned());
    } else {
        stored.base64 = Some(BASE64.encode(bytes));
    }
    stored
}

impl Stored {
    /// The value in memory, where `base` is the number of the list that it shares with.
    pub(super) fn held(self, base: Option<usize>) -> Held {
        self.try_held(base).unwrap_or(Held::Lost)
    }

    fn try_held(self, base: Option<usize>) -> Option<Held> {
        let kind = Form::of(&self.kind);
        if let Some(items) = self.items {
            if self.base.is_some() && base.is_none() {
                return None;
            }
            let items = items.iter().map(|item| kind.item_of_json(item));
            let items = items.collect::<Option<Vec<_>>>()?;
            let parts = match &*self.parts {
                [] => vec![(-1, items.len())],
                _ => self.parts,
            };
            return Some(Held::List {
                kind,
                base,
                parts,
                items,
            });
        }
        let bytes = match (self.value, self.text, self.base64) {
            (Some(value), _, _) if kind == Form::MessagePack => msgpack::to_bytes(value.get())?,
            (Some(value), _, _) => value.get().as_bytes().to_vec(),
            (_, Some(text), _) => text.into_bytes(),
            (_, _, Some(base64)) => BASE64.decode(base64).ok()?,
            _ => return None,
        };
        Some(Held::Whole {
            kind,
            bytes: bytes.into(),
        })
    }
}

impl Held {
    /// About how many bytes of memory it has.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Whole { bytes, .. } => bytes.len(),
            Self::List { parts, items, .. } => {
                let items = items.iter().map(|item| item.len() + 40);
                items.sum::<usize>() + parts.len() * size_of::<(i64, usize)>()
            }
            Self::Lost => 0,
        }
    }
}

/// What is yet to be gone through of a list.
enum Open {
    /// Its values of these numbers.
    Values(usize, usize, usize),
    /// Those of them that it has itself, by their numbers among these.
    Own(usize, usize, usize),
}

/// The values of a list, whose number among `all` it is; `None` if it is none, or rests on what was erased.
pub(super) fn items_of(all: &[Held], list: usize) -> Option<Vec<Item>> {
    let mut found = Vec::new();
    // The next one last. No call within a call, since a list may rest on thousands of others.
    let mut open = vec![Open::Values(list, 0, usize::MAX)];
    while let Some(next) = open.pop() {
        let (Open::Values(list, from, to) | Open::Own(list, from, to)) = next;
        let Held::List {
            base, parts, items, ..
        } = all.get(list)?
        else {
            return None;
        };
        if matches!(next, Open::Own(..)) {
            found.extend_from_slice(items.get(from..to)?);
            continue;
        }
        let (mut at, mut own, first) = (0, 0, open.len());
        for (start, count) in parts {
            let (begin, end) = (at.max(from), (at + count).min(to));
            if begin < end {
                open.push(match usize::try_from(*start) {
                    Ok(start) => Open::Values((*base)?, start + begin - at, start + end - at),
                    Err(_) => Open::Own(list, own + begin - at, own + end - at),
                });
            }
            own += if *start < 0 { *count } else { 0 };
            at += count;
        }
        open.get_mut(first..)?.reverse();
    }
    Some(found)
}

#[cfg(test)]
mod tests;
