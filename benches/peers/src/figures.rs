//! What a workload hands on: times and other figures of each system, round by round, and how they
//! compare. No printing here.

use std::time::Duration;

use crate::systems::Engine;

/// The figures of one system in one row, round by round.
#[derive(Debug, Default, Clone)]
pub(crate) struct Rounds {
    medians: Vec<f64>,
    means: Vec<f64>,
    all: Vec<f64>,
}

impl Rounds {
    /// A figure that was taken once.
    pub(crate) fn once(figure: f64) -> Self {
        let mut rounds = Self::default();
        rounds.push_figure(figure);
        rounds
    }

    /// Takes in the times of one round, in seconds.
    pub(crate) fn push(&mut self, times: &[Duration]) {
        let seconds: Vec<f64> = times.iter().map(Duration::as_secs_f64).collect();
        self.medians.push(median(&seconds));
        self.means
            .push(seconds.iter().sum::<f64>() / count(seconds.len()));
        self.all.extend(seconds);
    }

    /// Takes in the one figure of a round.
    pub(crate) fn push_figure(&mut self, figure: f64) {
        self.medians.push(figure);
        self.means.push(figure);
        self.all.push(figure);
    }

    /// The median of a round, at the median over the rounds.
    pub(crate) fn median(&self) -> f64 {
        median(&self.medians)
    }

    /// How often `other` fits into ours: the median over the rounds of the ratio of their medians,
    /// since a machine that is slower for a while is so for both. Where the rounds do not match,
    /// the ratio of the medians.
    pub(crate) fn per(&self, other: &Self) -> f64 {
        if self.medians.len() != other.medians.len() {
            return self.median() / other.median();
        }
        let pairs = self.medians.iter().zip(&other.medians);
        median(&pairs.map(|(our, their)| our / their).collect::<Vec<_>>())
    }

    /// The 99th percentile of all rounds together.
    pub(crate) fn p99(&self) -> f64 {
        percentile(&self.all, 99)
    }

    /// How many figures were taken.
    pub(crate) fn samples(&self) -> usize {
        self.all.len()
    }

    /// The same figures in means: for what comes in bursts.
    pub(crate) fn into_means(mut self) -> Self {
        self.medians.clone_from(&self.means);
        self
    }
}

/// What the figures of a row are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Seconds; the fewer the better.
    Time,
    /// Things done a second; the more the better.
    PerSecond,
    /// Bytes a second; the more the better.
    Throughput,
    /// Bytes; the fewer the better.
    Bytes,
    /// How often one thing fits into another, such as an archive into its JSONL; the more the
    /// better.
    Factor,
    /// A cost grows with the number of entries to this power; the closer to none the better.
    Slope,
}

impl Unit {
    /// Whether more is better.
    pub(crate) fn more_is_better(self) -> bool {
        matches!(self, Self::PerSecond | Self::Throughput | Self::Factor)
    }

    /// A figure as a reader wants it.
    pub(crate) fn show(self, figure: f64) -> String {
        match self {
            Self::Time => time(figure),
            Self::PerSecond => rate(figure),
            Self::Throughput => throughput(figure),
            Self::Bytes => bytes(figure),
            Self::Factor => times(figure),
            Self::Slope => format!("n^{figure:.2}"),
        }
    }
}

/// One thing that was measured for each system.
#[derive(Debug)]
pub(crate) struct Row {
    /// What, within its section: `1 thread`. Never changes, since `why.md` and JSON name it.
    pub(crate) metric: String,
    pub(crate) unit: Unit,
    /// Those that can do it, in the order of the columns.
    pub(crate) cells: Vec<(Engine, Rounds)>,
    /// What the machine would allow, and its name.
    pub(crate) floor: Option<(&'static str, Rounds)>,
}

impl Row {
    /// A row without a floor.
    pub(crate) fn new(
        metric: impl Into<String>,
        unit: Unit,
        cells: impl IntoIterator<Item = (Engine, Rounds)>,
    ) -> Self {
        let mut cells: Vec<_> = cells.into_iter().collect();
        cells.sort_by_key(|(engine, _)| *engine);
        Self {
            metric: metric.into(),
            unit,
            cells,
            floor: None,
        }
    }

