"""Masks of the published filters: one bool a row, on the edge of each limit, in blocks of any size."""

from __future__ import annotations

import statistics

import numpy as np
import pytest
from hypothesis import given, strategies as st

from mdnb.errors import OptionError
from mdnb.validate import centred_outlier_rules as rules

DAY = np.zeros(9, dtype=np.int64)


def test_every_mask_is_of_bools() -> None:
    time = np.arange(9, dtype=np.int64)
    price = np.array([1.0, 2.0, 1.0, 2.0, 1.0, 2.0, 1.0, 2.0, 1.0])
    masks = [
        rules.keep_nonzero(price),
        rules.merge_trades(time, price)[0],
        rules.merge_quotes(time, price, price)[0],
        rules.keep_within_quotes(time, price, time[3:], price[3:], price[3:]),
        rules.keep_uncrossed(price, price),
        rules.keep_narrow_spreads(price, 2 * price, DAY),
        rules.keep_near_mids(price, price, DAY, window=4),
        rules.keep_brownlees_gallo(price, DAY, 0.1, k=4),
        rules.keep_near_medians(price, DAY, window=4),
    ]
    for count in (0, 1, 2):
        few = price[:count]
        masks += [
            rules.keep_near_mids(few, few, DAY[:count]),
            rules.keep_brownlees_gallo(few, DAY[:count], 0.1),
            rules.keep_near_medians(few, DAY[:count]),
            rules.keep_narrow_spreads(few, few, DAY[:count]),
        ]
    assert {mask.dtype for mask in masks} == {np.dtype(bool)}


def test_a_trade_may_be_off_its_quote_by_just_the_spread() -> None:
    quotes = np.array([10, 20]), np.array([100.0, 200.0]), np.array([101.0, 203.0])
    prices = np.array([102.0, 102.5, 99.0, 98.5, 206.0, 206.5, 197.0, 196.5, 5.0])
    times = np.array([10, 19, 10, 19, 20, 20, 99, 99, 9])
    assert rules.keep_within_quotes(times, prices, *quotes).tolist() == [True, False] * 4 + [True]


def test_the_widest_spread_that_is_kept_is_fifty_times_the_middle_one() -> None:
    bid = np.zeros(9)
    ask = np.array([1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 50.0, 50.5])
    assert rules.keep_narrow_spreads(bid, ask, DAY).tolist() == [True] * 8 + [False]
    assert rules.keep_narrow_spreads(bid, ask, DAY, limit=60.0).all()
    # Of two days each has its own.
    days = np.array([0, 0, 0, 1, 1, 1, 1, 1, 1])
    spreads = np.array([2.0, 2.0, 100.0, 1.0, 1.0, 1.0, 1.0, 1.0, 51.0])
    assert rules.keep_narrow_spreads(bid, spreads, days).tolist() == [True] * 8 + [False]


def test_a_mid_may_be_off_by_just_its_limit() -> None:
    mids = np.array([9.0, 11.0, 9.0, 11.0, 15.0, 9.0, 11.0, 9.0, 11.0])
    # Of its neighbours the middle is 10 and the deviation 1.
    assert rules.keep_near_mids(mids, mids, DAY, window=8, limit=5.0)[4]
    assert not rules.keep_near_mids(mids, mids, DAY, window=8, limit=4.9)[4]
    # Half of bid and ask.
    assert rules.keep_near_mids(mids - 1, mids + 1, DAY, window=8, limit=5.0)[4]
    assert not rules.keep_near_mids(mids - 1, mids + 3, DAY, window=8, limit=4.9)[4]


def test_brownlees_and_gallo_drop_what_is_just_at_their_limit() -> None:
    prices = np.array([10.0, 10.0, 10.0, 10.0, 11.0, 10.0, 10.0, 10.0, 10.0])
    assert not rules.keep_brownlees_gallo(prices, DAY, 1.0, k=8)[4]
    assert rules.keep_brownlees_gallo(prices, DAY, 1.01, k=8)[4]
    # Of two neighbours with a half cut off either side none is left to deviate.
    three = np.array([10.0, 11.0, 10.0])
    assert rules.keep_brownlees_gallo(three, DAY[:3], 1.01, k=2, trim=0.0).tolist() == [True] * 3


@pytest.mark.parametrize("trim", [-0.1, 1.0, 2.0])
def test_a_share_to_cut_is_said_to_be_wrong(trim: float) -> None:
    with pytest.raises(OptionError) as raised:
        rules.keep_brownlees_gallo(np.ones(9), DAY, 0.1, trim=trim)
    assert str(raised.value) == f"trim must be from 0 to below 1; got {trim!r}"
    assert rules.keep_brownlees_gallo(np.ones(9), DAY, 0.1, trim=0.0).all()


def test_other_options_are_said_to_be_wrong() -> None:
    with pytest.raises(OptionError) as raised:
        rules.keep_near_mids(np.ones(9), np.ones(9), DAY, window=1)
    assert str(raised.value) == "there must be at least 2 neighbours; got 1"
    assert rules.keep_near_mids(np.ones(9), np.ones(9), DAY, window=2).all()
    with pytest.raises(OptionError, match=r"^kind 'standrad' is not known\. Did you mean 'standard'\? "):
        rules.keep_near_medians(np.ones(9), DAY, kind="standrad")  # type: ignore[arg-type]


