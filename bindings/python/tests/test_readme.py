"""The examples of the README run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

_README = Path(__file__).parent.parent / "README.md"
_EXAMPLES = re.findall(r"^```python\n(.*?)^```", _README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("number", range(len(_EXAMPLES)))
def test_an_example_runs(number: int, tmp_path: Path) -> None:
    # Away from here, so that nothing is there but what is installed.
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", _EXAMPLES[number]],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={**os.environ, "OPENAI_AGENTS_DISABLE_TRACING": "1"},
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_quick_start_has_ten_lines() -> None:
    assert len(_EXAMPLES[0].strip().splitlines()) <= 10
