"""The rows of the tables: runs of entries, heads, sums of sessions, and the checksums of each."""

import dataclasses
import uuid

import xxhash
import zstandard

from fields import Damaged, Fields, text

LOG = 1
TRACE = 2
PLAIN = 0
ZSTD = 1
CHUNK = 2
# Beside the first two: some values are stored in groups.
SHARES = 4
RUN_MAGIC = b"sRun"
MAX_UNPACKED_BYTES = 1 << 28
NIL = uuid.UUID(int=0)

TAGS = {
    "sessions": 3,
    "heads": 4,
    "segment_index": 5,
    "metadata": 6,
    "names": 7,
    "meta": 8,
    "word_filters": 9,
    "sessions_by_use": 10,
    "values": 11,
    "value_groups": 12,
}


def log_name(kind, session, segment):
    what = {LOG: "log", TRACE: "traces"}[kind]
    return f"session {session}, segment {segment}, {what}"


def unseal(table, key, row, place):
    """The content of a row that begins with its checksum."""
    seed = xxhash.xxh3_64_intdigest(key, TAGS[table])
    content = row[8:]
    if len(row) < 8 or xxhash.xxh3_64_intdigest(content, seed) != int.from_bytes(row[:8], "little"):
        raise Damaged(f"table {table}, {place}", "the checksum of its row does not match")
    return content


@dataclasses.dataclass(frozen=True)
class Run:
    """Some entries of a log that were written together."""

    first: int
    entries: list
    checksum: int

    @property
    def end(self):
        return self.first + len(self.entries)


@dataclasses.dataclass(frozen=True)
class RunRow:
    checksum: int
    encoding: int
    more: int
    count: int
    payload: bytes


def run_row(kind, key, row):
    """One row of `runs` or `traces`."""
    session, segment, first = key
    place = f"{log_name(kind, session, segment)}, run at entry {first}"
    fields = Fields(row, place)
    checksum = fields.u64()
    if xxhash.xxh3_64_intdigest(row[8:]) != checksum:
        raise Damaged(place, "the checksum of its row does not match")
    if bytes(fields.take(4)) != RUN_MAGIC:
        raise Damaged(place, "its row is no run")
    said_kind, encoding, more = fields.u8(), fields.u8(), fields.u16()
    said = (fields.uuid(), fields.uuid(), fields.u64())
    if (said_kind, said) != (kind, key):
        raise Damaged(place, f"its row is that of {said}, kind {said_kind}")
    count, length = fields.u32(), fields.u64()
    payload = bytes(fields.take(length))
    fields.must_end()
    if encoding not in (PLAIN, ZSTD, CHUNK, PLAIN | SHARES, ZSTD | SHARES):
        raise Damaged(place, f"there is no encoding {encoding}")
    if encoding == CHUNK and (more, count) != (0, 0):
        raise Damaged(place, "a chunk has no entries and no chunks")
    if encoding != CHUNK and count <= more:
        raise Damaged(place, f"it has {count} entries and {more} chunks")
    return RunRow(checksum, encoding, more, count, payload)


def runs_of(kind, session, segment, rows, values):
    """The runs of a log, of whose rows `rows` is a dictionary by their numbers; `values` are those that runs share."""
    found, left = [], dict(rows)
    for first in sorted(rows):
        if first not in left:
            continue
        row = run_row(kind, (session, segment, first), left.pop(first))
        place = f"{log_name(kind, session, segment)}, run at entry {first}"
        if row.encoding == CHUNK:
            raise Damaged(place, "no run has this chunk")
        stored = row.payload
        if row.more:
            chunks = []
            for number in range(first + 1, first + 1 + row.more):
                if number not in left:
                    raise Damaged(place, f"its chunk {number} is missing")
                chunk = run_row(kind, (session, segment, number), left.pop(number))
                if chunk.encoding != CHUNK:
                    raise Damaged(place, f"its chunk {number} is no chunk")
                chunks.append(chunk.payload)
            stored = joined(stored, chunks, place)
        found.append(Run(first, entries_of(stored, row, place, values), row.checksum))
    return found


def joined(begin, chunks, place):
    fields = Fields(begin, place)
    length, checksum = fields.u32(), fields.u64()
    whole = b"".join([bytes(fields.rest()), *chunks])
    if len(whole) != length or xxhash.xxh3_64_intdigest(whole) != checksum:
        raise Damaged(place, "its chunks are not those of this run")
    return whole


def entries_of(stored, row, place, values):
    refs, whole = [], None
    if row.encoding & SHARES:
        fields = Fields(stored, place)
        whole, count = fields.u32(), fields.u32()
        refs = [(fields.u32(), fields.u32(), bytes(fields.take(32))) for _ in range(count)]
        stored = bytes(fields.rest())
    if row.encoding & ~SHARES == ZSTD:
        stored = unpacked(stored, place)
    if refs:
        stored = with_values(stored, refs, values, place)
    if whole is not None and len(stored) != whole:
        raise Damaged(place, f"its entries have {len(stored)} bytes, not {whole}")
    return split(stored, row.count, place)


