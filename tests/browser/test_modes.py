"""Pause, resume and replay in a real page: from Python, from the buttons in the chart, from the keyboard."""

from __future__ import annotations

import json

import pytest

from tests.browser.bench import PICTURES, Bench, Chart, open_bench
from tests.browser.lab import Lab

pytestmark = pytest.mark.browser


# Whatever of the bars is to be seen, as it is drawn: plotly's candles, what lies over them, texts, ranges.
_PICTURE = """JSON.stringify([
  view.gd.calcdata[view.place('mdnb-candles')].map(p => [p.pos, p.min, p.max]),
  ['up', 'down', 'volumeUp', 'volumeDown'].map(name => view.barLayer.paths[name].getAttribute('d')),
  view.lastPrice.paths.last.getAttribute('d'),
  view.legend.line.textContent, view.lastPrice.label.text.textContent,
  view.lastPrice.left.group.getAttribute('visibility'),
  view.gd._fullLayout.xaxis.range, view.gd._fullLayout.yaxis.range, view.gd._fullLayout.yaxis2.range])"""
_ALL = """(() => { const {bars} = view.chart; const n = bars.count - (bars.forming ? 1 : 0);
  return bars.columns.slice(0, 6).map(column => [...column.slice(0, n)]); })()"""
_MODE = "view.chart.modes.name"


@pytest.fixture(scope="module")
def bench(lab: Lab) -> Bench:
    return open_bench(lab, "modes.ipynb")


def _wait_for_mode(bench: Bench, mode: str) -> None:
    bench.wait_for(f"chart.mode == {mode!r}")


def _kernel_bars(bench: Bench) -> dict[float, list[float]]:
    code = (
        "frame = live['1min'].frame\n"
        "frame = frame.iloc[:-1] if frame.attrs['forming'] else frame\n"
        "times = frame.index.tz_convert('UTC').as_unit('us').asi8 / 1000\n"
        "print(json.dumps([times.tolist(), *(frame[name].tolist() for name in"
        " ('open', 'high', 'low', 'close', 'volume'))]))"
    )
    columns = json.loads(bench.do(code))
    return {row[0]: list(row[1:]) for row in zip(*columns, strict=True)}


def _focus(chart: Chart) -> None:
    """Put the keyboard into the chart, and the pointer beside it."""
    chart.bench.page.mouse.move(2, 2)
    chart.page("(view.gd.focus(), 0)")


def test_a_paused_picture_stands_still_and_nothing_is_lost(bench: Bench, chart: Chart) -> None:
    bench.do("chart.pause()")
    chart.wait(f"{_MODE} === 'paused' && view.legend.texts.status.textContent === 'paused'")
    muted = chart.page("view.appearance.colours.muted")
    assert chart.page("view.legend.texts.dot.getAttribute('style')") == f"color:{muted}"
    # Plotly draws once more, up to where it stands.
    chart.wait("!view.sync.fitTimer && !view.frame && view.sync.drawnTo === view.bars.end - 1")
    fits = chart.page("view.sync.fits")
    chart.wait(f"view.sync.fits > {fits} || !view.sync.fitTimer")
    before, end = chart.page(_PICTURE), chart.page("view.chart.bars.end")
    chart.wait(f"view.chart.bars.end >= {end} + 4")
    chart.page("(view.moved(true), 0)")
    chart.wait(f"view.sync.fits > {fits}")
    assert chart.page(_PICTURE) == before
    _wait_for_mode(bench, "paused")
    bench.do("chart.resume()")
    chart.wait(f"{_MODE} === 'live' && view.bars === view.chart.bars && view.sync.drawnTo >= {end} + 4")
    chart.wait("view.legend.texts.status.textContent.startsWith('live')")
    shown = list(zip(*chart.page(_ALL), strict=True))
    held = _kernel_bars(bench)
    assert len(shown) >= 999
    assert all(held[row[0]] == list(row[1:]) for row in shown)
    assert chart.page("view.viewport.follow && view.gd._fullLayout.xaxis.range[1] > view.bars.end - 2")


