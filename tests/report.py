"""What was checked and what was not: a pytest plugin that counts, and the sum over several runs.

A run prints its skipped tests by reason. Where the environment variable ``MDNB_TEST_REPORT`` names a file, it
also appends its counts there as one line of JSON; ``python -m tests`` adds the lines up.
"""

from __future__ import annotations

import collections
import dataclasses
import json
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

__all__ = ["REPORT_VARIABLE", "Tally", "read_tallies", "summary"]

REPORT_VARIABLE = "MDNB_TEST_REPORT"
_FILE_NAME = re.compile(r"\S*\.(?:arrow|csv|feather|gz|ipynb|jsonl?|parquet|txt|zip|zst)\b")


@dataclasses.dataclass
class Tally:
    """Counts of one run, or of several."""

    passed: int = 0
    failed: int = 0
    expected_failures: int = 0
    skipped: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    """Skipped tests, by reason."""
    slow: set[str] = dataclasses.field(default_factory=set)
    """Names of the tests left for ``make soak``; a set, since each run leaves the same ones out."""

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.passed + other.passed,
            self.failed + other.failed,
            self.expected_failures + other.expected_failures,
            self.skipped + other.skipped,
            self.slow | other.slow,
        )

    def to_json(self) -> str:
        fields = vars(self) | {"skipped": dict(self.skipped), "slow": sorted(self.slow)}
        return json.dumps(fields)

    @classmethod
    def from_json(cls, line: str) -> Tally:
        fields = json.loads(line)
        fields["skipped"] = collections.Counter(fields["skipped"])
        fields["slow"] = set(fields["slow"])
        return cls(**fields)


def read_tallies(path: Path) -> Tally:
    """Add up the lines of a report file; a file that does not exist holds none."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return sum((Tally.from_json(line) for line in lines), Tally())


def summary(tally: Tally) -> Iterator[str]:
    """Give the lines that tell what was not checked, and why; none where everything was."""
    skipped = tally.skipped.total()
    if skipped:
        yield f"skipped {skipped} of {skipped + tally.passed + tally.failed + tally.expected_failures} tests:"
        for reason, count in _folded(tally.skipped).most_common():
            yield f"{count:6} x {reason}"
    if tally.expected_failures:
        yield f"{tally.expected_failures} failed as expected"
    if tally.slow:
        tests = "test" if len(tally.slow) == 1 else "tests"
        yield f"left out {len(tally.slow)} slow {tests}: make soak runs them"


def _folded(reasons: collections.Counter[str]) -> collections.Counter[str]:
    """Add up reasons that differ in the name of a file only."""
    alike: dict[str, list[str]] = {}
    for reason in reasons:
        alike.setdefault(_FILE_NAME.sub("(a file)", reason), []).append(reason)
    return collections.Counter(
        {
            general if len(same) > 1 else same[0]: sum(reasons[reason] for reason in same)
            for general, same in alike.items()
        }
    )


def _reason(longrepr: Any) -> str:
    if isinstance(longrepr, tuple):  # (file, line, "Skipped: the reason")
        return str(longrepr[2]).removeprefix("Skipped: ").strip() or "no reason was given"
    return " ".join(str(longrepr).split()) or "no reason was given"


class _Counting:
    """Counts a run. Of one by several processes (pytest-xdist) each tells what it collected: all the same."""

    def __init__(self, config: pytest.Config) -> None:
        self.tally = Tally()
        self._is_part = hasattr(config, "workerinput")
        self._is_divided = not self._is_part and bool(config.getoption("numprocesses", None))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        tally = self.tally
        if hasattr(report, "wasxfail"):
            tally.expected_failures += report.skipped
        elif report.skipped:
            tally.skipped[_reason(report.longrepr)] += 1
        elif report.failed:
            tally.failed += 1
        elif report.when == "call":
            tally.passed += 1

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if self._is_divided:
            return
        if report.failed:
            self.tally.failed += 1
        elif report.skipped:
            self.tally.skipped[f"{_reason(report.longrepr)} (all of {report.nodeid})"] += 1

    def pytest_deselected(self, items: Sequence[pytest.Item]) -> None:
        self.tally.slow |= {item.nodeid for item in items if item.get_closest_marker("slow")}

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        if self._is_part:
            output: dict[str, Any] = vars(session.config)["workeroutput"]
            output["collected"] = self.tally.to_json()

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        told = getattr(node, "workeroutput", {}).get("collected")
        if told is not None and self._is_divided:
            self._is_divided = False
            self.tally += Tally.from_json(told)

    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        _print(terminalreporter, summary(self.tally))

    def pytest_unconfigure(self) -> None:
        path = os.environ.get(REPORT_VARIABLE)
        if path and not self._is_part:
            with Path(path).open("a", encoding="utf-8") as file:
                file.write(self.tally.to_json() + "\n")


def _print(terminal: pytest.TerminalReporter, lines: Iterable[str]) -> None:
    lines = list(lines)
    if lines:
        terminal.section("not checked", sep="=")
        for line in lines:
            terminal.line(line)


def pytest_configure(config: pytest.Config) -> None:
    """Start counting."""
    config.pluginmanager.register(_Counting(config), "mdnb-report")
