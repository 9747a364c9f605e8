"""Who listens to what. Handlers run where they were registered, in order, behind bounded queues.

The engine calls `EventBus.emit` on its own thread: that appends to each listener's queue and wakes it, and
does nothing else. A slow handler fills only its own queue; a raising one is logged and called again.
"""

from __future__ import annotations

import asyncio
import collections
import inspect
import logging
import queue
import threading
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

from mdnb.errors import OptionError, WaitTimeoutError
from mdnb.events.types import Event, EventType
from mdnb.interruptible_wait import wakeful

__all__ = ["EventBus", "Handler", "Subscription", "Tap"]

Handler = Callable[[Event], Any]
"""A plain or an async function of one event."""

_TURN = 64
_QUEUE_LIMIT = 10_000
_LOG_EVERY_SECONDS = 1.0

_log = logging.getLogger("mdnb.events")


class Subscription:
    """One registered handler.

    Attributes
    ----------
    type
        What it listens to.
    handler
        The function.
    delivered, dropped, errors
        Events handed over, lost because the handler was too slow, and failed in it.
    """

    def __init__(
        self,
        bus: EventBus,
        type: EventType,
        handler: Handler,
        loop: asyncio.AbstractEventLoop | None,
        *,
        once: bool = False,
        limit: int = _QUEUE_LIMIT,
    ) -> None:
        self.type = type
        self.handler = handler
        self.delivered = 0
        self.dropped = 0
        self.errors = 0
        self._bus = bus
        self._loop = loop
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

    close = off

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
            self._bus._callbacks.put(self)
            return
        try:
            self._loop.call_soon_threadsafe(self._start_draining)
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

    def _drain_on_thread(self) -> None:
        for _ in range(_TURN):
            event = self._take()
            if event is None:
                return
            if self._once:
                self.off()
            try:
                result = self.handler(event)
                if inspect.isawaitable(result):
                    asyncio.run(_finish(result))
            except Exception as error:  # noqa: BLE001  # a user's handler may raise anything; the feed goes on
                self._failed(error)
            self.delivered += 1
        # Others on this thread have their turn too.
        self._bus._callbacks.put(self)

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
        return f"<{self.type.name} -> {name}: {counts}>"


async def _finish(awaitable: Any) -> None:
    await awaitable


class Tap(Subscription):
    """A function of the engine's own: called at once, by whoever tells; it must not block or raise.

    `EventBus.off` leaves it when it removes all handlers of a type.
    """

    def _offer(self, event: Event) -> bool:
        if self._active:
            self.handler(event)
            self.delivered += 1
        return True


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
        self._lock = threading.Lock()
        self._callbacks: queue.SimpleQueue[Subscription | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._tasks: set[asyncio.Future[None]] = set()
        self._on_slow = on_slow
        self._slow_told: dict[Subscription, float] = {}

    def wants(self, type: EventType) -> bool:
        """Return whether anybody listens: events that nobody wants are never made."""
        return type in self._listeners

    def on(
        self, type: EventType | str, handler: Handler, *, once: bool = False, limit: int = _QUEUE_LIMIT
    ) -> Subscription:
        """Register a handler; it runs on the running loop, or on a thread for callbacks where none runs."""
        if not callable(handler):
            raise OptionError(f"a handler must be a function of one event; got {handler!r}")
        try:
            loop: asyncio.AbstractEventLoop | None = asyncio.get_running_loop()
        except RuntimeError:
            loop = None
        return self._add(Subscription(self, EventType.parse(type), handler, loop, once=once, limit=limit))

    def on_thread(
        self, type: EventType | str, handler: Handler, *, once: bool = False, limit: int = _QUEUE_LIMIT
    ) -> Subscription:
        """Register a handler that runs on the thread for callbacks, whatever loop is running here."""
        if not callable(handler):
            raise OptionError(f"a handler must be a function of one event; got {handler!r}")
        return self._add(Subscription(self, EventType.parse(type), handler, None, once=once, limit=limit))

    def tap(self, type: EventType, handler: Handler) -> Subscription:
        """Register a function of the engine's own; see `Tap`."""
        return self._add(Tap(self, type, handler, None))

    def _add(self, subscription: Subscription) -> Subscription:
        with self._lock:
            held = self._listeners.get(subscription.type, ())
            self._listeners[subscription.type] = (*held, subscription)
            calls_back = subscription._loop is None and not isinstance(subscription, Tap)
            if calls_back and self._thread is None:
                self._thread = threading.Thread(target=self._call_back, name="mdnb-callbacks", daemon=True)
                self._thread.start()
        return subscription

    def off(self, type: EventType | str | Subscription, handler: Handler | None = None) -> int:
        """Remove a subscription, a handler, or all handlers of a type; return how many were removed."""
        if isinstance(type, Subscription):
            was = type.active
            type.off()
            return int(was)
        gone = [
            subscription
            for subscription in self._listeners.get(EventType.parse(type), ())
            if (handler is None and not isinstance(subscription, Tap)) or subscription.handler == handler
        ]
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
            self._slow_told.pop(subscription, None)

    def subscriptions(self) -> list[Subscription]:
        """Return all handlers registered."""
        return [subscription for held in list(self._listeners.values()) for subscription in held]

    def emit(self, event: Event) -> None:
        """Hand an event to everybody who listens to its type; never blocks, never raises."""
        for subscription in self._listeners.get(event.type, ()):
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
    ) -> Event:
        """Wait for the next event of a type.

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
        """
        kind = EventType.parse(type)
        loop = asyncio.get_running_loop()
        found: asyncio.Future[Event] = loop.create_future()

        def take(event: Event) -> None:
            if not found.done() and (where is None or where(event)):
                found.set_result(event)

        subscription = self._add(Subscription(self, kind, take, loop))
        try:
            async with asyncio.timeout(timeout):
                return await wakeful(found)
        except TimeoutError as error:
            raise WaitTimeoutError(f"no {kind.name} event within {timeout:g} s") from error
        finally:
            subscription.off()

    async def events(self, *types: EventType | str) -> AsyncIterator[Event]:
        """Iterate over events as they come; no types means all."""
        kinds = [EventType.parse(each) for each in types] or list(EventType)
        arrived: asyncio.Queue[Event] = asyncio.Queue(_QUEUE_LIMIT)
        loop = asyncio.get_running_loop()

        def put(event: Event) -> None:
            if arrived.full():
                arrived.get_nowait()
            arrived.put_nowait(event)

        subscriptions = [self._add(Subscription(self, kind, put, loop)) for kind in kinds]
        try:
            while True:
                yield await wakeful(arrived.get())
        finally:
            for subscription in subscriptions:
                subscription.off()

    def _call_back(self) -> None:
        while (subscription := self._callbacks.get()) is not None:
            subscription._drain_on_thread()

    def close(self) -> None:
        """Remove every handler and end the thread for callbacks."""
        for subscription in self.subscriptions():
            subscription.off()
        with self._lock:
            thread, self._thread = self._thread, None
        if thread is not None:
            self._callbacks.put(None)
