"""Hyperliquid: perpetuals and spot, over one web socket and the info endpoint.

Sources: hyperliquid.gitbook.io (web socket, info endpoint, rate limits, tick and lot size), and a recording
of 2025; that a subscription which stands already is an error in words was seen in gemwalletcom/wallet#462.

* Trade ids differ and do not rise, and there is no history of trades: of an outage comes back what the venue
  repeats at subscription, about 30 trades, which are known by their ids; the rest is told as a gap.
* A message subscribes one channel of one coin: all of them are sent at once, and answered in any order.
* Prices have five significant figures: how far apart two of them are depends on the price, so that there is
  no tick size. Sizes have a fixed number of decimals.
* A socket is closed after a minute without a message: a ping is answered, which also shows that the venue
  itself is there, and not only its web socket.
* Listed are the perpetuals of the venue itself and spot; not those that others have deployed there (HIP-3).
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from mdnb.errors import FeedError, FeedRefusedError
from mdnb.feeds.base import Channel
from mdnb.feeds.intervals import COMMON_INTERVALS
from mdnb.feeds.offers import Offers
from mdnb.feeds.paging import Page, collect
from mdnb.feeds.rate_limit import RateLimit
from mdnb.feeds.rest import readable
from mdnb.feeds.symbols import VenueSymbol
from mdnb.feeds.timeouts import Backoff, Liveness, Timeouts, Wall
from mdnb.feeds.venue import VenueFeed
from mdnb.rows import BarRow, Reply, shortened
from mdnb.timeframes import Timeframe
from mdnb.venue_fields import Epoch, Identifier, Price, Size, epoch_ns

__all__ = ["HyperliquidFeed"]

_PING_SECONDS = 5.0
_MS = 1_000_000
_MOST_BARS = 5000
# What the venue counts a question for: each, and each so many bars of its answer.
_WEIGHT = 20
_BARS_A_WEIGHT = 60
_PERP_DECIMALS = 6
_SPOT_DECIMALS = 8
_SIGNIFICANT = 5

_Asked = tuple[str, str, str, str]
"""Method, channel, coin and interval: by which an answer is known, as it has no number."""


class _Perp(msgspec.Struct, rename="camel"):
    name: str
    sz_decimals: int
    is_delisted: bool = False


class _Perps(msgspec.Struct):
    universe: list[msgspec.Raw]


class _Token(msgspec.Struct, rename="camel"):
    name: str
    index: int
    sz_decimals: int


class _Pair(msgspec.Struct):
    name: str
    tokens: tuple[int, int]


class _Pairs(msgspec.Struct):
    tokens: list[msgspec.Raw]
    universe: list[msgspec.Raw]


class _Candle(msgspec.Struct):
    start: Epoch = msgspec.field(name="t")
    last: Epoch = msgspec.field(name="T")
    open: Price = msgspec.field(name="o")
    high: Price = msgspec.field(name="h")
    low: Price = msgspec.field(name="l")
    close: Price = msgspec.field(name="c")
    volume: Size = msgspec.field(name="v")
    count: Identifier = msgspec.field(name="n")


class HyperliquidFeed(VenueFeed):
    """Hyperliquid's perpetuals, as ``BTC`` or ``BTC/USD``, and its spot pairs, as ``PURR/USDC``.

    Parameters
    ----------
    url, rest
        Where to connect instead of Hyperliquid's own addresses; that of the test net, for one.
    backoff, timeouts, wall
        As `VenueFeed` has them.
    liveness
        By default, stale after two and a half of `Timeouts.heartbeat`, dead after five.

    Raises
    ------
    FeedError
        When an address cannot be used.

    Examples
    --------
    >>> HyperliquidFeed()
    HyperliquidFeed(wss://api.hyperliquid.xyz)
    """

    dialect = "hyperliquid"
    ids = "unique"
    book_levels = 20
    stream_url = "wss://api.hyperliquid.xyz/ws"
    rest_url = "https://api.hyperliquid.xyz"
    rate_limit = RateLimit(1200, 60.0)
    intervals = COMMON_INTERVALS
    bars_back = float(_MOST_BARS)
    offers = Offers(title="Hyperliquid", bars=("1min",), history="5000 bars of each timeframe, no trades")

    def __init__(
        self,
        url: str = "",
        rest: str = "",
        *,
        backoff: Backoff | None = None,
        timeouts: Timeouts | None = None,
        wall: Wall | None = None,
        liveness: Liveness | None = None,
    ) -> None:
        patience = timeouts or Timeouts(heartbeat=_PING_SECONDS)
        beat = patience.heartbeat
        alive = liveness or Liveness("frames", stale_seconds=2.5 * beat, dead_seconds=5 * beat)
        super().__init__(url, rest, backoff=backoff, timeouts=patience, wall=wall, liveness=alive)
        self._waiting: dict[_Asked, list[int]] = {}

    def heartbeat(self) -> str:
        """Return a ping, which the venue answers."""
        return '{"method":"ping"}'

    async def list_symbols(self) -> list[VenueSymbol]:
        """Ask for the perpetuals that are listed now, and for the spot pairs."""
        perps = await self._ask_info(_Perps, {"type": "meta"})
        pairs = await self._ask_info(_Pairs, {"type": "spotMeta"})
        tokens = {token.index: token for token in readable(pairs.tokens, _Token, "Hyperliquid's tokens")}
        listed = readable(perps.universe, _Perp, "Hyperliquid's list of perpetuals")
        spot = readable(pairs.universe, _Pair, "Hyperliquid's list of pairs")
        return [one for perp in listed if not perp.is_delisted for one in _perpetual(perp)] + [
            _spot(pair, tokens) for pair in spot if tokens.keys() >= {*pair.tokens}
        ]

    async def _ask_info(self, into: type[Any], body: Mapping[str, Any], bars: int = 0) -> Any:
        return await self.rest.post("/info", into, body, weight=_WEIGHT + math.ceil(bars / _BARS_A_WEIGHT))

    # -- the stream -------------------------------------------------------------------------------------

    async def ask_for(self, symbols: Sequence[VenueSymbol], channels: Sequence[Channel], *, on: bool) -> None:
        """Subscribe to channels of symbols, or unsubscribe: a message each, sent without waiting between."""
        op = "subscribe" if on else "unsubscribe"
        wanted = [_subscription(symbol.name, channel) for symbol in symbols for channel in channels]
        answers = await asyncio.gather(
            *(self.request(op, subscription=one) for one in wanted), return_exceptions=True
        )
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer

    def encode_request(self, op: str, request_id: int, fields: Mapping[str, Any]) -> str:
        """Return a request as Hyperliquid reads it, and remember by what its answer is known."""
        asked = _asked(op, fields["subscription"])
        self._waiting.setdefault(asked, []).append(request_id)
        return json.dumps({"method": op, **fields})

    def on_reply(self, reply: Reply) -> None:
        """Handle an answer for whoever waits for it; one that nobody does is told of."""
        said = reply.payload
        methods = [said["method"]] if said.get("method") else ["subscribe", "unsubscribe"]
        subscription = said.get("subscription", {})
        # An answer says how things are now, which is what all who asked for the same want to know.
        numbers = [
            number for method in methods for number in self._waiting.pop(_asked(method, subscription), ())
        ]
        if not numbers and subscription.get("type"):
            # Of a subscription that nobody waits for: no answer to those who wait for others.
            self.on_stray_reply(reply)
            return
        for number in numbers or [reply.id]:
            super().on_reply(Reply(number, reply.ok, reply.error, said))

    # -- the history ------------------------------------------------------------------------------------

    async def ask_bars(self, symbol: VenueSymbol, interval: str, start_ns: int, end_ns: int) -> list[BarRow]:
        """Return closed bars that start in ``[start_ns, end_ns)``, oldest first."""
        last, now = (end_ns - 1) // _MS, self.clock.now_ns() // _MS
        step = round(1e3 * (Timeframe.parse(interval).seconds or 0))

        async def ask(since: int) -> Page[_Candle, int]:
            asked = {"coin": symbol.name, "interval": interval, "startTime": since, "endTime": last}
            expected = min((last - since) // step + 1, _MOST_BARS)
            rows = await self._ask_info(
                list[_Candle], {"type": "candleSnapshot", "req": asked}, bars=expected
            )
            # How many rows an answer has at most is not documented for candles: it ends where there are none.
            is_last = not rows or rows[-1].last >= min(last, now)
            return Page(rows, None if is_last else rows[-1].last + 1)

        rows = await collect(ask, -(-start_ns // _MS), key=lambda row: row.start, on_page=self.on_page)
        return [_bar(row) for row in rows if row.last < now or row.start < rows[-1].start]

    def complaint(self, status: int, body: bytes) -> FeedError | None:
        """Return the error that Hyperliquid names where it cannot read a question."""
        if status not in (400, 422):
            return None
        return FeedRefusedError(f"Hyperliquid says {shortened(body)}")


def _subscription(coin: str, channel: Channel) -> dict[str, str]:
    kinds: dict[Channel, dict[str, str]] = {
        "trades": {"type": "trades"},
        "quotes": {"type": "bbo"},
        "depth": {"type": "l2Book"},
        "bars": {"type": "candle", "interval": "1m"},
    }
    return {**kinds[channel], "coin": coin}


def _asked(method: str, subscription: Mapping[str, str]) -> _Asked:
    kind, coin, interval = (subscription.get(name, "") for name in ("type", "coin", "interval"))
    return method, kind, coin, interval


def _bar(row: _Candle) -> BarRow:
    prices = row.open, row.high, row.low, row.close
    return epoch_ns(row.start), *prices, row.volume, row.count, float("nan")


def _perpetual(perp: _Perp) -> list[VenueSymbol]:
    """Return a perpetual in dollars, as the venue writes of it, and as other libraries spell it."""
    decimals = max(_PERP_DECIMALS - perp.sz_decimals, 0)
    lot, words = 10.0**-perp.sz_decimals, f"{perp.name} perpetual, {_prices(decimals)}"
    usual = VenueSymbol(perp.name, perp.name, "USD", lot_size=lot, description=words)
    settled = VenueSymbol(perp.name, perp.name, "USDC", lot_size=lot, settle="USDC", description=words)
    return [usual, settled]


def _spot(pair: _Pair, tokens: Mapping[int, _Token]) -> VenueSymbol:
    base, quote = (tokens[index] for index in pair.tokens)
    decimals = max(_SPOT_DECIMALS - base.sz_decimals, 0)
    words = f"{base.name}/{quote.name} spot, {_prices(decimals)}"
    lot = 10.0**-base.sz_decimals
    return VenueSymbol(pair.name, base.name, quote.name, lot_size=lot, description=words)


def _prices(decimals: int) -> str:
    return f"prices of {_SIGNIFICANT} significant figures and at most {decimals} decimals"
