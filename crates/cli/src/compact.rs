//! `compact`: the space of what was removed goes back, and its bytes go.

use sessiondb::StoreError;

use crate::args::CompactArgs;
use crate::context::{Access, Context};
use crate::exit::{self, Failure};
use crate::progress::{self, Unit};
use crate::render;

pub(crate) fn run(context: &Context, args: &CompactArgs) -> Result<(), Failure> {
    let archive = context.open(Access::Write)?;
    let bar = progress::bar(context, Unit::Rows);
    let compacted = archive.compact(Some(&mut progress::show(&bar)));
    bar.finish_and_clear();
    let (archive, compacted) = compacted.map_err(StoreError::from)?;
    archive.close()?;
    let printed = if args.json {
        render::write_json(&compacted)
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
