"""A price axis that somebody changes, and a title: what we draw stands where plotly's own axis says."""

from __future__ import annotations

import math
from typing import Any

import pytest

from tests.browser.bench import PICTURES, Bench, Chart, open_bench
from tests.browser.hand_market import HandMarket
from tests.browser.lab import Lab

pytestmark = pytest.mark.browser

_SETUP = f"""\
import math
from mdnb.widgets.chart.chart import LiveChart
from {HandMarket.__module__} import HandMarket
market = HandMarket(3)
market.ticks(200, 30)
def make():
    return LiveChart(market.engine, "1min", height=420, overlays=["ema(5)"])"""
_RANGE = "view.gd._fullLayout.yaxis.range"
_LOG = f"view.gd._fullLayout.yaxis.type === 'log' && {_RANGE}.every((power) => power > 2 && power < 4)"
# Plotly's own drawing, and its own way from a price to a pixel.
_PLACES = """(() => {
  const { yaxis } = view.gd._fullLayout;
  const top = view.gd.getBoundingClientRect().top + yaxis._offset;
  const at = (price) => top + yaxis.d2p(price);
  const price = view.bars.at(view.bars.end - 1, 4);
  const box = view.lastPrice.label.box.getBoundingClientRect();
  const [low, high] = yaxis.range.map((power) => 10 ** power);
  const { bars } = view;
  const seen = [];
  const first = Math.max(bars.first, Math.ceil(view.viewport.range[0]));
  for (let i = first; i < bars.end; i++) seen.push(bars.at(i, 2), bars.at(i, 3));
  const path = (name) => view.barLayer.paths[name].getAttribute("d") ?? "";
  return {
    label: (box.top + box.bottom) / 2, price: at(price), low, high,
    lowest: Math.min(...seen), highest: Math.max(...seen),
    candles: view.gd.querySelectorAll('.boxlayer path.box').length,
    ours: path("up") + path("down"),
    numbers: [...view.gd.querySelectorAll('.yaxislayer-above .ytick text')].map((text) => text.textContent),
  };
})()"""


@pytest.fixture(scope="module")
def bench(lab: Lab) -> Bench:
    return open_bench(lab, "price_axis.ipynb", _SETUP)


def _stands(chart: Chart) -> dict[str, Any]:
    places: dict[str, Any] = chart.page(_PLACES)
    assert places["low"] < places["lowest"] < places["highest"] < places["high"]
    assert abs(places["label"] - places["price"]) < 1
    assert places["candles"] > 20
    assert "NaN" not in places["ours"]
    assert "Infinity" not in places["ours"]
    numbers = [float(text.replace(",", "")) for text in places["numbers"]]
    assert len(numbers) >= 3
    assert all(places["low"] <= number <= places["high"] for number in numbers)
    return places


def test_bars_and_last_price_stand_by_a_logarithmic_axis_and_by_a_linear_one_again(
    bench: Bench, chart: Chart
) -> None:
    bench.do("chart.update_layout(yaxis_type='log')")
    chart.wait(_LOG)
    chart.wait("!view.sync.fitTimer")
    _stands(chart)
    PICTURES.mkdir(parents=True, exist_ok=True)
    bench.page.screenshot(path=PICTURES / "log_axis.png")
    for far in (1400, 700, 2000):
        end = chart.page("view.bars.end")
        bench.do(f"market.prices({far}); market.close_bar(); market.ticks(1, 0.1)")
        chart.wait(f"view.bars.end > {end} && !view.sync.fitTimer && 10 ** {_RANGE}[1] >= {far}")
        _stands(chart)
    bench.do("chart.set_timeframe('5min')")
    chart.wait(f"view.chart.look.timeframe === '5m' && {_LOG} && !view.sync.fitTimer")
    bench.do("chart.set_timeframe('1min')")
    chart.wait(f"view.chart.look.timeframe === '1m' && {_LOG}")
    bench.do("chart.update_layout(yaxis_type='linear')")
    chart.wait(f"view.gd._fullLayout.yaxis.type === 'linear' && {_RANGE}[1] > 2000")


