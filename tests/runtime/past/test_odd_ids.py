"""Trades with absurd ids, live and in the history, through pipeline and repair in virtual time."""

from __future__ import annotations

import pytest

from mdnb.rows import TradeRow
from mdnb.runtime.past.stretches import Patience
from tests.runtime.past.outages import SECOND, START, Answer, Outcome, Script, bars_of, play

ABSURD = 2**62
# Ten a second: 20 good ones, one with an absurd id, 230 good ones.
TRADES: tuple[TradeRow, ...] = tuple(
    (START + at * SECOND // 10, 100.0 + at % 7, 1.0, 1, 1, number)
    for at, number in enumerate([*range(20), ABSURD, *range(20, 250)])
)
CALM = Patience(dice=lambda: 1.0)


def whole(outcome: Outcome) -> bool:
    names = zip(outcome.script.timeframes, (5, 15, 60), strict=True)
    return all(outcome.bars(name) == bars_of(TRADES, seconds) for name, seconds in names)


@pytest.mark.parametrize("history", ["ok", "none", "down"])
def test_one_absurd_id_costs_no_trade_after_it_and_is_no_gap(history: str) -> None:
    outcome = play(Script(TRADES, answers=(Answer(0, history),), patience=CALM))  # type: ignore[arg-type]  # one of them
    pipeline = outcome.pipeline
    taken = pipeline.accounting(0, 0, 0)
    assert (taken.received, taken.in_bars, taken.duplicate) == (251, 251, 0)
    assert whole(outcome)
    assert pipeline.engine.last_trade is not None
    assert pipeline.engine.last_trade[:2] == TRADES[-1][:2]
    assert (outcome.events, list(pipeline.gaps), outcome.asked) == ([], [], [])
    (fault,) = (one for one in pipeline.quality.errors if one.type == "odd_trade_id")
    assert fault.description == f"a trade has the id {ABSURD}, where 20 is next, and is kept without it"
    assert (fault.time_ns, fault.values["trade_id"]) == (TRADES[20][0], ABSURD)


def test_a_real_outage_after_it_is_repaired() -> None:
    outcome = play(Script(TRADES, downs=((5.05, 9.05),), patience=CALM))
    assert [event.state for _, event in outcome.events] == ["repairing", "repaired"]
    assert whole(outcome)
    assert outcome.pipeline.accounting(0, 0, 0).duplicate == 0


def test_an_absurd_id_that_comes_first_after_an_outage_does_not_end_it() -> None:
    # The connection is back just before the trade with that id.
    outcome = play(Script(TRADES, downs=((1.05, 1.95),), patience=CALM))
    assert [event.state for _, event in outcome.events] == ["repairing", "repaired"]
    (gap,) = outcome.pipeline.gaps
    assert (gap.trades, gap.end_ns) == (9, TRADES[21][0])
    assert outcome.pipeline.accounting(0, 0, 0).in_bars == 251


def test_an_absurd_id_in_what_an_outage_cost_is_left_out_and_said() -> None:
    outcome = play(Script(TRADES, downs=((1.55, 2.55),), patience=CALM))
    assert [event.state for _, event in outcome.events] == ["repairing", "repaired"]
    taken = outcome.pipeline.accounting(0, 0, 0)
    assert (taken.in_bars, taken.balanced) == (250, True)
    held = set(outcome.pipeline.engine.recent(1000)["trade_id"].tolist())
    assert held == set(range(250))
    (fault,) = (one for one in outcome.pipeline.quality.errors if one.type == "odd_trade_id")
    assert "left out" in fault.description


def test_trades_that_come_after_they_were_given_up_are_no_duplicates() -> None:
    # Lost by the line, asked for in vain, and sent by the venue 20 s later.
    rows = tuple((START + at * SECOND, 100.0, 1.0, 1, 1, at) for at in range(60))
    late = ((5, 20.0), (6, 20.0))
    outcome = play(Script(rows, answers=(Answer(0, "none"),), late=late, patience=CALM))
    assert [event.state for _, event in outcome.events] == ["repairing", "lost"]
    taken = outcome.pipeline.accounting(0, 0, 0)
    assert (taken.duplicate, taken.late_dropped + taken.in_bars) == (0, 60)


def test_an_absurd_id_first_in_a_batch_after_an_outage_hides_not_what_is_told_ahead() -> None:
    # At 5.3 s four trades come at once: one with an absurd id, the newest one, and those that begin its bar.
    named = tuple((START + row[5] * SECOND // 10, *row[1:]) for row in TRADES if row[5] != ABSURD)
    arrives = named[53][0]
    odd = (arrives, 106.25, 1.0, 1, 1, ABSURD)
    outcome = play(
        Script(
            (*named[:53], odd, *named[53:]),
            downs=((1.05, 5.25),),
            answers=(Answer(0, "none"),),
            late=((51, 0.2), (52, 0.1)),
            patience=CALM,
            together=True,
        )
    )
    known = [*named[:11], *named[51:53], odd, *named[53:]]
    names = zip(outcome.script.timeframes, (5, 15, 60), strict=True)
    assert all(outcome.bars(name) == bars_of(known, seconds) for name, seconds in names)
