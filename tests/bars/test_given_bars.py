"""Bars that come as such: pushed, put into the stores from elsewhere, or made anew by what is known now."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st

from mdnb.bars.cascade import Cascade
from mdnb.bars.rebuild import rebuild_bars
from mdnb.bars.refold import OneBar, Piece
from mdnb.rows import NOT_LAST, NOT_RANGE, BarRow, MarkedTrade, TradeRow
from mdnb.sessions import Sessions
from mdnb.stores.bars import BarStore
from mdnb.timeframes import Timeframe

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
START = 1_700_000_100 * SECOND  # of fifteen minutes
HOURS = Sessions.from_calendar("CME Globex Equity", "2026-03-02", "2026-03-06")
PRICELESS = NOT_LAST | NOT_RANGE


def make(*names: str, held: int = 1_000, sessions: Sessions | None = None, fill: bool = False) -> Cascade:
    return Cascade(
        names, sessions or Sessions.always(), lambda name: BarStore(held), fill=fill, max_lateness_ns=2**61
    )


def bar(seconds: int, price: float, size: float = 1.0) -> BarRow:
    return (START + seconds * SECOND, price, price + 1, price - 1, price + 0.5, size, 2, price * size)


def seen(cascade: Cascade, name: str) -> list[BarRow]:
    log, forming = cascade.node(name).log, cascade.forming(name)
    rows = [*(log.row(at)[0] for at in range(len(log))), *([forming] if forming else [])]
    # Of turnover a mean is stored, which costs its last digits.
    return [(*row[:7], round(row[7], 6)) for row in rows]


def folded(rows: list[BarRow], step: int) -> list[BarRow]:
    """Return bars of so many minutes that others make in their order, one field at a time."""
    made: dict[int, list[BarRow]] = {}
    for row in rows:
        made.setdefault(row[0] // (step * MINUTE) * step * MINUTE, []).append(row)
    return [
        (
            *(start, group[0][1], max(one[2] for one in group), min(one[3] for one in group), group[-1][4]),
            *(sum(one[5] for one in group), sum(one[6] for one in group), sum(one[7] for one in group)),
        )
        for start, group in sorted(made.items())
    ]


@given(
    st.lists(
        st.tuples(
            st.sampled_from([0, 20, 40, 60, 60, 120, 600]),
            st.integers(10, 90),
            st.integers(1, 5),
            st.booleans(),
        ),
        min_size=1,
        max_size=25,
    )
)
def test_bars_pushed_make_those_they_nest_in_whether_or_not_a_timer_closes_them_first(
    steps: list[tuple[int, int, int, bool]],
) -> None:
    cascade = make("1min", "5min")
    rows: list[BarRow] = []
    now = 0
    for step, price, size, is_timed in steps:
        now += step
        row = bar(now, float(price), float(size))
        # One that starts inside a closed interval amends it, as the newest there.
        rows.append(row)
        cascade.push_bars([row])
        if is_timed:
            cascade.close_until((row[0] // MINUTE + 1) * MINUTE)
        minutes = folded(rows, 1)
        assert seen(cascade, "1min") == minutes
        assert seen(cascade, "5min") == folded(minutes, 5)
    assert cascade.outside_session == 0


def test_bars_outside_the_hours_are_counted_and_the_next_ones_taken() -> None:
    cascade = make("1min", sessions=HOURS)
    begin = int(HOURS.opens[1])
    cascade.push_bars([(begin - MINUTE, *bar(0, 9.0)[1:]), (begin, *bar(0, 9.0)[1:])])
    assert (cascade.outside_session, [row[0] for row in seen(cascade, "1min")]) == (1, [begin])


def test_what_is_live_begins_behind_the_bars_that_the_stores_hold() -> None:
    for fill in (False, True):
        cascade = make("1min", "5min", "15min", fill=fill)
        for name, starts in (("1min", (0, 60)), ("15min", (0,))):
            for seconds in starts:
                cascade.node(name).log.stage(bar(seconds, 50.0))
        cascade.node("1min").closed_to = START + MINUTE
        cascade.follow_logs()
        # The quarter of an hour is over by what is held; so a trade in it is a late one.
        assert cascade.settled_ns == START + 15 * MINUTE
        assert (cascade.node("1min").closed_to, cascade.node("1min").last_close) == (START + 2 * MINUTE, 50.5)
        assert cascade.node("15min").closed_to == -(2**63), "nothing of it was closed here"
        cascade.push(START + 70 * SECOND, 60.0, 1.0)
        assert seen(cascade, "1min")[1] == (START + MINUTE, 50.0, 60.0, 49.0, 60.0, 2.0, 3, 110.0)
        assert cascade.amended_count == 1
    empty = make("1min", "5min")
    empty.follow_logs()
    assert empty.settled_ns == -(2**63)
    # A bar that begins while the venue is closed tells nothing of when it ends; the next store is looked at.
    odd = make("1min", "5min", sessions=HOURS)
    begin = int(HOURS.opens[1])
    odd.node("1min").log.stage((begin - MINUTE, *bar(0, 9.0)[1:]))
    odd.node("5min").log.stage((begin, *bar(0, 9.0)[1:]))
    odd.follow_logs()
    assert odd.settled_ns == begin + 5 * MINUTE


@pytest.mark.parametrize("size", [1.0, 500.0])
def test_a_coarse_bar_that_came_as_such_keeps_what_its_finer_ones_do_not_have(size: float) -> None:
    cascade = make("1min", "5min", "15min")
    cascade.node("5min").log.stage(bar(0, 50.0, 40.0))
    cascade.follow_logs()
    assert cascade.newest_ns == START
    cascade.push(START + 290 * SECOND, 60.0, size)
    assert seen(cascade, "1min") == [(START + 240 * SECOND, *[60.0] * 4, size, 1, 60.0 * size)]
    expected = (START, 50.0, 60.0, 49.0, 60.0, 40.0 + size, 3, 2000.0 + 60.0 * size)
    assert seen(cascade, "5min") == [expected]


@pytest.mark.parametrize("is_closed", [True, False])
def test_trades_that_waited_for_a_bar_that_is_made_anew_are_in_it(is_closed: bool) -> None:
    """The one who makes it anew knows them all: they wait no longer, and those of other minutes do."""
    cascade = make("1min", "5min")
    cascade.has_marks = True
    row: TradeRow = (START + 65 * SECOND, 9.0, 3.0, 1, 0, -1)
    late: TradeRow = (START + 125 * SECOND, 9.0, 3.0, 1, 0, -1)
    cascade.push_rows([(START, 10.0, 1.0, 1, 0, -1), MarkedTrade.of(row, PRICELESS)])
    if is_closed:
        cascade.push_rows([(START + 180 * SECOND, 10.0, 1.0, 1, 0, -1), MarkedTrade.of(late, PRICELESS)])
    assert len(cascade.unpriced) == 1 + is_closed
    made = (START + MINUTE, 11.0, 12.0, 9.0, 10.0, 7.0, 4, 70.0)
    piece = Piece(made, START, START + 180 * SECOND, START, START + 180 * SECOND)

    class Ticks:
        def bars(self, start_ns: int, end_ns: int) -> list[BarRow]:
            return [made] if start_ns <= made[0] < end_ns else []

    rebuild_bars(cascade, [piece], Ticks())
    assert len(cascade.unpriced) == is_closed
    assert seen(cascade, "1min")[1] == made
    assert cascade.newest_ns == START + (180 if is_closed else 65) * SECOND


def test_one_bar_that_is_known_stands_for_its_own_span_alone() -> None:
    one = OneBar(bar(0, 9.0), (START, START + MINUTE))
    assert one.bars(START, START + MINUTE) == [bar(0, 9.0)]
    assert one.bars(START, START + 5 * MINUTE) == one.bars(START - MINUTE, START + MINUTE) == []


def test_what_would_feed_a_timeframe_is_told_by_the_venues_hours() -> None:
    cascade = make("1min", "5min", "1day")
    for name, feeder in (("15min", "5min"), ("7min", "1min"), ("3min", "1min")):
        node = cascade.feeder(Timeframe.parse(name))
        assert node is cascade.node(feeder)
    # It is there already, or it would be a new finest one.
    assert cascade.feeder(Timeframe.parse("5min")) is None
    assert cascade.feeder(Timeframe.parse("10sec")) is None
    # Under hours that begin at half past, hours do not consist of what is cut at full ones.
    hours = make("30min", "2hour", sessions=HOURS)
    feeder_of_days = hours.feeder(Timeframe.parse("1day"))
    assert feeder_of_days is not None
    assert feeder_of_days.name == "30min" or feeder_of_days.name == "2hour"


def test_a_closed_bar_takes_what_is_five_seconds_late_if_nothing_is_said() -> None:
    cascade = Cascade(["1min"], Sessions.always(), lambda name: BarStore(10))
    for begin in (START, START + 5 * MINUTE):
        cascade.push(begin + 59 * SECOND, 9.0, 1.0)
        cascade.push(begin + 64 * SECOND, 9.0, 1.0)
        cascade.push(begin + 59 * SECOND, 10.0, 1.0)
        cascade.push(begin + 59 * SECOND - 1, 11.0, 1.0, 3)
    assert (cascade.amended_count, cascade.late_dropped) == (2, 2)
    # As rows: of one that was given by its fields nothing else is known.
    assert cascade.refused[0] == (START + 59 * SECOND - 1, 11.0, 1.0, 3, 0, -1)


def test_rows_of_arrays_that_are_refused_say_nothing_that_arrays_do_not() -> None:
    cascade = make("1min", sessions=HOURS)
    begin = int(HOURS.opens[1])
    times, ones = np.array([begin - SECOND, begin]), np.ones(2)
    for count in (None, np.array([2, 3])):
        cascade.push_arrays(times, ones * 9.0, ones, count)
        assert cascade.refused == [(begin - SECOND, 9.0, 1.0, 1 if count is None else 2, 0, 0)]
        cascade.refused.clear()


def test_what_is_no_time_is_an_error_and_changes_nothing() -> None:
    cascade = make("1min")
    for wrong in (-(2**63), 2**63 - 1, 2**63):
        with pytest.raises(ValueError, match=f"a trade has the time {wrong}, which is no time in nanosec"):
            cascade.push(wrong, 9.0, 1.0)
    assert (cascade.newest_ns, seen(cascade, "1min"), cascade.out_of_order) == (-(2**63), [], 0)


def test_half_a_timeframe_does_not_stay() -> None:
    cascade = make("1min")
    cascade.push(START, 9.0, 1.0)

    def fails(_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cascade.add(Timeframe.parse("5min"), lambda: ([], True), fails)
    assert ([node.name for node in cascade.nodes()], cascade.root.children) == (["1min"], [])


@pytest.mark.parametrize("is_open", [True, False])
def test_flat_bars_of_one_that_is_shown_again_end_where_it_is(is_open: bool) -> None:
    told: list[tuple[str, int]] = []
    kept = make("1min", "5min", fill=True)
    shown = Cascade(
        ["1min", "5min"],
        Sessions.always(),
        lambda name: BarStore(1_000),
        fill=True,
        on_closed=lambda node, row, *_: told.append((node.name, (row[0] - START) // MINUTE)),
    )
    shown.remove("1min")
    for cascade in (kept, shown):
        for minute in (0, 3, 4):
            cascade.push(START + minute * MINUTE, 9.0 + minute, 1.0)
        if not is_open:
            cascade.close_until(START + 7 * MINUTE)
            cascade.fill_until(START + 7 * MINUTE)
    told.clear()
    shown.add(Timeframe.parse("1min"), lambda: ([], True))
    assert seen(shown, "1min") == seen(kept, "1min")
    assert told == [], "nobody is told of bars of before"
    shown.push(START + 8 * MINUTE, 9.0, 1.0)
    shown.push(START + 10 * MINUTE, 9.0, 1.0)
    first = 4 if is_open else 7
    assert [minute for name, minute in told if name == "1min"] == list(range(first, 10))


@pytest.mark.parametrize("oldest", [0, 59, 60, 70])
def test_a_finer_timeframe_takes_over_an_open_bar_all_of_whose_trades_are_held(oldest: int) -> None:
    rows: list[TradeRow] = [(START + at * SECOND, 9.0 + at % 7, 1.0, 1, 0, -1) for at in range(0, 90, 1)]
    cascade = make("1min")
    cascade.push_rows(rows)
    # Not all there ever were; but where one of before the open bar is held, all of it are.
    cascade.add(Timeframe.parse("10sec"), lambda: (rows[oldest:], False))
    opened = cascade.node("1min").as_row()
    assert opened is not None
    assert opened[5] == (20.0 if oldest < 60 else 30.0), "the rest is in the finer one that is open"
    assert cascade.root.is_open is (oldest < 60)
    assert (cascade.forming("1min") or opened)[5] == 30.0
