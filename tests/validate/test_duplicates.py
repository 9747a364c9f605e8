"""Trades told twice, against a plain set of the ids seen."""

from __future__ import annotations

import copy
import random
from collections import deque
from collections.abc import Sequence
from typing import Literal
from unittest import mock

from hypothesis import given, strategies as st

from mdnb.rows import NOT_LAST, NOT_RANGE, MarkedTrade, TradeRow, marks_of
from mdnb.validate.duplicates import Duplicates, Hole

SECOND = 1_000_000_000
EPOCH = 1_723_000_000 * SECOND
ABSURD = 2**62


def trades(ids: Sequence[int]) -> list[TradeRow]:
    return [(number * 10, 100.0, 1.0, 1, 0, number) for number in ids]


def missing(check: Duplicates) -> set[int]:
    return {number for hole in check.holes for number in hole.ids}


def ids_of(rows: Sequence[TradeRow]) -> list[int]:
    return [row[5] for row in rows]


@given(st.lists(st.lists(st.integers(0, 40), min_size=1, max_size=12), max_size=12))
def test_of_numbered_trades_each_is_taken_once_however_they_come(batches: list[list[int]]) -> None:
    check = Duplicates("sequential")
    seen: set[int] = set()
    for batch in batches:
        fresh, again = check.split(trades(batch))
        expected_fresh: list[int] = []
        expected_again: list[int] = []
        for number in batch:
            (expected_again if number in seen else expected_fresh).append(number)
            seen.add(number)
        assert (ids_of(fresh), ids_of(again)) == (expected_fresh, expected_again)
        assert check.highest == max(seen)
        assert missing(check) == set(range(batches[0][0], max(seen))) - seen
        for hole in check.holes:
            assert (hole.low_ns, hole.high_ns) == (hole.low_id * 10, hole.high_id * 10)
            assert {hole.low_id, hole.high_id} <= seen


def test_numbers_that_run_on_are_taken_as_they_are() -> None:
    check = Duplicates("sequential")
    for begin in (0, 5, 10):
        rows = trades(range(begin, begin + 5))
        fresh, again = check.split(rows)
        assert fresh is rows
        assert again == []
    assert ids_of(check.split(trades([12, 15]))[1]) == [12]


def test_numbers_that_only_seem_to_run_on_are_each_looked_at() -> None:
    check = Duplicates("sequential")
    check.split(trades([1, 2]))
    # From the next one to the third after it, as three that run on have it.
    assert ids_of(check.split(trades([3, 3, 5]))[0]) == [3, 5]
    assert missing(check) == {4}
    assert ids_of(check.split(trades([6, 8, 7, 9]))[0]) == [6, 8, 7, 9]
    assert (missing(check), check.highest) == ({4}, 9)


def test_a_hole_is_told_at_once_and_what_fills_it_leaves_the_rest() -> None:
    check = Duplicates("sequential")
    told: list[Hole] = []
    check.on_jump = told.append
    # More than any memory of single ids would hold: a night without a connection.
    rows = trades([5, 6, 9, 1_000_009])
    night = 8 * 3600 * SECOND
    check.split([*rows[:3], (night, *rows[3][1:])])
    assert told == check.holes == [Hole(6, 60, 9, 90), Hole(9, 90, 1_000_009, night)]
    assert ids_of(check.split(trades([8, 12, 11, 12]))[0]) == [8, 12, 11]
    assert check.holes == [Hole(6, 60, 8, 80), Hole(9, 90, 11, 110), Hole(12, 120, 1_000_009, night)]
    assert check.holes_between(9, 12) == [Hole(9, 90, 11, 110)]
    assert check.hole_of(7) == Hole(6, 60, 8, 80)
    assert check.hole_of(9) is check.hole_of(2_000_000) is None
    check.forget(9, 1_000_009)
    assert check.holes == [Hole(6, 60, 8, 80)]
    assert check.hole_of(10) is None
    # Nobody asks for it any more, and none of it is here.
    assert ids_of(check.split(trades([7, 10, 10, 500_000, 12]))[1]) == [10, 12]


def test_of_very_many_holes_the_newest_are_remembered() -> None:
    check = Duplicates("sequential")
    check.split(trades(range(0, 300_000, 2)))
    assert len(check.holes) == 100_000
    assert check.highest == check.holes[-1].high_id == 299_998
    assert check.highest_ns == 2_999_980
    assert (check.first, Duplicates("sequential").first) == (0, -1)


