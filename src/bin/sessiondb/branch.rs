//! `branch`: a segment that begins with the entries of another one, which the two share.

use std::io::{self, Write};

use sessiondb::StoreError;

use crate::args::BranchArgs;
use crate::context::{Access, Context};
use crate::exit::{Failure, even_if_unread};
use crate::find;
use crate::render;

pub(crate) fn run(context: &Context, args: &BranchArgs) -> Result<(), Failure> {
    let archive = context.open(&args.archive, Access::Write)?;
    let (session, segment) = find::segment(&archive, &args.id)?;
    let at = match args.at {
        Some(at) => at,
        None => archive.log(session, segment).len()?,
    };
    let branch = archive.branch(session, segment, at)?;
    // Another process may have removed it since.
    let info = archive.segment(session, branch)?;
    archive.close()?;
    even_if_unread(if args.json {
        render::write_json(&info.ok_or(StoreError::NotFound(branch))?)
    } else {
        writeln!(io::stdout(), "{branch}").map_err(Failure::from)
    })?;
    context.say(format_args!(
        "segment {branch} of session {session} shares {} of segment {segment}",
        render::count(at, "entry")
    ));
    Ok(())
}
