"""The records that are made of rows, field by field."""

from __future__ import annotations

import itertools
import math

import pytest

from mdnb.depth import BookLevel
from mdnb.instruments import Instrument
from mdnb.rows import MARKS, NOT_LAST, NOT_RANGE, NOT_VOLUME, DepthUpdate
from mdnb.runtime.live.records import bar_of, flag_name, order_book_of, price_of, quote_of, tick_of, volume_of
from mdnb.stores.book import OrderBook
from mdnb.stores.columns import AMENDED, FILLED, PARTIAL
from mdnb.stores.ticks import CANCELLED, CORRECTED, IN_BARS, OUTLIER, REFUSED, WAITING

START = 1_772_460_000 * 10**9
LOTS = Instrument("MNQ", 0.25, whole_lots=True)
COINS = Instrument("BTC", 0.01, whole_lots=False)


@pytest.mark.parametrize(("side", "word"), [(1, "buy"), (-1, "sell"), (0, None)])
def test_a_tick_has_what_the_trade_had(side: int, word: str | None) -> None:
    made = tick_of((START, 100.25, 2.0, 3, side, 7), LOTS, "America/Chicago", IN_BARS | NOT_LAST, "MNQH26")
    assert made.side == word
    assert (made.symbol, made.time_ns, made.price, made.size, made.count, made.trade_id) == (
        "MNQ",
        START,
        100.25,
        2.0,
        3,
        7,
    )
    assert (made.flag, made.contract, made.tz, made.decimals) == ("not_last", "MNQH26", "America/Chicago", 2)
    plain = tick_of((START, 100.25, 2.0, 3, side, 7), LOTS, "UTC")
    assert (plain.flag, plain.contract, plain.tz) == ("ok", "", "UTC")
    assert tick_of((START, 100.25, 2.0, 3, side, 7), LOTS, "UTC", 0).flag == "ok"


def test_a_flag_has_one_word_and_what_keeps_a_trade_out_comes_first() -> None:
    out = {REFUSED: "refused", OUTLIER: "outlier", WAITING: "waiting", CANCELLED: "cancelled"}
    for flag, word in out.items():
        for more in (0, CORRECTED, NOT_LAST, MARKS):
            assert flag_name(flag | more) == word
    parts = {
        (NOT_LAST,): "not_last",
        (NOT_RANGE,): "not_range",
        (NOT_VOLUME,): "no_volume",
        (NOT_LAST, NOT_RANGE): "volume_only",
        (NOT_LAST, NOT_VOLUME): "range_only",
        (NOT_RANGE, NOT_VOLUME): "last_only",
        (NOT_LAST, NOT_RANGE, NOT_VOLUME): "not_counted",
    }
    for marks, word in parts.items():
        assert flag_name(IN_BARS | sum(marks)) == word
        assert flag_name(IN_BARS | sum(marks) | CORRECTED) == word
    assert (flag_name(IN_BARS), flag_name(IN_BARS | CORRECTED)) == ("ok", "corrected")


def test_a_price_and_a_quote_have_their_time_and_age() -> None:
    made = price_of(100.25, START, LOTS, "Europe/Berlin", 1.5)
    assert (float(made), made.symbol, made.time_ns, made.age, made.tz, made.decimals) == (
        100.25,
        "MNQ",
        START,
        1.5,
        "Europe/Berlin",
        2,
    )
    assert price_of(100.25, START, LOTS, "UTC").age == 0.0
    row = (START, 100.0, 3.0, 100.5, 4.0)
    quote = quote_of(row, LOTS, "Europe/Berlin", 2.5)
    assert (quote.time_ns, quote.bid, quote.bid_size, quote.ask, quote.ask_size) == row
    assert (quote.symbol, quote.age, quote.tz, quote.decimals) == ("MNQ", 2.5, "Europe/Berlin", 2)
    assert quote_of(row, LOTS, "UTC").age == 0.0


def test_a_bar_has_what_its_row_had() -> None:
    row = (START, 1.0, 4.0, 0.5, 2.0, 10.0, 3, 25.0)
    made = bar_of(
        row,
        LOTS,
        "Asia/Tokyo",
        "5min",
        closed=False,
        end_ns=START + 5,
        closed_ns=START + 6,
        contract="MNQH26",
    )
    assert (made.symbol, made.timeframe, made.time_ns, made.tz, made.decimals) == (
        "MNQ",
        "5min",
        START,
        "Asia/Tokyo",
        2,
    )
    assert (made.open, made.high, made.low, made.close, made.volume, made.tick_count) == (
        1.0,
        4.0,
        0.5,
        2.0,
        10,
        3,
    )
    assert (made.vwap, made.closed, made.end_ns, made.closed_ns, made.contract) == (
        2.5,
        False,
        START + 5,
        START + 6,
        "MNQH26",
    )
    plain = bar_of(row, LOTS, "UTC", "1min")
    assert (plain.closed, plain.end_ns, plain.closed_ns, plain.contract) == (True, 0, 0, "")


@pytest.mark.parametrize("flags", [*itertools.product([0, FILLED], [0, AMENDED], [0, PARTIAL])])
def test_what_a_bar_is_marked_as_is_told_each_by_itself(flags: tuple[int, int, int]) -> None:
    made = bar_of((START, 1.0, 1.0, 1.0, 1.0, 0.0, 0, 0.0), LOTS, "UTC", "1min", flags=sum(flags))
    assert (made.filled, made.amended, made.partial) == tuple(map(bool, flags))
    assert math.isnan(made.vwap), "nothing was traded"


def test_whole_lots_are_whole_numbers() -> None:
    assert isinstance(volume_of(3.0, LOTS), int)
    assert volume_of(2.9999999, LOTS) == 3
    assert isinstance(volume_of(3.0, COINS), float)
    assert volume_of(2.5, COINS) == 2.5


def test_a_book_has_its_best_levels() -> None:
    book = OrderBook(0.25)
    empty = order_book_of(book, LOTS, "UTC", 2)
    assert (empty.bids, empty.asks, empty.ready, empty.age) == ((), (), False, 0.0)
    bids, asks = [(99.0, 1.0), (99.5, 3.0), (98.0, 9.0)], [(101.0, 2.0), (100.5, 1.0), (103.0, 9.0)]
    book.apply(DepthUpdate(START, True, bids, asks))
    made = order_book_of(book, LOTS, "Asia/Tokyo", 2, 1.5)
    assert made.bids == (BookLevel(99.5, 3.0, decimals=2), BookLevel(99.0, 1.0, decimals=2))
    assert made.asks == (BookLevel(100.5, 1.0, decimals=2), BookLevel(101.0, 2.0, decimals=2))
    assert [level.decimals for level in (*made.bids, *made.asks)] == [2] * 4
    assert (made.symbol, made.time_ns, made.ready, made.age, made.tz, made.decimals) == (
        "MNQ",
        START,
        True,
        1.5,
        "Asia/Tokyo",
        2,
    )
    # Of those two levels a side, not of all: 4 bid, 3 offered.
    assert made.imbalance == pytest.approx((4.0 - 3.0) / 7.0)
