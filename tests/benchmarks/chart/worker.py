"""The measures of one contender, in a process with its own JupyterLab and Chromium.

Run by `tests.benchmarks.worker`; it measures what it is asked, and its page sits still in between.
"""

from __future__ import annotations

import atexit
import compileall
import contextlib
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import mdnb
from tests.benchmarks.bench import MeasureError
from tests.benchmarks.chart.contenders import CONTENDERS
from tests.benchmarks.chart.page import SETTLE_MS, Counts, Notebook
from tests.benchmarks.chart.sides.driver import DELAY
from tests.benchmarks.environments import cache_folder
from tests.browser.lab import running_lab
from tests.chromium import find_chromium, how_to_install

__all__ = ["MEASURES", "lateness"]

_RATES = (5, 10, 20, 50, 100, 200, 300)
_AWAKE_SECONDS = 1.0
_PUT_OFF_MS = 2000.0
"""After the last close, until a page has done what it had put off: that is counted as well."""
_BOUND_MS = 250.0
"""How long after the last tick the page may show it: later is a backlog."""

_RUNNING = contextlib.ExitStack()
_HELD: dict[str, Notebook] = {}


def _notebook(name: str) -> Notebook:
    if name not in _HELD:
        chromium = find_chromium()
        if chromium is None:
            raise MeasureError(f"no Chromium that playwright can drive; this brings it: {how_to_install()}")
        contender, folder = CONTENDERS[name], cache_folder()
        python, variables = contender.python(folder), contender.variables(folder)
        # pip compiles what it installs, so the others are compiled already; our tree is as it was cloned.
        for tree in (Path(mdnb.__file__).parent, Path(__file__).parent):
            compileall.compile_dir(tree, quiet=1)
        home = Path(_RUNNING.enter_context(tempfile.TemporaryDirectory()))
        lab = _RUNNING.enter_context(
            running_lab(home, chromium, flags=contender.flags, python=python, variables=variables)
        )
        _HELD[name] = Notebook(lab, contender)
    return _HELD[name]


def first(name: str, bars: int) -> dict[str, Any]:
    """Open a notebook; display a chart, then a second one, which is taken away again."""
    notebook = _notebook(name)
    notebook.open(bars)
    made = [_display(notebook, figure) for figure in (0, 1)]
    notebook.settle()
    notebook.clear(1)
    return {"first": made[0], "second": made[1]}


def _display(notebook: Notebook, figure: int) -> dict[str, float]:
    before = notebook.counts()
    notebook.watch(figure)
    notebook.lab.start(figure)
    notebook.lab.wait(figure)
    said = notebook.printed(figure)
    notebook.wait_shown(said["value"], figure)
    seen = dict(reversed(notebook.seen()))
    notebook.settle()
    used = notebook.counts() - before
    return {
        "ms": (seen[said["value"]] - said["begun"]) * 1e3,
        "paint_ms": (seen[said["value"]] - said["all_begun"]) * 1e3,
        "bytes": used.to_page,
        "cpu_ms": said["cpu"] * 1e3,
        "task_ms": used.task_ms,
    }


def _drive(
    notebook: Notebook, count: int, period: float, *, roll: bool = False
) -> tuple[Counts, dict[str, Any]]:
    """Let the market move; return what it cost, and what was sent when."""
    final = notebook.execute(f"driver.start({count}, {period}, roll={roll})")
    started = notebook.counts()
    notebook.settle(count * period * 1e3)
    notebook.wait_shown(final)
    notebook.settle(_PUT_OFF_MS if roll else SETTLE_MS)
    used = notebook.counts() - started
    result = notebook.execute("driver.result()")
    return used, result