def test_near_medians_take_advanced_where_nothing_is_said() -> None:
    prices = np.array([9.0, 11.0] * 10 + [29.0, 31.0] * 10)
    day = np.zeros(40, dtype=np.int64)
    said = [rules.keep_near_medians(prices, day, 4, 0.5, kind).tolist() for kind in ("advanced", "standard")]  # type: ignore[arg-type]
    assert said[0] != said[1]
    assert rules.keep_near_medians(prices, day, 4, 0.5).tolist() == said[0]


def test_at_the_limit_itself_a_price_is_dropped() -> None:
    # The middle of all is 0, and of those around the price too; the deviation of the day is 1.
    prices = np.array([-1.0, 0.0, 1.0, 1.4826, 0.0, -1.0, 0.0])
    for limit, kept in ((1.0, False), (1.0001, True)):
        assert rules.keep_near_medians(prices, DAY[:7], 50, limit, "standard")[3] == kept


def test_two_prices_of_a_day_are_judged_and_one_is_not() -> None:
    days = np.array([0, 1, 1, 2, 2, 2])
    prices = np.array([1.0, 5.0, 5.0, 7.0, 8.0, 9.0])
    # A day without a deviation keeps nothing, as the source of the rule has it.
    assert rules.keep_near_medians(prices, days).tolist() == [True, False, False, True, True, True]


@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 9)), max_size=40).map(sorted),
    st.sampled_from([2, 3, 4, 6, 8]),
    st.sampled_from(["standard", "advanced"]),
    st.integers(1, 9),
)
def test_near_medians_are_their_words_in_small(
    rows: list[tuple[int, int]], window: int, kind: str, block: int
) -> None:
    days = np.array([day for day, _ in rows], dtype=np.int64)
    # In an order that is not the sorted one.
    prices = np.array([float((7 * price + 3 * at) % 11) for at, (_, price) in enumerate(rows)])
    half, expected = window // 2, []
    for day in np.unique(days):
        of_day = prices[days == day].tolist()
        middle = statistics.median(of_day)
        deviation = 1.4826 * statistics.median(abs(one - middle) for one in of_day)
        for i, price in enumerate(of_day):
            sides = [of_day[max(0, i - half) : i] + of_day[i + 1 : i + 1 + half]]
            if kind == "advanced":
                sides += [of_day[max(0, i - 2 * half) : i], of_day[i + 1 : i + 1 + 2 * half]]
            off = min((abs(price - statistics.median(side)) for side in sides if side), default=0.0)
            expected.append(len(of_day) == 1 or off < 1.1 * deviation)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rules, "_BLOCK", block)
        keep = rules.keep_near_medians(prices, days, window, 1.1, kind)  # type: ignore[arg-type]
    assert keep.tolist() == expected


def test_a_day_of_three_is_judged_and_a_shorter_one_before_it_is_not() -> None:
    days = np.array([0, 0, 1, 1, 1])
    mids = np.array([1.0, 9.0, 1.0, 1.0, 5.0])
    assert rules.keep_near_mids(mids, mids, days).tolist() == [True, True, True, True, False]
    assert rules.keep_brownlees_gallo(mids, days, 0.1).tolist() == [True, True, False, False, False][:2] + [
        abs(one - middle) < 3 * spread + 0.1
        for one, middle, spread in ((1.0, 3.0, 8.0**0.5), (1.0, 3.0, 8.0**0.5), (5.0, 1.0, 0.0))
    ]


def test_brownlees_and_gallo_look_at_thirty_rows_either_side_where_nothing_is_said() -> None:
    day = np.zeros(201, dtype=np.int64)
    for far, kept in ((30, True), (31, False)):
        prices = np.zeros(201)
        prices[100] = 1.0
        prices[100 + far] = 1000.0
        # Only the one far off would make room for the price.
        assert rules.keep_brownlees_gallo(prices, day, 0.5, trim=0.0)[100] == kept


def test_of_neighbours_cut_down_to_one_the_deviation_is_none() -> None:
    prices = np.array([0.0, 10.0, 1.0, 20.0])
    keep = rules.keep_brownlees_gallo(prices, DAY[:4], 9.5, k=3, trim=0.9)
    # What is left is the middle one of the three others.
    assert keep.tolist() == [
        abs(one - other) < 9.5 for one, other in zip(prices, (10, 1, 10, 1), strict=True)
    ]
    two = np.array([0.0, 10.0, 4.0])
    spread = 3 * statistics.stdev([0.0, 4.0])
    assert rules.keep_brownlees_gallo(two, DAY[:3], 8.1 - spread, k=2, trim=0.0)[1]
    assert not rules.keep_brownlees_gallo(two, DAY[:3], 7.9 - spread, k=2, trim=0.0)[1]


@given(st.integers(1, 60), st.integers(1, 12), st.integers(1, 25))
def test_neighbours_are_the_nearest_whatever_the_block(count: int, k: int, block: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rules, "_BLOCK", block)
        blocks = list(rules.neighbour_rows(count, k))
    assert [row for rows, _ in blocks for row in range(count)[rows]] == list(range(count))
    near = [line for _, lines in blocks for line in lines.tolist()]
    size = min(k, count - 1)
    for row, line in enumerate(near):
        first = min(max(row - size // 2, 0), count - 1 - size)
        assert line == [one for one in range(first, first + size + 1) if one != row]
