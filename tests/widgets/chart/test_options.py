"""A chart's options: declared once, and the same wherever they are listed, typed or completed."""

from __future__ import annotations

import dataclasses
import inspect
import typing
from collections.abc import Callable, Iterator
from typing import Any

import jedi
import pytest

import mdnb
from mdnb.errors import OptionError
from mdnb.market import LiveMarket
from mdnb.suite import SuiteSymbol, TradingSuite
from mdnb.widgets.chart.chart import LiveChart
from mdnb.widgets.chart.options import ChartOptions, ChartOptionsDict, EachChartOptionsDict
from mdnb.widgets.open_charts import ChartOpener

_DECLARED = {field.name: field for field in dataclasses.fields(ChartOptions) if field.init}
_OWN = {
    "self",
    "source",
    "timeframe",
    "timeframes",
    "sources",
    "columns",
    "link",
    "controls",
    "alignment",
    "status",
}


@pytest.fixture(scope="module")
def market() -> Iterator[LiveMarket]:
    with mdnb.live(["MNQ", "MES"], ["1min", "5min"], initial_days=0.1, progress=False) as made:
        yield made


def _takers() -> list[Callable[..., Any]]:
    faces: list[Any] = [LiveMarket, TradingSuite, SuiteSymbol, ChartOpener]
    return [
        LiveChart.__init__,
        *(getattr(face, name) for face in faces for name in ("chart", "panel", "dashboard")),
    ]


def test_the_types_for_callers_are_those_of_the_options() -> None:
    hints = typing.get_type_hints(ChartOptions)
    assert typing.get_type_hints(ChartOptionsDict) == {name: hints[name] for name in _DECLARED}
    assert set(ChartOptionsDict.__annotations__) - set(EachChartOptionsDict.__annotations__) == {"height"}
    assert not ChartOptionsDict.__required_keys__


@pytest.mark.parametrize("taker", _takers(), ids=lambda taker: taker.__qualname__)
def test_a_signature_lists_every_option_with_its_type_and_default(taker: Callable[..., Any]) -> None:
    shown = {name: one for name, one in inspect.signature(taker).parameters.items() if name not in _OWN}
    assert set(shown) == set(_DECLARED), "and no **options"
    # A dashboard's charts are lower than one alone.
    ours = {"height"} if taker.__name__ == "dashboard" else set()
    for name in set(_DECLARED) - ours:
        assert (shown[name].default, shown[name].annotation) == (
            _DECLARED[name].default,
            _DECLARED[name].type,
        )
        assert shown[name].kind is inspect.Parameter.KEYWORD_ONLY


@pytest.mark.parametrize("name", ["chart", "panel", "dashboard"])
def test_help_explains_every_option_once(name: str) -> None:
    lines = (getattr(LiveMarket, name).__doc__ or "").splitlines()
    assert "**options" not in lines
    for option in _DECLARED:
        assert lines.count(option) == 1, option
        assert lines[lines.index(option) + 1].startswith("    ")


@pytest.mark.parametrize("call", ["live.chart(", "live.panel('1min', ", "live.dashboard(", "other.chart("])
def test_a_notebook_completes_the_options(market: LiveMarket, call: str) -> None:
    names = {"live": market, "other": market.of("MES")}
    found = {one.name for one in jedi.Interpreter(call, [names]).complete()}
    assert {f"{name}=" for name in _DECLARED} <= found


def test_an_option_that_is_not_known_is_told_with_the_nearest_one(market: LiveMarket) -> None:
    opened: list[Callable[..., Any]] = [market.chart, market.panel, market.dashboard]
    for make in opened:
        with pytest.raises(OptionError, match=r"a chart has no option 'them'\. Did you mean 'theme'"):
            make(them="dark")
    listeners = market.data.engine._listeners
    assert not listeners


def test_changing_one_checks_it_anew() -> None:
    options = ChartOptions.of(overlays=iter(["vwap", "EMA(9)"]))
    line = dataclasses.replace(options, kind="line")
    assert line.indicators == options.indicators
    assert [str(one) for one in line.indicators] == ["vwap", "ema(9)"]
    assert (line == options, dataclasses.replace(line, kind="candles") == options) == (False, True)
    with pytest.raises(OptionError, match="kind of chart"):
        dataclasses.replace(options, kind="bars")
    with pytest.raises(OptionError, match="from 2 to 5000"):
        dataclasses.replace(options, frontend="stock", bars=6000)
    with pytest.raises(dataclasses.FrozenInstanceError):
        options.kind = "line"  # type: ignore[misc]  # what is tested
