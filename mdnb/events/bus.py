"""The event bus. Handlers run on the loop they were registered on, or on threads, behind bounded queues.

The engine calls `EventBus.emit` on its own thread: that appends to each listener's queue and wakes it, and
does nothing else. Each handler gets its events in order and in a turn of its own: a slow one fills only its
own queue and is told of, one that does not return keeps one thread, and whatever a handler raises is told,
counted, and ends neither a thread nor a loop.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import contextvars
import functools
import inspect
import logging
import threading
import time
import traceback
import types
import weakref
from collections.abc import Callable
from typing import Any

from mdnb.errors import ClosedError, OptionError, RuntimeUseError, WaitTimeoutError
from mdnb.events.callback_threads import CallbackThreads
from mdnb.events.log import tell
from mdnb.events.streams import AsyncEventStream, Backlog, EventStream
from mdnb.events.types import Event, EventType
from mdnb.interruptible_wait import seconds_to_wait

__all__ = ["EventBus", "Handler", "Subscription", "Tap"]

Handler = Callable[[Event], Any]
"""A plain or an async function of one event."""

_TURN = 64
_QUEUE_LIMIT = 10_000
_TOLD_EVERY_SECONDS = 1.0
_COUNTED_EVERY_SECONDS = 60.0
_DISTINCT_ERRORS = 20
_SLOW_SECONDS = 2.0
_CAUGHT_UP_SECONDS = 1.0
_handling: contextvars.ContextVar[Subscription | None] = contextvars.ContextVar("mdnb_handling", default=None)
"""Whose handler runs here."""


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
    last_error
        What the handler raised last; None: nothing yet.

    Examples
    --------
    >>> import mdnb
    >>> with mdnb.live("MNQ", "1min", initial_days=0) as live:
    ...     subscription = live.on("new_bar", print)
    ...     listening = subscription.active
    ...     subscription.off()
    >>> listening, subscription.active, subscription.waiting
    (True, False, 0)
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
        self.last_error: BaseException | None = None
        self._bus = bus
        self._now = bus._now
        self._loop = loop
        # A notebook tells by the context to which cell output belongs: it belongs to the one that registered.
        self._context = contextvars.copy_context()
        self._once = once
        self._limit = limit
        self._half = max(1, limit // 2)
        self._waiting: collections.deque[Event] = collections.deque()
        self._lock = threading.Lock()
        self._scheduled = False
        self._active = True
        self._told_errors: set[tuple[object, ...]] = set()
        self._count_seconds = _TOLD_EVERY_SECONDS
        self._count_due = 0.0
        self._is_slow = False
        self._told_dropped = 0
        self._on_loop_since = 0.0
        self._in_step = True
        self._blocked = 0.0
        self._blocked_last = 0.0

    @property
    def active(self) -> bool:
        """Whether it still listens."""
        return self._active

    @property
    def waiting(self) -> int:
        """Events in its queue that the handler has not been called with yet."""
        return len(self._waiting)

    @property
    def trouble(self) -> str:
        """What is wrong with it now: that it is slow, and what it raised last; empty when nothing is."""
        parts = []
        if self._is_slow:
            parts.append(self._slowness())
        if self.dropped:
            parts.append(f"{self.dropped:,} events dropped")
        if self.last_error is not None:
            parts.append(f"{self.errors:,} errors, the last {_in_words(self.last_error)}")
        return f"{self._title()}: {'; '.join(parts)}" if parts else ""

    def off(self) -> None:
        """Stop listening; what waits in the queue is not delivered any more."""
        self._active = False
        self._bus._forget(self)
        self._waiting.clear()
        self._bus._caught_up()

    close = cancel = off

    # -- its queue ------------------------------------------------------------------------------------

    def _offer(self, event: Event) -> bool:
        """Queue an event; return False when half of the queue or more was in use."""
        waiting = self._waiting
        held = len(waiting)
        if held >= self._limit:
            # It may have been emptied meanwhile.
            with self._lock, contextlib.suppress(IndexError):
                waiting.popleft()
                self.dropped += 1
        if not event._queued:
            event._queued = self._now()
        waiting.append(event)
        # Read without the lock: who ends a turn looks afterwards whether something has come.
        if not self._scheduled:
            self._schedule()
        return held < self._half

    def _schedule(self) -> None:
        with self._lock:
            is_first, self._scheduled = not self._scheduled, True
        if is_first:
            self._begin_turn()

    def _begin_turn(self) -> None:
        if self._loop is None:
            self._bus._call_back(self)
            return
        try:
            self._loop.call_soon_threadsafe(self._start_draining, context=self._context)
        except RuntimeError:
            # The loop that registered the handler is closed: nobody is left to call.
            self.off()

    def _take(self) -> Event | None:
        """Return the next event; None when there is none."""
        try:
            return self._waiting.popleft() if self._active else None
        except IndexError:
            return None

    def _end_turn(self) -> None:
        """Have another turn begin with the next event, or at once for what waits already."""
        self._scheduled = False
        if self._waiting and self._active:
            self._schedule()
        else:
            self._bus._caught_up()

    @property
    def _is_behind(self) -> bool:
        """Whether a replay that waits for its handlers has to wait for it."""
        return self._in_step and self._active and (self._scheduled or bool(self._waiting))

    def _leave_step(self, seconds: float) -> None:
        self._in_step = False
        tell(
            logging.WARNING,
            "%s took more than %g s: the replay goes on without it. What was known with each event is in "
            "event.view.",
            self._title(),
            seconds,
        )

    # -- its turn -------------------------------------------------------------------------------------

    def _start_draining(self) -> None:
        task = asyncio.ensure_future(self._drain())
        self._bus._tasks.add(task)
        task.add_done_callback(self._drained)

    def _drained(self, task: asyncio.Task[None]) -> None:
        self._bus._tasks.discard(task)
        if task.cancelled() or task.exception() is not None:
            # Cancelled, perhaps before it began, or interrupted: the next event begins another turn.
            self._scheduled = False
            self._bus._caught_up()
        else:
            self._end_turn()

    async def _drain(self) -> None:
        task = asyncio.current_task()
        handled = 0
        self._on_loop_since = self._now()
        try:
            while (event := self._take()) is not None:
                if self._once:
                    self.off()
                try:
                    _handling.set(self)
                    result = self.handler(event)
                    if result is not None and inspect.isawaitable(result):
                        self._on_loop_since = 0.0
                        await result
                except BaseException as error:
                    if self._ends_turn(error, task):
                        raise
                    self._failed(error)
                self.delivered += 1
                handled += 1
                if handled % _TURN == 0:
                    # Others on this loop have their turn too.
                    self._leave_loop()
                    await asyncio.sleep(0)
                if not self._on_loop_since:
                    self._on_loop_since = self._now()
        finally:
            self._leave_loop()

    def _leave_loop(self) -> None:
        if self._on_loop_since:
            took = self._now() - self._on_loop_since
            self._on_loop_since = 0.0
            if took >= _SLOW_SECONDS:
                self._blocked = max(took, self._blocked)

    def _ends_turn(self, error: BaseException, task: asyncio.Task[Any] | None) -> bool:
        """Return whether an exception is meant for the task or the program, not raised by the handler."""
        if isinstance(error, asyncio.CancelledError):
            return task is not None and task.cancelling() > 0
        if isinstance(error, GeneratorExit):
            # A task that is dropped with its loop is not the one that runs.
            return asyncio.current_task(self._loop) is not task
        return isinstance(error, KeyboardInterrupt) and threading.current_thread() is threading.main_thread()

    def _drain_on_thread(self, stopping: threading.Event) -> None:
        # Others on this thread have their turn, too.
        for _ in range(_TURN):
            if stopping.is_set():
                return
            event = self._take()
            if event is None:
                break
            if self._once:
                self.off()
            try:
                self._context.run(_call, self, event)
            except BaseException as error:  # noqa: BLE001  # a user's handler may raise anything
                self._failed(error)
            self.delivered += 1
        self._end_turn()

    # -- what is wrong with it ------------------------------------------------------------------------

    def _failed(self, error: BaseException) -> None:
        self.errors += 1
        self.last_error = self._bus.last_error = error
        now = self._now()
        kind = (type(error), *_raised_at(error.__traceback__))
        if kind not in self._told_errors and len(self._told_errors) < _DISTINCT_ERRORS:
            self._told_errors.add(kind)
            self._count_due = max(self._count_due, now + self._count_seconds)
            words = "%s raised %s; it goes on being called"
            tell(logging.ERROR, words, self._title(), type(error).__name__, error=error)
        elif now >= self._count_due:
            self._count_seconds = min(2 * self._count_seconds, _COUNTED_EVERY_SECONDS)
            self._count_due = now + self._count_seconds
            words = "%s has raised %d times so far, the last time %s"
            tell(logging.ERROR, words, self._title(), self.errors, _in_words(error))

    def _begins_slow(self) -> bool:
        """Note that the queue is half full; return whether that is new."""
        was, self._is_slow = self._is_slow, True
        return not was

    def _lost_more(self) -> bool:
        before, self._told_dropped = self._told_dropped, self.dropped
        return self.dropped > before

    def _has_become_slow(self, now: float) -> bool:
        """Return whether it is slow and was not before; one that has caught up may become so again."""
        blocked = max(self._blocked, now - (self._on_loop_since or now))
        self._blocked = 0.0
        age, held = self._age(now), len(self._waiting)
        was = self._is_slow
        if blocked >= _SLOW_SECONDS or age >= _SLOW_SECONDS or held >= self._half:
            self._is_slow = True
            self._blocked_last = blocked if blocked >= _SLOW_SECONDS else 0.0
        elif age < _CAUGHT_UP_SECONDS and held <= self._half // 2:
            self._is_slow = False
        return self._is_slow and not was

    def _age(self, now: float) -> float:
        """Return for how many seconds its oldest event has waited."""
        try:
            return max(0.0, now - self._waiting[0]._queued)
        except IndexError:
            return 0.0

    def _slowness(self) -> str:
        waits = f"{self.waiting:,} events wait, the oldest for {self._age(self._now()):.1f} s"
        if self._blocked_last:
            return f"blocked the loop it runs on for {self._blocked_last:.1f} s; {waits}"
        return waits

    def why_slow(self) -> str:
        """Return in words how slow it is, and what to do about that."""
        lost = f", {self.dropped:,} were dropped" if self.dropped else ""
        if self._loop is None:
            remedy = (
                "Nobody else waits for it. Let it return sooner, give what takes long to a thread of its "
                "own, or listen to fewer events."
            )
        else:
            remedy = (
                "It runs on the loop that registered it: make it async, await there what takes long, such as "
                "asyncio.to_thread(work), and let nothing else block that loop."
            )
        return f"{self._title()} is slow: {self._slowness()}{lost}. {remedy}"

    def _title(self) -> str:
        whose = f" of {self.symbol}" if self.symbol is not None else ""
        return f"{self.type.name} handler {_name(self.handler)}{whose}"

    def __repr__(self) -> str:
        counts = f"{self.delivered} delivered, {self.dropped} dropped, {self.errors} errors"
        waiting = f", {self.waiting} waiting" if self.waiting else ""
        whose = f" of {self.symbol}" if self.symbol is not None else ""
        return f"<{self.type.name}{whose} -> {_name(self.handler)}: {counts}{waiting}>"


def _call(subscription: Subscription, event: Event) -> None:
    _handling.set(subscription)
    handler = subscription.handler
    result = handler(event)
    if result is not None and inspect.isawaitable(result):
        error = asyncio.run(_finish(result))
        if error is not None:
            raise error


async def _finish(awaitable: Any) -> BaseException | None:
    try:
        await awaitable
    except BaseException as error:  # noqa: BLE001  # out of the loop it would be told a second time
        return error
    return None


def _name(handler: Handler) -> str:
    while isinstance(handler, functools.partial):
        handler = handler.func
    return str(getattr(handler, "__qualname__", None) or type(handler).__qualname__)


def _in_words(error: BaseException) -> str:
    return "".join(traceback.format_exception_only(error)).strip().rpartition("\n")[2]


def _raised_at(trace: types.TracebackType | None) -> tuple[object, ...]:
    """Return the place in the code where something was raised."""
    place: tuple[object, ...] = ()
    while trace is not None:
        place = (trace.tb_frame.f_code, trace.tb_lineno)
        trace = trace.tb_next
    return place


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

    def why_slow(self) -> str:
        """Return what was lost."""
        return f"{self._title()} is too slow: {self.dropped} events dropped"

    def _title(self) -> str:
        return f"a listener to {self.type.name}"

    def _offer(self, event: Event) -> bool:
        fitted = self._backlog.put(event)
        self.dropped += not fitted
        self.delivered += 1
        return fitted


_AT_ONCE = (Tap, _IntoStream)


class EventBus:
    """All listeners of one suite.

    Parameters
    ----------
    on_slow
        Called with a subscription when it begins to be slow (its queue is half full, its oldest event waits
        for two seconds, or it blocks its loop for as long), and at most once a second while it drops events.
        Not called again for one that stays slow.
    now
        A monotonic clock in seconds; tests give their own.

    Examples
    --------
    >>> bus, seen, done = EventBus(), [], threading.Event()
    >>> handle = bus.on(EventType.NEW_BAR, lambda event: (seen.append(event.data), done.set()))
    >>> bus.emit(Event(EventType.NEW_BAR, "MNQ", 0, {"close": 1.0}))
    >>> done.wait(5) and seen
    [{'close': 1.0}]
    >>> bus.close()
    """

    def __init__(
        self,
        on_slow: Callable[[Subscription], None] | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._now = now
        self.last_error: BaseException | None = None
        self._listeners: dict[EventType, tuple[Subscription, ...]] = {}
        self._routes: dict[tuple[EventType, str], tuple[Subscription, ...]] = {}
        self._backlogs: weakref.WeakSet[Backlog] = weakref.WeakSet()
        self._ended = False
        self._lock = threading.Lock()
        self._callbacks: CallbackThreads | None = None
        self._tasks: set[asyncio.Future[None]] = set()
        self._on_slow = on_slow
        self.on_caught_up: Callable[[], None] | None = None
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

        It has a queue and a turn of its own: on threads no handler waits for another. A plain handler on a
        loop blocks that loop while it runs, which is told of.

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
            How many events wait at most; beyond, the oldest is dropped and counted. A warning and an alert
            come at half of it, and when an event has waited for two seconds.

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
        """Register a handler that runs on a thread for callbacks, whatever loop is running here.

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
            if calls_back and self._callbacks is not None:
                # From the second handler on there is one that may have to wait for another.
                self._callbacks.watch()
            elif calls_back:
                # Before anybody can offer it an event, which would wait for this thread.
                self._callbacks = CallbackThreads()
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

    # -- a replay that waits for its handlers ---------------------------------------------------------

    def has_handlers(self) -> bool:
        """Return whether anybody registered a handler."""
        return any(not isinstance(each, _AT_ONCE) for held in self._listeners.values() for each in held)

    def are_behind(self) -> bool:
        """Return whether a handler has not handled all its events yet; those that left step do not count."""
        return any(each._is_behind for held in self._listeners.values() for each in held)

    def leave_behind(self, seconds: float) -> None:
        """Wait no more for the handlers that are behind, and tell each of them so."""
        for subscription in self.subscriptions():
            if subscription._is_behind:
                subscription._leave_step(seconds)

    def _caught_up(self) -> None:
        if self.on_caught_up is not None:
            self.on_caught_up()

    def refuse_wait(self) -> None:
        """Raise where waiting for events would keep a replay waiting that waits for the caller.

        Raises
        ------
        RuntimeUseError
            In a handler of a replay that waits for its handlers.
        """
        handling = _handling.get()
        if self.on_caught_up is not None and handling is not None and handling._is_behind:
            raise RuntimeUseError(
                "a handler of a replay at speed=max cannot wait for events: the replay waits for the "
                "handler. Return, and go on with the next event; what is known is in event.view."
            )

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
            if not subscription._offer(event):
                self._fell_behind(subscription)

    def _fell_behind(self, subscription: Subscription) -> None:
        if subscription._begins_slow():
            self._tell_slow(subscription)
        elif subscription._lost_more():
            now = self._now()
            if now - self._slow_told.get(subscription, -_TOLD_EVERY_SECONDS) >= _TOLD_EVERY_SECONDS:
                self._slow_told[subscription] = now
                self._call_on_slow(subscription)

    def look(self) -> None:
        """Tell of handlers that have become slow; the session calls it once a second."""
        now = self._now()
        for subscription in self.subscriptions():
            if subscription._has_become_slow(now):
                self._tell_slow(subscription)

    def _tell_slow(self, subscription: Subscription) -> None:
        tell(logging.WARNING, "%s", subscription.why_slow())
        self._call_on_slow(subscription)

    def _call_on_slow(self, subscription: Subscription) -> None:
        if self._on_slow is not None:
            self._on_slow(subscription)

    def troubles(self, symbol: str | None = None) -> list[str]:
        """Return what is wrong with handlers now, a sentence for each that is slow or has raised something.

        Parameters
        ----------
        symbol
            Only of those that get this symbol's events; None: of all.
        """
        told = [each.trouble for each in self.subscriptions() if symbol in (None, each.symbol or symbol)]
        return [text for text in told if text]

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
        self.refuse_wait()
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
            callbacks.put(subscription._drain_on_thread)

    def close(self) -> None:
        """Remove every handler, end every iterator, and each thread for callbacks once it is free."""
        self.end()
        for subscription in self.subscriptions():
            subscription.off()
        with self._lock:
            callbacks, self._callbacks = self._callbacks, None
        if callbacks is not None:
            callbacks.stop()
