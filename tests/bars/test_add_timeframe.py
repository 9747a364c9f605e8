"""A timeframe that is removed and added again is as if it had been kept, whatever it fed meanwhile."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, strategies as st

from mdnb.bars.cascade import Cascade
from mdnb.config import DataManagerConfig
from mdnb.instruments import Instrument
from mdnb.runtime.disk_overflow import DiskOverflow
from mdnb.runtime.feed_on_disk import FeedMark
from mdnb.runtime.live.symbol_state import SymbolState
from mdnb.sessions import Sessions
from mdnb.timeframes import Timeframe
from tests.bars.test_cascade import SECOND, bars_of, make

EDGE = 1_700_000_100 * SECOND
NAMES = ["1min", "5min", "15min"]


def no_ticks() -> tuple[list[tuple[int, float, float, int, int, int]], bool]:
    raise AssertionError("the trades are not asked for: the finest timeframe stays")


def flags_of(cascade: Cascade, name: str) -> list[tuple[int, int]]:
    log = cascade.node(name).log
    return [(row[0], flags) for row, flags in (log.row(at) for at in range(len(log)))]


_step = st.one_of(
    st.integers(0, 400).map(lambda seconds: ("trade", seconds)),
    st.sampled_from([("remove", name) for name in NAMES[1:]] + [("add", name) for name in NAMES[1:]]),
    st.sampled_from([("remove", "1min"), ("add", "1min")]),
)


@pytest.mark.parametrize("fill", [True, False])
@given(st.lists(_step, max_size=40))
def test_removing_and_adding_makes_no_difference(fill: bool, steps: list[tuple[str, int | str]]) -> None:
    kept, changed = make(NAMES, fill=fill), make(NAMES, fill=fill)
    at, number = EDGE, 0
    for kind, what in steps:
        if kind == "trade":
            assert isinstance(what, int)
            at, number = at + what * SECOND, number + 1
            for cascade in (kept, changed):
                cascade.push(at, 100.0 + number % 5, 1.0)
        elif kind == "remove" and what in changed.names():
            changed.remove(str(what))
        elif kind == "add" and what not in changed.names():
            changed.add(Timeframe.parse(str(what)), no_ticks)
    for name in NAMES:
        if name not in changed.names():
            changed.add(Timeframe.parse(name), no_ticks)
    assert changed.names() == NAMES
    for name in NAMES:
        assert bars_of(changed, name) == bars_of(kept, name)
        assert flags_of(changed, name) == flags_of(kept, name)


def test_bars_on_disk_of_a_timeframe_that_fed_others_are_there_again_with_it(
    tmp_path: Path,
) -> None:
    config = DataManagerConfig(
        max_bars_per_timeframe=20, disk_cache_enabled=True, disk_cache_path=str(tmp_path)
    )

    def state(names: list[str]) -> tuple[SymbolState, DiskOverflow]:
        engine = SymbolState(Instrument("X", 0.25), Sessions.always(), names, config)
        disk = DiskOverflow(engine, FeedMark("by hand", "trades"))
        disk.start()
        return engine, disk

    engine, disk = state(["1min", "5min"])
    true = SymbolState(Instrument("X", 0.25), Sessions.always(), ["1min", "5min"])

    def push(first: int, count: int) -> None:
        for minute in range(first, first + count):
            for one in (engine, true):
                one.cascade.push(EDGE + minute * 60 * SECOND, 100.0 + minute % 7, 1.0)

    push(0, 100)
    engine.remove_timeframe("1min")
    push(100, 100)
    assert engine.add_timeframe("1min") == "1min"
    push(200, 100)
    for name in ("1min", "5min"):
        pd.testing.assert_frame_equal(engine.frame(name, with_disk=True), true.frame(name), check_freq=False)
    disk.close()


def test_what_feeds_nobody_is_not_kept() -> None:
    cascade = make(NAMES)
    cascade.remove("5min")
    assert [node.name for node in cascade.nodes()] == NAMES
    cascade.remove("15min")
    assert [node.name for node in cascade.nodes()] == ["1min"]
    assert cascade.root.children == []


def test_a_bar_that_ends_as_the_newest_trade_is_made_is_closed_when_it_is_added_again() -> None:
    cascade = make(NAMES)
    cascade.push(EDGE, 100.0, 1.0)
    cascade.remove("5min")
    cascade.remove("15min")
    cascade.push(EDGE + 300 * SECOND, 101.0, 1.0)
    for name in NAMES[1:]:
        cascade.add(Timeframe.parse(name), no_ticks)
    assert [row[0] for row, _ in (cascade.node("5min").log.row(0),)] == [EDGE]
    assert len(cascade.node("15min").log) == 0
