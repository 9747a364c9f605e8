"""Trades that count in part, and bars made anew without some of them, against a plain reference."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, strategies as st

from mdnb.bars.cascade import Cascade
from mdnb.bars.marked import Unpriced, bar_of_trades
from mdnb.bars.remake import remake_bar
from mdnb.rows import MARKS, NOT_LAST, NOT_RANGE, NOT_VOLUME, BarRow, MarkedTrade, TradeRow, marks_of
from mdnb.sessions import Sessions
from mdnb.stores.bars import FILLED, PARTIAL, BarStore

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
FIVE = 5 * MINUTE
START = 1_700_000_100 * SECOND  # of five minutes
PRICELESS = NOT_LAST | NOT_RANGE
HOURS = Sessions.from_calendar("CME Globex Equity", "2026-03-02", "2026-03-06")


def near(row: Sequence[float]) -> tuple[float, ...]:
    """Return a bar but for its start; of turnover a mean is stored, which costs its last digits."""
    return (*row[1:-1], round(row[-1], 6))


class Told:
    """What is told of closed bars, put together as a listener would."""

    def __init__(self, names: Sequence[str], held: int = 1_000, **options: Any) -> None:
        self.bars: dict[str, dict[int, tuple[float, ...]]] = {name: {} for name in names}
        given = {"max_lateness_ns": 2**61, "sessions": Sessions.always()} | options
        sessions = given.pop("sessions")
        self.cascade = Cascade(
            names, sessions, lambda name: BarStore(held), on_closed=self._on_closed, **given
        )
        self.cascade.has_marks = True

    def _on_closed(self, node: Any, row: BarRow, flags: int, end_ns: int, closed_ns: int) -> None:
        # Each is told once, in the order of their times.
        assert row[0] > max(self.bars[node.name], default=0)
        assert not flags & FILLED or (row[5:] == (0.0, 0, 0.0) and len(set(row[1:5])) == 1)
        assert (end_ns, closed_ns) == (node.grid.span(row[0])[1], self.cascade.closing.now_ns)
        self.bars[node.name][row[0]] = near(row)

    def push(self, *rows: TradeRow) -> None:
        self.cascade.push_rows(rows)
        self.read()

    def read(self) -> None:
        for node, row in self.cascade.amended:
            if math.isnan(row[1]):
                assert row[5:] == (0.0, 0, 0.0)
                del self.bars[node.name][row[0]]
            else:
                self.bars[node.name][row[0]] = near(row)
        self.cascade.amended.clear()

    def stored(self, name: str) -> dict[int, tuple[float, ...]]:
        log = self.cascade.node(name).log
        return {row[0]: near(row) for row, _ in map(log.row, range(len(log)))}

    def since(self, name: str) -> int:
        """Return the first start since which all bars are in memory."""
        evicted = self.cascade.node(name).log.evicted > 0
        return min(self.stored(name), default=2**63 - 1) if evicted else 0

    def check(self) -> None:
        """Hold that what was told is what is stored, as far as that goes back."""
        for name, told in self.bars.items():
            first = self.since(name)
            kept = {start: row for start, row in sorted(told.items()) if start >= first}
            assert kept == self.stored(name)


def trade(at_ns: int, price: float, size: float = 1.0, count: int = 1, marks: int = 0) -> TradeRow:
    row = (at_ns, price, size, count, 0, -1)
    return MarkedTrade.of(row, marks) if marks else row


def at(seconds: float, price: float, size: float = 1.0, marks: int = 0) -> TradeRow:
    return trade(START + int(seconds * SECOND), price, size, 1, marks)


def minute_of(rows: Sequence[TradeRow]) -> tuple[float, ...] | None:
    """Return what trades of one minute make, one field at a time."""
    priced = [row for row in rows if marks_of(row) & PRICELESS != PRICELESS]
    if not priced:
        return None
    first = priced[0][1]
    ranged = [first, *(row[1] for row in priced if not marks_of(row) & NOT_RANGE)]
    lasting = [first, *(row[1] for row in priced[1:] if not marks_of(row) & NOT_LAST)]
    counted = [row for row in rows if not marks_of(row) & NOT_VOLUME]
    money = sum(row[1] * row[2] for row in counted)
    volume, count = sum(row[2] for row in counted), sum(row[3] for row in counted)
    return (first, max(ranged), min(ranged), lasting[-1], volume, count, money)


def bars_of(rows: Sequence[TradeRow], step: int = MINUTE) -> dict[int, tuple[float, ...]]:
    """Return the bars that trades make: a coarse one of the minutes in their order."""
    inside: dict[int, list[TradeRow]] = {}
    for row in rows:
        inside.setdefault(row[0] // MINUTE * MINUTE, []).append(row)
    minutes = {start: bar for start in sorted(inside) if (bar := minute_of(inside[start])) is not None}
    if step == MINUTE:
        return minutes
    made: dict[int, tuple[float, ...]] = {}
    for start, bar in minutes.items():
        begin = start // step * step
        was = made.get(begin)
        made[begin] = bar if was is None else _joined(was, bar)
    return made


def _joined(one: tuple[float, ...], other: tuple[float, ...]) -> tuple[float, ...]:
    sums = [mine + theirs for mine, theirs in zip(one[4:], other[4:], strict=True)]
    return (one[0], max(one[1], other[1]), min(one[2], other[2]), other[3], *sums)


def all_of(cascade: Cascade, name: str) -> dict[int, tuple[float, ...]]:
    """Return the closed bars without the flat ones, and the one that is being made."""
    log = cascade.node(name).log
    rows = [row for row, flags in map(log.row, range(len(log))) if not flags & FILLED]
    forming = cascade.forming(name)
    return {row[0]: near(row) for row in [*rows, *([forming] if forming else [])]}


_rows = st.lists(
    st.builds(
        trade,
        st.integers(0, 900).map(lambda seconds: START + seconds * SECOND),
        st.sampled_from([98.0, 99.5, 100.0, 101.25, 104.0]),
        st.integers(1, 9).map(float),
        st.integers(1, 3),
        st.sampled_from([0, 0, 0, NOT_LAST, NOT_RANGE, NOT_VOLUME, PRICELESS, MARKS, NOT_LAST | NOT_VOLUME]),
    ),
    min_size=1,
    max_size=30,
)


def _in_order(rows: list[TradeRow], in_order: bool) -> list[TradeRow]:
    return sorted(rows, key=lambda row: row[0]) if in_order else rows


@given(_rows, st.booleans(), st.integers(1, 9))
def test_each_trade_counts_for_what_its_marks_leave(rows: list[TradeRow], in_order: bool, cut: int) -> None:
    rows = _in_order(rows, in_order)
    told = Told(["1min", "5min"])
    for begin in range(0, len(rows), cut):
        told.push(*rows[begin : begin + cut])
        told.check()
    cascade = told.cascade
    for name, step in (("1min", MINUTE), ("5min", FIVE)):
        assert all_of(cascade, name) == bars_of(rows, step)
    priced = bars_of(rows)
    uncounted = sum(marks_of(row) == MARKS for row in rows)
    waiting = sum(marks_of(row) != MARKS and row[0] // MINUTE * MINUTE not in priced for row in rows)
    assert (cascade.unpriced.uncounted, len(cascade.unpriced)) == (uncounted, uncounted + waiting)
    counted = [row[0] for row in rows if marks_of(row) != MARKS]
    assert cascade.newest_ns == max(counted, default=-(2**63))
    before = [max(counted[:number], default=0) for number in range(len(counted))]
    assert cascade.out_of_order == sum(ts_ns < newest for ts_ns, newest in zip(counted, before, strict=True))
    assert (cascade.late_dropped, cascade.outside_session, cascade.refused) == (0, 0, [])
    late = [(ts_ns, newest) for ts_ns, newest in zip(counted, before, strict=True) if _is_over(ts_ns, newest)]
    assert list(cascade.came_late) == late
    # One that waits for a price changes no bar.
    changed = 0
    newest = 0
    for number, row in enumerate(rows):
        if marks_of(row) != MARKS:
            minute = row[0] // MINUTE * MINUTE
            changed += _is_over(row[0], newest) and minute in bars_of(rows[: number + 1])
            newest = max(newest, row[0])
    assert cascade.amended_count == changed


def _is_over(ts_ns: int, newest_ns: int) -> bool:
    """Return whether a trade is of a minute before the newest one's."""
    return ts_ns // MINUTE < newest_ns // MINUTE


