//! JSON texts put together from JSON texts.

/// A string as JSON.
pub(crate) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// An object in the making. Its values are JSON already, and nothing is done to them.
#[derive(Debug, Default)]
pub(crate) struct ObjectText {
    members: String,
}

impl ObjectText {
    /// Adds a member.
    pub(crate) fn add(&mut self, key: &str, json: &str) {
        self.add_written(&quoted(key), json);
    }

    /// Adds a member whose key has its quotes already.
    pub(crate) fn add_written(&mut self, key: &str, json: &str) {
        if !self.members.is_empty() {
            self.members.push(',');
        }
        self.members.push_str(key);
        self.members.push(':');
        self.members.push_str(json);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The object.
    pub(crate) fn finish(self) -> String {
        format!("{{{}}}", self.members)
    }
}

/// An array of values that are JSON already.
pub(crate) fn array_text<S: AsRef<str>>(values: &[S]) -> String {
    let bytes: usize = values.iter().map(|value| value.as_ref().len() + 1).sum();
    let mut array = String::with_capacity(bytes + 2);
    array.push('[');
    for (index, value) in values.iter().enumerate() {
        if index > 0 {
            array.push(',');
        }
        array.push_str(value.as_ref());
    }
    array.push(']');
    array
}
