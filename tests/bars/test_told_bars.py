"""What is told of bars when they close: rows, flags, ends, closing times; and which are marked as partial."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from mdnb.bars.activity import ActivityBars
from mdnb.bars.cascade import Cascade
from mdnb.bars.closing import ClosingTime, whole_us
from mdnb.bars.lost_trades import mark_activity, mark_node
from mdnb.bars.node import Node, fold_rows
from mdnb.bars.tree import nests, parents, root_of
from mdnb.errors import TimeframeError
from mdnb.rows import BarRow, TradeRow
from mdnb.sessions import Sessions
from mdnb.stores.bars import AMENDED, FILLED, PARTIAL, BarStore
from mdnb.timeframes import Timeframe

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
START = 1_700_000_100 * SECOND  # a whole five minutes
ALWAYS = Sessions.always()
HOURS = Sessions.from_calendar("CME Globex Equity", "2026-03-02", "2026-03-13")


def trade(ns: int, price: float = 10.0, size: float = 1.0, count: int = 1) -> TradeRow:
    return (ns, price, size, count, 0, -1)


def stored(log: Any) -> list[tuple[BarRow, int]]:
    return [log.row(at) for at in range(len(log))]


def flags_of(log: Any) -> list[int]:
    return [flags for _, flags in stored(log)]


# Bars of ticks, volume and money


def activity(name: str = "3tick", limit: int = 100) -> tuple[ActivityBars, list[tuple[Any, ...]]]:
    told: list[tuple[Any, ...]] = []
    bars = ActivityBars(Timeframe.parse(name), BarStore(limit), lambda *one: told.append(one))
    return bars, told


def test_an_activity_bar_is_told_with_its_end_and_when_it_was_known() -> None:
    bars, told = activity("2tick")
    bars.closing.history_ns = 500
    # A history tells by its own trades when a bar was over.
    bars.push_rows([trade(1_000, 10.0, 2.0), trade(2_000, 8.0, 3.0), trade(3_000, 9.0)])
    assert told == [("2tick", (1_000, 10.0, 10.0, 8.0, 8.0, 5.0, 2, 44.0), 0, 2_000, 2_500)]
    # Live data by the market's time.
    bars.closing.advance(7_777)
    bars.push_rows([trade(4_000, 11.0)])
    assert told[1:] == [("2tick", (3_000, 9.0, 11.0, 9.0, 11.0, 2.0, 2, 20.0), 0, 4_000, 8_000)]
    # And where trades carry that, by theirs.
    bars.closing.follows_trades = True
    bars.push_rows([trade(9_000), trade(9_001)])
    assert told[2:] == [("2tick", (9_000, 10.0, 10.0, 10.0, 10.0, 2.0, 2, 20.0), 0, 9_001, 10_000)]
    assert bars.log.columns(0, 3).closed_us.tolist() == [2, 8, 10]  # type: ignore[attr-defined]
    assert bars.forming() is None


@pytest.mark.parametrize(
    ("name", "ends"), [("3tick", [1, 3]), ("5vol", [0, 2, 3]), ("60dollar", [1, 3]), ("50dollar", [0, 2])]
)
def test_what_reaches_the_threshold_ends_the_bar(name: str, ends: list[int]) -> None:
    bars, told = activity(name)
    rows = [trade(0, 10.0, 5.0, 2), trade(1, 10.0, 1.0, 1), trade(2, 10.0, 4.0, 1), trade(3, 5.0, 7.0, 2)]
    bars.push_rows(rows)
    assert [end for _, _, _, end, _ in told] == ends


def test_a_bar_that_lacks_trades_is_partial_once() -> None:
    bars, told = activity()
    bars.mark_open()
    bars.push_rows([trade(1_000)])
    bars.mark_open()
    bars.push_rows([trade(at) for at in (2_000, 3_000, 4_000, 5_000, 6_000)])
    # Before the first trade no bar was open.
    assert [flags for _, _, flags, _, _ in told] == [PARTIAL, 0]
    assert flags_of(bars.log) == [PARTIAL, 0]


def test_trades_that_cannot_be_placed_mark_what_is_around_them() -> None:
    bars, told = activity()
    bars.push_rows([trade(at * 1_000) for at in range(13)])
    told.clear()
    bars.push_unplaced([trade(7_500, 20.0), trade(5_000, 5.0)])
    # The bar that may hold the older one, and all since; of the trades the newest counts.
    assert flags_of(bars.log) == [0, PARTIAL, PARTIAL, PARTIAL, PARTIAL]
    assert [(row[1:5], flags, end) for _, row, flags, end, _ in told] == [
        ((10.0, 20.0, 5.0, 5.0), PARTIAL, 5_000)
    ]
    assert bars.forming() is None
    bars.push_rows([trade(at * 1_000) for at in (20, 21, 22)])
    assert flags_of(bars.log)[5:] == [0]
    bars.push_unplaced([trade(0)])
    bars.push_rows([trade(at * 1_000) for at in (23, 24)])
    assert flags_of(bars.log) == [PARTIAL] * 7


def test_a_bar_in_which_a_trade_was_not_placed_stays_partial_until_it_ends() -> None:
    bars, told = activity()
    bars.push_unplaced([trade(5_000), trade(6_000)])
    bars.push_rows([trade(7_000), trade(8_000), trade(9_000), trade(10_000)])
    assert [flags for _, _, flags, _, _ in told] == [PARTIAL, 0]


@pytest.mark.parametrize(
    ("low", "high", "marked", "open_too"),
    [
        (0, 500, [0], False),
        (3_000, 3_000, [0, 1], False),
        (4_500, 5_000, [1], False),
        (5_999, 6_000, [1, 2], False),
        (6_000, 8_999, [1, 2], False),
        (8_500, 8_999, [2], False),
        (8_500, 9_000, [2], True),
        (50_000, 60_000, [2], True),
    ],
)
def test_activity_bars_that_may_lack_trades_are_marked_and_told(
    low: int, high: int, marked: list[int], open_too: bool
) -> None:
    bars, told = activity(limit=3)
    bars.push_rows([trade(at * 1_000) for at in range(10)])
    rows = [row for row, _ in stored(bars.log)]
    assert mark_activity(bars, low, high) == [("3tick", rows[at]) for at in marked]
    assert [at for at, flags in enumerate(flags_of(bars.log)) if flags & PARTIAL] == marked
    # What is marked already is not told again.
    assert mark_activity(bars, low, high) == []
    told.clear()
    bars.push_rows([trade(10_000), trade(11_000)])
    assert [flags for _, _, flags, _, _ in told] == [PARTIAL * open_too]


def test_the_first_trade_of_a_bar_is_found_the_open_one_too() -> None:
    bars, _ = activity("2tick")
    assert not bars.begins(0)
    assert not bars.begins_with(0, 1_000, 5.0)
    bars.push_rows([trade(1_000, 5.0), trade(2_000, 6.0), trade(3_000, 7.0)])
    assert [bars.begins(at) for at in range(3)] == [True, True, True]
    firsts = [(1_000, 5.0), (3_000, 7.0)]
    for at, made in enumerate(firsts):
        assert [bars.begins_with(at, *one) for one in firsts] == [one == made for one in firsts]
        assert bars.begins_with(at, made[0] + 999, made[1]), "stores keep microseconds"
    assert bars.holding(0) == (1, 1)


def test_a_late_trade_that_opens_a_bar_is_its_first_one_whatever_its_label() -> None:
    bars, _ = activity("2tick")
    bars.push_rows(
        [trade(at * 1_000, price) for at, price in ((5, 5.0), (6, 6.0), (2, 7.0), (8, 8.0), (9, 9.0))]
    )
    assert [row[0] for row, _ in stored(bars.log)] == [5_000, 5_000]
    assert bars.begins_with(1, 2_000, 7.0)
    assert not bars.begins_with(1, 6_000, 7.0), "its label tells that it was no newer than the bar before it"
    assert not bars.begins_with(2, 8_000, 9.0), "that one did not come late"
    assert bars.begins_with(0, 4_000, 5.0), "of what came before the first bar nobody knows"


def test_trades_behind_a_bar_of_a_store_are_found_though_a_late_one_opened_it() -> None:
    rows = [trade(at * 1_000, price) for at, price in ((5, 5.0), (6, 6.0), (2, 7.0), (8, 8.0), (9, 9.0))]
    bars, _ = activity("2tick")
    bars.push_rows(rows)
    assert bars.rows_behind(rows, bars.log.row(1)[0]) == rows[4:]
    assert bars.rows_behind(rows, bars.log.row(0)[0]) == rows[2:]
    assert bars.rows_behind(rows[3:], bars.log.row(1)[0]) is None


def test_bars_whose_trades_have_no_place_any_more_are_told_once() -> None:
    bars, told = activity("2tick")
    bars.push_rows([trade(at * 1_000) for at in range(9)])
    bars.log.mark(2, PARTIAL, 3)
    whole = [row for row, _ in stored(bars.log)]
    told.clear()
    assert bars.push_unplaced([trade(3_500), trade(4_500)]) == [whole[1], whole[3]]
    # They count as the newest.
    assert [row[0] for _, row, *_ in told] == [8_000]
    assert [bool(flags & PARTIAL) for flags in flags_of(bars.log)] == [False, True, True, True, True]


def test_bars_made_anew_are_stored_as_amended_and_told_where_they_close_only_now() -> None:
    bars, told = activity("2tick")
    rows = [trade(at * 1_000, 10.0 + at) for at in range(8)]
    bars.push_rows([rows[at] for at in (0, 1, 2, 4, 5)])
    bars.closing.advance(99_000)
    told.clear()
    changed = bars.rebuild(1, rows[2:])
    assert [row[0] for row in changed] == [2_000]
    assert [(name, row[0], flags, end, closed) for name, row, flags, end, closed in told] == [
        ("2tick", 4_000, AMENDED, 5_000, 99_000),
        ("2tick", 6_000, AMENDED, 7_000, 99_000),
    ]
    assert flags_of(bars.log) == [0, AMENDED, AMENDED, AMENDED]
    # The same trades once more change nothing.
    told.clear()
    assert (bars.rebuild(0, rows), told, flags_of(bars.log)) == ([], [], [0, AMENDED, AMENDED, AMENDED])
    # Fewer than before: the last bar is open again.
    assert bars.rebuild(0, rows[:7]) == []
    assert ([row[0] for row, _ in stored(bars.log)], bars.forming()) == (
        [0, 2_000, 4_000],
        (6_000, 16.0, 16.0, 16.0, 16.0, 1.0, 1, 16.0),
    )


@pytest.mark.parametrize(
    "changed",
    [
        lambda row: (row[0] + 1_000, *row[1:]),
        lambda row: (row[0], row[1] + 1, *row[2:]),
        lambda row: (*row[:2], row[2] + 1, *row[3:]),
        lambda row: (*row[:2], row[2] + 1e-6, *row[3:]),
    ],
    ids=["time", "price", "size", "a little"],
)
def test_one_other_trade_makes_another_bar(changed: Any) -> None:
    bars, _ = activity("2tick")
    rows = [trade(1_000, 10.0), trade(2_000, 12.0)]
    bars.push_rows(rows)
    # Of a time only whole microseconds are kept.
    assert bars.rebuild(0, [(1_999, *rows[0][1:]), rows[1]]) == []
    assert len(bars.rebuild(0, [changed(rows[0]), rows[1]])) == 1


def test_a_clock_has_its_own_bars() -> None:
    with pytest.raises(TimeframeError) as raised:
        ActivityBars(Timeframe.parse("5min"), BarStore(10))
    assert str(raised.value) == "5min bars are on a clock; activity bars are such as 500tick or 1000vol"


# Bars of a clock


def cascade(
    *names: str, sessions: Sessions = ALWAYS, **options: Any
) -> tuple[Cascade, list[tuple[Any, ...]]]:
    told: list[tuple[Any, ...]] = []

    def on_closed(node: Node, row: BarRow, flags: int, end: int, closed: int) -> None:
        told.append((node.name, (row[0] - START) // SECOND, flags, (end - START) // SECOND, closed))

    made = Cascade(names, sessions, lambda name: BarStore(1000), on_closed=on_closed, **options)
    return made, told


def test_each_bar_is_told_once_with_flags_end_and_closing_time_finest_first() -> None:
    made, told = cascade("1min", "2min", "5min")
    made.closing.advance(5)
    # The first one begins in the middle of its interval.
    made.push(START + 30 * SECOND, 10.0, 1.0)
    made.push(START + 5 * MINUTE, 11.0, 1.0)
    assert told == [
        ("1min", 0, PARTIAL, 60, 1_000),
        ("2min", -60, PARTIAL, 60, 1_000),
        ("5min", 0, PARTIAL, 300, 1_000),
    ]
    told.clear()
    made.closing.advance(9_000)
    made.close_until(START + 10 * MINUTE)
    assert told == [("1min", 300, 0, 360, 9_000), ("2min", 300, 0, 420, 9_000), ("5min", 300, 0, 600, 9_000)]
    assert made.settled_ns == START + 10 * MINUTE


def test_a_bar_closes_at_its_end_and_no_earlier() -> None:
    made, told = cascade("1min", "5min")
    made.push(START, 10.0, 1.0)
    for at, closed in ((MINUTE - 1, 0), (MINUTE, 1), (5 * MINUTE - 1, 1), (5 * MINUTE, 2)):
        made.close_until(START + at)
        assert len(told) == closed
    assert made.next_edge() is None
    # What it was does not go back.
    made.close_until(START)
    assert made.settled_ns == START + 5 * MINUTE


def test_flat_bars_are_told_as_such_where_they_are_asked_for() -> None:
    made, told = cascade("1min", "2min", fill=True)
    made.push(START + MINUTE, 10.0, 1.0)
    made.close_until(START + 4 * MINUTE)
    made.fill_until(START + 4 * MINUTE)
    assert [one[:4] for one in told] == [
        ("1min", 60, 0, 120),
        ("2min", 60, 0, 180),
        ("1min", 120, FILLED, 180),
        ("1min", 180, FILLED, 240),
    ]
    assert [row for row, flags in stored(made.node("1min").log) if flags] == [
        (START + at * MINUTE, 10.0, 10.0, 10.0, 10.0, 0.0, 0, 0.0) for at in (2, 3)
    ]
    # Hidden ones are neither filled nor told.
    hidden, told = cascade("5min", "7min", fill=True)
    hidden.push(START, 10.0, 1.0)
    hidden.push(START + 20 * MINUTE, 10.0, 1.0)
    assert {one[0] for one in told} == {"5min", "7min"}
    assert FILLED not in flags_of(hidden.node("1min").log)


def test_trades_are_counted_where_they_are_in_no_bar() -> None:
    opens, closes = int(HOURS.opens[1]), int(HOURS.closes[1])
    made, _ = cascade("1min", sessions=HOURS, max_lateness_ns=5 * SECOND)
    outside, late, early = trade(opens - SECOND), trade(opens + SECOND), trade(opens + 2 * MINUTE)
    made.push_rows([outside, trade(opens), early, late, trade(opens + 2 * MINUTE - 1), trade(closes)])
    assert (made.outside_session, made.late_dropped, made.out_of_order) == (2, 1, 2)
    assert made.refused == [outside, late, trade(closes)]
    # That of five seconds before is in, and noted with the one before which it should have come.
    assert made.amended_count == 1 or made.out_of_order == 2
    assert list(made.came_late) == [(opens + 2 * MINUTE - 1, opens + 2 * MINUTE)]
    span = (opens + MINUTE, opens + 2 * MINUTE)
    assert made.is_mixed(span)
    assert made.is_mixed((span[1], span[1] + MINUTE))
    assert not made.is_mixed((span[1] + 1, span[1] + MINUTE))
    assert not made.is_mixed((opens, opens + 2 * MINUTE - 1))
    assert made.newest_ns == opens + 2 * MINUTE


@pytest.mark.parametrize(("late_ns", "dropped"), [(5 * SECOND, 0), (5 * SECOND + 1, 1)])
def test_a_closed_bar_takes_what_is_no_later_than_is_allowed(late_ns: int, dropped: int) -> None:
    made, _ = cascade("1min", max_lateness_ns=5 * SECOND)
    newest = START + MINUTE + 2 * SECOND
    made.push_rows([trade(START, 10.0), trade(newest, 11.0), trade(newest - late_ns, 20.0, 3.0, 2)])
    assert (made.late_dropped, made.amended_count) == (dropped, 1 - dropped)
    row = made.node("1min").log.row(0)[0]
    assert row[1:] == (
        (10.0, 20.0, 10.0, 20.0, 4.0, 3, 70.0) if not dropped else (10.0, 10.0, 10.0, 10.0, 1.0, 1, 10.0)
    )
    assert [(node.name, told) for node, told in made.amended] == [("1min", row)] * (1 - dropped)


def test_in_the_bar_that_is_open_no_trade_is_too_late() -> None:
    made, _ = cascade("1min", max_lateness_ns=5 * SECOND)
    made.push_rows(
        [trade(START + 50 * SECOND, 10.0), trade(START, 12.0, 2.0, 3), trade(START + SECOND, 8.0, 4.0)]
    )
    assert made.forming("1min") == (START, 10.0, 12.0, 8.0, 8.0, 7.0, 5, 66.0)
    assert (made.out_of_order, made.late_dropped, made.newest_ns) == (2, 0, START + 50 * SECOND)
    made.push(START + 51 * SECOND, 9.0, 1.0, 2)
    assert made.forming("1min") == (START, 10.0, 12.0, 8.0, 9.0, 8.0, 7, 75.0)


def test_what_is_pushed_inside_the_open_bar_is_what_is_pushed() -> None:
    rows = [
        trade(START + at * SECOND, price, at + 1.0, at + 2) for at, price in enumerate((10.0, 12.0, 8.0, 9.0))
    ]
    inside, usual = cascade("1min", "5min")[0], cascade("1min", "5min")[0]
    for made in (inside, usual):
        made.closing.follows_trades = True
        made.push_rows(rows[:1])
    inside.push_inside(rows[1:])
    usual.push_rows(rows[1:])
    for name in ("1min", "5min"):
        assert inside.forming(name) == usual.forming(name) == (START, 10.0, 12.0, 8.0, 9.0, 10.0, 14, 94.0)
    assert inside.newest_ns == usual.newest_ns == START + 3 * SECOND
    assert inside.closing.now_ns == usual.closing.now_ns == START + 3 * SECOND


def test_names_are_told_fine_to_coarse_and_hidden_ones_are_not() -> None:
    made, _ = cascade("7min", "5min")
    assert made.names() == ["5min", "7min"]
    assert [node.name for node in made.nodes()] == ["1min", "5min", "7min"]
    assert [node.hidden for node in made.nodes()] == [True, False, False]
    made.remove("7min")
    assert (made.names(), [node.name for node in made.nodes()]) == (["5min"], ["1min", "5min"])
    made.set_fill(True)
    assert [node.fill for node in made.nodes()] == [False, True]
    made.add(Timeframe.parse("1min"), lambda: ([], False))
    assert [node.fill for node in made.nodes()] == [True, True]
    made.remove("1min")
    assert [node.fill for node in made.nodes()] == [False, True]
    made.set_fill(False)
    assert not any(node.fill for node in made.nodes())


# Bars that lack trades


def partial_minutes(node: Node) -> list[int]:
    return [(row[0] - START) // MINUTE for row, flags in stored(node.log) if flags & PARTIAL]


@pytest.mark.parametrize(
    ("low", "high", "marked", "open_too"),
    [
        (30, 40, [0], False),
        (59, 60, [0, 1], False),
        (60, 119, [1], False),
        (60, 120, [1, 2], False),
        (150, 179, [2], False),
        (150, 180, [2], True),
        (239, 900, [], True),
        (240, 900, [], False),
    ],
)
def test_bars_that_an_interval_without_data_touches_are_marked(
    low: int, high: int, marked: list[int], open_too: bool
) -> None:
    made, _ = cascade("1min")
    made.push_rows([trade(START + at * MINUTE, 10.0 + at) for at in range(4)])
    node = made.node("1min")
    told = mark_node(node, START + low * SECOND, START + high * SECOND)
    assert [(name, (row[0] - START) // MINUTE) for name, row in told] == [("1min", at) for at in marked]
    assert partial_minutes(node) == marked
    assert node.partial is open_too
    assert mark_node(node, START + low * SECOND, START + high * SECOND) == []


def test_an_interval_that_begins_while_the_venue_is_closed_marks_from_there() -> None:
    opens = int(HOURS.opens[1])
    made, _ = cascade("1min", sessions=HOURS)
    made.push_rows([trade(opens - 70 * MINUTE), *(trade(opens + at * MINUTE) for at in range(3))])
    told = mark_node(made.node("1min"), opens - 10 * MINUTE, opens)
    assert [row[0] for _, row in told] == [opens]
    assert flags_of(made.node("1min").log)[-2:] == [PARTIAL, 0]


def test_a_bar_before_all_is_known_is_partial() -> None:
    made, told = cascade("1min", "5min")
    for node in made.nodes():
        node.known_from = START + 2 * MINUTE
    made.push_rows([trade(START + at * MINUTE) for at in (1, 2, 3, 5, 10)])
    assert [one[:3] for one in told if one[0] == "1min"] == [
        ("1min", 60, PARTIAL),
        ("1min", 120, 0),
        ("1min", 180, 0),
        ("1min", 300, 0),
    ]
    assert [one[:3] for one in told if one[0] == "5min"] == [("5min", 0, PARTIAL), ("5min", 300, 0)]


# Small parts


def test_bars_are_folded_in_their_order() -> None:
    rows: list[BarRow] = [
        (60, 5.0, 6.0, 4.0, 5.5, 1.0, 2, 5.0),
        (120, 5.5, 9.0, 5.0, 8.0, 2.0, 3, 14.0),
        (180, 8.0, 8.5, 1.0, 2.0, 4.0, 5, 20.0),
    ]
    assert fold_rows(rows, 7) == (7, 5.0, 9.0, 1.0, 2.0, 7.0, 10, 39.0)
    assert fold_rows(rows[:1], 60) == rows[0]


def test_the_time_of_closing_moves_on_only_and_in_whole_microseconds() -> None:
    closing = ClosingTime()
    assert (closing.now_ns, closing.follows_trades, closing.history_ns) == (0, False, 0)
    closing.see(5_000)
    assert closing.now_ns == 0
    for ns, now in ((1_000, 1_000), (1_001, 2_000), (1_500, 2_000), (2_000, 2_000), (2_001, 3_000)):
        closing.advance(ns)
        assert closing.now_ns == now
    closing.follows_trades = True
    for ns, now in ((2_500, 3_000), (3_000, 3_000), (3_001, 4_000)):
        closing.see(ns)
        assert closing.now_ns == now
    assert [whole_us(ns) for ns in (0, 1, 999, 1_000, 1_001)] == [0, 1_000, 1_000, 1_000, 2_000]


@pytest.mark.parametrize("sessions", [ALWAYS, HOURS], ids=["always", "hours"])
@pytest.mark.parametrize(
    ("fine", "coarse", "expected"),
    [
        ("1min", "1min", (True, True)),
        ("5min", "15min", (True, True)),
        ("5min", "7min", (False, False)),
        ("15min", "5min", (False, False)),
        ("1hour", "1day", (True, True)),
        # Of a session every bar ends with it; a day without one has an end of its own.
        ("7min", "1day", (False, True)),
        ("7min", "1month", (False, True)),
        ("1day", "1week", (True, True)),
        ("1day", "1month", (True, True)),
        ("2day", "1month", (False, False)),
        ("1week", "1month", (False, False)),
        ("1day", "1hour", (False, False)),
    ],
)
def test_bars_nest_where_each_coarse_one_is_whole_fine_ones(
    fine: str, coarse: str, expected: tuple[bool, bool], sessions: Sessions
) -> None:
    parse = Timeframe.parse
    assert nests(parse(fine), parse(coarse), sessions) is expected[sessions is HOURS]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (
            ["1min", "5min", "15min", "1hour"],
            {"1min": None, "5min": "1min", "15min": "5min", "1hour": "15min"},
        ),
        (["10min", "4min"], {"2min": None, "4min": "2min", "10min": "2min"}),
        (["1hour", "1day", "1week"], {"1hour": None, "1day": "1hour", "1week": "1day"}),
        (["1week", "2day"], {"1day": None, "2day": "1day", "1week": "1day"}),
    ],
)
def test_each_timeframe_is_fed_by_the_coarsest_that_nests_in_it(
    names: list[str], expected: dict[str, Any]
) -> None:
    tree = parents([Timeframe.parse(name) for name in names], ALWAYS)
    assert {one.name: fed and fed.name for one, fed in tree.items()} == expected
    assert next(iter(tree)) == root_of([Timeframe.parse(name) for name in names], ALWAYS)


def _sequence(rows: Sequence[BarRow]) -> list[int]:
    return [(row[0] - START) // MINUTE for row in rows]


def test_flat_bars_fill_what_lies_between_bars_put_before_the_first() -> None:
    made, _ = cascade("1min", fill=True)
    node = made.node("1min")
    made.push(START + 9 * MINUTE, 10.0, 1.0)
    made.close_until(START + 10 * MINUTE)

    def bar(at: int, close: float) -> BarRow:
        return (START + at * MINUTE, close, close, close, close, 1.0, 1, close)

    flats = node.put_all([bar(2, 5.0), bar(4, 6.0)])
    assert [(_sequence([row])[0], row[4], row[5]) for row in flats] == [
        (3, 5.0, 0.0),
        *((at, 6.0, 0.0) for at in (5, 6, 7, 8)),
    ]
    assert [((row[0] - START) // MINUTE, row[4], flags) for row, flags in stored(node.log)] == [
        (2, 5.0, AMENDED),
        (3, 5.0, FILLED),
        (4, 6.0, AMENDED),
        *((at, 6.0, FILLED) for at in (5, 6, 7, 8)),
        (9, 10.0, 0),
    ]
    assert node.put_all([]) == []
    # One that is there already is written over in place, and flat bars behind it follow.
    assert [row[4] for row in node.put_all([bar(4, 7.0)])] == [7.0] * 4
    assert node.put_all([bar(9, 8.0)]) == []
    assert (node.last_close, flags_of(node.log)[-1]) == (8.0, AMENDED)
    node.fill_to(START + 11 * MINUTE)
    assert [row[4] for row, _ in stored(node.log)][-1] == 8.0
