"""Iterators over events, awaited and plain, and the queue behind them."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Self

from mdnb.errors import RuntimeUseError, WaitTimeoutError
from mdnb.events.types import Event
from mdnb.forked import refuse_in_children
from mdnb.interruptible_wait import wakeful

__all__ = ["AsyncEventStream", "Backlog", "EventStream"]

_WAKE_SECONDS = 0.1


class Backlog:
    """Queue of events between the emitting thread and the one that iterates.

    Parameters
    ----------
    limit
        How many are held; the oldest is dropped for a new one.

    Attributes
    ----------
    dropped
        Events lost because they were not taken in time.
    """

    def __init__(self, limit: int) -> None:
        refuse_in_children(self)
        self.dropped = 0
        self._limit = limit
        self._held: collections.deque[Event] = collections.deque()
        self._lock = threading.Lock()
        self._ended = False
        self._wakers: set[Callable[[], None]] = set()

    def put(self, event: Event) -> bool:
        """Queue an event; return False when the oldest one was dropped for it."""
        with self._lock:
            if self._ended:
                return True
            full = len(self._held) >= self._limit
            if full:
                self._held.popleft()
                self.dropped += 1
            self._held.append(event)
        self._wake()
        return not full

    def take(self) -> Event | None:
        """Remove and return the oldest event, or None."""
        with self._lock:
            return self._held.popleft() if self._held else None

    def end(self) -> None:
        """Accept no more events; queued ones can still be taken."""
        with self._lock:
            self._ended = True
        self._wake()

    @property
    def ended(self) -> bool:
        """Whether the queue is empty and no event will come."""
        with self._lock:
            return self._ended and not self._held

    @contextlib.contextmanager
    def waking(self, waker: Callable[[], None]) -> Iterator[None]:
        """Set a function to call when an event is queued or the end has come, at once if so already."""
        with self._lock:
            self._wakers.add(waker)
            ready = bool(self._held) or self._ended
        if ready:
            waker()
        try:
            yield
        finally:
            with self._lock:
                self._wakers.discard(waker)

    def _wake(self) -> None:
        # Read without the lock: whoever adds a waker looks afterwards whether there is something to take.
        if self._wakers:
            with self._lock:
                wakers = list(self._wakers)
            for waker in wakers:
                waker()


def _stop_here(stop: Callable[[], None]) -> None:
    # In a forked child there is nothing to stop.
    with contextlib.suppress(RuntimeUseError):
        stop()


class _Stream:
    """What both iterators have: the backlog, what was lost of it, and their end."""

    __slots__ = ("__weakref__", "_backlog", "_check", "_check_wait", "_finalizer", "_timeout")

    def __init__(
        self,
        backlog: Backlog,
        stop: Callable[[], None],
        timeout: float | None = None,
        check: Callable[[], None] = lambda: None,
        check_wait: Callable[[], None] = lambda: None,
    ) -> None:
        self._backlog = backlog
        self._timeout = timeout
        self._check = check
        self._check_wait = check_wait
        self._finalizer = weakref.finalize(self, _stop_here, stop)
        self._finalizer.atexit = False

    @property
    def dropped(self) -> int:
        """Events lost because they were not taken in time."""
        return self._backlog.dropped

    def close(self) -> None:
        """Stop listening."""
        self._finalizer()


class EventStream(_Stream):
    """Events one after the other; ``with`` or `close` ends it early, as does forgetting it.

    Parameters
    ----------
    backlog
        Where they are.
    stop
        Called when nobody wants more.
    timeout
        Seconds to wait for each; None waits for ever.
    check
        Called before each; it raises where this must not be done.
    check_wait
        Called before one is waited for; it raises where that would be for ever.
    """

    __slots__ = ()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Event:
        self._check()
        event = self._backlog.take()
        if event is not None:
            return event
        if not self._backlog.ended:
            self._check_wait()
        try:
            event = self._next()
        except WaitTimeoutError:
            raise
        except BaseException:
            # An interrupt: its traceback would keep the iterator and let it listen on.
            self.close()
            raise
        if event is None:
            self.close()
            raise StopIteration
        return event

    def _next(self) -> Event | None:
        ready = threading.Event()
        until = None if self._timeout is None else time.monotonic() + self._timeout
        with self._backlog.waking(ready.set):
            while True:
                ready.clear()
                event = self._backlog.take()
                if event is not None or self._backlog.ended:
                    return event
                left = _WAKE_SECONDS if until is None else min(_WAKE_SECONDS, until - time.monotonic())
                if left <= 0:
                    raise WaitTimeoutError(f"no event within {self._timeout:g} s")
                # In slices: on Windows an interrupt is seen between two waits only.
                ready.wait(left)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class AsyncEventStream(_Stream):
    """Events one after the other, awaited; ``async with`` or `close` ends it early, as does forgetting it.

    Parameters
    ----------
    backlog
        Where they are.
    stop
        Called when nobody wants more.
    timeout
        Seconds to wait for each; None waits for ever.
    check, check_wait
        As of `EventStream`.
    """

    __slots__ = ()

    async def aclose(self) -> None:
        """Stop listening; the name that async generators have."""
        self.close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        event = self._backlog.take()
        if event is not None:
            return event
        if not self._backlog.ended:
            self._check_wait()
        try:
            async with asyncio.timeout(self._timeout):
                event = await self._next()
        except TimeoutError:
            raise WaitTimeoutError(f"no event within {self._timeout:g} s") from None
        except BaseException:
            # Cancelled: the traceback would keep the iterator and let it listen on.
            self.close()
            raise
        if event is None:
            self.close()
            raise StopAsyncIteration
        return event

    async def _next(self) -> Event | None:
        while True:
            event = self._backlog.take()
            if event is not None or self._backlog.ended:
                return event
            await self._changed()

    async def _changed(self) -> None:
        loop = asyncio.get_running_loop()
        changed = asyncio.Event()

        def waker() -> None:
            # The loop may be closed by now, and nobody wait.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(changed.set)

        with self._backlog.waking(waker):
            await wakeful(changed.wait())

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
