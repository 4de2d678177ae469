//! `why.md`: why the archive is behind in a row, and what the limit is.

/// A paragraph, and the rows that it is for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reason<'a> {
    pub(super) workload: &'a str,
    /// All rows of the workload if there are none.
    pub(super) metrics: Vec<&'a str>,
    pub(super) text: &'a str,
}

impl Reason<'_> {
    /// Whether it is for a row.
    pub(super) fn is_for(&self, workload: &str, metric: &str) -> bool {
        let mut metrics = self.metrics.iter();
        self.workload == workload
            && (self.metrics.is_empty() || metrics.any(|name| is_named(metric, name)))
    }
}

/// In the place of a workload: paragraphs for targets that are missed.
pub(super) const TARGETS: &str = "targets";

/// Whether a heading names the metric: as it is, or what stands before one of its commas, as `append` does
/// for `append, 10000 entries`.
pub(super) fn is_named(metric: &str, name: &str) -> bool {
    let rest = metric.strip_prefix(name);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(", "))
}

/// The paragraphs of the page in this package.
pub(super) fn reasons() -> Vec<Reason<'static>> {
    parse(include_str!("../../why.md"))
}

/// Takes apart what stands below headings of the form `## workload` or `## workload: metric; metric`.
fn parse(page: &str) -> Vec<Reason<'_>> {
    let mut parts = page.split("\n## ");
    // What stands above the first heading is for those who edit the page.
    let first = parts.next().and_then(|first| first.strip_prefix("## "));
    let reason = |part| {
        let (heading, text) = str::split_once(part, '\n').unwrap_or((part, ""));
        let (workload, metrics) = heading.split_once(": ").unwrap_or((heading, ""));
        let metrics = metrics.split(';').map(str::trim);
        Reason {
            workload: workload.trim(),
            metrics: metrics.filter(|metric| !metric.is_empty()).collect(),
            text: text.trim(),
        }
    };
    first.into_iter().chain(parts).map(reason).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_name_a_workload_and_its_metrics() {
        let page = "For editors.\n\n## append: 1 thread, synced; 4 threads\n\nWhy.\n\nMore.\n## size\nAll.\n";
        let reasons = parse(page);
        let first = Reason {
            workload: "append",
            metrics: vec!["1 thread, synced", "4 threads"],
            text: "Why.\n\nMore.",
        };
        let second = Reason {
            workload: "size",
            metrics: vec![],
            text: "All.",
        };
        assert_eq!(reasons, [first, second]);
        assert!(reasons[0].is_for("append", "4 threads"));
        assert!(!reasons[0].is_for("append", "16 threads"));
        assert!(reasons[0].is_for("append", "4 threads, written"));
        assert!(!reasons[0].is_for("append", "1 thread"));
        assert!(!reasons[0].is_for("size", "4 threads"));
        assert!(reasons[1].is_for("size", "anything"));
    }

    #[test]
    fn the_page_of_this_package_has_no_empty_paragraph() {
        assert!(reasons().iter().all(|reason| !reason.text.is_empty()));
    }
}
