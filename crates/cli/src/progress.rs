//! A progress bar on standard error, when that is a terminal.

use std::io::{self, IsTerminal};
use std::path::Path;
use std::sync::Mutex;

use indicatif::{ProgressBar, ProgressStyle};
use sessiondb::Progress;

use crate::context::Context;
use crate::{output, render};

/// What is counted.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Unit {
    Bytes,
    #[cfg(feature = "remote")]
    Entries,
    Rows,
    Sessions,
}

/// The work that goes on, for one who interrupts it.
static UNDER_WAY: Mutex<Option<(ProgressBar, Unit)>> = Mutex::new(None);

/// A bar for work that begins now; its length is set once it is known.
pub(crate) fn bar(context: &Context, unit: Unit) -> ProgressBar {
    let bar = new_bar(context, unit);
    if let Ok(mut under_way) = UNDER_WAY.lock() {
        *under_way = Some((bar.clone(), unit));
    }
    bar
}

/// How far the work is that goes on, such as `3 of 7 sessions`; `None` if it has not begun, or is done.
#[cfg(unix)]
pub(crate) fn so_far() -> Option<String> {
    let under_way = UNDER_WAY.lock().ok()?;
    let (bar, unit) = under_way.as_ref()?;
    let (done, total) = (bar.position(), bar.length().unwrap_or(0));
    if bar.is_finished() || total == 0 {
        return None;
    }
    let done = done.min(total);
    Some(match unit {
        Unit::Bytes => format!("{} of {}", render::size(done), render::size(total)),
        #[cfg(feature = "remote")]
        Unit::Entries => format!("{done} of {}", render::count(total, "entry")),
        Unit::Rows => format!("{done} of {total} pages and rows"),
        Unit::Sessions => format!("{done} of {}", render::count(total, "session")),
    })
}

fn new_bar(context: &Context, unit: Unit) -> ProgressBar {
    if context.is_quiet() || !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let template = match unit {
        Unit::Bytes => "{bar:20} {bytes}/{total_bytes}, {bytes_per_sec}, {eta} left  {wide_msg}",
        #[cfg(feature = "remote")]
        Unit::Entries => "{bar:20} {human_pos}/{human_len} entries, {eta} left",
        Unit::Rows => "{bar:20} {human_pos}/{human_len} pages and rows, {eta} left",
        Unit::Sessions => "{bar:20} {human_pos}/{human_len} sessions, {eta} left",
    };
    let style = ProgressStyle::with_template(template);
    ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// Shows on the bar how far an import is.
pub(crate) fn show_files(bar: &ProgressBar) -> impl FnMut(u64, u64, &Path) {
    |done, total, file| {
        bar.set_length(total);
        bar.set_position(done);
        bar.set_message(file_name(file));
    }
}

/// Shows on the bar how many are done, and of how many.
#[cfg(feature = "remote")]
pub(crate) fn show_counts(bar: &ProgressBar) -> impl FnMut(u64, u64) + Send {
    |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    }
}

/// Shows on the bar how far a call is.
pub(crate) fn show(bar: &ProgressBar) -> impl FnMut(Progress<'_>) {
    |progress| {
        bar.set_length(progress.total);
        bar.set_position(progress.done);
        if let Some(file) = progress.file {
            bar.set_message(file_name(file));
        }
    }
}

/// What the bar says about the file that is done.
pub(crate) fn file_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    output::harmless(&render::clip(&name.to_string_lossy(), 80)).into_owned()
}
