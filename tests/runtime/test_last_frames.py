"""A feed that ends in the turn of its last frames: these are taken in before anybody hears of the end."""

from __future__ import annotations

import json

import pytest

from mdnb.errors import FeedError
from mdnb.events.types import Event, EventType
from mdnb.feeds.base import OnFrame, OnStatus
from mdnb.runtime.process.bridge import call
from tests.limits import LIMIT_SECONDS
from tests.manager.hand import START, HandFeed, minutes, open_market, trade


class EndsAtOnce(HandFeed):
    """Delivers its last frames, and ends, without letting anybody else have a turn."""

    def __init__(self, frames: list[str], end: str, history: bool) -> None:
        super().__init__(minutes(-5, 5) if history else ())
        self.frames, self.end = frames, end

    async def run(self, on_frame: OnFrame, on_status: OnStatus) -> None:
        await super().run(on_frame, on_status)
        for frame in self.frames:
            on_frame(frame)
        if self.end == "closed":
            on_status("closed", "")
        elif self.end == "error":
            raise FeedError("kicked out")

    def go(self) -> None:
        async def done() -> None:
            self._done.set()

        call(done())


@pytest.mark.parametrize("end", ["closed", "error", "no word"])
@pytest.mark.parametrize("count", [1, 3, 12_000])
@pytest.mark.parametrize("history", [True, False])
def test_the_last_frames_are_in_the_bars(end: str, count: int, history: bool) -> None:
    # More than are taken in one turn, too.
    frames = [
        json.dumps({"e": "trades", "s": "X", "r": [trade(i / 1000, 100.0 + i % 3, 1.0, i)]})
        for i in range(count)
    ]
    feed = EndsAtOnce(frames, end, history)
    with open_market(feed, "1min") as market:
        order: list[str] = []
        bus = market._parts.session.bus
        bus.tap(EventType.NEW_BAR, lambda _: order.append("bar"))

        def closed(event: Event) -> None:
            if event.data["status"] == "closed":
                order.append("closed")

        bus.tap(EventType.CONNECTION_STATUS_CHANGED, closed)
        feed.go()
        market.wait_ended(LIMIT_SECONDS)
        assert market.accounting().in_bars == count
        bar = market.data.get_data("1min", closed_only=True).iloc[-1]
        assert (market.data.get_data("1min").index[-1].value, bar["volume"]) == (START, float(count))
        assert bar["close"] == 100.0 + (count - 1) % 3
        assert sorted(order) == ["bar", "closed"]
        # What says "closed" itself is heard at once; any other end once all has been taken in.
        assert end == "closed" or order == ["bar", "closed"]
