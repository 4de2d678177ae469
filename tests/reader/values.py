"""The values that runs share: each by its name, from the group that it is in."""

import hashlib
import uuid

import xxhash
import zstandard

from fields import Damaged, Fields
from rows import NIL, unseal

HEAD = 0
PIECE = b"sVal"
ZSTD = 1


class Values:
    """All shared values of an archive, verified, and how often runs use them."""

    def __init__(self, image, is_there):
        self.groups, self.known, self.used = {}, {}, {}
        self.counts = {}
        if not is_there:
            return
        self.read_groups(image)
        for key, row in image.table("values", 32):
            place = f"row {key.hex()}"
            fields = Fields(unseal("values", key, row, place), f"table values, {place}")
            runs, group = fields.u64(), fields.uuid()
            fields.must_end()
            if self.groups.get(bytes(key)) != group:
                raise Damaged(f"table values, {place}", "its group does not have it")
            self.counts[bytes(key)] = runs
        if self.counts.keys() != self.known.keys():
            raise Damaged("table value_groups", "a group has a value that the table does not")

    def read_groups(self, image):
        rows = {}
        for key, row in image.table("value_groups", 40, by_number):
            group, nothing, number = by_number(key)
            place = f"group {int.from_bytes(group, 'big')}, row {number}"
            if nothing != NIL.bytes:
                raise Damaged(f"table value_groups, {place}", "its key is none of a group")
            rows.setdefault(group, {})[number] = unseal("value_groups", key, row, place)
        for group, contents in rows.items():
            place = f"table value_groups, group {int.from_bytes(group, 'big')}"
            for name, value in values_of(group, contents, place):
                self.known[name] = value
                self.groups[name] = uuid.UUID(bytes=bytes(group))

    def use(self, name, place):
        """The value, for a run."""
        if name not in self.known:
            raise Damaged(place, f"the value {name.hex()} that it shares is missing")
        self.used.setdefault(name, set()).add(place)
        return self.known[name]

    def check(self):
        """Whether each knows how many runs have it, once all runs were read."""
        for name, runs in self.counts.items():
            found = len(self.used.get(name, ()))
            if found != runs:
                raise Damaged("table values", f"{name.hex()} tells of {runs} runs, and {found} have it")


def values_of(group, contents, place):
    """The values of a group by the contents of its rows."""
    if HEAD not in contents:
        raise Damaged(place, "its head is missing")
    fields = Fields(contents[HEAD], place)
    length, stored_bytes, checksum = fields.u64(), fields.u64(), fields.u64()
    pieces, encoding = fields.u32(), fields.u8()
    listed = []
    while not fields.is_at_end():
        listed.append((bytes(fields.take(32)), fields.u32()))
    if encoding > ZSTD or sorted(contents) != list(range(pieces + 1)):
        raise Damaged(place, "its rows are not those of a group")
    stored = b"".join(piece(group, number, contents[number], place) for number in range(1, pieces + 1))
    if len(stored) != stored_bytes or xxhash.xxh3_64_intdigest(stored) != checksum:
        raise Damaged(place, "its pieces do not belong together")
    if encoding == ZSTD:
        try:
            stored = zstandard.ZstdDecompressor().decompress(stored, max_output_size=max(length, 1))
        except zstandard.ZstdError as error:
            raise Damaged(place, f"it does not unpack: {error}") from None
    if len(stored) != length or sum(size for _, size in listed) != length:
        raise Damaged(place, "its values are not as long as its head says")
    at = 0
    for name, size in listed:
        value = stored[at : at + size]
        at += size
        short = xxhash.xxh3_64_intdigest(value).to_bytes(8, "little")
        if name != short + hashlib.sha256(value).digest()[:24]:
            raise Damaged(place, "a value is not what it is called")
        yield name, value


def piece(group, number, content, place):
    fields = Fields(content, place)
    mark, of = bytes(fields.take(4)), bytes(fields.take(16))
    said, length = fields.u32(), fields.u32()
    rest = bytes(fields.rest())
    if (mark, of, said, length) != (PIECE, bytes(group), number, len(rest)):
        raise Damaged(place, f"its row {number} is no piece of it")
    return rest


def by_number(key):
    """The order of keys that end with a number."""
    return key[:16], key[16:32], int.from_bytes(key[32:], "little")
