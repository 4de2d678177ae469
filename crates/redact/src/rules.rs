//! Rules at work: what they find in an entry, and the entry without it.

use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use memchr::memmem;
use regex::Regex;

use crate::builder::Builder;
use crate::rule::{Check, Row, Rule};
use crate::scan::{Strings, Text};
use crate::table::{PASSWORD_NAMES, SECRET_NAMES};
use crate::view::View;

/// How often escapes are undone: JSON in a string of JSON in a string, and so on.
const MAX_DEPTH: usize = 6;
/// How often an entry is looked at again after something was taken out.
const MAX_ROUNDS: usize = 16;
/// How what was redacted begins.
const MARK: &str = "[redacted:";
/// Escapes that may hide a trigger: of the printable characters of ASCII, and those that stand between them.
const ESCAPES: &[&str] = &[
    "\\u002", "\\u003", "\\u004", "\\u005", "\\u006", "\\u007", ":\\",
];
/// The longest name of a member that is looked at.
const MAX_NAME_BYTES: usize = 80;

/// What is looked for, by [`find`](Self::find) and [`redact`](Self::redact). By default all [`kinds`](crate::kinds) that
/// need not be asked for.
#[derive(Debug)]
pub struct Rules {
    all: Vec<Rule>,
    triggers: Option<AhoCorasick>,
    /// Of which rules each trigger is one.
    of_trigger: Vec<Mask>,
    /// Those that have no trigger.
    always: Mask,
    password: Option<usize>,
    secret: Option<usize>,
}

/// A set of rules.
type Mask = u128;

/// Something that was found. What it is is not in it.
///
/// ```
/// let entry = format!(r#"{{"key":"AKIA{}"}}"#, "QWERTYUIOPASDFG2");
/// let found = sessiondb_redact::Rules::default().find(&entry);
/// assert_eq!((&*found[0].kind, found[0].chars, found[0].range.clone()), ("aws-access-key-id", 20, 8..28));
/// assert_eq!(found[0].hint.as_deref(), Some("AKIA"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// Its kind, or the name of one's own pattern.
    pub kind: String,
    /// Where it stands in the entry, as bytes.
    pub range: Range<usize>,
    /// How many characters it has, as a person reads it.
    pub chars: usize,
    /// How it begins, if that says no more than whose key it is.
    pub hint: Option<String>,
}

/// An entry without what was found.
///
/// ```
/// assert!(sessiondb_redact::Rules::default().redact(r#"{"nothing":"here"}"#).is_none());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Redacted {
    /// The entry.
    pub text: String,
    /// What was found, in its order.
    pub findings: Vec<Finding>,
}

impl Default for Rules {
    fn default() -> Self {
        Builder::default().build()
    }
}

impl Rules {
    /// Chooses what is looked for.
    pub fn builder() -> Builder {
        Builder::default()
    }

    pub(crate) fn of(rows: &[&Row], own: Vec<Rule>) -> Self {
        let mut triggers: Vec<String> = ESCAPES.iter().map(ToString::to_string).collect();
        let mut of_trigger = vec![0; triggers.len()];
        for (number, row) in rows.iter().enumerate() {
            for trigger in spellings(row) {
                triggers.push(trigger);
                of_trigger.push(bit(number));
            }
        }
        let always = (rows.len()..rows.len() + own.len()).fold(0, |all, number| all | bit(number));
        let place = |check| rows.iter().position(|row| row.check == check);
        Self {
            triggers: automaton(&triggers),
            of_trigger,
            always,
            password: place(Check::Password),
            secret: place(Check::Secret),
            all: rows.iter().map(|row| Rule::of(row)).chain(own).collect(),
        }
    }

    /// What is found in a JSON entry, in its order.
    pub fn find(&self, entry: &str) -> Vec<Finding> {
        if !self.may_hold(entry) {
            return Vec::new();
        }
        let mut found = Vec::new();
        for text in Strings::of(entry) {
            self.in_string(entry, &text, &mut found);
        }
        self.findings(found)
    }

    /// The entry without what is found in it; `None` if nothing is.
    pub fn redact(&self, entry: &str) -> Option<Redacted> {
        rewritten(entry, |entry| self.find(entry))
    }

