"""Trades that are taken back, corrected, or count in part: bars against pandas over the right list."""

from __future__ import annotations

import json
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st

from mdnb.bars.activity import ActivityBars
from mdnb.clock import EventClock
from mdnb.config import DataManagerConfig
from mdnb.decode import decoder
from mdnb.events.bus import EventBus
from mdnb.events.types import Event, EventType
from mdnb.instruments import Instrument
from mdnb.rows import MARKS, NOT_LAST, NOT_RANGE, MarkedTrade, TradeChange, TradeRow, marks_of
from mdnb.runtime.live.accounting import Accounting
from mdnb.runtime.live.frame_batcher import FrameBatcher
from mdnb.runtime.live.health import Health
from mdnb.runtime.live.held_trades import HeldTrades
from mdnb.runtime.live.outlier_gate import OutlierGate
from mdnb.runtime.live.pipeline import Pipeline
from mdnb.runtime.live.records import flag_name
from mdnb.runtime.live.symbol_state import SymbolState
from mdnb.runtime.live.trade_changes import as_changed, learn_changes, take_changes
from mdnb.runtime.past.missed_trades import put_back_by_time
from mdnb.sessions import Sessions
from mdnb.stores.bars import BarStore
from mdnb.timeframes import Timeframe

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
START = 1_699_999_800 * SECOND  # of a five-minute bar
VOLUME_ONLY = NOT_LAST | NOT_RANGE


