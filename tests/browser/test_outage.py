"""The feed's connection is really cut: the badge says so, and the chart recovers without anybody's hand."""

from __future__ import annotations

import dataclasses
import json
import logging
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.bench import Bench, Chart, open_bench
from tests.browser.lab import Lab
from tests.browser.relay import Relay
from tests.browser.server import free_port
from tests.limits import LIMIT_SECONDS

pytestmark = pytest.mark.browser

_log = logging.getLogger(__name__)

_SETUP = """\
import json, mdnb, pathlib, time
from mdnb.feeds.connection import Endpoint
from mdnb.feeds.simulator.feed import SimulatorFeed
class Relayed(SimulatorFeed):
    async def endpoint(self):
        target = await super().endpoint()
        pathlib.Path(FILE).write_text(target.url.rpartition(":")[2])
        return Endpoint("ws://127.0.0.1:PORT")
feed = Relayed(seed=4, speed=60)
live = mdnb.live('BTC-USD', ['1min'], feed=feed, initial_days=0.5, progress=False)"""

_MISS_BARS = """\
until = feed.clock.now_ns() + 4 * 60_000_000_000
while feed.clock.now_ns() < until:
    time.sleep(0.01)"""

_BARS = """\
frame = live['1min'].frame
frame = (frame.iloc[:-1] if frame.attrs['forming'] else frame).iloc[-40:]
start = frame.index.tz_convert('UTC').as_unit('ns').asi8
venue = mdnb.run(feed.history_bars('BTC-USD', '1min', int(start[0]), int(start[-1]) + 1))
ours = [[at // 1_000_000, *row] for at, row in zip(start.tolist(),
        frame[['open', 'high', 'low', 'close', 'volume']].values.tolist())]
print(json.dumps([ours, [[row[0] // 1_000_000, *row[1:6]] for row in venue]]))"""

_SHOWN = """(() => { const {bars} = view; const end = bars.end - (bars.forming ? 1 : 0);
  const ordinals = Array.from({length: 60}, (_, i) => end - 60 + i);
  return ordinals.map(ordinal => bars.columns.map((_, column) => bars.at(ordinal, column))); })()"""
_STATUS = "view.legend.texts.status.textContent"


@dataclasses.dataclass(frozen=True)
class Line:
    """What a market is heard through, and a notebook of that market."""

    relay: Relay
    bench: Bench


@pytest.fixture(scope="module")
def line(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    port, file = free_port(), tmp_path_factory.mktemp("line") / "port"
    relay = Relay(port, file)
    relay.mend()
    setup = _SETUP.replace("PORT", str(port)).replace("FILE", repr(str(file)))
    yield Line(relay, open_bench(lab, "outage.ipynb", setup))
    relay.cut()


def _equal(bench: Bench, chart: Chart) -> bool:
    """Return whether page, engine and venue hold the same closed bars."""
    ours, venue = json.loads(bench.do(_BARS))
    shown: dict[float, list[Any]] = {row[0]: row for row in chart.page(_SHOWN)}
    # A volume is a sum of sizes, here of as many decimals, whose last bit depends on the order.
    same = [[*row[:5], round(row[5], 4)] for row in ours] == [[*row[:5], round(row[5], 4)] for row in venue]
    return same and all(shown.get(row[0]) == row for row in ours)


def _wait_equal(bench: Bench, chart: Chart) -> None:
    limit = time.monotonic() + LIMIT_SECONDS
    while not _equal(bench, chart):
        assert time.monotonic() < limit, "the page does not draw what the engine holds"


def _live_chart(bench: Bench) -> Chart:
    """Return a chart that is live; the page notes in ``view.down`` when its badge says anything else."""
    chart = Chart(bench, "chart = live.chart('1min')\nchart")
    chart.wait(f"{_STATUS}.startsWith('live')")
    chart.page(
        "(view.down = 0, new MutationObserver(() => {"
        f" if (!{_STATUS}.startsWith('live')) view.down ||= performance.now(); }}"
        ").observe(view.legend.texts.status, {childList: true, characterData: true, subtree: true}))"
    )
    return chart


def _wait_told(chart: Chart, since: float, of: str) -> None:
    chart.wait("view.down > 0")
    _log.info("the badge told of the %s after %.0f ms", of, chart.page("view.down") - since)


def test_the_badge_tells_of_a_cut_line_and_the_chart_goes_on_when_it_is_mended(line: Line) -> None:
    bench, relay = line.bench, line.relay
    chart = _live_chart(bench)
    cut_at = chart.page("performance.now()")
    relay.cut()
    _wait_told(chart, cut_at, "cut")
    assert chart.page(_STATUS) in {"disconnected", "connecting", "reconnecting"}
    end = chart.page("view.bars.end")
    bench.do(_MISS_BARS)
    assert chart.page(f"{_STATUS}.startsWith('live')") is False
    chart.collect_prices()
    relay.mend()
    chart.wait(f"{_STATUS}.startsWith('live') && view.bars.end > {end} + 4 && view.seenPrices.size > 5")
    _wait_equal(bench, chart)
    bench.do("chart.close()")
    assert not bench.errors


def test_the_badge_tells_of_a_silent_line_and_the_chart_has_what_was_said_meanwhile(line: Line) -> None:
    bench, relay = line.bench, line.relay
    chart = _live_chart(bench)
    silent_at = chart.page("performance.now()")
    relay.hush()
    _wait_told(chart, silent_at, "silence")
    assert chart.page(_STATUS) == "stale"
    bench.do(_MISS_BARS)
    end = chart.page("view.bars.end")
    relay.go_on()
    chart.wait(f"{_STATUS}.startsWith('live') && view.bars.end > {end} + 3")
    _wait_equal(bench, chart)
    bench.do("live.close()")
    assert not bench.errors
