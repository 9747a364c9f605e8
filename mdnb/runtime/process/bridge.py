"""Between callers and the background loop: blocking calls, awaits from other loops, and ``mdnb.run``."""

from __future__ import annotations

import asyncio
import concurrent.futures
import inspect
from collections.abc import Awaitable, Coroutine
from typing import Any, TypeVar

from mdnb.errors import OptionError, RuntimeUseError, WaitTimeoutError
from mdnb.interruptible_wait import seconds_to_wait, wakeful
from mdnb.runtime.process.loop import background_loop
from mdnb.runtime.process.user_warning import keep_warnings, tell_kept

__all__ = ["await_call", "call", "refuse_on_loop", "run"]

T = TypeVar("T")

_CANCEL_SECONDS = 2.0


def refuse_on_loop(name: str) -> None:
    """Refuse a call that blocks, by its name, on the background loop.

    Raises
    ------
    RuntimeUseError
        There, where it would wait for itself.
    """
    if background_loop().is_current_thread():
        raise RuntimeUseError(
            f"{name} blocks, and was called on mdnb's background loop, which it would block for ever. "
            "Inside an async handler use the async face with await."
        )


def call(coroutine: Coroutine[Any, Any, T], timeout: float | None = None) -> T:
    """Run a coroutine on the background loop and wait for it, blocking.

    An interrupt (Ctrl-C, the kernel's stop button) cancels the coroutine, waits until it has ended and is
    raised.

    Raises
    ------
    RuntimeUseError
        When called on the background loop itself, where it would wait for itself.
    WaitTimeoutError
        When it did not end within ``timeout`` seconds; it is cancelled.
    """
    future: concurrent.futures.Future[T] | None = None
    try:
        refuse_on_loop(getattr(coroutine, "__qualname__", "this call"))
        seconds = seconds_to_wait(timeout)
        background = background_loop()
        future = concurrent.futures.Future()
        # An interrupt may come before this has returned: what was started then can be cancelled all the same.
        kept = keep_warnings()
        try:
            background.loop.call_soon_threadsafe(_start, coroutine, future, background.loop)
            return future.result(seconds)
        finally:
            tell_kept(*kept)
    except BaseException as error:
        timed_out = isinstance(error, concurrent.futures.TimeoutError) and future and not future.done()
        if future is not None and not future.done():
            _cancel(future)
        if inspect.getcoroutinestate(coroutine) == inspect.CORO_CREATED:
            # It was not handed over.
            coroutine.close()
        if timed_out:
            raise WaitTimeoutError(f"not done within {seconds:g} s") from error
        raise


def _start(
    coroutine: Coroutine[Any, Any, T], future: concurrent.futures.Future[T], loop: asyncio.AbstractEventLoop
) -> None:
    """Run a coroutine on the loop; ``future`` gets what becomes of it, and cancels it."""
    if future.cancelled():
        coroutine.close()
        return
    task = loop.create_task(coroutine)

    def tell(done: asyncio.Task[T]) -> None:
        error = None if done.cancelled() else done.exception()
        if done.cancelled():
            future.cancel()
        if not future.set_running_or_notify_cancel():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(done.result())

    def stop(asked: concurrent.futures.Future[T]) -> None:
        if asked.cancelled() and not loop.is_closed():
            loop.call_soon_threadsafe(task.cancel)

    task.add_done_callback(tell)
    future.add_done_callback(stop)


def _cancel(future: concurrent.futures.Future[Any]) -> None:
    future.cancel()
    # cancel() only asks; the task has really ended when the loop has gone round once more.
    background = background_loop()
    passed = asyncio.run_coroutine_threadsafe(asyncio.sleep(0), background.loop)
    concurrent.futures.wait([passed], timeout=_CANCEL_SECONDS)


async def await_call(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on the background loop and await it from any loop.

    Wakes every 100 ms, so that an interrupt reaches a cell that sits in it. Cancelling the caller cancels
    the coroutine.
    """
    background = background_loop()
    if background.is_current_thread():
        return await coroutine
    return await wakeful(asyncio.wrap_future(asyncio.run_coroutine_threadsafe(coroutine, background.loop)))


def run(main: Awaitable[T], timeout: float | None = None) -> T:
    """Run a coroutine from a plain cell or script: ``mdnb.run(main())``, no nested loops, no patching.

    Parameters
    ----------
    main
        A coroutine, or what else can be awaited: ``mdnb.run(suite.price)``.
    timeout
        Seconds; None waits until it ends.

    Raises
    ------
    OptionError
        When it cannot be awaited.
    RuntimeUseError
        When called on the background loop itself, where it would wait for itself.
    WaitTimeoutError
        When it did not end within ``timeout`` seconds; it is cancelled.

    Examples
    --------
    >>> async def main():
    ...     return 42
    >>> run(main())
    42
    """
    if not inspect.isawaitable(main):
        hint = " Call it: mdnb.run(main())." if callable(main) else ""
        raise OptionError(f"mdnb.run takes a coroutine; got {main!r}.{hint}")
    coroutine: Coroutine[Any, Any, T] = main if inspect.iscoroutine(main) else _awaited(main)
    return call(coroutine, timeout)


async def _awaited(awaitable: Awaitable[T]) -> T:
    return await awaitable
