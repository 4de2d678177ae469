//! JSON as it was written: fields in their order, each as often as it stands there, numbers with all
//! their digits.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// A JSON value, not taken apart yet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Json<'a>(&'a str);

impl<'a> Json<'a> {
    /// The value that the bytes are; `None` if they are not one.
    pub(crate) fn of(bytes: &'a [u8]) -> Option<Self> {
        let raw: &RawValue = serde_json::from_str(std::str::from_utf8(bytes).ok()?).ok()?;
        Some(Self(raw.get()))
    }

    pub(crate) fn as_str(self) -> &'a str {
        self.0
    }

    /// A string without its quotes. One that stands for no text, such as half a surrogate pair,
    /// stays as it was written.
    pub(crate) fn text(self) -> Option<Cow<'a, str>> {
        if !self.0.starts_with('"') {
            return None;
        }
        let text = serde_json::from_str(self.0).map(Cow::Owned);
        Some(text.unwrap_or(Cow::Borrowed(self.0)))
    }

    /// A string without its quotes, anything else as it was written.
    pub(crate) fn plain(self) -> Cow<'a, str> {
        self.text().unwrap_or(Cow::Borrowed(self.0))
    }

    pub(crate) fn array(self) -> Option<Vec<Self>> {
        let items: Vec<&RawValue> = serde_json::from_str(self.0).ok()?;
        Some(items.into_iter().map(|item| Self(item.get())).collect())
    }

    pub(crate) fn object(self) -> Option<Object<'a>> {
        serde_json::from_str(self.0).ok()
    }
}

/// The fields of an object.
#[derive(Debug)]
pub(crate) struct Object<'a>(Vec<(Json<'a>, Json<'a>)>);

impl<'a> Object<'a> {
    /// The value of a field; of one that stands twice, the last.
    pub(crate) fn get(&self, name: &str) -> Option<Json<'a>> {
        let mut fields = self.0.iter().rev();
        let (_, value) = fields.find(|(key, _)| key.plain() == name)?;
        Some(*value)
    }

    /// All fields but these, as they were written; `None` if there are no others.
    pub(crate) fn without(&self, names: &[&str]) -> Option<String> {
        let rest = self.0.iter();
        let rest = rest.filter(|(key, _)| !names.contains(&&*key.plain()));
        let rest: Vec<String> = rest
            .map(|(key, value)| format!("{}:{}", key.0, value.0))
            .collect();
        (!rest.is_empty()).then(|| format!("{{{}}}", rest.join(",")))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor)
    }
}

struct ObjectVisitor;

impl<'de> Visitor<'de> for ObjectVisitor {
    type Value = Object<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object<'de>, A::Error> {
        let mut fields = Vec::new();
        while let Some((key, value)) = map.next_entry::<&RawValue, &RawValue>()? {
            fields.push((Json(key.get()), Json(value.get())));
        }
        Ok(Object(fields))
    }
}
