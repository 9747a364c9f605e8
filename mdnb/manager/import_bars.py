"""Importing the bars of a file: which are accepted, and what happened to each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mdnb.manager.import_checks import fit_to_grid, leave_out_impossible, leave_out_outliers
from mdnb.runtime.past.merge_bars import Merged, merge_bars
from mdnb.runtime.symbol_market import SymbolMarket
from mdnb.statistics import ImportResult
from mdnb.validate.findings import QualityFinding

if TYPE_CHECKING:
    from mdnb.io.file_bars import FileBars

__all__ = ["import_bars"]


def import_bars(
    market: SymbolMarket, bars: FileBars, name: str, where: str, *, overwrite: bool
) -> tuple[ImportResult, str]:
    """Import bars of a timeframe; the findings are kept for `validate_imported_data`.

    Parameters
    ----------
    bars
        As the file has them; one that was being made is left out.
    name
        Canonical name of a timeframe that is kept.
    where
        The file's name, for messages.
    overwrite
        Bars of the file replace those held.

    Returns
    -------
    tuple of ImportResult and str
        The second is what to warn of, with the timeframe; empty where there is nothing.

    Raises
    ------
    DataImportError
        When the bars are of another timeframe; nothing was changed.
    """
    engine, config = market.engine, market.engine.config
    bars = bars.closed()
    columns, rows = bars.columns(), len(bars)
    columns, outside = fit_to_grid(engine, name, columns, where)
    impossible: list[QualityFinding] = []
    outliers: list[QualityFinding] = []
    if config.validate_bars:
        columns, impossible = leave_out_impossible(columns)
    if config.remove_outliers:
        columns, outliers = leave_out_outliers(engine, name, columns)
    merged = merge_bars(engine, name, columns, overwrite=overwrite) if len(columns) else Merged()
    findings = (*outside, *impossible, *outliers)
    market.pipeline.import_findings[name] = findings
    for one in findings:
        market.pipeline.quality.note(one, name, alert=False)
    refused = len(impossible) + sum(one.count for one in outside)
    notes = [_why_refused(refused, rows, [*outside, *impossible])] if refused else []
    told = bars.attributes.get("symbol")
    if isinstance(told, str) and told.casefold() != market.symbol.casefold():
        notes.append(f"the file says {told}, the market is {market.symbol}")
    warned = f"{name}: {'; '.join(notes)}" if notes else ""
    if merged.replaced and not overwrite:
        notes.append(
            f"partial bars held were replaced: {merged.replaced:,}; overwrite=False keeps whole ones"
        )
    result = ImportResult(
        symbol=market.symbol,
        timeframe=name,
        rows=rows,
        added=merged.added,
        replaced=merged.replaced,
        kept=merged.kept,
        outliers=len(outliers),
        refused=refused,
        over_limit=merged.over_limit,
        first=bars.time(0) if rows else None,
        last=bars.time(-1) if rows else None,
        findings=findings,
        notes=tuple(notes),
    )
    return result, warned


def _why_refused(refused: int, rows: int, findings: Sequence[QualityFinding]) -> str:
    """Return how many were refused, and how many of them for which reason.

    Examples
    --------
    >>> _why_refused(3, 5, [QualityFinding("session_closed", "starts while the venue is closed", 0, {}, 3)])
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
