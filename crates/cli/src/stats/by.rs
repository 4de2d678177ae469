//! What sessions used, by agent, model, day or folder: as a table, bars, JSON or CSV.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::io::Write;

use clap::builder::styling::{AnsiColor, Style};
use serde::Serialize;
use sessiondb::Snapshot;

use crate::args::{By, StatsArgs};
use crate::exit::{Code, Failure};
use crate::output::{self, Out};
use crate::render::{self, Column, Table};
use crate::sessions::{Filter, Listed, chosen, with_home};
use crate::table::Fit;
use crate::{when, width};

const BAR: Style = AnsiColor::Blue.on_default();
/// The most columns of a name beside bars.
const NAME_COLUMNS: usize = 40;

/// What some sessions used together.
#[derive(Debug, Default, Clone, Serialize)]
struct Sums {
    sessions: u64,
    turns: u64,
    messages: u64,
    /// Tokens of input that did not come from a cache.
    input: u64,
    cached: u64,
    output: u64,
    reasoning: u64,
    /// What it cost, as far as logs say so.
    cost_usd: Option<f64>,
    bytes: u64,
}

/// What the sessions of one name used.
#[derive(Debug, Serialize)]
struct Row {
    by: &'static str,
    /// Nothing where it is not known.
    name: Option<String>,
    #[serde(flatten)]
    sums: Sums,
}

/// What is printed of one sort.
struct Group {
    by: By,
    rows: Vec<Row>,
    total: Sums,
}

pub(super) fn run(now: &Snapshot, args: &StatsArgs) -> Result<(), Failure> {
    let filter = Filter::all_between(args.since, args.until);
    write(chosen(now, &filter)?, args)
}

/// Writes what sessions used, those first that were active last.
pub(super) fn write<'l>(
    sessions: impl Iterator<Item = Result<Listed<'l>, Failure>>,
    args: &StatsArgs,
) -> Result<(), Failure> {
    let mut sums: Vec<BTreeMap<Option<String>, Sums>> = vec![BTreeMap::new(); args.by.len()];
    let mut total = Sums::default();
    for session in sessions {
        let session = session?;
        for (by, sums) in args.by.iter().zip(&mut sums) {
            sums.entry(name(*by, &session)).or_default().add(&session);
        }
        total.add(&session);
    }
    let groups = args.by.iter().zip(sums).map(|(by, sums)| Group {
        by: *by,
        rows: rows(*by, sums),
        total: total.clone(),
    });
    let groups: Vec<Group> = groups.collect();
    if args.json {
        return render::write_json_lines(groups.into_iter().flat_map(|group| group.rows).map(Ok));
    }
    let mut out = output::stdout();
    if args.csv {
        write_csv(&mut out, &groups)?;
    } else {
        for (at, group) in groups.iter().enumerate() {
            if at > 0 {
                writeln!(out)?;
            }
            if args.bars {
                write_bars(&mut out, group)?;
            } else {
                write_table(&mut out, group)?;
            }
        }
    }
    Ok(out.flush()?)
}

/// Under which name a session counts.
fn name(by: By, session: &Listed) -> Option<String> {
    let known = |name: &str| (!name.is_empty()).then(|| name.to_owned());
    match by {
        By::Agent => known(&session.text("agent")),
        By::Model => known(&session.models().join(", ")),
        By::Day => Some(when::day(session.activity_ms())),
        By::Cwd => known(&session.text("cwd")),
    }
}

/// Days in their order; of all else what was used most first.
fn rows(by: By, sums: BTreeMap<Option<String>, Sums>) -> Vec<Row> {
    let rows = sums.into_iter().map(|(name, sums)| Row {
        by: by.word(),
        name,
        sums,
    });
    let mut rows: Vec<Row> = rows.collect();
    if by != By::Day {
        rows.sort_by_key(|row| Reverse((row.sums.tokens(), row.sums.bytes, row.sums.sessions)));
    }
    rows
}

impl By {
    fn word(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Model => "model",
            Self::Day => "day",
            Self::Cwd => "cwd",
        }
    }

    fn heading(self) -> &'static str {
        match self {
            Self::Agent => "AGENT",
            Self::Model => "MODEL",
            Self::Day => "DAY",
            Self::Cwd => "FOLDER",
        }
    }
}

impl Sums {
    fn add(&mut self, session: &Listed) {
        let tokens = |sort| session.tokens(sort).unwrap_or_default();
        self.sessions += 1;
        self.turns += session.number("turns");
        self.messages += session.number("messages");
        self.input = self.input.saturating_add(tokens("input"));
        self.cached = self.cached.saturating_add(tokens("cached"));
        self.output = self.output.saturating_add(tokens("output"));
        self.reasoning = self.reasoning.saturating_add(tokens("reasoning"));
        if let Some(cost) = session.cost_usd() {
            self.cost_usd = Some(self.cost_usd.unwrap_or_default() + cost);
        }
        self.bytes += session.info.entry_bytes;
    }

    fn tokens(&self) -> u64 {
        self.input
            .saturating_add(self.cached)
            .saturating_add(self.output)
    }

