"""The event bus. Handlers run on the loop they were registered on, or on threads, behind bounded queues.

The engine calls `EventBus.emit` on its own thread: that appends to each listener's queue and wakes it, and
does nothing else. Each handler gets its events in order and in a turn of its own: a slow one fills only its
own queue and is told of, one that does not return keeps one thread, and whatever a handler raises is told,
counted, and ends neither a thread nor a loop.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import threading
import time
import weakref
from collections.abc import Callable

from mdnb.errors import ClosedError, FeedError, OptionError, RuntimeUseError, WaitTimeoutError
from mdnb.events.callback_threads import CallbackThreads
from mdnb.events.last_events import LastEvents
from mdnb.events.log import tell
from mdnb.events.progress import Progress
from mdnb.events.slow_handlers import SlowHandlers
from mdnb.events.streams import AsyncEventStream, Backlog, EventStream
from mdnb.events.subscription import QUEUE_LIMIT, Handler, Subscription, handling
from mdnb.events.taps import StreamTap, Tap
from mdnb.events.types import Event, EventType
from mdnb.forked import refuse_in_children
from mdnb.interruptible_wait import seconds_to_wait

__all__ = ["EventBus"]


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
    >>> handle = bus.on(EventType.NEW_BAR, lambda event: (seen.append(event.close), done.set()))
    >>> bus.emit(Event(EventType.NEW_BAR, "MNQ", 0, {"close": 1.0}))
    >>> done.wait(5) and seen
    [1.0]
    >>> bus.close()
    """

    def __init__(
        self,
        on_slow: Callable[[Subscription], None] | None = None,
        now: Callable[[], float] = time.monotonic,
        on_fault: Callable[[str, Event, str], None] | None = None,
    ) -> None:
        refuse_in_children(self)
        self.now = now
        self.last_error: BaseException | None = None
        self.tasks: set[asyncio.Future[None]] = set()
        self._listeners: dict[EventType, tuple[Subscription, ...]] = {}
        self._routes: dict[tuple[EventType, str], tuple[Subscription, ...]] = {}
        self._backlogs: weakref.WeakSet[Backlog] = weakref.WeakSet()
        self._failure: FeedError | None = None
        self._ended = False
        self._lock = threading.Lock()
        self._callbacks: CallbackThreads | None = None
        self.on_caught_up: Callable[[], None] | None = None
        self._last_waits: tuple[LastEvents, ...] = ()
        self._slow = SlowHandlers(on_slow, now)
        self._on_fault = on_fault

    @property
    def is_heard(self) -> bool:
        """Whether anybody listens to anything."""
        return bool(self._listeners)

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
        limit: int = QUEUE_LIMIT,
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
        limit: int = QUEUE_LIMIT,
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
        _check_takes_one(handler)
        kind = EventType.parse(type)
        return self._add(Subscription(self, kind, handler, loop, symbol=symbol, once=once, limit=limit))

    def tap(self, type: EventType, handler: Handler, *, symbol: str | None = None) -> Subscription:
        """Register an internal listener; see `Tap`."""
        return self._add(Tap(self, type, handler, None, symbol=symbol))

    def _add(self, subscription: Subscription) -> Subscription:
        with self._lock:
            calls_back = subscription._loop is None and not isinstance(subscription, Tap)
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
        if callable(type) and not isinstance(type, EventType | Subscription):
            raise OptionError(
                f"off takes what on() returned, or the event first: subscription.off(), or"
                f" off('new_bar', {_named(type)})"
            )
        if isinstance(type, Subscription):
            is_meant = type._bus is self and (handler is None or type.handler == handler)
            chosen = [type] if type.active and is_meant else []
        else:
            chosen = [
                subscription
                for subscription in self._listeners.get(EventType.parse(type), ())
                if (handler is None and not isinstance(subscription, Tap)) or subscription.handler == handler
            ]
        gone = [each for each in chosen if symbol is None or each.symbol == symbol]
        for subscription in gone:
            subscription.off()
        return len(gone)

    # -- a replay that waits for its handlers ---------------------------------------------------------

    def has_handlers(self) -> bool:
        """Return whether anybody registered a handler."""
        return any(not isinstance(each, Tap) for held in self._listeners.values() for each in held)

    def are_behind(self) -> bool:
        """Return whether a handler has not handled all its events yet; those that left step do not count."""
        return any(each._is_behind for held in self._listeners.values() for each in held)

    def leave_behind(self, progress: Progress, seconds: float) -> None:
        """Wait no more for the handlers that are behind and do not go on, and tell each of them so."""
        for subscription in self.subscriptions():
            if subscription._is_behind and progress.has_stalled(subscription):
                subscription._leave_step(seconds)

    def caught_up(self) -> None:
        """Let those who wait for handlers look whether they may go on: a replay, and waits for the end."""
        if self.on_caught_up is not None:
            self.on_caught_up()
        for each in self._last_waits:
            each.caught_up()

    async def wait_handled(self, patience: float) -> None:
        """Wait until every handler has had what was emitted so far, but for one that calls this.

        Parameters
        ----------
        patience
            Seconds without progress of a handler after which it is told and waited for no longer; once told
            it is not waited for again until it goes on.
        """
        here = handling.get()
        waiting = LastEvents(lambda: [each for each in self.subscriptions() if each is not here], patience)
        with self._lock:
            self._last_waits = (*self._last_waits, waiting)
        try:
            await waiting.wait()
        finally:
            with self._lock:
                self._last_waits = tuple(each for each in self._last_waits if each is not waiting)

    def waiting(self) -> str:
        """Return in words how many events which handlers still have to take; empty when none."""
        busy = [each for each in self.subscriptions() if each._is_busy]
        return "; ".join(f"{each._title()}: {each.waiting:,} events wait" for each in busy)

    def refuse_wait(self) -> None:
        """Raise where waiting for events would keep a replay waiting that waits for the caller.

        Raises
        ------
        RuntimeUseError
            In a handler of a replay that waits for its handlers.
        """
        here = handling.get()
        if self.on_caught_up is not None and here is not None and here._is_behind:
            raise RuntimeUseError(
                "a handler of a replay at speed=max cannot wait for events: the replay waits for the "
                "handler. Return, and go on with the next event; what is known is in event.view."
            )

    def forget(self, subscription: Subscription) -> None:
        """Offer a subscription no more events; `Subscription.off` calls it."""
        with self._lock:
            left = tuple(
                held for held in self._listeners.get(subscription.type, ()) if held is not subscription
            )
            if left:
                self._listeners[subscription.type] = left
            else:
                self._listeners.pop(subscription.type, None)
            self._routes = {}
            self._slow.forget(subscription)

    def subscriptions(self) -> list[Subscription]:
        """Return all handlers registered."""
        return [subscription for held in list(self._listeners.values()) for subscription in held]

    def emit(self, event: Event) -> None:
        """Emit an event to everybody who listens to its type and symbol; never blocks, never raises."""
        for subscription in self._route(event._type, event._symbol):
            if not subscription._offer(event):
                self._slow.fell_behind(subscription)

    def look(self) -> None:
        """Tell of handlers that have become slow; the session calls it once a second."""
        self._slow.look(self.subscriptions())

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
        FeedError
            When its feed has failed.
        """
        if callable(timeout):
            raise OptionError(
                f"timeout is seconds; a condition is given by its name: where={_named(timeout)}"
            )
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
        except TimeoutError:
            if not limit.expired():
                raise  # of the condition
            raise WaitTimeoutError(f"no {kind.name} event within {seconds:g} s") from None
        finally:
            stream.close()
        if self._failure is not None:
            raise FeedError(
                f"no {kind.name} event will come: the feed ended: {self._failure}"
            ) from self._failure
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
        return AsyncEventStream(backlog, stop, seconds, check_wait=self.refuse_wait)

    def events_plain(
        self,
        *types: EventType | str,
        symbol: str | None = None,
        timeout: float | None = None,
        check: Callable[[], None] = lambda: None,
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
            Called before each event; it raises where that must not be done.

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
        return EventStream(backlog, stop, seconds, check, self.refuse_wait)

    def _backlog(
        self, types: tuple[EventType | str, ...], symbol: str | None
    ) -> tuple[Backlog, Callable[[], None]]:
        kinds = dict.fromkeys(EventType.parse(each) for each in types) or list(EventType)
        backlog = Backlog(QUEUE_LIMIT)
        with self._lock:
            self._backlogs.add(backlog)
            ended = self._ended
        if ended:
            backlog.end()
            return backlog, backlog.end
        into = [self._add(StreamTap(self, kind, backlog, symbol)) for kind in kinds]

        def stop() -> None:
            for each in into:
                each.off()
            backlog.end()

        return backlog, stop

    def end(self, failure: FeedError | None = None) -> None:
        """End iterators and waits: no event will come any more; queued ones can still be read.

        Parameters
        ----------
        failure
            Of the feed, where that is why; waits raise it.
        """
        with self._lock:
            self._failure = self._failure or failure
            self._ended = True
            backlogs = list(self._backlogs)
        for backlog in backlogs:
            backlog.end()

    def note_fault(self, kind: str, event: Event, sentence: str) -> None:
        """Hand on that a handler failed at an event, or lost it."""
        if self._on_fault is not None:
            self._on_fault(kind, event, sentence)

    def call_back(self, subscription: Subscription) -> None:
        """Have a subscription take its turn on a thread for callbacks."""
        callbacks = self._callbacks
        if callbacks is not None:
            callbacks.put(subscription._drain_on_thread)

    def close(self, level: int = logging.INFO) -> None:
        """Remove every handler, end every iterator, and each thread for callbacks once it is free.

        Parameters
        ----------
        level
            At which it is logged how many events are dropped that handlers had not taken.
        """
        self.end()
        lost = {each: each._discard() for each in self.subscriptions()}
        if any(lost.values()):
            told = ", ".join(f"{count:,} of the {each._title()}" for each, count in lost.items() if count)
            words = "the market was closed before its handlers had all their events: %s were dropped (%s)"
            tell(level, words, f"{sum(lost.values()):,}", told)
        with self._lock:
            callbacks, self._callbacks = self._callbacks, None
        if callbacks is not None:
            callbacks.stop()


def _named(function: object) -> str:
    return getattr(function, "__name__", None) or repr(function)


def _check_takes_one(handler: Handler) -> None:
    """Refuse a function that cannot be called with one event; of some builtins nobody knows."""
    try:
        signature = inspect.signature(handler)
    except Exception:  # noqa: BLE001  # an object of somebody else's may raise anything when it is looked at
        return
    try:
        signature.bind(None)
    except TypeError:
        raise OptionError(
            f"a handler is called with one event: {_named(handler)}{signature} has to take one argument"
        ) from None