def test_a_range_of_powers_is_held_and_a_second_view_has_it(bench: Bench, chart: Chart) -> None:
    bench.do("chart.update_layout(yaxis=dict(type='log', range=[math.log10(400), math.log10(4000)]))")
    chart.wait(f"view.viewport.fixedPrices && Math.abs({_RANGE}[1] - Math.log10(4000)) < 1e-9")
    assert chart.page("view.viewport.prices.map(Math.round)") == [400, 4000]
    bench.do("market.close_bar(); market.ticks(3, 0.1)")
    second = Chart(bench, "chart")
    for view in (chart, second):
        view.wait(
            "view.viewport.fixedPrices && view.viewport.prices.map(Math.round).join() === '400,4000'"
            f" && {_LOG}"
        )
    chart.page("view.shift(-0.1, 1)")
    chart.wait("!view.viewport.follow && view.viewport.prices.map(Math.round).join() === '400,4000'")
    bench.do("chart.follow()")
    chart.wait(f"view.viewport.follow && !view.viewport.fixedPrices && {_RANGE}[1] < Math.log10(4000)")
    _stands(chart)


def test_prices_zoomed_before_stay_and_no_view_is_lost(bench: Bench, chart: Chart) -> None:
    bench.do("chart.update_layout(yaxis_range=[250, 1800])")
    chart.wait("view.viewport.fixedPrices")
    bench.do("chart.update_layout(yaxis_type='log')")
    held = f"{_RANGE}.every((at, i) => Math.abs(10 ** at - [250, 1800][i]) < 1e-6)"
    chart.wait(held)
    bench.wait_for("max(chart.layout.yaxis.range) < 4")
    second = Chart(bench, "chart")
    second.wait(f"view.viewport.fixedPrices && {held}")
    bench.do("chart.update_layout(yaxis_type='linear')")
    for view in (chart, second):
        view.wait(f"view.viewport.fixedPrices && Math.abs({_RANGE}[1] - 1800) < 1e-6")
    bench.wait_for("abs(chart.layout.yaxis.range[1] - 1800) < 1e-6")


def test_one_end_of_the_prices_may_be_given(bench: Bench, chart: Chart) -> None:
    bench.do("chart.update_layout(yaxis_range=[None, 3000])")
    chart.wait(f"{_RANGE}[1] === 3000 && {_RANGE}[0] > 500 && view.viewport.follow")
    bench.do("market.prices(400); market.close_bar(); market.ticks(1, 0.1)")
    chart.wait(f"{_RANGE}[1] === 3000 && {_RANGE}[0] < 400 && {_RANGE}[0] > 0")
    chart.page("view.shift(-0.3, 1)")
    chart.wait(f"!view.viewport.follow && {_RANGE}[1] === 3000")
    bench.do("chart.follow()")
    chart.wait(f"view.viewport.follow && {_RANGE}[1] < 3000")
    bench.wait_for("chart.layout.yaxis.range is None")


def test_prices_may_fall_from_the_bottom_to_the_top(bench: Bench, chart: Chart) -> None:
    bench.do("chart.update_layout(yaxis_autorange='reversed')")
    chart.wait(f"{_RANGE}[0] > {_RANGE}[1] && !view.sync.fitTimer")
    end = chart.page("view.bars.end")
    bench.do("market.close_bar(); market.ticks(2, 0.1)")
    chart.wait(f"view.bars.end > {end} && {_RANGE}[0] > {_RANGE}[1]")
    places = chart.page(_PLACES)
    assert abs(places["label"] - places["price"]) < 1


_TITLE = """(() => {
  const [title, plot, legend] = [
    view.gd.querySelector(".gtitle"), view.gd.querySelector(".nsewdrag"), view.legend.line,
  ].map((node) => node.getBoundingClientRect());
  const top = view.gd.getBoundingClientRect().top;
  return { title: [title.top - top, title.bottom - top], legend: [legend.top - top, legend.bottom - top],
    plot: plot.top - top };
})()"""


def test_a_title_covers_neither_legend_nor_bars(bench: Bench, chart: Chart) -> None:
    plain = chart.page("view.legend.line.getBoundingClientRect().top - view.gd.getBoundingClientRect().top")
    for text in ("'One line'", "'Two<br>lines'", "dict(text='Small', font_size=12, x=0.5)"):
        bench.do(f"chart.update_layout(title={text})")
        words = "One" if "One" in text else "lines" if "lines" in text else "Small"
        chart.wait(
            f"view.gd.querySelector('.gtitle')?.textContent.includes('{words}') && !view.sync.fitTimer"
        )
        chart.wait(f"{_TITLE}.legend[0] >= {_TITLE}.title[1] - 2")
        places = chart.page(_TITLE)
        assert places["title"][0] >= 0
        assert places["legend"][1] <= places["plot"] + 1
    bench.page.screenshot(path=PICTURES / "title.png")
    bench.do("chart.update_layout(title=None)")
    legend = "view.legend.line.getBoundingClientRect().top - view.gd.getBoundingClientRect().top"
    chart.wait(f"!view.gd.querySelector('.gtitle')?.textContent && {legend} === {plain}")
    bench.do("chart.update_layout(title='Mine', margin_t=90)")
    chart.wait("view.area.top === 90")


