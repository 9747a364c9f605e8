"""Where live trades go on from what was loaded none is doubled or lost in silence, whatever its ids."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from mdnb.rows import TradeRow
from tests.runtime.past.outages import SECOND, START, Answer, Ids, Outcome, Script, bars_of, play

FIRST_ID = 1000
HIGHER = [-500, -7, -3, -1, 1, 3, 7, 500]


def trades(count: int) -> tuple[TradeRow, ...]:
    return tuple((START + i * SECOND, 100.0 + i * 11 % 17 / 4, 1.0 + i % 3, 1, 1, i) for i in range(count))


TRADES = trades(60)


def watched(known: int, first: int, higher: int, ids: Ids, **options: object) -> Outcome:
    """Play what is loaded up to ``known`` trades, with live ones from ``first`` on."""
    script = Script(
        TRADES,
        lost=frozenset(range(first)),
        answers=(Answer(0, "anew", higher),),
        ids=ids,
        starts=known,
        loaded=True,
        first_id=FIRST_ID,
        **options,  # type: ignore[arg-type]  # as the script has them
    )
    return play(script)


def told(outcome: Outcome) -> list[int]:
    return [one.count for one in outcome.pipeline.quality.errors if one.type == "odd_history_ids"]


def is_right(outcome: Outcome, lacking: range = range(0)) -> bool:
    held = [row for row in TRADES if row[5] not in lacking]
    return all(outcome.bars(name) == bars_of(held, int(name[:-3])) for name in ("5sec", "15sec"))


@pytest.mark.parametrize("ids", ["sequential", "unique"])
@pytest.mark.parametrize("higher", [0, *HIGHER])
@pytest.mark.parametrize("overlap", [3, 8])
@pytest.mark.parametrize("ticks", [0, 1000])
def test_what_came_while_the_history_was_loaded_is_there_once(
    ids: Ids, higher: int, overlap: int, ticks: int
) -> None:
    outcome = watched(33, 33 - overlap, higher, ids, ticks=ticks, timeframes=("5sec", "15sec"))
    assert is_right(outcome)
    assert told(outcome) == [1] * bool(higher)
    assert not outcome.events


@pytest.mark.parametrize("higher", [0, *HIGHER])
@pytest.mark.parametrize("ticks", [0, 1000])
def test_where_live_trades_follow_at_once_none_is_lost(higher: int, ticks: int) -> None:
    outcome = watched(33, 33, higher, "sequential", ticks=ticks, timeframes=("5sec", "15sec"))
    assert is_right(outcome)
    assert told(outcome) == [1] * bool(higher)
    assert [event.state for _, event in outcome.events][-1:] == ["lost"] * bool(higher)


@pytest.mark.parametrize("higher", [0, *HIGHER])
@pytest.mark.parametrize("known", [1, 2, 12])
@pytest.mark.parametrize("ticks", [0, 1000])
def test_a_hole_after_the_history_is_not_filled_by_other_numbers(higher: int, known: int, ticks: int) -> None:
    outcome = watched(known, 30, higher, "sequential", ticks=ticks, timeframes=("5sec", "15sec"))
    states = [event.state for _, event in outcome.events]
    assert states == ["repairing", "lost" if higher else "repaired"] or (higher > 0 and states == ["lost"])
    assert is_right(outcome, range(known, 30) if higher else range(0))
    assert told(outcome) == [1] * bool(higher)


@given(
    st.integers(1, 40), st.integers(0, 50), st.integers(-60, 60), st.sampled_from(["sequential", "unique"])
)
def test_nothing_is_called_repaired_that_is_not(known: int, first: int, higher: int, ids: Ids) -> None:
    outcome = watched(known, first, higher, ids, timeframes=("5sec", "15sec"))
    lost = any(event.state == "lost" for _, event in outcome.events)
    if higher == 0:
        assert not told(outcome)
    # Nothing tells one trade under another id from two that are alike, nor a hole that other numbers close;
    # and where ids only differ one that the history gave to another trade may come too late to be known.
    overlap = known - first
    is_like_own = (higher < 0 and overlap == 1) or 0 < higher == -overlap
    if higher and (is_like_own if ids == "sequential" else overlap == 1 or higher > 9):
        return
    if ids == "sequential" and not lost:
        assert is_right(outcome)
    held = sum(row[5] for row in outcome.bars("5sec"))
    there = sum(row[2] for row in TRADES if row[5] < known or row[5] >= first)
    assert there <= held <= sum(row[2] for row in TRADES)
