"""Kinds of bars, indicators, panes, separators and zones as a page draws them, read back from the page."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.browser.bench import PICTURES, Bench, Chart, open_bench
from tests.browser.lab import Lab

pytestmark = pytest.mark.browser

_SETUP = """\
import mdnb, time, json
from mdnb.widgets.chart.chart import LiveChart
live = mdnb.live(['MNQ', 'MES'], ['1min', '5min'], feed='sim://?speed=30&seed=4', progress=False)
make = live.chart"""


@pytest.fixture(scope="module")
def bench(lab: Lab) -> Bench:
    return open_bench(lab, "kinds.ipynb", _SETUP, "JupyterLab Dark")


@pytest.fixture
def chart(bench: Bench) -> Iterator[Chart]:
    made = Chart(bench, "chart = make('1min', height=560)\nchart")
    yield made
    bench.do("chart.close()")
    assert not bench.errors


_SETTLED = "view.sync.drawnTo === view.bars.end - (view.bars.forming ? 1 : 0) && view.sync.size === 1"


def test_each_kind_is_drawn_and_the_newest_bars_too(bench: Bench, chart: Chart) -> None:
    drawn_as = {
        "hollow": "candlestick",
        "ohlc": "ohlc",
        "line": "scatter",
        "area": "scatter",
        "heikin-ashi": "candlestick",
    }
    PICTURES.mkdir(parents=True, exist_ok=True)
    for kind, name in {**drawn_as, "candles": "candlestick"}.items():
        bench.do(f"chart.set_kind('{kind}')")
        trace = "view.gd._fullData[view.place('mdnb-candles')]"
        chart.wait(f"view.chart.look.kind === '{kind}' && {trace}.type === '{name}'")
        chart.wait("view.gd.calcdata[view.place('mdnb-candles')].length > 100")
        paths = {"line": ["close"], "area": ["close", "area"]}.get(kind, ["up", "down"])
        drawn = " + ".join(f"(view.barLayer.paths.{path}.getAttribute('d') ?? '')" for path in paths)
        chart.wait(f"({drawn}).length > 5")
        begun = chart.page("view.bars.end")
        chart.wait(f"view.bars.end > {begun} && view.sync.drawnTo >= {begun}")
        bench.page.screenshot(path=PICTURES / f"kind_{kind}.png")
        fills = chart.page(f"[{trace}.increasing?.fillcolor, view.barLayer.paths.up.getAttribute('fill')]")
        if kind == "hollow":
            assert fills == ["rgba(0,0,0,0)", "rgba(0,0,0,0)"]
        elif name == "candlestick":
            assert fills == ["#26a69a", "#26a69a"]


def test_heikin_ashi_prices_are_drawn_and_the_traded_ones_told(bench: Bench, chart: Chart) -> None:
    bench.do("chart.set_kind('heikin-ashi')")
    chart.wait(f"view.chart.base === 6 && {_SETTLED}")
    drawn = chart.page(
        "view.gd.calcdata[view.place('mdnb-candles')]"
        ".map(p => [view.bars.at(p.pos, 0), p.q1, p.q3, p.min, p.max])"
    )
    code = (
        "from mdnb.analysis.heikin_ashi import HeikinAshi\n"
        "held = live.data.engine.columns('1min', 1000)\n"
        "made = HeikinAshi().rebuild(held)\n"
        "print(json.dumps([(held.time_us / 1000).tolist(), *(made[n].tolist() for n in made)]))"
    )
    told = {row[0]: row[1:] for row in zip(*json.loads(bench.do(code)), strict=True)}
    assert len(drawn) > 100
    for time, q1, q3, low, high in drawn[-100:]:
        open_, top, bottom, close = told[time]
        assert sorted((open_, close)) == pytest.approx([q1, q3], abs=1e-6)
        assert (bottom, top) == pytest.approx((low, high), abs=1e-6)
    said = chart.page("view.legend.texts.close.textContent").replace(",", "")
    assert float(said) % 0.25 == 0, "the legend says a price that was traded"


def test_indicators_are_drawn_where_python_says(bench: Bench, chart: Chart) -> None:
    bench.do("chart.set_overlays(['ema(20)', 'bollinger(20, 2)', 'rsi(14)', 'macd(12, 26, 9)', 'delta'])")
    chart.wait(f"view.indicators.lines.length === 9 && {_SETTLED}")
    drawn = chart.page(
        """Object.fromEntries(view.indicators.lines.map(line => {
        const trace = view.gd.data[view.place(line.uid)];
        return [trace.name, Array.from(trace.x, (x, i) => [view.bars.at(x, 0), trace.y[i]])]; }))"""
    )
    code = (
        "frame = live['1min'].frame\n"
        "from mdnb.analysis.indicators import Indicator\n"
        "held = live.data.engine.columns('1min')\n"
        "out = {'time': (held.time_us / 1000).tolist()}\n"
        "for text in chart.overlays:\n"
        "    found = Indicator.parse(text).of(held)\n"
        "    for line, values in found.items():\n"
        "        out[text if len(found) == 1 else f'{text} {line}'] = values.tolist()\n"
        "print(json.dumps(out))"
    )
    told = json.loads(bench.do(code))
    times = {time: i for i, time in enumerate(told["time"])}
    for name, points in drawn.items():
        assert len(points) > 100
        for time, value in points[-100:]:
            assert value == pytest.approx(told[name][times[time]], abs=1e-6, rel=1e-6)
    # The part that plotly has not drawn goes on from where plotly's line ends.
    for axis, uid in (("yaxis", "mdnb-ema-20-ema"), ("yaxis3", "mdnb-rsi-14-rsi")):
        chart.wait(
            f"""(() => {{ const line = view.indicators.lines.find(line => line.uid === '{uid}');
            const begin = /^M(\\S+) (\\S+)L/.exec(line.path.getAttribute('d') ?? '');
            if (!begin || !({_SETTLED})) return false;
            const {{ xaxis, {axis}: y }} = view.gd._fullLayout;
            const trace = view.gd.data[view.place('{uid}')];
            const at = trace.x.length - 1;
            return Math.abs(xaxis._offset + xaxis.d2p(trace.x[at]) - begin[1]) < 0.6
              && Math.abs(y._offset + y.d2p(trace.y[at]) - begin[2]) < 0.6; }})()"""
        )
    chart.hover(0.5, 0.3)
    assert chart.page("view.indicators.labels.children.length") == 5
    bench.page.screenshot(path=PICTURES / "overlays.png")
    bench.do("chart.remove_overlay('macd(12, 26, 9)')")
    chart.wait("view.indicators.lines.length === 6 && !view.gd._fullLayout.yaxis5?._subplotsWith?.length")
    bench.do("chart.set_overlays([])")
    chart.wait("view.indicators.lines.length === 0 && view.gd.data.length === 4")


def test_lines_follow_a_zoom_that_merges_bars(bench: Bench, chart: Chart) -> None:
    bench.do("chart.set_overlays(['sma(20)', 'atr(14)'])")
    chart.wait("view.indicators.lines.length === 2")
    bench.do("chart.update_layout(xaxis_range=[float(chart.data[0].x[5]), float(chart.data[0].x[-5])])")
    chart.wait("view.sync.size > 1 && !view.viewport.follow")
    same = chart.page(
        """(() => { const trace = view.gd.data[view.place('mdnb-sma-20-sma')];
        return trace.x.length > 50 && Array.from(view.sync.groups.last).every((last, i) =>
          Object.is(trace.y[i], view.bars.at(last, view.indicators.lines[0].at))); })()"""
    )
    assert same


def test_days_and_sessions_are_separated_and_the_zone_is_told(bench: Bench) -> None:
    chart = Chart(bench, "chart = make('5min', tz='exchange', bars=2000)\nchart")
    bench.do("chart.update_layout(xaxis_range=[float(chart.data[0].x[0]), float(chart.data[0].x[-1])])")
    chart.wait("view.sync.size > 1 && view.separators.sessions.length > 1")
    at = chart.page("view.separators.sessions.map(i => [view.bars.at(i - 1, 0), view.bars.at(i, 0)])")
    for before, now in at:
        # The CME opens at 17:00 in Chicago.
        opening = pd.Timestamp(now, unit="ms", tz="UTC").tz_convert("America/Chicago")
        assert before < now
        assert f"{opening:%H:%M}" >= "17:00"
        assert opening - pd.Timedelta(minutes=5) < opening.normalize() + pd.Timedelta(hours=17)
    days = chart.page("view.separators.days.map(i => view.bars.at(i, 0))")
    assert all(
        f"{pd.Timestamp(now, unit='ms', tz='UTC').tz_convert('America/Chicago'):%H:%M}" == "00:00"
        for now in days
    )
    assert chart.page("view.separators.paths.sessions.getAttribute('d')").count("M") >= 1
    chart.hover(0.5, 0.5)
    assert chart.page("view.crosshair.time.text.textContent").endswith(("CST", "CDT"))
    bench.do("chart.close()")
    assert not bench.errors


def test_vwap_begins_anew_with_each_session(bench: Bench) -> None:
    chart = Chart(bench, "chart = make('5min', overlays='vwap', bars=2000)\nchart")
    bench.do("chart.update_layout(xaxis_range=[float(chart.data[0].x[0]), float(chart.data[0].x[-1])])")
    chart.wait("view.sync.size > 1 && view.separators.sessions.length > 1")
    holes = chart.page(
        """(() => { const { x, y } = view.gd.data[view.place('mdnb-vwap-vwap')];
        return x.filter((_, i) => y[i] === null); })()"""
    )
    begins = chart.page("view.separators.sessions")
    size = chart.page("view.sync.size")
    assert len(holes) == len(begins)
    assert all(abs(hole - begin) <= size for hole, begin in zip(holes, begins, strict=True))
    bench.do("chart.close()")


def test_another_symbol_in_the_same_chart(bench: Bench, chart: Chart) -> None:
    bench.do("chart.set_symbol('MES')")
    chart.wait("view.legend.texts.symbol.textContent === 'MES'")
    last = chart.page("view.bars.at(view.bars.end - 1, 4)")
    assert 0.9 < last / float(bench.do("print(live['MES'].price)")) < 1.1
    begun = chart.page("view.bars.end")
    chart.wait(f"view.bars.end > {begun}")


def _size(png: bytes) -> tuple[int, int]:
    width, height = struct.unpack(">II", png[16:24])
    return width, height


def test_the_page_saves_the_picture_it_shows(bench: Bench, chart: Chart, tmp_path: Path) -> None:
    bench.do("chart.set_overlays(['ema(20)', 'rsi(14)'])")
    chart.wait("view.indicators.lines.length === 2 && view.drawn > 2")

    def saved(kind: str) -> Any:
        with bench.page.expect_download() as waiting:
            bench.do(f"chart.download('{kind}')")
        return waiting.value

    picture = saved("png")
    assert picture.suggested_filename == "MNQ-1min.png"
    content = Path(picture.path()).read_bytes()
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    full = chart.page("[view.gd._fullLayout.width, view.gd._fullLayout.height]")
    assert _size(content) == (2 * full[0], 2 * full[1])
    (PICTURES / "saved.png").write_bytes(content)
    table = pd.read_parquet(saved("parquet").path())
    assert table.columns[-1] == "rsi(14)"
    assert abs(len(table) - chart.page("view.viewport.span - view.viewport.pad")) <= 1


def test_the_crosshair_says_a_price_that_is_traded_and_no_number_is_half_covered(chart: Chart) -> None:
    covering = """(() => {
      const rect = (node) => node.getBoundingClientRect();
      const { crosshair, lastPrice } = view;
      const chips = [lastPrice.label, lastPrice.left, crosshair.price, crosshair.time]
        .map(({ group }) => group)
        .filter((group) => group.getAttribute('visibility') === 'visible').map(rect);
      const seen = [...view.gd.querySelectorAll('.ytick text, .xtick text')]
        .filter((text) => getComputedStyle(text).visibility === 'visible').map(rect);
      return [chips.length, seen.length,
        seen.filter((a) => chips.some((b) => a.top + 2 < b.bottom && b.top < a.bottom - 2
          && a.left < b.right && b.left < a.right)).length];
    })()"""
    said = set()
    for number, share in enumerate((0.1, 0.23, 0.36, 0.49, 0.62, 0.75, 0.88)):
        chart.hover(0.3 + 0.09 * number, share)
        said.add(float(chart.page("view.crosshair.price.text.textContent").replace(",", "")))
        chips, numbers, half = chart.page(covering)
        assert chips >= 3
        assert numbers >= 4
        assert half == 0
    chart.bench.page.mouse.move(2, 2)
    hidden = "[...view.gd.querySelectorAll('.xtick text')].filter((one) => one.style.visibility).length"
    chart.wait(f"!view.crosshair.pointer && {hidden} === 0")
    assert len(said) == 7
    assert all(price % 0.25 == 0 for price in said)


def test_a_legend_without_room_leaves_out_the_volume_and_then_all_but_the_close(
    bench: Bench, chart: Chart
) -> None:
    shown = "[...view.legend.line.querySelectorAll('.value')].filter((one) => !one.hidden).length"
    whole = "view.legend.line.scrollWidth <= view.legend.line.clientWidth"
    counts = []
    for width in (1280, 800, 700):
        bench.page.set_viewport_size({"width": width, "height": 900})
        chart.wait("Math.abs(view.gd._fullLayout.width - view.el.clientWidth) <= 1")
        chart.wait(f"view.legend.fittedTo.startsWith(`${{view.area.right - view.area.left}} `) && {whole}")
        counts.append(chart.page(shown))
    assert counts[0] == 6
    assert counts[-1] == 2
    assert chart.page("!view.legend.texts.close.hidden && !view.legend.texts.change.hidden")
    bench.page.set_viewport_size({"width": 1280, "height": 900})
    chart.wait(f"{shown} === 6")


def test_plotly_has_nothing_to_complain_of(bench: Bench, chart: Chart) -> None:
    said: list[str] = []
    bench.do("chart.set_overlays(['macd', 'delta'])")
    chart.wait("view.indicators.lines.length >= 4")
    bench.page.on("console", lambda message: said.append(message.text))
    for _ in range(3):
        chart.page("view.sync.fitNow()")
    assert not [text for text in said if "WARN" in text]
