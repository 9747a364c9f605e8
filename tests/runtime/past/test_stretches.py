"""What is known of a stretch that was missed: by one trade after another, and of two that become one."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest

from mdnb.runtime.past.stretches import Stretch
from mdnb.validate.duplicates import Hole

SMALLER = {"low_id": 5, "low_ns": 100, "high_id": 9, "high_ns": 300}
LARGER = {"low_id": 7, "low_ns": 200, "high_id": 20, "high_ns": 900}


def stretch(**known: Any) -> Stretch:
    return Stretch(**{**SMALLER, "reason": "reconnect", "found": 0.0, **known})


@pytest.mark.parametrize("turned", [False, True])
def test_two_that_become_one_reach_as_far_as_both(turned: bool) -> None:
    one, other = (stretch(**SMALLER), stretch(**LARGER))[:: -1 if turned else 1]
    one.join(other)
    assert (one.low_id, one.low_ns, one.high_id, one.high_ns) == (5, 100, 20, 900)


@pytest.mark.parametrize("others", [False, True])
@pytest.mark.parametrize("mine", [False, True])
def test_what_is_true_of_one_of_two_is_true_of_both_together(mine: bool, others: bool) -> None:
    names = ("unknown", "blind", "undecided")
    one, other = (stretch(**dict.fromkeys(names, given)) for given in (mine, others))
    one.join(other)
    assert [getattr(one, name) for name in names] == [mine or others] * 3


def test_two_that_become_one_keep_what_was_put_back_and_the_first_id_that_was_told() -> None:
    one = stretch(put=3, not_rebuilt={"5tick"}, gap_id="a")
    one.note(4, covers=True)
    one.join(stretch(put=4, not_rebuilt={"9tick"}, gap_id="b"))
    assert (one.put, one.not_rebuilt, one.gap_id) == (7, {"5tick", "9tick"}, "a")
    assert (one.same, one.covers, one.lacks) == (0, False, None), "answers were about the one alone"
    untold = stretch()
    untold.join(one)
    assert (untold.put, untold.gap_id) == (7, "a")


def test_two_that_become_one_have_an_end_where_both_have() -> None:
    ended, open_ = stretch(), Stretch.after(9, 300, 1.0)
    open_.come_back(700, 2.0)
    ended.join(open_)
    assert (ended.ends, ended.back_ns, ended.back_at) == (False, 700, 2.0)
    open_.join(stretch())
    assert (open_.ends, open_.back_ns, open_.back_at) == (False, 700, 2.0)


@pytest.mark.parametrize(
    ("low", "high", "touches"), [(301, 400, False), (300, 400, True), (0, 99, False), (0, 100, True)]
)
def test_two_overlap_where_they_touch_in_time(low: int, high: int, touches: bool) -> None:
    other = stretch(low_ns=low, high_ns=high)
    assert stretch().overlaps(other) is other.overlaps(stretch()) is touches


def test_a_hole_in_the_ids_is_a_stretch_with_an_end() -> None:
    made = Stretch.of(Hole(**SMALLER), 4.0)
    assert dataclasses.asdict(made) == dataclasses.asdict(stretch(reason="missing_ids", found=4.0))


def test_a_lost_connection_is_a_stretch_without_an_end_until_a_trade_comes() -> None:
    made = Stretch.after(9, 300, 4.0, blind=True)
    expected = {"low_id": 9, "low_ns": 300, "high_id": 9, "high_ns": 300, "ends": False, "blind": True}
    assert dataclasses.asdict(made) == dataclasses.asdict(stretch(**expected, found=4.0))
    made.end(12, 500)
    assert (made.high_id, made.high_ns, made.ends) == (12, 500, True)


@pytest.mark.parametrize(
    ("back_ns", "time_ns", "end_ns"), [(None, 250, 300), (400, 350, 400), (400, 450, 450)]
)
def test_a_trade_that_is_late_does_not_end_it_before_the_connection_was_back(
    back_ns: int | None, time_ns: int, end_ns: int
) -> None:
    made = Stretch.after(9, 300, 4.0)
    if back_ns is not None:
        made.come_back(back_ns, 5.0)
    made.asked = 6.0
    made.end(10, time_ns)
    assert (made.high_ns, made.asked) == (end_ns, None)


def test_what_was_asked_before_a_connection_was_lost_says_nothing() -> None:
    made = Stretch.after(9, 300, 4.0)
    made.come_back(400, 5.0)
    assert (made.back_ns, made.back_at) == (400, 5.0)
    made.asked, made.named, made.refused = 6.0, 7.0, True
    made.note(3, covers=True)
    made.lose()
    assert (made.back_ns, made.back_at) == (None, math.inf)
    assert (made.same, made.covers, made.lacks) == (0, False, None)
    made.note(3, covers=True)
    made.come_back(600, 8.0)
    assert (made.back_ns, made.back_at) == (600, 8.0)
    assert (made.asked, made.named, made.refused) == (None, -math.inf, False)
    assert (made.same, made.covers, made.lacks) == (0, False, None)
    ended = stretch()
    ended.come_back(600, 8.0)
    assert (ended.back_ns, ended.back_at) == (None, math.inf)


def test_answers_are_believed_when_they_have_been_the_same_for_long_enough() -> None:
    made = stretch(unknown=True)
    believed = []
    for asked, lacks, covers in (
        (10.0, 3, False),
        (12.0, 2, False),
        (14.0, 2, True),
        (16.0, 2, True),
        (19.0, 2, True),
    ):
        made.latest = asked
        made.note(lacks, covers=covers)
        believed.append((made.same, made.same_for, made.is_believed(5.0), made.is_believed(0.0)))
    assert believed == [
        (1, 0.0, False, False),
        (1, 0.0, False, False),
        (1, 0.0, False, False),
        (2, 2.0, False, True),
        (3, 5.0, True, True),
    ]
    assert (made.lacks, made.covers, made.unknown) == (2, True, False)
