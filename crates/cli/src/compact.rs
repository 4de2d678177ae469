//! `compact`: the space of what was removed goes back, and its bytes go.

use std::path::PathBuf;

use serde::Serialize;
use sessiondb::StoreError;
use sessiondb::archive::Compacted;

use crate::args::CompactArgs;
use crate::context::{Access, Context};
use crate::exit::{self, Failure};
use crate::progress::{self, Unit};
use crate::{backup, render};

pub(crate) fn run(context: &Context, args: &CompactArgs) -> Result<(), Failure> {
    let archive = context.open(Access::Write)?;
    let backup = backup::first(context, &archive, &args.backup)?;
    let bar = progress::bar(context, Unit::Rows);
    let compacted = archive.compact(Some(&mut progress::show(&bar)));
    bar.finish_and_clear();
    let (archive, compacted) = compacted.map_err(StoreError::from)?;
    archive.close()?;
    let printed = if args.json {
        let compacted = &compacted;
        render::write_json(&Told { compacted, backup })
    } else {
        Ok(())
    };
    let done = format!(
        "compacted {}: {} before, {} after",
        compacted.mode,
        render::size(compacted.bytes_before),
        render::size(compacted.bytes_after),
    );
    context.say(&done);
    if let Some(reason) = &compacted.in_place_because {
        context.say(format_args!("note: no fresh copy was made: {reason}"));
    }
    if let Some(reason) = &compacted.not_erased_because {
        context.say(format_args!(
            "warning: bytes of what was removed may still be in the file: {reason}"
        ));
    }
    exit::done(printed, done, Ok(()))
}

/// The report as JSON, with the backup that was written before.
#[derive(Serialize)]
struct Told<'a> {
    #[serde(flatten)]
    compacted: &'a Compacted,
    #[serde(skip_serializing_if = "Option::is_none")]
    backup: Option<PathBuf>,
}
