//! The last resort: runs wherever they are in an image. What was removed may be among them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_128;

use super::found::{Found, RunAt, Source};
use super::image::Image;
use super::rows::{Proved, Table, prove};
use super::walk::{Lost, Row};
use crate::engine::op::{LogId, LogKind};
use crate::engine::page::Node;
use crate::engine::run::{Entries, FoundRun, Run};

/// Where in the image a run is, and how long its row.
type Span = (u64, u64);

/// All runs that prove themselves. Where two of them hold different bytes for one entry, neither
/// is taken; the same goes for metadata and names.
pub(super) fn scan(image: &Image<'_>) -> Found {
    let mut found = Found::default();
    let lost = Table::ALL.map(|table| Lost::whole(table, "no root leads to it"));
    found.lost.extend(lost);
    for kind in [Table::Runs, Table::Traces] {
        for (log, runs) in runs(image, kind) {
            let runs = agree(image, &log, &runs);
            let id = (log.session, log.segment);
            let segment = found.segments.entry(id).or_default();
            segment.exists |= log.kind == LogKind::Entries;
            segment.log_mut(log.kind).runs = runs;
        }
    }
    let mut rows = distinct(image, Table::Metadata);
    rows.extend(distinct(image, Table::Names));
    for proved in rows {
        found.take(Row { proved, at: None });
    }
    found
}

fn runs(image: &Image<'_>, table: Table) -> HashMap<LogId, Vec<Span>> {
    let mut runs: HashMap<LogId, Vec<Span>> = HashMap::new();
    for (page, _) in image.pages(table.widths()) {
        let Ok(Node::Leaf(leaf)) = Node::parse(&page.bytes, table.widths()) else {
            continue;
        };
        let mut at = page.at + leaf.values_start() as u64;
        for (key, value) in leaf.rows() {
            let span = (at, value.len() as u64);
            at += span.1;
            if let Ok(Proved::Run(run)) = prove(table, key, value) {
                runs.entry(run.log).or_default().push(span);
            }
        }
    }
    runs
}

/// Runs that hold each entry of a log once, those left out that two rows tell differently of.
fn agree(image: &Image<'_>, log: &LogId, spans: &[Span]) -> BTreeMap<u64, RunAt> {
    let mut told: BTreeMap<u64, Option<u128>> = BTreeMap::new();
    for run in spans.iter().filter_map(|span| load(image, log, *span)) {
        for (entry, index) in run.entries().iter().zip(run.first()..) {
            let sum = xxh3_128(entry);
            let known = told.entry(index).or_insert(Some(sum));
            *known = known.filter(|known| *known == sum);
        }
    }
    told.retain(|_, sum| sum.is_some());
    let mut agreed = BTreeMap::new();
    for span in spans {
        let Some(run) = load(image, log, *span) else {
            continue;
        };
        let (first, count) = (run.first(), run.entries().len());
        if told.range(first..first + count).count() as u64 == count {
            let source = Source::Image {
                at: span.0,
                len: span.1,
                segment: log.segment,
            };
            agreed.insert(first, RunAt { count, source });
            told.retain(|index, _| !(first..first + count).contains(index));
        } else {
            for (entry, index) in run.entries().iter().zip(first..) {
                if told.remove(&index).is_some() {
                    agreed.insert(index, alone(index, entry));
                }
            }
        }
    }
    agreed
}

fn load(image: &Image<'_>, log: &LogId, (at, len): Span) -> Option<Run> {
    let found = FoundRun::parse(&image.read(at, len)?).ok()?;
    (found.log == *log).then_some(found.run)
}

fn alone(index: u64, entry: &[u8]) -> RunAt {
    let mut entries = Entries::default();
    entries.push(entry);
    let source = Source::Memory(Arc::new(Run::new(index, entries)));
    RunAt { count: 1, source }
}

/// The rows of a table of which the image holds one version alone.
fn distinct(image: &Image<'_>, table: Table) -> Vec<Proved> {
    let mut rows: HashMap<Vec<u8>, Option<Vec<u8>>> = HashMap::new();
    for (page, _) in image.pages(table.widths()) {
        let Ok(Node::Leaf(leaf)) = Node::parse(&page.bytes, table.widths()) else {
            continue;
        };
        for (key, value) in leaf.rows() {
            if prove(table, key, value).is_ok() {
                let known = rows.entry(key.to_vec());
                let known = known.or_insert_with(|| Some(value.to_vec()));
                if known.as_deref().is_some_and(|known| known != value) {
                    *known = None;
                }
            }
        }
    }
    let rows = rows
        .into_iter()
        .filter_map(|(key, value)| prove(table, &key, &value?).ok());
    rows.collect()
}
