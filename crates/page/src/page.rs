//! A page as it is written: head, the list, script, and a block a session behind them, so that a browser shows
//! the list while it still reads the sessions.

use std::io::{self, Read, Seek, Write};

use serde::Serialize;
use serde_json::Value;
use sessiondb_agents::Item;

use crate::assets;
use crate::block::Block;
use crate::line::Line;
use crate::picture::Pictures;
use crate::segment::{Segment, Shared, Written, shared};
use crate::usage::Usage;

/// A page that is being written. It holds the list of the sessions until the [end](Page::finish), and
/// of one session its items. The sessions themselves go to a place of the caller's until then, such as a
/// temporary file.
///
/// ```
/// use std::io::Cursor;
/// use sessiondb_page::Page;
///
/// let mut page = Page::begin(Cursor::new(Vec::new()), "all.sessiondb");
/// page.session(&serde_json::json!({"id": "019a"}))?.end()?;
/// let mut html = Vec::new();
/// page.finish(&mut html)?;
/// assert!(html.ends_with(b"</html>\n"));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Page<S> {
    sessions: S,
    list: List,
}

/// What the page knows before a session is looked at.
#[derive(Debug, Serialize)]
struct List {
    title: String,
    version: &'static str,
    sessions: Vec<Listed>,
}

#[derive(Debug, Serialize)]
struct Listed {
    summary: Value,
    /// Hour, input, cached input and output.
    usage: Vec<[i64; 4]>,
    /// How many items there are that a reader sees.
    items: usize,
}

impl<S: Read + Write + Seek> Page<S> {
    /// Begins a page with this title. `sessions` is empty.
    pub fn begin(sessions: S, title: &str) -> Self {
        Self {
            sessions,
            list: List {
                title: title.to_owned(),
                version: env!("CARGO_PKG_VERSION"),
                sessions: Vec::new(),
            },
        }
    }

    /// Begins a session. The summary is an object with the keys that `ls --json` has; what is not there is
    /// not shown.
    ///
    /// # Errors
    ///
    /// Those of a write.
    pub fn session(&mut self, summary: &impl Serialize) -> io::Result<Session<'_, S>> {
        let summary = serde_json::to_value(summary)?;
        let number = self.list.sessions.len();
        Ok(Session {
            block: Block::begin(&mut self.sessions, format_args!("session-{number}"))?,
            list: &mut self.list.sessions,
            summary,
            written: Vec::new(),
            usage: Usage::default(),
            items: 0,
        })
    }

    /// Writes the page. A [`Session`] that was not [ended](Session::end) makes it useless.
    ///
    /// # Errors
    ///
    /// Those of a write, and of reading the sessions back.
    pub fn finish(mut self, mut to: impl Write) -> io::Result<()> {
        assets::write_head(&mut to)?;
        let mut block = Block::begin(&mut to, "list")?;
        serde_json::to_writer(&mut block, &self.list)?;
        block.end()?;
        assets::write_script(&mut to)?;
        self.sessions.flush()?;
        self.sessions.rewind()?;
        io::copy(&mut self.sessions, &mut to)?;
        assets::write_tail(&mut to)?;
        to.flush()
    }
}

/// A session that is being written, as a block of lines: one for each segment, with one for each of its items
/// behind. See [`Page::session`].
///
/// ```
/// use std::io::Cursor;
/// use sessiondb_page::{Page, Segment};
///
/// let mut page = Page::begin(Cursor::new(Vec::new()), "all.sessiondb");
/// let mut session = page.session(&serde_json::json!({"id": "019a"}))?;
/// session.segment(&Segment::new("019b", 0), &[], |_| None)?;
/// session.end()?;
/// # page.finish(Vec::new())?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Session<'p, W: Write> {
    block: Block<'p, W>,
    list: &'p mut Vec<Listed>,
    summary: Value,
    written: Vec<Written>,
    usage: Usage,
    items: usize,
}

impl<W: Write> std::fmt::Debug for Session<'_, W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let summary = &self.summary;
        f.debug_struct("Session")
            .field("summary", summary)
            .finish_non_exhaustive()
    }
}

#[derive(Serialize)]
struct Header<'a> {
    segment: &'a Segment,
    #[serde(skip_serializing_if = "Option::is_none")]
    shared: Option<&'a Shared>,
}

impl<W: Write> Session<'_, W> {
    /// Adds a segment. What it shares with its parent is not written again. `entry` reads an entry as it is
    /// stored; it is asked for those that hold pictures, and for those of an unknown kind.
    ///
    /// # Errors
    ///
    /// Those of a write.
    pub fn segment(
        &mut self,
        segment: &Segment,
        items: &[Item],
        mut entry: impl FnMut(u64) -> Option<String>,
    ) -> io::Result<()> {
        let mut pictures = Pictures::new(&mut entry);
        let lines = items.iter().map(|item| Line::new(item, &mut pictures));
        let lines = lines.collect::<io::Result<Vec<_>>>()?;
        let shared = shared(segment, &lines, &self.written);
        let known = shared.as_ref().map_or(0, |shared| shared.items);
        let header = Header {
            segment,
            shared: shared.as_ref(),
        };
        serde_json::to_writer(&mut self.block, &header)?;
        self.block.write_all(b"\n")?;
        for (item, line) in items.iter().zip(&lines).skip(known) {
            self.usage.item(item);
            self.items += usize::from(!line.hidden);
            line.write(&mut self.block)?;
        }
        self.written.push(Written::new(&segment.id, &lines));
        Ok(())
    }

    /// Ends the session.
    ///
    /// # Errors
    ///
    /// Those of a write.
    pub fn end(self) -> io::Result<()> {
        self.block.end()?;
        self.list.push(Listed {
            usage: self.usage.hours(&self.summary),
            summary: self.summary,
            items: self.items,
        });
        Ok(())
    }
}
