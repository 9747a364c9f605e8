"""Importing the bars of a file: which are accepted, and what happened to each."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mdnb.errors import DataImportError
from mdnb.manager.import_checks import (
    fit_to_grid,
    leave_out_impossible,
    leave_out_outliers,
    leave_out_uncountable,
)
from mdnb.manager.import_level import off_level
from mdnb.manager.import_notes import (
    conflicts,
    later_ones,
    of_merging,
    of_reading,
    over_the_limit,
    to_tell,
    to_warn_of,
    unlike_held,
    what_to_do,
    why_refused,
)
from mdnb.runtime.past.merge_bars import Merged, all_are_later, contradicting
from mdnb.runtime.past.merge_draft import MergeDraft
from mdnb.runtime.symbol_market import SymbolMarket
from mdnb.statistics import ImportResult
from mdnb.stores.columns import BarColumns
from mdnb.types import timestamp
from mdnb.validate.findings import QualityFinding

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mdnb.io.file_bars import FileBars

__all__ = ["CheckedBars", "check_import", "import_bars", "over_until", "refuse_what_is_later"]

_NS = 1_000_000_000


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CheckedBars:
    """Bars of a file that fit, and what was left out.

    Attributes
    ----------
    bars
        As the file has them, but for one that was being made.
    open_us
        Starts of those that were being made.
    columns
        Those that fit.
    left_out
        Findings of those outside the sessions and of those that cannot be.
    outliers
        Findings of those far off the others.
    """

    name: str
    bars: FileBars
    open_us: NDArray[np.int64]
    columns: BarColumns
    left_out: Sequence[QualityFinding]
    outliers: Sequence[QualityFinding]

    @property
    def refused(self) -> int:
        """How many are outside the sessions or cannot be."""
        return sum(one.count for one in self.left_out)


def check_import(
    market: SymbolMarket,
    bars: FileBars,
    name: str,
    where: str,
    *,
    lenient: bool,
    positive_prices: bool | None = None,
) -> CheckedBars:
    """Return the bars of a file that fit a timeframe; nothing is changed.

    Parameters
    ----------
    bars
        As the file has them; one that was being made is left out.
    name
        Canonical name of a timeframe that is kept.
    where
        The file's name, for messages.
    lenient
        Take those that fit even where most do not.
    positive_prices
        Whether prices of zero and below are refused; None: as the market has it.

    Raises
    ------
    DataImportError
        When the bars are of another timeframe, or most of them are refused.
    """
    engine, config = market.engine, market.engine.config
    bars, open_us = bars.closed(), bars.time_us[bars.forming()]
    positive = engine.instrument.positive_prices if positive_prices is None else positive_prices
    # Only who recognised a file looked at how its bars are apart.
    may_be_off = any(said["type"] == "off_grid" for said in bars.notes)
    columns, outside = fit_to_grid(engine, name, bars.columns(), where, may_be_off=may_be_off)
    columns, uncountable = leave_out_uncountable(columns)
    impossible: list[QualityFinding] = []
    outliers: list[QualityFinding] = []
    if config.validate_bars:
        columns, impossible = leave_out_impossible(columns, positive_prices=positive)
    if config.remove_outliers:
        columns, outliers = leave_out_outliers(engine, name, columns)
    checked = CheckedBars(
        name=name,
        bars=bars,
        open_us=open_us,
        columns=columns,
        left_out=(*outside, *uncountable, *impossible),
        outliers=outliers,
    )
    if not lenient and 2 * checked.refused > len(bars):
        said = why_refused(checked.refused, len(bars), checked.left_out)
        raise DataImportError(
            f"{where}, {name}: {said}. Nothing was changed. {what_to_do(checked.left_out)}"
            " With lenient=True the bars that fit are taken."
        )
    return checked


def refuse_what_is_later(market: SymbolMarket, checked: Sequence[CheckedBars], where: str) -> None:
    """Refuse a file that has nothing for the market: every bar of it that fits is later than that.

    Raises
    ------
    DataImportError
        That is so; nothing was changed.
    """
    engine = market.engine
    with engine.lock:
        until = over_until(market)
    parts = [one for one in checked if len(one.columns)]
    if not parts or not all(all_are_later(engine, one.name, one.columns, **until) for one in parts):
        return
    first = timestamp(min(int(one.columns.time_us[0]) for one in parts) * 1000, engine.tz)
    now = timestamp(market.feed.clock.now_ns() // _NS * _NS, engine.tz)
    count = sum(len(one.columns) for one in parts)
    raise DataImportError(
        f"{where}: all {count:,} bars are later than the market, whose time is {now}; the first begins"
        f" {first}. Nothing was changed: a market takes bars up to its own time, and has later ones of its"
        " feed. Are the times in another zone (tz=)? A file is read without a market by mdnb.io.read_bars,"
        " and played by the feed replay:PATH. With lenient=True they are left out with a warning."
    )


def over_until(market: SymbolMarket) -> dict[str, int]:
    """Return by when bars that are over have ended: of a market at its end, any may be."""
    # Where nothing more will come nothing can come twice.
    return {} if market.ended else {"until_ns": market.engine.over_ns()}


def import_bars(market: SymbolMarket, checked: CheckedBars, *, overwrite: bool) -> tuple[ImportResult, str]:
    """Import bars of a timeframe; the findings are kept for `validate_imported_data`.

    Parameters
    ----------
    overwrite
        Bars of the file replace those held.

    Returns
    -------
    tuple of ImportResult and str
        The second is what to warn of, with the timeframe; empty where there is nothing.
    """
    engine, name = market.engine, checked.name
    bars, columns, open_us = checked.bars, checked.columns, checked.open_us
    outliers, refused, rows = checked.outliers, checked.refused, len(checked.bars)
    merged, off, unlike = Merged(), list[QualityFinding](), list[QualityFinding]()
    if len(columns):
        merged, off, unlike = _merge(market, checked, overwrite=overwrite)
    later = later_ones(merged, engine.tz)
    over = over_the_limit(merged, columns, engine.log(name).limit)
    of_file = (*conflicts(bars), *of_reading(bars), *checked.left_out)
    findings = (*of_file, *unlike, *outliers, *off, *later, *over)
    market.pipeline.import_findings[name] = findings
    for one in findings:
        market.pipeline.quality.note(one, name, alert=False)
    notes = [why_refused(refused, rows, checked.left_out)] if refused else []
    notes += [one.description for one in (*off, *over)]
    notes += to_warn_of(bars, market.symbol, later, engine.tz)
    warned = f"{name}: {'; '.join(notes)}" if notes else ""
    notes += to_tell(bars, columns, open_us, engine.tz)
    notes += [one.description for one in unlike]
    notes += of_merging(merged, overwrite=overwrite)
    result = ImportResult(
        understood=str(bars.attributes.get("understood", "")),
        symbol=market.symbol,
        timeframe=name,
        rows=rows,
        added=merged.added,
        replaced=merged.replaced,
        kept=merged.kept,
        outliers=len(outliers),
        refused=refused,
        over_limit=merged.over_limit,
        later=merged.later,
        first=bars.time(0) if rows else None,
        last=bars.time(-1) if rows else None,
        findings=findings,
        notes=tuple(notes),
    )
    return result, warned


def _merge(
    market: SymbolMarket, checked: CheckedBars, *, overwrite: bool
) -> tuple[Merged, list[QualityFinding], list[QualityFinding]]:
    """Merge bars with those held; return what became of them, and how they are unlike these."""
    engine, name, bars, columns = market.engine, checked.name, checked.bars, checked.columns
    with market.batcher.giving_way():
        with engine.lock:
            engine.change_ns()
            # Not by the reader: to read the market would begin a recording.
            log, until = engine.log(name), over_until(market)
            held = log.columns(0, len(log), engine.forming_of(name))
        off = off_level(columns, held, engine.tz)
        unlike = [] if overwrite else unlike_held(columns, contradicting(engine, name, columns))
        draft = MergeDraft(engine, name, columns, bars.changes, until, overwrite=overwrite)
        with engine.lock:
            # What was read before it stays as it was.
            now_ns = engine.change_ns()
            began = _begins(market, name)
            merged = draft.put(over_until(market))
            if merged.added and engine.grid(name) is not None:
                engine.file_spans.append((int(columns.time_us[0]) * 1000, int(columns.time_us[-1]) * 1000))
            engine.reader.note_known(engine.all_names(), now_ns)
            _note_apart(market, began, columns)
            if bars.contracts is not None and merged.added + merged.replaced:
                engine.contracts.learn_of(bars.time_us * 1000, bars.contracts)
    return merged, off, unlike


def _begins(market: SymbolMarket, name: str) -> dict[str, int]:
    """Return the start of what is held, of the timeframes that an import may change; hold the lock."""
    engine, found = market.engine, dict[str, int]()
    names = engine.timeframes()
    for one in names[names.index(name) :] if engine.grid(name) is not None else ():
        if engine.grid(one) is None:
            continue
        first, overflow = engine.reader.first_ns(one), engine.overflow.get(one)
        older = None if overflow is None else overflow.first_ns(first)
        held = [ns for ns in (first, older, market.pipeline.live_since_ns) if ns is not None]
        found[one] = min(held)
    return found


def _note_apart(market: SymbolMarket, began: dict[str, int], columns: BarColumns) -> None:
    """Note that nothing is expected between older bars of a file and what was held; hold the lock."""
    engine = market.engine
    last_ns = int(columns.time_us[-1]) * 1000
    for name, first_ns in began.items():
        grid = engine.grid(name)
        span = None if grid is None else grid.span(last_ns)
        if span is not None and span[1] < first_ns:
            engine.apart.setdefault(name, []).append((span[1], first_ns))
