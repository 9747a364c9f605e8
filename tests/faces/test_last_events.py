"""`wait_ended` ends when handlers have had a recording's last events, at any speed."""

from __future__ import annotations

import asyncio
import logging
import threading

import pytest

import mdnb
from mdnb.errors import WaitTimeoutError
from mdnb.runtime import session as session_module
from mdnb.runtime.live import recorded_batcher
from tests.limits import LIMIT_SECONDS

GOLD = "replay:dataset:gold-ticks?start=2013-10-07T12:00&end=2013-10-07T15:00&speed="


class UntilTheEnd:
    """A handler that is in its first event until the feed has ended."""

    def __init__(self, live: mdnb.LiveMarket) -> None:
        self.session, self.times = live._parts.session, list[int]()
        assert self.session._loop is not None
        self.ended = asyncio.run_coroutine_threadsafe(self.session.ended.wait(), self.session._loop)

    def __call__(self, event: mdnb.Event) -> None:
        self.ended.result(LIMIT_SECONDS)
        self.times.append(event.time_ns)


@pytest.fixture
def ends() -> list[int]:
    span = {"start": "2013-10-07T12:00", "end": "2013-10-07T15:00"}
    steps = mdnb.play("dataset:gold-ticks", ["1min"], symbol="GC", **span)
    return [step.time.value for step in steps]


@pytest.mark.parametrize("speed", ["5000", "max"])
def test_a_handler_that_is_behind_has_every_event(
    speed: str, ends: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    # One that leaves step is not given up for that.
    monkeypatch.setattr(recorded_batcher, "STEP_SECONDS", 0.05)
    monkeypatch.setattr(session_module, "STEP_SECONDS", LIMIT_SECONDS)
    with mdnb.live("GC", "1min", feed=GOLD + speed, initial_days=0, progress=False) as live:
        behind = UntilTheEnd(live)
        handle = live.on("bars_closed", behind)
        live.wait_ended(LIMIT_SECONDS)
        # At a speed of its own the recording has begun before there was a handler.
        missed = 0 if speed == "max" else len(ends) - len(behind.times)
        assert behind.times == ends[missed:] != []
    assert (handle.delivered, handle.dropped) == (len(behind.times), 0)


def test_on_the_async_face_as_well(ends: list[int]) -> None:
    async def main() -> None:
        suite = await mdnb.TradingSuite.create("GC", "1min", feed=GOLD + "max", initial_days=0)
        times: list[int] = []

        async def slow(event: mdnb.Event) -> None:
            for _ in range(10):
                await asyncio.sleep(0)
            times.append(event.time_ns)

        await suite.on("bars_closed", slow)
        await suite.wait_ended(LIMIT_SECONDS)
        assert times == ends
        await suite.disconnect()

    asyncio.run(main())


def test_what_one_that_never_returns_does_not_get_is_told_and_counted(
    ends: list[int], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(recorded_batcher, "STEP_SECONDS", 0.05)
    monkeypatch.setattr(session_module, "STEP_SECONDS", 0.05)
    go = threading.Event()
    with mdnb.live("GC", "1min", feed=GOLD + "max", initial_days=0, progress=False) as live:
        handle = live.on("bars_closed", lambda _event: go.wait(LIMIT_SECONDS))
        live.wait_ended(LIMIT_SECONDS)
    lost = len(ends) - 1
    assert (handle.delivered, handle.dropped) == (0, lost)
    messages = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert [text for text in messages if f"{lost} events wait for it" in text]
    assert [text for text in messages if f"{lost} were dropped" in text]
    assert f"{lost} dropped" in repr(handle)
    go.set()


def test_the_timeout_holds_for_handlers_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorded_batcher, "STEP_SECONDS", 0.05)
    go = threading.Event()
    with mdnb.live("GC", "1min", feed=GOLD + "max", initial_days=0, progress=False) as live:
        live.on("bars_closed", lambda _event: go.wait(LIMIT_SECONDS))
        session = live._parts.session
        live.start()
        assert session._loop is not None
        asyncio.run_coroutine_threadsafe(session.ended.wait(), session._loop).result(LIMIT_SECONDS)
        with pytest.raises(
            WaitTimeoutError, match=r"has ended; its handlers go on after 0\.1 s .*events wait"
        ):
            live.wait_ended(0.1)
        go.set()
        live.wait_ended(LIMIT_SECONDS)
