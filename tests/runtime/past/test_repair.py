"""When the history is asked for what was missed, how often, and what becomes of it; in virtual time."""

from __future__ import annotations

import itertools
import logging
from typing import Any

import pytest

from mdnb.feeds.timeouts import Backoff
from mdnb.rows import TradeRow
from mdnb.runtime.past.stretches import Patience
from tests.runtime.past.outages import ODD, SECOND, START, Answer, Ids, Kind, Outcome, Script, bars_of, play

# One trade a second.
TRADES: tuple[TradeRow, ...] = tuple(
    (START + i * SECOND, 100.0 + i % 7, 1.0 + i % 3, 1, 1, i) for i in range(60)
)
CALM = Patience(dice=lambda: 1.0)


def states(outcome: Outcome) -> list[tuple[str, str]]:
    return [(event.gap_id, event.state) for _, event in outcome.events]


def made_earlier(number: int, seconds: float) -> dict[str, Any]:
    """Return trades of which one comes when it would, made so much earlier."""
    ts_ns = TRADES[number][0] - round(seconds * SECOND)
    trades = (*TRADES[:number], (ts_ns, *TRADES[number][1:]), *TRADES[number + 1 :])
    return {"trades": trades, "late": ((number, seconds),)}


def whole(outcome: Outcome) -> bool:
    """Compare all but open and close: in what order a late trade comes is another question."""
    pairs = zip(outcome.script.timeframes, (5, 15, 60), strict=True)
    return all(
        [(bar[0], *bar[2:4], *bar[5:]) for bar in outcome.bars(name)]
        == [(bar[0], *bar[2:4], *bar[5:]) for bar in bars_of(outcome.script.trades, seconds)]
        for name, seconds in pairs
    )


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
@pytest.mark.parametrize("answers", [(), (Answer(0, "down"), Answer(50, "ok")), (Answer(0, "lag", 2.0),)])
def test_without_numbers_an_outage_alone_tells_that_trades_were_missed(
    ids: Ids, answers: tuple[Answer, ...]
) -> None:
    outcome = play(Script(TRADES, downs=((9.5, 19.5), (34.5, 35.5)), answers=answers, ids=ids, patience=CALM))
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


@pytest.mark.parametrize("ids", ["sequential", "unique", "none"])
@pytest.mark.parametrize("seconds", [3.5, 11.5])
def test_a_first_trade_that_is_late_does_not_end_the_outage(ids: Ids, seconds: float) -> None:
    outcome = play(Script(**made_earlier(20, seconds), downs=((9.5, 19.5),), ids=ids, patience=CALM))
    assert states(outcome) == [("X-1", "repairing"), ("X-1", "repaired")]
    assert not outcome.wrong
    (gap,) = outcome.pipeline.gaps
    assert gap.start_ns <= TRADES[9][0]
    assert gap.end_ns >= TRADES[19][0]
    assert whole(outcome)
    assert outcome.pipeline.accounting(0, 0, 0).balanced


@pytest.mark.parametrize("ids", ["sequential", "unique"])
def test_a_late_trade_that_never_came_is_missed_too(ids: Ids) -> None:
    # Made before the last one that came, and due in the outage.
    outcome = play(Script(**made_earlier(10, 1.1), downs=((9.5, 19.5),), ids=ids, patience=CALM))
    assert states(outcome) == [("X-1", "repairing"), ("X-1", "repaired")]
    assert whole(outcome)


@pytest.mark.parametrize("ids", ["sequential", "unique", "none"])
def test_whatever_a_history_raises_it_is_asked_again(ids: Ids, caplog: pytest.LogCaptureFixture) -> None:
    answers = (Answer(0, "odd"), Answer(60, "ok"))
    with caplog.at_level(logging.INFO, logger="mdnb"):
        outcome = play(Script(TRADES, downs=((9.5, 19.5),), answers=answers, ids=ids, patience=CALM))
    assert states(outcome) == [("X-1", "repairing"), ("X-1", "repaired")]
    assert right(outcome)
    said = [record.getMessage() for record in caplog.records if "could not be fetched" in record.getMessage()]
    assert len(said) == len(ODD)


@pytest.mark.parametrize("ids", ["sequential", "unique", "none"])
@pytest.mark.parametrize(("until", "end"), [(60, "repaired"), (1e6, "lost")])
def test_a_history_whose_answers_are_no_trades_is_asked_again(
    ids: Ids, until: float, end: str, caplog: pytest.LogCaptureFixture
) -> None:
    answers = (Answer(0, "junk"), Answer(until, "ok"))
    with caplog.at_level(logging.CRITICAL, logger="mdnb"):
        outcome = play(Script(TRADES, downs=((9.5, 19.5),), answers=answers, ids=ids, patience=CALM))
    assert states(outcome) == [("X-1", "repairing"), ("X-1", end)]
    assert right(outcome, () if end == "repaired" else tuple(range(10, 20)))


QUIET = (*TRADES[:20], (START + 600 * SECOND, *TRADES[20][1:]))


@pytest.mark.parametrize("ids", ["sequential", "unique", "none"])
@pytest.mark.parametrize("kind", ["ok", "down"])
def test_the_history_is_asked_although_nobody_trades(ids: Ids, kind: Kind) -> None:
    outcome = play(Script(QUIET, downs=((9.5, 19.5),), ids=ids, answers=(Answer(0, kind),), patience=CALM))
    first = [(event.gap_id, event.state, at) for at, event in outcome.events if at < 600]
    assert [one[:2] for one in first] == [
        ("X-1", "repairing"),
        ("X-1", "repaired" if kind == "ok" else "lost"),
    ]
    assert first[0][2] <= 25
    assert first[1][2] <= 19.5 + (40 if kind == "ok" else 320)
    gap = next(iter(outcome.pipeline.gaps))
    assert gap.start_ns == QUIET[9][0]
    assert QUIET[19][0] <= gap.end_ns <= START + round(19.5 * SECOND)
    if kind == "ok":
        assert gap.trades == 10
        assert right(outcome)
        closed = [at for at, event in outcome.closed if event.timeframe == "15sec"]
        assert closed[0] <= 30


