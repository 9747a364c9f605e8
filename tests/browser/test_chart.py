"""The live chart in a real JupyterLab and a real Chromium: what the page shows is read back from the page."""

from __future__ import annotations

import ast
import json

import pytest
from playwright.sync_api import TimeoutError as LateError

from tests.browser.bench import PICTURES, SETUP, WAIT_MS, Bench, Chart, ShownChart, find_view, open_bench
from tests.browser.lab import PAGE_MS, Lab

pytestmark = pytest.mark.browser
_HAND = """\
from mdnb.widgets.chart.chart import LiveChart
from tests.browser.hand_market import HandMarket
hand = HandMarket(7)
hand.ticks(2000, 3)"""


@pytest.fixture(scope="module")
def bench(lab: Lab) -> Bench:
    return open_bench(lab, "charts.ipynb")


@pytest.mark.parametrize("doing", ["time.sleep(0.1)", "sum(range(1000))"], ids=["sleep", "busy loop"])
def test_the_chart_moves_while_a_cell_runs(bench: Bench, chart: Chart, doing: str) -> None:
    chart.collect_prices()
    with bench.blocked(doing):
        chart.wait("view.seenPrices.size >= 20")


def test_a_chart_shown_just_before_a_blocking_cell_moves(bench: Bench) -> None:
    first = "from IPython.display import display\nchart = make()\ndisplay(chart)\n"
    with bench.blocked("time.sleep(0.1)", first) as cell:
        bench.show(cell)
        chart = ShownChart(bench.page, find_view(cell))
        chart.wait("view.sync.fits > 0")
        chart.collect_prices()
        chart.wait("view.seenPrices.size >= 20")
    bench.do("chart.close()")


_TICKS = """(async () => {
  const frame = () => new Promise(requestAnimationFrame);
  while (view.frame) await frame();
  const drawn = [view.drawn];
  for (let tick = 0; tick < 3; tick += 1) { view.ticked(); drawn.push(view.drawn); }
  const { frame: asked } = view;
  while (view.frame === asked) await frame();
  return drawn.concat(view.drawn).map((many) => many - drawn[0]);
})()"""


def test_the_first_tick_of_a_frame_is_drawn_at_once_and_the_others_with_the_frame(chart: Chart) -> None:
    *at_once, after = chart.page(_TICKS)
    assert at_once == [0, 1, 1, 1]
    assert after >= 2  # more where plotly drew meanwhile


_BARS = """(() => { const {bars} = view; const n = bars.count - (bars.forming ? 1 : 0);
  return bars.columns.map(column => [...column.slice(0, n)]); })()"""


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


def test_what_is_drawn_is_what_the_engine_holds(bench: Bench, chart: Chart) -> None:
    begun = chart.page("view.bars.end")
    chart.wait(f"view.bars.end >= {begun} + 4")
    shown = list(zip(*chart.page(_BARS), strict=True))
    held = _kernel_bars(bench)
    assert len(shown) >= 999
    assert all(held[row[0]] == list(row[1:]) for row in shown)
    chart.wait("view.sync.drawnTo === view.bars.end - 1 && view.sync.size === 1")
    drawn = chart.page(
        "(() => { const t = view.gd.calcdata[view.place('mdnb-candles')];"
        " return t.map(p => [view.bars.at(p.pos, 0), p.min, p.max]); })()"
    )
    held = _kernel_bars(bench)
    assert len(drawn) > 180
    assert all(held[time][1:3] == [high, low] for time, low, high in drawn[-100:])


def test_python_sees_the_bars_that_are_drawn(bench: Bench, chart: Chart) -> None:
    chart.wait("view.sync.fits > 2")
    same = "chart.data[0].close[-5:].tolist() == live['1min'].frame['close'].iloc[-6:-1].tolist()"
    bench.wait_for(same)
    bench.do("figure = chart.snapshot()")
    told = bench.do("print(type(figure).__name__, len(figure.data[0].x), len(figure.layout.shapes))")
    assert told == "Figure 999 1\n"


