"""Damage: whatever byte is another one, the reader says so, or gives just what was there."""

import random

import xxhash

import journal
import reader
import superblock
from archive import Archive
from fields import Damaged, Refused
from image import SLOTS_AT, SLOT_BYTES, page_range
from rows import LOG, run_row, unseal

SEED = 20261128
FLIPS = 300


def read(file, most_frames=None):
    """All that a file says, but for how many frames it has; or the error."""
    try:
        archive = Archive(bytes(file), most_frames)
        return b"".join(list(reader.lines(archive))[1:])
    except (Damaged, Refused) as error:
        return error


def flipped(file, at, rng):
    changed = bytearray(file)
    changed[at] ^= 1 << rng.randrange(8)
    return changed


def sealed(file, **fields):
    """The file with other fields in its superblock, and the checksum that fits them."""
    changed = bytearray(file)
    at = {"version": (16, 4), "features": (20, 4), "journal_bytes": (48, 8), "image_offset": (56, 8)}
    for name, value in fields.items():
        start, length = at[name]
        changed[start : start + length] = value.to_bytes(length, "little")
    checksum = xxhash.xxh3_64_intdigest(bytes(changed[: superblock.CHECKSUM_AT]))
    changed[superblock.CHECKSUM_AT : superblock.LEN] = checksum.to_bytes(8, "little")
    return changed


def structures(goldens):
    """A byte of each kind of structure, and what the reader says of it."""
    rng = random.Random(SEED)
    file = (goldens / "closed.sessiondb").read_bytes()
    archive = Archive(file)
    image = archive.image
    features, base = archive.superblock.features, image.offset
    slot = base + SLOTS_AT + (file[base + 9] & 1) * SLOT_BYTES
    cases = [
        ("magic", flipped(file, 3, rng), "not an archive"),
        ("archive_id", flipped(file, 30, rng), "superblock: its checksum does not match"),
        ("zeros", flipped(file, 3000, rng), "superblock: its checksum does not match"),
        ("checksum", flipped(file, 4090, rng), "superblock: its checksum does not match"),
        ("newer version", sealed(file, version=5), "format version 5, this reader knows 2 to 4"),
        ("draft", sealed(file, version=1), "format version 1, this reader knows 2 to 4"),
        ("journal_bytes", sealed(file, journal_bytes=100), "a journal cannot have 100 bytes"),
        ("image_offset", sealed(file, image_offset=8192), "its lengths do not agree"),
        ("half a superblock", file[:2000], "the file ends within it"),
        ("no image", file[:base], "before its image"),
        ("half an image", file[: base + 4096], "the file ends before it does"),
        ("header", flipped(file, base + 2, rng), "it does not begin as an image does"),
        ("page size", flipped(file, base + 13, rng), "its pages and regions have sizes"),
        ("commit", flipped(file, slot + 20, rng), "the checksum of its commit does not match"),
        ("flags", with_other_commit(file, base), "this is not its last commit"),
    ]
    for bit in range(2, 16):
        named = f"feature bit {bit}, which this reader does not know"
        cases.append((f"feature {bit}", sealed(file, features=features | 1 << bit), named))
    roots = {name: table.root for name, table in image.tables.items() if table.root}
    for name, root in [("tree of tables", image.commit.tables), *roots.items()]:
        at = base + page_range(root.page, name)[0] + 4
        place = name if name == "tree of tables" else f"table {name}"
        cases.append((name, flipped(file, at, rng), f"{place}, page at byte"))
    if len(roots) < 8:
        yield f"only {len(roots)} tables have rows"
    for name, changed, message in cases:
        found = read(changed)
        if not isinstance(found, Exception) or message not in str(found):
            yield f"{name}: it says {str(found)[:200]!r}, without {message!r}"
    whole = read(file)
    for bit in range(16, 32):
        if read(sealed(file, features=features | 1 << bit)) != whole and bit not in (16, 17):
            yield f"feature {bit}, which a reader need not know, changes what is read"
    print(f"{len(cases)} kinds of damage named")


def with_other_commit(file, base):
    changed = bytearray(file)
    changed[base + 9] ^= 1
    return changed


