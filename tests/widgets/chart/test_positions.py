"""A position on a chart: what it has gained, where it is kept, and where it is drawn."""

from __future__ import annotations

import math
import pathlib
import xml.etree.ElementTree as ET

import numpy as np
import pytest

import mdnb
from mdnb.errors import OptionError
from mdnb.widgets.figure.position import money, quantity
from tests.manager.hand import HandFeed, minutes, open_market, trade


def feed(symbol_points: float | None = None) -> HandFeed:
    return HandFeed(
        minutes(-30, 30, lambda i: 100.0 + i * 0.25),
        trades=(),
        instrument=mdnb.Instrument("X", 0.25, point_value=symbol_points),
    )


@pytest.mark.parametrize(
    ("worth", "size", "gained"), [(2.0, 3, 30.0), (None, -0.5, -2.5), (50.0, -1, -250.0)]
)
def test_it_gains_what_its_points_are_worth(worth: float | None, size: float, gained: float) -> None:
    source = feed(worth)
    with open_market(source, "1min") as live:
        chart = live.chart("1min")
        position = chart.position(live["1min"]["close"].iloc[-1], size)
        assert position.profit == 0.0
        source.trades(trade(1, position.entry + 5, number=0))
        assert position.profit == gained == position.profit_at(position.entry + 5)


def test_numpys_numbers_are_numbers() -> None:
    with open_market(feed(), "1min") as live:
        chart = live.chart("1min")
        position = chart.position(np.float32(100.5), np.int64(-2))
        assert (position.entry, position.size) == (100.5, -2.0)
        assert chart.draw_line(np.int64(100)).price == 100.0


def test_there_is_one_of_a_symbol_until_it_is_removed() -> None:
    with open_market(feed(), "1min", "5min") as live:
        chart = live.chart("1min")
        first, second = chart.position(100.0, 1), chart.position(101.0, -2)
        assert chart._mdnb.annotations.held()[2] is second
        first.remove()
        chart.set_timeframe("5min")
        assert chart._mdnb.annotations.held()[2] is second
        second.remove()
        second.remove()
        assert chart._mdnb.annotations.held()[2] is None


@pytest.mark.parametrize(
    ("entry", "size"), [(math.nan, 1), (math.inf, 1), ("100", 1), (100.0, 0), (100.0, math.nan), (True, 1)]
)
def test_what_is_no_position_is_refused(entry: float, size: float) -> None:
    with open_market(feed(), "1min") as live, pytest.raises(OptionError, match=r"entry|size"):
        live.chart("1min").position(entry, size)


def test_pictures_and_pages_have_it() -> None:
    with open_market(feed(2.0), "1min") as live:
        chart = live.chart("1min")
        last = float(live["1min"]["close"].iloc[-1])
        chart.position(last - 2.0, 3)
        texts = [node.text for node in ET.fromstring(chart.picture()).iter() if node.text]
        assert "+3 · +12.00" in texts
        assert f"{last - 2:,.2f}" in texts
        still = chart.snapshot()
        assert [one.text for one in still.layout.annotations if one.name == "mdnb-position"] == [
            f"{last - 2:,.2f}",
            "+3 · +12.00",
        ]
        chart.position(last * 2, 3)
        assert "mdnb-position" not in [one.name for one in chart.snapshot().layout.annotations]


def test_a_saved_market_brings_it_back(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "market.mdnb"
    with open_market(feed(2.0), "1min") as live:
        chart = live.chart("1min")
        chart.position(104.5, -2)
        live.save(file)
    with pytest.warns(UserWarning, match="neither trades nor quotes"):
        opened = mdnb.open(file)
    with opened:
        held = opened.chart("1min")._mdnb.annotations.held()[2]
        assert held is not None
        assert (held.symbol, held.entry, held.size, held.point_value) == ("X", 104.5, -2.0, 2.0)


def test_amounts_are_written_with_their_sign() -> None:
    assert [money(amount) for amount in (1234.567, -0.004, 0.0, -20)] == [
        "+1,234.57",
        "0.00",
        "0.00",
        "−20.00",
    ]
    assert [quantity(size) for size in (1.0, -0.00025, 1_000_000.0)] == ["+1", "−0.00025", "+1000000"]
