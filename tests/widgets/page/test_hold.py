"""How long widgets live, by weak references, the symbols' listeners and ipywidgets' own registry."""

from __future__ import annotations

import gc
import sys
import time
import warnings
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import ipywidgets
import pytest

from mdnb.market import LiveMarket
from mdnb.widgets.controls.controls import ChartControls
from mdnb.widgets.controls.panel import Panel
from mdnb.widgets.page.hold import end
from mdnb.widgets.page.page_probe import page_probe
from tests.limits import LIMIT_SECONDS
from tests.manager.hand import HandFeed, minutes, open_market, trade


@pytest.fixture
def market() -> Iterator[LiveMarket]:
    assert "marimo" not in sys.modules, "once it has shown a widget it holds each: in a process of its own"
    feed = HandFeed(minutes(-100, 100))
    with open_market(feed, "1min", "5min") as made:
        feed.trades(trade(1, 100.0, 1.0, 1))
        yield made


def listeners(market: LiveMarket) -> int:
    return len(market.data.engine._listeners)


def registered() -> int:
    # Without the ones that are made once and stay.
    return len(vars(ipywidgets.widgets.widget)["_instances"])


def observers() -> int:
    return len(page_probe()._trait_notifiers.get("theme", {}).get("change", []))


def comes_to(condition: Callable[[], bool]) -> bool:
    """Return whether it comes to that: the thread that draws may hold a widget for the moment."""
    began = time.monotonic()
    while not condition() and time.monotonic() - began < LIMIT_SECONDS:
        gc.collect()
    return condition()


def gone(made: Sequence[weakref.ref[Any]]) -> bool:
    return comes_to(lambda: all(one() is None for one in made))


def none_more(before: Sequence[int], now: Sequence[int]) -> bool:
    return all(one <= other for one, other in zip(now, before, strict=True))


def stock(market: LiveMarket) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of what the stock front end cannot do
        return market.chart("1min", frontend="stock")


def busy_chart(market: LiveMarket) -> Any:
    chart = market.chart("1min", overlays=["ema(20)", "rsi(14)"], theme="auto")
    chart.link("desk")
    chart.mark(market["1min"].index[-1], "here")
    chart.alert(above=1e6)
    chart.pause()
    return chart


MAKERS: dict[str, Callable[[LiveMarket], Any]] = {
    "chart": lambda market: market.chart("1min"),
    "busy chart": busy_chart,
    "stock chart": stock,
    "panel": lambda market: market.panel("1min"),
    "dashboard": lambda market: market.dashboard(),
    "depth": lambda market: market.depth(),
    "tape": lambda market: market.tape(),
    "watch": lambda market: market.watch(),
    "frame view": lambda market: market.frame_view(),
}


def test_a_hundred_charts_that_nobody_holds_leave_no_listener(market: LiveMarket) -> None:
    before = listeners(market)
    assert gone([weakref.ref(market.chart("1min")) for _ in range(100)])
    assert comes_to(lambda: listeners(market) <= before)


@pytest.mark.parametrize("name", MAKERS)
def test_what_nobody_holds_and_no_page_shows_goes(market: LiveMarket, name: str) -> None:
    make = MAKERS[name]
    # What is made once stays.
    page_probe()
    first = make(market)
    first.close()
    once = weakref.ref(first)
    del first
    assert gone([once])
    before = listeners(market), registered(), observers()
    assert gone([weakref.ref(make(market)) for _ in range(3)])
    # Something of an earlier test may have been held for the moment.
    assert comes_to(lambda: none_more(before, (listeners(market), registered(), observers())))


@pytest.mark.parametrize("name", MAKERS)
def test_what_a_page_shows_stays_until_it_is_closed(market: LiveMarket, name: str) -> None:
    shown = MAKERS[name](market)
    shown._repr_mimebundle_()
    held = weakref.ref(shown)
    count = listeners(market)
    del shown
    gc.collect()
    assert held() is not None
    assert listeners(market) == count
    held().close()
    assert gone([held])


@pytest.mark.parametrize("name", MAKERS)
def test_what_a_page_shows_of_a_market_that_is_over_lets_it_go(name: str) -> None:
    feed = HandFeed(minutes(-100, 100))
    live = open_market(feed, "1min", "5min")
    feed.trades(trade(1, 100.0, 1.0, 1))
    shown = MAKERS[name](live)
    shown._repr_mimebundle_()
    engine = weakref.ref(live.data.engine)
    live.close()
    del live, feed
    assert gone([engine])
    assert "X" in repr(shown)
    assert "X" in shown.to_html() if hasattr(shown, "to_html") else shown.chart.to_html()
    shown.close()


def test_what_stands_in_a_box_that_somebody_holds_stays(market: LiveMarket) -> None:
    box = ipywidgets.VBox([market.chart("1min"), market.tape()])
    held = [weakref.ref(one) for one in box.children]
    gc.collect()
    assert all(one() is not None for one in held)
    for one in box.children:
        one.close()
    box.close()


def test_what_is_held_takes_the_messages_of_its_page(market: LiveMarket) -> None:
    panel = market.panel("1min")
    gc.collect()
    kind = panel.controls.kind
    at = [name for _, name in kind.options].index("line")
    # As ipykernel hands on what a page sends.
    data = {"method": "update", "state": {"index": at}, "buffer_paths": []}
    kind.comm.handle_msg({"content": {"data": data}, "buffers": []})
    assert panel.chart.kind == "line"


def test_a_chart_that_a_page_shows_does_not_go_with_controls_that_are_made_for_it(
    market: LiveMarket,
) -> None:
    for make in (ChartControls, Panel):
        chart = market.chart("1min")
        chart._repr_mimebundle_()
        held = weakref.ref(chart)
        around = make(chart)
        del chart, around
        gc.collect()
        assert not held()._mdnb.state.closed
        held().close()
    view = market.depth()
    heat_map = view.heat_map
    del view
    gc.collect()
    assert not heat_map._life.ended


def test_at_the_end_of_python_nothing_is_closed_any_more() -> None:
    closed: list[int] = []
    end(lambda: closed.append(1), lambda: True)
    assert closed == []
    end(lambda: closed.append(1))
    assert closed == [1]
