"""Pages of a history are put together: each row once, in order, to the end and no further."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given, strategies as st

from mdnb.errors import FeedBusyError, FeedError, FeedRefusedError
from mdnb.feeds.paging import Page, collect

Row = tuple[int, int]  # a time, an id


async def collected(rows: Sequence[Row], limit: int) -> list[Row]:
    """Ask by time, as venues do that give a page of all that is as old as a time or younger."""

    async def ask(since: int) -> Page[Row, int]:
        held = [row for row in rows if row[0] >= since][:limit]
        return Page(held, held[-1][0] if len(held) == limit else None)

    return await collect(ask, 0, key=lambda row: row[1], on_page=lambda: None)


@given(st.lists(st.integers(0, 3), max_size=60), st.integers(5, 9))
def test_pages_that_overlap_give_each_row_once_and_in_order(steps: list[int], limit: int) -> None:
    at, rows = 0, []
    for number, step in enumerate(steps):
        # No instant has as many rows as a page.
        alike = sum(row[0] == at for row in rows)
        at += step if alike < limit - 1 else max(step, 1)
        rows.append((at, number))
    assert asyncio.run(collected(rows, limit)) == rows


def test_a_row_that_comes_twice_in_one_page_is_taken_once() -> None:
    async def ask(_: int) -> Page[Row, int]:
        return Page([(5, 1), (5, 1), (6, 2)])

    rows = asyncio.run(collect(ask, 0, key=lambda row: row[1], on_page=lambda: None))
    assert rows == [(5, 1), (6, 2)]


def test_an_instant_with_more_rows_than_a_page_is_an_error_and_not_a_hole() -> None:
    with pytest.raises(FeedError, match="cannot be paged on"):
        asyncio.run(collected([(5, number) for number in range(7)], 3))


@given(st.integers(0, 40), st.integers(1, 7))
def test_pages_from_the_newest_one_back_are_in_order_too(count: int, limit: int) -> None:
    rows = list(range(count))

    async def ask(before: int) -> Page[int, int]:
        held = [row for row in rows if row < before][-limit:]
        return Page(held, held[0] if held and held[0] > 0 else None)

    told = []
    found = asyncio.run(
        collect(ask, count, key=lambda row: row, on_page=lambda: told.append(1), newest_first=True)
    )
    assert found == rows
    assert len(told) == max(1, -(-count // limit))


def test_a_page_that_is_not_given_now_is_asked_for_again_and_no_other() -> None:
    asked: list[int] = []

    async def ask(first: int) -> Page[int, int]:
        asked.append(first)
        if first == 2 and asked.count(2) < 3:
            raise FeedBusyError("HTTP 429", 0.5)
        return Page([first, first + 1], first + 2 if first < 4 else None)

    assert asyncio.run(collect(ask, 0, key=lambda row: row, on_page=lambda: None)) == [0, 1, 2, 3, 4, 5]
    assert asked == [0, 2, 2, 2, 4]


@pytest.mark.parametrize(
    "error",
    [
        FeedRefusedError("HTTP 404"),
        FeedError("no answer"),
        FeedBusyError("ban", 3600.0),
        FeedBusyError("503"),
    ],
)
def test_what_will_not_be_better_soon_is_raised_at_once(error: FeedError) -> None:
    asked: list[int] = []

    async def ask(first: int) -> Page[int, int]:
        asked.append(first)
        raise error

    with pytest.raises(type(error)):
        asyncio.run(collect(ask, 0, key=lambda row: row, on_page=lambda: None))
    assert asked == [0]
