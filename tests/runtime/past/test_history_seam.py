"""Where live trades go on from what was loaded none is doubled or lost in silence, whatever its ids."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given, settings, strategies as st

from mdnb.rows import TradeRow
from mdnb.runtime.live.history_seam import HistorySeam
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


def of_few_kinds(chance: int, count: int) -> tuple[TradeRow, ...]:
    """Return trades most of which are alike but for their ids."""
    dice = random.Random(chance)
    times = itertools.accumulate(dice.choices((0, 1, 100, 300, 700, 2000), k=count))
    return tuple(
        (START + at * 1_000_000, 100.0 + dice.randint(0, 1) / 4, 1.0, 1, 1, i) for i, at in enumerate(times)
    )


@st.composite
def watched_well(draw: st.DrawFn) -> Script:
    """A history with the stream's ids, whose times may be coarse, that is behind where it is loaded."""
    rows = of_few_kinds(draw(st.integers(0, 2**32)), draw(st.integers(5, 60)))
    starts = draw(st.integers(1, len(rows) - 1))
    begins = (rows[starts - 1][0] - START) / SECOND
    down = begins + draw(st.integers(1, 30)) / 10 + 0.05
    answers = [Answer(-1, "lag", draw(st.sampled_from((0.0, 0.3, 1.0, 3.0))))]
    answers.append(Answer(begins + draw(st.integers(1, 60)) / 10, "ok"))
    return Script(
        rows,
        downs=draw(st.sampled_from(((), ((down, down + draw(st.integers(1, 40)) / 10),)))),
        lost=frozenset(range(draw(st.integers(0, starts + 8)))) - {len(rows) - 1},
        answers=tuple(answers),
        starts=starts,
        loaded=True,
        first_id=FIRST_ID,
        unit=draw(st.sampled_from((1, 1_000_000, SECOND, SECOND))),
        ticks=draw(st.sampled_from((0, 7, 1000))),
    )


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


@settings(max_examples=100, print_blob=True)
@given(watched_well())
def test_a_history_with_the_ids_of_the_stream_is_never_taken_for_another(script: Script) -> None:
    outcome = play(script)
    assert not told(outcome)
    assert "lost" not in [event.state for _, event in outcome.events]
    assert not outcome.wrong
    first = outcome.pipeline.duplicates.first - FIRST_ID
    seen = outcome.pipeline.duplicates.highest - FIRST_ID
    for name, seconds in (("5sec", 5), ("15sec", 15), ("1min", 60)):
        wanted = bars_of([row for row in script.trades if first <= row[5] <= seen], seconds)
        # Where times are coarse they do not tell what was first in a bar.
        assert [bar[5:7] for bar in outcome.bars(name)] == [bar[5:7] for bar in wanted]


@pytest.mark.parametrize("first", [25, 33, 42])
@pytest.mark.parametrize("ticks", [0, 1000])
@pytest.mark.parametrize("ids", ["sequential", "unique"])
def test_times_in_whole_seconds_do_not_make_another_of_a_trade(first: int, ticks: int, ids: Ids) -> None:
    rows = tuple((START + i * SECOND // 4, *row[1:]) for i, row in enumerate(trades(60)))
    script = Script(
        rows,
        lost=frozenset(range(first if ids == "sequential" else min(first, 33))),
        ids=ids,
        starts=33,
        loaded=True,
        unit=SECOND,
        ticks=ticks,
        timeframes=("5sec", "15sec"),
    )
    outcome = play(script)
    assert all(outcome.bars(name) == bars_of(rows, int(name[:-3])) for name in script.timeframes)
    assert not told(outcome)
    assert [event.state for _, event in outcome.events] in ([], ["repairing", "repaired"])


def test_what_was_traded_before_anybody_watched_tells_nothing_of_the_ids() -> None:
    # The history is behind when the connection is lost just after the first live trades.
    script = Script(
        TRADES[:20],
        downs=((6.05, 9.05),),
        lost=frozenset(range(5)),
        answers=(Answer(0, "lag", 8.0), Answer(14.0, "ok")),
        first_id=FIRST_ID,
        timeframes=("5sec", "15sec"),
    )
    outcome = play(script)
    assert not told(outcome)
    assert [event.state for _, event in outcome.events] == ["repairing", "repaired"]
    assert outcome.bars("5sec") == bars_of(TRADES[5:20], 5)


@pytest.mark.parametrize("ticks", [0, 1000])
def test_a_trade_that_the_history_never_has_does_not_make_another_of_it(ticks: int) -> None:
    # What was missed after the history was loaded has shown its ids; then it lacks the first trade of two in
    # the instant in which the line was back.
    rows = [(row[0] + row[5] % 2 * 250_000_000, *row[1:]) for row in TRADES]
    rows[51] = (rows[50][0], *rows[51][1:])
    script = Script(
        tuple(rows),
        downs=((45.5, 49.95),),
        lost=frozenset(range(36)),
        never=frozenset([50]),
        answers=(Answer(0, "ok"), Answer(49.0, "down"), Answer(51.5, "ok")),
        starts=33,
        loaded=True,
        first_id=FIRST_ID,
        ticks=ticks,
        timeframes=("5sec", "15sec"),
    )
    outcome = play(script)
    assert [event.state for _, event in outcome.events] == ["repairing", "repaired"] * 2
    assert all(outcome.bars(name) == bars_of(rows, int(name[:-3])) for name in script.timeframes)
    assert not told(outcome)


def test_one_id_out_of_order_is_the_streams_own_and_ids_that_begin_anew_are_not() -> None:
    loaded = [(START + at * 1_000_000, 100.0, 1.0, 1, 1, 4_998 + at) for at in (0, 1, 3)]
    late = (START + 10_000_000, 101.0, 1.0, 1, 1, 5_000)
    for first, is_other in ((5, False), (1, True)):
        seam = HistorySeam("sequential", set())
        seam.add([*loaded, (START + 4_000_000, 100.0, 1.0, 1, 1, first if is_other else 5_002)])
        row = (*late[:5], first + 1) if is_other else late
        assert seam.shows_other_numbers([row]) is is_other


def test_no_live_trade_is_held_against_all_of_a_history_for_ever() -> None:
    # One of its times is far ahead: nothing that comes is newer.
    seam = HistorySeam("unique", set())
    seam.add([*TRADES, (START + 10**18, 1.0, 1.0, 1, 1, 61)])
    came = [(START + at * SECOND, 1.0, 1.0, 1, 1, 100 + at) for at in range(1000)]
    for _ in range(21):
        seam.shows_other_numbers(came)
    assert not seam.is_open


@pytest.mark.parametrize("higher", [-7, -3, 3, 7])
@pytest.mark.parametrize("first", [25, 33])
def test_other_numbers_are_known_by_times_in_whole_seconds_too(higher: int, first: int) -> None:
    rows = tuple((START + i * SECOND // 4, *row[1:]) for i, row in enumerate(trades(60)))
    script = Script(
        rows,
        lost=frozenset(range(first)),
        answers=(Answer(0, "anew", higher),),
        starts=33,
        loaded=True,
        first_id=FIRST_ID,
        unit=SECOND,
        timeframes=("5sec",),
    )
    outcome = play(script)
    assert outcome.bars("5sec") == bars_of(rows, 5)
    assert told(outcome) == [1]
