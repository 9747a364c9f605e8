"""Marks and alerts on the live chart, in a real JupyterLab and a real Chromium."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.bench import PICTURES, SETUP, Bench, Chart, open_bench
from tests.browser.lab import Lab

pytestmark = pytest.mark.browser

_ROUNDS = 20

_MORE = """
frame = live['1min'].frame
engine = live.data.engine"""
_OUTLINES = """Object.fromEntries([...view.over.querySelectorAll('[class^="mdnb-mark-"]')].filter(node =>
  node.tagName === 'path').map(node => [node.className.baseVal.slice(10),
  node.getAttribute('d').split('M').slice(1)
    .map(part => part.split(/[^-0-9.]+/).slice(0, 2).map(Number))]))"""
_TEXTS = (
    "[...view.over.querySelectorAll('.mdnb-mark-text')].map(node => node.textContent).filter(text => text)"
)


@pytest.fixture(scope="module")
def bench(lab: Lab) -> Bench:
    PICTURES.mkdir(parents=True, exist_ok=True)
    return open_bench(lab, "marks.ipynb", SETUP + _MORE)


@pytest.fixture
def chart(chart: Chart) -> Iterator[Chart]:
    """Return a chart; the alerts that a test set are gone after it."""
    yield chart
    chart.bench.do("for alert in live.alerts():\n    alert.cancel()")


def _places(chart: Chart, ms: float) -> dict[str, float]:
    """Return where plotly's axes put the group of bars that holds an instant: x, and y of low and high."""
    found: dict[str, float] = chart.page(
        f"(() => {{ const ms = {ms!r};"
        """const { bars, gd } = view; const { size } = view.sync; const { xaxis, yaxis } = gd._fullLayout;
        let bar = bars.first;
        while (bar + 1 < bars.end && bars.at(bar + 1, 0) <= ms) bar += 1;
        const from = Math.max(Math.floor(bar / size) * size, bars.first);
        const rows = [];
        for (let i = from; i < Math.min(Math.floor(bar / size) * size + size, bars.end); i += 1) rows.push(i);
        return { bar, x: xaxis._offset + xaxis.d2p(Math.floor(bar / size) * size + (size - 1) / 2),
          low: yaxis._offset + yaxis.d2p(Math.min(...rows.map(i => bars.at(i, 3)))),
          high: yaxis._offset + yaxis.d2p(Math.max(...rows.map(i => bars.at(i, 2)))) }; })()"""
    )
    return found


def _still(chart: Chart) -> None:
    """Let the chart stand: a bar a second closes here, and would move what is measured."""
    chart.page("(view.chart.takeDelta = () => {}, 0)")
    chart.wait("!view.frame && !view.sync.fitTimer")


def _near(found: float, wanted: float) -> bool:
    return abs(found - wanted) <= 0.6


def test_marks_stand_at_their_bars_in_every_timeframe_and_zoom(bench: Bench, chart: Chart) -> None:
    told = bench.do(
        "times = [frame.index[-at] for at in (40, 30, 20)]\n"
        "low, high, price = (float(frame[name].iloc[-at]) for name, at in"
        " (('low', 40), ('high', 30), ('close', 20)))\n"
        "half = __import__('pandas').Timedelta('30s')\n"
        "bought = chart.mark(times[0] + half, 'long 1', side='buy', price=price)\n"
        "sold = chart.mark(times[1].isoformat(), 'out', side='sell')\n"
        "noted = chart.mark(times[2].timestamp(), 'note')\n"
        "early = chart.mark('2001-01-01T00:00:00Z', 'before all bars', side='buy')\n"
        "print(json.dumps([time.timestamp() * 1000 for time in times] + [price]))"
    )
    *times, price = json.loads(told)
    chart.wait(f"{_TEXTS}.length === 3")
    assert set(chart.page(_TEXTS)) == {"long 1", "out", "note"}

    def stand_right() -> None:
        _still(chart)
        outlines = chart.page(_OUTLINES)
        buy, sell, note = (_places(chart, ms) for ms in times)
        ((x, y),) = outlines["buy"]
        assert _near(x, buy["x"])
        assert buy["low"] < y < buy["low"] + 30
        assert any(_near(x, sell["x"]) and sell["high"] - 45 < y < sell["high"] for x, y in outlines["sell"])
        ((x, y),) = outlines["note"]
        assert 2 < note["x"] - x < 5, "a circle begins at its left"
        assert note["high"] - 30 < y < note["high"]
        ((x, y),) = outlines["tick"]
        at = chart.page(f"view.gd._fullLayout.yaxis._offset + view.gd._fullLayout.yaxis.d2p({price})")
        assert _near(y, at)
        assert x < buy["x"] < x + 15
        chart.page("(delete view.chart.takeDelta, 0)")

    stand_right()
    bench.do("chart.set_timeframe('5min')")
    chart.wait("view.chart.look.timeframe === '5m' && !view.sync.fitTimer")
    stand_right()
    bench.do(
        "chart.set_timeframe('1min')\n"
        "x = chart.data[0].x\n"
        "chart.update_layout(xaxis_range=[float(x[0]), float(x[-1]) + 9])"
    )
    chart.wait("view.chart.look.timeframe === '1m' && view.sync.size > 1 && !view.sync.fitTimer")
    stand_right()
    bench.do("chart.follow()\nsold.remove()\nsold.remove()")
    chart.wait(f"view.sync.size === 1 && {_OUTLINES}.sell.length === 0")
    bench.do("chart.clear_marks()")
    chart.wait(f"{_OUTLINES}.buy.length === 0 && {_TEXTS}.length === 0")