def test_a_replay_shows_no_bar_before_its_time_and_ends_in_the_present(bench: Bench) -> None:
    chart = Chart(bench, "chart = make(overlays=['ema(20)'])\nchart")
    # At each draw: the newest bar that may be seen, and the newest that is, in every part of the picture.
    chart.page(
        """(() => { view.seen = []; const draw = view.draw; view.draw = function () {
          draw.call(view); const {modes} = view.chart; if (modes.name !== 'replay') return;
          const [line] = view.indicators.lines; const held = (at) => view.chart.bars.at(modes.cursor, at);
          const {appearance, indicators, legend, sync} = view; const {prices} = appearance;
          view.seen.push({cursor: modes.cursor, last: view.bars.end - 1, fits: sync.fits, quiet: sync.quiet,
            candles: view.gd.calcdata[view.place('mdnb-candles')].at(-1).pos,
            line: view.gd.data[view.place(line.uid)].x.at(-1),
            said: [legend.texts.close.textContent, indicators.legends[0].values[0].node.textContent],
            held: [prices.format(held(4)), appearance.format(line.decimals).format(held(line.at))]});
          }; })()"""
    )
    bench.do("start = live['1min'].frame.index[-60]\nchart.replay(start, speed=25)")
    chart.wait(f"{_MODE} === 'replay' && view.legend.texts.status.textContent === 'replay ×25'")
    first = chart.page("view.seen[0].cursor")
    started = chart.page(f"view.chart.bars.at({first}, 0)")
    assert float(bench.do("print(start.timestamp() * 1000)")) <= started
    chart.wait(f"{_MODE} === 'live' && view.bars === view.chart.bars && view.viewport.follow")
    seen = chart.page("view.seen")
    cursors = [row["cursor"] for row in seen]
    assert cursors == sorted(cursors)
    assert len(set(cursors)) > 15
    assert all(row["last"] == row["cursor"] for row in seen)
    assert all(row["said"] == row["held"] for row in seen)
    # What plotly had drawn before goes with its first drawing of the replay.
    settled = [row for row in seen if row["fits"] > seen[0]["fits"] and not row["quiet"]]
    assert len(settled) > 5
    assert all(row["candles"] <= row["cursor"] and row["line"] <= row["cursor"] for row in settled)
    _wait_for_mode(bench, "live")
    bench.do("chart.close()")
    assert not bench.errors


def test_it_all_works_while_the_kernel_is_busy(bench: Bench, chart: Chart) -> None:
    press = bench.page.keyboard.press
    with bench.blocked("time.sleep(0.1)", "print('begun')\n") as cell:
        bench.lab.wait_for_output(cell)
        bench.show(chart.cell)
        _focus(chart)
        press(" ")
        chart.wait(f"{_MODE} === 'paused'")
        end = chart.page("view.bars.end")
        chart.wait(f"view.chart.bars.end > {end} && view.bars.end === {end}")
        press("r")
        chart.wait(f"{_MODE} === 'replay' && view.bars.end < {end}")
        from_there = chart.page("view.bars.end")
        chart.wait(f"view.bars.end >= {from_there} + 2")
        press("Escape")
        chart.wait(f"{_MODE} === 'live' && view.bars === view.chart.bars")
        press(" ")
    _wait_for_mode(bench, "paused")


def test_a_replay_is_paused_stepped_and_hurried(bench: Bench, chart: Chart) -> None:
    bench.do("chart.replay(speed=0.1)")
    chart.wait(f"{_MODE} === 'replay'")
    first = chart.page("Math.round(view.chart.modes.cursor - (view.chart.bars.end - 180))")
    assert -12 <= first <= 12, "from the first bar in view"
    at = chart.page("view.chart.modes.cursor")
    bench.do("chart.step(3)")
    chart.wait(f"view.chart.modes.cursor === {at} + 3")
    chart.page("(view.toolbar.buttons.pause.click(), 0)")
    chart.wait(f"{_MODE} === 'paused' && view.legend.texts.status.textContent === 'paused · replay ×0.1'")
    for _ in range(6):
        chart.page("(view.toolbar.buttons.faster.click(), 0)")
    assert chart.page("view.toolbar.speed.textContent") == "×8"
    chart.page("(view.toolbar.buttons.step.click(), 0)")
    assert chart.page("view.bars.end - 1") == at + 4
    _wait_for_mode(bench, "paused")
    chart.page("(view.toolbar.buttons.pause.click(), 0)")
    chart.wait(f"{_MODE} === 'replay' && view.chart.modes.cursor >= {at} + 8")
    _wait_for_mode(bench, "replay")
    chart.page("(view.toolbar.buttons.live.click(), 0)")
    chart.wait(f"{_MODE} === 'live'")
    assert chart.page("view.toolbar.buttons.step.disabled && view.toolbar.buttons.live.disabled")


