"""Runs Python in a process of its own, in which a warning is an error."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.limits import LIMIT_SECONDS

__all__ = ["run_python"]

_ROOT = Path(__file__).parents[1]


def run_python(arguments: list[str], folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run it in a folder, as the tree is; it has to end well."""
    done = subprocess.run(
        [sys.executable, "-W", "error", *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(_ROOT)} | variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done
