"""For how long data has come of which nothing was taken, and why."""

from __future__ import annotations

import pytest

from mdnb.runtime.live.refusals import Refusals


class Told:
    """What was taken and refused, with a clock by hand."""

    def __init__(self) -> None:
        self.now = 0.0
        self.refusals = Refusals(lambda: self.now)

    def refuse(self, now: float, reason: str = "late", count: int = 1, *, again: bool = False) -> None:
        self.now = now
        self.refusals.refuse(reason, count, again=again)

    def accept(self, now: float, count: int = 1) -> None:
        self.now = now
        self.refusals.accept(count)

    def seconds(self, now: float, stale: float = 10.0) -> float:
        self.now = now
        return self.refusals.seconds(stale)


def test_what_is_refused_is_counted_by_reason_until_something_is_taken() -> None:
    told = Told()
    told.refuse(1, "late", 2)
    told.refuse(2, "odd", 5)
    told.refuse(3, "late", 1)
    told.refuse(4, "none", 0)
    assert told.refusals.reasons == {"odd": 5, "late": 3}
    assert list(told.refusals.reasons) == ["odd", "late"]
    assert (told.refusals.refused, told.refusals.accepted) == (8, 0)
    told.accept(5, 3)
    told.accept(6, 4)
    assert (told.refusals.reasons, told.refusals.refused, told.refusals.accepted) == ({}, 8, 7)


def test_it_lasts_from_the_first_that_was_refused_on() -> None:
    told = Told()
    assert told.seconds(100) == 0.0
    told.refuse(5)
    told.refuse(20)
    assert told.seconds(20) == 15.0
    assert told.seconds(22) == 17.0
    # As long as it went on, or what is soon, after the last one it says nothing any more.
    assert told.seconds(35) == 30.0
    assert told.seconds(35.1) == 0.0
    told = Told()
    told.refuse(5)
    assert told.seconds(5) == pytest.approx(1e-9)
    assert told.seconds(15) == 10.0
    assert told.seconds(15.1) == 0.0


def test_soon_after_good_data_bad_data_says_nothing() -> None:
    told = Told()
    told.accept(0)
    told.refuse(4)
    assert told.seconds(10) == 0.0
    told.refuse(11)
    assert told.seconds(11) == 7.0
    told.accept(12)
    assert told.seconds(12) == 0.0


def test_what_may_well_have_come_before_says_something_once_it_goes_on() -> None:
    told = Told()
    told.refuse(0, "duplicate", again=True)
    told.refuse(9.9, "duplicate", again=True)
    assert told.seconds(9.9) == 0.0
    told.refuse(10, "duplicate", again=True)
    assert told.seconds(10) == 10.0
    told.refusals.connected()
    assert (told.refusals.reasons, told.seconds(10)) == ({}, 0.0)
    told.refuse(11, "duplicate", again=True)
    told.refuse(12, "odd")
    assert told.seconds(12) == 1.0
    told.refusals.connected()
    assert told.refusals.reasons == {"duplicate": 1, "odd": 1}, "a new connection explains the one alone"
    told.accept(13)
    told.refuse(14, "duplicate", again=True)
    told.refusals.connected()
    assert told.refusals.reasons == {}


def test_an_answer_of_the_history_may_tell_again_what_is_known() -> None:
    told = Told()
    told.refusals.asked_for = True
    told.refuse(1)
    assert (told.refusals.reasons, told.refusals.refused) == ({}, 0)
