"""Handlers have the last events before a wait for them ends; what they do not have is counted and told."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

import pytest

from mdnb.events.bus import EventBus
from mdnb.events.types import Event
from tests.events.handlers import Blocked, Until, event
from tests.limits import LIMIT_SECONDS

SHORT = 0.05


def run(waiting: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(waiting, LIMIT_SECONDS))


def told(caplog: pytest.LogCaptureFixture, words: str) -> list[logging.LogRecord]:
    return [record for record in caplog.records if words in record.getMessage()]


def test_all_that_was_emitted_is_handled_when_the_wait_ends(bus: EventBus, stuck: Blocked) -> None:
    async def main() -> None:
        handle, quick = bus.on_thread("tick_data", stuck), Until(-1)
        bus.on("tick_data", quick)
        for i in range(100):
            bus.emit(event(i))
        waiting = asyncio.create_task(bus.wait_handled(LIMIT_SECONDS))
        assert await asyncio.to_thread(stuck.called) == 0
        assert not waiting.done()
        stuck.go.set()
        await waiting
        assert handle.delivered == 100
        assert quick.seen == list(range(100))

    run(main())


def test_one_that_does_not_go_on_is_told_once_and_waited_for_again_once_it_does(
    bus: EventBus, stuck: Blocked, caplog: pytest.LogCaptureFixture
) -> None:
    handle = bus.on_thread("tick_data", stuck)
    for i in range(3):
        bus.emit(event(i))
    assert stuck.called() == 0
    run(bus.wait_handled(SHORT))
    run(bus.wait_handled(SHORT))
    (record,) = told(caplog, "is waited for no longer")
    assert record.getMessage().startswith("TICK_DATA handler Blocked has not returned for 0.05 s")
    assert "2 events wait for it" in record.getMessage()
    assert (handle.delivered, handle.waiting, handle.dropped) == (0, 2, 0)
    stuck.go.set()
    assert stuck.returned() == 0
    assert stuck.called() == 1
    run(bus.wait_handled(LIMIT_SECONDS))
    assert (handle.delivered, handle.waiting) == (3, 0)


def test_a_handler_that_waits_for_the_others_is_not_waited_for_itself(bus: EventBus) -> None:
    async def waits(one: Event) -> None:
        await bus.wait_handled(LIMIT_SECONDS)
        done.set()

    async def main() -> None:
        bus.on("tick_data", waits)
        bus.on_thread("tick_data", others)
        bus.emit(event(0))
        await done.wait()
        assert others.seen == [0]

    done, others = asyncio.Event(), Until(0)
    run(main())


def test_a_handler_that_is_removed_is_waited_for_no_longer(bus: EventBus, stuck: Blocked) -> None:
    async def main() -> None:
        handle = bus.on_thread("tick_data", stuck)
        bus.emit(event(0))
        waiting = asyncio.create_task(bus.wait_handled(LIMIT_SECONDS))
        await asyncio.to_thread(stuck.called)
        handle.off()
        await waiting

    run(main())


@pytest.mark.parametrize("level", [logging.INFO, logging.WARNING])
def test_what_is_discarded_at_the_close_is_dropped_and_told_in_one_line(
    stuck: Blocked, caplog: pytest.LogCaptureFixture, level: int
) -> None:
    bus, quick = EventBus(), Until(2000)
    handle, other = bus.on_thread("tick_data", stuck), bus.on_thread("tick_data", quick)
    for i in range(2001):
        bus.emit(event(i))
    assert stuck.called() == 0
    quick.wait()
    run(bus.wait_handled(SHORT))
    with caplog.at_level(logging.INFO, "mdnb"):
        bus.close(level)
        bus.close(level)
    (record,) = told(caplog, "the market was closed before")
    assert record.levelno == level
    assert "2,000 were dropped (2,000 of the TICK_DATA handler Blocked)" in record.getMessage()
    assert (handle.dropped, handle.waiting, other.dropped) == (2000, 0, 0)
    stuck.go.set()
    assert stuck.returned() == 0
    assert not stuck.was_called_again()


def test_of_a_loop_that_is_closed_what_its_handler_did_not_get_is_dropped(bus: EventBus) -> None:
    async def main() -> None:
        handles.append(bus.on("tick_data", print))

    handles: list[Any] = []
    asyncio.run(main())
    bus.emit(event(0))
    (handle,) = handles
    assert (handle.active, handle.delivered, handle.dropped) == (False, 0, 1)


def test_nothing_is_told_of_handlers_that_had_all(bus: EventBus, caplog: pytest.LogCaptureFixture) -> None:
    last = Until(9)
    bus.on_thread("tick_data", last)
    for i in range(10):
        bus.emit(event(i))
    run(bus.wait_handled(LIMIT_SECONDS))
    assert last.seen == list(range(10))
    with caplog.at_level(logging.INFO, "mdnb"):
        bus.close()
    assert not caplog.records
