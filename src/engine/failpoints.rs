//! Bugs that can be switched on, so that the crash tests show that they would find them. They are
//! compiled in only with the feature `_testing`, which the crate's own tests alone enable.

#[cfg(feature = "_testing")]
use std::cell::Cell;

/// A mistake in the way of a change or a read, named for what is done wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(
    not(feature = "_testing"),
    expect(unreachable_pub, reason = "public to the tests alone")
)]
pub enum Bug {
    /// Nothing is ever synced.
    SkipSync,
    /// A synced write returns before its sync.
    AcknowledgeEarly,
    /// Checksums of rows are not compared.
    DropChecksum,
    /// A frame's checksum does not depend on the frame before.
    ForgetChain,
    /// Frames of all open files have the same salt.
    ForgetSalt,
    /// Checkpointing empties the journal and leaves the tables as they are.
    DoNotFold,
    /// Writers do not keep each other out.
    SkipWriterLock,
    /// A reader holds redb's lock on the header while it begins.
    LockHeader,
    /// A reader does not look at the header again once its lock tells of it.
    LookOnce,
    /// What other processes changed in the tables goes unnoticed.
    IgnoreGeneration,
    /// What a writer that died in a commit has left is not decided by the next one.
    LeaveUndecided,
    /// What was read of the journal while others wrote over it is gone on from.
    KeepOvertaken,
    /// A journal that could be read in part only passes for the whole of it.
    KeepHalfRead,
    /// A failed sync leaves no mark.
    ForgetFailedSync,
    /// After a failed sync the next one counts, though it has nothing left to write.
    SyncAfterFailure,
    /// A write that failed does not keep the next one from trying.
    WriteAfterFailure,
    /// A new archive gets its name before its content is there.
    PublishEarly,
    /// A fresh copy takes the place of an archive before it is on the disk.
    ReplaceEarly,
    /// What is cut off or deleted goes with those that share it.
    ForgetBranches,
    /// Erasing does not reach entries that a segment shares with its parent.
    EraseOwnAlone,
    /// What a segment takes over from another one does not get into the tables.
    LoseTaken,
    /// Of the entries that are left at the end only one row is written.
    DropRest,
    /// The bytes of a journal that is in the tables are left as they are.
    KeepJournal,
    /// The bytes of free pages are left as they are.
    KeepFreePages,
    /// Conditions of a batch are not looked at.
    IgnoreConditions,
    /// Reading what a crash left puts the file in order.
    MendWhenReading,
    /// What a crash left is read as of the commit before the last one.
    ReadBeforeLastCommit,
    /// A reader sees a commit that is not on the disk before those who may write do.
    ReadUnsynced,
    /// An error that nobody knows passes for damage.
    CallItDamage,
    /// A commit makes what is known of pages forgotten, and a page of which nothing is known is
    /// believed.
    BelieveUnproven,
    /// A child goes on with what its parent has opened.
    ForgetFork,
    /// Whether the path still leads to the file, and the archive stands in it, is not looked at.
    ForgetPath,
    /// What is kept free for deletions is used for anything.
    SpendReserve,
}

impl Bug {
    /// All of them.
    #[cfg(feature = "_testing")]
    pub const ALL: [Self; 33] = [
        Self::SkipSync,
        Self::AcknowledgeEarly,
        Self::DropChecksum,
        Self::ForgetChain,
        Self::ForgetSalt,
        Self::DoNotFold,
        Self::SkipWriterLock,
        Self::LockHeader,
        Self::LookOnce,
        Self::IgnoreGeneration,
        Self::LeaveUndecided,
        Self::KeepOvertaken,
        Self::KeepHalfRead,
        Self::ForgetFailedSync,
        Self::SyncAfterFailure,
        Self::WriteAfterFailure,
        Self::PublishEarly,
        Self::ReplaceEarly,
        Self::ForgetBranches,
        Self::EraseOwnAlone,
        Self::LoseTaken,
        Self::DropRest,
        Self::KeepJournal,
        Self::KeepFreePages,
        Self::IgnoreConditions,
        Self::MendWhenReading,
        Self::ReadBeforeLastCommit,
        Self::ReadUnsynced,
        Self::CallItDamage,
        Self::BelieveUnproven,
        Self::ForgetFork,
        Self::ForgetPath,
        Self::SpendReserve,
    ];
}

#[cfg(feature = "_testing")]
thread_local! {
    static SEEDED: Cell<Option<Bug>> = const { Cell::new(None) };
}

/// Whether this thread has the bug switched on.
#[cfg(feature = "_testing")]
pub(crate) fn seeded(bug: Bug) -> bool {
    SEEDED.get() == Some(bug)
}

/// No bug is compiled in.
#[cfg(not(feature = "_testing"))]
pub(crate) const fn seeded(_bug: Bug) -> bool {
    false
}

/// Switches a bug on for this thread, or all off.
#[cfg(feature = "_testing")]
pub fn seed(bug: Option<Bug>) {
    SEEDED.set(bug);
}
