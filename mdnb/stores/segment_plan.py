"""Decides which rows go to which segment; pure arithmetic, nothing is read or written here."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from mdnb.ordered_times import is_among
from mdnb.stores.columns import BarColumns
from mdnb.stores.segment_file import Segment
from mdnb.stores.segment_layout import cut, join

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["MERGED_ROWS", "find_group", "merge", "part_at", "place_rows", "split"]

MERGED_ROWS: Final = 100_000
"""As many rows small segments are merged to."""

_OWN_ROWS: Final = 1_000  # fewer than these between two segments are written into one of them
_NS_PER_US: Final = 1000


def find_group(held: Sequence[Segment]) -> Sequence[Segment]:
    """Return neighbours that should become one compressed segment; none where all are compressed.

    A compressed neighbour is merged in while it is at most twice as large as what it is merged with, so that
    a row is written a logarithmic number of times however often a few new ones are compressed.
    """
    begin = next((at for at, segment in enumerate(held) if not segment.compressed), len(held))
    if begin == len(held):
        return []
    end = begin + 1
    rows = held[begin].rows
    while end < len(held) and _fits(held[end], rows):
        rows += held[end].rows
        end += 1
    while begin > 0 and _fits(held[begin - 1], rows):
        begin -= 1
        rows += held[begin].rows
    return held[begin:end]


def _fits(neighbour: Segment, rows: int) -> bool:
    small = not neighbour.compressed or neighbour.rows <= 2 * rows
    return small and rows + neighbour.rows <= MERGED_ROWS


def place_rows(times_us: NDArray[np.int64], held: Sequence[Segment]) -> tuple[dict[int, slice], list[slice]]:
    """Return where bars belong that may be older than some that are held.

    Parameters
    ----------
    times_us
        Their starts, int64, shape (n,), oldest first. All rows of one start stay together.
    held
        The segments, oldest first.

    Returns
    -------
    into : dict of int to slice
        Rows to be merged into the segment at a position.
    apart : list of slice
        Rows that lie between segments (or before or after all) and are enough for segments of their own.
    """
    if not held:
        return {}, [slice(0, len(times_us))] if len(times_us) else []
    into: dict[int, slice] = {}
    apart: list[slice] = []
    firsts = [segment.first_ns // _NS_PER_US for segment in held]
    lasts = [segment.last_ns // _NS_PER_US for segment in held]
    begins = [*np.searchsorted(times_us, firsts, side="left").tolist(), len(times_us)]
    ends = np.searchsorted(times_us, lasts, side="right").tolist()
    begin = 0
    if begins[0] >= _OWN_ROWS:
        apart.append(slice(0, begins[0]))
        begin = begins[0]
    for at, inside in enumerate(ends):
        following = begins[at + 1]
        end = inside if following - inside >= _OWN_ROWS else following
        if end < following:
            apart.append(slice(end, following))
        if end > begin:
            into[at] = slice(begin, end)
        begin = following
    return into, apart


def merge(old: BarColumns, new: BarColumns) -> tuple[BarColumns, int]:
    """Return the bars of both in order, the new ones where both have a start, and how many old ones went."""
    keep = ~is_among(old.time_us, new.time_us)
    both = join([cut(old, keep), new])
    order = np.argsort(both.time_us, kind="stable")
    return cut(both, order), int(len(old) - np.count_nonzero(keep))


def part_at(columns: BarColumns, missing: Sequence[Segment]) -> Iterator[BarColumns]:
    """Yield the bars before, amid and behind each of some segments apart, so that no range is across one."""
    bounds = [at // _NS_PER_US for one in missing for at in (one.first_ns, one.last_ns + _NS_PER_US)]
    places = np.searchsorted(columns.time_us, sorted(bounds)).tolist()
    for begin, end in itertools.pairwise([0, *places, len(columns)]):
        if end > begin:
            yield cut(columns, slice(begin, end))


def split(columns: BarColumns) -> Iterator[BarColumns]:
    """Yield the bars in parts of at most :data:`MERGED_ROWS`, of about equal size.

    Bars of one start stay together, so that ranges of segments never meet: a part may be longer by these.
    """
    parts = -(-len(columns) // MERGED_ROWS)
    begin = 0
    for at in range(1, parts + 1):
        end = len(columns) * at // parts
        if at < parts:
            end = int(np.searchsorted(columns.time_us, columns.time_us[end]))
        if end > begin:
            yield cut(columns, slice(begin, end))
            begin = end
