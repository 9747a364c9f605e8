"""Figures where a feed names no tick size: prices have the decimals of those seen, sizes those they need."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from mdnb.instruments import Instrument
from mdnb.market import LiveMarket
from mdnb.widgets.chart.chart import LiveChart
from mdnb.widgets.page.sender import sender
from mdnb.widgets.tables.base import LiveTable
from tests.manager.hand import HandFeed, bar, open_market, trade
from tests.widgets.chart.charts import Wire, drawn_by_hand
from tests.widgets.sources import MINUTE_NS, HandSource

_TINY = 1.2e-5


class TinySource(HandSource):
    """A market whose prices are tiny, of a venue that tells no tick size."""

    def __init__(self, price: float = _TINY, bars: int = 5) -> None:
        super().__init__(0)
        self.instrument = Instrument("PEPE-BTC")
        self.rows = [(at * MINUTE_NS, price, price, price, price, 1.5, 3, 1.5 * price) for at in range(bars)]
        self.now = None


@pytest.fixture
def tiny() -> Iterator[tuple[HandFeed, LiveMarket]]:
    feed = HandFeed(instrument=Instrument("X"))
    with open_market(feed) as market:
        yield feed, market


def _texts(table: LiveTable, column: str) -> list[str]:
    state: Any = table.state()
    at = [made.name.split()[0] for made in state.columns].index(column)
    return [row.cells[at].text for row in state.rows if row.tone != "blank"]


def test_tables_show_tiny_prices(tiny: tuple[HandFeed, LiveMarket]) -> None:
    feed, market = tiny
    feed.trades(trade(0, _TINY, 1200.0), trade(1, 1.5e-5, 3.0))
    feed.quotes((trade(2, 0)[0], 1.4e-5, 5.0, 1.6e-5, 6.0))
    assert _texts(market.tape(), "Price") == ["0.000015", "0.000012"]
    assert _texts(market.tape(), "Size") == ["3", "1,200"]
    watch = market.watch()
    assert [_texts(watch, name) for name in ("Last", "Bid", "Ask")] == [
        ["0.000015"],
        ["0.000014"],
        ["0.000016"],
    ]
    assert _texts(watch, "Change") == ["▲ +0.000003"]
    view = market.frame_view("1min")
    assert (_texts(view, "Open"), _texts(view, "Close")) == (["0.000012"], ["▲ 0.000015"])
    assert _texts(view, "Volume") == ["1,203"]


def test_an_order_book_shows_tiny_prices_and_its_heat_map_has_rows_for_them(
    tiny: tuple[HandFeed, LiveMarket],
) -> None:
    feed, market = tiny
    book = market.depth(levels=2)
    feed.depth([(1.4e-5, 4.0), (1.3e-5, 8.5)], [(1.6e-5, 1.0)])
    assert _texts(book.ladder, "Price") == ["0.000016", "0.000014", "0.000013"]
    assert dict(book.state().facts)["spread"].text == "0.000002"
    assert _texts(book.ladder, "Size") == ["1.0", "4.0", "8.5"]
    assert "bid 0.000014 · ask 0.000016 · spread 0.000002" in market.depth().heat_map.picture()


def test_a_table_never_goes_back_to_fewer_decimals(tiny: tuple[HandFeed, LiveMarket]) -> None:
    feed, market = tiny
    tape = market.tape(rows=1)
    shown = []
    for at, price in enumerate((100.0, 100.25, 101.0)):
        feed.trades(trade(at, price))
        shown += _texts(tape, "Price")
    assert shown == ["100", "100.25", "101.00"]


def test_a_tick_size_that_is_told_decides() -> None:
    feed = HandFeed(instrument=Instrument("X", 0.5, whole_lots=True))
    with open_market(feed) as market:
        feed.trades(trade(0, 100.0, 2.0))
        assert (_texts(market.tape(), "Price"), _texts(market.tape(), "Size")) == (["100.0"], ["2"])


def test_counts_and_whole_lots_have_no_decimals() -> None:
    feed = HandFeed([bar(-1, 100.0, volume=12345.0)])
    with open_market(feed) as market:
        assert _texts(market.frame_view("1min"), "Volume") == ["12,345"]


@pytest.mark.parametrize("frontend", ["fast", "stock"])
def test_a_chart_shows_tiny_prices(frontend: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of the stock front end, which another test is about
        chart = drawn_by_hand(TinySource(), frontend=frontend)
    assert chart.layout.yaxis.tickformat == ",.6f"
    assert ">0.000012</text>" in chart.picture()
    assert any("0.000012" in (note.text or "") for note in chart.snapshot().layout.annotations)
    chart.close()


@pytest.mark.parametrize("frontend", ["fast", "stock"])
def test_a_chart_takes_the_decimals_of_prices_that_come(frontend: str) -> None:
    source = TinySource(bars=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        chart = drawn_by_hand(source, frontend=frontend)
    assert chart.layout.yaxis.tickformat == ",.2f", "before any price"
    told = []
    for price in (0.5, 0.25, 0.125, 0.5):
        source.now = (0, price, price, price, price, 1.0, 1, price)
        source.updates += 1
        chart.draw()
        told.append(chart.layout.yaxis.tickformat)
    assert told == [",.1f", ",.2f", ",.3f", ",.3f"]
    chart.close()


def test_a_page_is_sent_the_decimals_once_they_are_others() -> None:
    source = TinySource(0.5)
    chart = drawn_by_hand(source)
    assert chart.get_state()["_look"]["decimals"] == 1
    wire = Wire(chart)
    kinds = []
    for price in (0.5, 0.25, 0.5):
        source.now = (5 * MINUTE_NS, price, price, price, price, 1.0, 1, price)
        source.updates += 1
        chart.draw()
        kinds.append(wire.messages[-1][0]["kind"])
    assert kinds == ["delta", "figure", "delta"]
    assert chart.get_state()["_look"]["decimals"] == 2
    chart.close()


def test_another_symbol_has_its_own_decimals() -> None:
    known = HandSource(symbol="MES")
    chart = LiveChart(TinySource(), "1min", theme="light", sources={"PEPE-BTC": TinySource(), "MES": known})
    sender().remove(chart)
    chart.set_symbol("MES")
    assert chart.layout.yaxis.tickformat == ",.2f"
    chart.close()