@given(_rows, st.booleans(), st.integers(1, 9))
def test_between_bars_of_trades_that_count_in_part_there_are_flat_ones(
    rows: list[TradeRow], in_order: bool, cut: int
) -> None:
    rows = _in_order(rows, in_order)
    told = Told(["1min", "5min"], fill=True)
    told.cascade.closing.advance(START + 30 * MINUTE)
    for begin in range(0, len(rows), cut):
        told.push(*rows[begin : begin + cut])
    told.cascade.close_until(START + 20 * MINUTE)
    told.cascade.fill_until(START + 20 * MINUTE)
    told.check()
    for name, step in (("1min", MINUTE), ("5min", FIVE)):
        made = bars_of(rows, step)
        expected: dict[int, tuple[float, ...]] = {}
        for start in range(min(made, default=START + 20 * MINUTE), START + 20 * MINUTE, step):
            close = expected[start - step][3] if expected else 0.0
            expected[start] = made.get(start, (close, close, close, close, 0.0, 0, 0.0))
        assert told.stored(name) == expected
        log: Any = told.cascade.node(name).log
        flags = [log.row(number)[1] for number in range(len(log))]
        assert [bool(flag & FILLED) for flag in flags] == [start not in made for start in expected]
        if in_order:
            closed_us = {START // 1_000 + 30 * MINUTE // 1_000}
            assert set(log.columns(0, len(log)).closed_us.tolist()) <= closed_us


def test_what_is_too_late_or_outside_the_hours_is_in_no_bar_whatever_it_counts_for() -> None:
    told = Told(["1min"], max_lateness_ns=30 * SECOND)
    late = [at(59, 11.0, marks=NOT_LAST), at(59, 12.0, marks=PRICELESS)]
    told.push(at(5, 10.0), at(90, 10.0), *late)
    assert (told.cascade.late_dropped, told.cascade.refused) == (2, late)
    just = at(60.0, 12.0, marks=NOT_LAST)
    told.push(at(120, 10.0), at(90.0, 13.0, marks=NOT_LAST), just)
    assert (told.cascade.late_dropped, told.cascade.refused) == (3, [*late, just])
    assert told.stored("1min")[START + MINUTE][1] == 13.0
    begin = int(HOURS.opens[1])
    told = Told(["1min"], sessions=HOURS)
    closed = [trade(begin - 5 * SECOND, 11.0, marks=marks) for marks in (NOT_LAST, PRICELESS, MARKS)]
    told.push(*closed, trade(begin, 10.0))
    assert (told.cascade.outside_session, told.cascade.refused) == (3, closed)
    assert len(told.cascade.unpriced) == 0
    for wrong in (2**63 - 1, 2**63, -(2**63)):
        with pytest.raises(ValueError, match=f"a trade has the time {wrong}, which is no time"):
            told.push(trade(wrong, 1.0, marks=NOT_LAST))


def test_a_first_bar_that_begins_with_a_trade_that_counts_in_part_is_as_any_first_one() -> None:
    for seconds, flags in ((0, 0), (7, PARTIAL)):
        told = Told(["1min"])
        told.push(at(seconds, 10.0, marks=NOT_VOLUME), at(61, 11.0))
        assert told.cascade.node("1min").log.row(0)[1] == flags


def test_trades_that_wait_for_a_price_are_remembered_for_so_many_intervals() -> None:
    unpriced = Unpriced()
    rows = [at(60 * number, 10.0, marks=PRICELESS) for number in range(2_001)]
    for row in rows[:2_000]:
        unpriced.keep(row[0], row)
    assert (len(unpriced), unpriced.uncounted) == (2_000, 0)
    unpriced.keep(rows[2_000][0], rows[2_000])
    assert (len(unpriced), unpriced.uncounted) == (2_001, 1)
    assert unpriced.take(rows[0][0]) == []
    assert unpriced.take(rows[1][0]) == [rows[1]]
    unpriced.put(rows[2][0], [rows[3], rows[4], at(0, 1.0, marks=MARKS)])
    assert (len(unpriced), unpriced.uncounted) == (2_002, 2)
    assert unpriced.take(rows[2][0]) == [rows[3], rows[4]]


class Held:
    """Minutes made of the trades held."""

    def __init__(self, rows: Sequence[TradeRow]) -> None:
        self.rows = rows

    def bars(self, start_ns: int, end_ns: int) -> list[BarRow]:
        made = bars_of(self.rows)
        return [(start, *bar) for start, bar in made.items() if start_ns <= start < end_ns]  # type: ignore[list-item]


@given(
    _rows,
    st.lists(
        st.tuples(
            st.integers(0, 29),
            st.sampled_from([None, 97.0, 100.0, 105.0]),
            st.sampled_from([None, None, 0, PRICELESS, NOT_LAST, MARKS]),
        ),
        max_size=8,
    ),
    st.booleans(),
    st.sampled_from([1_000, 1_000, 2, 4]),
    st.booleans(),
    st.sampled_from([["1min", "5min"], ["1min", "5min", "15min"], ["1min"]]),
)
def test_a_bar_made_anew_is_the_one_of_the_trades_left(
    rows: list[TradeRow],
    changes: list[tuple[int, float | None, int | None]],
    in_order: bool,
    held: int,
    ticks: bool,
    names: list[str],
) -> None:
    """One trade after the other is taken back, has another price, or counts for more or for less."""
    told = Told(names, held=held)
    cascade = told.cascade
    # What comes late to a bar that has left memory is refused.
    rows = _in_order(rows, in_order or held < 1_000)
    told.push(*rows)
    steps = {"1min": MINUTE, "5min": FIVE, "15min": 3 * FIVE}
    wrong: set[tuple[str, int]] = set()
    for number, price, marks in changes:
        if number >= len(rows):
            continue
        was = rows[number]
        now = (
            [] if price is None else [trade(was[0], price, 2.0, 1, marks_of(was) if marks is None else marks)]
        )
        rows = [*rows[:number], *now, *rows[number + 1 :]]
        start = was[0] // MINUTE * MINUTE
        inside = [row for row in rows if row[0] // MINUTE * MINUTE == start]
        made = bar_of_trades(start, inside)
        assert (made and near(made)) == minute_of(inside)
        cascade.unpriced.put(start, [row for row in inside if marks_of(row) != MARKS] if made is None else [])
        before = cascade.amended_count
        is_held = start in all_of(cascade, "1min")
        is_gone = start < told.since("1min")
        if made is None and not is_held and not is_gone:
            continue
        is_closed = start + MINUTE <= cascade.settled_ns
        unmade = remake_bar(cascade, start, made, Held(rows) if ticks else None)
        assert cascade.amended_count == before + (is_closed and not is_gone)
        told.read()
        wrong |= {(name, start // steps[name] * steps[name]) for name in unmade}
        if held == 1_000:
            assert unmade == []
        for name in names:
            expected = bars_of(rows, steps[name])
            mine = all_of(cascade, name)
            opened = cascade.forming(name)
            first = min(told.since(name), 2**63 - 1 if opened is None else opened[0])
            # What has left memory has, and nothing of what is held is wrong unless that was said.
            assert {begin: bar for begin, bar in mine.items() if (name, begin) not in wrong} == {
                begin: bar for begin, bar in expected.items() if begin >= first and (name, begin) not in wrong
            }
        told.check()


def test_where_empty_intervals_are_filled_a_bar_that_loses_all_its_trades_is_a_flat_one() -> None:
    told = Told(["1min", "5min"], fill=True)
    told.push(at(1, 10.0), at(61, 12.0, 2.0), at(190, 13.0), at(301, 14.0))
    flat = (12.0, 12.0, 12.0, 12.0, 0.0, 0, 0.0)
    assert told.stored("1min")[START + 2 * MINUTE] == flat
    assert remake_bar(told.cascade, START + MINUTE, None, None) == []
    told.read()
    told.check()
    flat = (10.0, 10.0, 10.0, 10.0, 0.0, 0, 0.0)
    log = told.cascade.node("1min").log
    assert [told.stored("1min")[START + minute * MINUTE] for minute in (1, 2)] == [flat, flat]
    assert [log.row(number)[1] & FILLED for number in range(len(log))] == [0, FILLED, FILLED, 0, FILLED]
    assert told.stored("5min")[START] == (10.0, 13.0, 10.0, 13.0, 2.0, 2, 23.0)
    # The last one: the flat bars to come follow the close before it.
    told.push(at(362, 15.0))
    remake_bar(told.cascade, START + 5 * MINUTE, None, None)
    told.cascade.remove("5min")
    assert told.cascade.node("1min").last_close == 13.0
    # The first one has nothing to follow.
    remake_bar(told.cascade, START, None, None)
    told.read()
    assert min(told.stored("1min")) == START + MINUTE


def test_what_is_made_of_a_bar_that_cannot_be_made_anew_is_said_to_be_as_it_was() -> None:
    for end in (4, 6):
        told = Told(["1min", "5min", "15min"], held=2)
        told.push(*(at(60 * minute, 10.0) for minute in range(end)))
        assert remake_bar(told.cascade, START, None, None) == ["1min", "5min", "15min"]
        assert all_of(told.cascade, "15min")[START][5] == end
        told.check()
    # Those of the trades are right whatever is held of the finer ones.
    left = [at(60 * minute, 10.0) for minute in range(1, end)]
    assert remake_bar(told.cascade, START, None, Held(left)) == ["1min"]
    assert all_of(told.cascade, "5min") == bars_of(left, FIVE)
    assert all_of(told.cascade, "15min") == bars_of(left, 3 * FIVE)


def test_where_finer_bars_have_left_memory_a_coarse_one_changes_by_what_is_different() -> None:
    told = Told(["1min", "5min"], held=3)
    rows = [at(60 * minute, 10.0 + minute, 2.0) for minute in range(8)]
    told.push(*rows)
    late = at(6 * 60 + 7, 30.0, 5.0, marks=NOT_LAST)
    told.push(late)
    told.check()
    rows.insert(7, late)
    assert all_of(told.cascade, "5min") == bars_of(rows, FIVE)
    # Of five minutes of which but one is held.
    told = Told(["1min", "5min"], held=1)
    rows = [at(60 * minute, 10.0 + minute, 2.0) for minute in range(4)]
    told.push(*rows, late := at(2 * 60 + 7, 30.0, 5.0, marks=NOT_LAST))
    assert all_of(told.cascade, "5min") == bars_of([*rows[:3], late, rows[3]], FIVE)


def test_more_than_one_trade_may_lack_among_those_held_where_a_count_differs_by_more() -> None:
    for count, unmade in ((1, ["1min"]), (2, ["1min", "5min"]), (3, ["1min", "5min"])):
        told = Told(["1min", "5min"], held=2)
        first = trade(START, 10.0, 1.0, count)
        rows = [at(60 * minute + 1, 10.0) for minute in range(6)]
        told.push(first, *rows)
        assert remake_bar(told.cascade, START, (*bar_start(rows[0]), 1, 10.0), Held(rows)) == unmade


def bar_start(row: TradeRow) -> tuple[int, float, float, float, float, float]:
    return (START, row[1], row[1], row[1], row[1], row[2])


def test_a_trade_tells_the_time_whatever_it_counts_for() -> None:
    for marks in (0, NOT_LAST, PRICELESS, MARKS):
        told = Told(["1min"])
        told.cascade.closing.follows_trades = True
        told.push(at(1, 10.0))
        told.push(at(61, 11.0, marks=marks))
        assert told.cascade.closing.now_ns == START + 61 * SECOND
