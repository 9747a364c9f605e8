"""When the history is asked for what was missed, how often, and what becomes of it; in virtual time."""

from __future__ import annotations

import itertools

import pytest

from mdnb.feeds.timeouts import Backoff
from mdnb.rows import TradeRow
from mdnb.runtime.past.stretches import Patience
from tests.runtime.past.outages import SECOND, START, Answer, Ids, Outcome, Script, bars_of, play

# One trade a second.
TRADES: tuple[TradeRow, ...] = tuple(
    (START + i * SECOND, 100.0 + i % 7, 1.0 + i % 3, 1, 1, i) for i in range(60)
)
CALM = Patience(dice=lambda: 1.0)


def states(outcome: Outcome) -> list[tuple[str, str]]:
    return [(event.gap_id, event.state) for _, event in outcome.events]


def right(outcome: Outcome, lacking: tuple[int, ...] = ()) -> bool:
    held = [row for row in outcome.script.trades if row[5] not in lacking]
    return all(
        outcome.bars(name) == bars_of(held, seconds)
        for name, seconds in zip(outcome.script.timeframes, (5, 15, 60), strict=True)
    )


def test_the_pauses_between_questions_grow_up_to_their_limit() -> None:
    outcome = play(
        Script(TRADES, downs=((9.5, 19.5),), answers=(Answer(0, "down"), Answer(100, "ok")), patience=CALM)
    )
    pauses = [round(b - a, 3) for a, b in itertools.pairwise(outcome.asked)]
    assert outcome.asked[0] == 19.5
    assert pauses == [0.5, 1.0, 2.0, 4.0, 8.0, *[15.0] * 5]
    assert states(outcome) == [("X-1", "repairing"), ("X-1", "repaired")]
    assert right(outcome)


def test_a_venue_that_names_the_seconds_is_not_asked_before() -> None:
    outcome = play(
        Script(
            TRADES, downs=((9.5, 19.5),), answers=(Answer(0, "busy", 33.0), Answer(60, "ok")), patience=CALM
        )
    )
    assert outcome.asked == pytest.approx([19.5, 52.5, 85.5])
    assert right(outcome)


def test_a_question_that_is_not_answered_is_asked_again() -> None:
    outcome = play(
        Script(
            TRADES, downs=((9.5, 19.5),), answers=(Answer(0, "slow", 1e6), Answer(60, "ok")), patience=CALM
        )
    )
    assert outcome.asked == pytest.approx([19.5, 50.0, 81.0])
    assert right(outcome)


@pytest.mark.parametrize("ids", ["sequential", "unique", "none"])
@pytest.mark.parametrize(("kind", "questions"), [("down", 24), ("refused", 1), ("none", 1)])
def test_a_history_that_never_answers_is_given_up(ids: Ids, kind: str, questions: int) -> None:
    script = Script(TRADES, downs=((9.5, 19.5),), answers=(Answer(0, kind),), ids=ids, patience=CALM)  # type: ignore[arg-type]  # one of them
    outcome = play(script)
    assert states(outcome) == [("X-1", "repairing"), ("X-1", "lost")]
    (gap,) = outcome.pipeline.gaps
    assert (gap.start_ns, gap.end_ns, gap.repaired) == (TRADES[9][0], TRADES[20][0], False)
    assert right(outcome, tuple(range(10, 20)))
    assert abs(len(outcome.asked) - questions) <= 1
    times = [at for at, _ in outcome.events]
    assert times[-1] - times[0] == pytest.approx(300 if kind == "down" else 0.0, abs=16)
    before, after = outcome.pipeline.live_spans(TRADES[-1][0])
    assert (before[1], after) == (TRADES[9][0], (TRADES[20][0], TRADES[-1][0]))


def test_what_the_history_gives_in_parts_narrows_what_is_lost() -> None:
    never = frozenset((10, 13, 19))
    outcome = play(Script(TRADES, downs=((9.5, 19.5),), never=never, patience=CALM))
    assert states(outcome) == [("X-1", "repairing"), ("X-1", "lost")]
    (gap,) = outcome.pipeline.gaps
    assert (gap.start_ns, gap.end_ns, gap.trades) == (TRADES[9][0], TRADES[20][0], 7)
    (gap,) = play(
        Script(TRADES, downs=((9.5, 19.5),), never=frozenset((13, 14)), patience=CALM)
    ).pipeline.gaps
    assert (gap.start_ns, gap.end_ns, gap.trades) == (TRADES[12][0], TRADES[15][0], 8)


