"""What is there once is not copied: a copy would share the connection, and be closed with it."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Iterator

import pytest

import mdnb
from mdnb.errors import RuntimeUseError


@pytest.fixture(scope="module")
def live() -> Iterator[mdnb.LiveMarket]:
    with mdnb.live(["MNQ", "MES"], "1min", feed="sim://?speed=1&seed=7", initial_days=0) as market:
        yield market


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, pickle.dumps])
def test_markets_their_data_and_handlers_are_neither_copied_nor_pickled(
    live: mdnb.LiveMarket, copied: Callable[[object], object]
) -> None:
    subscription = live.on("new_bar", print)
    for thing in (live, live["MES"], live.data, subscription):
        with pytest.raises(RuntimeUseError) as caught:
            copied(thing)
        assert str(caught.value) == (
            f"{type(thing).__name__} cannot be copied or pickled: it is there once. "
            'Give other processes live["1min"].frame.'
        )


def test_what_a_handler_was_given_is_counted_by_the_market_alone(live: mdnb.LiveMarket) -> None:
    subscription = live.on("new_bar", print)
    for name in ("type", "handler", "symbol", "delivered", "dropped", "errors", "last_error", "active"):
        before = getattr(subscription, name)
        with pytest.raises(AttributeError, match=name):
            setattr(subscription, name, 3)
        assert getattr(subscription, name) == before
