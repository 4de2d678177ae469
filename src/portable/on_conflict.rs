//! What becomes of logs that differ.

/// What a merge does where neither of two logs is the beginning of the other.
///
/// ```
/// use sessiondb::portable::{Merge, OnConflict};
/// use sessiondb::{Archive, new_segment_id, new_session_id};
///
/// let (here, there) = (Archive::in_memory()?, Archive::in_memory()?);
/// let (session, segment) = (new_session_id(), new_segment_id());
/// here.log(session, segment).append_many([1, 2])?;
/// there.log(session, segment).append_many([1, 3])?;
///
/// let skip = Merge::new(&here).on_conflict(OnConflict::Skip).run(&there, None)?;
/// assert_eq!((skip.conflicts().count(), skip.branches()), (1, 0));
/// let branch = Merge::new(&here).run(&there, None)?;
/// assert_eq!((branch.conflicts().count(), branch.branches()), (0, 1));
/// assert_eq!(here.segments(session)?.count(), 2);
/// # Ok::<(), sessiondb::StoreError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum OnConflict {
    /// What the other archive has goes into a branch of the same session, which shares the
    /// entries before the first that differs.
    #[default]
    Branch,
    /// The session stays as a whole as it is here, and is reported.
    Skip,
}
