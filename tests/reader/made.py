"""Archives that a build of the command makes: what the reader finds in them is what the command exports."""

import base64
import json
import pathlib
import random
import subprocess
import sys
import tempfile

import reader
from archive import Archive
from rows import LOG
from words import Word

STRANGE = pathlib.Path(__file__).with_name("strange.py")
SESSION = "0f0f0f0f-0000-4000-8000-0000000000a{}"
SEGMENT = "0f0f0f0f-0000-4000-8000-0000000000b{}"


def test(sessiondb, sessions):
    with tempfile.TemporaryDirectory() as folder:
        made = Made(sessiondb, pathlib.Path(folder))
        for name, make in MAKERS.items():
            archive = make(made, sessions)
            yield from (f"{name}: {failure}" for failure in made.compare(archive, name))


class Made:
    """An archive that the command writes to."""

    def __init__(self, sessiondb, folder):
        self.sessiondb = sessiondb
        self.folder = folder
        self.file = folder / "made.sessiondb"

    def run(self, *args, given=None):
        command = [self.sessiondb, "--quiet", "-a", self.file, *args]
        return subprocess.run(command, input=given, check=True, stdout=subprocess.PIPE).stdout

    def append(self, number, lines, *more):
        ids = ("--session", SESSION.format(number), "--segment", SEGMENT.format(number))
        self.run("append", *ids, *more, given=lines)

    def read(self):
        return Archive(self.file.read_bytes())

    def compare(self, archive, name):
        """How the archive that was read differs from what the command exports."""
        folder = self.folder / name
        self.run("export", folder)
        files = {path for path in folder.rglob("*") if path.is_file()}
        notes = {path for path in files if path.name == "session.json"}
        expected = {path.relative_to(folder).as_posix(): path.read_bytes() for path in files - notes}
        found = reader.export(archive)
        for path in sorted(expected.keys() | found.keys()):
            if expected.get(path) != found.get(path):
                yield f"{path} is not what the command exports"
        names = [record for path in notes for record in json.loads(path.read_text("utf-8")).get("names", [])]
        by_name = {record["worker_name"]: record for record in names}
        found = {name: json.loads(record) for name, record in archive.state.names.items() if name[0] != "/"}
        if by_name != found:
            yield f"it has {len(found)} names, and {len(by_name)} are exported"
        metadata = {str(of): json.loads(given) for of, given in archive.state.metadata.items()}
        said = {path.parent.name: json.loads(path.read_text("utf-8")) for path in notes}
        if metadata != {of: note["metadata"] for of, note in said.items() if "metadata" in note}:
            yield f"the metadata are {metadata}"
        yield from filters(archive)
        entries = sum(len(archive.state.entries((LOG, *key))) for key in archive.state.heads)
        print(f"{name}: {len(expected)} logs, {entries} entries, {len(archive.frames)} frames")


def filters(archive):
    """Which filters are not what the page makes of the entries of their runs, or do not tell of a word."""
    runs = 0
    for key in archive.state.heads:
        for run in archive.runs((LOG, *key)):
            runs += 1
            words = archive.filters.get(((LOG, *key), run.first))
            if words is None or not words.is_of(run.entries):
                yield f"{key}: the filter at {run.first} is not that of its run"
    for word in ("kind", "timeout", "größe"):
        has = sum(len(has) for *_, has in archive.with_word(Word(word)))
        logs = [archive.state.own((LOG, *key)) for key in archive.state.heads]
        count = sum(Word(word).is_in(entry) for own in logs for entry in own)
        if has != count:
            yield f"{has} entries with {word} are found by filters, of {count}"


def imported(made, sessions):
    made.run("import", sessions)
    return made.read()


def strange(made, _):
    """Entries that are hard on filters and on rows, branches, traces, metadata, and much that was removed."""
    for number in range(1, 5):
        noise = 300_000 if number == 1 else 0
        args = [str(arg) for arg in (number, 300, noise)]
        lines = subprocess.run([sys.executable, STRANGE, *args], check=True, stdout=subprocess.PIPE)
        made.append(number, lines.stdout)
        made.append(number, b'{"kind":"a"}\n{"kind":"b"}\n', "--trace")
    branches = [made.run("branch", SEGMENT.format(2), str(at)).decode().strip() for at in (10, 200)]
    ids = ("--session", SESSION.format(2), "--segment")
    for branch in branches:
        made.run("append", *ids, branch.split("/")[-1], given=b'{"kind":"on a branch"}\n')
    made.run("truncate", "--yes", SEGMENT.format(2), "100")
    made.run("rm", "--now", "--yes", SEGMENT.format(3))
    large = base64.b64encode(random.Random(1).randbytes(400_000))
    made.append(4, b'{"kind":"large","data":"%s"}\n' % large)
    # One that is cut: between strings, around one that is long, and within one that is longer.
    strings = [b"one two \\n" * 40_000] * 3 + [large + large, b"x" * 4_300_000]
    made.append(4, b'{"kind":"cut","data":["%s"]}\n' % b'","'.join(strings))
    return made.read()


def many(made, _):
    """So many sessions, with metadata and names, that the trees of their tables have branches."""
    for number in range(300):
        session = f"0f0f0f0f-0000-4000-8000-{number * 7919 % 4096:012x}"
        folder = made.folder / "given" / session
        folder.mkdir(parents=True)
        (folder / f"{SEGMENT.format(5)}.jsonl").write_bytes(b'{"kind":"a","number":%d}\n' % number)
        name = {"worker_name": f"name-{'é' * (number % 30)}-{number}", "active": {"session_id": session}}
        note = {"kind": "sessiondb_session", "session": session, "metadata": {"title": "Größe"}}
        (folder / "session.json").write_text(json.dumps(note | {"names": [name]}), "utf-8")
    made.run("import", made.folder / "given")
    archive = made.read()
    branches = set(archive.image.branches)
    if not {"table names", "table heads", "table runs", "table sessions_by_use"} <= branches:
        raise AssertionError(f"only {branches} have branches")
    return archive


def killed(made, _):
    """What a writer leaves that is killed: the journal holds what it had acknowledged."""
    ids = ("--session", SESSION.format(6), "--segment", SEGMENT.format(6))
    command = [made.sessiondb, "--quiet", "-a", made.file, "append", "--ack", *ids]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe) as writer:
        for number in range(40):
            writer.stdin.write(b'{"kind":"said","number":%d}\n' % number)
            writer.stdin.flush()
            writer.stdout.readline()
        writer.kill()
    archive = made.read()
    if not archive.frames:
        raise AssertionError("a writer that was killed left no frames")
    return archive


MAKERS = {"imported": imported, "strange": strange, "many": many, "killed": killed}
