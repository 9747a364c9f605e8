"""Of a changed trade that has left memory the history tells when it was made; else no bar is marked."""

from __future__ import annotations

import asyncio

from mdnb.config import DataManagerConfig
from mdnb.errors import FeedError
from mdnb.events.bus import EventBus
from mdnb.feeds.base import OnFrame, OnStatus
from mdnb.instruments import Instrument
from mdnb.rows import TradeChange, TradeRow
from mdnb.runtime.live.pipeline import Pipeline
from mdnb.runtime.live.symbol_state import SymbolState
from mdnb.runtime.live.trade_changes import take_changes, take_early_changes
from mdnb.runtime.past.bar_renewal import BarRenewal
from mdnb.sessions import Sessions
from tests.quiet_feed import QuietFeed
from tests.virtual_time import VirtualClock, run_virtually

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
START = 1_772_460_000 * SECOND
BUSTED: TradeRow = (START + SECOND, 500.0, 1.0, 1, 0, 1)


class History(QuietFeed):
    """Tells what was taken back, from some question on, and fails before."""

    changes_back = 900.0

    def __init__(self, rows: list[TradeRow], told: list[TradeChange], fails: int) -> None:
        super().__init__()
        self.rows, self.told, self.fails = rows, told, fails
        self.asked: list[tuple[int, int]] = []

    async def run(self, on_frame: OnFrame, on_status: OnStatus) -> None:
        """Deliver nothing."""

    async def history_changes(self, symbol: str, start_ns: int, end_ns: int) -> list[TradeChange]:
        """Return what lies in the stretch."""
        self.asked.append((start_ns, end_ns))
        if len(self.asked) <= self.fails:
            raise FeedError("not now")
        return [one for one in self.told if start_ns <= one.trade_ns < end_ns]

    async def history_trades(self, symbol: str, start_ns: int, end_ns: int) -> list[TradeRow]:
        """Return what is left."""
        return [row for row in self.rows if start_ns <= row[0] < end_ns]


def looked_for(feed: History, late: bool = False) -> tuple[Pipeline, list[float]]:
    """Take a trade back that has left memory, let a while pass, and return the highs of the bars."""

    async def main() -> tuple[Pipeline, list[float]]:
        config = DataManagerConfig(max_ticks=1000, data_validation=False, max_lateness_seconds=3600.0)
        engine = SymbolState(Instrument("X"), Sessions.always(), ["1min"], config)
        pipeline = Pipeline(engine, EventBus(), VirtualClock(START), "unique")
        pipeline.subscribed.add("trades")
        renewal = BarRenewal(feed, {"X": pipeline})
        pipeline.on_unsure_bar, pipeline.on_unplaced_change = renewal.renew, renewal.place
        pipeline.take([(START - 10 * SECOND, 100.0, 1.0, 1, 0, 0), *([] if late else [BUSTED])])
        pipeline.take(feed.rows)
        change = TradeChange(START + 200 * SECOND, 1, 500.0, 1.0)
        take_changes(pipeline, [change, change])
        if late:
            pipeline.take([(START + 201 * SECOND, *BUSTED[1:])])
            take_early_changes(pipeline, [(START + 201 * SECOND, *BUSTED[1:])])
        await asyncio.sleep(120)
        renewal.close()
        return pipeline, engine.frame("1min")["high"].tolist()[1:]

    return run_virtually(main())


def rows() -> list[TradeRow]:
    return [(START + at * SECOND // 5, 100.0 + at % 3, 1.0, 1, 0, 10 + at) for at in range(10, 1200)]


def test_the_bar_of_the_trade_is_made_anew() -> None:
    told = [TradeChange(BUSTED[0], 1, 500.0, 1.0, None, BUSTED[0])]
    feed = History(rows(), told, fails=1)
    pipeline, highs = looked_for(feed)
    assert highs == [102.0] * 4
    # It is looked for once, until it is answered.
    assert feed.asked == [(START - 700 * SECOND, START + 200 * SECOND + 1)] * 2
    assert pipeline.quality.in_words() == ()


def test_a_trade_that_nobody_knows_marks_no_bar_and_is_told_of() -> None:
    feed = History(rows(), [], fails=0)
    pipeline, highs = looked_for(feed)
    assert highs == [500.0, 102.0, 102.0, 102.0]
    assert [pipeline.engine.flags_of("1min", START + at * MINUTE) & 4 for at in range(3)] == [0, 0, 0]
    errors = [one for one in pipeline.quality.errors if one.type == "trade_change_unmatched"]
    assert "which bar it is in is not known, and none is marked" in errors[-1].description


def test_a_trade_that_comes_meanwhile_is_not_looked_for() -> None:
    feed = History(rows(), [], fails=0)
    pipeline, highs = looked_for(feed, late=True)
    assert feed.asked == []
    assert highs == [102.0] * 4
    assert (pipeline.ledger.unmatched, pipeline.ledger.cancelled) == (0, 1)
    assert len([one for one in pipeline.quality.errors if one.type == "trade_change_unmatched"]) == 1


def test_what_was_refused_is_not_in_the_bar_that_is_made_anew() -> None:
    good: list[TradeRow] = [(START + at * SECOND, 100.0 + at, 1.0, 1, 0, at) for at in range(1, 9)]
    refused: TradeRow = (START + 20 * SECOND, -5.0, 1.0, 1, 0, 20)
    later: TradeRow = (START + 200 * SECOND, 103.0, 1.0, 1, 0, 30)

    class Wide(History):
        async def history_trades(self, symbol: str, start_ns: int, end_ns: int) -> list[TradeRow]:
            return self.rows

    async def main() -> list[float]:
        engine = SymbolState(Instrument("X"), Sessions.always(), ["1min"], DataManagerConfig())
        pipeline = Pipeline(engine, EventBus(), VirtualClock(START + 300 * SECOND), "unique")
        renewal = BarRenewal(Wide([*good[:-1], refused, later], [], 0), {"X": pipeline})
        pipeline.take([*good, refused])
        pipeline.take([later])
        renewal.renew("X", START)
        await asyncio.sleep(120)
        renewal.close()
        return engine.frame("1min").iloc[0][["open", "high", "low", "close", "volume"]].tolist()

    assert run_virtually(main()) == [101.0, 107.0, 101.0, 107.0, 7.0]
