"""How many threads run callbacks, and when they end."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Iterator

import pytest

from mdnb.events.callback_threads import CallbackThreads
from tests.limits import LIMIT_SECONDS

_NEVER = 1e6


class Turns:
    """Turns that stay until they are let go, and say on which thread they are."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self._began: queue.SimpleQueue[threading.Thread] = queue.SimpleQueue()

    def stay(self, stopping: threading.Event) -> None:
        self._began.put(threading.current_thread())
        assert self.go.wait(LIMIT_SECONDS)

    def began(self) -> threading.Thread:
        return self._began.get(timeout=LIMIT_SECONDS)

    def has_begun(self) -> bool:
        return not self._began.empty()


@pytest.fixture
def turns(no_thread_leak: None) -> Iterator[Turns]:
    made = Turns()
    yield made
    made.go.set()


@pytest.fixture
def make(turns: Turns) -> Iterator[Callable[..., CallbackThreads]]:
    made: list[CallbackThreads] = []

    def start(patience: float = 0.001, idle: float = _NEVER, most: int = 32) -> CallbackThreads:
        made.append(CallbackThreads(patience=patience, idle=idle, most=most))
        made[-1].watch()
        return made[-1]

    yield start
    for each in made:
        each.stop()


def names() -> list[str]:
    return [each.name for each in threading.enumerate() if each.name.startswith("mdnb-callbacks")]


def test_turns_that_return_share_one_thread(make: Callable[..., CallbackThreads]) -> None:
    threads, seen, done = make(patience=_NEVER), list[threading.Thread](), threading.Event()
    for _ in range(100):
        threads.put(lambda stopping: seen.append(threading.current_thread()))
    threads.put(lambda stopping: done.set())
    assert done.wait(LIMIT_SECONDS)
    assert len(seen) == 100
    assert len(set(seen)) == 1


def test_a_single_handler_needs_no_thread_that_watches(turns: Turns) -> None:
    before = names()
    threads = CallbackThreads()
    threads.put(turns.stay)
    turns.began()
    assert sorted(names()) == sorted([*before, "mdnb-callbacks"])
    threads.stop()


def test_each_turn_that_does_not_return_keeps_one_thread(
    make: Callable[..., CallbackThreads], turns: Turns
) -> None:
    threads = make()
    for _ in range(6):
        threads.put(turns.stay)
    assert len({turns.began() for _ in range(6)}) == 6
    done = threading.Event()
    threads.put(lambda stopping: done.set())
    assert done.wait(LIMIT_SECONDS)


def test_threads_that_are_not_needed_any_more_end_but_one(
    make: Callable[..., CallbackThreads], turns: Turns
) -> None:
    threads = make(idle=0.001)
    for _ in range(3):
        threads.put(turns.stay)
    began = [turns.began() for _ in range(3)]
    turns.go.set()
    for _ in range(int(LIMIT_SECONDS / 0.01)):
        left = [each for each in began if each.is_alive()]
        if len(left) == 1:
            break
        left[0].join(0.01)
    (stays,) = left
    threads.put(turns.stay)
    assert turns.began() is stays


def test_more_than_the_most_wait_and_a_warning_says_so_once(
    make: Callable[..., CallbackThreads], turns: Turns, caplog: pytest.LogCaptureFixture
) -> None:
    told = threading.Event()

    class Tells(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            told.set()

    handler = Tells()
    # After the handler of caplog.
    logging.getLogger().addHandler(handler)
    threads = make(most=2)
    for _ in range(3):
        threads.put(turns.stay)
    turns.began()
    turns.began()
    assert told.wait(LIMIT_SECONDS)
    logging.getLogger().removeHandler(handler)
    (text,) = caplog.messages
    assert text.startswith("2 handlers are at work and none returns; 1 more wait for one of them. ")
    assert not turns.has_begun()
    turns.go.set()
    turns.began()


def test_a_thread_that_the_system_refuses_is_tried_again(
    make: Callable[..., CallbackThreads], turns: Turns, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused, start = threading.Event(), threading.Thread.start
    threads = make()

    def refuses(thread: threading.Thread) -> None:
        if not refused.is_set():
            refused.set()
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuses)
    threads.put(turns.stay)
    threads.put(turns.stay)
    assert turns.began() is not turns.began()
    assert refused.is_set()


def test_stopping_ends_each_thread_once_it_is_free(turns: Turns) -> None:
    threads = CallbackThreads(patience=0.001)
    threads.watch()
    threads.put(turns.stay)
    threads.put(turns.stay)
    busy = [turns.began(), turns.began()]
    threads.stop()
    assert all(each.is_alive() for each in busy)
    turns.go.set()
    for each in busy:
        each.join(LIMIT_SECONDS)
        assert not each.is_alive()


def test_the_thread_that_watches_ends_though_it_comes_to_itself_while_the_rest_is_stopped(
    turns: Turns, no_thread_leak: None
) -> None:
    class Late(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            ended = super().wait(timeout)
            threads.stop()
            return ended

    threads = CallbackThreads(patience=0.001)
    # Its time is over, and only then, before it says so, the others are stopped.
    threads._stopping = Late()
    threads.watch()
    turns.go.set()
    threads.put(turns.stay)
    turns.began()