def test_marks_are_there_after_a_reload_and_in_a_second_view(bench: Bench) -> None:
    chart = Chart(bench)
    bench.do("chart.mark(frame.index[-10], 'kept', side='sell')")
    chart.wait(f"{_TEXTS}.includes('kept')")
    again = Chart(bench, "chart")
    again.wait(f"{_TEXTS}.includes('kept')")
    bench.do("chart.mark(frame.index[-60], 'new', side='buy')")
    for view in (chart, again):
        bench.show(view.cell)
        view.wait(f"{_TEXTS}.includes('kept') && {_TEXTS}.includes('new')")
    bench.reload(chart.cell)
    chart.wait(f"view.sync.fits > 0 && {_TEXTS}.includes('kept') && {_TEXTS}.includes('new')")
    assert chart.page("view.el.querySelectorAll('.mdnb-toast').length") == 0
    bench.do("chart.mark(frame.index[-110], 'later', side='buy')")
    bench.show(chart.cell)
    chart.wait(f"{_TEXTS}.includes('later')")
    bench.do("chart.close()")


_MIDDLES = """[...view.gd.querySelectorAll('.shapelayer path')].map(node => {
  const box = node.getBoundingClientRect();
  return box.left + box.width / 2 - view.gd.getBoundingClientRect().left; })"""
_OWN = "[...view.indicators.labels.querySelectorAll('.mdnb-over-label')].map(node => node.textContent)"


def test_what_is_added_at_times_is_drawn_at_its_bars_in_every_timeframe(bench: Bench, chart: Chart) -> None:
    told = bench.do(
        "times = frame.index[-100:]\n"
        "chart.add_scatter(x=times, y=frame['high'].iloc[-100:], name='highs')\n"
        "chart.add_vline(x=times[-40])\n"
        "chart.add_vrect(x0=times[-70], x1=times[-60].isoformat(), line_width=0)\n"
        "chart.add_live(lambda f: f['close'] * 0 + f['low'].iloc[0], name='first low')\n"
        "lows = live['1min'].frame['low']\n"
        "print(json.dumps([times[at].timestamp() * 1000 for at in (-1, -40, -70, -60)]))"
    )
    last, line, left, right = json.loads(told)
    chart.wait("view.gd.querySelectorAll('.shapelayer path').length === 2")
    chart.wait("view.gd.querySelectorAll('.scatterlayer .js-line').length === 2")
    _still(chart)
    found = sorted(chart.page(_MIDDLES))
    places = [_places(chart, ms)["x"] for ms in (line, left, right)]
    if chart.page("view.sync.size") == 1:
        assert _near(found[1], places[0])
        assert _near(found[0], (places[1] + places[2]) / 2)
    point = _places(chart, last)
    ends = chart.page(
        """(() => { const node = [...view.gd.querySelectorAll('.scatterlayer .js-line')].at(-1);
        const box = node.getBoundingClientRect(), all = view.gd.getBoundingClientRect();
        return [box.right - all.left, box.width]; })()"""
    )
    assert ends[1] > 50
    assert abs(ends[0] - point["x"]) < 4 or chart.page("view.sync.size") > 1
    labels = chart.page(_OWN)
    assert any(text.startswith("first low") for text in labels), labels
    assert any(text.startswith("highs") for text in labels), labels
    bench.page.screenshot(path=PICTURES / "added-at-times.png")
    bench.do("chart.set_timeframe('5min')")
    chart.wait(
        "view.chart.look.timeframe === '5m' && view.gd.querySelectorAll('.shapelayer path').length === 2"
    )
    _still(chart)
    middle = """(() => { const { bars, gd } = view; const { xaxis } = gd._fullLayout; const ms = %r;
        let bar = bars.first; while (bar + 1 < bars.end && bars.at(bar + 1, 0) <= ms) bar += 1;
        const at = bar + (ms - bars.at(bar, 0)) / 300000; return xaxis._offset + xaxis.d2p(at); })()"""
    assert _near(sorted(chart.page(_MIDDLES))[1], chart.page(middle % line))


