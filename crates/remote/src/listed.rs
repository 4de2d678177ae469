//! A session and its segments as a listing of a remote tells of them.

use bytes::Bytes;
use sessiondb::{SegmentId, SessionId, SessionInfo};

/// A session at a remote, of what states say of it: in a [`Listing`](crate::Listing).
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// use sessiondb::{Archive, new_segment_id, new_session_id};
/// use sessiondb_remote::{Remote, listing, push};
///
/// let (archive, remote) = (Archive::in_memory()?, Remote::in_memory("example"));
/// let session = new_session_id();
/// archive.log(session, new_segment_id()).append(&1)?;
/// archive.write_note(&format!("session/{session}/summary"), &"short")?;
/// push(&archive, &remote, None).await?;
///
/// let listing = listing(&remote).await?;
/// let found = listing.session(session).unwrap();
/// assert_eq!((found.note("summary"), found.metadata()), (Some("\"short\""), None));
/// assert_eq!(found.segments()[0].entries, 1);
/// assert!(found.is_certain());
/// # Ok::<(), sessiondb_remote::RemoteError>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct RemoteSession {
    pub(crate) info: SessionInfo,
    pub(crate) metadata: Option<Bytes>,
    /// By their keys, in their order.
    pub(crate) notes: Vec<(Bytes, Bytes)>,
    pub(crate) segments: Vec<RemoteSegment>,
    /// The tips that have it, in the order of a pull.
    pub(crate) tips: Vec<usize>,
    /// The parts of its entries: lists of them as JSON.
    pub(crate) parts: Vec<Bytes>,
    pub(crate) is_certain: bool,
}

/// A segment of a [`RemoteSession`].
///
/// ```
/// use sessiondb_remote::RemoteSegment;
///
/// let with_log = |segments: &[RemoteSegment]| segments.iter().filter(|segment| segment.exists).count();
/// assert_eq!(with_log(&[]), 0);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct RemoteSegment {
    /// Its id.
    pub id: SegmentId,
    /// Whether it has a log; without one it has traces alone.
    pub exists: bool,
    /// How many entries it has.
    pub entries: u64,
    /// When it was last written to, in milliseconds since the Unix epoch.
    pub updated_ms: u64,
}

impl RemoteSession {
    /// Its id, times and counts.
    pub fn info(&self) -> &SessionInfo {
        &self.info
    }

    /// Its id.
    pub fn id(&self) -> SessionId {
        self.info.id
    }

    /// Its metadata, as JSON.
    pub fn metadata(&self) -> Option<&str> {
        text(self.metadata.as_ref()?)
    }

    /// The note on it whose key ends so, behind `session/{id}/`, as JSON.
    pub fn note(&self, key: &str) -> Option<&str> {
        let at = self
            .notes
            .binary_search_by(|(of, _)| (**of).cmp(key.as_bytes()))
            .ok()?;
        text(&self.notes.get(at)?.1)
    }

    /// Its segments, by their ids.
    pub fn segments(&self) -> &[RemoteSegment] {
        &self.segments
    }

    /// Whether a pull is known to have just this. It is not where one archive cut something off that another one
    /// has, which entries alone tell.
    pub fn is_certain(&self) -> bool {
        self.is_certain
    }
}

fn text(json: &Bytes) -> Option<&str> {
    std::str::from_utf8(json).ok()
}
