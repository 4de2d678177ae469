//! `html`: sessions as one page for a browser.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sessiondb::archive::OriginKind;
use sessiondb::{Archive, SegmentId, SegmentInfo, SessionInfo, Snapshot, StoreError};
use sessiondb_agents::ItemKind;
use sessiondb_logs::{LogNote, Transcript, main_segment};
use sessiondb_page::{Page, Segment};
use tempfile::NamedTempFile;

use crate::args::HtmlArgs;
use crate::context::Context;
use crate::exit::{self, Code, Failure};
use crate::progress::{self, Unit};
use crate::redact::Source;
use crate::sessions::{self, Filter, Listed};
use crate::{find, render};

pub(crate) fn run(context: &Context, args: &HtmlArgs) -> Result<(), Failure> {
    let out = &args.out;
    if !args.force && out.symlink_metadata().is_ok() {
        return Err(is_there(out));
    }
    let source = Source::open(context, &args.redaction, &args.sessions)?;
    let archive = source.archive();
    let now = archive.snapshot()?;
    let chosen = chosen(archive, &now, args)?;
    let not_written = |error: io::Error| cannot_write(out, &error);
    let folder = out.parent().filter(|folder| *folder != Path::new(""));
    let folder = folder.unwrap_or(Path::new("."));
    // Without a name, so that nothing of it is left if the process ends, and where there is room for the page.
    let sessions = tempfile::tempfile_in(folder).map_err(not_written)?;
    let title = context.archive().file_name().unwrap_or_default();
    let page = Page::begin(Spool::new(sessions), &title.to_string_lossy());
    let mut writing = Writing {
        page,
        now: &now,
        out,
        segments: 0,
        unreadable: Vec::new(),
    };
    let bar = progress::bar(context, Unit::Sessions);
    bar.set_length(chosen.len() as u64);
    for session in &chosen {
        writing.session(session)?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    let file = NamedTempFile::new_in(folder).map_err(not_written)?;
    writing
        .page
        .finish(BufWriter::new(file.as_file()))
        .map_err(not_written)?;
    file.as_file().sync_all().map_err(not_written)?;
    let bytes = file.as_file().metadata().map_err(not_written)?.len();
    put(file, args)?;
    let done = Done {
        path: out,
        bytes,
        sessions: chosen.len(),
        segments: writing.segments,
        unreadable: &writing.unreadable,
    };
    done.conclude(context, args)
}

/// The sessions that are asked for, the one that was active last first.
fn chosen(
    archive: &Archive,
    now: &Snapshot,
    args: &HtmlArgs,
) -> Result<Vec<Listed<'static>>, Failure> {
    let named: HashSet<_> = find::sessions(archive, &args.sessions)?;
    let mut filter = Filter::new(&args.filter);
    if !named.is_empty() {
        // Whoever names a session means it, whatever it is.
        filter = filter.with_all();
    }
    let is_named = |session: &Result<Listed<'_>, Failure>| {
        named.is_empty()
            || session
                .as_ref()
                .map_or(true, |session| named.contains(&session.info.id))
    };
    let limit = args.limit.map_or(usize::MAX, |limit| {
        usize::try_from(limit).unwrap_or(usize::MAX)
    });
    sessions::chosen(now, &filter)?
        .filter(is_named)
        .take(limit)
        .collect()
}

/// The sessions until the page is put together, written in large pieces.
struct Spool(BufWriter<File>);

impl Spool {
    fn new(file: File) -> Self {
        Self(BufWriter::new(file))
    }
}

impl Write for Spool {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl Seek for Spool {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.0.seek(to)
    }
}

impl Read for Spool {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.0.get_mut().read(bytes)
    }
}

struct Writing<'a> {
    page: Page<Spool>,
    now: &'a Snapshot,
    out: &'a Path,
    segments: u64,
    /// What could not be read, and why.
    unreadable: Vec<String>,
}

impl Writing<'_> {
    fn session(&mut self, chosen: &Listed) -> Result<(), Failure> {
        let not_written = |error: io::Error| cannot_write(self.out, &error);
        let (now, session) = (self.now, chosen.info.id);
        // The counts of the archive stand above what a log says under the same names.
        let mut summary = chosen.fields();
        if let Value::Object(info) = serde_json::to_value(&chosen.info)? {
            summary.extend(info);
        }
        let main = main_segment(now, session)?.map(|segment| segment.id);
        let mut written = self.page.session(&summary).map_err(not_written)?;
        for info in parents_first(now, &chosen.info)? {
            let mut segment = described(now, &info, main);
            let items = match Transcript::read(now, session, info.id) {
                Ok(transcript) => transcript.items,
                Err(error) => {
                    self.unreadable
                        .push(format!("segment {} of session {session}: {error}", info.id));
                    segment.unreadable = Some(error.to_string());
                    Vec::new()
                }
            };
            let items = file_beside(now, &info, items, &mut segment);
            let entry = |number| {
                let mut entries = now.log(session, info.id).read(number..=number).ok()?;
                Some(entries.next()?.ok()?.as_str().to_owned())
            };
            written
                .segment(&segment, &items, entry)
                .map_err(not_written)?;
            self.segments += 1;
        }
        written.end().map_err(not_written)
    }
}

