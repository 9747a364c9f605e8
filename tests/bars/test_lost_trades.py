"""Which bars are marked where trades are lost for good, to the nanosecond."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from mdnb.bars.activity import ActivityBars
from mdnb.bars.cascade import Cascade
from mdnb.bars.lost_trades import mark_activity, mark_node, mark_to_come
from mdnb.bars.node import Node
from mdnb.sessions import Sessions
from mdnb.stores.bars import PARTIAL, BarStore
from mdnb.timeframes import Grid, Timeframe

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
HOURS = Sessions.from_calendar("CME Globex Equity", "2026-03-02", "2026-03-06")


def minutes(count: int = 5, *, is_open: bool = True) -> Cascade:
    """Return so many minutes with a trade in the first second of each, the last of them open or not."""
    cascade = Cascade(["1min"], Sessions.always(), lambda name: BarStore(100))
    for minute in range(count):
        cascade.push(minute * MINUTE, 9.0, 1.0)
    if not is_open:
        cascade.close_until(count * MINUTE)
    return cascade


def marked(node: Node) -> list[int]:
    log = node.log
    rows = [log.row(at) for at in range(len(log))]
    return [row[0] // MINUTE for row, flags in rows if flags & PARTIAL]


@given(st.integers(0, 330), st.integers(0, 330), st.integers(-1, 1), st.integers(-1, 1), st.booleans())
def test_each_bar_that_an_interval_touches_is_marked_and_told_once(
    low: int, high: int, low_off: int, high_off: int, is_open: bool
) -> None:
    low_ns = max(0, min(low, high) * SECOND + low_off)
    high_ns = max(low_ns, max(low, high) * SECOND + high_off)
    node = minutes(is_open=is_open).root
    touched = [at for at in range(5) if at * MINUTE <= high_ns and low_ns < (at + 1) * MINUTE]
    closed = [at for at in touched if at < 4 or not is_open]
    told = mark_node(node, low_ns, high_ns)
    assert [(name, row[0] // MINUTE) for name, row in told] == [("1min", at) for at in closed]
    assert marked(node) == closed
    assert node.partial is (is_open and 4 in touched)
    # What is marked already is not told again.
    assert mark_node(node, low_ns, high_ns) == []
    assert marked(node) == closed


def test_bars_to_come_are_marked_as_they_begin_and_those_there_are_left_alone() -> None:
    cascade = minutes(3)
    node = cascade.root
    # Of a closed one, the open one, two to come, and one of these twice.
    mark_to_come(node, [10 * SECOND, 2 * MINUTE, 4 * MINUTE, 5 * MINUTE - 1, 6 * MINUTE])
    assert node.lacking == {4 * MINUTE, 6 * MINUTE}
    for minute in range(3, 8):
        cascade.push(minute * MINUTE, 9.0, 1.0)
    cascade.close_until(8 * MINUTE)
    assert (marked(node), node.lacking) == ([4, 6], set())
    # Where a minute passed without a trade it has no bar, and may be marked later.
    late = minutes(1)
    late.push(3 * MINUTE, 9.0, 1.0)
    mark_to_come(late.root, [MINUTE, 2 * MINUTE])
    assert late.root.lacking == {MINUTE, 2 * MINUTE}


def test_while_the_venue_is_closed_no_bar_is_to_come() -> None:
    node = Node(Grid(Timeframe.parse("1min"), HOURS), BarStore(10))
    begin = int(HOURS.opens[1])
    mark_to_come(node, [begin - 1, begin + 5])
    assert node.lacking == {begin}


@pytest.mark.parametrize("fill", [False, True])
def test_coarser_bars_to_come_are_marked_with_the_finer_ones_also_of_a_timeframe_added_later(
    fill: bool,
) -> None:
    for later in (False, True):
        cascade = Cascade(
            ["1min"] + ["5min"] * (not later), Sessions.always(), lambda name: BarStore(100), fill=fill
        )
        for minute in range(3):
            cascade.push(minute * MINUTE, 9.0, 1.0)
        for node in cascade.nodes():
            mark_to_come(node, [11 * MINUTE + 5])
        if later:
            cascade.add(Timeframe.parse("5min"), lambda: ([], True))
        assert cascade.node("5min").lacking == {10 * MINUTE}
        for minute in (4, 11, 12, 16):
            cascade.push(minute * MINUTE, 9.0, 1.0)
        cascade.close_until(20 * MINUTE)
        assert marked(cascade.node("5min")) == [10]
        assert marked(cascade.node("1min")) == [11]


def test_a_flat_bar_of_an_interval_that_lacks_trades_is_partial_and_so_is_the_bar_put_there() -> None:
    cascade = Cascade(["1min"], Sessions.always(), lambda name: BarStore(100), fill=True)
    cascade.push(0, 9.0, 1.0)
    mark_to_come(cascade.root, [2 * MINUTE + 5, 3 * MINUTE])
    cascade.close_until(3 * MINUTE)
    cascade.fill_until(3 * MINUTE)
    assert (marked(cascade.root), cascade.root.lacking) == ([2], {2 * MINUTE, 3 * MINUTE})
    # It has not begun, and comes whole from elsewhere: what is lost is lost all the same.
    cascade.root.put_all([(3 * MINUTE, 8.0, 8.0, 8.0, 8.0, 1.0, 1, 8.0)])
    assert (marked(cascade.root), cascade.root.lacking) == ([2, 3], {2 * MINUTE})


def test_bars_of_trades_are_marked_from_the_one_before_the_interval_on() -> None:
    def three() -> ActivityBars:
        bars = ActivityBars(Timeframe.parse("2tick"), BarStore(100))
        bars.push_rows([(at * SECOND, 9.0, 1.0, 1, 0, -1) for at in range(7)])
        return bars

    for low, high, expected, is_open in (
        (0, 0, [0], False),
        (2, 2, [0, 1], False),
        (3, 5, [1, 2], False),
        (4, 6, [1, 2], True),
        (6, 9, [2], True),
        (9, 9, [2], True),
    ):
        bars = three()
        told = mark_activity(bars, low * SECOND, high * SECOND)
        assert [(name, row[0] // (2 * SECOND)) for name, row in told] == [("2tick", at) for at in expected]
        bars.push_rows([(7 * SECOND, 9.0, 1.0, 1, 0, -1)])
        log = bars.log
        flags = [log.row(at)[1] & PARTIAL for at in range(len(log))]
        assert [at for at, flag in enumerate(flags) if flag] == [*expected, *([3] if is_open else [])]
