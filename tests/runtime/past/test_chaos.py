"""Any schedule of outages, with a history that fails at random: bars as without any, and every hole told."""

from __future__ import annotations

import dataclasses
import itertools
import math
import random
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, note, settings, strategies as st

from mdnb.rows import BarRow, TradeRow
from mdnb.runtime.past.stretches import Patience
from mdnb.stores.columns import PARTIAL
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


def trades_at(times: Sequence[float], prices: Sequence[float]) -> tuple[TradeRow, ...]:
    """Return trades at seconds after the start."""
    return tuple(
        (START + round(at * SECOND), price, 1.0, 1, 1, number)
        for number, (at, price) in enumerate(zip(times, prices, strict=True))
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
    # Of what was traded before the first trade that came nobody can tell.
    first = trades[0][0] + SECOND // 100
    for _, stop in downs:
        at = next((row[5] for row in trades if row[0] >= START + round(stop * SECOND)), 0)
        seconds = draw(st.sampled_from((0.0, 0.0, 0.35, 1.55, 3.45)))
        if seconds and at and at not in late and at < len(trades) - 1:
            late[at] = seconds
            made[at] = (max(first, made[at][0] - round(seconds * SECOND)), *made[at][1:])
            late[at] = (trades[at][0] - made[at][0]) / SECOND
    return tuple(made), tuple(late.items())


@st.composite
def scripts(draw: st.DrawFn, *, late: bool = True) -> Script:
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
    trades, made_late = draw(late_trades(trades, downs)) if late else (trades, ())
    return Script(
        trades=trades,
        late=made_late,
        downs=downs,
        lost=draw(ids),
        never=draw(ids),
        answers=tuple(answers),
        ticks=draw(st.sampled_from((200_000, 7, 0))),
    )


@st.composite
def scripts_without_numbers(draw: st.DrawFn, *, late: bool = False) -> Script:
    """Ids that only differ, none at all, or for some trades none: only an outage tells of missed trades.

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
    ids: Ids = draw(st.sampled_from(("unique", "none", "sequential")))
    numbers = st.frozensets(st.integers(0, len(trades) - 1), min_size=1)
    nameless = draw(numbers | st.just(frozenset(range(len(trades))))) if ids != "none" else frozenset()
    if ids == "unique" and draw(st.booleans()):
        nameless = frozenset()
    if ids == "sequential":
        # Where all trades so far had an id, nothing tells that one without was missed; and a feed of which
        # none has one does not say that they rise.
        nameless = (nameless | {0}) - {1}
    # Without ids, ticks in memory tell which trades of an instant are held.
    ticks = 200_000 if ids == "none" or nameless else script.ticks
    return dataclasses.replace(
        script,
        trades=trades,
        late=made_late,
        downs=inside,
        answers=answers,
        ids=ids,
        lost=frozenset(),
        # Ids that rise tell of what nobody has, and it is lost.
        never=script.never & nameless if ids == "sequential" else script.never,
        ticks=ticks,
        nameless=nameless,
    )


def holes_of(outcome: Outcome) -> list[tuple[int, int]]:
    """Return what cannot be had, as times of the trades around it."""
    held = [row for row in outcome.script.trades if row[5] in outcome.held_ids]
    pairs = itertools.pairwise(_told(outcome, held))
    return [(low[0], high[0]) for low, high in pairs if high[5] - low[5] > 1]


def check(outcome: Outcome, *, exact: bool = False) -> None:
    """Compare bars, gaps and what was told with what the script says.

    Parameters
    ----------
    exact
        Whether each late trade has its place all the same.
    """
    script = outcome.script
    exact = exact and script.ticks >= len(script.trades)
    held: list[TradeRow] = [row for row in script.trades if row[5] in outcome.held_ids]
    assert not outcome.wrong
    live = [row[5] for row in script.trades if script.comes_live(row)]
    if live:
        # Of what was traded before the first trade that came, and after the last one, nobody can tell.
        for name in script.timeframes:
            wanted = bars_of(_told(outcome, held), SECONDS[name])
            if exact:
                assert outcome.bars(name) == wanted, name
            assert vague(outcome, name, outcome.bars(name)) == vague(outcome, name, wanted), name
        check_price(outcome, _told(outcome, held))
    check_gaps(outcome)
    assert outcome.pipeline.accounting(0, 0, 0).balanced
    assert outcome.pipeline.held is None or not outcome.pipeline.held.rows


def check_price(outcome: Outcome, held: list[TradeRow]) -> None:
    """The price is that of a newest trade, by the exchange's time."""
    newest_ns = max(row[0] for row in held)
    last = outcome.pipeline.engine.last_trade
    assert last is not None
    assert last[:2] in {row[:2] for row in held if row[0] == newest_ns}


def check_marks(outcome: Outcome, holes: list[tuple[int, int]]) -> None:
    """The bars that overlap what is lost are marked as partial, and besides them only the first ones."""
    engine = outcome.pipeline.engine
    first_ns = min((row[0] for row in outcome.script.trades if outcome.script.comes_live(row)), default=2**63)
    for name in outcome.script.timeframes:
        step = SECONDS[name] * SECOND
        log, node = engine.log(name), engine.cascade.node(name)
        starts = [log.row(at)[0][0] for at in range(len(log))]
        marked = {starts[at] for at in log.partial(0, len(log))}
        if node.is_open:
            starts.append(node.start)
            marked |= {node.start} if node.partial else set()
        unsure = [(gap.start_ns, gap.end_ns) for gap in outcome.pipeline.gaps if gap.state == "repairing"]
        lacking = {
            start
            for at, start in enumerate(starts)
            for low, high in [*holes, *(unsure if at < len(log) else [])]
            if start <= high and low < start + step
        }
        assert {start for start in marked ^ lacking if start > first_ns} == set(), name


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
        vague = events[-1].data["not_rebuilt"]
        assert not vague or (script.late and script.ticks < len(script.trades))
        assert states in (
            [("repairing", False), ("repaired", not vague)],
            [("repairing", False), ("lost", False)],
        ), (gap_id, states)
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
    check_marks(outcome, holes)
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


@settings(max_examples=60, print_blob=True)
@given(scripts())
def test_after_any_outages_the_bars_are_right_and_each_hole_is_told(script: Script) -> None:
    check(play(script))


def test_a_gap_is_not_repaired_where_another_one_left_a_bar_as_it_may_not_be() -> None:
    # Trade 31 was made in the bar before that of trade 32, which is lost: without ticks nothing tells what
    # came first in it. In the same bar the second outage begins.
    trades = list(trades_of(1_080, 55))
    trades[31] = (trades[27][0] - SECOND * 65 // 100, *trades[31][1:])
    script = Script(
        trades=tuple(trades),
        downs=((0.05, 0.15), (0.25, 21.35), (24.35, 26.05)),
        late=((31, 1.55),),
        lost=frozenset([32]),
        ticks=7,
        patience=Patience(dice=lambda: 0.3),
    )
    outcome = play(script)
    check(outcome)
    assert [gap.not_rebuilt for gap in outcome.pipeline.gaps] == [("15sec", "1min", "5sec")] * 2


@st.composite
def scripts_told_ahead(draw: st.DrawFn) -> Script:
    """After an outage the newest trade is told first, as some venues do, and some before it come then."""
    script = draw(scripts(late=False))
    late: dict[int, float] = {}
    after = draw(st.sampled_from((0.0, 0.03, 0.4, 2.0)))
    for start, stop in script.downs:
        newest = next((row for row in script.trades if row[0] >= START + round(stop * SECOND)), None)
        for back in range(draw(st.integers(0, 4)), 0, -1) if newest is not None else ():
            number = newest[5] - back
            made = (script.trades[number][0] - START) / SECOND if number > 0 else 0.0
            if start <= made < stop:
                late[number] = (newest[0] - START) / SECOND - made + after - after * back / 30
    lost = script.lost - late.keys()
    return dataclasses.replace(script, late=tuple(late.items()), lost=lost, together=not after)


@settings(max_examples=60, print_blob=True)
@given(scripts_told_ahead())
def test_what_comes_after_a_trade_that_is_told_ahead_is_where_it_belongs(script: Script) -> None:
    check(play(script), exact=True)


def check_without_numbers(outcome: Outcome) -> None:
    """What was missed is where it belongs, and nothing is lost."""
    script = outcome.script
    held = sorted((row for row in script.trades if row[5] in outcome.held_ids), key=lambda row: row[0])
    for name in script.timeframes:
        assert vague(outcome, name, outcome.bars(name)) == vague(outcome, name, bars_of(held, SECONDS[name]))
    check_price(outcome, held)
    for gap in outcome.pipeline.gaps:
        assert gap.state == "repaired" or (script.ids == "unique" and not reaches(script, gap.start_ns))
    assert outcome.pipeline.accounting(0, 0, 0).balanced


def reaches(script: Script, ts_ns: int) -> bool:
    """Return whether the history knows a trade at an instant or in the seconds before it.

    One that does not is like one that keeps the newest trades alone: that it has all of a gap nobody can say.
    """
    known = [row[0] for row in script.trades if row[5] not in script.never]
    return any(ts_ns - 5 * SECOND <= at <= ts_ns for at in known)


@settings(max_examples=60, print_blob=True)
@given(scripts_without_numbers() | scripts_without_numbers(late=True))
def test_without_numbers_too_what_was_missed_is_put_where_it_belongs(script: Script) -> None:
    check_without_numbers(play(script))


@st.composite
def quiet_scripts(draw: st.DrawFn) -> Script:
    """Markets that are quiet for long, and a history that is down, or behind, for as long, or for good."""
    count = draw(st.integers(5, 14))
    dice = random.Random(draw(st.integers(0, 2**32)))
    pauses = [dice.choice((2, 9, 30, 150)) for _ in range(count)]
    for at in draw(st.lists(st.integers(1, count - 1), max_size=2)):
        pauses[at] = dice.choice((450, 3_200, 4_500))
    trades = tuple(
        (START + at * SECOND // 10, dice.randint(380, 420) / 4, float(dice.randint(1, 4)), 1, 1, number)
        for number, at in enumerate(itertools.accumulate(pauses))
    )
    # Near the trades: schedules of plain times would nearly all fall into the long pauses.
    near = st.builds(
        lambda at, tenths: (max(trades[0][0], trades[at][0] + tenths * SECOND // 10) - START) / SECOND + 0.05,
        st.integers(0, count - 1),
        st.sampled_from((-40, -9, -2, 2, 9, 40, 120, 700, 2_900, 3_500)),
    )
    edges = sorted(draw(st.sets(near, min_size=2, max_size=6)))
    answer = st.builds(
        Answer, near, st.sampled_from(("ok", "down", "lag")), st.sampled_from((3.0, 40.0, 250.0))
    )
    answers = [Answer(-1e9, draw(st.sampled_from(("ok", "down")))), *draw(st.lists(answer, max_size=5))]
    return Script(
        trades=trades,
        downs=tuple(zip(edges[::2], edges[1::2], strict=False)),
        lost=draw(st.frozensets(st.integers(1, count - 2), max_size=2)),
        answers=tuple(sorted(answers, key=lambda one: one.at)),
    )


def bad_for(script: Script, start: float, end: float) -> float:
    """Return for how many of some seconds the history did not say all that it will."""
    moments = [*(one.at for one in script.answers), 1e9]
    return sum(
        max(0.0, min(end, until + answer.seconds * (answer.kind == "lag")) - max(start, answer.at))
        for answer, until in zip(script.answers, moments[1:], strict=True)
        if answer.kind != "ok"
    )


def check_quiet(outcome: Outcome) -> None:
    """Every hole that is left is in exactly one gap that was told once, as lost, and not without need."""
    assert not outcome.wrong
    script, pipeline = outcome.script, outcome.pipeline
    ids = [int(number) for number in sorted(pipeline.engine.ticks.tail(10_000)["trade_id"])]
    held = [script.trades[number] for number in ids]
    for name in script.timeframes:
        assert outcome.bars(name) == bars_of(held, SECONDS[name]), name
    told: dict[str, list[tuple[float, str]]] = defaultdict(list)
    for at, event in outcome.events:
        told[event.gap_id].append((at, event.state))
    last_live = max(map(script.arrives, filter(script.comes_live, script.trades)), default=0)
    gaps = {gap.gap_id: gap for gap in pipeline.gaps}
    assert gaps.keys() == told.keys()
    for gap_id, states in told.items():
        if gaps[gap_id].state == "repairing":
            # Nobody traded since: nobody can know.
            assert last_live < gaps[gap_id].end_ns, gaps[gap_id]
            assert [state for _, state in states] == ["repairing"]
        else:
            assert [state for _, state in states] == ["repairing", gaps[gap_id].state], (gap_id, states)
    holes = [(low[0], high[0]) for low, high in itertools.pairwise(held) if high[5] - low[5] > 1]
    lost = [gap for gap in gaps.values() if gap.state == "lost"]
    open_since = [gap.start_ns for gap in gaps.values() if gap.state == "repairing"]
    check_marks(outcome, [hole for hole in holes if all(hole[0] < start for start in open_since)])
    for low_ns, high_ns in holes:
        around = [gap for gap in gaps.values() if gap.start_ns <= low_ns and high_ns <= gap.end_ns]
        assert len(around) == 1, (low_ns, high_ns, around)
        assert around[0].state != "repaired"
    for gap in lost:
        assert any(gap.start_ns <= low_ns and high_ns <= gap.end_ns for low_ns, high_ns in holes), gap
        opened, ended = told[gap.gap_id][0][0], told[gap.gap_id][-1][0]
        assert bad_for(script, opened - 60, ended) >= 240, gap
    assert pipeline.accounting(0, 0, 0).balanced


@settings(max_examples=60, print_blob=True)
@given(quiet_scripts())
def test_in_a_quiet_market_with_a_dead_history_each_hole_is_told_once(script: Script) -> None:
    check_quiet(play(script))


def slower(trades: tuple[TradeRow, ...], times: int) -> tuple[TradeRow, ...]:
    """Return trades with pauses between them that are so many times as long."""
    return tuple((START + (row[0] - START) * times, *row[1:]) for row in trades)


@st.composite
def scripts_of_few_bars(draw: st.DrawFn) -> Script:
    """Bars that leave memory before what an outage cost is there; nobody is late: that would be refused."""
    script = draw(scripts())
    chance = draw(st.integers(0, 2**32))
    note(f"trades_of({chance}, {len(script.trades)})")
    script = dataclasses.replace(
        script,
        trades=slower(trades_of(chance, len(script.trades)), draw(st.sampled_from((1, 4)))),
        late=(),
        bars=draw(st.sampled_from((1, 2, 3, 6))),
        on_disk=draw(st.booleans()),
    )
    # On disk nothing is put between bars that come before the first one, and that.
    is_whole = script.comes_live(script.trades[0])
    return dataclasses.replace(script, fill=draw(st.booleans()) and (is_whole or not script.on_disk))


def kept_bars(outcome: Outcome, name: str) -> list[BarRow]:
    """Return the closed bars in memory and on disk."""
    held = outcome.kept[name]
    turnover = [round(money, 6) for money in np.nan_to_num(held.turnover).tolist()]
    prices = (column.tolist() for column in (held.open, held.high, held.low, held.close, held.volume))
    starts = (held.time_us * 1000).tolist()
    return list(zip(starts, *prices, held.tick_count.tolist(), turnover, strict=True))


def with_flat_bars(bars: list[BarRow], starts: list[int]) -> list[BarRow]:
    """Return bars, and for each other start one that repeats the close before it."""
    by_start = {bar[0]: bar for bar in bars}
    whole: list[BarRow] = []
    for start in starts:
        close = whole[-1][4] if whole else math.nan
        whole.append(by_start.get(start, (start, close, close, close, close, 0.0, 0, 0.0)))
    return whole


def wanted_bars(outcome: Outcome, name: str) -> list[BarRow]:
    """Return the closed bars as they are without an outage, made the plain way."""
    step = SECONDS[name] * SECOND
    held = [row for row in outcome.script.trades if row[5] in outcome.held_ids]
    bars = bars_of(_told(outcome, held), SECONDS[name])
    forming = outcome.pipeline.engine.forming_of(name)
    bars = [bar for bar in bars if forming is None or bar[0] < forming[0]]
    if outcome.script.fill and bars:
        newest = max(int(outcome.kept[name].time_us[-1]) * 1000, bars[-1][0])
        bars = with_flat_bars(bars, list(range(bars[0][0], newest + step, step)))
    return bars


def check_few_bars(outcome: Outcome) -> None:
    """What is kept in memory and on disk is what it would be without an outage."""
    script = outcome.script
    if any(script.comes_live(row) for row in script.trades):
        for name in script.timeframes:
            wanted, kept = wanted_bars(outcome, name), kept_bars(outcome, name)
            assert script.bars is not None
            assert kept == (wanted if script.on_disk else wanted[max(0, len(wanted) - script.bars) :]), name
    assert outcome.pipeline.accounting(0, 0, 0).balanced


@settings(max_examples=60, print_blob=True)
@given(scripts_of_few_bars())
def test_bars_that_have_left_memory_are_put_right_on_disk_and_never_half_in_memory(script: Script) -> None:
    check_few_bars(play(script))


def check_events(script: Script) -> None:
    """Who puts together what he was told has the bars that are kept."""
    outcome = play(dataclasses.replace(script, bars=None, on_disk=False))
    for name in script.timeframes:
        told = {
            event.time_ns: event.data
            for event in (*(event for _, event in outcome.closed), *outcome.amended)
            if event.data.timeframe == name
        }
        mine = [
            (ns, bar.open, bar.high, bar.low, bar.close, bar.volume, bar.tick_count)
            for ns, bar in sorted(told.items())
        ]
        assert mine == [bar[:7] for bar in kept_bars(outcome, name)], name
        marks = (outcome.kept[name].flags & PARTIAL) > 0
        assert [bar.partial for _, bar in sorted(told.items())] == marks.tolist(), name
    check_open_gaps(outcome)


def check_open_gaps(outcome: Outcome) -> None:
    """A bar that closes while something is being repaired of it is called partial."""
    spans: dict[str, list[Any]] = {}
    for at, event in outcome.events:
        spans.setdefault(event.gap_id, []).append(
            (at, event.data["gap_start"].value, event.data["gap_end"].value)
        )
    for at, event in outcome.closed:
        start, end = event.data.time_ns, event.data.time_ns + SECONDS[event.data.timeframe] * SECOND
        for told in spans.values():
            # It may become shorter before it is settled.
            low, high = max(one[1] for one in told), min(one[2] for one in told)
            if told[0][0] < at < told[-1][0] and start <= high and low < end:
                assert event.data.partial, (event, told)


def test_what_is_missed_beside_a_trade_of_another_bar_is_not_taken_for_the_first_of_its_own() -> None:
    times = [0.2, 4.0, 9.7, 10.2, 9.95, 10.8, 11.0, 14.3]
    prices = [101.0, 96.0, 104.0, 95.0, 101.5, 95.5, 100.5, 100.0]
    trades = trades_at(times, prices)
    # Between two outages comes number 4, which was made before number 3; the ticks do not reach back.
    script = Script(
        trades,
        downs=((0.05, 10.25), (10.35, 10.85)),
        lost=frozenset(),
        never=frozenset(),
        answers=(answer_of(0.05, "slow", 20.0), Answer(16.3, "ok", 0.0)),
        ticks=3,
        timeframes=("5sec", "15sec", "1min"),
        late=((4, 0.35),),
    )
    check(play(script))


def test_what_an_outage_left_out_is_in_its_place_though_a_late_trade_of_it_comes_first() -> None:
    times = [3.0, 9.6, 10.1, 10.2, 11.1, 11.6, 11.7, 14.7]
    prices = [104.5, 105.0, 104.75, 100.25, 100.0, 98.0, 98.75, 103.5]
    trades = trades_at(times, prices)
    # Of two outages number 3 comes as the first trade of all, and numbers 4 to 6 after number 7.
    script = Script(
        trades,
        downs=((0.05, 10.25), (10.35, 11.75)),
        answers=(Answer(16.7, "ok", 0.0),),
        late=((3, 2.83), (4, 5.4), (5, 4.97), (6, 4.93)),
    )
    check(play(script), exact=True)


def test_an_open_gap_reaches_as_far_as_what_is_not_settled() -> None:
    times = [3.0, 3.9, 18.9, 19.1, 19.3, 19.5, 22.5, 22.7, 23.6]
    trades = trades_at(times, [100.0 + number for number in range(len(times))])
    # The history is behind when the gap is told, and gives trades of after its end before it fails for good.
    script = Script(
        trades,
        downs=((18.05, 26.75),),
        lost=frozenset([3]),
        answers=(
            Answer(-1e9, "ok"),
            Answer(19.15, "down", 40.0),
            Answer(21.85, "lag", 40.0),
            Answer(89.15, "ok", 40.0),
            Answer(353.95, "down", 40.0),
        ),
        patience=Patience(dice=random.Random(0).random),
    )
    outcome = play(script)
    check_quiet(outcome)
    assert [gap.state for gap in outcome.pipeline.gaps if gap.end_ns >= trades[-1][0]] == ["repairing"]


@settings(max_examples=60, print_blob=True)
@given(scripts_of_few_bars() | scripts())
def test_who_follows_the_events_has_the_bars_as_they_are(script: Script) -> None:
    check_events(script)


@pytest.mark.slow
@settings(max_examples=5_000, print_blob=True)
@given(scripts())
def test_after_any_outages_of_very_many_the_bars_are_right(script: Script) -> None:
    check(play(script))


@pytest.mark.slow
@settings(max_examples=2_000, print_blob=True)
@given(scripts_told_ahead())
def test_after_very_many_trades_told_ahead_the_bars_are_right(script: Script) -> None:
    check(play(script), exact=True)


@pytest.mark.slow
@settings(max_examples=1_000, print_blob=True)
@given(scripts_without_numbers() | scripts_without_numbers(late=True))
def test_without_numbers_too_very_many_outages_are_put_right(script: Script) -> None:
    check_without_numbers(play(script))


@pytest.mark.slow
@settings(max_examples=1_000, print_blob=True)
@given(quiet_scripts())
def test_in_very_many_quiet_markets_each_hole_is_told_once(script: Script) -> None:
    check_quiet(play(script))


@pytest.mark.slow
@settings(max_examples=1_000, print_blob=True)
@given(scripts_of_few_bars())
def test_bars_that_have_left_memory_are_put_right_after_very_many_outages(script: Script) -> None:
    check_few_bars(play(script))


@pytest.mark.slow
@settings(max_examples=1_000, print_blob=True)
@given(scripts_of_few_bars() | scripts())
def test_who_follows_very_many_events_has_the_bars_as_they_are(script: Script) -> None:
    check_events(script)