class Rig:
    """One symbol's engine behind the wire's decoder."""

    def __init__(self, timeframes: tuple[str, ...] = ("1min", "5min"), **config: Any) -> None:
        self.clock = EventClock()
        given = {"max_lateness_seconds": 3600.0, "data_validation": False} | config
        self.engine = SymbolState(
            Instrument("X", 0.25), Sessions.always(), timeframes, DataManagerConfig(**given)
        )
        self.bus = EventBus()
        self.pipeline = Pipeline(self.engine, self.bus, self.clock, "unique")
        self.drain = FrameBatcher(
            decoder("mdnb"), {"X": self.pipeline}, lambda: self.clock, Health(), lambda batch: None
        )
        self.told: list[Event] = []
        for kind in (EventType.TRADE_CHANGED, EventType.BAR_AMENDED, EventType.DATA_QUALITY_ALERT):
            self.bus.tap(kind, self.told.append, symbol="X")

    def feed(self, *frames: str) -> None:
        self.drain._waiting.extend(frames)
        self.drain.flush()

    def trade(self, at: int, price: float, size: float, number: int, marks: int = 0) -> None:
        self.feed(_trade((START + at, price, size, 1, 0, number), marks))

    def cancel(self, number: int, price: float, size: float, at: int = 0) -> None:
        self.feed(_change(number, price, size, None, START + at))

    def correct(
        self, number: int, price: float, size: float, now: tuple[float, float, int], marks: int = 0
    ) -> None:
        row = (START, now[0], now[1], 1, 0, now[2])
        self.feed(_change(number, price, size, [*row, marks], START))

    def bars(self, name: str = "1min") -> list[tuple[float, ...]]:
        frame = self.engine.frame(name)
        columns = ("open", "high", "low", "close", "volume", "tick_count")
        starts = (
            frame.index.asi8 * (SECOND // {"ns": SECOND, "us": 10**6}[frame.index.unit]) - START
        ).tolist()
        rows = zip(starts, *(frame[column].tolist() for column in columns), strict=True)
        return [(start // SECOND, *row) for start, *row in rows]

    def accounting(self) -> Accounting:
        made = self.pipeline.accounting(self.drain.frames, self.drain.control, self.drain.malformed)
        assert made.balanced, str(made)
        assert made.malformed == 0
        return made

    def flags(self) -> list[str]:
        return [flag_name(int(flag)) for flag in self.engine.recent(1_000)["flag"]]


def _trade(row: TradeRow, marks: int) -> str:
    if marks:
        return json.dumps({"e": "marked", "s": "X", "r": [[*row, marks]]})
    return json.dumps({"e": "trades", "s": "X", "r": [row]})


def _change(number: int, price: float, size: float, now: list[Any] | None, at_ns: int) -> str:
    return json.dumps({"e": "changes", "s": "X", "r": [[at_ns, number, price, size, now]]})


def test_a_busted_trade_leaves_its_bar_and_the_price_goes_back() -> None:
    rig = Rig()
    rig.trade(1 * SECOND, 100.0, 1, 1)
    rig.trade(2 * SECOND, 101.0, 2, 2)
    rig.trade(3 * SECOND, 250.0, 3, 3)
    rig.cancel(3, 250.0, 3)
    assert rig.bars() == [(0, 100.0, 101.0, 100.0, 101.0, 3.0, 2.0)]
    assert rig.engine.last_trade == (START + 2 * SECOND, 101.0, 2.0, 1, 0, 2)
    assert rig.flags() == ["ok", "ok", "cancelled"]
    accounting = rig.accounting()
    assert (accounting.received, accounting.in_bars, accounting.cancelled) == (3, 2, 1)
    (event,) = [one for one in rig.told if one.type is EventType.TRADE_CHANGED]
    assert (event.action, event.was.price, event.now, event.found) == ("cancelled", 250.0, None, True)


def test_a_corrected_trade_changes_a_closed_bar_and_the_past_stays_as_it_was_known() -> None:
    rig = Rig()
    rig.trade(1 * SECOND, 100.0, 1, 1)
    rig.trade(2 * SECOND, 180.0, 2, 2)
    rig.trade(3 * SECOND, 101.0, 2, 3)
    rig.trade(61 * SECOND, 102.0, 2, 4)
    rig.trade(62 * SECOND, 102.0, 2, 5)
    before_ns = rig.engine.cascade.closing.now_ns
    rig.trade(70 * SECOND, 102.0, 2, 6)
    rig.correct(2, 180.0, 2, (108.0, 5, 12))
    assert rig.bars()[0] == (0, 100.0, 108.0, 100.0, 101.0, 8.0, 3.0)
    assert rig.engine.known("1min", before_ns)["high"].tolist() == [180.0]
    (bar,) = [one for one in rig.told if one.type is EventType.BAR_AMENDED]
    assert (bar.timeframe, bar.high, bar.amended) == ("1min", 108.0, True)
    # It is known by its new id from now on.
    rig.cancel(12, 108.0, 5)
    assert rig.bars()[0] == (0, 100.0, 101.0, 100.0, 101.0, 3.0, 2.0)
    accounting = rig.accounting()
    assert (accounting.corrected, accounting.cancelled, accounting.in_bars) == (1, 1, 5)


def test_a_bar_that_loses_its_last_trade_is_gone_and_was_there_before() -> None:
    rig = Rig()
    rig.trade(1 * SECOND, 100.0, 1, 1)
    rig.trade(61 * SECOND, 250.0, 2, 2)
    rig.trade(121 * SECOND, 101.0, 2, 3)
    rig.trade(301 * SECOND, 101.0, 2, 4)
    before_ns = rig.engine.cascade.closing.now_ns
    rig.trade(302 * SECOND, 101.0, 2, 5)
    rig.cancel(2, 250.0, 2)
    assert [bar[0] for bar in rig.bars()] == [0, 120, 300]
    assert rig.bars("5min")[0] == (0, 100.0, 101.0, 100.0, 101.0, 3.0, 2.0)
    assert rig.engine.known("1min", before_ns)["close"].tolist() == [100.0, 250.0, 101.0]
    gone = [one for one in rig.told if one.type is EventType.BAR_AMENDED and one.timeframe == "1min"]
    assert [(one.tick_count, bool(np.isnan(one.close))) for one in gone] == [(0, True)]
    rig.accounting()


def test_where_empty_intervals_are_filled_a_bar_that_loses_all_is_a_flat_one() -> None:
    rig = Rig(fill_gaps=True)
    rig.trade(1 * SECOND, 100.0, 1, 1)
    rig.trade(61 * SECOND, 250.0, 2, 2)
    rig.trade(181 * SECOND, 101.0, 2, 3)
    rig.cancel(2, 250.0, 2)
    assert [bar[1:] for bar in rig.bars()] == [
        (100.0, 100.0, 100.0, 100.0, 1.0, 1.0),
        (100.0, 100.0, 100.0, 100.0, 0.0, 0.0),
        (100.0, 100.0, 100.0, 100.0, 0.0, 0.0),
        (101.0, 101.0, 101.0, 101.0, 2.0, 1.0),
    ]


def test_an_open_bar_that_loses_all_begins_with_the_next_trade() -> None:
    rig = Rig()
    rig.trade(1 * SECOND, 100.0, 1, 1)
    rig.cancel(1, 100.0, 1)
    assert rig.bars() == []
    assert rig.engine.last_trade is None
    rig.trade(2 * SECOND, 101.0, 4, 2)
    assert rig.bars() == [(0, 101.0, 101.0, 101.0, 101.0, 4.0, 1.0)]


def test_an_odd_lot_counts_for_volume_and_a_late_report_for_high_and_low() -> None:
    rig = Rig()
    rig.trade(1 * SECOND, 90.0, 5, 1, VOLUME_ONLY)
    assert (rig.bars(), rig.engine.last_trade, rig.accounting().left_out) == ([], None, 1)
    rig.trade(2 * SECOND, 100.0, 100, 2)
    rig.trade(3 * SECOND, 110.0, 100, 3, NOT_LAST)
    rig.trade(4 * SECOND, 999.0, 100, 4, MARKS)
    rig.trade(5 * SECOND, 80.0, 1, 5, VOLUME_ONLY)
    assert rig.bars() == [(0, 100.0, 110.0, 100.0, 100.0, 206.0, 4.0)]
    assert rig.engine.last_trade is not None
    assert rig.engine.last_trade[1] == 100.0
    assert rig.flags() == ["volume_only", "ok", "not_last", "not_counted", "volume_only"]
    accounting = rig.accounting()
    assert (accounting.in_bars, accounting.in_part, accounting.left_out) == (4, 4, 1)


def test_without_a_price_of_its_interval_an_odd_lot_is_in_no_bar() -> None:
    rig = Rig()
    rig.trade(1 * SECOND, 100.0, 1, 1)
    rig.trade(61 * SECOND, 90.0, 5, 2, VOLUME_ONLY)
    rig.trade(121 * SECOND, 101.0, 1, 3)
    assert [bar[0] for bar in rig.bars()] == [0, 120]
    assert rig.accounting().left_out == 1
    # A late trade gives its interval a price.
    rig.trade(62 * SECOND, 99.0, 1, 4)
    assert rig.bars()[1] == (60, 99.0, 99.0, 99.0, 99.0, 6.0, 2.0)
    assert rig.accounting().left_out == 0
    # And takes it away again.
    rig.cancel(4, 99.0, 1)
    assert [bar[0] for bar in rig.bars()] == [0, 120]
    accounting = rig.accounting()
    assert (accounting.left_out, accounting.cancelled, accounting.in_bars) == (1, 1, 2)


@pytest.mark.parametrize("trade_ns", [START + 5 * SECOND, 0])
def test_a_cancelled_trade_that_is_not_in_memory_is_told_once_and_its_bar_marked(trade_ns: int) -> None:
    rig = Rig(max_ticks=1000)
    for i in range(1001):
        rig.trade(i * SECOND // 100, 100.0 + i % 3, 1, i)
    rig.trade(61 * SECOND, 100.0, 1, 5000)
    rig.trade(122 * SECOND, 100.0, 1, 5001)
    # Said two bars later: the bar of that time has nothing to do with it.
    take_changes(rig.pipeline, [TradeChange(START + 122 * SECOND, 0, 100.0, 1.0, None, trade_ns)])
    accounting = rig.accounting()
    assert (accounting.unmatched, accounting.cancelled) == (1, 0)
    (alert,) = [one for one in rig.told if one.type is EventType.DATA_QUALITY_ALERT]
    assert alert.alert_type == "trade_change_unmatched"
    assert ("marked partial" in alert.description) == (trade_ns > 0)
    assert ("which bar it is in is not said" in alert.description) == (trade_ns == 0)
    marked = [bool(rig.engine.flags_of("1min", START + at * MINUTE) & 4) for at in range(2)]
    assert marked == [trade_ns > 0, False]
    assert not rig.engine.cascade.root.partial
    assert rig.bars()[0][6] == 1001


@pytest.mark.parametrize("together", [False, True])
def test_what_is_said_of_a_trade_before_it_comes_holds_when_it_does(together: bool) -> None:
    rig = Rig()
    rig.trade(0, 100.0, 1, 0)
    rig.cancel(1, 90.0, 2, SECOND)
    rig.correct(2, 80.0, 3, (101.0, 4, 2))
    assert rig.accounting().unmatched == 2
    late = [
        (START + at, price, size, 1, 0, number)
        for at, price, size, number in ((2, 90.0, 2, 1), (3, 80.0, 3, 2), (4, 99.0, 1, 3))
    ]
    if together:
        rig.feed(*(_trade(row, 0) for row in late))
    else:
        for row in late:
            rig.feed(_trade(row, 0))
    assert rig.bars() == [(0, 100.0, 101.0, 99.0, 99.0, 6.0, 3)]
    accounting = rig.accounting()
    assert (accounting.unmatched, accounting.cancelled, accounting.corrected) == (0, 1, 1)
    assert rig.flags() == ["ok", "cancelled", "corrected", "ok"]
    assert rig.pipeline.early_changes == []
    # The same words would hold for no trade that comes a minute later.
    rig.cancel(9, 100.0, 1, 10 * SECOND)
    rig.trade(80 * SECOND, 100.0, 1, 9)
    assert rig.flags()[-1] == "ok"


@pytest.mark.parametrize("last", [None, (102.0, 2.0, 9)])
def test_all_that_is_said_of_a_trade_before_it_comes_holds(last: tuple[float, float, int] | None) -> None:
    rig = Rig()
    rig.trade(0, 100.0, 1, 0)
    rig.correct(1, 90.0, 2, (80.0, 3, 7))
    # Of what it became, by its new id, which stays, and by that once more.
    rig.correct(7, 80.0, 3, (101.0, 4, 7))
    if last is None:
        rig.cancel(7, 101.0, 4)
    else:
        rig.correct(7, 101.0, 4, last)
    rig.trade(SECOND, 90.0, 2, 1)
    came = [] if last is None else [last[:2]]
    prices = [100.0, *(price for price, _ in came)]
    ends = (100.0, max(prices), 100.0, prices[-1])
    assert rig.bars() == [(0, *ends, 1.0 + sum(size for _, size in came), len(prices))]
    assert rig.accounting().unmatched == 0
    assert rig.pipeline.early_changes == []


def test_what_a_history_tells_of_a_trade_twice_holds_where_only_the_first_was_held() -> None:
    rig = Rig()
    rig.trade(0, 100.0, 1, 0)
    rig.trade(1, 90.0, 2, 1)
    rows = [
        (START + 1, price, size, 1, 0, number) for price, size, number in ((80.0, 3.0, 7), (101.0, 4.0, 8))
    ]
    told = [
        TradeChange(START + 1, 1, 90.0, 2.0, rows[0], START + 1),
        TradeChange(START + 1, 7, 80.0, 3.0, rows[1], START + 1),
    ]
    for _ in range(2):
        learn_changes(rig.pipeline, told, START + SECOND)
        assert rig.bars() == [(0, 100.0, 101.0, 100.0, 101.0, 5.0, 2)]
    rig.accounting()


def test_a_bar_not_all_of_whose_ticks_are_held_is_right_or_marked() -> None:
    rig = Rig(max_ticks=1000)
    rig.trade(0, 50.0, 1, 0)
    rig.trade(1, 150.0, 1, 1)
    for i in range(2, 1100):
        rig.trade(i * SECOND // 100, 100.0 + i % 3, 1, i)
    # Its price is no high, low, open or close: the rest is certain.
    rig.cancel(1001, 102.0, 1)
    assert not rig.engine.cascade.root.partial
    assert rig.bars()[0][5:] == (1099.0, 1099.0)
    rig.correct(1002, 100.0, 1, (160.0, 3, 9001))
    assert rig.bars()[0][2:] == (160.0, 50.0, 100.0 + 1099 % 3, 1101.0, 1099.0)
    assert [one.type for one in rig.told] == [EventType.TRADE_CHANGED] * 2
    # This one may have been the only one at the high.
    rig.cancel(9001, 160.0, 3)
    assert rig.bars()[0][5:] == (1098.0, 1098.0)
    assert rig.engine.cascade.root.partial
    assert [one.alert_type for one in rig.told if one.type is EventType.DATA_QUALITY_ALERT] == [
        "trade_change_unsure"
    ]
    rig.accounting()


@pytest.mark.parametrize(("was", "now"), [(VOLUME_ONLY, 0), (MARKS, NOT_LAST), (NOT_LAST, 0)])
def test_where_a_trade_that_counts_for_more_now_stands_in_its_bar_is_told_as_not_known(
    was: int, now: int
) -> None:
    rig = Rig(max_ticks=1000)
    rig.trade(0, 50.0, 1, 0)
    rig.trade(1, 150.0, 1, 1)
    for i in range(2, 1100):
        rig.trade(i * SECOND // 100, 100.0 + i % 3, 1, i)
    rig.trade(20 * SECOND, 101.0, 1, 2000, was)
    rig.correct(2000, 101.0, 1, (120.0, 1, 2001), now)
    # It is the newest: is it the close?
    assert rig.engine.cascade.root.partial
    assert [one.alert_type for one in rig.told if one.type is EventType.DATA_QUALITY_ALERT] == [
        "trade_change_unsure"
    ]
    rig.accounting()


def test_a_misprint_that_was_held_back_comes_in_once_it_is_corrected() -> None:
    rig = Rig(data_validation=True)
    rig.pipeline.outlier_gate = OutlierGate(rig.engine)
    for i in range(80):
        rig.trade(i * SECOND // 10, 100.0 + 0.25 * (i % 3), 1, i)
    rig.trade(9 * SECOND, 160.0, 2, 100)
    assert rig.flags()[-1] == "outlier"
    assert rig.accounting().held_back == 1
    rig.correct(100, 160.0, 2, (100.75, 2, 101))
    assert rig.flags()[-1] == "corrected"
    assert rig.bars()[0][2:] == (100.75, 100.0, 100.75, 82.0, 81.0)
    rig.trade(9 * SECOND, 160.0, 2, 102)
    rig.cancel(102, 160.0, 2)
    accounting = rig.accounting()
    assert (accounting.held_back, accounting.corrected, accounting.cancelled) == (0, 1, 1)


def test_a_corrected_trade_that_the_history_gave_already_counts_once() -> None:
    rig = Rig()
    rig.trade(1 * SECOND, 100.0, 1, 1)
    rig.trade(2 * SECOND, 180.0, 2, 2)
    # As an outage's history gives it, before the correction is heard of.
    rig.trade(2 * SECOND, 108.0, 5, 12)
    rig.correct(2, 180.0, 2, (108.0, 5, 12))
    assert rig.bars() == [(0, 100.0, 108.0, 100.0, 108.0, 6.0, 2.0)]
    accounting = rig.accounting()
    assert (accounting.in_bars, accounting.cancelled) == (2, 1)


def test_what_validation_refused_changes_no_bar_when_it_is_taken_back() -> None:
    rig = Rig(data_validation=True)
    for i in range(20):
        rig.trade(i * SECOND, 100.0, 1, i)
    rig.trade(21 * SECOND, 100_000.0, 1, 50)
    rig.cancel(50, 100_000.0, 1)
    rig.trade(22 * SECOND, 200_000.0, 1, 51)
    rig.correct(51, 200_000.0, 1, (101.0, 1, 52))
    assert rig.bars() == [(0, 100.0, 101.0, 100.0, 101.0, 21.0, 21.0)]
    accounting = rig.accounting()
    assert (accounting.unmatched, accounting.rejected_total) == (0, 2)


def test_a_correction_to_what_cannot_be_takes_the_trade_back() -> None:
    rig = Rig(data_validation=True)
    for i in range(20):
        rig.trade(i * SECOND, 100.0, 1, i)
    rig.correct(19, 100.0, 1, (0.0, 1, 99))
    assert rig.bars()[0][5:] == (19.0, 19.0)
    assert rig.accounting().cancelled == 1


def test_what_is_older_than_a_bar_that_a_correction_opens_is_not_in_it() -> None:
    rig = Rig()
    # An official open, which counts for nothing until it is another trade.
    rig.trade(639 * SECOND, 100.0, 4, 0, MARKS)
    rig.correct(0, 100.0, 4, (104.0, 1, 0))
    rig.trade(350 * SECOND, 107.0, 1, 1)
    assert rig.bars() == [
        (300, 107.0, 107.0, 107.0, 107.0, 1.0, 1.0),
        (600, 104.0, 104.0, 104.0, 104.0, 1.0, 1.0),
    ]
    rig.accounting()


@pytest.mark.parametrize("ids", ["unique", "none"])
def test_a_history_that_was_asked_before_a_change_came_does_not_undo_it(
    ids: Literal["unique", "none"],
) -> None:
    rig = Rig()
    rig.pipeline.duplicates.ids = ids
    rig.pipeline.duplicates.nameless = ids == "none"
    rig.trade(1 * SECOND, 100.0, 1, 1)
    rig.pipeline.outage_ns = START + 1 * SECOND
    rig.trade(30 * SECOND, 101.0, 1, 9)
    rig.pipeline.outage_ns = None
    # Both were made in the outage; one is corrected twice.
    rig.cancel(5, 250.0, 2)
    rig.correct(6, 260.0, 2, (240.0, 3, 7))
    rig.correct(7, 240.0, 3, (103.0, 4, 8))
    said = [(1, 100.0, 1, 1), (10, 250.0, 2, 5), (11, 260.0, 2, 6), (12, 102.0, 1, 4), (30, 101.0, 1, 9)]
    rows: list[TradeRow] = [
        (START + at * SECOND, price, float(size), 1, 0, number) for at, price, size, number in said
    ]
    for _ in range(2):
        put_back_by_time(rig.pipeline, rows, START + 1 * SECOND, START + 30 * SECOND)
        assert rig.bars() == [(0, 100.0, 103.0, 100.0, 101.0, 7.0, 4.0)]
    rig.accounting()


class Plan(NamedTuple):
    """Trades in their order of arrival, and what is said of them later."""

    rows: list[tuple[TradeRow, int]]
    changes: dict[int, list[tuple[int, tuple[float, float, int] | None]]]


_PRICES = st.sampled_from([98.0, 99.5, 100.0, 100.25, 101.0, 104.0])
_SIZES = st.integers(1, 9).map(float)
_MARKS = st.sampled_from([0, 0, 0, VOLUME_ONLY, VOLUME_ONLY, NOT_LAST, MARKS])


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Draw trades, late ones among them, and changes each after its trade, some of one trade twice."""
    seconds = draw(st.lists(st.integers(0, 900), min_size=1, max_size=25))
    if draw(st.booleans()):
        seconds.sort()
    rows = [
        ((START + at * SECOND, draw(_PRICES), draw(_SIZES), draw(st.integers(1, 2)), 0, i), draw(_MARKS))
        for i, at in enumerate(seconds)
    ]
    changes: dict[int, list[tuple[int, tuple[float, float, int] | None]]] = {}
    for _ in range(draw(st.integers(0, 8))):
        number = draw(st.integers(0, len(rows) - 1))
        when = draw(st.integers(number, len(rows) - 1))
        now = draw(st.one_of(st.none(), st.tuples(_PRICES, _SIZES, _MARKS)))
        changes.setdefault(when, []).append((number, now))
    return Plan(rows, changes)


def _play(plan: Plan, rig: Rig, cut: int) -> list[tuple[TradeRow, int]]:
    """Feed a rig, some frames at a time; return the trades as they are in the end."""
    frames: list[str] = []
    held: dict[int, tuple[TradeRow, int] | None] = {}
    for at, (row, marks) in enumerate(plan.rows):
        frames.append(_trade(row, marks))
        held[at] = (row, marks)
        for number, now in plan.changes.get(at, ()):
            was = held[number]
            if was is None:
                continue
            (ts_ns, price, size, count, side, own), _ = was
            if now is None:
                frames.append(_change(own, price, size, None, row[0]))
                held[number] = None
            else:
                renamed = own + 1_000
                frames.append(_change(own, price, size, [row[0], *now[:2], 1, 0, renamed, now[2]], row[0]))
                held[number] = ((ts_ns, now[0], now[1], count, side, renamed), now[2])
    for begin in range(0, len(frames), cut):
        rig.feed(*frames[begin : begin + cut])
    return [one for one in held.values() if one is not None]


def _expected(trades: list[tuple[TradeRow, int]]) -> pd.DataFrame:
    """Return the minutes that trades make, by pandas alone."""
    table = pd.DataFrame(
        [(*row[:4], marks) for row, marks in trades], columns=["ts", "price", "size", "count", "marks"]
    )
    table = table[table["marks"] != MARKS]
    made = {}
    for minute, group in table.groupby(table["ts"] // MINUTE * MINUTE):
        priced = group[group["marks"] != VOLUME_ONLY]
        if priced.empty:
            continue
        first = priced["price"].iloc[0]
        last = priced[priced["marks"] == 0]["price"]
        late_first = priced["marks"].iloc[0] == NOT_LAST
        made[minute] = (
            first,
            priced["price"].max(),
            priced["price"].min(),
            first if late_first and last.empty else last.iloc[-1],
            group["size"].sum(),
            group["count"].sum(),
        )
    columns = ["open", "high", "low", "close", "volume", "tick_count"]
    return pd.DataFrame.from_dict(made, orient="index", columns=columns).sort_index()


def _rows_of(frame: pd.DataFrame) -> list[tuple[float, ...]]:
    starts = ((frame.index - START) // SECOND).tolist()
    return [(start, *map(float, row)) for start, row in zip(starts, frame.to_numpy().tolist(), strict=True)]


@given(plans(), st.integers(1, 9))
def test_bars_are_those_of_the_corrected_list(plan: Plan, cut: int) -> None:
    rig = Rig()
    left = _play(plan, rig, cut)
    minutes = _expected(left)
    assert rig.bars() == _rows_of(minutes)
    by_five = minutes.groupby(minutes.index // (5 * MINUTE) * (5 * MINUTE)).agg(
        {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum", "tick_count": "sum"}
    )
    assert rig.bars("5min") == _rows_of(by_five)
    accounting = rig.accounting()
    assert accounting.received == len(plan.rows)
    assert accounting.received - accounting.cancelled == len(left)
    assert accounting.unmatched == 0
    counting = [row for row, marks in left if marks == 0]
    # Of equal times the one that came last.
    newest = max(reversed(counting), key=lambda row: row[0], default=None)
    assert newest is None or rig.engine.last_trade == newest


@given(plans(), st.integers(1, 9), st.sampled_from(["3tick", "7vol", "500dollar"]))
def test_activity_bars_are_those_of_the_corrected_list_in_full_trades(
    plan: Plan, cut: int, name: str
) -> None:
    rig = Rig(("1min", name))
    left = _play(plan, rig, cut)
    log = BarStore(1_000)
    whole = ActivityBars(Timeframe.parse(name), log)
    whole.push_rows([row for row, marks in left if not marks])
    own = rig.engine.activity[Timeframe.parse(name).name]
    assert [own.log.row(at)[0][1:7] for at in range(len(own.log))] == [
        log.row(at)[0][1:7] for at in range(len(log))
    ]
    held, wanted = own.forming(), whole.forming()
    assert (held and held[1:7]) == (wanted and wanted[1:7])


@pytest.mark.parametrize("cut", [1, 50])
def test_who_wants_a_finer_timeframe_later_gets_it_of_the_list_as_it_is(cut: int) -> None:
    rig = Rig()
    frames = [
        _trade((START + SECOND, 100.0, 1.0, 1, 0, 1), 0),
        _trade((START + 2 * SECOND, 130.0, 7.0, 1, 0, 2), VOLUME_ONLY),
        _trade((START + 20 * SECOND, 200.0, 1.0, 1, 0, 3), 0),
        _change(3, 200.0, 1.0, [START, 103.0, 2.0, 1, 0, 4, 0], START),
        _trade((START + 40 * SECOND, 104.0, 1.0, 1, 0, 5), 0),
        _change(5, 104.0, 1.0, None, START),
    ]
    for begin in range(0, len(frames), cut):
        rig.feed(*frames[begin : begin + cut])
    rig.engine.add_timeframe("15sec")
    assert rig.bars("15sec") == [
        (0, 100.0, 100.0, 100.0, 100.0, 8.0, 2.0),
        (15, 103.0, 103.0, 103.0, 103.0, 2.0, 1.0),
    ]


UNMATCHED, UNSURE = "trade_change_unmatched", "trade_change_unsure"


def alerts(rig: Rig) -> list[tuple[str, str, int, dict[str, float]]]:
    """Return what was found: kind, sentence, when, and the numbers."""
    return [(one.type, one.description, one.time_ns, dict(one.values)) for one in rig.pipeline.quality.errors]


@pytest.mark.parametrize("asks", [True, False])
@pytest.mark.parametrize("trade_ns", [START + 65 * SECOND, 0])
@pytest.mark.parametrize("now", [None, (START, 99.0, 2.0, 1, 0, 8)])
def test_of_a_trade_that_nobody_has_the_venue_is_asked_or_its_bar_is_marked(
    now: TradeRow | None, trade_ns: int, asks: bool
) -> None:
    rig = Rig()
    rig.trade(6 * SECOND, 100.0, 1, 1)
    rig.trade(66 * SECOND, 100.0, 1, 2)
    rig.trade(130 * SECOND, 101.0, 1, 3)
    bars: list[tuple[str, int]] = []
    changes: list[tuple[str, TradeChange]] = []
    if asks:
        rig.pipeline.on_unsure_bar = lambda symbol, at_ns: bars.append((symbol, at_ns))
        rig.pipeline.on_unplaced_change = lambda symbol, said: changes.append((symbol, said))
    said = TradeChange(START + 140 * SECOND, 7, 98.0, 3.0, now, trade_ns)
    updates = rig.engine.updates
    take_changes(rig.pipeline, [said])
    assert rig.engine.updates > updates
    done = "cancelled" if now is None else "corrected"
    then = {
        (True, True): "the bar is asked for anew",
        (False, True): "the bar of that time is marked partial",
        (True, False): "its bar is looked for in the venue's history",
        (False, False): "which bar it is in is not said, so that none is marked",
    }[asks, trade_ns > 0]
    (found,) = alerts(rig)
    assert found == (
        UNMATCHED,
        f"the venue has {done} a trade, and it is not in memory: {then}",
        trade_ns or START + 140 * SECOND,
        {"trade_id": 7, "price": 98.0, "size": 3.0},
    )
    assert bars == ([("X", trade_ns)] if asks and trade_ns else [])
    assert changes == ([("X", said)] if asks and not trade_ns else [])
    marked = [bool(rig.engine.flags_of("1min", START + MINUTE) & 4), rig.engine.cascade.root.partial]
    assert marked == [not asks and trade_ns > 0, False]
    assert [bar[4:] for bar in rig.bars()] == [(100.0, 1.0, 1), (100.0, 1.0, 1), (101.0, 1.0, 1)]
    assert rig.engine.last_trade == (START + 130 * SECOND, 101.0, 1.0, 1, 0, 3)
    made = rig.accounting()
    assert (made.unmatched, made.cancelled, made.corrected, made.in_bars) == (1, 0, 0, 3)
    (event,) = [one for one in rig.told if one.type is EventType.TRADE_CHANGED]
    assert (event.action, event.found, event.time_ns) == (done, False, trade_ns or START + 140 * SECOND)
    assert (event.was.price, event.was.size, event.was.trade_id) == (98.0, 3.0, 7)
    assert (event.now is None) is (now is None)
    if now is not None:
        assert (event.now.price, event.now.size, event.now.flag) == (99.0, 2.0, "corrected")
    assert rig.pipeline.early_changes == [said]
    assert list(rig.pipeline.told_changes) == [said]


@pytest.mark.parametrize("asks", [True, False])
def test_a_bar_whose_ticks_are_not_all_held_is_asked_for_or_marked(asks: bool) -> None:
    rig = Rig(max_ticks=1000)
    for at in range(1100):
        rig.trade(at * SECOND // 100, 100.0 + at % 3, 1, at)
    bars: list[tuple[str, int]] = []
    if asks:
        rig.pipeline.on_unsure_bar = lambda symbol, at_ns: bars.append((symbol, at_ns))
    rig.cancel(1001, 102.0, 1)
    then = "the bar is asked for anew" if asks else "the bar of that time is marked partial"
    assert alerts(rig) == [
        (
            UNSURE,
            f"the venue has cancelled a trade, and its bar is not made of ticks in memory: {then}",
            START + 1001 * SECOND // 100,
            {"trade_id": 1001, "price": 102.0, "size": 1.0},
        )
    ]
    assert bars == ([("X", START + 1001 * SECOND // 100)] if asks else [])
    assert rig.engine.cascade.root.partial is not asks
    assert rig.bars()[0][5:] == (1099.0, 1099)


def test_the_price_goes_back_to_the_newest_trade_by_the_exchanges_time_that_counts_for_it() -> None:
    rig = Rig()
    rig.trade(5 * SECOND, 100.0, 1, 1)
    rig.trade(4 * SECOND, 103.0, 1, 2)
    rig.trade(5 * SECOND, 101.0, 2, 3)
    rig.trade(6 * SECOND, 104.0, 1, 4, NOT_LAST)
    rig.trade(7 * SECOND, 102.0, 1, 5)
    rig.cancel(5, 102.0, 1)
    # Of equal times the one that came last.
    assert rig.engine.last_trade == (START + 5 * SECOND, 101.0, 2.0, 1, 0, 3)
    rig.cancel(3, 101.0, 2)
    assert rig.engine.last_trade == (START + 5 * SECOND, 100.0, 1.0, 1, 0, 1)
    # What is no newest price changes none.
    rig.cancel(2, 103.0, 1)
    assert rig.engine.last_trade == (START + 5 * SECOND, 100.0, 1.0, 1, 0, 1)
    rig.correct(1, 100.0, 1, (99.0, 4, -1))
    assert rig.engine.last_trade == (START + 5 * SECOND, 99.0, 4.0, 1, 0, 1)
    rig.cancel(1, 99.0, 4)
    assert rig.engine.last_trade is None
    assert rig.flags() == ["cancelled", "cancelled", "cancelled", "not_last", "cancelled"]


def test_where_no_tick_is_left_the_price_is_the_close_of_the_newest_bar_before() -> None:
    rig = Rig(("1min",))
    rig.engine.cascade.push_bars([(START - MINUTE, 90.0, 92.0, 89.0, 91.0, 7.0, 3, 630.0)])
    rig.trade(5 * SECOND, 100.0, 1, 1)
    rig.cancel(1, 100.0, 1)
    assert rig.engine.last_trade == (START - MINUTE, 91.0, 7.0, 3, 0, -1)


def test_a_trade_that_waits_is_changed_where_it_waits() -> None:
    rig = Rig()
    rig.trade(1 * SECOND, 100.0, 1, 1)
    rig.pipeline.held = HeldTrades(1, by_id=True, on_rows=lambda rows: None)
    rig.trade(2 * SECOND, 101.0, 2, 2)
    rig.trade(3 * SECOND, 102.0, 3, 3)
    rig.trade(4 * SECOND, 103.0, 4, 4)
    assert rig.accounting().waiting == 3
    rig.cancel(4, 103.0, 4)
    assert (rig.accounting().waiting, rig.accounting().cancelled) == (2, 1)
    rig.correct(2, 101.0, 2, (99.0, 5, 12))
    made = rig.accounting()
    assert (made.waiting, made.cancelled, made.corrected, made.in_bars) == (2, 1, 1, 1)
    assert [row[1:3] for row in rig.pipeline.held.rows] == [(99.0, 5.0), (102.0, 3.0)]
    assert rig.flags() == ["ok", "waiting", "waiting", "cancelled"]
    assert rig.engine.last_trade == (START + 3 * SECOND, 102.0, 3.0, 1, 0, 3)
    assert rig.bars() == [(0, 100.0, 100.0, 100.0, 100.0, 1.0, 1)]
    rig.pipeline.release()
    assert rig.bars() == [(0, 100.0, 102.0, 99.0, 102.0, 9.0, 3)]
    assert (rig.accounting().waiting, rig.accounting().in_bars) == (0, 3)


def test_a_trade_that_came_too_late_for_its_bar_is_changed_and_no_bar_with_it() -> None:
    rig = Rig(max_lateness_seconds=10.0)
    rig.trade(1 * SECOND, 100.0, 1, 1)
    rig.trade(90 * SECOND, 101.0, 1, 2)
    rig.trade(2 * SECOND, 150.0, 1, 3)
    rig.trade(3 * SECOND, 151.0, 1, 4)
    assert rig.flags() == ["ok", "ok", "refused", "refused"]
    before = rig.bars()
    rig.cancel(3, 150.0, 1)
    rig.correct(4, 151.0, 1, (152.0, 2, -1))
    assert rig.bars() == before
    assert rig.flags()[2:] == ["cancelled", "refused"]
    assert [float(tick["price"]) for tick in rig.engine.recent(9)][3] == 152.0
    made = rig.accounting()
    assert (made.cancelled, made.corrected, made.late_dropped, made.in_bars) == (0, 0, 2, 2)
    assert alerts(rig) == []


def test_where_bars_are_the_feeds_own_the_trade_alone_changes_and_bars_of_trades() -> None:
    rig = Rig(("1min", "2tick"))
    rig.pipeline.build_from("bars", START - MINUTE, "1min")
    for at, price in ((1, 100.0), (2, 101.0), (3, 102.0), (4, 103.0)):
        rig.trade(at * SECOND, price, 1, at)
    assert rig.bars() == []
    rig.cancel(2, 101.0, 1)
    rig.correct(4, 103.0, 1, (99.0, 1, -1))
    assert rig.bars() == []
    assert [row[1:5] for row in rig.bars("2tick")] == [(100.0, 102.0, 100.0, 102.0), (99.0, 99.0, 99.0, 99.0)]
    made = rig.accounting()
    assert (made.received, made.cancelled, made.corrected, made.in_bars) == (0, 0, 0, 0)
    assert rig.flags() == ["ok", "cancelled", "ok", "corrected"]
    assert rig.engine.last_trade == (START + 4 * SECOND, 99.0, 1.0, 1, 0, 4)


def test_nothing_said_or_nothing_subscribed_changes_nothing() -> None:
    rig = Rig()
    rig.trade(1 * SECOND, 100.0, 1, 1)
    updates = rig.engine.updates
    take_changes(rig.pipeline, [])
    rig.pipeline.subscribed = {"quotes"}
    rig.cancel(1, 100.0, 1)
    assert rig.engine.updates == updates
    assert rig.bars() == [(0, 100.0, 100.0, 100.0, 100.0, 1.0, 1)]
    assert list(rig.pipeline.told_changes) == []


def test_without_ticks_nothing_is_found_and_nothing_waits_for_its_trade() -> None:
    rig = Rig(enable_tick_data=False)
    rig.trade(1 * SECOND, 100.0, 1, 1)
    rig.cancel(1, 100.0, 1)
    assert rig.accounting().unmatched == 1
    assert rig.pipeline.early_changes == []
    assert rig.bars() == [(0, 100.0, 100.0, 100.0, 100.0, 1.0, 1)]


def test_of_what_is_said_too_early_the_newest_hundred_wait_and_none_without_an_id() -> None:
    rig = Rig()
    rig.trade(1 * SECOND, 100.0, 1, 1)
    for number in range(10, 115):
        rig.cancel(number, 100.0, 1, 1 * SECOND)
    assert [one.trade_id for one in rig.pipeline.early_changes] == list(range(15, 115))
    rig.cancel(-1, 100.0, 1)
    assert len(rig.pipeline.early_changes) == 100
    # A minute later it may still come; after that what is said of it is not waited for.
    rig.trade(61 * SECOND, 101.0, 1, 2)
    assert len(rig.pipeline.early_changes) == 100
    rig.trade(61 * SECOND + 1, 101.0, 1, 3)
    assert rig.pipeline.early_changes == []


def test_a_history_is_as_what_was_said_of_its_trades_since() -> None:
    rig = Rig()
    rows = [(START + at, 100.0 + at, 1.0, 2, -1, at) for at in range(5)]
    assert as_changed(rig.pipeline, rows) is rows
    told = [
        TradeChange(START + 9, 1, 101.0, 1.0, None, 0),
        TradeChange(START + 9, 2, 102.0, 1.0, (START + 50, 90.0, 3.0, 1, 1, 12), 0),
        TradeChange(START + 9, 12, 90.0, 3.0, (START + 60, 91.0, 4.0, 1, 1, -1), 0),
        TradeChange(START + 9, 3, 103.0, 1.0, (START + 50, 95.0, 1.0, 1, 1, 13), 0),
        TradeChange(START + 9, 13, 95.0, 1.0, None, 0),
        TradeChange(START + 9, 4, 104.0, 9.0, None, 0),
    ]
    rig.pipeline.told_changes.extend(told)
    # In their places, at their times and with their sides; of another size it is another trade.
    assert as_changed(rig.pipeline, rows) == [rows[0], (START + 2, 91.0, 4.0, 2, -1, 12), rows[4]]
    assert as_changed(rig.pipeline, rows[:1]) == rows[:1]
    marked = MarkedTrade.of((START + 50, 80.0, 1.0, 1, 1, -1), NOT_LAST)
    rig.pipeline.told_changes.append(TradeChange(START + 9, 0, 100.0, 1.0, marked, 0))
    (made, *_) = as_changed(rig.pipeline, rows)
    assert (made, marks_of(made)) == ((START, 80.0, 1.0, 2, -1, 0), NOT_LAST)


def test_of_what_a_history_says_that_counts_which_was_held_and_is_not_told_yet() -> None:
    rig = Rig()
    for at, number in ((1, 1), (2, 2), (3, 3)):
        rig.trade(at * SECOND, 100.0 + at, 1, number)
    rig.cancel(1, 101.0, 1)
    changes = [
        TradeChange(0, 1, 101.0, 1.0, None, START + 1 * SECOND),
        TradeChange(0, 2, 102.0, 1.0, None, START + 2 * SECOND),
        TradeChange(0, 3, 103.0, 1.0, None, START + 3 * SECOND),
        TradeChange(0, 9, 103.0, 1.0, None, START + 1 * SECOND),
    ]
    learn_changes(rig.pipeline, changes, START + 2 * SECOND)
    # The first is known, the third was made later than asked for, the last never came.
    assert rig.flags() == ["cancelled", "cancelled", "ok"]
    made = rig.accounting()
    assert (made.cancelled, made.unmatched) == (2, 0)
    assert [one.trade_id for one in rig.pipeline.told_changes] == [1, 2]
    # What a history has as it is now already is not changed once more.
    rig.trade(4 * SECOND, 90.0, 2, 21)
    now = (START + 4 * SECOND, 90.0, 2.0, 1, 0, 21)
    learn_changes(rig.pipeline, [TradeChange(0, 20, 80.0, 1.0, now, START)], START + 9 * SECOND)
    assert rig.accounting().unmatched == 0
    empty = Rig()
    learn_changes(empty.pipeline, [TradeChange(0, 20, 80.0, 1.0, now, START)], START + 9 * SECOND)
    assert empty.accounting().unmatched == 0


def test_of_a_time_that_has_left_memory_what_a_history_says_may_concern_a_bar() -> None:
    rig = Rig(max_ticks=1000)
    for at in range(1100):
        rig.trade(at * SECOND // 100, 100.0 + at % 3, 1, at)
    gone = TradeChange(0, 5, 102.0, 1.0, None, START + 5 * SECOND // 100)
    learn_changes(rig.pipeline, [gone], START + 20 * SECOND)
    assert rig.accounting().unmatched == 1
    assert [kind for kind, *_ in alerts(rig)] == [UNMATCHED]


def test_a_correction_to_what_validation_refuses_is_said_and_takes_the_trade_out() -> None:
    rig = Rig(data_validation=True)
    rig.trade(1 * SECOND, 100.0, 1, 1)
    rig.trade(2 * SECOND, 101.0, 1, 2)
    rig.correct(2, 101.0, 1, (-5.0, 1, -1))
    assert rig.bars() == [(0, 100.0, 100.0, 100.0, 100.0, 1.0, 1)]
    assert [kind for kind, *_ in alerts(rig)] == ["price_not_positive"]
    made = rig.accounting()
    assert (made.cancelled, made.corrected) == (1, 0)
    (event,) = [one for one in rig.told if one.type is EventType.TRADE_CHANGED]
    assert (event.action, event.now, event.found) == ("corrected", None, True)
    # The right one of a trade that was refused comes in as a new one.
    rig.trade(3 * SECOND, -7.0, 1, 3)
    assert rig.accounting().in_bars == 1
    rig.feed(_change(3, -7.0, 1, [START + 3 * SECOND, 102.0, 2.0, 1, 0, 30, 0], START))
    assert rig.bars() == [(0, 100.0, 102.0, 100.0, 102.0, 3.0, 2)]
    assert rig.accounting().unmatched == 0


def test_of_what_has_left_memory_a_correction_counts_unless_the_trade_is_held_as_it_is_now() -> None:
    rig = Rig(max_ticks=1000)
    for at in range(1100):
        rig.trade(at * SECOND // 100, 100.0 + at % 3, 1, at)
    made_ns = START + 5 * SECOND // 100
    as_held = (made_ns, 100.0 + 1090 % 3, 1.0, 1, 0, 1090)
    learn_changes(rig.pipeline, [TradeChange(0, 5, 102.0, 1.0, as_held, made_ns)], START + 20 * SECOND)
    assert rig.accounting().unmatched == 0
    for number, price, size in ((1090, 300.0, 1.0), (5, 102.0, 2.0), (2000, 102.0, 1.0)):
        before = rig.accounting().unmatched
        now = (made_ns, price, size, 1, 0, number)
        change = TradeChange(0, 5 + before, 102.0 + before, 1.0, now, made_ns)
        learn_changes(rig.pipeline, [change], START + 20 * SECOND)
        assert rig.accounting().unmatched == before + 1
