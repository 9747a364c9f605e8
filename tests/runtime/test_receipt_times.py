"""By which times what is received is recorded, where a clock comes to be known amid it."""

from __future__ import annotations

from mdnb.clock import EventClock, MarketClock
from mdnb.runtime.receipt_times import ReceiptTimes
from tests.manager.hand import SECOND, START, HandFeed


class Wrong:
    """A computer's clock that is ahead of the venue's by so many seconds."""

    def __init__(self, ahead: int) -> None:
        self.now = START + ahead * SECOND
        self.ahead = ahead
        self.clock = MarketClock(lambda: self.now, lambda: self.now)
        self.times = ReceiptTimes(HandFeed(clock=self.clock))

    def hear(self, seconds: int) -> None:
        """Hear of the venue's time once a second."""
        for _ in range(seconds):
            self.now += SECOND
            self.clock.arrived(self.now - self.ahead * SECOND)


def test_a_recording_that_began_by_a_fast_clock_goes_on_by_it() -> None:
    wrong = Wrong(90)
    wrong.times.begin()
    before = wrong.times.now_ns()
    assert before == START + 90 * SECOND
    wrong.hear(40)
    wrong.times.begin()
    assert abs(wrong.clock.now_ns() - (wrong.now - 90 * SECOND)) <= SECOND
    assert abs(wrong.times.now_ns() - wrong.now) <= SECOND


def test_a_recording_that_begins_when_the_venues_time_is_known_has_that() -> None:
    wrong = Wrong(90)
    wrong.hear(40)
    wrong.times.begin()
    assert wrong.times.now_ns() == wrong.clock.now_ns()
    never = Wrong(90)
    never.hear(40)
    assert never.times.now_ns() == never.clock.now_ns(), "it has not begun"


def test_where_the_clock_is_the_markets_own_its_time_is_taken_as_it_is() -> None:
    feed = HandFeed(clock=EventClock(START))
    times = ReceiptTimes(feed)
    times.begin()
    assert times.now_ns() == START
    feed.clock.advance(START + SECOND)  # type: ignore[attr-defined]  # it is an event clock
    assert times.now_ns() == START + SECOND
