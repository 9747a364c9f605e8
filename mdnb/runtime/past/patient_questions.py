"""Asks the history at the start: again where it fails, and not for ever."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

from mdnb.errors import FeedBusyError, FeedError, FeedRefusedError
from mdnb.feeds.base import Feed
from mdnb.feeds.history_rows import BAR_FIELDS, TRADE_FIELDS, checked_rows
from mdnb.rows import BarRow, TradeRow
from mdnb.runtime.past.stretches import Patience

__all__ = ["PatientQuestions"]

_log = logging.getLogger("mdnb")
_T = TypeVar("_T")
_NO_ANSWER = "it has not answered"


class PatientQuestions:
    """Asks one symbol's history.

    Parameters
    ----------
    feed
        Whose history is asked. One that is local is asked once, and waited for.
    symbol
        Of which.
    limit
        For how many seconds a question may fail, or stay without an answer or a page of one; None for ever.
    on_failure
        Called with the reason before it is asked again.
    on_rows
        Called with each answer.

    Attributes
    ----------
    gave_up
        Whether a question failed, or had no answer, until there was no time left: those that follow are asked
        once.
    is_over
        Whether no other need be asked: one was never answered, or told to be asked again later than there is
        time for.
    """

    def __init__(
        self,
        feed: Feed,
        symbol: str,
        limit: float | None,
        on_failure: Callable[[str], None] = lambda _: None,
        on_rows: Callable[[object], None] = lambda _: None,
    ) -> None:
        self.gave_up = self.is_over = False
        self._feed = feed
        self._symbol = symbol
        self._limit = None if feed.is_local else limit
        self._on_failure = on_failure
        self._on_rows = on_rows
        self._patience = Patience()

    async def bars(
        self, timeframe: str, start_ns: int, end_ns: int, *, patiently: bool = True
    ) -> list[BarRow] | None:
        """Return what `Feed.history_bars` does, no bar that begins at the end or later among it.

        Parameters
        ----------
        patiently
            Whether it is asked again where it fails.

        Raises
        ------
        FeedRefusedError, SymbolError
            At once, where that is what the history says.
        FeedError
            With the last reason, when it went on to fail or did not answer.
        """
        rows = await self._answer(
            lambda: self._feed.history_bars(self._symbol, timeframe, start_ns, end_ns), patiently=patiently
        )
        rows = checked_rows("history_bars", rows, BAR_FIELDS)
        self._on_rows(rows)
        # Many venues end an answer with the bar that is being made, whatever was asked for.
        return rows if rows is None else [row for row in rows if row[0] < end_ns]

    async def trades(self, start_ns: int, end_ns: int) -> list[TradeRow] | None:
        """Return what `Feed.history_trades` does; raises as `bars` does."""
        rows = await self._answer(lambda: self._feed.history_trades(self._symbol, start_ns, end_ns))
        rows = checked_rows("history_trades", rows, TRADE_FIELDS)
        self._on_rows(rows)
        return rows

    async def _answer(self, ask: Callable[[], Awaitable[_T]], *, patiently: bool = True) -> _T:
        now = asyncio.get_running_loop().time
        attempt, give_up, why = 0, None, _NO_ANSWER
        while True:
            began = now()
            try:
                async with self._in_time(give_up, why):
                    return await ask()
            except FeedRefusedError:
                raise
            except (FeedError, OSError) as error:
                busy = error.retry_after if isinstance(error, FeedBusyError) else 0.0
                if self._feed.is_local or self.gave_up or not patiently:
                    self.is_over = self.is_over or busy > 0
                    raise
                why = str(error) or repr(error)
                if give_up is None and self._limit is not None:
                    give_up = began + self._limit
                pause = self._patience.pause(attempt)
                if give_up is not None:
                    pause = min(pause, give_up - now())
                if give_up is not None and (pause <= 0 or now() + busy > give_up):
                    raise self._given_up(why, busy) from error
                attempt += 1
                _log.info("the history of %s is asked again: %r", self._symbol, error)
                self._on_failure(why)
                await asyncio.sleep(max(pause, busy))

    @contextlib.asynccontextmanager
    async def _in_time(self, give_up: float | None, why: str) -> AsyncIterator[None]:
        if self._limit is None:
            yield
            return
        now, limit, before = asyncio.get_running_loop().time, self._limit, self._feed.on_page
        try:
            async with asyncio.timeout_at(give_up or now() + limit) as within:
                if give_up is None:

                    def on_page() -> None:
                        within.reschedule(now() + limit)
                        before()

                    self._feed.on_page = on_page
                try:
                    yield
                finally:
                    self._feed.on_page = before
        except TimeoutError as error:
            if not within.expired():
                raise
            raise self._given_up(why) from error

    def _given_up(self, why: str, busy: float = 0.0) -> FeedError:
        self.gave_up = True
        self.is_over = busy > 0 or why == _NO_ANSWER
        later = f", to be asked again in {busy:g} s" if busy else ""
        return FeedError(
            f"no history of {self._symbol} within {self._limit:g} s: {why}{later}. Wait longer with"
            " connect_timeout=, or begin without a history with initial_days=0."
        )
