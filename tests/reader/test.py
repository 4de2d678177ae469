"""Tests the reader on the golden archives, on damage, and on archives that a build of the command makes.

    test.py [SESSIONDB]
"""

import json
import pathlib
import sys

import damage
import journal
import made
import reader
from archive import Archive

# The ops that were replayed.
TAGS = set()
DATA = pathlib.Path(__file__).resolve().parent.parent / "data"


def main():
    failures = []
    journals = sorted((DATA / "journal").glob("*.sessiondb"))
    for file in journals:
        failures += [f"{file}: {failure}" for failure in replayed(file)]
    # Op 6 is of version 2, and op 10 never goes through the journal.
    if TAGS != {1, 2, 3, 4, 5, 7, 8, 9, 11}:
        failures.append(f"the journals hold the ops {sorted(TAGS)} alone")
    print(f"{len(journals)} archives read whose journals hold all ops")
    archives = sorted((DATA / "golden").glob("*/*.sessiondb"))
    for file in archives:
        failures += [f"{file}: {failure}" for failure in golden(file)]
    print(f"{len(archives)} golden archives read")
    for name, test in damage.TESTS.items():
        found = test(DATA / "golden" / "v3")
        failures += [f"{name}: {failure}" for failure in found]
    if len(sys.argv) > 1:
        failures += made.test(pathlib.Path(sys.argv[1]).resolve(), DATA / "sessions")
    else:
        print("SKIPPED: no command was named, so only the golden archives were read")
    for failure in failures:
        print(f"FAILED: {failure}", file=sys.stderr)
    if failures or len(archives) < 6 or len(journals) < 2:
        sys.exit(f"{len(failures)} failures, {len(archives)} and {len(journals)} archives")


def golden(file):
    """How a golden archive differs from what stands beside it."""
    archive = Archive(file.read_bytes())
    version = int(file.parent.name.removeprefix("v"))
    if archive.superblock.version != version:
        yield f"it has version {archive.superblock.version}"
    yield from compared(archive, file)


def replayed(file):
    """The same of an archive whose journal holds all ops that a journal can."""
    archive = Archive(file.read_bytes())
    tags = {tag for frame in archive.frames for tag, _ in journal.ops(frame)}
    TAGS.update(tags)
    if len({frame.epoch for frame in archive.frames}) != 2 or not {1, 2, 3, 4, 5, 9} <= tags:
        yield f"its {len(archive.frames)} frames hold the ops {sorted(tags)} alone"
    if archive.state.handed_over < 5:
        yield f"entries are handed over {archive.state.handed_over} times only"
    yield from compared(archive, file)
    lines = [json.loads(line) for line in reader.lines(archive)]
    notes = {line["note"].removeprefix("/"): line["record"] for line in lines if "note" in line}
    if notes != json.loads(file.with_suffix(".notes.json").read_text("utf-8")):
        yield f"its notes are {notes}"


def compared(archive, file):
    folder = file.with_suffix("")
    found = reader.export(archive)
    expected = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }
    yield from differences(expected, found)
    said = json.loads(file.with_suffix(".json").read_text("utf-8"))
    if listing(archive) != said:
        yield f"it lists {json.dumps(listing(archive))}"


def differences(expected, found):
    for name in sorted(expected.keys() | found.keys()):
        if expected.get(name) != found.get(name):
            yield f"{name} is {shown(found.get(name))} and not {shown(expected.get(name))}"


def shown(content):
    return "missing" if content is None else f"{len(content)} bytes"


def listing(archive):
    """What is listed beside a golden archive, where what is 0 or absent is mostly left out."""
    sessions = []
    lines = [json.loads(line) for line in reader.lines(archive)]
    for line in lines:
        if "session" in line and "segment" not in line:
            metadata = line.pop("metadata")
            line["id"] = line.pop("session")
            sessions.append({"session": line, "segments": [], "metadata": metadata})
        elif "segment" in line:
            line["id"] = line.pop("segment")
            for key in ("log", "trace"):
                del line[key]
            for key in ("parent", "branches"):
                if not line[key]:
                    del line[key]
            sessions[-1]["segments"].append(line)
    return {"sessions": sessions, "names": [line["record"] for line in lines if "name" in line]}


if __name__ == "__main__":
    main()
