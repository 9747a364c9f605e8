"""The event bus. Handlers run on the loop or thread they were registered on, in order, behind bounded queues.

The engine calls `EventBus.emit` on its own thread: that appends to each listener's queue and wakes it, and
does nothing else. A slow handler fills only its own queue; a raising one is logged and called again.
"""

from __future__ import annotations

import asyncio
import collections
import contextvars
import inspect
import logging
import queue
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any

from mdnb.errors import ClosedError, OptionError, WaitTimeoutError
from mdnb.events.streams import AsyncEventStream, Backlog, EventStream
from mdnb.events.types import Event, EventType
from mdnb.interruptible_wait import seconds_to_wait

__all__ = ["EventBus", "Handler", "Subscription", "Tap"]

Handler = Callable[[Event], Any]
"""A plain or an async function of one event."""

_TURN = 64
_QUEUE_LIMIT = 10_000
_LOG_EVERY_SECONDS = 1.0
_EXIT_SECONDS = 1.0

_log = logging.getLogger("mdnb.events")


class Subscription:
    """One registered handler.

    Attributes
    ----------
    type
        What it listens to.
    handler
        The function.
    symbol
        Whose events it listens to; None: everybody's.
    delivered, dropped, errors
        Events handed over, lost because the handler was too slow, and failed in it.

    Examples
    --------
    >>> import mdnb
    >>> with mdnb.live("MNQ", "1min", initial_days=0) as live:
    ...     subscription = live.on("new_bar", print)
    ...     listening = subscription.active
    ...     subscription.off()
    >>> listening, subscription.active
    (True, False)
    """

    def __init__(
        self,
        bus: EventBus,
        type: EventType,
        handler: Handler,
        loop: asyncio.AbstractEventLoop | None,
        *,
        symbol: str | None = None,
        once: bool = False,
        limit: int = _QUEUE_LIMIT,
    ) -> None:
        self.type = type
        self.handler = handler
        self.symbol = symbol
        self.delivered = 0
        self.dropped = 0
        self.errors = 0
        self._bus = bus
        self._loop = loop
        # A notebook tells by the context to which cell output belongs: it belongs to the one that registered.
        self._context = contextvars.copy_context()
        self._once = once
        self._limit = limit
        self._waiting: collections.deque[Event] = collections.deque()
        self._lock = threading.Lock()
        self._scheduled = False
        self._active = True
        self._last_logged = -_LOG_EVERY_SECONDS

    @property
    def active(self) -> bool:
        """Whether it still listens."""
        return self._active

    def off(self) -> None:
        """Stop listening; what waits in the queue is not delivered any more."""
        self._active = False
        self._bus._forget(self)
        with self._lock:
            self._waiting.clear()

    close = cancel = off

    def _offer(self, event: Event) -> bool:
        """Queue an event; return False when the queue was full and the oldest event was dropped."""
        with self._lock:
            full = len(self._waiting) >= self._limit
            if full:
                self._waiting.popleft()
                self.dropped += 1
            self._waiting.append(event)
            if self._scheduled:
                return not full
            self._scheduled = True
        self._wake()
        return not full

    def _wake(self) -> None:
        if self._loop is None:
            self._bus._call_back(self)
            return
        try:
            self._loop.call_soon_threadsafe(self._start_draining, context=self._context)
        except RuntimeError:
            # The loop that registered the handler is closed: nobody is left to call.
            self.off()

    def _start_draining(self) -> None:
        task = asyncio.ensure_future(self._drain())
        self._bus._tasks.add(task)
        task.add_done_callback(self._bus._tasks.discard)

    def _take(self) -> Event | None:
        with self._lock:
            if self._waiting and self._active:
                return self._waiting.popleft()
            self._scheduled = False
            return None

    async def _drain(self) -> None:
        handled = 0
        while (event := self._take()) is not None:
            handled += 1
            if handled % _TURN == 0:
                # Others on this loop have their turn too.
                await asyncio.sleep(0)
            if self._once:
                self.off()
            try:
                result = self.handler(event)
                if inspect.isawaitable(result):
                    await result
            except Exception as error:  # noqa: BLE001  # a user's handler may raise anything; the feed goes on
                self._failed(error)
            self.delivered += 1

    def _drain_on_thread(self, stopping: threading.Event) -> None:
        for _ in range(_TURN):
            event = None if stopping.is_set() else self._take()
            if event is None:
                return
            if self._once:
                self.off()
            try:
                self._context.run(_call, self.handler, event)
            except Exception as error:  # noqa: BLE001  # a user's handler may raise anything; the feed goes on
                self._failed(error)
            self.delivered += 1
        # Others on this thread have their turn too.
        self._bus._call_back(self)

    def _failed(self, error: Exception) -> None:
        self.errors += 1
        self._bus.last_error = error
        now = time.monotonic()
        if now - self._last_logged >= _LOG_EVERY_SECONDS:
            self._last_logged = now
            name = getattr(self.handler, "__qualname__", repr(self.handler))
            _log.error("%s handler %s raised (%d so far)", self.type.name, name, self.errors, exc_info=error)

    def __repr__(self) -> str:
        name = getattr(self.handler, "__qualname__", repr(self.handler))
        counts = f"{self.delivered} delivered, {self.dropped} dropped, {self.errors} errors"
        whose = f" of {self.symbol}" if self.symbol is not None else ""
        return f"<{self.type.name}{whose} -> {name}: {counts}>"


