//! One push, and what is said of it.

use sessiondb::Archive;
use sessiondb_remote::{PushReport, Remote, RemoteError};

use crate::context::Context;
use crate::progress::{self, Unit};
use crate::render;
use crate::requests::wait;

pub(super) fn push_once(
    context: &Context,
    archive: &Archive,
    remote: &Remote,
) -> Result<PushReport, RemoteError> {
    let bar = progress::bar(context, Unit::Entries);
    let mut tell = progress::show_counts(&bar);
    let pushed = wait(sessiondb_remote::push(archive, remote, Some(&mut tell)));
    bar.finish_and_clear();
    let report = pushed?;
    if report.is_new_writer {
        context.say("another copy of this archive pushes there; this one has a new id from now on");
    }
    Ok(report)
}

pub(super) fn told_push(remote: &Remote, report: &PushReport) -> String {
    if report.is_unchanged() {
        return format!("{}: nothing is new", remote.name());
    }
    format!(
        "{}: {} with {} pushed; {} sent",
        remote.name(),
        render::count(report.sessions, "session"),
        render::count(report.new_entries, "entry"),
        render::size(report.sent_bytes),
    )
}
