"""An archive: its tables, checked against each other, and the journal on top of them."""

import json
import uuid

import superblock
from fields import Damaged, Fields, text
from image import Image
from journal import first_chain, frames, ops
from rows import LOG, NIL, TRACE, Run, Session, head, log_name, runs_of, session, unseal
from state import State, total
from values import Values
from words import Filter

RUN_TABLES = {LOG: "runs", TRACE: "traces"}


class Archive:
    """An archive by all of its bytes. It checks all of it, and holds what it says in `state`."""

    def __init__(self, file, most_frames=None):
        self.superblock = superblock.read(file)
        self.image = Image(file[self.superblock.image_offset :], self.superblock.image_offset)
        self.values = Values(self.image, self.superblock.has(superblock.SHARED_VALUES))
        self.rows = {kind: self.read_run_rows(kind) for kind in RUN_TABLES}
        self.state = State(self.read_own)
        self.read_tables()
        self.filters = self.read_filters()
        self.check()
        self.frames = []
        self.read_journal(file, most_frames)

    def read_run_rows(self, kind):
        """The rows of runs by their logs and numbers."""
        found = {}
        for key, row in self.image.table(RUN_TABLES[kind], 40, by_number):
            of, segment, first = by_number(key)
            log = (kind, uuid.UUID(bytes=of), uuid.UUID(bytes=segment))
            found.setdefault(log, {})[first] = row
        return found

    def runs(self, log):
        """The runs of a log in the tables."""
        return runs_of(*log, self.rows[log[0]].get(log, {}), self.values)

    def read_own(self, log, head):
        """The own entries of a log in the tables, of which its head knows how many there are."""
        return entries_of(log, head, self.runs(log))

    def read_tables(self):
        state = self.state
        for key, content, place in self.sealed("heads", 32):
            state.heads[ids(key)] = head(content, f"table heads, {place}")
        for key, content, place in self.sealed("sessions", 16):
            state.sessions[ids(key)[0]] = session(content, f"table sessions, {place}")
        for key, content, place in self.sealed("metadata", 16):
            state.metadata[ids(key)[0]] = json_value(content, f"table metadata, {place}", dict)
        for key, content, place in self.sealed("names", None):
            name = text(key, "table names")
            is_note = name.startswith("/")
            state.names[name] = json_value(content, f"table names, {place}", object if is_note else dict)
        self.absorbed = None
        for key, content, place in self.sealed("meta", None):
            if key == b"absorbed":
                fields = Fields(content, "table meta, absorbed")
                self.absorbed = (fields.u64(), fields.u64(), fields.u64())
        if self.absorbed is None:
            raise Damaged("table meta", "the row absorbed is missing")
        if self.absorbed[:2] == (0, 0) and self.absorbed[2] != first_chain(self.superblock.archive_id):
            raise Damaged("table meta", "the first chain is not that of the archive")

    def sealed(self, table, key_width, order=bytes):
        """The rows of a table that carry their checksum in front, without it."""
        for key, row in self.image.table(table, key_width, order):
            place = f"row {key.decode('utf-8', 'replace')}" if key_width is None else f"row {key.hex()}"
            yield key, unseal(table, key, row, place), place

    def read_filters(self):
        """The word filters by the logs and the first entries of their runs; `None` if there are none."""
        if not self.superblock.has(superblock.WORD_FILTERS):
            return None
        found = {}
        for key, content, place in self.sealed("word_filters", 40, by_number):
            of, segment, first = by_number(key)
            log = (LOG, uuid.UUID(bytes=of), uuid.UUID(bytes=segment))
            found[log, first] = Filter(content, f"table word_filters, {place}")
        return found

    def check(self):
        """Whether the tables agree with each other."""
        state = self.state
        sums, branches, with_log = {}, {}, set()
        for (of, segment), found in state.heads.items():
            sums[of] = sums.get(of, Session()).with_head(found, 1)
            if found.exists:
                with_log.add((segment, of))
            if found.base_segment != NIL:
                base = (of, found.base_segment)
                branches[base] = branches.get(base, 0) + 1
        for (of, segment), found in state.heads.items():
            if found.branches != branches.get((of, segment), 0):
                raise Damaged(f"session {of}, segment {segment}", "its branches are others")
        index = {ids(key) for key, content, _ in self.sealed("segment_index", 32) if not content}
        if index != with_log:
            raise Damaged("table segment_index", "its segments are not those of the heads")
        for of in sums.keys() | state.sessions.keys():
            row, summed = state.sessions.get(of), sums.get(of, Session())
            if row is None or row.sums() != summed.sums():
                raise Damaged(f"table sessions, {of}", "its sums are not those of its heads")
            wide = row.created_ms <= summed.created_ms and row.updated_ms >= summed.updated_ms
            if row.heads and not wide:
                raise Damaged(f"table sessions, {of}", "its times do not hold those of its heads")
        if not state.metadata.keys() <= state.sessions.keys():
            raise Damaged("table metadata", "a session of it is not there")
        for kind in RUN_TABLES:
            for log in self.rows[kind]:
                if log[1:] not in state.heads:
                    raise Damaged(log_name(*log), "it has runs and no head")
        self.check_index_by_use()
        self.check_logs()

    def check_index_by_use(self):
        if not self.superblock.has(superblock.SESSIONS_BY_USE):
            return
        index = [by_use(key) for key, _, _ in self.sealed("sessions_by_use", 24, by_use)]
        rows = self.state.sessions.items()
        if index != sorted((row.updated_ms, of.bytes) for of, row in rows):
            raise Damaged("table sessions_by_use", "it is not that of the table sessions")

    def check_logs(self):
        """Whether the own entries of all logs are there, and their filters are of their runs."""
        filters = dict(self.filters or {})
        for (of, segment), found in self.state.heads.items():
            self.read_own((TRACE, of, segment), found)
            log = (LOG, of, segment)
            runs = self.runs(log)
            entries_of(log, found, runs)
            for run in runs:
                words = filters.pop((log, run.first), None)
                if words and (words.run, words.count) != (run.checksum, len(run.entries)):
                    raise Damaged(log_name(*log), f"the filter at {run.first} is of another run")
        self.values.check()
        for log, first in filters:
            raise Damaged(log_name(*log), f"the filter at {first} has no run")

    def read_journal(self, file, most_frames):
        """Applies the frames that count; at most so many, if that is said."""
        for frame in frames(file, self.superblock, *self.absorbed):
            if most_frames is not None and len(self.frames) >= most_frames:
                return
            self.frames.append(frame)
            for tag, op in ops(frame):
                try:
                    self.state.apply(tag, op)
                except Damaged as error:
                    raise Damaged(frame.place, str(error)) from None

    def sessions_by_use(self):
        """The ids of the sessions, the one that was written to last first."""
        rows = self.state.sessions.items()
        return [of for of, row in sorted(rows, key=lambda one: (one[1].updated_ms, one[0]))][::-1]

    def with_word(self, word):
        """The runs that may have a word: the log of each, itself, whether a filter says so, and the numbers
        of its entries that have the word."""
        for of, segment in sorted(self.state.heads):
            log = (LOG, of, segment)
            for run in self.runs(log) if log not in self.state.changed else self.changed_run(log):
                words = (self.filters or {}).get((log, run.first)) if run.checksum else None
                if words is None or words.may_have(word):
                    has = [run.first + at for at, entry in enumerate(run.entries) if word.is_in(entry)]
                    yield log, run, words is not None, has

    def changed_run(self, log):
        """The entries of a log that the journal has changed, as a run that has no filter."""
        own = self.state.changed[log]
        found = self.state.heads.get(log[1:])
        return [Run(found.own_start(LOG), own, 0)] if own and found else []


def entries_of(log, head, runs):
    """The entries of the runs of a log, which follow each other as its head says."""
    at, entries = head.own_start(log[0]), []
    for run in runs:
        if run.first != at:
            raise Damaged(log_name(*log), f"a run begins at {run.first}, not at {at}")
        at = run.end
        entries.extend(run.entries)
    if at != head.entries(log[0]) or total(entries) != head.bytes(log[0]):
        raise Damaged(log_name(*log), "its runs are not those that its head tells of")
    return entries


def by_number(key):
    """The order of keys that end with a number."""
    return key[:16], key[16:32], int.from_bytes(key[32:], "little")


def by_use(key):
    return int.from_bytes(key[:8], "little"), key[8:]


def ids(key):
    return tuple(uuid.UUID(bytes=key[at : at + 16]) for at in range(0, len(key), 16))


def json_value(content, place, kind):
    """Some JSON of a kind."""
    try:
        if isinstance(json.loads(content), kind):
            return bytes(content)
    except ValueError:
        pass
    raise Damaged(place, "it is not the JSON that it must be")
