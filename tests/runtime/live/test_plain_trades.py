"""The short way of the usual trades does what the long way does, whatever comes, and however it is cut."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal
from unittest import mock

import pytest
from hypothesis import given, settings, strategies as st

from mdnb.events.types import Event, EventType
from mdnb.rows import TradeRow
from mdnb.runtime.live.pipeline import Pipeline
from mdnb.validate.duplicates import Hole
from tests.manager.hand import HandFeed, open_market, trade
from tests.runtime.live.test_pipeline import SECOND, START, Rig
from tests.virtual_time import HandClock

_HEARD = (EventType.TICK_DATA, EventType.BAR_UPDATED, EventType.BARS_CLOSED, EventType.BAR_AMENDED)

# A step of the id, of the time in milliseconds, and what is paid: mostly the usual.
_step = st.tuples(
    st.sampled_from([1, 1, 1, 1, 1, 1, 0, 2, -3]),
    st.sampled_from([10, 10, 500, 0, 30_000, 70_000, -5, -2_000]),
    st.sampled_from([100.0, 100.25, 99.75, 101.0, 2_000.0, -1.0, float("nan")]),
    st.sampled_from([1.0, 2.5, 0.0, -1.0, float("inf")]),
)


_Ids = Literal["sequential", "unique", "none"]
_ids = st.sampled_from(["sequential", "unique", "none"])


def _trades(steps: list[tuple[int, int, float, float]], ids: _Ids = "sequential") -> list[TradeRow]:
    rows, number, at = [], 0, START
    for up, later, price, size in steps:
        number, at = number + up, at + later * 1_000_000
        # Those that only differ are in no order.
        told = {"sequential": number, "unique": number * 37 % 101, "none": -1}[ids]
        rows.append((at, price, size, 1, 1, told))
    return rows


def _outcome(
    batches: list[list[TradeRow]],
    *,
    plain: bool,
    heard: bool,
    ahead: int,
    ids: _Ids = "sequential",
    until: int | None = None,
    expected: Sequence[TradeRow] = (),
) -> Any:
    """Return all that some trades have made.

    Parameters
    ----------
    until, expected
        Until when the bars of a history have them; those that the history had and that are put back.
    """
    rig = Rig(["15sec", "1min"], max_ticks=50)
    rig.pipeline = Pipeline(rig.engine, rig.bus, rig.clock, ids)
    clock = rig.pipeline.clock = HandClock(START)
    rig.pipeline.duplicates._window = 12
    if until is not None:
        # A bar of a finer timeframe than those that are kept, in what is the open bar for these.
        rig.engine.cascade.push_bars([(until - 5 * SECOND, 100.0, 100.0, 100.0, 100.0, 9.0, 5, 900.0)])
        rig.pipeline.rules.seed([100.0] * 10)
        rig.pipeline.told_by_bars_until = until
    rig.pipeline.edges.expect(expected)
    told: list[Any] = []
    holes: list[Hole] = []
    rig.pipeline.duplicates.on_jump = holes.append

    def tell(event: Event) -> None:
        told.append((event.type, event.time_ns, repr(event.data)))

    for kind in _HEARD if heard else ():
        rig.bus.tap(kind, tell)
    engine = rig.engine
    states = []
    with mock.patch.object(Pipeline, "_take_plain", Pipeline._take_plain if plain else lambda *_: False):
        for rows in batches:
            clock.now = max(clock.now, rows[-1][0] + ahead)
            rig.pipeline.take(rows)
            states.append(
                (
                    {name: engine.forming(name) for name in engine.timeframes()},
                    engine.last_trade,
                    engine.updates,
                    engine.cascade.newest_ns,
                    engine.cascade.closing.now_ns,
                )
            )
    frames = {
        name: engine.frame(name, closed_only=True).reset_index().values.tolist()
        for name in engine.timeframes()
    }
    rules, seen, edges = rig.pipeline.rules, rig.pipeline.duplicates, rig.pipeline.edges
    return (
        repr(states),
        repr(frames),
        repr(engine.ticks.tail(100).tolist()),
        (engine.ticks.total, len(engine.ticks), engine.ticks.newest_gone_ns),
        rig.accounting(),
        told,
        (rules.low, rules.high, list(rules._recent), rules._absurd),
        (seen.first, seen.highest, seen.highest_ns, seen.holes, holes, seen.nameless),
        (seen._seen, list(seen._order), list(seen._times), seen._gone_ns),
        (edges._newest, repr(edges._instant), edges._put, edges.between(0, 2**62)),
        rig.pipeline.largest_batch,
    )


@given(
    st.lists(_step, min_size=1, max_size=60),
    st.integers(1, 9),
    st.booleans(),
    st.sampled_from([0, SECOND, -SECOND, -90 * SECOND]),
    _ids,
    st.integers(0, 70) | st.just(0),
    st.sampled_from([None, None, START, START + 5 * SECOND]),
    st.sets(st.integers(0, 59), max_size=3),
)
@settings(deadline=None)
def test_it_makes_no_difference(
    steps: list[tuple[int, int, float, float]],
    size: int,
    heard: bool,
    ahead: int,
    ids: _Ids,
    nameless: int,
    until: int | None,
    expected: set[int],
) -> None:
    rows = _trades(steps, ids)
    if nameless:
        # Every so many has no id.
        rows = [(*row[:5], -1) if at % nameless == 0 else row for at, row in enumerate(rows, start=1)]
    batches = [rows[a : a + size] for a in range(0, len(rows), size)]
    missed = [(*row[:5], -1) for at, row in enumerate(rows) if at in expected]

    def outcome(*, plain: bool) -> Any:
        return _outcome(batches, plain=plain, heard=heard, ahead=ahead, ids=ids, until=until, expected=missed)

    assert outcome(plain=True) == outcome(plain=False)


_USUAL = (1, 10, 100.0, 1.0)
_ODD = {
    "an id is jumped over": (2, 10, 100.0, 1.0),
    "an id comes again": (0, 10, 100.0, 1.0),
    "an id from before": (-3, 10, 100.0, 1.0),
    "an earlier time": (1, -5, 100.0, 1.0),
    "the same time": (1, 0, 100.0, 1.0),
    "the end of the bar": (1, 10_000 - 10 * 8, 100.0, 1.0),
    "a later bar": (1, 70_000, 100.0, 1.0),
    "ten times the level": (1, 10, 1000.0, 1.0),
    "a tenth of the level": (1, 10, 10.0, 1.0),
    "an absurd price": (1, 10, 2e6, 1.0),
    "no price": (1, 10, float("nan"), 1.0),
    "no size": (1, 10, 100.0, 0.0),
    "a size below nought": (1, 10, 100.0, -1.0),
    "a size without end": (1, 10, 100.0, float("inf")),
    "a new high": (1, 10, 101.0, 1.0),
    "a new low": (1, 10, 99.0, 1.0),
}


@pytest.mark.parametrize("odd", _ODD)
@pytest.mark.parametrize("size", [1, 3, 4])
@pytest.mark.parametrize("ids", ["sequential", "unique", "none"])
def test_one_odd_trade_among_usual_ones_makes_no_difference(odd: str, size: int, ids: _Ids) -> None:
    # The eighth is in the middle of three, and the last of four.
    rows = _trades([_USUAL] * 7 + [_ODD[odd]] + [_USUAL] * 12, ids)
    batches = [rows[a : a + size] for a in range(0, len(rows), size)]
    for ahead in (0, SECOND):
        short = _outcome(batches, plain=True, heard=True, ahead=ahead, ids=ids)
        assert short == _outcome(batches, plain=False, heard=True, ahead=ahead, ids=ids)


def test_what_the_bars_of_a_history_have_is_not_counted_twice_the_short_way() -> None:
    until = START + 5 * SECOND
    rows = _trades([(1, 500, 100.0, 1.0)] * 30)
    # The bar has nine, and these come beside it.
    later = sum(row[0] >= until for row in rows)
    for plain in (True, False):
        found = _outcome([[row] for row in rows], plain=plain, heard=False, ahead=SECOND, until=until)
        assert found[4].in_bars == later
        assert found[4].duplicate == len(rows) - later


def test_misprints_between_usual_trades_never_become_the_level_the_short_way() -> None:
    rig = Rig(["15sec", "1min"])
    rig.pipeline.clock = HandClock(START + SECOND)
    rig.pipeline.take([(START, 100.0, 1.0, 1, 1, 0)])
    number, short = 0, 0
    long_way = Pipeline._take_trades
    for _ in range(25):
        with mock.patch.object(Pipeline, "_take_trades", autospec=True, side_effect=long_way) as took:
            for price in (2e6, 100.25):
                number += 1
                rig.pipeline.take([(START + number, price, 1.0, 1, 1, number)])
        short += 2 - took.call_count
    assert short == 25
    assert dict(rig.accounting().rejected) == {"price_absurd": 25}
    forming = rig.engine.forming("1min")
    assert forming is not None
    assert forming[1:5] == (100.0, 100.25, 100.0, 100.25)


@pytest.mark.parametrize("ids", ["sequential", "unique", "none"])
def test_usual_trades_go_the_short_way(ids: _Ids) -> None:
    rig = Rig(["15sec", "1min"])
    rig.pipeline = Pipeline(rig.engine, rig.bus, HandClock(START + SECOND), ids)
    rows = _trades([(1, 0, 100.0, 1.0)] * 100, ids)
    rig.pipeline.take(rows[:40])
    with mock.patch.object(Pipeline, "_take_trades", side_effect=AssertionError("the long way")):
        for row in rows[40:]:
            rig.pipeline.take([row])
    assert rig.accounting().in_bars == 100
    forming = rig.engine.forming("1min")
    assert forming is not None
    assert forming[6] == 100


def test_what_each_trade_touches_has_its_attributes_in_slots() -> None:
    """A name that is missing among the slots would be in a dictionary, which each trade looks into."""
    feed = HandFeed()
    with open_market(feed, "1min", "5min", "10tick") as market:
        feed.trades(*(trade(20 * i, 100.0 + i % 5, number=i) for i in range(40)))
        feed.quotes((START, 99.0, 1.0, 101.0, 1.0))
        market.data.enable_validation(check_gaps=True)
        market.data.subscribe_to_level2()
        feed.status("disconnected")
        feed.status("connected")
        market.remove_timeframe("5min")
        pipeline = market._parts.session.markets["X"].pipeline
        engine = pipeline.engine
        for one in (pipeline, engine, engine.cascade):
            assert vars(one) == {}, type(one).__name__
        for one in (engine.ticks, pipeline.duplicates, pipeline.rules, pipeline.quality, pipeline.edges):
            assert not hasattr(one, "__dict__"), type(one).__name__
