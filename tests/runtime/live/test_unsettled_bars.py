"""Bars that close while something is being repaired are partial until it is settled; in virtual time."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from mdnb.io.change_log import changes_from_text, changes_text
from mdnb.runtime.past.stretches import Patience
from mdnb.stores.bars import BarStore
from mdnb.stores.columns import AMENDED, PARTIAL, REPAIRING, columns_from_rows
from mdnb.stores.overflow import Overflow
from mdnb.stores.segments import SegmentStore
from tests.runtime.past.outages import SECOND, START, Answer, Ids, Outcome, Script, play

# One trade a second; without a connection from 9.5 to 19.5, and a history that is down for a while.
TRADES = tuple((START + i * SECOND, 100.0 + i % 7, 1.0 + i % 3, 1, 1, i) for i in range(60))
REPAIRED = Script(
    TRADES,
    downs=((9.5, 19.5),),
    answers=(Answer(0, "down"), Answer(40, "ok")),
    patience=Patience(dice=lambda: 1.0),
)
LOST = dataclasses.replace(REPAIRED, answers=(Answer(0, "down"),))


def second_of(bar: Any) -> int:
    return int(bar.time_ns - START) // SECOND


def marked(outcome: Outcome, name: str, as_of: float | None = None) -> list[int]:
    """Return the seconds at which the bars begin that are partial, as of some second."""
    reader = outcome.pipeline.engine.reader
    held = reader.everything(name) if as_of is None else reader.known(name, START + round(as_of * SECOND))
    return ((held.time_us[(held.flags & PARTIAL) > 0] * 1000 - START) // SECOND).tolist()  # type: ignore[no-any-return]  # ints


@pytest.mark.parametrize("ids", ["sequential", "unique", "none"])
def test_bars_are_partial_while_what_they_lack_is_looked_for_and_whole_after(ids: Ids) -> None:
    outcome = play(dataclasses.replace(REPAIRED, ids=ids))
    assert [event.state for _, event in outcome.events] == ["repairing", "repaired"]
    settled = outcome.events[-1][0]
    closed = [event.bar for at, event in outcome.closed if event.bar.timeframe == "5sec" and at < settled]
    assert [second_of(bar) for bar in closed if bar.partial] == [5, 20]
    assert {second_of(bar) for bar in closed if not bar.partial} >= {0, 25, 30}
    for name in REPAIRED.timeframes:
        assert marked(outcome, name) == [], name
    # Who knew what, and when.
    whole = {second_of(event.bar): event.bar.partial for event in outcome.amended}
    assert whole[5] is whole[20] is False
    assert marked(outcome, "5sec", 17.0) == [5]
    assert marked(outcome, "5sec", 39.0) == [5, 20]
    assert marked(outcome, "15sec", 39.0) == [0, 15]
    assert marked(outcome, "5sec", settled + 0.1) == marked(outcome, "15sec", settled + 0.1) == []


def test_bars_of_trades_that_close_meanwhile_are_partial_until_then_too() -> None:
    outcome = play(dataclasses.replace(REPAIRED, timeframes=("5sec", "4tick")))
    settled = outcome.events[-1][0]
    # Nothing tells when the bar before ended.
    assert marked(outcome, "4tick", settled - 0.1) == [4, 8]
    assert marked(outcome, "4tick") == []


def test_what_is_lost_stays_partial_and_what_is_not_becomes_whole() -> None:
    # Of the ten that were missed the history has all but three, which it never had.
    never = frozenset((11, 12, 13))
    outcome = play(dataclasses.replace(REPAIRED, never=never))
    assert [event.state for _, event in outcome.events] == ["repairing", "lost"]
    assert marked(outcome, "5sec") == [10]
    settled = outcome.events[-1][0]
    assert marked(outcome, "5sec", settled - 0.1) == [5, 10, 15, 20]
    assert marked(outcome, "5sec", settled + 0.1) == [10]


def test_a_bar_that_closes_without_a_connection_is_partial_before_anybody_knows_what_it_lacks() -> None:
    # Nobody traded meanwhile, which the history says once it is well again.
    trades = tuple(row for row in TRADES if not 9 * SECOND < row[0] - START < 31 * SECOND)
    trades = tuple((*row[:5], number) for number, row in enumerate(trades))
    script = dataclasses.replace(REPAIRED, trades=trades, downs=((9.5, 25.5),), answers=(Answer(0, "ok"),))
    outcome = play(script)
    assert not outcome.events
    told = {
        second_of(event.bar): event.bar.partial
        for _, event in outcome.closed
        if event.bar.timeframe == "5sec"
    }
    assert told[5] is True
    assert told[0] is told[30] is False
    assert marked(outcome, "5sec") == []
    assert [second_of(event.bar) for event in outcome.amended if event.bar.timeframe == "5sec"] == [5]


@pytest.mark.parametrize(("script", "partial"), [(REPAIRED, []), (LOST, [5, 20])])
def test_bars_that_leave_memory_meanwhile_are_as_those_that_stay(script: Script, partial: list[int]) -> None:
    outcome = play(dataclasses.replace(script, bars=1, on_disk=True))
    held = outcome.kept["5sec"]
    starts = ((held.time_us * 1000 - START) // SECOND).tolist()
    assert [start for start, flags in zip(starts, held.flags, strict=True) if flags & PARTIAL] == partial
    assert not (held.flags & REPAIRING).any()


def test_a_store_notes_what_its_bars_were_before_they_were_marked() -> None:
    store = BarStore(10)
    now = 400 * SECOND
    store.known_at = lambda: now
    rows = [(at * 60 * SECOND, 1.0, 1.0, 1.0, 1.0, 1.0, 1, 1.0) for at in range(4)]
    for row, flags in zip(rows, (0, PARTIAL, 0, 0), strict=True):
        store.stage(row, flags, row[0] + 60 * SECOND)
    assert store.mark_repairing(0, 4, since_ns=180 * SECOND) == rows[2:]
    assert store.mark_repairing(0, 4, since_ns=180 * SECOND) == []
    assert store.partial(0, 4) == (1, 2, 3)
    # What is marked for good is no repair's any more.
    store.mark(3, PARTIAL)
    now = 500 * SECOND
    assert store.end_repairing([(2, 3)]) == []
    assert store.end_repairing() == rows[2:3]
    assert store.partial(0, 4) == (1, 3)
    assert not store.has_repairing
    for at, partial in ((399, [1]), (400, [1, 2, 3]), (499, [1, 2, 3]), (500, [1, 3])):
        was = store.amendments.undo(store.columns(0, 4), at * 1_000_000)
        assert np.flatnonzero(was.flags & PARTIAL).tolist() == partial


def test_the_disk_never_holds_a_mark_that_would_outlive_its_repair(tmp_path: Any) -> None:
    disk = SegmentStore(tmp_path)
    overflow = Overflow(disk)
    rows = [(at * 60 * SECOND, 1.0, 1.0, 1.0, 1.0, 1.0, 1, 1.0) for at in range(1, 5)]
    columns = columns_from_rows(rows)
    columns.flags[:] = (AMENDED, PARTIAL | REPAIRING, PARTIAL | REPAIRING, PARTIAL | REPAIRING)
    overflow.take(columns)
    overflow.flush()
    assert disk.read().flags.tolist() == [AMENDED, PARTIAL, PARTIAL, PARTIAL]
    assert overflow.before(None).flags.tolist() == columns.flags.tolist()
    overflow.lose(180 * SECOND, 180 * SECOND)
    overflow.end_repairing([(240 * SECOND, 300 * SECOND)])
    assert overflow.before(None).flags.tolist() == [AMENDED, 0, PARTIAL, PARTIAL | REPAIRING]
    overflow.flush()
    overflow.end_repairing()
    overflow.flush()
    assert disk.read().flags.tolist() == [AMENDED, 0, PARTIAL, 0]


def test_what_bars_were_while_they_were_repaired_comes_back_from_a_file() -> None:
    outcome = play(REPAIRED)
    for name in ("5sec", "15sec"):
        told = outcome.pipeline.engine.log(name).amendments.changes()
        assert changes_from_text(changes_text({name: told}).encode()) == {name: told}
        assert any(one.flags & PARTIAL for one in told.kept)


@pytest.mark.parametrize("bars", [1, 3])
@pytest.mark.parametrize("script", [REPAIRED, LOST])
def test_bars_of_trades_that_leave_memory_meanwhile_are_partial_where_they_lack_something(
    script: Script, bars: int
) -> None:
    outcome = play(dataclasses.replace(script, timeframes=("5sec", "4tick"), bars=bars, on_disk=True))
    held = outcome.kept["4tick"]
    partial = ((held.time_us[(held.flags & PARTIAL) > 0] * 1000 - START) // SECOND).tolist()
    # That of 8 lacks what was made at 10; that of 4 had all its trades.
    assert 8 in partial
    assert 4 not in partial
    assert not (held.flags & REPAIRING).any()


ADDED = ("5sec", "15sec", "4tick", "7tick", "6vol", "2sec")


@pytest.mark.parametrize(
    ("ids", "never"),
    [
        ("sequential", (10, 11, 12)),
        ("sequential", (11, 12, 13, 18)),
        ("sequential", ()),
        ("unique", ()),
        ("none", ()),
    ],
)
@pytest.mark.parametrize("kept", ["1sec", "5sec", "4tick"])
def test_bars_of_a_timeframe_that_is_added_lack_what_is_lost_as_those_that_were_kept(
    ids: Ids, never: tuple[int, ...], kept: str
) -> None:
    script = dataclasses.replace(REPAIRED if never else LOST, never=frozenset(never), ids=ids)
    wanted = play(dataclasses.replace(script, timeframes=("1sec", *ADDED)))
    assert wanted.events[-1][1].state == "lost"
    made = play(dataclasses.replace(script, timeframes=(kept,)))
    engine = made.pipeline.engine
    for name in ADDED:
        engine.add_timeframe(name)
    for name in ADDED:
        assert marked(wanted, name)
        assert marked(made, name) == marked(wanted, name), name
    # It was so since then, and is so where it is removed and added again.
    engine.remove_timeframe("7tick")
    engine.add_timeframe("7tick")
    engine.remove_timeframe("15sec")
    engine.add_timeframe("15sec")
    for name in ("7tick", "15sec"):
        assert marked(made, name) == marked(wanted, name), name
    assert not any(len(engine.log(name).amendments) for name in ("7tick", "15sec"))
