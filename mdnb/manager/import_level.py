"""Whether the bars of a file lie where the market's do, as those of another instrument do not."""

from __future__ import annotations

import math

import numpy as np

from mdnb.stores.columns import BarColumns
from mdnb.types import timestamp
from mdnb.validate.findings import QualityFinding

__all__ = ["off_level"]

_SAME_TIME = 2.5
"""Two sources of one instrument are far nearer to each other at one time, but for a split."""
_FEW = 5
_OTHER_TIME = 10.0
"""No market moves so far between a file's bars and its own without a split."""


def off_level(columns: BarColumns, held: BarColumns, tz: str) -> list[QualityFinding]:
    """Return a finding where a file's closes are at another level than those held.

    Where both have bars of the same times these are compared, else the two that are nearest in time.

    Parameters
    ----------
    columns, held
        Of the file, and of the market; oldest first.
    """
    if not len(columns) or len(held) < _FEW:
        return []
    _, ours, theirs = np.intersect1d(columns.time_us, held.time_us, return_indices=True)
    limit = _SAME_TIME if len(ours) >= _FEW else _OTHER_TIME
    where = f"of {len(ours):,} times that both have"
    if not len(ours):
        at = int(np.clip(np.searchsorted(held.time_us, columns.time_us[-1]), 0, len(held) - 1))
        nearest = int(np.argmin(np.abs(columns.time_us - held.time_us[at])))
        ours, theirs = np.array([nearest]), np.array([at])
        where = f"of {timestamp(int(columns.time_us[nearest]) * 1000, tz)}, the bar nearest in time,"
    file, market = columns.close[ours], held.close[theirs]
    if not ((file > 0) & (market > 0)).all():
        return []
    factor = float(np.median(file / market))
    if abs(math.log(factor)) <= math.log(limit):
        return []
    text = (
        f"the file's closes {where} are {factor:.3g} times the market's: another instrument, or another unit?"
    )
    first = int(columns.time_us[ours[0]]) * 1000
    return [QualityFinding("off_level", text, first, {"factor": factor}, len(columns))]
