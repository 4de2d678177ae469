//! An agent is written as its name.

use serde::de::{Deserialize, Deserializer, Error};
use serde::ser::Serializer;

use crate::agent::Agent;
use crate::known::by_name;

pub(super) fn serialize<S: Serializer>(
    agent: &&'static dyn Agent,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(agent.name())
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<&'static dyn Agent, D::Error> {
    let name = String::deserialize(deserializer)?;
    by_name(&name).ok_or_else(|| D::Error::custom(format!("no agent is called {name}")))
}
