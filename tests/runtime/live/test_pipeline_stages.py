"""The stages of one symbol's data, each by itself: what it counts, says, changes and leaves alone."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal

import pytest

from mdnb.clock import Clock, EventClock
from mdnb.config import DataManagerConfig
from mdnb.events.bus import EventBus
from mdnb.events.types import Event, EventType
from mdnb.instruments import Instrument
from mdnb.rows import MARKS, NOT_LAST, NOT_RANGE, BarRow, DepthUpdate, MarkedTrade, QuoteRow, TradeRow
from mdnb.runtime.live.accounting import Accounting
from mdnb.runtime.live.held_trades import HeldTrades
from mdnb.runtime.live.outlier_gate import OutlierGate
from mdnb.runtime.live.pipeline import Pipeline
from mdnb.runtime.live.symbol_state import SymbolState
from mdnb.runtime.live.unsettled_bars import Unsettled
from mdnb.sessions import Sessions
from mdnb.stores.ticks import IN_BARS, OUTLIER, REFUSED, STATUS, WAITING
from mdnb.types import Gap, Roll
from mdnb.validate.rules import ValidationRules
from tests.virtual_time import HandClock

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
START = 1_772_460_000 * SECOND
NAN = float("nan")
GRACE = 150_000_000


def at(seconds: float) -> int:
    return START + round(seconds * SECOND)


def trade(seconds: float, price: float = 100.0, size: float = 1.0, number: int = -1) -> TradeRow:
    return (at(seconds), price, size, 1, 0, number)


def quote(seconds: float, bid: float = 99.0, ask: float = 101.0, size: float = 1.0) -> QuoteRow:
    return (at(seconds), bid, size, ask, size)


def own_bar(minute: int, close: float = 100.0, volume: float = 10.0) -> BarRow:
    return (START + minute * MINUTE, close, close + 1, close - 1, close, volume, 5, close * volume)


class Rig:
    """One symbol's pipeline with a clock by hand, and all that is told."""

    def __init__(
        self,
        *timeframes: str,
        source: str = "trades",
        ids: Literal["sequential", "unique", "none"] = "none",
        clock: Clock | None = None,
        instrument: Instrument | None = None,
        **config: Any,
    ) -> None:
        given = {"grace_ms": GRACE / 1e6} | config
        self.engine = SymbolState(
            instrument or Instrument("X", 0.25),
            Sessions.always(),
            timeframes or ("1min", "5min"),
            DataManagerConfig(**given),
            source=source,
        )
        self.clock = HandClock(START)
        self.bus = EventBus()
        self.pipeline = Pipeline(self.engine, self.bus, clock or self.clock, ids)
        self.told: list[Event] = []
        for kind in EventType:
            self.bus.tap(kind, self.told.append)
        self.notified = 0
        self.engine.listen(self._on_notified)

    def _on_notified(self) -> None:
        self.notified += 1

    def take(self, *rows: TradeRow, now: float | None = None) -> None:
        self.clock.now = rows[-1][0] if now is None else at(now)
        self.pipeline.take(rows)

    def accounting(self) -> Accounting:
        made = self.pipeline.accounting(0, 0, 0)
        assert made.balanced, str(made)
        return made

    def events(self, kind: EventType) -> list[Event]:
        return [one for one in self.told if one.type is kind]

    def closes(self, name: str = "1min") -> list[float]:
        return self.engine.frame(name, closed_only=True)["close"].tolist()

    def partial(self, name: str = "1min") -> list[int]:
        """Return which minutes' bars are marked as partial."""
        frame = self.engine.frame(name, closed_only=True)
        return [(frame.index[one].value - START) // MINUTE for one in frame.attrs["partial"]]

    def found(self) -> dict[str, int]:
        return dict(self.pipeline.quality.detected)


# -- time ---------------------------------------------------------------------------------------------


def test_a_bar_closes_by_the_clock_when_its_end_and_the_grace_have_passed() -> None:
    rig = Rig()
    assert rig.pipeline.due_ns() is None
    rig.take(trade(5))
    due = at(60) + GRACE
    assert rig.pipeline.due_ns() == due
    rig.clock.now = due - 1
    notified, updates = rig.notified, rig.engine.updates
    rig.pipeline.close_due()
    assert (rig.closes(), rig.notified, rig.engine.updates) == ([], notified, updates)
    rig.clock.now = due
    rig.pipeline.close_due()
    assert (rig.closes(), rig.notified, rig.engine.updates) == ([100.0], notified + 1, updates + 1)
    (event,) = rig.events(EventType.NEW_BAR)
    assert (event.timeframe, event.close) == ("1min", 100.0)
    # The five minutes' one is open still.
    assert rig.pipeline.due_ns() == at(300) + GRACE
    assert rig.pipeline.bars_closed == 1


def test_the_grace_is_of_the_wall_and_as_much_longer_as_the_market_is_faster() -> None:
    rig = Rig()
    rig.take(trade(5))
    fast = HandClock(at(5), 0.1)
    rig.pipeline.clock = fast
    assert rig.pipeline.due_ns() == at(60) + 10 * GRACE
    fast.now = at(60) + 10 * GRACE - 1
    rig.pipeline.close_due()
    assert rig.closes() == []
    fast.now += 1
    rig.pipeline.close_due()
    assert rig.closes() == [100.0]


def test_of_a_backlog_bars_wait_for_what_is_on_its_way_and_are_looked_at_soon() -> None:
    rig = Rig()
    rig.take(trade(5), now=20)
    rig.pipeline.note_lag(3000.0)
    # Three seconds and the grace, or a quarter of a second from when it would be due: it may be over by then.
    assert rig.pipeline.due_ns() == at(60) + GRACE
    rig.clock.now = at(60) + GRACE
    rig.pipeline.close_due()
    assert rig.closes() == []
    assert rig.pipeline.due_ns() == at(60.25) + GRACE
    rig.clock.now = at(63) + GRACE - SECOND // 10
    assert rig.pipeline.due_ns() == at(63) + GRACE
    rig.clock.now = at(63) + GRACE
    rig.pipeline.close_due()
    assert rig.closes() == [100.0]
    # A lag that was noted long ago, or is none, holds nothing up.
    for lag, since in ((3000.0, -1e9), (-500.0, None)):
        other = Rig()
        other.take(trade(5))
        other.pipeline.note_lag(lag, since)
        other.clock.now = at(60) + GRACE
        other.pipeline.close_due()
        assert other.closes() == [100.0]


def recorded(*timeframes: str, rows: tuple[TradeRow, ...] = (trade(5),), **config: Any) -> Rig:
    """A recording of which some trades were played, each as it came."""
    rig = Rig(*timeframes, clock=EventClock(), **config)
    rig.engine.recorded = True
    for row in rows:
        rig.pipeline.arrival_ns = row[0]
        rig.pipeline.take([row])
    return rig


def test_a_recordings_bars_close_when_their_time_has_come_and_not_before() -> None:
    rig = recorded()
    due = at(60) + GRACE
    assert rig.pipeline.next_closing(due - 1) is None
    assert rig.pipeline.next_closing(due) == due
    assert rig.pipeline.advance(due - 1000) is None
    assert rig.engine.cascade.closing.now_ns == due - 1000
    assert rig.pipeline.advance(due) == due
    assert rig.engine.cascade.closing.now_ns == due - 1000, "not yet: a bar closes"
    updates = rig.engine.updates
    closed, amended = rig.pipeline.close_at(due)
    assert [(one.timeframe, one.row[4], one.closed_ns) for one in closed] == [("1min", 100.0, due)]
    assert (list(amended), rig.engine.updates) == ([], updates + 1)
    assert rig.engine.cascade.closing.now_ns == due
    assert rig.pipeline.next_closing(at(300) + GRACE) == at(300) + GRACE
    rig.pipeline.pass_to(at(70))
    assert rig.engine.cascade.closing.now_ns == at(70)
    assert recorded(rows=()).pipeline.next_closing(2**62) is None


def test_a_bar_that_was_over_when_its_trade_came_closes_a_microsecond_later() -> None:
    rig = recorded(rows=())
    rig.pipeline.arrival_ns = at(90)
    rig.pipeline.take([trade(5)])
    now = at(90)
    assert rig.pipeline.next_closing(now) == now + 1000
    assert rig.pipeline.next_closing(at(20)) == now + 1000
    assert rig.pipeline.quiet() == (at(5), 0, now // 1000)
    closed, _ = rig.pipeline.close_at(now + 1000)
    assert [one.row[4] for one in closed] == [100.0]
    # Without a grace its end is enough.
    rig = recorded(grace_ms=0.0)
    rig.pipeline.pass_to(at(60))
    assert rig.pipeline.next_closing(at(20)) == at(60) + 1000


def test_empty_intervals_of_a_recording_are_filled_as_time_passes() -> None:
    rig = recorded("1min", fill_gaps=True)
    for minute in (1, 2, 3):
        due = at(60 * minute) + GRACE
        assert rig.pipeline.next_closing(due) == due
        closed, _ = rig.pipeline.close_at(due)
        assert [one.row[0] for one in closed] == [at(60 * (minute - 1))]
    assert rig.engine.frame("1min", closed_only=True)["volume"].tolist() == [1.0, 0.0, 0.0]


def test_each_instant_of_a_recording_is_later_than_the_one_before() -> None:
    rig = recorded()
    now = rig.engine.cascade.closing.now_ns
    assert now == at(5)
    assert rig.pipeline.next_instant(at(4)) == at(5) + 1000
    assert rig.pipeline.next_instant(at(5)) == at(5) + 1000
    assert rig.pipeline.next_instant(at(5) + 1000) == at(5) + 1000
    assert rig.pipeline.next_instant(at(6) + 1) == at(6) + 1000


def test_a_recordings_trades_are_quiet_between_its_newest_and_the_bars_end() -> None:
    rig = recorded()
    assert rig.pipeline.quiet() == (at(5), at(60), at(5) // 1000)
    rig.pipeline.pass_to(at(60) + GRACE - 1000)
    assert rig.pipeline.quiet()[:2] == (at(5), at(60))
    rig.pipeline.pass_to(at(60) + GRACE)
    assert rig.pipeline.quiet() == (at(5), 0, (at(60) + GRACE) // 1000)
    assert recorded("1min", "3tick").pipeline.quiet()[1] == 0
    assert [type(one) for one in rig.pipeline.quiet()] == [int] * 3
    assert recorded(rows=()).pipeline.quiet()[1] == 0


def test_at_its_end_a_recordings_open_bars_close_as_partial() -> None:
    rig = recorded(rows=(trade(5), trade(65, 101.0)))
    rig.pipeline.close_at(at(60) + GRACE)
    updates, notified = rig.engine.updates, rig.notified
    rig.pipeline.end()
    assert rig.closes() == [100.0, 101.0]
    assert rig.partial()[-1:] == [1]
    assert rig.closes("5min") == [101.0]
    assert rig.engine.cascade.closing.now_ns == at(65) + 1000
    assert (rig.engine.updates, rig.notified) == (updates + 1, notified + 1)
    assert rig.events(EventType.NEW_BAR)[-1].partial is True


# -- what is lost -------------------------------------------------------------------------------------


def test_bars_that_overlap_what_nobody_has_are_marked_and_told() -> None:
    rig = Rig("1min", "5min")
    rig.take(*(trade(20 + 60 * minute) for minute in range(8)))
    updates, notified = rig.engine.updates, rig.notified
    rig.pipeline.lose([(at(61), at(130)), (at(250), at(250))])
    # The first one was begun amid.
    assert rig.partial() == [0, 1, 2, 4]
    assert rig.partial("5min") == [0]
    amended = [(one.timeframe, (one.time_ns - START) // MINUTE) for one in rig.events(EventType.BAR_AMENDED)]
    assert {one for one in amended if one[0] == "1min"} == {("1min", 1), ("1min", 2), ("1min", 4)}
    assert (rig.engine.updates, rig.notified) == (updates + 1, notified + 1)


def test_what_is_left_of_a_batch_that_failed_is_counted_and_its_bars_marked() -> None:
    rig = Rig(max_lateness_seconds=120.0)
    rig.take(*(trade(20 + 60 * minute) for minute in range(6)))
    before = rig.pipeline.ledger.received
    rows = [trade(315, 1.0), trade(130), trade(319)]
    rig.pipeline.lose_batch(before, rows, [quote(3)], [])
    made = rig.accounting()
    assert (made.received, made.failed, made.in_bars) == (9, 3, 6)
    # 130 seconds is more than two minutes before the newest: it would have been dropped.
    assert [one for one in rig.partial() if one > 0] == [3, 4]
    assert rig.engine.cascade.root.partial


@pytest.mark.parametrize("subscribed", [True, False])
def test_of_quotes_that_failed_those_count_that_bars_are_made_of(subscribed: bool) -> None:
    rig = Rig(source="quotes")
    rig.pipeline.take(quotes=[quote(1)])
    if not subscribed:
        rig.pipeline.subscribed = {"trades"}
    rig.pipeline.lose_batch(rig.pipeline.ledger.received, [trade(2)], [quote(3), quote(4)], [])
    made = rig.accounting()
    assert (made.received, made.failed) == ((3, 2) if subscribed else (1, 0))
    assert rig.engine.cascade.root.partial is True


def test_of_own_bars_that_failed_those_count_that_are_closed_and_taken() -> None:
    rig = Rig("1min", source="bars")
    rig.pipeline.take(bars=[("1min", [(own_bar(0), True)])])
    rig.pipeline.lose_batch(
        rig.pipeline.ledger.received,
        [],
        [],
        [("1min", [(own_bar(1), True), (own_bar(2), False)]), ("5min", [(own_bar(0), True)])],
    )
    made = rig.accounting()
    assert (made.received, made.failed, made.in_bars) == (2, 1, 1)


def test_what_was_taken_of_a_batch_before_it_failed_is_not_counted_twice() -> None:
    rig = Rig()
    before = rig.pipeline.ledger.received
    rows = [trade(1), trade(2), trade(3)]
    rig.take(*rows[:2])
    rig.pipeline.lose_batch(before, rows, [], [])
    made = rig.accounting()
    assert (made.received, made.failed, made.in_bars) == (3, 1, 2)
    rig.pipeline.lose_batch(made.received, [], [], [])
    assert rig.accounting() == dataclasses.replace(made)


def test_a_failure_is_a_trouble_once_and_then_a_finding_each_time() -> None:
    rig = Rig()
    updates = rig.engine.updates
    rig.pipeline.fail(ValueError("no"))
    assert (rig.pipeline.failures, rig.engine.updates) == (1, updates + 1)
    assert rig.pipeline.quality.in_words() == ("data not taken in: ValueError: no",)
    rig.pipeline.fail(KeyError("x"))
    assert (rig.pipeline.failures, rig.engine.updates) == (2, updates + 1)
    assert rig.found() == {"intake": 2}
    assert [(one.description, one.count) for one in rig.pipeline.quality.errors] == [("KeyError: 'x'", 2)]


# -- quotes -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "positive", "fits"),
    [
        (quote(1), True, True),
        (quote(1, 99.0, 99.0), True, True),
        (quote(1, 0.0, 5.0), True, True),
        (quote(1, 5.0, 5.0, 0.0), True, True),
        (quote(1, -1.0, 5.0), True, False),
        (quote(1, -1.0, 5.0), False, True),
        (quote(1, -5.0, -1.0), False, True),
        (quote(1, 0.0, 0.0), True, False),
        (quote(1, 5.0, 6.0, -1.0), True, False),
        (quote(1, NAN, 6.0), True, True),
        (quote(1, 5.0, float("inf")), True, False),
        (quote(1, float("-inf"), 5.0), False, False),
    ],
)
def test_quotes_that_cannot_be_are_counted_said_and_left_out(
    row: QuoteRow, positive: bool, fits: bool
) -> None:
    for neighbours in (False, True):
        rig = Rig(instrument=Instrument("X", 0.25, positive_prices=positive))
        rows = [quote(0.5), row, quote(2)] if neighbours else [row]
        rig.pipeline.take(quotes=rows)
        assert len(rig.engine.quotes) == len(rows) - (not fits)
        made = rig.accounting()
        assert made.quotes == len(rows)
        assert sum(made.quotes_rejected.values()) == (not fits)
        assert (sum(rig.found().values()) == 1) is not fits
        assert made.received == 0, "no bar is made of them"
        assert made.quotes_crossed == 0


def test_crossed_quotes_are_taken_and_counted_also_beside_those_that_cannot_be() -> None:
    rig = Rig()
    rig.pipeline.take(quotes=[quote(1, 102.0, 101.0), quote(2), quote(3, -1.0, 5.0), quote(4, 103.0, 101.0)])
    made = rig.accounting()
    assert (made.quotes, made.quotes_crossed, sum(made.quotes_rejected.values())) == (4, 2, 1)
    assert len(rig.engine.quotes) == 3
    assert rig.found()["quote_crossed"] == 2
    assert rig.engine.last_quote == quote(4, 103.0, 101.0)
    plain = Rig(data_validation=False)
    plain.pipeline.take(quotes=[quote(3, -1.0, 5.0), quote(4, 103.0, 101.0)])
    assert (len(plain.engine.quotes), plain.found()) == (2, {})


def test_where_bars_are_made_of_quotes_one_that_cannot_be_is_received_and_rejected() -> None:
    rig = Rig(source="quotes")
    rig.pipeline.take(quotes=[quote(1), quote(2, -1.0, 5.0), quote(3, 101.0, 103.0)])
    made = rig.accounting()
    assert (made.received, made.in_bars, sum(made.rejected.values())) == (3, 2, 1)
    assert rig.engine.last_trade is not None
    assert rig.engine.last_trade[:2] == (at(3), 102.0)
    assert len(rig.engine.quotes) == 2
    # A late one changes its bar, and is no newest price.
    rig.pipeline.take(quotes=[quote(2.5, 199.0, 201.0)])
    assert rig.engine.last_trade[:2] == (at(3), 102.0)
    assert rig.engine.last_quote == quote(3, 101.0, 103.0)
    assert rig.engine.frame("1min")["high"].tolist() == [200.0]


def test_quotes_without_a_time_count_as_of_now_and_unwanted_ones_are_counted_alone() -> None:
    rig = Rig()
    rig.clock.now = at(7)
    rig.pipeline.take(quotes=[(0, 99.0, 1.0, 101.0, 1.0), quote(3)])
    assert rig.engine.last_quote == (at(7), 99.0, 1.0, 101.0, 1.0)
    rig.pipeline.subscribed = {"trades"}
    rig.pipeline.take(quotes=[quote(9)])
    assert (rig.accounting().quotes, len(rig.engine.quotes)) == (3, 2)


# -- own bars -----------------------------------------------------------------------------------------


def test_own_bars_are_counted_where_they_end_up() -> None:
    rig = Rig("1min", "5min", source="bars")
    told: list[tuple[str, list[BarRow]]] = []
    rig.pipeline.on_own_bars = lambda name, rows: told.append((name, list(rows)))
    rig.pipeline.take(bars=[("1min", [(own_bar(0), True), (own_bar(1, 101.0), True), (own_bar(2), False)])])
    assert told == [("1min", [own_bar(0), own_bar(1, 101.0)])]
    assert rig.pipeline.own_bar == ("1min", own_bar(1)[0])
    assert rig.engine.last_trade == (own_bar(1)[0], 101.0, 10.0, 5, 0, -1)
    assert rig.closes() == [100.0, 101.0], "they are closed as they come"
    # The same once more is a duplicate.
    rig.pipeline.take(bars=[("1min", [(own_bar(1, 101.0), True)])])
    made = rig.accounting()
    assert (made.received, made.in_bars, made.duplicate) == (3, 2, 1)
    # What is of another timeframe counts nowhere, and is said.
    rig.pipeline.take(bars=[("5min", [(own_bar(0), True), (own_bar(5), True)])])
    made = rig.accounting()
    assert (made.received, dict(made.unused_bars)) == (3, {"5min": 2})
    assert rig.pipeline.own_bar == ("1min", own_bar(1)[0])
    # What cannot be is refused.
    bad = (*own_bar(2)[:2], 50.0, 150.0, *own_bar(2)[4:])
    rig.pipeline.take(bars=[("1min", [(bad, True)])])
    made = rig.accounting()
    assert (made.received, sum(made.rejected.values())) == (4, 1)
    assert list(made.rejected) == ["bar_ohlc_inconsistent"]
    assert [one.timeframe for one in rig.pipeline.quality.errors] == ["1min"]
    assert rig.closes() == [100.0, 101.0]
    refusals, updates = rig.pipeline.refusals, rig.engine.updates
    assert (refusals.accepted, refusals.refused, refusals.reasons) == (3, 1, {"ohlc_inconsistent": 1})
    rig.pipeline.take(bars=[("1min", [(own_bar(2), True)])])
    assert (refusals.accepted, refusals.reasons, rig.engine.updates) == (4, {}, updates + 1)
    free = Rig("1min", source="bars", validate_bars=False)
    free.pipeline.take(bars=[("1min", [(bad, True)])])
    assert free.accounting().in_bars == 1


def test_an_older_own_bar_is_no_newest_price_and_one_of_the_same_start_is() -> None:
    rig = Rig("1min", source="bars")
    fired = rig.engine.alerts.add(above=105.0, once=False)
    rig.pipeline.take(bars=[("1min", [(own_bar(3, 100.0), True)])])
    rig.pipeline.take(bars=[("1min", [(own_bar(1, 110.0), True)])])
    assert rig.engine.last_trade is not None
    assert (rig.engine.last_trade[1], fired.fired) == (100.0, 0)
    rig.pipeline.take(bars=[("1min", [(own_bar(3, 102.0), True)])])
    assert (rig.engine.last_trade[1], fired.fired) == (102.0, 0)
    rig.pipeline.take(bars=[("1min", [(own_bar(4, 110.0), True)])])
    assert (rig.engine.last_trade[1], fired.fired) == (110.0, 1)
    rig.pipeline.note_own_bar("1min", START)
    assert rig.pipeline.own_bar == ("1min", own_bar(4)[0])


def test_where_bars_are_made_of_trades_the_feeds_own_count_nowhere() -> None:
    rig = Rig()
    rig.pipeline.take(bars=[("1min", [(own_bar(0), True), (own_bar(1), False)])])
    made = rig.accounting()
    assert (made.received, made.in_bars, dict(made.unused_bars)) == (0, 0, {"1min": 1})
    assert rig.closes() == []
    assert rig.engine.last_trade is None


def test_from_a_boundary_on_bars_are_made_of_another_source() -> None:
    rig = Rig("1min")
    rig.take(trade(20))
    boundary = at(120)
    rig.pipeline.build_from("bars", boundary, "1min")
    assert [rig.pipeline.builds_bar_at(one) for one in (boundary - 1, boundary)] == [True, False]
    assert rig.engine.source == "bars"
    rig.take(trade(70, 101.0), trade(130, 150.0))
    rig.pipeline.take(bars=[("1min", [(own_bar(1, 90.0), True), (own_bar(2, 102.0), True)])])
    assert rig.closes() == [100.0, 101.0, 102.0]
    assert len(rig.engine.ticks) == 3, "trades are kept all the same"
    rig.pipeline.build_from("trades", at(240))
    assert [rig.pipeline.builds_bar_at(one) for one in (at(240) - 1, at(240))] == [False, True]
    rig.pipeline.take(bars=[("1min", [(own_bar(3, 103.0), True), (own_bar(4, 90.0), True)])])
    rig.take(trade(239, 50.0), trade(241, 104.0), trade(301, 105.0))
    assert rig.closes() == [100.0, 101.0, 102.0, 103.0, 104.0]
    assert rig.engine.source == "trades"


# -- the order book -----------------------------------------------------------------------------------


def book_rig(*, is_recorded: bool = False) -> Rig:
    rig = Rig()
    rig.pipeline.subscribed.add("depth")
    rig.engine.recorded = is_recorded
    return rig


def whole(number: int | None = 5, bid: float = 99.0) -> DepthUpdate:
    return DepthUpdate(at(1), True, [(bid, 1.0)], [(101.0, 2.0)], last_id=number)


def test_changes_that_follow_are_applied_and_told() -> None:
    rig = book_rig()
    updates = rig.engine.updates
    rig.pipeline.take(depth=[whole(), DepthUpdate(at(2), False, [(99.5, 3.0)], [], 5, 6)])
    assert rig.engine.book() == ([(99.5, 3.0), (99.0, 1.0)], [(101.0, 2.0)])
    assert rig.engine.updates == updates + 1
    assert [one.time_ns for one in rig.told] == [at(2)]
    assert (rig.accounting().depth_updates, rig.accounting().depth_left_out) == (2, 0)
    rig.pipeline.subscribed.discard("depth")
    rig.pipeline.take(depth=[whole()])
    assert (rig.accounting().depth_updates, len(rig.told)) == (3, 1)


@pytest.mark.parametrize(
    ("is_recorded", "words"),
    [
        (False, "it is asked for anew: "),
        (True, "the recording lacks some of it, and no change counts until a whole book comes: "),
    ],
)
def test_a_book_that_breaks_is_emptied_said_and_asked_for(is_recorded: bool, words: str) -> None:
    rig = book_rig(is_recorded=is_recorded)
    asked: list[str] = []
    rig.pipeline.on_broken_book = asked.append
    rig.pipeline.take(depth=[whole(), DepthUpdate(at(2), False, [(99.5, 3.0)], [], 8, 8)])
    assert rig.engine.book() == ([], [])
    assert asked == ["X"]
    (told,) = rig.pipeline.quality.in_words()
    assert told == (f"order book broken: {words}an update follows number 8, and the newest that came is 5")
    assert rig.accounting().depth_left_out == 1
    rig.pipeline.take(depth=[DepthUpdate(at(3), False, [(99.5, 3.0)], [], 9, 9)])
    assert (rig.accounting().depth_left_out, asked) == (2, ["X"])
    rig.pipeline.take(depth=[whole(20)])
    assert rig.engine.book() == ([(99.0, 1.0)], [(101.0, 2.0)])
    assert bool(rig.pipeline.quality.troubles) is not is_recorded


@pytest.mark.parametrize(("is_recorded", "asked"), [(False, ", and it is asked for anew"), (True, "")])
def test_a_whole_book_with_a_level_that_cannot_be_is_held_said_and_asked_for(
    is_recorded: bool, asked: str
) -> None:
    rig = book_rig(is_recorded=is_recorded)
    renewed: list[str] = []
    rig.pipeline.on_broken_book = renewed.append
    holed = DepthUpdate(at(1), True, [(99.0, 1.0), (98.0, -1.0)], [(101.0, 2.0)], last_id=5)
    rig.pipeline.take(depth=[holed, DepthUpdate(at(2), False, [(99.5, 3.0)], [], 5, 6)])
    assert rig.engine.book() == ([(99.5, 3.0), (99.0, 1.0)], [(101.0, 2.0)])
    why = "a level of it has a price or a size that there cannot be"
    assert rig.pipeline.quality.in_words() == (f"order book broken: its other levels are held{asked}: {why}",)
    assert (renewed, rig.accounting().depth_left_out) == (["X"], 0)
    rig.pipeline.take(depth=[whole(20)])
    assert bool(rig.pipeline.quality.troubles) is not is_recorded


def test_levels_that_cannot_be_are_refused_and_a_change_with_one_breaks_the_book() -> None:
    rig = book_rig()
    rig.pipeline.take(
        depth=[DepthUpdate(at(1), True, [(99.0, 1.0), (-1.0, 1.0), (98.0, NAN)], [(101.0, 2.0)])]
    )
    assert rig.engine.book() == ([(99.0, 1.0)], [(101.0, 2.0)])
    assert rig.accounting().depth_refused == 2
    assert rig.found() == {"depth_refused": 2, "book": 1}
    assert [one.time_ns for one in rig.pipeline.quality.errors if one.type == "depth_refused"] == [at(1)]
    rig.pipeline.quality.trouble_over("book")
    rig.clock.now = at(9)
    rig.pipeline.take(depth=[DepthUpdate(0, False, [(99.5, -3.0)], [])])
    assert rig.accounting().depth_refused == 3
    assert rig.pipeline.quality.in_words() == (
        "order book broken: it is asked for anew: a change of it has a price or a size that there cannot be",
    )
    assert {one.last_ns for one in rig.pipeline.quality.errors if one.type == "depth_refused"} == {at(9)}


def test_a_lost_connection_leaves_no_book() -> None:
    rig = book_rig()
    rig.pipeline.take(depth=[whole()])
    rig.pipeline.reset_depth()
    assert rig.engine.book() == ([], [])
    assert not rig.engine.depth.ready
    rig.pipeline.take(depth=[whole(3)])
    assert rig.engine.depth.ready, "its numbers begin anew"


# -- another contract ---------------------------------------------------------------------------------


def test_what_was_made_before_the_seam_is_no_part_of_the_series() -> None:
    rig = Rig("1min", ids="none")
    rig.take(trade(20))
    rig.engine.contracts.set("H26", [Roll("X", at(70), "Z25", "H26", NAN, NAN)])
    rig.clock.now = at(71)
    rig.pipeline.take(quotes=[quote(69)])
    updates = rig.engine.updates
    rig.clock.now = at(72)
    rig.pipeline.begin_contract()
    assert rig.engine.updates > updates
    assert rig.engine.cascade.closing.now_ns == at(72)
    assert rig.engine.last_quote is None
    rig.take(trade(65, 150.0), trade(69.999, 150.0), trade(70, 150.0), trade(75, 151.0))
    made = rig.accounting()
    assert (made.received, made.in_bars, dict(made.rejected)) == (5, 3, {"before_roll": 2})
    assert rig.found() == {"before_roll": 2}
    assert (rig.pipeline.refusals.accepted, rig.pipeline.refusals.refused) == (3, 2)
    rig.take(trade(68, 150.0))
    assert rig.pipeline.refusals.reasons == {"before_roll": 1}
    (roll,) = rig.engine.contracts.rolls
    assert (roll.old_price, roll.new_price) == (100.0, 150.0)
    rig.take(trade(125, 152.0))
    assert rig.partial()[-1:] == [1], "it may have prices of both"


def test_the_worth_that_a_venue_has_told_stays_and_a_former_contracts_price_is_none_of_an_earlier_one() -> (
    None
):
    rig = Rig("1min")
    rig.take(trade(20))
    rig.engine.contracts.set("H26", [Roll("X", at(70), "Z25", "H26", 5.0, 7.0)])
    rig.pipeline.begin_contract()
    rig.take(trade(75, 151.0))
    assert rig.engine.contracts.rolls[0].old_price == 5.0
    other = Rig("1min")
    other.take(trade(20))
    seams = [Roll("X", at(70), "Z25", "H26", NAN, NAN), Roll("X", at(130), "H26", "M26", NAN, NAN)]
    other.engine.contracts.set("M26", seams)
    other.pipeline.begin_contract()
    other.take(trade(135, 151.0))
    assert all(one.old_price != one.old_price for one in other.engine.contracts.rolls)
    fired = other.engine.alerts.add(120.0)
    other.take(trade(136, 90.0))
    assert fired.fired == 1, "within a contract a price is crossed"


def test_from_one_contracts_price_to_the_others_nothing_is_crossed() -> None:
    rig = Rig("1min")
    rig.take(trade(20))
    fired = rig.engine.alerts.add(120.0)
    rig.engine.contracts.set("H26", [Roll("X", at(60), "Z25", "H26", NAN, NAN)])
    updates, notified = rig.engine.updates, rig.notified
    rig.pipeline.begin_contract()
    # One for the book that is forgotten.
    assert (rig.engine.updates, rig.notified) == (updates + 2, notified + 1)
    rig.take(trade(75, 151.0))
    assert fired.fired == 0
    assert rig.engine.cascade.root.partial is False, "the seam lies between two bars"


# -- what is held -------------------------------------------------------------------------------------


def test_in_which_stretches_data_arrived() -> None:
    rig = Rig()
    assert rig.pipeline.live_spans(at(100)) == [(START, at(100))]
    rig.pipeline.outage_ns = at(50)
    assert rig.pipeline.live_spans(at(100)) == [(START, at(50)), (at(100), at(100))]
    rig.pipeline.back_ns = at(60)
    assert rig.pipeline.live_spans(at(100)) == [(START, at(50)), (at(60), at(100))]
    rig.pipeline.outage_ns = START
    assert rig.pipeline.live_spans(at(100)) == [(at(60), at(100))]


def test_the_newest_data_is_the_last_trade_or_else_what_is_given_or_now() -> None:
    rig = Rig()
    rig.clock.now = at(5)
    assert (rig.pipeline.newest_ns(), rig.pipeline.newest_ns(7)) == (at(5), 7)
    rig.take(trade(3), now=9)
    assert (rig.pipeline.newest_ns(), rig.pipeline.newest_ns(7)) == (at(3), at(3))


def test_an_id_that_is_not_believed_is_told_with_the_one_that_would_be_next() -> None:
    rig = Rig(ids="sequential")
    rig.take(trade(1, number=5))
    rig.pipeline.note_odd_id(trade(2, 101.0, number=900_000), "kept without it")
    (fault,) = rig.pipeline.quality.errors
    assert (fault.type, fault.description, fault.time_ns) == (
        "odd_trade_id",
        "a trade has the id 900000, where 6 is next, and is kept without it",
        at(2),
    )
    assert dict(fault.values) == {"trade_id": 900000, "next_id": 6, "price": 101.0}


def test_what_nobody_subscribed_to_is_counted_and_refused() -> None:
    rig = Rig()
    rig.pipeline.subscribed = {"quotes"}
    rig.take(trade(1), trade(2))
    made = rig.accounting()
    assert (made.received, made.unsubscribed, made.in_bars) == (2, 2, 0)
    assert rig.engine.last_trade is None
    assert len(rig.engine.ticks) == 0


def test_what_bars_of_a_history_tell_already_is_a_duplicate() -> None:
    rig = Rig()
    rig.pipeline.told_by_bars_until = at(60)
    rig.take(trade(10), trade(59.999), trade(60, 101.0), trade(61, 102.0))
    made = rig.accounting()
    assert (made.received, made.duplicate, made.in_bars) == (4, 2, 2)
    assert rig.engine.frame("1min")["open"].tolist() == [101.0]


def test_what_is_too_far_in_the_future_is_refused_where_the_clock_can_tell() -> None:
    rig = Rig()
    rig.take(trade(61), now=1)
    rig.take(trade(61.5), now=1)
    made = rig.accounting()
    assert (made.received, made.in_bars, sum(made.rejected.values())) == (2, 1, 1)
    follows = recorded(rows=())
    follows.pipeline.arrival_ns = START
    follows.pipeline.take([trade(9999)])
    assert follows.accounting().in_bars == 1


def test_what_was_refused_is_remembered_by_id_price_and_size() -> None:
    rig = Rig(ids="unique")
    rig.take(trade(1, 100.0, 1.0, 4), trade(2, -5.0, 2.0, 7))
    assert list(rig.pipeline.refused_trades) == [(7, -5.0, 2.0)]
    assert dict(rig.accounting().rejected) == {"price_not_positive": 1}
    assert rig.pipeline.largest_batch == 2
    rig.take(trade(3, 100.0, 1.0, 9))
    assert rig.pipeline.largest_batch == 2


def test_closed_bars_are_looked_at_where_validation_is_on() -> None:
    rig = Rig("1min")
    rules = ValidationRules()
    rig.pipeline.quality.enable(rules, {"1min": rig.engine.grid("1min")})
    rig.take(trade(1), trade(61), trade(121))
    assert rig.pipeline.quality.bars_validated == 2
    assert rig.pipeline.bars_closed == 2


def test_who_waits_for_another_end_is_told_once_of_each() -> None:
    rig = Rig("1min")
    edges: list[int] = []
    rig.pipeline.on_edge = lambda pipeline: edges.append(pipeline.engine.cascade.root.edge)
    rig.take(trade(1))
    rig.take(trade(2))
    rig.take(trade(61))
    assert edges == [at(60), at(120)]


def test_late_trades_change_their_bar_or_are_counted_as_too_late() -> None:
    rig = Rig("1min", max_lateness_seconds=30.0)
    rig.take(trade(20), trade(50), trade(70))
    rig.take(trade(55, 104.0), now=70)
    assert (rig.pipeline.late_amended, rig.engine.frame("1min")["high"].tolist()[0]) == (1, 104.0)
    assert rig.engine.last_trade == trade(70)
    rig.take(trade(10, 104.0), now=70)
    made = rig.accounting()
    assert (made.received, made.in_bars, made.late_dropped) == (5, 4, 1)
    assert rig.pipeline.late_amended == 1
    # It is one of two that came too late since one was taken, and is kept as refused.
    rig.take(trade(11, 104.0), now=70)
    assert (rig.pipeline.refusals.reasons, rig.pipeline.refusals.refused) == ({"late": 2}, 2)
    assert [int(one) & STATUS for one in rig.engine.ticks.tail(3)["flag"]] == [IN_BARS, REFUSED, REFUSED]


# -- what is seldom -----------------------------------------------------------------------------------


def marked(seconds: float, price: float, marks: int, number: int = -1) -> TradeRow:
    return MarkedTrade.of(trade(seconds, price, 1.0, number), marks)


def test_trades_that_count_in_part_are_counted_and_are_no_newest_price() -> None:
    rig = Rig("1min")
    rows = [
        trade(1),
        marked(2, 101.0, NOT_LAST),
        marked(3, 105.0, NOT_RANGE),
        marked(4, 90.0, MARKS),
        trade(5),
    ]
    rig.engine.see_marks(rows)
    rig.take(*rows[:4])
    made = rig.accounting()
    assert (made.received, made.in_part, made.in_bars, made.left_out) == (4, 3, 3, 1)
    assert rig.engine.last_trade == rows[2]
    rig.take(rows[4])
    assert rig.accounting().in_part == 3
    fired = rig.engine.alerts.add(103.0)
    late = [marked(6, 110.0, NOT_LAST), trade(5.5, 104.0), trade(4, 200.0)]
    with rig.engine.lock:
        told = rig.pipeline.take_for_price(late)
    assert [(at_ns, data["trade_price"]) for at_ns, data in told] == [(at(5.5), 104.0)]
    assert (rig.engine.last_trade, fired.fired) == (late[1], 1)


def test_what_is_far_off_the_market_is_held_back_until_others_agree_and_marked_ones_are_not_judged() -> None:
    rig = Rig("1min")
    rig.pipeline.outlier_gate = OutlierGate(rig.engine)
    rig.engine.see_marks([marked(0, 1.0, NOT_LAST)])
    rig.take(*(trade(one / 10, 100.0 + 0.25 * (one % 3), 1.0) for one in range(80)))
    odd = [trade(9, 160.0), marked(9.1, 160.0, NOT_LAST | NOT_RANGE), trade(9.2, 100.25)]
    rig.take(*odd)
    made = rig.accounting()
    assert (made.received, made.held_back, made.in_bars) == (83, 1, 82)
    assert rig.found() == {"price_outlier": 1}
    assert rig.engine.frame("1min")["high"].tolist() == [100.5]
    assert [int(one) & STATUS for one in rig.engine.ticks.tail(3)["flag"]] == [OUTLIER, IN_BARS, IN_BARS]
    assert rig.engine.last_trade == odd[2]
    assert rig.pipeline.refusals.refused == 1
    # As many more at that price as show that the market is there.
    rig.take(*(trade(9.5 + one / 10, 160.0 + 0.25 * (one % 2)) for one in range(30)))
    made = rig.accounting()
    assert made.held_back < 5
    assert rig.engine.frame("1min")["high"].tolist() == [160.25]


def test_of_the_feeds_own_bars_those_that_cannot_be_placed_are_counted_each_time() -> None:
    rig = Rig("1min", source="bars", max_bars_per_timeframe=10)
    rig.pipeline.take(bars=[("1min", [(own_bar(minute), True) for minute in range(30)])])
    assert len(rig.closes()) == 10
    for count in (1, 2, 3):
        rig.pipeline.take(bars=[("1min", [(own_bar(count, 90.0), True)])])
        made = rig.accounting()
        assert (made.received, made.late_dropped, made.in_bars) == (30 + count, count, 30)


@pytest.mark.parametrize("positive", [True, False])
def test_own_bars_below_zero_are_refused_only_where_prices_are_positive(positive: bool) -> None:
    rig = Rig("1min", source="bars", instrument=Instrument("X", 0.25, positive_prices=positive))
    rig.pipeline.take(bars=[("1min", [(own_bar(0, -50.0, 0.0), True)])])
    made = rig.accounting()
    assert (made.received, made.in_bars, sum(made.rejected.values())) == (
        (1, 0, 1) if positive else (1, 1, 0)
    )
    assert (len(rig.found()), rig.pipeline.refusals.refused) == ((1, 1) if positive else (0, 0))


def test_where_bars_are_the_feeds_own_a_former_contracts_trades_are_refused_and_not_counted() -> None:
    rig = Rig("1min", source="bars")
    rig.pipeline.take(bars=[("1min", [(own_bar(0), True)])])
    rig.engine.contracts.set("H26", [Roll("X", at(60), "Z25", "H26", NAN, NAN)])
    rig.pipeline.begin_contract()
    rig.take(trade(50), trade(61, 150.0))
    made = rig.accounting()
    assert (made.received, dict(made.rejected)) == (1, {"before_roll": 0})
    assert len(rig.engine.ticks) == 1
    assert rig.found() == {"before_roll": 1}


def test_a_book_that_began_without_a_whole_one_begins_anew_where_it_breaks() -> None:
    rig = book_rig(is_recorded=True)
    rig.pipeline.take(depth=[DepthUpdate(at(1), False, [(99.0, 1.0)], [], 4, 5)])
    assert rig.engine.book()[0] == [(99.0, 1.0)]
    rig.pipeline.take(depth=[DepthUpdate(at(2), False, [(98.0, 1.0)], [], 8, 9)])
    assert rig.engine.book() == ([], [])
    then = "what is shown begins anew there, as no whole book has come"
    why = "an update follows number 8, and the newest that came is 5"
    assert rig.pipeline.quality.in_words() == (
        f"order book broken: the recording lacks some of it, and {then}: {why}",
    )
    rig.pipeline.take(depth=[DepthUpdate(at(3), False, [(97.0, 1.0)], [], 9, 10)])
    assert rig.engine.book()[0] == [(97.0, 1.0)]


def test_the_first_price_of_all_is_none_of_a_former_contracts() -> None:
    rig = Rig("1min")
    rig.engine.contracts.set("H26", [Roll("X", at(60), "Z25", "H26", NAN, NAN)])
    rig.pipeline.begin_contract()
    rig.take(trade(61, 150.0))
    assert rig.engine.contracts.rolls[0].new_price != rig.engine.contracts.rolls[0].new_price
    # The seam of a symbol that had none is no seam.
    other = Rig("1min")
    other.take(trade(1))
    other.pipeline._is_new_contract = True
    other.take(trade(2, 150.0))
    assert other.accounting().in_bars == 2


def test_too_many_trades_are_taken_in_parts_and_the_largest_is_told() -> None:
    rig = Rig("1min", batch_size=100)
    rig.take(*(trade(one / 100, 100.0 + one % 2) for one in range(250)))
    made = rig.accounting()
    assert (made.received, made.in_bars, rig.pipeline.largest_batch) == (250, 250, 100)
    assert rig.engine.frame("1min")["tick_count"].tolist() == [250]
    assert len(rig.events(EventType.TICK_DATA)) == 250
    rig.take(trade(3))
    assert rig.accounting().received == 251


def test_the_plain_way_and_the_other_take_the_same_trades_the_same_way() -> None:
    plain, other = Rig("1min"), Rig("1min")
    other.engine.alerts.add(1.0)  # each trade has to be looked at then
    for rows in (
        [trade(1)],
        [trade(2), trade(3, 101.0)],
        [trade(3, 99.0)],
        [trade(61)],
        [trade(62), trade(63)],
    ):
        for rig in (plain, other):
            rig.take(*rows)
    assert plain.accounting() == other.accounting()
    assert plain.engine.last_trade == other.engine.last_trade == trade(63)
    assert plain.engine.frame("1min").equals(other.engine.frame("1min"))
    assert plain.engine.ticks.tail(99).tolist() == other.engine.ticks.tail(99).tolist()
    kinds = [[(one.type, one.time_ns) for one in rig.told] for rig in (plain, other)]
    assert kinds[0] == kinds[1]
    assert plain.pipeline.refusals.accepted == other.pipeline.refusals.accepted == 7
    assert plain.pipeline.largest_batch == other.pipeline.largest_batch == 2
    assert plain.engine.updates == other.engine.updates - 1, "the alert is a change, too"


@pytest.mark.parametrize("came", [69.999, 70, 71])
def test_a_recordings_trades_of_before_a_seam_count_until_the_seam_is_played(came: float) -> None:
    rig = Rig("1min", clock=EventClock(START))
    rig.engine.recorded = True
    rig.engine.contracts.set("H26", [Roll("X", at(70), "Z25", "H26", NAN, NAN)])
    rig.pipeline.arrival_ns = at(came)
    rig.take(trade(65), trade(69.5))
    made = rig.accounting()
    assert (made.in_bars, dict(made.rejected)) == ((2, {}) if came < 70 else (0, {"before_roll": 2}))


@pytest.mark.parametrize(
    ("numbers", "placed"),
    [
        ((20, 12), [12]),
        ((20, 12, 13), [12, 13]),
        ((10, 20, 12), [12]),
        ((10, 9, 20, 12, 21), [12]),
        # The next one but one shows what came before it, and nothing of what came after.
        ((12, 20, 11), [11]),
        ((11, 12), []),
        ((20,), []),
    ],
)
def test_what_an_outage_left_out_is_put_in_place_from_the_first_trade_after_it_on(
    numbers: tuple[int, ...], placed: list[int]
) -> None:
    rig = Rig(ids="sequential")
    found: list[int] = []
    rig.pipeline.put_in_place = lambda pipeline, rows: found.extend(row[5] for row in rows)
    rig.take(trade(0, number=9), trade(1, number=10))
    rig.pipeline.lose_line()
    rig.take(*(trade(number / 10, number=number) for number in numbers), now=9)
    assert found == placed
    assert rig.pipeline.largest_batch == max(2, len(numbers))
    made = rig.pipeline.ledger
    assert made.received == 2 + len(numbers) - len(placed)
    assert made.duplicate == len({9, 10} & set(numbers))


# -- what waits, and what is unsettled ----------------------------------------------------------------


def test_while_trades_wait_no_bar_has_them_and_then_all_have() -> None:
    rig = Rig("1min", "2tick")
    rig.take(trade(5))
    kept: list[TradeRow] = []
    rig.pipeline.held = HeldTrades(0, by_id=False, on_rows=kept.extend)
    rows = [trade(70, 101.0), trade(75, 102.0), trade(140, 103.0)]
    rig.take(*rows[:2])
    rig.take(rows[2])
    assert kept == rows
    assert (rig.engine.bars_wait, rig.pipeline.ledger.waiting, rig.accounting().in_bars) == (True, 3, 1)
    assert (rig.closes(), len(rig.engine.frame("2tick", closed_only=True))) == ([], 0)
    assert (rig.engine.recent(9)["flag"] & STATUS).tolist() == [IN_BARS, WAITING, WAITING, WAITING]
    assert rig.engine.last_trade == rows[2], "the price goes on"
    notified, updates = rig.notified, rig.engine.updates
    rig.pipeline.release()
    assert (rig.notified, rig.engine.updates) == (notified + 1, updates + 1)
    assert (rig.engine.bars_wait, rig.pipeline.ledger.waiting, rig.accounting().in_bars) == (False, 0, 4)
    assert (rig.closes(), rig.closes("2tick")) == ([100.0, 102.0], [101.0, 103.0])
    assert (rig.engine.recent(9)["flag"] & STATUS).tolist() == [IN_BARS] * 4
    assert [one.close for one in rig.events(EventType.NEW_BAR) if one.timeframe == "1min"] == [100.0, 102.0]
    rig.pipeline.release()
    assert (rig.notified, rig.engine.updates) == (notified + 1, updates + 1)


def test_bars_of_so_many_trades_go_on_where_those_of_the_clock_are_the_feeds() -> None:
    rig = Rig("1min", "2tick", source="bars")
    rig.take(*(trade(second, 100.0 + second) for second in range(4)))
    assert rig.closes("2tick") == [101.0, 103.0]
    assert rig.accounting().received == 0
    assert len(rig.engine.recent(9)) == 4


def test_a_bar_that_may_lack_something_is_told_as_partial_and_no_other_is() -> None:
    rig = Rig("1min")
    rig.engine.unsettled = lambda: [Unsettled(at(70), at(110), at(1))]
    for second in (5, 65, 125, 185):
        rig.take(trade(second))
    told = rig.events(EventType.NEW_BAR)
    # Amid the first one the market was joined.
    assert [one.bar.partial for one in told] == [True, True, False]
    assert rig.events(EventType.BAR_AMENDED) == []
    assert rig.partial() == [0, 1]
    rig.engine.unsettled = None
    rig.pipeline.settle_bars()
    assert [(one.bar.time_ns, one.bar.partial) for one in rig.events(EventType.BAR_AMENDED)] == [
        (at(60), False)
    ]
    assert rig.partial() == [0]


def test_a_gap_that_nobody_was_told_of_is_told_once() -> None:
    rig = Rig()
    gap = Gap("X", at(1), at(2), repaired=False, reason="reconnect", gap_id="X-1", state="lost")
    rig.pipeline.gaps.untold.append(gap)
    rig.pipeline.publish((), ())
    rig.pipeline.publish((), ())
    assert [one.state for one in rig.events(EventType.DATA_GAP)] == ["repairing", "lost"]


@pytest.mark.parametrize(("price", "close"), [("bid", 99.0), ("ask", 103.0), ("mid", 101.0)])
def test_bars_of_quotes_are_of_the_price_that_is_asked_for(
    price: Literal["bid", "ask", "mid"], close: float
) -> None:
    rig = Rig("1min", source="quotes")
    rig.pipeline.quote_price = price
    updates = rig.engine.updates
    rig.pipeline.take(quotes=[quote(5, 99.0, 103.0)])
    assert rig.engine.frame("1min")["close"].tolist() == [close]
    assert rig.engine.updates == updates + 1
    rig.pipeline.take(quotes=[quote(6, -2.0, -1.0), quote(7, -2.0, -1.0)])
    refusals = rig.pipeline.refusals
    assert (refusals.accepted, refusals.refused, rig.pipeline.ledger.received) == (1, 2, 3)
    assert rig.engine.updates == updates + 1, "nothing has changed"


def test_what_comes_out_of_order_is_told_by_the_newest_before() -> None:
    rig = Rig("1min")
    rig.pipeline.quality.enable(ValidationRules(check_timestamp_order=True), {})
    rig.take(trade(61.5))
    rig.take(trade(0))
    assert "out_of_order" in str(dict(rig.pipeline.quality.detected))


def test_own_bars_that_cannot_be_read_count_as_of_when_they_came() -> None:
    rig = Rig("1min", source="bars")
    rig.clock.now = at(70)
    rig.pipeline.ledger.received = 0
    broken: Any = (None, 1.0)
    rig.pipeline.lose_batch(0, (), (), [("1min", [(broken, True), (broken, False)])])
    assert (rig.accounting().received, rig.accounting().failed) == (1, 1)


@pytest.mark.parametrize(
    "bad",
    [
        trade(7, size=float("inf")),
        trade(7, size=NAN),
        trade(7, size=-1.0),
        trade(7, price=NAN),
        trade(7, price=float("inf")),
        trade(7, price=0.0),
        (*trade(7)[:3], 10**12, 0, -1),
    ],
)
def test_one_that_cannot_be_is_refused_among_usual_ones(bad: TradeRow) -> None:
    rig = Rig("1min")
    for second in range(5):
        rig.take(trade(second))
    rig.take(trade(6), bad, trade(8))
    made = rig.accounting()
    assert (made.symbol, made.in_bars, sum(made.rejected.values())) == ("X", 7, 1)
    assert rig.engine.frame("1min")["volume"].tolist() == [7.0]


def test_marks_that_change_keep_what_is_to_be_told_already() -> None:
    rig = Rig("1min")
    for second in (5, 65, 125, 185):
        rig.take(trade(second))
    row = own_bar(0)
    rig.engine.unsettled = lambda: [Unsettled(at(70), at(110), at(1))]
    rig.engine.amended.append(("1min", row))
    rig.pipeline.mark_unsettled()
    assert [one.bar.time_ns for one in rig.events(EventType.BAR_AMENDED)] == [row[0], at(60)]
    rig.engine.unsettled = None
    rig.engine.amended.append(("1min", row))
    rig.pipeline.settle_bars()
    assert [one.bar.time_ns for one in rig.events(EventType.BAR_AMENDED)][2:] == [row[0], at(60)]
    assert rig.partial() == [0]
    book = DepthUpdate(START, True, [(99.0, 1.0)], [])
    rig.pipeline.subscribed.add("depth")
    updates = rig.engine.updates
    rig.pipeline.take(depth=[book])
    assert rig.engine.updates == updates + 1