def _call(handler: Handler, event: Event) -> None:
    result = handler(event)
    if inspect.isawaitable(result):
        asyncio.run(_finish(result))


async def _finish(awaitable: Any) -> None:
    await awaitable


class Tap(Subscription):
    """An internal listener: called at once on the emitting thread; it must not block or raise.

    `EventBus.off` leaves it when it removes all handlers of a type.
    """

    def _offer(self, event: Event) -> bool:
        if self._active:
            self.handler(event)
            self.delivered += 1
        return True


class _IntoStream(Subscription):
    """What an iterator over events listens by, one for each type; `EventBus.off` leaves it."""

    def __init__(self, bus: EventBus, type: EventType, backlog: Backlog, symbol: str | None) -> None:
        super().__init__(bus, type, backlog.put, None, symbol=symbol)
        self._backlog = backlog

    def _offer(self, event: Event) -> bool:
        fitted = self._backlog.put(event)
        self.dropped += not fitted
        self.delivered += 1
        return fitted


class _CallbackThread:
    """Runs handlers that were registered where no loop runs, each in its turn.

    It ends before Python takes itself apart: the process of a thread that still prints then is aborted.
    """

    def __init__(self) -> None:
        self._waiting: queue.SimpleQueue[Subscription | None] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._done = threading.Event()
        thread = threading.Thread(target=self._run, name="mdnb-callbacks", daemon=True)
        weakref.finalize(thread, self._exit)
        thread.start()

    def put(self, subscription: Subscription) -> None:
        """Have a subscription's events handled."""
        self._waiting.put(subscription)

    def stop(self) -> None:
        """End after the event that is being handled; from any thread, without waiting."""
        self._stopping.set()
        self._waiting.put(None)

    def _run(self) -> None:
        try:
            while (subscription := self._waiting.get()) is not None:
                subscription._drain_on_thread(self._stopping)
        finally:
            self._done.set()

    def _exit(self) -> None:
        self.stop()
        self._done.wait(_EXIT_SECONDS)


_AT_ONCE = (Tap, _IntoStream)


