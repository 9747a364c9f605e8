"""Late trades: what they change in flat bars, and in bars whose finer ones left memory."""

from __future__ import annotations

import pytest

from mdnb.bars.cascade import Cascade
from mdnb.bars.node import Node
from mdnb.rows import BarRow
from mdnb.sessions import Sessions
from mdnb.stores.bars import FILLED, BarStore

MINUTE = 60_000_000_000
SECOND = 1_000_000_000
START = 1_700_000_100 * SECOND  # a whole five minutes


def flat(cascade: Cascade, name: str) -> list[tuple[int, float, bool]]:
    """Return each closed bar's minute, close, and whether it is a flat one."""
    log = cascade.node(name).log
    held = [log.row(at) for at in range(len(log))]
    return [((row[0] - START) // MINUTE, row[4], bool(flags & FILLED)) for row, flags in held]


def filling(on_closed: object = None) -> Cascade:
    return Cascade(["1min"], Sessions.always(), lambda name: BarStore(1000), fill=True, on_closed=on_closed)  # type: ignore[arg-type]


def test_flat_bars_follow_the_late_trade_before_them() -> None:
    cascade = filling()
    cascade.push(START + 30 * SECOND, 10.0, 1.0)
    cascade.close_until(START + 3 * MINUTE)
    cascade.fill_until(START + 3 * MINUTE)
    assert flat(cascade, "1min") == [(0, 10.0, False), (1, 10.0, True), (2, 10.0, True)]
    cascade.push(START + 40 * SECOND, 12.0, 1.0)
    assert flat(cascade, "1min") == [(0, 12.0, False), (1, 12.0, True), (2, 12.0, True)]
    cascade.push(START + 4 * MINUTE, 20.0, 1.0)
    assert flat(cascade, "1min")[3:] == [(3, 12.0, True)]


def test_intervals_before_a_late_trade_that_a_timer_closed_are_filled() -> None:
    told: list[tuple[int, bool]] = []

    def closed(node: Node, row: BarRow, flags: int, *_: int) -> None:
        told.append(((row[0] - START) // MINUTE, bool(flags & FILLED)))

    cascade = filling(closed)
    cascade.push(START, 10.0, 1.0)
    cascade.close_until(START + 4 * MINUTE)
    cascade.push(START + 2 * MINUTE, 11.0, 1.0)
    assert flat(cascade, "1min") == [(0, 10.0, False), (1, 10.0, True), (2, 11.0, False)]
    # The late bar itself is told of as one that was amended.
    assert told == [(0, False), (1, True)]
    assert [((row[0] - START) // MINUTE, row[4]) for _, row in cascade.amended] == [(2, 11.0)]


@pytest.mark.parametrize("late", [11, 12, 8, 9])
def test_a_coarse_bar_whose_finer_ones_are_gone_takes_in_a_late_trade_as_if_they_were_held(late: int) -> None:
    def make(minutes: int) -> Cascade:
        return Cascade(
            ["1min", "5min", "10min"],
            Sessions.always(),
            lambda name: BarStore(minutes if name == "1min" else 1000),
            max_lateness_ns=10 * MINUTE,
        )

    now = 13 if late > 9 else 11
    few, all_ = make(now - late), make(1000)
    for cascade in (few, all_):
        for minute in range(now + 1):
            cascade.push(START + minute * MINUTE, 10.0 + minute, 2.0)
        cascade.push(START + late * MINUTE + SECOND, 99.0, 5.0)
    assert few.late_dropped == 0
    for name in ("5min", "10min"):
        (mine, theirs) = (cascade.node(name).log for cascade in (few, all_))
        assert [mine.row(at)[0] for at in range(len(mine))] == [
            theirs.row(at)[0] for at in range(len(theirs))
        ]
        assert few.node(name).as_row() == all_.node(name).as_row()
        assert few.forming(name) == all_.forming(name)


def test_a_late_trade_of_a_bar_that_left_memory_is_refused() -> None:
    cascade = Cascade(["1min"], Sessions.always(), lambda name: BarStore(2), max_lateness_ns=10 * MINUTE)
    for minute in range(6):
        cascade.push(START + minute * MINUTE, 10.0, 1.0)
    cascade.push(START + MINUTE, 99.0, 1.0)
    assert (cascade.late_dropped, cascade.amended) == (1, [])


def test_flat_bars_that_follow_are_told_of_in_each_timeframe() -> None:
    cascade = Cascade(["1min", "2min"], Sessions.always(), lambda name: BarStore(1000), fill=True)
    cascade.push(START, 10.0, 1.0)
    cascade.close_until(START + 6 * MINUTE)
    cascade.fill_until(START + 6 * MINUTE)
    cascade.push(START + 30 * SECOND, 12.0, 1.0)
    told = [(node.name, (row[0] - START) // MINUTE, row[4], row[6]) for node, row in cascade.amended]
    assert [one for one in told if one[0] == "1min"] == [
        ("1min", 0, 12.0, 2),
        *(("1min", at, 12.0, 0) for at in range(1, 6)),
    ]
    step = cascade.node("2min").grid.span(START)
    assert step is not None
    first = (step[0] - START) // MINUTE
    assert [one[1:] for one in told if one[0] == "2min"] == [
        (first, 12.0, 2),
        *((at, 12.0, 0) for at in range(first + 2, 6 - 1, 2)),
    ]


def test_the_newest_trade_counts_although_flat_bars_have_driven_its_bar_out() -> None:
    cascade = Cascade(["1min", "5min"], Sessions.always(), lambda name: BarStore(1), fill=True)
    cascade.push(START, 10.0, 1.0)
    cascade.close_until(START + 5 * MINUTE)
    cascade.fill_until(START + 5 * MINUTE)
    cascade.push(START + SECOND, 12.0, 1.0)
    assert cascade.late_dropped == 0
    assert flat(cascade, "1min") == [(4, 12.0, True)]
    assert cascade.node("5min").log.row(0)[0] == (START, 10.0, 12.0, 10.0, 12.0, 2.0, 2, 22.0)
    assert [(node.name, piece.row[0], piece.close) for node, piece in cascade.gone] == [("1min", START, 12.0)]
