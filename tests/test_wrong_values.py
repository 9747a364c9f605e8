"""Values that cannot be meant: said with what is allowed, whatever face they are given to."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import mdnb
from mdnb.errors import OptionError, TimeframeError
from mdnb.faces.face_parts import all_parts
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


@pytest.fixture
def faces() -> Iterator[dict[str, Any]]:
    """Everything of a market that people hold, by what it is called."""
    with mdnb.live(["MNQ", "MES"], "1min", feed="sim://", initial_days=0, progress=False) as live:
        parts = live._parts
        suite = mdnb.TradingSuite(all_parts(parts.session))
        suite._finalizer.detach()
        found = {"live": live, "live[...]": live["MES"], "suite": suite, "suite[...]": suite["MES"]}
        yield found | {"live.data": live.data, "suite.data": suite.data}


@pytest.mark.parametrize("called", ["live", "live[...]", "suite", "suite[...]", "live.data", "suite.data"])
def test_an_attribute_that_is_set_and_is_not_there_is_an_error_that_names_those_that_are(
    faces: dict[str, Any], called: str
) -> None:
    face = faces[called]
    near, meant = ("get_dta", "get_data") if called.endswith(".data") else ("charts", "chart")
    for name in ("foo", near):
        before = dict(vars(face))
        with pytest.raises(AttributeError, match=rf"{type(face).__name__} has no '{name}'; got 1\. ") as told:
            setattr(face, name, 1)
        assert "keep what is yours in a variable" in str(told.value)
        assert meant in str(told.value).partition("Allowed: ")[2].rstrip(".").split(", ")
        assert vars(face) == before
    assert f"Did you mean {meant!r}?" in str(told.value)


@pytest.mark.parametrize("called", ["live", "live[...]", "suite", "suite[...]", "live.data", "suite.data"])
def test_nothing_that_is_there_can_be_replaced(faces: dict[str, Any], called: str) -> None:
    face = faces[called]
    for name in [each for each in dir(face) if not each.startswith("_")]:
        before = inspect.getattr_static(face, name)
        with pytest.raises(AttributeError, match=rf"{name}.* cannot be (replaced|set); got 'mine'"):
            setattr(face, name, "mine")
        assert inspect.getattr_static(face, name) is before


@pytest.mark.parametrize("called", ["live", "live[...]", "suite", "suite[...]", "live.data", "suite.data"])
def test_nothing_that_is_there_can_be_deleted(faces: dict[str, Any], called: str) -> None:
    face = faces[called]
    for name in [each for each in dir(face) if not each.startswith("_")]:
        before = inspect.getattr_static(face, name)
        with pytest.raises(AttributeError, match=rf"\.{name} cannot be deleted: "):
            delattr(face, name)
        assert inspect.getattr_static(face, name) is before


def test_what_was_meant_by_setting_something_is_told(faces: dict[str, Any]) -> None:
    with pytest.raises(AttributeError, match=r"Write live\.add_timeframe\('15min'\)"):
        faces["live"].timeframes = ["1min", "15min"]
    with pytest.raises(AttributeError, match=r"mdnb\.live\(\[\.\.\.\]\)"):
        faces["suite"].symbol = "ES"
    with pytest.raises(AttributeError, match="there to be called and cannot be replaced"):
        faces["live"].chart = "line"
    with pytest.raises(AttributeError, match=r"suite\.data\.configure_memory_management"):
        faces["suite.data"].config = mdnb.DataManagerConfig()
    with pytest.raises(AttributeError) as told:
        faces["live"].foo = "x" * 10_000
    assert len(str(told.value)) < 1500
