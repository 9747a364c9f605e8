"""A chart as a file: the bars in view, pages, pictures; what a page is given to save."""

from __future__ import annotations

import io
import re
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mdnb.errors import MissingExtraError, OptionError
from mdnb.widgets.chart.chart import LiveChart
from mdnb.widgets.chart.look import look_of
from mdnb.widgets.figure.layout import pane_domains
from tests.widgets.chart.charts import drawn_by_hand
from tests.widgets.sources import HandSource


@pytest.fixture
def chart() -> Iterator[LiveChart]:
    made = drawn_by_hand(HandSource(300), theme="dark", overlays=["ema(5)", "rsi(4)", "macd(3, 5, 2)"])
    yield made
    made.close()


def _view(chart: LiveChart, follows: bool, view: Any) -> None:
    chart._on_message(chart, {"kind": "follows", "follows": follows, "view": view}, [])


def test_what_is_shown_is_what_is_in_view(chart: LiveChart) -> None:
    assert len(chart.shown()) == 180
    assert chart.shown().columns[-1] == "macd(3, 5, 2) signal"
    _view(chart, False, [99.5, 120.0])
    frame = chart.shown()
    minutes = frame.index.tz_convert("UTC").as_unit("s").asi8 // 60
    assert minutes.tolist() == list(range(100, 121))
    _view(chart, True, [20.0, 6.0])
    assert len(chart.shown()) == 15
    assert chart.shown().index[-1] == chart.shown().index.max()
    for odd in ("x", [1], [1, None], [float("nan"), 1], None):
        _view(chart, True, odd)
        assert len(chart.shown()) == 180


def test_csv_and_parquet_hold_it(chart: LiveChart, tmp_path: Path) -> None:
    _view(chart, False, [200.0, 220.0])
    shown = chart.shown()
    text = pd.read_csv(chart.export(tmp_path / "a.csv"))
    assert text["ema(5)"].tolist() == shown["ema(5)"].tolist()
    assert pd.to_datetime(text["timestamp"], utc=True).tolist() == shown.index.tz_convert("UTC").tolist()
    back = pd.read_parquet(chart.export(tmp_path / "a.parquet"))
    pd.testing.assert_frame_equal(back, shown, check_freq=False)


def test_pages_and_pictures_stand_alone(chart: LiveChart, tmp_path: Path) -> None:
    page = chart.export(tmp_path / "a.html").read_text(encoding="utf-8")
    assert "<html>" in page
    assert "macd(3, 5, 2) signal" in page
    tree = ET.parse(chart.export(tmp_path / "a.svg"))  # our own text
    words = list(tree.getroot().itertext())
    assert {"RSI 4", "MACD 3, 5, 2", "MNQ · 1m"} <= set(words)
    assert (tmp_path / "a.svg").stat().st_size < 200_000


def test_what_is_not_known_writes_nothing(
    chart: LiveChart, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(OptionError, match="parquet"):
        chart.export(tmp_path / "a.parket")
    with pytest.raises(OptionError, match="gif"):
        chart.download("gif")
    # As where the extra is not installed.
    monkeypatch.setitem(sys.modules, "kaleido", None)
    with pytest.raises(MissingExtraError, match=r"mdnb\[png\]"):
        chart.export(tmp_path / "a.png")
    assert not list(tmp_path.iterdir())


def test_a_page_is_given_the_file_to_save(chart: LiveChart) -> None:
    sent: list[tuple[dict[str, Any], list[bytes]]] = []
    chart.__dict__["send"] = lambda content, buffers=None: sent.append((content, buffers))
    chart.download("parquet")
    chart.download("png")
    (first, (packed,)), (second, nothing) = sent
    assert (first["name"], first["what"]) == ("MNQ-1min.parquet", "parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(io.BytesIO(packed)), chart.shown(), check_freq=False)
    assert (second["what"], nothing) == ("png", [])


@pytest.mark.browser
def test_a_png_is_made_without_a_page(
    chart: LiveChart, tmp_path: Path, chromium: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("kaleido", reason="the extra png is not installed")
    monkeypatch.setenv("BROWSER_PATH", str(chromium))
    assert chart.export(tmp_path / "a.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_a_logarithmic_price_axis_is_kept_in_still_figures_and_pictures(chart: LiveChart) -> None:
    held = chart.snapshot().layout.yaxis.range
    chart.mark(chart.shown().index[-5], "in", side="buy")
    level = _last_level(chart.picture())
    chart.update_layout(yaxis_type="log")
    figure, bars = chart.snapshot(), chart.shown()
    close = bars["close"].iloc[-1]
    assert 10 ** figure.layout.yaxis.range[0] < min(figure.data[0].low)
    assert max(figure.data[0].high) < 10 ** figure.layout.yaxis.range[1] < held[1] * 1.01
    (label,) = (note for note in figure.layout.annotations if note.name == "mdnb-last")
    assert 10**label.y == pytest.approx(close)
    (line,) = (shape for shape in figure.layout.shapes if shape.name == "mdnb-last")
    assert line.y0 == close
    (mark,) = (trace for trace in figure.data if trace.name == "buy")
    assert 10 ** figure.layout.yaxis.range[0] < mark.y[0] < bars["low"].iloc[-5]
    # By the definition of the scale: the last price's share of the height, in powers.
    pixels = _last_level(chart.picture())
    assert pixels != level
    low, high = np.log10([bars["low"].min(), bars["high"].max()])
    room = 0.08 * (high - low)
    share = (np.log10(close) - (low - room)) / (high - low + 2 * room)
    bottom, top = _price_span(chart)
    assert pixels == pytest.approx(bottom - share * (bottom - top), abs=0.06)


def test_a_title_moves_the_plot_of_a_still_figure_down_unless_the_margin_is_given(chart: LiveChart) -> None:
    assert chart.snapshot().layout.margin.t == 30
    chart.update_layout(title={"text": "Two<br>lines", "x": 0.5})
    figure = chart.snapshot()
    assert figure.layout.margin.t > 30 + 2 * 1.4 * 11
    assert (figure.layout.title.x, figure.layout.title.yanchor) == (0.5, "top")
    chart.update_layout(margin_t=90)
    assert chart.snapshot().layout.margin.t == 90


def _last_level(svg: str) -> float:
    found = re.findall(r'd="M10 ([\d.]+)H\d+" stroke="#\w+" stroke-dasharray="2 3"', svg)
    return float(found[-1])


def _price_span(chart: LiveChart) -> tuple[float, float]:
    look = look_of(chart._mdnb.state)
    bottom, top = pane_domains(len(look.panes), has_volume=look.has_volume)[0]
    inside = chart.layout.height - 30 - 22
    return 30 + inside * (1 - bottom), 30 + inside * (1 - top)


def test_the_bars_own_vwap_stays_beside_the_line_of_that_name(tmp_path: Path) -> None:
    chart = drawn_by_hand(HandSource(300), overlays=["vwap", "ema(5)"])
    frame = chart.shown()
    # Each bar of the source was traded at its close.
    assert frame["vwap"].tolist() == pytest.approx(frame["close"].tolist())
    line = chart._mdnb.transport.held.column("vwap vwap")[-180:]
    assert frame["vwap (line)"].tolist() == line.tolist() != frame["vwap"].tolist()
    written = pd.read_csv(chart.export(tmp_path / "bars.csv"))
    assert written["vwap"].tolist() == pytest.approx(frame["vwap"].tolist())
    assert written["vwap (line)"].tolist() == pytest.approx(frame["vwap (line)"].tolist(), nan_ok=True)
    chart.close()
