"""An outage in the first seconds, while the computer's clock is followed, which is ahead of the venue's."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence

import pytest

from mdnb.clock import MarketClock
from mdnb.decode import decoder
from mdnb.events.bus import EventBus
from mdnb.instruments import Instrument
from mdnb.rows import TradeRow
from mdnb.runtime.live.frame_batcher import FrameBatcher
from mdnb.runtime.live.health import Health
from mdnb.runtime.live.pipeline import Pipeline
from mdnb.runtime.live.symbol_state import SymbolState
from mdnb.runtime.past.backfill import Backfill
from mdnb.sessions import Sessions
from tests.manager.hand import HandFeed
from tests.runtime.past.outages import SECOND, START, Ids, bars_of, held_bars
from tests.virtual_time import VirtualClock, run_virtually

ROWS: list[TradeRow] = [
    (START + n * SECOND // 4, 100.0 + n % 7 / 4, 1.0 + n % 3, 1, 0, n) for n in range(1, 240)
]


class Venue(HandFeed):
    """Knows all that was traded up to now."""

    def __init__(self, ids: Ids, fast: int) -> None:
        now = VirtualClock(START)
        super().__init__(clock=MarketClock(lambda: now.now_ns() + fast * SECOND, now.now_ns))
        self.ids = ids  # type: ignore[assignment]  # HandFeed has but one
        self.now = now

    async def history_trades(self, symbol: str, start_ns: int, end_ns: int) -> list[TradeRow] | None:
        until = min(end_ns, self.now.now_ns() + 1)
        return self.named([row for row in ROWS if start_ns <= row[0] < until])

    def named(self, rows: Sequence[TradeRow]) -> list[TradeRow]:
        return list(rows) if self.ids != "none" else [(*row[:5], -1) for row in rows]


@pytest.mark.parametrize("ids", ["sequential", "unique", "none"])
@pytest.mark.parametrize("first", [0, 5], ids=["before any trade", "after some"])
@pytest.mark.parametrize("fast", [5, 90, 3600])
def test_an_outage_before_the_time_is_known_is_repaired_soon_and_has_its_true_bounds(
    ids: Ids, first: int, fast: int
) -> None:
    venue = Venue(ids, fast)
    engine = SymbolState(Instrument("X", 0.25), Sessions.always(), ["1sec", "5sec"])

    async def main() -> Pipeline:
        pipeline = Pipeline(engine, EventBus(), venue.clock, ids)
        backfill = Backfill(venue, {"X": pipeline})
        loop = asyncio.get_running_loop()
        batcher = FrameBatcher(
            decoder("mdnb"), {"X": pipeline}, lambda: venue.clock, Health(), lambda _: None
        )
        engine.bind_state(lambda: ("connected", 0.0), lambda: venue.clock)
        pipeline.live_since_ns = venue.clock.now_ns()
        backfill.start()
        await asyncio.sleep(0.1)
        for number, row in enumerate(ROWS):
            await asyncio.sleep((row[0] - START) / SECOND - loop.time())
            if number == first:
                backfill.on_status("disconnected")
            if number == first + 4:
                backfill.on_status("reconnected")
            if not first <= number < first + 4:
                frame = {"e": "trades", "s": "X", "r": venue.named([row])}
                batcher.on_frame(json.dumps(frame))
                await batcher.finish()
            pipeline.close_due()
        assert isinstance(venue.clock, MarketClock)
        assert venue.clock.is_known
        assert all(gap.state == "repaired" for gap in pipeline.gaps), list(pipeline.gaps)
        assert not backfill.repairs["X"].stretches
        # Of each what was missed is inside, and nothing else of long before or after.
        for gap in pipeline.gaps:
            assert START <= gap.start_ns <= ROWS[first + 1][0]
            assert gap.end_ns <= ROWS[first + 12][0]
        if first or ids != "sequential":
            assert len(pipeline.gaps) == 1
        known = sum(b - a for a, b in pipeline.live_spans(venue.clock.now_ns()))
        assert known == pytest.approx(venue.now.now_ns() - START, abs=SECOND)
        backfill.close()
        return pipeline

    pipeline = run_virtually(main())
    assert [row[:7] for row in held_bars(pipeline, "1sec")] == [row[:7] for row in bars_of(ROWS, 1)]
