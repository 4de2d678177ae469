//! The JSON of a stored summary, of which only those fields are taken apart that are asked for.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use sessiondb::SegmentId;

/// How many fields can be asked for.
const FIELDS: usize = 18;

/// The number of a field that can be asked for.
fn number_of(field: &str) -> Option<usize> {
    Some(match field {
        "segment" => 0,
        "entries" => 1,
        "agent" => 2,
        "agent_version" => 3,
        "native_id" => 4,
        "title" => 5,
        "first_prompt" => 6,
        "cwd" => 7,
        "git_branch" => 8,
        "models" => 9,
        "started_ms" => 10,
        "last_activity_ms" => 11,
        "turns" => 12,
        "messages" => 13,
        "tool_calls" => 14,
        "tokens" => 15,
        "cost_usd" => 16,
        "parent" => 17,
        _ => return None,
    })
}

/// A summary as it is stored, for lists of many sessions: one pass finds where its fields are, and each is read when it
/// is asked for. A field of another kind than is asked for is as good as none.
///
/// ```
/// use sessiondb_logs::StoredSummary;
///
/// let stored = StoredSummary::of(r#"{"agent":"codex","title":"Why?","turns":2,"models":["m"],"cwd":null}"#);
/// assert_eq!((&*stored.text("title"), &*stored.text("cwd")), ("Why?", ""));
/// assert_eq!((stored.number("turns"), stored.models().len()), (Some(2), 1));
/// assert!(StoredSummary::of("[]").fields().is_none());
/// ```
#[derive(Debug, Clone, Default)]
pub struct StoredSummary<'j> {
    /// Empty if nothing is known.
    json: Cow<'j, str>,
    /// Where the values of the fields are, by their numbers.
    places: Places,
}

impl<'j> StoredSummary<'j> {
    /// What is stored as this JSON; if it is not an object, nothing is known.
    pub fn of(json: impl Into<Cow<'j, str>>) -> Self {
        let json = json.into();
        match serde_json::from_str::<Values<'_>>(&json) {
            Ok(values) => {
                let places = values.places(&json);
                Self { json, places }
            }
            Err(_) => Self::default(),
        }
    }

    /// All fields; `None` if nothing is known.
    pub fn fields(&self) -> Option<Map<String, Value>> {
        serde_json::from_str(&self.json).ok()
    }

    /// A text; empty if it is not known.
    pub fn text(&self, field: &str) -> Cow<'_, str> {
        text(self.value(field)).unwrap_or_default()
    }

    /// A number that is whole and not negative.
    pub fn number(&self, field: &str) -> Option<u64> {
        self.value(field).parse().ok()
    }

    /// A time.
    pub fn time_ms(&self, field: &str) -> Option<i64> {
        self.value(field).parse().ok()
    }

    /// What it cost.
    pub fn cost_usd(&self) -> Option<f64> {
        serde_json::from_str(self.value("cost_usd")).ok()
    }

    /// The tokens of one sort; `None` where the log says nothing of them.
    pub fn tokens(&self, sort: &str) -> Option<u64> {
        let tokens: Value = serde_json::from_str(self.value("tokens")).ok()?;
        tokens.get(sort)?.as_u64()
    }

    /// The models, in the order of their first use.
    pub fn models(&self) -> Vec<Cow<'_, str>> {
        let models = serde_json::from_str(self.value("models"));
        models.map_or_else(|_| Vec::new(), |Texts(models)| models)
    }

    /// The native id of the session that this one comes from, and that of the last entry that both have.
    pub fn parent(&self) -> Option<(String, Option<String>)> {
        let parent: Value = match self.value("parent") {
            "" | "null" => return None,
            parent => serde_json::from_str(parent).ok()?,
        };
        let text = |field| parent.get(field).and_then(Value::as_str).map(str::to_owned);
        Some((text("id")?, text("at")))
    }

    /// The segment that it is of.
    pub fn segment(&self) -> Option<SegmentId> {
        SegmentId::try_parse(&self.text("segment")).ok()
    }

    /// The JSON of a field; empty if there is none.
    fn value(&self, field: &str) -> &str {
        let place = number_of(field).and_then(|at| self.places.get(at));
        place
            .and_then(|(from, to)| self.json.get(*from as usize..*to as usize))
            .unwrap_or_default()
    }
}

/// Where the value of each field begins and ends.
type Places = [(u32, u32); FIELDS];

