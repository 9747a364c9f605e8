"""One handler: in its context, once where it is for one event, in turns, and named as its function."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import threading

from mdnb.events.bus import EventBus
from mdnb.events.subscription import Subscription
from mdnb.events.types import Event, EventType
from tests.events.handlers import Until, event
from tests.limits import LIMIT_SECONDS


def test_handlers_run_in_the_context_that_registered_them(bus: EventBus) -> None:
    where: contextvars.ContextVar[str] = contextvars.ContextVar("where", default="nowhere")
    seen: dict[str, str] = {}
    done = {name: threading.Event() for name in ("plain", "async", "looped", "looped async")}

    def note(name: str) -> None:
        seen[name] = where.get()
        done[name].set()

    async def note_later(name: str) -> None:
        await asyncio.sleep(0)
        note(name)

    async def main() -> None:
        where.set("loop")
        bus.on("tick_data", lambda told: note("looped"))
        bus.on("tick_data", lambda told: note_later("looped async"))
        where.set("later")
        contextvars.Context().run(bus.emit, event(1))
        for each in done.values():
            await asyncio.to_thread(each.wait, LIMIT_SECONDS)

    where.set("thread")
    bus.on("tick_data", lambda told: note("plain"))
    bus.on("tick_data", lambda told: note_later("async"))
    where.set("elsewhere")
    asyncio.run(main())
    assert seen == {"plain": "thread", "async": "thread", "looped": "loop", "looped async": "loop"}


def test_once_is_once(bus: EventBus) -> None:
    seen: list[int] = []
    done = threading.Event()
    bus.on("tick_data", lambda told: seen.append(told.time_ns), once=True)
    bus.on("tick_data", lambda told: done.set() if told.time_ns == 9 else None)
    for i in range(10):
        bus.emit(event(i))
    assert done.wait(LIMIT_SECONDS)
    assert seen == [0]


def test_once_on_a_loop_is_once_though_more_waits_already(bus: EventBus) -> None:
    async def main() -> list[int]:
        seen: list[int] = []
        done = asyncio.Event()
        bus.on("tick_data", lambda told: seen.append(told.time_ns), once=True)
        bus.on("tick_data", lambda told: done.set() if told.time_ns == 9 else None)
        for i in range(10):
            bus.emit(event(i))
        await done.wait()
        return seen

    assert asyncio.run(main()) == [0]


def test_a_handler_whose_loop_is_gone_is_forgotten() -> None:
    bus = EventBus()

    async def main() -> Subscription:
        return bus.on("tick_data", lambda told: None)

    subscription = asyncio.run(main())
    bus.emit(event(1))
    assert not subscription.active
    assert not bus.wants(EventType.TICK_DATA)


def test_a_handler_that_never_catches_up_lets_others_on_its_thread_have_their_turn(bus: EventBus) -> None:
    heard, ended = threading.Event(), threading.Event()
    turns: list[bool] = []

    def behind(one: Event) -> None:
        # As if events came quicker than it takes them: its queue is never empty.
        turns.append(heard.is_set())
        if len(turns) == 1:
            bus.emit(event(0, EventType.NEW_BAR))
        if heard.is_set() or len(turns) >= 1000:
            ended.set()
        else:
            bus.emit(event(len(turns)))

    bus.on_thread("tick_data", behind)
    bus.on_thread("new_bar", lambda one: heard.set())
    bus.emit(event(0))
    assert ended.wait(LIMIT_SECONDS)
    assert len(turns) < 1000


def test_a_handler_is_named_as_its_function_is(bus: EventBus) -> None:
    class Odd:
        def __call__(self, told: Event) -> None: ...

        def __repr__(self) -> str:
            raise ValueError

    for handler, name in (
        (functools.partial(functools.partial(Until.wait)), "Until.wait"),
        (Odd(), "Odd"),
        (print, "print"),
    ):
        assert f"{name}: 0 delivered" in repr(bus.on_thread("tick_data", handler))
