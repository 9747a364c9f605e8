"""What a handler raises is told once, counted afterwards, and fills no log."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable

import pytest

from mdnb.events.bus import EventBus
from mdnb.events.subscription import Subscription
from mdnb.events.types import Event
from tests.events.handlers import Clock, Until, event
from tests.limits import LIMIT_SECONDS


def test_a_raising_handler_is_logged_once_a_second_and_goes_on(
    bus: EventBus, caplog: pytest.LogCaptureFixture
) -> None:
    done = threading.Event()

    def fail(one: Event) -> None:
        if one.time_ns == 99:
            done.set()
        raise ValueError("handler's own fault")

    with caplog.at_level(logging.ERROR, "mdnb"):
        subscription = bus.on("tick_data", fail)
        for i in range(100):
            bus.emit(event(i))
        assert done.wait(LIMIT_SECONDS)
    bus.close()
    assert subscription.errors >= 99
    logged = [record for record in caplog.records if "fail" in record.getMessage()]
    assert 1 <= len(logged) <= 3
    assert logged[0].exc_info is not None
    assert isinstance(bus.last_error, ValueError)


def test_the_first_of_each_error_is_told_with_its_traceback_and_the_rest_are_counted(
    timed: EventBus, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    failures: list[Callable[[], object]] = [lambda: 1 / 0, lambda: {}["no"]]
    handled = threading.Semaphore(0)

    def fails(told: Event) -> None:
        failures[told.time_ns]()

    def logged(number: int) -> list[str]:
        before = len(caplog.records)
        timed.emit(event(number))
        assert handled.acquire(timeout=LIMIT_SECONDS)
        return [each.getMessage() for each in caplog.records[before:]]

    async def main() -> Subscription:
        failing = timed.on("tick_data", fails)
        # On the same loop, and registered later: called when the first one's turn is over.
        timed.on("tick_data", lambda told: handled.release())
        await asyncio.to_thread(emit)
        return failing

    def emit() -> None:
        assert len(logged(0)) == 1
        assert logged(0) == []
        (other,) = logged(1)
        assert "KeyError" in other
        clock.seconds += 1.0
        (counted,) = logged(0)
        assert "4 times so far" in counted
        assert "division by zero" in counted
        clock.seconds += 1.9
        assert logged(0) == []
        clock.seconds += 0.1
        assert "6 times so far" in logged(1)[0]

    with caplog.at_level(logging.ERROR, "mdnb"):
        failing = asyncio.run(main())
    assert [each.exc_info is not None for each in caplog.records] == [True, True, False, False]
    assert failing.errors == 6


def test_a_log_filter_that_raises_ends_no_handler(bus: EventBus) -> None:
    def refuses(record: logging.LogRecord) -> bool:
        raise ValueError("the filter's own fault")

    log = logging.getLogger("mdnb.events")
    log.addFilter(refuses)
    try:
        quick = Until(9)

        def fails(told: Event) -> None:
            quick(told)
            raise ValueError

        bus.on_thread("tick_data", fails, limit=2)
        for i in range(10):
            bus.emit(event(i))
        quick.wait()
    finally:
        log.removeFilter(refuses)
