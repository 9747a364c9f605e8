"""Alerts: what fires, when, and who is told; against a rule that looks at one trade after another."""

from __future__ import annotations

import itertools
import threading
from typing import Any

import pytest
from hypothesis import given, strategies as st

from mdnb.errors import ClosedError, OptionError
from mdnb.events.types import Event, EventType
from mdnb.runtime.live.price_alerts import Alert
from tests.runtime.live.test_pipeline import SECOND, START, Rig

_PRICES = [99.5, 99.75, 100.0, 100.25, 100.5]


def _row(at: int, price: float, trade_id: int | None = None) -> tuple[int, float, float, int, int, int]:
    return (START + at * 1_000_000, price, 1.0, 1, 0, at + 1 if trade_id is None else trade_id)


class Told:
    """The ALERT events of a rig, in order."""

    def __init__(self, rig: Rig) -> None:
        self.events: list[Event] = []
        rig.bus.tap(EventType.ALERT, self.events.append)

    def of(self, alert: Alert) -> list[tuple[int, str, float]]:
        return [
            (event.time_ns, event.direction, event.trade_price)
            for event in self.events
            if event.alert == alert.id
        ]


def _expected(
    direction: str, price: float, once: bool, start: float | None, trades: list[tuple[int, float]]
) -> list[tuple[int, str, float]]:
    """Return what has to fire: time, side and price of the trade."""
    out = []
    stands_there = start == price
    before = start
    for time_ns, after in trades:
        if before is None:
            stands_there = after == price
        elif stands_there:
            if after != price:
                out.append((time_ns, "above" if after > price else "below", after))
                stands_there = False
        elif before < price <= after:
            out.append((time_ns, "above", after))
        elif before > price >= after:
            out.append((time_ns, "below", after))
        before = after
    out = [hit for hit in out if direction in ("either", hit[1])]
    return out[:1] if once else out


def _set(rig: Rig, direction: str, price: float, once: bool) -> Alert:
    if direction == "either":
        return rig.engine.alerts.add(price, once=once)
    return rig.engine.alerts.add(**{direction: price}, once=once)


_settings = st.tuples(st.sampled_from(["either", "above", "below"]), st.sampled_from(_PRICES), st.booleans())


@given(
    st.lists(st.sampled_from([*_PRICES, -1.0]), max_size=40),
    st.lists(st.integers(0, 40), max_size=40),
    st.sampled_from([None, *_PRICES]),
    st.lists(_settings, min_size=1, max_size=6),
    st.lists(st.integers(1, 7), min_size=1, max_size=10),
)
def test_the_same_fires_however_the_trades_are_batched(
    prices: list[float],
    doubled: list[int],
    start: float | None,
    wanted: list[tuple[str, float, bool]],
    sizes: list[int],
) -> None:
    rig = Rig()
    told = Told(rig)
    if start is not None:
        rig.trades(_row(0, start))
    alerts = [_set(rig, *each) for each in wanted]
    rows = [_row(1 + at, price) for at, price in enumerate(prices)]
    for at in doubled:
        if at < len(rows):
            # The same id once more, at a price far away: it does not count.
            rows.insert(at + 1, (*rows[at][:1], 99.5, *rows[at][2:]))
    given_rows, left = rows, itertools.cycle(sizes)
    while given_rows:
        size = next(left)
        rig.trades(*given_rows[:size])
        given_rows = given_rows[size:]
    ticks = rig.engine.recent(1000)
    accepted = [(int(tick["ts_ns"]), float(tick["price"])) for tick in ticks if tick["flag"] == 0]
    assert {price for _, price in accepted} <= set(_PRICES)
    later = accepted[start is not None :]
    for alert, (direction, price, once) in zip(alerts, wanted, strict=True):
        expected = _expected(direction, price, once, start, later)
        assert told.of(alert) == expected
        assert alert.fired == len(expected)
        assert alert.active is not (once and bool(expected))
        assert alert.fired_ns == (expected[-1][0] if expected else None)
        assert alert.trade_price == (expected[-1][2] if expected else None)
    times = [event.time_ns for event in told.events]
    assert times == sorted(times)


