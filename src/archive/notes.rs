//! Notes: small JSON values of a program's own, kept in the archive beside the sessions.

use std::ops::Bound;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::batch::Batch;
use super::handle::Archive;
use super::note_ops::{MARK, delete_op, write_op};
use super::snapshot::Snapshot;
use crate::engine::{Expect, notes_of};
use crate::error::StoreError;
use crate::ids::SessionId;

/// What comes behind all that begins with the mark.
const BEHIND_MARK: &str = "0";

impl Archive {
    /// Sets the note of a key: any JSON, for a program's settings, or what it knows of its sources.
    /// Notes are as safe as entries are, and part of every backup. Those whose key begins with
    /// `session/{id}/` go where that session goes; those that begin with `sessiondb/` are the
    /// project's own.
    ///
    /// ```
    /// use sessiondb::Archive;
    ///
    /// let archive = Archive::in_memory()?;
    /// archive.write_note("app/theme", "dark")?;
    /// assert_eq!(archive.read_note::<String>("app/theme")?.as_deref(), Some("dark"));
    /// assert_eq!(archive.snapshot()?.notes("app/")?, ["app/theme"]);
    /// assert!(archive.delete_note("app/theme")?);
    /// # Ok::<(), sessiondb::StoreError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`StoreError::TooLarge`] for a key of more than 4,096 bytes or a note of more than 1 MiB, and
    /// those of a write.
    pub fn write_note<T: Serialize + ?Sized>(&self, key: &str, note: &T) -> Result<(), StoreError> {
        self.write([write_op(key, note)?])
    }

    /// The note of a key, or `None` if there is none.
    ///
    /// # Errors
    ///
    /// [`StoreError::Serde`] if the note is not what `T` takes, and those of
    /// [`snapshot`](Self::snapshot).
    pub fn read_note<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, StoreError> {
        self.snapshot()?.read_note(key)
    }

    /// Removes the note of a key. Returns whether there was one.
    ///
    /// # Errors
    ///
    /// Those of a write.
    pub fn delete_note(&self, key: &str) -> Result<bool, StoreError> {
        let deleted = self.engine.write(self.is_synced(), [delete_op(key)])?;
        Ok(deleted.lengths == [1])
    }
}

impl Snapshot {
    /// The note of a key, or `None` if there is none.
    ///
    /// # Errors
    ///
    /// [`StoreError::Serde`] if the note is not what `T` takes, and those of a read.
    pub fn read_note<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, StoreError> {
        let json = self.raw_note(key)?;
        Ok(json.map(|json| serde_json::from_slice(&json)).transpose()?)
    }

    /// The keys that begin with `prefix` and have a note, sorted.
    ///
    /// # Errors
    ///
    /// Those of a read.
    pub fn notes(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        let first = format!("{MARK}{prefix}");
        let behind = behind(&first);
        let range = (
            Bound::Included(first.as_str()),
            Bound::Excluded(behind.as_str()),
        );
        let mut keys = self.view.read(|layers| layers.names_in(range))?;
        for key in &mut keys {
            key.drain(..MARK.len());
        }
        Ok(keys)
    }

    /// The notes on a session, by the names that they are stored under.
    pub(crate) fn stored_notes(&self, session: SessionId) -> Result<Vec<String>, StoreError> {
        let [first, behind] = notes_of(session);
        let range = (Bound::Included(&*first), Bound::Excluded(&*behind));
        self.view.read(|layers| layers.names_in(range))
    }

    /// The JSON of a note as it was written.
    pub(crate) fn raw_note(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let key = format!("{MARK}{key}");
        self.view.read(|layers| layers.name(&key))
    }

    /// The names of workers: all but the notes.
    pub(super) fn names_beside_notes(&self) -> Result<Vec<String>, StoreError> {
        let before = (Bound::Unbounded, Bound::Excluded(MARK));
        let behind = (Bound::Included(BEHIND_MARK), Bound::Unbounded);
        self.view.read(|layers| {
            let mut names = layers.names_in(before)?;
            names.extend(layers.names_in(behind)?);
            Ok(names)
        })
    }
}

impl Batch {
    /// Adds: set the note of a key, as [`Archive::write_note`] does.
    ///
    /// # Errors
    ///
    /// [`StoreError::TooLarge`]; the batch is then as before.
    pub fn write_note<T: Serialize + ?Sized>(
        &mut self,
        key: &str,
        note: &T,
    ) -> Result<&mut Self, StoreError> {
        let op = write_op(key, note)?;
        Ok(self.note_op(op))
    }

    /// Adds a condition: the note of a key is `note`, as [`write_note`](Self::write_note) would write it,
    /// or is not there. If it does not hold, the batch fails with [`StoreError::NoteChanged`].
    ///
    /// ```
    /// use sessiondb::{Archive, StoreError};
    ///
    /// let archive = Archive::in_memory()?;
    /// let count_up = |from: Option<u64>| {
    ///     let mut batch = archive.batch();
    ///     batch.expect_note("app/count", from.as_ref())?;
    ///     batch.write_note("app/count", &(from.unwrap_or_default() + 1))?;
    ///     batch.commit()
    /// };
    /// count_up(None)?;
    /// count_up(Some(1))?;
    /// assert!(matches!(count_up(Some(1)), Err(StoreError::NoteChanged { .. })));
    /// assert_eq!(archive.read_note("app/count")?, Some(2));
    /// # Ok::<(), StoreError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`StoreError::Serde`]; the batch is then as before.
    pub fn expect_note<T: Serialize + ?Sized>(
        &mut self,
        key: &str,
        note: Option<&T>,
    ) -> Result<&mut Self, StoreError> {
        let json = note.map(serde_json::to_vec).transpose()?;
        let name = format!("{MARK}{key}");
        Ok(self.expect(Expect::Note { name, json }))
    }

    /// Adds: remove the note of a key, if it is there.
    pub fn delete_note(&mut self, key: &str) -> &mut Self {
        self.note_op(delete_op(key))
    }
}

/// The first text behind all that begin so, of those that begin with the mark.
fn behind(prefix: &str) -> String {
    let mut text = prefix.to_owned();
    while let Some(last) = text.pop() {
        if let Some(next) = (last..=char::MAX).nth(1) {
            text.push(next);
            return text;
        }
    }
    BEHIND_MARK.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn behind_a_prefix_comes_what_does_not_begin_with_it() {
        for (prefix, expected) in [
            ("/a", "/b"),
            ("/", BEHIND_MARK),
            ("/\u{d7ff}", "/\u{e000}"),
            ("/a\u{10ffff}\u{10ffff}", "/b"),
        ] {
            assert_eq!(behind(prefix), expected);
        }
    }
}
