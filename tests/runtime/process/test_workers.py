"""Threads for slow work: how many, by which name, and that they are ended."""

from __future__ import annotations

import asyncio
import threading

from mdnb.runtime.process.workers import Workers
from tests.limits import LIMIT_SECONDS


def test_slow_work_is_done_on_a_thread_of_ours_one_at_a_time() -> None:
    workers = Workers()

    async def main() -> list[str]:
        return await workers.map([lambda: threading.current_thread().name] * 3)

    names = asyncio.run(main())
    workers.close()
    assert len(names) == workers.jobs == 3
    assert set(names) == {"mdnb-worker_0"}


def test_several_are_done_at_the_same_time_where_that_is_wanted() -> None:
    workers = Workers()
    assert workers.threads == 1
    met = threading.Barrier(2)

    async def main() -> list[int]:
        await workers.run(threading.get_ident)
        workers.set_parallel(True)
        assert 2 <= workers.threads <= 4
        # Each waits for the other.
        return await workers.map([lambda: met.wait(LIMIT_SECONDS)] * 2)

    assert sorted(asyncio.run(main())) == [0, 1]
    workers.set_parallel(False)
    assert (workers.threads, workers.jobs) == (1, 3)


def test_results_come_in_the_order_of_the_work_and_a_failure_is_raised() -> None:
    async def main() -> list[int]:
        workers = Workers()
        workers.set_parallel(True)
        numbers = await workers.map([lambda number=number: number * number for number in range(20)])  # type: ignore[misc]  # bound as it is now
        workers.close()
        # Threads are there again when they are needed.
        try:
            await workers.run(lambda: 1 // 0)
        except ZeroDivisionError:
            numbers.append(-1)
        workers.close()
        return numbers

    assert asyncio.run(main()) == [*(number * number for number in range(20)), -1]
