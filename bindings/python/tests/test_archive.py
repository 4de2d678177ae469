"""Archives, logs, snapshots, batches: what they do, and what they refuse."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

import sessiondb
from sessiondb import Archive


def test_append_read_and_count(archive: Archive) -> None:
    log = archive.log()
    receipt = log.append({"kind": "user", "text": "hello"})
    assert (receipt.index, receipt.len, receipt.synced) == (0, 1, True)
    assert receipt.version < archive.version()
    assert log.append_many([{"n": 1}, {"n": 2}]).len == 3
    assert len(log) == 3 and log
    log.truncate(1)
    log.replace([{"n": 3}])
    assert log.read().json() == [{"n": 3}]
    assert log.delete() and not log.delete() and not log.exists()


def test_ids_are_uuids_or_their_text(archive: Archive) -> None:
    session, segment = sessiondb.new_session_id(), sessiondb.new_segment_id()
    assert isinstance(session, uuid.UUID) and session.version == 7
    archive.log(session, segment).append({})
    log = archive.log(str(session), str(segment))
    assert len(log) == 1 and (log.session_id, log.segment_id) == (session, segment)
    with pytest.raises(ValueError):
        archive.log("no id")
    assert archive.matching(str(session)) == [(session, None)]
    assert archive.matching(str(segment)) == [(session, segment)]


def test_an_archive_is_kept(path: Path) -> None:
    with Archive(path) as archive:
        log = archive.log()
        log.append({"n": 1})
    assert not archive.is_open
    with Archive(path, read_only=True) as again:
        assert again.log(log.session_id, log.segment_id).read().json() == [{"n": 1}]
        with pytest.raises(sessiondb.ReadOnlyError) as caught:
            again.log().append({})
        assert caught.value.kind == "read_only" and getattr(caught.value, "path") == again.path


def test_what_is_closed_says_so(path: Path) -> None:
    archive = Archive(path)
    log, batch = archive.log(), archive.batch()
    batch.append(log, {})
    closed = archive.close()
    assert closed is not None and closed.is_open_here  # the batch
    assert archive.close() is None
    for call in (lambda: log.append({}), lambda: len(log), archive.snapshot, batch.commit):
        with pytest.raises(sessiondb.ClosedError) as caught:
            call()
        assert caught.value.variant == "Closed" and str(path) in str(caught.value)
    with Archive(path) as again:
        assert again.sessions() == []


def test_closing_says_what_is_open(path: Path) -> None:
    archive, other = Archive(path), Archive(path)
    still = archive.close()
    assert still is not None and still.is_open_here
    log = other.log()
    log.append({})
    closed = other.close()
    assert closed is not None
    assert (closed.is_open_here, closed.is_open_elsewhere, closed.is_journal_empty) == (False, False, True)


def test_errors_are_what_a_caller_can_act_on(archive: Archive, path: Path, tmp_path: Path) -> None:
    log = archive.log()
    log.append_many([1, 2, 3])
    with pytest.raises(sessiondb.ConflictError) as conflict:
        log.append_at(2, [4])
    assert (conflict.value.expected, conflict.value.actual) == (2, 3)
    assert getattr(conflict.value, "segment") == log.segment_id
    with pytest.raises(sessiondb.NotFoundError) as missing:
        Archive(tmp_path / "none", create=False)
    assert isinstance(missing.value, LookupError)
    with pytest.raises(sessiondb.ConflictError):
        Archive(path, create_new=True)
    (tmp_path / "text").write_text("no archive" * 1_000)
    with pytest.raises(sessiondb.IncompatibleError):
        Archive(tmp_path / "text")
    with pytest.raises(sessiondb.InvalidError) as past:
        log.branch(9)
    assert (past.value.variant, getattr(past.value, "actual")) == ("BranchPastEnd", 3)
    with pytest.raises(sessiondb.InvalidError):
        archive.write_name("a/b", {})
    with pytest.raises(ValueError):
        Archive(path, durability="never")  # type: ignore[arg-type]
    with pytest.raises(ValueError):
        Archive(path, lock_timeout=-1)
    assert issubclass(sessiondb.IoError, OSError) and issubclass(sessiondb.BusyError, TimeoutError)


def test_branches_share_what_they_have_in_common(archive: Archive) -> None:
    log = archive.log()
    log.append_many([1, 2, 3])
    branch = log.branch(2)
    branch.append(4)
    assert branch.read().json() == [1, 2, 4]
    info = archive.segment(branch.session_id, branch.segment_id)
    assert info is not None and info.parent == (log.segment_id, 2)
    session = archive.session(log.session_id)
    assert session is not None and session.segments == 2


def test_traces_are_a_log_of_their_own(archive: Archive) -> None:
    log = archive.log()
    trace = archive.trace(log.session_id, log.segment_id)
    assert (trace.durability, log.durability, trace.is_trace) == ("written", "synced", True)
    trace.append({"ts": 1})
    assert len(trace) == 1 and not log.exists()
    assert log.with_durability("written").durability == "written"


def test_a_time_can_be_given(archive: Archive) -> None:
    log = archive.log().with_timestamp(1_000)
    log.append({})
    info = archive.session(log.session_id)
    assert info is not None and (info.created_ms, info.updated_ms) == (1_000, 1_000)


def test_a_snapshot_stays_as_it_was(archive: Archive) -> None:
    log = archive.log()
    log.append(1)
    now = archive.snapshot()
    before = log.snapshot()
    log.append(2)
    archive.log().append(3)
    assert now.log(log.session_id, log.segment_id).read().json() == [1]
    assert len(before) == 1 and list(before)[0].json() == 1 and before.last(5).json() == [1]
    assert [info.id for info in now.sessions()] == [log.session_id]
    assert len(archive.sessions()) == 2
    assert now.session_of(log.segment_id) == log.session_id
    assert [info.entries for info in now.segments(log.session_id)] == [1]


def test_sessions_come_in_pages(archive: Archive) -> None:
    ids = [sessiondb.new_session_id() for _ in range(5)]
    for time, session in enumerate(ids, start=1):
        archive.log(session).with_timestamp(time).append({})
    page = archive.snapshot().query_sessions(limit=3)
    assert [info.id for info in page.sessions] == ids[:1:-1] and page.next is not None
    page = archive.snapshot().query_sessions(limit=3, after=page.next)
    assert [info.id for info in page.sessions] == ids[1::-1] and page.next is None
    page = archive.snapshot().query_sessions(since_ms=2, until_ms=4)
    assert [info.updated_ms for info in page.sessions] == [3, 2]
    with pytest.raises(ValueError):
        archive.snapshot().query_sessions(after="nothing")


def test_a_batch_is_made_as_a_whole_or_not_at_all(archive: Archive) -> None:
    log, other = archive.log(), archive.log()
    log.append(1)
    with archive.batch() as batch:
        batch.append(log, {"n": 2}).append_many(other, [3, 4])
        batch.set_metadata(log.session_id, {"title": "t"}).write_note("app/note", [1])
        batch.write_name("worker", {"at": 1})
    assert (len(log), len(other)) == (2, 2)
    assert archive.metadata(log.session_id) == {"title": "t"}
    assert archive.read_note("app/note") == [1] and archive.notes("app/") == ["app/note"]
    assert archive.read_name("worker") == {"at": 1}

    with pytest.raises(sessiondb.ConflictError):
        archive.batch().expect_len(log, 7).truncate(log, 0).delete(other).commit()
    with pytest.raises(sessiondb.ConflictError) as absent:
        archive.batch().expect_absent(log).append(log, 9).commit()
    assert absent.value.variant == "ConditionFailed"
    with pytest.raises(ZeroDivisionError), archive.batch() as given_up:
        given_up.truncate(log, 0)
        1 / 0
    assert (len(log), len(other)) == (2, 2)
    with pytest.raises(RuntimeError):
        given_up.commit()

    first = archive.batch().expect_len(log, 7).append(log, 8)
    assert not first.commit_or(archive.batch().append(log, 9))
    assert log.last(1).json() == [9]


def test_a_batch_is_of_one_archive(archive: Archive, tmp_path: Path) -> None:
    with Archive(tmp_path / "other") as other:
        log = other.log()
        with pytest.raises(sessiondb.InvalidError):
            archive.batch().append(log, 1).commit()
        assert not log.exists()


def test_records_beside_entries(archive: Archive) -> None:
    log = archive.log()
    log.append(1)
    archive.set_metadata(log.session_id, {"title": "Grüße"})
    archive.write_note("app/theme", {"dark": True, "name": "x"})
    archive.write_name("worker", {"session_id": str(log.session_id)})
    now = archive.snapshot()
    assert now.metadata(log.session_id) == archive.metadata(log.session_id) == {"title": "Grüße"}
    assert now.read_note("app/theme") == archive.read_note("app/theme") == {"dark": True, "name": "x"}
    assert now.names() == archive.names() == ["worker"]
    assert archive.delete_note("app/theme") and not archive.delete_note("app/theme")
    assert archive.delete_name("worker") and archive.read_name("worker") is None
    assert archive.read_note("none") is None and archive.metadata(sessiondb.new_session_id()) is None
    with pytest.raises(sessiondb.InvalidError):
        archive.set_metadata(log.session_id, [1])  # type: ignore[arg-type]


def test_the_trash(archive: Archive) -> None:
    log = archive.log()
    log.append(1)
    assert archive.trash_session(log.session_id)
    now = archive.snapshot()
    assert [info.id for info in now.trash()] == [log.session_id]
    assert now.query_sessions().sessions == []
    assert now.query_sessions(trashed=True).sessions[0].trashed_ms is not None
    assert archive.restore_session(log.session_id) and archive.hide_session(log.session_id)
    info = archive.session(log.session_id)
    assert info is not None and info.hidden and info.trashed_ms is None
    assert archive.unhide_session(log.session_id) and archive.delete_session(log.session_id)
    assert archive.sessions() == []


def test_what_is_forgotten_does_not_come_back(archive: Archive, tmp_path: Path) -> None:
    log = archive.log()
    log.append_many([1, 2])
    archive.backup(tmp_path / "copy")
    assert archive.forget_session(log.session_id)
    with Archive(tmp_path / "copy") as copy:
        assert archive.merge(copy)["sessions"][0]["outcome"] == "forgotten" and archive.sessions() == []
        archive.allow_again(log.session_id)
        archive.merge(copy)
    assert log.read().json() == [1, 2]


def test_copies(archive: Archive, tmp_path: Path) -> None:
    logs = [archive.log() for _ in range(3)]
    for number, log in enumerate(logs):
        log.append({"n": number, "text": "x" * 1_000})
    told: list[tuple[int, int]] = []
    report = archive.backup(tmp_path / "backup", progress=lambda done, total: told.append((done, total)))
    assert report["sessions"] == 3 and told[-1][0] == told[-1][1] > 0
    assert archive.extract(tmp_path / "some", [logs[0].session_id])["sessions"] == 1
    with pytest.raises(sessiondb.ConflictError):
        archive.backup(tmp_path / "backup")
    with pytest.raises(sessiondb.NotFoundError):
        archive.extract(tmp_path / "other", [sessiondb.new_session_id()])
    with Archive(tmp_path / "backup") as backup, Archive(tmp_path / "new") as new:
        assert [len(backup.log(log.session_id, log.segment_id)) for log in logs] == [1, 1, 1]
        assert len(new.merge(backup)["sessions"]) == 3
        assert new.stats()["entries"] == 3


def test_what_a_listener_raises_is_raised(archive: Archive, tmp_path: Path) -> None:
    archive.log().append(1)

    def fail(done: int, total: int) -> None:
        raise KeyError("listener")

    with pytest.raises(KeyError, match="listener"):
        archive.backup(tmp_path / "backup", progress=fail)


def test_compaction_gives_room_back(archive: Archive) -> None:
    log = archive.log()
    for _ in range(50):
        log.append({"text": "again " * 5_000})
    log.truncate(1)
    report = archive.compact()
    assert report["bytes_after"] < report["bytes_before"] and report["mode"] in ("fresh", "in_place")
    assert len(log) == 1 and log.append(2).len == 2


def test_check_finds_damage_and_recover_saves_the_rest(path: Path, tmp_path: Path) -> None:
    with Archive(path) as archive:
        logs = [archive.log() for _ in range(40)]
        for log in logs:
            log.append_many([{"text": sessiondb.new_session_id().hex * 100} for _ in range(20)])
        assert archive.check()["problems"] == []
    data = bytearray(path.read_bytes())
    # Far behind the journal, where entries are.
    for place in range(len(data) - 300_000, len(data), 5_000):
        data[place] ^= 0x55
    path.write_bytes(data)
    problems = 0
    try:
        with Archive(path) as archive:
            problems = len(archive.check()["problems"])
    except sessiondb.DamagedError:
        problems = 1
    assert problems > 0
    report = sessiondb.recover(path, tmp_path / "saved")
    assert not report["complete"] and report["entries"] < 800
    with Archive(tmp_path / "saved") as saved:
        assert saved.check()["problems"] == []
    assert sessiondb.look(tmp_path / "saved")["head"]["format_version"] >= 4


def test_it_says_what_it_is(archive: Archive, path: Path) -> None:
    log = archive.log()
    log.append({"text": "hello"})
    assert str(path) in repr(archive) and str(log.segment_id) in repr(log)
    assert repr(next(log.read())) == '<Entry 0: {"text":"hello"}>'
    assert repr(log.append(1)).startswith("Receipt(index=1, len=2,")
    stats = archive.stats()
    assert (stats["sessions"], stats["segments"], stats["entries"]) == (1, 1, 2)
    assert sessiondb.__version__ == sessiondb.LIBRARY_VERSION
    archive.sync()
    archive.checkpoint()
    assert archive.place_warning() is None or isinstance(archive.place_warning(), str)


def test_nothing_needs_a_file() -> None:
    with Archive.in_memory() as archive:
        log = archive.log()
        log.append(1)
        assert len(log) == 1
