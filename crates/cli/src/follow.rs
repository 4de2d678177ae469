//! `follow`: what comes into a session, or into all of them, as it comes in.

mod all;
mod live;
mod one;

use self::live::Following;
use crate::args::FollowArgs;
use crate::context::{Access, Context};
use crate::end::End;
use crate::exit::Failure;

pub(crate) fn run(context: &Context, args: &FollowArgs) -> Result<(), Failure> {
    let archive = context.open(Access::Read)?;
    // What changes from here on is told; what there is, is read afterwards.
    let changes = Following {
        changes: archive.changes()?,
        archive: &archive,
        end: End::begin(),
    };
    if args.all {
        all::follow(context, changes, args)
    } else {
        one::follow(context, changes, args)
    }
}
