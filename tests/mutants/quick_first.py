"""Run the quick tests first, most faults are noticed by one of them: a plugin of the mutant runs alone.

How long each test takes is measured once, in the run without a fault, in seconds of the processor: these
hardly depend on what else the machine does. A mutant has so many seconds of tests; what none of the quick
ones notices counts as not noticed.
"""

from __future__ import annotations

import gc
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

__all__ = [
    "FAILED_FILE",
    "SECONDS_FILE",
    "pytest_collection_modifyitems",
    "pytest_runtest_logreport",
    "pytest_runtest_protocol",
    "pytest_sessionfinish",
]

SECONDS_FILE = "seconds-of-tests.json"
FAILED_FILE = "failed-without-a-fault.txt"
_ENOUGH_SECONDS = 15.0
# A busy machine gives a mutant a tenth of its time at the least.
_HANGS_SECONDS = 30.0 + 10 * _ENOUGH_SECONDS
# What mutmut calls its runs for which all tests count.
_ALL_TESTS = ("stats", "list_all_tests")
_seconds: dict[str, float] = {}


def _known() -> dict[str, float]:
    """Return the seconds of the tests that were measured; none in the run that measures them."""
    path = Path(SECONDS_FILE)
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Sort by how long each test took without a fault, and leave out those for which no time is left."""
    if os.environ.get("MUTANT_UNDER_TEST") in _ALL_TESTS:
        return
    took = _known()
    items.sort(key=lambda item: took.get(item.nodeid, 0.0))
    spent, kept = 0.0, 0
    for item in items:
        spent += took.get(item.nodeid, 0.0)
        if kept and spent > _ENOUGH_SECONDS:
            break
        kept += 1
    config.hook.pytest_deselected(items=items[kept:])
    del items[kept:]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Measure a test, with the processes it starts; end it where a fault makes it wait for ever."""
    if not _seconds and "__mutmut_" in os.environ.get("MUTANT_UNDER_TEST", ""):
        signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGXCPU))
        signal.setitimer(signal.ITIMER_REAL, _HANGS_SECONDS)
    before = sum(os.times()[:4])
    result = yield
    _seconds[item.nodeid] = sum(os.times()[:4]) - before
    return result


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Keep what failed without a fault: mutmut ends then, and tells nobody what it was."""
    if report.failed and os.environ.get("MUTANT_UNDER_TEST", "") in ("", "stats"):
        Path(FAILED_FILE).write_text(f"{report.nodeid}\n{report.longreprtext}\n", encoding="utf-8")


def pytest_sessionfinish() -> None:
    """Keep what was measured without a fault, and leave what is loaded by now out of garbage collection.

    The server that forks for each mutant has collected the tests then: a fork that looks at all its objects
    would copy the memory they are in.
    """
    if _seconds and os.environ.get("MUTANT_UNDER_TEST") == "stats":
        Path(SECONDS_FILE).write_text(json.dumps(_known() | _seconds), encoding="utf-8")
    gc.collect()
    gc.freeze()
