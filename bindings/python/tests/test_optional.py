"""`sessiondb` needs nothing but itself, and says what its parts need."""

from __future__ import annotations

import subprocess
import sys

import pytest


def test_nothing_else_is_imported() -> None:
    code = (
        "import sys, sessiondb, sessiondb.aio\n"
        "found = {name.split('.')[0] for name in sys.modules} & {'claude_agent_sdk', 'agents', 'langgraph', 'pydantic'}\n"
        "assert not found, found"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(("part", "needs"), [("claude", "claude_agent_sdk"), ("openai", "agents"), ("langgraph", "langgraph")])
def test_a_part_without_its_sdk_says_what_is_missing(part: str, needs: str) -> None:
    code = f"import sys\nsys.modules[{needs!r}] = None\nimport sessiondb.{part}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1 and "ModuleNotFoundError" in done.stderr and needs in done.stderr
    assert f"pip install 'sessiondb[{part}]'" in done.stderr
