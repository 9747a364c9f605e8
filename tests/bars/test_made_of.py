"""Timeframes that a recording of bars cannot give are refused, and what can be given is named."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import mdnb
from mdnb.bars.made_of import MadeOf, made_of
from mdnb.errors import TimeframeError
from mdnb.sessions import Sessions
from mdnb.timeframes import Timeframe
from tests.limits import LIMIT_SECONDS
from tests.manager.hand import HandFeed, open_market

MINUTES = "dataset:gold-minutes"
NOT_OF_MINUTES = ["5sec", "15sec", "30sec", "90sec", "150sec"]


def play(timeframe: str, *others: str) -> object:
    return mdnb.play(MINUTES, [timeframe, *others], symbol="GC")


def live(timeframe: str, *others: str) -> object:
    feed = f"replay:{MINUTES}?speed=max"
    return mdnb.live("GC", [timeframe, *others], feed=feed, initial_days=0, progress=False)


@pytest.mark.parametrize("begin", [play, live])
@pytest.mark.parametrize("timeframe", NOT_OF_MINUTES)
def test_a_timeframe_that_minutes_do_not_make_is_refused_before_any_step(
    begin: Callable[..., object], timeframe: str
) -> None:
    said = f"{timeframe} bars cannot be made of 1min bars, which is all there is of GC. Possible are 1min and"
    for others in ([], ["1min"]):
        with pytest.raises(TimeframeError, match=said):
            begin(timeframe, *others)


@pytest.mark.parametrize("begin", [play, live])
@pytest.mark.parametrize("timeframe", ["100tick", "1000vol", "1Mdollar"])
def test_bars_of_trades_are_refused_where_there_are_none(
    begin: Callable[..., object], timeframe: str
) -> None:
    with pytest.raises(TimeframeError, match=f"{timeframe} bars are made of trades, and there are only 1min"):
        begin(timeframe)


def test_a_timeframe_added_later_is_refused_alike_and_changes_nothing() -> None:
    with mdnb.live(
        "GC", ["2min", "7min"], feed=f"replay:{MINUTES}?speed=max", initial_days=0, progress=False
    ) as market:
        for timeframe in [*NOT_OF_MINUTES, "100tick"]:
            with pytest.raises(TimeframeError, match="Possible are 1min and what consists of whole"):
                market.add_timeframe(timeframe)
        assert market.timeframes == ["2min", "7min"]
        assert market.add_timeframe("3min") == "3min"
        market.wait_ended(LIMIT_SECONDS)
        steps = list(mdnb.play(MINUTES, ["2min", "3min", "7min"], symbol="GC"))
        for name in market:
            assert len(market[name].frame) == sum(name in step.bars for step in steps) > 0


def test_a_market_refused_leaves_the_earlier_one_of_its_name_running() -> None:
    with mdnb.live(
        "GC", "1min", feed=f"replay:{MINUTES}?speed=max", initial_days=0, progress=False, name="gold"
    ) as market:
        with pytest.raises(TimeframeError):
            mdnb.live("GC", "5sec", feed=f"replay:{MINUTES}", initial_days=0, progress=False, name="gold")
        assert market.status == "connected"


def test_no_bar_ends_before_its_data_was_known() -> None:
    minute = next(play("1min"))  # type: ignore[call-overload]
    assert minute.time == minute.bars["1min"].end <= minute.view.time


def test_where_bars_are_made_of_the_venues_own_none_finer_is_added() -> None:
    feed = HandFeed(bars=("1min",))
    with open_market(feed, "1min", "5min", use_tick_data=False) as market:
        with pytest.raises(TimeframeError, match="15sec bars cannot be made of 1min bars"):
            market.add_timeframe("15sec")
        assert market.add_timeframe("100tick") == "100tick", "there are trades all the same"
        market.data.configure_bar_processing(use_tick_data=True)
        assert market.add_timeframe("15sec") == "15sec"


def test_quotes_make_no_bars_of_volume() -> None:
    feed = HandFeed()
    feed.source, feed.has_trades = "quotes", False
    with open_market(feed, "1min") as market:
        for timeframe in ("1000vol", "1Mdollar"):
            with pytest.raises(TimeframeError, match="made of what was traded, and there are only quotes"):
                market.add_timeframe(timeframe)
        assert market.add_timeframe("10tick") == "10tick"


ALWAYS = Sessions.always()
OF_MINUTES = (
    "Possible are 1min and what consists of whole 1min bars, such as 5min, 15min, 1hour, 4hour, 1day."
)


REFUSED = {
    ("bars", "1min", True, "90sec"): (
        f"90sec bars cannot be made of 1min bars, which is all there is of X. {OF_MINUTES}"
    ),
    ("bars", "1min", False, "9vol"): (
        f"9vol bars are made of trades, and there are only 1min bars of X. {OF_MINUTES}"
    ),
    ("bars", None, False, "9tick"): "9tick bars are made of trades, and there are only bars of X.",
    ("bars", "1day", True, "1hour"): (
        "1hour bars cannot be made of 1day bars, which is all there is of X."
        " Possible are 1day and what consists of whole 1day bars."
    ),
    ("quotes", None, False, "9dollar"): (
        "9dollar bars are made of what was traded, and there are only quotes of X."
        " Possible are timeframes of the clock, and bars of so many quotes such as 100tick."
    ),
}


@pytest.mark.parametrize(
    ("source", "bars", "has_trades", "wanted", "said"), [(*given, said) for given, said in REFUSED.items()]
)
def test_a_refusal_says_what_there_is_and_what_is_possible(
    source: str, bars: str | None, has_trades: bool, wanted: str, said: str
) -> None:
    made = MadeOf("X", source, ALWAYS, None if bars is None else Timeframe.parse(bars), has_trades=has_trades)
    with pytest.raises(TimeframeError) as raised:
        made.check([Timeframe.parse("1day"), Timeframe.parse(wanted)])
    assert str(raised.value) == said


def test_what_can_be_made_is_not_refused() -> None:
    minute = Timeframe.parse("1min")
    for source, bars, has_trades, names in (
        ("trades", None, True, ["1sec", "5min", "9tick", "9vol", "9dollar"]),
        ("quotes", None, False, ["1sec", "9tick"]),
        ("bars", None, True, ["1sec", "1min", "9vol"]),
        ("bars", None, False, ["1sec"]),
        ("bars", minute, True, ["1min", "2min", "1day", "9vol"]),
        # Of trades the feed's own bars are beside the point.
        ("trades", minute, True, ["1sec"]),
    ):
        MadeOf("X", source, ALWAYS, bars, has_trades=has_trades).check(map(Timeframe.parse, names))
    assert MadeOf("X", "bars", ALWAYS).has_trades


def test_a_feed_is_asked_for_the_finest_of_its_own_bars_where_bars_are_made_of_these() -> None:
    feed = HandFeed(bars=("5min", "1hour"))
    feed.source, feed.has_trades = "bars", False
    made = made_of(feed, "X")
    assert (made.symbol, made.source, made.sessions) == ("X", "bars", feed.sessions("X"))
    assert (made.bars, made.has_trades) == (Timeframe.parse("5min"), False)
    feed.source, feed.has_trades = "trades", True
    assert (made_of(feed, "X").bars, made_of(feed, "X").has_trades) == (None, True)
    feed = HandFeed()
    feed.source = "bars"
    assert made_of(feed, "X").bars is None
