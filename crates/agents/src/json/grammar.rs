//! In which order the parts of a JSON value may stand.

use super::scan::each_bit;

/// What may come next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// The value itself.
    Value,
    /// An element, or the end of an array that has none.
    FirstElement,
    Element,
    /// A comma, or the end of the array.
    AfterElement,
    /// A key, or the end of an object that has none.
    FirstKey,
    Key,
    Colon,
    Member,
    /// A comma, or the end of the object.
    AfterMember,
    /// Nothing.
    End,
    /// It is no JSON.
    Error,
}

/// What a part begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Colon,
    Comma,
    Text,
    ObjectBegins,
    ObjectEnds,
    ArrayBegins,
    ArrayEnds,
    /// A number or a word.
    Scalar,
}

/// How far a text is, part by part. It says no to what is nested more than 64 deep.
#[derive(Debug)]
pub(super) struct Grammar {
    next: Next,
    /// A bit for each object or array that is open, the innermost last: 1 is an object.
    open: u64,
    depth: u32,
}

impl Default for Grammar {
    fn default() -> Self {
        Self {
            next: Next::Value,
            open: 0,
            depth: 0,
        }
    }
}

impl Grammar {
    /// Goes on with the parts that begin at these bits, counted from `from`. Returns whether they may stand
    /// there.
    #[inline]
    pub(super) fn go_on(&mut self, parts: u64, from: usize, bytes: &[u8]) -> bool {
        for bit in each_bit(parts) {
            let at = from + bit;
            let part = Part::of(bytes.get(at).copied().unwrap_or_default());
            self.next = behind(self.next, part);
            // Most parts are of these kinds, and the others are hard to foresee.
            if part as usize <= Part::Text as usize {
                continue;
            }
            let is_right = match part {
                Part::ObjectBegins => self.open(1),
                Part::ArrayBegins => self.open(0),
                Part::ObjectEnds | Part::ArrayEnds => self.close(),
                Part::Scalar => is_scalar(bytes.get(at..).unwrap_or_default()),
                Part::Colon | Part::Comma | Part::Text => true,
            };
            if !is_right {
                return false;
            }
        }
        self.next != Next::Error
    }

    /// Whether the value is complete.
    pub(super) fn is_complete(&self) -> bool {
        self.next == Next::End
    }

    fn open(&mut self, bit: u64) -> bool {
        self.open = self.open << 1 | bit;
        self.depth += 1;
        self.depth <= u64::BITS
    }

    fn close(&mut self) -> bool {
        // Where nothing was open, nothing may end.
        if self.next == Next::Error {
            return false;
        }
        self.open >>= 1;
        self.depth = self.depth.saturating_sub(1);
        self.next = match (self.depth, self.open & 1) {
            (0, _) => Next::End,
            (_, 0) => Next::AfterElement,
            (_, _) => Next::AfterMember,
        };
        true
    }
}

impl Part {
    #[inline]
    fn of(byte: u8) -> Self {
        PARTS
            .get(usize::from(byte))
            .copied()
            .unwrap_or(Self::Scalar)
    }
}

/// What may come behind a part where `next` was to come.
#[inline]
fn behind(next: Next, part: Part) -> Next {
    let place = (next as usize) << 3 | part as usize;
    RULES.get(place).copied().unwrap_or(Next::Error)
}

/// What begins with each byte.
#[expect(
    clippy::indexing_slicing,
    reason = "the table is made when this is compiled"
)]
const PARTS: [Part; 256] = {
    let mut parts = [Part::Scalar; 256];
    parts[b'{' as usize] = Part::ObjectBegins;
    parts[b'}' as usize] = Part::ObjectEnds;
    parts[b'[' as usize] = Part::ArrayBegins;
    parts[b']' as usize] = Part::ArrayEnds;
    parts[b':' as usize] = Part::Colon;
    parts[b',' as usize] = Part::Comma;
    parts[b'"' as usize] = Part::Text;
    parts
};

/// What [`rule`] says of each two, looked up, since one of so many ways is hard to foresee.
#[expect(
    clippy::indexing_slicing,
    reason = "the table is made when this is compiled"
)]
const RULES: [Next; 128] = {
    let mut rules = [Next::Error; 128];
    let mut next = 0;
    while next < NEXTS.len() {
        let mut part = 0;
        while part < ALL_PARTS.len() {
            let place = (NEXTS[next] as usize) << 3 | ALL_PARTS[part] as usize;
            rules[place] = rule(NEXTS[next], ALL_PARTS[part]);
            part += 1;
        }
        next += 1;
    }
    rules
};

const NEXTS: [Next; 11] = [
    Next::Value,
    Next::FirstElement,
    Next::Element,
    Next::AfterElement,
    Next::FirstKey,
    Next::Key,
    Next::Colon,
    Next::Member,
    Next::AfterMember,
    Next::End,
    Next::Error,
];

const ALL_PARTS: [Part; 8] = [
    Part::Colon,
    Part::Comma,
    Part::Text,
    Part::ObjectBegins,
    Part::ObjectEnds,
    Part::ArrayBegins,
    Part::ArrayEnds,
    Part::Scalar,
];

const fn rule(next: Next, part: Part) -> Next {
    let after = match next {
        Next::Value => Next::End,
        Next::FirstElement | Next::Element => Next::AfterElement,
        Next::Member => Next::AfterMember,
        _ => Next::Error,
    };
    match (next, part) {
        (_, Part::ObjectBegins) if !matches!(after, Next::Error) => Next::FirstKey,
        (_, Part::ArrayBegins) if !matches!(after, Next::Error) => Next::FirstElement,
        (Next::FirstKey | Next::Key, Part::Text) => Next::Colon,
        (_, Part::Text | Part::Scalar) => after,
        (Next::Colon, Part::Colon) => Next::Member,
        (Next::AfterMember, Part::Comma) => Next::Key,
        (Next::AfterElement, Part::Comma) => Next::Element,
        // What comes behind it depends on what it stands in.
        (Next::FirstKey | Next::AfterMember, Part::ObjectEnds)
        | (Next::FirstElement | Next::AfterElement, Part::ArrayEnds) => Next::End,
        _ => Next::Error,
    }
}

/// Whether the bytes begin with a number or a word of JSON, and with nothing else up to the next part.
fn is_scalar(bytes: &[u8]) -> bool {
    let words: [&[u8]; 3] = [b"true", b"false", b"null"];
    let word = words.into_iter().find(|word| bytes.starts_with(word));
    let len = match word {
        Some(word) => Some(word.len()),
        None => number_len(bytes),
    };
    let ends = |len: usize| {
        matches!(
            bytes.get(len),
            None | Some(b',' | b']' | b'}' | b' ' | b'\t' | b'\n' | b'\r')
        )
    };
    len.is_some_and(ends)
}

fn number_len(bytes: &[u8]) -> Option<usize> {
    let digits = |from: usize| {
        let rest = bytes.get(from..).unwrap_or_default();
        let end = rest.iter().position(|byte| !byte.is_ascii_digit());
        from + end.unwrap_or(rest.len())
    };
    let sign = usize::from(bytes.first() == Some(&b'-'));
    let mut end = digits(sign);
    if end == sign || (bytes.get(sign) == Some(&b'0') && end > sign + 1) {
        return None;
    }
    if bytes.get(end) == Some(&b'.') {
        let from = end + 1;
        end = digits(from);
        if end == from {
            return None;
        }
    }
    if let Some(b'e' | b'E') = bytes.get(end) {
        let from = end + 1 + usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        end = digits(from);
        if end == from {
            return None;
        }
    }
    Some(end)
}
