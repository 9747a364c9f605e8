"""Trades put back later: bars of every timeframe are then those of all trades, whatever of them is held."""

from __future__ import annotations

import bisect
import math
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, strategies as st

from mdnb.bars.cascade import Cascade
from mdnb.bars.node import Node
from mdnb.bars.rebuild import bar_from_trades, merge_piece, rebuild_bars
from mdnb.bars.refold import Piece, closed_rows, is_gone, spans_of
from mdnb.rows import BarRow, GonePiece, TradeRow
from mdnb.sessions import Sessions
from mdnb.stores.bars import AMENDED, FILLED, BarStore
from mdnb.timeframes import Grid, Timeframe

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
START = 1_700_000_100 * SECOND  # a whole five minutes
NEVER, ALWAYS_AFTER = -(2**63), 2**63 - 1
NAMES = ("1min", "5min", "15min")


def make(*names: str, held: int = 1000, **options: Any) -> Cascade:
    def log(name: str) -> BarStore:
        return BarStore(held if name == "1min" else 1000)

    return Cascade(names or NAMES, Sessions.always(), log, **options)


def trade(seconds: float, price: float, size: float = 1.0, count: int = 1) -> TradeRow:
    return (START + int(seconds * SECOND), price, size, count, 0, -1)


def bars(cascade: Cascade, name: str) -> list[BarRow | None]:
    log: Any = cascade.node(name).log
    return [*(log.row(at)[0] for at in range(len(log))), cascade.forming(name)]


