"""A venue's rate limit is kept in every stretch of its seconds, whatever is asked when."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import queue
import threading
import weakref

import pytest
from hypothesis import given, strategies as st

from mdnb.errors import OptionError
from mdnb.feeds.rate_limit import RateLimit, RateLimiter, shared_limiter
from mdnb.feeds.timeouts import Wall


class Watch:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 0.0

    async def sleep(self, seconds: float) -> None:
        self.now += seconds

    def wall(self) -> Wall:
        return Wall(monotonic=lambda: self.now, sleep=self.sleep)


@given(
    st.integers(1, 5),
    st.sampled_from([0.5, 1.0, 30.0]),
    st.lists(st.tuples(st.integers(1, 5), st.floats(0, 3)), min_size=1, max_size=40),
)
def test_in_no_stretch_of_its_seconds_there_are_more_requests_than_allowed(
    requests: int, seconds: float, asked: list[tuple[int, float]]
) -> None:
    async def main() -> list[tuple[float, int]]:
        watch = Watch()
        pacer, sent = RateLimiter(RateLimit(requests, seconds), watch.wall()), []
        for weight, pause in asked:
            watch.now += pause
            await pacer.wait(min(weight, requests))
            sent.append((watch.now, min(weight, requests)))
        return sent

    sent = asyncio.run(main())
    for place, (begin, _) in enumerate(sent):
        within = [weight for at, weight in sent[place:] if at < begin + seconds - 1e-5]
        assert sum(within) <= requests


def test_nobody_waits_longer_than_the_pace_wants() -> None:
    async def main() -> list[float]:
        watch = Watch()
        pacer, sent = RateLimiter(RateLimit(2, 10.0), watch.wall()), []
        for _ in range(5):
            await pacer.wait()
            sent.append(watch.now)
        return sent

    assert asyncio.run(main()) == pytest.approx([0.0, 0.0, 10.0, 10.0, 20.0], abs=1e-5)


def test_a_pause_that_the_venue_names_holds_everybody() -> None:
    async def main() -> float:
        watch = Watch()
        pacer = RateLimiter(RateLimit(10, 1.0), watch.wall())
        pacer.hold(7.0)
        pacer.hold(3.0)
        await pacer.wait()
        return watch.now

    assert asyncio.run(main()) == pytest.approx(7.0, abs=1e-5)


def test_a_request_that_is_too_heavy_is_refused_at_once() -> None:
    with pytest.raises(OptionError, match="may weigh up to 3; got 4"):
        asyncio.run(RateLimiter(RateLimit(3, 1.0)).wait(4))


@pytest.mark.parametrize("bad", [(0, 1.0), (1, 0.0), (1, float("nan"))])
def test_a_senseless_limit_is_refused(bad: tuple[int, float]) -> None:
    with pytest.raises(OptionError, match="requests >= 1 and seconds > 0"):
        RateLimit(*bad)


def test_all_who_ask_one_host_share_its_limit_and_what_is_shared_is_gone_with_them() -> None:
    watch = Watch()
    wall, limit = watch.wall(), RateLimit(2, 10.0)
    first, second = (shared_limiter("https://venue.example", limit, wall) for _ in range(2))
    other = shared_limiter("https://other.example", limit, wall)

    order = [first, second, first, other, second]

    async def main() -> list[float]:
        sent = []
        for pacer in order:
            await pacer.wait()
            sent.append(watch.now)
        return sent

    # The third waits for the first two, although each was asked once; the other host's has none to wait for.
    assert asyncio.run(main()) == pytest.approx([0.0, 0.0, 10.0, 10.0, 10.0], abs=1e-5)
    held = weakref.ref(first)
    order.clear()
    del first, second
    gc.collect()
    assert held() is None


def test_loops_of_several_threads_share_one_limiter() -> None:
    requests, loops = 4, 4
    pacer = RateLimiter(RateLimit(requests, 3600.0))
    sent: queue.Queue[int] = queue.Queue()
    starts = threading.Barrier(loops)

    async def ask(number: int) -> None:
        starts.wait()
        # Those that have to wait do so for an hour.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.2):
                for _ in range(requests):
                    await pacer.wait()
                    sent.put(number)

    threads = [threading.Thread(target=asyncio.run, args=[ask(number)]) for number in range(loops)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sent.qsize() == requests