/// The segments of a session that have entries, each behind the one that it came from.
fn parents_first(now: &Snapshot, session: &SessionInfo) -> Result<Vec<SegmentInfo>, StoreError> {
    let segments = now.segments(session.id).collect::<Result<Vec<_>, _>>()?;
    let mut waiting: Vec<SegmentInfo> = segments.into_iter().filter(|one| one.exists).collect();
    let mut ordered: Vec<SegmentInfo> = Vec::new();
    while !waiting.is_empty() {
        let ids: HashSet<SegmentId> = waiting.iter().map(|one| one.id).collect();
        let waits = |one: &SegmentInfo| origin_of(one).is_some_and(|(id, ..)| ids.contains(&id));
        let (later, mut next): (Vec<_>, Vec<_>) = waiting.into_iter().partition(waits);
        if next.is_empty() {
            // A circle, which only a log that lies can make.
            ordered.extend(later);
            break;
        }
        ordered.append(&mut next);
        waiting = later;
    }
    Ok(ordered)
}

/// The segment that one came from, what it is to that, and where it began.
fn origin_of(info: &SegmentInfo) -> Option<(SegmentId, &'static str, String)> {
    let kind = info.origin.as_ref().map(|origin| match origin.kind {
        OriginKind::Fork => "fork",
        OriginKind::Compaction => "compaction",
    });
    if let Some(parent) = info.parent {
        let at = format!("at entry {}", parent.len);
        return Some((parent.segment, kind.unwrap_or("branch"), at));
    }
    let origin = info.origin.as_ref()?;
    Some((origin.segment, kind?, format!("at turn {}", origin.at_turn)))
}

fn described(now: &Snapshot, info: &SegmentInfo, main: Option<SegmentId>) -> Segment {
    let mut segment = Segment::new(info.id.to_string(), info.entries);
    segment.updated_ms = info.updated_ms;
    segment.is_main = main == Some(info.id);
    if let Some((parent, kind, at)) = origin_of(info) {
        segment.parent = Some(parent.to_string());
        segment.kind = Some(kind);
        segment.at = Some(at);
    }
    let key = format!("session/{}/log/{}", info.session, info.id);
    // A note of another form says nothing here.
    let note: Option<LogNote> = now.read_note(&key).unwrap_or_default();
    if note.is_some_and(|note| note.subagent.is_some()) {
        segment.kind = Some("subagent");
        if segment.parent.is_none() {
            segment.parent = main.map(|main| main.to_string());
        }
    }
    segment
}

/// A file that lay beside the session, as its text.
fn file_beside(
    now: &Snapshot,
    info: &SegmentInfo,
    mut items: Vec<sessiondb_agents::Item>,
    segment: &mut Segment,
) -> Vec<sessiondb_agents::Item> {
    #[derive(Deserialize)]
    struct FileBeside {
        kind: String,
        path: String,
        text: String,
    }
    if let [item] = items.as_mut_slice()
        && item.kind == ItemKind::Raw
        && let Ok(mut entries) = now.log(info.session, info.id).read(..1)
        && let Some(Ok(entry)) = entries.next()
        && let Ok(file) = entry.decode::<FileBeside>()
        && file.kind == "sessiondb_sidecar"
    {
        segment.kind = Some("file");
        segment.at = Some(file.path);
        item.kind = ItemKind::ToolResult {
            call_id: None,
            text: file.text,
            is_error: false,
        };
        item.hidden = false;
    }
    items
}

/// Gives the page its name.
fn put(file: NamedTempFile, args: &HtmlArgs) -> Result<(), Failure> {
    let out = &args.out;
    let put: Result<File, _> = if args.force {
        file.persist(out)
    } else {
        file.persist_noclobber(out)
    };
    match put {
        Ok(_) => Ok(()),
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Err(is_there(out)),
        Err(error) => Err(cannot_write(out, &error.error)),
    }
}

fn is_there(out: &Path) -> Failure {
    let out = out.display();
    Failure::new(
        Code::Other,
        format_args!("{out}: is there already; --force replaces it"),
    )
}

fn cannot_write(out: &Path, error: &io::Error) -> Failure {
    let out = out.display();
    Failure::new(
        Code::Other,
        format_args!("{out}: the page cannot be written: {error}"),
    )
}

/// What was written, as JSON.
#[derive(Serialize)]
struct Done<'a> {
    path: &'a Path,
    bytes: u64,
    sessions: usize,
    segments: u64,
    unreadable: &'a [String],
}

impl Done<'_> {
    fn conclude(&self, context: &Context, args: &HtmlArgs) -> Result<(), Failure> {
        let what = format!(
            "{}: {}, {}",
            self.path.display(),
            render::count(self.sessions as u64, "session"),
            render::size(self.bytes)
        );
        context.say(&what);
        let printed = if args.json {
            render::write_json(self)
        } else {
            Ok(())
        };
        let outcome = match self.unreadable {
            [] => Ok(()),
            causes => Err(Failure::new(
                Code::Damaged,
                format_args!(
                    "{what}; {} could not be read:{}",
                    render::count(causes.len() as u64, "segment"),
                    render::indented(causes.iter())
                ),
            )),
        };
        exit::done(printed, what, outcome)
    }
}
