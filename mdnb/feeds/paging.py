"""Histories that come in pages: asked one after the other, and their overlap dropped."""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable, Hashable, Iterable, Sequence
from typing import Generic, TypeVar

from mdnb.errors import FeedBusyError, FeedError, FeedRefusedError
from mdnb.venue_fields import UnusableError

__all__ = ["Page", "collect", "rows_of"]

_Row = TypeVar("_Row")
_Cursor = TypeVar("_Cursor")
_Record = TypeVar("_Record")

_ATTEMPTS = 5
_LONGEST_PAUSE = 60.0


@dataclasses.dataclass(frozen=True, slots=True)
class Page(Generic[_Row, _Cursor]):
    """One answer of a history.

    Attributes
    ----------
    rows
        Oldest first.
    further
        What to ask for next; None where this is the last page.
    """

    rows: Sequence[_Row]
    further: _Cursor | None = None


async def collect(
    ask: Callable[[_Cursor], Awaitable[Page[_Row, _Cursor]]],
    first: _Cursor,
    *,
    key: Callable[[_Row], Hashable],
    on_page: Callable[[], None],
    newest_first: bool = False,
    sparse: bool = False,
) -> list[_Row]:
    """Return the rows of all pages, oldest first, each once.

    A page that the venue will not give now is asked for again, as often as five times, where it names a
    minute or less: what has come until then is not lost.

    Parameters
    ----------
    ask
        Asks for a page.
    first
        What the first page is asked by: a time, an id, a token.
    key
        What tells rows apart where pages overlap: an id where there is one.
    on_page
        Called for each page: `Feed.on_page`.
    newest_first
        Whether each page is older than the one before.
    sparse
        Whether a page may hold nothing though others follow, as where each is a stretch of time.

    Raises
    ------
    FeedError
        What ``ask`` raises; or when a page that is not the last has nothing new, so that there is no end.
    """
    pages: list[list[_Row]] = []
    seen: set[Hashable] = set()
    cursor: _Cursor | None = first
    while cursor is not None:
        page = await _patiently(ask, cursor)
        on_page()
        fresh: list[_Row] = []
        for row in page.rows:
            its_key = key(row)
            if its_key not in seen:
                seen.add(its_key)
                fresh.append(row)
        if page.further is not None and (not (fresh or sparse) or page.further == cursor):
            raise FeedError("the venue's history cannot be paged on: a page has nothing that is new")
        pages.append(fresh)
        cursor = page.further
    if newest_first:
        pages.reverse()
    return [row for rows in pages for row in rows]


def rows_of(make: Callable[[_Record], _Row], records: Iterable[_Record]) -> list[_Row]:
    """Return the rows that records of an answer stand for.

    Raises
    ------
    FeedError
        When one has a time or an id that cannot be read.

    Examples
    --------
    >>> from mdnb.venue_fields import iso_ns
    >>> rows_of(iso_ns, ["1970-01-01T00:00:01Z"])
    [1000000000]
    >>> rows_of(iso_ns, ["yesterday"])
    Traceback (most recent call last):
        ...
    mdnb.errors.FeedError: the venue's history is not what was expected: wrong time
    """
    try:
        return [make(record) for record in records]
    except UnusableError as error:
        raise FeedError(f"the venue's history is not what was expected: {error}") from None


async def _patiently(
    ask: Callable[[_Cursor], Awaitable[Page[_Row, _Cursor]]], cursor: _Cursor
) -> Page[_Row, _Cursor]:
    attempts_left = _ATTEMPTS
    while True:
        attempts_left -= 1
        try:
            return await ask(cursor)
        except FeedRefusedError:
            raise
        except FeedBusyError as error:
            # Whoever asks again waits as long as the venue said: `RateLimiter.hold`.
            if not attempts_left or not 0 < error.retry_after <= _LONGEST_PAUSE:
                raise