def test_the_timeframe_of_a_replay_tells_nothing_of_the_future(bench: Bench, chart: Chart) -> None:
    bench.do("chart.replay(live['1min'].frame.index[-99], speed=0.1)\nchart.pause()")
    chart.wait(f"{_MODE} === 'paused' && view.bars.end < view.chart.bars.end")
    known = chart.page("view.chart.bars.at(view.bars.end, 0)")
    bench.do("chart.set_timeframe('5min')")
    chart.wait("view.chart.look.timeframe === '5m'")
    complete = chart.page("view.chart.bars.at(view.bars.end, 0)")
    assert known - 300_000 < complete <= known
    bench.do("chart.set_timeframe('1min')")
    chart.wait("view.chart.look.timeframe === '1m'")
    assert chart.page("view.chart.bars.at(view.bars.end, 0)") == complete


def test_the_keyboard_pans_zooms_and_returns(bench: Bench, chart: Chart) -> None:
    cells = "window.jupyterapp.shell.currentWidget.content.widgets.length"
    count = bench.page.evaluate(cells)
    _focus(chart)
    label = chart.page("view.gd.getAttribute('aria-label')")
    assert chart.page("[view.gd.tabIndex, view.gd.getAttribute('role')]") == [0, "figure"]
    assert label.startswith("BTC-USD, 1m chart, last price 1")
    press = bench.page.keyboard.press
    span = "(view.viewport.range[1] - view.viewport.range[0])"
    begun = chart.page(span)
    press("+")
    chart.wait(f"{span} < {begun} - 20 && view.viewport.follow")
    press("-")
    chart.wait(f"Math.abs({span} - {begun}) < 0.01 && view.viewport.follow")
    for _ in range(3):
        press("ArrowLeft")
    chart.wait("!view.viewport.follow && view.gd._fullLayout.xaxis.range[1] < view.bars.end")
    kept = chart.page("[...view.viewport.range]")
    bench.wait_for(f"list(chart.layout.xaxis.range or []) == {kept}")
    bench.show(chart.cell)
    _focus(chart)
    press("ArrowRight")
    chart.wait(f"view.viewport.range[0] > {kept[0]}")
    press("End")
    chart.wait("view.viewport.follow && view.gd._fullLayout.xaxis.range[1] > view.bars.end - 2")
    bench.wait_for("chart.layout.xaxis.range is None and chart.follows")
    assert bench.page.evaluate(cells) == count, "a key of the chart was the notebook's too"
    # From a replay, and from a pause, it is back to live as well.
    for begin in ("r", " "):
        press(begin)
        chart.wait("view.chart.modes.name !== 'live'")
        press("End")
        chart.wait("view.chart.modes.name === 'live' && view.viewport.follow")
        bench.wait_for("chart.mode == 'live'")
        bench.show(chart.cell)
        _focus(chart)