def steady(name: str, count: int, period: float, roll: bool = False) -> dict[str, Any]:
    """Refresh at a steady pace: what each costs, and then how late each is seen."""
    notebook = _notebook(name)
    # The others have been at work for minutes: this kernel and its page come back to memory first.
    if awake := int(_AWAKE_SECONDS / period):
        _drive(notebook, awake, period)
    idle_task_ms, idle_script_ms = _idle(notebook)
    used, result = _drive(notebook, count, period, roll=roll)
    span = result["seconds"] + DELAY + (_PUT_OFF_MS if roll else SETTLE_MS) / 1e3
    notebook.watch()
    _, timed = _drive(notebook, count, period, roll=roll)
    late = lateness(timed["sent"], notebook.seen())
    return {
        "to_page": used.to_page / count,
        "to_kernel": used.to_kernel / count,
        "messages": used.messages / count,
        "task_ms": max(used.task_ms - idle_task_ms * span, 0.0) / count,
        "script_ms": max(used.script_ms - idle_script_ms * span, 0.0) / count,
        "python_ms": result["cpu"] * 1e3 / count,
        "latency_ms": statistics.median(late),
        "p95_ms": float(np.percentile(late, 95)),
    }


def warm(name: str, count: int, period: float) -> dict[str, Any]:
    """Refresh a few times; return how late the last of them was seen."""
    notebook = _notebook(name)
    _drive(notebook, count, period)
    notebook.watch()
    _, result = _drive(notebook, count, period)
    return {"latency_ms": statistics.median(lateness(result["sent"], notebook.seen()))}


def _idle(notebook: Notebook) -> tuple[float, float]:
    """Return the milliseconds of tasks and scripts in a second of rest: the lesser of two looks."""
    looks = []
    for _ in range(2):
        before = notebook.counts()
        notebook.settle(500)
        looks.append(notebook.counts() - before)
    least = min(looks, key=lambda look: look.task_ms)
    return least.task_ms * 2, least.script_ms * 2


def lateness(sent: list[list[float]], seen: list[tuple[float, float]]) -> list[float]:
    """Return for each price the milliseconds until it, or a newer one, was seen."""
    number = {round(price, 4): at for at, (price, _) in enumerate(sent)}
    late = []
    at = 0
    frames = [(number[round(price, 4)], when) for price, when in seen if round(price, 4) in number]
    for order, (_, when) in enumerate(sent):
        while at < len(frames) and frames[at][0] < order:
            at += 1
        if at == len(frames):
            raise MeasureError("the page did not show the newest price")
        late.append((frames[at][1] - when) * 1e3)
    return late


def rate(name: str, seconds: float, begin: int = 0) -> dict[str, Any]:
    """Return the highest rate that the page keeps up with, and how many of its ticks were drawn as such."""
    notebook = _notebook(name)
    held = {"rate": 0.0, "drawn": 0.0, "rung": 0, "end_ms": 0.0}
    for rung, wanted in list(enumerate(_RATES))[begin:]:
        count = max(3, int(wanted * seconds))
        notebook.watch()
        _, result = _drive(notebook, count, 1 / wanted)
        sent, seen = result["sent"], notebook.seen()
        end_ms = lateness(sent, seen)[-1]
        kept_pace = result["seconds"] < 1.15 * count / wanted
        if end_ms > _BOUND_MS or not kept_pace:
            break
        shown = {round(price, 4) for price, _ in sent} & {price for price, _ in seen}
        held = {
            "rate": wanted,
            "drawn": len(shown) / (sent[-1][1] - sent[0][1]),
            "rung": rung,
            "end_ms": end_ms,
        }
    return held


def drawn(name: str, per_second: float, seconds: float) -> dict[str, Any]:
    """Return how many refreshes a second our own view draws when that many ticks come."""
    notebook = _notebook(name)
    count = int(per_second * seconds)
    before = notebook.drawn()
    _, result = _drive(notebook, count, 1 / per_second)
    return {"drawn": (notebook.drawn() - before) / result["seconds"]}


def heap(name: str, count: int, per_second: float) -> dict[str, Any]:
    """Return the page's heap before and after many refreshes."""
    notebook = _notebook(name)
    before = notebook.heap()
    begun = time.perf_counter()
    _drive(notebook, count, 1 / per_second)
    return {
        "before": before,
        "after": notebook.heap(),
        "count": count,
        "seconds": time.perf_counter() - begun,
    }


def close() -> dict[str, Any]:
    """End the browser and the server."""
    _HELD.clear()
    _RUNNING.close()
    return {}


atexit.register(close)

MEASURES = {
    "first": first,
    "warm": warm,
    "steady": steady,
    "rate": rate,
    "drawn": drawn,
    "heap": heap,
    "close": close,
}