def test_a_price_that_comes_back_within_a_batch_fires() -> None:
    rig = Rig()
    told = Told(rig)
    rig.trades(_row(0, 100.0))
    high, low = rig.engine.alerts.add(above=110.0), rig.engine.alerts.add(below=95.0)
    rig.trades(_row(1, 100.25), _row(2, 110.0), _row(3, 95.0), _row(4, 100.0))
    assert [(event.alert, event.price, event.trade_price, event.direction) for event in told.events] == [
        (high.id, 110.0, 110.0, "above"),
        (low.id, 95.0, 95.0, "below"),
    ]
    assert high.fired_at is not None
    assert high.fired_at.value == START + 2_000_000
    assert str(high.fired_at.tz) == "UTC"
    assert told.events[0].time == high.fired_at
    assert told.events[0].symbol == "X"


def test_a_held_back_outlier_does_not_count_and_a_confirmed_jump_does() -> None:
    rig = Rig()
    rows = [_row(at, 100.0 + 0.25 * (at % 3)) for at in range(200)]
    rig.trades(*rows)
    from mdnb.runtime.live.outlier_gate import OutlierGate

    rig.pipeline.outlier_gate = OutlierGate(rig.engine)
    alert = rig.engine.alerts.add(above=150.0)
    rig.trades(_row(300, 200.0), _row(301, 100.25), _row(302, 100.0))
    assert rig.accounting().held_back == 1
    assert alert.fired == 0
    rig.trades(*(_row(400 + at, 200.0 + 0.25 * (at % 2)) for at in range(60)))
    assert alert.fired == 1


def test_quotes_and_bars_count_where_there_are_no_trades() -> None:
    rig = Rig(source="quotes")
    quote = '{{"e":"quotes","s":"X","r":[[{},{},1,{},1]]}}'
    rig.feed(quote.format(START, 99.75, 100.25))
    crossed = rig.engine.alerts.add(100.5)
    rig.feed(quote.format(START + SECOND, 100.0, 100.75))
    assert crossed.fired == 0
    rig.feed(quote.format(START + 2 * SECOND, 100.25, 100.75))
    assert (crossed.fired, crossed.trade_price) == (1, 100.5)

    rig = Rig(source="bars")
    told = Told(rig)
    bar = '{{"e":"bars","s":"X","tf":"1min","closed":true,"r":[[{},{},{},{},{},5,3,0]]}}'
    minute = 60 * SECOND
    begun = START - START % minute
    rig.feed(bar.format(begun, 100, 101, 99, 100.5))
    high, low = rig.engine.alerts.add(102.0, once=False), rig.engine.alerts.add(98.0)
    rig.feed(bar.format(begun + minute, 100.5, 103, 97, 101))
    assert [event.alert for event in told.events] == [low.id, high.id, high.id]
    rig.feed(bar.format(begun + 2 * minute, 101, 103, 97, 100))
    assert (high.fired, low.fired) == (4, 1)


def test_events_fire_those_that_wait_for_them_and_survive_off() -> None:
    rig = Rig()
    told = Told(rig)
    first, each = (rig.engine.alerts.add(event="new_bar", once=once) for once in (True, False))
    assert first.message == "X: NEW_BAR"
    rig.bus.off("new_bar")
    rig.trades(_row(0, 100.0))
    rig.trades(_row(400_000, 100.0))
    closed = 2  # 1min and 5min
    assert (first.fired, each.fired) == (1, closed)
    assert [(event.direction, event.event, event.price) for event in told.events] == [
        ("event", "NEW_BAR", None)
    ] * (closed + 1)
    each.cancel()
    rig.trades(_row(800_000, 100.0))
    assert each.fired == closed
    assert not rig.bus.wants(EventType.NEW_BAR)
    another = Event(EventType.DATA_GAP, "Y", START, {})
    gap = rig.engine.alerts.add(event=EventType.DATA_GAP)
    rig.bus.emit(another)
    assert gap.fired == 0


