//! What a page shows of a segment besides its items, and which of them it has in common with another.

use serde::Serialize;

use crate::line::Line;

/// What a page shows of a segment besides its items.
///
/// ```
/// use sessiondb_page::Segment;
///
/// let mut branch = Segment::new("019b", 12);
/// branch.parent = Some("019a".to_owned());
/// branch.kind = Some("branch");
/// ```
#[derive(Debug, Clone, Default, Serialize)]
#[non_exhaustive]
pub struct Segment {
    /// Its id.
    pub id: String,
    /// How many entries it has.
    pub entries: u64,
    /// The id of the segment that it came from. That one is written before it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// At which entry or turn of that segment it began, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// What it is to that segment: `branch`, `fork`, `compaction` or `subagent`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<&'static str>,
    /// When it was last written to, in milliseconds since 1970.
    pub updated_ms: u64,
    /// Whether a reader of the session sees it first.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_main: bool,
    /// Why it cannot be read; its items are then those before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unreadable: Option<String>,
}

impl Segment {
    /// A segment that came from no other one.
    pub fn new(id: impl Into<String>, entries: u64) -> Self {
        Self {
            id: id.into(),
            entries,
            ..Self::default()
        }
    }
}

/// The first items of a segment that are those of its parent too.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Shared {
    /// The number of the segment in its session.
    segment: usize,
    /// How many.
    pub(crate) items: usize,
    /// Of which of them the one is hidden and the other is not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    differ: Vec<usize>,
}

/// What is remembered of a segment that has been written, to know its items again.
pub(crate) struct Written {
    id: String,
    items: Vec<(u64, bool)>,
}

impl Written {
    pub(crate) fn new(id: &str, lines: &[Line]) -> Self {
        Self {
            id: id.to_owned(),
            items: lines.iter().map(|line| (line.hash, line.hidden)).collect(),
        }
    }
}

/// Which items a segment shares with its parent, if that has been written.
pub(crate) fn shared(segment: &Segment, lines: &[Line], written: &[Written]) -> Option<Shared> {
    let parent = segment.parent.as_ref()?;
    let place = written.iter().position(|one| one.id == *parent)?;
    let mut shared = Shared {
        segment: place,
        ..Shared::default()
    };
    for (line, (hash, hidden)) in lines.iter().zip(&written.get(place)?.items) {
        if line.hash != *hash {
            break;
        }
        if line.hidden != *hidden {
            shared.differ.push(shared.items);
        }
        shared.items += 1;
    }
    (shared.items > 0).then_some(shared)
}
