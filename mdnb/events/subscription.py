"""One registered handler: its queue, its turn on a loop or on a thread, and what is wrong with it.

Users hold subscriptions; what only the bus and its parts may call begins with an underscore.
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
from collections.abc import Callable
from typing import Any, Protocol

from mdnb.events.handler_errors import HandlerErrors, in_words
from mdnb.events.log import tell
from mdnb.events.slowness import Slowness
from mdnb.events.types import Event, EventType
from mdnb.uncopied import refuse_copies

__all__ = ["QUEUE_LIMIT", "Handler", "Registry", "Subscription", "handling"]

Handler = Callable[[Event], Any]
"""A plain or an async function of one event."""

QUEUE_LIMIT = 10_000
"""How many events wait in a queue at most where nobody says otherwise."""

_TURN = 64
_RESUME_SECONDS = 0.05

handling: contextvars.ContextVar[Subscription | None] = contextvars.ContextVar("mdnb_handling", default=None)
"""Whose handler runs here."""


class Registry(Protocol):
    """What a subscription asks of the bus it is registered with.

    Attributes
    ----------
    now
        A monotonic clock in seconds.
    last_error
        What any of the handlers raised last.
    tasks
        The turns that are under way on loops: a loop holds its tasks by weak references only.
    """

    now: Callable[[], float]
    last_error: BaseException | None
    tasks: set[asyncio.Future[None]]

    def forget(self, subscription: Subscription) -> None:
        """Offer it no more events."""

    def call_back(self, subscription: Subscription) -> None:
        """Have it take its turn on a thread for callbacks."""

    def caught_up(self) -> None:
        """Note that it may have handled all its events."""

    def note_fault(self, kind: str, event: Event, sentence: str) -> None:
        """Note that a handler failed at an event, or lost it."""


class Subscription:
    """One registered handler.

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

    # An attribute that is not there would be taken without a word.
    __slots__ = (
        "__weakref__",
        "_active",
        "_bus",
        "_context",
        "_delivered",
        "_dropped",
        "_errors",
        "_half",
        "_handler",
        "_in_step",
        "_last_error",
        "_left_at",
        "_limit",
        "_lock",
        "_loop",
        "_lost_words",
        "_now",
        "_once",
        "_scheduled",
        "_slowness",
        "_symbol",
        "_told_dropped",
        "_told_errors",
        "_type",
        "_waiting",
    )

    def __init__(
        self,
        bus: Registry,
        type: EventType,
        handler: Handler,
        loop: asyncio.AbstractEventLoop | None,
        *,
        symbol: str | None = None,
        once: bool = False,
        limit: int = QUEUE_LIMIT,
    ) -> None:
        self._type = type
        self._handler = handler
        self._symbol = symbol
        self._delivered = 0
        self._dropped = 0
        self._errors = 0
        self._last_error: BaseException | None = None
        self._bus = bus
        self._now = bus.now
        self._loop = loop
        self._lost_words = ""
        # A notebook tells by the context to which cell output belongs: it belongs to the one that registered.
        self._context = contextvars.copy_context()
        self._once = once
        self._limit = limit
        self._half = max(1, limit // 2)
        self._waiting: collections.deque[Event] = collections.deque()
        self._lock = threading.Lock()
        self._scheduled = False
        self._active = True
        self._told_dropped = 0
        self._in_step = True
        # How many it had handled when its end was waited for no longer.
        self._left_at = -1
        self._slowness = Slowness(self._waiting, self._half, self._now)
        # Most handlers never raise anything.
        self._told_errors: HandlerErrors | None = None

    @property
    def type(self) -> EventType:
        """What it listens to."""
        return self._type

    @property
    def handler(self) -> Handler:
        """The function."""
        return self._handler

    @property
    def symbol(self) -> str | None:
        """Whose events it listens to; None: everybody's."""
        return self._symbol

    @property
    def delivered(self) -> int:
        """Events handed over."""
        return self._delivered

    @property
    def dropped(self) -> int:
        """Events lost because the handler was too slow or the market was closed before."""
        return self._dropped

    @property
    def errors(self) -> int:
        """Events that failed in the handler."""
        return self._errors

    @property
    def last_error(self) -> BaseException | None:
        """What the handler raised last; None: nothing yet."""
        return self._last_error

    __reduce_ex__ = refuse_copies

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
        if self._slowness.is_slow:
            parts.append(self._slowness.in_words())
        if self._dropped:
            parts.append(f"{self._dropped:,} events dropped")
        if self._last_error is not None:
            parts.append(f"{self._errors:,} errors, the last {in_words(self._last_error)}")
        return f"{self._title()}: {'; '.join(parts)}" if parts else ""

    def off(self) -> None:
        """Stop listening; what waits in the queue is not delivered any more."""
        self._active = False
        self._bus.forget(self)
        self._waiting.clear()
        self._bus.caught_up()

    close = cancel = off

    def _discard(self) -> int:
        """Stop listening because nobody delivers any more; return how many events that loses, now dropped."""
        self._active = False
        self._bus.forget(self)
        lost = 0
        # One by one: the handler may take the next one meanwhile, which is not lost.
        with contextlib.suppress(IndexError):
            while True:
                event = self._waiting.popleft()
                lost += 1
                self._note_dropped(event)
        self._dropped += lost
        self._bus.caught_up()
        return lost

    # -- its queue ------------------------------------------------------------------------------------

    def _offer(self, event: Event) -> bool:
        """Queue an event; return False when half of the queue or more was in use."""
        waiting = self._waiting
        held = len(waiting)
        if held >= self._limit:
            # It may have been emptied meanwhile.
            lost = None
            with self._lock, contextlib.suppress(IndexError):
                lost = waiting.popleft()
                self._dropped += 1
            if lost is not None:
                self._note_dropped(lost)
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
            self._bus.call_back(self)
            return
        try:
            self._loop.call_soon_threadsafe(self._start_draining, context=self._context)
        except RuntimeError:
            # The loop that registered the handler is closed: nobody is left to call.
            self._discard()

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
            self._bus.caught_up()

    @property
    def _is_busy(self) -> bool:
        """Whether it has not handled all its events yet."""
        return self._active and (self._scheduled or bool(self._waiting))

    @property
    def _is_behind(self) -> bool:
        """Whether a replay that waits for its handlers has to wait for it."""
        return self._in_step and self._is_busy

    def _leave_step(self, seconds: float) -> None:
        self._in_step = False
        self._tell(
            logging.WARNING,
            "%s took more than %g s: the replay goes on without it. What was known with each event is in "
            "event.view.",
            self._title(),
            seconds,
        )

    def _leave_behind(self, seconds: float) -> None:
        """Tell that its last events are waited for no more; they are still its own."""
        self._left_at = self._delivered
        self._tell(
            logging.WARNING,
            "%s has not returned for %g s: its end is waited for no longer. %s events wait for it, which are "
            "dropped when the market is closed.",
            self._title(),
            seconds,
            f"{self.waiting:,}",
        )

    # -- its turn -------------------------------------------------------------------------------------

    def _start_draining(self) -> None:
        task = asyncio.ensure_future(self._drain())
        self._bus.tasks.add(task)
        task.add_done_callback(self._drained)

    def _drained(self, task: asyncio.Task[None]) -> None:
        self._bus.tasks.discard(task)
        if task.cancelled() or task.exception() is not None:
            # Cancelled, perhaps before it began, or interrupted: the next event begins another turn; so does
            # what waits already, in a moment, which a loop that shuts down does not live to see.
            self._scheduled = False
            if self._waiting and self._active:
                task.get_loop().call_later(_RESUME_SECONDS, self._resume)
            self._bus.caught_up()
        else:
            self._end_turn()

    def _resume(self) -> None:
        if self._waiting and self._active:
            self._schedule()

    async def _drain(self) -> None:
        task = asyncio.current_task()
        slowness = self._slowness
        handled = 0
        slowness.on_loop_since = self._now()
        try:
            while (event := self._take()) is not None:
                if self._once:
                    self.off()
                try:
                    handling.set(self)
                    result = self._handler(event)
                    if result is not None and inspect.isawaitable(result):
                        slowness.on_loop_since = 0.0
                        await result
                except BaseException as error:
                    if self._ends_turn(error, task):
                        raise
                    self._failed(error, event)
                self._delivered += 1
                handled += 1
                if handled % _TURN == 0:
                    # Others on this loop have their turn too.
                    slowness.leave_loop()
                    await asyncio.sleep(0)
                if not slowness.on_loop_since:
                    slowness.on_loop_since = self._now()
        finally:
            slowness.leave_loop()

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
                self._failed(error, event)
            self._delivered += 1
        self._end_turn()

    # -- what is wrong with it ------------------------------------------------------------------------

    def _note_dropped(self, event: Event) -> None:
        if not self._lost_words:
            # Once: a handler that is stuck loses each event.
            self._lost_words = (
                f"{self._title()} lost events: it was too slow, or the market was closed before it had them"
            )
        self._bus.note_fault("handler_dropped", event, self._lost_words)

    def _failed(self, error: BaseException, event: Event) -> None:
        self._bus.note_fault("handler_failed", event, f"{self._title()} raised {in_words(error)}")
        self._errors += 1
        self._last_error = self._bus.last_error = error
        if self._told_errors is None:
            self._told_errors = HandlerErrors(self._now)
        self._context.copy().run(self._told_errors.tell, error, self._errors, self._title)

    def _tell(self, level: int, text: str, *values: object) -> None:
        """Log something of it, which a notebook shows under the cell that registered it."""
        # A copy: the handler may be running in the context itself.
        self._context.copy().run(tell, level, text, *values)

    def _lost_more(self) -> bool:
        before, self._told_dropped = self._told_dropped, self._dropped
        return self._dropped > before

    def why_slow(self) -> str:
        """Return in words how slow it is, and what to do about that."""
        lost = f", {self._dropped:,} were dropped" if self._dropped else ""
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
        return f"{self._title()} is slow: {self._slowness.in_words()}{lost}. {remedy}"

    def _title(self) -> str:
        whose = f" of {self._symbol}" if self._symbol is not None else ""
        return f"{self._type.name} handler {_name(self._handler)}{whose}"

    def __repr__(self) -> str:
        counts = f"{self._delivered} delivered, {self._dropped} dropped, {self._errors} errors"
        waiting = f", {self.waiting} waiting" if self.waiting else ""
        whose = f" of {self._symbol}" if self._symbol is not None else ""
        return f"<{self._type.name}{whose} -> {_name(self._handler)}: {counts}{waiting}>"


def _call(subscription: Subscription, event: Event) -> None:
    handling.set(subscription)
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
    # It may be anything that can be called, a proxy of what is gone for one.
    with contextlib.suppress(Exception):
        return str(getattr(handler, "__qualname__", None) or type(handler).__qualname__)
    return type(handler).__qualname__