_BOX = "({0}).getBoundingClientRect().toJSON()"
_ACROSS = "view.gd._fullLayout.xaxis.range.map(Number)"
_UP = f"{_RANGE}.map(Number)"


def _middle(chart: Chart, node: str) -> tuple[float, float]:
    chart.page("(view.gd.scrollIntoView({block: 'center'}), 0)")
    box = chart.page(_BOX.format(node))
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def _pull(bench: Bench, begin: tuple[float, float], by: tuple[float, float]) -> None:
    mouse = bench.page.mouse
    mouse.move(*begin)
    mouse.down()
    for share in (0.3, 0.7, 1.0):
        mouse.move(begin[0] + share * by[0], begin[1] + share * by[1])
    mouse.up()


def test_a_drag_and_the_wheel_on_the_axis_of_prices_stretch_it_and_a_double_click_lets_it_go(
    bench: Bench, chart: Chart
) -> None:
    low, high = chart.page(_UP)
    follows = chart.page(_ACROSS)
    at = _middle(chart, "view.hands.prices")
    _pull(bench, at, (0, 60))
    length = chart.page("view.area.prices.length")
    wanted = (high - low) * math.exp(2 * 60 / length)
    chart.wait(f"Math.abs({_RANGE}[1] - {_RANGE}[0] - {wanted}) < 1e-6 * {wanted}")
    found = chart.page(_UP)
    assert math.isclose(sum(found), low + high, rel_tol=1e-9)
    assert chart.page(_ACROSS) == follows
    bench.wait_for(
        f"[round(end, 6) for end in chart.layout.yaxis.range or ()] == {[round(one, 6) for one in found]}"
    )
    chart.page("(view.gd.scrollIntoView({block: 'center'}), 0)")
    bench.page.mouse.move(*_middle(chart, "view.hands.prices"))
    bench.page.mouse.wheel(0, -200)
    bench.page.mouse.wheel(0, -200)
    wanted *= math.exp(-0.0015 * 400)
    chart.wait(f"Math.abs({_RANGE}[1] - {_RANGE}[0] - {wanted}) < 1e-6 * {wanted}")
    # Bars that come leave it where it is, until a double click.
    end = chart.page("view.bars.end")
    bench.do("market.close_bar(); market.ticks(3, 0.1)")
    chart.wait(f"view.bars.end > {end}")
    chart.wait(f"Math.abs({_RANGE}[1] - {_RANGE}[0] - {wanted}) < 1e-6 * {wanted}")
    bench.page.mouse.dblclick(*_middle(chart, "view.hands.prices"))
    chart.wait("!view.viewport.fixedPrices && !view.sync.fitTimer")
    places = chart.page(_PLACES)
    assert abs(places["label"] - places["price"]) < 1
    bench.wait_for("chart.layout.yaxis.range is None")


def test_the_same_on_a_logarithmic_axis_and_on_one_that_falls(bench: Bench, chart: Chart) -> None:
    for change in ("yaxis_type='log'", "yaxis_autorange='reversed'"):
        bench.do(f"chart.update_layout({change})")
        chart.wait(
            "view.gd._fullLayout.yaxis.type === 'log' && !view.sync.fitTimer"
            if "log" in change
            else f"{_RANGE}[0] > {_RANGE}[1] && !view.sync.fitTimer"
        )
        before = chart.page(_UP)
        _pull(bench, _middle(chart, "view.hands.prices"), (0, -50))
        wanted = (before[1] - before[0]) * math.exp(-2 * 50 / chart.page("view.area.prices.length"))
        chart.wait(f"Math.abs({_RANGE}[1] - {_RANGE}[0] - {wanted}) < 1e-6 * Math.abs({wanted})")
        assert math.isclose(sum(chart.page(_UP)), sum(before), rel_tol=1e-6)
        bench.page.mouse.dblclick(*_middle(chart, "view.hands.prices"))
        chart.wait("!view.viewport.fixedPrices && !view.sync.fitTimer")