def test_the_strip_chooses_what_is_in_view(bench: Bench, chart: Chart) -> None:
    def press(words: str) -> None:
        chart.hover(0.5, 0.3)
        bench.page.click(f".mdnb-view-strip button[aria-label='{words}']")

    span = "(view.viewport.range[1] - view.viewport.range[0])"
    press("Show all bars")
    chart.wait("view.viewport.range[0] === view.bars.first - 1 && view.viewport.follow")
    press("Show one trading day")
    # The venue never closes: a day is 24 hours, of which a thousand minutes are held.
    chart.wait(f"{span} > 990 && view.viewport.follow && !view.sync.fitTimer")
    bench.wait_for("chart.layout.xaxis.range is not None and chart.follows")
    press("Go to a date")
    wanted, text = chart.page(
        "[view.bars.end - 300, new Date(view.chart.zone.local(view.bars.at(view.bars.end - 300, 0)))"
        ".toISOString().slice(0, 16)]"
    )
    assert chart.page("document.activeElement === view.strip.date")
    chart.page("(view.shift(0, 0.2), 0)")
    chart.wait(f"{span} < 250 && !view.sync.fitTimer")
    bench.page.fill(".mdnb-view-strip input", text)
    bench.page.keyboard.press("Enter")
    chart.wait(f"Math.abs((view.viewport.range[0] + view.viewport.range[1]) / 2 - {wanted}) <= 1")
    assert not chart.page("view.viewport.follow")
    bench.wait_for("not chart.follows")
    bench.page.keyboard.press("Escape")
    chart.wait("view.strip.date.hidden && document.activeElement === view.gd")
    bench.page.keyboard.press("End")
    chart.wait("view.viewport.follow")
    press("Logarithmic axis of prices")
    chart.wait(
        "view.gd._fullLayout.yaxis.type === 'log' && view.strip.log.getAttribute('aria-pressed') === 'true'"
    )
    bench.wait_for("chart.layout.yaxis.type == 'log'")
    press("Logarithmic axis of prices")
    chart.wait("view.gd._fullLayout.yaxis.type === 'linear'")
    press("Whole screen")
    chart.wait("document.fullscreenElement === view.gd && view.gd._fullLayout.height === window.innerHeight")
    chart.wait("view.gd._fullLayout.width === window.innerWidth")
    bench.page.evaluate("() => document.exitFullscreen()")
    chart.wait("view.gd._fullLayout.height === 460 && view.gd._fullLayout.width === view.el.clientWidth")
    bench.do("chart.go_to(live['1min'].index[-200])")
    chart.wait("Math.abs((view.viewport.range[0] + view.viewport.range[1]) / 2 - (view.bars.end - 200)) <= 3")


def test_the_axis_counts_in_per_cent_of_the_first_bar_in_view_and_says_zone_and_date(
    bench: Bench, chart: Chart
) -> None:
    def numbers() -> list[str]:
        return bench.page.evaluate(
            "[...document.querySelectorAll('.ytick text')].map((one) => one.textContent)"
        )

    words = ".mdnb-view-strip button[aria-label='Per cent of the first bar in view']"
    prices = numbers()
    chart.hover(0.5, 0.3)
    bench.page.click(words)
    chart.wait(
        "view.gd._fullLayout.yaxis.ticktext && view.gd._fullLayout.yaxis.ticktext.includes('0.0%')"
        " || (view.gd._fullLayout.yaxis.ticktext || []).some((one) => parseFloat(one) === 0)"
    )
    assert bench.page.get_attribute(words, "aria-pressed") == "true"
    chart.wait("!view.sync.fitTimer && !view.frame")
    last, base, told = chart.page(
        "(() => { const bars = view.chart.modes.shown;"
        " const first = Math.max(Math.ceil(view.viewport.range[0]), bars.first);"
        " return [view.chart.ahead ?? bars.at(bars.end - 1, 4), bars.at(first, 4),"
        " view.gd.querySelector('.mdnb-last text').textContent]; })()"
    )
    assert float(told.replace("\u2212", "-").rstrip("%")) == pytest.approx(100 * (last / base - 1), abs=0.006)
    assert all(one.endswith("%") for one in numbers())
    bench.page.click(words)
    chart.wait("view.gd._fullLayout.yaxis.tickmode === 'auto'")
    assert not any(one.endswith("%") for one in [*numbers(), *prices])
    # A few bars of one hour: no day begins among them.
    chart.page("(view.zoom([view.bars.end - 30, view.bars.end + 1], null, true), 0)")
    chart.wait("view.viewport.range[1] - view.viewport.range[0] < 40 && !view.sync.fitTimer && !view.frame")
    # Another figure is shown: what is ours stays.
    bench.do("chart.set_kind('ohlc')")
    chart.wait("view.gd._fullData[view.place('mdnb-candles')].type === 'ohlc' && !view.frame")
    assert chart.page("view.gd.querySelector('.mdnb-zone').textContent") == chart.page(
        "view.chart.zone.name(view.bars.at(view.bars.end - 1, 0))"
    )
    assert chart.page(
        "[...view.gd.querySelectorAll('.xtick text')].some((one) => /[A-Z]/.test(one.textContent))"
    )