def test_thousands_of_marks_are_sent_once_and_only_those_in_view_are_drawn(
    bench: Bench, chart: Chart
) -> None:
    chart.page(
        "(view.counts = [], view.chart.takeAnnotations = (message) => {"
        " view.counts.push(message.marks.time.length);"
        " Object.getPrototypeOf(view.chart).takeAnnotations.call(view.chart, message); }, 0)"
    )
    bench.do(
        "import pandas as pd\n"
        "trades = pd.DataFrame({'side': ['buy', 'sell'] * 2500, 'price': [*frame['close'].iloc[-1000:]] * 5,"
        " 'text': [f'#{i}' for i in range(5000)], 'pnl': 0.0}, index=[*frame.index[-1000:]] * 5)\n"
        "made = chart.mark_trades(trades)\n"
        "print(len(made))"
    )
    chart.wait("view.chart.annotations.marks.length === 5000")
    bench.do("for at in range(200):\n    chart.mark(frame.index[-1 - at], 'more')")
    chart.wait("view.chart.annotations.marks.length === 5200")
    told = chart.page("view.counts")
    assert sum(told) == 5200, "each mark goes over once"
    chart.page("(delete view.chart.takeAnnotations, 0)")
    chart.wait(f"{_OUTLINES}.buy.length > 50")
    _still(chart)
    assert len(chart.page(_OUTLINES)["buy"]) <= 200, "one a bar where they are crowded"
    assert chart.page(_TEXTS) == []
    # A tick that moves no mark draws none anew.
    chart.page("(view.markings = 0, view.annotations.marks.drawAll = () => { view.markings += 1; }, 0)")
    for _ in range(_ROUNDS):
        # Until plotly has done what it was about: that may move them once more.
        drawn = chart.page("(view.markings = 0, view.moved(), view.drawn)")
        chart.wait(f"view.drawn > {drawn}")
        if chart.page("view.markings") == 0:
            break
    else:
        pytest.fail("marks are drawn anew though none moved")
    chart.page("(delete view.annotations.marks.drawAll, delete view.chart.takeDelta, 0)")
    bench.do("first, last = float(chart.data[0].x[0]), float(chart.data[0].x[-1])")
    for name, around, there in (
        ("all", "first, last + 9", "view.sync.size > 1"),
        ("few", "last - 90, last - 50", "view.sync.size === 1 && !view.viewport.follow"),
    ):
        bench.do(f"chart.update_layout(xaxis_range=[{around}])")
        chart.wait(f"{there} && !view.sync.fitTimer && !view.frame")
        bench.page.screenshot(path=PICTURES / f"marks-{name}.png")
    assert 10 < len(chart.page(_TEXTS)) <= 80
    assert any(text.startswith("+") for text in chart.page(_TEXTS))
    assert len(chart.page(_OUTLINES)["sell"]) <= 4 * 42


def _alert_at(bench: Bench, options: str) -> float:
    """Set an alert, at the price of the last trade, so that the first one beyond fires it."""
    code = (
        "with engine.lock:\n"
        "    price = engine.last_trade[1]\n"
        f"    alert = chart.alert(price, {options})\n"
        "print(price)"
    )
    return float(bench.do(code))


def test_an_alert_stands_at_its_price_and_is_paler_when_it_fired(bench: Bench, chart: Chart) -> None:
    line = "view.over.querySelector('.mdnb-alert')"
    price = float(bench.do("price = float(frame['close'].iloc[-30:].max()) + 0.5\nprint(price)"))
    bench.do("alert = live.alert(above=price + 100000)\nshown = live.alert(above=price)\nfired = shown.fired")
    chart.wait(f"{line}?.getAttribute('d')")
    _still(chart)
    y = chart.page(f"+{line}.getAttribute('d').match(/M\\S+ (\\S+)H/)[1]")
    assert _near(y, chart.page(f"view.gd._fullLayout.yaxis._offset + view.gd._fullLayout.yaxis.d2p({price})"))
    label = chart.page("view.over.querySelector('.mdnb-alert-chip text').textContent")
    assert label == f"{price:,.2f}"
    assert chart.page("view.over.querySelectorAll('.mdnb-alert').length") == 1
    chart.page("(delete view.chart.takeDelta, 0)")
    bench.do("shown.cancel()")
    chart.wait(f"!{line}.getAttribute('d')")
    _alert_at(bench, "message='there'")
    chart.wait(
        "[...view.over.querySelectorAll('.mdnb-alert')].some(n => n.getAttribute('opacity') === '0.45')"
    )
    chart.wait(f"{_OUTLINES}.alert.length === 1")
    at = float(bench.do("print(alert.fired_ns / 1e6)"))
    _still(chart)
    ((x, _y),) = chart.page(_OUTLINES)["alert"]
    assert _near(x, _places(chart, at)["x"] - 4)


