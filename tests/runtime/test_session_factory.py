"""A market that nobody gets is closed: an interrupt may come when it has just been started."""

from __future__ import annotations

import asyncio
import sys
import threading
from types import FrameType

import pytest

import mdnb
from mdnb.faces.face_parts import all_parts
from mdnb.runtime.process.bridge import call
from mdnb.runtime.process.registry import running_markets
from mdnb.runtime.session import MarketSession
from tests.limits import LIMIT_SECONDS


async def _closed_in_time(sessions: set[MarketSession]) -> None:
    async with asyncio.timeout(LIMIT_SECONDS):
        for session in sessions:
            await session.ended.wait()
            assert session._closing is not None
            await session._closing


def test_an_interrupt_just_before_the_market_is_returned_leaves_none_running() -> None:
    before = set(running_markets().running())
    started: set[MarketSession] = set()

    def interrupt(frame: FrameType, event: str, _arg: object) -> None:
        if event == "call" and frame.f_code is all_parts.__code__:
            sys.setprofile(None)
            started.update(set(running_markets().running()) - before)
            raise KeyboardInterrupt

    sys.setprofile(interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            mdnb.live("MNQ", "1min", initial_days=0, progress=False)
    finally:
        sys.setprofile(None)
    assert len(started) == 1
    call(_closed_in_time(started))


def test_a_suite_whose_maker_is_cancelled_when_it_has_just_been_started_is_closed() -> None:
    before = set(running_markets().running())
    is_loaded = threading.Event()

    def progress(_done: int, _total: int, text: str) -> None:
        if text == "live":
            is_loaded.set()

    async def main() -> set[MarketSession]:
        task = asyncio.create_task(
            mdnb.TradingSuite.create("MNQ", ["1min"], initial_days=0.01, progress=progress)
        )
        assert await asyncio.to_thread(is_loaded.wait, LIMIT_SECONDS)
        # This loop stands still from here on, and does not hear of the end.
        (session,) = set(running_markets().running()) - before
        while session._housekeeping_task is None:
            call(asyncio.sleep(0))
        call(asyncio.sleep(0))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return {session}

    call(_closed_in_time(asyncio.run(main())))
