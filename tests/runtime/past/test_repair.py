"""When the history is asked for what was missed, how often, and what becomes of it; in virtual time."""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
import logging
from typing import Any

import pytest

from mdnb.feeds.timeouts import Backoff
from mdnb.rows import TradeRow
from mdnb.runtime.live.pipeline import Pipeline
from mdnb.runtime.past import missed_trades
from mdnb.runtime.past.repair import SymbolRepair
from mdnb.runtime.past.stretches import Patience
from mdnb.stores.columns import PARTIAL
from mdnb.stores.ticks import OUTLIER
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


def test_what_numbers_show_to_be_missing_is_told_before_a_slow_history_answers() -> None:
    # The trade at 20 shows it; another one is jumped over at 23, and could come late for a second.
    answers = (Answer(0, "slow", 12.0),)
    script = Script(TRADES, downs=((9.5, 19.5),), lost=frozenset((23,)), answers=answers, patience=CALM)
    outcome = play(script)
    times = [(event.gap_id, event.state, round(at, 3)) for at, event in outcome.events]
    assert times[:2] == [("X-1", "repairing", 20.0), ("X-2", "repairing", 25.0)]
    assert min(times[2:]) == ("X-1", "repaired", 31.5)
    assert right(outcome)


@pytest.mark.parametrize("ids", ["sequential", "unique", "none"])
@pytest.mark.parametrize(("kind", "questions"), [("down", 24), ("refused", 1), ("none", 1)])
def test_a_history_that_never_answers_is_given_up(ids: Ids, kind: str, questions: int) -> None:
    script = Script(TRADES, downs=((9.5, 19.5),), answers=(Answer(0, kind),), ids=ids, patience=CALM)  # type: ignore[arg-type]  # one of them
    outcome = play(script)
    assert states(outcome) == [("X-1", "repairing"), ("X-1", "lost")]
    (gap,) = outcome.pipeline.gaps
    assert (gap.start_ns, gap.end_ns, gap.repaired) == (TRADES[9][0], TRADES[20][0], False)
    assert {event.time_ns for _, event in outcome.events} == {gap.end_ns}
    assert right(outcome, tuple(range(10, 20)))
    # The bar in which it began lacks what came after; the next one begins with a trade of an instant in which
    # others may have been lost.
    log = outcome.pipeline.engine.log("5sec")
    assert [(log.row(at)[0][0] - START) // SECOND for at in log.partial(0, len(log))] == [5, 20]
    told = [event.bar for _, event in outcome.closed if event.bar.timeframe == "5sec" and event.bar.partial]
    assert [(bar.time_ns - START) // SECOND for bar in told] == [5, 20]
    assert not [event for event in outcome.amended if event.bar.timeframe == "5sec"]
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


@pytest.mark.parametrize("ids", ["sequential", "unique", "none"])
def test_a_history_that_never_has_a_trade_puts_nothing_back(ids: Ids) -> None:
    never = frozenset(range(len(TRADES)))
    outcome = play(Script(TRADES, downs=((9.5, 19.5),), never=never, ids=ids, patience=CALM))
    assert outcome.pipeline.accounting(0, 0, 0).backfilled == 0
    assert right(outcome, tuple(range(10, 20)))
    told = [("X-1", "repairing"), ("X-1", "lost")]
    assert states(outcome) == told or ids != "sequential", (
        "without numbers nothing tells that some are lacking"
    )


@pytest.mark.parametrize("lost", [(24,), (24, 25), (22, 24, 27)])
def test_what_is_missed_just_after_an_outage_is_told_although_the_next_answer_has_it(
    lost: tuple[int, ...],
) -> None:
    # Ten a second: the answer that has the outage's trades comes before an id that was jumped over counts as
    # missing.
    trades = tuple((START + i * SECOND // 10, *row[1:5], i) for i, row in enumerate(TRADES))
    answers = Answer(0, "down"), Answer(2.3, "ok")
    script = Script(trades, downs=((0.95, 1.95),), lost=frozenset(lost), answers=answers, patience=CALM)
    outcome = play(script)
    assert right(outcome)
    spans = [(gap.start_ns, gap.end_ns, gap.trades) for gap in outcome.pipeline.gaps]
    missed = [row for row in trades if not script.comes_live(row)]
    for row in missed:
        assert sum(start < row[0] < end for start, end, _ in spans) == 1, row
    assert sum(put for _, _, put in spans) == outcome.pipeline.accounting(0, 0, 0).backfilled == len(missed)


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


@pytest.mark.parametrize("ids", ["sequential", "unique", "none"])
@pytest.mark.parametrize("price", [-5.0, float("nan"), float("inf")])
def test_what_was_refused_of_the_history_is_said_with_the_gap(ids: Ids, price: float) -> None:
    wrong = tuple((row[0], price, *row[2:]) if row[5] in (12, 14) else row for row in TRADES)
    outcome = play(Script(wrong, downs=((9.5, 19.5), (30.5, 35.5)), ids=ids, patience=CALM))
    assert right(outcome, (12, 14))
    first, second = outcome.pipeline.gaps
    assert (first.repaired, first.refused, first.trades) == (True, 2, 8)
    assert (second.repaired, second.refused, second.trades) == (True, 0, 5)
    told = {event.gap_id: event.data["refused"] for _, event in outcome.events}
    assert told == {first.gap_id: 2, second.gap_id: 0}


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
    said = [record for record in caplog.records if "could not be fetched" in record.getMessage()]
    assert sorted(record.getMessage() for record in said) == sorted(
        f"what X missed could not be fetched yet: {error!r}" for error in ODD
    )
    assert {record.levelname for record in said} == {"WARNING"}
    kept = [one.description for one in outcome.pipeline.quality.errors if one.type == "history_failed"]
    assert sorted(kept) == sorted(
        f"what was missed could not be fetched yet: {type(error).__name__}: {error}".removesuffix(": ")
        for error in ODD
    )


@pytest.mark.parametrize(
    ("kind", "level", "said"),
    [
        ("down", "INFO", "what X missed could not be fetched yet: FeedError('the history is down')"),
        ("refused", "WARNING", "the history of X is refused: not for you"),
    ],
)
def test_a_failure_of_the_history_is_logged_once_until_it_answers(
    kind: Kind, level: str, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    answers = (Answer(0, kind), Answer(60, "ok"))
    with caplog.at_level(logging.INFO, logger="mdnb"):
        outcome = play(Script(TRADES, downs=((9.5, 19.5),), answers=answers, patience=CALM))
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [(level, said)]
    (kept,) = outcome.pipeline.quality.errors
    assert (kept.type, kept.count) == ("history_failed", 1)
    assert kept.description.endswith({"down": "the history is down", "refused": "not for you"}[kind])


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


@pytest.mark.parametrize("ids", ["sequential", "unique", "none"])
def test_a_history_whose_answers_are_no_trades_is_told_once(
    ids: Ids, caplog: pytest.LogCaptureFixture
) -> None:
    answers = (Answer(0, "junk"), Answer(60, "ok"))
    with caplog.at_level(logging.INFO, logger="mdnb"):
        outcome = play(Script(TRADES, downs=((9.5, 19.5),), answers=answers, ids=ids, patience=CALM))
    assert len(outcome.asked) > 4
    (said,) = caplog.records
    assert "history_trades() gave" in said.getMessage()
    (kept,) = outcome.pipeline.quality.errors
    assert (kept.type, kept.count) == ("history_failed", 1)


def test_an_answer_that_breaks_the_repair_is_told_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    does = SymbolRepair._put_by_id

    def fails(*given: Any) -> None:
        if asyncio.get_running_loop().time() < 60:
            raise RuntimeError("it cannot be used")
        does(*given)

    monkeypatch.setattr(SymbolRepair, "_put_by_id", fails)
    with caplog.at_level(logging.CRITICAL, logger="mdnb"):
        outcome = play(Script(TRADES, downs=((9.5, 19.5),), patience=CALM))
    assert len(outcome.asked) > 4
    (kept,) = outcome.pipeline.quality.errors
    assert (kept.type, kept.count) == ("history_failed", 1)
    assert states(outcome) == [("X-1", "repairing"), ("X-1", "repaired")]
    assert right(outcome)


@pytest.mark.parametrize("ids", ["sequential", "unique"])
def test_an_answer_that_has_each_trade_twice_is_put_back_once(ids: Ids) -> None:
    outcome = play(
        Script(TRADES, downs=((9.5, 19.5),), answers=(Answer(0, "twice"),), ids=ids, patience=CALM)
    )
    assert states(outcome) == [("X-1", "repairing"), ("X-1", "repaired")]
    assert right(outcome)


@pytest.mark.parametrize("ids", ["sequential", "unique"])
@pytest.mark.parametrize("higher", [-3, 1, 2, 4, 200, 100_000, 10**12])
@pytest.mark.parametrize("until", [40, 10**6])
@pytest.mark.parametrize("stop", [19.5, 700.0], ids=["trades since", "none since"])
def test_a_history_that_numbers_trades_otherwise_doubles_none(
    ids: Ids, higher: int, until: int, stop: float
) -> None:
    answers = (Answer(0, "anew", higher), Answer(until, "ok"))
    outcome = play(Script(TRADES, downs=((9.5, stop),), answers=answers, ids=ids, patience=CALM))
    is_told = until > 100 or stop < 100
    if until > 100:
        # Of one that has no end the next trade's id would tell, where ids rise by one.
        assert (
            states(outcome)
            == [("X-1", "repairing"), ("X-1", "lost")][: 2 if stop < 100 or ids == "unique" else 1]
        )
        assert right(outcome, tuple(row[5] for row in TRADES if not outcome.script.comes_live(row)))
    else:
        assert states(outcome) == [("X-1", "repairing"), ("X-1", "repaired")]
        assert right(outcome)
    said = [one for one in outcome.pipeline.quality.errors if one.type == "odd_history_ids"]
    assert [one.count for one in said] == [1] * is_told


@pytest.mark.parametrize("ids", ["sequential", "unique", "none"])
@pytest.mark.parametrize("name", ["settle_bars", "release", "mark_unsettled", "lose"])
@pytest.mark.parametrize("kind", ["ok", "down"])
def test_whatever_fails_amid_a_settlement_it_is_told(
    ids: Ids, name: str, kind: Kind, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    does, fails = getattr(Pipeline, name), itertools.count()

    def sometimes(pipeline: Pipeline, *given: object) -> object:
        if next(fails) < 2:
            raise RuntimeError(f"{name} fails")
        return does(pipeline, *given)

    monkeypatch.setattr(Pipeline, name, sometimes)
    with caplog.at_level(logging.CRITICAL, logger="mdnb"):
        outcome = play(
            Script(TRADES, downs=((9.5, 19.5),), answers=(Answer(0, kind),), ids=ids, patience=CALM)
        )
    end = "repaired" if kind == "ok" else "lost"
    assert states(outcome) == [("X-1", "repairing"), ("X-1", end)]
    assert [gap.state for gap in outcome.pipeline.gaps] == [end]
    assert not outcome.pipeline.engine.has_repairing
    assert right(outcome, () if kind == "ok" else tuple(range(10, 20)))


@pytest.mark.parametrize("ids", ["sequential", "unique", "none"])
@pytest.mark.parametrize("name", ["_put_now", "put_between"])
def test_what_could_not_be_put_back_is_lost_and_not_called_repaired(
    ids: Ids, name: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    does, calls = getattr(missed_trades, name), itertools.count()

    def fails_once(*given: Any, **options: Any) -> Any:
        if not next(calls):
            raise RuntimeError(f"{name} fails")
        return does(*given, **options)

    monkeypatch.setattr(missed_trades, name, fails_once)
    # It answers when the bars go on already.
    answers = (Answer(0, "down"), Answer(40, "ok"))
    with caplog.at_level(logging.CRITICAL, logger="mdnb"):
        outcome = play(Script(TRADES, downs=((11.5, 17.5),), answers=answers, ids=ids, patience=CALM))
    assert next(calls) > 0
    assert states(outcome) == [("X-1", "repairing"), ("X-1", "lost")]
    flags = outcome.pipeline.engine.reader.everything("5sec").flags & PARTIAL
    assert [5 * at for at in flags.nonzero()[0]] == [10, 15]
    assert outcome.pipeline.accounting(0, 0, 0).balanced


QUIET = (*TRADES[:20], (START + 600 * SECOND, *TRADES[20][1:]))


@pytest.mark.parametrize("ids", ["sequential", "unique", "none"])
@pytest.mark.parametrize("kind", ["ok", "down"])
def test_the_history_is_asked_although_nobody_trades(ids: Ids, kind: Kind) -> None:
    outcome = play(Script(QUIET, downs=((9.5, 19.5),), ids=ids, answers=(Answer(0, kind),), patience=CALM))
    assert states(outcome) == [("X-1", "repairing"), ("X-1", "repaired" if kind == "ok" else "lost")]
    (told, opened), (settled, _) = outcome.events
    assert told <= 25
    # Until the next trade, whose id tells what was missed, nobody knows that anything is lost.
    tells = kind == "down" and ids == "sequential"
    assert 600 <= settled <= 920 if tells else settled <= 19.5 + 320
    gap = next(iter(outcome.pipeline.gaps))
    assert gap.start_ns == QUIET[9][0] == opened.data["gap_start"].value
    ends = opened.data["gap_end"].value if tells else gap.end_ns
    assert QUIET[19][0] <= ends <= START + round(19.5 * SECOND)
    assert not tells or gap.end_ns == QUIET[20][0]
    if kind == "ok":
        assert gap.trades == 10
        assert right(outcome)
        closed = [at for at, event in outcome.closed if event.timeframe == "15sec"]
        assert closed[0] <= 30


def test_bars_of_trades_that_lack_some_are_as_they_were_as_of_a_time_before() -> None:
    # Two bars of two trades begin in the third second; two more trades of it never come.
    prices = (100.0, 101.0, 102.0, 103.0, 204.0, 205.0, 106.0, 107.0, 108.0, 109.0)
    seconds = (1, 1, 3, 3, 3, 3, 3, 3, 6, 7)
    trades = tuple(
        (START + at * SECOND, price, 1.0, 1, 1, i)
        for i, (at, price) in enumerate(zip(seconds, prices, strict=True))
    )
    script = Script(trades, lost=frozenset((6, 7)), never=frozenset((6, 7)), timeframes=("1sec", "2tick"))
    outcome = play(script)
    assert states(outcome)[-1] == ("X-1", "lost")
    engine = outcome.pipeline.engine
    made = [(100.0, 101.0), (102.0, 103.0), (204.0, 205.0), (108.0, 109.0)]
    for seconds_later, known in ((4, 3), (900, 4)):
        columns = engine.reader.known("2tick", START + seconds_later * SECOND)
        assert list(zip(columns.open.tolist(), columns.close.tolist(), strict=True)) == made[:known]
    second = engine.log("1sec")
    marked = [(second.row(at)[0][0] - START) // SECOND for at in second.partial(0, len(second))]
    assert marked == [3, 6]


@pytest.mark.parametrize(("ticks", "not_rebuilt"), [(200_000, ()), (7, ("5tick",)), (0, ("5tick",))])
def test_a_gap_is_not_repaired_where_bars_of_trades_could_not_be_made_anew(
    ticks: int, not_rebuilt: tuple[str, ...]
) -> None:
    script = Script(
        TRADES, ((9.5, 19.5),), answers=(Answer(0, "down"), Answer(40, "ok")), ticks=ticks, patience=CALM
    )
    outcome = play(dataclasses.replace(script, timeframes=(*script.timeframes, "5tick")))
    settled = outcome.events[-1][1]
    assert (settled.state, settled.repaired, settled.data["not_rebuilt"]) == (
        "repaired",
        not not_rebuilt,
        not_rebuilt,
    )
    assert settled.trades == 10
    log = outcome.pipeline.engine.log("5tick")
    bars = [log.row(at) for at in range(len(log))]
    offline = [TRADES[at : at + 5] for at in range(0, 60, 5)]
    for (row, flags), trades in zip(bars, offline, strict=True):
        is_same = row[0] == trades[0][0] and row[1] == trades[0][1] and row[4] == trades[-1][1]
        assert is_same or (not_rebuilt and flags & PARTIAL)
    # The bars on the clock are whole, and what is lacking of the market's time is nothing.
    assert outcome.pipeline.live_spans(TRADES[-1][0]) == [(outcome.pipeline.live_since_ns, TRADES[-1][0])]


def test_bars_next_to_late_trades_are_not_called_repaired_where_no_ticks_tell_what_came_first() -> None:
    # The trade after the missing one was made seven seconds earlier, in another bar.
    script = Script(**made_earlier(9, 7.0), lost=frozenset((8,)))
    held, not_held = play(script), play(dataclasses.replace(script, ticks=0))
    assert [event.repaired for _, event in held.events] == [False, True]
    assert [(event.state, event.repaired) for _, event in not_held.events] == [
        ("repairing", False),
        ("repaired", False),
    ]
    assert set(not_held.events[-1][1].data["not_rebuilt"]) == set(script.timeframes)


@pytest.mark.parametrize("closed", [False, True])
def test_flat_bars_are_put_between_the_trades_missed_before_the_first_one(closed: bool) -> None:
    trades = tuple(
        (START + at * SECOND, 100.0 + at, 1.0, 1, 1, i) for i, at in enumerate((1, 11, 31, 42, 43))
    )
    # Those at 1 and 11 are missed; they are put back before or after the first bar has closed.
    answers = (Answer(0, "down"), Answer(50 if closed else 32, "ok"))
    outcome = play(Script(trades, downs=((0.5, 30.5),), answers=answers, fill=True, patience=CALM))
    bars = [((bar[0] - START) // SECOND, bar[4], bar[6]) for bar in outcome.bars("5sec")]
    closes = {0: 101.0, 10: 111.0, 30: 131.0, 40: 143.0}
    wanted, close = [], 0.0
    for start in range(0, 50, 5):
        close = closes.get(start, close)
        wanted.append((start, close, {0: 1, 10: 1, 30: 1, 40: 2}.get(start, 0)))
    assert bars[:10] == wanted


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


@pytest.mark.parametrize("ids", ["unique", "sequential"])
@pytest.mark.parametrize("nameless", [frozenset(range(0, 60, 5)), frozenset(range(60))], ids=["some", "all"])
@pytest.mark.parametrize("ticks", [200_000, 0])
@pytest.mark.parametrize("answers", [(), (Answer(0, "down"), Answer(50, "ok"))], ids=["well", "down"])
def test_trades_without_an_id_in_a_feed_that_has_ids_are_put_back_once(
    ids: Ids, nameless: frozenset[int], ticks: int, answers: tuple[Answer, ...]
) -> None:
    outcome = play(
        Script(
            TRADES,
            downs=((9.5, 19.5), (34.5, 35.5)),
            answers=answers,
            ids=ids,
            nameless=nameless,
            ticks=ticks,
            patience=CALM,
        )
    )
    assert right(outcome)
    assert {gap.state for gap in outcome.pipeline.gaps} == {"repaired"}
    assert outcome.pipeline.accounting(0, 0, 0).balanced


def test_an_outage_that_cost_only_trades_without_an_id_is_repaired_too() -> None:
    outcome = play(
        Script(
            TRADES,
            downs=((9.5, 12.5),),
            ids="sequential",
            nameless=frozenset((3, 10, 11, 12)),
            patience=CALM,
        )
    )
    assert states(outcome) == [("X-1", "repairing"), ("X-1", "repaired")]
    assert right(outcome)


def test_ids_around_an_outage_are_known_however_many_came_since() -> None:
    outcome = play(
        Script(
            TRADES,
            downs=((19.5, 24.5),),
            answers=(Answer(0, "down"), Answer(55, "ok")),
            ids="unique",
            window=20,
            ticks=0,
            patience=CALM,
        )
    )
    assert states(outcome) == [("X-1", "repairing"), ("X-1", "repaired")]
    assert [gap.trades for gap in outcome.pipeline.gaps] == [5]
    assert right(outcome)


@pytest.mark.parametrize(("since", "state", "put"), [(19, "repaired", 5), (20, "lost", 5), (22, "lost", 3)])
def test_a_history_of_the_newest_trades_alone_repairs_what_joins_on_to_the_trade_before(
    since: int, state: str, put: int
) -> None:
    # Of one that begins right after it nobody can tell what came between.
    outcome = play(Script(TRADES, downs=((19.5, 24.5),), never=frozenset(range(since)), ids="unique"))
    assert [(gap.state, gap.trades) for gap in outcome.pipeline.gaps] == [(state, put)]
    kept = [row for row in TRADES if row[5] not in range(20, since)]
    assert [row[5:7] for row in outcome.bars("1min")] == [row[5:7] for row in bars_of(kept, 60)]


@pytest.mark.parametrize("ticks", [200_000, 0])
def test_what_nobody_remembers_is_not_put_back_twice_and_told(ticks: int) -> None:
    # Twenty trades of one instant came before the outage: of them three are remembered, unless ticks are.
    trades = (*((TRADES[9][0], *row[1:]) for row in TRADES[:20]), *TRADES[20:])
    outcome = play(
        Script(
            trades,
            downs=((19.5, 24.5),),
            answers=(Answer(0, "down"), Answer(50, "ok")),
            ids="unique",
            window=3,
            ticks=ticks,
            patience=CALM,
        )
    )
    assert [row[5:7] for row in outcome.bars("1min")] == [row[5:7] for row in bars_of(trades, 60)]
    found = outcome.pipeline.quality.detected["missed_trades_undecided"]
    assert (next(iter(outcome.pipeline.gaps)).state, found) == (("repaired", 0) if ticks else ("lost", 1))
    told = [
        one.description for one in outcome.pipeline.quality.errors if one.type == "missed_trades_undecided"
    ]
    assert told == found * [
        "trades of the history may have come or not: what came then is not remembered any more"
    ]


def market_at(levels: dict[int, float]) -> tuple[TradeRow, ...]:
    """Return two trades a second, off a level that holds from a trade on by less than a point."""
    level, rows = 100.0, []
    for i in range(200):
        level = levels.get(i, level)
        rows.append((START + i * SECOND // 2, level + i % 5 * 0.25, 1.0, 1, 1, i))
    return tuple(rows)


@pytest.mark.parametrize("ids", ["sequential", "unique", "none"])
@pytest.mark.parametrize("ticks", [200_000, 0])
@pytest.mark.parametrize("until", [60.75, 66.75], ids=["alone", "among others"])
@pytest.mark.parametrize("answers", [(), (Answer(0, "down"), Answer(80, "ok"))], ids=["well", "down"])
def test_an_outlier_that_was_missed_is_held_back_as_ever(
    ids: Ids, ticks: int, until: float, answers: tuple[Answer, ...]
) -> None:
    trades = market_at({121: 130.0, 122: 100.0})
    outcome = play(
        Script(
            trades,
            downs=((60.25, until),),
            answers=answers,
            ids=ids,
            ticks=ticks,
            outliers=True,
            patience=CALM,
        )
    )
    assert right(outcome, lacking=(121,))
    taken = outcome.pipeline.accounting(0, 0, 0)
    assert (taken.held_back, taken.balanced) == (1, True)
    if ticks:
        held = outcome.pipeline.engine.ticks.between(trades[110][0], trades[130][0])
        assert [flag == OUTLIER for flag in held["flag"]] == [i == 121 for i in range(110, 130)]


@pytest.mark.parametrize("ids", ["sequential", "unique", "none"])
@pytest.mark.parametrize("ticks", [200_000, 0])
@pytest.mark.parametrize("jump", [118, 122, 132])
@pytest.mark.parametrize("answers", [(), (Answer(0, "down"), Answer(80, "ok"))], ids=["well", "down"])
def test_a_jump_of_the_market_amid_an_outage_is_no_outlier(
    ids: Ids, ticks: int, jump: int, answers: tuple[Answer, ...]
) -> None:
    outcome = play(
        Script(
            market_at({jump: 130.0}),
            downs=((60.25, 66.75),),
            answers=answers,
            ids=ids,
            ticks=ticks,
            outliers=True,
            patience=CALM,
        )
    )
    assert right(outcome)
    assert outcome.pipeline.accounting(0, 0, 0).held_back == 0


def test_a_bar_that_missed_trades_begin_does_not_open_with_the_next_one() -> None:
    # The first trade after the outage is late; when the history answers, the bar of the one that was missed
    # before it is over, and a trade of that bar is still to come.
    made = ((1.0, 101.0), (20.8, 98.5), (19.75, 105.0), (24.3, 96.0))
    trades = tuple((START + round(at * SECOND), price, 1.0, 1, 1, i) for i, (at, price) in enumerate(made))
    script = Script(
        trades,
        downs=((1.25, 20.85), (21.35, 24.35)),
        late=((2, 1.55),),
        answers=(Answer(0, "down"), Answer(26.3, "ok")),
        patience=CALM,
    )
    outcome = play(script)
    assert outcome.bars("5sec")[-1] == bars_of(trades, 5)[-1]


@pytest.mark.parametrize("answer", ["ok", "slow", "none"])
@pytest.mark.parametrize("closing", [0, 1])
@pytest.mark.parametrize("together", [False, True])
def test_what_an_outage_left_out_belongs_where_its_id_says_when_it_comes_by_itself(
    answer: Kind, closing: int, together: bool
) -> None:
    # Just after the outage comes the newest trade, as some venues tell it at once, then those before it: some
    # are of its bar, which they begin, others of the bar before it.
    first = 22 - closing
    after = 0.0 if together else 0.01
    late = tuple((number, first - number + after * number) for number in range(18, first))
    script = Script(TRADES, downs=((9.5, first - 0.5),), late=late, patience=CALM, together=together)
    outcome = play(dataclasses.replace(script, answers=(Answer(0, answer, 3.0),)))
    lacking = tuple(range(10, 18)) if answer == "none" else ()
    assert right(outcome, lacking)
    assert not outcome.wrong
    assert states(outcome) == [("X-1", "repairing"), ("X-1", "lost" if lacking else "repaired")]
    accounting = outcome.pipeline.accounting(0, 0, 0)
    assert accounting.balanced
    assert accounting.backfilled == (0 if lacking else 8)


def test_an_outage_goes_on_when_the_one_before_it_is_repaired_meanwhile() -> None:
    # The answer comes at 22.5 s, in the second outage; after that a bar begins with trades told after a
    # newer one.
    script = Script(
        TRADES, downs=((9.5, 19.5), (22.1, 27.5)), answers=(Answer(0, "slow", 3.0),), patience=CALM
    )
    outcome = play(dataclasses.replace(script, late=((25, 3.0), (26, 2.0), (27, 1.0)), together=True))
    assert right(outcome)
    assert {event.state for _, event in outcome.events} == {"repairing", "repaired"}
    assert [gap.trades for gap in outcome.pipeline.gaps] == [10, 2]


@pytest.mark.parametrize("answer", ["ok", "slow", "down"])
def test_what_was_made_after_a_late_trade_is_missed_too_where_nobody_trades_again(answer: Kind) -> None:
    # Of the trades of the outage one comes late; it ends the outage, and those after it never come.
    answers = (Answer(0, answer, 3.0), Answer(40, "ok"))
    outcome = play(
        Script(TRADES[:20], downs=((9.5, 19.5),), late=((16, 3.7),), answers=answers, patience=CALM)
    )
    assert not outcome.wrong
    assert right(outcome)
    (gap,) = outcome.pipeline.gaps
    assert (gap.state, gap.trades, gap.end_ns) == ("repaired", 9, TRADES[19][0])
