"""The order book's record: its fields, its figures, and how it reads."""

from __future__ import annotations

import dataclasses
import math

import pandas as pd
import pytest
from hypothesis import given, strategies as st

from mdnb.depth import BookLevel, OrderBookView, imbalance, microprice

BIDS = (BookLevel(21_589.25, 5.0), BookLevel(21_589.0, 12.0))
ASKS = (BookLevel(21_589.5, 3.0), BookLevel(21_589.75, 1_250.0), BookLevel(21_590.0, 1.5))
TIME = 1_763_564_400_123_000_000

sizes = st.floats(0.001, 1e6)
prices = st.floats(0.01, 1e6)


def test_fields_can_be_read_by_name_and_by_key() -> None:
    view = OrderBookView("MNQ", TIME, BIDS, ASKS, -0.5, True, 0.25, "America/Chicago")
    assert view["best_bid"] == view.best_bid == 21_589.25
    assert view["best_ask"] == view.best_ask == 21_589.5
    assert view["spread"] == 0.25
    assert view["mid"] == 21_589.375
    assert view.bid_volume == 17.0
    assert view.ask_volume == 1_254.5
    assert view["bids"][1]["size"] == view.bids[1].size == 12.0
    assert view.time == view.timestamp == pd.Timestamp("2025-11-19 09:00:00.123", tz="America/Chicago")
    assert set(view.keys()) >= {"symbol", "bids", "asks", "imbalance", "ready", "age", "microprice", "time"}
    assert "tz" not in view
    with pytest.raises(KeyError, match="OrderBookView has no field 'bid'"):
        view["bid"]
    with pytest.raises(dataclasses.FrozenInstanceError):
        view.age = 1.0  # type: ignore[misc]  # that it is refused is the point


def test_an_empty_side_is_nan() -> None:
    view = OrderBookView("MNQ", 0, BIDS, (), 1.0)
    assert math.isnan(view.best_ask)
    assert math.isnan(view.spread)
    assert math.isnan(view.mid)
    assert math.isnan(view.microprice)
    assert view.ask_volume == 0.0


def test_it_prints_a_ladder() -> None:
    view = OrderBookView("MNQ", TIME, BIDS, ASKS, tz="America/Chicago")
    assert str(view).splitlines() == [
        "MNQ 2025-11-19 09:00:00.123000-06:00",
        "   ask  21,590.00      1.5",
        "   ask  21,589.75  1,250.0",
        "   ask  21,589.50      3.0",
        "spread       0.25",
        "   bid  21,589.25      5.0",
        "   bid  21,589.00     12.0",
    ]


def test_an_incomplete_book_says_so() -> None:
    told = str(OrderBookView("MNQ", 0, (), (), ready=False))
    assert told.splitlines()[0].endswith("(incomplete: the venue has not sent the whole book)")
    assert told.splitlines()[1] == "   no levels"


@pytest.mark.parametrize(
    ("price", "shown"), [(1.305e-05, "0.00001305"), (61_837.63, "61,837.63"), (3.0, "3")]
)
def test_prices_are_shown_whole(price: float, shown: str) -> None:
    assert f"bid  {shown}  1" in str(OrderBookView("X", 0, (BookLevel(price, 1.0),), ()))


@given(prices, sizes, prices, sizes)
def test_microprice_is_the_published_formula(
    bid: float, bid_size: float, ask: float, ask_size: float
) -> None:
    published = (bid * ask_size + ask * bid_size) / (bid_size + ask_size)
    assert microprice(bid, bid_size, ask, ask_size) == pytest.approx(published)


@given(st.lists(st.tuples(prices, sizes)), st.lists(st.tuples(prices, sizes)))
def test_imbalance_is_between_its_ends_and_turns_with_the_sides(
    bids: list[tuple[float, float]], asks: list[tuple[float, float]]
) -> None:
    assert -1.0 <= imbalance(bids, asks) <= 1.0
    assert imbalance(bids, asks) == -imbalance(asks, bids)
    assert imbalance(bids, []) == (1.0 if bids else 0.0)