def test_a_drag_on_the_axis_of_times_keeps_the_bar_under_the_hand_and_the_newest_edge(
    bench: Bench, chart: Chart
) -> None:
    a, b = chart.page(_ACROSS)
    x, y = _middle(chart, "view.hands.times")
    left, width = chart.page(
        "[view.gd.getBoundingClientRect().left + view.area.x.offset, view.area.x.length]"
    )
    held = a + (x - left) / width * (b - a)
    _pull(bench, (x, y), (120, 0))
    chart.wait(f"{_ACROSS}[0] < {a} - 1 && !view.sync.fitTimer")
    c, d = chart.page(_ACROSS)
    assert math.isclose(d, b, rel_tol=1e-9)
    assert abs(c + (x + 120 - left) / width * (d - c) - held) < 0.05
    bench.wait_for(
        f"[round(end, 4) for end in chart.layout.xaxis.range or ()] == [round(end, 4) for end in {[c, d]}]"
    )
    # It goes on following the newest bar, as far stretched as it is.
    bench.do("market.close_bar(); market.ticks(3, 0.1)")
    chart.wait(f"Math.abs({_ACROSS}[1] - {d} - 1) < 0.01 && Math.abs({_ACROSS}[0] - {c} - 1) < 0.01")
    bench.page.mouse.dblclick(*_middle(chart, "view.hands.times"))
    chart.wait(f"Math.abs({_ACROSS}[1] - {_ACROSS}[0] - {b - a}) < 2 && !view.viewport.zoomed")
    bench.wait_for("chart.layout.xaxis.range is None and chart.follows")


def test_the_crosshair_leaves_where_the_axes_begin(bench: Bench, chart: Chart) -> None:
    chart.hover(0.5, 0.5)
    bench.page.mouse.move(*_middle(chart, "view.hands.prices"))
    chart.wait("view.crosshair.pointer === null")
    assert chart.page("getComputedStyle(view.hands.prices).cursor") == "ns-resize"


def test_two_fingers_stretch_time_and_price_about_what_lies_under_them(bench: Bench, chart: Chart) -> None:
    chart.wait("!view.sync.fitTimer && !view.frame")
    chart.page("(view.gd.scrollIntoView({block: 'center'}), 0)")
    box = chart.page("view.gd.getBoundingClientRect().toJSON()")
    area = chart.page(
        "({left: view.area.x.offset, wide: view.area.x.length,"
        " top: view.area.prices.offset, tall: view.area.prices.length})"
    )

    def at(x: float, y: float) -> dict[str, float]:
        return {
            "x": box["x"] + area["left"] + x * area["wide"],
            "y": box["y"] + area["top"] + y * area["tall"],
        }

    def under(x: float, y: float) -> list[float]:
        held: list[float] = chart.page(
            f"(() => {{ const {{ xaxis, yaxis }} = view.gd._fullLayout; const [a, b] = xaxis.range;"
            f" const [low, high] = yaxis.range; return [a + {x} * (b - a), high - {y} * (high - low)]; }})()"
        )
        return held

    span = chart.page("view.viewport.range[1] - view.viewport.range[0]")
    held = [under(0.4, 0.6), under(0.6, 0.4)]
    session = bench.page.context.new_cdp_session(bench.page)
    session.send("Emulation.setTouchEmulationEnabled", {"enabled": True, "maxTouchPoints": 2})

    def touch(kind: str, *points: dict[str, float]) -> None:
        named = [{**point, "id": number} for number, point in enumerate(points)]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": named})

    touch("touchStart", at(0.4, 0.6))
    touch("touchStart", at(0.4, 0.6), at(0.6, 0.4))
    touch("touchMove", at(0.35, 0.65), at(0.7, 0.35))
    touch("touchMove", at(0.3, 0.7), at(0.8, 0.3))
    touch("touchEnd", at(0.3, 0.7))
    touch("touchEnd")
    narrow = f"view.viewport.range[1] - view.viewport.range[0] < {0.5 * span}"
    chart.wait(f"{narrow} && !view.sync.fitTimer && !view.frame")
    seen = [under(0.3, 0.7), under(0.8, 0.3)]
    for (bar, price), (bar_now, price_now) in zip(held, seen, strict=True):
        assert bar_now == pytest.approx(bar, abs=0.02 * span)
        assert price_now == pytest.approx(price, rel=1e-3)
    assert not chart.page("view.viewport.follow")
    bench.wait_for("chart.layout.xaxis.range is not None and chart.layout.yaxis.range is not None")
    # One finger moves time; nothing of two is left.
    before = chart.page("view.viewport.range[0]")
    touch("touchStart", at(0.3, 0.5))
    touch("touchMove", at(0.4, 0.5))
    touch("touchMove", at(0.6, 0.5))
    touch("touchEnd")
    chart.wait(f"view.viewport.range[0] < {before} - 1")
    session.send("Emulation.setTouchEmulationEnabled", {"enabled": False})
