//! `push --watch`: pushes as an archive grows, until it is interrupted.

use std::time::Duration;

use sessiondb::{Archive, StoreError};
use sessiondb_remote::{Growth, PushReport, Remote, RemoteError};

use super::once::{push_once, told_push};
use crate::args::PushArgs;
use crate::context::Context;
use crate::end::End;
use crate::exit::Failure;
use crate::render;

/// After so long it is looked whether it was interrupted.
const A_WHILE: Duration = Duration::from_millis(200);

pub(super) fn push(
    context: &Context,
    args: &PushArgs,
    archive: &Archive,
    remote: &Remote,
) -> Result<(), Failure> {
    let end = End::begin();
    let mut growth = Growth::of(archive)?.every(args.every).bytes(args.bytes);
    let mut told = None;
    let mut is_first = true;
    while !end.is_interrupted() {
        let is_due = match growth.is_due_within(A_WHILE) {
            Err(error @ StoreError::Busy { .. }) => {
                context.say(format_args!("{error}; trying again"));
                continue;
            }
            is_due => is_due?,
        };
        if !is_due {
            continue;
        }
        match push_once(context, archive, remote) {
            Ok(report) => {
                told = None;
                tell(context, args, remote, &report)?;
                if std::mem::take(&mut is_first) {
                    context.say("watching; Ctrl-C pushes the rest and ends it");
                }
            }
            // What cannot be right from the beginning is no reason to wait.
            Err(error) if is_first || !passes(&error) => return Err(error.into()),
            Err(error) => {
                growth.failed();
                let word = format!(
                    "{error}; it is pushed again within {} s, and nothing is lost meanwhile",
                    args.every.as_secs_f64()
                );
                // Once, and not every few seconds.
                if told.as_ref() != Some(&word) {
                    context.say(&word);
                    told = Some(word);
                }
            }
        }
    }
    let report = push_once(context, archive, remote)?;
    tell(context, args, remote, &report)
}

fn tell(
    context: &Context,
    args: &PushArgs,
    remote: &Remote,
    report: &PushReport,
) -> Result<(), Failure> {
    if report.is_unchanged() {
        return Ok(());
    }
    context.say(told_push(remote, report));
    if args.json {
        render::write_json_lines([Ok(report)])?;
    }
    Ok(())
}

/// Whether it may be over by itself.
fn passes(error: &RemoteError) -> bool {
    matches!(
        error,
        RemoteError::Refused { .. }
            | RemoteError::Missing { .. }
            | RemoteError::TooSlow { .. }
            | RemoteError::Unsteady { .. }
            | RemoteError::Archive(StoreError::Busy { .. })
    )
}