def test_trades_without_a_number_are_never_told_twice() -> None:
    rows = trades([-1, -1, 7, -1, 7])
    assert ids_of(Duplicates("unique").split(rows)[0]) == [-1, -1, 7, -1]
    assert Duplicates("none").split(rows) == (rows, [])
    assert Duplicates("sequential").split([]) == ([], [])


def test_only_the_newest_numbers_are_remembered() -> None:
    check = Duplicates("unique", window=3)
    assert ids_of(check.split(trades([50, 20, 90]))[0]) == [50, 20, 90]
    assert ids_of(check.split(trades([50, 70]))[1]) == [50]
    # 70 drove out the oldest.
    assert ids_of(check.split(trades([20, 50]))[0]) == [50]


def test_ids_before_the_first_one_that_came_by_themselves_are_not_missing() -> None:
    seen = Duplicates("sequential")
    rows = {number: (number * 10, 100.0, 1.0, 1, 0, number) for number in range(3, 9)}
    seen.split([rows[7], rows[8]])
    seen.split([rows[5]])
    seen.reopen(3, 30)
    assert [list(hole.ids) for hole in seen.holes] == [[3, 4], [6]]
    assert seen.split([rows[5]]) == ([], [rows[5]])
    assert seen.split([rows[4], rows[6], rows[3]])[1] == []
    assert seen.holes == []


def test_numbers_of_the_stretches_that_are_wanted_stay_known() -> None:
    seen = Duplicates("unique", window=3)
    rows = [(at, 100.0, 1.0, 1, 0, 100 - at) for at in range(20)]
    seen.split(rows[:5])
    seen.keep([(0, 3), (4, 4)])
    seen.split(rows[5:])
    # The first two had left before.
    assert [row[0] for row in rows if seen.is_known(row)] == [2, 3, 4, 17, 18, 19]
    assert [row[0] for row in rows if seen.decides(row)] == [2, 3, 4, 17, 18, 19]
    seen.keep([])
    assert [row[0] for row in rows if seen.is_known(row)] == [17, 18, 19]
    assert [row[0] for row in rows if seen.decides(row)] == [17, 18, 19]


