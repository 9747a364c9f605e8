"""A feed's own bars told again, and corrected: against pandas over what was told last of each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st

from mdnb.clock import EventClock
from mdnb.config import DataManagerConfig
from mdnb.events.bus import EventBus
from mdnb.events.types import Event, EventType
from mdnb.instruments import Instrument
from mdnb.rows import BarRow
from mdnb.runtime.live.pipeline import Pipeline
from mdnb.runtime.live.symbol_state import SymbolState
from mdnb.sessions import Sessions
from tests.manager.hand import MINUTE, START

COLUMNS = ["open", "high", "low", "close", "volume", "tick_count"]
HOW = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum", "tick_count": "sum"}


def told(minute: int, close: float, volume: float = 10.0, count: int = 5) -> BarRow:
    start = START + minute * MINUTE
    return (start, close - 0.5, close + 1.0, close - 1.0, close, volume, count, close * volume)


def make(*names: str, **config: int) -> Pipeline:
    engine = SymbolState(
        Instrument("X", 0.25),
        Sessions.always(),
        names,
        DataManagerConfig(**config),  # type: ignore[arg-type]  # as the test says
        source="bars",
    )
    return Pipeline(engine, EventBus(), EventClock(START), "none")


def tell(pipeline: Pipeline, *rows: BarRow, closed: bool = True) -> None:
    pipeline.take(bars=[("1min", [(row, closed) for row in rows])])
    accounting = pipeline.accounting(0, 0, 0)
    assert accounting.balanced, str(accounting)


def assert_is(pipeline: Pipeline, name: str, rows: Sequence[BarRow]) -> None:
    """What is held of a timeframe is what pandas makes of the bars told last."""
    newest = {row[0]: row for row in rows}
    true = pd.DataFrame(
        [row[1:7] for _, row in sorted(newest.items())],
        index=pd.to_datetime(sorted(newest), utc=True),
        columns=COLUMNS,
    )
    true = true.resample(name).agg(HOW).dropna()
    mine = pipeline.engine.frame(name)
    assert list(mine.index) == list(true.index)
    np.testing.assert_allclose(mine[COLUMNS].to_numpy(dtype=float), true.to_numpy(dtype=float), rtol=1e-12)


def test_a_corrected_bar_takes_the_place_of_the_one_before_in_every_timeframe() -> None:
    pipeline = make("1min", "5min")
    amended: list[Event] = []
    pipeline.bus.tap(EventType.BAR_AMENDED, amended.append)
    rows = [told(0, 100.0), told(1, 101.0), told(2, 102.0)]
    tell(pipeline, *rows)
    tell(pipeline, told(1, 101.5, 12.0, 6))
    assert_is(pipeline, "1min", [*rows, told(1, 101.5, 12.0, 6)])
    assert_is(pipeline, "5min", [*rows, told(1, 101.5, 12.0, 6)])
    minute = pipeline.engine.frame("1min").iloc[1]
    assert minute[["open", "high", "low", "close", "volume"]].tolist() == [101.0, 102.5, 100.5, 101.5, 12.0]
    assert [event.timeframe for event in amended] == ["1min"]
    # The price is that of the newest bar still, and of its correction once that comes.
    assert pipeline.engine.last_trade is not None
    assert pipeline.engine.last_trade[1] == 102.0
    tell(pipeline, told(2, 99.0))
    assert pipeline.engine.last_trade[1] == 99.0


@pytest.mark.parametrize("names", [["1min", "5min"], ["5min", "15min"]])
def test_a_bar_told_again_changes_nothing_and_is_counted(names: list[str]) -> None:
    pipeline = make(*names)
    rows = [told(minute, 100.0 + minute % 3) for minute in range(12)]
    tell(pipeline, *rows)
    before = [pipeline.engine.frame(name) for name in names]
    for again in (rows[11:], rows[4:7], rows):
        tell(pipeline, *again)
    for name, frame in zip(names, before, strict=True):
        pd.testing.assert_frame_equal(pipeline.engine.frame(name), frame)
    accounting = pipeline.accounting(0, 0, 0)
    assert (accounting.received, accounting.in_bars, accounting.duplicate) == (28, 12, 16)


def test_what_is_being_made_is_in_no_bar() -> None:
    pipeline = make("1min", "5min")
    tell(pipeline, told(0, 100.0))
    tell(pipeline, told(1, 300.0), told(1, 301.0), closed=False)
    assert pipeline.engine.frame("5min")["high"].tolist() == [101.0]
    assert len(pipeline.engine.frame("1min")) == 1
    tell(pipeline, told(1, 100.5))
    assert_is(pipeline, "5min", [told(0, 100.0), told(1, 100.5)])


_row = st.tuples(st.integers(0, 3), st.sampled_from([99.0, 100.0, 101.25]), st.integers(1, 4))


@given(
    st.lists(st.lists(_row, min_size=1, max_size=4), min_size=1, max_size=12),
    st.sampled_from([("1min", "5min", "15min"), ("5min", "15min"), ("3min", "15min")]),
)
def test_bars_are_those_told_last_however_they_come(
    batches: list[list[tuple[int, float, int]]], names: tuple[str, ...]
) -> None:
    """Each goes on by some minutes, or back: mostly to one that was told."""
    pipeline = make(*names)
    all_rows: list[BarRow] = []
    at = 0
    for batch in batches:
        rows: list[BarRow] = []
        for step, close, volume in batch:
            minute = max(at - 2 * step, 0) if step == 3 else at + step
            # Of what is finer than all that is kept a bar that was left out is not put between.
            if step == 3 and not any(row[0] == START + minute * MINUTE for row in [*all_rows, *rows]):
                continue
            at = max(at, minute)
            rows.append(told(minute, close, float(volume), volume))
        all_rows += rows
        if rows:
            tell(pipeline, *rows)
    if all_rows:
        for name in names:
            assert_is(pipeline, name, all_rows)


def test_a_correction_of_a_bar_that_left_memory_is_counted_and_added_to_none() -> None:
    pipeline = make("1min", max_bars_per_timeframe=100)
    rows = [told(minute, 100.0) for minute in range(300)]
    for row in rows:
        tell(pipeline, row)
    assert len(pipeline.engine.frame("1min")) < 300
    tell(pipeline, told(3, 101.0))
    accounting = pipeline.accounting(0, 0, 0)
    assert (accounting.in_bars, accounting.late_dropped) == (300, 1)


def test_a_coarse_bar_whose_finer_ones_left_memory_changes_by_what_is_different() -> None:
    pipeline = make("1min", "1hour", max_bars_per_timeframe=20)
    rows = [told(minute, 100.0) for minute in range(59)]
    for row in rows:
        tell(pipeline, row)
    tell(pipeline, told(57, 101.0, 12.0))
    frame = pipeline.engine.frame("1hour")
    assert frame[["high", "close", "volume"]].values.tolist() == [[102.0, 100.0, 10.0 * 59 + 2.0]]


def part(second: int, close: float, volume: float = 10.0) -> BarRow:
    start = START + second * MINUTE // 60
    return (start, close - 0.5, close + 1.0, close - 1.0, close, volume, 5, close * volume)


def test_a_part_that_is_corrected_too_late_or_of_which_too_little_is_known_is_counted() -> None:
    pipeline = make("1min")
    parts = [part(second, 100.0 + second) for second in (0, 30, 60)]

    def tell_parts(*rows: BarRow) -> None:
        pipeline.take(bars=[("30sec", [(row, True) for row in rows])])

    tell_parts(*parts)
    # One that was told before the market began is not among those remembered: what it was, nobody knows.
    pipeline.own_bars._parts.pop(parts[0][0])
    tell_parts(part(30, 90.0))
    assert pipeline.own_bars.gone == 1
    assert pipeline.engine.frame("1min")["close"].tolist() == [130.0, 160.0]
    # The bar that it is a part of has left.
    pipeline.engine.cascade.root.log.replace_from(0, [], 0, 0)
    tell_parts(part(30, 95.0))
    assert pipeline.own_bars.gone == 2


def test_of_parts_the_newest_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mdnb.runtime.live.own_bars._KEPT", 3)
    pipeline = make("1min")
    rows = [part(30 * number, 100.0) for number in range(6)]
    pipeline.take(bars=[("30sec", [(row, True) for row in rows])])
    assert sorted(pipeline.own_bars._parts) == [row[0] for row in rows[3:]]


def test_a_bar_that_begins_between_two_others_is_none_of_them() -> None:
    pipeline = make("1min", "5min", validate_bars=False)
    half = 30_000_000_000
    rows = [told(0, 10.0), told(1, 11.0), told(2, 12.0)]
    tell(pipeline, rows[0], (rows[1][0] + half, *rows[1][1:]), rows[2])
    assert_is(pipeline, "1min", [rows[0], rows[2]])
    assert_is(pipeline, "5min", [rows[0], rows[2]])
    assert pipeline.accounting(0, 0, 0).rejected == {"bar_time_off_grid": 1}
