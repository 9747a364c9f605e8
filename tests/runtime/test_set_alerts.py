"""Alerts are set as they are given, listed by symbol, and go when the cell that set them runs again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import mdnb
from mdnb.errors import SymbolError
from mdnb.instruments import Instrument
from mdnb.runtime.process import cell_things
from tests.manager.hand import HandFeed, trade


class NamedFeed(HandFeed):
    """Of two symbols, each by its own name."""

    def instrument(self, symbol: str) -> Instrument:
        """Return one of that name."""
        return Instrument(symbol, 0.25)


@pytest.fixture
def market() -> Iterator[mdnb.LiveMarket]:
    """Return a market of two symbols, fed by hand."""
    with mdnb.live(["X", "Y"], ["1min"], feed=NamedFeed(), initial_days=0, progress=False) as made:
        yield made


def sent(market: mdnb.LiveMarket, symbol: str, *prices: float) -> None:
    """Let trades be made, a second apart."""
    feed: Any = market._parts.session.feed
    first = market.accounting().received
    rows = [trade(first + at, price) for at, price in enumerate(prices)]
    feed.send({"e": "trades", "s": symbol, "r": rows})


def test_an_alert_is_of_the_price_the_way_the_words_and_the_symbol_that_were_given(
    market: mdnb.LiveMarket,
) -> None:
    either = market.alert(100.0)
    above = market.alert(above=101.0, message="up", once=False)
    below = market.alert(below=99.0, symbol="Y")
    event = market["Y"].alert(event="new_bar", message="a bar")
    made = (either, above, below, event)
    assert [(one.symbol, one.direction) for one in made] == [
        ("X", "either"),
        ("X", "above"),
        ("Y", "below"),
        ("Y", "event"),
    ]
    assert [one.message for one in (above, event)] == ["up", "a bar"]
    assert market.alerts() == [either, above, below, event]
    assert market.alerts("X") == market["X"].alerts() == [either, above]
    assert market["Y"].alerts() == [below, event]
    sent(market, "X", 98.0, 102.0, 98.0, 102.0)
    sent(market, "Y", 100.0, 98.0)
    assert [one.fired for one in made] == [1, 2, 1, 0]
    assert [one.active for one in made] == [False, True, False, True]
    with pytest.raises(SymbolError, match="Z"):
        market.alert(above=1.0, symbol="Z")
    with pytest.raises(SymbolError, match="Z"):
        market.alerts("Z")


def test_a_cell_that_runs_again_cancels_the_alerts_that_it_and_its_handlers_have_set(
    market: mdnb.LiveMarket, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[tuple[str, int] | None] = [("a cell", 1)]
    monkeypatch.setattr(cell_things, "running_cell", lambda: runs[-1])
    by_handler = []

    def handler(event: mdnb.Event) -> None:
        by_handler.append(market.alert(below=1.0, message="set by a handler"))

    subscription = market.on("quote_update", handler)
    own = market.alert(above=500.0)
    runs.append(None)
    nobodys = market.alert(above=501.0)
    feed: Any = market._parts.session.feed
    feed.quotes((trade(0.0, 1.0)[0], 99.0, 1.0, 100.0, 1.0))
    for _ in range(1000):
        if by_handler:
            break
        feed.send()
    assert [one.active for one in (own, nobodys, *by_handler)] == [True] * 3
    runs.append(("a cell", 2))
    again = market.alert(above=502.0)
    assert [one.active for one in (own, nobodys, *by_handler, again)] == [False, True, False, True]
    assert market.alerts() == [nobodys, again]
    assert subscription is not None
