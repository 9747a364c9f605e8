"""Hours of market at speed: memory flat, accounting exact, a tick as cheap at the end as at the beginning."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.runtime.soaking import LIMIT, TICKS, TIMEFRAMES

ROOT = Path(__file__).parents[2]


def soak(hours: float, checkpoints: int, seconds: float) -> tuple[list[dict[str, Any]], dict[str, bool]]:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "tests.runtime.soaking", str(hours), str(checkpoints)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "Traceback" not in done.stderr, done.stderr[-3000:]
    *lines, last = [json.loads(line) for line in done.stdout.splitlines()]
    for line in lines:
        figures = f"{line['ticks']:,} ticks, {line['rss'] / 1e6:.1f} MB, {line['cpu']:.1f} s of CPU"
        sys.stdout.write(figures + "\n")
    return lines, last["same"]


def check(lines: list[dict[str, Any]], same: dict[str, bool]) -> None:
    for line in lines:
        assert line["balanced"]
        assert all(line["bars"][name] <= LIMIT for name in TIMEFRAMES)
        assert line["held_ticks"] <= TICKS
        # What waits for the disk may be written before the oldest files go.
        assert line["disk_mb"] <= 2.0 + 1.0
        assert line["score"] > 90
    assert lines[-1]["threads"] <= lines[0]["threads"]
    assert lines[-1]["files"] <= lines[0]["files"] + 2
    assert all(same.values()), same
    assert lines[-1]["handled"]["bars"] > 0


def microseconds_a_tick(lines: list[dict[str, Any]], first: int, last: int) -> float:
    return 1e6 * (lines[last]["cpu"] - lines[first]["cpu"]) / (lines[last]["ticks"] - lines[first]["ticks"])


def test_half_an_hour_of_market() -> None:
    lines, same = soak(0.75, 3, 300)
    check(lines, same)
    assert lines[-1]["rss"] <= 1.25 * lines[0]["rss"]


@pytest.mark.slow
def test_a_day_of_market() -> None:
    lines, same = soak(24, 24, 3600)
    check(lines, same)
    assert lines[-1]["ticks"] >= 1_700_000
    assert lines[-1]["rss"] <= 1.05 * lines[3]["rss"], [line["rss"] for line in lines]
    assert microseconds_a_tick(lines, 17, 23) <= 1.25 * microseconds_a_tick(lines, 6, 12)
