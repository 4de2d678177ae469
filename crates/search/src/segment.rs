//! The hits in one segment.

use std::cell::OnceCell;
use std::ops::Range;

use sessiondb::archive::LogSnapshot;
use sessiondb::{Entry, SegmentInfo, Snapshot, StoreError};
use sessiondb_agents::{Agent, Item};
use sessiondb_logs::agent_of;

use crate::candidates::candidates;
use crate::excerpt::lines_with;
use crate::hit::{Hit, Kind};
use crate::query::Query;
use crate::text::text_of;

/// One segment that is being searched.
pub(crate) struct SegmentSearch<'s> {
    now: &'s Snapshot,
    query: &'s Query,
    segment: SegmentInfo,
    log: LogSnapshot,
    /// Whose log it is, once that is asked.
    agent: OnceCell<Option<&'static dyn Agent>>,
    items: Vec<Item>,
}

impl<'s> SegmentSearch<'s> {
    pub(crate) fn new(now: &'s Snapshot, query: &'s Query, segment: SegmentInfo) -> Self {
        Self {
            log: now.log(segment.session, segment.id),
            now,
            query,
            segment,
            agent: OnceCell::new(),
            items: Vec::new(),
        }
    }

    /// The hits among the entries with these numbers, the last first.
    pub(crate) fn hits(
        &mut self,
        range: &Range<u64>,
        hits: &mut Vec<Hit>,
    ) -> Result<(), StoreError> {
        let mut end = range.end;
        while end > range.start {
            let chunk = self.log.chunk(end - 1)?;
            let numbers = chunk.numbers();
            let here = numbers.start.max(range.start)..end;
            let found = candidates(&chunk, &here, self.query.prefilter.as_ref());
            for number in found.into_iter().rev() {
                if let Some(entry) = chunk.entry(number) {
                    self.entry(&entry, hits)?;
                }
            }
            end = here.start;
        }
        Ok(())
    }

    fn entry(&mut self, entry: &Entry, hits: &mut Vec<Hit>) -> Result<(), StoreError> {
        let mut items = std::mem::take(&mut self.items);
        items.clear();
        match self.agent()? {
            Some(agent) if !self.query.asked.raw => {
                agent.items(entry.as_str().as_bytes(), entry.index(), &mut items);
            }
            _ => items.push(Item::raw(entry.index())),
        }
        let before = hits.len();
        hits.extend(items.iter().filter_map(|item| self.hit(item, entry)));
        // What an entry says last is the newest of it.
        if let Some(new) = hits.get_mut(before..) {
            new.reverse();
        }
        self.items = items;
        Ok(())
    }

    fn agent(&self) -> Result<Option<&'static dyn Agent>, StoreError> {
        if let Some(agent) = self.agent.get() {
            return Ok(*agent);
        }
        let agent = agent_of(self.now, self.segment.session, self.segment.id)?;
        Ok(*self.agent.get_or_init(|| agent))
    }

    /// The item as a hit, if it is one.
    fn hit(&self, item: &Item, entry: &Entry) -> Option<Hit> {
        let asked = &self.query.asked;
        let kind = Kind::of(&item.kind)?;
        let role = kind.role();
        let at_ms = item.at_ms;
        let is_wanted = (asked.hidden || !item.hidden || self.is_of_no_agent())
            && (asked.kinds.is_empty() || asked.kinds.contains(&kind))
            && (asked.roles.is_empty() || asked.roles.contains(&role))
            && self.is_in_time(at_ms);
        if !is_wanted {
            return None;
        }
        let text = if asked.raw {
            entry.as_str().into()
        } else {
            text_of(&item.kind, entry.as_str())?
        };
        let lines = lines_with(&text, &self.query.pattern.regex, asked.context);
        (!lines.is_empty()).then_some(Hit {
            session: self.segment.session,
            segment: self.segment.id,
            entry: item.entry,
            at_ms,
            kind,
            role,
            lines,
        })
    }

    fn is_of_no_agent(&self) -> bool {
        matches!(self.agent.get(), Some(None)) || self.query.asked.raw
    }

    fn is_in_time(&self, at_ms: Option<i64>) -> bool {
        let asked = &self.query.asked;
        let updated = i64::try_from(self.segment.updated_ms).unwrap_or(i64::MAX);
        let at = at_ms.unwrap_or(updated);
        asked.since_ms.is_none_or(|since| at >= since)
            && asked.until_ms.is_none_or(|until| at < until)
    }
}
