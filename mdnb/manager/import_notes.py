"""What an import says in words: why bars were left out, and what was put right or assumed."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from mdnb.io.notes import in_words
from mdnb.runtime.live.data_quality import POSITIVE_PRICES_HINT
from mdnb.runtime.past.merge_bars import Merged
from mdnb.statistics import ImportResult
from mdnb.stores.columns import AMENDED, BarColumns
from mdnb.types import timestamp
from mdnb.validate.findings import QualityFinding

if TYPE_CHECKING:
    from mdnb.io.file_bars import FileBars

__all__ = [
    "conflicts",
    "later_ones",
    "of_merging",
    "of_reading",
    "over_the_limit",
    "to_tell",
    "to_warn_of",
    "unlike_held",
    "what_to_do",
    "why_refused",
    "with_left_out",
]

_NS = 1_000_000_000
_CONFLICT = "conflicting_duplicate"
# The first two the market finds by itself; by the others no value is changed or lost.
_TOLD_OTHERWISE = {_CONFLICT, "ohlc_inconsistent", "unsorted", "newest_first", "duplicate", "put_together"}


def conflicts(bars: FileBars) -> list[QualityFinding]:
    """Return a finding of the rows that contradict others of the same time."""
    return [
        QualityFinding(
            "duplicate_conflicting",
            str(said["description"]),
            int(str(said["time_us"])) * 1000,
            {},
            int(str(said["count"])),
        )
        for said in bars.notes
        if said["type"] == _CONFLICT
    ]


def unlike_held(columns: BarColumns, unlike: np.ndarray) -> list[QualityFinding]:
    """Return a finding of the bars that are held with other values, and stay."""
    count = int(np.count_nonzero(unlike))
    if not count:
        return []
    first_ns = int(columns.time_us[np.argmax(unlike)]) * 1000
    text = (
        f"{count:,} bars are held with other values than the file's, and were kept; overwrite=True takes the"
        " file's"
    )
    return [QualityFinding("contradicts_held", text, first_ns, {}, count)]


def of_reading(bars: FileBars) -> list[QualityFinding]:
    """Return a finding of each thing that reading the file put right, left out or assumed."""
    first_ns = int(bars.time_us[0]) * 1000 if len(bars) else 0
    return [
        QualityFinding(str(said["type"]), str(said["description"]), first_ns, {}, int(str(said["count"])))
        for said in bars.notes
        if said["type"] not in _TOLD_OTHERWISE
    ]


def later_ones(merged: Merged, tz: str) -> list[QualityFinding]:
    """Return a finding of the bars that are later than the market."""
    if not merged.later:
        return []
    why = "they begin after the bar that is being made"
    if merged.until_ns:
        second = merged.until_ns // _NS * _NS
        why = f"they are not over at the market's time, {timestamp(second, tz)}"
    return [QualityFinding("after_the_market", why, merged.later_us * 1000, {}, merged.later)]


def over_the_limit(merged: Merged, columns: BarColumns, limit: int) -> list[QualityFinding]:
    """Return a finding of the bars that memory has no place for while nothing goes to disk."""
    if not merged.over_limit:
        return []
    why = (
        f"{merged.over_limit:,} of {len(columns):,} bars were not kept: memory holds the newest {limit:,}."
        " Hold more with DataManagerConfig(max_bars_per_timeframe=...), or all on disk with"
        " DataManagerConfig(enable_disk_overflow=True)"
    )
    return [QualityFinding("over_limit", why, int(columns.time_us[0]) * 1000, {}, merged.over_limit)]


def with_left_out(
    results: Sequence[ImportResult], held: Sequence[str], taken: Sequence[str | None]
) -> list[ImportResult]:
    """Return the results of a file, the first with a note of the timeframes of which nothing was taken."""
    others = [name for name in held if name not in taken]
    if not others or not results:
        return list(results)
    said = f"it holds {', '.join(others)} bars, too, which were left out: that is not kept here"
    remedy = f"; live.add_timeframe({others[0]!r}) before it is loaded keeps them"
    return [dataclasses.replace(results[0], notes=(*results[0].notes, said + remedy)), *results[1:]]


def to_warn_of(bars: FileBars, symbol: str, later: Sequence[QualityFinding], tz: str) -> list[str]:
    """Return what whoever does not look at the result is to learn all the same."""
    notes: list[str] = []
    told = bars.attributes.get("symbol")
    if isinstance(told, str) and told.casefold() != symbol.casefold():
        notes.append(f"the file says {told}, the market is {symbol}")
    notes += [in_words(said) for said in bars.notes if said["type"] == _CONFLICT]
    notes += [
        f"{one.count:,} of {len(bars):,} bars were left out: {one.description}, from"
        f" {timestamp(one.time_ns, tz)} on"
        for one in later
    ]
    return notes


def to_tell(bars: FileBars, columns: BarColumns, open_us: np.ndarray, tz: str) -> list[str]:
    """Return what reading the file put right or assumed, and what the file does not tell.

    Parameters
    ----------
    columns
        Those of the bars that were not refused.
    open_us
        Starts of those that were being made when the file was written; they are not among the bars.
    """
    notes = [in_words(said) for said in bars.notes if said["type"] != _CONFLICT]
    amended = int(np.count_nonzero(columns.flags & AMENDED))
    if amended and bars.changes is None and bars.closed_us is not None:
        notes.append(
            f"{amended:,} bars had changed after they closed, and the file does not say how they were"
            " before: as_of gives them as they became; Parquet files say it"
        )
    if len(open_us):
        notes.append(
            "left out was the bar that was being made when the file was written, of"
            f" {timestamp(int(open_us[-1]) * 1000, tz)}"
        )
    return notes


def of_merging(merged: Merged, *, overwrite: bool) -> list[str]:
    """Return what became of bars in whose places there were others, or will be."""
    notes = []
    if merged.begun:
        notes.append("the file's bar of the interval that is being made was left out: it is made live")
    if merged.repairing:
        notes.append(
            f"{merged.repairing:,} bars were left out: what an outage missed in their time is being fetched."
            " If that is lost, load the file again"
        )
    if merged.replaced and not overwrite:
        notes.append(
            f"partial bars held were replaced: {merged.replaced:,}; overwrite=False keeps whole ones"
        )
    return notes


def why_refused(refused: int, rows: int, findings: Sequence[QualityFinding]) -> str:
    """Return how many were refused, and how many of them for which reason.

    Examples
    --------
    >>> why_refused(3, 5, [QualityFinding("session_closed", "starts while the venue is closed", 0, {}, 3)])
    '3 of 5 bars were refused: 3 session_closed (starts while the venue is closed)'
    """
    counts: dict[str, int] = {}
    for one in findings:
        # Of an impossible bar the description says the same again.
        why = one.type if one.type in one.description else f"{one.type} ({one.description})"
        counts[why] = counts.get(why, 0) + one.count
    return f"{refused:,} of {rows:,} bars were refused: " + ", ".join(
        f"{count:,} {why}" for why, count in counts.items()
    )


def what_to_do(findings: Sequence[QualityFinding]) -> str:
    """Return what helps against the reason for which most bars were refused.

    Examples
    --------
    >>> what_to_do([QualityFinding("price_not_positive", "a price is zero or negative", 0, {}, 3)])
    'Where such prices are real, make the market with positive_prices=False.'
    """
    counts: dict[str, int] = {}
    for one in findings:
        counts[one.type] = counts.get(one.type, 0) + one.count
    most = max(counts, key=lambda kind: counts[kind])
    return _REMEDIES.get(most, "Put them right in the file, or take them out.")


_REMEDIES = {
    "session_closed": (
        "Are the times in another zone (tz=), or the bars of a market with other hours? Then load them into a"
        " market that has these hours."
    ),
    "price_not_positive": f"{POSITIVE_PRICES_HINT[0].upper()}{POSITIVE_PRICES_HINT[1:]}.",
}
