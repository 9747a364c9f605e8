"""Waits that can be interrupted in a notebook, and how long they may take.

ipykernel does not deliver an interrupt to a cell that sits in ``await`` until something wakes its loop
(ipython/ipykernel issue 881), so every wait of ours wakes it ten times a second.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable
from typing import TypeVar

from mdnb.errors import OptionError

__all__ = ["seconds_to_wait", "wakeful"]

T = TypeVar("T")

_WAKE_SECONDS = 0.1


def seconds_to_wait(
    timeout: float | None, name: str = "timeout", *, above_zero: bool = False
) -> float | None:
    """Return a ``timeout=``, or one of another name, as seconds; None waits for ever, as infinity does.

    Parameters
    ----------
    above_zero
        No time at all is refused, too.

    Raises
    ------
    OptionError
        When it is no number of seconds, or too small a one.

    Examples
    --------
    >>> seconds_to_wait(5), seconds_to_wait(float("inf")) is None
    (5.0, True)
    """
    if timeout is None:
        return None
    try:
        seconds = math.nan if isinstance(timeout, bool | str | bytes) else float(timeout)
    except (TypeError, ValueError):
        seconds = math.nan
    if not (seconds > 0 if above_zero else seconds >= 0):
        least = "above 0" if above_zero else "at least 0"
        raise OptionError(f"{name} must be seconds, {least}, or None to wait for ever; got {timeout!r}")
    return None if math.isinf(seconds) else seconds


async def wakeful(awaitable: Awaitable[T]) -> T:
    """Await something while waking the loop every 100 ms, so that it can be interrupted and cancelled.

    Examples
    --------
    >>> asyncio.run(wakeful(asyncio.sleep(0, "done")))
    'done'
    """
    future = asyncio.ensure_future(awaitable)
    try:
        while not future.done():
            await asyncio.wait([future], timeout=_WAKE_SECONDS)
        return future.result()
    finally:
        if not future.done():
            future.cancel()
