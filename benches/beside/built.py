"""What the scripts in this folder measure: the command, and the bench that makes sessions, built for release."""

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def sessiondb():
    """The program."""
    command = ["cargo", "build", "--quiet", "--release", "-p", "sessiondb-cli", "--all-features"]
    subprocess.run(command, cwd=ROOT, check=True)
    return Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release" / "sessiondb"


def size_bench(*args):
    """What the bench of sizes prints."""
    command = ["cargo", "bench", "--quiet", "--all-features", "--bench", "size", "--", *map(str, args)]
    return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
