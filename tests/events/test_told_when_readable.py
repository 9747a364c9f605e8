"""Whoever is told of something finds it: at the moment of the event the market says the same."""

from __future__ import annotations

from typing import Any

import pytest

from mdnb.events.types import Event, EventType
from tests.manager.hand import START, HandFeed, minutes, open_market, trade


class Seen:
    """What an internal listener, which is called while the event is sent, could read."""

    def __init__(self, market: Any, kind: EventType, read: Any) -> None:
        self.told: list[Any] = []
        self.read: list[Any] = []
        self._read = read
        self._market = market
        market._parts.session.bus.tap(kind, self._take)

    def _take(self, event: Event) -> None:
        self.told.append(event)
        self.read.append(self._read(self._market, event))


def test_a_status_can_be_read_when_it_is_told() -> None:
    feed = HandFeed(minutes(-5, 5))
    market = open_market(feed)
    seen = Seen(
        market,
        EventType.CONNECTION_STATUS_CHANGED,
        lambda market, _: (market.status, market.is_connected, market._parts.session.health.detail),
    )
    for status in ("disconnected", "connecting", "connected", "disconnected", "connecting"):
        feed.status(status)
    market.close()
    told = [event.data["status"] for event in seen.told]
    assert told[:5] == ["disconnected", "reconnecting", "reconnected", "disconnected", "reconnecting"]
    assert told[-1] == "closed"
    details = [event.data["detail"] for event in seen.told]
    assert seen.read == [
        (status, status == "reconnected", detail) for status, detail in zip(told, details, strict=True)
    ]


def test_a_trade_a_quote_and_a_bar_can_be_read_when_they_are_told() -> None:
    feed = HandFeed(minutes(-5, 5))
    with open_market(feed, "1min", "5min") as market:
        engine = market.data.engine
        ticks = Seen(market, EventType.TICK_DATA, lambda *_: engine.last_trade)
        quotes = Seen(market, EventType.QUOTE_UPDATE, lambda *_: engine.last_quote)
        bars = Seen(
            market,
            EventType.NEW_BAR,
            lambda _, event: engine.frame(event.timeframe, closed_only=True)["close"].iloc[-1],
        )
        changed = Seen(
            market,
            EventType.BAR_AMENDED,
            lambda _, event: engine.frame("1min", closed_only=True)["volume"].iloc[-1],
        )
        feed.trades(trade(1, 100.0, 1.0, 1))
        feed.quotes((START + 10**9, 99.75, 1.0, 100.25, 1.0))
        # The usual next trade, one of a later bar, a late one, and one that ends two bars.
        feed.trades(trade(2, 100.25, 1.0, 2))
        feed.trades(trade(61, 101.0, 1.0, 3))
        feed.trades(trade(59, 102.0, 4.0, 4))
        feed.trades(trade(301, 101.0, 1.0, 5))
        assert len(ticks.told) == 5
        assert [row[1] for row in ticks.read] == [100.0, 100.25, 101.0, 101.0, 101.0]
        assert quotes.read == [(START + 10**9, 99.75, 1.0, 100.25, 1.0)]
        assert [event.timeframe for event in bars.told] == ["1min", "1min", "5min"]
        assert bars.read == [event.close for event in bars.told] == [100.25, 101.0, 101.0]
        assert changed.read == [6.0]


@pytest.mark.parametrize("kind", ["connected", "disconnected"])
def test_a_status_told_again_is_no_news(kind: str) -> None:
    feed = HandFeed()
    with open_market(feed) as market:
        feed.status(kind)
        seen = Seen(market, EventType.CONNECTION_STATUS_CHANGED, lambda market, _: market.status)
        feed.status(kind)
        assert (seen.told, market.status) == ([], kind)
