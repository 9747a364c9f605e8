"""What an event offers: its own names, the fields of what it carries, and that by its own name."""

from __future__ import annotations

import queue
import re

import pytest

import mdnb
from mdnb.events.types import Event, EventType
from mdnb.types import Bar, Quote, Record, Tick
from tests.limits import LIMIT_SECONDS

BAR = Bar("MNQ", "1min", 1_700_000_040_000_000_000, 15_900, 15_903, 15_899, 15_902, 41, 17)
TICK = Tick("MNQ", 1_700_000_000_000_000_000, 15_900.25, 2, side="buy")
QUOTE = Quote("MNQ", 1_700_000_000_000_000_000, bid=15_900.0, bid_size=3, ask=15_900.5, ask_size=1)
NAMES = ("bar", "tick", "quote")


@pytest.mark.parametrize(
    ("kind", "name", "data"),
    [
        (EventType.NEW_BAR, "bar", BAR),
        (EventType.BAR_CONSTRUCTED, "bar", BAR),
        (EventType.BAR_UPDATED, "bar", BAR),
        (EventType.BAR_AMENDED, "bar", BAR),
        (EventType.TICK_DATA, "tick", TICK),
        (EventType.QUOTE_UPDATE, "quote", QUOTE),
    ],
)
def test_what_an_event_carries_is_there_by_its_own_name(kind: EventType, name: str, data: Record) -> None:
    event = Event(kind, "MNQ", 0, data)
    assert getattr(event, name) is event[name] is data
    offered = set(dir(event))
    assert offered & set(NAMES) == {name}
    assert set(data.keys()) <= offered
    assert {"data", "symbol", "time", "type", "view"} <= offered
    for other in set(NAMES) - {name}:
        assert not hasattr(event, other)


def test_a_field_that_there_is_not_is_told_with_those_there_are() -> None:
    with pytest.raises(AttributeError, match=re.escape("Did you mean 'bar'? Allowed: type, ")):
        _ = Event(EventType.NEW_BAR, "MNQ", 0, BAR).bars
    closed = Event(EventType.BARS_CLOSED, "MNQ", 0, {"bars": {"1min": BAR}})
    with pytest.raises(AttributeError, match=r"a BARS_CLOSED event has no field 'bar'\. Did you mean 'bars'"):
        _ = closed.bar
    assert closed.bars["1min"] is BAR
    assert "bars" in dir(closed)
    assert "bar" not in dir(closed)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("new_bar", "bar"),
        ("bar_constructed", "bar"),
        ("bar_updated", "bar"),
        ("tick_data", "tick"),
        ("quote_update", "quote"),
    ],
)
def test_a_markets_events_have_it(kind: str, name: str) -> None:
    told: queue.SimpleQueue[object] = queue.SimpleQueue()
    with mdnb.live("MNQ", "1s", feed="sim://?speed=60&seed=7", initial_days=0) as live:
        live.on(kind, lambda event: told.put(getattr(event, name, None) is event.data))
        assert told.get(timeout=LIMIT_SECONDS) is True