def test_what_people_do_to_a_figure_widget_works(bench: Bench, chart: Chart) -> None:
    bench.do(
        "x = chart.data[0].x[-60:]\n"
        "chart.add_scatter(x=x, y=chart.data[0].close[-60:], mode='lines', name='mine')\n"
        "chart.add_hline(y=float(x[0]) * 0 + float(chart.data[0].close[-1]), line_color='orange')\n"
        "chart.add_annotation(x=float(x[-1]), y=float(chart.data[0].high[-1]), text='here')\n"
        "with chart.batch_update():\n"
        "    chart.data[4].line.color = 'magenta'\n"
        "    chart.layout.hovermode = 'closest'\n"
        "done = []\n"
        "chart.on_edits_completed(lambda: done.append(1))"
    )
    chart.wait("view.gd.data.length === 5 && view.gd.data[4].line?.color === 'magenta'")
    chart.wait("view.gd.querySelectorAll('.scatterlayer .js-line').length === 1")
    chart.wait("view.gd.querySelectorAll('.shapelayer path').length === 1")
    chart.wait("view.gd.querySelectorAll('.annotation').length === 1")
    assert chart.page("view.gd._fullLayout.hovermode") == "closest"
    fits = chart.page("view.sync.fits")
    chart.wait(f"view.sync.fits >= {fits} + 2")
    assert chart.page("view.gd.querySelectorAll('.scatterlayer .js-line').length") == 1
    assert bench.do("print(len(done))") == "1\n"
    bench.do("chart.update_layout(title_text='mine too')\nchart.data = chart.data[:4]")
    chart.wait("view.gd.data.length === 4 && view.gd.layout.title?.text === 'mine too'")
    chart.wait("view.place('mdnb-candles') === 0 && !view.gd.querySelector('.scatterlayer .js-line')")


def test_a_click_on_a_candle_reaches_python(bench: Bench, chart: Chart) -> None:
    bench.do(
        "clicks = []\n"
        "def clicked(trace, points, state):\n"
        "    clicks.append((points.xs, int(trace.x[points.point_inds[0]] - points.xs[0])))\n"
        "chart.data[0].on_click(clicked)"
    )
    x, y = chart.at(0.5, 0.5)
    bench.page.mouse.move(x, y)
    bench.page.mouse.move(x + 2, y)
    chart.wait("view.crosshair.pointer && view.gd._hoverdata?.length")
    # A bar a second closes here: which one is under the pointer counts at the click.
    chart.page("(view.gd.on('plotly_click', (event) => { view.clicked = event.points[0].x; }), 0)")
    bench.page.mouse.click(x + 2, y)
    chart.wait("view.clicked !== undefined")
    pointed = chart.page("view.clicked")
    xs, off = ast.literal_eval(bench.wait_for("clicks and clicks[0]"))
    assert xs[0] == pointed
    # A bar may have closed between the numbering and the handler.
    assert off in {0, 1}


def test_a_zoom_stays_while_bars_arrive_and_a_double_click_follows_again(bench: Bench, chart: Chart) -> None:
    x, y = chart.at(0.3, 0.5)
    bench.page.mouse.move(x, y)
    bench.page.mouse.down()
    bench.page.mouse.move(x + 300, y, steps=5)
    bench.page.mouse.up()
    chart.wait("view.viewport.follow === false && view.sync.fits > 1")
    kept = chart.page("[...view.viewport.range]")
    end = chart.page("view.bars.end")
    chart.wait(f"view.bars.end >= {end} + 2")
    assert chart.page("[...view.gd._fullLayout.xaxis.range]") == kept
    bench.wait_for(f"list(chart.layout.xaxis.range or ()) == {kept}")
    assert chart.page("getComputedStyle(view.latest).display") != "none"
    chart.page("view.latest.click()")
    chart.wait("view.viewport.follow && view.gd._fullLayout.xaxis.range[1] > view.bars.end")
    bench.wait_for("chart.layout.xaxis.range is None")
    bench.do("chart.update_layout(xaxis_range=[100, 900])")
    chart.wait("view.sync.size > 1 && view.gd._fullLayout.xaxis.range[0] === 100")
    bench.wait_for("not chart.follows")
    bench.page.mouse.dblclick(x, y)
    chart.wait("view.viewport.follow && view.sync.size === 1")
    bench.wait_for("chart.follows")
    bench.do("chart.update_layout(xaxis_range=[100, 900])")
    chart.wait("view.gd._fullLayout.xaxis.range[0] === 100")
    bench.do("chart.follow()")
    chart.wait("view.viewport.follow && view.gd._fullLayout.xaxis.range[1] > view.bars.end")


