"""Which lines of the package the tests run: measured beside them, told at the end, and held for the engine.

Both faces, charts and tables are tested in kernels and browsers, where nothing is measured: their figure is
told, and nothing asked of it.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

__all__ = [
    "ENGINE_ROOMS",
    "ENGINE_WANTED",
    "Lines",
    "measure",
    "measuring",
    "pytest_sessionfinish",
    "read_lines",
    "told",
]

ROOT = Path(__file__).parents[1]
ENGINE_ROOMS = ("bars", "decode", "events", "feeds", "runtime", "store", "validate")
ENGINE_WANTED = 99.9
"""Percent of the engine rooms' lines, without recordings that a tree may lack; it only ever rises."""


@dataclasses.dataclass(frozen=True)
class Lines:
    """One file's lines that can run, and how many of them did not.

    `missing` names those as an editor would: ``12-14, 20``.
    """

    file: str
    count: int
    not_run: int
    missing: str

    @property
    def is_engine(self) -> bool:
        """Whether the file is of an engine room."""
        return self.file.split("/")[1] in ENGINE_ROOMS


def measuring(command: Sequence[str], folder: Path) -> tuple[list[str], dict[str, str]]:
    """Return a Python command that notes the lines it runs in a folder, and the environment it needs."""
    python, *rest = command
    environment = {"COVERAGE_FILE": str(folder / "lines")}
    if sys.version_info >= (3, 12):
        # Python's own events of lines: they cost next to nothing.
        environment["COVERAGE_CORE"] = "sysmon"
    return [python, "-m", "coverage", "run", *rest, "-p", "tests.line_coverage"], environment


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write down what a worker of pytest-xdist ran: it is killed when it takes long to end by itself."""
    import coverage

    held = coverage.Coverage.current()
    if held is not None and hasattr(session.config, "workerinput"):
        held.stop()
        held.save()


def read_lines(folder: Path) -> list[Lines]:
    """Add up what the processes noted in a folder, over every file of the package."""
    import coverage

    held = coverage.Coverage(data_file=str(folder / "lines"), config_file=str(ROOT / "pyproject.toml"))
    held.combine([str(folder)], keep=True)
    found = []
    for path in sorted((ROOT / "mdnb").rglob("*.py")):
        _, lines, _, missing, text = held.analysis2(str(path))
        found.append(Lines(path.relative_to(ROOT).as_posix(), len(lines), len(missing), text))
    return found


def measure(files: Sequence[Lines]) -> tuple[float, float]:
    """Return the percentage of lines that ran: of all files, and of the engine rooms."""
    return _percent(files), _percent([file for file in files if file.is_engine])


def _percent(files: Sequence[Lines]) -> float:
    count = sum(file.count for file in files)
    return 100.0 * (count - sum(file.not_run for file in files)) / count if count else 100.0


def told(files: Sequence[Lines]) -> Iterator[str]:
    """Give the lines that tell what ran, and which of the engine rooms' lines did not."""
    total, engine = measure(files)
    yield f"lines run by the unit tests: {total:.1f} % of the package"
    yield f"of the engine rooms ({', '.join(ENGINE_ROOMS)}): {engine:.2f} %, {ENGINE_WANTED:g} % wanted"
    for file in files:
        if file.is_engine and file.not_run:
            yield f"  {file.file}: {file.missing}"