def test_cancelled_ones_are_silent_and_those_over_are_listed_behind() -> None:
    rig = Rig()
    book = rig.engine.alerts
    rig.trades(_row(0, 100.0))
    twice, once, gone = book.add(100.5, once=False), book.add(100.5, message="<b>"), book.add(100.5)
    version, updates = book.version, rig.engine.updates
    gone.cancel()
    gone.cancel()
    assert book.version == version + 1
    assert rig.engine.updates == updates + 1
    rig.trades(_row(1, 101.0), _row(2, 100.0), _row(3, 101.0))
    assert [alert.fired for alert in (twice, once, gone)] == [3, 1, 0]
    assert book.listed() == [twice, once]
    assert (twice.active, once.active, gone.active) == (True, False, False)
    assert once.message == "<b>"
    once.cancel()
    twice.cancel()
    assert book.listed() == []
    assert book.prices == []
    for at in range(4, 304, 2):
        book.add(100.5)
        rig.trades(_row(at, 100.0, -1), _row(at + 1, 101.0, -1))
    assert len(book.listed()) == 100


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "a price, above=, below= or event=; got none"),
        ({"above": 1.0, "below": 2.0}, "got above=1.0, below=2.0"),
        ({"price": 1.0, "event": "new_bar"}, "got price=1.0, event='new_bar'"),
        ({"price": "high"}, "price must be a finite number; got 'high'"),
        ({"above": float("nan")}, "above must be a finite number"),
        ({"below": True}, "below must be a finite number; got True"),
        ({"event": "new_bars"}, "NEW_BAR"),
        ({"event": "alert"}, "register a handler"),
        ({"price": 1.0, "once": 1}, "once must be True or False; got 1"),
        ({"price": 1.0, "message": 5}, "message must be a text"),
        ({"price": 1.0, "message": "x" * 501}, "at most 500"),
    ],
)
def test_options_are_checked(options: dict[str, Any], message: str) -> None:
    book = Rig().engine.alerts
    with pytest.raises(OptionError, match=message):
        book.add(**options)
    assert book.listed() == []


def test_a_closed_market_takes_no_alert() -> None:
    rig = Rig()
    held = rig.engine.alerts.add(100.0)
    rig.engine.alerts.close()
    assert not held.active
    assert rig.engine.alerts.listed() == [held]
    with pytest.raises(ClosedError, match="X was closed"):
        rig.engine.alerts.add(100.0)


def test_alerts_may_be_set_and_cancelled_while_trades_come() -> None:
    rig = Rig()
    rig.trades(_row(0, 100.0))
    done = threading.Event()

    def change() -> None:
        while not done.is_set():
            for alert in [rig.engine.alerts.add(99.75 + 0.25 * i) for i in range(4)]:
                alert.cancel()

    worker = threading.Thread(target=change)
    worker.start()
    try:
        for at in range(1, 600):
            rig.trades(_row(at, 100.0 + (at % 3) * 0.25))
    finally:
        done.set()
        worker.join()
    assert rig.engine.alerts.prices == []
    assert rig.accounting().balanced


def test_an_event_that_comes_while_its_alert_is_cancelled_fires_nothing() -> None:
    rig = Rig()
    alert = _set(rig, "above", 100.25, once=False)
    assert repr(alert).endswith("active, fired 0 times>")
    alert.cancel()
    # As the bus does that took the event up a moment earlier.
    told = Event(EventType.NEW_BAR, "X", START, {})
    assert rig.engine.alerts.happened(alert, told) == []
    assert repr(alert).endswith("over, fired 0 times>")


def test_an_alert_says_what_it_waits_for() -> None:
    book = Rig().engine.alerts
    waits = {
        "when 1,100.25 is crossed": book.add(1_100.25),
        "when 1,100.25 is crossed upwards": book.add(above=1_100.25),
        "when 1,100.25 is crossed downwards": book.add(below=1_100.25),
        "with each NEW_BAR": book.add(event="new_bar"),
    }
    for words, alert in waits.items():
        assert repr(alert) == f"<Alert {alert.id} {alert.message!r} on X, {words}: active, fired 0 times>"
    assert [alert.message for alert in waits.values()] == [
        "X crosses 1,100.25",
        "X at or above 1,100.25",
        "X at or below 1,100.25",
        "X: NEW_BAR",
    ]


