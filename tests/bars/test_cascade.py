"""The cascade against a plain reference: group the accepted trades by interval, in arrival order."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings, strategies as st

from mdnb.bars.cascade import Cascade
from mdnb.rows import BarRow, TradeRow
from mdnb.sessions import Sessions
from mdnb.stores.bars import FILLED, PARTIAL, BarStore
from mdnb.timeframes import Grid, Timeframe

SECOND = 1_000_000_000
ALWAYS = Sessions.always()
LATENESS = 5 * SECOND
START = 1_700_000_000 * SECOND


def make(names: Sequence[str], sessions: Sessions = ALWAYS, **options: object) -> Cascade:
    return Cascade(names, sessions, lambda name: BarStore(1_000_000), max_lateness_ns=LATENESS, **options)  # type: ignore[arg-type]


def bars_of(cascade: Cascade, name: str) -> list[BarRow]:
    """All bars without the flat ones, the forming one last."""
    log = cascade.node(name).log
    rows = [log.row(i) for i in range(len(log))]
    kept = [row for row, flags in rows if not flags & FILLED]
    forming = cascade.forming(name)
    return kept + ([forming] if forming else [])


def reference(
    rows: Sequence[TradeRow], names: Sequence[str], root: str
) -> tuple[dict[str, list[BarRow]], int]:
    """Bars by dictionary: no state but the newest time, no cascade, no early closing."""
    step = Timeframe.parse(root).step_ns
    newest = -(2**63)
    kept: list[TradeRow] = []
    dropped = 0
    for row in rows:
        own = row[0] // step
        if newest - row[0] > LATENESS and own < newest // step:
            dropped += 1
            continue
        newest = max(newest, row[0])
        kept.append(row)
    out: dict[str, list[BarRow]] = {}
    for name in names:
        grid = Grid(Timeframe.parse(name), ALWAYS)
        groups: dict[int, list[TradeRow]] = {}
        for row in kept:
            span = grid.span(row[0])
            assert span is not None
            groups.setdefault(span[0], []).append(row)
        bars: list[BarRow] = []
        for start in sorted(groups):
            group = groups[start]
            # Open and close of a coarse bar come from its first and last fine interval.
            fine: dict[int, list[TradeRow]] = {}
            for row in group:
                fine.setdefault(row[0] // step, []).append(row)
            first, last = fine[min(fine)], fine[max(fine)]
            prices = [row[1] for row in group]
            bars.append(
                (
                    start,
                    first[0][1],
                    max(prices),
                    min(prices),
                    last[-1][1],
                    sum(row[2] for row in group),
                    sum(row[3] for row in group),
                    sum(row[1] * row[2] for row in group),
                )
            )
        out[name] = bars
    return out, dropped


def partial_of(cascade: Cascade, name: str) -> list[int]:
    """Starts of the bars that are, or will be when they close, marked partial."""
    node = cascade.node(name)
    log = node.log
    closed = [row[0] for row, flags in (log.row(i) for i in range(len(log))) if flags & PARTIAL]
    # A coarser bar takes the mark from the finer ones, of which the newest may be open still.
    finer: list[Any] = []
    at: Any = node
    while at is not None:
        finer.append(at)
        at = at.parent
    forming = cascade.forming(name)
    if forming is None:
        return closed
    open_now = next(each.start for each in finer if each.is_open)
    for each in finer:
        if each.is_open:
            will = each.partial and each.start >= forming[0]
        else:
            # Not begun: it will be by the finer bar that is open, and the first one ever may begin before it.
            start = each.grid.span(open_now)[0]
            will = not len(each.log) and forming[0] <= start < open_now
        if will:
            return [*closed, forming[0]]
    return closed


def assert_same(mine: list[BarRow], theirs: list[BarRow]) -> None:
    assert [bar[:5] for bar in mine] == [bar[:5] for bar in theirs]
    assert [bar[6] for bar in mine] == [bar[6] for bar in theirs]
    np.testing.assert_allclose([bar[5] for bar in mine], [bar[5] for bar in theirs], rtol=1e-12)
    np.testing.assert_allclose([bar[7] for bar in mine], [bar[7] for bar in theirs], rtol=1e-12)


FAMILIES = [
    ["1sec", "1min", "5min"],
    ["15sec", "1min", "5min", "15min", "1hour", "1day"],
    ["5min", "7min"],
    ["1min", "1week", "1month"],
    ["10sec"],
]


@st.composite
def trades(draw: st.DrawFn, disorder: bool = True) -> list[TradeRow]:
    """Trades with ties, gaps, and some that come late by up to 20 seconds."""
    count = draw(st.integers(1, 120))
    gaps = draw(
        st.lists(
            st.sampled_from([0, 0, 1, 200, 999, 1000, 7000, 61_000, 400_000]), min_size=count, max_size=count
        )
    )
    late = draw(
        st.lists(
            st.sampled_from([0, 0, 0, 1, 900, 4_999, 5_000, 5_001, 20_000]), min_size=count, max_size=count
        )
    )
    prices = draw(st.lists(st.integers(1, 60), min_size=count, max_size=count))
    sizes = draw(st.lists(st.sampled_from([0.0, 1.0, 2.0, 0.1, 1e-8, 3.7]), min_size=count, max_size=count))
    counts = draw(st.lists(st.integers(1, 3), min_size=count, max_size=count))
    at, rows = START, []
    for i in range(count):
        at += gaps[i] * 1_000_000
        back = late[i] * 1_000_000 if disorder else 0
        rows.append((at - back, prices[i] * 0.25, sizes[i], counts[i], 0, i))
    return rows


def cut(rows: list[TradeRow], sizes: list[int]) -> list[list[TradeRow]]:
    out, at = [], 0
    for size in itertools.cycle(sizes):
        if at >= len(rows):
            return out
        out.append(rows[at : at + size])
        at += size
    return out


@given(trades(), st.sampled_from(FAMILIES))
def test_bars_equal_the_reference(rows: list[TradeRow], names: list[str]) -> None:
    cascade = make(names)
    cascade.push_rows(rows)
    expected, dropped = reference(rows, names, cascade.root.name)
    assert cascade.late_dropped == dropped == len(cascade.refused)
    for name in names:
        assert_same(bars_of(cascade, name), expected[name])


@example(
    rows=[(1_700_000_000_000_000_000, 0.25, 0.0, 1, 0, 0)],
    names=["1sec", "1min", "5min"],
    sizes=[1],
    timer=True,
)
@given(
    trades(), st.sampled_from(FAMILIES), st.lists(st.integers(1, 40), min_size=1, max_size=5), st.booleans()
)
def test_the_same_bars_however_the_trades_are_cut(
    rows: list[TradeRow], names: list[str], sizes: list[int], timer: bool
) -> None:
    whole, parts, single, arrays = make(names), make(names), make(names), make(names)
    whole.push_rows(rows)
    newest = 0
    for batch in cut(rows, sizes):
        parts.push_rows(batch)
        newest = max(newest, *(row[0] for row in batch))
        if timer:
            # A timer that fires between two batches may close early; the bars must not care.
            parts.close_until(newest + 2 * SECOND)
    for row in rows:
        single.push(*row[:4])
    for batch in cut(rows, sizes):
        ts, price, size, count, _, _ = (np.array(column) for column in zip(*batch, strict=True))
        arrays.push_arrays(ts, price, size, count)
    for other in (parts, single, arrays):
        assert other.late_dropped == whole.late_dropped
        for name in names:
            # To the last bit, for every path adds in the same order; the turnover of a closed bar that was
            # amended comes from its stored vwap, which rounds.
            mine, theirs = bars_of(other, name), bars_of(whole, name)
            assert [(*bar[:5], bar[6]) for bar in mine] == [(*bar[:5], bar[6]) for bar in theirs]
            if other is parts and timer:
                # A trade that comes after the timer is added to a coarser bar in another order.
                np.testing.assert_allclose([bar[5] for bar in mine], [bar[5] for bar in theirs], rtol=1e-12)
            else:
                assert [bar[5] for bar in mine] == [bar[5] for bar in theirs]
            np.testing.assert_allclose([bar[7] for bar in mine], [bar[7] for bar in theirs], rtol=1e-12)
            assert partial_of(other, name) == partial_of(whole, name)


@given(trades(), st.sampled_from(FAMILIES))
def test_coarse_bars_are_the_sum_of_their_finer_ones(rows: list[TradeRow], names: list[str]) -> None:
    cascade = make(names)
    cascade.push_rows(rows)
    for node in cascade.nodes():
        if node.parent is None:
            continue
        fine = bars_of(cascade, node.parent.name)
        for bar in bars_of(cascade, node.name):
            span = node.grid.span(bar[0])
            assert span is not None
            inside = [row for row in fine if span[0] <= row[0] < span[1]]
            assert bar[1] == inside[0][1]
            assert bar[2] == max(row[2] for row in inside)
            assert bar[3] == min(row[3] for row in inside)
            assert bar[4] == inside[-1][4]
            assert bar[6] == sum(row[6] for row in inside)
            assert bar[5] == pytest.approx(sum(row[5] for row in inside), rel=1e-12)


@given(trades(), st.lists(st.integers(1, 40), min_size=1, max_size=4), st.booleans())
def test_flat_bars_fill_exactly_the_empty_intervals(
    rows: list[TradeRow], sizes: list[int], timer: bool
) -> None:
    cascade = make(["1min", "5min"], fill=True)
    newest = 0
    for batch in cut(rows, sizes):
        cascade.push_rows(batch)
        newest = max(newest, *(row[0] for row in batch))
        if timer:
            cascade.close_until(newest)
            cascade.fill_until(newest)
    plain = make(["1min", "5min"])
    plain.push_rows(rows)
    for name in ("1min", "5min"):
        assert_same(bars_of(cascade, name), bars_of(plain, name))
        log = cascade.node(name).log
        step = Timeframe.parse(name).step_ns
        held = [log.row(i) for i in range(len(log))]
        starts = [row[0] for row, _ in held]
        assert starts == list(range(starts[0], starts[-1] + step, step)) if starts else True
        for (before, _), (row, flags) in itertools.pairwise(held):
            if flags & FILLED:
                assert row[1:5] == (before[4],) * 4
                assert row[5:7] == (0.0, 0)


@given(
    trades(disorder=False), st.sampled_from(["15sec", "30sec", "5min", "7min", "1hour", "1day"]), st.data()
)
@settings(max_examples=60)
def test_a_timeframe_added_later_equals_one_kept_from_the_start(
    rows: list[TradeRow], name: str, data: st.DataObject
) -> None:
    at = data.draw(st.integers(1, len(rows)))
    always, later = make(["1min", name]), make(["1min"])
    always.push_rows(rows)
    later.push_rows(rows[:at])
    later.add(Timeframe.parse(name), lambda: (rows[:at], True))
    later.push_rows(rows[at:])
    for kept in ("1min", name):
        assert_same(bars_of(later, kept), bars_of(always, kept))


def test_a_removed_timeframe_that_feeds_others_goes_on_unseen() -> None:
    cascade = make(["1min", "5min", "15min"])
    rows = [(START + i * SECOND, 100.0 + i % 5, 1.0, 1, 0, i) for i in range(4000)]
    cascade.push_rows(rows[:1500])
    cascade.remove("5min")
    assert cascade.names() == ["1min", "15min"]
    cascade.push_rows(rows[1500:])
    expected, _ = reference(rows, ["1min", "15min"], "1min")
    for name in ("1min", "15min"):
        assert_same(bars_of(cascade, name), expected[name])


def test_a_burst_of_100_000_trades_in_one_go_loses_none() -> None:
    rng = np.random.default_rng(3)
    ts = START + np.sort(rng.integers(0, 90 * SECOND, 100_000))
    rows = [(int(t), 100.0 + i % 9, 1.0, 1, 0, i) for i, t in enumerate(ts)]
    names = ["1sec", "5sec", "1min", "1hour"]
    cascade = make(names)
    cascade.push_rows(rows)
    for name in names:
        assert sum(bar[6] for bar in bars_of(cascade, name)) == 100_000
        assert sum(bar[5] for bar in bars_of(cascade, name)) == 100_000.0


def test_closing_is_eager_and_finest_first() -> None:
    seen: list[tuple[str, int]] = []
    cascade = make(
        ["1min", "5min", "15min"], on_closed=lambda node, row, *_: seen.append((node.name, row[0]))
    )
    first = 1_700_000_100 * SECOND // (900 * SECOND) * (900 * SECOND)
    cascade.push(first, 1.0, 1.0)
    cascade.push(first + 3600 * SECOND, 2.0, 1.0)
    assert seen == [("1min", first), ("5min", first), ("15min", first)]


def test_finer_bars_make_the_same_bars_as_their_trades() -> None:
    rng = np.random.default_rng(5)
    ts = START + np.sort(rng.integers(0, 3000 * SECOND, 2000))
    rows = [(int(t), 100.0 + i % 9, 1.0 + i % 3, 1, 0, i) for i, t in enumerate(ts)]
    fine, coarse, theirs = make(["15sec"]), make(["1min", "5min"]), make(["15sec", "1min", "5min"])
    for cascade in (fine, theirs):
        cascade.push_rows(rows)
    bars = bars_of(fine, "15sec")
    # One in the middle comes last, when its minute is closed already.
    coarse.push_bars([*bars[:40], *bars[41:80]])
    coarse.push_bars([bars[40], *bars[80:]])
    assert coarse.amended_count == 1
    for name in ("1min", "5min"):
        mine, right = bars_of(coarse, name), bars_of(theirs, name)
        assert [(bar[0], *bar[2:4], bar[6]) for bar in mine] == [(bar[0], *bar[2:4], bar[6]) for bar in right]
        np.testing.assert_allclose([bar[5] for bar in mine], [bar[5] for bar in right], rtol=1e-12)


def test_filling_that_is_switched_on_later_fills_from_then_on() -> None:
    cascade = make(["1min"])
    minute = 60 * SECOND
    for at in (0, 3):
        cascade.push(START // minute * minute + at * minute, 100.0, 1.0)
    cascade.set_fill(True)
    cascade.push(START // minute * minute + 6 * minute, 100.0, 1.0)
    log = cascade.node("1min").log
    held = [(log.row(i)[0][0] // minute - START // minute, log.row(i)[1] & FILLED) for i in range(len(log))]
    assert held == [(0, 0), (3, 0), (4, FILLED), (5, FILLED)]


def test_a_timeframe_removed_and_added_again_is_the_one_that_went_on_unseen() -> None:
    cascade = make(["1min", "5min", "15min"])
    rows = [(START + i * SECOND, 100.0 + i % 5, 1.0, 1, 0, i) for i in range(4000)]
    cascade.push_rows(rows[:2000])
    cascade.remove("5min")
    cascade.push_rows(rows[2000:])
    again = cascade.add(Timeframe.parse("5min"), lambda: pytest.fail("no trades are needed"))
    assert again is cascade.node("5min")
    assert cascade.names() == ["1min", "5min", "15min"]
    assert_same(bars_of(cascade, "5min"), reference(rows, ["5min"], "1min")[0]["5min"])
    cascade.remove("5min")
    cascade.remove("15min")
    # Nothing needs it any more.
    assert [node.name for node in cascade.nodes()] == ["1min"]


@pytest.mark.parametrize("held", [0, 20])
def test_a_finer_timeframe_added_where_the_open_bars_trades_are_not_all_held_starts_afresh(held: int) -> None:
    minute = START // (60 * SECOND) * 60 * SECOND
    rows = [(minute + i * SECOND, 100.0 + i % 5, 1.0, 1, 0, i) for i in range(200)]
    cascade = make(["1min"])
    cascade.push_rows(rows[:145])
    added = cascade.add(Timeframe.parse("10sec"), lambda: (rows[145 - held : 145], False))
    assert cascade.root is added
    cascade.push_rows(rows[145:])
    assert_same(bars_of(cascade, "1min"), reference(rows, ["1min"], "1min")[0]["1min"])
    # The bar that was open then began before: it is marked.
    assert cascade.node("10sec").log.row(len(cascade.node("10sec").log) - 5)[1] == PARTIAL


@pytest.mark.parametrize("first", [50, 0])
def test_a_finer_timeframe_whose_trades_are_all_held_takes_over_the_open_bar(first: int) -> None:
    minute = START // (60 * SECOND) * 60 * SECOND
    rows = [(minute + i * SECOND, 100.0 + i % 5, 1.0, 1, 0, i) for i in range(first, 180)]
    cascade = make(["1min"])
    # Of the finer bars none has closed by then, or five have.
    held = rows[: 57 - first]
    cascade.push_rows(held)
    cascade.add(Timeframe.parse("10sec"), lambda: (held, True))
    cascade.push_rows(rows[len(held) :])
    for name, bars in reference(rows, ["10sec", "1min"], "10sec")[0].items():
        assert_same(bars_of(cascade, name), bars)


def test_a_finer_timeframe_can_be_added_between_two_bars() -> None:
    minute = START // (60 * SECOND) * 60 * SECOND
    rows = [(minute + i * SECOND, 100.0 + i % 5, 1.0, 1, 0, i) for i in range(180)]
    cascade = make(["1min"])
    cascade.push_rows(rows[:120])
    cascade.close_until(minute + 120 * SECOND)
    cascade.add(Timeframe.parse("10sec"), lambda: (rows[:120], True))
    cascade.push_rows(rows[120:])
    for name, bars in reference(rows, ["10sec", "1min"], "10sec")[0].items():
        assert_same(bars_of(cascade, name), bars)


def test_when_the_next_bar_is_due() -> None:
    minute = START // (300 * SECOND) * 300 * SECOND
    cascade = make(["1min", "5min"], fill=True)
    assert cascade.next_edge() is None
    assert cascade.forming("5min") is None
    cascade.push(minute + SECOND, 100.0, 1.0)
    assert cascade.next_edge() == minute + 60 * SECOND
    cascade.close_until(minute + 60 * SECOND)
    # A flat one is made if nothing comes; without that only the coarse bar is open.
    assert cascade.next_edge() == minute + 120 * SECOND
    cascade.set_fill(False)
    assert cascade.next_edge() == minute + 300 * SECOND == cascade.settled_ns + 240 * SECOND
    cascade.close_until(minute + 300 * SECOND)
    assert cascade.next_edge() is None
    assert cascade.forming("5min") is None


class TestSessions:
    hours = Sessions.from_calendar("CME Globex Equity", "2026-03-02", "2026-03-13")

    def test_trades_outside_the_session_are_counted_and_in_no_bar(self) -> None:
        cascade = make(["1min", "1hour"], self.hours)
        close = int(self.hours.closes[0])
        for offset, expected in ((-2, 0), (-1, 0), (0, 1), (30, 2)):
            cascade.push(close + offset * SECOND, 100.0, 1.0)
            assert cascade.outside_session == expected
        assert sum(bar[6] for bar in bars_of(cascade, "1hour")) == 2

    def test_four_hour_and_day_bars_follow_the_session_over_a_change_of_the_clocks(self) -> None:
        cascade = make(["1min", "4hour", "1day", "1week"], self.hours, fill=True)
        minutes = [
            int(t)
            for a, b in zip(self.hours.opens, self.hours.closes, strict=True)
            for t in range(a, b, 60 * SECOND)
        ]
        for i, t in enumerate(minutes):
            cascade.push(t, 100.0 + i % 7, 1.0)
        days = [bar[0] for bar in bars_of(cascade, "1day")]
        assert days == self.hours.opens.tolist()
        assert [bar[6] for bar in bars_of(cascade, "1day")] == [1380] * len(days)
        four = [bar[0] for bar in bars_of(cascade, "4hour")]
        assert four == [int(a) + k * 14_400 * SECOND for a in self.hours.opens for k in range(6)]
        # The clocks changed on Sunday, 8 March 2026: 17:00 in Chicago is 23:00 UTC before, 22:00 after.
        assert {t // (3600 * SECOND) % 24 for t in days} == {22, 23}
        assert [bar[6] for bar in bars_of(cascade, "1week")] == [5 * 1380, 5 * 1380]

    def test_no_flat_bar_is_invented_while_the_venue_is_closed(self) -> None:
        cascade = make(["1min"], self.hours, fill=True)
        cascade.push(int(self.hours.closes[4]) - 30 * SECOND, 100.0, 1.0)
        cascade.push(int(self.hours.opens[5]) + 150 * SECOND, 101.0, 1.0)
        log = cascade.node("1min").log
        starts = [log.row(i)[0][0] for i in range(len(log))]
        assert starts == [
            int(self.hours.closes[4]) - 60 * SECOND,
            int(self.hours.opens[5]),
            int(self.hours.opens[5]) + 60 * SECOND,
        ]

    def test_bars_outside_the_session_are_counted_and_in_no_coarser_bar(self) -> None:
        cascade = make(["1min", "5min"], self.hours, fill=True)
        close = int(self.hours.closes[-1])
        bars = [(close + k * 30 * SECOND, 1.0, 1.0, 1.0, 1.0, 1.0, 1, 1.0) for k in range(-2, 3)]
        cascade.push_bars(bars)
        assert cascade.outside_session == 3
        cascade.close_until(close)
        assert sum(bar[6] for bar in bars_of(cascade, "5min")) == 2
        # The calendar ends here: no flat bar is due either.
        assert cascade.next_edge() is None