    fn cost(&self) -> String {
        self.cost_usd
            .map_or_else(|| "-".to_owned(), |cost| format!("{cost:.2}"))
    }
}

impl Row {
    fn shown_name(&self) -> String {
        let name = self.name.as_deref().unwrap_or("-");
        if self.by == "cwd" {
            with_home(name)
        } else {
            name.to_owned()
        }
    }
}

fn write_table(out: &mut Out, group: &Group) -> Result<(), Failure> {
    let name = Fit {
        least: 20,
        leaves: 0,
    };
    let name = match group.by {
        By::Cwd => Column::Path(group.by.heading(), name),
        _ => Column::Text(group.by.heading(), name),
    };
    let mut table = Table::new([
        name,
        Column::Right("SESSIONS"),
        Column::Number("TURNS", 2),
        Column::Number("MESSAGES", 5),
        Column::Right("INPUT"),
        Column::Right("CACHED"),
        Column::Right("OUTPUT"),
        Column::Number("REASONING", 4),
        Column::Number("COST $", 1),
        Column::Number("SIZE", 3),
    ]);
    let total = ("total".to_owned(), &group.total);
    let rows = group.rows.iter().map(|row| (row.shown_name(), &row.sums));
    for (name, sums) in rows.chain([total]) {
        table.push([
            name,
            sums.sessions.to_string(),
            sums.turns.to_string(),
            sums.messages.to_string(),
            render::thousands(sums.input),
            render::thousands(sums.cached),
            render::thousands(sums.output),
            render::thousands(sums.reasoning),
            sums.cost(),
            render::size(sums.bytes),
        ]);
    }
    Ok(table.write(out)?)
}

/// The tokens of each name as a bar; the bytes if no log has tokens.
fn write_bars(out: &mut Out, group: &Group) -> Result<(), Failure> {
    let has_tokens = group.total.tokens() > 0;
    let amount = |sums: &Sums| {
        if has_tokens {
            sums.tokens()
        } else {
            sums.bytes
        }
    };
    let most = group.rows.iter().map(|row| amount(&row.sums)).max();
    let most = most.unwrap_or_default().max(1);
    let names: Vec<String> = group
        .rows
        .iter()
        .map(|row| width::clip(&out.shown(&row.shown_name()), NAME_COLUMNS))
        .collect();
    let name_columns = names.iter().map(|name| width::of(name)).max().unwrap_or(0);
    let left = width::columns()
        .min(120)
        .saturating_sub(name_columns + 2 + 10);
    let what = if has_tokens {
        "tokens"
    } else {
        "bytes of entries"
    };
    let heading = format!("{what} by {}", group.by.word());
    out.painted(Style::new().bold(), heading)?;
    writeln!(out)?;
    for (row, name) in group.rows.iter().zip(&names) {
        let amount = amount(&row.sums);
        write!(out, "{}  ", width::left(name, name_columns))?;
        out.painted(BAR, bar(amount, most, left))?;
        let shown = if has_tokens {
            render::thousands(amount)
        } else {
            render::size(amount)
        };
        writeln!(out, " {shown}")?;
    }
    Ok(())
}

/// A bar of so many columns for the most, in eighths of a column.
fn bar(amount: u64, most: u64, columns: usize) -> String {
    const PARTS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = u128::from(amount) * (columns as u128 * 8) / u128::from(most);
    let eighths = usize::try_from(eighths).unwrap_or_default();
    if !output::is_utf8() {
        return "#".repeat(eighths.div_ceil(8));
    }
    let part = PARTS.get(eighths % 8).copied().unwrap_or_default();
    let bar = format!("{}{part}", "█".repeat(eighths / 8));
    // What is little is not nothing.
    if bar.is_empty() && amount > 0 {
        "▏".to_owned()
    } else {
        bar
    }
}

fn write_csv(out: &mut Out, groups: &[Group]) -> Result<(), Failure> {
    let failed = |error: csv::Error| match error.into_kind() {
        csv::ErrorKind::Io(error) => Failure::from(error),
        other => Failure::new(Code::Other, format_args!("CSV: {other:?}")),
    };
    let mut writer = csv::Writer::from_writer(out);
    let heading = [
        "by",
        "name",
        "sessions",
        "turns",
        "messages",
        "input",
        "cached",
        "output",
        "reasoning",
        "cost_usd",
        "bytes",
    ];
    writer.write_record(heading).map_err(failed)?;
    for row in groups.iter().flat_map(|group| &group.rows) {
        let sums = &row.sums;
        let cost = sums.cost_usd.map(|cost| cost.to_string());
        let mut fields = vec![row.by.to_owned(), row.name.clone().unwrap_or_default()];
        let numbers = [
            sums.sessions,
            sums.turns,
            sums.messages,
            sums.input,
            sums.cached,
            sums.output,
            sums.reasoning,
        ];
        fields.extend(numbers.iter().map(u64::to_string));
        fields.push(cost.unwrap_or_default());
        fields.push(sums.bytes.to_string());
        writer.write_record(fields).map_err(failed)?;
    }
    Ok(writer.flush()?)
}