def test_a_drag_is_not_lost_when_the_width_changes_between_the_press_and_the_first_move(
    bench: Bench, chart: Chart
) -> None:
    x, y = chart.at(0.3, 0.5)
    bench.page.mouse.move(x, y)
    bench.page.mouse.down()
    chart.page("view.el.style.width = '700px'")
    bench.page.evaluate("new Promise((done) => setTimeout(() => requestAnimationFrame(done), 250))")
    bench.page.mouse.move(x + 300, y, steps=5)
    bench.page.mouse.up()
    chart.wait("view.viewport.follow === false && view.gd._fullLayout.width === view.el.clientWidth")
    span = chart.page("[...view.viewport.range]")
    assert chart.page("view.bars.end") - span[1] > 20


def test_bars_closed_in_quick_succession_are_ours_until_plotly_draws_them_together(bench: Bench) -> None:
    bench.do(_HAND)
    bench.page.mouse.move(0, 0)
    chart = Chart(bench, "chart = LiveChart(hand.engine, '1min', bars=200)\nchart")
    chart.wait("!view.sync.fitTimer && !view.sync.later && view.sync.drawnTo === view.bars.end - 1")
    fits, end = chart.page("[view.sync.fits, view.bars.end]")
    chart.page("view.sync.restMs = 600_000")  # it is not over before the test is
    for closed in range(1, 5):
        bench.do("hand.close_bar(); hand.prices(hand._price)")
        chart.wait(f"view.bars.end === {end} + {closed} && !view.frame")
    assert chart.page("[view.sync.fits, view.sync.drawnTo]") == [fits, end - 1]
    drawn = chart.page(
        "['up', 'down'].map((name) => view.barLayer.paths[`volume${name[0].toUpperCase()}${name.slice(1)}`])"
        ".map((path) => path.getAttribute('d').split('M').length - 1)"
    )
    assert sum(drawn) == 5
    # One more, and the newest bar has no room left.
    bench.do("hand.close_bar(); hand.prices(hand._price)")
    chart.wait(f"view.sync.fits > {fits} && view.sync.drawnTo === view.bars.end - 1")
    assert chart.page("view.viewport.range[1] - view.bars.end") == 5
    # Plotly has drawn them: that it was due later is forgotten.
    fits = chart.page(
        "clearTimeout(view.sync.later), view.sync.later = 0, view.sync.restMs = 0, view.sync.fits"
    )
    chart.page("view.sync.laterFor = 0, view.sync.fitLater()")
    chart.wait("!view.sync.later && !view.sync.fitTimer")
    assert chart.page("view.sync.fits") == fits
    bench.do("chart.close(); hand.live.close()")


