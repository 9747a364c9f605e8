"""A feed that sends what a test tells it, over the whole path behind the socket: decode, drain, engine."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from typing import Any

import mdnb
from mdnb.clock import Clock, EventClock
from mdnb.config import DataManagerConfig
from mdnb.errors import FeedError
from mdnb.feeds.base import Channel, Feed, OnFrame, OnStatus
from mdnb.feeds.rolls import ContractHistory, Seam
from mdnb.instruments import Instrument
from mdnb.market import LiveMarket
from mdnb.rows import BarRow, TradeRow
from mdnb.runtime.process.bridge import call
from mdnb.sessions import Sessions

__all__ = ["MINUTE", "SECOND", "START", "HandFeed", "bar", "minutes", "open_market", "trade"]

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
START = 1_772_460_000 * SECOND  # 2026-03-02 14:00 UTC, on the minute and the hour


def trade(seconds: float, price: float, size: float = 1.0, number: int = -1, side: int = 1) -> TradeRow:
    """Return a trade so many seconds after `START`."""
    return (START + round(seconds * SECOND), price, size, 1, side, number)


def bar(minute: int, close: float, volume: float = 10.0, spread: float = 1.0) -> BarRow:
    """Return a bar of the minute so many minutes after `START`."""
    start = START + minute * MINUTE
    return (start, close, close + spread, close - spread, close, volume, 5, close * volume)


def minutes(first: int, count: int, close: Callable[[int], float] | None = None) -> list[BarRow]:
    """Return bars of successive minutes."""
    price = close or (lambda i: 100.0 + (i % 7) * 0.25)
    return [bar(first + i, price(i), 10.0 + i % 3) for i in range(count)]


def open_market(feed: HandFeed, *timeframes: str, **config: object) -> LiveMarket:
    """Return a market of symbol X that is fed by hand."""
    return mdnb.live(
        "X",
        list(timeframes) or ["1min", "5min"],
        feed=feed,
        initial_days=1 if feed.history else 0,
        data_manager_config=DataManagerConfig(**config),  # type: ignore[arg-type]  # as the test says
        progress=False,
    )


class HandFeed(Feed):
    """Sends by hand; has the history it was given."""

    dialect = "mdnb"
    ids = "sequential"

    def __init__(
        self,
        history: Sequence[BarRow] = (),
        *,
        clock: Clock | None = None,
        trades: Sequence[TradeRow] | None = None,
        bars: tuple[str, ...] = (),
        sessions: Sessions | None = None,
        instrument: Instrument | None = None,
    ) -> None:
        super().__init__()
        self.clock = clock or EventClock(START)
        self.history = list(history)
        self.history_of = ""
        self.past_trades = trades
        self.offered = bars
        self.subscribed: set[str] = set()
        self.asked: list[tuple[int, int]] = []
        self._sessions = sessions or Sessions.always()
        self._instrument = instrument or Instrument("X", 0.25)
        self.contracts: ContractHistory | None = None
        self.worth: tuple[float, float] | None = None
        self._on_frame: OnFrame | None = None
        self._on_status: OnStatus | None = None
        self._done = asyncio.Event()

    async def open(self, symbols: Sequence[str]) -> None:
        """Nothing to open."""

    async def run(self, on_frame: OnFrame, on_status: OnStatus) -> None:
        """Be connected until closed."""
        self._on_frame, self._on_status = on_frame, on_status
        on_status("connecting", "")
        on_status("connected", "")
        await self._done.wait()

    async def subscribe(self, symbol: str, channels: Sequence[Channel]) -> None:
        """Remember it."""
        self.subscribed.update(channels)

    async def unsubscribe(self, symbol: str, channels: Sequence[Channel]) -> None:
        """Forget it."""
        self.subscribed.difference_update(channels)

    async def close(self) -> None:
        """End `run`."""
        self._done.set()

    def instrument(self, symbol: str) -> Instrument:
        """As given."""
        return self._instrument

    def sessions(self, symbol: str) -> Sessions:
        """As given."""
        return self._sessions

    @property
    def rolls(self) -> tuple[Seam, ...]:
        """As made by `roll`, or given."""
        return () if self.contracts is None else self.contracts.rolls

    def contract(self, symbol: str, at_ns: int | None = None) -> str:
        """As given."""
        return "" if self.contracts is None else self.contracts.contract(symbol, at_ns)

    async def roll_prices(self, roll: Seam) -> tuple[float, float] | None:
        """As given, of a roll that there was."""
        return self.worth if roll in self.rolls else None

    def own_bars(self, symbol: str) -> tuple[str, ...]:
        """As given."""
        return self.offered

    async def history_bars(
        self, symbol: str, timeframe: str, start_ns: int, end_ns: int
    ) -> list[BarRow] | None:
        """As given, of the timeframe that is asked for first."""
        self.history_of = self.history_of or timeframe
        return list(self.history) if timeframe == self.history_of else []

    async def history_trades(self, symbol: str, start_ns: int, end_ns: int) -> list[TradeRow] | None:
        """As given; raises FeedError where none was."""
        self.asked.append((start_ns, end_ns))
        if self.past_trades is None:
            return None
        if not self.past_trades and not self.history:
            raise FeedError("the history is out of order today")
        return [row for row in self.past_trades if start_ns <= row[0] < end_ns]

    # -- what a test does -----------------------------------------------------------------------------

    def send(self, *frames: str | dict[str, Any]) -> None:
        """Send frames, and return when they are in the engine."""
        call(self._send([frame if isinstance(frame, str) else json.dumps(frame) for frame in frames]))

    async def _send(self, frames: Sequence[str]) -> None:
        assert self._on_frame is not None
        for frame in frames:
            self._on_frame(frame)
        for _ in range(3 + len(frames)):
            await asyncio.sleep(0)

    def roll(self, new: str) -> None:
        """Go over to another contract at the market's time."""
        call(self._roll(new))

    async def _roll(self, new: str) -> None:
        assert self.contracts is not None
        self.contracts.roll("X", new, self.clock.now_ns())
        self.on_roll("X", False)
        self.on_roll("X", True)
        for _ in range(3):
            await asyncio.sleep(0)

    def status(self, status: str) -> None:
        """Report a connection status."""
        call(self._status(status))

    async def _status(self, status: str) -> None:
        assert self._on_status is not None
        self._on_status(status, "by hand")
        await asyncio.sleep(0)

    def trades(self, *rows: TradeRow) -> None:
        """Send trades."""
        self.send({"e": "trades", "s": "X", "r": rows})

    def quotes(self, *rows: tuple[int, float, float, float, float]) -> None:
        """Send quotes."""
        self.send({"e": "quotes", "s": "X", "r": rows})

    def bars(self, *rows: BarRow, closed: bool = True) -> None:
        """Send the feed's own one-minute bars."""
        self.send({"e": "bars", "s": "X", "tf": "1min", "closed": closed, "r": rows})

    def depth(
        self, bids: list[tuple[float, float]], asks: list[tuple[float, float]], *, snapshot: bool = True
    ) -> None:
        """Send a change of the order book."""
        self.send({"e": "depth", "s": "X", "t": START, "snap": snapshot, "b": bids, "a": asks})
