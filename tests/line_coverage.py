"""Which lines of the engine its tests run: measured beside them, told at the end, and held.

On Python 3.11 a process that is measured takes a third to one and a half times longer, whichever files the
figure is of. So the tests of the engine come first, and each worker stops measuring for good at the others.
"""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

__all__ = [
    "ENGINE_ROOMS",
    "ENGINE_WANTED",
    "LEFT_OUT",
    "Lines",
    "measure",
    "measuring",
    "pytest_collection_modifyitems",
    "pytest_runtest_protocol",
    "pytest_sessionfinish",
    "read_lines",
    "told",
]

ROOT = Path(__file__).parents[1]
ENGINE_ROOMS = ("bars", "decode", "events", "feeds", "runtime", "stores", "validate")
LEFT_OUT = frozenset({"mdnb/feeds/replay/dbn.py"})
"""What only an extra runs that an environment may lack."""
ENGINE_WANTED = 99.6
"""Percent of the engine rooms' lines, without recordings that a tree may lack."""


_UNMEASURED_TESTS = (
    "analysis",
    "benchmarks",
    "datasets",
    "frontend",
    "io",
    "live_frame",
    "mutants",
    "typing",
    "widgets",
)
"""Folders of tests that run no line of the engine's rooms that others do not run."""


@dataclasses.dataclass(frozen=True)
class Lines:
    """One file's lines that can run, and how many of them did not.

    `missing` names those as an editor would: ``12-14, 20``.
    """

    file: str
    count: int
    not_run: int
    missing: str


def measuring(command: Sequence[str], folder: Path) -> tuple[list[str], dict[str, str]]:
    """Return a Python command that notes the lines it runs in a folder, and the environment it needs."""
    python, *rest = command
    environment = {"COVERAGE_FILE": str(folder / "lines")}
    if sys.version_info >= (3, 12):
        # Python's own events of lines: they cost next to nothing.
        environment["COVERAGE_CORE"] = "sysmon"
    return [python, "-m", "coverage", "run", *rest, "-p", "tests.line_coverage"], environment


def _is_measured(item: pytest.Item) -> bool:
    """Whether a test may run a line of the engine that no other one runs."""
    return item.path.relative_to(item.config.rootpath).parts[1] not in _UNMEASURED_TESTS


def _stop_measuring() -> None:
    """Write down which lines this process has run, and measure no more, nor the processes that it starts."""
    import coverage

    held = coverage.Coverage.current()
    if held is not None:
        held.stop()
        held.save()
        os.environ.pop("COVERAGE_PROCESS_CONFIG", None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests that are not measured last: what has stopped cannot go on in threads that stay."""
    items.sort(key=lambda item: not _is_measured(item))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> None:
    """Stop before the first test that is not measured."""
    if not _is_measured(item):
        _stop_measuring()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write down what a worker of pytest-xdist ran: it is killed when it takes long to end by itself."""
    if hasattr(session.config, "workerinput"):
        _stop_measuring()


def read_lines(folder: Path) -> list[Lines]:
    """Add up what the processes noted in a folder, over every file of the engine's rooms."""
    import coverage

    held = coverage.Coverage(data_file=str(folder / "lines"), config_file=str(ROOT / "pyproject.toml"))
    held.combine([str(folder)], keep=True)
    found = []
    for path in sorted(path for room in ENGINE_ROOMS for path in (ROOT / "mdnb" / room).rglob("*.py")):
        name = path.relative_to(ROOT).as_posix()
        if name in LEFT_OUT:
            continue
        _, lines, _, missing, text = held.analysis2(str(path))
        found.append(Lines(name, len(lines), len(missing), text))
    return found


def measure(files: Sequence[Lines]) -> float:
    """Return the percentage of lines that ran."""
    count = sum(file.count for file in files)
    return 100.0 * (count - sum(file.not_run for file in files)) / count if count else 100.0


def told(files: Sequence[Lines]) -> Iterator[str]:
    """Give the lines that tell what ran, and which lines did not."""
    yield f"lines of the engine run by the unit tests: {measure(files):.2f} %, {ENGINE_WANTED:g} % wanted"
    for file in files:
        if file.not_run:
            yield f"  {file.file}: {file.missing}"
