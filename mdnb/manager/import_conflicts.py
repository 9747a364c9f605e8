"""What becomes of bars of a file where others of the same time are held: refuse, keep or replace."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from mdnb.errors import DataImportError, OptionError
from mdnb.runtime.past.merge_bars import contradicting
from mdnb.types import timestamp

if TYPE_CHECKING:
    from mdnb.manager.import_bars import CheckedBars
    from mdnb.runtime.symbol_market import SymbolMarket

__all__ = ["refuse_conflicts", "replaces"]

_CHOICES: Final = ("error", "keep", "replace")


def replaces(overwrite: object, on_conflict: str | None) -> bool:
    """Return whether bars of a file replace those held.

    Parameters
    ----------
    overwrite
        As the caller gives it.
    on_conflict
        ``"error"``, ``"keep"`` or ``"replace"``; None: as ``overwrite`` says.

    Raises
    ------
    OptionError
        A value is not allowed, or the two contradict each other.
    """
    if not isinstance(overwrite, bool):
        raise OptionError(f"overwrite must be True or False; got {overwrite!r}")
    if on_conflict is None:
        return overwrite
    if on_conflict not in _CHOICES:
        raise OptionError(f"on_conflict={on_conflict!r}: one of {', '.join(_CHOICES)} is needed.")
    if overwrite and on_conflict != "replace":
        raise OptionError(
            f"overwrite=True replaces bars held, on_conflict={on_conflict!r} does not: give one of them"
        )
    return on_conflict == "replace"


def refuse_conflicts(market: SymbolMarket, checked: Sequence[CheckedBars], where: str) -> None:
    """Refuse a file that contradicts itself, or the bars held.

    Raises
    ------
    DataImportError
        It does; nothing was changed.
    """
    engine = market.engine
    found: list[str] = []
    for one in checked:
        inside = sum(
            int(str(said["count"])) for said in one.bars.notes if said["type"] == "conflicting_duplicate"
        )
        if inside:
            found.append(f"{inside:,} {one.name} bars of the file contradict others of it")
        bad = contradicting(engine, one.name, one.columns)
        if bad.any():
            first = timestamp(int(one.columns.time_us[np.argmax(bad)]) * 1000, engine.tz)
            count = int(np.count_nonzero(bad))
            found.append(f"{count:,} {one.name} bars are held with other values, from {first} on")
    if found:
        raise DataImportError(
            f"{where}: {'; '.join(found)}. Nothing was changed. on_conflict='keep' leaves the bars held as"
            " they are, on_conflict='replace' takes the file's."
        )