def test_plotly_draws_closed_bars_when_none_was_closed_for_a_while(bench: Bench) -> None:
    bench.do(_HAND)
    bench.page.mouse.move(0, 0)
    chart = Chart(bench, "chart = LiveChart(hand.engine, '1min', bars=200)\nchart")
    chart.wait("!view.sync.fitTimer && !view.sync.later && view.sync.drawnTo === view.bars.end - 1")
    end = chart.page("view.bars.end")
    chart.page("view.sync.restMs = 600_000")
    for closed in (1, 2):
        bench.do("hand.close_bar(); hand.prices(hand._price)")
        chart.wait(f"view.bars.end === {end} + {closed} && view.sync.laterFor === view.bars.end")
    # The rest begins anew with each bar that is closed.
    begun = chart.page("view.sync.restMs = 300, performance.now()")
    bench.do("hand.close_bar(); hand.prices(hand._price)")
    chart.wait("view.sync.drawnTo === view.bars.end - 1 && !view.sync.later && !view.sync.fitTimer")
    assert chart.page("view.sync.fittedAt") >= begun + 300
    bench.do("chart.close(); hand.live.close()")


def test_plotly_rests_no_longer_than_that_where_somebody_points(bench: Bench) -> None:
    bench.do(_HAND)
    chart = Chart(bench, "chart = LiveChart(hand.engine, '1min', bars=200)\nchart")
    chart.wait("!view.sync.fitTimer && !view.sync.later && view.sync.drawnTo === view.bars.end - 1")
    chart.hover(0.5, 0.5)
    chart.page("view.sync.restMs = 600_000, view.sync.fittedAt = performance.now() - 600_000")
    bench.do("hand.close_bar(); hand.prices(hand._price)")
    chart.wait("view.sync.drawnTo === view.bars.end - 1")
    bench.do("chart.close(); hand.live.close()")


def test_a_chart_left_at_its_oldest_bars_goes_on_at_the_oldest_when_they_are_gone(bench: Bench) -> None:
    bench.do(_HAND)
    chart = Chart(bench, "chart = LiveChart(hand.engine, '1min', bars=60)\nchart")
    first = chart.page("view.bars.first")
    bench.do(f"chart.update_layout(xaxis_range=[{first}, {first + 20}])")
    chart.wait(f"!view.viewport.follow && view.gd._fullLayout.xaxis.range[0] === {first}")
    for _ in range(4):
        bench.do("hand.ticks(1000, 3)")
        end = bench.do("print(len(hand.live.data.get_data('1min')))")
        chart.wait(f"view.bars.end >= {end}")
    chart.wait(
        f"view.bars.first > {first} + 20 && view.gd._fullLayout.xaxis.range[0] === view.bars.first - 1"
    )
    assert chart.page("view.viewport.range[1] - view.viewport.range[0]") == 20
    assert not chart.page("view.viewport.follow")
    chart.wait("view.sync.groups.at.length > 20")
    bench.do("chart.close(); hand.live.close()")


def test_the_axis_says_the_times_of_the_bars(bench: Bench, chart: Chart) -> None:
    said = chart.page(
        "(({ tickvals, ticktext }) => tickvals.map((at, i) => [view.bars.at(at, 0), ticktext[i]]))"
        "(view.gd.layout.xaxis)"
    )
    tz = bench.do("print(live['1min'].frame.index.tz)").strip()
    import pandas as pd

    assert len(said) > 4
    for ms, text in said:
        at = pd.Timestamp(ms, unit="ms", tz="UTC").tz_convert(tz)
        # Where no day begins in view, one of the times says which day it is.
        assert text in {f"{at:%H:%M}", f"<b>{at:%a} {at.day}</b>", f"<b>{at:%b} {at.day}</b> {at:%H:%M}"}


def test_a_label_at_the_edge_does_not_move_the_plot(bench: Bench, chart: Chart) -> None:
    # A full hour has a label, whatever is between two of them.
    first = chart.page(
        "(({ bars }) => { let at = bars.end - 70;"
        " while (bars.at(at, 0) % 3_600_000) at -= 1; return at; })(view)"
    )
    bench.do(f"chart.update_layout(xaxis_range=[{first}, {first} + 60])")
    chart.wait(f"view.gd._fullLayout.xaxis.range[0] === {first} && !view.sync.fitTimer && !view.frame")
    chart.wait(f"view.gd.layout.xaxis.tickvals.includes({first})")
    assert chart.page("view.gd._fullLayout.xaxis._offset") == 8
    # The prices have room at the right, as has a title of the user's below.
    bench.do("chart.update_layout(xaxis_title_text='time')")
    chart.wait("view.gd.querySelector('.xtitle') && view.gd._fullLayout._size.b > 24")