def test_the_buttons_are_there_for_pointer_and_keyboard_and_else_away(bench: Bench, chart: Chart) -> None:
    shown = "getComputedStyle(view.toolbar.node).opacity"
    bench.page.mouse.move(2, 2)
    chart.page("(document.activeElement.blur(), 0)")
    chart.wait(f"{shown} === '0'")
    x, y = chart.at(0.5, 0.5)
    bench.page.mouse.move(x, y)
    chart.wait(f"Number({shown}) > 0.9")
    bench.page.mouse.click(x, y)
    assert chart.page("document.activeElement === view.gd")
    bench.page.mouse.move(2, 2)
    chart.wait(f"{shown} === '0'")
    names = []
    for _ in range(4):
        bench.page.keyboard.press("Tab")
        names.append(chart.page("document.activeElement.getAttribute('aria-label')"))
    assert chart.page("view.toolbar.node.contains(document.activeElement)")
    assert names[0] == "Pause (Space)"
    assert len(set(names)) == 4, "disabled ones are passed over"
    chart.wait(f"Number({shown}) > 0.9")
    bench.page.keyboard.press("Tab")
    assert chart.page("view.drawingStrip.node.contains(document.activeElement)")
    chart.wait(f"Number({shown.replace('toolbar', 'drawingStrip')}) > 0.9")
    chart.page("(view.toolbar.buttons.pause.focus(), 0)")
    bench.page.keyboard.press("Enter")
    chart.wait(f"{_MODE} === 'paused'")
    bench.page.keyboard.press(" ")
    chart.wait(f"{_MODE} === 'live'")


def test_a_second_view_and_a_reloaded_page_stand_where_the_first_did(bench: Bench) -> None:
    chart = Chart(bench)
    again = Chart(bench, "chart")
    again.page("(view.toolbar.buttons.pause.click(), 0)")
    chart.wait(f"{_MODE} === 'paused' && view.legend.texts.status.textContent === 'paused'")
    words = "[view.legend.line.textContent, view.lastPrice.label.text.textContent, view.bars.end - 1]"
    chart.wait("!view.sync.fitTimer && !view.frame")
    before = chart.page(words)
    end = chart.page("view.chart.bars.end")
    chart.wait(f"view.chart.bars.end >= {end} + 2")
    _wait_for_mode(bench, "paused")
    bench.reload(chart.cell)
    chart.wait("view.sync.fits > 0 && view.drawn > 1")
    assert chart.page(words) == before
    assert chart.page("[view.chart.modes.name, view.legend.texts.status.textContent]") == ["paused", "paused"]
    assert chart.page("view.chart.bars.end") >= end + 2
    _focus(chart)
    bench.page.keyboard.press(" ")
    chart.wait(f"{_MODE} === 'live' && view.bars.end >= {end} + 2")
    bench.do("chart.close()")
    assert not bench.errors


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_pictures_of_the_strip(bench: Bench, theme: str) -> None:
    bench.lab.set_theme(f"JupyterLab {theme.title()}")
    chart = Chart(bench)
    chart.wait(f"view.appearance.theme === '{theme}'")
    bench.do("chart.replay(live['1min'].frame.index[-120], speed=8)")
    chart.hover(0.3, 0.3)
    chart.wait("view.legend.texts.status.textContent === 'replay ×8'")
    chart.wait("Number(getComputedStyle(view.toolbar.node).opacity) > 0.9")
    PICTURES.mkdir(parents=True, exist_ok=True)
    bench.page.screenshot(path=PICTURES / f"replay_{theme}.png")
    # 4.5:1 or more, as WCAG 2.1 asks of texts of that size; icons need 3:1.
    for colours in (("muted", "background"), ("text", "background"), ("drawn", "background")):
        assert _contrast(*chart.page(f"{list(colours)}.map(name => view.appearance.colours[name])")) >= 3
    bench.do("chart.close()")


def _contrast(first: str, second: str) -> float:
    def luminance(colour: str) -> float:
        channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((luminance(first), luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)