_BOXES = """[...view.over.querySelectorAll('rect[rx="2"]')].filter(node =>
  getComputedStyle(node).visibility !== 'hidden' && node.nextElementSibling?.tagName === 'text' &&
  +node.getAttribute('x') >= view.area.right - 1 && node.getBoundingClientRect().height > 10).map(node => {
    const box = node.getBoundingClientRect();
    return [box.top, box.bottom, node.nextElementSibling.textContent]; }).sort((a, b) => a[0] - b[0])"""


def test_no_label_on_the_axis_of_prices_covers_another(bench: Bench) -> None:
    chart = Chart(bench, "chart = make(quotes=True)\nchart")
    _still(chart)
    told = bench.do(
        "last = float(chart.data[1].close[-1])\n"
        "for off in (0.5, 1.0, -0.75):\n    chart.draw_line(last + off)\n"
        "near = [live.alert(above=last + 10_000), live.alert(below=last - 10_000)]\n"
        "print(json.dumps([f'{last + off:,.2f}' for off in (0.5, 1.0, -0.75)]))"
    )
    wanted = set(json.loads(told))
    chart.wait(f"{_BOXES}.filter(([, , text]) => {json.dumps(sorted(wanted))}.includes(text)).length === 3")
    chart.wait("!view.frame")
    boxes = chart.page(_BOXES)
    assert len(boxes) >= 6, boxes  # the last price, the time left, bid, ask and the three lines
    for above, below in itertools.pairwise(boxes):
        assert above[1] <= below[0] + 0.6, (above, below)
    prices = [float(text.replace(",", "")) for _, _, text in boxes if ":" not in text]
    assert prices == sorted(prices, reverse=True)
    assert chart.page("view.priceLabels.leaders.getAttribute('d')").count("M") >= 2
    bench.page.screenshot(path=PICTURES / "labels.png")
    bench.do("for alert in near:\n    alert.cancel()\nchart.close()")
    assert not bench.errors


def test_an_alert_that_fires_while_a_cell_blocks_is_said(bench: Bench, chart: Chart) -> None:
    chart.page("(view.chart.annotations, view.said = [], 0)")
    chart.page(
        "(new MutationObserver(() =>"
        " view.said.push(view.el.querySelector('[role=status]')?.textContent ?? ''))"
        ".observe(view.el, {childList: true, subtree: true, characterData: true}), 0)"
    )
    code = (
        "with engine.lock:\n"
        "    price = engine.last_trade[1]\n"
        "    alert = chart.alert(price, message='<img src=x onerror=\"window.hacked = 1\"> went')\n"
    )
    with bench.blocked(first=code):
        chart.wait("view.said.some(text => text.includes('> went'))")
    price = float(bench.do("print(alert.trade_price)"))
    assert chart.page(f"view.said.some(text => text.includes('{price:,.2f}'))")
    assert chart.page("view.el.querySelectorAll('img').length") == 0
    assert bench.page.evaluate("window.hacked") is None
    chart.wait("!view.el.querySelector('.mdnb-toast')")
    bench.do("alert = chart.alert(event='new_bar', message='a bar')")
    chart.wait("view.el.querySelector('.mdnb-toast')?.textContent.startsWith('a bar')")


def test_one_alert_makes_one_toast_however_many_charts_show_it(bench: Bench, chart: Chart) -> None:
    bench.do("display(chart)")
    chart.wait("view.chart.views.size === 2 && [...view.chart.views].every((one) => one.ready)")
    chart.page(
        "(window.toasts = 0, new MutationObserver((all) => { for (const one of all) for (const node of"
        " one.addedNodes) if (node.classList?.contains('mdnb-toast')) window.toasts += 1; })"
        ".observe(document.body, {childList: true, subtree: true}), 0)"
    )
    _alert_at(bench, "message='once'")
    chart.wait("window.toasts > 0")
    bench.do("alert = chart.alert(event='new_bar', message='a bar')")
    chart.wait(
        "[...document.querySelectorAll('.mdnb-toast')].some((one) => one.textContent.startsWith('a bar'))"
    )
    assert bench.page.evaluate("window.toasts") == 2


