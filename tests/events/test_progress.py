"""A handler that goes on has its seconds for each event; one that does not return is told apart."""

from __future__ import annotations

import threading

from mdnb.events.bus import EventBus
from mdnb.events.progress import Progress
from mdnb.events.types import Event, EventType
from tests.limits import LIMIT_SECONDS


def test_a_handler_has_its_seconds_for_each_event(bus: EventBus) -> None:
    now = 0.0
    progress = Progress(5.0, lambda: now)
    may_return, called = threading.Semaphore(0), threading.Semaphore(0)

    def slow(_event: Event) -> None:
        called.release()
        assert may_return.acquire(timeout=LIMIT_SECONDS)

    subscription = bus.on("new_bar", slow)
    for number in range(3):
        bus.emit(Event(EventType.NEW_BAR, "X", number, {}))
    for number in range(2):
        assert called.acquire(timeout=LIMIT_SECONDS)
        for seconds in (0.0, 2.0, 3.9):
            now = 4.0 * number + seconds
            assert not progress.has_stalled(subscription)
        may_return.release()
    assert called.acquire(timeout=LIMIT_SECONDS)
    assert subscription.delivered == 2
    assert not progress.has_stalled(subscription)
    now += 4.9
    bus.leave_behind(progress, 5.0)
    assert bus.are_behind()
    now += 0.1
    bus.leave_behind(progress, 5.0)
    assert not bus.are_behind()
    may_return.release()


def test_a_handler_whose_name_cannot_be_read_is_called_and_told_of(bus: EventBus) -> None:
    class Secret:
        calls = 0

        def __getattr__(self, name: str) -> None:
            raise OSError(name)

        def __call__(self, _event: Event) -> None:
            Secret.calls += 1
            if Secret.calls == 1:
                raise ValueError
            done.set()

    done = threading.Event()
    subscription = bus.on("new_bar", Secret())
    for number in range(2):
        bus.emit(Event(EventType.NEW_BAR, "X", number, {}))
    assert done.wait(LIMIT_SECONDS)
    assert "Secret" in subscription.trouble
