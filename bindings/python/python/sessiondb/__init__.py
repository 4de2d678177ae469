"""One crash-safe file for every session of an LLM agent: live store and portable archive at once.

A session is a tree of segments; a segment is an append-only log of JSON entries, with a log of traces beside it.

    from sessiondb import Archive

    with Archive("agent.sessiondb") as archive:
        log = archive.log()
        log.append({"kind": "user", "text": "hello"})  # on the disk when it returns
        assert len(log) == 1

`sessiondb.aio` has the same for event loops. `sessiondb.claude`, `sessiondb.openai` and `sessiondb.langgraph` are
session stores of agent SDKs.
"""

from ._errors import (
    BusyError,
    ClosedError,
    ConflictError,
    DamagedError,
    DoesNotFitError,
    Error,
    ForkedError,
    IncompatibleError,
    InvalidError,
    IoError,
    NotFoundError,
    OutcomeUnknownError,
    ReadOnlyError,
    UnusableError,
)
from ._native import (
    LIBRARY_VERSION,
    MAX_ENTRY_BYTES,
    Archive,
    Batch,
    Change,
    Changes,
    Closed,
    Entries,
    Entry,
    Hit,
    Line,
    Log,
    LogSnapshot,
    Receipt,
    Search,
    SegmentInfo,
    SessionInfo,
    SessionPage,
    Snapshot,
    look,
    new_segment_id,
    new_session_id,
    recover,
)

__version__ = LIBRARY_VERSION

__all__ = [
    "LIBRARY_VERSION",
    "MAX_ENTRY_BYTES",
    "Archive",
    "Batch",
    "BusyError",
    "Change",
    "Changes",
    "Closed",
    "ClosedError",
    "ConflictError",
    "DamagedError",
    "DoesNotFitError",
    "Entries",
    "Entry",
    "Error",
    "ForkedError",
    "Hit",
    "IncompatibleError",
    "InvalidError",
    "IoError",
    "Line",
    "Log",
    "LogSnapshot",
    "NotFoundError",
    "OutcomeUnknownError",
    "ReadOnlyError",
    "Receipt",
    "Search",
    "SegmentInfo",
    "SessionInfo",
    "SessionPage",
    "Snapshot",
    "UnusableError",
    "look",
    "new_segment_id",
    "new_session_id",
    "recover",
]
