"""A venue in a notebook: its chart names it, moves, and goes on when the venue has dropped the connection."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from mdnb.runtime.process.bridge import call
from tests.browser.bench import PICTURES, Chart, open_bench
from tests.browser.lab import Lab
from tests.venues.bars import bars_of
from tests.venues.faults import Drop, Fault
from tests.venues.played_now import kraken_now
from tests.venues.stand_in import SECOND, StandIn

pytestmark = pytest.mark.browser

_SETUP = """\
import json, mdnb
live = mdnb.live("BTC/USD", "1min", feed="kraken?url={url}&rest={rest}", initial_days=0.1)"""
_SAID = "view.legend.badge.textContent"
_IS_LIVE = f"{_SAID}.startsWith('● Kraken · live')"

_BARS = """\
frame = live["1min"].frame.iloc[-4:]
starts = frame.index.tz_convert("UTC").as_unit("ns").asi8.tolist()
print(json.dumps([[at, *row] for at, row in zip(starts,
      frame[["open", "high", "low", "close", "volume", "tick_count"]].values.tolist())]))"""


@pytest.fixture
def wrong() -> list[Fault]:
    """Return what goes wrong at the venue, which looks there before each trade."""
    return []


@pytest.fixture
def venue(wrong: list[Fault]) -> Iterator[StandIn]:
    made = kraken_now(wrong)
    yield made
    call(made.close())


def test_a_chart_names_its_venue_tells_of_its_outage_and_moves_on_with_what_was_missed(
    lab: Lab, venue: StandIn, wrong: list[Fault]
) -> None:
    bench = open_bench(lab, "venue.ipynb", _SETUP.format(url=venue.stream.url, rest=venue.rest.url))
    chart = Chart(bench, "chart = live.chart('1min')\nchart")
    chart.wait(_IS_LIVE)
    chart.collect_prices()
    chart.wait("view.seenPrices.size > 3")
    chart.page("(view.seenPrices.clear(), 0)")

    at = venue.stream.at + 10
    wrong.append(Drop(at, 25))
    chart.wait(f"{_SAID}.startsWith('● Kraken · ') && !{_IS_LIVE}")
    bench.page.screenshot(path=PICTURES / "venue-lost.png")
    assert chart.page(_SAID) in {
        f"● Kraken · {word}" for word in ("disconnected", "connecting", "reconnecting")
    }

    bench.wait_for("live.data.get_stats().gaps_repaired")
    chart.wait(f"{_IS_LIVE} && view.seenPrices.size > 10")
    bench.page.screenshot(path=PICTURES / "venue-repaired.png")
    assert venue.stream.connections == 2
    for start, *values, count in json.loads(bench.do(_BARS)):
        traded = [row for row in venue.tape if start <= row[0] < start + 60 * SECOND][: int(count)]
        assert values == [*bars_of(traded, 60)[0][1:6]]
    bench.do("live.close()")
    chart.wait(f"{_SAID} === '● Kraken · closed'")
    assert not bench.errors