@pytest.mark.parametrize("ids", ["sequential", "unique", "none"])
def test_a_quiet_outage_that_cost_nothing_is_not_told(ids: Ids) -> None:
    outcome = play(Script(QUIET, downs=((29.5, 39.5),), ids=ids, patience=CALM))
    assert not outcome.events
    assert right(outcome)
    assert outcome.pipeline.outage_ns is None


@pytest.mark.parametrize("ids", ["unique", "none"])
def test_without_a_history_each_outage_is_told(ids: Ids) -> None:
    answers = (Answer(0, "none"),)
    outcome = play(Script(TRADES, downs=((9.5, 19.5), (29.5, 39.5)), answers=answers, ids=ids, patience=CALM))
    assert states(outcome) == [(f"X-{at}", state) for at in (1, 2) for state in ("repairing", "lost")]


@pytest.mark.parametrize("ids", ["sequential", "unique", "none"])
def test_a_history_that_knows_all_only_after_some_seconds_is_asked_until_then(ids: Ids) -> None:
    answers = (Answer(0, "part", 4.0),)
    # The first trade after it is known at once, those before it are not.
    outcome = play(Script(TRADES, downs=((9.5, 20.5),), answers=answers, ids=ids, patience=CALM))
    assert states(outcome) == [("X-1", "repairing"), ("X-1", "repaired")]
    assert not outcome.wrong
    assert right(outcome)


@pytest.mark.parametrize("seconds", [0.0, 2.0, 9.0])
@pytest.mark.parametrize("ticks", [200_000, 0])
def test_an_outage_before_the_first_trade_is_repaired_too(seconds: float, ticks: int) -> None:
    outcome = play(
        Script(
            TRADES[1:],
            downs=((0.1, 19.5),),
            answers=(Answer(0, "slow", seconds),),
            ticks=ticks,
            patience=CALM,
        )
    )
    assert states(outcome) == [("X-1", "repairing"), ("X-1", "repaired")]
    assert right(outcome, (0,))


def test_an_outage_before_the_first_trade_without_a_history_is_lost() -> None:
    outcome = play(Script(TRADES[1:], downs=((0.1, 19.5),), answers=(Answer(0, "down"),), patience=CALM))
    assert states(outcome) == [("X-1", "repairing"), ("X-1", "lost")]
    (gap,) = outcome.pipeline.gaps
    assert (gap.start_ns, gap.end_ns) == (START + SECOND // 10, TRADES[20][0])


@pytest.mark.parametrize("ids", ["sequential", "unique"])
def test_a_venue_that_names_many_seconds_is_asked_once_after_them(ids: Ids) -> None:
    for answers, end in (
        ((Answer(0, "busy", 300.0), Answer(100, "ok")), "repaired"),
        ((Answer(0, "busy", 3600.0), Answer(100, "ok")), "repaired"),
        ((Answer(0, "busy", 300.0),), "lost"),
    ):
        outcome = play(Script(TRADES, downs=((9.5, 19.5),), answers=answers, ids=ids, patience=CALM))
        assert states(outcome) == [("X-1", "repairing"), ("X-1", end)]
        assert outcome.asked[1] - outcome.asked[0] == pytest.approx(300.0)
        assert len(outcome.asked) <= 3
        assert right(outcome, () if end == "repaired" else tuple(range(10, 20)))


@pytest.mark.parametrize("ids", ["sequential", "unique"])
def test_bars_wait_five_seconds_in_all(ids: Ids) -> None:
    answers = (Answer(0, "down"), Answer(100, "ok"))
    outcome = play(Script(TRADES, downs=((9.5, 13.95),), answers=answers, ids=ids, patience=CALM))
    closed = {
        (event.time_ns - START) // SECOND: at for at, event in outcome.closed if event.timeframe == "5sec"
    }
    # Lost at 9.5, and the first trade after it comes at 14.
    assert closed[5] == pytest.approx(14.5, abs=0.7)
    assert right(outcome)


@pytest.mark.parametrize("kind", ["down", "refused", "none"])
def test_a_gap_never_ends_before_it_begins(kind: Kind) -> None:
    answers = (Answer(0, kind),)
    outcome = play(Script(**made_earlier(20, 11.5), downs=((9.5, 19.5),), answers=answers, patience=CALM))
    assert states(outcome) == [("X-1", "repairing"), ("X-1", "lost")]
    for _, event in outcome.events:
        assert event.data["gap_duration"] >= 10.0
    edges = [edge for span in outcome.pipeline.live_spans(TRADES[-1][0]) for edge in span]
    assert edges == sorted(edges)


def test_what_comes_by_itself_is_not_taken_from_a_history_that_lacks_the_trade_before_it() -> None:
    times = (0.2, 0.3, 0.8, 1.0, 1.2, 2.1, 2.1, 3.0, 3.1, 3.1)
    trades = tuple(
        (START + round(at * 10) * SECOND // 10, 100.0 + i % 4, 1.0, 1, 1, i) for i, at in enumerate(times)
    )
    outcome = play(
        Script(
            trades,
            downs=((0.05, 1.25),),
            never=frozenset((4, 8)),
            answers=(Answer(5.1, "ok"),),
            patience=CALM,
        )
    )
    held = [row for row in trades if row[5] != 4]
    assert outcome.bars("5sec") == bars_of(held, 5)
