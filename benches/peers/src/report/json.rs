//! The figures as lines of JSON, one object a figure.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use serde_json::Value;

use super::has_percentile;
use crate::Result;
use crate::figures::{Rounds, Row, Section, Unit};

/// Where the lines go.
pub(crate) struct Json<W = File>(W);

impl Json {
    /// A new file at `path`, in place of what is there.
    pub(crate) fn create(path: &Path) -> Result<Self> {
        let file = File::create(path);
        let file = file.map_err(|error| format!("{} cannot be made: {error}", path.display()))?;
        Ok(Self(file))
    }
}

impl<W: Write> Json<W> {
    /// Writes the figures of a section as whole lines.
    pub(crate) fn section(&mut self, section: &Section) -> Result<()> {
        let mut lines = Vec::new();
        for row in &section.rows {
            let floor = row.floor.iter();
            let floor = floor.map(|(name, rounds)| (format!("floor: {name}"), rounds));
            let systems = row.cells.iter();
            let systems = systems.map(|(engine, rounds)| (engine.name().to_owned(), rounds));
            for (system, rounds) in systems.chain(floor) {
                for figure in figures(section.workload, row, &system, rounds) {
                    writeln!(lines, "{figure}")?;
                }
            }
        }
        Ok(self.0.write_all(&lines)?)
    }
}

fn figures(workload: &str, row: &Row, system: &str, rounds: &Rounds) -> Vec<String> {
    let metric = &row.metric;
    let mut figures = match row.unit {
        Unit::Time => vec![(format!("{metric}, median"), rounds.median())],
        _ => vec![(metric.clone(), rounds.median())],
    };
    if has_percentile(row.unit, rounds) {
        figures.push((format!("{metric}, p99"), rounds.p99()));
    }
    let (unit, scale) = unit(row.unit);
    let better = if row.unit.more_is_better() {
        "higher"
    } else {
        "lower"
    };
    let finite = figures.into_iter().filter(|(_, figure)| figure.is_finite());
    // Written out, so that the keys keep this order.
    let object = |(metric, figure): (String, f64)| {
        let [workload, system, metric] = [workload, system, &metric].map(Value::from);
        let value = Value::from(figure * scale);
        format!(
            r#"{{"workload":{workload},"system":{system},"metric":{metric},"value":{value},"unit":"{unit}","better":"{better}"}}"#
        )
    };
    finite.map(object).collect()
}

/// The name of a unit, and how many of it one of ours is.
fn unit(unit: Unit) -> (&'static str, f64) {
    match unit {
        Unit::Time => ("us", 1e6),
        Unit::PerSecond => ("1/s", 1.0),
        Unit::Throughput => ("MB/s", 1e-6),
        Unit::Bytes => ("bytes", 1.0),
        Unit::Factor => ("x", 1.0),
        Unit::Slope => ("exponent", 1.0),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::super::sample;
    use super::*;
    use crate::systems::Engine;

    fn lines(row: Row) -> Vec<Value> {
        let mut section = Section::new("append", "Append", "");
        section.rows.push(row);
        let mut json = Json(Vec::new());
        json.section(&section).unwrap();
        let text = String::from_utf8(json.0).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    #[test]
    fn every_line_has_the_same_keys() {
        let row = sample::row("1 thread", Unit::Throughput, &[3e6, 2e6]);
        let lines = lines(row.with_floor("memcpy", Rounds::once(8e6)));
        for line in &lines {
            let mut keys: Vec<_> = line
                .as_object()
                .unwrap()
                .keys()
                .map(String::as_str)
                .collect();
            keys.sort_unstable();
            assert_eq!(
                keys,
                ["better", "metric", "system", "unit", "value", "workload"]
            );
        }
        let systems: Vec<_> = lines.iter().map(|line| &line["system"]).collect();
        assert_eq!(systems, ["sessiondb", "JSONL", "floor: memcpy"]);
        assert_eq!(
            lines[0],
            json!({"workload": "append", "system": "sessiondb", "metric": "1 thread", "value": 3.0,
                "unit": "MB/s", "better": "higher"})
        );
    }

    #[test]
    fn many_times_have_a_median_and_a_percentile_and_few_a_median() {
        let times = |count: u64| {
            let mut rounds = Rounds::default();
            rounds.push(&(0..count).map(Duration::from_micros).collect::<Vec<_>>());
            let lines = lines(Row::new("count", Unit::Time, [(Engine::Sqlite, rounds)]));
            let metrics = lines
                .iter()
                .map(|line| line["metric"].as_str().unwrap().to_owned());
            metrics.collect::<Vec<_>>()
        };
        assert_eq!(times(20), ["count, median"]);
        assert_eq!(times(21), ["count, median", "count, p99"]);
    }

    #[test]
    fn figures_that_are_no_numbers_are_left_out() {
        assert_eq!(
            lines(sample::row("size", Unit::Bytes, &[f64::NAN, 2.0])).len(),
            1
        );
    }
}
