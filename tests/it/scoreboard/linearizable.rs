//! Whether what several processes saw of one log can be explained by one order of their calls: the
//! just-in-time search of Wing & Gong and Lowe, with its tests on histories that are broken.
//!
//! Logs are checked one by one: a history is linearizable if that of each object is.

mod broken;
mod oracle;

use std::collections::{BTreeSet, HashMap, HashSet};

use serde::{Deserialize, Serialize};

/// A call on one log. Entries are numbers, none of which is appended twice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Call {
    /// Appends; only where the log has the expected length, if one is given.
    Append {
        entries: Vec<u64>,
        expected: Option<u64>,
    },
    Truncate(u64),
    Len,
    /// Reads the entries from that number on.
    ReadFrom(u64),
}

/// What a call answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Answer {
    /// Appended: where the first entry is, and the length with them.
    Appended {
        index: u64,
        len: u64,
    },
    /// Refused: the length is another one than expected.
    Conflict(u64),
    Truncated,
    /// Refused: the log is shorter.
    PastEnd,
    /// There is no such log.
    NotFound,
    Len(u64),
    Entries(Vec<u64>),
    /// Refused for a reason that is not in the log, without effect.
    Refused(String),
}

/// A call with its answer. Times are numbers of moments; none is a beginning and an end as well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Event {
    /// Who made the call: one call at a time, and fewer than 64 of them.
    pub(super) client: usize,
    pub(super) call: Call,
    /// `None` if the client was killed before it could answer: the call may have taken effect by
    /// `returned`, or never will.
    pub(super) answer: Option<Answer>,
    pub(super) called: u64,
    pub(super) returned: u64,
}

/// Finds out whether there is an order of the calls that explains all answers; if not, says which
/// answer cannot be explained.
pub(super) fn check(history: &[Event]) -> Result<(), String> {
    let mut moments: Vec<(u64, usize)> = Vec::with_capacity(2 * history.len());
    for (number, event) in history.iter().enumerate() {
        moments.push((event.called, number));
        moments.push((event.returned, number));
    }
    moments.sort_unstable();
    let mut search = Search {
        history,
        logs: Logs::new(),
        open: [None; 64],
        reached: HashSet::from([Reached {
            log: Logs::MISSING,
            done: 0,
        }]),
    };
    for (moment, number) in moments {
        let event = &history[number];
        if moment == event.called {
            search.open[event.client] = Some(number);
            continue;
        }
        search.close(event)?;
        search.open[event.client] = None;
    }
    Ok(())
}

/// A state that some order of the calls so far leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Reached {
    log: u32,
    /// The clients whose open call has taken effect in it.
    done: u64,
}

struct Search<'h> {
    history: &'h [Event],
    logs: Logs,
    /// The call that each client is in.
    open: [Option<usize>; 64],
    /// All states, each once, whatever the order that leads to it.
    reached: HashSet<Reached>,
}

impl Search<'_> {
    /// A call has returned: only states count in which it has taken effect. Other open calls take
    /// effect as late as they can.
    fn close(&mut self, event: &Event) -> Result<(), String> {
        let bit = 1 << event.client;
        let mut kept = HashSet::new();
        let mut seen = HashSet::new();
        let mut todo: Vec<Reached> = Vec::new();
        for state in &self.reached {
            if state.done & bit != 0 {
                kept.insert(without(*state, bit));
                continue;
            }
            if event.answer.is_none() {
                kept.insert(*state);
            }
            todo.push(*state);
        }
        while let Some(state) = todo.pop() {
            for client in 0..self.open.len() {
                let Some(number) = self.open[client].filter(|_| state.done & 1 << client == 0)
                else {
                    continue;
                };
                let Some(log) = self.logs.after(state.log, &self.history[number]) else {
                    continue;
                };
                let done = state.done | 1 << client;
                let next = Reached { log, done };
                if client == event.client {
                    kept.insert(without(next, bit));
                } else if seen.insert(next) {
                    todo.push(next);
                }
            }
        }
        if kept.is_empty() {
            return Err(self.explain(event));
        }
        self.reached = kept;
        Ok(())
    }

    fn explain(&self, event: &Event) -> String {
        const BEFORE: u64 = 60;
        let lens: BTreeSet<String> = self
            .reached
            .iter()
            .map(|state| self.logs.describe(state.log))
            .collect();
        let around: Vec<String> = self
            .history
            .iter()
            .filter(|other| {
                other.called < event.returned && other.returned + BEFORE > event.returned
            })
            .map(|other| format!("  {other:?}"))
            .collect();
        format!(
            "no order of the calls explains {event:?}: before it the log is one of {lens:?}; the \
             calls about that time:\n{}",
            around.join("\n")
        )
    }
}