def test_the_chart_is_as_wide_as_its_cell(bench: Bench, chart: Chart) -> None:
    chart.page("(view.el.style.width = '500px')")
    chart.wait("view.gd._fullLayout.width === 500 && view.area.right < 430")
    chart.page("(view.el.style.width = '')")
    chart.wait("view.gd._fullLayout.width === view.el.clientWidth && view.el.clientWidth > 800")


def test_nothing_is_sent_to_a_chart_out_of_sight(bench: Bench, chart: Chart) -> None:
    chart.page("(view.gd.parentNode.style.display = 'none')")
    bench.page.wait_for_function("() => true")
    chart.wait("view.chart.visible === false")
    bench.wait_for("not chart._mdnb.transport.wants()")
    taken = chart.page("(view.taken = 0, view.chart.takeDelta = () => { view.taken += 1; }, view.bars.end)")
    bench.do("time.sleep(3)")
    assert chart.page("view.taken") == 0
    assert chart.page("view.bars.end") == taken
    chart.page("(delete view.chart.takeDelta, view.gd.parentNode.style.display = '')")
    chart.wait(f"view.bars.end > {taken} && view.sync.drawnTo > {taken}")


def test_a_second_view_and_a_second_figure(bench: Bench, chart: Chart) -> None:
    again = Chart(bench, "chart")
    again.wait("view.drawn > 3")
    assert again.page("view.chart.views.size") == 2
    bench.page.evaluate("() => { window.kernelBytes = 0; }")
    socket = """() => { const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
      const held = kernel._ws; held.addEventListener('message', e => {
        window.kernelBytes += e.data.byteLength ?? e.data.length; }); }"""
    bench.do("chart.close()")
    bench.page.evaluate(socket)
    Chart(bench, "chart = make()\nchart")
    received = bench.page.evaluate("window.kernelBytes")
    # Bars and the figure, and not the megabytes that draw them.
    assert 0 < received <= 300_000


def test_it_counts_down_to_the_end_of_the_bar_and_draws_bid_and_ask_when_asked(bench: Bench) -> None:
    bench.do("slow = mdnb.live('MNQ', ['1min'], feed='sim://?speed=1&seed=4', name='slow', progress=False)")
    chart = Chart(bench, "chart = LiveChart(slow.data.engine, '1min', quotes=True)\nchart")
    chart.wait("/^00:[0-5][0-9]$/.test(view.lastPrice.left.text.textContent)")
    chart.wait("view.lastPrice.paths.bid.getAttribute('d') && view.lastPrice.paths.ask.getAttribute('d')")
    chart.page(
        "(({ left: { text } }) => { window.counted = new Set();"
        " new MutationObserver(() => counted.add(text.textContent))"
        ".observe(text, {childList: true, characterData: true, subtree: true}); })(view.lastPrice)"
    )
    chart.wait("counted.size >= 3")
    seconds = chart.page("(view.chart.closes - performance.now()) / 1000")
    told = float(bench.do("print(slow.data.engine.seconds_left('1min'))"))
    assert abs(seconds - told) < 5 or abs(abs(seconds - told) - 60) < 5
    bid, ask, close = (
        float(chart.page(f"+view.lastPrice.paths.{name}.getAttribute('d').match(/M\\S+ (\\S+)H/)[1]"))
        for name in ("bid", "ask", "last")
    )
    assert ask <= bid + 0.01, "up is less on a page"
    assert abs(close - (bid + ask) / 2) < 40
    bench.do("chart.close(); slow.close()")
    assert not bench.errors


