//! The last resort: runs wherever they are in an image. What was removed may be among them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_128;

use super::found::{Found, RunAt, Source, ValuesAt};
use super::image::Image;
use super::rows::{Proved, ProvedRun, Table, prove};
use super::values::{read_in, skeleton};
use super::walk::{Lost, Row, RowAt};
use crate::engine::model::entries::Entries;
use crate::engine::model::log_id::{LogId, LogKind};
use crate::engine::model::run::Run;
use crate::engine::model::run_row::RunRow;
use crate::engine::model::shared_value::Skeleton;
use crate::engine::redb_format::page::Node;

/// Where in the image a run is, and how long its row.
type Span = (u64, u64);

/// All runs that prove themselves. Where two of them hold different bytes for one entry, neither
/// is taken; the same goes for metadata and names.
pub(super) fn scan(image: &Image<'_>) -> Found {
    let mut found = Found::default();
    found.values = values_in(image);
    found.values.index(&|row| read_in(image, row));
    let lost = Table::ALL.map(|table| Lost::whole(table, "no root leads to it"));
    found.lost.extend(lost);
    for kind in [Table::Runs, Table::Traces] {
        for (log, rows) in rows(image, kind) {
            let whole = whole_runs(image, &log, &rows);
            let runs = agree(image, &log, &whole, &found.values);
            let id = (log.session, log.segment);
            let segment = found.segments.entry(id).or_default();
            segment.exists |= log.kind == LogKind::Entries;
            segment.log_mut(log.kind).runs = runs;
        }
    }
    let mut rows = distinct(image, Table::Metadata);
    rows.extend(distinct(image, Table::Names));
    for proved in rows {
        found.take(Row {
            proved,
            at: RowAt::Image(0, 0),
        });
    }
    found
}

/// The rows of a log's runs that the image holds, of whichever time.
#[derive(Default)]
struct LogRows {
    runs: Vec<(ProvedRun, Span)>,
    /// By the number that they stand under.
    chunks: HashMap<u64, Vec<Span>>,
}

fn rows(image: &Image<'_>, table: Table) -> HashMap<LogId, LogRows> {
    let mut found: HashMap<LogId, LogRows> = HashMap::new();
    for_each_proved(image, table, |proved, span| {
        if let Proved::Run(run) = proved {
            let rows = found.entry(run.log).or_default();
            if run.count > 0 {
                rows.runs.push((run, span));
            } else {
                rows.chunks.entry(run.number).or_default().push(span);
            }
        }
    });
    found
}

/// Calls `each` with every row of a table that proves itself in some leaf of the image, and where it is.
fn for_each_proved(image: &Image<'_>, table: Table, mut each: impl FnMut(Proved, Span)) {
    for (page, _) in image.pages(table.widths()) {
        let Ok(Node::Leaf(leaf)) = Node::parse(&page.bytes, table.widths()) else {
            continue;
        };
        let mut at = page.at + leaf.values_start() as u64;
        for (key, value) in leaf.rows() {
            let span = (at, value.len() as u64);
            at += span.1;
            if let Ok(proved) = prove(table, key, value) {
                each(proved, span);
            }
        }
    }
}

/// The rows of each run of which all chunks are there, those of one time, which their checksum
/// tells.
fn whole_runs(image: &Image<'_>, log: &LogId, rows: &LogRows) -> Vec<(Vec<Span>, bool)> {
    let whole = rows.runs.iter().filter_map(|(run, span)| {
        let numbers = run.number + 1..=run.number + run.more;
        let chunks: Option<Vec<_>> = numbers.map(|number| rows.chunks.get(&number)).collect();
        combination(&chunks?, |chunks| {
            let spans: Vec<_> = std::iter::once(*span).chain(chunks).collect();
            load(image, log, &spans).map(|_| (spans, run.shares))
        })
    });
    whole.collect()
}

/// The first combination of one of each that `take` takes. Of very many only some are tried.
fn combination<T>(choices: &[&Vec<Span>], take: impl Fn(Vec<Span>) -> Option<T>) -> Option<T> {
    const MAX_TRIES: usize = 1000;
    let all = choices
        .iter()
        .fold(1_usize, |all, choice| all.saturating_mul(choice.len()));
    (0..all.min(MAX_TRIES)).find_map(|mut number| {
        let one_of_each = choices.iter().filter_map(|choice| {
            let at = number % choice.len();
            number /= choice.len();
            choice.get(at).copied()
        });
        take(one_of_each.collect())
    })
}

/// Runs that hold each entry of a log once, those left out that two rows tell differently of.
fn agree(
    image: &Image<'_>,
    log: &LogId,
    runs: &[(Vec<Span>, bool)],
    values: &ValuesAt,
) -> BTreeMap<u64, RunAt> {
    let mut told: BTreeMap<u64, Option<u128>> = BTreeMap::new();
    for (spans, _) in runs {
        for run in stretches(image, log, spans, values) {
            for (entry, index) in run.entries().iter().zip(run.first()..) {
                let sum = xxh3_128(entry);
                let known = told.entry(index).or_insert(Some(sum));
                *known = known.filter(|known| *known == sum);
            }
        }
    }
    told.retain(|_, sum| sum.is_some());
    let mut agreed = BTreeMap::new();
    for (spans, shares) in runs {
        for run in stretches(image, log, spans, values) {
            let (first, count) = (run.first(), run.entries().len());
            if told.range(first..first + count).count() as u64 == count {
                let source = Source::Rows {
                    rows: spans
                        .iter()
                        .map(|(at, len)| RowAt::Image(*at, *len))
                        .collect(),
                    segment: log.segment,
                    shares: *shares,
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
    }
    agreed
}

/// The entries of a run whose shared values are all in the image.
fn stretches(image: &Image<'_>, log: &LogId, spans: &[Span], values: &ValuesAt) -> Vec<Run> {
    let runs = load(image, log, spans).and_then(|skeleton| {
        let read = |row: &RowAt| read_in(image, row);
        let values = values.fetch(skeleton.names(), &read);
        skeleton.stretches(&values).ok()
    });
    runs.unwrap_or_default()
}

fn load(image: &Image<'_>, log: &LogId, spans: &[Span]) -> Option<Skeleton> {
    let rows: Option<Vec<_>> = spans
        .iter()
        .map(|(at, len)| image.read(*at, *len))
        .collect();
    let rows = rows?;
    RunRow::parse(rows.first()?)
        .ok()
        .filter(|row| row.log == *log)?;
    skeleton(&rows).ok()
}

/// The rows of groups of shared values that the image holds. Those of one time belong together, which their checksums tell.
fn values_in(image: &Image<'_>) -> ValuesAt {
    let mut values = ValuesAt::default();
    for_each_proved(image, Table::Groups, |proved, (at, len)| {
        if let Proved::Group(group, number) = proved {
            let rows = values.groups.entry(group).or_default();
            rows.insert(number, RowAt::Image(at, len));
        }
    });
    values
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