fn without(state: Reached, bit: u64) -> Reached {
    Reached {
        done: state.done & !bit,
        ..state
    }
}

/// All logs that came up, each once and under a number, as lists that share their beginnings.
struct Logs {
    nodes: Vec<Node>,
    numbers: HashMap<(u32, u64), u32>,
}

#[derive(Clone, Copy)]
struct Node {
    before: u32,
    entry: u64,
    len: u64,
}

impl Logs {
    const MISSING: u32 = 0;
    const EMPTY: u32 = 1;

    fn new() -> Self {
        let empty = Node {
            before: Self::EMPTY,
            entry: 0,
            len: 0,
        };
        Self {
            nodes: vec![empty; 2],
            numbers: HashMap::new(),
        }
    }

    /// The log with the call done on it; `None` if it would not have answered so.
    fn after(&mut self, log: u32, event: &Event) -> Option<u32> {
        let len = self.node(log).len;
        let missing = log == Self::MISSING;
        let answer = event.answer.as_ref();
        if let Some(Answer::Refused(_)) = answer {
            return Some(log);
        }
        let (after, expected) = match &event.call {
            Call::Append {
                expected: Some(expected),
                ..
            } if *expected != len => (log, Answer::Conflict(len)),
            Call::Append { entries, .. } => {
                let end = len + entries.len() as u64;
                let appended = Answer::Appended {
                    index: len,
                    len: end,
                };
                if answer.is_some_and(|answer| *answer != appended) {
                    return None;
                }
                (self.push_all(log, entries), appended)
            }
            _ if missing => (log, Answer::NotFound),
            Call::Truncate(to) if *to > len => (log, Answer::PastEnd),
            Call::Truncate(to) => (self.cut(log, *to), Answer::Truncated),
            Call::Len => (log, Answer::Len(len)),
            Call::ReadFrom(from) => {
                let told = match answer {
                    Some(Answer::Entries(told)) => told,
                    Some(_) => return None,
                    None => return Some(log),
                };
                return self.ends_with(log, *from, told).then_some(log);
            }
        };
        answer
            .is_none_or(|answer| *answer == expected)
            .then_some(after)
    }

    fn push_all(&mut self, log: u32, entries: &[u64]) -> u32 {
        let log = log.max(Self::EMPTY);
        entries
            .iter()
            .fold(log, |log, entry| self.push(log, *entry))
    }

    fn push(&mut self, before: u32, entry: u64) -> u32 {
        if let Some(known) = self.numbers.get(&(before, entry)) {
            return *known;
        }
        let number = u32::try_from(self.nodes.len()).expect("fewer logs than that");
        let len = self.node(before).len + 1;
        self.nodes.push(Node { before, entry, len });
        self.numbers.insert((before, entry), number);
        number
    }

    fn cut(&self, mut log: u32, len: u64) -> u32 {
        while self.node(log).len > len {
            log = self.node(log).before;
        }
        log
    }

    /// Whether these are the entries from number `from` on.
    fn ends_with(&self, mut log: u32, from: u64, told: &[u64]) -> bool {
        let expected = self.node(log).len.saturating_sub(from);
        told.len() as u64 == expected
            && told.iter().rev().all(|entry| {
                let node = self.node(log);
                log = node.before;
                node.entry == *entry
            })
    }

    fn node(&self, log: u32) -> Node {
        self.nodes[log as usize]
    }

    /// Length and last entries.
    fn describe(&self, log: u32) -> String {
        if log == Self::MISSING {
            return "not there".to_owned();
        }
        let (len, mut at, mut last) = (self.node(log).len, log, Vec::new());
        while self.node(at).len > 0 && last.len() < 3 {
            last.push(self.node(at).entry);
            at = self.node(at).before;
        }
        last.reverse();
        format!("{len} entries, the last {last:?}")
    }
}
