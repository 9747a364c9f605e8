"""A test has one name, whichever process collects it: two of them share the work only then."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.__main__ import STEPS
from tests.limits import LIMIT_SECONDS

ROOT = Path(__file__).parents[1]
# A clock that is another one in each process, and a hash that is another one too.
_COLLECT = """
import sys, time, pytest
now, now_ns, ahead = time.time, time.time_ns, int(sys.argv[1])
time.time = lambda: now() + ahead
time.time_ns = lambda: now_ns() + ahead * 1_000_000_000
sys.exit(pytest.main(["--collect-only", "-q", "-p", "no:cacheprovider", "tests"]))
"""


def _names(hours: int) -> list[str]:
    """Return what a process finds whose clock is that many hours ahead, in its order."""
    environment = os.environ | {"PYTHONHASHSEED": str(hours)}
    environment.pop("PYTEST_XDIST_WORKER", None)
    done = subprocess.run(
        [sys.executable, "-c", _COLLECT, str(hours * 3600)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return [line for line in done.stdout.splitlines() if "::" in line]


@pytest.mark.slow  # workers that find others than their neighbour stop by themselves; this tells which
def test_every_process_finds_the_same_tests_in_the_same_order() -> None:
    names = _names(1)
    assert any(name.startswith("tests/test_collection.py") for name in names)
    assert names == _names(30)


@pytest.mark.parametrize("name", ["kernel", "browser"])
def test_a_step_looks_everywhere_where_its_tests_are(name: str) -> None:
    (step,) = (step for step in STEPS if step.name == name)
    looked = [ROOT / part for part in step.command if part.startswith("tests")]
    marked = [
        path for path in (ROOT / "tests").rglob("test_*.py") if f"mark.{name}" in path.read_text("utf-8")
    ]
    assert marked
    assert [path for path in marked if not any(path.is_relative_to(one) for one in looked)] == []