    /// The same with a floor.
    pub(crate) fn with_floor(mut self, name: &'static str, floor: Rounds) -> Self {
        self.floor = Some((name, floor));
        self
    }

    /// The figures of a system.
    pub(crate) fn of(&self, engine: Engine) -> Option<&Rounds> {
        let found = self.cells.iter().find(|(of, _)| *of == engine);
        found.map(|(_, rounds)| rounds)
    }

    /// The best of all systems.
    pub(crate) fn best(&self) -> Option<(Engine, &Rounds)> {
        let cells = self.cells.iter().map(|(engine, rounds)| (*engine, rounds));
        let cells = cells.filter(|(_, rounds)| rounds.median().is_finite());
        let cost = |rounds: &Rounds| {
            if self.unit.more_is_better() {
                -rounds.median()
            } else {
                rounds.median()
            }
        };
        cells.min_by(|(_, a), (_, b)| cost(a).total_cmp(&cost(b)))
    }

    /// How much worse `rounds` are than `other`: 1 is the same, 2 is twice the time, or half the rate.
    pub(crate) fn worse(&self, rounds: &Rounds, other: &Rounds) -> f64 {
        if self.unit.more_is_better() {
            other.per(rounds)
        } else {
            rounds.per(other)
        }
    }

    /// The archive against the peer that it is furthest behind, or least ahead of. A peer that is for
    /// one process is compared with the archive for one process, where that was measured: it does
    /// not look out for others either.
    pub(crate) fn behind(&self) -> Option<Behind> {
        let ours = |peer: Engine| {
            let exclusive = self.of(Engine::Exclusive).filter(|_| !peer.is_shared());
            match exclusive {
                Some(rounds) => Some((Engine::Exclusive, rounds)),
                None => Some((Engine::Sessiondb, self.of(Engine::Sessiondb)?)),
            }
        };
        let peers = self
            .cells
            .iter()
            .filter(|(peer, rounds)| !peer.is_ours() && rounds.median().is_finite());
        let all = peers.filter_map(|(peer, rounds)| {
            let (ours, our_rounds) = ours(*peer)?;
            // Slopes are around zero, where a ratio means nothing.
            let ratio = match self.unit {
                Unit::Slope => 1.0 + growth(our_rounds) - growth(rounds),
                _ => self.worse(our_rounds, rounds),
            };
            let peer = *peer;
            Some(Behind { ours, peer, ratio })
        });
        all.max_by(|a, b| a.ratio.total_cmp(&b.ratio))
    }
}

/// A slope as a cost: what becomes cheaper with size costs no growth, as what stays the same.
fn growth(slope: &Rounds) -> f64 {
    slope.median().max(0.0)
}

/// The archive against a peer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Behind {
    /// The setup of the archive.
    pub(crate) ours: Engine,
    pub(crate) peer: Engine,
    /// How much worse the archive is: 1 is the same.
    pub(crate) ratio: f64,
}

/// One workload: what was measured, and the promises that hang on it.
#[derive(Debug)]
pub(crate) struct Section {
    /// Its name on the command line.
    pub(crate) workload: &'static str,
    pub(crate) title: String,
    /// What was done, in a sentence or two.
    pub(crate) note: String,
    pub(crate) rows: Vec<Row>,
    pub(crate) targets: Vec<Target>,
}

impl Section {
    /// A section without rows.
    pub(crate) fn new(
        workload: &'static str,
        title: impl Into<String>,
        note: impl Into<String>,
    ) -> Self {
        Self {
            workload,
            title: title.into(),
            note: note.into(),
            rows: Vec::new(),
            targets: Vec::new(),
        }
    }

    /// The rows for a summary: what grows only at its largest.
    pub(crate) fn main_rows(&self) -> impl Iterator<Item = &Row> {
        let sizes = self.rows.iter().filter_map(|row| growth_of(&row.metric));
        let largest = sizes.map(|(_, entries)| entries).max();
        self.rows.iter().filter(move |row| {
            let size = growth_of(&row.metric).map(|(_, entries)| entries);
            size.is_none() || size == largest
        })
    }

