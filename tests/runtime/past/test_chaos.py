"""Any schedule of outages, with a history that fails at random: bars as without any, and every hole told."""

from __future__ import annotations

import dataclasses
import itertools
import random
from collections import defaultdict
from typing import Any

import pytest
from hypothesis import given, note, settings, strategies as st

from mdnb.rows import TradeRow
from tests.runtime.past.outages import SECOND, START, Answer, Ids, Kind, Outcome, Script, bars_of, play

KINDS: tuple[Kind, ...] = ("ok", "down", "busy", "slow", "lag", "part", "odd")
SECONDS = {"5sec": 5, "15sec": 15, "1min": 60}


def trades_of(chance: int, count: int, least: int = 0) -> tuple[TradeRow, ...]:
    """Return trades at whole tenths of a second, some of them so many tenths apart."""
    dice = random.Random(chance)
    pauses = dice.choices((least, 1, 2, 5, 9, 30), k=count)
    return tuple(
        (START + at * SECOND // 10, dice.randint(380, 420) / 4, float(dice.randint(1, 4)), 1, 1, number)
        for number, at in enumerate(itertools.accumulate(pauses))
    )


def answer_of(at: float, kind: Kind, seconds: float) -> Answer:
    """Return an answer; what a history gives in parts is whole before it has said the same for long."""
    return Answer(at, kind, min(seconds, 4.0) if kind == "part" else seconds)


@st.composite
def late_trades(
    draw: st.DrawFn, trades: tuple[TradeRow, ...], downs: tuple[tuple[float, float], ...]
) -> tuple[tuple[TradeRow, ...], tuple[tuple[int, float], ...]]:
    """Make some of the first trades after an outage late ones: made before what comes with them."""
    made, late = list(trades), {}
    for _, stop in downs:
        at = next((row[5] for row in trades if row[0] >= START + round(stop * SECOND)), 0)
        seconds = draw(st.sampled_from((0.0, 0.0, 0.35, 1.55, 3.45)))
        if seconds and at and at not in late and at < len(trades) - 1:
            late[at] = seconds
            made[at] = (max(START, made[at][0] - round(seconds * SECOND)), *made[at][1:])
            late[at] = (trades[at][0] - made[at][0]) / SECOND
    return tuple(made), tuple(late.items())


@st.composite
def scripts(draw: st.DrawFn) -> Script:
    """Outages that follow, nest and flap; trades that are late or lost; a history with all faults of one."""
    count = draw(st.integers(5, 90))
    chance = draw(st.integers(0, 2**32))
    note(f"trades_of({chance}, {count})")
    trades = trades_of(chance, count)
    tenths = (trades[-1][0] - START) // (SECOND // 10) + 20
    moments = st.integers(1, tenths).map(lambda tenth: tenth / 10 - 0.05)
    edges = sorted(draw(st.sets(moments, max_size=10)))
    ids = st.frozensets(st.integers(1, count - 2), max_size=6)
    answer = st.builds(answer_of, moments, st.sampled_from(KINDS), st.sampled_from((0.5, 3.0, 20.0, 40.0)))
    answers = sorted(draw(st.lists(answer, max_size=6)), key=lambda one: one.at)
    # In the end the history is well again: within the minutes in which it is asked.
    answers.append(Answer(tenths / 10 + draw(st.integers(0, 60)), "ok"))
    downs = tuple(zip(edges[::2], edges[1::2], strict=False))
    trades, late = draw(late_trades(trades, downs))
    return Script(
        trades=trades,
        late=late,
        downs=downs,
        lost=draw(ids),
        never=draw(ids),
        answers=tuple(answers),
        ticks=draw(st.sampled_from((200_000, 7, 0))),
    )


@st.composite
def scripts_without_numbers(draw: st.DrawFn, *, late: bool = False) -> Script:
    """Ids that only differ, or none at all: only an outage tells that trades were missed.

    Late trades, and histories that know half of an instant, leave open what of it was first: with them all
    times differ.
    """
    script = draw(scripts())
    chance = draw(st.integers(0, 2**32))
    note(f"trades_of({chance}, {len(script.trades)}, {late:d})")
    trades = trades_of(chance, len(script.trades), int(late))
    answers = script.answers
    if not late:
        answers = tuple(Answer(one.at, "lag", one.seconds) if one.kind == "part" else one for one in answers)
    first, last = ((trades[at][0] - START) / SECOND for at in (0, -1))
    inside = tuple((start, end) for start, end in script.downs if first < start and end < last)
    trades, made_late = draw(late_trades(trades, inside)) if late else (trades, ())
    ids: Ids = draw(st.sampled_from(("unique", "none")))
    # Without ids, ticks in memory tell which trades of an instant are held.
    ticks = 200_000 if ids == "none" else script.ticks
    return dataclasses.replace(
        script,
        trades=trades,
        late=made_late,
        downs=inside,
        answers=answers,
        ids=ids,
        lost=frozenset(),
        ticks=ticks,
    )


def holes_of(outcome: Outcome) -> list[tuple[int, int]]:
    """Return what cannot be had, as times of the trades around it."""
    held = [row for row in outcome.script.trades if row[5] in outcome.held_ids]
    pairs = itertools.pairwise(_told(outcome, held))
    return [(low[0], high[0]) for low, high in pairs if high[5] - low[5] > 1]


def check(outcome: Outcome) -> None:
    """Compare bars, gaps and what was told with what the script says."""
    script = outcome.script
    held: list[TradeRow] = [row for row in script.trades if row[5] in outcome.held_ids]
    assert not outcome.wrong
    live = [row[5] for row in script.trades if script.comes_live(row)]
    if live:
        # Of what was traded before the first trade that came, and after the last one, nobody can tell.
        for name in script.timeframes:
            wanted = bars_of(_told(outcome, held), SECONDS[name])
            assert vague(outcome, name, outcome.bars(name)) == vague(outcome, name, wanted), name
    check_gaps(outcome)
    assert outcome.pipeline.accounting(0, 0, 0).balanced
    assert outcome.pipeline.held is None or not outcome.pipeline.held.rows


def _told(outcome: Outcome, held: list[TradeRow]) -> list[TradeRow]:
    seen = outcome.pipeline.duplicates
    return [row for row in held if seen.first <= row[5] <= seen.highest]


def check_gaps(outcome: Outcome) -> None:
    """Every hole is in exactly one gap, each gap has one, and is told when it opens and when it ends."""
    script = outcome.script
    told: dict[str, list[Any]] = defaultdict(list)
    for _, event in outcome.events:
        told[event.gap_id].append(event)
    for gap_id, events in told.items():
        states = [(event.state, event.repaired) for event in events]
        assert states in ([("repairing", False), (end, end == "repaired")] for end in ("repaired", "lost")), (
            gap_id,
            states,
        )
        start, end = events[0].data["gap_start"].value, events[0].data["gap_end"].value
        assert events[-1].data["gap_start"].value <= events[-1].data["gap_end"].value
        missed = [row for row in script.trades if start <= row[0] <= end and not script.comes_live(row)]
        told_ns = START + round(next(at for at, event in outcome.events if event is events[0]) * SECOND)
        arrivals = [script.arrives(row) for row in script.trades if script.comes_live(row)]
        # With a history that fails, and nobody who trades, nobody can know whether anything was missed.
        quiet = not any(max(start + 1, told_ns - 5 * SECOND) <= at <= told_ns for at in arrivals)
        first = min(arrivals, default=0) > start
        assert missed or quiet or first or script.late, f"{gap_id} is told, and nothing was missed"
    kept = {gap.gap_id: gap for gap in outcome.pipeline.gaps}
    assert {gap_id: gap.state for gap_id, gap in kept.items()} == {
        gap_id: events[-1].state for gap_id, events in told.items()
    }
    lost = [gap for gap in kept.values() if not gap.repaired]
    if script.late:
        # Where the trades around a hole were not made in the order of their ids its bounds are wider.
        return
    holes = holes_of(outcome)
    for low, high in holes:
        around = [gap for gap in lost if gap.start_ns <= low and high <= gap.end_ns]
        # Trades of one instant may be lost twice: then both gaps begin or end in it.
        assert len(around) == 1 or (around and low == high), (low, high, lost)
    for gap in lost:
        inside = [hole for hole in holes if gap.start_ns <= hole[0] and hole[1] <= gap.end_ns]
        assert inside, gap
        assert (gap.start_ns, gap.end_ns) == (inside[0][0], inside[-1][1])


def vague(outcome: Outcome, name: str, bars: list[Any]) -> list[Any]:
    """Leave out open and close where a trade was late: a coarse bar's follow from finer ones.

    Of ticks that are not held nobody can tell which one was first.
    """
    script, step = outcome.script, SECONDS[name] * SECOND
    numbers = {number for number, _ in script.late}
    if numbers and script.ticks < len(script.trades):
        numbers = {row[5] for row in script.trades}
    starts = {row[0] // step * step for row in script.trades if row[5] in numbers}
    return [(bar[0], *bar[2:4], *bar[5:]) if bar[0] in starts else bar for bar in bars]


@settings(max_examples=400, print_blob=True)
@given(scripts())
def test_after_any_outages_the_bars_are_right_and_each_hole_is_told(script: Script) -> None:
    check(play(script))


@settings(max_examples=200, print_blob=True)
@given(scripts_without_numbers() | scripts_without_numbers(late=True))
def test_without_numbers_too_what_was_missed_is_put_where_it_belongs(script: Script) -> None:
    outcome = play(script)
    held = sorted((row for row in script.trades if row[5] in outcome.held_ids), key=lambda row: row[0])
    for name in script.timeframes:
        assert vague(outcome, name, outcome.bars(name)) == vague(outcome, name, bars_of(held, SECONDS[name]))
    for gap in outcome.pipeline.gaps:
        assert gap.state == "repaired"
    assert outcome.pipeline.accounting(0, 0, 0).balanced


@pytest.mark.slow
@settings(max_examples=5_000, print_blob=True)
@given(scripts())
def test_after_any_outages_of_very_many_the_bars_are_right(script: Script) -> None:
    check(play(script))
