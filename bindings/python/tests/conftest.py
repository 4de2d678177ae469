"""What tests share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sessiondb import Archive


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the archive of a test is."""
    return tmp_path / "test.sessiondb"


@pytest.fixture
def archive(path: Path) -> Iterator[Archive]:
    """An archive that is closed after the test."""
    with Archive(path) as archive:
        yield archive
