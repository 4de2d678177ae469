//! What a model is asked with.

use serde::de::{Deserialize, Deserializer};
use serde::ser::{Serialize, Serializer};
use serde_json::{Number, Value};

use crate::entry::wire::{Floats, Nullable, wire_struct};

wire_struct! {
    /// The parameters of the requests to the model.
    ///
    /// ```
    /// use sessiondb::entry::RequestConfig;
    ///
    /// let config = RequestConfig { max_tokens: 1024.into(), ..RequestConfig::default() };
    /// assert_eq!(
    ///     serde_json::to_string(&config)?,
    ///     r#"{"max_tokens":1024,"temperature":null,"top_p":null,"top_k":null,"stop_sequences":[],"reasoning":null}"#,
    /// );
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    #[derive(Default)]
    pub struct RequestConfig {
        /// The most tokens that an answer may have.
        max_tokens: Nullable<u64> => Nulled,
        /// The sampling temperature.
        temperature: Nullable<Number> => Nulled,
        /// The probability mass that sampling keeps.
        top_p: Nullable<Number> => Nulled,
        /// The number of likeliest tokens that sampling keeps.
        top_k: Nullable<u64> => Nulled,
        /// The strings that end an answer.
        stop_sequences: Vec<String> => Required,
        /// How much the model is to think.
        reasoning: Nullable<Reasoning> => Nulled,
    }
}

/// How much a model is to think before it answers.
///
/// ```
/// use sessiondb::entry::Reasoning;
///
/// assert_eq!(serde_json::from_str::<Reasoning>(r#""high""#)?, Reasoning::Effort("high".into()));
/// assert_eq!(serde_json::from_str::<Reasoning>("2048")?, Reasoning::Budget(2048.into()));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reasoning {
    /// A level, such as `high`.
    Effort(String),
    /// A budget in tokens.
    Budget(Number),
    /// A shape that this version does not know, as it was read.
    Other(Value),
}

impl Floats for Reasoning {
    fn holds_float(&self) -> bool {
        match self {
            Self::Effort(_) => false,
            Self::Budget(tokens) => tokens.holds_float(),
            Self::Other(value) => value.holds_float(),
        }
    }
}

impl Serialize for Reasoning {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Effort(level) => serializer.serialize_str(level),
            Self::Budget(tokens) => tokens.serialize(serializer),
            Self::Other(value) => value.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Reasoning {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match Value::deserialize(deserializer)? {
            Value::String(level) => Self::Effort(level),
            Value::Number(tokens) => Self::Budget(tokens),
            other => Self::Other(other),
        })
    }
}