def rows(goldens):
    """Each row, by itself, with a byte that is another one, or under another key."""
    rng = random.Random(SEED)
    archive = Archive((goldens / "closed.sessiondb").read_bytes())
    tried = 0
    for (kind, session, segment), found in (*archive.rows[1].items(), *archive.rows[2].items()):
        for first, row in found.items():
            key = (session, segment, first)
            for changed in (bytes(flipped(row, at, rng)) for at in range(0, len(row), 7)):
                tried += 1
                if not isinstance(tried_row(run_row, kind, key, changed), Damaged):
                    yield f"a run of {key} is another one, and not refused"
            if not isinstance(tried_row(run_row, kind, (segment, session, first), row), Damaged):
                yield f"the run of {key} passes for another one"
            strange = bytearray(row)
            strange[13] = 3
            strange[:8] = xxhash.xxh3_64_intdigest(bytes(strange[8:])).to_bytes(8, "little")
            said = tried_row(run_row, kind, key, bytes(strange))
            if "there is no encoding 3" not in str(said):
                yield f"of an encoding that does not exist it says {said!r}"
    widths = {"heads": 32, "sessions": 16, "metadata": 16, "segment_index": 32, "names": None, "meta": None}
    for table, width in widths.items():
        for key, row in archive.image.table(table, width):
            for changed in (bytes(flipped(row, at, rng)) for at in range(len(row))):
                tried += 1
                if not isinstance(tried_row(unseal, table, key, changed, "row"), Damaged):
                    yield f"a row of {table} is another one, and not refused"
            if not isinstance(tried_row(unseal, table, key + b"x", row, "row"), Damaged):
                yield f"a row of {table} passes for one of another key"
    print(f"{tried} damaged rows refused")


def tried_row(parse, *given):
    try:
        return parse(*given)
    except Damaged as error:
        return error


def flips(goldens):
    """A byte anywhere in a file that was closed, half of them where something stands that counts."""
    rng = random.Random(SEED)
    file = (goldens / "closed.sessiondb").read_bytes()
    whole = read(file)
    image = Archive(file).image
    used = [image.offset + at for pages in image.used for at in pages]
    refused = 0
    for number in range(FLIPS):
        at = rng.choice(used) if number % 2 else rng.randrange(len(file))
        found = read(flipped(file, at, rng))
        refused += isinstance(found, Exception)
        if not isinstance(found, Exception) and found != whole:
            yield f"with another byte {at} it gives something else"
    if refused < FLIPS // 3:
        yield f"only {refused} of {FLIPS} flips were refused"
    print(f"{FLIPS} flips: {refused} refused, {FLIPS - refused} without a difference")


def frames(goldens):
    """A byte of each frame: what is read ends before that frame, and is what was there then."""
    rng = random.Random(SEED)
    file = (goldens / "left.sessiondb").read_bytes()
    archive = Archive(file)
    before = [read(file, most_frames=most) for most in range(len(archive.frames) + 1)]
    epochs = {frame.epoch for frame in archive.frames}
    if len(epochs) != 2 or len(set(before)) < len(before) // 2:
        yield f"the archive that was left has epochs {epochs} and {len(set(before))} states"
    for number, frame in enumerate(archive.frames):
        for at in (frame.at, frame.at + 12, frame.at + 17, frame.at + 24, frame.end - 1):
            if read(flipped(file, at, rng)) != before[number]:
                yield f"with another byte {at}, frame {number} does not end what is read"
    for number in range(FLIPS):
        at = rng.randrange(superblock.JOURNAL_OFFSET, len(file))
        # Which of two commits is the last one, only flags tell in a file that was not closed.
        is_flags = at == archive.superblock.image_offset + 9
        found = read(flipped(file, at, rng))
        if not isinstance(found, Exception) and found not in before and not is_flags:
            yield f"with another byte {at} it gives something that never was there"
    print(f"{len(archive.frames)} frames of {len(epochs)} epochs end where a byte is another one")


def strange_ops(goldens):
    """Frames that are whole and hold what cannot be are refused, by their number."""
    file = (goldens / "empty.sessiondb").read_bytes()
    archive = Archive(file)
    cases = {
        bytes([99]): "there is no op with the tag 99",
        bytes([journal.APPEND, LOG, 1]): "bytes too early",
        bytes([journal.DELETE_LOG, 7]) + bytes(32): "there is no kind 7 of logs",
        bytes([journal.TRUNCATE, LOG]) + bytes(48): "it is not there",
        bytes([journal.SET_METADATA_OF_2]) + bytes(24): "it is not there",
        bytes([journal.BRANCH]) + bytes(48 + 16 + 1): "that it does not have",
    }
    for ops, message in cases.items():
        found = read(with_frame(file, archive, ops))
        place = f"journal, frame {archive.absorbed[1]} at byte"
        if not isinstance(found, Damaged) or not str(found).startswith(place) or message not in str(found):
            yield f"of the ops {ops.hex()} it says {found!r}"


def with_frame(file, archive, ops):
    """The file with one more frame."""
    epoch, number, chain = archive.absorbed
    epoch += 1
    at = superblock.JOURNAL_OFFSET + epoch % 2 * (archive.superblock.journal_bytes // 2)
    checked = epoch.to_bytes(8, "little") + number.to_bytes(8, "little")
    checked += len(ops).to_bytes(4, "little") + bytes(4) + ops
    frame = xxhash.xxh3_64_intdigest(checked, chain).to_bytes(8, "little") + checked
    return file[:at] + frame + file[at + len(frame) :]


TESTS = {
    "structures": structures,
    "rows": rows,
    "flips": flips,
    "frames": frames,
    "strange ops": strange_ops,
}