def test_whoever_shows_the_alerts_is_told_of_each_change() -> None:
    rig = Rig()
    book = rig.engine.alerts
    seen = [book.version]
    rig.trades(_row(0, 100.0))
    for change in (
        lambda: book.add(100.5, once=False),
        lambda: book.add(event="new_bar"),
        lambda: rig.trades(_row(1, 101.0)),
        lambda: rig.trades(_row(2, 100.0)),
        lambda: book.remove(book.listed()[0]),
        book.close,
    ):
        updates = rig.engine.updates
        change()
        seen.append(book.version)
        assert rig.engine.updates > updates
    assert seen == sorted(set(seen))


@pytest.mark.parametrize(
    "name", ["price", "message", "once", "active", "fired", "direction", "fired_at", "above"]
)
def test_an_alert_stays_as_it_was_set(name: str) -> None:
    rig = Rig()
    told = Told(rig)
    alert = rig.engine.alerts.add(100.0)
    with pytest.raises(AttributeError, match=rf"stays as it was set, and takes no '{name}'; got 7\."):
        setattr(alert, name, 7)
    with pytest.raises(AttributeError, match="cannot be deleted"):
        delattr(alert, name)
    rig.engine.alerts.add(99.0).cancel()
    rig.pipeline.take([_row(0, 99.0), _row(1, 101.0)])
    assert (len(told.of(alert)), alert.fired, alert.active) == (1, 1, False)
    rig.engine.alerts.close()
    assert rig.engine.alerts.prices == []


ONE_THING = "give one thing to wait for: a price, above=, below= or event="


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {},
            f"{ONE_THING}; got none. Several make several alerts.",
        ),
        (
            {"price": 1.0, "above": 2, "below": 3.5, "event": "roll"},
            f"{ONE_THING}; got price=1.0, above=2, below=3.5, event='roll'. Several make several alerts.",
        ),
        ({"price": 1.0, "once": None}, "once must be True or False; got None"),
        (
            {"price": 1.0, "message": "x" * 501},
            f"message must be a text of at most 500 letters; got {'x' * 501!r}",
        ),
        ({"price": 1.0, "message": 7}, "message must be a text of at most 500 letters; got 7"),
        ({"price": "7"}, "price must be a finite number; got '7'"),
        ({"above": float("inf")}, "above must be a finite number; got inf"),
        ({"below": 1j}, "below must be a finite number; got 1j"),
        ({"event": "alert"}, "an alert cannot wait for alerts; register a handler: live.on('alert', ...)"),
    ],
)
def test_what_cannot_be_waited_for_is_told_word_for_word(options: dict[str, Any], message: str) -> None:
    book = Rig().engine.alerts
    version = book.version
    with pytest.raises(OptionError) as told:
        book.add(**options)
    assert str(told.value) == message
    assert (book.listed(), book.prices, book.version) == ([], [], version)


def test_an_alert_has_what_was_given_and_counts_as_one_change() -> None:
    rig = Rig()
    book = rig.engine.alerts
    first = book.add(101.0)
    assert (first.symbol, first.direction, first.price, first.event, first.once) == (
        "X",
        "either",
        101.0,
        None,
        True,
    )
    assert (first.fired, first.active, first.trade_price, first.fired_ns, first.fired_at) == (
        0,
        True,
        None,
        None,
        None,
    )
    assert book.version == 1
    second = book.add(above=100, message="m" * 500, once=False)
    assert (second.direction, second.price, second.message, second.once) == ("above", 100.0, "m" * 500, False)
    assert isinstance(second.price, float)
    third = book.add(below=99.0, message="")
    assert (third.direction, third.message) == ("below", "")
    fourth = book.add(event="new_bar")
    assert (fourth.direction, fourth.price, fourth.event) == ("event", None, EventType.NEW_BAR)
    assert [one.id for one in book.listed()] == list(range(first.id, first.id + 4))
    assert (book.prices, book.version) == ([99.0, 100.0, 101.0], 4)
    # The one on an event has no price among them, and nothing that is taken fires it.
    rig.trades(_row(0, 100.5), _row(1, 101.0))
    assert (first.fired, first.trade_price, first.fired_ns) == (1, 101.0, START + 1_000_000)
    assert first.fired_at is not None
    assert first.fired_at.value == START + 1_000_000
    assert (book.prices, book.version, book.listed()) == ([99.0, 100.0], 5, [second, third, fourth, first])


