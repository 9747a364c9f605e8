"""Event handlers for callers that ``await`` and for plain ones, for one symbol or all."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Callable, Iterator

from mdnb.errors import ClosedError
from mdnb.events.subscription import Handler, Subscription, handling
from mdnb.events.types import Event, EventType
from mdnb.runtime.process.bridge import call, refuse_on_loop
from mdnb.runtime.process.cell_things import cell_things
from mdnb.runtime.session import MarketSession

__all__ = ["AwaitedEvents", "PlainEvents"]


class AwaitedEvents:
    """Events for callers with a loop: handlers run on the loop that registers them.

    Parameters
    ----------
    session
        Whose events.
    symbol
        Only this one's; None for those of all symbols.
    """

    def __init__(self, session: MarketSession, symbol: str | None) -> None:
        self._session = session
        self._symbol = symbol

    async def on(self, type: EventType | str, handler: Handler) -> Subscription:
        """Call a plain or async function for each event of a type, on the loop that registers it.

        What it raises is logged, and it goes on being called. A plain function that takes long blocks the
        loop meanwhile; a warning and an alert tell of that. In a notebook, a cell that runs again removes the
        handlers that it registered before; several in one run stay.

        Returns
        -------
        Subscription
            Its `off` removes the handler; it also counts what was delivered, dropped and failed.

        Raises
        ------
        OptionError
            When there is no such event or the handler cannot be called.
        ClosedError
            After the market was closed.
        """
        _check_open(self._session)
        return _registered(self._session, self._session.bus.on(type, handler, symbol=self._symbol))

    async def once(self, type: EventType | str, handler: Handler) -> Subscription:
        """Call a function for the next event of a type only; see `on`."""
        _check_open(self._session)
        return _registered(self._session, self._session.bus.on(type, handler, symbol=self._symbol, once=True))

    async def off(self, type: EventType | str | Subscription, handler: Handler | None = None) -> int:
        """Remove a subscription, a handler, or all handlers of a type; return how many were removed.

        On a symbol's face only what listens to that symbol alone is removed; on that of all symbols whatever
        was registered. What another market's face registered stays.
        """
        return self._session.bus.off(type, handler, symbol=self._symbol)

    async def wait_for(
        self,
        type: EventType | str,
        timeout: float | None = None,
        where: Callable[[Event], bool] | None = None,
    ) -> Event:
        """Wait for the next event of a type.

        It is no handler: a replay at ``speed=max`` goes on meanwhile. Each event is had by ``on``, by
        ``events``, or step by step by `mdnb.play`.

        Parameters
        ----------
        timeout
            Seconds; None waits for ever.
        where
            Only an event for which this is true.

        Raises
        ------
        WaitTimeoutError
            When none came in time.
        ClosedError
            After the market was closed.
        FeedError
            When the feed has failed.
        """
        _check_open(self._session)
        self._session.warn_if_missed()
        return await _wait_for_event(self._session, type, timeout, where, self._symbol)

    def events(self, *types: EventType | str, timeout: float | None = None) -> AsyncIterator[Event]:
        """Iterate over events as they come, until the market ends; no types means all.

        ``async for event in suite.events(EventType.NEW_BAR)``.

        Parameters
        ----------
        timeout
            Seconds to wait for each event; `WaitTimeoutError` then, and the next ones can still be had.
            None waits as long as the market runs.

        Raises
        ------
        ClosedError
            After the market was closed.
        """
        _check_open(self._session)
        self._session.bus.refuse_wait()
        made = self._session.bus.events(*types, symbol=self._symbol, timeout=timeout)
        self._session.begin()
        return made


class PlainEvents:
    """Events for plain calls: handlers run on a thread for callbacks.

    Parameters
    ----------
    session, symbol
        As for `AwaitedEvents`.
    """

    def __init__(self, session: MarketSession, symbol: str | None) -> None:
        self._session = session
        self._symbol = symbol

    def on(self, type: EventType | str, handler: Handler) -> Subscription:
        """Call a plain or async function for each event of a type, on a thread for callbacks.

        No handler waits for another. What it raises is logged, and it goes on being called; a warning and an
        alert tell of one that is too slow. In a notebook, a cell that runs again removes the handlers that it
        registered before; several in one run stay.

        Returns
        -------
        Subscription
            Its `off` removes the handler; it also counts what was delivered, dropped and failed.

        Raises
        ------
        OptionError
            When there is no such event or the handler cannot be called.
        ClosedError
            After the market was closed.
        """
        _check_open(self._session)
        return _registered(self._session, self._session.bus.on_thread(type, handler, symbol=self._symbol))

    def once(self, type: EventType | str, handler: Handler) -> Subscription:
        """Call a function for the next event of a type only; see `on`."""
        _check_open(self._session)
        return _registered(
            self._session, self._session.bus.on_thread(type, handler, symbol=self._symbol, once=True)
        )

    def off(self, type: EventType | str | Subscription, handler: Handler | None = None) -> int:
        """Remove a subscription, a handler, or all handlers of a type; return how many were removed.

        On a symbol's face only what listens to that symbol alone is removed; on that of all symbols whatever
        was registered. What another market's face registered stays.
        """
        return self._session.bus.off(type, handler, symbol=self._symbol)

    def wait_for(
        self,
        type: EventType | str,
        timeout: float | None = None,
        where: Callable[[Event], bool] | None = None,
    ) -> Event:
        """Wait for the next event of a type.

        It is no handler: a replay at ``speed=max`` goes on meanwhile. Each event is had by ``on``, by
        ``events``, or step by step by `mdnb.play`.

        Parameters
        ----------
        timeout
            Seconds; None waits for ever.
        where
            Only an event for which this is true.

        Raises
        ------
        WaitTimeoutError
            When none came in time.
        ClosedError
            After the market was closed.
        FeedError
            When the feed has failed.
        """
        _check_open(self._session)
        self._session.bus.refuse_wait()
        self._session.warn_if_missed()
        return call(_wait_for_event(self._session, type, timeout, where, self._symbol))

    def events(self, *types: EventType | str, timeout: float | None = None) -> Iterator[Event]:
        """Iterate over events as they come, until the market ends; no types means all.

        ``for event in live.events("new_bar")``.

        Parameters
        ----------
        timeout
            Seconds to wait for each event; `WaitTimeoutError` then, and the next ones can still be had.
            None waits as long as the market runs.

        Raises
        ------
        ClosedError
            After the market was closed.
        RuntimeUseError
            When called on the background loop, whose events would never come then.
        """
        _check_open(self._session)
        check = functools.partial(refuse_on_loop, "an iterator over events")
        check()
        self._session.bus.refuse_wait()
        made = self._session.bus.events_plain(*types, symbol=self._symbol, timeout=timeout, check=check)
        self._session.begin()
        return made


def _registered(session: MarketSession, made: Subscription) -> Subscription:
    """Let a handler belong to the cell that registered it, and a recording that waits for one begin."""
    cell_things().add(made, handling.get())
    session.begin_soon()
    session.warn_if_late(f"the {made.type.name} handler")
    return made


async def _wait_for_event(
    session: MarketSession,
    type: EventType | str,
    timeout: float | None,
    where: Callable[[Event], bool] | None,
    symbol: str | None,
) -> Event:
    """Wait for an event, of a recording that waits for somebody from its beginning on."""
    waiting = asyncio.ensure_future(session.bus.wait_for(type, timeout, where, symbol=symbol))
    await asyncio.sleep(0)
    session.begin()
    try:
        event = await waiting
    finally:
        waiting.cancel()
    session.waited_ns = session.feed.clock.now_ns()
    return event


def _check_open(session: MarketSession) -> None:
    """Raise `ClosedError` after a session was closed."""
    if session.closed:
        raise ClosedError(f"the market of {', '.join(session.symbols)} was closed; make a new one")
