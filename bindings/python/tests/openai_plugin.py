"""Puts our session in the place of `SQLiteSession`, before the tests of the SDK are read."""

from __future__ import annotations

import os
from typing import Any

import agents
import agents.memory

from sessiondb.openai import Session

_made: list[object] = []

if os.environ["SESSION_KIND"] == "sessiondb":

    class Counted(Session):
        """Our session, counted, and with the names that that of SQLite has."""

        def __init__(
            self,
            session_id: str,
            db_path: Any = ":memory:",
            sessions_table: str = "",
            messages_table: str = "",
            session_settings: Any = None,
        ) -> None:
            super().__init__(session_id, db_path, session_settings=session_settings)
            _made.append(None)

    for module in (agents, agents.memory):
        setattr(module, "SQLiteSession", Counted)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Says how many there were."""
    terminalreporter.write_line(f"{len(_made)} sessions of sessiondb")