    /// A text that is no JSON without what is found in it; `None` if nothing is.
    ///
    /// ```
    /// let text = format!("a line\nAIza{}\n", "c3dX7".repeat(7));
    /// let redacted = sessiondb_redact::Rules::default().redact_text(&text).unwrap();
    /// assert_eq!(redacted.text, "a line\n[redacted:gcp-api-key]\n");
    /// ```
    pub fn redact_text(&self, text: &str) -> Option<Redacted> {
        rewritten(text, |text| {
            if !self.may_hold(text) {
                return Vec::new();
            }
            let mut found = Vec::new();
            self.in_text(text, 0, &mut |place| found.push(place));
            self.findings(found)
        })
    }

    /// Whether something may be found: no, for nearly all that holds nothing.
    fn may_hold(&self, entry: &str) -> bool {
        self.always != 0
            || self
                .triggers
                .as_ref()
                .is_some_and(|triggers| triggers.is_match(entry))
    }

    fn in_string(&self, entry: &str, string: &Text, found: &mut Vec<Place>) {
        let Text { range, name } = string;
        let written = entry.get(range.clone()).unwrap_or_default();
        let mut take = |mut place: Place| {
            place.range = place.range.start + range.start..place.range.end + range.start;
            found.push(place);
        };
        if !written.contains('\\') {
            self.in_text(written, 0, &mut take);
            self.as_value(entry, written, name.as_ref(), &mut take);
            return;
        }
        let view = View::of(written);
        let mut take = |mut place: Place| {
            place.range = view.written(&place.range);
            take(place);
        };
        self.in_text(&view.text, 0, &mut take);
        self.as_value(entry, &view.text, name.as_ref(), &mut take);
    }

    /// Looks in a text, and in what it says once its escapes are undone.
    fn in_text(&self, text: &str, depth: usize, take: &mut dyn FnMut(Place)) {
        self.by_rules(text, take);
        if depth >= MAX_DEPTH || !text.contains('\\') {
            return;
        }
        let view = View::of(text);
        if view.text.len() < text.len() {
            self.in_text(&view.text, depth + 1, &mut |mut place| {
                place.range = view.written(&place.range);
                take(place);
            });
        }
    }

    fn by_rules(&self, text: &str, take: &mut dyn FnMut(Place)) {
        let mut wanted = self.always;
        if let Some(triggers) = &self.triggers {
            for hit in triggers.find_overlapping_iter(text) {
                wanted |= self
                    .of_trigger
                    .get(hit.pattern().as_usize())
                    .copied()
                    .unwrap_or(0);
            }
        }
        if wanted == 0 {
            return;
        }
        let marks = marks_in(text);
        for (number, rule) in self.all.iter().enumerate() {
            if wanted & bit(number) == 0 {
                continue;
            }
            rule.find(text, |range| {
                let is_apart =
                    |mark: &Range<usize>| mark.end <= range.start || range.end <= mark.start;
                if marks.iter().all(is_apart) {
                    take(self.place(number, text, range));
                }
            });
        }
    }

