//! `branch`: a segment that begins with the entries of another one, which the two share.

use std::io::Write;

use sessiondb::{SegmentId, SegmentInfo, StoreError, new_segment_id};

use crate::args::BranchArgs;
use crate::context::{Access, Context, insist};
use crate::exit::{self, Failure};
use crate::{find, output, render};

pub(crate) fn run(context: &Context, args: &BranchArgs) -> Result<(), Failure> {
    let archive = context.open(Access::Write)?;
    let (session, segment) = find::segment(&archive, &args.id)?;
    let at = match args.at {
        Some(at) => at,
        None => archive.log(session, segment).len()?,
    };
    let branch = archive.log(session, segment).branch(at, new_segment_id())?;
    let branch = branch.segment_id();
    let done = format!(
        "segment {branch} of session {session} shares {} of segment {segment}",
        render::count(at, "entry")
    );
    let but = |error| Failure::from(error).after(&done);
    // Another process may have removed it since.
    let info = archive.segment(session, branch).map_err(but)?;
    archive.close().map_err(but)?;
    match print(branch, info, args.json) {
        // Whoever was to have the id has to find it somewhere.
        Err(Failure::PipeClosed) => insist(&done),
        Ok(()) => context.say(&done),
        unprinted => return exit::done(unprinted, done, Ok(())),
    }
    Ok(())
}

fn print(branch: SegmentId, info: Option<SegmentInfo>, json: bool) -> Result<(), Failure> {
    if json {
        return render::write_json(&info.ok_or(StoreError::NotFound(branch))?);
    }
    let mut out = output::stdout();
    writeln!(out, "{branch}")?;
    Ok(out.flush()?)
}
