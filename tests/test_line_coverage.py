"""The figure of lines run is true: of processes that are started too, and of files that nothing imports."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from sys import executable

import pytest

from tests.limits import LIMIT_SECONDS
from tests.line_coverage import ENGINE_ROOMS, ENGINE_WANTED, Lines, measure, measuring, read_lines, told

ROOT = Path(__file__).parents[1]
_CHILD = "from mdnb.timeframes import Timeframe; Timeframe.parse('7min')"
_TESTS = f"""
import subprocess, sys

def test_in_this_process():
    from mdnb.events.types import EventType
    assert EventType.parse("new_bar") is EventType.NEW_BAR

def test_in_another_process():
    subprocess.run([sys.executable, "-c", {_CHILD!r}], check=True)
"""


def _line(files: Sequence[Lines], file: str) -> Lines:
    (found,) = [one for one in files if one.file == file]
    return found


def _ran(found: Lines, text: str) -> bool:
    """Return whether the line with this text ran."""
    lines = (ROOT / found.file).read_text(encoding="utf-8").splitlines()
    (number,) = [number for number, line in enumerate(lines, 1) if line.strip() == text]
    ranges = [[int(end) for end in part.split("-")] for part in found.missing.split(", ")]
    return not any(ends[0] <= number <= ends[-1] for ends in ranges)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Lines]:
    folder = tmp_path_factory.mktemp("measured")
    (folder / "test_some.py").write_text(_TESTS, encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    pytest_ = [executable, "-m", "pytest", "-c", str(folder / "pytest.ini"), "-n", "1", str(folder)]
    command, environment = measuring(pytest_, folder)
    # What this run itself is measured by must not reach the inner one.
    outer = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    subprocess.run(command, cwd=ROOT, env=outer | environment, timeout=LIMIT_SECONDS, check=True)
    return read_lines(folder)


def test_lines_of_processes_that_tests_start_count_too(files: list[Lines]) -> None:
    here, there = _line(files, "mdnb/events/types.py"), _line(files, "mdnb/timeframes.py")
    assert _ran(here, "return cls(given.lower())")
    assert not _ran(here, "return timestamp(self.time_ns, self._tz)")
    assert _ran(there, "if isinstance(given, dt.timedelta):")
    assert there.not_run > 0


def test_a_file_that_nothing_imports_counts_as_not_run(files: list[Lines]) -> None:
    feed = _line(files, "mdnb/feeds/recorder.py")
    assert feed.not_run == feed.count > 50
    assert {file.file for file in files} == {
        path.relative_to(ROOT).as_posix() for path in (ROOT / "mdnb").rglob("*.py")
    }


def test_the_figures_are_shares_of_lines_and_the_engines_missing_ones_are_listed() -> None:
    made = [
        Lines("mdnb/bars/a.py", 90, 9, "1-9"),
        Lines("mdnb/feeds/b.py", 10, 0, ""),
        Lines("mdnb/widgets/c.py", 100, 51, "1-51"),
    ]
    assert measure(made) == (70.0, 91.0)
    said = list(told(made))
    assert "70.0 %" in said[0]
    assert "91.00 %" in said[1]
    assert said[2:] == ["  mdnb/bars/a.py: 1-9"]


def test_every_engine_room_is_there() -> None:
    assert all((ROOT / "mdnb" / room / "__init__.py").exists() for room in ENGINE_ROOMS)
    assert 0 < ENGINE_WANTED <= 100
