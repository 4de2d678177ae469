"""The logs of agents: in, found, listed, followed, and out again."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import pytest

from sessiondb import Archive

_SESSION = "0a1b2c3d-4e5f-4061-8071-2a3b4c5d6e7f"


def _claude_log(folder: Path) -> Path:
    said = [("user", "Why is the total off?"), ("assistant", "The Total counts twice.\nLook at line two.")]
    lines = [
        {
            "type": kind,
            "uuid": f"u{number}",
            "isSidechain": False,
            "sessionId": _SESSION,
            "cwd": "/src/shop",
            "timestamp": f"2026-02-03T10:00:0{number}Z",
            "message": {"role": kind, "content": text},
        }
        for number, (kind, text) in enumerate(said)
    ]
    log = folder / "projects" / "-src-shop" / f"{_SESSION}.jsonl"
    log.parent.mkdir(parents=True)
    log.write_text("".join(json.dumps(line) + "\n" for line in lines))
    # The time of a file that was written to just now says nothing yet.
    os.utime(log, (1_770_000_000, 1_770_000_000))
    return log


def test_logs_come_in_and_go_out_again(archive: Archive, tmp_path: Path) -> None:
    log = _claude_log(tmp_path)
    report = archive.import_logs([tmp_path / "projects"])
    assert (len(report["files"]), report["files"][0]["agent"]) == (1, "claude")
    assert archive.import_logs([log])["files"][0]["was_skipped"]
    summary = archive.snapshot().summary(_SESSION)
    assert summary is not None
    assert (summary["title"], summary["turns"], summary["cwd"]) == ("Why is the total off?", 1, "/src/shop")
    assert archive.keep_up() == 0
    archive.export_logs(tmp_path / "out")
    (written,) = (tmp_path / "out").rglob("*.jsonl")
    assert written.read_bytes() == log.read_bytes()


def test_agents_are_found_below_a_home_folder(archive: Archive, tmp_path: Path) -> None:
    _claude_log(tmp_path / ".claude")
    report = archive.sync_agents(home=tmp_path, agents=["claude"])
    assert [(agent["agent"], agent["new_entries"]) for agent in report["agents"]] == [("claude", 2)]
    assert archive.sync_agents(home=tmp_path, agents=["codex"])["agents"] == []


def test_search_finds_what_was_said(archive: Archive, tmp_path: Path) -> None:
    archive.import_logs([_claude_log(tmp_path)])
    now = archive.snapshot()
    hits = list(now.search("total"))
    assert [(hit.kind, hit.role, hit.entry) for hit in hits] == [("answer", "assistant", 1), ("prompt", "user", 0)]
    line = hits[0].lines[0]
    assert [line.text[start:stop] for start, stop in line.matches] == ["Total"]
    assert [hit.entry for hit in now.search("total", ignore_case=False)] == [0]
    assert [hit.entry for hit in now.search(r"tot\w+ off", regex=True, kinds=["prompt"])] == [0]
    assert len(next(now.search("twice", context=1)).lines) == 2
    assert list(now.search("total", roles=["tool"])) == []
    assert list(now.search("total", sessions=[])) == []
    with now.search("total") as search:
        next(search)
    assert list(search) == []
    with pytest.raises(ValueError):
        now.search("(", regex=True)
    with pytest.raises(ValueError):
        now.search("a", kinds=["nothing"])  # type: ignore[list-item]


def test_matches_are_counted_in_characters(archive: Archive) -> None:
    log = archive.log()
    log.append({"kind": "user_input", "ts": 7, "segments": [{"kind": "text", "content": "Grüße 🎉 total"}]})
    (hit,) = archive.snapshot().search("total")
    (line,) = hit.lines
    assert [line.text[start:stop] for start, stop in line.matches] == ["total"]


def test_changes_are_told_in_order(archive: Archive, path: Path) -> None:
    log = archive.log()
    with archive.changes() as changes:
        assert changes.next(timeout=0) is None
        log.append_many([1, 2])
        with Archive(path) as other:
            other.log(log.session_id, log.segment_id).truncate(1)
        first, second = changes.next(timeout=10), changes.next(timeout=10)
        assert first is not None and second is not None
        assert (first.kind, first.session_id, first.segment_id) == ("append", log.session_id, log.segment_id)
        assert (first.start, first.stop, second.kind) == (0, 2, "truncate")
    assert changes.next() is None and list(changes) == []


def test_who_waits_for_changes_is_let_go(archive: Archive) -> None:
    changes = archive.changes()
    told: list[str] = []
    thread = threading.Thread(target=lambda: told.extend(change.kind for change in changes))
    thread.start()
    archive.log().append(1)
    while not told:
        pass
    changes.close()
    thread.join(10)
    assert not thread.is_alive() and told == ["append"]
