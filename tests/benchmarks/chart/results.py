"""What was found, as figures and targets."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable
from typing import Any

from tests.benchmarks.chart.contenders import CONTENDERS
from tests.benchmarks.report import Figure, Target

__all__ = ["Found", "figures", "targets"]

Found = dict[tuple[str, int, str], list[dict[str, Any]]]
"""Answers of the rounds, by contender, number of bars and measure."""

_ROWS = (
    ("steady", "to_page", "kernel to page", "B"),
    ("steady", "to_kernel", "page to kernel", "B"),
    ("steady", "python_ms", "Python", "ms"),
    ("steady", "task_ms", "browser", "ms"),
    ("steady", "script_ms", "browser, script only", "ms"),
    ("steady", "latency_ms", "tick to pixel, median", "ms"),
    ("steady", "p95_ms", "tick to pixel, p95", "ms"),
    ("rolls", "to_page", "a bar's close, kernel to page", "B"),
    ("rolls", "task_ms", "a bar's close, browser", "ms"),
    ("rolls", "latency_ms", "a bar's close, tick to pixel", "ms"),
    ("rate", "rate", "rate without backlog", "/s"),
    ("rate", "drawn", "drawn of that, frames at 60", "/s"),
    ("first", "paint", "first paint, imports and all", "ms"),
    ("first", "first.ms", "first figure", "ms"),
    ("first", "first.bytes", "first figure", "B"),
    ("first", "second.ms", "second figure", "ms"),
    ("first", "second.bytes", "second figure", "B"),
    ("heap", "grown", "heap, growth by 1,000 refreshes", "KB"),
    ("heap", "after", "heap", "MB"),
)
_FLAT = 1.5


def _value(answer: dict[str, Any], name: str) -> float:
    if name == "paint":
        return float(answer["first"]["paint_ms"])
    if name == "grown":
        return float((answer["after"] - answer["before"]) * 1e6 / answer["count"])
    held: Any = answer
    for part in name.split("."):
        held = held[part]
    return float(held)


def _values(found: Found, who: str, bars: int, measure: str, name: str) -> list[float]:
    return [_value(answer, name) for answer in found.get((who, bars, measure), [])]


def _median(values: list[float]) -> float:
    return statistics.median(values) if values else math.nan


def figures(found: Found, errors: dict[str, str], sizes: tuple[int, ...]) -> list[Figure]:
    """Return every row of every contender, and for those without why."""
    out = []
    for bars in sizes:
        for measure, name, label, unit in _ROWS:
            for who, contender in CONTENDERS.items():
                values = _values(found, who, bars, measure, name)
                if values and who != "unlimited":
                    note = f"{min(values):.3g}..{max(values):.3g}" if len(values) > 1 else ""
                    if measure == "heap":
                        note = f"after {found[who, bars, measure][0]['count']:,} refreshes"
                    row = f"{bars:>6,} bars  {label:<32}{contender.label}"
                    out.append(Figure(row, _median(values), unit, note))
    last = sizes[-1]
    unlimited = _values(found, "unlimited", last, "drawn", "drawn")
    if unlimited:
        note = f"{min(unlimited):.3g}..{max(unlimited):.3g}"
        out.append(Figure(f"{last:>6,} bars  {_DRAWN}", _median(unlimited), "/s", note))
    out += [
        Figure(CONTENDERS[who].label, math.nan, "", f"NOT MEASURED: {error}") for who, error in errors.items()
    ]
    return out


_DRAWN = "drawn when 120 come, frames without a limit"


class _Ratios:
    """Ratios between contenders, the median of each round's own."""

    def __init__(self, found: Found) -> None:
        self._found = found

    def of(self, over: tuple[str, int], under: tuple[str, int], measure: str, name: str) -> float:
        """Return how many times the second's figure the first's is; nan when one is not known."""
        upper, lower = (_values(self._found, *which, measure, name) for which in (over, under))
        return _median([a / b for a, b in zip(upper, lower, strict=False) if b > 0])


def targets(found: Found, sizes: tuple[int, ...]) -> list[Target]:
    """Return the targets of the live chart's design, judged."""
    ratio = _Ratios(found).of
    thousand, last = sizes[:2][-1], sizes[-1]
    out = [
        Target(
            f"bytes of stock over ours at {thousand:,} bars",
            _bytes(found, "stock", thousand) / _bytes(found, "ours", thousand),
            ">=",
            25,
        ),
        Target(
            f"browser time of stock over ours at {thousand:,} bars",
            ratio(("stock", thousand), ("ours", thousand), "steady", "task_ms"),
            ">=",
            5,
        ),
    ]
    for bars, limit in zip(sizes[1:], (5, 15, 50), strict=False):
        value = ratio(("stock", bars), ("ours", bars), "steady", "latency_ms")
        out.append(Target(f"tick to pixel of stock over ours at {bars:,} bars", value, ">=", limit))
    out += _own(found, thousand, last)
    for bars in (thousand, last):
        out += _beside(found, "pywry", bars, _NOT_SLOWER)
        out += _beside(found, "lwc5", bars, (("steady", "latency_ms", "tick to pixel", False),))
    return out


def _bytes(found: Found, who: str, bars: int) -> float:
    ways = [_values(found, who, bars, "steady", name) for name in ("to_page", "to_kernel")]
    return _median([a + b for a, b in zip(*ways, strict=True)])


def _own(found: Found, thousand: int, last: int) -> list[Target]:
    ratio = _Ratios(found).of
    flat = ratio(("ours", last), ("ours", thousand), "steady", "latency_ms")
    drawn = _median(_values(found, "unlimited", last, "drawn", "drawn"))
    second = _median(_values(found, "ours", thousand, "first", "second.bytes"))
    quick = _median(_values(found, "ours", thousand, "first", "second.ms"))
    stock = _median(_values(found, "stock", thousand, "first", "first.ms"))
    return [
        Target(f"tick to pixel at {last:,} bars over {thousand:,}", flat, "<=", _FLAT),
        Target(f"drawn at {last:,} bars, frames without a limit", drawn, ">=", 60, "/s"),
        Target("bytes of a second figure", second / 1e3, "<=", 100, " KB"),
        Target("stock's first figure over our second, time", stock / quick, ">=", 5),
    ]


_NOT_SLOWER: tuple[tuple[str, str, str, bool], ...] = (
    ("steady", "latency_ms", "tick to pixel", False),
    ("steady", "p95_ms", "tick to pixel, p95", False),
    ("steady", "to_page", "bytes to the page", False),
    ("steady", "task_ms", "browser time", False),
    ("steady", "python_ms", "Python time", False),
    ("rolls", "latency_ms", "a bar's close, tick to pixel", False),
    ("rolls", "task_ms", "a bar's close, browser time", False),
    ("rate", "rate", "rate without backlog", True),
    ("first", "paint", "first paint, imports and all", False),
    ("first", "first.ms", "first figure", False),
    ("first", "second.ms", "second figure", False),
)


def _beside(
    found: Found, rival: str, bars: int, rows: tuple[tuple[str, str, str, bool], ...]
) -> list[Target]:
    """Return that we are no worse than a rival; ``more`` is better where a row says so."""
    ratio: Callable[..., float] = _Ratios(found).of
    name = CONTENDERS[rival].label
    out = []
    for measure, field, label, more in rows:
        value = ratio(("ours", bars), (rival, bars), measure, field)
        out.append(Target(f"ours over {name} at {bars:,} bars: {label}", value, ">=" if more else "<=", 1))
    return out
