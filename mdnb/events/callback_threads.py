"""Threads for handlers that were registered where no loop runs: one, and more while some do not return."""

from __future__ import annotations

import collections
import contextlib
import logging
import queue
import threading
import time
import weakref
from collections.abc import Callable

from mdnb.events.log import tell

__all__ = ["CallbackThreads", "Turn"]

Turn = Callable[[threading.Event], None]
"""What a thread does at a time; it stops early when the event is set."""

_PATIENCE_SECONDS = 0.02
_IDLE_SECONDS = 10.0
_MOST_THREADS = 1_000
_EXIT_SECONDS = 1.0

_Ready = queue.SimpleQueue[Turn | None]


class CallbackThreads:
    """Runs turns in the order they were put, and lets none wait for another that does not return.

    One thread runs all turns while each returns within a moment. Where one does not, another thread is added
    for those that wait behind it; spare ones end after a while. They end before Python takes itself apart:
    the process of a thread that still prints then is aborted.

    Parameters
    ----------
    patience
        Seconds that turns wait behind others before a thread is added.
    idle
        Seconds after which a thread that is not needed ends.
    most
        How many threads there are at most; then turns wait, and a warning says so.

    Examples
    --------
    >>> threads, done = CallbackThreads(), threading.Event()
    >>> threads.put(lambda stopping: done.set())
    >>> done.wait(5)
    True
    >>> threads.stop()
    """

    def __init__(
        self, *, patience: float = _PATIENCE_SECONDS, idle: float = _IDLE_SECONDS, most: int = _MOST_THREADS
    ) -> None:
        self._patience = patience
        self._idle_seconds = idle
        self._most = most
        self._ready: _Ready = queue.SimpleQueue()
        self._threads: set[threading.Thread] = set()
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        # A mark for each thread that waits for a turn: counted without a lock.
        self._idle: collections.deque[None] = collections.deque()
        self._taken = 0
        self._all_busy = threading.Event()
        self._watching = False
        self._told_full = False
        weakref.finalize(self, _end, self._stopping, self._ready, self._threads)
        self._add()

    def put(self, turn: Turn) -> None:
        """Have something run; from any thread, without waiting."""
        self._ready.put(turn)

    def watch(self) -> None:
        """Look from now on whether turns wait for one that does not return; until then nobody can."""
        with self._lock:
            if not self._watching:
                self._watching = True
                threading.Thread(target=self._watch, name="mdnb-callbacks-watch", daemon=True).start()

    def stop(self) -> None:
        """End each thread after what it is doing; from any thread, without waiting."""
        self._stopping.set()
        self._all_busy.set()
        self._ready.put(None)

    def _add(self) -> None:
        thread = threading.Thread(target=self._run, name="mdnb-callbacks", daemon=True)
        self._threads.add(thread)
        try:
            thread.start()
        except BaseException:
            self._threads.discard(thread)
            raise

    def _run(self) -> None:
        try:
            while (turn := self._next()) is not None:
                turn(self._stopping)
        finally:
            self._threads.discard(threading.current_thread())

    def _next(self) -> Turn | None:
        idle = self._idle
        idle.append(None)
        while True:
            try:
                turn = self._ready.get(timeout=self._idle_seconds if len(idle) > 1 else None)
                break
            except queue.Empty:
                with self._lock:
                    if len(idle) > 1:
                        idle.pop()
                        return None
        if turn is None:
            # For the others, too.
            self._ready.put(None)
            return None
        idle.pop()
        self._taken += 1
        self._note_busy()
        return turn

    def _note_busy(self) -> None:
        if not self._idle and not self._all_busy.is_set():
            self._all_busy.set()

    def _watch(self) -> None:
        while not self._stopping.is_set():
            self._all_busy.wait()
            taken = self._taken
            if self._stopping.wait(self._patience):
                return
            if self._idle:
                self._told_full = False
                self._all_busy.clear()
                # The last one may have taken a turn before that.
                self._note_busy()
            elif taken == self._taken and not self._ready.empty():
                self._relieve()

    def _relieve(self) -> None:
        # The system may refuse a thread as well.
        with contextlib.suppress(RuntimeError):
            if len(self._threads) < self._most:
                self._add()
                return
        if not self._told_full:
            self._told_full = True
            tell(
                logging.WARNING,
                "%d handlers are at work and none returns; %d more wait for one of them. Handlers should "
                "return soon: give what takes long to a thread or process of its own.",
                len(self._threads),
                self._ready.qsize(),
            )


def _end(stopping: threading.Event, ready: _Ready, threads: set[threading.Thread]) -> None:
    """End the threads at the end of Python, in a bounded time."""
    stopping.set()
    ready.put(None)
    until = time.monotonic() + _EXIT_SECONDS
    for thread in list(threads):
        thread.join(max(0.0, until - time.monotonic()))
