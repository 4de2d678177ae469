"""What an archive holds, and what each op of the journal makes of it."""

import dataclasses

from fields import Damaged
from journal import APPEND, BRANCH, DELETE_LOG, DELETE_NAME, DELETE_SESSION, ERASE, REPLACE
from journal import SET_METADATA, SET_METADATA_OF_2, SET_NAME, TRUNCATE
from rows import LOG, NIL, TRACE, Head, Session, log_name

NO_ORIGIN = (0, NIL, 0)
NO_BASE = (NIL, 0)


class State:
    """Heads, sums, records, and of each log the entries that are its own."""

    def __init__(self, read_own):
        self.heads = {}
        self.sessions = {}
        self.metadata = {}
        self.names = {}
        # The own entries of those logs that an op has changed.
        self.changed = {}
        self.read_own = read_own
        # How often a log has handed entries over.
        self.handed_over = 0

    def own(self, log):
        """The own entries of a log, which may be changed."""
        if log not in self.changed:
            self.changed[log] = self.own_of_tables(log)
        return self.changed[log]

    def own_of_tables(self, log):
        head = self.heads.get(log[1:])
        return self.read_own(log, head) if head else []

    def entries(self, log):
        """All entries of a log: those that it shares, and its own."""
        parts, end = [], None
        for owner, start, stop in self.owners(log):
            own = self.changed[owner] if owner in self.changed else self.own_of_tables(owner)
            first = self.heads[owner[1:]].own_start(owner[0])
            if len(own) < stop - first:
                raise Damaged(log_name(*log), f"entry {first + len(own)} is missing")
            parts.append(own[start - first : stop - first])
            end = end or stop
        found = [entry for part in reversed(parts) for entry in part]
        if len(found) != (end or 0):
            raise Damaged(log_name(*log), f"it has {len(found)} entries where {end} are named")
        return found

    def owners(self, log, stop=None):
        """The logs that have the first `stop` entries of a log for their own, from the last one on."""
        kind, session, segment = log
        head = self.must_have(session, segment)
        stop = head.entries(kind) if stop is None else stop
        before = None
        while stop:
            start = head.own_start(kind)
            if start < stop:
                yield (kind, session, segment), start, stop
            if start == 0:
                return
            if before is not None and start >= before:
                raise Damaged(log_name(kind, session, segment), "its bases lead in a circle")
            before, stop, segment = start, min(stop, start), head.base_segment
            head = self.must_have(session, segment)

    def must_have(self, session, segment):
        head = self.heads.get((session, segment))
        if head is None:
            raise Damaged(f"session {session}, segment {segment}", "its head is missing")
        return head

    def apply(self, tag, op):
        OPS[tag](self, op)

    def append(self, op):
        log, at_ms, origin, entries = op["log"], op["at_ms"], op["origin"], op["entries"]
        if not entries:
            return
        kind, old = log[0], self.heads.get(log[1:])
        head = old or Head(created_ms=at_ms)
        if kind == LOG and not head.exists:
            head = dataclasses.replace(head, exists=True).with_origin(origin)
        own = self.own(log)
        count, size = head.entries(kind) + len(entries), head.bytes(kind) + total(entries)
        head = head.with_size(kind, count, size)
        self.put_head(log, old, touched(head, at_ms))
        own.extend(entries)

    def replace(self, op):
        log, at_ms, entries = op["log"], op["at_ms"], op["entries"]
        self.hand_over(log, 0)
        kind, old = log[0], self.heads.get(log[1:])
        head = old or Head(created_ms=at_ms)
        if kind == LOG:
            head = dataclasses.replace(head, exists=True, created_ms=at_ms)
            head = head.with_origin(op["origin"]).with_base(NO_BASE)
        head = head.with_size(kind, len(entries), total(entries))
        self.put_head(log, old, touched(head, at_ms))
        self.changed[log] = list(entries)

    def truncate(self, op):
        log, length = op["log"], op["len"]
        kind, session, segment = log
        head = self.heads.get((session, segment), Head())
        if kind == LOG and not head.exists:
            raise Damaged(log_name(*log), "an op cuts it, and it is not there")
        if length > head.entries(kind):
            raise Damaged(log_name(*log), f"an op cuts it at {length}, behind its end")
        if length == head.entries(kind):
            return
        own_start = head.own_start(kind)
        own = list(self.own(log)[: max(length - own_start, 0)])
        self.hand_over(log, length)
        old = self.heads[session, segment]
        head = old.with_size(kind, length, total(own))
        if length < own_start:
            head = head.with_base(self.base_at(log, length))
        self.put_head(log, old, touched(head, op["at_ms"]))
        self.changed[log] = own

    def delete_log(self, op):
        log = op["log"]
        self.hand_over(log, 0)
        old = self.heads.get(log[1:])
        if old is None:
            return
        head = old.with_size(log[0], 0, 0)
        if log[0] == LOG:
            head = dataclasses.replace(head, exists=False).with_origin(NO_ORIGIN)
            head = head.with_base(NO_BASE)
        if head != old:
            self.put_head(log, old, head)
            self.changed[log] = []

    def delete_session(self, op):
        session = op["session"]
        for segment in self.segments(session):
            del self.heads[session, segment]
            for kind in (LOG, TRACE):
                self.changed[kind, session, segment] = []
        if session in self.sessions:
            self.end_session(session)

    def set_metadata(self, op):
        session, at_ms = op["session"], op.get("at_ms", 0)
        row = self.sessions.get(session)
        if row is None and "at_ms" not in op:
            raise Damaged(f"session {session}", "an op sets its metadata, and it is not there")
        if row is None or row.heads == 0:
            row = row or Session(created_ms=at_ms)
            updated = max(row.updated_ms, at_ms)
            self.sessions[session] = dataclasses.replace(row, updated_ms=updated)
        self.metadata[session] = op["json"]

    def set_name(self, op):
        self.names[op["name"]] = op["json"]

    def delete_name(self, op):
        self.names.pop(op["name"], None)

    def branch(self, op):
        session, length = op["session"], op["len"]
        source, log = (LOG, session, op["from"]), (LOG, session, op["to"])
        base, old = self.heads.get(source[1:]), self.heads.get(log[1:])
        if base is None or not base.exists or length > base.log_entries:
            raise Damaged(log_name(*source), f"an op shares {length} entries that it does not have")
        if old and old.exists:
            raise Damaged(log_name(*log), "an op makes it, and it is there")
        head = dataclasses.replace(old or Head(created_ms=op["at_ms"]), exists=True)
        head = head.with_origin(op["origin"]).with_base(self.base_at(source, length))
        head = head.with_size(LOG, length, 0)
        self.put_head(log, old, touched(head, op["at_ms"]))
        self.changed[log] = []

    def erase(self, op):
        log, first, entries = op["log"], op["first"], op["entries"]
        end = first + len(entries)
        if end > self.heads.get(log[1:], Head()).entries(log[0]):
            raise Damaged(log_name(*log), "an op erases entries behind its end")
        for owner, start, stop in list(self.owners(log, end)):
            start = max(start, first)
            if start < stop:
                self.erase_own(owner, start, entries[start - first : stop - first], op["at_ms"])

    def erase_own(self, log, first, entries, at_ms):
        kind, old = log[0], self.heads[log[1:]]
        own = self.own(log)
        at = first - old.own_start(kind)
        own[at : at + len(entries)] = entries
        head = old.with_size(kind, old.entries(kind), total(own))
        self.put_head(log, old, touched(head, at_ms))

    def base_at(self, log, length):
        """Of whom a log shares its first entries that begins as that one does."""
        owner = next(self.owners(log, length), None)
        return (owner[0][2], length) if owner else NO_BASE

    def hand_over(self, log, length):
        """Lets those that share more than so many entries of a log keep them."""
        kind, session, segment = log
        head = self.heads.get((session, segment))
        if kind == TRACE or head is None or head.branches == 0:
            return
        shared = [
            (other.base_len, heir, other)
            for heir, other in self.segments(session).items()
            if other.base_segment == segment and other.base_len > length
        ]
        if not shared:
            return
        self.handed_over += 1
        most, heir, old = max(shared, key=lambda one: one[:2])
        own_start = head.base_len
        begin = max(length, own_start)
        taken = list(self.own(log)[begin - own_start : most - own_start])
        own = self.own((kind, session, heir))
        base = (segment, length) if length > own_start else (head.base_segment, head.base_len)
        new = old.with_size(kind, old.log_entries, old.log_bytes + total(taken)).with_base(base)
        self.put_head((kind, session, heir), old, new)
        own[:0] = taken
        for base_len, other, old in shared:
            if other != heir:
                new = old.with_base((heir, base_len))
                self.put_head((kind, session, other), old, new)

    def put_head(self, log, old, head):
        """Stores a head, and with it the sums of its session and the branches of its base."""
        _, session, segment = log
        was, now = (old.base_segment if old else NIL), head.base_segment
        if was != now:
            self.count_branches(session, was, -1)
            self.count_branches(session, now, 1)
        sums = self.sessions.get(session, Session())
        if old:
            sums = sums.with_head(old, -1)
        if head.exists or head.trace_entries:
            self.heads[session, segment] = head
            sums = sums.with_head(head, 1)
        else:
            self.heads.pop((session, segment), None)
        if sums.heads:
            self.sessions[session] = sums
        elif old:
            self.end_session(session)

    def count_branches(self, session, segment, change):
        head = self.heads.get((session, segment))
        if head:
            branches = head.branches + change
            self.heads[session, segment] = dataclasses.replace(head, branches=branches)

    def end_session(self, session):
        self.sessions.pop(session, None)
        self.metadata.pop(session, None)
        note = f"/session/{session}/"
        for name in [name for name in self.names if name.startswith(note)]:
            del self.names[name]

    def segments(self, session):
        """The heads of a session by their segments."""
        return {segment: head for (of, segment), head in self.heads.items() if of == session}


def total(entries):
    return sum(map(len, entries))


def touched(head, at_ms):
    return dataclasses.replace(head, updated_ms=max(head.updated_ms, at_ms))


OPS = {
    APPEND: State.append,
    REPLACE: State.replace,
    TRUNCATE: State.truncate,
    DELETE_LOG: State.delete_log,
    DELETE_SESSION: State.delete_session,
    SET_METADATA_OF_2: State.set_metadata,
    SET_NAME: State.set_name,
    DELETE_NAME: State.delete_name,
    BRANCH: State.branch,
    ERASE: State.erase,
    SET_METADATA: State.set_metadata,
}
