//! All tests of the command in one binary: arguments in; output, exit code and files out.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test reports by panicking, and its helpers are not seen as tests by the lints"
)]

/// How the archive is named: by option or environment.
mod archive;
/// Several processes that append at once, and one that is killed.
mod at_once;
/// `branch` and `erase`.
mod branches;
/// Compaction beside processes that append, and of a file that cannot be replaced.
#[cfg(unix)]
mod compact;
/// The page of the command, of which the program's own help is a part.
mod docs;
/// `doctor`.
mod doctor;
/// What cannot be done: exit codes and messages.
mod errors;
/// `follow`: what comes while it is looked at, from other processes.
#[cfg(unix)]
mod follow;
/// A disk that is really full.
#[cfg(target_os = "linux")]
mod full_disk;
/// `graph`: branches, forks, subagents, compactions, other sessions.
mod graph;
/// `html`.
mod html;
/// `import` and `export`.
mod import_export;
/// Completions, man pages, and help.
mod installed;
/// `ls`, `show`, `stats` and `check`.
mod listings;
/// `ls` on sessions of agents: order, filters, short ids, widths.
mod ls;
/// All of it once more under locks as Windows has them.
#[cfg(all(target_os = "linux", feature = "_testing"))]
mod mandatory_locks;
/// `export --layout native`, `resume` and `free`.
mod native;
/// Outputs that take nothing, and what a terminal is given.
#[cfg(unix)]
mod outputs;
/// A folder with an archive that the command is run on.
mod place;
/// `backup`, `extract`, `merge` and `prune`.
mod portable;
/// Several real processes on one archive: stopped, killed, watched, and copied beneath.
#[cfg(unix)]
mod processes;
/// JSON as it was written.
#[path = "../../../../tests/it/raw.rs"]
mod raw;
/// `ls`, `show`, `search`, `stats` and `export` on a remote.
#[cfg(feature = "remote")]
mod reading;
/// `redact`: what is found, what is rewritten, and that it stays so.
mod redact;
/// `push`, `pull` and `remote`.
#[cfg(feature = "remote")]
mod remote;
/// A folder for the files of one test.
#[cfg(unix)]
#[path = "../../../../tests/it/scratch.rs"]
mod scratch;
/// Sessions that an SDK keeps in the archive: listed, shown, found, exported, on a page.
mod sdk;
/// `search`: what is found, in which form, and what is refused.
mod search;
/// `show`: transcripts, items, documents, turns, and hostile content.
#[cfg(unix)]
mod show;
/// `sync`: the folders of agents.
mod sync;
/// `trash`, `restore`, `hide`, `unhide`, and `--backup`.
mod trash;
/// What may only be read: by a user without write access, and on a read-only mount.
#[cfg(unix)]
mod unwritable;
/// `stats --by` and `export --layout markdown`.
mod usage;
/// `append`, `truncate`, `rm` and `compact`.
mod writes;