def test_trades_that_the_rules_refuse_are_refused_in_the_history_too() -> None:
    wrong: TradeRow = (*TRADES[12][:1], -5.0, *TRADES[12][2:])
    outcome = play(
        Script(
            (*TRADES[:12], wrong, *TRADES[13:]), downs=((9.5, 19.5),), lost=frozenset((40,)), patience=CALM
        )
    )
    taken = outcome.pipeline.accounting(0, 0, 0)
    assert taken.rejected == {"price_not_positive": 1}
    assert taken.balanced
    assert right(outcome, (12,))


@pytest.mark.parametrize("ticks", [200_000, 0])
def test_a_refused_trade_that_was_jumped_over_stays_refused(ticks: int) -> None:
    wrong: TradeRow = (*TRADES[12][:1], -5.0, *TRADES[12][2:])
    trades = (*TRADES[:12], wrong, *TRADES[13:])
    outcome = play(Script(trades, lost=frozenset((12, 13)), ticks=ticks, patience=CALM))
    taken = outcome.pipeline.accounting(0, 0, 0)
    assert (taken.rejected, taken.backfilled) == ({"price_not_positive": 1}, 1)
    assert taken.balanced
    assert right(outcome, (12,))


@pytest.mark.parametrize("ids", ["unique", "none"])
@pytest.mark.parametrize("answers", [(), (Answer(0, "down"), Answer(40, "ok")), (Answer(0, "lag", 2.0),)])
def test_without_numbers_an_outage_alone_tells_that_trades_were_missed(
    ids: Ids, answers: tuple[Answer, ...]
) -> None:
    outcome = play(Script(TRADES, downs=((9.5, 19.5), (24.5, 25.5)), answers=answers, ids=ids, patience=CALM))
    assert states(outcome) == [
        ("X-1", "repairing"),
        *([("X-1", "repaired"), ("X-2", "repairing")] if not answers or answers[0].kind == "lag" else []),
        *([("X-2", "repairing"), ("X-1", "repaired")] if answers and answers[0].kind == "down" else []),
        ("X-2", "repaired"),
    ]
    assert [gap.trades for gap in outcome.pipeline.gaps] == [10, 1]
    assert right(outcome)


def test_outages_that_touch_are_one() -> None:
    script = Script(
        TRADES,
        downs=((9.5, 19.5), (20.5, 29.5)),
        answers=(Answer(0, "down"), Answer(90, "ok")),
        patience=CALM,
    )
    outcome = play(script)
    assert states(outcome) == [("X-1", "repairing"), ("X-1", "repaired")]
    (gap,) = outcome.pipeline.gaps
    assert (gap.start_ns, gap.end_ns, gap.trades) == (TRADES[9][0], TRADES[30][0], 19)
    assert right(outcome)


def test_a_hole_that_is_there_when_it_begins_to_watch_is_looked_after() -> None:
    outcome = play(Script(TRADES, lost=frozenset((2, 3)), starts=5, patience=CALM))
    assert states(outcome) == [("X-1", "repairing"), ("X-1", "repaired")]
    assert right(outcome)


def test_bars_wait_five_seconds_for_an_outage_and_then_close_in_time() -> None:
    outcome = play(
        Script(TRADES, downs=((9.5, 39.5),), answers=(Answer(0, "down"), Answer(300, "ok")), patience=CALM)
    )
    closed = {
        (event.time_ns - START) // SECOND: at for at, event in outcome.closed if event.timeframe == "5sec"
    }
    assert closed[0] == 5.0
    # Lost at 9.5: the bar that ends at 10 may still be mended, but not for ever.
    assert closed[5] == pytest.approx(14.5, abs=0.7)
    # Back at 40 the history fails: the bar that ends at 45 is closed once its trades have waited.
    assert closed[40] == pytest.approx(45.5, abs=0.7)
    assert right(outcome)


def test_a_pause_that_never_ends_is_retried_with_half_of_it_left_to_chance() -> None:
    patience = Patience(dice=lambda: 0.0, backoff=Backoff(1.0, 2.0, 4.0))
    assert [patience.pause(attempt) for attempt in range(4)] == [0.5, 1.0, 2.0, 2.0]
