"""The background loop: one named daemon thread with one asyncio loop for the whole process.

It is created on first use and kept in an entry of ``sys.modules`` outside this package, so that
``%autoreload`` and ``importlib.reload`` find the same thread again. A child made by ``fork`` starts
afresh; `mdnb.forked` keeps it from what is its parent's. At exit the sessions get a bounded time to close
their sockets.
"""

from __future__ import annotations

import asyncio
import atexit
import collections
import contextlib
import logging
import os
import sys
import threading
import types
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

__all__ = ["BackgroundLoop", "background_loop", "call_soon_if_open", "spawn_if_running"]

T = TypeVar("T")

_HOLDER = "_mdnb_runtime"
# Only what hangs takes so long. A kernel that is shut down is killed earlier, whatever stands here.
_EXIT_SECONDS = 60.0
_ERRORS_KEPT = 50

_log = logging.getLogger("mdnb")


class BackgroundLoop:
    """A daemon thread that owns an asyncio loop.

    Attributes
    ----------
    loop
        The asyncio loop; use it from other threads by ``call_soon_threadsafe`` only.
    thread
        The daemon thread, named ``mdnb-loop``.
    errors
        The last exceptions of tasks that nobody waited for, as ``(task name, exception)``.
    """

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.errors: collections.deque[tuple[str, BaseException]] = collections.deque(maxlen=_ERRORS_KEPT)
        self.at_exit: list[Callable[[], Awaitable[None]]] = []
        self._tasks: set[asyncio.Task[Any]] = set()
        self._started = threading.Event()
        self.thread = threading.Thread(target=self._main, name="mdnb-loop", daemon=True)
        self.thread.start()
        self._started.wait()

    def _main(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.set_exception_handler(self._on_loop_error)
        self.loop.call_soon(self._started.set)
        self.loop.run_forever()

    def is_current_thread(self) -> bool:
        """Return whether the caller runs on this loop's thread."""
        return threading.get_ident() == self.thread.ident

    def spawn(self, coroutine: Coroutine[Any, Any, Any], name: str = "mdnb") -> None:
        """Start a coroutine in the background, from any thread; failures are logged and kept."""
        if self.loop.is_closed():
            coroutine.close()
            return
        self.loop.call_soon_threadsafe(self._start, coroutine, name)

    def _start(self, coroutine: Coroutine[Any, Any, Any], name: str) -> None:
        task = self.loop.create_task(coroutine, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._on_done)

    def _on_done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._show(task.get_name(), error)

    def _on_loop_error(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if isinstance(error, BaseException):
            self._show(str(context.get("message", "loop")), error)
        else:
            _log.error("background loop: %s", context.get("message"))

    def _show(self, name: str, error: BaseException) -> None:
        self.errors.append((name, error))
        _log.error("background task %r failed", name, exc_info=error)

    def close(self, seconds: float = _EXIT_SECONDS) -> None:
        """Close what was registered in `at_exit`, within a bounded time, and stop the thread."""
        if self.is_current_thread() or not self.thread.is_alive():
            return
        done = asyncio.run_coroutine_threadsafe(self._close_all(), self.loop)
        try:
            done.result(seconds)
        except TimeoutError:
            _log.warning("sessions did not close within %g s; their sockets are dropped", seconds)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(seconds)
        if not self.thread.is_alive():
            self.loop.close()

    async def _close_all(self) -> None:
        closers = [closer() for closer in self.at_exit]
        for result in await asyncio.gather(*closers, return_exceptions=True):
            if isinstance(result, Exception):
                self._show("exit", result)
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        for task in rest:
            task.cancel()
        if rest:
            await asyncio.wait(rest, timeout=_EXIT_SECONDS)


def _holder() -> types.ModuleType:
    held = sys.modules.get(_HOLDER)
    if held is None:
        held = types.ModuleType(_HOLDER, "Where mdnb keeps its background loop, out of reach of reloads.")
        held.lock = threading.Lock()  # type: ignore[attr-defined]  # a plain name space
        held.background = None  # type: ignore[attr-defined]
        # Two threads may come here at once: the first entry wins.
        held = sys.modules.setdefault(_HOLDER, held)
    return held


def background_loop() -> BackgroundLoop:
    """Return the background loop of this process, started if it is not running.

    Examples
    --------
    >>> background_loop() is background_loop()
    True
    """
    held = _holder()
    with held.lock:
        made: BackgroundLoop | None = getattr(held, "background", None)
        if made is None or not made.thread.is_alive():
            made = vars(held)["background"] = BackgroundLoop()
            atexit.register(made.close)
        return made


def spawn_if_running(coroutine: Coroutine[Any, Any, Any], name: str) -> None:
    """Start a coroutine on the background loop if there is one: at the end of Python none can be started."""
    held = _holder()
    with held.lock:
        made: BackgroundLoop | None = held.background
    if made is None or not made.thread.is_alive():
        coroutine.close()
    else:
        made.spawn(coroutine, name)


def call_soon_if_open(loop: asyncio.AbstractEventLoop, call: Callable[[], object]) -> None:
    """Have a loop call something, from any thread; one that is closed has nobody left who waits for it."""
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(call)


def _after_fork() -> None:
    # The child has no such thread; whatever it held belongs to the parent.
    held = sys.modules.get(_HOLDER)
    if held is not None:
        held.lock = threading.Lock()  # type: ignore[attr-defined]
        held.background = None  # type: ignore[attr-defined]


if hasattr(os, "register_at_fork") and _HOLDER not in sys.modules:
    _holder()
    os.register_at_fork(after_in_child=_after_fork)
