"""The data manager of one symbol: every documented name, for callers that ``await``.

Reads of what is in memory never wait and never hop to another thread; the few calls that may have to wait
for data take a ``timeout``.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from mdnb.errors import ClosedError, NoDataError, OptionError
from mdnb.feeds.base import Channel
from mdnb.runtime.accounting import Accounting
from mdnb.runtime.bridge import await_call
from mdnb.runtime.engine import Engine
from mdnb.runtime.session import MarketSession
from mdnb.types import MarketSnapshot, Price, Quote, Tick
from mdnb.waiting import wakeful

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["RealtimeDataManager", "When", "immediate", "is_immediate", "to_ns"]

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

When = dt.datetime | dt.date | str | int | float | None
"""An instant: a datetime (a naive one means the machine's local time), an ISO string, or epoch seconds."""

_DEFAULT_TIMEOUT = 10.0
_FLAGS = ("ok", "refused", "outlier")
_SIDES = {1: "buy", -1: "sell", 0: None}


def immediate(method: Callable[P, Coroutine[Any, Any, R]]) -> Callable[P, Coroutine[Any, Any, R]]:
    """Mark a coroutine function that never waits: plain callers run it right where they are."""
    method.__mdnb_immediate__ = True  # type: ignore[attr-defined]  # a mark on the function
    return method


def is_immediate(method: Callable[..., Any]) -> bool:
    """Return whether a coroutine function was marked as never waiting."""
    return bool(getattr(method, "__mdnb_immediate__", False))


def to_ns(when: When) -> int | None:
    """Return an instant as UTC epoch nanoseconds.

    Raises
    ------
    OptionError
        When it is not an instant.

    Examples
    --------
    >>> to_ns("2026-11-23T09:30:00-06:00")
    1795447800000000000
    >>> to_ns(None) is None
    True
    """
    if when is None:
        return None
    if isinstance(when, bool):
        raise OptionError(f"{when!r} is not an instant")
    if isinstance(when, (int, float)):
        return int(when * 1_000_000_000)
    import pandas as pd

    try:
        stamp = pd.Timestamp(when)
    except (ValueError, TypeError) as error:
        raise OptionError(
            f"{when!r} is not an instant: give a datetime, an ISO string or epoch seconds"
        ) from error
    if pd.isna(stamp):
        raise OptionError("NaT is not an instant")
    if stamp.tzinfo is None:
        # A naive time means what datetime.now() means: the machine's local time.
        stamp = pd.Timestamp(stamp.to_pydatetime().astimezone(dt.UTC)) + pd.Timedelta(stamp.nanosecond, "ns")
    return int(stamp.as_unit("ns").value)


def _whole_number(count: Any) -> int | None:
    if count is None:
        return None
    if isinstance(count, bool) or not hasattr(count, "__int__") or int(count) != count:
        raise OptionError(f"count must be a whole number, or None for all; got {count!r}")
    return int(count)


class RealtimeDataManager:
    """Live data of one symbol.

    Made by `mdnb.TradingSuite`; use ``suite.data``.

    Attributes
    ----------
    symbol
        Whose data it is.
    """

    def __init__(self, session: MarketSession, symbol: str) -> None:
        self._session = session
        self._engine = session.engine(symbol)
        self.symbol = symbol

    @property
    def engine(self) -> Engine:
        """The engine that holds the data; charts read it."""
        return self._engine

    def _open(self) -> Engine:
        if self._session.closed:
            raise ClosedError(f"the suite of {self.symbol} was closed; create a new one")
        return self._engine

    async def _first(self, read: Callable[[], T | None], what: str, timeout: float) -> T:
        """Return what ``read`` gives as soon as it gives anything."""
        engine = self._open()
        value = read()
        if value is not None:
            return value
        loop = asyncio.get_running_loop()
        arrived = asyncio.Event()

        def wake() -> None:
            loop.call_soon_threadsafe(arrived.set)

        listener = engine.listen(wake)
        try:
            async with asyncio.timeout(timeout):
                while (value := read()) is None:
                    self._open()
                    await wakeful(arrived.wait())
                    arrived.clear()
                return value
        except TimeoutError as error:
            health = self._session.health
            detail = f" ({health.detail})" if health.detail else ""
            raise NoDataError(
                f"no {what} of {self.symbol} within {timeout:g} s; the connection is {health.status}{detail}."
                " The market may be closed; wait longer with timeout=, or check suite.status."
            ) from error
        finally:
            listener.close()

    # -- current data -------------------------------------------------------------------------------

    async def get_current_price(self, timeout: float = _DEFAULT_TIMEOUT) -> Price:
        """Return the last traded price (the last quote's, where bars are built from quotes).

        Parameters
        ----------
        timeout
            Seconds to wait for the first data.

        Returns
        -------
        Price
            A ``float`` in price units that also has `age` (seconds since it was made), `time_ns`, `symbol`.

        Raises
        ------
        NoDataError
            When nothing came in time.
        ClosedError
            After the suite was disconnected.
        """
        row = await self._first(lambda: self._engine.last_trade, "price", timeout)
        age = max(0.0, self._session.feed.clock.lag_ms(row[0]) / 1e3)
        return Price(row[1], self.symbol, row[0], age, self._engine.tz)

    async def get_current_quote(self, timeout: float = _DEFAULT_TIMEOUT) -> Quote:
        """Return the newest best bid and ask.

        Raises
        ------
        NoDataError
            When no quote came in time.
        """
        row = await self._first(lambda: self._engine.last_quote, "quote", timeout)
        age = max(0.0, self._session.feed.clock.lag_ms(row[0]) / 1e3)
        return Quote(self.symbol, *row, age, self._engine.tz)

    async def get_latest_tick(self, timeout: float = _DEFAULT_TIMEOUT) -> Tick:
        """Return the newest trade.

        Raises
        ------
        NoDataError
            When no trade came in time.
        """
        row = await self._first(lambda: self._engine.last_trade, "tick", timeout)
        ts_ns, price, size, count, side, trade_id = row
        return Tick(self.symbol, ts_ns, price, size, _SIDES[side], trade_id, count, "ok", self._engine.tz)

    async def get_market_snapshot(self, timeout: float = _DEFAULT_TIMEOUT) -> MarketSnapshot:
        """Return the current session at a glance: open, high, low, close, volume, last, bid, ask, time.

        Raises
        ------
        NoDataError
            When no trade came in time.
        """
        last = await self._first(lambda: self._engine.last_trade, "trade", timeout)
        engine = self._engine
        with engine.lock:
            day = engine.sessions.day_span(last[0])
            start = day[0] if day is not None else last[0]
            name = engine.cascade.root.name
            log, forming = engine.log(name), engine.cascade.forming(name)
            columns = log.columns(log.find(start), len(log), forming)
        quote = engine.last_quote
        volume = float(columns.volume.sum())
        return MarketSnapshot(
            self.symbol,
            last[0],
            float(columns.open[0]) if len(columns) else last[1],
            float(columns.high.max()) if len(columns) else last[1],
            float(columns.low.min()) if len(columns) else last[1],
            last[1],
            round(volume) if engine.instrument.whole_lots else volume,
            last[1],
            quote[1] if quote else float("nan"),
            quote[3] if quote else float("nan"),
            int(columns.time_us[0]) * 1000 if len(columns) else start,
            max(0.0, self._session.feed.clock.lag_ms(last[0]) / 1e3),
            engine.tz,
        )

    # -- bars ---------------------------------------------------------------------------------------

    @immediate
    async def get_data(
        self,
        timeframe: str,
        count: int | None = None,
        start_time: When = None,
        end_time: When = None,
        *,
        closed_only: bool = False,
    ) -> pd.DataFrame:
        """Return bars of a timeframe, oldest first.

        Parameters
        ----------
        timeframe
            A timeframe that is kept, under any of its names.
        count
            The newest so many, the forming bar included; None for all held.
        start_time, end_time
            Only bars that start in ``[start_time, end_time]``; a naive datetime is the machine's local time.
        closed_only
            Leave the forming bar out. Otherwise it is the last row, and ``frame.attrs["forming"]`` is True.

        Returns
        -------
        pandas.DataFrame
            Index ``timestamp`` (datetime64[us, tz], bar start), columns open high low close volume
            tick_count, and vwap where the feed gives trades, all float64. Empty, with these columns, when
            there is no data. ``frame.attrs["partial"]`` lists the rows whose interval the feed did not cover
            whole. It is the caller's: nothing changes it later.

        Raises
        ------
        TimeframeError
            When the timeframe is not kept; the message names the ones kept.
        OptionError
            When ``count`` is negative or a time is none.
        """
        if type(count) is not int:
            count = _whole_number(count)
        if count is not None and count < 0:
            raise OptionError(f"count must be 0 or more, or None for all; got {count!r}")
        if start_time is None is end_time:
            return self._open().frame(timeframe, count, closed_only=closed_only)
        return self._open().frame(
            timeframe, count, to_ns(start_time), to_ns(end_time), closed_only=closed_only
        )

    @immediate
    async def get_all_data(self, timeframe: str) -> pd.DataFrame:
        """Return every bar of a timeframe that is held, oldest first; see `get_data`."""
        return self._open().frame(timeframe)

    # -- timeframes ---------------------------------------------------------------------------------

    def get_timeframes(self) -> list[str]:
        """Return the timeframes kept, fine to coarse, activity bars last."""
        return self._engine.timeframes()

    def has_timeframe(self, timeframe: str) -> bool:
        """Return whether bars of a timeframe are kept; False for names that are not understood."""
        return self._engine.has_timeframe(timeframe)

    @immediate
    async def add_timeframe(self, timeframe: str) -> str:
        """Keep one more timeframe, filled at once from the bars or trades held.

        Returns
        -------
        str
            Its canonical name.

        Raises
        ------
        TimeframeError
            When the name is not understood or makes no sense.
        """
        return self._open().add_timeframe(timeframe)

    @immediate
    async def remove_timeframe(self, timeframe: str) -> str:
        """Stop keeping a timeframe.

        Raises
        ------
        TimeframeError
            When it is not kept.
        """
        return self._open().remove_timeframe(timeframe)

    # -- ticks --------------------------------------------------------------------------------------

    @immediate
    async def get_recent_ticks(self, count: int = 100) -> list[Tick]:
        """Return the newest trades held, oldest first."""
        engine = self._open()
        tz, symbol = engine.tz, self.symbol
        return [
            Tick(symbol, ts_ns, price, size, _SIDES[side], trade_id, raw, _FLAGS[flag], tz)
            for ts_ns, price, size, raw, side, trade_id, flag in engine.recent(count).tolist()
        ]

    # -- subscriptions ------------------------------------------------------------------------------

    async def subscribe_to_trades(self) -> None:
        """Receive trades; on from the start."""
        await self._subscribe("trades")

    async def subscribe_to_quotes(self) -> None:
        """Receive best bid and ask; on from the start."""
        await self._subscribe("quotes")

    async def subscribe_to_level2(self) -> None:
        """Receive the order book."""
        await self._subscribe("depth")

    async def unsubscribe_from_trades(self) -> None:
        """Stop receiving trades: no bar moves until `subscribe_to_trades`."""
        await self._unsubscribe("trades")

    async def unsubscribe_from_quotes(self) -> None:
        """Stop receiving quotes."""
        await self._unsubscribe("quotes")

    async def unsubscribe_from_level2(self) -> None:
        """Stop receiving the order book."""
        await self._unsubscribe("depth")

    async def _subscribe(self, channel: Channel) -> None:
        self._open()
        self._session.pipelines[self.symbol].subscribed.add(channel)
        await await_call(self._session.feed.subscribe(self.symbol, [channel]))

    async def _unsubscribe(self, channel: Channel) -> None:
        self._open()
        await await_call(self._session.feed.unsubscribe(self.symbol, [channel]))
        self._session.pipelines[self.symbol].subscribed.discard(channel)

    # -- what happened to the data ------------------------------------------------------------------

    @immediate
    async def get_accounting(self) -> Accounting:
        """Return where every trade that arrived went."""
        return self._session.accounting(self.symbol)

    def __repr__(self) -> str:
        kept, status = ", ".join(self.get_timeframes()), self._session.health.status
        return f"<{type(self).__name__} {self.symbol}: {kept}; {status}>"