    /// Looks whether a whole string is the value of something that is called a secret.
    fn as_value(
        &self,
        entry: &str,
        value: &str,
        name: Option<&Range<usize>>,
        take: &mut dyn FnMut(Place),
    ) {
        static PASSWORD: LazyLock<Option<Regex>> =
            LazyLock::new(|| Regex::new(PASSWORD_NAMES).ok());
        static SECRET: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(SECRET_NAMES).ok());
        let name = name.and_then(|name| entry.get(name.clone()));
        let Some(name) = name.filter(|name| name.len() <= MAX_NAME_BYTES) else {
            return;
        };
        for (rule, names, check) in [
            (self.password, &*PASSWORD, Check::Password),
            (self.secret, &*SECRET, Check::Secret),
        ] {
            if let Some(rule) = rule
                && check.holds(value)
                && names.as_ref().is_some_and(|names| names.is_match(name))
                && !is_of_a_page(name)
            {
                take(self.place(rule, value, 0..value.len()));
            }
        }
    }

    fn place(&self, rule: usize, text: &str, range: Range<usize>) -> Place {
        let secret = text.get(range.clone()).unwrap_or_default();
        let public = self.all.get(rule).map_or(0, |rule| rule.public);
        Place {
            rule,
            range,
            chars: secret.chars().count(),
            hint: secret
                .get(..public)
                .filter(|hint| !hint.is_empty())
                .map(str::to_owned),
        }
    }

    /// Puts what overlaps together; of several rules the one counts that comes first in the table.
    fn findings(&self, mut found: Vec<Place>) -> Vec<Finding> {
        found.retain(|place| !place.range.is_empty());
        found.sort_by_key(|place| (place.range.start, place.rule));
        let mut merged: Vec<Place> = Vec::new();
        for place in found {
            match merged
                .last_mut()
                .filter(|last| place.range.start < last.range.end)
            {
                Some(last) => {
                    let range = last.range.start..last.range.end.max(place.range.end);
                    if place.rule < last.rule {
                        *last = place;
                    }
                    last.range = range;
                }
                None => merged.push(place),
            }
        }
        let kind = |rule: usize| {
            self.all
                .get(rule)
                .map_or_else(String::new, |rule| rule.kind.clone())
        };
        let finding = |place: Place| Finding {
            kind: kind(place.rule),
            range: place.range,
            chars: place.chars,
            hint: place.hint,
        };
        merged.into_iter().map(finding).collect()
    }
}

/// Where a rule found something.
struct Place {
    rule: usize,
    range: Range<usize>,
    chars: usize,
    hint: Option<String>,
}

/// The fastest there is: it is run over all text.
fn automaton(triggers: &[String]) -> Option<AhoCorasick> {
    let mut builder = AhoCorasick::builder();
    builder.kind(Some(AhoCorasickKind::DFA));
    builder.build(triggers).ok()
}

fn bit(number: usize) -> Mask {
    u32::try_from(number).map_or(0, |number| 1_u128.checked_shl(number).unwrap_or(0))
}

/// The trigger as it is; of a pattern that takes letters of any case in the usual spellings.
fn spellings(row: &Row) -> Vec<String> {
    let mut all = Vec::new();
    for trigger in row.triggers {
        all.push((*trigger).to_owned());
        if row.pattern.starts_with("(?i)") {
            let mut title = trigger.to_lowercase();
            if let Some(first) = title.get_mut(..1) {
                first.make_ascii_uppercase();
            }
            all.extend([trigger.to_lowercase(), trigger.to_uppercase(), title]);
        }
    }
    all.sort();
    all.dedup();
    all
}

/// Tokens by which lists go on, and those of language models.
fn is_of_a_page(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let of_lists = [
        "page", "next", "continu", "cursor", "sync", "start", "stop", "eos", "bos", "pad", "cache",
    ];
    of_lists.iter().any(|part| name.contains(part))
}

/// What was redacted before.
fn marks_in(text: &str) -> Vec<Range<usize>> {
    let mut marks = Vec::new();
    for start in memmem::find_iter(text.as_bytes(), MARK) {
        let kind = text.get(start + MARK.len()..).unwrap_or_default();
        let is_of_kind =
            |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-';
        let len = kind.bytes().take_while(|byte| is_of_kind(byte)).count();
        if kind.as_bytes().get(len) == Some(&b']') {
            marks.push(start..start + MARK.len() + len + 1);
        }
    }
    marks
}

/// Takes out what is found, until nothing is.
fn rewritten(text: &str, find: impl Fn(&str) -> Vec<Finding>) -> Option<Redacted> {
    let findings = find(text);
    if findings.is_empty() {
        return None;
    }
    let mut text = without(text, &findings);
    for _ in 0..MAX_ROUNDS {
        let more = find(&text);
        if more.is_empty() {
            break;
        }
        text = without(&text, &more);
    }
    Some(Redacted { text, findings })
}

fn without(text: &str, findings: &[Finding]) -> String {
    let mut left = String::with_capacity(text.len());
    let mut at = 0;
    for Finding { kind, range, .. } in findings {
        left.push_str(text.get(at..range.start).unwrap_or_default());
        left.push_str(MARK);
        left.push_str(kind);
        left.push(']');
        at = range.end;
    }
    left.push_str(text.get(at..).unwrap_or_default());
    left
}
