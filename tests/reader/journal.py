"""The journal: which of its frames count, and the ops that they hold."""

import dataclasses

import xxhash

from fields import Damaged, Fields, text
from rows import LOG, NIL, TRACE, split

FRAME_HEADER_BYTES = 32

APPEND, REPLACE, TRUNCATE, DELETE_LOG, DELETE_SESSION = 1, 2, 3, 4, 5
SET_METADATA_OF_2, SET_NAME, DELETE_NAME, BRANCH, ERASE, SET_METADATA = 6, 7, 8, 9, 10, 11


@dataclasses.dataclass(frozen=True)
class Frame:
    epoch: int
    number: int
    at: int
    end: int
    ops: bytes

    @property
    def place(self):
        return f"journal, frame {self.number} at byte {self.at}"


def first_chain(archive_id):
    return xxhash.xxh3_64_intdigest(archive_id.bytes)


def frames(file, superblock, absorbed_epoch, number, chain):
    """The frames that count, of the two epochs that follow the one that is in the tables."""
    half_bytes = superblock.journal_bytes // 2
    for epoch in (absorbed_epoch + 1, absorbed_epoch + 2):
        at = 8192 + (epoch % 2) * half_bytes
        half_end = at + half_bytes
        while at + FRAME_HEADER_BYTES <= half_end:
            fields = Fields(file[at : at + FRAME_HEADER_BYTES], "journal")
            checksum, said_epoch, said_number, length = (
                fields.u64(),
                fields.u64(),
                fields.u64(),
                fields.u32(),
            )
            end = at + FRAME_HEADER_BYTES + length
            if (said_epoch, said_number) != (epoch, number) or end > half_end:
                break
            if xxhash.xxh3_64_intdigest(file[at + 8 : end], chain) != checksum:
                break
            yield Frame(epoch, number, at, end, bytes(file[at + FRAME_HEADER_BYTES : end]))
            at, number, chain = end, number + 1, checksum


def ops(frame):
    """The ops of a frame: the tag of each, and its fields by their names on the page."""
    fields = Fields(frame.ops, frame.place)
    found = []
    while not fields.is_at_end():
        tag = fields.u8()
        if tag not in LAYOUTS:
            raise Damaged(frame.place, f"there is no op with the tag {tag}")
        op = {}
        for name in LAYOUTS[tag]:
            READ[name](fields, op)
        found.append((tag, op))
    return found


LAYOUTS = {
    APPEND: ("log", "at_ms", "origin", "entries"),
    REPLACE: ("log", "at_ms", "origin", "entries"),
    TRUNCATE: ("log", "len", "at_ms"),
    DELETE_LOG: ("log",),
    DELETE_SESSION: ("session",),
    SET_METADATA_OF_2: ("session", "json"),
    SET_NAME: ("name", "json"),
    DELETE_NAME: ("name",),
    BRANCH: ("session", "from", "to", "len", "at_ms", "origin"),
    ERASE: ("log", "at_ms", "first", "entries"),
    SET_METADATA: ("session", "at_ms", "json"),
}


def read_log(fields, op):
    kind = fields.u8()
    if kind not in (LOG, TRACE):
        raise Damaged(fields.place, f"there is no kind {kind} of logs")
    op["log"] = (kind, fields.uuid(), fields.uuid())


def read_origin(fields, op):
    kind = fields.u8()
    if kind > 2:
        raise Damaged(fields.place, f"there is no kind {kind} of origins")
    op["origin"] = (kind, fields.uuid(), fields.u64()) if kind else (0, NIL, 0)


def read_entries(fields, op):
    count = fields.u64()
    op["entries"] = split(read_bytes(fields), count, fields.place)


def read_bytes(fields):
    return bytes(fields.take(fields.u64()))


READ = {
    "log": read_log,
    "origin": read_origin,
    # With the field `count` before it.
    "entries": read_entries,
    "at_ms": lambda fields, op: op.update(at_ms=fields.u64()),
    "len": lambda fields, op: op.update(len=fields.u64()),
    "first": lambda fields, op: op.update(first=fields.u64()),
    "session": lambda fields, op: op.update(session=fields.uuid()),
    "from": lambda fields, op: op.update({"from": fields.uuid()}),
    "to": lambda fields, op: op.update(to=fields.uuid()),
    "json": lambda fields, op: op.update(json=read_bytes(fields)),
    "name": lambda fields, op: op.update(name=text(read_bytes(fields), fields.place)),
}
