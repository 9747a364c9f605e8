"""Updates of an order book that do not follow each other are noticed, and nothing else is."""

from __future__ import annotations

import itertools
import zlib

from hypothesis import given, strategies as st

from mdnb.rows import BookSum, DepthUpdate
from mdnb.validate.book_order import BookOrder


def update(previous: int, last: int, *, snapshot: bool = False, checksum: int = -1) -> DepthUpdate:
    return DepthUpdate(0, snapshot, [], [], previous, last, checksum)


@given(st.lists(st.integers(1, 5), min_size=2, max_size=30), st.data())
def test_a_hole_is_noticed_wherever_it_is_and_healed_by_a_snapshot(
    steps: list[int], data: st.DataObject
) -> None:
    numbers = [10]
    for step in steps:
        numbers.append(numbers[-1] + step)
    updates = [update(before, after) for before, after in itertools.pairwise(numbers)]
    missing = data.draw(st.integers(0, len(updates) - 2))
    order = BookOrder()
    assert order.judge(update(-1, 10, snapshot=True)) == "apply"
    verdicts = [order.judge(one) for number, one in enumerate(updates) if number != missing]
    expected = ["apply"] * missing + ["broken"] + ["old"] * (len(updates) - missing - 2)
    assert verdicts == expected
    assert str(numbers[missing + 1]) in order.reason
    assert order.judge(update(-1, numbers[-1], snapshot=True)) == "apply"
    assert order.judge(update(numbers[-1], numbers[-1] + 1)) == "apply"


def test_updates_of_before_a_snapshot_are_left_out_and_one_across_it_is_not() -> None:
    order = BookOrder()
    order.judge(update(-1, 100, snapshot=True))
    assert [order.judge(update(*one)) for one in ((90, 95), (95, 100), (98, 103), (103, 104))] == [
        *["old", "old", "apply", "apply"]
    ]


def test_a_venue_without_numbers_is_taken_as_it_comes() -> None:
    order = BookOrder()
    assert {order.judge(update(-1, -1)) for _ in range(3)} == {"apply"}
    assert order.agrees(update(-1, -1, checksum=5), [], [])


def test_a_venue_that_begins_to_count_anew_is_followed_where_it_says_so_and_else_found_out() -> None:
    order = BookOrder()
    order.judge(update(-1, 1000, snapshot=True))
    assert order.judge(update(1000, 3)) == "apply"
    assert order.judge(update(3, 4)) == "apply"
    order.judge(update(-1, 1000, snapshot=True))
    verdicts = [order.judge(update(number, number + 1)) for number in range(1, 400)]
    assert verdicts.count("broken") == 1
    assert "apply" not in verdicts
    assert order.is_broken


def test_a_sum_that_differs_breaks_the_book() -> None:
    def checksum(bids: object, asks: object) -> int:
        return zlib.crc32(repr((bids, asks)).encode())

    order = BookOrder(checksum)
    right = checksum([(1.0, 2.0)], [])
    assert order.agrees(update(-1, -1, checksum=right), [(1.0, 2.0)], [])
    assert not order.agrees(update(-1, -1, checksum=right), [(1.0, 3.0)], [])
    assert str(right) in order.reason
    assert order.judge(update(-1, -1)) == "old"
    order.forget()
    assert order.judge(update(-1, -1)) == "apply"


def test_of_several_sums_the_first_whole_book_tells_which_it_is() -> None:
    def written(places: int) -> BookSum:
        return lambda bids, asks: zlib.crc32(f"{bids[0][0]:.{places}f}".encode())

    order = BookOrder([written(places) for places in range(5)])
    assert not order.can_check(update(-1, -1, checksum=1)), "what did not begin whole adds up to anything"
    assert order.judge(update(-1, -1, snapshot=True)) == "apply"
    assert not order.can_check(update(-1, -1))
    assert order.can_check(update(-1, -1, checksum=1))
    assert order.agrees(update(-1, -1, checksum=zlib.crc32(b"1.50")), [(1.5, 1.0)], [])
    # From then on it is that one.
    assert not order.agrees(update(-1, -1, checksum=zlib.crc32(b"2.500")), [(2.5, 1.0)], [])
    assert order.reason == f"its checksum is {zlib.crc32(b'2.50')}, and the venue's {zlib.crc32(b'2.500')}"
    other = BookOrder([written(places) for places in range(5)])
    assert not other.agrees(update(-1, -1, checksum=7), [(2.5, 1.0)], [])
    assert other.reason == "its checksum is another, however its numbers are written, and the venue's 7"
    order.forget()
    assert not order.can_check(update(-1, -1, checksum=1))


