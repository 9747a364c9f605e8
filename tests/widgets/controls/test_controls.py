"""Controls and panel of a chart over a real engine: what they do to the chart, and that they follow it."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import ipywidgets
import pandas as pd
import pytest

import mdnb
from mdnb.errors import OptionError
from mdnb.market import LiveMarket
from mdnb.widgets.chart.chart import LiveChart
from mdnb.widgets.controls.controls import ChartControls
from mdnb.widgets.page.sender import sender


@pytest.fixture
def market() -> Iterator[LiveMarket]:
    kept = ["1min", "5min", "15min"]
    with mdnb.live(["MNQ", "MES"], kept, feed="sim://?seed=3", initial_days=1, progress=False) as made:
        yield made


@pytest.fixture
def chart(market: LiveMarket) -> LiveChart:
    return market.chart("1min", theme="light")


@pytest.fixture
def controls(chart: LiveChart) -> ChartControls:
    made = ChartControls(chart)
    sender().remove(made)  # the tests draw
    return made


def _leaves(box: ipywidgets.Box) -> list[ipywidgets.Widget]:
    return [
        leaf
        for child in box.children
        for leaf in (_leaves(child) if isinstance(child, ipywidgets.Box) else [child])
    ]


def test_each_control_changes_the_chart(controls: ChartControls, chart: LiveChart) -> None:
    controls.timeframe.value = "5min"
    assert chart.timeframe == "5min"
    controls.symbol.value = "MES"
    assert chart.symbol == "MES"
    for kind in ("hollow", "ohlc", "line", "area", "heikin-ashi", "candles"):
        controls.kind.value = kind
        assert chart.kind == kind
    controls.follow.value = False
    assert not chart.follows
    controls.follow.value = True
    assert chart.follows
    chart.follow(False)
    controls.latest.click()
    assert chart.follows
    controls.pause.value = True
    assert (chart.mode, controls.pause.description) == ("paused", "Resume")
    controls.pause.value = False
    assert (chart.mode, controls.pause.description) == ("live", "Pause")
    controls.look.theme.value = "dark"
    controls.look.palette.value = "colorblind"
    assert (chart.theme, chart.palette) == ("dark", "colorblind")
    controls.indicators.buttons["rsi(14)"].value = True
    assert chart.overlays == ("rsi(14)",)
    controls.indicators.field.value = "ema(7)"
    assert chart.overlays == ("rsi(14)", "ema(7)")
    assert controls.indicators.field.value == ""
    controls.indicators.buttons["ema(7)"].value = False
    controls.indicators.buttons["rsi(14)"].value = False
    assert chart.overlays == ()


def test_the_controls_follow_what_python_does(controls: ChartControls, chart: LiveChart) -> None:
    chart.set_symbol("MES")
    chart.set_timeframe("15min")
    chart.set_kind("line")
    chart.set_overlays(["vwap", "ema(9)"])
    chart.set_theme("dark", "colorblind")
    chart.follow(False)
    chart.pause()
    controls.draw()
    assert (controls.symbol.value, controls.timeframe.value) == ("MES", "15min")
    assert controls.kind.value == "line"
    assert [text for text, button in controls.indicators.buttons.items() if button.value] == [
        "vwap",
        "ema(9)",
    ]
    assert (controls.look.theme.value, controls.look.palette.value) == ("dark", "colorblind")
    assert {"mdnb-theme-dark", "mdnb-palette-colorblind"} <= set(controls._dom_classes)
    assert (controls.follow.value, controls.pause.value) == (False, True)
    chart.set_overlays([])
    controls.draw()
    assert "ema(9)" not in controls.indicators.buttons
    # All of that was only shown, and done to nothing.
    assert (chart.symbol, chart.timeframe, chart.kind, chart.mode) == ("MES", "15min", "line", "paused")


def test_a_timeframe_that_is_kept_later_can_be_chosen(
    market: LiveMarket, controls: ChartControls, chart: LiveChart
) -> None:
    market.data.add_timeframe("1hour")
    controls.draw()
    controls.timeframe.value = "1hour"
    assert chart.timeframe == "1hour"


def test_an_indicator_that_is_not_understood_is_said_beside_the_field(
    controls: ChartControls, chart: LiveChart
) -> None:
    field, note = controls.indicators.field, controls.indicators.note
    field.value = "ema(20"
    assert "ema(20" in note.value
    assert note.layout.display is None
    assert "mdnb-wrong" in note._dom_classes
    assert field.value == "ema(20", "to be put right"
    assert chart.overlays == ()
    field.value = "ema(20)"
    assert (note.value, note.layout.display) == ("", "none")
    assert chart.overlays == ("ema(20)",)


def test_what_the_chart_refuses_is_said_and_the_control_goes_back(
    market: LiveMarket, controls: ChartControls, chart: LiveChart
) -> None:
    market.data.remove_timeframe("15min")
    controls.timeframe.value = "15min"  # not drawn since: still offered
    assert "15min" in controls.note.value
    assert (controls.timeframe.value, chart.timeframe) == ("1min", "1min")


@pytest.mark.parametrize("kind", ["html", "csv", "parquet"])
def test_a_file_is_written_and_offered_and_its_path_told(
    controls: ChartControls, chart: LiveChart, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    sent: list[str] = []
    monkeypatch.setitem(chart.__dict__, "send", lambda content, buffers=None: sent.append(content["kind"]))
    sender().remove(chart)  # moves no more, but for what is being drawn just now
    controls.export.buttons[kind].click()
    (file,) = tmp_path.iterdir()
    assert str(file) in controls.export.note.value
    assert [one for one in sent if one != "delta"] == ["download"]
    shown = chart.shown()
    if kind == "csv":
        assert len(pd.read_csv(file)) == pytest.approx(len(shown), abs=1)
    elif kind == "parquet":
        assert len(pd.read_parquet(file)) == pytest.approx(len(shown), abs=1)
    else:
        assert "<html" in file.read_text(encoding="utf-8")[:200]


def test_a_picture_is_offered_by_the_page(
    controls: ChartControls, chart: LiveChart, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    sent: list[str] = []
    sender().remove(chart)  # moves no more
    monkeypatch.setitem(chart.__dict__, "send", lambda content, buffers=None: sent.append(content["what"]))
    controls.export.buttons["png"].click()
    assert sent == ["png"]
    assert not list(tmp_path.iterdir())
    assert "page" in controls.export.note.value


def test_one_row_is_open_at_a_time(controls: ChartControls) -> None:
    boxes = [controls.indicators.box, controls.look.box, controls.export.box]
    assert [box.layout.display for box in boxes] == ["none"] * 3
    controls.openers["overlays"].value = True
    controls.openers["export"].value = True
    assert [box.layout.display for box in boxes] == ["none", "none", None]
    assert not controls.openers["overlays"].value
    controls.openers["export"].value = False
    assert [box.layout.display for box in boxes] == ["none"] * 3


def test_every_control_has_a_label_and_only_ipywidgets_own_are_used(controls: ChartControls) -> None:
    leaves = [leaf for leaf in _leaves(controls) if not isinstance(leaf, ipywidgets.Label)]
    for leaf in leaves:
        assert type(leaf).__module__.startswith("ipywidgets.")
        assert isinstance(leaf, ipywidgets.HTML) or leaf.description, leaf
    buttons = [leaf for leaf in leaves if isinstance(leaf, (ipywidgets.Button, ipywidgets.ToggleButton))]
    assert all(button.tooltip for button in buttons)


def test_there_are_the_parts_that_were_asked_for(market: LiveMarket, chart: LiveChart) -> None:
    made = ChartControls(chart, ["kind", "follow"])
    shown = {id(leaf) for leaf in _leaves(made.children[1])}
    assert {id(made.kind), id(made.follow), id(made.latest)} <= shown
    assert not {id(made.timeframe), id(made.symbol), id(made.pause), id(made.openers["theme"])} & shown
    with pytest.raises(OptionError, match=r"'timeframes'.*timeframe"):
        ChartControls(chart, ["timeframes"])
    with pytest.raises(OptionError, match="need a chart"):
        ChartControls([])


def test_a_symbol_is_chosen_only_where_there_are_several() -> None:
    with mdnb.live("MNQ", ["1min"], feed="sim://?seed=3", initial_days=0.1, progress=False) as market:
        made = ChartControls(market.chart("1min"))
        assert id(made.symbol) not in {id(leaf) for leaf in _leaves(made)}


def test_several_charts_are_changed_together(market: LiveMarket) -> None:
    charts = [market.chart("1min"), market.chart("5min")]
    made = ChartControls(charts, ["symbol", "kind", "overlays"])
    made.kind.value = "area"
    made.symbol.value = "MES"
    made.indicators.buttons["vwap"].value = True
    assert [(one.kind, one.symbol, one.overlays) for one in charts] == [("area", "MES", ("vwap",))] * 2
    charts[1].remove_overlay("vwap")
    made.indicators.buttons["vwap"].value = False
    assert [one.overlays for one in charts] == [(), ()]


def test_closed_controls_are_drawn_no_more_and_the_chart_stays(market: LiveMarket, chart: LiveChart) -> None:
    made = ChartControls(chart)
    assert id(made) in sender()._charts
    made.close()
    assert id(made) not in sender()._charts
    assert not chart._mdnb.state.closed


# The panel


def test_a_panel_has_chart_controls_and_the_charts_picture(market: LiveMarket) -> None:
    panel = market.panel("5min", kind="line", theme="dark", overlays=["ema(20)"], height=300)
    assert (panel.chart.timeframe, panel.chart.kind, panel.chart.overlays) == ("5min", "line", ("ema(20)",))
    assert panel.controls.kind.value == "line"
    bundle = panel._repr_mimebundle_()
    assert bundle["application/vnd.jupyter.widget-view+json"]["model_id"] == panel.model_id
    assert base64.b64decode(bundle["image/png"]).startswith(b"\x89PNG")
    assert len(bundle["image/png"]) < 200_000
    assert "image/png" not in market.panel("5min", static=False)._repr_mimebundle_()
    panel.controls.look.theme.value = "light"
    assert "mdnb-theme-light" in panel._dom_classes
    panel.close()
    assert panel.chart._mdnb.state.closed
    with pytest.raises(OptionError, match="no option 'hight'"):
        market.panel("5min", hight=300)


def test_a_panel_is_opened_from_all_that_has_charts(market: LiveMarket) -> None:
    assert market.of("MES").panel().chart.symbol == "MES"
    assert market.panel().chart.timeframe == "1min"
    assert market.of("MNQ").panel("15min").chart.timeframe == "15min"
