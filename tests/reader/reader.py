"""Reads an archive of sessiondb by what docs/format.md says, and nothing else.

    reader.py FILE                 all that is in it, as JSON lines
    reader.py FILE --export DIR    every log as DIR/{session}/{segment}.jsonl, traces as .trace.jsonl
    reader.py FILE --word WORD     the runs that may have a word, and which of their entries have it
    reader.py FILE --by-use        the sessions' ids, the one that was written to last first

The JSON lines, in this order, each object with one of these keys first:

    archive    its id, with version, features, created_ms, journal_bytes, commit, absorbed, frames
    session    its id, with created_ms, updated_ms, segments, entries, entry_bytes, traces, trace_bytes,
               metadata; by descending id, and behind each of them its segments by descending id
    segment    its id, with session, exists, created_ms, updated_ms, entries, entry_bytes, traces,
               trace_bytes, origin (kind, segment, at_turn), parent (segment, len), branches, and the
               entries themselves in `log` and `trace`, byte for byte
    name       a name, with its record
    note       the key of a note, with its record

The file must not be written to meanwhile: the reader takes no locks. A file that is damaged anywhere, or of
which it does not know a part, gives one line on standard error and exit code 1.
"""

import argparse
import json
import pathlib
import sys

from archive import Archive
from fields import Damaged, Refused
from rows import LOG, NIL, TRACE
from words import Word

ORIGINS = {1: "fork", 2: "compaction"}
NOTE_MARK = "/"


def lines(archive):
    """All that is in an archive, as the bytes of JSON lines."""
    block, state = archive.superblock, archive.state
    yield line(
        archive=str(block.archive_id),
        version=block.version,
        features=block.feature_names(),
        created_ms=block.created_ms,
        journal_bytes=block.journal_bytes,
        commit=archive.image.commit.number,
        absorbed=dict(zip(("epoch", "frames", "chain"), archive.absorbed)),
        frames=len(archive.frames),
    )
    for session in sorted(state.sessions, reverse=True):
        yield line(**session_fields(state, session))
        segments = state.segments(session)
        for segment in sorted(segments, reverse=True):
            fields = segment_fields(session, segment, segments[segment])
            logs = {
                name: raw(state.entries((kind, session, segment)))
                for name, kind in (("log", LOG), ("trace", TRACE))
            }
            yield line(raws=logs, **fields)
    for name in sorted(state.names, key=str.encode):
        key = "note" if name.startswith(NOTE_MARK) else "name"
        yield line(raws={"record": state.names[name]}, **{key: name})


def session_fields(state, session):
    row = state.sessions[session]
    metadata = state.metadata.get(session)
    return {
        "session": str(session),
        "created_ms": row.created_ms,
        "updated_ms": row.updated_ms,
        "segments": row.segments,
        "entries": row.entries,
        "entry_bytes": row.entry_bytes,
        "traces": row.traces,
        "trace_bytes": row.trace_bytes,
        "metadata": None if metadata is None else json.loads(metadata),
    }


def segment_fields(session, segment, head):
    kind, of, turn = head.origin
    origin = {"kind": ORIGINS[kind], "segment": str(of), "at_turn": turn} if kind else None
    is_branch = head.base_segment != NIL
    parent = {"segment": str(head.base_segment), "len": head.base_len} if is_branch else None
    return {
        "segment": str(segment),
        "session": str(session),
        "exists": head.exists,
        "created_ms": head.created_ms,
        "updated_ms": head.updated_ms,
        "entries": head.log_entries,
        "entry_bytes": head.log_bytes,
        "traces": head.trace_entries,
        "trace_bytes": head.trace_bytes,
        "origin": origin,
        "parent": parent,
        "branches": head.branches,
    }


def raw(entries):
    return b"[" + b",".join(entries) + b"]"


def line(raws=(), **fields):
    """A JSON object in one line, its last fields given as JSON."""
    begin = json.dumps(fields, ensure_ascii=False)[:-1].encode()
    given = [b',"%s":%s' % (name.encode(), value) for name, value in dict(raws).items()]
    return begin + b"".join(given) + b"}\n"


def export(archive):
    """The files that the logs of an archive become, by their paths."""
    files = {}
    for (session, segment), head in archive.state.heads.items():
        for kind, end in ((LOG, "jsonl"), (TRACE, "trace.jsonl")):
            if head.exists if kind == LOG else head.trace_entries:
                entries = archive.state.entries((kind, session, segment))
                files[f"{session}/{segment}.{end}"] = b"".join(entry + b"\n" for entry in entries)
    return files


def runs_with(archive, word):
    for (_, session, segment), run, has_filter, has in archive.with_word(word):
        yield line(
            session=str(session),
            segment=str(segment),
            first=run.first,
            count=len(run.entries),
            filter=has_filter,
            has=has,
        )


def main():
    parser = argparse.ArgumentParser(description="Reads an archive by docs/format.md alone.")
    parser.add_argument("file", type=pathlib.Path)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--export", type=pathlib.Path, metavar="DIR")
    what.add_argument("--word", type=Word, metavar="WORD")
    what.add_argument("--by-use", action="store_true")
    args = parser.parse_args()
    try:
        archive = Archive(args.file.read_bytes())
        if args.export:
            for name, content in export(archive).items():
                path = args.export / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
        elif args.word:
            sys.stdout.buffer.writelines(runs_with(archive, args.word))
        elif args.by_use:
            print(*archive.sessions_by_use(), sep="\n")
        else:
            sys.stdout.buffer.writelines(lines(archive))
    except (Damaged, Refused) as error:
        sys.exit(f"{args.file}: {error}")


if __name__ == "__main__":
    main()