def with_values(left, refs, values, place):
    """Entries with the values that were left out of them."""
    parts, done, out = [], 0, 0
    for at, length, name in refs:
        value = values.use(name, place)
        if len(value) != length or at - out < done:
            raise Damaged(place, "a value that it shares is another one")
        parts += [left[done : at - out], value]
        done, out = at - out, out + length
    return b"".join([*parts, left[done:]])


def unpacked(stored, place):
    fields = Fields(stored, place)
    length, frame = fields.u32(), bytes(fields.rest())
    if length > MAX_UNPACKED_BYTES:
        raise Damaged(place, f"it says that it unpacks to {length} bytes")
    try:
        size = zstandard.get_frame_parameters(frame).content_size
        if size not in (length, zstandard.CONTENTSIZE_UNKNOWN):
            raise Damaged(place, f"its zstd frame has {size} bytes, not {length}")
        one = zstandard.ZstdDecompressor()
        out = one.decompress(frame, max_output_size=max(length, 1), allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise Damaged(place, f"it does not unpack: {error}") from None
    if len(out) != length:
        raise Damaged(place, f"it unpacks to {len(out)} bytes, not {length}")
    return out


def split(payload, count, place):
    """The entries that are joined by line ends."""
    text(payload, place)
    entries = bytes(payload).split(b"\n") if count or payload else []
    if len(entries) != count:
        raise Damaged(place, f"it has {len(entries)} entries where {count} are named")
    return entries


@dataclasses.dataclass(frozen=True)
class Head:
    """What is known of a segment without its entries."""

    exists: bool = False
    origin_kind: int = 0
    created_ms: int = 0
    updated_ms: int = 0
    log_entries: int = 0
    log_bytes: int = 0
    trace_entries: int = 0
    trace_bytes: int = 0
    origin_segment: uuid.UUID = NIL
    origin_turn: int = 0
    base_segment: uuid.UUID = NIL
    base_len: int = 0
    branches: int = 0

    @property
    def origin(self):
        return (self.origin_kind, self.origin_segment, self.origin_turn)

    def entries(self, kind):
        return self.log_entries if kind == LOG else self.trace_entries

    def bytes(self, kind):
        return self.log_bytes if kind == LOG else self.trace_bytes

    def own_start(self, kind):
        return self.base_len if kind == LOG else 0

    def with_size(self, kind, entries, size):
        if kind == LOG:
            return dataclasses.replace(self, log_entries=entries, log_bytes=size)
        return dataclasses.replace(self, trace_entries=entries, trace_bytes=size)

    def with_origin(self, origin):
        kind, segment, turn = origin
        return dataclasses.replace(
            self, origin_kind=kind, origin_segment=segment, origin_turn=turn
        )

    def with_base(self, base):
        segment, length = base
        return dataclasses.replace(self, base_segment=segment, base_len=length)


def head(content, place):
    fields = Fields(content, place)
    exists, origin_kind = fields.u8(), fields.u8()
    if exists > 1 or origin_kind > 2:
        raise Damaged(place, "its head has flags that do not exist")
    numbers = [fields.u64() for _ in range(6)]
    origin_segment, origin_turn = fields.uuid(), fields.u64()
    base = (NIL, 0, 0) if fields.is_at_end() else (fields.uuid(), fields.u64(), fields.u64())
    fields.must_end()
    return Head(bool(exists), origin_kind, *numbers, origin_segment, origin_turn, *base)


@dataclasses.dataclass(frozen=True)
class Session:
    """The sums over the heads of a session."""

    created_ms: int = 0
    updated_ms: int = 0
    heads: int = 0
    segments: int = 0
    entries: int = 0
    entry_bytes: int = 0
    traces: int = 0
    trace_bytes: int = 0

    def with_head(self, head, sign):
        """With a head more, or with one less."""
        created, updated = self.created_ms, self.updated_ms
        if sign > 0:
            is_first = self.heads == 0 and created == 0
            created = head.created_ms if is_first else min(created, head.created_ms)
            updated = max(updated, head.updated_ms)
        return Session(
            created,
            updated,
            self.heads + sign,
            self.segments + sign * head.exists,
            self.entries + sign * head.log_entries,
            self.entry_bytes + sign * head.log_bytes,
            self.traces + sign * head.trace_entries,
            self.trace_bytes + sign * head.trace_bytes,
        )

    def sums(self):
        return dataclasses.astuple(self)[2:]


def session(content, place):
    fields = Fields(content, place)
    row = Session(*[fields.u64() for _ in range(8)])
    fields.must_end()
    return row
