"""What a chart holds, followed tick by tick, equals what is made of all bars at once."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings, strategies as st

from mdnb.analysis.heikin_ashi import LINES, HeikinAshi
from mdnb.analysis.indicators import Indicator
from mdnb.stores.columns import BarColumns
from mdnb.widgets.figure.chart_bars import ChartBars
from mdnb.widgets.figure.series import parse_overlays
from tests.widgets.sources import HandSource, row

_OVERLAYS = parse_overlays(
    ["ema(5)", "sma(4)", "bollinger(6, 2)", "vwap", "rsi(4)", "macd(3, 6, 3)", "atr(4)", "delta"]
)
_MOVES = st.sampled_from(["tick", "tick", "close", "close twice", "pause", "amend", "amend old", "history"])


def _move(source: HandSource, what: str, price: float, data: Any) -> None:
    if what == "tick":
        source.tick(price)
    elif what.startswith("close"):
        for _ in range(1 + (what == "close twice")):
            if source.now is None:
                source.tick(price)
            source.close_bar()
    elif what == "pause":
        # The clock closed the bar, and the next one has no trade yet.
        if source.now is not None:
            source.rows.append(source.now)
            source.now = None
        source.updates += 1
    elif what.startswith("amend") and source.rows:
        back = data.draw(st.integers(1, min(len(source.rows), 3 if what == "amend" else 300)))
        at = len(source.rows) - back
        source.rows[at] = row(at, price)
        source.generation += 1
    elif what == "history":
        source.rows = [row(i, price) for i in range(len(source.rows))]
        source.generation += 1


def _rows(held: ChartBars) -> np.ndarray:
    width = 6 + len(held.names)
    return np.frombuffer(held.packed(held.columns.first), dtype="<f8").reshape(-1, width)


def _check(held: ChartBars, source: HandSource, limit: int) -> None:
    whole = source.columns("1min")
    kept = source.columns("1min", limit)
    for name in ("time_us", "open", "high", "low", "close", "volume", "vwap", "tick_count"):
        assert getattr(held.columns, name).tolist() == getattr(kept, name).tolist()
    assert (held.columns.first, held.columns.forming) == (kept.first, kept.forming)
    assert held.derived.shape == (len(kept), len(held.names))
    skip = len(whole) - len(kept)
    for indicator in _OVERLAYS:
        for line, values in Indicator.parse(indicator).of(whole).items():
            np.testing.assert_allclose(
                held.column(f"{indicator} {line}"), values[skip:], rtol=1e-6, atol=1e-6
            )
    made = HeikinAshi().rebuild(whole)
    for line in LINES:
        np.testing.assert_allclose(held.column(f"heikin {line}"), made[line][skip:], rtol=1e-6)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 80), st.lists(st.tuples(_MOVES, st.integers(380, 420)), max_size=40), st.data())
def test_followed_equals_made_at_once(begun: int, moves: list[tuple[str, int]], data: Any) -> None:
    source, limit = HandSource(closed=begun), 60
    held = ChartBars(source, "1min", limit, _OVERLAYS, heikin=True)
    _check(held, source, limit)
    for what, quarter in moves:
        before = _rows(held)
        first = held.columns.first
        _move(source, what, quarter / 4, data)
        changed = held.refresh(source.version("1min"))
        _check(held, source, limit)
        # Whatever lies before the first change is as it was.
        same = changed - max(first, held.columns.first)
        if same > 0 and what != "history":
            skip = held.columns.first - first
            np.testing.assert_array_equal(_rows(held)[:same, :6], before[skip : skip + same, :6])
        if held.columns.forming:
            assert held.packed(held.end - 1) == _rows(held)[-1].tobytes()


def test_a_bar_that_begins_is_a_new_row_also_where_none_was_being_made() -> None:
    source = HandSource(closed=3)
    source.now = None
    held = ChartBars(source, "1min", 50, (), heikin=False)
    assert held.end == 3
    source.tick(123.0)
    assert held.refresh(source.version("1min")) == 3
    assert held.columns.close.tolist() == [97.0, 98.0, 99.0, 123.0]


def test_vwap_reaches_back_to_the_begin_of_its_day() -> None:
    source = HandSource(closed=1000)
    held = ChartBars(source, "1min", 10, parse_overlays(["vwap"]), heikin=False)
    whole = Indicator("vwap").of(source.columns("1min"))["vwap"]
    np.testing.assert_allclose(held.column("vwap vwap"), whole[-10:], rtol=1e-12)


def test_vwap_has_no_value_in_a_day_whose_begin_is_gone() -> None:
    # Minutes of two days, of which the first 100 have left memory, and of which no disk has any.
    source = HandSource(closed=1500)
    whole = Indicator("vwap").of(source.columns("1min"))["vwap"]
    rows = source.rows
    source.rows, source.gone_ns = rows[100:], rows[100][0]
    held = ChartBars(source, "1min", 2000, parse_overlays(["vwap"]), heikin=False)
    vwap = held.column("vwap vwap")
    assert np.isnan(vwap[:1340]).all()
    np.testing.assert_allclose(vwap[1340:], whole[1440:], rtol=1e-12)
    # While that day goes on it has none either.
    source.rows = rows[100:1400]
    source.now = row(1400, 101.0)
    held = ChartBars(source, "1min", 2000, parse_overlays(["vwap"]), heikin=False)
    source.rows.append(rows[1400])
    source.now = row(1401, 101.0)
    held.refresh(source.version("1min"))
    assert np.isnan(held.column("vwap vwap")).all()


def test_vwap_takes_what_memory_does_not_hold_from_elsewhere() -> None:
    source = HandSource(closed=1500)
    whole = Indicator("vwap").of(source.columns("1min"))["vwap"]
    made = source.columns

    def newest(timeframe: object, count: int | None = None) -> BarColumns:
        return made(timeframe, min(200, count or 200))

    source.columns = newest  # type: ignore[method-assign]  # as memory that is bounded
    held = ChartBars(source, "1min", 2000, parse_overlays(["vwap"]), heikin=False)
    assert (held.first, len(held.columns)) == (1301, 200)
    np.testing.assert_allclose(held.column("vwap vwap"), whole[-200:], rtol=1e-12)
