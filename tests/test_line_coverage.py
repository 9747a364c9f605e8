"""The figure of lines run is true: of processes that are started too, and of files that nothing imports."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from sys import executable

import pytest

from tests.limits import LIMIT_SECONDS
from tests.line_coverage import (
    ENGINE_ROOMS,
    ENGINE_WANTED,
    LEFT_OUT,
    Lines,
    measure,
    measuring,
    read_lines,
    told,
)

ROOT = Path(__file__).parents[1]
_CHILD = "from mdnb.stores.columns import columns_from_rows; columns_from_rows([])"
_TESTS = f"""
import subprocess, sys

def test_in_this_process():
    from mdnb.events.types import EventType
    assert EventType.parse("new_bar") is EventType.NEW_BAR

def test_in_another_process():
    subprocess.run([sys.executable, "-c", {_CHILD!r}], check=True)
"""
_OTHER_ROOM = """
import subprocess, sys
import pytest

def test_in_a_process_that_measures_no_more():
    from mdnb.errors import OptionError
    from mdnb.events.types import EventType
    with pytest.raises(OptionError):
        EventType.parse("new_moon")

def test_in_a_process_started_by_it():
    subprocess.run([sys.executable, "-c", "import mdnb.feeds.recorder"], check=True)
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
    for name, text in (
        ("io/test_other.py", _OTHER_ROOM),
        ("stores/test_some.py", _TESTS),
    ):
        file = folder / "tests" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    pytest_ = [executable, "-m", "pytest", "-c", str(folder / "pytest.ini"), "-n", "1", str(folder)]
    command, environment = measuring(pytest_, folder)
    # What this run itself is measured by must not reach the inner one.
    outer = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    subprocess.run(command, cwd=ROOT, env=outer | environment, timeout=LIMIT_SECONDS, check=True)
    return read_lines(folder)


def test_lines_of_processes_that_tests_start_count_too(files: list[Lines]) -> None:
    here, there = _line(files, "mdnb/events/types.py"), _line(files, "mdnb/stores/columns.py")
    assert _ran(here, "return cls(given.lower())")
    assert not _ran(here, "return timestamp(self.time_ns, self._tz)")
    assert _ran(there, "o = h = low = c = v = turnover = np.empty(0)")
    assert there.not_run > 0


def test_what_is_not_measured_comes_last_and_neither_it_nor_its_processes_are(files: list[Lines]) -> None:
    assert not _ran(_line(files, "mdnb/events/types.py"), "names = [member.name for member in cls]")
    recorder = _line(files, "mdnb/feeds/recorder.py")
    assert recorder.not_run == recorder.count


def test_a_file_that_nothing_imports_counts_as_not_run(files: list[Lines]) -> None:
    feed = _line(files, "mdnb/feeds/recorder.py")
    assert feed.not_run == feed.count > 50
    assert {file.file for file in files} == {
        path.relative_to(ROOT).as_posix()
        for room in ENGINE_ROOMS
        for path in (ROOT / "mdnb" / room).rglob("*.py")
    } - LEFT_OUT


def test_the_figure_is_a_share_of_lines_and_the_missing_ones_are_listed() -> None:
    made = [
        Lines("mdnb/bars/a.py", 90, 9, "1-9"),
        Lines("mdnb/feeds/b.py", 10, 0, ""),
    ]
    assert measure(made) == 91.0
    said = list(told(made))
    assert "91.00 %" in said[0]
    assert said[1:] == ["  mdnb/bars/a.py: 1-9"]


def test_every_engine_room_is_there() -> None:
    assert all((ROOT / "mdnb" / room / "__init__.py").exists() for room in ENGINE_ROOMS)
    assert 0 < ENGINE_WANTED <= 100
