//! Pictures that are inside entries. An item says only of what type and how long a picture is.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::fmt;

use base64::Engine;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Shorter texts are no pictures, and not worth a look.
const LEAST_CHARS: usize = 24;

/// No agent puts a picture deeper into an entry.
const DEEPEST: usize = 16;

/// Agents write base64 with and without padding.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The entries of one log, and the pictures of the entry that was asked for last.
pub(crate) struct Pictures<'a> {
    read: &'a mut dyn FnMut(u64) -> Option<String>,
    of: Option<u64>,
    left: VecDeque<Vec<u8>>,
}

impl<'a> Pictures<'a> {
    pub(crate) fn new(read: &'a mut dyn FnMut(u64) -> Option<String>) -> Self {
        Self {
            read,
            of: None,
            left: VecDeque::new(),
        }
    }

    /// An entry as it is stored.
    pub(crate) fn entry(&mut self, number: u64) -> Option<String> {
        (self.read)(number)
    }

    /// The next picture of an entry that has this length, in base64, if it is one that a page shows: its
    /// first bytes have to say that it is, whatever type the log claims.
    pub(crate) fn take(&mut self, entry: u64, len_bytes: u64) -> Option<String> {
        if self.of != Some(entry) {
            self.of = Some(entry);
            self.left.clear();
            let json = self.entry(entry)?;
            find(json.trim_start(), DEEPEST, &mut self.left);
        }
        let is_it = |picture: &Vec<u8>| picture.len() as u64 == len_bytes;
        let place = self.left.iter().position(is_it)?;
        let picture = self.left.remove(place)?;
        Some(STANDARD.encode(picture))
    }
}

/// Whether the bytes are a PNG, JPEG, GIF, WebP or BMP. No other type is shown: SVG is a document.
fn is_raster(bytes: &[u8]) -> bool {
    let is_webp = bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP");
    let starts: [&[u8]; 5] = [
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff",
        b"GIF87a",
        b"GIF89a",
        b"BM",
    ];
    is_webp || starts.iter().any(|start| bytes.starts_with(start))
}

/// Adds the pictures of a JSON value, in their order. Each value is looked at by itself: one that is no text,
/// such as half a surrogate pair, costs itself alone.
fn find(json: &str, depth: usize, found: &mut VecDeque<Vec<u8>>) {
    match json.as_bytes().first() {
        Some(b'"') => {
            if let Ok(text) = serde_json::from_str::<Cow<'_, str>>(json) {
                found.extend(picture(&text));
            }
        }
        Some(b'[') if depth > 0 => {
            let values: Vec<&RawValue> = serde_json::from_str(json).unwrap_or_default();
            for value in values {
                find(value.get(), depth - 1, found);
            }
        }
        Some(b'{') if depth > 0 => {
            let members: Members<'_> = serde_json::from_str(json).unwrap_or_default();
            for value in members.0 {
                find(value.get(), depth - 1, found);
            }
        }
        _ => {}
    }
}

/// The picture that a text is, by itself or as an address.
fn picture(text: &str) -> Option<Vec<u8>> {
    let data = match text.strip_prefix("data:") {
        Some(address) => address.split_once(";base64,")?.1,
        None => text,
    };
    // Most texts are no base64, and the first characters tell.
    let beginning = LENIENT.decode(data.get(..LEAST_CHARS)?.get(..16)?).ok()?;
    is_raster(&beginning).then_some(())?;
    LENIENT.decode(data.trim_end()).ok()
}

/// The values of an object, whatever their names.
#[derive(Default)]
struct Members<'a>(Vec<&'a RawValue>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
        let mut values = Vec::new();
        while let Some((_, value)) = map.next_entry::<&RawValue, &RawValue>()? {
            values.push(value);
        }
        Ok(Members(values))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(json: &str, lens: &[u64]) -> Vec<Option<usize>> {
        let mut read = |_| Some(json.to_owned());
        let mut pictures = Pictures::new(&mut read);
        lens.iter()
            .map(|len| pictures.take(7, *len).map(|data| data.len()))
            .collect()
    }

    #[test]
    fn a_picture_is_found_wherever_an_agent_puts_it() {
        let png = STANDARD.encode(b"\x89PNG\r\n\x1a\n and more of it");
        for json in [
            format!(r#"{{"source":{{"media_type":"image/png","data":"{png}"}}}}"#),
            format!(r#"[1,null,true,{{"image_url":"data:image/png;base64,{png}"}}]"#),
            format!(
                r#"{{"a\ud800":1.5,"data":"{}"}}"#,
                png.trim_end_matches('=')
            ),
        ] {
            assert_eq!(found(&json, &[23]), [Some(png.len())], "{json}");
            assert_eq!(found(&json, &[22]), [None], "of another length");
        }
    }

    #[test]
    fn what_is_no_raster_picture_is_not_shown() {
        let svg = STANDARD.encode(b"<svg xmlns='http://www.w3.org/2000/svg' onload='x()'/>");
        let json = format!(r#"{{"media_type":"image/png","data":"{svg}"}}"#);
        assert_eq!(found(&json, &[54]), [None]);
        assert_eq!(found("no JSON at all", &[1]), [None]);
    }

    #[test]
    fn each_picture_is_taken_once() {
        let gif =
            |last: u8| STANDARD.encode([b"GIF89a and some more..".as_slice(), &[last]].concat());
        let json = format!(r#"["{}","{}"]"#, gif(1), gif(2));
        assert_eq!(
            found(&json, &[23, 23, 23]),
            [Some(32), Some(32), None],
            "in their order"
        );
    }
}