def test_symbols_never_become_elements(bench: Bench) -> None:
    chart = Chart(
        bench,
        "class Renamed:\n"
        "    symbol = '<img src=x onerror=\"window.hacked = 1\">'\n"
        "    def __getattr__(self, name):\n"
        "        return getattr(engine, name)\n"
        "engine = live.data.engine\n"
        "chart = LiveChart(Renamed(), '1min', static=False)\n"
        "chart",
    )
    chart.wait("view.drawn > 3")
    assert chart.page("view.legend.texts.symbol.textContent").startswith("<img")
    assert chart.page("view.el.querySelectorAll('img').length") == 0
    assert bench.page.evaluate("window.hacked") is None
    bench.do("chart.close()")


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_colours_follow_the_page(bench: Bench, chart: Chart, theme: str) -> None:
    name = f"JupyterLab {theme.title()}"
    bench.page.evaluate(f"window.jupyterapp.commands.execute('apputils:change-theme', {{theme: '{name}'}})")
    background = {"dark": "#0f1115", "light": "#ffffff"}[theme]
    chart.wait("view.gd._fullLayout.width === view.el.clientWidth")
    chart.wait(f"view.gd.layout.paper_bgcolor === '{background}' && view.appearance.theme === '{theme}'")
    chart.hover(0.4, 0.6)
    PICTURES.mkdir(parents=True, exist_ok=True)
    bench.page.screenshot(path=PICTURES / f"{theme}.png")
    bench.page.mouse.move(2, 2)
    up = {"dark": "#26a69a", "light": "#089981"}[theme]
    assert chart.page("view.gd.data[0].increasing.line.color") == up
    bench.wait_for(f"chart.layout.paper_bgcolor == {background!r}")


def test_a_reloaded_page_shows_the_present(bench: Bench) -> None:
    chart = Chart(bench)
    end = chart.page("view.bars.end")
    chart.wait(f"view.bars.end >= {end} + 2")
    bench.reload(chart.cell)
    chart.wait("view.sync.fits > 0")
    assert chart.page("view.bars.end") >= end + 2
    chart.collect_prices()
    chart.wait("view.seenPrices.size >= 5")
    shown = list(zip(*chart.page(_BARS), strict=True))
    held = _kernel_bars(bench)
    assert all(held[row[0]] == list(row[1:]) for row in shown)


def test_the_badge_says_that_the_market_was_closed(bench: Bench) -> None:
    chart = Chart(bench)
    chart.wait("view.legend.texts.status.textContent.startsWith('live')")
    bench.do("live.close()")
    chart.wait("view.legend.texts.status.textContent === 'closed'")


# Slow, for plotly's own front end drops what comes while it loads for more than two seconds, as its
# five megabytes may on a busy machine, and then draws nothing.
@pytest.mark.slow
def test_the_stock_front_end_is_there_for_other_hosts(bench: Bench) -> None:
    code = (
        "import warnings\n"
        "with warnings.catch_warnings(record=True) as caught:\n"
        "    warnings.simplefilter('always')\n"
        "    stock = make(frontend='stock', bars=60)\n"
        "print(len(caught), stock.fps)\n"
        "stock"
    )
    bench.lab.open("stock.ipynb", [SETUP, code])
    bench.lab.run(0)
    assert bench.lab.run(1).startswith("1 2.0\n")
    find = "[...document.querySelectorAll('.js-plotly-plot')].find(gd => gd.data?.length === 4)"
    try:
        bench.page.wait_for_function(f"() => {find}", timeout=WAIT_MS)
    except LateError:
        # Plotly's own front end drops what comes while its file is loaded, if that takes over two seconds.
        bench.lab.run(1)
        bench.page.wait_for_function(f"() => {find}", timeout=PAGE_MS)
    bench.page.evaluate(f"() => {{ window.stock = {find}; window.first = window.stock.data[1].close[0]; }}")
    bench.page.wait_for_function("() => window.stock.data[1].close[0] !== window.first", timeout=WAIT_MS)
