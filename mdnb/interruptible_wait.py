"""Waits that can be interrupted in a notebook.

ipykernel does not deliver an interrupt to a cell that sits in ``await`` until something wakes its loop
(ipython/ipykernel issue 881), so every wait of ours wakes it ten times a second.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

__all__ = ["wakeful"]

T = TypeVar("T")

_WAKE_SECONDS = 0.1


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
