"""Waits until handlers have had the last events, and no longer for one that does not return."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable

from mdnb.events.progress import LOOKS, Progress
from mdnb.events.subscription import Subscription

__all__ = ["LastEvents"]


class LastEvents:
    """One wait on a loop until handlers have handled what was queued for them.

    Parameters
    ----------
    handlers
        Returns whose.
    patience
        Seconds without progress of a handler, after which it is told and waited for no longer.
    """

    def __init__(self, handlers: Callable[[], Iterable[Subscription]], patience: float) -> None:
        self._handlers = handlers
        self._patience = patience
        self._loop = asyncio.get_running_loop()
        self._changed = asyncio.Event()
        self._progress = Progress(patience, self._loop.time)

    def caught_up(self) -> None:
        """Look again; from any thread."""
        # A loop that is closed has nobody left who waits.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._changed.set)

    async def wait(self) -> None:
        """Wait for them."""
        while self._some_go_on():
            self._changed.clear()
            # They may have caught up before that.
            if self._some_go_on():
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._patience / LOOKS):
                        await self._changed.wait()

    def _some_go_on(self) -> bool:
        # Each is looked at: how long it takes is counted for all of them at once.
        going = [self._goes_on(each) for each in self._handlers() if each._is_busy]
        return any(going)

    def _goes_on(self, handler: Subscription) -> bool:
        if handler._left_at == handler.delivered:
            return False
        if self._progress.has_stalled(handler):
            handler._leave_behind(self._patience)
            return False
        return True