    /// Adds the target that `found` is at most `limit`.
    pub(crate) fn at_most(&mut self, what: impl Into<String>, found: f64, limit: f64, show: Show) {
        self.targets.push(Target {
            what: what.into(),
            found,
            limit,
            show,
            is_least: false,
        });
    }

    /// Adds the target that `found` is at least `limit`.
    pub(crate) fn at_least(&mut self, what: impl Into<String>, found: f64, limit: f64, show: Show) {
        self.targets.push(Target {
            what: what.into(),
            found,
            limit,
            show,
            is_least: true,
        });
    }
}

/// How a figure of a target is written.
pub(crate) type Show = fn(f64) -> String;

/// A figure against its limit.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) what: String,
    pub(crate) found: f64,
    pub(crate) limit: f64,
    pub(crate) show: Show,
    /// Whether the limit is the least, not the most.
    pub(crate) is_least: bool,
}

impl Target {
    /// Whether it is met.
    pub(crate) fn is_met(&self) -> bool {
        if self.is_least {
            self.found >= self.limit
        } else {
            self.found <= self.limit
        }
    }
}

/// The metric of an operation in a store of so many entries.
pub(crate) fn growth_metric(operation: &str, entries: u64) -> String {
    format!("{operation}, {entries} entries")
}

/// The metric of how the cost of an operation grows.
pub(crate) fn slope_metric(operation: &str) -> String {
    format!("{operation}, slope")
}

/// The median of some figures.
pub(crate) fn median(figures: &[f64]) -> f64 {
    percentile(figures, 50)
}

fn percentile(figures: &[f64], per_cent: usize) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let index = (sorted.len() * per_cent / 100).min(sorted.len().saturating_sub(1));
    sorted.get(index).copied().unwrap_or(f64::NAN)
}

/// A count as a figure.
#[expect(
    clippy::cast_precision_loss,
    reason = "counts of a benchmark are small"
)]
pub(crate) fn count(count: impl TryInto<u64>) -> f64 {
    count.try_into().unwrap_or(u64::MAX) as f64
}

/// A time in the unit that suits it.
pub(crate) fn time(seconds: f64) -> String {
    match seconds {
        s if s < 1e-6 => format!("{:.0} ns", s * 1e9),
        s if s < 1e-3 => format!("{:.1} us", s * 1e6),
        s if s < 1.0 => format!("{:.2} ms", s * 1e3),
        s => format!("{s:.2} s"),
    }
}

/// A factor.
pub(crate) fn times(factor: f64) -> String {
    format!("{factor:.2}x")
}

/// Things a second.
pub(crate) fn rate(per_second: f64) -> String {
    format!("{per_second:.0}/s")
}

/// Bytes a second.
pub(crate) fn throughput(per_second: f64) -> String {
    format!("{:.0} MB/s", per_second / 1e6)
}

/// Bytes, in the unit that suits them.
pub(crate) fn bytes(bytes: f64) -> String {
    match bytes {
        b if b < 1024.0 => format!("{b:.0} B"),
        b if b < 1024.0 * 1024.0 => format!("{:.2} KiB", b / 1024.0),
        b => format!("{:.1} MiB", b / 1024.0 / 1024.0),
    }
}

/// A part of a whole.
pub(crate) fn per_cent(part: f64) -> String {
    format!("{:.2} %", part * 100.0)
}

/// The operation and the number of entries of a metric that `growth_metric` has made.
pub(crate) fn growth_of(metric: &str) -> Option<(&str, u64)> {
    let (operation, entries) = metric.rsplit_once(", ")?;
    let entries = entries.strip_suffix(" entries")?.parse().ok()?;
    Some((operation, entries))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_growth_metric_names_its_operation_and_entries() {
        let metric = growth_metric("append, synced", 10_000);
        assert_eq!(growth_of(&metric), Some(("append, synced", 10_000)));
        assert_eq!(growth_of(&slope_metric("append")), None);
    }
}
