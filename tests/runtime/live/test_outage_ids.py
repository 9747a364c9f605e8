"""Which trades an outage left out, by their ids, and which count as they come."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Literal

import pytest
from hypothesis import given, strategies as st

from mdnb.rows import TradeRow
from mdnb.runtime.live.outage_ids import OutageIds
from mdnb.validate.duplicates import Duplicates

SECOND = 1_000_000_000


def trade(number: int, at: int | None = None) -> TradeRow:
    """A trade, by default as many seconds after the beginning as its id tells."""
    return (SECOND * (number if at is None else at), 9.0, 1.0, 1, 0, number)


def after(*ids: int, kind: Literal["sequential", "unique"] = "sequential") -> tuple[Duplicates, OutageIds]:
    """What is known once trades of these ids have come."""
    seen = Duplicates(kind)
    outages = OutageIds(seen)
    come(seen, ids)
    return seen, outages


def come(seen: Duplicates, ids: Sequence[int]) -> None:
    seen.split([trade(number) for number in ids])


def placed(outages: OutageIds, *ids: int) -> list[int]:
    """Return which of these would be put in their places; the others count as they come, in order."""
    rows = [trade(number) for number in ids]
    kept, left_out = outages.split(rows)
    assert sorted([*kept, *left_out]) == sorted(rows)
    assert [row for row in rows if row in kept] == list(kept)
    return [row[5] for row in left_out]


def test_what_lies_inside_an_outage_was_left_out_and_nothing_else() -> None:
    seen, outages = after(5, 9, 12)
    outages.add(5, 9)
    assert placed(outages, *range(5, 16)) == [6, 7, 8]
    # It has come by now.
    come(seen, [7])
    assert placed(outages, *range(5, 16)) == [6, 8]
    assert placed(outages, -1, -1, 13) == []


def test_what_is_older_than_the_first_trade_of_all_was_left_out_too_even_the_one_numbered_nought() -> None:
    _, outages = after(3)
    assert placed(outages, 0, 1, 2, 3, 4, -1) == [0, 1, 2]
    rows = [trade(0)]
    assert outages.split(rows) == ([], rows)
    _, none = after()
    rows = [trade(0), trade(1)]
    assert none.split(rows)[0] is rows


def test_what_is_older_than_an_instant_counts_as_it_comes() -> None:
    _, outages = after(5, 9)
    outages.add(5, 9)
    rows = [trade(6), trade(7), trade(8)]
    assert outages.split(rows, 7 * SECOND) == ([rows[0]], rows[1:])
    assert outages.split(rows, 9 * SECOND) == (rows, [])
    assert outages.split(rows, 0) == ([], rows)


def test_of_equal_trades_each_is_taken_once() -> None:
    _, outages = after(5, 9)
    outages.add(5, 9)
    rows = [trade(6), trade(10), trade(6)]
    assert outages.split(rows) == ([rows[1]], [rows[0], rows[2]])


def test_an_outage_begins_at_the_newest_trade_and_ends_with_the_next_newer_one() -> None:
    seen, outages = after(5)
    assert outages.is_open is False
    outages.begin()
    assert outages.is_open is True
    # Nothing has come, and what comes now is no newer one.
    outages.end()
    assert outages.is_open
    come(seen, [4])
    outages.end()
    assert outages.is_open
    come(seen, [9])
    assert placed(outages, 7) == []
    outages.end()
    assert outages.is_open is False
    assert placed(outages, 6, 7, 8) == [6, 7, 8]
    # What is jumped over on a line that is up stays where it comes.
    come(seen, [13])
    outages.end()
    assert placed(outages, 10, 11, 12) == []
    # One that begins while it is open begins where it began.
    outages.begin()
    come(seen, [16])
    outages.begin()
    outages.end()
    assert placed(outages, 10, 11, 14, 15) == [14, 15]


def test_nothing_begins_where_nothing_has_come_or_ids_do_not_rise() -> None:
    seen, outages = after()
    outages.begin()
    assert not outages.is_open
    come(seen, [0])
    outages.begin()
    assert outages.is_open, "an id of nought is one, too"
    _, outages = after(5, kind="unique")
    outages.begin()
    assert not outages.is_open


def test_outages_between_neighbours_left_nothing_out() -> None:
    _, outages = after(5, 6, 9)
    outages.add(5, 6)
    outages.add(6, 6)
    assert placed(outages, 7, 8) == []
    assert len(outages._spans) == 0
    outages.add(7, 9)
    assert placed(outages, 7, 8) == [8]


def test_one_of_which_more_is_known_takes_the_place_of_what_was_known() -> None:
    _, outages = after(5, 20)
    outages.add(5, 9)
    outages.add(5, 14)
    assert list(outages._spans) == [(5, 14)]
    outages.add(16, 20)
    assert placed(outages, *range(5, 21)) == [*range(6, 14), 17, 18, 19]
    # What is known of the last outage says nothing of the ones before it.
    outages.add(5, 9)
    assert list(outages._spans) == [(5, 14), (16, 20), (5, 9)]
    assert placed(outages, 19) == [19]


@pytest.mark.parametrize("more", [0, 1, 6])
def test_the_newest_sixty_four_are_remembered(more: int) -> None:
    ids = range(0, 10 * (64 + more) + 1, 10)
    _, outages = after(*ids)
    for low in ids[:-1]:
        outages.add(low, low + 10)
    inside = [low + 5 for low in ids[:-1]]
    assert placed(outages, *inside) == inside[more:]


@given(
    ids=st.lists(st.integers(0, 60), min_size=1, max_size=12, unique=True).map(sorted),
    spans=st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=4),
    asked=st.lists(st.integers(-1, 65), max_size=10),
)
def test_left_out_is_what_has_not_come_and_is_inside_one_or_before_all(
    ids: list[int], spans: list[tuple[int, int]], asked: list[int]
) -> None:
    seen, outages = after(*ids)
    for low, high in spans:
        outages.add(low, high)
    # Of two that begin at once, one right behind the other, the later one counts.
    known = [span for span in spans if span[1] - span[0] > 1]
    known = [span for span, following in itertools.pairwise([*known, (-1, -1)]) if span[0] != following[0]]
    wanted = [
        one
        for one in asked
        if one not in ids
        and 0 <= one < ids[-1]
        and (one < ids[0] or any(low < one < high for low, high in known))
    ]
    assert placed(outages, *asked) == wanted
    assert seen.first == ids[0]
