"""Worker threads for slow work that must not block the background loop: files, compression, resampling."""

from __future__ import annotations

import asyncio
import concurrent.futures
import os
from collections.abc import Callable, Sequence
from typing import TypeVar

__all__ = ["Workers", "run_on"]

T = TypeVar("T")

_MOST_THREADS = 4


async def run_on(pool: concurrent.futures.Executor, work: Callable[[], T]) -> T:
    """Run a function on a pool's thread; here, where Python is at its end and no thread takes work any more.

    Examples
    --------
    >>> with concurrent.futures.ThreadPoolExecutor(1) as pool:
    ...     asyncio.run(run_on(pool, lambda: 7))
    7
    """
    try:
        running = asyncio.get_running_loop().run_in_executor(pool, work)
    except RuntimeError:
        return work()
    return await running


class Workers:
    """Runs functions on one thread, or on several.

    Attributes
    ----------
    jobs
        How many functions were run.
    """

    def __init__(self) -> None:
        self.jobs = 0
        self._parallel = False
        self._pool: concurrent.futures.ThreadPoolExecutor | None = None

    @property
    def threads(self) -> int:
        """How many functions may run at the same time."""
        return max(2, min(_MOST_THREADS, os.cpu_count() or 1)) if self._parallel else 1

    def set_parallel(self, parallel: bool) -> None:
        """Use several threads, or one, for functions from now on."""
        if parallel != self._parallel:
            self._parallel = parallel
            self.close()

    async def run(self, work: Callable[[], T]) -> T:
        """Run a function on a worker thread and wait for it, on the background loop."""
        if self._pool is None:
            self._pool = concurrent.futures.ThreadPoolExecutor(self.threads, thread_name_prefix="mdnb-worker")
        self.jobs += 1
        return await run_on(self._pool, work)

    async def map(self, works: Sequence[Callable[[], T]]) -> list[T]:
        """Run several functions, at the same time where there are threads; return what they return."""
        return list(await asyncio.gather(*(self.run(work) for work in works)))

    def close(self) -> None:
        """End the threads; a later `run` starts new ones."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=False)
