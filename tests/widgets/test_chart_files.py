"""A chart as a file: the bars in view, pages, pictures; what a page is given to save."""

from __future__ import annotations

import io
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from mdnb.errors import MissingExtraError, OptionError
from mdnb.widgets.chart import LiveChart
from mdnb.widgets.sender import sender
from tests.widgets.sources import HandSource


@pytest.fixture
def chart() -> Iterator[LiveChart]:
    made = LiveChart(HandSource(300), "1min", theme="dark", overlays=["ema(5)", "rsi(4)", "macd(3, 5, 2)"])
    sender().remove(made)
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
