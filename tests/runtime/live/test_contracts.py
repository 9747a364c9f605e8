"""A continuous symbol rolls: what of the former contract ends, what bars and ticks are of, and the seams."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Literal

import numpy as np
import pandas as pd
import pytest

import mdnb
from mdnb.clock import EventClock
from mdnb.errors import NoDataError, OptionError
from mdnb.events.types import Event, EventType
from mdnb.feeds.rolls import ContractHistory
from mdnb.market import LiveMarket
from mdnb.runtime.live.contracts import Contracts, adjustment
from mdnb.types import Roll
from tests.manager.hand import MINUTE, SECOND, START, HandFeed, minutes, open_market, trade

OLD, NEW = "CON.H26", "CON.M26"


@contextlib.contextmanager
def market(feed: HandFeed, **config: object) -> Iterator[tuple[LiveMarket, list[Event]]]:
    feed.contracts = feed.contracts or ContractHistory()
    if not feed.rolls:
        feed.contracts.begin("X", OLD)
    told: list[Event] = []
    with open_market(feed, "1min", "5min", **config) as made:
        for kind in (EventType.ROLL, EventType.DATA_QUALITY_ALERT, EventType.ALERT):
            made._parts.session.bus.tap(kind, told.append)
        yield made, told


def play(feed: HandFeed, first: int, count: int, price: float) -> None:
    """Send a trade a second, near a price."""
    for number in range(first, first + count):
        assert isinstance(feed.clock, EventClock)
        feed.clock.advance(START + number * SECOND)
        feed.trades(trade(number, price + 0.25 * (number % 3), 1.0, number))
        feed.clock.advance(START + number * SECOND + SECOND // 2)


def test_a_roll_ends_the_book_the_quote_and_the_level_and_the_jump_is_no_misprint() -> None:
    feed = HandFeed(clock=EventClock(START))
    with market(feed, remove_outliers=True) as (live, told):
        live.data.subscribe_to_level2()
        live.data.enable_validation(max_price_deviation=None)
        live.alert(above=105.0)
        feed.depth([(100.0, 1.0)], [(100.5, 2.0)])
        feed.quotes((START, 100.0, 1.0, 100.5, 2.0))
        play(feed, 0, 90, 100.0)
        feed.roll(NEW)
        engine = live.data.engine
        assert engine.last_quote is None
        assert engine.book() == ([], [])
        # Ten times the price would have been refused, and any such jump held back.
        play(feed, 90, 60, 2_000.0)
        ticks = live.data.get_recent_ticks(count=500)
        assert {tick.flag for tick in ticks} == {"ok"}
        assert [tick.contract for tick in ticks] == [OLD] * 90 + [NEW] * 60
        accounting = live.accounting()
        assert (accounting.in_bars, accounting.rejected_total, accounting.held_back) == (150, 0, 0)
        kinds = [event.type for event in told]
        assert kinds == [EventType.ROLL]
        assert (told[0].old, told[0].new, told[0].time_ns) == (OLD, NEW, START + 89 * SECOND + SECOND // 2)
        (fault,) = live.data.get_validation_errors(type="roll")
        assert f"from {OLD} to {NEW}" in fault.description


def test_bars_say_their_contract_and_the_one_with_the_seam_is_partial() -> None:
    feed = HandFeed(clock=EventClock(START))
    with market(feed) as (live, _):
        play(feed, 0, 90, 100.0)
        feed.roll(NEW)
        play(feed, 90, 90, 110.0)
        frame = live.data.get_data("1min", with_contract=True)
        assert frame["contract"].tolist() == [OLD, OLD, NEW]
        seam = str(live.rolls()[0].time)
        assert frame.attrs["contracts"] == (("", OLD), (seam, NEW))
        assert "contract" not in live.data.get_data("1min")
        assert frame.attrs["partial"] == (1,)
        forming = live["1min"].forming
        assert forming is not None
        assert forming.contract == NEW


def test_what_the_next_contract_traded_before_the_seam_is_no_part_of_the_series() -> None:
    feed = HandFeed(clock=EventClock(START))
    with market(feed) as (live, _):
        play(feed, 0, 90, 100.0)
        assert isinstance(feed.clock, EventClock)
        feed.clock.advance(START + 95 * SECOND)
        feed.roll(NEW)
        # Some venues tell newer trades once more when they are subscribed; and this clock may be ahead.
        feed.trades(*(trade(second, 110.0, 1.0, 90 + second) for second in (55, 91, 94)))
        play(feed, 190, 10, 110.0)
        ticks = live.data.get_recent_ticks(count=500)
        assert [tick.contract for tick in ticks] == [OLD] * 90 + [NEW] * 10
        assert {tick.price > 105.0 for tick in ticks if tick.contract == OLD} == {False}
        assert live["1min"].frame["high"].tolist()[:2] == [100.5, 100.5]
        taken = live.accounting()
        assert (dict(taken.rejected), taken.balanced) == ({"before_roll": 3}, True)


@pytest.mark.parametrize(("last", "seam", "partial"), [(119, 120, ()), (130, 190, (3,))])
def test_bars_that_may_have_both_contracts_are_partial_wherever_the_seam_is(
    last: int, seam: int, partial: tuple[int, ...]
) -> None:
    feed = HandFeed(clock=EventClock(START))
    with market(feed) as (live, _):
        play(feed, 0, last + 1, 100.0)
        assert isinstance(feed.clock, EventClock)
        feed.clock.advance(START + seam * SECOND)
        live._parts.session.market("X").pipeline.close_due()
        feed.roll(NEW)
        play(feed, seam + 1, 330 - seam, 110.0)
        assert live.data.get_data("1min").attrs["partial"] == partial
        assert live.data.get_data("5min").attrs["partial"] == (0,)


def test_seams_have_the_prices_seen_until_the_history_tells_better_ones() -> None:
    feed = HandFeed(clock=EventClock(START))
    with market(feed) as (live, _):
        play(feed, 0, 61, 100.0)
        feed.roll(NEW)
        (roll,) = live.rolls()
        assert np.isnan(roll.difference)
        with pytest.raises(NoDataError, match="back_adjust"):
            live.data.get_data("1min", back_adjust=True)
        play(feed, 61, 60, 110.0)
        (roll,) = live.rolls()
        assert (roll.old_price, roll.new_price) == (100.0, 110.25)
    feed = HandFeed(clock=EventClock(START))
    feed.worth = (100.0, 112.0)
    with market(feed) as (live, _):
        play(feed, 0, 61, 100.0)
        feed.roll(NEW)
        play(feed, 61, 60, 110.0)
        assert live.rolls()[0].difference == 12.0


def test_the_price_of_an_earlier_contract_is_not_taken_for_that_of_one_that_never_traded() -> None:
    feed = HandFeed(clock=EventClock(START))
    with market(feed) as (live, _):
        play(feed, 0, 61, 100.0)
        feed.roll(NEW)
        assert isinstance(feed.clock, EventClock)
        feed.clock.advance(START + 70 * SECOND)
        feed.roll("CON.U26")
        play(feed, 71, 60, 120.0)
        assert [roll.new for roll in live.rolls()] == [NEW, "CON.U26"]
        assert np.isnan([roll.difference for roll in live.rolls()]).all()


@pytest.mark.parametrize("how", [True, "difference", "ratio"])
def test_a_series_is_shifted_by_all_seams_behind_a_bar(how: bool | str) -> None:
    feed = HandFeed(minutes(-30, 30, lambda _: 100.0), clock=EventClock(START), trades=[])
    feed.contracts = ContractHistory()
    feed.contracts.begin("X", NEW)
    feed.contracts.before("X", OLD, START - 10 * MINUTE, (100.0, 125.0))
    feed.contracts.before("X", "CON.Z25", START - 20 * MINUTE, (100.0, 110.0))
    with market(feed) as (live, _):
        plain = live.data.get_data("1min", count=30)
        assert set(plain["close"]) == {100.0}
        made = live.data.get_data("1min", count=30, back_adjust=how)  # type: ignore[call-overload, unused-ignore]  # as parametrized
        steps = [(1.1 * 1.25, 1.25, 1.0), (35.0, 25.0, 0.0)][how != "ratio"]
        wanted = [100.0 * step if how == "ratio" else 100.0 + step for step in steps for _ in range(10)]
        assert made["close"].tolist() == pytest.approx(wanted)
        assert made["high"].tolist() == pytest.approx(
            [101.0 * step if how == "ratio" else 101.0 + step for step in steps for _ in range(10)]
        )
        assert made["volume"].tolist() == plain["volume"].tolist()
        assert made.attrs["back_adjusted"] == ("ratio" if how == "ratio" else "difference")
        # The engine's own bars are as they were.
        assert set(live.data.get_data("1min", count=30)["close"]) == {100.0}
        with pytest.raises(OptionError, match="back_adjust must be"):
            live.data.get_data("1min", back_adjust="sum")  # type: ignore[arg-type]  # that is the point


@pytest.mark.parametrize(("old", "new"), [(-2.0, 3.0), (3.0, 0.0), (0.0, 3.0), (-2.0, -4.0)])
def test_prices_that_are_not_above_zero_have_a_difference_and_no_ratio(old: float, new: float) -> None:
    feed = HandFeed(minutes(-30, 30, lambda _: 5.0), clock=EventClock(START), trades=[])
    feed.contracts = ContractHistory()
    feed.contracts.begin("X", NEW)
    feed.contracts.before("X", OLD, START, (old, new))
    with market(feed) as (live, _):
        made = live.data.get_data("1min", count=30, back_adjust="difference")
        assert set(made["close"]) == {5.0 + new - old}
        with pytest.raises(NoDataError, match="above zero; ask for back_adjust='difference'"):
            live.data.get_data("1min", count=30, back_adjust="ratio")


def test_a_symbol_without_contracts_has_none_of_it() -> None:
    with mdnb.live("MNQ", ["1min"], initial_days=0.1, progress=False) as live:
        frame = live.data.get_data("1min", count=3, with_contract=True, back_adjust=True)
        assert "contract" not in frame
        assert "contracts" not in frame.attrs
        assert live.rolls() == ()
        assert live.data.get_latest_tick().contract == ""


@pytest.mark.parametrize("how", ["difference", "ratio"])
@pytest.mark.parametrize("ticks", [True, False])
def test_of_a_bar_with_the_seam_the_part_before_it_alone_is_shifted(
    how: Literal["difference", "ratio"], ticks: bool
) -> None:
    feed = HandFeed(clock=EventClock(START))
    feed.worth = (100.0, 125.0)
    with market(feed, enable_tick_data=ticks) as (live, _):
        play(feed, 0, 90, 100.0)
        feed.roll(NEW)
        play(feed, 90, 240, 125.0)
        step = 1.25 if how == "ratio" else 25.0
        for name in ("1m", "5min", "100tick"):
            if name == "100tick" and not ticks:
                continue
            live.add_timeframe(name)
            made = live.data.get_data(name, back_adjust=how)
            low = 100.0 * step if how == "ratio" else 100.0 + step
            # Without the roll nothing would have moved by more than half a point.
            assert made[["open", "high", "low", "close"]].min().min() == low
            assert made[["open", "high", "low", "close"]].max().max() <= 125.625
            assert (made["vwap"] >= made["low"]).all() or not ticks
            assert (made["high"] >= made[["open", "close", "low"]].max(axis=1)).all()
        # The engine's own bars are as they were.
        assert live.data.get_data("5min")["low"].tolist()[0] == 100.0


def test_at_a_moment_before_a_roll_nothing_was_shifted_by_it() -> None:
    feed = HandFeed(clock=EventClock(START))
    feed.worth = (100.0, 125.0)
    with market(feed) as (live, _):
        play(feed, 0, 90, 100.0)
        seen = live.data.get_data("1min", back_adjust=True, closed_only=True)
        moment = START + 90 * SECOND - SECOND // 2
        feed.roll(NEW)
        play(feed, 90, 90, 125.0)
        known = live.data.get_data("1min", back_adjust=True, as_of=pd.Timestamp(moment - 1000, tz="UTC"))
        pd.testing.assert_frame_equal(known, seen)
        later = live.data.get_data("1min", back_adjust=True, as_of=pd.Timestamp(moment + SECOND, tz="UTC"))
        assert later["close"].tolist() == [value + 25.0 for value in seen["close"]]


NAN = float("nan")


def seam(at_ns: int, old: str, new: str, old_price: float = NAN, new_price: float = NAN) -> Roll:
    return Roll("X", at_ns, old, new, old_price, new_price)


def test_how_a_series_is_adjusted_has_a_few_names() -> None:
    given: list[object] = [None, False, True, "difference", "ratio"]
    assert [adjustment(one) for one in given] == [None, None, "difference", "difference", "ratio"]
    for wrong in ("Ratio", "", 1.5, "none"):
        with pytest.raises(OptionError) as told:
            adjustment(wrong)
        assert str(told.value) == f"back_adjust must be True, 'difference', 'ratio' or False; got {wrong!r}"


def test_a_symbol_that_is_a_contract_itself_has_none() -> None:
    contracts = Contracts()
    assert not contracts
    assert (contracts.rolls, contracts.since_ns, contracts.of(5)) == ((), -(2**63), "")
    assert contracts.column(np.array([1, 2])).tolist() == ["", ""]
    assert contracts.stretches("UTC") == (("", ""),)
    assert contracts.spans(5) == [(-(2**63), "")]
    contracts.learn_of(np.array([5, 6]), np.array(["", ""], dtype=object))
    contracts.learn_of(np.array([], dtype=np.int64), np.array([], dtype=object))
    assert not contracts


def test_each_instant_has_one_contract_and_a_seam_is_the_new_ones() -> None:
    contracts = Contracts()
    contracts.set("H26", [seam(10, "U25", "Z25"), seam(50, "Z25", "H26")])
    assert contracts
    assert [contracts.of(at) for at in (-5, 9, 10, 49, 50, 99)] == ["U25", "U25", "Z25", "Z25", "H26", "H26"]
    assert contracts.column(np.array([9, 10, 49, 50])).tolist() == ["U25", "Z25", "Z25", "H26"]
    assert contracts.since_ns == 50
    first = (-(2**63), "U25")
    assert contracts.spans(9) == [first]
    assert contracts.spans(10) == [first, (10, "Z25")]
    assert contracts.spans(50) == [first, (10, "Z25"), (50, "H26")]
    begins = contracts.stretches("UTC")
    assert [name for _, name in begins] == ["U25", "Z25", "H26"]
    assert begins[0][0] == ""
    assert [pd.Timestamp(begin).value for begin, _ in begins[1:]] == [10, 50]


def test_what_was_seen_of_prices_stays_where_the_feed_does_not_know_them() -> None:
    contracts = Contracts()
    contracts.set("H26", [seam(10, "U25", "Z25"), seam(50, "Z25", "H26", 5.0, 7.0)])
    contracts.price(0, 1.0, 4.0)
    assert [roll.difference for roll in contracts.rolls] == [3.0, 2.0]
    contracts.set("H26", [seam(10, "U25", "Z25"), seam(50, "Z25", "H26")])
    assert [roll.difference for roll in contracts.rolls] == [3.0, 2.0]
    # What the feed knows counts, and another seam, or one to another contract, is another one.
    contracts.set("H26", [seam(10, "U25", "Z25", 2.0, 3.0), seam(51, "Z25", "H26")])
    assert contracts.rolls[0].difference == 1.0
    assert np.isnan(contracts.rolls[1].difference)
    contracts.set("H26", [seam(10, "U25", "V25"), seam(51, "V25", "H26")])
    assert np.isnan([roll.difference for roll in contracts.rolls]).all()
    contracts.price(-1, 6.0, 8.0)
    assert [roll.difference for roll in contracts.rolls][1] == 2.0
    assert np.isnan(contracts.rolls[0].difference)


def test_what_files_say_counts_before_the_feeds_first_seam() -> None:
    contracts = Contracts()
    contracts.learn([(10, "M25"), (20, "U25")], 25)
    assert contracts
    assert contracts.rolls == ()
    assert [contracts.of(at) for at in (0, 10, 19, 20, 25, 26)] == ["M25", "M25", "M25", "U25", "U25", ""]
    contracts.set("H26", [seam(50, "Z25", "H26")])
    assert [contracts.of(at) for at in (25, 26, 49, 50)] == ["U25", "Z25", "Z25", "H26"]
    # More of it, and some of it again; what lies behind the feed's seam the feed knows.
    contracts.learn([(20, "U25"), (30, "Z25"), (55, "Y25")], 40)
    assert [contracts.of(at) for at in (19, 20, 29, 30, 40, 49, 50, 60)] == [
        "M25",
        "U25",
        "U25",
        "Z25",
        "Z25",
        "Z25",
        "H26",
        "H26",
    ]
    assert [name for _, name in contracts.stretches("UTC")] == ["M25", "U25", "Z25", "H26"]
    # Older bars that are read later do not end what was known to be later.
    contracts.learn([(5, "H25")], 8)
    assert [contracts.of(at) for at in (0, 5, 9, 10, 40)] == ["H25", "H25", "H25", "M25", "Z25"]


def test_bars_that_reach_over_the_first_seam_do_not_move_it() -> None:
    contracts = Contracts()
    contracts.set("M26", [seam(50, "Z25", "H26"), seam(80, "H26", "M26")])
    contracts.learn([(10, "U25"), (30, "Z25")], 70)
    assert [contracts.of(at) for at in (29, 30, 49, 50, 79, 80)] == ["U25", "Z25", "Z25", "H26", "H26", "M26"]
    contracts.learn([(50, "Q99")], 60)
    assert [contracts.of(at) for at in (49, 50)] == ["Z25", "H26"]


def test_of_bars_it_is_learnt_where_another_contract_begins_and_where_none_is_told() -> None:
    contracts = Contracts()
    names = np.array(["", "U25", "U25", "Z25", "Z25", "", "H26"], dtype=object)
    contracts.learn_of(np.arange(10, 80, 10), names)
    assert contracts._told == [(20, "U25"), (40, "Z25"), (70, "H26")]
    assert [contracts.of(at) for at in (0, 20, 39, 40, 69, 70, 71)] == [
        "U25",
        "U25",
        "U25",
        "Z25",
        "Z25",
        "H26",
        "",
    ]
    only = Contracts()
    only.learn_of(np.array([7]), np.array(["U25"], dtype=object))
    assert [only.of(at) for at in (6, 7, 8)] == ["U25", "U25", ""]
    # As many as one bar that is told tells.
    only.learn_of(np.array([3, 4]), np.array(["T25", ""], dtype=object))
    assert [only.of(at) for at in (3, 6, 7, 8)] == ["T25", "T25", "U25", ""]


def prices(*starts: int) -> pd.DataFrame:
    index = pd.DatetimeIndex(pd.to_datetime(list(starts), unit="s", utc=True)).as_unit("us")
    names = ("open", "high", "low", "close", "vwap")
    values = {name: np.full(len(starts), 10.0 + at) for at, name in enumerate(names)}
    return pd.DataFrame({**values, "volume": 5.0}, index=index)


def seconds(at: int) -> int:
    return at * SECOND


def test_prices_before_each_seam_are_shifted_and_nothing_else() -> None:
    contracts = Contracts()
    seams = [seam(seconds(10), "U", "Z", 8.0, 4.0), seam(seconds(20), "Z", "H", 5.0, 8.0)]
    contracts.set("H", seams)
    made, by = contracts.adjust(prices(9, 10, 19, 20, 30), "difference")
    steps = [-1.0, 3.0, 3.0, 0.0, 0.0]
    for at, name in enumerate(("open", "high", "low", "close", "vwap")):
        assert made[name].tolist() == [10.0 + at + step for step in steps]
    assert made["volume"].tolist() == [5.0] * 5
    assert by == seams
    made, by = contracts.adjust(prices(9, 10, 19, 20, 30), "ratio")
    assert made["close"].tolist() == pytest.approx([13.0 * 0.8, 13.0 * 1.6, 13.0 * 1.6, 13.0, 13.0])
    # Seams that no bar is before shift nothing, nor those that are not known yet.
    assert contracts.adjust(prices(10, 25), "difference")[1] == seams[1:]
    assert contracts.adjust(prices(20, 25), "difference")[1] == []
    made, by = contracts.adjust(prices(9, 25), "difference", seconds(20) - 1)
    assert (made["close"].tolist(), by) == ([9.0, 13.0], seams[:1])
    assert contracts.adjust(prices(9, 25), "difference", seconds(20))[1] == seams
    # A frame without some of the prices is shifted in the others.
    made, _ = contracts.adjust(prices(19, 20)[["close", "volume"]], "difference")
    assert made["close"].tolist() == [16.0, 13.0]


def test_what_cannot_be_shifted_is_told_word_for_word() -> None:
    contracts = Contracts()
    contracts.set("H", [seam(seconds(20), "Z", "H", 5.0, 0.0)])
    with pytest.raises(NoDataError) as told:
        contracts.adjust(prices(19, 20), "ratio")
    assert str(told.value) == (
        "X rolled at 1970-01-01 00:00:20+00:00 from Z, worth 5, to H, worth 0: there is no ratio of prices"
        " that are not above zero; ask for back_adjust='difference'"
    )
    assert contracts.adjust(prices(19, 20), "difference")[0]["close"].tolist() == [8.0, 13.0]
    contracts.set("H", [seam(seconds(30), "Z", "H")])
    with pytest.raises(NoDataError) as told:
        contracts.adjust(prices(19, 20), "difference")
    assert str(told.value) == (
        "X rolled at 1970-01-01 00:00:30+00:00 from Z to H, and what both were worth then is not known: ask"
        " for bars since then, start_time=, or without back_adjust"
    )
    assert contracts.adjust(prices(30, 31), "ratio")[1] == []
    contracts.learn([(seconds(10), "U"), (seconds(15), "Z")], seconds(18))
    with pytest.raises(NoDataError) as told:
        contracts.adjust(prices(14, 15), "difference", seconds(16))
    assert str(told.value) == (
        "these bars are of U and of Z, by the file that they came from, and what both were worth where they"
        " meet is not known: ask for bars of one of them, start_time=, end_time=, or without back_adjust"
    )
    for starts in ((10, 14), (15, 18)):
        made, by = contracts.adjust(prices(*starts), "difference", seconds(29))
        assert (made["close"].tolist(), by) == ([13.0, 13.0], [])
    nameless = Contracts()
    nameless.learn([(seconds(10), "U")], seconds(18))
    with pytest.raises(
        NoDataError, match="these bars are of U and of a contract that is not known, by the file"
    ):
        nameless.adjust(prices(18, 19), "difference")


def test_what_the_feed_says_of_its_symbol_is_taken_over() -> None:
    feed = HandFeed()
    contracts = Contracts()
    contracts.follow(feed, "X", "UTC")
    assert not contracts
    feed.contracts = ContractHistory()
    feed.contracts.begin("X", NEW)
    feed.contracts.begin("Y", NEW)
    feed.contracts.before("Y", OLD, START - 5, (90.0, 95.0))
    feed.contracts.before("X", OLD, START, (100.0, 125.0))
    contracts.follow(feed, "X", "America/Chicago")
    (roll,) = contracts.rolls
    assert (roll.symbol, roll.time_ns, roll.old, roll.new, roll.old_price, roll.new_price, roll.tz) == (
        "X",
        START,
        OLD,
        NEW,
        100.0,
        125.0,
        "America/Chicago",
    )
    assert [contracts.of(at) for at in (START - 1, START)] == [OLD, NEW]
