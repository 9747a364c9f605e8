"""After an outage the price is that of the newest trade, however that came; what cannot be is refused."""

from __future__ import annotations

import dataclasses

import pytest

from mdnb.config import DataManagerConfig
from mdnb.events.bus import EventBus
from mdnb.instruments import Instrument
from mdnb.rows import TradeRow
from mdnb.runtime.live.pipeline import Pipeline
from mdnb.runtime.live.symbol_state import SymbolState
from mdnb.runtime.past.missed_trades import load_trades, put_back, put_in_place
from mdnb.runtime.past.stretches import Patience
from mdnb.sessions import Sessions
from tests.runtime.past.outages import SECOND, START, Answer, Ids, Script, play
from tests.virtual_time import HandClock

CALM = Patience(dice=lambda: 1.0)
TRADES: tuple[TradeRow, ...] = tuple(
    (START + i * SECOND // 2, 100.0 + i % 7, 1.0 + i % 3, 1, 1, i) for i in range(40)
)


@pytest.mark.parametrize("ids", ["sequential", "unique", "none"])
@pytest.mark.parametrize("answers", [(), (Answer(0, "down"), Answer(80, "ok"))], ids=["well", "down"])
def test_the_price_is_that_of_the_newest_trade_that_the_history_gave(
    ids: Ids, answers: tuple[Answer, ...]
) -> None:
    # Nobody trades any more when the connection is back.
    outcome = play(Script(TRADES, downs=((9.75, 25.0),), ids=ids, answers=answers, patience=CALM))
    last = outcome.pipeline.engine.last_trade
    assert last is not None
    assert last[:2] == TRADES[-1][:2]
    assert outcome.bars("1min")[-1][4] == last[1]


@pytest.mark.parametrize("ids", ["sequential", "unique"])
def test_it_is_so_where_some_trades_have_no_id(ids: Ids) -> None:
    script = Script(TRADES, downs=((9.75, 25.0),), ids=ids, nameless=frozenset((0, 25, 39)), patience=CALM)
    last = play(script).pipeline.engine.last_trade
    assert last is not None
    assert last[:2] == TRADES[-1][:2]


def test_of_one_instant_the_price_is_that_of_the_trade_after_all_others() -> None:
    # The connection is lost amid an instant; the history has the rest of it.
    trades = tuple((START + at // 2 * SECOND, *row[1:]) for at, row in enumerate(TRADES))
    for ids in ("unique", "none"):
        cut = dataclasses.replace(
            Script(trades[:20], lost=frozenset([19]), ids="unique", patience=CALM),
            downs=((9.5, 12.0),),
            ids=ids,
        )
        outcome = play(cut)
        last = outcome.pipeline.engine.last_trade
        assert last is not None
        assert last[:2] == trades[19][:2] == (START + 9 * SECOND, outcome.bars("1min")[-1][4])


def _after_an_outage() -> Pipeline:
    """Return a market with an outage after which trade 10 came first; trades 4 to 9 are left out."""
    engine = SymbolState(Instrument("X", 0.25), Sessions.always(), ("5sec",), DataManagerConfig())
    pipeline = Pipeline(engine, EventBus(), HandClock(START + 30 * SECOND), "sequential")
    pipeline.put_in_place = put_in_place
    pipeline.take(TRADES[:4])
    pipeline.take([TRADES[10]])
    pipeline.outage_ids.add(3, 10)
    return pipeline


@pytest.mark.parametrize("asked", [False, True], ids=["it came by itself", "the history has it"])
def test_a_trade_of_an_outage_that_is_stamped_in_the_future_is_refused(asked: bool) -> None:
    pipeline = _after_an_outage()
    odd = (START + 1_000_000 * SECOND, 101.0, 1.0, 1, 1, 9)
    if asked:
        assert put_back(pipeline, [odd]) == 0
    else:
        pipeline.take([odd])
    pipeline.take([TRADES[11]])
    taken = pipeline.accounting(0, 0, 0)
    assert taken.rejected == {"time_in_future": 1}
    assert (taken.received, taken.in_bars, taken.backfilled, taken.balanced) == (7, 6, 0, True)
    assert pipeline.engine.last_trade == TRADES[11]
    assert pipeline.engine.cascade.newest_ns == TRADES[11][0]
    assert pipeline.refusals.refused == (0 if asked else 1)


def test_a_trade_of_an_outage_that_was_made_after_the_one_told_first_is_the_price() -> None:
    pipeline = _after_an_outage()
    alert = pipeline.engine.alerts.add(above=110.0)
    newer = (TRADES[10][0] + SECOND // 10, 111.0, 1.0, 1, 1, 9)
    pipeline.take([newer, TRADES[8]])
    assert pipeline.engine.last_trade == newer
    assert not alert.active
    older = pipeline.engine.alerts.add(below=90.0)
    pipeline.take([(TRADES[10][0], 80.0, 1.0, 1, 1, 7)])
    assert pipeline.engine.last_trade == newer
    assert older.active


@pytest.mark.parametrize("ids", ["sequential", "none"])
def test_what_the_history_at_the_start_cannot_have_is_refused(ids: Ids) -> None:
    engine = SymbolState(Instrument("X", 0.25), Sessions.always(), ("5sec", "2tick"), DataManagerConfig())
    pipeline = Pipeline(engine, EventBus(), HandClock(START + 30 * SECOND), ids)
    odd = [
        (START + 1_000_000 * SECOND, 101.0, 1.0, 1, 1, 4),
        (TRADES[5][0], -1.0, 1.0, 1, 1, 5),
        (TRADES[6][0], float("nan"), 1.0, 1, 1, 6),
    ]
    rows = [*TRADES[:4], *odd, TRADES[8], TRADES[7]]
    load_trades(pipeline, rows if ids == "sequential" else [(*row[:5], -1) for row in rows], 0)
    pipeline.take(TRADES[9:12] if ids == "sequential" else [(*row[:5], -1) for row in TRADES[9:12]])
    taken = pipeline.accounting(0, 0, 0)
    assert taken.rejected == {"time_in_future": 1, "price_not_positive": 1, "not_finite": 1}
    assert (taken.received, taken.in_bars, taken.balanced) == (6, 3, True)
    assert engine.cascade.newest_ns == TRADES[11][0]
    assert len(engine.ticks) == 9
    first = engine.frame("5sec").iloc[0]
    assert (first["volume"], first["low"]) == (sum(row[2] for row in (*TRADES[:4], *TRADES[7:10])), 100.0)


def test_the_price_of_a_history_that_is_not_in_order_is_that_of_its_newest_trade() -> None:
    engine = SymbolState(Instrument("X", 0.25), Sessions.always(), ("5sec",), DataManagerConfig())
    pipeline = Pipeline(engine, EventBus(), HandClock(START + 30 * SECOND), "unique")
    load_trades(pipeline, [TRADES[0], TRADES[2], TRADES[1]], 0)
    assert engine.last_trade == TRADES[2]
