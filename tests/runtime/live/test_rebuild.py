"""Many trades that were missed, put back in one go, against bars made of all trades the plain way."""

from __future__ import annotations

import bisect
import collections

import pytest

from mdnb.config import DataManagerConfig
from mdnb.instruments import Instrument
from mdnb.rows import BarRow, TradeRow
from mdnb.runtime.live.placing import InIds
from mdnb.runtime.live.rebuild import put_between
from mdnb.runtime.live.symbol_state import SymbolState
from mdnb.sessions import Sessions
from tests.runtime.past.outages import SECOND, START, bars_of

SECONDS = {"1sec": 1, "10sec": 10, "1min": 60}
TRADES: list[TradeRow] = [
    (START + at * SECOND // 2, 100.0 + at * 7 % 11 / 4, 1.0 + at % 3, 1, 1, at) for at in range(400)
]
MISSED = [row for row in TRADES if 60 <= row[5] < 360 and row[5] % 4 != 2]


def closed(engine: SymbolState, name: str) -> list[BarRow]:
    log = engine.log(name)
    rows = [log.row(at)[0] for at in range(len(log))]
    return [(*row[:7], round(row[7], 6)) for row in rows]


def with_a_hole(*, stored: bool, limit: int = 1000) -> SymbolState:
    config = DataManagerConfig(max_bars_per_timeframe=limit)
    engine = SymbolState(Instrument("X", 0.25), Sessions.always(), list(SECONDS), config)
    live = [row for row in TRADES if row not in MISSED]
    engine.cascade.closing.advance(TRADES[-1][0])
    engine.cascade.push_rows(live)
    if stored:
        engine.ticks.extend(live)
    return engine


def put_back(engine: SymbolState, *, stored: bool) -> None:
    came = [row for row in TRADES if row not in MISSED]
    ids = [row[5] for row in came]
    at = [bisect.bisect(ids, row[5]) for row in MISSED]
    between = [(row, came[i - 1][0], came[i][0]) for row, i in zip(MISSED, at, strict=True)]
    put_between(engine, between, InIds(), stored=stored)


@pytest.mark.parametrize("stored", [True, False])
def test_one_answer_of_the_history_changes_each_log_once_and_each_bar_once(stored: bool) -> None:
    engine = with_a_hole(stored=stored)
    before = {name: engine.log(name).generation for name in SECONDS}
    put_back(engine, stored=stored)
    for name, seconds in SECONDS.items():
        assert engine.log(name).generation == before[name] + 1, name
        assert closed(engine, name) == bars_of(TRADES, seconds)[: len(closed(engine, name))]
    told = collections.Counter((node.name, row[0]) for node, row in engine.cascade.amended)
    assert set(told.values()) == {1}
    changed = {(name, row[0] // (s * SECOND) * s * SECOND) for name, s in SECONDS.items() for row in MISSED}
    closed_ns = {(name, row[0]) for name in SECONDS for row in closed(engine, name)}
    assert set(told) == changed & closed_ns


def test_all_of_one_answer_is_known_from_one_instant_on() -> None:
    engine = with_a_hole(stored=True)
    was = {name: engine.reader.known(name, engine.cascade.closing.now_ns).close.tolist() for name in SECONDS}
    then = engine.cascade.closing.now_ns
    now = then + 5 * SECOND
    engine.cascade.closing.advance(now)
    put_back(engine, stored=True)
    for name, seconds in SECONDS.items():
        for as_of in (then, now - 1000):
            assert engine.reader.known(name, as_of).close.tolist() == was[name], name
        right = [bar[4] for bar in bars_of(TRADES, seconds)]
        known = engine.reader.known(name, now).close.tolist()
        assert known == right[: len(known)]
        assert len(known) == len(closed(engine, name))


@pytest.mark.parametrize("stored", [True, False])
def test_coarse_bars_whose_finer_ones_have_left_memory_open_and_close_as_they_should(stored: bool) -> None:
    engine = with_a_hole(stored=stored, limit=5)
    put_back(engine, stored=stored)
    for name, seconds in SECONDS.items():
        forming = engine.forming_of(name)
        assert forming is not None
        right = [bar for bar in bars_of(TRADES, seconds) if bar[0] < forming[0]]
        assert closed(engine, name) == right[-5:], name
