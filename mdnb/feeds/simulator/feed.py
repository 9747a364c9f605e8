"""The embedded simulator as a feed: its own server on loopback, and a client of it."""

from __future__ import annotations

import datetime as dt
import math
import time
from collections.abc import Sequence

from mdnb.clock import ScaledClock
from mdnb.errors import FeedError, FeedRefusedError, OptionError, suggest
from mdnb.feeds.connection import Endpoint
from mdnb.feeds.offers import Offers
from mdnb.feeds.simulator.exchange import Exchange
from mdnb.feeds.simulator.hours import FIRST_DAY, HOURS, Hours
from mdnb.feeds.simulator.server import SimulatorServer
from mdnb.feeds.simulator.stream import OWN_BARS
from mdnb.feeds.simulator.symbols import model_of
from mdnb.feeds.timeouts import Liveness
from mdnb.feeds.wire import WireFeed
from mdnb.instruments import Instrument
from mdnb.sessions import Sessions

__all__ = ["SimulatorFeed"]

_FASTEST = 1e6
_MOST_TRADES = 100.0
_EARLIEST = FIRST_DAY + dt.timedelta(days=366)
_LATEST = dt.date(2200, 1, 1)


class SimulatorFeed(WireFeed):
    """A market that needs no account and no network, the same for everybody with the same seed.

    Parameters
    ----------
    seed
        Same seed, same market, to the last trade.
    speed
        Market seconds a wall second, above 0.
    start
        The market's time when the feed is opened: ``"now"``, or ISO 8601 (UTC where it names no zone).
    hours
        ``auto`` keeps the market open through closed hours near the start; ``venue`` is the real calendar.
    rate
        Multiplies the number of trades.

    Raises
    ------
    OptionError
        When a value is outside what is allowed.

    Examples
    --------
    >>> import asyncio
    >>> async def last_closes():
    ...     async with SimulatorFeed(seed=7, start="2025-11-21T15:00") as feed:
    ...         await feed.open(["MNQ"])
    ...         running = asyncio.create_task(feed.run(lambda frame: take(feed, frame), lambda *status: None))
    ...         end = 1_763_737_200_000_000_000
    ...         bars = await feed.history_bars("MNQ", "1min", end - 120_000_000_000, end)
    ...     await running
    ...     return [bar[4] for bar in bars]
    >>> def take(feed, frame):
    ...     from mdnb.decode.wire import Decoder
    ...     for reply in Decoder().feed([frame]).replies:
    ...         feed.on_reply(reply)
    >>> len(asyncio.run(last_closes()))
    2
    """

    offers = Offers(title="Embedded simulator", bars=("1min",), history="years, made by the seed")
    is_local = True
    liveness = Liveness("frames", stale_seconds=2.5)  # its server says something each second

    def __init__(
        self,
        seed: int = 7,
        speed: float = 1.0,
        start: str = "now",
        hours: Hours = "auto",
        rate: float = 1.0,
    ) -> None:
        super().__init__()
        if not isinstance(seed, int):
            raise OptionError(f"the simulator's seed must be a whole number; got {seed!r}")
        self.seed = seed
        self.speed = _checked("speed", speed, _FASTEST)
        self.rate = _checked("rate", rate, _MOST_TRADES)
        if hours not in HOURS:
            raise OptionError(f"the simulator's hours cannot be {hours!r}. {suggest(str(hours), HOURS)}")
        self.hours: Hours = hours
        self.start = start
        self._start_ns = None if start == "now" else _parse_start(start)
        self._exchange: Exchange | None = None
        self._server: SimulatorServer | None = None

    async def open(self, symbols: Sequence[str]) -> None:
        """Start the server and make the symbols' markets; further calls add symbols.

        Raises
        ------
        SymbolError
            When the simulator does not know one of them.
        """
        for symbol in symbols:
            model_of(symbol)
        if self._server is None:
            start_ns = time.time_ns() if self._start_ns is None else self._start_ns
            self.clock = ScaledClock(start_ns, self.speed)
            self._exchange = Exchange(self.seed, start_ns, self.hours, self.rate)
            self._server = SimulatorServer(self._exchange, self.clock, self.speed)
            await self._server.start()
        for symbol in symbols:
            await self._server.prepare(symbol)

    async def endpoint(self) -> Endpoint:
        """Return the address of the server on loopback."""
        if self._server is None:
            raise FeedRefusedError("open the simulator before it is run: await feed.open(['MNQ'])")
        return Endpoint(f"ws://127.0.0.1:{self._server.port}")

    async def close(self) -> None:
        """End the connection, then the server; calling it again does nothing."""
        await super().close()
        server, self._server = self._server, None
        if server is not None:
            await server.close()

    def instrument(self, symbol: str) -> Instrument:
        """Return what is known of the symbol."""
        return model_of(symbol).instrument

    def sessions(self, symbol: str) -> Sessions:
        """Return exactly the hours in which the symbol trades here."""
        return self._markets().tape(symbol).market.sessions

    def own_bars(self, symbol: str) -> tuple[str, ...]:
        """Return the timeframes of which the simulator sends its own bars."""
        return (OWN_BARS,)

    def _markets(self) -> Exchange:
        if self._exchange is None:
            raise FeedError("the simulator is not open yet: await feed.open(['MNQ'])")
        return self._exchange

    def __repr__(self) -> str:
        return (
            f"SimulatorFeed(seed={self.seed}, speed={self.speed:g}, start={self.start!r}, "
            f"hours={self.hours!r}, rate={self.rate:g})"
        )


def _checked(name: str, value: object, most: float) -> float:
    if not (isinstance(value, int | float) and math.isfinite(value) and 0 < value <= most):
        raise OptionError(f"the simulator's {name} must be above 0 and at most {most:g}; got {value!r}")
    return float(value)


def _parse_start(text: str) -> int:
    try:
        moment = dt.datetime.fromisoformat(text)
    except (TypeError, ValueError):
        raise OptionError(
            f"the simulator's start must be 'now' or ISO 8601, such as '2025-11-21T15:00'; got {text!r}"
        ) from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
    if not _EARLIEST <= moment.date() <= _LATEST:
        raise OptionError(f"the simulator's start must lie between {_EARLIEST} and {_LATEST}; got {text!r}")
    since = moment - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    return (since // dt.timedelta(microseconds=1)) * 1000
