"""A connection that is lost while the history is still being loaded."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import functools
import json
import threading
from collections.abc import Iterator, Sequence

import pytest

import mdnb
from mdnb.market import LiveMarket
from mdnb.rows import TradeRow
from mdnb.runtime.past import backfill
from mdnb.runtime.past.stretches import Patience
from mdnb.runtime.process.bridge import call
from tests.limits import LIMIT_SECONDS
from tests.manager.hand import HandFeed, trade
from tests.runtime.past.outages import Ids, bars_of, held_bars

ROWS = [trade(i * 7.0, 100.0 + 0.25 * ((i * 7) % 11), 1.0 + i % 4, i) for i in range(60)]


@pytest.fixture(autouse=True)
def _soon_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Believe a history that goes on answering the same sooner: nothing comes late here."""
    monkeypatch.setattr(backfill, "Patience", functools.partial(Patience, settle=0.2))


class Beginning(HandFeed):
    """Answers its first question, of ``first``, when it is told to; all others at once.

    Parameters
    ----------
    first
        What it knew when it was asked first; None where it has no history.
    """

    def __init__(self, ids: Ids, first: Sequence[TradeRow] | None, later: Sequence[TradeRow] | None) -> None:
        super().__init__()
        self.ids = ids  # type: ignore[assignment]  # HandFeed has but one
        self.first, self.later = first, later
        self.was_asked = threading.Event()
        self.answers = asyncio.Event()

    async def history_bars(self, *_: object) -> None:
        """It has trades only."""

    async def history_trades(self, symbol: str, start_ns: int, end_ns: int) -> list[TradeRow] | None:
        if self.was_asked.is_set():
            return None if self.later is None else self.named(self.later)
        self.was_asked.set()
        await self.answers.wait()
        return None if self.first is None else self.named(self.first)

    def named(self, rows: Sequence[TradeRow]) -> list[TradeRow]:
        return list(rows) if self.ids != "none" else [(*row[:5], -1) for row in rows]

    def live(self, first: int, end: int) -> None:
        self.trades(*self.named(ROWS[first:end]))


@contextlib.contextmanager
def beginning(feed: Beginning) -> Iterator[concurrent.futures.Future[LiveMarket]]:
    """Start a market whose history is being loaded."""
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        made = pool.submit(
            mdnb.live, "X", ["1min", "5min"], feed=feed, initial_days=1, progress=False, connect_timeout=None
        )
        try:
            assert feed.was_asked.wait(LIMIT_SECONDS)
            yield made
        finally:
            call(answer(feed))
            made.result(LIMIT_SECONDS).close()


async def answer(feed: Beginning) -> None:
    feed.answers.set()


def settled(market: LiveMarket) -> None:
    """Wait until no stretch is left."""
    repair = market._parts.session.backfill.repairs["X"]
    work = repair.work
    if work is not None:
        call(asyncio.wait({work}, timeout=LIMIT_SECONDS))
    assert not repair.stretches


def check(market: LiveMarket, rows: Sequence[TradeRow]) -> None:
    pipeline = market._parts.session.market("X").pipeline
    for name, seconds in (("1min", 60), ("5min", 300)):
        assert held_bars(pipeline, name) == bars_of(rows, seconds), name
    assert market.accounting().balanced


IDS: tuple[Ids, ...] = ("sequential", "unique", "none")


@pytest.mark.parametrize("ids", IDS)
@pytest.mark.parametrize("known", [11, 25, 30, 35, 45, 50], ids=lambda known: f"history of {known}")
def test_what_was_missed_while_the_history_loads_is_put_back(ids: Ids, known: int) -> None:
    feed = Beginning(ids, ROWS[:known], ROWS[:50])
    with beginning(feed) as made:
        feed.live(10, 30)
        feed.status("disconnected")
        feed.status("reconnecting")
        feed.status("reconnected")
        feed.live(40, 50)
        call(answer(feed))
        market = made.result(LIMIT_SECONDS)
        feed.live(50, 60)
        feed.later = ROWS
        settled(market)
        check(market, ROWS)
        # Of a history that was asked after it nothing was missed.
        gaps = list(market._parts.session.market("X").pipeline.gaps)
        assert [gap.state for gap in gaps] == ["repaired"] * (known < 40)
        assert market.data.get_stats().completeness == 100.0


@pytest.mark.parametrize("ids", IDS)
def test_an_outage_that_lasts_until_the_market_is_live_is_one_too(ids: Ids) -> None:
    feed = Beginning(ids, ROWS[:20], ROWS)
    with beginning(feed) as made:
        feed.live(10, 30)
        feed.status("disconnected")
        call(answer(feed))
        market = made.result(LIMIT_SECONDS)
        assert market._parts.session.backfill.repairs["X"].stretches
        feed.status("reconnected")
        feed.live(40, 60)
        settled(market)
        check(market, ROWS)
        assert market.data.get_stats().gaps_repaired == 1


@pytest.mark.parametrize("ids", ["unique", "none"])
def test_what_no_history_gives_is_told_as_lost(ids: Ids) -> None:
    feed = Beginning(ids, None, None)
    with beginning(feed) as made:
        feed.live(10, 20)
        feed.status("disconnected")
        feed.status("reconnected")
        feed.live(40, 60)
        call(answer(feed))
        market = made.result(LIMIT_SECONDS)
        settled(market)
        (gap,) = market._parts.session.market("X").pipeline.gaps
        assert (gap.state, gap.start_ns, gap.end_ns) == ("lost", ROWS[19][0], ROWS[40][0])
        assert market.data.get_stats().completeness < 100.0


def test_frames_that_still_wait_are_of_the_time_before_the_loss() -> None:
    feed = Beginning("unique", ROWS[:10], ROWS)

    async def flood() -> None:
        assert feed._on_frame is not None
        assert feed._on_status is not None
        # In one go: none is decoded when the connection is lost.
        for row in ROWS[10:30]:
            feed._on_frame(json.dumps({"e": "trades", "s": "X", "r": [row]}))
        feed._on_status("disconnected", "by hand")

    with beginning(feed) as made:
        call(answer(feed))
        market = made.result(LIMIT_SECONDS)
        market._parts.session.batcher.batch_size = 3
        call(flood())
        feed.status("reconnected")
        feed.live(40, 60)
        settled(market)
        check(market, ROWS)
        (gap,) = market._parts.session.market("X").pipeline.gaps
        assert (gap.state, gap.start_ns, gap.end_ns) == ("repaired", ROWS[29][0], ROWS[40][0])
