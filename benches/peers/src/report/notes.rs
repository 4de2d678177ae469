//! What is said below the table of a section of the rows in which the archive is behind.

use super::standing::{Standing, is_behind};
use super::why::{Reason, is_named};
use crate::figures::{Row, Section};

/// A paragraph, with the rows that it is shown for.
#[derive(Debug)]
pub(super) struct Note {
    /// What links lead to.
    pub(super) anchor: String,
    pub(super) metrics: Vec<String>,
    pub(super) text: String,
}

/// The paragraphs for a section: those of `reasons` for rows that are behind, then the rows without.
pub(super) fn of(section: &Section, reasons: &[Reason<'_>]) -> Vec<Note> {
    let behind: Vec<&Row> = section.rows.iter().filter(|row| is_behind(row)).collect();
    let is_for = |reason: &Reason<'_>, row: &Row| reason.is_for(section.workload, &row.metric);
    let explained = reasons.iter().filter_map(|reason| {
        let rows = behind.iter().filter(|row| is_for(reason, row));
        let metrics: Vec<String> = rows.map(|row| row.metric.clone()).collect();
        let text = format!("**{}.** {}", metrics.join("; "), reason.text);
        (!metrics.is_empty()).then_some((metrics, text))
    });
    let bare = unexplained(section, reasons);
    let bare = bare.map(|(row, text)| (vec![row.metric.clone()], text));
    let texts = explained.chain(bare).enumerate();
    texts
        .map(|(number, (metrics, text))| Note {
            anchor: format!("why-{}-{}", section.workload, number + 1),
            metrics,
            text,
        })
        .collect()
}

/// What has to be mended in `reasons`: rows that are behind without one, and headings that are for no
/// row of their workload.
pub(super) fn warnings(sections: &[Section], reasons: &[Reason<'_>]) -> Vec<String> {
    let mut warnings = Vec::new();
    for section in sections {
        for (_, text) in unexplained(section, reasons) {
            warnings.push(format!("{}: {}", section.workload, text.replace("**", "")));
        }
        let of_it = reasons.iter().filter(|of| of.workload == section.workload);
        for metric in of_it.flat_map(|reason| &reason.metrics) {
            if !section.rows.iter().any(|row| is_named(&row.metric, metric)) {
                let workload = section.workload;
                warnings.push(format!("why.md: {workload} has no row {metric:?}"));
            }
        }
    }
    warnings
}

/// The rows that are behind for no known reason, and what is said of each.
fn unexplained<'a>(
    section: &'a Section,
    reasons: &'a [Reason<'_>],
) -> impl Iterator<Item = (&'a Row, String)> {
    let rows = section.rows.iter().filter(|row| {
        let mut reasons = reasons.iter();
        is_behind(row) && !reasons.any(|reason| reason.is_for(section.workload, &row.metric))
    });
    rows.filter_map(|row| {
        let standing = Standing::of(row)?;
        let text = format!(
            "**{}** is behind {} by {}; not explained yet.",
            row.metric,
            standing.best,
            standing.gap()
        );
        Some((row, text))
    })
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;
    use crate::figures::Unit;

    #[test]
    fn only_rows_that_are_behind_are_spoken_of() {
        let mut section = Section::new("append", "Append", "");
        let row = |metric, ours| sample::row(metric, Unit::Time, &[ours, 1e-6]);
        section.rows = vec![row("ahead", 0.9e-6), row("told", 1.5e-6), row("bare", 3e-6)];
        let reason = |metrics| Reason {
            workload: "append",
            metrics,
            text: "Two calls.",
        };
        let reasons = [reason(vec!["ahead"]), reason(vec!["told", "gone"])];
        let notes = of(&section, &reasons);
        let texts: Vec<_> = notes.iter().map(|note| note.text.as_str()).collect();
        let bare = "**bare** is behind JSONL by a factor of 3.00; not explained yet.";
        assert_eq!(texts, ["**told.** Two calls.", bare]);
        assert_eq!(
            warnings(&[section], &reasons),
            [
                "append: bare is behind JSONL by a factor of 3.00; not explained yet.",
                "why.md: append has no row \"gone\""
            ]
        );
    }
}
