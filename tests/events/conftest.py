"""Buses, on the wall's clock and on one that the test moves; each is closed, and leaves no thread."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mdnb.events.bus import EventBus
from mdnb.events.subscription import Subscription
from tests.events.handlers import Blocked, Clock


@pytest.fixture
def bus(no_thread_leak: None) -> Iterator[EventBus]:
    made = EventBus()
    yield made
    made.close()


@pytest.fixture
def stuck(no_thread_leak: None) -> Iterator[Blocked]:
    made = Blocked()
    yield made
    made.go.set()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def slow() -> list[Subscription]:
    """Whom the bus on that clock tells to be slow."""
    return []


@pytest.fixture
def timed(clock: Clock, slow: list[Subscription], stuck: Blocked) -> Iterator[EventBus]:
    made = EventBus(on_slow=slow.append, now=clock)
    yield made
    made.close()
