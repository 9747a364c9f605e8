"""Kind, overlays, timeframe and symbol of a chart: what Python sees of the figure, and what is refused."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from mdnb.analysis.heikin_ashi import HeikinAshi
from mdnb.analysis.indicators import Indicator
from mdnb.errors import OptionError, SymbolError
from mdnb.sessions import Sessions
from mdnb.widgets.chart.chart import LiveChart
from mdnb.widgets.chart.options import KINDS
from mdnb.widgets.figure.layout import pane_domains
from mdnb.widgets.page.sender import sender
from tests.widgets.chart.charts import drawn_by_hand
from tests.widgets.sources import MINUTE_NS, HandSource, row


@pytest.fixture
def chart(source: HandSource) -> Iterator[LiveChart]:
    made = drawn_by_hand(source, sources={"MNQ": source, "MES": HandSource(70, "MES")})
    yield made
    made.close()


_TYPES = {
    "candles": "candlestick",
    "hollow": "candlestick",
    "heikin-ashi": "candlestick",
    "ohlc": "ohlc",
    "line": "scatter",
    "area": "scatter",
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_drawn_by_its_trace_and_follows(
    chart: LiveChart, source: HandSource, kind: str
) -> None:
    chart.set_kind(kind)
    assert chart.kind == kind
    assert [trace.type for trace in chart.data] == [_TYPES[kind]] * 2 + ["bar"] * 2
    source.tick(107.0)
    source.close_bar()
    source.tick(95.0)
    chart.draw()
    main, forming = chart.data[:2]
    if kind in {"line", "area"}:
        assert (main.y[-1], forming.y[-1]) == (107.0, 95.0)
        assert main.fill == ("tozeroy" if kind == "area" else "none")
    elif kind == "heikin-ashi":
        wanted = HeikinAshi().rebuild(source.columns("1min"))
        assert main.open.tolist() == wanted["open"][:-1].tolist()
        assert forming.close.tolist() == wanted["close"][-1:].tolist()
    else:
        assert (main.close[-1], forming.close[-1]) == (107.0, 95.0)
    still = chart.snapshot()
    assert still.data[0].type == _TYPES[kind]
    assert len(still.data[0].x) == 51
    assert chart.picture().startswith("<svg")


def test_rising_candles_are_hollow_where_that_is_asked_for_and_a_users_colour_stays(chart: LiveChart) -> None:
    filled = chart.data[0].increasing.fillcolor
    for kind, wanted in (("hollow", "rgba(0,0,0,0)"), ("candles", filled), ("hollow", "rgba(0,0,0,0)")):
        chart.set_kind(kind)
        assert [bars.increasing.fillcolor for bars in chart.data[:2]] == [wanted] * 2
    chart.set_theme("light" if chart.theme != "light" else "dark")
    assert [bars.increasing.fillcolor for bars in chart.data[:2]] == ["rgba(0,0,0,0)"] * 2
    chart.set_kind("candles")
    assert chart.data[0].increasing.fillcolor == chart.data[0].increasing.line.color
    chart.data[0].increasing.fillcolor = "gold"
    chart.set_kind("hollow")
    assert chart.data[0].increasing.fillcolor == "gold"


def test_a_handler_stays_when_the_kind_changes_and_so_does_what_the_user_added(chart: LiveChart) -> None:
    def clicked(*_: Any) -> None: ...

    chart.data[0].on_click(clicked)
    mine = chart.add_scatter(x=[1.0], y=[2.0], name="mine").data[-1]
    chart.set_kind("ohlc")
    assert chart.data[0]._click_callbacks == [clicked]
    chart.set_kind("area")
    assert (chart.data[0].fill, chart.snapshot().data[0].fill) == ("tozeroy", "tozeroy")
    assert chart.data[-1] is mine
    chart.set_kind("line")
    chart.set_overlays(["ema(5)", "rsi(4)"])
    assert [trace.name for trace in chart.data[4:]] == ["ema(5)", "rsi(4)", "mine"]
    chart.set_overlays([])
    assert [trace.name for trace in chart.data[4:]] == ["mine"]


def test_overlays_are_traces_that_follow_the_bars(chart: LiveChart, source: HandSource) -> None:
    chart.set_overlays(["EMA(5)", "bollinger(5, 2)", "macd(3, 5, 2)", "delta"])
    chart.add_overlay("rsi(4)")
    assert chart.overlays == ("ema(5)", "bollinger(5, 2)", "macd(3, 5, 2)", "delta", "rsi(4)")
    by_name = {trace.name: trace for trace in chart.data}
    assert by_name["macd(3, 5, 2) histogram"].type == by_name["delta"].type == "bar"
    assert by_name["bollinger(5, 2) lower"].fill == "tonexty"
    assert [by_name[name].yaxis for name in ("ema(5)", "delta", "rsi(4)")] == ["y", "y4", "y5"]
    for price in (104.0, 99.0, 108.0):
        source.tick(price)
        chart.draw()
        source.close_bar()
        chart.draw()
    whole = source.columns("1min")
    for text in chart.overlays:
        indicator = Indicator.parse(text)
        for line, values in indicator.of(whole).items():
            name = text if len(indicator.lines) == 1 else f"{text} {line}"
            drawn = by_name[name].y
            assert np.allclose(drawn, values[-len(drawn) :], equal_nan=True, atol=1e-9)
    chart.remove_overlay("macd(3, 5, 2)")
    assert [trace.yaxis for trace in chart.data if trace.name in {"delta", "rsi(4)"}] == ["y3", "y4"]


def test_panes_share_the_height(chart: LiveChart) -> None:
    chart.set_overlays(["rsi", "atr", "macd"])
    layout = chart.layout
    domains = [layout[axis].domain for axis in ("yaxis", "yaxis2", "yaxis3", "yaxis4", "yaxis5")]
    assert all(lower[1] < upper[0] for upper, lower in itertools.pairwise(domains))
    assert layout.xaxis.anchor == "y5"
    chart.set_overlays([])
    assert (layout.xaxis.anchor, layout.yaxis.domain) == ("y2", (0.22, 1.0))


@pytest.mark.parametrize("lower", range(9))
@pytest.mark.parametrize("has_volume", [True, False])
def test_the_price_keeps_the_largest_pane(lower: int, has_volume: bool) -> None:
    price, *others = pane_domains(lower, has_volume=has_volume)
    assert len(others) == lower + has_volume
    assert price[1] == 1.0
    assert price[1] - price[0] >= 0.37
    assert all(0 <= bottom < top <= 1 for bottom, top in others)


def test_no_volume_no_pane_of_volume(source: HandSource) -> None:
    chart = LiveChart(source, "1min", theme="light", volume=False, overlays="atr(4)")
    sender().remove(chart)
    assert [trace.name for trace in chart.data] == ["mdnb-candles", "mdnb-forming", "atr(4)"]
    assert "yaxis2" not in chart.layout.to_plotly_json()
    source.close_bar()
    chart.draw()
    assert len(chart.snapshot().data[2].y) == 52
    chart.close()


def test_another_symbol_of_the_market(chart: LiveChart, source: HandSource) -> None:
    assert chart.symbols() == ("MNQ", "MES")
    chart.set_symbol("MES")
    assert (chart.symbol, len(chart.data[0].x)) == ("MES", 70)
    assert not source.listeners
    with pytest.raises(SymbolError, match="MES2"):
        chart.set_symbol("MES2")
    assert chart.symbol == "MES"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda chart: chart.set_kind("renko"), "candles"),
        (lambda chart: chart.add_overlay("emma(3)"), "ema"),
        (lambda chart: chart.remove_overlay("ema(3)"), "is not drawn"),
        (lambda chart: chart.set_overlays([f"ema({n})" for n in range(2, 16)]), "at most 12"),
    ],
)
def test_what_is_not_understood_changes_nothing(chart: LiveChart, change: Any, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        change(chart)
    assert (chart.kind, chart.overlays, len(chart.data)) == ("candles", (), 4)


@pytest.mark.parametrize(
    ("tz", "zone"),
    [
        (None, "America/Chicago"),
        ("exchange", "Asia/Tokyo"),
        ("Europe/Zurich", "Europe/Zurich"),
        ("local", ""),
    ],
)
def test_the_zone_of_the_labels(source: HandSource, tz: str | None, zone: str) -> None:
    source.instrument = dataclasses.replace(source.instrument, timezone="Asia/Tokyo")
    chart = LiveChart(source, "1min", theme="light", tz=tz)
    sender().remove(chart)
    assert chart.get_state()["_look"]["tz"] == zone
    assert str(chart.shown().index.tz) == (zone or "America/Chicago")
    chart.close()
    with pytest.raises(OptionError, match="Mars/Olympus"):
        LiveChart(source, "1min", tz="Mars/Olympus")


def test_sessions_that_begin_among_the_bars_are_told(source: HandSource) -> None:
    opens = [-5 * MINUTE_NS, 20 * MINUTE_NS, 40 * MINUTE_NS]
    source.sessions = Sessions(opens, [opening + 10 * MINUTE_NS for opening in opens], [0, 1, 2])
    chart = LiveChart(source, "1min", theme="light")
    sender().remove(chart)
    assert chart.get_state()["_look"]["sessions"] == [20 * 60_000.0, 40 * 60_000.0]
    chart.close()


def test_old_bars_that_change_reach_the_overlays(chart: LiveChart, source: HandSource) -> None:
    chart.set_overlays("sma(3)")
    source.rows[-1] = row(len(source.rows) - 1, 160.0)
    source.generation += 1
    chart.draw()
    wanted = Indicator.parse("sma(3)").of(source.columns("1min"))["sma"]
    assert np.allclose(chart.data[4].y, wanted, equal_nan=True)