def test_a_book_that_began_without_a_snapshot_begins_anew_after_a_hole() -> None:
    order = BookOrder()
    verdicts = [order.judge(update(*one)) for one in ((4, 5), (5, 9), (12, 13), (13, 14), (13, 14), (17, 20))]
    assert verdicts == ["apply", "apply", "broken", "apply", "old", "broken"]
    assert (order.breaks, order.is_broken) == (2, False)
    assert order.reason == "an update follows number 17, and the newest that came is 14"


def test_numbers_begin_with_zero_as_with_any_other() -> None:
    for first in (0, 1, 7):
        order = BookOrder()
        assert order.judge(update(first - 1, first, snapshot=True)) == "apply"
        assert order.judge(update(first - 1, first)) == "old"
        assert order.judge(update(first, first + 1)) == "apply"
        assert order.judge(update(first + 2, first + 3)) == "broken"
        wrong, held = first + 2, first + 1
        assert order.reason == f"an update follows number {wrong}, and the newest that came is {held}"
        # One without a snapshot begins with whatever comes.
        other = BookOrder()
        assert [other.judge(update(*one)) for one in ((5, first), (first, 9))] == ["apply", "apply"]
    order = BookOrder()
    assert [order.judge(update(-1, last)) for last in (0, 0, 1)] == ["apply", "old", "apply"]


def test_an_update_without_a_number_is_taken_as_it_comes_among_others() -> None:
    order = BookOrder()
    order.judge(update(-1, 10, snapshot=True))
    assert order.judge(update(-1, -1)) == "apply"
    assert order.judge(update(20, 21)) == "apply"
    assert order.judge(update(22, 23)) == "broken"


def test_so_many_old_ones_in_a_row_are_no_leftovers_and_fewer_are() -> None:
    order = BookOrder()
    order.judge(update(-1, 1_000, snapshot=True))
    for again in (update(-1, 1_000, snapshot=True), update(1_000, 1_000), update(-1, 1_000, snapshot=True)):
        assert order.judge(again) == "apply"
        assert [order.judge(update(1, 2)) for _ in range(200)] == ["old"] * 200
        assert not order.is_broken
    assert order.judge(update(1, 2)) == "broken"
    assert order.reason == "updates have numbers up to 2, and what is held has 1000"
    assert (order.breaks, order.is_broken, order.is_whole) == (1, True, True)
    # A snapshot heals it, and none of the old ones counts any more.
    order.judge(update(-1, 1_000, snapshot=True))
    assert [order.judge(update(1, 2)) for _ in range(200)] == ["old"] * 200


def test_what_was_given_up_begins_as_a_new_one_does() -> None:
    def checksum(bids: object, asks: object) -> int:
        return 5

    for order in (BookOrder(checksum), BookOrder([checksum])):
        for _ in range(2):
            assert (order.is_broken, order.is_whole) == (False, False)
            assert not order.can_check(update(-1, -1, checksum=0))
            # Numbers of before it say nothing.
            assert order.judge(update(3, 4)) == "apply"
            assert order.judge(update(6, 7)) == "broken"
            assert order.judge(update(-1, 9, snapshot=True, checksum=0)) == "apply"
            assert order.can_check(update(-1, -1, checksum=0))
            assert not order.agrees(update(-1, -1, checksum=0), [], [])
            assert order.agrees(update(-1, -1), [], [])
            assert order.is_broken
            order.forget()
        assert order.breaks == 4
    assert BookOrder().reason == ""
    assert BookOrder().breaks == 0
    assert not BookOrder().can_check(update(-1, 1, snapshot=True, checksum=1))


def test_one_that_says_that_it_follows_what_is_held_does_whatever_its_own_number_is() -> None:
    for held in (0, 1, 5):
        order = BookOrder()
        order.judge(update(-1, held, snapshot=True))
        assert order.judge(update(held, held)) == "apply"
        assert order.judge(update(held, 0)) == "apply"
        assert order.judge(update(0, 1)) == "apply"


def test_of_two_sums_too_the_first_whole_book_tells_which_it_is() -> None:
    order = BookOrder([lambda bids, asks: len(bids), lambda bids, asks: len(asks)])
    level = (1.0, 1.0)
    # Of both alike it tells nothing.
    assert order.agrees(update(-1, -1, checksum=1), [level], [level])
    assert order.agrees(update(-1, -1, checksum=2), [level], [level, level])
    assert not order.agrees(update(-1, -1, checksum=1), [level], [level, level])
    assert order.reason == "its checksum is 2, and the venue's 1"