def test_texts_of_marks_never_become_elements(bench: Bench, chart: Chart) -> None:
    text = '<img src=x onerror="window.hacked = 1">'
    bench.do(f"chart.mark(frame.index[-20], {text!r}, side='buy')\nlive.alert(price=1.0, message={text!r})")
    chart.wait(f"{_TEXTS}.some(text => text.startsWith('<img src'))")
    assert chart.page("view.el.querySelectorAll('img').length") == 0
    assert bench.page.evaluate("window.hacked") is None


def test_lines_over_the_bars_have_their_newest_values_on_the_axis(bench: Bench, chart: Chart) -> None:
    bench.do("chart.set_overlays(['ema(20)', 'bollinger(20)', 'rsi(14)'])")
    chart.wait("view.over.querySelectorAll('.mdnb-line-chip').length === 4 && !view.sync.fitTimer")
    _still(chart)
    told, held = chart.page(
        "(() => { const bars = view.chart.modes.shown;"
        " const shown = [...view.over.querySelectorAll('.mdnb-line-chip')]"
        ".filter((chip) => chip.getAttribute('visibility') === 'visible');"
        " return [shown.map((chip) => chip.textContent), view.indicators.lines"
        ".filter((line) => line.axis === 'yaxis').map((line) => bars.at(bars.end - 1, line.at))]; })()"
    )
    assert len(held) == 4
    assert set(told) <= {f"{value:,.2f}" for value in held}
    assert len(told) >= 3
    bench.do("chart.set_overlays([])")
    chart.wait("view.over.querySelectorAll('.mdnb-line-chip').length === 0")


def test_a_position_gains_with_the_price_and_leaves_when_it_is_removed(bench: Bench, chart: Chart) -> None:
    bench.do("position = chart.position(float(live['1min'].close.iloc[-1]) - 1, -2)")
    chart.wait("view.over.querySelector('.mdnb-position-words').textContent.startsWith('\u22122 · ')")
    _still(chart)
    words, entry, price, y, colour = chart.page(
        "(() => { const { position } = view.chart.annotations; const bars = view.chart.modes.shown;"
        " const { yaxis } = view.gd._fullLayout; const line = view.over.querySelector('.mdnb-position');"
        " return [view.over.querySelector('.mdnb-position-words').textContent, position.entry,"
        " view.chart.ahead ?? bars.at(bars.end - 1, 4),"
        " [yaxis._offset + yaxis.d2p(position.entry), Number(/ (.+)H/.exec(line.getAttribute('d'))[1])],"
        " [line.getAttribute('stroke'), view.appearance.colours.up, view.appearance.colours.down]]; })()"
    )
    gained = (price - entry) * -2 * float(bench.do("print(position.point_value)"))
    assert float(words.split(" · ")[1].replace("\u2212", "-").replace(",", "")) == pytest.approx(
        gained, abs=0.006
    )
    assert _near(*y)
    assert colour[0] == colour[1 if gained >= 0 else 2]
    bench.do("position.remove()")


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_marks_and_alerts_follow_the_theme(bench: Bench, chart: Chart, theme: str) -> None:
    name = f"JupyterLab {theme.title()}"
    bench.page.evaluate(f"window.jupyterapp.commands.execute('apputils:change-theme', {{theme: '{name}'}})")
    warning: Any = {"dark": "#f5a623", "light": "#b26a00"}[theme]
    bench.do(
        "for at, side, text in ((120, 'buy', 'long 2'), (100, 'sell', 'target'), (80, 'note', 'news'),"
        " (60, 'sell', 'short 1'), (60, 'sell', 'short 2'), (30, 'buy', 'cover')):\n"
        "    chart.mark(frame.index[-at], text, side=side, price=float(frame['close'].iloc[-at]))\n"
        "live.alert(above=float(frame['high'].iloc[-100:].max()) + 5, message='breakout')\n"
        "live.alert(below=float(frame['low'].iloc[-100:].min()) - 5)"
    )
    _alert_at(bench, "message='BTC-USD crossed the level'")
    chart.wait("view.el.querySelector('.mdnb-toast')")
    chart.wait(
        f"view.appearance.theme === '{theme}' &&"
        f" view.over.querySelector('.mdnb-alert').getAttribute('stroke') === '{warning}'"
    )
    bench.page.screenshot(path=PICTURES / f"marks-{theme}.png")
    fill = chart.page("view.over.querySelector('.mdnb-mark-buy').getAttribute('fill')")
    assert fill == {"dark": "#26a69a", "light": "#089981"}[theme]
