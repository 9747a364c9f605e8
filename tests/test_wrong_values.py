"""Values that cannot be meant: said with what is allowed, whatever face they are given to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import mdnb
from mdnb.errors import OptionError, TimeframeError
from tests.manager.hand import HandFeed, open_market, trade


@pytest.mark.parametrize(
    "ask",
    [
        lambda given: mdnb.live("X", given, feed=HandFeed(), initial_days=0, progress=False),
        lambda given: mdnb.play("dataset:gold-ticks", given, symbol="GC"),
    ],
)
def test_timeframes_that_are_no_names_are_an_error_of_its_own(ask: Callable[[Any], Any]) -> None:
    for given in (60, 0):
        with pytest.raises(TimeframeError, match=rf"such as '1min', or several: .*; got {given}"):
            ask(given)
    with pytest.raises(OptionError, match="at least one timeframe"):
        ask([])


def test_play_knows_what_is_meant_by_a_single_timeframe() -> None:
    with pytest.raises(OptionError, match="takes timeframes=, one name or several; got timeframe='5min'"):
        mdnb.play("dataset:gold-ticks", symbol="GC", timeframe="5min")


@pytest.mark.parametrize("name", ["price", "last", "bid", "ask", "quote"])
def test_what_the_market_says_cannot_be_set(name: str) -> None:
    feed = HandFeed()
    with open_market(feed) as market:
        feed.trades(trade(1, 100.0, number=1))
        with pytest.raises(AttributeError, match=f"{name} is what the market says and cannot be set; got 3"):
            setattr(market, name, 3)
        assert market.price == 100.0
