//! `graph`: where a session forked, branched, called subagents and was compacted, as a tree.

mod draw;
mod nodes;

use crate::args::GraphArgs;
use crate::context::{Access, Context};
use crate::exit::Failure;
use crate::sessions::Listed;
use crate::{find, pager, render, sessions};

pub(crate) fn run(context: &Context, args: &GraphArgs) -> Result<(), Failure> {
    let archive = context.open(Access::Read)?;
    let now = archive.snapshot()?;
    let session = match &args.session {
        Some(id) => Listed::of(&now, find::session(&archive, id)?)?,
        None => sessions::newest(&now)?,
    };
    let nodes = nodes::nodes(&now, &session)?;
    if args.json {
        return render::write_json_lines(nodes.into_iter().map(Ok));
    }
    let lines = draw::lines(&now, &nodes, args.full)?;
    pager::with(true, |out| Ok(draw::write(out, &lines)?))
}