def test_what_fired_says_what_was_waited_for_and_what_came() -> None:
    rig = Rig()
    book = rig.engine.alerts
    alert = book.add(100.0, message="there", once=False)
    last = (START, 99.0, 1.0, 1, 0, -1)
    rows = [(START + 5, 100.0, 1.0, 1, 0, -1), (START + 9, 99.5, 1.0, 1, 0, -1)]
    common = {"alert": alert.id, "message": "there", "price": 100.0, "event": None}
    assert book.take(rows, last) == [(START + 5, {**common, "direction": "above", "trade_price": 100.0})]
    # It has left the price that it was set at: from there on only what crosses counts.
    assert book.take([rows[1]], rows[0]) == []
    later = (START + 20, 101.0, 1.0, 1, 0, -1)
    assert book.take([later], rows[1]) == [
        (START + 20, {**common, "direction": "above", "trade_price": 101.0})
    ]
    assert book.take([rows[1]], later) == [(START + 9, {**common, "direction": "below", "trade_price": 99.5})]
    assert book.take([], last) == []
    seen: list[Event] = []
    waits = book.add(event="new_bar")
    rig.bus.tap(EventType.ALERT, seen.append)
    event = Event(EventType.NEW_BAR, "X", START + 7, {})
    assert book.happened(waits, event) == [
        (
            START + 7,
            {
                "alert": waits.id,
                "message": "X: NEW_BAR",
                "direction": "event",
                "price": None,
                "trade_price": None,
                "event": "NEW_BAR",
            },
        )
    ]
    assert book.happened(waits, event) == [], "it is over"


@pytest.mark.parametrize("rose", [True, False])
def test_a_bar_goes_to_its_near_end_first(rose: bool) -> None:
    book = Rig().engine.alerts
    high, low = book.add(above=103.0), book.add(below=97.0)
    open_, close = (100.0, 101.0) if rose else (101.0, 100.0)
    bar = (START, open_, 104.0, 96.0, close, 5.0, 3, 500.0)
    fired = book.take_bars([bar], None)
    told = [(data["alert"], data["direction"], data["trade_price"], at) for at, data in fired]
    both = [(low.id, "below", 96.0, START), (high.id, "above", 104.0, START)]
    assert told == (both if rose else both[::-1])
    assert book.take_bars([bar], None) == []
    even = Rig().engine.alerts
    high, low = even.add(above=103.0), even.add(below=97.0)
    fired = even.take_bars([(START, 100.0, 104.0, 96.0, 100.0, 5.0, 3, 500.0)], None)
    assert [data["alert"] for _, data in fired] == [low.id, high.id]


def test_alerts_that_fire_at_once_do_so_in_the_order_they_were_set() -> None:
    book = Rig().engine.alerts
    alerts = [book.add(price) for price in (101.0, 100.5, 100.75, 102.0, 103.0)]
    rows = [(START + 1, 101.0, 1.0, 1, 0, -1), (START + 2, 102.0, 1.0, 1, 0, -1)]
    fired = book.take(rows, (START, 100.0, 1.0, 1, 0, -1))
    assert [data["alert"] for _, data in fired] == [one.id for one in alerts[:4]]
    assert [at - START for at, _ in fired] == [1, 1, 1, 2]
    assert [one.active for one in alerts] == [False] * 4 + [True]


def test_closing_ends_all_and_keeps_them_listed() -> None:
    rig = Rig()
    book = rig.engine.alerts
    open_ones = [book.add(100.0), book.add(event="new_bar"), book.add(above=5.0, once=False)]
    version, updates = book.version, rig.engine.updates
    book.close()
    assert book.listed() == open_ones
    assert [one.active for one in open_ones] == [False] * 3
    assert (book.prices, book.version, rig.engine.updates) == ([], version + 1, updates + 1)
    with pytest.raises(ClosedError) as told:
        book.add(100.0)
    assert str(told.value) == "the market of X was closed: no alert would fire"
    # What is over may be taken off the list still, once.
    open_ones[0].cancel()
    open_ones[0].cancel()
    assert book.listed() == open_ones[1:]
    assert book.version == version + 2
