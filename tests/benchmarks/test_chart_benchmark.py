"""The chart's benchmark runs, and judges right. Figures are not looked at here: that is ``make bench``."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from tests.benchmarks.bench import Bench, MeasureError, Sizes
from tests.benchmarks.chart.group import ChartSizes, chart
from tests.benchmarks.chart.results import Found, targets
from tests.benchmarks.chart.sides.market import Market
from tests.benchmarks.chart.worker import lateness


def test_a_market_moves_its_last_bar_and_begins_the_next() -> None:
    market = Market(50)
    assert len(market.rows()) == 50
    expected = [market.price(ahead) for ahead in range(1, 201)]
    prices = [market.tick().close for _ in range(200)]
    assert prices == expected
    assert len(set(prices)) == 200
    last = market.last()
    assert last.low <= min(prices)
    assert last.high >= max(prices)
    begun = market.roll()
    assert begun.time == last.time + 60
    assert begun.open == begun.high == begun.low == begun.close
    assert len(market.rows()) == 51


def test_the_price_range_in_view_moves_in_steps() -> None:
    market = Market(300)
    for _ in range(20):
        market.tick()
    held = market.y_range()
    market.close[-1] = market.high[-1]
    assert market.y_range() == held
    market.high[-1] += 10
    assert market.y_range() != held


def test_lateness_is_until_the_price_or_a_newer_one_is_seen() -> None:
    sent = [[1.0, 10.0], [2.0, 11.0], [3.0, 12.0]]
    # The second was never seen: the third came in its place.
    assert lateness(sent, [(0.5, 9.0), (1.0, 10.25), (3.0, 12.5)]) == [250.0, 1500.0, 500.0]
    with pytest.raises(MeasureError, match="newest"):
        lateness(sent, [(1.0, 10.25), (2.0, 11.5)])


def _found(ours_ms: float, drawn: float) -> Found:
    rest = {"p95_ms": 300.0, "python_ms": 1.0}
    steady = {"to_page": 700.0, "to_kernel": 0.0, "task_ms": 5.0, "latency_ms": ours_ms, **rest}
    stock = {"to_page": 28_000.0, "to_kernel": 8000.0, "task_ms": 200.0, "latency_ms": 150.0, **rest}
    return {
        ("ours", 1000, "steady"): [steady] * 3,
        ("stock", 1000, "steady"): [stock] * 3,
        ("unlimited", 20_000, "drawn"): [{"drawn": drawn}],
    }


def test_targets_are_judged_by_what_was_found_and_missed_where_nothing_was() -> None:
    judged = {target.line: target for target in targets(_found(15.0, 80.0), (200, 1000, 5000, 20_000))}
    assert judged["bytes of stock over ours at 1,000 bars"].value == pytest.approx(36_000 / 700)
    assert judged["tick to pixel of stock over ours at 1,000 bars"].held
    assert judged["drawn at 20,000 bars, frames without a limit"].held
    assert math.isnan(judged["tick to pixel of stock over ours at 20,000 bars"].value)
    missing = [target for line, target in judged.items() if "PyWry" in line]
    assert len(missing) == 22
    assert not any(target.held for target in missing)
    slow = {target.line: target for target in targets(_found(40.0, 50.0), (200, 1000, 5000, 20_000))}
    assert not slow["tick to pixel of stock over ours at 1,000 bars"].held
    assert not slow["drawn at 20,000 bars, frames without a limit"].held


@pytest.mark.browser
@pytest.mark.slow
def test_our_chart_is_measured_in_a_browser(
    tmp_path: Path, chromium: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MDNB_BENCH_CACHE", str(tmp_path))
    bench = Bench(Sizes.quick(), tmp_path, with_peers=False)
    sizes = ChartSizes(
        bars=(40,), rounds=1, more=1, refreshes=3, closes=3, seconds=1.0, rate_seconds=0.3, heap=(20, 10)
    )
    made = chart(bench, sizes, ["ours"])
    rows = {figure.label: figure.value for figure in made.figures}
    measured = [label for label, value in rows.items() if label.endswith("mdnb") and value > 0]
    assert {label.split("bars")[0].strip() for label in measured} == {"40"}
    assert any("tick to pixel" in label for label in measured)
    assert any("second figure" in label for label in measured)
    missing = [figure.note for figure in made.figures if "NOT MEASURED" in figure.note]
    assert len(missing) == sum("left out" in note for note in missing) == 3
    assert (tmp_path / "results" / "chart-raw.json").exists()
