"""Good trades and refused ones, against a plain list of the last good prices."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, strategies as st

from mdnb.rows import TradeRow
from mdnb.validate.tick_rules import TickRules

LATEST = 1_000
REASONS = [
    ((5, 0.0, 1.0), "price_not_positive"),
    ((5, -1.0, 1.0), "price_not_positive"),
    ((5, math.nan, 1.0), "not_finite"),
    ((5, math.inf, 1.0), "not_finite"),
    ((5, 100.0, math.nan), "not_finite"),
    ((5, 100.0, math.inf), "not_finite"),
    ((5, 100.0, -1.0), "size_negative"),
    ((0, 100.0, 1.0), "time_not_positive"),
    ((-1, 100.0, 1.0), "time_not_positive"),
    ((LATEST + 1, 100.0, 1.0), "time_in_future"),
    ((5, 1000.0, 1.0), "price_absurd"),
    ((5, 10.0, 1.0), "price_absurd"),
    # On the edges, and within.
    ((LATEST, 100.0, 1.0), None),
    ((1, 100.0, 0.0), None),
    ((5, 999.99, 1.0), None),
    ((5, 10.01, 1.0), None),
]


def trade(price: float, size: float = 1.0, at: int = 5) -> TradeRow:
    return (at, price, size, 1, 0, -1)


def seeded(*prices: float) -> TickRules:
    rules = TickRules()
    rules.seed(prices or [100.0])
    return rules


@pytest.mark.parametrize(("given_", "reason"), REASONS)
@pytest.mark.parametrize("others", [0, 3])
@pytest.mark.parametrize("bad", [0, 1])
def test_each_trade_is_good_or_refused_for_one_reason_alone_or_among_others(
    given_: tuple[int, float, float], reason: str | None, others: int, bad: int
) -> None:
    at, price, size = given_
    row, first = trade(price, size, at), [trade(-5.0)] * bad
    rows = first + [trade(100.0)] * others + [row] + [trade(101.0)] * others
    good, refused = seeded().split(rows, LATEST)
    assert refused == [("price_not_positive", one) for one in first] + ([(reason, row)] if reason else [])
    assert list(good) == [one for one in rows[bad:] if one is not row or reason is None]


def test_a_batch_of_good_trades_goes_on_as_it_came() -> None:
    rows = [trade(100.0, 0.0, 1), trade(999.99, 1e9, LATEST)]
    good, refused = seeded().split(rows, LATEST)
    assert good is rows
    assert refused == []


def one_by_one(rules: TickRules, prices: Sequence[float]) -> list[bool]:
    return [not rules.split([trade(price)])[1] for price in prices]


def in_one_batch(rules: TickRules, prices: Sequence[float]) -> list[bool]:
    rows = [trade(price) for price in prices]
    refused = [row for _, row in rules.split(rows)[1]]
    return [not any(row is one for one in refused) for row in rows]


def misprints_apart(rules: TickRules, prices: Sequence[float]) -> list[bool]:
    """Each price that is off alone, those between them as one batch of several."""
    taken: list[bool] = []
    held: list[TradeRow] = []
    for price in [*prices, math.nan]:
        if 50 < price < 200:
            held.append(trade(price))
            continue
        if held:
            taken += [not rules.split(held)[1]] * len(held)
            held = []
        if price == price:
            taken += one_by_one(rules, [price])
    return taken


@pytest.mark.parametrize("ways", [one_by_one, in_one_batch, misprints_apart])
@pytest.mark.parametrize("between", [1, 3])
@pytest.mark.parametrize("off", [2e6, 0.01])
def test_misprints_with_good_trades_between_them_never_become_the_level(
    ways: Callable[[TickRules, Sequence[float]], list[bool]], between: int, off: float
) -> None:
    prices = [off, *[100.0, 100.25, 99.75][:between]] * 25
    assert ways(seeded(), prices) == [price != off for price in prices]


@pytest.mark.parametrize("ways", [one_by_one, in_one_batch])
@pytest.mark.parametrize("level", [2e6, 0.01])
def test_ten_in_a_row_that_agree_are_the_level_and_nine_are_not(
    ways: Callable[[TickRules, Sequence[float]], list[bool]], level: float
) -> None:
    rules = seeded()
    assert ways(rules, [level] * 9 + [100.0]) == [False] * 9 + [True]
    assert ways(rules, [level] * 12) == [False] * 9 + [True] * 3
    # The old level is what is absurd now, and has to prove itself as the new one had to.
    assert ways(rules, [100.0] * 10) == [False] * 9 + [True]


def test_ten_in_a_row_that_do_not_agree_are_no_level() -> None:
    assert one_by_one(seeded(), [2e6, 0.01] * 10) == [False] * 20
    # A hundredfold apart they do not agree either way round.
    assert one_by_one(seeded(), [1e4, 1e6] * 10) == [False] * 20
    assert one_by_one(seeded(), [1e6, 1e4] * 10) == [False] * 20


class Plain:
    """What the rules say, trade by trade, without any short way.

    The level is looked at anew after each 32 calls of `see`: once a trade, or once a batch that is all good.
    """

    def __init__(self, seeds: Sequence[float], factor: float) -> None:
        self.factor = factor
        self.recent = list(seeds)
        self.absurd: list[float] = []
        self.seen = 0
        self.middle = self.found()

    def found(self) -> float:
        return statistics.median_high(self.recent[-31:]) if self.recent else math.nan

    def is_near(self, price: float) -> bool:
        return self.middle != self.middle or self.middle / self.factor < price < self.middle * self.factor

    def see(self, price: float) -> None:
        self.absurd = []
        self.recent.append(price)
        self.seen += 1
        if self.seen == 32 or self.middle != self.middle:
            self.seen = 0 if self.seen == 32 else self.seen
            self.middle = self.found()

    def take(self, prices: Sequence[float]) -> list[bool]:
        if self.recent and all(map(self.is_near, prices)):
            self.see(prices[-1])
            return [True] * len(prices)
        taken = []
        for price in prices:
            if not self.is_near(price):
                near = [one for one in self.absurd if 1 / self.factor < one / price < self.factor]
                self.absurd = [*near, price]
                if len(self.absurd) < 10:
                    taken.append(False)
                    continue
                self.recent, self.absurd = list(self.absurd), []
                self.middle = self.found()
            taken.append(True)
            self.see(price)
        return taken


_price = st.one_of(
    st.sampled_from([100.0, 100.25, 99.0, 2e3, 2.1e3, 1.9e3, 3.0, 3.1]),
    st.floats(1e-3, 1e6),
)


@given(
    st.lists(st.floats(50.0, 150.0), max_size=40),
    st.lists(
        st.one_of(
            st.lists(_price, min_size=1, max_size=40),
            st.tuples(_price, st.integers(1, 40)).map(lambda one: [one[0]] * one[1]),
        ),
        max_size=20,
    ),
    st.sampled_from([None, 0.05, 0.5]),
)
def test_what_is_near_the_level_is_taken_and_nothing_else(
    seeds: list[float], batches: list[list[float]], share: float | None
) -> None:
    rules = TickRules()
    rules.seed([*seeds, math.nan, 0.0, -5.0, math.inf][: len(seeds) + 4 * bool(seeds)])
    rules.set_deviation(share)
    plain = Plain(seeds, 10.0 if share is None else 1.0 + share)
    for batch in batches:
        rows = [trade(price) for price in batch]
        good, refused = rules.split(rows)
        taken = plain.take(batch)
        assert [row[1] for row in good] == [price for price, fits in zip(batch, taken, strict=True) if fits]
        assert [row[1] for _, row in refused] == [
            price for price, fits in zip(batch, taken, strict=True) if not fits
        ]
        assert {reason for reason, _ in refused} <= {"price_absurd" if share is None else "price_deviation"}


def test_a_share_is_of_the_level_either_way_and_taken_back() -> None:
    rules = seeded()
    rules.set_deviation(0.25)
    assert one_by_one(rules, [124.9, 125.1, 80.1, 79.9]) == [True, False, True, False]
    rules.set_deviation(None)
    assert one_by_one(rules, [125.1, 79.9]) == [True, True]
    assert rules.split([trade(1e6)])[1][0][0] == "price_absurd"


def test_the_level_follows_the_newest_prices() -> None:
    rules = seeded()
    price = 100.0
    for _ in range(800):
        price *= 1.01
        assert one_by_one(rules, [price]) == [True]
    assert price > 10 * 100.0
    assert one_by_one(rules, [100.0]) == [False]


def test_the_level_is_found_anew_after_so_many_trades_and_not_at_each() -> None:
    for count, taken in ((31, True), (32, False)):
        rules = seeded()
        assert all(one_by_one(rules, [500.0] * count))
        assert one_by_one(rules, [45.0]) == [taken]
    rules = seeded()
    # The next time is as far off as the first one was.
    assert all(one_by_one(rules, [500.0] * 32 + [900.0] * 31))
    assert (rules.low, rules.high) == (50.0, 5000.0)
    assert one_by_one(rules, [900.0]) == [True]
    assert (rules.low, rules.high) == (90.0, 9000.0)