class Ticks:
    """All trades, as bars of one minute."""

    def __init__(self, rows: Sequence[TradeRow]) -> None:
        self.rows = sorted(rows)

    def bars(self, start_ns: int, end_ns: int) -> list[BarRow]:
        made: dict[int, list[TradeRow]] = {}
        for row in self.rows:
            made.setdefault(row[0] // MINUTE * MINUTE, []).append(row)
        return [bar_from_trades(at, rows) for at, rows in made.items() if start_ns <= at < end_ns]


def pieces_of(missed: Sequence[TradeRow], held: Sequence[TradeRow]) -> list[Piece]:
    """Return what was missed, a piece a minute, each between the trades that are held around it."""
    times = [row[0] for row in held]

    def before(ns: int) -> int:
        at = bisect.bisect_left(times, ns)
        return times[at - 1] if at else NEVER

    def after(ns: int) -> int:
        at = bisect.bisect_right(times, ns)
        return times[at] if at < len(times) else ALWAYS_AFTER

    groups: dict[int, list[TradeRow]] = {}
    for row in missed:
        groups.setdefault(row[0] // MINUTE * MINUTE, []).append(row)
    return [
        Piece(
            bar_from_trades(start, rows),
            before(rows[0][0]),
            after(rows[-1][0]),
            max(before(row[0]) for row in rows),
            min(after(row[0]) for row in rows),
        )
        for start, rows in groups.items()
    ]


@given(
    st.lists(
        st.tuples(st.sampled_from([1, 7, 20, 61, 150, 400]), st.integers(90, 110), st.integers(1, 5)),
        min_size=2,
        max_size=40,
    ),
    st.data(),
    st.sampled_from([1000, 1000, 4, 2]),
    st.booleans(),
)
def test_missed_trades_make_the_bars_of_all_trades(
    steps: list[tuple[int, int, int]], data: st.DataObject, held_bars: int, with_ticks: bool
) -> None:
    rows, now = [], 0
    for step, price, size in steps:
        now += step
        rows.append(trade(now, float(price), float(size), size))
    gone = data.draw(st.sets(st.integers(0, len(rows) - 1), min_size=1, max_size=len(rows) - 1))
    held = [row for at, row in enumerate(rows) if at not in gone]
    missed = [row for at, row in enumerate(rows) if at in gone]
    mine, whole = make(held=held_bars), make()
    mine.push_rows(held)
    whole.push_rows(rows)
    rebuild_bars(mine, pieces_of(missed, held), Ticks(rows) if with_ticks else None)
    whole.close_until(mine.settled_ns)
    mine.close_until(whole.settled_ns)
    for name in ("5min", "15min"):
        assert bars(mine, name) == bars(whole, name)
    fine = bars(mine, "1min")
    assert fine == bars(whole, "1min")[-len(fine) :]
    # What changed and is held has been told as it is now; stores keep the turnover as a mean.
    told = {(node.name, row[0]): row[:7] for node, row in mine.amended}
    for name in NAMES:
        now_held = {row[0]: row[:7] for row in bars(mine, name)[:-1] if row is not None}
        assert all(now_held.get(start, row) == row for (one, start), row in told.items() if one == name)


def test_what_is_new_in_a_bar_that_left_memory_is_told_with_all_that_is_known() -> None:
    rows = [trade(60 * at + second, 10.0 + at + second / 10) for at in range(6) for second in (0, 10, 20)]
    missed = [rows[3], rows[4], rows[5]]
    some = [rows[8]]
    held = [row for row in rows if row not in missed + some]
    cascade = make("1min", "5min", held=2)
    cascade.push_rows(held)
    assert is_gone(cascade.root.log, START + 2 * MINUTE)
    assert not is_gone(cascade.root.log, START + 3 * MINUTE)
    rebuild_bars(cascade, pieces_of([*missed, *some], held), None)
    first, second = (piece for node, piece in cascade.gone)
    # All trades of the one were missed, of the other the last one.
    assert first == GonePiece(bar_from_trades(START + MINUTE, missed), 11.0, 13.0, True, None)
    assert second == GonePiece(bar_from_trades(START + 2 * MINUTE, some), None, 14.0, False, None)
    again = make("1min", "5min", held=2)
    again.push_rows(held)
    rebuild_bars(again, pieces_of(some, held), Ticks(rows))
    ((_, piece),) = again.gone
    assert piece[-1] == bar_from_trades(START + 2 * MINUTE, rows[6:9])


def test_a_coarse_bar_that_left_memory_is_made_of_the_trades_or_told_by_what_is_next_to_it() -> None:
    rows = [trade(30 * at, 10.0 + at, 1.0 + at) for at in range(60)]
    held, missed = [*rows[:2], *rows[4:]], rows[2:4]
    logs = {"1min": 40, "5min": 2}
    for ticks in (None, Ticks(rows)):
        cascade = Cascade(["1min", "5min"], Sessions.always(), lambda name: BarStore(logs[name]))
        cascade.push_rows(held)
        rebuild_bars(cascade, pieces_of(missed, held), ticks)
        ((node, piece),) = cascade.gone
        assert node.name == "5min"
        # The finer bars are still held: its close is that of the newest of them.
        assert piece == GonePiece(
            (START, *bar_from_trades(START, missed)[1:]),
            None,
            rows[9][1],
            False,
            None if ticks is None else bar_from_trades(START, rows[:10]),
        )
        assert [one.name for one, _ in cascade.amended] == ["1min"]


def test_where_a_piece_lies_in_its_interval() -> None:
    span = (100, 200)
    row = (100, 1.0, 1.0, 1.0, 1.0, 1.0, 1, 1.0)
    for before, after in ((99, 200), (99, 199), (100, 200), (100, 199), (150, 250), (50, 150)):
        piece = Piece(row, before, after, before, after)
        assert piece.opens(span) is (before < 100)
        assert piece.closes(span) is (after >= 200)
        assert piece.is_all(span) is (before < 100 and after >= 200)
    # The first and the last are at the ends, and one that is held lies between them.
    apart = Piece(row, 50, 250, 150, 250), Piece(row, 50, 250, 50, 150)
    for piece in apart:
        assert (piece.opens(span), piece.closes(span), piece.is_all(span)) == (True, True, False)
    late = Piece.late(row, 200)
    assert (late.opens(span), late.closes(span), late.is_all(span)) == (False, True, False)


@pytest.mark.parametrize("count", [1, 15, 16, 40])
def test_the_intervals_of_few_and_of_many_times_are_those_of_each(count: int) -> None:
    hours = Sessions.from_calendar("CME Globex Equity", "2026-03-02", "2026-03-06")
    for grid in (Grid(Timeframe.parse("7min"), hours), Grid(Timeframe.parse("1day"), hours)):
        times = [int(hours.closes[0]) - 20 * MINUTE + at * 13 * MINUTE for at in range(count)]
        assert spans_of(grid, times) == [grid.span(at) for at in times]


def test_closed_rows_are_those_between_two_instants_without_the_flat_ones() -> None:
    log = BarStore(10)
    row = [(START + at * MINUTE, 1.0 + at, 2.0, 0.5, 1.5, 1.0, 1, 1.0) for at in range(5)]
    for at, one in enumerate(row):
        log.stage(one, FILLED if at == 2 else 0)
    assert closed_rows(log, START, START + 4 * MINUTE) == [row[0], row[1], row[3]]
    assert closed_rows(log, START + 1, START + 3 * MINUTE) == [row[1]]
    assert closed_rows(log, NEVER, ALWAYS_AFTER) == [row[0], row[1], row[3], row[4]]
    assert not is_gone(log, START - MINUTE)


@pytest.mark.parametrize("settled", [MINUTE - 1, MINUTE, 2 * MINUTE])
def test_a_piece_is_put_into_the_bar_whether_it_has_closed_or_not(settled: int) -> None:
    mine, whole = make("1min", "5min"), make("1min", "5min")
    mine.push_rows([trade(0, 10.0), trade(30, 11.0)])
    mine.close_until(START + settled)
    piece = trade(40, 20.0, 3.0)
    merge_piece(mine, bar_from_trades(START, [piece]))
    whole.push_rows([trade(0, 10.0), trade(30, 11.0), piece])
    assert mine.forming("5min") == whole.forming("5min")
    assert len(mine.amended) == (settled >= MINUTE)
    assert mine.newest_ns == START + 30 * SECOND
    rebuilt = make("1min", "5min")
    rebuilt.push_rows([trade(0, 10.0), trade(30, 11.0)])
    rebuilt.close_until(START + settled)
    rebuild_bars(rebuilt, pieces_of([piece], [trade(0, 10.0), trade(30, 11.0)]), None)
    assert rebuilt.forming("5min") == whole.forming("5min")
    assert rebuilt.amended_count == len(rebuilt.amended) == (settled >= MINUTE)


def test_a_piece_of_a_bar_that_has_not_begun_begins_it() -> None:
    mine, whole = make("1min", "5min"), make("1min", "5min")
    mine.push(START, 10.0, 1.0)
    late = trade(61, 12.0, 2.0)
    merge_piece(mine, bar_from_trades(START + MINUTE, [late]))
    whole.push_rows([trade(0, 10.0), late])
    assert [bars(mine, name) for name in ("1min", "5min")] == [bars(whole, name) for name in ("1min", "5min")]
    assert mine.newest_ns == START + MINUTE


def test_flat_bars_that_a_log_begins_with_follow_a_close_that_is_not_held() -> None:
    log = BarStore(10)
    node = Node(Grid(Timeframe.parse("1min"), Sessions.always()), log)
    for at in range(2):
        log.stage((START + at * MINUTE, 5.0, 5.0, 5.0, 5.0, 0.0, 0, 0.0), FILLED)
    followed = [(START + at * MINUTE, 7.0, 7.0, 7.0, 7.0, 0.0, 0, 0.0) for at in range(2)]
    assert node.follow(7.0) == followed
    assert [log.row(at) for at in range(2)] == [(row, FILLED) for row in followed]
    assert node.last_close == 7.0
    assert node.follow(7.0) == []
    log.stage((START + 2 * MINUTE, 1.0, 1.0, 1.0, 1.0, 1.0, 1, 1.0))
    log.stage((START + 3 * MINUTE, 1.0, 1.0, 1.0, 1.0, 0.0, 0, 0.0), FILLED)
    node.last_close = 1.0
    assert [row[4] for row in node.follow(8.0)] == [8.0, 8.0]
    # Behind a bar that traded nothing follows.
    assert (log.row(3)[0][4], node.last_close) == (1.0, 1.0)


# Timeframes put between others


@pytest.mark.parametrize("now", [3, 4, 5, 7, 23, 59, 60, 61, 68])
@pytest.mark.parametrize("second", [0, 30])
def test_a_timeframe_that_others_are_fed_through_changes_no_bar(now: int, second: int) -> None:
    rows = [trade(60 * at + second, 10.0 + at * 7 % 13, 1.0 + at % 3) for at in range(now)]
    later = [trade(60 * at + second, 10.0 + at * 5 % 11, 2.0) for at in range(now, now + 150)]
    mine, usual, asked = make("1min", "1hour"), make("1min", "1hour"), make("1min", "5min", "1hour")
    for cascade in (mine, usual, asked):
        cascade.push_rows(rows)
    made = mine.feed_through(Timeframe.parse("5min"), "1hour")
    assert (made.name, made.hidden, made.log is mine.node("5min").log) == ("5min", True, True)
    assert [node.name for node in mine.nodes()] == ["1min", "5min", "1hour"]
    assert mine.names() == ["1min", "1hour"]
    assert [[one.name for one in node.children] for node in mine.nodes()] == [["5min"], ["1hour"], []]
    assert [node.parent and node.parent.name for node in mine.nodes()] == [None, "1min", "5min"]
    for _ in range(2):
        assert bars(mine, "5min") == bars(asked, "5min")
        assert bars(mine, "1hour") == bars(usual, "1hour") == bars(asked, "1hour")
        hour, other = mine.node("1hour"), asked.node("1hour")
        assert (hour.as_row(), hour.edge) == (other.as_row(), other.edge)
        for cascade in (mine, usual, asked):
            cascade.push_rows(later)


def test_the_first_bars_of_an_added_timeframe_are_partial_where_their_finer_ones_are() -> None:
    cascade = make("1min")
    cascade.push_rows([trade(60 * at + 30, 10.0) for at in range(13)])
    log: Any = cascade.node("1min").log
    log.mark(6, 4, 7)
    added: Any = cascade.add(Timeframe.parse("5min"), lambda: ([], False))
    assert [added.log.row(at)[1] for at in range(2)] == [4, 4]
    assert [row for row, _ in (added.log.row(at) for at in range(2))][1][6] == 5
    assert not added.partial
    assert added.as_row()[6] == 2
    assert math.isnan(cascade.node("1min").last_close) is False
    again = cascade.add(Timeframe.parse("5min"), lambda: ([], False))
    assert again is added
    assert AMENDED not in [added.log.row(at)[1] for at in range(2)]
