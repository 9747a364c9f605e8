"""Trades that were missed come where they belong, and those that came live stay in their order of arrival."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd
import pytest
from hypothesis import assume, given, settings, strategies as st

from mdnb.clock import EventClock
from mdnb.config import DataManagerConfig
from mdnb.events.bus import EventBus
from mdnb.events.types import Event, EventType
from mdnb.instruments import Instrument
from mdnb.rows import TradeRow
from mdnb.runtime.live.held_trades import HeldTrades
from mdnb.runtime.live.outlier_gate import OutlierGate
from mdnb.runtime.live.pipeline import Pipeline
from mdnb.runtime.live.symbol_state import SymbolState
from mdnb.runtime.past import missed_trades
from mdnb.runtime.past.missed_trades import load_trades, put_back, put_back_by_time
from mdnb.runtime.past.stretches import Patience
from mdnb.sessions import Sessions
from tests.runtime.past.outages import SECOND, START, Answer, Ids, Outcome, Script, bars_of, play
from tests.runtime.past.test_chaos import SECONDS, scripts_without_numbers
from tests.same_frames import assert_same_frames

CLOCK = ["5sec", "15sec", "1min"]
ACTIVITY = ["5tick", "9vol", "1000dollar"]
IDS: tuple[Ids, ...] = ("sequential", "unique", "none")
CALM = Patience(dice=lambda: 1.0)


def trade(number: int, seconds: float, price: float | None = None, size: float = 1.0) -> TradeRow:
    price = 100.0 + 0.25 * ((number * 7) % 11) if price is None else price
    return (START + round(seconds * SECOND), price, size, 1, 1, number)


# One a second.
TRADES = tuple(trade(i, float(i), size=1.0 + i % 3) for i in range(60))


def make(ids: Ids, names: Sequence[str] = (*CLOCK, *ACTIVITY), **config: Any) -> Pipeline:
    config.setdefault("max_lateness_seconds", 1e6)
    engine = SymbolState(Instrument("X", 0.25), Sessions.always(), names, DataManagerConfig(**config))
    return Pipeline(engine, EventBus(), EventClock(START), ids)


def named(rows: Sequence[TradeRow], ids: Ids) -> list[TradeRow]:
    return [row if ids != "none" else (*row[:5], -1) for row in rows]


def put(pipeline: Pipeline, rows: Sequence[TradeRow], low_ns: int, high_ns: int) -> int:
    if pipeline.duplicates.ids == "sequential":
        return put_back(pipeline, rows)
    return put_back_by_time(pipeline, rows, low_ns, high_ns)


def assert_equal(mine: Pipeline, theirs: Pipeline, names: Sequence[str] = (*CLOCK, *ACTIVITY)) -> None:
    for name in names:
        frame = theirs.engine.frame(name)
        pd.testing.assert_frame_equal(mine.engine.frame(name), frame, rtol=1e-12, atol=0.0)


@st.composite
def arrivals(draw: st.DrawFn) -> tuple[list[TradeRow], list[TradeRow], list[TradeRow]]:
    """Trades in order of arrival: before an outage, in it, and after it; some of them are late."""
    count = draw(st.integers(6, 60))
    tenths = draw(st.lists(st.integers(0, 40), min_size=count, max_size=count))
    sizes = draw(st.lists(st.integers(1, 4), min_size=count, max_size=count))
    at, rows = 0, []
    for number, (pause, size) in enumerate(zip(tenths, sizes, strict=True)):
        at += pause
        rows.append(trade(number, at / 10, size=float(size)))
    begin = draw(st.integers(1, count - 2))
    end = draw(st.integers(begin + 1, count - 1))
    before, missed, after = rows[:begin], rows[begin:end], rows[end:]
    for part in (before, after):
        # The first one stays, so that it is known where the outage began and ended.
        for start in draw(st.sets(st.integers(0, len(part)), max_size=3)):
            if start + 2 < len(part):
                part.insert(start + 1, part.pop(draw(st.integers(start + 2, len(part) - 1))))
    return before, missed, after


@given(arrivals(), st.sampled_from(IDS), st.booleans(), st.booleans())
def test_late_trades_keep_their_place_when_missed_ones_are_put_back(
    parts: tuple[list[TradeRow], list[TradeRow], list[TradeRow]], ids: Ids, waits: bool, at_once: bool
) -> None:
    before, missed, after = (named(part, ids) for part in parts)
    low_ns, high_ns = max(row[0] for row in before), after[0][0]
    # Of equal trades of one instant nothing tells which of them came before the outage, and which after it.
    assume(ids != "none" or low_ns < high_ns)
    whole, mine = make(ids), make(ids)
    whole.take([*before, *missed, *after])
    mine.take(before)
    mine.outage_ns = low_ns
    if waits:
        base = mine.duplicates.highest if ids == "sequential" else low_ns
        mine.held = HeldTrades(base, by_id=ids == "sequential", on_rows=lambda _: None)
    came = after[:1] if at_once else after
    for row in came:
        mine.take([row])
        mine.outage_ns = None
    history = sorted([*before, *missed, *came], key=lambda row: row[0])
    put(mine, history, low_ns, high_ns)
    if at_once:
        mine.take(after[1:])
    mine.release()
    assert_equal(mine, whole)
    assert mine.accounting(0, 0, 0).balanced
    if not waits:
        mine_ticks, their_ticks = (one.engine.recent(99)["ts_ns"].tolist() for one in (mine, whole))
        assert mine_ticks == their_ticks


@pytest.mark.parametrize("ids", IDS)
@pytest.mark.parametrize("slow", [0.0, 8.0])
def test_a_bar_with_a_late_trade_closes_with_it_also_when_it_is_repaired(ids: Ids, slow: float) -> None:
    # The trade of 8 s comes after that of 9 s, in the bar in which that of 6 s was missed.
    arrived = [*TRADES[:6], TRADES[7], TRADES[9], TRADES[8], *TRADES[10:20]]
    mine, whole = make(ids), make(ids)
    whole.take(named([*TRADES[:8], TRADES[9], TRADES[8], *TRADES[10:20]], ids))
    if not slow:
        base = 5 if ids == "sequential" else TRADES[5][0]
    for number, row in enumerate(named(arrived, ids)):
        if number == 6:
            mine.outage_ns = TRADES[5][0]
            if not slow:
                mine.held = HeldTrades(base, by_id=ids == "sequential", on_rows=lambda _: None)
        mine.take([row])
        mine.outage_ns = None
    assert put(mine, named(TRADES[5:8], ids), TRADES[5][0], TRADES[7][0]) == 1
    mine.release()
    assert_equal(mine, whole)


def history_of(trades: Sequence[TradeRow], slow: float) -> Script:
    answers = (Answer(0, "slow", slow),) if slow else ()
    return Script(tuple(trades), downs=((9.5, 19.5),), answers=answers, patience=CALM)


def right(outcome: Outcome) -> bool:
    return all(outcome.bars(name) == bars_of(outcome.script.trades, SECONDS[name]) for name in CLOCK)


@pytest.mark.parametrize("slow", [0.0, 6.0])
@pytest.mark.parametrize("ticks", [0, 3, 7, 200_000])
@pytest.mark.parametrize("ids", IDS)
def test_whatever_ticks_are_kept_trades_at_the_edges_are_counted_once(
    ids: Ids, ticks: int, slow: float
) -> None:
    outcome = play(dataclasses.replace(history_of(TRADES, slow), ids=ids, ticks=ticks))
    assert [(gap.state, gap.trades) for gap in outcome.pipeline.gaps] == [("repaired", 10)]
    assert right(outcome)


@pytest.mark.parametrize("slow", [0.0, 6.0])
@pytest.mark.parametrize("ids", IDS)
def test_of_the_trades_of_one_instant_the_missed_one_comes_where_the_history_has_it(
    ids: Ids, slow: float
) -> None:
    # Both are the last of their bar; the first of them is missed.
    trades = [*TRADES[:19], trade(19, 19.5 - 0.1), trade(20, 19.5), *TRADES[21:]]
    trades[19] = (trades[20][0], *trades[19][1:])
    live = [row for row in trades if row[5] < 10 or row[5] >= 20]
    mine, whole = make(ids), make(ids)
    whole.take(named(trades, ids))
    for row in named(live, ids):
        if row[0] == trades[20][0]:
            mine.outage_ns = TRADES[9][0]
            if not slow:
                base = 9 if ids == "sequential" else TRADES[9][0]
                mine.held = HeldTrades(base, by_id=ids == "sequential", on_rows=lambda _: None)
        mine.take([row])
        mine.outage_ns = None
    assert put(mine, named(trades[9:21], ids), TRADES[9][0], trades[20][0]) == 10
    mine.release()
    assert_equal(mine, whole)


@pytest.mark.parametrize("ids", ["unique", "none"])
def test_the_order_of_the_history_counts_where_its_times_jitter(ids: Ids) -> None:
    trades = [*TRADES[:12], trade(12, 12.0), trade(13, 11.997), *TRADES[14:40]]
    mine, whole = make(ids), make(ids)
    whole.take(named(trades, ids))
    mine.take(named(trades[:10], ids))
    mine.outage_ns = TRADES[9][0]
    mine.take(named(trades[20:], ids))
    assert put_back_by_time(mine, named(trades[9:21], ids), TRADES[9][0], TRADES[20][0]) == 10
    assert_equal(mine, whole)
    other = make(ids)
    other.take(named(trades[:10], ids))
    other.outage_ns = TRADES[9][0]
    other.take(named(trades[20:], ids))
    # Newest first, or in no order: then times count.
    assert put_back_by_time(other, named(trades[9:21], ids)[::-1], TRADES[9][0], TRADES[20][0]) == 10
    assert_equal(other, whole)


@pytest.mark.parametrize("ids", ["unique", "none"])
@pytest.mark.parametrize("equal", [False, True])
def test_a_trade_that_the_history_has_before_it_comes_is_counted_once(ids: Ids, equal: bool) -> None:
    first = trade(20, 20.0)
    second = (*first[:5], 21) if equal else trade(21, 20.0)
    rows = named([*TRADES[:20], first, second, *TRADES[22:]], ids)
    mine, whole = make(ids), make(ids)
    whole.take(rows)
    mine.take(rows[:10])
    mine.outage_ns = rows[9][0]
    mine.take([rows[20]])
    mine.outage_ns = None
    # Of equal ones without ids nothing tells which of them it was that came.
    doubt = equal and ids == "none"
    assert put_back_by_time(mine, rows[9:22], rows[9][0], rows[20][0]) == 10 + doubt
    mine.take(rows[21:])
    assert_equal(mine, whole)
    taken = mine.accounting(0, 0, 0)
    assert (taken.duplicate, taken.balanced) == (doubt, True)


@settings(print_blob=True)
@given(scripts_without_numbers(), st.sampled_from((0, 7, 200_000)))
def test_without_ids_and_ticks_too_the_bars_are_right_after_any_outages(script: Script, ticks: int) -> None:
    # Without ticks the first trade without an id of a feed that has ids is not put back: it is told as lost.
    outcome = play(dataclasses.replace(script, ticks=200_000 if script.nameless else ticks))
    held = [row for row in script.trades if row[5] in outcome.held_ids]
    for name in script.timeframes:
        assert outcome.bars(name) == bars_of(held, SECONDS[name]), name
    assert outcome.pipeline.accounting(0, 0, 0).balanced


@pytest.mark.parametrize("ids", IDS)
@pytest.mark.parametrize("slow", [0.0, 6.0])
def test_bars_of_trades_are_those_of_an_uninterrupted_run(ids: Ids, slow: float) -> None:
    script = dataclasses.replace(history_of(TRADES, slow), ids=ids, timeframes=(*CLOCK, *ACTIVITY))
    outcome = play(script)
    whole = make(ids)
    whole.take(named(TRADES, ids))
    assert_equal(outcome.pipeline, whole)
    for name in ACTIVITY:
        closed = [event for _, event in outcome.closed if event.timeframe == name]
        assert len(closed) == len(whole.engine.log(name))
    assert not outcome.pipeline.quality.errors


def events_of(pipeline: Pipeline, kind: EventType) -> list[Event]:
    told: list[Event] = []
    pipeline.bus.tap(kind, told.append, symbol="X")
    return told


def test_what_was_known_of_bars_of_trades_before_they_were_made_anew_can_be_read() -> None:
    mine, whole = make("sequential"), make("sequential")
    for pipeline in (mine, whole):
        pipeline.engine.cascade.closing.follows_trades = True
    whole.take(TRADES)
    mine.take([row for row in TRADES if not 10 <= row[5] < 20])
    before = mine.engine.frame("5tick", closed_only=True)
    then = mine.engine.cascade.closing.now_ns
    mine.engine.cascade.closing.advance(then + SECOND)
    amended, closed = (events_of(mine, kind) for kind in (EventType.BAR_AMENDED, EventType.NEW_BAR))
    assert put_back(mine, TRADES) == 10
    assert_same_frames(mine.engine.known("5tick", then), before)
    for count in (1, 3):
        assert_same_frames(mine.engine.known("5tick", then, count), before.tail(count))
    pd.testing.assert_frame_equal(
        mine.engine.known("5tick", then + SECOND), mine.engine.frame("5tick", closed_only=True)
    )
    assert [event.timeframe for event in amended].count("5tick") == 8
    assert [event.timeframe for event in closed].count("5tick") == 2
    assert mine.engine.log("5tick").total == 12


def push_out(pipeline: Pipeline) -> None:
    pipeline.engine.ticks.set_limit(4)


@pytest.mark.parametrize(
    ("config", "prepare"),
    [({"enable_tick_data": False}, None), ({"max_ticks": 7}, None), ({}, push_out)],
)
def test_bars_of_trades_that_cannot_be_made_anew_say_so(
    config: dict[str, Any], prepare: Callable[[Pipeline], None] | None
) -> None:
    mine = make("sequential", **config)
    mine.take([row for row in TRADES[:48] if not 10 <= row[5] < 20])
    if prepare is not None:
        prepare(mine)
    put_back(mine, TRADES[:48])
    frame = mine.engine.frame("5tick", closed_only=True)
    assert frame["tick_count"].sum() == 45
    # The one that ended before the outage is whole, and the rest is not.
    assert frame.attrs["partial"] == tuple(range(1, 9))
    told = [fault for fault in mine.quality.errors if fault.type == "bars_not_rebuilt"]
    assert {fault.timeframe for fault in told} == set(ACTIVITY)
    assert {fault.description for fault in told} == {
        "trades that were missed count as the newest: those after them are not held any more"
    }
    mine.take(TRADES[48:])
    frame = mine.engine.frame("5tick", closed_only=True)
    assert frame.attrs["partial"] == tuple(range(1, 10))
    for name in CLOCK:
        assert not mine.engine.frame(name).attrs["partial"]


CALM_TRADES = tuple(trade(i, 0.1 * i, 100.0 + 0.25 * (i % 2)) for i in range(61))


def unplaced(pipeline: Pipeline) -> list[str | None]:
    return [fault.timeframe for fault in pipeline.quality.errors if fault.type == "bars_not_rebuilt"]


def test_bars_of_trades_that_have_left_memory_are_not_made_anew() -> None:
    mine = make("sequential", ["1min", "5tick"], max_bars_per_timeframe=2)
    mine.take([row for row in TRADES[:48] if not 10 <= row[5] < 20])
    assert put_back(mine, TRADES[:48]) == 10
    assert unplaced(mine) == ["5tick"]
    frame = mine.engine.frame("5tick")
    # The missed ones are the newest: of 48 trades the last three are in the open bar.
    assert frame["tick_count"].tolist() == [5, 3]
    assert frame["close"].iloc[-1] == TRADES[19][1]
    assert frame.attrs["partial"] == (0,)


def test_a_bar_whose_first_trades_are_no_longer_held_is_not_made_anew() -> None:
    mine = make("sequential", ["1min", "20tick", "3tick"], max_ticks=30)
    mine.take([row for row in TRADES[:48] if row[5] != 19])
    assert put_back(mine, TRADES[:48]) == 1
    # That of twenty began with trade 0, that of three with trade 18, which is the oldest held.
    assert unplaced(mine) == ["20tick"]
    whole = make("sequential", ["1min", "3tick"])
    whole.take(TRADES[:48])
    assert_equal(mine, whole, ["1min", "3tick"])
    assert mine.engine.frame("20tick")["tick_count"].tolist() == [20, 20, 8]


def test_bars_in_which_trades_that_were_taken_for_outliers_came_last_are_not_made_anew() -> None:
    mine = make("sequential", ["1min", "4tick"], remove_outliers=True)
    mine.outlier_gate = OutlierGate(mine.engine)
    rows = [
        *CALM_TRADES[:60],
        *(trade(60 + i, 6.0 + 0.1 * i, 140.0 - 40.0 * (i in (2, 4))) for i in range(6)),
    ]
    # 60, 63 and 65 are far off, and believed with the last of them: then 62 and 64 are in the bars already.
    for row in rows:
        if row[5] != 61:
            mine.take([row])
    assert mine.engine.frame("4tick")["open"].tolist()[-2:] == [100.0, 140.0]
    assert mine.engine.recent(5)["trade_id"].tolist() == [60, 62, 63, 64, 65]
    assert put_back(mine, rows) == 1
    assert unplaced(mine) == ["4tick"]
    frame = mine.engine.frame("4tick")
    assert frame["tick_count"].tolist() == [4] * 16 + [2]
    assert frame["volume"].sum() == 66.0


def test_bars_of_rows_that_stand_for_no_trade_are_not_made_anew() -> None:
    # A feed's own rows may have a count of 0: which bars the ones behind the missed one are in is not known.
    mine = make("sequential", ["1min", "9vol"])
    rows = [trade(0, 0.0, size=9.0), trade(1, 1.0, size=2.0), (*trade(2, 2.0, size=9.0)[:3], 0, 1, 2)]
    mine.take([rows[0], rows[2]])
    assert put_back(mine, rows) == 1
    assert unplaced(mine) == ["9vol"]
    assert mine.engine.frame("9vol")["volume"].tolist() == [9.0, 9.0, 2.0]
    assert mine.engine.frame("1min")["volume"].tolist() == [20.0]


@pytest.mark.parametrize("ids", IDS)
def test_trades_that_were_missed_outside_the_sessions_are_in_no_bar(ids: Ids) -> None:
    config = DataManagerConfig(max_lateness_seconds=1e6)
    sessions = Sessions([START + 60 * SECOND], [START + 3_600 * SECOND])
    engine = SymbolState(Instrument("X", 0.25), sessions, [*CLOCK, *ACTIVITY], config)
    mine = Pipeline(engine, EventBus(), EventClock(START), ids)
    rows = named([trade(i, 30.0 + i) for i in range(60)], ids)
    mine.take(rows[:10])
    mine.outage_ns = rows[9][0]
    mine.take(rows[20:])
    assert put(mine, rows[9:21], rows[9][0], rows[20][0]) == 10
    assert mine.engine.frame("1min")["tick_count"].tolist() == [30]
    assert mine.engine.frame("5tick")["tick_count"].sum() == 30
    assert not unplaced(mine)
    assert mine.accounting(0, 0, 0).balanced


def test_a_history_in_no_order_is_put_in_that_of_its_times() -> None:
    mine, whole = make("unique"), make("unique")
    whole.take(TRADES[:40])
    mine.take(TRADES[:10])
    mine.outage_ns = TRADES[9][0]
    mine.take(TRADES[20:40])
    shuffled = [TRADES[9], *TRADES[15:20], *TRADES[10:15], TRADES[20]]
    assert put_back_by_time(mine, shuffled, TRADES[9][0], TRADES[20][0]) == 10
    assert_equal(mine, whole)


def test_of_equal_trades_of_the_first_history_and_of_an_outage_each_is_counted() -> None:
    rows = named([*TRADES[:6], TRADES[5], *TRADES[20:40]], "none")
    mine, whole = (make("none", enable_tick_data=False) for _ in range(2))
    whole.take(rows)
    # The history ends with the first of the two; the other one was missed.
    load_trades(mine, rows[:6], 0)
    mine.outage_ns = rows[5][0]
    mine.take(rows[7:])
    assert put_back_by_time(mine, rows[5:8], rows[5][0], rows[7][0]) == 1
    assert_equal(mine, whole, CLOCK)


@pytest.mark.parametrize("ids", ["unique", "none"])
def test_a_late_trade_that_comes_first_does_not_part_what_is_put_back_bit_by_bit(ids: Ids) -> None:
    # Number 8 comes late, and first after the outage; of the rest the history knows some at once, more later.
    late, rest = trade(8, 7.9), [trade(number, float(number)) for number in range(12)]
    market = make(ids, CLOCK)
    given_ids = (lambda row: row) if ids == "unique" else (lambda row: (*row[:5], -1))
    rows = [given_ids(row) for row in (*rest[:8], late, *rest[9:])]
    market.take(rows[:3])
    market.outage_ns = rows[2][0]
    market.take([rows[8], rows[11]])
    market.outage_ns = None
    low_ns, high_ns = rows[2][0], rows[11][0]
    for known in (rows[2:5] + rows[7:8] + rows[11:], rows[2:]):
        put_back_by_time(market, known, low_ns, high_ns)
    times = market.engine.ticks.tail(20)["ts_ns"].tolist()
    assert [at for at in times if at != late[0]] == [row[0] for row in rows if row[0] != late[0]]


@pytest.mark.parametrize("ids", ["unique", "none"])
def test_what_came_live_and_the_history_never_knew_follows_what_was_made_before_it(ids: Ids) -> None:
    market = make(ids, CLOCK)
    given_ids = (lambda row: row) if ids == "unique" else (lambda row: (*row[:5], -1))
    rows = [given_ids(trade(number, float(number))) for number in range(9)]
    market.take(rows[:3])
    market.outage_ns = rows[2][0]
    market.take([rows[7], rows[8]])
    market.outage_ns = None
    put_back_by_time(market, [row for row in rows[2:] if row is not rows[7]], rows[2][0], rows[8][0])
    assert market.engine.ticks.tail(20)["ts_ns"].tolist() == [row[0] for row in rows]


def test_of_what_was_put_back_no_more_is_remembered_than_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(missed_trades, "_PUT_KEPT", 2)
    market = make("unique", CLOCK)
    rows = [trade(number, float(number)) for number in range(13)]
    market.take([rows[0], rows[4], rows[8], rows[12]])
    for low in (0, 4, 8):
        assert put_back_by_time(market, rows[low : low + 5], rows[low][0], rows[low + 4][0]) == 3
        assert market.put_back == {row[5] for row in rows[low + 1 : low + 4]}
    assert market.engine.ticks.tail(20)["trade_id"].tolist() == list(range(13))
