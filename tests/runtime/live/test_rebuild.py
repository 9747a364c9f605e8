"""Many trades that were missed, put back in one go, against bars made of all trades the plain way."""

from __future__ import annotations

import bisect
import collections

import pytest

from mdnb.config import DataManagerConfig
from mdnb.instruments import Instrument
from mdnb.rows import MARKS, NOT_LAST, NOT_RANGE, BarRow, MarkedTrade, TradeRow
from mdnb.runtime.live.placing import InIds
from mdnb.runtime.live.rebuild import HeldTicks, put_between, put_into_bars, put_marked
from mdnb.runtime.live.symbol_state import SymbolState
from mdnb.sessions import Sessions
from tests.runtime.past.outages import SECOND, START, bars_of

SECONDS = {"1sec": 1, "10sec": 10, "1min": 60}
TRADES: list[TradeRow] = [
    (START + at * SECOND // 2, 100.0 + at * 7 % 11 / 4, 1.0 + at % 3, 1, 1, at) for at in range(400)
]
MISSED = [row for row in TRADES if 60 <= row[5] < 360 and row[5] % 4 != 2]


def closed(engine: SymbolState, name: str) -> list[BarRow]:
    log = engine.log(name)
    rows = [log.row(at)[0] for at in range(len(log))]
    return [(*row[:7], round(row[7], 6)) for row in rows]


def with_a_hole(*, stored: bool, limit: int = 1000) -> SymbolState:
    config = DataManagerConfig(max_bars_per_timeframe=limit)
    engine = SymbolState(Instrument("X", 0.25), Sessions.always(), list(SECONDS), config)
    live = [row for row in TRADES if row not in MISSED]
    engine.cascade.closing.advance(TRADES[-1][0])
    engine.cascade.push_rows(live)
    if stored:
        engine.ticks.extend(live)
    return engine


def put_back(engine: SymbolState, *, stored: bool) -> None:
    came = [row for row in TRADES if row not in MISSED]
    ids = [row[5] for row in came]
    at = [bisect.bisect(ids, row[5]) for row in MISSED]
    between = [(row, came[i - 1][0], came[i][0]) for row, i in zip(MISSED, at, strict=True)]
    put_between(engine, between, InIds(), stored=stored)


@pytest.mark.parametrize("stored", [True, False])
def test_one_answer_of_the_history_changes_each_log_once_and_each_bar_once(stored: bool) -> None:
    engine = with_a_hole(stored=stored)
    before = {name: engine.log(name).generation for name in SECONDS}
    put_back(engine, stored=stored)
    for name, seconds in SECONDS.items():
        assert engine.log(name).generation == before[name] + 1, name
        assert closed(engine, name) == bars_of(TRADES, seconds)[: len(closed(engine, name))]
    told = collections.Counter((node.name, row[0]) for node, row in engine.cascade.amended)
    assert set(told.values()) == {1}
    changed = {(name, row[0] // (s * SECOND) * s * SECOND) for name, s in SECONDS.items() for row in MISSED}
    closed_ns = {(name, row[0]) for name in SECONDS for row in closed(engine, name)}
    assert set(told) == changed & closed_ns


def test_all_of_one_answer_is_known_from_one_instant_on() -> None:
    engine = with_a_hole(stored=True)
    was = {name: engine.reader.known(name, engine.cascade.closing.now_ns).close.tolist() for name in SECONDS}
    then = engine.cascade.closing.now_ns
    now = then + 5 * SECOND
    engine.cascade.closing.advance(now)
    put_back(engine, stored=True)
    for name, seconds in SECONDS.items():
        for as_of in (then, now - 1000):
            assert engine.reader.known(name, as_of).close.tolist() == was[name], name
        right = [bar[4] for bar in bars_of(TRADES, seconds)]
        known = engine.reader.known(name, now).close.tolist()
        assert known == right[: len(known)]
        assert len(known) == len(closed(engine, name))


@pytest.mark.parametrize("stored", [True, False])
def test_coarse_bars_whose_finer_ones_have_left_memory_open_and_close_as_they_should(stored: bool) -> None:
    engine = with_a_hole(stored=stored, limit=5)
    put_back(engine, stored=stored)
    for name, seconds in SECONDS.items():
        forming = engine.forming_of(name)
        assert forming is not None
        right = [bar for bar in bars_of(TRADES, seconds) if bar[0] < forming[0]]
        assert closed(engine, name) == right[-5:], name


MARKED: list[TradeRow] = [
    MarkedTrade.of(row, (0, NOT_LAST, NOT_LAST | NOT_RANGE, NOT_RANGE, MARKS)[row[5] * 3 % 5])
    if row[5] * 3 % 5
    else row
    for row in TRADES
]
MARKED_MISSED = [row for row in MARKED if 60 <= row[5] < 360 and row[5] % 4 != 2]


def marked(rows: list[TradeRow], *, stored: bool = True) -> SymbolState:
    """A market that took trades, of which some do not count in full."""
    engine = SymbolState(Instrument("X", 0.25), Sessions.always(), list(SECONDS))
    engine.cascade.closing.advance(TRADES[-1][0])
    engine.see_marks(rows)
    engine.cascade.push_rows(rows)
    if stored:
        engine.keep_ticks(rows)
    return engine


@pytest.mark.parametrize("way", ["between", "late"])
def test_trades_that_do_not_count_in_full_are_put_where_they_belong(way: str) -> None:
    came = [row for row in MARKED if row not in MARKED_MISSED]
    whole, engine = marked(MARKED), marked(came)
    if way == "between":
        ids = [row[5] for row in came]
        at = [bisect.bisect(ids, row[5]) for row in MARKED_MISSED]
        between = [(row, came[i - 1][0], came[i][0]) for row, i in zip(MARKED_MISSED, at, strict=True)]
        assert put_between(engine, between, InIds(), stored=True) == []
        assert [int(one) for one in engine.ticks.tail(999)["trade_id"]] == list(range(400))
        for name in SECONDS:
            assert closed(engine, name) == closed(whole, name), name
            assert engine.forming(name) == whole.forming(name)
    else:
        # In order of arrival: what comes late is the newest of its bar.
        engine.keep_ticks(MARKED_MISSED)
        put_into_bars(engine, MARKED_MISSED, stored=True)
        late = sorted([*came, *MARKED_MISSED], key=lambda row: row[0] // SECOND)
        fresh = marked(sorted([*came, *MARKED_MISSED], key=lambda row: row[0] // SECOND))
        assert late
        assert closed(engine, "1sec") == closed(fresh, "1sec")
    assert engine.cascade.unpriced.uncounted == whole.cascade.unpriced.uncounted
    assert len(engine.cascade.unpriced) == len(whole.cascade.unpriced)


def test_where_ticks_do_not_reach_marked_ones_count_as_the_newest_of_their_bar() -> None:
    engine = marked([TRADES[0], TRADES[1], TRADES[40]], stored=False)
    start = START
    rows: list[TradeRow] = [
        (start + 1, 150.0, 2.0, 1, 1, 900),
        MarkedTrade.of((start + 2, 90.0, 3.0, 1, 1, 901), NOT_LAST),
        MarkedTrade.of((start + 3, 300.0, 4.0, 1, 1, 902), NOT_LAST | NOT_RANGE),
        MarkedTrade.of((start + 4, 400.0, 5.0, 1, 1, 903), MARKS),
    ]
    before = closed(engine, "1sec")[0]
    engine.see_marks(rows)
    assert put_marked(engine, start, rows, None) == []
    made = closed(engine, "1sec")[0]
    size = TRADES[0][2] + TRADES[1][2]
    assert before[5] == size
    assert made[:7] == (start, TRADES[0][1], 150.0, 90.0, 150.0, size + 9.0, 5)
    assert engine.cascade.unpriced.uncounted == 1
    minute = closed(engine, "1min") or [engine.forming("1min")]
    assert minute[0] is not None
    assert minute[0][2:4] == (150.0, 90.0)


def test_without_a_price_of_its_interval_a_marked_trade_waits_for_one() -> None:
    engine = marked([TRADES[0], TRADES[40]], stored=False)
    start = START + 5 * SECOND
    odd = MarkedTrade.of((start + 2, 90.0, 3.0, 1, 1, 901), NOT_LAST | NOT_RANGE)
    engine.see_marks([odd])
    assert put_marked(engine, start, [odd], None) == []
    assert len(engine.cascade.unpriced) == 1
    assert [bar[0] for bar in closed(engine, "1sec")] == [START]
    assert put_marked(engine, start, [(start + 9, 95.0, 1.0, 1, 1, 902)], None) == []
    assert len(engine.cascade.unpriced) == 0
    assert closed(engine, "1sec")[1][:7] == (start, 95.0, 95.0, 95.0, 95.0, 4.0, 2)


def test_bars_of_held_ticks_are_those_of_their_trades_and_none_where_some_are_gone() -> None:
    for rows in (TRADES, MARKED):
        engine = marked(rows)
        ticks = HeldTicks(engine)
        for first, last in ((0, 3), (10, 11), (20, 60), (50, 50), (190, 250)):
            spans = START + first * SECOND, START + last * SECOND
            inside = [row for row in rows if spans[0] <= row[0] < spans[1]]
            assert ticks.trades(*spans) == inside
            made = [(*bar[:7], round(bar[7], 6)) for bar in ticks.bars(*spans)]
            whole = [*closed(engine, "1sec"), engine.forming("1sec")]
            wanted = [bar for bar in whole if bar is not None and spans[0] <= bar[0] < spans[1]]
            assert made == [(*bar[:7], round(bar[7], 6)) for bar in wanted]
    config = DataManagerConfig(max_ticks=1000)
    engine = SymbolState(Instrument("X", 0.25), Sessions.always(), ["1sec"], config)
    rows = [(START + at * SECOND // 10, 100.0, 1.0, 1, 1, at) for at in range(2500)]
    engine.cascade.push_rows(rows)
    engine.ticks.extend(rows)
    ticks = HeldTicks(engine)
    gone = engine.ticks.newest_gone_ns
    second = gone // SECOND * SECOND
    assert ticks.bars(second, second + 9 * SECOND) == ticks.trades(second, second + 9 * SECOND) == []
    assert len(ticks.bars(second + SECOND, second + 9 * SECOND)) == 8
    assert len(ticks.trades(second + SECOND, second + 9 * SECOND)) == 80


@pytest.mark.parametrize("stored", [True, False])
def test_late_trades_are_put_into_open_closed_and_missing_bars_alike(stored: bool) -> None:
    engine = SymbolState(Instrument("X", 0.25), Sessions.always(), ["1sec", "10sec", "7tick"])
    came = [row for row in TRADES[:41] if not 10 <= row[5] < 14]
    engine.cascade.push_rows(came)
    late = [
        *TRADES[10:14],
        (START + 1, 200.0, 1.0, 1, 1, 900),
        (START + 20 * SECOND + 1, 50.0, 1.0, 1, 1, 901),
    ]
    if stored:
        engine.ticks.extend([*came, *late])
    for bars in engine.activity.values():
        bars.push_rows(came)
    put_into_bars(engine, late, stored=stored)
    made = {bar[0]: bar for bar in closed(engine, "1sec")}
    assert made[START][2:6] == (200.0, TRADES[0][1], 200.0, TRADES[0][2] + TRADES[1][2] + 1.0)
    for second in (5, 6):
        inside = [row for row in TRADES if START + second * SECOND <= row[0] < START + (second + 1) * SECOND]
        assert made[START + second * SECOND][1:6] == (
            inside[0][1],
            max(row[1] for row in inside),
            min(row[1] for row in inside),
            inside[-1][1],
            sum(row[2] for row in inside),
        )
    forming = engine.forming("1sec")
    assert forming is not None
    assert (forming[0], forming[3], forming[6]) == (START + 20 * SECOND, 50.0, 2)
    ten = closed(engine, "10sec")[0]
    assert (ten[2], ten[6]) == (200.0, 21)
    counts = [*engine.frame("7tick")["tick_count"]]
    assert sum(counts) == len(came) + len(late)
