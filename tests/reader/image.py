"""The image: its header, its pages with their checksums, and the rows of its tables."""

import dataclasses

import xxhash

from fields import Damaged, Fields, Refused, text

MAGIC = b"redb\x1a\x0a\xa9\x0d\x0a"
HEADER_BYTES = 320
SLOTS_AT = 64
SLOT_BYTES = 128
SLOT_CHECKSUM_AT = 112
PAGE_BYTES = 4096
REGION_PAGES = 1 << 20
MAX_ORDER = 20
PAGE_FORMAT = 3
LEAF = 1
BRANCH = 2
PLAIN_TABLE = 3
# Keys and values of as many bytes as they need.
VARIABLE = (None, None)


@dataclasses.dataclass(frozen=True)
class Root:
    page: int
    checksum: int
    rows: int


@dataclasses.dataclass(frozen=True)
class Slot:
    """A commit."""

    is_sound: bool
    page_format: int
    tables: Root | None
    number: int


@dataclasses.dataclass(frozen=True)
class Table:
    root: Root | None
    widths: tuple


class Image:
    """An image by all of its bytes."""

    def __init__(self, data, offset):
        self.data = memoryview(data)
        self.offset = offset
        # Which bytes of the image pages that were read make use of.
        self.used = [range(HEADER_BYTES)]
        # The trees of which a page with links was read, once for each.
        self.branches = []
        self.commit = self.read_header()
        self.tables = self.read_tables()

    def read_header(self):
        """The last commit."""
        place = f"header of the image, byte {self.offset}"
        fields = Fields(self.data[:HEADER_BYTES], place)
        if bytes(fields.take(len(MAGIC))) != MAGIC:
            raise Damaged(place, "it does not begin as an image does")
        flags = fields.u8()
        fields.take(2)
        sizes = (fields.u32(), fields.u32(), fields.u32())
        if sizes != (PAGE_BYTES, 0, REGION_PAGES):
            raise Damaged(place, f"its pages and regions have sizes {sizes}")
        slots = [self.read_slot(number, place) for number in (0, 1)]
        for slot in slots:
            if slot.is_sound and slot.page_format != PAGE_FORMAT:
                raise Refused(f"{place}: its pages are of format {slot.page_format}")
        newer, other = slots[flags & 1], slots[1 - (flags & 1)]
        if not newer.is_sound:
            raise Damaged(place, "the checksum of its commit does not match")
        is_closed = not flags & 2
        if is_closed and (flags & 8 or (other.is_sound and other.number > newer.number)):
            raise Damaged(place, "the image was closed, and this is not its last commit")
        return newer

    def read_slot(self, number, place):
        at = SLOTS_AT + number * SLOT_BYTES
        fields = Fields(self.data[at : at + SLOT_BYTES], place)
        checked = fields.data[:SLOT_CHECKSUM_AT]
        page_format, has_tables = fields.u8(), fields.u8()
        fields.take(6)
        tables = read_root(fields, has_tables)
        fields.take(32 + 32)
        return Slot(
            page_format=page_format,
            tables=tables,
            number=fields.u64(),
            is_sound=fields.u128() == xxhash.xxh3_128_intdigest(checked),
        )

    def read_tables(self):
        tables = {}
        for name, row in self.rows(self.commit.tables, VARIABLE, "tree of tables"):
            name = text(name, "tree of tables")
            fields = Fields(row, f"table {name}")
            kind = fields.u8()
            if kind != PLAIN_TABLE:
                raise Damaged(fields.place, f"there is no kind {kind} of tables")
            rows, has_root = fields.u64(), fields.u8()
            root = read_root(fields, has_root)
            widths = (read_width(fields), read_width(fields))
            alignments = (fields.u32(), fields.u32())
            if alignments != (1, 1) or rows != (root.rows if root else 0):
                raise Damaged(fields.place, "its row in the tree of tables contradicts itself")
            tables[name] = Table(root, widths)
        return tables

    def table(self, name, key_width, order=bytes):
        """The rows of a table in the order of their keys."""
        if name not in self.tables:
            raise Damaged("tree of tables", f"the table {name} is missing")
        table = self.tables[name]
        if table.widths != (key_width, None):
            raise Damaged(f"table {name}", f"its keys and values have widths {table.widths}")
        before = None
        for key, row in self.rows(table.root, table.widths, f"table {name}"):
            place = order(key)
            if before is not None and place <= before:
                raise Damaged(f"table {name}", "its keys are not in their order")
            before = place
            yield key, row

    def rows(self, root, widths, place):
        if root is None:
            return
        found = 0
        for row in self.rows_below(root.page, root.checksum, widths, place, depth=0):
            found += 1
            yield row
        if found != root.rows:
            raise Damaged(place, f"it has {found} rows where {root.rows} are named")

    def rows_below(self, number, checksum, widths, place, depth):
        page, place = self.page(number, place)
        fields = Fields(page, place)
        kind, _, count = fields.u8(), fields.u8(), fields.u16()
        if count == 0:
            raise Damaged(place, "it has no rows")
        if kind == LEAF:
            key_ends = read_ends(fields, count, widths[0])
            value_ends = read_ends(fields, count, widths[1])
            keys = read_parts(fields, count, widths[0], key_ends)
            values = read_parts(fields, count, widths[1], value_ends)
            self.must_match(number, fields.at, checksum, place)
            yield from zip(keys, values)
        elif kind == BRANCH:
            fields.take(4)
            checksums = [fields.u128() for _ in range(count + 1)]
            numbers = [fields.u64() for _ in range(count + 1)]
            read_parts(fields, count, widths[0], read_ends(fields, count, widths[0]))
            self.must_match(number, fields.at, checksum, place)
            if depth > 64:
                raise Damaged(place, "its tree does not end")
            name = place.split(", page")[0]
            self.branches.append(name)
            for below, checksum in zip(numbers, checksums):
                yield from self.rows_below(below, checksum, widths, name, depth + 1)
        else:
            raise Damaged(place, f"there is no kind {kind} of pages")

    def must_match(self, number, used, checksum, place):
        start, _ = page_range(number, place)
        if xxhash.xxh3_128_intdigest(self.data[start : start + used]) != checksum:
            raise Damaged(place, "its checksum does not match")
        self.used.append(range(start, start + used))

    def page(self, number, place):
        """The bytes of a page, and the name of its place."""
        start, length = page_range(number, place)
        place = f"{place}, page at byte {self.offset + start}"
        if start + length > len(self.data):
            raise Damaged(place, "the file ends before it does")
        return self.data[start : start + length], place


def page_range(number, place):
    """Where in the image the page with a number begins, and how long it is."""
    order = number >> 59
    if order > MAX_ORDER:
        raise Damaged(place, f"a link leads to a page of order {order}")
    length = PAGE_BYTES << order
    index = number & ((1 << 20) - 1) >> order
    region = number >> 20 & (1 << 20) - 1
    return PAGE_BYTES + region * REGION_PAGES * PAGE_BYTES + index * length, length


def read_root(fields, is_there):
    root = Root(fields.u64(), fields.u128(), fields.u64())
    return root if is_there else None


def read_width(fields):
    is_fixed, width = fields.u8(), fields.u32()
    return width if is_fixed else None


def read_ends(fields, count, width):
    """Where each key or value ends, if they have no fixed width."""
    return None if width is not None else [fields.u32() for _ in range(count)]


def read_parts(fields, count, width, ends):
    if ends is None:
        return [bytes(fields.take(width)) for _ in range(count)]
    parts = []
    for end in ends:
        if end < fields.at:
            raise Damaged(fields.place, f"a row ends at {end}, where it cannot")
        parts.append(bytes(fields.take(end - fields.at)))
    return parts

