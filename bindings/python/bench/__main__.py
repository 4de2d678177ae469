"""Each store beside the SQLite store of its SDK: `python -m bench --folder FOLDER`, in `bindings/python`."""

from __future__ import annotations

import argparse
import asyncio
import importlib
import tempfile
from pathlib import Path

from bench.measure import machine

SDKS = ("claude", "openai", "langgraph")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("sdks", nargs="*", help=f"which of {', '.join(SDKS)}; all, if none is named")
    parser.add_argument("--folder", type=Path, help="a folder on the disk that is to be measured")
    parser.add_argument("--turns", type=int, default=1_000)
    parser.add_argument("--reads", type=int, default=40)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        machine(Path(folder))
        for sdk in asked.sdks or SDKS:
            workloads = importlib.import_module(f"bench.{sdk}")
            asyncio.run(workloads.run(Path(folder), asked.turns, asked.reads))


if __name__ == "__main__":
    main()
