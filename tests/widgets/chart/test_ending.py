"""A chart of a market that is over, and that nobody holds any more, has what it drew last."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import mdnb
from mdnb.errors import ClosedError
from mdnb.io.csv import read_csv
from mdnb.market import LiveMarket
from tests.manager.hand import HandFeed, minutes, open_market, trade
from tests.widgets.page.test_hold import gone

OVERLAYS = ["ema(20)", "vwap", "rsi(14)"]


def fed() -> LiveMarket:
    feed = HandFeed(minutes(-600, 600))
    live = open_market(feed, "1min", "5min")
    feed.trades(trade(1, 100.0, 1.0, 1), trade(2, 101.0, 1.0, 2))
    return live


def engine_of(live: LiveMarket) -> weakref.ref[Any]:
    return weakref.ref(live.data.engine)


@pytest.mark.parametrize("is_closed", [True, False], ids=["closed", "dropped"])
def test_it_has_its_bars_and_lines(tmp_path: Path, is_closed: bool) -> None:
    live = fed()
    chart = live.chart("1min", overlays=OVERLAYS, bars=100)
    chart.mark(live["1min"].index[-3], "here")
    alert = chart.alert(above=1e6, message="far away")
    chart.draw()
    before, data, price = chart.shown(), chart.data[0].close.tolist(), live.price
    assert price == 101.0
    engine = engine_of(live)
    if is_closed:
        live.close()
    del live
    assert gone([engine])
    assert repr(chart) == "<LiveChart X 1min: closed>"
    pd.testing.assert_frame_equal(chart.shown(), before)
    assert chart.data[0].close.tolist() == data
    assert chart.snapshot().data[0].close.tolist() == data
    assert "here" in chart.picture()
    assert (alert.active, chart._mdnb.annotations.held()[1]) == (False, [alert])
    state = chart.get_state()
    assert (state["_look"]["status"], state["_look"]["tone"]) == ("closed", "dead")
    assert state["_look"]["columns"][4]["count"] == 100
    assert [one["message"] for one in state["_signs"]["alerts"]] == ["far away"]
    written = read_csv(chart.export(tmp_path / "chart.csv"))
    assert written["close"].tolist() == before["close"].tolist()
    chart.close()
    pd.testing.assert_frame_equal(chart.shown(), before)


def test_it_can_be_drawn_otherwise_and_says_what_it_has_not() -> None:
    live = fed()
    chart = live.chart("1min", overlays=["ema(20)"], bars=100)
    line = chart.shown()["ema(20)"].tolist()
    engine = engine_of(live)
    live.close()
    del live
    assert gone([engine])
    chart.set_kind("heikin-ashi")
    chart.set_theme("dark")
    chart.add_overlay("sma(5)")
    assert chart.shown()["ema(20)"].tolist() == line
    assert chart.shown().columns[-1] == "sma(5)"
    assert (chart.timeframes(), chart.symbols()) == (("1min",), ("X",))
    chart.set_timeframe("1m")
    with pytest.raises(
        ClosedError, match=r"the market of X was closed and is gone: .* no '5min'. Make a new"
    ):
        chart.set_timeframe("5min")
    with pytest.raises(ClosedError, match=r"was closed and is gone: .* no 'MES'"):
        chart.set_symbol("MES")
    with pytest.raises(ClosedError, match="no alert would fire"):
        chart.alert(above=1.0)
    chart.close()


def test_as_long_as_its_market_is_held_it_shows_whatever_that_has() -> None:
    live = mdnb.live(["MNQ", "MES"], ["1min", "5min"], initial_days=0.1, progress=False)
    chart = live.chart("1min")
    live.close()
    chart.draw()
    assert not chart.draw()
    gc.collect()
    chart.set_symbol("MES")
    chart.set_timeframe("5min")
    gc.collect()
    assert chart.shown()["close"].tolist() == live["MES"]["5min"].frame["close"].tolist()[-180:]
    held = chart.shown()
    engines = [weakref.ref(live[name].data.engine) for name in ("MNQ", "MES")]
    del live
    assert gone(engines)
    pd.testing.assert_frame_equal(chart.shown(), held)
    assert repr(chart) == "<LiveChart MES 5min: closed>"
    chart.close()


def test_a_removed_timeframe_does_not_hold_it_either() -> None:
    live = fed()
    chart = live.chart("5min")
    held = chart.shown()["close"].tolist()
    live.data.remove_timeframe("5min")
    chart.draw()
    engine = engine_of(live)
    live.close()
    del live
    assert gone([engine])
    assert chart.shown()["close"].tolist() == held
    chart.close()


def test_controls_say_what_it_has_not() -> None:
    live = fed()
    panel = live.panel("1min")
    engine = engine_of(live)
    live.close()
    del live
    assert gone([engine])
    panel.controls.draw()
    assert [name for _, name in panel.controls.timeframe.options] == ["1min"]
    panel.close()
