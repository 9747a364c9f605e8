"""What a recording lacks is told by its own time: the same at any speed, stepwise too."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import mdnb
from mdnb.events.types import Event, EventType
from mdnb.feeds.recorder import Recorder
from mdnb.rows import LOST_LINE
from tests.limits import LIMIT_SECONDS
from tests.runtime.replays import check_paced, rows_of, told

SECOND = 1_000_000_000
START = 1_700_000_100 * SECOND
NAMES = ["1sec", "5sec", "20tick", "1min"]

Happened = tuple[Any, ...]


def message(row: list[Any]) -> str:
    return json.dumps({"e": "trades" if len(row) == 6 else "quotes", "s": "X", "r": [row]})


def recording(path: Path, seed: int, kind: str = "ids") -> Path:
    """Write a venue's frames with ids jumped over, some of which come later, and losses of the line."""
    dice = random.Random(seed)
    now, kept_back = START, list[tuple[int, list[Any]]]()
    with Recorder(path, "mdnb", ["X"]) as recorder:
        for number in range(500):
            now += int(dice.expovariate(4.0) * SECOND)
            for due, row in [one for one in kept_back if one[0] <= now]:
                kept_back.remove((due, row))
                recorder.frame(now, message(row))
            made_ns, price = now - 20_000_000, round(100 + dice.gauss(0, 1), 2)
            row: list[Any] = [made_ns, price, 1.0, 1, 1, number if kind == "ids" else -1]
            if kind == "quotes":
                row = [made_ns, price - 0.25, 1.0, price + 0.25, 1.0]
            match dice.choices(("comes", "late", "missing", "outage"), (90, 4, 3, 1.5))[0]:
                case "late":
                    kept_back.append((now + dice.choice((300, 900, 1_400)) * SECOND // 1_000, row))
                case "missing":
                    pass
                case "outage":
                    recorder.frame(now, LOST_LINE)
                    now += dice.choice((1, 4, 70)) * SECOND
                case _:
                    recorder.frame(now, message(row))
    return path


def happened(
    path: Path, speed: float | str, names: Sequence[str] = NAMES, *, handled: bool = False
) -> list[Happened]:
    """Return what a replay tells of bars and gaps, in order, and the bars that are partial in the end."""
    made: list[Happened] = []

    def take(event: Event) -> None:
        if event.type is EventType.DATA_GAP:
            made.append(("gap", event.gap_id, event.state, event.data["gap_start"], event.data["gap_end"]))
        elif event.type is EventType.BAR_AMENDED:
            made.append(("amended", event.data.timeframe, event.time_ns, event.data.partial))
        else:
            made.extend(rows_of(event.time_ns, event.view, event.bars, names))

    kinds = (EventType.BARS_CLOSED, EventType.BAR_AMENDED, EventType.DATA_GAP)
    feed = mdnb.make_feed(f"replay:{path}", speed=speed)
    with mdnb.live("X", names, feed=feed, initial_days=0, progress=False) as live:
        for kind in kinds:
            if handled:
                live.on(kind, take)
            else:
                live._parts.session.bus.tap(kind, take)
        live.wait_ended(LIMIT_SECONDS)
        made += [(name, live.data.get_data(name, count=10_000).attrs["partial"]) for name in names]
    return made


@pytest.mark.parametrize(
    ("seed", "kind", "names"), [(1, "ids", NAMES), (2, "no ids", NAMES), (3, "quotes", ["1sec", "1min"])]
)
def test_gaps_of_a_recording_are_told_at_the_same_time_at_any_speed(
    tmp_path: Path, seed: int, kind: str, names: list[str]
) -> None:
    path = recording(tmp_path / "x.jsonl", seed, kind)
    expected = happened(path, "max", names)
    gaps = [one for one in expected if one[0] == "gap"]
    assert len(gaps) > 4
    assert [one[2] for one in gaps] == ["repairing", "lost"] * (len(gaps) // 2)
    # Between handlers there is no order.
    handled = happened(path, "max", names, handled=True)
    assert sorted(handled, key=repr) == sorted(expected, key=repr)
    check_paced(lambda speed: happened(path, speed, names), expected, 400)


@pytest.mark.parametrize("kind", ["ids", "no ids"])
def test_bars_that_lack_trades_are_partial_stepwise_too(tmp_path: Path, kind: str) -> None:
    path = recording(tmp_path / "x.jsonl", 4, kind)
    expected = told("max", path, "X", NAMES)
    steps = list(mdnb.play(path, NAMES, symbol="X"))
    assert [
        row for step in steps for row in rows_of(int(step.time.value), step.view, step.bars, NAMES)
    ] == expected
    assert sum(row[9] for row in expected) > 5


def trade(at: float, number: int) -> str:
    return message([START + round(at * SECOND), 100.0, 1.0, 1, 1, number])


@pytest.mark.parametrize(
    ("frames", "gaps"),
    [
        # Of an id that was jumped over nothing is waited for after a second.
        ([(0.1, 0), (0.5, 1), (1.2, 3), (4.0, 4)], [(0.5, 1.2, "missing_ids")]),
        ([(0.1, 0), (0.5, 1), (1.2, 3), (1.9, 2), (4.0, 4)], []),
        # Two jumps are two gaps; of one in which some come the rest is told.
        ([(0.1, 0), (0.4, 2), (0.9, 4), (4.0, 5)], [(0.1, 0.4, "missing_ids"), (0.4, 0.9, "missing_ids")]),
        ([(0.1, 0), (0.9, 4), (1.0, 2), (4.0, 5)], [(0.1, 0.9, "missing_ids")]),
        # What an outage left out, and one that left out nothing.
        ([(0.1, 0), (0.6, None), (2.2, 5), (4.0, 6)], [(0.1, 2.2, "reconnect")]),
        ([(0.1, 0), (0.6, None), (2.2, 1), (4.0, 2)], []),
        # At the end nothing comes any more.
        ([(0.1, 0), (0.5, 2)], [(0.1, 0.5, "missing_ids")]),
        ([(0.1, 0), (0.5, 1), (0.7, None)], []),
        # Before the first trade nothing is known.
        ([(0.1, None), (0.5, 7), (0.9, 8)], []),
    ],
)
def test_what_is_lost_lies_between_the_trades_next_to_it(
    tmp_path: Path, frames: list[tuple[float, int | None]], gaps: list[tuple[float, float, str]]
) -> None:
    path = tmp_path / "x.jsonl"
    with Recorder(path, "mdnb", ["X"]) as recorder:
        for at, number in frames:
            recorder.frame(START + round(at * SECOND), LOST_LINE if number is None else trade(at, number))
    feed = mdnb.make_feed(f"replay:{path}", speed="max")
    with mdnb.live("X", "1sec", feed=feed, initial_days=0, progress=False) as live:
        live.wait_ended(LIMIT_SECONDS)
        found = list(live._parts.session.market("X").pipeline.gaps)
    mine = [((gap.start_ns - START) / SECOND, (gap.end_ns - START) / SECOND, gap.reason) for gap in found]
    assert mine == gaps
    assert all((gap.state, gap.repaired) == ("lost", False) for gap in found)
