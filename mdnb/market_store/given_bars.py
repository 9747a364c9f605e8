"""Bars that somebody gives a store, checked as those of a file are: all of them fit, or none is taken."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from mdnb.errors import DataImportError, OptionError
from mdnb.io.schema import CLOSED_AT, CONTRACT, MARKS, NOT_A_TIME, normalise
from mdnb.market_store.overlay import rows_differ
from mdnb.market_store.schemas import FLAGS, WRITTEN, bar_columns_of, bars_table
from mdnb.stores.columns import PARTIAL, BarColumns, find_bars, nth_of_start
from mdnb.timeframes import Timeframe
from mdnb.types import timestamp

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["Merge", "given_table", "merge"]

_CHOICES: Final = ("error", "keep", "replace")
_MOST_TRADES: Final = 2**32
_SHOWN: Final = 3
_NS: Final = 1_000_000_000
_US: Final = 1_000_000
_NS_PER_US: Final = 1000
_HOURS_BEGIN_US: Final = 60 * _US


def given_table(frame: pd.DataFrame, timeframe: Timeframe, *, positive_prices: bool = True) -> Any:
    """Return the bars of a frame as a table of changes, oldest first; one that is being made is left out.

    Raises
    ------
    OptionError
        The frame is none of bars.
    DataImportError
        A bar cannot be, two contradict each other, or they are of another timeframe.
    """
    bars = normalise(frame, tz="UTC")
    forming = np.zeros(len(bars), dtype=bool)
    if "forming" in bars:
        forming = bars["forming"].to_numpy()
    elif bars.attrs.get("forming") and len(bars):
        forming[-1] = True
    bars = bars[~forming]
    bars = bars.iloc[np.argsort(_times_us(bars), kind="stable")]
    columns, is_noted = _columns(bars)
    contracts = bars[CONTRACT].to_numpy(object) if CONTRACT in bars else np.full(len(bars), "", dtype=object)
    if not timeframe.is_activity:
        keep = _without_doubles(columns)
        columns, contracts, is_noted = columns.where(keep), contracts[keep], is_noted[keep]
    _refuse_impossible(columns, positive=positive_prices)
    _refuse_other_timeframe(columns.time_us, timeframe)
    _refuse_no_hours(columns, timeframe)
    nth = nth_of_start(columns.time_us)
    return bars_table(
        columns,
        nth=nth,
        has_vwap="vwap" in bars,
        contracts=contracts,
        is_noted=is_noted,
        origin=WRITTEN,
    )


def _times_us(bars: pd.DataFrame) -> NDArray[np.int64]:
    import pandas as pd

    made: NDArray[np.int64] = pd.DatetimeIndex(bars.index).as_unit("us").asi8
    return made


def _columns(bars: pd.DataFrame) -> tuple[BarColumns, NDArray[np.bool_]]:
    """Return bars as columns, and of which it is told when they closed."""
    import pandas as pd

    flags = np.zeros(len(bars), dtype=np.uint8)
    for name in MARKS:
        if name in bars and name in FLAGS:
            flags |= bars[name].to_numpy().astype(np.uint8) * np.uint8(FLAGS[name])
    closed, is_noted = np.zeros(len(bars), dtype=np.int64), np.zeros(len(bars), dtype=bool)
    if CLOSED_AT in bars:
        told = pd.DatetimeIndex(bars[CLOSED_AT]).as_unit("us").asi8
        is_noted = told != NOT_A_TIME
        closed = np.where(is_noted, told, 0)
    made = BarColumns(
        time_us=_times_us(bars),
        open=bars["open"].to_numpy(),
        high=bars["high"].to_numpy(),
        low=bars["low"].to_numpy(),
        close=bars["close"].to_numpy(),
        volume=bars["volume"].to_numpy(),
        vwap=bars["vwap"].to_numpy() if "vwap" in bars else np.full(len(bars), np.nan),
        tick_count=bars["tick_count"].to_numpy().astype(np.int64),
        flags=flags,
        closed_us=closed,
    )
    return made, is_noted


def _without_doubles(columns: BarColumns) -> NDArray[np.bool_]:
    """Return which bars are the first of their starts, where the others are the same."""
    is_first: NDArray[np.bool_] = nth_of_start(columns.time_us) == 0
    if is_first.all():
        return is_first
    others = np.flatnonzero(~is_first)
    firsts = np.searchsorted(columns.time_us, columns.time_us[others])
    unlike = _unlike(columns.where(firsts), columns.where(others))
    if unlike.any():
        raise DataImportError(
            f"{int(unlike.sum()):,} bars contradict others of the same start"
            f" ({_times(columns.time_us[others[unlike]])}). Nothing was written. Leave one of each."
        )
    return is_first


def _refuse_impossible(columns: BarColumns, *, positive: bool) -> None:
    top, bottom = np.maximum(columns.open, columns.close), np.minimum(columns.open, columns.close)
    with np.errstate(invalid="ignore"):
        good = (columns.high >= top) & (columns.low <= bottom) & (columns.volume >= 0)
    good &= np.isfinite(columns.high) & np.isfinite(columns.low) & np.isfinite(columns.volume)
    good &= (columns.tick_count >= 0) & (columns.tick_count < _MOST_TRADES)
    _refuse(columns, ~good, "cannot be: low <= open, close <= high, a finite volume of 0 or more is needed")
    if positive:
        how = "have prices of zero or below; where that can be, as of spreads, give positive_prices=False"
        _refuse(columns, columns.low <= 0, how)


def _refuse(columns: BarColumns, bad: NDArray[np.bool_], why: str) -> None:
    if bad.any():
        raise DataImportError(
            f"{int(bad.sum()):,} of {len(columns):,} bars {why} ({_times(columns.time_us[bad])})."
            " Nothing was written."
        )


def _refuse_other_timeframe(time_us: NDArray[np.int64], timeframe: Timeframe) -> None:
    """Refuse bars that lie nearer together than these do, or all of them a multiple apart."""
    if timeframe.is_activity or len(time_us) < 2:
        return
    apart, step_us = np.diff(time_us), timeframe.step_ns // _NS_PER_US
    least = 0.5 * timeframe.seconds * _US
    near = int(np.count_nonzero(apart < (step_us or least)))
    # A break of the session may cut a bar short.
    if 2 * near > len(apart):
        raise DataImportError(
            f"{near:,} of {len(time_us):,} bars begin before a {timeframe} bar would end: they are of a finer"
            " timeframe. Nothing was written; name theirs."
        )
    common = int(np.gcd.reduce(apart)) if step_us else 0
    if len(time_us) > _SHOWN and common > step_us:
        raise DataImportError(
            f"the bars are {common / _US:g} s apart or multiples of that, not {timeframe}. Nothing was"
            " written; name their timeframe."
        )


def _refuse_no_hours(columns: BarColumns, timeframe: Timeframe) -> None:
    """Refuse bars that begin where no bar does, by whatever hours: these begin with whole minutes."""
    if timeframe.is_activity:
        return
    finest_us = math.gcd(timeframe.step_ns // _NS_PER_US, _HOURS_BEGIN_US) or _HOURS_BEGIN_US
    how = f"do not start where {timeframe} bars do; are the times those of the bars' beginning?"
    _refuse(columns, columns.time_us % finest_us != 0, how)


def _refuse_amid_others(held: BarColumns, given: BarColumns, step_us: int) -> None:
    """Refuse bars most of which begin amid bars held: they are by other hours, and would count twice."""
    if not len(held) or not step_us:
        return
    at = np.searchsorted(held.time_us, given.time_us, side="right") - 1
    after = np.where(at >= 0, given.time_us - held.time_us[np.maximum(at, 0)], step_us)
    amid = (after > 0) & (after < step_us)
    # A break of the session may have cut the bar short that is held.
    if 2 * int(np.count_nonzero(amid)) > len(given):
        _refuse(given, amid, "begin amid bars that are held, and not where these begin or end")


def _times(time_us: NDArray[np.int64]) -> str:
    shown = [timestamp(int(at) * _NS_PER_US, "UTC").isoformat() for at in time_us[:_SHOWN]]
    more = f" and {len(time_us) - _SHOWN:,} more" if len(time_us) > _SHOWN else ""
    return ", ".join(shown) + more


@dataclasses.dataclass(frozen=True, slots=True)
class Merge:
    """What is to be written, and what becomes of bars that are given.

    Attributes
    ----------
    changes
        A table of changes.
    added, replaced, kept
        How many are new, take the place of others, or are there already.
    """

    changes: Any
    added: int
    replaced: int
    kept: int


def merge(held: Any, given: Any, on_conflict: str, step_ns: int = 0) -> Merge:
    """Return what of given bars is to be written where others are held.

    Parameters
    ----------
    held
        The bars held from a step before the first to the last of those given.
    on_conflict
        ``"error"`` refuses bars that are held with other values, ``"keep"`` leaves those held, ``"replace"``
        takes the given ones. A partial bar says nothing against another one, and a whole one replaces it.
    step_ns
        The length of a bar on a clock; 0 of one without.

    Raises
    ------
    OptionError
        ``on_conflict`` is none of these.
    DataImportError
        Bars are held with other values, or most of those given begin amid bars held.
    """
    import pyarrow as pa

    if on_conflict not in _CHOICES:
        raise OptionError(f"on_conflict={on_conflict!r}: one of {', '.join(_CHOICES)} is needed.")
    mine, theirs = bar_columns_of(held), bar_columns_of(given)
    _refuse_amid_others(mine, theirs, step_ns // _NS_PER_US)
    has, at = find_bars(mine.time_us, theirs.time_us, nth_of_start(theirs.time_us))
    rows = np.flatnonzero(has)
    old, new = mine.where(at[rows]), theirs.where(rows)
    unlike = _unlike(old, new)
    was_partial, is_partial = old.flags & PARTIAL > 0, new.flags & PARTIAL > 0
    bad = unlike & ~was_partial & ~is_partial
    if on_conflict == "error" and bad.any():
        raise DataImportError(
            f"{int(bad.sum()):,} bars are held with other values ({_times(new.time_us[bad])}). Nothing was"
            " written. on_conflict='keep' leaves the bars held as they are, on_conflict='replace' takes the"
            " given ones."
        )
    wins = was_partial & ~is_partial
    if on_conflict == "replace":
        # A partial bar is no better than a whole one.
        wins |= ~is_partial | was_partial
        wins &= rows_differ(held, at[rows], given, rows)
    chosen = ~has
    chosen[rows[wins]] = True
    replaced = int(np.count_nonzero(wins))
    return Merge(given.filter(pa.array(chosen)), int(np.count_nonzero(~has)), replaced, len(rows) - replaced)


def _unlike(old: BarColumns, new: BarColumns) -> NDArray[np.bool_]:
    unlike = ~np.isclose(old.volume, new.volume, rtol=1e-12, atol=0.0)
    for name in ("open", "high", "low", "close"):
        unlike |= getattr(old, name) != getattr(new, name)
    unlike |= (old.tick_count != new.tick_count) & (old.tick_count > 0) & (new.tick_count > 0)
    return unlike