def ten_a_second(ids: Sequence[int], since: int = 0) -> list[TradeRow]:
    return [(EPOCH + (since + at) * SECOND // 10, 100.0, 1.0, 1, 0, number) for at, number in enumerate(ids)]


def test_of_one_absurd_id_all_that_follow_are_new() -> None:
    check = Duplicates("sequential")
    doubted: list[TradeRow] = []
    check.on_doubt = doubted.append
    rows = ten_a_second([*range(20), ABSURD, *range(20, 250)])
    fresh = [row for row in rows for row in check.split([row])[0]]
    assert len(fresh) == 251
    # The trade is there, and nothing says that it has this id.
    assert ids_of(fresh) == [*range(20), -1, *range(20, 250)]
    assert fresh[20][:5] == rows[20][:5]
    assert doubted == [rows[20]]
    assert (check.holes, check.highest, check.nameless) == ([], 249, False)
    # Told again after a new connection, both are known.
    assert check.split(rows[15:25])[0] == []


@given(
    st.integers(0, 10**12),
    st.lists(st.sampled_from([0, 2**62, 2**61, 2**63 - 1, 2**63, 2**64, 2**80]), max_size=6),
    st.randoms(),
    st.integers(1, 40),
)
def test_absurd_ids_wherever_they_come_cost_no_other_trade(
    begin: int, odd: list[int], dice: random.Random, size: int
) -> None:
    good = list(range(begin, begin + 100))
    # Less than a million away it could be a line that lost as many: the history is asked then.
    odd = [number for number in odd if abs(number - begin) > 1_100_000]
    mixed = list(good)
    for number in dict.fromkeys(odd):
        mixed.insert(dice.randrange(len(mixed) + 1), number)
    rows = ten_a_second(mixed)
    check = Duplicates("sequential")
    fresh: list[TradeRow] = []
    for at in range(0, len(rows), size):
        new, again = check.split(rows[at : at + size])
        assert again == []
        fresh += new
    assert [row[:5] for row in fresh] == [row[:5] for row in rows]
    assert (check.highest, check.holes) == (good[-1], [])
    assert check.split(rows)[0] == []


def test_a_jump_that_two_trades_make_is_believed() -> None:
    check = Duplicates("sequential")
    told: list[Hole] = []
    check.on_jump = told.append
    check.split(ten_a_second(range(20)))
    # A burst that the line lost.
    after = ten_a_second([300_000, 300_002, 300_001], since=20)
    fresh = [row for row in after for row in check.split([row])[0]]
    assert ids_of(fresh) == [-1, 300_002, 300_001]
    assert told[0] == Hole(19, EPOCH + 19 * SECOND // 10, 300_000, EPOCH + 2 * SECOND)
    assert (check.highest, missing(check)) == (300_002, set(range(20, 300_000)))
    assert check.split(after)[0] == []
    assert ids_of(check.split(ten_a_second([150_000], since=30))[0]) == [150_000]


def test_after_an_outage_that_explains_it_a_jump_is_believed_at_once() -> None:
    check = Duplicates("sequential")
    check.split(ten_a_second(range(20)))
    rows = ten_a_second([1_000_000], since=20 + 10 * 600)
    assert check.split(rows) == (rows, [])
    assert [list(hole.ids)[:1] for hole in check.holes] == [[20]]


def test_a_venue_that_numbers_anew_is_followed_and_not_asked_for_what_it_never_had() -> None:
    check = Duplicates("sequential")
    check.split(ten_a_second(range(20)))
    fresh, again = check.split(ten_a_second(range(ABSURD, ABSURD + 50), since=20))
    assert (len(fresh), again, check.holes, check.highest) == (50, [], [], ABSURD + 49)
    # Two trades with odd ids that look like a run cost nothing either.
    fresh, again = check.split(ten_a_second(range(20, 60), since=70))
    assert (len(fresh), again) == (40, [])


def test_the_first_id_of_all_is_believed_no_more_than_another_one() -> None:
    for first in (ABSURD, 0):
        check = Duplicates("sequential")
        rows = ten_a_second([first, *range(10**9, 10**9 + 50)])
        fresh = [row for row in rows for row in check.split([row])[0]]
        assert len(fresh) == 51
        assert (check.first, check.highest, check.holes) == (10**9, 10**9 + 49, [])
        assert check.split(rows)[0] == []


def test_ids_that_only_differ_may_be_any_number() -> None:
    check = Duplicates("unique")
    rows = trades([2**62, 5, 2**61, 7])
    assert check.split(rows) == (rows, [])
    assert check.split(rows) == ([], rows)
    # No table holds it: the trade goes on without it, and is known by it.
    high = [(9, 100.0, 1.0, 1, 0, 2**64)]
    assert ids_of(check.split(high)[0]) == [-1]
    assert check.split(high) == ([], high)


def test_an_absurd_id_of_the_history_is_left_out() -> None:
    check = Duplicates("sequential")
    check.split(ten_a_second([1_000, 1_001, 1_040, 1_041]))
    answer = ten_a_second([1_001, 1_002, ABSURD, 1_003, 1_040, 2**64])
    assert ids_of(check.believed(answer)) == [1_001, 1_002, 1_003, 1_040]
    check = Duplicates("sequential")
    check.split(ten_a_second([10**9, 10**9 + 1]))
    assert ids_of(check.believed(ten_a_second([3, 10**9 - 5]))) == [10**9 - 5]
    # Nor is it what a first id alone says against a history.
    check = Duplicates("sequential")
    check.split(ten_a_second([ABSURD]))
    check.reopen(1, 0)
    assert (check.first, check.holes) == (-1, [])
    assert ids_of(check.split(ten_a_second(range(1, 20)))[0]) == list(range(1, 20))


def test_exactly_the_window_is_remembered() -> None:
    for window in (1, 2, 5):
        check = Duplicates("unique", window=window)
        check.split(trades(range(window)))
        # All of them, none of which drives out another.
        assert ids_of(check.split(trades(range(window)))[1]) == list(range(window))
        check.split(trades([100]))
        assert [check.is_known(row) for row in trades(range(window))] == [False] + [True] * (window - 1)


@given(st.lists(st.lists(st.integers(0, 15), min_size=1, max_size=12), max_size=15), st.integers(1, 8))
def test_of_unique_ids_those_taken_last_are_known_in_the_order_in_which_they_were_taken(
    batches: list[list[int]], window: int
) -> None:
    check = Duplicates("unique", window=window)
    taken: list[int] = []
    for batch in batches:
        fresh, again = check.split(trades(batch))
        known = set(taken)
        expected_fresh: list[int] = []
        expected_again: list[int] = []
        for number in batch:
            (expected_again if number in known else expected_fresh).append(number)
            known.add(number)
        assert (ids_of(fresh), ids_of(again)) == (expected_fresh, expected_again)
        # One that came again is no newer for it.
        taken = [*taken, *expected_fresh][-window:]
        assert [number for number in range(16) if check.is_known(trades([number])[0])] == sorted(taken)


_at = st.integers(0, 30)
_step = st.one_of(
    st.lists(st.integers(0, 30), min_size=1, max_size=8),
    st.lists(st.tuples(_at, _at).map(lambda one: (min(one), max(one))), max_size=2, unique_by=lambda s: s[0]),
)


@given(st.permutations(range(31)), st.lists(_step, max_size=25), st.integers(1, 6))
def test_whoever_decides_by_what_is_known_is_right(
    when: list[int], steps: list[list[int] | list[tuple[int, int]]], window: int
) -> None:
    """Times are in another order than the trades come; stretches that are wanted change again and again."""
    rows: list[TradeRow] = [(when[number], 100.0, 1.0, 1, 0, number) for number in range(31)]
    check = Duplicates("unique", window=window)
    came: set[int] = set()
    spans: list[tuple[int, int]] = []
    wanted: set[int] = set()
    for step in steps:
        if not step or isinstance(step[0], tuple):
            spans = [one for one in step if isinstance(one, tuple)]
            check.keep(spans)
            # Of a stretch that has grown the certain part may be a smaller one.
            wanted = {number for number in wanted if check.decides(rows[number])}
            fresh = [row for row in rows if row[5] in came and check.is_known(row) and check.decides(row)]
        else:
            batch = [rows[number] for number in step if isinstance(number, int)]
            fresh = list(check.split(batch)[0])
            assert {row[5] for row in batch} <= came | {row[5] for row in fresh}
            came |= {row[5] for row in fresh}
        inside = {number for number, row in enumerate(rows) if any(a <= row[0] <= b for a, b in spans)}
        before = {row[5] for row in fresh if check.decides(row)}
        wanted = (wanted | before) & inside
        for row in rows:
            assert not (check.is_known(row) and row[5] not in came)
            if check.decides(row):
                assert check.is_known(row) is (row[5] in came)
        if len(came & inside) <= window:
            assert all(check.is_known(rows[number]) for number in wanted)
        else:
            wanted = {number for number in wanted if check.decides(rows[number])}
        assert sum(map(check.is_known, rows)) <= 2 * window


def test_a_stretch_that_grows_says_nothing_of_what_was_forgotten_before_it_did() -> None:
    seen = Duplicates("unique", window=1)
    rows = [(at, 100.0, 1.0, 1, 0, number) for number, at in enumerate((7, 3, 4))]
    seen.keep([(3, 4)])
    # The first one is later than all that is wanted, and leaves the window.
    seen.split(rows)
    seen.keep([(3, 8)])
    assert [seen.decides(row) for row in rows] == [False, False, False]
    assert seen.decides((8, 100.0, 1.0, 1, 0, 9))


def test_of_what_is_wanted_as_much_is_kept_as_the_window_has() -> None:
    seen = Duplicates("unique", window=3)
    rows = [(at, 100.0, 1.0, 1, 0, 100 - at) for at in range(20)]
    seen.keep([(2, 9)])
    seen.split(rows[:8])
    # Three that have left the window, all of them wanted, and those in it.
    assert [row[0] for row in rows if seen.is_known(row)] == [2, 3, 4, 5, 6, 7]
    assert [row[0] for row in rows[:8] if seen.decides(row)] == [2, 3, 4, 5, 6, 7]
    seen.split(rows[8:])
    assert [row[0] for row in rows if seen.is_known(row)] == [2, 3, 4, 17, 18, 19]
    # Of those that were too many nothing is said, and what was kept first is no longer sure to be all.
    assert [row[0] for row in rows if seen.decides(row)] == [17, 18, 19]
    assert ids_of(seen.split(rows[2:5])[1]) == [98, 97, 96]


@given(
    st.lists(
        st.one_of(
            st.lists(st.integers(5, 40), min_size=1, max_size=8),
            st.integers(0, 39).map(lambda first: ("reopen", first)),
            st.tuples(st.just("forget"), st.integers(0, 40), st.integers(0, 40)),
        ),
        max_size=15,
    )
)
def test_ids_given_up_and_ids_from_before_the_first_are_counted_as_a_plain_set_has_them(
    steps: list[list[int] | tuple[str, int] | tuple[str, int, int]],
) -> None:
    check = Duplicates("sequential")
    seen: set[int] = set()
    lacking: set[int] = set()
    given_up: set[int] = set()
    first = -1
    for step in steps:
        if isinstance(step, list):
            for number in step:
                is_again = number in seen or (
                    first >= 0 and first < number < max(seen) and number not in lacking | given_up
                )
                assert bool(check.split(trades([number]))[1]) is is_again
                first = number if first < 0 else first
                if seen and number > max(seen):
                    lacking |= set(range(max(seen) + 1, number))
                lacking.discard(number)
                seen.add(number)
        elif step[0] == "reopen":
            check.reopen(step[1], step[1] * 10)
            if 0 <= step[1] < first:
                lacking |= set(range(step[1], first)) - seen
                first = step[1]
        elif len(step) == 3 and seen:
            low, high = (min(seen, key=lambda number: abs(number - one)) for one in step[1:])
            check.forget(low, high)
            # Nobody asks for them; what comes by itself is new all the same.
            given_up |= lacking & set(range(low, high + 1))
            lacking -= given_up
        assert (check.first, missing(check)) == (first, lacking)
        assert check.highest == max(seen, default=-1)


def test_a_doubted_id_that_the_others_reach_is_right_then() -> None:
    check = Duplicates("sequential")
    check.split(ten_a_second(range(20)))
    assert ids_of(check.split(ten_a_second([300_000], since=20))[0]) == [-1]
    # After an outage the ids go on from far above it, and from the one just below it.
    for number, holes in (
        (1_000_000, [(19, 300_000), (300_000, 1_000_000)]),
        (299_999, [(19, 299_999)]),
    ):
        one = copy.deepcopy(check)
        assert ids_of(one.split(ten_a_second([number], since=20 + 10 * 600))[0]) == [number]
        assert [(hole.low_id, hole.high_id) for hole in one.holes] == holes
        assert one.highest == max(number, 300_000)
        assert one.split(ten_a_second([300_000], since=20))[0] == []


def test_of_very_many_doubted_ids_the_newest_are_remembered() -> None:
    check = Duplicates("sequential")
    check.split(ten_a_second(range(20)))
    odd = ten_a_second([number * 10**12 for number in range(1, 1_200)], since=20)
    assert ids_of(check.split(odd)[0]) == [-1] * 1_199
    assert ids_of(check.split(odd[-3:])[0]) == []
    assert ids_of(check.split(odd[:1])[0]) == [-1]
    assert (check.holes, check.highest) == ([], 19)


def _state(check: Duplicates) -> dict[str, object]:
    names = [name for name in Duplicates.__slots__ if not name.startswith("__")]
    held = {name: copy.copy(getattr(check, name)) for name in names}
    return {name: list(value) if isinstance(value, deque) else value for name, value in held.items()}


@given(
    st.sampled_from(["sequential", "unique", "none"]),
    st.lists(
        st.lists(st.integers(-1, 25) | st.sampled_from([ABSURD, 2**63]), min_size=1, max_size=6), max_size=12
    ),
    st.integers(1, 8),
)
def test_what_is_new_at_a_glance_is_new_at_a_closer_look_and_else_nothing_is_remembered(
    ids: Literal["sequential", "unique", "none"], batches: list[list[int]], window: int
) -> None:
    check = Duplicates(ids, window=window)
    for batch in batches:
        before, other = _state(check), copy.deepcopy(check)
        with mock.patch.object(Duplicates, "take_new", return_value=False):
            again = other.split(trades(batch))[1] if ids != "none" else []
        if check.take_new(trades(batch)):
            assert again == []
            assert _state(check) == _state(other)
        else:
            assert _state(check) == before
            check.split(trades(batch))
            assert _state(check) == _state(other)


def test_before_any_trade_nothing_is_known() -> None:
    check = Duplicates("sequential")
    assert (check.first, check.highest, check.highest_ns, check.doubted_above) == (-1, -1, 0, 2**63)
    assert (check.holes, check.nameless) == ([], False)
    assert Duplicates("none").nameless
    check.reopen(5, EPOCH)
    assert (check.first, check.holes) == (-1, [])
    check.split([(EPOCH, 100.0, 1.0, 1, 0, -1)])
    assert (check.first, check.highest, check.nameless) == (-1, -1, True)
    # Of the first one nothing is missing, wherever it begins.
    for first in (0, 1, 2, 10**9):
        check = Duplicates("sequential")
        check.split(ten_a_second([first]))
        assert (check.first, check.highest, check.highest_ns, check.holes) == (first, first, EPOCH, [])


def test_an_id_that_no_table_holds_begins_nothing() -> None:
    for first in (2**63, 2**63 + 1):
        check = Duplicates("sequential")
        rows = ten_a_second([first, first + 1, 7, 8])
        assert ids_of(check.split(rows)[0]) == [-1, -1, 7, 8]
        assert (check.first, check.highest, check.holes) == (7, 8, [])
        assert check.split(rows) == ([], rows)
    check = Duplicates("sequential")
    assert ids_of(check.split(ten_a_second([2**63 - 1]))[0]) == [2**63 - 1]
    assert (check.first, check.highest) == (2**63 - 1, 2**63 - 1)


def test_the_number_zero_is_a_name_as_any_other() -> None:
    row, none = ((5, 1.0, 1.0, 1, 0, number) for number in (0, -1))
    for ids in ("sequential", "unique"):
        check = Duplicates(ids)  # type: ignore[arg-type]  # one of the three
        assert (check.has_name(row), check.has_name(none)) == (True, False)
        assert (check.split([row]), check.split([row])) == (([row], []), ([], [row]))
    assert not Duplicates("none").has_name(row)
    check = Duplicates("unique")
    check.note_renamed(row)
    check.note_renamed(none)
    assert (check.is_known(row), check.is_known(none)) == (True, False)
    check = Duplicates("sequential")
    check.note_renamed(row)
    assert (check.is_known(row), check.split([row])[1]) == (False, [])
    # What is told of the past may have it, too.
    check.split(ten_a_second([10**9, 10**9 + 1]))
    assert ids_of(check.believed(ten_a_second([-1, 10**9 + 2]))) == [-1, 10**9 + 2]


def test_a_trade_that_loses_an_absurd_id_keeps_what_it_counts_for() -> None:
    check = Duplicates("sequential")
    check.split(ten_a_second(range(20)))
    marks = NOT_LAST | NOT_RANGE
    odd, plain = ten_a_second([ABSURD, 2**61], since=20)
    fresh, _ = check.split([MarkedTrade.of(odd, marks), plain])
    assert ids_of(fresh) == [-1, -1]
    assert [marks_of(row) for row in fresh] == [marks, 0]


def test_two_that_follow_each_other_are_put_in_the_order_of_their_ids() -> None:
    """Whichever of them came, or was made, first; and whatever lies between them is missing."""
    for ids in ([10**9, 10**9 + 40], [10**9 + 40, 10**9]):
        check = Duplicates("sequential")
        check.split(ten_a_second(range(20)))
        rows = ten_a_second(ids, since=20)
        when = {row[5]: row[0] for row in rows}
        assert [row[5] for one in rows for row in check.split([one])[0]] == [-1, ids[1]]
        assert check.holes == [Hole(10**9, when[10**9], 10**9 + 40, when[10**9 + 40])]
        assert (check.highest, check.highest_ns) == (10**9 + 40, when[10**9 + 40])
        assert check.split(rows) == ([], rows)


def test_a_jump_is_asked_for_up_to_what_a_line_loses_at_most() -> None:
    for missing, is_asked in ((1_000_000, True), (1_000_001, False)):
        for begin in (0, 10**9):
            check = Duplicates("sequential")
            check.split(ten_a_second(range(begin, begin + 20)))
            low = begin + 20 + missing
            check.split(ten_a_second([low, low + 1], since=20))
            assert check.highest == low + 1
            assert [len(hole.ids) for hole in check.holes] == ([missing] if is_asked else [])
            # Those that come by themselves are new all the same, once.
            late = ten_a_second([begin + 20, low - 1], since=30)
            assert check.split(late) == (late, [])
            assert check.split(late) == ([], late)


def test_what_a_stretch_of_time_explains_is_exact() -> None:
    """So many ids may be left out: a thousand, and ten thousand a second."""
    for elapsed in (0, SECOND // 10_000, SECOND, 60 * SECOND):
        most = 1_000 + elapsed * 10_000 // SECOND
        for more, is_believed in ((0, True), (1, False)):
            check = Duplicates("sequential")
            check.split([(EPOCH, 100.0, 1.0, 1, 0, 10**9)])
            number = 10**9 + 1 + most + more
            fresh, _ = check.split([(EPOCH + elapsed, 100.0, 1.0, 1, 0, number)])
            assert ids_of(fresh) == [number if is_believed else -1]
            assert check.doubted_above == (2**63 if is_believed else number)


def test_two_doubted_ones_follow_each_other_only_where_their_times_explain_it() -> None:
    # Ten seconds apart count at most.
    at_most = {0: 1_000, 9: 91_000, 10: 101_000, 60: 101_000}
    for elapsed, more in ((elapsed, most + over) for elapsed, most in at_most.items() for over in (0, 1)):
        is_believed = more <= at_most[elapsed]
        check = Duplicates("sequential")
        check.split(ten_a_second(range(20)))
        low = (EPOCH + 2 * SECOND, 100.0, 1.0, 1, 0, 10**12)
        high = (low[0] + elapsed * SECOND, 100.0, 1.0, 1, 0, 10**12 + more)
        fresh = [row for one in (low, high) for row in check.split([one])[0]]
        assert ids_of(fresh) == [-1, high[5] if is_believed else -1]


def test_ids_of_before_the_first_are_believed_as_far_as_time_explains_them() -> None:
    for ids, is_near in (([10**9 - 1_000], True), ([10**9 - 1_001], False)):
        check = Duplicates("sequential")
        check.split(ten_a_second([10**9]))
        rows = [(EPOCH, 100.0, 1.0, 1, 0, number) for number in ids]
        assert bool(check.believed(rows)) is is_near
        fresh, _ = check.split(rows)
        assert ids_of(fresh) == (ids if is_near else [-1])
        assert check.is_known(rows[0]) is is_near
        check = Duplicates("sequential")
        check.split(ten_a_second([10**9]))
        check.reopen(ids[0], EPOCH)
        if is_near:
            assert check.holes == [Hole(ids[0] - 1, 0, 10**9, EPOCH)]
            assert (check.first, check.highest, check.highest_ns) == (ids[0], 10**9, EPOCH)
        else:
            assert (check.first, check.highest, check.highest_ns, check.holes) == (-1, -1, 0, [])
            assert check.doubted_above == 10**9


def test_a_copy_judges_the_history_by_what_is_known() -> None:
    check = Duplicates("sequential")
    check.split(ten_a_second([10**9]))
    later = [(EPOCH + 3600 * SECOND, 100.0, 1.0, 1, 0, 10**9 + number) for number in (9_000_000, 36_001_002)]
    assert ids_of(check.believed(later)) == [10**9 + 9_000_000]
    assert (check.highest, check.holes) == (10**9, [])


def test_holes_that_were_given_up_are_remembered_up_to_so_many() -> None:
    check = Duplicates("sequential")
    check.split(trades(range(0, 240_000, 2)))
    check.forget(0, 10**9)
    check.split(trades(range(240_000, 300_000, 2)))
    check.forget(0, 10**9)
    assert check.holes == []
    # The lowest of them are known no more, and count as told again.
    assert ids_of(check.split(trades([299_997, 299_997, 1]))[0]) == [299_997]


def test_the_next_ids_are_taken_at_a_glance() -> None:
    check = Duplicates("sequential")
    rows = ten_a_second(range(5, 9))
    assert not check.take_new(rows[:2]), "the first ids of all are no next ones"
    check.split(rows[:2])
    assert check.take_new(rows[2:])
    assert (check.highest, check.highest_ns, check.first, check.holes) == (8, rows[3][0], 5, [])
    assert check.split(rows) == ([], rows)


def test_if_nothing_is_said_ids_are_sequential_and_a_hundred_thousand_others_are_remembered() -> None:
    assert Duplicates().ids == "sequential"
    check = Duplicates("unique")
    check.split(trades(range(100_000)))
    assert [check.is_known(row) for row in trades([0, 99_999])] == [True, True]
    check.split(trades([100_000]))
    assert [check.is_known(row) for row in trades([0, 1, 100_000])] == [False, True, True]
