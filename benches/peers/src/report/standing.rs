//! How the archive stands in a row against the best of the others.

use crate::figures::{Behind, Row, Section, Target, Unit, times};
use crate::systems::Engine;

/// How far behind is still taken for equal.
const EQUAL_WITHIN: f64 = 0.05;

/// Where the archive is in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    First,
    Near,
    Behind,
}

impl Place {
    /// In words.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Near => "within 5 %",
            Self::Behind => "behind",
        }
    }
}

/// The archive against the best peer of a row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Standing {
    /// The setup of the archive that does what the peer does.
    pub(super) ours: Engine,
    pub(super) best: Engine,
    /// 1 is equal, less is better for the archive.
    ratio: f64,
    unit: Unit,
}

impl Standing {
    /// `None` where there is nobody to compare with.
    pub(super) fn of(row: &Row) -> Option<Self> {
        let Behind { ours, peer, ratio } = row.behind()?;
        let unit = row.unit;
        Some(Self {
            ours,
            best: peer,
            ratio,
            unit,
        })
    }

    /// Where the archive is.
    pub(super) fn place(self) -> Place {
        match self.ratio {
            ratio if ratio <= 1.0 => Place::First,
            ratio if ratio <= 1.0 + EQUAL_WITHIN => Place::Near,
            _ => Place::Behind,
        }
    }

    /// The ratio; of slopes, which are around zero, the difference.
    pub(super) fn ratio(self) -> String {
        match self.unit {
            Unit::Slope => format!("{:+.2}", self.ratio - 1.0),
            _ => times(self.ratio),
        }
    }

    /// By how much the archive is behind.
    pub(super) fn gap(self) -> String {
        match self.unit {
            Unit::Slope => format!("{:.2} in the exponent", self.ratio - 1.0),
            _ if self.ratio >= 2.0 => format!("a factor of {:.2}", self.ratio),
            _ => format!("{:.0} %", (self.ratio - 1.0) * 100.0),
        }
    }
}

/// Whether the archive is more than 5 % behind.
pub(super) fn is_behind(row: &Row) -> bool {
    Standing::of(row).is_some_and(|standing| standing.place() == Place::Behind)
}

/// The figure of the archive that the ratio is of.
pub(super) fn ours(row: &Row) -> Option<String> {
    let engine = Standing::of(row).map_or(Engine::Sessiondb, |standing| standing.ours);
    let figure = row.unit.show(row.of(engine)?.median());
    Some(match engine {
        Engine::Exclusive => format!("{figure} (exclusive)"),
        _ => figure,
    })
}

/// The archive against what the machine would allow.
pub(super) fn over_floor(row: &Row) -> Option<String> {
    let (_, floor) = row.floor.as_ref()?;
    let ours = row.of(Engine::Sessiondb)?;
    Some(times(row.worse(ours, floor)))
}

/// How many rows there are of each place, in a sentence.
pub(super) fn tally(sections: &[Section]) -> String {
    let rows = sections.iter().flat_map(Section::main_rows);
    let places: Vec<Place> = rows
        .filter_map(|row| Some(Standing::of(row)?.place()))
        .collect();
    let number = |of: Place| places.iter().filter(|place| **place == of).count();
    format!(
        "Of {} rows with a peer, sessiondb is first in {}, within 5 % of the first in {}, and further \
         behind in {}.",
        places.len(),
        number(Place::First),
        number(Place::Near),
        number(Place::Behind)
    )
}

/// The targets of all sections as rows of a table, below a heading of four columns; how many there
/// are and how many are met.
pub(super) fn targets(sections: &[Section]) -> (Vec<Vec<String>>, usize) {
    let all: Vec<&Target> = sections.iter().flat_map(|of| &of.targets).collect();
    let met = all.iter().filter(|target| target.is_met()).count();
    let heading = ["target", "measured", "limit", "verdict"].map(str::to_owned);
    let rows = all.into_iter().map(|target| {
        vec![
            target.what.clone(),
            (target.show)(target.found),
            limit(target),
            verdict(target).to_owned(),
        ]
    });
    (std::iter::once(heading.into()).chain(rows).collect(), met)
}

/// The limit with its direction.
pub(super) fn limit(target: &Target) -> String {
    let limit = (target.show)(target.limit);
    if target.is_least {
        format!("at least {limit}")
    } else {
        format!("at most {limit}")
    }
}

/// Whether a target is met, in a word.
pub(super) fn verdict(target: &Target) -> &'static str {
    if target.is_met() { "met" } else { "MISSED" }
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn a_row_is_first_near_or_behind_by_the_ratio_to_the_best_peer() {
        let times = |ours, peer| sample::row("append", Unit::Time, &[ours, peer, peer * 9.0]);
        let rates = |ours, peer| sample::row("append", Unit::PerSecond, &[ours, peer, peer / 9.0]);
        let place = |row: Row| Standing::of(&row).unwrap().place();
        assert_eq!(place(times(4.0, 5.0)), Place::First);
        assert_eq!(place(times(5.2, 5.0)), Place::Near);
        assert_eq!(place(times(5.3, 5.0)), Place::Behind);
        assert_eq!(place(rates(5.0, 4.0)), Place::First);
        assert_eq!(place(rates(4.8, 5.0)), Place::Near);
        assert_eq!(place(rates(4.0, 5.0)), Place::Behind);
        let standing = Standing::of(&rates(4.0, 5.0)).unwrap();
        assert_eq!(
            (standing.best, standing.ratio()),
            (Engine::Jsonl, "1.25x".to_owned())
        );
    }

    #[test]
    fn slopes_are_compared_by_their_difference() {
        let slopes = sample::row("append, slope", Unit::Slope, &[0.31, 0.01]);
        let standing = Standing::of(&slopes).unwrap();
        assert_eq!(
            (standing.place(), standing.ratio()),
            (Place::Behind, "+0.30".to_owned())
        );
    }
}