class EventBus:
    """All listeners of one suite.

    Parameters
    ----------
    on_slow
        Called with a subscription when it had to drop its first event, and then once a second.

    Examples
    --------
    >>> bus, seen, done = EventBus(), [], threading.Event()
    >>> handle = bus.on(EventType.NEW_BAR, lambda event: (seen.append(event.data), done.set()))
    >>> bus.emit(Event(EventType.NEW_BAR, "MNQ", 0, {"close": 1.0}))
    >>> done.wait(5) and seen
    [{'close': 1.0}]
    >>> bus.close()
    """

    def __init__(self, on_slow: Callable[[Subscription], None] | None = None) -> None:
        self.last_error: Exception | None = None
        self._listeners: dict[EventType, tuple[Subscription, ...]] = {}
        self._routes: dict[tuple[EventType, str], tuple[Subscription, ...]] = {}
        self._backlogs: weakref.WeakSet[Backlog] = weakref.WeakSet()
        self._ended = False
        self._lock = threading.Lock()
        self._callbacks: _CallbackThread | None = None
        self._tasks: set[asyncio.Future[None]] = set()
        self._on_slow = on_slow
        self._slow_told: dict[Subscription, float] = {}

    def wants(self, type: EventType, symbol: str | None = None) -> bool:
        """Return whether anybody listens to a type; events without a listener are not made."""
        # Mostly nobody does, and a batch asks for each type.
        return type in self._listeners and (symbol is None or bool(self._route(type, symbol)))

    def _route(self, type: EventType, symbol: str) -> tuple[Subscription, ...]:
        # Those who add or remove listeners change these first and put new routes in place afterwards: what is
        # kept in the routes read here is never older than they are.
        routes = self._routes
        route = routes.get((type, symbol))
        if route is None:
            held = self._listeners.get(type, ())
            route = routes[type, symbol] = tuple(each for each in held if each.symbol in (None, symbol))
        return route

    def on(
        self,
        type: EventType | str,
        handler: Handler,
        *,
        symbol: str | None = None,
        once: bool = False,
        limit: int = _QUEUE_LIMIT,
    ) -> Subscription:
        """Register a handler; it runs on the running loop, or on a thread for callbacks where none runs.

        Parameters
        ----------
        type
            What to listen to.
        handler
            A plain or an async function of one event. What it prints in a notebook appears under the cell
            that registers it.
        symbol
            Only events of this symbol; others' take no room in the queue. None: of every symbol.
        once
            Only the next event.
        limit
            How many events wait at most; beyond, the oldest is dropped and counted, and an alert emitted.

        Raises
        ------
        OptionError
            When there is no such event or the handler cannot be called.
        """
        try:
            loop: asyncio.AbstractEventLoop | None = asyncio.get_running_loop()
        except RuntimeError:
            loop = None
        return self._register(type, handler, loop, symbol=symbol, once=once, limit=limit)

    def on_thread(
        self,
        type: EventType | str,
        handler: Handler,
        *,
        symbol: str | None = None,
        once: bool = False,
        limit: int = _QUEUE_LIMIT,
    ) -> Subscription:
        """Register a handler that runs on the thread for callbacks, whatever loop is running here.

        The parameters are those of `on`.
        """
        return self._register(type, handler, None, symbol=symbol, once=once, limit=limit)

    def _register(
        self,
        type: EventType | str,
        handler: Handler,
        loop: asyncio.AbstractEventLoop | None,
        *,
        symbol: str | None,
        once: bool,
        limit: int,
    ) -> Subscription:
        if not callable(handler):
            raise OptionError(f"a handler must be a function of one event; got {handler!r}")
        kind = EventType.parse(type)
        return self._add(Subscription(self, kind, handler, loop, symbol=symbol, once=once, limit=limit))

    def tap(self, type: EventType, handler: Handler, *, symbol: str | None = None) -> Subscription:
        """Register an internal listener; see `Tap`."""
        return self._add(Tap(self, type, handler, None, symbol=symbol))

    def _add(self, subscription: Subscription) -> Subscription:
        with self._lock:
            calls_back = subscription._loop is None and not isinstance(subscription, _AT_ONCE)
            if calls_back and self._callbacks is None:
                # Before anybody can offer it an event, which would wait for this thread.
                self._callbacks = _CallbackThread()
            held = self._listeners.get(subscription.type, ())
            self._listeners[subscription.type] = (*held, subscription)
            self._routes = {}
        return subscription

    def off(
        self,
        type: EventType | str | Subscription,
        handler: Handler | None = None,
        *,
        symbol: str | None = None,
    ) -> int:
        """Remove a subscription, a handler, or all handlers of a type; return how many were removed.

        Parameters
        ----------
        type
            What they listen to, or one subscription; one of another bus is not removed.
        handler
            Only this function's; None: every handler's.
        symbol
            Only those that were registered for this symbol; None: whatever the symbol.

        Examples
        --------
        >>> bus = EventBus()
        >>> mes = bus.on("new_bar", print, symbol="MES")
        >>> bus.off("new_bar", print, symbol="MNQ"), bus.off("new_bar", print)
        (0, 1)
        >>> bus.close()
        """
        if handler is not None and not callable(handler):
            raise OptionError(f"a handler must be a function of one event; got {handler!r}")
        if isinstance(type, Subscription):
            is_meant = type._bus is self and (handler is None or type.handler == handler)
            chosen = [type] if type.active and is_meant else []
        else:
            chosen = [
                subscription
                for subscription in self._listeners.get(EventType.parse(type), ())
                if (handler is None and not isinstance(subscription, _AT_ONCE))
                or subscription.handler == handler
            ]
        gone = [each for each in chosen if symbol is None or each.symbol == symbol]
        for subscription in gone:
            subscription.off()
        return len(gone)

    def _forget(self, subscription: Subscription) -> None:
        with self._lock:
            left = tuple(
                held for held in self._listeners.get(subscription.type, ()) if held is not subscription
            )
            if left:
                self._listeners[subscription.type] = left
            else:
                self._listeners.pop(subscription.type, None)
            self._routes = {}
            self._slow_told.pop(subscription, None)

    def subscriptions(self) -> list[Subscription]:
        """Return all handlers registered."""
        return [subscription for held in list(self._listeners.values()) for subscription in held]

    def emit(self, event: Event) -> None:
        """Emit an event to everybody who listens to its type and symbol; never blocks, never raises."""
        for subscription in self._route(event.type, event.symbol):
            if not subscription._offer(event) and self._on_slow is not None:
                now = time.monotonic()
                if now - self._slow_told.get(subscription, -_LOG_EVERY_SECONDS) >= _LOG_EVERY_SECONDS:
                    self._slow_told[subscription] = now
                    self._on_slow(subscription)

    async def wait_for(
        self,
        type: EventType | str,
        timeout: float | None = None,
        where: Callable[[Event], bool] | None = None,
        *,
        symbol: str | None = None,
    ) -> Event:
        """Wait for the next event of a type.

        Parameters
        ----------
        type
            What to wait for.
        timeout
            Seconds; None waits as long as the market runs.
        where
            Only an event for which this is true.
        symbol
            Only an event of this symbol.

        Raises
        ------
        WaitTimeoutError
            When none came in time.
        ClosedError
            When the market came to its end meanwhile, so that none will come.
        """
        kind, seconds = EventType.parse(type), seconds_to_wait(timeout)
        if where is not None and not callable(where):
            raise OptionError(f"where must be a function of one event; got {where!r}")
        stream = self.events(kind, symbol=symbol)
        try:
            async with asyncio.timeout(seconds) as limit:
                async for event in stream:
                    if where is None or where(event):
                        return event
        except TimeoutError as error:
            if not limit.expired():
                raise  # of the condition
            raise WaitTimeoutError(f"no {kind.name} event within {seconds:g} s") from error
        finally:
            stream.close()
        raise ClosedError(f"no {kind.name} event will come: the market is at its end or was closed")

    def events(
        self, *types: EventType | str, symbol: str | None = None, timeout: float | None = None
    ) -> AsyncEventStream:
        """Iterate over events as they come; it ends with the market.

        Parameters
        ----------
        *types
            What to listen to; none means everything.
        symbol
            Only events of this symbol; None: of every symbol.
        timeout
            Seconds to wait for each event; `WaitTimeoutError` then, and the next ones can still be had.
            None waits as long as the market runs.
        """
        seconds = seconds_to_wait(timeout)
        backlog, stop = self._backlog(types, symbol)
        return AsyncEventStream(backlog, stop, seconds)

    def events_plain(
        self,
        *types: EventType | str,
        symbol: str | None = None,
        timeout: float | None = None,
        check: Callable[[], None] | None = None,
    ) -> EventStream:
        """Iterate over events as they come, on any thread and without ``await``; it ends with the market.

        Parameters
        ----------
        *types
            What to listen to; none means everything.
        symbol
            Only events of this symbol; None: of every symbol.
        timeout
            Seconds to wait for each event; `WaitTimeoutError` then, and the next ones can still be had.
            None waits as long as the market runs.
        check
            Called before each event is waited for; it raises where that must not be done.

        Examples
        --------
        >>> bus = EventBus()
        >>> bars = bus.events_plain("new_bar", symbol="MNQ")
        >>> bus.emit(Event(EventType.NEW_BAR, "MNQ", 0, {"close": 1.0}))
        >>> bus.emit(Event(EventType.NEW_BAR, "MES", 0, {"close": 2.0}))
        >>> bus.close()
        >>> [event.close for event in bars]
        [1.0]
        """
        seconds = seconds_to_wait(timeout)
        backlog, stop = self._backlog(types, symbol)
        return EventStream(backlog, stop, seconds, check)

    def _backlog(
        self, types: tuple[EventType | str, ...], symbol: str | None
    ) -> tuple[Backlog, Callable[[], None]]:
        kinds = dict.fromkeys(EventType.parse(each) for each in types) or list(EventType)
        backlog = Backlog(_QUEUE_LIMIT)
        with self._lock:
            self._backlogs.add(backlog)
            ended = self._ended
        if ended:
            backlog.end()
            return backlog, backlog.end
        into = [self._add(_IntoStream(self, kind, backlog, symbol)) for kind in kinds]

        def stop() -> None:
            for each in into:
                each.off()
            backlog.end()

        return backlog, stop

    def end(self) -> None:
        """End iterators and waits: no event will come any more; queued ones can still be read."""
        with self._lock:
            self._ended = True
            backlogs = list(self._backlogs)
        for backlog in backlogs:
            backlog.end()

    def _call_back(self, subscription: Subscription) -> None:
        callbacks = self._callbacks
        if callbacks is not None:
            callbacks.put(subscription)

    def close(self) -> None:
        """Remove every handler, end every iterator and the thread for callbacks."""
        self.end()
        for subscription in self.subscriptions():
            subscription.off()
        with self._lock:
            callbacks, self._callbacks = self._callbacks, None
        if callbacks is not None:
            callbacks.stop()
