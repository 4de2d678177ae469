"""The superblock: what the file is, and whether this reader may read it."""

import dataclasses
import uuid

import xxhash

from fields import Damaged, Fields, Refused

MAGIC = bytes.fromhex("73657373696f6e6462000d0a1a0a00ff")
LEN = 4096
CHECKSUM_AT = 4088
VERSIONS = (2, 3, 4)
JOURNAL_OFFSET = 8192
MIN_JOURNAL_BYTES = 16384
MAX_JOURNAL_BYTES = 1 << 30

ZSTD = 1 << 0
SHARED_VALUES = 1 << 1
WORD_FILTERS = 1 << 16
SESSIONS_BY_USE = 1 << 17
NO_WORD_FILTERS = 1 << 24
# Whoever does not know one of these bits refuses the archive.
MUST_BE_KNOWN = 0x0000FFFF
NAMES = {
    ZSTD: "runs compressed with zstd",
    SHARED_VALUES: "values that repeat stored once",
    WORD_FILTERS: "word filters",
    SESSIONS_BY_USE: "index by last use",
    NO_WORD_FILTERS: "no word filters wanted",
}


@dataclasses.dataclass(frozen=True)
class Superblock:
    version: int
    features: int
    archive_id: uuid.UUID
    created_ms: int
    journal_bytes: int
    image_offset: int

    def has(self, feature):
        return bool(self.features & feature)

    def feature_names(self):
        bits = [1 << bit for bit in range(32) if self.features >> bit & 1]
        return [NAMES.get(bit, f"bit {bit.bit_length() - 1}, unknown") for bit in bits]


def read(file):
    """The superblock of a file, by all of its bytes."""
    page = bytes(file[:LEN])
    if page[: len(MAGIC)] != MAGIC:
        raise Refused("not an archive: it does not begin with the mark of one")
    if len(page) < LEN:
        raise Damaged("superblock", f"the file ends within it, after {len(page)} bytes")
    fields = Fields(with_true_version(page), "superblock")
    fields.take(len(MAGIC))
    found = Superblock(
        version=fields.u32(),
        features=fields.u32(),
        archive_id=fields.uuid(),
        created_ms=fields.u64(),
        journal_bytes=fields.u64(),
        image_offset=fields.u64(),
    )
    if found.version not in VERSIONS:
        raise Refused(
            f"the archive has format version {found.version}, this reader knows "
            f"{VERSIONS[0]} to {VERSIONS[-1]}"
        )
    for bit in range(32):
        if found.features & MUST_BE_KNOWN & ~(ZSTD | SHARED_VALUES) & 1 << bit:
            raise Refused(f"the archive has feature bit {bit}, which this reader does not know")
    in_range = MIN_JOURNAL_BYTES <= found.journal_bytes <= MAX_JOURNAL_BYTES
    if not in_range or found.journal_bytes % MIN_JOURNAL_BYTES:
        raise Damaged("superblock", f"a journal cannot have {found.journal_bytes} bytes")
    if found.image_offset != JOURNAL_OFFSET + found.journal_bytes:
        raise Damaged("superblock", "its lengths do not agree")
    if len(file) <= found.image_offset:
        raise Damaged("superblock", f"the file ends after {len(file)} bytes, before its image")
    return found


def with_true_version(page):
    """The page without its checksum; of a takeover that power loss tore apart, with version 2."""
    body = page[:CHECKSUM_AT]
    stored = int.from_bytes(page[CHECKSUM_AT:], "little")
    if xxhash.xxh3_64_intdigest(body) == stored:
        return body
    at = len(MAGIC)
    if int.from_bytes(body[at : at + 4], "little") in VERSIONS:
        for version in VERSIONS:
            other = body[:at] + version.to_bytes(4, "little") + body[at + 4 :]
            if xxhash.xxh3_64_intdigest(other) == stored:
                return body[:at] + VERSIONS[0].to_bytes(4, "little") + body[at + 4 :]
    raise Damaged("superblock", "its checksum does not match")
