"""The client side of mdnb's own wire protocol: what the simulator, a replay and a relay have in common."""

from __future__ import annotations

from typing import Any

import msgspec

from mdnb.errors import FeedError
from mdnb.feeds.connection import WebSocketFeed
from mdnb.rows import MARKS, BarRow, MarkedTrade, TradeRow
from mdnb.timeframes import Timeframe

__all__ = ["END_REASON", "PAGE_ROWS", "PROTOCOL_VERSION", "WireFeed"]

PROTOCOL_VERSION = 1
"""Said by a server's welcome; `mdnb.decode.wire` takes no other."""

PAGE_ROWS = 5000
"""Rows asked for at a time: half of what fits into the largest frame that is taken."""

END_REASON = "end"
"""The reason of the close frame with which a server says that a recording is at its end."""

_NAN = float("nan")

_SomeTrade = tuple[int, float, float, int, int, int, int]


class WireFeed(WebSocketFeed):
    """A feed that speaks mdnb's wire protocol: subscriptions, and history in pages.

    A subclass gives `endpoint`, and `open`, which must know its symbols' instruments and sessions.
    """

    dialect = "mdnb"
    ids = "sequential"

    def is_end(self, code: int, reason: str) -> bool:
        """Return whether the server said that its recording is at its end."""
        return code == 1000 and reason == END_REASON

    async def history_bars(
        self, symbol: str, timeframe: str, start_ns: int, end_ns: int
    ) -> list[BarRow] | None:
        """Return closed bars that start in ``[start_ns, end_ns)``, oldest first; None for activity bars.

        Raises
        ------
        FeedRefusedError
            When the server does not know the symbol or the timeframe.
        FeedError
            When it does not answer, or with rows that are none.
        """
        if Timeframe.parse(timeframe).is_activity:
            return None
        bars: list[BarRow] = []
        while start_ns < end_ns:
            rows, more = await self._page("bars", symbol, start_ns, end_ns, timeframe=timeframe)
            self.on_page()
            bars.extend(_bars(rows))
            if not more or not rows:
                break
            start_ns = bars[-1][0] + 1
        return bars

    async def history_trades(self, symbol: str, start_ns: int, end_ns: int) -> list[TradeRow] | None:
        """Return the trades of ``[start_ns, end_ns)``, oldest first, as they are known now.

        Raises
        ------
        FeedRefusedError
            When the server does not know the symbol.
        FeedError
            When it does not answer, or with rows that are none.
        """
        trades: list[TradeRow] = []
        while start_ns < end_ns:
            rows, more = await self._page("trades", symbol, start_ns, end_ns)
            self.on_page()
            page = _trades(rows)
            # A page may end amid trades of one nanosecond; the next one begins with them again.
            known = {row[5] for row in trades[-PAGE_ROWS:] if row[0] >= start_ns}
            trades.extend(row for row in page if row[5] not in known)
            if not more or not page:
                break
            if page[-1][0] == start_ns and len(page) >= PAGE_ROWS:
                raise FeedError(f"more than {PAGE_ROWS} trades of {symbol} at {start_ns} ns: cannot page on")
            start_ns = page[-1][0]
        return trades

    async def _page(
        self, op: str, symbol: str, start_ns: int, end_ns: int, **fields: Any
    ) -> tuple[list[Any], bool]:
        reply = await self.request(op, symbol=symbol, start=start_ns, end=end_ns, limit=PAGE_ROWS, **fields)
        return reply.payload.get("rows") or [], bool(reply.payload.get("more"))


def _bars(rows: list[Any]) -> list[BarRow]:
    try:
        # JSON has no NaN: an unknown turnover travels as null.
        held = msgspec.convert(rows, list[tuple[int, float, float, float, float, float, int, float | None]])
    except msgspec.ValidationError as error:
        raise FeedError(f"the server's bars are not bars: {error}") from error
    return [row if row[7] is not None else (*row[:7], _NAN) for row in held]  # type: ignore[misc]  # narrowed above


def _trades(rows: list[Any]) -> list[TradeRow]:
    try:
        if any(isinstance(row, list) and len(row) == 7 for row in rows):
            return [_trade(row) for row in msgspec.convert(rows, list[_SomeTrade])]
        return msgspec.convert(rows, list[TradeRow])
    except msgspec.ValidationError as error:
        raise FeedError(f"the server's trades are not trades: {error}") from error


def _trade(given: _SomeTrade) -> TradeRow:
    # The seventh is what a trade does not count for, as in the stream's frames of marked trades.
    row, marks = given[:6], given[6] & MARKS
    return MarkedTrade.of(row, marks) if marks else row
