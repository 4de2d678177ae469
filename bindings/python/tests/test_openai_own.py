"""The SDK's own tests of its sessions, with our session in the place of its `SQLiteSession`.

They are in the source of `openai-agents` and not in its wheel. `OPENAI_AGENTS_SOURCE` says where that lies;
`bindings/python/run` gets it.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

_SOURCE = os.environ.get("OPENAI_AGENTS_SOURCE")

_FILES = [
    "tests/memory/test_session.py",
    "tests/memory/test_session_limit.py",
    "tests/memory/test_session_persistence_sanitize.py",
    "tests/deferred_session_writes",
    "tests/test_max_turns.py",
    "tests/test_native_tool_failure_history.py",
    "tests/test_soft_cancel.py",
    "tests/test_tool_batch_failure_history.py",
    "tests/test_tool_failure_boundaries.py",
]

# These look at SQLite itself: its connections, its transactions, rows that are no JSON, which an archive has none
# of, and the name of the class in a message.
_OF_SQLITE = [
    "test_sqlite_session_closed_rejects_empty_add_items",
    "test_sqlite_session_close_closes_worker_thread_connections",
    "test_sqlite_session_reaps_connections_from_exited_worker_threads",
    "test_sqlite_session_closes_retired_connections_before_the_next_allocation",
    "test_sqlite_session_keeps_connections_of_live_worker_threads",
    "test_sqlite_session_pop_item_skips_corrupt_most_recent",
    "test_sqlite_session_pop_item_returns_none_after_dropping_only_corrupt_rows",
    "test_sqlite_session_get_items_limit_skips_corrupt_newest_rows",
    "test_sqlite_session_get_items_session_settings_limit_skips_corrupt_rows",
    "test_sqlite_session_file_lock_is_shared_across_instances",
    "test_sqlite_session_failed_add_items_releases_write_lock",
    "test_sqlite_session_failed_clear_session_rolls_back",
    "test_sqlite_session_failed_pop_item_releases_write_lock",
    "test_sqlite_session_rollback_failure_evicts_connection",
    "test_sqlite_session_close_retries_quarantined_connection",
    "test_sqlite_session_post_commit_cancellation_propagates_after_known_outcome",
]


@pytest.mark.skipif(_SOURCE is None, reason="OPENAI_AGENTS_SOURCE does not say where the SDK's source lies")
@pytest.mark.parametrize("kind", ["sqlite", "sessiondb"])
def test_the_tests_of_the_sdk(kind: str) -> None:
    assert _SOURCE is not None
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "openai_plugin"]
    command += ["-k", f"not ({' or '.join(_OF_SQLITE)})", *_FILES]
    paths = [str(Path(__file__).parent), *sys.path]
    environment = {**os.environ, "SESSION_KIND": kind, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    done = subprocess.run(command, cwd=_SOURCE, env=environment, capture_output=True, text=True)
    print(done.stdout[-8_000:], done.stderr[-4_000:])
    assert done.returncode == 0
    found = re.search(r"(\d+) passed", done.stdout)
    assert found is not None and int(found[1]) > 200 and " failed" not in done.stdout
    if kind == "sessiondb":
        used = re.search(r"(\d+) sessions of sessiondb", done.stdout)
        assert used is not None and int(used[1]) > 50
