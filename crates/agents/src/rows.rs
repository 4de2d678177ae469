//! Rows of a database, as the caller read them: this crate opens none itself.

use crate::json::{Raw, is_whole, quoted};

/// What stands in one column of a row.
///
/// ```
/// use sessiondb_agents::Cell;
///
/// assert_eq!(Cell::from("text"), Cell::Text("text"));
/// assert_eq!(Cell::from(7), Cell::Integer(7));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Cell<'a> {
    /// Nothing.
    #[default]
    Null,
    /// A whole number.
    Integer(i64),
    /// A number with a fraction.
    Real(f64),
    /// A text.
    Text(&'a str),
}

impl<'a> From<&'a str> for Cell<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Cell<'_> {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<f64> for Cell<'_> {
    fn from(number: f64) -> Self {
        Self::Real(number)
    }
}

impl Cell<'_> {
    /// The cell as JSON, `None` where nothing stands in it.
    pub(crate) fn json(self) -> Option<String> {
        match self {
            Self::Null => None,
            Self::Integer(number) => Some(number.to_string()),
            Self::Real(number) => serde_json::Number::from_f64(number).map(|it| it.to_string()),
            Self::Text(text) => Some(quoted(text)),
        }
    }

    /// The JSON that its text is; the text as a string if it is not JSON.
    pub(crate) fn embedded(self) -> Option<String> {
        match self {
            Self::Text(text) if is_whole(text) => Some(crate::json::compact(text)),
            other => other.json(),
        }
    }
}

/// A row's columns by their names. A column that a version of the agent does not have is absent,
/// one that this crate does not know is kept.
///
/// ```
/// use sessiondb_agents::{Cell, Row, opencode};
///
/// let row: &Row<'_> = &[("id", Cell::from("ses_1"))];
/// assert_eq!(opencode::session_row(row), r#"{"id":"ses_1"}"#);
/// ```
pub type Row<'a> = [(&'a str, Cell<'a>)];

/// The column of this name.
pub(crate) fn cell<'a>(row: &Row<'a>, name: &str) -> Cell<'a> {
    row.iter()
        .find(|(column, _)| *column == name)
        .map_or(Cell::Null, |(_, cell)| *cell)
}

/// The text of the column of this name.
pub(crate) fn text<'a>(row: &Row<'a>, name: &str) -> Option<&'a str> {
    match cell(row, name) {
        Cell::Text(text) => Some(text),
        _ => None,
    }
}

/// Whether a column of this name holds JSON that is an object.
pub(crate) fn object<'a>(row: &Row<'a>, name: &str) -> Option<Raw<'a>> {
    let text = text(row, name)?;
    let raw = Raw::new(text);
    (is_whole(text) && raw.is_object()).then_some(raw)
}