/// The text that a JSON string is of.
fn text(json: &str) -> Option<Cow<'_, str>> {
    let inner = json.strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') {
        return serde_json::from_str(json).ok().map(Cow::Owned);
    }
    Some(Cow::Borrowed(inner))
}

/// The JSON of each field; of one that stands twice, the last.
struct Values<'j>([Option<&'j RawValue>; FIELDS]);

impl Values<'_> {
    /// Where they are in the JSON that they were found in.
    fn places(&self, json: &str) -> Places {
        let begin = json.as_ptr().addr();
        self.0.map(|value| {
            let value = value.map(RawValue::get).unwrap_or_default();
            let from = value.as_ptr().addr().wrapping_sub(begin);
            let place = u32::try_from(from)
                .ok()
                .zip(u32::try_from(from.wrapping_add(value.len())).ok());
            place.filter(|_| !value.is_empty()).unwrap_or_default()
        })
    }
}

impl<'de: 'j, 'j> Deserialize<'de> for Values<'j> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ValuesVisitor)
    }
}

struct ValuesVisitor;

impl<'de> Visitor<'de> for ValuesVisitor {
    type Value = Values<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a summary")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Values<'de>, A::Error> {
        let mut values = [None; FIELDS];
        while let Some(Field(at)) = map.next_key()? {
            match at.and_then(|at| values.get_mut(at)) {
                Some(value) => *value = Some(map.next_value()?),
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(Values(values))
    }
}

/// The number of a field.
struct Field(Option<usize>);

impl<'de> Deserialize<'de> for Field {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_identifier(FieldVisitor)
    }
}

struct FieldVisitor;

impl Visitor<'_> for FieldVisitor {
    type Value = Field;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a field")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Field, E> {
        Ok(Field(number_of(name)))
    }
}

/// The texts in an array, whatever else is in it.
struct Texts<'j>(Vec<Cow<'j, str>>);

impl<'de: 'j, 'j> Deserialize<'de> for Texts<'j> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(TextsVisitor)
    }
}

struct TextsVisitor;

impl<'de> Visitor<'de> for TextsVisitor {
    type Value = Texts<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Texts<'de>, A::Error> {
        let mut texts = Vec::new();
        while let Some(value) = values.next_element::<&RawValue>()? {
            texts.extend(text(value.get()));
        }
        Ok(Texts(texts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_those_of_the_json_as_a_whole() {
        for json in [
            r#"{"agent":"a\"\u00e9","title":7,"turns":"7","messages":-1,"tool_calls":1.5,"last_activity_ms":-7}"#,
            r#"{"title":"one","title":"two","models":["m",1,null,"n\n"],"cost_usd":2,"tokens":{"input":3}}"#,
            r#"{"cost_usd":0.1,"tokens":[],"models":{},"parent":{"id":"p","at":null},"new":[{"title":"no"}]}"#,
            r#" { "cwd" : "/src" , "parent" : { "at" : "u" } , "\u0074itle" : "escaped" } "#,
            "{}",
        ] {
            let stored = StoredSummary::of(json);
            let whole: Map<String, Value> = serde_json::from_str(json).unwrap();
            let field = |name: &str| whole.get(name).unwrap_or(&Value::Null);
            for name in ["agent", "title", "cwd", "models", "turns"] {
                assert_eq!(stored.text(name), field(name).as_str().unwrap_or_default());
            }
            for name in ["turns", "messages", "tool_calls", "title"] {
                assert_eq!(stored.number(name), field(name).as_u64());
            }
            assert_eq!(
                stored.time_ms("last_activity_ms"),
                field("last_activity_ms").as_i64()
            );
            assert_eq!(stored.cost_usd(), field("cost_usd").as_f64());
            let tokens = field("tokens").get("input");
            assert_eq!(stored.tokens("input"), tokens.and_then(Value::as_u64));
            let models = field("models").as_array().into_iter().flatten();
            let models: Vec<&str> = models.filter_map(Value::as_str).collect();
            assert_eq!(stored.models(), models);
            let parent = field("parent").get("id").and_then(Value::as_str);
            assert_eq!(stored.parent().map(|(id, _)| id).as_deref(), parent);
            assert_eq!(stored.fields(), Some(whole));
        }
    }

    #[test]
    fn what_is_no_object_says_nothing() {
        for json in ["", "null", "[]", r#""short""#, r#"{"title":"cut"#] {
            let stored = StoredSummary::of(json);
            assert_eq!((&*stored.text("title"), stored.fields()), ("", None));
        }
    }
}
